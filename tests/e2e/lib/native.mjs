// Scripted servers on loopback for the formats that are not chat completions: Anthropic Messages, OpenAI Responses, Gemini. Each answers
// whatever the test's script says, streamed or not as asked, and keeps every request. The services' own client libraries work against
// them (providers.test.mjs), so what they speak is the protocol.
import http from 'node:http';
import { once } from 'node:events';

/** @typedef {{text?: string, thought?: string, calls?: {name: string, args: object, id?: string}[], status?: number, error?: string}} Answer */

const pieces = (text) => text.match(/[\s\S]{1,9}/gu) ?? [];
const json = (res, status, body) => res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));

function events(res, named) {
	res.writeHead(200, { 'content-type': 'text/event-stream' });
	return (object) => res.write(`${named ? `event: ${object.type}\n` : ''}data: ${JSON.stringify(object)}\n\n`);
}

const anthropic = {
	owns: (url) => url === '/v1/messages',
	credential: (headers) => headers['x-api-key'] ?? headers.authorization?.replace(/^Bearer /, ''),
	error: (res, { status, error }) => json(res, status, { type: 'error', request_id: 'req_1',
		error: { type: { 401: 'authentication_error', 429: 'rate_limit_error', 529: 'overloaded_error' }[status] ?? 'invalid_request_error', message: error } }),
	blocks: (answer) => [
		...(answer.thought ? [{ type: 'thinking', thinking: answer.thought, signature: `sealed ${answer.thought}` }] : []),
		...(answer.text ? [{ type: 'text', text: answer.text, citations: null }] : []),
		...(answer.calls ?? []).map((c) => ({ type: 'tool_use', id: c.id, name: c.name, input: c.args })),
	],
	whole(res, body, answer) {
		json(res, 200, { id: 'msg_1', type: 'message', role: 'assistant', model: body.model, content: this.blocks(answer),
			stop_reason: answer.calls?.length ? 'tool_use' : 'end_turn', stop_sequence: null, usage: { input_tokens: 11, output_tokens: 7 } });
	},
	stream(res, body, answer) {
		const send = events(res, true);
		send({ type: 'message_start', message: { id: 'msg_1', type: 'message', role: 'assistant', model: body.model, content: [], stop_reason: null,
			stop_sequence: null, usage: { input_tokens: 4, cache_read_input_tokens: 7, cache_creation_input_tokens: 0, output_tokens: 1 } } });
		send({ type: 'ping' });
		this.blocks(answer).forEach((block, index) => {
			const empty = { text: { text: '' }, thinking: { thinking: '', signature: '' }, tool_use: { input: {} } }[block.type];
			send({ type: 'content_block_start', index, content_block: { ...block, ...empty } });
			const delta = (d) => send({ type: 'content_block_delta', index, delta: d });
			if (block.type === 'text') for (const text of pieces(block.text)) delta({ type: 'text_delta', text });
			if (block.type === 'thinking') {
				for (const thinking of pieces(block.thinking)) delta({ type: 'thinking_delta', thinking });
				delta({ type: 'signature_delta', signature: block.signature });
			}
			if (block.type === 'tool_use') for (const part of pieces(JSON.stringify(block.input))) delta({ type: 'input_json_delta', partial_json: part });
			send({ type: 'content_block_stop', index });
		});
		send({ type: 'message_delta', delta: { stop_reason: answer.calls?.length ? 'tool_use' : 'end_turn', stop_sequence: null }, usage: { output_tokens: 7 } });
		send({ type: 'message_stop' });
		res.end();
	},
};

const responses = {
	owns: (url) => url === '/v1/responses',
	credential: (headers) => headers.authorization?.replace(/^Bearer /, ''),
	error: (res, { status, error }) => json(res, status, { error: { message: error, type: 'invalid_request_error',
		code: { 401: 'invalid_api_key', 429: 'rate_limit_exceeded' }[status] ?? null, param: null } }),
	items: (answer) => [
		...(answer.thought ? [{ type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: `sealed ${answer.thought}` }] : []),
		...(answer.text ? [{ type: 'message', id: 'msg_1', role: 'assistant', status: 'completed', content: [{ type: 'output_text', text: answer.text, annotations: [] }] }] : []),
		...(answer.calls ?? []).map((c) => ({ type: 'function_call', id: `fc_${c.id}`, call_id: c.id, name: c.name, arguments: JSON.stringify(c.args), status: 'completed' })),
	],
	response(body, answer, output, status) {
		return { id: 'resp_1', object: 'response', created_at: 1700000000, model: body.model, status, error: null, incomplete_details: null, instructions: null,
			metadata: {}, output, parallel_tool_calls: true, temperature: 1, tool_choice: 'auto', tools: [], top_p: 1,
			usage: status === 'completed' ? { input_tokens: 11, input_tokens_details: { cached_tokens: 0 }, output_tokens: 7,
				output_tokens_details: { reasoning_tokens: 0 }, total_tokens: 18 } : null };
	},
	whole(res, body, answer) {
		json(res, 200, this.response(body, answer, this.items(answer), 'completed'));
	},
	stream(res, body, answer) {
		let sequence_number = 0;
		const raw = events(res, true);
		const send = (object) => raw({ ...object, sequence_number: sequence_number++ });
		send({ type: 'response.created', response: this.response(body, answer, [], 'in_progress') });
		const items = this.items(answer);
		items.forEach((item, output_index) => {
			const begun = { message: { content: [], status: 'in_progress' }, function_call: { arguments: '', status: 'in_progress' }, reasoning: {} }[item.type];
			const at = { item_id: item.id, output_index };
			send({ type: 'response.output_item.added', output_index, item: { ...item, ...begun } });
			if (item.type === 'message') {
				send({ type: 'response.content_part.added', ...at, content_index: 0, part: { type: 'output_text', text: '', annotations: [] } });
				for (const delta of pieces(answer.text)) send({ type: 'response.output_text.delta', ...at, content_index: 0, delta, logprobs: [] });
				send({ type: 'response.output_text.done', ...at, content_index: 0, text: answer.text, logprobs: [] });
				send({ type: 'response.content_part.done', ...at, content_index: 0, part: item.content[0] });
			}
			if (item.type === 'function_call') {
				for (const delta of pieces(item.arguments)) send({ type: 'response.function_call_arguments.delta', ...at, delta });
				send({ type: 'response.function_call_arguments.done', ...at, name: item.name, arguments: item.arguments });
			}
			send({ type: 'response.output_item.done', output_index, item });
		});
		send({ type: 'response.completed', response: this.response(body, answer, items, 'completed') });
		res.end();
	},
};

const gemini = {
	owns: (url) => /^\/v1(?:beta)?\/models\/[^/:]+:(generateContent|streamGenerateContent\?alt=sse)$/.test(url),
	credential: (headers) => headers['x-goog-api-key'],
	error: (res, { status, error }) => json(res, status, { error: { code: status, message: error,
		status: { 401: 'UNAUTHENTICATED', 429: 'RESOURCE_EXHAUSTED', 503: 'UNAVAILABLE' }[status] ?? 'INVALID_ARGUMENT' } }),
	document: (parts, last) => ({ candidates: [{ content: { role: 'model', parts }, index: 0, ...(last ? { finishReason: 'STOP' } : {}) }], modelVersion: 'm',
		usageMetadata: { promptTokenCount: 11, totalTokenCount: 18, ...(last ? { candidatesTokenCount: 5, thoughtsTokenCount: 2 } : {}) } }),
	calls: (answer) => (answer.calls ?? []).map((c, n) => ({ functionCall: { name: c.name, args: c.args }, ...(n === 0 ? { thoughtSignature: 'c2VhbGVk' } : {}) })),
	whole(res, body, answer) {
		json(res, 200, this.document([...(answer.thought ? [{ text: answer.thought, thought: true }] : []),
			...(answer.text ? [{ text: answer.text }] : []), ...this.calls(answer)], true));
	},
	stream(res, body, answer) {
		const send = events(res, false);
		if (answer.thought) send(this.document([{ text: answer.thought, thought: true }], false));
		for (const text of pieces(answer.text ?? '')) send(this.document([{ text }], false));
		send(this.document([...this.calls(answer), ...(answer.calls?.length ? [] : [{ text: '' }])], true));
		res.end();
	},
};

export const formats = { 'anthropic-messages': anthropic, 'openai-responses': responses, 'google-generative-ai': gemini };

export class NativeServer {
	/** @param {keyof typeof formats} api @param {(body: any) => Answer | Promise<Answer>} script */
	constructor(api, script) {
		this.format = formats[api];
		this.script = script;
		/** @type {{url: string, body: any, headers: http.IncomingHttpHeaders}[]} */
		this.requests = [];
		this.calls = 0;
		this.server = http.createServer((req, res) => this.#handle(req, res));
	}

	async listen() {
		this.server.listen(0, '127.0.0.1');
		await once(this.server, 'listening');
		this.port = this.server.address().port;
		this.origin = `http://127.0.0.1:${this.port}`;
		return this;
	}

	async #handle(req, res) {
		let raw = '';
		for await (const part of req) raw += part;
		if (req.method !== 'POST' || !this.format.owns(req.url)) {
			json(res, 404, { error: { message: `no such path: ${req.method} ${req.url}` } });
			return;
		}
		const body = JSON.parse(raw);
		this.requests.push({ url: req.url, body, headers: req.headers });
		if (this.format.credential(req.headers) !== 'the-key') {
			this.format.error(res, { status: 401, error: 'invalid key' });
			return;
		}
		const answer = await this.script(body);
		for (const call of answer.calls ?? []) call.id ??= `call_${++this.calls}`;
		if (answer.status) this.format.error(res, answer);
		else if (body.stream || req.url.includes('alt=sse')) this.format.stream(res, body, answer);
		else this.format.whole(res, body, answer);
	}

	close() {
		this.server.closeAllConnections();
		return new Promise((done) => this.server.close(done));
	}
}

/** What the conversation ends with in a request of any format: the user's last words, and the results since. */
export function lastSaid(body) {
	const said = [];
	for (const m of body.messages ?? body.input ?? body.contents) {
		if (m.type === 'function_call_output') said.push({ result: m.output });
		for (const p of m.role === 'user' ? m.parts ?? m.content ?? [] : []) {
			if (p.type === 'tool_result') said.push({ result: p.content });
			else if (p.functionResponse) said.push({ result: p.functionResponse.response.output ?? p.functionResponse.response.error });
			else if (p.text !== undefined) said.push({ text: p.text });
		}
	}
	const from = said.findLastIndex((s) => s.text !== undefined);
	return { text: said[from]?.text ?? '', results: said.slice(from + 1).map((s) => s.result) };
}
