// The bar on top: which chat, is the gateway there, what holds the tools in, and the button that stops everything.
import {announce, byId, el, icon, iconButton, oneLine} from './dom.js';
import {actions, ask, closeButton, sheet} from './kit/dialog.js';
import {pick} from './kit/format.js';
import {facts} from './kit/panel.js';
import {PROOFS, readSandbox, TIERS} from './sandbox.js';
import {themeButton} from './theme.js';

/**
 * @typedef {object} StatusHooks
 * @property {() => void} onMenu
 * @property {() => Promise<any>} onPanic
 */

export class Status {
	/** @param {StatusHooks} hooks */
	constructor(hooks) {
		this.hooks = hooks;
		/** @type {import('./rpc.js').RpcState} */
		this.state = {name: 'stopped'};
		/** @type {import('./rpc.js').Hello | null} */
		this.hello = null;
		/** @type {import('./sandbox.js').Sandbox | null} */
		this.sandbox = null;
		this.title = el('h1', {class: 'title'}, el('bdi'));
		this.link = el('span', {class: 'link'}, el('i'), el('span'));
		this.tier = el('button', {type: 'button', class: 'tier', hidden: true, on: {click: () => this.showDetails()}},
			icon('shield'), el('span'));
		const theme = el('button', {type: 'button', class: 'iconbtn'});
		themeButton(theme);
		byId('top').append(
			iconButton({icon: 'menu', name: 'Show rooms and chats', class: 'menu', click: hooks.onMenu}),
			el('div', {class: 'heading'}, this.title, this.link),
			this.tier, theme,
			el('button', {type: 'button', class: 'panic', 'aria-label': 'Stop all runs and tools', title: 'Stop all runs and tools',
				on: {click: () => this.confirmPanic()}}, icon('power'), el('span', {text: 'Stop all'})));
		setInterval(() => this.show(), 1000);
	}

	/** @param {string} title of the chat or room */
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
			const good = s.proof === 'passed' && pick(TIERS, s.tier)?.good === true;
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
		const rows = [['Tier', s.tier || 'being found out'], ['What runs', pick(TIERS, s.tier)?.text ?? ''], ['Proof at start', PROOFS[s.proof]],
			['Missing', s.missing], ['Reason', s.why], ['Gateway', `${this.hello?.version ?? ''} on ${this.hello?.host ?? ''}`]];
		sheet({title: 'What holds the tools in'},
			facts(rows.filter(([, v]) => v !== '').map(([k, v]) => [k, el('bdi', {text: oneLine(v, 300)})])),
			el('p', {class: 'hint'}, 'To try every escape again: ', el('code', {text: 'moltbot doctor --prove'})), actions(closeButton()));
	}

	confirmPanic() {
		ask({title: 'Stop everything?', action: 'Stop everything',
			text: 'Every run and every tool of every chat is killed now, and nothing new starts until the owner resumes at the machine.',
			more: el('p', {class: 'hint'}, 'If it does not stop, on the machine: ', el('code', {text: 'moltbot gateway stop'})),
			run: async () => {
				await this.hooks.onPanic();
				announce('Everything was stopped');
			}});
	}
}
