// The program has had three names: what was written for any of them goes on to work, and no further name does.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { after, before, describe } from 'node:test';
import { Client, signIn } from './lib/client.mjs';
import { Device } from './lib/device.mjs';
import { cli, Gateway, isBuilt, providerConfig, serving } from './lib/gateway.mjs';
import { ModelServer } from './lib/model.mjs';

const skip = isBuilt() ? false : 'the gateway is not built';
const ERAS = ['moltbot', 'clawdbot', 'openclaw'];

describe('names of three eras, at a gateway that runs', { skip }, () => {
	let gateway;
	let model;
	let owner;

	/** One chat completion: its status and what it says. */
	async function complete(headers, body) {
		const answer = await fetch(`http://127.0.0.1:${gateway.port}/v1/chat/completions`, { method: 'POST',
			headers: { authorization: `Bearer ${gateway.token}`, 'content-type': 'application/json', ...headers },
			body: JSON.stringify({ model: 'x', messages: [{ role: 'user', content: 'hello' }], ...body }) });
		return { status: answer.status, text: await answer.text() };
	}

	/** The keys of the sessions that are there only since one that is answered. */
	async function session(headers, body = {}) {
		const keys = async () => (await owner.call('sessions.list', {})).sessions.map((s) => s.key);
		const had = await keys();
		const { status, text } = await complete(headers, body);
		assert.equal(status, 200, text);
		return (await keys()).filter((key) => !had.includes(key));
	}

	/** There is one agent: whoever asks for another is told so, which shows that the name was read. */
	async function isRead(headers, body) {
		const { status, text } = await complete(headers, body);
		assert.equal(status, 400, text);
		assert.match(text, /unknown agent id/);
	}

	before(async () => {
		model = new ModelServer(() => ({ text: 'done' }));
		await model.listen();
		const config = providerConfig(model.baseUrl);
		gateway = await serving(await new Gateway({ config: { ...config, gateway: { rateLimit: { enabled: false } } } }).start());
		owner = await signIn(gateway);
	});
	after(async () => { await owner?.close(); await gateway?.cleanup(); await model?.close(); });

	for (const era of ERAS) {
		test(`headers: x-${era}-session-key, -agent-id and -agent`, async () => {
			assert.deepEqual(await session({ [`x-${era}-session-key`]: `agent:main:of-${era}` }), [`agent:main:of-${era}`]);
			for (const name of [`x-${era}-agent-id`, `x-${era}-agent`]) {
				assert.deepEqual(await session({ [name]: 'main' }, { user: name }), [`agent:main:openai-user:${name}`]);
				await isRead({ [name]: 'helper' });
			}
		});

		test(`models: ${era}:main and ${era}/main`, async () => {
			for (const [i, sign] of [':', '/'].entries()) {
				assert.deepEqual(await session({}, { model: `${era}${sign}main`, user: `m${i}-${era}` }), [`agent:main:openai-user:m${i}-${era}`]);
				await isRead({}, { model: `${era}${sign}helper` });
			}
		});

		test(`clients: ${era}-macos, -ios, -android, -probe`, async () => {
			for (const id of ['macos', 'ios', 'android', 'probe']) {
				const client = new Client(gateway.url());
				const answer = await client.connect({ token: gateway.token, client: { id: `${era}-${id}`, version: '1', platform: 'x', mode: 'ui' } });
				assert.equal(answer.ok, true, `${era}-${id}: ${JSON.stringify(answer.error)}`);
				await client.close();
			}
		});

		test(`client ${era}-control-ui, which has a device`, async () => {
			const id = `${era}-control-ui`;
			const device = new Device();
			const scopes = ['operator.admin'];
			const connect = async (more) => {
				const client = new Client(gateway.url(), { headers: { origin: `http://127.0.0.1:${gateway.port}` } });
				const answer = await client.connect((nonce) => ({ token: gateway.token, scopes, client: { id, version: '1', platform: 'x', mode: 'webchat' }, ...more(nonce) }));
				client.close();
				return answer;
			};
			const presents = (nonce) => ({ device: device.present({ clientId: id, clientMode: 'webchat', role: 'operator', scopes, token: gateway.token, nonce }) });
			assert.match((await connect(() => ({}))).error.message, /^control ui requires/);
			assert.equal(cli(gateway, ['devices', 'approve', (await connect(presents)).error.details.requestId]).status, 0);
			assert.equal((await connect(presents)).ok, true);
		});
	}

	test('agent:main is a model, too; what is none of these names is not read', async () => {
		assert.deepEqual(await session({}, { model: 'agent:main', user: 'plain' }), ['agent:main:openai-user:plain']);
		await isRead({}, { model: 'agent:helper' });
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
