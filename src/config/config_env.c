/* The environment that is no secret, and the names of the variables that are. */
#include "config.h"

static struct span
find(struct span env, struct span name)
{
	while (env.len > 0) {
		struct span value = span_cut(&env, '\0');
		struct span key = span_cut(&value, '=');

		if (span_eq(key, name))
			return value;
	}
	return SPAN_EMPTY;
}

bool
config_env_get(const struct config *c, struct span name, struct span *out)
{
	struct span v = find(c->in->env, name);

	if (v.len == 0)
		return false;
	*out = v;
	return true;
}

bool
config_env_is_secret_set(const struct config *c, struct span name)
{
	struct span names = find(c->in->env, SPAN("MOLTBOT_SECRET_NAMES"));

	while (names.len > 0) {
		if (span_eq(span_cut(&names, ','), name))
			return true;
	}
	return false;
}

bool
config_env_has_prefix(const struct config *c, struct span prefix)
{
	struct span env = c->in->env;

	while (env.len > 0) {
		if (span_starts_with(span_cut(&env, '\0'), prefix))
			return true;
	}
	return false;
}

static struct span
ours(struct config *c, size_t era, const char *name)
{
	struct buf b = {.max = 128};
	struct span s;

	buf_put_cstr(&b, option_eras[era]);
	buf_put_cstr(&b, name);
	s = config_copy(c, buf_span(&b));
	buf_clear(&b);
	return s;
}

bool
config_env_get_ours(struct config *c, const char *name, struct span *found, struct span *out)
{
	for (size_t era = 0; era < OPTION_ERAS; era++) {
		*found = ours(c, era, name);
		if (config_env_get(c, *found, out))
			return true;
	}
	return false;
}

bool
config_env_is_secret_ours(struct config *c, const char *name, struct span *found)
{
	for (size_t era = 0; era < OPTION_ERAS; era++) {
		*found = ours(c, era, name);
		if (config_env_is_secret_set(c, *found))
			return true;
	}
	return false;
}
