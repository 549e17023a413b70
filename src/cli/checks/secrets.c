/* Credentials: how good they are, and where they lie. */
#include "checks/subjects.h"

#include <stdio.h>
#include <unistd.h>

#include "proto/options.h"
#include "text/text_secret.h"

#define KEY_LEAST 32 /* characters of an API key */
#define KEY_BITS 100
#define TOKEN_LEAST 24 /* of the gateway's token (the original: the same) */
#define TOKEN_BITS 80
#define PASSWORD_LEAST 16
#define PASSWORD_BITS 50

static const char *
why_weak(struct checks *c, size_t bytes, unsigned bits, size_t least, unsigned least_bits)
{
	if (bytes < least)
		return check_text(c, "has %zu characters, fewer than %zu", bytes, least);
	if (bits == 0)
		return "is a word that is guessed first";
	return bits < least_bits ? "repeats itself: it can be guessed" : NULL;
}

/* A value of the configuration that is a secret: judges it, by its variable when it is a reference. */
static void
judge(struct checks *c, struct check_result *r, const struct json_node *v, size_t least,
	unsigned least_bits, const char *short_id)
{
	struct span name = cli_get_str(v, "variable");
	struct span known = check_var(c, name);
	const char *where = name.len > 0 ? check_text(c, "%s", cli_safe(name)) : check_place(c, v);
	const char *weak;

	if (name.len > 0 && known.len == 0) {
		check_unknown(c, r, "%s is in neither this environment nor .env", where);
		return;
	}
	weak = name.len > 0 ? why_weak(c, known.len, text_secret_bits(known), least, least_bits)
			    : why_weak(c, cli_get_u64(v, "bytes", 0),
				      (unsigned)cli_get_u64(v, "bits", 0), least, least_bits);
	if (weak != NULL)
		check_fail_as(c, r, short_id, r->row->severity, NULL, "%s %s", where, weak);
	else
		check_pass(c, r, "%s is long and varied", where);
}

void
check_keys(struct checks *c, struct check_result *r)
{
	const struct json_node *v = NULL;
	size_t n = 0;

	if (check_is_unread(c, r))
		return;
	while ((v = check_value_next(c, "models.providers.*.apiKey", v)) != NULL) {
		judge(c, r, v, KEY_LEAST, KEY_BITS, NULL);
		n++;
	}
	for (size_t i = 0; i < c->nvars; i++) {
		const char *weak = why_weak(c, c->vars[i].value.len,
			text_secret_bits(c->vars[i].value), KEY_LEAST, KEY_BITS);

		if (!span_ends_with(c->vars[i].name, SPAN("_API_KEY")))
			continue;
		n++;
		if (weak != NULL)
			check_fail(c, r,
				check_text(c, "vi %s  # a new %s from its provider",
					check_quoted(c, check_state_path(c, ".env")),
					cli_safe(c->vars[i].name)),
				"%s %s", cli_safe(c->vars[i].name), weak);
	}
	check_pass(c, r, n == 0 ? "no API key is set" : "%zu API keys are long and varied", n);
}

void
check_setup(struct checks *c, struct check_result *r)
{
	struct span value = check_var(c, SPAN("SETUP_PASSWORD"));
	const char *weak =
		why_weak(c, value.len, text_secret_bits(value), PASSWORD_LEAST, PASSWORD_BITS);

	if (value.len == 0) {
		check_pass(c, r, "SETUP_PASSWORD is not set, and nothing in this version uses it");
		return;
	}
	if (weak != NULL)
		check_fail(c, r, NULL, "SETUP_PASSWORD %s", weak);
	for (size_t i = 0; i < c->nvars; i++) {
		if (span_eq(c->vars[i].value, value) &&
			!span_eq(c->vars[i].name, SPAN("SETUP_PASSWORD")))
			check_fail(c, r, NULL, "SETUP_PASSWORD is the same as %s",
				cli_safe(c->vars[i].name));
	}
	check_unknown(c, r, "it is long; whether it is used elsewhere is known to you alone");
}

/* What stands for the token when the configuration names none. */
static bool
token_of_variable(struct checks *c, struct check_result *r)
{
	for (size_t i = 0; i < OPTION_ERAS; i++) {
		const char *name = check_text(c, "%sGATEWAY_TOKEN", option_eras[i]);
		struct span value = check_var(c, span_from_cstr(name));
		const char *weak =
			why_weak(c, value.len, text_secret_bits(value), TOKEN_LEAST, TOKEN_BITS);

		if (value.len == 0)
			continue;
		if (weak != NULL)
			check_fail_as(c, r, "gateway.token_too_short", r->row->severity, NULL,
				"%s %s", name, weak);
		else
			check_pass(c, r, "%s is long and varied", name);
		return true;
	}
	return false;
}

void
check_token(struct checks *c, struct check_result *r)
{
	const struct json_node *v = check_value_next(c, "gateway.auth.token", NULL);
	const char *what = c->by_password ? "password" : "token";
	const char *weak;

	if (c->token.len > 0) {
		weak = why_weak(
			c, c->token.len, text_secret_bits(c->token), TOKEN_LEAST, TOKEN_BITS);
		if (weak != NULL)
			check_fail_as(c, r, "gateway.token_too_short", r->row->severity, NULL,
				"the running gateway's %s %s", what, weak);
		else
			check_pass(c, r, "the running gateway's %s is long and varied", what);
		return;
	}
	if (check_is_unread(c, r))
		return;
	if (cli_get_bool(c->config, "password", false))
		v = check_value_next(c, "gateway.auth.password", NULL);
	if (v != NULL)
		judge(c, r, v, TOKEN_LEAST, TOKEN_BITS, "gateway.token_too_short");
	else if (token_of_variable(c, r))
		return;
	else if (c->gateway.client == NULL)
		check_pass(c, r, "none is set: the gateway makes a random one");
	else
		check_unknown(c, r,
			"the running gateway may have been started with another one: "
			"moltbot security audit --deep asks it");
}

/* ---- where they lie ---- */

static const char *
original_id(struct span path)
{
	if (span_eq(path, SPAN("gateway.auth.password")))
		return "config.secrets.gateway_password_in_config";
	if (span_eq(path, SPAN("hooks.token")))
		return "config.secrets.hooks_token_in_config";
	return NULL;
}

static const char *
mend_literal(struct checks *c, const struct json_node *v)
{
	return check_config_mend(c, v, "${VARIABLE}",
		check_text(c, "with VARIABLE=... in %s, and a new value at its issuer",
			check_state_path(c, ".env")));
}

void
check_literals(struct checks *c, struct check_result *r)
{
	const struct json_node *v = NULL;

	if (check_is_unread(c, r))
		return;
	while ((v = check_value_next(c, "**", v)) != NULL) {
		struct span path = cli_get_str(v, "path");
		struct span shape = cli_get_str(v, "looksLike");

		if (!span_eq(cli_get_str(v, "secret"), SPAN("literal")))
			continue;
		check_fail_as(c, r, original_id(path), r->row->severity, mend_literal(c, v),
			"%s: %s holds a credential%s%s in clear text", check_place(c, v),
			cli_safe(path), shape.len > 0 ? ", " : "",
			shape.len > 0 ? cli_safe(shape) : "");
	}
	check_pass(c, r,
		cli_get_bool(c->config, "absent", false)
			? "there is no configuration file"
			: "no value is a credential or looks like one");
}

void
check_references(struct checks *c, struct check_result *r)
{
	const struct json_node *v = NULL;
	size_t n = 0;

	if (check_is_unread(c, r))
		return;
	while ((v = check_value_next(c, "**", v)) != NULL) {
		struct span secret = cli_get_str(v, "secret");
		struct span path = cli_get_str(v, "path");

		if (secret.len == 0 || cli_get_bool(v, "ignored", true))
			continue;
		n++;
		if (!span_eq(secret, SPAN("reference")))
			check_fail(c, r, mend_literal(c, v), "%s: %s is no ${VARIABLE}",
				check_place(c, v), cli_safe(path));
	}
	check_pass(c, r, "%zu secret options are set, all by reference", n);
}

void
check_environment(struct checks *c, struct check_result *r)
{
	const struct json_node *v = NULL;
	size_t from_file = 0;

	if (check_is_unread(c, r))
		return;
	while ((v = check_value_next(c, "**", v)) != NULL) {
		if (span_eq(cli_get_str(v, "secret"), SPAN("literal")))
			check_fail(c, r, mend_literal(c, v), "%s: %s lies in the configuration",
				check_place(c, v), cli_safe(cli_get_str(v, "path")));
	}
	for (size_t i = 0; i < c->nvars; i++)
		from_file += !c->vars[i].in_environ;
	if (from_file > 0 && cli_get_bool(c->config, "railway", false))
		check_fail(c, r,
			check_text(c, "rm %s  # when they are in the project's variables",
				check_quoted(c, check_state_path(c, ".env"))),
			"%zu credentials lie in .env beside the platform's variables", from_file);
	check_pass(c, r, "%zu credentials in the environment, %zu in .env, none elsewhere",
		c->nvars - from_file, from_file);
}
