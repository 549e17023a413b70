/* Lists of tools as masks over tools.def. Deny goes before allow; several lists narrow each other. */
#include "config.h"

#include <string.h>

#include "base/mem.h"
#include "proto/tools.h"
#include "text/text.h"

#define NAMES_MAX 256
#define NESTING_MAX 3

struct set {
	const char *name;
	const char *tools;
};
static const struct set sets[] = {
#define TOOL_SET(name, tools) {name, tools},
#include "proto/options.def"
};
static const char others[] =
#define TOOL_OTHER(names) names
#include "proto/options.def"
	;

#define BIT(tool) (UINT64_C(1) << (tool))

static uint64_t
all_tools(void)
{
	uint64_t mask = 0;

	for (unsigned t = 1; t < TOOL_N; t++)
		mask |= BIT(t);
	return mask;
}

/* '*' stands for any bytes. */
static bool
glob(struct span pattern, struct span s)
{
	size_t p = 0;
	size_t i = 0;
	size_t star = SIZE_MAX;
	size_t from = 0;

	while (i < s.len) {
		if (p < pattern.len && pattern.ptr[p] == '*') {
			star = p++;
			from = i;
		} else if (p < pattern.len && pattern.ptr[p] == s.ptr[i]) {
			p++;
			i++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			i = ++from;
		} else {
			return false;
		}
	}
	while (p < pattern.len && pattern.ptr[p] == '*')
		p++;
	return p == pattern.len;
}

static bool
glob_any(struct span pattern, struct span words)
{
	while (words.len > 0) {
		if (glob(pattern, span_cut(&words, ' ')))
			return true;
	}
	return false;
}

static const struct set *
set_find(struct span name)
{
	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		if (span_eq(name, span_from_cstr(sets[i].name)))
			return &sets[i];
	}
	return NULL;
}

/* The tools that one name means; false when it means nothing. Groups hold groups, NESTING_MAX deep. */
static bool
one_mask(struct span name, uint64_t *mask)
{
	struct span todo[NESTING_MAX] = {name};
	size_t depth = 1;
	bool found = false;

	while (depth > 0) {
		struct span word = span_cut(&todo[depth - 1], ' ');
		const struct set *set = set_find(word);

		if (todo[depth - 1].len == 0)
			depth--;
		if (set != NULL && depth < NESTING_MAX) {
			todo[depth++] = span_from_cstr(set->tools);
			found = true;
			continue;
		}
		for (unsigned t = 1; t < TOOL_N && word.len > 0; t++) {
			if (glob(word, span_from_cstr(tool_rows[t].name)) ||
				glob_any(word, span_from_cstr(tool_rows[t].aliases))) {
				*mask |= BIT(t);
				found = true;
			}
		}
		found = found || (word.len > 0 && glob_any(word, span_from_cstr(others)));
	}
	return found;
}

static size_t
all_names(struct config *c, const char *names[NAMES_MAX])
{
	size_t n = 0;
	struct span rest = span_from_cstr(others);

	for (unsigned t = 1; t < TOOL_N; t++)
		names[n++] = tool_rows[t].name;
	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
		names[n++] = sets[i].name;
	while (rest.len > 0 && n < NAMES_MAX)
		names[n++] = (const char *)config_copy(c, span_cut(&rest, ' ')).ptr;
	return n;
}

static uint64_t
list_mask(struct config *c, enum option option, const struct config_setting *v)
{
	const char *names[NAMES_MAX];
	uint64_t mask = 0;

	for (size_t i = 0; i < v->n; i++) {
		struct buf lower = {.max = 128};
		struct span name = span_trim(v->items[i].s);
		ptrdiff_t best;

		if (text_lower_put(&lower, name) == 0 &&
			!span_starts_with(name, SPAN("profile:")) &&
			one_mask(buf_span(&lower), &mask)) {
			buf_clear(&lower);
			continue;
		}
		buf_clear(&lower);
		best = text_nearest(name, names, all_names(c, names));
		if (best >= 0)
			config_mistake(c, v->items[i].at,
				"%s: \"%.*s\" matches no tool; the nearest is \"%s\"",
				option_rows[option].path, CONFIG_S(name), names[best]);
		else
			config_mistake(c, v->items[i].at, "%s: \"%.*s\" matches no tool",
				option_rows[option].path, CONFIG_S(name));
	}
	return mask;
}

static uint64_t
profile_mask(struct span profile)
{
	struct buf name = {.max = 64};
	uint64_t mask = 0;

	buf_put_cstr(&name, "profile:");
	buf_put(&name, profile);
	(void)one_mask(buf_span(&name), &mask);
	buf_clear(&name);
	return mask;
}

/* One place that has profile, allow, alsoAllow and deny. */
static void
narrow(struct config *c, enum option first, const struct config_setting *profile,
	const struct config_setting *allow, const struct config_setting *also,
	const struct config_setting *deny)
{
	uint64_t mask;

	if (allow->set && also->set)
		config_mistake(c, also->at, "%s: allow and alsoAllow exclude each other",
			option_rows[first].path);
	if (profile->set)
		c->allow_mask &=
			profile_mask(profile->s) | (also->set ? list_mask(c, first, also) : 0);
	else if (also->set)
		(void)list_mask(c, first, also); /* everything is on already */
	if (allow->set) {
		mask = list_mask(c, first, allow);
		c->allow_mask &= mask;
	}
	if (deny->set)
		c->deny_mask |= list_mask(c, first, deny);
}

/* The same of places with wildcards: hits that are in one object belong together. */
static void
narrow_hits(struct config *c, enum option profile, enum option allow, enum option also,
	enum option deny)
{
	const struct config_setting none = {0};

	for (const struct config_hit *hit = c->hits; hit != NULL; hit = hit->next) {
		const struct config_setting *with = &none;

		if (hit->option != profile && hit->option != allow && hit->option != deny &&
			hit->option != also)
			continue;
		for (const struct config_hit *h = c->hits; h != NULL && hit->option == profile;
			h = h->next) {
			if (h->option == also && h->parent == hit->parent)
				with = &h->v;
		}
		narrow(c, hit->option, hit->option == profile ? &hit->v : &none,
			hit->option == allow ? &hit->v : &none,
			hit->option == profile ? with
			: hit->option == also  ? &hit->v
					       : &none,
			hit->option == deny ? &hit->v : &none);
	}
}

static uint64_t
workspace_tools(void)
{
	uint64_t mask = 0;

	for (unsigned t = 1; t < TOOL_N; t++)
		mask |= tool_rows[t].dest_kind == DEST_WORKSPACE ? BIT(t) : 0;
	return mask;
}

static void
off(struct config *c, uint64_t tools, struct json_pos at, const char *why)
{
	c->deny_mask |= tools;
	config_warn(c, at, "%s", why);
}

static void
exec_options(struct config *c)
{
	const struct config_setting *security = &c->values[OPT_EXEC_SECURITY];
	const struct config_setting *ask = &c->values[OPT_EXEC_ASK];
	const struct config_setting *host = &c->values[OPT_EXEC_HOST];
	const struct config_setting *access = &c->values[OPT_BOX_ACCESS];

	if (security->set && span_eq(security->s, SPAN("deny")))
		c->deny_mask |= BIT(TOOL_SHELL_EXEC);
	if (security->set && span_eq(security->s, SPAN("allowlist")))
		off(c, BIT(TOOL_SHELL_EXEC), security->at,
			"tools.exec.security: lists of allowed commands are left out on purpose: "
			"shell_exec is off");
	if (ask->set && span_eq(ask->s, SPAN("always")))
		off(c, BIT(TOOL_SHELL_EXEC), ask->at,
			"tools.exec.ask: approvals are not in this version: shell_exec is off");
	if (host->set && !span_eq(host->s, SPAN("sandbox")))
		config_warn(c, host->at,
			"tools.exec.host: programs run in the sandbox and nowhere else");
	if (access->set && span_eq(access->s, SPAN("ro")))
		off(c, BIT(TOOL_SHELL_EXEC) | BIT(TOOL_FILE_WRITE) | BIT(TOOL_FILE_DELETE),
			access->at,
			"agents.defaults.sandbox.workspaceAccess: the workspace stays as it is: "
			"file_write, file_delete and shell_exec are off");
	if (access->set && span_eq(access->s, SPAN("none")))
		off(c, workspace_tools(), access->at,
			"agents.defaults.sandbox.workspaceAccess: no tool sees the workspace: "
			"the file tools and shell_exec are off");
}

void
config_tools(struct config *c)
{
	const struct config_setting none = {0};

	c->allow_mask = all_tools();
	c->deny_mask = 0;
	narrow(c, OPT_TOOLS_ALLOW, &c->values[OPT_TOOLS_PROFILE], &c->values[OPT_TOOLS_ALLOW],
		&c->values[OPT_TOOLS_ALSO], &none);
	narrow(c, OPT_TOOLS_DENY, &none, &none, &none, &c->values[OPT_TOOLS_DENY]);
	narrow(c, OPT_BOX_TOOLS_ALLOW, &none, &c->values[OPT_BOX_TOOLS_ALLOW], &none, &none);
	narrow(c, OPT_BOX_TOOLS_DENY, &none, &none, &none, &c->values[OPT_BOX_TOOLS_DENY]);
	narrow(c, OPT_BOX_TOOLS_ALSO, &none, &none, &c->values[OPT_BOX_TOOLS_ALSO], &none);
	narrow_hits(c, OPT_BY_PROVIDER_PROFILE, OPT_BY_PROVIDER_ALLOW, OPT_BY_PROVIDER_ALSO,
		OPT_BY_PROVIDER_DENY);
	narrow_hits(c, OPT_LIST_PROFILE, OPT_LIST_ALLOW, OPT_LIST_ALSO, OPT_LIST_DENY);
	exec_options(c);
	/* Files and programs are for runs; over HTTP only where the owner says so. */
	c->http_mask = list_mask(c, OPT_HTTP_TOOLS, &c->values[OPT_HTTP_TOOLS]);
	(void)one_mask(SPAN("group:moltbot"), &c->http_mask);
}
