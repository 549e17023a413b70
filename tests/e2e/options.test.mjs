// Every option of the table, changed in a running gateway: what its reload class promises is what happens. hot: every process
// stays; process: whoever is signed in stays signed in; gateway: nothing happens, and it is said that a restart is needed.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { after, before, describe } from 'node:test';
import { signIn } from './lib/client.mjs';
import { Gateway, isBuilt, program, sleep, until } from './lib/gateway.mjs';

const skip = isBuilt() ? false : 'the gateway is not built';
const close = { headers: { connection: 'close' } }; /* a connection that stays keeps its process */
const rows = isBuilt() ? JSON.parse(spawnSync(join(program, '../../config/moltbot-config'), ['--options'], { encoding: 'utf8', maxBuffer: 1 << 24 }).stdout).options : [];

/* values that a type alone does not tell; null: it is said why it has no row of its own */
const VALUES = {
	'gateway.bind': 'auto', 'gateway.customBindHost': '127.0.0.1', 'gateway.publicDomain': 'chat.example.org', 'gateway.allowedHosts': ['a.example'],
	'gateway.allowedOrigins': ['https://a.example'], 'gateway.trustedProxies': ['10.0.0.1'], 'gateway.controlUi.basePath': '/other',
	'gateway.auth.token': '${MOLTBOT_GATEWAY_TOKEN}', 'gateway.auth.password': 'a-password-of-this-test', 'gateway.auth.mode': 'token',
	'agents.defaults.workspace': '/tmp/moltbot-other-workspace', 'agents.defaults.model': 'test/other', 'agents.defaults.model.primary': 'test/other',
	'agents.defaults.models.*.alias': 'short', 'agents.defaults.sandbox.docker.network': 'none', 'agents.defaults.sandbox.docker.capDrop': ['ALL'],
	'agents.defaults.sandbox.limits.wall': '20s', 'agents.defaults.sandbox.limits.cpu': '5s', 'agents.defaults.sandbox.limits.memory': '64MiB',
	'agents.defaults.sandbox.limits.output': '8KiB', 'agents.defaults.sandbox.limits.fileSize': '1MiB', 'agents.defaults.sandbox.docker.memory': '64MiB',
	'agents.defaults.sandbox.minTier': 'none', 'models.providers.*.baseUrl': 'http://127.0.0.1:8/v1', 'models.providers.*.apiKey': '${TEST_API_KEY}',
	'models.providers.*.models.[].id': 'other', 'models.providers.*.api': 'openai-completions', 'session.resetTriggers': ['/anew'], 'env.vars.*': 'x', 'env.*': 'x',
	'gateway.reload.mode': 'hybrid', 'gateway.port': 'PORT', 'gateway.controlUi.allowInsecureAuth': true,
	'gateway.remote.url': 'wss://gateway.example', 'gateway.remote.tlsFingerprint': 'ab:'.repeat(31) + 'cd',
	'gateway.tls.certPath': '/tmp/moltbot-other.pem', 'gateway.tls.keyPath': '/tmp/moltbot-other.key',
	'ui.assistant.name': 'Shelly', 'ui.assistant.avatar': 'S',
};
const NAMES = { 'env.vars.*': 'SOME_NAME', 'env.*': 'OTHER_NAME', 'agents.defaults.models.*.alias': 'test/m', 'agents.defaults.models.*.params.maxTokens': 'test/m' };

function valueOf(row) {
	if (row.path in VALUES) return VALUES[row.path];
	if (row.type === 'bool') return row.default !== 'true';
	if (row.type === 'int') return row.default === null ? Math.max(1, row.min) : Number(row.default) === row.max ? row.max - 1 : Number(row.default) + 1;
	if (row.type === 'enum') return row.values.split(' ').find((v) => v !== row.default);
	if (row.type === 'list') return ['calculator'];
	throw new Error(`the table of this test has no value for ${row.path} (${row.type})`);
}

/** config with value at path; * is a name, [] the first element of a list. */
function put(config, path, value) {
	const steps = path.split('.');
	let at = config;
	steps.forEach((raw, i) => {
		const step = raw === '*' ? NAMES[path] ?? 'test' : raw === '[]' ? 0 : raw;
		if (i === steps.length - 1) at[step] = value;
		else if (at[step] === null || typeof at[step] !== 'object') at[step] = steps[i + 1] === '[]' ? [{}] : {};
		at = at[step];
	});
	return config;
}

describe('an option is changed in a running gateway', { skip, concurrency: false }, () => {
	let gateway;
	let client;
	const count = (text) => gateway.log().split(text).length - 1;
	const base = () => ({ gateway: { port: gateway.port, reload: { debounceMs: 30 } }, agents: { defaults: { model: { primary: 'test/m' } } },
		models: { providers: { test: { baseUrl: 'http://127.0.0.1:9/v1', models: [{ id: 'm' }, { id: 'other' }] } } } });
	/* those that are forked for one run, and for one connection, come and go */
	const standing = () => gateway.processes().filter((p) => /moltbot-(audit|core|edge anon|gate|store|vault|dial|sandbox)$/.test(p.args));
	const gone = (was) => { const pids = new Set(gateway.processes().map((p) => p.pid)); return was.filter((p) => !pids.has(p.pid)).map((p) => p.args); };

	/** Nobody comes or goes any more. */
	async function settled() {
		const look = () => standing().map((p) => p.pid).join();
		let last = '';
		let same = 0;
		await until(async () => { const now = look(); same = now === last ? same + 1 : 0; last = now; await sleep(30); return same >= 10; }, 'nobody comes or goes', 20000);
	}

	async function edit(config) {
		const before = count('configuration taken');
		const path = join(gateway.dir, 'moltbot.json');
		writeFileSync(`${path}.tmp`, JSON.stringify(config), { mode: 0o600 });
		renameSync(`${path}.tmp`, path);
		await until(() => count('configuration taken') > before || /mistake/.test(gateway.output.slice(-300)), 'configuration taken', 20000);
		assert.ok(count('configuration taken') > before, gateway.output.slice(-600));
	}

	before(async () => {
		gateway = new Gateway({ token: 'the-token-of-this-test-0123456789', env: { TEST_API_KEY: 'k'.repeat(24) } });
		const { freePort } = await import('./lib/gateway.mjs');
		gateway.port = await freePort();
		gateway.options.configText = JSON.stringify(base());
		await gateway.start();
		client = await signIn(gateway);
		await until(async () => (await client.call('health', { probe: true })).sandbox.proof === 'passed', 'the self-proof', 30000);
	});
	after(async () => { await client?.close(); await gateway?.cleanup(); });

	for (const row of rows) {
		test(`${row.path}: ${row.reload}`, async () => {
			const value = valueOf(row);
			const was = standing();
			const config = put(base(), row.path, value === 'PORT' ? gateway.port + 1 : value);
			if (row.path === 'gateway.customBindHost') config.gateway.bind = 'custom';
			if (row.path === 'gateway.auth.password') config.gateway.auth.mode = 'token';
			await edit(config);
			await settled();
			assert.ok((await fetch(`http://127.0.0.1:${gateway.port}/healthz`, close)).ok, 'the port is served as before');
			assert.equal((await client.call('health')).ok, true, 'who is signed in stays signed in');
			/* the listener knows the names under which it may be asked, so an address makes a new one */
			const listener = row.reload === 'gateway' ? ['moltbot-edge anon'] : [];
			if (row.reload !== 'process') assert.deepEqual(gone(was).filter((name) => !listener.includes(name)), [], 'every process stays');
			/* what it was already changes nothing, nor does what TLS would use while it is off */
			if (row.reload === 'gateway' && !['gateway.bind', 'gateway.customBindHost', 'gateway.tls.autoGenerate', 'gateway.tls.certPath', 'gateway.tls.keyPath'].includes(row.path))
				await until(async () => (await client.call('health', { probe: true })).config === 'needs a restart', 'it is said that a restart is needed', 10000);
			await edit(base());
			await until(() => new Set(standing().map((p) => p.args)).size === 8, 'all are there again', 20000);
			await until(async () => (await fetch(`http://127.0.0.1:${gateway.port}/healthz`, close).catch(() => ({}))).ok, 'the listener answers', 20000);
			await settled();
			assert.equal((await client.call('health')).ok, true);
		});
	}
});
