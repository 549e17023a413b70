/*
 * config/desk: one question of one principal that has admin, answered, and the end. It shows the configuration without its
 * secrets, checks a new text with the same code as the start, and hands it to the supervisor, which writes it.
 */
#include "config_desk.h"

#include <string.h>
#include <unistd.h>

#include "args/args.h"
#include "base/err.h"
#include "crypto/crypto_encode.h"
#include "proto/config_supervisor.h"
#include "proto/config_user.h"

#define SENT_POLL_MS 1
#define LIFE_MS 30000 /* longest time to an answer */

/* ---- answers ---- */

static void
end_when_sent(struct ev *ev, void *arg)
{
	struct config_desk *d = arg;
	struct ipc_chan *chan = child_peer(d->child, KIND_USER, d->child->instance);

	if (chan == NULL || ipc_chan_queued(chan) == 0)
		child_stop(d->child);
	else
		(void)ev_timer_start(ev, SENT_POLL_MS, end_when_sent, d);
}

void
config_desk_answer(
	struct config_desk *d, bool ok, unsigned code, const char *message, struct span json)
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

void
config_desk_refuse(struct config_desk *d, const char *message)
{
	config_desk_answer(d, false, RPC_INVALID_REQUEST, message, SPAN_EMPTY);
}

void
config_desk_finish(struct config_desk *d, struct json_out *o, struct buf *b)
{
	json_out_end_object(o);
	if (json_out_finish(o) < 0)
		config_desk_answer(
			d, false, RPC_UNAVAILABLE, "the answer is too large", SPAN_EMPTY);
	else
		config_desk_answer(d, true, RPC_OK, "", buf_span(b));
	buf_clear(b);
}

struct span
config_desk_path_of(struct span text)
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

void
config_desk_put_notes(struct json_out *o, const char *key, const struct config *c, bool mistakes)
{
	json_out_key(o, span_from_cstr(key));
	json_out_begin_array(o);
	for (size_t i = 0; i < c->nnotes; i++) {
		const struct config_note *n = &c->notes[i];

		if (n->mistake != mistakes)
			continue;
		json_out_begin_object(o);
		json_out_member_str(o, "path", config_desk_path_of(n->text));
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

struct json_node *
config_desk_parse(struct config_desk *d, struct span text, struct json_error *err)
{
	const struct json_opts opts = {.mode = JSON_JSON5};
	struct json_node *root = NULL;

	(void)json_parse(&d->arena, text, &opts, &root, err);
	return root;
}

/* ---- the course of a question ---- */

static bool
is_writing(const struct config_desk *d)
{
	return d->method != METHOD_CONFIG_GET && d->method != METHOD_CONFIG_SCHEMA &&
	       d->method != METHOD_CONFIG_HISTORY;
}

/* The text that is looked at, with all that it includes. */
static void
look(struct config_desk *d)
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
		config_desk_get(d);
	else if (d->config.mistakes > 0)
		config_desk_invalid(d);
	else
		config_desk_write(d);
}

static void
change(struct config_desk *d)
{
	struct span raw = SPAN_EMPTY;
	int rc;

	(void)args_get_str(buf_span(&d->args), "raw", &raw);
	if (d->method == METHOD_CONFIG_ROLLBACK)
		rc = config_desk_roll_back(d);
	else if (d->method == METHOD_CONFIG_PATCH)
		rc = config_desk_patch(d, raw);
	else
		rc = config_desk_replace(d, raw);
	if (rc < 0)
		return; /* answered */
	d->in.text = buf_span(&d->text);
	d->in.absent = false;
	look(d);
}

static void
ask_past(struct config_desk *d)
{
	struct ipc_chan *chan = child_peer(d->child, KIND_SUPERVISOR, 0);

	if (chan == NULL || config_supervisor_history_send(
				    chan, &(struct config_supervisor_history){.n = d->npast}) < 0)
		child_stop(d->child);
}

static void
work(struct config_desk *d)
{
	switch (d->method) {
	case METHOD_CONFIG_GET:
		look(d);
		break;
	case METHOD_CONFIG_SCHEMA:
		config_desk_schema(d);
		break;
	case METHOD_CONFIG_HISTORY:
		ask_past(d);
		break;
	case METHOD_CONFIG_ROLLBACK:
		if (config_desk_check_base(d))
			ask_past(d);
		break;
	case METHOD_CONFIG_SET:
	case METHOD_CONFIG_PATCH:
	case METHOD_CONFIG_APPLY:
		if (config_desk_check_base(d))
			change(d);
		break;
	default:
		config_desk_refuse(d, "unknown method");
	}
}

int
config_desk_on_ask(struct ipc_chan *chan, const void *m, void *arg)
{
	const struct config_user_ask *msg = m;
	struct child *child = arg;
	struct config_desk *d = child->ctx;
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
		rc = ipc_body_get(msg->body, IPC_BODY_MAX, &body);
		if (rc < 0)
			return rc;
		buf_put(&d->args, body);
		ipc_body_free(body);
	}
	if (msg->method >= METHOD_N || d->args.err < 0 || args_check(buf_span(&d->args)) < 0)
		config_desk_refuse(d, "malformed");
	else
		work(d);
	return 0;
}

int
config_desk_on_included(struct ipc_chan *chan, const void *m, void *arg)
{
	const struct config_supervisor_included *msg = m;
	struct child *child = arg;
	struct config_desk *d = child->ctx;
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
	struct config_desk *d = child->ctx;

	(void)chan;
	if (msg->rc == 0)
		config_desk_written(d);
	else if (msg->rc == ERR_STATE)
		config_desk_refuse(
			d, "config changed since last load; re-run config.get and retry");
	else if (msg->rc == ERR_DENIED)
		config_desk_refuse(
			d, "the configuration is a symbolic link; change the file that it names");
	else
		config_desk_answer(d, false, RPC_UNAVAILABLE,
			"the configuration could not be written", SPAN_EMPTY);
	return 0;
}

int
config_desk_on_past(struct ipc_chan *chan, const void *m, void *arg)
{
	const struct config_supervisor_past *msg = m;
	const uint64_t words[4] = {msg->h0, msg->h1, msg->h2, msg->h3};
	struct child *child = arg;
	struct config_desk *d = child->ctx;
	struct config_desk_past *p = &d->past[d->npast];

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
		config_desk_history(d);
	else
		change(d);
	return 0;
}

/* ---- life cycle ---- */

static int
setup(struct child *child, struct jail_env *jail_env)
{
	struct config_desk *d = mem_alloc(1, sizeof(*d));
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
