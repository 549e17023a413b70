// A client of protocol 3 over the npm package ws: requests, answers, events.
import { randomUUID } from 'node:crypto';
import WebSocket from 'ws';

export class Client {
	constructor(url, options = {}) {
		this.ws = new WebSocket(url, options);
		this.waiting = new Map();
		this.events = [];
		this.listeners = new Set();
		this.closed = new Promise((done) => this.ws.once('close', (code, reason) => {
			for (const { reject } of this.waiting.values()) reject(new Error(`closed ${code} ${reason}`));
			this.waiting.clear();
			done({ code, reason: reason.toString() });
		}));
		this.ws.on('error', () => {});
		this.ws.on('message', (data) => this.#take(JSON.parse(data.toString())));
	}

	#take(frame) {
		if (frame.type === 'event') {
			this.events.push(frame);
			for (const listener of this.listeners) listener(frame);
			return;
		}
		const entry = this.waiting.get(frame.id);
		if (!entry) return;
		entry.answers.push(frame);
		if (entry.answers.length < entry.count && frame.ok) return;
		this.waiting.delete(frame.id);
		entry.resolve(entry.count === 1 ? frame : entry.answers);
	}

	/** Waits for an event that fits; those that came before count too. */
	event(fits, ms = 30000) {
		const had = this.events.find(fits);
		if (had) return Promise.resolve(had);
		return new Promise((resolve, reject) => {
			const timer = setTimeout(() => { this.listeners.delete(listener); reject(new Error('no such event in time')); }, ms);
			const listener = (frame) => {
				if (!fits(frame)) return;
				clearTimeout(timer);
				this.listeners.delete(listener);
				resolve(frame);
			};
			this.listeners.add(listener);
			this.closed.then(() => { clearTimeout(timer); reject(new Error('closed')); });
		});
	}

	/** One request; count answers (agent answers twice). */
	request(method, params, count = 1) {
		const id = randomUUID();
		return new Promise((resolve, reject) => {
			this.waiting.set(id, { resolve, reject, count, answers: [] });
			this.ws.send(JSON.stringify({ type: 'req', id, method, ...(params === undefined ? {} : { params }) }));
		});
	}

	async call(method, params) {
		const frame = await this.request(method, params);
		if (!frame.ok) throw Object.assign(new Error(`${frame.error.code}: ${frame.error.message}`), frame.error);
		return frame.payload;
	}

	/** Waits for the challenge and connects. Gives the answer frame. */
	async connect(params = {}) {
		const challenge = await this.event((e) => e.event === 'connect.challenge', 10000);
		this.nonce = challenge.payload.nonce;
		const { token, ...rest } = typeof params === 'function' ? params(this.nonce) : params;
		return await this.request('connect', {
			minProtocol: 3, maxProtocol: 3, client: { id: 'cli', version: 'test', platform: 'linux', mode: 'cli' }, caps: [],
			role: 'operator', scopes: ['operator.admin'], ...(token ? { auth: { token } } : {}), ...rest });
	}

	close() {
		this.ws.close();
		return this.closed;
	}
}

/** Connects with a token and asserts that it worked. */
export async function signIn(gateway, extra = {}) {
	const client = new Client(gateway.url());
	const answer = await client.connect({ token: gateway.token, ...extra });
	if (!answer.ok) throw new Error(JSON.stringify(answer.error));
	client.hello = answer.payload;
	return client;
}

/** Sends one chat message and waits for its end: {state, text, runId, events}. */
export async function chat(client, message, { sessionKey = 'main', ms = 60000, idempotencyKey = randomUUID() } = {}) {
	const ack = await client.call('chat.send', { sessionKey, message, idempotencyKey });
	const end = await client.event((e) => e.event === 'chat' && e.payload.runId === idempotencyKey && e.payload.state !== 'delta', ms);
	const text = (end.payload.message?.content ?? []).map((part) => part.text ?? '').join('');
	return { ack, state: end.payload.state, text, error: end.payload.errorMessage, runId: idempotencyKey };
}
