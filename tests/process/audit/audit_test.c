/* The audit process over its sockets, its file proved by lib/auditlog, and that file attacked. */
#include "audit_kit.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/mem.h"
#include "ev/ev.h"
#include "proto/audit_vault.h"
#include "proto/audit_writer.h"

static const char *const effect_events[] = {"BEGUN", "EXECUTED", NULL};
static const char *const effect_writers[] = {"egress", "sandbox", NULL};
static const struct auditlog_rule rule = {
	effect_events, effect_writers, "VERDICT", "gate", "ALLOW"};

/* Writers are wired before START is said, and send at once what the audit before left with them. */
static void
lines_before_start_stand_behind_the_mark(void **state)
{
	struct kit *k = *state;
	struct auditlog_report r;
	uint64_t before;

	kit_start(k);
	before = kit_wait_lines(k, 2); /* the first key and its signature */
	kit_line(k->gate, AUDIT_VERDICT, VERDICT_ALLOW, 1, 1);
	kit_line(k->gate, AUDIT_VERDICT, VERDICT_ALLOW, 1, 2);
	(void)kit_wait_lines(k, before + 2);
	kit_cut_down(k);
	kit_launch(k);
	kit_line(k->gate, AUDIT_VERDICT, VERDICT_ALLOW, 1, 3);
	kit_line(k->egress, AUDIT_EXECUTED, VERDICT_ALLOW, 1, 3);
	usleep(100000); /* both are read now, if they are read before START */
	harness_start(k->h);
	k->vault = harness_peer(k->h, KIND_VAULT, 0);
	while (kit_serve_vault(k, 300))
		;
	(void)kit_wait_lines(k, before + 5);
	kit_stop(k);
	assert_int_equal(kit_verify(k, &r), 0);
	assert_int_equal(r.findings, 0);
	assert_int_equal(r.restarts, 1);
	assert_int_equal(r.unsigned_at_restart, 2);
}

static void
lines_are_written_signed_and_proven(void **state)
{
	struct kit *k = *state;
	struct auditlog_report r;
	char text[4096] = {0};

	kit_start(k);
	kit_line(k->gate, AUDIT_VERDICT, VERDICT_ALLOW, 1, 1);
	kit_line(k->egress, AUDIT_EXECUTED, VERDICT_ALLOW, 1, 1);
	kit_stop(k);
	assert_int_equal(auditlog_verify(k->fd, NULL, &rule, &r), 0);
	assert_int_equal(r.lines, 5); /* EPOCH, SIGNED, two lines, SIGNED */
	assert_int_equal(r.proven, r.last);
	assert_int_equal(r.effects, 1);
	assert_int_equal(r.restarts, 0);
	assert_true(pread(k->fd, text, sizeof(text) - 1, 0) > 0);
	assert_non_null(strstr(text,
		" writer=gate/0 event=VERDICT verdict=ALLOW reason=ALLOWED run=1 call=1 "
		"tool=file_read "
		"peer=core number=-5 hash=01fe text=\"a \\\"b\\\" \\\\ \\x1b c\" prev="));
	assert_non_null(strstr(text, " writer=egress/2 event=EXECUTED "));
}

static void
a_signature_comes_by_itself(void **state)
{
	struct kit *k = *state;
	struct auditlog_report r;
	uint64_t from;

	kit_start(k);
	kit_wait_lines(k, 2);
	from = ev_wall_ms();
	kit_line(k->gate, AUDIT_VERDICT, VERDICT_DENY, 1, 1);
	kit_wait_lines(k, 4);
	assert_in_range(ev_wall_ms() - from, AUDIT_SIGN_MS - 50, AUDIT_SIGN_MS + 5000);
	assert_int_equal(kit_verify(k, &r), 0);
	assert_int_equal(r.proven, 4);
	for (int i = 0; i < AUDIT_SIGN_LINES; i++)
		kit_line(k->gate, AUDIT_VERDICT, VERDICT_DENY, 1, 1);
	kit_wait_lines(k, 4 + AUDIT_SIGN_LINES + 1);
	kit_stop(k);
	assert_int_equal(kit_verify(k, &r), 0);
	assert_in_range(r.signatures, 3, 4);
}

/* The audit before this one may still write: its lock is waited for, and not for ever. */
static void
a_former_audit_is_waited_for(void **state)
{
	struct kit *k = *state;
	struct harness_options o = {.kind = KIND_AUDIT, .keep_not_ready = true, .nhandles = 1};
	uint64_t from;

	for (int goes = 0; goes < 2; goes++) {
		o.handles[0] = (struct harness_handle){
			HANDLE_AUDIT_FILE, 0, open(k->path, O_RDWR | O_APPEND | O_CLOEXEC)};
		assert_int_equal(flock(k->fd, LOCK_EX | LOCK_NB), 0);
		from = ev_wall_ms();
		k->h = harness_new(kit_program, NULL, &o);
		close(o.handles[0].fd);
		if (goes) {
			usleep(AUDIT_LOCK_MS / 3 * 1000);
			assert_int_equal(flock(k->fd, LOCK_UN), 0);
			(void)harness_expect(k->h, CHILD_READY);
			assert_int_equal(harness_free(k->h), 0);
			continue;
		}
		(void)harness_expect(k->h, CHILD_FAILED);
		assert_in_range(ev_wall_ms() - from, AUDIT_LOCK_MS - 50, AUDIT_LOCK_MS + 5000);
		assert_int_equal(harness_free(k->h), 1);
		assert_int_equal(flock(k->fd, LOCK_UN), 0);
	}
}

static void
lines_wait_for_the_first_key(void **state)
{
	struct kit *k = *state;
	struct auditlog_report r;

	kit_start_without_vault(k);
	for (int i = 0; i < 20; i++)
		kit_line(k->gate, AUDIT_VERDICT, VERDICT_DENY, 1, 1);
	usleep(100000);
	assert_int_equal(kit_wait_size(k, 0), 0);
	k->vault = harness_peer(k->h, KIND_VAULT, 0);
	while (!k->has_seed)
		assert_true(kit_serve_vault(k, 2000));
	kit_wait_lines(k, 22);
	kit_stop(k);
	assert_int_equal(kit_verify(k, &r), 0);
}

static void
a_kill_is_legal_and_reported(void **state)
{
	struct kit *k = *state;
	struct auditlog_report r;

	for (int round = 0; round < 4; round++) {
		kit_start(k);
		for (int i = 0; i < 30; i++)
			kit_line(k->gate, AUDIT_VERDICT, VERDICT_ALLOW, 1, (uint64_t)i);
		if (round % 2 == 0)
			kit_wait_size(k, 30 * 200);
		kit_cut_down(k);
	}
	kit_start(k);
	kit_stop(k);
	assert_int_equal(kit_verify(k, &r), 0);
	assert_true(r.restarts >= 1);
	assert_true(r.unsigned_at_restart > 0);
	assert_int_equal(r.proven, r.last);
	kit_start(k); /* a clean end needs no mark */
	kit_stop(k);
	uint64_t before = r.restarts;

	assert_int_equal(kit_verify(k, &r), 0);
	assert_int_equal(r.restarts, before);
}

/* The last write was cut at every possible byte, as far as the file system is concerned. */
static void
a_torn_line_is_legal_wherever_it_was_torn(void **state)
{
	struct kit *k = *state;
	struct auditlog_report r;
	off_t whole;

	kit_start(k);
	kit_stop(k);
	for (int round = 0; round < 24; round++) {
		kit_start(k);
		whole = kit_wait_size(k, 0);
		kit_line(k->gate, AUDIT_VERDICT, VERDICT_ALLOW, 7, 7);
		kit_wait_size(k, whole + 1);
		kit_cut_down(k);
		off_t now = kit_wait_size(k, 0);

		assert_int_equal(ftruncate(k->fd, whole + 1 + (now - whole - 1) * round / 23), 0);
		(void)kit_verify(k, &r);
		assert_int_equal(r.findings, 0);
	}
	kit_start(k);
	kit_stop(k);
	assert_int_equal(kit_verify(k, &r), 0);
	assert_true(r.torn > 0);
	/* a mark may be torn itself, and is part of the next one's bytes then */
	assert_true(r.restarts >= 5);
	assert_int_equal(r.proven, r.last);
}

static void
an_effect_without_a_verdict_is_reported(void **state)
{
	struct kit *k = *state;
	struct auditlog_report r;

	kit_start(k);
	kit_line(k->gate, AUDIT_VERDICT, VERDICT_DENY, 1, 1);
	kit_line(k->gate, AUDIT_VERDICT, VERDICT_ALLOW, 1, 2);
	kit_wait_lines(k, 4);
	kit_line(k->egress, AUDIT_EXECUTED, VERDICT_ALLOW, 1, 1); /* denied */
	kit_line(k->egress, AUDIT_BEGUN, VERDICT_ALLOW, 2, 2);    /* never asked */
	kit_line(k->egress, AUDIT_EXECUTED, VERDICT_ALLOW, 1, 2);
	kit_wait_lines(k, 7);
	kit_line(k->gate, AUDIT_VERDICT, VERDICT_ALLOW, 2, 2); /* too late */
	kit_stop(k);
	assert_int_equal(auditlog_verify(k->fd, NULL, &rule, &r), ERR_CRYPTO);
	assert_int_equal(r.findings, 0);
	assert_int_equal(r.effects, 3);
	assert_int_equal(r.lone, 2);
	assert_int_equal(r.lone_effect[0].run, 1);
	assert_int_equal(r.lone_effect[0].call, 1);
	assert_int_equal(r.lone_effect[1].run, 2);
}

static void
nobody_writes_lines_of_the_chain(void **state)
{
	struct kit *k = *state;

	kit_start(k);
	kit_line(k->gate, AUDIT_EPOCH, 0, 0, 0);
	harness_closed(k->gate, &audit_writer_proto, IPC_SIDE_A);
	(void)harness_expect(k->h, CHILD_PEER_BAD);
	kit_stop(k);
}

static void
a_log_without_its_key_is_not_continued(void **state)
{
	struct kit *k = *state;

	kit_start(k);
	kit_stop(k);
	k->seed[0] ^= 1;
	kit_start(k);
	harness_closed(k->h->control, &child_proto, IPC_SIDE_A);
	assert_int_equal(harness_free(k->h), 1);
	kit_close_peers(k);
	k->has_seed = false;
	kit_start_without_vault(k);
	k->vault = harness_peer(k->h, KIND_VAULT, 0);
	assert_true(kit_serve_vault(k, 2000));
	harness_closed(k->h->control, &child_proto, IPC_SIDE_A);
	assert_int_equal(harness_free(k->h), 1);
	kit_close_peers(k);
}

/* ---- keys ---- */

static void
fill_epoch(struct kit *k)
{
	for (unsigned i = 0; i < AUDIT_EPOCH_LINES; i++)
		kit_line(k->gate, AUDIT_VERDICT, VERDICT_DENY, 1, i);
}

static void
a_key_is_replaced_and_the_old_one_gone(void **state)
{
	struct kit *k = *state;
	struct auditlog_report r;
	uint8_t old[CRYPTO_SEED_LEN];

	kit_start(k);
	memcpy(old, k->seed, sizeof(old));
	fill_epoch(k);
	assert_true(kit_serve_vault(k, 10000));
	assert_int_equal(k->epoch, 2);
	assert_memory_not_equal(old, k->seed, sizeof(old));
	kit_line(k->gate, AUDIT_VERDICT, VERDICT_DENY, 2, 2);
	harness_settle(k->h);
	kit_cut_down(k);
	kit_start(k);
	kit_stop(k);
	assert_int_equal(kit_verify(k, &r), 0);
	assert_int_equal(r.epochs, 2);
	assert_int_equal(r.proven, r.last);
}

/* Killed between the announcement and the answer: vault has the new key, or it still has the old one. */
static void
a_kill_while_a_key_is_replaced_loses_nothing(void **state)
{
	struct kit *k = *state;
	struct auditlog_report r;

	for (int had_it = 0; had_it < 2; had_it++) {
		kit_start(k);
		fill_epoch(k);
		if (had_it == 1) {
			k->deaf = true;
			assert_true(kit_serve_vault(k, 10000));
			k->deaf = false;
		} else {
			assert_int_equal(ipc_sync_recv(k->vault, &audit_vault_proto, IPC_SIDE_B,
						 10000, &k->in),
				0);
		}
		kit_cut_down(k);
		kit_start(k);
		kit_line(k->gate, AUDIT_VERDICT, VERDICT_DENY, 3, 3);
		kit_stop(k);
		assert_int_equal(kit_verify(k, &r), 0);
		assert_int_equal(r.epochs, 1u + (unsigned)had_it);
		assert_int_equal(r.proven, r.last);
	}
}

static void
a_full_disk_makes_writers_wait_and_loses_nothing(void **state)
{
	struct kit *k = *state;
	struct auditlog_report r;
	struct rlimit old;
	struct rlimit small;
	pid_t writer;
	int status;
	uint64_t from;

	kit_start(k);
	kit_line(k->gate, AUDIT_VERDICT, VERDICT_DENY, 1, 1);
	kit_wait_lines(k, 4);
	assert_int_equal(prlimit(k->h->pid, RLIMIT_FSIZE, NULL, &old), 0);
	small = (struct rlimit){(rlim_t)kit_wait_size(k, 0) + 100, old.rlim_max};
	assert_int_equal(prlimit(k->h->pid, RLIMIT_FSIZE, &small, NULL), 0);
	writer = fork(); /* its sends block once audit stops reading */
	if (writer == 0) {
		for (int i = 0; i < 6000; i++)
			kit_line(k->gate, AUDIT_VERDICT, VERDICT_DENY, 1, 1);
		_exit(0);
	}
	usleep(300000);
	assert_int_equal(waitpid(writer, &status, WNOHANG), 0); /* it waits */
	assert_int_equal(prlimit(k->h->pid, RLIMIT_FSIZE, &old, NULL), 0);
	from = ev_wall_ms();
	assert_int_equal(waitpid(writer, &status, 0), writer);
	assert_in_range(ev_wall_ms() - from, 0, AUDIT_RETRY_MS + 5000);
	assert_int_equal(status, 0);
	kit_wait_lines(k, 6004);
	kit_stop(k);
	assert_int_equal(kit_verify(k, &r), 0);
	assert_int_equal(r.proven, r.last);
	assert_int_equal(r.restarts, 0);
}

/* ---- the file attacked ---- */

struct text {
	uint8_t *ptr;
	size_t len;
};

static struct text
read_all(const struct kit *k)
{
	struct text t;
	struct stat st;

	assert_int_equal(fstat(k->fd, &st), 0);
	t.len = (size_t)st.st_size;
	t.ptr = mem_alloc(2, t.len + 4096);
	assert_int_equal(pread(k->fd, t.ptr, t.len, 0), (ssize_t)t.len);
	return t;
}

static unsigned tried;

static void
expect_found(int memfd, const uint8_t *p, size_t len, const char *how, size_t at)
{
	struct auditlog_report r;

	assert_int_equal(ftruncate(memfd, 0), 0);
	assert_int_equal(pwrite(memfd, p, len, 0), (ssize_t)len);
	tried++;
	if (auditlog_verify(memfd, NULL, NULL, &r) != ERR_CRYPTO || r.findings == 0)
		fail_msg("not found: %s at %zu", how, at);
}

/* A log of a real process: a clean end, a kill, a torn line, and a signature at the end. */
static void
make_log(struct kit *k)
{
	kit_start(k);
	for (uint64_t i = 0; i < 3; i++)
		kit_line(k->gate, AUDIT_VERDICT, VERDICT_ALLOW, 1, i);
	kit_stop(k);
	kit_start(k);
	kit_line(k->egress, AUDIT_EXECUTED, VERDICT_ALLOW, 1, 1);
	kit_wait_lines(k, 7);
	kit_cut_down(k);
	assert_int_equal(ftruncate(k->fd, kit_wait_size(k, 0) - 30), 0);
	kit_start(k);
	kit_line(k->gate, AUDIT_VERDICT, VERDICT_DENY, 9, 9);
	kit_stop(k);
}

static void
every_changed_byte_is_found(void **state)
{
	struct kit *k = *state;
	int memfd = memfd_create("log", MFD_CLOEXEC);
	struct text t;

	make_log(k);
	t = read_all(k);
	tried = 0;
	for (size_t i = 0; i + 1 < t.len; i++) { /* all but the newline behind the last signature */
		const uint8_t values[] = {(uint8_t)(t.ptr[i] ^ 1), '\n', ' ', '0', 'x', 0};
		uint8_t was = t.ptr[i];

		for (size_t v = 0; v < sizeof(values); v++) {
			t.ptr[i] = values[v];
			if (values[v] != was)
				expect_found(memfd, t.ptr, t.len, "changed byte", i);
		}
		t.ptr[i] = was;
	}
	assert_true(tried > 10000);
	free(t.ptr);
	close(memfd);
}

/* Where the lines of the text begin; the end is the last one. */
static size_t
line_starts(const struct text *t, size_t *starts, size_t cap)
{
	size_t n = 0;

	starts[n++] = 0;
	for (size_t i = 0; i < t->len; i++) {
		if (t->ptr[i] == '\n' && n < cap)
			starts[n++] = i + 1;
	}
	return n - 1;
}

static void
every_cut_moved_or_inserted_line_is_found(void **state)
{
	struct kit *k = *state;
	int memfd = memfd_create("log", MFD_CLOEXEC);
	struct buf b = {.max = MIB(1u)};
	struct text t;
	size_t at[64];
	size_t n;

	make_log(k);
	t = read_all(k);
	n = line_starts(&t, at, 64);
	assert_true(n >= 9);
#define LINE(i) span_of(t.ptr + at[i], at[(i) + 1] - at[i])
#define REST(i) span_of(t.ptr + at[i], t.len - at[i])
	for (size_t i = 0; i + 1 < n; i++) {
		for (size_t upto = i + 1; upto < n;
			upto++) { /* cut: one line or several in a row */
			buf_reset(&b);
			buf_put(&b, span_of(t.ptr, at[i]));
			buf_put(&b, REST(upto));
			expect_found(memfd, b.ptr, b.len, "cut line", i);
		}
		buf_reset(&b);
		buf_put(&b, span_of(t.ptr, at[i]));
		buf_put(&b, LINE(i + 1));
		buf_put(&b, LINE(i));
		buf_put(&b, REST(i + 2));
		expect_found(memfd, b.ptr, b.len, "swapped line", i);
		for (size_t other = 0; other < n;
			other++) { /* a copy of any line, anywhere before the last signature */
			buf_reset(&b);
			buf_put(&b, span_of(t.ptr, at[i]));
			buf_put(&b, LINE(other));
			buf_put(&b, REST(i));
			expect_found(memfd, b.ptr, b.len, "inserted line", i);
		}
		buf_reset(&b);
		buf_put(&b, span_of(t.ptr, at[i]));
		buf_put(&b, SPAN("\n"));
		buf_put(&b, REST(i));
		expect_found(memfd, b.ptr, b.len, "empty line", i);
	}
	buf_clear(&b);
	free(t.ptr);
	close(memfd);
}

/* Whoever can write the file can compute hashes too, only no signature: a changed line with the whole chain after it made anew. */
static void
a_chain_made_anew_is_found_by_its_signatures(void **state)
{
	struct kit *k = *state;
	int memfd = memfd_create("log", MFD_CLOEXEC);
	struct text t;
	size_t at[64];
	size_t n;

	make_log(k);
	t = read_all(k);
	n = line_starts(&t, at, 64);
	for (size_t edited = 0; edited + 1 < n; edited++) {
		struct buf b = {.max = MIB(1u)};
		uint8_t last[CRYPTO_SHA256_LEN] = {0};
		bool chained = true;

		for (size_t i = 0; i < n && chained; i++) {
			struct span text = LINE(i);
			struct auditlog_line in;
			struct crypto_sha256 h;
			size_t from = b.len;

			text.len--;
			if (auditlog_line_read(text, &in) < 0) {
				buf_put(&b, LINE(i));
				chained = edited != i; /* the torn one is not a line */
				continue;
			}
			/* up to " prev=", with the time of the edited line changed */
			buf_put(&b,
				span_sub(text, 0, text.len - 2 * 64 - sizeof(" prev= own=") + 1));
			if (i == edited) {
				ptrdiff_t time_at = span_find(text, SPAN("time="));

				b.ptr[from + (size_t)time_at + 8] ^= 1;
			}
			buf_put_cstr(&b, " prev=");
			buf_put_hex(&b, span_of(last, sizeof(last)));
			crypto_sha256_init(&h);
			crypto_sha256_put(&h, SPAN("moltbot audit line 1"));
			crypto_sha256_put(&h, span_of(b.ptr + from, b.len - from));
			crypto_sha256_final(&h, last);
			buf_put_cstr(&b, " own=");
			buf_put_hex(&b, span_of(last, sizeof(last)));
			buf_put_u8(&b, '\n');
		}
		if (chained)
			expect_found(memfd, b.ptr, b.len, "chain made anew from line", edited);
		buf_clear(&b);
	}
	free(t.ptr);
	close(memfd);
}

/* A whole log of somebody else's key, perfect in itself. */
static void
another_genesis_is_found(void **state)
{
	struct kit *k = *state;
	struct auditlog_report r;
	uint8_t kept[CRYPTO_PUBLIC_LEN];

	make_log(k);
	assert_int_equal(kit_verify(k, &r), 0);
	memcpy(kept, r.genesis, sizeof(kept));
	assert_int_equal(auditlog_verify(k->fd, kept, NULL, &r), 0);
	kept[5] ^= 4;
	assert_int_equal(auditlog_verify(k->fd, kept, NULL, &r), ERR_CRYPTO);
	assert_int_equal(r.finding[0].fault, AUDITLOG_BEGINNING);
}

/* Behind the last signature nothing is proven, and the report says so. */
static void
the_report_says_how_far_it_is_proven(void **state)
{
	struct kit *k = *state;
	struct auditlog_report r;

	kit_start(k);
	kit_line(k->gate, AUDIT_VERDICT, VERDICT_DENY, 1, 1);
	kit_wait_lines(k, 3);
	kit_cut_down(k);
	assert_int_equal(kit_verify(k, &r), 0);
	assert_int_equal(r.last, 3);
	assert_int_equal(r.proven, 2);
	assert_int_equal(pwrite(k->fd, "torn", 4, kit_wait_size(k, 0)), 4);
	assert_int_equal(kit_verify(k, &r), 0);
	assert_int_equal(r.tail_torn, 4);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, kit_fresh, kit_gone)
		T(lines_before_start_stand_behind_the_mark),
		T(lines_are_written_signed_and_proven),
		T(a_signature_comes_by_itself),
		T(a_former_audit_is_waited_for),
		T(lines_wait_for_the_first_key),
		T(a_kill_is_legal_and_reported),
		T(a_torn_line_is_legal_wherever_it_was_torn),
		T(an_effect_without_a_verdict_is_reported),
		T(nobody_writes_lines_of_the_chain),
		T(a_log_without_its_key_is_not_continued),
		T(a_key_is_replaced_and_the_old_one_gone),
		T(a_kill_while_a_key_is_replaced_loses_nothing),
		T(a_full_disk_makes_writers_wait_and_loses_nothing),
		T(every_changed_byte_is_found),
		T(every_cut_moved_or_inserted_line_is_found),
		T(a_chain_made_anew_is_found_by_its_signatures),
		T(another_genesis_is_found),
		T(the_report_says_how_far_it_is_proven),
	};

	if (argc < 2)
		return 1;
	kit_program = argv[1];
	(void)signal(SIGXFSZ, SIG_IGN);
	return crypto_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
