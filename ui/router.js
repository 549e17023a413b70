// Where one is stands behind the # of the address, so that links and the back button work: #/overview, #/chat/<key>, #/config/text.

/** @typedef {{room: string, rest: string[]}} Place */

/** @returns {Place} empty room: none is named, or what is there is no place of ours */
export function here() {
	if (!location.hash.startsWith('#/'))
		return {room: '', rest: []};
	try {
		const [room, ...rest] = location.hash.slice(2).split('/').map(decodeURIComponent);
		return {room, rest};
	} catch {
		return {room: '', rest: []};
	}
}

/**
 * @param {string} room
 * @param {...string} rest
 */
export function address(room, ...rest) {
	return `#/${[room, ...rest].map(encodeURIComponent).join('/')}`;
}

/**
 * @param {string} room
 * @param {...string} rest
 */
export function go(room, ...rest) {
	location.hash = address(room, ...rest);
}
