// The program has had three names: what was written for any of them goes on to work, and no further name does.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { after, before, describe } from 'node:test';
import { Client, signIn } from './lib/client.mjs';
import { cli, Gateway, isBuilt, providerConfig, serving } from './lib/gateway.mjs';
import { ModelServer } from './lib/model.mjs';

const skip = isBuilt() ? false : 'the gateway is not built';
const ERAS = ['moltbot', 'clawdbot', 'openclaw'];

describe('names of three eras, at a gateway that runs', { skip }, () => {
	let gateway;
	let model;
	let owner;

	/** One chat completion; the keys of the sessions that are there only since. */
	async function session(headers, body = {}) {
		const keys = async () => (await owner.call('sessions.list', {})).sessions.map((s) => s.key);
		const before = await keys();
		const answer = await fetch(`http://127.0.0.1:${gateway.port}/v1/chat/completions`, { method: 'POST',
			headers: { authorization: `Bearer ${gateway.token}`, 'content-type': 'application/json', ...headers },
			body: JSON.stringify({ model: 'x', messages: [{ role: 'user', content: 'hello' }], ...body }) });
		assert.equal(answer.status, 200, await answer.text());
		await answer.body?.cancel().catch(() => {});
		return (await keys()).filter((key) => !before.includes(key));
	}

	before(async () => {
		model = new ModelServer(() => ({ text: 'done' }));
		await model.listen();
		const config = providerConfig(model.baseUrl);
		config.agents.list = [{ id: 'main', default: true }, { id: 'helper' }];
		gateway = await serving(await new Gateway({ config: { ...config, gateway: { rateLimit: { enabled: false } } } }).start());
		owner = await signIn(gateway);
	});
	after(async () => { await owner?.close(); await gateway?.cleanup(); await model?.close(); });

	for (const era of ERAS) {
		test(`headers: x-${era}-session-key, -agent-id and -agent`, async () => {
			assert.deepEqual(await session({ [`x-${era}-session-key`]: `agent:main:of-${era}` }), [`agent:main:of-${era}`]);
			assert.deepEqual(await session({ [`x-${era}-agent-id`]: 'helper' }, { user: `id-${era}` }), [`agent:helper:openai-user:id-${era}`]);
			assert.deepEqual(await session({ [`x-${era}-agent`]: 'helper' }, { user: `agent-${era}` }), [`agent:helper:openai-user:agent-${era}`]);
		});

		test(`models: ${era}:helper and ${era}/helper`, async () => {
			for (const [i, sign] of [':', '/'].entries())
				assert.deepEqual(await session({}, { model: `${era}${sign}helper`, user: `m${i}-${era}` }), [`agent:helper:openai-user:m${i}-${era}`]);
		});

		test(`clients: ${era}-control-ui, -macos, -ios, -android, -probe`, async () => {
			for (const id of ['control-ui', 'macos', 'ios', 'android', 'probe']) {
				const client = new Client(gateway.url(), id === 'control-ui' ? { headers: { origin: `http://127.0.0.1:${gateway.port}` } } : {});
				const answer = await client.connect({ token: gateway.token, client: { id: `${era}-${id}`, version: '1', platform: 'x', mode: 'ui' } });
				assert.equal(answer.ok, true, `${era}-${id}: ${JSON.stringify(answer.error)}`);
				await client.close();
			}
		});
	}

	test('agent:helper is a model, too; what is none of these names is the default agent\'s', async () => {
		assert.deepEqual(await session({}, { model: 'agent:helper', user: 'plain' }), ['agent:helper:openai-user:plain']);
		assert.deepEqual(await session({}, { model: 'otherbot:helper', user: 'other' }), ['agent:main:openai-user:other']);
		assert.deepEqual(await session({ 'x-otherbot-agent-id': 'helper' }, { user: 'another' }), ['agent:main:openai-user:another']);
	});

	test('a client of another name is let in nowhere', async () => {
		for (const id of ['otherbot-macos', 'moltbot-fridge', 'moltbot', '']) {
			const client = new Client(gateway.url());
			const answer = await client.connect({ token: gateway.token, client: { id, version: '1', platform: 'x', mode: 'ui' } });
			assert.equal(answer.ok, false, id);
			await client.closed;
		}
	});
});

describe('names of three eras, in files and variables', { skip }, () => {
	let home;
	const port = (env = {}) => cli({ dir: home }, ['config', 'get', 'gateway.port'], { env: { PATH: process.env.PATH, HOME: home, ...env } }).stdout.trim();
	const put = (dir, name, value) => {
		mkdirSync(dir, { recursive: true, mode: 0o700 });
		writeFileSync(join(dir, name), `{ gateway: { port: ${value} } }`, { mode: 0o600 });
	};
	const fresh = () => { rmSync(home, { recursive: true, force: true }); mkdirSync(home, { mode: 0o700 }); };

	before(() => { home = mkdtempSync(join(tmpdir(), 'moltbot-eras-')); });
	after(() => rmSync(home, { recursive: true, force: true }));

	for (const [i, era] of [...ERAS, 'moldbot'].entries()) {
		test(`~/.${era} and ${era}.json`, () => {
			fresh();
			put(join(home, `.${era}`), `${era}.json`, 4240 + i);
			assert.equal(port(), String(4240 + i));
		});

		test(`${era}.json in a folder that is named`, () => {
			fresh();
			put(join(home, 'here'), `${era}.json`, 4250 + i);
			assert.equal(port({ MOLTBOT_STATE_DIR: join(home, 'here') }), String(4250 + i));
		});
	}

	for (const [i, era] of ERAS.entries()) {
		test(`${era.toUpperCase()}_STATE_DIR and _CONFIG_PATH`, () => {
			fresh();
			put(join(home, 'here'), 'moltbot.json', 4260 + i);
			put(join(home, 'there'), 'mine.json5', 4270 + i);
			assert.equal(port({ [`${era.toUpperCase()}_STATE_DIR`]: join(home, 'here') }), String(4260 + i));
			assert.equal(port({ MOLTBOT_STATE_DIR: join(home, 'here'), [`${era.toUpperCase()}_CONFIG_PATH`]: join(home, 'there/mine.json5') }), String(4270 + i));
		});

		test(`${era.toUpperCase()}_GATEWAY_TOKEN is the gateway's token`, async () => {
			const gateway = new Gateway({ token: '', env: { [`${era.toUpperCase()}_GATEWAY_TOKEN`]: `a-token-of-the-days-of-${era}-0123456789` } });
			try {
				await gateway.start();
				gateway.token = `a-token-of-the-days-of-${era}-0123456789`;
				await serving(gateway);
			} finally {
				await gateway.cleanup();
			}
		});
	}

	test('a folder or a file of another name is not looked at', () => {
		fresh();
		put(join(home, '.otherbot'), 'otherbot.json', 4290);
		put(join(home, '.moltbot'), 'otherbot.json', 4291);
		assert.equal(port(), '');
	});
});
