// A session as a file of lines of JSON: a header, then a message a line.
import {el} from '../dom.js';

const MESSAGES_MAX = 1000;

/**
 * @param {string} key
 * @param {any} history answer of chat.history
 */
export function sessionLines(key, history) {
	const messages = Array.isArray(history?.messages) ? history.messages : [];
	const stamp = (/** @type {any} */ ms) => new Date(Number.isFinite(ms) && ms < 8.64e15 ? ms : 0).toISOString();
	const head = {type: 'session', version: 3, id: String(history?.sessionId ?? ''), sessionKey: key, timestamp: stamp(messages[0]?.timestamp)};
	const id = (/** @type {number} */ i) => i.toString(16).padStart(8, '0');
	return [head, ...messages.map((/** @type {any} */ message, /** @type {number} */ i) =>
		({type: 'message', id: id(i), parentId: i > 0 ? id(i - 1) : null, timestamp: stamp(message?.timestamp), message}))];
}

/** @param {string} key a name that every file system takes */
function fileName(key) {
	return `${key.replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^[-.]+/, '').slice(0, 80) || 'session'}.jsonl`;
}

/**
 * Has the browser save it.
 * @param {(method: string, params: object) => Promise<any>} request
 * @param {string} key
 * @returns {Promise<number>} how many messages
 */
export async function exportSession(request, key) {
	const lines = sessionLines(key, await request('chat.history', {sessionKey: key, limit: MESSAGES_MAX}));
	const url = URL.createObjectURL(new Blob([lines.map((l) => `${JSON.stringify(l)}\n`).join('')], {type: 'application/x-ndjson'}));
	const link = el('a', {href: url, download: fileName(key), hidden: true});
	document.body.appendChild(link);
	link.click();
	link.remove();
	setTimeout(() => URL.revokeObjectURL(url), 10000);
	return lines.length - 1;
}
