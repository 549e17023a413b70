/* Argument lists from another process: every leaf lies in its list, and what is a document is the same after its JSON. */
#include <stdint.h>
#include <stdlib.h>

#include "args/args_json.h"
#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_inside(struct span list, struct span s)
{
	if (s.len > 0 && (s.ptr < list.ptr || s.ptr + s.len > list.ptr + list.len))
		abort();
}

static void
walk(struct span list)
{
	struct span rest = list;
	struct args_leaf leaf;

	while (args_next(&rest, &leaf) == 1) {
		if (leaf.depth > ARGS_DEPTH_MAX)
			abort();
		for (size_t i = 0; i < leaf.depth; i++)
			if (!leaf.path[i].is_index)
				check_inside(list, leaf.path[i].key);
		check_inside(list, leaf.value);
	}
}

static void
round_trip(struct span list)
{
	struct buf text = {.max = MIB(1u)};
	struct buf again = {.max = MIB(1u)};
	struct buf text2 = {.max = MIB(1u)};
	struct json_out out;

	json_out_init(&out, &text, NULL);
	if (args_json_write(&out, list) == 0 && args_json_parse(&again, buf_span(&text)) == 0) {
		json_out_init(&out, &text2, NULL);
		if (args_json_write(&out, buf_span(&again)) != 0 ||
			!span_eq(buf_span(&text), buf_span(&text2)))
			abort();
	}
	buf_clear(&text);
	buf_clear(&again);
	buf_clear(&text2);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span list = span_of(data, size);
	struct args_leaf leaf;
	struct span s;
	uint64_t n;
	bool b;

	walk(list);
	(void)args_get(list, "path", &leaf);
	(void)args_get_str(list, "path", &s);
	(void)args_get_u64(list, "n", 1, 100, &n);
	(void)args_get_bool(list, "b", &b);
	(void)args_has(list, "o");
	if (args_check(list) == 0)
		round_trip(list);
	return 0;
}
