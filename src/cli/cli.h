/*
 * The command line: one table of commands, one file and one const struct a command. Usage errors, --help, the man pages and
 * the shells' completions all come from these structs.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/span.h"
#include "json/json.h"
#include "json/json_out.h"

/* Exit codes. */
#define CLI_OK 0
#define CLI_FAILED 1
#define CLI_USAGE 64 /* EX_USAGE of sysexits.h */

#define CLI_OPTIONS_MAX 24 /* options of one command, the global ones included */
#define CLI_ARGS_MAX 16    /* arguments that are no options */
#define CLI_PATH_MAX 1024

struct cli;

enum cli_type {
	CLI_FLAG,
	CLI_STR,    /* 1 to max bytes (0: 64 KiB) */
	CLI_INT,    /* min to max */
	CLI_CHOICE, /* one of value, separated by | */
	CLI_TIME,   /* a duration, seconds without a unit; the value is in ms, up to max */
};

struct cli_option {
	const char *name; /* without the dashes; NULL ends the list */
	char letter;      /* 0: none */
	enum cli_type type;
	const char *value; /* how help calls the value; the choices */
	int64_t min, max;
	const char *help;
};

struct cli_example {
	const char *line; /* NULL ends the list */
	const char *what;
};

struct cli_command {
	const char *name; /* its words: "gateway status" */
	const char *args; /* how usage shows its arguments: "ID"; NULL: none */
	unsigned args_min, args_max;
	const char *summary;              /* half a line, no full stop */
	const char *text;                 /* paragraphs, separated by an empty line */
	const struct cli_option *options; /* NULL: only the global ones */
	const struct cli_example *examples;
	int (*run)(struct cli *cli); /* exit code */
};

/* Every command, NULL at the end; and the options that all of them have. */
extern const struct cli_command *const cli_commands[];
extern const struct cli_option cli_globals[];

struct cli_paths {
	char home[CLI_PATH_MAX];
	char state[CLI_PATH_MAX];     /* absolute, no link of it followed */
	char config[CLI_PATH_MAX];    /* may not exist */
	char workspace[CLI_PATH_MAX]; /* "": <state>/workspace */
	char libexec[CLI_PATH_MAX];   /* the other programs, or the src folder of a build tree */
	char ui[CLI_PATH_MAX];
};

struct cli_value {
	const struct cli_option *option;
	const char *text; /* NULL for a flag */
	int64_t number;
};

enum cli_style { CLI_PLAIN, CLI_BOLD, CLI_DIM, CLI_GOOD, CLI_WARN, CLI_BAD, CLI_ACCENT };

struct cli {
	const char *program; /* as it was typed, for lines that say what to type next */
	const struct cli_command *command;
	struct cli_value values[CLI_OPTIONS_MAX];
	unsigned nvalues;
	const char *args[CLI_ARGS_MAX];
	unsigned nargs;
	bool json;
	bool tty;   /* standard output is a terminal */
	bool color; /* and may have colours */
	bool error_color;
	unsigned width; /* of the terminal; 0: not one, nothing is cut */
	struct buf out; /* printed by cli_flush */
	struct json_out jo;
	struct cli_paths paths;
};

/* cli_args.c: finds the command and reads its options. 0, or an exit code after saying what is wrong; -1: help was printed. */
int cli_args_read(struct cli *cli, int argc, char **argv);
/* Was the option given; its value, or the fallback. name must be one of the command's or global. */
bool cli_has(const struct cli *cli, const char *name);
const char *cli_str(const struct cli *cli, const char *name, const char *fallback);
int64_t cli_int(const struct cli *cli, const char *name, int64_t fallback);

/* cli_help.c */
void cli_help_command(struct cli *cli, const struct cli_command *command);
/* All commands, or those whose name begins with the words of group. */
void cli_help_overview(struct cli *cli, const char *group);
void cli_help_man(struct cli *cli, const struct cli_command *command); /* NULL: moltbot(1) */
void cli_help_markdown(struct cli *cli);                               /* docs/commands.md */

/* cli_complete.c: 0, or -1 for a shell without a row. */
int cli_complete_put(struct cli *cli, const char *shell);

/* cli_term.c: standard output is collected in cli->out and written by cli_flush (and at the end of the program). */
void cli_term_init(struct cli *cli);
void cli_flush(struct cli *cli);
void cli_put(struct cli *cli, const char *text); /* our own words */
void cli_put_fmt(struct cli *cli, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void cli_put_safe(struct cli *cli,
	struct span s); /* bytes from outside: nothing in them acts on the terminal */
void cli_put_text(struct cli *cli, struct span s);         /* the same, but lines and tabs stay */
void cli_put_style(struct cli *cli, enum cli_style style); /* nothing without colours */
/* "  key       value", the key dim, width columns wide. */
void cli_put_row(struct cli *cli, unsigned width, const char *key, struct span value);
void cli_put_wrapped(struct cli *cli, unsigned indent, const char *text);
void cli_put_title(struct cli *cli, const char *title);
/* What a cell of a table shows, in b: how long ago that was (empty: never, or to come), a number. */
struct span cli_age(struct buf *b, uint64_t at_ms);
struct span cli_number(struct buf *b, uint64_t n);
struct text_table;
void cli_put_table(
	struct cli *cli, const struct text_table *table); /* head line dim, cut to the terminal */

/* Pretty JSON into cli->out; cli_json_end prints it with a line end. */
struct json_out *cli_json_begin(struct cli *cli);
void cli_json_end(struct cli *cli);
void cli_json_str(struct json_out *o, const char *key, struct span value);
void cli_json_cstr(struct json_out *o, const char *key, const char *value);
void cli_json_u64(struct json_out *o, const char *key, uint64_t value);
void cli_json_bool(struct json_out *o, const char *key, bool value);

/*
 * Says on standard error (with --json as {"ok": false, "error": …} on standard output) what was wrong and what helps, both
 * already safe to print; help may be NULL. Returns the exit code.
 */
int cli_fail(struct cli *cli, const char *help, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
int cli_usage(struct cli *cli, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The bytes made safe, in one of four static buffers, cut to 200 bytes: for the two above. */
const char *cli_safe(struct span s);

/*
 * cli_progress.c: while something takes longer than a second, one line on standard error says what it is and for how long, where that is a
 * terminal. what: our own words, or NULL when it is over; whoever prints ends it. Whoever waits ticks.
 */
void cli_progress(const char *what);
void cli_progress_tick(void);
/* As cli_progress, where nothing is said yet: true, and the caller ends it. */
bool cli_progress_begin(const char *what);
bool cli_progress_is_on(void);

/* cli_paths.c: 0, or an exit code after saying what is wrong. */
int cli_paths_find(struct cli *cli);
/* The value of the first of MOLTBOT_x, CLAWDBOT_x, OPENCLAW_x that is set and not blank; NULL. */
const char *cli_env_era(const char *suffix);

#endif
