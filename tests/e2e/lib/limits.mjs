// The limits of lib/base/limits.h, as the header has them.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

const text = readFileSync(new URL('../../../lib/base/limits.h', import.meta.url), 'utf8');

/** The value of a limit. */
export function limit(name) {
	const found = new RegExp(`^#define ${name} +(?:(KIB|MIB)\\()?(\\d+)`, 'm').exec(text);
	assert.ok(found, `${name} is no limit`);
	return Number(found[2]) * ({ KIB: 1024, MIB: 1048576 }[found[1]] ?? 1);
}
