// `moltbot security audit`: each check is seen to pass and to fail; each attack of --deep is seen to find what is missing.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { WebSocketServer } from 'ws';
import { Gateway, cli, isBuilt, program, until } from './lib/gateway.mjs';
import { buildHostile, hostileProgram, reportWeak, weakGateway } from './lib/hostile.mjs';

const skip = isBuilt() ? false : 'the gateway is not built';
const good = () => randomBytes(36).toString('base64');

/** Every route that calls something, by each of its methods, as the audit attacks it: "GET /v1/models". */
const attacked = () => JSON.parse(cli({ dir: '/nonexistent' }, ['topology', '--routes', '--json']).stdout).filter((r) => r.who !== 'anybody')
	.flatMap((r) => r.methods.split(' ').filter((m) => m !== 'HEAD').map((m) => `${m} ${r.path.replace('*', 'security-audit-no-such-thing')}`));

/** A state directory of its own. */
function state(config, prepare) {
	const dir = mkdtempSync(join(tmpdir(), 'moltbot-audit-'));
	if (config !== undefined) writeFileSync(join(dir, 'moltbot.json'), typeof config === 'string' ? config : JSON.stringify(config), { mode: 0o600 });
	prepare?.(dir);
	return dir;
}

function audit(dir, args = ['--json'], env = {}, exe = program) {
	const done = spawnSync(exe, ['security', 'audit', ...args], { encoding: 'utf8', timeout: 60000, cwd: dir,
		env: { PATH: process.env.PATH, HOME: dir, MOLTBOT_STATE_DIR: dir, ...env } });
	const report = args.includes('--json') ? JSON.parse(done.stdout) : undefined;
	return { ...done, report, row: (id) => (report.report ?? report).checks.find((c) => c.id === id), all: report?.report ?? report };
}

const file = (name, mode = 0o600, text = 'x') => (dir) => {
	mkdirSync(join(dir, name, '..'), { recursive: true, mode: 0o700 });
	writeFileSync(join(dir, name), text);
	chmodSync(join(dir, name), mode);
};
const channel = (name, value) => ({ channels: { [name]: value } });
const line = (level, text) => `${new Date().toISOString()} ${level} ${text}\n`;
const key = `sk-${'Ab3'.repeat(12)}Zz91`;

/** [id, what is wrong, what is right, the original's id]; each is {config, env, prepare}. */
const cases = [
	['credentials.keys', { env: { OPENAI_API_KEY: 'short' } }, { env: { OPENAI_API_KEY: good() } }],
	['credentials.setup_password', { env: { SETUP_PASSWORD: 'password' } }, {}],
	['credentials.token', { env: { MOLTBOT_GATEWAY_TOKEN: 'aaaaaaaaaaaaaaaaaaaaaaaaaaaa' } }, { env: { MOLTBOT_GATEWAY_TOKEN: good() } }, 'gateway.token_too_short'],
	['credentials.git', { prepare: (d) => { mkdirSync(join(d, '.git')); file('.env')(d); } }, {}],
	['credentials.deployment_logs', { prepare: file('logs/gateway.log', 0o600, line('info', `core key ${key}`)) }, {}],
	['credentials.environment', { config: channel('discord', { token: 'abc' }) }, { config: channel('discord', { token: '${DISCORD_TOKEN}' }) }],
	['network.https', { config: { gateway: { bind: 'lan' } } }, { config: { gateway: { bind: 'lan', behindTlsProxy: true } } }],
	['network.plain_http', { config: { gateway: { bind: 'custom', customBindHost: '192.0.2.1' } } }, { config: {} }],
	['network.auth_mode', { config: { gateway: { auth: { mode: 'password', password: '${MOLTBOT_GATEWAY_PASSWORD}' } } }, env: { MOLTBOT_GATEWAY_PASSWORD: good() } }, {}],
	['network.insecure_auth', { config: { gateway: { controlUi: { allowInsecureAuth: true } } } }, { config: { gateway: { controlUi: { allowInsecureAuth: false } } } },
		'gateway.control_ui.insecure_auth'],
	['access.allow_from', { config: channel('whatsapp', { allowFrom: ['*'] }) }, { config: channel('whatsapp', { allowFrom: ['+4912345'] }) }],
	['access.require_mention', { config: channel('telegram', { groups: { '*': { requireMention: false } } }) }, {}],
	['gateway.auth', { config: { gateway: { auth: { mode: 'none' } } } }, { config: { gateway: { auth: { mode: 'token' } } } }, 'gateway.bind_no_auth'],
	['configuration.literals', { config: { gateway: { auth: { token: good() } } } }, { config: { gateway: { auth: { token: '${MOLTBOT_GATEWAY_TOKEN}' } } }, env: { MOLTBOT_GATEWAY_TOKEN: good() } }],
	['configuration.references', { config: { gateway: { auth: { token: good() } } } }, {}],
	['configuration.allowlists', { config: { gateway: { allowedOrigins: ['http://chat.example.org'] } } }, { config: { gateway: { allowedOrigins: ['https://chat.example.org'] } } }],
	['configuration.sandbox', { config: { agents: { defaults: { sandbox: { mode: 'off' } } } } }, {}],
	['sessions.reset', {}, { config: { session: { reset: { mode: 'daily' } } } }],
	['sessions.files', { prepare: file('store/store.db', 0o644) }, { prepare: file('store/store.db') }, 'fs.sessions_store.perms_readable'],
	['logs.errors', { prepare: file('logs/gateway.log', 0o600, line('error', 'core something broke')) }, { prepare: file('logs/gateway.log', 0o600, line('info', 'core fine')) }],
	['logs.secrets', { prepare: file('logs/gateway.log', 0o600, line('info', `core key ${key}`)) }, { prepare: file('logs/gateway.log', 0o600, line('info', 'core fine')) }],
	['logs.audit', { prepare: file('audit.log', 0o600, 'seq=1 forged\n') }, {}],
	['signal.allow_from', { config: channel('signal', { dmPolicy: 'open' }) }, {}, 'channels.signal.dm.open'],
	['signal.mention', { config: channel('signal', { groups: { '*': { requireMention: false } } }) }, {}],
	['discord.token', { config: channel('discord', { token: 'abc' }) }, {}],
	['discord.guilds', { config: channel('discord', { enabled: true }) }, { config: channel('discord', { guilds: { 1: { slug: 'x' } } }) }],
	['telegram.token', { config: { telegram: { botToken: 'abc' } } }, { config: { telegram: { botToken: '${TELEGRAM_BOT_TOKEN}' } } }],
	['telegram.allow_from', { config: { telegram: { allowFrom: ['*'] } } }, { config: { telegram: { allowFrom: ['123'] } } }],
	['telegram.webhook', { config: channel('telegram', { webhookUrl: 'http://x.example/h' }) }, { config: channel('telegram', { webhookUrl: 'https://x.example/h' }) }],
	['whatsapp.allow_from', { config: channel('whatsapp', { groupAllowFrom: ['*'] }) }, {}],
	['slack.socket', { config: channel('slack', { mode: 'http' }) }, { config: channel('slack', { mode: 'socket' }) }],
	['slack.channels', { config: channel('slack', { enabled: true }) }, { config: channel('slack', { channels: { C1: { allow: true } } }) }],
	['slack.signing', { config: channel('slack', { mode: 'http' }) }, { config: channel('slack', { mode: 'http', signingSecret: '${SLACK_SIGNING_SECRET}' }) }],
	['signs.config', { config: {}, prepare: (d) => chmodSync(join(d, 'moltbot.json'), 0o666) }, { config: {} }],
	['config.valid', { config: '{gateway: {bindd: 1}}' }, { config: {} }],
	['hardening.rate_limit', { config: { gateway: { rateLimit: { enabled: false } } } }, {}],
	['hardening.cell', { config: { agents: { defaults: { sandbox: { docker: { network: 'bridge' } } } } } }, {}],
	['hardening.persist', {}, { config: { session: { persist: false } } }],
	['hardening.dm_scope', { config: { session: { scope: 'global' } } }, {}],
	['hardening.ignored', { config: { gateway: { tailscale: { mode: 'funnel' } } } }, {}, 'gateway.tailscale_funnel'],
	['hardening.proxies', { config: { gateway: { bind: 'lan', behindTlsProxy: true } } }, { config: { gateway: { bind: 'lan', behindTlsProxy: true, trustedProxies: ['192.0.2.1'] } } },
		'gateway.trusted_proxies_missing'],
	['hardening.models', { config: { agents: { defaults: { model: 'x/gpt-3.5-turbo' } } } }, {}, 'models.legacy'],
	['files.state', { prepare: (d) => chmodSync(d, 0o755) }, {}, 'fs.state_dir.perms_readable'],
	['files.synced', { inside: 'Dropbox' }, {}, 'fs.synced_dir'],
	['files.way', { inside: 'open', prepare: (d) => chmodSync(join(d, '..'), 0o777) }, { inside: 'shut' }],
	['files.config', { config: {}, prepare: (d) => chmodSync(join(d, 'moltbot.json'), 0o644) }, { config: {} }, 'fs.config.perms_world_readable'],
	['files.private', { prepare: file('vault.box', 0o640) }, { prepare: file('vault.box') }],
	['files.vault_key', { prepare: (d) => { file('vault.box')(d); file('vault.key')(d); } }, { prepare: file('vault.box') }],
	['files.backups', { prepare: file('moltbot.json.bak', 0o644) }, { prepare: file('moltbot.json.bak') }],
	['files.workspace', { prepare: file('workspace/AGENTS.md', 0o666) }, { prepare: file('workspace/AGENTS.md', 0o644) }],
	['sandbox.min_tier', { config: { agents: { defaults: { sandbox: { minTier: 'none' } } } } }, {}],
];

function look(situation, after) {
	const top = mkdtempSync(join(tmpdir(), 'moltbot-audit-'));
	const dir = situation.inside ? join(top, situation.inside, 'state') : join(top, 'state');
	mkdirSync(dir, { recursive: true, mode: 0o700 });
	chmodSync(dir, 0o700);
	if (situation.config !== undefined)
		writeFileSync(join(dir, 'moltbot.json'), typeof situation.config === 'string' ? situation.config : JSON.stringify(situation.config), { mode: 0o600 });
	situation.prepare?.(dir);
	const result = audit(dir, ['--json'], situation.env);
	after?.(dir, result);
	rmSync(top, { recursive: true, force: true });
	return result;
}

/** What a mending text begins with: it can be pasted into a shell as it stands, or with its words in capitals filled in. */
const COMMAND = /^(moltbot (audit verify|config (set|unset|edit|validate|history)|devices (list|reject)|doctor|gateway (restart|run)|logs|security audit|status)|chmod|chown|rm|cp|git|kill|vi|openssl|export|systemd-creds|echo)\b/;
/** Those that change what is wrong, and nothing else; the others look at it, or need something new from outside. */
const MENDS = /^(moltbot (config (set|unset)|doctor --repair|security audit --fix)|chmod)\b/;
const mended = new Set();
const PLACEHOLDER = /\b[A-Z]{2,}\b/;

test('what mends a row is a command, of every row that can fail', () => {
	const text = readFileSync(new URL('../../src/cli/checks/checks.def', import.meta.url), 'utf8');
	const report = text.match(/^#define REPORT "(.*)"$/m)[1];
	const rows = [...text.matchAll(/^CHECK\(\w+, "([^"]+)", .*?, (\w+), (true|false), (REPORT|".*")\)$/gm)].filter(([, , check]) => check !== 'NULL');
	assert.equal(rows.length, [...text.matchAll(/^CHECK\((?!.*, NULL, (true|false), ).*$/gm)].length);
	assert.ok(rows.length > 70);
	for (const [, id, , , mends] of rows) assert.match(mends === 'REPORT' ? report : mends.slice(1, -1), COMMAND, id);
});

/** Runs what an audit says mends this, as its reader would. */
function mend(dir, commands, env) {
	for (const command of new Set(commands)) {
		const done = spawnSync('sh', ['-c', command], { encoding: 'utf8', timeout: 60000, cwd: dir,
			env: { PATH: `${join(program, '..')}:${process.env.PATH}`, HOME: dir, MOLTBOT_STATE_DIR: dir, ...env } });
		assert.equal(done.status, 0, `${command}: ${done.stderr}`);
	}
}

for (const [id, bad, right, original] of cases) {
	test(`${id} fails and passes`, { skip }, () => {
		const wrong = look(bad, (dir, { row }) => {
			const { fix } = row(id);
			for (const command of fix) assert.match(command, COMMAND);
			if (!fix.every((command) => MENDS.test(command) && !PLACEHOLDER.test(command.replace(/ {2}# .*/, '').replaceAll(dir, '')))) return;
			mended.add(id);
			mend(dir, fix, bad.env);
			const again = audit(dir, ['--json'], bad.env).row(id);
			assert.equal(again.verdict, 'pass', `${fix}: ${JSON.stringify(again)}`);
		});
		assert.equal(wrong.row(id).verdict, 'fail', JSON.stringify(wrong.row(id)));
		const found = wrong.report.findings.filter((f) => f.check === id);
		assert.ok(found.length > 0);
		if (original) assert.ok(found.some((f) => f.checkId === original), JSON.stringify(found));
		const fine = look(right);
		assert.equal(fine.row(id).verdict, 'pass', JSON.stringify(fine.row(id)));
		assert.ok(fine.row(id).evidence[0].length > 0);
	});
}

test('most of what can be mended by one command was mended by it', { skip }, () => assert.ok(mended.size >= 25, [...mended].join(' ')));

test('the exit status tells the worst', { skip }, () => {
	assert.equal(look({ config: { session: { reset: { mode: 'daily' } } } }).report.summary.critical, 0);
	assert.equal(look({ config: { session: { scope: 'global' } } }).status, 2);
	assert.equal(look({ config: '{gateway: {bindd: 1}}' }).status, 3);
});

test('what cannot be looked at is unknown, never a pass', { skip }, () => {
	const broken = look({ config: '{gateway: ' });
	for (const id of ['configuration.literals', 'network.https', 'access.allow_from', 'hardening.rate_limit', 'sandbox.min_tier'])
		assert.equal(broken.row(id).verdict, 'unknown', id);
	for (const id of ['gateway.anonymous', 'deep.routes', 'sandbox.proof', 'signs.devices'])
		assert.equal(look({}).row(id).verdict, 'unknown', id);
	const down = audit(state({}), ['--deep', '--json']);
	assert.equal(down.row('deep.reached').verdict, 'fail');
	assert.ok(down.report.findings.some((f) => f.checkId === 'gateway.probe_failed'));
	for (const row of down.report.checks.filter((c) => c.id.startsWith('deep.') && c.id !== 'deep.reached')) assert.equal(row.verdict, 'unknown', row.id);
});

test('--fix takes others rights from files, and follows no link', { skip }, () => {
	const other = state(undefined);
	const dir = state({}, (d) => {
		file('vault.box', 0o644)(d);
		file('logs/gateway.log', 0o666)(d);
		chmodSync(join(d, 'moltbot.json'), 0o644);
		file('precious', 0o644)(other);
		symlinkSync(join(other, 'precious'), join(d, 'link'));
		chmodSync(d, 0o755);
	});
	const { report, all, row } = audit(dir, ['--fix', '--json']);
	for (const [name, mode] of [['', 0o700], ['vault.box', 0o600], ['logs/gateway.log', 0o600], ['moltbot.json', 0o600]])
		assert.equal(statSync(join(dir, name)).mode & 0o777, mode, name);
	assert.equal(statSync(join(other, 'precious')).mode & 0o777, 0o644);
	assert.equal(report.fix.actions.length, 4);
	assert.ok(report.fix.actions.every((a) => a.kind === 'chmod' && a.ok));
	assert.equal(row('files.state').verdict, 'pass');
	assert.ok(all.findings.some((f) => f.detail.includes('symbolic link')));
	for (const d of [dir, other]) rmSync(d, { recursive: true, force: true });
});

test('names from outside do not act on the terminal', { skip }, () => {
	const dir = state({}, file('evil\x1b[31m.bak', 0o644));
	const { stdout } = audit(dir, ['--all']);
	assert.match(stdout, /Security audit: /);
	assert.ok(stdout.includes('files.backups'));
	assert.ok(!stdout.includes('\x1b'));
	rmSync(dir, { recursive: true, force: true });
});

test('a secret is never shown', { skip }, () => {
	const token = good();
	const { stdout } = look({ config: { gateway: { auth: { token } }, telegram: { botToken: key } }, env: { OPENAI_API_KEY: `${key}x` } });
	assert.ok(!stdout.includes(token) && !stdout.includes(key));
});

test('another program with our token in its environment or command line is found', { skip }, () => {
	const token = good();
	const other = spawnSync('sh', ['-c', `sleep 20 & exec "$0" security audit --json; `, program], { encoding: 'utf8',
		env: { PATH: process.env.PATH, HOME: '/nowhere', MOLTBOT_STATE_DIR: state({}), MOLTBOT_GATEWAY_TOKEN: token }, timeout: 60000, stdio: ['ignore', 'pipe', 'ignore'] });
	const row = JSON.parse(other.stdout).checks.find((c) => c.id === 'credentials.other_processes');
	assert.equal(row.verdict, 'fail');
	assert.ok(row.evidence.some((e) => e.includes('sleep')), JSON.stringify(row));
	assert.ok(!other.stdout.includes(token));
});

test('a program that others can exchange is found', { skip }, () => {
	const top = mkdtempSync(join(tmpdir(), 'moltbot-audit-'));
	const src = join(program, '../..');
	for (const folder of ['bin', 'libexec/moltbot', 'share/moltbot/ui', 'state']) mkdirSync(join(top, folder), { recursive: true, mode: 0o700 });
	copyFileSync(program, join(top, 'bin/moltbot'));
	for (const name of ['supervisor', 'config']) copyFileSync(join(src, name, `moltbot-${name}`), join(top, 'libexec/moltbot', `moltbot-${name}`));
	const row = () => audit(join(top, 'state'), ['--json'], {}, join(top, 'bin/moltbot')).row('files.programs');
	assert.equal(row().verdict, 'pass', JSON.stringify(row()));
	chmodSync(join(top, 'libexec/moltbot/moltbot-supervisor'), 0o777);
	assert.equal(row().verdict, 'fail');
	rmSync(top, { recursive: true, force: true });
});

// ---- the running gateway ----

test('a running default installation passes every attack, and goes on', { skip }, async () => {
	const gateway = new Gateway({});
	try {
		await gateway.start();
		await until(() => gateway.log().includes('self-proof passed'), 'self-proof', 20000);
		const first = audit(gateway.dir, ['--deep', '--json']);
		/* other tests' programs may have tokens in their environment */
		const known = ['credentials.other_processes'];
		const bad = first.report.checks.filter((c) => (c.id.startsWith('deep.') || c.section === 'gateway') && c.verdict !== 'pass' && !known.includes(c.id));
		assert.deepEqual(bad, []);
		assert.deepEqual(first.report.findings.filter((f) => f.severity === 'critical' && !known.includes(f.check)), []);
		assert.equal(first.report.deep.gateway.ok, true);
		for (const id of ['gateway.anonymous', 'deep.routes']) assert.deepEqual(first.row(id).evidence[0].match(/[A-Z]+ \/[\w/.-]+/g).sort(), attacked().sort(), id);
		/* again at once: no attack has used anything up, nobody is locked out */
		const second = audit(gateway.dir, ['--deep', '--json']);
		assert.deepEqual(second.report.checks.filter((c) => c.id.startsWith('deep.') && c.verdict !== 'pass'), []);
		assert.equal(second.row('logs.failed_auth').verdict, 'pass');
		assert.equal((await fetch(`http://127.0.0.1:${gateway.port}/healthz`)).status, 200);
		assert.equal(second.row('logs.audit').verdict, 'pass');
		for (const id of ['sandbox.proof', 'signs.devices', 'sessions.unexpected']) assert.equal(second.row(id).verdict, 'pass', id);
	} finally {
		await gateway.cleanup();
	}
});

test('a gateway with a password is attacked with it, where the audit knows it', { skip }, async () => {
	const password = good().replaceAll(/[+/=]/g, 'x');
	const gateway = new Gateway({ config: { gateway: { auth: { mode: 'password', password: '${MOLTBOT_GATEWAY_PASSWORD}' } } }, env: { MOLTBOT_GATEWAY_PASSWORD: password, MOLTBOT_GATEWAY_TOKEN: '' } });
	try {
		await gateway.start();
		await until(() => gateway.log().includes('self-proof passed'), 'self-proof');
		const known = audit(gateway.dir, ['--deep', '--json'], { MOLTBOT_GATEWAY_PASSWORD: password });
		assert.deepEqual(known.report.checks.filter((c) => (c.id.startsWith('deep.') || c.section === 'gateway') && c.verdict !== 'pass'), []);
		assert.ok(!known.stdout.includes(password));
		const unknown = audit(gateway.dir, ['--deep', '--json']);
		for (const id of ['deep.scopes', 'deep.control', 'deep.url_token']) {
			assert.equal(unknown.row(id).verdict, 'unknown', id);
			assert.match(unknown.row(id).evidence[0], /set MOLTBOT_GATEWAY_PASSWORD/);
		}
		const wrong = audit(gateway.dir, ['--deep', '--json'], { MOLTBOT_GATEWAY_PASSWORD: good() });
		for (const id of ['deep.scopes', 'deep.control', 'deep.routes']) assert.equal(wrong.row(id).verdict, 'unknown', id);
	} finally {
		await gateway.cleanup();
	}
});

test('a stranger who fails to sign in is noticed', { skip }, async () => {
	const gateway = new Gateway({});
	try {
		await gateway.start();
		assert.equal(audit(gateway.dir).row('logs.failed_auth').verdict, 'pass');
		await fetch(`http://127.0.0.1:${gateway.port}/v1/chat/completions`, { method: 'POST', headers: { authorization: 'Bearer wrong' }, body: '{}' });
		await until(() => audit(gateway.dir).row('logs.failed_auth').verdict === 'fail', 'the denied sign-in');
	} finally {
		await gateway.cleanup();
	}
});

test('a pulled kill switch is noticed', { skip }, async () => {
	const gateway = new Gateway({});
	try {
		await gateway.start();
		const before = audit(gateway.dir);
		assert.equal(before.row('signs.processes').verdict, 'pass');
		assert.equal(before.row('network.ports').verdict, process.getuid() === 0 ? 'pass' : 'unknown', JSON.stringify(before.row('network.ports')));
		assert.equal(cli(gateway, ['panic']).status, 0);
		await until(() => audit(gateway.dir).row('signs.processes').verdict === 'fail', 'the kill switch in the audit log');
		assert.equal(cli(gateway, ['gateway', 'resume']).status, 0);
	} finally {
		await gateway.cleanup();
	}
});

/** Answers everything with yes, and says over its control socket where it listens. */
async function yesMan(dir) {
	const asked = new Set();
	const methods = { status: () => ({ gateway: { port: tcp.address().port, bind: 'loopback', auth: { mode: 'none' } }, sandbox: { tier: 'none', proof: 'failed' } }),
		'moltbot.secrets.show': () => ({ value: 'abcabcabcabcabcabc' }), 'sessions.list': () => ({ sessions: [{ key: 'agent:main:strange' }] }),
		'device.pair.list': () => ({ pending: [{ requestId: 'r1', displayName: 'somebody', platform: 'x' }], paired: [] }),
		'moltbot.sandbox.prove': () => ({ ok: false, escaped: 1, attempts: 2, tier: 'none', probes: [{ what: 'read a secret', got: 'success', held: false }] }) };
	const talk = (socket) => {
		socket.send(JSON.stringify({ type: 'event', event: 'connect.challenge', payload: { nonce: 'n' } }));
		socket.on('error', () => {});
		socket.on('message', (data) => {
			const frame = JSON.parse(data.toString());
			socket.send(JSON.stringify({ type: 'res', id: frame.id, ok: true, payload: methods[frame.method]?.() ?? {} }));
		});
	};
	const answer = (req, res) => {
		req.on('error', () => {});
		req.resume();
		asked.add(`${req.method} ${req.url}`);
		req.on('end', () => res.writeHead(200, { 'set-cookie': 'moltbot_session=1', 'access-control-allow-origin': '*' }).end(`{"ok":true,"path":${JSON.stringify(req.url)}}`));
	};
	const tcp = createServer({ maxHeaderSize: 1 << 20 }, answer).listen(0, '127.0.0.1');
	const unix = createServer(answer).listen(join(dir, 'control.sock'));
	for (const server of [tcp, unix]) {
		await new Promise((done) => (server.listening ? done() : server.once('listening', done)));
		new WebSocketServer({ server, maxPayload: 1 << 28 }).on('connection', talk);
	}
	/* and something else of its process listens, which nobody configured */
	const extra = createServer(answer).listen(0, '127.0.0.1');
	await new Promise((done) => extra.once('listening', done));
	return { asked, stop: () => { for (const s of [tcp, unix, extra]) { s.closeAllConnections(); s.close(); } } };
}

test('every attack finds a gateway that lets everything through', { skip }, async () => {
	const dir = state({});
	const server = await yesMan(dir);
	const { promise, resolve } = Promise.withResolvers();
	const { spawn } = await import('node:child_process');
	const child = spawn(program, ['security', 'audit', '--deep', '--json'], { env: { PATH: process.env.PATH, HOME: dir, MOLTBOT_STATE_DIR: dir }, stdio: ['ignore', 'pipe', 'inherit'] });
	let out = '';
	child.stdout.on('data', (d) => { out += d; });
	child.once('exit', resolve);
	assert.equal(await promise, 3);
	server.stop();
	rmSync(dir, { recursive: true, force: true });
	assert.ok(attacked().length >= 5);
	assert.deepEqual(attacked().filter((route) => !server.asked.has(route)), []);
	const report = JSON.parse(out);
	const found = (id) => report.checks.find((c) => c.id === id).verdict;
	for (const id of ['deep.routes', 'deep.methods', 'deep.scopes', 'deep.control', 'deep.host', 'deep.origin', 'deep.url_token', 'deep.forwarded', 'deep.paths', 'deep.frames',
		'deep.headers', 'deep.brute_force', 'deep.escapes', 'gateway.anonymous', 'gateway.control_ui', 'gateway.websocket', 'gateway.auth', 'network.auth_mode', 'credentials.token',
		...live])
		assert.equal(found(id), 'fail', `${id}: ${JSON.stringify(report.checks.find((c) => c.id === id))}`);
	assert.equal(found('sessions.unexpected'), 'unknown');
});

/** What only a running gateway can get wrong. */
const live = ['signs.devices', 'sandbox.tier', 'sandbox.proof', 'sandbox.tools', 'network.ports'];

test('every row that can fail is seen to fail here', () => {
	const rows = [...readFileSync(new URL('../../src/cli/checks/checks.def', import.meta.url), 'utf8').matchAll(/^CHECK\(\w+, "([^"]+)", \w+, \d+, \w+, "[^"]*", (\w+), (\w+)/gm)];
	const seen = new Set([...cases.map((c) => c[0]), ...live, 'logs.failed_auth', 'signs.processes', 'files.programs', 'credentials.other_processes', 'deep.reached',
		/* a person decides: these pass or are unknown */
		'sessions.unexpected', 'signs.sessions', 'logs.addresses']);
	assert.ok(rows.length > 80, `${rows.length} rows`);
	for (const [, id, check, deep] of rows) if (check !== 'NULL' && deep === 'false') assert.ok(seen.has(id), id);
});

/** Controls of lib/base/weak.def and the check that finds them missing in a real gateway. */
const controls = { HOST_CHECK: 'deep.host', ORIGIN_CHECK: 'deep.origin', FORWARDED: 'deep.forwarded', CREDENTIAL: 'gateway.anonymous', RATE_LIMIT: 'deep.brute_force',
	SCOPE_CHECK: 'deep.scopes', METHOD_WHO: 'deep.control', ENV_WIPE: 'credentials.other_processes' };
const weakRows = readFileSync(new URL('../../lib/base/weak.def', import.meta.url), 'utf8').match(/^WEAK_ROW\((\w+)/gm).map((m) => m.slice(9));

for (const [control, id] of Object.entries(controls)) {
	test(`a gateway without ${control} is found by ${id}`, { skip: skip || (weakRows.includes(control) ? false : `${control} cannot be left out yet`) }, async () => {
		buildHostile();
		const seen = [];
		for (const weak of [[], [control]]) {
			const gateway = weakGateway(weak, {});
			try {
				await gateway.start();
				seen.push(audit(gateway.dir, ['--deep', '--json'], {}, hostileProgram).row(id));
			} finally {
				await gateway.cleanup();
			}
		}
		if (id === 'credentials.other_processes') {
			/* other tests' programs may have tokens; what counts is ours */
			assert.ok(!seen[0].evidence.some((e) => e.includes('moltbot-')), JSON.stringify(seen[0]));
			assert.ok(seen[1].evidence.some((e) => e.includes('moltbot-')), JSON.stringify(seen[1]));
			reportWeak([control], [id]);
			return;
		}
		assert.equal(seen[0].verdict, 'pass', JSON.stringify(seen[0]));
		assert.equal(seen[1].verdict, 'fail', JSON.stringify(seen[1]));
		reportWeak([control], [id]);
	});
}
