// The self-proof as an owner asks for it: every attempt and every bomb from inside the real cells, held, and the attempts paired with the
// same ones outside. And that it says so, and is not passed, when a layer is left out.
import assert from 'node:assert/strict';
import test from 'node:test';
import { cli, Gateway, isBuilt, until } from './lib/gateway.mjs';
import { ready } from './lib/hostile.mjs';

const skip = isBuilt() ? false : 'the gateway is not built';
const bombs = ['PROCESSES', 'MEMORY', 'BIG_FILE', 'MANY_FILES', 'MANY_FDS', 'OUTPUT', 'BURNER', 'FORK_STORM', 'SLEEPER'];
const isRoot = process.getuid() === 0;

test('doctor --prove: nothing escapes, bombs among it, and what works outside is shown beside it', { skip }, async (t) => {
	const gateway = new Gateway();
	t.after(() => gateway.cleanup());
	await gateway.start();
	const client = await ready(gateway);
	const { tier } = (await client.call('health', { probe: true })).sandbox;
	if (!['full', 'userns', 'landlock+uid'].includes(tier)) return t.skip(`programs do not run in tier ${tier}`);
	const asked = cli(gateway, ['doctor', '--prove', '--json'], { timeout: 300000 });
	const { proof, checks } = JSON.parse(asked.stdout);
	const wrong = proof.probes.filter((p) => !p.held);
	t.diagnostic(`${proof.attempts} attempts, ${proof.escaped} escaped, ${proof.probes.filter((p) => p.paired).length} paired, tier ${proof.tier}`);
	assert.deepEqual(wrong, []);
	assert.equal(proof.ok, true);
	assert.equal(proof.escaped, 0);
	assert.equal(proof.tier, tier);
	assert.equal(proof.attempts, proof.probes.length);
	assert.ok(proof.probes.length >= 80, `${proof.probes.length} attempts`);
	assert.equal(checks.find((c) => c.id === 'prove').verdict, 'ok');
	assert.equal(asked.status, checks.some((c) => c.verdict === 'bad') ? 1 : 0, asked.stdout);
	const names = new Set(proof.probes.map((p) => p.name));
	for (const name of bombs) {
		const row = proof.probes.find((p) => p.name === name);
		assert.ok(row, `${name} was not let loose`);
		assert.equal(row.profile, 'program');
		assert.equal(row.paired, false, `${name} is never let loose outside`);
		assert.equal(row.outside, 'not let loose outside');
	}
	assert.ok(names.size >= 40 + bombs.length, `${names.size} kinds`);
	// what comes back is what the table expects of this tier
	for (const row of proof.probes) assert.ok(row.expected.length > 0 && row.got.length > 0, JSON.stringify(row));
	// paired: the same attempt, by the same code, gets through for whoever typed this
	const paired = proof.probes.filter((p) => p.paired);
	assert.ok(paired.every((p) => p.outside === 'works' || p.outside.startsWith('let in (')));
	assert.ok(proof.probes.filter((p) => !p.paired && !bombs.includes(p.name)).every((p) => p.outside.endsWith(' outside too') || p.outside === 'not let loose outside'));
	assert.ok(paired.length >= (isRoot ? 20 : 5), `${paired.length} paired: ${paired.map((p) => p.name)}`);

	const shown = cli(gateway, ['doctor', '--prove'], { timeout: 300000 });
	assert.match(shown.stdout, new RegExp(`${proof.attempts} attempts, 0 escaped, ${paired.length} paired, tier ${tier.replace('+', '\\+')}`));
	for (const name of names) assert.ok(shown.stdout.includes(name), `${name} is not in the table`);
	// nothing of the bombs is left
	await until(() => gateway.processes().filter((p) => /moltbot-cell|\/bin\/sh/.test(p.args)).length <= 2, 'only the cell that waits for a call');
	await client.close();
});
