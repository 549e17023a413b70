// shots.mjs FOLDER [ROOM...]: pictures of the Control UI, to be looked at: every room of a gateway with something in it, light and dark,
// as wide as a desk and as a phone. shots.mjs docs: those that the README shows, without names that are there to be too long.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chat, Client, signIn } from './client.mjs';
import { Device } from './device.mjs';
import { cli, Gateway, providerConfig, serving, until } from './gateway.mjs';
import { lastUser, ModelServer, toolResults } from './model.mjs';
import { axe, launch } from './page.mjs';

const [, , folder, ...rest] = process.argv;
const forReadme = folder === 'docs';
const chosen = forReadme ? ['chat', 'overview'] : rest;
const PNG = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');
const SIZES = [['desk', { viewport: { width: 1280, height: 800 } }],
	['phone', { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 }]];
const TABLE = 'There are three notes. The longest is about the garden:\n\n| file | lines | last changed |\n|---|---|---|\n| garden.md | 48 | yesterday |\n' +
	'| books.md | 12 | in March |\n| a-rather-long-name-that-somebody-gave-to-a-file.md | 3 | last year |\n\n**Next** you could:\n\n1. move `books.md` to the shelf\n2. ask me to *shorten* the garden';

/** What the model says: a tool first where the question is about notes, then words. */
function script(body) {
	const question = lastUser(body);
	if (/notes/.test(question) && toolResults(body).length === 0)
		return { calls: [{ name: 'file_list', args: { path: '.' } }, { name: 'shell_exec', args: { command: 'wc -l *.md' } }] };
	if (/notes/.test(question)) return { text: TABLE };
	if (/plan/.test(question)) return { text: '## A plan\n\n- **Morning**: the letters\n- *Noon*: the shop\n\n```sh\nls -l notes/\n```\n\nMore at [the handbook](https://handbook.example/plans).' };
	return { text: 'Hello. What shall we do?' };
}

/** @type {Record<string, {hash: string, wait: string, then?: (page: any) => Promise<void>}>} */
const ROOMS = {
	chat: { hash: '#/chat/agent:main:notes', wait: '.tablebox' },
	empty: { hash: '#/chat/agent:main:chat-0badcafe', wait: '.turns > *' },
	overview: { hash: '#/overview', wait: '.alerts li .badge bdi:text-is("Change")' },
	sessions: { hash: '#/sessions', wait: '.grid tbody tr >> nth=3' },
	session: { hash: '#/sessions', wait: '.grid tbody tr >> nth=3', then: async (page) => { await page.click('#room .grid .button'); await page.waitForSelector('dialog[open]'); } },
	delete: { hash: '#/sessions', wait: '.grid tbody tr >> nth=3', then: async (page) => {
		await page.click('#room .grid .button');
		await page.click('dialog[open] .button >> text=Delete\u2026');
		await page.waitForSelector('dialog[open] .points');
	} },
	devices: { hash: '#/devices', wait: '.card2' },
	approve: { hash: '#/devices', wait: '.card2', then: async (page) => { await page.click('.card2 .primary'); await page.waitForSelector('dialog[open]'); } },
	'config-gateway': { hash: '#/config/form/gateway', wait: '.field >> nth=3' },
	'config-models': { hash: '#/config/form/models', wait: '.entry' },
	'config-save': { hash: '#/config/form/gateway', wait: '.field >> nth=3', then: async (page) => {
		await page.locator('.field', { has: page.locator('code:text-is("gateway.rateLimit.maxRequestsPerMinute")') }).locator('input').fill('90');
		await page.click('.savebar .primary');
		await page.waitForSelector('dialog[open] .changes');
	} },
	'config-text': { hash: '#/config/text', wait: '.codearea' },
	'config-history': { hash: '#/config/history', wait: '.grid tbody tr' },
	'config-diff': { hash: '#/config/history', wait: '.grid tbody tr', then: async (page) => { await page.click('.grid .button >> text=Difference'); await page.waitForSelector('dialog[open] .diffline'); } },
	logs: { hash: '#/logs', wait: '.logline' },
	find: { hash: '#/chat', wait: '.turns > *', then: async (page) => { await page.keyboard.press('Control+K'); await page.waitForSelector('dialog[open] .found li'); } },
	drawer: { hash: '#/chat', wait: '.turns > *', then: async (page) => { if (await page.isVisible('.menu')) await page.click('.menu'); await page.waitForTimeout(1000); } },
};

async function pairing(gateway, displayName, platform, scopes) {
	const device = new Device();
	const client = new Client(gateway.url());
	const answer = await client.connect((nonce) => ({ token: gateway.token, role: 'operator', scopes,
		client: { id: 'cli', version: '1', platform, mode: 'cli', displayName },
		device: device.present({ clientId: 'cli', clientMode: 'cli', role: 'operator', scopes, token: gateway.token, nonce }) }));
	return answer.error.details.requestId;
}

const PLACES = { chat: 'screenshot.png', overview: 'overview.png' };
const LONG = forReadme ? [] : [['a-key-that-goes-on-and-on:and-on:with-more-parts-than-anybody-would-like-to-read', 'Whatissolongthatitcannotbebrokenanywhereatallbutmustbeshownsomehow?']];

/** A gateway that somebody has used for a while. */
async function furnish(gateway) {
	await serving(gateway);
	const client = await signIn(gateway);
	await until(async () => (await client.call('health', { probe: true })).sandbox?.proof === 'passed', 'the self-proof');
	writeFileSync(join(gateway.dir, 'workspace', 'me.png'), PNG);
	for (const name of ['garden.md', 'books.md'])
		writeFileSync(join(gateway.dir, 'workspace', name), 'line\n'.repeat(name.length));
	for (const [sessionKey, words] of [['main', 'hello'], ['plan', 'Make a **plan** for tomorrow, please'], ['telegram:dm:48151623', 'hello from my phone'],
		...LONG, ['notes', 'Which notes are there, and how long is each?']])
		assert.equal((await chat(client, words, { sessionKey })).state, 'final');
	const first = await pairing(gateway, 'Desk', 'linux', ['operator.read', 'operator.write']);
	await client.call('device.pair.approve', { requestId: first });
	await pairing(gateway, forReadme ? 'Kitchen tablet' : 'Kitchen tablet with a name that is a good deal too long for any tablet', 'android', ['operator.read', 'operator.admin']);
	const { hash } = await client.call('config.get');
	await client.call('config.patch', { raw: '{ logging: { level: "debug" } }', baseHash: hash });
	await fetch(`http://127.0.0.1:${gateway.port}/v1/models`, { headers: { authorization: 'Bearer not-the-token' } });
	process.kill(gateway.processes().find((p) => /moltbot-dial/.test(p.args)).pid, 'SIGKILL');
	await until(() => /sign-in refused/.test(gateway.log()), 'the refused sign-in');
	await client.close();
}

const model = await new ModelServer(script).listen();
const base = providerConfig(model.baseUrl, { provider: { apiKey: 'sk-not-a-key-0123456789abcdef', models: [{ id: 'scripted', name: 'Scripted' }, { id: 'scripted-large' }] } });
const gateway = new Gateway({ config: { ...base, ui: { assistant: { name: 'Molty' } } } });
const browser = await launch();
try {
	await gateway.start();
	await furnish(gateway);
	mkdirSync(folder, { recursive: true });
	for (const colorScheme of forReadme ? ['light'] : ['light', 'dark']) {
		for (const [size, view] of forReadme ? SIZES.slice(0, 1) : SIZES) {
			const context = await browser.newContext({ colorScheme, reducedMotion: 'reduce', ...view });
			const page = await context.newPage();
			await page.goto(/http:\/\/[^"\s]+#claim=[^"\s]+/.exec(cli(gateway, ['dashboard', '--json']).stdout)[0]);
			await page.waitForSelector('.turns > *:not(.skeleton)');
			await page.waitForSelector('.session .preview >> nth=3', { state: 'attached' });
			for (const [name, room] of Object.entries(ROOMS).filter(([n]) => chosen.length === 0 || chosen.includes(n))) {
				await page.evaluate((hash) => { location.hash = hash; }, room.hash);
				await page.waitForSelector(room.wait);
				await room.then?.(page);
				await page.evaluate(() => new Promise((done) => { requestAnimationFrame(() => requestAnimationFrame(done)); }));
				await page.screenshot({ path: join(folder, forReadme ? PLACES[name] : `${name}-${colorScheme}-${size}.png`) });
				const wrong = await axe(page);
				if (wrong.length > 0) console.log(`${name} ${colorScheme} ${size}:`, wrong);
				await page.keyboard.press('Escape');
				if (name === 'config-save' || name === 'drawer') await page.reload();
				await page.waitForSelector('dialog[open]', { state: 'detached' });
			}
			await context.close();
		}
	}
} finally {
	await browser.close();
	await gateway.cleanup();
	await model.close();
}
