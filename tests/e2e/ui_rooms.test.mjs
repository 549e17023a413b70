// The rooms of the Control UI: with the real gateway what each shows and does; with the fake one what only an attacker or a narrow
// connection sees.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { after, before, describe } from 'node:test';
import { fileURLToPath } from 'node:url';
import { FakeGateway } from './fake-gateway.mjs';
import { chat, Client, signIn } from './lib/client.mjs';
import { Device } from './lib/device.mjs';
import { cli, Gateway, isBuilt, until } from './lib/gateway.mjs';
import { attacks, axe, chromiumPath, launch, strays, watch } from './lib/page.mjs';

const blnsPath = [fileURLToPath(new URL('../../../shared/corpora/naughty-strings/blns.json', import.meta.url))].find(existsSync);
const skip = !existsSync(chromiumPath) ? 'Chromium is not installed' : isBuilt() ? false : 'the gateway is not built';
const ROOMS = ['overview', 'sessions', 'devices', 'config/form/gateway', 'config/text', 'config/history', 'logs'];
const SECRET = 'sk-literal-secret-0123456789abcdef';

let browser;
before(async () => { if (!skip) browser = await launch(); });
after(async () => { await browser?.close(); });

/** What has to stand there before a room counts as drawn. */
const drawn = (room) => ({ overview: '.tiles', sessions: '.grid tr >> nth=1', devices: '.panel >> nth=1', 'config/form/gateway': '.field >> nth=3',
	'config/form/models': '.sectiontitle >> text=Models', 'config/text': '.codearea', 'config/history': '.grid tr >> nth=1', logs: '.logline' })[room];

async function enter(page, room) {
	await page.evaluate((hash) => { location.hash = hash; }, `#/${room}`);
	await page.waitForSelector(`#room ${drawn(room) ?? ''}`);
}

const sheet = 'dialog[open]';
const press = (page, text) => page.click(`${sheet} .button >> text="${text}"`);

describe('rooms of the real gateway', { skip }, () => {
	let gateway;
	let client;
	const file = () => readFileSync(join(gateway.dir, 'moltbot.json'), 'utf8');

	before(async () => {
		gateway = new Gateway();
		const { freePort } = await import('./lib/gateway.mjs');
		gateway.port = await freePort();
		gateway.options.configText = `// the owner's own words\n{\n  gateway: {\n    port: ${gateway.port}, // do not touch\n  },\n  models: { providers: { local: { baseUrl: "http://127.0.0.1:9/v1", ` +
			`apiKey: "${SECRET}", models: [{ id: "m" }] } } },\n  agents: { defaults: { model: { primary: "offline" } } },\n}\n`;
		await gateway.start();
		client = await signIn(gateway);
		await chat(client, 'what is 17 * 23?');
		await chat(client, 'hello', { sessionKey: 'other' });
		await pairing('Kitchen tablet', ['operator.read', 'operator.write']);
	});
	after(async () => { await client?.close(); await gateway?.cleanup(); });

	/** A device asks to be let in; the request's id. */
	async function pairing(displayName, scopes) {
		const device = new Device();
		const other = new Client(gateway.url());
		const answer = await other.connect((nonce) => ({ token: gateway.token, role: 'operator', scopes,
			client: { id: 'cli', version: '1', platform: 'linux', mode: 'cli', displayName },
			device: device.present({ clientId: 'cli', clientMode: 'cli', role: 'operator', scopes, token: gateway.token, nonce }) }));
		assert.ok(answer.error?.details?.requestId, JSON.stringify(answer));
		return { id: answer.error.details.requestId, device, scopes };
	}

	async function open(t, view = {}) {
		const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...view });
		t.after(() => context.close());
		const page = await context.newPage();
		page.setDefaultTimeout(Number(process.env.PAGE_MS ?? 60000));
		const seen = watch(page, `http://127.0.0.1:${gateway.port}`);
		const made = cli(gateway, ['dashboard', '--json']);
		assert.equal(made.status, 0, made.stderr);
		await page.goto(/http:\/\/[^"\s]+#claim=[^"\s]+/.exec(made.stdout)[0]);
		await page.waitForSelector('.turns > *:not(.skeleton)');
		return { page, seen };
	}

	for (const colorScheme of ['light', 'dark']) {
		for (const width of [1440, 360]) {
			test(`every room in ${colorScheme}, ${width} wide: axe-core finds nothing serious, nothing sticks out`, async (t) => {
				const phone = width < 500 ? { isMobile: true, hasTouch: true } : {};
				const { page, seen } = await open(t, { colorScheme, reducedMotion: 'reduce', viewport: { width, height: width < 500 ? 740 : 900 }, ...phone });
				for (const room of ROOMS) {
					await enter(page, room);
					assert.deepEqual(await axe(page), [], room);
					assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width, room);
					assert.equal(await page.evaluate(() => { const r = document.getElementById('room'); return r.scrollWidth - r.clientWidth; }), 0, room);
					const out = await page.locator('#room button:visible, #room select:visible, #room input:visible').evaluateAll((all, w) =>
						all.filter((b) => b.getBoundingClientRect().right > w || (w < 500 && b.getBoundingClientRect().height < 44 && !b.matches('.linkbutton'))).map((b) => b.outerHTML), width);
					assert.deepEqual(out, [], room);
				}
				await enter(page, 'sessions');
				await page.click('#room .grid .button');
				await page.waitForSelector(sheet);
				assert.deepEqual(await axe(page), [], 'sheet of a session');
				await press(page, 'Delete\u2026');
				await page.waitForSelector(`${sheet} .points`);
				assert.deepEqual(await axe(page), [], 'question');
				await page.keyboard.press('Escape');
				assert.deepEqual(seen, { scripts: [], requests: [], errors: [] });
			});
		}
	}

	test('links, the back button and the keyboard lead from room to room', async (t) => {
		const { page } = await open(t);
		await page.focus('#skip');
		const at = async () => await page.evaluate(() => document.activeElement.textContent);
		for (let i = 0; i < 20 && await at() !== 'Devices'; i++) await page.keyboard.press('Tab');
		await page.keyboard.press('Enter');
		await page.waitForSelector('.title >> text=Devices');
		assert.match(page.url(), /#\/devices$/);
		assert.equal(await page.getAttribute('.way[aria-current]', 'href'), '#/devices');
		await page.click('.way >> text=Overview');
		await page.waitForSelector('.title >> text=Overview');
		await page.goBack();
		await page.waitForSelector('.title >> text=Devices');
		await page.goBack();
		await page.waitForSelector('#talk:not([hidden])');
		await page.goto(`${page.url().split('#')[0]}#/logs`);
		await page.reload();
		await page.waitForSelector('.title >> text=Logs');
		await page.focus('#skip');
		await page.keyboard.press('Enter');
		assert.equal(await page.evaluate(() => document.activeElement.id), 'room');
		assert.match(page.url(), /#\/logs$/);
	});

	test('overview: what runs, the sandbox, the proof, sign-in; a crash is counted and is an alert', async (t) => {
		const { page } = await open(t);
		await enter(page, 'overview');
		const tile = (name) => page.textContent(`.tile[aria-label="${name}"]`);
		await page.waitForSelector('.tile[aria-label="Self-proof"] .badge:not(.warn)');
		assert.match(await tile('Sandbox'), /Tier /);
		assert.match(await tile('Sign-in'), /Token.*loopback/);
		assert.match(await tile('Gateway'), /Version .*up for/);
		assert.match(await tile('Configuration'), /In force/);
		const row = (name) => page.locator('.grid tr', { has: page.locator(`bdi:text-is("${name}")`) });
		await until(async () => (await row('core').count()) > 0 && /Running/.test(await row('core').textContent()), 'core');
		process.kill(gateway.processes().find((p) => /moltbot-dial/.test(p.args)).pid, 'SIGKILL');
		await until(async () => /Running.*1/.test(await row('dial').textContent()), 'the crash', 30000);
		await page.waitForSelector('.alerts li >> text=dial ended unexpectedly');
	});

	test('alerts: a wrong credential, a change of the configuration, the kill switch, each with what to do and when', async (t) => {
		const { page } = await open(t);
		await enter(page, 'overview');
		const alert = (kind) => page.locator('.alerts li', { has: page.locator(`.badge bdi:text-is("${kind}")`) }).first();
		const refused = await fetch(`http://127.0.0.1:${gateway.port}/v1/models`, { headers: { authorization: 'Bearer not-the-token' } });
		assert.equal(refused.status, 401);
		await alert('Sign-in').waitFor();
		assert.match(await alert('Sign-in').textContent(), /source=127\.0\.0\.1.*change the token/);
		assert.ok(await alert('Sign-in').locator('time').count() === 1);
		const { hash } = await client.call('config.get');
		await client.call('config.patch', { raw: '{ logging: { level: "debug" } }', baseHash: hash });
		await alert('Change').waitFor();
		assert.match(await alert('Change').textContent(), /configuration was changed by .*Roll it back/);
		await alert('Change').locator('a').click();
		await page.waitForSelector('.title >> text=Configuration');
		await page.goBack();
		await client.call('moltbot.panic');
		await alert('Stopped').waitFor();
		assert.match(await alert('Stopped').textContent(), /Everything is stopped.*moltbot gateway resume/);
		assert.deepEqual(await axe(page), []);
		assert.equal(cli(gateway, ['gateway', 'resume']).status, 0);
		await page.waitForSelector('.alerts li >> text=Everything is stopped', { state: 'detached' });
	});

	test('sessions: name, export, reset and delete; a question says what is lost, and Cancel loses nothing', async (t) => {
		for (const key of ['kept', 'gone']) await chat(client, `say ${key}`, { sessionKey: key });
		const { page } = await open(t);
		await enter(page, 'sessions');
		await page.waitForSelector('.grid .badge >> text=Owner');
		const manage = async (key) => {
			await page.locator('.grid tr', { has: page.locator(`bdi:text-is("agent:main:${key}")`) }).locator('.button').click();
			await page.waitForSelector(sheet);
		};
		await manage('kept');
		await page.fill(`${sheet} .field input`, 'A better name');
		await press(page, 'Save');
		await page.waitForSelector('.grid >> text=A better name');
		assert.equal((await client.call('sessions.list', { label: 'A better name' })).sessions[0].key, 'agent:main:kept');
		await manage('kept');
		const [download] = await Promise.all([page.waitForEvent('download'), press(page, 'Export')]);
		assert.equal(download.suggestedFilename(), 'agent-main-kept.jsonl');
		const lines = readFileSync(await download.path(), 'utf8').trim().split('\n').map((l) => JSON.parse(l));
		assert.equal(lines[0].type, 'session');
		assert.equal(lines[1].message.content[0].text, 'say kept');
		assert.ok(lines.length >= 3);
		await press(page, 'Delete\u2026');
		assert.match(await page.textContent(`${sheet} .points`), /items of conversation/);
		await press(page, 'Cancel');
		await page.waitForSelector(sheet, { state: 'detached' });
		assert.equal((await client.call('sessions.list', { label: 'A better name' })).count, 1);
		await manage('kept');
		await press(page, 'Reset\u2026');
		await press(page, 'Begin anew');
		await until(async () => !(await client.call('chat.history', { sessionKey: 'kept' })).messages.some((m) => JSON.stringify(m).includes('say kept')), 'the reset');
		await manage('gone');
		await press(page, 'Delete\u2026');
		await press(page, 'Delete');
		await page.waitForFunction(() => !document.querySelector('#room').textContent.includes('agent:main:gone'));
		assert.ok(!(await client.call('sessions.list', {})).sessions.some((s) => s.key === 'agent:main:gone'));
	});

	test('devices: one that asks appears, is let in, gets a new token, loses it, and is removed', async (t) => {
		const { page } = await open(t);
		await enter(page, 'devices');
		await page.waitForSelector('.card2 >> text=Kitchen tablet');
		await pairing('Stranger', ['operator.read', 'operator.admin']);
		await page.click('[aria-label="Reject Stranger"]');
		await press(page, 'Reject');
		await page.waitForSelector('.card2 >> text=Stranger', { state: 'detached' });
		await page.click('[aria-label="Approve Kitchen tablet"]');
		assert.deepEqual(await page.locator(`${sheet} .points li`).allInnerTexts(), ['Read conversations, status and logs', 'Send messages and run tools']);
		await press(page, 'Approve');
		await page.waitForSelector('.grid >> text=Kitchen tablet');
		const { paired } = await client.call('device.pair.list');
		assert.equal(paired.length, 1);
		const manage = async () => { await page.click('[aria-label="Manage Kitchen tablet"]'); await page.waitForSelector(sheet); };
		await manage();
		await press(page, 'New token\u2026');
		await press(page, 'New token');
		const token = await page.textContent(`${sheet} .command code`);
		assert.ok(token.length > 20);
		await press(page, 'Done');
		await page.waitForSelector(sheet, { state: 'detached' });
		assert.ok(!(await page.content()).includes(token));
		await page.waitForSelector('.grid .badge >> text=Valid');
		await manage();
		await press(page, 'Revoke token\u2026');
		await press(page, 'Revoke');
		await page.waitForSelector('.grid .badge >> text=Revoked');
		await manage();
		await press(page, 'Remove\u2026');
		await press(page, 'Remove');
		await page.waitForSelector('.nothing >> text=No paired devices');
		assert.deepEqual((await client.call('device.pair.list')).paired, []);
	});

	test('logs: grow by themselves, are filtered by level and words, and stand still when paused', async (t) => {
		const { page } = await open(t);
		await enter(page, 'logs');
		const lines = () => page.locator('.logline').count();
		const first = await lines();
		process.kill(gateway.processes().find((p) => /moltbot-dial/.test(p.args)).pid, 'SIGKILL');
		await until(async () => await lines() > first, 'new lines by themselves', 20000);
		await page.waitForSelector('.logline.error >> text=dial');
		await page.selectOption('.toolbar select', '4');
		assert.equal(await page.locator('.logline:not(.error)').count(), 0);
		await page.selectOption('.toolbar select', '0');
		await page.fill('.search input', 'listening address');
		assert.ok(await lines() >= 1);
		assert.ok((await page.locator('.logtext').allInnerTexts()).every((l) => l.includes('listening')));
		await page.fill('.search input', 'no such words at all');
		await page.waitForSelector('.nothing >> text=No line fits');
		await page.fill('.search input', '');
		await page.click('.toolbar .button >> text=Pause');
		await page.waitForSelector('.hint >> text=paused');
		const still = await lines();
		process.kill(gateway.processes().find((p) => /moltbot-dial/.test(p.args)).pid, 'SIGKILL');
		await until(async () => gateway.log().split('\n').length > still + 1, 'the log', 20000);
		assert.equal(await lines(), still);
		await page.click('.toolbar .button >> text=Go on');
		await until(async () => await lines() > still, 'the new lines', 20000);
	});

	test('configuration by form: the change is shown first; only it is written; comments and the secret stay', async (t) => {
		const { page } = await open(t);
		await enter(page, 'config/form/gateway');
		const field = (path) => page.locator('.field', { has: page.locator(`code:text-is("${path}")`) });
		await field('gateway.rateLimit.maxRequestsPerMinute').locator('input').fill('many');
		await page.waitForSelector('.problem >> text=A whole number');
		assert.equal(await page.isDisabled('.savebar .primary'), true);
		await field('gateway.rateLimit.maxRequestsPerMinute').locator('input').fill('600');
		await field('gateway.allowedHosts').locator('textarea').fill('a.example\nb.example');
		await page.click('.savebar .primary');
		assert.match(await page.textContent(`${sheet} .changes`), /maxRequestsPerMinute.*not set.*600/);
		const before = file();
		await press(page, 'Cancel');
		assert.equal(file(), before);
		await page.click('.way >> text=Logs');
		await page.goBack();
		await page.click('.savebar .primary');
		await press(page, 'Save');
		await page.waitForSelector(sheet, { state: 'detached' });
		assert.match(file(), /do not touch/);
		assert.ok(file().includes(SECRET));
		const { parsed } = await client.call('config.get');
		assert.equal(parsed.gateway.rateLimit.maxRequestsPerMinute, 600);
		assert.deepEqual(parsed.gateway.allowedHosts, ['a.example', 'b.example']);
		await enter(page, 'config/form/models');
		const key = field('models.providers.local.apiKey').locator('input');
		assert.equal(await key.inputValue(), '');
		assert.match(await key.getAttribute('placeholder'), /Stored/);
		assert.ok(!(await page.content()).includes(SECRET));
		await field('models.providers.local.baseUrl').locator('input').fill('no address');
		await page.click('.savebar .primary');
		await press(page, 'Save');
		await page.waitForSelector('.alert >> text=Nothing was saved');
		await field('models.providers.local.baseUrl').locator('.problem:visible').waitFor();
		await page.click('.savebar .button >> text=Discard');
		await page.waitForSelector('.savebar', { state: 'hidden' });
	});

	test('configuration by form: a list of objects, entry by entry', async (t) => {
		const { page } = await open(t);
		await enter(page, 'config/form/models');
		const list = page.locator('.field.list', { has: page.locator('code:text-is("models.providers.local.models")') });
		const id = (i) => list.locator('.entry').nth(i).locator('input').first();
		assert.equal(await id(0).inputValue(), 'm');
		await list.locator('.button >> text=Add an entry').click();
		assert.equal(await page.evaluate(() => document.activeElement.closest('.entry').getAttribute('aria-label')), 'Entry 2');
		await id(1).fill('second');
		await list.locator('.entry').nth(1).locator('input').nth(1).fill('many');
		await page.waitForSelector('.entry .problem >> text=A whole number');
		assert.equal(await page.isDisabled('.savebar .primary'), true);
		await list.locator('.entry').nth(1).locator('input').nth(1).fill('512');
		assert.deepEqual(await axe(page), []);
		await page.click('.savebar .primary');
		await press(page, 'Save');
		await page.waitForSelector(sheet, { state: 'detached' });
		assert.deepEqual((await client.call('config.get')).parsed.models.providers.local.models, [{ id: 'm' }, { id: 'second', maxTokens: 512 }]);
		assert.ok(file().includes(SECRET));
		await page.waitForSelector('.entry >> nth=1');
		await page.click('[aria-label="Take out entry 2"]');
		await page.click('.savebar .primary');
		await press(page, 'Save');
		await page.waitForSelector(sheet, { state: 'detached' });
		assert.deepEqual((await client.call('config.get')).parsed.models.providers.local.models, [{ id: 'm' }]);
	});

	test('configuration as text: mistakes at their place, the difference before saving, somebody else\u2019s change in between', async (t) => {
		const { page } = await open(t);
		await enter(page, 'config/text');
		const good = await page.inputValue('.codearea');
		assert.match(good, /the owner's own words/);
		assert.ok(!good.includes(SECRET));
		const before = file();
		await page.fill('.codearea', '{\n  gatway: {},\n  gateway: { port: 0 } }');
		await page.click('.savebar .primary');
		assert.ok(await page.locator(`${sheet} .diffline.removed`).count() > 3);
		await press(page, 'Save');
		await page.waitForSelector('.issues >> text=line 2, column 3');
		await page.click('.issues >> text=line 3, column 20');
		assert.equal(await page.evaluate(() => { const a = document.querySelector('.codearea'); return a.value.slice(a.selectionStart); }), '0 } }');
		assert.equal(file(), before);
		await page.fill('.codearea', good.replace('// do not touch', '// a new comment'));
		const { hash } = await client.call('config.get');
		await client.call('config.patch', { raw: '{ logging: { level: "info" } }', baseHash: hash });
		await page.click('.savebar .primary');
		await press(page, 'Save');
		await page.click('.alert .button >> text=Load the new one');
		await page.waitForSelector('#room .alert', { state: 'detached' });
		await page.click('.savebar .primary');
		assert.match(await page.textContent(`${sheet} .diff`), /logging/);
		await press(page, 'Cancel');
		await page.click('.savebar .button >> text=Discard');
		const fresh = await page.inputValue('.codearea');
		assert.match(fresh, /logging/);
		await page.fill('.codearea', fresh.replace('// do not touch', '// a new comment'));
		await page.click('.savebar .primary');
		assert.deepEqual(await page.locator(`${sheet} .diffline:is(.added, .removed) bdi`).allInnerTexts().then((l) => l.map((s) => /\/\/ (.*)/.exec(s)?.[1])), ['do not touch', 'a new comment']);
		await press(page, 'Save');
		await page.waitForSelector(sheet, { state: 'detached' });
		assert.match(file(), /a new comment/);
		assert.ok(file().includes(SECRET));
	});

	test('configuration history: who and when, what each changed, and the way back', async (t) => {
		const { page } = await open(t);
		const { hash } = await client.call('config.get');
		const { parsed } = await client.call('config.get');
		await client.call('config.patch', { raw: '{ tools: { deny: ["file_delete"] } }', baseHash: hash });
		await enter(page, 'config/history');
		await page.waitForSelector('.grid tr >> nth=2');
		const rows = page.locator('.grid tbody tr');
		assert.match(await rows.nth(0).textContent(), /token.*In force/);
		await rows.nth(0).locator('.button >> text=Difference').click();
		await page.waitForSelector(`${sheet} .diffline.added >> text=file_delete`);
		assert.ok(!(await page.content()).includes(SECRET));
		await press(page, 'Close');
		await rows.nth(1).locator('.button >> text=Roll back').click();
		await page.waitForSelector(`${sheet} .diffline.removed >> text=file_delete`);
		await press(page, 'Roll back');
		await page.waitForSelector(sheet, { state: 'detached' });
		const now = await client.call('config.get');
		assert.deepEqual(now.parsed, parsed);
		await until(async () => /browser.*In force/.test(await rows.nth(0).textContent()), 'the list with what was rolled back to');
	});
});

describe('rooms of a hostile gateway, or for a narrow connection', { skip }, () => {
	async function open(t, answers) {
		const gateway = await new FakeGateway({ answers }).start();
		const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
		t.after(async () => { await context.close(); await gateway.stop(); });
		const page = await context.newPage();
		page.setDefaultTimeout(Number(process.env.PAGE_MS ?? 60000));
		const seen = watch(page, gateway.origin);
		await page.goto(`${gateway.origin}/#claim=code-1`);
		await page.waitForSelector('.turns > *:not(.skeleton)');
		return { gateway, page, seen };
	}
	const params = (gateway, method) => gateway.sent.filter((f) => f.method === method).map((f) => f.params);

	test('without admin there is no configuration, but a sentence why', async (t) => {
		const no = () => new Error('missing scope: operator.admin');
		const { page } = await open(t, { 'config.get': no, 'config.schema': no, 'device.pair.list': () => new Error('missing scope: operator.pairing') });
		await page.click('.way >> text=Configuration');
		await page.waitForSelector('.nothing >> text=Not for this connection');
		assert.match(await page.textContent('.nothing'), /operator\.admin.*moltbot dashboard/);
		assert.equal(await page.locator('.tabs:visible, .field:visible, .codearea:visible').count(), 0);
		assert.deepEqual(await axe(page), []);
		await page.click('.way >> text=Devices');
		await page.waitForSelector('.nothing >> text=operator.pairing');
	});

	test('a room that cannot be read says so, and is tried again', async (t) => {
		const { gateway, page } = await open(t, { status: () => new Error('the store is away') });
		await page.click('.way >> text=Overview');
		await page.waitForSelector('#room .alert >> text=the store is away');
		gateway.answers.status = { gateway: { version: '1', uptimeMs: 5 } };
		gateway.answers['moltbot.processes'] = { processes: [{ name: 'core', life: 'always', running: 0 }] };
		/* it is tried again every few seconds as well, and then there is no such button any more */
		await page.evaluate(() => document.querySelector('#room .alert .button')?.click());
		await page.waitForSelector('.tile >> text=1 process down');
		await page.waitForSelector('.grid .badge.bad >> text=Down');
	});

	test('hostile words in names, lines, keys and values of every room are words', { skip: blnsPath ? false : 'the corpus of naughty strings is absent' }, async (t) => {
		const strings = [...JSON.parse(readFileSync(blnsPath, 'utf8')), ...attacks].filter((s) => s !== '');
		const now = Date.now();
		const history = strings.slice(0, 60).map((s, i) => ({ hash: `${i}${s}`, ts: now - i, by: s, bytes: 1, current: i === 0 }));
		const hints = {};
		const properties = {};
		strings.slice(0, 150).concat(attacks).forEach((s, i) => {
			const name = s.replaceAll('.', '_') || 'x';
			hints[`evil.${name}`] = { label: s, help: s, group: 'evil', order: i, sensitive: false, reload: s };
			Object.defineProperty(properties, name, { value: { type: i % 3 ? 'string' : 'array', items: { type: 'string' }, enum: i % 3 === 1 ? [s, 'b'] : undefined, default: s }, enumerable: true, configurable: true, writable: true });
		});
		const parsed = JSON.parse(`{"evil": ${JSON.stringify(Object.fromEntries(Object.keys(hints).map((k, i) => [k.slice(5), i % 3 ? strings[i % strings.length] : [strings[i % strings.length].replaceAll('\n', ' ')]])))}}`);
		const { gateway, page, seen } = await open(t, {
			status: { gateway: { version: attacks[1], bind: attacks[2], provider: attacks[3], auth: { mode: attacks[4] } }, sessions: { defaults: { model: attacks[5] } }, sandbox: { tier: '__proto__', proof: 'passed', why: attacks[1] } },
			health: { config: 'constructor' },
			'moltbot.processes': { processes: strings.map((s) => ({ name: s, holds: s, life: s, running: s })) },
			'system-presence': strings.slice(0, 100).map((s) => ({ host: s, mode: s, platform: s, ts: s })),
			'logs.tail': { cursor: 1, lines: strings.concat(strings.map((s) => JSON.stringify({ 1: s, time: s, _meta: { name: s, logLevelName: 'ERROR' } }))) },
			'device.pair.list': { pending: strings.map((s) => ({ requestId: s, deviceId: s, displayName: s, platform: s, clientId: s, role: s, scopes: [s], ts: now })),
				paired: strings.map((s) => ({ deviceId: s, displayName: s, platform: s, role: s, scopes: [s], approvedAtMs: now, tokens: [{ role: s }] })) },
			'config.get': { path: attacks[1], exists: true, raw: strings.join('\n'), parsed, hash: 'h', valid: false, issues: strings.map((s, i) => ({ path: s, message: s, line: i + 1, col: 1, file: s })), warnings: [] },
			'config.schema': { schema: { properties: { evil: { properties } } }, uiHints: hints },
			'moltbot.config.history': (p) => p.hash ? { entries: [], raw: `${strings.join('\n')}\n${p.hash}` } : { entries: history },
		});
		gateway.rows = strings.slice(0, 300).map((s) => ({ key: s, label: s, derivedTitle: s, provenance: { integrity: s, readers: s }, spawnedBy: s, items: s }));
		for (const room of ['overview', 'sessions', 'devices', 'config/form/evil', 'config/text', 'config/history', 'logs']) {
			await page.evaluate((hash) => { location.hash = hash; }, `#/${room}`);
			await page.waitForSelector({ overview: '.tiles', devices: '.card2', 'config/form/evil': '.field >> nth=9', 'config/text': '.codearea', logs: '.logline' }[room] ?? '#room .grid');
			assert.deepEqual(await strays(page), [], room);
		}
		assert.equal(await page.locator('.logline').count(), 800);
		for (const [room, button] of [['sessions', '.grid .button'], ['devices', '.card2 .primary'], ['devices', '.grid .button'], ['config/history', '.grid .button >> nth=0']]) {
			await page.evaluate((hash) => { location.hash = hash; }, `#/${room}`);
			await page.waitForSelector(`#room ${button}`);
			await page.locator(`#room ${button}`).first().click();
			await page.waitForSelector(sheet);
			assert.deepEqual(await strays(page), [], `${room} sheet`);
			await page.keyboard.press('Escape');
		}
		await page.evaluate((hash) => { location.hash = hash; }, `#/${attacks[1]}/${attacks[2]}`);
		await page.evaluate(() => { location.hash = '#/chat/%E0%A4%A'; });
		await page.waitForSelector('#talk:not([hidden])');
		assert.deepEqual(seen, { scripts: [], requests: [], errors: [] });
	});

	test('a name like __proto__ in the configuration is a name: the patch says it, the page is as before', async (t) => {
		const { gateway, page } = await open(t, {
			'config.get': { path: 'p', exists: true, raw: '{}', parsed: JSON.parse('{"models": {"providers": {"__proto__": {"baseUrl": "a"}}}}'), hash: 'h', valid: true, issues: [], warnings: [] },
			'config.schema': { schema: { properties: { models: { properties: { providers: { additionalProperties: { properties: { baseUrl: { type: 'string' } } } } } } } },
				uiHints: { 'models.providers.*.baseUrl': { label: 'Base url', group: 'models', order: 0 } } },
			'config.patch': { ok: true },
		});
		await page.evaluate(() => { location.hash = '#/config/form/models'; });
		await page.locator('.field', { has: page.locator('code:text-is("models.providers.__proto__.baseUrl")') }).locator('input').fill('polluted');
		await page.click('.savebar .primary');
		await press(page, 'Save');
		await until(() => params(gateway, 'config.patch').length, 'the patch');
		assert.equal(params(gateway, 'config.patch')[0].raw, '{"models":{"providers":{"__proto__":{"baseUrl":"polluted"}}}}');
		assert.equal(params(gateway, 'config.patch')[0].baseHash, 'h');
		assert.equal(await page.evaluate(() => ({}).baseUrl), undefined);
	});
});
