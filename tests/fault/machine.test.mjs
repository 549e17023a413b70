// What the machine does to the gateway: a full disk, no descriptors left.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, fstatSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import test from 'node:test';
import { chat, signIn } from '../e2e/lib/client.mjs';
import { cli, isBuilt, sleep, until } from '../e2e/lib/gateway.mjs';
import { buildHostile, hostileProgram, reportWeak, seenToFail, weakGateway } from '../e2e/lib/hostile.mjs';
import { cpu, dial, lasting } from './lib.mjs';

const root = process.getuid() === 0;
const skip = isBuilt() ? (root ? false : 'needs root, to mount a small disk') : 'the gateway is not built';

/** A file that takes all space there is. */
function fill(path) {
	const fd = openSync(path, 'w');
	for (const size of [1 << 16, 4096, 512, 1]) {
		try {
			for (;;) writeSync(fd, Buffer.alloc(size, 1));
		} catch (e) {
			assert.equal(e.code, 'ENOSPC');
		}
	}
	const { size } = fstatSync(fd);
	closeSync(fd);
	return size;
}

/** A gateway whose state lies on a small disk of its own, for the time of fn. */
async function onSmallDisk(weak, fn) {
	const dir = mkdtempSync(join(tmpdir(), 'moltbot-disk-'));
	execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=12m,mode=700', 'tmpfs', dir]);
	const gateway = weakGateway(weak, { dir });
	try {
		await gateway.start();
		return await fn(gateway, dir);
	} finally {
		if (gateway.child?.exitCode === null && gateway.child.signalCode === null) await gateway.stop();
		spawnSync('umount', ['-l', dir]);
		rmSync(dir, { recursive: true, force: true });
	}
}

/** Messages while no byte more fits: [{message, ok, error, answered}]. */
async function askWhenFull(t, gateway, client, dir) {
	t.diagnostic(`${fill(join(dir, 'filler'))} bytes of filler`);
	const asked = [];
	for (let i = 0; i < 40; i++) {
		const message = `what is ${i} + 1`;
		const answer = await Promise.race([client.request('chat.send', { sessionKey: 'full', message, idempotencyKey: randomUUID() }).catch(() => null), sleep(60000).then(() => null)]);
		asked.push({ message, ok: answer?.ok === true, error: answer?.error, answered: answer !== null });
		if (answer === null) break;
	}
	rmSync(join(dir, 'filler'));
	return asked;
}

const text = (m) => (Array.isArray(m.content) ? m.content.map((p) => p.text ?? '').join('') : m.content);

/** How often each message stands in the history. */
async function stored(client, asked) {
	const history = (await client.call('chat.history', { sessionKey: 'full', limit: 1000 })).messages;
	return asked.map((a) => history.filter((m) => m.role === 'user' && text(m) === a.message).length);
}

test('a full disk: refused with a reason, nothing half accepted, and all is well when there is space again', { skip }, async (t) => {
	buildHostile();
	await onSmallDisk([], async (gateway, dir) => {
		const client = await signIn(gateway);
		assert.equal((await chat(client, 'what is 2 + 2')).state, 'final');
		const before = lasting(gateway);
		const asked = await askWhenFull(t, gateway, client, dir);
		const refused = asked.filter((a) => !a.ok);
		t.diagnostic(`${refused.length} of ${asked.length} refused: ${JSON.stringify(refused[0]?.error)}`);
		assert.ok(refused.length > 0, 'the disk was never full');
		assert.deepEqual(refused.filter((a) => !a.answered), [], 'every refusal is told');
		for (const a of refused) assert.match(a.error.message, /no room left/);
		assert.ok((await client.call('health', {})).ok !== false, 'it still answers');
		await until(async () => (await client.request('chat.send', { sessionKey: 'after', message: 'what is 3 * 3', idempotencyKey: randomUUID() })).ok,
			'accepted again', 20000);
		assert.match((await chat(client, 'what is 6 * 7', { sessionKey: 'after' })).text, /42/);
		assert.deepEqual(lasting(gateway), before, 'no process ended');
		// what was accepted has one answer, what was refused was never there
		assert.deepEqual(await stored(client, asked), asked.map((a) => (a.ok ? 1 : 0)));
		client.close();
		await gateway.stop();
		const report = cli(gateway, ['audit', 'verify', '--json']);
		assert.equal(report.status, 0, report.stdout);
	});
	// a store that says yes whatever becomes of it: messages are taken that nobody will ever see again
	await onSmallDisk(['STORE_ANSWER'], async (gateway, dir) => {
		const client = await signIn(gateway);
		assert.equal((await chat(client, 'what is 2 + 2')).state, 'final');
		const asked = (await askWhenFull(t, gateway, client, dir)).filter((a) => a.ok);
		const again = await until(() => signIn(gateway).catch(() => null), 'signed in again');
		const found = await stored(again, asked);
		const lost = asked.filter((a, i) => found[i] === 0).map((a) => a.message);
		assert.ok(lost.length > 0, 'nothing was lost: the disk proves nothing');
		reportWeak(['STORE_ANSWER'], lost);
		again.close();
		client.ws.terminate();
	});
});

test('no descriptors left: who comes is let in, and nobody burns the processor', { skip: isBuilt() ? false : 'the gateway is not built', timeout: 300000 }, async (t) => {
	const dir = mkdtempSync(join(tmpdir(), 'moltbot-few-'));
	const few = join(dir, 'few');
	t.after(() => rmSync(dir, { recursive: true, force: true }));
	writeFileSync(few, `#!/bin/sh\nulimit -n 128\nexec ${hostileProgram} "$@"\n`, { mode: 0o755 });
	await seenToFail(['ACCEPT_ROOM'], { start: false }, async (gateway, weak) => {
		gateway.options.program = few;
		await gateway.start();
		// the edge that waits for the first client ends by itself
		const before = lasting(gateway).filter((p) => !p.endsWith('edge user'));
		const crowd = await Promise.all(Array.from({ length: 400 }, () => dial(gateway)));
		const from = cpu(gateway, /moltbot-edge/);
		await sleep(2000);
		const burnt = cpu(gateway, /moltbot-edge/) - from;
		const came = burnt < 1 ? [] : [`${burnt} s of processor time in two for nothing`];
		const first = await Promise.race([signIn(gateway).catch(() => null), sleep(weak.length > 0 ? 5000 : 30000).then(() => null)]);
		if (first === null) came.push('who comes after them is not let in');
		else first.ws.terminate();
		crowd.forEach((c) => c.socket.destroy());
		const client = await until(() => Promise.race([signIn(gateway).catch(() => null), sleep(2000).then(() => null)]), 'signed in again', 15000);
		assert.equal((await chat(client, 'what is 2 + 2')).state, 'final');
		assert.deepEqual(lasting(gateway).filter((p) => before.includes(p)), before);
		client.close();
		return came;
	});
});
