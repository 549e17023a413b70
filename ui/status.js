// The bar on top: which chat, is the gateway there, what holds the tools in, and the button that stops everything.
import {announce, byId, el, icon, iconButton, oneLine} from './dom.js';
import {themeButton} from './theme.js';

/**
 * @typedef {object} StatusHooks
 * @property {() => void} onMenu
 * @property {() => Promise<any>} onPanic
 */

/**
 * What each tier is made of, and what runs in it.
 * @type {Record<string, {good: boolean, text: string}>}
 */
const TIERS = {
	full: {good: true, text: 'Namespaces, Landlock, seccomp and limits: every tool may run.'},
	userns: {good: true, text: 'Namespaces, seccomp and limits, without Landlock: every tool may run.'},
	'landlock+uid': {good: true, text: 'No namespaces; own user, Landlock, seccomp and limits: every tool may run.'},
	landlock: {good: false, text: 'No namespaces and no own user: built-in tools only, no shell.'},
	none: {good: false, text: 'Seccomp only: tools that touch nothing, such as the calculator.'},
};

/** @type {Record<string, string>} */
const PROOFS = {
	passed: 'Held: every attempt to escape from inside the sandbox failed.',
	failed: 'Did not hold. Tools that execute stay off.',
	pending: 'Still running. Tools that execute stay off until it has passed.',
};

/** @typedef {{tier: string, proof: 'passed' | 'failed' | 'pending', missing: string, why: string}} Sandbox */

/**
 * The sandbox object of health; null when there is none. What does not say that it passed has not passed.
 * @param {any} health
 * @returns {Sandbox | null}
 */
export function readSandbox(health) {
	const s = health?.sandbox;
	if (!s || typeof s !== 'object')
		return null;
	const proof = s.proof === 'passed' || s.proof === 'pending' ? s.proof : 'failed';
	return {tier: String(s.tier ?? ''), proof, missing: String(s.missing ?? ''), why: String(s.why ?? '')};
}

export class Status {
	/** @param {StatusHooks} hooks */
	constructor(hooks) {
		this.hooks = hooks;
		/** @type {import('./rpc.js').RpcState} */
		this.state = {name: 'stopped'};
		/** @type {import('./rpc.js').Hello | null} */
		this.hello = null;
		/** @type {Sandbox | null} */
		this.sandbox = null;
		this.title = el('h1', {class: 'title'}, el('bdi'));
		this.link = el('span', {class: 'link'}, el('i'), el('span'));
		this.tier = el('button', {type: 'button', class: 'tier', hidden: true, on: {click: () => this.showDetails()}},
			icon('shield'), el('span'));
		const theme = el('button', {type: 'button', class: 'iconbtn'});
		themeButton(theme);
		byId('top').append(
			iconButton({icon: 'menu', name: 'Show the list of chats', class: 'menu', click: hooks.onMenu}),
			el('div', {class: 'heading'}, this.title, this.link),
			this.tier, theme,
			el('button', {type: 'button', class: 'panic', 'aria-label': 'Stop all runs and tools', title: 'Stop all runs and tools',
				on: {click: () => this.confirmPanic()}}, icon('power'), el('span', {text: 'Stop all'})));
		this.details = el('dialog', {class: 'sheet', 'aria-labelledby': 'details-title'});
		this.panicDialog = el('dialog', {class: 'sheet', 'aria-labelledby': 'panic-title'});
		document.body.append(this.details, this.panicDialog);
		for (const dialog of [this.details, this.panicDialog])
			dialog.addEventListener('click', (event) => { if (event.target === dialog) dialog.close(); });
		setInterval(() => this.show(), 1000);
	}

	/** @param {string} title of the chat */
	setTitle(title) {
		/** @type {HTMLElement} */ (this.title.firstChild).textContent = title;
		document.title = `${title} \u2013 Moltbot`;
	}

	/** @param {import('./rpc.js').RpcState} state */
	setState(state) {
		this.state = state;
		this.show();
	}

	/** @param {any} health */
	setHealth(health) {
		this.sandbox = readSandbox(health) ?? this.sandbox;
		this.show();
	}

	words() {
		switch (this.state.name) {
		case 'open':
			return 'Connected';
		case 'waiting': {
			const s = Math.max(0, Math.ceil(((this.state.retryAt ?? 0) - Date.now()) / 1000));
			return s > 0 ? `Reconnecting in ${s} s` : 'Reconnecting';
		}
		case 'connecting':
			return 'Connecting';
		default:
			return 'Not connected';
		}
	}

	show() {
		const label = /** @type {HTMLElement} */ (this.link.lastChild);
		const words = this.words();
		this.link.className = `link ${this.state.name}`;
		if (label.textContent !== words)
			label.textContent = words;
		const s = this.sandbox;
		this.tier.hidden = s === null;
		if (s) {
			const good = s.proof === 'passed' && TIERS[s.tier]?.good === true;
			const text = s.proof === 'passed' ? `Sandbox proved \u00b7 ${oneLine(s.tier, 20)}` : s.proof === 'failed' ? 'Sandbox not proved' : 'Proving sandbox';
			this.tier.className = `tier ${good ? 'good' : s.proof === 'pending' ? 'pending' : 'bad'}`;
			this.tier.setAttribute('aria-label', `${text}: details`);
			this.tier.title = text;
			const shown = /** @type {HTMLElement} */ (this.tier.lastChild);
			if (shown.textContent !== text)
				shown.textContent = text;
		}
	}

	showDetails() {
		const s = this.sandbox;
		if (!s)
			return;
		const rows = [['Tier', s.tier || 'being found out'], ['What runs', TIERS[s.tier]?.text ?? ''], ['Proof at start', PROOFS[s.proof]],
			['Missing', s.missing], ['Reason', s.why], ['Gateway', `${this.hello?.version ?? ''} on ${this.hello?.host ?? ''}`]];
		this.details.replaceChildren(
			el('h2', {id: 'details-title', text: 'What holds the tools in'}),
			el('dl', null, ...rows.filter(([, v]) => v !== '').flatMap(([k, v]) => [el('dt', {text: k}), el('dd', {text: oneLine(v, 300)})])),
			el('p', {class: 'hint'}, 'To try every escape again: ', el('code', {text: 'moltbot doctor --prove'})),
			el('div', {class: 'actions'}, el('button', {type: 'button', class: 'button', text: 'Close', autofocus: true,
				on: {click: () => this.details.close()}})));
		this.details.showModal();
	}

	confirmPanic() {
		const result = el('p', {class: 'hint', role: 'status'});
		const stop = el('button', {type: 'button', class: 'button danger', text: 'Stop everything'});
		stop.addEventListener('click', async () => {
			stop.disabled = true;
			result.textContent = 'Stopping\u2026';
			try {
				await this.hooks.onPanic();
				this.panicDialog.close();
				announce('Everything was stopped');
			} catch (error) {
				stop.disabled = false;
				result.textContent = `It did not stop: ${error instanceof Error ? error.message : String(error)}. On the machine: moltbot gateway stop`;
			}
		});
		this.panicDialog.replaceChildren(
			el('h2', {id: 'panic-title', text: 'Stop everything?'}),
			el('p', {text: 'Every run and every tool of every chat is killed now, and nothing new starts until the owner resumes at the machine.'}),
			result,
			el('div', {class: 'actions'},
				el('button', {type: 'button', class: 'button', text: 'Cancel', autofocus: true, on: {click: () => this.panicDialog.close()}}), stop));
		this.panicDialog.showModal();
	}
}
