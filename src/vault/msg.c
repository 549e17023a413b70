#include "vault/vault.h"

#include "base/err.h"
#include "base/log.h"
#include "base/weak.h"

static struct vault *
vault_of(void *arg)
{
	const struct child *child = arg;

	return child->ctx;
}

/* ---- edge/anon ---- */

static void
audit_sign_in(struct vault *v, enum audit_event ok_event, uint8_t credential,
	const struct vault_answer *a, struct span text)
{
	bool ok = a->why == AUTH_OK;

	/* What was not even looked at is no attempt; the lock-out that caused it has its line. */
	if (a->why == AUTH_RATE_LIMITED)
		return;
	(void)witness_line(v->witness,
		&(struct audit_writer_line){
			.event = (uint8_t)(ok                                ? ok_event
					   : a->why == AUTH_PAIRING_REQUIRED ? AUDIT_PAIRING
									     : AUDIT_AUTH_DENIED),
			.verdict = ok                                ? VERDICT_ALLOW
				   : a->why == AUTH_PAIRING_REQUIRED ? VERDICT_ASK
								     : VERDICT_DENY,
			.reason = (uint8_t)(ok                 ? REASON_ALLOWED
					    : a->retry_ms != 0 ? REASON_RATE
							       : REASON_CREDENTIAL),
			.principal = a->principal,
			.peer = KIND_ANON,
			.call = credential,
			.number = a->why,
			.text = text});
}

static int
on_verify(struct ipc_chan *chan, const void *msg, void *arg)
{
	const struct anon_vault_verify *m = msg;
	struct vault *v = vault_of(arg);
	struct vault_answer a = {.why = AUTH_UNAVAILABLE, .device = -1};
	bool has_room = witness_has_room(v->witness);
	uint8_t ticket[VAULT_RANDOM_LEN];

	if (has_room)
		a = vault_verify(v, m);
	if (a.why == AUTH_OK && vault_ticket_new(v, &a, ticket) < 0)
		a = (struct vault_answer){.why = AUTH_UNAVAILABLE, .device = -1};
	if (has_room)
		audit_sign_in(v, AUDIT_AUTH_OK, m->credential, &a,
			m->device_id.len != 0 ? m->device_id : m->client_id);
	(void)anon_vault_verdict_send(chan,
		&(struct anon_vault_verdict){.req = m->req,
			.ok = a.why == AUTH_OK,
			.why = a.why,
			.principal = a.principal,
			.ticket = a.why == AUTH_OK ? span_of(ticket, sizeof(ticket)) : SPAN_EMPTY,
			.request_id =
				a.request_id == NULL ? SPAN_EMPTY : span_from_cstr(a.request_id),
			.retry_ms = a.retry_ms});
	secret_wipe(ticket, sizeof(ticket));
	return 0;
}

static int
on_claim(struct ipc_chan *chan, const void *msg, void *arg)
{
	const struct anon_vault_claim *m = msg;
	struct vault *v = vault_of(arg);
	struct buf cookie = {.max = 2 * VAULT_CODE_LEN};
	struct vault_answer a = {.why = AUTH_UNAVAILABLE, .device = -1};

	if (witness_has_room(v->witness)) {
		a = vault_claim(v, m, &cookie);
		audit_sign_in(v, AUDIT_CLAIM, CRED_NONE, &a, SPAN_EMPTY);
	}
	(void)anon_vault_claimed_send(
		chan, &(struct anon_vault_claimed){.req = m->req,
			      .ok = a.why == AUTH_OK,
			      .why = a.why,
			      .cookie = a.why == AUTH_OK ? buf_span(&cookie) : SPAN_EMPTY,
			      .retry_ms = a.retry_ms});
	if (cookie.ptr != NULL)
		secret_wipe(cookie.ptr, cookie.cap);
	buf_clear(&cookie);
	return 0;
}

/* ---- edge/user: the channel's tag is the principal, and this table says what it may ask for ---- */

struct user_row {
	uint16_t id;
	unsigned kinds;  /* of principals, as bits; 0: any */
	unsigned scopes; /* one of these is needed; 0: none */
};

static const struct user_row user_rows[] = {
	{USER_VAULT_REDEEM, 0, 0},
	{USER_VAULT_CLAIM_NEW, 1u << PRINCIPAL_CONTROL, 0},
	{USER_VAULT_SECRET_SHOW, 1u << PRINCIPAL_CONTROL, 0},
	{USER_VAULT_DEVICES, 0, SCOPE_PAIRING | SCOPE_ADMIN},
	{USER_VAULT_DEVICE_DO, 0, SCOPE_PAIRING | SCOPE_ADMIN},
};

static bool
may_ask(const struct ipc_chan *chan, uint16_t id)
{
	uint64_t p = ipc_chan_tag(chan);

	for (size_t i = 0; i < sizeof(user_rows) / sizeof(user_rows[0]); i++) {
		const struct user_row *row = &user_rows[i];

		if (row->id != id)
			continue;
		return (row->kinds == 0 || WEAK(METHOD_WHO) ||
			       (PRINCIPAL_KIND(p) < 32 &&
				       (row->kinds >> PRINCIPAL_KIND(p) & 1) != 0)) &&
		       (row->scopes == 0 || (row->scopes & PRINCIPAL_SCOPES(p)) != 0);
	}
	return false;
}

static void
send_principal(struct vault *v, struct ipc_chan *chan, uint64_t req, const struct vault_ticket *t)
{
	struct user_vault_principal out = {.req = req,
		.ok = true,
		.principal = t->principal,
		.scopes = PRINCIPAL_SCOPES(t->principal),
		.role = vault_role_name(t->role)};
	struct vault_device *d = t->device < 0 ? NULL : &v->state.devices[t->device];
	const struct vault_device_token *token =
		d == NULL ? NULL : vault_device_token_ensure(v, d, t->role);

	if (d != NULL) {
		out.device_id = span_of(d->id, CRYPTO_DEVICE_ID_LEN);
		out.epoch = d->epoch;
		out.ok = token != NULL;
	}
	if (token != NULL) {
		out.device_token = span_of(token->value, VAULT_TOKEN_LEN);
		out.issued_at = token->at_ms;
	}
	(void)user_vault_principal_send(chan, &out);
}

static int
on_redeem(struct ipc_chan *chan, const void *msg, void *arg)
{
	const struct user_vault_redeem *m = msg;
	struct vault *v = vault_of(arg);
	const struct vault_ticket *t = vault_ticket_redeem(v, m->ticket, ipc_chan_tag(chan));

	if (t != NULL) {
		send_principal(v, chan, m->req, t);
		return 0;
	}
	log_warn("ticket refused: used, too old, or another principal's",
		LOG_U("principal", ipc_chan_tag(chan)));
	(void)user_vault_principal_send(chan, &(struct user_vault_principal){.req = m->req});
	return 0;
}

static int
on_claim_new(struct ipc_chan *chan, const void *msg, void *arg)
{
	const struct user_vault_claim_new *m = msg;
	struct vault *v = vault_of(arg);
	struct buf code = {.max = 2 * VAULT_CODE_LEN};
	bool ok = may_ask(chan, USER_VAULT_CLAIM_NEW) && witness_has_room(v->witness) &&
		  vault_code_new(v, &code) == 0;

	(void)witness_line(v->witness, &(struct audit_writer_line){.event = AUDIT_CLAIM,
					       .verdict = ok ? VERDICT_ALLOW : VERDICT_DENY,
					       .reason = ok ? REASON_ALLOWED : REASON_SCOPE,
					       .principal = ipc_chan_tag(chan),
					       .peer = KIND_USER});
	(void)user_vault_claim_code_send(chan, &(struct user_vault_claim_code){.req = m->req,
						       .ok = ok,
						       .code = ok ? buf_span(&code) : SPAN_EMPTY,
						       .ttl_ms = ok ? CLAIM_TTL_MS : 0});
	if (code.ptr != NULL)
		secret_wipe(code.ptr, code.cap);
	buf_clear(&code);
	return 0;
}

static int
on_secret_show(struct ipc_chan *chan, const void *msg, void *arg)
{
	const struct user_vault_secret_show *m = msg;
	struct vault *v = vault_of(arg);

	if (may_ask(chan, USER_VAULT_SECRET_SHOW)) {
		vault_show(v, chan, m);
		return 0;
	}
	(void)witness_line(v->witness, &(struct audit_writer_line){.event = AUDIT_SHOWN,
					       .reason = REASON_SCOPE,
					       .principal = ipc_chan_tag(chan),
					       .text = m->name});
	(void)user_vault_secret_shown_send(chan, &(struct user_vault_secret_shown){.req = m->req});
	return 0;
}

static int
on_devices(struct ipc_chan *chan, const void *msg, void *arg)
{
	const struct user_vault_devices *m = msg;

	if (may_ask(chan, USER_VAULT_DEVICES))
		vault_devices_send(vault_of(arg), chan, m->req);
	else
		(void)user_vault_device_send(
			chan, &(struct user_vault_device){.req = m->req, .last = true});
	return 0;
}

static int
on_device_do(struct ipc_chan *chan, const void *msg, void *arg)
{
	const struct user_vault_device_do *m = msg;
	struct vault *v = vault_of(arg);
	int rc = may_ask(chan, USER_VAULT_DEVICE_DO) ? 0 : ERR_DENIED;

	if (rc == 0 && !witness_has_room(v->witness))
		rc = ERR_FULL;
	if (rc == 0)
		vault_device_do(v, chan, m);
	else
		(void)user_vault_device_did_send(
			chan, &(struct user_vault_device_did){.req = m->req, .rc = rc});
	return 0;
}

/* ---- egress, audit ---- */

static int
on_release(struct ipc_chan *chan, const void *msg, void *arg)
{
	vault_release(vault_of(arg), chan, msg);
	return 0;
}

static int
on_seal(struct ipc_chan *chan, const void *msg, void *arg)
{
	vault_seed_seal(vault_of(arg), chan, msg);
	return 0;
}

static int
on_unseal(struct ipc_chan *chan, const void *msg, void *arg)
{
	(void)msg;
	vault_seed_unseal(vault_of(arg), chan);
	return 0;
}

/* ---- the rows ---- */

#define ROWS(r) (r), sizeof(r) / sizeof((r)[0])

static const struct ipc_handler from_anon[] = {
	{ANON_VAULT_VERIFY, on_verify}, {ANON_VAULT_CLAIM, on_claim}};
static const struct ipc_handler from_user[] = {{USER_VAULT_REDEEM, on_redeem},
	{USER_VAULT_CLAIM_NEW, on_claim_new}, {USER_VAULT_SECRET_SHOW, on_secret_show},
	{USER_VAULT_DEVICES, on_devices}, {USER_VAULT_DEVICE_DO, on_device_do}};
static const struct ipc_handler from_egress[] = {{EGRESS_VAULT_RELEASE, on_release}};
static const struct ipc_handler from_audit[] = {
	{AUDIT_VAULT_SEAL, on_seal}, {AUDIT_VAULT_UNSEAL, on_unseal}};

const struct child_link vault_links[VAULT_NLINKS] = {
	{KIND_ANON, &anon_vault_proto, IPC_SIDE_B, IPC_FULL_END, ROWS(from_anon)},
	{KIND_USER, &user_vault_proto, IPC_SIDE_B, IPC_FULL_END, ROWS(from_user)},
	{KIND_EGRESS, &egress_vault_proto, IPC_SIDE_B, IPC_FULL_END, ROWS(from_egress)},
	{KIND_AUDIT, &audit_writer_proto, IPC_SIDE_A, IPC_FULL_END, witness_rows,
		WITNESS_ROWS_N}, /* first: the one that child_peer() finds */
	{KIND_AUDIT, &audit_vault_proto, IPC_SIDE_B, IPC_FULL_END, ROWS(from_audit)},
};
