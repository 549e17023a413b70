// The life of a credential: what was revoked or rotated ends the connections that came with it, and what is good once is good once.
import assert from 'node:assert/strict';
import http from 'node:http';
import test from 'node:test';
import { Client, signIn } from '../e2e/lib/client.mjs';
import { Device } from '../e2e/lib/device.mjs';
import { cli, isBuilt } from '../e2e/lib/gateway.mjs';
import { seenToFail } from '../e2e/lib/hostile.mjs';

const skip = isBuilt() ? false : 'the gateway is not built';
const scopes = ['operator.read', 'operator.write'];

/** A device that the owner let in, and a function that connects it with a token: {client, answer}. */
async function paired(gateway, owner) {
	const device = new Device();
	const open = async (token) => {
		const client = new Client(gateway.url());
		const answer = await client.connect((nonce) => ({ token, role: 'operator', scopes, device: device.present({ clientId: 'cli', clientMode: 'cli', role: 'operator', scopes, token, nonce }) }));
		return { client, answer };
	};
	const first = await open(gateway.token);
	await owner.call('device.pair.approve', { requestId: first.answer.error.details.requestId });
	const second = await open(gateway.token);
	const token = second.answer.payload.auth.deviceToken;
	second.client.ws.terminate();
	return { id: device.id, token, open: () => open(token) };
}

const late = () => new Promise((done) => { setTimeout(done, 10000).unref(); });

/** Do calls on these connections still come back, with an answer that is no refusal. */
async function stillServed(clients) {
	const served = await Promise.all(clients.map((client) => Promise.race([client.request('sessions.list', {}).then((frame) => frame.ok, () => false), client.closed.then(() => false), late().then(() => false)])));
	return served.filter(Boolean).length;
}

for (const [how, method, params] of [['revoked', 'device.token.revoke', { role: 'operator' }], ['rotated', 'device.token.rotate', { role: 'operator' }], ['removed with its device', 'device.pair.remove', {}]]) {
	test(`a token that was ${how} ends what it opened, and opens nothing`, { skip, timeout: 60000 }, async () => {
		await seenToFail(['REVOKED'], {}, async (gateway) => {
			const owner = await signIn(gateway);
			const device = await paired(gateway, owner);
			const open = (await Promise.all([device.open(), device.open(), device.open()])).map((c) => c.client);
			assert.equal(await stillServed(open), 3, 'the token is good');
			await owner.call(method, { deviceId: device.id, ...params });
			// an answer that was under way may still come: each is asked until it is closed, or has been served thrice
			let served = 3;
			for (let i = 0; i < 3 && served > 0; i++) served = await stillServed(open);
			const { client, answer } = await device.open();
			client.ws.terminate();
			assert.equal(answer.ok, false, 'the old token signs nobody in');
			await owner.close();
			for (const c of open) c.ws.terminate();
			return served > 0 ? [`${served} connections are served`] : [];
		});
	});
}

test('the code of a link signs one browser in, whoever else comes at once or later', { skip, timeout: 60000 }, async () => {
	await seenToFail(['ONCE'], {}, async (gateway, weak) => {
		const said = cli(gateway, ['dashboard', '--json']);
		const code = /claim=([\w-]+)/.exec(said.stdout)?.[1];
		assert.ok(code, said.stdout + said.stderr);
		const claim = () => new Promise((resolve) => {
			const req = http.request({ port: gateway.port, host: '127.0.0.1', path: '/claim', method: 'POST', agent: false,
				headers: { origin: `http://127.0.0.1:${gateway.port}`, 'content-type': 'application/json', connection: 'close' } }, (res) => { res.resume(); res.on('end', () => resolve(res.statusCode)); });
			req.on('error', () => resolve(0));
			req.end(JSON.stringify({ code }));
		});
		const first = await Promise.all(Array.from({ length: 5 }, claim)); // fewer than lock a source out
		const signedIn = first.filter((status) => status >= 200 && status < 300).length;
		assert.ok(signedIn >= 1, `${first} ${weak}`);
		return Array.from({ length: signedIn - 1 }, (_, i) => `browser ${i + 2}`);
	});
});
