// Every key that the published checklist and the description of the original's configuration name has a disposition: it is an option, another
// spelling of one, or ignored with a warning that names it. None is unknown, and none is passed over in silence.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import vm from 'node:vm';
import { isBuilt, program } from './lib/gateway.mjs';

const shared = new URL('../../../shared/', import.meta.url).pathname;
const reference = join(shared, 'reference/config-and-cli.md');
const seed = join(shared, 'seed');
const built = isBuilt() ? false : 'the gateway is not built';

/* ---- the notation of the description ---- */

/** The text behind the bracket that stands at i. */
function close(text, i) {
	const pairs = { '{': '}', '[': ']', '(': ')' };
	const open = [];
	for (; i < text.length; i++) {
		if (pairs[text[i]]) open.push(pairs[text[i]]);
		else if (text[i] === open.at(-1) && open.pop() && open.length === 0) return i + 1;
	}
	return text.length;
}

const STEP = '(?:<[^<>]*>|\\*|[A-Za-z][\\w-]*)';
const NAME = new RegExp(`^${STEP}(?:\\[\\])?(?:\\.${STEP}(?:\\[\\])?)*(?:[|/]${STEP}(?=[,{|/}]|$))*`);

/** The paths of "a, b.c type (default), d{e, f[{g}]}", each behind prefix. */
function paths(text, prefix = '') {
	const found = [];
	for (let i = 0; i < text.length; i++) {
		const rest = text.slice(i);
		const skip = /^[\s,;…`]+/.exec(rest);
		if (skip) { i += skip[0].length - 1; continue; }
		let name = NAME.exec(rest)?.[0];
		if (!name || /^same\b/.test(rest)) { /* a value, or what stands elsewhere */
			i = next(text, i);
			continue;
		}
		i += name.length;
		if (text[i] === ':' && /^\w+$/.test(name)) name = '*'; /* {name: what it maps to} */
		if (text[i] === ':') i++;
		if (text[i] === '.') i++;
		const names = name.includes('<') ? [name] : name.split(/[|/]/).map((n, nth) => (nth > 0 ? name.split(/[|/]/)[0].replace(/[^.]*$/, '') + n : n));
		const list = text[i] === '[' && text[i + 1] === '{';
		const inner = text[i] === '{' || list ? text.slice(i + (list ? 2 : 1), close(text, i) - (list ? 2 : 1)) : '';
		for (const one of names) {
			const path = prefix + one.replaceAll(/<[^<>]*>/g, '*') + (list ? '[]' : '');
			const below = paths(inner, `${path}.`);
			found.push(...(below.length > 0 ? below : [path]));
		}
		i = next(text, i);
	}
	return found;
}

/** Where the item that i is in ends: at its comma. */
function next(text, i) {
	while (i < text.length && text[i] !== ',' && text[i] !== ';') i = '{[('.includes(text[i]) ? close(text, i) : i + 1;
	return i;
}

const unescape = (cell) => cell.replaceAll('\\|', '|').replaceAll('**', '').trim();
const cells = (line) => line.split(/(?<!\\)\|/).slice(1, -1).map(unescape);

/** One row of a table: its paths are in the first cell, and what is beneath them in the braces of the second. */
function row([first, type = ''], prefix) {
	if (/^(Path|Channel|-+$)/.test(first)) return [];
	const inner = type.startsWith('{') && !/^\{\w+:/.test(type) ? type : '';
	const names = first.split(/ \/ /);
	const parent = names[0].includes('.') ? names[0].replace(/\.[^.{]*$/, '.') : '';
	return names.flatMap((name, i) => {
		const whole = i > 0 && !/^[a-z]+\..*\./.test(name) ? parent + name : name;
		return paths(whole.replace(/\.\*$/, '') + (names.length === 1 || /\./.test(name) ? inner : ''), prefix);
	});
}

function described() {
	const text = readFileSync(reference, 'utf8');
	const schema = text.slice(text.indexOf('\n## 4.'), text.indexOf('\n## 5.'));
	const found = [];
	for (const section of schema.split('\n### ').slice(1)) {
		const title = section.slice(0, section.indexOf('\n'));
		for (const line of section.split('\n').slice(1)) {
			if (line.startsWith('agents.list[]:')) {
				found.push(...paths(line.slice(14).replace(/ Default agent =.*/, ''), 'agents.list[].'));
			} else if (title.includes('sandbox') && line.startsWith('mode ')) {
				for (const prefix of ['agents.defaults.sandbox.', 'agents.list[].sandbox.']) found.push(...paths(line.replace(/\. \(`.*/, ''), prefix));
			} else if (line.startsWith('Common account keys')) {
				const channels = /all of ([\w, ]+) unless/.exec(line)[1].split(/[ ,]+|and/).filter(Boolean);
				const keys = line.slice(line.indexOf(': ') + 2, line.indexOf('. `dmPolicy'));
				for (const channel of channels) found.push(...paths(keys, `channels.${channel}.`));
				found.push(...paths('channels.defaults.{groupPolicy, heartbeat}'));
			} else if (line.startsWith('|')) {
				const [first, ...rest] = cells(line);
				if (title.includes('channels')) {
					if (!/^(Channel|-)/.test(first)) found.push(...paths(rest[0].replace(/; capabilities may be.*|; allowFrom strings only|: schema .*/, ''), first === 'plugin channels' ? 'channels.' : `channels.${first}.`));
				} else if (first === 'memorySearch.*') {
					if (!/^see/.test(rest[0])) found.push(...paths(rest[0], 'agents.defaults.memorySearch.'));
				} else if (first === 'agents.list[].tools') {
					found.push(...paths(rest[0], 'agents.list[].tools.'));
				} else if (!/^see/.test(rest[0]) && !/^sandbox\.\*/.test(first)) {
					found.push(...row([first, rest[0]], title.startsWith('4.4') ? 'agents.defaults.' : ''));
				}
			}
		}
	}
	return [...new Set(found)];
}

/** The old keys that the original takes over; those whose name is not given in full are left out. */
function legacy() {
	const text = readFileSync(reference, 'utf8');
	const section = text.slice(text.indexOf('\n### 2.5'), text.indexOf('\n## 3.'));
	const found = [];
	for (const item of section.slice(section.indexOf('`routing.')).split(';')) {
		let parent = '';
		for (const [, names] of item.split('→')[0].matchAll(/`([\w.[\]/…*:-]+)`/g)) {
			for (const name of names.split('/')) {
				if (/[…*:]/.test(name)) continue;
				found.push(name.includes('.') ? name : parent + name);
				if (name.includes('.')) parent = name.slice(0, name.lastIndexOf('.') + 1);
			}
		}
	}
	return [...new Set(found)];
}

/** The keys of the examples of the checklist. */
function published() {
	const found = [];
	const walk = (value, path) => {
		const below = Array.isArray(value) ? value.flatMap((v) => (v && typeof v === 'object' ? [[`${path}[]`, v]] : []))
			: value && typeof value === 'object' ? Object.entries(value).map(([k, v]) => [path ? `${path}.${k}` : k, v]) : [];
		if (below.length === 0) found.push(path);
		for (const [p, v] of below) walk(v, p);
	};
	for (const name of readdirSync(seed)) {
		for (const [, text] of readFileSync(join(seed, name), 'utf8').matchAll(/```json5?\n([\s\S]*?)```/g)) walk(vm.runInNewContext(`(${text})`), '');
	}
	return [...new Set(found)];
}

/* ---- what becomes of them ---- */

/** Puts a 1 at the path; false where something else stands already. */
function put(root, path) {
	const steps = path.replaceAll('[]', '.[]').split('.').map((s) => (s === '*' ? 'some' : s));
	let at = root;
	for (let i = 0; i < steps.length; i++) {
		const list = Array.isArray(at);
		const key = list ? 0 : steps[i];
		if (list !== (steps[i] === '[]')) return false;
		if (i === steps.length - 1) {
			if (key in at) return false;
			at[key] = 1;
			return true;
		}
		at[key] ??= steps[i + 1] === '[]' ? [] : {};
		at = at[key];
		if (typeof at !== 'object') return false;
	}
	return false;
}

const same = (path) => path.replaceAll('.[]', '').replaceAll('[]', '').replaceAll(/\.(\*|some)(?=\.|$)/g, '.*').replaceAll('..', '.');

/** The issues of a text with all these keys, over as many texts as it takes. */
function issues(all) {
	const dir = mkdtempSync(join(tmpdir(), 'moltbot-keys-'));
	const found = [];
	let waiting = all;
	while (waiting.length > 0) {
		const root = {};
		const later = [];
		let n = 0;
		for (const path of waiting) if (n >= 100 || !put(root, path)) later.push(path); else n++;
		assert.ok(n > 0, `cannot be written: ${waiting.join(' ')}`);
		waiting = later;
		writeFileSync(join(dir, 'moltbot.json'), JSON.stringify(root), { mode: 0o600 });
		const done = spawnSync(program, ['config', 'validate', '--json'], { encoding: 'utf8', env: { PATH: process.env.PATH, HOME: dir, MOLTBOT_STATE_DIR: dir } });
		const report = JSON.parse(done.stdout);
		assert.equal(report.mistakes + report.warnings, report.issues.length, 'every issue is shown');
		found.push(...report.issues.map((i) => i.message));
	}
	rmSync(dir, { recursive: true });
	return found;
}

/** Those without a disposition, and why. */
function without(all) {
	const { options, ignored, aliases } = JSON.parse(spawnSync(join(program, '../../config/moltbot-config'), ['--options'], { encoding: 'utf8', maxBuffer: 1 << 24 }).stdout);
	const told = issues(all);
	const pattern = (path) => new RegExp(`^${same(path).replaceAll('.**', '').replaceAll('.', '\\.').replaceAll('\\.*', '\\.[^.]+')}(\\.|$)`);
	/* one warning tells of all that belongs together */
	const warned = ignored.filter((row) => told.some((m) => m.includes(`not in this version: ${row.feature}`)))
		.flatMap((row) => row.keys.trim().split(/\s+/).map((key) => `${row.root}.${key}`));
	const known = [...options.map((o) => o.path), ...aliases.map((a) => a.from)].map(pattern);
	const found = told.filter((m) => m.includes('unknown key'));
	known.push(...warned.map(pattern));
	const parts = [...options.map((o) => o.path), ...warned].map(same);
	for (const path of all.map(same)) {
		/* an object of which only parts are named counts by its parts */
		if (!known.some((k) => k.test(path)) && !parts.some((p) => p.startsWith(`${path}.`)) && !told.some((m) => m.startsWith(`${path}: expected an object`))) found.push(`${path}: passed over in silence`);
	}
	return found;
}

test('the notation of the description is read', () => {
	assert.deepEqual(paths('a.{b s, c 1|2 (x, y), d{e, f[{g}]}}; h.<id>.i[], j/k{l}, m{18 bools}, n{name: s|{o}}'),
		['a.b', 'a.c', 'a.d.e', 'a.d.f[].g', 'h.*.i[]', 'j.l', 'k.l', 'm', 'n.*']);
	assert.deepEqual(row(['update.channel / checkOnStart', 's'], ''), ['update.channel', 'update.checkOnStart']);
	assert.deepEqual(row(['tools.a', '{b, c{d}}'], ''), ['tools.a.b', 'tools.a.c.d']);
});

test('a key that nobody knows is found', { skip: built }, () => {
	assert.deepEqual(without(['session.scope', 'session.reset.mode']), []);
	assert.match(without(['session.bogus']).join(), /session\.bogus: unknown key/);
});

test('the original\'s keys have a disposition', { skip: built || (existsSync(reference) ? false : 'the description is not there') }, () => {
	const all = described();
	assert.ok(all.length > 500, `${all.length} keys`);
	for (const path of ['gateway.tls.certPath', 'session.dmScope', 'agents.defaults.model.fallbacks', 'agents.list[].identity.avatar', 'tools.exec.applyPatch.allowModels',
		'channels.telegram.groups.*.topics.*.skills', 'models.providers.*.models[].cost.cacheRead', 'channels.signal.accounts.*'])
		assert.ok(all.some((p) => same(p) === same(path)), path);
	assert.deepEqual(without(all), []);
});

test('the keys that the original has taken over have a disposition, wherever they lead', { skip: built || (existsSync(reference) ? false : 'the description is not there') }, () => {
	const all = legacy();
	for (const path of ['routing.defaultAgentId', 'agent.modelAliases', 'bindings[].match.accountID', 'messages.queue.byProvider', 'routing.transcribeAudio'])
		assert.ok(all.includes(path), `${path} of ${all.join(' ')}`);
	assert.deepEqual(without([...all, 'routing.queue.byProvider'].filter((p) => !all.some((q) => q.startsWith(`${p}.`)))), []);
});

test('the checklist\'s keys have a disposition', { skip: built || (existsSync(seed) ? false : 'the checklist is not there') }, () => {
	const all = published();
	assert.ok(all.length > 20 && all.includes('monitoring.alertOn.newSession'), `${all.length} keys`);
	assert.deepEqual(without(all), []);
});
