// HTTP as an attacker writes it: requests inside of requests, two lengths, split headers, other spellings of a path, parts of a file
// a thousand times, and what only a proxy may say.
import assert from 'node:assert/strict';
import net from 'node:net';
import test, { after, before, describe } from 'node:test';
import { Gateway, isBuilt, serving } from '../e2e/lib/gateway.mjs';
import { seenToFail } from '../e2e/lib/hostile.mjs';

const skip = isBuilt() ? false : 'the gateway is not built';

/** What comes back for these bytes until the gateway closes, or `want` answers are there. */
function raw(port, bytes, want = Infinity) {
	return new Promise((resolve, reject) => {
		const socket = net.connect(port, '127.0.0.1');
		let text = '';
		const timer = setTimeout(() => socket.destroy(), 15000);
		socket.on('data', (d) => { text += d.toString('latin1'); if (text.split('HTTP/1.1 ').length - 1 >= want) socket.destroy(); });
		socket.on('error', (e) => { if (e.code !== 'ECONNRESET' && e.code !== 'EPIPE') reject(e); });
		socket.on('close', () => { clearTimeout(timer); resolve(text); });
		socket.end(bytes);
	});
}
const statuses = (text) => [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map((m) => Number(m[1]));
const head = (gateway, line, fields = '') => `${line} HTTP/1.1\r\nHost: 127.0.0.1:${gateway.port}\r\n${fields}\r\n`;

test('a request inside the body of another is never answered', { skip }, async () => {
	await seenToFail(['UNREAD_BODY'], {}, async (gateway) => {
		const came = [];
		const inner = head(gateway, 'GET /claim');
		for (const outer of ['POST /healthz', 'POST /readyz', 'PUT /claim', 'POST /', 'GET /healthz', 'DELETE /avatar/main']) {
			const text = await raw(gateway.port, head(gateway, outer, `Content-Length: ${inner.length}\r\n`) + inner);
			if (statuses(text).length !== 1) came.push(`${outer}: ${statuses(text)}`);
		}
		return came;
	});
});

test('plain HTTP behind a proxy for HTTPS is refused, however the proxy says it', { skip }, async () => {
	const options = { config: { gateway: { behindTlsProxy: true, trustedProxies: ['127.0.0.1'], allowedHosts: ['crab.example'] } } };
	await seenToFail(['PLAIN_PROXY'], options, async (gateway) => {
		const came = [];
		for (const says of ['X-Forwarded-Proto: http', 'X-Forwarded-Proto: HTTP', 'X-Forwarded-Proto: https, http', 'X-Forwarded-Proto: http,https',
			'X-Forwarded-Proto: https\r\nX-Forwarded-Proto: http', 'X-Forwarded-Proto: ', 'X-Forwarded-Proto: https,', 'X-Forwarded-Proto: ftp']) {
			for (const line of ['GET /', 'GET /healthz', 'GET /v1/models']) {
				const text = await raw(gateway.port, `${line} HTTP/1.1\r\nHost: crab.example\r\n${says}\r\nConnection: close\r\n\r\n`);
				if (statuses(text)[0] !== 403) came.push(`${line} with ${JSON.stringify(says)}: ${statuses(text)}`);
			}
		}
		return came;
	});
});

test('a request with two lengths hides no other', { skip, timeout: 60000 }, async () => {
	await seenToFail(['HTTP_FRAMING'], {}, async (gateway) => {
		await serving(gateway);
		const inner = head(gateway, 'GET /healthz', 'Connection: close\r\n');
		const came = [];
		for (const fields of ['Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', 'Transfer-Encoding: chunked\r\nContent-Length: 0\r\n', `Content-Length: ${inner.length + 5}\r\nTransfer-Encoding: chunked\r\n`]) {
			const text = await raw(gateway.port, head(gateway, 'POST /tools/invoke', `Authorization: Bearer ${gateway.token}\r\n${fields}`) + `0\r\n\r\n${inner}`);
			if (statuses(text).length !== 1 || statuses(text)[0] !== 400) came.push(`${fields}: ${statuses(text)}`);
		}
		return came;
	});
});

test('what comes twice is not chosen from', { skip, timeout: 60000 }, async () => {
	await seenToFail(['HTTP_TWICE'], {}, async (gateway) => {
		await serving(gateway);
		const inner = head(gateway, 'GET /healthz', 'Connection: close\r\n');
		const came = [];
		for (const [line, fields, rest] of [['GET /healthz', 'Host: evil.example\r\n', ''], ['GET /healthz', `Host: 127.0.0.1:${gateway.port}\r\n`, ''],
			['POST /tools/invoke', `Authorization: Bearer ${gateway.token}\r\nContent-Length: ${inner.length}\r\nContent-Length: 0\r\n`, inner],
			['GET /v1/models', `Authorization: Bearer wrong\r\nAuthorization: Bearer ${gateway.token}\r\n`, '']]) {
			const text = await raw(gateway.port, head(gateway, line, `${fields}${rest ? '' : 'Connection: close\r\n'}`) + rest);
			if (statuses(text).length !== 1 || statuses(text)[0] !== 400) came.push(`${line} ${fields.slice(0, 20)}: ${statuses(text)}`);
		}
		return came;
	});
});

test('nobody calls a tool who has not signed in, wherever a token stands but in its own header', { skip, timeout: 60000 }, async () => {
	await seenToFail(['CREDENTIAL'], {}, async (gateway) => {
		await serving(gateway);
		const body = JSON.stringify({ tool: 'calculator', args: { expression: '6*7' }, token: gateway.token, auth: { token: gateway.token } });
		const came = [];
		const token = encodeURIComponent(gateway.token);
		for (const [path, fields] of [['/tools/invoke', ''], [`/tools/invoke?token=${token}`, ''], [`/tools/invoke?access_token=${token}`, ''], [`/tools/invoke?auth=${token}&gatewayUrl=ws://evil.example`, ''], ['/tools/invoke', `Cookie: token=${token}\r\n`],
			['/tools/invoke', `X-Api-Key: ${gateway.token}\r\n`], ['/tools/invoke', `Proxy-Authorization: Bearer ${gateway.token}\r\n`], ['/tools/invoke', `Sec-WebSocket-Protocol: ${token}\r\n`]]) {
			const text = await raw(gateway.port, head(gateway, `POST ${path}`, `Content-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n${fields}`) + body);
			if (statuses(text)[0] !== 401) came.push(`${path.replace(token, '...')} ${fields.slice(0, 12)}: ${statuses(text)}`);
		}
		return came;
	});
});

describe('with all controls', { skip }, () => {
	let gateway;
	before(async () => { gateway = await new Gateway().start(); });
	after(() => gateway?.cleanup());

	test('two lengths, or none that is clear: one refusal, and the connection ends', async () => {
		const port = `127.0.0.1:${gateway.port}`;
		const body = '0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n';
		for (const fields of ['Content-Length: 5\r\nTransfer-Encoding: chunked', 'Transfer-Encoding: chunked\r\nContent-Length: 5', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity',
			'Transfer-Encoding: identity, chunked', 'Transfer-Encoding: xchunked', 'Transfer-Encoding : chunked', 'Transfer-Encoding:\tchunked\r\n x: y', 'Content-Length: 5\r\nContent-Length: 6',
			'Content-Length: +5', 'Content-Length: 0x5', 'Content-Length: 5, 5', 'Content-Length: 05', 'Content-Length: -1', 'Content-Length: 5 5', 'Content-Length: 99999999999999999999']) {
			const text = await raw(gateway.port, `POST /claim HTTP/1.1\r\nHost: ${port}\r\n${fields}\r\n\r\n${body}`);
			assert.deepEqual(statuses(text).length, 1, `${fields}: ${text}`);
			assert.ok([400, 403, 413, 501].includes(statuses(text)[0]), `${fields}: ${statuses(text)}`);
			assert.match(text, /Connection: close/);
		}
	});

	test('bare line feeds, folded lines, NULs and spaces before colons are no header', async () => {
		for (const bytes of ['GET /healthz HTTP/1.1\nHost: x\n\n', 'GET /healthz HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n', 'GET /healthz HTTP/1.1\r\nHost: x\r\nA\0: b\r\n\r\n',
			'GET /healthz HTTP/1.1\r\nHost : x\r\n\r\n', 'GET /healthz HTTP/1.1\r\n\r\n', 'GET /healthz HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n', '\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n',
			'GET http://127.0.0.1/healthz HTTP/1.1\r\nHost: x\r\n\r\n', 'GET /healthz\r\n\r\n', 'GET /healthz HTTP/2.0\r\nHost: x\r\n\r\n']) {
			const text = await raw(gateway.port, bytes);
			assert.deepEqual(statuses(text).filter((s) => s < 400), [], JSON.stringify(bytes));
		}
	});

	test('nothing of a request can split an answer', async () => {
		for (const line of ['GET /%0d%0aSet-Cookie:%20x=y', 'GET /?a=%0d%0aSet-Cookie:%20x=y', 'GET /avatar/main%0d%0aX:y', 'GET /v1/models/x%0d%0aX:y', 'OPTIONS /%0aX:y']) {
			const text = await raw(gateway.port, head(gateway, line, 'Connection: close\r\n'));
			assert.doesNotMatch(text, /^(Set-Cookie|X):/m, line);
		}
	});

	test('a path has one spelling', async () => {
		for (const path of ['/V1/models', '/v1//models', '/v1/./models', '/v1/../v1/models', '/v1/%6dodels', '/v1%2fmodels', '/Healthz', '/healthz/', '//healthz', '/avatar/../healthz',
			'/avatar/..%2f..%2fetc%2fpasswd', '/avatar/%2e%2e/healthz', '/Avatar/main?meta=1', '/avatar/main/x', '/avatar/.hidden?meta=1', '/avatar/A?meta=1', '/tools//invoke', '/TOOLS/invoke', '/app.js/../index.html', '/..', '/.']) {
			const text = await raw(gateway.port, head(gateway, `GET ${path}`, 'Connection: close\r\n'));
			const [status] = statuses(text);
			assert.ok([400, 401, 404].includes(status) || /<!doctype html>/.test(text), `${path}: ${status}`);
			assert.doesNotMatch(text, /"ok":true|"data":|"ready"|root:/, path);
		}
	});

	test('a range bomb is answered with the file, once', async () => {
		const plain = await raw(gateway.port, head(gateway, 'GET /', 'Connection: close\r\n'));
		for (const range of [`bytes=${Array.from({ length: 1000 }, (_, i) => `${i}-`).join(',')}`, 'bytes=0-0,0-0,0-0', 'bytes=0-,0-,0-', 'bytes=5-2', 'bytes=--1', 'bytes=1e3-', 'lines=0-1', `bytes=0-${'9'.repeat(30)}`]) {
			const text = await raw(gateway.port, head(gateway, 'GET /', `Range: ${range}\r\nConnection: close\r\n`));
			assert.ok([200, 206].includes(statuses(text)[0]), `${range.slice(0, 40)}: ${statuses(text)}`);
			assert.ok(text.length <= plain.length + 200, `${range.slice(0, 40)}: ${text.length} bytes`);
		}
		assert.deepEqual(statuses(await raw(gateway.port, head(gateway, 'GET /', 'Range: bytes=99999999-\r\nConnection: close\r\n'))), [416]);
	});

	test('forwarded headers of a stranger change nothing', async () => {
		for (const field of ['X-Forwarded-Proto: http', 'X-Forwarded-Proto: https', 'X-Forwarded-Host: evil.example', 'X-Forwarded-For: 127.0.0.1', 'Forwarded: for=127.0.0.1;proto=http;host=evil.example', 'X-Real-IP: 127.0.0.1', 'X-Original-URL: /healthz', 'X-Rewrite-URL: /healthz', 'X-HTTP-Method-Override: GET']) {
			assert.deepEqual(statuses(await raw(gateway.port, head(gateway, 'GET /healthz', `${field}\r\nConnection: close\r\n`))), [200], field);
			const text = await raw(gateway.port, head(gateway, 'GET /v1/models', `${field}\r\nConnection: close\r\n`));
			assert.deepEqual(statuses(text), [401], field);
			assert.doesNotMatch(text, /Strict-Transport|evil/, field);
		}
	});

	test('a thousand requests in one packet are answered in order, and as many as asked', async () => {
		const text = await raw(gateway.port, head(gateway, 'GET /healthz').repeat(999) + head(gateway, 'GET /readyz', 'Connection: close\r\n'));
		assert.equal(statuses(text).length, 1000);
		assert.match(text, /"ready":(true|false)\}$/);
	});
});
