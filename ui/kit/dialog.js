// Dialogs: one shape for all, and the question before something is lost.
import {add, el, icon} from '../dom.js';
import {advice} from './panel.js';

/** @typedef {import('../dom.js').Child} Child */

let number = 0;

/**
 * Opens a sheet; it closes with Esc, beside it, or by its own buttons, and is gone then.
 * @param {{title: string, class?: string, onClose?: () => void}} spec
 * @param {...Child} children
 */
export function sheet(spec, ...children) {
	const id = `sheet-${++number}`;
	const dialog = el('dialog', {class: `sheet ${spec.class ?? ''}`.trim(), 'aria-labelledby': id}, el('h2', {id, text: spec.title}), ...children);
	dialog.addEventListener('click', (event) => { if (event.target === dialog) dialog.close(); });
	dialog.addEventListener('close', () => { dialog.remove(); spec.onClose?.(); });
	document.body.appendChild(dialog);
	dialog.showModal();
	dialog.scrollTop = 0; // the button that has the focus may stand below
	return dialog;
}

/** @param {...Child} buttons */
export function actions(...buttons) {
	return el('div', {class: 'actions'}, ...buttons);
}

/** @param {string} [text] */
export function closeButton(text = 'Close') {
	return el('button', {type: 'button', class: 'button', text, autofocus: true,
		on: {click: (/** @type {Event} */ event) => /** @type {HTMLElement} */ (event.currentTarget).closest('dialog')?.close()}});
}

/**
 * Asks before something is done, says what will be lost or given, and stays open with the reason when it fails.
 * @param {object} spec
 * @param {string} spec.title
 * @param {Child} [spec.what] the thing's name
 * @param {string} spec.text
 * @param {string[]} [spec.points] one line each: what is lost, or given
 * @param {string} spec.action the button's word
 * @param {'danger' | 'primary'} [spec.tone]
 * @param {string} [spec.class]
 * @param {Child} [spec.more]
 * @param {() => Promise<any>} spec.run
 * @param {(error: unknown) => boolean} [spec.onError] true: it was shown elsewhere, the dialog closes
 */
export function ask(spec) {
	const result = el('div', {role: 'status'});
	const act = el('button', {type: 'button', class: `button ${spec.tone ?? 'danger'}`, text: spec.action});
	const dialog = sheet({title: spec.title, class: spec.class}, spec.what && el('p', {class: 'what'}, spec.what), el('p', {text: spec.text}),
		spec.points && el('ul', {class: 'points'}, ...spec.points.map((text) => el('li', {text}))), spec.more, result,
		actions(closeButton('Cancel'), act));
	act.addEventListener('click', async () => {
		act.disabled = true;
		result.replaceChildren();
		try {
			await spec.run();
			dialog.close();
		} catch (error) {
			act.disabled = false;
			if (spec.onError?.(error)) {
				dialog.close();
				return;
			}
			result.replaceChildren();
			add(result, el('p', {class: 'alert'}, icon('warn'), el('span', {text: advice(error)})));
		}
	});
	return dialog;
}
