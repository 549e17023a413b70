/* Megabytes a second of lib/json on a made document like those of chat APIs, against jansson where
 * that is found. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/err.h"
#include "base/limits.h"
#include "json/json_out.h"
#ifdef HAVE_JANSSON
#include "tests/unit/json/oracle.h"
#endif

#define ROUND_S 0.5 /* seconds of one measurement */

static double
now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
put_pair(struct json_out *o, struct span key, struct span value)
{
	json_out_key(o, key);
	json_out_str(o, value);
}

/* n messages with roles, ids, numbers and text; wide: the text is not ASCII. */
static void
make_document(struct buf *b, unsigned n, bool pretty, bool wide)
{
	struct span text =
		wide ? SPAN("\xe4\xbd\xa0\xe5\xa5\xbd\xef\xbc\x8c\xe4\xb8\x96\xe7\x95\x8c\xe3\x80"
			    "\x82 "
			    "\xd0\xbf\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82 \xf0\x9f\x99\x82")
		     : SPAN("The quick brown fox jumps over the lazy dog.\nIt said: \"good "
			    "morning\" to all "
			    "who would listen, and then went on its way as foxes do.");
	struct json_out o;

	buf_reset(b);
	json_out_init(&o, b, &(struct json_out_opts){.pretty = pretty});
	json_out_begin_array(&o);
	for (unsigned i = 0; i < n; i++) {
		json_out_begin_object(&o);
		put_pair(&o, SPAN("role"), i % 2 ? SPAN("user") : SPAN("assistant"));
		put_pair(&o, SPAN("id"), SPAN("msg_01F8MECHZX3TBDSZ7XRADM79XV"));
		json_out_key(&o, SPAN("createdAt"));
		json_out_u64(&o, 1764000000000 + i);
		json_out_key(&o, SPAN("score"));
		json_out_raw_number(&o, SPAN("0.4375"));
		json_out_key(&o, SPAN("streaming"));
		json_out_bool(&o, i % 3 == 0);
		json_out_key(&o, SPAN("content"));
		json_out_begin_array(&o);
		for (int k = 0; k < 2; k++) {
			json_out_begin_object(&o);
			put_pair(&o, SPAN("type"), SPAN("text"));
			put_pair(&o, SPAN("text"), text);
			json_out_end_object(&o);
		}
		json_out_end_array(&o);
		json_out_end_object(&o);
	}
	json_out_end_array(&o);
	if (json_out_finish(&o) < 0)
		fprintf(stderr, "the document: %s\n", err_text(o.err));
}

static bool
read_once(struct span text, void *arg)
{
	struct json_opts opts = {.mode = *(const enum json_mode *)arg};
	struct json_node *root;
	struct arena a;
	int rc;

	arena_init(&a, MIB(64u));
	rc = json_parse(&a, text, &opts, &root, NULL);
	arena_clear(&a);
	return rc == 0;
}

static bool
write_once(struct span text, void *arg)
{
	struct buf b = {.max = MIB(64u)};
	struct json_out o;
	int rc;

	(void)text;
	json_out_init(&o, &b, NULL);
	json_out_node(&o, arg);
	rc = json_out_finish(&o);
	buf_clear(&b);
	return rc == 0;
}

#ifdef HAVE_JANSSON
static bool
oracle_once(struct span text, void *arg)
{
	bool overflow;
	const char *why;
	struct oracle_doc *d = oracle_parse(text, &overflow, &why);

	(void)arg;
	oracle_free(d);
	return d != NULL;
}
#endif

/* MB/s. */
static double
measure(struct span text, bool (*once)(struct span, void *), void *arg)
{
	double start = now_s();
	double end = start;
	unsigned n = 0;

	for (; end - start < ROUND_S; end = now_s(), n++) {
		if (!once(text, arg)) {
			fprintf(stderr, "the document was refused\n");
			exit(1);
		}
	}
	return (double)text.len * n / (end - start) / 1e6;
}

/* Limits are on the ratio, which is the same on a slow machine. limit and goal are text: "-" for none. */
static void
report(const char *document, const char *what, double v, const char *unit, const char *limit,
	const char *goal)
{
	printf("json: %s, %s\t%.1f\t%s\t%s\t%s\n", what, document, v, unit, limit, goal);
}

static void
measure_all(const char *name, struct span text)
{
	enum json_mode strict = JSON_STRICT;
	enum json_mode json5 = JSON_JSON5;
	struct json_node *root = NULL;
	double speed = measure(text, read_once, &strict);
	struct arena a;

	report(name, "read strictly", speed, "MB/s", "-", "-");
	report(name, "read JSON5", measure(text, read_once, &json5), "MB/s", "-", "-");
#ifdef HAVE_JANSSON
	report(name, "read strictly against jansson", speed / measure(text, oracle_once, NULL),
		"times", "3", "6");
#endif
	arena_init(&a, MIB(64u));
	if (json_parse(&a, text, NULL, &root, NULL) == 0)
		report(name, "write", measure(text, write_once, root), "MB/s", "-", "-");
	arena_clear(&a);
}

int
main(void)
{
	struct buf b = {.max = MIB(32u)};

	/* freed memory stays with the process: the subject is the reader, not how fast the kernel
	 * gives pages */
	mallopt(M_MMAP_THRESHOLD, (int)MIB(32u));
	mallopt(M_TRIM_THRESHOLD, (int)MIB(256u));
	make_document(&b, 4000, false, false);
	measure_all("compact", buf_span(&b));
	make_document(&b, 4000, true, false);
	measure_all("indented", buf_span(&b));
	make_document(&b, 4000, false, true);
	measure_all("not ASCII", buf_span(&b));
	make_document(&b, 1, false, false);
	measure_all("one message", buf_span(&b));
	buf_clear(&b);
	return 0;
}
