// The original's command line, unchanged, as npm installs it, against our gateway: every row of rows.mjs. It presents a device
// of its own, which the owner approves once.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { after, before, describe } from 'node:test';
import { cli, Gateway, isBuilt, providerConfig, until } from '../e2e/lib/gateway.mjs';
import { lastUser, ModelServer } from '../e2e/lib/model.mjs';
import { Proxy } from './lib/proxy.mjs';
import { keep } from './lib/results.mjs';
import { rows } from './rows.mjs';

const skip = isBuilt() ? false : 'the gateway is not built';
const program = new URL('node_modules/openclaw/openclaw.mjs', import.meta.url).pathname;
const CLIENT = 'openclaw 2026.1.30, command line';

describe(CLIENT, { skip, concurrency: false }, () => {
	let gateway;
	let model;
	let proxy;
	let home;

	/** Runs it: {code, out}. */
	function original(args, ms = 180000) {
		return new Promise((done) => {
			const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'], timeout: ms,
				env: { HOME: home, PATH: process.env.PATH, TERM: 'dumb', NO_COLOR: '1', OPENCLAW_STATE_DIR: join(home, '.openclaw') } });
			let out = '';
			child.stdout.on('data', (d) => { out += d; });
			child.stderr.on('data', (d) => { out += d; });
			child.once('close', (code) => done({ code, out }));
		});
	}

	before(async () => {
		model = await new ModelServer((body) => ({ text: `you said ${lastUser(body)}` })).listen();
		/* its tokens keep to what a configuration of it may hold */
		gateway = await new Gateway({ token: 'Zx8-9aT4vQm2LrW7cYp1BnD6sKf3', config: providerConfig(model.baseUrl) }).start();
		proxy = await new Proxy(gateway.port).listen();
		home = mkdtempSync(join(tmpdir(), 'moltbot-original-'));
		mkdirSync(join(home, '.openclaw'), { mode: 0o700 });
		writeFileSync(join(home, '.openclaw/openclaw.json'), JSON.stringify({ plugins: { enabled: false },
			gateway: { mode: 'local', port: proxy.port, auth: { mode: 'token', token: gateway.token } } }), { mode: 0o600 });
		await until(() => cli(gateway, ['status', '--json']).stdout.includes('"proof": "passed"'), 'the self-proof', 30000);
	});
	after(async () => {
		await proxy?.close();
		await gateway?.cleanup();
		await model?.close();
		if (home) rmSync(home, { recursive: true, force: true });
	});

	test('is asked for approval of its device, and is let in after `moltbot devices approve`', async () => {
		const { code, out } = await original(['health']);
		assert.equal(code, 1);
		assert.match(out, /pairing required/);
		const { pending } = JSON.parse(cli(gateway, ['devices', 'list', '--json']).stdout);
		assert.equal(pending.length, 1);
		assert.equal(cli(gateway, ['devices', 'approve', pending[0].requestId]).status, 0);
		proxy.take();
	});

	for (const row of rows) {
		test(row.args.join(' '), async () => {
			const { code, out } = await original(row.args, row.ms);
			const connections = proxy.take();
			if (row.without) {
				assert.notEqual(code, 0, out);
				assert.match(out, new RegExp(`not available (yet|here): ${row.without}`), out);
			} else {
				assert.match(out, row.shows, out);
				assert.equal(code, row.exit ?? 0, out);
			}
			keep(CLIENT, row.args.join(' '), row, connections);
		});
	}
});
