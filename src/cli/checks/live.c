/* What the running gateway says of itself. */
#include "checks/subjects.h"

#include <stdio.h>
#include <string.h>

#include "jail/jail.h"

void
check_unexpected(struct checks *c, struct check_result *r)
{
	const struct json_node *first = json_first(cli_get(c->sessions, "sessions"));
	struct buf names = {.max = 512};
	size_t n = 0;

	if (check_is_down(c, r))
		return;
	if (c->sessions == NULL) {
		check_unknown(c, r, "the gateway gives no list of sessions");
		return;
	}
	for (const struct json_node *s = first; s != NULL; s = s->next, n++) {
		if (n > 0 && n < 5)
			(void)buf_put_cstr(&names, ", ");
		if (n < 5)
			(void)buf_put_cstr(&names, cli_safe(cli_get_str(s, "key")));
	}
	if (n == 0)
		check_pass(c, r, "there is no session");
	else
		check_unknown(c, r, "whether you know them you alone can say: %.*s%s",
			(int)names.len, (const char *)names.ptr, n > 5 ? ", ..." : "");
	buf_clear(&names);
}

void
check_devices(struct checks *c, struct check_result *r)
{
	const struct json_node *pending = cli_get(c->devices, "pending");
	const struct json_node *paired = cli_get(c->devices, "paired");

	if (check_is_down(c, r))
		return;
	if (pending == NULL) {
		check_unknown(c, r, "the gateway gives no list of devices");
		return;
	}
	for (const struct json_node *d = json_first(pending); d != NULL; d = d->next)
		check_fail(c, r,
			check_text(c, "moltbot devices reject %s",
				cli_safe(cli_get_str(d, "requestId"))),
			"a device waits: %s, %s", cli_safe(cli_get_str(d, "displayName")),
			cli_safe(cli_get_str(d, "platform")));
	check_pass(c, r, "none waits; %u are paired", paired == NULL ? 0 : paired->n);
}

/* ---- the sandbox ---- */

static const char *
tier_now(struct checks *c, const char **why)
{
	static struct jail_caps caps;
	struct span tier = cli_get_str(c->gateway.status, "sandbox.tier");

	*why = check_text(c, "%s", cli_safe(cli_get_str(c->gateway.status, "sandbox.why")));
	if (tier.len > 0)
		return check_text(c, "%s", cli_safe(tier));
	(void)jail_probe(&caps, -1);
	*why = caps.why == NULL ? "" : caps.why;
	return jail_tier_name(caps.tier);
}

static bool
runs_programs(const struct checks *c)
{
	for (const struct json_node *t = json_first(cli_get(c->config, "tools")); t != NULL;
		t = t->next) {
		if (span_eq(t->v.text, SPAN("shell_exec")))
			return true;
	}
	return false;
}

void
check_tier(struct checks *c, struct check_result *r)
{
	const char *why;
	const char *tier = tier_now(c, &why);

	if (strcmp(tier, "full") == 0 || strcmp(tier, "userns") == 0)
		check_pass(c, r, "tier %s%s", tier,
			c->gateway.status == NULL ? " (tried on this machine; the gateway is down)"
						  : "");
	else if (strcmp(tier, "landlock+uid") == 0)
		check_fail_as(c, r, NULL, CHECK_WARN, NULL,
			"tier %s: programs see the machine's other processes%s%s", tier,
			why[0] != '\0' ? "; " : "", why);
	else if (strcmp(tier, "landlock") == 0 || strcmp(tier, "none") == 0)
		check_fail_as(c, r, NULL, CHECK_WARN, NULL,
			"tier %s: tools that execute are off%s%s", tier, why[0] != '\0' ? "; " : "",
			why);
	else
		check_unknown(c, r, "tier %s", tier);
}

void
check_proof(struct checks *c, struct check_result *r)
{
	struct span proof = cli_get_str(c->gateway.status, "sandbox.proof");

	if (check_is_down(c, r))
		return;
	if (span_eq(proof, SPAN("passed")))
		check_pass(c, r, "the self-proof at start has passed");
	else if (span_eq(proof, SPAN("failed")))
		check_fail(c, r, NULL, "the self-proof has failed; tools that execute are off");
	else
		check_unknown(c, r, "the self-proof: %s",
			proof.len > 0 ? cli_safe(proof) : "the gateway does not say");
}

void
check_tools(struct checks *c, struct check_result *r)
{
	const char *why;
	const char *tier = tier_now(c, &why);
	struct span least = check_value_text(c, "agents.defaults.sandbox.minTier");

	if (check_is_unread(c, r))
		return;
	if (!runs_programs(c)) {
		check_pass(c, r, "no tool that executes programs is on");
		return;
	}
	if (strcmp(tier, "none") == 0 || strcmp(tier, "landlock") == 0)
		check_fail(c, r, NULL, "shell_exec is on, and the tier is only %s", tier);
	else if (strcmp(tier, "landlock+uid") == 0 && !span_eq(least, SPAN("landlock+uid")) &&
		 least.len > 0)
		check_fail(c, r, NULL, "shell_exec is on in the tier %s, least %s", tier,
			cli_safe(least));
	else
		check_pass(c, r, "shell_exec is on, in the tier %s", tier);
}
