// One table says what a command is: --help, the manual page, the help as data and docs/commands.md show the same of it.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test, { describe } from 'node:test';
import { cli, isBuilt } from './lib/gateway.mjs';

const skip = isBuilt() ? false : 'the gateway is not built';
const run = (...args) => { const done = cli({ dir: '/nonexistent' }, args); assert.equal(done.status, 0, `${args}: ${done.stderr}`); return done.stdout; };
const options = (text) => [...new Set(text.replaceAll('\\-', '-').match(/--[a-z][a-z-]*/g))].sort();

describe('what is said of a command', { skip }, () => {
	const names = isBuilt() ? JSON.parse(run('help', '--json')).map((c) => c.command) : [];
	const doc = readFileSync(new URL('../../docs/commands.md', import.meta.url), 'utf8');

	for (const name of names) {
		test(`${name}: the same in --help, the manual page and as data`, () => {
			const words = name.split(' ');
			const help = run(...words, '--help');
			const man = run('help', ...words, '--man');
			const data = JSON.parse(run('help', ...words, '--json'));
			assert.equal(data.name, name);
			assert.ok(data.summary.length > 0 && help.includes(data.summary) && man.replaceAll('\\-', '-').includes(data.summary));
			assert.ok(data.options.some((o) => o.name === 'json') && data.options.some((o) => o.name === 'help'));
			const own = data.options.map((o) => `--${o.name}`);
			for (const text of [help, man]) for (const option of own) assert.ok(options(text).includes(option), option);
			/* whatever else looks like an option there stands in a text or an example */
			assert.deepEqual(options(help), options(man));
			for (const { line } of data.examples) assert.ok(help.includes(line) && doc.includes(line), line);
			if (data.args) assert.ok(help.includes(data.args));
		});
	}

	test('a group as data is the commands in it; what is no command is an error, as data too', () => {
		assert.deepEqual(JSON.parse(run('help', 'config', '--json')).map((c) => c.command).sort(), names.filter((n) => n.startsWith('config ')).sort());
		const wrong = cli({ dir: '/nonexistent' }, ['help', 'confi', '--json']);
		assert.equal(wrong.status, 64);
		assert.equal(JSON.parse(wrong.stdout).ok, false);
	});
});
