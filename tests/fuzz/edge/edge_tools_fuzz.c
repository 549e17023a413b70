/* The body of /tools/invoke: refused with words, or a tool's name, a session and an object. The file is taken in: its reader is private. */
#include "../../../src/edge/edge_tools_http.c" /* NOLINT(bugprone-suspicious-include) */

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

void
user_turn_new(struct user_conn *u, const struct turn_shape *s, const struct turn_ask *ask)
{
	(void)u;
	(void)s;
	(void)ask;
}

void
user_http_fail(struct user_conn *u, unsigned status, const char *type, struct span message)
{
	(void)u;
	(void)status;
	(void)type;
	(void)message;
}

void
user_http_refuse(struct user_conn *u, const struct edge_refusal *r)
{
	(void)u;
	(void)r;
}

void
user_http_json(struct user_conn *u, unsigned status, struct json_out *o)
{
	(void)u;
	(void)status;
	(void)o;
}

void
user_turn_text(struct buf *out, struct span result)
{
	(void)out;
	(void)result;
}

struct user_call *
user_call_start(struct user_conn *u, unsigned method, struct span id, struct buf *args,
	uint8_t integrity, struct edge_refusal *r)
{
	(void)u;
	(void)method;
	(void)id;
	(void)args;
	(void)integrity;
	(void)r;
	return NULL;
}

static void
check(bool ok)
{
	if (!ok)
		abort();
}

/* What was accepted becomes a list that reads back, or is refused for its size. */
static void
check_list(const struct asked *a)
{
	struct buf list = {.max = IPC_BODY_MAX};
	struct args_out out;

	args_out_init(&out, &list, false);
	args_out_str(&out, "tool", a->tool);
	args_out_str(&out, "sessionKey", a->session);
	if (args_out_done(&out) == 0 &&
		(a->args == NULL || args_json_put(&list, "args", a->args) == 0)) {
		struct span back = SPAN_EMPTY;

		check(args_get_str(buf_span(&list), "tool", &back) == 0);
		check(span_eq(back, a->tool));
	}
	buf_clear(&list);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json_node *root;
	struct arena arena;
	struct asked asked;

	arena_init(&arena, size * 2 + MIB(12));
	if (json_parse(&arena, span_of(data, size), NULL, &root, NULL) == 0 &&
		read_request(root, &asked) == NULL) {
		check(asked.tool.len > 0 && asked.tool.len <= 128 && asked.session.len > 0);
		check(asked.args == NULL || asked.args->kind == JSON_OBJECT);
		check_list(&asked);
	}
	arena_clear(&arena);
	return 0;
}
