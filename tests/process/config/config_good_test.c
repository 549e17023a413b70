/* Configurations that load: what each process is told, what the supervisor is told, and what never goes where. */
#include "config_try.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/log.h"
#include "proto/tools.h"

#define BIT(tool) (UINT64_C(1) << (tool))

static void
good(struct try *t, const char *text, const char *env)
{
	try_cstr(t, text, env);
	if (t->rc != 0)
		fail_msg("%s\n%.*s", text, (int)t->notes.len, (const char *)t->notes.ptr);
}

static void
test_nothing(void **state)
{
	struct try t = {.notes.max = MIB(1u)};

	(void)state;
	t.in = (struct config_input){
		.path = SPAN("moltbot.json"), .absent = true, .owner_uid = 1000};
	assert_int_equal(config_translate(&t.c, &t.in), 0);
	assert_int_equal(t.c.nnotes, 0);
	assert_int_equal(t.c.nlisten, 2);
	assert_int_equal(addr_classify(&t.c.listen[0].addr), ADDR_LOOPBACK);
	assert_int_equal(addr_classify(&t.c.listen[1].addr), ADDR_LOOPBACK);
	assert_int_equal(t.c.listen[0].port, 18789);
	assert_int_equal(t.c.numbers[VALUE_TIER_MIN], JAIL_TIER_LANDLOCK_UID);
	assert_int_equal(t.c.numbers[VALUE_LOG_LEVEL], LOG_INFO);
	assert_int_equal(t.c.numbers[VALUE_AGENTS], 1);
	assert_false(t.c.number_set[VALUE_UID_BASE]);
	assert_int_equal(try_u64(&t, KIND_ANON, "gateway.port"), 18789);
	assert_int_equal(try_u64(&t, KIND_USER, "control.uid"), 1000);
	assert_true(try_bool(&t, KIND_ANON, "gateway.controlUi.enabled"));
	assert_true(try_bool(&t, KIND_USER, "gateway.http.endpoints.chatCompletions.enabled"));
	assert_true(try_bool(&t, KIND_USER, "gateway.rateLimit.enabled"));
	assert_false(try_bool(&t, KIND_ANON, "gateway.behindTlsProxy"));
	assert_false(try_bool(&t, KIND_ANON, "gateway.controlUi.allowInsecureAuth"));
	try_expect_str(&t, KIND_VAULT, "auth.mode", "token");
	assert_false(try_has(&t, KIND_VAULT, "secret.gateway-token.source"));
	assert_int_equal(try_u64(&t, KIND_CORE, "agent.provider"), PROVIDER_OFFLINE);
	assert_int_equal(try_u64(&t, KIND_GATE, "provider.rows"), 0);
	assert_int_equal(try_u64(&t, KIND_GATE, "tools.deny_mask"), 0);
	assert_int_equal(try_u64(&t, KIND_GATE, "tools.allow_mask"), BIT(TOOL_N) - 2);
	assert_int_equal(try_u64(&t, KIND_CORE, "run.wall_ms"), RUN_WALL_MS);
	assert_int_equal(try_u64(&t, KIND_CORE, "runs.concurrent"), RUNS_CONCURRENT_MAX);
	try_clear(&t);
}

/* The two examples of the security checklist. */
static struct span
example(struct buf *file, const char *title)
{
	struct span rest = buf_span(file);
	ptrdiff_t at = span_find(rest, span_from_cstr(title));

	rest = span_sub(rest, (size_t)at, rest.len);
	at = span_find(rest, SPAN("```json5\n"));
	rest = span_sub(rest, (size_t)at + 9, rest.len);
	return span_sub(rest, 0, (size_t)span_find(rest, SPAN("```")));
}

static void
test_checklist(void **state)
{
	struct buf file = {.max = MIB(1u)};
	struct try t;

	(void)state;
	if (!try_read(SEED "/security-checklist.md", &file)) {
		print_message("skipped: no security checklist\n");
		skip();
	}
	try_text(&t, example(&file, "### Maximum Security"),
		"MOLTBOT_SECRET_NAMES=CLAWDBOT_GATEWAY_TOKEN,OTHER_KEY\n");
	assert_int_equal(t.rc, 0);
	assert_true(try_has(&t, KIND_CORE, "session.persist"));
	try_expect_str(&t, KIND_VAULT, "secret.gateway-token.source", "env:CLAWDBOT_GATEWAY_TOKEN");
	assert_false(try_has(&t, KIND_VAULT, "secret.gateway-token.literal"));
	assert_int_equal(try_u64(&t, KIND_USER, "gateway.rateLimit.maxRequestsPerMinute"), 30);
	assert_int_equal(try_u64(&t, KIND_GATE, "tools.deny_mask"), BIT(TOOL_FILE_DELETE));
	assert_int_equal(try_u64(&t, KIND_CORE, "tools.allow_mask"),
		(BIT(TOOL_N) - 2) & ~BIT(TOOL_FILE_DELETE));
	try_clear(&t);
	try_text(&t, example(&file, "### Tool Restrictions"), NULL);
	assert_int_equal(t.rc, 0);
	assert_int_equal(t.c.nnotes, 0);
	assert_int_equal(try_u64(&t, KIND_GATE, "tools.allow_mask"),
		BIT(TOOL_FILE_READ) | BIT(TOOL_CALCULATOR));
	assert_int_equal(try_u64(&t, KIND_GATE, "tools.deny_mask"),
		BIT(TOOL_SHELL_EXEC) | BIT(TOOL_FILE_WRITE));
	try_clear(&t);
	try_text(&t, example(&file, "### Automated Monitoring"), NULL);
	assert_int_equal(t.rc, 0);
	try_clear(&t);
	buf_clear(&file);
}

/* Every documented key is known: none stops the start. */
static void
test_documented(void **state)
{
	struct buf file = {.max = MIB(1u)};
	struct try t;

	(void)state;
	assert_true(try_read(EXAMPLES "/documented.json5", &file));
	try_text(
		&t, buf_span(&file), "MOLTBOT_SECRET_NAMES=OPENAI_API_KEY,MOLTBOT_GATEWAY_TOKEN\n");
	if (t.rc != 0)
		fail_msg("%.*s", (int)t.notes.len, (const char *)t.notes.ptr);
	assert_true(t.c.warnings > 40);
	try_clear(&t);
	buf_clear(&file);
}

static void
test_environment(void **state)
{
	struct try t;

	(void)state;
	good(&t, "{ gateway: { port: 1000 } }",
		"CLAWDBOT_GATEWAY_PORT=3000\nOPENCLAW_GATEWAY_PORT=2000\nPORT=9\n");
	assert_int_equal(t.c.port, 2000);
	try_clear(&t);
	good(&t, "{ gateway: { port: 1000 } }",
		"MOLTBOT_GATEWAY_PORT=4000\nCLAWDBOT_GATEWAY_PORT=3000\n");
	assert_int_equal(t.c.port, 4000);
	try_clear(&t);
	good(&t, "{ gateway: { port: 1000 } }", "PORT=9\n");
	assert_int_equal(t.c.port, 1000);
	try_clear(&t);
	good(&t, "{}", "MOLTBOT_SECRET_NAMES=CLAWDBOT_GATEWAY_TOKEN,OPENCLAW_GATEWAY_TOKEN\n");
	try_expect_str(&t, KIND_VAULT, "secret.gateway-token.source", "env:OPENCLAW_GATEWAY_TOKEN");
	try_clear(&t);
	good(&t, "{ gateway: { auth: { token: '${MINE_TOKEN}' } } }",
		"MOLTBOT_SECRET_NAMES=MOLTBOT_GATEWAY_TOKEN,MINE_TOKEN\n");
	try_expect_str(&t, KIND_VAULT, "secret.gateway-token.source", "env:MINE_TOKEN");
	try_clear(&t);
	good(&t, "{}", "MOLTBOT_SECRET_NAMES=MOLTBOT_GATEWAY_PASSWORD\n");
	try_expect_str(&t, KIND_VAULT, "auth.mode", "password");
	try_clear(&t);
}

static void
test_railway(void **state)
{
	struct try t;

	(void)state;
	good(&t, "{}",
		"RAILWAY_ENVIRONMENT=production\nPORT=8080\nRAILWAY_PUBLIC_DOMAIN=bot.up.railway."
		"app\n");
	assert_int_equal(t.c.nlisten, 1);
	assert_int_equal(t.c.listen[0].port, 8080);
	assert_int_equal(addr_classify(&t.c.listen[0].addr), ADDR_UNSPECIFIED);
	assert_true(try_bool(&t, KIND_ANON, "gateway.behindTlsProxy"));
	try_expect_str(&t, KIND_ANON, "gateway.publicDomain", "bot.up.railway.app");
	try_clear(&t);
	/* whoever says that there is no proxy does not get clear text */
	try_cstr(&t, "{ gateway: { behindTlsProxy: false } }",
		"RAILWAY_ENVIRONMENT=production\nPORT=8080\n");
	assert_int_equal(t.rc, ERR_SYNTAX);
	try_clear(&t);
}

static void
test_listen(void **state)
{
	struct try t;

	(void)state;
	good(&t, "{ gateway: { bind: 'lan', behindTlsProxy: true } }", NULL);
	assert_int_equal(t.c.nlisten, 1);
	assert_int_equal(addr_classify(&t.c.listen[0].addr), ADDR_UNSPECIFIED);
	try_clear(&t);
	good(&t, "{ gateway: { bind: 'custom', customBindHost: '127.0.0.5' } }", NULL);
	assert_int_equal(t.c.listen[0].addr.bytes[3], 5);
	try_clear(&t);
	good(&t, "{ gateway: { bind: 'tailnet' } }", NULL);
	assert_int_equal(t.c.nlisten, 2);
	assert_int_equal(t.c.warnings, 1);
	try_clear(&t);
	good(&t,
		"{ gateway: { allowedOrigins: ['https://chat.example.org'], allowedHosts: "
		"['a:1', 'b'], trustedProxies: ['10.0.0.1'] } }",
		NULL);
	try_expect_str(&t, KIND_ANON, "gateway.allowedOrigins.0", "https://chat.example.org");
	try_expect_str(&t, KIND_ANON, "gateway.allowedHosts.1", "b");
	try_expect_str(&t, KIND_ANON, "gateway.trustedProxies.0", "10.0.0.1");
	try_clear(&t);
}

/* A literal goes to vault and nowhere else: no other slice, no message. */
static void
test_literal(void **state)
{
	static const char text[] =
		"{ gateway: { auth: { token: 'CANARY-0123456789abcdef' } },\n"
		"  models: { providers: { acme: { baseUrl: 'https://api.acme.example/v1', apiKey: "
		"'CANARY-key', models: [{ id: 'm1' }] } } } }";
	struct try t;

	(void)state;
	good(&t, text, NULL);
	try_expect_str(&t, KIND_VAULT, "secret.gateway-token.source", "literal");
	try_expect_str(&t, KIND_VAULT, "secret.gateway-token.literal", "CANARY-0123456789abcdef");
	try_expect_str(&t, KIND_VAULT, "secret.acme.literal", "CANARY-key");
	for (unsigned k = 0; k < KIND_N; k++)
		assert_int_equal(
			span_find(buf_span(&t.c.slices[k]), SPAN("CANARY")) >= 0, k == KIND_VAULT);
	assert_true(span_find(buf_span(&t.notes), SPAN("CANARY")) < 0);
	assert_true(try_noted(&t, false, 1, 29, "set the variable MOLTBOT_GATEWAY_TOKEN"));
	assert_true(try_noted(&t, false, 2, 82, "set the variable ACME_API_KEY"));
	try_clear(&t);
}

static void
test_variables(void **state)
{
	struct try t;

	(void)state;
	good(&t,
		"{ env: { vars: { A: 'one', B: 'not this' }, C: 'three' }, gateway: { "
		"publicDomain: '${A}-${B}-${C}.example' } }",
		"B=two\n");
	try_expect_str(&t, KIND_ANON, "gateway.publicDomain", "one-two-three.example");
	try_clear(&t);
	/* no names: text as it stands; an escape gives the reference itself */
	good(&t, "{ agents: { defaults: { workspace: '/x/$${A}/$B/${a}/${A:-b}/$' } } }", NULL);
	try_expect_str(&t, KIND_CORE, "agents.defaults.workspace", "/x/${A}/$B/${a}/${A:-b}/$");
	try_clear(&t);
	good(&t, "{ gateway: { port: '${P}', controlUi: { enabled: '${E}' } } }",
		"P=1234\nE=false\n");
	assert_int_equal(t.c.port, 1234);
	assert_false(try_bool(&t, KIND_ANON, "gateway.controlUi.enabled"));
	try_clear(&t);
	/* values are not looked at again */
	good(&t, "{ agents: { defaults: { workspace: '${A}' } } }", "A=${B}\nB=x\n");
	try_expect_str(&t, KIND_CORE, "agents.defaults.workspace", "${B}");
	try_clear(&t);
}

static void
test_models(void **state)
{
	struct try t;

	(void)state;
	good(&t, "{ agents: { defaults: { model: { primary: 'openai/gpt-5.2' } } } }",
		"MOLTBOT_SECRET_NAMES=OPENAI_API_KEY\n");
	assert_int_equal(try_u64(&t, KIND_CORE, "agent.provider"), PROVIDER_OPENAI);
	try_expect_str(&t, KIND_CORE, "agent.model", "gpt-5.2");
	assert_int_equal(try_u64(&t, KIND_CORE, "provider.row"), 1);
	assert_int_equal(try_u64(&t, KIND_GATE, "provider.rows"), 2);
	try_expect_str(&t, KIND_DIAL, "row.1.host", "api.openai.com");
	try_expect_str(&t, KIND_EGRESS, "row.1.path", "/v1");
	assert_int_equal(try_u64(&t, KIND_EGRESS, "row.1.api"), PROVIDER_OPENAI);
	try_expect_str(&t, KIND_CORE, "provider.name", "openai");
	assert_false(try_bool(&t, KIND_DIAL, "row.1.local"));
	try_expect_str(&t, KIND_VAULT, "secret.openai.source", "env:OPENAI_API_KEY");
	try_expect_str(&t, KIND_VAULT, "secret.openai.host", "api.openai.com");
	try_expect_str(&t, KIND_VAULT, "secret.openai.header", "Authorization");
	try_expect_str(&t, KIND_VAULT, "secret.openai.prefix", "Bearer ");
	assert_int_equal(try_u64(&t, KIND_VAULT, "secret.openai.port"), 443);
	assert_int_equal(try_u64(&t, KIND_VAULT, "secret.openai.row"), 1);
	try_clear(&t);
	/* a key alone chooses nothing */
	good(&t, "{}", "MOLTBOT_SECRET_NAMES=OPENAI_API_KEY\n");
	assert_int_equal(try_u64(&t, KIND_CORE, "agent.provider"), PROVIDER_OFFLINE);
	assert_false(try_has(&t, KIND_VAULT, "secret.openai.source"));
	try_clear(&t);
	/* the key of the real service does not go to another place that has taken its name */
	good(&t,
		"{ models: { providers: { openai: { baseUrl: 'https://evil.example/v1', models: [{ "
		"id: 'm' }] } } } }",
		"MOLTBOT_SECRET_NAMES=OPENAI_API_KEY\n");
	assert_false(try_has(&t, KIND_VAULT, "secret.openai.source"));
	try_clear(&t);
	good(&t,
		"{ models: { providers: { zed: { baseUrl: 'https://z.example' }, loc: { baseUrl: "
		"'http://localhost:11434/v1/',"
		" models: [{ id: 'x' }, { id: 'llama', maxTokens: 777 }] } } }, agents: { "
		"defaults: { model: 'loc/llama' } } }",
		NULL);
	try_expect_str(&t, KIND_DIAL, "row.1.name", "loc");
	try_expect_str(&t, KIND_DIAL, "row.2.name", "zed");
	try_expect_str(&t, KIND_DIAL, "row.1.host", "127.0.0.1");
	try_expect_str(&t, KIND_DIAL, "row.1.scheme", "http");
	try_expect_str(&t, KIND_EGRESS_ZYGOTE, "row.1.path", "/v1");
	assert_true(try_bool(&t, KIND_EGRESS, "row.1.local"));
	assert_int_equal(try_u64(&t, KIND_EGRESS, "row.1.maxTokens"), 777);
	assert_int_equal(try_u64(&t, KIND_CORE, "agent.max_tokens"), 777);
	try_clear(&t);
	/* an alias of a model */
	good(&t,
		"{ agents: { defaults: { model: 'fast', models: { 'groq/llama-3': { alias: 'fast', "
		"params: { maxTokens: 99 } } } } } }",
		"MOLTBOT_SECRET_NAMES=GROQ_API_KEY\n");
	try_expect_str(&t, KIND_CORE, "agent.model", "llama-3");
	assert_int_equal(try_u64(&t, KIND_CORE, "agent.max_tokens"), 99);
	try_clear(&t);
	/* the first model of the only provider */
	good(&t,
		"{ models: { providers: { a: { baseUrl: 'https://a.example/api/chat/completions', "
		"models: [{ id: 'one' }] } } } }",
		NULL);
	try_expect_str(&t, KIND_CORE, "agent.model", "one");
	try_expect_str(&t, KIND_EGRESS, "row.1.path", "/api");
	try_clear(&t);
}

/* Services with a format of their own: where they are asked, and in which header the key goes. */
static void
test_native_models(void **state)
{
	static const struct {
		const char *model, *variable, *host, *path, *header, *prefix;
		enum provider api;
		uint64_t port;
	} rows[] = {
		{"anthropic/claude-opus-4-5", "ANTHROPIC_API_KEY", "api.anthropic.com", "",
			"x-api-key", "", PROVIDER_ANTHROPIC, 443},
		{"google/gemini-3-pro", "GOOGLE_AI_API_KEY", "generativelanguage.googleapis.com",
			"/v1beta", "x-goog-api-key", "", PROVIDER_GEMINI, 443},
		{"google/gemini-3-pro", "GEMINI_API_KEY", "generativelanguage.googleapis.com",
			"/v1beta", "x-goog-api-key", "", PROVIDER_GEMINI, 443},
		{"openrouter/a/b", "OPENROUTER_API_KEY", "openrouter.ai", "/api/v1",
			"Authorization", "Bearer ", PROVIDER_OPENAI, 443},
	};
	char text[256];
	char env[128];
	struct try t;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char secret[64];
		struct span id = span_from_cstr(rows[i].model);

		id = span_cut(&id, '/');
		(void)snprintf(text, sizeof(text), "{ agents: { defaults: { model: '%s' } } }",
			rows[i].model);
		(void)snprintf(env, sizeof(env), "MOLTBOT_SECRET_NAMES=%s\n", rows[i].variable);
		good(&t, text, env);
		assert_int_equal(try_u64(&t, KIND_CORE, "agent.provider"), rows[i].api);
		assert_int_equal(try_u64(&t, KIND_EGRESS, "row.1.api"), rows[i].api);
		try_expect_str(&t, KIND_DIAL, "row.1.host", rows[i].host);
		try_expect_str(&t, KIND_EGRESS, "row.1.path", rows[i].path);
		(void)snprintf(secret, sizeof(secret), "secret.%.*s.header", (int)id.len,
			(const char *)id.ptr);
		try_expect_str(&t, KIND_VAULT, secret, rows[i].header);
		(void)snprintf(secret, sizeof(secret), "secret.%.*s.prefix", (int)id.len,
			(const char *)id.ptr);
		try_expect_str(&t, KIND_VAULT, secret, rows[i].prefix);
		try_clear(&t);
	}
	/* one on this machine needs no key */
	good(&t, "{ agents: { defaults: { model: 'ollama/llama3' } } }", NULL);
	try_expect_str(&t, KIND_DIAL, "row.1.host", "127.0.0.1");
	assert_true(try_bool(&t, KIND_DIAL, "row.1.local"));
	assert_false(try_has(&t, KIND_VAULT, "secret.ollama.source"));
	try_clear(&t);
	/* another format at another place, the base URL written with what comes behind it */
	good(&t,
		"{ models: { providers: { a: { baseUrl: 'https://a.example/x/v1/messages', api: "
		"'anthropic-messages', models: [{ id: 'one' }] } } } }",
		NULL);
	try_expect_str(&t, KIND_EGRESS, "row.1.path", "/x");
	assert_int_equal(try_u64(&t, KIND_EGRESS, "row.1.api"), PROVIDER_ANTHROPIC);
	try_clear(&t);
	/* the organization of OpenAI's account goes to OpenAI alone */
	good(&t, "{ agents: { defaults: { model: 'openai/gpt-5.2' } } }",
		"MOLTBOT_SECRET_NAMES=OPENAI_API_KEY\nOPENAI_ORG_ID=org-7\n");
	try_expect_str(&t, KIND_EGRESS, "row.1.organization", "org-7");
	try_clear(&t);
	good(&t,
		"{ models: { providers: { openai: { baseUrl: 'https://b.example', models: [{ id: "
		"'m' }] } } } }",
		"OPENAI_ORG_ID=org-7\n");
	assert_false(try_has(&t, KIND_EGRESS, "row.1.organization"));
	try_clear(&t);
}

static void
masks(const char *tools, uint64_t allow, uint64_t deny)
{
	struct try t;

	good(&t, tools, NULL);
	if (try_u64(&t, KIND_GATE, "tools.allow_mask") != allow ||
		try_u64(&t, KIND_GATE, "tools.deny_mask") != deny)
		fail_msg("%s: allow %llx deny %llx", tools, (unsigned long long)t.c.allow_mask,
			(unsigned long long)t.c.deny_mask);
	assert_int_equal(try_u64(&t, KIND_CORE, "tools.allow_mask"), allow & ~deny);
	assert_int_equal(try_u64(&t, KIND_SANDBOX, "tools.allow_mask"), allow & ~deny);
	try_clear(&t);
}

static void
test_tools(void **state)
{
	const uint64_t all = BIT(TOOL_N) - 2;
	const uint64_t fs = BIT(TOOL_FILE_READ) | BIT(TOOL_FILE_WRITE) | BIT(TOOL_FILE_LIST) |
			    BIT(TOOL_FILE_SEARCH) | BIT(TOOL_FILE_DELETE);

	(void)state;
	masks("{ tools: { deny: ['exec'] } }", all, BIT(TOOL_SHELL_EXEC));
	masks("{ tools: { deny: ['bash', ' READ '] } }", all,
		BIT(TOOL_SHELL_EXEC) | BIT(TOOL_FILE_READ));
	masks("{ tools: { allow: ['group:fs'], deny: ['file_*'] } }", fs, fs);
	masks("{ tools: { allow: ['*'] } }", all, 0);
	masks("{ tools: { allow: [] } }", 0, 0);
	masks("{ tools: { profile: 'minimal' } }", BIT(TOOL_CALCULATOR), 0);
	masks("{ tools: { profile: 'minimal', alsoAllow: ['file_read'] } }",
		BIT(TOOL_CALCULATOR) | BIT(TOOL_FILE_READ), 0);
	masks("{ tools: { profile: 'coding' } }", all, 0);
	masks("{ tools: { profile: 'full' } }", all, 0);
	masks("{ tools: { allow: ['file_read', 'calculator'], byProvider: { x: { allow: "
	      "['calculator'] } } } }",
		BIT(TOOL_CALCULATOR), 0);
	masks("{ tools: { byProvider: { x: { deny: ['calculator'] } }, sandbox: { tools: { deny: "
	      "['ls'] } } } }",
		all, BIT(TOOL_CALCULATOR) | BIT(TOOL_FILE_LIST));
	masks("{ agents: { list: [{ id: 'main', tools: { profile: 'minimal', alsoAllow: ['cat'], "
	      "deny: ['calculator'] } }] } }",
		BIT(TOOL_CALCULATOR) | BIT(TOOL_FILE_READ), BIT(TOOL_CALCULATOR));
	masks("{ tools: { exec: { security: 'deny' } } }", all, BIT(TOOL_SHELL_EXEC));
	masks("{ tools: { exec: { security: 'allowlist' } } }", all, BIT(TOOL_SHELL_EXEC));
	masks("{ tools: { exec: { security: 'full', ask: 'always' } } }", all,
		BIT(TOOL_SHELL_EXEC));
	masks("{ tools: { deny: ['process_spawn', 'network_raw', 'group:web', 'shell_dangerous'] } "
	      "}",
		all, 0);
	masks("{ agents: { defaults: { sandbox: { workspaceAccess: 'ro' } } } }", all,
		BIT(TOOL_SHELL_EXEC) | BIT(TOOL_FILE_WRITE) | BIT(TOOL_FILE_DELETE));
	masks("{ agents: { defaults: { sandbox: { workspaceAccess: 'none' } } } }", all,
		fs | BIT(TOOL_SHELL_EXEC));
}

/* Options of the sandbox make it stricter or nothing. */
static void
test_sandbox(void **state)
{
	struct try t;

	(void)state;
	good(&t,
		"{ agents: { defaults: { sandbox: { enabled: false, mode: 'off', docker: { "
		"network: 'bridge', readOnlyRoot: false,"
		" capDrop: ['NET_RAW'], memory: '64MiB', pidsLimit: 1 }, limits: { wall: '5s', "
		"cpu: 2 }, minTier: 'full' } } } }",
		NULL);
	assert_int_equal(t.c.warnings, 5);
	assert_int_equal(t.c.numbers[VALUE_TIER_MIN], JAIL_TIER_FULL);
	assert_int_equal(try_u64(&t, KIND_SANDBOX, "cell.mem"), 67108864);
	assert_int_equal(try_u64(&t, KIND_SANDBOX, "cell.pids"), 2);
	assert_int_equal(try_u64(&t, KIND_SANDBOX, "cell.wall_ms"), 5000);
	assert_int_equal(try_u64(&t, KIND_SANDBOX, "cell.cpu_s"), 2);
	try_clear(&t);
	good(&t,
		"{ agents: { defaults: { sandbox: { docker: { networkMode: 'none', "
		"readOnlyRootFilesystem: true,"
		" dropCapabilities: ['ALL'], memory: '8GiB' } } } } }",
		NULL);
	assert_int_equal(t.c.warnings, 0);
	assert_false(try_has(&t, KIND_SANDBOX, "cell.mem"));
	try_clear(&t);
}

/* Old names are read, with a warning that says the new one. */
static void
test_legacy(void **state)
{
	struct try t;

	(void)state;
	good(&t,
		"{ agent: { model: 'offline', timeoutSeconds: 5, tools: { deny: ['ls'] } },\n "
		"telegram: { botToken: 'x' },\n gateway: { token: '${X_TOKEN}' },"
		" tools: { bash: { security: 'deny' } } }",
		"MOLTBOT_SECRET_NAMES=X_TOKEN\n");
	assert_int_equal(try_u64(&t, KIND_CORE, "run.wall_ms"), 5000);
	assert_int_equal(try_u64(&t, KIND_GATE, "tools.deny_mask"),
		BIT(TOOL_FILE_LIST) | BIT(TOOL_SHELL_EXEC));
	assert_true(try_noted(&t, false, 1, 30, "write agents.defaults.timeoutSeconds"));
	assert_true(try_noted(&t, false, 2, 14, "Telegram"));
	assert_true(try_noted(&t, false, 3, 13, "write gateway.auth.token"));
	try_clear(&t);
}

/* No slice holds what its process has no use for. */
static void
test_slices(void **state)
{
	struct try t;

	(void)state;
	good(&t, "{ agents: { defaults: { model: 'openai/m' } } }",
		"MOLTBOT_SECRET_NAMES=OPENAI_API_KEY,MOLTBOT_GATEWAY_TOKEN\n");
	for (unsigned k = 0; k < KIND_N; k++) {
		assert_int_equal(span_find(buf_span(&t.c.slices[k]), SPAN("OPENAI_API_KEY")) >= 0,
			k == KIND_VAULT);
		assert_int_equal(try_has(&t, k, "row.1.host"),
			k == KIND_DIAL || k == KIND_EGRESS || k == KIND_EGRESS_ZYGOTE);
		assert_int_equal(try_has(&t, k, "tools.deny_mask"), k == KIND_GATE);
		assert_int_equal(try_has(&t, k, "control.uid"), k == KIND_ANON || k == KIND_USER);
	}
	try_clear(&t);
}

/* docs/options.md is what the table says: build/src/config/moltbot-config --options-doc > docs/options.md */
static void
test_document(void **state)
{
	struct buf want = {.max = MIB(1u)};
	struct buf have = {.max = MIB(1u)};

	(void)state;
	config_doc_put(&want);
	assert_int_equal(want.err, 0);
	assert_true(try_read(OPTIONS_DOC, &have));
	assert_true(span_eq(buf_span(&want), buf_span(&have)));
	buf_clear(&want);
	buf_clear(&have);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_checklist),
		cmocka_unit_test(test_documented),
		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_railway),
		cmocka_unit_test(test_listen),
		cmocka_unit_test(test_literal),
		cmocka_unit_test(test_variables),
		cmocka_unit_test(test_models),
		cmocka_unit_test(test_native_models),
		cmocka_unit_test(test_tools),
		cmocka_unit_test(test_sandbox),
		cmocka_unit_test(test_legacy),
		cmocka_unit_test(test_slices),
		cmocka_unit_test(test_document),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
