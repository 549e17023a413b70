// The socket to the gateway: protocol 3 requests, answers and events; reconnects by itself.

/**
 * @typedef {{code: string, message: string, details?: any, retryable?: boolean, retryAfterMs?: number}} ErrorShape
 * @typedef {{event: string, payload: any, seq?: number}} GatewayEvent
 * @typedef {{agentId: string, mainKey: string, mainSessionKey: string}} SessionDefaults
 * @typedef {{version: string, host: string, methods: string[], health: any, sessions: SessionDefaults}} Hello
 *
 * The states: connecting; open (signed in); waiting (retryAt is when it tries again); refused (a credential is wanted, or
 * the one shown was no good); stopped.
 * @typedef {{name: 'connecting' | 'open' | 'waiting' | 'refused' | 'stopped', retryAt?: number, why?: string}} RpcState
 *
 * @typedef {object} RpcHooks
 * @property {(state: RpcState) => void} onState
 * @property {(hello: Hello) => void} onHello
 * @property {(event: GatewayEvent) => void} onEvent
 * @property {() => void} onGap events were missed
 * @property {() => string} token what to sign in with; empty: the cookie that the browser sends anyway
 */

const BACKOFF_FIRST_MS = 800;
const BACKOFF_FACTOR = 1.7;
const BACKOFF_MAX_MS = 15000;
const HANDSHAKE_MS = 10000;
const REQUEST_MS = 30000;
const CLOSE_CONNECT_FAILED = 4008;
const CLOSE_SILENT = 4000;
const VERSION = '0.1.0';
const SCOPES = ['operator.admin', 'operator.approvals', 'operator.pairing'];

/** A request that was refused, or never answered (code CONNECTION). */
export class RpcError extends Error {
	/** @param {ErrorShape} shape */
	constructor(shape) {
		super(String(shape.message || shape.code || 'refused'));
		this.details = shape.details;
		this.code = String(shape.code ?? '');
		this.retryAfterMs = shape.retryAfterMs;
		this.retryable = shape.retryable === true;
	}
}

/** A random name; crypto.randomUUID exists in secure contexts only. */
export function randomId() {
	const bytes = crypto.getRandomValues(new Uint8Array(16));
	bytes[6] = (bytes[6] & 0x0f) | 0x40;
	bytes[8] = (bytes[8] & 0x3f) | 0x80;
	const hex = [...bytes].map((b) => b.toString(16).padStart(2, '0')).join('');
	return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

/**
 * @param {any} payload of hello-ok
 * @returns {Hello}
 */
function readHello(payload) {
	const defaults = payload?.snapshot?.sessionDefaults ?? {};
	const agentId = String(defaults.defaultAgentId ?? 'main');
	const mainKey = String(defaults.mainKey ?? 'main');
	return {
		version: String(payload?.server?.version ?? ''),
		host: String(payload?.server?.host ?? ''),
		methods: Array.isArray(payload?.features?.methods) ? payload.features.methods.map(String) : [],
		health: payload?.snapshot?.health ?? {},
		sessions: {agentId, mainKey, mainSessionKey: String(defaults.mainSessionKey ?? `agent:${agentId}:${mainKey}`)},
	};
}

export class Rpc {
	/** @param {RpcHooks} hooks */
	constructor(hooks) {
		this.hooks = hooks;
		/** @type {WebSocket | null} */
		this.socket = null;
		/** @type {Map<string, {resolve: (payload: any) => void, reject: (error: RpcError) => void, timer: number}>} */
		this.waiting = new Map();
		/** @type {RpcState} */
		this.state = {name: 'stopped'};
		this.backoff = BACKOFF_FIRST_MS;
		this.timer = 0;
		this.tick = 30000;
		this.heardAt = 0;
		/** @type {number | null} */
		this.seq = null;
		addEventListener('online', () => this.hurry());
		document.addEventListener('visibilitychange', () => { if (!document.hidden) this.hurry(); });
		setInterval(() => this.watch(), 5000);
	}

	/** @param {RpcState} state */
	enter(state) {
		this.state = state;
		this.hooks.onState(state);
	}

	/** Connects, also from stopped or refused. */
	start() {
		clearTimeout(this.timer);
		this.drop(CLOSE_CONNECT_FAILED);
		this.enter({name: 'connecting'});
		this.seq = null;
		const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:';
		const socket = new WebSocket(`${scheme}//${location.host}/`);
		this.socket = socket;
		this.heardAt = Date.now();
		this.timer = setTimeout(() => this.lost(socket, 'The gateway did not answer'), HANDSHAKE_MS);
		socket.onmessage = (message) => { if (this.socket === socket) this.receive(String(message.data)); };
		socket.onclose = (close) => this.lost(socket, close.reason);
	}

	/** While waiting: tries now. */
	hurry() {
		if (this.state.name === 'waiting')
			this.start();
	}

	/** A gateway that says nothing for two ticks is gone. */
	watch() {
		if (this.state.name === 'open' && Date.now() - this.heardAt > 2 * this.tick + 5000 && this.socket)
			this.lost(this.socket, 'The gateway went silent');
	}

	/** @param {number} code */
	drop(code) {
		const socket = this.socket;
		this.socket = null;
		if (socket && socket.readyState <= WebSocket.OPEN)
			socket.close(code);
		for (const [, w] of this.waiting) {
			clearTimeout(w.timer);
			w.reject(new RpcError({code: 'CONNECTION', message: 'the connection to the gateway was lost'}));
		}
		this.waiting.clear();
	}

	/**
	 * @param {WebSocket} socket
	 * @param {string} why
	 */
	lost(socket, why) {
		if (this.socket !== socket)
			return;
		this.drop(this.state.name === 'open' ? CLOSE_SILENT : CLOSE_CONNECT_FAILED);
		this.retry(this.backoff, why);
		this.backoff = Math.min(this.backoff * BACKOFF_FACTOR, BACKOFF_MAX_MS);
	}

	/**
	 * @param {number} ms
	 * @param {string} why
	 */
	retry(ms, why) {
		clearTimeout(this.timer);
		this.timer = setTimeout(() => this.start(), ms);
		this.enter({name: 'waiting', retryAt: Date.now() + ms, why});
	}

	/** @param {string} data */
	receive(data) {
		this.heardAt = Date.now();
		let frame;
		try {
			frame = JSON.parse(data);
		} catch {
			return;
		}
		if (frame?.type === 'res')
			this.answer(frame);
		else if (frame?.type === 'event' && frame.event === 'connect.challenge')
			this.connect();
		else if (frame?.type === 'event' && this.state.name === 'open')
			this.event(frame);
	}

	/** @param {any} frame */
	answer(frame) {
		const w = this.waiting.get(frame.id);
		if (!w)
			return;
		this.waiting.delete(frame.id);
		clearTimeout(w.timer);
		if (frame.ok)
			w.resolve(frame.payload);
		else
			w.reject(new RpcError(frame.error ?? {}));
	}

	/** @param {any} frame */
	event(frame) {
		const seq = Number.isInteger(frame.seq) ? frame.seq : null;
		const missed = seq !== null && this.seq !== null && seq > this.seq + 1;
		if (seq !== null)
			this.seq = seq;
		this.hooks.onEvent({event: String(frame.event), payload: frame.payload ?? {}});
		if (missed)
			this.hooks.onGap();
	}

	async connect() {
		const socket = this.socket;
		const token = this.hooks.token();
		/* Protocol 3 lets a control UI in by its cookie or a device's signature only; with a token the page is a web chat. */
		const id = token ? 'webchat-ui' : 'moltbot-control-ui';
		const params = {
			minProtocol: 3, maxProtocol: 3, role: 'operator', scopes: SCOPES, caps: [],
			client: {id, mode: 'webchat', version: VERSION, platform: navigator.platform || 'web'},
			...(token ? {auth: {token}} : {}),
		};
		try {
			const hello = await this.request('connect', params);
			clearTimeout(this.timer);
			this.backoff = BACKOFF_FIRST_MS;
			this.tick = Number(hello?.policy?.tickIntervalMs) || this.tick;
			this.enter({name: 'open'});
			this.hooks.onHello(readHello(hello));
		} catch (error) {
			if (this.socket === socket && error instanceof RpcError && error.code !== 'CONNECTION')
				this.refused(error);
		}
	}

	/** @param {RpcError} error */
	refused(error) {
		clearTimeout(this.timer);
		this.drop(CLOSE_CONNECT_FAILED);
		if (error.retryable || error.code === 'UNAVAILABLE')
			this.retry(error.retryAfterMs ?? this.backoff, error.message);
		else
			this.enter({name: 'refused', why: error.message});
	}

	/**
	 * @param {string} method
	 * @param {object} [params]
	 * @returns {Promise<any>} the payload; rejects with RpcError
	 */
	request(method, params) {
		const socket = this.socket;
		return new Promise((resolve, reject) => {
			if (!socket || socket.readyState !== WebSocket.OPEN) {
				reject(new RpcError({code: 'CONNECTION', message: 'not connected to the gateway'}));
				return;
			}
			const id = randomId();
			const timer = setTimeout(() => {
				this.waiting.delete(id);
				reject(new RpcError({code: 'CONNECTION', message: `no answer to ${method}`}));
			}, REQUEST_MS);
			this.waiting.set(id, {resolve, reject, timer});
			socket.send(JSON.stringify({type: 'req', id, method, params: params ?? {}}));
		});
	}
}
