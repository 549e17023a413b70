// The configuration changes while clients are connected: what is good is taken without anybody being signed out, what is wrong
// changes nothing and is said.
import assert from 'node:assert/strict';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { after, before, describe } from 'node:test';
import { chat, Client, signIn } from './lib/client.mjs';
import { Gateway, isBuilt, providerConfig, sleep, until } from './lib/gateway.mjs';
import { ModelServer } from './lib/model.mjs';

const skip = isBuilt() ? false : 'the gateway is not built';

describe('reload', { skip }, () => {
	let gateway;
	let client;
	let one;
	let two;
	const pids = () => new Map(gateway.processes().map((p) => [p.args.replace(/.*moltbot-/, ''), p.pid]));
	const count = (text) => gateway.log().split(text).length - 1;
	/** Writes the file as an editor does, and waits until it has been taken or refused. */
	const edit = async (config, word = 'configuration taken') => {
		const before = count(word);
		const path = join(gateway.dir, 'moltbot.json');
		writeFileSync(`${path}.tmp`, typeof config === 'string' ? config : JSON.stringify(config), { mode: 0o600 });
		renameSync(`${path}.tmp`, path);
		await until(() => count(word) > before, word);
	};
	const base = (model, extra = {}) => {
		const config = providerConfig(model.baseUrl);
		return { ...config, ...extra, gateway: { port: gateway.port, reload: { debounceMs: 50 }, ...extra.gateway } };
	};

	before(async () => {
		one = await new ModelServer(() => ({ text: 'I am one' })).listen();
		two = await new ModelServer(() => ({ text: 'I am two' })).listen();
		gateway = new Gateway({ config: { ...providerConfig(one.baseUrl), gateway: { reload: { debounceMs: 50 } } } });
		await gateway.start();
		client = await signIn(gateway);
	});
	after(async () => { await client?.close(); await one?.close(); await two?.close(); await gateway?.cleanup(); });

	test('another model answers, on the same connection', async () => {
		assert.match((await chat(client, 'who?')).text, /I am one/);
		const core = pids().get('core');
		await edit(base(two));
		await until(async () => /I am two/.test((await chat(client, 'who?')).text), 'the other model', 15000);
		assert.equal(pids().get('core'), core, 'core was not started anew');
	});

	test('a tool is denied, and allowed again', async () => {
		await edit(base(two, { tools: { deny: ['calculator'] } }));
		const config = await client.call('config.get');
		assert.deepEqual(config.config.tools.deny, ['calculator']);
		await edit(base(two));
	});

	test('a rate limit holds from now on', async () => {
		await edit(base(two, { gateway: { rateLimit: { maxRequestsPerMinute: 2 } } }));
		const frames = [];
		for (let i = 0; i < 4; i++) frames.push(await client.request('chat.send', { sessionKey: 'main', message: 'x', idempotencyKey: `rate-${i}-${Date.now()}` }));
		assert.equal(frames.filter((f) => f.ok).length, 2);
		assert.match(frames[3].error.message, /rate limit: more than 2/);
		await edit(base(two));
	});

	test('an origin may connect, and may not any more; the listener never refuses', async () => {
		const from = async () => {
			const c = new Client(gateway.url(), { origin: 'https://chat.example.org' });
			const how = await Promise.race([new Promise((done) => c.ws.once('open', () => done('open'))), c.closed.then(() => 'refused')]);
			c.ws.terminate();
			return how;
		};
		assert.equal(await from(), 'refused');
		await edit(base(two, { gateway: { allowedOrigins: ['https://chat.example.org'] } }));
		await until(async () => await from() === 'open', 'the origin');
		await edit(base(two));
		await until(async () => await from() === 'refused', 'no origin');
		assert.equal((await client.call('health')).ok, true, 'who was signed in still is');
	});

	test('a bad edit changes nothing, and log, status and event say so', async () => {
		const lasting = () => ['core', 'gate', 'store', 'audit', 'vault', 'dial', 'edge user'].map((name) => [name, pids().get(name)]);
		const before = lasting();
		client.events.length = 0;
		await edit('{ gatway: {} }', 'the configuration has mistakes');
		assert.match(gateway.log(), /the one that runs stays/);
		await until(() => /moltbot\.json:1:3: gatway: unknown key/.test(gateway.output), 'the mistake in words');
		await client.event((e) => e.event === 'health' && e.payload.config === 'refused');
		assert.equal((await client.call('health', { probe: true })).config, 'refused');
		assert.deepEqual(lasting(), before);
		assert.match((await chat(client, 'who?')).text, /I am two/);
		await edit(base(two));
		await until(async () => (await client.call('health', { probe: true })).config === 'taken', 'taken');
	});

	test('another port needs a restart of the gateway, and is said', async () => {
		await edit(base(two, { gateway: { port: gateway.port + 1 } }));
		await until(async () => (await client.call('health', { probe: true })).config === 'needs a restart', 'needs a restart');
		assert.match(gateway.log(), /the addresses to listen at have changed: restart the gateway/);
		await edit(base(two));
	});

	test('twenty edits in a second: the last one holds, and no process has died', async () => {
		const dead = count('process ended: restarting');
		const path = join(gateway.dir, 'moltbot.json');
		for (let i = 0; i < 20; i++) {
			writeFileSync(path, JSON.stringify(base(two, { gateway: { rateLimit: { maxRequestsPerMinute: 1000 + i } } })));
			await sleep(50);
		}
		await until(async () => {
			await sleep(300);
			return /1019/.test(readFileSync(path, 'utf8')) && (await client.call('health')).ok;
		}, 'settled');
		assert.match((await chat(client, 'who?')).text, /I am two/);
		assert.equal(count('process ended: restarting'), dead);
	});

	test('SIGHUP reads it again; mode off does not by itself', async () => {
		await edit(base(two, { gateway: { reload: { mode: 'off' } } }));
		const before = count('configuration taken');
		writeFileSync(join(gateway.dir, 'moltbot.json'), JSON.stringify(base(one, { gateway: { reload: { mode: 'off' } } })));
		await sleep(1000);
		assert.equal(count('configuration taken'), before);
		gateway.child.kill('SIGHUP');
		await until(() => count('configuration taken') > before, 'SIGHUP');
		await until(async () => /I am one/.test((await chat(client, 'who?')).text), 'the first model', 15000);
		const again = edit(base(one));
		gateway.child.kill('SIGHUP');
		await again;
	});

	test('a secret that vault refuses: back to what ran, and said; vault does not go on dying', async () => {
		const keyed = (key) => ({ ...base(one), models: { providers: { test: { ...base(one).models.providers.test, apiKey: key } } } });
		await edit(keyed('a-literal-key-0123456789'));
		await until(async () => one.requests.at(-1)?.headers.authorization === 'Bearer a-literal-key-0123456789' || !await chat(client, 'who?'), 'the key is used', 15000);
		const ends = count('process ended: restarting process=vault');
		await edit(keyed('another-literal-key-0123'), 'the former one is back');
		assert.match(gateway.log(), /another value for a secret that is sealed already/);
		assert.match(gateway.log(), /cannot run with the changed configuration.*process=vault/);
		await until(async () => (await client.call('health', { probe: true })).config === 'refused', 'refused');
		await until(async () => /I am one/.test((await chat(client, 'who?')).text), 'an answer', 15000);
		assert.equal(one.requests.at(-1).headers.authorization, 'Bearer a-literal-key-0123456789');
		await sleep(1500);
		assert.equal(count('process ended: restarting process=vault'), ends + 1);
		const other = await signIn(gateway); // vault answers
		await other.close();
		await edit(keyed('a-literal-key-0123456789'));
		await until(async () => (await client.call('health', { probe: true })).config === 'taken', 'taken');
	});

	test('mode hot: what would need a new process is not taken, and said; the rest is', async () => {
		const before = pids();
		await edit(base(two, { gateway: { reload: { mode: 'hot', debounceMs: 50 }, controlUi: { enabled: false }, rateLimit: { maxRequestsPerMinute: 77 } } }));
		assert.match(gateway.log(), /not taken: gateway.reload.mode is hot.*process=edge\/anon/);
		assert.equal(pids().get('edge anon'), before.get('edge anon'));
		assert.equal((await fetch(`http://127.0.0.1:${gateway.port}/`)).status, 200, 'the page is still served');
		assert.equal((await client.call('config.get')).config.gateway.rateLimit.maxRequestsPerMinute, 77);
		await edit(base(two));
		await until(async () => /I am two/.test((await chat(client, 'who?')).text), 'the second model', 15000);
	});

	test('mode restart: core starts anew for another list of tools, and nobody is signed out of the listener', async () => {
		const core = pids().get('core');
		await edit(base(one, { tools: { deny: ['calculator'] }, gateway: { reload: { mode: 'restart', debounceMs: 50 } } }));
		await until(() => pids().get('core') !== undefined && pids().get('core') !== core, 'another core', 15000);
		// the listener and core start anew: whoever comes too early is told to try again
		await until(async () => {
			client = await signIn(gateway).catch(() => undefined);
			const answer = client && await chat(client, 'who?', { ms: 5000 }).catch(() => undefined);
			if (!/I am one/.test(answer?.text ?? '')) await client?.close();
			return /I am one/.test(answer?.text ?? '');
		}, 'the first model', 30000);
		await edit(base(one));
	});

	test('RELOAD_DRAIN_MS: a run that is under way is finished; one that takes longer is ended and says so', async () => {
		const slow = await new ModelServer((body) => {
			const long = JSON.stringify(body.messages.at(-1)).includes('long');
			return { text: long ? 'slow '.repeat(60) : 'patient '.repeat(10), chunkMs: long ? 1000 : 300 };
		}).listen();
		try {
			await edit(base(slow));
			await until(async () => /patient/.test((await chat(client, 'who?')).text), 'the slow model', 30000);
			const short = chat(client, 'short', { sessionKey: 'short', ms: 60000 });
			await until(() => slow.requests.some((r) => r.raw.includes('short')), 'the model is asked');
			await edit(base(two));
			const end = await short;
			assert.equal(end.state, 'final', JSON.stringify(end));
			assert.match(end.text, /^(patient ){9}patient/);

			await edit(base(slow));
			await until(async () => /patient/.test((await chat(client, 'who?')).text), 'the slow model', 30000);
			const from = performance.now();
			const long = chat(client, 'long', { sessionKey: 'long', ms: 60000 });
			await until(() => slow.requests.some((r) => r.raw.includes('long')), 'the model is asked');
			await edit(base(two));
			const ended = await long;
			const ms = performance.now() - from;
			assert.ok(ms > 9500 && ms < 30000, `${ms} ms`);
			assert.ok(['final', 'error'].includes(ended.state), JSON.stringify(ended));
			await until(async () => /I am two/.test((await chat(client, 'who?')).text), 'the next model', 15000);
		} finally {
			await slow.close();
		}
	});
});
