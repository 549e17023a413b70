/*
 * The built-in assistant: no model, no network, the same answer to the same words. It shows that the gateway works, calls the
 * real tools in the real sandbox, and says how to connect a model.
 */
#include "../agent.h"

#include <string.h>

#include "base/err.h"
#include "base/limits.h"

struct ask {
	struct agent *agent;
	struct agent_turn *turn;
	struct span text; /* what the owner said, trimmed */
};

/* ---- words ---- */

static uint8_t
lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

static bool
is_word_byte(uint8_t c)
{
	c = lower(c);
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c >= 0x80 || c == '_' ||
	       c == '\'';
}

/* Where phrase stands in s as whole words, ignoring case; -1 when nowhere. */
static ptrdiff_t
find_phrase(struct span s, const char *phrase)
{
	struct span p = span_from_cstr(phrase);

	for (size_t i = 0; i + p.len <= s.len; i++) {
		bool starts = i == 0 || !is_word_byte(s.ptr[i - 1]);
		bool ends = i + p.len == s.len || !is_word_byte(s.ptr[i + p.len]);

		if (starts && ends && span_eq_nocase(span_sub(s, i, p.len), p))
			return (ptrdiff_t)i;
	}
	return -1;
}

static bool
says(struct span s, const char *phrase)
{
	return find_phrase(s, phrase) >= 0;
}

/* True when s begins with phrase; *rest is what follows it, trimmed. */
static bool
begins(struct span s, const char *phrase, struct span *rest)
{
	size_t n = strlen(phrase);

	if (find_phrase(s, phrase) != 0)
		return false;
	*rest = span_trim(span_sub(s, n, s.len));
	return true;
}

static struct span
strip_quotes(struct span s)
{
	static const char quotes[] = "\"'`";

	s = span_trim(s);
	for (const char *q = quotes; *q != '\0'; q++) {
		if (s.len >= 2 && s.ptr[0] == (uint8_t)*q && s.ptr[s.len - 1] == (uint8_t)*q)
			return span_sub(s, 1, s.len - 2);
	}
	return s;
}

static struct span
strip_end(struct span s)
{
	while (s.len > 0 &&
		(s.ptr[s.len - 1] == '?' || s.ptr[s.len - 1] == '!' || s.ptr[s.len - 1] == ' '))
		s.len--;
	return s;
}

/* ---- answers and calls ---- */

static void
say(struct ask *k, struct span text)
{
	buf_put(&k->turn->text, text);
}

static void
call(struct ask *k, const char *tool, const char *name1, struct span value1, const char *name2,
	struct span value2)
{
	struct agent_call *c = &k->turn->calls[k->turn->ncalls++];
	struct buf list = {.max = IPC_BODY_MAX};
	struct buf id = {.max = 64};
	struct args_out out;

	args_out_init(&out, &list, false);
	args_out_str(&out, name1, value1);
	if (name2 != NULL)
		args_out_str(&out, name2, value2);
	if (args_out_done(&out) < 0)
		c->wrong = "error: too long";
	buf_put_fmt(&id, "offline_%zu", k->agent->nitems);
	c->id = arena_copy(&k->agent->arena, buf_span(&id));
	c->name = arena_copy(&k->agent->arena, span_from_cstr(tool));
	c->tool = (uint8_t)tool_find(c->name);
	c->args = arena_copy(&k->agent->arena, buf_span(&list));
	if (c->tool == TOOL_NONE)
		c->wrong = "error: this gateway was built without that tool";
	buf_clear(&list);
	buf_clear(&id);
}

/* ---- intents: each returns true when it took the words ---- */

static bool
greets(struct ask *k)
{
	static const char *const words[] = {"hi", "hello", "hey", "good morning", "good evening",
		"moin", "hallo", "bonjour", "hola"};
	struct span rest;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (begins(strip_end(k->text), words[i], &rest) && rest.len <= 24) {
			say(k, SPAN("Hello! I am the assistant that is built into this gateway: no "
				    "model is connected yet, so I understand only a "
				    "few kinds of sentences, but the tools behind me are real. Try "
				    "`what is 17 * 23`, `run uname -a`, or `help`."));
			return true;
		}
	}
	return false;
}

static bool
helps(struct ask *k)
{
	struct span s = strip_end(k->text);

	if (!span_eq_nocase(s, SPAN("help")) && !span_eq_nocase(s, SPAN("/help")) &&
		!says(s, "what can you do") && !says(s, "how do you work"))
		return false;
	say(k, SPAN("Without a model I understand these:\n\n"
		    "- `what is 2 + 2 * 10` or `calculate sqrt(2)`: arithmetic, by the tool "
		    "`calculator`\n"
		    "- `write \"text\" to notes.txt`, `read notes.txt`, `list files`, `search for "
		    "text`, `delete notes.txt`: files of the workspace\n"
		    "- `run uname -a`: a command, in a sandbox without network that sees nothing "
		    "but the workspace\n"
		    "- `remember that the spare key is at Ada's`, `what do you remember about the "
		    "key`\n"
		    "- `how do I connect a model`\n\n"
		    "Every tool call goes through the same policy, sandbox and audit log that a "
		    "model's calls go through."));
	return true;
}

static bool
introduces(struct ask *k)
{
	if (!says(k->text, "who are you") && !says(k->text, "what are you") &&
		!says(k->text, "introduce yourself"))
		return false;
	say(k, SPAN("I am Moltbot's built-in offline assistant: a small deterministic program, not "
		    "a language model. I exist so that a fresh "
		    "gateway can be tried without any key. Say `help` for what I understand, or "
		    "`how do I connect a model` for more."));
	return true;
}

static bool
explains_connecting(struct ask *k)
{
	if (!(says(k->text, "connect") || says(k->text, "configure") || says(k->text, "use") ||
		    says(k->text, "add")) ||
		!(says(k->text, "model") || says(k->text, "llm") || says(k->text, "openai") ||
			says(k->text, "ollama") || says(k->text, "provider")))
		return false;
	say(k, SPAN("A model of Anthropic, OpenAI, Google, OpenRouter or Groq needs its key in the "
		    "gateway's environment (for example `ANTHROPIC_API_KEY`) and its name:\n\n"
		    "```json5\n"
		    "{ agents: { defaults: { model: \"anthropic/claude-opus-4-5\" } } }\n"
		    "```\n\n"
		    "For a server of your own, put this into `moltbot.json` in the state directory "
		    "(`~/.moltbot` unless you "
		    "chose another); a gateway that runs takes it at once:\n\n"
		    "```json5\n"
		    "{\n"
		    "  agents: { defaults: { model: { primary: \"my/llama3\" } } },\n"
		    "  models: { providers: { my: {\n"
		    "    baseUrl: \"http://127.0.0.1:11434/v1\",   // any OpenAI-compatible "
		    "server; Ollama here\n"
		    "    api: \"openai-completions\",\n"
		    "    // apiKey: \"${MY_API_KEY}\",            // for a hosted one; the key "
		    "stays in the environment\n"
		    "    models: [ { id: \"llama3\", name: \"Llama 3\" } ],\n"
		    "  } } },\n"
		    "}\n"
		    "```\n\n"
		    "`moltbot config validate` checks the file first and names every mistake with "
		    "its line."));
	return true;
}

static bool
runs(struct ask *k)
{
	static const char *const words[] = {"run", "execute", "exec", "shell"};
	struct span rest = SPAN_EMPTY;
	bool hit = k->text.len > 1 && k->text.ptr[0] == '$';

	if (hit)
		rest = span_trim(span_sub(k->text, 1, k->text.len));
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]) && !hit; i++)
		hit = begins(k->text, words[i], &rest);
	if (!hit || rest.len == 0)
		return false;
	struct span inner;

	if (begins(rest, "the command", &inner) || begins(rest, "command", &inner))
		rest = inner;
	call(k, "shell_exec", "command", strip_quotes(rest), NULL, SPAN_EMPTY);
	return true;
}

/* write "TEXT" to FILE; write FILE: TEXT */
static bool
writes(struct ask *k)
{
	struct span rest;
	struct span name;
	ptrdiff_t at = -1;

	if (!begins(k->text, "write", &rest) && !begins(k->text, "save", &rest))
		return false;
	for (ptrdiff_t i = 0; (size_t)i + 4 <= rest.len; i++) {
		if (span_eq_nocase(span_sub(rest, (size_t)i, 4), SPAN(" to ")))
			at = i; /* the last one: the text may hold others */
	}
	if (at >= 0) {
		name = strip_quotes(strip_end(span_sub(rest, (size_t)at + 4, rest.len)));
		if (name.len > 0 && span_find_byte(name, ' ') < 0) {
			call(k, "file_write", "path", name, "content",
				strip_quotes(span_sub(rest, 0, (size_t)at)));
			return true;
		}
	}
	name = span_cut(&rest, ':');
	if (rest.ptr == NULL || span_find_byte(span_trim(name), ' ') >= 0)
		return false;
	call(k, "file_write", "path", strip_quotes(name), "content", strip_quotes(rest));
	return true;
}

static struct span
file_name(struct span rest)
{
	struct span inner;

	if (begins(rest, "the file", &inner) || begins(rest, "file", &inner) ||
		begins(rest, "my", &inner))
		rest = inner;
	return strip_quotes(strip_end(rest));
}

static bool
reads(struct ask *k)
{
	struct span rest;
	struct span name;

	if (!begins(k->text, "read", &rest) && !begins(k->text, "cat", &rest) &&
		!begins(k->text, "show me", &rest) && !begins(k->text, "open", &rest))
		return false;
	name = file_name(rest);
	if (name.len == 0 || span_find_byte(name, ' ') >= 0)
		return false;
	call(k, "file_read", "path", name, NULL, SPAN_EMPTY);
	return true;
}

static bool
lists(struct ask *k)
{
	struct span rest;
	ptrdiff_t in;

	if (!begins(k->text, "list", &rest) && !begins(k->text, "ls", &rest) &&
		!begins(k->text, "what files", &rest) && !begins(k->text, "show files", &rest))
		return false;
	in = find_phrase(rest, "in");
	call(k, "file_list", "path",
		in >= 0 ? strip_quotes(
				  strip_end(span_trim(span_sub(rest, (size_t)in + 2, rest.len))))
			: SPAN("."),
		NULL, SPAN_EMPTY);
	return true;
}

static bool
searches(struct ask *k)
{
	struct span rest;

	if (!begins(k->text, "search for", &rest) && !begins(k->text, "search", &rest) &&
		!begins(k->text, "find", &rest) && !begins(k->text, "grep", &rest))
		return false;
	if (rest.len == 0)
		return false;
	call(k, "file_search", "text", strip_quotes(strip_end(rest)), NULL, SPAN_EMPTY);
	return true;
}

static bool
deletes(struct ask *k)
{
	struct span rest;
	struct span name;

	if (!begins(k->text, "delete", &rest) && !begins(k->text, "remove", &rest))
		return false;
	name = file_name(rest);
	if (name.len == 0 || span_find_byte(name, ' ') >= 0)
		return false;
	call(k, "file_delete", "path", name, NULL, SPAN_EMPTY);
	return true;
}

static bool
remembers(struct ask *k)
{
	struct span rest;
	struct span inner;

	if (says(k->text, "do you remember") || begins(k->text, "recall", &rest)) {
		ptrdiff_t about = find_phrase(k->text, "about");
		struct span query =
			about >= 0 ? span_sub(k->text, (size_t)about + 5, k->text.len) : SPAN_EMPTY;

		if (query.len == 0 && begins(k->text, "recall", &rest))
			query = rest;
		call(k, "memory_search", "query", strip_end(span_trim(query)), NULL, SPAN_EMPTY);
		return true;
	}
	if (!begins(k->text, "remember", &rest) || rest.len == 0)
		return false;
	if (begins(rest, "that", &inner))
		rest = inner;
	call(k, "memory_save", "text", rest, NULL, SPAN_EMPTY);
	return true;
}

static bool
is_expression_byte(uint8_t c)
{
	return (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '*' || c == '/' || c == '%' ||
	       c == '^' || c == '(' || c == ')' || c == '.' || c == ',' || c == ' ';
}

static bool
is_expression(struct span s)
{
	bool digit = false;
	bool has_operator = false;

	for (size_t i = 0; i < s.len; i++) {
		if (!is_expression_byte(s.ptr[i]))
			return false;
		digit |= s.ptr[i] >= '0' && s.ptr[i] <= '9';
		has_operator |= s.ptr[i] == '+' || s.ptr[i] == '-' || s.ptr[i] == '*' ||
				s.ptr[i] == '/' || s.ptr[i] == '%' || s.ptr[i] == '^';
	}
	return digit && has_operator;
}

static bool
computes(struct ask *k)
{
	static const char *const words[] = {
		"calculate", "compute", "what is", "what's", "how much is", "calc", "eval"};
	struct span s = strip_end(k->text);
	struct span rest;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!begins(s, words[i], &rest) || rest.len == 0)
			continue;
		/* "what is" may begin any question: only figures count; "calculate" says it */
		if ((i == 0 || i == 1 || i == 5 || i == 6) || is_expression(rest) ||
			begins(rest, "sqrt", &(struct span){0})) {
			call(k, "calculator", "expression", rest, NULL, SPAN_EMPTY);
			return true;
		}
	}
	if (!is_expression(s))
		return false;
	call(k, "calculator", "expression", s, NULL, SPAN_EMPTY);
	return true;
}

static bool
thanks(struct ask *k)
{
	if (!says(k->text, "thanks") && !says(k->text, "thank you"))
		return false;
	say(k, SPAN("You are welcome."));
	return true;
}

/* ---- after a tool ---- */

static void
put_fenced(struct buf *out, struct span text)
{
	bool fences = span_find(text, SPAN("```")) >= 0;

	buf_put(out, fences ? SPAN("````\n") : SPAN("```\n"));
	buf_put(out, text);
	if (text.len == 0 || text.ptr[text.len - 1] != '\n')
		buf_put_u8(out, '\n');
	buf_put(out, fences ? SPAN("````") : SPAN("```"));
}

static void
answer_result(struct agent_turn *t, const struct agent_item *it)
{
	struct span s = it->text;

	if (it->error && span_eq(it->name, SPAN("shell_exec")) &&
		!span_starts_with(s, SPAN("denied"))) {
		buf_put(&t->text, SPAN("The command ended with an error:\n\n"));
		put_fenced(&t->text, s);
		return;
	}
	if (it->error) {
		buf_put(&t->text, SPAN("That did not work: "));
		buf_put(&t->text, span_trim(s));
		return;
	}
	if (span_eq(it->name, SPAN("calculator"))) {
		buf_put(&t->text, SPAN("The answer is **"));
		buf_put(&t->text, span_trim(s));
		buf_put(&t->text, SPAN("**."));
	} else if (span_eq(it->name, SPAN("file_write"))) {
		buf_put(&t->text, SPAN("Written. "));
		buf_put(&t->text, span_trim(s));
	} else if (span_eq(it->name, SPAN("file_delete"))) {
		buf_put(&t->text, SPAN("Deleted. "));
		buf_put(&t->text, span_trim(s));
	} else if (span_eq(it->name, SPAN("memory_save"))) {
		buf_put(&t->text, SPAN("I will remember that."));
	} else if (span_eq(it->name, SPAN("memory_search"))) {
		if (span_trim(s).len == 0) {
			buf_put(&t->text, SPAN("I remember nothing about that."));
			return;
		}
		buf_put(&t->text, SPAN("This is what I remember:\n\n"));
		buf_put(&t->text, s);
	} else if (span_trim(s).len == 0) {
		buf_put(&t->text, SPAN("Done; there was no output."));
	} else {
		put_fenced(&t->text, s);
	}
}

/* In pieces, as a model would: so that everything behind streaming is used. */
static void
stream(struct agent *a, struct span text)
{
	while (text.len > 0) {
		size_t n = text.len < 48 ? text.len : 48;

		while (n < text.len && (text.ptr[n] & 0xc0) == 0x80)
			n++;
		agent_delta(a, span_sub(text, 0, n));
		text = span_sub(text, n, text.len);
	}
}

void
agent_offline_turn(struct agent *a, struct agent_turn *t)
{
	static bool (*const intents[])(struct ask *) = {greets, helps, introduces, runs, writes,
		remembers, deletes, searches, lists, reads, computes, explains_connecting, thanks};
	const struct agent_item *last = a->nitems == 0 ? NULL : &a->items[a->nitems - 1];
	struct ask k = {.agent = a, .turn = t};
	bool taken = false;

	if (last != NULL && last->kind == ITEM_TOOL_RESULT) {
		answer_result(t, last);
		stream(a, buf_span(&t->text));
		return;
	}
	k.text = last == NULL ? SPAN_EMPTY : span_trim(last->text);
	for (size_t i = 0; i < sizeof(intents) / sizeof(intents[0]) && !taken; i++)
		taken = intents[i](&k);
	if (!taken)
		say(&k, SPAN("I did not understand that: no model is connected, and I know only a "
			     "few kinds of sentences. Say `help` to see them, or "
			     "`how do I connect a model`."));
	stream(a, buf_span(&t->text));
}
