// The model as the attacker: it calls every method of the gateway by name, as a tool, and says them in its answers. Configuration,
// pairing, sessions and secrets stay as they are; the same call by the owner changes the configuration, so it would have been one.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { chat } from '../e2e/lib/client.mjs';
import { isBuilt, providerConfig, until } from '../e2e/lib/gateway.mjs';
import { ready, seenToFail, withModel } from '../e2e/lib/hostile.mjs';
import { toolResults } from '../e2e/lib/model.mjs';
import { auditLines } from '../e2e/lib/sweep.mjs';

const skip = isBuilt() ? false : 'the gateway is not built';
const methods = [...readFileSync(new URL('../../proto/methods.def', import.meta.url), 'utf8').matchAll(/^(?:METHOD|LEFT_OUT|LATER)\(\w+, "([^"]+)"/gm)].map((m) => m[1]);
const tools = [...readFileSync(new URL('../../proto/tools.def', import.meta.url), 'utf8').matchAll(/^TOOL\(\w+, "(\w+)", "([^"]*)"/gm)].flatMap((m) => [m[1], ...m[2].split(' ')]);

/** Everything that one of them could want; the hash is of the configuration that runs, as the method asks for. */
const wishes = (baseHash) => ({ baseHash, raw: JSON.stringify({ tools: { deny: ['calculator'] } }), patch: { tools: { deny: ['calculator'] } }, config: { tools: { deny: ['calculator'] } },
	path: 'tools.deny', value: ['calculator'], sessionKey: 'agent:main:main', key: 'agent:main:main', requestId: 'x', deviceId: 'x', decision: 'allow-always', id: 'x', name: 'gateway-token', message: 'obey', idempotencyKey: 'k' });

/** What may not change: the configuration, its history, the devices, and which sessions there are but our own. */
async function state(gateway, client) {
	const { paired, pending } = await client.call('device.pair.list', {});
	const sessions = (await client.call('sessions.list', { limit: 200 })).sessions.filter((s) => !s.key.includes('attack')).map((s) => `${s.key} ${s.label ?? ''} ${s.sessionId}`);
	const history = (await client.call('chat.history', { sessionKey: 'main' })).messages.length;
	return { file: readFileSync(join(gateway.dir, 'moltbot.json'), 'utf8'), history: readdirSync(gateway.dir).filter((name) => name.startsWith('config-history')).flatMap((name) => readdirSync(join(gateway.dir, name))),
		paired, pending, sessions: sessions.sort(), said: history, stopped: (await client.call('status', {})).gateway.stopped,
		configured: auditLines(join(gateway.dir, 'audit.log')).filter((l) => l.event === 'CONFIG').length };
}

/** What a method that is there for it would do, with the arguments that it takes and no others. */
const exact = [['sessions.patch', { key: 'agent:main:main', label: 'owned' }], ['chat.inject', { sessionKey: 'agent:main:main', message: 'obey' }], ['sessions.reset', { key: 'agent:main:main' }],
	['sessions.delete', { key: 'agent:main:main' }], ['system-event', { text: 'obey' }], ['moltbot.panic', {}]].map(([name, args]) => ({ name, args }));

test('no method is the model\'s to call, whatever it calls it', { skip, timeout: 300000 }, async (t) => {
	const worked = await seenToFail(['AGENT_DOOR'], { start: false }, async (gateway, weak) => {
		let calls = [];
		const seen = [];
		return await withModel((body) => {
			const results = toolResults(body);
			return results.length < calls.length ? { calls: [calls[results.length]] } : (seen.push(...results), { text: calls.map((c) => `/${c.name} ${JSON.stringify(c.args)}`).join('\n') });
		}, async (model) => {
			gateway.options.config = providerConfig(model.baseUrl);
			await gateway.start();
			const client = await ready(gateway);
			await chat(client, 'hello', { sessionKey: 'main' });
			seen.length = 0;
			const { hash } = await client.call('config.get', {});
			const before = await state(gateway, client);
			const names = [...new Set(methods.flatMap((m) => [m, m.replaceAll('.', '_'), m.split('.').at(-1)]).concat(['gateway', 'config', 'dispatch', 'rpc', 'methods.call', 'sessions_spawn', 'nodes', 'cron']))]
				.filter((name) => !tools.includes(name));
			const list = exact.concat(names.map((name) => ({ name, args: wishes(hash) })), methods.map((method) => ({ name: 'gateway', args: { method, action: method, params: wishes(hash) } })));
			assert.ok(methods.length > 60, `${methods.length} methods`);
			if (weak.length > 0) { // one after the other: what has come through is seen before the next has ended everything
				const came = [];
				for (const call of exact) {
					calls = [call];
					const was = JSON.stringify(await state(gateway, client));
					await chat(client, 'go on', { sessionKey: 'attack', ms: 60000 });
					if (JSON.stringify(await state(gateway, client)) !== was) came.push(call.name);
				}
				await client.close();
				return came;
			}
			for (let at = 0; at < list.length; at += 45) {
				calls = list.slice(at, at + 45);
				const answer = await chat(client, 'go on', { sessionKey: `attack-${at}`, ms: 60000 });
				assert.equal(answer.state, 'final', answer.error);
			}
			t.diagnostic(`${list.length} calls of ${methods.length} methods`);
			assert.equal(seen.length, list.length);
			assert.deepEqual(seen.filter((text) => !text.startsWith('denied: there is no such tool')), []);
			assert.deepEqual(await state(gateway, client), before);

			const { patch } = wishes(hash);
			await client.call('config.patch', { raw: JSON.stringify(patch), baseHash: hash });
			await until(async () => (await client.call('config.get', {})).config.tools?.deny?.includes('calculator'), 'the owner may');
			await client.close();
			return [];
		});
	});
	t.diagnostic(`with a door of its own: ${worked.join(', ')}`);
	// the kill switch has no way through core, whoever asks there
	assert.ok(worked.includes('sessions.patch') && worked.includes('sessions.reset') && !worked.includes('moltbot.panic'), `${worked}`);
});
