/* The limits of lib/base, each reached and passed, and what the log and secrets promise at them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/secret.h"

static uint8_t big[SECRET_LEN_MAX + 1];

/* Writes one line with the fields given through the log; returns its bytes in line. */
static size_t
logged(const struct log_field *fields, char *line, size_t cap)
{
	int fd = memfd_create("log", MFD_CLOEXEC);
	ssize_t n;

	assert_true(fd >= 0);
	log_open("test", -1, fd);
	log_write(LOG_INFO, "message", fields);
	log_open("", 2, -1);
	n = pread(fd, line, cap - 1, 0);
	assert_true(n > 0);
	line[n] = '\0';
	close(fd);
	return (size_t)n;
}

static void
a_value_of_log_value_max_bytes_is_logged_whole_and_a_longer_one_cut(void **state)
{
	char line[LOG_LINE_MAX + 2];
	struct log_field fields[2] = {{.key = NULL}};
	size_t whole;

	(void)state;
	memset(big, 'v', sizeof(big));
	fields[0] = (struct log_field)LOG_S("k", span_of(big, LOG_VALUE_MAX));
	whole = logged(fields, line, sizeof(line));
	assert_null(strstr(line, "bytes)"));
	assert_true(whole > LOG_VALUE_MAX);
	fields[0] = (struct log_field)LOG_S("k", span_of(big, LOG_VALUE_MAX + 1));
	assert_true(logged(fields, line, sizeof(line)) > whole);
	assert_non_null(strstr(line, "v...(1025 bytes)\n"));
}

static void
a_line_of_json_is_whole_whatever_it_holds(void **state)
{
	char line[LOG_LINE_MAX + 2];
	struct log_field fields[9] = {{.key = NULL}};
	int fd = memfd_create("log", MFD_CLOEXEC);
	ssize_t n;

	(void)state;
	memset(big, '"', sizeof(big));
	fields[0] = (struct log_field)LOG_C("k", "a\x1b \"b\\");
	fields[1] = (struct log_field)LOG_U("n", 7);
	for (size_t i = 2; i < 8; i++)
		fields[i] = (struct log_field)LOG_S("long", span_of(big, LOG_VALUE_MAX));
	assert_true(fd >= 0);
	log_open("test", fd, -1);
	log_set_json(true);
	log_write(LOG_WARN, "message", fields);
	log_set_json(false);
	log_open("", 2, -1);
	n = pread(fd, line, sizeof(line) - 1, 0);
	assert_in_range(n, LOG_VALUE_MAX, LOG_LINE_MAX);
	line[n] = '\0';
	assert_non_null(
		strstr(line, "Z\",\"level\":\"warn\",\"process\":\"test\",\"message\":"
			     "\"message\",\"k\":\"a\\\\x1b \\\"b\\\\\\\\\",\"n\":7,\"long\":"));
	assert_string_equal(line + n - 5, "\\\"\"}\n");
	close(fd);
}

static void
a_line_ends_at_log_line_max_bytes_with_its_newline(void **state)
{
	char line[LOG_LINE_MAX + 2];
	struct log_field fields[9] = {{.key = NULL}};
	size_t n;

	(void)state;
	memset(big, 'v', sizeof(big));
	for (size_t i = 0; i < 8; i++)
		fields[i] = (struct log_field)LOG_S("key", span_of(big, LOG_VALUE_MAX));
	n = logged(fields, line, sizeof(line));
	assert_in_range(n, LOG_LINE_MAX - 2 * LOG_VALUE_MAX, LOG_LINE_MAX);
	assert_int_equal(line[n - 1], '\n');
	assert_ptr_equal(strchr(line, '\n'), line + n - 1);
}

static void
a_value_cannot_forge_a_field_or_a_line(void **state)
{
	char line[LOG_LINE_MAX + 2];
	const struct log_field fields[] = {
		LOG_C("a", "x\n2026 info \" b=1"), LOG_U("n", 7), {.key = NULL}};

	(void)state;
	(void)logged(fields, line, sizeof(line));
	assert_non_null(strstr(line, " info test message a=\"x\\n2026 info \\\" b=1\" n=7\n"));
}

static void
a_secret_has_at_most_secret_len_max_bytes(void **state)
{
	struct secret s = {0};

	(void)state;
	assert_int_equal(secret_set(&s, span_of(big, SECRET_LEN_MAX)), 0);
	assert_int_equal(secret_get(&s).len, SECRET_LEN_MAX);
	assert_int_equal(secret_set(&s, span_of(big, SECRET_LEN_MAX + 1)), ERR_TOOBIG);
	secret_clear(&s);
}

static void
a_forked_child_does_not_inherit_a_secret(void **state)
{
	struct secret s = {0};
	int status = -1;
	pid_t pid;

	(void)state;
	assert_int_equal(secret_set(&s, SPAN("hunter2")), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		for (size_t i = 0; i < s.cap; i++) {
			if (s.ptr[i] != 0)
				_exit(1);
		}
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_true(span_eq(secret_get(&s), SPAN("hunter2")));
	secret_clear(&s);
}

static void
a_buffer_grows_to_its_cap_by_every_way_of_putting(void **state)
{
	struct buf b = {.max = 40};

	(void)state;
	assert_int_equal(buf_put_u64_dec(&b, UINT64_MAX), 0);
	assert_int_equal(buf_put_i64_dec(&b, INT64_MIN), 0);
	assert_int_equal(b.len, 40);
	assert_null(buf_room(&b, 1));
	assert_int_equal(b.err, ERR_TOOBIG);
	buf_consume(&b, 20);
	assert_true(span_eq(buf_span(&b), SPAN("-9223372036854775808")));
	assert_int_equal(buf_put(&b, SPAN("x")), ERR_TOOBIG); /* the error stays until the reset */
	buf_reset(&b);
	assert_int_equal(buf_put_fmt(&b, "%039d", 1), 0);
	assert_int_equal(buf_put_fmt(&b, "%02d", 1), ERR_TOOBIG);
	buf_reset(&b);
	assert_int_equal(buf_put_hex(&b, span_of(big, 20)), 0);
	assert_int_equal(buf_put_hex(&b, span_of(big, 1)), ERR_TOOBIG);
	buf_clear(&b);
}

static void
spans_are_clipped_and_cut_without_leaving_their_bytes(void **state)
{
	struct span s = SPAN("a,b,,c");
	char text[4];

	(void)state;
	assert_int_equal(span_sub(s, 100, 1).len, 0);
	assert_int_equal(span_sub(s, 4, SIZE_MAX).len, 2);
	assert_true(span_eq(span_cut(&s, ','), SPAN("a")));
	assert_true(span_eq(span_cut(&s, ','), SPAN("b")));
	assert_int_equal(span_cut(&s, ',').len, 0);
	assert_non_null(s.ptr);
	assert_true(span_eq(span_cut(&s, ','), SPAN("c")));
	assert_null(s.ptr);
	assert_true(span_eq(span_trim(SPAN(" \t x y\r\n")), SPAN("x y")));
	assert_int_equal(span_find(SPAN("aab"), SPAN("ab")), 1);
	assert_int_equal(span_find(SPAN("aab"), SPAN("abc")), -1);
	assert_int_equal(span_to_cstr(SPAN("abc"), text, sizeof(text)), 0);
	assert_int_equal(span_to_cstr(SPAN("abcd"), text, sizeof(text)), ERR_TOOBIG);
	assert_int_equal(span_to_cstr(SPAN("a\0b"), text, sizeof(text)), ERR_SYNTAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_value_of_log_value_max_bytes_is_logged_whole_and_a_longer_one_cut),
		cmocka_unit_test(a_line_of_json_is_whole_whatever_it_holds),
		cmocka_unit_test(a_line_ends_at_log_line_max_bytes_with_its_newline),
		cmocka_unit_test(a_value_cannot_forge_a_field_or_a_line),
		cmocka_unit_test(a_secret_has_at_most_secret_len_max_bytes),
		cmocka_unit_test(a_forked_child_does_not_inherit_a_secret),
		cmocka_unit_test(a_buffer_grows_to_its_cap_by_every_way_of_putting),
		cmocka_unit_test(spans_are_clipped_and_cut_without_leaving_their_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
