// Anthropic Messages, OpenAI Responses and Gemini: the scripted servers, driven by the services' own libraries before anything of ours
// trusts them; then the gateway against them.
import Anthropic from '@anthropic-ai/sdk';
import { GoogleGenAI } from '@google/genai';
import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';
import OpenAI from 'openai';
import { chat, signIn } from './lib/client.mjs';
import { Gateway, isBuilt, until } from './lib/gateway.mjs';
import { formats, lastSaid, NativeServer } from './lib/native.mjs';

const skip = isBuilt() ? false : 'the gateway is not built';

/** Says what it is told to: a text, a call, both with a thought before them, or an error. */
function script(body) {
	const { text, results } = lastSaid(body);
	if (results.length > 0) return { text: `the tools said: ${results.join(' and ')}` };
	if (text.includes('tool')) return { thought: 'which tool?', text: 'let me see', calls: [{ name: 'calculator', args: { expression: '6*7' } }, { name: 'calculator', args: { expression: '1+"' } }] };
	const status = text.match(/fail (\d+) (.*)/);
	if (status) return { status: Number(status[1]), error: status[2] };
	return { thought: 'hm', text: 'hello wörld, in several pieces' };
}

/** @type {Record<string, NativeServer>} */
const servers = {};
before(async () => {
	for (const api of Object.keys(formats)) servers[api] = await new NativeServer(api, script).listen();
});
after(() => Promise.all(Object.values(servers).map((s) => s.close())));

test('@anthropic-ai/sdk works against the scripted server', async () => {
	const client = new Anthropic({ baseURL: servers['anthropic-messages'].origin, apiKey: 'the-key', maxRetries: 0 });
	const ask = (content) => ({ model: 'm', max_tokens: 64, messages: [{ role: 'user', content: [{ type: 'text', text: content }] }] });
	const whole = await client.messages.create(ask('hi'));
	assert.equal(whole.content.at(-1).text, 'hello wörld, in several pieces');
	const final = await client.messages.stream(ask('tool')).finalMessage();
	assert.deepEqual(final.content.map((b) => b.type), ['thinking', 'text', 'tool_use', 'tool_use']);
	assert.equal(final.content[0].signature, 'sealed which tool?');
	assert.deepEqual(final.content[2].input, { expression: '6*7' });
	assert.equal(final.stop_reason, 'tool_use');
	await assert.rejects(client.messages.create(ask('fail 529 busy')), (e) => e.status === 529 && /busy/.test(e.message));
	await assert.rejects(new Anthropic({ baseURL: servers['anthropic-messages'].origin, apiKey: 'wrong', maxRetries: 0 }).messages.create(ask('hi')), Anthropic.AuthenticationError);
});

test('openai works against the scripted server of Responses', async () => {
	const client = new OpenAI({ baseURL: `${servers['openai-responses'].origin}/v1`, apiKey: 'the-key', maxRetries: 0 });
	const ask = (text) => ({ model: 'm', store: false, input: [{ role: 'user', content: [{ type: 'input_text', text }] }] });
	assert.equal((await client.responses.create(ask('hi'))).output_text, 'hello wörld, in several pieces');
	const final = await client.responses.stream(ask('tool')).finalResponse();
	assert.deepEqual(final.output.map((i) => i.type), ['reasoning', 'message', 'function_call', 'function_call']);
	assert.deepEqual(JSON.parse(final.output[2].arguments), { expression: '6*7' });
	assert.equal(final.usage.total_tokens, 18);
	await assert.rejects(client.responses.create(ask('fail 429 slow')), OpenAI.RateLimitError);
});

test('@google/genai works against the scripted server', async () => {
	const client = new GoogleGenAI({ apiKey: 'the-key', httpOptions: { baseUrl: servers['google-generative-ai'].origin } });
	const ask = (text) => ({ model: 'gemini-x', contents: [{ role: 'user', parts: [{ text }] }] });
	assert.equal((await client.models.generateContent(ask('hi'))).text, 'hello wörld, in several pieces');
	let text = '';
	const calls = [];
	for await (const chunk of await client.models.generateContentStream(ask('tool'))) {
		text += chunk.candidates[0].content.parts.filter((p) => p.text && !p.thought).map((p) => p.text).join('');
		calls.push(...(chunk.functionCalls ?? []));
	}
	assert.equal(text, 'let me see');
	assert.deepEqual(calls[0].args, { expression: '6*7' });
	await assert.rejects(client.models.generateContent(ask('fail 503 busy')), (e) => e.status === 503);
});

const providers = [
	{ api: 'anthropic-messages', base: (s) => s.origin, url: '/v1/messages' },
	{ api: 'openai-responses', base: (s) => `${s.origin}/v1`, url: '/v1/responses' },
	{ api: 'google-generative-ai', base: (s) => `${s.origin}/v1beta`, url: '/v1beta/models/big%2Fmodel-1.5:streamGenerateContent?alt=sse' },
];

for (const { api, base, url } of providers) {
	test(`${api}: text streams, tools are called, thoughts go back, errors have their words`, { skip }, async (t) => {
		const server = servers[api];
		server.requests.length = 0;
		const gateway = await new Gateway({
			env: { FAKE_KEY: 'the-key' },
			config: {
				models: { providers: { fake: { api, baseUrl: base(server), apiKey: '${FAKE_KEY}', models: [{ id: 'big/model-1.5', maxTokens: 4096 }] } } },
				agents: { defaults: { model: { primary: 'fake/big/model-1.5' } } },
			},
		}).start();
		t.after(() => gateway.cleanup());
		const client = await signIn(gateway);
		await until(async () => (await client.call('health', { probe: true })).sandbox?.proof === 'passed', 'the self-proof');
		const plain = await chat(client, 'hi');
		assert.equal(plain.state, 'final', plain.error);
		assert.equal(plain.text, 'hello wörld, in several pieces');
		assert.equal(server.requests[0].url, url);
		if (api === 'anthropic-messages') assert.equal(server.requests[0].headers['anthropic-version'], '2023-06-01');

		await client.call('sessions.patch', { key: 'main', thinkingLevel: 'high' });
		const tool = await chat(client, 'use a tool');
		assert.equal(tool.state, 'final', tool.error);
		assert.match(tool.text, /^the tools said: 42 and /);
		const [first, second] = server.requests.slice(-2).map((r) => JSON.stringify(r.body));
		const asked = { 'anthropic-messages': '"budget_tokens":3072', 'openai-responses': '"effort":"high"', 'google-generative-ai': '"thinkingBudget":16384' };
		const sealed = { 'anthropic-messages': '"signature":"sealed which tool?"', 'openai-responses': '"encrypted_content":"sealed which tool?"', 'google-generative-ai': '"thoughtSignature":"c2VhbGVk"' };
		assert.ok(first.includes(asked[api]), first);
		assert.ok(second.includes(sealed[api]), second);
		/* a thought is the provider's: nobody is shown it, and the next run does not have it */
		assert.ok(!JSON.stringify((await client.call('chat.history', { sessionKey: 'main' })).messages).includes('which tool?'));

		for (const [said, words] of [['fail 429 slow down', /rate limit.*slow down/s], ['fail 401 bad', /credential/], ['fail 400 prompt is too long: 9 > 8', /too long/]]) {
			const bad = await chat(client, said);
			assert.equal(bad.state, 'error');
			assert.match(bad.error, words);
		}
		const usage = await client.call('sessions.list', {});
		const main = usage.sessions.find((s) => s.key.endsWith(':main'));
		assert.equal(main.inputTokens, 33);
		assert.equal(main.outputTokens, 21);
		assert.equal(usage.defaults.modelProvider, 'fake');
		assert.equal(usage.defaults.model, 'big/model-1.5');
		await client.close();
	});
}
