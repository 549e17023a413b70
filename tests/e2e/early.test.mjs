// What is asked of a gateway that has only just begun to answer is answered: what it needs may start behind it.
import assert from 'node:assert/strict';
import test from 'node:test';
import { chat, signIn } from './lib/client.mjs';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Gateway, isBuilt, providerConfig, until } from './lib/gateway.mjs';
import { ModelServer, toolResults } from './lib/model.mjs';

const skip = isBuilt() ? false : 'the gateway is not built';
const starts = Number(process.env.EARLY_STARTS ?? 6);

test('a first message with a tool call, right after the first healthy answer', { skip, timeout: starts * 60000 }, async () => {
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

test('self-proofs asked for at once: each ends, or is refused, and the tools stay on', { skip }, async () => {
	const gateway = await new Gateway().start();
	try {
		const client = await signIn(gateway);
		const isProved = async () => (await client.call('status', {})).sandbox.proof === 'passed';
		await until(isProved, 'the self-proof');
		const answers = await Promise.all(Array.from({ length: 6 }, () => client.request('moltbot.sandbox.prove', {})));
		const done = answers.filter((a) => a.ok);
		assert.ok(done.length >= 2, JSON.stringify(answers));
		assert.deepEqual(done.filter((a) => !a.payload.ok || a.payload.attempts < 50), []);
		for (const a of answers.filter((b) => !b.ok)) assert.match(a.error.message, /a self-proof is under way/);
		assert.ok(await isProved());
		assert.doesNotMatch(gateway.log(), /self-proof failed/);
		await client.close();
	} finally {
		await gateway.cleanup();
	}
});

test('the edge that waits for the first client is jailed before there is one', { skip }, async () => {
	const gateway = new Gateway();
	try {
		const started = gateway.start();
		let seen = null;
		let isOver = false;
		started.then(() => { isOver = true; }, () => { isOver = true; });
		const deadline = Date.now() + 30000;
		// it ends a second after the start when nobody comes; until then it is looked at
		while (!seen && Date.now() < deadline) {
			const spare = gateway.child && gateway.processes().find((p) => /moltbot-edge user/.test(p.args));
			if (spare) {
				try {
					const status = readFileSync(`/proc/${spare.pid}/status`, 'utf8');
					if (/^Seccomp:\s*2$/m.test(status)) seen = status;
				} catch { /* it has ended */ }
			} else if (isOver) {
				break;
			}
			await sleep(2);
		}
		await started;
		assert.ok(seen, 'nobody has signed in, and it has its filter');
		assert.match(seen, /^NoNewPrivs:\s*1$/m);
		assert.match(seen, /^CapEff:\s*0+$/m);
	} finally {
		await gateway.cleanup();
	}
});

test('the audit log says in which tier the tools run', { skip }, async () => {
	const gateway = await new Gateway().start();
	try {
		const lines = () => readFileSync(join(gateway.dir, 'audit.log'), 'utf8').split('\n').filter((l) => l.includes(' event=TIER '));
		await until(() => lines().length > 0, 'the line');
		assert.match(gateway.log(), /tier=/);
	} finally {
		await gateway.cleanup();
	}
});
