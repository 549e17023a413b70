// Every method and every route, through every door, with every principal, against the published tables (moltbot topology): no
// difference. Rights come from the stored credential alone, whichever door it comes through.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { join } from 'node:path';
import test, { after, before, describe } from 'node:test';
import { chat, Client } from './lib/client.mjs';
import { Device } from './lib/device.mjs';
import { cli, Gateway, isBuilt, providerConfig, serving, until } from './lib/gateway.mjs';
import { ModelServer, toolResults } from './lib/model.mjs';

const skip = isBuilt() ? false : 'the gateway is not built';
const SCOPES = ['read', 'write', 'approvals', 'pairing', 'admin'];
const DEVICES = [...SCOPES.map((scope) => `a device with operator.${scope}`), 'a device in the role node'];
const VERBS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];
const INVALID = /^(invalid .* params: |not available )/;

// Section 5 of the protocol, written down once more: method -> least scope, as published.
const PUBLISHED = {
	read: 'health logs.tail channels.status status usage.status usage.cost tts.status tts.providers models.list agents.list agent.identity.get skills.status voicewake.get sessions.list sessions.preview cron.list cron.status cron.runs system-presence last-heartbeat node.list node.describe chat.history',
	write: 'send agent agent.wait wake talk.mode tts.enable tts.disable tts.convert tts.setProvider voicewake.set node.invoke chat.send chat.abort browser.request',
	approvals: 'exec.approval.request exec.approval.resolve',
	pairing: 'node.pair.request node.pair.list node.pair.approve node.pair.reject node.pair.verify node.rename device.pair.list device.pair.approve device.pair.reject device.token.rotate device.token.revoke',
	admin: 'config.get config.schema config.set config.patch config.apply wizard.start wizard.next wizard.cancel wizard.status update.run exec.approvals.get exec.approvals.set exec.approvals.node.get exec.approvals.node.set channels.logout skills.install skills.update cron.add cron.update cron.remove cron.run sessions.patch sessions.reset sessions.delete sessions.compact sessions.resolve chat.inject poll web.login.start web.login.wait system-event set-heartbeats',
	node: 'node.invoke.result node.event skills.bins',
};
const OWN = ['device.pair.remove']; // of a later edition of the protocol

const table = (what) => JSON.parse(cli({ dir: '/nonexistent' }, ['topology', `--${what}`, '--json']).stdout);
const has = (scopes, need) => need === 'operator' || scopes.includes('admin') || scopes.includes(need) || (need === 'read' && scopes.includes('write'));

/** What a call of this method with a parameter that it does not have is answered. */
function answerOf(who, principal) {
	const need = who.replace('operator.', '');
	if (principal.node) return who === 'node' ? INVALID : /^unauthorized role: node$/;
	if (who === 'node') return /^unauthorized role: operator$/;
	if (who === 'control socket') return principal.control ? INVALID : /^unauthorized: only at the machine itself/;
	return has(principal.scopes, need) ? INVALID : new RegExp(`^missing scope: operator\\.${need}$`);
}

/**
 * The status of a request at this route, as the table has it. A device proves itself by signing the challenge: over HTTP it is
 * nobody. So whoever is somebody there holds every scope; what one that did not would be answered, the test of edge/user shows.
 */
function statusOf(route, verb, principal) {
	const known = route.methods.split(' ');
	if (verb === 'OPTIONS') return [204];
	const right = known.includes(verb);
	if (route.who === 'anybody') {
		if (!right) return [405];
		return route.path === '/claim' ? [400] : [200];
	}
	if (!principal.scopes || principal.device) return principal.headers ? [401, 429] : [401];
	if (!right) return [405];
	return verb === 'POST' ? [400] : route.path.endsWith('*') ? [404] : [200];
}

describe('methods and routes, doors and principals: no difference to the tables', { skip }, () => {
	let gateway;
	let model;
	let methods;
	let routes;
	const principals = {
		'nothing presented': {},
		'the shared token': { scopes: ['admin'] },
		'a browser session': { scopes: ['admin'] },
	};

	async function deviceToken(role, scopes) {
		const device = new Device();
		const [clientId, clientMode] = role === 'node' ? ['node-host', 'node'] : ['cli', 'cli'];
		const present = (token) => (nonce) => ({ token, role, scopes, client: { id: clientId, version: 'test', platform: 'linux', mode: clientMode },
			device: device.present({ clientId, clientMode, role, scopes, token, nonce }) });
		const first = new Client(gateway.url());
		const { requestId } = (await first.connect(present(gateway.token))).error.details;
		assert.equal(cli(gateway, ['devices', 'approve', requestId]).status, 0);
		const second = new Client(gateway.url());
		const token = (await second.connect(present(gateway.token))).payload.auth.deviceToken;
		await second.close();
		if (role !== 'node' && !scopes.includes('operator.admin')) {
			const more = new Client(gateway.url());
			const wanted = ['operator.admin'];
			const answer = await more.connect((nonce) => ({ token, role, scopes: wanted,
				device: device.present({ clientId, clientMode, role, scopes: wanted, token, nonce }) }));
			assert.equal(answer.ok, false, 'asking for more got more');
			await more.closed;
		}
		return { device: true, node: role === 'node', scopes: scopes.map((s) => s.replace('operator.', '')), connect: present(token),
			headers: { authorization: `Bearer ${token}` } };
	}

	async function browserCookie() {
		const code = cli(gateway, ['dashboard', '--json']).stdout.match(/#claim=([^"\s]+)/)[1];
		const origin = `http://127.0.0.1:${gateway.port}`;
		const answer = await fetch(`${origin}/claim`, { method: 'POST', headers: { origin, 'content-type': 'application/json' }, body: JSON.stringify({ code }) });
		assert.equal(answer.status, 200);
		return { origin, cookie: answer.headers.get('set-cookie').split(';')[0] };
	}

	before(async () => {
		model = new ModelServer((body) => {
			const asked = body.messages.findLast((m) => m.role === 'user');
			const names = /^call (.*)$/.exec(typeof asked.content === 'string' ? asked.content : asked.content[0].text)?.[1].split(' ');
			return toolResults(body).length === 0 && names ? { calls: names.map((name, i) => ({ id: `c${i}`, name, args: {} })) } : { text: 'done' };
		});
		await model.listen();
		gateway = await serving(await new Gateway({ config: { ...providerConfig(model.baseUrl), gateway: { rateLimit: { enabled: false } } } }).start());
		methods = table('methods');
		routes = table('routes');
		principals['the shared token'].headers = { authorization: `Bearer ${gateway.token}` };
		principals['the shared token'].connect = { token: gateway.token };
		principals['a browser session'].headers = await browserCookie();
		principals['a browser session'].connect = {};
		for (const scope of SCOPES) principals[`a device with operator.${scope}`] = await deviceToken('operator', [`operator.${scope}`]);
		principals['a device in the role node'] = await deviceToken('node', []);
	});
	after(async () => { await gateway?.cleanup(); await model?.close(); });

	/** Status of one request on a connection of its own; the path's star becomes a name that nobody has. */
	async function ask(route, verb, headers = {}) {
		const body = verb === 'GET' || verb === 'HEAD' || verb === 'OPTIONS' ? '' : '{}';
		const req = http.request({ port: gateway.port, host: '127.0.0.1', method: verb, path: route.path.replace('*', 'nobody'), agent: false,
			headers: { origin: `http://127.0.0.1:${gateway.port}`, ...headers, ...(body ? { 'content-type': 'application/json', 'content-length': 2 } : {}) } });
		req.end(body);
		const [res] = await once(req, 'response', { signal: AbortSignal.timeout(20000) });
		res.resume();
		await once(res, 'close');
		return { status: res.statusCode, allow: res.headers.allow };
	}

	/** Differences between the table and what HTTP answers this principal. */
	async function walk(principal) {
		const differences = [];
		for (const route of routes) {
			for (const verb of VERBS) {
				const want = statusOf(route, verb, principal);
				const got = await ask(route, verb, principal.headers);
				if (!want.includes(got.status)) differences.push(`${verb} ${route.path}: ${got.status}, not ${want}`);
				if ((got.status === 405 || got.status === 204) && got.allow !== [...route.methods.split(' '), 'OPTIONS'].join(', '))
					differences.push(`${verb} ${route.path}: Allow: ${got.allow}`);
			}
		}
		return differences;
	}

	test('nothing that is offered beyond the published methods but our own', () => {
		const known = new Set(Object.values(PUBLISHED).join(' ').split(' '));
		assert.deepEqual(methods.map((r) => r.method).filter((name) => !known.delete(name) && !name.startsWith('moltbot.')).sort(), OWN);
		assert.deepEqual([...known], []);
	});

	test('the table is the published one: of each method of the protocol the least scope', () => {
		const ours = Object.fromEntries(methods.map((m) => [m.method, m.who]));
		for (const [need, names] of Object.entries(PUBLISHED))
			for (const method of names.split(' ')) assert.equal(ours[method], need === 'node' ? 'node' : `operator.${need}`, method);
	});

	for (const name of ['nothing presented', 'the shared token', 'a browser session']) {
		test(`HTTP: every route with ${name}`, async () => {
			assert.ok(routes.length >= 9);
			assert.deepEqual(await walk(principals[name]), []);
		});
	}

	async function eachMethod(client, principal) {
		const differences = [];
		for (const { method, who } of methods) {
			const { error } = await client.request(method, { 'no-such-parameter': 1 });
			if (!answerOf(who, principal).test(error?.message)) differences.push(`${method} (${who}): ${error?.message}`);
		}
		return differences;
	}

	for (const name of ['the shared token', 'a browser session', ...DEVICES]) {
		test(`WebSocket: every method with ${name}`, async () => {
			const principal = principals[name];
			const { cookie, origin } = principal.headers;
			const client = new Client(gateway.url(), cookie ? { headers: { cookie, origin } } : {});
			const hello = await client.connect(principal.connect);
			assert.equal(hello.ok, true, JSON.stringify(hello.error));
			if (principal.device) assert.equal(hello.payload.auth.role, principal.node ? 'node' : 'operator');
			assert.deepEqual(await eachMethod(client, principal), []);
			await client.close();
		});
	}

	test('the control socket: every method', async () => {
		const client = new Client(`ws+unix://${join(gateway.dir, 'control.sock')}:/`);
		assert.equal((await client.connect({})).ok, true);
		assert.deepEqual(await eachMethod(client, { scopes: ['admin'], control: true }), []);
		await client.close();
	});

	test('a model: none of the methods is a tool, whatever it calls them', async () => {
		const client = new Client(gateway.url());
		await client.connect({ token: gateway.token });
		const done = [];
		for (let at = 0; at < methods.length; at += 16) {
			const names = methods.slice(at, at + 16).map((m) => m.method);
			const answer = await chat(client, `call ${names.join(' ')}`, { sessionKey: `matrix-${at}`, ms: 60000 });
			assert.equal(answer.state, 'final', answer.error);
			const { body } = model.requests.findLast((r) => toolResults(r.body).length > 0);
			for (const result of toolResults(body)) done.push(result);
		}
		assert.equal(done.length, methods.length);
		assert.deepEqual(done.filter((text) => !/denied: /.test(text)), []);
		await client.close();
	});

	/* last: who tries this often is shut out, whoever else comes from the same address */
	for (const name of DEVICES) {
		test(`HTTP: every route with the token of ${name}`, async () => {
			assert.deepEqual(await walk(principals[name]), []);
		});
	}

	test('WebSocket and HTTP with a wrong credential: nothing but a refusal', async () => {
		await until(async () => (await ask(routes.find((r) => r.path === '/readyz'), 'GET')).status === 200, 'ready');
		const client = new Client(gateway.url());
		const refused = await client.connect({ token: 'wrong' });
		assert.equal(refused.ok, false);
		assert.match(refused.error.message, /unauthorized/);
		assert.deepEqual(await walk({ headers: { authorization: 'Bearer wrong' } }), []);
	});
});
