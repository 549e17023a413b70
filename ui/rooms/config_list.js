// A list of objects as a form: a card an entry, which may be added, changed and taken out. The list is saved as a whole.
import {announce, el} from '../dom.js';
import {field as formField} from '../kit/field.js';
import {button} from '../kit/panel.js';
import {parseText, valueAt} from './config_fields.js';

/** @typedef {import('./config_fields.js').Field} Field */
/** @typedef {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} Control */
/** @typedef {{was: any, cells: {column: Field, control: Control, shown: import('../kit/field.js').Field}[], el: HTMLElement}} Card */

/**
 * What an entry is after its cells; members that have no cell stay.
 * @param {any} was
 * @param {{path: string[], value: any}[]} cells
 */
function entryOf(was, cells) {
	const entry = structuredClone(was);
	for (const {path, value} of cells) {
		if (value === undefined && valueAt(entry, path) === undefined)
			continue;
		let node = entry;
		for (const step of path.slice(0, -1))
			node = node[step] ??= {};
		if (value === undefined)
			delete node[path.at(-1) ?? ''];
		else
			node[path.at(-1) ?? ''] = value;
	}
	return entry;
}

export class ConfigList {
	/**
	 * @param {Field} f
	 * @param {any[] | undefined} value
	 * @param {(column: Field, value: any) => Control} controlOf
	 * @param {() => void} onInput
	 */
	constructor(f, value, controlOf, onInput) {
		this.field = f;
		this.controlOf = controlOf;
		this.onInput = onInput;
		/** @type {Card[]} */
		this.cards = [];
		this.list = el('ul', {class: 'entries'});
		this.add = button('Add an entry', () => { this.put({}); this.cards.at(-1)?.cells[0]?.control.focus(); this.changed('Added'); }, {icon: 'plus'});
		this.problem = el('p', {class: 'problem', role: 'alert', hidden: true});
		this.el = el('div', {class: 'field list', role: 'group', 'aria-label': f.label}, el('div', {class: 'fieldtext'}, el('span', {class: 'label', text: f.label}),
			el('code', {class: 'path', text: f.name}), f.help !== '' && el('p', {class: 'hint', text: f.help})), this.list, this.problem, el('div', {class: 'fieldcontrol'}, this.add));
		for (const entry of value ?? [])
			this.put(entry);
	}

	/** @param {any} entry */
	put(entry) {
		const cells = (this.field.columns ?? []).map((column) => {
			const control = this.controlOf(column, valueAt(entry, column.path));
			control.addEventListener('input', this.onInput);
			return {column, control, shown: formField({label: column.label, hint: column.help}, control)};
		});
		const heading = el('h4');
		/** @type {Card} */
		const card = {was: entry, cells, el: el('li', {class: 'entry'}, el('div', {class: 'cardhead'}, heading,
			button('Take out', () => this.takeOut(card), {class: 'quiet bad'})), ...cells.map((c) => c.shown.el))};
		this.cards.push(card);
		this.list.appendChild(card.el);
		this.number();
	}

	/** @param {Card} card */
	takeOut(card) {
		this.cards = this.cards.filter((other) => other !== card);
		card.el.remove();
		this.number();
		this.add.focus();
		this.changed('Taken out');
	}

	number() {
		this.cards.forEach((card, i) => {
			const name = `Entry ${i + 1}`;
			card.el.setAttribute('aria-label', name);
			const heading = card.el.querySelector('h4');
			if (heading)
				heading.textContent = name;
			card.el.querySelector('.cardhead .button')?.setAttribute('aria-label', `Take out entry ${i + 1}`);
		});
	}

	/** @param {string} what */
	changed(what) {
		announce(what);
		this.onInput();
	}

	/** @param {string} message */
	fail(message) {
		this.problem.hidden = message === '';
		this.problem.textContent = message;
	}

	/**
	 * @param {any} before
	 * @returns {{value?: any, problem?: string}}
	 */
	read(before) {
		let problem;
		const value = this.cards.map((card) => entryOf(card.was, card.cells.map(({column, control, shown}) => {
			const one = parseText(column, control.value);
			shown.fail(one.problem ?? '');
			problem ??= one.problem;
			return {path: column.path, value: one.value};
		})));
		if (problem !== undefined)
			return {problem};
		return {value: value.length === 0 && before === undefined ? undefined : value};
	}
}
