// For each process a build of it that is the attacker: the system calls its jail forbids, and messages that are not in its rows. It
// gets its row of the process table and nothing else; the gateway goes on working.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { chat, Client, signIn } from './lib/client.mjs';
import { Device } from './lib/device.mjs';
import { cli, Gateway, isBuilt, providerConfig, sleep } from './lib/gateway.mjs';
import { buildHostile, hostileProgram, reportWeak } from './lib/hostile.mjs';
import { ModelServer } from './lib/model.mjs';
import { TlsGateway } from './lib/tls.mjs';

// Processes that live as long as the gateway, those that a turn brings up, and those that the configuration does.
const lasting = ['core', 'gate', 'store', 'audit', 'vault', 'dial', 'edge/anon', 'egress/zygote', 'agent/zygote', 'sandbox'];
// Those of gateway.tls, which is on for them.
const ofTls = ['tls', 'tls/key'];
const asked = ['edge/user', 'egress', 'agent'];
const configuring = ['config', 'config/desk'];

const CALLS = 40; // the system calls come first
const FRAUD_TAG = CALLS + 15; // then, in core, frauds with warrants

/** What the console says of attempts: Map number -> {class, what, begin, result, errno}. */
function attempts(output, process) {
	const found = new Map();
	for (const line of output.split('\n')) {
		const [mark, who, n, kind, what, result, errno] = line.split('\t');
		if (mark !== 'ATTACK' || who !== process) continue;
		const entry = found.get(Number(n)) ?? { n: Number(n), kind, what };
		if (result.startsWith('begin')) entry.begin = result;
		else Object.assign(entry, { result, errno });
		found.set(Number(n), entry);
	}
	return found;
}

/** Runs one process's attempts until it says that there are no more. */
async function attack(process, model, { weak = [], from = 0, until = (a) => a.result === 'done' } = {}) {
	const config = { ...providerConfig(model.baseUrl), gateway: { reload: { debounceMs: 20 } } };
	const gateway = new (ofTls.includes(process) ? TlsGateway : Gateway)({ config, program: hostileProgram });
	const done = () => [...attempts(gateway.output, process).values()].some(until);
	try {
		// once as it is: while the audit log has no key yet, which is vault's to keep, audit reads nothing from anybody
		await gateway.start();
		await gateway.stop();
		gateway.options.args = [...weak, '--attack', process, '--attempt', String(from)];
		await gateway.start({ wait: false });
		if (configuring.includes(process)) {
			await gateway.ready();
			filesToInclude(gateway.dir);
		}
		const client = process === 'config/desk' ? await signIn(gateway) : null;
		const late = Date.now() + 300000; // a machine that does other things as well
		while (!done() && Date.now() < late) {
			if (asked.includes(process)) await oneTurn(gateway);
			if (process === 'config') gateway.child.kill('SIGHUP');
			if (client) await Promise.race([client.request('config.get', {}), sleep(4000)]);
			await sleep(process === 'config' ? 30 : 5);
		}
		if (configuring.includes(process)) {
			await gateway.ready(); // it has not been led astray
			assert.equal(readFileSync(join(gateway.dir, 'moltbot.json'), 'utf8'), JSON.stringify({ ...config, gateway: { port: gateway.port, ...config.gateway } }));
		}
		const audit = readFileSync(join(gateway.dir, 'audit.log'), 'utf8');
		return { list: [...attempts(gateway.output, process).values()], finished: done(), audit };
	} finally {
		await gateway.cleanup();
	}
}

/** One file that a desk may include, and names that lead elsewhere or to something else. */
function filesToInclude(dir) {
	mkdirSync(join(dir, 'elsewhere'));
	mkdirSync(join(dir, 'folder.json'));
	for (const name of ['plain.json', 'elsewhere/plain.json']) writeFileSync(join(dir, name), '{}', { mode: 0o600 });
	symlinkSync('plain.json', join(dir, 'link.json'));
	symlinkSync('elsewhere', join(dir, 'out'));
}

/** What the supervisor was asked beyond what the row allows: refused, or the end; and what the row allows, given. */
function assertAsks(list, permitted) {
	const asks = list.filter((a) => a.kind === 'ask');
	assert.ok(asks.length >= 3);
	assert.deepEqual(asks.filter((a) => !permitted.includes(a.what) && a.result !== undefined && !['refused', 'cut'].includes(a.result)), []);
	assert.deepEqual(asks.filter((a) => a.result === 'permitted').map((a) => a.what), permitted);
}

/** A turn brings the process up; that it may fail is the point. */
async function oneTurn(gateway) {
	try {
		const client = await signIn(gateway);
		await Promise.race([chat(client, 'hello', { ms: 1500 }), client.closed]).catch(() => {});
		client.ws.terminate();
	} catch { /* the attacker was on the way */ }
}

test('takeover', { skip: isBuilt() ? false : 'the gateway is not built' }, async (t) => {
	buildHostile();
	const model = await new ModelServer(() => ({ text: 'ok' })).listen();
	t.after(() => model.close());
	for (const process of [...lasting, ...ofTls, ...asked, ...configuring]) {
		await t.test(`${process} gets its row of the process table and nothing else`, async (t2) => {
			const before = model.requests.length;
			const { list, finished, audit } = await attack(process, model);
			// a desk that nobody waits for any more is ended before it could try: those attempts are made again
			for (let n = 0; process === 'config/desk' && n < list.length; n++) {
				for (let tries = 0; tries < 5 && !list.some((a) => a.n === n); tries++)
					list.push(...(await attack(process, model, { from: n, until: (a) => a.n > n || a.result === 'done' })).list.filter((a) => a.n === n));
			}
			t2.diagnostic(`${list.length} attempts: ${list.filter((a) => a.kind === 'call').length} calls, ${list.filter((a) => a.kind === 'message').length} messages`);
			assert.ok(finished, `stopped after ${list.length} attempts`);
			assert.deepEqual(list.filter((a) => a.result === 'REACHED'), []);
			// a message that its peer refused ends with the attacker killed, or its socket cut at least
			assert.deepEqual(list.filter((a) => a.kind === 'message' && a.result !== undefined && !['cut', 'held'].includes(a.result)), []);
			assert.equal(list.filter((a) => a.kind === 'call').length, CALLS);
			assertAsks(list, { 'edge/user': ['a desk of its own', 'the kill switch on'], 'config/desk': ['include: a plain file'], tls: ['a signature for a handshake'] }[process] ?? []);
			if (process !== 'core') return;
			// warrants that core made up, used twice or used for something else: refused, and the executor says so to audit, once each
			const frauds = list.filter((a) => a.kind === 'warrant');
			assert.deepEqual(frauds.filter((a) => a.result !== 'refused'), []);
			const lines = audit.split('\n').filter((line) => line.includes(' event=REFUSED ') && line.includes(' reason=WARRANT'));
			t2.diagnostic(`${frauds.length} frauds with warrants refused, ${lines.length} audit lines`);
			for (const executor of ['sandbox', 'store', 'egress'])
				assert.equal(lines.filter((line) => line.includes(` writer=${executor}/`)).length, frauds.filter((a) => a.what.startsWith(`${executor}: `)).length);
			// one warrant is used where it is good before it is used again: that request came to the model, and no other
			assert.ok(frauds.some((a) => a.what.startsWith('egress: ')));
			assert.equal(model.requests.length - before, 1, 'what came to the model');
		});
	}

	/** What came of asking for a desk as an edge whose principal may read and write. */
	async function desks(weak, scopes = ['operator.read', 'operator.write'], from = CALLS) {
		const gateway = new Gateway({ config: providerConfig(model.baseUrl), program: hostileProgram });
		try {
			await gateway.start();
			const device = new Device();
			const present = (token) => (nonce) => ({ token, role: 'operator', scopes,
				device: device.present({ clientId: 'cli', clientMode: 'cli', role: 'operator', scopes, token, nonce }) });
			const refused = await new Client(gateway.url()).connect(present(gateway.token));
			assert.equal(cli(gateway, ['devices', 'approve', refused.error.details.requestId]).status, 0);
			const token = (await new Client(gateway.url()).connect(present(gateway.token))).payload.auth.deviceToken;
			await gateway.stop();
			gateway.output = '';
			gateway.options.args = [...weak, '--attack', 'edge/user', '--attempt', String(from)];
			await gateway.start();
			const list = () => [...attempts(gateway.output, 'edge/user').values()];
			const end = Date.now() + 90000;
			while (!list().some((a) => a.kind === 'message') && Date.now() < end) {
				const narrow = new Client(gateway.url());
				await Promise.race([narrow.connect(present(token)).catch(() => {}), narrow.closed, sleep(2000)]);
				narrow.ws.terminate();
			}
			const about = (text) => text.split('\n').filter((line) => line.includes('config/desk'));
			return { list: list(), audit: about(readFileSync(join(gateway.dir, 'audit.log'), 'utf8')), log: about(gateway.log()) };
		} finally {
			await gateway.cleanup();
		}
	}

	await t.test('edge/user of a principal without admin gets no desk, its own or another', async () => {
		const { list, audit, log } = await desks([]);
		assertAsks(list, ['the kill switch on']);
		for (const what of ['a desk of its own', 'a desk with all scopes']) assert.equal(list.find((a) => a.what === what).result, 'refused');
		assert.deepEqual(audit, []);
		assert.ok(log.every((line) => line.includes('process refused: denied')));
	});

	await t.test('and gets one when the supervisor does not look who asks', async () => {
		const { list } = await desks(['--weak', 'DESK_ADMIN']);
		assert.equal(list.find((a) => a.what === 'a desk of its own').result, 'REACHED');
		reportWeak(['DESK_ADMIN'], ['a desk of its own']);
	});

	await t.test('tls gets a signature over whatever it likes when tls/key does not look', async () => {
		const what = 'a signature for something else';
		const { list } = await attack('tls', model, { weak: ['--weak', 'TLS_CONTENT'], from: CALLS + 3, until: (a) => a.what === what && a.result !== undefined });
		assert.equal(list.find((a) => a.what === what)?.result, 'REACHED');
		reportWeak(['TLS_CONTENT'], [what]);
	});

	await t.test('edge/user of a principal that may only read cannot use the kill switch, unless the supervisor does not look who asks', async () => {
		const what = 'the kill switch on';
		for (const [weak, results] of [[[], [undefined, 'cut']], [['--weak', 'STOP_ASK'], ['permitted']]]) {
			const { list } = await desks(weak, ['operator.read'], CALLS + 8);
			const got = list.find((a) => a.what === what);
			assert.ok(got !== undefined && results.includes(got.result), JSON.stringify(list));
		}
	});

	await t.test('the kill switch is undone by an edge when the supervisor does not look who asks', async () => {
		const what = 'the kill switch undone';
		const { list } = await attack('edge/user', model, { weak: ['--weak', 'STOP_ASK'], from: CALLS + 5, until: (a) => a.what === what && a.result !== undefined });
		assert.equal(list.find((a) => a.what === what)?.result, 'no answer', 'nobody ended it');
		reportWeak(['STOP_ASK'], [what]);
	});

	await t.test('a process that runs says that it is jailed, and lives on, when neither the table nor the supervisor looks who says so and when', async () => {
		const what = 'jailed, when it runs';
		const { list } = await attack('dial', model, { weak: ['--weak', 'SPARE_JAILED,IPC_STATES'], from: CALLS, until: (a) => a.what === what && a.result !== undefined });
		assert.equal(list.find((a) => a.what === what)?.result, 'no answer', 'nobody ended it');
		reportWeak(['SPARE_JAILED', 'IPC_STATES'], [what]);
	});

	await t.test('an agent has every call that its zygote\'s filter lets through', async () => {
		const { list } = await attack('agent', model, { weak: ['--weak', 'FILTER_AHEAD'], until: (a) => a.n >= CALLS || a.result === 'done' });
		const reached = list.filter((a) => a.kind === 'call' && a.result === 'REACHED').map((a) => a.what);
		assert.ok(reached.length > 0, JSON.stringify(list));
		reportWeak(['FILTER_AHEAD'], reached);
	});
});

// A reload may give a row's number to another destination while core's request is under way: with the warrant of before.
test('what a row stood for before is refused for its tag alone', { skip: isBuilt() ? false : 'the gateway is not built' }, async (t) => {
	buildHostile();
	const model = await new ModelServer(() => ({ text: 'ok' })).listen();
	t.after(() => model.close());
	const what = 'egress: a warrant for what the row was before';
	for (const [weak, result] of [[[], 'refused'], [['--weak', 'ROW_TAG'], 'REACHED']]) {
		const before = model.requests.length;
		const { list } = await attack('core', model, { weak, from: FRAUD_TAG, until: (a) => a.n > FRAUD_TAG || a.what === what && a.result !== undefined });
		assert.equal(list.find((a) => a.what === what)?.result, result, JSON.stringify(list));
		assert.equal(model.requests.slice(before).filter((r) => r.raw.includes('warranted')).length, result === 'REACHED' ? 1 : 0);
		if (result === 'REACHED') reportWeak(['ROW_TAG'], [what]);
	}
});

// A warrant says that gate has allowed a plan, of whose bytes gate reads none: what a body may ask for is egress's to check.
test('a body asks for what the row allows, and for anything once nobody looks', { skip: isBuilt() ? false : 'the gateway is not built' }, async (t) => {
	buildHostile();
	const model = await new ModelServer(() => ({ text: 'ok' })).listen();
	t.after(() => model.close());
	for (const [weak, result] of [[[], 'refused'], [['--weak', 'ENVELOPE'], 'REACHED']]) {
		const before = model.requests.length;
		const { list } = await attack('core', model, { weak, from: FRAUD_TAG + 1, until: (a) => a.what === 'envelope: no limit of tokens' && a.result !== undefined });
		const tries = list.filter((a) => a.kind === 'warrant' && a.what.startsWith('envelope: '));
		assert.equal(tries.length, 3, JSON.stringify(list));
		assert.deepEqual(tries.map((a) => a.result), Array(3).fill(result));
		assert.equal(model.requests.slice(before).filter((r) => r.raw.includes('dear')).length, result === 'REACHED' ? 3 : 0);
		if (result === 'REACHED') reportWeak(['ENVELOPE'], tries.map((a) => a.what));
	}
});

// The same frauds when nobody looks at warrants, as far as gate knows the run: of another it takes no label, so there would be no result
// even so. And the store keeps no memory that gate has not sealed.
test('core gets by with warrants that are not good once nobody looks at them', { skip: isBuilt() ? false : 'the gateway is not built' }, async (t) => {
	buildHostile();
	const model = await new ModelServer(() => ({ text: 'ok' })).listen();
	t.after(() => model.close());
	const { list } = await attack('core', model, { weak: ['--weak', 'WARRANT'], until: (a) => a.what === 'sandbox: a made-up warrant' });
	const frauds = list.filter((a) => a.kind === 'warrant' && a.result && !a.what.endsWith('a made-up warrant'));
	t.diagnostic(`${frauds.filter((a) => a.result === 'REACHED').length} of ${frauds.length} reached`);
	assert.equal(frauds.length, 10);
	assert.deepEqual(frauds.filter((a) => a.result !== 'REACHED').map((a) => `${a.what}: ${a.result}`), ["store: sandbox's warrant: refused"]);
	reportWeak(['WARRANT'], frauds.filter((a) => a.result === 'REACHED').map((a) => a.what));
	assert.ok(model.requests.some((r) => r.raw.includes('stolen')), 'the body that no warrant was for came to the model');
});
