// The options as config.schema lists them, as fields of a form; and a set of changes as one patch.

/**
 * @typedef {'switch' | 'choice' | 'number' | 'text' | 'lines' | 'mixed' | 'objects' | 'other'} Kind
 *
 * @typedef {object} Field
 * @property {string[]} path
 * @property {string} name the path as it is written
 * @property {string} label
 * @property {string} help
 * @property {Kind} kind
 * @property {any} schema
 * @property {boolean} secret
 * @property {boolean} restarts it counts only when the gateway starts again
 * @property {Field[]} [columns] of objects: what each has, by its path within one
 *
 * @typedef {{path: string[], name: string, secret: boolean, before: any, after: any}} Change after undefined: it is taken out
 */

/** What stands for a secret that is there. */
export const MARK = '__MOLTBOT_REDACTED__';

/** Words of paths that people write in another way. */
const WORDS = new Map([['api', 'API'], ['cpu', 'CPU'], ['env', 'environment'], ['http', 'HTTP'], ['id', 'ID'], ['tls', 'TLS'], ['ui', 'UI'], ['url', 'URL']]);

/** @param {string} word "rateLimit" */
export function humane(word) {
	const text = word.replace(/([a-z0-9])([A-Z])/g, '$1 $2').toLowerCase().split(' ').map((w) => WORDS.get(w) ?? w).join(' ');
	return text.charAt(0).toUpperCase() + text.slice(1);
}

/** @param {any} node */
function isObject(node) {
	return node !== null && typeof node === 'object' && !Array.isArray(node);
}

/**
 * @param {any} root
 * @param {string[]} path
 */
export function valueAt(root, path) {
	let node = root;
	for (const step of path) {
		if (!isObject(node) || !Object.hasOwn(node, step))
			return undefined;
		node = node[step];
	}
	return node;
}

/**
 * @param {any} schema
 * @param {string[]} steps
 */
function schemaAt(schema, steps) {
	let node = schema;
	for (const step of steps)
		node = step === '*' ? node?.additionalProperties : step === '[]' ? node?.items : isObject(node?.properties) && Object.hasOwn(node.properties, step) ? node.properties[step] : undefined;
	return node;
}

/** @param {any} s @returns {Kind} */
function kindOf(s) {
	if (Array.isArray(s?.enum))
		return 'choice';
	if (Array.isArray(s?.type))
		return 'mixed';
	switch (s?.type) {
	case 'boolean':
		return 'switch';
	case 'integer':
		return 'number';
	case 'string':
		return 'text';
	case 'array':
		return s.items?.type === 'string' ? 'lines' : 'other';
	default:
		return 'other';
	}
}

/**
 * Every * becomes the names that stand there now, or were added.
 * @param {string[]} steps
 * @param {any} parsed
 * @param {Set<string>} added prefix and name, as JSON
 * @returns {string[][]}
 */
function expand(steps, parsed, added) {
	const star = steps.indexOf('*');
	if (star < 0)
		return [steps];
	const prefix = steps.slice(0, star);
	const there = valueAt(parsed, prefix);
	const names = new Set(isObject(there) ? Object.keys(there) : []);
	for (const one of added) {
		const path = JSON.parse(one);
		if (JSON.stringify(path.slice(0, -1)) === JSON.stringify(prefix))
			names.add(path.at(-1));
	}
	return [...names].flatMap((name) => expand([...prefix, name, ...steps.slice(star + 1)], parsed, added));
}

/**
 * @param {any} answer of config.schema
 * @returns {[string, string[][]][]} sections with the patterns of their options
 */
export function sections(answer) {
	/** @type {Map<string, string[][]>} */
	const found = new Map();
	const hints = Object.entries(isObject(answer?.uiHints) ? answer.uiHints : {}).sort((a, b) => (a[1]?.order ?? 0) - (b[1]?.order ?? 0));
	for (const [name, hint] of hints) {
		const section = String(hint?.group ?? name.split('.')[0]);
		found.set(section, [...found.get(section) ?? [], name.split('.')]);
	}
	return [...found];
}

/**
 * The names that one may add something under: what stands before a *.
 * @param {string[][]} patterns
 */
export function maps(patterns) {
	const all = patterns.filter((p) => p.includes('*')).map((p) => JSON.stringify(p.slice(0, p.indexOf('*'))));
	return [...new Set(all)].map((p) => /** @type {string[]} */ (JSON.parse(p)));
}

/**
 * @param {any} answer of config.schema
 * @param {string[]} steps of the pattern
 * @param {string[]} path what is shown of it
 * @returns {Field}
 */
function describe(answer, steps, path) {
	const hint = answer.uiHints[steps.join('.')] ?? {};
	const schema = schemaAt(answer.schema, steps) ?? {};
	return {path, name: path.join('.'), label: String(hint.label ?? humane(steps.at(-1) ?? '')), help: String(hint.help ?? schema.description ?? ''),
		kind: kindOf(schema), schema, secret: hint.sensitive === true, restarts: hint.reload === 'gateway'};
}

/**
 * @param {any} answer of config.schema
 * @param {string[][]} patterns
 * @param {any} parsed
 * @param {Set<string>} added
 * @returns {Field[]}
 */
export function fields(answer, patterns, parsed, added) {
	/** @type {Set<string>} */
	const lists = new Set();
	return patterns.flatMap((steps) => {
		const at = steps.indexOf('[]');
		if (at < 0)
			return expand(steps, parsed, added).map((path) => describe(answer, steps, path));
		const prefix = steps.slice(0, at);
		const key = JSON.stringify(prefix);
		if (lists.has(key))
			return [];
		lists.add(key);
		const columns = patterns.filter((p) => p.indexOf('[]') === at && JSON.stringify(p.slice(0, at)) === key).map((p) => describe(answer, p, p.slice(at + 1)));
		return expand(prefix, parsed, added).map((path) => /** @type {Field} */ ({...describe(answer, prefix, path), kind: 'objects', columns,
			restarts: columns.some((c) => c.restarts)}));
	});
}

/**
 * A control's text as a value; undefined: not set.
 * @param {Field} field
 * @param {string} text
 * @returns {{value?: any, problem?: string}}
 */
export function parseText(field, text) {
	const {minimum, maximum} = field.schema;
	if (text.trim() === '')
		return {value: undefined};
	switch (field.kind) {
	case 'switch':
		return {value: text === 'true'};
	case 'number':
		if (!/^-?\d{1,15}$/.test(text.trim()))
			return {problem: 'A whole number is expected.'};
		if (Number(text) < (minimum ?? -Infinity) || Number(text) > (maximum ?? Infinity))
			return {problem: `A number from ${minimum ?? 'any'} to ${maximum ?? 'any'} is expected.`};
		return {value: Number(text)};
	case 'lines':
		return {value: text.split('\n').map((l) => l.trim()).filter((l) => l !== '')};
	case 'mixed':
		return {value: /^\d{1,15}$/.test(text.trim()) ? Number(text) : text.trim()};
	default:
		return {value: text};
	}
}

/** Does the form have a control for this value? @param {Field} field @param {any} value @returns {boolean} */
export function isEditable(field, value) {
	if (field.kind === 'other')
		return false;
	if (field.kind === 'objects') {
		const columns = field.columns ?? [];
		return columns.every((c) => c.kind !== 'other' && !c.path.includes('[]') && !c.path.includes('*') && !c.secret) &&
			(value === undefined || Array.isArray(value) && value.every((entry) => isObject(entry) && columns.every((c) => isEditable(c, valueAt(entry, c.path)))));
	}
	if (value === undefined)
		return true;
	if (field.kind === 'lines')
		return Array.isArray(value) && value.every((v) => typeof v === 'string' && !v.includes('\n'));
	if (field.kind === 'choice')
		return field.schema.enum.includes(value);
	return typeof value === (field.kind === 'switch' ? 'boolean' : field.kind === 'number' ? 'number' : 'string') ||
		field.kind === 'mixed' && typeof value === 'number';
}

/**
 * One document that changes what was changed, and says nothing of the rest.
 * @param {Change[]} changes
 */
export function patchOf(changes) {
	const root = Object.create(null);
	for (const {path, after} of changes) {
		let node = root;
		for (const step of path.slice(0, -1))
			node = node[step] ??= Object.create(null);
		node[path.at(-1) ?? ''] = after === undefined ? null : after;
	}
	return JSON.stringify(root);
}
