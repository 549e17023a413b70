// Secrets that stand in the configuration and in the environment: whatever is asked for, and whatever goes wrong, none of them is in an
// answer, an event, a log, a command's output, the environment or the command line of a process.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { chat } from '../e2e/lib/client.mjs';
import { isBuilt, providerConfig } from '../e2e/lib/gateway.mjs';
import { hostileProgram, ready, seenToFail, withModel } from '../e2e/lib/hostile.mjs';

const skip = isBuilt() ? false : 'the gateway is not built';
const canary = (name) => `sk-CANARY-${name}-${randomBytes(18).toString('hex')}`;

/** One secret of each kind that a configuration may hold: those of what is here, and of what comes later or is left out. */
function secrets() {
	const names = ['provider', 'token', 'variable', 'telegram', 'hooks', 'search', 'skill', 'userinfo', 'environment'];
	return Object.fromEntries(names.map((name) => [name, canary(name)]));
}

function configWith(s, model) {
	const config = providerConfig(model.baseUrl, { provider: { apiKey: s.provider } });
	return { ...config, gateway: { auth: { token: s.token } }, env: { vars: { SOME_API_KEY: s.variable } }, channels: { telegram: { botToken: s.telegram } }, hooks: { token: s.hooks },
		tools: { web: { search: { apiKey: s.search } } }, skills: { entries: { x: { apiKey: s.skill } } }, browser: { cdpUrl: `http://user:${s.userinfo}@127.0.0.1:1/` } };
}

/** What a command printed. */
const printed = (args, env) => new Promise((resolve) => { execFile(hostileProgram, args, { env, encoding: 'utf8', timeout: 30000, maxBuffer: 1 << 26 }, (error, stdout, stderr) => resolve(stdout + stderr)).stdin.end(); });

/** Every method that shows something, and requests with mistakes beside a secret. */
async function ask(client, s) {
	const { hash, config } = await client.call('config.get', {});
	const raw = (text) => ({ raw: typeof text === 'string' ? text : JSON.stringify(text), baseHash: hash });
	const answers = [config];
	for (const [method, params] of [['config.get', {}], ['config.schema', {}], ['moltbot.config.history', {}], ['status', {}], ['health', { probe: true }], ['system-presence', {}], ['logs.tail', { limit: 1000, maxBytes: 500000 }], ['sessions.list', {}], ['models.list', {}],
		['agents.list', {}], ['channels.status', {}], ['skills.status', {}], ['device.pair.list', {}], ['config.set', raw(`{ models: { providers: { test: { apiKey: "${s.provider}", nonsense: "${s.provider}" } } }`)],
		['config.set', raw({ gateway: { auth: { token: { [s.token]: s.token } } }, hooks: { token: 7 } })], ['config.patch', raw({ models: { providers: { test: { apiKey: [s.provider] } } } })], ['config.patch', raw({ gateway: { rateLimit: { maxRequestsPerMinute: 999 } } })],
		['config.apply', raw('{')], ['chat.send', { sessionKey: 'main', message: 'hello', idempotencyKey: 'k' }]])
		answers.push(await client.request(method, params).then((frame) => (frame.ok ? frame.payload : frame.error), (error) => error.message));
	// what we sent ourselves is ours to know: of a mistake the gateway tells the place and not the text
	return { answers, events: client.events };
}

test('no secret of the configuration or the environment is told to anybody', { skip, timeout: 120000 }, async (t) => {
	await withModel(() => ({ status: 401, error: 'no such key' }), async (model) => {
		const came = await seenToFail(['CONFIG_SECRETS'], () => ({ start: false }), async (gateway) => {
			const s = secrets();
			Object.assign(gateway.options, { config: configWith(s, model), env: { OTHER_API_KEY: s.environment } });
			gateway.token = s.token;
			await gateway.start();
			const client = await ready(gateway);
			await chat(client, 'hello', { sessionKey: 'error' });
			const seen = Object.entries(await ask(client, s));
			await client.close();
			const bad = join(gateway.dir, 'bad.json');
			writeFileSync(bad, JSON.stringify({ ...configWith(s, model), nonsense: 1 }), { mode: 0o600 });
			const env = { PATH: process.env.PATH, HOME: gateway.dir, MOLTBOT_STATE_DIR: gateway.dir };
			for (const args of [['config', 'get'], ['config', 'get', '--json'], ['config', 'get', 'models'], ['config', 'history'], ['config', 'validate'], ['config', 'validate', bad], ['status', '--all'], ['status', '--json'], ['doctor'], ['security', 'audit', '--all'], ['logs']])
				seen.push([args.join(' '), await printed(args, env)]);
			for (const { pid } of [{ pid: gateway.child.pid }, ...gateway.processes()])
				for (const file of ['cmdline', 'environ']) {
					let text = '';
					try { text = readFileSync(`/proc/${pid}/${file}`, 'latin1'); } catch { /* it has ended, or is not ours to read */ }
					// the program that was started with an environment cannot take it back from the kernel's first copy, and ends up with none
					if (pid !== gateway.child.pid || file !== 'environ') seen.push([`${pid}/${file}`, text]);
				}
			seen.push(['log', gateway.log()], ['console', gateway.output], ['audit log', readFileSync(join(gateway.dir, 'audit.log'), 'utf8')]);
			for (const name of readdirSync(join(gateway.dir, 'store'))) seen.push([name, readFileSync(join(gateway.dir, 'store', name), 'latin1')]);
			assert.ok(seen.every(([, text]) => text !== undefined));
			return seen.flatMap(([where, what]) => { const text = typeof what === 'string' ? what : JSON.stringify(what); return Object.keys(s).filter((name) => text.includes(s[name])).map((name) => `${name} in ${where}`); });
		});
		t.diagnostic(`without the control: ${came.join(', ')}`);
	});
});
