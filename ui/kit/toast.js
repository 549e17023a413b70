// Short news in a corner: what was done, or why not.
import {announce, el, icon} from '../dom.js';

const SHOWN_MS = 6000;
const SHOWN_MAX = 3;
const stack = el('div', {class: 'toasts', 'aria-hidden': 'true'});
document.body.appendChild(stack);

/**
 * @param {string} text
 * @param {'good' | 'bad'} [tone]
 */
export function toast(text, tone = 'good') {
	const one = el('div', {class: `toast ${tone}`}, icon(tone === 'good' ? 'check' : 'warn'), el('span', {dir: 'auto', text}));
	stack.appendChild(one);
	while (stack.childElementCount > SHOWN_MAX)
		stack.firstChild?.remove();
	announce(text);
	setTimeout(() => one.remove(), SHOWN_MS);
}
