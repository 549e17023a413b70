#include "auditlog/auditlog_private.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"

#define CHUNK KIB(64u)

#define CALL_ALLOWED 1u
#define CALL_EFFECT 2u

/* Runs and calls that were seen, an open-addressing table; a zero call number is as good as any other. */
struct calls {
	struct {
		uint64_t run;
		uint64_t call;
		uint8_t seen; /* CALL_x; 0: free */
	} * slots;
	size_t cap; /* a power of two */
	size_t n;
};

struct verify {
	const struct auditlog_rule *rule;
	const uint8_t *genesis;
	struct auditlog_report *r;
	struct auditlog_chain chain;
	uint64_t file_line;
	uint64_t unsigned_lines;
	uint64_t epoch; /* in use; 0: none yet */
	uint8_t key[CRYPTO_PUBLIC_LEN];
	uint64_t next_epoch;
	uint8_t next_key[CRYPTO_PUBLIC_LEN];
	/* Lines that are none: torn by a kill if a restart mark says so. */
	bool in_bad;
	struct auditlog_finding bad;
	uint64_t bad_len; /* bytes, the last newline not among them */
	bool bad_newline; /* it is there */
	struct crypto_sha256 bad_hash;
	struct calls calls;
};

static const char *const fault_texts[] = {
	[AUDITLOG_MALFORMED] = "this is not a line of the log, and no restart accounts for it",
	[AUDITLOG_EDITED] = "the line was changed",
	[AUDITLOG_BROKEN] =
		"does not follow the line before: one was cut, moved, inserted or changed",
	[AUDITLOG_BEGINNING] = "the log does not begin with the key it should begin with",
	[AUDITLOG_KEY] = "the new key is not signed by the one before it",
	[AUDITLOG_SIGNATURE] = "the signature is not one of the lines before it",
	[AUDITLOG_MARK] = "the restart mark does not say what stands before it",
};

const char *
auditlog_fault_text(enum auditlog_fault fault)
{
	return (size_t)fault < sizeof(fault_texts) / sizeof(fault_texts[0]) ? fault_texts[fault]
									    : "unknown";
}

static void
found(struct verify *v, struct auditlog_finding f)
{
	if (v->r->findings < AUDITLOG_LISTED_MAX)
		v->r->finding[v->r->findings] = f;
	v->r->findings++;
}

static void
found_here(struct verify *v, const struct auditlog_line *line, enum auditlog_fault fault)
{
	found(v, (struct auditlog_finding){v->file_line, line->seq, fault});
}

/* ---- two witnesses ---- */

static size_t
slot_of(const struct calls *a, uint64_t run, uint64_t call)
{
	uint64_t h = (run * 0x9e3779b97f4a7c15u) ^ (call + 0x7f4a7c15u) * 0xbf58476d1ce4e5b9u;
	size_t i = (size_t)(h ^ h >> 29) & (a->cap - 1);

	while (a->slots[i].seen != 0 && (a->slots[i].run != run || a->slots[i].call != call))
		i = (i + 1) & (a->cap - 1);
	return i;
}

static void
grow(struct calls *a)
{
	struct calls bigger = {.cap = a->cap == 0 ? 1024 : 2 * a->cap, .n = a->n};

	bigger.slots = mem_alloc(bigger.cap, sizeof(*bigger.slots));
	for (size_t k = 0; k < a->cap; k++) {
		if (a->slots[k].seen != 0)
			bigger.slots[slot_of(&bigger, a->slots[k].run, a->slots[k].call)] =
				a->slots[k];
	}
	free(a->slots);
	*a = bigger;
}

/* What was seen of this call before, and now this, too. */
static uint8_t
see(struct calls *a, uint64_t run, uint64_t call, uint8_t what)
{
	uint8_t before;
	size_t i;

	if (2 * (a->n + 1) > a->cap)
		grow(a);
	i = slot_of(a, run, call);
	before = a->slots[i].seen;
	a->n += before != 0 ? 0 : 1;
	a->slots[i].run = run;
	a->slots[i].call = call;
	a->slots[i].seen |= what;
	return before;
}

static bool
is_writer(const struct auditlog_line *line, const char *name)
{
	struct span w = line->value[AUDITLOG_WRITER];
	ptrdiff_t slash = span_find_byte(w, '/');

	return span_eq(slash < 0 ? w : span_sub(w, 0, (size_t)slash), span_from_cstr(name));
}

static bool
is_effect(const struct auditlog_rule *rule, const struct auditlog_line *line)
{
	const char *const *e = rule->effect_events;
	const char *const *w = rule->effect_writers;

	while (*e != NULL && !span_eq(line->value[AUDITLOG_EVENT], span_from_cstr(*e)))
		e++;
	while (*w != NULL && !is_writer(line, *w))
		w++;
	return *e != NULL && *w != NULL;
}

static void
check_witness(struct verify *v, const struct auditlog_line *line)
{
	const struct auditlog_rule *rule = v->rule;
	uint64_t run;
	uint64_t call;
	uint8_t before;

	if (rule == NULL || !auditlog_u64(line, AUDITLOG_RUN, &run) ||
		!auditlog_u64(line, AUDITLOG_CALL, &call))
		return;
	if (span_eq(line->value[AUDITLOG_EVENT], span_from_cstr(rule->verdict_event)) &&
		is_writer(line, rule->verdict_writer) &&
		span_eq(line->value[AUDITLOG_VERDICT], span_from_cstr(rule->verdict)))
		(void)see(&v->calls, run, call, CALL_ALLOWED);
	if (!is_effect(rule, line))
		return;
	before = see(&v->calls, run, call, CALL_EFFECT);
	if ((before & CALL_EFFECT) != 0)
		return;
	v->r->effects++;
	if ((before & CALL_ALLOWED) != 0)
		return;
	if (v->r->lone < AUDITLOG_LISTED_MAX)
		v->r->lone_effect[v->r->lone] = (struct auditlog_lone){line->seq, run, call};
	v->r->lone++;
}

/* ---- lines of the chain itself; chain is still that before the line ---- */

static bool
is_signed_by(const struct verify *v, const struct auditlog_line *line, const char *domain,
	uint64_t epoch, const uint8_t *key, const uint8_t *signer)
{
	struct auditlog_signed covered;
	uint8_t sig[CRYPTO_SIGNATURE_LEN];

	auditlog_signed_bytes(domain, &v->chain, epoch, key, &covered);
	return auditlog_hex(line, AUDITLOG_SIG, sig, sizeof(sig)) &&
	       crypto_ed25519_verify(
		       signer, span_of(covered.bytes, covered.len), span_of(sig, sizeof(sig))) == 0;
}

static void
check_epoch(struct verify *v, const struct auditlog_line *line)
{
	bool first = v->epoch == 0;
	uint8_t key[CRYPTO_PUBLIC_LEN];
	uint64_t epoch;

	if (!auditlog_u64(line, AUDITLOG_EPOCH, &epoch) ||
		!auditlog_hex(line, AUDITLOG_PUBLIC, key, sizeof(key)) ||
		!is_signed_by(v, line, DOMAIN_EPOCH, epoch, key, first ? key : v->key) ||
		(!first && epoch != v->epoch + 1)) {
		found_here(v, line, AUDITLOG_KEY);
		return;
	}
	if (first) {
		if (v->genesis != NULL && memcmp(v->genesis, key, sizeof(key)) != 0)
			found_here(v, line, AUDITLOG_BEGINNING);
		v->epoch = epoch;
		v->r->epochs = 1;
		memcpy(v->key, key, sizeof(key));
		memcpy(v->r->genesis, key, sizeof(key));
	} else {
		v->next_epoch = epoch;
		memcpy(v->next_key, key, sizeof(key));
	}
}

static void
check_signed(struct verify *v, const struct auditlog_line *line)
{
	uint8_t key[CRYPTO_PUBLIC_LEN];
	uint8_t next[CRYPTO_PUBLIC_LEN];
	bool has_next = auditlog_hex(line, AUDITLOG_NEXT, next, sizeof(next));
	uint64_t epoch;

	if (!auditlog_u64(line, AUDITLOG_EPOCH, &epoch) ||
		!auditlog_hex(line, AUDITLOG_PUBLIC, key, sizeof(key)) || epoch == 0) {
		found_here(v, line, AUDITLOG_SIGNATURE);
		return;
	}
	if (epoch == v->next_epoch && memcmp(key, v->next_key, sizeof(key)) == 0) {
		v->epoch = epoch;
		memcpy(v->key, key, sizeof(key));
		v->next_epoch = 0;
		v->r->epochs++;
	}
	if (epoch != v->epoch || memcmp(key, v->key, sizeof(key)) != 0 ||
		!is_signed_by(v, line, DOMAIN_SIGNED, epoch, has_next ? next : NULL, v->key)) {
		found_here(v, line, AUDITLOG_SIGNATURE);
		return;
	}
	v->r->signatures++;
	v->unsigned_lines = 0;
	if (v->r->findings == 0)
		v->r->proven = line->seq;
}

static void
check_mark(struct verify *v, const struct auditlog_line *line)
{
	uint64_t unsigned_lines;

	v->r->restarts++;
	if (!auditlog_u64(line, AUDITLOG_UNSIGNED, &unsigned_lines) ||
		unsigned_lines != v->unsigned_lines)
		found_here(v, line, AUDITLOG_MARK);
	v->r->unsigned_at_restart += v->unsigned_lines;
}

/* ---- bytes that are no line ---- */

static void
bad_add(struct verify *v, struct span text, bool newline)
{
	if (v->bad_newline) {
		crypto_sha256_put(&v->bad_hash, SPAN("\n"));
		v->bad_len++;
	}
	crypto_sha256_put(&v->bad_hash, text);
	v->bad_len += text.len;
	v->bad_newline = newline;
}

static void
bad_begin(struct verify *v, uint64_t seq, enum auditlog_fault fault)
{
	v->in_bad = true;
	v->bad = (struct auditlog_finding){v->file_line, seq, fault};
	v->bad_len = 0;
	v->bad_newline = false;
	crypto_sha256_init(&v->bad_hash);
}

/* Does this mark account for exactly the bytes before it. */
static bool
mark_explains(struct verify *v, const struct auditlog_line *line)
{
	struct crypto_sha256 copy = v->bad_hash;
	uint8_t have[CRYPTO_SHA256_LEN];
	uint8_t want[CRYPTO_SHA256_LEN];
	uint64_t torn;

	crypto_sha256_final(&copy, have);
	return auditlog_is(line, EVENT_MARK) && auditlog_u64(line, AUDITLOG_TORN, &torn) &&
	       torn == v->bad_len && auditlog_hex(line, AUDITLOG_TORN_HASH, want, sizeof(want)) &&
	       memcmp(have, want, sizeof(have)) == 0 && line->seq == v->chain.seq + 1 &&
	       memcmp(line->prev, v->chain.last, sizeof(line->prev)) == 0;
}

static bool
mark_without_reason(const struct verify *v, const struct auditlog_line *line)
{
	uint64_t torn;

	return !v->in_bad && auditlog_is(line, EVENT_MARK) &&
	       (!auditlog_u64(line, AUDITLOG_TORN, &torn) || torn != 0);
}

/* ---- the walk ---- */

static void
take_line(struct verify *v, const struct auditlog_line *line)
{
	bool follows = line->seq == v->chain.seq + 1 &&
		       memcmp(line->prev, v->chain.last, sizeof(line->prev)) == 0;

	if (!follows)
		found_here(v, line, AUDITLOG_BROKEN);
	if (v->epoch == 0 && !auditlog_is(line, EVENT_EPOCH) && !auditlog_is(line, EVENT_MARK)) {
		found_here(v, line, AUDITLOG_BEGINNING);
		v->epoch = UINT64_MAX; /* said once */
	}
	if (!follows) {
		/* what was cut may have held signatures: go on from here, count from here */
		v->chain.seq = line->seq - 1;
		memcpy(v->chain.last, line->prev, sizeof(line->prev));
	}
	if (auditlog_is(line, EVENT_EPOCH))
		check_epoch(v, line);
	if (auditlog_is(line, EVENT_MARK))
		check_mark(v, line);
	v->unsigned_lines++;
	if (auditlog_is(line, EVENT_SIGNED))
		check_signed(v, line);
	check_witness(v, line);
	v->chain.seq = line->seq;
	memcpy(v->chain.last, line->own, sizeof(line->own));
	v->r->lines++;
	v->r->last = line->seq;
}

static void
take_text(struct verify *v, struct span text, bool newline)
{
	struct auditlog_line line;
	int rc = auditlog_line_read(text, &line);

	v->file_line++;
	if (rc < 0) {
		if (!v->in_bad)
			bad_begin(v, rc == ERR_CRYPTO ? line.seq : 0,
				rc == ERR_CRYPTO ? AUDITLOG_EDITED : AUDITLOG_MALFORMED);
		bad_add(v, text, newline);
		return;
	}
	if (v->in_bad) {
		if (mark_explains(v, &line))
			v->r->torn += v->bad_len;
		else
			found(v, v->bad);
		v->in_bad = false;
	} else if (mark_without_reason(v, &line)) {
		found_here(v, &line, AUDITLOG_MARK);
	}
	take_line(v, &line);
}

/* The end: bytes without a newline are what a kill leaves; whole lines that are none are not. */
static void
take_end(struct verify *v)
{
	if (!v->in_bad)
		return;
	if (v->bad_newline)
		found(v, v->bad);
	else
		v->r->tail_torn = v->bad_len;
}

static int
walk(struct verify *v, int fd)
{
	struct buf b = {.max = MIB(1u)};
	uint64_t at = 0;
	ssize_t n;
	ptrdiff_t nl;

	while ((n = pread(fd, buf_room(&b, CHUNK), CHUNK, (off_t)at)) > 0) {
		size_t used = 0;

		at += (uint64_t)n;
		buf_added(&b, (size_t)n);
		while ((nl = span_find_byte(span_sub(buf_span(&b), used, b.len), '\n')) >= 0) {
			take_text(v, span_sub(buf_span(&b), used, (size_t)nl), true);
			used += (size_t)nl + 1;
		}
		buf_consume(&b, used);
		/* a line that never ends is none: hand it on in pieces */
		if (b.len > AUDIT_LINE_MAX) {
			if (!v->in_bad)
				bad_begin(v, 0, AUDITLOG_MALFORMED);
			bad_add(v, buf_span(&b), false);
			buf_reset(&b);
		}
	}
	if (b.len > 0)
		take_text(v, buf_span(&b), false);
	take_end(v);
	buf_clear(&b);
	return n < 0 ? ERR_IO : 0;
}

int
auditlog_verify(int fd, const uint8_t *genesis, const struct auditlog_rule *rule,
	struct auditlog_report *report)
{
	struct verify v = {.rule = rule, .genesis = genesis, .r = report};
	int rc;

	memset(report, 0, sizeof(*report));
	rc = walk(&v, fd);
	free(v.calls.slots);
	if (rc < 0)
		return rc;
	return report->findings > 0 || report->lone > 0 ? ERR_CRYPTO : 0;
}
