#include "vault/vault.h"

#include <string.h>

#include "base/weak.h"

#define TRY 1000u /* one try, in the bucket's unit */
#define MINUTE_MS 60000u
#define LOCK_FIRST_MS 1000u

static void
bucket_fill(struct vault_bucket *b, uint64_t burst, uint64_t per_min, uint64_t now_ms)
{
	uint64_t passed = now_ms - b->at_ms;
	uint64_t gained;

	if (passed > MINUTE_MS * burst)
		passed = MINUTE_MS * burst;
	gained = passed * per_min * TRY / MINUTE_MS;
	b->level += gained;
	/* Time that made no whole thousandth yet is kept for the next time. */
	b->at_ms += gained * MINUTE_MS / (per_min * TRY);
	if (b->level >= burst * TRY) {
		b->level = burst * TRY;
		b->at_ms = now_ms;
	}
}

static uint64_t
bucket_wait(const struct vault_bucket *b, uint64_t per_min)
{
	return b->level >= TRY ? 0 : (TRY - b->level) * MINUTE_MS / (per_min * TRY) + 1;
}

void
vault_rate_init(struct vault_rate *r, uint64_t now_ms)
{
	crypto_random(r->key, sizeof(r->key));
	r->all = (struct vault_bucket){
		.level = (uint64_t)AUTH_GLOBAL_PER_MIN * TRY, .at_ms = now_ms};
	for (size_t i = 0; i < VAULT_CLASS_N; i++)
		r->class[i] = (struct vault_bucket){
			.level = (uint64_t)AUTH_CLASS_PER_MIN * TRY, .at_ms = now_ms};
}

/* One host, one key: an IPv4 address however it is written, the whole /64 of an IPv6 address. */
static void
canonical(uint64_t *hi, uint64_t *lo)
{
	if (*hi == 0 && *lo >> 32 == 0)
		*lo |= 0xffffull << 32;
	if (*hi != 0 || *lo >> 32 != 0xffff)
		*lo = 0;
}

/* The source's place, taken from the one that was quiet for longest when it is new. */
static struct vault_source *
source_at(struct vault_rate *r, uint64_t hi, uint64_t lo, uint64_t now_ms)
{
	const struct span parts[] = {span_of(&hi, sizeof(hi)), span_of(&lo, sizeof(lo))};
	uint8_t hash[CRYPTO_MAC_LEN];
	struct vault_source *set;
	struct vault_source *oldest;

	crypto_mac(r->key, "source", parts, 2, hash);
	set = &r->sources[(hash[0] | hash[1] << 8) % (AUTH_SOURCES_MAX / VAULT_WAYS) * VAULT_WAYS];
	oldest = set;
	for (size_t i = 0; i < VAULT_WAYS; i++) {
		if (set[i].used_ms != 0 && set[i].hi == hi && set[i].lo == lo)
			return &set[i];
		if (set[i].used_ms < oldest->used_ms)
			oldest = &set[i];
	}
	*oldest = (struct vault_source){.hi = hi,
		.lo = lo,
		.bucket = {.level = (uint64_t)AUTH_TRIES_BURST * TRY, .at_ms = now_ms}};
	return oldest;
}

struct vault_source *
vault_rate_take(struct vault_rate *r, uint64_t hi, uint64_t lo, enum vault_class class,
	uint64_t now_ms, uint64_t *retry_ms)
{
	struct vault_source *s;

	bucket_fill(&r->all, AUTH_GLOBAL_PER_MIN, AUTH_GLOBAL_PER_MIN, now_ms);
	bucket_fill(&r->class[class], AUTH_CLASS_PER_MIN, AUTH_CLASS_PER_MIN, now_ms);
	*retry_ms = bucket_wait(&r->all, AUTH_GLOBAL_PER_MIN);
	if (*retry_ms == 0)
		*retry_ms = bucket_wait(&r->class[class], AUTH_CLASS_PER_MIN);
	if (*retry_ms != 0 && !WEAK(RATE_LIMIT))
		return NULL;
	canonical(&hi, &lo);
	s = source_at(r, hi, lo, now_ms);
	s->used_ms = now_ms + 1; /* never 0 */
	bucket_fill(&s->bucket, AUTH_TRIES_BURST, AUTH_TRIES_PER_MIN, now_ms);
	*retry_ms = now_ms < s->locked_until_ms ? s->locked_until_ms - now_ms
						: bucket_wait(&s->bucket, AUTH_TRIES_PER_MIN);
	if (*retry_ms != 0 && !WEAK(RATE_LIMIT))
		return NULL;
	s->bucket.level -= TRY;
	r->class[class].level -= TRY;
	r->all.level -= TRY;
	return s;
}

void
vault_rate_good(struct vault_rate *r, struct vault_source *s, enum vault_class class)
{
	s->bucket.level += TRY;
	r->class[class].level += TRY;
	r->all.level += TRY;
	s->fails = 0;
	s->locked_until_ms = 0;
}

bool
vault_rate_bad(struct vault_source *s, uint64_t now_ms)
{
	uint64_t lock = LOCK_FIRST_MS;

	if (s->fails < UINT32_MAX)
		s->fails++;
	if (s->fails < AUTH_TRIES_BURST)
		return false;
	for (uint32_t i = AUTH_TRIES_BURST; i < s->fails && lock < AUTH_LOCKOUT_MAX_MS; i++)
		lock *= 2;
	s->locked_until_ms = now_ms + (lock < AUTH_LOCKOUT_MAX_MS ? lock : AUTH_LOCKOUT_MAX_MS);
	return true;
}
