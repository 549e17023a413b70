// What the machine does to the gateway: a full disk, no descriptors left.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, fstatSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import test from 'node:test';
import { chat, signIn } from '../e2e/lib/client.mjs';
import { cli, Gateway, isBuilt, program, sleep, until } from '../e2e/lib/gateway.mjs';
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

test('a full disk: refused with a reason, nothing half accepted, and all is well when there is space again', { skip }, async (t) => {
	const dir = mkdtempSync(join(tmpdir(), 'moltbot-disk-'));
	execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=12m,mode=700', 'tmpfs', dir]);
	const gateway = new Gateway({ dir });
	t.after(async () => {
		if (gateway.child?.exitCode === null && gateway.child.signalCode === null) await gateway.stop();
		spawnSync('umount', ['-l', dir]);
		rmSync(dir, { recursive: true, force: true });
	});
	await gateway.start();
	const client = await signIn(gateway);
	assert.equal((await chat(client, 'what is 2 + 2')).state, 'final');
	const before = lasting(gateway);
	t.diagnostic(`${fill(join(dir, 'filler'))} bytes of filler`);

	const asked = [];
	for (let i = 0; i < 40; i++) {
		const key = randomUUID();
		const answer = await Promise.race([client.request('chat.send', { sessionKey: 'full', message: `what is ${i} + 1`, idempotencyKey: key }),
			sleep(60000).then(() => null)]);
		asked.push({ key, message: `what is ${i} + 1`, ok: answer?.ok, error: answer?.error, answered: answer !== null });
	}
	const refused = asked.filter((a) => !a.ok);
	t.diagnostic(`${refused.length} of ${asked.length} refused: ${JSON.stringify(refused[0]?.error)}`);
	assert.ok(refused.length > 0, 'the disk was never full');
	assert.deepEqual(refused.filter((a) => !a.answered), [], 'every refusal is told');
	for (const a of refused) assert.match(a.error.message, /no room left/);
	assert.ok((await client.call('health', {})).ok !== false, 'it still answers');

	rmSync(join(dir, 'filler'));
	await until(async () => (await client.request('chat.send', { sessionKey: 'after', message: 'what is 3 * 3', idempotencyKey: randomUUID() })).ok,
		'accepted again', 20000);
	const again = await chat(client, 'what is 6 * 7', { sessionKey: 'after' });
	assert.match(again.text, /42/);
	assert.deepEqual(lasting(gateway), before, 'no process ended');
	// what was accepted has one answer, what was refused was never there
	const history = (await client.call('chat.history', { sessionKey: 'full', limit: 1000 })).messages;
	const text = (m) => (Array.isArray(m.content) ? m.content.map((p) => p.text ?? '').join('') : m.content);
	for (const a of asked) assert.equal(history.filter((m) => m.role === 'user' && text(m) === a.message).length, a.ok ? 1 : 0, a.message);
	client.close();
	await gateway.stop();
	const report = cli(gateway, ['audit', 'verify', '--json']);
	assert.equal(report.status, 0, report.stdout);
});

test('no descriptors left: those who wait are let in when others go, and nobody burns the processor', { skip: isBuilt() ? false : 'the gateway is not built' }, async (t) => {
	const dir = mkdtempSync(join(tmpdir(), 'moltbot-few-'));
	const few = join(dir, 'few');
	writeFileSync(few, `#!/bin/sh\nulimit -n 128\nexec ${program} "$@"\n`, { mode: 0o755 });
	const gateway = new Gateway({ program: few });
	t.after(async () => { await gateway.cleanup(); rmSync(dir, { recursive: true, force: true }); });
	await gateway.start();
	// the edge that waits for the first client ends by itself
	const before = lasting(gateway).filter((p) => !p.endsWith('edge user'));
	const crowd = await Promise.all(Array.from({ length: 400 }, () => dial(gateway)));
	const from = cpu(gateway, /moltbot-edge/);
	await sleep(2000);
	assert.ok(cpu(gateway, /moltbot-edge/) - from < 1, 'more than half a processor for nothing');
	crowd.forEach((c) => c.socket.destroy());
	const client = await until(() => Promise.race([signIn(gateway).catch(() => null), sleep(2000).then(() => null)]), 'signed in again', 15000);
	assert.equal((await chat(client, 'what is 2 + 2')).state, 'final');
	assert.deepEqual(lasting(gateway).filter((p) => before.includes(p)), before);
	client.close();
});
