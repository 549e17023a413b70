// The Control UI in a browser. What a gateway does only when it breaks, and content that only an attacker sends, comes from
// the fake gateway; signing in and a conversation are then done once more with the real one.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import test, { after, before, describe } from 'node:test';
import { fileURLToPath } from 'node:url';
import { FakeGateway } from './fake-gateway.mjs';
import { cli, Gateway, isBuilt, providerConfig, until } from './lib/gateway.mjs';
import { lastUser, ModelServer } from './lib/model.mjs';
import { attacks, axe, chromiumPath, launch, strays, watch } from './lib/page.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const uiFiles = readdirSync(here('../../ui'), { recursive: true }).filter((name) => /\.(js|css|html|svg)$/.test(name));
const uiText = (name) => readFileSync(here(`../../ui/${name}`), 'utf8');
const blnsPath = [here('../../../shared/corpora/naughty-strings/blns.json')].find(existsSync);
const skip = existsSync(chromiumPath) ? false : 'Chromium is not installed';
const MAIN = 'agent:main:main';

let browser;
before(async () => { if (!skip) browser = await launch(); });
after(async () => { await browser?.close(); });

/** A page signed in at a fake gateway: {gateway, page, seen, run()}. */
async function signedIn(t, options = {}, view = {}) {
	const gateway = await new FakeGateway(options).start();
	const context = await browser.newContext({ viewport: { width: 1100, height: 800 }, ...view });
	t.after(async () => { await context.close(); await gateway.stop(); });
	const page = await context.newPage();
	page.setDefaultTimeout(90000);
	const seen = watch(page, gateway.origin);
	let sent;
	gateway.onSend = options.onSend ?? ((run) => { sent = run; });
	await page.goto(`${gateway.origin}/#claim=code-1`);
	await page.waitForSelector('.turns > *:not(.skeleton)');
	const run = async () => {
		const found = await until(() => sent, 'a message at the gateway');
		sent = undefined;
		return found;
	};
	return { gateway, page, seen, run, context };
}

async function say(page, text) {
	await page.fill('#draft', text);
	await page.press('#draft', 'Enter');
}

const params = (gateway, method) => gateway.sent.filter((f) => f.method === method).map((f) => f.params);

describe('the files', () => {
	test('their types hold', () => {
		execFileSync(process.execPath, [here('node_modules/typescript/bin/tsc'), '-p', here('ui.tsconfig.json')], { stdio: 'pipe' });
	});

	test('together they are smaller than 240 KB', () => {
		const size = uiFiles.reduce((sum, name) => sum + statSync(here(`../../ui/${name}`)).size, 0);
		assert.ok(size < 240 * 1024, `${size} bytes`);
	});

	test('none reads markup from text, runs text, or keeps anything but the theme', () => {
		for (const name of uiFiles.filter((n) => n.endsWith('.js'))) {
			assert.doesNotMatch(uiText(name), /innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\(|new Function|srcdoc/, name);
			if (name !== 'theme.js') assert.doesNotMatch(uiText(name), /localStorage|sessionStorage|indexedDB|document\.cookie/, name);
		}
		assert.doesNotMatch(uiText('index.html'), /<style|style=|\son\w+=|<script(?![^>]*src=)/);
	});
});

describe('signing in', { skip }, () => {
	test('the code leaves the address and the history at once, and works once', async (t) => {
		const { gateway, page, context, seen } = await signedIn(t);
		assert.equal(page.url(), `${gateway.origin}/`);
		assert.equal(await page.evaluate(() => history.length), 2); // about:blank and this page
		const [cookie] = await context.cookies();
		assert.equal(cookie.httpOnly, true);
		assert.equal(cookie.sameSite, 'Strict');
		assert.equal(params(gateway, 'connect')[0].auth, undefined);
		await page.reload();
		await page.waitForSelector('.empty');
		const stranger = await browser.newContext();
		const other = await stranger.newPage();
		await other.goto(`${gateway.origin}/#claim=code-1`);
		await other.waitForSelector('.card');
		assert.match(await other.textContent('.card [role=alert]'), /used before/);
		assert.equal(other.url(), `${gateway.origin}/`);
		await stranger.close();
		assert.deepEqual(seen.scripts.concat(seen.requests), []);
	});

	test('an address and a token in the query are ignored, and no request leaves', async (t) => {
		const gateway = await new FakeGateway().start();
		const page = await browser.newPage();
		t.after(async () => { await page.context().close(); await gateway.stop(); });
		const seen = watch(page, gateway.origin);
		await page.goto(`${gateway.origin}/?gatewayUrl=ws://203.0.113.9/&token=${gateway.token}#gatewayUrl=ws://203.0.113.9/`);
		await page.waitForSelector('.card');
		assert.deepEqual(seen.requests, []);
		assert.equal(params(gateway, 'connect')[0].auth, undefined);
		assert.equal(page.url(), `${gateway.origin}/`);
	});

	test('a pasted token is kept in memory only', async (t) => {
		const gateway = await new FakeGateway().start();
		const page = await browser.newPage();
		t.after(async () => { await page.context().close(); await gateway.stop(); });
		await page.goto(gateway.origin);
		await page.click('.other summary');
		await page.fill('#token', 'wrong');
		await page.press('#token', 'Enter');
		await page.waitForSelector('.card [role=alert]');
		assert.match(await page.textContent('.card [role=alert]'), /refused this token/);
		await page.fill('#token', gateway.token);
		await page.press('#token', 'Enter');
		await page.waitForSelector('.empty');
		const kept = await page.evaluate(async () => JSON.stringify([{ ...localStorage }, { ...sessionStorage },
			await indexedDB.databases(), document.cookie, await caches.keys()]));
		assert.equal(kept, '[{},{},[],"",[]]');
		await page.reload();
		await page.waitForSelector('.card');
	});
});

describe('a conversation', { skip }, () => {
	test('streams, shows the tool while it runs, then its result', async (t) => {
		const { gateway, page, run, seen } = await signedIn(t);
		await say(page, 'which files?');
		const r = await run();
		assert.equal(r.sessionKey, MAIN);
		gateway.chat(r, 'delta', 'Looking');
		await page.waitForSelector('.turn.assistant .md >> text=Looking');
		gateway.agent(r, 'tool', { phase: 'start', name: 'file_list', toolCallId: 't', args: { path: 'docs' } });
		await page.waitForSelector('.tool.running >> text=docs');
		assert.equal(await page.locator('.tool .spinner').count(), 1);
		gateway.agent(r, 'tool', { phase: 'result', name: 'file_list', toolCallId: 't', isError: false, result: { content: [{ type: 'text', text: 'a.txt' }] } });
		await page.waitForSelector('.tool.ok');
		assert.equal(await page.locator('.tool.ok pre >> nth=1').isVisible(), false);
		await page.click('.tool summary');
		assert.equal(await page.locator('.tool.ok pre >> nth=1').textContent(), 'a.txt');
		gateway.chat(r, 'delta', 'LookingFound **one**');
		gateway.chat(r, 'final', 'LookingFound **one**');
		await page.waitForSelector('.md strong >> text=one');
		assert.deepEqual(await page.locator('.turn.assistant .md').allInnerTexts(), ['Looking', 'Found one']);
		await page.waitForSelector('.stop', { state: 'hidden' });
		assert.match(await page.textContent('#live'), /Found/);
		assert.deepEqual(seen.errors, []);
	});

	test('Shift+Enter starts a line, Enter sends', async (t) => {
		const { page, run } = await signedIn(t);
		await page.fill('#draft', 'one');
		await page.press('#draft', 'Shift+Enter');
		await page.keyboard.type('two');
		await page.press('#draft', 'Enter');
		assert.equal((await run()).message, 'one\ntwo');
		assert.equal(await page.inputValue('#draft'), '');
	});

	for (const [how, act] of [['Esc', (page) => page.keyboard.press('Escape')], ['the button', (page) => page.click('.stop')]]) {
		test(`${how} stops the run`, async (t) => {
			const { gateway, page, run } = await signedIn(t);
			await say(page, 'go');
			const r = await run();
			gateway.agent(r, 'tool', { phase: 'start', name: 'shell_exec', toolCallId: 't', args: { command: 'sleep 60' } });
			await page.waitForSelector('.tool.running');
			await act(page);
			await until(() => params(gateway, 'chat.abort').length, 'chat.abort');
			assert.equal(params(gateway, 'chat.abort')[0].sessionKey, MAIN);
			gateway.chat(r, 'aborted', undefined, { stopReason: 'rpc' });
			await page.waitForSelector('.aborted');
			assert.equal(await page.locator('.tool.stopped').count(), 1);
		});
	}

	test('a run that fails says why; a refused message can be sent again', async (t) => {
		const { gateway, page, run } = await signedIn(t);
		await say(page, 'first');
		gateway.chat(await run(), 'error', undefined, { errorMessage: 'no model is there' });
		await page.waitForSelector('.turn.assistant [role=alert] >> text=no model is there');
		gateway.answers['chat.send'] = () => new Error('too many messages');
		await say(page, 'second');
		await page.waitForSelector('.unsent >> text=too many messages');
		delete gateway.answers['chat.send'];
		await page.click('.unsent button');
		assert.equal((await run()).message, 'second');
		const keys = params(gateway, 'chat.send').map((p) => p.idempotencyKey);
		assert.equal(keys[1], keys[2]);
	});

	test('drafts stay with their chat; Ctrl+K and Alt+arrows switch', async (t) => {
		const rows = [MAIN, 'agent:main:lisbon'].map((key, i) => ({ key, derivedTitle: ['Home', 'Lisbon'][i], updatedAt: Date.now() }));
		const { gateway, page } = await signedIn(t, { rows });
		await page.waitForSelector('.session >> text=Lisbon');
		await page.fill('#draft', 'half a thought');
		await page.keyboard.press('Control+k');
		await page.keyboard.type('lisb');
		await page.keyboard.press('Enter');
		await page.waitForSelector('.title >> text=Lisbon');
		assert.equal(await page.inputValue('#draft'), '');
		assert.equal(params(gateway, 'chat.history').at(-1).sessionKey, 'agent:main:lisbon');
		await page.keyboard.press('Alt+ArrowUp');
		await page.waitForSelector('.title >> text=Home');
		assert.equal(await page.inputValue('#draft'), 'half a thought');
	});

	test('what happens in another chat is marked there and not shown here', async (t) => {
		const { gateway, page } = await signedIn(t, { rows: [{ key: 'agent:main:b', derivedTitle: 'Bee', updatedAt: 1 }] });
		await page.waitForSelector('.session >> text=Bee');
		gateway.chat({ runId: 'x', sessionKey: 'agent:main:b' }, 'final', 'elsewhere');
		await page.waitForSelector('.session.unread >> text=Bee');
		assert.equal(await page.locator('.turn').count(), 0);
	});
});

describe('a gateway that breaks', { skip }, () => {
	test('the socket is lost while a message is unacknowledged: it goes out again under its key', async (t) => {
		const { gateway, page, run } = await signedIn(t);
		let swallowed = 0;
		gateway.answers['chat.send'] = () => { swallowed++; gateway.drop(); };
		await say(page, 'only once');
		await until(() => swallowed, 'the message');
		await page.waitForSelector('.link.waiting');
		assert.match(await page.textContent('.link'), /Reconnecting/);
		assert.equal(await page.isDisabled('.send'), true);
		delete gateway.answers['chat.send'];
		assert.equal((await run()).message, 'only once');
		const keys = params(gateway, 'chat.send').map((p) => p.idempotencyKey);
		assert.equal(new Set(keys).size, 1);
		await page.waitForSelector('.turn.user:not(.sending)');
		assert.equal(await page.locator('.turn.user').count(), 1);
	});

	test('a gap in the events loads the history again', async (t) => {
		const { gateway, page } = await signedIn(t);
		gateway.emit('tick', { ts: 1 });
		gateway.histories.set(MAIN, [{ role: 'assistant', content: 'while you were away', timestamp: Date.now() }]);
		gateway.emit('tick', { ts: 2 }, 3);
		await page.waitForSelector('.md >> text=while you were away');
	});

	test('waits longer after each failure, to 15 s', async (t) => {
		const { gateway, page } = await signedIn(t);
		const times = await page.evaluate(async (origin) => {
			const { Rpc } = await import(`${origin}/rpc.js`);
			const Real = globalThis.WebSocket;
			globalThis.WebSocket = class { static OPEN = 1; readyState = 3; close() {} };
			const waits = [];
			const rpc = new Rpc({ onState() {}, onHello() {}, onEvent() {}, onGap() {}, token: () => '' });
			rpc.retry = (ms) => waits.push(Math.round(ms));
			for (let i = 0; i < 8; i++) { rpc.start(); rpc.lost(rpc.socket, ''); }
			globalThis.WebSocket = Real;
			return waits;
		}, gateway.origin);
		assert.deepEqual(times, [800, 1360, 2312, 3930, 6682, 11359, 15000, 15000]);
	});

	test('sandbox: only a proof that passed is shown as proved', async (t) => {
		const { gateway, page } = await signedIn(t);
		await page.waitForSelector('.tier.good >> text=full');
		for (const sandbox of [{ tier: 'full', proof: 'failed' }, { tier: 'full' }, { tier: 'full', proof: 'pending' }, { tier: 'full', proof: true }]) {
			gateway.emit('health', { ok: true, sandbox });
			await page.waitForSelector('.tier:not(.good)');
			assert.doesNotMatch(await page.textContent('.tier'), /proved \u00b7/);
			gateway.emit('health', { ok: true, sandbox: { tier: 'full', proof: 'passed' } });
			await page.waitForSelector('.tier.good');
		}
	});

	test('stopping everything asks first, then says that it has stopped', async (t) => {
		const { gateway, page } = await signedIn(t);
		await page.click('.panic');
		await page.click('dialog[open] >> text=Cancel');
		assert.equal(params(gateway, 'moltbot.panic').length, 0);
		await page.click('.panic');
		await page.click('dialog[open] .danger');
		await page.waitForSelector('#notice >> text=Everything was stopped');
		assert.equal(params(gateway, 'moltbot.panic').length, 1);
	});
});

describe('what is shown', { skip }, () => {
	test('Markdown becomes elements, and links show where they lead', async (t) => {
		const text = '# Title\n\nSome **bold**, *slanted*, `code`, snake_case_name and 2 * 3 * 4.\n\n- one\n  - inner\n- two\n\n3. three\n\n```js\nlet a = "**";\n```\n\n' +
			'[text](https://host.example/path) and https://bare.example/x. [bad](javascript:alert(1)) **open\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n> quote';
		const { page } = await signedIn(t, { histories: { [MAIN]: [{ role: 'assistant', content: text, timestamp: 1 }] } });
		const md = page.locator('.md').first();
		assert.equal(await md.locator('h3').textContent(), 'Title');
		assert.equal(await md.locator('p').first().innerText(), 'Some bold, slanted, code, snake_case_name and 2 * 3 * 4.');
		assert.deepEqual(await md.locator('li').allInnerTexts(), ['one\ninner', 'inner', 'two', 'three']);
		assert.equal(await md.locator('ol').getAttribute('start'), '3');
		assert.equal(await md.locator('pre').textContent(), 'let a = "**";');
		assert.deepEqual(await md.locator('a').evaluateAll((all) => all.map((a) => [a.getAttribute('href'), a.textContent, a.rel])), [
			['https://host.example/path', 'texthost.example', 'noopener noreferrer'], ['https://bare.example/x', 'https://bare.example/x', 'noopener noreferrer']]);
		assert.match(await md.innerText(), /\[bad\]\(javascript:alert\(1\)\) \*\*open/);
		assert.equal(await md.locator('td').count(), 2);
		assert.equal(await md.locator('blockquote').innerText(), 'quote');
	});

	test('a message of 256 KB of special characters is shown in time linear in its length', async (t) => {
		const { page, gateway } = await signedIn(t);
		for (const unit of ['*a ', '`', '[', '**', '_a', '[a](', '> ', '~~x', 'http://', '``a`', '# ', '` ', '`  ', '[a](  ', '| ', '- ', '\n> ', 'https://a.]', '\t#', '**a_~~']) {
			const ms = await page.evaluate(async ([origin, text]) => {
				const { markdownInto } = await import(`${origin}/markdown.js`);
				const from = performance.now();
				markdownInto(document.createElement('div'), text);
				return performance.now() - from;
			}, [gateway.origin, unit.repeat(Math.floor(262144 / unit.length))]);
			assert.ok(ms < 15000, `${unit}: ${Math.round(ms)} ms`); // quadratic would be minutes; a busy machine is slow
		}
	});

	test('the watch sees a script that runs, a request that leaves and an element that is none of ours', async (t) => {
		const context = await browser.newContext();
		t.after(() => context.close());
		const page = await context.newPage();
		await page.route('http://203.0.113.9/**', (route) => route.abort());
		const seen = watch(page, 'http://127.0.0.1:1');
		await page.setContent('<img src=x onerror=alert(1)><marquee></marquee><img src="http://203.0.113.9/pixel.png">');
		await until(() => seen.scripts.length && seen.requests.length, 'the attack');
		assert.ok((await strays(page)).includes('<marquee>'));
	});

	test('hostile text is text: no script runs, no request leaves, no element appears', { skip: blnsPath ? false : 'the corpus of naughty strings is absent' }, async (t) => {
		const strings = [...JSON.parse(readFileSync(blnsPath, 'utf8')), ...attacks];
		assert.ok(strings.length >= 515 + attacks.length);
		const messages = strings.flatMap((s, i) => [
			{ role: 'user', content: s, timestamp: i + 1 },
			{ role: 'assistant', content: [{ type: 'text', text: s }, { type: 'thinking', thinking: s }, { type: 'toolCall', id: `c${i}`, name: s, arguments: { [s]: s } }], timestamp: i + 1 },
			{ role: 'toolResult', toolCallId: `c${i}`, toolName: s, isError: i % 2 === 1, content: [{ type: 'text', text: s }], timestamp: i + 1 },
		]);
		const rows = strings.filter((s) => s !== '').map((s) => ({ key: s, label: s, displayName: s, lastMessagePreview: s, updatedAt: 1 }));
		const { gateway, page, run, seen } = await signedIn(t, { rows: rows.slice(0, 200), histories: { [MAIN]: messages } });
		await until(async () => await page.locator('.turn.user').count() >= strings.length, 'all messages', 90000);
		assert.deepEqual(await page.locator('.turn.user .bubble').evaluateAll((all) => all.map((b) => b.textContent)), strings);
		for (let from = 200; from < rows.length; from += 200) {
			gateway.rows = rows.slice(from, from + 200);
			gateway.chat({ runId: `r${from}`, sessionKey: rows[from].key }, 'final', rows[from].key);
			await page.waitForFunction((n) => document.querySelectorAll('.session').length >= n, gateway.rows.length);
		}
		gateway.histories.clear();
		await page.click('.sidetools .primary');
		await page.waitForSelector('.empty');
		await say(page, attacks[1]);
		const r = await run();
		for (const [i, s] of strings.entries()) {
			gateway.chat(r, 'delta', s);
			gateway.agent(r, 'tool', { phase: 'start', name: s, toolCallId: s + i, args: s });
			gateway.agent(r, 'tool', { phase: 'update', name: s, toolCallId: s + i, partialResult: s });
			gateway.agent(r, 'tool', { phase: 'result', name: s, toolCallId: s + i, isError: true, result: s });
			gateway.emit('health', { sandbox: { tier: s, proof: s, why: s, missing: s } });
			gateway.emit(s, { sessionKey: s, runId: s });
		}
		gateway.chat(r, 'error', undefined, { errorMessage: attacks.join('\n') });
		await page.waitForSelector('.turn.assistant [role=alert]');
		await page.click('.tier');
		await page.keyboard.press('Escape');
		await page.keyboard.press('Control+k');
		await page.keyboard.type('<img');
		await page.keyboard.press('Escape');
		assert.deepEqual(await strays(page), []);
		assert.deepEqual(seen, { scripts: [], requests: [], errors: [] });
	});

	const conversation = [
		{ role: 'user', content: 'tidy up', timestamp: 1 },
		{ role: 'assistant', content: [{ type: 'toolCall', id: 'a', name: 'shell_exec', arguments: { command: 'ls' } }, { type: 'toolCall', id: 'b', name: 'file_read', arguments: { path: 'x' } },
			{ type: 'text', text: '# Done\n\n[see](https://x.example/) `code`\n\n```sh\nls\n```\n\n| a | b |\n|--|--|\n| 1 | 2 |\n\n> q\n\n- x' }], timestamp: 2 },
		{ role: 'toolResult', toolCallId: 'a', toolName: 'shell_exec', isError: false, content: 'ok', timestamp: 3 },
		{ role: 'toolResult', toolCallId: 'b', toolName: 'file_read', isError: true, content: 'not there', timestamp: 3 },
	];
	const rows = [{ key: MAIN, derivedTitle: 'Tidying', lastMessagePreview: 'Done', updatedAt: Date.now() - 6e6 }, { key: 'agent:main:b', displayName: '**Other**', lastMessagePreview: '## **Done**: see `ls`, *not* __this__, 2**10 and a_b_c **cut o', updatedAt: 5 }];

	for (const colorScheme of ['light', 'dark']) {
		test(`nothing that axe-core calls serious, in ${colorScheme}`, async (t) => {
			const { gateway, page, run } = await signedIn(t, { rows, histories: { [MAIN]: conversation } }, { colorScheme, reducedMotion: 'reduce' });
			await page.waitForSelector('.session >> text=Other');
			assert.equal(await page.locator('.session', { hasText: 'Other' }).locator('.preview').textContent(), 'Done: see ls, not this, 2**10 and a_b_c cut o');
			await page.click('.tool.failed summary');
			await say(page, 'more');
			const r = await run();
			gateway.agent(r, 'tool', { phase: 'start', name: 'shell_exec', toolCallId: 'z', args: { command: 'sleep' } });
			await page.waitForSelector('.tool.running');
			assert.deepEqual(await axe(page), [], 'conversation');
			gateway.chat(r, 'error', undefined, { errorMessage: 'it broke' });
			await page.click('.panic');
			assert.deepEqual(await axe(page), [], 'panic');
			await page.keyboard.press('Escape');
			await page.click('.tier');
			assert.deepEqual(await axe(page), [], 'sandbox');
			await page.keyboard.press('Escape');
			await page.keyboard.press('Control+k');
			assert.deepEqual(await axe(page), [], 'switcher');
			await page.keyboard.press('Escape');
			await page.click('.sidetools .primary');
			await page.waitForSelector('.empty');
			assert.deepEqual(await axe(page), [], 'empty');
			gateway.cookies.clear();
			gateway.drop();
			await page.waitForSelector('.card');
			assert.deepEqual(await axe(page), [], 'sign-in');
		});
	}

	for (const width of [390, 320]) {
		test(`on a phone ${width} wide nothing sticks out, and what is pressed is 44 high`, async (t) => {
			const wide = [...conversation, { role: 'user', content: 'x'.repeat(500), timestamp: 4 }, { role: 'assistant', content: `${'y'.repeat(500)}\n\n\`${'z'.repeat(300)}\``, timestamp: 5 }];
			const { page } = await signedIn(t, { rows, histories: { [MAIN]: wide } }, { viewport: { width, height: 700 }, hasTouch: true, isMobile: true });
			await page.waitForSelector('.turn.user >> nth=1');
			assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width);
			assert.equal(await page.evaluate(() => { const log = document.getElementById('log'); return log.scrollWidth - log.clientWidth; }), 0);
			const small = await page.locator('.top button:visible, .dock button:visible, .tool summary').evaluateAll((all) =>
				all.filter((b) => b.getBoundingClientRect().height < 44 || b.getBoundingClientRect().width < 44).map((b) => b.className));
			assert.deepEqual(small, []);
			await page.click('.menu');
			await page.waitForSelector('.session >> text=Other');
			await page.click('.session >> text=Other');
			await page.waitForSelector('.title >> text=Other');
			await page.waitForSelector('.sidebar', { state: 'hidden' });
		});
	}
});

describe('with the real gateway', { skip: skip || (isBuilt() ? false : 'the gateway is not built') }, () => {
	test('the link of `moltbot dashboard` signs in; a question is answered with a tool call', async (t) => {
		const gateway = new Gateway();
		const context = await browser.newContext();
		t.after(async () => { await context.close(); await gateway.cleanup(); });
		await gateway.start();
		const made = cli(gateway, ['dashboard', '--json']);
		assert.equal(made.status, 0, made.stderr);
		const link = /http:\/\/[^"\s]+#claim=[^"\s]+/.exec(made.stdout)?.[0];
		const page = await context.newPage();
		const seen = watch(page, `http://127.0.0.1:${gateway.port}`);
		await page.goto(link);
		await page.waitForSelector('.empty');
		assert.equal(page.url(), `http://127.0.0.1:${gateway.port}/`);
		await page.waitForSelector('.tier.good, .tier.bad', { timeout: 20000 });
		await say(page, 'what is 17 * 23?');
		await page.waitForSelector('.tool.ok >> text=calculator');
		await page.waitForSelector('.turn.assistant .md >> text=391');
		await page.waitForSelector('.stop', { state: 'hidden' });
		await page.reload();
		await page.waitForSelector('.tool.ok >> text=calculator');
		await page.waitForSelector('.turn.assistant .md >> text=391');
		await page.waitForSelector('.session >> text=17');
		assert.deepEqual(seen, { scripts: [], requests: [], errors: [] });
	});

	test('hostile text of a model and of its tools is text; Esc stops a run', async (t) => {
		const model = await new ModelServer((body) => {
			const said = lastUser(body);
			if (said.includes('wait')) return { text: 'x'.repeat(4000), chunkMs: 50 };
			return body.messages.at(-1).role === 'tool' ? { text: attacks.slice(0, 60).join('\n\n') } :
				{ text: attacks[1], calls: [{ name: 'calculator', args: { expression: attacks[0] } }] };
		}).listen();
		const gateway = new Gateway({ config: providerConfig(model.baseUrl) });
		const context = await browser.newContext();
		t.after(async () => { await context.close(); await gateway.cleanup(); await model.close(); });
		await gateway.start();
		const page = await context.newPage();
		const seen = watch(page, `http://127.0.0.1:${gateway.port}`);
		await page.goto(`http://127.0.0.1:${gateway.port}/`);
		await page.click('.other summary');
		await page.fill('#token', gateway.token);
		await page.press('#token', 'Enter');
		await page.waitForSelector('.empty');
		await say(page, attacks.slice(0, 40).join('\n'));
		await page.waitForSelector('.tool.failed, .tool.ok', { timeout: 20000 });
		await page.waitForSelector('.stop', { state: 'hidden', timeout: 20000 });
		await page.reload();
		await page.click('.other summary');
		await page.fill('#token', gateway.token);
		await page.press('#token', 'Enter');
		await page.waitForSelector('.turn.assistant');
		await say(page, 'please wait'); // "wait" alone is a word that stops runs
		await page.waitForSelector('.turn.assistant .md >> text=xxxx');
		await page.keyboard.press('Escape');
		await page.waitForSelector('.aborted');
		assert.deepEqual(await strays(page), []);
		assert.deepEqual(seen.scripts.concat(seen.requests), []);
	});
});
