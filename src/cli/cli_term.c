/* What people see: colours and widths of a terminal, plain text elsewhere, and errors that help. */
#include "cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/log.h"
#include "ev/ev.h"
#include "text/text.h"
#include "text/text_table.h"

#define WIDTH_MAX 120 /* columns that text is wrapped at on wider terminals */
#define SAFE_MAX 200

static const char *const escapes[] = {
	[CLI_PLAIN] = "\033[0m",
	[CLI_BOLD] = "\033[1m",
	[CLI_DIM] = "\033[2m",
	[CLI_GOOD] = "\033[32m",
	[CLI_WARN] = "\033[33m",
	[CLI_BAD] = "\033[31m",
	[CLI_ACCENT] = "\033[36m",
};

static bool
may_color(int fd)
{
	const char *no = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	return isatty(fd) && (no == NULL || no[0] == '\0') && term != NULL &&
	       strcmp(term, "dumb") != 0;
}

void
cli_term_init(struct cli *cli)
{
	struct winsize ws;

	cli->tty = isatty(1);
	cli->color = may_color(1);
	cli->error_color = may_color(2);
	if (cli->tty)
		cli->width = ioctl(1, TIOCGWINSZ, &ws) == 0 && ws.ws_col > 0 ? ws.ws_col : 80;
}

static void
write_all(int fd, struct span s)
{
	while (s.len > 0) {
		ssize_t n = write(fd, s.ptr, s.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			_exit(CLI_FAILED); /* nobody reads any more */
		s = span_sub(s, (size_t)n, SIZE_MAX);
	}
}

void
cli_flush(struct cli *cli)
{
	cli_progress(NULL);
	write_all(1, buf_span(&cli->out));
	buf_reset(&cli->out);
}

void
cli_put(struct cli *cli, const char *text)
{
	(void)buf_put_cstr(&cli->out, text);
}

void
cli_put_fmt(struct cli *cli, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	cli_put(cli, text);
}

void
cli_put_safe(struct cli *cli, struct span s)
{
	log_put_safe(&cli->out, s);
}

void
cli_put_text(struct cli *cli, struct span s)
{
	while (s.len > 0) {
		size_t n = 0;

		while (n < s.len && s.ptr[n] != '\n' && s.ptr[n] != '\t')
			n++;
		log_put_safe(&cli->out, span_sub(s, 0, n));
		if (n < s.len)
			(void)buf_put_u8(&cli->out, s.ptr[n++]);
		s = span_sub(s, n, SIZE_MAX);
	}
}

void
cli_put_style(struct cli *cli, enum cli_style style)
{
	if (cli->color)
		cli_put(cli, escapes[style]);
}

void
cli_put_row(struct cli *cli, unsigned width, const char *key, struct span value)
{
	cli_put_style(cli, CLI_DIM);
	cli_put_fmt(cli, "  %-*s", (int)width, key);
	cli_put_style(cli, CLI_PLAIN);
	cli_put(cli, "  ");
	cli_put_safe(cli, value);
	cli_put(cli, "\n");
}

void
cli_put_title(struct cli *cli, const char *title)
{
	cli_put_style(cli, CLI_BOLD);
	cli_put(cli, title);
	cli_put_style(cli, CLI_PLAIN);
	cli_put(cli, "\n");
}

static void
put_indent(struct cli *cli, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		(void)buf_put_u8(&cli->out, ' ');
}

/* Words of ASCII text of ours; an empty line separates paragraphs. */
void
cli_put_wrapped(struct cli *cli, unsigned indent, const char *text)
{
	unsigned width = cli->width == 0 ? 80 : cli->width > WIDTH_MAX ? WIDTH_MAX : cli->width;
	struct span rest = span_from_cstr(text);
	unsigned col = 0;

	while (rest.len > 0) {
		bool paragraph = span_starts_with(rest, SPAN("\n\n"));
		struct span word;
		size_t n = 0;

		while (n < rest.len && rest.ptr[n] != ' ' && rest.ptr[n] != '\n')
			n++;
		word = span_sub(rest, 0, n);
		rest = span_sub(rest, n == 0 ? 1 : n, SIZE_MAX);
		if (paragraph) {
			cli_put(cli, "\n\n");
			rest = span_sub(rest, 1, SIZE_MAX);
			col = 0;
		}
		if (n == 0)
			continue;
		if (col > 0 && col + 1 + n > width) {
			cli_put(cli, "\n");
			col = 0;
		}
		if (col == 0) {
			put_indent(cli, indent);
			col = indent;
		} else {
			cli_put(cli, " ");
			col++;
		}
		(void)buf_put(&cli->out, word);
		col += (unsigned)n;
	}
	cli_put(cli, "\n");
}

struct json_out *
cli_json_begin(struct cli *cli)
{
	json_out_init(&cli->jo, &cli->out, &(struct json_out_opts){.pretty = true, .shown = true});
	return &cli->jo;
}

void
cli_json_end(struct cli *cli)
{
	if (json_out_finish(&cli->jo) < 0)
		log_error("the answer could not be written as JSON", LOG_E("why", cli->jo.err));
	cli_put(cli, "\n");
}

void
cli_json_str(struct json_out *o, const char *key, struct span value)
{
	(void)json_out_member_str(o, key, value);
}

void
cli_json_cstr(struct json_out *o, const char *key, const char *value)
{
	cli_json_str(o, key, span_from_cstr(value));
}

void
cli_json_u64(struct json_out *o, const char *key, uint64_t value)
{
	(void)json_out_member_u64(o, key, value);
}

void
cli_json_bool(struct json_out *o, const char *key, bool value)
{
	(void)json_out_member_bool(o, key, value);
}

const char *
cli_safe(struct span s)
{
	static char texts[4][SAFE_MAX * 4];
	static unsigned next;
	struct buf b = {.max = SAFE_MAX * 4 - 1};
	char *text = texts[next++ % 4];

	log_put_safe(&b, span_sub(s, 0, SAFE_MAX));
	(void)span_to_cstr(buf_span(&b), text, SAFE_MAX * 4);
	buf_clear(&b);
	return text;
}

static void
put_error(struct cli *cli, const char *what, const char *help)
{
	struct buf b = {.max = KIB(8u)};

	if (cli->json) {
		struct json_out *o;

		buf_reset(&cli->out);
		o = cli_json_begin(cli);
		(void)json_out_begin_object(o);
		cli_json_bool(o, "ok", false);
		(void)json_out_key(o, SPAN("error"));
		(void)json_out_begin_object(o);
		cli_json_str(o, "message", span_from_cstr(what));
		if (help != NULL)
			cli_json_str(o, "help", span_from_cstr(help));
		(void)json_out_end_object(o);
		(void)json_out_end_object(o);
		cli_json_end(cli);
		cli_flush(cli);
		return;
	}
	cli_flush(cli);
	(void)buf_put_fmt(&b, "%smoltbot:%s %s\n", cli->error_color ? "\033[1;31m" : "",
		cli->error_color ? "\033[0m" : "", what);
	if (help != NULL)
		(void)buf_put_fmt(&b, "  %s\n", help);
	write_all(2, buf_span(&b));
	buf_clear(&b);
}

int
cli_fail(struct cli *cli, const char *help, const char *fmt, ...)
{
	char what[2048];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	put_error(cli, what, help);
	return CLI_FAILED;
}

int
cli_usage(struct cli *cli, const char *fmt, ...)
{
	char what[2048];
	char help[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	snprintf(help, sizeof(help), "See `moltbot %s%s--help`.",
		cli->command == NULL ? "" : cli->command->name, cli->command == NULL ? "" : " ");
	put_error(cli, what, help);
	return CLI_USAGE;
}

struct span
cli_age(struct buf *b, uint64_t at_ms)
{
	uint64_t now = ev_wall_ms();

	buf_reset(b);
	if (at_ms != 0 && at_ms <= now)
		(void)text_duration_put_short(b, now - at_ms);
	return buf_span(b);
}

struct span
cli_number(struct buf *b, uint64_t n)
{
	buf_reset(b);
	(void)buf_put_u64_dec(b, n);
	return buf_span(b);
}

void
cli_put_table(struct cli *cli, const struct text_table *table)
{
	struct buf b = {.max = MIB(16u)};
	struct span rest;

	if (text_table_put(table, cli->width, &b) == 0) {
		rest = buf_span(&b);
		cli_put_style(cli, CLI_DIM);
		(void)buf_put(&cli->out, span_cut(&rest, '\n'));
		cli_put_style(cli, CLI_PLAIN);
		cli_put(cli, "\n");
		(void)buf_put(&cli->out, rest);
	}
	buf_clear(&b);
}
