/* Values of the configuration that make the assistant weaker, here or elsewhere. */
#include "checks/subjects.h"

#include <stdio.h>

#include "text/text_secret.h"

void
check_valid(struct checks *c, struct check_result *r)
{
	const struct json_node *first = json_first(cli_get(c->config, "mistakes"));

	if (c->config == NULL)
		check_fail(c, r, NULL, "%s", c->no_config);
	else if (first != NULL)
		check_fail_as(c, r, NULL, c->gateway.client != NULL ? CHECK_WARN : CHECK_CRITICAL,
			NULL, "with it the gateway does not start%s: %s",
			c->gateway.client != NULL ? " again" : "", cli_safe(first->v.text));
	else if (cli_get_bool(c->config, "absent", false))
		check_pass(c, r, "there is no file: the safe defaults hold");
	else
		check_pass(c, r, "%s has no mistake", c->cli->paths.config);
}

static bool
holds_star(const struct json_node *value)
{
	const struct json_node *v = cli_get(value, "value");

	if (v == NULL)
		return false;
	if (v->kind == JSON_STRING)
		return span_find_byte(v->v.text, '*') >= 0;
	for (const struct json_node *n = json_first(v); n != NULL; n = n->next) {
		if (n->kind == JSON_STRING && span_find_byte(n->v.text, '*') >= 0)
			return true;
	}
	return false;
}

void
check_allowlists(struct checks *c, struct check_result *r)
{
	static const char *const lists[] = {"gateway.allowedHosts", "gateway.allowedOrigins",
		"gateway.controlUi.allowedOrigins", "gateway.trustedProxies", "tools.allow",
		"tools.alsoAllow", "agents.list.[].tools.allow", "commands.ownerAllowFrom"};
	const struct json_node *v;

	if (check_is_unread(c, r))
		return;
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		for (v = NULL; (v = check_value_next(c, lists[i], v)) != NULL;) {
			if (holds_star(v))
				check_fail(c, r,
					check_config_mend(
						c, v, NULL, "or exact names in place of wildcards"),
					"%s: %s has a wildcard", check_place(c, v), lists[i]);
		}
	}
	for (v = NULL; (v = check_value_next(c, "gateway.allowedOrigins", v)) != NULL;) {
		for (const struct json_node *n = json_first(cli_get(v, "value")); n != NULL;
			n = n->next) {
			if (n->kind == JSON_STRING && span_starts_with(n->v.text, SPAN("http://")))
				check_fail(c, r,
					check_config_mend(c, v, NULL, "or origins with https://"),
					"%s: gateway.allowedOrigins lets pages in that came "
					"without TLS: %s",
					check_place(c, v), cli_safe(n->v.text));
		}
	}
	check_pass(c, r, "no list of names has a wildcard");
}

/* ---- keys that this program ignores, but that were written to weaken something ---- */

enum wrong { IS_TRUE, IS_FALSE, IS_WORD, HAS_STAR, IS_SET };

static const struct {
	const char *path;
	enum wrong wrong;
	const char *word;
	const char *id; /* of the original program; NULL: it has none */
	const char *what;
} dangers[] = {
	{"gateway.tailscale.mode", IS_WORD, "funnel", "gateway.tailscale_funnel",
		"puts the gateway on the internet"},
	{"gateway.controlUi.dangerouslyDisableDeviceAuth", IS_TRUE, NULL,
		"gateway.control_ui.device_auth_disabled", "lets browsers in without a device"},
	{"logging.redactSensitive", IS_WORD, "off", "logging.redact_off",
		"writes secrets into logs"},
	{"tools.elevated.allowFrom.*", HAS_STAR, NULL, "tools.elevated.allowFrom.wildcard",
		"gives everybody the machine"},
	{"hooks.path", IS_WORD, "/", "hooks.path_root", "makes every path a webhook"},
	{"plugins.enabled", IS_TRUE, NULL, "plugins.extensions_no_allowlist",
		"loads strangers' code into the gateway"},
	{"hooks.gmail.allowUnsafeExternalContent", IS_TRUE, NULL, NULL,
		"gives mail to the model as if the owner had written it"},
	{"hooks.mappings.[].allowUnsafeExternalContent", IS_TRUE, NULL, NULL,
		"gives webhooks to the model as if the owner had written them"},
	{"browser.noSandbox", IS_TRUE, NULL, NULL, "takes the browser's own sandbox away"},
	{"agents.defaults.sandbox.docker.binds", IS_SET, NULL, NULL,
		"shows folders of the machine to tools"},
	{"commands.useAccessGroups", IS_FALSE, NULL,
		"channels.slack.commands.slash.useAccessGroups_off",
		"lets everybody give commands"},
};

static bool
is_wrong(const struct json_node *value, size_t row)
{
	switch (dangers[row].wrong) {
	case IS_TRUE:
		return cli_get_bool(value, "value", false);
	case IS_FALSE:
		return !cli_get_bool(value, "value", true);
	case IS_WORD:
		return span_eq_nocase(
			cli_get_str(value, "value"), span_from_cstr(dangers[row].word));
	case HAS_STAR:
		return holds_star(value);
	case IS_SET:
		return true;
	}
	return true;
}

void
check_ignored(struct checks *c, struct check_result *r)
{
	if (check_is_unread(c, r))
		return;
	for (size_t i = 0; i < sizeof(dangers) / sizeof(dangers[0]); i++) {
		for (const struct json_node *v = NULL;
			(v = check_value_next(c, dangers[i].path, v)) != NULL;) {
			if (is_wrong(v, i))
				check_fail_as(c, r, dangers[i].id, CHECK_WARN,
					check_config_mend(c, v, NULL, ""),
					"%s: %s %s; it has no effect here", check_place(c, v),
					cli_safe(cli_get_str(v, "path")), dangers[i].what);
		}
	}
	check_pass(c, r, "no such key is set");
}

/* ---- models ---- */

static const char *
model_weakness(struct span model, const char **id)
{
	static const struct {
		struct span part;
		const char *id;
		const char *what;
	} rows[] = {
		{SPAN("gpt-3.5"), "models.legacy", "is old"},
		{SPAN("gpt-4-0314"), "models.legacy", "is old"},
		{SPAN("gpt-4-0613"), "models.legacy", "is old"},
		{SPAN("claude-2"), "models.legacy", "is old"},
		{SPAN("claude-instant"), "models.legacy", "is old"},
		{SPAN("haiku"), "models.weak_tier", "is the smallest of its family"},
		{SPAN("-mini"), "models.weak_tier", "is a small one of its family"},
		{SPAN("-nano"), "models.weak_tier", "is the smallest of its family"},
		{SPAN("1b"), "models.small_params", "is small"},
		{SPAN("3b"), "models.small_params", "is small"},
		{SPAN("7b"), "models.small_params", "is small"},
		{SPAN("8b"), "models.small_params", "is small"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (span_find(model, rows[i].part) < 0)
			continue;
		*id = rows[i].id;
		return rows[i].what;
	}
	return NULL;
}

void
check_models(struct checks *c, struct check_result *r)
{
	static const char *const paths[] = {
		"agents.defaults.model", "agents.defaults.model.primary"};

	if (check_is_unread(c, r))
		return;
	for (size_t i = 0; i < 2; i++) {
		struct span model = check_value_text(c, paths[i]);
		const char *id = NULL;
		const char *what = model_weakness(model, &id);

		if (what != NULL)
			check_fail_as(c, r, id, CHECK_INFO, NULL,
				"%s %s: it follows what strangers write more easily",
				cli_safe(model), what);
		else if (model.len > 0)
			check_pass(c, r, "%s", cli_safe(model));
	}
	check_pass(c, r, "no model is named: the built-in assistant follows nobody but you");
}

/* ---- sandbox, sessions ---- */

void
check_cell_options(struct checks *c, struct check_result *r)
{
	const struct json_node *v;

	if (check_is_unread(c, r))
		return;
	v = check_value_next(c, "agents.defaults.sandbox.docker.network", NULL);
	if (v != NULL && !span_eq(cli_get_str(v, "value"), SPAN("none")))
		check_fail(c, r, NULL, "%s: asks for cells with a network", check_place(c, v));
	v = check_value_next(c, "agents.defaults.sandbox.docker.readOnlyRoot", NULL);
	if (v != NULL && !cli_get_bool(v, "value", false))
		check_fail(
			c, r, NULL, "%s: asks for cells with a writable root", check_place(c, v));
	v = check_value_next(c, "agents.defaults.sandbox.docker.capDrop", NULL);
	if (v != NULL) {
		const struct json_node *first = json_first(cli_get(v, "value"));

		if (first == NULL || !span_eq_nocase(first->v.text, SPAN("ALL")))
			check_fail(c, r, NULL, "%s: asks for cells with capabilities",
				check_place(c, v));
	}
	check_pass(c, r, "cells have no network, no capability and a read-only root");
}

void
check_sandboxing(struct checks *c, struct check_result *r)
{
	static const char *const off = "moltbot config unset agents.defaults.sandbox";
	const struct json_node *v;

	if (check_is_unread(c, r))
		return;
	v = check_value_next(c, "agents.defaults.sandbox.enabled", NULL);
	if (v != NULL && !cli_get_bool(v, "value", false))
		check_fail_as(c, r, NULL, CHECK_WARN, off,
			"%s: asks for tools without a sandbox; they have it all the same",
			check_place(c, v));
	v = check_value_next(c, "agents.defaults.sandbox.mode", NULL);
	if (v != NULL && !span_eq(cli_get_str(v, "value"), SPAN("all")))
		check_fail_as(c, r, NULL, CHECK_WARN, off,
			"%s: asks for tools without a sandbox in some sessions; they have it all "
			"the same",
			check_place(c, v));
	check_pass(c, r, "every tool call of every session has a cell of its own");
}

void
check_min_tier(struct checks *c, struct check_result *r)
{
	const struct json_node *v = check_value_next(c, "agents.defaults.sandbox.minTier", NULL);
	struct span tier = check_value_text(c, "agents.defaults.sandbox.minTier");

	if (check_is_unread(c, r))
		return;
	if (v != NULL && (span_eq(tier, SPAN("none")) || span_eq(tier, SPAN("landlock"))))
		check_fail(c, r, NULL, "%s: programs may run in the tier %s", check_place(c, v),
			cli_safe(tier));
	else
		check_pass(c, r, "agents.defaults.sandbox.minTier is %s",
			v == NULL ? "landlock+uid" : cli_safe(tier));
}

void
check_persist(struct checks *c, struct check_result *r)
{
	const struct json_node *v = check_value_next(c, "session.persist", NULL);

	if (check_is_unread(c, r))
		return;
	if (v != NULL && !cli_get_bool(v, "value", true))
		check_pass(c, r, "%s: what is said is kept in memory only", check_place(c, v));
	else
		check_fail(c, r, NULL,
			"session.persist is not false: what is said is kept in the database");
}

void
check_dm_scope(struct checks *c, struct check_result *r)
{
	struct span scope = check_value_text(c, "session.scope");
	const struct json_node *channel;

	if (check_is_unread(c, r))
		return;
	channel = check_value_next(c, "channels.**", NULL);
	if (span_eq(scope, SPAN("global")))
		check_fail_as(c, r, NULL, CHECK_WARN, "moltbot config set session.scope per-sender",
			"%s: session.scope is global: everybody shares one session",
			check_place(c, check_value_next(c, "session.scope", NULL)));
	if (channel != NULL &&
		(check_value_text(c, "session.dmScope").len == 0 ||
			span_eq(check_value_text(c, "session.dmScope"), SPAN("main"))))
		check_fail_as(c, r, "channels.dm.scope_main_multiuser", CHECK_WARN, NULL,
			"%s: a channel is configured, and session.dmScope is main: all who write "
			"share one session",
			check_place(c, channel));
	check_pass(c, r, "nobody but the owner can write");
}

void
check_reset(struct checks *c, struct check_result *r)
{
	struct span mode = check_value_text(c, "session.reset.mode");

	if (check_is_unread(c, r))
		return;
	if (mode.len == 0 && check_value_next(c, "session.reset.idleMinutes", NULL) == NULL)
		check_fail(c, r, NULL, "session.reset is not set: a session grows until /new");
	else
		check_pass(
			c, r, "session.reset is set%s%s", mode.len > 0 ? ": " : "", cli_safe(mode));
}
