// Where one types. A draft is kept per session, in memory.
import {byId, el, icon, iconButton} from './dom.js';

/**
 * @typedef {object} ComposerHooks
 * @property {(text: string) => void} onSend
 * @property {() => void} onStop
 */

const MESSAGE_MAX_BYTES = 256 * 1024;

export class Composer {
	/** @param {ComposerHooks} hooks */
	constructor(hooks) {
		this.hooks = hooks;
		/** @type {Map<string, string>} */
		this.drafts = new Map();
		this.session = '';
		this.why = '';
		this.running = false;
		this.input = el('textarea', {id: 'draft', rows: '1', dir: 'auto', placeholder: 'Message Moltbot', 'aria-label': 'Message',
			'aria-describedby': 'draft-hint', enterkeyhint: 'send', autocomplete: 'off'});
		this.sendButton = el('button', {type: 'submit', class: 'send', 'aria-label': 'Send', title: 'Send (Enter)'}, icon('send'));
		this.stopButton = iconButton({icon: 'stop', name: 'Stop (Esc)', class: 'stop', click: () => hooks.onStop()});
		this.hint = el('p', {id: 'draft-hint', class: 'hint'});
		const form = el('form', {class: 'composer'}, this.input, this.stopButton, this.sendButton);
		form.addEventListener('submit', (event) => { event.preventDefault(); this.send(); });
		this.input.addEventListener('input', () => { this.drafts.set(this.session, this.input.value); this.show(); });
		this.input.addEventListener('keydown', (event) => this.onKey(event));
		byId('dock').append(form, this.hint);
		this.show();
	}

	/** @param {string} name whom one writes to */
	setName(name) {
		this.input.placeholder = `Message ${name}`;
	}

	/** @param {KeyboardEvent} event */
	onKey(event) {
		if (event.key === 'Enter' && !event.shiftKey && !event.isComposing && event.keyCode !== 229) {
			event.preventDefault();
			this.send();
		}
	}

	send() {
		const text = this.input.value;
		if (text.trim() === '' || this.problem())
			return;
		this.input.value = '';
		this.drafts.delete(this.session);
		this.show();
		this.hooks.onSend(text);
	}

	/** Why nothing can be sent now; empty when it can. */
	problem() {
		if (this.why)
			return this.why;
		const length = this.input.value.length;
		if (length > MESSAGE_MAX_BYTES / 3 && new TextEncoder().encode(this.input.value).length > MESSAGE_MAX_BYTES)
			return 'This message is too long: 256 KiB is the most.';
		return '';
	}

	/** @param {string} session */
	open(session) {
		this.session = session;
		this.input.value = this.drafts.get(session) ?? '';
		this.show();
	}

	/** @param {string} why nothing can be sent; empty: it can */
	setWhy(why) {
		this.why = why;
		this.show();
	}

	/** @param {boolean} running */
	setRunning(running) {
		this.running = running;
		this.show();
	}

	focus() {
		if (matchMedia('(pointer: fine)').matches)
			this.input.focus();
	}

	show() {
		const problem = this.problem();
		const fine = matchMedia('(pointer: fine)').matches;
		this.sendButton.disabled = problem !== '' || this.input.value.trim() === '';
		this.stopButton.hidden = !this.running;
		this.hint.textContent = problem || (fine ? `Enter sends, Shift+Enter starts a line${this.running ? ', Esc stops' : ''}` : '');
		this.hint.classList.toggle('problem', problem !== '');
		this.input.style.height = 'auto';
		this.input.style.height = `${Math.min(this.input.scrollHeight, innerHeight * 0.4)}px`;
	}
}
