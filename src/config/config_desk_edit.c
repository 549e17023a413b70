/* The new text of a configuration: made of a patch, of a whole one or of a former one, checked, handed to the supervisor. */
#include "config_desk.h"

#include <string.h>
#include <unistd.h>

#include "args/args.h"
#include "base/err.h"
#include "config_edit.h"
#include "config_show.h"
#include "crypto/crypto_encode.h"
#include "proto/config_supervisor.h"

/* ---- a new text ---- */

void
config_desk_invalid(struct config_desk *d)
{
	struct buf b = {.max = CONFIG_DESK_ANSWER_MAX};
	struct json_out o;

	json_out_init(&o, &b, NULL);
	json_out_begin_object(&o);
	config_desk_put_notes(&o, "issues", &d->config, true);
	json_out_end_object(&o);
	(void)json_out_finish(&o);
	config_desk_answer(d, false, RPC_INVALID_REQUEST, "invalid config", buf_span(&b));
	buf_clear(&b);
}

static void
invalid_at(struct config_desk *d, struct json_pos at, const char *why)
{
	if (d->translated)
		config_clear(&d->config);
	config_refuse(&d->config, &d->in, 0);
	d->translated = true;
	d->config.nnotes = 0;
	d->config.mistakes = 0;
	config_mistake(&d->config, at, "%s", why);
	config_desk_invalid(d);
}

void
config_desk_write(struct config_desk *d)
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
		config_desk_answer(d, false, RPC_UNAVAILABLE,
			"the configuration cannot be written: try again", SPAN_EMPTY);
	if (fd >= 0)
		close(fd);
}

static void
put_sentinel(struct config_desk *d, struct json_out *o)
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
void
config_desk_written(struct config_desk *d)
{
	struct buf b = {.max = CONFIG_DESK_ANSWER_MAX};
	uint8_t hash[CRYPTO_SHA256_LEN];
	char hex[CONFIG_DESK_HASH_LEN + 1];
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
	config_desk_put_notes(&o, "warnings", &d->config, false);
	if (d->method == METHOD_CONFIG_APPLY || d->method == METHOD_CONFIG_PATCH)
		put_sentinel(d, &o);
	config_desk_finish(d, &o, &b);
}

/* The text of the file with a patch. */
int
config_desk_patch(struct config_desk *d, struct span raw)
{
	struct json_error err;
	const char *why;
	int rc = config_edit_patch(&d->arena, d->absent ? SPAN("{}\n") : buf_span(&d->file), raw,
		&d->text, &d->rewritten, &err, &why);

	if (rc < 0 && why == NULL)
		invalid_at(d, err.at, err.msg);
	else if (rc < 0)
		config_desk_refuse(d, why);
	return rc;
}

/* A whole text; marks in it become the secrets of the file again. */
int
config_desk_replace(struct config_desk *d, struct span raw)
{
	struct json_error err;
	struct json_pos at = {0};
	const struct json_node *root = config_desk_parse(d, raw, &err);
	const struct json_node *old =
		d->absent ? NULL : config_desk_parse(d, buf_span(&d->file), NULL);
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

bool
config_desk_check_base(struct config_desk *d)
{
	struct span base = SPAN_EMPTY;

	(void)args_get_str(buf_span(&d->args), "baseHash", &base);
	if (d->unreadable != 0)
		config_desk_refuse(d, "the configuration cannot be read");
	else if (base.len == 0 && !d->absent)
		config_desk_refuse(d, "config base hash required; re-run config.get and retry");
	else if (base.len > 0 && !span_eq_nocase(base, span_from_cstr(d->hash)))
		config_desk_refuse(
			d, "config changed since last load; re-run config.get and retry");
	else
		return true;
	return false;
}

int
config_desk_roll_back(struct config_desk *d)
{
	struct span hash = SPAN_EMPTY;
	const struct config_desk_past *found;

	(void)args_get_str(buf_span(&d->args), "hash", &hash);
	found = config_desk_past_find(d, hash);
	return found == NULL ? ERR_NOTFOUND : buf_put(&d->text, buf_span(&found->text));
}
