// Text that a terminal would obey: from a model, a provider's error, a session's name; in the log, in what commands print to a pipe
// and to a terminal.
import { execFile, spawnSync } from 'node:child_process';
import test from 'node:test';
import { chat, signIn } from '../e2e/lib/client.mjs';
import { isBuilt, providerConfig } from '../e2e/lib/gateway.mjs';
import { hostileProgram, seenToFail, withModel } from '../e2e/lib/hostile.mjs';
import { lastUser } from '../e2e/lib/model.mjs';

const skip = !isBuilt() ? 'the gateway is not built' : spawnSync('script', ['--version']).error ? 'there is no script(1) to make a terminal' : false;
const orders = ['\u001b]0;owned\u0007', '\u001b[2J\u001b[1;1H', '\u001b]52;c;b3duZWQ=\u0007', '\u009b2J', '\u001b]8;;http://203.0.113.9\u0007link', '\u202eowned\u202c', '\u001bP+q\u001b\\', '\b\b\b\bowned', '\u200bhidden', '\u001b[8m'];
// of the marks above, those that no command of ours prints by itself
const marks = [/\u001b\]/, /\u001b\[2J/, /\u009b/, /\u202e/, /\u001bP/, /\x08/, /\u200b/, /\u001b\[8m/];

test('no terminal is told what to do', { skip }, async () => {
	await withModel((body) => (lastUser(body).startsWith('fail') ? { status: 400, error: orders.join('') } : { text: `here: ${orders.join(' ')}` }), async (model) => {
		await seenToFail(['TEXT_SAFE'], { config: providerConfig(model.baseUrl) }, async (gateway, weak) => {
			const client = await signIn(gateway);
			await chat(client, `hello ${orders.join(' ')}`, { sessionKey: 'named' });
			await chat(client, 'fail');
			await client.request('chat.send', { sessionKey: orders[0], message: 'x', idempotencyKey: orders[1] });
			await client.close();
			// a weak command prints like a weak gateway
			const env = { PATH: process.env.PATH, HOME: gateway.dir, MOLTBOT_STATE_DIR: gateway.dir, TERM: 'xterm', MOLTBOT_WEAK: weak.join() };
			const run = (...args) => printed(hostileProgram, args, env);
			const onTerminal = (...args) => printed('script', ['-qec', [hostileProgram, ...args.map((a) => `'${a}'`)].join(' '), '/dev/null'], env);
			const seen = { log: gateway.log(), console: gateway.output };
			for (const [name, args] of Object.entries({ agent: ['agent', '--message', 'hello'], failing: ['agent', '--message', 'fail'], status: ['status'], logs: ['logs'] })) {
				for (const [where, how] of [['pipe', run], ['terminal', onTerminal]]) {
					const text = await how(...args);
					if (name === 'agent' && !text.includes('here:')) throw new Error(`${where}: ${text}`);
					seen[`${name} ${where}`] = text;
				}
			}
			return Object.entries(seen).filter(([, text]) => marks.some((mark) => mark.test(text))).map(([name]) => name);
		});
	});
});

/** What a command printed; the model answers meanwhile. */
function printed(command, args, env) {
	return new Promise((resolve) => {
		execFile(command, args, { env, encoding: 'utf8', timeout: 60000 }, (error, stdout, stderr) => resolve(stdout + stderr)).stdin.end();
	});
}
