/*
 * Signing keys. A new one is announced in the file under the signature of the old one, then sealed in vault, and only then used;
 * the old one is wiped with the first signature of the new one. So a kill at any point leaves vault with a key that the file
 * knows: the old one (the announcement is repeated) or the new one (it is taken into use).
 */
#include "audit.h"

#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/secret.h"

bool
audit_epoch_has_begun(const struct audit *a)
{
	return a->found.epoch != 0;
}

/* ---- signatures ---- */

static void
on_sign(struct ev *ev, void *arg)
{
	struct audit *a = arg;

	(void)ev;
	a->sign_timer = 0;
	audit_epoch_sign(a);
}

void
audit_epoch_sign(struct audit *a)
{
	const uint8_t *next = a->next_epoch != 0 ? a->next_key + CRYPTO_SEED_LEN : NULL;

	if (a->epoch == 0 || a->unsigned_lines == 0)
		return;
	if (auditlog_put_signed(&a->found.chain, ev_wall_ms(), a->epoch, a->key, next, &a->out) < 0)
		return; /* no room: the timer or the next line tries again */
	a->unsigned_lines = 0;
	ev_timer_cancel(a->child->ev, a->sign_timer);
	a->sign_timer = 0;
	audit_file_touch(a);
}

static void announce(struct audit *a);

void
audit_epoch_count(struct audit *a, uint64_t lines)
{
	a->unsigned_lines += lines;
	a->epoch_lines += lines;
	if (a->unsigned_lines >= AUDIT_SIGN_LINES)
		audit_epoch_sign(a);
	else if (a->sign_timer == 0)
		a->sign_timer = ev_timer_start(a->child->ev, AUDIT_SIGN_MS, on_sign, a);
	if (a->epoch != 0 && a->next_epoch == 0 &&
		(a->epoch_lines >= AUDIT_EPOCH_LINES ||
			ev_now_ms(a->child->ev) - a->epoch_since_ms >= AUDIT_EPOCH_MS))
		announce(a);
}

/* ---- keys ---- */

static void
take_key(struct audit *a, uint64_t epoch, const uint8_t seed[CRYPTO_SEED_LEN])
{
	uint8_t pub[CRYPTO_PUBLIC_LEN];

	crypto_keypair(seed, pub, a->key);
	a->epoch = epoch;
	a->epoch_lines = 0;
	a->epoch_since_ms = ev_now_ms(a->child->ev);
}

static void
make_next(struct audit *a, uint64_t epoch)
{
	uint8_t pub[CRYPTO_PUBLIC_LEN];

	crypto_random(a->next_seed, sizeof(a->next_seed));
	crypto_keypair(a->next_seed, pub, a->next_key);
	a->next_epoch = epoch;
}

static void
wipe_next(struct audit *a)
{
	secret_wipe(a->next_seed, sizeof(a->next_seed));
	secret_wipe(a->next_key, sizeof(a->next_key));
	a->next_epoch = 0;
}

static void
on_seal(struct ev *ev, void *arg)
{
	struct audit *a = arg;

	(void)ev;
	a->seal_timer = 0;
	audit_epoch_ask(a);
}

static void
try_later(struct audit *a)
{
	if (a->seal_timer == 0)
		a->seal_timer = ev_timer_start(a->child->ev, AUDIT_RETRY_MS, on_seal, a);
}

/* The announcement must be on the disk before vault forgets the old key for the new one. */
static void
announce(struct audit *a)
{
	make_next(a, a->epoch + 1);
	if (auditlog_put_epoch(&a->found.chain, ev_wall_ms(), a->next_epoch,
		    a->next_key + CRYPTO_SEED_LEN, a->key, &a->out) < 0) {
		wipe_next(a);
		return;
	}
	a->unsigned_lines++;
	audit_epoch_ask(a);
}

/* Asks for what is missing: the key of the file, or the sealing of the next one. */
void
audit_epoch_ask(struct audit *a)
{
	struct ipc_chan *vault = child_peer(a->child, KIND_VAULT, 0);

	if (vault == NULL || (a->epoch != 0 && a->next_epoch == 0))
		return;
	if (a->next_epoch == 0) {
		(void)audit_vault_unseal_send(vault, &(struct audit_vault_unseal){});
		return;
	}
	audit_file_sync(a);
	if (a->is_late || a->out.len > 0)
		try_later(a);
	else
		(void)audit_vault_seal_send(
			vault, &(struct audit_vault_seal){.epoch = a->next_epoch,
				       .seed = span_of(a->next_seed, CRYPTO_SEED_LEN)});
}

/* ---- taking a key into use ---- */

/* The first line of a file: a key that is signed by itself. */
static void
begin_file(struct audit *a)
{
	if (auditlog_put_epoch(&a->found.chain, ev_wall_ms(), a->epoch, a->key + CRYPTO_SEED_LEN,
		    a->key, &a->out) < 0) {
		log_error("the first line of the audit log cannot be written: ends");
		_exit(1);
	}
	a->found.epoch = a->epoch;
	a->unsigned_lines++;
	audit_epoch_sign(a);
	audit_file_touch(a);
	audit_file_pace(a);
}

/* vault has it: from here on it signs, and the one before is gone. */
static void
use_next(struct audit *a)
{
	take_key(a, a->next_epoch, a->next_seed);
	wipe_next(a);
	if (!audit_epoch_has_begun(a)) {
		begin_file(a);
		return;
	}
	a->unsigned_lines++; /* the announcement, at least */
	audit_epoch_sign(a);
}

int
audit_epoch_sealed(struct ipc_chan *chan, const void *msg, void *arg)
{
	const struct audit_vault_sealed *m = msg;
	struct audit *a = ((struct child *)arg)->ctx;

	if (a->next_epoch == 0 || m->epoch != a->next_epoch)
		return 0; /* of a request that was repeated */
	if (m->ok)
		use_next(a);
	else
		(void)audit_vault_unseal_send(chan,
			&(struct audit_vault_unseal){}); /* perhaps it has it: an answer was lost */
	return 0;
}

/*
 * A log whose key is gone cannot be continued under its signatures, and going on without them would look like an attack: better
 * that the owner decides.
 */
static void
refuse(const char *why)
{
	log_error(why, LOG_C("help", "move audit.log away, keep it with its genesis key, and start "
				     "again: a new log begins"));
	_exit(1);
}

static void
take_seed(struct audit *a, uint64_t epoch, const uint8_t seed[CRYPTO_SEED_LEN])
{
	const struct auditlog_tail *f = &a->found;
	const uint8_t *pub = a->key + CRYPTO_SEED_LEN;

	take_key(a, epoch, seed);
	if (!audit_epoch_has_begun(a)) {
		begin_file(a);
	} else if (epoch == f->epoch && memcmp(pub, f->key, CRYPTO_PUBLIC_LEN) == 0) {
		audit_epoch_sign(a);
	} else if (epoch == f->next_epoch && memcmp(pub, f->next_key, CRYPTO_PUBLIC_LEN) == 0) {
		a->unsigned_lines++;
		audit_epoch_sign(a);
	} else {
		refuse("the audit log is not signed with the key that vault keeps");
	}
}

int
audit_epoch_seed(struct ipc_chan *chan, const void *msg, void *arg)
{
	const struct audit_vault_seed *m = msg;
	struct audit *a = ((struct child *)arg)->ctx;

	(void)chan;
	if (m->found && m->seed.len != CRYPTO_SEED_LEN)
		return ERR_PROTO;
	if (a->next_epoch != 0) {
		if (m->found && m->epoch == a->next_epoch &&
			crypto_bytes_equal(m->seed.ptr, a->next_seed, CRYPTO_SEED_LEN))
			use_next(a);
		else
			try_later(a);
	} else if (a->epoch == 0 && m->found) {
		take_seed(a, m->epoch, m->seed.ptr);
	} else if (a->epoch == 0 && audit_epoch_has_begun(a)) {
		refuse("vault has no key for this audit log");
	} else if (a->epoch == 0) {
		make_next(a, 1);
		audit_epoch_ask(a);
	}
	return 0;
}
