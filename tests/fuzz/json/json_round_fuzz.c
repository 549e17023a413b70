/*
 * A JSON5 text, written as JSON and read again strictly, is the same tree; written a second time it
 * is the same text. The first byte chooses the writer's options.
 */
#include "json_check.h"

#include "base/err.h"
#include "json/json_out.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
check_same_scalar(const struct json_node *a, const struct json_node *b)
{
	double x = 0;
	double y = 0;

	CHECK(a->kind == b->kind && a->n == b->n && span_eq(a->key, b->key));
	if (a->kind == JSON_STRING)
		CHECK(span_eq(a->v.text, b->v.text));
	if (a->kind == JSON_BOOL)
		CHECK(a->v.truth == b->v.truth);
	if (a->kind == JSON_NUMBER)
		CHECK(json_node_double(a, &x) == json_node_double(b, &y) && x == y);
}

static void
check_same(const struct json_node *a, const struct json_node *b)
{
	const struct json_node *as[JSON_DEPTH_MAX];
	const struct json_node *bs[JSON_DEPTH_MAX];
	int depth = 0;

	for (;;) {
		check_same_scalar(a, b);
		if (json_first(a) != NULL) {
			as[depth] = a;
			bs[depth++] = b;
			a = json_first(a);
			b = json_first(b);
			continue;
		}
		while (depth > 0 && a->next == NULL) {
			CHECK(b->next == NULL);
			a = as[--depth];
			b = bs[depth];
		}
		if (depth == 0)
			return;
		a = a->next;
		b = b->next;
		CHECK(b != NULL);
	}
}

static int
write_tree(struct buf *b, const struct json_node *root, uint8_t how)
{
	struct json_out_opts opts = {.pretty = how & 1, .html_safe = how & 2};
	struct json_out o;

	json_out_init(&o, b, &opts);
	json_out_node(&o, root);
	return json_out_finish(&o);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct json_opts json5 = {.mode = JSON_JSON5, .duplicates_ok = true};
	struct json_opts strict = {.mode = JSON_STRICT, .duplicates_ok = true};
	struct buf first = {.max = MIB(16u)};
	struct buf second = {.max = MIB(16u)};
	uint8_t how = len > 0 ? data[0] : 0;
	struct json_node *root;
	struct json_node *again;
	struct arena a;
	int rc;

	arena_init(&a, MIB(64u));
	if (json_parse(&a, span_sub(span_of(data, len), 1, len), &json5, &root, NULL) == 0) {
		rc = write_tree(&first, root, how);
		CHECK(rc == 0 || rc == ERR_RANGE);
		if (rc == 0) {
			CHECK(!(how & 2) || span_find_byte(buf_span(&first), '<') < 0);
			CHECK(json_parse(&a, buf_span(&first), &strict, &again, NULL) == 0);
			check_same(root, again);
			CHECK(write_tree(&second, again, how) == 0);
			CHECK(span_eq(buf_span(&first), buf_span(&second)));
		}
	}
	buf_clear(&first);
	buf_clear(&second);
	arena_clear(&a);
	return 0;
}
