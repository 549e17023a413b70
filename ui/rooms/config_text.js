// The text itself, with line numbers, the difference before it is saved, and every mistake at its place.
import {el, icon} from '../dom.js';
import {ask} from '../kit/dialog.js';
import {diffView} from '../kit/diff.js';
import {button} from '../kit/panel.js';
import {toast} from '../kit/toast.js';
import {RpcError} from '../rpc.js';
import {issueList, noText, readIssues} from './config.js';

/** @typedef {import('./config.js').Issue} Issue */

export class ConfigText {
	/** @param {import('./config.js').Config} room */
	constructor(room) {
		this.room = room;
		this.basis = '';
		this.gutter = el('div', {class: 'gutter', 'aria-hidden': 'true'});
		this.area = el('textarea', {class: 'codearea', wrap: 'off', spellcheck: 'false', autocomplete: 'off', autocapitalize: 'none', dir: 'ltr',
			'aria-label': 'Text of the configuration', rows: '24'});
		this.area.addEventListener('input', () => this.changed());
		this.area.addEventListener('scroll', () => { this.gutter.scrollTop = this.area.scrollTop; }, {passive: true});
		this.problems = el('div', {role: 'alert'});
		this.review = button('Review changes', () => this.ask(), {class: 'primary'});
		this.discard = button('Discard', () => { this.area.value = this.basis; this.changed(); this.problems.replaceChildren(); }, {class: 'quiet'});
		this.hint = el('p', {class: 'hint', text: 'JSON5: comments are kept. A secret is shown as a mark; leave the mark, and the secret stays.'});
		this.editor = el('div', {class: 'editor'}, this.gutter, this.area);
		this.bar = el('div', {class: 'savebar'}, el('p', {role: 'status'}), this.discard, this.review);
		this.el = el('div', {class: 'configtext'}, this.hint, this.problems, this.editor, this.bar);
	}

	isChanged() {
		return this.area.value !== this.basis;
	}

	/** @param {import('./config.js').Base} base */
	show(base) {
		if (base.raw === null && base.exists && !this.isChanged()) {
			this.problems.replaceChildren(noText('It is no valid JSON5, so nobody can say where its secrets are. Mend the file on the machine, or bring an older text back from the history.'));
			this.editor.hidden = true;
			this.bar.hidden = true;
			return;
		}
		this.editor.hidden = false;
		const text = base.raw ?? '{\n}\n';
		if (!this.isChanged())
			this.area.value = text;
		this.basis = text;
		if (!this.isChanged())
			this.problems.replaceChildren(...(base.issues.length > 0 ? [issueList(base.issues, (i) => this.goTo(i))] : []));
		this.changed();
	}

	changed() {
		const lines = this.area.value.split('\n').length;
		if (this.gutter.childElementCount !== lines)
			this.gutter.replaceChildren(...Array.from({length: lines}, (_, i) => el('span', {text: String(i + 1)})));
		this.bar.hidden = !this.isChanged();
		/** @type {HTMLElement} */ (this.bar.firstChild).textContent = this.isChanged() ? 'Not saved' : '';
	}

	/** @param {Issue} issue the caret goes to its place */
	goTo(issue) {
		const lines = this.area.value.split('\n');
		const line = Math.min(issue.line, lines.length) - 1;
		const at = lines.slice(0, line).reduce((sum, l) => sum + l.length + 1, 0) + Math.max(0, Math.min(issue.col - 1, lines[line]?.length ?? 0));
		const end = at + (/^[\w$]+|^"[^"\n]*"|^./.exec(this.area.value.slice(at))?.[0].length ?? 0);
		this.area.focus();
		this.area.setSelectionRange(at, end);
		this.area.scrollTop = Math.max(0, line - 5) * this.area.scrollHeight / Math.max(1, lines.length);
	}

	ask() {
		ask({title: 'Save this text?', class: 'huge', tone: 'primary', action: 'Save', text: 'It is checked as a whole first. With a mistake in it nothing is written.',
			more: diffView(this.basis, this.area.value),
			run: async () => {
				const raw = this.area.value;
				await this.room.save('config.set', {raw});
				this.basis = raw;
				this.problems.replaceChildren();
				this.room.draw();
				toast('Saved');
			},
			onError: (error) => this.refused(error)});
	}

	/** @param {unknown} error */
	refused(error) {
		const issues = error instanceof RpcError ? readIssues(error.details?.issues) : [];
		if (issues.length > 0) {
			this.say('Nothing was saved. What is wrong, and where:', issueList(issues, (i) => this.goTo(i)));
			setTimeout(() => this.goTo(issues[0]), 0);
			return true;
		}
		if (error instanceof RpcError && /changed since last load/.test(error.message)) {
			this.say('Somebody else changed the file meanwhile. Your text is kept; load the new one to see the difference.',
				button('Load the new one', async () => { await this.room.load(); this.problems.replaceChildren(); }));
			return true;
		}
		return false;
	}

	/**
	 * @param {string} text
	 * @param {Node} more
	 */
	say(text, more) {
		this.problems.replaceChildren(el('div', {class: 'alert'}, icon('warn'), el('div', null, el('p', {text}), more)));
	}
}
