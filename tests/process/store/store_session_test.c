/* Sessions as rows: what is set for one, how it begins anew, how it ends, what of it is still read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "args/args.h"
#include "base/err.h"
#include "base/mem.h"
#include "store_kit.h"

#define KEY "agent:main:main"

static void
ask(struct kit *k, uint16_t id, const void *msg)
{
	harness_send(k->core, &core_store_proto, IPC_SIDE_A, id, msg);
}

/* "session_id name options-bytes" of a session; empty when there is none. */
static const char *
get(struct kit *k, enum session_by by, const char *value)
{
	static char text[256];

	text[0] = '\0';
	ask(k, CORE_STORE_SESSION_GET,
		&(struct core_store_session_get){
			.req = ++k->req, .by = (uint8_t)by, .value = span_from_cstr(value)});
	for (;;) {
		const struct core_store_session *m = (const void *)k->in.msg.bytes;

		assert_int_equal(ipc_sync_recv(k->core, &core_store_proto, IPC_SIDE_A,
					 HARNESS_WAIT_MS, &k->in),
			0);
		if (k->in.id == CORE_STORE_DONE)
			return text;
		(void)snprintf(text, sizeof(text), "%.*s", (int)m->session_id.len,
			(const char *)m->session_id.ptr);
	}
}

static int64_t
patch(struct kit *k, const char *key, const char *name, const char *value)
{
	struct buf list = {.max = 1024};
	struct args_out out;

	args_out_init(&out, &list, false);
	if (value != NULL)
		args_out_cstr(&out, name, value);
	else
		args_out_null(&out, name);
	assert_int_equal(args_out_done(&out), 0);
	ask(k, CORE_STORE_SESSION_PATCH,
		&(struct core_store_session_patch){.req = ++k->req,
			.session_key = span_from_cstr(key),
			.at = 2000,
			.patch = buf_span(&list)});
	buf_clear(&list);
	return kit_stored(k);
}

static int64_t
end(struct kit *k, const char *key, enum session_end how)
{
	ask(k, CORE_STORE_SESSION_END,
		&(struct core_store_session_end){.req = ++k->req,
			.session_key = span_from_cstr(key),
			.at = 3000,
			.how = (uint8_t)how});
	return kit_stored(k);
}

static int64_t
cut(struct kit *k, const char *key, uint32_t keep)
{
	ask(k, CORE_STORE_SESSION_CUT,
		&(struct core_store_session_cut){
			.req = ++k->req, .session_key = span_from_cstr(key), .keep = keep});
	return kit_stored(k);
}

static void
a_name_belongs_to_one_session(void **state)
{
	struct kit *k = *state;
	char first[64];

	assert_int_equal(patch(k, KEY, "label", "One"), 0);
	(void)snprintf(first, sizeof(first), "%s", get(k, SESSION_BY_KEY, KEY));
	assert_string_not_equal(first, "");
	assert_string_equal(get(k, SESSION_BY_NAME, "One"), first);
	assert_string_equal(get(k, SESSION_BY_ID, first), first);
	assert_int_equal(patch(k, "agent:main:b", "label", "One"), ERR_EXISTS);
	assert_string_equal(get(k, SESSION_BY_KEY, "agent:main:b"), "");
	assert_int_equal(patch(k, KEY, "label", NULL), 0);
	assert_int_equal(patch(k, "agent:main:b", "label", "One"), 0);
	assert_string_equal(get(k, SESSION_BY_NAME, "Two"), "");
}

static void
a_parent_is_set_once(void **state)
{
	struct kit *k = *state;

	assert_int_equal(patch(k, "agent:main:subagent:x", "spawnedBy", KEY), 0);
	assert_int_equal(patch(k, "agent:main:subagent:x", "spawnedBy", KEY), 0);
	assert_int_equal(patch(k, "agent:main:subagent:x", "spawnedBy", "agent:main:b"), ERR_STATE);
}

static void
a_session_that_may_not_be_sent_to_refuses(void **state)
{
	struct kit *k = *state;

	assert_int_equal(patch(k, KEY, "sendPolicy", "deny"), 0);
	assert_int_equal(kit_accept(k, 1, KEY, "i", "x")->rc, ERR_DENIED);
	assert_string_equal(kit_history(k, KEY, 0, 10, 0), "");
	assert_int_equal(patch(k, KEY, "sendPolicy", NULL), 0);
	assert_int_equal(kit_accept(k, 1, KEY, "i", "x")->rc, 0);
}

static const struct core_store_accepted *
accept_with(struct kit *k, uint64_t run, const char *idem, uint64_t stale, bool fresh)
{
	ask(k, CORE_STORE_ACCEPT,
		&(struct core_store_accept){.req = ++k->req,
			.run = run,
			.session_key = SPAN(KEY),
			.idem = span_from_cstr(idem),
			.at = 5000 + run,
			.text = SPAN("again"),
			.body = -1,
			.stale = stale,
			.fresh = fresh});
	return harness_recv(k->core, &core_store_proto, IPC_SIDE_A, CORE_STORE_ACCEPTED, &k->in);
}

static void
a_stale_session_begins_anew_with_what_was_set_for_it(void **state)
{
	struct kit *k = *state;
	uint64_t first;
	const struct core_store_accepted *a;
	struct span level;

	first = kit_accept(k, 1, KEY, "i", "x")->session;
	assert_int_equal(kit_finish(k, 1, RUN_DONE, "y"), 0);
	assert_int_equal(patch(k, KEY, "thinkingLevel", "high"), 0);
	assert_int_equal(accept_with(k, 2, "j", 1000, false)->session, first);
	a = accept_with(k, 3, "k", 1u << 20, false);
	assert_int_equal(a->rc, 0);
	assert_true(a->session != first);
	assert_int_equal(args_get_str(a->options, "thinkingLevel", &level), 0);
	assert_true(span_eq(level, SPAN("high")));
	assert_string_equal(kit_history(k, KEY, 0, 10, 0), "u:again");
	assert_int_equal(kit_counts(k).sessions, 1);
}

static void
a_repetition_does_not_begin_it_anew_once_more(void **state)
{
	struct kit *k = *state;
	uint64_t session = accept_with(k, 1, "i", 0, true)->session;
	const struct core_store_accepted *a = accept_with(k, 2, "i", 1u << 20, true);

	assert_true(a->duplicate);
	assert_int_equal(a->run, 1);
	assert_int_equal(a->session, session);
}

static void
what_ended_is_kept_out_of_sight(void **state)
{
	struct kit *k = *state;
	char first[64];

	kit_accept(k, 1, KEY, "i", "x");
	assert_int_equal(kit_finish(k, 1, RUN_DONE, "y"), 0);
	(void)snprintf(first, sizeof(first), "%s", get(k, SESSION_BY_KEY, KEY));
	assert_int_equal(end(k, KEY, SESSION_RESET), 0);
	assert_string_not_equal(get(k, SESSION_BY_KEY, KEY), first);
	assert_string_equal(get(k, SESSION_BY_ID, first), "");
	assert_string_equal(kit_history(k, KEY, 0, 10, 0), "");
	assert_int_equal(kit_counts(k).items, 2); /* nothing was deleted */
	assert_int_equal(end(k, KEY, SESSION_DELETE), 0);
	assert_int_equal(end(k, KEY, SESSION_DELETE), ERR_NOTFOUND);
	assert_string_equal(get(k, SESSION_BY_KEY, KEY), "");
	assert_int_equal(kit_counts(k).sessions, 0);
}

static void
only_the_newest_items_are_read_after_a_cut(void **state)
{
	struct kit *k = *state;

	assert_int_equal(cut(k, KEY, 1), ERR_NOTFOUND);
	kit_accept(k, 1, KEY, "i", "a");
	assert_int_equal(kit_finish(k, 1, RUN_DONE, "b"), 0);
	kit_accept(k, 2, KEY, "j", "c");
	assert_int_equal(kit_finish(k, 2, RUN_DONE, "d"), 0);
	assert_int_equal(cut(k, KEY, 4), 0);
	assert_int_equal(cut(k, KEY, 3), 3);
	assert_string_equal(kit_history(k, KEY, 0, 10, 0), "a:b|u:c|a:d");
	assert_string_equal(kit_history(k, KEY, 2, 10, 0), "a:b|u:c|a:d");
	assert_int_equal(cut(k, KEY, 3), 0);
}

static void
a_message_is_put_behind_the_last_turn(void **state)
{
	struct kit *k = *state;
	struct core_store_inject m = {.req = ++k->req,
		.session_key = SPAN(KEY),
		.at = 4000,
		.label = SPAN("0123456789"),
		.text = SPAN("note"),
		.body = -1};

	ask(k, CORE_STORE_INJECT, &m);
	assert_int_equal(kit_stored(k), ERR_NOTFOUND);
	kit_accept(k, 1, KEY, "i", "a");
	m.req = ++k->req;
	ask(k, CORE_STORE_INJECT, &m);
	assert_int_equal(kit_stored(k), 0);
	assert_string_equal(kit_history(k, KEY, 0, 10, 0), "u:a|a:note");
}

static void
tokens_are_counted_by_day(void **state)
{
	struct kit *k = *state;
	const struct core_store_usage_day *day;

	kit_accept(k, 1, KEY, "i", "a");
	assert_int_equal(kit_finish(k, 1, RUN_DONE, "b"), 0);
	ask(k, CORE_STORE_USAGE, &(struct core_store_usage){.req = ++k->req});
	day = harness_recv(k->core, &core_store_proto, IPC_SIDE_A, CORE_STORE_USAGE_DAY, &k->in);
	assert_int_equal(day->runs, 1);
	(void)harness_recv(k->core, &core_store_proto, IPC_SIDE_A, CORE_STORE_DONE, &k->in);
}

int
main(int argc, char **argv)
{
#define T(name) cmocka_unit_test_setup_teardown(name, kit_setup, kit_teardown)
	const struct CMUnitTest tests[] = {
		T(a_name_belongs_to_one_session),
		T(a_parent_is_set_once),
		T(a_session_that_may_not_be_sent_to_refuses),
		T(a_stale_session_begins_anew_with_what_was_set_for_it),
		T(a_repetition_does_not_begin_it_anew_once_more),
		T(what_ended_is_kept_out_of_sight),
		T(only_the_newest_items_are_read_after_a_cut),
		T(a_message_is_put_behind_the_last_turn),
		T(tokens_are_counted_by_day),
	};

	if (argc < 2)
		return 2;
	kit_program = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
