// Something that is done again when something happens, but not more often than its time allows.

/**
 * @param {() => void} fn
 * @param {number} ms between two
 * @returns {{soon: () => void, stop: () => void}}
 */
export function later(fn, ms) {
	let timer = 0;
	let last = 0;
	return {
		soon: () => {
			if (timer)
				return;
			timer = setTimeout(() => {
				timer = 0;
				last = Date.now();
				fn();
			}, Math.max(100, last + ms - Date.now()));
		},
		stop: () => {
			clearTimeout(timer);
			timer = 0;
		},
	};
}
