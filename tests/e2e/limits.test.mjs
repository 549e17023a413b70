// Limits of lib/base/limits.h that a client meets, reached from outside on the real gateway: the value itself is allowed, one more
// is not; a time has passed, and not much more. Those that take a minute wait side by side.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { closeSync, openSync, readSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import test, { after, before, describe } from 'node:test';
import { dial, frame, upgrade } from '../fault/lib.mjs';
import { chat, Client, signIn } from './lib/client.mjs';
import { Device } from './lib/device.mjs';
import { cli, Gateway, isBuilt, providerConfig, serving, sleep, until } from './lib/gateway.mjs';
import { limit } from './lib/limits.mjs';
import { ModelServer } from './lib/model.mjs';

const skip = isBuilt() ? false : 'the gateway is not built';

/** Milliseconds until promise is done. */
async function took(promise) {
	const from = performance.now();
	await promise;
	return performance.now() - from;
}

/** A time is kept: not earlier, and (the machine may be busy) not much later. */
function assertTime(ms, name, { late = 5000, early = 50 } = {}) {
	assert.ok(ms >= limit(name) - early && ms < limit(name) + late, `${name}: ${ms.toFixed(0)} ms`);
}

describe('limits that clients meet', { skip, concurrency: 16 }, () => {
	let gateway, model, client;
	before(async () => {
		model = await new ModelServer((body) => {
			const last = JSON.stringify(body.messages.at(-1));
			if (body.messages.at(-1).role === 'tool') return { text: 'done' };
			if (last.includes('drip')) return { text: 'drop '.repeat(200), chunkMs: 15 };
			if (last.includes('sleep')) return { calls: [{ name: 'shell_exec', args: { command: 'sleep 300' } }] };
			return { text: 'ok' };
		}).listen();
		gateway = await new Gateway({ config: { ...providerConfig(model.baseUrl), gateway: { rateLimit: { enabled: false } } } }).start();
		client = await signIn(gateway);
	});
	after(async () => {
		client?.close();
		await gateway?.cleanup();
		await model?.close();
	});

	for (const [name, make] of [
		['SESSION_KEY_MAX', (value) => ({ sessionKey: value.replace(/^k{11}/, 'agent:main:'), message: 'x', idempotencyKey: randomUUID() })],
		['CHAT_MESSAGE_MAX', (value) => ({ sessionKey: 'big', message: value, idempotencyKey: randomUUID() })],
		['IDEM_KEY_MAX', (value) => ({ sessionKey: 'main', message: 'x', idempotencyKey: value })],
	]) test(`${name}: as many bytes are taken, one more is refused`, async () => {
		const whole = await client.request('chat.send', make('k'.repeat(limit(name))));
		assert.ok(whole.ok, JSON.stringify(whole.error));
		const over = await client.request('chat.send', make('k'.repeat(limit(name) + 1)));
		assert.equal(over.ok, false);
		assert.match(over.error.message, new RegExp(`must NOT have more than ${limit(name)} `));
	});

	test('SESSION_KEY_MAX: what is added to a short form counts, and the answer says so', async () => {
		const send = (n) => client.request('chat.send', { sessionKey: 's'.repeat(n), message: 'x', idempotencyKey: randomUUID() });
		const room = limit('SESSION_KEY_MAX') - 'agent:main:'.length;
		assert.ok((await send(room)).ok);
		const over = await send(room + 1);
		assert.equal(over.error.code, 'INVALID_REQUEST');
		assert.match(over.error.message, new RegExp(`not have more than ${limit('SESSION_KEY_MAX')} bytes, agent:main: included`));
	});

	test('a text with U+0000 is refused, and the answer names the character', async () => {
		const { error } = await client.request('chat.send', { sessionKey: 'nul', message: 'a\0b', idempotencyKey: randomUUID() });
		assert.equal(error.code, 'INVALID_REQUEST');
		assert.match(error.message, /at \/message: .*U\+0000/);
	});

	test('frames that are no JSON are in the log, counted, and do not fill it', async () => {
		const own = await signIn(gateway);
		for (let i = 0; i < 40; i++) own.ws.send('{nonsense');
		assert.ok((await own.request('health', {})).ok);
		own.close();
		const lines = await until(() => { const l = gateway.log().split('\n').filter((line) => line.includes('is no JSON')); return l.length >= 6 && l; }, 'lines');
		assert.deepEqual(lines.map((l) => Number(/count=(\d+)/.exec(l)?.[1])), [1, 2, 4, 8, 16, 32]);
	});

	test('LOG_STRANGERS_MAX: below it a refused sign-in is in the log, from there on it is not, and nothing ends', async () => {
		for (const [size, told] of [[limit('LOG_STRANGERS_MAX') - 1000, true], [limit('LOG_STRANGERS_MAX'), false]]) {
			const own = await serving(await new Gateway().start());
			const path = join(own.dir, 'logs/gateway.log');
			truncateSync(path, size);
			for (let i = 0; i < 3; i++)
				assert.equal((await fetch(`http://127.0.0.1:${own.port}/v1/models`, { headers: { authorization: 'Bearer wrong' } })).status, 401);
			await until(() => own.output.includes('sign-in refused'), 'the line on the console');
			const after = Buffer.alloc(65536);
			const fd = openSync(path, 'r');
			readSync(fd, after, 0, after.length, size);
			closeSync(fd);
			assert.equal(after.toString().includes('sign-in refused'), told, String(size));
			await own.cleanup();
		}
	});

	for (const [name, method, make] of [
		['LOG_TAIL_LINES_MAX', 'logs.tail', (n) => ({ limit: n })],
		['LOG_TAIL_BYTES_MAX', 'logs.tail', (n) => ({ maxBytes: n })],
	]) test(`${name}: ${method} takes the number, and not one more`, async () => {
		assert.ok((await client.request(method, make(limit(name)))).ok);
		const over = await client.request(method, make(limit(name) + 1));
		assert.equal(over.error?.code, 'INVALID_REQUEST');
		assert.match(over.error.message, new RegExp(`must be <= ${limit(name)}`));
	});

	test('HTTP_ANON_BODY_MAX: a claim of as many bytes is read, one more is too much', async () => {
		const claim = (n) => fetch(`http://127.0.0.1:${gateway.port}/claim`, { method: 'POST', headers: { 'content-type': 'application/json',
			origin: `http://127.0.0.1:${gateway.port}` }, body: '{"code":"x"}'.padEnd(n) });
		assert.notEqual((await claim(limit('HTTP_ANON_BODY_MAX'))).status, 413);
		assert.equal((await claim(limit('HTTP_ANON_BODY_MAX') + 1)).status, 413);
	});

	test('EDGE_TICK_MS, WS_BUFFERED_MAX, WS_FRAME_MAX: as hello tells them; a tick comes when it says', async () => {
		const own = await signIn(gateway);
		assert.deepEqual(own.hello.policy, { maxPayload: limit('WS_FRAME_MAX'), maxBufferedBytes: limit('WS_BUFFERED_MAX'),
			tickIntervalMs: limit('EDGE_TICK_MS') });
		await own.event((e) => e.event === 'tick', limit('EDGE_TICK_MS') + 5000);
		const between = await took((own.events.length = 0, own.event((e) => e.event === 'tick', limit('EDGE_TICK_MS') + 5000)));
		assertTime(between, 'EDGE_TICK_MS', { early: 500 });
		own.close();
	});

	test('EDGE_HANDSHAKE_MS: a WebSocket that does not sign in is closed', async () => {
		const c = await upgrade(gateway);
		assertTime(await took(c.closed), 'EDGE_HANDSHAKE_MS', { early: 1000 });
	});

	test('EDGE_HEAD_MS: a head that does not end is answered 408', async () => {
		const c = await dial(gateway);
		c.socket.write('GET / HTTP/1.1\r\n');
		assertTime(await took(c.closed), 'EDGE_HEAD_MS', { early: 1000 });
		assert.match(c.text, /^HTTP\/1\.1 408 /);
	});

	test('EDGE_IDLE_MS: a connection without a further request is closed', async () => {
		const c = await dial(gateway);
		c.socket.write(`GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:${gateway.port}\r\n\r\n`);
		await until(() => c.text.includes('200'), 'an answer');
		assertTime(await took(c.closed), 'EDGE_IDLE_MS', { early: 1000 });
	});

	test('EDGE_LINGER_MS: a refused client that goes on sending is cut off', async () => {
		const c = await dial(gateway, { allowHalfOpen: true });
		c.socket.write(`POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:${gateway.port}\r\nContent-Length: 2147483648\r\n\r\n`);
		const pump = setInterval(() => c.socket.write('x'), 50);
		assertTime(await took(c.closed), 'EDGE_LINGER_MS', { early: 200, late: 3000 });
		clearInterval(pump);
		assert.match(c.text, /^HTTP\/1\.1 413 /);
	});

	test('CHAT_DELTA_MS: deltas come no closer together than that, and none is skipped for longer', async () => {
		const own = await signIn(gateway);
		const at = [];
		own.listeners.add((f) => { if (f.event === 'chat' && f.payload.sessionKey?.endsWith('drip') && f.payload.state === 'delta') at.push(f.payload.message.timestamp); });
		assert.equal((await chat(own, 'drip', { sessionKey: 'drip' })).state, 'final');
		const gaps = at.slice(1, -1).map((t, i) => t - at[i]); // the last comes with the end, whenever that is
		assert.ok(gaps.length > 4, `${gaps.length} gaps`);
		const mean = gaps.reduce((a, b) => a + b, 0) / gaps.length;
		assert.ok(mean >= limit('CHAT_DELTA_MS') - 1, `${mean} ms between deltas, by the gateway's clock`);
		own.close();
	});

	test('CELL_WALL_MS: a program that does not end is ended', async () => {
		const own = await signIn(gateway);
		await until(async () => (await own.call('status', {})).sandbox.proof === 'passed', 'the self-proof', 20000);
		let end;
		const ms = await took((async () => { end = await chat(own, 'sleep', { sessionKey: 'wall', ms: limit('CELL_WALL_MS') + 30000 }); })());
		assertTime(ms, 'CELL_WALL_MS', { late: 15000 });
		assert.equal(end.state, 'final');
		own.close();
	});

	test('HEALTH_REFRESH_MS: the snapshot is taken anew by itself', async () => {
		const own = await signIn(gateway);
		const count = () => own.events.filter((e) => e.event === 'health').length;
		const had = count();
		await until(() => count() > had, 'a health event', limit('HEALTH_REFRESH_MS') + 5000);
		own.close();
	});

	test('a frame of nothing but a lie about its length does not stay: WS_ANON_FRAME_MAX', async () => {
		const c = await upgrade(gateway);
		c.socket.write(frame(1, Buffer.alloc(0), { length: limit('WS_ANON_FRAME_MAX') + 1 }));
		assert.ok(await took(c.closed) < 3000);
	});
});

describe('limits of the supervisor', { skip, concurrency: 2 }, () => {
	/** Kills the process of that name and waits for its next incarnation: milliseconds. */
	async function killed(gateway, name) {
		const find = () => gateway.processes().find((p) => new RegExp(`moltbot-${name}$`).test(p.args))?.pid;
		const old = await until(find, `${name} is there`);
		const from = performance.now();
		process.kill(old, 'SIGKILL');
		await until(() => { const now = find(); return now && now !== old; }, `${name} again`, limit('CHILD_BACKOFF_MS') + 5000);
		return performance.now() - from;
	}

	test('CHILD_RESTARTS_FREE in CHILD_RESTART_WINDOW_MS: so many crashes cost no wait, one more costs CHILD_BACKOFF_MS', async (t) => {
		const gateway = await new Gateway().start();
		t.after(() => gateway.cleanup());
		const free = [];
		const from = performance.now();
		for (let i = 0; i < limit('CHILD_RESTARTS_FREE'); i++) { free.push(await killed(gateway, 'dial')); await sleep(50); }
		const over = await killed(gateway, 'dial');
		t.diagnostic(`free ${free.map(Math.round)}, then ${Math.round(over)} ms`);
		assert.ok(performance.now() - from - over < limit('CHILD_RESTART_WINDOW_MS'), 'the machine is too busy for this test');
		assert.ok(Math.max(...free) < limit('CHILD_BACKOFF_MS') * 0.8, `${free}`);
		assert.ok(over > limit('CHILD_BACKOFF_MS') * 0.8, `${over}`);
		// one that lives longer than that waits shorter
		await sleep(limit('CHILD_BACKOFF_MS') + 200);
		const longer = await killed(gateway, 'dial');
		assert.ok(longer > limit('CHILD_BACKOFF_SHORT_MS') * 0.6 && longer < limit('CHILD_BACKOFF_MS') * 0.8, `${longer}`);
	});

	test('EDGE_USERS_MAX: so many principals have a process at once; one more is told to come later, and the others go on', async (t) => {
		const gateway = await new Gateway({ config: { gateway: { rateLimit: { enabled: false } } } }).start();
		const owner = await signIn(gateway);
		const clients = [owner];
		t.after(async () => { await Promise.all(clients.map((c) => c.close())); await gateway.cleanup(); });
		const served = () => gateway.processes().filter((p) => /moltbot-edge user/.test(p.args)).length;
		const connect = async (device) => {
			const client = new Client(gateway.url());
			clients.push(client);
			return await client.connect((nonce) => ({ token: gateway.token, scopes: ['operator.read'],
				device: device.present({ clientId: 'cli', clientMode: 'cli', role: 'operator', scopes: ['operator.read'], token: gateway.token, nonce }) }));
		};
		let over;
		for (let n = served(); n <= limit('EDGE_USERS_MAX'); n++) {
			const device = new Device();
			const { requestId } = (await connect(device)).error.details;
			await owner.call('device.pair.approve', { requestId });
			const answer = await connect(device);
			if (n === limit('EDGE_USERS_MAX')) over = answer;
			else assert.equal(answer.ok, true, `principal ${n + 1}: ${JSON.stringify(answer.error)}`);
		}
		assert.equal(over.ok, false);
		assert.equal(over.error.code, 'UNAVAILABLE');
		assert.equal(served(), limit('EDGE_USERS_MAX'));
		assert.ok((await owner.request('health', {})).ok);
	});

	test('STOP_GRACE_MS: a process that does not end when told is killed, and the gateway ends', async (t) => {
		const gateway = await new Gateway().start();
		t.after(() => gateway.cleanup());
		const deaf = await until(() => gateway.processes().find((p) => /moltbot-dial/.test(p.args)), 'dial is there');
		await sleep(500);
		process.kill(deaf.pid, 'SIGSTOP');
		const ms = await took(gateway.stop());
		assertTime(ms, 'STOP_GRACE_MS', { early: 200 });
		assert.equal(cli(gateway, ['gateway', 'status']).stdout.includes('running = true'), false);
	});
});
