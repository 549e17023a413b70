// Addresses that the gateway must not be led to: through the one door that takes a URL, a provider's baseUrl, in every spelling that
// readers of URLs disagree on, and through a name that means an address of this machine. In a network namespace of its own.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import dgram from 'node:dgram';
import net, { BlockList } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { chat, signIn } from '../e2e/lib/client.mjs';
import { isBuilt, program, providerConfig } from '../e2e/lib/gateway.mjs';
import { buildHostile, reportWeak, weakGateway } from '../e2e/lib/hostile.mjs';

const corpus = new URL('../../../shared/corpora/url/urltestdata.json', import.meta.url).pathname;
const inside = process.env.MOLTBOT_ADDRESSES_INSIDE === '1';
const METADATA = '169.254.169.254';
const skip = !isBuilt() ? 'the gateway is not built' : !inside && spawnSync('unshare', ['-n', '-m', 'true']).status !== 0 ? 'this user may not make a network namespace' : false;

/** Runs this file where every address is this machine, two names in the hosts file are, and the resolver is ours. */
function runInside(t) {
	const { NODE_TEST_CONTEXT: _, ...env } = process.env;
	const script = `ip link set lo up && ip route add local 0.0.0.0/0 dev lo && ip addr add ${METADATA}/32 dev lo && printf '127.0.0.1 localhost rebound.example\\n${METADATA} metadata.example\\n' > "$2/hosts" &&
		printf 'nameserver 127.0.0.1\\noptions timeout:1\\n' > "$2/resolv.conf" && printf 'hosts: files dns\\n' > "$2/nsswitch.conf" && for f in hosts resolv.conf nsswitch.conf; do mount --bind "$2/$f" "/etc/$f" || exit 1; done; ip -6 route add local ::/0 dev lo; exec "$0" --test --test-reporter=tap "$1"`;
	const dir = mkdtempSync(join(tmpdir(), 'moltbot-hosts-'));
	const done = spawnSync('unshare', ['-n', '-m', 'sh', '-c', script, process.execPath, new URL(import.meta.url).pathname, dir],
		{ encoding: 'utf8', env: { ...env, MOLTBOT_ADDRESSES_INSIDE: '1' }, timeout: 900000 });
	rmSync(dir, { recursive: true });
	assert.equal(done.status, 0, done.stdout + done.stderr);
	assert.ok(Number(/^# pass (\d+)$/m.exec(done.stdout)?.[1]) >= 1, done.stdout);
	for (const line of done.stdout.matchAll(/^\s*# (\d+ .*)$/gm)) t.diagnostic(line[1]);
}

const nowhere = new BlockList();
for (const [net4, bits] of [['0.0.0.0', 8], ['100.64.0.0', 10], ['169.254.0.0', 16], ['192.0.0.0', 24], ['192.0.2.0', 24], ['198.18.0.0', 15], ['198.51.100.0', 24], ['203.0.113.0', 24], ['224.0.0.0', 3]])
	nowhere.addSubnet(net4, bits, 'ipv4');
for (const [net6, bits] of [['::', 128], ['fe80::', 10], ['ff00::', 8], ['2001:db8::', 32]]) nowhere.addSubnet(net6, bits, 'ipv6');

/** Which of these are taken as a provider's address: the mistakes name the provider. */
function accepted(urls) {
	const dir = mkdtempSync(join(tmpdir(), 'moltbot-urls-'));
	const taken = [];
	for (let from = 0; from < urls.length; from += 10) {
		const some = urls.slice(from, from + 10);
		const providers = Object.fromEntries(some.map((baseUrl, i) => [`p${i}`, { baseUrl, api: 'openai-completions', models: [{ id: 'm' }] }]));
		writeFileSync(join(dir, 'c.json'), JSON.stringify({ models: { providers } }), { mode: 0o600 });
		const { stdout, stderr } = spawnSync(program, ['config', 'validate', join(dir, 'c.json')], { encoding: 'utf8', env: { PATH: process.env.PATH, HOME: dir, MOLTBOT_STATE_DIR: dir } });
		some.forEach((url, i) => { if (!new RegExp(`providers\\.p${i}\\.baseUrl`).test(stdout + stderr)) taken.push(url); });
	}
	rmSync(dir, { recursive: true });
	return taken;
}

function hostsOfCorpus() {
	const rows = JSON.parse(readFileSync(corpus, 'utf8')).filter((row) => typeof row === 'object' && /^https?:/i.test(row.input));
	return [...new Set(rows.map((row) => row.input).filter((input) => !input.includes('\u0000')))];
}

/** Connections to the listener while a gateway with this baseUrl is asked for an answer. */
async function connections(weak, baseUrl, address, port = 0) {
	let n = 0;
	const server = net.createServer((socket) => { n++; socket.destroy(); }).listen(port, address);
	await new Promise((done) => server.once('listening', done));
	const gateway = weakGateway(weak, { config: providerConfig(baseUrl(server.address().port)) });
	try {
		await gateway.start();
		const client = await signIn(gateway);
		// a resolver under load may be late: what is left out must show, what holds must hold each time
		for (let i = 0; i < 3 && n === 0; i++) await chat(client, 'go', { ms: 10000 }).catch(() => {});
		await client.close();
	} catch (error) {
		if (!/the gateway ended/.test(error.message)) throw error;
	} finally {
		await gateway.cleanup();
		server.close();
	}
	return n;
}

/** A resolver that says what zone(name, type, nth question) gives: addresses, or a name that it is an alias of. */
function resolver(zone) {
	const asked = new Map();
	const server = dgram.createSocket('udp4');
	server.on('message', (query, from) => {
		let end = 12;
		const labels = [];
		for (; query[end] !== 0; end += query[end] + 1) labels.push(query.toString('latin1', end + 1, end + 1 + query[end]));
		const name = labels.join('.').toLowerCase();
		const type = query.readUInt16BE(end + 1);
		const nth = asked.get(`${name} ${type}`) ?? 0;
		asked.set(`${name} ${type}`, nth + 1);
		const answers = (zone(name, type === 28 ? 'AAAA' : 'A', nth) ?? []).map((address) => {
			const data = type === 28 ? bytesOf6(address) : Buffer.from(address.split('.').map(Number));
			const head = Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 0, 0, data.length]);
			return Buffer.concat([head, data]);
		});
		const head = Buffer.from(query.subarray(0, 12));
		head.writeUInt16BE(0x8180, 2);
		head.writeUInt16BE(answers.length, 6);
		head.writeUInt32BE(0, 8);
		server.send(Buffer.concat([head, query.subarray(12, end + 5), ...answers]), from.port, from.address);
	});
	return new Promise((done) => server.bind(53, '127.0.0.1', () => done({ asked, close: () => server.close() })));
}

/** The 16 bytes of eight groups in hexadecimal. */
const bytesOf6 = (groups) => Buffer.from(groups.split(':').map((g) => g.padStart(4, '0')).join(''), 'hex');

const PUBLIC = '93.184.216.34'; // global, and here this machine's like all others
/** What a name may say: the questions in their order. */
const lies = {
	'changes.example': (type, nth) => (type !== 'A' ? [] : nth === 0 ? [PUBLIC] : ['127.0.0.1']),
	'both.example': (type) => (type === 'A' ? [PUBLIC, '127.0.0.1'] : []),
	'six.example': (type) => (type === 'A' ? [] : ['0:0:0:0:0:0:0:1']),
	'mapped.example': (type) => (type === 'A' ? [] : ['0:0:0:0:0:ffff:7f00:1']),
	'nat64.example': (type) => (type === 'A' ? [] : ['64:ff9b:0:0:0:0:7f00:1']),
	'carrier.example': (type) => (type === 'A' ? ['100.100.100.200'] : []),
};

/** The addresses at which connections came in while a gateway with this provider was asked for some answers. */
async function reached(weak, name) {
	const seen = [];
	const server = net.createServer((socket) => { seen.push(socket.localAddress?.replace(/^::ffff:(?=\d+\.)/, '')); socket.destroy(); }).listen(0, '::');
	await new Promise((done) => server.once('listening', done));
	const dns = await resolver((asked, type, nth) => lies[asked]?.(type, nth));
	const gateway = weakGateway(weak, { config: providerConfig(`https://${name}:${server.address().port}/v1`) });
	try {
		await gateway.start();
		const client = await signIn(gateway);
		for (let i = 0; i < 3 && !seen.some((address) => address !== PUBLIC); i++) await chat(client, 'go', { ms: 20000 }).catch(() => {});
		await client.close();
	} finally {
		await gateway.cleanup();
		server.close();
		dns.close();
	}
	assert.ok([...dns.asked.keys()].some((question) => question.startsWith(name)), `nobody asked for ${name}`);
	return seen;
}

if (!inside && !skip) test('no address that is not global, and no name for one', runInside);

if (inside) {
	test('no spelling of the corpus is an address that is no place for a service', { skip: existsSync(corpus) ? false : 'the corpora are not here' }, (t) => {
		const all = hostsOfCorpus();
		const taken = accepted(all);
		const bad = taken.filter((url) => {
			if (!URL.canParse(url)) return true; // nobody else reads it as a URL
			const host = new URL(url).hostname.replace(/^\[|\]$/g, '');
			return net.isIP(host) !== 0 && nowhere.check(host, net.isIPv6(host) ? 'ipv6' : 'ipv4');
		});
		t.diagnostic(`${all.length} URLs, ${taken.length} of them are taken`);
		assert.ok(all.length > 100 && taken.length > 5);
		assert.deepEqual(bad, []);
	});

	for (const host of [METADATA, '0xa9fea9fe', '2852039166', '0251.0376.0251.0376', '169.254.43518', '[::ffff:169.254.169.254]', '[::ffff:a9fe:a9fe]'])
		test(`the metadata address, written ${host}, is not connected to`, async () => {
			buildHostile();
			const url = (port) => `https://${host}:${port}/v1`;
			assert.equal(await connections([], url, METADATA), 0);
			if (host !== METADATA) return;
			assert.equal(await connections(['CONFIG_ADDRESS'], url, METADATA), 0, 'dial refuses by itself');
			assert.ok(await connections(['CONFIG_ADDRESS', 'DIAL_ADDRESS'], url, METADATA) > 0, 'without both it is connected to');
			reportWeak(['CONFIG_ADDRESS', 'DIAL_ADDRESS'], [METADATA]);
		});

	for (const name of Object.keys(lies))
		test(`a resolver that lies: ${name} leads to no address that is not global`, async () => {
			buildHostile();
			const [held, weak] = [await reached([], name), await reached(['DIAL_ADDRESS'], name)];
			assert.deepEqual(held.filter((address) => address !== PUBLIC), []);
			assert.ok(weak.some((address) => address !== PUBLIC), `without the control: ${weak}`);
			reportWeak(['DIAL_ADDRESS'], weak.filter((address) => address !== PUBLIC));
			if (name === 'changes.example') assert.ok(held.includes(PUBLIC), 'the first answer was a good one');
		});

	for (const [name, address] of [['rebound.example', '127.0.0.1'], ['metadata.example', METADATA]])
		test(`a name that means ${address} is not connected to`, async () => {
			buildHostile();
			const url = (port) => `https://${name}:${port}/v1`;
			assert.equal(await connections([], url, address), 0);
			assert.ok(await connections(['DIAL_ADDRESS'], url, address) > 0, 'without the control it is connected to');
			reportWeak(['DIAL_ADDRESS'], [name]);
		});
}
