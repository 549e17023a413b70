#include "cli_diff.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define CONTEXT 3

struct lines {
	struct span *at;
	size_t n;
};

struct diff {
	struct lines a, b;
	size_t head, tail; /* lines at both ends that are the same */
	uint16_t *
		common; /* [i * (nb + 1) + j]: lines that a from i and b from j have in common, between the ends; NULL: too many */
	void (*fn)(void *arg, char op, size_t number, struct span line);
	void *arg;
};

static struct lines
split(struct span text)
{
	struct lines l = {.at = NULL, .n = 0};
	size_t max = 1;

	for (size_t i = 0; i < text.len; i++)
		max += text.ptr[i] == '\n';
	l.at = mem_alloc(max, sizeof(*l.at));
	while (text.len > 0)
		l.at[l.n++] = span_cut(&text, '\n');
	return l;
}

static void
count_ends(struct diff *d)
{
	size_t least = d->a.n < d->b.n ? d->a.n : d->b.n;

	while (d->head < least && span_eq(d->a.at[d->head], d->b.at[d->head]))
		d->head++;
	while (d->tail < least - d->head &&
		span_eq(d->a.at[d->a.n - 1 - d->tail], d->b.at[d->b.n - 1 - d->tail]))
		d->tail++;
}

static void
count_common(struct diff *d)
{
	size_t na = d->a.n - d->head - d->tail;
	size_t nb = d->b.n - d->head - d->tail;
	size_t row = nb + 1;

	if (na > CLI_DIFF_LINES_MAX || nb > CLI_DIFF_LINES_MAX)
		return;
	d->common = mem_alloc((na + 1) * row, sizeof(*d->common));
	for (size_t i = na; i-- > 0;) {
		for (size_t j = nb; j-- > 0;) {
			uint16_t *at = &d->common[i * row + j];
			uint16_t down = d->common[(i + 1) * row + j];
			uint16_t right = d->common[i * row + j + 1];

			if (span_eq(d->a.at[d->head + i], d->b.at[d->head + j]))
				*at = (uint16_t)(d->common[(i + 1) * row + j + 1] + 1);
			else
				*at = down >= right ? down : right;
		}
	}
}

/* The next step from line i of a and j of b. */
static char
step(const struct diff *d, size_t i, size_t j)
{
	size_t a = d->a.n - d->tail;
	size_t b = d->b.n - d->tail;
	const uint16_t *at;

	if (i < d->head || (i >= a && j >= b))
		return ' ';
	if (i >= a)
		return '+';
	if (j >= b)
		return '-';
	if (d->common == NULL)
		return '-';
	if (span_eq(d->a.at[i], d->b.at[j]))
		return ' ';
	at = &d->common[(i - d->head) * (b - d->head + 1) + (j - d->head)];
	return at[b - d->head + 1] >= at[1] ? '-' : '+';
}

/* Lines that stay: those far from a change are left out. */
static void
put_same(const struct diff *d, size_t from, size_t n, bool first, bool last)
{
	size_t lead = first ? 0 : n < CONTEXT ? n : CONTEXT;
	size_t trail = last ? 0 : n - lead < CONTEXT ? n - lead : CONTEXT;

	for (size_t k = 0; k < n; k++) {
		if (k < lead || k >= n - trail)
			d->fn(d->arg, ' ', from + k + 1, d->b.at[from + k]);
		else if (k == lead && !last)
			d->fn(d->arg, '@', from + n - trail + 1, SPAN_EMPTY);
	}
}

void
cli_diff(struct span before, struct span after,
	void (*fn)(void *arg, char op, size_t number, struct span line), void *arg)
{
	struct diff d = {.a = split(before), .b = split(after), .fn = fn, .arg = arg};
	size_t i = 0, j = 0, same = 0;
	bool changed = false;

	count_ends(&d);
	count_common(&d);
	while (i < d.a.n || j < d.b.n) {
		char op = step(&d, i, j);

		if (op == ' ') {
			same++, i++, j++;
			continue;
		}
		put_same(&d, j - same, same, !changed, false);
		same = 0;
		changed = true;
		if (op == '-')
			fn(arg, op, i + 1, d.a.at[i]);
		else
			fn(arg, op, j + 1, d.b.at[j]);
		i += op == '-';
		j += op == '+';
	}
	if (changed)
		put_same(&d, j - same, same, false, true);
	free(d.a.at);
	free(d.b.at);
	free(d.common);
}
