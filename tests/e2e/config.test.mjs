// The configuration over the wire: shown without secrets, changed with its comments kept, refused as a whole when it is wrong, kept
// in a history; and for nobody who does not have admin.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, statSync, symlinkSync, rmSync, writeFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import test, { after, before, describe } from 'node:test';
import { Client, signIn } from './lib/client.mjs';
import { Device } from './lib/device.mjs';
import { cli, Gateway, isBuilt, until } from './lib/gateway.mjs';
import { limit } from './lib/limits.mjs';

const skip = isBuilt() ? false : 'the gateway is not built';
const MARK = '__MOLTBOT_REDACTED__';
const SECRET = 'sk-literal-secret-0123456789abcdef';
const sha256 = (text) => createHash('sha256').update(text).digest('hex');

const text = (port) => `// the owner's own words
{
  gateway: {
    port: ${port}, // do not touch
    allowedHosts: ["a.example"],
  },
  models: {
    providers: {
      local: { baseUrl: "http://127.0.0.1:9/v1", apiKey: "${SECRET}", models: [{ id: "m" }] },
      other: { baseUrl: "https://other.example/v1", apiKey: "\${OTHER_API_KEY}", models: [{ id: "n" }] },
    },
  },
  channels: { telegram: { botToken: '123456:telegram-secret' } },
  tools: { deny: ["file_delete"] },
}
`;

describe('the configuration over the wire', { skip }, () => {
	let gateway;
	let client;
	const file = () => join(gateway.dir, 'moltbot.json');
	const call = async (method, params) => {
		const frame = await client.request(method, params);
		return frame;
	};

	before(async () => {
		gateway = new Gateway({ env: { OTHER_API_KEY: 'other-key-value-0123456789' } });
		const { freePort } = await import('./lib/gateway.mjs');
		gateway.port = await freePort();
		gateway.options.configText = text(gateway.port);
		await gateway.start();
		client = await signIn(gateway);
	});
	after(async () => { await client?.close(); await gateway?.cleanup(); });

	test('config.get shows everything but secrets; the text keeps its comments', async () => {
		const got = await client.call('config.get');
		assert.equal(got.path, file());
		assert.equal(got.exists, true);
		assert.equal(got.valid, true);
		assert.equal(got.hash, sha256(text(gateway.port)));
		assert.match(got.raw, /the owner's own words/);
		assert.match(got.raw, /do not touch/);
		assert.equal(got.parsed.models.providers.local.apiKey, MARK);
		assert.equal(got.parsed.models.providers.other.apiKey, '${OTHER_API_KEY}');
		assert.equal(got.parsed.channels.telegram.botToken, MARK);
		assert.equal(got.config.gateway.port, gateway.port);
		const all = JSON.stringify(got);
		for (const secret of [SECRET, 'telegram-secret', 'other-key-value', gateway.token]) assert.ok(!all.includes(secret), secret);
	});

	test('config.schema is draft-07 with hints', async () => {
		const { schema, uiHints, version, generatedAt } = await client.call('config.schema');
		assert.equal(schema.$schema, 'http://json-schema.org/draft-07/schema#');
		assert.deepEqual(schema.properties.gateway.properties.port, { type: 'integer', minimum: 1, maximum: 65535, description: schema.properties.gateway.properties.port.description, default: 18789 });
		assert.equal(schema.properties.gateway.additionalProperties, false);
		assert.deepEqual(schema.properties.gateway.properties.reload.properties.mode.enum, ['off', 'restart', 'hot', 'hybrid']);
		assert.equal(schema.properties.models.properties.providers.additionalProperties.properties.baseUrl.type, 'string');
		assert.equal(uiHints['models.providers.*.apiKey'].sensitive, true);
		assert.equal(uiHints['gateway.port'].sensitive, false);
		assert.deepEqual(['models.providers.*.apiKey', 'models.providers.*.baseUrl', 'gateway.rateLimit.maxRequestsPerMinute', 'gateway.controlUi.enabled', 'gateway.remote.tlsFingerprint'].map((p) => uiHints[p]?.label),
			['API key', 'Base URL', 'Max requests per minute', 'Enabled', 'TLS fingerprint']);
		assert.ok(version && !Number.isNaN(Date.parse(generatedAt)));
	});

	test('config.set needs the hash, and that of now', async () => {
		for (const [baseHash, message] of [[undefined, 'config base hash required; re-run config.get and retry'], [sha256('x'), 'config changed since last load; re-run config.get and retry']]) {
			const frame = await call('config.set', { raw: '{}', ...(baseHash && { baseHash }) });
			assert.equal(frame.ok, false);
			assert.equal(frame.error.message, message);
		}
		assert.equal(readFileSync(file(), 'utf8'), text(gateway.port));
	});

	test('what is wrong is refused with every mistake at its place, and nothing is written', async () => {
		const { hash } = await client.call('config.get');
		const frame = await call('config.set', { raw: '{\n  gatway: {},\n  gateway: { port: 0 } }', baseHash: hash });
		assert.equal(frame.error.code, 'INVALID_REQUEST');
		assert.equal(frame.error.message, 'invalid config');
		assert.deepEqual(frame.error.details.issues.map((i) => [i.path, i.line, i.col]), [['gatway', 2, 3], ['gateway.port', 3, 20]]);
		for (const raw of ['{', '', '[1]', '7', '{ a: 1, a: 2 }', '{ __proto__: {} }']) assert.equal((await call('config.set', { raw, baseHash: hash })).error.message, 'invalid config', raw);
		assert.equal(readFileSync(file(), 'utf8'), text(gateway.port));
	});

	test('what was shown can be saved again: the mark keeps the secret, a reference stays one', async () => {
		const got = await client.call('config.get');
		const raw = got.raw.replace('a.example', 'b.example');
		const set = await client.call('config.set', { raw, baseHash: got.hash });
		assert.equal(set.ok, true);
		assert.equal(readFileSync(file(), 'utf8'), text(gateway.port).replace('a.example', 'b.example'));
		assert.equal(statSync(file()).mode & 0o777, 0o600);
		assert.ok(!JSON.stringify(set).includes(SECRET));
	});

	test('a mark where there is nothing to keep is refused', async () => {
		const { hash } = await client.call('config.get');
		const frame = await call('config.set', { raw: `{ gateway: { auth: { token: '${MARK}' } } }`, baseHash: hash });
		assert.match(frame.error.details.issues[0].message, /nothing to keep/);
		assert.match((await call('config.patch', { raw: `{ gateway: { auth: { token: '${MARK}' } } }`, baseHash: hash })).error.message, /nothing to keep/);
	});

	test('config.patch changes what it names and leaves every other byte', async () => {
		const old = readFileSync(file(), 'utf8');
		const patched = await client.call('config.patch', { baseHash: sha256(old), note: 'why',
			raw: `{ gateway: { allowedHosts: ['c.example'], rateLimit: { maxRequestsPerMinute: 60 } }, channels: null, tools: { deny: ['shell_exec'] }, models: { providers: { local: { apiKey: '${MARK}' } } } }` });
		assert.equal(patched.rewritten, undefined);
		assert.equal(patched.sentinel.payload.message, 'why');
		const now = readFileSync(file(), 'utf8');
		assert.match(now, /the owner's own words/);
		assert.match(now, /do not touch/);
		assert.match(now, /allowedHosts: \[\n/);
		assert.doesNotMatch(now, /telegram/);
		assert.ok(now.includes(SECRET) && now.includes('${OTHER_API_KEY}'));
		const got = await client.call('config.get');
		assert.equal(got.hash, patched.hash);
		assert.deepEqual(got.parsed.gateway.allowedHosts, ['c.example']);
		assert.equal(got.parsed.gateway.rateLimit.maxRequestsPerMinute, 60);
		assert.deepEqual(got.parsed.tools.deny, ['shell_exec']);
		assert.equal(got.parsed.channels, undefined);
	});

	test('the history says who and when, and any text comes back', async () => {
		const { entries } = await client.call('moltbot.config.history');
		assert.ok(entries.length >= 3);
		assert.equal(entries[0].current, true);
		assert.equal(entries[0].by, 'token');
		const first = entries.find((e) => e.hash === sha256(text(gateway.port)));
		assert.equal(first.by, 'by hand');
		assert.ok(Math.abs(first.ts - Date.now()) < 60000);
		await client.call('moltbot.config.rollback', { hash: first.hash, baseHash: entries[0].hash });
		assert.equal(readFileSync(file(), 'utf8'), text(gateway.port));
		const folder = join(gateway.dir, 'config-history');
		assert.equal(statSync(folder).mode & 0o777, 0o700);
		for (const name of readdirSync(folder)) assert.equal(statSync(join(folder, name)).mode & 0o777, 0o600);
	});

	test('the history is bounded: CONFIG_HISTORY_MAX', async () => {
		const most = limit('CONFIG_HISTORY_MAX');
		for (let i = 0; i < most + 5; i++) {
			const { hash } = await client.call('config.get');
			await client.call('config.patch', { raw: `{ gateway: { rateLimit: { maxRequestsPerMinute: ${100 + i} } } }`, baseHash: hash });
		}
		assert.equal(readdirSync(join(gateway.dir, 'config-history')).length, most);
		assert.equal((await client.call('moltbot.config.history')).entries.length, most);
	});

	test('two writers: the second learns that it is late', async () => {
		const { hash } = await client.call('config.get');
		const frames = await Promise.all([1, 2, 3, 4].map((n) => call('config.patch', { raw: `{ gateway: { rateLimit: { maxRequestsPerMinute: ${500 + n} } } }`, baseHash: hash })));
		assert.equal(frames.filter((f) => f.ok).length, 1);
		for (const f of frames.filter((g) => !g.ok)) assert.equal(f.error.message, 'config changed since last load; re-run config.get and retry');
	});

	test('a symbolic link is never replaced', async () => {
		const { hash, raw } = await client.call('config.get');
		const real = join(gateway.dir, 'real.json');
		writeFileSync(real, readFileSync(file()));
		rmSync(file());
		symlinkSync('real.json', file());
		const frame = await call('config.set', { raw, baseHash: hash });
		assert.match(frame.error.message, /symbolic link/);
		rmSync(file());
		writeFileSync(file(), readFileSync(real), { mode: 0o600 });
	});

	test('nobody without admin, whatever the connection asks for, and no model', async () => {
		const device = new Device();
		const scopes = ['operator.read', 'operator.write', 'operator.approvals', 'operator.pairing'];
		const present = (token) => (nonce) => ({ token, role: 'operator', scopes,
			device: device.present({ clientId: 'cli', clientMode: 'cli', role: 'operator', scopes, token, nonce }) });
		const first = new Client(gateway.url());
		const refused = await first.connect(present(gateway.token));
		assert.equal(cli(gateway, ['devices', 'approve', refused.error.details.requestId]).status, 0);
		const second = new Client(gateway.url());
		const hello = await second.connect(present(gateway.token));
		await second.close();
		const narrow = new Client(gateway.url());
		assert.equal((await narrow.connect(present(hello.payload.auth.deviceToken))).ok, true);
		for (const method of ['config.get', 'config.schema', 'config.set', 'config.patch', 'config.apply', 'moltbot.config.history', 'moltbot.config.rollback']) {
			const params = /set|patch|apply/.test(method) ? { raw: '{}' } : /rollback/.test(method) ? { hash: 'a'.repeat(64) } : {};
			const frame = await narrow.request(method, params);
			assert.equal(frame.error?.message, 'missing scope: operator.admin', method);
		}
		await narrow.close();
	});

	test('files that are included come along, secrets of theirs do not', async () => {
		mkdirSync(join(gateway.dir, 'parts'));
		writeFileSync(join(gateway.dir, 'parts/secret.json5'), '{ channels: { discord: { token: "discord-secret-value" } } }');
		const { hash, parsed } = await client.call('config.get');
		await client.call('config.patch', { raw: '{ $include: "parts/secret.json5" }', baseHash: hash });
		const got = await client.call('config.get');
		assert.equal(got.valid, true);
		assert.equal(got.config.channels.discord.token, MARK);
		assert.equal(got.parsed.$include, 'parts/secret.json5');
		assert.ok(!JSON.stringify(got).includes('discord-secret-value'));
		assert.ok(parsed);
		const out = await call('config.patch', { raw: '{ $include: "../../etc/hostname.json" }', baseHash: got.hash });
		assert.match(out.error.details.issues[0].message, /lies outside/);
	});

	test('every desk is gone when it has answered', async () => {
		await until(() => !gateway.processes().some((p) => /moltbot-config/.test(p.args)), 'no desk is left');
	});
});
