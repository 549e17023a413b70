#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "label/label.h"

const char *world_program;

static const uint8_t a_label[LABEL_PACKED_LEN] = {LABEL_OWNER_TYPED, LABEL_READ_OWNER};

static void
launch(struct world *w, uint64_t principal, bool has_clock)
{
	struct buf slice = {.max = 4096};
	struct args_out out;

	memset(w, 0, sizeof(*w));
	buf_init(&w->text, IPC_BODY_MAX);
	args_out_init(&out, &slice, false);
	args_out_u64(&out, "agent.provider", PROVIDER_OPENAI);
	args_out_cstr(&out, "agent.model", "some-model");
	args_out_u64(&out, "provider.row", 3);
	assert_int_equal(args_out_done(&out), 0);
	w->h = harness_new(world_program, NULL,
		&(struct harness_options){
			.kind = KIND_CORE, .slice = buf_span(&slice), .has_clock = has_clock});
	buf_clear(&slice);
	w->principal = principal;
	w->store = harness_peer(w->h, KIND_STORE, 0);
	w->store_incarnation = w->h->incarnations;
	w->gate = harness_peer(w->h, KIND_GATE, 0);
	w->gate_incarnation = w->h->incarnations;
	w->edge = harness_peer(w->h, KIND_USER, principal);
	harness_start(w->h);
}

void
world_open_raw(struct world *w, uint64_t principal)
{
	launch(w, principal, false);
}

void
world_answer_start(struct world *w)
{
	const struct core_store_counts *counts;
	const struct core_store_sessions *sessions;

	counts = harness_recv(w->store, &core_store_proto, IPC_SIDE_B, CORE_STORE_COUNTS, &w->in);
	harness_send(w->store, &core_store_proto, IPC_SIDE_B, CORE_STORE_COUNTED,
		&(struct core_store_counted){.req = counts->req, .sessions = 42});
	sessions =
		harness_recv(w->store, &core_store_proto, IPC_SIDE_B, CORE_STORE_SESSIONS, &w->in);
	harness_send(w->store, &core_store_proto, IPC_SIDE_B, CORE_STORE_SESSION,
		&(struct core_store_session){.req = sessions->req,
			.id = 1,
			.key = SPAN("agent:main:main"),
			.updated = 5});
	harness_send(w->store, &core_store_proto, IPC_SIDE_B, CORE_STORE_DONE,
		&(struct core_store_done){.req = sessions->req, .count = 1});
	(void)world_event(w, EVENT_HEALTH);
	(void)harness_wait(w->edge, &edge_core_proto, IPC_SIDE_A, EDGE_CORE_SNAPSHOT, &w->in);
}

static void
recover(struct world *w)
{
	const struct core_store_open_runs *open;

	open = harness_recv(w->store, &core_store_proto, IPC_SIDE_B, CORE_STORE_OPEN_RUNS, &w->in);
	harness_send(w->store, &core_store_proto, IPC_SIDE_B, CORE_STORE_DONE,
		&(struct core_store_done){.req = open->req});
	world_answer_start(w);
}

void
world_open(struct world *w, uint64_t principal)
{
	launch(w, principal, false);
	recover(w);
}

void
world_open_clock(struct world *w, uint64_t principal)
{
	launch(w, principal, true);
	recover(w);
}

void
world_close(struct world *w)
{
	close(w->edge);
	close(w->store);
	close(w->gate);
	assert_int_equal(harness_free(w->h), 0);
	buf_clear(&w->text);
}

/* ---- edge ---- */

void
world_call_list(struct world *w, unsigned method, unsigned scopes, struct span list)
{
	int body = list.len > IPC_MSG_MAX / 2 ? harness_seal(list) : -1;
	bool is_turn = method < METHOD_N && (method_rows[method].flags & METHOD_TURN) != 0;

	harness_send(w->edge, &edge_core_proto, IPC_SIDE_A, EDGE_CORE_CALL,
		&(struct edge_core_call){.conn = 1,
			.seq = ++w->seq,
			.door = DOOR_WS,
			.method = method,
			.scopes = scopes,
			.turn = is_turn ? 99 : 0,
			.args = body < 0 ? list : SPAN_EMPTY,
			.body = body});
	if (body >= 0)
		close(body);
}

void
world_call(struct world *w, unsigned method, ...)
{
	struct buf list = {.max = 8192};
	struct args_out out;
	const char *key;
	va_list ap;

	args_out_init(&out, &list, false);
	va_start(ap, method);
	while ((key = va_arg(ap, const char *)) != NULL)
		args_out_cstr(&out, key, va_arg(ap, const char *));
	va_end(ap);
	assert_int_equal(args_out_done(&out), 0);
	world_call_list(w, method, SCOPE_ALL, buf_span(&list));
	buf_clear(&list);
}

static void
keep(struct world *w, struct span args, int body)
{
	buf_clear(&w->text);
	if (body >= 0) {
		harness_body(body, &w->text);
		close(body);
	} else {
		(void)buf_put(&w->text, args);
	}
}

const struct edge_core_reply *
world_reply(struct world *w)
{
	const struct edge_core_reply *reply =
		harness_wait(w->edge, &edge_core_proto, IPC_SIDE_A, EDGE_CORE_REPLY, &w->in);

	keep(w, reply->args, reply->body);
	return reply;
}

const struct edge_core_event *
world_event(struct world *w, enum event event)
{
	const struct edge_core_event *msg;

	do {
		msg = harness_wait(w->edge, &edge_core_proto, IPC_SIDE_A, EDGE_CORE_EVENT, &w->in);
	} while (msg->event != event);
	keep(w, msg->args, msg->body);
	return msg;
}

const struct edge_core_event *
world_chat_end(struct world *w)
{
	const struct edge_core_event *msg;

	do {
		msg = world_event(w, EVENT_CHAT);
	} while (span_eq(world_get(w, "state"), SPAN("delta")));
	return msg;
}

static bool
fits(const struct args_leaf *leaf, const char *path)
{
	struct span rest = span_from_cstr(path);

	for (size_t i = 0; i < leaf->depth; i++) {
		struct span step = span_cut(&rest, '.');
		uint64_t index;

		if (!leaf->path[i].is_index && !span_eq(leaf->path[i].key, step))
			return false;
		if (leaf->path[i].is_index && (span_to_u64(step, 0, UINT32_MAX, &index) < 0 ||
						      index != leaf->path[i].index))
			return false;
	}
	return rest.len == 0;
}

struct span
world_get(const struct world *w, const char *path)
{
	struct span list = buf_span(&w->text);
	struct args_leaf leaf;

	while (args_next(&list, &leaf) > 0) {
		if (!fits(&leaf, path))
			continue;
		if (leaf.type == ARGS_TRUE)
			return SPAN("true");
		return leaf.type == ARGS_FALSE ? SPAN("false") : leaf.value;
	}
	return SPAN_EMPTY;
}

/* ---- store, gate, agent ---- */

void
world_stored(struct world *w, uint64_t req, int64_t rc)
{
	harness_send(w->store, &core_store_proto, IPC_SIDE_B, CORE_STORE_STORED,
		&(struct core_store_stored){.req = req, .rc = rc});
}

const void *
world_store(struct world *w, uint16_t id)
{
	for (;;) {
		int rc = ipc_sync_recv(
			w->store, &core_store_proto, IPC_SIDE_B, HARNESS_WAIT_MS, &w->in);

		if (rc < 0)
			fail_msg("store: waited for %s: %s",
				ipc_message_find(&core_store_proto, id)->name, err_text(rc));
		if (w->in.id == id)
			return w->in.msg.bytes;
		if (w->in.id == CORE_STORE_ITEM_PUT)
			world_stored(w,
				((const struct core_store_item_put *)(const void *)w->in.msg.bytes)
					->req,
				0);
		else if (w->in.id == CORE_STORE_RUN_STATE)
			world_stored(w,
				((const struct core_store_run_state *)(const void *)w->in.msg.bytes)
					->req,
				0);
		else
			fail_msg("store: waited for %s, got %s",
				ipc_message_find(&core_store_proto, id)->name,
				ipc_message_find(&core_store_proto, w->in.id)->name);
	}
}

void
world_send(struct world *w, const char *session, const char *message, const char *idem)
{
	const struct core_store_accept *accept;

	world_call(w, METHOD_CHAT_SEND, "sessionKey", session, "message", message, "idempotencyKey",
		idem, NULL);
	accept = world_store(w, CORE_STORE_ACCEPT);
	w->run = accept->run;
	harness_send(w->store, &core_store_proto, IPC_SIDE_B, CORE_STORE_ACCEPTED,
		&(struct core_store_accepted){.req = accept->req,
			.run = accept->run,
			.session = 11,
			.state = RUN_ACCEPTED});
	assert_true(world_reply(w)->ok);
	assert_true(span_eq(world_get(w, "status"), SPAN("started")));
}

static void
feed_history(struct world *w, const char *message)
{
	const struct core_store_history *history = world_store(w, CORE_STORE_HISTORY);

	assert_int_equal(history->limit, RUN_HISTORY_ITEMS);
	assert_int_equal(history->max_bytes, RUN_HISTORY_BYTES);

	harness_send(w->store, &core_store_proto, IPC_SIDE_B, CORE_STORE_ITEM,
		&(struct core_store_item){.req = history->req,
			.id = 1,
			.session = 11,
			.run = w->run,
			.role = ROLE_USER,
			.kind = ITEM_TEXT,
			.label = span_of(a_label, sizeof(a_label)),
			.text = span_from_cstr(message),
			.body = -1});
	harness_send(w->store, &core_store_proto, IPC_SIDE_B, CORE_STORE_DONE,
		&(struct core_store_done){.req = history->req, .count = 1});
}

int
world_agent(struct world *w, const char *message)
{
	const struct core_gate_run_open *open =
		harness_recv(w->gate, &core_gate_proto, IPC_SIDE_B, CORE_GATE_RUN_OPEN, &w->in);
	const struct core_agent_item *item;
	const struct child_spawn *spawn;
	int agent;

	assert_int_equal(open->run, w->run);
	harness_send(w->gate, &core_gate_proto, IPC_SIDE_B, CORE_GATE_RUN_READY,
		&(struct core_gate_run_ready){
			.run = w->run, .ok = true, .label = span_of(a_label, sizeof(a_label))});
	spawn = harness_expect(w->h, CHILD_SPAWN);
	assert_int_equal(spawn->kind, KIND_AGENT);
	assert_int_equal(spawn->instance, w->run);
	agent = harness_peer(w->h, KIND_AGENT, w->run);
	(void)harness_recv(agent, &core_agent_proto, IPC_SIDE_B, CORE_AGENT_START, &w->in);
	feed_history(w, message);
	item = harness_recv(agent, &core_agent_proto, IPC_SIDE_B, CORE_AGENT_ITEM, &w->in);
	assert_int_equal(item->role, ROLE_USER);
	assert_true(span_eq(item->text, span_from_cstr(message)));
	(void)harness_recv(agent, &core_agent_proto, IPC_SIDE_B, CORE_AGENT_GO, &w->in);
	return agent;
}

int
world_begin(struct world *w)
{
	world_open(w, OWNER);
	world_send(w, "main", "hello", "k");
	return world_agent(w, "hello");
}

void
world_finish(struct world *w, int agent, const char *text)
{
	const struct core_store_finish *finish;

	harness_send(agent, &core_agent_proto, IPC_SIDE_B, CORE_AGENT_FINISH,
		&(struct core_agent_finish){.outcome = RUN_DONE,
			.tokens_in = 5,
			.tokens_out = 6,
			.text = span_from_cstr(text),
			.body = -1});
	finish = world_store(w, CORE_STORE_FINISH);
	assert_int_equal(finish->run, w->run);
	assert_int_equal(finish->state, RUN_DONE);
	assert_true(span_eq(finish->text, span_from_cstr(text)));
	world_stored(w, finish->req, 0);
}
