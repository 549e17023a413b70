/*
 * logs.tail: the gateway's own log, read through a descriptor that the supervisor gave; there is no path here. A line of it is
 * shown in the form that clients of protocol 3 read: an object with "0" subsystem, "1" message, _meta and time.
 */
#include <sys/stat.h>
#include <unistd.h>

#include "args/args.h"
#include "base/err.h"
#include "base/utf8.h"
#include "edge_user.h"
#include "json/json.h"

#define LINES_DEFAULT 500
#define BYTES_DEFAULT 250000

struct tail {
	uint64_t size;
	uint64_t from;
	bool reset;
	bool cut; /* it begins inside a line */
};

static void
put_meta(struct json_out *o, struct span time, struct span level, struct span name)
{
	struct buf upper = {.max = 16};

	for (size_t i = 0; i < level.len; i++)
		(void)buf_put_u8(&upper, (uint8_t)(level.ptr[i] & ~0x20));
	json_out_key(o, SPAN("_meta"));
	json_out_begin_object(o);
	json_out_member_str(o, "runtime", SPAN("native"));
	json_out_member_str(o, "name", name);
	json_out_member_str(o, "date", time);
	json_out_member_str(o, "logLevelName", buf_span(&upper));
	json_out_end_object(o);
	buf_clear(&upper);
}

/* "TIME level process words": anything else is shown as it is. */
static void
put_line(struct args_out *out, struct span line)
{
	struct buf text = {.max = KIB(32)};
	struct buf subsystem = {.max = 128};
	struct span rest = line;
	struct span time = span_cut(&rest, ' ');
	struct span level = span_cut(&rest, ' ');
	struct span name = span_cut(&rest, ' ');
	struct json_out o;

	(void)buf_put_cstr(&subsystem, "{\"subsystem\":\"");
	(void)buf_put(&subsystem, name);
	(void)buf_put_cstr(&subsystem, "\"}");
	json_out_init(&o, &text, NULL);
	json_out_begin_object(&o);
	json_out_member_str(&o, "0", buf_span(&subsystem));
	json_out_member_str(&o, "1", rest);
	put_meta(&o, time, level, name);
	json_out_member_str(&o, "time", time);
	json_out_end_object(&o);
	if (rest.len > 0 && subsystem.err == 0 && json_out_finish(&o) == 0)
		args_out_str(out, NULL, buf_span(&text));
	else if (utf8_is_valid(line))
		args_out_str(out, NULL, line);
	buf_clear(&subsystem);
	buf_clear(&text);
}

/* From the cursor when it is known and near, else the last bytes. */
static void
find_from(struct tail *t, struct span args, uint64_t max)
{
	uint64_t cursor;
	bool has = args_get_u64(args, "cursor", 0, UINT64_MAX, &cursor) == 0;

	t->reset = has && (cursor > t->size || t->size - cursor > max);
	t->from = has && !t->reset ? cursor : t->size > max ? t->size - max : 0;
	t->cut = t->from > 0 && (!has || t->reset);
}

/* Whole lines only: what is behind the last end of a line comes next time. */
static size_t
read_lines(int fd, const struct tail *t, uint8_t *bytes, size_t want)
{
	size_t n = 0;

	while (n < want) {
		ssize_t got = pread(fd, bytes + n, want - n, (off_t)(t->from + n));

		if (got <= 0)
			break;
		n += (size_t)got;
	}
	while (n > 0 && bytes[n - 1] != '\n')
		n--;
	return n;
}

static bool
put_lines(struct args_out *out, struct span bytes, const struct tail *t, uint64_t limit)
{
	uint64_t lines = 0;
	struct span rest = bytes;

	if (t->cut)
		(void)span_cut(&rest, '\n');
	for (size_t i = 0; i < rest.len; i++)
		lines += rest.ptr[i] == '\n';
	args_out_array(out, "lines");
	for (uint64_t skip = lines > limit ? lines - limit : 0; rest.len > 0;) {
		struct span line = span_cut(&rest, '\n');

		if (skip > 0)
			skip--;
		else if (line.len > 0)
			put_line(out, line);
	}
	args_out_end(out);
	return lines > limit;
}

static int
answer(struct user_conn *u, struct user_call *call, struct buf *list)
{
	struct span args = buf_span(&call->args);
	uint64_t max = BYTES_DEFAULT;
	uint64_t limit = LINES_DEFAULT;
	struct buf bytes = {.max = LOG_TAIL_BYTES_MAX};
	struct tail t = {0};
	struct args_out out;
	struct stat st;
	bool truncated;
	size_t want;

	if (fstat(user_of(u)->log_fd, &st) < 0)
		return ERR_SYS;
	(void)args_get_u64(args, "maxBytes", 1, LOG_TAIL_BYTES_MAX, &max);
	(void)args_get_u64(args, "limit", 1, LOG_TAIL_LINES_MAX, &limit);
	t.size = (uint64_t)st.st_size;
	find_from(&t, args, max);
	want = (size_t)(t.size - t.from);
	if (buf_room(&bytes, want > 0 ? want : 1) == NULL)
		return ERR_FULL;
	bytes.len = read_lines(user_of(u)->log_fd, &t, bytes.ptr, want);
	args_out_init(&out, list, false);
	args_out_cstr(&out, "file", "logs/gateway.log");
	args_out_u64(&out, "cursor", t.from + bytes.len);
	args_out_u64(&out, "size", t.size);
	truncated = put_lines(&out, buf_span(&bytes), &t, limit) || t.cut;
	args_out_bool(&out, "truncated", truncated);
	args_out_bool(&out, "reset", t.reset);
	buf_clear(&bytes);
	return args_out_done(&out);
}

void
user_logs_tail(struct user_conn *u, struct user_call *call)
{
	struct buf list = {.max = MIB(8)};
	struct edge_refusal r = {0};

	if (user_of(u)->log_fd >= 0 && answer(u, call, &list) == 0) {
		user_call_answer(u, call, buf_span(&list));
	} else {
		edge_refuse(&r, RPC_UNAVAILABLE, 0, "the log cannot be read");
		user_call_fail(u, call, &r);
	}
	buf_clear(&list);
}
