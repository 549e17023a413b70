#include "vault/vault.h"

#include <string.h>

#include "base/err.h"

#define VERSION 1

void
vault_text_set(struct vault_text *t, struct span s)
{
	s = span_sub(s, 0, sizeof(t->bytes));
	*t = (struct vault_text){.len = (uint8_t)s.len};
	if (s.len > 0)
		memcpy(t->bytes, s.ptr, s.len);
}

struct span
vault_text_get(const struct vault_text *t)
{
	return span_of(t->bytes, t->len);
}

/* ---- writing ---- */

static void
put_u64(struct buf *b, uint64_t v)
{
	for (size_t i = 0; i < 8; i++)
		buf_put_u8(b, (uint8_t)(v >> (8 * i)));
}

static void
put_span(struct buf *b, struct span s)
{
	put_u64(b, s.len);
	buf_put(b, s);
}

static void
put_text(struct buf *b, const struct vault_text *t)
{
	put_span(b, vault_text_get(t));
}

static void
put_device(struct buf *b, const struct vault_device *d)
{
	buf_put(b, span_of(d->id, sizeof(d->id)));
	buf_put(b, span_of(d->public_key, sizeof(d->public_key)));
	put_u64(b, d->serial);
	put_u64(b, d->epoch);
	put_u64(b, d->roles);
	put_u64(b, d->scopes);
	put_u64(b, d->created_ms);
	put_u64(b, d->approved_ms);
	put_text(b, &d->display);
	put_text(b, &d->platform);
	put_text(b, &d->client_id);
	put_text(b, &d->client_mode);
	for (size_t i = 0; i < VAULT_ROLES; i++) {
		buf_put_u8(b, d->tokens[i].good);
		buf_put(b, span_of(d->tokens[i].value, VAULT_TOKEN_LEN));
		put_u64(b, d->tokens[i].scopes);
		put_u64(b, d->tokens[i].at_ms);
	}
}

static void
put_literal(struct buf *b, const struct vault_literal *l)
{
	put_text(b, &l->name);
	put_text(b, &l->host);
	put_text(b, &l->header);
	put_u64(b, l->port);
	buf_put_u8(b, l->scheme);
	put_span(b, secret_get(&l->value));
}

int
vault_state_encode(const struct vault_state *s, struct buf *out)
{
	put_u64(out, VERSION);
	put_u64(out, s->next_serial);
	put_u64(out, s->epoch);
	buf_put(out, span_of(s->hash_key, sizeof(s->hash_key)));
	put_span(out, secret_get(&s->token));
	put_u64(out, s->audit_epoch);
	buf_put_u8(out, s->has_audit_seed);
	buf_put(out, span_of(s->audit_seed, sizeof(s->audit_seed)));
	put_u64(out, s->ndevices);
	for (size_t i = 0; i < s->ndevices; i++)
		put_device(out, &s->devices[i]);
	put_u64(out, s->ncookies);
	for (size_t i = 0; i < s->ncookies; i++) {
		buf_put(out, span_of(s->cookies[i].hash, CRYPTO_MAC_LEN));
		put_u64(out, s->cookies[i].expires_ms);
	}
	put_u64(out, s->nliterals);
	for (size_t i = 0; i < s->nliterals; i++)
		put_literal(out, &s->literals[i]);
	return out->err;
}

/* ---- reading: the first thing that does not fit makes everything after it empty ---- */

struct reader {
	struct span rest;
	bool bad;
};

static struct span
get(struct reader *r, uint64_t len)
{
	struct span s;

	if (r->bad || len > r->rest.len) {
		r->bad = true;
		return SPAN_EMPTY;
	}
	s = span_sub(r->rest, 0, len);
	r->rest = span_sub(r->rest, len, r->rest.len);
	return s;
}

static void
get_bytes(struct reader *r, void *to, size_t len)
{
	struct span s = get(r, len);

	if (s.len == len)
		memcpy(to, s.ptr, len);
}

static uint64_t
get_u64(struct reader *r)
{
	struct span s = get(r, 8);
	uint64_t v = 0;

	for (size_t i = 0; i < s.len; i++)
		v |= (uint64_t)s.ptr[i] << (8 * i);
	return v;
}

static uint8_t
get_u8(struct reader *r)
{
	struct span s = get(r, 1);

	return s.len == 1 ? s.ptr[0] : 0;
}

static uint64_t
get_count(struct reader *r, uint64_t max)
{
	uint64_t n = get_u64(r);

	if (n > max)
		r->bad = true;
	return r->bad ? 0 : n;
}

static void
get_text(struct reader *r, struct vault_text *t)
{
	vault_text_set(t, get(r, get_count(r, sizeof(t->bytes))));
}

static void
get_secret(struct reader *r, struct secret *s)
{
	if (secret_set(s, get(r, get_count(r, SECRET_LEN_MAX))) < 0)
		r->bad = true;
}

static void
get_device(struct reader *r, struct vault_device *d)
{
	get_bytes(r, d->id, sizeof(d->id));
	get_bytes(r, d->public_key, sizeof(d->public_key));
	d->serial = get_u64(r);
	d->epoch = get_u64(r);
	d->roles = (uint32_t)get_u64(r);
	d->scopes = (uint32_t)get_u64(r) & SCOPE_ALL;
	d->created_ms = get_u64(r);
	d->approved_ms = get_u64(r);
	get_text(r, &d->display);
	get_text(r, &d->platform);
	get_text(r, &d->client_id);
	get_text(r, &d->client_mode);
	for (size_t i = 0; i < VAULT_ROLES; i++) {
		d->tokens[i].good = get_u8(r) == 1;
		get_bytes(r, d->tokens[i].value, VAULT_TOKEN_LEN);
		d->tokens[i].scopes = (uint32_t)get_u64(r) & SCOPE_ALL;
		d->tokens[i].at_ms = get_u64(r);
	}
}

static void
get_literal(struct reader *r, struct vault_literal *l)
{
	get_text(r, &l->name);
	get_text(r, &l->host);
	get_text(r, &l->header);
	l->port = (uint32_t)get_u64(r);
	l->scheme = get_u8(r);
	get_secret(r, &l->value);
}

int
vault_state_decode(struct span bytes, struct vault_state *s)
{
	struct reader r = {.rest = bytes};

	if (get_u64(&r) != VERSION)
		return ERR_SYNTAX;
	s->next_serial = get_u64(&r);
	s->epoch = get_u64(&r);
	get_bytes(&r, s->hash_key, sizeof(s->hash_key));
	get_secret(&r, &s->token);
	s->audit_epoch = get_u64(&r);
	s->has_audit_seed = get_u8(&r) == 1;
	get_bytes(&r, s->audit_seed, sizeof(s->audit_seed));
	s->ndevices = get_count(&r, DEVICES_MAX);
	for (size_t i = 0; i < s->ndevices; i++)
		get_device(&r, &s->devices[i]);
	s->ncookies = get_count(&r, VAULT_COOKIES_MAX);
	for (size_t i = 0; i < s->ncookies; i++) {
		get_bytes(&r, s->cookies[i].hash, CRYPTO_MAC_LEN);
		s->cookies[i].expires_ms = get_u64(&r);
	}
	s->nliterals = get_count(&r, VAULT_SECRETS_MAX);
	for (size_t i = 0; i < s->nliterals; i++)
		get_literal(&r, &s->literals[i]);
	return r.bad || r.rest.len != 0 ? ERR_SYNTAX : 0;
}
