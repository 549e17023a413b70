// What takes longer than a second says so on a terminal, in one line of standard error that is gone afterwards; nothing where it is piped.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import net from 'node:net';
import test from 'node:test';
import { Gateway, isBuilt, program, providerConfig } from './lib/gateway.mjs';
import { ModelServer } from './lib/model.mjs';

const skip = isBuilt() ? false : 'the gateway is not built';
const script = spawnSync('script', ['--version']).status === 0;
const skipTerminal = skip || (script ? false : 'script(1) is not there');
const ERASE = '\r\x1b[K';

/** {output, errors, code} of a command; on a terminal both are output. When they match until, then is called. */
async function run(args, { terminal, env = {}, until: wanted, then }) {
	const line = [program, ...args].map((a) => `'${a}'`).join(' ');
	const child = spawn(terminal ? 'script' : program, terminal ? ['-qec', line, '/dev/null'] : args, {
		env: { PATH: process.env.PATH, HOME: '/nonexistent', TERM: 'xterm', ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
	let output = '';
	let errors = '';
	child.stdout.on('data', (d) => {
		output += d;
		if (wanted?.test(output)) then();
	});
	child.stderr.on('data', (d) => { errors += d; });
	const code = await new Promise((done) => child.once('close', done));
	return { output, errors, code };
}

/** A listener that never says anything, and the arguments of a command that waits for it. */
async function silent(t) {
	const sockets = new Set();
	const server = net.createServer((socket) => sockets.add(socket.on('error', () => {}))).listen(0, '127.0.0.1');
	await new Promise((done) => server.once('listening', done));
	t.after(() => { for (const s of sockets) s.destroy(); server.close(); });
	return ['health', '--url', `ws://127.0.0.1:${server.address().port}`, '--timeout', '3500ms'];
}

test('on a terminal the seconds are counted, and the line goes before anything else is said', { skip: skipTerminal }, async (t) => {
	const { output, code } = await run(await silent(t), { terminal: true });
	assert.notEqual(code, 0);
	assert.match(output, /\r\x1b\[Kwaiting for the gateway \.\.\. [1-9]\d* s\r/);
	assert.match(output.slice(output.lastIndexOf(ERASE)), /does not answer/);
});

test('piped, or on a terminal that cannot go back, there is none', { skip }, async (t) => {
	const piped = await run(await silent(t), { terminal: false });
	assert.match(piped.errors, /does not answer/);
	assert.ok(!(piped.output + piped.errors).includes('waiting'), piped.errors);
	if (!script) return;
	const dumb = await run(await silent(t), { terminal: true, env: { TERM: 'dumb' } });
	assert.match(dumb.output, /does not answer/);
	assert.ok(!dumb.output.includes('waiting'), dumb.output);
});

test('a model that thinks for long: agent and chat say that they wait, and the answer stands alone', { skip: skipTerminal }, async () => {
	let late;
	const model = await new ModelServer(async () => {
		await late;
		return { text: 'at last' };
	}).listen();
	const gateway = new Gateway({ config: providerConfig(model.baseUrl) });
	try {
		await gateway.start();
		const env = { MOLTBOT_STATE_DIR: gateway.dir };
		for (const args of [['agent', '-m', 'go'], ['agent', '-m', 'go', '--json']]) {
			let open;
			late = new Promise((done) => { open = done; });
			const seen = run(args, { terminal: true, env, until: /waiting for the answer \.\.\. (?:[2-9]|\d\d+) s/, then: () => open() });
			const { output, code } = await seen;
			assert.equal(code, 0, output);
			assert.match(output, /\r\x1b\[Kwaiting for the answer \.\.\. [1-9]\d* s\r/);
			assert.match(output.slice(output.lastIndexOf(ERASE)), /at last/);
		}
	} finally {
		await gateway.cleanup();
		await model.close();
	}
});

test('what is quick says nothing of it', { skip: skipTerminal }, async () => {
	const gateway = new Gateway();
	try {
		await gateway.start();
		/* on a machine that is busy it may not be quick the first time */
		for (let tries = 1; ; tries++) {
			const from = performance.now();
			const { output, code } = await run(['config', 'validate'], { terminal: true, env: { MOLTBOT_STATE_DIR: gateway.dir, MOLTBOT_GATEWAY_TOKEN: gateway.token } });
			assert.equal(code, 0, output);
			if (performance.now() - from > 900 && tries < 20) continue;
			assert.ok(!output.includes(ERASE), JSON.stringify(output));
			break;
		}
	} finally {
		await gateway.cleanup();
	}
});

test('an audit that attacks, and a proof, tell how far they are when they take that long', { skip: skipTerminal }, async () => {
	const gateway = new Gateway();
	try {
		await gateway.start();
		const env = { MOLTBOT_STATE_DIR: gateway.dir, MOLTBOT_GATEWAY_TOKEN: gateway.token };
		for (const args of [['security', 'audit', '--deep', '--json'], ['doctor', '--prove', '--json']]) {
			const start = Date.now();
			const { output } = await run(args, { terminal: true, env });
			if (Date.now() - start > 5000 && args[0] === 'doctor') assert.match(output, /\r\x1b\[Ktrying .* \d+ s/);
			/* lines of progress, if it took that long, then nothing but JSON */
			const json = output.split('\x1b[K').pop();
			assert.doesNotThrow(() => JSON.parse(json), json.slice(0, 500));
		}
	} finally {
		await gateway.cleanup();
	}
});
