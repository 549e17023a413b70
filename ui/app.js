// The page: signs in, then ties the socket, the chats, the conversation and the message box together.
import {readAssistant} from './assistant.js';
import {byId, el} from './dom.js';
import {Chat} from './chat.js';
import {Composer} from './composer.js';
import {randomId, Rpc} from './rpc.js';
import {Rooms} from './rooms.js';
import {go, here} from './router.js';
import {Sessions} from './sessions.js';
import {claim, showSignin, takeClaim} from './signin.js';
import {Status} from './status.js';

const LIST_PARAMS = {limit: 120, includeDerivedTitles: true, includeLastMessage: true};
const LIST_DELAY_MS = 600;
const KEY_MAX = 512;

/** The pasted token, if any: here and nowhere else. */
let token = '';
let claimProblem = '';
let isFirst = true;
let isPanicked = false;
let isSignedIn = false;
let hasOpened = false;
let listTimer = 0;
/** @type {import('./rpc.js').SessionDefaults} */
let defaults = {agentId: 'main', mainKey: 'main', mainSessionKey: 'agent:main:main'};

const code = takeClaim();

const rpc = new Rpc({
	token: () => token,
	onState,
	onHello,
	onEvent,
	onGap: () => { chat.load(); refreshList(); },
});
const sessions = new Sessions({
	onOpen: (key) => go('chat', key),
	onNew: () => go('chat', `agent:${defaults.agentId}:chat-${randomId().slice(0, 8)}`),
});
const chat = new Chat({
	request: (method, params) => rpc.request(method, params),
	onRuns: () => { composer.setRunning(chat.isRunning()); sessions.mark(sessions.current, chat.isRunning()); },
	onSuggestion: send,
});
const composer = new Composer({onSend: send, onStop: () => chat.abort()});
const status = new Status({
	onMenu: () => sessions.drawer(true),
	onPanic: async () => {
		await rpc.request('moltbot.panic');
		setHealth({stopped: true});
	},
});

const rooms = new Rooms({request: (method, params) => rpc.request(method, params), hello: () => status.hello, onSessions: refreshList},
	() => sessions.drawer(false));

/**
 * Shows what the address names: a room, a chat, or, when it names none, the chat that is open.
 * @param {boolean} isMove somebody went there just now
 */
function show(isMove) {
	const {room, rest} = here();
	const isChat = room === '' || room === 'chat' || !rooms.has(room);
	const title = rooms.open(isChat ? 'chat' : room, rest);
	sessions.isShown = isChat;
	if (!isChat) {
		sessions.show();
		status.setTitle(title);
		return;
	}
	const key = room === 'chat' && rest[0] ? rest[0].slice(0, KEY_MAX) : sessions.current || defaults.mainSessionKey;
	if (key !== sessions.current || !hasOpened) {
		hasOpened = true;
		openSession(key);
	} else {
		sessions.show();
		status.setTitle(sessions.titleOf(key));
		if (isMove)
			composer.focus();
	}
}

/** @param {any} health */
function setHealth(health) {
	isPanicked = typeof health?.stopped === 'boolean' ? health.stopped : isPanicked;
	status.setHealth(health);
	showNotice();
}

/** @param {string} text */
function send(text) {
	chat.send(text);
	composer.focus();
}

/** @param {string} key */
function openSession(key) {
	sessions.setCurrent(key);
	status.setTitle(sessions.titleOf(key));
	composer.open(key);
	chat.open(key);
	composer.focus();
}

/** The list is asked for again, but not for every event. */
function refreshList() {
	clearTimeout(listTimer);
	listTimer = setTimeout(async () => {
		try {
			sessions.take(await rpc.request('sessions.list', LIST_PARAMS));
			if (rooms.id === 'chat')
				status.setTitle(sessions.titleOf(sessions.current));
		} catch {
			// the next event or connection asks again
		}
	}, LIST_DELAY_MS);
}

/** What stands above the conversation while something is not as usual. */
function showNotice() {
	const notice = byId('notice');
	const waiting = rpc.state.name === 'waiting';
	const text = isPanicked ? 'Everything was stopped. To go on, resume at the machine that runs the gateway.' :
		waiting ? `The connection is gone${rpc.state.why ? `: ${rpc.state.why}` : ''}.` : '';
	notice.hidden = text === '';
	notice.replaceChildren(el('span', {text}),
		...(waiting ? [el('button', {type: 'button', class: 'button quiet', text: 'Try now', on: {click: () => rpc.hurry()}})] : []));
}

/** @param {import('./rpc.js').RpcState} state */
function onState(state) {
	const isRefused = state.name === 'refused';
	byId('signin').hidden = !isRefused;
	byId('shell').hidden = isRefused;
	status.setState(state);
	composer.setWhy(state.name === 'open' ? '' : 'Not connected: what you type stays here.');
	showNotice();
	if (!isRefused)
		return;
	const refusedToken = token !== '';
	token = '';
	const why = claimProblem || (refusedToken ? 'The gateway refused this token.' : /too many|protocol/.test(state.why ?? '') ? state.why ?? '' : '');
	showSignin(byId('signin'), {why, isFirst: isFirst && !refusedToken, onToken: (typed) => {
		token = typed;
		claimProblem = '';
		isFirst = false;
		rpc.start();
	}});
}

/** @param {import('./rpc.js').Hello} hello */
function onHello(hello) {
	defaults = hello.sessions;
	sessions.mainKey = defaults.mainSessionKey;
	status.hello = hello;
	setHealth(hello.health);
	if (hasOpened)
		chat.open(sessions.current);
	isSignedIn = true;
	show(false);
	refreshList();
	chat.resend();
	readAssistant((method, params) => rpc.request(method, params)).then((who) => { chat.setWho(who); composer.setName(who.name); }, () => {}); // it has a name without
}

/**
 * The full key of a session that somebody named briefly.
 * @param {any} key
 */
function fullKey(key) {
	const text = String(key ?? '');
	if (text === '' || text === defaults.mainKey || text === 'main')
		return defaults.mainSessionKey;
	return text.startsWith('agent:') || text === 'global' || text === 'unknown' ? text : `agent:${defaults.agentId}:${text}`;
}

/** @param {import('./rpc.js').GatewayEvent} event */
function onEvent({event, payload}) {
	rooms.onEvent({event, payload});
	if (event === 'health')
		setHealth(payload);
	else if (event === 'chat' || event === 'agent')
		onRunEvent(event, payload);
}

/**
 * @param {string} event
 * @param {any} payload
 */
function onRunEvent(event, payload) {
	const key = fullKey(payload.sessionKey);
	const isEnd = event === 'chat' && payload.state !== 'delta';
	if (isEnd)
		refreshList();
	if (key !== sessions.current)
		sessions.mark(key, !isEnd && !(event === 'agent' && payload.stream === 'lifecycle' && payload.data?.phase !== 'start'));
	else if (event === 'chat')
		chat.onChat(payload);
	else
		chat.onAgent(payload);
}

addEventListener('keydown', (event) => {
	const isDialog = document.querySelector('dialog[open]') !== null;
	if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === 'k') {
		event.preventDefault();
		sessions.openSwitcher();
	} else if (event.altKey && !isDialog && (event.key === 'ArrowUp' || event.key === 'ArrowDown')) {
		event.preventDefault();
		sessions.step(event.key === 'ArrowUp' ? -1 : 1);
	} else if (event.key === 'Escape' && !isDialog && !event.isComposing) {
		if (document.body.classList.contains('drawer'))
			sessions.drawer(false);
		else if (rooms.id === 'chat' && chat.isRunning())
			chat.abort();
	}
});

addEventListener('hashchange', () => { if (isSignedIn) show(true); });
byId('skip').addEventListener('click', (event) => {
	event.preventDefault();
	byId(rooms.id === 'chat' ? 'draft' : 'room').focus();
});

if (code !== '')
	claimProblem = await claim(code);
rpc.start();
