/* A body for a provider, behind a byte that chooses the format: denied with words, or none of its content is an address and none of its tools the provider's own. */
#include <stdlib.h>

#include "base/limits.h"
#include "egress.h"
#include "json/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(bool ok)
{
	if (!ok)
		abort();
}

static bool
is(const struct json_node *n, struct span want)
{
	struct span s;

	return json_node_str(n, &s) == 0 && span_eq(s, want);
}

static void
check_allowed(const struct json_node *root, enum provider api)
{
	uint64_t n;

	check(json_get(root, SPAN("mcp_servers")) == NULL);
	check(json_get(root, SPAN("previous_response_id")) == NULL);
	check(json_get(root, SPAN("cachedContent")) == NULL);
	if (api != PROVIDER_OPENAI)
		return;
	for (const struct json_node *t = json_first(json_get(root, SPAN("tools"))); t != NULL;
		t = t->next)
		check(is(json_get(t, SPAN("type")), SPAN("function")));
	for (const struct json_node *m = json_first(json_get(root, SPAN("messages"))); m != NULL;
		m = m->next) {
		for (const struct json_node *p = json_first(json_get(m, SPAN("content")));
			p != NULL; p = p->next) {
			struct span url = SPAN_EMPTY;

			if (is(json_get(p, SPAN("type")), SPAN("text")))
				continue;
			(void)json_node_str(
				json_get(json_get(p, SPAN("image_url")), SPAN("url")), &url);
			check(span_starts_with(url, SPAN("data:")));
		}
	}
	if (json_get(root, SPAN("max_tokens")) != NULL)
		check(json_node_u64(json_get(root, SPAN("max_tokens")), &n) == 0 && n <= 100);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct egress_row row = {.models = SPAN("m"), .max_tokens = 100};
	struct json_node *root;
	struct arena arena;
	const char *why = NULL;
	int rc;

	if (size == 0)
		return 0;
	row.api = (enum provider)(data[0] % PROVIDER_N);
	data++;
	size--;
	rc = egress_envelope_check(&row, SPAN("m"), span_of(data, size), &why);
	check(rc == 0 || (why != NULL && why[0] != 0));
	arena_init(&arena, IPC_BODY_MAX * 4ul);
	if (rc == 0) {
		check(json_parse(&arena, span_of(data, size), NULL, &root, NULL) == 0);
		check_allowed(root, row.api);
	}
	arena_clear(&arena);
	return 0;
}
