// Path attacks through the whole gateway: a scripted model reads, writes and deletes below a name that a racer exchanges, 100,000
// times, between a folder and a link to a folder outside; and spellings from the corpus of naughty strings as paths. With all controls:
// that the same race, and such names, lead out without PATH_RULES is seen in k16_links.test.mjs, where nothing but the rules about names is in the way.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { chat, signIn } from '../e2e/lib/client.mjs';
import { Gateway, isBuilt, providerConfig, until } from '../e2e/lib/gateway.mjs';
import { ModelServer, toolResults } from '../e2e/lib/model.mjs';
import { startRacer } from '../e2e/lib/racer.mjs';

const skip = isBuilt() ? false : 'the gateway is not built';
const corpus = new URL('../../../shared/corpora/naughty-strings/blns.json', import.meta.url);
const EXCHANGES = 100000;

/** A gateway, a folder outside with a canary in it, and a function that has the model make calls and returns what it was told. */
async function scene(t) {
	const outside = mkdtempSync(join(tmpdir(), 'moltbot-k16-'));
	const canary = `CANARY-${randomBytes(12).toString('hex')}`;
	chmodSync(outside, 0o777);
	writeFileSync(join(outside, 'secret'), canary, { mode: 0o666 });
	let calls = [];
	let told = [];
	const model = await new ModelServer((body) => {
		told = toolResults(body);
		return told.length < calls.length ? { calls: [calls[told.length]] } : { text: 'done' };
	}).listen();
	const gateway = new Gateway({ config: providerConfig(model.baseUrl) });
	t.after(async () => { await gateway.cleanup(); await model.close(); rmSync(outside, { recursive: true }); });
	await gateway.start();
	const client = await signIn(gateway);
	await until(async () => (await client.call('health', { probe: true })).sandbox?.proof === 'passed', 'the self-proof', 15000);
	let turn = 0;
	const make = async (list) => {
		const all = [];
		for (let at = 0; at < list.length; at += 30) {
			calls = list.slice(at, at + 30);
			told = [];
			await chat(client, 'do it', { sessionKey: `k16-${turn++}`, ms: 60000 });
			assert.equal(told.length, calls.length);
			all.push(...told);
		}
		return all;
	};
	return { outside, canary, gateway, make, close: () => client.close() };
}

function unharmed({ outside, canary }) {
	assert.deepEqual(readdirSync(outside), ['secret']);
	assert.equal(readFileSync(join(outside, 'secret'), 'utf8'), canary);
}

test('a folder that becomes a link meanwhile leads nowhere', { skip, timeout: 600000 }, async (t) => {
	const s = await scene(t);
	const workspace = join(s.gateway.dir, 'workspace');
	const race = startRacer(workspace, s.outside, EXCHANGES);
	const seen = [];
	do
		seen.push(...await s.make(Array.from({ length: 10 }).flatMap(() => [{ name: 'file_read', args: { path: 'swap/secret' } },
			{ name: 'file_write', args: { path: 'swap/evil', content: 'owned' } }, { name: 'file_delete', args: { path: 'swap/evil' } }])));
	while (!race.done());
	await race.stop();
	assert.ok(!seen.join('\n').includes(s.canary), 'the file outside was read');
	assert.ok(seen.some((text) => text === 'mine' || text.startsWith('wrote ')), 'no call ever met the folder');
	unharmed(s);
	t.diagnostic(`${seen.length} calls during ${race.count()} exchanges`);
	await s.close();
});

test('no naughty string is a way out', { skip: skip || (existsSync(corpus) ? false : 'no corpus of naughty strings here'), timeout: 600000 }, async (t) => {
	const s = await scene(t);
	const strings = JSON.parse(readFileSync(corpus, 'utf8')).filter((text) => text.length > 0 && /[./\\%~$<>|\u0000-\u001f\u0080-\uffff]/.test(text)).slice(0, 150);
	const up = `../../../../../..${s.outside}/secret`;
	const seen = await s.make(strings.flatMap((text) => [{ name: 'file_read', args: { path: text } }, { name: 'file_read', args: { path: `${text}/${up}` } }]));
	assert.ok(!seen.join('\n').includes(s.canary) && !/root:[*!$x]?:/.test(seen.join('\n')));
	unharmed(s);
	await s.close();
});
