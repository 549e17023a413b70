#include "oracle.h"

#include <stdlib.h>
#include <jansson.h>

#include "base/mem.h"

struct oracle_doc {
	json_t *tree;
};

struct oracle_doc *
oracle_parse(struct span text, bool *overflow, const char **why)
{
	static json_error_t err;
	struct oracle_doc *d;
	json_t *j = json_loadb((const char *)text.ptr, text.len,
		JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &err);

	*overflow = j == NULL && json_error_code(&err) == json_error_numeric_overflow;
	*why = j == NULL ? err.text : "accepted";
	if (j == NULL)
		return NULL;
	d = mem_alloc(1, sizeof(*d));
	d->tree = j;
	return d;
}

bool
oracle_equal(const struct oracle_doc *a, const struct oracle_doc *b)
{
	return json_equal(a->tree, b->tree) == 1;
}

void
oracle_free(struct oracle_doc *d)
{
	if (d == NULL)
		return;
	json_decref(d->tree);
	free(d);
}
