// bare-root.mjs LINK: what tools/demo-bare-root does in the browser. Opens the one-time link, waits until the sandbox is proved,
// asks for a command to be run, and looks at the answer. Not a test by itself: it needs a gateway that somebody else started.
import assert from 'node:assert/strict';
import { launch, watch } from './lib/page.mjs';

const link = process.argv[2];
const browser = await launch();
try {
	const page = await browser.newPage();
	page.setDefaultTimeout(60000);
	const seen = watch(page, new URL(link).origin);
	await page.goto(link);
	await page.waitForSelector('.empty');
	assert.equal(page.url(), new URL('/', link).href, 'the code stays in no address');
	await page.waitForSelector('.tier.good >> text=/full/');
	await page.fill('#draft', 'run echo "$((4141 * 2)) by $(id -u)" > note.txt; cat note.txt');
	await page.press('#draft', 'Enter');
	await page.waitForSelector('.tool.ok >> text=shell_exec');
	await page.waitForSelector('.turn.assistant .md >> text=/8282 by [0-9]+/');
	await page.waitForSelector('.stop', { state: 'hidden' });
	const text = await page.textContent('.turn.assistant');
	assert.doesNotMatch(text, /8282 by 0\b/, 'a program of a cell is not root');
	assert.deepEqual(seen, { scripts: [], requests: [], errors: [] });
	console.log(`Chromium: ${(await page.textContent('.tier')).trim()}; the answer: ${/8282 by \d+/.exec(text)[0]}`);
} finally {
	await browser.close();
}
