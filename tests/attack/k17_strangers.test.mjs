// Who has not signed in and takes his time, or says that much is to come: ended after a while, and refused at the first word.
import assert from 'node:assert/strict';
import test from 'node:test';
import { isBuilt, sleep } from '../e2e/lib/gateway.mjs';
import { seenToFail } from '../e2e/lib/hostile.mjs';
import { dial, frame, signedIn, upgrade } from '../fault/lib.mjs';

const skip = isBuilt() ? false : 'the gateway is not built';
/** EDGE_HEAD_MS and EDGE_HANDSHAKE_MS are half of it. Nobody waits for it who does not need it. */
const late = () => new Promise((done) => { setTimeout(done, 20000).unref(); });

test('who takes his time before signing in is ended', { skip, timeout: 120000 }, async () => {
	await seenToFail(['EDGE_LATE'], {}, async (gateway) => {
		const slow = await dial(gateway);
		const silent = await upgrade(gateway);
		const list = { 'a head that does not end': slow, 'a WebSocket that says nothing': silent };
		slow.socket.write(`GET / HTTP/1.1\r\nHost: 127.0.0.1:${gateway.port}\r\nX: `);
		const drip = setInterval(() => slow.socket.write('y'), 500);
		await Promise.race([Promise.all(Object.values(list).map((c) => c.closed)), late()]);
		clearInterval(drip);
		const open = Object.keys(list).filter((name) => !list[name].isClosed);
		for (const conn of Object.values(list)) conn.socket.destroy();
		return open;
	});
});

test('a message in a hundred thousand pieces ends with the limit of them', { skip, timeout: 90000 }, async () => {
	await seenToFail(['WS_FRAGMENTS'], {}, async (gateway) => {
		const list = { 'a stranger': await upgrade(gateway), 'somebody signed in': await signedIn(gateway) };
		const many = Buffer.concat(Array.from({ length: 1000 }, () => frame(0, Buffer.alloc(0), { fin: false })));
		await Promise.all(Object.values(list).map(async (conn) => {
			conn.socket.write(frame(1, Buffer.from('{'), { fin: false }));
			for (let i = 0; i < 100 && !conn.isClosed; i++) { conn.socket.write(many); await sleep(0); }
			await Promise.race([conn.closed, late()]);
		}));
		const open = Object.keys(list).filter((name) => !list[name].isClosed);
		for (const conn of Object.values(list)) conn.socket.destroy();
		return open;
	});
});

test('a message before signing in may not be long', { skip, timeout: 60000 }, async () => {
	await seenToFail(['ANON_FRAME'], {}, async (gateway) => {
		const taken = [];
		for (const length of [16 * 1024 + 1, 20000, 60000]) {
			const conn = await upgrade(gateway);
			conn.socket.write(frame(1, Buffer.alloc(length, 'x'))); // what is read is no connect, and ends it with another code
			await Promise.race([conn.closed, late()]);
			assert.ok(conn.isClosed, 'it is closed one way or the other');
			if (!/\x88[^]\x03\xf1/.test(conn.text)) taken.push(`${length} bytes`); // 1009: too big
			conn.socket.destroy();
		}
		return taken;
	});
});
