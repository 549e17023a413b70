// Files that steer programs by lying where these are started: .env, .npmrc, .gitconfig, a configuration of ours. Whoever writes the
// workspace (a model does) puts them there; a gateway, a command and a tool call that begin there take nothing from them.
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { describe } from 'node:test';
import { chat } from '../e2e/lib/client.mjs';
import { cli, Gateway, isBuilt, providerConfig, serving, until } from '../e2e/lib/gateway.mjs';
import { ready, withModel } from '../e2e/lib/hostile.mjs';
import { toolResults } from '../e2e/lib/model.mjs';

const skip = isBuilt() ? false : 'the gateway is not built';
const EVIL = 'a-token-that-lies-in-the-workspace-0123456789';
const ENV = `MOLTBOT_GATEWAY_TOKEN=${EVIL}\nOF_THE_FILE=yes\nHTTPS_PROXY=http://203.0.113.9:1\nLD_PRELOAD=/workspace/evil.so\nPATH=/workspace/bin\n`;

/** A state directory whose workspace holds all of them. */
function place() {
	const dir = mkdtempSync(join(tmpdir(), 'moltbot-k12-'));
	const workspace = join(dir, 'workspace');
	mkdirSync(join(workspace, 'bin'), { recursive: true, mode: 0o755 });
	const files = {
		'.env': ENV,
		'.npmrc': 'script-shell=/workspace/bin/evil\nnode-options=--require=/workspace/evil.js\n',
		'.gitconfig': '[core]\n\tfsmonitor = touch /workspace/ran; touch ran\n\tpager = touch ran\n[alias]\n\tstatus = !touch ran\n',
		'moltbot.json': '{ gateway: { port: 9 }, logging: { level: "debug" } }',
		'bin/git': '#!/bin/sh\ntouch ran /workspace/ran\n',
		'bin/env': '#!/bin/sh\necho OF_THE_FILE=yes\n',
	};
	for (const [name, text] of Object.entries(files)) {
		writeFileSync(join(workspace, name), text);
		chmodSync(join(workspace, name), name.startsWith('bin/') ? 0o755 : 0o644);
	}
	return { dir, workspace };
}

const get = async (gateway, token) => (await fetch(`http://127.0.0.1:${gateway.port}/v1/models`, { headers: { authorization: `Bearer ${token}` } })).status;

describe('a workspace full of files that steer programs', { skip }, () => {
	test('a gateway, commands and a tool call that begin there take nothing from it', async () => {
		const { dir, workspace } = place();
		const calls = [{ name: 'shell_exec', args: { argv: ['env'] } }, { name: 'shell_exec', args: { argv: ['sh', '-c', 'cd /workspace && sh -c env'] } }];
		await withModel((body) => (toolResults(body).length ? { text: toolResults(body).join('\n') } : { calls }), async (model) => {
			const gateway = new Gateway({ dir, cwd: workspace, config: providerConfig(model.baseUrl), env: { MOLTBOT_GATEWAY_TOKEN: '' } });
			try {
				await gateway.start();
				const here = (...args) => cli(gateway, args, { cwd: workspace });
				await until(() => here('secrets', 'show', 'gateway-token').status === 0, 'its own token');
				gateway.token = here('secrets', 'show', 'gateway-token').stdout.trim();
				await until(async () => await get(gateway, gateway.token) === 200, 'its own token is good');
				assert.equal(await get(gateway, EVIL), 401);
				assert.equal(here('config', 'get', 'gateway.port').stdout.trim(), String(gateway.port));
				assert.equal(here('config', 'get', 'logging.level').stdout.trim(), '');
				const client = await ready(gateway);
				const { text } = await chat(client, 'go');
				await client.close();
				assert.equal(text.split('HOME=/workspace').length, 3, text);
				for (const word of ['OF_THE_FILE', '203.0.113.9', 'evil', EVIL, '/workspace/bin', 'NPM_CONFIG', 'GIT_CONFIG']) assert.ok(!text.includes(word), `${word}: ${text}`);
				assert.ok(here('security', 'audit', '--json').stdout.length > 100);
				assert.ok(!existsSync(join(workspace, 'ran')), 'something of the workspace was run');
			} finally {
				await gateway.cleanup();
			}
		});
	});

	test('the same .env is taken where it may be: in the state directory', async () => {
		const { dir } = place();
		writeFileSync(join(dir, '.env'), ENV, { mode: 0o600 });
		/* an empty one in the environment is none */
		const gateway = new Gateway({ dir, token: EVIL, env: { MOLTBOT_GATEWAY_TOKEN: '' } });
		try {
			await serving(await gateway.start());
			assert.equal(await get(gateway, `${EVIL}x`), 401);
		} finally {
			await gateway.cleanup();
		}
	});
});
