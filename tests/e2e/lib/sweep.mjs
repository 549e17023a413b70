// The kill sweep: turns under load while random processes of the gateway get SIGKILL, the supervisor too. Afterwards every
// accepted message has exactly one final or reported answer, the audit log holds and has both witnesses of every effect, and
// nothing is left over.
import { createHash, randomUUID } from 'node:crypto';
import { cpSync, existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { Client } from './client.mjs';
import { cli, Gateway, providerConfig, sleep, until } from './gateway.mjs';
import { lastUser, ModelServer, toolResults } from './model.mjs';

const WORKERS = 16;
const TURNS_A_SESSION = 25;
const RESTARTS_FREE = 5; /* limits.h: crashes of one process within RESTART_WINDOW_MS before it waits */
const RESTART_WINDOW_MS = 10000;
const PROGRAMS = ['edge', 'core', 'gate', 'store', 'audit', 'vault', 'dial', 'egress zygote', 'agent zygote', 'sandbox'];
const SUPERVISED = ['core', 'gate', 'store', 'audit', 'vault', 'dial', 'sandbox']; /* one process each, of a name of its own */

/** What the model does with "turn N": every third turn calls a tool first. */
function script(body) {
	const text = lastUser(body);
	const n = Number(/turn (\d+)/.exec(text)?.[1] ?? 0);
	if (toolResults(body).length === 0 && n % 3 === 0)
		return { calls: [n % 2 === 0 ? { name: 'calculator', args: { expression: `${n} * 2` } }
			: { name: 'file_write', args: { path: `turn-${n % 50}.txt`, content: `turn ${n}` } }] };
	return { text: `answer to turn ${n}` };
}

class Worker {
	constructor(sweep) {
		this.sweep = sweep;
		this.client = null;
	}

	async connected() {
		while (!this.client) {
			const client = new Client(this.sweep.gateway.url());
			try {
				const answer = await Promise.race([client.connect({ token: this.sweep.gateway.token }), sleep(3000).then(() => null)]);
				if (answer?.ok) {
					this.client = client;
					client.closed.then(() => { if (this.client === client) this.client = null; });
					return client;
				}
			} catch { /* the gateway is being restarted */ }
			client.ws.terminate();
			await sleep(20);
		}
		return this.client;
	}

	/** Accepted: the gateway has answered that it has the message. Sent again under the same key until it has. */
	async accept(turn) {
		for (;;) {
			const client = await this.connected();
			try {
				const ack = await Promise.race([client.request('chat.send',
					{ sessionKey: `sweep-${turn.n % this.sweep.sessions}`, message: `turn ${turn.n}`, idempotencyKey: turn.key }), sleep(5000).then(() => null)]);
				/* a duplicate of one that has failed is answered with how it ended */
				if (ack?.ok || ack?.payload?.runId === turn.key) return;
				if (ack) turn.refusals = (turn.refusals ?? 0) + 1;
			} catch { /* closed under us */ }
			await sleep(20);
		}
	}

	async answered(turn) {
		const end = Date.now() + 60000;
		while (Date.now() < end) {
			const client = await this.connected();
			try {
				const answer = await Promise.race([client.request('agent.wait', { runId: turn.key, timeoutMs: 2000 }), sleep(5000).then(() => null)]);
				if (answer?.ok && answer.payload.status !== 'timeout') {
					turn.status = answer.payload.status;
					return;
				}
			} catch { /* closed under us */ }
			await sleep(10);
		}
		turn.status = 'lost';
	}

	async run() {
		for (let turn = this.sweep.next(); turn; turn = this.sweep.next()) {
			await this.accept(turn);
			turn.accepted = true;
			await this.answered(turn);
			this.sweep.finished++;
		}
		this.client?.ws.terminate();
	}
}


/** When a process began, which with its number says which one it is; null when it has ended, reaped or not. */
const startOf = (pid) => {
	try {
		const [state, ...rest] = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ');
		return state === 'Z' ? null : rest[18];
	} catch {
		return null;
	}
};
const programOf = (p) => p.args.replace(/^.*moltbot-/, '').replace(/ (anon|user)$/, '');

/** What the audit log says, line by line. */
export function auditLines(file) {
	return readFileSync(file, 'utf8').split('\n').filter((line) => line.startsWith('seq=')).map((line) =>
		Object.fromEntries([...line.matchAll(/(\w+)=("(?:[^"\\]|\\.)*"|\S+)/g)].map(([, key, value]) => [key, value])));
}

/** Effects that lack a witness: a verdict before, or the word of who carried it out that it begins. */
export function loneEffects(lines) {
	const allowed = new Set();
	const begun = new Set();
	const lone = [];
	for (const line of lines) {
		const call = `${line.run}/${line.call}`;
		if (line.event === 'VERDICT' && line.verdict === 'ALLOW' && line.writer === 'gate/0') allowed.add(call);
		if (line.event === 'BEGUN' && allowed.has(call)) begun.add(`${line.writer} ${call}`);
		else if (line.event === 'BEGUN') lone.push(line);
		if (line.event === 'EXECUTED' && !begun.has(`${line.writer} ${call}`)) lone.push(line);
	}
	return { lone, begun };
}

/** How many, the middle, the 99th percentile, the longest. */
function times(ms) {
	const sorted = ms.toSorted((a, b) => a - b);
	return { n: sorted.length, p50: sorted[Math.floor(sorted.length / 2)], p99: sorted[Math.floor(sorted.length * 0.99)], max: sorted.at(-1) };
}

export class Sweep {
	constructor({ turns, kills, supervisorKills, onProgress }) {
		Object.assign(this, { turns, kills, supervisorKills, onProgress });
		this.sessions = Math.max(24, Math.ceil(turns / TURNS_A_SESSION));
		this.list = [];
		this.finished = 0;
		this.killed = {};
		this.times = {};
		this.recoveries = [];
		this.slowestEnd = 0;
		this.late = 0;
		this.seen = new Map();
	}

	next() {
		if (this.list.length >= this.turns) return null;
		const turn = { n: this.list.length + 1, key: randomUUID() };
		this.list.push(turn);
		return turn;
	}

	/** The processes of the gateway; each is remembered, so that it can be looked for at the end. */
	processes() {
		const list = this.gateway.processes();
		for (const p of list) if (!this.seen.has(p.pid)) this.seen.set(p.pid, { start: startOf(p.pid), args: p.args });
		return list;
	}

	/** Every process is there again and the door answers. */
	async healthy(what, from, waits) {
		this.late = 0;
		await until(async () => {
			try {
				if (!(await fetch(`http://127.0.0.1:${this.gateway.port}/healthz`, { signal: AbortSignal.timeout(250) })).ok) return false;
			} catch {
				return false;
			}
			const there = new Set(this.processes().map(programOf));
			return PROGRAMS.every((name) => there.has(name));
		}, `healthy again after ${what}`, 20000);
		this.recoveries.push({ what, ms: Date.now() - from - this.late, late: this.late, waits });
	}

	async killOne() {
		const list = this.processes().filter((p) => /moltbot-/.test(p.args));
		const victim = list[Math.floor(Math.random() * list.length)];
		if (!victim) return;
		const from = Date.now();
		try {
			process.kill(victim.pid, 'SIGKILL');
		} catch {
			return; /* it ended by itself */
		}
		const name = programOf(victim);
		this.killed[name] = (this.killed[name] ?? 0) + 1;
		this.times[name] = [...(this.times[name] ?? []).filter((t) => from - t < RESTART_WINDOW_MS), from];
		await this.healthy(name, from, this.times[name].length >= RESTARTS_FREE);
	}

	async killSupervisor() {
		const tree = this.processes();
		const from = Date.now();
		this.killed.supervisor = (this.killed.supervisor ?? 0) + 1;
		await this.gateway.kill();
		await until(() => tree.every((p) => startOf(p.pid) === null || startOf(p.pid) !== this.seen.get(p.pid).start), 'the end of a tree without its supervisor', 5000);
		this.slowestEnd = Math.max(this.slowestEnd, Date.now() - from);
		this.times = {};
		const again = Date.now();
		await this.gateway.start();
		await this.healthy('supervisor', again, false);
		this.first = this.held();
	}

	/** What the supervisor itself holds: leaks of descriptors and memory show in the process that is never replaced. */
	held() {
		const pid = this.processes().find((p) => /moltbot-supervisor/.test(p.args))?.pid ?? this.gateway.child.pid;
		const rss = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
		let fds = null;
		try {
			fds = readdirSync(`/proc/${pid}/fd`).length;
		} catch { /* not root: not ours to see */ }
		return { rss, fds };
	}

	async killer() {
		const total = this.kills + this.supervisorKills;
		const every = Math.ceil(total / (this.supervisorKills || 1));
		for (let i = 0; i < total; i++) {
			await until(() => this.finished >= (i * this.turns) / (total + 1), `progress behind ${this.finished} turns`, 120000);
			if (this.supervisorKills > 0 && i % every === every - 1) await this.killSupervisor();
			else await this.killOne();
			this.onProgress?.(i + 1, this.finished);
		}
	}

	async run() {
		this.model = await new ModelServer(script).listen();
		this.model.keep = false;
		this.gateway = await new Gateway({ config: { ...providerConfig(this.model.baseUrl), gateway: { rateLimit: { enabled: false } } } }).start();
		const from = Date.now();
		this.first = this.held();
		const clock = this.watchTheClock();
		await Promise.all([this.killer(), ...Array.from({ length: WORKERS }, () => new Worker(this).run())]);
		clearInterval(clock);
		this.seconds = (Date.now() - from) / 1000;
		this.load = loadavg()[0] / cpus().length;
		return await this.verdict();
	}

	/** How long the machine kept even this program from running: no time of the gateway's. */
	watchTheClock() {
		let last = Date.now();
		return setInterval(() => {
			const now = Date.now();
			this.late = Math.max(this.late, now - last - 10);
			last = now;
		}, 10);
	}

	stored() {
		const file = readdirSync(join(this.gateway.dir, 'store')).find((name) => name.endsWith('.db'));
		const db = new this.DatabaseSync(join(this.gateway.dir, 'store', file), { readOnly: true });
		const rows = db.prepare(`select idem, state, reason,
			(select count(*) from item i where i.session = r.session and i.run = r.run and i.role = 2 and i.kind = 1) as finals,
			(select count(*) from item i where i.session = r.session and i.run = r.run and i.role = 1) as questions from run r`).all();
		db.close();
		return rows;
	}

	/** Turns whose key has not exactly one run with one question and one final or reported answer. */
	badTurns(rows) {
		const byKey = Map.groupBy(rows, (row) => row.idem);
		return this.list.filter((turn) => {
			const runs = byKey.get(turn.key) ?? [];
			return runs.length !== 1 || runs[0].state < 4 || runs[0].finals !== 1 || runs[0].questions !== 1 ||
				!['ok', 'error'].includes(turn.status);
		}).map((turn) => ({ ...turn, stored: byKey.get(turn.key) }));
	}

	/** The supervisor's word for every process that was killed. */
	unwritten(lines) {
		const ends = Object.groupBy(lines.filter((l) => l.event === 'PROCESS_END'), (l) => l.peer);
		return SUPERVISED.filter((name) => (ends[name]?.length ?? 0) < (this.killed[name] ?? 0));
	}

	/** Messages that were accepted are sent again, to a gateway that was started anew: no new run comes of them. */
	async sendAgain() {
		const some = this.list.filter((_, i) => i % Math.ceil(this.list.length / 50) === 0);
		const worker = new Worker(this);
		for (const turn of some) {
			const copy = { n: turn.n, key: turn.key };
			await worker.accept(copy);
			await worker.answered(copy);
			if (copy.status !== turn.status) turn.status = `${turn.status}, then ${copy.status}`;
		}
		worker.client?.ws.terminate();
	}

	/** Looks at what is stored, with the gateway stopped. */
	async verdict() {
		({ DatabaseSync: this.DatabaseSync } = await import('node:sqlite'));
		const grown = { first: this.first, last: this.held() };
		await this.gateway.stop();
		const before = this.stored().length;
		const files = this.files();
		await this.gateway.start();
		await this.sendAgain();
		await this.gateway.stop();
		const rows = this.stored();
		const audit = JSON.parse(cli(this.gateway, ['audit', 'verify', '--json']).stdout);
		const lines = auditLines(join(this.gateway.dir, 'audit.log'));
		const { lone, begun } = loneEffects(lines);
		const requests = [...begun].filter((key) => key.startsWith('egress/')).length;
		const result = { turns: this.list.length, seconds: this.seconds, killed: this.killed, audit, lone, grown, load: this.load,
			recoveries: times(this.recoveries.filter((r) => !r.waits).map((r) => r.ms)),
			slowestRecovery: this.recoveries.filter((r) => !r.waits).reduce((a, b) => (b.ms > a.ms ? b : a), { ms: 0 }),
			slowestEndMs: this.slowestEnd, bad: this.badTurns(rows), newRuns: rows.length - before, unwritten: this.unwritten(lines),
			statuses: Object.groupBy(this.list, (t) => t.status), requests: { seen: this.model.count, begun: requests },
			leftovers: [...this.leftovers(), ...this.files().filter((f) => !files.includes(f))] };
		if (process.env.SWEEP_KEEP) cpSync(this.gateway.dir, process.env.SWEEP_KEEP, { recursive: true, filter: (f) => !f.endsWith('.sock') });
		return result;
	}

	/** The names in the state directory, without what a run may add there: the workspace's, former texts, the versions of labels. */
	files() {
		return readdirSync(this.gateway.dir, { recursive: true }).filter((name) => !/^(workspace|config-history|gate\.labels$)/.test(name));
	}

	/** What a next start must not leave behind: processes, control groups, files that no start makes. */
	leftovers() {
		const left = [];
		const group = `moltbot-${createHash('sha256').update(this.gateway.dir).digest('hex').slice(0, 8)}`;
		for (const root of ['/sys/fs/cgroup', '/sys/fs/cgroup/memory', '/sys/fs/cgroup/pids'])
			if (existsSync(root)) left.push(...readdirSync(root).filter((n) => n === group).map((n) => `${root}/${n}`));
		for (const [pid, p] of this.seen) if (startOf(pid) === p.start && p.start !== null) left.push(`${pid} ${p.args}`);
		for (const pid of readdirSync('/proc').filter((n) => /^\d+$/.test(n))) {
			try {
				if (readlinkSync(`/proc/${pid}/fd/4`).startsWith(this.gateway.dir)) left.push(`${pid} has our log open`);
			} catch { /* not there, or not ours to see */ }
		}
		const known = /^(moltbot\.json|audit\.log|vault\.(key|box)|gateway\.lock|control\.sock|logs|logs\/gateway\.log|store|store\/store\.db(-wal|-shm)?)$/;
		left.push(...this.files().filter((name) => !known.test(name)));
		return left;
	}

	async cleanup() {
		await this.gateway.cleanup();
		await this.model.close();
	}
}
