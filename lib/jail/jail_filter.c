#include "jail/jail.h"
#include "jail_calls.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "base/err.h"
#include "base/weak.h"

/*
 * The filter is a straight list, ascending by number, so that it can be read next to the tables.
 * Speed does not ask for a tree: since Linux 5.11 the kernel answers calls that are allowed
 * whatever their arguments from a bitmap.
 */

#if defined(__x86_64__)
#define OUR_ARCH AUDIT_ARCH_X86_64
#define X32_BIT 0x40000000u
#elif defined(__aarch64__)
#define OUR_ARCH AUDIT_ARCH_AARCH64
#else
#error "jail: only x86_64 and aarch64 have tables"
#endif

#define NR_MAX 512 /* no call of the tables has a higher number */
#define PROG_MAX 2048
#define LOAD(off) ((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (off)))
#define RETURN(v) ((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, (v)))
#define OFF_NR 0u
#define OFF_ARCH 4u
#define OFF_ARG_LO(n) (16u + 8u * (n))
#define OFF_ARG_HI(n) (20u + 8u * (n))

struct prog {
	struct sock_filter ins[PROG_MAX];
	unsigned n;
	bool full;
};

static void
put(struct prog *p, struct sock_filter ins)
{
	if (p->n == PROG_MAX)
		p->full = true;
	else
		p->ins[p->n++] = ins;
}

static void
put_jump(struct prog *p, uint16_t op, uint32_t k, unsigned jt, unsigned jf)
{
	if (jt > UINT8_MAX || jf > UINT8_MAX)
		p->full = true;
	put(p, (struct sock_filter)BPF_JUMP(
		       (uint16_t)(BPF_JMP | op | BPF_K), k, (uint8_t)jt, (uint8_t)jf));
}

static uint32_t
rule_return(const struct jail_rule *r)
{
	if (r->act == JAIL_ALLOW)
		return SECCOMP_RET_ALLOW;
	if (r->act == JAIL_ERRNO)
		return SECCOMP_RET_ERRNO | ((uint32_t)r->err & SECCOMP_RET_DATA);
	return SECCOMP_RET_KILL_PROCESS;
}

/* Rows of one call: the specification's own, then those of its groups. */
struct rows {
	struct jail_rule r[32];
	unsigned n;
	bool overflow;
};

static void
rows_add(struct rows *rows, const struct jail_rule *r)
{
	if (rows->n == sizeof(rows->r) / sizeof(rows->r[0]))
		rows->overflow = true;
	else
		rows->r[rows->n++] = *r;
}

static struct jail_rule
rule_of_call(const struct jail_call *c)
{
	struct jail_rule r = {
		.nr = c->nr, .act = c->err != 0 ? JAIL_ERRNO : JAIL_ALLOW, .err = c->err};

	if (c->cond) {
		r.cmp = (c->arg & JAIL_ARG_NULL) != 0 ? JAIL_EQ64 : JAIL_MASK32;
		r.arg = c->arg & 7u;
		r.mask = c->mask;
		r.value = c->value;
	}
	return r;
}

#ifdef JAIL_SANITIZED
/* What the sanitizers' run-time needs besides: its stack of signals, its look at its own maps
 * (refused, not fatal). */
static const struct jail_rule sanitizer_rules[] = {
	JAIL_PERMIT(sigaltstack),
	JAIL_PERMIT(tgkill),
	JAIL_REFUSE(openat, EACCES),
	JAIL_REFUSE(readlinkat, EACCES),
#ifdef __x86_64__
	JAIL_REFUSE(open, EACCES),
	JAIL_REFUSE(readlink, EACCES),
	JAIL_REFUSE(stat, EACCES),
#endif
	JAIL_RULES_END,
};
#endif

static void
rows_of(const struct jail_spec *spec, int nr, struct rows *rows)
{
	for (const struct jail_rule *r = spec->rules; r != NULL && r->nr >= 0; r++)
		if (r->nr == nr)
			rows_add(rows, r);
	for (size_t i = 0; i < jail_calls_n; i++) {
		const struct jail_call *c = &jail_calls[i];
		struct jail_rule r;

		if (c->nr != nr || (c->groups & spec->groups) == 0)
			continue;
		r = rule_of_call(c);
		rows_add(rows, &r);
	}
#ifdef JAIL_SANITIZED
	for (const struct jail_rule *r = sanitizer_rules; r->nr >= 0; r++)
		if (r->nr == nr)
			rows_add(rows, r);
#endif
}

/* Which numbers have rows at all: most have none, and looking them up is most of the work. */
static void
mark_calls(const struct jail_spec *spec, bool has_rows[NR_MAX + 1])
{
	for (const struct jail_rule *r = spec->rules; r != NULL && r->nr >= 0; r++)
		if (r->nr <= NR_MAX)
			has_rows[r->nr] = true;
	for (size_t i = 0; i < jail_calls_n; i++)
		if (jail_calls[i].groups & spec->groups)
			has_rows[jail_calls[i].nr] = true;
#ifdef JAIL_SANITIZED
	for (const struct jail_rule *r = sanitizer_rules; r->nr >= 0; r++)
		has_rows[r->nr] = true;
#endif
}

static bool
is_plain_allow(const struct rows *rows)
{
	return rows->n > 0 && rows->r[0].cmp == JAIL_ANY && rows->r[0].act == JAIL_ALLOW;
}

/* The instructions of one row, ending in its return; a row that does not match falls through to the
 * next. */
static void
put_row(struct prog *p, const struct jail_rule *r)
{
	switch (r->cmp) {
	case JAIL_ANY:
		break;
	case JAIL_MASK32:
		put(p, LOAD(OFF_ARG_LO(r->arg)));
		put(p, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, r->mask));
		put_jump(p, BPF_JEQ, (uint32_t)r->value, 0, 1);
		break;
	case JAIL_EQ64:
		put(p, LOAD(OFF_ARG_LO(r->arg)));
		put_jump(p, BPF_JEQ, (uint32_t)r->value, 0, 3);
		put(p, LOAD(OFF_ARG_HI(r->arg)));
		put_jump(p, BPF_JEQ, (uint32_t)(r->value >> 32), 0, 1);
		break;
	}
	put(p, RETURN(rule_return(r)));
}

static void
put_call(struct prog *p, int nr, const struct rows *rows, uint32_t otherwise)
{
	unsigned head = p->n;
	bool decided = false;

	put(p, (struct sock_filter){0}); /* the jump over this block, once its length is known */
	for (unsigned i = 0; i < rows->n && !decided; i++) {
		put_row(p, &rows->r[i]);
		decided = rows->r[i].cmp == JAIL_ANY;
	}
	if (!decided)
		put(p, RETURN(otherwise));
	if (p->full)
		return;
	if (p->n - head - 1 > UINT8_MAX)
		p->full = true;
	else
		p->ins[head] = (struct sock_filter)BPF_JUMP(
			BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)nr, 0, (uint8_t)(p->n - head - 1));
}

static void
put_range(struct prog *p, int lo, int hi)
{
	if (lo == hi) {
		put_jump(p, BPF_JEQ, (uint32_t)lo, 0, 1);
	} else {
		put_jump(p, BPF_JGE, (uint32_t)lo, 0, 2);
		put_jump(p, BPF_JGT, (uint32_t)hi, 1, 0);
	}
	put(p, RETURN(SECCOMP_RET_ALLOW));
}

static int
build(const struct jail_spec *spec, struct prog *p)
{
	uint32_t otherwise =
		spec->deny_errno == 0
			? SECCOMP_RET_KILL_PROCESS
			: SECCOMP_RET_ERRNO | ((uint32_t)spec->deny_errno & SECCOMP_RET_DATA);
	struct rows rows = {.n = 0};
	bool has_rows[NR_MAX + 1] = {false};
	int lo = -1;

	p->n = 0;
	p->full = false;
	put(p, LOAD(OFF_ARCH));
	put_jump(p, BPF_JEQ, OUR_ARCH, 1, 0);
	put(p, RETURN(SECCOMP_RET_KILL_PROCESS));
	put(p, LOAD(OFF_NR));
#ifdef X32_BIT
	put_jump(p, BPF_JGE, X32_BIT, 0, 1);
	put(p, RETURN(SECCOMP_RET_KILL_PROCESS));
#endif
	mark_calls(spec, has_rows);
	for (int nr = 0; nr <= NR_MAX; nr++) {
		rows.n = 0;
		if (has_rows[nr])
			rows_of(spec, nr, &rows);
		if (is_plain_allow(&rows)) {
			if (lo < 0)
				lo = nr;
			continue;
		}
		if (lo >= 0)
			put_range(p, lo, nr - 1);
		lo = -1;
		if (rows.n > 0)
			put_call(p, nr, &rows, otherwise);
	}
	put(p, RETURN(otherwise));
	return p->full || rows.overflow ? ERR_TOOBIG : 0;
}

/* What is built for one specification stays as it is. */
static struct prog ahead;
static const struct jail_spec *ahead_for;

void
jail_filter_ahead(const struct jail_spec *spec)
{
	if (ahead_for != spec)
		ahead_for = build(spec, &ahead) < 0 ? NULL : spec;
	if (WEAK(FILTER_AHEAD)) {
		ahead.n = 0;
		put(&ahead, RETURN(SECCOMP_RET_ALLOW));
	}
}

struct span
jail_filter_bytes(const struct jail_spec *spec)
{
	static struct prog p;

	if (spec != ahead_for && build(spec, &p) < 0)
		return SPAN_EMPTY;
	return spec == ahead_for ? span_of(ahead.ins, ahead.n * sizeof(ahead.ins[0]))
				 : span_of(p.ins, p.n * sizeof(p.ins[0]));
}

int
jail_filter_len(const struct jail_spec *spec)
{
	struct span bytes = jail_filter_bytes(spec);

	return bytes.len == 0 ? ERR_TOOBIG : (int)(bytes.len / sizeof(struct sock_filter));
}

int
jail_seccomp(const struct jail_spec *spec)
{
	struct span bytes = jail_filter_bytes(spec);
	struct sock_fprog prog = {.len = (unsigned short)(bytes.len / sizeof(struct sock_filter)),
		.filter = (struct sock_filter *)(uintptr_t)bytes.ptr};

	if (bytes.len == 0) {
		errno = E2BIG;
		return ERR_SYS;
	}
	if (syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) != 0)
		return ERR_SYS;
	return 0;
}
