/*
 * The security audit: rows of checks.def, the evidence they look at, and what they found. A row that says nothing is unknown;
 * nothing here ever turns an error into a pass.
 */
#ifndef CLI_CHECKS_CHECKS_H
#define CLI_CHECKS_CHECKS_H

#include <sys/stat.h>

#include "cli.h"
#include "cli_gateway.h"

#define CHECK_FINDINGS_MAX 16 /* of one row that are kept; further ones are counted */
#define CHECK_TEXT_MAX 1024   /* bytes of one finding's text, and of its command */
#define CHECK_VARS_MAX 256    /* secrets of the environment that are known by value */
#define CHECK_FILES_MAX 4096  /* files of the state directory that are looked at */

enum check_verdict { CHECK_UNKNOWN, CHECK_PASS, CHECK_FAIL };
enum check_severity { CHECK_INFO, CHECK_WARN, CHECK_CRITICAL };

enum check_section {
#define SECTION(ID, name, title) CHECK_IN_##ID,
#include "checks/checks.def"
	CHECK_SECTIONS
};

enum check_id {
#define CHECK(ID, ...) CHECK_##ID,
#include "checks/checks.def"
	CHECK_N
};

struct checks;
struct check_result;

struct check_row {
	const char *id; /* stable */
	enum check_section section;
	unsigned line; /* of the section in the published checklist; 0: a check of ours */
	enum check_severity severity;
	const char *title; /* what is true when it passes */
	/* NULL: nobody can tell from here, and mends says why */
	void (*check)(struct checks *c, struct check_result *r);
	bool deep; /* needs --deep */
	const char *mends;
};
extern const struct check_row check_rows[CHECK_N];
extern const char *const check_section_names[CHECK_SECTIONS];
extern const char *const check_section_titles[CHECK_SECTIONS];

struct check_finding {
	const char *id; /* the original program's where it has one, else the row's */
	enum check_severity severity;
	const char *what;
	const char *fix; /* a command; "" none but the row's */
};

struct check_result {
	const struct check_row *row;
	enum check_verdict verdict;
	const char *evidence; /* of a pass, or why it is unknown */
	struct check_finding findings[CHECK_FINDINGS_MAX];
	size_t n;
	size_t more;
};

/* A secret known by value: never shown, only looked for. */
struct check_var {
	struct span name;
	struct span value;
	bool in_environ; /* else in <state>/.env */
};

struct check_deep;

struct checks {
	struct cli *cli;
	bool deep;
	struct arena arena;
	struct check_result results[CHECK_N];
	/* evidence, taken once by check_evidence_take() */
	struct arena config_arena;
	const struct json_node *config; /* of moltbot-config --values; NULL: no answer */
	const char *no_config;
	struct check_var vars[CHECK_VARS_MAX];
	size_t nvars;
	struct cli_gateway gateway;
	const struct json_node *sessions; /* of sessions.list; NULL: no answer */
	const struct json_node *devices;  /* of device.pair.list */
	struct span token;                /* the owner's of the running gateway, with --deep only */
	bool by_password;                 /* that is a password */
	struct check_deep *attack;        /* with --deep */
};

/* Takes what the checks look at; then every check is made, and what was taken is given back. */
void checks_open(struct checks *c);
void checks_make(struct checks *c);
void checks_close(struct checks *c);
/* The worst of what failed; false: nothing failed. */
bool checks_worst(const struct checks *c, enum check_severity *worst);

/* What a check says; texts are copied, arguments from outside are shown escaped. A fail stands against any pass or unknown. */
void check_pass(struct checks *c, struct check_result *r, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void check_unknown(struct checks *c, struct check_result *r, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* id NULL: the row's; fix NULL: the row's. */
void check_fail(struct checks *c, struct check_result *r, const char *fix, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void check_fail_as(struct checks *c, struct check_result *r, const char *id,
	enum check_severity severity, const char *fix, const char *fmt, ...)
	__attribute__((format(printf, 6, 7)));
/* For commands: fmt into the arena; every path in it goes through check_quoted(). */
const char *check_text(struct checks *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* As one word of a shell. */
const char *check_quoted(struct checks *c, const char *path);

/* ---- evidence ---- */

void check_evidence_take(struct checks *c);
/* Without a gateway that answers: says so for the row, and returns true. */
bool check_is_down(struct checks *c, struct check_result *r);
/* Without a configuration that could be read: the same. */
bool check_is_unread(struct checks *c, struct check_result *r);
/* The next value whose path fits: steps are names, "*" (one) or a final "**" (all below). before NULL: the first. */
const struct json_node *check_value_next(
	const struct checks *c, const char *pattern, const struct json_node *before);
/* A value's text with a whole ${NAME} replaced from what is known; empty: there is none or it is no text. */
struct span check_value_text(const struct checks *c, const char *path);
/* `moltbot config set PATH VALUE` of v's own path, note behind a # ("" none); value NULL: `config unset`. */
const char *check_config_mend(
	struct checks *c, const struct json_node *v, const char *value, const char *note);
/* "moltbot.json:3:7" of a value. */
const char *check_place(struct checks *c, const struct json_node *value);
/* The value of a secret variable by its name; empty: not known. */
struct span check_var(const struct checks *c, struct span name);
/* A variable of the environment or of <state>/.env, not a secret. */
struct span check_env(const struct checks *c, const char *name);
/* Its file below the state directory. */
const char *check_state_path(struct checks *c, const char *name);

/* files.c: as --fix mends it. The mode without what it allows to others, if the file is what it was, is ours or we are root, and no
 * link. 0 or a code; *before, *after are modes. */
int check_mode_mend(const char *path, mode_t *before, mode_t *after);
/* The paths whose modes are to be mended: calls fn for each. */
void check_modes_each(struct checks *c,
	void (*fn)(struct checks *c, const char *path, mode_t mode, void *arg), void *arg);

/* report.c */
struct check_fixed {
	const char *path;
	mode_t before;
	mode_t after;
	int rc;
};
void checks_put(struct checks *c, const struct check_fixed *fixed, size_t n);
void checks_put_json(struct checks *c, const struct check_fixed *fixed, size_t n);

/* deep*.c: attacks from outside. start finds the target and begins what takes time; end is legal without it. */
void check_deep_start(struct checks *c);
void check_deep_end(struct checks *c);
void check_deep_put_json(struct checks *c, struct json_out *o);

#endif
