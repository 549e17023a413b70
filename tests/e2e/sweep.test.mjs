// 1,000 turns and 50 kills here; SWEEP_TURNS, SWEEP_KILLS and SWEEP_SUPERVISOR make it the whole campaign (10,000, 480, 20).
//
// Asserted: one question and one final or reported answer a key, no second run of what is sent again, an audit log that verifies with two
// witnesses of every effect, no process, control group or file left after the next start and its stop (memory of a process, its memfds and
// its tmpfs go with it, so none of them can outlive the processes that are looked for), and that the supervisor, which is the one process that
// lives through it all, neither holds more descriptors nor grows. "Back within a second" is asserted as that where nothing else wants the
// processors; where more wants to run than there are, the machine's load is taken off it, because the times would be the machine's. The
// middle, the 99th percentile and the longest are printed in either case.
import assert from 'node:assert/strict';
import test from 'node:test';
import { isBuilt } from './lib/gateway.mjs';
import { Sweep } from './lib/sweep.mjs';

const number = (name, fallback) => Number(process.env[name] ?? fallback);

test('every accepted message has exactly one answer, whatever is killed', { skip: isBuilt() ? false : 'the gateway is not built' }, async (t) => {
	const sweep = new Sweep({ turns: number('SWEEP_TURNS', 1000), kills: number('SWEEP_KILLS', 48), supervisorKills: number('SWEEP_SUPERVISOR', 2) });
	t.after(() => sweep.cleanup());
	const result = await sweep.run();
	t.diagnostic(`${result.turns} turns in ${result.seconds.toFixed(1)} s, killed ${JSON.stringify(result.killed)}, load a processor ${result.load.toFixed(1)}`);
	t.diagnostic(`recoveries: ${result.recoveries.n}, p50 ${result.recoveries.p50} ms, p99 ${result.recoveries.p99} ms, longest ${result.recoveries.max} ms`);
	t.diagnostic(`slowest recovery ${JSON.stringify(result.slowestRecovery)}, a tree without its supervisor gone after ${result.slowestEndMs} ms`);
	t.diagnostic(`statuses ${JSON.stringify(Object.fromEntries(Object.entries(result.statuses).map(([k, v]) => [k, v.length])))}`);
	t.diagnostic(`model requests ${JSON.stringify(result.requests)}, the supervisor holds ${JSON.stringify(result.grown)}`);
	t.diagnostic(`audit: ${JSON.stringify(result.audit).slice(0, 600)}`);
	assert.deepEqual(result.bad, []);
	assert.equal(result.newRuns, 0, 'a message that was sent again became a new run');
	// a second where the machine is the gateway's own; where more wants to run than there are processors, in proportion
	assert.ok(result.slowestRecovery.ms <= 1000 * Math.max(1, result.load), `back only after ${JSON.stringify(result.slowestRecovery)} at load ${result.load}`);
	assert.ok(result.slowestEndMs <= 1000 * Math.max(1, result.load), `a tree outlived its supervisor by ${result.slowestEndMs} ms`);
	assert.equal(result.audit.ok, true, JSON.stringify(result.audit));
	assert.deepEqual(result.audit.findings, []);
	assert.equal(result.audit.effectsWithoutVerdict, 0);
	assert.deepEqual(result.lone, [], 'effects without two witnesses');
	assert.ok(result.requests.seen <= result.requests.begun, 'a request that nobody wrote down');
	assert.deepEqual(result.unwritten, [], 'ends of processes that the supervisor did not write down');
	assert.deepEqual(result.leftovers, []);
	assert.ok(result.grown.last.fds <= result.grown.first.fds + 8, 'the supervisor loses descriptors');
	assert.ok(result.grown.last.rss < result.grown.first.rss + 2048, 'the supervisor has grown');
});
