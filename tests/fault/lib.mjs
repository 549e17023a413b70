// What the fault tests share: hostile sockets, and what the gateway costs meanwhile.
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import net from 'node:net';
import { sleep } from '../e2e/lib/gateway.mjs';

/** A TCP connection that never fails loudly: {socket, text, closed}. */
export async function dial(gateway, options = {}) {
	const socket = net.connect({ port: gateway.port, host: '127.0.0.1', ...options });
	const conn = { socket, text: '', isClosed: false };
	socket.on('error', () => {});
	socket.on('data', (d) => { if (conn.text.length < 65536) conn.text += d.toString('latin1'); });
	conn.closed = new Promise((done) => socket.once('close', () => { conn.isClosed = true; done(); }));
	await Promise.race([once(socket, 'connect'), conn.closed]);
	return conn;
}

export const closedWithin = (conn, ms) => Promise.race([conn.closed.then(() => true), sleep(ms).then(() => false)]);

/** One WebSocket frame of a client, with a length that may be a lie. */
export function frame(opcode, payload, { fin = true, length = payload.length } = {}) {
	const head = length < 126 ? Buffer.alloc(2) : length < 65536 ? Buffer.alloc(4) : Buffer.alloc(10);
	head[0] = (fin ? 0x80 : 0) | opcode;
	head[1] = 0x80 | (length < 126 ? length : length < 65536 ? 126 : 127);
	if (head.length === 4) head.writeUInt16BE(length, 2);
	if (head.length === 10) head.writeBigUInt64BE(BigInt(length), 2);
	return Buffer.concat([head, Buffer.alloc(4), payload]); // a mask of zeros is a mask
}

const UPGRADE = (port) => `GET / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
	'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n';

/** A raw WebSocket that has been upgraded. */
export async function upgrade(gateway) {
	const conn = await dial(gateway);
	conn.socket.write(UPGRADE(gateway.port));
	while (!conn.text.includes('connect.challenge') && !conn.isClosed) await sleep(5);
	return conn;
}

/** And one that has signed in. */
export async function signedIn(gateway) {
	const conn = await upgrade(gateway);
	conn.socket.write(frame(1, Buffer.from(JSON.stringify({ type: 'req', id: '1', method: 'connect', params: {
		minProtocol: 3, maxProtocol: 3, client: { id: 'cli', version: 'test', platform: 'linux', mode: 'cli' }, caps: [],
		role: 'operator', scopes: ['operator.admin'], auth: { token: gateway.token } } }))));
	while (!conn.text.includes('hello-ok') && !conn.isClosed) await sleep(5);
	return conn;
}

/** Bytes of memory of the gateway's processes whose name fits: proportional set size. */
export function memory(gateway, name = /moltbot-/) {
	let sum = 0;
	for (const p of gateway.processes().filter((q) => name.test(q.args))) {
		try {
			sum += Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${p.pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0) * 1024;
		} catch { /* it ended meanwhile */ }
	}
	return sum;
}

/** Seconds of processor time of those processes. */
export function cpu(gateway, name) {
	return gateway.processes().filter((p) => name.test(p.args)).reduce((sum, p) => {
		const fields = readFileSync(`/proc/${p.pid}/stat`, 'latin1').replace(/^.*\) /, '').split(' ');
		return sum + (Number(fields[11]) + Number(fields[12])) / 100;
	}, 0);
}

/** The long-lived processes: those that no fault may end. */
export const lasting = (gateway) => gateway.processes().filter((p) => /moltbot-(?!agent|cell|egress)/.test(p.args))
	.map((p) => `${p.pid} ${p.args}`).sort();

export const fds = (pid) => readdirSync(`/proc/${pid}/fd`).length;

/** How many calls a second a well-behaved client gets answered, one after the other, for ms. */
export async function rate(client, ms = 1000) {
	const end = performance.now() + ms;
	const from = performance.now();
	let n = 0;
	for (; performance.now() < end; n++) await client.call('health', {});
	return n / ((performance.now() - from) / 1000);
}
