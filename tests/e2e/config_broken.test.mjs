// Broken configurations as files: by hand and made from the table of options. ‹ stands before each place where a mistake must be
// named; there are no others.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { after, before, describe } from 'node:test';
import { isBuilt, program } from './lib/gateway.mjs';

const skip = isBuilt() ? false : 'the gateway is not built';
const config = join(program, '../../config/moltbot-config');
const rows = isBuilt() ? JSON.parse(spawnSync(config, ['--options'], { encoding: 'utf8', maxBuffer: 1 << 24 }).stdout).options : [];

/** The text without its marks, and the places of them. */
function marked(text) {
	const places = [];
	let line = 1;
	let col = 1;
	let out = '';
	for (const c of text) {
		if (c === '‹') {
			places.push(`${line}:${col}`);
			continue;
		}
		out += c;
		if (c === '\n') { line++; col = 1; } else col++;
	}
	return { out, places };
}

describe('a broken configuration', { skip }, () => {
	let dir;
	const file = () => join(dir, 'moltbot.json');
	before(() => { dir = mkdtempSync(join(tmpdir(), 'moltbot-broken-')); });
	after(() => { if (dir) rmSync(dir, { recursive: true, force: true }); });

	/** Its mistakes; never warnings. */
	function check(bytes, ms = 20000) {
		writeFileSync(file(), bytes);
		const { status, stdout, signal } = spawnSync(config, ['--check', file(), '--json'], { encoding: 'utf8', timeout: ms, maxBuffer: 1 << 26, env: {} });
		assert.equal(signal, null, 'it ended by itself');
		const { issues, mistakes, ok } = JSON.parse(stdout);
		assert.equal(status, ok ? 0 : 1);
		return { found: issues.filter((i) => i.severity === 'mistake'), mistakes, issues };
	}

	function expect(text, words = []) {
		const { out, places } = marked(text);
		const { found, mistakes } = check(out);
		assert.deepEqual(found.map((i) => `${i.line}:${i.col}`), places, `${out}\n${JSON.stringify(found, null, 1)}`);
		assert.equal(mistakes, places.length);
		words.forEach((word, i) => assert.ok(found[i].message.includes(word), `${found[i].message} says ${word}`));
	}

	/* path as nested text, one object a line; value (with its mark) at the end */
	function nested(path, value, key = (last) => last) {
		const steps = path.split('.').map((s) => (s === '*' ? 'test' : s));
		let open = '{\n';
		let close = '}\n';
		steps.forEach((step, i) => {
			if (step === '[]') return;
			const inList = steps[i + 1] === '[]';
			if (i === steps.length - 1) open += `  ${key(step)}: ${value}\n`;
			else {
				open += `  "${step}": ${inList ? '[{' : '{'}\n`;
				close = `${inList ? '}]' : '}'}\n${close}`;
			}
		});
		return open + close;
	}

	const wrong = {
		int: ['‹"many"', '‹-1', '‹1.5', '‹1e400', '‹true', '‹null', '‹[1]', '‹{}', `‹${'9'.repeat(400)}`],
		bool: ['‹"maybe"', '‹2', '‹[]'],
		enum: ['‹"no-such-word"', '‹7', '‹null'],
		list: ['‹7', '‹true', '[‹7]', '["a", ‹{}]'],
		string: ['‹7', '‹true', '‹[]'],
		secret: ['‹7', '‹[]'],
		size: ['‹"large"', '‹true', '‹[]'],
		duration: ['‹"long"', '‹true', '‹[]'],
	};
	const takesObject = new Set(rows.flatMap((r) => rows.filter((o) => o.path.startsWith(`${r.path}.`)).map(() => r.path)));

	for (const row of rows) {
		test(`${row.path}: values that are none`, () => {
			if (row.path === 'env.*' || row.path === 'gateway.auth.token') return; /* held by rows of their own, by hand */
			for (const value of wrong[row.type]) {
				if (takesObject.has(row.path) && value === '‹{}') continue;
				const { out, places } = marked(nested(row.path, value));
				const { found } = check(out);
				/* a value that is none may bring a second mistake elsewhere with it, never another at its place */
				assert.equal(found.filter((i) => `${i.line}:${i.col}` === places[0]).length, 1, `${out}\n${JSON.stringify(found, null, 1)}`);
			}
		});
	}

	test('every key of the table written with a letter too much is named at its place', () => {
		let n = 0;
		for (const row of rows) {
			const last = row.path.split('.').at(-1);
			if (['*', '[]'].includes(last)) continue;
			const { out, places } = marked(nested(row.path, '1', (key) => `‹"${key}q"`));
			const { issues } = check(out);
			/* where everything beneath belongs to a feature that comes later, it is a warning */
			assert.ok(issues.some((i) => `${i.line}:${i.col}` === places[0] && /unknown key|not in this version/.test(i.message)), `${out}\n${JSON.stringify(issues)}`);
			n++;
		}
		assert.ok(n > 60);
	});

	const files = {
		'several mistakes, each on its line': ['{\n  gateway: {\n    port: ‹0,\n    ‹prot: 1,\n    bind: ‹"moon",\n  },\n  logging: { level: ‹"loud" },\n  ‹modles: {},\n}', ['port', 'prot', 'bind', 'level', 'modles']],
		'a key twice': ['{ gateway: { port: 1, ‹port: 2 } }', ['port']],
		'__proto__ as an object': ['{ ‹__proto__: { port: 1 } }', ['__proto__']],
		'"__proto__" quoted and escaped': ['{ ‹"\\u005f_proto__": 1, gateway: { ‹"__proto__": {} } }', ['__proto__', '__proto__']],
		'constructor.prototype': ['{ ‹constructor: { prototype: {} } }', ['constructor']],
		'CRLF line ends count as one': ['{\r\n  gateway: {\r\n    port: ‹0\r\n  }\r\n}', ['port']],
		'columns are characters, not bytes': ['{ env: { vars: { A: "ééé😀" } }, gateway: { port: ‹0 } }', ['port']],
		'tabs are one column': ['{\n\tgateway: {\n\t\tport: ‹0,\n\t},\n}', ['port']],
		'a comment that never ends': ['{ gateway: {} /* ‹', []],
		'an escape that is none': ['{ gateway: { bind: "a\\x9‹" } }', []],
		'nothing after a key': ['{ gateway: ‹}', []],
		'two values': ['{} ‹{}', []],
		'a lone comma': ['{ ‹, }', []],
		'no comma': ['{ gateway: {} ‹tools: {} }', []],
		'a number with two points': ['{ gateway: { port: 1.2‹.3 } }', []],
		'a bare word': ['{ gateway: { port: ‹yes } }', []],
	};
	for (const [name, [text, words]] of Object.entries(files)) test(name, () => expect(text, words));

	const bytes = {
		'bytes that are no UTF-8': Buffer.concat([Buffer.from('{ gateway: { bind: "'), Buffer.from([0xff, 0xfe]), Buffer.from('" } }')]),
		'UTF-8 that is too long': Buffer.concat([Buffer.from('{ gateway: { bind: "'), Buffer.from([0xc0, 0xaf]), Buffer.from('" } }')]),
		'a surrogate in UTF-8': Buffer.concat([Buffer.from('{ gateway: { bind: "'), Buffer.from([0xed, 0xa0, 0x80]), Buffer.from('" } }')]),
		'UTF-16': Buffer.from('{ gateway: {} }', 'utf16le'),
		'a NUL byte': Buffer.from('{ gateway: \0 {} }'),
		'a million keys': Buffer.from(`{ ${Array.from({ length: 1e6 }, (_, i) => `k${i}:1`).join(',')} }`),
		'a hundred thousand lists in each other': Buffer.from(`{ gateway: ${'['.repeat(1e5)}${']'.repeat(1e5)} }`),
		'a hundred thousand objects in each other': Buffer.from(`${'{a:'.repeat(1e5)}1${'}'.repeat(1e5)}`),
		'a number of a million digits': Buffer.from(`{ gateway: { port: ${'9'.repeat(1e6)} } }`),
		'a key of a million letters': Buffer.from(`{ ${'k'.repeat(1e6)}: 1 }`),
		'a text of 20 million letters': Buffer.from(`{ gateway: { bind: "${'x'.repeat(2e7)}" } }`),
		'random bytes': Buffer.from(Array.from({ length: 4096 }, (_, i) => (i * 7919 + 13) & 0xff)),
	};
	for (const [name, text] of Object.entries(bytes)) {
		test(`${name}: refused in time, with a place`, () => {
			const { found, mistakes } = check(text, 30000);
			assert.ok(mistakes >= 1 && found.length >= 1);
			assert.ok(found.length <= 200, 'what is shown has an end');
			assert.ok(found[0].message.length < 1000, 'a message has an end');
			for (const i of found) assert.doesNotMatch(i.message, /[\u0000-\u001f\u007f]/, 'what is shown does nothing to a terminal');
		});
	}

	describe('$include', () => {
		const put = (name, text) => { mkdirSync(join(dir, 'd'), { recursive: true }); writeFileSync(join(dir, name), text); };
		const cases = {
			'itself': [() => '{ $include: ‹"./moltbot.json" }'],
			'a circle of two': [() => { put('a.json', '{ $include: "./moltbot.json" }'); return '{ $include: "./a.json" }'; }, /a\.json|circle|itself/],
			'a chain that is too long': [() => { for (let i = 0; i < 40; i++) put(`c${i}.json`, `{ $include: "./c${i + 1}.json" }`); return '{ $include: "./c0.json" }'; }],
			'outside of its folder': [() => '{ $include: ‹"../../../etc/passwd.json" }'],
			'an absolute path': [() => '{ $include: ‹"/etc/hosts.json" }'],
			'no such file': [() => '{ $include: ‹"./nobody.json" }'],
			'a folder': [() => { mkdirSync(join(dir, 'folder.json'), { recursive: true }); return '{ $include: ‹"./folder.json" }'; }],
			'a symbolic link': [() => { symlinkSync('/etc/hosts', join(dir, 'link.json')); return '{ $include: ‹"./link.json" }'; }],
			'a name that is no configuration': [() => { put('x.txt', '{}'); return '{ $include: ‹"./x.txt" }'; }],
			'a number': [() => '{ $include: ‹7 }'],
		};
		for (const [name, [make]] of Object.entries(cases)) {
			test(name, () => {
				const { out, places } = marked(make());
				const { found } = check(out);
				assert.ok(found.length >= 1, 'a mistake');
				if (places.length) assert.deepEqual(found.map((i) => `${i.line}:${i.col}`), places, JSON.stringify(found));
			});
		}

		test('a mistake in an included file is named in that file', () => {
			put('d/part.json5', '{\n  port: 0,\n}');
			const { found } = check('{ gateway: { $include: "./d/part.json5" } }');
			assert.equal(found.length, 1);
			assert.match(found[0].file, /d\/part\.json5$/);
			assert.deepEqual([found[0].line, found[0].col], [2, 9]);
		});
	});
});
