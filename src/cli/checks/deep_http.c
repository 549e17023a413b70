/* Attacks by HTTP requests. */
#include "checks/deep.h"
#include "checks/subjects.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/limits.h"
#include "proto/routes.h"

/* The status of one request; 0: no answer. */
static unsigned
status_of(struct checks *c, uint8_t source, const char *method, const char *path, const char *host,
	const char *lines)
{
	struct buf out = {.max = KIB(16u)};
	struct deep_answer a;
	unsigned status;

	deep_request_put(c->attack, &out, method, path, host, lines,
		strcmp(method, "POST") == 0 ? "{}" : "");
	deep_ask(c->attack, source, buf_span(&out), &a);
	status = a.rc == 0 ? a.status : 0;
	deep_answer_clear(&a);
	buf_clear(&out);
	return status;
}

/* Refused as a stranger is; anything else went further. No answer at all is no refusal that was seen. */
static void
want_refused(struct checks *c, struct check_result *r, unsigned status, const char *what)
{
	if (status == 0)
		check_unknown(c, r, "no answer to %s", what);
	else if (status == 429)
		check_unknown(c, r, "%s was answered by the rate limit", what);
	else if (status != 401 && status != 403 && status != 421)
		check_fail(c, r, NULL, "%s was answered with %u, not refused", what, status);
}

/* A route that calls something, by one of its methods; path has a name that nothing has in place of a star. */
struct attacked {
	const char *method;
	const char *path;
};

/* The next one after *route and *bit, which begin at 0. */
static bool
route_next(struct checks *c, unsigned *route, unsigned *bit, struct attacked *a)
{
	static const char *const methods[] = {"GET", "POST"};

	for (; *route < ROUTE_N; (*route)++, *bit = 0) {
		const struct route_row *row = &route_rows[*route];
		size_t fixed = strcspn(row->path, "*");

		for (; row->who == ROUTE_CALL && *bit < 2; (*bit)++) {
			if ((row->methods & (*bit == 0 ? ROUTE_GET : ROUTE_POST)) == 0)
				continue;
			a->method = methods[(*bit)++];
			a->path = check_text(c, "%.*s%s", (int)fixed, row->path,
				row->path[fixed] == '*' ? "security-audit-no-such-thing" : "");
			return true;
		}
	}
	return false;
}

/* Every route of the table with these lines; how many there are. */
static unsigned
api_with(struct checks *c, struct check_result *r, const char *lines, const char *what)
{
	uint8_t source = deep_source(c->attack);
	unsigned route = 0, bit = 0, n = 0;
	struct attacked a;

	for (; route_next(c, &route, &bit, &a); n++) {
		const char *text = check_text(c, "%s %s %s", a.method, a.path, what);

		want_refused(c, r, status_of(c, source, a.method, a.path, NULL, lines), text);
	}
	return n;
}

/* "POST /tools/invoke, GET /v1/models": what was attacked, for the evidence. */
static const char *
api_names(struct checks *c)
{
	unsigned route = 0, bit = 0;
	const char *names = "";
	struct attacked a;

	while (route_next(c, &route, &bit, &a))
		names = check_text(
			c, "%s%s%s %s", names, names[0] != '\0' ? ", " : "", a.method, a.path);
	return names;
}

/* Is what refuses the others really the credential: with the right one it must get further. */
static bool
is_paired(struct checks *c, struct check_result *r)
{
	const char *lines = check_text(
		c, "Authorization: Bearer %.*s\r\n", (int)c->token.len, (const char *)c->token.ptr);
	unsigned status;

	if (c->token.len == 0)
		return true;
	status = status_of(c, deep_source(c->attack), "POST", "/v1/chat/completions", NULL, lines);
	if (status != 0 && status != 401 && status != 403)
		return true;
	check_unknown(c, r, "the right token gets no further either (%u)", status);
	return false;
}

void
deep_anonymous(struct checks *c, struct check_result *r)
{
	if (deep_is_over(c, r))
		return;
	api_with(c, r, "", "without a credential");
	api_with(c, r, "Authorization: Bearer \r\n", "with an empty credential");
	api_with(c, r, "Cookie: moltbot_session=\r\n", "with an empty cookie");
	if (is_paired(c, r))
		check_pass(c, r, "three ways each, all refused: %s", api_names(c));
}

void
deep_routes(struct checks *c, struct check_result *r)
{
	const char *wrong = c->attack->wrong;
	unsigned n;

	if (deep_is_over(c, r))
		return;
	/* each wrong one is a guess, and ten are allowed: a source for each way */
	api_with(c, r, check_text(c, "Authorization: Bearer %s\r\n", wrong),
		"with a wrong credential");
	api_with(c, r, check_text(c, "Cookie: moltbot_session=%s\r\n", wrong),
		"with a wrong cookie");
	api_with(c, r, check_text(c, "Authorization: Basic %s\r\n", wrong), "with a password");
	n = api_with(c, r, check_text(c, "X-Api-Key: %s\r\n", wrong), "with a key of another kind");
	c->attack->guesses += 2 * n;
	if (c->token.len > 0) {
		const char *right = check_text(c,
			"Cookie: moltbot_session=%.*s; token=%.*s\r\nX-Api-Key: %.*s\r\n",
			(int)c->token.len, (const char *)c->token.ptr, (int)c->token.len,
			(const char *)c->token.ptr, (int)c->token.len, (const char *)c->token.ptr);

		api_with(c, r, right, "with the right token in the wrong place");
	}
	/* a device signs a challenge, which HTTP has none of: there is no weaker credential to attack with */
	if (is_paired(c, r))
		check_pass(c, r,
			"%s ways each, all refused (over HTTP a credential is the owner's or "
			"nobody's): %s",
			c->token.len > 0 ? "five" : "four", api_names(c));
}

void
deep_control_ui(struct checks *c, struct check_result *r)
{
	struct check_deep *d = c->attack;
	struct buf out = {.max = KIB(4u)};
	struct deep_answer a;

	if (deep_is_over(c, r))
		return;
	deep_request_put(d, &out, "POST", "/claim", NULL,
		check_text(c, "Origin: %s\r\n", d->origin),
		check_text(c, "{\"code\":\"%s\"}", d->wrong));
	deep_ask(d, deep_source(d), buf_span(&out), &a);
	d->guesses++;
	if (a.rc != 0)
		check_unknown(c, r, "no answer to a claim with a wrong code");
	else if (a.status < 400 || deep_field(&a, SPAN("set-cookie")).len > 0)
		check_fail(c, r, NULL, "a claim with a wrong code was answered with %u%s", a.status,
			deep_field(&a, SPAN("set-cookie")).len > 0 ? " and a session" : "");
	deep_answer_clear(&a);
	buf_reset(&out);
	deep_request_put(d, &out, "GET", "/", NULL, "", "");
	deep_ask(d, deep_source(d), buf_span(&out), &a);
	if (a.rc == 0 && deep_field(&a, SPAN("set-cookie")).len > 0)
		check_fail(c, r, NULL, "the page itself gives a session");
	if (a.rc == 0 && c->token.len > 0 && span_find(a.body, c->token) >= 0)
		check_fail(c, r, NULL, "the page holds the gateway's token");
	deep_answer_clear(&a);
	buf_clear(&out);
	check_pass(c, r, "a wrong code gives no session, and neither does the page");
}

/* ---- names ---- */

void
deep_host(struct checks *c, struct check_result *r)
{
	const unsigned port = ntohs(c->attack->target.sin_port);
	const char *hosts[] = {"evil.example", check_text(c, "evil.example:%u", port),
		check_text(c, "127.0.0.1.evil.example:%u", port),
		check_text(c, "localhost.:%u", port), check_text(c, "2130706433:%u", port),
		check_text(c, "127.1:%u", port), check_text(c, "localhost:%u", port % 65535 + 1),
		"169.254.169.254"};
	static const char *const paths[] = {"/", "/healthz", "/v1/models"};
	uint8_t source = deep_source(c->attack);
	struct deep_ws ws;
	unsigned status;

	if (deep_is_over(c, r))
		return;
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		for (size_t p = 0; p < 3; p++) {
			status = status_of(c, source, "GET", paths[p], hosts[i], "");
			if (status == 0)
				check_unknown(c, r, "no answer to Host: %s", hosts[i]);
			else if (status != 421 && status != 400)
				check_fail(c, r, NULL, "GET %s with Host: %s was answered with %u",
					paths[p], hosts[i], status);
		}
		if (deep_ws_open(c->attack, source, "/", hosts[i], "", &ws, &status) == 0)
			check_fail(c, r, NULL, "a WebSocket was opened for Host: %s", hosts[i]);
		deep_ws_close(&ws);
	}
	check_pass(c, r, "%zu foreign names, refused by pages and WebSocket",
		sizeof(hosts) / sizeof(hosts[0]));
}

void
deep_origin(struct checks *c, struct check_result *r)
{
	const unsigned port = ntohs(c->attack->target.sin_port);
	const char *origins[] = {"https://evil.example",
		check_text(c, "http://evil.example:%u", port), "null",
		check_text(c, "%s://127.0.0.1:%u", c->attack->tls ? "http" : "https", port),
		check_text(c, "http://127.0.0.1:%u.evil.example", port),
		check_text(c, "http://127.0.0.1:%u", port % 65535 + 1), "file://"};
	uint8_t source = deep_source(c->attack);
	struct deep_ws ws;
	unsigned status;

	if (deep_is_over(c, r))
		return;
	for (size_t i = 0; i < sizeof(origins) / sizeof(origins[0]); i++) {
		const char *line = check_text(c, "Origin: %s\r\n", origins[i]);

		if (deep_ws_open(c->attack, source, "/", NULL, line, &ws, &status) == 0)
			check_fail(
				c, r, NULL, "a WebSocket was opened for a page of %s", origins[i]);
		deep_ws_close(&ws);
		status = status_of(c, source, "POST", "/v1/chat/completions", NULL, line);
		if (status != 403 && status != 401)
			check_fail(c, r, NULL, "a page of %s was answered with %u", origins[i],
				status);
	}
	/* the same from its own page must work, else the refusals say nothing */
	if (deep_ws_open(c->attack, source, "/", NULL,
		    check_text(c, "Origin: %s\r\n", c->attack->origin), &ws, &status) != 0)
		check_unknown(c, r, "its own page is refused as well");
	deep_ws_close(&ws);
	check_pass(c, r, "%zu foreign origins, all refused", sizeof(origins) / sizeof(origins[0]));
}

void
deep_url_token(struct checks *c, struct check_result *r)
{
	static const char *const names[] = {
		"token", "access_token", "auth", "key", "api_key", "password", "session"};
	uint8_t source = deep_source(c->attack);
	struct deep_ws ws;
	unsigned status;

	if (deep_is_over(c, r))
		return;
	if (c->token.len == 0 || span_find_byte(c->token, ' ') >= 0) {
		check_unknown(c, r, "%s", deep_no_credential(c));
		return;
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct buf path = {.max = KIB(8u)};

		(void)buf_put_fmt(&path, "/v1/chat/completions?%s=", names[i]);
		/* percent-encoded, whatever it is made of */
		for (size_t k = 0; k < c->token.len; k++)
			(void)buf_put_fmt(&path, "%%%02X", c->token.ptr[k]);
		(void)buf_put_u8(&path, 0);
		want_refused(c, r, status_of(c, source, "POST", (const char *)path.ptr, NULL, ""),
			check_text(c, "?%s=<the right token>", names[i]));
		if (deep_ws_open(c->attack, source,
			    check_text(c, "/%s", strchr((const char *)path.ptr, '?')), NULL, "",
			    &ws, &status) == 0 &&
			deep_ws_connect(&ws, "[]", SPAN_EMPTY) == 0)
			check_fail(
				c, r, NULL, "?%s=<the right token> opened a WebSocket", names[i]);
		deep_ws_close(&ws);
		buf_clear(&path);
	}
	if (is_paired(c, r))
		check_pass(c, r, "seven parameters, by HTTP and WebSocket, all refused");
}

void
deep_forwarded(struct checks *c, struct check_result *r)
{
	static const char *const lines[] = {
		"X-Forwarded-For: 127.0.0.1\r\nX-Real-IP: 127.0.0.1\r\n",
		"Forwarded: for=127.0.0.1;proto=https;host=localhost\r\n",
		"X-Original-URL: /healthz\r\nX-Rewrite-URL: /healthz\r\n",
		"X-Forwarded-Host: localhost\r\nX-Forwarded-User: admin\r\n",
		"X-Remote-User: admin\r\nX-Auth-Request-User: admin\r\n",
		"X-HTTP-Method-Override: GET\r\nTailscale-User-Login: owner@example.org\r\n"};
	struct check_deep *d = c->attack;
	uint8_t source = deep_source(d);
	unsigned status = 0;
	unsigned n = 0;

	if (deep_is_over(c, r))
		return;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		want_refused(c, r,
			status_of(c, source, "POST", "/v1/chat/completions", NULL, lines[i]),
			check_text(
				c, "a request with %.*s", (int)strcspn(lines[i], ":"), lines[i]));
	/* another address in the header for each guess: they must count as one source */
	for (; n < DEEP_GUESSES_MAX && status != 429; n++)
		status = status_of(c, source, "POST", "/v1/chat/completions", NULL,
			check_text(c,
				"X-Forwarded-For: 198.51.100.%u\r\nX-Real-IP: 198.51.100.%u\r\n"
				"Authorization: Bearer %s\r\n",
				n + 1, n + 1, d->wrong));
	d->guesses += n;
	if (status != 429)
		check_fail(c, r, NULL,
			"%u guesses under as many forwarded addresses met no rate limit", n);
	check_pass(c, r, "they give no rights, and no new address to guess from (%u guesses)", n);
}

/* ---- paths ---- */

static void
take_page(struct checks *c, uint8_t source, struct deep_answer *a)
{
	struct buf out = {.max = KIB(4u)};

	deep_request_put(c->attack, &out, "GET", "/", NULL, "", "");
	deep_ask(c->attack, source, buf_span(&out), a);
	buf_clear(&out);
}

static void
try_file(struct checks *c, struct check_result *r, uint8_t source, const char *path,
	const struct deep_answer *page)
{
	struct buf out = {.max = KIB(4u)};
	struct deep_answer a;

	deep_request_put(c->attack, &out, "GET", path, NULL, "", "");
	deep_ask(c->attack, source, buf_span(&out), &a);
	/* the page itself may answer for any name: it is one file, and public */
	if (a.rc == 0 && a.status >= 200 && a.status < 300 && !span_eq(a.body, page->body))
		check_fail(c, r, NULL, "GET %s was answered with %zu bytes", path, a.body.len);
	deep_answer_clear(&a);
	buf_clear(&out);
}

void
deep_paths(struct checks *c, struct check_result *r)
{
	static const char *const files[] = {"/../../../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd",
		"/..%2f..%2f..%2fetc/passwd", "/..%5c..%5cetc/passwd", "//etc/passwd", "/.env",
		"/moltbot.json", "/vault.key", "/vault.box", "/audit.log", "/.git/config",
		"/logs/gateway.log", "/styles.css/../../vault.key", "/%00", "/app.js%00.html"};
	static const char *const spellings[] = {"//v1/chat/completions", "/V1/chat/completions",
		"/v1/%63hat/completions", "/v1/./chat/completions", "/x/../v1/chat/completions",
		"/healthz/../v1/chat/completions", "/v1/chat/completions/",
		"/v1/chat/completions;x=1", "/v1/chat/completions%20", "/v1\\chat\\completions",
		"/v1/chat/completions%2f", "/%76%31/chat/completions"};
	uint8_t source = deep_source(c->attack);
	struct deep_answer page;

	if (deep_is_over(c, r))
		return;
	take_page(c, source, &page);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		try_file(c, r, source, files[i], &page);
	for (size_t i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++) {
		struct buf out = {.max = KIB(4u)};
		struct deep_answer a;

		deep_request_put(c->attack, &out, "POST", spellings[i], NULL, "", "{}");
		deep_ask(c->attack, source, buf_span(&out), &a);
		/* a route that reads the body gets as far as complaining of it, as JSON */
		if (a.rc == 0 && ((a.status >= 200 && a.status < 300) ||
					 (a.status >= 400 && a.status != 401 &&
						 span_find(a.body, SPAN("messages")) >= 0)))
			check_fail(c, r, NULL, "POST %s without a credential was answered with %u",
				spellings[i], a.status);
		deep_answer_clear(&a);
		buf_clear(&out);
	}
	if (page.rc != 0)
		check_unknown(c, r, "no answer to GET /");
	deep_answer_clear(&page);
	check_pass(c, r, "%zu spellings, none led anywhere",
		(sizeof(files) + sizeof(spellings)) / sizeof(files[0]));
}

/* ---- headers ---- */

static void
want_field(struct checks *c, struct check_result *r, const struct deep_answer *a, const char *path,
	const char *name, const char *word)
{
	struct span v = deep_field(a, span_from_cstr(name));

	if (v.len == 0)
		check_fail(c, r, NULL, "%s: no %s", path, name);
	else if (word[0] != '\0' && span_find(v, span_from_cstr(word)) < 0)
		check_fail(c, r, NULL, "%s: %s: %s", path, name, cli_safe(v));
}

void
deep_headers(struct checks *c, struct check_result *r)
{
	static const char *const paths[] = {"/", "/healthz", "/v1/models", "/no-such-file.js"};
	uint8_t source = deep_source(c->attack);

	if (deep_is_over(c, r))
		return;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct buf out = {.max = KIB(4u)};
		struct deep_answer a;
		struct span csp;

		deep_request_put(c->attack, &out, "GET", paths[i], NULL, "", "");
		deep_ask(c->attack, source, buf_span(&out), &a);
		if (a.rc != 0)
			check_unknown(c, r, "no answer to GET %s", paths[i]);
		want_field(c, r, &a, paths[i], "Content-Security-Policy", "default-src 'self'");
		want_field(c, r, &a, paths[i], "X-Content-Type-Options", "nosniff");
		want_field(c, r, &a, paths[i], "X-Frame-Options", "DENY");
		want_field(c, r, &a, paths[i], "Referrer-Policy", "no-referrer");
		want_field(c, r, &a, paths[i], "Cross-Origin-Opener-Policy", "same-origin");
		want_field(c, r, &a, paths[i], "Cache-Control", "no-");
		csp = deep_field(&a, SPAN("content-security-policy"));
		if (span_find(csp, SPAN("unsafe-")) >= 0)
			check_fail(c, r, NULL, "%s: the policy allows unsafe scripts or styles",
				paths[i]);
		if (deep_field(&a, SPAN("access-control-allow-origin")).len > 0)
			check_fail(c, r, NULL, "%s: other origins may read it", paths[i]);
		deep_answer_clear(&a);
		buf_clear(&out);
	}
	check_pass(c, r, "on pages, errors and API alike");
}

/* ---- guesses ---- */

static void
others_go_on(struct checks *c, struct check_result *r)
{
	struct cli_client *client = NULL;
	struct cli_frame frame;
	const char *what = NULL;
	const char *right = check_text(
		c, "Authorization: Bearer %.*s\r\n", (int)c->token.len, (const char *)c->token.ptr);
	unsigned status;

	if (cli_client_open_quiet(c->cli, &client, &what) < 0 ||
		cli_client_call_quiet(client, "health", SPAN("{}"), &frame) < 0 || !frame.ok)
		check_fail(c, r, NULL, "the owner's control socket does not answer any more");
	cli_client_close(client);
	if (c->token.len == 0)
		return;
	status = status_of(c, deep_source(c->attack), "POST", "/v1/chat/completions", NULL, right);
	if (status == 429 || status == 401)
		check_fail(c, r, NULL, "the right token from another address is refused as well");
}

void
deep_brute(struct checks *c, struct check_result *r)
{
	struct check_deep *d = c->attack;
	uint8_t source = deep_source(d);
	unsigned status = 0;
	unsigned n = 0;

	if (deep_is_over(c, r))
		return;
	for (; n < DEEP_GUESSES_MAX && status != 429; n++)
		status = status_of(c, source, "POST", "/v1/chat/completions", NULL,
			check_text(c, "Authorization: Bearer %s%u\r\n", d->wrong, n));
	d->guesses += n;
	if (status != 429)
		check_fail(c, r, NULL, "%u wrong tokens from one address met no rate limit", n);
	others_go_on(c, r);
	check_pass(c, r,
		"locked out after %u guesses; the control socket and other addresses go on", n - 1);
}
