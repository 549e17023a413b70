// Who answers: the name and the picture that the configuration gives the assistant.
import {el, oneLine} from './dom.js';

/** @typedef {{name: string, picture: string, letters: string}} Assistant picture: a data: address, or none; letters: in place of one */

const NAME = 'Moltbot';
const DATA = /^data:image\/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/]+=*$/;

/** @type {Assistant} */
export const nobody = {name: NAME, picture: '', letters: ''};

/**
 * What is not configured stays as it is without a configuration.
 * @param {(method: string, params: object) => Promise<any>} request
 * @returns {Promise<Assistant>}
 */
export async function readAssistant(request) {
	const identity = await request('agent.identity.get', {});
	const avatar = String(identity?.avatar ?? '');
	const name = oneLine(String(identity?.name ?? ''), 50);
	const found = {...nobody, name: name === '' || name === 'Assistant' ? NAME : name};
	if (avatar.startsWith('/avatar/')) {
		const file = await request('moltbot.avatar', {});
		const picture = `data:${file?.mimeType};base64,${file?.data}`;
		return {...found, picture: DATA.test(picture) ? picture : '', letters: [...found.name][0]};
	}
	if (DATA.test(avatar))
		return {...found, picture: avatar};
	if (avatar !== 'A' && avatar !== '')
		return {...found, letters: avatar.includes('/') ? [...found.name][0] : oneLine(avatar, 8)};
	return found.name === NAME ? found : {...found, letters: [...found.name][0]};
}

/**
 * Above an answer: who gives it. Nothing where nobody said who.
 * @param {Assistant} who
 */
export function whoLine(who) {
	const face = who.picture !== '' ? el('img', {class: 'face', src: who.picture, alt: '', width: '28', height: '28'}) :
		el('span', {class: 'face', 'aria-hidden': 'true', text: who.letters});
	return el('div', {class: 'who', hidden: who.picture === '' && who.letters === ''}, face, el('bdi', {text: who.name}));
}
