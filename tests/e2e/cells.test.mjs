// What the configuration says of tool calls holds in the real cell, taken while the gateway runs: each limit is reached by a program
// that did more before it was set.
import assert from 'node:assert/strict';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { after, before, describe } from 'node:test';
import { chat, signIn } from './lib/client.mjs';
import { Gateway, isBuilt, providerConfig, until } from './lib/gateway.mjs';
import { ModelServer } from './lib/model.mjs';

const skip = isBuilt() ? false : 'the gateway is not built';
const spawning = (n) => `i=0; while [ $i -lt ${n} ]; do sleep 3 & i=$((i+1)); done; echo spawned`;
const filling = 'head -c 200000000 /dev/zero | tail -c 190000000 | wc -c';

describe('limits of cells', { skip }, () => {
	let gateway, model, client;
	const count = (text) => gateway.log().split(text).length - 1;
	const config = (sandbox, reload = {}) => {
		const whole = providerConfig(model.baseUrl);
		return { ...whole, agents: { defaults: { ...whole.agents.defaults, sandbox } },
			gateway: { ...(gateway && { port: gateway.port }), reload: { debounceMs: 30, ...reload }, rateLimit: { enabled: false } } };
	};
	const set = async (sandbox) => {
		const before = count('configuration taken');
		const path = join(gateway.dir, 'moltbot.json');
		writeFileSync(`${path}.tmp`, JSON.stringify(config(sandbox)), { mode: 0o600 });
		renameSync(`${path}.tmp`, path);
		await until(() => count('configuration taken') > before, 'the configuration is taken');
	};
	/** What the model is told of a command that ran in a cell, and how long the turn took. */
	const run = async (command) => {
		const from = performance.now();
		const end = await chat(client, JSON.stringify({ command }), { ms: 90000 });
		assert.equal(end.state, 'final');
		const last = model.requests.at(-1).body.messages.at(-1);
		assert.equal(last.role, 'tool');
		return { text: last.content, ms: performance.now() - from };
	};

	before(async () => {
		model = await new ModelServer((body) => {
			const last = body.messages.at(-1);
			if (last.role === 'tool') return { text: 'done' };
			const said = typeof last.content === 'string' ? last.content : last.content.map((c) => c.text).join('');
			return { calls: [{ name: 'shell_exec', args: JSON.parse(said.slice(said.indexOf('{'), said.lastIndexOf('}') + 1)) }] };
		}).listen();
		gateway = new Gateway({ config: config({}) });
		await gateway.start();
		client = await signIn(gateway);
		await until(async () => (await client.call('status', {})).sandbox.proof === 'passed', 'the self-proof', 30000);
	});
	after(async () => { await client?.close(); await model?.close(); await gateway?.cleanup(); });

	for (const [name, sandbox, command, free, bound] of [
		['limits.output', { limits: { output: '4KiB' } }, "head -c 20000 /dev/zero | tr '\\0' x",
			(r) => assert.ok(/x{20000}/.test(r.text)), (r) => { assert.match(r.text, /x{4096}/); assert.doesNotMatch(r.text, /x{4097}/); }],
		['limits.fileSize', { limits: { fileSize: '8KiB' } }, 'head -c 100000 /dev/zero > big; stat -c %s big; rm big',
			(r) => assert.match(r.text, /\b100000\b/), (r) => assert.match(r.text, /\b8192\b/)],
		['limits.memory', { limits: { memory: '64MiB' } }, filling,
			(r) => assert.match(r.text, /\b190000000\b/), (r) => assert.doesNotMatch(r.text, /\b190000000\b/)],
		['docker.memory', { docker: { memory: '64m' } }, filling,
			(r) => assert.match(r.text, /\b190000000\b/), (r) => assert.doesNotMatch(r.text, /\b190000000\b/)],
		['limits.processes', { limits: { processes: 8 } }, spawning(8),
			(r) => assert.match(r.text, /spawned/), (r) => assert.doesNotMatch(r.text, /spawned/)],
		['docker.pidsLimit', { docker: { pidsLimit: 8 } }, spawning(8),
			(r) => assert.match(r.text, /spawned/), (r) => assert.doesNotMatch(r.text, /spawned/)],
		['limits.wall', { limits: { wall: '2s' } }, 'sleep 4; echo awake',
			(r) => assert.match(r.text, /awake/), (r) => { assert.match(r.text, /over its time/); assert.doesNotMatch(r.text, /awake/); assert.ok(r.ms >= 1900, `${r.ms}`); }],
		['limits.cpu', { limits: { cpu: '1s' } }, 'i=0; while [ $i -lt 8000000 ]; do i=$((i+1)); done; echo counted',
			(r) => assert.match(r.text, /counted/), (r) => assert.doesNotMatch(r.text, /counted/)],
	]) {
		test(`agents.defaults.sandbox.${name}`, async () => {
			free(await run(command));
			await set(sandbox);
			bound(await run(command));
			await set({});
			free(await run(command));
		});
	}

	test('as many processes as the limit says, and not one more', async () => {
		await set({ limits: { processes: 8 } }); // init, the shell and six
		assert.match((await run(spawning(6))).text, /spawned/);
		assert.doesNotMatch((await run(spawning(7))).text, /spawned/);
		await set({ limits: { processes: 2 } });
		assert.match((await run('echo alone')).text, /alone/);
		assert.doesNotMatch((await run(spawning(1))).text, /spawned/);
		await set({});
	});

	test('a call that runs keeps what it was made with, and is not lost', async () => {
		const end = run('sleep 3; echo through');
		await until(() => model.requests.at(-1).body.messages.at(-1).content.includes?.('through'), 'the call is asked for');
		await set({ limits: { wall: '1s', output: '1KiB' } });
		assert.match((await end).text, /through/);
		await set({});
	});
});
