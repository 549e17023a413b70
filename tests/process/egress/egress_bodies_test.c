/* What a body of each format may ask for. Every refused one is an allowed one with one thing added or changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/mem.h"
#include "egress.h"

struct row {
	enum provider api;
	const char *why; /* NULL: allowed */
	const char *body;
};

#define CHAT(more) "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[]" more "}"
#define RESPONSES(more)                                                                            \
	"{\"model\":\"m\",\"max_output_tokens\":9,\"store\":false,\"input\":[" more "]}"
#define RESPONSES_ALSO(more)                                                                       \
	"{\"model\":\"m\",\"max_output_tokens\":9,\"store\":false,\"input\":[]," more "}"
#define ANTHROPIC(more) "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[]" more "}"
#define SAID(block)                                                                                \
	"{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":[" block   \
	"]}]}"
#define GEMINI(more) "{\"contents\":[],\"generationConfig\":{\"maxOutputTokens\":9}" more "}"
#define PART(part)                                                                                 \
	"{\"contents\":[{\"role\":\"user\",\"parts\":[" part                                       \
	"]}],\"generationConfig\":{\"maxOutputTokens\":9}}"

static const struct row rows[] = {
	{PROVIDER_OPENAI, NULL, CHAT("")},
	{PROVIDER_OPENAI, "member", CHAT(",\"web_search_options\":{}")},
	{PROVIDER_RESPONSES, NULL, RESPONSES("")},
	{PROVIDER_RESPONSES, NULL,
		RESPONSES(
			"{\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"x\"}"
			",{\"type\":\"input_image\",\"image_url\":\"data:image/png;base64,AA\"}]}"
			",{\"type\":\"reasoning\",\"id\":\"r\",\"summary\":[]},{\"type\":"
			"\"function_call\",\"call_id\":\"c\",\"name\":\"n\",\"arguments\":\"{}\"}"
			",{\"type\":\"function_call_output\",\"call_id\":\"c\",\"output\":\"o\"}")},
	{PROVIDER_RESPONSES, NULL, RESPONSES_ALSO("\"include\":[\"reasoning.encrypted_content\"]")},
	{PROVIDER_RESPONSES, NULL, RESPONSES_ALSO("\"tools\":[{\"type\":\"function\"}]")},
	{PROVIDER_RESPONSES, "sealed",
		RESPONSES_ALSO("\"include\":[\"file_search_call.results\"]")},
	{PROVIDER_RESPONSES, "own", RESPONSES_ALSO("\"tools\":[{\"type\":\"web_search\"}]")},
	{PROVIDER_RESPONSES, "own", RESPONSES_ALSO("\"tools\":[{\"type\":\"mcp\"}]")},
	{PROVIDER_RESPONSES, "member", RESPONSES_ALSO("\"previous_response_id\":\"r\"")},
	{PROVIDER_RESPONSES, "member", RESPONSES_ALSO("\"conversation\":\"c\"")},
	{PROVIDER_RESPONSES, "member", RESPONSES_ALSO("\"prompt\":{\"id\":\"p\"}")},
	{PROVIDER_RESPONSES, "member", RESPONSES_ALSO("\"background\":true")},
	{PROVIDER_RESPONSES, "store", "{\"model\":\"m\",\"max_output_tokens\":9,\"input\":[]}"},
	{PROVIDER_RESPONSES, "store",
		"{\"model\":\"m\",\"max_output_tokens\":9,\"store\":true,\"input\":[]}"},
	{PROVIDER_RESPONSES, "neither", RESPONSES("{\"type\":\"item_reference\",\"id\":\"i\"}")},
	{PROVIDER_RESPONSES, "neither",
		RESPONSES("{\"type\":\"function_call_output\",\"call_id\":\"c\",\"output\":[{"
			  "\"type\":\"input_file\",\"file_url\":\"https://evil.example\"}]}")},
	{PROVIDER_RESPONSES, "address",
		RESPONSES("{\"role\":\"user\",\"content\":[{\"type\":\"input_image\",\"image_url\":"
			  "\"https://evil.example/x\"}]}")},
	{PROVIDER_RESPONSES, "address",
		RESPONSES("{\"role\":\"user\",\"content\":[{\"type\":\"input_image\",\"image_url\":"
			  "\"data:x\",\"file_id\":\"f\"}]}")},
	{PROVIDER_RESPONSES, "address",
		RESPONSES("{\"role\":\"user\",\"content\":[{\"type\":\"input_file\",\"file_url\":"
			  "\"data:x\"}]}")},
	{PROVIDER_RESPONSES, "tokens",
		"{\"model\":\"m\",\"max_output_tokens\":101,\"store\":false,\"input\":[]}"},
	{PROVIDER_RESPONSES, "limit", "{\"model\":\"m\",\"store\":false,\"input\":[]}"},
	{PROVIDER_RESPONSES, "model",
		"{\"model\":\"dear\",\"max_output_tokens\":9,\"store\":false,\"input\":[]}"},
	{PROVIDER_ANTHROPIC, NULL, ANTHROPIC("")},
	{PROVIDER_ANTHROPIC, NULL,
		ANTHROPIC(",\"system\":[{\"type\":\"text\",\"text\":\"x\"}],\"tools\":[{\"name\":"
			  "\"n\",\"input_schema\":{}},{\"type\":\"custom\"}]")},
	{PROVIDER_ANTHROPIC, NULL,
		SAID("{\"type\":\"text\"},{\"type\":\"tool_use\"},{\"type\":\"thinking\"},{"
		     "\"type\":\"redacted_thinking\"},{\"type\":\"image\",\"source\":{\"type\":"
		     "\"base64\"}},{\"type\":\"tool_result\",\"content\":\"x\"},{\"type\":\"tool_"
		     "result\",\"content\":[{\"type\":\"text\"}]}")},
	{PROVIDER_ANTHROPIC, "member", ANTHROPIC(",\"mcp_servers\":[]")},
	{PROVIDER_ANTHROPIC, "member", ANTHROPIC(",\"container\":\"c\"")},
	{PROVIDER_ANTHROPIC, "member", ANTHROPIC(",\"service_tier\":\"auto\"")},
	{PROVIDER_ANTHROPIC, "own", ANTHROPIC(",\"tools\":[{\"type\":\"web_search_20250305\"}]")},
	{PROVIDER_ANTHROPIC, "own",
		ANTHROPIC(",\"tools\":[{\"name\":\"n\"},{\"type\":\"code_execution_20250825\"}]")},
	{PROVIDER_ANTHROPIC, "address",
		SAID("{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":"
		     "\"https://evil.example\"}}")},
	{PROVIDER_ANTHROPIC, "address",
		SAID("{\"type\":\"document\",\"source\":{\"type\":\"url\"}}")},
	{PROVIDER_ANTHROPIC, "address",
		SAID("{\"type\":\"image\",\"source\":{\"type\":\"file\",\"file_id\":\"f\"}}")},
	{PROVIDER_ANTHROPIC, "address",
		SAID("{\"type\":\"tool_result\",\"content\":[{\"type\":\"image\",\"source\":{"
		     "\"type\":\"url\"}}]}")},
	{PROVIDER_ANTHROPIC, "address",
		ANTHROPIC(",\"system\":[{\"type\":\"document\",\"source\":{\"type\":\"url\"}}]")},
	{PROVIDER_ANTHROPIC, "address", SAID("{\"type\":\"server_tool_use\"}")},
	{PROVIDER_ANTHROPIC, "tokens", "{\"model\":\"m\",\"max_tokens\":101,\"messages\":[]}"},
	{PROVIDER_ANTHROPIC, "limit", "{\"model\":\"m\",\"messages\":[]}"},
	{PROVIDER_ANTHROPIC, "model", "{\"model\":\"dear\",\"max_tokens\":9,\"messages\":[]}"},
	{PROVIDER_GEMINI, NULL, GEMINI("")},
	{PROVIDER_GEMINI, NULL,
		GEMINI(",\"systemInstruction\":{\"parts\":[{\"text\":\"x\"}]},\"tools\":[{"
		       "\"functionDeclarations\":[]}]")},
	{PROVIDER_GEMINI, NULL,
		PART("{\"text\":\"x\"},{\"inlineData\":{}},{\"functionCall\":{},"
		     "\"thoughtSignature\":\"s\"},{\"functionResponse\":{\"name\":\"n\","
		     "\"response\":{}}}")},
	{PROVIDER_GEMINI, "member", GEMINI(",\"cachedContent\":\"c\"")},
	{PROVIDER_GEMINI, "member", GEMINI(",\"model\":\"m\"")},
	{PROVIDER_GEMINI, "own", GEMINI(",\"tools\":[{\"googleSearch\":{}}]")},
	{PROVIDER_GEMINI, "own", GEMINI(",\"tools\":[{\"codeExecution\":{}}]")},
	{PROVIDER_GEMINI, "own", GEMINI(",\"tools\":[{\"urlContext\":{}}]")},
	{PROVIDER_GEMINI, "address", PART("{\"fileData\":{\"fileUri\":\"https://evil.example\"}}")},
	{PROVIDER_GEMINI, "address",
		PART("{\"functionResponse\":{\"name\":\"n\",\"parts\":[{\"fileData\":{}}]}}")},
	{PROVIDER_GEMINI, "address",
		GEMINI(",\"systemInstruction\":{\"parts\":[{\"fileData\":{}}]}")},
	{PROVIDER_GEMINI, "answer",
		"{\"contents\":[],\"generationConfig\":{\"maxOutputTokens\":9,\"candidateCount\":2}"
		"}"},
	{PROVIDER_GEMINI, "member",
		"{\"contents\":[],\"generationConfig\":{\"maxOutputTokens\":9,"
		"\"responseModalities\":[\"IMAGE\"]}}"},
	{PROVIDER_GEMINI, "tokens",
		"{\"contents\":[],\"generationConfig\":{\"maxOutputTokens\":101}}"},
	{PROVIDER_GEMINI, "limit", "{\"contents\":[]}"},
	{PROVIDER_OFFLINE, "not what", "{}"},
	{PROVIDER_N, "not what", "{}"},
};

static void
a_body_of_every_format_may_ask_for_words_only(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct egress_row row = {
			.api = rows[i].api, .models = SPAN("other/m2\nm"), .max_tokens = 100};
		const char *why = "";
		int rc = egress_envelope_check(&row, SPAN("m"), span_from_cstr(rows[i].body), &why);

		if ((rc == 0) != (rows[i].why == NULL))
			fail_msg("%s: %d, %s", rows[i].body, rc, why);
		if (rc < 0 && strstr(why, rows[i].why) == NULL)
			fail_msg("%s: refused with: %s", rows[i].body, why);
	}
}

/* Where the model's name is in the path, it is still one of the row's. */
static void
a_model_in_the_path_is_one_of_the_rows(void **state)
{
	const struct egress_row row = {
		.api = PROVIDER_GEMINI, .models = SPAN("other/m2\nm"), .max_tokens = 100};
	const char *why;

	(void)state;
	assert_int_equal(egress_envelope_check(&row, SPAN("m"), SPAN(GEMINI("")), &why), 0);
	assert_int_equal(egress_envelope_check(&row, SPAN("other/m2"), SPAN(GEMINI("")), &why), 0);
	assert_true(egress_envelope_check(&row, SPAN("dear"), SPAN(GEMINI("")), &why) < 0);
	assert_true(egress_envelope_check(&row, SPAN(""), SPAN(GEMINI("")), &why) < 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_body_of_every_format_may_ask_for_words_only),
		cmocka_unit_test(a_model_in_the_path_is_one_of_the_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
