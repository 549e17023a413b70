// Every element of the page is made here, from names and text; markup text is never read.

/** @typedef {Node | string | null | undefined | false} Child */

/**
 * What an element is made with: `class`, `text`, `on` (listeners by event name), and attributes by name; true is an
 * attribute without a value, false, null and undefined leave it out.
 * @typedef {Record<string, any>} Props
 */

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Props | null} [props]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function el(tag, props, ...children) {
	const node = document.createElement(tag);
	for (const [name, value] of Object.entries(props ?? {})) {
		if (name === 'class')
			node.className = value;
		else if (name === 'text')
			node.textContent = value;
		else if (name === 'on')
			for (const [event, listener] of Object.entries(value))
				node.addEventListener(event, /** @type {EventListener} */ (listener));
		else if (value === true)
			node.setAttribute(name, '');
		else if (value !== false && value !== null && value !== undefined)
			node.setAttribute(name, String(value));
	}
	add(node, ...children);
	return node;
}

/**
 * @param {Node} parent
 * @param {...Child} children
 */
export function add(parent, ...children) {
	for (const child of children)
		if (child)
			parent.appendChild(typeof child === 'string' ? document.createTextNode(child) : child);
}

/**
 * The element of the page's frame with this id.
 * @param {string} id
 * @returns {HTMLElement}
 */
export function byId(id) {
	const node = document.getElementById(id);
	if (!node)
		throw new Error(`no element #${id}`);
	return node;
}

// Characters that steer a display instead of showing something: C0 but tab and newline, C1, bidi controls, BOM.
const STEERING = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/g;

/**
 * Text in which steering characters are seen instead of obeyed: for names, arguments, commands and output.
 * @param {string} text
 */
export function visible(text) {
	return text.replace(STEERING, (c) => {
		const code = c.charCodeAt(0);
		return code < 0x20 ? String.fromCharCode(0x2400 + code) :
			`\u27e8${code.toString(16).toUpperCase().padStart(4, '0')}\u27e9`;
	});
}

/**
 * One visible line of at most max characters (an astral one is never cut in two).
 * @param {string} text
 * @param {number} max
 */
export function oneLine(text, max) {
	const line = visible(text.slice(0, 4 * max).replace(/\s+/g, ' ').trim());
	const all = [...line];
	return all.length <= max ? line : `${all.slice(0, max - 1).join('')}\u2026`;
}

/**
 * Puts text on the clipboard; also where the page is not in a secure context.
 * @param {string} text
 * @returns {Promise<boolean>}
 */
async function copyText(text) {
	try {
		await navigator.clipboard.writeText(text);
		return true;
	} catch {
		const area = el('textarea', {class: 'sr', 'aria-hidden': 'true', tabindex: '-1'});
		const focused = document.activeElement;
		area.value = text;
		document.body.appendChild(area);
		area.select();
		const done = document.execCommand('copy');
		area.remove();
		if (focused instanceof HTMLElement)
			focused.focus();
		return done;
	}
}

/**
 * @param {() => string} text
 * @param {string} name what a screen reader calls it
 */
export function copyButton(text, name) {
	const button = el('button', {type: 'button', class: 'copy', 'aria-label': name}, icon('copy'), el('span', {text: 'Copy'}));
	button.addEventListener('click', async (event) => {
		event.preventDefault();
		const done = await copyText(text());
		const label = /** @type {HTMLElement} */ (button.lastChild);
		label.textContent = done ? 'Copied' : 'Not copied';
		announce(done ? 'Copied' : 'The browser did not allow copying');
		setTimeout(() => { label.textContent = 'Copy'; }, 1600);
	});
	return button;
}

/**
 * Says something to screen readers, politely.
 * @param {string} text
 */
export function announce(text) {
	byId('live').textContent = text.slice(0, 600);
}

/** Line icons on a 24 by 24 grid. */
const ICONS = {
	menu: 'M4 7h16M4 12h16M4 17h10',
	plus: 'M12 5v14M5 12h14',
	search: 'M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM16 16l4.5 4.5',
	send: 'M12 19V5M5.5 11.5 12 5l6.5 6.5',
	stop: 'M7.5 7.5h9v9h-9z',
	copy: 'M9 9h10v10H9zM15 9V5H5v10h4',
	down: 'M12 5v14M5.5 12.5 12 19l6.5-6.5',
	chevron: 'M9 6l6 6-6 6',
	check: 'M5 12.5l4.5 4.5L19 7.5',
	cross: 'M6.5 6.5l11 11M17.5 6.5l-11 11',
	sun: 'M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M5.3 18.7l1.4-1.4M17.3 6.7l1.4-1.4',
	moon: 'M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5z',
	auto: 'M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17zM12 3.5a8.5 8.5 0 0 0 0 17z',
	shield: 'M12 3l7.5 2.5v6c0 4.5-3 7.8-7.5 9.5-4.5-1.7-7.5-5-7.5-9.5v-6z',
	power: 'M12 3.5v8M7 6.5a8 8 0 1 0 10 0',
	warn: 'M12 4l9 16H3zM12 10v4.5M12 17v.5',
	calculator: 'M6 3.5h12v17H6zM9 7.5h6M9 12h.01M12 12h.01M15 12h.01M9 16h.01M12 16h.01M15 16h.01',
	file: 'M7 3.5h7l4 4v13H7zM14 3.5v4h4',
	shell: 'M4 5h16v14H4zM7.5 9.5l3 2.5-3 2.5M13 15h4',
	memory: 'M6.5 3.5h11v17l-5.5-4-5.5 4z',
	web: 'M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17zM3.5 12h17M12 3.5c5 5 5 12 0 17M12 3.5c-5 5-5 12 0 17',
	lock: 'M6.5 11h11v9.5h-11zM8.5 11V8a3.5 3.5 0 0 1 7 0v3M12 14.8v2',
	chat: 'M4 5h16v11H10.5L6 20v-4H4z',
	pulse: 'M3 12.5h4l2.5-7 4.5 13 2.5-6H21',
	layers: 'M12 3.5l8.5 4.5-8.5 4.5L3.5 8zM4 12.5l8 4.2 8-4.2M4 16.5l8 4.2 8-4.2',
	device: 'M8 3h8a1.5 1.5 0 0 1 1.5 1.5v15A1.5 1.5 0 0 1 16 21H8a1.5 1.5 0 0 1-1.5-1.5v-15A1.5 1.5 0 0 1 8 3zM11 18h2',
	sliders: 'M4 7h9M17 7h3M4 17h3M11 17h9M15 9.3a2.3 2.3 0 1 0 0-4.6 2.3 2.3 0 0 0 0 4.6zM9 19.3a2.3 2.3 0 1 0 0-4.6 2.3 2.3 0 0 0 0 4.6z',
	lines: 'M4 6h16M4 10.5h11M4 15h16M4 19.5h8',
	pause: 'M8.5 6v12M15.5 6v12',
	play: 'M8 5.5l10.5 6.5L8 18.5z',
	tool: 'M19.5 6.5l-3 3-2-2 3-3a5 5 0 0 0-6.5 6.5L4.5 17.5l2 2 6.5-6.5a5 5 0 0 0 6.5-6.5z',
};

/** @typedef {keyof typeof ICONS} IconName */

/** @param {IconName} name */
export function icon(name) {
	const ns = 'http://www.w3.org/2000/svg';
	const svg = document.createElementNS(ns, 'svg');
	const path = document.createElementNS(ns, 'path');
	for (const [key, value] of [['viewBox', '0 0 24 24'], ['class', `icon icon-${name}`], ['aria-hidden', 'true']])
		svg.setAttribute(key, value);
	path.setAttribute('d', ICONS[name]);
	svg.appendChild(path);
	return svg;
}

/**
 * @param {{icon: IconName, name: string, class?: string, click: (event: Event) => void}} spec
 */
export function iconButton(spec) {
	return el('button', {type: 'button', class: `iconbtn ${spec.class ?? ''}`.trim(), 'aria-label': spec.name, title: spec.name,
		on: {click: spec.click}}, icon(spec.icon));
}
