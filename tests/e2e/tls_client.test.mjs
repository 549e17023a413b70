// The command line and a gateway that has TLS: the fingerprint that it shows, wss:// with it and without, and who gets no token.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import tls from 'node:tls';
import { cli, isBuilt, program } from './lib/gateway.mjs';
import { buildHostile, hostileProgram, reportWeak } from './lib/hostile.mjs';
import { TlsGateway } from './lib/tls.mjs';

const skip = isBuilt() ? false : 'the gateway is not built';
const TOKEN = 'a-token-that-must-stay-here-0123456789';

/** A folder that is removed at the end, as the state of a command line without a gateway. */
function elsewhere(t, config) {
	const dir = mkdtempSync(join(tmpdir(), 'moltbot-elsewhere-'));
	t.after(() => rmSync(dir, { recursive: true, force: true }));
	if (config) writeFileSync(join(dir, 'moltbot.json'), JSON.stringify(config), { mode: 0o600 });
	return dir;
}

/** The command line, while this process goes on serving: {code, out}. */
async function ask(dir, args, { env = {}, run = program, before = [] } = {}) {
	const child = spawn([...before, run][0], [...before, run, ...args].slice(1), { env: { PATH: process.env.PATH, HOME: dir, MOLTBOT_STATE_DIR: dir, MOLTBOT_GATEWAY_TOKEN: TOKEN, ...env } });
	let out = '';
	for (const from of [child.stdout, child.stderr]) from.on('data', (d) => { out += d; });
	const [code] = await once(child, 'close');
	return { code, out };
}

/** A pair of files for these names. */
function pair(dir, name, subject, names, ca) {
	const [certPath, keyPath] = [join(dir, `${name}.pem`), join(dir, `${name}.key`)];
	const made = spawnSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', keyPath, '-out', certPath, '-days', '2',
		'-subj', `/CN=${subject}`, ...(names ? ['-addext', `subjectAltName=${names}`, '-addext', 'basicConstraints=critical,CA:FALSE'] : []),
		...(ca ? ['-CA', ca.certPath, '-CAkey', ca.keyPath] : [])], { encoding: 'utf8' });
	assert.equal(made.status, 0, made.stderr);
	return { certPath, keyPath };
}

/** Somebody who speaks TLS at a port and writes down what he is told. */
async function stranger(t, files, options = {}) {
	const heard = [];
	const server = tls.createServer({ cert: readFileSync(files.certPath), key: readFileSync(files.keyPath), ...options }, (socket) => {
		socket.on('data', (d) => heard.push(d));
		socket.on('error', () => {});
	});
	server.on('tlsClientError', () => {});
	server.listen(0, '127.0.0.1');
	await once(server, 'listening');
	t.after(() => server.close());
	return { port: server.address().port, heard: () => Buffer.concat(heard).toString('latin1') };
}

test('the command line and a gateway with TLS', { skip }, async (t) => {
	const gateway = await new TlsGateway({ env: { MOLTBOT_GATEWAY_TOKEN: TOKEN } }).start();
	t.after(() => gateway.cleanup());
	const fingerprint = new X509Certificate(gateway.ca).fingerprint256;
	const url = `wss://127.0.0.1:${gateway.port}`;
	const health = (extra = []) => ['gateway', 'call', 'health', '--json', '--timeout', '20s', ...extra];

	await t.test('shows the fingerprint of its certificate', () => {
		assert.equal(JSON.parse(cli(gateway, ['gateway', 'status', '--json']).stdout).tlsFingerprint, fingerprint);
		assert.match(cli(gateway, ['gateway', 'status']).stdout, new RegExp(`sha256 +${fingerprint}`));
		assert.equal(JSON.parse(cli(gateway, ['dashboard', '--json']).stdout).tlsFingerprint, fingerprint);
		assert.match(gateway.output, new RegExp(`sha256=${fingerprint.replaceAll(':', '').toLowerCase()}`));
	});

	await t.test('gateway probe asks the port over TLS', () => {
		const { doors, ok } = JSON.parse(cli(gateway, ['gateway', 'probe', '--json']).stdout);
		assert.ok(ok, JSON.stringify(doors));
		assert.equal(doors[1].name, `https://127.0.0.1:${gateway.port}/healthz`);
	});

	await t.test('security audit --deep attacks it within TLS', () => {
		const report = JSON.parse(cli(gateway, ['security', 'audit', '--deep', '--json'], { env: { PATH: process.env.PATH, HOME: gateway.dir, MOLTBOT_STATE_DIR: gateway.dir, MOLTBOT_GATEWAY_TOKEN: TOKEN }, timeout: 120000 }).stdout);
		assert.equal(report.deep.gateway.ok, true, JSON.stringify(report.deep));
		assert.equal(report.deep.gateway.url, `https://127.0.0.1:${gateway.port}`);
		assert.deepEqual(report.checks.filter((c) => c.id.startsWith('deep.') && c.verdict === 'fail'), []);
		assert.equal(report.checks.find((c) => c.id === 'deep.websocket' || c.id === 'gateway.websocket').verdict, 'pass');
	});

	await t.test('wss:// of this state directory needs no fingerprint', async () => {
		const { code, out } = await ask(gateway.dir, health(['--url', url]));
		assert.equal(code, 0, out);
	});

	await t.test('from elsewhere it is good with the fingerprint, in any of its forms', async (t2) => {
		const dir = elsewhere(t2);
		for (const form of [fingerprint, fingerprint.toLowerCase(), fingerprint.replaceAll(':', ''), `sha256:${fingerprint}`]) {
			const { code, out } = await ask(dir, health(['--url', url, '--tls-fingerprint', form]));
			assert.equal(code, 0, out);
		}
	});

	await t.test('and with gateway.remote of a configuration, when no gateway runs there', async (t2) => {
		const dir = elsewhere(t2, { gateway: { remote: { url, tlsFingerprint: fingerprint } } });
		const { code, out } = await ask(dir, health());
		assert.equal(code, 0, out);
		const status = JSON.parse((await ask(dir, ['gateway', 'status', '--json'])).out);
		assert.equal(status.gateway.port, gateway.port);
		assert.equal(status.tlsFingerprint, undefined);
		assert.equal(status.pid, 0, 'that of a process there is no news here');
	});

	await t.test('no fingerprint, another one, and none at all', async (t2) => {
		const dir = elsewhere(t2);
		const unknown = await ask(dir, health(['--url', url]));
		assert.equal(unknown.code, 1);
		assert.match(unknown.out, new RegExp(`nobody vouches.*${fingerprint}`));
		const other = await ask(dir, health(['--url', url, '--tls-fingerprint', fingerprint.replace(/^../, fingerprint.startsWith('00') ? '01' : '00')]));
		assert.equal(other.code, 1);
		assert.match(other.out, /its certificate is another one/);
		for (const bad of ['ab', `${fingerprint}:00`, fingerprint.replace(/^./, 'g')])
			assert.equal((await ask(dir, health(['--url', url, '--tls-fingerprint', bad]))).code, 64, bad);
	});

	await t.test('clear text to a port with TLS is refused with what would be right', async () => {
		const { code, out } = await ask(gateway.dir, health(['--url', `ws://127.0.0.1:${gateway.port}`]));
		assert.equal(code, 1);
		assert.match(out, /wss:\/\//);
	});

	await t.test('TLS to a port that has none, and to nobody', async (t2) => {
		const { Gateway } = await import('./lib/gateway.mjs');
		const plain = await new Gateway().start();
		t2.after(() => plain.cleanup());
		const none = await ask(plain.dir, health(['--url', `wss://127.0.0.1:${plain.port}`]));
		assert.equal(none.code, 1);
		assert.match(none.out, /no TLS 1\.3 is spoken there/);
		assert.match((await ask(plain.dir, health(['--url', 'wss://127.0.0.1:1']))).out, /nobody listens/);
	});
});

test('a token goes to nobody else', { skip }, async (t) => {
	const dir = elsewhere(t);
	const [mine, other] = [pair(dir, 'mine', 'mine', 'IP:127.0.0.1'), pair(dir, 'other', 'other', 'IP:127.0.0.1')];
	const pin = new X509Certificate(readFileSync(mine.certPath)).fingerprint256;
	const call = (port, more, options) => ask(dir, ['gateway', 'call', 'health', '--timeout', '5s', '--url', `wss://127.0.0.1:${port}`, ...more], options);

	await t.test('not with another certificate, nor to TLS 1.2, and to the right one', async (t2) => {
		const thief = await stranger(t2, other);
		assert.match((await call(thief.port, ['--tls-fingerprint', pin])).out, /another one/);
		assert.match((await call(thief.port, [])).out, /nobody vouches/);
		assert.equal(thief.heard(), '');
		const old = await stranger(t2, mine, { maxVersion: 'TLSv1.2' });
		assert.match((await call(old.port, ['--tls-fingerprint', pin])).out, /no TLS 1\.3/);
		assert.equal(old.heard(), '');
		const right = await stranger(t2, mine);
		await call(right.port, ['--tls-fingerprint', pin]);
		assert.match(right.heard(), /^GET \/ HTTP\/1\.1\r\nHost: 127\.0\.0\.1:\d+\r\n[^]*Upgrade: websocket/);
	});

	await t.test('but goes to whoever answers once nobody looks', async (t2) => {
		buildHostile();
		for (const [env, hears] of [[{}, false], [{ MOLTBOT_WEAK: 'TLS_PIN' }, true]]) {
			const thief = await stranger(t2, other);
			await call(thief.port, ['--tls-fingerprint', pin], { env, run: hostileProgram });
			assert.equal(thief.heard().includes('Upgrade: websocket'), hears);
		}
		reportWeak(['TLS_PIN'], ['a request for somebody else']);
	});

	await t.test('without a fingerprint this machine decides, for the name that was asked for', { skip: spawnSync('unshare', ['-m', 'true']).status !== 0 ? 'no mount namespace here' : false }, async (t2) => {
		const ca = pair(dir, 'ca', 'an authority of this test');
		const trusting = ['unshare', '-m', 'sh', '-c', `mount --bind ${ca.certPath} /etc/ssl/certs/ca-certificates.crt && exec "$0" "$@"`];
		const [good, misnamed] = [await stranger(t2, pair(dir, 'good', 'good', 'IP:127.0.0.1', ca)), await stranger(t2, pair(dir, 'misnamed', 'misnamed', 'DNS:gateway.example', ca))];
		await call(good.port, [], { before: trusting });
		assert.match(good.heard(), /Upgrade: websocket/);
		assert.match((await call(misnamed.port, [], { before: trusting })).out, /nobody vouches/);
		assert.equal(misnamed.heard(), '');
		assert.match((await call(good.port, [])).out, /nobody vouches/, 'and only those whom it trusts');
	});
});
