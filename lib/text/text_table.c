#include "text/text_table.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "text/utf8.h"

#define COLUMN_LEAST 8
#define GAP 2

struct text_table {
	unsigned ncolumns;
	size_t ncells;      /* the head line's among them */
	struct span *cells; /* each an allocation of ours */
	bool right[TABLE_COLUMNS_MAX];
	size_t widths[TABLE_COLUMNS_MAX];
};

static void
add_cell(struct text_table *t, struct span s)
{
	struct buf safe = {.max = s.len * 10 + 1}; /* a byte grows to at most \u{NNNNN} */
	unsigned column = (unsigned)(t->ncells % t->ncolumns);
	size_t width;

	log_put_safe(&safe, s);
	if (t->ncells % 64 == 0)
		t->cells = mem_grow(t->cells, t->ncells + 64, sizeof(*t->cells));
	t->cells[t->ncells++] = span_of(mem_copy(buf_span(&safe)), safe.len);
	width = text_width(buf_span(&safe));
	if (width > t->widths[column])
		t->widths[column] = width;
	buf_clear(&safe);
}

struct text_table *
text_table_new(const char *const *titles, unsigned ncolumns)
{
	struct text_table *t;

	if (ncolumns == 0 || ncolumns > TABLE_COLUMNS_MAX)
		return NULL;
	t = mem_alloc(1, sizeof(*t));
	t->ncolumns = ncolumns;
	for (unsigned i = 0; i < ncolumns; i++) {
		struct span title = span_from_cstr(titles[i]);

		t->right[i] = span_starts_with(title, SPAN(">"));
		add_cell(t, span_sub(title, t->right[i], title.len));
	}
	return t;
}

void
text_table_free(struct text_table *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; i < t->ncells; i++)
		free((void *)(uintptr_t)t->cells[i].ptr);
	free(t->cells);
	free(t);
}

int
text_table_add(struct text_table *t, const struct span *cells)
{
	if (t->ncells + t->ncolumns > TABLE_CELLS_MAX)
		return ERR_FULL;
	for (unsigned i = 0; i < t->ncolumns; i++)
		add_cell(t, cells[i]);
	return 0;
}

/* Takes what is too much from the widest columns. */
static void
fit(const struct text_table *t, size_t columns, size_t *widths)
{
	size_t total = GAP * (t->ncolumns - 1u);

	if (t->ncolumns == 0)
		return;
	for (unsigned i = 0; i < t->ncolumns; i++) {
		widths[i] = t->widths[i];
		total += widths[i];
	}
	while (columns > 0 && total > columns) {
		unsigned widest = 0;

		for (unsigned i = 1; i < t->ncolumns; i++) {
			if (widths[i] > widths[widest])
				widest = i;
		}
		if (widths[widest] <= COLUMN_LEAST)
			return;
		widths[widest]--;
		total--;
	}
}

static void
put_spaces(struct buf *out, size_t n)
{
	while (n-- > 0)
		buf_put_u8(out, ' ');
}

static void
put_cell(struct buf *out, struct span cell, size_t width, bool right, bool last)
{
	size_t own = text_width(cell);
	struct span shown = own > width ? text_width_truncate(cell, width - 1) : cell;
	size_t pad;

	if (own > width)
		own = text_width(shown) + 1;
	pad = width - own;
	if (right && !(last && cell.len == 0))
		put_spaces(out, pad);
	buf_put(out, shown);
	if (shown.len < cell.len)
		buf_put_u8(out, '~');
	if (!right && !last)
		put_spaces(out, pad);
}

/* Does a cell from i to the end of its line show anything? */
static bool
is_rest_empty(const struct text_table *t, size_t i)
{
	for (; i % t->ncolumns != 0; i++) {
		if (t->cells[i].len > 0)
			return false;
	}
	return true;
}

int
text_table_put(const struct text_table *t, unsigned columns, struct buf *out)
{
	size_t widths[TABLE_COLUMNS_MAX];

	fit(t, columns, widths);
	for (size_t i = 0; i < t->ncells && out->err == 0; i++) {
		unsigned column = (unsigned)(i % t->ncolumns);
		bool last = is_rest_empty(t, i + 1);

		put_cell(out, t->cells[i], widths[column], t->right[column], last);
		if (!last) {
			put_spaces(out, GAP);
			continue;
		}
		buf_put_u8(out, '\n');
		i += t->ncolumns - 1u - column;
	}
	return out->err;
}
