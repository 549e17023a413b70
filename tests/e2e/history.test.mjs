// moltbot config history and rollback, logs --follow: what the commands show of a gateway that runs.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { after, before, describe } from 'node:test';
import { cli, freePort, Gateway, isBuilt, program, until } from './lib/gateway.mjs';

const skip = isBuilt() ? false : 'the gateway is not built';
const KEY = 'sk-literal-secret-0123456789abcdef';

describe('the history of the configuration, on the command line', { skip }, () => {
	let gateway;
	const run = (...args) => cli(gateway, args);
	const text = () => readFileSync(join(gateway.dir, 'moltbot.json'), 'utf8');
	const entries = () => JSON.parse(run('config', 'history', '--json').stdout).entries;
	const set = (...args) => { const done = run('config', 'set', ...args); assert.equal(done.status, 0, done.stderr); };

	before(async () => {
		gateway = new Gateway();
		gateway.port = await freePort();
		gateway.options.configText = `{\n\tgateway: { port: ${gateway.port} },\n\t// how much\n\tlogging: {\n\t\tlevel: "info",\n\t},\n\tsession: { scope: "per-sender" },\n` +
			`\tmodels: { providers: { test: { baseUrl: "http://127.0.0.1:9/v1", api: "openai-completions", apiKey: "${KEY}", models: [{ id: "m", name: "M" }] } } },\n}\n`;
		await gateway.start();
		await until(() => run('config', 'get').status === 0, 'the configuration is shown');
		set('logging.level', 'debug');
		set('session.scope', 'global');
	});
	after(() => gateway?.cleanup());

	test('is a table with a head line', () => {
		const { stdout } = run('config', 'history');
		const [head, ...lines] = stdout.trimEnd().split('\n');
		assert.match(head, /^Hash +When +Bytes +By/);
		assert.equal(lines.length, entries().length);
		assert.match(lines[0], /^[0-9a-f]{12}  \d{4}-\d\d-\d\d \d\d:\d\d:\d\d +\d+  control socket +\(now\)$/);
	});

	test('one text shows the lines that it changed, and the lines around them', () => {
		const [scope, level] = entries();
		const one = run('config', 'history', scope.hash.slice(0, 12));
		assert.equal(one.status, 0, one.stderr);
		assert.ok(one.stdout.startsWith(`--- ${level.hash.slice(0, 12)}  `));
		const changed = (stdout) => stdout.split('\n').slice(2).filter((l) => /^[-+]/.test(l)).map((l) => l.replaceAll(/\s+/g, ' '));
		assert.deepEqual(changed(one.stdout), ['- session: { scope: "per-sender" },', '+ session: { scope: "global" },']);
		const other = run('config', 'history', level.hash.slice(0, 8));
		assert.deepEqual(changed(other.stdout), ['- level: "info",', '+ level: "debug",']);
		assert.match(other.stdout, /how much/);
	});

	test('as data: each line with its number in the text that has it', () => {
		const [scope, level] = entries();
		const change = JSON.parse(run('config', 'history', scope.hash, '--json').stdout);
		assert.equal(change.hash, scope.hash);
		assert.equal(change.before, level.hash);
		assert.equal(change.by, 'control socket');
		for (const { op, line, text: words } of change.lines.filter((l) => l.op === '+' || l.op === ' ')) assert.equal(text().replace(KEY, '__MOLTBOT_REDACTED__').split('\n')[line - 1], words, op);
		assert.deepEqual(change.lines.filter((l) => /[-+]/.test(l.op)).map((l) => `${l.op}${l.line}`), ['-7', '+7']);
	});

	test('the first text is all new, and no text shows a secret', () => {
		const all = entries();
		assert.ok(text().includes(KEY));
		for (const { hash } of all) {
			const { stdout, status } = run('config', 'history', hash);
			assert.equal(status, 0);
			assert.ok(stdout.length > 20 && !stdout.includes(KEY) && !stdout.includes(KEY.slice(3)));
			assert.ok(!run('config', 'history', hash, '--json').stdout.includes(KEY));
		}
		const first = JSON.parse(run('config', 'history', all.at(-1).hash, '--json').stdout);
		assert.ok(first.lines.length > 5 && first.lines.every((l) => l.op === '+'));
	});

	test('a text that is not there is said to be so', () => {
		for (const hash of ['00000000', 'abc', 'zzzzzzzzzzzz']) {
			const { status, stderr } = run('config', 'history', hash);
			assert.equal(status, 1, hash);
			assert.match(stderr, /no such text in the history/);
		}
	});

	test('rollback: the former text comes back byte for byte, once it has been checked', async () => {
		const now = text();
		const [current, former] = entries();
		const back = run('config', 'rollback', former.hash.slice(0, 12));
		assert.equal(back.status, 0, back.stderr);
		assert.match(back.stdout, /^written: /);
		assert.match(text(), /scope: "per-sender"/);
		assert.match(text(), /level: "debug"/);
		assert.equal(run('config', 'get', 'session.scope').stdout, 'per-sender\n');
		assert.equal(entries()[0].hash, former.hash);
		assert.equal(run('config', 'rollback', current.hash.slice(0, 12)).status, 0);
		assert.equal(text(), now);
		for (const hash of ['00000000', 'abc']) assert.equal(run('config', 'rollback', hash).status, 1, hash);
		assert.equal(text(), now);
		assert.equal(run('config', 'rollback').status, 64);
	});

	test('logs --follow tells a line that is written while it runs', async () => {
		const child = spawn(program, ['logs', '--follow', '-n', '1', '--json'], { stdio: ['ignore', 'pipe', 'inherit'],
			env: { PATH: process.env.PATH, HOME: gateway.dir, MOLTBOT_STATE_DIR: gateway.dir } });
		const ended = new Promise((done) => child.once('exit', (code, signal) => done(signal ?? code)));
		let out = '';
		child.stdout.on('data', (d) => { out += d; });
		try {
			await until(() => out.includes('\n'), 'what was there');
			const before = out.length;
			const lines = () => out.slice(before).split('\n').slice(0, -1).filter(Boolean).map((l) => JSON.parse(l));
			set('logging.level', 'info');
			await until(() => lines().some((l) => l.type === 'log' && l.message.includes('configuration taken')), 'a new line');
			for (const { raw } of lines()) assert.ok(gateway.log().includes(raw));
			assert.equal(child.exitCode, null, 'it goes on');
		} finally {
			child.kill('SIGINT');
		}
		assert.ok([0, 130, 'SIGINT'].includes(await ended));
	});
});
