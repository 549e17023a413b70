/* The labels of a workspace's files, as they lie on disk: kept, joined, and never believed when they are not as written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "sandbox_files.h"

static const struct label untrusted = {
	.integrity = LABEL_UNTRUSTED, .readers_kind = LABEL_READ_OWNER};
static const struct label member = {.integrity = LABEL_MEMBER, .readers_kind = LABEL_READ_OWNER};

static int
new_file(void)
{
	char name[] = "/tmp/files.XXXXXX";
	int fd = mkstemp(name);

	assert_true(fd >= 0);
	(void)unlink(name);
	return fd;
}

static struct span
hash_of(uint32_t n)
{
	static uint8_t hash[SCAN_HASH_LEN];

	memcpy(hash, &n, sizeof(n));
	return span_of(hash, sizeof(hash));
}

static void
again(struct sandbox_files *f)
{
	int fd = dup(f->fd);

	sandbox_files_close(f);
	assert_int_equal(sandbox_files_open(f, fd), 0);
}

static void
marks_are_kept_and_only_fall(void **state)
{
	struct sandbox_files f;

	(void)state;
	assert_int_equal(sandbox_files_open(&f, new_file()), 0);
	assert_true(sandbox_files_is_empty(&f));
	assert_int_equal(sandbox_files_begin(&f, member, 5), 0);
	assert_int_equal(sandbox_files_begin(&f, member, 5), ERR_STATE);
	assert_int_equal(sandbox_files_mark(&f, 3, hash_of(1), member), 0);
	assert_int_equal(sandbox_files_mark(&f, 3, hash_of(2), member), 0);
	assert_int_equal(sandbox_files_mark(&f, 3, hash_of(1), untrusted), 0);
	assert_int_equal(sandbox_files_mark(&f, 3, hash_of(1), member), 0);
	assert_int_equal(sandbox_files_end(&f), 0);
	again(&f);
	assert_int_equal(f.n, 2);
	assert_int_equal(f.state, SANDBOX_FILES_QUIET);
	assert_true(label_is_equal(sandbox_files_of(&f, 3, hash_of(1)), untrusted));
	assert_true(label_is_equal(sandbox_files_of(&f, 3, hash_of(2)), member));
	assert_true(label_is_equal(sandbox_files_of(&f, 4, hash_of(2)), sandbox_files_owner));
	assert_true(label_is_equal(sandbox_files_worst(&f), untrusted));
	sandbox_files_close(&f);
}

static void
what_was_under_way_is_still_under_way(void **state)
{
	struct sandbox_files f;

	(void)state;
	assert_int_equal(sandbox_files_open(&f, new_file()), 0);
	assert_int_equal(sandbox_files_begin(&f, untrusted, 77), 0);
	assert_int_equal(sandbox_files_mark(&f, 3, hash_of(1), untrusted), 0);
	assert_int_equal(ftruncate(f.fd, 2 * SANDBOX_RECORD_LEN - 1), 0); /* torn */
	again(&f);
	assert_int_equal(f.state, SANDBOX_FILES_WRITING);
	assert_int_equal(f.since, 77);
	assert_int_equal(f.n, 0);
	assert_false(sandbox_files_is_empty(&f));
	assert_true(label_is_equal(sandbox_files_worst(&f), untrusted));
	assert_int_equal(sandbox_files_mark(&f, 3, hash_of(2), untrusted), 0);
	assert_int_equal(sandbox_files_end(&f), 0);
	again(&f);
	assert_int_equal(f.n, 1);
	sandbox_files_close(&f);
}

/* Each bit of what is on disk, changed: never less than it was. */
static void
a_changed_bit_never_makes_anything_better(void **state)
{
	struct sandbox_files f;

	(void)state;
	assert_int_equal(sandbox_files_open(&f, new_file()), 0);
	assert_int_equal(sandbox_files_begin(&f, untrusted, 77), 0);
	assert_int_equal(sandbox_files_mark(&f, 3, hash_of(1), untrusted), 0);
	assert_int_equal(sandbox_files_mark(&f, 3, hash_of(2), untrusted), 0);
	assert_int_equal(sandbox_files_end(&f), 0);
	for (size_t bit = 0; bit < 2 * SANDBOX_RECORD_LEN * 8; bit++) {
		uint8_t byte, bad;

		assert_int_equal(pread(f.fd, &byte, 1, (off_t)(bit / 8)), 1);
		bad = byte ^ (uint8_t)(1u << bit % 8);
		assert_int_equal(pwrite(f.fd, &bad, 1, (off_t)(bit / 8)), 1);
		again(&f);
		assert_int_equal(f.state, SANDBOX_FILES_ALL);
		assert_true(label_is_equal(sandbox_files_worst(&f), untrusted));
		assert_int_equal(pwrite(f.fd, &byte, 1, (off_t)(bit / 8)), 1);
	}
	again(&f);
	assert_int_equal(f.state, SANDBOX_FILES_QUIET);
	sandbox_files_close(&f);
}

static void
the_table_is_full_at_its_limit_and_then_everything_has_the_label(void **state)
{
	struct sandbox_files f;
	struct stat st;

	(void)state;
	assert_int_equal(sandbox_files_open(&f, new_file()), 0);
	assert_int_equal(sandbox_files_begin(&f, member, 1), 0);
	for (uint32_t i = 0; i < FILE_LABELS_MAX; i++)
		assert_int_equal(sandbox_files_mark(&f, 9, hash_of(i), member), 0);
	assert_int_equal(sandbox_files_mark(&f, 9, hash_of(FILE_LABELS_MAX), member), ERR_FULL);
	assert_int_equal(sandbox_files_all(&f, untrusted), 0);
	assert_int_equal(fstat(f.fd, &st), 0);
	assert_int_equal(st.st_size, (FILE_LABELS_MAX + 1) * SANDBOX_RECORD_LEN);
	again(&f);
	assert_int_equal(f.n, FILE_LABELS_MAX);
	assert_int_equal(f.state, SANDBOX_FILES_ALL);
	assert_true(label_is_equal(f.label, untrusted));
	assert_int_equal(sandbox_files_begin(&f, member, 1), ERR_STATE);
	sandbox_files_close(&f);
}

static void
nothing_begins_that_cannot_be_written_down(void **state)
{
	struct rlimit none = {0, RLIM_INFINITY}, was;
	struct sandbox_files f;

	(void)state;
	assert_int_equal(sandbox_files_open(&f, -1), 0);
	assert_int_equal(sandbox_files_begin(&f, untrusted, 1), ERR_IO);
	sandbox_files_close(&f);
	assert_int_equal(sandbox_files_open(&f, new_file()), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	none.rlim_max = was.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0); /* as a full disk */
	assert_int_equal(sandbox_files_begin(&f, untrusted, 1), ERR_IO);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	sandbox_files_close(&f);
}

static void
ordinary_labels_need_no_mark(void **state)
{
	(void)state;
	assert_true(sandbox_files_is_plain(sandbox_files_owner));
	assert_true(sandbox_files_is_plain(
		(struct label){.integrity = LABEL_OWNER_TYPED, .readers_kind = LABEL_READ_OWNER}));
	assert_false(sandbox_files_is_plain(member));
	assert_false(sandbox_files_is_plain(untrusted));
	assert_false(sandbox_files_is_plain(
		(struct label){.integrity = LABEL_OWNER, .readers_kind = LABEL_SECRET}));
	assert_false(sandbox_files_is_plain((struct label){0}));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(marks_are_kept_and_only_fall),
		cmocka_unit_test(what_was_under_way_is_still_under_way),
		cmocka_unit_test(a_changed_bit_never_makes_anything_better),
		cmocka_unit_test(the_table_is_full_at_its_limit_and_then_everything_has_the_label),
		cmocka_unit_test(nothing_begins_that_cannot_be_written_down),
		cmocka_unit_test(ordinary_labels_need_no_mark),
	};

	(void)signal(SIGXFSZ, SIG_IGN);
	log_open("test", -1, -1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
