/*
 * JSON reader: RFC 8259 exactly, or JSON5 1.0 for what people write by hand, into a tree that lives
 * in an arena.
 *
 * The tree stands alone: it holds its own copy of the text, so the caller's bytes may go as soon as
 * json_parse() has returned. Nothing here recurses; depth, number of values and length of the text
 * are capped.
 */
#ifndef JSON_JSON_H
#define JSON_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/span.h"

enum json_kind { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

enum json_mode {
	JSON_STRICT, /* RFC 8259; UTF-8 without byte order mark */
	JSON_JSON5,  /* JSON5 1.0 on ES5; identifiers as in the basic multilingual plane of Unicode
			14 */
};

/*
 * A place in the text. off counts bytes from 0; line counts from 1 (LF, CR and CRLF end a line);
 * col counts code points from 1.
 */
struct json_pos {
	uint32_t off;
	uint32_t line;
	uint32_t col;
};

struct json_node {
	struct json_node *next; /* the following element or member, NULL after the last */
	struct span key; /* of a member: decoded, ptr not NULL; of anything else: empty, ptr NULL */
	union {
		struct span text; /* STRING: decoded UTF-8, may hold NUL; NUMBER: as written */
		struct json_node *first; /* ARRAY, OBJECT: in the order of the text */
		bool truth;              /* BOOL */
	} v;
	uint32_t n; /* ARRAY, OBJECT: how many children */
	enum json_kind kind;
	struct json_pos at;     /* where the value begins */
	struct json_pos key_at; /* of a member: where its key begins; else zero */
};

struct json_opts {
	enum json_mode mode;
	uint32_t max_depth; /* nested arrays and objects, a lone scalar has depth 0; 0 means
			       JSON_DEPTH_MAX */
	uint32_t max_nodes; /* values (keys do not count); 0 means JSON_NODES_MAX */
	bool duplicates_ok; /* take an object that has a key twice; json_get() then finds the last
			       one */
};

#define JSON_ERROR_MSG_MAX 192

struct json_error {
	int code; /* what json_parse() returned */
	struct json_pos at;
	char msg[JSON_ERROR_MSG_MAX]; /* what was found and what was expected; printable ASCII */
};

/*
 * Parses the whole of text. opts NULL means strict with the default limits; err may be NULL. On 0
 * *root is the tree, owned by a; on an error *root is NULL, *err says where and why, and what a has
 * used stays used until it is cleared.
 *
 * ERR_SYNTAX (a lone surrogate is one, in both modes), ERR_UTF8, ERR_DUPLICATE (at is the second
 * key), ERR_TOODEEP, ERR_TOOBIG (JSON_TEXT_MAX, max_nodes, or the arena is full), ERR_RANGE (opts
 * ask for more than JSON_DEPTH_MAX or JSON_NODES_MAX).
 */
int json_parse(struct arena *a, struct span text, const struct json_opts *opts,
	struct json_node **root, struct json_error *err);

/* The member with this key; NULL when there is none, when obj is NULL or is no object. Linear in
 * the members. */
const struct json_node *json_get(const struct json_node *obj, struct span key);

/* The first child of an array or object; NULL for an empty one, for anything else and for NULL. Go
 * on with ->next. */
const struct json_node *json_first(const struct json_node *n);

/* "null", "boolean", "number", "string", "array", "object". Static storage. */
const char *json_kind_name(enum json_kind kind);

/*
 * Values. ERR_MISSING for NULL, ERR_TYPE for another kind; *out only set on 0.
 * The numbers are never rounded into an integer: 1, 1.0, 1e3 and (JSON5) 0x10 are integers, 1.5 is
 * ERR_TYPE, what does not fit is ERR_RANGE. As a double a number is rounded to the nearest; one
 * that is too large, that would become 0 without being 0, Infinity and NaN are ERR_RANGE: *out is
 * always finite.
 */
int json_node_bool(const struct json_node *n, bool *out);
int json_node_str(const struct json_node *n, struct span *out);
int json_node_i64(const struct json_node *n, int64_t *out);
int json_node_u64(const struct json_node *n, uint64_t *out);
int json_node_double(const struct json_node *n, double *out);

#endif
