/* Tables on a terminal: columns as wide as their widest cell, aligned by what is shown, not by
 * bytes. */
#ifndef TEXT_TEXT_TABLE_H
#define TEXT_TEXT_TABLE_H

#include <stdbool.h>

#include "base/mem.h"
#include "base/span.h"

struct text_table;

/*
 * titles: the head line, our own text, copied; ncolumns 1 to TABLE_COLUMNS_MAX (else NULL). A title
 * that begins with '>' makes its column right-aligned. Caller frees.
 */
struct text_table *text_table_new(const char *const *titles, unsigned ncolumns);
void text_table_free(struct text_table *t);

/* One row of ncolumns cells, copied with everything escaped that would act on a terminal. 0 or
 * ERR_FULL (TABLE_CELLS_MAX). */
int text_table_add(struct text_table *t, const struct span *cells);

/*
 * Head line and rows, two spaces between columns, no spaces at line ends, each line ended by LF.
 * columns: the terminal's width, 0 for none; the widest column is cut (ending in "~") until the
 * lines fit or it is 8 wide. 0 or ERR_TOOBIG.
 */
int text_table_put(const struct text_table *t, unsigned columns, struct buf *out);

#endif
