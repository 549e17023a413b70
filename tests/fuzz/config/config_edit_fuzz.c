/* A configuration, a zero byte, a change: what comes out is a text that can be read, and that a second migration leaves alone. */
#include <stdlib.h>

#include "base/limits.h"
#include "config_edit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct json_opts json5 = {.mode = JSON_JSON5};

static void
check_text(struct arena *a, struct span text)
{
	struct json_node *root;

	if (json_parse(a, text, &json5, &root, NULL) < 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span raw = span_of(data, size);
	struct span file = span_cut(&raw, 0);
	struct buf out = {.max = MIB(1)};
	struct buf said = {.max = MIB(1)};
	struct json_error err = {0};
	const char *why = NULL;
	struct arena a;
	bool rewritten;

	arena_init(&a, MIB(16));
	if (config_edit_patch(&a, file, raw, &out, &rewritten, &err, &why) == 0)
		check_text(&a, buf_span(&out));
	buf_clear(&out);
	out = (struct buf){.max = MIB(1)};
	if (config_edit_migrate(&a, file, &out, &said) > 0)
		check_text(&a, buf_span(&out));
	buf_clear(&out);
	buf_clear(&said);
	arena_clear(&a);
	return 0;
}
