/*
 * Argument lists: the only structured values that cross a process boundary. A list is a sequence of leaves in the
 * order in which they were given; a leaf is {path, type, value}; a path is a sequence of key and index steps. A JSON
 * document of any schema becomes such a list without anybody inside having to parse JSON, and hashes of a plan are
 * taken over exactly these bytes.
 *
 * Bytes of one leaf: u8 number of steps; each step u8 0, u16 length, key bytes, or u8 1, u32 index; u8 type; u32 length;
 * value bytes. Integers are little-endian. Numbers travel as their JSON text.
 */
#ifndef ARGS_ARGS_H
#define ARGS_ARGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/span.h"

enum args_type {
	ARGS_NULL = 0,
	ARGS_FALSE = 1,
	ARGS_TRUE = 2,
	ARGS_NUMBER = 3, /* value: JSON number text */
	ARGS_STRING = 4, /* value: UTF-8 */
	ARGS_EMPTY_OBJECT = 5,
	ARGS_EMPTY_ARRAY = 6,
};

struct args_step {
	bool is_index;
	uint32_t index;  /* when is_index */
	struct span key; /* otherwise */
};

struct args_leaf {
	struct args_step path[ARGS_DEPTH_MAX];
	size_t depth;
	enum args_type type;
	struct span value; /* borrowed from the list; empty but for NUMBER and STRING */
};

/*
 * Takes the next leaf from *rest. 1: a leaf; 0: the end; ERR_SYNTAX, ERR_TOODEEP or ERR_UTF8: malformed (treat the
 * sender accordingly). Numbers are checked to be JSON number text.
 */
int args_next(struct span *rest, struct args_leaf *leaf);

/* Walks the whole list: 0, or the first error; ERR_TOOBIG above ARGS_LEAVES_MAX leaves. */
int args_check(struct span list);

/*
 * Top-level values by name: found and of the right type: 0. ERR_NOTFOUND when absent or null, ERR_TYPE when of another
 * type, ERR_RANGE for a number outside [min, max] or not an integer.
 */
int args_get_str(struct span list, const char *key, struct span *out);
int args_get_u64(struct span list, const char *key, uint64_t min, uint64_t max, uint64_t *out);
int args_get_bool(struct span list, const char *key, bool *out);
/* The leaf itself, any type. */
int args_get(struct span list, const char *key, struct args_leaf *leaf);
/* True when any leaf's path begins with key (objects and arrays included). */
bool args_has(struct span list, const char *key);

/*
 * Builder of a list: objects and arrays are entered and left; leaves get the current path. Empty containers become
 * EMPTY_OBJECT or EMPTY_ARRAY. key NULL inside an array. Errors are sticky in out->err (ERR_TOOBIG, ERR_TOODEEP).
 */
struct args_out {
	struct buf *buf;
	struct {
		struct args_step step; /* how this container is reached from its parent */
		bool is_array;
		uint32_t count;
	} stack[ARGS_DEPTH_MAX];
	size_t depth;
	bool root_is_array;
	uint32_t root_count;
	int err;
};

/* Starts a list whose root is an object (or an array: for results such as system-presence). */
void args_out_init(struct args_out *out, struct buf *buf, bool root_is_array);
void args_out_object(struct args_out *out, const char *key);
void args_out_array(struct args_out *out, const char *key);
void args_out_object_named(struct args_out *out, struct span key); /* a key made of data */
/* leaves the innermost container */
void args_out_end(struct args_out *out);
void args_out_str(struct args_out *out, const char *key, struct span v);
void args_out_cstr(struct args_out *out, const char *key, const char *v);
void args_out_u64(struct args_out *out, const char *key, uint64_t v);
void args_out_i64(struct args_out *out, const char *key, int64_t v);
void args_out_bool(struct args_out *out, const char *key, bool v);
void args_out_null(struct args_out *out, const char *key);
void args_out_leaf(struct args_out *out, const char *key, enum args_type type, struct span v);
/* Appends one leaf with a full path, as read by args_next (for converters). */
int args_put_leaf(struct buf *buf, const struct args_leaf *leaf);
/* Ends the list: an empty root becomes a leaf with an empty path. Returns the first error or 0. */
int args_out_done(struct args_out *out);

#endif
