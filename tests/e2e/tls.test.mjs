// TLS of the gateway itself: clients as they are (curl, Node, ws, the openai package), clients that mean no good, and processes that die.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { closeSync, copyFileSync, mkdirSync, mkdtempSync, openSync, readFileSync, readSync, rmSync, statSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { Client } from './lib/client.mjs';
import { cli, isBuilt, until } from './lib/gateway.mjs';
import { TlsGateway } from './lib/tls.mjs';

const skip = isBuilt() ? false : 'the gateway is not built';

/** Closed, however that came about. */
const closed = (socket) => socket.closed ? Promise.resolve() : new Promise((done, no) => {
	socket.once('close', done);
	setTimeout(() => no(new Error('not closed')), 60000).unref();
});

/** What the other side says to these bytes until it closes. */
async function say(port, bytes) {
	const socket = net.connect(port, '127.0.0.1');
	const chunks = [];
	socket.on('data', (d) => chunks.push(d));
	socket.on('error', () => {});
	socket.write(bytes);
	await closed(socket);
	return Buffer.concat(chunks).toString('latin1');
}

/** What a process has in memory, region by region; nothing when it has ended. */
function memoryOf(pid) {
	const regions = [];
	let mem;
	try {
		mem = openSync(`/proc/${pid}/mem`, 'r');
		for (const line of readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n')) {
			const [, from, to, rights] = /^([0-9a-f]+)-([0-9a-f]+) (....)/.exec(line) ?? [];
			if (!rights?.startsWith('rw')) continue;
			const region = Buffer.alloc(Number(BigInt(`0x${to}`) - BigInt(`0x${from}`)));
			try {
				readSync(mem, region, 0, region.length, BigInt(`0x${from}`));
				regions.push(region);
			} catch { /* it has gone, or is not to be read by anybody */ }
		}
	} catch (e) {
		if (!['ENOENT', 'ESRCH'].includes(e.code)) throw e;
	} finally {
		if (mem !== undefined) closeSync(mem);
	}
	return regions;
}

async function signIn(gateway) {
	const client = new Client(gateway.url(), { ca: gateway.ca });
	const answer = await client.connect({ token: gateway.token });
	assert.ok(answer.ok, JSON.stringify(answer.error));
	return client;
}

test('TLS with a certificate of its own', { skip }, async (t) => {
	const gateway = await new TlsGateway().start();
	t.after(() => gateway.cleanup());

	await t.test('curl, with that certificate and not without', () => {
		const url = `https://127.0.0.1:${gateway.port}/healthz`;
		const good = spawnSync('curl', ['-sS', '--cacert', join(gateway.dir, 'tls-cert.pem'), url], { encoding: 'utf8' });
		assert.equal(good.status, 0, good.stderr);
		const stranger = spawnSync('curl', ['-sS', url], { encoding: 'utf8' });
		assert.equal(stranger.status, 60, stranger.stderr);
	});

	await t.test('https of Node: TLS 1.3, one connection for several requests, and nothing that other programs of this machine would suffer from', async () => {
		const agent = new https.Agent({ keepAlive: true, maxSockets: 1 });
		const ports = new Set();
		agent.on('free', (socket) => ports.add(socket.localPort));
		for (let i = 0; i < 3; i++) {
			const res = await gateway.get('/healthz', { agent });
			assert.equal(res.status, 200);
			assert.equal(res.protocol, 'TLSv1.3');
			assert.equal(res.headers['strict-transport-security'], undefined, 'an address is no name to keep');
		}
		assert.equal(ports.size, 1);
		agent.destroy();
	});

	await t.test('wss: sign in, a question and its answer', async () => {
		const client = await signIn(gateway);
		assert.equal((await client.call('health', {})).ok, true);
		await client.close();
	});

	await t.test('the openai package, with the certificate that Node is told of', async () => {
		const script = `import OpenAI from 'openai';
			const client = new OpenAI({ baseURL: process.env.URL, apiKey: process.env.TOKEN, maxRetries: 20 });
			const answer = await client.chat.completions.create({ model: 'moltbot', messages: [{ role: 'user', content: 'hello' }] });
			console.log(answer.choices[0].message.role);`;
		const child = spawn(process.execPath, ['--input-type=module', '-e', script], { cwd: new URL('.', import.meta.url).pathname,
			env: { URL: `https://127.0.0.1:${gateway.port}/v1`, TOKEN: gateway.token, NODE_EXTRA_CA_CERTS: join(gateway.dir, 'tls-cert.pem') } });
		let out = '';
		for (const from of [child.stdout, child.stderr]) from.on('data', (d) => { out += d; });
		const [code] = await once(child, 'exit');
		assert.equal(code, 0, out);
		assert.equal(out.trim(), 'assistant');
	});

	await t.test('Host and Origin are those of https', async () => {
		const auth = { authorization: `Bearer ${gateway.token}` };
		for (const host of [`localhost:${gateway.port}`, `[::1]:${gateway.port}`, `127.0.0.1:${gateway.port}`])
			assert.equal((await gateway.get('/healthz', { headers: { host } })).status, 200, host);
		for (const host of ['evil.example', `evil.example:${gateway.port}`, '127.0.0.1', `10.0.0.1:${gateway.port}`])
			assert.equal((await gateway.get('/healthz', { headers: { host } })).status, 421, host);
		const post = (origin) => gateway.get('/v1/chat/completions', { method: 'POST', headers: { ...auth, origin, 'content-type': 'application/json' }, body: '{}' });
		assert.equal((await post(`http://127.0.0.1:${gateway.port}`)).status, 403);
		assert.notEqual((await post(`https://127.0.0.1:${gateway.port}`)).status, 403);
	});

	await t.test('a session of a browser has a cookie that goes over https only', async () => {
		const link = cli(gateway, ['dashboard', '--json']);
		assert.equal(link.status, 0, link.stderr);
		const { url } = JSON.parse(link.stdout);
		assert.match(url, new RegExp(`^https://127.0.0.1:${gateway.port}/#claim=`));
		const res = await gateway.get('/claim', { method: 'POST', headers: { 'content-type': 'application/json', origin: `https://127.0.0.1:${gateway.port}` },
			body: JSON.stringify({ code: url.split('#claim=')[1] }) });
		assert.equal(res.status, 200, res.body.toString());
		assert.match(res.headers['set-cookie'][0], /; Secure/);
	});

	await t.test('nothing before TLS 1.3, and no protocol but HTTP/1.1', async () => {
		for (const version of ['TLSv1', 'TLSv1.1', 'TLSv1.2'])
			await assert.rejects(gateway.shake({ minVersion: version, maxVersion: version, ciphers: 'ALL:@SECLEVEL=0' }), version);
		await assert.rejects(gateway.shake({ ALPNProtocols: ['h2'] }));
		const socket = await gateway.shake({ ALPNProtocols: ['h2', 'http/1.1'] });
		assert.equal(socket.alpnProtocol, 'http/1.1');
		assert.equal(socket.isSessionReused(), false);
		socket.destroy();
	});

	await t.test('clear text gets one line, garbage nothing, and neither anything else', async () => {
		const plain = await say(gateway.port, `GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:${gateway.port}\r\n\r\n`);
		assert.match(plain, /^HTTP\/1\.1 400 Bad Request\r\n[^]*\r\n\r\nThis port speaks HTTPS[^\n]*\n$/);
		assert.equal(await say(gateway.port, Buffer.alloc(3000, 0x80)), '');
		for (const hello of [Buffer.from([0x16, 3, 1, 0xff, 0xff, 1]), Buffer.concat([Buffer.from([0x16, 3, 1, 0, 200, 1, 0, 0, 196]), Buffer.alloc(196, 7)])]) {
			const answer = await say(gateway.port, Buffer.concat([hello, Buffer.alloc(20000, 0x41)]));
			assert.ok(answer === '' || answer.charCodeAt(0) === 0x15, 'an alert at most');
		}
		assert.equal((await gateway.get('/healthz')).status, 200);
	});

	await t.test('half-open handshakes, more than there is room for: others go on, and they end', async () => {
		const ended = [];
		for (let i = 0; i < 300; i++) {
			const socket = net.connect(gateway.port, '127.0.0.1');
			socket.on('error', () => {});
			ended.push(closed(socket));
			socket.write(i % 2 ? Buffer.from([0x16, 3, 1, 2, 0, 1]) : '');
		}
		await Promise.all(ended.slice(0, 30)); // the oldest made room
		for (let i = 0; i < 5; i++) assert.equal((await gateway.get('/healthz')).status, 200);
		await Promise.all(ended); // the time for a handshake is over
		assert.equal((await gateway.get('/healthz')).status, 200);
	});

	await t.test('a client that vanishes takes nobody with it', async () => {
		const client = await signIn(gateway);
		for (let i = 0; i < 20; i++) {
			const raw = net.connect(gateway.port, '127.0.0.1');
			const socket = await gateway.shake({ socket: raw });
			socket.on('error', () => {});
			socket.write(`POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:${gateway.port}\r\nContent-Length: 100000\r\n\r\n{`);
			raw.resetAndDestroy();
		}
		assert.equal((await client.call('health', {})).ok, true);
		await client.close();
	});

	await t.test('tls dies: its connections end, the gateway goes on', async () => {
		const client = await signIn(gateway);
		const before = gateway.pid('moltbot-tls');
		const core = gateway.processes().find((p) => p.args === 'moltbot-core').pid;
		process.kill(before, 'SIGKILL');
		await client.closed;
		await gateway.ready();
		assert.notEqual(gateway.pid('moltbot-tls'), before);
		assert.equal(gateway.processes().find((p) => p.args === 'moltbot-core').pid, core);
	});

	await t.test('tls/key dies: connections stay, handshakes come back with it, and it has the same key', async () => {
		const client = await signIn(gateway);
		const before = (await gateway.shake()).getPeerCertificate().fingerprint256;
		const pid = gateway.pid('moltbot-tls key');
		process.kill(pid, 'SIGKILL');
		await until(() => gateway.pid('moltbot-tls key') && gateway.pid('moltbot-tls key') !== pid, 'tls/key is back');
		await gateway.ready();
		assert.equal((await client.call('health', {})).ok, true);
		const socket = await gateway.shake();
		assert.equal(socket.getPeerCertificate().fingerprint256, before);
		socket.destroy();
		await client.close();
	});

	await t.test('after a restart the key is the same, and on the disk it is not in clear', async () => {
		const cert = gateway.ca.toString();
		await gateway.stop();
		const box = readFileSync(join(gateway.dir, 'tls.box'));
		assert.equal(statSync(join(gateway.dir, 'tls.box')).mode & 0o777, 0o600);
		assert.ok(!box.includes(Buffer.from('06082a8648ce3d030107', 'hex')), 'the name of the curve, which a key in clear has');
		await gateway.start();
		assert.equal(gateway.ca.toString(), cert);
	});
});

test('without gateway.tls there is no such process', { skip }, async (t) => {
	const { Gateway } = await import('./lib/gateway.mjs');
	const gateway = await new Gateway().start();
	t.after(() => gateway.cleanup());
	assert.deepEqual(gateway.processes().filter((p) => p.args.startsWith('moltbot-tls')), []);
});

test("TLS with the owner's files", { skip }, async (t) => {
	const dir = mkdtempSync(join(tmpdir(), 'moltbot-tls-'));
	t.after(() => rmSync(dir, { recursive: true, force: true }));
	const make = (name, kind) => {
		const [certPath, keyPath] = [join(dir, `${name}.pem`), join(dir, `${name}.key`)];
		const made = spawnSync('openssl', ['req', '-x509', '-newkey', ...kind, '-nodes', '-keyout', keyPath, '-out', certPath, '-days', '2',
			'-subj', '/CN=test', '-addext', 'subjectAltName=IP:127.0.0.1'], { encoding: 'utf8' });
		assert.equal(made.status, 0, made.stderr);
		spawnSync('chmod', ['600', keyPath]);
		return { certPath, keyPath };
	};
	const kinds = { 'P-256': ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'], 'P-384': ['ec', '-pkeyopt', 'ec_paramgen_curve:P-384'], RSA: ['rsa:2048'] };
	const files = Object.fromEntries(Object.entries(kinds).map(([name, kind]) => [name, make(name, kind)]));

	for (const name of Object.keys(kinds)) {
		await t.test(`${name}: clients that trust it come in`, async (t2) => {
			const gateway = await new TlsGateway({ tls: files[name], ca: files[name].certPath, config: { gateway: { publicDomain: 'moltbot.example' } } }).start();
			t2.after(() => gateway.cleanup());
			assert.equal((await gateway.get('/healthz')).status, 200);
			const named = await gateway.get('/healthz', { headers: { host: `moltbot.example:${gateway.port}` } });
			assert.match(named.headers['strict-transport-security'] ?? '', /max-age/);
			assert.equal((await gateway.get('/healthz', { headers: { host: `localhost:${gateway.port}` } })).headers['strict-transport-security'], undefined);
			assert.equal(new X509Certificate(readFileSync(join(gateway.dir, 'tls-cert.pem'))).fingerprint256, new X509Certificate(readFileSync(files[name].certPath)).fingerprint256);
		});
	}

	await t.test('the private key is in the memory of tls/key and not in that of tls', { skip: process.getuid() !== 0 ? 'only root reads their memory' : false }, async (t2) => {
		const gateway = await new TlsGateway({ tls: files['P-256'], ca: files['P-256'].certPath }).start();
		t2.after(() => gateway.cleanup());
		for (let i = 0; i < 5; i++) (await gateway.shake()).destroy();
		const { d } = createPrivateKey(readFileSync(files['P-256'].keyPath)).export({ format: 'jwk' });
		const secret = Buffer.from(d, 'base64url');
		const forms = [secret, Buffer.from(secret).reverse(), readFileSync(files['P-256'].keyPath).subarray(30, 90)];
		const found = (name) => forms.filter((form) => memoryOf(gateway.pid(name)).some((region) => region.includes(form))).length;
		assert.ok(found('moltbot-tls key') > 0, 'it is found where it is');
		assert.ok(memoryOf(gateway.pid('moltbot-tls')).length > 0);
		assert.equal(found('moltbot-tls'), 0);
		for (const { pid, args } of gateway.processes())
			if (args !== 'moltbot-tls key') assert.ok(!memoryOf(pid).some((region) => region.includes(forms[0]) || region.includes(forms[1])), args);
	});

	/** The gateway does not start, and says why. */
	const refused = async (tlsOptions, why) => {
		const gateway = await new TlsGateway({ tls: tlsOptions }).start({ wait: false });
		try {
			assert.equal((await gateway.exited).code, 78, gateway.output);
			assert.match(gateway.output, why);
		} finally {
			await gateway.cleanup();
		}
	};
	await t.test('a key that others may read is refused', async () => {
		const open = make('open', kinds['P-256']);
		spawnSync('chmod', ['640', open.keyPath]);
		await refused(open, /chmod 600/);
	});
	await t.test('a key that is not there, not of the certificate, or of no kind that clients know, is refused', async () => {
		await refused({ ...files['P-256'], keyPath: join(dir, 'none') }, /cannot be opened/);
		await refused({ ...files['P-256'], keyPath: files['P-384'].keyPath }, /not the key of the first certificate/);
		writeFileSync(join(dir, 'empty.key'), '', { mode: 0o600 });
		await refused({ ...files['P-256'], keyPath: join(dir, 'empty.key') }, /no private key in PEM/);
		await refused(make('small', ['rsa:1024']), /RSA of 2048 bits/);
	});
	await t.test('one file without the other, a relative path and a proxy besides are mistakes', async () => {
		await refused({ certPath: files.RSA.certPath }, /belong together/);
		await refused({ ...files.RSA, keyPath: 'RSA.key' }, /expected an absolute path/);
		await refused({ autoGenerate: false }, /autoGenerate: false needs/);
	});

	await t.test('TLS_PATH_MAX: a path of 1023 bytes and no longer', async (t2) => {
		const long = (len) => {
			let folder = dir;
			while (len - folder.length > 260) folder = join(folder, 'f'.repeat(Math.min(200, len - folder.length - 60)));
			mkdirSync(folder, { recursive: true });
			return join(folder, 'c'.repeat(len - folder.length - 1));
		};
		const certPath = long(1023);
		assert.equal(certPath.length, 1023);
		copyFileSync(files.RSA.certPath, certPath);
		const gateway = await new TlsGateway({ tls: { ...files.RSA, certPath }, ca: certPath }).start();
		t2.after(() => gateway.cleanup());
		assert.equal((await gateway.get('/healthz')).status, 200);
		await refused({ ...files.RSA, certPath: long(1024) }, /gateway\.tls\.certPath/);
	});
});
