// What a client asked and what it was answered, as data that can be asked again: requests with their parameters, answers by
// their shape. A text that came out of an earlier answer is kept as a reference to it, so that a replay finds its own.

const DEEPEST = 4;

/** The kinds of a value and of what is in it; elements of a list are one shape. */
export function shapeOf(value, depth = DEEPEST) {
	if (value === null) return 'null';
	if (Array.isArray(value)) return value.length ? [value.map((v) => shapeOf(v, depth - 1)).reduce(common)] : [];
	if (typeof value !== 'object') return typeof value;
	return depth > 0 ? Object.fromEntries(Object.entries(value).map(([k, v]) => [k, shapeOf(v, depth - 1)])) : 'any';
}

const isObject = (s) => typeof s === 'object' && !Array.isArray(s);

/** What two shapes have in common. */
function common(a, b) {
	if (Array.isArray(a) && Array.isArray(b)) return a.length && b.length ? [common(a[0], b[0])] : [];
	if (isObject(a) && isObject(b)) return Object.fromEntries(Object.keys(a).filter((k) => k in b).map((k) => [k, common(a[k], b[k])]));
	return JSON.stringify(a) === JSON.stringify(b) ? a : 'any';
}

/** Where value lacks what shape has: paths. A list may be empty whatever its elements were. */
export function lacking(shape, value, path = '') {
	if (shape === 'any' || shape === 'null') return []; /* what was null may be more */
	if (Array.isArray(shape)) {
		if (!Array.isArray(value)) return [`${path} is no list`];
		return shape.length ? value.flatMap((v, i) => lacking(shape[0], v, `${path}[${i}]`)) : [];
	}
	if (isObject(shape)) {
		if (value === null || typeof value !== 'object' || Array.isArray(value)) return [`${path} is no object`];
		return Object.entries(shape).flatMap(([k, s]) => k in value ? lacking(s, value[k], `${path}.${k}`) : [`${path}.${k} is missing`]);
	}
	const kind = value === null ? 'null' : typeof value;
	return kind === shape ? [] : [`${path} is ${kind}, was ${shape}`];
}

/** The path of a text in value, or undefined. */
function find(value, text, path = []) {
	if (value === text) return path;
	if (value === null || typeof value !== 'object') return undefined;
	for (const [k, v] of Object.entries(value)) {
		const at = find(v, text, [...path, k]);
		if (at) return at;
	}
	return undefined;
}

const map = (value, leaf, own = (reference) => reference) => {
	if (Array.isArray(value)) return value.map((v) => map(v, leaf, own));
	if (value !== null && typeof value === 'object' && '$from' in value) return own(value);
	if (value !== null && typeof value === 'object')
		return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, map(v, leaf, own)]));
	return leaf(value);
};

/** One connection's frames, as they pass; calls is what they come to. */
export class Recording {
	constructor() {
		this.calls = [];
		this.answers = [];
		this.open = new Map();
	}

	sent(frame) {
		if (frame.type !== 'req') return;
		if (frame.method === 'connect') {
			const { client, role, scopes, caps, minProtocol, maxProtocol } = frame.params;
			this.connect = { minProtocol, maxProtocol, role, scopes, caps, device: Boolean(frame.params.device),
				auth: Object.keys(frame.params.auth ?? {}), client: { ...client, version: 'recorded', ...(client.instanceId ? { instanceId: 'recorded' } : {}) } };
			this.connectId = frame.id;
			return;
		}
		const { raw, ...rest } = frame.params ?? {};
		const had = raw === undefined ? -1 : this.answers.findLastIndex((a) => typeof a?.raw === 'string');
		/* a changed text of the configuration stands for the one that was read */
		const params = had >= 0 ? { ...rest, raw: { $from: [had, 'raw'] } } : frame.params;
		const fromBefore = (v) => {
			if (typeof v !== 'string' || v.length < 16) return v;
			const at = this.answers.map((a) => a && find(a, v)).findIndex(Boolean);
			return at < 0 ? v : { $from: [at, ...find(this.answers[at], v)] };
		};
		this.open.set(frame.id, this.calls.length);
		this.calls.push({ method: frame.method, ...(params === undefined ? {} : { params: map(params, fromBefore) }) });
	}

	received(frame) {
		if (frame.type !== 'res') return;
		if (frame.id === this.connectId) {
			this.connect.ok = frame.ok;
			if (!frame.ok) this.connect.error = frame.error.message;
			return;
		}
		const at = this.open.get(frame.id);
		if (at === undefined) return;
		const call = this.calls[at];
		this.answers[at] = frame.payload;
		call.answers = (call.answers ?? 0) + 1; /* agent answers twice */
		call.ok = frame.ok;
		if (frame.ok) call.shape = shapeOf(frame.payload);
		/* what stands in the configuration is no shape of the answer */
		if (frame.ok && call.method.startsWith('config.'))
			for (const member of ['config', 'parsed']) if (member in call.shape) call.shape[member] = 'any';
		else call.error = { code: frame.error.code, message: frame.error.message };
	}

	/** What of it can be asked again: calls that were answered. */
	toJSON() {
		return { connect: this.connect, calls: this.calls.filter((c) => c.answers) };
	}
}

/** The parameters of a recorded call, with the texts of this time's answers. */
export function paramsOf(call, answers) {
	return map(call.params, (v) => v, ({ $from: [at, ...path] }) => path.reduce((value, k) => value?.[k], answers[at]));
}
