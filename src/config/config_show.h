/* What is shown of a configuration: its values without secrets, as they stand in the file or as they hold. */
#ifndef CONFIG_SHOW_H
#define CONFIG_SHOW_H

#include "config.h"
#include "json/json_out.h"

/* A tree as JSON, each secret as CONFIG_MARK; a whole ${NAME} is no secret. What JSON cannot hold (Infinity) becomes null. */
void config_show_tree(struct json_out *o, const struct json_node *root);

/* The text with nothing but the literal secrets replaced. root is its own tree. ERR_FULL, ERR_TOOBIG: not to be shown. */
int config_show_text(struct span text, const struct json_node *root, struct buf *out);

/*
 * Marks in new text, whose tree is root, become the literals at the same places of old text again. 0, ERR_MISSING with
 * *at where there is nothing to keep, ERR_FULL, ERR_TOOBIG.
 */
int config_show_restore(struct span text, const struct json_node *root, struct span old_text,
	const struct json_node *old, struct buf *out, struct json_pos *at);

/* draft-07 and hints for forms, from the table of options: {"schema", "uiHints", "version"}, without the brackets. */
void config_schema_put(struct json_out *o);

#endif
