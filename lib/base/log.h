/*
 * The one log sink: a line per event, `key=value` pairs, values escaped, never a format from outside.
 *
 *   2026-11-22T13:40:11.123Z info edge/anon client connected id=12 peer=127.0.0.1
 *
 * Message contents never go above debug; secrets have no formatter. Bytes that a terminal would act on (C0, C1,
 * DEL, ESC, bidirectional controls, invalid UTF-8) leave as \xNN or \u{NNNN}; values with a space or quote are quoted.
 * Lines go to the console descriptor and to the log file's descriptor with one write(2) each, at most LOG_LINE_MAX bytes.
 * On the console they may be JSON instead, an object a line, members time, level, process, message and then the fields (numbers as
 * numbers, everything else as the escaped text above); fields for which there is no room are left out.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/span.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

enum log_kind {
	LOG_KIND_END,
	LOG_KIND_STR,
	LOG_KIND_U64,
	LOG_KIND_I64,
	LOG_KIND_HEX,
	LOG_KIND_ERR,
	LOG_KIND_ERRNO
};

struct log_field {
	const char *key;
	enum log_kind kind;
	union {
		struct span str;
		uint64_t u64;
		int64_t i64;
	} v;
};

/* clang-format off */
#define LOG_S(k, s) {.key = (k), .kind = LOG_KIND_STR, .v = {.str = (s)}}
#define LOG_C(k, c) {.key = (k), .kind = LOG_KIND_STR, .v = {.str = span_from_cstr(c)}}
#define LOG_U(k, n) {.key = (k), .kind = LOG_KIND_U64, .v = {.u64 = (uint64_t)(n)}}
#define LOG_I(k, n) {.key = (k), .kind = LOG_KIND_I64, .v = {.i64 = (int64_t)(n)}}
#define LOG_X(k, s) {.key = (k), .kind = LOG_KIND_HEX, .v = {.str = (s)}}
#define LOG_E(k, rc) {.key = (k), .kind = LOG_KIND_ERR, .v = {.i64 = (rc)}}       /* error code and its text */
#define LOG_ERRNO(k, no) {.key = (k), .kind = LOG_KIND_ERRNO, .v = {.i64 = (no)}} /* errno's name and text */
/* clang-format on */

/* log_info("client connected", LOG_U("id", 12)); fields are optional. */
#define log_error(...) LOG_AT(LOG_ERROR, __VA_ARGS__)
#define log_warn(...) LOG_AT(LOG_WARN, __VA_ARGS__)
#define log_info(...) LOG_AT(LOG_INFO, __VA_ARGS__)
#define log_debug(...) LOG_AT(LOG_DEBUG, __VA_ARGS__)
/* The first element only gives the comma something to stand behind when there are no fields. */
#define LOG_AT(level, msg, ...)                                                                    \
	log_write((level), (msg),                                                                  \
		&(const struct log_field[]){{.key = ""}, ##__VA_ARGS__, {.key = NULL}}[1])

/* name: what stands in front of the message ("edge/user"). fds: -1 for none. Not owned. */
void log_open(const char *name, int console_fd, int file_fd);
void log_set_level(enum log_level level);
enum log_level log_get_level(void);
void log_set_json(bool on); /* on the console */
bool log_is_json(void);
void log_write(enum log_level level, const char *msg, const struct log_field *fields);

/* Moves the cursor, hides or turns around text on a terminal: controls, line separators, bidi, zero width, tags. */
bool log_is_unsafe(uint32_t cp);

/* The escaping above, for everything else that shows bytes to a person (terminal output, error texts). */
void log_put_safe(struct buf *out, struct span s);

#endif
