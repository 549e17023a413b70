// A scripted OpenAI-compatible model server on loopback. It answers whatever the test's script says, streams or not as asked,
// and keeps every request. The official client works against it (model.test.mjs), so what it speaks is the protocol.
import http from 'node:http';
import { once } from 'node:events';

/**
 * @typedef {{text?: string, calls?: {name: string, args: object, id?: string}[], status?: number, error?: string,
 *            delayMs?: number, chunkMs?: number, hang?: boolean, raw?: string}} Answer
 */

/** Splits text the way servers do: into small pieces. */
function pieces(text) {
	return text.match(/[\s\S]{1,12}/gu) ?? [];
}

function chunk(model, delta, finish) {
	return { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1700000000, model,
		choices: [{ index: 0, delta, finish_reason: finish ?? null }] };
}

async function streamAnswer(res, model, answer) {
	const send = (object) => res.write(`data: ${JSON.stringify(object)}\n\n`);
	res.writeHead(200, { 'content-type': 'text/event-stream' });
	send(chunk(model, { role: 'assistant', content: '' }));
	for (const piece of pieces(answer.text ?? '')) {
		if (answer.chunkMs) await new Promise((done) => setTimeout(done, answer.chunkMs));
		if (res.destroyed) return;
		send(chunk(model, { content: piece }));
	}
	(answer.calls ?? []).forEach((call, index) => {
		send(chunk(model, { tool_calls: [{ index, id: call.id, type: 'function', function: { name: call.name, arguments: '' } }] }));
		for (const piece of pieces(call.raw ?? JSON.stringify(call.args)))
			send(chunk(model, { tool_calls: [{ index, function: { arguments: piece } }] }));
	});
	send(chunk(model, {}, answer.calls?.length ? 'tool_calls' : 'stop'));
	send({ ...chunk(model, {}), choices: [], usage: { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 } });
	res.end('data: [DONE]\n\n');
}

function wholeAnswer(res, model, answer) {
	const message = { role: 'assistant', content: answer.text ?? null };
	if (answer.calls?.length)
		message.tool_calls = answer.calls.map((call) => ({ id: call.id, type: 'function',
			function: { name: call.name, arguments: call.raw ?? JSON.stringify(call.args) } }));
	res.writeHead(200, { 'content-type': 'application/json' });
	res.end(JSON.stringify({ id: 'chatcmpl-1', object: 'chat.completion', created: 1700000000, model,
		choices: [{ index: 0, message, finish_reason: answer.calls?.length ? 'tool_calls' : 'stop' }],
		usage: { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 } }));
}

export class ModelServer {
	/** @param {(body: any, request: http.IncomingMessage) => Answer | Promise<Answer>} script */
	constructor(script) {
		this.script = script;
		/** @type {{body: any, headers: http.IncomingHttpHeaders, raw: string}[]} */
		this.requests = [];
		this.keep = true; /* false: requests are counted and not kept */
		this.count = 0;
		this.open = 0;
		this.server = http.createServer((req, res) => this.#handle(req, res));
		this.calls = 0;
	}

	async listen(port = 0) {
		this.server.listen(port, '127.0.0.1');
		await once(this.server, 'listening');
		this.port = this.server.address().port;
		this.baseUrl = `http://127.0.0.1:${this.port}/v1`;
		return this;
	}

	async #handle(req, res) {
		let raw = '';
		this.open++;
		res.on('close', () => this.open--);
		for await (const part of req) raw += part;
		if (req.method !== 'POST' || req.url !== '/v1/chat/completions') {
			res.writeHead(404, { 'content-type': 'application/json' }).end('{"error":{"message":"no such path"}}');
			return;
		}
		const body = JSON.parse(raw);
		this.count++;
		if (this.keep) this.requests.push({ body, headers: req.headers, raw });
		const answer = await this.script(body, req);
		for (const call of answer.calls ?? []) call.id ??= `call_${++this.calls}`;
		if (answer.delayMs) await new Promise((done) => setTimeout(done, answer.delayMs));
		if (answer.hang) return;
		if (answer.raw !== undefined) {
			res.writeHead(answer.status ?? 200, { 'content-type': 'application/json' }).end(answer.raw);
		} else if (answer.status && answer.status !== 200) {
			res.writeHead(answer.status, { 'content-type': 'application/json' })
				.end(JSON.stringify({ error: { message: answer.error ?? 'refused', type: 'api_error' } }));
		} else if (body.stream) {
			await streamAnswer(res, body.model, answer);
		} else {
			wholeAnswer(res, body.model, answer);
		}
	}

	close() {
		this.server.closeAllConnections();
		return new Promise((done) => this.server.close(done));
	}
}

/** The last user message of a request. */
export function lastUser(body) {
	const message = body.messages.findLast((m) => m.role === 'user');
	return typeof message?.content === 'string' ? message.content : (message?.content ?? []).map((p) => p.text ?? '').join('');
}

/** The tool results that have come since the last user message. */
export function toolResults(body) {
	const from = body.messages.findLastIndex((m) => m.role === 'user');
	return body.messages.slice(from + 1).filter((m) => m.role === 'tool').map((m) => m.content);
}
