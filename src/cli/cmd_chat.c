/* moltbot chat: a conversation in the terminal. */
#include "cli_commands.h"

#include <dlfcn.h>
#include <errno.h>
#include <histedit.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "cli_turn.h"

#define HISTORY_LINES 500

static volatile sig_atomic_t interrupts;

static void
on_interrupt(int signo)
{
	(void)signo;
	interrupts = interrupts + 1;
}

/* Ctrl-C while the assistant works aborts the run; it is let in only while we wait. */
static bool
interrupted(void)
{
	bool was = interrupts > 0;

	interrupts = 0;
	return was;
}

static void
block_interrupt(bool block)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	(void)sigprocmask(block ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
}

struct chat {
	struct cli *cli;
	struct cli_client *client;
	const char *session;
	EditLine *el; /* NULL: standard input is no terminal */
	History *history;
	HistEvent event;
	char *line; /* of getline */
	size_t cap;
};

/* Loaded when there is a line to edit: every other command, the gateway's start above all, does without its four libraries. */
static struct {
	__typeof__(el_init) *init;
	__typeof__(el_set) *set;
	__typeof__(el_gets) *read;
	__typeof__(el_reset) *reset;
	__typeof__(el_end) *end;
	__typeof__(history_init) *history_init;
	__typeof__(history) *history;
	__typeof__(history_end) *history_end;
} edit;

static bool
load_editor(void)
{
	static const struct {
		const char *name;
		void **to;
	} names[] = {
		{"el_init", (void **)&edit.init},
		{"el_set", (void **)&edit.set},
		{"el_gets", (void **)&edit.read},
		{"el_reset", (void **)&edit.reset},
		{"el_end", (void **)&edit.end},
		{"history_init", (void **)&edit.history_init},
		{"history", (void **)&edit.history},
		{"history_end", (void **)&edit.history_end},
	};
	void *lib = dlopen("libedit.so.2", RTLD_NOW | RTLD_LOCAL);
	bool all = lib != NULL;

	for (size_t i = 0; all && i < sizeof(names) / sizeof(names[0]); i++)
		all = (*names[i].to = dlsym(lib, names[i].name)) != NULL;
	return all;
}

static const char *
prompt(EditLine *el)
{
	(void)el;
	return "you> ";
}

static void
open_editor(struct chat *c)
{
	if (!isatty(0) || !c->cli->tty || c->cli->json || !load_editor())
		return; /* lines as they come */
	setlocale(LC_CTYPE, "");
	c->el = edit.init("moltbot", stdin, stdout, stderr);
	c->history = edit.history_init();
	if (c->el == NULL || c->history == NULL)
		return;
	edit.set(c->el, EL_PROMPT, prompt);
	edit.set(c->el, EL_EDITOR, "emacs");
	edit.set(c->el, EL_SIGNAL, 0);
	edit.history(c->history, &c->event, H_SETSIZE, HISTORY_LINES);
	edit.history(c->history, &c->event, H_SETUNIQUE, 1);
	edit.set(c->el, EL_HIST, edit.history, c->history);
	edit.set(c->el, EL_BIND, "^R", "em-inc-search-prev", NULL);
}

static void
close_editor(struct chat *c)
{
	if (c->el != NULL)
		edit.end(c->el);
	if (c->history != NULL)
		edit.history_end(c->history);
	free(c->line);
}

/* The next line without its end; false at the end of the input. Ctrl-C at the prompt gives an empty line, twice ends. */
static bool
read_line(struct chat *c, struct span *line)
{
	ssize_t n = 0;

	*line = SPAN_EMPTY;
	if (c->el == NULL) {
		n = getline(&c->line, &c->cap, stdin);
		if (n <= 0)
			return false;
		*line = span_trim(span_of(c->line, (size_t)n));
		return true;
	}
	for (int tries = 0; tries < 2; tries++) {
		int len = 0;
		const char *text;

		interrupts = 0;
		block_interrupt(false);
		text = edit.read(c->el, &len);
		block_interrupt(true);
		if (text != NULL && len > 0) {
			*line = span_trim(span_of(text, (size_t)len));
			if (line->len > 0)
				edit.history(c->history, &c->event, H_ENTER, text);
			return true;
		}
		if (interrupts == 0)
			break;
		edit.reset(c->el);
		cli_put(c->cli, tries == 0 ? "\nCtrl-C again or /quit leaves.\n" : "\n");
		cli_flush(c->cli);
	}
	return false;
}

static void
put_help(struct cli *cli)
{
	cli_put(cli, "  /quit            leave (also Ctrl-D)\n"
		     "  /session KEY     go on in another session\n"
		     "  /history         what was said last in this one\n"
		     "  /help            this\n"
		     "  Ctrl-C           abort the answer that is being written\n");
}

static void
put_message(struct cli *cli, const struct json_node *m)
{
	const struct json_node *content = cli_get(m, "content");
	struct span role = cli_get_str(m, "role");
	struct span text = cli_get_str(m, "content");

	if (text.len == 0)
		text = cli_get_str(json_first(content), "text");
	if (text.len == 0 || (!span_eq(role, SPAN("user")) && !span_eq(role, SPAN("assistant"))))
		return;
	cli_put_style(cli, CLI_BOLD);
	cli_put(cli, span_eq(role, SPAN("user")) ? "you> " : "");
	cli_put_style(cli, CLI_PLAIN);
	cli_put_text(cli, text);
	cli_put(cli, "\n");
}

static int
put_history(struct chat *c, unsigned limit)
{
	struct buf b = {.max = KIB(4u)};
	struct cli_frame frame;
	struct json_out o;
	int rc;

	json_out_init(&o, &b, NULL);
	(void)json_out_begin_object(&o);
	cli_json_str(&o, "sessionKey", span_from_cstr(c->session));
	cli_json_u64(&o, "limit", limit);
	(void)json_out_end_object(&o);
	rc = cli_client_call(c->cli, c->client, "chat.history", buf_span(&b), 0, &frame);
	buf_clear(&b);
	if (rc != 0)
		return rc;
	for (const struct json_node *m = json_first(cli_get(frame.payload, "messages")); m != NULL;
		m = m->next)
		put_message(c->cli, m);
	return 0;
}

static void
put_turn_json(struct cli *cli, const struct cli_turn *t, enum cli_turn_end end)
{
	static const char *const ends[] = {"final", "aborted", "error", "lost"};
	struct json_out *o = &cli->jo;

	json_out_init(o, &cli->out, &(struct json_out_opts){.shown = true});
	(void)json_out_begin_object(o);
	cli_json_str(o, "runId", span_from_cstr(t->run));
	cli_json_str(o, "state", span_from_cstr(ends[end]));
	cli_json_str(o, "text", buf_span(&t->text));
	if (end == CLI_TURN_ERROR || end == CLI_TURN_LOST)
		cli_json_str(o, "error", span_from_cstr(t->error));
	(void)json_out_end_object(o);
	cli_json_end(cli);
	cli_flush(cli);
}

/* 0: go on; else an exit code. */
static int
say(struct chat *c, struct span line)
{
	struct cli_turn turn = {.method = "chat.send",
		.session = c->session,
		.message = line,
		.live = !c->cli->json,
		.interrupted = interrupted};
	enum cli_turn_end end;

	interrupts = 0;
	end = cli_turn_run(c->cli, c->client, &turn);
	if (c->cli->json) {
		put_turn_json(c->cli, &turn, end);
	} else if (end == CLI_TURN_ABORTED) {
		cli_put_style(c->cli, CLI_WARN);
		cli_put(c->cli, "  (aborted)\n");
		cli_put_style(c->cli, CLI_PLAIN);
	} else if (end == CLI_TURN_ERROR) {
		cli_put_style(c->cli, CLI_BAD);
		cli_put_fmt(c->cli, "  %s\n", turn.error);
		cli_put_style(c->cli, CLI_PLAIN);
	}
	if (c->el != NULL)
		cli_put(c->cli, "\n");
	cli_flush(c->cli);
	buf_clear(&turn.text);
	return end == CLI_TURN_LOST
		       ? cli_fail(c->cli, "See `moltbot gateway status`.", "%s", turn.error)
		       : 0;
}

static bool
is_command(struct span line, const char *name, struct span *rest)
{
	struct span n = span_from_cstr(name);

	if (!span_starts_with(line, n) || (line.len > n.len && line.ptr[n.len] != ' '))
		return false;
	*rest = span_trim(span_sub(line, n.len, SIZE_MAX));
	return true;
}

/* One line of what was typed; *done when that was enough. */
static int
take_line(struct chat *c, struct span line, bool *done)
{
	static char session[SESSION_KEY_MAX + 1];
	struct span rest;

	if (is_command(line, "/quit", &rest) || is_command(line, "/exit", &rest)) {
		*done = true;
	} else if (is_command(line, "/help", &rest)) {
		put_help(c->cli);
	} else if (is_command(line, "/history", &rest)) {
		(void)put_history(c, 20);
	} else if (is_command(line, "/session", &rest)) {
		if (rest.len > 0 && span_to_cstr(rest, session, sizeof(session)) == 0)
			c->session = session;
		cli_put(c->cli, "session ");
		cli_put_safe(c->cli, span_from_cstr(c->session));
		cli_put(c->cli, "\n");
	} else if (line.len > 0) {
		return say(c, line);
	}
	cli_flush(c->cli);
	return 0;
}

static void
put_welcome(struct chat *c)
{
	cli_put_style(c->cli, CLI_DIM);
	cli_put(c->cli, "Session ");
	cli_put_safe(c->cli, span_from_cstr(c->session));
	cli_put(c->cli, ". Ctrl-C aborts an answer, /help shows more, /quit leaves.\n\n");
	cli_put_style(c->cli, CLI_PLAIN);
	cli_flush(c->cli);
}

static int
run(struct cli *cli)
{
	const struct sigaction sa = {
		.sa_handler = on_interrupt}; /* no SA_RESTART: it shall wake us */
	struct chat c = {.cli = cli, .session = cli_str(cli, "session", "main")};
	struct span line;
	bool done = false;
	int rc = cli_paths_find(cli);

	rc = rc != 0 ? rc : cli_client_open(cli, &c.client);
	if (rc != 0)
		return rc;
	(void)sigaction(SIGINT, &sa, NULL);
	block_interrupt(true);
	open_editor(&c);
	if (c.el != NULL)
		put_welcome(&c);
	while (rc == 0 && !done && read_line(&c, &line))
		rc = take_line(&c, line, &done);
	close_editor(&c);
	cli_client_close(c.client);
	return rc;
}

static const struct cli_option options[] = {
	{"session", 's', CLI_STR, "KEY", 1, SESSION_KEY_MAX, "the session (default main)"},
	CLI_CONNECT_OPTIONS,
	{NULL, 0, CLI_FLAG, NULL, 0, 0, NULL},
};

static const struct cli_example examples[] = {
	{"moltbot chat", "talk; answers appear as they are written"},
	{"printf 'hello\\nhelp\\n' | moltbot chat --json",
		"one message a line in, one JSON line an answer out"},
	{NULL, NULL},
};

const struct cli_command cmd_chat = {
	.name = "chat",
	.summary = "talk to the assistant in the terminal",
	.text = "Lines are edited as in a shell (arrow keys, Ctrl-R). Tool calls are shown as they "
		"run. Ctrl-C aborts the answer, not the "
		"chat. Without a terminal each line of standard input is a message.",
	.options = options,
	.examples = examples,
	.run = run,
};
