// The difference of two texts, line by line, and how it is shown.
import {el, visible} from '../dom.js';
import {count} from './format.js';

/** @typedef {{sign: ' ' | '+' | '-', text: string, before: number, after: number}} Line */

/** Above this many cells the middle is shown as removed and added whole. */
const CELLS_MAX = 4000000;
const CONTEXT = 3;

/**
 * Longest common lines of a[0..n) and b[0..m).
 * @param {string[]} a
 * @param {string[]} b
 * @returns {('=' | '+' | '-')[]}
 */
function middle(a, b) {
	const n = a.length;
	const m = b.length;
	if (n * m > CELLS_MAX)
		return [...a.map(() => /** @type {const} */ ('-')), ...b.map(() => /** @type {const} */ ('+'))];
	const rows = new Uint32Array((n + 1) * (m + 1));
	for (let i = n - 1; i >= 0; i--)
		for (let j = m - 1; j >= 0; j--)
			rows[i * (m + 1) + j] = a[i] === b[j] ? rows[(i + 1) * (m + 1) + j + 1] + 1 :
				Math.max(rows[(i + 1) * (m + 1) + j], rows[i * (m + 1) + j + 1]);
	/** @type {('=' | '+' | '-')[]} */
	const out = [];
	let i = 0;
	let j = 0;
	while (i < n || j < m) {
		if (i < n && j < m && a[i] === b[j]) {
			out.push('=');
			i++;
			j++;
		} else if (i < n && (j === m || rows[(i + 1) * (m + 1) + j] >= rows[i * (m + 1) + j + 1])) {
			out.push('-');
			i++;
		} else {
			out.push('+');
			j++;
		}
	}
	return out;
}

/**
 * @param {string} before
 * @param {string} after
 * @returns {Line[]}
 */
export function diffLines(before, after) {
	const a = before.split('\n');
	const b = after.split('\n');
	let head = 0;
	let tail = 0;
	while (head < a.length && head < b.length && a[head] === b[head])
		head++;
	while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail] === b[b.length - 1 - tail])
		tail++;
	const ops = [...Array(head).fill('='), ...middle(a.slice(head, a.length - tail), b.slice(head, b.length - tail)), ...Array(tail).fill('=')];
	let i = 0;
	let j = 0;
	return ops.map((op) => op === '+' ? {sign: '+', text: b[j++], before: i, after: j} : op === '-' ?
		{sign: '-', text: a[i++], before: i, after: j} : {sign: ' ', text: a[i++], before: i, after: ++j});
}

/**
 * Changed lines with a few around them.
 * @param {string} before
 * @param {string} after
 */
export function diffView(before, after) {
	const lines = diffLines(before, after);
	const near = lines.map(() => false);
	lines.forEach((line, i) => {
		if (line.sign !== ' ')
			near.fill(true, Math.max(0, i - CONTEXT), i + CONTEXT + 1);
	});
	const added = lines.filter((l) => l.sign === '+').length;
	const removed = lines.filter((l) => l.sign === '-').length;
	if (added + removed === 0)
		return el('p', {class: 'hint', text: 'There is no difference.'});
	/** @type {HTMLElement[]} */
	const rows = [];
	lines.forEach((line, i) => {
		if (!near[i])
			return;
		if (i > 0 && !near[i - 1])
			rows.push(el('div', {class: 'gap', text: '\u22ef'}));
		const kind = line.sign === '+' ? 'added' : line.sign === '-' ? 'removed' : '';
		rows.push(el('div', {class: `diffline ${kind}`.trim()},
			el('span', {class: 'lineno', 'aria-hidden': 'true', text: String(line.sign === '+' ? line.after : line.before)}),
			el('span', {class: 'sign', 'aria-label': kind || null, text: line.sign}), el('bdi', {dir: 'ltr', text: visible(line.text)})));
	});
	return el('div', {class: 'diff'}, el('p', {class: 'hint', text: `${count(added, 'line')} added, ${removed} removed`}),
		el('div', {class: 'diffbox', tabindex: '0', role: 'region', 'aria-label': 'Difference'}, ...rows));
}
