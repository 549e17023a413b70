// Times, durations and sizes in few words.

/** A number is a time only where Date can show it. @param {any} value */
export function timestamp(value) {
	return typeof value === 'number' && value > 0 && value < 8.64e15 ? value : undefined;
}

/**
 * What a table of ours has under a name from outside; never what every object has.
 * @template T
 * @param {Record<string, T>} rows
 * @param {any} key
 * @returns {T | undefined}
 */
export function pick(rows, key) {
	return Object.hasOwn(rows, String(key)) ? rows[String(key)] : undefined;
}

/** @param {number | undefined} at "now", "5 min", "3 h", "2 d" */
export function ago(at) {
	if (!at)
		return '';
	const minutes = Math.max(0, Math.round((Date.now() - at) / 60000));
	if (minutes < 1)
		return 'now';
	if (minutes < 60)
		return `${minutes} min`;
	return minutes < 1440 ? `${Math.round(minutes / 60)} h` : `${Math.round(minutes / 1440)} d`;
}

/** @param {number | undefined} at "5 min ago" */
export function since(at) {
	const text = ago(at);
	return text === '' ? '' : text === 'now' ? 'just now' : `${text} ago`;
}

/** @param {number} at to the second, in the browser's own words */
export function moment(at) {
	if (!timestamp(at))
		return 'not known';
	return new Date(at).toLocaleString(undefined, {dateStyle: 'medium', timeStyle: 'medium'});
}

/** @param {number} ms "3 d 4 h", "12 min" */
export function duration(ms) {
	const s = Math.max(0, Math.floor(ms / 1000));
	if (s < 60)
		return `${s} s`;
	if (s < 3600)
		return `${Math.floor(s / 60)} min`;
	if (s < 86400)
		return `${Math.floor(s / 3600)} h ${Math.floor(s % 3600 / 60)} min`;
	return `${Math.floor(s / 86400)} d ${Math.floor(s % 86400 / 3600)} h`;
}

/** @param {number} n */
export function bytes(n) {
	return n < 1024 ? `${n} B` : n < 1048576 ? `${(n / 1024).toFixed(1)} KB` : `${(n / 1048576).toFixed(1)} MB`;
}

/**
 * @param {number} n
 * @param {string} one
 * @param {string} [many]
 */
export function count(n, one, many = `${one}s`) {
	return `${n.toLocaleString()} ${n === 1 ? one : many}`;
}
