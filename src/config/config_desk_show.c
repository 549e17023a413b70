/* What config/desk shows: the configuration without its secrets, its schema, its history. */
#include "config_desk.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "args/args.h"
#include "base/utc.h"
#include "config_show.h"

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

void
config_desk_get(struct config_desk *d)
{
	struct buf b = {.max = CONFIG_DESK_ANSWER_MAX};
	struct json_out o;
	const struct json_node *own =
		d->absent ? NULL : config_desk_parse(d, buf_span(&d->file), NULL);

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
	config_desk_put_notes(&o, "issues", &d->config, true);
	config_desk_put_notes(&o, "warnings", &d->config, false);
	json_out_key(&o, SPAN("legacyIssues"));
	json_out_begin_array(&o);
	for (size_t i = 0; i < d->config.nnotes; i++) {
		struct span text = d->config.notes[i].text;

		if (span_find(text, SPAN(": an old name; write ")) < 0)
			continue;
		json_out_begin_object(&o);
		json_out_member_str(&o, "path", config_desk_path_of(text));
		json_out_member_str(&o, "message", text);
		json_out_end_object(&o);
	}
	json_out_end_array(&o);
	config_desk_finish(d, &o, &b);
}

static void
put_time(struct buf *b, time_t t)
{
	struct tm tm;

	if (utc_split(t, &tm) == 0)
		buf_put_fmt(b, "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900, tm.tm_mon + 1,
			tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

void
config_desk_schema(struct config_desk *d)
{
	struct buf b = {.max = CONFIG_DESK_ANSWER_MAX};
	struct json_out o;
	struct buf when = {.max = 64};

	json_out_init(&o, &b, NULL);
	json_out_begin_object(&o);
	config_schema_put(&o);
	put_time(&when, (time_t)(ev_wall_ms() / 1000));
	json_out_member_str(&o, "generatedAt", buf_span(&when));
	buf_clear(&when);
	config_desk_finish(d, &o, &b);
}

/* ---- moltbot.config.history ---- */

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

const struct config_desk_past *
config_desk_past_find(struct config_desk *d, struct span hash)
{
	const struct config_desk_past *found = NULL;

	for (uint32_t i = 0; i < d->npast; i++) {
		bool fits = span_starts_with(span_from_cstr(d->past[i].hash), hash);

		if (fits && found != NULL && strcmp(found->hash, d->past[i].hash) != 0) {
			config_desk_refuse(
				d, "more than one text has a hash that begins like this");
			return NULL;
		}
		if (fits && found == NULL)
			found = &d->past[i];
	}
	if (found == NULL)
		config_desk_refuse(d, "no such text in the history");
	return found;
}

static void
put_past(struct config_desk *d, struct json_out *o, const struct config_desk_past *p)
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

void
config_desk_history(struct config_desk *d)
{
	const struct config_desk_past *only = NULL;
	struct span hash = SPAN_EMPTY;
	struct buf b = {.max = CONFIG_DESK_ANSWER_MAX};
	struct json_out o;

	(void)args_get_str(buf_span(&d->args), "hash", &hash);
	if (hash.len > 0) {
		only = config_desk_past_find(d, hash);
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
		put_raw(&o, buf_span(&only->text),
			config_desk_parse(d, buf_span(&only->text), NULL));
	config_desk_finish(d, &o, &b);
}
