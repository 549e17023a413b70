// The original's Control UI, as npm ships it built, in Chromium against our gateway: every room, and what is done in them.
import assert from 'node:assert/strict';
import test, { after, before, describe } from 'node:test';
import { cli, Gateway, isBuilt, providerConfig, until } from '../e2e/lib/gateway.mjs';
import { lastUser, ModelServer } from '../e2e/lib/model.mjs';
import { launch } from '../e2e/lib/page.mjs';
import { Recording } from '../e2e/lib/record.mjs';
import { keep } from './lib/results.mjs';
import { serveFiles } from './lib/ui.mjs';

const skip = isBuilt() ? false : 'the gateway is not built';
const CLIENT = 'openclaw 2026.1.30, Control UI';
const files = new URL('node_modules/openclaw/dist/control-ui', import.meta.url).pathname;

/* a room, what must be seen in it, and what it asks for at least */
const rooms = [
	['chat', /Direct gateway chat session/, 'chat.history sessions.list agent.identity.get agents.list'],
	['overview', /Connected[\s\S]*Instances/i, 'channels.status system-presence sessions.list cron.status status health models.list last-heartbeat'],
	['channels', /WhatsApp/, 'channels.status config.schema config.get'],
	['instances', /openclaw-control-ui/, 'system-presence'],
	['sessions', /Store: store/, 'sessions.list'],
	['cron', /No jobs yet/, 'channels.status cron.status cron.list'],
	['skills', /No skills found/, 'skills.status'],
	['nodes', /Exec approvals/, 'node.list device.pair.list config.get exec.approvals.get'],
	['config', /Agents[\s\S]*Gateway/, 'config.schema config.get'],
	['debug', /Snapshots[\s\S]*"sessions"/, 'status health models.list last-heartbeat'],
	['logs', /gateway ready/, 'logs.tail'],
];

describe(CLIENT, { skip, concurrency: false }, () => {
	let gateway;
	let model;
	let ui;
	let browser;
	let page;
	let recording;
	let errors;

	const asked = () => recording.calls.map((c) => c.method);
	const done = () => recording.calls.every((c) => c.answers);
	const seen = async () => (await page.locator('body').innerText());
	const shows = (what, ms = 60000) => until(async () => what.test(await seen()), `the page shows ${what}`, ms);

	async function open(room) {
		recording = new Recording();
		errors = [];
		await page.goto(`${ui.origin}/${room}`);
		await until(() => recording.connect?.ok && asked().length > 3 && done(), 'it is connected', 60000);
	}

	before(async () => {
		ui = await serveFiles(files);
		model = await new ModelServer((body) => ({ text: `you said ${lastUser(body)}` })).listen();
		gateway = await new Gateway({ config: { ...providerConfig(model.baseUrl), gateway: { allowedOrigins: [ui.origin] } } }).start();
		browser = await launch();
		page = await (await browser.newContext({ viewport: { width: 1300, height: 900 } })).newPage();
		page.on('pageerror', (error) => errors.push(error.message));
		page.on('dialog', (dialog) => dialog.accept());
		page.on('websocket', (socket) => {
			const own = recording;
			socket.on('framesent', ({ payload }) => own.sent(JSON.parse(payload)));
			socket.on('framereceived', ({ payload }) => own.received(JSON.parse(payload)));
		});
		await page.addInitScript(([gatewayUrl, token]) => {
			if (!localStorage.getItem('openclaw.control.settings.v1'))
				localStorage.setItem('openclaw.control.settings.v1', JSON.stringify({ gatewayUrl, token }));
		}, [gateway.url(), gateway.token]);
	});
	after(async () => {
		await browser?.close();
		await gateway?.cleanup();
		await model?.close();
		ui?.close();
	});

	test('is asked for approval of its device, and gets in after `moltbot devices approve`', async () => {
		recording = new Recording();
		errors = [];
		await page.goto(`${ui.origin}/chat`);
		const pending = await until(() => JSON.parse(cli(gateway, ['devices', 'list', '--json']).stdout).pending?.[0], 'the device asks', 60000);
		assert.equal(cli(gateway, ['devices', 'approve', pending.requestId]).status, 0);
		await open('chat');
		keep(CLIENT, 'pairing', {}, []);
	});

	for (const [room, text, methods] of rooms) {
		test(`room ${room}`, async () => {
			await open(room);
			await until(() => methods.split(' ').every((m) => asked().includes(m)) && done(), `${room} asks ${methods}: ${asked()}`, 60000);
			await shows(text);
			assert.deepEqual(recording.calls.filter((c) => !c.ok).map((c) => `${c.method}: ${c.error?.message}`), []);
			assert.deepEqual(errors, []);
			keep(CLIENT, `room ${room}`, {}, [recording.toJSON()]);
		});
	}

	test('chat: a message is sent, its answer comes and stays', async () => {
		await open('chat');
		await page.locator('textarea').fill('hello crab');
		await page.getByRole('button', { name: /^Send/ }).click();
		await shows(/you said hello crab/);
		await until(() => asked().filter((m) => m === 'chat.history').length > 1 && done(), 'the history is read again', 60000);
		const sent = recording.toJSON();
		await open('chat');
		await shows(/you said hello crab/);
		keep(CLIENT, 'chat', {}, [sent, recording.toJSON()]);
	});

	test('sessions: the level of one is set', async () => {
		await open('sessions');
		await shows(/Thinking[\s\S]*inherit/);
		await page.locator('select').first().selectOption('low');
		await until(() => asked().includes('sessions.patch') && done(), 'sessions.patch', 60000);
		assert.equal(recording.calls.find((c) => c.method === 'sessions.patch').ok, true);
		keep(CLIENT, 'sessions: set a level', {}, [recording.toJSON()]);
	});

	test('config: the raw text is changed and saved, a secret stays one', async () => {
		await open('config');
		await page.getByRole('button', { name: 'Raw', exact: true }).click();
		const text = page.locator('textarea').last();
		const raw = await text.inputValue();
		await text.fill(raw.replace(/^\{/, '{"logging": {"level": "debug"}, '));
		await page.getByRole('button', { name: 'Save', exact: true }).click();
		await until(() => asked().includes('config.set') && done(), 'config.set', 60000);
		const call = recording.calls.find((c) => c.method === 'config.set');
		assert.equal(call.ok, true, JSON.stringify(call.error));
		const { config } = JSON.parse(cli(gateway, ['config', 'get', 'logging', '--json']).stdout.replace(/^/, '{"config":').replace(/$/, '}'));
		assert.equal(config.level, 'debug');
		keep(CLIENT, 'config: save the raw text', {}, [recording.toJSON()]);
	});

	test('cron: a new job is refused by the feature\'s name', async () => {
		await open('cron');
		await page.getByLabel('Name').first().fill('tea');
		await page.getByLabel(/System text|Agent message/).first().fill('tea');
		await page.getByRole('button', { name: 'Add job' }).click();
		await until(() => recording.calls.some((c) => c.method === 'cron.add' && c.answers), 'cron.add', 60000);
		await shows(/not available yet: schedules/);
		keep(CLIENT, 'cron: add a job', { without: 'schedules' }, [recording.toJSON()]);
	});
});
