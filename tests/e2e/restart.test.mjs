// gateway restart: systemd is asked to restart the unit that the gateway runs in, and it is over when the new one answers. systemctl is a program
// of this test; the unit is a control group with a unit's name.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { Gateway, isBuilt, program, until } from './lib/gateway.mjs';

const UNIT = `moltbot-test-${process.pid}.service`;

/** A control group with that name, in whichever hierarchy we may make one; null: in none. */
function makeUnit() {
	const root = '/sys/fs/cgroup';
	const places = [root, ...(existsSync(root) ? readdirSync(root, { withFileTypes: true }).filter((e) => e.isDirectory()).map((e) => join(root, e.name)) : [])];
	for (const place of places) {
		const path = join(place, UNIT);
		try {
			if (!existsSync(join(place, 'cgroup.procs'))) continue;
			mkdirSync(path);
		} catch {
			continue;
		}
		/* may a process be put into it? */
		const tried = spawnSync('sh', ['-c', 'echo $$ > "$1/cgroup.procs" && grep -q "$2" /proc/self/cgroup', 'sh', path, UNIT]);
		if (tried.status === 0) return path;
		rmdirSync(path);
	}
	return null;
}

const unit = isBuilt() ? makeUnit() : null;
const skip = !isBuilt() ? 'the gateway is not built' : unit ? false : 'no control group can be made here';

/** The gateway as its service: in the unit's group. */
async function startInUnit(gateway) {
	await gateway.start({ wait: false });
	writeFileSync(join(unit, 'cgroup.procs'), String(gateway.child.pid));
	await gateway.ready();
}

/**
 * moltbot gateway restart, with a systemctl that knows the unit's main process, writes down what it is asked to do and waits for the word
 * how to end.
 */
function restart(gateway, dir, main = gateway.child.pid) {
	writeFileSync(join(dir, 'systemctl'), `#!/bin/sh\n[ "$2" != show ] || { echo MainPID=${main}; exit; }\necho "$@" > ${dir}/asked.tmp && mv ${dir}/asked.tmp ${dir}/asked\nuntil [ -f ${dir}/status ]; do sleep 0.05; done\nexit $(cat ${dir}/status)\n`, { mode: 0o755 });
	const child = spawn(program, ['gateway', 'restart'], { env: { PATH: `${dir}:${process.env.PATH}`, HOME: gateway.dir, MOLTBOT_STATE_DIR: gateway.dir }, stdio: ['ignore', 'pipe', 'pipe'] });
	let text = '';
	for (const stream of [child.stdout, child.stderr]) stream.on('data', (d) => { text += d; });
	return new Promise((done) => child.once('close', (code) => done({ code, text })));
}

test('gateway restart', { skip }, async (t) => {
	const gateway = new Gateway();
	t.after(async () => {
		await gateway.cleanup();
		await until(() => { try { rmdirSync(unit); return true; } catch { return !existsSync(unit); } }, 'the group is empty');
	});
	await startInUnit(gateway);

	await t.test('asks for the unit of the gateway, and waits until another one answers', async () => {
		const dir = mkdtempSync(join(tmpdir(), 'moltbot-systemctl-'));
		try {
			const done = restart(gateway, dir);
			let over = false;
			done.then(() => { over = true; });
			await until(() => existsSync(join(dir, 'asked')), 'systemctl is asked');
			assert.equal(readFileSync(join(dir, 'asked'), 'utf8'), `--system restart -- ${UNIT}\n`);
			const old = gateway.child.pid;
			assert.equal(over, false);
			await gateway.stop();
			await startInUnit(gateway);
			assert.notEqual(gateway.child.pid, old);
			writeFileSync(join(dir, 'status'), '0');
			const { code, text } = await done;
			assert.equal(code, 0, text);
			assert.match(text, new RegExp(`restarted: ${UNIT}`));
		} finally {
			rmSync(dir, { recursive: true, force: true });
		}
	});

	await t.test('a unit that the gateway only runs within, as a terminal or cron, is not restarted', async () => {
		const dir = mkdtempSync(join(tmpdir(), 'moltbot-systemctl-'));
		try {
			writeFileSync(join(dir, 'status'), '0');
			const { code, text } = await restart(gateway, dir, gateway.child.pid + 1);
			assert.equal(code, 1);
			assert.match(text, /is no service of systemd/);
			assert.equal(existsSync(join(dir, 'asked')), false);
		} finally {
			rmSync(dir, { recursive: true, force: true });
		}
	});

	await t.test('says so when systemd cannot', async () => {
		const dir = mkdtempSync(join(tmpdir(), 'moltbot-systemctl-'));
		try {
			writeFileSync(join(dir, 'status'), '4');
			const { code, text } = await restart(gateway, dir);
			assert.equal(code, 1);
			assert.match(text, new RegExp(`systemctl could not restart ${UNIT}[\\s\\S]*systemctl status`));
		} finally {
			rmSync(dir, { recursive: true, force: true });
		}
	});
});
