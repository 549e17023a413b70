// Markup in what is said, in what tools are called and print, and in a session's name, on the page: it is read as text. Then on the same
// page with two lines changed, so that text is markup: its Trusted Types refuse to read it; without those it is there, and the policy
// of contents runs none of it; without that too it runs.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import test from 'node:test';
import { FakeGateway } from '../e2e/fake-gateway.mjs';
import { until } from '../e2e/lib/gateway.mjs';
import { reportWeak } from '../e2e/lib/hostile.mjs';
import { attacks, chromiumPath, launch, strays, watch } from '../e2e/lib/page.mjs';

const skip = existsSync(chromiumPath) ? false : 'Chromium is not installed';
const MAIN = 'agent:main:main';
// not those that would lead a page that reads markup elsewhere before it has been looked at
const words = attacks.filter((text) => text.length < 200 && !/http-equiv|<base/.test(text));
const META = /<meta http-equiv="Content-Security-Policy"[^>]*>/;
/** In the module that makes every element: what each line of it becomes where text is to be markup. */
const asMarkup = [['node.textContent = value', 'node.innerHTML = value'], ['document.createTextNode(child)', "Object.assign(document.createElement('span'), { innerHTML: child })"]];

/** Serves the page with its text as markup, without what refuses that, without its policy. */
class Weakened extends FakeGateway {
	serve(req, res) {
		const { markup = false, types = true, policy = true } = this.weak;
		const { writeHead, end } = res;
		res.writeHead = (status, headers) => {
			const { 'Content-Security-Policy': _, ...rest } = headers;
			return writeHead.call(res, status, policy ? headers : rest);
		};
		res.end = (body) => {
			let text = body;
			if (!types && META.test(String(body))) text = String(body).replace(META, '');
			if (markup && req.url.endsWith('/dom.js')) {
				for (const [from, to] of asMarkup) {
					assert.ok(String(text).includes(from), from);
					text = String(text).replace(from, to);
				}
			}
			return end.call(res, text);
		};
		super.serve(req, res);
	}
}

/** Scripts that ran; an empty frame is none. */
const ran = (seen) => seen.scripts.filter((what) => !what.startsWith('frame '));

/** What ran on a page of that kind, what was asked for, what stands in it. */
async function look(browser, weak) {
	const messages = words.flatMap((text, i) => [{ role: 'user', content: text, timestamp: i + 1 },
		{ role: 'assistant', content: [{ type: 'text', text }, { type: 'toolCall', id: `c${i}`, name: text, arguments: { [text]: text } }], timestamp: i + 1 },
		{ role: 'toolResult', toolCallId: `c${i}`, toolName: text, isError: false, content: [{ type: 'text', text }], timestamp: i + 1 }]);
	const gateway = new Weakened({ histories: { [MAIN]: messages }, rows: words.map((text) => ({ key: text, label: text, displayName: text, lastMessagePreview: text, updatedAt: 1 })) });
	gateway.weak = weak;
	await gateway.start();
	const context = await browser.newContext();
	const page = await context.newPage();
	try {
		page.setDefaultTimeout(60000);
		const seen = watch(page, gateway.origin);
		await page.goto(`${gateway.origin}/#claim=code-1`);
		if (weak.markup && weak.types !== false) await until(() => seen.errors.some((text) => text.includes('TrustedHTML')), 'markup is refused');
		else if (weak.markup && weak.policy !== false) await until(async () => (await strays(page)).length > 0, 'markup is there');
		else if (weak.markup) await until(() => ran(seen).length > 0, 'a script runs');
		else await until(async () => (await page.locator('.turn.user').count()) >= words.length && (await page.locator('.session').count()) >= words.length, 'the conversation');
		return { scripts: seen.scripts, requests: seen.requests, strays: await strays(page) };
	} finally {
		await context.close();
		await gateway.stop();
	}
}

test('what somebody else wrote is text on the page', { skip, timeout: 300000 }, async (t) => {
	const browser = await launch();
	try {
		assert.deepEqual(await look(browser, {}), { scripts: [], requests: [], strays: [] });
		assert.deepEqual(await look(browser, { markup: true }), { scripts: [], requests: [], strays: [] }, 'it is refused');
		const parsed = await look(browser, { markup: true, types: false });
		assert.ok(parsed.strays.length > 0);
		assert.deepEqual(ran(parsed), [], 'none of it runs');
		const run = await look(browser, { markup: true, types: false, policy: false });
		t.diagnostic(`as markup ${parsed.strays.length} elements; without the policy ${ran(run).length} scripts`);
		reportWeak(['text in dom.js', 'Trusted Types', 'Content-Security-Policy'], ran(run));
	} finally {
		await browser.close();
	}
});
