/* The text of a configuration by places: where a value ends, and changes that leave everything else as its owner wrote it. */
#ifndef CONFIG_TEXT_H
#define CONFIG_TEXT_H

#include "base/mem.h"
#include "base/span.h"
#include "json/json.h"

#define CONFIG_EDITS_MAX 4096

/* "__MOLTBOT_REDACTED__", which stands for a secret that is not shown. */
#define CONFIG_MARK "__MOLTBOT_REDACTED__"
bool config_is_mark(const struct json_node *node);

/* Replacements of ranges that do not overlap; several at the same place are put in one behind the other. */
struct config_edit {
	size_t off;
	size_t len;
	struct span text; /* borrowed */
	size_t order;
};
struct config_edits {
	struct config_edit rows[CONFIG_EDITS_MAX];
	size_t n;
	bool full;
};

/* The end of the value (or key) that begins at off in a text that has been parsed. */
size_t config_value_end(struct span text, size_t off);

void config_edit_add(struct config_edits *e, size_t off, size_t len, struct span text);
/*
 * The text with all of them carried out, appended to out. 0, ERR_FULL when there were too many, ERR_STATE when two
 * overlap, ERR_TOOBIG.
 */
int config_edits_put(struct config_edits *e, struct span text, struct buf *out);

/*
 * One merge patch (RFC 7396: null deletes, objects are merged, anything else replaces) as changes of the text that root was
 * parsed from, so that comments and layout stay. A value that is the mark of a redaction changes nothing. 0; ERR_MISSING
 * when a mark stands where there is nothing to keep; ERR_STATE, ERR_FULL, ERR_RANGE, ERR_TOOBIG when it cannot be done.
 */
int config_patch_put(struct arena *a, struct span text, const struct json_node *root,
	const struct json_node *patch, struct buf *out);

/* config_tree.c */
/* A copy without members that are null, at any depth: what a patch says where there was nothing. NULL: over the arena. */
struct json_node *config_without_nulls(struct arena *a, const struct json_node *value);
/* The same of trees: what the patched text must mean. root is changed. 0 or ERR_TOOBIG. */
int config_patch_tree(struct arena *a, struct json_node *root, const struct json_node *patch);

/* Do two trees mean the same? The order of members does not matter. */
bool config_same(const struct json_node *a, const struct json_node *b);

#endif
