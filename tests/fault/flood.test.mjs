// A process that stands still or dies while clients want something of it, and clients that want more than there is: whoever asked is
// told, at once when nobody can answer any more, and nobody takes a process for hostile because of what a client did.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import http from 'node:http';
import test, { afterEach, beforeEach, describe } from 'node:test';
import { signIn } from '../e2e/lib/client.mjs';
import { Gateway, isBuilt, sleep, until } from '../e2e/lib/gateway.mjs';
import { lasting } from './lib.mjs';

const skip = isBuilt() ? false : 'the gateway is not built';
const CALLS = 64; // EDGE_CALLS_MAX

describe('floods', { skip, timeout: 600000 }, () => {
	let gateway, client, processes;
	const stopped = new Set();
	const pid = (name) => gateway.processes().find((p) => p.args.endsWith(name)).pid;
	const stop = (name) => { const p = pid(name); process.kill(p, 'SIGSTOP'); stopped.add(p); return p; };
	const go = (p) => { stopped.delete(p); process.kill(p, 'SIGCONT'); };
	beforeEach(async () => {
		gateway = await new Gateway({ config: { gateway: { rateLimit: { enabled: false } } } }).start();
		client = await signIn(gateway);
		await client.call('device.pair.list', {});
		processes = lasting(gateway).filter((p) => !p.includes('supervisor')); // one that is about to become another
	});
	afterEach(async () => {
		for (const p of stopped) try { go(p); } catch { /* it has ended */ }
		client?.ws.terminate();
		await gateway?.cleanup();
	});

	/** Everybody is served, by the processes that were there before, and nobody was accused. */
	async function unharmed() {
		const late = await until(() => signIn(gateway).catch(() => null), 'signed in'); // who is told to try again does
		await late.call('device.pair.list', {});
		await late.call('sessions.list', {});
		late.ws.terminate();
		const now = lasting(gateway);
		assert.deepEqual(processes.filter((p) => !now.includes(p)), []);
		assert.deepEqual(gateway.log().split('\n').filter((line) => /accused|broke the protocol/.test(line)), []);
	}
	const codes = (frames) => frames.reduce((n, f) => { const what = f === null ? 'lost' : f.ok ? 'ok' : `${f.error.code} ${f.error.message}`; n[what] = (n[what] ?? 0) + 1; return n; }, {});
	const many = (n, open) => Promise.all(Array.from({ length: n }, open));

	test('a call that the vault will never answer is answered when the vault ends', { timeout: 90000 }, async () => {
		const vault = stop('moltbot-vault');
		const asked = [['device.pair.list', {}], ['device.pair.reject', { requestId: 'x' }], ['device.token.revoke', { deviceId: 'x', role: 'operator' }]].map(([method, params]) => client.request(method, params));
		// they are at the vault when what came after them is answered
		await client.call('health', {});
		await client.call('sessions.list', {});
		process.kill(vault, 'SIGKILL');
		stopped.delete(vault);
		for (const frame of await Promise.all(asked)) {
			assert.equal(frame.ok, false);
			assert.equal(frame.error.code, 'UNAVAILABLE', JSON.stringify(frame));
			assert.match(frame.error.message, /vault/);
		}
		await until(async () => (await client.request('device.pair.list', {})).ok, 'another vault');
	});

	for (const method of ['device.pair.list', 'moltbot.panic', 'moltbot.processes', 'status']) {
		test(`500 calls of ${method} at once are answered or refused, and end nobody`, { timeout: 90000 }, async (t) => {
			const frames = await Promise.all(Array.from({ length: 500 }, () => client.request(method, {})));
			t.diagnostic(JSON.stringify(codes(frames)));
			assert.ok(frames.every((f) => f.ok || f.error.code === 'UNAVAILABLE'), JSON.stringify(codes(frames)));
			await unharmed();
		});
	}

	test('calls for a vault that stands still are refused when enough of them wait', { timeout: 90000 }, async (t) => {
		const clients = await many(150, () => signIn(gateway));
		const vault = stop('moltbot-vault');
		const asked = clients.flatMap((c) => Array.from({ length: CALLS }, () => c.request('device.token.revoke', { deviceId: 'd'.repeat(128), role: 'r'.repeat(32) }).catch(() => null)));
		const refused = new Promise((done) => asked.forEach((a) => a.then((f) => { if (f && !f.ok) done(); })));
		await Promise.race([refused, sleep(15000)]); // a vault that stands still for longer is taken for dead
		await sleep(3000);
		go(vault);
		const seen = codes(await Promise.all(asked));
		t.diagnostic(JSON.stringify(seen));
		assert.equal(seen.lost ?? 0, 0);
		assert.ok(seen['UNAVAILABLE vault is busy: try again'] > 0, 'there were enough of them');
		await unharmed();
		clients.forEach((c) => c.ws.terminate());
	});

	test('strangers with long credentials, and a vault that stands still', { timeout: 90000 }, async (t) => {
		const vault = stop('moltbot-vault');
		const agent = new http.Agent({ keepAlive: false, maxSockets: Infinity });
		const asked = Array.from({ length: 600 }, () => new Promise((resolve) => {
			http.get({ host: '127.0.0.1', port: gateway.port, path: '/v1/models', agent, headers: { authorization: `Bearer ${randomUUID().repeat(100)}` } }, (res) => { res.resume(); res.on('end', () => resolve(res.statusCode)); })
				.on('error', () => resolve(0));
		}));
		await Promise.race([Promise.all(asked), sleep(3000)]);
		go(vault);
		const seen = (await Promise.all(asked)).reduce((n, s) => { n[s] = (n[s] ?? 0) + 1; return n; }, {});
		t.diagnostic(JSON.stringify(seen));
		assert.deepEqual(Object.keys(seen).filter((s) => !['401', '429', '503', '0'].includes(s)), []);
		await unharmed();
	});

	test('more of the store than it can tell, with long names', { timeout: 90000 }, async (t) => {
		const clients = await many(150, () => signIn(gateway));
		const asked = clients.flatMap((c, i) => Array.from({ length: CALLS }, (_, k) => c.request('chat.history', { sessionKey: `s${i}-${k}-${'x'.repeat(440)}`, limit: 1000 }).catch(() => null)));
		const seen = codes(await Promise.all(asked));
		t.diagnostic(JSON.stringify(seen));
		assert.equal(seen.lost ?? 0, 0);
		await unharmed();
		clients.forEach((c) => c.ws.terminate());
	});
});
