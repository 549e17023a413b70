/* A changed text of a configuration, made from the one before: a merge patch, and old names replaced by the present ones. */
#include "config_edit.h"

#include <string.h>

#include "base/err.h"
#include "base/limits.h"
#include "config.h"
#include "config_text.h"
#include "json/json_out.h"
#include "proto/options.h"

#define MOVED "\"@@MOLTBOT-MOVED@@\"" /* where the text of a value goes that gets another place */

static struct json_node *
parse(struct arena *a, struct span text, struct json_error *err)
{
	const struct json_opts opts = {.mode = JSON_JSON5};
	struct json_node *root = NULL;

	(void)json_parse(a, text, &opts, &root, err);
	return root;
}

/* All of a tree anew, for what cannot be changed in place. */
static int
put_pretty(const struct json_node *root, struct buf *out)
{
	struct json_out o;
	int rc;

	json_out_init(&o, out, &(struct json_out_opts){.pretty = true});
	rc = json_out_node(&o, root);
	rc = rc < 0 ? rc : json_out_finish(&o);
	buf_put_u8(out, '\n');
	return rc < 0 ? rc : out->err;
}

int
config_edit_patch(struct arena *a, struct span file, struct span raw, struct buf *out,
	bool *rewritten, struct json_error *err, const char **why)
{
	struct json_node *change = parse(a, raw, err);
	const struct json_node *root = parse(a, file, NULL);
	struct json_node *want = parse(a, file, NULL);
	const struct json_node *got;
	int rc;

	*rewritten = false;
	*why = NULL;
	if (change == NULL)
		return ERR_SYNTAX;
	if (change->kind != JSON_OBJECT)
		*why = "config.patch raw must be an object";
	else if (root == NULL || root->kind != JSON_OBJECT)
		*why = "invalid config; fix before patching";
	if (*why != NULL)
		return ERR_SYNTAX;
	rc = config_patch_put(a, file, root, change, out);
	if (rc == ERR_MISSING) {
		*why = "a redacted value stands where there is nothing to keep";
		return rc;
	}
	if (config_patch_tree(a, want, change) < 0) {
		*why = "the patch is too large";
		return ERR_TOOBIG;
	}
	got = rc == 0 ? parse(a, buf_span(out), NULL) : NULL;
	if (got != NULL && config_same(want, got))
		return 0;
	buf_reset(out);
	*rewritten = true;
	if (put_pretty(want, out) == 0)
		return 0;
	*why = "the patch is too large";
	return ERR_TOOBIG;
}

/* ---- old names ---- */

static const struct json_node *
at_path(const struct json_node *root, const char *path)
{
	struct span rest = span_from_cstr(path);

	while (rest.len > 0 && root != NULL)
		root = json_get(root, span_cut(&rest, '.'));
	return root;
}

/* "a.b" as {"a":{"b":value}} */
static void
put_nested(struct buf *b, const char *path, struct span value)
{
	struct span rest = span_from_cstr(path);
	unsigned depth = 0;

	for (; rest.len > 0; depth++) {
		(void)buf_put_cstr(b, "{\"");
		(void)buf_put(b, span_cut(&rest, '.'));
		(void)buf_put_cstr(b, "\":");
	}
	(void)buf_put(b, value);
	while (depth-- > 0)
		(void)buf_put_u8(b, '}');
}

/* The text with one value at its new place, as it was written; *out is replaced. */
static int
move(struct arena *a, struct span text, const struct option_alias *alias,
	const struct json_node *value, bool merges, struct buf *out)
{
	struct buf patch = {.max = 2 * CONFIG_FILE_MAX};
	struct buf half = {.max = 2 * CONFIG_FILE_MAX};
	struct span was = span_sub(
		text, value->at.off, config_value_end(text, value->at.off) - value->at.off);
	struct json_error err;
	const char *why;
	bool rewritten;
	ssize_t at;
	int rc;

	put_nested(&patch, alias->from, SPAN("null"));
	rc = config_edit_patch(a, text, buf_span(&patch), &half, &rewritten, &err, &why);
	buf_reset(&patch);
	put_nested(&patch, alias->to, merges ? was : SPAN(MOVED));
	if (rc == 0)
		rc = config_edit_patch(
			a, buf_span(&half), buf_span(&patch), out, &rewritten, &err, &why);
	at = rc == 0 && !merges ? span_find(buf_span(out), SPAN(MOVED)) : -1;
	if (at >= 0) {
		buf_reset(&half);
		(void)buf_put(&half, span_sub(buf_span(out), 0, (size_t)at));
		(void)buf_put(&half, was);
		(void)buf_put(&half, span_sub(buf_span(out), (size_t)at + strlen(MOVED), SIZE_MAX));
		buf_reset(out);
		(void)buf_put(out, buf_span(&half));
	}
	rc = rc < 0 ? rc : out->err;
	buf_clear(&patch);
	buf_clear(&half);
	return rc;
}

int
config_edit_migrate(struct arena *a, struct span file, struct buf *out, struct buf *said)
{
	struct buf now = {.max = 2 * CONFIG_FILE_MAX};
	int moved = 0;
	int rc = buf_put(&now, file);

	for (size_t i = 0; i < option_aliases_n && rc == 0; i++) {
		const struct option_alias *alias = &option_aliases[i];
		const struct json_node *root = parse(a, buf_span(&now), NULL);
		const struct json_node *old = at_path(root, alias->from);
		const struct json_node *there = at_path(root, alias->to);
		bool merges = there != NULL;

		if (!alias->legacy || old == NULL)
			continue;
		if (merges && (old->kind != JSON_OBJECT || there->kind != JSON_OBJECT)) {
			(void)buf_put_fmt(said,
				"%s stays: %s is there as well; remove one of them\n", alias->from,
				alias->to);
			continue;
		}
		buf_reset(out);
		rc = move(a, buf_span(&now), alias, old, merges, out);
		buf_reset(&now);
		(void)buf_put(&now, buf_span(out));
		(void)buf_put_fmt(said, "%s is %s now\n", alias->from, alias->to);
		moved++;
	}
	buf_reset(out);
	rc = rc < 0 ? rc : buf_put(out, buf_span(&now));
	buf_clear(&now);
	return rc < 0 ? rc : moved;
}
