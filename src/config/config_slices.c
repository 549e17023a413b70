/* What each kind of process gets, and nothing more: flat names in an argument list a kind. */
#include "config.h"

#include <stdio.h>

#include "args/args.h"
#include "base/err.h"
#include "base/limits.h"
#include "proto/apis.h"

#define NAME_MAX_LEN 160

/* A list under construction: one a kind. */
struct slices {
	struct config *c;
	struct args_out out[KIND_N];
};

#define TO(kind) (1u << KIND_##kind)
#define TO_EDGES (TO(ANON) | TO(USER))
#define TO_NET (TO(DIAL) | TO(EGRESS) | TO(EGRESS_ZYGOTE))

static void
put_str(struct slices *s, uint32_t kinds, const char *name, struct span v)
{
	/* the list borrows names until it is done */
	const char *key = (const char *)config_copy(s->c, span_from_cstr(name)).ptr;

	for (unsigned k = 0; key != NULL && k < KIND_N; k++) {
		if ((kinds >> k & 1) != 0)
			args_out_str(&s->out[k], key, v);
	}
}

static void
put_u64(struct slices *s, uint32_t kinds, const char *name, uint64_t v)
{
	const char *key = (const char *)config_copy(s->c, span_from_cstr(name)).ptr;

	for (unsigned k = 0; key != NULL && k < KIND_N; k++) {
		if ((kinds >> k & 1) != 0)
			args_out_u64(&s->out[k], key, v);
	}
}

static void
put_bool(struct slices *s, uint32_t kinds, const char *name, bool v)
{
	const char *key = (const char *)config_copy(s->c, span_from_cstr(name)).ptr;

	for (unsigned k = 0; key != NULL && k < KIND_N; k++) {
		if ((kinds >> k & 1) != 0)
			args_out_bool(&s->out[k], key, v);
	}
}

static void
put_list(struct slices *s, uint32_t kinds, const char *path, const struct config_setting *v)
{
	char name[NAME_MAX_LEN];

	for (size_t i = 0; i < v->n; i++) {
		snprintf(name, sizeof(name), "%s.%zu", path, i);
		put_str(s, kinds, name, v->items[i].s);
	}
}

/* Options that go to a process as they are. */
static void
put_rows(struct slices *s)
{
	for (unsigned i = 0; i < OPT_N; i++) {
		const struct option_row *row = &option_rows[i];
		const struct config_setting *v = &s->c->values[i];

		if (row->slices == 0 || (!v->set && row->fallback == NULL))
			continue;
		switch (row->type) {
		case OPTION_BOOL:
			put_bool(s, row->slices, row->path, config_truth(s->c, (enum option)i));
			break;
		case OPTION_INT:
		case OPTION_SIZE:
		case OPTION_DURATION:
			put_u64(s, row->slices, row->path, config_number(s->c, (enum option)i));
			break;
		case OPTION_STR:
		case OPTION_ENUM:
			put_str(s, row->slices, row->path, config_text(s->c, (enum option)i));
			break;
		case OPTION_LIST:
			put_list(s, row->slices, row->path, v);
			break;
		case OPTION_SECRET: /* never as it is */
		case OPTION_TYPE_N:
			break;
		}
	}
}

static void
put_gateway(struct slices *s)
{
	struct config *c = s->c;

	put_u64(s, TO_EDGES | TO(CORE), "gateway.port", c->port);
	put_str(s, TO_EDGES | TO(CORE), "gateway.bind",
		c->is_railway && !c->values[OPT_GATEWAY_BIND].set
			? SPAN("lan")
			: config_text(c, OPT_GATEWAY_BIND));
	put_bool(s, TO_EDGES, "gateway.behindTlsProxy", c->behind_tls);
	put_bool(s, TO(CORE), "gateway.tls", c->numbers[VALUE_TLS] != TLS_OFF);
	if (c->domain.len > 0)
		put_str(s, TO_EDGES, "gateway.publicDomain", c->domain);
	put_str(s, TO_EDGES | TO(VAULT) | TO(CORE), "auth.mode",
		c->is_password ? SPAN("password") : SPAN("token"));
	put_u64(s, TO_EDGES, "control.uid", c->in->owner_uid);
	put_str(s, TO_EDGES | TO(CORE), "version", SPAN(MOLTBOT_VERSION));
	if (c->in->host.len > 0)
		put_str(s, TO(USER) | TO(CORE), "gateway.host", c->in->host);
}

/* secret.<name>.source: "env:NAME" or "literal". Without one vault has, or makes, its own. */
static void
put_secret(struct slices *s, struct span secret, const struct config_setting *v)
{
	char name[NAME_MAX_LEN];
	struct buf source = {.max = 4096};

	snprintf(name, sizeof(name), "secret.%.*s.source", CONFIG_S(secret));
	buf_put_cstr(&source, v->is_secret_env ? "env:" : "literal");
	if (v->is_secret_env)
		buf_put(&source, v->s);
	put_str(s, TO(VAULT), name, buf_span(&source));
	buf_clear(&source);
	if (v->is_secret_env)
		return;
	snprintf(name, sizeof(name), "secret.%.*s.literal", CONFIG_S(secret));
	put_str(s, TO(VAULT), name, v->s);
}

static void
put_own_secret(struct slices *s, enum option option, const char *variable, struct span secret)
{
	struct config_setting v = s->c->values[option];

	if (!v.set)
		v.set = v.is_secret_env = config_env_is_secret_ours(s->c, variable, &v.s);
	if (v.set)
		put_secret(s, secret, &v);
}

static void
put_row_str(struct slices *s, uint32_t kinds, const char *what, struct span row, const char *field,
	struct span v)
{
	char name[NAME_MAX_LEN];

	snprintf(name, sizeof(name), "%s.%.*s.%s", what, CONFIG_S(row), field);
	put_str(s, kinds, name, v);
}

static void
put_row_u64(struct slices *s, uint32_t kinds, const char *what, struct span row, const char *field,
	uint64_t v)
{
	char name[NAME_MAX_LEN];

	snprintf(name, sizeof(name), "%s.%.*s.%s", what, CONFIG_S(row), field);
	put_u64(s, kinds, name, v);
}

/* The credential of a provider, bound to where the row goes. */
static void
put_provider_secret(struct slices *s, const struct config_provider *p, uint64_t row)
{
	put_secret(s, p->id, &p->key);
	put_row_u64(s, TO(VAULT), "secret", p->id, "row", row);
	put_row_str(s, TO(VAULT), "secret", p->id, "scheme", p->scheme);
	put_row_str(s, TO(VAULT), "secret", p->id, "host", p->host);
	put_row_u64(s, TO(VAULT), "secret", p->id, "port", p->port);
	put_row_str(
		s, TO(VAULT), "secret", p->id, "header", span_from_cstr(api_rows[p->api].header));
	put_row_str(
		s, TO(VAULT), "secret", p->id, "prefix", span_from_cstr(api_rows[p->api].prefix));
}

/*
 * Numbers of rows are those of this configuration; what they stand for goes along, so that processes that have read different
 * ones never mean different destinations by one number. FNV-1a of scheme, host, port, path, id and format; the owner wrote all of them.
 */
static uint64_t
tag_of(const struct config_provider *p)
{
	const struct span parts[] = {p->scheme, p->host, p->path, p->id};
	uint64_t h = (UINT64_C(0xcbf29ce484222325) ^ p->port ^ (uint64_t)p->api << 32) *
		     UINT64_C(0x100000001b3);

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		for (size_t k = 0; k < parts[i].len; k++)
			h = (h ^ parts[i].ptr[k]) * UINT64_C(0x100000001b3);
		h = (h ^ UINT8_MAX) * UINT64_C(0x100000001b3); /* no byte of UTF-8 */
	}
	return h;
}

static void
put_model(struct buf *b, struct span name)
{
	struct span left = buf_span(b);

	while (left.len > 0)
		if (span_eq(span_cut(&left, '\n'), name))
			return;
	if (b->len > 0)
		buf_put_cstr(b, "\n");
	buf_put(b, name);
}

/* Every model of this provider that the configuration names, a line each: nothing else may be asked of it. */
static void
put_provider_models(struct slices *s, const struct config_provider *p, uint64_t row, struct span n)
{
	struct buf b = {.max = CONFIG_FILE_MAX};

	if (s->c->chosen == row)
		put_model(&b, s->c->model);
	for (const struct config_hit *hit = s->c->hits; hit != NULL; hit = hit->next) {
		struct span model = hit->name;

		if (hit->option == OPT_PROVIDER_MODEL_ID && span_eq(hit->name, p->id))
			put_model(&b, hit->v.s);
		else if ((hit->option == OPT_AGENT_MODEL_ALIAS ||
				 hit->option == OPT_AGENT_MODEL_MAX_TOKENS) &&
			 span_eq(span_cut(&model, '/'), p->id) && model.len > 0)
			put_model(&b, model);
	}
	put_row_str(s, TO(EGRESS) | TO(EGRESS_ZYGOTE), "row", n, "models", buf_span(&b));
	buf_clear(&b);
}

static void
put_provider(struct slices *s, const struct config_provider *p, uint64_t row)
{
	char name[NAME_MAX_LEN];
	char digits[24];
	struct span n = span_of(
		digits, (size_t)snprintf(digits, sizeof(digits), "%llu", (unsigned long long)row));

	put_row_u64(s, TO_NET, "row", n, "tag", tag_of(p));
	put_row_str(s, TO_NET, "row", n, "name", p->id);
	put_row_str(s, TO_NET, "row", n, "scheme", p->scheme);
	put_row_str(s, TO_NET, "row", n, "host", p->host);
	put_row_u64(s, TO_NET, "row", n, "port", p->port);
	put_row_str(s, TO_NET, "row", n, "path", p->path);
	put_row_u64(s, TO_NET, "row", n, "api", p->api);
	if (p->organization.len > 0)
		put_row_str(s, TO_NET, "row", n, "organization", p->organization);
	put_row_u64(s, TO_NET, "row", n, "maxTokens", s->c->max_tokens);
	put_provider_models(s, p, row, n);
	snprintf(name, sizeof(name), "row.%llu.local", (unsigned long long)row);
	put_bool(s, TO_NET, name, p->local);
	if (p->key.set)
		put_provider_secret(s, p, row);
}

static void
put_models(struct slices *s)
{
	struct config *c = s->c;
	uint64_t mask = 0;

	for (size_t i = 0; i < c->nproviders; i++) {
		put_provider(s, &c->providers[i], i + 1);
		mask |= UINT64_C(1) << (i + 1);
	}
	put_u64(s, TO(GATE), "provider.rows", mask);
	put_u64(s, TO(CORE), "agent.provider",
		c->chosen == 0 ? PROVIDER_OFFLINE : c->providers[c->chosen - 1].api);
	put_str(s, TO(CORE), "provider.name",
		c->chosen == 0 ? SPAN("offline") : c->providers[c->chosen - 1].id);
	put_u64(s, TO(CORE), "provider.row", c->chosen);
	if (c->chosen != 0)
		put_u64(s, TO(CORE), "provider.tag", tag_of(&c->providers[c->chosen - 1]));
	put_str(s, TO(CORE), "agent.model", c->chosen == 0 ? SPAN("offline") : c->model);
	put_u64(s, TO(CORE), "agent.max_tokens", c->max_tokens);
	put_str(s, TO(CORE), "agent.name", SPAN("main"));
	if (c->values[OPT_UI_NAME].set)
		put_str(s, TO(CORE), "assistant.name", config_text(c, OPT_UI_NAME));
	put_str(s, TO(CORE), "assistant.avatar", c->avatar);
	if (c->picture.len > 0)
		put_str(s, TO(SANDBOX), "assistant.picture", c->picture);
}

static void
put_runs(struct slices *s)
{
	struct config *c = s->c;
	uint64_t at_once = config_number(c, OPT_AGENT_CONCURRENT);
	struct span state;

	if (at_once > RUNS_CONCURRENT_MAX) {
		config_warn(c, c->values[OPT_AGENT_CONCURRENT].at,
			"agents.defaults.maxConcurrent: at most %u runs at once",
			RUNS_CONCURRENT_MAX);
		at_once = RUNS_CONCURRENT_MAX;
	}
	put_u64(s, TO(CORE), "run.wall_ms", config_number(c, OPT_AGENT_TIMEOUT) * 1000);
	put_u64(s, TO(CORE), "runs.concurrent", at_once);
	put_u64(s, TO(GATE), "run.tool_calls", config_number(c, OPT_RUN_TOOLS));
	put_u64(s, TO(GATE), "run.model_calls", config_number(c, OPT_RUN_MODELS));
	if (c->values[OPT_RUN_TOKENS].set)
		put_u64(s, TO(GATE), "run.tokens", config_number(c, OPT_RUN_TOKENS));
	put_u64(s, TO(GATE), "tools.allow_mask", c->allow_mask);
	put_u64(s, TO(GATE), "tools.deny_mask", c->deny_mask);
	put_u64(s, TO(CORE) | TO(SANDBOX), "tools.allow_mask", c->allow_mask & ~c->deny_mask);
	put_u64(s, TO(CORE), "tools.http_mask", c->http_mask & c->allow_mask & ~c->deny_mask);
	put_str(s, TO(CORE), "config.path", c->in->path);
	if (config_env_get(c, SPAN("MOLTBOT_STATE_DIR"), &state))
		put_str(s, TO(CORE), "state.dir", state);
}

static void
put_limit(struct slices *s, const char *name, enum option option, uint64_t unit)
{
	if (s->c->values[option].set)
		put_u64(s, TO(SANDBOX), name, s->c->values[option].number / unit);
}

/* The same limit under Docker's name can only lower it. */
static void
put_docker_limit(struct slices *s, const char *name, enum option own, enum option docker)
{
	const struct config_setting *v = &s->c->values[docker];

	if (!s->c->values[own].set && v->set && v->number >= option_rows[own].min &&
		v->number <= option_rows[own].max)
		put_u64(s, TO(SANDBOX), name, v->number);
	else if (!s->c->values[own].set && v->set && v->number != 0 &&
		 v->number < option_rows[own].min)
		put_u64(s, TO(SANDBOX), name, option_rows[own].min);
}

static void
put_cells(struct slices *s)
{
	put_limit(s, "cell.wall_ms", OPT_CELL_WALL, 1);
	put_limit(s, "cell.cpu_s", OPT_CELL_CPU, 1000);
	put_limit(s, "cell.mem", OPT_CELL_MEM, 1);
	put_limit(s, "cell.pids", OPT_CELL_PIDS, 1);
	put_limit(s, "cell.output", OPT_CELL_OUTPUT, 1);
	put_limit(s, "cell.file", OPT_CELL_FILE, 1);
	put_docker_limit(s, "cell.mem", OPT_CELL_MEM, OPT_BOX_MEM);
	put_docker_limit(s, "cell.pids", OPT_CELL_PIDS, OPT_BOX_PIDS);
	put_u64(s, TO(SANDBOX), "tier.min", s->c->numbers[VALUE_TIER_MIN]);
}

void
config_slices(struct config *c)
{
	struct slices s = {.c = c};

	for (unsigned k = 0; k < KIND_N; k++) {
		c->slices[k] = (struct buf){.max = CONFIG_FILE_MAX};
		args_out_init(&s.out[k], &c->slices[k], false);
	}
	put_gateway(&s);
	put_rows(&s);
	put_own_secret(&s, OPT_GATEWAY_AUTH_TOKEN, "GATEWAY_TOKEN", SPAN("gateway-token"));
	put_own_secret(&s, OPT_GATEWAY_AUTH_PASSWORD, "GATEWAY_PASSWORD", SPAN("gateway-password"));
	put_models(&s);
	put_runs(&s);
	put_cells(&s);
	for (unsigned k = 0; k < KIND_N; k++) {
		if (args_out_done(&s.out[k]) < 0)
			config_mistake(c, (struct json_pos){0},
				"the configuration is too large for %s", kind_name(k));
	}
}
