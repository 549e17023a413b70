// One turn in the conversation: what somebody typed, or everything the assistant did in answer to it.
import {whoLine} from './assistant.js';
import {copyButton, el, icon} from './dom.js';
import {markdownInto} from './markdown.js';
import {ToolCard} from './tool.js';

/** @param {number} ms */
function clock(ms) {
	const at = new Date(ms);
	const sameDay = at.toDateString() === new Date().toDateString();
	return at.toLocaleString(undefined, sameDay ? {hour: '2-digit', minute: '2-digit'} :
		{month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit'});
}

/** @param {number | undefined} ms */
function timeOf(ms) {
	return ms ? el('time', {datetime: new Date(ms).toISOString(), text: clock(ms)}) : null;
}

export class UserTurn {
	/**
	 * @param {string} text
	 * @param {number | undefined} at
	 */
	constructor(text, at) {
		this.state = el('span', {class: 'sendstate'});
		this.el = el('article', {class: 'turn user', 'aria-label': 'You'},
			el('div', {class: 'bubble', dir: 'auto', text}),
			el('div', {class: 'meta'}, timeOf(at), this.state));
	}

	/** It is on its way. */
	sending() {
		this.el.classList.add('sending');
		this.state.replaceChildren('sending');
	}

	accepted() {
		this.el.classList.remove('sending', 'unsent');
		this.state.replaceChildren();
	}

	/**
	 * @param {string} why
	 * @param {() => void} retry
	 */
	failed(why, retry) {
		this.el.classList.remove('sending');
		this.el.classList.add('unsent');
		this.state.replaceChildren(icon('warn'), el('span', {role: 'alert', text: `Not sent: ${why}`}),
			el('button', {type: 'button', class: 'button quiet', text: 'Try again', on: {click: retry}}));
	}
}

export class AssistantTurn {
	/** @param {import('./assistant.js').Assistant} who answers */
	constructor(who) {
		this.parts = el('div', {class: 'parts'});
		this.foot = el('div', {class: 'meta'});
		this.el = el('article', {class: 'turn assistant', 'aria-label': who.name}, whoLine(who), this.parts, this.foot);
		/** @type {Map<string, ToolCard>} */
		this.tools = new Map();
		/** @type {HTMLElement | null} the text part that grows */
		this.part = null;
		this.dots = el('div', {class: 'dots', role: 'img', 'aria-label': 'Working'}, el('i'), el('i'), el('i'));
		/** All text of the run that stands in parts before the growing one. */
		this.before = '';
		this.text = '';
		this.frame = 0;
	}

	/** Live: dots below what there is. */
	working() {
		this.parts.appendChild(this.dots);
	}

	/** @param {string} text a whole part, of a stored message */
	addText(text) {
		if (text.trim() === '')
			return;
		this.part = this.grow();
		markdownInto(this.part, text);
		this.part = null;
		this.before += text;
		this.text = this.before;
	}

	/** @param {string} text */
	addThinking(text) {
		const inner = el('div', {class: 'md'});
		markdownInto(inner, text);
		this.parts.appendChild(el('details', {class: 'thinking'}, el('summary', null, icon('chevron'), 'Thinking'), inner));
	}

	grow() {
		const part = el('div', {class: 'md'});
		this.parts.insertBefore(part, this.dots.parentNode === this.parts ? this.dots : null);
		return part;
	}

	/**
	 * Live: the whole text of the run so far. What stands before a tool call stays there.
	 * @param {string} text
	 */
	setText(text) {
		if (text.startsWith(this.before)) {
			this.text = text;
		} else {
			this.text = this.before + text;
		}
		if (!this.frame)
			this.frame = requestAnimationFrame(() => this.draw());
	}

	draw() {
		cancelAnimationFrame(this.frame);
		this.frame = 0;
		const rest = this.text.slice(this.before.length);
		if (rest.trim() === '' && !this.part)
			return;
		this.part ??= this.grow();
		markdownInto(this.part, rest);
	}

	/**
	 * @param {string} id
	 * @param {string} name
	 * @param {any} args
	 */
	tool(id, name, args) {
		let card = this.tools.get(id);
		if (!card) {
			this.draw();
			this.before = this.text;
			this.part = null;
			card = new ToolCard(name, args);
			this.tools.set(id, card);
			this.parts.insertBefore(card.el, this.dots.parentNode === this.parts ? this.dots : null);
		}
		return card;
	}

	/**
	 * The turn is over.
	 * @param {{at?: number, aborted?: string, error?: string}} end
	 */
	finish(end) {
		this.draw();
		this.dots.remove();
		for (const card of this.tools.values())
			card.abandon();
		if (end.error !== undefined)
			this.parts.appendChild(el('p', {class: 'alert', role: 'alert'}, icon('warn'), el('span', {dir: 'auto', text: end.error})));
		if (end.aborted !== undefined)
			this.parts.appendChild(el('p', {class: 'aborted'}, icon('stop'), el('span', {text: end.aborted})));
		this.foot.replaceChildren(...[timeOf(end.at), this.text && copyButton(() => this.text, 'Copy this answer')]
			.filter((n) => n instanceof Node));
	}
}
