// What the rules about names keep in by themselves: a cell without namespaces, root and Landlock of its own, where nothing but those
// rules stands between the file tools and the machine. With them nothing outside is read, written or deleted; without them each way
// out is one. In a pid namespace of its own: the cells have none.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, linkSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { chat } from '../e2e/lib/client.mjs';
import { isBuilt, providerConfig } from '../e2e/lib/gateway.mjs';
import { buildHostile, ready, reportWeak, weakGateway, withModel } from '../e2e/lib/hostile.mjs';
import { toolResults } from '../e2e/lib/model.mjs';
import { startRacer } from '../e2e/lib/racer.mjs';

const inside = process.env.MOLTBOT_LINKS_INSIDE === '1';
const skip = !isBuilt() ? 'the gateway is not built' : process.getuid() !== 0 ? 'only root has cells of another uid'
	: !inside && spawnSync('unshare', ['-p', '-f', '--mount-proc', 'true']).status !== 0 ? 'this user may not make a pid namespace' : false;
// A cell that sees the whole machine; sandbox would notice it and refuse it.
const OPEN = ['CELL_NAMESPACES', 'JAIL_LANDLOCK', 'CELL_CHECK', 'CELL_PROOF'];
const RACES = 400; // calls, at most

const naughty = '%2e%2e; $(id) `id` | ~ \u202e\u2028 \\..\\ -rf';
/** Each way out: what is put into the workspace, the call, and how it shows that it led outside. */
const ways = {
	'up by the name': { call: (s) => ['file_read', { path: `../../../../../../../..${s.outside}/secret` }] },
	'up from a folder': { call: (s) => ['file_read', { path: `./x/../../../../../../../../..${s.outside}/secret` }] },
	'up from a folder with a naughty name': { call: (s) => ['file_read', { path: `${naughty}/../../../../../../../../..${s.outside}/secret` }] },
	'a link to a folder': { call: () => ['file_read', { path: 'folder-link/secret' }] },
	'a link to a file': { call: () => ['file_read', { path: 'leaf-link' }] },
	'a link in a folder': { call: () => ['file_read', { path: 'x/deep-link/secret' }] },
	'a second name of the file': { call: () => ['file_read', { path: 'hard-link' }] },
	'a magic link': { call: (s) => ['file_read', { path: `magic${s.outside}/secret` }] },
	'written through a link': { call: () => ['file_write', { path: 'folder-link/written', content: 'x' }], shows: (s) => existsSync(join(s.outside, 'written')) },
	'deleted through a link': { call: () => ['file_delete', { path: 'folder-link/precious' }], shows: (s) => !existsSync(join(s.outside, 'precious')) },
};

function put(s, workspace) {
	mkdirSync(join(workspace, naughty), { mode: 0o755 });
	symlinkSync(s.outside, join(workspace, 'folder-link'));
	symlinkSync(join(s.outside, 'secret'), join(workspace, 'leaf-link'));
	linkSync(join(s.outside, 'secret'), join(workspace, 'hard-link'));
	symlinkSync('/proc/self/root', join(workspace, 'magic'));
}

/** What came out of the workspace: the ways that led outside, by name. */
async function cameOut(weak) {
	const outside = mkdtempSync(join(tmpdir(), 'moltbot-links-'));
	const s = { outside, canary: `CANARY-${randomBytes(12).toString('hex')}` };
	let calls = [];
	let told = [];
	chmodSync(outside, 0o777);
	for (const [name, text] of [['secret', s.canary], ['precious', 'x']]) {
		writeFileSync(join(outside, name), text);
		chmodSync(join(outside, name), 0o666);
	}
	return await withModel((body) => {
		told = toolResults(body);
		return told.length < calls.length ? { calls: [{ name: calls[told.length][0], args: calls[told.length][1] }] } : { text: 'done' };
	}, async (model) => {
		const gateway = weakGateway(weak, { config: providerConfig(model.baseUrl) });
		try {
			await gateway.start();
			const workspace = join(gateway.dir, 'workspace');
			chmodSync(gateway.dir, 0o711); // the folder above lets nobody through, whatever the name: as if it did
			const client = await ready(gateway);
			const make = async (list) => {
				calls = list;
				told = [];
				await chat(client, 'do it', { sessionKey: `links-${randomBytes(4).toString('hex')}`, ms: 60000 });
				assert.equal(told.length, list.length, 'every call came back');
				return told;
			};
			await make([['file_write', { path: 'x/mine', content: 'mine' }]]);
			symlinkSync(outside, join(workspace, 'x/deep-link'));
			put(s, workspace);
			const results = await make([...Object.values(ways).map((way) => way.call(s)), ['file_read', { path: 'x/mine' }]]);
			assert.equal(results.at(-1), 'mine', 'what is inside is read');
			const out = Object.entries(ways).filter(([, way], i) => (way.shows ? way.shows(s) : results[i].includes(s.canary))).map(([name]) => name);
			const race = startRacer(workspace, outside, 1 << 30);
			let raced = false;
			let met = false;
			for (let n = 0; n < RACES && !(raced || (met && n >= 100)); n += 20) {
				const seen = await make(Array.from({ length: 20 }, () => ['file_read', { path: 'swap/secret' }]));
				raced = seen.some((text) => text.includes(s.canary));
				met = met || seen.some((text) => text === 'mine');
			}
			await race.stop();
			assert.ok(raced || met, 'no call ever met the folder');
			if (readFileSync(join(outside, 'secret'), 'utf8') !== s.canary) out.push('the file outside is another');
			await client.close();
			return raced ? [...out, 'a folder that becomes a link'] : out;
		} finally {
			await gateway.cleanup();
			rmSync(outside, { recursive: true });
		}
	});
}

function runInside() {
	const { NODE_TEST_CONTEXT: _, ...env } = process.env;
	const done = spawnSync('unshare', ['-p', '-f', '--mount-proc', process.execPath, '--test', '--test-reporter=tap', new URL(import.meta.url).pathname],
		{ encoding: 'utf8', env: { ...env, MOLTBOT_LINKS_INSIDE: '1' }, timeout: 240000 });
	assert.equal(done.status, 0, done.stdout + done.stderr);
	assert.ok(Number(/^# pass (\d+)$/m.exec(done.stdout)?.[1]) >= 1, done.stdout);
}

if (!inside || skip) test('the rules about names alone keep the file tools in', { skip }, runInside);
else test('the rules about names alone keep the file tools in', async () => {
	buildHostile();
	assert.deepEqual(await cameOut(OPEN), []);
	const came = await cameOut([...OPEN, 'PATH_RULES']);
	assert.deepEqual(came, [...Object.keys(ways), 'a folder that becomes a link']);
	reportWeak([...OPEN, 'PATH_RULES'], came);
});
