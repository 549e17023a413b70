/* From text to slices, step by step; mistakes of all steps are collected. */
#include "config.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"

struct span
config_copy(struct config *c, struct span s)
{
	struct span copy = arena_copy(&c->arena, s);

	return copy.ptr == NULL ? SPAN("") : copy;
}

/* The line in which the limit is passed, so that the place can be found in an editor. */
static void
too_big(struct config *c)
{
	uint32_t line = 1;

	for (size_t i = 0; i < CONFIG_FILE_MAX; i++)
		line += c->in->text.ptr[i] == '\n';
	config_mistake(c, (struct json_pos){.line = line, .col = 1},
		"the file is longer than %u bytes", CONFIG_FILE_MAX);
}

static void
parse(struct config *c)
{
	const struct json_opts opts = {.mode = JSON_JSON5};
	struct span text = c->in->text;
	struct json_error err;

	if (c->in->absent)
		return;
	if (text.len > CONFIG_FILE_MAX) {
		too_big(c);
		return;
	}
	if (span_trim(text).len == 0) {
		config_mistake(c, (struct json_pos){.line = 1, .col = 1},
			"the file is empty; write {} for the defaults, or remove it");
		return;
	}
	if (json_parse(&c->arena, text, &opts, &c->root, &err) < 0)
		config_mistake(c, err.at, "%s", err.msg);
}

/* The words stand in the order of enum reload_mode. */
static void
reload(struct config *c)
{
	struct span words = span_from_cstr(option_rows[OPT_RELOAD_MODE].values);
	struct span mode = config_text(c, OPT_RELOAD_MODE);

	for (uint64_t i = 0; words.len > 0; i++) {
		if (span_eq(span_cut(&words, ' '), mode))
			c->numbers[VALUE_RELOAD_MODE] = i;
	}
	c->numbers[VALUE_RELOAD_MS] = config_number(c, OPT_RELOAD_DEBOUNCE);
	c->number_set[VALUE_RELOAD_MODE] = c->number_set[VALUE_RELOAD_MS] = true;
}

static void
levels(struct config *c)
{
	static const struct {
		struct span name;
		uint64_t level;
	} rows[] = {
		{SPAN("silent"), LOG_ERROR},
		{SPAN("fatal"), LOG_ERROR},
		{SPAN("error"), LOG_ERROR},
		{SPAN("warn"), LOG_WARN},
		{SPAN("info"), LOG_INFO},
		{SPAN("debug"), LOG_DEBUG},
		{SPAN("trace"), LOG_DEBUG},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (span_eq(config_text(c, OPT_LOG_LEVEL), rows[i].name)) {
			c->numbers[VALUE_LOG_LEVEL] = rows[i].level;
			c->number_set[VALUE_LOG_LEVEL] = true;
		}
	}
	if (c->values[OPT_GATEWAY_UID_BASE].set) {
		c->numbers[VALUE_UID_BASE] = c->values[OPT_GATEWAY_UID_BASE].number;
		c->number_set[VALUE_UID_BASE] = true;
	}
	reload(c);
	c->numbers[VALUE_AGENTS] = 1;
	c->number_set[VALUE_AGENTS] = true;
}

static void
not_honoured(struct config *c)
{
	if (c->values[OPT_AGENT_WORKSPACE].set)
		config_warn(c, c->values[OPT_AGENT_WORKSPACE].at,
			"agents.defaults.workspace: ignored; MOLTBOT_WORKSPACE_DIR chooses the "
			"folder");
}

int
config_translate(struct config *c, const struct config_input *in)
{
	*c = (struct config){.in = in};
	arena_init(&c->arena, CONFIG_ARENA_MAX);
	c->notes = mem_alloc(CONFIG_NOTES_MAX, sizeof(c->notes[0]));
	parse(c);
	if (c->mistakes > 0)
		return ERR_SYNTAX;
	config_include(c);
	if (c->mistakes > 0)
		return ERR_SYNTAX;
	if (c->wants_files)
		return ERR_AGAIN;
	config_walk(c);
	config_gateway(c);
	config_models(c);
	config_tools(c);
	config_sandbox(c);
	config_assistant(c);
	levels(c);
	not_honoured(c);
	if (c->mistakes == 0)
		config_slices(c);
	return c->mistakes == 0 ? 0 : ERR_SYNTAX;
}

void
config_clear(struct config *c)
{
	for (unsigned k = 0; k < KIND_N; k++)
		buf_clear(&c->slices[k]);
	free(c->notes);
	arena_clear(&c->arena);
}
