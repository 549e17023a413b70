// The hostile build: processes that attack from inside (--attack), and controls that can be left out by name (--weak, lib/base/weak.def).
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { signIn } from './client.mjs';
import { Gateway, until } from './gateway.mjs';
import { ModelServer } from './model.mjs';

const root = new URL('../../..', import.meta.url).pathname;
const build = process.env.MOLTBOT_ATTACK_BUILD ?? join(root, 'build-attack');
export const hostileProgram = join(build, 'src/cli/moltbot');

/** Builds it, or brings it up to date: one at a time. */
export function buildHostile() {
	if (process.env.MOLTBOT_HOSTILE_BUILT === '1') return;
	const done = spawnSync(join(root, 'tools/build-hostile'), [build], { encoding: 'utf8' });
	assert.equal(done.status, 0, done.stdout + done.stderr);
	process.env.MOLTBOT_HOSTILE_BUILT = '1';
}

/** A gateway of that build with these controls left out; an empty list leaves out none. */
export function weakGateway(weak, options = {}) {
	const args = weak.length > 0 ? ['--weak', weak.join(',')] : [];
	return new Gateway({ ...options, program: hostileProgram, args: [...args, ...(options.args ?? [])] });
}

/** For tools/weak, which collects it: without these controls this came through. */
export function reportWeak(weak, came) {
	const { MOLTBOT_WEAK_REPORT: report } = process.env;
	if (report) appendFileSync(report, `${JSON.stringify({ file: relative(join(root, 'tests'), process.argv[1]), weak, came: came.map(String).slice(0, 20) })}\n`);
}

/**
 * An attack with all controls, and with some left out. attack(gateway, weak) carries it out on a gateway that runs (options:
 * start: false: that it starts itself) and gives a list of what came through: nothing with the controls, something without them.
 */
export async function seenToFail(weak, options, attack) {
	buildHostile();
	const [held, came] = await Promise.all([[], weak].map(async (names) => {
		const gateway = weakGateway(names, typeof options === 'function' ? options(names) : options);
		try {
			if (gateway.options.start !== false) await gateway.start();
			return await attack(gateway, names);
		} finally {
			await gateway.cleanup();
		}
	}));
	assert.deepEqual(held, [], 'came through with all controls');
	assert.ok(came.length > 0, `nothing came through without ${weak}: the attack proves nothing`);
	reportWeak(weak, came);
	return came;
}

/** A model behind the gateway for the time of fn: fn(model). */
export async function withModel(script, fn) {
	const model = await new ModelServer(script).listen();
	try {
		return await fn(model);
	} finally {
		await model.close();
	}
}

/** Signed in, and the self-proof done: tools run. */
export async function ready(gateway, extra) {
	const client = await signIn(gateway, extra);
	const proof = async () => (await client.call('health', { probe: true })).sandbox?.proof;
	try {
		await until(async () => (await proof()) === 'passed', 'the self-proof', 15000);
	} catch (e) {
		const said = gateway.log().split('\n').filter((line) => /proof|escape|probe|sandbox|cell/.test(line)).slice(-20);
		throw new Error(`${e.message}: ${await proof()}\n${said.join('\n')}`);
	}
	return client;
}
