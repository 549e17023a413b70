// Clients that do what no client should: slow, huge, silent, gone, too many. Everybody else is served meanwhile, memory stays
// bounded, no process ends. Speeds are compared within one run only.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test, { after, before, describe } from 'node:test';
import { Client, chat, signIn } from '../e2e/lib/client.mjs';
import { Gateway, isBuilt, providerConfig, sleep, until } from '../e2e/lib/gateway.mjs';
import { ModelServer } from '../e2e/lib/model.mjs';
import { closedWithin, cpu, dial, frame, lasting, memory, rate, signedIn, upgrade } from './lib.mjs';

const MIB = 1024 * 1024;
const skip = isBuilt() ? false : 'the gateway is not built';
const head = (gateway, more) => `POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:${gateway.port}\r\n${more}`;
const bearer = (gateway) => `Authorization: Bearer ${gateway.token}\r\nContent-Type: application/json\r\n`;

describe('hostile clients', { skip }, () => {
	let gateway, model, client, processes;
	before(async () => {
		model = await new ModelServer((body) => {
			const text = JSON.stringify(body.messages.at(-1).content);
			return text.includes('long') ? { text: 'word '.repeat(2000), chunkMs: 2 } : { text: 'short' };
		}).listen();
		gateway = await new Gateway({ config: { ...providerConfig(model.baseUrl), gateway: { rateLimit: { enabled: false },
			http: { endpoints: { chatCompletions: { enabled: true } } } } } }).start();
		client = await signIn(gateway);
		await chat(client, 'hello');
		processes = lasting(gateway);
	});
	after(async () => {
		client?.close();
		await gateway?.cleanup();
		await model?.close();
	});

	/** Runs fault; the good client is served during it, and afterwards every process is the one it was. */
	async function during(t, fault, { least = 0.05, grows = 16 * MIB } = {}) {
		const alone = await rate(client, 500);
		const before = memory(gateway);
		const undo = await fault();
		const meanwhile = await rate(client, 1000);
		const grown = memory(gateway) - before;
		await undo?.();
		t.diagnostic(`${meanwhile.toFixed(0)} calls/s beside it, ${alone.toFixed(0)} alone; memory +${(grown / MIB).toFixed(1)} MiB`);
		assert.ok(meanwhile > alone * least, `${meanwhile} of ${alone} calls a second`);
		assert.ok(grown < grows, `${grown} bytes more`);
		assert.deepEqual(lasting(gateway), processes);
	}

	test('10,000 idle sockets', async (t) => {
		await during(t, async () => {
			const list = [];
			for (let i = 0; i < 10000; i += 500) list.push(...await Promise.all(Array.from({ length: 500 }, () => dial(gateway))));
			t.diagnostic(`${list.filter((c) => !c.isClosed).length} open`);
			return () => list.forEach((c) => c.socket.destroy());
		});
	});

	test('heads that come a byte at a time are ended after their time, and bodies of strangers too', async (t) => {
		const list = await Promise.all(Array.from({ length: 300 }, () => dial(gateway)));
		const text = head(gateway, `X: ${'y'.repeat(4000)}`);
		const timers = list.map((c, i) => { let n = 0; return setInterval(() => c.socket.write(text[n++]), 100 + i % 50); });
		await during(t, async () => {});
		const all = await Promise.all(list.map((c) => closedWithin(c, 40000)));
		timers.forEach(clearInterval);
		list.forEach((c) => c.socket.destroy());
		assert.equal(all.filter(Boolean).length, 300);
	});

	test('a frame of a byte a second holds up nobody; before signing in it is ended after its time', async (t) => {
		const stranger = await upgrade(gateway);
		const known = await signedIn(gateway);
		const bytes = frame(1, Buffer.from(JSON.stringify({ type: 'req', id: 'slow', method: 'health', params: {} })));
		let n = 0;
		const drip = setInterval(() => { stranger.socket.write(bytes.subarray(n % bytes.length, n % bytes.length + 1)); n++; }, 1000);
		await during(t, async () => {});
		assert.ok(await closedWithin(stranger, 40000));
		clearInterval(drip);
		known.text = '';
		for (const byte of bytes) { known.socket.write(Buffer.of(byte)); await sleep(5); }
		await until(() => known.text.includes('"slow"'), 'an answer to a slow frame');
		known.socket.destroy();
	});

	test('a content length of 2 GB is refused before a byte of it', async (t) => {
		await during(t, async () => {
			for (const more of ['', bearer(gateway)]) {
				const c = await dial(gateway);
				c.socket.write(head(gateway, `${more}Content-Length: 2147483648\r\n\r\n`));
				assert.ok(await closedWithin(c, 30000));
				assert.match(c.text, /^HTTP\/1\.1 (401|413) /);
			}
		}, { grows: 4 * MIB });
	});

	test('a frame of 1 GB is refused at its head', async (t) => {
		await during(t, async () => {
			for (const open of [upgrade, signedIn]) {
				const c = await open(gateway);
				c.socket.write(frame(1, Buffer.alloc(0), { length: 2 ** 30 }));
				assert.ok(await closedWithin(c, 30000), open.name);
			}
		}, { grows: 4 * MIB });
	});

	test('a million fragments end with the 1,025th', async (t) => {
		await during(t, async () => {
			for (const open of [upgrade, signedIn]) {
				const c = await open(gateway);
				c.socket.write(frame(1, Buffer.from('{'), { fin: false }));
				const many = Buffer.concat(Array.from({ length: 1000 }, () => frame(0, Buffer.from(' '), { fin: false })));
				for (let i = 0; i < 1000 && !c.isClosed; i++) { c.socket.write(many); await sleep(0); }
				assert.ok(await closedWithin(c, 30000), open.name);
			}
		}, { grows: 4 * MIB });
	});

	test('JSON as deep as a frame is long is no JSON, before and after signing in, and in a body', async (t) => {
		await during(t, async () => {
			const stranger = await upgrade(gateway);
			stranger.socket.write(frame(1, Buffer.from(`{"type":"req","id":"1","method":"connect","params":${'['.repeat(15000)}`)));
			assert.ok(await closedWithin(stranger, 30000));
			for (const open of ['[', '{"a":']) {
				const known = await signedIn(gateway);
				known.text = '';
				known.socket.write(frame(1, Buffer.from(`{"type":"req","id":"1","method":"health","params":${open.repeat(100000)}`).subarray(0, 500000)));
				// protocol 3: what is no JSON is ignored; the next call is answered
				known.socket.write(frame(1, Buffer.from('{"type":"req","id":"next","method":"health","params":{}}')));
				await until(() => known.text.includes('"next"'), 'an answer behind it', 30000);
				known.socket.destroy();
			}
			const body = '['.repeat(1000000);
			const res = await fetch(`http://127.0.0.1:${gateway.port}/v1/chat/completions`, { method: 'POST', body,
				headers: { authorization: `Bearer ${gateway.token}`, 'content-type': 'application/json' } });
			assert.equal(res.status, 400);
		});
	});

	test('a client that asks and never reads is no longer heard, and holds up itself alone', async (t) => {
		const c = await signedIn(gateway);
		c.socket.pause();
		const call = frame(1, Buffer.from(JSON.stringify({ type: 'req', id: 'deaf', method: 'status', params: {} })));
		const many = Buffer.concat(Array.from({ length: 2000 }, () => call));
		const isStuck = async () => {
			const had = c.socket.bytesWritten - c.socket.writableLength;
			await sleep(1000);
			return c.isClosed || (c.socket.writableLength > MIB && c.socket.bytesWritten - c.socket.writableLength === had);
		};
		const pump = setInterval(() => { if (!c.isClosed && c.socket.writableLength < 2 * MIB) c.socket.write(many); }, 1);
		await during(t, async () => {
			await until(isStuck, 'an end to its calls being taken', 40000);
			clearInterval(pump);
		});
		t.diagnostic(`${c.socket.bytesWritten - c.socket.writableLength} bytes of calls taken, ${c.isClosed ? 'closed' : 'not read any more'}`);
		c.socket.destroy();
	});

	test('a client that floods has its turn, and no more', async (t) => {
		await during(t, async () => {
			const list = await Promise.all(Array.from({ length: 4 }, () => signedIn(gateway)));
			const many = Buffer.concat(Array.from({ length: 200 }, (_, n) =>
				frame(1, Buffer.from(JSON.stringify({ type: 'req', id: `f${n}`, method: 'health', params: {} })))));
			const timer = setInterval(() => list.forEach((c) => { if (!c.isClosed && c.socket.writableLength < MIB) c.socket.write(many); }), 1);
			await sleep(200);
			return () => { clearInterval(timer); list.forEach((c) => c.socket.destroy()); };
		}, { least: 0.005 });
	});

	test('clients that vanish in the middle of an answer end no process', async (t) => {
		await during(t, async () => {
			for (let i = 0; i < 20; i++) {
				const c = await dial(gateway);
				const body = JSON.stringify({ model: 'moltbot', stream: true, messages: [{ role: 'user', content: `long ${i}` }] });
				c.socket.write(head(gateway, `${bearer(gateway)}Content-Length: ${body.length}\r\n\r\n${body}`));
				await until(() => c.text.length > 200 || c.isClosed, 'the beginning of an answer', 20000);
				assert.match(c.text, /^HTTP\/1\.1 200 /);
				c.socket.resetAndDestroy();
			}
			for (let i = 0; i < 10; i++) {
				const gone = await signIn(gateway);
				await gone.call('chat.send', { sessionKey: `gone-${i}`, message: 'long', idempotencyKey: randomUUID() });
				gone.ws.terminate();
			}
		});
	});

	test('half-closed connections get their answer, and are let go', async (t) => {
		await during(t, async () => {
			const list = await Promise.all(Array.from({ length: 200 }, () => dial(gateway)));
			for (const c of list) c.socket.end(`GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:${gateway.port}\r\n\r\n`);
			const all = await Promise.all(list.map((c) => closedWithin(c, 30000)));
			assert.equal(all.filter(Boolean).length, 200);
			for (const c of list) assert.match(c.text, /^HTTP\/1\.1 200 /);
		});
	});

	test('when all is over it rests', async () => {
		await until(async () => { const from = cpu(gateway, /edge/); await sleep(1000); return cpu(gateway, /edge/) - from < 0.2; }, 'quiet', 20000);
		const one = new Client(gateway.url());
		assert.ok((await one.connect({ token: gateway.token })).ok);
		one.close();
		assert.equal((await chat(client, 'hello again')).state, 'final');
	});
});
