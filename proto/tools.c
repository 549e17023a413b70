#include "proto/tools.h"

#include "args/args.h"
#include "base/err.h"
#include "base/mem.h"
#include "proto/ids.h"

#define P(name, aliases, type, required, max, help) {name, aliases, type, required, max, help},

const struct tool_row tool_rows[TOOL_N] = {
	{.id = "NONE",
		.name = "",
		.aliases = "",
		.dest_param = "",
		.tier = JAIL_TIER_FULL,
		.help = ""},
#define TOOL(ID, toolname, toolaliases, eff, dest, destparam, least, text, params)                 \
	{#ID, toolname, toolaliases, eff, dest, destparam, least, text, {params{.name = NULL}}},
#include "proto/tools.def"
#undef TOOL
};
#undef P

const char *const tool_instructions[] = {"AGENTS.md", "SOUL.md", "TOOLS.md", "IDENTITY.md",
	"USER.md", "HEARTBEAT.md", "BOOTSTRAP.md", "MEMORY.md", NULL};

static bool
is_word_of(struct span name, const char *words)
{
	struct span rest = span_from_cstr(words);

	while (rest.len > 0)
		if (span_eq(span_cut(&rest, ' '), name))
			return true;
	return false;
}

enum tool
tool_find(struct span name)
{
	for (unsigned t = 1; t < TOOL_N; t++)
		if (span_eq(name, span_from_cstr(tool_rows[t].name)))
			return (enum tool)t;
	return TOOL_NONE;
}

enum tool
tool_find_alias(struct span name)
{
	enum tool t = tool_find(name);

	for (unsigned i = 1; t == TOOL_NONE && i < TOOL_N; i++)
		if (name.len > 0 && is_word_of(name, tool_rows[i].aliases))
			t = (enum tool)i;
	return t;
}

bool
tool_may_run(unsigned tool, enum jail_tier tier)
{
	return tool > TOOL_NONE && tool < TOOL_N && tier >= tool_rows[tool].tier;
}

const struct tool_param *
tool_param_find(unsigned tool, struct span name)
{
	if (tool >= TOOL_N || name.len == 0)
		return NULL;
	for (const struct tool_param *p = tool_rows[tool].params; p->name != NULL; p++)
		if (span_eq(name, span_from_cstr(p->name)) || is_word_of(name, p->aliases))
			return p;
	return NULL;
}

static int
check_value(const struct tool_param *p, const struct args_leaf *leaf)
{
	uint64_t n;

	switch (p->type) {
	case TOOL_STR:
		if (leaf->type != ARGS_STRING || leaf->depth != 1)
			return ERR_TYPE;
		return leaf->value.len > p->max ? ERR_TOOBIG : 0;
	case TOOL_INT:
		if (leaf->type != ARGS_NUMBER || leaf->depth != 1)
			return ERR_TYPE;
		return span_to_u64(leaf->value, 0, p->max, &n) < 0 ? ERR_RANGE : 0;
	case TOOL_BOOL:
		return leaf->depth == 1 && (leaf->type == ARGS_TRUE || leaf->type == ARGS_FALSE)
			       ? 0
			       : ERR_TYPE;
	case TOOL_STRS:
		if (leaf->type != ARGS_STRING || leaf->depth != 2 || !leaf->path[1].is_index)
			return ERR_TYPE;
		return leaf->value.len > p->max ? ERR_TOOBIG : 0;
	}
	return ERR_TYPE;
}

/* All leaves of one parameter, in their order, under its canonical name; how many there were. */
static int
copy_param(
	unsigned tool, const struct tool_param *p, struct span args, struct buf *out, size_t *count)
{
	struct span given = SPAN_EMPTY;
	struct args_leaf leaf;
	int rc;

	*count = 0;
	while ((rc = args_next(&args, &leaf)) == 1) {
		if (leaf.depth == 0 || tool_param_find(tool, leaf.path[0].key) != p ||
			leaf.type == ARGS_NULL)
			continue;
		if (*count > 0 && (p->type != TOOL_STRS || !span_eq(given, leaf.path[0].key)))
			return ERR_DUPLICATE;
		given = leaf.path[0].key;
		rc = check_value(p, &leaf);
		if (rc == 0 && p->type == TOOL_STRS && leaf.path[1].index != *count)
			rc = ERR_SYNTAX;
		if (rc < 0)
			return rc;
		leaf.path[0].key = span_from_cstr(p->name);
		rc = args_put_leaf(out, &leaf);
		if (rc < 0)
			return rc;
		++*count;
	}
	return rc;
}

int
tool_args_check(unsigned tool, struct span args, struct buf *out, struct span *what)
{
	struct span rest = args;
	struct args_leaf leaf;
	size_t total = 0;
	size_t count;
	int rc;

	*what = SPAN_EMPTY;
	if (tool == TOOL_NONE || tool >= TOOL_N)
		return ERR_UNKNOWN;
	while ((rc = args_next(&rest, &leaf)) == 1) {
		if (leaf.depth == 0 && leaf.type == ARGS_EMPTY_OBJECT)
			continue;
		if (leaf.depth == 0 || leaf.path[0].is_index)
			return ERR_TYPE;
		*what = leaf.path[0].key;
		if (tool_param_find(tool, leaf.path[0].key) == NULL)
			return ERR_UNKNOWN;
	}
	if (rc < 0)
		return rc;
	for (const struct tool_param *p = tool_rows[tool].params; p->name != NULL; p++) {
		*what = span_from_cstr(p->name);
		rc = copy_param(tool, p, args, out, &count);
		if (rc < 0)
			return rc;
		if (count == 0 && p->required)
			return ERR_MISSING;
		total += count;
	}
	*what = SPAN_EMPTY;
	if (total == 0) { /* the empty list has one spelling */
		leaf = (struct args_leaf){.depth = 0, .type = ARGS_EMPTY_OBJECT};
		return args_put_leaf(out, &leaf);
	}
	return 0;
}

bool
tool_is_instruction(struct span name)
{
	for (const char *const *i = tool_instructions; *i != NULL; i++)
		if (span_eq_nocase(name, span_from_cstr(*i)))
			return true;
	return false;
}
