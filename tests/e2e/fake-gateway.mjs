// Plays the gateway's side of protocol 3 towards the page: for developing it by hand, and for what a real gateway does
// only when it breaks (events lost, a silent socket, a failing run). `node fake-gateway.mjs [port]` serves it.
import {readFileSync} from 'node:fs';
import {createServer} from 'node:http';
import {extname, join, normalize} from 'node:path';
import {fileURLToPath} from 'node:url';
import {WebSocketServer} from 'ws';

const UI = fileURLToPath(new URL('../../ui/', import.meta.url));
const TYPES = {'.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8',
	'.svg': 'image/svg+xml'};
const HEADERS = {
	'Content-Security-Policy': "default-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; " +
		"frame-ancestors 'none'; object-src 'none'",
	'X-Content-Type-Options': 'nosniff', 'Referrer-Policy': 'no-referrer', 'Cache-Control': 'no-cache',
};

export class FakeGateway {
	constructor(options = {}) {
		this.token = options.token ?? 'a-token-of-the-fake-gateway';
		this.codes = new Set(options.codes ?? ['code-1']);
		this.cookies = new Set();
		this.histories = new Map(Object.entries(options.histories ?? {}));
		this.rows = options.rows ?? [];
		this.sandbox = options.sandbox ?? {ready: true, tier: 'full', missing: '', why: '', proof: 'passed'};
		this.requests = [];
		this.sent = [];
		this.clients = new Set();
		this.seq = 0;
		/** @type {(run: {runId: string, sessionKey: string, message: string}) => unknown} */
		this.onSend = options.onSend ?? (() => {});
		this.answers = options.answers ?? {};
	}

	async start(port = 0) {
		this.http = createServer((req, res) => this.serve(req, res));
		this.ws = new WebSocketServer({server: this.http, maxPayload: 524288});
		this.ws.on('connection', (socket, req) => this.accept(socket, req));
		await new Promise((done) => this.http.listen(port, '127.0.0.1', done));
		this.origin = `http://127.0.0.1:${this.http.address().port}`;
		return this;
	}

	async stop() {
		for (const client of this.ws.clients)
			client.terminate();
		this.ws.close();
		this.http.closeAllConnections();
		await new Promise((done) => this.http.close(done));
	}

	serve(req, res) {
		const path = new URL(req.url, 'http://x').pathname;
		this.requests.push({method: req.method, url: req.url});
		if (path === '/claim')
			return this.claim(req, res);
		const file = normalize(extname(path) ? path : '/index.html');
		try {
			const body = readFileSync(join(UI, file));
			res.writeHead(200, {...HEADERS, 'Content-Type': TYPES[extname(file)] ?? 'application/octet-stream'}).end(body);
		} catch {
			res.writeHead(404, HEADERS).end('Not Found\n');
		}
	}

	claim(req, res) {
		let body = '';
		req.on('data', (d) => { body += d; });
		req.on('end', () => {
			const code = JSON.parse(body).code;
			if (!this.codes.delete(code)) {
				res.writeHead(401, {'Content-Type': 'application/json'}).end('{"error":{"message":"Unauthorized"}}');
				return;
			}
			const cookie = `c${Math.random().toString(36).slice(2)}`;
			this.cookies.add(cookie);
			res.writeHead(200, {'Content-Type': 'application/json', 'Set-Cookie': `moltbot=${cookie}; HttpOnly; SameSite=Strict; Path=/`})
				.end('{"ok":true}');
		});
	}

	accept(socket, req) {
		const cookie = /moltbot=(\w+)/.exec(req.headers.cookie ?? '')?.[1];
		const client = {socket, cookie, signedIn: false};
		socket.send(JSON.stringify({type: 'event', event: 'connect.challenge', payload: {nonce: 'n', ts: Date.now()}}));
		socket.on('message', (data) => this.receive(client, JSON.parse(String(data))));
		socket.on('close', () => this.clients.delete(client));
	}

	reply(client, id, payload) {
		client.socket.send(JSON.stringify({type: 'res', id, ok: true, payload}));
	}

	refuse(client, id, message, code = 'INVALID_REQUEST') {
		client.socket.send(JSON.stringify({type: 'res', id, ok: false, error: {code, message}}));
	}

	receive(client, frame) {
		this.sent.push(frame);
		if (frame.method === 'connect')
			return this.connect(client, frame);
		const answer = this.answers[frame.method];
		if (answer !== undefined) {
			const said = typeof answer === 'function' ? answer(frame.params, frame) : answer;
			if (said !== undefined)
				return said instanceof Error ? this.refuse(client, frame.id, said.message) : this.reply(client, frame.id, said);
			return undefined;
		}
		switch (frame.method) {
		case 'sessions.list':
			return this.reply(client, frame.id, {ts: Date.now(), count: this.rows.length, sessions: this.rows});
		case 'chat.history':
			return this.reply(client, frame.id,
				{sessionKey: frame.params.sessionKey, messages: this.histories.get(frame.params.sessionKey) ?? []});
		case 'chat.send': {
			const {sessionKey, message, idempotencyKey: runId} = frame.params;
			this.reply(client, frame.id, {runId, status: 'started'});
			return this.onSend({runId, sessionKey, message});
		}
		case 'chat.abort':
			return this.reply(client, frame.id, {ok: true, aborted: true, runIds: []});
		case 'moltbot.panic':
			return this.reply(client, frame.id, {ok: true});
		default:
			return this.refuse(client, frame.id, `unknown method: ${frame.method}`);
		}
	}

	connect(client, frame) {
		const good = frame.params.auth ? frame.params.auth.token === this.token : this.cookies.has(client.cookie);
		if (!good) {
			this.refuse(client, frame.id, 'unauthorized: gateway token missing');
			client.socket.close(1008, 'unauthorized');
			return;
		}
		this.clients.add(client);
		this.reply(client, frame.id, {
			type: 'hello-ok', protocol: 3, server: {version: '0.1.0', host: 'shell', connId: 'c'},
			features: {methods: [], events: []},
			snapshot: {presence: [], health: {ok: true, sandbox: this.sandbox}, stateVersion: {presence: 1, health: 1}, uptimeMs: 1,
				sessionDefaults: {defaultAgentId: 'main', mainKey: 'main', mainSessionKey: 'agent:main:main', scope: 'per-sender'}},
			policy: {maxPayload: 524288, maxBufferedBytes: 1572864, tickIntervalMs: 30000},
		});
	}

	emit(event, payload, skip = 0) {
		this.seq += 1 + skip;
		for (const {socket} of this.clients)
			socket.send(JSON.stringify({type: 'event', event, payload, seq: this.seq}));
	}

	agent({runId, sessionKey}, stream, data) {
		this.emit('agent', {runId, sessionKey, stream, data, seq: 1, ts: Date.now()});
	}

	chat({runId, sessionKey}, state, text, more = {}) {
		this.emit('chat', {runId, sessionKey, seq: 1, state,
			...(text === undefined ? {} : {message: {role: 'assistant', content: [{type: 'text', text}], timestamp: Date.now()}}), ...more});
	}

	/** Drops every socket, as a gateway that died. */
	drop() {
		for (const {socket} of this.clients)
			socket.terminate();
	}
}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** A run that streams, calls a tool and ends. */
export async function playRun(gateway, run, ms = 60) {
	const before = 'Let me look that up in your workspace.\n\n';
	const after = `You asked: **${run.message.slice(0, 40)}**\n\nThere are *three* files:\n\n1. \`notes.md\`\n2. \`plan.txt\`\n3. \`data.csv\`\n`;
	gateway.agent(run, 'lifecycle', {phase: 'start', startedAt: Date.now()});
	gateway.chat(run, 'delta', before);
	await pause(2 * ms);
	gateway.agent(run, 'tool', {phase: 'start', name: 'file_list', toolCallId: 't1', args: {path: '.'}});
	await pause(10 * ms);
	gateway.agent(run, 'tool', {phase: 'result', name: 'file_list', toolCallId: 't1', isError: false,
		result: {content: [{type: 'text', text: 'file  1204  notes.md\nfile   310  plan.txt\nfile  9921  data.csv'}]}});
	for (let n = 12; n < after.length; n += 12) {
		gateway.chat(run, 'delta', before + after.slice(0, n));
		await pause(ms);
	}
	gateway.chat(run, 'final', before + after);
	gateway.agent(run, 'lifecycle', {phase: 'end', endedAt: Date.now()});
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
	const gateway = new FakeGateway({onSend: (run) => playRun(gateway, run)});
	await gateway.start(Number(process.argv[2]) || 0);
	console.log(`${gateway.origin}/#claim=code-1`);
}
