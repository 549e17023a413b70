// Rights that a caller asks for, and methods called by name: what counts is the stored credential and the method's row.
import test from 'node:test';
import { chat, Client, signIn } from '../e2e/lib/client.mjs';
import { Device } from '../e2e/lib/device.mjs';
import { isBuilt } from '../e2e/lib/gateway.mjs';
import { seenToFail } from '../e2e/lib/hostile.mjs';

const skip = isBuilt() ? false : 'the gateway is not built';

/** A device that the owner paired with one scope: connects with its own token, asking for what it likes. */
async function pairedDevice(gateway, scopes) {
	const device = new Device();
	const open = async (token, asked) => {
		const client = new Client(gateway.url());
		const answer = await client.connect((nonce) => ({ token, role: 'operator', scopes: asked,
			device: device.present({ clientId: 'cli', clientMode: 'cli', role: 'operator', scopes: asked, token, nonce }) }));
		return { client, answer };
	};
	const owner = await signIn(gateway);
	const first = await open(gateway.token, scopes);
	await owner.call('device.pair.approve', { requestId: first.answer.error.details.requestId });
	await owner.close();
	const second = await open(gateway.token, scopes);
	await second.client.close();
	return (asked) => open(second.answer.payload.auth.deviceToken, asked);
}

test('a device that may read gets no more by asking for more', { skip }, async () => {
	await seenToFail(['SCOPE_GRANT'], {}, async (gateway) => {
		const open = await pairedDevice(gateway, ['operator.read']);
		const reached = [];
		for (const asked of [['operator.admin'], ['operator.read', 'operator.write'], ['operator.pairing'], ['operator.approvals', 'operator.admin'], []]) {
			const { client, answer } = await open(asked);
			if (answer.ok && (await chat(client, 'hello', { ms: 3000 }).catch(() => null))) reached.push(asked.join());
			client.ws.terminate();
		}
		return reached;
	});
});

test('a device that may read can call nothing that needs more', { skip }, async () => {
	await seenToFail(['SCOPE_CHECK'], {}, async (gateway) => {
		const open = await pairedDevice(gateway, ['operator.read']);
		const { client } = await open(['operator.read']);
		const reached = [];
		for (const [method, params] of [['chat.send', { sessionKey: 'main', message: 'x', idempotencyKey: 'k1' }], ['agent', { message: 'x', idempotencyKey: 'k2' }],
			['chat.abort', { sessionKey: 'main' }], ['device.pair.list', {}], ['device.pair.approve', { requestId: 'x' }], ['device.token.rotate', { deviceId: 'x', role: 'operator' }],
			['moltbot.sandbox.prove', {}], ['moltbot.panic', {}]]) {
			const answer = await client.request(method, params);
			if (!/missing scope|unauthorized/.test(answer.error?.message ?? '')) reached.push(method);
		}
		client.ws.terminate();
		return reached;
	});
});

test('what only the control socket may do cannot be done over the network with the token, whatever the spelling', { skip }, async () => {
	await seenToFail(['METHOD_WHO'], {}, async (gateway) => {
		const client = await signIn(gateway);
		const reached = [];
		for (const [method, params] of [['moltbot.secrets.show', { name: 'gateway-token' }], ['moltbot.link.new', {}], ['moltbot.resume', {}],
			['MOLTBOT.SECRETS.SHOW', { name: 'gateway-token' }], [' moltbot.secrets.show', { name: 'gateway-token' }], ['moltbot.secrets.show\u0000', { name: 'gateway-token' }],
			['secrets.show', { name: 'gateway-token' }], ['exec.approval.resolve', { id: 'x', decision: 'allow' }], ['__proto__', {}]]) {
			const answer = await Promise.race([client.request(method, params), client.closed.then(() => ({ ok: false }))]).catch(() => ({ ok: false }));
			if (answer.ok) reached.push(method);
		}
		client.ws.terminate();
		return reached;
	});
});
