/* What holds for every tree and every error, whatever the text. */
#ifndef TESTS_FUZZ_JSON_CHECK_H
#define TESTS_FUZZ_JSON_CHECK_H

#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/utf8.h"
#include "json/json.h"

#define CHECK(x)                                                                                   \
	do {                                                                                       \
		if (!(x)) {                                                                        \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x);                    \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* The place recounted from the start: lines end with LF, CR, CRLF; columns are code points. */
static inline void
check_place(struct span text, struct json_pos at)
{
	uint32_t line = 1;
	uint32_t col = 1;

	CHECK(at.off <= text.len);
	for (uint32_t i = 0; i < at.off; i++) {
		uint8_t c = text.ptr[i];

		if (c == '\n' || (c == '\r' && !(i + 1 < text.len && text.ptr[i + 1] == '\n'))) {
			line++;
			col = 1;
		} else if ((c & 0xc0) != 0x80) {
			col++;
		}
	}
	CHECK(at.line == line && at.col == col);
}

static inline void
check_error(struct span text, const struct json_error *err, int rc)
{
	size_t n = 0;

	CHECK(err->code == rc);
	check_place(text, err->at);
	while (err->msg[n] != '\0') {
		CHECK(err->msg[n] >= 0x20 && err->msg[n] < 0x7f);
		CHECK(++n < sizeof(err->msg));
	}
	CHECK(n > 0);
}

static inline void
check_scalar(const struct json_node *n)
{
	int64_t i = 0;
	uint64_t u = 0;
	double d = 0;

	if (n->kind == JSON_STRING)
		CHECK(utf8_is_valid(n->v.text));
	if (n->kind != JSON_NUMBER)
		return;
	CHECK(n->v.text.len > 0);
	if (json_node_double(n, &d) < 0)
		return;
	if (json_node_i64(n, &i) == 0)
		CHECK((double)i == d);
	if (json_node_u64(n, &u) == 0)
		CHECK((double)u == d);
}

/* Every node once: places are right, counts are right, strings are UTF-8. Returns how many there
 * were. */
static inline uint32_t
check_tree(struct span text, const struct json_node *root)
{
	const struct json_node *stack[JSON_DEPTH_MAX + 1];
	const struct json_node *n = root;
	uint32_t seen = 0;
	int depth = 0;

	for (;;) {
		seen++;
		if (seen < 100)
			check_place(text, n->at);
		CHECK((n->key.ptr != NULL) == (depth > 0 && stack[depth - 1]->kind == JSON_OBJECT));
		CHECK(utf8_is_valid(n->key));
		check_scalar(n);
		if (json_first(n) != NULL) {
			uint32_t count = 0;

			for (const struct json_node *c = json_first(n); c != NULL; c = c->next)
				count++;
			CHECK(count == n->n);
			CHECK(depth < JSON_DEPTH_MAX);
			stack[depth++] = n;
			n = json_first(n);
			continue;
		}
		while (depth > 0 && n->next == NULL)
			n = stack[--depth];
		if (depth == 0)
			return seen;
		n = n->next;
	}
}

static inline int
check_parse(struct span text, enum json_mode mode)
{
	struct json_opts opts = {.mode = mode};
	struct json_error err;
	struct json_node *root;
	struct arena a;
	int rc;

	arena_init(&a, MIB(16u));
	rc = json_parse(&a, text, &opts, &root, &err);
	CHECK((rc == 0) == (root != NULL));
	if (rc < 0)
		check_error(text, &err, rc);
	else
		CHECK(check_tree(text, root) <= JSON_NODES_MAX);
	arena_clear(&a);
	return rc;
}

#endif
