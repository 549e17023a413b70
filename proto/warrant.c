#include "proto/warrant.h"

#include <string.h>

#include "base/err.h"
#include "base/weak.h"
#include "crypto/crypto.h"
#include "proto/ids.h"

#define WARRANT_VERSION 2
#define BODY_LEN (WARRANT_LEN - CRYPTO_MAC_LEN)

struct cursor {
	uint8_t *at;
};

static void
put(struct cursor *c, uint64_t v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		*c->at++ = (uint8_t)(v >> (8 * i));
}

static void
put_bytes(struct cursor *c, const uint8_t *p, size_t n)
{
	memcpy(c->at, p, n);
	c->at += n;
}

/* The fixed part; every field has one place, so equal warrants are equal bytes. */
static void
pack(const struct warrant *w, uint8_t out[BODY_LEN])
{
	struct cursor c = {out};

	put(&c, WARRANT_VERSION, 1);
	put(&c, w->effect, 1);
	put(&c, w->tool, 1);
	put(&c, w->executor, 1);
	put(&c, w->dest_kind, 1);
	put(&c, 0, 1);
	put(&c, w->instance, 8);
	put(&c, w->incarnation, 8);
	put(&c, w->run, 8);
	put(&c, w->call, 8);
	put(&c, w->counter, 8);
	put(&c, w->expires_ms, 8);
	put_bytes(&c, w->dest, WARRANT_HASH_LEN);
	put_bytes(&c, w->plan, WARRANT_HASH_LEN);
	put_bytes(&c, w->label, WARRANT_LABEL_LEN);
}
_Static_assert(BODY_LEN == 6 + 6 * 8 + 2 * WARRANT_HASH_LEN + WARRANT_LABEL_LEN,
	"WARRANT_LEN does not fit the fields");

#define COUNTER_AT (6 + 4 * 8)
#define EXPIRES_AT (6 + 5 * 8)
#define LABEL_AT (BODY_LEN - WARRANT_LABEL_LEN)

static uint64_t
get_u64(const uint8_t *p)
{
	uint64_t v = 0;

	for (size_t i = 0; i < 8; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

void
warrant_number(uint64_t number, uint8_t out[WARRANT_NUMBER_LEN])
{
	struct cursor c = {out};

	put(&c, number, WARRANT_NUMBER_LEN);
}

void
warrant_dest(uint8_t dest_kind, struct span id, uint8_t out[WARRANT_HASH_LEN])
{
	struct crypto_sha256 h;

	memset(out, 0, WARRANT_HASH_LEN);
	if (dest_kind == DEST_NONE)
		return;
	crypto_sha256_init(&h);
	crypto_sha256_put(&h, SPAN("moltbot destination 1"));
	crypto_sha256_put(&h, span_of(&dest_kind, 1));
	crypto_sha256_put(&h, id);
	crypto_sha256_final(&h, out);
}

void
warrant_plan(uint8_t tool, const struct span *parts, size_t n, uint8_t out[WARRANT_HASH_LEN])
{
	struct crypto_sha256 h;
	uint8_t le[8];

	crypto_sha256_init(&h);
	crypto_sha256_put(&h, SPAN("moltbot plan 1"));
	crypto_sha256_put(&h, span_of(&tool, 1));
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < 8; k++)
			le[k] = (uint8_t)((uint64_t)parts[i].len >> (8 * k));
		crypto_sha256_put(&h, span_of(le, 8));
		crypto_sha256_put(&h, parts[i]);
	}
	crypto_sha256_final(&h, out);
}

static void
mac(const uint8_t *key, const uint8_t *body, uint8_t out[CRYPTO_MAC_LEN])
{
	struct span part = span_of(body, BODY_LEN);

	crypto_mac(key, "warrant 2", &part, 1, out);
}

void
warrant_issue(const uint8_t key[WARRANT_KEY_LEN], const struct warrant *w, uint8_t out[WARRANT_LEN])
{
	pack(w, out);
	mac(key, out, out + BODY_LEN);
}

/* Takes the counter; false when it was taken before or is older than the window. */
static bool
take_counter(struct warrant_window *win, uint64_t counter)
{
	if (counter == 0)
		return false;
	if (counter > win->highest) {
		uint64_t ahead = counter - win->highest;

		for (uint64_t i = 1; i <= ahead && i <= WARRANT_WINDOW; i++) {
			uint64_t bit = (win->highest + i) % WARRANT_WINDOW;

			win->bits[bit / 64] &= ~(1ull << (bit % 64));
		}
		win->highest = counter;
	} else if (win->highest - counter >= WARRANT_WINDOW) {
		return false;
	}
	uint64_t bit = counter % WARRANT_WINDOW;

	if ((win->bits[bit / 64] >> (bit % 64) & 1) != 0)
		return false;
	win->bits[bit / 64] |= 1ull << (bit % 64);
	return true;
}

void
warrant_label(struct span bytes, uint8_t out[WARRANT_LABEL_LEN])
{
	memset(out, 0, WARRANT_LABEL_LEN);
	if (bytes.len == WARRANT_LEN)
		memcpy(out, bytes.ptr + LABEL_AT, WARRANT_LABEL_LEN);
}

int
warrant_check(const uint8_t key[WARRANT_KEY_LEN], struct warrant_window *window, struct span bytes,
	const struct warrant *want, uint64_t now_ms)
{
	uint8_t expect[CRYPTO_MAC_LEN];
	uint8_t body[BODY_LEN];
	struct warrant w = *want;

	if (WEAK(WARRANT))
		return 0;
	if (bytes.len != WARRANT_LEN)
		return ERR_CRYPTO;
	mac(key, bytes.ptr, expect);
	if (!crypto_bytes_equal(expect, bytes.ptr + BODY_LEN, CRYPTO_MAC_LEN))
		return ERR_CRYPTO;
	w.counter = get_u64(bytes.ptr + COUNTER_AT);
	w.expires_ms = get_u64(bytes.ptr + EXPIRES_AT);
	warrant_label(bytes, w.label);
	pack(&w, body);
	if (memcmp(body, bytes.ptr, BODY_LEN) != 0)
		return ERR_DENIED;
	if (now_ms >= w.expires_ms)
		return ERR_EXPIRED;
	return take_counter(window, w.counter) ? 0 : ERR_REPLAY;
}
