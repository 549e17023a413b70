/* Services that models are asked from: destinations, credentials, and which one is chosen. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/weak.h"
#include "proto/apis.h"
#include "text/ident.h"
#include "text/text.h"
#include "url/url.h"

#define MAX_TOKENS_FALLBACK 4096

struct known {
	const char *id;
	const char *url;
	const char *variables; /* separated by spaces; the first that is set counts */
	const char *api;
};
static const struct known knowns[] = {
#define PROVIDER(id, url, variables, api) {id, url, variables, api},
#include "proto/options.def"
};

static const struct known *
known_find(struct span id)
{
	for (size_t i = 0; i < sizeof(knowns) / sizeof(knowns[0]); i++) {
		if (span_eq(id, span_from_cstr(knowns[i].id)))
			return &knowns[i];
	}
	return NULL;
}

/* The variable that holds its key; the first of its names when none is set. */
static struct span
variable_of(struct config *c, const struct known *k)
{
	struct span left = span_from_cstr(k->variables);
	struct span first = span_cut(&left, ' ');
	struct span name = first;

	while (!config_env_is_secret_set(c, name)) {
		if (left.len == 0)
			return first;
		name = span_cut(&left, ' ');
	}
	return name;
}

static struct config_provider *
provider_find(struct config *c, struct span id)
{
	for (size_t i = 0; i < c->nproviders; i++) {
		if (span_eq(c->providers[i].id, id))
			return &c->providers[i];
	}
	return NULL;
}

static struct config_provider *
provider_get(struct config *c, struct span id, struct json_pos at)
{
	struct config_provider *p = provider_find(c, id);

	if (p != NULL)
		return p;
	if (span_eq(id, SPAN("gateway-token")) || span_eq(id, SPAN("gateway-password")) ||
		span_eq(id, SPAN("offline"))) {
		config_mistake(c, at,
			"models.providers: \"%.*s\" is a name of our own; choose another",
			CONFIG_S(id));
		return NULL;
	}
	if (!text_is_id(id)) {
		config_mistake(c, at,
			"models.providers: \"%.*s\" is no id; expected small letters, digits, - "
			"and _, at most 64",
			CONFIG_S(id));
		return NULL;
	}
	if (c->nproviders == CONFIG_PROVIDERS_MAX) {
		config_mistake(
			c, at, "models.providers: more than %u providers", CONFIG_PROVIDERS_MAX);
		return NULL;
	}
	p = &c->providers[c->nproviders++];
	*p = (struct config_provider){.id = id, .at = at};
	return p;
}

/* An address the owner wrote down himself; a name could be anybody's. */
static bool
is_local(const struct url *url)
{
	enum addr_class class = addr_classify(&url->addr);

	return class == ADDR_LOOPBACK || class == ADDR_PRIVATE || class == ADDR_UNIQUE_LOCAL;
}

static void
set_url(struct config *c, struct config_provider *p, struct span text, struct json_pos at)
{
	struct url url;
	struct span path;

	if (url_parse(text, 0, &url) < 0 || url_query(&url).ptr != NULL) {
		config_mistake(c, at,
			"models.providers.%.*s.baseUrl: expected https://host/path without query "
			"or user, found \"%.*s\"",
			CONFIG_S(p->id), CONFIG_S(text));
		return;
	}
	p->host = config_copy(c, url_host(&url));
	if (url.kind == URL_HOST_NAME && span_eq(url_host(&url), SPAN("localhost"))) {
		p->host = SPAN("127.0.0.1");
		p->local = true;
	} else if (url.kind != URL_HOST_NAME) {
		p->local = is_local(&url);
		if (!p->local && !addr_is_global(&url.addr) && !WEAK(CONFIG_ADDRESS)) {
			config_mistake(c, at,
				"models.providers.%.*s.baseUrl: this address (%s) is no place for "
				"a service",
				CONFIG_S(p->id), addr_class_text(addr_classify(&url.addr)));
			return;
		}
	}
	if (url.scheme == URL_HTTP && !p->local) {
		config_mistake(c, at,
			"models.providers.%.*s.baseUrl: http:// carries the key in clear text; "
			"expected https:// (http only at a literal loopback or private address)",
			CONFIG_S(p->id));
		return;
	}
	p->scheme = url.scheme == URL_HTTP ? SPAN("http") : SPAN("https");
	p->port = url.port;
	path = url_path(&url);
	while (path.len > 0 && path.ptr[path.len - 1] == '/')
		path.len--;
	p->path = config_copy(c, path);
}

static void
set_api(struct config *c, struct config_provider *p, const struct config_setting *v)
{
	enum provider api = api_find(v->s);

	if (api < PROVIDER_N)
		p->api = (uint8_t)api;
	else
		config_mistake(c, v->at,
			"models.providers.%.*s.api: \"%.*s\" is not in this version; expected "
			"openai-completions, openai-responses, anthropic-messages or "
			"google-generative-ai",
			CONFIG_S(p->id), CONFIG_S(v->s));
}

/* Base URLs are written with and without what the format puts behind them. */
static void
trim_path(struct config_provider *p)
{
	const struct api_row *row = &api_rows[p->api];
	const struct span ends[] = {span_from_cstr(row->path), span_from_cstr(row->version)};

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		if (ends[i].len > 0 && span_ends_with(p->path, ends[i]))
			p->path.len -= ends[i].len;
	}
}

static void
take(struct config *c, const struct config_hit *hit)
{
	struct config_provider *p;

	if (hit->option != OPT_PROVIDER_URL && hit->option != OPT_PROVIDER_KEY &&
		hit->option != OPT_PROVIDER_API && hit->option != OPT_PROVIDER_MODEL_ID)
		return;
	p = provider_get(c, hit->name, hit->v.at);
	if (p == NULL)
		return;
	if (hit->option == OPT_PROVIDER_URL)
		set_url(c, p, hit->v.s, hit->v.at);
	else if (hit->option == OPT_PROVIDER_KEY)
		p->key = hit->v;
	else if (hit->option == OPT_PROVIDER_API)
		set_api(c, p, &hit->v);
}

static bool
is_own_host(const struct known *k, const struct config_provider *p)
{
	struct url own;

	return url_parse(span_from_cstr(k->url), 0, &own) == 0 &&
	       span_eq(url_host(&own), p->host) && span_eq(p->scheme, SPAN("https"));
}

/* OPENAI_ORG_ID: which organization pays, for a key that several of them gave. It stands in a header. */
static void
set_organization(struct config *c, struct config_provider *p)
{
	struct span v;

	if (!span_eq(p->id, SPAN("openai")) || !config_env_get(c, SPAN("OPENAI_ORG_ID"), &v))
		return;
	for (size_t i = 0; i < v.len; i++) {
		if (v.ptr[i] < 0x21 || v.ptr[i] > 0x7e || v.len > 128) {
			config_mistake(c, p->at,
				"OPENAI_ORG_ID: expected an id such as org-..., without spaces");
			return;
		}
	}
	p->organization = v;
}

/* A known service needs no more than its key in the environment. */
static void
complete(struct config *c, struct config_provider *p)
{
	const struct known *k = known_find(p->id);
	struct span variable = k == NULL ? SPAN_EMPTY : variable_of(c, k);

	if (p->scheme.len == 0 && k != NULL && c->mistakes == 0)
		set_url(c, p, span_from_cstr(k->url), p->at);
	if (p->scheme.len == 0 && k == NULL && c->mistakes == 0)
		config_mistake(
			c, p->at, "models.providers.%.*s: baseUrl is missing", CONFIG_S(p->id));
	if (p->api == PROVIDER_OFFLINE)
		p->api = (uint8_t)(k == NULL ? PROVIDER_OPENAI : api_find(span_from_cstr(k->api)));
	trim_path(p);
	/* the key of a service goes to that service alone, unless the file says otherwise */
	if (k != NULL && is_own_host(k, p))
		set_organization(c, p);
	if (!p->key.set && k != NULL && config_env_is_secret_set(c, variable) && is_own_host(k, p))
		p->key = (struct config_setting){
			.set = true, .is_secret_env = true, .s = variable, .at = p->at};
}

static int
by_id(const void *a, const void *b)
{
	const struct config_provider *x = a;
	const struct config_provider *y = b;

	return span_cmp(x->id, y->id);
}

/* "provider/model", or an alias of one in agents.defaults.models. */
static struct span
wanted(struct config *c, struct json_pos *at)
{
	enum option option =
		c->values[OPT_AGENT_MODEL_PRIMARY].set ? OPT_AGENT_MODEL_PRIMARY : OPT_AGENT_MODEL;
	struct span model = config_text(c, option);

	*at = c->values[option].at;
	for (const struct config_hit *hit = c->hits; hit != NULL; hit = hit->next) {
		if (hit->option == OPT_AGENT_MODEL_ALIAS && model.len > 0 &&
			span_eq(hit->v.s, model))
			return hit->name;
	}
	return model;
}

static void
no_provider(struct config *c, struct json_pos at, struct span id, struct span model)
{
	static const char *const native[] = {"amazon-bedrock", "github-copilot"};
	const struct known *k = known_find(id);
	const char *names[CONFIG_PROVIDERS_MAX];
	ptrdiff_t best;

	for (size_t i = 0; i < sizeof(native) / sizeof(native[0]); i++) {
		if (span_eq(id, span_from_cstr(native[i]))) {
			config_mistake(c, at,
				"model \"%.*s\": %s is not in this version; use an "
				"OpenAI-compatible service (models.providers), or leave the model "
				"out for the offline assistant",
				CONFIG_S(model), native[i]);
			return;
		}
	}
	if (k != NULL) {
		config_mistake(c, at, "model \"%.*s\": set the variable %.*s", CONFIG_S(model),
			CONFIG_S(variable_of(c, k)));
		return;
	}
	for (size_t i = 0; i < c->nproviders; i++)
		names[i] = (const char *)config_copy(c, c->providers[i].id).ptr;
	best = text_nearest(id, names, c->nproviders);
	if (best >= 0)
		config_mistake(c, at,
			"model \"%.*s\": there is no provider \"%.*s\"; the nearest is \"%s\"",
			CONFIG_S(model), CONFIG_S(id), names[best]);
	else
		config_mistake(c, at,
			"model \"%.*s\": there is no provider \"%.*s\"; add models.providers.%.*s "
			"with its baseUrl",
			CONFIG_S(model), CONFIG_S(id), CONFIG_S(id));
}

/* The first model of the only provider, when none is named. */
static void
choose_first(struct config *c)
{
	for (const struct config_hit *hit = c->hits; hit != NULL; hit = hit->next) {
		if (hit->option == OPT_PROVIDER_MODEL_ID && c->nproviders == 1 &&
			span_eq(hit->name, c->providers[0].id)) {
			c->chosen = 1;
			c->model = hit->v.s;
			return;
		}
	}
	if (c->nproviders > 0)
		config_warn(c, (struct json_pos){0},
			"no model is chosen: the offline assistant answers; set "
			"agents.defaults.model.primary to \"provider/model\"");
}

static void
choose_named(struct config *c, struct span model, struct json_pos at)
{
	struct span rest = model;
	struct span id = span_cut(&rest, '/');
	struct config_provider *p;

	if (span_eq(model, SPAN("offline")) || span_eq(id, SPAN("offline")))
		return;
	if (rest.len == 0) {
		config_mistake(c, at,
			"model \"%.*s\": expected provider/model, for example openai/gpt-5.2",
			CONFIG_S(model));
		return;
	}
	p = provider_find(c, id);
	if (p == NULL) {
		no_provider(c, at, id, model);
		return;
	}
	c->chosen = (size_t)(p - c->providers) + 1;
	c->model = rest;
}

static void
choose_max_tokens(struct config *c, struct span full)
{
	const struct json_node *parent = NULL;

	c->max_tokens = MAX_TOKENS_FALLBACK;
	for (const struct config_hit *hit = c->hits; hit != NULL; hit = hit->next) {
		if (hit->option == OPT_PROVIDER_MODEL_ID && c->chosen > 0 &&
			span_eq(hit->name, c->providers[c->chosen - 1].id) &&
			span_eq(hit->v.s, c->model))
			parent = hit->parent;
	}
	for (const struct config_hit *hit = c->hits; hit != NULL; hit = hit->next) {
		if (hit->option == OPT_PROVIDER_MODEL_MAX && hit->parent == parent)
			c->max_tokens = hit->v.number;
	}
	for (const struct config_hit *hit = c->hits; hit != NULL; hit = hit->next) {
		if (hit->option == OPT_AGENT_MODEL_MAX_TOKENS && full.len > 0 &&
			span_eq(hit->name, full))
			c->max_tokens = hit->v.number;
	}
}

/* A provider that only the model's name speaks of, and its key in the environment, if it is no service of this machine. */
static void
add_known(struct config *c, struct span model, struct json_pos at)
{
	struct span rest = model;
	const struct known *k = known_find(span_cut(&rest, '/'));

	if (k != NULL && (config_env_is_secret_set(c, variable_of(c, k)) ||
				 span_starts_with(span_from_cstr(k->url), SPAN("http:"))))
		(void)provider_get(c, span_from_cstr(k->id), at);
}

void
config_models(struct config *c)
{
	struct json_pos at;
	struct span model = wanted(c, &at);

	for (const struct config_hit *hit = c->hits; hit != NULL; hit = hit->next)
		take(c, hit);
	add_known(c, model, at);
	for (size_t i = 0; i < c->nproviders; i++)
		complete(c, &c->providers[i]);
	qsort(c->providers, c->nproviders, sizeof(c->providers[0]), by_id);
	if (model.len > 0)
		choose_named(c, model, at);
	else
		choose_first(c);
	choose_max_tokens(c, model);
}
