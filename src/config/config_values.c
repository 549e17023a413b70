/* `moltbot-config --values FILE`: every value as written, under its present path, with its place; secrets by their strength only. */
#include "config.h"

#include "json/json_out.h"
#include "proto/tools.h"
#include "text/text_secret.h"

struct level {
	const struct json_node *next;
};

struct values {
	const struct config *c;
	struct json_out *o;
	struct level stack[JSON_DEPTH_MAX + 2];
	struct option_step steps[JSON_DEPTH_MAX + 2]; /* steps[i] leads to stack[i + 1] */
	size_t depth;
};

static void
put_path(struct json_out *o, const struct option_step *steps, size_t n)
{
	struct buf b = {.max = KIB(8)};

	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			buf_put_u8(&b, '.');
		buf_put(&b, steps[i].is_index ? SPAN("[]") : steps[i].key);
	}
	json_out_member_str(o, "path", buf_span(&b));
	buf_clear(&b);
}

static void
put_place(struct values *v, const struct json_node *node)
{
	uint32_t file = node->at.off >> CONFIG_FILE_SHIFT;

	if (file > 0 && v->c->in->sources != NULL)
		json_out_member_str(v->o, "file", v->c->in->sources->rows[file - 1].name);
	json_out_member_u64(v->o, "line", node->at.line);
	json_out_member_u64(v->o, "col", node->at.col);
}

static bool
is_secret(const struct option_step *steps, size_t n, const struct option_match *m,
	const struct json_node *node)
{
	struct span last = steps[n - 1].key;

	if (m->option >= 0 && option_rows[m->option].type == OPTION_SECRET)
		return true;
	if (node->kind != JSON_STRING || steps[n - 1].is_index)
		return false;
	if (n >= 2 && !steps[0].is_index && span_eq(steps[0].key, SPAN("env")))
		return option_env_is_secret(last);
	return text_secret_is_name(last);
}

static void
put_secret(struct json_out *o, struct span text)
{
	struct span name = text_secret_reference(text);

	if (name.len > 0) {
		json_out_member_str(o, "secret", SPAN("reference"));
		json_out_member_str(o, "variable", name);
		return;
	}
	json_out_member_str(o, "secret", text.len == 0 ? SPAN("empty") : SPAN("literal"));
	json_out_member_u64(o, "bytes", text.len);
	json_out_member_u64(o, "bits", text_secret_bits(text));
}

/* Never a text that looks like a credential, wherever it stands. */
static void
put_value(struct json_out *o, const struct json_node *node)
{
	const char *kind;

	if (node->kind == JSON_STRING && text_secret_find(node->v.text, &kind).len > 0) {
		json_out_member_str(o, "looksLike", span_from_cstr(kind));
		put_secret(o, node->v.text);
		return;
	}
	json_out_key(o, SPAN("value"));
	if (node->kind != JSON_ARRAY) {
		/* Infinity and NaN have no place in JSON */
		if (json_out_node(o, node) < 0)
			json_out_null(o);
		return;
	}
	json_out_begin_array(o);
	for (const struct json_node *n = json_first(node); n != NULL; n = n->next) {
		if (n->kind == JSON_STRING && text_secret_find(n->v.text, &kind).len > 0)
			json_out_str(o, SPAN("***"));
		else
			(void)json_out_node(o, n);
	}
	json_out_end_array(o);
}

static void
put_leaf(struct values *v, const struct json_node *node, const struct option_step *steps, size_t n,
	bool renamed)
{
	struct option_match m = {.option = -1, .later = -1};

	if (n < OPTION_STEPS_MAX)
		option_match(steps, n, &m);
	json_out_begin_object(v->o);
	put_path(v->o, steps, n);
	put_place(v, node);
	json_out_member_bool(v->o, "ignored", m.option < 0);
	if (renamed)
		json_out_member_bool(v->o, "oldName", true);
	if (is_secret(steps, n, &m, node))
		put_secret(v->o, node->kind == JSON_STRING ? node->v.text : SPAN_EMPTY);
	else
		put_value(v->o, node);
	json_out_end_object(v->o);
}

/* A list of plain values is one value. */
static bool
is_leaf(const struct json_node *node)
{
	if (node->kind == JSON_OBJECT)
		return false;
	for (const struct json_node *n = json_first(node); n != NULL; n = n->next) {
		if (n->kind == JSON_OBJECT || n->kind == JSON_ARRAY)
			return false;
	}
	return true;
}

static void
visit(struct values *v, const struct json_node *node)
{
	struct option_step steps[JSON_DEPTH_MAX + 2];
	size_t n = v->depth;
	bool renamed = false;

	v->steps[n - 1] = (struct option_step){.is_index = node->key.ptr == NULL, .key = node->key};
	if (!is_leaf(node)) {
		v->stack[v->depth++] = (struct level){.next = json_first(node)};
		return;
	}
	for (size_t i = 0; i < n; i++)
		steps[i] = v->steps[i];
	for (int i = 0; n < OPTION_STEPS_MAX && i < 4 && option_alias_apply(steps, &n) != NULL; i++)
		renamed = true;
	put_leaf(v, node, steps, n, renamed);
}

static void
put_all(const struct config *c, struct json_out *o)
{
	struct values v = {.c = c, .o = o};

	json_out_key(o, SPAN("values"));
	json_out_begin_array(o);
	if (c->root != NULL && c->root->kind == JSON_OBJECT)
		v.stack[v.depth++] = (struct level){.next = json_first(c->root)};
	while (v.depth > 0) {
		const struct json_node *node = v.stack[v.depth - 1].next;

		if (node == NULL) {
			v.depth--;
			continue;
		}
		v.stack[v.depth - 1].next = node->next;
		visit(&v, node);
	}
	json_out_end_array(o);
}

static void
put_listeners(const struct config *c, struct json_out *o)
{
	char text[ADDR_TEXT_MAX];

	json_out_key(o, SPAN("listen"));
	json_out_begin_array(o);
	for (size_t i = 0; i < c->nlisten; i++) {
		json_out_begin_object(o);
		json_out_member_str(
			o, "address", span_of(text, addr_format(&c->listen[i].addr, text)));
		json_out_member_u64(o, "port", c->listen[i].port);
		json_out_member_bool(
			o, "loopback", addr_classify(&c->listen[i].addr) == ADDR_LOOPBACK);
		json_out_end_object(o);
	}
	json_out_end_array(o);
}

static void
put_tools(const struct config *c, struct json_out *o)
{
	json_out_key(o, SPAN("tools"));
	json_out_begin_array(o);
	for (unsigned t = 1; t < TOOL_N; t++) {
		if ((c->allow_mask & ~c->deny_mask) >> t & 1)
			json_out_str(o, span_from_cstr(tool_rows[t].name));
	}
	json_out_end_array(o);
}

static void
put_mistakes(const struct config *c, struct json_out *o)
{
	json_out_key(o, SPAN("mistakes"));
	json_out_begin_array(o);
	for (size_t i = 0; i < c->nnotes; i++) {
		if (c->notes[i].mistake)
			json_out_str(o, c->notes[i].text);
	}
	json_out_end_array(o);
}

void
config_values_put(const struct config *c, struct buf *out)
{
	struct json_out o;

	json_out_init(&o, out, NULL);
	json_out_begin_object(&o);
	json_out_member_bool(&o, "ok", c->mistakes == 0);
	json_out_member_bool(&o, "absent", c->in->absent);
	/* false: the text could not be read as a tree, so values says nothing */
	json_out_member_bool(&o, "read", c->in->absent || (c->root != NULL && c->port != 0));
	put_mistakes(c, &o);
	put_listeners(c, &o);
	put_tools(c, &o);
	json_out_member_bool(&o, "behindTlsProxy", c->behind_tls);
	json_out_member_bool(&o, "tls", c->numbers[VALUE_TLS] != TLS_OFF);
	json_out_key(&o, SPAN("remote"));
	json_out_begin_object(&o);
	json_out_member_str(&o, "url", config_text(c, OPT_REMOTE_URL));
	json_out_member_str(&o, "tlsFingerprint", config_text(c, OPT_REMOTE_FINGERPRINT));
	json_out_end_object(&o);
	json_out_member_bool(&o, "password", c->is_password);
	json_out_member_bool(&o, "railway", c->is_railway);
	json_out_member_u64(&o, "port", c->port);
	json_out_key(&o, SPAN("files"));
	json_out_begin_array(&o);
	for (size_t i = 0; c->in->sources != NULL && i < c->in->sources->n; i++)
		json_out_str(&o, c->in->sources->rows[i].name);
	json_out_end_array(&o);
	put_all(c, &o);
	json_out_end_object(&o);
	(void)json_out_finish(&o);
	buf_put_u8(out, '\n');
}
