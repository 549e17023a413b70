/* The formats of the providers: what a request looks like, and what is understood of an answer, streamed and whole. */
#include "tests/process/agent/agent_kit.h"

#include "json/json.h"

#define BODY_MAX (1u << 22)

/* One turn with two calls and one behind it, as each provider would stream them. */
struct script {
	uint8_t provider;
	const char *request; /* what the first request holds */
	const char *calls;   /* "let me see", then calculator 1+1 and file_read a.txt */
	const char *again;   /* what the second request holds of them */
	const char *results;
	const char *final; /* "done", with 11 tokens in and 7 out */
	const char *whole; /* "whole" in one document */
};

static const struct script scripts[] = {
	{PROVIDER_OPENAI, "{\"role\":\"user\",\"content\":\"do \\\"it\\\"\"}",
		"data: {\"choices\":[{\"delta\":{\"content\":\"let me see\"}}]}\n\n"
		"data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"c1\","
		"\"function\":{\"name\":\"calculator\",\"arguments\":\"{\\\"expression\\\":"
		"\\\"1+1\\\"}\"}}]}}]}\n\n"
		"data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":1,\"id\":\"c2\","
		"\"function\":{\"name\":\"file_read\",\"arguments\":\"{\\\"path\\\":\\\"a.\"}}]}}"
		"]}\n\n"
		"data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":1,\"function\":{"
		"\"arguments\":\"txt\\\"}\"}}]},\"finish_reason\":\"tool_calls\"}]}\n\ndata: "
		"[DONE]\n\n",
		"{\"role\":\"assistant\",\"content\":\"let me see\",\"tool_calls\":[{\"id\":\"c1\","
		"\"type\":\"function\",\"function\":{\"name\":\"calculator\",\"arguments\":"
		"\"{\\\"expression\\\":\\\"1+1\\\"}\"}},{\"id\":\"c2\"",
		"]},{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":\"2\"},{\"role\":"
		"\"tool\",\"tool_call_id\":\"c2\",\"content\":\"no\"}]",
		"data: {\"choices\":[{\"delta\":{\"content\":\"done\"}}],\"usage\":{\"prompt_"
		"tokens\":11,\"completion_tokens\":7}}\n\ndata: [DONE]\n\n",
		"{\"choices\":[{\"message\":{\"content\":\"whole\"}}]}"},
	{PROVIDER_RESPONSES,
		"{\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"do "
		"\\\"it\\\"\"}]}",
		"event: response.created\ndata: {\"type\":\"response.created\",\"response\":{"
		"\"error\":null}}\n\n"
		"event: response.output_item.done\ndata: {\"type\":\"response.output_item.done\","
		"\"output_index\":0,\"item\":{\"type\":\"reasoning\",\"id\":\"rs_1\",\"summary\":["
		"],\"encrypted_content\":\"SEAL\"}}\n\n"
		"data: {\"type\":\"response.output_text.delta\",\"delta\":\"let me see\"}\n\n"
		"data: {\"type\":\"response.output_item.added\",\"output_index\":2,\"item\":{"
		"\"type\":\"function_call\",\"call_id\":\"c1\",\"name\":\"calculator\","
		"\"arguments\":\"\"}}\n\n"
		"data: {\"type\":\"response.function_call_arguments.delta\",\"output_index\":2,"
		"\"delta\":\"{}\"}\n\n"
		"data: {\"type\":\"response.output_item.done\",\"output_index\":2,\"item\":{"
		"\"type\":\"function_call\",\"call_id\":\"c1\",\"name\":\"calculator\","
		"\"arguments\":\"{\\\"expression\\\":\\\"1+1\\\"}\"}}\n\n"
		"data: {\"type\":\"response.output_item.done\",\"output_index\":3,\"item\":{"
		"\"type\":\"function_call\",\"call_id\":\"c2\",\"name\":\"file_read\","
		"\"arguments\":\"{\\\"path\\\":\\\"a.txt\\\"}\"}}\n\n"
		"data: {\"type\":\"response.completed\",\"response\":{\"error\":null,\"usage\":{"
		"\"input_tokens\":3,\"output_tokens\":4}}}\n\n",
		"{\"type\":\"reasoning\",\"id\":\"rs_1\",\"summary\":[],\"encrypted_content\":"
		"\"SEAL\"}",
		"{\"type\":\"function_call_output\",\"call_id\":\"c2\",\"output\":\"no\"}]",
		"data: {\"type\":\"response.output_text.delta\",\"delta\":\"done\"}\n\n"
		"data: {\"type\":\"response.completed\",\"response\":{\"usage\":{\"input_tokens\":"
		"8,\"output_tokens\":3}}}\n\n",
		"{\"error\":null,\"output\":[{\"type\":\"message\",\"content\":[{\"type\":"
		"\"output_text\",\"text\":\"whole\"}]}]}"},
	{PROVIDER_ANTHROPIC,
		"\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"do "
		"\\\"it\\\"\",\"cache_control\":{\"type\":\"ephemeral\"}}]}]",
		"event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"content\":["
		"],\"stop_reason\":null,\"usage\":{\"input_tokens\":1,\"cache_read_input_tokens\":"
		"2,\"output_tokens\":1}}}\n\n"
		"event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,"
		"\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}}\n"
		"\n"
		"data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":"
		"\"thinking_delta\",\"thinking\":\"hm\"}}\n\n"
		"data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":"
		"\"signature_delta\",\"signature\":\"SEAL\"}}\n\n"
		"data: {\"type\":\"content_block_stop\",\"index\":0}\n\nevent: ping\ndata: "
		"{\"type\":\"ping\"}\n\n"
		"data: {\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":"
		"\"text\",\"text\":\"\"}}\n\n"
		"data: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"text_"
		"delta\",\"text\":\"let me see\"}}\n\n"
		"data: {\"type\":\"content_block_stop\",\"index\":1}\n\n"
		"data: {\"type\":\"content_block_start\",\"index\":2,\"content_block\":{\"type\":"
		"\"tool_use\",\"id\":\"c1\",\"name\":\"calculator\",\"input\":{}}}\n\n"
		"data: {\"type\":\"content_block_delta\",\"index\":2,\"delta\":{\"type\":\"input_"
		"json_delta\",\"partial_json\":\"{\\\"expression\\\":\"}}\n\n"
		"data: {\"type\":\"content_block_delta\",\"index\":2,\"delta\":{\"type\":\"input_"
		"json_delta\",\"partial_json\":\"\\\"1+1\\\"}\"}}\n\n"
		"data: {\"type\":\"content_block_stop\",\"index\":2}\n\n"
		"data: {\"type\":\"content_block_start\",\"index\":3,\"content_block\":{\"type\":"
		"\"tool_use\",\"id\":\"c2\",\"name\":\"file_read\",\"input\":{}}}\n\n"
		"data: {\"type\":\"content_block_delta\",\"index\":3,\"delta\":{\"type\":\"input_"
		"json_delta\",\"partial_json\":\"{\\\"path\\\":\\\"a.txt\\\"}\"}}\n\n"
		"data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\"},"
		"\"usage\":{\"output_tokens\":4}}\n\n"
		"data: {\"type\":\"message_stop\"}\n\n",
		"{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"hm\","
		"\"signature\":\"SEAL\"},{\"type\":\"text\",\"text\":\"let me see\"},{\"type\":"
		"\"tool_use\",\"id\":\"c1\",\"name\":\"calculator\",\"input\":{\"expression\":"
		"\"1+1\"}},{\"type\":\"tool_use\",\"id\":\"c2\"",
		"{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"c1\","
		"\"content\":\"2\"},{\"type\":\"tool_result\",\"tool_use_id\":\"c2\",\"content\":"
		"\"no\",\"is_error\":true,\"cache_control\"",
		"data: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":3,"
		"\"cache_creation_input_tokens\":5}}}\n\n"
		"data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_"
		"delta\",\"text\":\"done\"}}\n\n"
		"data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},"
		"\"usage\":{\"output_tokens\":3}}\n\ndata: {\"type\":\"message_stop\"}\n\n",
		"{\"type\":\"message\",\"content\":[{\"type\":\"text\",\"text\":\"whole\"}],"
		"\"stop_reason\":\"end_turn\"}"},
	{PROVIDER_GEMINI,
		"\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"do \\\"it\\\"\"}]}]",
		"data: {\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"thought\":"
		"true,\"text\":\"hm\"},{\"text\":\"let me see\"}]}}]}\n\n"
		"data: {\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"name\":"
		"\"calculator\",\"args\":{\"expression\":\"1+1\"}},\"thoughtSignature\":\"SEAL\"},"
		"{\"functionCall\":{\"name\":\"file_read\",\"args\":{\"path\":\"a.txt\"}}}]},"
		"\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":3,"
		"\"candidatesTokenCount\":3,\"thoughtsTokenCount\":1}}\n\n",
		"{\"role\":\"model\",\"parts\":[{\"text\":\"let me see\"},{\"functionCall\":{"
		"\"name\":\"calculator\",\"args\":{\"expression\":\"1+1\"}},\"thoughtSignature\":"
		"\"SEAL\"},{\"functionCall\":{\"name\":\"file_read\",\"args\":{\"path\":\"a.txt\"}"
		"}}]}",
		"{\"role\":\"user\",\"parts\":[{\"functionResponse\":{\"name\":\"calculator\","
		"\"response\":{\"output\":\"2\"}}},{\"functionResponse\":{\"name\":\"file_read\","
		"\"response\":{\"error\":\"no\"}}}]}",
		"data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"done\"}]},"
		"\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":8,"
		"\"candidatesTokenCount\":2,\"thoughtsTokenCount\":1}}\n\n",
		"{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"whole\"}]},"
		"\"finishReason\":\"STOP\"}]}"},
};
#define NSCRIPTS (sizeof(scripts) / sizeof(scripts[0]))

static void
is_json(const struct buf *body)
{
	struct arena arena;
	struct json_node *root;

	arena_init(&arena, BODY_MAX * 8);
	assert_int_equal(json_parse(&arena, buf_span(body), NULL, &root, NULL), 0);
	arena_clear(&arena);
}

static void
a_turn_with_two_calls_goes_and_comes_back_in_every_format(void **state)
{
	struct buf body = {.max = BODY_MAX};

	(void)state;
	for (size_t i = 0; i < NSCRIPTS; i++) {
		const struct script *s = &scripts[i];
		const struct core_agent_finish *f;
		struct run r;

		run_open_thinking(&r, s->provider, THINK_HIGH);
		run_say(&r, "do \"it\"");
		expect_request(&r, &body);
		is_json(&body);
		expect_part(&body, s->request);
		expect_part(&body, "\"name\":\"shell_exec\"");
		give(&r, 200, s->calls);
		expect_call(&r, "calculator", "expression", "1+1");
		answer_call(&r, 2, true, "2");
		expect_call(&r, "file_read", "path", "a.txt");
		answer_call(&r, 3, false, "no");
		expect_request(&r, &body);
		is_json(&body);
		expect_part(&body, s->again);
		expect_part(&body, s->results);
		give(&r, 200, s->final);
		expect_answer(&r, RUN_DONE, "done");
		f = (const void *)agent_in.msg.bytes;
		assert_int_equal(f->tokens_out, 7);
		assert_int_equal(f->tokens_in, 11);
		run_close(&r);
	}
	buf_clear(&body);
}

static void
an_answer_in_one_document_is_taken(void **state)
{
	struct buf body = {.max = BODY_MAX};

	(void)state;
	for (size_t i = 0; i < NSCRIPTS; i++) {
		struct run r;

		run_open(&r, scripts[i].provider);
		run_say(&r, "x");
		expect_request(&r, &body);
		give(&r, 200, scripts[i].whole);
		expect_answer(&r, RUN_DONE, "whole");
		run_close(&r);
	}
	buf_clear(&body);
}

/* An earlier run's call, which has no seal; and a call whose run was cut off, which nobody sees. */
static void
an_earlier_conversation_goes_along(void **state)
{
	static const char *const parts[PROVIDER_N] = {
		[PROVIDER_OPENAI] = "\"tool_call_id\":\"old\",\"content\":\"seen\"",
		[PROVIDER_RESPONSES] = "\"call_id\":\"old\",\"output\":\"seen\"",
		[PROVIDER_ANTHROPIC] = "\"tool_use_id\":\"old\",\"content\":\"seen\"",
		[PROVIDER_GEMINI] = "\"thoughtSignature\":\"skip_thought_signature_validator\"",
	};
	struct buf body = {.max = BODY_MAX};

	(void)state;
	for (size_t i = 0; i < NSCRIPTS; i++) {
		struct run r;

		run_open(&r, scripts[i].provider);
		run_item(&r, &(struct core_agent_item){.role = ROLE_ASSISTANT,
				     .kind = ITEM_TOOL_CALL,
				     .name = SPAN("file_list"),
				     .call_id = SPAN("old"),
				     .body = -1});
		run_item(&r, &(struct core_agent_item){.role = ROLE_TOOL,
				     .kind = ITEM_TOOL_RESULT,
				     .name = SPAN("file_list"),
				     .call_id = SPAN("old"),
				     .text = SPAN("seen"),
				     .body = -1});
		run_item(&r, &(struct core_agent_item){.role = ROLE_ASSISTANT,
				     .kind = ITEM_TOOL_CALL,
				     .name = SPAN("file_list"),
				     .call_id = SPAN("cut"),
				     .body = -1});
		run_say(&r, "and now?");
		expect_request(&r, &body);
		is_json(&body);
		expect_part(&body, parts[scripts[i].provider]);
		expect_part(&body, "and now?");
		assert_true(span_find(buf_span(&body), SPAN("\"cut\"")) < 0);
		/* some take no conversation that the user did not begin */
		if (scripts[i].provider == PROVIDER_ANTHROPIC ||
			scripts[i].provider == PROVIDER_GEMINI)
			expect_part(&body, "What was said before this is not shown");
		give(&r, 200, scripts[i].whole);
		expect_answer(&r, RUN_DONE, "whole");
		run_close(&r);
	}
	buf_clear(&body);
}

static void
how_much_is_thought_is_asked_for(void **state)
{
	static const struct {
		uint8_t provider;
		uint8_t level;
		const char *part, *none;
	} rows[] = {
		{PROVIDER_ANTHROPIC, THINK_MEDIUM, "\"budget_tokens\":3072", NULL},
		{PROVIDER_ANTHROPIC, THINK_LOW, "\"budget_tokens\":2048", NULL},
		{PROVIDER_ANTHROPIC, THINK_OFF, "\"max_tokens\":4096", "budget_tokens"},
		{PROVIDER_RESPONSES, THINK_HIGH, "\"reasoning\":{\"effort\":\"high\"}", NULL},
		{PROVIDER_RESPONSES, THINK_OFF, "\"store\":false", "effort"},
		{PROVIDER_GEMINI, THINK_LOW, "\"thinkingBudget\":2048", NULL},
		{PROVIDER_GEMINI, THINK_OFF, "\"maxOutputTokens\":4096", "thinkingConfig"},
	};
	struct buf body = {.max = BODY_MAX};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct run r;

		run_open_thinking(&r, rows[i].provider, rows[i].level);
		run_say(&r, "x");
		expect_request(&r, &body);
		expect_part(&body, rows[i].part);
		assert_true(rows[i].none == NULL ||
			    span_find(buf_span(&body), span_from_cstr(rows[i].none)) < 0);
		give(&r, 200, "{}");
		(void)expect(&r, CORE_AGENT_FINISH);
		run_close(&r);
	}
	buf_clear(&body);
}

static void
errors_have_their_class_whoever_words_them(void **state)
{
	static const struct {
		uint8_t provider;
		uint32_t status;
		uint8_t error;
		const char *data, *part;
	} rows[] = {
		{PROVIDER_ANTHROPIC, 401, MODEL_AUTH,
			"{\"type\":\"error\",\"error\":{\"type\":\"authentication_error\","
			"\"message\":\"invalid x-api-key\"}}",
			"invalid x-api-key"},
		{PROVIDER_ANTHROPIC, 429, MODEL_RATE,
			"{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":"
			"\"slow\"}}",
			"rate limit"},
		{PROVIDER_ANTHROPIC, 529, MODEL_OVERLOADED,
			"{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":"
			"\"Overloaded\"}}",
			"overloaded"},
		{PROVIDER_ANTHROPIC, 400, MODEL_CONTEXT,
			"{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\","
			"\"message\":\"prompt is too long: 210000 tokens > 200000 maximum\"}}",
			"too long"},
		{PROVIDER_ANTHROPIC, 200, MODEL_OVERLOADED,
			"event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_"
			"error\",\"message\":\"Overloaded\"}}\n\n",
			"overloaded"},
		{PROVIDER_ANTHROPIC, 200, MODEL_REFUSED,
			"{\"type\":\"message\",\"content\":[],\"stop_reason\":\"refusal\"}",
			"refused"},
		{PROVIDER_GEMINI, 400, MODEL_AUTH,
			"{\"error\":{\"code\":400,\"message\":\"API key not valid. Please pass a "
			"valid API key.\",\"status\":\"INVALID_ARGUMENT\"}}",
			"credential"},
		{PROVIDER_GEMINI, 429, MODEL_RATE,
			"[{\"error\":{\"code\":429,\"message\":\"quota\",\"status\":\"RESOURCE_"
			"EXHAUSTED\"}}]",
			"rate limit"},
		{PROVIDER_GEMINI, 503, MODEL_OVERLOADED,
			"{\"error\":{\"code\":503,\"message\":\"x\",\"status\":\"UNAVAILABLE\"}}",
			"overloaded"},
		{PROVIDER_GEMINI, 400, MODEL_CONTEXT,
			"{\"error\":{\"code\":400,\"message\":\"The input token count exceeds the "
			"maximum number of tokens allowed\",\"status\":\"INVALID_ARGUMENT\"}}",
			"too long"},
		{PROVIDER_GEMINI, 200, MODEL_REFUSED,
			"{\"promptFeedback\":{\"blockReason\":\"SAFETY\"}}", "SAFETY"},
		{PROVIDER_GEMINI, 200, MODEL_REFUSED,
			"data: {\"candidates\":[{\"finishReason\":\"PROHIBITED_CONTENT\"}]}\n\n",
			"PROHIBITED"},
		{PROVIDER_RESPONSES, 200, MODEL_RATE,
			"data: {\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":"
			"\"rate_limit_exceeded\",\"message\":\"slow\"}}}\n\n",
			"rate limit"},
		{PROVIDER_RESPONSES, 200, MODEL_CONTEXT,
			"data: {\"type\":\"error\",\"code\":\"context_length_exceeded\","
			"\"message\":\"long\"}\n\n",
			"too long"},
		{PROVIDER_RESPONSES, 200, MODEL_REFUSED,
			"data: {\"type\":\"response.refusal.done\",\"refusal\":\"I will not\"}\n\n",
			"I will not"},
		{PROVIDER_OPENAI, 429, MODEL_RATE,
			"{\"error\":{\"message\":\"no money\",\"code\":\"insufficient_quota\"}}",
			"no money"},
		{PROVIDER_OPENAI, 429, MODEL_RATE,
			"{\"error\":{\"message\":\"too many\",\"type\":\"api_error\"}}",
			"too many"},
		{PROVIDER_OPENAI, 500, MODEL_OVERLOADED, "{\"error\":\"upstream\"}", "upstream"},
		{PROVIDER_OPENAI, 403, MODEL_AUTH, "{\"error\":{\"type\":\"server_error\"}}",
			"credential"},
	};
	struct buf body = {.max = BODY_MAX};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct core_agent_finish *f;
		struct run r;

		run_open(&r, rows[i].provider);
		run_say(&r, "x");
		expect_request(&r, &body);
		give(&r, rows[i].status, rows[i].data);
		expect_answer(&r, RUN_FAILED, rows[i].part);
		f = (const void *)agent_in.msg.bytes;
		if (f->error != rows[i].error)
			fail_msg("row %zu: error %u", i, f->error);
		run_close(&r);
	}
	buf_clear(&body);
}

/* Thoughts come in three kinds: shown, not shown, and cut by the provider. Each goes back as what it was. */
static void
a_thought_goes_back_as_it_came(void **state)
{
	struct buf body = {.max = BODY_MAX};
	struct run r;

	(void)state;
	run_open_thinking(&r, PROVIDER_ANTHROPIC, THINK_HIGH);
	run_say(&r, "x");
	expect_request(&r, &body);
	give(&r, 200,
		"{\"content\":[{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":\"S1\"},"
		"{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"S2\"},{\"type\":"
		"\"redacted_thinking\",\"data\":\"S3\"},{\"type\":\"tool_use\",\"id\":\"c1\","
		"\"name\":\"calculator\",\"input\":{\"expression\":\"1\"}}]}");
	expect_call(&r, "calculator", "expression", "1");
	answer_call(&r, 2, true, "1");
	expect_request(&r, &body);
	expect_part(&body,
		"\"content\":[{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":\"S1\"},{"
		"\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"S2\"},{\"type\":"
		"\"redacted_thinking\",\"data\":\"S3\"},{\"type\":\"tool_use\"");
	run_close(&r);
	buf_clear(&body);
}

/* A thought whose seal is too long to keep is not sent back in part. */
static void
a_seal_over_the_limit_is_dropped_with_its_thought(void **state)
{
	struct buf data = {.max = MODEL_SEAL_MAX * 2};
	struct buf body = {.max = BODY_MAX};
	struct run r;

	(void)state;
	for (int over = 0; over < 2; over++) {
		buf_reset(&data);
		buf_put_cstr(&data, "{\"content\":[{\"type\":\"thinking\",\"thinking\":\"deep\","
				    "\"signature\":\"");
		for (size_t i = 0; i < MODEL_SEAL_MAX + (size_t)over; i++)
			buf_put_u8(&data, 'S');
		buf_put_cstr(&data, "\"},{\"type\":\"tool_use\",\"id\":\"c1\",\"name\":"
				    "\"calculator\",\"input\":{\"expression\":\"1\"}}]}");
		buf_put_u8(&data, 0);
		assert_int_equal(data.err, 0);
		run_open_thinking(&r, PROVIDER_ANTHROPIC, THINK_HIGH);
		run_say(&r, "x");
		expect_request(&r, &body);
		give(&r, 200, (const char *)data.ptr);
		expect_call(&r, "calculator", "expression", "1");
		answer_call(&r, 2, true, "1");
		expect_request(&r, &body);
		assert_int_equal(span_find(buf_span(&body), SPAN("deep")) >= 0, over == 0);
		expect_part(&body, "\"type\":\"tool_use\"");
		run_close(&r);
	}
	buf_clear(&data);
	buf_clear(&body);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_turn_with_two_calls_goes_and_comes_back_in_every_format),
		cmocka_unit_test(an_answer_in_one_document_is_taken),
		cmocka_unit_test(an_earlier_conversation_goes_along),
		cmocka_unit_test(how_much_is_thought_is_asked_for),
		cmocka_unit_test(errors_have_their_class_whoever_words_them),
		cmocka_unit_test(a_thought_goes_back_as_it_came),
		cmocka_unit_test(a_seal_over_the_limit_is_dropped_with_its_thought),
	};

	assert_int_equal(argc, 2);
	agent_program = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
