// Starts the real gateway in a state directory of its own, and ends it.
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync, existsSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const build = process.env.MOLTBOT_BUILD ?? new URL('../../../build', import.meta.url).pathname;
export const program = join(build, 'src/cli/moltbot');
export const isBuilt = () => existsSync(program);

export async function freePort() {
	const server = net.createServer().listen(0, '127.0.0.1');
	await new Promise((done) => server.once('listening', done));
	const { port } = server.address();
	await new Promise((done) => server.close(done));
	return port;
}

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

const SANITIZER = /.*((Address|Leak|UndefinedBehavior)Sanitizer:|: runtime error: )/;
const PATIENCE_MS = 60000; // what never comes is told from what comes late: the machine may be busy with other things

/** Waits until probe() is truthy; its value. Gives up after ms or PATIENCE_MS, whichever is longer. */
export async function until(probe, what, ms = PATIENCE_MS) {
	const end = Date.now() + Math.max(ms, PATIENCE_MS);
	for (;;) {
		const value = await probe();
		if (value) return value;
		if (Date.now() > end) throw new Error(`timed out: ${what}`);
		await sleep(10);
	}
}

/** The gateway, when it does work over HTTP: a client that comes in its first moments is told to try again. */
export async function serving(gateway) {
	await until(async () => (await fetch(`http://127.0.0.1:${gateway.port}/v1/models`, { headers: { authorization: `Bearer ${gateway.token}` } })).ok, 'models are told');
	return gateway;
}

export class Gateway {
	/** @param {{config?: object, configText?: string, env?: Record<string, string>, dir?: string, token?: string, port?: number, args?: string[], user?: number, cwd?: string}} options */
	constructor(options = {}) {
		this.options = options;
		this.dir = options.dir ?? mkdtempSync(join(tmpdir(), 'moltbot-e2e-'));
		this.token = options.token ?? randomBytes(36).toString('base64');
		this.output = '';
	}

	async start({ wait = true } = {}) {
		this.port = this.options.port ?? this.port ?? await freePort();
		const config = { ...this.options.config, gateway: { port: this.port, ...this.options.config?.gateway } };
		writeFileSync(join(this.dir, 'moltbot.json'), this.options.configText ?? JSON.stringify(config), { mode: 0o600 });
		this.child = spawn(this.options.program ?? program, ['gateway', 'run', ...(this.options.args ?? [])], {
			env: { PATH: process.env.PATH, HOME: this.dir, MOLTBOT_STATE_DIR: this.dir, MOLTBOT_GATEWAY_TOKEN: this.token, ...this.options.env },
			stdio: ['ignore', 'pipe', 'pipe'], cwd: this.options.cwd,
		});
		this.exited = new Promise((done) => this.child.once('exit', (code, signal) => done({ code, signal })));
		this.child.stdout.on('data', (d) => { this.output += d; });
		this.child.stderr.on('data', (d) => { this.output += d; });
		if (wait) await this.ready();
		return this;
	}

	async ready() {
		const ended = this.exited.then((e) => { throw new Error(`the gateway ended: ${JSON.stringify(e)}\n${this.output}`); });
		const up = until(async () => {
			if (this.child.exitCode !== null || this.child.signalCode !== null) throw new Error('the gateway ended');
			try {
				return (await fetch(`http://127.0.0.1:${this.port}/healthz`, { signal: AbortSignal.timeout(5000) })).ok;
			} catch {
				return false;
			}
		}, `gateway on ${this.port}`).catch((e) => { throw new Error(`${e.message}\n${this.output}`); });
		await Promise.race([up, ended]);
		ended.catch(() => {});
	}

	url() {
		return `ws://127.0.0.1:${this.port}/`;
	}

	/** SIGTERM, and its exit. */
	async stop() {
		this.child?.kill('SIGTERM');
		return await this.exited;
	}

	async kill() {
		this.child?.kill('SIGKILL');
		return await this.exited;
	}

	/** The processes of this gateway's tree: [{pid, ppid, args}]. */
	processes() {
		const found = [];
		const queue = [this.child.pid];
		while (queue.length) {
			const ppid = queue.shift();
			for (const pid of childrenOf(ppid)) {
				const args = readProc(`${pid}/cmdline`).replaceAll('\0', ' ').trim();
				if (args) found.push({ pid, ppid, args });
				queue.push(pid);
			}
		}
		return found;
	}

	log() {
		return readFileSync(join(this.dir, 'logs/gateway.log'), 'utf8');
	}

	async cleanup() {
		if (this.child && this.child.exitCode === null && this.child.signalCode === null) await this.stop();
		rmSync(this.dir, { recursive: true, force: true });
		/* a process that a sanitizer ended is started anew, which no other test would notice */
		const said = this.output.search(SANITIZER);
		if (said >= 0) throw new Error(this.output.slice(said, said + 4000));
	}
}

/** A file of /proc; empty when the process has ended. */
function readProc(name) {
	try {
		return readFileSync(`/proc/${name}`, 'utf8');
	} catch {
		return '';
	}
}

/** Children, as the kernel lists them, or by looking at every process where it does not. */
function childrenOf(pid) {
	if (existsSync(`/proc/self/task/${process.pid}/children`))
		return readProc(`${pid}/task/${pid}/children`).trim().split(' ').filter(Boolean).map(Number);
	return readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(readProc(`${name}/stat`).replace(/^.*\) /, '').split(' ')[1]) === pid).map(Number);
}

/** Runs a command of the command line against this gateway: {status, stdout, stderr}. */
export function cli(gateway, args, options = {}) {
	return spawnSync(program, args, { encoding: 'utf8', timeout: 60000,
		env: { PATH: process.env.PATH, HOME: gateway.dir, MOLTBOT_STATE_DIR: gateway.dir, ...options.env }, ...options });
}

/** The configuration of one OpenAI-compatible provider at baseUrl. */
export function providerConfig(baseUrl, extra = {}) {
	return {
		agents: { defaults: { model: { primary: 'test/scripted' } } },
		models: { providers: { test: { baseUrl, api: 'openai-completions', models: [{ id: 'scripted', name: 'Scripted' }], ...extra.provider } } },
		...extra.config,
	};
}
