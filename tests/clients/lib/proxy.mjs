// Stands between a client and the gateway on a port of its own, passes everything on unchanged and keeps what was said.
import http from 'node:http';
import WebSocket, { WebSocketServer } from '../../e2e/node_modules/ws/wrapper.mjs';
import { Recording } from '../../e2e/lib/record.mjs';

export class Proxy {
	constructor(port) {
		this.target = port;
		this.recordings = [];
	}

	async listen() {
		this.ws = new WebSocketServer({ noServer: true });
		this.server = http.createServer((req, res) => this.#forward(req, res));
		this.server.on('upgrade', (req, socket, head) => this.ws.handleUpgrade(req, socket, head, (client) => this.#join(client)));
		await new Promise((done) => this.server.listen(0, '127.0.0.1', done));
		this.port = this.server.address().port;
		return this;
	}

	#forward(req, res) {
		const out = http.request({ host: '127.0.0.1', port: this.target, method: req.method, path: req.url,
			headers: { ...req.headers, host: `127.0.0.1:${this.target}` } }, (answer) => {
			res.writeHead(answer.statusCode, answer.headers);
			answer.pipe(res);
		});
		out.on('error', () => res.destroy());
		req.pipe(out);
	}

	#join(client) {
		const recording = new Recording();
		const gateway = new WebSocket(`ws://127.0.0.1:${this.target}/`);
		const early = [];
		this.recordings.push(recording);
		client.on('message', (data) => {
			recording.sent(JSON.parse(data.toString()));
			if (gateway.readyState === WebSocket.OPEN) gateway.send(data.toString());
			else early.push(data.toString());
		});
		gateway.on('open', () => early.splice(0).forEach((text) => gateway.send(text)));
		gateway.on('message', (data) => {
			recording.received(JSON.parse(data.toString()));
			client.send(data.toString());
		});
		gateway.on('close', (code, reason) => (code === 1005 || code === 1006 ? client.close() : client.close(code, reason)));
		client.on('close', () => gateway.close());
		for (const socket of [client, gateway]) socket.on('error', () => {});
	}

	/** What has been recorded since the last time. */
	take() {
		return this.recordings.splice(0).filter((r) => r.connect);
	}

	close() {
		this.server.closeAllConnections();
		for (const client of this.ws.clients) client.terminate();
		return new Promise((done) => this.server.close(done));
	}
}
