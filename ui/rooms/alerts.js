// What went wrong or was changed lately, from everything that knows of it, each with what to do about it.
import {oneLine} from '../dom.js';
import {count, timestamp} from '../kit/format.js';
import {address} from '../router.js';
import {readSandbox} from '../sandbox.js';
import {readLine} from './logline.js';

/**
 * @typedef {object} Alert
 * @property {'bad' | 'warn' | 'plain'} tone
 * @property {string} kind one word
 * @property {string} text
 * @property {string} [todo]
 * @property {string} [link] an address with more
 * @property {string} [linkText]
 * @property {string} [from] which process says it
 * @property {number} [at] none: it holds now
 * @property {number} [times]
 *
 * @typedef {{status: any, processes: any[], health: any, lines: any, devices: any, history: any}} Known
 */

const ALERTS_MAX = 12;
const CHANGES_MAX = 3;
const CHANGES_MS = 7 * 86400000;

/** What to do about a line of the log. @type {{pattern: RegExp, kind?: string, todo: string, link?: string, linkText?: string}[]} */
const ADVICE = [
	{pattern: /^sign-in refused/, kind: 'Sign-in', todo: 'Was it you? If not: see who reaches the port, and change the token.', link: address('devices'), linkText: 'Devices'},
	{pattern: /kill switch (is )?on/, kind: 'Stopped', todo: 'To go on, at the machine: moltbot gateway resume'},
	{pattern: /^self-proof/, kind: 'Self-proof', todo: 'Which attempt it was: moltbot doctor --prove'},
	{pattern: /configuration has mistakes|with the changed configuration/, kind: 'Configuration', todo: 'The gateway goes on with what it had. Mend the text.',
		link: address('config', 'text'), linkText: 'Text of the configuration'},
	{pattern: /addresses to listen at have changed/, kind: 'Configuration', todo: 'To use them: moltbot gateway restart'},
	{pattern: /still holds a secret|easy to guess|names a secret/, kind: 'Secrets', todo: 'What else there is to mend: moltbot security audit'},
	{pattern: /broke the protocol/, kind: 'Process', todo: 'It was ended at once, as if somebody had taken it over. Keep the log and the audit log.'},
	{pattern: /assistant's picture/, kind: 'Picture', todo: 'Put a PNG, JPEG, GIF or WebP of at most 256 KiB there, or name another file.',
		link: address('config', 'form', 'ui'), linkText: 'Configuration'},
];

/** @param {Known} known @returns {Alert[]} what holds now */
function standing({status, health, devices}) {
	/** @type {Alert[]} */
	const found = [];
	const sandbox = readSandbox(status);
	const pending = Array.isArray(devices?.pending) ? devices.pending : [];
	if (status?.gateway?.stopped === true)
		found.push({tone: 'bad', kind: 'Stopped', text: 'Everything is stopped: nothing runs, and nothing goes out.', todo: 'To go on, at the machine: moltbot gateway resume'});
	if (sandbox?.proof === 'failed')
		found.push({tone: 'bad', kind: 'Self-proof', text: 'The sandbox did not hold an attempt: tools that run programs are off.', todo: 'Which it was: moltbot doctor --prove'});
	if (health?.config === 'refused')
		found.push({tone: 'bad', kind: 'Configuration', text: 'The file has mistakes; the gateway goes on with what it read before.', todo: 'Mend the text; every mistake is shown at its place.',
			link: address('config', 'text'), linkText: 'Text of the configuration'});
	if (health?.config === 'needs a restart')
		found.push({tone: 'warn', kind: 'Configuration', text: 'Some of the file counts only when the gateway starts again.', todo: 'At the machine: moltbot gateway restart'});
	if (pending.length > 0)
		found.push({tone: 'warn', kind: 'Devices', text: `${count(pending.length, 'device')} asked to be let in.`, at: Math.max(0, ...pending.map((/** @type {any} */ p) => timestamp(p?.ts) ?? 0)) || undefined,
			todo: 'Let in only what you know.', link: address('devices'), linkText: 'Devices'});
	return found;
}

/** @param {any[]} processes @returns {Alert[]} */
function crashes(processes) {
	return processes.filter((p) => Number(p?.crashes) > 0).map((p) => ({tone: 'bad', kind: 'Restart', times: Number(p.crashes), at: timestamp(p.lastCrashAt),
		text: `${oneLine(String(p.name), 40)} ended unexpectedly and was started again.`, todo: 'Once is no harm: what was under way is in the log. If it happens again, keep the log.',
		link: address('logs'), linkText: 'Logs'}));
}

/** @param {any} history answer of moltbot.config.history @returns {Alert[]} */
function changes(history) {
	const entries = Array.isArray(history?.entries) ? history.entries : [];
	return entries.slice(0, -1).slice(0, CHANGES_MAX) /* the oldest changed nothing that is known */.map((/** @type {any} */ e) => ({at: timestamp(e?.ts), by: oneLine(String(e?.by ?? ''), 40)}))
		.filter((/** @type {any} */ e) => e.at !== undefined && Date.now() - e.at < CHANGES_MS)
		.map((/** @type {any} */ e) => ({tone: 'plain', kind: 'Change', at: e.at, text: `The configuration was changed ${e.by === '' || e.by === 'by hand' ? 'by hand, in its file' : `by ${e.by}`}.`,
			todo: 'Not yours? Roll it back.', link: address('config', 'history'), linkText: 'History'}));
}

/**
 * Warnings and errors; the same one again is counted. Ends of processes are known better from the supervisor's count.
 * @param {any} lines
 * @param {boolean} isCounted
 * @returns {Alert[]}
 */
function logged(lines, isCounted) {
	/** @type {Map<string, Alert>} */
	const found = new Map();
	for (const l of (Array.isArray(lines) ? lines.map(readLine) : [])) {
		if (l.level !== 'error' && l.level !== 'warn' || isCounted && /^process (ended|killed)/.test(l.text))
			continue;
		const key = `${l.level} ${l.process} ${l.text.replace(/\d+/g, '#')}`;
		const advice = ADVICE.find((a) => a.pattern.test(l.text));
		const times = (found.get(key)?.times ?? 0) + (/^sign-in refused/.test(l.text) ? Number(/ times=(\d+)/.exec(l.text)?.[1] ?? 1) : 1);
		found.delete(key);
		found.set(key, {tone: l.level === 'error' ? 'bad' : 'warn', kind: advice?.kind ?? (l.level === 'error' ? 'Error' : 'Warning'), text: l.text, from: l.process, at: l.at,
			times, todo: advice?.todo, link: advice?.link, linkText: advice?.linkText});
	}
	return [...found.values()];
}

/**
 * What holds now first, then the newest.
 * @param {Known} known
 * @returns {Alert[]}
 */
export function readAlerts(known) {
	const ended = crashes(known.processes);
	const past = [...ended, ...changes(known.history), ...logged(known.lines, ended.length > 0)].sort((a, b) => (b.at ?? 0) - (a.at ?? 0));
	return [...standing(known), ...past].slice(0, ALERTS_MAX);
}
