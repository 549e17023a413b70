/* What the configuration says of channels, which are not there yet: mistakes made now would count later. */
#include "checks/subjects.h"

#include <stdio.h>

static bool
holds(const struct json_node *value, struct span word)
{
	const struct json_node *v = cli_get(value, "value");

	if (v != NULL && v->kind == JSON_STRING)
		return span_eq_nocase(v->v.text, word);
	for (const struct json_node *n = json_first(v); n != NULL; n = n->next) {
		if (n->kind == JSON_STRING && span_eq_nocase(n->v.text, word))
			return true;
	}
	return false;
}

static bool
ends_with(const struct json_node *value, const char *name)
{
	struct span path = cli_get_str(value, "path");
	struct span want = span_from_cstr(name);

	return span_ends_with(path, want) &&
	       (path.len == want.len || path.ptr[path.len - want.len - 1] == '.');
}

/* What lets nobody in who is not named: a list without names, a policy that asks for the list. */
static const char *
closed(struct checks *c, const struct json_node *v)
{
	const struct json_node *value = cli_get(v, "value");

	return value != NULL && value->kind == JSON_STRING && !span_eq(value->v.text, SPAN("*"))
		       ? check_config_mend(c, v, "allowlist", "")
		       : check_config_mend(c, v, "[]", "or the ids of those who may");
}

/* Every value below root whose last step is name and that has word: a finding. */
static void
refuse(struct checks *c, struct check_result *r, const char *root, const char *name,
	struct span word, const char *id, const char *what)
{
	const struct json_node *v = NULL;

	while ((v = check_value_next(c, root, v)) != NULL) {
		if (ends_with(v, name) && holds(v, word))
			check_fail_as(c, r, id, r->row->severity, closed(c, v), "%s: %s %s",
				check_place(c, v), cli_safe(cli_get_str(v, "path")), what);
	}
}

static bool
is_configured(const struct checks *c, const char *root)
{
	return check_value_next(c, root, NULL) != NULL;
}

static void
allow(struct checks *c, struct check_result *r, const char *root, const char *channel)
{
	if (check_is_unread(c, r))
		return;
	refuse(c, r, root, "allowFrom", SPAN("*"), NULL, "lets everybody write");
	refuse(c, r, root, "groupAllowFrom", SPAN("*"), NULL, "lets everybody in a group write");
	refuse(c, r, root, "dmPolicy", SPAN("open"), check_text(c, "channels.%s.dm.open", channel),
		"lets everybody write");
	refuse(c, r, root, "dm.policy", SPAN("open"), check_text(c, "channels.%s.dm.open", channel),
		"lets everybody write");
	refuse(c, r, root, "groupPolicy", SPAN("open"), NULL, "lets every group in");
	check_pass(c, r,
		is_configured(c, root) ? "no list has a wildcard, no policy is open"
				       : "it is not configured, and nobody is let in");
}

void
check_allow_from(struct checks *c, struct check_result *r)
{
	allow(c, r, "channels.**", "any");
}

static void
mention(struct checks *c, struct check_result *r, const char *root)
{
	const struct json_node *v = NULL;

	if (check_is_unread(c, r))
		return;
	while ((v = check_value_next(c, root, v)) != NULL) {
		if (ends_with(v, "requireMention") && !cli_get_bool(v, "value", true))
			check_fail(c, r, check_config_mend(c, v, "true", ""), "%s: %s is off",
				check_place(c, v), cli_safe(cli_get_str(v, "path")));
	}
	check_pass(c, r, "nothing switches it off, and no group is connected");
}

void
check_mention(struct checks *c, struct check_result *r)
{
	mention(c, r, "channels.**");
}

void
check_signal_allow(struct checks *c, struct check_result *r)
{
	allow(c, r, "channels.signal.**", "signal");
}

void
check_signal_mention(struct checks *c, struct check_result *r)
{
	mention(c, r, "channels.signal.**");
}

void
check_telegram_allow(struct checks *c, struct check_result *r)
{
	allow(c, r, "channels.telegram.**", "telegram");
}

void
check_whatsapp_allow(struct checks *c, struct check_result *r)
{
	allow(c, r, "channels.whatsapp.**", "whatsapp");
}

static void
secret(struct checks *c, struct check_result *r, const char *root, const char *name,
	const char *variable, const char *note)
{
	const struct json_node *v = NULL;
	size_t n = 0;

	if (check_is_unread(c, r))
		return;
	while ((v = check_value_next(c, root, v)) != NULL) {
		if (!ends_with(v, name))
			continue;
		n++;
		if (!span_eq(cli_get_str(v, "secret"), SPAN("reference")))
			check_fail(c, r, check_config_mend(c, v, variable, note),
				"%s: %s is written out", check_place(c, v),
				cli_safe(cli_get_str(v, "path")));
	}
	check_pass(c, r, n > 0 ? "it is a reference" : "none is set");
}

void
check_discord_token(struct checks *c, struct check_result *r)
{
	secret(c, r, "channels.discord.**", "token", "${DISCORD_BOT_TOKEN}",
		"and reset the token at Discord");
}

void
check_telegram_token(struct checks *c, struct check_result *r)
{
	secret(c, r, "channels.telegram.**", "botToken", "${TELEGRAM_BOT_TOKEN}",
		"and revoke the token at @BotFather");
}

/* Configured, but without the list that restricts it. */
static void
restricted(struct checks *c, struct check_result *r, const char *root, const char *list,
	const char *policy, const char *name)
{
	if (check_is_unread(c, r))
		return;
	if (!is_configured(c, root)) {
		check_pass(c, r, "it is not configured");
		return;
	}
	if (check_value_next(c, list, NULL) == NULL ||
		span_eq(check_value_text(c, policy), SPAN("open")))
		check_fail(c, r, NULL, "%s: %s is connected everywhere it is invited to",
			check_place(c, check_value_next(c, root, NULL)), name);
	else
		check_pass(c, r, "they are named");
}

void
check_discord_guilds(struct checks *c, struct check_result *r)
{
	restricted(c, r, "channels.discord.**", "channels.discord.guilds.**",
		"channels.discord.groupPolicy", "Discord");
}

void
check_slack_channels(struct checks *c, struct check_result *r)
{
	restricted(c, r, "channels.slack.**", "channels.slack.channels.**",
		"channels.slack.groupPolicy", "Slack");
}

void
check_telegram_webhook(struct checks *c, struct check_result *r)
{
	const struct json_node *v = check_value_next(c, "channels.telegram.webhookUrl", NULL);

	if (check_is_unread(c, r))
		return;
	if (v == NULL)
		check_pass(c, r, "no webhook is set");
	else if (!span_starts_with(
			 check_value_text(c, "channels.telegram.webhookUrl"), SPAN("https://")))
		check_fail(c, r, NULL, "%s: the webhook's address is not https", check_place(c, v));
	else
		check_pass(c, r, "it is https");
}

static bool
slack_has_webhook(const struct checks *c)
{
	return span_eq(check_value_text(c, "channels.slack.mode"), SPAN("http")) ||
	       check_value_next(c, "channels.slack.webhookPath", NULL) != NULL;
}

void
check_slack_socket(struct checks *c, struct check_result *r)
{
	if (check_is_unread(c, r))
		return;
	if (slack_has_webhook(c))
		check_fail(c, r, NULL, "channels.slack asks for webhooks");
	else
		check_pass(c, r,
			is_configured(c, "channels.slack.**") ? "no webhook is asked for"
							      : "it is not configured");
}

void
check_slack_signing(struct checks *c, struct check_result *r)
{
	if (check_is_unread(c, r))
		return;
	if (slack_has_webhook(c) &&
		check_value_next(c, "channels.slack.signingSecret", NULL) == NULL)
		check_fail(c, r, NULL, "channels.slack asks for webhooks without a signing secret");
	else
		check_pass(c, r, slack_has_webhook(c) ? "it is set" : "there is no webhook");
}
