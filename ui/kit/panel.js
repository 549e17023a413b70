// What every room is made of: panels, empty states, failures, badges, and text that somebody else wrote.
import {el, icon, oneLine} from '../dom.js';
import {RpcError} from '../rpc.js';
import {moment, since, timestamp} from './format.js';

/** @typedef {import('../dom.js').Child} Child */
/** @typedef {'good' | 'warn' | 'bad' | 'plain' | 'accent'} Tone */

/**
 * @param {{title: string, hint?: string, actions?: Child[], class?: string}} spec
 * @param {...Child} children
 */
export function panel(spec, ...children) {
	return el('section', {class: `panel ${spec.class ?? ''}`.trim(), 'aria-label': spec.title},
		el('header', {class: 'panelhead'}, el('h2', {text: spec.title}), el('div', {class: 'panelactions'}, ...(spec.actions ?? []))),
		spec.hint && el('p', {class: 'hint', text: spec.hint}), ...children);
}

/**
 * Colour and a word, never colour alone.
 * @param {Tone} tone
 * @param {string} words
 * @param {string} [title] more about it
 */
export function badge(tone, words, title) {
	return el('span', {class: `badge ${tone}`, title}, el('i', {'aria-hidden': 'true'}), el('bdi', {text: words}));
}

/**
 * A name or value from outside: one line, steering characters seen, its direction its own.
 * @param {any} value
 * @param {number} [max]
 * @param {string} [css]
 */
export function foreign(value, max = 120, css = '') {
	return el('bdi', {class: css, text: oneLine(String(value ?? ''), max)});
}

/** @param {any} value milliseconds since 1970, or no time */
export function when(value) {
	const at = timestamp(value);
	return at ? el('time', {class: 'nowrap', datetime: new Date(at).toISOString(), title: moment(at), text: since(at)}) :
		el('span', {class: 'soft', text: '\u2013'});
}

/**
 * @param {{icon: import('../dom.js').IconName, title: string, text: string, action?: Child}} spec
 */
export function nothing(spec) {
	return el('div', {class: 'nothing'}, el('span', {class: 'nothingmark'}, icon(spec.icon)), el('h3', {text: spec.title}),
		el('p', {text: spec.text}), spec.action);
}

export function skeleton() {
	return el('div', {class: 'skeleton', role: 'status', 'aria-label': 'Loading'}, el('i'), el('i'), el('i'));
}

/** @param {unknown} error */
export function reason(error) {
	return error instanceof Error ? oneLine(error.message, 300) : oneLine(String(error), 300);
}

/** @type {[RegExp, string][]} */
const ADVICE = [
	[/missing scope: operator\.admin/, 'This room is for administrators. This connection does not have the scope operator.admin: sign in ' +
		'with a link of \u201cmoltbot dashboard\u201d, or have the device\u2019s scopes raised by \u201cmoltbot devices\u201d.'],
	[/missing scope: operator\.pairing/, 'Devices are shown to those who may decide about them. This connection does not have the scope operator.pairing.'],
	[/missing scope: ([\w.]+)/, 'This connection may not do that: it does not have the scope that it needs.'],
	[/connection|not connected|no answer/i, 'The gateway does not answer. It is tried again when the connection is back.'],
	[/base hash|changed since last load/, 'Somebody changed the configuration meanwhile. Load it again, and look at the difference before you save.'],
];

/** What was wrong, and what to do. @param {unknown} error */
export function advice(error) {
	const text = reason(error);
	return ADVICE.find(([pattern]) => pattern.test(text))?.[1] ?? text;
}

/** @param {unknown} error */
export function isForbidden(error) {
	return error instanceof RpcError && /missing scope/.test(error.message);
}

/**
 * @param {unknown} error
 * @param {() => void} retry
 */
export function failure(error, retry) {
	if (isForbidden(error))
		return nothing({icon: 'lock', title: 'Not for this connection', text: advice(error)});
	return el('div', {class: 'alert', role: 'alert'}, icon('warn'), el('div', null, el('p', {text: advice(error)}),
		el('button', {type: 'button', class: 'button', text: 'Try again', on: {click: retry}})));
}

/**
 * @param {string} text
 * @param {() => void} click
 * @param {{class?: string, icon?: import('../dom.js').IconName, label?: string}} [more]
 */
export function button(text, click, more = {}) {
	return el('button', {type: 'button', class: `button ${more.class ?? ''}`.trim(), 'aria-label': more.label, on: {click}},
		more.icon && icon(more.icon), text);
}

/**
 * Names and values, one below the other.
 * @param {[string, Child | string][]} rows
 */
export function facts(rows) {
	return el('dl', {class: 'facts'}, ...rows.flatMap(([name, value]) =>
		[el('dt', {text: name}), el('dd', null, value)]));
}
