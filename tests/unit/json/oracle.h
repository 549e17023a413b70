/* jansson behind a narrow door: its header and ours give the same names to different things. */
#ifndef TESTS_JSON_ORACLE_H
#define TESTS_JSON_ORACLE_H

#include "base/span.h"

struct oracle_doc;

/* NULL when refused: *why says so (static storage) and *overflow whether only because a number is
 * over its types. */
struct oracle_doc *oracle_parse(struct span text, bool *overflow, const char **why);
bool oracle_equal(const struct oracle_doc *a, const struct oracle_doc *b);
void oracle_free(struct oracle_doc *d);

#endif
