/* One value against its row: kind, range, words, variables. */
#include "config.h"

#include <string.h>

#include "base/err.h"
#include "base/utf8.h"
#include "text/text.h"

#define WORDS_MAX 16

/* Where a mistake would be, and of what. */
struct subject {
	struct config *c;
	const struct option_row *row;
	struct span path;
	struct json_pos at;
};

static bool
is_name_byte(uint8_t b, bool first)
{
	return (b >= 'A' && b <= 'Z') || b == '_' || (!first && b >= '0' && b <= '9');
}

/* "${NAME}" at the start of s: its length and *name; 0 when there is none. */
static size_t
reference(struct span s, struct span *name)
{
	size_t i = 2;

	if (!span_starts_with(s, SPAN("${")))
		return 0;
	while (i < s.len && is_name_byte(s.ptr[i], i == 2))
		i++;
	if (i == 2 || i == s.len || s.ptr[i] != '}')
		return 0;
	*name = span_sub(s, 2, i - 2);
	return i + 1;
}

/* A variable: of the environment, else of env.vars or env in the file. */
static bool
variable(const struct config *c, struct span name, struct span *out)
{
	const struct json_node *env = json_get(c->root, SPAN("env"));
	const struct json_node *node = json_get(json_get(env, SPAN("vars")), name);

	if (config_env_get(c, name, out))
		return true;
	if (node == NULL)
		node = json_get(env, name);
	return json_node_str(node, out) == 0 && out->len > 0;
}

static bool
put_variable(const struct subject *s, struct span name, struct buf *out)
{
	struct span v;

	if (config_env_is_secret_set(s->c, name)) {
		config_mistake(s->c, s->at,
			"%.*s: ${%.*s} is a secret, which only options for secrets may name",
			CONFIG_S(s->path), CONFIG_S(name));
		return false;
	}
	if (!variable(s->c, name, &v)) {
		config_mistake(s->c, s->at,
			"%.*s: the variable %.*s is not set or empty; set it, or write $${%.*s} "
			"for the text itself",
			CONFIG_S(s->path), CONFIG_S(name), CONFIG_S(name));
		return false;
	}
	buf_put(out, v);
	return true;
}

/* ${NAME} by its value, $${NAME} by ${NAME}. */
static bool
substitute(const struct subject *s, struct span text, struct span *out)
{
	struct buf b = {.max = CONFIG_FILE_MAX};
	bool ok = true;

	while (text.len > 0) {
		struct span name;
		bool literal = span_starts_with(text, SPAN("$$"));
		size_t len = reference(literal ? span_sub(text, 1, text.len) : text, &name);

		if (len == 0) {
			buf_put_u8(&b, text.ptr[0]);
			text = span_sub(text, 1, text.len);
			continue;
		}
		if (literal)
			buf_put(&b, span_sub(text, 1, len));
		else
			ok = put_variable(s, name, &b) && ok;
		text = span_sub(text, len + literal, text.len);
	}
	if (ok && b.err < 0) {
		config_mistake(s->c, s->at, "%.*s: too long with its variables", CONFIG_S(s->path));
		ok = false;
	}
	*out = config_copy(s->c, buf_span(&b));
	buf_clear(&b);
	return ok;
}

static bool
wrong_kind(const struct subject *s, const char *want, const struct json_node *node)
{
	config_mistake(s->c, s->at, "%.*s: expected %s, found %s", CONFIG_S(s->path), want,
		json_kind_name(node->kind));
	return false;
}

static bool
read_bool(const struct subject *s, const struct json_node *node, bool *out)
{
	struct span text;

	if (json_node_bool(node, out) == 0)
		return true;
	if (json_node_str(node, &text) < 0)
		return wrong_kind(s, "true or false", node);
	if (!substitute(s, text, &text))
		return false;
	*out = span_eq(text, SPAN("true"));
	if (*out || span_eq(text, SPAN("false")))
		return true;
	return wrong_kind(s, "true or false without quotes", node);
}

static bool
out_of_range(const struct subject *s)
{
	config_mistake(s->c, s->at, "%.*s: expected a number from %llu to %llu", CONFIG_S(s->path),
		(unsigned long long)s->row->min, (unsigned long long)s->row->max);
	return false;
}

static bool
in_range(const struct subject *s, uint64_t v)
{
	return v >= s->row->min && v <= s->row->max ? true : out_of_range(s);
}

static bool
read_int(const struct subject *s, const struct json_node *node, uint64_t *out)
{
	struct span text;
	int rc = json_node_u64(node, out);

	if (rc == 0)
		return in_range(s, *out);
	if (node->kind == JSON_NUMBER)
		return rc == ERR_RANGE ? out_of_range(s) : wrong_kind(s, "a whole number", node);
	if (json_node_str(node, &text) < 0)
		return wrong_kind(s, "a whole number", node);
	if (!substitute(s, text, &text))
		return false;
	rc = span_to_u64(text, s->row->min, s->row->max, out);
	if (rc == ERR_RANGE)
		return out_of_range(s);
	return rc == 0 ? true : wrong_kind(s, "a whole number without quotes", node);
}

/* Sizes and durations: a number of the plain unit, or text with a unit. */
static bool
read_unit(const struct subject *s, const struct json_node *node, uint64_t *out)
{
	bool size = s->row->type == OPTION_SIZE;
	uint64_t unit = size ? 1 : 1000;
	struct span text;
	int rc = json_node_u64(node, out);

	if (rc == 0)
		return __builtin_mul_overflow(*out, unit, out) ? out_of_range(s)
							       : in_range(s, *out);
	if (json_node_str(node, &text) < 0)
		return wrong_kind(
			s, size ? "a size such as \"64MiB\"" : "a duration such as \"30s\"", node);
	if (!substitute(s, text, &text))
		return false;
	rc = size ? text_size_parse(text, UINT64_MAX, out)
		  : text_duration_parse(text, unit, UINT64_MAX, out);
	if (rc < 0)
		return wrong_kind(
			s, size ? "a size such as \"64MiB\"" : "a duration such as \"30s\"", node);
	return in_range(s, *out);
}

static bool
read_text(const struct subject *s, struct span text, struct span *out)
{
	if (!substitute(s, text, out))
		return false;
	if (span_find_byte(*out, 0) >= 0 || !utf8_is_valid(*out)) {
		config_mistake(s->c, s->at, "%.*s: the text holds a NUL or is not UTF-8",
			CONFIG_S(s->path));
		return false;
	}
	if (s->row->type != OPTION_LIST && out->len < s->row->min) {
		if (out->len == 0)
			config_mistake(s->c, s->at, "%.*s: must not be empty", CONFIG_S(s->path));
		else
			config_mistake(s->c, s->at, "%.*s: shorter than %llu bytes",
				CONFIG_S(s->path), (unsigned long long)s->row->min);
		return false;
	}
	if (out->len > s->row->max) {
		config_mistake(s->c, s->at, "%.*s: longer than %llu bytes", CONFIG_S(s->path),
			(unsigned long long)s->row->max);
		return false;
	}
	return true;
}

static bool
read_enum(const struct subject *s, const struct json_node *node, struct span *out)
{
	const char *words[WORDS_MAX];
	struct span rest = span_from_cstr(s->row->values);
	struct span text;
	ptrdiff_t best;
	size_t n = 0;

	if (json_node_str(node, &text) < 0)
		return wrong_kind(s, "one of the words below", node);
	if (!substitute(s, text, out))
		return false;
	while (rest.len > 0 && n < WORDS_MAX) {
		struct span word = span_cut(&rest, ' ');

		if (span_eq(word, *out))
			return true;
		words[n++] = (const char *)config_copy(s->c, word).ptr;
	}
	best = text_nearest(*out, words, n);
	if (best >= 0)
		config_mistake(s->c, s->at, "%.*s: \"%.*s\" is none of: %s; the nearest is \"%s\"",
			CONFIG_S(s->path), CONFIG_S(*out), s->row->values, words[best]);
	else
		config_mistake(s->c, s->at, "%.*s: \"%.*s\" is none of: %s", CONFIG_S(s->path),
			CONFIG_S(*out), s->row->values);
	return false;
}

/* A secret in the file: which line of the shell and which text here would be right. */
static void
mend(const struct subject *s)
{
	struct buf name = {.max = 256};
	struct span path = s->path;
	struct span at = span_cut(&path, '.');
	struct span provider = SPAN_EMPTY;

	while (path.len > 0) {
		if (span_eq(at, SPAN("providers")))
			provider = span_sub(path, 0, (size_t)(span_find_byte(path, '.') + 1) - 1);
		at = span_cut(&path, '.');
	}
	if (provider.len == 0)
		buf_put_cstr(&name, span_eq(at, SPAN("password")) ? "MOLTBOT_GATEWAY_PASSWORD"
								  : "MOLTBOT_GATEWAY_TOKEN");
	for (size_t i = 0; i < provider.len; i++) {
		uint8_t b = provider.ptr[i];

		buf_put_u8(&name, b >= 'a' && b <= 'z'   ? (uint8_t)(b - 32)
				  : b >= '0' && b <= '9' ? b
							 : '_');
	}
	if (provider.len > 0)
		buf_put_cstr(&name, "_API_KEY");
	config_warn(s->c, s->at,
		"%.*s: the secret stands in the file; set the variable %.*s to it (export "
		"%.*s=...) and write \"${%.*s}\" here",
		CONFIG_S(s->path), CONFIG_S(buf_span(&name)), CONFIG_S(buf_span(&name)),
		CONFIG_S(buf_span(&name)));
	buf_clear(&name);
}

/*
 * A secret is not looked at here: a whole ${NAME} is passed on as a name. A literal is taken, with a warning that says how
 * to mend it; its text goes to vault alone and into no message.
 */
static bool
read_secret(const struct subject *s, const struct json_node *node, struct config_setting *v)
{
	struct span text;
	struct span name;
	struct span value;

	if (json_node_str(node, &text) < 0)
		return wrong_kind(
			s, "a text, best \"${NAME}\" of a variable that holds the secret", node);
	if (reference(text, &name) == text.len && text.len > 0) {
		if (config_env_is_secret_set(s->c, name)) {
			v->is_secret_env = true;
			v->s = name;
			return true;
		}
		if (config_env_get(s->c, name, &value)) {
			config_mistake(s->c, s->at,
				"%.*s: the name of a variable with a secret must end in _KEY, "
				"_TOKEN, _SECRET or _PASSWORD; %.*s does not",
				CONFIG_S(s->path), CONFIG_S(name));
			return false;
		}
		if (!variable(s->c, name, &value)) {
			config_mistake(s->c, s->at, "%.*s: the variable %.*s is not set or empty",
				CONFIG_S(s->path), CONFIG_S(name));
			return false;
		}
		text = value; /* a literal in env.vars */
	} else if (span_find(text, SPAN("${")) >= 0 && !span_starts_with(text, SPAN("$${"))) {
		config_mistake(s->c, s->at,
			"%.*s: a secret is one whole ${NAME}; it cannot be put together",
			CONFIG_S(s->path));
		return false;
	}
	if (text.len < s->row->min || text.len > s->row->max || span_find_byte(text, 0) >= 0) {
		config_mistake(s->c, s->at, "%.*s: a secret of %llu to %llu bytes is expected",
			CONFIG_S(s->path), (unsigned long long)s->row->min,
			(unsigned long long)s->row->max);
		return false;
	}
	v->s = span_starts_with(text, SPAN("$${")) ? span_sub(text, 1, text.len) : text;
	mend(s);
	return true;
}

static bool
read_list(const struct subject *s, const struct json_node *node, struct config_setting *v)
{
	size_t i = 0;
	bool ok = true;

	if (node->kind != JSON_ARRAY)
		return wrong_kind(s, "a list of texts [ \"...\" ]", node);
	if (node->n > CONFIG_LIST_MAX) {
		config_mistake(s->c, s->at, "%.*s: more than %u entries", CONFIG_S(s->path),
			CONFIG_LIST_MAX);
		return false;
	}
	v->n = node->n;
	v->items = arena_alloc(&s->c->arena, node->n + 1, sizeof(v->items[0]));
	if (v->items == NULL)
		return false;
	for (const struct json_node *e = json_first(node); e != NULL; e = e->next, i++) {
		struct subject item = *s;
		struct span text;

		item.at = e->at;
		v->items[i].at = e->at;
		if (json_node_str(e, &text) < 0)
			ok = wrong_kind(&item, "a text", e);
		else
			ok = read_text(&item, text, &v->items[i].s) && ok;
	}
	return ok;
}

bool
config_value_read(struct config *c, enum option option, struct span path,
	const struct json_node *node, struct config_setting *v)
{
	struct subject s = {.c = c, .row = &option_rows[option], .path = path, .at = node->at};
	struct span text;

	*v = (struct config_setting){.set = true, .at = node->at};
	switch (s.row->type) {
	case OPTION_BOOL:
		return read_bool(&s, node, &v->truth);
	case OPTION_INT:
		return read_int(&s, node, &v->number);
	case OPTION_SIZE:
	case OPTION_DURATION:
		return read_unit(&s, node, &v->number);
	case OPTION_STR:
		if (json_node_str(node, &text) < 0)
			return wrong_kind(&s, "a text \"...\"", node);
		/* secrets among the variables are taken as they are, where a secret asks for them */
		if ((option == OPT_ENV_VARS || option == OPT_ENV_NAME) && (v->s = text, true))
			return true;
		return read_text(&s, text, &v->s);
	case OPTION_ENUM:
		return read_enum(&s, node, &v->s);
	case OPTION_SECRET:
		return read_secret(&s, node, v);
	case OPTION_LIST:
		return read_list(&s, node, v);
	case OPTION_TYPE_N:
		break;
	}
	return false;
}

uint64_t
config_number(const struct config *c, enum option option)
{
	const struct option_row *row = &option_rows[option];
	uint64_t v = 0;

	if (c->values[option].set)
		return c->values[option].number;
	if (row->fallback != NULL)
		(void)span_to_u64(span_from_cstr(row->fallback), 0, UINT64_MAX, &v);
	return v;
}

bool
config_truth(const struct config *c, enum option option)
{
	const char *fallback = option_rows[option].fallback;

	return c->values[option].set ? c->values[option].truth
				     : fallback != NULL && strcmp(fallback, "true") == 0;
}

struct span
config_text(const struct config *c, enum option option)
{
	return c->values[option].set ? c->values[option].s
				     : span_from_cstr(option_rows[option].fallback);
}
