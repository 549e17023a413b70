// All sessions: where each comes from, whose words are in it, how long it is, and what may be done with it.
import {el, oneLine} from '../dom.js';
import {count, moment, pick, timestamp} from '../kit/format.js';
import {later} from '../kit/later.js';
import {badge, button, facts, failure, foreign, nothing, panel, reason, skeleton, when} from '../kit/panel.js';
import {actions, ask, closeButton, sheet} from '../kit/dialog.js';
import {field, searchBox} from '../kit/field.js';
import {table} from '../kit/table.js';
import {toast} from '../kit/toast.js';
import {address, go} from '../router.js';
import {readRow} from '../sessions.js';
import {exportSession} from './export.js';

const PARAMS = {limit: 500, includeDerivedTitles: true, includeLastMessage: false};
const REFRESH_MS = 800;

/** @typedef {{tone: import('../kit/panel.js').Tone, words: string, text: string}} Provenance */
/** @typedef {{key: string, title: string, label: string, updatedAt?: number, createdAt?: number, items: number, tokens: number, model: string, parent: string, provenance: Provenance, readers: string}} Row */

/** @type {Record<string, Provenance>} */
const INTEGRITY = {
	'owner-typed': {tone: 'good', words: 'Owner', text: 'Only what you typed, and what was made from it.'},
	owner: {tone: 'good', words: 'Owner', text: 'Your own words, and what was made from them.'},
	member: {tone: 'warn', words: 'Member', text: 'Words of somebody else in the chat are in it: what leaves, deletes or spends is held back.'},
	untrusted: {tone: 'bad', words: 'Untrusted', text: 'Words of strangers or of the web are in it: what leaves, deletes or spends is held back.'},
};
/** @type {Record<string, string>} */
const READERS = {secret: 'nobody', owner: 'you alone', chat: 'the members of its chat', public: 'anybody'};

/** @param {string} key where a session comes from, by its key */
function originOf(key) {
	const rest = key.replace(/^agent:[^:]*:/, '');
	const first = rest.split(':')[0];
	const names = {main: 'Main chat', subagent: 'Sub-agent', openai: 'HTTP API', openresponses: 'HTTP API', cron: 'Schedule', hook: 'Webhook'};
	const known = pick(names, first);
	if (known)
		return known;
	if (/^chat-[0-9a-f]{8}$/.test(rest))
		return 'Control UI';
	return rest.includes(':') ? oneLine(first, 30) : 'Client';
}

/** @param {any} raw @returns {Row} */
function read(raw) {
	const base = readRow(raw);
	return {...base, label: typeof raw?.label === 'string' ? raw.label : '', createdAt: timestamp(raw?.createdAt),
		items: Number(raw?.items) || 0, tokens: Number(raw?.totalTokens) || 0, model: String(raw?.model ?? ''), parent: String(raw?.spawnedBy ?? ''),
		provenance: pick(INTEGRITY, raw?.provenance?.integrity) ?? {tone: 'warn', words: 'Not known', text: 'The gateway does not say whose words are in it.'},
		readers: pick(READERS, raw?.provenance?.readers) ?? 'not known'};
}

export class SessionsRoom {
	/** @param {import('../rooms.js').Context} context */
	constructor(context) {
		this.context = context;
		this.words = '';
		/** @type {Row[] | null} */
		this.rows = null;
		this.again = later(() => this.load(), REFRESH_MS);
		this.body = el('div', null, skeleton());
		this.head = el('p', {class: 'hint', role: 'status'});
		this.el = el('div', {class: 'inner'}, el('div', {class: 'toolbar'}, searchBox('Find a session', (text) => { this.words = text.toLowerCase(); this.draw(); }), this.head),
			this.body);
	}

	open() {
		this.load();
	}

	close() {
		this.again.stop();
	}

	/** @param {import('../rpc.js').GatewayEvent} event */
	onEvent({event, payload}) {
		if (event === 'chat' && payload?.state !== 'delta')
			this.again.soon();
	}

	async load() {
		try {
			const answer = await this.context.request('sessions.list', PARAMS);
			this.rows = (Array.isArray(answer?.sessions) ? answer.sessions : []).map(read).filter((/** @type {Row} */ r) => r.key !== '');
			this.draw();
		} catch (error) {
			if (this.rows === null)
				this.body.replaceChildren(failure(error, () => this.load()));
		}
	}

	/** Something was done with one. */
	changed() {
		this.context.onSessions();
		return this.load();
	}

	draw() {
		const rows = (this.rows ?? []).filter((r) => `${r.title} ${r.key} ${r.provenance.words} ${originOf(r.key)}`.toLowerCase().includes(this.words));
		this.head.textContent = this.rows === null ? '' : rows.length === this.rows.length ? count(rows.length, 'session') :
			`${rows.length} of ${count(this.rows.length, 'session')}`;
		if (rows.length === 0) {
			this.body.replaceChildren(this.rows?.length ? nothing({icon: 'search', title: 'No session fits', text: 'Try fewer letters, or a part of the key.'}) :
				nothing({icon: 'layers', title: 'No sessions yet', text: 'A session begins with its first message, here or from any other client.',
					action: el('a', {class: 'button primary', href: address('chat'), text: 'Start a chat'})}));
			return;
		}
		this.body.replaceChildren(panel({title: 'Sessions', class: 'bare'}, table('Sessions', [{title: 'Session', class: 'key'}, {title: 'Origin'},
			{title: 'Words of'}, {title: 'Size', class: 'num'}, {title: 'Last used'}, {title: 'Actions', class: 'actions'}],
		rows.map((r) => ({cells: [
			el('div', {class: 'stack'}, el('a', {href: address('chat', r.key)}, foreign(r.title, 80)), foreign(r.key, 90, 'mono soft small')),
			foreign(originOf(r.key), 30), badge(r.provenance.tone, r.provenance.words, r.provenance.text),
			el('span', {class: 'nowrap', text: count(r.items, 'item')}), when(r.updatedAt),
			button('Manage', () => this.manage(r), {label: `Manage ${r.title}`})]})))));
	}

	/** @param {Row} r */
	manage(r) {
		const name = el('input', {class: 'input', type: 'text', maxlength: '64', autocomplete: 'off', dir: 'auto', placeholder: 'No name'});
		name.value = r.label;
		const named = field({label: 'Name', hint: 'Shown in the list of chats. Empty: the beginning of its first message.'}, name,
			button('Save', () => this.rename(r, name.value, named, dialog)));
		const save = button('Export', () => this.export(r, save), {icon: 'down'});
		const over = (/** @type {() => void} */ fn) => () => { dialog.close(); fn(); };
		const dialog = sheet({title: 'Session', class: 'wide'}, el('p', {class: 'what'}, foreign(r.title, 100)),
			facts([['Key', foreign(r.key, 300, 'mono')], ['Origin', foreign(originOf(r.key), 60)],
				...(r.parent ? [/** @type {[string, Node]} */ (['Begun by', foreign(r.parent, 200, 'mono')])] : []),
				['Words of', el('span', null, badge(r.provenance.tone, r.provenance.words), ' ', el('span', {class: 'soft', text: r.provenance.text}))],
				['May be read by', r.readers], ['Size', `${count(r.items, 'item')}, ${count(r.tokens, 'token')}`],
				['Begun', r.createdAt ? moment(r.createdAt) : 'not known'], ['Last used', when(r.updatedAt)]]),
			named.el,
			el('div', {class: 'choices'}, button('Open', over(() => go('chat', r.key)), {icon: 'chat'}),
				save,
				button('Reset\u2026', over(() => this.reset(r)), {class: 'quiet'}), button('Delete\u2026', over(() => this.remove(r)), {class: 'quiet bad'})),
			actions(closeButton()));
	}

	/**
	 * @param {Row} r
	 * @param {string} name
	 * @param {import('../kit/field.js').Field} named
	 * @param {HTMLDialogElement} dialog
	 */
	async rename(r, name, named, dialog) {
		named.fail('');
		try {
			await this.context.request('sessions.patch', {key: r.key, label: name.trim() || null});
			dialog.close();
			toast(name.trim() ? 'The session has its name' : 'The name was taken away');
			await this.changed();
		} catch (error) {
			named.fail(reason(error));
		}
	}

	/**
	 * @param {Row} r
	 * @param {HTMLButtonElement} pressed says how far it is
	 */
	async export(r, pressed) {
		const words = /** @type {Text} */ (pressed.lastChild);
		pressed.disabled = true;
		try {
			const n = await exportSession(this.context.request, r.key, (so) => { words.data = `${so.toLocaleString()} read\u2026`; });
			toast(`${count(n, 'message')} exported`);
		} catch (error) {
			toast(`Not exported: ${reason(error)}`, 'bad');
		}
		words.data = 'Export';
		pressed.disabled = false;
	}

	/** @param {Row} r */
	reset(r) {
		ask({title: 'Begin this session anew?', what: foreign(r.title, 100), action: 'Begin anew',
			text: 'Under the same key a new, empty session begins. From the old one the assistant reads nothing any more:',
			points: [`${count(r.items, 'item')} of conversation go out of sight`, 'its label starts clean', 'what runs in it is stopped'],
			run: async () => {
				await this.context.request('sessions.reset', {key: r.key});
				toast('The session begins anew');
				await this.changed();
			}});
	}

	/** @param {Row} r */
	remove(r) {
		ask({title: 'Delete this session?', what: foreign(r.title, 100), action: 'Delete', text: 'It leaves every list, and cannot be brought back from here. You lose:',
			points: [`${count(r.items, 'item')} of conversation`, 'its name and what was set for it', 'what runs in it is stopped'],
			more: el('p', {class: 'hint', text: 'To keep a copy, export it first.'}),
			run: async () => {
				await this.context.request('sessions.delete', {key: r.key});
				toast('The session is deleted');
				await this.changed();
			}});
	}
}
