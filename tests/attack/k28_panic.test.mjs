// The kill switch, with a tool at work and an answer coming in: what acts for a model is dead, whoever else stands still, and stays
// dead over a restart until the owner says otherwise.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import test from 'node:test';
import { chat, signIn } from '../e2e/lib/client.mjs';
import { cli, Gateway, isBuilt, providerConfig, sleep, until } from '../e2e/lib/gateway.mjs';
import { ready, seenToFail, withModel } from '../e2e/lib/hostile.mjs';
import { toolResults } from '../e2e/lib/model.mjs';

const skip = isBuilt() ? false : 'the gateway is not built';
const BYSTANDERS = ['moltbot-core', 'moltbot-gate'];

/** Asked for a tool, one that sleeps; else an answer of which a piece comes now and then, for ten minutes. */
function script(body) {
	const asked = body.messages.at(-1).content;
	if (toolResults(body).length) return { text: 'done' };
	return asked.startsWith('sleep ') ? { calls: [{ name: 'shell_exec', args: { command: asked } }] }
		: asked === 'tell' ? { text: 'a long story. '.repeat(2000), chunkMs: 200 } : { text: 'hello' };
}

/** What acts for a model: [{pid, what}]; everything that the two zygotes and the sandbox have made, the one kept ahead, too. */
function actors(gateway) {
	const all = gateway.processes();
	const makers = all.filter((p) => p.ppid === gateway.child.pid && /moltbot-(agent|egress|sandbox)/.test(p.args));
	const found = [];
	for (let grown = makers.map((p) => p.pid); grown.length;) {
		const made = all.filter((p) => grown.includes(p.ppid));
		found.push(...made.map((p) => ({ pid: p.pid, what: p.args })));
		grown = made.map((p) => p.pid);
	}
	return found;
}

/** A tool and an answer are under way. */
async function atWork(gateway, model) {
	const client = await ready(gateway);
	const sent = ['sleep 300', 'tell'].map((message, i) => client.call('chat.send', { sessionKey: `s${i}`, message, idempotencyKey: randomUUID() }));
	await Promise.all(sent);
	await until(() => actors(gateway).some((p) => /^sleep 300/.test(p.what)), 'the tool runs');
	await client.event((e) => e.event === 'chat' && e.payload.state === 'delta' && e.payload.sessionKey.endsWith('s1'), 60000);
	await until(() => model.open > 0, 'the answer is coming');
	return client;
}

const ways = {
	'moltbot panic': (gateway) => assert.equal(cli(gateway, ['panic']).status, 0),
	'moltbot.panic over WebSocket': (gateway, client) => client.call('moltbot.panic'),
};

for (const [way, panic] of Object.entries(ways)) {
	test(`${way}: tools and agents are dead while core and gate stand still`, { skip }, async () => {
		await withModel(script, (model) => seenToFail(['PANIC_KILL'], { config: providerConfig(model.baseUrl) }, async (gateway, weak) => {
			const client = await atWork(gateway, model);
			const acting = actors(gateway);
			const frozen = gateway.processes().filter((p) => BYSTANDERS.some((name) => p.args.includes(name))).map((p) => p.pid);
			assert.equal(frozen.length, BYSTANDERS.length);
			for (const pid of frozen) process.kill(pid, 'SIGSTOP');
			try {
				await panic(gateway, client);
				const end = Date.now() + (weak.length ? 3000 : 30000);
				while (actors(gateway).length && Date.now() < end) await sleep(20);
				return actors(gateway).filter((p) => acting.some((a) => a.pid === p.pid)).map((p) => p.what);
			} finally {
				for (const pid of frozen) process.kill(pid, 'SIGCONT');
				client.ws.terminate();
			}
		}));
	});
}

test('after it nothing is sent, nothing begins, and a restart changes nothing of that', { skip }, async () => {
	await withModel(script, async (model) => {
		const gateway = new Gateway({ config: providerConfig(model.baseUrl) });
		const refused = async (client) => {
			const frame = await client.request('chat.send', { sessionKey: 'later', message: 'hello', idempotencyKey: randomUUID() });
			assert.match(`${frame.ok} ${frame.error?.message}`, /^false .*kill switch/);
		};
		try {
			await gateway.start();
			const client = await atWork(gateway, model);
			const sent = model.requests.length;
			assert.equal(cli(gateway, ['panic']).status, 0);
			await until(() => model.open === 0, 'the answer is cut off');
			await until(() => actors(gateway).length === 0, 'all dead');
			for (const key of ['s0', 's1'])
				await client.event((e) => e.event === 'chat' && e.payload.sessionKey.endsWith(key) && ['aborted', 'error', 'final'].includes(e.payload.state), 60000);
			await refused(client);
			await client.close();
			await gateway.stop();
			assert.ok(existsSync(join(gateway.dir, 'panic')), 'the switch is on the disk');
			await gateway.start();
			const again = await signIn(gateway);
			await refused(again);
			assert.equal(model.requests.length, sent);
			assert.deepEqual(actors(gateway), []);
			assert.equal(cli(gateway, ['gateway', 'resume']).status, 0);
			assert.ok(!existsSync(join(gateway.dir, 'panic')));
			assert.equal((await chat(again, 'hello', { sessionKey: 'later' })).text, 'hello');
			await again.close();
		} finally {
			await gateway.cleanup();
		}
	});
});
