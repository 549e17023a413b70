#include "vault/vault.h"

#include <string.h>

#include "base/err.h"
#include "base/weak.h"

/* What is kept of codes and cookies: a keyed hash, so that even the box does not hold what would sign in. */
static void
hash_of(const struct vault *v, const char *domain, struct span value, uint8_t out[CRYPTO_MAC_LEN])
{
	crypto_mac(v->state.hash_key, domain, &value, 1, out);
}

static int
put_random(struct buf *out)
{
	uint8_t random[VAULT_RANDOM_LEN];
	int rc;

	crypto_random(random, sizeof(random));
	rc = crypto_base64url_put(out, span_of(random, sizeof(random)));
	secret_wipe(random, sizeof(random));
	return rc;
}

/* ---- tickets ---- */

int
vault_ticket_new(struct vault *v, const struct vault_answer *a, uint8_t out[VAULT_RANDOM_LEN])
{
	uint64_t now = ev_now_ms(v->child->ev);

	for (size_t i = 0; i < VAULT_TICKETS_MAX; i++) {
		struct vault_ticket *t = &v->tickets[i];

		if (t->principal != 0 && now < t->expires_ms)
			continue;
		*t = (struct vault_ticket){.principal = a->principal,
			.expires_ms = now + TICKET_TTL_MS,
			.device = a->device,
			.role = a->role};
		crypto_random(t->value, sizeof(t->value));
		memcpy(out, t->value, sizeof(t->value));
		return 0;
	}
	return ERR_FULL;
}

const struct vault_ticket *
vault_ticket_redeem(struct vault *v, struct span value, uint64_t principal)
{
	static struct vault_ticket used;
	uint64_t now = ev_now_ms(v->child->ev);

	if (value.len != VAULT_RANDOM_LEN)
		return NULL;
	for (size_t i = 0; i < VAULT_TICKETS_MAX; i++) {
		struct vault_ticket *t = &v->tickets[i];

		if (t->principal == 0 || !crypto_bytes_equal(t->value, value.ptr, VAULT_RANDOM_LEN))
			continue;
		used = *t;
		*t = (struct vault_ticket){0};
		return now < used.expires_ms && used.principal == principal ? &used : NULL;
	}
	return NULL;
}

/* ---- one-time links ---- */

int
vault_code_new(struct vault *v, struct buf *out)
{
	uint64_t now = ev_now_ms(v->child->ev);
	struct vault_code *oldest = &v->codes[0];
	int rc = put_random(out);

	for (size_t i = 0; i < VAULT_CODES_MAX; i++) {
		if (v->codes[i].expires_ms < oldest->expires_ms)
			oldest = &v->codes[i];
	}
	if (rc < 0)
		return rc;
	hash_of(v, "code", buf_span(out), oldest->hash);
	oldest->expires_ms = now + CLAIM_TTL_MS;
	return 0;
}

/* Uses the code up, whatever comes of it. */
static enum auth_why
take_code(struct vault *v, struct span code)
{
	uint64_t now = ev_now_ms(v->child->ev);
	uint8_t hash[CRYPTO_MAC_LEN];

	hash_of(v, "code", code, hash);
	for (size_t i = 0; i < VAULT_CODES_MAX; i++) {
		struct vault_code *c = &v->codes[i];
		uint64_t expires = c->expires_ms;

		if (expires == 0 || !crypto_bytes_equal(c->hash, hash, sizeof(hash)))
			continue;
		if (!WEAK(ONCE))
			*c = (struct vault_code){0};
		return now < expires ? AUTH_OK : AUTH_EXPIRED;
	}
	return code.len == 0 ? AUTH_MISSING : AUTH_MISMATCH;
}

/* ---- browser sessions ---- */

static void
drop_cookies(struct vault_state *s)
{
	uint64_t now = ev_wall_ms();
	size_t kept = 0;

	for (size_t i = 0; i < s->ncookies; i++) {
		if (now < s->cookies[i].expires_ms)
			s->cookies[kept++] = s->cookies[i];
	}
	s->ncookies = kept;
	if (kept == VAULT_COOKIES_MAX) {
		memmove(&s->cookies[0], &s->cookies[1], (kept - 1) * sizeof(s->cookies[0]));
		s->ncookies--;
	}
}

static int
new_cookie(struct vault *v, struct buf *out)
{
	struct vault_cookie *c;
	int rc = put_random(out);

	if (rc < 0)
		return rc;
	drop_cookies(&v->state);
	c = &v->state.cookies[v->state.ncookies++];
	hash_of(v, "cookie", buf_span(out), c->hash);
	c->expires_ms = ev_wall_ms() + COOKIE_TTL_MS;
	rc = vault_save(v);
	if (rc < 0)
		v->state.ncookies--;
	return rc;
}

bool
vault_cookie_is_good(struct vault *v, struct span value, bool *expired)
{
	uint8_t hash[CRYPTO_MAC_LEN];
	uint64_t now = ev_wall_ms();
	bool good = false;

	*expired = false;
	if (value.len != VAULT_CODE_LEN)
		return false;
	hash_of(v, "cookie", value, hash);
	for (size_t i = 0; i < v->state.ncookies; i++) {
		if (!crypto_bytes_equal(v->state.cookies[i].hash, hash, sizeof(hash)))
			continue;
		good = now < v->state.cookies[i].expires_ms;
		*expired = !good;
	}
	return good;
}

struct vault_answer
vault_claim(struct vault *v, const struct anon_vault_claim *m, struct buf *cookie)
{
	struct vault_answer a = {.why = AUTH_RATE_LIMITED, .device = -1};
	uint64_t now = ev_now_ms(v->child->ev);
	struct vault_source *source = vault_rate_take(
		&v->rate, m->source_hi, m->source_lo, VAULT_CLASS_CLAIM, now, &a.retry_ms);

	if (source == NULL)
		return a;
	a.why = (uint8_t)take_code(v, m->code);
	if (a.why != AUTH_OK) {
		if (vault_rate_bad(source, now))
			a.retry_ms = source->locked_until_ms - now;
		return a;
	}
	vault_rate_good(&v->rate, source, VAULT_CLASS_CLAIM);
	a.principal = PRINCIPAL(PRINCIPAL_BROWSER, (uint64_t)SCOPE_ALL, 1u);
	if (new_cookie(v, cookie) < 0)
		a.why = AUTH_UNAVAILABLE;
	return a;
}
