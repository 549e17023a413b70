#include "vault/vault.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "args/args.h"
#include "base/err.h"
#include "base/log.h"
#include "crypto/crypto_entropy.h"

#define KEY_FILE_MAX 1024u /* bytes of a passphrase */

#define TOKEN_RANDOM 48 /* random bytes of a token that we make */
#define WEAK_BITS 64    /* below this a configured token is worth a warning */

struct vault_secret *
vault_secret_find(struct vault *v, struct span name)
{
	for (size_t i = 0; i < v->nsecrets; i++) {
		if (span_eq(vault_text_get(&v->secrets[i].name), name))
			return &v->secrets[i];
	}
	return NULL;
}

struct span
vault_owner_secret(struct vault *v)
{
	const struct vault_secret *s = vault_secret_find(
		v, v->password_mode ? SPAN("gateway-password") : SPAN("gateway-token"));

	if (s != NULL && s->value.len > 0)
		return secret_get(&s->value);
	return v->password_mode ? SPAN_EMPTY : secret_get(&v->state.token);
}

int
vault_save(struct vault *v)
{
	struct buf b = {.max = VAULT_BOX_MAX - CRYPTO_SEAL_EXTRA};
	int rc;

	/* All of the room at once: growing would leave copies behind. */
	if (buf_room(&b, b.max) == NULL)
		return ERR_TOOBIG;
	rc = vault_state_encode(&v->state, &b);
	if (rc == 0)
		rc = vault_box_write(&v->box, buf_span(&b));
	secret_wipe(b.ptr, b.len);
	buf_clear(&b);
	return rc;
}

/* ---- the slice: secret.<name>.<field> ---- */

static int
set_text(struct vault_text *t, const struct args_leaf *leaf)
{
	if (leaf->type != ARGS_STRING)
		return ERR_TYPE;
	if (leaf->value.len > sizeof(t->bytes))
		return ERR_TOOBIG;
	vault_text_set(t, leaf->value);
	return 0;
}

static int
set_scheme(struct vault_secret *s, const struct args_leaf *leaf)
{
	int rc = set_text(&s->scheme_text, leaf);

	s->scheme = VAULT_SCHEME_NONE;
	if (span_eq(leaf->value, SPAN("http")))
		s->scheme = VAULT_HTTP;
	if (span_eq(leaf->value, SPAN("https")))
		s->scheme = VAULT_HTTPS;
	return rc == 0 && s->scheme == VAULT_SCHEME_NONE ? ERR_RANGE : rc;
}

static int
set_row(struct vault_secret *s, const struct args_leaf *leaf)
{
	s->has_row = true;
	return leaf->type != ARGS_NUMBER ? ERR_TYPE
					 : span_to_u64(leaf->value, 0, UINT32_MAX, &s->row);
}

static int
set_port(struct vault_secret *s, const struct args_leaf *leaf)
{
	uint64_t port = 0;
	int rc = leaf->type != ARGS_NUMBER ? ERR_TYPE
					   : span_to_u64(leaf->value, 1, UINT16_MAX, &port);

	s->port = (uint32_t)port;
	return rc;
}

static int
set_field(struct vault_secret *s, struct span field, const struct args_leaf *leaf)
{
	if (span_eq(field, SPAN("source")))
		return set_text(&s->source, leaf);
	if (span_eq(field, SPAN("scheme")))
		return set_scheme(s, leaf);
	if (span_eq(field, SPAN("host")))
		return set_text(&s->host, leaf);
	if (span_eq(field, SPAN("header")))
		return leaf->value.len > 64 ? ERR_TOOBIG : set_text(&s->header, leaf);
	if (span_eq(field, SPAN("prefix")))
		return leaf->value.len > 32 ? ERR_TOOBIG : set_text(&s->prefix, leaf);
	if (span_eq(field, SPAN("row")))
		return set_row(s, leaf);
	if (span_eq(field, SPAN("port")))
		return set_port(s, leaf);
	if (span_eq(field, SPAN("literal"))) {
		s->literal = leaf->value;
		return leaf->type != ARGS_STRING          ? ERR_TYPE
		       : leaf->value.len > SECRET_LEN_MAX ? ERR_TOOBIG
							  : 0;
	}
	return ERR_UNKNOWN;
}

static int
add_field(struct vault *v, struct span rest, const struct args_leaf *leaf)
{
	struct span name = rest;
	struct span field;
	struct vault_secret *s;

	while (name.len > 0 && name.ptr[name.len - 1] != '.')
		name.len--;
	if (name.len < 2 || name.len > 65)
		return ERR_SYNTAX;
	field = span_sub(rest, name.len, rest.len);
	name.len--;
	s = vault_secret_find(v, name);
	if (s == NULL) {
		if (v->nsecrets == VAULT_SECRETS_MAX)
			return ERR_FULL;
		s = &v->secrets[v->nsecrets++];
		vault_text_set(&s->name, name);
	}
	return set_field(s, field, leaf);
}

static int
read_slice(struct vault *v)
{
	struct span rest = v->child->slice;
	struct args_leaf leaf;
	struct span key;
	int rc;

	while ((rc = args_next(&rest, &leaf)) > 0) {
		if (leaf.depth != 1 || leaf.path[0].is_index)
			continue;
		key = leaf.path[0].key;
		if (!span_starts_with(key, SPAN("secret.")) || leaf.type == ARGS_NULL)
			continue;
		rc = add_field(v, span_sub(key, 7, key.len), &leaf);
		if (rc < 0) {
			log_error("a secret's row in the slice is not good: ends",
				LOG_S("option", key), LOG_E("why", rc));
			return rc;
		}
	}
	return rc;
}

/* ---- where values come from ---- */

static int
from_env(struct vault_secret *s, struct span name, struct span env)
{
	while (env.len > 0) {
		struct span line = span_cut(&env, 0);

		if (line.len > name.len && span_starts_with(line, name) &&
			line.ptr[name.len] == '=')
			return secret_set(&s->value, span_sub(line, name.len + 1, line.len));
	}
	log_error("the environment variable of a secret is not set: ends",
		LOG_S("secret", vault_text_get(&s->name)), LOG_S("variable", name));
	return ERR_MISSING;
}

static struct vault_literal *
find_literal(struct vault *v, struct span name)
{
	for (size_t i = 0; i < v->state.nliterals; i++) {
		if (span_eq(vault_text_get(&v->state.literals[i].name), name))
			return &v->state.literals[i];
	}
	return NULL;
}

static bool
is_bound_alike(const struct vault_secret *s, const struct vault_literal *l)
{
	return s->scheme == l->scheme && s->port == l->port &&
	       span_eq(vault_text_get(&s->host), vault_text_get(&l->host)) &&
	       span_eq(vault_text_get(&s->header), vault_text_get(&l->header));
}

static int
keep_literal(struct vault *v, const struct vault_secret *s, struct vault_literal *l, bool *changed)
{
	if (l == NULL) {
		if (v->state.nliterals == VAULT_SECRETS_MAX)
			return ERR_FULL;
		l = &v->state.literals[v->state.nliterals++];
		l->name = s->name;
	}
	l->host = s->host;
	l->header = s->header;
	l->port = s->port;
	l->scheme = s->scheme;
	*changed = true;
	return secret_set(&l->value, s->literal);
}

/*
 * A literal is sealed when it is first seen. Seen again it must be the same; without it the sealed one is used, but only where
 * it was bound to then: to bind it elsewhere it must be given again.
 */
static int
from_literal(struct vault *v, struct vault_secret *s, bool *changed)
{
	struct vault_literal *l = find_literal(v, vault_text_get(&s->name));
	struct span name = vault_text_get(&s->name);
	int rc = 0;

	if (l == NULL && s->literal.len == 0) {
		log_error("a secret has no value: ends", LOG_S("secret", name));
		return ERR_MISSING;
	}
	if (l != NULL && s->literal.len > 0) {
		if (!crypto_secret_equal(s->literal, secret_get(&l->value))) {
			log_error("another value for a secret that is sealed already: ends; remove "
				  "the sealed one first",
				LOG_S("secret", name));
			return ERR_EXISTS;
		}
		log_warn("the configuration still holds a secret that is sealed: remove it there",
			LOG_S("secret", name));
	}
	if (l != NULL && s->literal.len == 0 && !is_bound_alike(s, l)) {
		log_error("a sealed secret is bound to another destination: ends; give its value "
			  "again to rebind it",
			LOG_S("secret", name));
		return ERR_DENIED;
	}
	if (l == NULL || !is_bound_alike(s, l))
		rc = keep_literal(v, s, l, changed);
	l = find_literal(v, name);
	return rc < 0 ? rc : secret_set(&s->value, secret_get(&l->value));
}

static int
resolve(struct vault *v, struct span env)
{
	bool changed = false;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < v->nsecrets; i++) {
		struct vault_secret *s = &v->secrets[i];
		struct span source = vault_text_get(&s->source);

		if (span_starts_with(source, SPAN("env:")))
			rc = from_env(s, span_sub(source, 4, source.len), env);
		else if (span_eq(source, SPAN("literal")))
			rc = from_literal(v, s, &changed);
		else if (source.len != 0)
			rc = ERR_UNKNOWN;
		s->literal = SPAN_EMPTY;
	}
	return rc == 0 && changed ? vault_save(v) : rc;
}

/* ---- the first start ---- */

static int
make_state(struct vault *v)
{
	uint8_t random[TOKEN_RANDOM];
	struct buf text = {.max = 2 * TOKEN_RANDOM};
	int rc;

	v->state.next_serial = 2; /* 1 is the owner's own */
	v->state.epoch = 1;
	crypto_random(v->state.hash_key, sizeof(v->state.hash_key));
	crypto_random(random, sizeof(random));
	rc = crypto_base64url_put(&text, span_of(random, sizeof(random)));
	if (rc == 0)
		rc = secret_set(&v->state.token, buf_span(&text));
	secret_wipe(random, sizeof(random));
	if (text.ptr != NULL)
		secret_wipe(text.ptr, text.cap);
	buf_clear(&text);
	return rc == 0 ? vault_save(v) : rc;
}

/* A descriptor's bytes, at most max. */
static int
read_handle(int fd, size_t max, struct secret *out)
{
	struct stat st;
	struct buf b = {.max = max};
	ssize_t n;
	int rc;

	if (fstat(fd, &st) < 0)
		return ERR_SYS;
	if (st.st_size < 0 || (uint64_t)st.st_size > max)
		return ERR_TOOBIG;
	if (st.st_size == 0)
		return 0;
	if (buf_room(&b, (size_t)st.st_size) == NULL)
		return ERR_TOOBIG;
	n = pread(fd, b.ptr, (size_t)st.st_size, 0);
	rc = n == st.st_size ? secret_set(out, span_of(b.ptr, (size_t)n)) : ERR_IO;
	secret_wipe(b.ptr, b.cap);
	buf_clear(&b);
	return rc;
}

static int
open_box(struct vault *v)
{
	int key_fd = child_handle(v->child, HANDLE_BOX_KEY, 0);
	int fd = child_handle_steal(v->child, HANDLE_BOX, 0, NULL);
	struct buf content = {.max = VAULT_BOX_MAX};
	struct secret key = {0};
	int rc;

	if (fd < 0 || key_fd < 0) {
		log_error("the box or its key was not given: ends");
		return ERR_MISSING;
	}
	if (buf_room(&content, VAULT_BOX_MAX) == NULL)
		return ERR_TOOBIG;
	rc = read_handle(key_fd, KEY_FILE_MAX, &key);
	if (rc == 0)
		rc = vault_box_open(&v->box, fd, secret_get(&key), &content);
	secret_clear(&key);
	if (rc == 1)
		rc = vault_state_decode(buf_span(&content), &v->state);
	else if (rc == 0)
		rc = make_state(v);
	secret_wipe(content.ptr, content.len);
	buf_clear(&content);
	if (rc < 0)
		log_error("the box cannot be opened: ends; is this the right vault.key?",
			LOG_E("why", rc));
	return rc;
}

static int
check_mode(struct vault *v)
{
	struct span mode = child_option_str(v->child, "auth.mode", SPAN("token"));

	v->password_mode = span_eq(mode, SPAN("password"));
	if (!v->password_mode && !span_eq(mode, SPAN("token"))) {
		log_error("auth.mode is neither token nor password: ends");
		return ERR_RANGE;
	}
	if (vault_owner_secret(v).len == 0) {
		log_error("auth.mode is password, and there is none: ends");
		return ERR_MISSING;
	}
	if (crypto_entropy_bits(vault_owner_secret(v)) < WEAK_BITS)
		log_warn("the gateway's token or password is easy to guess: choose a longer one");
	return 0;
}

int
vault_setup(struct vault *v)
{
	int env_fd = child_handle(v->child, HANDLE_ENV, 0);
	struct secret env = {0};
	int rc = open_box(v);

	if (rc == 0)
		rc = read_slice(v);
	if (rc == 0 && env_fd >= 0)
		rc = read_handle(env_fd, SECRET_LEN_MAX, &env);
	if (rc == 0)
		rc = resolve(v, secret_get(&env));
	secret_clear(&env);
	return rc == 0 ? check_mode(v) : rc;
}
