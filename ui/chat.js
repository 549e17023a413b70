// The conversation of one session: its history, and what happens in it now.
import {nobody, whoLine} from './assistant.js';
import {announce, byId, el, iconButton, oneLine} from './dom.js';
import {randomId, RpcError} from './rpc.js';
import {textOf} from './tool.js';
import {timestamp} from './kit/format.js';
import {AssistantTurn, UserTurn} from './turn.js';

/**
 * @typedef {{text: string, key: string, session: string, turn: UserTurn | null}} Outgoing a message not yet acknowledged
 * @typedef {{turn: AssistantTurn, own: boolean}} LiveRun own: started from this page, so all of it was seen
 *
 * @typedef {object} ChatHooks
 * @property {(method: string, params: object) => Promise<any>} request
 * @property {() => void} onRuns runs began or ended
 * @property {(text: string) => void} onSuggestion
 */

const HISTORY = 200;
const NEAR_END_PX = 96;
const SUGGESTIONS = ['What can you do?', 'What is (17.5 + 3) * 2^10?', 'List the files of my workspace', 'How do I connect a real model?'];
/** @type {Record<string, string>} */
const ABORTS = {timeout: 'Stopped: it took too long', panic: 'Stopped: everything was stopped'};

export class Chat {
	/** @param {ChatHooks} hooks */
	constructor(hooks) {
		this.hooks = hooks;
		this.log = byId('log');
		this.session = '';
		this.who = nobody;
		this.loading = 0;
		/** @type {Map<string, LiveRun>} */
		this.runs = new Map();
		/** @type {Set<string>} */
		this.ended = new Set();
		/** @type {Outgoing[]} */
		this.outbox = [];
		this.pinned = true;
		this.jump = iconButton({icon: 'down', name: 'Go to the newest message', class: 'jump', click: () => this.toEnd(true)});
		this.jump.hidden = true;
		this.log.after(this.jump);
		this.log.addEventListener('scroll', () => this.onScroll(), {passive: true});
		this.list = el('div', {class: 'turns'});
		this.log.appendChild(this.list);
		new ResizeObserver(() => { if (this.pinned) this.toEnd(false); }).observe(this.list);
	}

	onScroll() {
		this.pinned = this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < NEAR_END_PX;
		this.jump.hidden = this.pinned;
	}

	/** @param {boolean} smooth */
	toEnd(smooth) {
		const calm = matchMedia('(prefers-reduced-motion: reduce)').matches;
		this.log.scrollTo({top: this.log.scrollHeight, behavior: smooth && !calm ? 'smooth' : 'instant'});
	}

	/** @param {string} session */
	open(session) {
		this.session = session;
		this.runs.clear();
		this.list.replaceChildren(el('div', {class: 'skeleton', 'aria-hidden': 'true'}, el('i'), el('i'), el('i')));
		this.hooks.onRuns();
		return this.load();
	}

	/** Shows the stored history anew; what is running goes on below it. */
	async load() {
		const mine = ++this.loading;
		const session = this.session;
		try {
			const answer = await this.hooks.request('chat.history', {sessionKey: session, limit: HISTORY});
			if (mine !== this.loading)
				return;
			this.draw(Array.isArray(answer?.messages) ? answer.messages : []);
		} catch (error) {
			if (mine !== this.loading || (error instanceof RpcError && error.code === 'CONNECTION'))
				return;
			this.list.replaceChildren(el('div', {class: 'empty'},
				el('p', {class: 'alert', role: 'alert', text: `This chat could not be read: ${String(error instanceof Error ? error.message : error)}`}),
				el('button', {type: 'button', class: 'button', text: 'Try again', on: {click: () => this.open(session)}})));
		}
	}

	/** @param {any[]} messages */
	draw(messages) {
		const running = [...this.runs.keys()];
		this.runs.clear();
		this.list.replaceChildren();
		/** @type {AssistantTurn | null} */
		let turn = null;
		let at;
		for (const m of messages) {
			if (m?.role === 'user') {
				turn?.finish({at});
				turn = null;
				this.list.appendChild(new UserTurn(textOf(m.content), timestamp(m.timestamp)).el);
			} else if (m) {
				turn ??= this.newTurn();
				at = timestamp(m.timestamp) ?? at;
				stored(turn, m);
			}
		}
		const waiting = this.outbox.filter((o) => o.session === this.session);
		if (turn && running.length > 0 && waiting.length === 0) {
			// the history ends within the run that goes on
			this.runs.set(running[0], {turn, own: false});
			turn.working();
		} else {
			turn?.finish({at});
			for (const id of running)
				this.run(id, false);
		}
		for (const o of waiting)
			this.showOutgoing(o);
		if (this.list.childElementCount === 0)
			this.showEmpty();
		this.pinned = true;
		this.toEnd(false);
		this.hooks.onRuns();
	}

	newTurn() {
		const turn = new AssistantTurn(this.who);
		this.list.appendChild(turn.el);
		return turn;
	}

	/** @param {import('./assistant.js').Assistant} who */
	setWho(who) {
		this.who = who;
		for (const turn of this.list.querySelectorAll('.turn.assistant')) {
			turn.setAttribute('aria-label', who.name);
			turn.querySelector('.who')?.replaceWith(whoLine(who));
		}
	}

	showEmpty() {
		this.list.appendChild(el('div', {class: 'empty'},
			el('img', {src: './favicon.svg', alt: '', width: '64', height: '64'}),
			el('h2', {text: 'What shall we do?'}),
			el('p', {text: 'Every tool runs in a sandbox on your own machine, and you can stop it at any time.'}),
			el('div', {class: 'suggestions'}, ...SUGGESTIONS.map((text) =>
				el('button', {type: 'button', class: 'chip', text, on: {click: () => this.hooks.onSuggestion(text)}})))));
	}

	/** @param {Outgoing} o */
	showOutgoing(o) {
		this.list.querySelector('.empty')?.remove();
		o.turn = new UserTurn(o.text, Date.now());
		o.turn.sending();
		this.list.appendChild(o.turn.el);
	}

	/** @param {string} text */
	send(text) {
		/** @type {Outgoing} */
		const o = {text, key: randomId(), session: this.session, turn: null};
		this.outbox.push(o);
		this.showOutgoing(o);
		this.pinned = true;
		this.toEnd(false);
		return this.deliver(o);
	}

	/** The connection is back: what was not acknowledged goes out again, under its old key, so it counts once. */
	resend() {
		for (const o of [...this.outbox])
			this.deliver(o);
	}

	/** @param {Outgoing} o */
	async deliver(o) {
		o.turn?.sending();
		try {
			const answer = await this.hooks.request('chat.send',
				{sessionKey: o.session, message: o.text, idempotencyKey: o.key, deliver: false});
			this.outbox = this.outbox.filter((other) => other !== o);
			o.turn?.accepted();
			if (answer?.aborted !== undefined)
				return;
			if (answer?.status === 'ok' || answer?.status === 'error')
				await (o.session === this.session && this.load());
			else if (o.session === this.session && !this.ended.has(o.key))
				this.run(o.key, true);
		} catch (error) {
			if (error instanceof RpcError && error.code === 'CONNECTION')
				return;
			this.outbox = this.outbox.filter((other) => other !== o);
			const why = error instanceof Error ? error.message : String(error);
			o.turn?.failed(why, () => { this.outbox.push(o); this.deliver(o); });
			announce(`Not sent: ${why}`);
		}
	}

	/**
	 * The turn of a run that goes on; begins one.
	 * @param {string} id
	 * @param {boolean} own
	 */
	run(id, own) {
		let run = this.runs.get(id);
		if (!run) {
			this.list.querySelector('.empty')?.remove();
			run = {turn: this.newTurn(), own};
			run.turn.working();
			this.runs.set(id, run);
			this.hooks.onRuns();
		}
		run.own ||= own;
		return run;
	}

	isRunning() {
		return this.runs.size > 0;
	}

	/** Stops what runs in this session. */
	async abort() {
		try {
			await this.hooks.request('chat.abort', {sessionKey: this.session});
			announce('Stopping');
		} catch (error) {
			announce(`Could not be stopped: ${error instanceof Error ? error.message : String(error)}`);
		}
	}

	/** @param {any} p payload of an agent event of this session */
	onAgent(p) {
		const id = String(p.runId ?? '');
		const data = p.data ?? {};
		if (this.ended.has(id))
			return;
		if (p.stream === 'lifecycle' && data.phase === 'start')
			this.run(id, false);
		else if (p.stream === 'assistant' && typeof data.text === 'string')
			this.run(id, false).turn.setText(data.text);
		else if (p.stream === 'tool')
			this.onTool(this.run(id, false).turn, data);
	}

	/**
	 * @param {AssistantTurn} turn
	 * @param {any} data
	 */
	onTool(turn, data) {
		const card = turn.tool(String(data.toolCallId ?? ''), String(data.name ?? ''), data.args);
		if (data.phase === 'start')
			announce(`Running ${card.name}`);
		else if (data.phase === 'update')
			card.update(data.partialResult);
		else if (data.phase === 'result' && !card.done)
			card.finish(data.result ?? data.meta, data.isError === true, true);
	}

	/** @param {any} p payload of a chat event of this session */
	onChat(p) {
		const id = String(p.runId ?? '');
		if (this.ended.has(id))
			return;
		const text = p.message ? textOf(p.message) : '';
		if (p.state === 'delta') {
			this.run(id, false).turn.setText(text);
			return;
		}
		const run = this.run(id, false);
		this.runs.delete(id);
		this.ended.add(id);
		if (p.state === 'final' && text && !run.turn.text.endsWith(text))
			run.turn.setText(text);
		run.turn.finish({
			at: timestamp(p.message?.timestamp) ?? Date.now(),
			aborted: p.state === 'aborted' ? ABORTS[String(p.stopReason)] ?? 'You stopped this' : undefined,
			error: p.state === 'error' ? String(p.errorMessage || 'The run failed') : undefined,
		});
		announce(p.state === 'final' ? `${this.who.name}: ${oneLine(run.turn.text, 500)}` : p.state === 'aborted' ? 'Stopped' : 'The run failed');
		this.hooks.onRuns();
		if (!run.own && p.state === 'final')
			this.load();
	}
}

/**
 * A stored message into its turn.
 * @param {AssistantTurn} turn
 * @param {any} m
 */
function stored(turn, m) {
	if (m.role === 'toolResult' || m.role === 'tool') {
		const id = String(m.toolCallId ?? '');
		turn.tool(id, String(m.toolName ?? m.name ?? ''), {}).finish(m.content, m.isError === true, false);
		return;
	}
	const content = Array.isArray(m.content) ? m.content : [{type: 'text', text: textOf(m.content)}];
	for (const c of content) {
		if (c?.type === 'text')
			turn.addText(String(c.text ?? ''));
		else if (c?.type === 'thinking' && typeof c.thinking === 'string' && c.thinking !== '')
			turn.addThinking(c.thinking);
		else if (c?.type === 'toolCall')
			turn.tool(String(c.id ?? ''), String(c.name ?? ''), c.arguments);
		else if (c?.type === 'image')
			turn.addText('*(an image, not shown here)*');
	}
	if (m.stopReason === 'aborted' || m.stopReason === 'error')
		turn.finish(m.stopReason === 'aborted' ? {aborted: 'You stopped this'} : {error: String(m.errorMessage || 'The run failed')});
}
