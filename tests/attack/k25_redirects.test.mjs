// A provider that wants the credential to go elsewhere: redirects of every kind, and answers that hold it.
import http from 'node:http';
import test from 'node:test';
import { chat, signIn } from '../e2e/lib/client.mjs';
import { isBuilt, providerConfig } from '../e2e/lib/gateway.mjs';
import { seenToFail } from '../e2e/lib/hostile.mjs';

const skip = isBuilt() ? false : 'the gateway is not built';
const SECRET = 'sk-canary-0123456789abcdef0123456789abcdef';

async function listening(handler) {
	const server = http.createServer(handler).listen(0, '127.0.0.1');
	await new Promise((done) => server.once('listening', done));
	return server;
}

const options = (base) => ({ config: providerConfig(base, { provider: { apiKey: '${TEST_PROVIDER_API_KEY}' } }), env: { TEST_PROVIDER_API_KEY: SECRET } });

test('a redirect takes the credential nowhere', { skip }, async () => {
	await seenToFail(['REDIRECT'], { start: false }, async (gateway) => {
		const elsewhere = [];
		const note = (req) => { if (req.headers.authorization || JSON.stringify(req.headers).includes(SECRET)) elsewhere.push(`${req.headers.host}${req.url}`); };
		const other = await listening((req, res) => { note(req); req.resume(); res.end('{}'); });
		const locations = [];
		let asked = 0;
		const provider = await listening((req, res) => {
			req.resume();
			if (req.url !== '/v1/chat/completions') { note(req); res.end('{}'); return; }
			const [status, location] = locations[asked++ % locations.length];
			res.writeHead(status, { location }).end('moved');
		});
		const { port } = provider.address();
		for (const status of [301, 302, 303, 307, 308])
			for (const to of ['/elsewhere', `http://127.0.0.1:${other.address().port}/take`, `http://localhost:${other.address().port}/take`, `//127.0.0.1:${other.address().port}/take`,
				`http://127.0.0.1:${port}@127.0.0.1:${other.address().port}/take`]) locations.push([status, to]);
		Object.assign(gateway.options, options(`http://127.0.0.1:${port}/v1`));
		try {
			await gateway.start();
			const client = await signIn(gateway);
			await Promise.all(locations.map((_, i) => chat(client, 'go', { sessionKey: `s${i}` })));
			if (asked < locations.length) throw new Error('the provider was not asked');
			await client.close();
		} finally {
			provider.close();
			other.close();
		}
		return elsewhere;
	});
});

test('an answer that holds the credential is cut', { skip }, async () => {
	await seenToFail(['CREDENTIAL_ECHO'], { start: false }, async (gateway) => {
		let asked = 0;
		const provider = await listening((req, res) => {
			req.resume();
			const auth = req.headers.authorization;
			const whole = (text) => res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ id: 'x', object: 'chat.completion', created: 1, model: 'm',
				choices: [{ index: 0, message: { role: 'assistant', content: text }, finish_reason: 'stop' }], usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 } }));
			const kinds = [() => whole(`your key is ${auth}`), () => res.writeHead(401, { 'content-type': 'application/json' }).end(JSON.stringify({ error: { message: `bad key ${auth}` } })),
				() => { res.writeHead(200, { 'content-type': 'text/event-stream' }); const text = `data: {"id":"x","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"${auth}"},"finish_reason":null}]}\n\n`;
					res.write(text.slice(0, 150)); setTimeout(() => res.end(`${text.slice(150)}data: [DONE]\n\n`), 20); }];
			kinds[asked++ % kinds.length]();
		});
		Object.assign(gateway.options, options(`http://127.0.0.1:${provider.address().port}/v1`));
		try {
			await gateway.start();
			const client = await signIn(gateway);
			for (let i = 0; i < 3; i++) await chat(client, 'go', { sessionKey: `s${i}` });
			const events = JSON.stringify(client.events);
			const history = JSON.stringify(await client.call('chat.history', { sessionKey: 's0' }));
			await client.close();
			return Object.entries({ events, history, log: gateway.log() + gateway.output }).filter(([, text]) => text.includes(SECRET)).map(([name]) => name);
		} finally {
			provider.close();
		}
	});
});
