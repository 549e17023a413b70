#include "base/log.h"

#include <stdbool.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/utc.h"
#include "base/utf8.h"
#include "base/weak.h"

static struct {
	const char *name;
	int console_fd;
	int file_fd;
	enum log_level level;
	bool json;
} sink = {"", 2, -1, LOG_INFO, false};

static const char *const level_names[] = {"error", "warn", "info", "debug"};

void
log_open(const char *name, int console_fd, int file_fd)
{
	sink.name = name;
	sink.console_fd = console_fd;
	sink.file_fd = file_fd;
}

void
log_set_level(enum log_level level)
{
	sink.level = level;
}

enum log_level
log_get_level(void)
{
	return sink.level;
}

void
log_set_json(bool on)
{
	sink.json = on;
}

bool
log_is_json(void)
{
	return sink.json;
}

bool
log_is_unsafe(uint32_t cp)
{
	if (WEAK(TEXT_SAFE))
		return false;
	return cp < 0x20 || (cp >= 0x7f && cp < 0xa0) || cp == 0xad || cp == 0x61c ||
	       (cp >= 0x200b && cp <= 0x200f) || (cp >= 0x2028 && cp <= 0x202e) ||
	       (cp >= 0x2060 && cp <= 0x206f) || cp == 0xfeff || (cp >= 0xfff9 && cp <= 0xfffb) ||
	       (cp >= 0xe0000 && cp <= 0xe007f);
}

void
log_put_safe(struct buf *out, struct span s)
{
	if (WEAK(TEXT_SAFE)) {
		buf_put(out, s);
		return;
	}
	while (s.len > 0) {
		uint32_t cp = 0;
		size_t n = utf8_decode(s, &cp);

		if (n == 0) {
			buf_put_fmt(out, "\\x%02x", s.ptr[0]);
			n = 1;
		} else if (cp == '\n') {
			buf_put(out, SPAN("\\n"));
		} else if (cp == '\\') {
			buf_put(out, SPAN("\\\\"));
		} else if (log_is_unsafe(cp)) {
			if (cp < 0x100)
				buf_put_fmt(out, "\\x%02x", (unsigned)cp);
			else
				buf_put_fmt(out, "\\u{%04x}", (unsigned)cp);
		} else {
			buf_put(out, span_sub(s, 0, n));
		}
		s = span_sub(s, n, s.len);
	}
}

static void
put_str(struct buf *b, struct span s)
{
	bool quote = s.len == 0;
	struct buf safe = {.max = LOG_LINE_MAX};

	for (size_t i = 0; i < s.len && !quote; i++)
		quote = s.ptr[i] == ' ' || s.ptr[i] == '"' || s.ptr[i] == '=';
	log_put_safe(&safe, span_sub(s, 0, LOG_VALUE_MAX));
	if (quote)
		buf_put_u8(b, '"');
	for (size_t i = 0; i < safe.len; i++) {
		if (safe.ptr[i] == '"')
			buf_put_u8(b, '\\');
		buf_put_u8(b, safe.ptr[i]);
	}
	if (s.len > LOG_VALUE_MAX)
		buf_put_fmt(b, "...(%zu bytes)", s.len);
	if (quote)
		buf_put_u8(b, '"');
	buf_clear(&safe);
}

static void
put_value(struct buf *b, const struct log_field *f)
{
	switch (f->kind) {
	case LOG_KIND_STR:
		put_str(b, f->v.str);
		break;
	case LOG_KIND_U64:
		buf_put_u64_dec(b, f->v.u64);
		break;
	case LOG_KIND_I64:
		buf_put_i64_dec(b, f->v.i64);
		break;
	case LOG_KIND_HEX:
		buf_put_hex(b, span_sub(f->v.str, 0, LOG_VALUE_MAX / 2));
		break;
	case LOG_KIND_ERR:
		buf_put_fmt(b, "%s (%s)", err_name((int)f->v.i64), err_text((int)f->v.i64));
		break;
	case LOG_KIND_ERRNO:
		buf_put_fmt(b, "%s (%s)", strerrorname_np((int)f->v.i64),
			strerrordesc_np((int)f->v.i64));
		break;
	case LOG_KIND_END:
		break;
	}
}

static void
put_json_str(struct buf *b, struct span safe)
{
	buf_put_u8(b, '"');
	for (size_t i = 0; i < safe.len; i++) {
		if (safe.ptr[i] == '"' || safe.ptr[i] == '\\')
			buf_put_u8(b, '\\');
		buf_put_u8(b, safe.ptr[i]);
	}
	buf_put_u8(b, '"');
}

static void
put_json_field(struct buf *b, const struct log_field *f)
{
	struct buf text = {.max = LOG_LINE_MAX};

	buf_put_fmt(b, ",\"%s\":", f->key);
	if (f->kind == LOG_KIND_U64 || f->kind == LOG_KIND_I64) {
		put_value(b, f);
	} else if (f->kind == LOG_KIND_STR) {
		log_put_safe(&text, span_sub(f->v.str, 0, LOG_VALUE_MAX));
		put_json_str(b, buf_span(&text));
	} else {
		put_value(&text, f);
		put_json_str(b, buf_span(&text));
	}
	buf_clear(&text);
}

static void
put_json(struct buf *b, const char *time, enum log_level level, const char *msg,
	const struct log_field *fields)
{
	size_t whole;

	buf_put_fmt(b, "{\"time\":\"%s\",\"level\":\"%s\",\"process\":\"%s\",\"message\":", time,
		level_names[level], sink.name);
	put_json_str(b, span_from_cstr(msg));
	for (whole = b->len; fields->key != NULL && b->err == 0; fields++) {
		put_json_field(b, fields);
		whole = b->err == 0 ? b->len : whole;
	}
	b->len = whole;
	b->max = LOG_LINE_MAX;
	b->err = 0;
	buf_put(b, SPAN("}\n"));
}

static void
write_line(int fd, struct span line)
{
	ssize_t ignored;

	if (fd < 0)
		return;
	/* a full disk or closed terminal must not stop the program */
	ignored = write(fd, line.ptr, line.len);
	(void)ignored;
}

void
log_write(enum log_level level, const char *msg, const struct log_field *fields)
{
	struct buf line = {.max = LOG_LINE_MAX - 1};
	struct buf json = {.max = LOG_LINE_MAX - 2};
	struct timespec now;
	struct tm tm;
	char time[80];

	if (level > sink.level)
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	(void)utc_split(now.tv_sec, &tm);
	(void)snprintf(time, sizeof(time), "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ",
		tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
		now.tv_nsec / 1000000);
	if (sink.json)
		put_json(&json, time, level, msg, fields);
	buf_put_fmt(&line, "%s %s %s %s", time, level_names[level], sink.name, msg);
	for (; fields->key != NULL; fields++) {
		buf_put_fmt(&line, " %s=", fields->key);
		put_value(&line, fields);
	}
	line.max = LOG_LINE_MAX;
	line.err = 0;
	buf_put_u8(&line, '\n');
	write_line(sink.console_fd, sink.json ? buf_span(&json) : buf_span(&line));
	write_line(sink.file_fd, buf_span(&line));
	buf_clear(&line);
	buf_clear(&json);
}
