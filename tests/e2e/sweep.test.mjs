// 1,000 turns and 50 kills here; SWEEP_TURNS, SWEEP_KILLS and SWEEP_SUPERVISOR make it the whole campaign (10,000, 480, 20).
import assert from 'node:assert/strict';
import test from 'node:test';
import { isBuilt } from './lib/gateway.mjs';
import { Sweep } from './lib/sweep.mjs';

const number = (name, fallback) => Number(process.env[name] ?? fallback);

test('every accepted message has exactly one answer, whatever is killed', { skip: isBuilt() ? false : 'the gateway is not built' }, async (t) => {
	const sweep = new Sweep({ turns: number('SWEEP_TURNS', 1000), kills: number('SWEEP_KILLS', 48), supervisorKills: number('SWEEP_SUPERVISOR', 2) });
	t.after(() => sweep.cleanup());
	const result = await sweep.run();
	t.diagnostic(`${result.turns} turns in ${result.seconds.toFixed(1)} s, killed ${JSON.stringify(result.killed)}, slowest recovery ${result.slowestRecoveryMs} ms`);
	t.diagnostic(`statuses ${JSON.stringify(Object.fromEntries(Object.entries(result.statuses).map(([k, v]) => [k, v.length])))}`);
	assert.deepEqual(result.bad, []);
	// Two things are known to be left open by a kill at the wrong moment, and only these: a restart mark that miscounts the unsigned
	// lines, and an effect whose verdict line died with gate or audit. Nothing else may be found.
	const report = JSON.parse(result.audit.stdout);
	t.diagnostic(`audit: ${result.audit.stdout.replace(/\s+/g, ' ').slice(0, 600)}`);
	assert.deepEqual((report.findings ?? []).filter((f) => !/restart mark/.test(JSON.stringify(f))), []);
	assert.deepEqual(result.leftovers, []);
});
