#include "crypto/crypto_entropy.h"

#include "base/limits.h"

#define BITS_MAX 4096u
#define CENTI 100u       /* sums are in hundredths of a bit */
#define CHEAP 25u        /* a byte that follows from the one before */
#define WORD_COST 600u   /* a known word, whatever its length */
#define LETTER_COST 200u /* a letter of a phrase */
#define WORD_MIN 4u

/* What people put into passwords, and rows of the keyboard; matched without regard to case, longest
 * first. */
static const char *const words[] = {"administrator", "supersecret", "qwertyuiop",
	"correcthorsebatterystaple", "password", "passw0rd", "p@ssword", "p@ssw0rd", "changeme",
	"change-me", "change_me", "asdfghjkl", "letmein", "default", "moltbot", "clawdbot",
	"openclaw", "gateway", "example", "welcome", "zxcvbnm", "railway", "trustno1", "iloveyou",
	"sunshine", "princess", "football", "baseball", "monkey", "dragon", "shadow", "master",
	"secret", "qwerty", "azerty", "qwertz", "asdfgh", "zxcvbn", "token", "admin", "login",
	"hello", "setup", "test", "pass", "user", "root", "demo", "your", "here", "key-", "todo",
	"abcd", "dead", "beef", "cafe", "babe"};

/* log2(n) in hundredths, rounded down, by repeated squaring of the fraction. n >= 1. */
static unsigned
log2_centi(unsigned n)
{
	unsigned whole = 31u - (unsigned)__builtin_clz(n);
	uint64_t x = ((uint64_t)n << 30) >> whole; /* in [1, 2), 30 fraction bits */
	unsigned fraction = 0;

	for (unsigned i = 0; i < 10; i++) {
		x = x * x >> 30;
		fraction <<= 1;
		if (x >= (2ull << 30)) {
			x >>= 1;
			fraction |= 1;
		}
	}
	return whole * CENTI + fraction * CENTI / 1024;
}

struct classes {
	bool seen[256];
	bool lower, upper, digit, other;
	bool hex_only; /* digits and letters a-f of one case */
	unsigned distinct;
};

static void
classify(struct span s, struct classes *k)
{
	bool beyond_hex = false, upper_hex = false, lower_hex = false;

	*k = (struct classes){0};
	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = s.ptr[i];
		bool lower = c >= 'a' && c <= 'z', upper = c >= 'A' && c <= 'Z',
		     digit = c >= '0' && c <= '9';

		k->lower |= lower;
		k->upper |= upper;
		k->digit |= digit;
		k->other |= !lower && !upper && !digit;
		lower_hex |= lower && c <= 'f';
		upper_hex |= upper && c <= 'F';
		beyond_hex |= !digit && !(lower && c <= 'f') && !(upper && c <= 'F');
		k->distinct += !k->seen[c];
		k->seen[c] = true;
	}
	k->hex_only = !beyond_hex && !(upper_hex && lower_hex);
}

/* Hundredths of a bit for a byte that nothing predicts. */
static unsigned
byte_cost(const struct classes *k)
{
	unsigned size = (k->lower ? 26u : 0) + (k->upper ? 26u : 0) + (k->digit ? 10u : 0) +
			(k->other ? 2u : 0);

	if (!k->digit && !(k->lower && k->upper))
		return k->distinct < 4 ? log2_centi(k->distinct) : LETTER_COST;
	if (k->hex_only && (k->lower || k->upper))
		size = 16;
	return log2_centi(size < k->distinct ? size : k->distinct);
}

static size_t
word_at(struct span s)
{
	size_t best = 0;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		struct span w = span_from_cstr(words[i]);

		if (w.len > best && span_eq_nocase(span_sub(s, 0, w.len), w))
			best = w.len;
	}
	return best;
}

/* The length of the shortest block (at most 64 bytes) whose repetition gives s; s.len when there is
 * none. */
static size_t
period_of(struct span s)
{
	for (size_t p = 1; p <= 64 && p < s.len; p++) {
		if (span_eq(span_sub(s, p, s.len), span_sub(s, 0, s.len - p)))
			return p;
	}
	return s.len;
}

static bool
is_predicted(struct span s, size_t i)
{
	int step;

	if (i == 0)
		return false;
	step = s.ptr[i] - s.ptr[i - 1];
	if (step == 0)
		return true;
	/* One step up or down is a run only when the step before was the same: chance pairs are
	 * common in hex. */
	return i > 1 && (step == 1 || step == -1) && step == s.ptr[i - 1] - s.ptr[i - 2];
}

unsigned
crypto_entropy_bits(struct span s)
{
	struct classes k;
	uint64_t sum = 0;
	unsigned cost;
	size_t len, i = 0;

	s = span_sub(s, 0, SECRET_LEN_MAX);
	if (s.len == 0)
		return 0;
	classify(s, &k);
	cost = byte_cost(&k);
	len = period_of(s);
	while (i < len) {
		size_t word = word_at(span_sub(s, i, len - i));

		if (word >= WORD_MIN) {
			sum += WORD_COST < word * cost ? WORD_COST : word * cost;
			i += word;
		} else {
			sum += is_predicted(s, i) && cost > CHEAP ? CHEAP : cost;
			i++;
		}
	}
	sum /= CENTI;
	return sum > BITS_MAX ? BITS_MAX : (unsigned)sum;
}
