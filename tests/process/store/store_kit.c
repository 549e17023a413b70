#include "store_kit.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/mem.h"

const char *kit_program;

static const uint8_t label[10] = {3, 1};

void
kit_dir(struct kit *k)
{
	memset(k, 0, sizeof(*k));
	snprintf(k->dir, sizeof(k->dir), "/tmp/moltbot-store-XXXXXX");
	assert_non_null(mkdtemp(k->dir));
	k->dirfd = open(k->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(k->dirfd >= 0);
}

static struct harness *
run(struct kit *k, bool wait)
{
	struct harness_options o = {
		.kind = KIND_STORE, .keep_not_ready = !wait, .has_clock = k->has_clock};

	o.handles[o.nhandles++] = (struct harness_handle){HANDLE_STATE_DIR, 0, k->dirfd};
	return harness_new(kit_program, NULL, &o);
}

struct harness *
kit_try(struct kit *k)
{
	return run(k, false);
}

void
kit_start(struct kit *k)
{
	k->h = run(k, true);
	k->core = harness_peer(k->h, KIND_CORE, 0);
	k->gate = harness_peer(k->h, KIND_GATE, 0);
	k->audit = harness_keep(harness_peer(k->h, KIND_AUDIT, 0));
	harness_start(k->h);
}

void
kit_kill(struct kit *k)
{
	assert_int_equal(kill(k->h->pid, SIGKILL), 0);
	assert_int_equal(harness_free(k->h), 128 + SIGKILL);
	close(k->core);
	close(k->gate);
	close(k->audit);
}

void
kit_stop(struct kit *k)
{
	harness_drain(k->h);
	assert_int_equal(harness_free(k->h), 0);
	close(k->core);
	close(k->gate);
	close(k->audit);
}

void
kit_remove(struct kit *k)
{
	const char *names[] = {"store.db", "store.db-wal", "store.db-shm"};

	for (size_t i = 0; i < 3; i++)
		(void)unlinkat(k->dirfd, names[i], 0);
	close(k->dirfd);
	assert_int_equal(rmdir(k->dir), 0);
}

int
kit_setup(void **state)
{
	struct kit *k = mem_alloc(1, sizeof(*k));

	kit_dir(k);
	kit_start(k);
	*state = k;
	return 0;
}

int
kit_teardown(void **state)
{
	struct kit *k = *state;

	kit_stop(k);
	kit_remove(k);
	free(k);
	return 0;
}

void
kit_send_accept(struct kit *k, uint64_t number, const char *key, const char *idem, const char *text)
{
	harness_send(k->core, &core_store_proto, IPC_SIDE_A, CORE_STORE_ACCEPT,
		&(struct core_store_accept){.req = ++k->req,
			.run = number,
			.session_key = span_from_cstr(key),
			.idem = span_from_cstr(idem),
			.principal = PRINCIPAL(PRINCIPAL_TOKEN, SCOPE_ALL, 1),
			.at = 1000 + number,
			.label = span_of(label, sizeof(label)),
			.text = span_from_cstr(text),
			.body = -1,
			.fleeting = k->fleeting});
}

const struct core_store_accepted *
kit_accept(struct kit *k, uint64_t number, const char *key, const char *idem, const char *text)
{
	const struct core_store_accepted *m;

	kit_send_accept(k, number, key, idem, text);
	m = harness_recv(k->core, &core_store_proto, IPC_SIDE_A, CORE_STORE_ACCEPTED, &k->in);
	assert_int_equal(m->req, k->req);
	return m;
}

int64_t
kit_stored(struct kit *k)
{
	const struct core_store_stored *m =
		harness_recv(k->core, &core_store_proto, IPC_SIDE_A, CORE_STORE_STORED, &k->in);

	assert_int_equal(m->req, k->req);
	return m->rc;
}

int64_t
kit_state(struct kit *k, uint64_t number, uint8_t state, uint64_t call)
{
	harness_send(k->core, &core_store_proto, IPC_SIDE_A, CORE_STORE_RUN_STATE,
		&(struct core_store_run_state){
			.req = ++k->req, .run = number, .state = state, .call = call});
	return kit_stored(k);
}

int64_t
kit_item(struct kit *k, uint64_t number, uint8_t role, const char *text)
{
	harness_send(k->core, &core_store_proto, IPC_SIDE_A, CORE_STORE_ITEM_PUT,
		&(struct core_store_item_put){.req = ++k->req,
			.run = number,
			.role = role,
			.kind = ITEM_TEXT,
			.at = 2000,
			.label = span_of(label, sizeof(label)),
			.text = span_from_cstr(text),
			.body = -1});
	return kit_stored(k);
}

int64_t
kit_finish(struct kit *k, uint64_t number, uint8_t state, const char *text)
{
	harness_send(k->core, &core_store_proto, IPC_SIDE_A, CORE_STORE_FINISH,
		&(struct core_store_finish){.req = ++k->req,
			.run = number,
			.state = state,
			.at = 3000 + number,
			.label = span_of(label, sizeof(label)),
			.tokens_in = 5,
			.tokens_out = 7,
			.model = SPAN("m"),
			.reason = state == RUN_DONE ? SPAN_EMPTY : SPAN("the reason"),
			.text = span_from_cstr(text),
			.body = -1});
	return kit_stored(k);
}

void
kit_send_history(
	struct kit *k, const char *key, uint64_t number, uint32_t limit, uint64_t max_bytes)
{
	harness_send(k->core, &core_store_proto, IPC_SIDE_A, CORE_STORE_HISTORY,
		&(struct core_store_history){.req = ++k->req,
			.session_key = span_from_cstr(key),
			.limit = limit,
			.max_bytes = max_bytes,
			.run = number});
}

const char *
kit_history(struct kit *k, const char *key, uint64_t number, uint32_t limit, uint64_t max_bytes)
{
	static char out[8192];
	static const char roles[] = "-uats";
	size_t len = 0;
	uint64_t items = 0;

	kit_send_history(k, key, number, limit, max_bytes);
	for (;;) {
		assert_int_equal(ipc_sync_recv(k->core, &core_store_proto, IPC_SIDE_A,
					 HARNESS_WAIT_MS, &k->in),
			0);
		if (k->in.id == CORE_STORE_DONE) {
			const struct core_store_done *d = (const void *)k->in.msg.bytes;

			assert_int_equal(d->req, k->req);
			assert_int_equal(d->count, items);
			if (d->rc < 0)
				snprintf(out, sizeof(out), "%s", err_name((int)d->rc));
			break;
		}
		assert_int_equal(k->in.id, CORE_STORE_ITEM);
		const struct core_store_item *m = (const void *)k->in.msg.bytes;

		len += (size_t)snprintf(out + len, sizeof(out) - len, "%s%c:%.*s",
			len == 0 ? "" : "|", roles[m->role],
			(int)(m->text.len > 40 ? 40 : m->text.len), (const char *)m->text.ptr);
		assert_true(len < sizeof(out));
		items++;
		out[len] = 0;
	}
	if (items == 0 && ((const struct core_store_done *)(const void *)k->in.msg.bytes)->rc == 0)
		out[0] = 0;
	return out;
}

struct core_store_counted
kit_counts(struct kit *k)
{
	harness_send(k->core, &core_store_proto, IPC_SIDE_A, CORE_STORE_COUNTS,
		&(struct core_store_counts){.req = ++k->req});
	return *(const struct core_store_counted *)harness_recv(
		k->core, &core_store_proto, IPC_SIDE_A, CORE_STORE_COUNTED, &k->in);
}
