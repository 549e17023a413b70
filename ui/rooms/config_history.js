// Former texts: who wrote each, when, what it changed, and the way back.
import {el, oneLine} from '../dom.js';
import {actions, ask, closeButton, sheet} from '../kit/dialog.js';
import {diffView} from '../kit/diff.js';
import {bytes, moment} from '../kit/format.js';
import {badge, button, failure, nothing, panel, reason, skeleton, when} from '../kit/panel.js';
import {table} from '../kit/table.js';
import {toast} from '../kit/toast.js';

/** @typedef {{hash: string, ts: number, by: string, bytes: number, current: boolean}} Entry */

export class ConfigHistory {
	/** @param {import('./config.js').Config} room */
	constructor(room) {
		this.room = room;
		/** @type {Entry[]} */
		this.entries = [];
		/** @type {Map<string, string>} texts by their hash */
		this.texts = new Map();
		this.el = el('div', null, skeleton());
	}

	isChanged() {
		return false;
	}

	show() {
		this.load();
	}

	async load() {
		try {
			const answer = await this.room.request('moltbot.config.history');
			this.entries = (Array.isArray(answer?.entries) ? answer.entries : []).map((/** @type {any} */ e) => ({hash: String(e?.hash ?? ''),
				ts: Number(e?.ts) || 0, by: String(e?.by ?? ''), bytes: Number(e?.bytes) || 0, current: e?.current === true}));
			this.draw();
		} catch (error) {
			this.el.replaceChildren(failure(error, () => this.load()));
		}
	}

	draw() {
		if (this.entries.length === 0) {
			this.el.replaceChildren(nothing({icon: 'file', title: 'No history yet', text: 'Every text that is saved is kept here, the last fifty of them.'}));
			return;
		}
		this.el.replaceChildren(panel({title: 'History', class: 'bare', hint: 'Every text that the configuration had, newest first; the last fifty are kept.'},
			table('History', [{title: 'When', class: 'key'}, {title: 'By'}, {title: 'Size', class: 'num'}, {title: 'Text'}, {title: 'Actions', class: 'actions'}],
				this.entries.map((e, i) => ({cells: [el('div', {class: 'stack'}, el('span', {class: 'nowrap', text: moment(e.ts)}), el('span', {class: 'soft small'}, when(e.ts))), el('bdi', {text: oneLine(e.by, 40)}),
					el('span', {class: 'nowrap', text: bytes(e.bytes)}),
					el('span', {class: 'badges'}, el('code', {class: 'small', text: e.hash.slice(0, 10)}), e.current && badge('good', 'In force')),
					el('span', {class: 'badges end'}, button('Difference', () => this.look(e, this.entries[i + 1]), {label: `Difference of the text of ${moment(e.ts)}`}),
						!e.current && button('Roll back\u2026', () => this.rollBack(e), {class: 'quiet', label: `Roll back to the text of ${moment(e.ts)}`}))]})))));
	}

	/** @param {Entry} e */
	async textOf(e) {
		const known = this.texts.get(e.hash);
		if (known !== undefined)
			return known;
		const answer = await this.room.request('moltbot.config.history', {hash: e.hash});
		if (typeof answer?.raw !== 'string')
			throw new Error('This text is no valid JSON5; nobody can say where its secrets are, so it is not shown.');
		this.texts.set(e.hash, String(answer.raw));
		return String(answer.raw);
	}

	/**
	 * @param {Entry} e
	 * @param {Entry | undefined} before
	 */
	async look(e, before) {
		try {
			const [text, former] = [await this.textOf(e), before ? await this.textOf(before) : ''];
			sheet({title: 'What it changed', class: 'huge'}, el('p', {class: 'hint', text: `${moment(e.ts)}, ${oneLine(e.by, 40)}${before ? '' : '; the oldest that is kept'}`}),
				diffView(former, text), actions(closeButton()));
		} catch (error) {
			toast(reason(error), 'bad');
		}
	}

	/** @param {Entry} e */
	async rollBack(e) {
		const base = this.room.base;
		let difference = el('p', {class: 'hint', text: 'The difference cannot be shown.'});
		try {
			difference = diffView(base?.raw ?? '', await this.textOf(e));
		} catch (error) {
			difference = el('p', {class: 'hint', text: reason(error)});
		}
		ask({title: 'Roll back to this text?', class: 'huge', what: moment(e.ts), action: 'Roll back', text: 'The text in force is replaced by it. It stays in the history, so nothing is lost:',
			more: difference, run: async () => {
				await this.room.save('moltbot.config.rollback', {hash: e.hash});
				toast('Rolled back');
				this.room.draw();
			}});
	}
}
