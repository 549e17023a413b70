// Other programs that speak to a gateway, as npm installs them: openclaw-node at the version for protocol 3 and at one for
// protocol 4, openclaw-mcp over HTTP.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import readline from 'node:readline';
import test, { after, before, describe } from 'node:test';
import { cli, Gateway, isBuilt, providerConfig, until } from '../e2e/lib/gateway.mjs';
import { lastUser, ModelServer } from '../e2e/lib/model.mjs';
import { Proxy } from './lib/proxy.mjs';
import { keep } from './lib/results.mjs';

const skip = isBuilt() ? false : 'the gateway is not built';

describe('programs of npm that speak to a gateway', { skip, concurrency: false }, () => {
	let gateway;
	let model;
	let proxy;
	let home;

	before(async () => {
		model = await new ModelServer((body) => ({ text: `you said ${lastUser(body)}` })).listen();
		gateway = await new Gateway({ config: providerConfig(model.baseUrl) }).start();
		proxy = await new Proxy(gateway.port).listen();
		home = mkdtempSync(join(tmpdir(), 'moltbot-nodes-'));
	});
	after(async () => {
		await proxy?.close();
		await gateway?.cleanup();
		await model?.close();
		if (home) rmSync(home, { recursive: true, force: true });
	});

	describe('openclaw-node 0.1.0', { concurrency: false }, () => {
		let client;
		const notes = { 'sessions.send': 'refused, as by the original: protocol 3 demands an idempotencyKey' };
		const rows = {
			'chatSync': async () => assert.match(await client.chatSync('hello crab'), /you said hello crab/),
			'chat, streamed': async () => {
				let text = '';
				for await (const part of client.chat('one two three')) if (part.type === 'text') text += part.text;
				assert.match(text, /you said one two three/);
			},
			'health': async () => assert.equal((await client.health()).ok, true),
			'sessions.list': async () => assert.ok((await client.sessions.list()).sessions.length > 0),
			'sessions.history': async () => assert.ok(JSON.stringify(await client.sessions.history('main')).includes('hello crab')),
			'sessions.send': async () => assert.rejects(client.sessions.send('main', 'and again'), /invalid chat\.send params: .*idempotencyKey/),
			'sessions.reset': async () => assert.equal((await client.sessions.reset('main')).ok, true),
			'sessions.compact': async () => assert.equal((await client.sessions.compact('main')).ok, true),
		};

		before(async () => {
			const { OpenClawClient } = await import('openclaw-node-v3');
			const options = { url: `ws://127.0.0.1:${proxy.port}/`, token: gateway.token, deviceIdentityPath: join(home, 'device.json'), autoReconnect: false,
				scopes: ['operator.admin', 'operator.read', 'operator.write'] };
			const stranger = new OpenClawClient(options);
			stranger.on('error', () => {});
			stranger.connect().catch(() => {});
			const asked = await until(() => JSON.parse(cli(gateway, ['devices', 'list', '--json']).stdout).pending[0], 'the device asks', 30000);
			assert.equal(cli(gateway, ['devices', 'approve', asked.requestId]).status, 0);
			await stranger.disconnect();
			proxy.take();
			client = new OpenClawClient(options);
			client.on('error', () => {});
			await client.connect();
		});
		after(() => client?.disconnect());

		for (const [name, run] of Object.entries(rows)) {
			test(name, async () => {
				const from = proxy.recordings[0].calls.length;
				await run();
				const { connect, calls } = proxy.recordings[0].toJSON();
				keep('openclaw-node 0.1.0', name, { note: notes[name] }, [{ connect, calls: calls.slice(from) }]);
			});
		}
	});

	test('openclaw-node 0.14.0 speaks protocol 4 only, and is told so', async () => {
		const { OpenClawClient } = await import('openclaw-node-v4');
		proxy.take();
		const client = new OpenClawClient({ url: `ws://127.0.0.1:${proxy.port}/`, token: gateway.token, deviceIdentityPath: join(home, 'device4.json'), autoReconnect: false });
		client.on('error', () => {});
		await assert.rejects(client.connect());
		await client.disconnect();
		const [{ connect }] = proxy.take();
		assert.equal(connect.minProtocol, 4);
		assert.match(connect.error, /protocol mismatch/);
		keep('openclaw-node 0.14.0', 'connect', { without: 'protocol 4' }, []);
	});

	describe('openclaw-mcp 1.7.0', { concurrency: false }, () => {
		let child;
		let lines;
		let id = 0;

		async function call(method, params) {
			child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', id: ++id, method, params })}\n`);
			for (;;) {
				const { value, done } = await lines.next();
				if (done) throw new Error('it ended');
				const message = JSON.parse(value);
				if (message.id === id) return message.result ?? message;
			}
		}

		before(async () => {
			child = spawn(process.execPath, [new URL('node_modules/openclaw-mcp/dist/index.js', import.meta.url).pathname], {
				stdio: ['pipe', 'pipe', 'ignore'], env: { HOME: home, PATH: process.env.PATH,
					OPENCLAW_URL: `http://127.0.0.1:${gateway.port}`, OPENCLAW_GATEWAY_TOKEN: gateway.token } });
			lines = readline.createInterface({ input: child.stdout })[Symbol.asyncIterator]();
			await call('initialize', { protocolVersion: '2024-11-05', capabilities: {}, clientInfo: { name: 'test', version: '1' } });
			child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' })}\n`);
		});
		after(() => child?.kill());

		test('openclaw_chat', async () => {
			const { content, isError } = await call('tools/call', { name: 'openclaw_chat', arguments: { message: 'hello mcp' } });
			assert.match(JSON.stringify(content), /you said hello mcp/);
			assert.ok(!isError);
			keep('openclaw-mcp 1.7.0', 'openclaw_chat', {}, []);
		});

		test('openclaw_status', async () => {
			const { content, isError } = await call('tools/call', { name: 'openclaw_status', arguments: {} });
			assert.ok(!isError, JSON.stringify(content));
			keep('openclaw-mcp 1.7.0', 'openclaw_status', {}, []);
		});
	});
});
