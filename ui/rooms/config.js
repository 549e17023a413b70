// The configuration: forms, the text itself, and its history, over one base that was read.
import {el, icon} from '../dom.js';
import {badge, failure, nothing, reason, skeleton} from '../kit/panel.js';
import {address, go} from '../router.js';
import {ConfigForm} from './config_form.js';
import {ConfigHistory} from './config_history.js';
import {ConfigText} from './config_text.js';

/**
 * @typedef {{path: string, message: string, line: number, col: number, file?: string}} Issue
 * @typedef {{raw: string | null, parsed: any, hash: string, path: string, exists: boolean, valid: boolean, issues: Issue[], warnings: Issue[]}} Base
 * @typedef {{el: HTMLElement, show: (base: Base, rest: string[]) => void, isChanged: () => boolean}} View
 */

/** @type {[string, string][]} */
const TABS = [['form', 'Settings'], ['text', 'Text'], ['history', 'History']];

/** @param {any} list @returns {Issue[]} */
export function readIssues(list) {
	return Array.isArray(list) ? list.map((i) => ({path: String(i?.path ?? ''), message: String(i?.message ?? i), line: Number(i?.line) || 0,
		col: Number(i?.col) || 0, file: typeof i?.file === 'string' ? i.file : undefined})) : [];
}

/** @param {any} answer of config.get @returns {Base} */
function readBase(answer) {
	return {raw: typeof answer?.raw === 'string' ? answer.raw : null, parsed: answer?.parsed ?? {}, hash: String(answer?.hash ?? ''),
		path: String(answer?.path ?? ''), exists: answer?.exists === true, valid: answer?.valid === true, issues: readIssues(answer?.issues),
		warnings: readIssues(answer?.warnings)};
}

export class Config {
	/** @param {import('../rooms.js').Context} context */
	constructor(context) {
		this.request = context.request;
		/** @type {Base | null} */
		this.base = null;
		/** @type {any} */
		this.schema = null;
		this.tab = 'form';
		/** @type {string[]} */
		this.rest = [];
		this.links = TABS.map(([id, text]) => el('a', {href: address('config', id), class: 'tab', text}));
		this.place = el('p', {class: 'hint'});
		this.state = el('div');
		this.body = el('div', {class: 'configbody'}, skeleton());
		this.tabs = el('nav', {class: 'tabs', 'aria-label': 'Configuration'}, ...this.links);
		this.el = el('div', {class: 'inner'}, this.tabs, this.place, this.state, this.body);
		/** @type {Record<string, View>} */
		this.views = {form: new ConfigForm(this), text: new ConfigText(this), history: new ConfigHistory(this)};
	}

	/** @param {string[]} rest */
	open(rest) {
		if (rest[0] && rest[0] in this.views)
			[this.tab, ...this.rest] = rest;
		this.links.forEach((link, i) => TABS[i][0] === this.tab ? link.setAttribute('aria-current', 'page') : link.removeAttribute('aria-current'));
		if (!this.base || !Object.values(this.views).some((v) => v.isChanged()))
			this.load();
		else
			this.draw();
	}

	close() {}

	mayLeave() {
		return !Object.values(this.views).some((v) => v.isChanged());
	}

	async load() {
		try {
			const [answer, schema] = await Promise.all([this.request('config.get'), this.schema ?? this.request('config.schema')]);
			this.base = readBase(answer);
			this.schema = schema;
			this.draw();
		} catch (error) {
			if (this.base)
				return;
			this.tabs.hidden = /missing scope/.test(reason(error));
			this.body.replaceChildren(failure(error, () => this.load()));
		}
	}

	draw() {
		const base = this.base;
		if (!base)
			return;
		this.tabs.hidden = false;
		this.place.replaceChildren(el('bdi', {class: 'mono', text: base.path}), base.exists ? '' : ' does not exist yet; saving makes it');
		this.state.replaceChildren(...(base.valid ? [] : [el('div', {class: 'alert', role: 'alert'}, icon('warn'),
			el('div', null, el('p', {text: 'The file has mistakes. The gateway goes on with what it read before; nothing in the file counts until they are mended.'}),
				issueList(base.issues, () => go('config', 'text'))))]), ...(base.valid && base.warnings.length > 0 ? [el('details', {class: 'warnings'},
			el('summary', null, icon('chevron'), badge('warn', `${base.warnings.length} ${base.warnings.length === 1 ? 'warning' : 'warnings'}`)),
			issueList(base.warnings, () => go('config', 'text')))] : []));
		const view = this.views[this.tab];
		view.show(base, this.rest);
		if (this.body.firstChild !== view.el)
			this.body.replaceChildren(view.el);
	}

	/**
	 * Writes, and reads again what stands there then.
	 * @param {string} method
	 * @param {object} params
	 */
	async save(method, params) {
		const answer = await this.request(method, {...params, ...(this.base?.exists ? {baseHash: this.base.hash} : {})});
		this.base = readBase(await this.request('config.get'));
		return answer;
	}
}

/**
 * What is wrong, each with its place; a click goes there.
 * @param {Issue[]} issues
 * @param {(issue: Issue) => void} onPick
 */
export function issueList(issues, onPick) {
	return el('ul', {class: 'issues'}, ...issues.map((i) => el('li', null,
		i.line > 0 && el('button', {type: 'button', class: 'linkbutton', text: `${i.file ? `${i.file}, ` : ''}line ${i.line}, column ${i.col}`,
			on: {click: () => onPick(i)}}), el('bdi', {text: i.message}))));
}

/** @param {string} text */
export function noText(text) {
	return nothing({icon: 'file', title: 'The text cannot be shown', text});
}
