/*
 * lib/json against jansson: over the test files of others and over documents made here, whole and
 * damaged, both accept or both refuse, and what is accepted means the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/limits.h"
#include "json/json_out.h"
#include "json_corpus.h"
#include "oracle.h"

#define DOCUMENTS 3000
#define DAMAGED_EACH 20

struct tally {
	unsigned compared;
	unsigned accepted;
	unsigned wrong;
};

static bool
means_the_same(const struct json_node *root, const struct oracle_doc *theirs)
{
	struct buf b = {.max = MIB(16u)};
	struct oracle_doc *back = NULL;
	struct json_out o;
	const char *why;
	bool overflow;
	bool same;

	json_out_init(&o, &b, NULL);
	json_out_node(&o, root);
	if (json_out_finish(&o) == 0)
		back = oracle_parse(buf_span(&b), &overflow, &why);
	same = back != NULL && oracle_equal(back, theirs);
	oracle_free(back);
	buf_clear(&b);
	return same;
}

/*
 * Not the subject: nesting and size beyond our limits; what follows a NUL, which jansson takes for
 * the end of the text (RFC 8259 has no NUL outside of a string); a NUL in a key, which its objects
 * cannot hold.
 */
static bool
is_known_difference(struct span text, int rc, bool theirs, const char *why)
{
	if (rc == ERR_TOODEEP || rc == ERR_TOOBIG)
		return true;
	if (rc < 0 && theirs)
		return span_find_byte(text, 0) >= 0;
	return rc == 0 && !theirs && strstr(why, "NUL byte in object key") != NULL;
}

static void
compare(const char *what, struct span text, void *arg)
{
	struct tally *t = arg;
	struct json_error err;
	struct json_node *root;
	struct arena a;
	const char *why;
	bool overflow;
	struct oracle_doc *theirs = oracle_parse(text, &overflow, &why);
	int rc;

	arena_init(&a, MIB(16u));
	rc = json_parse(&a, text, NULL, &root, &err);
	if (!overflow && !is_known_difference(text, rc, theirs != NULL, why)) {
		t->compared++;
		t->accepted += rc == 0;
		if ((rc == 0) != (theirs != NULL) || (rc == 0 && !means_the_same(root, theirs))) {
			fprintf(stderr, "%s: ours %d %s; jansson: %s\n%.*s\n", what, rc, err.msg,
				why, (int)(text.len > 400 ? 400 : text.len),
				(const char *)text.ptr);
			t->wrong++;
		}
	}
	oracle_free(theirs);
	arena_clear(&a);
}

static uint32_t
next_random(uint64_t *seed, uint32_t below)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*seed >> 33) % below;
}

static void
put_scalar(struct buf *b, uint64_t *seed)
{
	static const char *const scalars[] = {"true", "false", "null", "0", "-0", "12", "-7",
		"1.25", "1e5", "2E-3", "-0.5e+10", "9223372036854775807", "\"\"",
		"\"plain text of some length, more than a word\"", "\"\\u00e9\\ud834\\udd1e\\n\"",
		"\"\xc3\xa9\xe2\x82\xac\xf0\x9d\x84\x9e\"", "\"\\u0000\\\"\\\\\\/\"",
		"\"\x7f\xe2\x80\xa8\""};

	buf_put_cstr(b, scalars[next_random(seed, sizeof(scalars) / sizeof(scalars[0]))]);
}

static void
put_space(struct buf *b, uint64_t *seed)
{
	static const char *const spaces[] = {"", "", "", " ", "\n", "\r\n", "\t", "            "};

	buf_put_cstr(b, spaces[next_random(seed, 8)]);
}

/* A document, by an own stack of closing brackets. */
static void
make_document(struct buf *b, uint64_t *seed)
{
	uint8_t closers[12];
	unsigned depth = 0;
	unsigned serial = 0;
	bool first = true;

	do {
		if (depth > 0 && next_random(seed, 4) == 0) {
			buf_put_u8(b, closers[--depth]);
			first = false;
			continue;
		}
		if (depth > 0 && !first)
			buf_put_u8(b, ',');
		put_space(b, seed);
		if (depth > 0 && closers[depth - 1] == '}')
			buf_put_fmt(
				b, "\"k\\u00%02x%u\" :", 0x20 + next_random(seed, 0x50), serial++);
		put_space(b, seed);
		if (depth < sizeof(closers) && next_random(seed, 3) == 0) {
			closers[depth] = next_random(seed, 2) ? '}' : ']';
			buf_put_u8(b, closers[depth++] == '}' ? '{' : '[');
			first = true;
		} else {
			put_scalar(b, seed);
			first = false;
		}
		put_space(b, seed);
	} while (depth > 0);
}

static void
damage(struct buf *b, uint64_t *seed)
{
	static const uint8_t bytes[] = "{}[]\",:\\0123456789eE+-.tfnu \n\x00\x80\xc3\xe2\xf0\xff'/";
	uint32_t at = next_random(seed, (uint32_t)b->len);

	switch (next_random(seed, 3)) {
	case 0:
		b->ptr[at] = bytes[next_random(seed, sizeof(bytes) - 1)];
		break;
	case 1:
		b->len = at;
		break;
	default:
		b->ptr[at] ^= (uint8_t)(1u << next_random(seed, 8));
		break;
	}
}

static void
test_files_mean_the_same(void **state)
{
	struct tally t = {0};

	(void)state;
	if (corpus_each("json-test-suite/test_parsing", compare, &t) +
			corpus_each("json5-tests", compare, &t) +
			corpus_each("naughty-strings", compare, &t) ==
		0) {
		print_message("no test files here, skipped\n");
		skip();
	}
	print_message("%u compared, %u accepted\n", t.compared, t.accepted);
	assert_int_equal(t.wrong, 0);
}

static void
made_documents_mean_the_same(void **state)
{
	struct tally t = {0};
	struct buf whole = {.max = MIB(1u)};
	struct buf part = {.max = MIB(1u)};
	uint64_t seed = 20;

	(void)state;
	for (unsigned i = 0; i < DOCUMENTS; i++) {
		unsigned accepted = t.accepted;

		buf_reset(&whole);
		make_document(&whole, &seed);
		compare("whole", buf_span(&whole), &t);
		assert_int_equal(t.accepted, accepted + 1);
		for (unsigned k = 0; k < DAMAGED_EACH; k++) {
			buf_reset(&part);
			buf_put(&part, buf_span(&whole));
			damage(&part, &seed);
			compare("damaged", buf_span(&part), &t);
		}
	}
	print_message("%u compared, %u accepted\n", t.compared, t.accepted);
	assert_int_equal(t.wrong, 0);
	assert_true(t.compared - t.accepted > DOCUMENTS);
	buf_clear(&whole);
	buf_clear(&part);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files_mean_the_same),
		cmocka_unit_test(made_documents_mean_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
