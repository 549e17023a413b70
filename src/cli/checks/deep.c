#include "checks/deep.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/err.h"
#include "base/limits.h"
#include "checks/subjects.h"
#include "cli_tls.h"
#include "crypto/crypto.h"
#include "crypto/crypto_encode.h"

#define PROOF_MS 10000

/* The gateway's own listener: loopback where it listens there or everywhere, else its one address. */
static void
find_target(struct checks *c, struct check_deep *d)
{
	uint64_t port = cli_get_u64(c->gateway.status, "gateway.port", 0);
	const struct json_node *first = json_first(cli_get(c->config, "listen"));
	char text[64] = "127.0.0.1";

	if (port == 0 || port > 65535)
		return;
	d->tls = cli_get_bool(c->gateway.status, "gateway.tls", false);
	if (d->tls && cli_tls_fingerprint_own(c->cli, d->fingerprint) < 0) {
		d->why = "<state>/tls-cert.pem is no certificate";
		return;
	}
	if (span_eq(cli_get_str(c->gateway.status, "gateway.bind"), SPAN("custom")))
		(void)span_to_cstr(cli_get_str(first, "address"), text, sizeof(text));
	d->target = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	if (inet_pton(AF_INET, text, &d->target.sin_addr) != 1) {
		d->why = "it listens at an IPv6 address, which this audit does not attack";
		return;
	}
	snprintf(d->host, sizeof(d->host), "%s:%u", text, (unsigned)port);
	snprintf(d->origin, sizeof(d->origin), "%s://%s", d->tls ? "https" : "http", d->host);
	d->why = NULL;
}

static void
try_target(struct check_deep *d)
{
	struct buf out = {.max = KIB(4u)};
	struct deep_answer a;

	deep_request_put(d, &out, "GET", "/healthz", NULL, "", "");
	deep_ask(d, deep_source(d), buf_span(&out), &a);
	d->reached = a.rc == 0 && a.status == 200;
	if (!d->reached)
		d->why = a.rc == ERR_CLOSED ? "nobody listens at its port"
			 : a.rc < 0         ? err_text(a.rc)
					    : "its port is not answered by it";
	deep_answer_clear(&a);
	buf_clear(&out);
}

static int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

bool
deep_is_over(struct checks *c, struct check_result *r)
{
	if (!c->attack->reached)
		check_unknown(c, r, "nothing was attacked: %s", c->attack->why);
	else if (now_ms() > c->attack->until_ms)
		check_unknown(c, r, "the attacks were stopped after %d s", DEEP_TOTAL_MS / 1000);
	else
		return false;
	return true;
}

const char *
deep_no_credential(const struct checks *c)
{
	return c->token.len > 0 ? "the password has a space, which no header carries"
	       : c->by_password ? "the gateway's password is not known here: set "
				  "MOLTBOT_GATEWAY_PASSWORD for the audit"
				: "the gateway does not show its token";
}

void
check_deep_start(struct checks *c)
{
	struct check_deep *d = mem_alloc(1, sizeof(*d));
	uint8_t random[24];

	c->attack = d;
	d->cli = c->cli;
	d->until_ms = now_ms() + DEEP_TOTAL_MS;
	d->why = c->gateway.client == NULL ? c->gateway.why : "it does not say where it listens";
	crypto_random(random, sizeof(random));
	d->net = 127u << 24 | (64u + random[0] % 64u) << 16 | (uint32_t)random[1] << 8;
	crypto_hex_encode(span_of(random + 2, 20), d->wrong);
	if (c->gateway.client == NULL)
		return;
	find_target(c, d);
	if (d->why != NULL)
		return;
	try_target(d);
	/* without bombs: they take seconds, and a living gateway feels them */
	if (cli_client_send(c->gateway.client, "moltbot.sandbox.prove", SPAN("{\"level\":0}"),
		    &d->proof_id) < 0)
		d->proof_id = 0;
}

void
check_deep_end(struct checks *c)
{
	free(c->attack);
	c->attack = NULL;
}

void
deep_reached(struct checks *c, struct check_result *r)
{
	if (c->attack->reached)
		check_pass(c, r, "%s, from %u.%u.%u.*", c->attack->host, c->attack->net >> 24,
			c->attack->net >> 16 & 255, c->attack->net >> 8 & 255);
	else
		check_fail_as(c, r, "gateway.probe_failed", CHECK_WARN, NULL,
			"nothing was attacked: %s", c->attack->why);
}

void
deep_escapes(struct checks *c, struct check_result *r)
{
	const struct check_deep *d = c->attack;
	struct cli_frame frame;
	uint64_t escaped;
	int rc = d->proof_id == 0 ? ERR_CLOSED : 0;

	do
		rc = rc < 0 ? rc : cli_client_next(c->gateway.client, PROOF_MS, &frame);
	while (rc == 0 && (frame.is_event || frame.id != d->proof_id));
	if (rc < 0 || !frame.ok) {
		check_unknown(c, r, "no proof: %s",
			rc < 0 ? d->proof_id == 0 ? "the gateway is not there" : err_text(rc)
			       : cli_safe(cli_get_str(frame.error, "message")));
		return;
	}
	escaped = cli_get_u64(frame.payload, "escaped", 1);
	for (const struct json_node *p = json_first(cli_get(frame.payload, "probes")); p != NULL;
		p = p->next) {
		if (!cli_get_bool(p, "held", false))
			check_fail(c, r, NULL, "not held: %s (%s)",
				cli_safe(cli_get_str(p, "what")), cli_safe(cli_get_str(p, "got")));
	}
	if (escaped > 0 || !cli_get_bool(frame.payload, "ok", false))
		check_fail(c, r, NULL, "%llu escapes were not held", (unsigned long long)escaped);
	else
		check_pass(c, r,
			"%llu attempts, all held, in the tier %s; bombs are for `moltbot doctor "
			"--prove`",
			(unsigned long long)cli_get_u64(frame.payload, "attempts", 0),
			cli_safe(cli_get_str(frame.payload, "tier")));
}

void
check_deep_put_json(struct checks *c, struct json_out *o)
{
	const struct check_deep *d = c->attack;

	(void)json_out_key(o, SPAN("deep"));
	(void)json_out_begin_object(o);
	(void)json_out_key(o, SPAN("gateway"));
	(void)json_out_begin_object(o);
	cli_json_bool(o, "attempted", true);
	(void)json_out_key(o, SPAN("url"));
	if (d->host[0] != '\0')
		(void)json_out_str(o, span_from_cstr(d->origin));
	else
		(void)json_out_null(o);
	cli_json_bool(o, "ok", d->reached);
	(void)json_out_key(o, SPAN("error"));
	if (d->reached)
		(void)json_out_null(o);
	else
		(void)json_out_str(o, span_from_cstr(d->why));
	(void)json_out_key(o, SPAN("close"));
	(void)json_out_null(o);
	cli_json_u64(o, "connections", d->connections);
	cli_json_u64(o, "guesses", d->guesses);
	(void)json_out_end_object(o);
	(void)json_out_end_object(o);
}
