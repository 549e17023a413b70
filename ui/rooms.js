// The rooms beside the conversation, the way to each, and which one is open.
import {announce, byId, el, icon} from './dom.js';
import {Config} from './rooms/config.js';
import {Devices} from './rooms/devices.js';
import {Logs} from './rooms/logs.js';
import {Overview} from './rooms/overview.js';
import {SessionsRoom} from './rooms/sessions.js';
import {address} from './router.js';

/**
 * What a room may use of the page.
 * @typedef {object} Context
 * @property {(method: string, params?: object) => Promise<any>} request
 * @property {() => import('./rpc.js').Hello | null} hello
 * @property {() => void} onSessions the list of chats is not what it was
 *
 * A room draws into its own element. open: it is looked at, with what stands behind its name in the address; close: no more.
 * @typedef {object} Room
 * @property {HTMLElement} el
 * @property {(rest: string[]) => void} open
 * @property {() => void} close
 * @property {(event: import('./rpc.js').GatewayEvent) => void} [onEvent]
 * @property {() => boolean} [mayLeave] false: there is something that is not saved
 */

/** @type {{id: string, title: string, icon: import('./dom.js').IconName, make: ((context: Context) => Room) | null}[]} */
const ROOMS = [
	{id: 'chat', title: 'Chat', icon: 'chat', make: null},
	{id: 'overview', title: 'Overview', icon: 'pulse', make: (c) => new Overview(c)},
	{id: 'sessions', title: 'Sessions', icon: 'layers', make: (c) => new SessionsRoom(c)},
	{id: 'devices', title: 'Devices', icon: 'device', make: (c) => new Devices(c)},
	{id: 'config', title: 'Configuration', icon: 'sliders', make: (c) => new Config(c)},
	{id: 'logs', title: 'Logs', icon: 'lines', make: (c) => new Logs(c)},
];

export class Rooms {
	/**
	 * @param {Context} context
	 * @param {() => void} onChosen a way was taken: the drawer may close
	 */
	constructor(context, onChosen) {
		this.context = context;
		this.frame = byId('room');
		/** @type {Map<string, Room>} */
		this.made = new Map();
		this.id = 'chat';
		this.links = ROOMS.map((r) => el('a', {href: address(r.id), class: 'way', on: {click: onChosen}}, icon(r.icon), el('span', {text: r.title})));
		byId('ways').append(...this.links);
		addEventListener('beforeunload', (event) => {
			if (this.current()?.mayLeave?.() === false)
				event.preventDefault();
		});
	}

	current() {
		return this.made.get(this.id);
	}

	/** @param {string} id */
	has(id) {
		return ROOMS.some((r) => r.id === id);
	}

	/**
	 * @param {string} id
	 * @param {string[]} rest
	 * @returns {string} the room's title
	 */
	open(id, rest) {
		const spec = ROOMS.find((r) => r.id === id) ?? ROOMS[0];
		const changed = this.id !== spec.id;
		if (changed)
			this.current()?.close();
		this.id = spec.id;
		this.links.forEach((link, i) => ROOMS[i].id === spec.id ? link.setAttribute('aria-current', 'page') : link.removeAttribute('aria-current'));
		byId('talk').hidden = spec.make !== null;
		this.frame.hidden = spec.make === null;
		if (spec.make) {
			const room = this.made.get(spec.id) ?? spec.make(this.context);
			this.made.set(spec.id, room);
			if (this.frame.firstChild !== room.el)
				this.frame.replaceChildren(room.el);
			this.frame.setAttribute('aria-label', spec.title);
			if (changed)
				this.frame.scrollTop = 0;
			room.open(rest);
		}
		if (changed)
			announce(spec.title);
		return spec.title;
	}

	/** @param {import('./rpc.js').GatewayEvent} event */
	onEvent(event) {
		this.current()?.onEvent?.(event);
	}
}
