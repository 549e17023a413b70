/* lib/json against the test suites of others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/limits.h"
#include "json/json.h"
#include "json_corpus.h"

struct tally {
	unsigned accepted;
	unsigned refused;
	unsigned wrong;
	unsigned places; /* error positions compared */
};

/* What stands beside a file about its error; at counts from 1, 0 for nothing found. */
struct spec {
	const char *stem;
	size_t len;
	struct json_pos at;
};

static const char *
name_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? path : slash + 1;
}

static bool
has_end(const char *path, const char *end)
{
	return span_ends_with(span_from_cstr(path), span_from_cstr(end));
}

/* want: 0 must parse, -1 must be refused, 1 either. */
static int
judge(const char *path, struct span text, const struct json_opts *opts, int want, struct tally *t,
	struct json_error *err)
{
	struct arena a;
	struct json_node *root;
	int rc;

	arena_init(&a, MIB(64u));
	rc = json_parse(&a, text, opts, &root, err);
	if (rc == 0)
		t->accepted++;
	else
		t->refused++;
	if (want != 1 && (rc == 0) != (want == 0)) {
		fprintf(stderr, "%s: %s (%u:%u %s)\n", path, err_text(rc), err->at.line,
			err->at.col, err->msg);
		t->wrong++;
	}
	if ((rc == 0) != (root != NULL) || rc != err->code)
		t->wrong++;
	arena_clear(&a);
	return rc;
}

static void
strict_file(const char *path, struct span text, void *arg)
{
	struct json_opts opts = {.mode = JSON_STRICT};
	struct json_error err;
	char kind = name_of(path)[0];
	bool has_duplicate = strstr(path, "duplicated_key") != NULL;
	struct tally *t = arg;

	/* what the grammar permits, and this reader refuses unless asked not to */
	if (has_duplicate && judge(path, text, &opts, -1, t, &err) != ERR_DUPLICATE)
		t->wrong++;
	opts.duplicates_ok = has_duplicate;
	judge(path, text, &opts, kind == 'y' ? 0 : kind == 'n' ? -1 : 1, t, &err);
}

static void
parsing_suite_is_judged_right(void **state)
{
	struct tally t = {0};

	(void)state;
	if (corpus_each("json-test-suite/test_parsing", strict_file, &t) == 0) {
		print_message("no json-test-suite here, skipped\n");
		skip();
	}
	print_message("%u accepted, %u refused\n", t.accepted, t.refused);
	assert_int_equal(t.wrong, 0);
	assert_true(t.accepted >= 95 && t.refused >= 187);
}

/* The number after a name in an error specification, 0 when there is none. */
static uint64_t
spec_number(const struct json_node *spec, struct span name)
{
	uint64_t v = 0;

	(void)json_node_u64(json_get(spec, name), &v);
	return v;
}

static void
find_spec(const char *path, struct span text, void *arg)
{
	struct spec *want = arg;
	struct json_opts opts = {.mode = JSON_JSON5};
	struct json_node *spec;
	struct arena a;

	if (!has_end(path, ".errorSpec") || strncmp(path, want->stem, want->len) != 0 ||
		path[want->len] != '.')
		return;
	arena_init(&a, MIB(1u));
	assert_int_equal(json_parse(&a, text, &opts, &spec, NULL), 0);
	want->at.off = (uint32_t)spec_number(spec, SPAN("at"));
	want->at.line = (uint32_t)spec_number(spec, SPAN("lineNumber"));
	want->at.col = (uint32_t)spec_number(spec, SPAN("columnNumber"));
	arena_clear(&a);
}

/*
 * Compares the place of an error with the specification beside the file. Two are left out: at the
 * end of the text the specifications count differently from one another, and a column of 0 is a
 * place before the line.
 */
static void
compare_place(const char *path, const struct json_error *err, struct span text, struct tally *t)
{
	struct spec want = {.stem = path};

	want.len = (size_t)(strrchr(path, '.') - path);
	corpus_each("json5-tests", find_spec, &want);
	if (want.at.off == 0 || want.at.col == 0 || err->at.off == text.len)
		return;
	t->places++;
	if (err->at.off + 1 == want.at.off && err->at.line == want.at.line &&
		err->at.col == want.at.col)
		return;
	fprintf(stderr, "%s: at %u %u:%u, expected %u %u:%u\n", path, err->at.off + 1, err->at.line,
		err->at.col, want.at.off, want.at.line, want.at.col);
	t->wrong++;
}

static void
json5_file(const char *path, struct span text, void *arg)
{
	struct json_opts opts = {.mode = JSON_JSON5};
	struct json_error err;
	struct tally *t = arg;
	bool good = has_end(path, ".json") || has_end(path, ".json5");

	if (!good && !has_end(path, ".js") && !has_end(path, ".txt"))
		return;
	if (strstr(path, "duplicate-keys") != NULL) {
		if (judge(path, text, &opts, -1, t, &err) != ERR_DUPLICATE)
			t->wrong++;
		opts.duplicates_ok = true;
	}
	if (judge(path, text, &opts, good ? 0 : -1, t, &err) < 0 && !good)
		compare_place(path, &err, text, t);
	/* the plain ones are also JSON, the others are not */
	if (has_end(path, ".json") || has_end(path, ".json5")) {
		opts.mode = JSON_STRICT;
		judge(path, text, &opts, has_end(path, ".json") ? 0 : -1, t, &err);
	}
}

static void
json5_suite_is_judged_right(void **state)
{
	struct tally t = {0};

	(void)state;
	if (corpus_each("json5-tests", json5_file, &t) == 0) {
		print_message("no json5-tests here, skipped\n");
		skip();
	}
	print_message("%u accepted, %u refused, %u places\n", t.accepted, t.refused, t.places);
	assert_int_equal(t.wrong, 0);
	assert_true(t.places >= 4);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parsing_suite_is_judged_right),
		cmocka_unit_test(json5_suite_is_judged_right),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
