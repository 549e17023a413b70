// The scripted model server, driven by the official client before anything of ours trusts it.
import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';
import OpenAI from 'openai';
import { ModelServer } from './lib/model.mjs';

let server;
let client;

before(async () => {
	server = await new ModelServer((body) => body.messages.at(-1).content === 'tool'
		? { text: 'let me see', calls: [{ name: 'file_read', args: { path: 'a "quoted" name.txt' } }] }
		: body.messages.at(-1).content === 'fail' ? { status: 429, error: 'slow down' } : { text: 'hello wörld, in several pieces' }).listen();
	client = new OpenAI({ baseURL: server.baseUrl, apiKey: 'k', maxRetries: 0 });
});
after(() => server.close());

test('a whole answer', async () => {
	const answer = await client.chat.completions.create({ model: 'm', messages: [{ role: 'user', content: 'hi' }] });
	assert.equal(answer.choices[0].message.content, 'hello wörld, in several pieces');
	assert.equal(answer.choices[0].finish_reason, 'stop');
	assert.equal(answer.usage.total_tokens, 18);
});

test('a streamed answer with a tool call', async () => {
	const stream = client.chat.completions.stream({ model: 'm', messages: [{ role: 'user', content: 'tool' }] });
	const final = await stream.finalChatCompletion();
	assert.equal(final.choices[0].message.content, 'let me see');
	assert.deepEqual(JSON.parse(final.choices[0].message.tool_calls[0].function.arguments), { path: 'a "quoted" name.txt' });
	assert.equal(final.choices[0].finish_reason, 'tool_calls');
});

test('an error', async () => {
	await assert.rejects(client.chat.completions.create({ model: 'm', messages: [{ role: 'user', content: 'fail' }] }), /429/);
});
