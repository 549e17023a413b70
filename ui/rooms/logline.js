// One line of logs.tail.
import {timestamp} from '../kit/format.js';

/** @typedef {'debug' | 'info' | 'warn' | 'error' | ''} Level */
/** @typedef {{at?: number, level: Level, process: string, text: string}} LogLine */

const LEVELS = ['debug', 'info', 'warn', 'error'];

/**
 * An object with "1" message, time and _meta; a line that is none is shown as it is.
 * @param {any} raw
 * @returns {LogLine}
 */
export function readLine(raw) {
	try {
		const line = JSON.parse(String(raw));
		const level = String(line?._meta?.logLevelName ?? '').toLowerCase();
		if (typeof line?.['1'] === 'string')
			return {at: timestamp(Date.parse(line.time)), level: /** @type {Level} */ (LEVELS.includes(level) ? level : ''),
				process: String(line?._meta?.name ?? ''), text: line['1']};
	} catch {
		// not one of ours
	}
	return {level: '', process: '', text: String(raw)};
}

/** @param {Level} level 0 for what has none */
export function rank(level) {
	return LEVELS.indexOf(level) + 1;
}
