// session.persist false: what is said is read by the next turns, and nowhere on the disk, neither while the gateway runs nor after.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { chat, signIn } from './lib/client.mjs';
import { Gateway, isBuilt, providerConfig, until } from './lib/gateway.mjs';
import { seenToFail } from './lib/hostile.mjs';
import { lastUser, ModelServer, toolResults } from './lib/model.mjs';

const skip = isBuilt() ? false : 'the gateway is not built';
const words = ['canary-question', 'canary-answer', 'canary-tool', 'canary-note', 'canary-first'];

/** The files beneath the state directory that hold one of the words, and which. */
function leaks(dir) {
	const found = [];
	for (const entry of readdirSync(dir, { recursive: true, withFileTypes: true })) {
		if (!entry.isFile()) continue;
		const path = join(entry.parentPath ?? entry.path, entry.name);
		const text = readFileSync(path).toString('latin1');
		for (const word of words) if (text.includes(word)) found.push(`${word} in ${path.slice(dir.length + 1)}`);
	}
	return found;
}

/** Calls a tool once with a word in its arguments, then answers with another and what it has been told before. */
function script(body) {
	if (toolResults(body).length === 0 && lastUser(body).includes('use'))
		return { calls: [{ name: 'file_search', args: { query: 'canary-tool' } }] };
	return { text: `canary-answer after ${body.messages.filter((m) => m.role === 'user').length}` };
}
const persistOff = (model) => ({ ...providerConfig(model.baseUrl), session: { persist: false } });

async function say(client, text, sessionKey = 'main') {
	const answer = await chat(client, text, { sessionKey });
	assert.equal(answer.state, 'final', answer.error);
	return answer.text;
}
const texts = async (client) => JSON.stringify((await client.call('chat.history', { sessionKey: 'main' })).messages);

test('nothing that is said reaches the disk', { skip }, async (t) => {
	const model = await new ModelServer(script).listen();
	t.after(() => model.close());
	await seenToFail(['PERSIST'], () => ({ config: persistOff(model) }), async (gateway, names) => {
		const found = [];
		let client = await signIn(gateway);
		await until(async () => (await client.call('health', { probe: true })).sandbox?.proof === 'passed', 'the self-proof');
		await say(client, 'canary-question use the tool');
		await client.call('chat.inject', { sessionKey: 'main', message: 'canary-note' });
		assert.match(await say(client, 'canary-question again'), /canary-answer after 2/);
		for (const word of ['canary-question', 'canary-answer', 'canary-note']) assert.match(await texts(client), new RegExp(word));
		found.push(...leaks(gateway.dir));
		await client.close();
		await gateway.kill();
		found.push(...leaks(gateway.dir));
		await gateway.start();
		found.push(...leaks(gateway.dir));
		client = await signIn(gateway);
		if (names.length === 0) {
			assert.equal(await texts(client), '[]');
			assert.match(await say(client, 'canary-question anew'), /canary-answer after 1/);
		}
		await client.close();
		await gateway.stop();
		found.push(...leaks(gateway.dir));
		return found;
	});
});

test('a message whose run was under way at a kill is reported, not answered from nothing', { skip }, async (t) => {
	let asked = 0;
	const model = await new ModelServer(() => (++asked, { hang: true })).listen();
	t.after(() => model.close());
	const gateway = new Gateway({ config: persistOff(model) });
	t.after(() => gateway.cleanup());
	await gateway.start();
	let client = await signIn(gateway);
	await client.call('chat.send', { sessionKey: 'main', message: 'canary-question', idempotencyKey: 'one' });
	await until(() => asked > 0, 'the model is asked');
	client.ws.terminate();
	await gateway.kill();
	await gateway.start();
	client = await signIn(gateway);
	await until(async () => /Please send it again/.test(await texts(client)), 'the report');
	assert.equal(asked, 1);
	assert.deepEqual(leaks(gateway.dir), []);
	await client.close();
});

test('the setting is taken while the gateway runs; what was kept before stays readable', { skip }, async (t) => {
	const model = await new ModelServer(script).listen();
	t.after(() => model.close());
	const config = { ...providerConfig(model.baseUrl), gateway: { reload: { debounceMs: 50 } } };
	const gateway = new Gateway({ config });
	t.after(() => gateway.cleanup());
	await gateway.start();
	const client = await signIn(gateway);
	await say(client, 'canary-first');
	const path = join(gateway.dir, 'moltbot.json');
	const before = gateway.log().split('configuration taken').length;
	writeFileSync(`${path}.tmp`, JSON.stringify({ ...config, gateway: { ...config.gateway, port: gateway.port }, session: { persist: false } }), { mode: 0o600 });
	renameSync(`${path}.tmp`, path);
	await until(() => gateway.log().split('configuration taken').length > before, 'it is taken');
	assert.match(await say(client, 'canary-question'), /canary-answer after 2/);
	const all = await texts(client);
	assert.ok(all.indexOf('canary-first') < all.indexOf('canary-question'), all);
	assert.ok(leaks(gateway.dir).every((l) => !l.includes('canary-question')), leaks(gateway.dir).join());
	await client.close();
});
