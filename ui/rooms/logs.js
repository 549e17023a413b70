// The gateway's own log, as it grows.
import {el, icon, visible} from '../dom.js';
import {count, moment} from '../kit/format.js';
import {failure, nothing, reason, skeleton} from '../kit/panel.js';
import {searchBox, select} from '../kit/field.js';
import {rank, readLine} from './logline.js';

const POLL_MS = 1000;
const KEPT_MAX = 4000;
const SHOWN_MAX = 800;
const FIRST_LINES = 500;
const TEXT_MAX = 4000;
const NEAR_END_PX = 60;
/** @type {Record<string, string>} */
const WORDS = {debug: 'Debug', info: 'Info', warn: 'Warning', error: 'Error', '': 'Other'};

/** @typedef {import('./logline.js').LogLine} LogLine */

export class Logs {
	/** @param {import('../rooms.js').Context} context */
	constructor(context) {
		this.context = context;
		/** @type {LogLine[]} */
		this.lines = [];
		/** @type {number | undefined} */
		this.cursor = undefined;
		this.words = '';
		this.least = 0;
		this.isPaused = false;
		this.timer = 0;
		this.isOpen = false;
		this.isAsking = false;
		this.pinned = true;
		this.list = el('ol', {class: 'loglines', 'aria-label': 'Log', tabindex: '0'});
		this.list.addEventListener('scroll', () => {
			this.pinned = this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight < NEAR_END_PX;
		}, {passive: true});
		this.level = select([['0', 'All levels'], ['2', 'Info and above'], ['3', 'Warnings and errors'], ['4', 'Errors']], '0', {'aria-label': 'Least level'});
		this.level.addEventListener('change', () => { this.least = Number(this.level.value); this.draw(); });
		this.pause = el('button', {type: 'button', class: 'button', 'aria-pressed': 'false', on: {click: () => this.setPaused(!this.isPaused)}});
		this.state = el('p', {class: 'hint', role: 'status'});
		this.body = el('div', {class: 'logbody'}, skeleton());
		this.el = el('div', {class: 'inner tall'}, el('div', {class: 'toolbar'}, searchBox('Find in the log', (text) => { this.words = text.toLowerCase(); this.draw(); }),
			this.level, this.pause), this.state, this.body);
		this.setPaused(false);
	}

	open() {
		this.isOpen = true;
		this.poll();
	}

	close() {
		this.isOpen = false;
		clearTimeout(this.timer);
	}

	/** @param {boolean} paused */
	setPaused(paused) {
		this.isPaused = paused;
		this.pause.setAttribute('aria-pressed', String(paused));
		this.pause.replaceChildren(icon(paused ? 'play' : 'pause'), paused ? 'Go on' : 'Pause');
		this.say();
		if (!paused && this.isOpen)
			this.poll();
	}

	async poll() {
		clearTimeout(this.timer);
		if (this.isAsking || this.isPaused)
			return;
		this.isAsking = true;
		try {
			const answer = await this.context.request('logs.tail', this.cursor === undefined ? {limit: FIRST_LINES} : {cursor: this.cursor, limit: FIRST_LINES});
			this.take(answer);
		} catch (error) {
			if (this.lines.length === 0)
				this.body.replaceChildren(failure(error, () => this.poll()));
			else
				this.state.textContent = `The log is not read at present: ${reason(error)}`;
		}
		this.isAsking = false;
		if (this.isOpen)
			this.timer = setTimeout(() => this.poll(), POLL_MS);
	}

	/** @param {any} answer */
	take(answer) {
		const fresh = Array.isArray(answer?.lines) ? answer.lines.map(readLine) : [];
		const isFirst = this.cursor === undefined;
		this.cursor = Number.isSafeInteger(answer?.cursor) ? answer.cursor : undefined;
		if (answer?.reset === true)
			this.lines = [];
		this.lines = this.lines.concat(fresh).slice(-KEPT_MAX);
		if (isFirst || fresh.length > 0 || answer?.reset === true)
			this.draw();
		this.say();
	}

	shown() {
		return this.lines.filter((l) => (this.least === 0 || rank(l.level) >= this.least) &&
			(this.words === '' || `${l.process} ${l.text}`.toLowerCase().includes(this.words)));
	}

	say() {
		const n = this.shown().length;
		this.state.textContent = this.cursor === undefined ? '' : `${n === this.lines.length ? count(n, 'line') : `${n} of ${count(this.lines.length, 'line')}`}, ${
			this.isPaused ? 'paused' : 'live'}${n > SHOWN_MAX ? `; the newest ${SHOWN_MAX} are shown` : ''}`;
	}

	draw() {
		const rows = this.shown();
		const at = this.list.scrollTop;
		if (rows.length === 0) {
			this.body.replaceChildren(this.lines.length > 0 ? nothing({icon: 'search', title: 'No line fits', text: 'Try fewer letters, or all levels.'}) :
				nothing({icon: 'lines', title: 'The log is empty', text: 'What the gateway\u2019s processes have to say appears here.'}));
		} else {
			this.list.replaceChildren(...rows.slice(-SHOWN_MAX).map(lineOf));
			if (this.list.parentNode !== this.body)
				this.body.replaceChildren(this.list);
			this.list.scrollTop = this.pinned ? this.list.scrollHeight : at;
		}
		this.say();
	}
}

/** @param {LogLine} line */
function lineOf(line) {
	const clock = line.at ? new Date(line.at).toLocaleTimeString(undefined, {hour12: false}) : '';
	return el('li', {class: `logline ${line.level}`.trim()},
		el('time', {datetime: line.at ? new Date(line.at).toISOString() : null, title: line.at ? moment(line.at) : null, text: clock}),
		el('span', {class: 'level', text: WORDS[line.level]}), el('bdi', {class: 'process', text: visible(line.process.slice(0, 60))}),
		el('bdi', {class: 'logtext', text: visible(line.text.slice(0, TEXT_MAX))}));
}
