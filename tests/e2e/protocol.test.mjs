// Protocol 3, method by method, with the real ws client against the real gateway: the shapes of results and the words of errors.
import assert from 'node:assert/strict';
import { hostname } from 'node:os';
import test, { after, before, describe } from 'node:test';
import { chat, Client, signIn } from './lib/client.mjs';
import { Device } from './lib/device.mjs';
import { cli, Gateway, isBuilt, until } from './lib/gateway.mjs';

const skip = isBuilt() ? false : 'the gateway is not built';
const main = 'agent:main:main';

/** Asserts that the request is refused with this code and words. */
async function refused(client, method, params, code, words) {
	const frame = await client.request(method, params);
	assert.equal(frame.ok, false, `${method} was answered: ${JSON.stringify(frame.payload)}`);
	assert.equal(frame.error.code, code, frame.error.message);
	assert.match(frame.error.message, words);
}

/** No member anywhere is null, except those that the protocol names. */
function noNulls(value, path = '', allowed = []) {
	if (value === null) assert.ok(allowed.some((a) => path.endsWith(a)), `null at ${path}`);
	else if (typeof value === 'object') for (const [k, v] of Object.entries(value)) noNulls(v, `${path}.${k}`, allowed);
}

describe('protocol 3', { skip }, () => {
	let gateway;
	let client;

	before(async () => {
		gateway = await new Gateway({ config: { agents: { defaults: { workspace: '/nowhere' } } } }).start(); /* ignored */
		client = await signIn(gateway, { client: { id: 'gateway-client', version: '1.2', platform: 'linux', mode: 'ui', instanceId: 'One', displayName: 'Test' } });
	});
	after(async () => { await client?.close(); await gateway?.cleanup(); });

	test('the hello shows who is there, how it is, and where things lie', () => {
		const { snapshot } = client.hello;
		assert.equal(snapshot.presence[0].reason, 'self');
		assert.equal(snapshot.presence[0].mode, 'gateway');
		assert.equal(snapshot.presence[0].host, hostname());
		assert.equal(client.hello.server.host, hostname());
		assert.equal(snapshot.health.ok, true);
		assert.equal(snapshot.stateDir, gateway.dir);
		assert.equal(snapshot.configPath, `${gateway.dir}/moltbot.json`);
		assert.deepEqual(snapshot.sessionDefaults, { defaultAgentId: 'main', mainKey: 'main', mainSessionKey: main, scope: 'per-sender' });
		assert.ok(snapshot.uptimeMs >= 0);
		assert.match(client.hello.server.connId, /^[0-9a-f-]{36}$/);
		assert.equal(client.hello.auth, undefined);
	});

	test('every advertised method answers, and nothing else is advertised', async () => {
		for (const method of client.hello.features.methods) {
			const frame = await client.request(method, { 'no-such-parameter': 1 });
			assert.match(frame.error.message, new RegExp(`^invalid ${method.replaceAll('.', '\\.')} params: `), method);
		}
		for (const hidden of ['connect', 'sessions.resolve', 'chat.inject', 'poll', 'node.invoke', 'wizard.start'])
			assert.ok(!client.hello.features.methods.includes(hidden), hidden);
	});

	test('client names of all three eras are let in', async () => {
		for (const era of ['clawdbot', 'moltbot', 'openclaw']) {
			const other = new Client(gateway.url());
			const answer = await other.connect({ token: gateway.token, client: { id: `${era}-macos`, version: '1', platform: 'darwin', mode: 'ui' } });
			assert.equal(answer.ok, true, era);
			await other.close();
		}
	});

	test('a second connect is refused with its reason', () => refused(client, 'connect', {}, 'INVALID_REQUEST', /only valid as the first request/));

	test('presence: a client that comes, one that goes, what a system event says', async () => {
		const other = await signIn(gateway, { client: { id: 'webchat', version: '9', platform: 'linux', mode: 'webchat', instanceId: 'Two', deviceFamily: 'Mac' } });
		const there = (await client.call('system-presence')).find((p) => p.instanceId === 'Two');
		assert.equal(there.mode, 'webchat');
		assert.equal(there.deviceFamily, 'Mac');
		assert.deepEqual(there.roles, ['operator']);
		assert.equal(there.reason, 'connect');
		await other.close();
		const gone = await client.event((e) => e.event === 'presence' && e.payload.presence.some((p) => p.instanceId === 'Two' && p.reason === 'disconnect'));
		assert.ok(gone.stateVersion.presence > 1);
		assert.deepEqual(await client.call('system-event', { text: 'Node: attic (10.0.0.9)', instanceId: 'attic', host: 'attic', tags: ['a', 'b'], reason: 'periodic' }), { ok: true });
		const beacon = await client.event((e) => e.event === 'presence' && e.payload.presence.some((p) => p.host === 'attic'));
		assert.deepEqual(beacon.payload.presence.find((p) => p.host === 'attic').tags, ['a', 'b']);
		noNulls(beacon.payload);
	});

	test('numbers of events rise by one', async () => {
		await chat(client, 'hello');
		const numbers = client.events.filter((e) => e.seq !== undefined).map((e) => e.seq);
		for (let i = 1; i < numbers.length; i++) assert.equal(numbers[i], numbers[i - 1] + 1);
	});

	test('status, heartbeats, wake, system events', async () => {
		const status = await client.call('status');
		assert.ok(Array.isArray(status.channelSummary));
		assert.equal(await client.call('last-heartbeat'), null);
		assert.deepEqual(await client.call('set-heartbeats', { enabled: false }), { ok: true, enabled: false });
		await refused(client, 'set-heartbeats', { enabled: true }, 'UNAVAILABLE', /heartbeats/);
		assert.deepEqual(await client.call('wake', { mode: 'now', text: 'the kettle boils' }), { ok: true });
		assert.deepEqual(await client.call('wake', { mode: 'next-heartbeat', text: ' ' }), { ok: false });
		await refused(client, 'wake', { mode: 'soon', text: 'x' }, 'INVALID_REQUEST', /invalid wake params/);
		assert.deepEqual((await client.call('status')).queuedSystemEvents, ['the kettle boils']);
		await chat(client, 'hello again');
		assert.deepEqual((await client.call('status')).queuedSystemEvents, []);
	});

	test('what has nothing to show yet shows nothing', async () => {
		assert.deepEqual(await client.call('cron.list', {}), { jobs: [] });
		assert.deepEqual(await client.call('cron.status', {}), { enabled: false, storePath: 'store', jobs: 0, nextWakeAtMs: null });
		assert.deepEqual(await client.call('cron.runs', { id: 'x' }), { entries: [] });
		assert.deepEqual(await client.call('skills.status', {}), { workspaceDir: 'workspace', managedSkillsDir: '', skills: [] });
		assert.deepEqual(await client.call('voicewake.get'), { triggers: [] });
		assert.equal((await client.call('tts.status')).enabled, false);
		assert.deepEqual((await client.call('node.list', {})).nodes, []);
		assert.deepEqual((await client.call('channels.status', {})).channelOrder, []);
		assert.deepEqual((await client.call('usage.status')).providers, []);
		const approvals = await client.call('exec.approvals.get', {});
		assert.equal(approvals.exists, false);
		assert.equal(approvals.file.version, 1);
		await refused(client, 'exec.approval.resolve', { id: 'x', decision: 'deny' }, 'INVALID_REQUEST', /unknown approval id/);
		await refused(client, 'exec.approval.resolve', { id: 'x', decision: 'maybe' }, 'INVALID_REQUEST', /invalid decision/);
	});

	test('what is left out or not there yet says which feature it is', async () => {
		for (const [method, words] of [['node.invoke', /not available here: device nodes/], ['browser.request', /not available here: browser automation/],
			['wizard.start', /not available here/], ['update.run', /not available here/], ['web.login.start', /not available here/],
			['send', /not available yet: channels/], ['poll', /not available yet: channels/], ['cron.add', /not available yet: schedules/],
			['channels.logout', /channels/], ['tts.enable', /speech/], ['skills.install', /skills/]])
			await refused(client, method, { anything: true }, 'UNAVAILABLE', words);
	});

	test('usage is counted by day', async () => {
		await chat(client, 'hello');
		const usage = await client.call('usage.cost', { days: '7' });
		assert.equal(usage.days, 7);
		assert.match(usage.daily.at(-1).date, /^\d{4}-\d\d-\d\d$/);
		assert.ok(usage.totals.missingCostEntries >= 1);
		await refused(client, 'usage.cost', { days: 'many' }, 'INVALID_REQUEST', /invalid usage\.cost params/);
	});

	test('the log is read from a place onwards', async () => {
		const first = await client.call('logs.tail', {});
		assert.ok(first.lines.length > 0);
		const line = JSON.parse(first.lines[0]);
		assert.equal(line._meta.date, line.time);
		assert.match(line._meta.logLevelName, /^(ERROR|WARN|INFO|DEBUG)$/);
		assert.equal(first.cursor, first.size);
		assert.equal(first.reset, false);
		const next = await client.call('logs.tail', { cursor: first.cursor });
		assert.deepEqual([next.reset, next.truncated], [false, false]);
		assert.equal((await client.call('logs.tail', { cursor: first.size + 100000 })).reset, true);
		assert.equal((await client.call('logs.tail', { limit: 1 })).lines.length, 1);
		await refused(client, 'logs.tail', { limit: 5001 }, 'INVALID_REQUEST', /invalid logs\.tail params/);
	});

	test('sessions: patched, listed, resolved, previewed', async () => {
		const key = 'agent:main:room';
		await chat(client, 'what is 6 * 7', { sessionKey: 'room' });
		const patched = await client.call('sessions.patch', { key: 'room', label: 'The room', thinkingLevel: 'high', verboseLevel: 'off', model: null });
		assert.equal(patched.key, key);
		assert.equal(patched.entry.label, 'The room');
		assert.equal(patched.entry.thinkingLevel, 'high');
		const { sessions, count } = await client.call('sessions.list', { label: 'The room', includeLastMessage: true, includeDerivedTitles: true });
		assert.equal(count, 1);
		assert.equal(sessions[0].key, key);
		assert.match(sessions[0].lastMessagePreview, /42/);
		assert.equal(sessions[0].derivedTitle, 'what is 6 * 7');
		assert.equal(sessions[0].verboseLevel, 'off');
		assert.equal((await client.call('sessions.list', { search: 'ROOM' })).count, 1);
		assert.equal((await client.call('sessions.list', { limit: 1 })).sessions[0].derivedTitle, undefined);
		for (const by of [{ key: 'room' }, { label: 'The room' }, { sessionId: sessions[0].sessionId }])
			assert.deepEqual(await client.call('sessions.resolve', by), { ok: true, key });
		await refused(client, 'sessions.resolve', { key: 'nowhere' }, 'INVALID_REQUEST', /No session found/);
		await refused(client, 'sessions.resolve', { key: 'room', label: 'x' }, 'INVALID_REQUEST', /exactly one/);
		const { previews } = await client.call('sessions.preview', { keys: ['room', 'nowhere'], maxChars: 20 });
		assert.equal(previews[0].status, 'ok');
		assert.deepEqual(previews[0].items[0], { role: 'user', text: 'what is 6 * 7' });
		assert.deepEqual(previews[1], { key: 'nowhere', status: 'missing', items: [] });
		assert.equal((await client.call('chat.history', { sessionKey: 'room' })).thinkingLevel, 'high');
		noNulls({ patched, sessions, previews });
	});

	test('sessions: what cannot be set is refused', async () => {
		for (const [patch, words] of [[{ thinkingLevel: 'deep' }, /invalid thinkingLevel/], [{ sendPolicy: 'perhaps' }, /invalid sendPolicy/],
			[{ model: 'other/model' }, /model not allowed/], [{ spawnedBy: 'main' }, /spawnedBy is only supported/],
			[{ label: 'x'.repeat(65) }, /invalid sessions\.patch params/], [{ nonsense: 1 }, /unexpected property 'nonsense'/]])
			await refused(client, 'sessions.patch', { key: 'room', ...patch }, 'INVALID_REQUEST', words);
		await refused(client, 'sessions.patch', { key: 'other', label: 'The room' }, 'INVALID_REQUEST', /label already in use/);
	});

	test('sessions: a policy of no keeps messages out', async () => {
		await client.call('sessions.patch', { key: 'mute', sendPolicy: 'deny' });
		await refused(client, 'chat.send', { sessionKey: 'mute', message: 'hi', idempotencyKey: 'm1' }, 'INVALID_REQUEST', /send blocked by session policy/);
		await client.call('sessions.patch', { key: 'mute', sendPolicy: null });
		assert.equal((await chat(client, 'hello', { sessionKey: 'mute' })).state, 'final');
	});

	test('sessions: the verbose level says who sees tool calls', async () => {
		const tools = async (sessionKey) => {
			const from = client.events.length;
			await chat(client, 'calculate 2^10', { sessionKey });
			return client.events.slice(from).filter((e) => e.event === 'agent' && e.payload.stream === 'tool').length;
		};
		assert.equal(await tools('room'), 0);
		await client.call('sessions.patch', { key: 'room', verboseLevel: null });
		assert.equal(await tools('room'), 2);
	});

	test('sessions: reset, compacted, deleted', async () => {
		await chat(client, 'hello', { sessionKey: 'gone' });
		await chat(client, 'what is 1 + 1', { sessionKey: 'gone' });
		const cut = await client.call('sessions.compact', { key: 'gone', maxLines: 2 });
		assert.deepEqual([cut.compacted, cut.kept], [true, 2]);
		assert.equal((await client.call('chat.history', { sessionKey: 'gone' })).messages.length, 2);
		assert.equal((await client.call('sessions.compact', { key: 'gone', maxLines: 2 })).compacted, false);
		await client.call('sessions.patch', { key: 'gone', label: 'Going' });
		const before = (await client.call('chat.history', { sessionKey: 'gone' })).sessionId;
		const reset = await client.call('sessions.reset', { key: 'gone' });
		assert.equal(reset.entry.label, 'Going');
		assert.equal(reset.entry.totalTokens, 0);
		assert.notEqual(reset.entry.sessionId, before);
		assert.deepEqual((await client.call('chat.history', { sessionKey: 'gone' })).messages, []);
		const deleted = await client.call('sessions.delete', { key: 'gone' });
		assert.deepEqual(deleted, { ok: true, key: 'agent:main:gone', deleted: true, archived: [reset.entry.sessionId] });
		assert.equal((await client.call('sessions.delete', { key: 'gone' })).deleted, false);
		assert.equal((await client.call('sessions.list', { search: 'gone' })).count, 0);
		assert.equal((await client.call('sessions.compact', { key: 'gone' })).reason, 'no sessionId');
		await refused(client, 'sessions.delete', { key: 'main' }, 'INVALID_REQUEST', /Cannot delete the main session/);
	});

	test('a word begins a new session, once', async () => {
		await chat(client, 'hello', { sessionKey: 'fresh' });
		const first = (await client.call('chat.history', { sessionKey: 'fresh' })).sessionId;
		const said = await chat(client, '/new', { sessionKey: 'fresh', idempotencyKey: 'new-1' });
		assert.equal(said.text, 'A new session has begun.');
		const second = (await client.call('chat.history', { sessionKey: 'fresh' })).sessionId;
		assert.notEqual(second, first);
		await client.call('chat.send', { sessionKey: 'fresh', message: '/new', idempotencyKey: 'new-1' });
		assert.equal((await client.call('chat.history', { sessionKey: 'fresh' })).sessionId, second);
		const third = await chat(client, '/reset what is 2 + 3', { sessionKey: 'fresh' });
		assert.match(third.text, /5/);
		const { sessionId, messages } = await client.call('chat.history', { sessionKey: 'fresh' });
		assert.notEqual(sessionId, second);
		assert.equal(messages[0].content[0].text, 'what is 2 + 3');
	});

	test('a message is put into a transcript', async () => {
		await chat(client, 'hello', { sessionKey: 'inject' });
		const { ok, messageId } = await client.call('chat.inject', { sessionKey: 'inject', message: 'From outside', label: 'note' });
		assert.equal(ok, true);
		const event = await client.event((e) => e.event === 'chat' && e.payload.runId === `inject-${messageId}`);
		assert.deepEqual([event.payload.seq, event.payload.state], [0, 'final']);
		const { messages } = await client.call('chat.history', { sessionKey: 'inject' });
		assert.equal(messages.at(-1).content[0].text, '[note]\n\nFrom outside');
		await refused(client, 'chat.inject', { sessionKey: 'nowhere', message: 'x' }, 'INVALID_REQUEST', /session not found/);
	});

	test('attachments are looked at', async () => {
		const png = Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), Buffer.alloc(64)]).toString('base64');
		const send = (attachments, message = '') => ({ sessionKey: 'main', message, idempotencyKey: `a${Math.random()}`, attachments });
		await refused(client, 'chat.send', send([{ mimeType: 'image/png', content: png }]), 'UNAVAILABLE', /takes no images/);
		await refused(client, 'chat.send', send([{ content: `data:image/png;base64,${png}` }]), 'UNAVAILABLE', /takes no images/);
		await refused(client, 'chat.send', send([{ content: 'no base64!' }]), 'INVALID_REQUEST', /invalid chat\.send params/);
		await refused(client, 'chat.send', send([{ mimeType: 'image/png', content: Buffer.from('just text, really').toString('base64') }]), 'INVALID_REQUEST', /message or attachment required/);
	});

	test('history says why a message ended', async () => {
		const { messages } = await client.call('chat.history', { sessionKey: 'main' });
		assert.ok(messages.filter((m) => m.role === 'assistant').some((m) => m.stopReason === 'stop'));
	});

	test('an orderly stop is announced, then sockets close with 1012', async () => {
		const other = await new Gateway().start();
		const there = await signIn(other);
		const shutdown = there.event((e) => e.event === 'shutdown');
		await other.stop();
		assert.deepEqual((await shutdown).payload, { reason: 'service restart', restartExpectedMs: null });
		assert.equal((await there.closed).code, 1012);
		await other.cleanup();
	});
});

describe('who may call what', { skip }, () => {
	let gateway;
	before(async () => { gateway = await new Gateway().start(); });
	after(async () => { await gateway?.cleanup(); });

	test('a connection has no more than it asked for, even with the owner\'s token', async () => {
		const narrow = await signIn(gateway, { scopes: ['operator.read'] });
		assert.equal((await narrow.call('health')).ok, true);
		await refused(narrow, 'sessions.reset', { key: 'main' }, 'INVALID_REQUEST', /^missing scope: operator\.admin$/);
		await refused(narrow, 'no.such.method', {}, 'INVALID_REQUEST', /^missing scope: operator\.admin$/);
		await narrow.close();
	});

	test('no words of the control socket elsewhere', async () => {
		const client = await signIn(gateway);
		await refused(client, 'moltbot.secrets.show', { name: 'gateway-token' }, 'INVALID_REQUEST', /^unauthorized/);
		await refused(client, 'no.such.method', {}, 'INVALID_REQUEST', /^unknown method: no\.such\.method$/);
		await client.close();
	});
});

describe('devices', { skip }, () => {
	let gateway;
	let owner;

	const presents = (device, token, scopes) => (nonce) => ({ token, role: 'operator', scopes,
		device: device.present({ clientId: 'cli', clientMode: 'cli', role: 'operator', scopes, token, nonce }) });
	const connect = async (device, token, scopes) => {
		const client = new Client(gateway.url());
		client.answer = await client.connect(presents(device, token, scopes));
		return client;
	};

	before(async () => {
		gateway = await new Gateway().start();
		owner = await signIn(gateway, { scopes: ['operator.pairing', 'operator.read'] });
	});
	after(async () => { await owner?.close(); await gateway?.cleanup(); });

	test('a request is announced to whoever may pair, and to nobody else; so is the decision', async () => {
		const reader = await signIn(gateway, { scopes: ['operator.read'] });
		const device = new Device();
		const first = await connect(device, gateway.token, ['operator.read']);
		const { requestId } = first.answer.error.details;
		const asked = await owner.event((e) => e.event === 'device.pair.requested');
		assert.equal(asked.payload.requestId, requestId);
		assert.equal(asked.payload.deviceId, device.id);
		assert.deepEqual(asked.payload.scopes, ['operator.read']);
		const again = await connect(device, gateway.token, ['operator.read']);
		assert.equal(again.answer.error.details.requestId, requestId);
		assert.equal(owner.events.filter((e) => e.event === 'device.pair.requested').length, 1);
		const { device: paired } = await owner.call('device.pair.approve', { requestId });
		assert.equal(paired.deviceId, device.id);
		assert.equal(paired.publicKey, device.publicKey);
		const resolved = await owner.event((e) => e.event === 'device.pair.resolved');
		assert.deepEqual([resolved.payload.requestId, resolved.payload.decision], [requestId, 'approved']);
		await reader.call('health');
		assert.equal(reader.events.filter((e) => e.event.startsWith('device.pair')).length, 0);
		await reader.close();
	});

	test('rejecting, an unknown request, a decision made at the machine is heard by all', async () => {
		const one = await connect(new Device(), gateway.token, ['operator.read']);
		const { requestId } = one.answer.error.details;
		assert.equal((await owner.call('device.pair.reject', { requestId })).requestId, requestId);
		await refused(owner, 'device.pair.reject', { requestId }, 'INVALID_REQUEST', /unknown requestId/);
		const two = await connect(new Device(), gateway.token, ['operator.read']);
		const id = two.answer.error.details.requestId;
		assert.equal(cli(gateway, ['devices', 'approve', id]).status, 0);
		await owner.event((e) => e.event === 'device.pair.resolved' && e.payload.requestId === id && e.payload.decision === 'approved');
	});

	test('more scopes need another approval; nobody hands on what they lack', async () => {
		const device = new Device();
		const first = await connect(device, gateway.token, ['operator.read']);
		await owner.call('device.pair.approve', { requestId: first.answer.error.details.requestId });
		assert.equal((await connect(device, gateway.token, ['operator.read'])).answer.ok, true);
		const upgrade = await connect(device, gateway.token, ['operator.read', 'operator.admin']);
		assert.equal(upgrade.answer.error.code, 'NOT_PAIRED');
		const { requestId } = upgrade.answer.error.details;
		const { pending } = await owner.call('device.pair.list', {});
		assert.equal(pending.find((p) => p.requestId === requestId).isRepair, true);
		const device2 = new Device();
		const weak = await connect(device2, gateway.token, ['operator.pairing']);
		assert.equal(cli(gateway, ['devices', 'approve', weak.answer.error.details.requestId]).status, 0);
		const pairer = await connect(device2, gateway.token, ['operator.pairing']);
		await refused(pairer, 'device.pair.approve', { requestId }, 'INVALID_REQUEST', /unauthorized/);
		await pairer.close();
	});

	test('more scopes, once they are approved, come with a new token, and the old one is nobody\'s', async () => {
		const device = new Device();
		const narrow = ['operator.read'];
		const wide = ['operator.read', 'operator.write'];
		const first = await connect(device, gateway.token, narrow);
		assert.equal(cli(gateway, ['devices', 'approve', first.answer.error.details.requestId]).status, 0);
		const before = await connect(device, gateway.token, narrow);
		const old = before.answer.payload.auth.deviceToken;
		assert.equal((await connect(device, old, wide)).answer.ok, false, 'its token asks for more than it holds');
		await refused(before, 'wake', { mode: 'now', text: 'x' }, 'INVALID_REQUEST', /^missing scope: operator\.write$/);
		const upgrade = await connect(device, gateway.token, wide);
		assert.equal(cli(gateway, ['devices', 'approve', upgrade.answer.error.details.requestId]).status, 0);
		await refused(before, 'wake', { mode: 'now', text: 'x' }, 'INVALID_REQUEST', /^missing scope: operator\.write$/);
		await before.close();
		const after = await connect(device, gateway.token, wide);
		const { scopes, deviceToken } = after.answer.payload.auth;
		assert.deepEqual(scopes, wide);
		assert.notEqual(deviceToken, old);
		assert.equal((await connect(device, old, narrow)).answer.ok, false, 'the old token is good still');
		const again = await connect(device, deviceToken, wide);
		assert.deepEqual(again.answer.payload?.auth.scopes, wide);
		assert.deepEqual(await again.call('wake', { mode: 'now', text: 'more' }), { ok: true });
		await again.close();
		await after.close();
	});

	test('a rotated or revoked token ends its sockets at once', async () => {
		const device = new Device();
		const first = await connect(device, gateway.token, ['operator.read']);
		assert.equal(cli(gateway, ['devices', 'approve', first.answer.error.details.requestId]).status, 0);
		const live = await connect(device, gateway.token, ['operator.read']);
		const old = live.answer.payload.auth.deviceToken;
		const before = Date.now();
		const rotated = await owner.call('device.token.rotate', { deviceId: device.id, role: 'operator' });
		assert.match(rotated.token, /^[0-9a-f]{32}$/);
		assert.equal((await live.closed).code, 1008);
		assert.ok(Date.now() - before < 10000);
		assert.equal((await connect(device, old, ['operator.read'])).answer.ok, false);
		const next = await connect(device, rotated.token, ['operator.read']);
		assert.equal(next.answer.ok, true);
		assert.ok((await owner.call('device.token.revoke', { deviceId: device.id, role: 'operator' })).revokedAtMs > 0);
		assert.equal((await next.closed).code, 1008);
		assert.equal((await connect(device, rotated.token, ['operator.read'])).answer.ok, false);
		const { paired } = await owner.call('device.pair.list', {});
		assert.ok(paired.find((d) => d.deviceId === device.id).tokens[0].revokedAtMs > 0);
	});
});
