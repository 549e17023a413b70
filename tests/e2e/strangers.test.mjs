// Other people's clients do their work against the real gateway: ws with protocol 3, the openai package, both with the built-in
// assistant and with a model behind an OpenAI-compatible server.
import assert from 'node:assert/strict';
import test, { after, before, describe } from 'node:test';
import OpenAI from 'openai';
import { chat, Client, signIn } from './lib/client.mjs';
import { Device } from './lib/device.mjs';
import { cli, Gateway, isBuilt, providerConfig, until } from './lib/gateway.mjs';
import { lastUser, ModelServer, toolResults } from './lib/model.mjs';

const skip = isBuilt() ? false : 'the gateway is not built';
const textOf = (message) => typeof message.content === 'string' ? message.content : message.content.map((p) => p.text ?? '').join('');

describe('protocol 3 over ws, built-in assistant', { skip }, () => {
	let gateway;
	let client;

	before(async () => {
		gateway = await new Gateway().start();
		client = await signIn(gateway);
	});
	after(async () => { await client?.close(); await gateway?.cleanup(); });

	test('hello-ok tells what the protocol says it tells', () => {
		const hello = client.hello;
		assert.equal(hello.type, 'hello-ok');
		assert.equal(hello.protocol, 3);
		assert.ok(hello.features.methods.includes('chat.send'));
		assert.ok(hello.features.events.includes('chat'));
		assert.deepEqual(hello.policy, { maxPayload: 524288, maxBufferedBytes: 1572864, tickIntervalMs: 30000 });
		assert.ok(hello.snapshot.stateVersion.health >= 1);
		assert.equal(hello.snapshot.sessionDefaults.mainKey, 'main');
	});

	test('health is pushed after the hello, and answered when asked', async () => {
		await client.event((e) => e.event === 'health');
		assert.equal((await client.call('health')).ok, true);
	});

	test('status', async () => {
		const status = await client.call('status');
		assert.ok(Array.isArray(status.sessions.recent));
	});

	test('a message gets an answer, with a real tool in the real sandbox', async () => {
		await until(async () => (await client.call('health', { probe: true })).sandbox?.proof === 'passed', 'the self-proof', 15000);
		const answer = await chat(client, 'what is 17 * 23?');
		assert.equal(answer.ack.status, 'started');
		assert.equal(answer.state, 'final');
		assert.match(answer.text, /391/);
		const shell = await chat(client, 'run echo $((6*7)); id -u; cat /etc/shadow');
		assert.match(shell.text, /42/);
		assert.doesNotMatch(shell.text, /root:/);
	});

	test('files are written, read, listed and deleted', async () => {
		assert.match((await chat(client, 'write "hello crab" to notes.txt')).text, /Written/);
		assert.match((await chat(client, 'read notes.txt')).text, /hello crab/);
		assert.match((await chat(client, 'list files')).text, /notes\.txt/);
		assert.match((await chat(client, 'delete notes.txt')).text, /Deleted/);
		assert.match((await chat(client, 'read notes.txt')).text, /did not work/);
	});

	test('it remembers and recalls', async () => {
		await chat(client, "remember that the spare key is at Ada's");
		assert.match((await chat(client, 'what do you remember about the key?')).text, /Ada/);
	});

	test('deltas carry the whole text so far, tool calls are shown', async () => {
		const from = client.events.length;
		await chat(client, 'calculate 2^10');
		const events = client.events.slice(from);
		const deltas = events.filter((e) => e.event === 'chat' && e.payload.state === 'delta');
		assert.ok(events.some((e) => e.event === 'agent' && e.payload.stream === 'lifecycle' && e.payload.data.phase === 'start'));
		assert.ok(events.some((e) => e.event === 'agent' && e.payload.stream === 'tool' && e.payload.data.name === 'calculator'));
		for (let i = 1; i < deltas.length; i++)
			assert.ok(textOf(deltas[i].payload.message).startsWith(textOf(deltas[i - 1].payload.message)));
	});

	test('history has what was said', async () => {
		const history = await client.call('chat.history', { sessionKey: 'main', limit: 200 });
		const texts = history.messages.map(textOf);
		assert.ok(texts.some((t) => t.includes('17 * 23')));
		assert.ok(texts.some((t) => t.includes('391')));
		assert.equal(history.messages[0].role, 'user');
	});

	test('sessions are listed', async () => {
		await chat(client, 'hello', { sessionKey: 'other' });
		const list = await client.call('sessions.list', {});
		assert.ok(list.sessions.some((s) => s.key === 'agent:main:main'));
		assert.ok(list.sessions.some((s) => s.key === 'agent:main:other'));
	});

	test('agent answers twice, agent.wait knows the run', async () => {
		const [accepted, final] = await client.request('agent', { message: 'what is 3 * 3', idempotencyKey: 'agent-1', sessionKey: 'main' }, 2);
		assert.equal(accepted.payload.status, 'accepted');
		assert.equal(final.payload.status, 'ok');
		assert.match(final.payload.result.payloads.map((p) => p.text).join(''), /9/);
		assert.equal((await client.call('agent.wait', { runId: 'agent-1' })).status, 'ok');
	});

	test('agent with a sessionId goes on with that session, and begins one that the same id finds again', async () => {
		await chat(client, 'the crab is called Ada', { sessionKey: 'pets' });
		const { sessionId } = await client.call('chat.history', { sessionKey: 'pets' });
		await client.request('agent', { message: 'what is 2 * 3', idempotencyKey: 'by-id', sessionId }, 2);
		const pets = await client.call('chat.history', { sessionKey: 'pets' });
		assert.ok(pets.messages.some((m) => textOf(m).includes('2 * 3')));
		const unknown = '0b1b1b7e-0000-4000-8000-000000000001';
		for (const [i, message] of ['what is 4 * 5', 'what is 5 * 6'].entries())
			await client.request('agent', { message, idempotencyKey: `new-${i}`, sessionId: unknown }, 2);
		const texts = (await client.call('chat.history', { sessionKey: unknown })).messages.map(textOf).join('\n');
		assert.match(texts, /4 \* 5[\s\S]*5 \* 6/);
		const main = await client.call('chat.history', { sessionKey: 'main' });
		assert.ok(!main.messages.some((m) => /4 \* 5|2 \* 3/.test(textOf(m))));
	});

	test('agent takes the name of a channel that nothing is delivered to, and no other', async () => {
		const [, final] = await client.request('agent', { message: 'what is 7 * 7', idempotencyKey: 'ch-1', channel: 'whatsapp', deliver: false }, 2);
		assert.match(final.payload.result.payloads[0].text, /49/);
		const deliver = await client.request('agent', { message: 'x', idempotencyKey: 'ch-2', channel: 'whatsapp', deliver: true });
		assert.equal(deliver.error.code, 'UNAVAILABLE');
		assert.match(deliver.error.message, /channels/);
		const unknown = await client.request('agent', { message: 'x', idempotencyKey: 'ch-3', channel: 'pigeon' });
		assert.match(unknown.error.message, /unknown channel/);
	});

	test('the same idempotency key is one message', async () => {
		await chat(client, 'what is 5 * 5', { idempotencyKey: 'same', sessionKey: 'idem' });
		const again = await client.call('chat.send', { sessionKey: 'idem', message: 'what is 5 * 5', idempotencyKey: 'same' });
		assert.equal(again.status, 'ok');
		const history = await client.call('chat.history', { sessionKey: 'idem' });
		assert.equal(history.messages.filter((m) => m.role === 'user').length, 1);
	});

	test('errors use the words that clients match', async () => {
		const unknown = await client.request('no.such.method', {});
		assert.match(unknown.error.message, /unknown method/);
		const bad = await client.request('chat.send', { sessionKey: 'main', message: 'x', idempotencyKey: 'k', extra: 1 });
		assert.match(bad.error.message, /invalid chat\.send params: .*extra/);
		const wrong = new Client(gateway.url());
		const refused = await wrong.connect({ token: 'wrong' });
		assert.match(refused.error.message, /unauthorized/);
		assert.equal((await wrong.closed).code, 1008);
	});

	test('a device pairs, gets its token, and comes back with it', async () => {
		const device = new Device();
		const scopes = ['operator.admin', 'operator.approvals', 'operator.pairing'];
		const present = (token) => (nonce) => ({ token, role: 'operator', scopes,
			device: device.present({ clientId: 'cli', clientMode: 'cli', role: 'operator', scopes, token, nonce }) });
		const first = new Client(gateway.url());
		const refused = await first.connect(present(gateway.token));
		assert.equal(refused.error.code, 'NOT_PAIRED');
		const { requestId } = refused.error.details;
		const approved = cli(gateway, ['devices', 'approve', requestId]);
		assert.equal(approved.status, 0, approved.stderr);
		const second = new Client(gateway.url());
		const hello = await second.connect(present(gateway.token));
		assert.equal(hello.ok, true, JSON.stringify(hello.error));
		const { deviceToken } = hello.payload.auth;
		await second.close();
		const third = new Client(gateway.url());
		const again = await third.connect(present(deviceToken));
		assert.equal(again.ok, true, JSON.stringify(again.error));
		await third.close();
	});
});

describe('a model behind an OpenAI-compatible server', { skip }, () => {
	let gateway;
	let client;
	let model;

	before(async () => {
		model = await new ModelServer((body) => {
			const text = lastUser(body);
			if (text === 'slowly') return { text: 'word '.repeat(400), chunkMs: 20 };
			if (text === 'busy') return { status: 429, error: 'too many' };
			if (text.startsWith('tool:') && toolResults(body).length === 0) return { text: 'looking. ', calls: [JSON.parse(text.slice(5))] };
			if (text.startsWith('tool:')) return { text: `the tool said: ${toolResults(body).at(-1)}` };
			return { text: `you said: ${text}` };
		}).listen();
		gateway = await new Gateway({ config: providerConfig(model.baseUrl, { provider: { apiKey: '${TEST_PROVIDER_API_KEY}' } }),
			env: { TEST_PROVIDER_API_KEY: 'sk-canary-0123456789abcdef0123456789' } }).start();
		client = await signIn(gateway);
		await until(async () => (await client.call('health', { probe: true })).sandbox?.proof === 'passed', 'the self-proof', 15000);
	});
	after(async () => { await client?.close(); await gateway?.cleanup(); await model?.close(); });

	test('its answer comes through, its credential only in its header', async () => {
		assert.equal((await chat(client, 'good evening there')).text, 'you said: good evening there');
		assert.equal(model.requests.at(-1).headers.authorization, 'Bearer sk-canary-0123456789abcdef0123456789');
		assert.doesNotMatch(model.requests.at(-1).raw, /canary/);
	});

	test('a tool it asks for runs, and it gets the result', async () => {
		const answer = await chat(client, 'tool:{"name":"shell_exec","args":{"command":"echo from the cell"}}');
		assert.match(answer.text, /from the cell/);
	});

	test('an aborted run is dead at once and says so', async () => {
		const runId = 'abort-me';
		await client.call('chat.send', { sessionKey: 'main', message: 'slowly', idempotencyKey: runId });
		await client.event((e) => e.event === 'chat' && e.payload.runId === runId && e.payload.state === 'delta');
		const aborted = await client.call('chat.abort', { sessionKey: 'main', runId });
		assert.deepEqual(aborted, { ok: true, aborted: true, runIds: [runId] });
		await client.event((e) => e.event === 'chat' && e.payload.runId === runId && e.payload.state === 'aborted');
		await until(() => model.open === 0, 'the model request is cut', 2000);
		assert.equal((await chat(client, 'and on')).text, 'you said: and on');
	});

	test('an error of the provider is told as one', async () => {
		const answer = await chat(client, 'busy');
		assert.equal(answer.state, 'error');
		assert.match(answer.error, /rate limit/i);
	});

	describe('the openai package', () => {
		let openai;
		before(() => { openai = new OpenAI({ baseURL: `http://127.0.0.1:${gateway.port}/v1`, apiKey: gateway.token, maxRetries: 0 }); });

		test('a whole completion', async () => {
			const answer = await openai.chat.completions.create({ model: 'moltbot:main', messages: [{ role: 'user', content: 'over http' }] });
			assert.equal(answer.choices[0].message.content, 'you said: over http');
			assert.equal(answer.choices[0].finish_reason, 'stop');
		});

		test('a streamed completion ends with its finish_reason', async () => {
			const stream = await openai.chat.completions.create({ model: 'moltbot:main', stream: true, messages: [{ role: 'user', content: 'in pieces' }] });
			let text = '';
			let finish = null;
			for await (const part of stream) {
				text += part.choices[0]?.delta?.content ?? '';
				finish ??= part.choices[0]?.finish_reason;
			}
			assert.equal(text, 'you said: in pieces');
			assert.equal(finish, 'stop');
		});

		test('a wrong key is refused as the package expects', async () => {
			const wrong = new OpenAI({ baseURL: openai.baseURL, apiKey: 'wrong', maxRetries: 0 });
			await assert.rejects(wrong.chat.completions.create({ model: 'm', messages: [{ role: 'user', content: 'x' }] }), OpenAI.AuthenticationError);
		});
	});
});
