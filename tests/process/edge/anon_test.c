/* edge/anon, driven by raw sockets; the test plays supervisor and vault. argv[1]: the program. */
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "edge_kit.h"
#include "proto/anon_user.h"
#include "proto/anon_vault.h"

static const char *program;

struct world {
	struct harness *h;
	int vault;
	uint16_t port;
	struct ipc_received *in;
};

static struct world
begin(void (*options)(struct args_out *out))
{
	struct world w = {.in = mem_alloc(1, sizeof(struct ipc_received))};

	w.h = kit_anon(program, &w.port, &w.vault, options);
	return w;
}

static void
finish(struct world *w)
{
	close(w->vault);
	assert_int_equal(harness_free(w->h), 0);
	free(w->in);
}

/* method path with Host and these lines. */
static const char *
request(const struct world *w, const char *line, const char *fields)
{
	static char text[4096];

	(void)snprintf(text, sizeof(text), "%s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n%s\r\n", line,
		w->port, fields);
	return text;
}

static const struct anon_vault_verify *
verify(struct world *w)
{
	return harness_recv(w->vault, &anon_vault_proto, IPC_SIDE_B, ANON_VAULT_VERIFY, w->in);
}

static void
verdict(struct world *w, struct anon_vault_verdict v)
{
	if (v.req == 0)
		v.req = ((const struct anon_vault_verify *)(const void *)w->in->msg.bytes)->req;
	harness_send(w->vault, &anon_vault_proto, IPC_SIDE_B, ANON_VAULT_VERDICT, &v);
}

#define OWNER PRINCIPAL(PRINCIPAL_TOKEN, SCOPE_ALL, 7)
#define TICKET SPAN("0123456789abcdef0123456789abcdef")

static void
healthz_answers_without_a_credential(void **state)
{
	struct world w = begin(NULL);
	int fd = kit_connect(w.port);

	(void)state;
	for (int i = 0; i < 3; i++) {
		const char *a = kit_ask(fd, request(&w, "GET /healthz", ""));

		assert_non_null(strstr(a, "HTTP/1.1 200 OK\r\n"));
		assert_non_null(strstr(a, "\r\n\r\n{\"ok\":true}"));
		assert_non_null(strstr(a, "Connection: keep-alive\r\n"));
		assert_non_null(strstr(a, "Content-Security-Policy: default-src 'self'"));
		assert_non_null(strstr(a, "X-Content-Type-Options: nosniff\r\n"));
		assert_non_null(strstr(a, "X-Frame-Options: DENY\r\n"));
		assert_non_null(strstr(a, "Cache-Control: no-store\r\n"));
		assert_null(strstr(a, "Strict-Transport"));
	}
	assert_null(strstr(kit_ask(fd, request(&w, "HEAD /healthz", "")), "{\"ok\""));
	assert_non_null(strstr(kit_last, "Content-Length: 11\r\n"));
	assert_int_equal(
		kit_status(w.port, request(&w, "POST /healthz", "Content-Length: 0\r\n")), 405);
	close(fd);
	finish(&w);
}

static void
pipelined_requests_are_answered_in_order(void **state)
{
	struct world w = begin(NULL);
	int fd = kit_connect(w.port);
	char text[2048];
	const char *p = kit_last;
	int n = 0;

	(void)state;
	(void)snprintf(text, sizeof(text),
		"GET /healthz HTTP/1.1\r\nHost: localhost:%u\r\n\r\nGET /app.js HTTP/1.1\r\nHost: "
		"localhost:%u\r\n\r\n"
		"GET /healthz HTTP/1.1\r\nHost: localhost:%u\r\nConnection: close\r\n\r\n",
		w.port, w.port, w.port);
	kit_send(fd, text);
	(void)kit_read(fd, NULL);
	while ((p = strstr(p, "HTTP/1.1 200 OK")) != NULL) {
		p++;
		n++;
	}
	assert_int_equal(n, 3);
	assert_non_null(strstr(kit_last, "export const x = 1;HTTP/1.1 200"));
	close(fd);
	finish(&w);
}

static void
parts_and_codings_of_a_file(void **state)
{
	struct world w = begin(NULL);

	(void)state;
	assert_int_equal(
		kit_status(w.port, request(&w, "GET /app.js", "Accept-Encoding: br, gzip\r\n")),
		200);
	assert_non_null(strstr(kit_last, "Content-Encoding: gzip\r\n"));
	assert_non_null(strstr(kit_last, "Vary: Accept-Encoding\r\n"));
	assert_non_null(strstr(kit_last, "Content-Type: text/javascript"));
	assert_non_null(strstr(kit_last, "\r\n\r\npacked"));
	assert_int_equal(
		kit_status(w.port, request(&w, "GET /app.js", "Accept-Encoding: gzip;q=0\r\n")),
		200);
	assert_null(strstr(kit_last, "Content-Encoding"));
	assert_non_null(strstr(kit_last, "Vary: Accept-Encoding\r\n"));
	assert_non_null(strstr(kit_last, "Last-Modified: "));
	assert_int_equal(kit_status(w.port, request(&w, "GET /app.js.gz", "")), 404);
	/* parts are of the file itself */
	assert_int_equal(kit_status(w.port, request(&w, "GET /app.js",
						    "Accept-Encoding: gzip\r\nRange: "
						    "bytes=7-11\r\n")),
		206);
	assert_non_null(strstr(kit_last, "Content-Range: bytes 7-11/19\r\n"));
	assert_non_null(strstr(kit_last, "Content-Length: 5\r\n"));
	assert_non_null(strstr(kit_last, "\r\n\r\nconst"));
	assert_int_equal(
		kit_status(w.port, request(&w, "GET /app.js", "Range: bytes=19-\r\n")), 416);
	assert_non_null(strstr(kit_last, "Content-Range: bytes */19\r\n"));
	assert_int_equal(
		kit_status(w.port, request(&w, "GET /app.js", "If-Match: \"x\"\r\n")), 412);
	assert_int_equal(kit_status(w.port, request(&w, "GET /app.js",
						    "If-Modified-Since: Fri, 31 Dec 9999 23:59:59 "
						    "GMT\r\n")),
		304);
	finish(&w);
}

static void
readiness_is_one_bit_of_the_supervisor(void **state)
{
	struct world w = begin(NULL);
	struct child_readiness yes = {.ready = true};
	int tries = 0;

	(void)state;
	assert_int_equal(kit_status(w.port, request(&w, "GET /readyz", "")), 503);
	assert_non_null(strstr(kit_last, "\r\n\r\n{\"ready\":false}"));
	harness_send(w.h->control, &child_proto, IPC_SIDE_A, CHILD_READINESS, &yes);
	while (kit_status(w.port, request(&w, "GET /readyz", "")) != 200 && tries++ < 1000)
		(void)poll(NULL, 0, 10);
	assert_non_null(strstr(kit_last, "\r\n\r\n{\"ready\":true}"));
	assert_int_equal(
		kit_status(w.port, request(&w, "OPTIONS /readyz", "Connection: close\r\n")), 204);
	assert_non_null(strstr(kit_last, "Allow: GET, HEAD, OPTIONS\r\n"));
	finish(&w);
}

static void
the_control_ui_is_served_from_memory(void **state)
{
	struct world w = begin(NULL);
	char fields[256];
	const char *etag;

	(void)state;
	assert_int_equal(kit_status(w.port, request(&w, "GET /", "")), 200);
	assert_non_null(strstr(kit_last, "Content-Type: text/html; charset=utf-8\r\n"));
	assert_non_null(strstr(kit_last, "<title>ui</title>"));
	assert_int_equal(kit_status(w.port, request(&w, "GET /chat/main?session=x", "")), 200);
	assert_non_null(strstr(kit_last, "<title>ui</title>"));
	assert_int_equal(kit_status(w.port, request(&w, "GET /assets/logo.svg", "")), 200);
	assert_non_null(strstr(kit_last, "image/svg+xml"));
	assert_int_equal(kit_status(w.port, request(&w, "GET /nothing.js", "")), 404);
	assert_int_equal(kit_status(w.port, request(&w, "GET /.hidden", "")), 404);
	assert_int_equal(kit_status(w.port, request(&w, "GET /link.txt", "")), 404);
	assert_int_equal(kit_status(w.port, request(&w, "DELETE /app.js", "")), 405);
	assert_int_equal(kit_status(w.port, request(&w, "GET /app.js", "")), 200);
	etag = strstr(kit_last, "ETag: ");
	assert_non_null(etag);
	(void)snprintf(fields, sizeof(fields), "If-None-Match: %.34s\r\n", etag + 6);
	assert_int_equal(kit_status(w.port, request(&w, "GET /app.js", fields)), 304);
	assert_null(strstr(kit_last, "export"));
	finish(&w);
}

static void
with_base_path(struct args_out *out)
{
	args_out_cstr(out, "gateway.controlUi.basePath", "/ui");
}

static void
the_control_ui_can_live_below_a_path(void **state)
{
	struct world w = begin(with_base_path);

	(void)state;
	assert_int_equal(kit_status(w.port, request(&w, "GET /ui?a=b", "")), 302);
	assert_non_null(strstr(kit_last, "Location: /ui/?a=b\r\n"));
	assert_int_equal(kit_status(w.port, request(&w, "GET /ui/app.js", "")), 200);
	assert_int_equal(kit_status(w.port, request(&w, "GET /app.js", "")), 404);
	assert_int_equal(kit_status(w.port, request(&w, "GET /uix", "")), 404);
	finish(&w);
}

/* K05: no place, header or spelling stands for a credential. */
static void
every_api_route_asks_for_a_credential(void **state)
{
	static const char *const paths[] = {"/v1/chat/completions", "/v1/responses", "/v1/x",
		"/api/x", "/tools/invoke", "/hooks/agent"};
	static const char *const fields[] = {"", "X-Forwarded-For: 127.0.0.1\r\n",
		"Forwarded: for=127.0.0.1\r\n", "X-Real-IP: ::1\r\n",
		"Tailscale-User-Login: owner@example.com\r\n", "Authorization: Basic b3duZXI6\r\n",
		"Authorization: Bearer\r\n", "Authorization: bearer  \r\n",
		"Cookie: moltbot_session=x\r\n", "Cookie: other=1\r\n", "X-Moltbot-Token: t\r\n"};
	struct world w = begin(NULL);
	char line[128];

	(void)state;
	for (size_t p = 0; p < sizeof(paths) / sizeof(paths[0]); p++) {
		for (size_t f = 0; f < sizeof(fields) / sizeof(fields[0]); f++) {
			char both[256];

			(void)snprintf(line, sizeof(line), "POST %s", paths[p]);
			(void)snprintf(both, sizeof(both), "%sContent-Length: 2\r\n", fields[f]);
			assert_int_equal(kit_status(w.port, request(&w, line, both)), 401);
			assert_non_null(strstr(kit_last, "{\"error\":{\"message\":\"Unauthorized\","
							 "\"type\":\"unauthorized\"}}"));
		}
	}
	harness_quiet(w.vault, 20); /* and vault was never bothered */
	finish(&w);
}

static void
a_path_with_two_spellings_is_refused(void **state)
{
	static const char *const paths[] = {"//v1/chat/completions", "/v1/./chat/completions",
		"/x/../v1/chat/completions", "/v1%2fchat/completions", "/%761/chat/completions",
		"/v1\\chat", "/%2e%2e/etc/passwd", "/x%00", "/%c0%af", "/V1/chat/completions",
		"/API/x", "/Healthz", "/..", "/a/..%2f..%2fetc/passwd", "/%5c", "/HOOKS/agent"};
	struct world w = begin(NULL);
	char line[256];

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		(void)snprintf(line, sizeof(line), "GET %s", paths[i]);
		if (kit_status(w.port, request(&w, line, "Authorization: Bearer t\r\n")) != 400)
			fail_msg("%s: %.60s", paths[i], kit_last);
	}
	harness_quiet(w.vault, 20);
	finish(&w);
}

static void
with_lists(struct args_out *out)
{
	args_out_cstr(out, "gateway.allowedHosts.0", "box.lan:8080");
	args_out_cstr(out, "gateway.allowedOrigins.0", "https://ui.example.com");
}

/* K06: pages of others, and names that others control. */
static void
host_and_origin_are_exact(void **state)
{
	struct world w = begin(with_lists);
	char host[64];
	char text[4200];
	const struct {
		const char *host;
		const char *origin; /* %u: the port */
		int get, post, upgrade;
	} rows[] = {
		{"127.0.0.1:%u", NULL, 200, 401, 101},
		{"localhost:%u", "http://localhost:%u", 200, 401, 101},
		{"LOCALHOST:%u", "http://localhost:%u", 200, 401, 101},
		{"[::1]:%u", "http://[::1]:%u", 200, 401, 101},
		{"box.lan:8080", "http://box.lan:8080", 200, 401, 101},
		{"127.0.0.1:%u", "https://ui.example.com", 200, 401, 101},
		{"127.0.0.1:%u", "null", 200, 403, 403},
		{"127.0.0.1:%u", "http://evil.example", 200, 403, 403},
		{"127.0.0.1:%u", "http://127.0.0.1.evil.example:%u", 200, 403, 403},
		{"127.0.0.1:%u", "http://127.0.0.1", 200, 403, 403},
		{"127.0.0.1:%u", "https://127.0.0.1:%u", 200, 403, 403},
		{"127.0.0.1:%u", "http://localhost:%u", 200, 403, 403},
		{"127.0.0.1:%u", "http://127.0.0.1:%u.evil.example", 200, 403, 403},
		{"127.0.0.1:%u", "file://", 200, 403, 403},
		{"127.0.0.1:%u", "chrome-extension://abcdef", 200, 403, 403},
		{"127.0.0.1:%u", "https://ui.example.com.evil.example", 200, 403, 403},
		{"attacker.tld", NULL, 421, 421, 421},
		{"attacker.tld:%u", "http://attacker.tld:%u", 421, 421, 421},
		{"127.0.0.1", NULL, 421, 421, 421},
		{"127.0.0.1:1", NULL, 421, 421, 421},
		{"box.lan", NULL, 421, 421, 421},
		{"localhost.:%u", NULL, 421, 421, 421},
		{"0.0.0.0:%u", NULL, 421, 421, 421},
		{"127.1:%u", NULL, 421, 421, 421},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char origin[300] = "";
		char fmt[200];
		int got;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		(void)snprintf(host, sizeof(host), rows[i].host, w.port);
		if (rows[i].origin != NULL) {
			(void)snprintf(fmt, sizeof(fmt), "Origin: %s\r\n", rows[i].origin);
			(void)snprintf(origin, sizeof(origin), fmt, w.port);
		}
#pragma GCC diagnostic pop
		(void)snprintf(text, sizeof(text), "GET /app.js HTTP/1.1\r\nHost: %s\r\n%s\r\n",
			host, origin);
		got = kit_status(w.port, text);
		if (got != rows[i].get)
			fail_msg("GET Host %s %s: %d", host, origin, got);
		(void)snprintf(text, sizeof(text),
			"POST /v1/chat/completions HTTP/1.1\r\nHost: %s\r\n%sContent-Length: "
			"0\r\n\r\n",
			host, origin);
		got = kit_status(w.port, text);
		if (got != rows[i].post)
			fail_msg("POST Host %s %s: %d", host, origin, got);
		(void)snprintf(text, sizeof(text),
			"GET / HTTP/1.1\r\nHost: %s\r\n%sUpgrade: websocket\r\nConnection: "
			"Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
			"Sec-WebSocket-Version: 13\r\n\r\n",
			host, origin);
		got = kit_status(w.port, text);
		if (got != rows[i].upgrade)
			fail_msg("upgrade Host %s %s: %d", host, origin, got);
	}
	finish(&w);
}

static void
behind_tls(struct args_out *out)
{
	args_out_bool(out, "gateway.behindTlsProxy", true);
	args_out_cstr(out, "gateway.allowedHosts.0", "bot.example.com");
	args_out_cstr(out, "gateway.trustedProxies.0", "127.0.0.1");
}

static void
behind_a_tls_proxy_plain_http_is_refused(void **state)
{
	struct world w = begin(behind_tls);

	(void)state;
	assert_int_equal(kit_status(w.port, "GET / HTTP/1.1\r\nHost: "
					    "bot.example.com\r\nX-Forwarded-Proto: https\r\n\r\n"),
		200);
	assert_non_null(strstr(kit_last, "Strict-Transport-Security: max-age=31536000\r\n"));
	assert_int_equal(kit_status(w.port, "GET / HTTP/1.1\r\nHost: "
					    "bot.example.com\r\nX-Forwarded-Proto: http\r\n\r\n"),
		403);
	assert_int_equal(
		kit_status(w.port, "GET / HTTP/1.1\r\nHost: other.example.com\r\n\r\n"), 421);
	finish(&w);
}

static void
the_key_of_a_rate_limit_comes_from_a_trusted_proxy_only(void **state)
{
	struct world w = begin(behind_tls);
	struct world plain = begin(NULL);
	const struct anon_vault_verify *v;

	(void)state;
	int a = kit_connect(w.port);
	kit_send(a, "GET /v1/x HTTP/1.1\r\nHost: bot.example.com\r\nAuthorization: Bearer "
		    "t\r\nX-Forwarded-For: 9.9.9.9, 203.0.113.7, 127.0.0.1\r\n\r\n");
	v = verify(&w);
	assert_int_equal(v->source_hi, 0);
	assert_int_equal(v->source_lo, 0xffffcb007107u);
	int b = kit_connect(plain.port);
	kit_send(b, request(&plain, "GET /v1/x",
			    "Authorization: Bearer t\r\nX-Forwarded-For: 203.0.113.7\r\n"));
	v = verify(&plain);
	assert_int_equal(v->source_lo, 0xffff7f000001u);
	close(a);
	close(b);
	finish(&w);
	finish(&plain);
}

#define CLIENT                                                                                     \
	"\"client\":{\"id\":\"test\",\"version\":\"1\",\"platform\":\"linux\",\"mode\":\"test\"}"
#define PARAMS "\"minProtocol\":3,\"maxProtocol\":3," CLIENT
#define FRAME(params)                                                                              \
	"{\"type\":\"req\",\"id\":\"1\",\"method\":\"connect\",\"params\":{" params "}}"
#define UI                                                                                         \
	"\"minProtocol\":3,\"maxProtocol\":3,\"client\":{\"id\":\"openclaw-control-ui\","          \
	"\"version\":\"1\",\"platform\":\"x\",\"mode\":\"webchat\"}"

static void
handshake_failures_have_their_words_and_codes(void **state)
{
	static const struct {
		const char *frame;
		const char *code; /* NULL: no response */
		const char *message;
		uint16_t close;
	} rows[] = {
		{"{", NULL, "", 1000},
		{"[]", NULL, "", 1008},
		{"{\"type\":\"event\",\"event\":\"x\"}", NULL, "", 1008},
		{"{\"type\":\"req\",\"id\":\"\",\"method\":\"connect\"}", NULL, "", 1008},
		{"{\"type\":\"req\",\"id\":\"1\",\"method\":\"connect\",\"extra\":1}", NULL, "",
			1008},
		{"{\"type\":\"req\",\"id\":\"1\",\"method\":\"health\"}", "INVALID_REQUEST",
			"invalid handshake: first request must be connect", 1008},
		{"{\"type\":\"req\",\"id\":\"1\",\"method\":\"connect\"}", "INVALID_REQUEST",
			"invalid connect params: at root: must be object", 1008},
		{FRAME(PARAMS ",\"x\":1"), "INVALID_REQUEST",
			"invalid connect params: at root: unexpected property 'x'", 1008},
		{FRAME("\"minProtocol\":3,\"maxProtocol\":3"), "INVALID_REQUEST",
			"invalid connect params: at /client: must have required property", 1008},
		{FRAME("\"minProtocol\":3,\"maxProtocol\":3,\"client\":{\"id\":\"ios-node\","
		       "\"version\":\"1\",\"platform\":\"x\",\"mode\":\"test\"}"),
			"INVALID_REQUEST",
			"invalid connect params: at /client/id: must be equal to one of the "
			"allowed values",
			1008},
		{FRAME("\"minProtocol\":0,\"maxProtocol\":3," CLIENT), "INVALID_REQUEST",
			"invalid connect params: at /minProtocol: must be >= 1", 1008},
		{FRAME("\"minProtocol\":4,\"maxProtocol\":9," CLIENT), "INVALID_REQUEST",
			"protocol mismatch", 1002},
		{FRAME("\"minProtocol\":1,\"maxProtocol\":2," CLIENT), "INVALID_REQUEST",
			"\"expectedProtocol\":3", 1002},
		{FRAME(PARAMS ",\"role\":\"root\""), "INVALID_REQUEST", "invalid role", 1008},
		{FRAME(UI), "INVALID_REQUEST",
			"control ui requires HTTPS or localhost (secure context)", 1008},
		{FRAME(UI ",\"auth\":{\"token\":\"t\"}"), "INVALID_REQUEST",
			"control ui requires HTTPS or localhost (secure context)", 1008},
		{FRAME(PARAMS), "NOT_PAIRED", "device identity required", 1008},
		{FRAME(PARAMS ",\"auth\":{\"password\":\"p\"}"), "NOT_PAIRED",
			"device identity required", 1008},
		{FRAME(PARAMS ",\"auth\":{\"token\":1}"), "INVALID_REQUEST",
			"invalid connect params: at /auth/token: must be string", 1008},
		{FRAME(PARAMS ",\"device\":{\"id\":\"00\",\"publicKey\":\"ebVWLo_"
			      "mVPlAeLES6KmLp5AfhTrmlb7X4OORC60ElmQ\",\"signature\":\"x\","
			      "\"signedAt\":1}"),
			"INVALID_REQUEST", "device identity mismatch", 1008},
		{FRAME(PARAMS ",\"device\":{\"id\":"
			      "\"65b60673d6ed884bf01c2c222d82ada0740f29ac3355d6a925c81f17f47a27b8\""
			      ",\"publicKey\":"
			      "\"ebVWLo_mVPlAeLES6KmLp5AfhTrmlb7X4OORC60ElmQ\",\"signature\":\"x\","
			      "\"signedAt\":1}"),
			"INVALID_REQUEST", "device signature expired", 1008},
	};
	struct world w = begin(NULL);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct kit_ws c;
		const char *text;
		uint16_t code = 0;

		kit_ws_open(&c, w.port, "");
		kit_ws_send(&c, rows[i].frame);
		if (rows[i].code != NULL) {
			assert_int_equal(kit_ws_next(&c, &text, NULL), WS_TEXT);
			if (strstr(text, rows[i].code) == NULL ||
				strstr(text, rows[i].message) == NULL ||
				strstr(text, "\"ok\":false") == NULL)
				fail_msg("%s: %s", rows[i].frame, text);
		}
		if (kit_ws_next(&c, &text, &code) != WS_CLOSE || code != rows[i].close)
			fail_msg("%s: closed with %u %s", rows[i].frame, code, text);
		kit_ws_free(&c);
	}
	harness_quiet(w.vault, 20);
	finish(&w);
}

static void
device_frame(const struct kit_ws *c, const char *nonce, char *out, size_t cap)
{
	(void)c;
	(void)snprintf(out, cap,
		FRAME(PARAMS ",\"scopes\":[\"operator.read\",\"operator.write\"],\"auth\":{"
			     "\"token\":\"tok\"},\"device\":{\"id\":"
			     "\"65b60673d6ed884bf01c2c222d82ada0740f29ac3355d6a925c81f17f47a27b8\","
			     "\"publicKey\":"
			     "\"ebVWLo_mVPlAeLES6KmLp5AfhTrmlb7X4OORC60ElmQ\",\"signature\":\"sig-"
			     "as-sent\",\"signedAt\":%llu%s%s%s}"),
		(unsigned long long)ev_wall_ms(), nonce != NULL ? ",\"nonce\":\"" : "",
		nonce != NULL ? nonce : "", nonce != NULL ? "\"" : "");
}

static void
what_a_device_presents_reaches_vault_as_sent(void **state)
{
	struct world w = begin(NULL);
	const struct anon_vault_verify *v;
	struct kit_ws c;
	char text[4200];

	(void)state;
	kit_ws_open(&c, w.port, "");
	device_frame(&c, c.nonce, text, sizeof(text));
	kit_ws_send(&c, text);
	v = verify(&w);
	assert_int_equal(v->credential, CRED_TOKEN);
	assert_true(span_eq(v->secret, SPAN("tok")));
	assert_true(span_eq(v->scopes, SPAN("operator.read,operator.write")));
	assert_true(span_eq(v->role, SPAN("operator")));
	assert_true(span_eq(v->signature, SPAN("sig-as-sent")));
	assert_true(span_eq(v->nonce, span_from_cstr(c.nonce)));
	assert_true(v->nonce_sent);
	verdict(&w, (struct anon_vault_verdict){.ok = false, .why = AUTH_SIGNATURE_INVALID});
	(void)kit_ws_wait(&c, "device signature invalid");
	assert_int_equal(kit_ws_closed(&c), 1008);
	kit_ws_free(&c);

	kit_ws_open(&c, w.port, "");
	device_frame(&c, "00000000-0000-4000-8000-000000000000", text, sizeof(text));
	kit_ws_send(&c, text);
	(void)kit_ws_wait(&c, "device nonce mismatch");
	kit_ws_free(&c);
	kit_ws_open(&c, w.port, "");
	device_frame(&c, NULL, text, sizeof(text));
	kit_ws_send(&c, text);
	(void)kit_ws_wait(&c, "device nonce required");
	kit_ws_free(&c);
	harness_quiet(w.vault, 20);
	finish(&w);
}

static void
vaults_reasons_become_the_protocols_words(void **state)
{
	static const struct {
		uint8_t why;
		const char *code;
		const char *words;
	} rows[] = {
		{AUTH_MISMATCH, "INVALID_REQUEST",
			"unauthorized: gateway token mismatch (provide gateway auth token)"},
		{AUTH_NOT_CONFIGURED, "INVALID_REQUEST",
			"unauthorized: gateway token not configured on gateway (set "
			"gateway.auth.token)"},
		{AUTH_RATE_LIMITED, "INVALID_REQUEST", "unauthorized: too many attempts"},
		{AUTH_PAIRING_REQUIRED, "NOT_PAIRED", "\"requestId\":\"req-9\""},
		{AUTH_EXPIRED, "INVALID_REQUEST", "\"unauthorized\""},
		{AUTH_OK, "UNAVAILABLE", "try again"}, /* not ok, and no reason: never a yes */
		{31, "INVALID_REQUEST", "\"unauthorized\""},
	};
	struct world w = begin(NULL);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct kit_ws c;
		const char *text;

		kit_ws_open(&c, w.port, "");
		kit_ws_send(&c, FRAME(PARAMS ",\"auth\":{\"token\":\"t\"}"));
		(void)verify(&w);
		verdict(&w,
			(struct anon_vault_verdict){
				.why = rows[i].why, .request_id = SPAN("req-9"), .retry_ms = 4200});
		assert_int_equal(kit_ws_next(&c, &text, NULL), WS_TEXT);
		if (strstr(text, rows[i].code) == NULL || strstr(text, rows[i].words) == NULL)
			fail_msg("%u: %s", rows[i].why, text);
		if (rows[i].why == AUTH_RATE_LIMITED)
			assert_non_null(strstr(text, "\"retryAfterMs\":4200"));
		(void)kit_ws_closed(&c);
		kit_ws_free(&c);
	}
	finish(&w);
}

static void
a_signed_in_socket_goes_to_its_own_process(void **state)
{
	struct world w = begin(NULL);
	struct kit_ws c;
	const struct child_spawn *spawn;
	const struct anon_user_handover *ho;
	struct ipc_received *in = mem_alloc(1, sizeof(*in));
	int user;
	char got[16] = "";
	static const uint8_t key[4] = {1, 2, 3, 4};
	struct buf both = {.max = KIB(4)};

	(void)state;
	kit_ws_open(&c, w.port, "User-Agent: kit\r\n");
	assert_int_equal(
		ws_put(&both, WS_TEXT, SPAN(FRAME(PARAMS ",\"auth\":{\"token\":\"t\"}")), key), 0);
	assert_int_equal(ws_put(&both, WS_TEXT, SPAN("early"), key), 0);
	assert_int_equal(send(c.fd, both.ptr, both.len, MSG_NOSIGNAL), (ssize_t)both.len);
	buf_clear(&both);
	(void)verify(&w);
	verdict(&w, (struct anon_vault_verdict){.ok = true, .principal = OWNER, .ticket = TICKET});
	spawn = harness_expect(w.h, CHILD_SPAWN);
	assert_int_equal(spawn->kind, KIND_USER);
	assert_true(spawn->instance == OWNER);
	user = harness_peer(w.h, KIND_USER, OWNER);
	ho = harness_recv(user, &anon_user_proto, IPC_SIDE_B, ANON_USER_HANDOVER, in);
	assert_true(ho->websocket);
	assert_true(span_eq(ho->ticket, TICKET));
	assert_true(span_eq(ho->connect_id, SPAN("1")));
	assert_true(span_eq(ho->client_id, SPAN("test")));
	assert_true(span_eq(ho->user_agent, SPAN("kit")));
	assert_true(span_eq(ho->source, SPAN("127.0.0.1")));
	assert_int_equal(ho->unread.len, 6 + 5); /* the frame behind connect, still masked */
	assert_int_equal(send(ho->client, "hello", 5, MSG_NOSIGNAL), 5);
	assert_int_equal(recv(c.fd, got, 5, MSG_WAITALL), 5);
	assert_string_equal(got, "hello");
	/* and back: the next request came with another credential */
	harness_send(user, &anon_user_proto, IPC_SIDE_B, ANON_USER_RETURN,
		&(struct anon_user_return){.client = ho->client,
			.unread = span_from_cstr(request(&w, "GET /healthz", ""))});
	close(ho->client);
	assert_non_null(strstr(kit_read(c.fd, "{\"ok\":true}"), "200 OK"));
	close(user);
	kit_ws_free(&c);
	free(in);
	finish(&w);
}

static void
an_api_request_goes_with_all_its_bytes(void **state)
{
	struct world w = begin(NULL);
	struct ipc_received *in = mem_alloc(1, sizeof(*in));
	const char *text = request(&w, "POST /v1/chat/completions",
		"Authorization: Bearer tok\r\nContent-Length: 7\r\n");
	char whole[4200];
	const struct anon_vault_verify *v;
	const struct anon_user_handover *ho;
	int user = harness_peer(w.h, KIND_USER, OWNER);
	int fd = kit_connect(w.port);

	(void)state;
	(void)snprintf(whole, sizeof(whole), "%s{\"a\":1}", text);
	kit_send(fd, whole);
	v = verify(&w);
	assert_int_equal(v->credential, CRED_TOKEN);
	assert_true(span_eq(v->secret, SPAN("tok")));
	verdict(&w, (struct anon_vault_verdict){.ok = true, .principal = OWNER, .ticket = TICKET});
	ho = harness_recv(user, &anon_user_proto, IPC_SIDE_B, ANON_USER_HANDOVER, in);
	assert_false(ho->websocket);
	assert_true(span_eq(ho->unread, span_from_cstr(whole)));
	close(ho->client);
	close(fd);
	fd = kit_connect(w.port);
	kit_send(fd, whole);
	(void)verify(&w);
	verdict(&w, (struct anon_vault_verdict){.why = AUTH_MISMATCH});
	assert_non_null(strstr(kit_read(fd, "Unauthorized\""), "HTTP/1.1 401 "));
	close(fd);
	fd = kit_connect(w.port);
	kit_send(fd, whole);
	(void)verify(&w);
	verdict(&w, (struct anon_vault_verdict){.why = AUTH_RATE_LIMITED, .retry_ms = 5000});
	assert_non_null(strstr(kit_read(fd, "too many attempts"), "HTTP/1.1 429 "));
	assert_non_null(strstr(kit_last, "Retry-After: 6\r\n"));
	close(fd);
	close(user);
	free(in);
	finish(&w);
}

static void
a_one_time_code_becomes_a_session_cookie(void **state)
{
	struct world w = begin(NULL);
	const struct anon_vault_claim *m;
	char fields[256];
	char text[4200];
	int fd;

	(void)state;
	(void)snprintf(fields, sizeof(fields),
		"Origin: http://127.0.0.1:%u\r\nContent-Type: application/json\r\nContent-Length: "
		"14\r\n",
		w.port);
	(void)snprintf(
		text, sizeof(text), "%s{\"code\":\"abc\"}", request(&w, "POST /claim", fields));
	fd = kit_connect(w.port);
	kit_send(fd, text);
	m = harness_recv(w.vault, &anon_vault_proto, IPC_SIDE_B, ANON_VAULT_CLAIM, w.in);
	assert_true(span_eq(m->code, SPAN("abc")));
	harness_send(w.vault, &anon_vault_proto, IPC_SIDE_B, ANON_VAULT_CLAIMED,
		&(struct anon_vault_claimed){.req = m->req, .ok = true, .cookie = SPAN("cafe")});
	(void)kit_read(fd, "{\"ok\":true}");
	assert_non_null(strstr(kit_last,
		"Set-Cookie: moltbot_session=cafe; HttpOnly; SameSite=Strict; Path=/; Max-Age="));
	assert_null(strstr(kit_last, "Secure\r\n"));
	assert_non_null(strstr(kit_ask(fd, request(&w, "GET /healthz", "")),
		"200 OK")); /* the connection goes on */
	kit_send(fd, text);
	m = harness_recv(w.vault, &anon_vault_proto, IPC_SIDE_B, ANON_VAULT_CLAIM, w.in);
	harness_send(w.vault, &anon_vault_proto, IPC_SIDE_B, ANON_VAULT_CLAIMED,
		&(struct anon_vault_claimed){.req = m->req, .why = AUTH_MISMATCH});
	assert_non_null(strstr(kit_read(fd, "Unauthorized\""), "HTTP/1.1 401 "));
	close(fd);
	assert_int_equal(
		kit_status(w.port, request(&w, "POST /claim", "Content-Length: 14\r\n")), 403);
	assert_int_equal(kit_status(w.port, request(&w, "GET /claim", "")), 405);
	(void)snprintf(fields, sizeof(fields),
		"Origin: http://127.0.0.1:%u\r\nContent-Length: 5000\r\n", w.port);
	assert_int_equal(kit_status(w.port, request(&w, "POST /claim", fields)), 413);
	(void)snprintf(fields, sizeof(fields),
		"Origin: http://127.0.0.1:%u\r\nContent-Length: 2\r\n", w.port);
	(void)snprintf(text, sizeof(text), "%s{}", request(&w, "POST /claim", fields));
	assert_int_equal(kit_status(w.port, text), 400);
	finish(&w);
}

/* The browser's cookie counts only when the page is ours. */
static void
a_cookie_needs_our_own_origin(void **state)
{
	struct world w = begin(NULL);
	const struct anon_vault_verify *v;
	struct kit_ws c;
	char lines[256];

	(void)state;
	(void)snprintf(lines, sizeof(lines),
		"Cookie: moltbot_session=cafe\r\nOrigin: http://127.0.0.1:%u\r\n", w.port);
	kit_ws_open(&c, w.port, lines);
	kit_ws_send(&c, FRAME(UI));
	v = verify(&w);
	assert_int_equal(v->credential, CRED_COOKIE);
	assert_true(span_eq(v->secret, SPAN("cafe")));
	kit_ws_free(&c);
	kit_ws_open(&c, w.port, "Cookie: moltbot_session=cafe\r\n");
	kit_ws_send(&c, FRAME(UI));
	(void)kit_ws_wait(&c, "control ui requires HTTPS");
	kit_ws_free(&c);
	harness_quiet(w.vault, 20);
	finish(&w);
}

static void
a_dead_vault_is_a_no(void **state)
{
	struct world w = begin(NULL);
	struct kit_ws c;

	(void)state;
	kit_ws_open(&c, w.port, "");
	kit_ws_send(&c, FRAME(PARAMS ",\"auth\":{\"token\":\"t\"}"));
	(void)verify(&w);
	close(w.vault);
	harness_peer_gone(w.h, KIND_VAULT, 0, 0);
	(void)kit_ws_wait(&c, "UNAVAILABLE");
	assert_int_equal(kit_ws_closed(&c), 1013);
	kit_ws_free(&c);
	assert_int_equal(
		kit_status(w.port, request(&w, "GET /v1/x", "Authorization: Bearer t\r\n")), 503);
	w.vault = harness_peer(w.h, KIND_VAULT, 0);
	finish(&w);
}

/* ---- K17: work before authentication has limits ---- */

static void
oversized_input_is_refused_early(void **state)
{
	struct world w = begin(NULL);
	struct kit_ws c;
	static char big[40000];
	static const uint8_t huge[10] = {
		0x81, 0xff, 0, 0, 0, 0, 0x40, 0, 0, 0}; /* a frame of 1 GiB announced */
	char fields[128];
	int fd;

	(void)state;
	kit_ws_open(&c, w.port, "");
	assert_int_equal(send(c.fd, huge, sizeof(huge), MSG_NOSIGNAL), (ssize_t)sizeof(huge));
	assert_int_equal(kit_ws_closed(&c), 1009);
	kit_ws_free(&c);
	kit_ws_open(&c, w.port, "");
	memset(big, '[', sizeof(big));
	kit_ws_send_bytes(&c, WS_TEXT, span_of(big, WS_ANON_FRAME_MAX));
	assert_int_equal(kit_ws_closed(&c), 1000); /* within the size, no JSON */
	kit_ws_free(&c);
	kit_ws_open(&c, w.port, "");
	kit_ws_send_bytes(&c, WS_TEXT, span_of(big, WS_ANON_FRAME_MAX + 1));
	assert_int_equal(kit_ws_closed(&c), 1009);
	kit_ws_free(&c);

	fd = kit_connect(w.port);
	memset(big, 'a', sizeof(big));
	memcpy(big, "GET /", 5);
	big[sizeof(big) - 1] = 0;
	kit_send(fd, big);
	assert_non_null(strstr(kit_read(fd, "\r\n\r\n"), "HTTP/1.1 414 "));
	close(fd);
	fd = kit_connect(w.port);
	memcpy(big, "GET / HTTP/1.1\r\nX: ", 19);
	kit_send(fd, big);
	assert_non_null(strstr(kit_read(fd, "\r\n\r\n"), "HTTP/1.1 431 "));
	close(fd);
	(void)snprintf(fields, sizeof(fields), "Content-Length: 2147483648\r\n");
	assert_int_equal(kit_status(w.port, request(&w, "POST /v1/chat/completions", fields)), 413);
	assert_int_equal(kit_status(w.port, request(&w, "POST /v1/chat/completions",
						    "Transfer-Encoding: chunked\r\n")),
		401);
	assert_int_equal(kit_status(w.port, request(&w, "GET /healthz",
						    "Sec-WebSocket-Version: 8\r\nUpgrade: "
						    "websocket\r\nConnection: upgrade\r\n")),
		426);
	finish(&w);
}

/* A request that would be passed on must fit into the message that passes it on. */
static void
a_head_that_cannot_be_passed_on_is_refused(void **state)
{
	struct world w = begin(NULL);
	static char text[EDGE_WINDOW_MAX * 2];
	int n = snprintf(text, sizeof(text),
		"GET /v1/x HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nAuthorization: Bearer t\r\nX: ",
		w.port);

	(void)state;
	memset(text + n, 'a', EDGE_WINDOW_MAX);
	memcpy(text + n + EDGE_WINDOW_MAX, "\r\n\r\n", 5);
	assert_int_equal(kit_status(w.port, text), 431);
	harness_quiet(w.vault, 20);
	finish(&w);
}

/* Slow heads, silent WebSockets and clients that vanish: each phase has its time. */
static void
every_phase_has_a_deadline(void **state)
{
	struct world w = begin(NULL);
	struct kit_ws c;
	int slow = kit_connect(w.port);
	int half = kit_connect(w.port);
	uint16_t code;
	const char *text;

	(void)state;
	kit_ws_open(&c, w.port, "");
	kit_send(half, "GET /healthz HT");
	assert_int_equal(shutdown(half, SHUT_WR), 0);
	assert_string_equal(kit_read(half, NULL), ""); /* a half-open one is let go at once */
	kit_send(slow, "GET / HTTP/1.1\r\n");
	for (int i = 0; i < 10; i++) {
		kit_send(slow, "A");
		(void)poll(NULL, 0, 900);
	}
	assert_non_null(strstr(kit_read(slow, "\r\n\r\n"), "HTTP/1.1 408 "));
	assert_int_equal(kit_ws_next(&c, &text, &code), WS_CLOSE);
	assert_int_equal(code, 1000);
	assert_string_equal(text, "");
	kit_ws_free(&c);
	close(slow);
	close(half);
	finish(&w);
}

static void
reset(int fd)
{
	struct linger l = {1, 0};

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	close(fd);
}

/* Clients that reset while an answer is under way: no signal ends the process, no connection is leaked. */
static void
clients_that_vanish_harm_nobody(void **state)
{
	struct world w = begin(NULL);

	(void)state;
	for (int i = 0; i < 300; i++) {
		int fd = kit_connect(w.port);

		for (int k = 0; k < 8; k++)
			kit_send(fd, request(&w, "GET /", ""));
		reset(fd);
	}
	for (int i = 0; i < 50; i++) {
		struct kit_ws c;

		kit_ws_open(&c, w.port, "");
		kit_ws_send(&c, FRAME(PARAMS ",\"auth\":{\"token\":\"t\"}"));
		(void)verify(&w);
		reset(c.fd);
		c.fd = -1;
		verdict(&w, (struct anon_vault_verdict){.why = AUTH_MISMATCH});
		buf_clear(&c.in);
	}
	assert_int_equal(kit_status(w.port, request(&w, "GET /healthz", "")), 200);
	finish(&w);
}

/* 10,000 sockets that say nothing, then a byte each, then half a head each: the growth has a limit. */
static void
memory_before_authentication_is_bounded(void **state)
{
	size_t n = kit_raise_files(10000);
	struct world w = begin(NULL);
	long before = kit_rss_kib(w.h->pid);
	long idle;
	long slow;
	int *fds = mem_alloc(n, sizeof(int));
	static char half[1024];

	(void)state;
	for (size_t i = 0; i < n; i++)
		fds[i] = kit_connect(w.port);
	assert_int_equal(kit_status(w.port, request(&w, "GET /healthz", "")), 200);
	idle = kit_rss_kib(w.h->pid);
	memset(half, 'a', sizeof(half) - 1);
	memcpy(half, "GET / HTTP/1.1\r\nX: ", 19);
	for (size_t i = 0; i < n; i++)
		kit_send(fds[i], half);
	assert_int_equal(kit_status(w.port, request(&w, "GET /healthz", "")), 200);
	slow = kit_rss_kib(w.h->pid);
	if (n == 0) {
		fail_msg("no descriptors for a socket");
		return;
	}
	print_message("%zu sockets: idle +%ld KiB (%ld bytes each), with half a head +%ld KiB\n", n,
		idle - before, (idle - before) * 1024 / (long)n, slow - before);
	assert_true(before > 0);
	assert_true((idle - before) * 1024 / (long)n < 1024);
	assert_true(slow - before <= 16 * 1024);
	for (size_t i = 0; i < n; i++)
		close(fds[i]);
	free(fds);
	assert_int_equal(kit_status(w.port, request(&w, "GET /healthz", "")), 200);
	finish(&w);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(healthz_answers_without_a_credential),
		cmocka_unit_test(pipelined_requests_are_answered_in_order),
		cmocka_unit_test(parts_and_codings_of_a_file),
		cmocka_unit_test(readiness_is_one_bit_of_the_supervisor),
		cmocka_unit_test(the_control_ui_is_served_from_memory),
		cmocka_unit_test(the_control_ui_can_live_below_a_path),
		cmocka_unit_test(every_api_route_asks_for_a_credential),
		cmocka_unit_test(a_path_with_two_spellings_is_refused),
		cmocka_unit_test(host_and_origin_are_exact),
		cmocka_unit_test(behind_a_tls_proxy_plain_http_is_refused),
		cmocka_unit_test(the_key_of_a_rate_limit_comes_from_a_trusted_proxy_only),
		cmocka_unit_test(handshake_failures_have_their_words_and_codes),
		cmocka_unit_test(what_a_device_presents_reaches_vault_as_sent),
		cmocka_unit_test(vaults_reasons_become_the_protocols_words),
		cmocka_unit_test(a_signed_in_socket_goes_to_its_own_process),
		cmocka_unit_test(an_api_request_goes_with_all_its_bytes),
		cmocka_unit_test(a_one_time_code_becomes_a_session_cookie),
		cmocka_unit_test(a_cookie_needs_our_own_origin),
		cmocka_unit_test(a_dead_vault_is_a_no),
		cmocka_unit_test(oversized_input_is_refused_early),
		cmocka_unit_test(a_head_that_cannot_be_passed_on_is_refused),
		cmocka_unit_test(every_phase_has_a_deadline),
		cmocka_unit_test(clients_that_vanish_harm_nobody),
		cmocka_unit_test(memory_before_authentication_is_bounded),
	};

	if (argc < 2)
		return 2;
	program = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
