#include "base/err.h"
#include "text/text.h"

static const struct {
	const char *name;
	uint64_t ms;
} durations[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};
#define DURATIONS (sizeof(durations) / sizeof(durations[0]))

/* Exact sizes first, as text_size_put() writes them; then what people also write. */
static const struct {
	const char *name;
	uint64_t bytes;
} sizes[] = {{"TiB", 1ull << 40}, {"GiB", 1ull << 30}, {"MiB", 1ull << 20}, {"KiB", 1ull << 10},
	{"B", 1}, {"", 1}, {"TB", 1000000000000}, {"GB", 1000000000}, {"MB", 1000000}, {"KB", 1000},
	{"T", 1ull << 40}, {"G", 1ull << 30}, {"M", 1ull << 20}, {"K", 1ull << 10}};
#define SIZES (sizeof(sizes) / sizeof(sizes[0]))
#define EXACT_SIZES 5

static bool
is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

/* The digits at the start of *s as a number, then the letters behind them. */
static int
take_number(struct span *s, uint64_t *number, struct span *unit)
{
	size_t digits = 0, letters = 0;
	int rc;

	while (digits < s->len && is_digit(s->ptr[digits]))
		digits++;
	rc = span_to_u64(span_sub(*s, 0, digits), 0, UINT64_MAX, number);
	if (rc < 0)
		return rc;
	*s = span_sub(*s, digits, s->len);
	while (letters < s->len && (s->ptr[letters] | 0x20) >= 'a' &&
		(s->ptr[letters] | 0x20) <= 'z')
		letters++;
	*unit = span_sub(*s, 0, letters);
	*s = span_sub(*s, letters, s->len);
	return 0;
}

static int
add_scaled(uint64_t *sum, uint64_t number, uint64_t scale, uint64_t max)
{
	uint64_t v;

	if (__builtin_mul_overflow(number, scale, &v) || __builtin_add_overflow(*sum, v, sum) ||
		*sum > max)
		return ERR_RANGE;
	return 0;
}

int
text_duration_parse(struct span s, uint64_t default_unit_ms, uint64_t max_ms, uint64_t *out_ms)
{
	uint64_t sum = 0, number = 0;
	size_t next = 0, i;
	struct span unit;
	int rc;

	do {
		rc = take_number(&s, &number, &unit);
		if (rc < 0)
			return rc;
		if (unit.len == 0 && s.len == 0 && next == 0 && default_unit_ms > 0) {
			rc = add_scaled(&sum, number, default_unit_ms, max_ms);
			break;
		}
		for (i = next; i < DURATIONS && !span_eq(unit, span_from_cstr(durations[i].name));
			i++)
			;
		if (i == DURATIONS)
			return ERR_SYNTAX;
		rc = add_scaled(&sum, number, durations[i].ms, max_ms);
		next = i + 1;
		if (s.len > 1 && s.ptr[0] == ' ')
			s = span_sub(s, 1, s.len);
	} while (rc == 0 && s.len > 0);
	if (rc == 0)
		*out_ms = sum;
	return rc;
}

int
text_duration_put(struct buf *out, uint64_t ms)
{
	if (ms == 0)
		return buf_put(out, SPAN("0s"));
	for (size_t i = 0; i < DURATIONS; i++) {
		if (ms / durations[i].ms == 0)
			continue;
		buf_put_u64_dec(out, ms / durations[i].ms);
		buf_put_cstr(out, durations[i].name);
		ms %= durations[i].ms;
	}
	return out->err;
}

int
text_duration_put_short(struct buf *out, uint64_t ms)
{
	size_t i = 0;

	if (ms < 1000)
		return buf_put(out, ms == 0 ? SPAN("0s") : SPAN("<1s"));
	while (ms < durations[i].ms)
		i++;
	buf_put_u64_dec(out, ms / durations[i].ms);
	buf_put_cstr(out, durations[i].name);
	ms %= durations[i].ms;
	if (durations[i].ms > 1000 && ms / durations[i + 1].ms > 0) {
		buf_put_u8(out, ' ');
		buf_put_u64_dec(out, ms / durations[i + 1].ms);
		buf_put_cstr(out, durations[i + 1].name);
	}
	return out->err;
}

int
text_size_parse(struct span s, uint64_t max, uint64_t *out)
{
	uint64_t number = 0, sum = 0;
	struct span unit;
	int rc = take_number(&s, &number, &unit);

	if (rc < 0)
		return rc;
	if (unit.len == 0 && s.len > 1 && s.ptr[0] == ' ') {
		unit = span_sub(s, 1, s.len);
		s = SPAN_EMPTY;
	}
	if (s.len > 0)
		return ERR_SYNTAX;
	for (size_t i = 0; i < SIZES; i++) {
		if (!span_eq_nocase(unit, span_from_cstr(sizes[i].name)))
			continue;
		rc = add_scaled(&sum, number, sizes[i].bytes, max);
		if (rc == 0)
			*out = sum;
		return rc;
	}
	return ERR_SYNTAX;
}

int
text_size_put(struct buf *out, uint64_t bytes)
{
	size_t i = 0;

	while (i + 1 < EXACT_SIZES && (bytes == 0 || bytes % sizes[i].bytes != 0))
		i++;
	buf_put_u64_dec(out, bytes / sizes[i].bytes);
	return buf_put_cstr(out, sizes[i].name);
}

int
text_size_put_short(struct buf *out, uint64_t bytes)
{
	size_t i = 0;

	while (i + 1 < EXACT_SIZES && bytes < sizes[i].bytes)
		i++;
	buf_put_u64_dec(out, bytes / sizes[i].bytes);
	if (sizes[i].bytes > 1) {
		buf_put_u8(out, '.');
		buf_put_u64_dec(out, bytes % sizes[i].bytes * 10 / sizes[i].bytes);
	}
	buf_put_u8(out, ' ');
	return buf_put_cstr(out, sizes[i].name);
}
