// The state directory: open to others, or with files in it that somebody else can reach.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, linkSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { isBuilt, sleep, until } from '../e2e/lib/gateway.mjs';
import { seenToFail, weakGateway } from '../e2e/lib/hostile.mjs';

const skip = !isBuilt() ? 'the gateway is not built' : process.getuid() !== 0 ? 'only root can be another user' : false;
const asNobody = (...command) => spawnSync('setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', ...command], { encoding: 'utf8' });

/** As far as it gets in a short time. */
async function started(gateway) {
	await gateway.start({ wait: false });
	await Promise.race([gateway.ready().catch(() => {}), sleep(2000)]);
}

test('a directory that was open to others is closed to them', { skip }, async () => {
	await seenToFail(['STATE_CHECK'], { start: false }, async (gateway) => {
		chmodSync(gateway.dir, 0o777);
		await gateway.start();
		const names = asNobody('ls', gateway.dir).stdout.trim();
		const planted = asNobody('sh', '-c', `echo x > ${gateway.dir}/planted && cat ${gateway.dir}/planted`).stdout.trim();
		return [names, planted].filter((text) => text !== '');
	});
});

test('a private key for TLS that others may read is not used', { skip }, async () => {
	const files = mkdtempSync(join(tmpdir(), 'moltbot-key-'));
	const [certPath, keyPath] = [join(files, 'cert.pem'), join(files, 'key.pem')];
	const made = spawnSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', keyPath, '-out', certPath, '-days', '2', '-subj', '/CN=test'], { encoding: 'utf8' });
	assert.equal(made.status, 0, made.stderr);
	chmodSync(keyPath, 0o644);
	const config = { gateway: { tls: { enabled: true, certPath, keyPath } } };
	await seenToFail(['STATE_CHECK'], { start: false, config }, async (gateway) => {
		const shown = () => existsSync(join(gateway.dir, 'tls-cert.pem')) && readFileSync(join(gateway.dir, 'tls-cert.pem')).length > 0;
		await gateway.start({ wait: false });
		await Promise.race([gateway.exited, until(shown, 'the gateway ends, or uses the key', 30000)]);
		return shown() ? ['a key of mode 0644 is used'] : [];
	});
	rmSync(files, { recursive: true });
});

test('files that somebody put in place of the gateway\'s own are not used', { skip }, async () => {
	const elsewhere = mkdtempSync(join(tmpdir(), 'moltbot-planted-'));
	chmodSync(elsewhere, 0o755);
	let n = 0;
	const plant = {
		'a hard link': (dir, name, mine) => { writeFileSync(mine, '', { mode: 0o600 }); linkSync(mine, join(dir, name)); },
		'open to all': (dir, name) => writeFileSync(join(dir, name), '', { mode: 0o666 }),
	};
	for (const how of Object.keys(plant)) {
		await seenToFail(['STATE_CHECK'], { start: false }, async (gateway, names) => {
			const mine = join(elsewhere, `mine-${++n}`);
			plant[how](gateway.dir, 'vault.key', mine);
			chmodSync(join(gateway.dir, 'vault.key'), how === 'open to all' ? 0o666 : 0o600);
			const used = () => readFileSync(join(gateway.dir, 'vault.key')).length > 0;
			await started(gateway);
			if (names.length > 0) await until(used, 'the key is written');
			return used() ? [`the key went into a file that was ${how}`] : [];
		});
	}
	rmSync(elsewhere, { recursive: true });
});

test('a symbolic link leads the gateway nowhere', { skip }, async () => {
	await seenToFail(['STATE_CHECK'], { start: false }, async (gateway, weak) => {
		const elsewhere = mkdtempSync(join(tmpdir(), 'moltbot-planted-'));
		for (const name of ['vault.key', 'vault.box', 'audit.log', 'gate.labels', 'workspace-0.labels', 'gateway.lock', 'panic']) {
			const other = weakGateway(weak);
			symlinkSync(join(elsewhere, name), join(other.dir, name));
			await started(other);
			await other.cleanup();
		}
		const left = readdirSync(elsewhere);
		rmSync(elsewhere, { recursive: true });
		return left.sort();
	});
});
