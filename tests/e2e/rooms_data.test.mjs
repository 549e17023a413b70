// What the rooms of the Control UI show and protocol 3 has no words for: the count of processes, where a session's words came from,
// and the texts of the configuration's history.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import test, { after, before, describe } from 'node:test';
import { chat, Client, signIn } from './lib/client.mjs';
import { Device } from './lib/device.mjs';
import { cli, Gateway, isBuilt, until } from './lib/gateway.mjs';
import { sessionLines, wholeHistory } from '../../ui/rooms/export.js';

const skip = isBuilt() ? false : 'the gateway is not built';
const SECRET = 'sk-literal-secret-0123456789abcdef';
const sha256 = (text) => createHash('sha256').update(text).digest('hex');

test('an exported session is whole: page after page, until one is empty', async () => {
	const all = Array.from({ length: 2500 }, (_, i) => ({ role: i % 2 ? 'assistant' : 'user', content: [{ type: 'text', text: `m${i}` }], timestamp: 1000 + i }));
	const asked = [];
	const request = async (method, { limit, before }) => {
		asked.push(before);
		const end = before === '' ? all.length : Number(before);
		const messages = all.slice(Math.max(0, end - limit), end);
		return { sessionId: 's', messages, ...(messages.length > 0 && { before: String(Math.max(0, end - limit)) }) };
	};
	const told = [];
	const history = await wholeHistory(request, 'agent:main:main', (n) => told.push(n));
	assert.deepEqual(history.messages, all);
	assert.deepEqual(asked, ['', '1500', '500', '0']);
	assert.deepEqual(told, [1000, 2000, 2500, 2500]);
	const lines = sessionLines('agent:main:main', history);
	assert.equal(lines.length, 2501);
	assert.equal(lines[2500].parentId, lines[2499].id);
	let n = 0;
	await assert.rejects(wholeHistory(async () => ({ sessionId: String(n++), messages: [], before: String(n) }), 'k', () => {}), /began anew/);
});

describe('what the rooms show', { skip }, () => {
	let gateway;
	let client;
	const processes = async () => Object.fromEntries((await client.call('moltbot.processes')).processes.map((p) => [p.name, p]));

	before(async () => {
		gateway = new Gateway();
		await gateway.start();
		client = await signIn(gateway);
	});
	after(async () => { await client?.close(); await gateway?.cleanup(); });

	test('the supervisor counts the processes: those that run, and a crash', async () => {
		const always = ['supervisor', 'edge/anon', 'core', 'gate', 'store', 'audit', 'vault', 'dial', 'egress/zygote', 'agent/zygote', 'sandbox'];
		const found = await until(async () => {
			const all = await processes();
			return always.every((name) => all[name].running === 1) && all;
		}, 'every process', 20000);
		assert.equal(found.core.life, 'always');
		assert.equal(found.agent.life, 'asked');
		assert.equal(found['edge/user'].running, 1);
		assert.equal(found.dial.crashes, 0);
		assert.ok(Math.abs(found.core.since - Date.now()) < 60000);
		const victim = gateway.processes().find((p) => /moltbot-dial/.test(p.args));
		process.kill(victim.pid, 'SIGKILL');
		const after = await until(async () => {
			const all = await processes();
			return all.dial.crashes === 1 && all.dial.running === 1 && all;
		}, 'the crash, and its successor', 20000);
		assert.ok(after.dial.lastCrashAt <= Date.now() && after.dial.lastCrashAt > Date.now() - 60000);
		assert.equal(after.core.crashes, 0);
	});

	test('many who ask at once are answered, and the gateway stands', async () => {
		const answers = await Promise.all(Array.from({ length: 200 }, () => client.request('moltbot.processes', {})));
		assert.ok(answers.every((a) => a.ok || a.error.code === 'UNAVAILABLE'));
		assert.ok(answers.some((a) => a.ok));
		assert.equal((await processes()).supervisor.running, 1);
	});

	test('a session says how long it is, since when, and whose words are in it', async () => {
		assert.equal((await chat(client, 'what is 2 + 2?', { sessionKey: 'sized' })).state, 'final');
		const { sessions } = await client.call('sessions.list', {});
		const row = sessions.find((s) => s.key === 'agent:main:sized');
		assert.ok(row.items >= 2, JSON.stringify(row));
		assert.ok(Math.abs(row.createdAt - Date.now()) < 60000);
		assert.equal(row.provenance.integrity.startsWith('owner'), true);
		assert.equal(row.provenance.readers, 'owner');
		assert.equal(row.provenance.tainted, false);
	});

	test('a transcript is read in pages, from its end to its beginning, with nothing twice and nothing left out', async () => {
		const said = [];
		for (let i = 0; i < 7; i++) {
			said.push(`what is ${i} + 100?`);
			assert.equal((await chat(client, said[i], { sessionKey: 'long' })).state, 'final');
		}
		const whole = (await client.call('chat.history', { sessionKey: 'long', limit: 1000 }));
		assert.equal(whole.before, undefined);
		const pages = [];
		for (let before = ''; ;) {
			const page = await client.call('chat.history', { sessionKey: 'long', limit: 3, before });
			assert.ok(page.messages.length <= 3);
			if (page.before === undefined) break;
			assert.notEqual(page.before, before);
			pages.unshift(...page.messages);
			before = page.before;
		}
		assert.deepEqual(pages, whole.messages);
		assert.deepEqual(pages.filter((m) => m.role === 'user').map((m) => m.content[0].text), said);
		for (const before of ['x', '-1', '0', '1.5', '99999999999999999999'])
			assert.match((await client.request('chat.history', { sessionKey: 'long', before })).error.message, /^invalid chat\.history params: at \/before/, before);
	});

	test('the count of sessions follows, without waiting for the next refresh', async () => {
		const count = async () => (await client.call('status')).sessions.count;
		const had = await until(async () => {
			const n = await count();
			return n === (await client.call('sessions.list', { limit: 1000 })).count && n;
		}, 'the count of what there is');
		await chat(client, 'hello', { sessionKey: 'counted' });
		await until(async () => (await count()) === had + 1 && (await client.call('health')).sessions.count === had + 1, 'one more');
		assert.equal((await client.call('status')).sessions.recent[0].key, 'agent:main:counted');
		await client.call('sessions.delete', { key: 'counted' });
		await until(async () => (await count()) === had, 'one less');
	});

	test('a former text of the configuration is shown, without its secrets, to admins alone', async () => {
		const { hash } = await client.call('config.get');
		const raw = `// former words\n{ gateway: { port: ${gateway.port} }, models: { providers: { p: { baseUrl: "http://127.0.0.1:9/v1", apiKey: "${SECRET}", models: [{ id: "m" }] } } } }\n`;
		await client.call('config.set', { raw, baseHash: hash });
		await client.call('config.set', { raw: `{ gateway: { port: ${gateway.port} } }`, baseHash: sha256(raw) });
		const all = await client.call('moltbot.config.history');
		assert.ok(all.entries.length >= 3);
		assert.equal(all.raw, undefined);
		const one = await client.call('moltbot.config.history', { hash: sha256(raw) });
		assert.deepEqual(one.entries.map((e) => e.hash), [sha256(raw)]);
		assert.match(one.raw, /former words/);
		assert.ok(!JSON.stringify(one).includes(SECRET));
		const none = await client.request('moltbot.config.history', { hash: '0'.repeat(64) });
		assert.match(none.error.message, /no such text/);
		const device = new Device();
		const scopes = ['operator.read', 'operator.write'];
		const present = (token) => (nonce) => ({ token, role: 'operator', scopes,
			device: device.present({ clientId: 'cli', clientMode: 'cli', role: 'operator', scopes, token, nonce }) });
		const first = new Client(gateway.url());
		const refused = await first.connect(present(gateway.token));
		assert.equal(cli(gateway, ['devices', 'approve', refused.error.details.requestId]).status, 0);
		const narrow = new Client(gateway.url());
		assert.equal((await narrow.connect(present(gateway.token))).ok, true);
		const frame = await narrow.request('moltbot.config.history', { hash: sha256(raw) });
		assert.equal(frame.error.message, 'missing scope: operator.admin');
		assert.equal((await narrow.request('moltbot.processes', {})).ok, true);
		await narrow.close();
	});
});
