// The key of the vault's box from outside of the state directory: a systemd credential, or MOLTBOT_VAULT_KEY.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { describe } from 'node:test';
import { signIn } from './lib/client.mjs';
import { cli, Gateway, isBuilt, until } from './lib/gateway.mjs';

const skip = isBuilt() ? false : 'the gateway is not built';

const healthy = (gateway) => fetch(`http://127.0.0.1:${gateway.port}/healthz`, { signal: AbortSignal.timeout(1000) }).then((res) => res.ok, () => false);

/** Starts, and says whether it came up and lets the owner in; ends it again. */
async function comesUp(gateway, env) {
	gateway.options.env = env;
	gateway.output = '';
	await gateway.start({ wait: false });
	const up = await until(async () => (/the box cannot be opened/.test(gateway.output) ? 'no' : (await healthy(gateway)) && 'yes'), 'up or refused') === 'yes';
	if (up) await (await signIn(gateway)).close();
	await gateway.stop();
	return up;
}

describe('the key of the vault', { skip }, () => {
	test('MOLTBOT_VAULT_KEY opens the box, and no key is written beside it; another one, or none, does not open it', async () => {
		const gateway = new Gateway();
		const key = randomBytes(32);
		try {
			assert.equal(await comesUp(gateway, { MOLTBOT_VAULT_KEY: key.toString('hex') }), true, gateway.output);
			assert.equal(existsSync(join(gateway.dir, 'vault.key')), false);
			assert.equal(existsSync(join(gateway.dir, 'vault.box')), true);
			assert.equal(await comesUp(gateway, { MOLTBOT_VAULT_KEY: key.toString('base64') }), true, gateway.output);
			assert.equal(await comesUp(gateway, { MOLTBOT_VAULT_KEY: randomBytes(32).toString('hex') }), false);
			assert.match(gateway.output, /the box cannot be opened/);
			assert.equal(await comesUp(gateway, {}), false);
		} finally {
			await gateway.cleanup();
		}
	});

	test('a credential of systemd does the same; the contents of an existing vault.key are one', async () => {
		const gateway = new Gateway();
		const credentials = mkdtempSync(join(tmpdir(), 'moltbot-credentials-'));
		try {
			assert.equal(await comesUp(gateway, {}), true);
			writeFileSync(join(credentials, 'moltbot-vault-key'), readFileSync(join(gateway.dir, 'vault.key')), { mode: 0o400 });
			rmSync(join(gateway.dir, 'vault.key'));
			assert.equal(await comesUp(gateway, { CREDENTIALS_DIRECTORY: credentials }), true, gateway.output);
			assert.equal(existsSync(join(gateway.dir, 'vault.key')), false);
		} finally {
			rmSync(credentials, { recursive: true });
			await gateway.cleanup();
		}
	});

	test('a key that is none, or two of them, start nothing', async () => {
		const gateway = new Gateway();
		const credentials = mkdtempSync(join(tmpdir(), 'moltbot-credentials-'));
		const run = (env) => cli(gateway, ['gateway', 'run'], { env: { PATH: process.env.PATH, HOME: gateway.dir, MOLTBOT_STATE_DIR: gateway.dir, ...env } });
		try {
			for (const bad of ['short', 'a'.repeat(63), 'g'.repeat(64), randomBytes(31).toString('base64'), `${randomBytes(32).toString('hex')}00`]) {
				const result = run({ MOLTBOT_VAULT_KEY: bad });
				assert.notEqual(result.status, 0);
				assert.match(result.stderr, /not 32 bytes/);
				assert.ok(!result.stderr.includes(bad), 'the text of the key is not shown');
			}
			writeFileSync(join(credentials, 'moltbot-vault-key'), '');
			assert.match(run({ CREDENTIALS_DIRECTORY: credentials }).stderr, /not 32 bytes/);
			writeFileSync(join(credentials, 'moltbot-vault-key'), randomBytes(32));
			assert.match(run({ CREDENTIALS_DIRECTORY: credentials, MOLTBOT_VAULT_KEY: randomBytes(32).toString('hex') }).stderr, /given twice/);
			assert.equal(existsSync(join(gateway.dir, 'vault.box')), false);
		} finally {
			rmSync(credentials, { recursive: true });
			await gateway.cleanup();
		}
	});

	test('no configuration can refer to it, and no process has it in its environment or arguments', async () => {
		const key = randomBytes(32).toString('hex');
		const gateway = new Gateway({ env: { MOLTBOT_VAULT_KEY: key } });
		try {
			await gateway.start();
			for (const p of [{ pid: gateway.child.pid }, ...gateway.processes()]) {
				for (const file of ['environ', 'cmdline']) {
					let text = '';
					try { text = readFileSync(`/proc/${p.pid}/${file}`, 'latin1'); } catch { /* not ours to read: not dumpable */ }
					assert.ok(!text.includes(key), `${file} of ${p.pid}`);
				}
			}
			await gateway.stop();
			gateway.options.configText = JSON.stringify({ gateway: { port: gateway.port, auth: { token: '${MOLTBOT_VAULT_KEY}' } } });
			gateway.output = '';
			await gateway.start({ wait: false });
			assert.equal((await gateway.exited).code, 78);
			assert.match(gateway.output, /MOLTBOT_VAULT_KEY is not set or empty/);
		} finally {
			await gateway.cleanup();
		}
	});
});
