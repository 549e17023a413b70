// Is everything well: what runs, what holds it in, who may come in, and what went wrong lately.
import {el, oneLine} from '../dom.js';
import {count, duration, pick} from '../kit/format.js';
import {later} from '../kit/later.js';
import {badge, facts, failure, foreign, panel, skeleton, when} from '../kit/panel.js';
import {table} from '../kit/table.js';
import {PROOFS, readSandbox, TIERS} from '../sandbox.js';
import {address} from '../router.js';
import {readAlerts} from './alerts.js';

const REFRESH_MS = 5000;
const EVENT_MS = 1500;
const LOG_LINES = 1000;
const HISTORY_MS = 60000;
/** What became of the last text of the configuration. @type {Record<string, {tone: import('../kit/panel.js').Tone, words: string, text: string}>} */
const CONFIG_STATES = {
	taken: {tone: 'good', words: 'In force', text: 'The gateway runs with what the file says.'},
	refused: {tone: 'bad', words: 'Refused', text: 'The file has mistakes; the gateway goes on with what it read before.'},
	'needs a restart': {tone: 'warn', words: 'Needs a restart', text: 'Some of it counts when the gateway starts again.'},
};

export class Overview {
	/** @param {import('../rooms.js').Context} context */
	constructor(context) {
		this.context = context;
		this.el = el('div', {class: 'inner'}, skeleton());
		this.timer = 0;
		this.asking = 0;
		this.drawn = '';
		/** @type {any} the configuration's former texts, which are asked for more seldom */
		this.history = null;
		this.historyAt = 0;
		this.again = later(() => this.load(), EVENT_MS);
	}

	open() {
		this.close();
		this.load();
		this.timer = setInterval(() => { if (!document.hidden) this.load(); }, REFRESH_MS);
	}

	close() {
		this.again.stop();
		clearInterval(this.timer);
	}

	/** @param {import('../rpc.js').GatewayEvent} event */
	onEvent({event}) {
		if (event === 'health')
			this.historyAt = 0;
		if (event === 'health' || event === 'presence' || event.startsWith('device.pair'))
			this.again.soon();
	}

	async load() {
		const mine = ++this.asking;
		const {request} = this.context;
		const optional = (/** @type {string} */ method, /** @type {object} */ params = {}) => request(method, params).catch(() => null);
		if (Date.now() - this.historyAt > HISTORY_MS) {
			this.historyAt = Date.now();
			optional('moltbot.config.history').then((answer) => { this.history = answer; this.again.soon(); });
		}
		try {
			const [status, processes, health, log, presence, devices] = await Promise.all([request('status'), request('moltbot.processes'), optional('health'),
				optional('logs.tail', {limit: LOG_LINES}), optional('system-presence'), optional('device.pair.list')]);
			if (mine === this.asking)
				this.draw(status, processes?.processes, health, log?.lines, presence, devices);
		} catch (error) {
			if (mine === this.asking && this.drawn === '')
				this.el.replaceChildren(failure(error, () => this.load()));
		}
	}

	/**
	 * @param {any} status
	 * @param {any} processes
	 * @param {any} health
	 * @param {any} lines
	 * @param {any} presence
	 * @param {any} devices
	 */
	draw(status, processes, health, lines, presence, devices) {
		const alerts = readAlerts({status, processes: Array.isArray(processes) ? processes : [], health, lines, devices, history: this.history});
		const seen = JSON.stringify([status, processes, health?.config, alerts, presence, devices, Math.floor(Date.now() / 60000)]);
		if (seen === this.drawn || this.el.contains(document.getSelection()?.anchorNode ?? null) && !document.getSelection()?.isCollapsed)
			return;
		this.drawn = seen;
		const rows = Array.isArray(processes) ? processes : [];
		const focused = /** @type {HTMLElement | null} */ (document.activeElement);
		const back = this.el.contains(focused) ? focused?.getAttribute('href') ?? focused?.getAttribute('aria-label') : null;
		this.el.replaceChildren(tiles(status, rows, devices, health?.config), alertPanel(alerts, lines),
			processPanel(rows), clientPanel(presence));
		if (back)
			/** @type {HTMLElement | undefined} */ ([...this.el.querySelectorAll('a, [aria-label]')].find((n) =>
				n.getAttribute('href') === back || n.getAttribute('aria-label') === back))?.focus();
	}
}

/**
 * @param {string} title
 * @param {import('../dom.js').Child} value
 * @param {string} words
 * @param {import('../dom.js').Child} [link]
 */
function tile(title, value, words, link) {
	return el('section', {class: 'tile', 'aria-label': title}, el('h2', {text: title}), el('div', {class: 'tilevalue'}, value),
		el('p', {class: 'hint', text: words}), link);
}

/**
 * @param {any} status
 * @param {any[]} processes
 * @param {any} devices
 * @param {any} config
 */
function tiles(status, processes, devices, config) {
	const gateway = status?.gateway ?? {};
	const taken = pick(CONFIG_STATES, config) ?? {tone: 'plain', words: 'Not known', text: 'The gateway has not said.'};
	const sandbox = readSandbox(status);
	const down = processes.filter((p) => stateOf(p).tone === 'bad').length;
	const pending = Array.isArray(devices?.pending) ? devices.pending.length : 0;
	const paired = Array.isArray(devices?.paired) ? devices.paired.length : 0;
	return el('div', {class: 'tiles'},
		tile('Gateway', gateway.stopped ? badge('bad', 'Everything is stopped') : down > 0 ? badge('bad', `${count(down, 'process', 'processes')} down`) :
			badge('good', 'Running'), `Version ${oneLine(String(gateway.version ?? '?'), 30)}, up for ${duration(Number(gateway.uptimeMs) || 0)}`),
		tile('Sandbox', sandbox ? badge(sandbox.tone, sandbox.words) : badge('warn', 'Not known yet'),
			sandbox ? pick(TIERS, sandbox.tier)?.text ?? 'The tier is being found out.' : 'The sandbox has not reported yet.'),
		tile('Self-proof', sandbox ? badge(sandbox.proof === 'passed' ? 'good' : sandbox.proof === 'pending' ? 'warn' : 'bad',
			{passed: 'Passed', pending: 'Under way', failed: 'Failed'}[sandbox.proof]) : badge('warn', 'Not known yet'),
		sandbox ? sandbox.why || PROOFS[sandbox.proof] : 'It runs at every start.'),
		tile('Sign-in', badge(gateway.auth?.mode ? 'good' : 'warn', gateway.auth?.mode === 'password' ? 'Password' : gateway.auth?.mode === 'token' ? 'Token' : 'Unknown'),
			`Listens on ${oneLine(String(gateway.bind ?? '?'), 30)}, port ${Number(gateway.port) || '?'}`),
		tile('Model', foreign(status?.sessions?.defaults?.model ?? '?', 60, 'big'), gateway.provider === 'offline' ?
			'The built-in assistant, which needs no key.' : `Provider ${oneLine(String(gateway.provider ?? '?'), 60)}`),
		tile('Work', el('span', {class: 'big', text: count(Number(gateway.runsActive) || 0, 'run')}),
			`${count(Number(gateway.runsQueued) || 0, 'message')} waiting for their turn`, el('a', {href: address('sessions'), text: 'Sessions'})),
		tile('Configuration', badge(taken.tone, taken.words), taken.text, el('a', {href: address('config'), text: 'Configuration'})),
		tile('Devices', pending > 0 ? badge('warn', `${count(pending, 'device')} waiting`) : el('span', {class: 'big', text: `${paired} paired`}),
			pending > 0 ? 'Somebody asks to be let in.' : 'Nobody waits to be let in.', el('a', {href: address('devices'), text: 'Devices'})));
}

/**
 * @param {import('./alerts.js').Alert[]} alerts
 * @param {any} lines
 */
function alertPanel(alerts, lines) {
	const list = el('ul', {class: 'alerts'}, ...alerts.map((a) => el('li', null, badge(a.tone, a.kind),
		el('div', {class: 'alerttext'}, foreign(a.text, 300), (a.times ?? 1) > 1 && el('span', {class: 'times', text: `${a.times} times`}),
			a.todo && el('p', {class: 'todo', text: a.todo}),
			el('p', {class: 'hint'}, a.at ? when(a.at) : 'now', a.from && ' \u00b7 ', a.from && foreign(a.from, 30),
				a.link && ' \u00b7 ', a.link && el('a', {href: a.link, text: a.linkText}))))));
	return panel({title: 'Alerts', actions: [el('a', {href: address('logs'), text: 'All logs'})]},
		alerts.length > 0 ? list : el('p', {class: 'calm'}, badge(lines ? 'good' : 'warn', lines ? 'Nothing to report' : 'The log cannot be read'),
			el('span', {class: 'soft', text: lines ? `No warning and no error in the last ${LOG_LINES.toLocaleString()} lines of the log, no restart and no change of the configuration.` : ''})));
}

/**
 * @param {any} p
 * @returns {{tone: import('../kit/panel.js').Tone, words: string}}
 */
function stateOf(p) {
	const running = Number(p?.running) || 0;
	if (Number(p?.restarting) > 0)
		return {tone: 'bad', words: 'Restarting'};
	if (running > 0)
		return {tone: 'good', words: running === 1 ? 'Running' : `${running} running`};
	if (Number(p?.starting) > 0)
		return {tone: 'warn', words: 'Starting'};
	if (/ with /.test(String(p?.instances ?? '')) && !(Number(p?.crashes) > 0))
		return {tone: 'plain', words: 'Off'};
	return p?.life === 'always' ? {tone: 'bad', words: 'Down'} : {tone: 'plain', words: 'On demand'};
}

/** @param {any[]} rows */
function processPanel(rows) {
	const sorted = [...rows].sort((a, b) => Number(stateOf(b).tone !== 'plain') - Number(stateOf(a).tone !== 'plain'));
	return panel({title: 'Processes', hint: 'Each has its own rights and its own jail, and holds what stands beside it.'},
		table('Processes', [{title: 'Process', class: 'key'}, {title: 'State'}, {title: 'Since'}, {title: 'Crashes', class: 'num'}, {title: 'Holds', class: 'wide'}],
			sorted.map((p) => {
				const state = stateOf(p);
				const crashes = Number(p?.crashes) || 0;
				return {class: state.tone === 'plain' ? 'idle' : '', cells: [foreign(p?.name, 40, 'mono'), badge(state.tone, state.words), when(p?.since),
					crashes > 0 ? badge('warn', String(crashes), 'since the gateway started') : el('span', {class: 'soft', text: '0'}), foreign(p?.holds, 200, 'soft')]};
			})));
}

/** @param {any} presence */
function clientPanel(presence) {
	const rows = Array.isArray(presence) ? presence.filter((p) => p?.mode !== 'gateway') : [];
	if (rows.length === 0)
		return el('span', {hidden: true});
	return panel({title: 'Connected', hint: 'Every client that is signed in now.'}, el('ul', {class: 'clients'}, ...rows.map((p) =>
		el('li', null, facts([['Client', foreign(p?.host || p?.clientId || p?.mode || '?', 60)], ['Kind', foreign(p?.mode ?? '?', 30)],
			['Platform', foreign(p?.platform ?? '?', 40)], ['Since', when(p?.ts)]])))));
}
