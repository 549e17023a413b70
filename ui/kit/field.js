// Form fields: a label, a control, a hint, and what is wrong with it, tied together for every reader.
import {el, icon} from '../dom.js';

let number = 0;

/**
 * @typedef {object} Field
 * @property {HTMLElement} el
 * @property {(message: string) => void} fail empty: nothing is wrong
 */

/**
 * @param {{label: string, hint?: string, path?: string, class?: string}} spec
 * @param {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} control
 * @param {...import('../dom.js').Child} beside
 * @returns {Field}
 */
export function field(spec, control, ...beside) {
	const id = `field-${++number}`;
	const hint = el('p', {id: `${id}-hint`, class: 'hint', text: spec.hint ?? ''});
	const problem = el('p', {id: `${id}-problem`, class: 'problem', hidden: true});
	control.id = id;
	control.setAttribute('aria-describedby', `${id}-hint ${id}-problem`);
	return {
		el: el('div', {class: `field ${spec.class ?? ''}`.trim()},
			el('div', {class: 'fieldtext'}, el('label', {for: id}, spec.label), spec.path && el('code', {class: 'path', text: spec.path}), hint),
			el('div', {class: 'fieldcontrol'}, control, ...beside, problem)),
		fail: (message) => {
			problem.hidden = message === '';
			problem.replaceChildren(icon('warn'), el('span', {text: message}));
			control.toggleAttribute('aria-invalid', message !== '');
			if (message !== '')
				control.setAttribute('aria-invalid', 'true');
		},
	};
}

/**
 * A search box.
 * @param {string} label
 * @param {(text: string) => void} onInput
 */
export function searchBox(label, onInput) {
	const input = el('input', {type: 'search', class: 'input', placeholder: label, 'aria-label': label, autocomplete: 'off', spellcheck: 'false'});
	input.addEventListener('input', () => onInput(input.value));
	return el('div', {class: 'search'}, icon('search'), input);
}

/**
 * @param {[string, string][]} options value and words
 * @param {string} value
 * @param {Record<string, any>} [props]
 */
export function select(options, value, props = {}) {
	const control = el('select', {class: 'input', ...props}, ...options.map(([v, text]) => el('option', {value: v, text})));
	control.value = value;
	return control;
}
