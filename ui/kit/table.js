// One table for all rooms: columns on a desk, a card a row on a phone.
import {el} from '../dom.js';

/**
 * @typedef {object} Column
 * @property {string} title
 * @property {string} [class] key: the row's name; wide, num, actions
 */

/**
 * @param {string} caption for screen readers
 * @param {Column[]} columns
 * @param {{class?: string, cells: import('../dom.js').Child[]}[]} rows
 */
export function table(caption, columns, rows) {
	return el('div', {class: 'tablebox grid', role: 'region', 'aria-label': caption, tabindex: '0'},
		el('table', {role: 'table'}, el('caption', {class: 'sr', text: caption}),
			el('thead', {role: 'rowgroup'}, el('tr', {role: 'row'}, ...columns.map((c) =>
				el('th', {role: 'columnheader', scope: 'col', class: c.class}, c.class === 'actions' ?
					el('span', {class: 'sr', text: c.title}) : c.title)))),
			el('tbody', {role: 'rowgroup'}, ...rows.map((row) => el('tr', {role: 'row', class: row.class},
				...row.cells.map((cell, i) => el('td', {role: 'cell', class: columns[i].class, 'data-title': columns[i].title}, cell)))))));
}
