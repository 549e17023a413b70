// Guessing the token: a thousand tries over one connection, over two hundred, HTTP and WebSocket mixed. A bucket is asked before a
// credential is looked at, so at most the budget of one source is evaluated, and the right token among the tries is not noticed.
import http from 'node:http';
import test from 'node:test';
import { Client } from '../e2e/lib/client.mjs';
import { isBuilt } from '../e2e/lib/gateway.mjs';
import { seenToFail } from '../e2e/lib/hostile.mjs';

const skip = isBuilt() ? false : 'the gateway is not built';
/** What may be evaluated since a time: a full bucket, and what came back into it. */
const budget = (full, perMinute, from) => full + 1 + Math.ceil((Date.now() - from) * perMinute / 60000);

/** 401: it was looked at; 429: it was not. */
function overHttp(gateway, token, agent) {
	return new Promise((resolve, reject) => {
		const req = http.request({ host: '127.0.0.1', port: gateway.port, path: '/v1/models', agent, headers: { authorization: `Bearer ${token}` } },
			(res) => { res.resume(); res.on('end', () => resolve(res.statusCode)); });
		req.on('error', reject);
		req.end();
	});
}

async function overWebSocket(gateway, token) {
	const client = new Client(gateway.url());
	const answer = await client.connect({ token }).catch(() => null);
	client.ws.terminate();
	return answer?.ok ? 200 : /too many/.test(answer?.error?.message ?? 'too many') ? 429 : 401;
}

/** What was evaluated beyond the budget; a success always counts. */
function beyond(statuses, from) {
	const evaluated = statuses.filter((s) => s === 401);
	return [...statuses.filter((s) => s === 200), ...evaluated.slice(budget(10, 10, from))];
}

test('a thousand tokens over one connection', { skip }, async () => {
	await seenToFail(['RATE_LIMIT'], {}, async (gateway) => {
		const from = Date.now();
		const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
		const statuses = [];
		for (let i = 0; i < 1000; i++) statuses.push(await overHttp(gateway, i === 500 ? gateway.token : `wrong-${i}`, agent));
		agent.destroy();
		return beyond(statuses, from);
	});
});

test('two hundred connections at once, HTTP and WebSocket mixed', { skip }, async () => {
	await seenToFail(['RATE_LIMIT'], {}, async (gateway) => {
		const from = Date.now();
		for (let i = 0; i < 12; i++) await overHttp(gateway, `first-${i}`, false);
		const statuses = await Promise.all(Array.from({ length: 200 }, (_, i) => {
			const token = i === 100 ? gateway.token : `wrong-${i}`;
			return i % 2 === 0 ? overHttp(gateway, token, false).catch(() => 0) : overWebSocket(gateway, token);
		}));
		return beyond(statuses, from);
	});
});

test('passwords and tokens in turn from many loopback addresses', { skip }, async () => {
	await seenToFail(['RATE_LIMIT'], {}, async (gateway) => {
		const start = Date.now();
		const from = (address, i) => new Promise((resolve) => {
			const req = http.request({ host: '127.0.0.1', port: gateway.port, localAddress: address, path: '/v1/models', agent: false, headers: { authorization: `Bearer wrong-${i}` } },
				(res) => { res.resume(); resolve(res.statusCode); });
			req.on('error', () => resolve(0));
			req.end();
		});
		const statuses = [];
		for (let i = 0; i < 800; i += 20) statuses.push(...await Promise.all(Array.from({ length: 20 }, (_, k) => from(`127.0.1.${1 + (i + k) % 200}`, i + k))));
		// all strangers together have AUTH_CLASS_PER_MIN
		return statuses.filter((s) => s === 401).slice(budget(300, 300, start));
	});
});
