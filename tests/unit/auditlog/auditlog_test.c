/* One line of the audit log, and the end of a file. Whole logs: tests/process/audit. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "auditlog/auditlog.h"
#include "base/err.h"

static const struct auditlog_record record = {.time_ms = 1795356820123,
	.writer = SPAN("gate/0"),
	.event = SPAN("VERDICT"),
	.verdict = SPAN("ALLOW"),
	.principal = 0x021f000000000001,
	.run = UINT64_MAX,
	.call = 2,
	.number = INT64_MIN,
	.hash = SPAN("\x01\xff"),
	.text = SPAN("x=1 \"q\" \\ \n \xff \xe2\x80\xae é")};

static void
a_line_is_written_and_read(void **state)
{
	struct auditlog_chain chain = {0};
	struct buf b = {.max = 65536};
	struct auditlog_line in;

	(void)state;
	assert_int_equal(auditlog_put(&chain, &record, &b), 0);
	assert_int_equal(auditlog_line_read(span_of(b.ptr, b.len - 1), &in), 0);
	assert_int_equal(in.seq, 1);
	assert_true(span_eq(in.value[AUDITLOG_TIME], SPAN("2026-11-22T14:13:40.123Z")));
	assert_true(span_eq(in.value[AUDITLOG_RUN], SPAN("18446744073709551615")));
	assert_true(span_eq(in.value[AUDITLOG_PRINCIPAL], SPAN("021f000000000001")));
	assert_true(span_eq(in.value[AUDITLOG_NUMBER], SPAN("-9223372036854775808")));
	assert_true(span_eq(in.value[AUDITLOG_HASH], SPAN("01ff")));
	assert_true(
		span_eq(in.value[AUDITLOG_TEXT], SPAN("x=1 \\\"q\\\" \\\\ \\n \\xff \\u{202e} é")));
	assert_null(in.value[AUDITLOG_TOOL].ptr);
	assert_memory_equal(in.own, chain.last, sizeof(chain.last));
	buf_clear(&b);
}

/* A name cannot smuggle in another key, nor a text end its quotes. */
static void
a_value_stays_in_its_place(void **state)
{
	struct auditlog_chain chain = {0};
	struct buf b = {.max = 65536};
	struct auditlog_record r = record;
	struct auditlog_line in;

	(void)state;
	r.event = SPAN("A verdict=ALLOW\n\"");
	r.text = SPAN("\" own=0\\");
	assert_int_equal(auditlog_put(&chain, &r, &b), 0);
	assert_int_equal(auditlog_line_read(span_of(b.ptr, b.len - 1), &in), 0);
	assert_true(span_eq(in.value[AUDITLOG_EVENT], SPAN("A?verdict?ALLOW??")));
	assert_true(span_eq(in.value[AUDITLOG_TEXT], SPAN("\\\" own=0\\\\")));
	buf_clear(&b);
}

static void
a_line_over_the_limit_is_refused_whole(void **state)
{
	struct auditlog_chain chain = {0};
	struct buf b = {.max = 65536};
	struct auditlog_record r = record;
	static uint8_t text[AUDIT_LINE_MAX];

	(void)state;
	memset(text, 'x', sizeof(text));
	r.text = span_of(text, sizeof(text));
	assert_int_equal(auditlog_put(&chain, &r, &b), ERR_TOOBIG);
	assert_int_equal(chain.seq, 0);
	assert_int_equal(b.len, 0);
	r.text = span_of(text, sizeof(text) - 512);
	assert_int_equal(auditlog_put(&chain, &r, &b), 0);
	b.max = b.len + 10; /* no room behind it */
	assert_int_equal(auditlog_put(&chain, &record, &b), ERR_TOOBIG);
	assert_int_equal(chain.seq, 1);
	buf_clear(&b);
}

static void
what_is_no_line_is_refused(void **state)
{
	static const char *const bad[] = {"", " ", "seq=1", "seq=1 seq=2 own=0",
		"own=", "seq=1 time=1 writer=a event=b prev=0 own=0", "seq=\"1", "time=1 seq=1"};
	struct auditlog_line in;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(auditlog_line_read(span_from_cstr(bad[i]), &in), ERR_SYNTAX);
}

/* The last signature may lie further back than the first look. */
static void
the_end_of_a_long_file_is_understood(void **state)
{
	struct auditlog_chain chain = {0};
	struct buf b = {.max = MIB(4u)};
	struct auditlog_tail tail;
	uint8_t seed[CRYPTO_SEED_LEN] = {7};
	uint8_t pub[CRYPTO_PUBLIC_LEN];
	uint8_t priv[CRYPTO_PRIVATE_LEN];
	uint8_t next[CRYPTO_PUBLIC_LEN] = {9};
	int fd = memfd_create("log", MFD_CLOEXEC);

	(void)state;
	crypto_keypair(seed, pub, priv);
	assert_int_equal(auditlog_tail_read(fd, &tail), 0);
	assert_true(tail.chain.seq == 0 && tail.torn == 0 && tail.epoch == 0 && !tail.is_signed);
	assert_int_equal(auditlog_put_epoch(&chain, 1, 3, pub, priv, &b), 0);
	assert_int_equal(auditlog_put_signed(&chain, 1, 3, priv, next, &b), 0);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(auditlog_put(&chain, &record, &b), 0);
	buf_put_cstr(&b, "seq=1003 ti");
	assert_int_equal(write(fd, b.ptr, b.len), (ssize_t)b.len);
	assert_int_equal(auditlog_tail_read(fd, &tail), 0);
	assert_int_equal(tail.chain.seq, 1002);
	assert_int_equal(tail.unsigned_lines, 1000);
	assert_int_equal(tail.torn, 11);
	assert_int_equal(tail.epoch, 3);
	assert_memory_equal(tail.key, pub, sizeof(pub));
	assert_int_equal(tail.next_epoch, 4);
	assert_memory_equal(tail.next_key, next, sizeof(next));
	buf_clear(&b);
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_is_written_and_read),
		cmocka_unit_test(a_value_stays_in_its_place),
		cmocka_unit_test(a_line_over_the_limit_is_refused_whole),
		cmocka_unit_test(what_is_no_line_is_refused),
		cmocka_unit_test(the_end_of_a_long_file_is_understood),
	};

	return crypto_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
