#include "tests/process/agent/agent_kit.h"

const char *agent_program;
struct ipc_received agent_in;

static void
open_with(struct run *r, const struct core_agent_start *start)
{
	int fds[2];
	int pair[2];

	r->zygote = harness_new(
		agent_program, "zygote", &(struct harness_options){.kind = KIND_AGENT_ZYGOTE});
	harness_start(r->zygote);
	assert_int_equal(ipc_pair(fds), 0);
	harness_send(r->zygote->control, &child_proto, IPC_SIDE_A, CHILD_FORK,
		&(struct child_fork){.kind = KIND_AGENT, .instance = 7, .control = fds[1]});
	close(fds[1]);
	r->control = fds[0];
	(void)harness_expect(r->zygote, CHILD_CHILD);
	harness_send(r->control, &child_proto, IPC_SIDE_A, CHILD_HELLO,
		&(struct child_hello){.kind = KIND_AGENT,
			.instance = 7,
			.incarnation = 1,
			.landlock_max = UINT32_MAX});
	(void)harness_wait(r->control, &child_proto, IPC_SIDE_A, CHILD_READY, &agent_in);
	assert_int_equal(ipc_pair(pair), 0);
	harness_send(r->control, &child_proto, IPC_SIDE_A, CHILD_PEER,
		&(struct child_peer){.kind = KIND_CORE, .incarnation = 2, .fd = pair[1]});
	close(pair[1]);
	r->core = pair[0];
	harness_send(r->control, &child_proto, IPC_SIDE_A, CHILD_START, &(struct child_start){});
	harness_send(r->core, &core_agent_proto, IPC_SIDE_A, CORE_AGENT_START, start);
}

void
run_open_thinking(struct run *r, uint8_t provider, uint8_t thinking)
{
	uint8_t tools[8];

	memset(tools, 0xff, sizeof(tools));
	open_with(r, &(struct core_agent_start){.run = 7,
			     .provider = provider,
			     .model = SPAN("m"),
			     .tools_allowed = span_of(tools, 8),
			     .stream = provider != PROVIDER_OFFLINE,
			     .max_tokens = 4096,
			     .thinking = thinking,
			     .agent_name = SPAN("Crabby")});
}

void
run_open(struct run *r, uint8_t provider)
{
	run_open_thinking(r, provider, THINK_OFF);
}

void
run_item(struct run *r, const struct core_agent_item *item)
{
	harness_send(r->core, &core_agent_proto, IPC_SIDE_A, CORE_AGENT_ITEM, item);
}

void
run_say(struct run *r, const char *text)
{
	run_item(r, &(struct core_agent_item){.role = ROLE_USER,
			    .kind = ITEM_TEXT,
			    .text = span_from_cstr(text),
			    .body = -1});
	harness_send(
		r->core, &core_agent_proto, IPC_SIDE_A, CORE_AGENT_GO, &(struct core_agent_go){});
}

void
run_close(struct run *r)
{
	close(r->core);
	close(r->control);
	assert_int_equal(harness_free(r->zygote), 0);
}

const void *
expect(struct run *r, uint16_t id)
{
	return harness_wait(r->core, &core_agent_proto, IPC_SIDE_A, id, &agent_in);
}

void
expect_answer(struct run *r, uint8_t outcome, const char *part)
{
	const struct core_agent_finish *f = expect(r, CORE_AGENT_FINISH);

	assert_int_equal(f->outcome, outcome);
	if (span_find(f->text, span_from_cstr(part)) < 0)
		fail_msg("answer was: %.*s", (int)f->text.len, (const char *)f->text.ptr);
}

void
expect_call(struct run *r, const char *tool, const char *param, const char *value)
{
	const struct core_agent_tool_call *c = expect(r, CORE_AGENT_TOOL_CALL);
	struct span got;

	assert_int_equal(c->tool, tool_find(span_from_cstr(tool)));
	assert_int_equal(args_get_str(c->args, param, &got), 0);
	if (!span_eq(got, span_from_cstr(value)))
		fail_msg("%s was: %.*s", param, (int)got.len, (const char *)got.ptr);
}

void
expect_request(struct run *r, struct buf *body)
{
	const struct core_agent_model_call *c = expect(r, CORE_AGENT_MODEL_CALL);

	buf_reset(body);
	harness_body(c->body, body);
}

void
expect_part(const struct buf *body, const char *part)
{
	if (span_find(buf_span(body), span_from_cstr(part)) < 0)
		fail_msg("not there: %s\nin: %.*s", part, (int)body->len, (const char *)body->ptr);
}

void
answer_call(struct run *r, uint64_t call, bool ok, const char *text)
{
	harness_send(r->core, &core_agent_proto, IPC_SIDE_A, CORE_AGENT_TOOL_RESULT,
		&(struct core_agent_tool_result){
			.call = call, .ok = ok, .text = span_from_cstr(text), .body = -1});
}

void
give(struct run *r, uint32_t status, const char *data)
{
	struct span s = span_from_cstr(data);

	harness_send(r->core, &core_agent_proto, IPC_SIDE_A, CORE_AGENT_MODEL_STATUS,
		&(struct core_agent_model_status){.status = status});
	while (s.len > 0) {
		harness_send(r->core, &core_agent_proto, IPC_SIDE_A, CORE_AGENT_MODEL_CHUNK,
			&(struct core_agent_model_chunk){.data = span_sub(s, 0, 17)});
		s = span_sub(s, 17, s.len);
	}
	harness_send(r->core, &core_agent_proto, IPC_SIDE_A, CORE_AGENT_MODEL_END,
		&(struct core_agent_model_end){.rc = 0});
}
