// The environment that the gateway is started with: variables that steer a program's loader, its proxies, its certificates or its
// shell reach no process of it and no program in a cell.
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { chat } from '../e2e/lib/client.mjs';
import { isBuilt, providerConfig } from '../e2e/lib/gateway.mjs';
import { ready, seenToFail, withModel } from '../e2e/lib/hostile.mjs';
import { toolResults } from '../e2e/lib/model.mjs';

const skip = isBuilt() ? false : 'the gateway is not built';

test('the loader of no process but the first is told what to do', { skip }, async () => {
	const traces = mkdtempSync(join(tmpdir(), 'moltbot-loader-'));
	await seenToFail(['ENV_WIPE', 'ENV_SPAWN'], (weak) => {
		mkdirSync(join(traces, String(weak.length)));
		return { env: { LD_DEBUG: 'libs', LD_DEBUG_OUTPUT: join(traces, String(weak.length), 'trace') } };
	}, async (gateway, weak) => {
		const pids = readdirSync(join(traces, String(weak.length))).map((name) => Number(name.split('.').pop()));
		return pids.filter((pid) => pid !== gateway.child.pid);
	});
	rmSync(traces, { recursive: true });
});

test('a program in a cell gets the fixed template', { skip }, async () => {
	const hostile = { LD_PRELOAD: '', BASH_ENV: '/tmp/evil', ENV: '/tmp/evil', PERL5OPT: '-Mevil', PYTHONSTARTUP: '/tmp/evil', IFS: 'x', HTTPS_PROXY: 'http://203.0.113.9', PLAIN: 'plain' };
	await withModel((body) => (toolResults(body).length ? { text: toolResults(body).at(-1) } : { calls: [{ name: 'shell_exec', args: { argv: ['env'] } }] }), async (model) => {
		await seenToFail(['ENV_WIPE', 'ENV_SPAWN', 'ENV_CELL', 'ENV_TOOL'], { config: providerConfig(model.baseUrl), env: hostile }, async (gateway) => {
			const client = await ready(gateway);
			const { text } = await chat(client, 'go');
			await client.close();
			if (!text.includes('HOME=/workspace') && !text.includes('PLAIN')) throw new Error(text);
			return Object.keys(hostile).filter((name) => new RegExp(`^${name}=`, 'm').test(text));
		});
	});
});
