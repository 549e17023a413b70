// A grant for one thing taken for another, and lists that are empty, missing, wrong or gone: what a tool may do is what every list
// together says, at each place of the configuration and through each door, against an oracle of the test's own.
import assert from 'node:assert/strict';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { chat } from '../e2e/lib/client.mjs';
import { isBuilt, providerConfig, serving, sleep, until } from '../e2e/lib/gateway.mjs';
import { ready, seenToFail, withModel } from '../e2e/lib/hostile.mjs';
import { toolResults } from '../e2e/lib/model.mjs';

const skip = isBuilt() ? false : 'the gateway is not built';
const calls = [{ name: 'calculator', args: { expression: '1+1' } }, { name: 'file_list', args: {} }, { name: 'file_write', args: { path: 'written.txt', content: 'x' } },
	{ name: 'memory_save', args: { text: 'a fact' } }, { name: 'shell_exec', args: { argv: ['true'] } }];
const all = calls.map((call) => call.name);
const files = ['file_list', 'file_write'];
const doors = ['in a run', 'over HTTP'];
const sets = { 'group:fs': files, 'group:runtime': ['shell_exec'], '*': all, 'file_*': files };
const members = (list) => list.flatMap((name) => sets[name] ?? [name]);
/** A model that makes every call, whether it was told of the tool or not. */
const obey = (body) => { const n = toolResults(body).length; return n < calls.length ? { calls: [calls[n]] } : { text: JSON.stringify(toolResults(body)) }; };

const places = { tools: (lists) => ({ tools: lists }), 'tools.sandbox.tools': (lists) => ({ tools: { sandbox: { tools: lists } } }),
	'tools.byProvider of another provider': (lists) => ({ tools: { byProvider: { somebody: lists } } }), 'agents.list': (lists) => ({ agents: { list: [{ id: 'main', tools: lists }] } }) };
const lists = [{ allow: [] }, { allow: ['calculator'] }, { deny: ['*'] }, { allow: ['group:fs'], deny: ['file_write'] }, { allow: [], deny: [] }, { allow: ['file_*', 'calculator'], deny: ['group:fs'] }];

/** What these lists leave on: [] is nobody, deny goes before allow, what is not there says nothing. */
const oracle = (...several) => all.filter((tool) => several.every(({ allow, deny }) => (allow === undefined || members(allow).includes(tool)) && !members(deny ?? []).includes(tool)));

const merge = (a, b) => Object.fromEntries([...new Set([...Object.keys(a), ...Object.keys(b)])].map((k) => [k, k in a && k in b && !Array.isArray(a[k]) && typeof a[k] === 'object' ? merge(a[k], b[k]) : k in b ? b[k] : a[k]]));

/** Rows of {what, config, on: what runs have, http: what callers over HTTP have}, and wrong: this is no configuration, all stays as it was. */
function matrix() {
	const rows = Object.keys(places).flatMap((place) => lists.map((l) => ({ what: `${place} ${JSON.stringify(l)}`, config: places[place](l), on: oracle(l) })));
	const two = (a, b) => ({ what: `${JSON.stringify(a)} and in the sandbox ${JSON.stringify(b)}`, config: merge(places.tools(a), places['tools.sandbox.tools'](b)), on: oracle(a, b) });
	rows.push(two({ allow: ['calculator'] }, { allow: ['file_list'] }), two({ allow: ['*'] }, { deny: ['shell_exec', 'file_write'] }), two({ deny: ['calculator'] }, { allow: ['calculator', 'file_list'] }));
	// a grant of another kind grants nothing here
	rows.push({ what: 'the door of HTTP opens no tool to a run', config: { tools: { allow: ['calculator'] }, gateway: { tools: { allow: ['shell_exec', 'file_write'] } } }, on: ['calculator'] },
		{ what: 'the door of HTTP is not open for what runs have', config: {}, on: all },
		{ what: 'what HTTP has, runs have too', config: { gateway: { tools: { allow: ['file_list'] } } }, on: all, http: ['calculator', 'file_list', 'memory_save'] },
		{ what: 'the profile of an agent widens nothing', config: { tools: { allow: ['calculator'] }, agents: { list: [{ id: 'main', tools: { profile: 'full' } }] } }, on: ['calculator'] },
		{ what: 'what an agent may also use widens its own profile alone', config: { tools: { deny: ['shell_exec'] }, agents: { list: [{ id: 'main', tools: { profile: 'minimal', alsoAllow: ['shell_exec', 'file_list'] } }] } }, on: ['calculator', 'file_list'] },
		{ what: 'programs are denied by their own option', config: { tools: { allow: ['*'], exec: { security: 'deny' } } }, on: all.filter((t) => t !== 'shell_exec') });
	rows.push({ what: 'nothing at all', config: { tools: { allow: [] } }, on: [] });
	for (const wrong of [{ allow: ['no_such_tool'] }, { allow: 'calculator,shell_exec' }, { allow: [7] }, { allow: {} }, { allow: [''] }, { allow: [['*']] }, { allow: [], alow: ['*'] }, { deny: [null] }])
		rows.push({ what: `after nothing at all ${JSON.stringify(wrong)}`, config: { tools: wrong }, on: [], wrong: true });
	return rows;
}

test('a tool is on where every list says so, and nowhere else', { skip, timeout: 300000 }, async (t) => {
	await withModel(obey, async (model) => {
		const came = await seenToFail(['TOOL_POLICY', 'TOOL_DOOR'], () => ({ config: { ...providerConfig(model.baseUrl), gateway: { reload: { debounceMs: 20 }, rateLimit: { enabled: false } } } }), async (gateway, weak) => {
			await serving(gateway);
			const client = await ready(gateway);
			const base = { ...gateway.options.config, gateway: { port: gateway.port, ...gateway.options.config.gateway } };
			const path = join(gateway.dir, 'moltbot.json');
			const count = (text) => gateway.log().split(text).length - 1;
			const edit = async (config, wrong) => {
				const word = wrong ? 'the configuration has mistakes' : 'configuration taken';
				const before = count(word);
				writeFileSync(`${path}.tmp`, JSON.stringify(merge(base, config)), { mode: 0o600 });
				renameSync(`${path}.tmp`, path);
				await until(() => count(word) > before, `${word}: ${JSON.stringify(config)}`);
			};
			const inRun = async (n) => {
				const answer = await chat(client, `go ${n}`, { sessionKey: `row-${n}`, ms: 60000 });
				assert.equal(answer.state, 'final', answer.error);
				const results = JSON.parse(answer.text);
				return all.filter((_, i) => !results[i].startsWith('denied: '));
			};
			const overHttp = async () => {
				const on = [];
				for (const { name, args } of calls) {
					const res = await fetch(`http://127.0.0.1:${gateway.port}/tools/invoke`, { method: 'POST', headers: { authorization: `Bearer ${gateway.token}`, 'content-type': 'application/json' }, body: JSON.stringify({ tool: name, args }) });
					await res.arrayBuffer();
					assert.ok([200, 400, 404, 409].includes(res.status), `${name}: ${res.status}`);
					if (res.status === 200) on.push(name);
				}
				return on;
			};
			const differences = [];
			let n = 0;
			for (const row of matrix()) {
				await edit(row.config, row.wrong);
				const http = row.http ?? row.on.filter((tool) => !files.includes(tool) && tool !== 'shell_exec');
				let run, over;
				// the log is written before the last process has read its part
				for (let i = 0; i < (weak.length > 0 ? 1 : 20) && !(String(run) === String(row.on) && String(over) === String(http)); i++) {
					if (i > 0) await sleep(200);
					[run, over] = [await inRun(++n), await overHttp()];
				}
				if (String(run) !== String(row.on)) differences.push(`${row.what}: in a run ${run}, not ${row.on}`);
				if (String(over) !== String(http)) differences.push(`${row.what}: over HTTP ${over}, not ${http}`);
				if (weak.length > 0 && doors.every((door) => differences.some((d) => d.includes(door)))) break;
			}
			await client.close();
			if (weak.length === 0) { // nobody is nobody, also for who starts with it
				await gateway.stop();
				gateway.options.config = merge(base, { tools: { allow: [] } });
				await serving(await gateway.start());
				assert.deepEqual(await overHttp(), []);
				await (await ready(gateway)).close();
			}
			return differences;
		});
		assert.ok(doors.every((door) => came.some((d) => d.includes(door))), `each door has its own control: ${came}`);
		t.diagnostic(`${matrix().length} configurations, ${matrix().length * all.length * 2} cells; without the controls ${came.length} differ: ${came[0]}`);
	});
});
