// The kill sweep: turns under load while random processes of the gateway get SIGKILL, the supervisor too. Afterwards every
// accepted message has exactly one final or reported answer.
import { createHash, randomUUID } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from './client.mjs';
import { cli, Gateway, providerConfig, sleep, until } from './gateway.mjs';
import { lastUser, ModelServer, toolResults } from './model.mjs';

const SESSIONS = 24;
const WORKERS = 8;

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
					{ sessionKey: `sweep-${turn.n % SESSIONS}`, message: `turn ${turn.n}`, idempotencyKey: turn.key }), sleep(5000).then(() => null)]);
				if (ack?.ok) return;
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

export class Sweep {
	constructor({ turns, kills, supervisorKills, onProgress }) {
		Object.assign(this, { turns, kills, supervisorKills, onProgress });
		this.list = [];
		this.finished = 0;
		this.killed = {};
		this.slowest = 0;
	}

	next() {
		if (this.list.length >= this.turns) return null;
		const turn = { n: this.list.length + 1, key: randomUUID() };
		this.list.push(turn);
		return turn;
	}

	async healthy() {
		const from = Date.now();
		await until(async () => {
			try {
				return (await fetch(`http://127.0.0.1:${this.gateway.port}/healthz`, { signal: AbortSignal.timeout(500) })).ok;
			} catch {
				return false;
			}
		}, 'healthy again', 20000);
		this.slowest = Math.max(this.slowest, Date.now() - from);
	}

	async killOne() {
		const list = this.gateway.processes().filter((p) => /moltbot-/.test(p.args));
		const victim = list[Math.floor(Math.random() * list.length)];
		if (!victim) return;
		try {
			process.kill(victim.pid, 'SIGKILL');
		} catch {
			return; /* it ended by itself */
		}
		const name = victim.args.replace(/^.*moltbot-/, '');
		this.killed[name] = (this.killed[name] ?? 0) + 1;
		await this.healthy();
	}

	async killSupervisor() {
		this.killed.supervisor = (this.killed.supervisor ?? 0) + 1;
		await this.gateway.kill();
		await this.gateway.start();
		await this.healthy();
	}

	async killer() {
		const total = this.kills + this.supervisorKills;
		for (let i = 0; i < total; i++) {
			await until(() => this.finished >= (i * this.turns) / (total + 1), 'progress', 120000);
			if (i % Math.ceil(total / (this.supervisorKills || 1)) === Math.ceil(total / (this.supervisorKills || 1)) - 1) await this.killSupervisor();
			else await this.killOne();
			this.onProgress?.(i + 1, this.finished);
		}
	}

	async run() {
		this.model = await new ModelServer(script).listen();
		this.gateway = await new Gateway({ config: { ...providerConfig(this.model.baseUrl), gateway: { rateLimit: { enabled: false } } } }).start();
		const from = Date.now();
		await Promise.all([this.killer(), ...Array.from({ length: WORKERS }, () => new Worker(this).run())]);
		this.seconds = (Date.now() - from) / 1000;
		return await this.verdict();
	}

	/** Looks at what is stored, with the gateway stopped. */
	async verdict() {
		await this.gateway.stop();
		const { DatabaseSync } = await import('node:sqlite');
		const file = readdirSync(join(this.gateway.dir, 'store')).find((name) => name.endsWith('.db'));
		const db = new DatabaseSync(join(this.gateway.dir, 'store', file), { readOnly: true });
		const runs = new Map(db.prepare('select idem, state, (select count(*) from item i where i.session = r.session and i.run = r.run and i.role = 2 and i.kind = 1) as finals from run r').all()
			.map((row) => [row.idem, row]));
		db.close();
		const bad = this.list.filter((turn) => turn.accepted)
			.filter((turn) => { const run = runs.get(turn.key); return !run || run.state < 4 || run.finals !== 1; })
			.map((turn) => ({ ...turn, stored: runs.get(turn.key) }));
		const audit = cli(this.gateway, ['audit', 'verify', '--json']);
		return { turns: this.list.length, seconds: this.seconds, slowestRecoveryMs: this.slowest, killed: this.killed, bad,
			statuses: Object.groupBy(this.list, (t) => t.status), audit, leftovers: await this.leftovers() };
	}

	/** What a next start must not leave behind: processes, control groups. */
	async leftovers() {
		await this.gateway.start();
		await this.gateway.stop();
		const left = [];
		const group = `moltbot-${createHash('sha256').update(this.gateway.dir).digest('hex').slice(0, 8)}`;
		for (const root of ['/sys/fs/cgroup', '/sys/fs/cgroup/memory', '/sys/fs/cgroup/pids'])
			if (existsSync(root)) left.push(...readdirSync(root).filter((n) => n === group).map((n) => `${root}/${n}`));
		left.push(...this.gateway.processes().map((p) => p.args));
		return left;
	}

	async cleanup() {
		await this.gateway.cleanup();
		await this.model.close();
	}
}
