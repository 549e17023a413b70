#include "vault/vault.h"

#include <string.h>

#include "base/err.h"
#include "base/log.h"

/* ---- credentials for egress ---- */

static bool
is_loopback(struct span host)
{
	return span_eq(host, SPAN("127.0.0.1")) || span_eq(host, SPAN("::1")) ||
	       span_eq(host, SPAN("localhost"));
}

static const struct vault_secret *
bound_to(const struct vault *v, uint64_t row)
{
	for (size_t i = 0; i < v->nsecrets; i++) {
		if (v->secrets[i].has_row && v->secrets[i].row == row)
			return &v->secrets[i];
	}
	return NULL;
}

static enum reason
may_release(const struct vault *v, const struct vault_secret *s)
{
	if (!witness_has_room(v->witness))
		return REASON_LIMIT;
	if (s->value.len == 0 || s->value.len > 8192 || s->scheme == VAULT_SCHEME_NONE ||
		s->host.len == 0 || s->port == 0 || s->header.len == 0)
		return REASON_BINDING;
	/* In clear text a credential goes no further than this machine. */
	if (s->scheme == VAULT_HTTP && !is_loopback(vault_text_get(&s->host)))
		return REASON_BINDING;
	return REASON_ALLOWED;
}

void
vault_release(struct vault *v, struct ipc_chan *chan, const struct egress_vault_release *m)
{
	const struct vault_secret *s = bound_to(v, m->row);
	struct egress_vault_credential out = {.req = m->req};
	enum reason reason = REASON_BINDING;

	/* Which socket asked decides, not what it says. */
	if (m->row == ipc_chan_tag(chan) && s == NULL) {
		out.ok = out.none = true;
		(void)egress_vault_credential_send(chan, &out);
		return;
	}
	if (m->row == ipc_chan_tag(chan))
		reason = may_release(v, s);
	if (reason == REASON_ALLOWED) {
		out.ok = true;
		out.scheme = vault_text_get(&s->scheme_text);
		out.host = vault_text_get(&s->host);
		out.port = s->port;
		out.header = vault_text_get(&s->header);
		out.prefix = vault_text_get(&s->prefix);
		out.value = secret_get(&s->value);
	} else {
		log_error("credential not released: denied", LOG_U("row", m->row),
			LOG_U("egress", ipc_chan_tag(chan)), LOG_C("why", reason_text(reason)));
	}
	(void)witness_line(
		v->witness, &(struct audit_writer_line){.event = AUDIT_RELEASED,
				    .verdict = out.ok ? VERDICT_ALLOW : VERDICT_DENY,
				    .reason = (uint8_t)reason,
				    .peer = KIND_EGRESS,
				    .instance = ipc_chan_tag(chan),
				    .number = m->row,
				    .text = s == NULL ? SPAN_EMPTY : vault_text_get(&s->name)});
	(void)egress_vault_credential_send(chan, &out);
}

/* ---- the owner's own look, at the control socket ---- */

void
vault_show(struct vault *v, struct ipc_chan *chan, const struct user_vault_secret_show *m)
{
	struct user_vault_secret_shown out = {.req = m->req};
	bool ok = span_eq(m->name, SPAN("gateway-token")) && !v->password_mode &&
		  witness_has_room(v->witness);

	if (ok) {
		out.ok = true;
		out.value = vault_owner_secret(v);
	}
	(void)witness_line(v->witness, &(struct audit_writer_line){.event = AUDIT_SHOWN,
					       .verdict = ok ? VERDICT_ALLOW : VERDICT_DENY,
					       .reason = ok ? REASON_ALLOWED : REASON_SCOPE,
					       .principal = ipc_chan_tag(chan),
					       .text = m->name});
	(void)user_vault_secret_shown_send(chan, &out);
}

/* ---- audit's seed ---- */

void
vault_seed_seal(struct vault *v, struct ipc_chan *chan, const struct audit_vault_seal *m)
{
	uint64_t epoch = v->state.audit_epoch;
	uint8_t seed[CRYPTO_SEED_LEN];
	bool had = v->state.has_audit_seed;
	bool ok = m->seed.len == CRYPTO_SEED_LEN && (!had || m->epoch > epoch);

	memcpy(seed, v->state.audit_seed, sizeof(seed));
	if (ok) {
		v->state.audit_epoch = m->epoch;
		v->state.has_audit_seed = true;
		memcpy(v->state.audit_seed, m->seed.ptr, CRYPTO_SEED_LEN);
		ok = vault_save(v) == 0;
		if (!ok) {
			v->state.audit_epoch = epoch;
			v->state.has_audit_seed = had;
			memcpy(v->state.audit_seed, seed, sizeof(seed));
		}
	}
	secret_wipe(seed, sizeof(seed));
	(void)audit_vault_sealed_send(
		chan, &(struct audit_vault_sealed){.epoch = m->epoch, .ok = ok});
}

void
vault_seed_unseal(struct vault *v, struct ipc_chan *chan)
{
	(void)audit_vault_seed_send(
		chan, &(struct audit_vault_seed){.found = v->state.has_audit_seed,
			      .epoch = v->state.audit_epoch,
			      .seed = v->state.has_audit_seed
					      ? span_of(v->state.audit_seed, CRYPTO_SEED_LEN)
					      : SPAN_EMPTY});
}
