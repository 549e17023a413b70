/* The real agent, played by a test that is supervisor, zygote's master and core: the built-in assistant and a scripted model. */
#include "tests/process/agent/agent_kit.h"

static void
the_assistant_greets_and_helps(void **state)
{
	struct run r;

	(void)state;
	run_open(&r, PROVIDER_OFFLINE);
	run_say(&r, "Hello!");
	expect_answer(&r, RUN_DONE, "no model is connected");
	run_close(&r);
	run_open(&r, PROVIDER_OFFLINE);
	run_say(&r, "how do I connect a model?");
	expect_answer(&r, RUN_DONE, "baseUrl");
	run_close(&r);
}

static void
words_become_tool_calls(void **state)
{
	static const struct {
		const char *said, *tool, *param, *value;
	} rows[] = {
		{"what is 2 + 2 * 10?", "calculator", "expression", "2 + 2 * 10"},
		{"17*23", "calculator", "expression", "17*23"},
		{"calculate sqrt(2)", "calculator", "expression", "sqrt(2)"},
		{"run uname -a", "shell_exec", "command", "uname -a"},
		{"$ echo hi", "shell_exec", "command", "echo hi"},
		{"run the command `ls -l`", "shell_exec", "command", "ls -l"},
		{"write \"a to b\" to notes.txt", "file_write", "content", "a to b"},
		{"write notes.txt: some text", "file_write", "path", "notes.txt"},
		{"read notes.txt", "file_read", "path", "notes.txt"},
		{"read the file 'a.txt'?", "file_read", "path", "a.txt"},
		{"list files", "file_list", "path", "."},
		{"list files in docs", "file_list", "path", "docs"},
		{"search for crab", "file_search", "text", "crab"},
		{"delete notes.txt", "file_delete", "path", "notes.txt"},
		{"remember that the key is at Ada's", "memory_save", "text", "the key is at Ada's"},
		{"what do you remember about the key?", "memory_search", "query", "the key"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct run r;

		run_open(&r, PROVIDER_OFFLINE);
		run_say(&r, rows[i].said);
		expect_call(&r, rows[i].tool, rows[i].param, rows[i].value);
		answer_call(&r, 1, true, "forty-two");
		(void)expect(&r, CORE_AGENT_FINISH);
		run_close(&r);
	}
}

static void
a_denied_call_is_told(void **state)
{
	struct run r;

	(void)state;
	run_open(&r, PROVIDER_OFFLINE);
	run_say(&r, "run id");
	(void)expect(&r, CORE_AGENT_TOOL_CALL);
	answer_call(&r, 1, false, "denied: the configuration denies this tool (tools.deny)");
	expect_answer(&r, RUN_DONE, "tools.deny");
	run_close(&r);
}

/* ---- a model ---- */

static void
the_request_is_what_the_api_takes_and_the_answer_streams(void **state)
{
	struct run r;
	const struct core_agent_model_call *c;
	const struct core_agent_delta *d;
	struct buf body = {.max = 1u << 20};
	struct arena arena;
	struct json_node *root;

	(void)state;
	run_open(&r, PROVIDER_OPENAI);
	run_say(&r, "hi \"there\"");
	c = expect(&r, CORE_AGENT_MODEL_CALL);
	harness_body(c->body, &body);
	arena_init(&arena, 1u << 22);
	assert_int_equal(json_parse(&arena, buf_span(&body), NULL, &root, NULL), 0);
	assert_true(span_find(buf_span(&body), SPAN("\"name\":\"shell_exec\"")) >= 0);
	assert_true(span_find(buf_span(&body),
			    SPAN("{\"role\":\"user\",\"content\":\"hi \\\"there\\\"\"}")) >= 0);
	give(&r, 200,
		"data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n"
		"data: {\"choices\":[{\"delta\":{\"content\":\"Hel\"}}]}\n\ndata: "
		"{\"choices\":[{\"delta\":{\"content\":\"lo\\u0000\"}}]}\n\n"
		"data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
		"data: "
		"{\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":2}}\n\ndata: "
		"[DONE]\n\n");
	d = expect(&r, CORE_AGENT_DELTA);
	assert_true(span_eq(d->text, SPAN("Hel")));
	expect_answer(&r, RUN_DONE, "Hello\xef\xbf\xbd");
	assert_int_equal(
		((const struct core_agent_finish *)(const void *)agent_in.msg.bytes)->tokens_in, 5);
	buf_clear(&body);
	arena_clear(&arena);
	run_close(&r);
}

static void
a_streamed_tool_call_is_put_together_and_its_result_sent(void **state)
{
	struct run r;
	const struct core_agent_model_call *c;
	struct buf body = {.max = 1u << 20};

	(void)state;
	run_open(&r, PROVIDER_OPENAI);
	run_say(&r, "do it");
	(void)expect(&r, CORE_AGENT_MODEL_CALL);
	give(&r, 200,
		"data: {\"choices\":[{\"delta\":{\"content\":\"let me "
		"see\",\"tool_calls\":[{\"index\":0,\"id\":\"c1\",\"function\":{\"name\":\"exec\","
		"\"arguments\":\"{\\\"comm\"}}]}}]}\n\ndata: "
		"{\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{"
		"\"arguments\":"
		"\"and\\\":\\\"id\\\"}\"}}]}}]}\n\ndata: [DONE]\n\n");
	expect_call(&r, "shell_exec", "command", "id");
	answer_call(&r, 2, true, "uid=1");
	c = expect(&r, CORE_AGENT_MODEL_CALL);
	harness_body(c->body, &body);
	assert_true(span_find(buf_span(&body),
			    SPAN("\"tool_call_id\":\"c1\",\"content\":\"uid=1\"")) >= 0);
	assert_true(span_find(buf_span(&body), SPAN("let me see")) >= 0);
	give(&r, 200, "{\"choices\":[{\"message\":{\"content\":\"you are 1\"}}]}");
	expect_answer(&r, RUN_DONE, "you are 1");
	buf_clear(&body);
	run_close(&r);
}

static void
errors_of_the_provider_have_their_kind_and_words(void **state)
{
	static const struct {
		uint32_t status;
		uint8_t error;
		const char *data;
		const char *part;
	} rows[] = {
		{401, MODEL_AUTH, "{\"error\":{\"message\":\"bad key\"}}", "bad key"},
		{429, MODEL_RATE, "{}", "rate limit"},
		{503, MODEL_OVERLOADED, "upstream sad", "overloaded"},
		{400, MODEL_CONTEXT,
			"{\"error\":{\"message\":\"too "
			"long\",\"code\":\"context_length_exceeded\"}}",
			"too long"},
		{200, MODEL_PROTOCOL, "{not json", "not JSON"},
		{200, MODEL_PROTOCOL, "", "no answer"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct core_agent_finish *f;
		struct run r;

		run_open(&r, PROVIDER_OPENAI);
		run_say(&r, "x");
		(void)expect(&r, CORE_AGENT_MODEL_CALL);
		give(&r, rows[i].status, rows[i].data);
		expect_answer(&r, RUN_FAILED, rows[i].part);
		f = (const void *)agent_in.msg.bytes;
		assert_int_equal(f->error, rows[i].error);
		run_close(&r);
	}
}

static void
endless_tool_calls_end_at_the_budget(void **state)
{
	struct run r;
	char data[256];

	(void)state;
	run_open(&r, PROVIDER_OPENAI);
	run_say(&r, "loop");
	for (unsigned i = 0; i < RUN_MODEL_CALLS_MAX; i++) {
		(void)expect(&r, CORE_AGENT_MODEL_CALL);
		snprintf(data, sizeof(data),
			"{\"choices\":[{\"message\":{\"content\":null,\"tool_calls\":[{\"id\":\"c%"
			"u\",\"function\":{\"name\":\"calculator\","
			"\"arguments\":\"{\\\"expression\\\":\\\"1\\\"}\"}}]}}]}",
			i);
		give(&r, 200, data);
		(void)expect(&r, CORE_AGENT_TOOL_CALL);
		answer_call(&r,
			((const struct core_agent_tool_call *)(const void *)agent_in.msg.bytes)
				->call,
			true, "1");
	}
	expect_answer(&r, RUN_FAILED, "budget");
	run_close(&r);
}

static void
an_unknown_tool_and_bad_arguments_are_told_to_the_model(void **state)
{
	struct run r;
	const struct core_agent_model_call *c;
	struct buf body = {.max = 1u << 20};

	(void)state;
	run_open(&r, PROVIDER_OPENAI);
	run_say(&r, "x");
	(void)expect(&r, CORE_AGENT_MODEL_CALL);
	give(&r, 200,
		"{\"choices\":[{\"message\":{\"content\":null,\"tool_calls\":[{\"id\":\"a\","
		"\"function\":{\"name\":\"config.get\",\"arguments\":\"{}\"}},"
		"{\"id\":\"b\",\"function\":{\"name\":\"exec\",\"arguments\":\"{{{\"}}]}}]}");
	c = expect(&r, CORE_AGENT_MODEL_CALL);
	harness_body(c->body, &body);
	assert_true(span_find(buf_span(&body), SPAN("denied: there is no such tool")) >= 0);
	assert_true(span_find(buf_span(&body), SPAN("the arguments are not a JSON object")) >= 0);
	buf_clear(&body);
	run_close(&r);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_assistant_greets_and_helps),
		cmocka_unit_test(words_become_tool_calls),
		cmocka_unit_test(a_denied_call_is_told),
		cmocka_unit_test(the_request_is_what_the_api_takes_and_the_answer_streams),
		cmocka_unit_test(a_streamed_tool_call_is_put_together_and_its_result_sent),
		cmocka_unit_test(errors_of_the_provider_have_their_kind_and_words),
		cmocka_unit_test(endless_tool_calls_end_at_the_budget),
		cmocka_unit_test(an_unknown_tool_and_bad_arguments_are_told_to_the_model),
	};

	assert_int_equal(argc, 2);
	agent_program = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
