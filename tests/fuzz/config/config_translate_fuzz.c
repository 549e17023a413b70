/*
 * The whole of the translation. Input: lines NAME=value, a line "--", then the file. What is accepted gives well-formed
 * slices; secrets of the file are in vault's alone; what is printed is printable.
 */
#include <stdlib.h>
#include <string.h>

#include "args/args.h"
#include "base/err.h"
#include "config.h"

#define CHECK(x)                                                                                   \
	do {                                                                                       \
		if (!(x))                                                                          \
			abort();                                                                   \
	} while (0)

#define CANARY SPAN("CANARY-SECRET-0123456789")

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
check_notes(const struct config *c)
{
	struct buf out = {.max = MIB(4u)};

	config_notes_put(c, &out);
	for (size_t i = 0; i < out.len; i++)
		CHECK(out.ptr[i] == '\n' || (out.ptr[i] >= 0x20 && out.ptr[i] != 0x7f));
	buf_clear(&out);
}

/* Written once in the file, so that it is in a slice only because it is the token. */
static bool
is_once(struct span text)
{
	ptrdiff_t at = span_find(text, CANARY);

	return at >= 0 && span_find(span_sub(text, (size_t)at + 1, text.len), CANARY) < 0;
}

static void
check_slices(const struct config *c)
{
	CHECK(c->nlisten > 0);
	for (unsigned k = 0; k < KIND_N; k++) {
		struct span s = buf_span(&c->slices[k]);
		struct span secret;

		CHECK(args_check(s) == 0);
		if (k == KIND_VAULT || args_get_str(buf_span(&c->slices[KIND_VAULT]),
					       "secret.gateway-token.literal", &secret) != 0)
			continue;
		CHECK(!span_eq(secret, CANARY) || !is_once(c->in->text) ||
			span_find(s, CANARY) < 0);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct span text = span_of(data, len);
	struct buf env = {.max = CONFIG_ENV_MAX};
	struct config_input in = {.path = SPAN("moltbot.json"), .owner_uid = 1};
	struct config *c = mem_alloc(1, sizeof(*c));
	ptrdiff_t cut = span_find(text, SPAN("--\n"));
	int rc;

	if (cut >= 0) {
		buf_put(&env, span_sub(text, 0, (size_t)cut));
		text = span_sub(text, (size_t)cut + 3, text.len);
		for (size_t i = 0; i < env.len; i++) {
			if (env.ptr[i] == '\n')
				env.ptr[i] = 0;
		}
	}
	in.env = buf_span(&env);
	in.text = text;
	in.absent = text.len == 0;
	in.sources = mem_alloc(1, sizeof(*in.sources));
	/* whatever it includes holds the same text again */
	while ((rc = config_translate(c, &in)) == ERR_AGAIN) {
		for (size_t i = 0; i < in.sources->n; i++) {
			if (!in.sources->rows[i].loaded)
				buf_put(&in.sources->rows[i].text, text);
			in.sources->rows[i].loaded = true;
		}
		config_clear(c);
	}
	if (rc == 0)
		check_slices(c);
	else
		CHECK(c->mistakes > 0);
	check_notes(c);
	config_clear(c);
	config_sources_clear(in.sources);
	free(in.sources);
	free(c);
	buf_clear(&env);
	return 0;
}
