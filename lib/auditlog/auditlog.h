/*
 * The audit log's file format: writing it and proving it.
 *
 * One record a line, `key=value` separated by one space, keys in the order of auditlog_keys.def, each at most once, absent when
 * empty or zero; text and state values are quoted, with the escapes of base/log.h. The last two are prev, the hash of the
 * line before (64 zeros in the first line), and own, SHA-256 over "moltbot audit line 1" and the line up to " own=".
 *
 * Lines of the chain itself (writer "audit"):
 *   EPOCH         a new signing key: epoch, key, sig by the key before (by itself where there is none before)
 *   SIGNED        all lines up to here: epoch, key, sig; next: the key that was announced and is not in use yet
 *   RESTART_MARK  the writer started again and found: unsigned lines, torn bytes behind the last whole line and their hash
 *
 * What a proof says: nothing before the last signature was edited, cut, moved or inserted by anybody without the key of that epoch.
 * Lines behind the last signature, and a log cut off at one of its signatures, it cannot tell.
 */
#ifndef AUDITLOG_AUDITLOG_H
#define AUDITLOG_AUDITLOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/span.h"
#include "crypto/crypto.h"

enum auditlog_key {
#define KEY(ID, name) AUDITLOG_##ID,
#include "auditlog/auditlog_keys.def"
#undef KEY
	AUDITLOG_KEYS
};

/* ---- one line ---- */

struct auditlog_record {
	uint64_t time_ms;   /* since 1970 */
	struct span writer; /* names: letters, digits and _ / . - */
	struct span event;
	struct span verdict;
	struct span reason;
	struct span tool;
	struct span peer;
	uint64_t principal; /* written in hex */
	uint64_t run;
	uint64_t call;
	uint64_t instance;
	int64_t number;
	struct span hash; /* bytes, written in hex */
	struct span text; /* any bytes */
};

/* A line as read: the values by key, borrowed, quotes removed and escapes left; ptr NULL where absent. */
struct auditlog_line {
	struct span value[AUDITLOG_KEYS];
	uint64_t seq;
	uint8_t prev[CRYPTO_SHA256_LEN];
	uint8_t own[CRYPTO_SHA256_LEN];
};

/* line is without its newline. 0; ERR_SYNTAX: not a line of this format; ERR_CRYPTO: its own hash is not that of its bytes. */
int auditlog_line_read(struct span line, struct auditlog_line *out);

/* ---- writing ---- */

/* The end of the chain. Zero-initialised: an empty log. */
struct auditlog_chain {
	uint64_t seq; /* of the last line */
	uint8_t last[CRYPTO_SHA256_LEN];
};

/* Each appends one line with its newline to out. 0 or ERR_TOOBIG (AUDIT_LINE_MAX or out's cap): then nothing was appended. */
int auditlog_put(struct auditlog_chain *chain, const struct auditlog_record *r, struct buf *out);
int auditlog_put_epoch(struct auditlog_chain *chain, uint64_t time_ms, uint64_t epoch,
	const uint8_t pub[CRYPTO_PUBLIC_LEN], const uint8_t signer[CRYPTO_PRIVATE_LEN],
	struct buf *out);
/* next: announced and not in use, or NULL. */
int auditlog_put_signed(struct auditlog_chain *chain, uint64_t time_ms, uint64_t epoch,
	const uint8_t signer[CRYPTO_PRIVATE_LEN], const uint8_t *next, struct buf *out);

/* What the end of a file looks like to a writer that starts again. */
struct auditlog_tail {
	struct auditlog_chain chain; /* after the last whole line */
	bool cut_newline;            /* the last line is whole but for its newline */
	bool is_signed;              /* the last line is a signature: a clean end */
	uint64_t unsigned_lines;     /* behind the last signature */
	uint64_t torn;               /* bytes behind the last whole line */
	uint8_t torn_hash[CRYPTO_SHA256_LEN];
	uint64_t epoch; /* in use; 0: there is no key yet */
	uint8_t key[CRYPTO_PUBLIC_LEN];
	uint64_t next_epoch; /* announced; 0: none */
	uint8_t next_key[CRYPTO_PUBLIC_LEN];
};

/* Reads from the end as far as needed; moves no file position. 0 or ERR_IO. */
int auditlog_tail_read(int fd, struct auditlog_tail *out);
/* Must a mark come before the next line: the file is not empty and does not end with a whole signature. */
bool auditlog_tail_needs_mark(const struct auditlog_tail *tail);
/* The newline that ends a torn line and the mark. tail->chain goes on behind it. */
int auditlog_put_mark(struct auditlog_tail *tail, uint64_t time_ms, struct buf *out);

/* ---- proving ---- */

enum auditlog_fault {
	AUDITLOG_MALFORMED, /* not a line, and no restart says that it was torn */
	AUDITLOG_EDITED,    /* the line's hash is not that of its bytes */
	/* does not follow the line before: lines were cut, moved or inserted, or the line before was edited */
	AUDITLOG_BROKEN,
	AUDITLOG_BEGINNING, /* does not begin with a key, or not with the one that was kept */
	AUDITLOG_KEY,       /* a new key is not signed by the one before */
	AUDITLOG_SIGNATURE, /* a signature is not that of the lines before it */
	AUDITLOG_MARK,      /* a restart mark does not say what stands before it */
};
const char *auditlog_fault_text(enum auditlog_fault fault);

struct auditlog_finding {
	uint64_t line; /* of the file, from 1 */
	uint64_t seq;  /* as far as it can be told; 0: it cannot */
	enum auditlog_fault fault;
};

/* An effect that no verdict allowed. */
struct auditlog_lone {
	uint64_t seq;
	uint64_t run;
	uint64_t call;
};

/*
 * Two witnesses: every line with one of effect_events by one of the effect_writers needs, before it, one with verdict_event and
 * verdict by verdict_writer with the same run and call. Lines of one run and call are one effect. Writers are compared up to a "/".
 */
struct auditlog_rule {
	const char *const *effect_events;  /* NULL ends the list */
	const char *const *effect_writers; /* NULL ends the list */
	const char *verdict_event;
	const char *verdict_writer;
	const char *verdict;
};

#define AUDITLOG_LISTED_MAX 16

struct auditlog_report {
	uint64_t lines;
	uint64_t proven; /* seq of the last line that is proven; 0: none */
	uint64_t last;   /* seq of the last line */
	uint64_t signatures;
	uint64_t epochs;
	uint64_t restarts;            /* marks */
	uint64_t torn;                /* bytes of torn lines, which restarts account for */
	uint64_t unsigned_at_restart; /* lines that were not signed when the writer ended */
	uint64_t
		/* bytes behind the last line: the writer was killed and did not start again */
		tail_torn;
	uint8_t genesis[CRYPTO_PUBLIC_LEN];
	uint64_t findings; /* all; the first ones are listed */
	struct auditlog_finding finding[AUDITLOG_LISTED_MAX];
	uint64_t effects;
	uint64_t lone; /* effects without a verdict; the first ones are listed */
	struct auditlog_lone lone_effect[AUDITLOG_LISTED_MAX];
};

/*
 * Reads the whole file. genesis: the first public key as kept elsewhere, or NULL; rule may be NULL. 0: nothing found; ERR_CRYPTO:
 * findings, or effects without a verdict; ERR_IO. report is always filled.
 */
int auditlog_verify(int fd, const uint8_t *genesis, const struct auditlog_rule *rule,
	struct auditlog_report *report);

#endif
