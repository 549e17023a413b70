/* Parameters of every method: what is taken is a well-formed list with the members that the method's table has, and no others. */
#include <stdlib.h>

#include "args/args.h"
#include "base/err.h"
#include "edge_user.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
has_param(const struct method_row *row, struct span name)
{
	for (unsigned i = 0; i < row->nparams; i++) {
		if (span_eq(span_from_cstr(row->params[i].name), name))
			return true;
	}
	return false;
}

static void
check(const struct method_row *row, struct span list)
{
	struct args_leaf leaf;
	int rc;

	while ((rc = args_next(&list, &leaf)) > 0) {
		if (leaf.depth == 0 || leaf.path[0].is_index || !has_param(row, leaf.path[0].key))
			abort();
	}
	if (rc < 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json_node *root;
	struct arena arena;
	char words[160];

	if (size == 0)
		return 0;
	arena_init(&arena, MIB(8));
	if (json_parse(&arena, span_of(data + 1, size - 1), NULL, &root, NULL) == 0) {
		const struct method_row *row = &method_rows[data[0] % METHOD_N];
		struct buf list = {.max = MIB(1)};

		if (user_params_take(&list, row, root, words, sizeof(words)) == 0)
			check(row, buf_span(&list));
		else if (words[0] == 0)
			abort();
		buf_clear(&list);
	}
	arena_clear(&arena);
	return 0;
}
