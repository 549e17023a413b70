// What is asked of a gateway that has only just begun to answer is answered: what it needs may start behind it.
import assert from 'node:assert/strict';
import test from 'node:test';
import { chat, signIn } from './lib/client.mjs';
import { Gateway, isBuilt, providerConfig } from './lib/gateway.mjs';
import { ModelServer, toolResults } from './lib/model.mjs';

const skip = isBuilt() ? false : 'the gateway is not built';
const starts = Number(process.env.EARLY_STARTS ?? 6);

test('a first message with a tool call, right after the first healthy answer', { skip, timeout: starts * 20000 }, async () => {
	const model = await new ModelServer((body) => (toolResults(body).length ? { text: toolResults(body)[0] }
		: { calls: [{ name: 'calculator', args: { expression: '6*7' } }] })).listen();
	const gateway = new Gateway({ config: providerConfig(model.baseUrl) });
	try {
		for (let i = 0; i < starts; i++) {
			await gateway.start();
			const client = await signIn(gateway);
			const answer = await chat(client, 'what is six times seven?', { sessionKey: `s${i}` });
			assert.equal(answer.state, 'final', `start ${i}: ${answer.error}`);
			assert.match(answer.text, /42/, `start ${i}`);
			await client.close();
			await gateway.stop();
		}
	} finally {
		await gateway.cleanup();
		await model.close();
	}
});
