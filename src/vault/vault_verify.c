#include "vault/vault.h"

#include <string.h>

#include "base/err.h"
#include "base/weak.h"

#define SCOPES_MAX 32 /* scopes of one request */

uint32_t
vault_scopes_parse(struct span list)
{
	uint32_t bits = 0;

	while (list.len > 0) {
		struct span one = span_cut(&list, ',');

		bits |= scope_find((const char *)one.ptr, (unsigned)one.len);
	}
	return bits;
}

/* ---- the request ---- */

struct request {
	const struct anon_vault_verify *m;
	enum vault_role role;
	uint32_t scopes;
	bool has_device;
	uint8_t public_key[CRYPTO_PUBLIC_LEN];
};

static enum auth_why
read_role(struct request *r)
{
	r->role = VAULT_OPERATOR;
	if (span_eq(r->m->role, SPAN("node")))
		r->role = VAULT_NODE;
	else if (r->m->role.len != 0 && !span_eq(r->m->role, SPAN("operator")))
		return AUTH_ROLE_INVALID;
	r->scopes = r->role == VAULT_NODE ? 0 : vault_scopes_parse(r->m->scopes);
	/* An operator who asks for nothing asks for all (protocol 3). */
	if (r->role == VAULT_OPERATOR && r->m->scopes.len == 0)
		r->scopes = SCOPE_ADMIN;
	r->has_device = r->m->device_id.len != 0 || r->m->public_key.len != 0;
	return AUTH_OK;
}

static bool
is_recent(uint64_t signed_at)
{
	uint64_t now = ev_wall_ms();

	return signed_at <= now ? now - signed_at <= AUTH_SKEW_MS : signed_at - now <= AUTH_SKEW_MS;
}

static enum auth_why
check_signature(struct request *r)
{
	const struct anon_vault_verify *m = r->m;
	struct span names[SCOPES_MAX];
	struct span list = m->scopes;
	struct crypto_device_claim claim = {.id = m->device_id,
		.client_id = m->client_id,
		.client_mode = m->client_mode,
		.role = r->role == VAULT_NODE ? SPAN("node") : SPAN("operator"),
		.scopes = names,
		.signed_at_ms = m->signed_at,
		.token = m->credential == CRED_TOKEN ? m->secret : SPAN_EMPTY,
		.nonce = m->nonce};

	while (list.len > 0 && claim.nscopes < SCOPES_MAX)
		names[claim.nscopes++] = span_cut(&list, ',');
	if (list.len > 0)
		return AUTH_SIGNATURE_INVALID;
	return crypto_device_check(&claim, m->public_key, m->signature, r->public_key) == 0
		       ? AUTH_OK
		       : AUTH_SIGNATURE_INVALID;
}

/*
 * The device's identity, in the order of protocol 3: key and id, time, nonce, signature. There is no place from which the
 * nonce could be left out.
 */
static enum auth_why
check_device(struct request *r)
{
	char id[CRYPTO_DEVICE_ID_LEN + 1];

	if (crypto_public_decode(r->m->public_key, r->public_key) < 0)
		return AUTH_KEY_INVALID;
	crypto_device_id(r->public_key, id);
	if (!span_eq(r->m->device_id, span_of(id, CRYPTO_DEVICE_ID_LEN)))
		return AUTH_DEVICE_MISMATCH;
	if (!is_recent(r->m->signed_at))
		return AUTH_SIGNATURE_EXPIRED;
	if (!r->m->nonce_sent || r->m->nonce.len == 0)
		return AUTH_NONCE_REQUIRED;
	return check_signature(r);
}

/* ---- credentials ---- */

static struct vault_answer
answer(enum auth_why why)
{
	return (struct vault_answer){.why = (uint8_t)why, .device = -1};
}

static struct vault_answer
owner(unsigned kind)
{
	struct vault_answer a = answer(AUTH_OK);

	a.principal = PRINCIPAL((uint64_t)kind, (uint64_t)SCOPE_ALL, 1u);
	return a;
}

static struct vault_answer
device_answer(struct vault *v, const struct vault_device *d, enum vault_role role, uint32_t held)
{
	struct vault_answer a = answer(AUTH_OK);

	a.principal = role == VAULT_NODE
			      ? PRINCIPAL((uint64_t)PRINCIPAL_NODE, 0u, d->serial)
			      : PRINCIPAL((uint64_t)PRINCIPAL_DEVICE, (uint64_t)held, d->serial);
	a.device = (int)(d - v->state.devices);
	a.role = role;
	return a;
}

static bool
is_shared(struct vault *v, const struct request *r)
{
	/* A bearer value stands for either; what is presented as a password is only ever one. */
	if (r->m->credential == CRED_PASSWORD && !v->password_mode)
		return false;
	if (r->m->credential == CRED_TOKEN && v->password_mode && r->has_device)
		return false;
	return crypto_secret_equal(r->m->secret, vault_owner_secret(v));
}

/* A device's own token: of this device, this role, not revoked, and not asked for more than it holds. */
static struct vault_answer
by_device_token(struct vault *v, const struct request *r)
{
	struct vault_device *d = vault_device_find(v, r->m->device_id);
	const struct vault_device_token *t;

	if (d == NULL || r->m->credential != CRED_TOKEN)
		return answer(AUTH_MISMATCH);
	t = &d->tokens[r->role];
	if (!crypto_secret_equal(
		    r->m->secret, t->good ? span_of(t->value, VAULT_TOKEN_LEN) : SPAN_EMPTY))
		return answer(AUTH_MISMATCH);
	if (WEAK(SCOPE_GRANT))
		return device_answer(v, d, r->role, r->scopes);
	if ((d->roles >> r->role & 1) == 0 || (r->scopes & ~t->scopes) != 0)
		return answer(AUTH_MISMATCH);
	return device_answer(v, d, r->role, t->scopes);
}

/* The shared secret was good; the device gets what is stored for it, or waits until somebody approves. */
static struct vault_answer
by_shared(struct vault *v, const struct request *r)
{
	struct vault_device *d = vault_device_find(v, r->m->device_id);
	struct vault_answer a = answer(AUTH_PAIRING_REQUIRED);
	struct vault_pending *p;

	if (!r->has_device)
		return owner(PRINCIPAL_TOKEN);
	if (d != NULL && (d->roles >> r->role & 1) != 0 && (r->scopes & ~d->scopes) == 0)
		return device_answer(v, d, r->role, d->scopes);
	p = vault_pending_put(v, r->m, r->public_key, r->role, r->scopes);
	if (p == NULL)
		return answer(AUTH_UNAVAILABLE);
	a.request_id = p->request_id;
	return a;
}

static struct vault_answer
by_cookie(struct vault *v, const struct request *r)
{
	bool expired;

	if (r->role != VAULT_OPERATOR)
		return answer(AUTH_ROLE_INVALID);
	if (vault_cookie_is_good(v, r->m->secret, &expired))
		return owner(PRINCIPAL_BROWSER);
	return answer(expired ? AUTH_EXPIRED : AUTH_MISMATCH);
}

static struct vault_answer
evaluate(struct vault *v, struct request *r)
{
	enum auth_why why = read_role(r);

	if (WEAK(CREDENTIAL) && r->m->secret.len == 0)
		return owner(PRINCIPAL_TOKEN);
	if (why != AUTH_OK)
		return answer(why);
	if (r->m->credential == CRED_COOKIE)
		return by_cookie(v, r);
	/* Who comes without a device must hold the token; a password alone, or a node, needs one. */
	if (!r->has_device && (r->role == VAULT_NODE || r->m->credential != CRED_TOKEN))
		return answer(AUTH_DEVICE_REQUIRED);
	if (r->has_device)
		why = check_device(r);
	if (why != AUTH_OK)
		return answer(why);
	if (r->m->secret.len == 0)
		return answer(AUTH_MISSING);
	if (is_shared(v, r))
		return by_shared(v, r);
	return r->has_device ? by_device_token(v, r) : answer(AUTH_MISMATCH);
}

/* Was something guessed, and wrongly. What was not looked at costs its try and no more. */
static bool
is_bad_guess(uint8_t why)
{
	return why != AUTH_UNAVAILABLE && why != AUTH_MISSING && why != AUTH_DEVICE_REQUIRED &&
	       why != AUTH_ROLE_INVALID;
}

static enum vault_class
class_of(uint8_t credential)
{
	switch (credential) {
	case CRED_PASSWORD:
		return VAULT_CLASS_PASSWORD;
	case CRED_COOKIE:
		return VAULT_CLASS_COOKIE;
	default:
		return VAULT_CLASS_TOKEN;
	}
}

struct vault_answer
vault_verify(struct vault *v, const struct anon_vault_verify *m)
{
	struct vault_answer a = answer(AUTH_RATE_LIMITED);
	struct request r = {.m = m};
	uint64_t now = ev_now_ms(v->child->ev);
	enum vault_class class = class_of(m->credential);
	struct vault_source *source =
		vault_rate_take(&v->rate, m->source_hi, m->source_lo, class, now, &a.retry_ms);

	if (source == NULL)
		return a;
	a = evaluate(v, &r);
	if (a.why == AUTH_OK || a.why == AUTH_PAIRING_REQUIRED)
		vault_rate_good(&v->rate, source, class);
	else if (is_bad_guess(a.why) && vault_rate_bad(source, now))
		a.retry_ms = source->locked_until_ms - now;
	return a;
}
