// Nobody is trusted for where they call from: loopback, forwarded headers, headers of proxies that sign people in, spellings of a path.
import http from 'node:http';
import test from 'node:test';
import { isBuilt } from '../e2e/lib/gateway.mjs';
import { seenToFail } from '../e2e/lib/hostile.mjs';

const skip = isBuilt() ? false : 'the gateway is not built';

function get(gateway, path, headers) {
	return new Promise((resolve) => {
		const req = http.request({ host: '127.0.0.1', port: gateway.port, path, headers, agent: false }, (res) => {
			let text = '';
			res.on('data', (d) => { text += d; });
			res.on('end', () => resolve({ status: res.statusCode, text }));
		});
		req.setTimeout(3000, () => req.destroy());
		req.on('error', () => resolve({ status: 0, text: '' }));
		req.end();
	});
}

const claims = [{}, ...['x-forwarded-for', 'x-real-ip', 'x-client-ip', 'cf-connecting-ip', 'true-client-ip', 'x-forwarded-host', 'x-original-host'].map((name) => ({ [name]: '127.0.0.1' })),
	{ forwarded: 'for=127.0.0.1;host=localhost;proto=https' }, { 'x-forwarded-proto': 'https' }, { 'x-forwarded-user': 'owner' }, { 'remote-user': 'owner' }, { 'x-remote-user': 'root' },
	{ 'tailscale-user-login': 'owner@example.com', 'tailscale-user-name': 'Owner' }, { 'x-webauth-user': 'owner' }, { 'x-original-url': '/healthz' }, { 'x-rewrite-url': '/healthz' },
	{ authorization: 'Bearer ' }, { authorization: 'Bearer null' }, { authorization: 'Basic b3duZXI6' }, { authorization: 'bearer undefined' }, { cookie: 'moltbot=' }];
/** Signed in: the method is wrong, or there is no such thing; strangers get 401, files of the UI are no JSON. */
const isPast = (status, text) => status === 405 || text.includes('"not_found"');
const paths = ['/v1/models', '//v1/models', '/V1/models', '/v1//models', '/v1/./models', '/v1/%6dodels', '/%76%31/models', '/v1/models/', '/healthz/../v1/models', '/healthz/..%2fv1/models',
	'/healthz;/v1/models', '/healthz%00/../v1/models', '/v1/models?/healthz', '/v1/models;.css', '/v1/models/..;/models', '/assets/../v1/models', '/\\v1\\models', '/v1/models#/healthz'];

test('without a credential nothing is served to loopback, whatever the headers and the path say', { skip }, async () => {
	await seenToFail(['CREDENTIAL'], {}, async (gateway) => {
		const reached = [];
		for (const headers of claims) {
			const { status, text } = await get(gateway, '/v1/chat/completions', headers);
			if (isPast(status, text)) reached.push(JSON.stringify(headers));
		}
		for (const path of paths) {
			const { status, text } = await get(gateway, path, { 'x-forwarded-for': '127.0.0.1' });
			if (isPast(status, text)) reached.push(path);
		}
		return reached;
	});
});

test('X-Forwarded-For of a stranger makes no new source of guesses', { skip }, async () => {
	await seenToFail(['FORWARDED'], {}, async (gateway) => {
		const evaluated = [];
		const from = Date.now();
		for (let i = 1; i <= 40; i++) {
			const { status } = await get(gateway, '/v1/models', { authorization: `Bearer wrong-${i}`, 'x-forwarded-for': `198.51.100.${i}` });
			if (status === 401) evaluated.push(i);
		}
		return evaluated.slice(11 + Math.ceil((Date.now() - from) / 6000)); // a bucket, and what came back into it
	});
});
