/* The store and its disk: full, not writable beyond a size, damaged, in use, torn by a kill. */
#include "store_kit.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/mem.h"
#include "crypto/crypto.h"

static void
write_at(struct kit *k, const char *name, off_t at, const char *bytes)
{
	int fd = openat(k->dirfd, name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, strlen(bytes), at), (ssize_t)strlen(bytes));
	close(fd);
}

static void
expect_refusal(struct kit *k)
{
	struct harness *h = kit_try(k);

	(void)harness_expect(h, CHILD_FAILED);
	assert_int_equal(harness_free(h), 1);
}

static void
a_damaged_database_is_refused_and_kept(void **state)
{
	struct kit k;
	struct stat st;

	(void)state;
	kit_dir(&k);
	kit_start(&k);
	kit_accept(&k, 1, "a", "1", "q");
	kit_stop(&k);
	write_at(&k, "store.db", 0, "this is no database any more");
	(void)unlinkat(k.dirfd, "store.db-wal", 0);
	expect_refusal(&k);
	assert_int_equal(fstatat(k.dirfd, "store.db", &st, 0), 0);
	assert_true(st.st_size > 4096);
	kit_remove(&k);
}

static void
a_damaged_schema_is_refused(void **state)
{
	struct kit k;

	(void)state;
	kit_dir(&k);
	kit_start(&k);
	kit_accept(&k, 1, "a", "1", "q");
	kit_stop(&k);
	(void)unlinkat(k.dirfd, "store.db-wal", 0);
	write_at(&k, "store.db", 100, "XXXXXXXX");
	expect_refusal(&k);
	kit_remove(&k);
}

/* It starts, and ends before anybody has asked for what it cannot do. */
static void
a_schema_that_lacks_something_ends_the_store(void **state)
{
	struct pollfd end = {.events = POLLIN};
	char path[sizeof(((struct kit *)NULL)->dir) + 16];
	struct kit k;
	sqlite3 *db;
	uint8_t byte;

	(void)state;
	kit_dir(&k);
	kit_start(&k);
	kit_stop(&k);
	snprintf(path, sizeof(path), "%s/store.db", k.dir);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "ALTER TABLE gate_row RENAME COLUMN mac TO lost", NULL,
				 NULL, NULL),
		SQLITE_OK);
	sqlite3_close(db);
	kit_start(&k);
	end.fd = k.core;
	assert_int_equal(poll(&end, 1, 30000), 1);
	assert_int_equal(recv(k.core, &byte, 1, 0), 0);
	(void)harness_free(k.h);
	close(k.core);
	close(k.gate);
	close(k.audit);
	kit_remove(&k);
}

static void
the_database_of_another_program_or_version_is_refused(void **state)
{
	struct kit k;

	(void)state;
	kit_dir(&k);
	kit_start(&k);
	kit_stop(&k);
	(void)unlinkat(k.dirfd, "store.db-wal", 0);
	write_at(&k, "store.db", 63, "\x7f"); /* user_version, the low byte at offset 63 */
	expect_refusal(&k);
	kit_remove(&k);
}

static void
a_torn_log_loses_only_what_was_not_answered(void **state)
{
	struct kit k;
	struct stat st;
	int fd;

	(void)state;
	kit_dir(&k);
	kit_start(&k);
	for (uint64_t i = 1; i <= 50; i++)
		assert_int_equal(kit_accept(&k, i, "a", "", "q")->rc, 0);
	kit_kill(&k);
	/* half a frame behind the last whole one, as a kill in the middle of a write leaves it */
	fd = openat(k.dirfd, "store.db-wal", O_RDWR | O_CLOEXEC);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(pwrite(fd, "torn torn torn", 14, st.st_size), 14);
	close(fd);
	kit_start(&k);
	assert_int_equal(kit_counts(&k).runs, 50);
	assert_int_equal(kit_accept(&k, 51, "a", "", "q")->rc, 0);
	kit_kill(&k);
	kit_start(&k);
	assert_int_equal(kit_counts(&k).runs, 51);
	kit_stop(&k);
	kit_remove(&k);
}

static void
kills_at_any_time_lose_nothing_that_was_answered(void **state)
{
	struct kit k;
	uint64_t answered = 0;
	uint64_t sent = 0;

	(void)state;
	kit_dir(&k);
	for (int round = 0; round < 12; round++) {
		kit_start(&k);
		for (int i = 0; i < 64; i++)
			kit_send_accept(&k, ++sent, "a", "", "q");
		for (int i = 0; i < round * 5; i++) {
			harness_recv(
				k.core, &core_store_proto, IPC_SIDE_A, CORE_STORE_ACCEPTED, &k.in);
			answered++;
		}
		kit_kill(&k);
	}
	kit_start(&k);
	assert_in_range(kit_counts(&k).runs, answered, sent);
	assert_int_equal(kit_counts(&k).runs, kit_counts(&k).items);
	kit_stop(&k);
	kit_remove(&k);
}

/* A file system of one megabyte, in a mount namespace of this test's. */
static void
a_full_disk_is_answered_and_survived(void **state)
{
	struct kit k;
	static char text[6001];
	int64_t rc = 0;
	int fd;

	(void)state;
	memset(text, 'x', 6000);
	kit_dir(&k);
	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount("tmpfs", k.dir, "tmpfs", 0, "size=1m,mode=0700") < 0) {
		print_message("skipped: no right to mount a small file system\n");
		kit_remove(&k);
		skip();
	}
	close(k.dirfd);
	k.dirfd = open(k.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fd = openat(k.dirfd, "ballast", O_RDWR | O_CREAT, 0600);
	assert_int_equal(posix_fallocate(fd, 0, 200000), 0);
	kit_start(&k);
	assert_int_equal(kit_accept(&k, 1, "a", "", "q")->rc, 0);
	for (int i = 0; i < 1000 && rc == 0; i++)
		rc = kit_item(&k, 1, ROLE_TOOL, text);
	assert_int_equal(rc, ERR_FULL);
	assert_int_equal(kit_item(&k, 1, ROLE_TOOL, text), ERR_FULL);
	assert_string_equal(kit_history(&k, "a", 0, 1, 5), "");
	assert_true(kit_counts(&k).items > 5); /* reading goes on */
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(kit_item(&k, 1, ROLE_TOOL, "small"), 0);
	assert_int_equal(kit_finish(&k, 1, RUN_DONE, "end"), 0);
	kit_kill(&k);
	kit_start(&k);
	assert_string_equal(kit_history(&k, "a", 0, 2, 0), "t:small|a:end");
	kit_stop(&k);
	close(fd);
	(void)unlinkat(k.dirfd, "ballast", 0);
	close(k.dirfd);
	assert_int_equal(umount2(k.dir, MNT_DETACH), 0);
	assert_int_equal(rmdir(k.dir), 0);
}

/* Writes beyond the limit fail with EFBIG: to SQLite an error of the disk. */
static void
a_disk_error_is_answered_and_survived(void **state)
{
	struct kit k;
	static char text[6001];
	struct rlimit old;
	struct rlimit small;
	int64_t rc = 0;

	(void)state;
	memset(text, 'x', 6000);
	kit_dir(&k);
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = (struct rlimit){400000, old.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	kit_start(&k);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(kit_accept(&k, 1, "a", "", "q")->rc, 0);
	for (int i = 0; i < 1000 && rc == 0; i++)
		rc = kit_item(&k, 1, ROLE_TOOL, text);
	assert_int_equal(rc, ERR_IO);
	assert_true(kit_counts(&k).items > 5);
	kit_kill(&k);
	kit_start(&k);
	assert_int_equal(kit_item(&k, 1, ROLE_TOOL, "after"), 0);
	kit_stop(&k);
	kit_remove(&k);
}

static void
a_second_store_waits_for_the_first(void **state)
{
	struct kit k;
	struct harness *second;
	uint64_t from;

	(void)state;
	kit_dir(&k);
	kit_start(&k);
	kit_accept(&k, 1, "a", "1", "q");
	from = ev_wall_ms();
	second = kit_try(&k); /* it waits, and gives up: the first one lives */
	(void)harness_expect(second, CHILD_FAILED);
	assert_in_range(ev_wall_ms() - from, STORE_LOCK_MS - 100, STORE_LOCK_MS + 5000);
	assert_int_equal(harness_free(second), 1);
	second = kit_try(&k); /* it waits, and gets it when the first one goes */
	usleep(30000);
	from = ev_wall_ms();
	kit_kill(&k);
	(void)harness_expect(second, CHILD_READY);
	assert_in_range(ev_wall_ms() - from, 0, 1900);
	assert_int_equal(harness_free(second), 0);
	kit_remove(&k);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_damaged_database_is_refused_and_kept),
		cmocka_unit_test(a_damaged_schema_is_refused),
		cmocka_unit_test(a_schema_that_lacks_something_ends_the_store),
		cmocka_unit_test(the_database_of_another_program_or_version_is_refused),
		cmocka_unit_test(a_torn_log_loses_only_what_was_not_answered),
		cmocka_unit_test(kills_at_any_time_lose_nothing_that_was_answered),
		cmocka_unit_test(a_disk_error_is_answered_and_survived),
		cmocka_unit_test(a_second_store_waits_for_the_first),
		cmocka_unit_test(a_full_disk_is_answered_and_survived),
	};

	if (argc < 2)
		return 1;
	kit_program = argv[1];
	return crypto_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
