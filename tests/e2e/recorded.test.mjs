// What other people's clients asked of the gateway, and what they lived on in its answers, recorded while they worked
// (tools/clients --record): asked again in the same order, every answer has at least the members that it had then.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import test, { after, before, describe } from 'node:test';
import { Client } from './lib/client.mjs';
import { Device } from './lib/device.mjs';
import { cli, Gateway, isBuilt, providerConfig, until } from './lib/gateway.mjs';
import { lastUser, ModelServer } from './lib/model.mjs';
import { lacking, paramsOf } from './lib/record.mjs';
import { document } from '../clients/table.mjs';

const skip = isBuilt() ? false : 'the gateway is not built';
const folder = new URL('recorded/', import.meta.url);
const recorded = readdirSync(folder).filter((n) => n.endsWith('.json')).map((n) => JSON.parse(readFileSync(new URL(n, folder))));

test('docs/clients.md says what was recorded', () => {
	assert.equal(readFileSync(new URL('../../docs/clients.md', import.meta.url), 'utf8'), document());
});

for (const { client, rows } of recorded) {
	describe(`${client}, as recorded`, { skip, concurrency: false }, () => {
		let gateway;
		let model;
		const device = new Device();

		/** Connects as it did; its device is approved when it is asked for. */
		async function connect({ ok: _, error: __, device: presents, auth, client: who, role = 'operator', scopes, ...rest }) {
			for (;;) {
				const one = new Client(gateway.url());
				const answer = await one.connect((nonce) => ({ ...rest, client: who, role, scopes, token: gateway.token,
					...(presents ? { device: device.present({ clientId: who.id, clientMode: who.mode, role, scopes, token: gateway.token, nonce }) } : {}) }));
				if (answer.ok) return one;
				await one.closed;
				assert.equal(answer.error.code, 'NOT_PAIRED', answer.error.message);
				assert.equal(cli(gateway, ['devices', 'approve', answer.error.details.requestId]).status, 0);
			}
		}

		before(async () => {
			model = await new ModelServer((body) => ({ text: `you said ${lastUser(body)}` })).listen();
			gateway = await new Gateway({ config: providerConfig(model.baseUrl) }).start();
			await until(() => cli(gateway, ['status', '--json']).stdout.includes('"proof": "passed"'), 'the self-proof', 30000);
		});
		after(async () => {
			await gateway?.cleanup();
			await model?.close();
		});

		for (const { what, connections } of rows) {
			if (!connections.some((c) => c.calls.length)) continue;
			test(what, async () => {
				for (const { connect: how, calls } of connections) {
					const one = await connect(how);
					const answers = [];
					for (const call of calls) {
						const frames = await one.request(call.method, paramsOf(call, answers), call.answers);
						const last = [frames].flat().at(-1);
						answers.push(last.payload);
						assert.equal(last.ok, call.ok, `${call.method}: ${JSON.stringify(last.error)}`);
						if (call.ok) assert.deepEqual(lacking(call.shape, last.payload), [], call.method);
						else assert.equal(last.error.code, call.error.code, call.method);
						/* as the client did, before it asked on */
						if (call.method === 'chat.send' && call.ok)
							await one.event((e) => e.event === 'chat' && e.payload.runId === last.payload.runId && e.payload.state === 'final', 60000);
					}
					await one.close();
				}
			});
		}
	});
}
