#include "oracle.h"

#include <jansson.h>

static json_t *
of(const struct oracle_doc *d)
{
	return (json_t *)(uintptr_t)d;
}

struct oracle_doc *
oracle_parse(struct span text, bool *overflow, const char **why)
{
	static json_error_t err;
	json_t *j = json_loadb((const char *)text.ptr, text.len,
		JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &err);

	*overflow = j == NULL && json_error_code(&err) == json_error_numeric_overflow;
	*why = j == NULL ? err.text : "accepted";
	return (struct oracle_doc *)j;
}

bool
oracle_equal(const struct oracle_doc *a, const struct oracle_doc *b)
{
	return json_equal(of(a), of(b)) == 1;
}

void
oracle_free(struct oracle_doc *d)
{
	json_decref((json_t *)d);
}
