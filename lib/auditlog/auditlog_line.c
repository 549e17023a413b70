#include "auditlog/auditlog_private.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/utc.h"
#include "crypto/crypto_encode.h"

const char *const auditlog_keys[AUDITLOG_KEYS] = {
#define KEY(ID, name) name,
#include "auditlog/auditlog_keys.def"
#undef KEY
};

void
auditlog_own(struct span line, uint8_t out[CRYPTO_SHA256_LEN])
{
	struct crypto_sha256 h;

	crypto_sha256_init(&h);
	crypto_sha256_put(&h, SPAN("moltbot audit line 1"));
	crypto_sha256_put(&h, line);
	crypto_sha256_final(&h, out);
}

static void
put_le(uint8_t *out, uint64_t v)
{
	for (size_t i = 0; i < 8; i++)
		out[i] = (uint8_t)(v >> (8 * i));
}

void
auditlog_signed_bytes(const char *domain, const struct auditlog_chain *before, uint64_t epoch,
	const uint8_t *key, struct auditlog_signed *out)
{
	size_t at = 32;

	memset(out, 0, sizeof(*out));
	memcpy(out->bytes, domain, strlen(domain));
	memcpy(out->bytes + at, before->last, CRYPTO_SHA256_LEN);
	at += CRYPTO_SHA256_LEN;
	put_le(out->bytes + at, before->seq + 1);
	put_le(out->bytes + at + 8, epoch);
	at += 16;
	if (key != NULL)
		memcpy(out->bytes + at, key, CRYPTO_PUBLIC_LEN);
	out->len = at + CRYPTO_PUBLIC_LEN;
}

/* ---- writing ---- */

static void
put_key(struct buf *b, enum auditlog_key key)
{
	if (key != AUDITLOG_SEQ)
		buf_put_u8(b, ' ');
	buf_put_cstr(b, auditlog_keys[key]);
	buf_put_u8(b, '=');
}

static void
put_u64(struct buf *b, enum auditlog_key key, uint64_t v)
{
	if (v == 0)
		return;
	put_key(b, key);
	buf_put_u64_dec(b, v);
}

static void
put_hex(struct buf *b, enum auditlog_key key, struct span v)
{
	if (v.len == 0)
		return;
	put_key(b, key);
	buf_put_hex(b, v);
}

static bool
is_name_byte(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '/' || c == '.' || c == '-';
}

/* Names come from tables; what is none becomes '?' so that it cannot pass for something else. */
static void
put_name(struct buf *b, enum auditlog_key key, struct span v)
{
	if (v.len == 0)
		return;
	put_key(b, key);
	for (size_t i = 0; i < v.len; i++)
		buf_put_u8(b, is_name_byte(v.ptr[i]) ? v.ptr[i] : '?');
}

static void
put_text(struct buf *b, struct span v)
{
	struct buf safe = {.max = AUDIT_LINE_MAX};

	if (v.len == 0)
		return;
	put_key(b, AUDITLOG_TEXT);
	log_put_safe(&safe, v);
	buf_put_u8(b, '"');
	for (size_t i = 0; i < safe.len; i++) {
		if (safe.ptr[i] == '"')
			buf_put_u8(b, '\\');
		buf_put_u8(b, safe.ptr[i]);
	}
	buf_put_u8(b, '"');
	if (safe.err < 0)
		b->err = safe.err;
	buf_clear(&safe);
}

static void
put_time(struct buf *b, uint64_t time_ms)
{
	struct tm tm;

	(void)utc_split((int64_t)(time_ms / 1000), &tm);
	put_key(b, AUDITLOG_TIME);
	buf_put_fmt(b, "%04d-%02d-%02dT%02d:%02d:%02d.%03uZ", tm.tm_year + 1900, tm.tm_mon + 1,
		tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (unsigned)(time_ms % 1000));
}

static void
begin(struct buf *b, const struct auditlog_chain *chain, uint64_t time_ms, struct span writer,
	struct span event)
{
	*b = (struct buf){.max = AUDIT_LINE_MAX};
	put_u64(b, AUDITLOG_SEQ, chain->seq + 1);
	put_time(b, time_ms);
	put_name(b, AUDITLOG_WRITER, writer);
	put_name(b, AUDITLOG_EVENT, event);
}

/* Closes the chain over the line and hands it to out, whole or not at all. */
static int
end(struct buf *b, struct auditlog_chain *chain, struct buf *out)
{
	uint8_t own[CRYPTO_SHA256_LEN];
	int rc;

	put_hex(b, AUDITLOG_PREV, span_of(chain->last, CRYPTO_SHA256_LEN));
	auditlog_own(buf_span(b), own);
	put_hex(b, AUDITLOG_OWN, span_of(own, sizeof(own)));
	buf_put_u8(b, '\n');
	rc = b->err;
	if (rc == 0 && (out->err < 0 || out->len + b->len > out->max))
		rc = ERR_TOOBIG;
	if (rc == 0)
		rc = buf_put(out, buf_span(b));
	if (rc == 0) {
		chain->seq++;
		memcpy(chain->last, own, sizeof(own));
	}
	buf_clear(b);
	return rc;
}

int
auditlog_put(struct auditlog_chain *chain, const struct auditlog_record *r, struct buf *out)
{
	struct buf b;

	begin(&b, chain, r->time_ms, r->writer, r->event);
	put_name(&b, AUDITLOG_VERDICT, r->verdict);
	put_name(&b, AUDITLOG_REASON, r->reason);
	if (r->principal != 0) {
		put_key(&b, AUDITLOG_PRINCIPAL);
		buf_put_fmt(&b, "%016llx", (unsigned long long)r->principal);
	}
	put_u64(&b, AUDITLOG_RUN, r->run);
	put_u64(&b, AUDITLOG_CALL, r->call);
	put_name(&b, AUDITLOG_TOOL, r->tool);
	put_name(&b, AUDITLOG_PEER, r->peer);
	put_u64(&b, AUDITLOG_INSTANCE, r->instance);
	if (r->number != 0) {
		put_key(&b, AUDITLOG_NUMBER);
		buf_put_i64_dec(&b, r->number);
	}
	put_hex(&b, AUDITLOG_HASH, r->hash);
	put_text(&b, r->text);
	return end(&b, chain, out);
}

static void
put_signature(struct buf *b, const uint8_t *signer, const struct auditlog_signed *covered)
{
	uint8_t sig[CRYPTO_SIGNATURE_LEN];

	crypto_ed25519_sign(signer, span_of(covered->bytes, covered->len), sig);
	put_hex(b, AUDITLOG_SIG, span_of(sig, sizeof(sig)));
}

int
auditlog_put_epoch(struct auditlog_chain *chain, uint64_t time_ms, uint64_t epoch,
	const uint8_t pub[CRYPTO_PUBLIC_LEN], const uint8_t signer[CRYPTO_PRIVATE_LEN],
	struct buf *out)
{
	struct auditlog_signed covered;
	struct buf b;

	begin(&b, chain, time_ms, SPAN(CHAIN_WRITER), SPAN(EVENT_EPOCH));
	put_u64(&b, AUDITLOG_EPOCH, epoch);
	put_hex(&b, AUDITLOG_PUBLIC, span_of(pub, CRYPTO_PUBLIC_LEN));
	auditlog_signed_bytes(DOMAIN_EPOCH, chain, epoch, pub, &covered);
	put_signature(&b, signer, &covered);
	return end(&b, chain, out);
}

int
auditlog_put_signed(struct auditlog_chain *chain, uint64_t time_ms, uint64_t epoch,
	const uint8_t signer[CRYPTO_PRIVATE_LEN], const uint8_t *next, struct buf *out)
{
	struct auditlog_signed covered;
	struct buf b;

	begin(&b, chain, time_ms, SPAN(CHAIN_WRITER), SPAN(EVENT_SIGNED));
	put_u64(&b, AUDITLOG_EPOCH, epoch);
	put_hex(&b, AUDITLOG_PUBLIC, span_of(signer + CRYPTO_SEED_LEN, CRYPTO_PUBLIC_LEN));
	if (next != NULL)
		put_hex(&b, AUDITLOG_NEXT, span_of(next, CRYPTO_PUBLIC_LEN));
	auditlog_signed_bytes(DOMAIN_SIGNED, chain, epoch, next, &covered);
	put_signature(&b, signer, &covered);
	return end(&b, chain, out);
}

int
auditlog_put_mark(struct auditlog_tail *tail, uint64_t time_ms, struct buf *out)
{
	struct buf b;

	if (tail->torn > 0 || tail->cut_newline)
		(void)buf_put_u8(out, '\n');
	begin(&b, &tail->chain, time_ms, SPAN(CHAIN_WRITER), SPAN(EVENT_MARK));
	put_u64(&b, AUDITLOG_UNSIGNED, tail->unsigned_lines);
	put_u64(&b, AUDITLOG_TORN, tail->torn);
	if (tail->torn > 0)
		put_hex(&b, AUDITLOG_TORN_HASH, span_of(tail->torn_hash, CRYPTO_SHA256_LEN));
	return end(&b, &tail->chain, out);
}

/* ---- reading ---- */

/* Takes one value: quoted, with escapes, or up to a space. */
static int
take_value(struct span *rest, struct span *value)
{
	size_t n = 0;

	if (rest->len > 0 && rest->ptr[0] == '"') {
		for (n = 1; n < rest->len && rest->ptr[n] != '"'; n++) {
			if (rest->ptr[n] == '\\')
				n++;
		}
		if (n >= rest->len)
			return ERR_SYNTAX;
		*value = span_sub(*rest, 1, n - 1);
		n++;
	} else {
		while (n < rest->len && rest->ptr[n] != ' ')
			n++;
		*value = span_sub(*rest, 0, n);
		if (n == 0)
			return ERR_SYNTAX;
	}
	*rest = span_sub(*rest, n, rest->len);
	return 0;
}

/* The key at the start of rest; it must come after the one before. */
static int
take_key(struct span *rest, unsigned from)
{
	for (unsigned k = from; k < AUDITLOG_KEYS; k++) {
		struct span name = span_from_cstr(auditlog_keys[k]);

		if (span_starts_with(*rest, name) && rest->len > name.len &&
			rest->ptr[name.len] == '=') {
			*rest = span_sub(*rest, name.len + 1, rest->len);
			return (int)k;
		}
	}
	return ERR_SYNTAX;
}

static int
read_values(struct span line, struct auditlog_line *out)
{
	struct span rest = line;
	unsigned from = 0;

	while (rest.len > 0) {
		int key;

		if (from > 0) {
			if (rest.ptr[0] != ' ')
				return ERR_SYNTAX;
			rest = span_sub(rest, 1, rest.len);
		}
		key = take_key(&rest, from);
		if (key < 0 || take_value(&rest, &out->value[key]) < 0)
			return ERR_SYNTAX;
		from = (unsigned)key + 1;
	}
	return from == AUDITLOG_KEYS ? 0 : ERR_SYNTAX;
}

int
auditlog_line_read(struct span line, struct auditlog_line *out)
{
	static const size_t own_len = sizeof(" own=") - 1 + 2 * CRYPTO_SHA256_LEN;
	uint8_t own[CRYPTO_SHA256_LEN];

	memset(out, 0, sizeof(*out));
	if (line.len > AUDIT_LINE_MAX || line.len <= own_len || read_values(line, out) < 0)
		return ERR_SYNTAX;
	if (!auditlog_u64(out, AUDITLOG_SEQ, &out->seq) || out->seq == 0 ||
		!auditlog_hex(out, AUDITLOG_PREV, out->prev, sizeof(out->prev)) ||
		!auditlog_hex(out, AUDITLOG_OWN, out->own, sizeof(out->own)) ||
		out->value[AUDITLOG_TIME].ptr == NULL || out->value[AUDITLOG_WRITER].ptr == NULL ||
		out->value[AUDITLOG_EVENT].ptr == NULL)
		return ERR_SYNTAX;
	auditlog_own(span_sub(line, 0, line.len - own_len), own);
	return memcmp(own, out->own, sizeof(own)) == 0 ? 0 : ERR_CRYPTO;
}

bool
auditlog_is(const struct auditlog_line *line, const char *event)
{
	return span_eq(line->value[AUDITLOG_WRITER], SPAN(CHAIN_WRITER)) &&
	       span_eq(line->value[AUDITLOG_EVENT], span_from_cstr(event));
}

bool
auditlog_u64(const struct auditlog_line *line, enum auditlog_key key, uint64_t *out)
{
	*out = 0;
	return line->value[key].ptr == NULL ||
	       span_to_u64(line->value[key], 0, UINT64_MAX, out) == 0;
}

bool
auditlog_hex(const struct auditlog_line *line, enum auditlog_key key, uint8_t *out, size_t n)
{
	return line->value[key].ptr != NULL && crypto_hex_decode(line->value[key], out, n) == 0;
}
