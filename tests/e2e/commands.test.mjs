// The command line: every command from one table, and what each does with a gateway and without one.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { after, before, describe } from 'node:test';
import { cli, Gateway, isBuilt, program, until } from './lib/gateway.mjs';

const skip = isBuilt() ? false : 'the gateway is not built';
const root = new URL('../../', import.meta.url);
const has = (name) => !spawnSync('sh', ['-c', `command -v ${name}`]).status;

/** A state directory without a gateway. */
class Place {
	constructor(text) {
		this.dir = mkdtempSync(join(tmpdir(), 'moltbot-place-'));
		this.file = join(this.dir, 'moltbot.json');
		if (text !== undefined) writeFileSync(this.file, text, { mode: 0o600 });
	}

	run(...args) {
		return cli(this, args);
	}

	editor(script) {
		const path = join(this.dir, 'editor');
		writeFileSync(path, `#!/bin/sh\n${script}\n`);
		chmodSync(path, 0o700);
		return { PATH: process.env.PATH, HOME: this.dir, MOLTBOT_STATE_DIR: this.dir, EDITOR: path };
	}

	text() {
		return readFileSync(this.file, 'utf8');
	}

	cleanup() {
		rmSync(this.dir, { recursive: true, force: true });
	}
}

describe('the table of commands', { skip }, () => {
	let place;
	let names;
	before(() => {
		place = new Place();
		names = JSON.parse(place.run('help', '--json').stdout).map((c) => c.command);
	});
	after(() => place?.cleanup());

	test('has every command that is promised', () => {
		const promised = ['gateway run', 'gateway status', 'gateway call', 'gateway health', 'gateway probe', 'gateway stop', 'gateway restart',
			'gateway install', 'status', 'health', 'agent', 'chat', 'sessions', 'config get', 'config set', 'config unset', 'config edit',
			'config validate', 'config schema', 'config history', 'config rollback', 'devices list', 'models', 'dashboard', 'doctor', 'logs',
			'secrets show', 'completion'];
		assert.deepEqual(promised.filter((name) => !names.includes(name)), []);
	});

	test('each has help, a manual page, completions and its place in docs/commands.md', () => {
		const doc = readFileSync(new URL('docs/commands.md', root), 'utf8');
		const shells = ['bash', 'zsh', 'fish'].map((shell) => place.run('completion', shell).stdout);
		for (const name of names) {
			const help = place.run(...name.split(' '), '--help');
			assert.equal(help.status, 0, name);
			assert.match(help.stdout, new RegExp(`moltbot ${name}`));
			assert.match(place.run('help', ...name.split(' '), '--man').stdout, /^\.TH MOLTBOT 1/, name);
			assert.ok(doc.includes(`\n## moltbot ${name}`), `docs/commands.md has no ${name}`);
			for (const text of shells) assert.ok(text.includes(name.split(' ').at(-1)), `${name} is not completed`);
		}
	});

	test('gateway run --json logs an object a line', async () => {
		const gateway = new Gateway({ args: ['--json', '--debug'] });
		try {
			await gateway.start();
			await until(() => gateway.output.includes('"message":"self-proof passed'), 'the self-proof');
			await gateway.stop();
			const lines = gateway.output.trim().split('\n').map((line) => JSON.parse(line));
			const seen = lines.find((l) => l.process === 'supervisor' && l.message === 'listening');
			assert.equal(seen?.address, `127.0.0.1:${gateway.port}`, gateway.output);
			assert.ok(lines.every((l) => !Number.isNaN(Date.parse(l.time)) && /^(error|warn|info|debug)$/.test(l.level) && l.message), gateway.output);
			assert.ok(lines.some((l) => l.process !== 'supervisor'), 'of other processes too');
		} finally {
			await gateway.cleanup();
		}
	});

	test('of the variables of three eras gateway and command take the same one', async () => {
		const env = { MOLTBOT_GATEWAY_TOKEN: '', OPENCLAW_GATEWAY_TOKEN: 'o'.repeat(40), CLAWDBOT_GATEWAY_TOKEN: 'c'.repeat(40) };
		const gateway = await new Gateway({ env }).start();
		try {
			const health = () => spawnSync(program, ['health', '--url', gateway.url(), '--json'], { encoding: 'utf8', env: { PATH: process.env.PATH, HOME: gateway.dir, ...env } });
			assert.equal((await until(() => { const h = health(); return h.status === 0 && h; }, 'health of the gateway')).stdout.includes('"ok": true'), true);
		} finally {
			await gateway.cleanup();
		}
	});

	test('gateway run --bind listens there, and says why it does not', async () => {
		for (const [where, env] of [['127.0.0.2', {}], ['loopback', {}], ['auto', {}]]) {
			const gateway = new Gateway({ args: ['--bind', where], env });
			try {
				await gateway.start({ wait: false });
				const at = /^\d/.test(where) ? where : '127.0.0.1';
				await until(() => gateway.output.includes(`listening address=${at}:${gateway.port}`), `${where}: ${gateway.output}`);
				assert.ok(await until(async () => (await fetch(`http://${at}:${gateway.port}/healthz`).catch(() => null))?.ok, `${where} answers`));
			} finally {
				await gateway.cleanup();
			}
		}
		for (const [args, env, why] of [[['--bind', 'nope'], {}, /MOLTBOT_GATEWAY_BIND says "nope": expected one of auto loopback lan/],
			[['--bind', 'lan'], {}, /gateway\.bind: "lan" can be reached from other machines in clear text/],
			[['--bind', '0.0.0.0'], {}, /this address can be reached from other machines in clear text/],
			[[], { CLAWDBOT_GATEWAY_BIND: 'nowhere' }, /CLAWDBOT_GATEWAY_BIND says "nowhere"/]]) {
			const gateway = new Gateway({ args, env });
			try {
				await gateway.start({ wait: false });
				assert.equal((await gateway.exited).code, 78, gateway.output);
				assert.match(gateway.output, why);
			} finally {
				await gateway.cleanup();
			}
		}
	});

	test('docs/commands.md and docs/options.md are what the tables say', () => {
		assert.equal(readFileSync(new URL('docs/commands.md', root), 'utf8'), place.run('help', '--markdown').stdout);
		const config = join(program, '../../config/moltbot-config');
		assert.equal(readFileSync(new URL('docs/options.md', root), 'utf8'), spawnSync(config, ['--options-doc'], { encoding: 'utf8' }).stdout);
	});

	test('wrong usage is 64 and names the help; with --json the reason is data', () => {
		for (const args of [['no-such'], ['gateway', 'call'], ['health', '--no-such'], ['sessions', '--limit', 'x'], ['config', 'set', 'a']]) {
			const { status, stderr } = place.run(...args);
			assert.equal(status, 64, args.join(' '));
			assert.match(stderr, /moltbot/);
		}
	});

	test('without a gateway each that needs one says so: status 1, on standard error, as data with --json', () => {
		for (const args of [['health'], ['gateway', 'health'], ['gateway', 'call', 'health'], ['sessions'], ['models'], ['devices', 'list'],
			['gateway', 'stop'], ['gateway', 'restart'], ['config', 'history'], ['dashboard'], ['secrets', 'show', 'gateway-token']]) {
			const plain = place.run(...args);
			assert.equal(plain.status, 1, args.join(' '));
			assert.match(plain.stderr, /not running|moltbot gateway run/, args.join(' '));
			const data = place.run(...args, '--json');
			assert.equal(data.status, 1);
			assert.equal(JSON.parse(data.stdout).ok, false, args.join(' '));
		}
	});
});

describe('with a gateway', { skip }, () => {
	let gateway;
	before(async () => {
		gateway = await new Gateway().start();
		assert.equal(cli(gateway, ['agent', '-m', 'what is 6*7']).status, 0);
	});
	after(async () => { await gateway?.cleanup(); });

	const plain = {
		'health': [/^OK \(\d+ ms\)/, (d) => d.ok === true],
		'gateway health': [/^OK/, (d) => d.ok === true],
		'gateway call sessions.list --params {limit:1}': [/"sessions"/, (d) => d.count === 1],
		'gateway probe': [/control\.sock +ok[\s\S]*healthz +ok/, (d) => d.ok && d.doors.length === 2 && d.doors.every((door) => door.ok)],
		'sessions': [/agent:main:main/, (d) => d.sessions[0].key === 'agent:main:main'],
		'sessions --search nothing-has-this': [/No session fits/, (d) => d.sessions.length === 0],
		'models': [/offline\/offline/, (d) => Array.isArray(d.models)],
		'status --deep': [/Health\n +answered/, (d) => d.probe.ok === true],
		'status --all': [/Processes/, (d) => d.ok],
	};
	for (const [line, [text, data]] of Object.entries(plain)) {
		test(line, () => {
			const out = cli(gateway, line.split(' '));
			assert.equal(out.status, 0, out.stderr);
			assert.match(out.stdout, text);
			assert.doesNotMatch(out.stdout, /\u001b/); /* piped: no colours */
			const json = cli(gateway, [...line.split(' '), '--json']);
			assert.equal(json.status, 0, json.stderr);
			assert.ok(data(JSON.parse(json.stdout)), json.stdout);
		});
	}

	test('on a terminal there are colours, and none with NO_COLOR', { skip: has('script') ? false : 'script(1) is not there' }, () => {
		const env = { PATH: process.env.PATH, HOME: gateway.dir, MOLTBOT_STATE_DIR: gateway.dir, TERM: 'xterm' };
		const run = (more) => spawnSync('script', ['-qec', `${program} status`, '/dev/null'], { encoding: 'utf8', env: { ...env, ...more } }).stdout;
		assert.match(run({}), /\u001b\[/);
		assert.doesNotMatch(run({ NO_COLOR: '1' }), /\u001b\[/);
	});

	test('gateway call: what is refused says why, status 1; parameters that are none, status 64', () => {
		const refused = cli(gateway, ['gateway', 'call', 'chat.history', '--params', '{nope: 1}']);
		assert.equal(refused.status, 1);
		assert.match(refused.stderr, /invalid chat\.history params/);
		assert.equal(cli(gateway, ['gateway', 'call', 'health', '--params', '[1]']).status, 64);
		assert.equal(cli(gateway, ['gateway', 'call', 'health', '--params', '{']).status, 64);
	});

	test('health is 1 while the kill switch is on', () => {
		assert.equal(cli(gateway, ['panic']).status, 0);
		assert.equal(cli(gateway, ['health']).status, 1);
		assert.equal(cli(gateway, ['gateway', 'resume']).status, 0);
		assert.equal(cli(gateway, ['health']).status, 0);
	});

	test('gateway restart of one that was started by hand is refused and says what to do', () => {
		const out = cli(gateway, ['gateway', 'restart']);
		assert.equal(out.status, 1);
		assert.match(out.stderr, /no service of systemd[\s\S]*gateway stop/);
		assert.equal(cli(gateway, ['health']).status, 0);
	});

	test('secrets show gives the token at the control socket, and never over TCP', async () => {
		const own = await new Gateway({ token: '', env: { MOLTBOT_GATEWAY_TOKEN: '' } }).start();
		try {
			const token = cli(own, ['secrets', 'show', 'gateway-token']).stdout.trim();
			assert.ok(token.length >= 16);
			const remote = cli(own, ['secrets', 'show', 'gateway-token', '--url', `ws://127.0.0.1:${own.port}`], {
				env: { PATH: process.env.PATH, HOME: own.dir, MOLTBOT_STATE_DIR: own.dir, MOLTBOT_GATEWAY_TOKEN: token } });
			assert.notEqual(remote.status, 0);
			assert.ok(!remote.stdout.includes(token));
		} finally {
			await own.cleanup();
		}
	});

	test('config edit: a wrong text changes nothing, shows its line, and is gone on with; a right one is taken', async () => {
		const file = join(gateway.dir, 'moltbot.json');
		const before = readFileSync(file, 'utf8');
		const place = Object.assign(Object.create(Place.prototype), { dir: gateway.dir, file });
		const wrong = cli(gateway, ['config', 'edit'], { env: place.editor(`sed -i '1s/^{/{ "loging": 1, /' "$1"`) });
		assert.equal(wrong.status, 1);
		assert.match(wrong.stderr, /line 1, column 3.*loging/);
		assert.equal(readFileSync(file, 'utf8'), before);
		assert.ok(existsSync(`${file}.edit.json5`));
		const right = cli(gateway, ['config', 'edit'], { env: place.editor(`sed -i 's/"loging": 1/"logging": {"level": "debug"} \\/* loud *\\//' "$1"`) });
		assert.equal(right.status, 0, right.stderr);
		assert.match(right.stdout, /refused the last time[\s\S]*written/);
		assert.match(readFileSync(file, 'utf8'), /\/\* loud \*\//);
		assert.ok(!existsSync(`${file}.edit.json5`));
		assert.equal(cli(gateway, ['config', 'get', 'logging.level']).stdout, 'debug\n');
		assert.match(cli(gateway, ['config', 'history']).stdout, /control socket +\(now\)/);
		assert.match(cli(gateway, ['config', 'edit'], { env: place.editor('true') }).stdout, /nothing was changed/);
	});
});

describe('without a gateway', { skip }, () => {
	let place;
	before(() => { place = new Place('{\n\t// mine\n\tgateway: { port: 1234 }, // door\n}\n'); });
	after(() => place?.cleanup());

	test('config get, set and unset work on the file, keep its comments, and keep what was replaced', () => {
		assert.equal(place.run('config', 'get', 'gateway.port').stdout, '1234\n');
		assert.equal(place.run('config', 'set', 'gateway.port', '1235').status, 0);
		assert.match(place.text(), /\/\/ mine\n\tgateway: \{ port: 1235 \}, \/\/ door/);
		assert.equal(place.run('config', 'set', 'logging.level', 'debug').status, 0);
		assert.equal(place.run('config', 'get', 'logging.level').stdout, 'debug\n');
		assert.equal(place.run('config', 'unset', 'logging.level').status, 0);
		assert.equal(place.run('config', 'get', 'logging.level').status, 1);
		assert.equal(readdirSync(join(place.dir, 'config-history')).length, 3);
		assert.match(place.text(), /\/\/ mine/);
	});

	test('config set refuses what the gateway would not start with, and nothing changes', () => {
		const before = place.text();
		for (const [path, value] of [['gateway.port', '99999'], ['gateway.prot', '1'], ['gateway', '"x"']]) {
			const out = place.run('config', 'set', path, value);
			assert.equal(out.status, 1, path);
			assert.match(out.stderr, /:\d+:\d+: [\s\S]*as it was/);
		}
		assert.equal(place.text(), before);
	});

	test('a secret is not shown', () => {
		const other = new Place('{gateway: {auth: {token: "a-literal-secret-of-mine"}}}');
		const out = other.run('config', 'get');
		assert.equal(out.status, 0, out.stderr);
		assert.ok(!out.stdout.includes('a-literal-secret'));
		other.cleanup();
	});

	test('doctor shows old names; --repair replaces them, keeps comments and the former text', () => {
		const old = '{\n\t// the old way\n\tagent: {\n\t\tmodel: "openai/x",\n\t\tsandbox: { /* strict */ minTier: "full" },\n\t},\n' +
			'\tgateway: { port: 1236, token: "${MOLTBOT_GATEWAY_TOKEN}" }, // door\n\tsession: { idleMinutes: 30 },\n}\n';
		const other = new Place(old);
		const shown = other.run('doctor');
		assert.match(shown.stderr, /gateway\.token is gateway\.auth\.token now[\s\S]*agent\.model is agents\.defaults\.model now/);
		assert.match(shown.stdout, /names[\s\S]*moltbot doctor --repair/);
		assert.equal(other.text(), old);
		const env = { env: { PATH: process.env.PATH, HOME: other.dir, MOLTBOT_STATE_DIR: other.dir, MOLTBOT_GATEWAY_TOKEN: 'x'.repeat(20), OPENAI_API_KEY: 'y'.repeat(20) } };
		const repaired = cli(other, ['doctor', '--repair'], env);
		assert.match(repaired.stdout, /has the present names now/, repaired.stdout + repaired.stderr);
		for (const kept of ['// the old way', '/* strict */ minTier', '// door', '${MOLTBOT_GATEWAY_TOKEN}']) assert.ok(other.text().includes(kept), kept);
		assert.equal(cli(other, ['config', 'get', 'agents.defaults.model'], env).stdout, 'openai/x\n');
		assert.equal(cli(other, ['config', 'get', 'session.reset.idleMinutes'], env).stdout, '30\n');
		assert.equal(readFileSync(join(other.dir, 'config-history', readdirSync(join(other.dir, 'config-history'))[0]), 'utf8'), old);
		assert.doesNotMatch(cli(other, ['doctor'], env).stdout, /names/);
		other.cleanup();
	});

	test('doctor --repair leaves what is there under both names', () => {
		const other = new Place('{agent: {model: "openai/a"}, agents: {defaults: {model: "openai/b"}}}');
		const out = other.run('doctor', '--repair');
		assert.match(out.stderr, /agent\.model stays: agents\.defaults\.model is there as well/);
		assert.match(other.text(), /openai\/a[\s\S]*openai\/b/);
		other.cleanup();
	});

	test('doctor shows what lies open to others; --repair closes it, and changes nothing behind a link', () => {
		const other = new Place('{}');
		const mode = (name) => (statSync(join(other.dir, name)).mode & 0o777).toString(8);
		writeFileSync(join(other.dir, 'elsewhere'), 'x');
		symlinkSync('elsewhere', join(other.dir, '.env'));
		for (const [name, bits] of [['moltbot.json', 0o664], ['elsewhere', 0o644], ['.', 0o755]]) chmodSync(join(other.dir, name), bits);
		const shown = other.run('doctor');
		assert.equal(shown.status, 1);
		assert.match(shown.stdout, /state[\s\S]*chmod 700 [\s\S]*chmod 600 .*moltbot\.json/);
		const repaired = other.run('doctor', '--repair').stdout;
		assert.match(repaired, /\.env is open to others \(mode 644\)/);
		assert.match(repaired, /moltbot\.json is closed to others now \(mode 600, was 664\)/);
		assert.deepEqual(['moltbot.json', '.', 'elsewhere'].map(mode), ['600', '700', '644']);
		other.cleanup();
	});
});

describe('gateway install', { skip }, () => {
	let place;
	before(() => { place = new Place(); });
	after(() => place?.cleanup());

	test('writes a user unit and shows it; a unit that says something else stays', () => {
		const out = place.run('gateway', 'install', '--user');
		const unit = join(place.dir, '.config/systemd/user/moltbot.service');
		assert.equal(out.status, 0, out.stderr);
		assert.ok(out.stdout.includes(readFileSync(unit, 'utf8')));
		assert.match(out.stdout, /systemctl --user/);
		assert.equal(place.run('gateway', 'install', '--user').status, 0);
		writeFileSync(unit, 'mine\n');
		assert.equal(place.run('gateway', 'install', '--user').status, 1);
		assert.equal(readFileSync(unit, 'utf8'), 'mine\n');
		assert.equal(place.run('gateway', 'install', '--user', '--force').status, 0);
	});

	test('systemd finds nothing wrong with either unit', { skip: has('systemd-analyze') ? false : 'systemd-analyze is not there' }, () => {
		for (const kind of ['--user', '--system']) {
			const { unit } = JSON.parse(place.run('gateway', 'install', kind, '--dry-run', '--json').stdout);
			const file = join(place.dir, 'moltbot.service');
			writeFileSync(file, unit);
			const out = spawnSync('systemd-analyze', ['verify', '--man=no', '--recursive-errors=no', file], { encoding: 'utf8' });
			assert.doesNotMatch(out.stderr, /moltbot\.service:\d+/, out.stderr);
		}
	});

	test('with the rights that the system unit leaves, the gateway has its full sandbox', { skip: process.getuid() === 0 && has('setpriv') ? false : 'needs root and setpriv' }, async () => {
		const { unit } = JSON.parse(place.run('gateway', 'install', '--system', '--dry-run', '--json').stdout);
		const caps = /^CapabilityBoundingSet=(.*)$/m.exec(unit)[1].split(' ').map((cap) => cap.replace('CAP_', '+').toLowerCase());
		const free = await new Gateway().start();
		const tier = async (g) => until(() => {
			const { sandbox } = JSON.parse(cli(g, ['health', '--json']).stdout);
			return sandbox.proof === 'passed' || sandbox.proof === 'failed' ? sandbox : null;
		}, 'the self-proof', 30000);
		const wanted = await tier(free);
		await free.cleanup();
		const wrapper = join(place.dir, 'bounded');
		writeFileSync(wrapper, `#!/bin/sh\numask 077\nulimit -c 0\nexec setpriv --no-new-privs --bounding-set=-all,${caps.join(',')} ${program} "$@"\n`);
		chmodSync(wrapper, 0o755);
		const bounded = await new Gateway({ program: wrapper }).start();
		try {
			const got = await tier(bounded);
			assert.equal(got.tier, wanted.tier);
			assert.equal(got.proof, 'passed');
			assert.match(cli(bounded, ['agent', '-m', 'run echo $((6*7))']).stdout, /42/);
		} finally {
			await bounded.cleanup();
		}
	});
});
