// A session as a file of lines of JSON: a header, then a message a line.
import {el} from '../dom.js';

const PAGE = 1000;

/** @param {any} ms */
function stamp(ms) {
	return new Date(Number.isFinite(ms) && ms < 8.64e15 ? ms : 0).toISOString();
}

/**
 * All messages, oldest first, asked for from the end in pages.
 * @param {(method: string, params: object) => Promise<any>} request
 * @param {string} key
 * @param {(n: number) => void} progress how many there are so far
 * @returns {Promise<{id: string, messages: any[]}>}
 */
export async function wholeHistory(request, key, progress) {
	/** @type {any[][]} */
	const pages = [];
	let before = '';
	let id;
	for (let n = 0; ;) {
		const answer = await request('chat.history', {sessionKey: key, limit: PAGE, before});
		id ??= String(answer?.sessionId ?? '');
		if (id !== String(answer?.sessionId ?? ''))
			throw new Error('the session began anew meanwhile');
		const page = Array.isArray(answer?.messages) ? answer.messages : [];
		pages.push(page);
		n += page.length;
		progress(n);
		if (typeof answer?.before !== 'string' || answer.before === before)
			return {id, messages: pages.reverse().flat()};
		before = answer.before;
	}
}

/**
 * @param {string} key
 * @param {{id: string, messages: any[]}} history
 */
export function sessionLines(key, {id, messages}) {
	const head = {type: 'session', version: 3, id, sessionKey: key, timestamp: stamp(messages[0]?.timestamp)};
	const number = (/** @type {number} */ i) => i.toString(16).padStart(8, '0');
	return [head, ...messages.map((message, i) =>
		({type: 'message', id: number(i), parentId: i > 0 ? number(i - 1) : null, timestamp: stamp(message?.timestamp), message}))];
}

/** @param {string} key a name that every file system takes */
function fileName(key) {
	return `${key.replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^[-.]+/, '').slice(0, 80) || 'session'}.jsonl`;
}

/**
 * Has the browser save it.
 * @param {(method: string, params: object) => Promise<any>} request
 * @param {string} key
 * @param {(n: number) => void} progress
 * @returns {Promise<number>} how many messages
 */
export async function exportSession(request, key, progress) {
	const lines = sessionLines(key, await wholeHistory(request, key, progress));
	const url = URL.createObjectURL(new Blob(lines.map((l) => `${JSON.stringify(l)}\n`), {type: 'application/x-ndjson'}));
	const link = el('a', {href: url, download: fileName(key), hidden: true});
	document.body.appendChild(link);
	link.click();
	link.remove();
	setTimeout(() => URL.revokeObjectURL(url), 10000);
	return lines.length - 1;
}
