/* Attacks over WebSocket: methods, scopes, frames. */
#include "checks/deep.h"
#include "checks/subjects.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/limits.h"
#include "cli_socket.h"
#include "proto/ids.h"

static bool
open_ws(struct checks *c, struct check_result *r, uint8_t source, struct deep_ws *ws)
{
	unsigned status;
	int rc = deep_ws_open(c->attack, source, "/", NULL, "", ws, &status);

	if (rc == 0)
		return true;
	check_unknown(c, r, "no WebSocket: %s", rc == ERR_DENIED ? "refused" : err_text(rc));
	deep_ws_close(ws);
	return false;
}

static void
call(struct deep_ws *ws, unsigned method)
{
	struct buf b = {.max = KIB(64u)};

	deep_call_put(&b, method);
	(void)deep_ws_send(ws, buf_span(&b));
	buf_clear(&b);
}

/* Nothing that comes until the end may be a yes. False: there is no end. */
static bool
want_no_yes(struct checks *c, struct check_result *r, struct deep_ws *ws, const char *how)
{
	const struct json_node *root;
	int rc;

	while ((rc = deep_ws_next(ws, &root)) == 0) {
		if (cli_get_bool(root, "ok", false))
			check_fail(c, r, NULL, "%s was answered %s",
				cli_safe(cli_get_str(root, "id")), how);
	}
	if (rc == ERR_TIMEOUT)
		check_fail(c, r, NULL, "the connection stays open %s", how);
	return rc != ERR_TIMEOUT;
}

void
deep_websocket(struct checks *c, struct check_result *r)
{
	const char *how[] = {"without a credential", "with an empty token", "with a wrong token"};
	const struct span tokens[] = {SPAN_EMPTY, SPAN(" "), span_from_cstr(c->attack->wrong)};
	uint8_t source = deep_source(c->attack);
	struct deep_ws ws;

	if (deep_is_over(c, r))
		return;
	for (size_t i = 0; i < 3; i++) {
		int rc;

		if (!open_ws(c, r, source, &ws))
			return;
		rc = deep_ws_connect(&ws, "[\"operator.admin\"]", tokens[i]);
		if (rc == 0)
			check_fail(c, r, NULL, "connect %s was let in", how[i]);
		else if (rc != ERR_DENIED)
			check_unknown(c, r, "connect %s: %s", how[i], err_text(rc));
		deep_ws_close(&ws);
	}
	c->attack->guesses += 2;
	if (c->token.len > 0 && open_ws(c, r, source, &ws)) {
		if (deep_ws_connect(&ws, "[\"operator.read\"]", c->token) != 0)
			check_unknown(c, r, "the right token is refused as well");
		deep_ws_close(&ws);
	}
	check_pass(c, r, "refused without, with an empty and with a wrong token");
}

void
deep_methods(struct checks *c, struct check_result *r)
{
	uint8_t source = deep_source(c->attack);
	struct buf connect = {.max = KIB(4u)};
	struct deep_ws ws;
	unsigned open = 0;

	if (deep_is_over(c, r))
		return;
	/* one connection each: the first frame that is no connect ends it; where none ends, a few tell */
	for (unsigned m = 0; m < METHOD_N && open < 2; m++) {
		if (!open_ws(c, r, source, &ws))
			return;
		call(&ws, m);
		open += !want_no_yes(c, r, &ws, "before connect");
		deep_ws_close(&ws);
	}
	if (!open_ws(c, r, source, &ws))
		return;
	/* all of them behind a connect that is wrong, before its answer can have come */
	deep_ws_connect_put(&connect, "[\"operator.admin\"]", span_from_cstr(c->attack->wrong));
	(void)deep_ws_send(&ws, buf_span(&connect));
	buf_clear(&connect);
	for (unsigned m = 0; m < METHOD_N; m++)
		call(&ws, m);
	(void)want_no_yes(c, r, &ws, "behind a wrong connect");
	deep_ws_close(&ws);
	c->attack->guesses++;
	check_pass(
		c, r, "%u methods, before connect and behind a wrong one, all refused", METHOD_N);
}

/* ---- too weak a credential ---- */

/* What would end or freeze a living gateway if it got through is not tried. */
static bool
is_dangerous(unsigned method)
{
	return method == METHOD_GATEWAY_STOP || method == METHOD_PANIC;
}

static void
want_denied(struct checks *c, struct check_result *r, struct deep_ws *ws, unsigned method,
	const char *who)
{
	const char *name = method_rows[method].name;
	const struct json_node *root = NULL;
	struct span message;
	int rc;

	call(ws, method);
	do
		rc = deep_ws_next(ws, &root);
	while (rc == 0 && !span_eq(cli_get_str(root, "id"), span_from_cstr(name)));
	if (rc < 0) {
		check_unknown(c, r, "%s: %s", name, err_text(rc));
		return;
	}
	message = cli_get_str(cli_get(root, "error"), "message");
	if (cli_get_bool(root, "ok", false))
		check_fail(c, r, NULL, "%s worked for %s", name, who);
	else if (span_starts_with(message, SPAN("rate limit")) ||
		 span_starts_with(message, SPAN("the gateway is starting")))
		check_unknown(c, r, "%s: %s", name, cli_safe(message));
	else if (!span_starts_with(message, SPAN("missing scope")) &&
		 !span_starts_with(message, SPAN("unauthorized")))
		check_fail(c, r, NULL, "%s got past the question who asks for %s: %s", name, who,
			cli_safe(message));
}

static bool
open_with(struct checks *c, struct check_result *r, const char *scopes, struct deep_ws *ws)
{
	if (c->token.len == 0) {
		check_unknown(c, r, "%s", deep_no_credential(c));
		return false;
	}
	if (!open_ws(c, r, deep_source(c->attack), ws))
		return false;
	if (deep_ws_connect(ws, scopes, c->token) == 0)
		return true;
	check_unknown(c, r, "the right token is refused");
	deep_ws_close(ws);
	return false;
}

void
deep_scopes(struct checks *c, struct check_result *r)
{
	struct deep_ws ws;
	unsigned n = 0;

	if (deep_is_over(c, r) || !open_with(c, r, "[\"operator.read\"]", &ws))
		return;
	for (unsigned m = 0; m < METHOD_N; m++) {
		const struct method_row *row = &method_rows[m];

		if (row->scope == 0 || row->scope == SCOPE_READ || row->who == WHO_CONTROL ||
			is_dangerous(m))
			continue;
		want_denied(c, r, &ws, m, "who may only read");
		n++;
	}
	deep_ws_close(&ws);
	check_pass(c, r, "%u methods refused who may only read (%s was not tried)", n,
		method_rows[METHOD_PANIC].name);
}

void
deep_control(struct checks *c, struct check_result *r)
{
	struct deep_ws ws;
	unsigned n = 0;

	if (deep_is_over(c, r) ||
		!open_with(c, r, "[\"operator.admin\",\"operator.approvals\",\"operator.pairing\"]",
			&ws))
		return;
	for (unsigned m = 0; m < METHOD_N; m++) {
		if (method_rows[m].who != WHO_CONTROL || is_dangerous(m) ||
			(m == METHOD_RESUME && c->gateway.panic))
			continue;
		want_denied(c, r, &ws, m, "the owner's credential over TCP");
		n++;
	}
	deep_ws_close(&ws);
	check_pass(c, r, "%u methods refused the owner's credential over TCP (%s was not tried)", n,
		method_rows[METHOD_GATEWAY_STOP].name);
}

/* ---- too much ---- */

/* The head of a masked frame of that many bytes, and none of them: whoever waits for them keeps room for them. */
static void
try_frame(struct checks *c, struct check_result *r, struct deep_ws *ws, uint64_t len,
	const char *when)
{
	uint8_t head[WS_HEAD_MAX];
	uint8_t key[4] = {1, 2, 3, 4};
	const struct json_node *root;
	size_t n = ws_head_format(head, WS_TEXT, true, len, key);
	int rc = cli_socket_write(ws->fd, span_of(head, n), DEEP_TIMEOUT_MS);

	while (rc == 0)
		rc = deep_ws_next(ws, &root);
	if (rc == ERR_TIMEOUT)
		check_fail(c, r, NULL, "a frame of %llu bytes is waited for %s",
			(unsigned long long)len, when);
}

static void
try_body(struct checks *c, struct check_result *r, const char *path, const char *lines,
	uint64_t len, const char *when)
{
	struct buf out = {.max = KIB(8u)};
	struct deep_answer a;

	(void)buf_put_fmt(&out, "POST %s HTTP/1.1\r\nHost: %s\r\n%sContent-Length: %llu\r\n\r\n",
		path, c->attack->host, lines, (unsigned long long)len);
	deep_ask(c->attack, deep_source(c->attack), buf_span(&out), &a);
	if (a.rc == ERR_TIMEOUT)
		check_fail(c, r, NULL, "a body of %llu bytes is waited for %s",
			(unsigned long long)len, when);
	else if (a.rc == 0 && a.status < 400)
		check_fail(c, r, NULL, "a body of %llu bytes was answered with %u %s",
			(unsigned long long)len, a.status, when);
	deep_answer_clear(&a);
	buf_clear(&out);
}

static void
try_head(struct checks *c, struct check_result *r)
{
	struct buf out = {.max = HTTP_HEAD_MAX + KIB(8u)};
	struct deep_answer a;

	(void)buf_put_fmt(&out, "GET /healthz HTTP/1.1\r\nHost: %s\r\nX-Fill: ", c->attack->host);
	while (out.len < HTTP_HEAD_MAX + KIB(1u))
		(void)buf_put_u8(&out, 'a');
	(void)buf_put_cstr(&out, "\r\n\r\n");
	deep_ask(c->attack, deep_source(c->attack), buf_span(&out), &a);
	if (a.rc == 0 && a.status < 400)
		check_fail(
			c, r, NULL, "a head of %zu bytes was answered with %u", out.len, a.status);
	else if (a.rc == ERR_TIMEOUT)
		check_fail(c, r, NULL, "a head of %zu bytes is waited for", out.len);
	deep_answer_clear(&a);
	buf_clear(&out);
}

void
deep_frames(struct checks *c, struct check_result *r)
{
	struct deep_ws ws;

	if (deep_is_over(c, r))
		return;
	if (open_ws(c, r, deep_source(c->attack), &ws)) {
		try_frame(c, r, &ws, WS_ANON_FRAME_MAX + 1, "before connect");
		deep_ws_close(&ws);
	}
	try_head(c, r);
	try_body(c, r, "/claim", check_text(c, "Origin: %s\r\n", c->attack->origin),
		HTTP_ANON_BODY_MAX + 1, "before anybody signed in");
	if (c->token.len > 0)
		try_body(c, r, "/v1/chat/completions",
			check_text(c, "Authorization: Bearer %.*s\r\n", (int)c->token.len,
				(const char *)c->token.ptr),
			HTTP_BODY_MAX + 1, "of who has signed in");
	if (c->token.len > 0 && open_with(c, r, "[\"operator.read\"]", &ws)) {
		try_frame(c, r, &ws, WS_FRAME_MAX + 1, "of who has signed in");
		deep_ws_close(&ws);
	}
	check_pass(c, r, "refused as soon as their length was known");
}
