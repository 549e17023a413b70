// The gateway where less is to be had than in the other tests: run by an ordinary user, where nobody may make user namespaces, and where
// the kernel has no newer Landlock than that. Each is the whole gateway in a place made for it: the self-proof passes, tools work as the
// tier says, and programs start only in a tier that is at least agents.defaults.sandbox.minTier.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { chat } from './lib/client.mjs';
import { cli, Gateway, isBuilt, program, providerConfig } from './lib/gateway.mjs';
import { ready, withModel } from './lib/hostile.mjs';
import { toolResults } from './lib/model.mjs';

const place = process.env.MOLTBOT_PLACE;
const USER = 54321; // of nobody, and none that the gateway gives its processes
const root = new URL('../..', import.meta.url).pathname.replace(/\/$/, '');
const build = join(program, '../../..');

/** Where, as whom, and which tier is to be had there. A process in a chroot may make no user namespace (user_namespaces(7)). */
const places = {
	'an ordinary user': { user: USER, tier: 'full' },
	'an ordinary user without namespaces': { user: USER, chroot: true, tier: 'landlock' },
	'root without namespaces': { user: 0, chroot: true, tier: 'landlock+uid' },
	'root with the Landlock of Linux 6.1': { user: 0, tier: 'full', landlock: 2 },
	'an ordinary user without namespaces and with the Landlock of Linux 6.1': { user: USER, chroot: true, tier: 'landlock', landlock: 2 },
	'root without namespaces and with the Landlock of Linux 6.1': { user: 0, chroot: true, tier: 'landlock+uid', landlock: 2 },
};

/** Runs this file there, with the project and what was built of it where that user may read them. */
function runThere(t, name) {
	const { user, chroot } = places[name];
	const dir = mkdtempSync(join(tmpdir(), 'moltbot-place-'));
	chmodSync(dir, 0o755);
	for (const folder of ['root', 'build', 'all']) mkdirSync(join(dir, folder));
	const { NODE_TEST_CONTEXT: _, ...env } = process.env;
	const node = process.execPath.startsWith(`${root}/`) ? process.execPath.replace(root, join(dir, 'root')) : process.execPath;
	const as = `setpriv --reuid ${user} --regid ${user} --clear-groups "${node}" --test --test-reporter=tap "${join(dir, 'root/tests/e2e/ordinary.test.mjs')}"`;
	const script = `mount --bind "${root}" "${dir}/root" && mount --bind "${build}" "${dir}/build" && ${chroot ? `mount --rbind / "${dir}/all" && cd / && exec chroot "${dir}/all" ${as}` : `exec ${as}`}`;
	const done = spawnSync('unshare', ['-m', '-p', '-f', '--mount-proc', 'sh', '-c', script], { encoding: 'utf8', timeout: 240000,
		env: { ...env, MOLTBOT_PLACE: name, MOLTBOT_BUILD: join(dir, 'build'), HOME: '/' } });
	for (const folder of ['root', 'build', 'all', '.']) spawnSync('rmdir', [join(dir, folder)]);
	assert.equal(done.status, 0, done.stdout + done.stderr);
	const count = (what) => Number(new RegExp(`^# ${what} (\\d+)$`, 'm').exec(done.stdout)?.[1]);
	if (count('skipped') > 0) t.skip(/# SKIP (.*)/.exec(done.stdout)?.[1]);
	else assert.ok(count('pass') >= 1, done.stdout);
}

const calls = [['calculator', { expression: '6*7' }], ['file_write', { path: 'notes/a.txt', content: 'mine' }], ['file_read', { path: 'notes/a.txt' }],
	['file_read', { path: '../../../../../../../etc/passwd' }], ['shell_exec', { command: 'echo ran: $((40000 + 2)); cat notes/a.txt' }]];

async function there(t) {
	const { tier, user, landlock } = places[place];
	await withModel((body) => {
		const results = toolResults(body);
		return results.length < calls.length ? { calls: [{ name: calls[results.length][0], args: calls[results.length][1] }] } : { text: JSON.stringify(results) };
	}, async (model) => {
		/** What the calls came to under this configuration of the sandbox. */
		const made = async (sandbox) => {
			const gateway = new Gateway({ config: providerConfig(model.baseUrl, { config: {} }), args: landlock ? ['--landlock', String(landlock)] : [] });
			gateway.options.config.agents.defaults.sandbox = sandbox;
			try {
				await gateway.start();
				const client = await ready(gateway);
				const status = await client.call('status', {});
				if (status.sandbox.tier !== tier) {
					t.skip(`this machine gives the tier ${status.sandbox.tier} here, not ${tier}`);
					return null;
				}
				const answer = await chat(client, 'go', { ms: 60000 });
				assert.equal(answer.state, 'final', answer.error);
				await client.close();
				const uids = new Set(gateway.processes().map(({ pid }) => Number(/^Uid:\t(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1])));
				if (user !== 0) assert.deepEqual([...uids], [user], 'every process is that user');
				assert.equal(cli(gateway, ['audit', 'verify']).status, 0);
				assert.match(gateway.log(), /self-proof passed/);
				return JSON.parse(answer.text);
			} finally {
				await gateway.cleanup();
			}
		};
		const results = await made({});
		if (results === null) return;
		assert.match(results[0], /42/);
		assert.match(results[1], /^wrote 4 bytes/);
		assert.equal(results[2], 'mine');
		assert.match(results[3], /leaves the workspace/);
		const ran = /ran: 40002\nmine/;
		if (tier === 'landlock') assert.doesNotMatch(results[4], ran);
		else assert.match(results[4], ran);
		if (tier === 'landlock+uid') {
			assert.match((await made({ minTier: 'landlock+uid' }))[4], ran);
			for (const minTier of ['userns', 'full']) {
				const least = await made({ minTier });
				assert.doesNotMatch(least[4], ran, `below ${minTier} no program runs`);
				assert.equal(least[2], 'mine', 'what is built in does');
			}
		}
	});
}

const skip = !isBuilt() ? 'the gateway is not built' : place === undefined && process.getuid() !== 0 ? 'only root can be another user'
	: place === undefined && spawnSync('unshare', ['-m', '-p', '-f', '--mount-proc', 'true']).status !== 0 ? 'no namespaces to be had here' : false;

if (place !== undefined) test(place, there);
else for (const name of Object.keys(places)) test(`the gateway of ${name}`, { skip, timeout: 250000 }, (t) => runThere(t, name));
