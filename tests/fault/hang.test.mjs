// A process that stands still for good: whoever asked it is told so in time, and another takes its place, without anybody's help.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { chat, signIn } from '../e2e/lib/client.mjs';
import { isBuilt, sleep, until } from '../e2e/lib/gateway.mjs';
import { seenToFail } from '../e2e/lib/hostile.mjs';
import { limit } from '../e2e/lib/limits.mjs';
import { auditLines } from '../e2e/lib/sweep.mjs';

const skip = isBuilt() ? false : 'the gateway is not built';
const WITHIN_MS = (limit('CHILD_PULSES_MISSED') + 1) * limit('CHILD_PULSE_MS');
const HANGING = ['vault', 'gate', 'store', 'audit', 'dial'];

test('CHILD_PULSES_MISSED questions, one every CHILD_PULSE_MS, and who does not answer is another', { skip, timeout: 300000 }, async (t) => {
	const find = (gateway, name) => gateway.processes().find((p) => p.args.endsWith(`moltbot-${name}`));
	await seenToFail(['PULSE'], {}, async (gateway, weak) => {
		const client = await signIn(gateway);
		await client.call('device.pair.list', {});
		await until(() => HANGING.every((name) => find(gateway, name)), 'all of them run');
		// the vault alone first: a call that is at it has an answer when it is killed, and everybody else is served meanwhile
		const vault = find(gateway, 'vault').pid;
		const from = performance.now();
		process.kill(vault, 'SIGSTOP');
		const asked = client.request('device.pair.list', {});
		const answer = await Promise.race([asked, sleep(WITHIN_MS + 20000).then(() => null)]);
		const hung = answer === null ? ['vault'] : [];
		if (answer !== null) {
			t.diagnostic(`answered after ${((performance.now() - from) / 1000).toFixed(0)} s: ${answer.error?.message}`);
			assert.equal(answer.ok, false);
			assert.equal(answer.error.code, 'UNAVAILABLE');
			assert.ok(performance.now() - from > (limit('CHILD_PULSES_MISSED') - 1) * limit('CHILD_PULSE_MS'), 'it had its time');
		}
		assert.equal((await client.request('health', {})).ok, true, 'who does not need it is served');
		if (weak.length > 0) process.kill(vault, 'SIGCONT');
		else {
			// then all that a turn needs, at once: the new vault too, whether it is up already or not
			await until(() => HANGING.every((name) => find(gateway, name)), 'all of them run again');
			const stopped = HANGING.map((name) => find(gateway, name).pid);
			stopped.forEach((pid) => process.kill(pid, 'SIGSTOP'));
			const left = () => HANGING.filter((name, i) => [undefined, stopped[i]].includes(find(gateway, name)?.pid));
			await until(() => left().length === 0, 'others in their place', WITHIN_MS + 60000).catch((error) => { throw new Error(`${error.message}: not ${left()}\n${gateway.log()}`); });
			const killed = auditLines(join(gateway.dir, 'audit.log')).filter((l) => l.event === 'PROCESS_BAD').map((l) => l.peer);
			assert.ok(killed.includes('vault'), `${killed}`);
			assert.match(readFileSync(join(gateway.dir, 'logs/gateway.log'), 'utf8'), /does not answer any more: killed/);
		}
		client.ws.terminate();
		const after = await until(() => signIn(gateway).catch(() => null), 'signed in');
		assert.equal((await until(() => chat(after, 'what is 6 * 7').catch(() => null), 'an answer')).state, 'final');
		await after.close();
		return hung;
	});
});
