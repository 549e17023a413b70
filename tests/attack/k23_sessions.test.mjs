// Sessions are apart: a model that obeys an attacker in one sees nothing of another, whatever it asks for by name.
import test from 'node:test';
import { chat } from '../e2e/lib/client.mjs';
import { isBuilt, providerConfig } from '../e2e/lib/gateway.mjs';
import { ready, seenToFail, withModel } from '../e2e/lib/hostile.mjs';
import { lastUser, toolResults } from '../e2e/lib/model.mjs';

const skip = isBuilt() ? false : 'the gateway is not built';
const SECRET = 'CANARY-SESSION-5d1c';
const calls = ['sessions_history', 'session_list', 'sessions_list', 'chat.history', 'sessions_send', 'session_status'].map((name) => ({ name, args: { sessionKey: 'agent:main:private', limit: 100 } }))
	.concat([{ name: 'memory_search', args: { query: 'CANARY' } }, { name: 'file_search', args: { text: 'CANARY-SESSION' } }, { name: 'shell_exec', args: { command: 'cat /workspace/* 2>/dev/null; ls -a' } }]);

test('what was said in one session reaches no other', { skip }, async () => {
	await withModel((body) => {
		const n = toolResults(body).length;
		return lastUser(body).startsWith('private') ? { text: 'noted' } : n < calls.length ? { calls: [calls[n]] } : { text: 'that is all' };
	}, async (model) => {
		await seenToFail(['SESSION_KEYS'], { config: providerConfig(model.baseUrl) }, async (gateway, weak) => {
			const client = await ready(gateway);
			const mark = `${SECRET}-${weak.length}`;
			await chat(client, `private ${mark}`, { sessionKey: 'private' });
			const came = [];
			for (const sessionKey of ['attack', 'private2', 'agent:main:private:x', 'private-', 'main', 'agent:main:attack', 'rivate']) {
				const from = model.requests.length;
				await chat(client, `go ${mark.length}`, { sessionKey });
				if (model.requests.slice(from).some((r) => r.raw.includes(`private ${mark}`))) came.push(sessionKey);
			}
			await client.close();
			return came;
		});
	});
});
