// gateway.auth.mode "password": the password is the owner's credential at every door, and nothing else is.
import assert from 'node:assert/strict';
import test, { afterEach, beforeEach, describe } from 'node:test';
import { Client } from './lib/client.mjs';
import { Device } from './lib/device.mjs';
import { cli, Gateway, isBuilt, until } from './lib/gateway.mjs';

const skip = isBuilt() ? false : 'the gateway is not built';
const OTHER = 'a-token-that-counts-for-nothing-here';
const PASSWORD = 'several-words-that-make-one-long-password';

describe('a gateway with a password', { skip }, () => {
	let gateway;

	const get = async (credential) => (await fetch(`http://127.0.0.1:${gateway.port}/v1/models`, { headers: { authorization: `Bearer ${credential}` } })).status;
	const presents = (device, auth, scopes) => (nonce) => ({ auth, role: 'operator', scopes,
		device: device.present({ clientId: 'cli', clientMode: 'cli', role: 'operator', scopes, token: auth.token, nonce }) });

	/** The answer to connect, and the client, which the caller closes. */
	async function connect(params) {
		const client = new Client(gateway.url());
		client.answer = await client.connect(params);
		return client;
	}

	/* one for each: a few wrong ones use up what may be tried */
	beforeEach(async () => {
		gateway = await new Gateway({ token: PASSWORD, config: { gateway: { auth: { mode: 'password', password: '${MOLTBOT_GATEWAY_PASSWORD}' } } },
			env: { MOLTBOT_GATEWAY_PASSWORD: PASSWORD, MOLTBOT_GATEWAY_TOKEN: OTHER } }).start();
		await until(async () => await get(PASSWORD) === 200, 'it serves');
	});
	afterEach(async () => { await gateway?.cleanup(); });

	test('the password signs a device in, with all that it was approved for; without a device it is asked for one', async () => {
		const alone = await connect({ auth: { password: PASSWORD } });
		assert.deepEqual([alone.answer.error.code, alone.answer.error.message], ['NOT_PAIRED', 'device identity required']);
		const device = new Device();
		const scopes = ['operator.read', 'operator.admin'];
		const first = await connect(presents(device, { password: PASSWORD }, scopes));
		assert.equal(cli(gateway, ['devices', 'approve', first.answer.error.details.requestId]).status, 0);
		const owner = await connect(presents(device, { password: PASSWORD }, scopes));
		assert.equal(owner.answer.ok, true, JSON.stringify(owner.answer.error));
		assert.equal((await owner.call('config.get')).valid, true);
		await owner.close();
		const narrow = await connect(presents(device, { password: PASSWORD }, ['operator.read']));
		assert.equal(narrow.answer.ok, true, JSON.stringify(narrow.answer.error));
		assert.match((await narrow.request('config.get')).error.message, /^missing scope: operator\.admin$/);
		await narrow.close();
	});

	test('nothing else does', async () => {
		const device = new Device();
		for (const auth of [{}, { password: '' }, { password: `${PASSWORD}x` }, { password: PASSWORD.slice(0, -1) }, { token: OTHER }, { password: OTHER }]) {
			const { answer, closed } = await connect(presents(device, auth, ['operator.read']));
			assert.equal(answer.ok, false, JSON.stringify(auth));
			assert.match(answer.error.message, /^unauthorized/, JSON.stringify(auth));
			await closed;
		}
	});

	test('a device is paired with the password, and goes on with a token of its own', async () => {
		const device = new Device();
		const scopes = ['operator.read'];
		const first = await connect(presents(device, { password: PASSWORD }, scopes));
		assert.equal(first.answer.error.code, 'NOT_PAIRED');
		assert.equal(cli(gateway, ['devices', 'approve', first.answer.error.details.requestId]).status, 0);
		const second = await connect(presents(device, { password: PASSWORD }, scopes));
		const { deviceToken } = second.answer.payload.auth;
		await second.close();
		const third = await connect(presents(device, { token: deviceToken }, scopes));
		assert.deepEqual(third.answer.payload?.auth.scopes, scopes);
		await third.close();
		/* its token is no password, and the password is no device's token */
		for (const auth of [{ password: deviceToken }, { token: PASSWORD }])
			assert.equal((await connect(presents(device, auth, scopes))).answer.ok, false, JSON.stringify(Object.keys(auth)));
	});

	test('over HTTP it is the bearer', async () => {
		assert.equal(await get(PASSWORD), 200);
		for (const wrong of [`${PASSWORD}x`, PASSWORD.slice(1), OTHER]) assert.equal(await get(wrong), 401, wrong);
	});
});
