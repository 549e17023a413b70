// One tool call: a line while it runs, and what went in and came out behind it.
import {codeBlock} from './markdown.js';
import {add, announce, el, icon, oneLine} from './dom.js';

/** How much of a result is shown before it is asked for. */
const SHOWN_MAX = 20000;

/** @type {[RegExp, import('./dom.js').IconName][]} */
const ICONS = [
	[/^calc|math/, 'calculator'],
	[/file|read|write|list|search_files|^ls$/, 'file'],
	[/shell|exec|bash|process/, 'shell'],
	[/memory|remember|recall/, 'memory'],
	[/web|fetch|browser|network/, 'web'],
];

/**
 * Text out of what tools answer: a string, {content: [{type: "text", text}]}, such a list, or anything else as JSON.
 * @param {any} result
 * @returns {string}
 */
export function textOf(result) {
	if (result === null || result === undefined)
		return '';
	if (typeof result === 'string')
		return result;
	const content = Array.isArray(result) ? result : result.content;
	if (typeof content === 'string')
		return content;
	if (Array.isArray(content))
		return content.map((c) => typeof c === 'string' ? c : typeof c?.text === 'string' ? c.text : '').join('\n');
	return JSON.stringify(result, null, 2);
}

/**
 * The argument that says most, on one line.
 * @param {any} args
 */
function gist(args) {
	if (typeof args === 'string')
		return oneLine(args, 120);
	if (!args || typeof args !== 'object')
		return '';
	const values = Object.values(args);
	const first = values.find((v) => typeof v === 'string' && v.trim() !== '');
	return oneLine(String(first ?? (values.length > 0 ? JSON.stringify(args) : '')), 120);
}

/** @param {any} args */
function argsText(args) {
	if (typeof args === 'string')
		return args;
	const values = Object.entries(args ?? {});
	if (values.length === 1 && typeof values[0][1] === 'string')
		return `${values[0][0]}: ${values[0][1]}`;
	return JSON.stringify(args ?? {}, null, 2);
}

export class ToolCard {
	/**
	 * @param {string} name
	 * @param {any} args
	 */
	constructor(name, args) {
		this.name = oneLine(name || 'tool', 60);
		this.done = false;
		this.startedAt = performance.now();
		const kind = ICONS.find(([pattern]) => pattern.test(name))?.[1] ?? 'tool';
		this.stateIcon = el('span', {class: 'toolstate'}, el('span', {class: 'spinner'}));
		this.stateText = el('span', {class: 'tooltext', text: 'running'});
		this.gist = el('bdi', {class: 'gist', text: gist(args)});
		this.out = el('div', {class: 'toolout'});
		this.el = el('details', {class: 'tool running'},
			el('summary', null, icon(kind), el('bdi', {class: 'toolname', text: this.name}), this.gist,
				this.stateText, this.stateIcon, icon('chevron')),
			el('div', {class: 'toolbody'}, el('h5', {text: 'Arguments'}), codeBlock(argsText(args), 'arguments'), this.out));
	}

	/** @param {any} partial what it has printed so far */
	update(partial) {
		if (!this.done)
			this.show('Output so far', textOf(partial));
	}

	/**
	 * @param {string} title
	 * @param {string} text
	 */
	show(title, text) {
		const cut = text.length > SHOWN_MAX;
		this.out.replaceChildren(el('h5', {text: title}),
			text === '' ? el('p', {class: 'hint', text: 'Nothing was printed.'}) :
				codeBlock(cut ? text.slice(0, SHOWN_MAX) : text, 'output'));
		if (cut)
			add(this.out, el('button', {type: 'button', class: 'button quiet', text: `Show all ${text.length} characters`,
				on: {click: () => this.out.replaceChildren(el('h5', {text: title}), codeBlock(text, 'output'))}}));
	}

	/**
	 * @param {string} state a class and a word
	 * @param {string} words
	 * @param {import('./dom.js').IconName} mark
	 */
	end(state, words, mark) {
		this.done = true;
		this.el.className = `tool ${state}`;
		this.stateText.textContent = words;
		this.stateIcon.replaceChildren(icon(mark));
	}

	/**
	 * @param {any} result
	 * @param {boolean} isError
	 * @param {boolean} isLive it ran just now
	 */
	finish(result, isError, isLive) {
		const text = textOf(result);
		const seconds = (performance.now() - this.startedAt) / 1000;
		const took = isLive && seconds >= 1 ? `, ${seconds.toFixed(1)} s` : '';
		this.show(isError ? 'Error' : 'Result', text);
		this.end(isError ? 'failed' : 'ok', `${isError ? 'failed' : 'done'}${took}`, isError ? 'cross' : 'check');
		if (isLive)
			announce(`${this.name} ${isError ? `failed: ${oneLine(text, 120)}` : 'is done'}`);
	}

	/** Its run ended before it did. */
	abandon() {
		if (!this.done)
			this.end('stopped', 'stopped', 'stop');
	}
}
