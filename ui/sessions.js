// The list of chats, and the switcher.
import {add, byId, el, icon, iconButton, oneLine} from './dom.js';
import {ago, timestamp} from './kit/format.js';
import {withoutMarks} from './markdown.js';

/**
 * @typedef {{key: string, title: string, detail: string, updatedAt?: number}} Session
 *
 * @typedef {object} SessionHooks
 * @property {(key: string) => void} onOpen
 * @property {() => void} onNew
 */

const TITLE_MAX = 60;
const SHOWN_MAX = 200;

/**
 * A name for a key like "agent:main:telegram:dm:123".
 * @param {string} key
 */
export function nameOf(key) {
	const rest = key.replace(/^agent:[^:]*:/, '');
	if (rest === 'main')
		return 'Main chat';
	if (/^chat-[0-9a-f]{8}$/.test(rest))
		return 'New chat';
	return oneLine(rest.replace(/:/g, ' \u00b7 '), TITLE_MAX);
}

/**
 * @param {any} row of sessions.list
 * @returns {Session}
 */
export function readRow(row) {
	const key = String(row?.key ?? '');
	const title = [row?.label, ...[row?.displayName, row?.derivedTitle].map((t) => withoutMarks(String(t ?? '')))].find((t) => typeof t === 'string' && t.trim() !== '');
	return {
		key,
		title: title ? oneLine(title, TITLE_MAX) : nameOf(key),
		detail: typeof row?.lastMessagePreview === 'string' ? oneLine(withoutMarks(row.lastMessagePreview), 80) : '',
		updatedAt: timestamp(row?.updatedAt),
	};
}

export class Sessions {
	/** @param {SessionHooks} hooks */
	constructor(hooks) {
		this.hooks = hooks;
		/** @type {Session[]} */
		this.all = [];
		this.current = '';
		this.mainKey = '';
		/** The conversation is on the screen, not a room. */
		this.isShown = true;
		/** @type {Set<string>} */
		this.running = new Set();
		/** @type {Set<string>} */
		this.unread = new Set();
		this.sidebar = byId('sidebar');
		this.list = el('ul', {class: 'sessions'});
		const isMac = /Mac|iP(hone|ad)/.test(navigator.platform);
		add(this.sidebar,
			el('div', {class: 'brand'}, el('img', {src: './favicon.svg', alt: '', width: '28', height: '28'}), el('span', {text: 'Moltbot'}),
				iconButton({icon: 'cross', name: 'Close', class: 'closer', click: () => this.drawer(false)})),
			el('nav', {id: 'ways', class: 'ways', 'aria-label': 'Rooms'}),
			el('div', {class: 'sidetools'},
				el('button', {type: 'button', class: 'button primary', on: {click: () => this.choose('')}}, icon('plus'), 'New chat'),
				el('button', {type: 'button', class: 'button quiet finder', 'aria-keyshortcuts': 'Control+K Meta+K',
					on: {click: () => this.openSwitcher()}}, icon('search'), 'Find', el('kbd', {text: isMac ? '\u2318K' : 'Ctrl K'}))),
			el('nav', {class: 'chats', 'aria-label': 'Chats'}, this.list));
		byId('scrim').addEventListener('click', () => this.drawer(false));
		this.buildSwitcher();
	}

	/** @param {boolean} open the list on a narrow screen */
	drawer(open) {
		document.body.classList.toggle('drawer', open);
		byId('scrim').hidden = !open;
		if (open)
			/** @type {HTMLElement | null} */ (this.sidebar.querySelector('.closer'))?.focus();
	}

	/** @param {any} answer of sessions.list */
	take(answer) {
		const rows = Array.isArray(answer?.sessions) ? answer.sessions.slice(0, SHOWN_MAX) : [];
		this.all = rows.map(readRow).filter((/** @type {Session} */ s) => s.key !== '');
		this.show();
	}

	/** The stored chats; the main one and the open one are there even while nothing of them is stored. */
	rows() {
		const rows = [...this.all];
		for (const key of [this.mainKey, this.current])
			if (key && !rows.some((s) => s.key === key))
				rows.unshift({key, title: nameOf(key), detail: ''});
		return rows;
	}

	/** @param {string} key */
	titleOf(key) {
		return this.rows().find((s) => s.key === key)?.title ?? nameOf(key);
	}

	/** @param {string} key */
	setCurrent(key) {
		this.current = key;
		this.unread.delete(key);
		this.show();
	}

	/**
	 * Something happens in another chat.
	 * @param {string} key
	 * @param {boolean} running
	 */
	mark(key, running) {
		const known = this.running.has(key) === running && (running || key === this.current || this.unread.has(key));
		if (running)
			this.running.add(key);
		else
			this.running.delete(key);
		if (!running && key !== this.current)
			this.unread.add(key);
		if (!known)
			this.show();
	}

	show() {
		this.list.replaceChildren(...this.rows().map((s) => {
			const state = this.running.has(s.key) ? 'running' : this.unread.has(s.key) ? 'unread' : '';
			return el('li', null, el('button', {type: 'button', class: `session ${state}`.trim(), title: oneLine(s.key, 200),
				'aria-current': s.key === this.current && this.isShown ? 'true' : null, on: {click: () => this.choose(s.key)}},
			el('span', {class: 'sessionline'}, el('bdi', {class: 'name', text: s.title}),
				state && el('span', {class: 'mark', role: 'img', 'aria-label': state === 'running' ? 'running' : 'new messages'}),
				el('span', {class: 'when', text: ago(s.updatedAt)})),
			s.detail && el('bdi', {class: 'preview', text: s.detail})));
		}));
	}

	/** @param {string} key empty: a new chat */
	choose(key) {
		this.drawer(false);
		if (key === '')
			this.hooks.onNew();
		else
			this.hooks.onOpen(key);
	}

	/** @param {number} by the neighbour to go to */
	step(by) {
		const rows = this.rows();
		const at = rows.findIndex((s) => s.key === this.current);
		const next = rows[at + by];
		if (next)
			this.choose(next.key);
	}

	buildSwitcher() {
		this.query = el('input', {type: 'text', class: 'query', role: 'combobox', 'aria-expanded': 'true', 'aria-controls': 'found',
			'aria-label': 'Find a chat', placeholder: 'Find a chat', autocomplete: 'off', spellcheck: 'false'});
		this.found = el('ul', {id: 'found', role: 'listbox', 'aria-label': 'Chats', class: 'found'});
		this.dialog = el('dialog', {class: 'switcher', 'aria-label': 'Switch chats'}, this.query, this.found);
		this.picked = 0;
		this.query.addEventListener('input', () => { this.picked = 0; this.find(); });
		this.query.addEventListener('keydown', (event) => this.onKey(event));
		this.dialog.addEventListener('click', (event) => { if (event.target === this.dialog) this.dialog?.close(); });
		document.body.appendChild(this.dialog);
	}

	openSwitcher() {
		if (!this.dialog || !this.query || this.dialog.open)
			return;
		this.query.value = '';
		this.picked = 0;
		this.find();
		this.dialog.showModal();
		this.query.focus();
	}

	/** @returns {Session[]} what fits the words typed, and a new chat */
	matches() {
		const words = (this.query?.value ?? '').toLowerCase().split(/\s+/).filter(Boolean);
		const rows = this.rows().filter((s) => words.every((w) => `${s.title} ${s.key} ${s.detail}`.toLowerCase().includes(w)));
		return [...rows.slice(0, 50), {key: '', title: 'New chat', detail: ''}];
	}

	find() {
		const rows = this.matches();
		this.picked = Math.max(0, Math.min(this.picked, rows.length - 1));
		this.found?.replaceChildren(...rows.map((s, i) => el('li', {id: `found-${i}`, role: 'option', 'aria-selected': String(i === this.picked),
			on: {click: () => this.pick(i)}}, icon(s.key ? 'chevron' : 'plus'), el('bdi', {class: 'name', text: s.title}),
		s.key === this.current && el('span', {class: 'when', text: 'open'}))));
		this.query?.setAttribute('aria-activedescendant', `found-${this.picked}`);
		this.found?.children[this.picked]?.scrollIntoView({block: 'nearest'});
	}

	/** @param {number} i */
	pick(i) {
		const row = this.matches()[i];
		this.dialog?.close();
		if (row)
			this.choose(row.key);
	}

	/** @param {KeyboardEvent} event */
	onKey(event) {
		const by = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
		if (by !== 0) {
			event.preventDefault();
			const n = this.matches().length;
			this.picked = (this.picked + by + n) % n;
			this.find();
		} else if (event.key === 'Enter' && !event.isComposing) {
			event.preventDefault();
			this.pick(this.picked);
		}
	}
}
