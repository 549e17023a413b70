#include "audit.h"

#include <stdio.h>

#include "base/err.h"
#include "base/log.h"
#include "proto/tools.h"

static const char *const event_names[AUDIT_EVENT_N] = {
#define AUDIT_EVENT(ID, text) #ID,
#include "proto/audit_events.def"
#undef AUDIT_EVENT
};

static const char *const verdict_names[] = {"DENY", "ALLOW", "ASK"};

/* Only the chain itself writes these: a writer that could would look like us. */
static bool
is_ours(uint8_t event)
{
	return event == AUDIT_EPOCH || event == AUDIT_RESTART_MARK || event == AUDIT_NONE;
}

static void
put_verdict(const struct audit_writer_line *m, struct auditlog_record *r)
{
	if (m->event != AUDIT_VERDICT && m->verdict == 0 && m->reason == 0)
		return;
	if (m->event == AUDIT_VERDICT || m->verdict != 0)
		r->verdict = span_from_cstr(
			m->verdict < 3 ? verdict_names[m->verdict] : verdict_names[VERDICT_DENY]);
	r->reason = span_from_cstr(reason_name(m->reason));
}

int
audit_line_add(
	struct audit *a, uint8_t writer, uint64_t instance, const struct audit_writer_line *m)
{
	struct auditlog_record r = {.time_ms = ev_wall_ms()};
	char name[64];
	int rc;

	if (m->event >= AUDIT_EVENT_N || is_ours(m->event))
		return ERR_PROTO;
	snprintf(name, sizeof(name), "%s/%llu", kind_name(writer), (unsigned long long)instance);
	r.writer = span_from_cstr(name);
	r.event = span_from_cstr(event_names[m->event]);
	put_verdict(m, &r);
	r.principal = m->principal;
	r.run = m->run;
	r.call = m->call;
	if (m->tool > TOOL_NONE && m->tool < TOOL_N)
		r.tool = span_from_cstr(tool_rows[m->tool].name);
	if (m->peer != 0)
		r.peer = span_from_cstr(kind_name(m->peer));
	r.instance = m->instance;
	r.number = m->number;
	r.hash = m->hash;
	r.text = m->text;
	rc = auditlog_put(&a->found.chain, &r, &a->out);
	if (rc < 0) {
		log_error("audit line lost: there is no room for it", LOG_S("writer", r.writer),
			LOG_S("event", r.event));
		return rc;
	}
	audit_epoch_count(a, 1);
	audit_file_touch(a);
	return 0;
}
