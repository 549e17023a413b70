/*
 * JSON documents as argument lists and back, for the processes that meet JSON at the outside. The
 * order of members stays; numbers keep their text; an empty object and an empty array stay
 * different.
 */
#ifndef ARGS_ARGS_JSON_H
#define ARGS_ARGS_JSON_H

#include "args/args.h"
#include "json/json.h"
#include "json/json_out.h"

/*
 * Appends the leaves of a parsed value. key: the value is this member of the list's root object;
 * NULL: it is the root itself. ERR_TOODEEP beyond ARGS_DEPTH_MAX steps, ERR_TOOBIG above
 * ARGS_LEAVES_MAX leaves, for a key over 65535 bytes, or when the buf is full.
 */
int args_json_put(struct buf *list, const char *key, const struct json_node *value);

/* Parses strict JSON and appends its leaves. The errors of json_parse and of args_json_put. */
int args_json_parse(struct buf *list, struct span text);

/*
 * Writes a list as one JSON value; an empty list is {}. The first error of the writer; ERR_SYNTAX
 * and the other errors of args_next for a list that is no document (an array's index out of order,
 * a value inside a value).
 */
int args_json_write(struct json_out *out, struct span list);

/* Writes the value of one top-level member only. ERR_NOTFOUND when there is none: nothing is then
 * written. */
int args_json_write_member(struct json_out *out, struct span list, const char *key);

#endif
