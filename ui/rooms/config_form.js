// Forms made from config.schema: a section at a time; what was changed is looked at, and then saved as one patch.
import {el, icon, oneLine} from '../dom.js';
import {ask} from '../kit/dialog.js';
import {field as formField, select} from '../kit/field.js';
import {badge, button, foreign} from '../kit/panel.js';
import {count} from '../kit/format.js';
import {toast} from '../kit/toast.js';
import {address} from '../router.js';
import {RpcError} from '../rpc.js';
import {issueList, readIssues} from './config.js';
import {ConfigList} from './config_list.js';
import {fields, humane, isEditable, maps, MARK, parseText, patchOf, sections, valueAt} from './config_fields.js';

/** @typedef {import('./config_fields.js').Field} Field */
/** @typedef {import('./config_fields.js').Change} Change */

/** @param {any} value @param {boolean} secret */
function shown(value, secret) {
	if (value === undefined)
		return el('span', {class: 'soft', text: 'not set'});
	return secret ? el('span', {class: 'soft', text: 'a secret'}) : foreign(typeof value === 'string' ? value : JSON.stringify(value), 400, 'mono');
}

export class ConfigForm {
	/** @param {import('./config.js').Config} room */
	constructor(room) {
		this.room = room;
		/** @type {Map<string, Change>} */
		this.changes = new Map();
		/** @type {Map<string, string>} the field's path, what is wrong with what was typed */
		this.bad = new Map();
		/** @type {Set<string>} */
		this.added = new Set();
		/** @type {Map<string, import('../kit/field.js').Field>} */
		this.shownFields = new Map();
		this.section = '';
		this.drawn = '';
		this.list = el('nav', {class: 'sections', 'aria-label': 'Sections'});
		this.form = el('div', {class: 'formbody'});
		this.problems = el('div', {role: 'alert'});
		this.unsaved = el('p', {role: 'status'});
		this.reviewButton = button('', () => this.review(), {class: 'primary'});
		this.bar = el('div', {class: 'savebar', hidden: true}, this.unsaved, button('Discard', () => { this.reset(); this.redraw(); }, {class: 'quiet'}), this.reviewButton);
		this.el = el('div', {class: 'configform'}, this.list, el('div', {class: 'formside'}, this.problems, this.form, this.bar));
	}

	isChanged() {
		return this.changes.size > 0;
	}

	/**
	 * @param {import('./config.js').Base} base
	 * @param {string[]} rest
	 */
	show(base, rest) {
		const all = sections(this.room.schema);
		const section = all.find(([id]) => id === (rest[0] ?? this.section)) ?? all[0];
		this.list.replaceChildren(...all.map(([id]) => el('a', {href: address('config', 'form', id), class: 'sectionlink',
			'aria-current': id === section?.[0] ? 'true' : null}, humane(id), this.hasChangeIn(id) && el('span', {class: 'mark', role: 'img', 'aria-label': 'changed'}))));
		const key = `${section?.[0]} ${base.hash}`;
		if (section && key !== this.drawn) {
			this.section = section[0];
			this.drawn = key;
			this.draw(base, section[0], section[1]);
		}
		this.showBar();
	}

	/** @param {string} id */
	hasChangeIn(id) {
		return [...this.changes.values()].some((c) => c.path[0] === id);
	}

	/** What is shown is made anew. */
	redraw() {
		this.drawn = '';
		if (this.room.base)
			this.show(this.room.base, [this.section]);
	}

	/**
	 * @param {import('./config.js').Base} base
	 * @param {string} id
	 * @param {string[][]} patterns
	 */
	draw(base, id, patterns) {
		this.shownFields.clear();
		/** @type {Map<string, {path: string[], rows: HTMLElement[]}>} */
		const groups = new Map();
		for (const f of fields(this.room.schema, patterns, base.parsed, this.added)) {
			const path = f.path.slice(0, -1);
			const key = JSON.stringify(path);
			const group = groups.get(key) ?? {path, rows: []};
			group.rows.push(this.row(f, base));
			groups.set(key, group);
		}
		const nodes = [...groups.values()].map(({path, rows}) => el('fieldset', {class: 'panel'},
			el('legend', null, path.length === 1 && 'General', ...path.slice(1).flatMap((step, i) => [i > 0 && el('span', {class: 'soft', 'aria-hidden': 'true', text: ' \u203a '}),
				el('bdi', {text: Object.hasOwn(groupNames, step) ? groupNames[step] : humane(oneLine(step, 60))})])), ...rows));
		this.form.replaceChildren(el('h2', {class: 'sectiontitle', text: humane(id)}), ...nodes, ...maps(patterns).map((prefix) => this.adder(prefix)));
	}

	/** @param {string[]} prefix */
	adder(prefix) {
		const name = el('input', {class: 'input', type: 'text', maxlength: '64', autocomplete: 'off', spellcheck: 'false'});
		const one = formField({label: `Add to ${oneLine(prefix.join('.'), 80)}`, hint: 'Its name. Its fields appear then.'}, name, button('Add', () => {
			if (!/^[\w.@/-]{1,64}$/.test(name.value)) {
				one.fail('Letters, digits and . _ - / @ make a name.');
				return;
			}
			this.added.add(JSON.stringify([...prefix, name.value]));
			this.redraw();
		}));
		return el('div', {class: 'panel'}, one.el);
	}

	/**
	 * @param {Field} f
	 * @param {import('./config.js').Base} base
	 */
	row(f, base) {
		const key = JSON.stringify(f.path);
		const before = valueAt(base.parsed, f.path);
		const change = this.changes.get(key);
		const now = change ? change.after : before;
		if (!isEditable(f, before))
			return el('div', {class: 'field'}, el('div', {class: 'fieldtext'}, el('span', {class: 'label', text: f.label}), el('code', {class: 'path', text: f.name}),
				el('p', {class: 'hint', text: f.help})), el('div', {class: 'fieldcontrol'}, before !== undefined && shown(before, f.secret),
				el('a', {href: address('config', 'text'), text: before === undefined ? 'Write it in the text' : 'Change it in the text'})));
		if (f.kind === 'objects')
			return this.listRow(f, before, now);
		const control = controlOf(f, now);
		const hint = `${f.help}${f.restarts ? ' Counts when the gateway starts again.' : ''}`;
		const one = formField({label: f.label, path: f.name, hint}, control);
		this.shownFields.set(f.name, one);
		const take = () => {
			const read = parseText(f, control.value);
			one.fail(read.problem ?? '');
			this.take(f, before, read);
			one.el.classList.toggle('changed', this.changes.has(key));
		};
		control.addEventListener('input', take);
		control.addEventListener('change', take);
		one.el.classList.toggle('changed', change !== undefined);
		return one.el;
	}

	/**
	 * @param {Field} f
	 * @param {any} before
	 * @param {any} now
	 */
	listRow(f, before, now) {
		const list = new ConfigList(f, now, controlOf, () => {
			const read = list.read(before);
			list.fail('');
			this.take(f, before, read);
			list.el.classList.toggle('changed', this.changes.has(JSON.stringify(f.path)));
		});
		this.shownFields.set(f.name, list);
		list.el.classList.toggle('changed', this.changes.has(JSON.stringify(f.path)));
		return list.el;
	}

	/**
	 * What a control says now.
	 * @param {Field} f
	 * @param {any} before
	 * @param {{value?: any, problem?: string}} read
	 */
	take(f, before, read) {
		const key = JSON.stringify(f.path);
		this.changes.delete(key);
		this.bad.delete(key);
		if (read.problem)
			this.bad.set(key, read.problem);
		else if (!(before === MARK && read.value === undefined) && JSON.stringify(read.value) !== JSON.stringify(before))
			this.changes.set(key, {path: f.path, name: f.name, secret: f.secret, before, after: read.value});
		this.showBar();
	}

	showBar() {
		const n = this.changes.size;
		this.bar.hidden = n === 0 && this.bad.size === 0;
		this.unsaved.textContent = this.bad.size > 0 ? `${count(this.bad.size, 'field')} to mend first` : `${count(n, 'change')} not saved`;
		this.reviewButton.textContent = `Review ${count(n, 'change')}`;
		this.reviewButton.disabled = n === 0 || this.bad.size > 0;
	}

	reset() {
		this.changes.clear();
		this.bad.clear();
		this.added.clear();
		this.problems.replaceChildren();
	}

	review() {
		const changes = [...this.changes.values()];
		ask({title: 'Save these changes?', class: 'wide', tone: 'primary', action: 'Save', text: 'Everything else in the file stays as it is, comments too.',
			more: el('ul', {class: 'changes'}, ...changes.map((c) => el('li', null, el('code', {class: 'path', text: oneLine(c.name, 200)}),
				el('div', {class: 'beforeafter'}, el('div', null, badge('bad', 'Before'), shown(c.before, c.secret)), el('div', null, badge('good', 'After'), shown(c.after, c.secret)))))),
			run: async () => {
				const answer = await this.room.save('config.patch', {raw: patchOf(changes), note: 'Control UI'});
				this.reset();
				this.drawn = '';
				this.room.draw();
				toast(answer?.rewritten === true ? 'Saved; comments and layout of the file could not be kept' : 'Saved');
			},
			onError: (error) => this.refused(error)});
	}

	/** @param {unknown} error */
	refused(error) {
		const issues = error instanceof RpcError ? readIssues(error.details?.issues) : [];
		if (issues.length === 0)
			return false;
		for (const i of issues)
			(this.shownFields.get(i.path) ?? this.shownFields.get(i.path.replace(/(\[\d+\]|\.\d+)(\..*)?$/, '')))?.fail(i.message);
		this.problems.replaceChildren(el('div', {class: 'alert'}, icon('warn'), el('div', null,
			el('p', {text: 'Nothing was saved. What is wrong:'}), issueList(issues.map((i) => ({...i, line: 0})), () => {}))));
		this.problems.scrollIntoView({block: 'nearest'});
		return true;
	}
}

/** @type {Record<string, string>} */
const groupNames = {http: 'HTTP', controlUi: 'Control UI'};

/**
 * @param {Field} f
 * @param {any} value
 */
function controlOf(f, value) {
	const fallback = f.schema.default;
	const none = fallback === undefined ? 'Not set' : `Default (${f.kind === 'switch' ? (fallback ? 'on' : 'off') : oneLine(String(fallback), 60)})`;
	if (f.kind === 'switch')
		return select([['', none], ['true', 'On'], ['false', 'Off']], value === undefined ? '' : String(value));
	if (f.kind === 'choice')
		return select([['', none], ...f.schema.enum.map((/** @type {any} */ v) => /** @type {[string, string]} */ ([String(v), String(v)]))], value === undefined ? '' : String(value));
	if (f.kind === 'lines') {
		const area = el('textarea', {class: 'input', rows: '3', spellcheck: 'false', placeholder: 'One a line'});
		area.value = Array.isArray(value) ? value.join('\n') : '';
		return area;
	}
	const isKept = value === MARK;
	const input = el('input', {class: 'input', type: f.secret ? 'password' : 'text', inputmode: f.kind === 'number' ? 'numeric' : null, autocomplete: 'off', spellcheck: 'false',
		placeholder: isKept ? 'Stored; type to replace it' : fallback === undefined || fallback === '' ? 'Not set' : String(fallback)});
	input.value = value === undefined || isKept ? '' : String(value);
	return input;
}
