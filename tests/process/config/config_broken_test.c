/* Broken configurations: each mistake at its line and column, all of them at once, and no more. */
#include "config_try.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"

#define NOTES 8

struct broken {
	const char *text;
	const char *env;
	struct {
		unsigned line;
		unsigned col;
		const char *what;
	} notes[NOTES];
};

static const struct broken rows[] = {
	/* the language */
	{"", NULL, {{1, 1, "empty"}}},
	{"  \n\t", NULL, {{1, 1, "empty"}}},
	{"{", NULL, {{1, 2, ""}}},
	{"{ gateway: { port: 1 }", NULL, {{1, 23, ""}}},
	{"{\n  gateway: {\n    port 1 } }", NULL, {{3, 10, ""}}},
	{"{ a: 'x\n' }", NULL, {{1, 8, ""}}},
	{"[]", NULL, {{1, 1, "expected an object"}}},
	{"7", NULL, {{1, 1, "expected an object"}}},
	{"{ gateway: { port: 1, port: 2 } }", NULL, {{1, 23, "port"}}},
	{"{ gateway: {}, \"gateway\": {} }", NULL, {{1, 16, "gateway"}}},
	{"{ gateway: { port: 1 } } x", NULL, {{1, 26, ""}}},
	{"{ gateway: { port: 0x } }", NULL, {{1, 22, "a hexadecimal digit"}}},
	{"{ gateway: { port: 1 } /* no end", NULL, {{1, 33, "comment that begins at 1:24"}}},
	{"{ tools: { deny: [1, 2 }, }", NULL, {{1, 24, "expected ',' or ']'"}}},
	{"{ gateway: { port: 1 port: 2 } }", NULL, {{1, 22, "expected ',' or '}'"}}},
	/* keys */
	{"{ __proto__: {} }", NULL, {{1, 3, "__proto__: unknown key"}}},
	{"{ constructor: { prototype: { a: 1 } } }", NULL, {{1, 3, "constructor: unknown key"}}},
	{"{ gateway: { __proto__: { port: 1 } } }", NULL,
		{{1, 14, "gateway.__proto__: unknown key"}}},
	{"{ gatway: {} }", NULL, {{1, 3, "nearest that is known is \"gateway\""}}},
	{"{\n  gateway: {\n    prot: 1,\n    bindd: 'lan',\n  },\n}", NULL,
		{{3, 5, "nearest that is known is \"port\""}, {4, 5, "\"bind\""}}},
	{"{ gateway: { port: 1, }, toools: {} }", NULL, {{1, 26, "\"tools\""}}},
	{"{ gateway: { auth: { mod: 'token' } } }", NULL, {{1, 22, "\"mode\""}}},
	{"{ Gateway: {} }", NULL, {{1, 3, "\"gateway\""}}},
	{"{ 'gateway.port': 1 }", NULL, {{1, 3, "unknown key"}}},
	{"{ '': 1 }", NULL, {{1, 3, "unknown key"}}},
	{"{ channels: { telegram: { bottoken: 'x' } } }", NULL, {{1, 27, "\"botToken\""}}},
	{"{ channels: { telegramm: { } } }", NULL, {{1, 15, "\"telegram\""}}},
	{"{ messages: { queue: { mod: 1 } } }", NULL, {{1, 24, "\"mode\""}}},
	{"{ gateway: [] }", NULL, {{1, 12, "expected an object"}}},
	{"{ gateway: 'x', tools: 3 }", NULL,
		{{1, 12, "expected an object"}, {1, 24, "expected an object"}}},
	{"{ agents: { list: {} } }", NULL, {{1, 19, "expected a list"}}},
	{"{ $include: './x.json' }", NULL, {{1, 13, "\"x.json\" cannot be read"}}},
	{"{ gateway: { $include: ['./x.json'] } }", NULL, {{1, 25, "\"x.json\" cannot be read"}}},
	/* kinds and ranges */
	{"{ gateway: { port: 0 } }", NULL, {{1, 20, "from 1 to 65535"}}},
	{"{ gateway: { port: 65536 } }", NULL, {{1, 20, "from 1 to 65535"}}},
	{"{ gateway: { port: -1 } }", NULL, {{1, 20, "from 1 to 65535"}}},
	{"{ gateway: { port: 1.5 } }", NULL, {{1, 20, "whole number"}}},
	{"{ gateway: { port: 1e400 } }", NULL, {{1, 20, "gateway.port"}}},
	{"{ gateway: { port: Infinity } }", NULL, {{1, 20, "gateway.port"}}},
	{"{ gateway: { port: 'abc' } }", NULL, {{1, 20, "whole number"}}},
	{"{ gateway: { port: true } }", NULL, {{1, 20, "found boolean"}}},
	{"{ gateway: { port: null } }", NULL, {{1, 20, "found null"}}},
	{"{ gateway: { port: [1] } }", NULL, {{1, 20, "found array"}}},
	{"{ gateway: { controlUi: { enabled: 1 } } }", NULL, {{1, 36, "true or false"}}},
	{"{ gateway: { controlUi: { enabled: 'yes' } } }", NULL, {{1, 36, "without quotes"}}},
	{"{ gateway: { controlUi: { basePath: 'x' } } }", NULL, {{1, 37, "basePath"}}},
	{"{ gateway: { controlUi: { basePath: '/a/../b' } } }", NULL, {{1, 37, "basePath"}}},
	{"{ gateway: { controlUi: { basePath: '/a//b' } } }", NULL, {{1, 37, "basePath"}}},
	{"{ gateway: { bind: 'lann' } }", NULL, {{1, 20, "nearest is \"lan\""}}},
	{"{ gateway: { bind: 'qqqqqqqq' } }", NULL,
		{{1, 20, "none of: auto loopback lan custom tailnet"}}},
	{"{ gateway: { bind: 'LOOPBACK' } }", NULL, {{1, 20, "nearest is \"loopback\""}}},
	{"{ logging: { level: 'chatty' } }", NULL, {{1, 21, "logging.level"}}},
	{"{ agents: { defaults: { sandbox: { limits: { memory: '1GiB', wall: '2h' } } } } }", NULL,
		{{1, 54, "limits.memory"}, {1, 68, "limits.wall"}}},
	{"{ agents: { defaults: { sandbox: { limits: { memory: 'lots' } } } } }", NULL,
		{{1, 54, "a size such as"}}},
	{"{ agents: { defaults: { workspace: '' } } }", NULL, {{1, 36, "must not be empty"}}},
	{"{ agents: { defaults: { workspace: 'a\\u0000b' } } }", NULL, {{1, 36, "NUL"}}},
	/* where it listens */
	{"{ gateway: {\n bind: 'lan' } }", NULL, {{2, 8, "behindTlsProxy: true"}}},
	{"{ gateway: { bind: 'custom' } }", NULL, {{1, 20, "customBindHost"}}},
	{"{ gateway: { bind: 'custom', customBindHost: 'host.example' } }", NULL,
		{{1, 46, "literal address"}}},
	{"{ gateway: { bind: 'custom', customBindHost: '0.0.0.0' } }", NULL,
		{{1, 20, "behindTlsProxy: true"}}},
	{"{ gateway: { bind: 'custom', customBindHost: '192.168.1.5' } }", NULL,
		{{1, 20, "behindTlsProxy: true"}}},
	{"{ gateway: { trustedProxies: ['10.0.0.0/8', 'proxy', '10.0.0.1'] } }", NULL,
		{{1, 31, "no address"}, {1, 45, "no address"}}},
	{"{ gateway: { allowedOrigins: ['*', 'https://a.example/', 'null'] } }", NULL,
		{{1, 31, "no origin"}, {1, 36, "no origin"}, {1, 58, "no origin"}}},
	{"{ gateway: { allowedHosts: ['*.example.org', 'a/b', 'u@h'] } }", NULL,
		{{1, 29, "no host"}, {1, 46, "no host"}, {1, 53, "no host"}}},
	{"{}", "MOLTBOT_GATEWAY_PORT=70000\n", {{0, 0, "MOLTBOT_GATEWAY_PORT is no port"}}},
	{"{}", "RAILWAY_ENVIRONMENT=production\nPORT=http\n", {{0, 0, "PORT is no port"}}},
	/* who may come in */
	{"{ gateway: { auth: { mode: 'none' } } }", NULL, {{1, 28, "none of: token password"}}},
	{"{ gateway: { auth: { mode: 'password' } } }", NULL, {{1, 28, "needs a password"}}},
	{"{ gateway: { mode: 'remote', auth: { mode: 'password' } } }",
		"MOLTBOT_SECRET_NAMES=MOLTBOT_GATEWAY_PASSWORD\n",
		{{1, 44, "needs token authentication"}}},
	{"{ gateway: { auth: { token: '${GONE_TOKEN}' } } }", NULL,
		{{1, 29, "GONE_TOKEN is not set or empty"}}},
	{"{ gateway: { auth: { token: '${MY_THING}' } } }", "MY_THING=x\n",
		{{1, 29, "must end in _KEY"}}},
	{"{ gateway: { auth: { token: 'Bearer ${MY_TOKEN}' } } }",
		"MOLTBOT_SECRET_NAMES=MY_TOKEN\n", {{1, 29, "one whole ${NAME}"}}},
	{"{ gateway: { auth: { token: 'short' } } }", NULL, {{1, 29, "16 to 4096"}}},
	{"{ gateway: { auth: { token: '${A_TOKEN}' }, token: '${A_TOKEN}' } }",
		"MOLTBOT_SECRET_NAMES=A_TOKEN\n", {{1, 45, "already set in line 1"}}},
	/* variables */
	{"{ gateway: { publicDomain: '${DOMAIN}' } }", NULL,
		{{1, 28, "DOMAIN is not set or empty"}}},
	{"{ gateway: { publicDomain: '${DOMAIN}' } }", "DOMAIN=\n",
		{{1, 28, "DOMAIN is not set or empty"}}},
	{"{ gateway: { publicDomain: '${A}.${B}.org' } }", NULL,
		{{1, 28, "variable A "}, {1, 28, "variable B "}}},
	{"{ gateway: { publicDomain: '${MY_TOKEN}' } }", "MOLTBOT_SECRET_NAMES=MY_TOKEN\n",
		{{1, 28, "is a secret"}}},
	{"{ gateway: { port: '${P}' } }", "P=eighty\n", {{1, 20, "whole number"}}},
	{"{ gateway: { allowedHosts: ['a', '${NO}'] } }", NULL, {{1, 34, "NO is not set"}}},
	/* tools */
	{"{ tools: { deny: ['shel_exec'] } }", NULL, {{1, 19, "nearest is \"shell_exec\""}}},
	{"{ tools: { allow: ['file_read', 'fileread', ''] } }", NULL,
		{{1, 33, "nearest is \"file_read\""}, {1, 45, "matches no tool"}}},
	{"{ tools: { deny: ['group:fss', 'profile:coding'] } }", NULL,
		{{1, 19, "\"group:fs\""}, {1, 32, "matches no tool"}}},
	{"{ tools: { deny: 'shell_exec' } }", NULL, {{1, 18, "a list of texts"}}},
	{"{ tools: { deny: [1, null] } }", NULL,
		{{1, 19, "expected a text"}, {1, 22, "expected a text"}}},
	{"{ tools: { allow: [], alsoAllow: ['file_read'] } }", NULL,
		{{1, 34, "exclude each other"}}},
	{"{ tools: { byProvider: { openai: { deny: ['nope_nope'] } } } }", NULL,
		{{1, 43, "matches no tool"}}},
	/* models */
	{"{ agents: { defaults: { model: 'amazon-bedrock/claude-opus' } } }", NULL,
		{{1, 32, "amazon-bedrock is not in this version"}}},
	{"{ agents: { defaults: { model: 'anthropic/claude-opus' } } }", NULL,
		{{1, 32, "set the variable ANTHROPIC_API_KEY"}}},
	{"{ agents: { defaults: { model: 'google/gemini-3' } } }", NULL,
		{{1, 32, "set the variable GOOGLE_AI_API_KEY"}}},
	{"{ models: { providers: { x: { baseUrl: 'https://x.example', api: 'github-copilot' } } } "
	 "}",
		NULL, {{1, 66, "\"github-copilot\" is not in this version"}}},
	{"{ agents: { defaults: { model: 'gpt' } } }", NULL, {{1, 32, "expected provider/model"}}},
	{"{ agents: { defaults: { model: { primary: 'openai/gpt' } } } }", NULL,
		{{1, 43, "set the variable OPENAI_API_KEY"}}},
	{"{ agents: { defaults: { model: 'lokal/m' } }, models: { providers: { local: { baseUrl: "
	 "'http://127.0.0.1:11434/v1' } } } }",
		NULL, {{1, 32, "nearest is \"local\""}}},
	{"{ models: { providers: { x: { baseUrl: 'http://api.example.org/v1' } } } }", NULL,
		{{1, 40, "clear text"}}},
	{"{ models: { providers: { x: { baseUrl: 'https://u:p@api.example.org/' } } } }", NULL,
		{{1, 40, "without query or user"}}},
	{"{ models: { providers: { x: { baseUrl: 'https://a.example/v1?k=1' } } } }", NULL,
		{{1, 40, "without query or user"}}},
	{"{ models: { providers: { x: { baseUrl: 'http://169.254.169.254/latest' } } } }", NULL,
		{{1, 40, "no place for a service"}}},
	{"{ models: { providers: { x: { baseUrl: 'http://2130706433/' } } } }", NULL,
		{{1, 40, "baseUrl"}}},
	{"{ models: { providers: { x: { baseUrl: 'http://localhost.example/v1' } } } }", NULL,
		{{1, 40, "clear text"}}},
	{"{ models: { providers: { x: { api: 'bedrock-converse-stream', baseUrl: "
	 "'https://a.example' } } } }",
		NULL, {{1, 36, "not in this version"}}},
	{"{ models: { providers: { x: { api: 'openai-completions' } } } }", NULL,
		{{1, 36, "baseUrl is missing"}}},
	{"{ models: { providers: { 'a b': { baseUrl: 'https://a.example' } } } }", NULL,
		{{1, 44, "is no id"}}},
	{"{ models: { providers: { 'gateway-token': { baseUrl: 'https://a.example' } } } }", NULL,
		{{1, 54, "name of our own"}}},
	/* several at once, in several lines */
	{"{\n  gateway: { prot: 1, bind: 'x' },\n  tools: { deny: ['a_b_c'] },\n  agnets: {},\n}",
		NULL,
		{{2, 14, "\"port\""}, {2, 29, "gateway.bind"}, {3, 19, "matches no tool"},
			{4, 3, "\"agents\""}}},
	/* columns count characters */
	{"{ /* \xc3\xa4\xc3\xb6 */ gatway: 1 }", NULL, {{1, 12, "\"gateway\""}}},
	{"{\r\n  gatway: 1 }", NULL, {{2, 3, "\"gateway\""}}},
};

static void
check_row(const struct broken *row)
{
	struct try t;
	size_t want = 0;

	try_cstr(&t, row->text, row->env);
	for (size_t i = 0; i < NOTES && row->notes[i].what != NULL; i++, want++) {
		if (!try_noted(&t, true, row->notes[i].line, row->notes[i].col, row->notes[i].what))
			fail_msg("%s\nno mistake at %u:%u with \"%s\", but\n%.*s", row->text,
				row->notes[i].line, row->notes[i].col, row->notes[i].what,
				(int)t.notes.len, (const char *)t.notes.ptr);
	}
	if (t.c.mistakes != want)
		fail_msg("%s\n%zu mistakes, not %zu:\n%.*s", row->text, t.c.mistakes, want,
			(int)t.notes.len, (const char *)t.notes.ptr);
	assert_int_equal(t.rc, ERR_SYNTAX);
	try_clear(&t);
}

static void
test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_row(&rows[i]);
	print_message("%zu broken configurations\n", sizeof(rows) / sizeof(rows[0]));
}

/* A file over the limit is refused with the line in which it passes it. */
static void
test_too_long(void **state)
{
	struct buf text = {.max = MIB(16u)};
	struct try t;

	(void)state;
	buf_put_cstr(&text, "{\n");
	for (unsigned i = 0; i < 1000000; i++)
		buf_put_fmt(&text, "k%u:1,\n", i);
	buf_put_cstr(&text, "}");
	try_text(&t, buf_span(&text), NULL);
	assert_int_equal(t.c.mistakes, 1);
	assert_true(t.c.notes[0].at.line > 1000);
	assert_true(span_find(t.c.notes[0].text, SPAN("longer than 1048576 bytes")) >= 0);
	try_clear(&t);
	/* one byte less than too long is read */
	buf_reset(&text);
	buf_put_cstr(&text, "{}");
	while (text.len < CONFIG_FILE_MAX)
		buf_put_u8(&text, ' ');
	try_text(&t, buf_span(&text), NULL);
	assert_int_equal(t.rc, 0);
	try_clear(&t);
	buf_put_u8(&text, ' ');
	try_text(&t, buf_span(&text), NULL);
	assert_int_equal(t.rc, ERR_SYNTAX);
	try_clear(&t);
	buf_clear(&text);
}

/* As many keys as fit: refused by the number of values, with a line. */
static void
test_too_many(void **state)
{
	struct buf text = {.max = CONFIG_FILE_MAX};
	struct try t;

	(void)state;
	buf_put_cstr(&text, "{\n");
	for (unsigned i = 0; i < 90000; i++)
		buf_put_fmt(&text, "k%u:1,\n", i);
	buf_put_cstr(&text, "}");
	assert_int_equal(text.err, 0);
	try_text(&t, buf_span(&text), NULL);
	assert_int_equal(t.c.mistakes, 1);
	assert_true(t.c.notes[0].at.line > 60000);
	try_clear(&t);
	buf_clear(&text);
}

/* Many mistakes: the first are shown, the rest are counted. */
static void
test_many_mistakes(void **state)
{
	struct buf text = {.max = CONFIG_FILE_MAX};
	struct try t;

	(void)state;
	buf_put_cstr(&text, "{\n");
	for (unsigned i = 0; i < 1000; i++)
		buf_put_fmt(&text, "k%u:1,\n", i);
	buf_put_cstr(&text, "}");
	try_text(&t, buf_span(&text), NULL);
	assert_int_equal(t.c.mistakes, 1000);
	assert_int_equal(t.c.nnotes, CONFIG_NOTES_MAX);
	assert_true(span_find(buf_span(&t.notes), SPAN("800 more are not shown")) >= 0);
	try_clear(&t);
	buf_clear(&text);
}

/* Too many entries of one list, and too many providers. */
static void
test_lists(void **state)
{
	struct buf text = {.max = CONFIG_FILE_MAX};
	struct try t;

	(void)state;
	buf_put_cstr(&text, "{ tools: { deny: [");
	for (unsigned i = 0; i <= CONFIG_LIST_MAX; i++)
		buf_put_cstr(&text, "'calculator',");
	buf_put_cstr(&text, "] }, models: { providers: {");
	for (unsigned i = 0; i <= CONFIG_PROVIDERS_MAX; i++)
		buf_put_fmt(&text, "p%u: { baseUrl: 'https://p%u.example' },", i, i);
	buf_put_cstr(&text, "} } }");
	try_text(&t, buf_span(&text), NULL);
	assert_int_equal(t.c.mistakes, 2);
	assert_true(try_noted(&t, true, 1, 18, "more than 256 entries"));
	assert_true(span_find(buf_span(&t.notes), SPAN("more than 60 providers")) >= 0);
	try_clear(&t);
	buf_clear(&text);
}

/* Lists that a process holds in places of a fixed number: as many are taken, the next is refused at its place. */
static void
test_edge_lists(void **state)
{
	static const struct {
		const char *name;
		const char *before;
		const char *behind;
	} lists[] = {{"allowedHosts", "h", ".example"}, {"allowedOrigins", "https://h", ".example"},
		{"trustedProxies", "10.0.0.", ""}};
	struct try t;

	(void)state;
	for (unsigned i = 0; i < 2 * sizeof(lists) / sizeof(lists[0]); i++) {
		struct buf text = {.max = CONFIG_FILE_MAX};

		buf_put_fmt(&text, "{ gateway: { %s: [\n", lists[i / 2].name);
		for (unsigned n = 0; n < EDGE_HOSTS_MAX + i % 2; n++)
			buf_put_fmt(
				&text, "'%s%u%s',\n", lists[i / 2].before, n, lists[i / 2].behind);
		buf_put_cstr(&text, "] } }");
		try_text(&t, buf_span(&text), NULL);
		assert_int_equal(t.c.mistakes, i % 2);
		if (i % 2 == 1)
			assert_true(
				try_noted(&t, true, EDGE_HOSTS_MAX + 2, 1, "more than 32 entries"));
		try_clear(&t);
		buf_clear(&text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_many_mistakes),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_edge_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
