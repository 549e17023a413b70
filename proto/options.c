#include "proto/options.h"

#include "base/limits.h"

const char option_eras[OPTION_ERAS][10] = {"MOLTBOT_", "OPENCLAW_", "CLAWDBOT_"};

const struct option_row option_rows[OPT_N] = {
#define OPTION(ID, path, type, fallback, min, max, values, slices, reload, help)                   \
	[OPT_##ID] = {                                                                             \
		path, OPTION_##type, fallback, min, max, values, slices, OPTION_##reload, help},
#include "proto/options.def"
};

const struct option_later option_laters[] = {
#define LATER(root, keys, feature) {root, keys, feature},
#include "proto/options.def"
};
const size_t option_laters_n = sizeof(option_laters) / sizeof(option_laters[0]);

const struct option_alias option_aliases[] = {
#define ALIAS(from, to, legacy) {from, to, legacy},
#include "proto/options.def"
};
const size_t option_aliases_n = sizeof(option_aliases) / sizeof(option_aliases[0]);

const char *
option_type_name(enum option_type type)
{
	static const char *const names[OPTION_TYPE_N] = {
		"bool", "int", "string", "enum", "secret", "list", "size", "duration"};

	return (unsigned)type < OPTION_TYPE_N ? names[type] : "unknown";
}

const char *
option_reload_name(enum option_reload reload)
{
	static const char *const names[OPTION_RELOAD_N] = {"hot", "process", "gateway"};

	return (unsigned)reload < OPTION_RELOAD_N ? names[reload] : "unknown";
}

enum fit { FIT_NO, FIT_EXACT, FIT_PARENT };

/* One step of a pattern against one of a path. */
static bool
step_fits(struct span want, const struct option_step *have, bool *wild)
{
	if (span_eq(want, SPAN("[]")))
		return have->is_index;
	if (have->is_index)
		return false;
	if (span_eq(want, SPAN("*"))) {
		*wild = true;
		return true;
	}
	return span_eq(want, have->key);
}

/*
 * Pattern against path. PARENT: the path ends first, *rest is what is left of the pattern. EXACT: all of the pattern is
 * used, *used steps of the path. wild counts wildcards, so that the pattern with the fewest can win.
 */
static enum fit
fit_pattern(struct span pattern, const struct option_step *steps, size_t n, size_t *used,
	struct span *rest, unsigned *wild)
{
	size_t i = 0;

	while (pattern.len > 0) {
		struct span before = pattern;
		struct span want = span_cut(&pattern, '.');
		bool star = false;

		if (i == n) {
			*rest = before;
			return FIT_PARENT;
		}
		if (span_eq(want, SPAN("**"))) {
			*used = n;
			*wild += 16;
			return FIT_EXACT;
		}
		if (!step_fits(want, &steps[i], &star))
			return FIT_NO;
		*wild += star;
		i++;
	}
	*used = i;
	return FIT_EXACT;
}

struct search {
	const struct option_step *steps;
	size_t n;
	unsigned best; /* fewest wildcards so far */
	struct option_match *out;
};

static void
is_beneath(struct option_match *out, struct span rest)
{
	if (span_eq(span_sub(rest, 0, 2), SPAN("[]")))
		out->is_list = true;
	else
		out->is_parent = true;
}

static void
match_later(struct search *s, size_t row)
{
	struct span keys = span_from_cstr(option_laters[row].keys);
	struct span rest;
	unsigned root_wild = 0;
	size_t root_used = 0;
	enum fit fit = fit_pattern(span_from_cstr(option_laters[row].root), s->steps, s->n,
		&root_used, &rest, &root_wild);

	if (fit == FIT_PARENT)
		is_beneath(s->out, rest);
	if (fit == FIT_EXACT && root_used == s->n)
		s->out->is_parent = true;
	if (fit != FIT_EXACT || root_used == s->n)
		return;
	while (keys.len > 0) {
		struct span key = span_cut(&keys, ' ');
		unsigned wild = root_wild;
		size_t used = 0;

		fit = fit_pattern(key, s->steps + root_used, s->n - root_used, &used, &rest, &wild);
		if (fit == FIT_PARENT && span_eq(rest, SPAN("**"))) {
			fit = FIT_EXACT;
			used = s->n - root_used;
		}
		if (fit == FIT_PARENT)
			is_beneath(s->out, rest);
		if (fit == FIT_EXACT && used == s->n - root_used && wild < s->best) {
			s->best = wild;
			s->out->option = -1;
			s->out->later = (int)row;
			s->out->later_len = root_used;
		}
	}
}

void
option_match(const struct option_step *steps, size_t n, struct option_match *out)
{
	struct search s = {.steps = steps, .n = n, .best = UINT32_MAX, .out = out};

	*out = (struct option_match){.option = -1, .later = -1};
	for (size_t i = 0; i < OPT_N; i++) {
		struct span rest;
		unsigned wild = 0;
		size_t used = 0;
		enum fit fit = fit_pattern(
			span_from_cstr(option_rows[i].path), steps, n, &used, &rest, &wild);

		if (fit == FIT_PARENT)
			is_beneath(out, rest);
		if (fit == FIT_EXACT && used == n && wild < s.best) {
			s.best = wild;
			out->option = (int)i;
		}
	}
	for (size_t i = 0; i < option_laters_n; i++)
		match_later(&s, i);
	for (size_t i = 0; i < option_aliases_n && !out->is_parent; i++) {
		struct span rest;
		unsigned wild = 0;
		size_t used = 0;

		out->is_parent = fit_pattern(span_from_cstr(option_aliases[i].from), steps, n,
					 &used, &rest, &wild) == FIT_PARENT;
	}
}

/* The steps of `to`, its wildcards filled from those that `from` matched, and what stood behind. */
static void
rewrite(const struct option_alias *alias, struct option_step *steps, size_t *n, size_t used)
{
	struct option_step out[OPTION_STEPS_MAX];
	struct span to = span_from_cstr(alias->to);
	struct span from = span_from_cstr(alias->from);
	size_t at = 0;
	size_t m = 0;

	while (to.len > 0 && m < OPTION_STEPS_MAX) {
		struct span want = span_cut(&to, '.');

		out[m] = (struct option_step){.key = want};
		if (span_eq(want, SPAN("*"))) {
			while (from.len > 0 && !span_eq(span_cut(&from, '.'), SPAN("*")))
				at++;
			out[m] = steps[at++];
		}
		m++;
	}
	for (size_t i = used; i < *n && m < OPTION_STEPS_MAX; i++)
		out[m++] = steps[i];
	for (size_t i = 0; i < m; i++)
		steps[i] = out[i];
	*n = m;
}

const struct option_alias *
option_alias_apply(struct option_step *steps, size_t *n)
{
	for (size_t i = 0; i < option_aliases_n; i++) {
		struct span rest;
		unsigned wild = 0;
		size_t used = 0;

		if (fit_pattern(span_from_cstr(option_aliases[i].from), steps, *n, &used, &rest,
			    &wild) == FIT_EXACT) {
			rewrite(&option_aliases[i], steps, n, used);
			return &option_aliases[i];
		}
	}
	return NULL;
}

static void
add_name(struct span rest, struct span names[OPTION_NAMES_MAX], size_t *count)
{
	struct span name = span_cut(&rest, '.');

	if (*count == OPTION_NAMES_MAX || name.len == 0 || name.ptr[0] == '*' || name.ptr[0] == '[')
		return;
	for (size_t i = 0; i < *count; i++) {
		if (span_eq(names[i], name))
			return;
	}
	names[(*count)++] = name;
}

size_t
option_names(const struct option_step *steps, size_t n, struct span names[OPTION_NAMES_MAX])
{
	size_t count = 0;
	size_t used = 0;
	unsigned wild = 0;
	struct span rest;

	for (size_t i = 0; i < OPT_N; i++) {
		if (fit_pattern(span_from_cstr(option_rows[i].path), steps, n, &used, &rest,
			    &wild) == FIT_PARENT)
			add_name(rest, names, &count);
	}
	for (size_t i = 0; i < option_aliases_n; i++) {
		if (!option_aliases[i].legacy &&
			fit_pattern(span_from_cstr(option_aliases[i].from), steps, n, &used, &rest,
				&wild) == FIT_PARENT)
			add_name(rest, names, &count);
	}
	for (size_t i = 0; i < option_laters_n; i++) {
		struct span keys = span_from_cstr(option_laters[i].keys);
		enum fit fit = fit_pattern(
			span_from_cstr(option_laters[i].root), steps, n, &used, &rest, &wild);

		if (fit == FIT_PARENT)
			add_name(rest, names, &count);
		while (fit == FIT_EXACT && keys.len > 0) {
			size_t beneath = 0;

			if (fit_pattern(span_cut(&keys, ' '), steps + used, n - used, &beneath,
				    &rest, &wild) == FIT_PARENT)
				add_name(rest, names, &count);
		}
	}
	return count;
}

bool
option_env_is_secret(struct span name)
{
	static const struct span ends[] = {
#define SECRET_END(text) {(const uint8_t *)(text), sizeof(text) - 1},
#include "proto/options.def"
	};

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		if (name.len >= ends[i].len &&
			span_eq_nocase(
				span_sub(name, name.len - ends[i].len, ends[i].len), ends[i]))
			return true;
	}
	return false;
}
