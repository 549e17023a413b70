// Foreign pages: a browser that a page of somebody else leads to the gateway, by DNS rebinding (a Host of its own) or across origins.
import http from 'node:http';
import test from 'node:test';
import { isBuilt } from '../e2e/lib/gateway.mjs';
import { seenToFail } from '../e2e/lib/hostile.mjs';
import { Client } from '../e2e/lib/client.mjs';

const skip = isBuilt() ? false : 'the gateway is not built';

/** The status of a request with these headers. */
function status(gateway, path, headers) {
	return new Promise((resolve, reject) => {
		http.request({ host: '127.0.0.1', port: gateway.port, path, headers, agent: false }, (res) => { res.resume(); resolve(res.statusCode); })
			.on('error', reject).end();
	});
}

/** Can a page that sends these headers talk to the gateway, once it has got hold of the token? */
async function opens(gateway, headers) {
	const client = new Client(gateway.url(), { headers });
	const first = await Promise.race([client.closed, client.event((e) => e.event === 'connect.challenge').catch(() => null)]);
	const answer = first?.event ? await client.connect({ token: gateway.token }).catch(() => null) : null;
	client.ws.terminate();
	return answer?.ok === true;
}

const hosts = (port) => ['evil.example', `evil.example:${port}`, `127.0.0.1.evil.example:${port}`, `localhost.evil.example:${port}`, `localhost:${port + 1}`,
	`127.0.0.2:${port}`, `0x7f000001:${port}`, `127.1:${port}`, `2130706433:${port}`, '127.0.0.1', `localhost.:${port}`, `[::ffff:127.0.0.1]:${port}`];
const origins = (port) => ['http://evil.example', `http://evil.example:${port}`, 'null', `https://127.0.0.1:${port}`, `http://127.0.0.1:${port + 1}`, 'http://127.0.0.1',
	`http://localhost:${port}`, `http://127.0.0.1:${port}.evil.example`, `http://127.0.0.1:${port}@evil.example`, 'file://', `http://127.0.0.1:${port}/`, `ws://127.0.0.1:${port}`];

test('a rebound name reaches neither pages nor the WebSocket', { skip }, async () => {
	await seenToFail(['HOST_CHECK'], {}, async (gateway) => {
		const reached = [];
		for (const host of hosts(gateway.port)) {
			for (const path of ['/', '/healthz', '/v1/models']) if (await status(gateway, path, { host }) !== 421) reached.push(`${host}${path}`);
			if (await opens(gateway, { host })) reached.push(`ws ${host}`);
		}
		return reached;
	});
});

test('a page of another origin cannot sign in, with the token in its hands', { skip }, async () => {
	await seenToFail(['ORIGIN_CHECK'], {}, async (gateway) => {
		const reached = [];
		for (const origin of origins(gateway.port)) if (await opens(gateway, { origin })) reached.push(origin);
		return reached;
	});
});
