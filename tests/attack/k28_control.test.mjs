// Losing hold of an agent that runs: a model that calls tools without end, and a tool that does not end.
import test from 'node:test';
import { spawnSync } from 'node:child_process';
import { chat } from '../e2e/lib/client.mjs';
import { isBuilt, providerConfig, sleep, until } from '../e2e/lib/gateway.mjs';
import { ready, seenToFail, withModel } from '../e2e/lib/hostile.mjs';
import { toolResults } from '../e2e/lib/model.mjs';

const skip = isBuilt() ? false : 'the gateway is not built';
const LIMIT = 50; // RUN_TOOL_CALLS_MAX, RUN_MODEL_CALLS_MAX

test('a model that calls tools for ever is stopped at its budget', { skip }, async () => {
	await withModel((body) => (toolResults(body).length < LIMIT + 10 ? { calls: [{ name: 'calculator', args: { expression: `${toolResults(body).length} + 1` } }] } : { text: 'enough' }), async (model) => {
		await seenToFail(['BUDGET'], { config: providerConfig(model.baseUrl) }, async (gateway) => {
			const client = await ready(gateway);
			const from = client.events.length;
			const end = await chat(client, 'go on for ever', { ms: 60000, sessionKey: 's' });
			await client.close();
			const results = client.events.slice(from).filter((e) => e.event === 'agent' && e.payload.stream === 'tool' && e.payload.data.phase === 'result' && !e.payload.data.isError);
			if (results.length < 20) throw new Error(`${results.length} calls: ${end.error ?? end.text}`);
			return results.slice(LIMIT);
		});
	});
});

test('a tool of a minute is dead at once when its run is aborted', { skip }, async () => {
	await withModel((body) => (toolResults(body).length ? { text: 'done' } : { calls: [{ name: 'shell_exec', args: { command: `sleep ${body.messages.at(-1).content.split(' ').pop()}` } }] }), async (model) => {
		await seenToFail(['CANCEL'], { config: providerConfig(model.baseUrl) }, async (gateway) => {
			const client = await ready(gateway);
			const seconds = `59.${gateway.port}`;
			const sleeping = () => spawnSync('pgrep', ['-f', `^sleep ${seconds.replace('.', '\\.')}$`]).status === 0;
			const runId = 'run';
			await client.call('chat.send', { sessionKey: 'main', message: `sleep for ${seconds}`, idempotencyKey: runId });
			await until(sleeping, 'the tool runs');
			await client.call('chat.abort', { sessionKey: 'main', runId });
			await client.event((e) => e.event === 'chat' && e.payload.state === 'aborted');
			for (let i = 0; i < 200 && sleeping(); i++) await sleep(50);
			const alive = sleeping();
			await client.close();
			return alive ? ['sleep'] : [];
		});
	});
});
