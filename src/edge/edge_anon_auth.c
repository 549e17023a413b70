#include "edge_anon.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/secret.h"
#include "edge_http.h"

#define SLOT_BITS 14
#define REFUSED_TELL_MS 10000

_Static_assert(EDGE_ANON_CONNS_MAX <= 1u << SLOT_BITS, "a request's number holds the slot");

static struct span
store(struct anon_ask *ask, struct span v, size_t max)
{
	size_t at = ask->store.len;

	v = span_sub(v, 0, max);
	if (buf_put(&ask->store, v) < 0)
		return SPAN_EMPTY;
	return span_of(ask->store.ptr + at, v.len);
}

/* A free slot; there are as many as connections. */
static void
take_slot(struct anon *anon, struct anon_conn *a, struct anon_ask *ask)
{
	while (anon->asks[anon->next_slot] != NULL)
		anon->next_slot = (anon->next_slot + 1) % EDGE_ANON_CONNS_MAX;
	ask->slot = anon->next_slot;
	anon->asks[ask->slot] = a;
	if (anon->asks_top <= ask->slot)
		anon->asks_top = ask->slot + 1u;
	anon->next_slot = (anon->next_slot + 1) % EDGE_ANON_CONNS_MAX;
	ask->req = ++anon->next_req << SLOT_BITS | ask->slot;
}

struct anon_ask *
anon_ask_new(struct anon_conn *a, const struct http_request *req, bool secure)
{
	struct anon_ask *ask = mem_alloc(1, sizeof(*ask));
	struct span agent = SPAN_EMPTY;

	take_slot(anon_of(a), a, ask);
	(void)http_field_get(req, SPAN("user-agent"), &agent);
	agent = span_sub(agent, 0, 256);
	buf_init(&ask->store, 1024);
	(void)buf_room(&ask->store, req->host.len + agent.len + 128);
	ask->host = store(ask, req->host, 256);
	ask->user_agent = store(ask, agent, 256);
	ask->secure = secure;
	ask->keep_alive = req->keep_alive;
	ask->head_only = req->method == HTTP_HEAD;
	ask->client = edge_source_client(&anon_of(a)->hosts, req, &a->peer);
	a->c.extra = sizeof(*ask) + ask->store.cap;
	edge_conn_account(&a->c);
	return ask;
}

void
anon_ask_free(struct anon_conn *a)
{
	struct anon_ask *ask = a->ask;

	if (ask == NULL)
		return;
	anon_of(a)->asks[ask->slot] = NULL;
	if (ask->connect.token.len + ask->connect.password.len > 0) {
		secret_wipe((void *)(uintptr_t)ask->connect.token.ptr, ask->connect.token.len);
		secret_wipe(
			(void *)(uintptr_t)ask->connect.password.ptr, ask->connect.password.len);
	}
	secret_wipe(ask->store.ptr, ask->store.len);
	secret_wipe(ask->ticket, sizeof(ask->ticket));
	arena_clear(&ask->arena);
	buf_clear(&ask->store);
	free(ask);
	a->ask = NULL;
	a->c.extra = 0;
}

static struct anon_conn *
find(struct anon *anon, uint64_t req)
{
	struct anon_conn *a = anon->asks[(req & ((1u << SLOT_BITS) - 1)) % EDGE_ANON_CONNS_MAX];

	return a != NULL && a->phase == ANON_VERIFY && a->ask->req == req ? a : NULL;
}

/* ---- questions ---- */

/* The address as 128 bits, IPv4 as ::ffff:a.b.c.d. */
static void
source_words(const struct addr *a, uint64_t *hi, uint64_t *lo)
{
	uint8_t b[16] = {0};

	if (a->family == 4) {
		b[10] = 0xff;
		b[11] = 0xff;
		memcpy(b + 12, a->bytes, 4);
	} else {
		memcpy(b, a->bytes, 16);
	}
	*hi = 0;
	*lo = 0;
	for (int i = 0; i < 8; i++) {
		*hi = *hi << 8 | b[i];
		*lo = *lo << 8 | b[8 + i];
	}
}

static void
wait_for_vault(struct anon_conn *a, int rc)
{
	if (rc < 0) {
		anon_ask_unavailable(a);
		return;
	}
	a->phase = ANON_VERIFY;
	a->c.deadline_ms = ev_now_ms(a->c.conns->ev) + EDGE_HANDSHAKE_MS;
	edge_conn_watch(&a->c);
}

void
anon_ask_verify(struct anon_conn *a, uint8_t credential, struct span secret)
{
	struct anon_ask *ask = a->ask;
	const struct edge_connect *c = &ask->connect;
	struct ipc_chan *vault = child_peer(anon_of(a)->child, KIND_VAULT, 0);
	struct anon_vault_verify m = {.req = ask->req,
		.credential = credential,
		.secret = secret,
		.role = c->role,
		.scopes = c->scopes,
		.device_id = c->device_id,
		.public_key = c->public_key,
		.signature = c->signature,
		.signed_at = c->signed_at,
		.nonce = c->nonce,
		.nonce_sent = c->nonce_sent,
		.client_id = c->client_id,
		.client_mode = c->client_mode,
		.display = c->display,
		.platform = c->platform};

	ask->credential = credential;
	if (!ask->websocket)
		m.role = SPAN("operator");
	source_words(&ask->client, &m.source_hi, &m.source_lo);
	wait_for_vault(a, vault == NULL ? ERR_NOPEER : anon_vault_verify_send(vault, &m));
}

void
anon_ask_claim(struct anon_conn *a, struct span code)
{
	struct ipc_chan *vault = child_peer(anon_of(a)->child, KIND_VAULT, 0);
	struct anon_vault_claim m = {.req = a->ask->req, .code = code};

	a->ask->claim = true;
	source_words(&a->ask->client, &m.source_hi, &m.source_lo);
	wait_for_vault(a, vault == NULL ? ERR_NOPEER : anon_vault_claim_send(vault, &m));
}

/* ---- answers that are a no ---- */

static void
refuse_http(struct anon_conn *a, unsigned why, uint64_t retry_ms)
{
	struct edge_answer like = {.lasts = edge_host_lasts(a->ask->secure, a->ask->host),
		.head_only = a->ask->head_only};
	struct buf after = {.max = 32};
	struct http_field fields[1] = {{SPAN("WWW-Authenticate"), SPAN("Bearer")}};

	like.fields = fields;
	like.nfields = 1;
	if (why == AUTH_RATE_LIMITED) {
		buf_put_u64_dec(&after, retry_ms / 1000 + 1);
		fields[0] = (struct http_field){SPAN("Retry-After"), buf_span(&after)};
		edge_http_error(
			&a->c, 429, "rate_limited", SPAN("unauthorized: too many attempts"), &like);
	} else if (why == AUTH_UNAVAILABLE) {
		fields[0] = (struct http_field){SPAN("Retry-After"), SPAN("1")};
		edge_http_error(&a->c, 503, "unavailable",
			SPAN("the gateway is starting or busy: try again"), &like);
	} else {
		edge_http_error(&a->c, 401, "unauthorized", SPAN("Unauthorized"), &like);
	}
	buf_clear(&after);
}

/* Somebody guesses, or has what is not good any more; the others have only forgotten something. */
static bool
is_guess(unsigned why)
{
	return why == AUTH_MISMATCH || why == AUTH_RATE_LIMITED || why == AUTH_DEVICE_MISMATCH ||
	       why == AUTH_SIGNATURE_INVALID || why == AUTH_KEY_INVALID;
}

static void on_refused_timer(struct ev *ev, void *arg);

static void
write_refused(struct anon *anon)
{
	char source[ADDR_TEXT_MAX];

	log_warn("sign-in refused: wrong credential",
		LOG_S("source", span_of(source, addr_format(&anon->refused_source, source))),
		LOG_U("times", anon->refused));
	anon->refused = 0;
	anon->refused_timer =
		ev_timer_start(anon->child->ev, REFUSED_TELL_MS, on_refused_timer, anon);
}

static void
on_refused_timer(struct ev *ev, void *arg)
{
	struct anon *anon = arg;

	(void)ev;
	anon->refused_timer = 0;
	if (anon->refused > 0)
		write_refused(anon);
}

/* Whoever guesses does not write the log: the first is told at once, and then one line stands for all of the next seconds. */
static void
tell_refused(struct anon *anon, const struct anon_ask *ask, unsigned why)
{
	if (!is_guess(why))
		return;
	anon->refused++;
	anon->refused_source = ask->client;
	if (anon->refused_timer == 0)
		write_refused(anon);
}

static void
refuse(struct anon_conn *a, const struct edge_verdict *v)
{
	struct edge_refusal r = {0};

	tell_refused(anon_of(a), a->ask, v->why);
	if (a->ask->websocket) {
		edge_connect_refused(&a->ask->connect, v, &r);
		anon_ws_refuse(a, a->ask->connect.req, &r);
	} else {
		refuse_http(a, v->why, v->retry_ms);
	}
}

void
anon_ask_unavailable(struct anon_conn *a)
{
	refuse(a, &(struct edge_verdict){.why = AUTH_UNAVAILABLE});
}

/* ---- answers that are a yes ---- */

static int
send_over(struct anon_conn *a, struct ipc_chan *user)
{
	const struct anon_ask *ask = a->ask;
	const struct edge_connect *c = &ask->connect;
	char source[ADDR_TEXT_MAX];
	struct anon_user_handover m = {.client = a->c.fd,
		.ticket = span_of(ask->ticket, ask->ticket_len),
		.websocket = ask->websocket,
		.unread = buf_span(&a->c.in),
		.connect_id = c->req,
		.client_id = c->client_id,
		.client_mode = c->client_mode,
		.client_version = c->client_version,
		.platform = c->platform,
		.display = c->display,
		.device_family = c->device_family,
		.model = c->model,
		.instance_id = c->instance_id,
		.role = c->role,
		.scopes = c->scopes,
		.user_agent = ask->user_agent,
		.source = span_of(source, addr_format(&ask->client, source)),
		.host = ask->host,
		.secure = ask->secure,
		.device = c->has_device};

	return anon_user_handover_send(user, &m);
}

/* The socket goes to the principal's own process; what we hold of it ends here. */
static void
pass_on(struct anon_conn *a, struct ipc_chan *user)
{
	if (a->c.in.len > EDGE_WINDOW_MAX) {
		anon_ws_refuse(a, SPAN_EMPTY,
			&(struct edge_refusal){.close = WS_CODE_POLICY,
				.message = "too much before the answer to connect"});
		return;
	}
	if (send_over(a, user) < 0)
		anon_ask_unavailable(a);
	else
		edge_conn_abandon(&a->c);
}

void
anon_hand_over(struct anon *anon, struct ipc_chan *user)
{
	for (size_t i = 0; i < anon->asks_top; i++) {
		struct anon_conn *a = anon->asks[i];

		if (a != NULL && a->phase == ANON_HANDOVER &&
			a->ask->principal == ipc_chan_tag(user))
			pass_on(a, user);
	}
}

int
anon_on_verdict(struct ipc_chan *chan, const void *m, void *arg)
{
	const struct anon_vault_verdict *v = m;
	struct child *child = arg;
	struct anon *anon = child->ctx;
	struct anon_conn *a = find(anon, v->req);
	struct ipc_chan *user;

	(void)chan;
	if (a == NULL)
		return 0; /* the client did not wait */
	if (!v->ok || v->why != AUTH_OK || PRINCIPAL_KIND(v->principal) == PRINCIPAL_NONE ||
		a->ask->claim) {
		refuse(a,
			&(struct edge_verdict){.why = v->why == AUTH_OK ? AUTH_UNAVAILABLE : v->why,
				.credential = a->ask->credential,
				.request_id = v->request_id,
				.retry_ms = v->retry_ms});
		return 0;
	}
	a->ask->principal = v->principal;
	a->ask->ticket_len = v->ticket.len;
	memcpy(a->ask->ticket, v->ticket.ptr, v->ticket.len);
	a->phase = ANON_HANDOVER;
	a->c.deadline_ms = ev_now_ms(child->ev) + TICKET_TTL_MS;
	user = child_peer(child, KIND_USER, v->principal);
	if (user != NULL)
		pass_on(a, user);
	else
		child_spawn(child, KIND_USER, v->principal);
	return 0;
}

/* The code was good: the browser gets its session. */
static void
welcome(struct anon_conn *a, struct span cookie)
{
	struct buf value = {.max = 512};
	struct http_field set;
	struct edge_answer answer = {.status = 200,
		.type = SPAN("application/json"),
		.body = SPAN("{\"ok\":true}"),
		.keep_alive = a->ask->keep_alive,
		.lasts = edge_host_lasts(a->ask->secure, a->ask->host),
		.fields = &set,
		.nfields = 1};

	buf_put_cstr(&value, EDGE_COOKIE "=");
	buf_put(&value, cookie);
	buf_put_fmt(
		&value, "; HttpOnly; SameSite=Strict; Path=/; Max-Age=%llu", COOKIE_TTL_MS / 1000);
	if (a->ask->secure)
		buf_put_cstr(&value, "; Secure");
	set = (struct http_field){SPAN("Set-Cookie"), buf_span(&value)};
	a->phase = ANON_HTTP;
	a->partial = false;
	a->c.deadline_ms = ev_now_ms(a->c.conns->ev) + EDGE_IDLE_MS;
	anon_ask_free(a);
	edge_http_send(&a->c, &answer);
	secret_wipe(value.ptr, value.len);
	buf_clear(&value);
	edge_conn_resume(&a->c);
}

int
anon_on_claimed(struct ipc_chan *chan, const void *m, void *arg)
{
	const struct anon_vault_claimed *v = m;
	struct child *child = arg;
	struct anon_conn *a = find(child->ctx, v->req);

	(void)chan;
	if (a == NULL || !a->ask->claim)
		return 0;
	if (v->ok && v->cookie.len > 0)
		welcome(a, v->cookie);
	else
		refuse(a, &(struct edge_verdict){.why = v->why == AUTH_OK ? AUTH_MISMATCH : v->why,
				  .retry_ms = v->retry_ms});
	return 0;
}

int
anon_on_return(struct ipc_chan *chan, const void *m, void *arg)
{
	const struct anon_user_return *r = m;
	struct child *child = arg;

	(void)anon_conn_new(child->ctx, ipc_fd_steal(chan, r->client), r->unread);
	return 0;
}
