// Light, dark, or as the system says. The choice is the only thing this page keeps in the browser.
import {icon} from './dom.js';

/** @typedef {'auto' | 'light' | 'dark'} Theme */

const KEY = 'moltbot.theme';
/** @type {{theme: Theme, icon: import('./dom.js').IconName, name: string}[]} */
const ORDER = [
	{theme: 'auto', icon: 'auto', name: 'Colours as the system says'},
	{theme: 'light', icon: 'sun', name: 'Light colours'},
	{theme: 'dark', icon: 'moon', name: 'Dark colours'},
];

function stored() {
	try {
		const value = localStorage.getItem(KEY);
		return ORDER.find((o) => o.theme === value) ?? ORDER[0];
	} catch {
		return ORDER[0];
	}
}

let current = stored();

function apply() {
	if (current.theme === 'auto')
		delete document.documentElement.dataset.theme;
	else
		document.documentElement.dataset.theme = current.theme;
}

apply();

/** @param {HTMLElement} button shows and changes the choice */
export function themeButton(button) {
	const show = () => {
		button.replaceChildren(icon(current.icon));
		button.setAttribute('aria-label', `${current.name}: change`);
		button.title = current.name;
	};
	button.addEventListener('click', () => {
		current = ORDER[(ORDER.indexOf(current) + 1) % ORDER.length];
		apply();
		show();
		try {
			localStorage.setItem(KEY, current.theme);
		} catch {
			// a browser that keeps nothing forgets the choice
		}
	});
	show();
}
