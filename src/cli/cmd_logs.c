/* moltbot logs: the gateway's log file, read directly. */
#include "cli_commands.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"

#define POLL_MS 250
#define TAIL_MAX MIB(8u) /* bytes looked at for the last lines */

struct logs {
	char path[CLI_PATH_MAX + 32];
	int fd;
	off_t at;      /* what has been read */
	struct buf in; /* the rest of a line */
};

static int
open_log(struct cli *cli, struct logs *l)
{
	snprintf(l->path, sizeof(l->path), "%s/logs/gateway.log", cli->paths.state);
	l->fd = open(l->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	l->at = 0;
	if (l->fd >= 0)
		return 0;
	return cli_fail(cli,
		errno == ENOENT ? "Has the gateway run here? Another state directory is chosen "
				  "with MOLTBOT_STATE_DIR."
				: "Run as the user who started the gateway.",
		"%s cannot be read: %s", l->path, strerror(errno));
}

/* Time, level, subsystem, message: the first words of a line, as lib/base/log.h lays it out. */
struct line {
	struct span time;
	struct span level;
	struct span subsystem;
	struct span message;
};

static bool
split(struct span s, struct line *out)
{
	out->time = span_cut(&s, ' ');
	out->level = span_cut(&s, ' ');
	out->subsystem = span_cut(&s, ' ');
	out->message = s;
	return out->time.len == 24 && out->time.ptr[10] == 'T' && out->message.ptr != NULL;
}

static void
put_json(struct cli *cli, struct span raw)
{
	struct json_out o;
	struct line l;

	json_out_init(&o, &cli->out, NULL);
	(void)json_out_begin_object(&o);
	if (split(raw, &l)) {
		cli_json_str(&o, "type", SPAN("log"));
		cli_json_str(&o, "time", l.time);
		cli_json_str(&o, "level", l.level);
		cli_json_str(&o, "subsystem", l.subsystem);
		cli_json_str(&o, "message", l.message);
	} else {
		cli_json_str(&o, "type", SPAN("raw"));
	}
	cli_json_str(&o, "raw", raw);
	(void)json_out_end_object(&o);
	(void)json_out_finish(&o);
	cli_put(cli, "\n");
}

static enum cli_style
style_of(struct span level)
{
	if (span_eq(level, SPAN("error")))
		return CLI_BAD;
	if (span_eq(level, SPAN("warn")))
		return CLI_WARN;
	return span_eq(level, SPAN("debug")) ? CLI_DIM : CLI_PLAIN;
}

static void
put_line(struct cli *cli, struct span raw)
{
	struct line l;

	if (cli->json) {
		put_json(cli, raw);
		return;
	}
	if (!cli->color || !split(raw, &l)) {
		cli_put_safe(cli, raw);
		cli_put(cli, "\n");
		return;
	}
	cli_put_style(cli, CLI_DIM);
	cli_put_safe(cli, span_sub(l.time, 11, 12));
	cli_put(cli, " ");
	cli_put_style(cli, CLI_PLAIN);
	cli_put_style(cli, style_of(l.level));
	cli_put_fmt(cli, "%-5s ", cli_safe(l.level));
	cli_put_style(cli, CLI_PLAIN);
	cli_put_style(cli, CLI_ACCENT);
	cli_put_safe(cli, l.subsystem);
	cli_put_style(cli, CLI_PLAIN);
	cli_put(cli, " ");
	cli_put_safe(cli, l.message);
	cli_put(cli, "\n");
}

/* Appends what is there. 0, ERR_EOF at the end for now. */
static int
read_more(struct logs *l)
{
	uint8_t *p = buf_room(&l->in, KIB(64u));
	ssize_t n = p == NULL ? -1 : pread(l->fd, p, KIB(64u), l->at);

	if (n <= 0)
		return ERR_EOF;
	buf_added(&l->in, (size_t)n);
	l->at += n;
	return 0;
}

static void
put_lines(struct cli *cli, struct logs *l)
{
	struct span rest = buf_span(&l->in);
	size_t used = 0;
	ptrdiff_t end;

	while ((end = span_find_byte(rest, '\n')) >= 0) {
		put_line(cli, span_sub(rest, 0, (size_t)end));
		used += (size_t)end + 1;
		rest = span_sub(rest, (size_t)end + 1, SIZE_MAX);
	}
	buf_consume(&l->in, used);
	cli_flush(cli);
}

/* The last limit lines. */
static int
put_tail(struct cli *cli, struct logs *l, int64_t limit)
{
	struct stat st;
	int64_t lines = 0;
	size_t from;

	if (fstat(l->fd, &st) < 0)
		return cli_fail(cli, NULL, "%s cannot be read: %s", l->path, strerror(errno));
	l->at = st.st_size > (off_t)TAIL_MAX ? st.st_size - (off_t)TAIL_MAX : 0;
	while (l->at < st.st_size && read_more(l) == 0)
		;
	for (from = l->in.len; from > 0; from--) {
		if (l->in.ptr[from - 1] == '\n' && lines++ == limit)
			break;
	}
	buf_consume(&l->in, from);
	put_lines(cli, l);
	return 0;
}

/* A file that got shorter or was replaced is read from its beginning. */
static bool
is_other_file(const struct logs *l)
{
	struct stat now;
	struct stat ours;

	if (stat(l->path, &now) < 0 || fstat(l->fd, &ours) < 0)
		return false;
	return now.st_ino != ours.st_ino || now.st_dev != ours.st_dev || now.st_size < l->at;
}

static int
follow(struct cli *cli, struct logs *l)
{
	const struct timespec nap = {.tv_nsec = POLL_MS * 1000000L};

	for (;;) {
		while (read_more(l) == 0)
			put_lines(cli, l);
		(void)nanosleep(&nap, NULL);
		if (is_other_file(l)) {
			close(l->fd);
			buf_reset(&l->in);
			if (open_log(cli, l) != 0)
				return CLI_FAILED;
		}
	}
}

static int
run(struct cli *cli)
{
	struct logs l = {.fd = -1, .in = {.max = TAIL_MAX + MIB(1u)}};
	int rc = cli_paths_find(cli);

	rc = rc != 0 ? rc : open_log(cli, &l);
	rc = rc != 0 ? rc : put_tail(cli, &l, cli_int(cli, "limit", 200));
	if (rc == 0 && cli_has(cli, "follow"))
		rc = follow(cli, &l);
	if (l.fd >= 0)
		close(l.fd);
	buf_clear(&l.in);
	return rc;
}

static const struct cli_option options[] = {
	{"follow", 'f', CLI_FLAG, NULL, 0, 0, "go on with what is written from now on"},
	{"limit", 'n', CLI_INT, "LINES", 0, 100000, "how many lines at first (default 200)"},
	{NULL, 0, CLI_FLAG, NULL, 0, 0, NULL},
};

static const struct cli_example examples[] = {
	{"moltbot logs -f", "watch it"},
	{"moltbot logs -n 100000 | grep denied", "plain lines: level, process, message, key=value"},
	{"moltbot logs --json | jq 'select(.level == \"error\")'", "one JSON object a line"},
	{NULL, NULL},
};

const struct cli_command cmd_logs = {
	.name = "logs",
	.summary = "show the gateway's log",
	.text = "Reads <state>/logs/gateway.log, so it works when the gateway is down.",
	.options = options,
	.examples = examples,
	.run = run,
};
