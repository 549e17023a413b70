// A gateway that has TLS itself, and its clients.
import { readFileSync } from 'node:fs';
import https from 'node:https';
import { join } from 'node:path';
import tls from 'node:tls';
import { Gateway, until } from './gateway.mjs';

/** A gateway with gateway.tls; ready() asks over HTTPS. */
export class TlsGateway extends Gateway {
	constructor(options = {}) {
		super({ ...options, config: { ...options.config, gateway: { ...options.config?.gateway, tls: { enabled: true, ...options.tls } } } });
	}

	get ca() {
		return readFileSync(this.options.ca ?? join(this.dir, 'tls-cert.pem'));
	}

	async ready() {
		const end = this.exited.then((e) => { throw new Error(`the gateway ended: ${JSON.stringify(e)}\n${this.output}`); });
		await Promise.race([end, until(async () => {
			try {
				return (await this.get('/healthz')).status === 200;
			} catch {
				return false;
			}
		}, 'the gateway answers over HTTPS').catch((e) => { throw new Error(`${e.message}\n${this.output}`); })]);
		end.catch(() => {});
	}

	/** One request on a connection of its own: {status, headers, body, protocol}. */
	get(path, { method = 'GET', headers = {}, body, agent = false } = {}) {
		return new Promise((resolve, reject) => {
			const req = https.request({ host: '127.0.0.1', port: this.port, path, method, headers, ca: this.ca, agent, ...(headers.host ? { checkServerIdentity: () => undefined } : {}) }, (res) => {
				const protocol = res.socket.getProtocol();
				const chunks = [];
				res.on('data', (d) => chunks.push(d));
				res.on('error', reject);
				res.on('end', () => resolve({ status: res.statusCode, headers: res.headers, body: Buffer.concat(chunks), protocol }));
			});
			req.setTimeout(30000, () => req.destroy(new Error('no answer')));
			req.on('error', reject);
			req.end(body);
		});
	}

	pid(name) {
		const found = this.processes().find((p) => p.args === name);
		return found?.pid;
	}

	/** A handshake of Node's: the socket, or the error. */
	shake(options = {}) {
		return new Promise((resolve, reject) => {
			const socket = tls.connect({ host: '127.0.0.1', port: this.port, ca: this.ca, ...options }, () => resolve(socket));
			socket.on('error', reject);
			socket.setTimeout(30000, () => socket.destroy(new Error('no handshake')));
		});
	}

	url() {
		return `wss://127.0.0.1:${this.port}/`;
	}
}
