// Signing in: the one-time code of the link, and what to do when there is none.
import {copyButton, el, icon} from './dom.js';

/**
 * Takes the code, and all that is no place of the page, out of the address and of the history before anything else happens.
 * @returns {string} empty when there is none
 */
export function takeClaim() {
	const m = /^#claim=([A-Za-z0-9_.~-]{1,256})$/.exec(location.hash);
	const isPlace = location.hash.startsWith('#/');
	if ((location.hash && !isPlace) || location.search)
		history.replaceState(null, '', location.pathname + (isPlace ? location.hash : ''));
	return m ? m[1] : '';
}

/**
 * Exchanges the code for the cookie.
 * @param {string} code
 * @returns {Promise<string>} empty, or why not
 */
export async function claim(code) {
	try {
		const answer = await fetch('/claim', {
			method: 'POST', credentials: 'same-origin', redirect: 'error', cache: 'no-store',
			headers: {'content-type': 'application/json'}, body: JSON.stringify({code}),
		});
		if (answer.ok)
			return '';
		return answer.status === 429 ? 'Too many attempts; wait a minute and open the link again.' :
			'This link was used before or is too old. A new one takes a moment.';
	} catch {
		return 'The gateway could not be reached to redeem the link.';
	}
}

/**
 * The sign-in page.
 * @param {HTMLElement} into
 * @param {{why: string, isFirst: boolean, onToken: (token: string) => void}} options why: what went wrong, may be empty
 */
export function showSignin(into, options) {
	const input = el('input', {id: 'token', type: 'password', autocomplete: 'off', spellcheck: 'false',
		autocapitalize: 'none', maxlength: '4096', required: true});
	const form = el('form', {class: 'tokenform'},
		el('label', {for: 'token', text: 'Gateway token'}),
		el('div', {class: 'row'}, input, el('button', {type: 'submit', class: 'button', text: 'Sign in'})),
		el('p', {class: 'hint', text: 'Kept in this page\u2019s memory only; reload, and it is forgotten.'}));
	form.addEventListener('submit', (event) => {
		event.preventDefault();
		const token = input.value.trim();
		input.value = '';
		if (token)
			options.onToken(token);
	});
	const command = 'moltbot dashboard';
	into.replaceChildren(el('main', {class: 'card'},
		el('img', {src: './favicon.svg', alt: '', width: '56', height: '56'}),
		el('h1', {text: 'Sign in to Moltbot'}),
		el('p', {class: 'lead', text: 'On the machine that runs the gateway, type this and open the link it prints. The link works once.'}),
		el('div', {class: 'command'}, el('code', {text: command}), copyButton(() => command, 'Copy the command')),
		options.why && el('p', {class: 'alert', role: 'alert'}, icon('warn'), el('span', {text: options.why})),
		el('details', {class: 'other', open: !options.isFirst},
			el('summary', null, icon('chevron'), 'Sign in with the token instead'), form)));
}
