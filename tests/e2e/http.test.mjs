// HTTP as other people's programs use it: the openai package for models, chat and responses; scripts at /tools/invoke; probes.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test, { after, before, describe } from 'node:test';
import OpenAI from 'openai';
import { signIn } from './lib/client.mjs';
import { Gateway, isBuilt, providerConfig, serving, until } from './lib/gateway.mjs';
import { lastUser, ModelServer } from './lib/model.mjs';

const skip = isBuilt() ? false : 'the gateway is not built';
const SSE_SILENCE_MS = 15000;

describe('the openai package', { skip }, () => {
	let gateway;
	let model;
	let openai;

	before(async () => {
		model = new ModelServer((body) => {
			const text = lastUser(body);
			return /slow/.test(text) ? { text: 'at last', delayMs: SSE_SILENCE_MS + 2000 } : /broken/.test(text) ? { status: 400, error: 'no' } : { text: `you said: ${text}` };
		});
		await model.listen();
		gateway = await serving(await new Gateway({ config: providerConfig(model.baseUrl) }).start());
		openai = new OpenAI({ baseURL: `http://127.0.0.1:${gateway.port}/v1`, apiKey: gateway.token, maxRetries: 0 });
	});
	after(async () => { await gateway?.cleanup(); await model?.close(); });

	test('models: the agents, one of them, and none of another name', async () => {
		const list = await openai.models.list();
		assert.deepEqual(list.data.map((m) => m.id), ['moltbot:main']);
		assert.equal((await openai.models.retrieve('moltbot:main')).owned_by, 'moltbot');
		await assert.rejects(openai.models.retrieve('gpt-4'), OpenAI.NotFoundError);
		const wrong = new OpenAI({ baseURL: openai.baseURL, apiKey: 'wrong', maxRetries: 0 });
		await assert.rejects(wrong.models.list(), OpenAI.AuthenticationError);
	});

	test('a response, whole: instructions reach the model, usage comes back', async () => {
		const answer = await openai.responses.create({ model: 'moltbot:main', input: 'over http', instructions: 'Be a crab.', store: false, previous_response_id: null });
		assert.equal(answer.output_text, 'you said: over http');
		assert.equal(answer.status, 'completed');
		assert.equal(answer.object, 'response');
		assert.match(answer.id, /^resp_/);
		assert.deepEqual(answer.usage, { input_tokens: 11, output_tokens: 7, total_tokens: 18 });
		assert.match(JSON.stringify(model.requests.at(-1).body.messages), /Be a crab\./);
	});

	test('a response to a list of items: the last of the user is answered, the others are history', async () => {
		const answer = await openai.responses.create({ model: 'moltbot', input: [
			{ role: 'developer', content: 'Only crabs.' },
			{ role: 'user', content: 'first' },
			{ type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'second', annotations: [] }] },
			{ role: 'user', content: [{ type: 'input_text', text: 'third' }] }] });
		assert.match(answer.output_text, /third$/);
		assert.match(answer.output_text, /user: first\n\nassistant: second/);
		assert.match(JSON.stringify(model.requests.at(-1).body.messages), /Only crabs\./);
	});

	test('a streamed response has the events of the package, in its order', async () => {
		const stream = await openai.responses.create({ model: 'moltbot:main', input: 'in pieces', stream: true });
		const types = [];
		let text = '';
		let last;
		for await (const event of stream) {
			assert.equal(event.sequence_number, types.length);
			types.push(event.type);
			if (event.type === 'response.output_text.delta') text += event.delta;
			last = event;
		}
		assert.equal(text, 'you said: in pieces');
		assert.deepEqual(types.filter((t) => t !== 'response.output_text.delta'), ['response.created', 'response.in_progress',
			'response.output_item.added', 'response.content_part.added', 'response.output_text.done', 'response.content_part.done',
			'response.output_item.done', 'response.completed']);
		assert.equal(last.response.output[0].content[0].text, text);
	});

	test('the package puts a stream together itself', async () => {
		const stream = openai.responses.stream({ model: 'moltbot:main', input: 'helper' });
		let seen = '';
		stream.on('response.output_text.delta', (event) => { seen += event.delta; });
		const answer = await stream.finalResponse();
		assert.equal(answer.output_text, 'you said: helper');
		assert.equal(seen, answer.output_text);
	});

	test('one user is one conversation; without a name each request is its own', async () => {
		await openai.responses.create({ model: 'moltbot', input: 'one', user: 'ann' });
		await openai.responses.create({ model: 'moltbot', input: 'two', user: 'ann' });
		assert.match(JSON.stringify(model.requests.at(-1).body.messages), /you said: one/);
		await openai.responses.create({ model: 'moltbot', input: 'three' });
		assert.doesNotMatch(JSON.stringify(model.requests.at(-1).body.messages), /you said: one/);
	});

	test('a model that fails is an error of the server, before and in a stream', async () => {
		await assert.rejects(openai.responses.create({ model: 'moltbot', input: 'broken' }), OpenAI.InternalServerError);
		const types = [];
		for await (const event of await openai.responses.create({ model: 'moltbot', input: 'broken', stream: true })) types.push(event.type);
		assert.equal(types.at(-1), 'response.failed');
	});

	for (const [what, body, words] of [
		['a function of the client', { input: 'x', tools: [{ type: 'function', name: 'f', parameters: {} }] }, /tools: functions of the client/],
		['a picture', { input: [{ role: 'user', content: [{ type: 'input_image', image_url: 'http://127.0.0.1/x.png' }] }] }, /images and files/],
		['an unknown member', { input: 'x', background: true }, /unknown member/],
		['a choice of tools that are not there', { input: 'x', tool_choice: 'required' }, /tool_choice/],
		['no input', {}, /input must be/],
		['an empty message', { input: '' }, /Missing user message/],
	]) {
		test(`refused with its reason: ${what}`, async () => {
			await assert.rejects(openai.responses.create({ model: 'moltbot', ...body }), (e) => e instanceof OpenAI.BadRequestError && words.test(e.message));
		});
	}

	test('EDGE_SSE_SILENCE_MS: a long silent stream gets comments, and then its answer', async () => {
		const started = Date.now();
		const answer = await fetch(`${openai.baseURL}/chat/completions`, { method: 'POST', headers: { authorization: `Bearer ${gateway.token}` },
			body: JSON.stringify({ stream: true, messages: [{ role: 'user', content: 'slow' }] }) });
		let text = '';
		let quiet = 0;
		for await (const part of answer.body.pipeThrough(new TextDecoderStream())) {
			text += part;
			if (/^: ?keep-alive/m.test(text)) quiet ||= Date.now() - started;
		}
		assert.ok(quiet >= SSE_SILENCE_MS - 100, `the comment came after ${quiet} ms\n${text}`);
		assert.match(text, /at last/);
		assert.match(text, /\[DONE\]\n\n$/);
	});
});

describe('/tools/invoke', { skip }, () => {
	let gateway;
	const invoke = async (body, headers = {}) => {
		const answer = await fetch(`http://127.0.0.1:${gateway.port}/tools/invoke`, { method: 'POST', signal: AbortSignal.timeout(30000),
			headers: { authorization: `Bearer ${gateway.token}`, ...headers }, body: typeof body === 'string' ? body : JSON.stringify(body) });
		return { status: answer.status, body: await answer.json() };
	};

	before(async () => {
		gateway = await serving(await new Gateway({ config: { gateway: { tools: { allow: ['file_read', 'file_write'] } }, tools: { deny: ['memory_save'] } } }).start());
	});
	after(() => gateway?.cleanup());

	test('a tool of the sandbox answers in the shape of the original', async () => {
		assert.deepEqual(await invoke({ tool: 'calculator', action: 'json', args: { expression: '6*7' }, dryRun: true }),
			{ status: 200, body: { ok: true, result: { content: [{ type: 'text', text: '42' }] } } });
	});

	test('what the owner named is there, with the workspace of the agent', async () => {
		assert.equal((await invoke({ tool: 'file_write', args: { path: 'over-http.txt', content: 'hello' } })).status, 200);
		const read = await invoke({ tool: 'read', args: { path: 'over-http.txt' }, sessionKey: 'main' });
		assert.match(read.body.result.content[0].text, /hello/);
	});

	test('a call is the owner\'s own turn: it may replace a file, and leaves a session that may', async () => {
		assert.equal((await invoke({ tool: 'file_write', args: { path: 'mine.txt', content: 'one' }, sessionKey: 'own' })).status, 200);
		const again = await invoke({ tool: 'file_write', args: { path: 'mine.txt', content: 'two' }, sessionKey: 'own' });
		assert.equal(again.status, 200, JSON.stringify(again.body));
		const client = await signIn(gateway);
		const provenance = async (key) => (await client.call('sessions.list', {})).sessions.find((s) => s.key.endsWith(key))?.provenance;
		assert.equal((await provenance(':own')).tainted, false);
		const id = randomUUID();
		const [, done] = await client.request('agent', { message: 'hello', sessionId: id, idempotencyKey: randomUUID() }, 2);
		assert.equal(done.ok, true, JSON.stringify(done));
		const row = await until(() => provenance(id), 'the session of that number');
		assert.equal(row.tainted, false);
		await client.close();
	});

	test('programs and files are not there unless named, nor what the configuration denies, nor what does not exist', async () => {
		for (const tool of ['shell_exec', 'exec', 'file_delete', 'memory_save', 'no_such_tool', '../calculator'])
			assert.deepEqual(await invoke({ tool, args: { command: 'id' } }),
				{ status: 404, body: { ok: false, error: { type: 'not_found', message: `Tool not available: ${tool}` } } });
	});

	test('a tool that fails says why; a body that is none is refused without the words of a parser', async () => {
		const failed = await invoke({ tool: 'calculator', args: { expression: '6*' } });
		assert.equal(failed.status, 400);
		assert.equal(failed.body.error.type, 'tool_error');
		assert.equal((await invoke({ tool: 'calculator' })).body.error.type, 'tool_error');
		for (const body of ['{', '[]', '{"tool":5}', '{}', '{"tool":"calculator","args":[]}', '{"tool":"calculator","sessionKey":5}']) {
			const answer = await invoke(body);
			assert.equal(answer.status, 400);
			assert.equal(answer.body.error.type, 'invalid_request_error');
		}
	});

	test('it stands in the session and in the audit log, and the kill switch stops it', async () => {
		const client = await signIn(gateway);
		const history = await client.call('chat.history', { sessionKey: 'main' });
		assert.match(JSON.stringify(history.messages), /tools\/invoke calculator/);
		await client.call('moltbot.panic');
		const answer = await until(async () => { const a = await invoke({ tool: 'calculator', args: { expression: '1' } }); return a.status !== 200 && a; }, 'the kill switch');
		assert.ok([400, 503].includes(answer.status), JSON.stringify(answer));
		await client.close();
	});
});

describe('gateway.rateLimit over HTTP', { skip }, () => {
	test('all that does work shares one bucket, and says when to come back; reading does not count', async () => {
		const gateway = await serving(await new Gateway({ config: { gateway: { rateLimit: { maxRequestsPerMinute: 1 } } } }).start());
		try {
			const headers = { authorization: `Bearer ${gateway.token}` };
			const post = (path, body) => fetch(`http://127.0.0.1:${gateway.port}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
			assert.equal((await post('/tools/invoke', { tool: 'calculator', args: { expression: '1' } })).status, 200);
			for (const [path, body] of [['/v1/responses', { input: 'x' }], ['/v1/chat/completions', { messages: [{ role: 'user', content: 'x' }] }], ['/tools/invoke', { tool: 'calculator' }]]) {
				const answer = await post(path, body);
				assert.equal(answer.status, 429, path);
				assert.ok(Number(answer.headers.get('retry-after')) > 1);
				assert.equal((await answer.json()).error.type, 'rate_limited');
			}
			assert.equal((await fetch(`http://127.0.0.1:${gateway.port}/v1/models`, { headers })).status, 200);
		} finally {
			await gateway.cleanup();
		}
	});
});

describe('/readyz', { skip }, () => {
	test('one bit: no while core, store, gate or audit is not there', async () => {
		const gateway = await new Gateway().start();
		try {
			const ready = () => fetch(`http://127.0.0.1:${gateway.port}/readyz`);
			const seen = new Set();
			await until(async () => (await ready()).ok, 'ready');
			for (const name of ['core', 'store', 'gate', 'audit']) {
				/* killed again and again: the back-off keeps it away for long enough to be seen */
				await until(async () => {
					const found = gateway.processes().find((p) => p.args.endsWith(`moltbot-${name}`));
					if (found) process.kill(found.pid, 'SIGKILL');
					const answer = await ready();
					const text = await answer.text();
					assert.equal(text, answer.status === 200 ? '{"ready":true}' : '{"ready":false}');
					if (answer.status === 503) seen.add(name);
					return answer.status === 503;
				}, `no while ${name} is away`, 60000);
				await until(async () => (await ready()).ok, `ready again after ${name}`, 60000);
			}
			assert.equal(seen.size, 4);
			assert.equal((await fetch(`http://127.0.0.1:${gateway.port}/healthz`)).status, 200);
		} finally {
			await gateway.cleanup();
		}
	});
});
