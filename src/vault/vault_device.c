#include "vault/vault.h"

#include <string.h>

#include "base/err.h"
#include "base/weak.h"
#include "base/log.h"

struct span
vault_role_name(enum vault_role role)
{
	return role == VAULT_NODE ? SPAN("node") : SPAN("operator");
}

struct vault_device *
vault_device_find(struct vault *v, struct span id)
{
	for (size_t i = 0; i < v->state.ndevices; i++) {
		if (span_eq(span_of(v->state.devices[i].id, CRYPTO_DEVICE_ID_LEN), id))
			return &v->state.devices[i];
	}
	return NULL;
}

/* ---- those that wait ---- */

static bool
is_waiting(const struct vault *v, const struct vault_pending *p)
{
	return p->request_id[0] != 0 && ev_now_ms(v->child->ev) < p->expires_ms;
}

/* ---- who is told ---- */

static void
tell_one(struct child *child, struct ipc_chan *chan, void *arg)
{
	(void)child;
	if ((PRINCIPAL_SCOPES(ipc_chan_tag(chan)) & (SCOPE_PAIRING | SCOPE_ADMIN)) != 0)
		(void)user_vault_pairing_send(chan, arg);
}

/* Everybody who may decide hears of a new request, and of every decision. */
static void
tell_pairing(struct vault *v, const struct vault_pending *p, bool resolved, bool approved)
{
	struct buf key = {.max = 64};
	struct user_vault_pairing m = {.resolved = resolved,
		.approved = approved,
		.request_id = span_from_cstr(p->request_id),
		.device_id = span_of(p->id, CRYPTO_DEVICE_ID_LEN),
		.display = vault_text_get(&p->display),
		.platform = span_sub(vault_text_get(&p->platform), 0, 64),
		.client_id = span_sub(vault_text_get(&p->client_id), 0, 64),
		.client_mode = span_sub(vault_text_get(&p->client_mode), 0, 32),
		.role = vault_role_name(p->role),
		.scopes = p->scopes,
		.repair = vault_device_find(v, span_of(p->id, CRYPTO_DEVICE_ID_LEN)) != NULL,
		.at = ev_wall_ms()};

	(void)crypto_base64url_put(&key, span_of(p->public_key, CRYPTO_PUBLIC_LEN));
	m.public_key = buf_span(&key);
	child_peers(v->child, KIND_USER, tell_one, &m);
	buf_clear(&key);
}

struct vault_pending *
vault_pending_put(struct vault *v, const struct anon_vault_verify *m, const uint8_t *public_key,
	enum vault_role role, uint32_t scopes)
{
	struct vault_pending *slot = NULL;

	for (size_t i = 0; i < PAIRING_PENDING_MAX; i++) {
		struct vault_pending *p = &v->pending[i];

		if (!is_waiting(v, p))
			slot = p;
		else if (memcmp(p->public_key, public_key, CRYPTO_PUBLIC_LEN) == 0)
			return p;
	}
	if (slot == NULL)
		return NULL;
	*slot = (struct vault_pending){.role = role, .scopes = scopes, .created_ms = ev_wall_ms()};
	slot->expires_ms = ev_now_ms(v->child->ev) + PAIRING_TTL_MS;
	crypto_uuid(slot->request_id);
	memcpy(slot->id, m->device_id.ptr, CRYPTO_DEVICE_ID_LEN);
	memcpy(slot->public_key, public_key, CRYPTO_PUBLIC_LEN);
	vault_text_set(&slot->display, m->display);
	vault_text_set(&slot->platform, m->platform);
	vault_text_set(&slot->client_id, m->client_id);
	vault_text_set(&slot->client_mode, m->client_mode);
	tell_pairing(v, slot, false, false);
	return slot;
}

static struct vault_pending *
find_pending(struct vault *v, struct span request_id)
{
	for (size_t i = 0; i < PAIRING_PENDING_MAX; i++) {
		if (is_waiting(v, &v->pending[i]) &&
			span_eq(span_from_cstr(v->pending[i].request_id), request_id))
			return &v->pending[i];
	}
	return NULL;
}

/* ---- tokens ---- */

static void
make_token(struct vault_device_token *t, uint32_t scopes)
{
	uint8_t random[VAULT_TOKEN_LEN / 2];
	char hex[VAULT_TOKEN_LEN + 1];

	crypto_random(random, sizeof(random));
	crypto_hex_encode(span_of(random, sizeof(random)), hex);
	memcpy(t->value, hex, VAULT_TOKEN_LEN);
	t->good = true;
	t->scopes = scopes;
	t->at_ms = ev_wall_ms();
	secret_wipe(random, sizeof(random));
	secret_wipe(hex, sizeof(hex));
}

struct vault_device_token *
vault_device_token_ensure(struct vault *v, struct vault_device *d, enum vault_role role)
{
	struct vault_device_token *t = &d->tokens[role];
	struct vault_device_token before = *t;

	if (t->good)
		return t;
	make_token(t, role == VAULT_NODE ? 0 : d->scopes);
	if (vault_save(v) == 0)
		return t;
	*t = before;
	return NULL;
}

/* ---- lists ---- */

static void
send_device(struct ipc_chan *chan, uint64_t req, const struct vault_device *d, bool last)
{
	const struct vault_device_token *t =
		&d->tokens[(d->roles & 1u << VAULT_OPERATOR) != 0 ? VAULT_OPERATOR : VAULT_NODE];
	struct buf key = {.max = 64};

	(void)crypto_base64url_put(&key, span_of(d->public_key, CRYPTO_PUBLIC_LEN));
	(void)user_vault_device_send(
		chan, &(struct user_vault_device){.req = req,
			      .device_id = span_of(d->id, CRYPTO_DEVICE_ID_LEN),
			      .public_key = buf_span(&key),
			      .display = vault_text_get(&d->display),
			      .platform = span_sub(vault_text_get(&d->platform), 0, 64),
			      .client_id = span_sub(vault_text_get(&d->client_id), 0, 64),
			      .client_mode = span_sub(vault_text_get(&d->client_mode), 0, 32),
			      .role = vault_role_name((d->roles & 1u << VAULT_OPERATOR) != 0
							      ? VAULT_OPERATOR
							      : VAULT_NODE),
			      .scopes = d->scopes,
			      .created_at = d->created_ms,
			      .approved_at = d->approved_ms,
			      .last = last,
			      .token = t->good,
			      .token_scopes = t->scopes,
			      .token_at = t->at_ms});
	buf_clear(&key);
}

static void
send_pending(struct vault *v, struct ipc_chan *chan, uint64_t req, const struct vault_pending *p,
	bool last)
{
	struct buf key = {.max = 64};

	(void)crypto_base64url_put(&key, span_of(p->public_key, CRYPTO_PUBLIC_LEN));
	(void)user_vault_device_send(chan,
		&(struct user_vault_device){.req = req,
			.pending = true,
			.request_id = span_from_cstr(p->request_id),
			.device_id = span_of(p->id, CRYPTO_DEVICE_ID_LEN),
			.public_key = buf_span(&key),
			.display = vault_text_get(&p->display),
			.platform = span_sub(vault_text_get(&p->platform), 0, 64),
			.client_id = span_sub(vault_text_get(&p->client_id), 0, 64),
			.client_mode = span_sub(vault_text_get(&p->client_mode), 0, 32),
			.role = vault_role_name(p->role),
			.scopes = p->scopes,
			.created_at = p->created_ms,
			.last = last,
			.repair = vault_device_find(v, span_of(p->id, CRYPTO_DEVICE_ID_LEN)) !=
				  NULL});
	buf_clear(&key);
}

void
vault_devices_send(struct vault *v, struct ipc_chan *chan, uint64_t req)
{
	size_t left = v->state.ndevices;

	for (size_t i = 0; i < PAIRING_PENDING_MAX; i++)
		left += is_waiting(v, &v->pending[i]);
	if (left == 0)
		(void)user_vault_device_send(
			chan, &(struct user_vault_device){.req = req, .last = true});
	for (size_t i = 0; i < PAIRING_PENDING_MAX; i++) {
		if (is_waiting(v, &v->pending[i]))
			send_pending(v, chan, req, &v->pending[i], --left == 0);
	}
	for (size_t i = 0; i < v->state.ndevices; i++)
		send_device(chan, req, &v->state.devices[i], --left == 0);
}

/* ---- changes ---- */

struct change {
	struct vault_device *device;
	enum vault_role role;
	uint32_t scopes;
	bool shows_token;
	struct vault_pending was; /* what was decided; request_id empty: nothing */
};

/* What the asker may hand on: never more than it holds itself. */
static uint32_t
scopes_of(uint64_t principal)
{
	uint32_t held = PRINCIPAL_SCOPES(principal);

	return (held & SCOPE_ADMIN) != 0 ? SCOPE_ALL : held;
}

static void
tell_revoked(struct child *child, struct ipc_chan *chan, void *arg)
{
	const struct vault_device *d = arg;
	uint64_t p = ipc_chan_tag(chan);

	(void)child;
	if ((PRINCIPAL_KIND(p) == PRINCIPAL_DEVICE || PRINCIPAL_KIND(p) == PRINCIPAL_NODE) &&
		(p & 0xffffffffffffu) == d->serial)
		(void)user_vault_revoked_send(
			chan, &(struct user_vault_revoked){.epoch = d->epoch});
}

/* After this no ticket, no connection and no request of the device is as new as its credentials. */
static void
revoke_all(struct vault *v, struct vault_device *d)
{
	d->epoch = ++v->state.epoch;
	for (size_t i = 0; i < VAULT_TICKETS_MAX; i++) {
		if (v->tickets[i].principal != 0 &&
			v->tickets[i].device == (int)(d - v->state.devices))
			v->tickets[i] = (struct vault_ticket){0};
	}
}

static int
approve(struct vault *v, uint64_t principal, struct span id, struct change *c)
{
	struct vault_pending *p = find_pending(v, id);
	struct vault_device *d;

	if (p == NULL)
		return ERR_NOTFOUND;
	if ((p->scopes & ~scopes_of(principal)) != 0)
		return ERR_DENIED;
	d = vault_device_find(v, span_of(p->id, CRYPTO_DEVICE_ID_LEN));
	if (d == NULL) {
		if (v->state.ndevices == DEVICES_MAX)
			return ERR_FULL;
		d = &v->state.devices[v->state.ndevices++];
		*d = (struct vault_device){
			.serial = v->state.next_serial++, .created_ms = ev_wall_ms()};
		memcpy(d->id, p->id, sizeof(d->id));
		memcpy(d->public_key, p->public_key, sizeof(d->public_key));
	}
	d->roles |= 1u << p->role;
	d->scopes |= p->scopes;
	d->approved_ms = ev_wall_ms();
	d->display = p->display;
	d->platform = p->platform;
	d->client_id = p->client_id;
	d->client_mode = p->client_mode;
	make_token(&d->tokens[p->role], p->role == VAULT_NODE ? 0 : d->scopes);
	d->epoch = ++v->state.epoch;
	*c = (struct change){.device = d, .role = p->role, .scopes = d->scopes, .was = *p};
	*p = (struct vault_pending){0};
	return 0;
}

static int
reject(struct vault *v, struct span id, struct change *c)
{
	struct vault_pending *p = find_pending(v, id);

	if (p == NULL)
		return ERR_NOTFOUND;
	c->role = p->role;
	c->scopes = p->scopes;
	c->was = *p;
	*p = (struct vault_pending){0};
	return 0;
}

static int
read_role(struct span role, enum vault_role *out)
{
	*out = span_eq(role, SPAN("node")) ? VAULT_NODE : VAULT_OPERATOR;
	return role.len == 0 || span_eq(role, vault_role_name(*out)) ? 0 : ERR_RANGE;
}

static int
rotate(uint64_t principal, const struct user_vault_device_do *m, struct change *c)
{
	struct vault_device_token *t = &c->device->tokens[c->role];
	uint32_t scopes = m->scopes != 0 ? m->scopes : t->scopes;

	if ((c->device->roles >> c->role & 1) == 0)
		return ERR_NOTFOUND;
	if ((scopes & ~c->device->scopes) != 0 || (scopes & ~scopes_of(principal)) != 0)
		return ERR_DENIED;
	make_token(t, c->role == VAULT_NODE ? 0 : scopes);
	c->scopes = t->scopes;
	c->shows_token = true;
	return 0;
}

static int
change_device(
	struct vault *v, uint64_t principal, const struct user_vault_device_do *m, struct change *c)
{
	int rc = read_role(m->role, &c->role);

	c->device = vault_device_find(v, m->id);
	if (rc < 0)
		return rc;
	if (c->device == NULL)
		return ERR_NOTFOUND;
	if (m->what == TOKEN_ROTATE)
		rc = rotate(principal, m, c);
	else if (m->what == TOKEN_REVOKE)
		c->device->tokens[c->role] = (struct vault_device_token){.at_ms = ev_wall_ms()};
	if (rc == 0)
		revoke_all(v, c->device);
	return rc;
}

static int
change(struct vault *v, uint64_t principal, const struct user_vault_device_do *m, struct change *c)
{
	switch (m->what) {
	case DEVICE_APPROVE:
		return approve(v, principal, m->id, c);
	case DEVICE_REJECT:
		return reject(v, m->id, c);
	case DEVICE_REMOVE:
	case TOKEN_ROTATE:
	case TOKEN_REVOKE:
		return change_device(v, principal, m, c);
	default:
		return ERR_UNKNOWN;
	}
}

static struct span
device_of(int rc, const struct change *c)
{
	if (rc < 0)
		return SPAN_EMPTY;
	if (c->device != NULL)
		return span_of(c->device->id, CRYPTO_DEVICE_ID_LEN);
	return c->was.request_id[0] != 0 ? span_of(c->was.id, CRYPTO_DEVICE_ID_LEN) : SPAN_EMPTY;
}

static void
send_did(struct ipc_chan *chan, uint64_t req, int rc, const struct change *c)
{
	const struct vault_device *d = c->device;

	(void)user_vault_device_did_send(
		chan, &(struct user_vault_device_did){.req = req,
			      .rc = rc,
			      .role = vault_role_name(c->role),
			      .scopes = c->scopes,
			      .device_id = device_of(rc, c),
			      .at = ev_wall_ms(),
			      .token = rc == 0 && c->shows_token
					       ? span_of(d->tokens[c->role].value, VAULT_TOKEN_LEN)
					       : SPAN_EMPTY});
}

/* Its place is closed up after everything that names it by index is gone. */
static void
forget(struct vault *v, struct vault_device *d)
{
	size_t at = (size_t)(d - v->state.devices);

	for (size_t i = 0; i < VAULT_TICKETS_MAX; i++) {
		if (v->tickets[i].principal != 0 && v->tickets[i].device > (int)at)
			v->tickets[i].device--;
	}
	v->state.ndevices--;
	memmove(d, d + 1, (v->state.ndevices - at) * sizeof(*d));
	secret_wipe(&v->state.devices[v->state.ndevices], sizeof(*d));
}

/* A revocation is in force even when the disk is full; the answer then says that it may not last. */
void
vault_device_do(struct vault *v, struct ipc_chan *chan, const struct user_vault_device_do *m)
{
	uint64_t principal = ipc_chan_tag(chan);
	struct change c = {0};
	struct vault_device gone;
	int rc = change(v, principal, m, &c);

	if (rc == 0 && m->what == DEVICE_REMOVE) {
		gone = *c.device;
		forget(v, c.device);
		c.device = &gone;
	}
	if (rc == 0 && m->what != DEVICE_REJECT)
		rc = vault_save(v);
	/* What was granted and is not on disk is not granted. */
	if (rc < 0 && m->what == DEVICE_APPROVE && c.device != NULL) {
		c.device->roles &= ~(1u << c.role);
		c.device->tokens[c.role] = (struct vault_device_token){0};
	}
	(void)witness_line(v->witness,
		&(struct audit_writer_line){
			.event = m->what == TOKEN_ROTATE || m->what == TOKEN_REVOKE ? AUDIT_ROTATED
										    : AUDIT_PAIRING,
			.verdict = rc == 0 ? VERDICT_ALLOW : VERDICT_DENY,
			.reason = rc == 0 ? REASON_ALLOWED : REASON_SCOPE,
			.principal = principal,
			.number = m->what,
			.text = m->id});
	if (rc == 0 && m->what == DEVICE_APPROVE)
		send_device(chan, m->req, c.device, false);
	send_did(chan, m->req, rc, &c);
	if (rc == 0 && c.was.request_id[0] != 0)
		tell_pairing(v, &c.was, true, m->what == DEVICE_APPROVE);
	/* The answer first: it may go to a connection that ends with this. */
	if (c.device != NULL && !WEAK(REVOKED) &&
		(m->what == DEVICE_REMOVE || m->what == TOKEN_ROTATE || m->what == TOKEN_REVOKE))
		child_peers(v->child, KIND_USER, tell_revoked, c.device);
}
