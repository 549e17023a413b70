#include "checks/checks.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/log.h"
#include "checks/subjects.h"

#define ARENA_MAX MIB(8u)

const char *const check_section_names[CHECK_SECTIONS] = {
#define SECTION(ID, name, title) [CHECK_IN_##ID] = (name),
#include "checks/checks.def"
};

const char *const check_section_titles[CHECK_SECTIONS] = {
#define SECTION(ID, name, title) [CHECK_IN_##ID] = (title),
#include "checks/checks.def"
};

const struct check_row check_rows[CHECK_N] = {
#define CHECK(ID, id, section, line, severity, title, check, deep, mends)                          \
	[CHECK_##ID] = {(id), CHECK_IN_##section, (line), CHECK_##severity, (title), (check),      \
		(deep), (mends)},
#include "checks/checks.def"
};

/* ---- texts ---- */

static const char *
keep(struct checks *c, struct span s)
{
	struct span copy = arena_copy(&c->arena, s);

	return copy.ptr == NULL ? "" : (const char *)copy.ptr;
}

static const char *keep_fmt(struct checks *c, const char *fmt, va_list ap)
	__attribute__((format(printf, 2, 0)));

static const char *
keep_fmt(struct checks *c, const char *fmt, va_list ap)
{
	char text[CHECK_TEXT_MAX];
	int n = vsnprintf(text, sizeof(text), fmt, ap);

	if (n < 0)
		n = 0;
	return keep(c, span_of(text, (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1));
}

const char *
check_text(struct checks *c, const char *fmt, ...)
{
	const char *text;
	va_list ap;

	va_start(ap, fmt);
	text = keep_fmt(c, fmt, ap);
	va_end(ap);
	return text;
}

const char *
check_quoted(struct checks *c, const char *path)
{
	struct span s = span_from_cstr(path);
	struct buf b = {.max = KIB(8u)};
	const char *text;

	(void)buf_put_u8(&b, '\'');
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] == '\'')
			(void)buf_put_cstr(&b, "'\\''");
		else
			(void)buf_put_u8(&b, s.ptr[i]);
	}
	(void)buf_put_u8(&b, '\'');
	text = keep(c, buf_span(&b));
	buf_clear(&b);
	return text;
}

/* ---- what a check says ---- */

void
check_pass(struct checks *c, struct check_result *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (r->verdict == CHECK_UNKNOWN && r->evidence == NULL) {
		r->verdict = CHECK_PASS;
		r->evidence = keep_fmt(c, fmt, ap);
	}
	va_end(ap);
}

void
check_unknown(struct checks *c, struct check_result *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (r->verdict != CHECK_FAIL) {
		r->verdict = CHECK_UNKNOWN;
		r->evidence = keep_fmt(c, fmt, ap);
	}
	va_end(ap);
}

static void
add(struct check_result *r, const struct check_finding *f)
{
	r->verdict = CHECK_FAIL;
	if (r->n < CHECK_FINDINGS_MAX)
		r->findings[r->n++] = *f;
	else
		r->more++;
}

void
check_fail(struct checks *c, struct check_result *r, const char *fix, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(r, &(struct check_finding){.id = r->row->id,
		       .severity = r->row->severity,
		       .what = keep_fmt(c, fmt, ap),
		       .fix = fix == NULL ? r->row->mends : fix});
	va_end(ap);
}

void
check_fail_as(struct checks *c, struct check_result *r, const char *id,
	enum check_severity severity, const char *fix, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(r, &(struct check_finding){.id = id == NULL ? r->row->id : id,
		       .severity = severity,
		       .what = keep_fmt(c, fmt, ap),
		       .fix = fix == NULL ? r->row->mends : fix});
	va_end(ap);
}

/* ---- all of them ---- */

static void
make(struct checks *c, struct check_result *r)
{
	if (r->row->check == NULL)
		check_unknown(c, r, "%s", r->row->mends);
	else if (r->row->deep && !c->deep)
		check_unknown(c, r, "only an attack can tell: moltbot security audit --deep");
	else
		r->row->check(c, r);
	if (r->verdict == CHECK_UNKNOWN && r->evidence == NULL)
		check_unknown(c, r, "the check said nothing");
}

void
checks_open(struct checks *c)
{
	arena_init(&c->arena, ARENA_MAX);
	for (size_t i = 0; i < CHECK_N; i++)
		c->results[i] = (struct check_result){.row = &check_rows[i]};
	check_evidence_take(c);
}

void
checks_make(struct checks *c)
{
	if (c->deep) {
		cli_progress("looking, and attacking the gateway");
		check_deep_start(c);
	}
	for (size_t i = 0; i < CHECK_N; i++) {
		if (!check_rows[i].deep)
			make(c, &c->results[i]);
	}
	for (size_t i = 0; i < CHECK_N; i++) {
		if (!check_rows[i].deep)
			continue;
		if (c->deep)
			cli_progress(check_rows[i].title);
		make(c, &c->results[i]);
	}
	cli_progress(NULL);
}

bool
checks_worst(const struct checks *c, enum check_severity *worst)
{
	bool any = false;

	*worst = CHECK_INFO;
	for (size_t i = 0; i < CHECK_N; i++) {
		for (size_t k = 0; k < c->results[i].n; k++) {
			any = true;
			if (c->results[i].findings[k].severity > *worst)
				*worst = c->results[i].findings[k].severity;
		}
	}
	return any;
}
