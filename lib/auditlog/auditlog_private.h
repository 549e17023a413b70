/* Shared by the writer and the verifier. Private to lib/auditlog. */
#ifndef AUDITLOG_PRIVATE_H
#define AUDITLOG_PRIVATE_H

#include "auditlog/auditlog.h"

#define EVENT_EPOCH "EPOCH"
#define EVENT_SIGNED "SIGNED"
#define EVENT_MARK "RESTART_MARK"
#define CHAIN_WRITER "audit"

#define SIGNED_LEN (CRYPTO_SHA256_LEN + 2 * 8 + CRYPTO_PUBLIC_LEN)

extern const char *const auditlog_keys[AUDITLOG_KEYS];

void auditlog_own(struct span line, uint8_t out[CRYPTO_SHA256_LEN]);
/* The bytes that a signature covers: what for, the chain before the line, its number, the epoch and (EPOCH) the new key. */
struct auditlog_signed {
	uint8_t bytes[32 + SIGNED_LEN];
	size_t len;
};
void auditlog_signed_bytes(const char *domain, const struct auditlog_chain *before, uint64_t epoch,
	const uint8_t *key, struct auditlog_signed *out);
#define DOMAIN_EPOCH "moltbot audit epoch 1"
#define DOMAIN_SIGNED "moltbot audit signed 1"

/* A line of the chain itself. */
bool auditlog_is(const struct auditlog_line *line, const char *event);
/* Decimal value of a key, 0 when absent; false when it is no number. */
bool auditlog_u64(const struct auditlog_line *line, enum auditlog_key key, uint64_t *out);
/* Hex value of exactly n bytes; false when absent or otherwise. */
bool auditlog_hex(const struct auditlog_line *line, enum auditlog_key key, uint8_t *out, size_t n);

#endif
