// Exchanges a folder of the workspace and a link to a folder outside, over and over, while tools use the name.
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';

/** Exchanges a and b (by way of c) until the shared count has been reached; what file_write made in between at a goes away. */
const exchange = `const { workerData: { a, b, c, count } } = require('node:worker_threads'); const { renameSync, rmSync } = require('node:fs');
while (Atomics.load(count, 0) < Atomics.load(count, 1)) { renameSync(a, c); for (;;) try { renameSync(b, a); break; } catch { rmSync(a, { recursive: true, force: true }); } renameSync(c, b); Atomics.add(count, 0, 1); }`;

/** "swap" of the workspace is a folder with a file "secret" ("mine") in it, or leads outside: {count, done(), stop()}. */
export function startRacer(workspace, outside, most) {
	mkdirSync(join(workspace, 'swap'), { mode: 0o777 });
	chmodSync(join(workspace, 'swap'), 0o777);
	writeFileSync(join(workspace, 'swap/secret'), 'mine', { mode: 0o666 });
	symlinkSync(outside, join(workspace, 'other'));
	const count = new Int32Array(new SharedArrayBuffer(8));
	count[1] = most;
	const worker = new Worker(exchange, { eval: true, workerData: { a: join(workspace, 'swap'), b: join(workspace, 'other'), c: join(workspace, 'third'), count } });
	const ended = new Promise((resolve, reject) => { worker.once('exit', resolve); worker.once('error', reject); });
	return {
		count: () => Atomics.load(count, 0),
		done: () => Atomics.load(count, 0) >= Atomics.load(count, 1),
		stop: () => { Atomics.store(count, 1, 0); return ended; },
	};
}
