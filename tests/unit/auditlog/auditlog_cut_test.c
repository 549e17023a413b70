/*
 * A log cut at every byte, as a kill or a lost disk leaves it, and gone on with the way the audit process does: the end is read, a
 * mark is put where one is due, lines follow. Whatever was cut, and cut again in the mark itself, the proof finds no fault.
 */
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
	.run = 7,
	.call = 2,
	.text = SPAN("a \"b\" \n c")};

struct key {
	uint8_t pub[CRYPTO_PUBLIC_LEN];
	uint8_t priv[CRYPTO_PRIVATE_LEN];
};

static struct key keys[3];
static int file = -1;

static void
write_file(struct span bytes)
{
	assert_int_equal(ftruncate(file, 0), 0);
	assert_int_equal(pwrite(file, bytes.ptr, bytes.len, 0), (ssize_t)bytes.len);
}

/* The key that vault would give: the one in use, or the announced one where it was sealed already. */
static const struct key *
key_of(const struct auditlog_tail *t, bool sealed, uint64_t *epoch)
{
	bool next = sealed && t->next_epoch != 0;
	const uint8_t *pub = next ? t->next_key : t->key;

	*epoch = next ? t->next_epoch : t->epoch;
	for (size_t i = 0; i < 3; i++) {
		if (memcmp(keys[i].pub, pub, sizeof(keys[i].pub)) == 0)
			return &keys[i];
	}
	fail_msg("the end of the file names no key");
	return NULL;
}

/* What the audit process writes when it finds such a file. */
static void
go_on(struct span before, bool sealed, struct buf *out)
{
	struct auditlog_tail t;
	const struct key *key;
	uint64_t epoch;

	write_file(before);
	assert_int_equal(auditlog_tail_read(file, &t), 0);
	buf_reset(out);
	(void)buf_put(out, before);
	if (auditlog_tail_needs_mark(&t))
		assert_int_equal(auditlog_put_mark(&t, 1795356820500, out), 0);
	if (t.epoch == 0) {
		assert_int_equal(
			auditlog_put_epoch(&t.chain, 2, 1, keys[0].pub, keys[0].priv, out), 0);
		t.epoch = 1;
		memcpy(t.key, keys[0].pub, sizeof(t.key));
	}
	key = key_of(&t, sealed, &epoch);
	assert_int_equal(auditlog_put(&t.chain, &record, out), 0);
	assert_int_equal(auditlog_put_signed(&t.chain, 3, epoch, key->priv, NULL, out), 0);
	assert_int_equal(auditlog_put(&t.chain, &record, out), 0);
	assert_int_equal(out->err, 0);
}

static void
prove(struct span bytes, size_t first, size_t second, bool sealed)
{
	struct auditlog_report r;

	write_file(bytes);
	if (auditlog_verify(file, NULL, NULL, &r) < 0)
		fail_msg("cut at %zu, then at %zu, key %s: line %llu: %s", first, second,
			sealed ? "sealed" : "not sealed", (unsigned long long)r.finding[0].line,
			auditlog_fault_text(r.finding[0].fault));
}

/* First key, lines, a second key announced and taken into use, lines. */
static void
make_log(struct buf *b)
{
	struct auditlog_chain c = {0};

	assert_int_equal(auditlog_put_epoch(&c, 1, 1, keys[0].pub, keys[0].priv, b), 0);
	assert_int_equal(auditlog_put_signed(&c, 1, 1, keys[0].priv, NULL, b), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(auditlog_put(&c, &record, b), 0);
	assert_int_equal(auditlog_put_epoch(&c, 1, 2, keys[1].pub, keys[0].priv, b), 0);
	assert_int_equal(auditlog_put(&c, &record, b), 0);
	assert_int_equal(auditlog_put_signed(&c, 1, 1, keys[0].priv, keys[1].pub, b), 0);
	assert_int_equal(auditlog_put_signed(&c, 1, 2, keys[1].priv, NULL, b), 0);
	assert_int_equal(auditlog_put(&c, &record, b), 0);
}

/* The same without the second key. */
static void
make_short_log(struct buf *b)
{
	struct auditlog_chain c = {0};

	assert_int_equal(auditlog_put_epoch(&c, 1, 1, keys[0].pub, keys[0].priv, b), 0);
	assert_int_equal(auditlog_put_signed(&c, 1, 1, keys[0].priv, NULL, b), 0);
	assert_int_equal(auditlog_put(&c, &record, b), 0);
}

static void
a_log_cut_anywhere_goes_on(void **state)
{
	struct buf log = {.max = 65536};
	struct buf out = {.max = 65536};

	(void)state;
	make_log(&log);
	for (size_t at = 0; at <= log.len; at++) {
		for (int sealed = 0; sealed < 2; sealed++) {
			go_on(span_sub(buf_span(&log), 0, at), sealed, &out);
			prove(buf_span(&out), at, 0, sealed);
		}
	}
	buf_clear(&log);
	buf_clear(&out);
}

/* Is this cut one of those that differ in kind: without its newline, with it, and in the middle of each line. */
static bool
is_chosen(const struct buf *log, size_t at)
{
	size_t to = at;
	size_t from = at;

	while (from > 0 && log->ptr[from - 1] != '\n')
		from--;
	while (to < log->len && log->ptr[to] != '\n')
		to++;
	return at == from || at == to || at == (from + to) / 2;
}

/* Killed again while it wrote the mark and the lines behind it, at every byte of them; and the third start is cut in the middle, too. */
static void
a_restart_cut_anywhere_goes_on(void **state)
{
	struct buf log = {.max = 65536};
	struct buf second = {.max = 65536};
	struct buf third = {.max = 65536};
	struct buf fourth = {.max = 65536};

	(void)state;
	make_short_log(&log);
	for (size_t at = 0; at <= log.len; at++) {
		if (!is_chosen(&log, at))
			continue;
		go_on(span_sub(buf_span(&log), 0, at), at % 2 == 0, &second);
		for (size_t cut = at; cut <= second.len && cut <= at + 800; cut++) {
			go_on(span_sub(buf_span(&second), 0, cut), at % 2 == 0, &third);
			prove(buf_span(&third), at, cut, at % 2 == 0);
			if (cut % 16 != 0)
				continue;
			go_on(span_sub(buf_span(&third), 0, cut + (third.len - cut) / 5),
				at % 2 == 0, &fourth);
			prove(buf_span(&fourth), at, cut, at % 2 == 0);
		}
	}
	buf_clear(&log);
	buf_clear(&second);
	buf_clear(&third);
	buf_clear(&fourth);
}

/* The count must be one that can be wrong: a line between the end that was found and its mark is seen. */
static void
a_line_before_the_mark_is_found(void **state)
{
	struct buf b = {.max = 65536};
	struct auditlog_tail t = {0};
	struct auditlog_report r;

	(void)state;
	make_log(&b);
	write_file(buf_span(&b));
	assert_int_equal(auditlog_tail_read(file, &t), 0);
	assert_int_equal(t.unsigned_lines, 1);
	assert_int_equal(auditlog_put(&t.chain, &record, &b), 0);
	assert_int_equal(auditlog_put_mark(&t, 5, &b), 0);
	write_file(buf_span(&b));
	assert_int_equal(auditlog_verify(file, NULL, NULL, &r), ERR_CRYPTO);
	assert_int_equal(r.finding[0].fault, AUDITLOG_MARK);
	buf_clear(&b);
}

static int
setup(void **state)
{
	(void)state;
	file = memfd_create("log", MFD_CLOEXEC);
	for (uint8_t i = 0; i < 3; i++) {
		uint8_t seed[CRYPTO_SEED_LEN] = {(uint8_t)(i + 1)};

		crypto_keypair(seed, keys[i].pub, keys[i].priv);
	}
	return file < 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_log_cut_anywhere_goes_on),
		cmocka_unit_test(a_restart_cut_anywhere_goes_on),
		cmocka_unit_test(a_line_before_the_mark_is_found),
	};

	return crypto_init() < 0 ? 1 : cmocka_run_group_tests(tests, setup, NULL);
}
