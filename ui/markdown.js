// Markdown to elements. Text goes in as text nodes only; nothing is loaded; a link always shows where it leads.
// Blocks are read line by line and inline text in one pass with a stack, so the time is linear in the text's length.
import {copyButton, el, visible} from './dom.js';

const FENCE = /^ {0,3}(`{3,}|~{3,})[ \t]*([^`]*)$/;
const HEADING = /^ {0,3}(#{1,6})[ \t]+(\S.*)$/;
const RULE = /^ {0,3}(?:(?:-[ \t]*){3,}|(?:\*[ \t]*){3,}|(?:_[ \t]*){3,})$/;
const ITEM = /^( {0,24})(?:([-*+])|(\d{1,9})[.)])[ \t]+(.*)$/;
const QUOTE = /^ {0,3}> ?(.*)$/;
const ROW = /^ {0,3}\|.*\|[ \t]*$/;
const ROW_RULE = /^ {0,3}\|(?:[ \t]*:?-+:?[ \t]*\|)+[ \t]*$/;
const QUOTE_DEPTH = 4;
const LIST_DEPTH = 6;

/**
 * @typedef {{kind: string, lines: string[], info?: string, closed?: boolean}} Block
 */

/**
 * The text without the characters at its end that are among these (a pattern anchored at the end would be quadratic).
 * @param {string} text
 * @param {string} chars
 */
function trimEnd(text, chars) {
	let end = text.length;
	while (end > 0 && chars.includes(text[end - 1]))
		end--;
	return text.slice(0, end);
}

/**
 * What a person reads of it, for a line in a list, where marks only stand in the way: "2**10" stays.
 * @param {string} text perhaps cut off
 */
export function withoutMarks(text) {
	return text.replace(/^ {0,3}(?:`{3,}.*|#{1,6} |>+ ?|[-*+] )/gm, '').replace(/`/g, '')
		.replace(/(^|[\s("'])(?:\*{1,3}|_{1,3}|~~)(?=[^\s*_~])/g, '$1').replace(/([^\s*_~])(?:\*{1,3}|_{1,3}|~~)(?=$|[\s.,:;!?)"'])/g, '$1');
}

/** @param {string} line */
function starts(line) {
	return FENCE.test(line) || HEADING.test(line) || RULE.test(line) || ITEM.test(line) || QUOTE.test(line) || ROW.test(line);
}

/**
 * @param {string} line the first of a run of lines that belong together
 * @returns {{kind: string, goesOn: (line: string) => boolean}}
 */
function runOf(line) {
	if (QUOTE.test(line))
		return {kind: 'quote', goesOn: (l) => QUOTE.test(l)};
	if (ITEM.test(line))
		return {kind: 'list', goesOn: (l) => ITEM.test(l) || /^ {2,}\S/.test(l)};
	if (ROW.test(line))
		return {kind: 'table', goesOn: (l) => ROW.test(l)};
	return {kind: 'text', goesOn: (l) => l.trim() !== '' && !starts(l)};
}

/**
 * @param {string[]} lines
 * @returns {Block[]}
 */
function blocksOf(lines) {
	/** @type {Block[]} */
	const blocks = [];
	let at = 0;
	while (at < lines.length) {
		const line = lines[at];
		const fence = FENCE.exec(line);
		if (line.trim() === '') {
			at++;
		} else if (fence) {
			const close = new RegExp(`^ {0,3}\\${fence[1][0]}{${fence[1].length},}[ \\t]*$`);
			let end = at + 1;
			while (end < lines.length && !close.test(lines[end]))
				end++;
			blocks.push({kind: 'code', lines: lines.slice(at + 1, end), info: fence[2].trim(), closed: end < lines.length});
			at = end + 1;
		} else if (HEADING.test(line) || RULE.test(line)) {
			blocks.push({kind: HEADING.test(line) ? 'heading' : 'rule', lines: [line]});
			at++;
		} else {
			const run = runOf(line);
			let end = at + 1;
			while (end < lines.length && run.goesOn(lines[end]))
				end++;
			blocks.push({kind: run.kind, lines: lines.slice(at, end)});
			at = end;
		}
	}
	return blocks;
}

/**
 * The http or https address that text is, else null. One with a user name is none: it hides where it leads.
 * @param {string} text
 */
function webAddress(text) {
	try {
		const url = new URL(text);
		return (url.protocol === 'https:' || url.protocol === 'http:') && !url.username && !url.password ? url : null;
	} catch {
		return null;
	}
}

/**
 * @param {string} label
 * @param {URL} url
 */
function linkTo(label, url) {
	const a = el('a', {href: url.href, rel: 'noopener noreferrer', target: '_blank', title: url.href, text: visible(label)});
	if (label !== url.href && `${label}/` !== url.href)
		a.appendChild(el('span', {class: 'host', text: url.host}));
	return a;
}

const LINK = /(!?)\[([^[\]\n]{0,300})\]\(\s*<?([^\s<>()]{1,2000}(?:\([^\s<>()]{0,200}\)[^\s<>()]{0,200}){0,4})>?(?:\s+"[^"\n]{0,300}")?\s*\)/y;
const BARE = /https?:\/\/[^\s<>"'`]{1,2000}/y;
const SPECIAL = /[\\`*_~[!h\n]/g;
const MARKS = /(\*\*|__|~~|\*|_)/y;
/** @type {Record<string, 'strong' | 'em' | 'del'>} */
const MARK_TAGS = {'**': 'strong', '__': 'strong', '~~': 'del', '*': 'em', '_': 'em'};

/** One pass over inline text. */
class Inline {
	/**
	 * @param {string} text
	 * @param {DocumentFragment} into
	 */
	constructor(text, into) {
		this.text = text;
		this.at = 0;
		/** @type {{mark: string, node: Element | DocumentFragment}[]} */
		this.open = [{mark: '', node: into}];
		/** @type {Map<string, number>} */
		this.last = new Map();
		this.waiting = '';
	}

	/** @param {Node | string} child text waits, so that what lies side by side becomes one node */
	put(child) {
		if (typeof child === 'string') {
			this.waiting += child;
			return;
		}
		this.flush();
		this.open[this.open.length - 1].node.appendChild(child);
	}

	flush() {
		if (this.waiting !== '')
			this.open[this.open.length - 1].node.append(this.waiting);
		this.waiting = '';
	}

	/**
	 * Does this mark still come after the place?
	 * @param {string} mark
	 * @param {number} after
	 */
	comes(mark, after) {
		if (!this.last.has(mark))
			this.last.set(mark, this.text.lastIndexOf(mark));
		return /** @type {number} */ (this.last.get(mark)) >= after;
	}

	code() {
		const ticks = /** @type {RegExpExecArray} */ (/`+/.exec(this.text.slice(this.at, this.at + 40)))[0];
		const from = this.at + ticks.length;
		const end = this.comes(ticks, from) ? this.text.indexOf(ticks, from) : -1;
		if (end < 0)
			return false;
		const inner = this.text.slice(from, end).replace(/\n/g, ' ');
		this.put(el('code', {text: visible(inner.startsWith(' ') && inner.endsWith(' ') && inner.trim() !== '' ? inner.slice(1, -1) : inner)}));
		this.at = end + ticks.length;
		return true;
	}

	link() {
		LINK.lastIndex = this.at;
		const m = LINK.exec(this.text);
		const url = m && webAddress(m[3]);
		if (!m || !url)
			return false;
		this.put(linkTo(m[2].trim() || (m[1] ? 'image' : url.href), url));
		this.at += m[0].length;
		return true;
	}

	bare() {
		BARE.lastIndex = this.at;
		const before = this.at > 0 ? this.text[this.at - 1] : ' ';
		const m = /\w/.test(before) ? null : BARE.exec(this.text);
		if (!m)
			return false;
		const raw = trimEnd(m[0], m[0].includes('(') ? '.,;:!?*_~]}' : '.,;:!?*_~]})');
		const url = webAddress(raw);
		if (!url)
			return false;
		this.put(linkTo(raw, url));
		this.at += raw.length;
		return true;
	}

	/** Emphasis: opens where text follows, closes where text came before; _ only at the edges of words. */
	mark() {
		MARKS.lastIndex = this.at;
		const m = MARKS.exec(this.text);
		if (!m)
			return false;
		const mark = m[0];
		const before = this.text[this.at - 1] ?? ' ';
		const after = this.text[this.at + mark.length] ?? ' ';
		const depth = this.open.findIndex((o) => o.mark === mark);
		const isWord = mark[0] === '_';
		if (depth > 0 && !/\s/.test(before) && !(isWord && /\w/.test(after)))
			this.close(depth);
		else if (depth < 0 && !/\s/.test(after) && !(isWord && /\w/.test(before)) && this.comes(mark, this.at + mark.length + 1))
			this.push(mark);
		else
			return false;
		this.at += mark.length;
		return true;
	}

	/** @param {string} mark */
	push(mark) {
		this.flush();
		this.open.push({mark, node: el(MARK_TAGS[mark])});
	}

	/** @param {number} depth its mark was met again; marks left open within it are text */
	close(depth) {
		this.flatten(depth + 1);
		this.flush();
		const done = /** @type {{mark: string, node: Element | DocumentFragment}} */ (this.open.pop());
		this.put(done.node);
	}

	/** @param {number} depth from here on, open marks are text */
	flatten(depth) {
		while (this.open.length > depth) {
			this.flush();
			const o = /** @type {{mark: string, node: Element | DocumentFragment}} */ (this.open.pop());
			this.put(o.mark);
			this.flush();
			const parent = this.open[this.open.length - 1].node;
			while (o.node.firstChild)
				parent.appendChild(o.node.firstChild);
		}
	}

	/** @param {string} c the special character at this place */
	special(c) {
		if (c === '\n') {
			this.put(el('br'));
			this.at++;
			return true;
		}
		if (c === '\\' && /[\\`*_~[\]()!#>.|-]/.test(this.text[this.at + 1] ?? '')) {
			this.put(this.text[this.at + 1]);
			this.at += 2;
			return true;
		}
		if (c === '`')
			return this.code();
		if (c === '[' || c === '!')
			return this.link();
		return c === 'h' ? this.bare() : this.mark();
	}

	run() {
		let from = 0;
		while (this.at < this.text.length) {
			SPECIAL.lastIndex = this.at;
			const m = SPECIAL.exec(this.text);
			const here = m ? m.index : this.text.length;
			if (here > from)
				this.put(this.text.slice(from, here));
			this.at = from = here;
			if (m && !this.special(m[0])) {
				const n = /^(`+|\*+|_+|~+|.)/su.exec(this.text.slice(here, here + 64))?.[0].length ?? 1;
				this.put(this.text.slice(here, here + n));
				this.at += n;
			}
			from = this.at;
		}
		this.flatten(1);
		this.flush();
	}
}

/**
 * @template {Element} T
 * @param {T} into
 * @param {string} text
 */
function inline(into, text) {
	const all = document.createDocumentFragment();
	new Inline(text, all).run();
	into.appendChild(all);
	// last: an element of dir=auto looks at all of its text again for each child it gets
	into.setAttribute('dir', 'auto');
	return into;
}

/**
 * @param {string} code
 * @param {string} info
 */
export function codeBlock(code, info) {
	const language = visible(info.split(/\s/)[0].slice(0, 24));
	return el('div', {class: 'code'},
		el('div', {class: 'codebar'}, el('span', {text: language || 'text'}), copyButton(() => code, 'Copy this code')),
		el('pre', {tabindex: '0'}, el('code', {text: visible(code)})));
}

/** @param {string[]} lines */
function list(lines) {
	const root = el('div', {class: 'lists'});
	/** @type {{indent: number, ordered: boolean, node: HTMLElement}[]} */
	const stack = [];
	/** @type {{node: HTMLElement, text: string}[]} */
	const items = [];
	for (const line of lines) {
		const m = ITEM.exec(line);
		if (!m) {
			items[items.length - 1].text += `\n${line.trim()}`;
			continue;
		}
		const indent = m[1].length;
		const ordered = m[2] === undefined;
		while (stack.length > 1 && indent < stack[stack.length - 1].indent)
			stack.pop();
		let top = stack[stack.length - 1];
		if (!top || (indent > top.indent + 1 && stack.length < LIST_DEPTH)) {
			const parent = top?.node.lastElementChild ?? root;
			top = {indent, ordered, node: el(ordered ? 'ol' : 'ul', ordered && m[3] !== '1' ? {start: m[3]} : null)};
			parent.appendChild(top.node);
			stack.push(top);
		} else if (top.ordered !== ordered) {
			const parent = /** @type {HTMLElement} */ (top.node.parentElement);
			top.node = el(ordered ? 'ol' : 'ul');
			top.ordered = ordered;
			parent.appendChild(top.node);
		}
		const node = el('li');
		const text = el('span');
		node.appendChild(text);
		top.node.appendChild(node);
		items.push({node: text, text: m[4]});
	}
	for (const item of items) {
		const task = /^\[([ xX])\] (.*)$/s.exec(item.text);
		if (task)
			item.node.append(task[1] === ' ' ? '\u2610 ' : '\u2611 ');
		inline(item.node, task ? task[2] : item.text);
	}
	return root;
}

/** @param {string} line */
function cells(line) {
	return line.trim().replace(/^\||\|$/g, '').split('|').map((c) => c.trim());
}

/** @param {string[]} lines */
function table(lines) {
	if (lines.length < 2 || !ROW_RULE.test(lines[1]))
		return inline(el('p'), lines.join('\n'));
	const head = el('tr', null, ...cells(lines[0]).map((c) => inline(el('th', {scope: 'col'}), c)));
	const rows = lines.slice(2).map((l) => el('tr', null, ...cells(l).map((c) => inline(el('td'), c))));
	return el('div', {class: 'tablebox', tabindex: '0', role: 'group', 'aria-label': 'Table'},
		el('table', null, el('thead', null, head), el('tbody', null, ...rows)));
}

/**
 * @param {Block} block
 * @param {{into: Element, lines: string[], depth: number}[]} later quotes whose inside is still to do
 * @param {number} depth
 */
function render(block, later, depth) {
	const text = block.lines.join('\n');
	const heading = HEADING.exec(text);
	switch (block.kind) {
	case 'code':
		return codeBlock(text, block.info ?? '');
	case 'heading':
		return inline(el(heading && heading[1].length < 3 ? 'h3' : 'h4'), heading ? trimEnd(heading[2], ' \t#') : text);
	case 'rule':
		return el('hr');
	case 'list':
		return list(block.lines);
	case 'table':
		return table(block.lines);
	case 'quote': {
		const node = el('blockquote');
		const inner = block.lines.map((l) => QUOTE.exec(l)?.[1] ?? l);
		if (depth < QUOTE_DEPTH)
			later.push({into: node, lines: inner, depth: depth + 1});
		else
			inline(node, inner.join('\n'));
		return node;
	}
	default:
		return inline(el('p'), text.trim());
	}
}

/** @param {Block} block */
function blockNode(block) {
	/** @type {{into: Element, lines: string[], depth: number}[]} */
	const later = [];
	const node = render(block, later, 0);
	for (let job = later.shift(); job; job = later.shift())
		for (const inner of blocksOf(job.lines))
			job.into.appendChild(render(inner, later, job.depth));
	return node;
}

/** @type {WeakMap<Element, string[]>} */
const shown = new WeakMap();

/**
 * Shows text as Markdown in an element that holds nothing else. Called again with a longer text it makes anew only the
 * blocks that changed, so what somebody has selected above stays selected while an answer streams in.
 * @param {Element} into
 * @param {string} text
 */
export function markdownInto(into, text) {
	const blocks = blocksOf(text.replace(/\r\n?/g, '\n').split('\n'));
	const now = blocks.map((b) => `${b.kind} ${b.info ?? ''} ${b.lines.join('\n')}`);
	const before = shown.get(into) ?? [];
	let same = 0;
	while (same < now.length && same < before.length && now[same] === before[same])
		same++;
	while (into.childNodes.length > same)
		/** @type {ChildNode} */ (into.lastChild).remove();
	for (const block of blocks.slice(same))
		into.appendChild(blockNode(block));
	shown.set(into, now);
}
