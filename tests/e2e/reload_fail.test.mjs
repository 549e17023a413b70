// What a reload must not cost: a configuration that a process cannot run with is taken back, and who has to start anew finishes first.
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { chat, signIn } from './lib/client.mjs';
import { isBuilt, providerConfig, until } from './lib/gateway.mjs';
import { seenToFail, withModel } from './lib/hostile.mjs';

const skip = isBuilt() ? false : 'the gateway is not built';

/** Changes the file as an editor does: what of it is given by change(config). */
function edit(gateway, change) {
	const path = join(gateway.dir, 'moltbot.json');
	const config = JSON.parse(readFileSync(path, 'utf8'));
	change(config);
	writeFileSync(`${path}.tmp`, JSON.stringify(config), { mode: 0o600 });
	renameSync(`${path}.tmp`, path);
}

const options = (model) => ({ config: { ...providerConfig(model.baseUrl, { provider: { apiKey: 'a-literal-key-0123456789' } }), gateway: { reload: { debounceMs: 50 } } } });

/** An answer on a connection of its own, or why not. */
async function answer(gateway) {
	try {
		const client = await signIn(gateway);
		const { text } = await chat(client, 'who?', { ms: 5000 }).finally(() => client.ws.terminate());
		return text;
	} catch (error) {
		return error.message;
	}
}

test('a configuration that vault cannot run with is taken back', { skip, timeout: 120000 }, async () => {
	await withModel(() => ({ text: 'I am here' }), async (model) => {
		await seenToFail(['RELOAD_BACK'], () => options(model), async (gateway) => {
			const count = (text) => gateway.log().split(text).length - 1;
			await until(async () => /I am here/.test(await answer(gateway)), 'an answer', 20000);
			// another value for a secret that is sealed already
			edit(gateway, (config) => { config.models.providers.test.apiKey = 'another-literal-key-0123'; });
			await until(() => count('the former one is back') > 0 || count('process ended: restarting process=vault') >= 3, 'vault ended', 30000);
			if (count('the former one is back') === 0) return ['vault ends again and again'];
			await until(async () => /I am here/.test(await answer(gateway)), 'an answer', 30000);
			return [];
		});
	});
});

test('a run that is under way when its destination changes is finished', { skip, timeout: 120000 }, async () => {
	const whole = 'patient '.repeat(20).trim();
	await withModel((body) => ({ text: JSON.stringify(body.messages.at(-1)).includes('slow') ? whole : 'I am here', chunkMs: 250 }), async (model) => {
		await withModel(() => ({ text: 'I am another' }), async (other) => {
			await seenToFail(['RELOAD_DRAIN'], () => options(model), async (gateway, weak) => {
				const slow = `slow-${weak.length}`;
				const client = await signIn(gateway);
				await until(async () => /I am here/.test((await chat(client, 'who?')).text), 'an answer', 20000);
				const end = chat(client, slow, { sessionKey: slow, ms: 60000 });
				await until(() => model.requests.some((r) => r.raw.includes(slow)), 'the model is asked');
				edit(gateway, (config) => { config.models.providers.test.baseUrl = other.baseUrl; });
				const { state, text } = await end;
				client.ws.terminate();
				return state === 'final' && text?.trim() === whole ? [] : [`${state}: ${text}`];
			});
		});
	});
});
