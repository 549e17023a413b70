/*
 * config/desk: one question of one principal that has admin, answered, and the end. It shows the configuration without its
 * secrets, checks a new text with the same code as the start, and hands it to the supervisor, which writes it.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "args/args.h"
#include "base/err.h"
#include "base/log.h"
#include "config_edit.h"
#include "config_read.h"
#include "config_show.h"
#include "config_text.h"
#include "crypto/crypto.h"
#include "crypto/crypto_encode.h"
#include "proto/config_supervisor.h"
#include "proto/config_user.h"

#define ANSWER_MAX MIB(8u)
#define SENT_POLL_MS 1
#define LIFE_MS 30000 /* longest time to an answer */
#define HASH_LEN 64

struct past {
	uint64_t at_ms;
	uint64_t principal;
	char hash[HASH_LEN + 1];
	struct buf text;
};

struct desk {
	struct child *child;
	struct config_input in; /* the text that is looked at: the file's, or a new one */
	struct buf path;
	struct buf file;
	struct buf env;
	bool absent;
	int unreadable;
	char hash[HASH_LEN + 1]; /* of the file; of nothing when it is absent */
	uint8_t raw_hash[CRYPTO_SHA256_LEN];
	struct config_sources sources;
	size_t asked;
	struct config config;
	bool translated;
	/* the question */
	bool busy;
	uint64_t req;
	uint32_t method;
	struct buf args;
	struct arena arena; /* of what was made from the parameters */
	struct buf text;    /* the new text */
	bool rewritten;     /* its comments and layout could not be kept */
	struct past *past;  /* CONFIG_HISTORY_MAX rows */
	uint32_t npast;
};

/* ---- answers ---- */

static void
end_when_sent(struct ev *ev, void *arg)
{
	struct desk *d = arg;
	struct ipc_chan *chan = child_peer(d->child, KIND_USER, d->child->instance);

	if (chan == NULL || ipc_chan_queued(chan) == 0)
		child_stop(d->child);
	else
		(void)ev_timer_start(ev, SENT_POLL_MS, end_when_sent, d);
}

static void
answer(struct desk *d, bool ok, unsigned code, const char *message, struct span json)
{
	struct ipc_chan *chan = child_peer(d->child, KIND_USER, d->child->instance);
	struct config_user_answer m = {.req = d->req,
		.ok = ok,
		.code = (uint8_t)code,
		.message = span_from_cstr(message),
		.json = json.len == 0 ? -1 : ipc_body_seal(json)};

	if (chan != NULL)
		(void)config_user_answer_send(chan, &m);
	if (m.json >= 0)
		close(m.json);
	end_when_sent(d->child->ev, d);
}

static void
refuse(struct desk *d, const char *message)
{
	answer(d, false, RPC_INVALID_REQUEST, message, SPAN_EMPTY);
}

static void
finish(struct desk *d, struct json_out *o, struct buf *b)
{
	json_out_end_object(o);
	if (json_out_finish(o) < 0)
		answer(d, false, RPC_UNAVAILABLE, "the answer is too large", SPAN_EMPTY);
	else
		answer(d, true, RPC_OK, "", buf_span(b));
	buf_clear(b);
}

/* "gateway.port" of "gateway.port: expected a number"; empty when the note is about no key. */
static struct span
path_of(struct span text)
{
	struct span path = span_cut(&text, ':');

	for (size_t i = 0; i < path.len; i++) {
		uint8_t b = path.ptr[i];

		if (!((b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') || (b >= '0' && b <= '9') ||
			    b == '.' || b == '_' || b == '$' || b == '-' || b == '[' || b == ']'))
			return SPAN("");
	}
	return text.ptr == NULL ? SPAN("") : path;
}

static void
put_notes(struct json_out *o, const char *key, const struct config *c, bool mistakes)
{
	json_out_key(o, span_from_cstr(key));
	json_out_begin_array(o);
	for (size_t i = 0; i < c->nnotes; i++) {
		const struct config_note *n = &c->notes[i];

		if (n->mistake != mistakes)
			continue;
		json_out_begin_object(o);
		json_out_member_str(o, "path", path_of(n->text));
		json_out_member_str(o, "message", n->text);
		json_out_member_u64(o, "line", n->at.line);
		json_out_member_u64(o, "col", n->at.col);
		if (n->at.line > 0 && n->at.off >> CONFIG_FILE_SHIFT > 0)
			json_out_member_str(o, "file",
				c->in->sources->rows[(n->at.off >> CONFIG_FILE_SHIFT) - 1].name);
		json_out_end_object(o);
	}
	json_out_end_array(o);
}

/* The tree of a text by itself, without what it includes; NULL when it is none. */
static struct json_node *
parse(struct desk *d, struct span text, struct json_error *err)
{
	const struct json_opts opts = {.mode = JSON_JSON5};
	struct json_node *root = NULL;

	(void)json_parse(&d->arena, text, &opts, &root, err);
	return root;
}

/* ---- config.get ---- */

static void
put_raw(struct json_out *o, struct span text, const struct json_node *root)
{
	struct buf raw = {.max = 2 * CONFIG_FILE_MAX};

	json_out_key(o, SPAN("raw"));
	/* what cannot be parsed cannot be shown: nobody could say where its secrets are */
	if (root == NULL || config_show_text(text, root, &raw) < 0)
		json_out_null(o);
	else
		json_out_str(o, buf_span(&raw));
	buf_clear(&raw);
}

static void
get(struct desk *d)
{
	struct buf b = {.max = ANSWER_MAX};
	struct json_out o;
	const struct json_node *own = d->absent ? NULL : parse(d, buf_span(&d->file), NULL);

	json_out_init(&o, &b, NULL);
	json_out_begin_object(&o);
	json_out_member_str(&o, "path", buf_span(&d->path));
	json_out_member_bool(&o, "exists", !d->absent);
	put_raw(&o, buf_span(&d->file), own);
	json_out_key(&o, SPAN("parsed"));
	if (d->absent) {
		json_out_begin_object(&o);
		json_out_end_object(&o);
	} else {
		config_show_tree(&o, own);
	}
	json_out_member_bool(&o, "valid", d->config.mistakes == 0);
	json_out_key(&o, SPAN("config"));
	if (d->absent || d->config.root == NULL || d->config.mistakes > 0) {
		json_out_begin_object(&o);
		json_out_end_object(&o);
	} else {
		config_show_tree(&o, d->config.root);
	}
	json_out_member_str(&o, "hash", span_from_cstr(d->hash));
	put_notes(&o, "issues", &d->config, true);
	put_notes(&o, "warnings", &d->config, false);
	json_out_key(&o, SPAN("legacyIssues"));
	json_out_begin_array(&o);
	for (size_t i = 0; i < d->config.nnotes; i++) {
		struct span text = d->config.notes[i].text;

		if (span_find(text, SPAN(": an old name; write ")) < 0)
			continue;
		json_out_begin_object(&o);
		json_out_member_str(&o, "path", path_of(text));
		json_out_member_str(&o, "message", text);
		json_out_end_object(&o);
	}
	json_out_end_array(&o);
	finish(d, &o, &b);
}

static void
put_time(struct buf *b, time_t t)
{
	struct tm tm;
	char text[40];

	if (gmtime_r(&t, &tm) != NULL &&
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm) > 0)
		buf_put_cstr(b, text);
}

static void
schema(struct desk *d)
{
	struct buf b = {.max = ANSWER_MAX};
	struct json_out o;
	struct buf when = {.max = 64};

	json_out_init(&o, &b, NULL);
	json_out_begin_object(&o);
	config_schema_put(&o);
	put_time(&when, (time_t)(ev_wall_ms() / 1000));
	json_out_member_str(&o, "generatedAt", buf_span(&when));
	buf_clear(&when);
	finish(d, &o, &b);
}

/* ---- a new text ---- */

static void
invalid(struct desk *d)
{
	struct buf b = {.max = ANSWER_MAX};
	struct json_out o;

	json_out_init(&o, &b, NULL);
	json_out_begin_object(&o);
	put_notes(&o, "issues", &d->config, true);
	json_out_end_object(&o);
	(void)json_out_finish(&o);
	answer(d, false, RPC_INVALID_REQUEST, "invalid config", buf_span(&b));
	buf_clear(&b);
}

static void
invalid_at(struct desk *d, struct json_pos at, const char *why)
{
	if (d->translated)
		config_clear(&d->config);
	config_refuse(&d->config, &d->in, 0);
	d->translated = true;
	d->config.nnotes = 0;
	d->config.mistakes = 0;
	config_mistake(&d->config, at, "%s", why);
	invalid(d);
}

static void
write_text(struct desk *d)
{
	struct ipc_chan *chan = child_peer(d->child, KIND_SUPERVISOR, 0);
	uint64_t words[4];
	int fd = ipc_body_seal(buf_span(&d->text));

	memcpy(words, d->raw_hash, sizeof(words));
	if (fd < 0 || chan == NULL ||
		config_supervisor_write_send(
			chan, &(struct config_supervisor_write){.absent = d->absent,
				      .h0 = words[0],
				      .h1 = words[1],
				      .h2 = words[2],
				      .h3 = words[3],
				      .body = fd}) < 0)
		answer(d, false, RPC_UNAVAILABLE, "the configuration cannot be written: try again",
			SPAN_EMPTY);
	if (fd >= 0)
		close(fd);
}

static void
put_sentinel(struct desk *d, struct json_out *o)
{
	struct span args = buf_span(&d->args);
	struct span v;

	json_out_key(o, SPAN("restart"));
	json_out_begin_object(o);
	json_out_member_bool(o, "ok", true);
	json_out_member_u64(o, "delayMs", 0);
	json_out_member_str(o, "mode", SPAN("reload"));
	json_out_member_str(o, "reason", span_from_cstr(method_rows[d->method].name));
	json_out_end_object(o);
	json_out_key(o, SPAN("sentinel"));
	json_out_begin_object(o);
	json_out_key(o, SPAN("path"));
	json_out_null(o);
	json_out_key(o, SPAN("payload"));
	json_out_begin_object(o);
	json_out_member_str(o, "kind", SPAN("config-apply"));
	json_out_member_str(o, "status", SPAN("ok"));
	json_out_member_u64(o, "ts", ev_wall_ms());
	if (args_get_str(args, "sessionKey", &v) == 0)
		json_out_member_str(o, "sessionKey", v);
	json_out_key(o, SPAN("message"));
	if (args_get_str(args, "note", &v) == 0)
		json_out_str(o, v);
	else
		json_out_null(o);
	json_out_end_object(o);
	json_out_end_object(o);
}

/* It is written; what is shown is what it means now. */
static void
written(struct desk *d)
{
	struct buf b = {.max = ANSWER_MAX};
	uint8_t hash[CRYPTO_SHA256_LEN];
	char hex[HASH_LEN + 1];
	struct json_out o;

	crypto_sha256(buf_span(&d->text), hash);
	crypto_hex_encode(span_of(hash, sizeof(hash)), hex);
	json_out_init(&o, &b, NULL);
	json_out_begin_object(&o);
	json_out_member_bool(&o, "ok", true);
	json_out_member_str(&o, "path", buf_span(&d->path));
	json_out_key(&o, SPAN("config"));
	config_show_tree(&o, d->config.root);
	json_out_member_str(&o, "hash", span_from_cstr(hex));
	if (d->rewritten)
		json_out_member_bool(&o, "rewritten", true);
	put_notes(&o, "warnings", &d->config, false);
	if (d->method == METHOD_CONFIG_APPLY || d->method == METHOD_CONFIG_PATCH)
		put_sentinel(d, &o);
	finish(d, &o, &b);
}

/* The text of the file with a patch. */
static int
patch(struct desk *d, struct span raw)
{
	struct json_error err;
	const char *why;
	int rc = config_edit_patch(&d->arena, d->absent ? SPAN("{}\n") : buf_span(&d->file), raw,
		&d->text, &d->rewritten, &err, &why);

	if (rc < 0 && why == NULL)
		invalid_at(d, err.at, err.msg);
	else if (rc < 0)
		refuse(d, why);
	return rc;
}

/* A whole text; marks in it become the secrets of the file again. */
static int
replace(struct desk *d, struct span raw)
{
	struct json_error err;
	struct json_pos at = {0};
	const struct json_node *root = parse(d, raw, &err);
	const struct json_node *old = d->absent ? NULL : parse(d, buf_span(&d->file), NULL);
	int rc;

	if (root == NULL) {
		invalid_at(d, err.at, err.msg);
		return ERR_SYNTAX;
	}
	rc = config_show_restore(raw, root, buf_span(&d->file), old, &d->text, &at);
	if (rc < 0)
		invalid_at(d, at,
			rc == ERR_MISSING ? "a redacted value stands where there is nothing to "
					    "keep; write the value, or ${NAME} of a variable"
					  : "the text is too large");
	return rc;
}

/* Does the caller change what it has seen? */
static bool
check_base(struct desk *d)
{
	struct span base = SPAN_EMPTY;

	(void)args_get_str(buf_span(&d->args), "baseHash", &base);
	if (d->unreadable != 0)
		refuse(d, "the configuration cannot be read");
	else if (base.len == 0 && !d->absent)
		refuse(d, "config base hash required; re-run config.get and retry");
	else if (base.len > 0 && !span_eq_nocase(base, span_from_cstr(d->hash)))
		refuse(d, "config changed since last load; re-run config.get and retry");
	else
		return true;
	return false;
}

/* ---- the history ---- */

static const char *
who_is(uint64_t principal)
{
	switch (PRINCIPAL_KIND(principal)) {
	case PRINCIPAL_CONTROL:
		return "control socket";
	case PRINCIPAL_TOKEN:
		return "token";
	case PRINCIPAL_BROWSER:
		return "browser";
	case PRINCIPAL_DEVICE:
		return "device";
	default:
		return "by hand";
	}
}

/* The text whose hash begins with the parameter; NULL when it was refused. */
static const struct past *
find_past(struct desk *d, struct span hash)
{
	const struct past *found = NULL;

	for (uint32_t i = 0; i < d->npast; i++) {
		bool fits = span_starts_with(span_from_cstr(d->past[i].hash), hash);

		if (fits && found != NULL && strcmp(found->hash, d->past[i].hash) != 0) {
			refuse(d, "more than one text has a hash that begins like this");
			return NULL;
		}
		if (fits && found == NULL)
			found = &d->past[i];
	}
	if (found == NULL)
		refuse(d, "no such text in the history");
	return found;
}

static void
put_past(struct desk *d, struct json_out *o, const struct past *p)
{
	char hex[17];

	json_out_begin_object(o);
	json_out_member_str(o, "hash", span_from_cstr(p->hash));
	json_out_member_u64(o, "ts", p->at_ms);
	json_out_member_str(o, "by", span_from_cstr(who_is(p->principal)));
	(void)snprintf(hex, sizeof(hex), "%016llx", (unsigned long long)p->principal);
	json_out_member_str(o, "principal", span_from_cstr(hex));
	json_out_member_u64(o, "bytes", p->text.len);
	json_out_member_bool(o, "current", strcmp(p->hash, d->hash) == 0);
	json_out_end_object(o);
}

/* All of them, or, with the parameter hash, one and its text. */
static void
history(struct desk *d)
{
	const struct past *only = NULL;
	struct span hash = SPAN_EMPTY;
	struct buf b = {.max = ANSWER_MAX};
	struct json_out o;

	(void)args_get_str(buf_span(&d->args), "hash", &hash);
	if (hash.len > 0) {
		only = find_past(d, hash);
		if (only == NULL)
			return;
	}
	json_out_init(&o, &b, NULL);
	json_out_begin_object(&o);
	json_out_key(&o, SPAN("entries"));
	json_out_begin_array(&o);
	for (uint32_t i = 0; i < d->npast; i++) {
		if (only == NULL || only == &d->past[i])
			put_past(d, &o, &d->past[i]);
	}
	json_out_end_array(&o);
	if (only != NULL)
		put_raw(&o, buf_span(&only->text), parse(d, buf_span(&only->text), NULL));
	finish(d, &o, &b);
}

static int
roll_back(struct desk *d)
{
	struct span hash = SPAN_EMPTY;
	const struct past *found;

	(void)args_get_str(buf_span(&d->args), "hash", &hash);
	found = find_past(d, hash);
	return found == NULL ? ERR_NOTFOUND : buf_put(&d->text, buf_span(&found->text));
}

/* ---- the course of a question ---- */

static bool
is_writing(const struct desk *d)
{
	return d->method != METHOD_CONFIG_GET && d->method != METHOD_CONFIG_SCHEMA &&
	       d->method != METHOD_CONFIG_HISTORY;
}

/* The text that is looked at, with all that it includes. */
static void
look(struct desk *d)
{
	struct ipc_chan *chan = child_peer(d->child, KIND_SUPERVISOR, 0);
	int rc = 0;

	if (d->unreadable != 0 && !is_writing(d))
		config_refuse(&d->config, &d->in, d->unreadable);
	else
		rc = config_translate(&d->config, &d->in);
	if (rc == ERR_AGAIN) {
		config_clear(&d->config);
		if (chan == NULL || config_sources_ask(chan, &d->sources, &d->asked) < 0)
			child_stop(d->child);
		return;
	}
	d->translated = true;
	if (!is_writing(d))
		get(d);
	else if (d->config.mistakes > 0)
		invalid(d);
	else
		write_text(d);
}

static void
change(struct desk *d)
{
	struct span raw = SPAN_EMPTY;
	int rc;

	(void)args_get_str(buf_span(&d->args), "raw", &raw);
	if (d->method == METHOD_CONFIG_ROLLBACK)
		rc = roll_back(d);
	else if (d->method == METHOD_CONFIG_PATCH)
		rc = patch(d, raw);
	else
		rc = replace(d, raw);
	if (rc < 0)
		return; /* answered */
	d->in.text = buf_span(&d->text);
	d->in.absent = false;
	look(d);
}

static void
ask_past(struct desk *d)
{
	struct ipc_chan *chan = child_peer(d->child, KIND_SUPERVISOR, 0);

	if (chan == NULL || config_supervisor_history_send(
				    chan, &(struct config_supervisor_history){.n = d->npast}) < 0)
		child_stop(d->child);
}

static void
work(struct desk *d)
{
	switch (d->method) {
	case METHOD_CONFIG_GET:
		look(d);
		break;
	case METHOD_CONFIG_SCHEMA:
		schema(d);
		break;
	case METHOD_CONFIG_HISTORY:
		ask_past(d);
		break;
	case METHOD_CONFIG_ROLLBACK:
		if (check_base(d))
			ask_past(d);
		break;
	case METHOD_CONFIG_SET:
	case METHOD_CONFIG_PATCH:
	case METHOD_CONFIG_APPLY:
		if (check_base(d))
			change(d);
		break;
	default:
		refuse(d, "unknown method");
	}
}

int
config_desk_on_ask(struct ipc_chan *chan, const void *m, void *arg)
{
	const struct config_user_ask *msg = m;
	struct child *child = arg;
	struct desk *d = child->ctx;
	struct span body;
	int rc;

	(void)chan;
	if (d->busy)
		return ERR_STATE;
	d->busy = true;
	d->req = msg->req;
	d->method = msg->method;
	buf_put(&d->args, msg->args);
	if (msg->body >= 0) {
		rc = ipc_body_map(msg->body, IPC_BODY_MAX, &body);
		if (rc < 0)
			return rc;
		buf_put(&d->args, body);
		ipc_body_unmap(body);
	}
	if (msg->method >= METHOD_N || d->args.err < 0 || args_check(buf_span(&d->args)) < 0)
		refuse(d, "malformed");
	else
		work(d);
	return 0;
}

int
config_desk_on_included(struct ipc_chan *chan, const void *m, void *arg)
{
	const struct config_supervisor_included *msg = m;
	struct child *child = arg;
	struct desk *d = child->ctx;
	int rc = config_sources_answer(&d->sources, d->asked, msg->file, msg->text, (int)msg->err);

	(void)chan;
	if (rc == 1)
		look(d);
	return rc < 0 ? rc : 0;
}

int
config_desk_on_written(struct ipc_chan *chan, const void *m, void *arg)
{
	const struct config_supervisor_written *msg = m;
	struct child *child = arg;
	struct desk *d = child->ctx;

	(void)chan;
	if (msg->rc == 0)
		written(d);
	else if (msg->rc == ERR_STATE)
		refuse(d, "config changed since last load; re-run config.get and retry");
	else if (msg->rc == ERR_DENIED)
		refuse(d, "the configuration is a symbolic link; change the file that it names");
	else
		answer(d, false, RPC_UNAVAILABLE, "the configuration could not be written",
			SPAN_EMPTY);
	return 0;
}

int
config_desk_on_past(struct ipc_chan *chan, const void *m, void *arg)
{
	const struct config_supervisor_past *msg = m;
	const uint64_t words[4] = {msg->h0, msg->h1, msg->h2, msg->h3};
	struct child *child = arg;
	struct desk *d = child->ctx;
	struct past *p = &d->past[d->npast];

	(void)chan;
	if (msg->n != d->npast || d->npast == CONFIG_HISTORY_MAX)
		return ERR_PROTO;
	if (msg->text >= 0) {
		p->text.max = CONFIG_FILE_MAX + 1;
		p->at_ms = msg->at_ms;
		p->principal = msg->principal;
		crypto_hex_encode(span_of(words, sizeof(words)), p->hash);
		if (config_read_fd(msg->text, &p->text, true) < 0)
			buf_clear(&p->text);
		d->npast++;
	}
	if (msg->text >= 0 && d->npast < msg->of && d->npast < CONFIG_HISTORY_MAX)
		ask_past(d);
	else if (d->method == METHOD_CONFIG_HISTORY)
		history(d);
	else
		change(d);
	return 0;
}

/* ---- life cycle ---- */

static int
setup(struct child *child, struct jail_env *jail_env)
{
	struct desk *d = mem_alloc(1, sizeof(*d));
	int env = child_handle(child, HANDLE_ENV, 0);

	(void)jail_env;
	child->ctx = d;
	d->child = child;
	d->path.max = KIB(8);
	d->file.max = CONFIG_FILE_MAX + 1;
	d->env.max = CONFIG_ENV_MAX;
	d->args.max = 2 * CONFIG_FILE_MAX;
	d->text.max = 2 * CONFIG_FILE_MAX;
	d->past = mem_alloc(CONFIG_HISTORY_MAX, sizeof(*d->past));
	arena_init(&d->arena, CONFIG_ARENA_MAX);
	if (config_read_fd(child_handle(child, HANDLE_CONFIG_PATH, 0), &d->path, false) < 0 ||
		(env >= 0 && config_read_fd(env, &d->env, false) < 0))
		return ERR_IO;
	d->unreadable = config_read_file(
		child_handle(child, HANDLE_CONFIG, 0), buf_span(&d->path), &d->file, &d->absent);
	crypto_sha256(buf_span(&d->file), d->raw_hash);
	crypto_hex_encode(span_of(d->raw_hash, sizeof(d->raw_hash)), d->hash);
	d->in = (struct config_input){.path = buf_span(&d->path),
		.absent = d->absent,
		.text = buf_span(&d->file),
		.env = buf_span(&d->env),
		.owner_uid = getuid(),
		.sources = &d->sources};
	return 0;
}

static void
on_late(struct ev *ev, void *arg)
{
	(void)ev;
	child_stop(arg);
}

static void
start(struct child *child)
{
	(void)ev_timer_start(child->ev, LIFE_MS, on_late, child);
}

/* Nobody is left to be answered. */
static void
peer_gone(struct child *child, uint8_t kind, struct ipc_chan *chan)
{
	(void)chan;
	if (kind == KIND_USER)
		child_stop(child);
}

const struct child_spec config_desk_spec = {
	.kind = KIND_DESK,
	.name = "config/desk",
	.jail = &config_jail,
	.links = config_desk_links,
	.nlinks = 2,
	.setup = setup,
	.start = start,
	.peer_gone = peer_gone,
};
