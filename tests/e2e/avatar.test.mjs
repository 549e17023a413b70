// The assistant's picture: what the owner put into the workspace is shown to who has signed in, and nothing else of it.
import assert from 'node:assert/strict';
import { existsSync, linkSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { after, before, describe } from 'node:test';
import { chat, signIn } from './lib/client.mjs';
import { cli, Gateway, isBuilt, serving, until } from './lib/gateway.mjs';
import { seenToFail } from './lib/hostile.mjs';
import { limit } from './lib/limits.mjs';
import { axe, chromiumPath, launch, watch } from './lib/page.mjs';

const skip = isBuilt() ? false : 'the gateway is not built';
const PNG = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');
const KINDS = [
	['image/png', PNG],
	['image/jpeg', Buffer.concat([Buffer.from([0xff, 0xd8, 0xff, 0xe0]), Buffer.from('JFIF\n\0\n')])],
	['image/gif', Buffer.from('GIF89a\x01\x00\x01\x00')],
	['image/webp', Buffer.from('RIFF\x20\x00\x00\x00WEBPVP8 ')],
];
const NO_PICTURES = [
	['SVG', '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'],
	['HTML', '<!doctype html><script>alert(1)</script>'],
	['a script behind white space', '\n\nGIF89a=1;alert(1)'],
	['text', 'the owner\'s notes'],
	['PDF', '%PDF-1.7'],
	['an icon', '\0\0\x01\0'],
	['nothing', ''],
	['half a beginning', 'RIFF\x20\x00\x00\x00WEB'],
];
const config = (avatar, more = {}) => ({ ui: { assistant: { avatar, ...more } } });
const workspace = (gateway) => join(gateway.dir, 'workspace');

/** It is made with the sandbox, which comes after the first answer. */
async function sandboxed(gateway) {
	await serving(gateway);
	await until(() => existsSync(workspace(gateway)), 'the workspace');
	await until(async () => (await get(gateway)).status !== 503, 'the sandbox');
}

function get(gateway, path = '/avatar/main', headers = { authorization: `Bearer ${gateway.token}` }) {
	return fetch(`http://127.0.0.1:${gateway.port}${path}`, { headers });
}

describe('the assistant\'s picture', { skip }, () => {
	let gateway;
	let client;
	const put = (bytes, name = 'me.png') => writeFileSync(join(workspace(gateway), name), bytes);

	before(async () => {
		gateway = await serving(await new Gateway({ config: config('me.png', { name: 'Shelly' }) }).start());
		client = await signIn(gateway);
		await until(async () => (await client.call('health', { probe: true })).sandbox?.proof === 'passed', 'the self-proof');
	});
	after(async () => { client?.close(); await gateway?.cleanup(); });

	test('each kind goes out as what its bytes are, whatever its name says, and is nothing but a picture', async () => {
		for (const [type, bytes] of KINDS) {
			put(bytes);
			const answer = await get(gateway);
			assert.equal(answer.status, 200, type);
			assert.equal(answer.headers.get('content-type'), type);
			assert.equal(answer.headers.get('x-content-type-options'), 'nosniff');
			assert.match(answer.headers.get('content-security-policy'), /default-src 'self'/);
			assert.equal(answer.headers.get('cross-origin-resource-policy'), 'same-origin');
			assert.equal(answer.headers.get('cache-control'), 'no-store');
			assert.deepEqual(Buffer.from(await answer.arrayBuffer()), bytes);
		}
		put(PNG);
		const head = await fetch(`http://127.0.0.1:${gateway.port}/avatar/main`, { method: 'HEAD', headers: { authorization: `Bearer ${gateway.token}` } });
		assert.equal(Number(head.headers.get('content-length')), PNG.length);
	});

	test('agent.identity.get, ?meta=1 and moltbot.avatar say the same', async () => {
		put(PNG);
		assert.deepEqual(await client.call('agent.identity.get', {}), { agentId: 'main', name: 'Shelly', avatar: '/avatar/main' });
		assert.deepEqual(await (await get(gateway, '/avatar/main?meta=1')).json(), { avatarUrl: '/avatar/main' });
		assert.deepEqual(await client.call('moltbot.avatar', {}), { mimeType: 'image/png', data: PNG.toString('base64') });
	});

	test('only to who has signed in, and only of an agent that there is', async () => {
		put(PNG);
		for (const path of ['/avatar/main', '/avatar/main?meta=1']) {
			assert.equal((await get(gateway, path, {})).status, 401, path);
			assert.equal((await get(gateway, path, { authorization: 'Bearer wrong' })).status, 401, path);
		}
		for (const path of ['/avatar/other', '/avatar/other?meta=1', '/avatar/me.png'])
			assert.equal((await get(gateway, path)).status, 404, path);
		assert.equal((await fetch(`http://127.0.0.1:${gateway.port}/avatar/main`, { method: 'POST', headers: { authorization: `Bearer ${gateway.token}` } })).status, 405);
	});

	test('AVATAR_MAX: as many bytes are shown, one more is not', async () => {
		put(Buffer.concat([PNG, Buffer.alloc(limit('AVATAR_MAX') - PNG.length)]));
		assert.equal((await (await get(gateway)).arrayBuffer()).byteLength, limit('AVATAR_MAX'));
		put(Buffer.concat([PNG, Buffer.alloc(limit('AVATAR_MAX') - PNG.length + 1)]));
		assert.equal((await get(gateway)).status, 404);
		assert.match((await client.call('moltbot.avatar', {})).why, /larger than 256 KiB/);
	});

	test('many who ask at once get it', async () => {
		put(PNG);
		const all = await Promise.all(Array.from({ length: 60 }, () => client.call('moltbot.avatar', {})));
		assert.ok(all.every((a) => a.mimeType === 'image/png'));
	});

	test('while everything is stopped there is none; afterwards there is', async () => {
		put(PNG);
		assert.equal((await client.call('moltbot.panic', {})).ok, true);
		assert.equal((await get(gateway)).status, 404);
		const resumed = cli(gateway, ['gateway', 'resume']);
		assert.equal(resumed.status, 0, resumed.stderr);
		await until(async () => (await get(gateway)).status === 200, 'the picture');
	});

	test('a change of the configuration is heard of at once', async () => {
		writeFileSync(join(gateway.dir, 'moltbot.json'), JSON.stringify({ gateway: { port: gateway.port }, ...config('🦀') }));
		await until(async () => (await client.call('agent.identity.get', {})).avatar === '🦀', 'the new avatar');
		assert.deepEqual(await (await get(gateway, '/avatar/main?meta=1')).json(), { avatarUrl: null });
		assert.equal((await get(gateway)).status, 404);
	});
});

test('the Control UI shows it, and its letter while there is none', { skip: skip || (existsSync(chromiumPath) ? false : 'Chromium is not installed') }, async (t) => {
	const gateway = await new Gateway({ config: config('me.png', { name: 'Shelly' }) }).start();
	t.after(() => gateway.cleanup());
	await sandboxed(gateway);
	const client = await signIn(gateway);
	assert.equal((await chat(client, 'hello')).state, 'final');
	await client.close();
	const browser = await launch();
	t.after(() => browser.close());
	const page = await browser.newPage({ viewport: { width: 360, height: 740 } });
	const seen = watch(page, `http://127.0.0.1:${gateway.port}`);
	const open = async () => {
		await page.goto('about:blank');
		await page.goto(/http:\/\/[^"\s]+#claim=[^"\s]+/.exec(cli(gateway, ['dashboard', '--json']).stdout)[0]);
		await page.waitForSelector('.turn.assistant[aria-label="Shelly"]');
	};
	await open();
	assert.equal(await page.textContent('.who .face'), 'S');
	writeFileSync(join(workspace(gateway), 'me.png'), PNG);
	await open();
	await page.waitForFunction(() => document.querySelector('.who img.face')?.naturalWidth === 1);
	assert.equal(await page.textContent('.who bdi'), 'Shelly');
	assert.equal(await page.getAttribute('#draft', 'placeholder'), 'Message Shelly');
	assert.deepEqual(await axe(page), []);
	assert.deepEqual(seen, { scripts: [], requests: [], errors: [] });
});

test('nothing that is no picture goes out, whoever wrote it', { skip }, async () => {
	await seenToFail(['PICTURE_TYPE'], { config: config('me.png') }, async (gateway) => {
		const came = [];
		await sandboxed(gateway);
		for (const [what, bytes] of NO_PICTURES) {
			writeFileSync(join(workspace(gateway), 'me.png'), bytes);
			const answer = await get(gateway);
			if (answer.status !== 404) came.push(`${what}: ${answer.status} ${answer.headers.get('content-type')} ${await answer.text()}`);
		}
		return came;
	});
});

test('no picture from outside of the workspace, by no name and no link', { skip }, async () => {
	await seenToFail(['PATH_RULES'], { config: config('pictures/me.png') }, async (gateway) => {
		const came = [];
		await sandboxed(gateway);
		const outside = join(gateway.dir, 'outside.png');
		const name = join(workspace(gateway), 'pictures', 'me.png');
		writeFileSync(outside, PNG);
		mkdirSync(join(workspace(gateway), 'pictures'));
		mkdirSync(join(gateway.dir, 'elsewhere'));
		writeFileSync(join(gateway.dir, 'elsewhere', 'me.png'), PNG);
		for (const [what, make] of [
			['a symbolic link', () => symlinkSync(outside, name)],
			['one that stays in the workspace', () => { writeFileSync(join(workspace(gateway), 'other.png'), PNG); symlinkSync('../other.png', name); }],
			['a second name', () => linkSync(outside, name)],
			['a folder that is a link', () => { rmSync(join(workspace(gateway), 'pictures'), { recursive: true }); symlinkSync('../elsewhere', join(workspace(gateway), 'pictures')); }],
		]) {
			make();
			const { status } = await get(gateway);
			if (status !== 404) came.push(`${what}: ${status}`);
			rmSync(name, { force: true });
		}
		rmSync(join(workspace(gateway), 'pictures'), { recursive: true });
		mkdirSync(join(workspace(gateway), 'pictures'));
		writeFileSync(name, PNG);
		assert.equal((await get(gateway)).status, 200, 'a plain file');
		return came;
	});
});

test('what the option may say', { skip }, async () => {
	for (const bad of ['/etc/passwd.png', '../me.png', 'a/../../me.png', 'me.svg', 'a//b.png', 'me.png/', 'javascript:alert(1)', 'file:///me.png', 'more than a few letters']) {
		const gateway = new Gateway({ config: config(bad) });
		writeFileSync(join(gateway.dir, 'moltbot.json'), JSON.stringify(config(bad)), { mode: 0o600 });
		const said = cli(gateway, ['config', 'validate']);
		assert.notEqual(said.status, 0, bad);
		assert.match(said.stdout + said.stderr, /ui\.assistant\.avatar: expected a file of the workspace/, bad);
		await gateway.cleanup();
	}
	for (const good of ['🦀', 'M', '👩🏽‍🔬', 'pictures/me.PNG', 'me.webp', 'https://example.org/a.png', 'data:image/png;base64,AAAA']) {
		const gateway = new Gateway({});
		writeFileSync(join(gateway.dir, 'moltbot.json'), JSON.stringify(config(good)), { mode: 0o600 });
		const said = cli(gateway, ['config', 'validate']);
		assert.equal(said.status, 0, `${good}: ${said.stdout}${said.stderr}`);
		await gateway.cleanup();
	}
});
