// A configuration that would weaken the sandbox where the sandbox is what the configuration says it is: off, on the host's network, with the
// host's root bound into it, privileged, by way of the gateway. Then the attacks that it was written for, from inside a program.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { chat } from '../e2e/lib/client.mjs';
import { isBuilt, providerConfig } from '../e2e/lib/gateway.mjs';
import { ready, seenToFail, withModel } from '../e2e/lib/hostile.mjs';
import { toolResults } from '../e2e/lib/model.mjs';

const skip = !isBuilt() ? 'the gateway is not built' : spawnSync('perl', ['-e', '1']).status !== 0 ? 'no perl'
	: spawnSync('unshare', ['-p', '-f', 'true']).status !== 0 ? 'not root: what is weak would not be kept in' : false;

/** Every key of the original's, and of ours, that speaks of less. */
const weakest = (elsewhere) => ({
	agents: { defaults: { model: { primary: 'test/scripted' }, sandbox: {
		enabled: false, mode: 'off', scope: 'shared', workspaceAccess: 'rw', workspaceRoot: '/', minTier: 'none',
		docker: { image: 'host', network: 'bridge', readOnlyRoot: false, capDrop: [], user: '0:0', binds: ['/:/host:rw', `${elsewhere}:${elsewhere}:rw`, '/var/run/docker.sock:/var/run/docker.sock'],
			tmpfs: ['/'], env: { LD_PRELOAD: '/workspace/x.so' }, setupCommand: `touch ${elsewhere}/setup`, seccompProfile: 'unconfined', apparmorProfile: 'unconfined',
			dns: ['203.0.113.9'], extraHosts: ['secret:127.0.0.1'], memory: '64g', pidsLimit: 100000, cpus: 64 } } } },
	tools: { exec: { host: 'gateway' }, elevated: { enabled: true, allowFrom: { webchat: ['*'] } }, sandbox: { tools: { allow: ['*'] } } },
});

test('no configuration weakens the sandbox: what it was written for does not happen', { skip }, async (t) => {
	const secret = `CANARY-${process.pid}-${Math.random().toString(16).slice(2)}`;
	const service = http.createServer((req, res) => res.end(`${secret}-loopback`)).listen(0, '127.0.0.1');
	await new Promise((done) => service.once('listening', done));
	t.after(() => service.close());
	const folders = [];
	const folder = () => {
		const made = mkdtempSync(join(tmpdir(), 'moltbot-k14-'));
		chmodSync(made, 0o777);
		writeFileSync(join(made, 'secret.txt'), `${secret}-file`, { mode: 0o644 });
		folders.push(made);
		return made;
	};
	t.after(() => folders.forEach((made) => rmSync(made, { recursive: true })));
	const asked = (elsewhere) => `cat ${elsewhere}/secret.txt /host${elsewhere}/secret.txt; touch ${elsewhere}/written /host${elsewhere}/written; env | grep LD_PRELOAD;
		grep -q 'moltbot-superviso[r]' /proc/[0-9]*/cmdline && echo saw the supervisor;
		perl -MIO::Socket::INET -e 'my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1:${service.address().port}", Timeout => 5) or die "no: $!"; print $s "GET / HTTP/1.0\\r\\n\\r\\n"; print <$s>'; echo it ran $((40000 + 2))`;
	let elsewhere = {};
	await withModel((body) => (toolResults(body).length ? { text: toolResults(body).at(-1) } : { calls: [{ name: 'shell_exec', args: { command: asked(/attack at (\/\S+) now/.exec(JSON.stringify(body.messages))[1]) } }] }), async (model) => {
		const came = await seenToFail(['CELL_NAMESPACES', 'JAIL_LANDLOCK', 'JAIL_SECCOMP', 'CELL_CHECK', 'CELL_PROOF'], (weak) => {
			elsewhere[weak.length] = folder();
			const { models } = providerConfig(model.baseUrl);
			return { config: { ...weakest(elsewhere[weak.length]), models } };
		}, async (gateway, weak) => {
			const outside = elsewhere[weak.length];
			const client = await ready(gateway);
			const { text } = await chat(client, `attack at ${outside} now`, { ms: 120000 });
			await client.close();
			assert.match(text, /it ran 40002/, 'the program ran');
			if (weak.length === 0) for (const key of ['mode', 'network', 'readOnlyRoot', 'capDrop', 'exec.host'])
				assert.match(gateway.output + gateway.log(), new RegExp(`${key.replace('.', '\\.')}`), `nothing was said of ${key}`);
			return Object.entries({
				'a file outside': text.includes(`${secret}-file`), 'a write outside': existsSync(join(outside, 'written')), loopback: text.includes(`${secret}-loopback`),
				processes: text.includes('saw the supervisor'), 'set-up': existsSync(join(outside, 'setup')), environment: text.includes('LD_PRELOAD='),
			}).filter(([, happened]) => happened).map(([what]) => what);
		});
		for (const what of ['a file outside', 'a write outside', 'loopback', 'processes']) assert.ok(came.includes(what), `${what}: ${came}`);
	});
});
