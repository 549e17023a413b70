/* Items that are in memory only: read like any other, never on the disk, gone with the process, within a limit. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/err.h"
#include "base/mem.h"
#include "store_kit.h"

#define KEY "agent:main:main"
#define BODY MIB(1u)

/* Is this text in any file of the store? */
static bool
on_disk(const struct kit *k, const char *text)
{
	static const char *const names[] = {"store.db", "store.db-wal"};
	bool found = false;

	for (size_t i = 0; i < 2; i++) {
		static uint8_t bytes[MIB(8u)];
		int fd = openat(k->dirfd, names[i], O_RDONLY | O_CLOEXEC);
		ssize_t len = read(fd, bytes, sizeof(bytes));

		assert_in_range(len, 1, sizeof(bytes) - 1);
		found |= span_find(span_of(bytes, (size_t)len), span_from_cstr(text)) >= 0;
		close(fd);
	}
	return found;
}

static uint64_t
items_of(struct kit *k)
{
	uint64_t items = 0;

	harness_send(k->core, &core_store_proto, IPC_SIDE_A, CORE_STORE_SESSION_GET,
		&(struct core_store_session_get){
			.req = ++k->req, .by = SESSION_BY_KEY, .value = SPAN(KEY)});
	for (;;) {
		const struct core_store_session *m = (const void *)k->in.msg.bytes;

		assert_int_equal(ipc_sync_recv(k->core, &core_store_proto, IPC_SIDE_A,
					 HARNESS_WAIT_MS, &k->in),
			0);
		if (k->in.id == CORE_STORE_DONE)
			return items;
		assert_int_equal(m->title.len, 0);
		items = m->items;
	}
}

static void
nothing_that_is_said_reaches_the_disk(void **state)
{
	struct kit *k = *state;

	k->fleeting = true;
	assert_int_equal(kit_accept(k, 1, KEY, "i", "canary question")->rc, 0);
	assert_int_equal(kit_item(k, 1, ROLE_ASSISTANT, "canary step"), 0);
	assert_int_equal(kit_finish(k, 1, RUN_FAILED, "canary answer"), 0);
	assert_string_equal(
		kit_history(k, KEY, 0, 10, 0), "u:canary question|a:canary step|a:canary answer");
	assert_int_equal(items_of(k), 3);
	assert_false(on_disk(k, "canary"));
	assert_false(on_disk(k, "the reason"));
	k->fleeting = false;
	assert_int_equal(kit_accept(k, 2, KEY, "j", "kept question")->rc, 0);
	assert_string_equal(kit_history(k, KEY, 0, 10, 0),
		"u:canary question|a:canary step|a:canary answer|u:kept question");
	assert_true(on_disk(k, "kept question"));
	assert_false(on_disk(k, "canary"));
}

static void
it_goes_with_the_process(void **state)
{
	struct kit *k = *state;

	k->fleeting = true;
	assert_int_equal(kit_accept(k, 1, KEY, "i", "one")->rc, 0);
	assert_int_equal(kit_finish(k, 1, RUN_DONE, "two"), 0);
	assert_int_equal(kit_accept(k, 2, KEY, "j", "open")->rc, 0);
	assert_string_equal(kit_history(k, KEY, 2, 10, 0), "u:one|a:two|u:open");
	kit_kill(k);
	kit_start(k);
	assert_string_equal(kit_history(k, KEY, 0, 10, 0), "");
	assert_int_equal(items_of(k), 0);
	assert_int_equal(kit_counts(k).items, 0);
	assert_int_equal(kit_counts(k).runs, 2);
	/* what would have to be answered is not there; that it was not is said in the session */
	assert_string_equal(kit_history(k, KEY, 2, 10, 0), err_name(ERR_NOTFOUND));
	assert_int_equal(kit_finish(k, 2, RUN_REPORTED, "interrupted"), 0);
	assert_string_equal(kit_history(k, KEY, 0, 10, 0), "a:interrupted");
	assert_int_equal(items_of(k), 1);
	assert_true(kit_accept(k, 2, KEY, "j", "open")->duplicate);
}

static void
a_session_that_ends_takes_it_along(void **state)
{
	struct kit *k = *state;

	k->fleeting = true;
	assert_int_equal(kit_accept(k, 1, KEY, "i", "one")->rc, 0);
	assert_int_equal(kit_accept(k, 2, "agent:main:b", "i", "other")->rc, 0);
	harness_send(k->core, &core_store_proto, IPC_SIDE_A, CORE_STORE_SESSION_END,
		&(struct core_store_session_end){.req = ++k->req,
			.session_key = SPAN(KEY),
			.at = 3000,
			.how = SESSION_RESET});
	assert_int_equal(kit_stored(k), 0);
	assert_int_equal(kit_counts(k).items, 1);
	assert_string_equal(kit_history(k, "agent:main:b", 0, 10, 0), "u:other");
	assert_string_equal(kit_history(k, KEY, 1, 10, 0), err_name(ERR_NOTFOUND));
}

static void
accept_large(struct kit *k, uint64_t number, const char *text)
{
	int fd = ipc_body_seal(span_of(text, BODY));

	assert_true(fd >= 0);
	harness_send(k->core, &core_store_proto, IPC_SIDE_A, CORE_STORE_ACCEPT,
		&(struct core_store_accept){.req = ++k->req,
			.run = number,
			.session_key = SPAN(KEY),
			.principal = PRINCIPAL(PRINCIPAL_TOKEN, SCOPE_ALL, 1),
			.at = 1000 + number,
			.body = fd,
			.fleeting = true});
	close(fd);
	assert_int_equal(((const struct core_store_accepted *)harness_recv(k->core,
				  &core_store_proto, IPC_SIDE_A, CORE_STORE_ACCEPTED, &k->in))
				 ->rc,
		0);
}

static void
the_oldest_goes_when_it_is_too_much(void **state)
{
	struct kit *k = *state;
	char *text = mem_alloc(1, BODY);

	memset(text, 'x', BODY);
	for (uint64_t i = 1; i <= FLEETING_BYTES_MAX / BODY; i++)
		accept_large(k, i, text);
	assert_int_equal(items_of(k), FLEETING_BYTES_MAX / BODY);
	k->fleeting = true;
	assert_int_equal(kit_accept(k, 1000, KEY, "last", "one byte more")->rc, 0);
	assert_int_equal(items_of(k), FLEETING_BYTES_MAX / BODY);
	assert_int_equal(kit_counts(k).items, FLEETING_BYTES_MAX / BODY);
	assert_string_equal(kit_history(k, KEY, 1, 10, 0), err_name(ERR_NOTFOUND));
	assert_string_equal(kit_history(k, KEY, 0, 1, 0), "u:one byte more");
	free(text);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, kit_setup, kit_teardown)
		T(nothing_that_is_said_reaches_the_disk),
		T(it_goes_with_the_process),
		T(a_session_that_ends_takes_it_along),
		T(the_oldest_goes_when_it_is_too_much),
	};

	if (argc < 2)
		return 1;
	kit_program = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
