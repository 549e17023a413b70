/* What the checks look at: the configuration as moltbot-config reads it, variables, and what the running gateway answers. */
#include "checks/checks.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/secret.h"
#include "cli_run.h"
#include "proto/options.h"
#include "text/text_secret.h"

#define CONFIG_TREE_MAX MIB(32u)
#define STEPS_MAX 32

const char *
check_state_path(struct checks *c, const char *name)
{
	return check_text(c, "%s/%s", c->cli->paths.state, name);
}

/* ---- variables ---- */

static void
add_var(struct checks *c, struct span name, struct span value, bool in_environ)
{
	if (value.len == 0 || c->nvars == CHECK_VARS_MAX || check_var(c, name).len > 0)
		return;
	c->vars[c->nvars++] = (struct check_var){
		arena_copy(&c->arena, name), arena_copy(&c->arena, value), in_environ};
}

static void
take_environ(struct checks *c)
{
	for (char **e = environ; *e != NULL; e++) {
		struct span value = span_from_cstr(*e);
		struct span name = span_cut(&value, '=');

		if (option_env_is_secret(name))
			add_var(c, name, value, true);
	}
}

static struct span
unquoted(struct span v)
{
	v = span_trim(v);
	if (v.len >= 2 && (v.ptr[0] == '"' || v.ptr[0] == '\'') && v.ptr[v.len - 1] == v.ptr[0])
		return span_sub(v, 1, v.len - 2);
	if (span_find(v, SPAN(" #")) >= 0)
		return span_trim(span_sub(v, 0, (size_t)span_find(v, SPAN(" #"))));
	return v;
}

/*
 * A line of <state>/.env. moltbot-config is run by us and must see what the gateway would see; of a secret it sees only that
 * there is one.
 */
static void
take_line(struct checks *c, struct span line)
{
	struct span name;
	char text[256];
	const char *now;
	char *value;

	line = span_trim(line);
	if (line.len == 0 || line.ptr[0] == '#')
		return;
	if (span_starts_with(line, SPAN("export ")))
		line = span_trim(span_sub(line, 7, SIZE_MAX));
	name = span_trim(span_cut(&line, '='));
	line = unquoted(line);
	if (name.len == 0 || span_to_cstr(name, text, sizeof(text)) < 0)
		return;
	now = getenv(text);
	if (now != NULL && span_trim(span_from_cstr(now)).len == 0)
		(void)unsetenv(text); /* empty is not set */
	if (option_env_is_secret(name)) {
		add_var(c, name, line, false);
		(void)setenv(text, line.len > 0 ? "set" : "", 0);
		return;
	}
	value = (char *)mem_copy(line);
	(void)setenv(text, value, 0);
	free(value);
}

static void
take_env_file(struct checks *c)
{
	const char *path = check_state_path(c, ".env");
	uint8_t *text = mem_alloc(1, ENV_FILE_MAX);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	ssize_t n = fd < 0 ? 0 : read(fd, text, ENV_FILE_MAX);
	struct span rest = span_of(text, n > 0 ? (size_t)n : 0);

	if (fd >= 0)
		close(fd);
	while (rest.len > 0)
		take_line(c, span_cut(&rest, '\n'));
	secret_wipe(text, ENV_FILE_MAX);
	free(text);
}

struct span
check_var(const struct checks *c, struct span name)
{
	for (size_t i = 0; i < c->nvars; i++) {
		if (span_eq(c->vars[i].name, name))
			return c->vars[i].value;
	}
	return SPAN_EMPTY;
}

struct span
check_env(const struct checks *c, const char *name)
{
	(void)c;
	return span_trim(span_from_cstr(getenv(name)));
}

/* ---- the configuration ---- */

static void
take_config(struct checks *c)
{
	struct buf out = {.max = MIB(8u)};
	struct json_node *root;
	int status = cli_run(c->cli, "moltbot-config",
		(const char *[]){"--values", c->cli->paths.config, NULL}, true, &out);

	arena_init(&c->config_arena, CONFIG_TREE_MAX);
	c->no_config = "moltbot-config could not read the configuration";
	if (status == 0 || status == 1) {
		if (json_parse(&c->config_arena, buf_span(&out), NULL, &root, NULL) == 0 &&
			cli_get_bool(root, "read", false))
			c->config = root;
		else
			c->no_config = "the configuration has mistakes and could not be read";
	}
	buf_clear(&out);
}

bool
check_is_unread(struct checks *c, struct check_result *r)
{
	if (c->config != NULL)
		return false;
	check_unknown(c, r, "%s: moltbot config validate", c->no_config);
	return true;
}

bool
check_is_down(struct checks *c, struct check_result *r)
{
	if (c->gateway.client != NULL && c->gateway.status != NULL)
		return false;
	check_unknown(c, r, "the gateway: %s",
		c->gateway.client == NULL ? c->gateway.why : "it gives no status");
	return true;
}

static bool
fits(struct span pattern, struct span path)
{
	while (pattern.ptr != NULL && pattern.len > 0) {
		struct span want = span_cut(&pattern, '.');
		struct span step;

		if (span_eq(want, SPAN("**")))
			return path.len > 0;
		if (path.len == 0)
			return false;
		step = span_cut(&path, '.');
		if (!span_eq(want, SPAN("*")) && !span_eq(want, step))
			return false;
	}
	return path.len == 0;
}

const struct json_node *
check_value_next(const struct checks *c, const char *pattern, const struct json_node *before)
{
	const struct json_node *n =
		before != NULL ? before->next : json_first(cli_get(c->config, "values"));

	while (n != NULL && !fits(span_from_cstr(pattern), cli_get_str(n, "path")))
		n = n->next;
	return n;
}

struct span
check_value_text(const struct checks *c, const char *path)
{
	const struct json_node *n = check_value_next(c, path, NULL);
	struct span text = cli_get_str(n, "value");
	struct span name = text_secret_reference(text);
	char key[256];

	if (name.len == 0)
		return text;
	return span_to_cstr(name, key, sizeof(key)) < 0 ? SPAN_EMPTY : check_env(c, key);
}

/* As one word of a shell, quoted where it must be. */
static const char *
word(struct checks *c, const char *text)
{
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

	return text[0] != '\0' && text[strspn(text, plain)] == '\0' ? text : check_quoted(c, text);
}

const char *
check_config_mend(struct checks *c, const struct json_node *v, const char *value, const char *note)
{
	struct span path = cli_get_str(v, "path");
	bool old = cli_get_bool(v, "oldName", false);
	int inside = span_find(path, SPAN("[]")) >= 0; /* an element of a list: no path names it */
	char text[512];

	if (inside || span_to_cstr(path, text, sizeof(text)) < 0)
		return check_text(c, "moltbot config edit  # %s: %s", cli_safe(path),
			note[0] != '\0' ? note
			: value != NULL ? value
					: "remove it");
	return check_text(c, "%smoltbot config %s %s%s%s%s%s",
		old ? "moltbot doctor --repair; " : "", value != NULL ? "set" : "unset",
		word(c, text), value != NULL ? " " : "", value != NULL ? word(c, value) : "",
		note[0] != '\0' ? "  # " : "", note);
}

const char *
check_place(struct checks *c, const struct json_node *value)
{
	struct span file = cli_get_str(value, "file");
	const char *path = c->cli->paths.config;

	return check_text(c, "%s:%llu:%llu", file.len > 0 ? cli_safe(file) : path,
		(unsigned long long)cli_get_u64(value, "line", 0),
		(unsigned long long)cli_get_u64(value, "col", 0));
}

/* ---- the gateway ---- */

static const struct json_node *
ask(struct checks *c, const char *method, struct span params)
{
	struct cli_frame frame;

	if (c->gateway.client == NULL ||
		cli_client_call_quiet(c->gateway.client, method, params, &frame) < 0)
		return NULL;
	return frame.ok ? frame.payload : NULL;
}

/* The gateway shows only what it made itself: a password is taken from where its owner keeps it. */
static void
take_password(struct checks *c)
{
	static const char *const names[] = {"MOLTBOT_GATEWAY_PASSWORD", "OPENCLAW_GATEWAY_PASSWORD",
		"CLAWDBOT_GATEWAY_PASSWORD"};
	const struct json_node *v = check_value_next(c, "gateway.auth.password", NULL);
	struct span text = cli_get_str(v, "value");
	struct span name = text_secret_reference(text);

	c->by_password = c->token.len == 0 && cli_get_bool(c->config, "password", false);
	if (!c->by_password)
		return;
	c->token = name.len > 0 ? check_var(c, name) : text;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && c->token.len == 0; i++)
		c->token = check_var(c, span_from_cstr(names[i]));
}

void
check_evidence_take(struct checks *c)
{
	take_environ(c);
	take_env_file(c);
	take_config(c);
	(void)cli_gateway_look(c->cli, &c->gateway);
	c->sessions = ask(c, "sessions.list", SPAN("{\"limit\":100}"));
	c->devices = ask(c, "device.pair.list", SPAN("{}"));
	/* Only for an audit that attacks: vault writes each use down. */
	if (!c->deep)
		return;
	c->token = cli_get_str(
		ask(c, "moltbot.secrets.show", SPAN("{\"name\":\"gateway-token\"}")), "value");
	take_password(c);
}

void
checks_close(struct checks *c)
{
	for (size_t i = 0; i < c->nvars; i++)
		secret_wipe((void *)(uintptr_t)c->vars[i].value.ptr, c->vars[i].value.len);
	check_deep_end(c);
	cli_client_close(c->gateway.client);
	arena_clear(&c->config_arena);
	arena_clear(&c->arena);
}
