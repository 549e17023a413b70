// Everything that somebody else may name, with the corpus of naughty strings and what terminals obey: sessions, devices, tools, arguments,
// files, memories, keys and values of the configuration. No log, no file of it and no command passes a control character on.
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { chat, Client } from '../e2e/lib/client.mjs';
import { Device } from '../e2e/lib/device.mjs';
import { isBuilt, providerConfig } from '../e2e/lib/gateway.mjs';
import { hostileProgram, ready, seenToFail, withModel } from '../e2e/lib/hostile.mjs';
import { toolResults } from '../e2e/lib/model.mjs';

const corpus = new URL('../../../shared/corpora/naughty-strings/blns.json', import.meta.url);
const skip = !isBuilt() ? 'the gateway is not built' : !existsSync(corpus) ? 'no corpus of naughty strings here' : spawnSync('script', ['--version']).error ? 'there is no script(1) to make a terminal' : false;
const orders = ['\u001b]0;owned\u0007', '\u001b[2J\u001b[1;1H', '\u001b]52;c;b3duZWQ=\u0007', '\u009b2J', '\u001b]8;;http://203.0.113.9\u0007link', '\u202eowned\u202c', '\u001bP+q\u001b\\', '\b\b\bowned', '\u2066x\u2069', '\u001b[8m', '\u0085next', '\rowned', '\u007f'];
// What no output may hold: control characters but the line's end, and the marks that turn text around.
const raw = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;
// On a terminal commands of ours say some things themselves: colours, the start of a line, clearing it; and a terminal adds \r to \n.
const own = /\u001b\[[0-9;]*m|\u001b\[[0-9]*[KGCD]|\u001b\[\?(?:25|2004)[hl]|\r/g;
const foreign = /\u001b\[8m|\u001b\[20C|\u001b\[0;31m/;

const strings = skip ? [] : [...orders, ...JSON.parse(readFileSync(corpus, 'utf8')).filter((s) => s.length > 0)];
const cut = (text, most) => { let out = ''; for (const c of text) { if (Buffer.byteLength(out + c) > most) break; out += c; } return out; };

function printed(command, args, env) {
	return new Promise((resolve) => { execFile(command, args, { env, encoding: 'utf8', timeout: 30000, maxBuffer: 1 << 26 }, (error, stdout, stderr) => resolve(stdout + stderr)).stdin.end(); });
}

/** Devices of such names ask to be let in; the owner lets some in. */
async function nameDevices(gateway, owner) {
	for (const name of orders.slice(0, 8)) {
		const device = new Device();
		const client = new Client(gateway.url());
		const answer = await client.connect((nonce) => ({ token: gateway.token, role: 'operator', scopes: ['operator.read'], client: { id: 'cli', version: name, platform: name, mode: 'cli', displayName: name, deviceFamily: name },
			device: device.present({ clientId: 'cli', clientMode: 'cli', role: 'operator', scopes: ['operator.read'], token: gateway.token, nonce }) }));
		const id = answer.error?.details?.requestId;
		if (id && orders.indexOf(name) % 2 === 0) await owner.call('device.pair.approve', { requestId: id });
		client.ws.terminate();
	}
	const { pending, paired } = await owner.call('device.pair.list', {});
	return pending.length + paired.length;
}

test('what somebody named tells neither a log nor a terminal what to do', { skip, timeout: 300000 }, async (t) => {
	let calls = [];
	await withModel((body) => {
		const results = toolResults(body);
		return results.length < calls.length ? { calls: [calls[results.length]] } : { text: `seen ${results.join(' ').slice(0, 100000)}` };
	}, async (model) => {
		const came = await seenToFail(['TEXT_SAFE'], () => ({ config: providerConfig(model.baseUrl) }), async (gateway, weak) => {
			const owner = await ready(gateway);
			await chat(owner, 'hello');
			// sessions: their names, and keys that are none
			for (const [i, text] of strings.entries()) {
				await owner.request('sessions.patch', { key: 'agent:main:main', label: cut(text, 64) });
				if (i < 60) await owner.request('chat.send', { sessionKey: cut(text, 200), message: cut(text, 200), idempotencyKey: `k${i}` });
			}
			await owner.request('sessions.patch', { key: 'agent:main:main', label: orders[0] });
			assert.ok(await nameDevices(gateway, owner) >= 4, 'there are devices of such names');
			// tools, their arguments, files and what is in them
			const some = strings.filter((s, i) => i < orders.length || i % 12 === 0).slice(0, 44);
			for (const list of [some.map((s) => ({ name: cut(s, 60), args: { path: s } })), some.map((s) => ({ name: 'file_write', args: { path: cut(s.replaceAll('/', '_'), 100), content: s } })),
				[{ name: 'file_list', args: {} }, ...some.slice(0, 20).map((s) => ({ name: 'file_read', args: { path: s } })), ...some.slice(0, 20).map((s) => ({ name: 'memory_save', args: { text: s } })), { name: 'shell_exec', args: { argv: ['printf', '%s', some.slice(0, 10).join(' ')] } }]]) {
				calls = list;
				await chat(owner, 'go', { sessionKey: `named-${list.length}-${weak.length}`, ms: 60000 });
			}
			calls = [{ name: 'shell_exec', args: { argv: ['printf', '%s', orders.join(' ')] } }, { name: cut(orders[0], 60), args: { path: orders[1] } }];
			await owner.close();
			// a configuration with such keys and values: what is wrong with it is said
			const bad = join(gateway.dir, 'bad.json');
			writeFileSync(bad, JSON.stringify(Object.fromEntries(strings.map((s) => [s, s]).concat([['gateway', { bind: orders[0], publicDomain: orders[1] }], ['models', { providers: { [orders[2]]: { baseUrl: orders[3] } } }]]))), { mode: 0o600 });

			// a weak command prints like a weak gateway
			const env = { PATH: process.env.PATH, HOME: gateway.dir, MOLTBOT_STATE_DIR: gateway.dir, TERM: 'xterm', MOLTBOT_WEAK: weak.join() };
			const seen = { log: gateway.log(), console: gateway.output, 'audit log': readFileSync(join(gateway.dir, 'audit.log'), 'utf8') };
			for (const args of [['status', '--all'], ['devices', 'list'], ['devices', 'list', '--json'], ['logs'], ['logs', '--json'], ['agent', '--message', 'go'], ['agent', '--json', '--message', 'go'], ['config', 'validate', bad],
				['config', 'validate', '--json', bad], ['config', 'get', orders[1]], ['config', 'set', orders[0], orders[1]], ['config', 'history'], ['devices', 'approve', orders[0]], ['audit', 'verify'], [orders[0]], ['status', orders[1]]]) {
				const what = args.join(' ').replace(/[^ -~]/g, '?').slice(0, 40);
				seen[`${what} | pipe`] = await printed(hostileProgram, args, env);
				if (!args.includes('--json')) seen[`${what} | terminal`] = await printed('script', ['-qec', [hostileProgram, ...args.map((a) => `'${a}'`)].join(' '), '/dev/null'], env);
			}
			assert.ok(Object.values(seen).every((text) => text.length > 0), `nothing was said: ${Object.keys(seen).filter((name) => seen[name].length === 0)}`);
			return Object.entries(seen).filter(([name, text]) => (name.endsWith('terminal') ? foreign.test(text) || raw.test(text.replace(own, '').replaceAll('\t', '')) : raw.test(text)))
				.map(([name, text]) => `${name}: ${JSON.stringify(raw.exec(name.endsWith('terminal') ? text.replace(own, '') : text)?.[0] ?? '')} in ${JSON.stringify(text.slice(Math.max(0, text.search(raw) - 40), text.search(raw) + 20))}`);
		});
		t.diagnostic(`without the control: ${came.map((c) => c.split(':')[0]).join('; ')}`);
	});
});
