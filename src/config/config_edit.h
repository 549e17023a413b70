/* A changed text of a configuration, made from the one before. */
#ifndef CONFIG_EDIT_H
#define CONFIG_EDIT_H

#include <stdbool.h>

#include "base/mem.h"
#include "base/span.h"
#include "json/json.h"

/*
 * The text of file with the merge patch raw (JSON5): in place when that means what it should, else written anew (*rewritten),
 * into out, which is empty before. 0; ERR_SYNTAX with *why NULL: raw is no JSON5, err says where; else a code, and *why says
 * what is wrong.
 */
int config_edit_patch(struct arena *a, struct span file, struct span raw, struct buf *out,
	bool *rewritten, struct json_error *err, const char **why);

/*
 * The text of file with every old name (an ALIAS that is legacy) at its present place, its value as it was written; said gets a
 * line each. Returns how many were moved, or a negative code.
 */
int config_edit_migrate(struct arena *a, struct span file, struct buf *out, struct buf *said);

#endif
