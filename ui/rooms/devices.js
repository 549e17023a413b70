// Who may come in: devices that ask, and those that were let in, with what each may do.
import {copyButton, el, oneLine} from '../dom.js';
import {actions, ask, closeButton, sheet} from '../kit/dialog.js';
import {moment, pick} from '../kit/format.js';
import {later} from '../kit/later.js';
import {badge, button, facts, failure, foreign, nothing, panel, skeleton, when} from '../kit/panel.js';
import {table} from '../kit/table.js';
import {toast} from '../kit/toast.js';

const EVENT_MS = 800;
/** What each scope lets a device do, in words. @type {Record<string, string>} */
const SCOPES = {
	'operator.admin': 'Everything: configuration, sessions, devices',
	'operator.write': 'Send messages and run tools',
	'operator.read': 'Read conversations, status and logs',
	'operator.approvals': 'Approve or refuse what runs ask for',
	'operator.pairing': 'Let in and remove devices',
};

/** @param {any} list */
function scopesOf(list) {
	return Array.isArray(list) ? list.map(String) : [];
}

/** @param {any} d */
function nameOf(d) {
	return String(d?.displayName || d?.clientId || 'Unnamed device');
}

/** @param {any} list */
function scopeBadges(list) {
	const all = scopesOf(list);
	return all.length === 0 ? el('span', {class: 'soft', text: 'None'}) : el('span', {class: 'badges'}, ...all.map((s) =>
		badge(s === 'operator.admin' ? 'accent' : 'plain', oneLine(s.replace(/^operator\./, ''), 40), pick(SCOPES, s) ?? s)));
}

export class Devices {
	/** @param {import('../rooms.js').Context} context */
	constructor(context) {
		this.context = context;
		this.el = el('div', {class: 'inner'}, skeleton());
		this.loaded = false;
		this.again = later(() => this.load(), EVENT_MS);
	}

	open() {
		this.load();
	}

	close() {
		this.again.stop();
	}

	/** @param {import('../rpc.js').GatewayEvent} event */
	onEvent({event}) {
		if (event.startsWith('device.pair'))
			this.again.soon();
	}

	async load() {
		try {
			this.draw(await this.context.request('device.pair.list'));
			this.loaded = true;
		} catch (error) {
			if (!this.loaded)
				this.el.replaceChildren(failure(error, () => this.load()));
		}
	}

	/** @param {any} answer */
	draw(answer) {
		const pending = Array.isArray(answer?.pending) ? answer.pending : [];
		const paired = Array.isArray(answer?.paired) ? answer.paired : [];
		this.el.replaceChildren(
			panel({title: 'Waiting', hint: 'Approve only a device that you are setting up yourself, now. Compare the identity with what it shows.'},
				pending.length > 0 ? el('ul', {class: 'cards'}, ...pending.map((/** @type {any} */ d) => this.pending(d))) :
					el('p', {class: 'calm'}, badge('good', 'Nobody waits'), el('span', {class: 'soft', text: 'A device that signs in for the first time is listed here.'}))),
			panel({title: 'Paired'}, paired.length > 0 ? this.paired(paired) : nothing({icon: 'device', title: 'No paired devices',
				text: 'Apps and other machines that sign in with their own identity appear here once they are approved.'})));
	}

	/** @param {any} d */
	pending(d) {
		const id = String(d?.requestId ?? '');
		return el('li', {class: 'card2'},
			el('div', {class: 'cardhead'}, el('h3', null, foreign(nameOf(d), 80)), d?.isRepair === true && badge('warn', 'Asks for more'), when(d?.ts)),
			facts([['Identity', foreign(d?.deviceId, 200, 'mono small')], ['Platform', foreign(d?.platform || 'not said', 60)],
				['Client', foreign([d?.clientId, d?.clientMode].filter(Boolean).join(', ') || 'not said', 80)], ['Role', foreign(d?.role ?? '', 30)],
				['Asks for', scopeBadges(d?.scopes)]]),
			el('div', {class: 'choices'}, button('Approve\u2026', () => this.approve(d, id), {class: 'primary', label: `Approve ${oneLine(nameOf(d), 60)}`}),
				button('Reject', () => this.reject(d, id), {label: `Reject ${oneLine(nameOf(d), 60)}`})));
	}

	/** @param {any[]} rows */
	paired(rows) {
		return table('Paired devices', [{title: 'Device', class: 'key'}, {title: 'May', class: 'wide'}, {title: 'Token'}, {title: 'Let in'}, {title: 'Actions', class: 'actions'}],
			rows.map((d) => {
				const token = Array.isArray(d?.tokens) ? d.tokens[0] : undefined;
				const isRevoked = token?.revokedAtMs !== undefined;
				return {cells: [
					el('div', {class: 'stack'}, foreign(nameOf(d), 60), foreign(`${String(d?.deviceId ?? '').slice(0, 16)}\u2026 ${d?.platform ?? ''}`, 60, 'mono soft small')),
					scopeBadges(d?.scopes), !token ? badge('plain', 'None yet') : isRevoked ? badge('bad', 'Revoked') : badge('good', 'Valid'),
					when(d?.approvedAtMs), button('Manage', () => this.manage(d, token), {label: `Manage ${oneLine(nameOf(d), 60)}`})]};
			}));
	}

	/**
	 * @param {string} method
	 * @param {object} params
	 * @param {string} done
	 */
	async act(method, params, done) {
		const answer = await this.context.request(method, params);
		toast(done);
		this.load();
		return answer;
	}

	/**
	 * @param {any} d
	 * @param {string} requestId
	 */
	approve(d, requestId) {
		ask({title: 'Let this device in?', what: foreign(nameOf(d), 80), tone: 'primary', action: 'Approve',
			text: scopesOf(d?.scopes).length > 0 ? 'From now on, without asking again, it may:' : 'It may sign in, and nothing else.',
			points: scopesOf(d?.scopes).map((s) => pick(SCOPES, s) ?? oneLine(s, 80)),
			more: facts([['Identity', foreign(d?.deviceId, 200, 'mono small')]]),
			run: () => this.act('device.pair.approve', {requestId}, 'The device is let in')});
	}

	/**
	 * @param {any} d
	 * @param {string} requestId
	 */
	reject(d, requestId) {
		ask({title: 'Reject this device?', what: foreign(nameOf(d), 80), action: 'Reject', text: 'Its request is dropped. It may ask again.',
			run: () => this.act('device.pair.reject', {requestId}, 'The request is rejected')});
	}

	/**
	 * @param {any} d
	 * @param {any} token
	 */
	manage(d, token) {
		const of = {deviceId: String(d?.deviceId ?? ''), role: String(token?.role ?? d?.role ?? 'operator')};
		const over = (/** @type {() => void} */ fn) => () => { dialog.close(); fn(); };
		const state = !token ? 'none yet' : token.revokedAtMs ? `revoked ${moment(Number(token.revokedAtMs))}` : `given ${moment(Number(token.createdAtMs))}`;
		const dialog = sheet({title: 'Device', class: 'wide'}, el('p', {class: 'what'}, foreign(nameOf(d), 80)),
			facts([['Identity', foreign(d?.deviceId, 200, 'mono small')], ['Platform', foreign(d?.platform || 'not said', 60)],
				['Client', foreign([d?.clientId, d?.clientMode].filter(Boolean).join(', ') || 'not said', 80)], ['Role', foreign(of.role, 30)],
				['May', el('ul', {class: 'plainlist'}, ...scopesOf(d?.scopes).map((s) => el('li', {text: pick(SCOPES, s) ?? oneLine(s, 80)})))],
				['Let in', when(d?.approvedAtMs)], ['Token', state]]),
			el('div', {class: 'choices'},
				button('New token\u2026', over(() => this.rotate(d, of))),
				token && !token.revokedAtMs && button('Revoke token\u2026', over(() => this.revoke(d, of)), {class: 'quiet bad'}),
				button('Remove\u2026', over(() => this.remove(d, of.deviceId)), {class: 'quiet bad'})), actions(closeButton()));
	}

	/**
	 * @param {any} d
	 * @param {{deviceId: string, role: string}} of
	 */
	rotate(d, of) {
		/** @type {any} */
		let answer = null;
		const dialog = ask({title: 'Give it a new token?', what: foreign(nameOf(d), 80), action: 'New token', text: 'The token that it has now ends at once:',
			points: ['its connections are closed', 'it comes in again with the new token only'],
			run: async () => { answer = await this.act('device.token.rotate', of, 'The device has a new token'); }});
		dialog.addEventListener('close', () => {
			if (typeof answer?.token !== 'string')
				return;
			const token = answer.token;
			sheet({title: 'The new token'}, el('p', {text: 'It is shown this once. Put it into the device, and nowhere else.'}),
				el('div', {class: 'command'}, el('code', {dir: 'ltr', text: token}), copyButton(() => token, 'Copy the token')), actions(closeButton('Done')));
		});
	}

	/**
	 * @param {any} d
	 * @param {{deviceId: string, role: string}} of
	 */
	revoke(d, of) {
		ask({title: 'Revoke its token?', what: foreign(nameOf(d), 80), action: 'Revoke', text: 'The device stays in the list, and is locked out:',
			points: ['its connections are closed now', 'it cannot come in until it gets a new token'],
			run: () => this.act('device.token.revoke', of, 'The token is revoked')});
	}

	/**
	 * @param {any} d
	 * @param {string} deviceId
	 */
	remove(d, deviceId) {
		ask({title: 'Remove this device?', what: foreign(nameOf(d), 80), action: 'Remove', text: 'It is forgotten:',
			points: ['its connections are closed now', 'its token and its scopes are gone', 'to come back it has to ask, and be approved, again'],
			run: () => this.act('device.pair.remove', {deviceId}, 'The device is removed')});
	}
}
