/* The configuration: text in, mistakes with their places or slices out. Private to this process. */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/span.h"
#include "json/json.h"
#include "proto/child.h"
#include "proto/ids.h"
#include "proto/options.h"
#include "url/addr.h"

#define CONFIG_NOTES_MAX 200 /* mistakes and warnings that are shown; further ones are counted */
#define CONFIG_ARENA_MAX MIB(64u) /* tree, texts and lists of one configuration */
#define CONFIG_LISTEN_MAX 4
#define CONFIG_PROVIDERS_MAX                                                                       \
	60 /* rows from 1: bits of gate's mask; with our own two secrets vault is full */
#define CONFIG_LIST_MAX 256    /* entries of one list */
#define CONFIG_ENV_MAX MIB(1u) /* bytes of the environment */

/* A file that is included. Positions say of which file they are: json_pos.off holds its number above this bit. */
#define CONFIG_FILE_SHIFT 24
struct config_source {
	struct span name; /* beneath the folder of the configuration, without "." and ".."; owned */
	struct buf text;
	bool loaded;
	int err; /* errno of one that could not be read */
};
struct config_sources {
	struct config_source rows[CONFIG_INCLUDE_FILES_MAX];
	size_t n;
};
void config_sources_clear(struct config_sources *s);

/* What one start has to go on. Everything is borrowed until config_clear(). */
struct config_input {
	struct span path; /* of the file, for messages */
	bool absent;      /* no file: the defaults */
	struct span text;
	struct span
		/* NAME=value NUL ...; MOLTBOT_SECRET_NAMES=A,B lists those that only vault has */
		env;
	uint64_t owner_uid;
	struct span host;               /* the machine's name; empty: not known */
	struct config_sources *sources; /* empty at first; see config_translate() */
};

struct config_note {
	bool mistake;
	struct json_pos at; /* line 0: of the file as a whole */
	struct span text;   /* printable, in the arena */
};

struct config_item {
	struct span s;
	struct json_pos at;
};

/* One value: which member is set follows from the row's type. */
struct config_setting {
	bool set;
	bool is_secret_env; /* SECRET: s is the variable's name, else the literal */
	bool truth;
	uint64_t number;
	struct span s;
	struct config_item *items; /* LIST */
	size_t n;
	struct json_pos at;
};

/* A value of a row with wildcards. */
struct config_hit {
	struct config_hit *next;
	enum option option;
	struct span name;               /* what stood for the first '*' */
	const struct json_node *parent; /* the object it is in */
	struct config_setting v;
};

/* A service that models are asked from; providers are sorted by id and rows count from 1. */
struct config_provider {
	struct span id;
	struct span scheme;
	struct span host;
	struct span path; /* base path without a final '/' */
	uint32_t port;
	bool local;
	uint8_t api;              /* enum provider; PROVIDER_OFFLINE: not said */
	struct span organization; /* of the account, sent along; or empty */
	struct config_setting key;
	struct json_pos at;
};

struct config_listen {
	struct addr addr;
	uint32_t port;
};

struct config {
	const struct config_input *in;
	struct arena arena;
	struct json_node *root; /* NULL: none */
	bool wants_files;       /* some of in->sources are not loaded */
	struct config_note *notes;
	size_t nnotes;
	size_t mistakes;
	size_t warnings;
	struct config_setting values[OPT_N];
	struct config_hit *hits;
	struct config_hit *last_hit;
	/* what the supervisor is told */
	struct config_listen listen[CONFIG_LISTEN_MAX];
	size_t nlisten;
	uint64_t numbers[VALUE_N];
	bool number_set[VALUE_N];
	struct buf slices[KIND_N];
	/* what follows from several values */
	bool is_railway;
	bool behind_tls;
	bool is_password;
	uint32_t port;
	struct span domain;
	struct config_provider providers[CONFIG_PROVIDERS_MAX];
	size_t nproviders;
	size_t chosen; /* row of the model; 0: offline */
	struct span model;
	uint64_t max_tokens;
	uint64_t allow_mask;
	uint64_t deny_mask;
	struct span avatar;  /* of the assistant, as clients get it */
	struct span picture; /* its file in the workspace; empty: none */
	uint64_t http_mask;  /* what /tools/invoke may call of them */
};

/*
 * Everything: parses, checks, fills c. Returns 0, or ERR_SYNTAX when there were mistakes (then nothing in c but the notes
 * may be used). ERR_AGAIN: rows of in->sources are to be loaded (text or err, and loaded set), then it is called anew after
 * config_clear(). c is the caller's, uninitialised before, cleared with config_clear() in every case.
 */
int config_translate(struct config *c, const struct config_input *in);
void config_clear(struct config *c);

/* Notes in the order of their places, one a line: "path:line:col: text", warnings with "warning: ". */
void config_notes_put(const struct config *c, struct buf *out);
void config_notes_put_json(const struct config *c, struct buf *out);

/* config_note.c: fmt is ours, %.*s arguments from outside are escaped as a whole afterwards. */
void config_mistake(struct config *c, struct json_pos at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void config_warn(struct config *c, struct json_pos at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
#define CONFIG_S(s)                                                                                \
	(int)((s).len > 200 ? 200 : (s).len),                                                      \
		(const char *)((s).ptr == NULL ? (const uint8_t *)"" : (s).ptr)

/* config_env.c: a variable that is set and not empty; false for one that only vault has. */
bool config_env_get(const struct config *c, struct span name, struct span *out);
bool config_env_is_secret_set(const struct config *c, struct span name);
bool config_env_has_prefix(const struct config *c, struct span prefix);
/* One of the same variable under the names of the program, newest first: prefix MOLTBOT_, OPENCLAW_, CLAWDBOT_. */
/* *found is the name that it was found under. */
bool config_env_get_ours(struct config *c, const char *name, struct span *found, struct span *out);
bool config_env_is_secret_ours(struct config *c, const char *name, struct span *found);

/* config_include.c: what $include names in place of it. */
void config_include(struct config *c);

/* config_walk.c: the tree into values and hits. */
void config_walk(struct config *c);

/* config_value.c: checks node against a row's type. False: there was a mistake. */
bool config_value_read(struct config *c, enum option option, struct span path,
	const struct json_node *node, struct config_setting *v);
/* Values with their defaults. */
uint64_t config_number(const struct config *c, enum option option);
bool config_truth(const struct config *c, enum option option);
struct span config_text(const struct config *c, enum option option);

/* Further steps, each adding mistakes. */
void config_gateway(struct config *c);
void config_models(struct config *c);
void config_tools(struct config *c);
void config_sandbox(struct config *c);
void config_assistant(struct config *c);
void config_slices(struct config *c);

/* A literal in the arena. */
struct span config_copy(struct config *c, struct span s);

/* The table for people, as Markdown (docs/options.md). */
void config_doc_put(struct buf *out);

/*
 * One JSON object: what was read, path by path (old spellings under the present ones), with places; of secrets only whether they
 * are references, and their strength. read false: the text could not be taken apart.
 */
void config_values_put(const struct config *c, struct buf *out);

/*
 * `moltbot-config --check FILE [--json]`, `--values FILE`, `--tree FILE` (what it says, without secrets), `--patch FILE PATCH` and
 * `--migrate FILE` (the changed text; 2: nothing to change), `--options`, `--options-doc`. Returns the exit status, -1 when argv is for
 * the process.
 */
int config_check_main(int argc, char **argv);

/* config_desk.c: the process that answers one question of an admin. */
extern const struct child_spec config_desk_spec;
int config_desk_on_ask(struct ipc_chan *chan, const void *m, void *arg);
int config_desk_on_included(struct ipc_chan *chan, const void *m, void *arg);
int config_desk_on_written(struct ipc_chan *chan, const void *m, void *arg);
int config_desk_on_past(struct ipc_chan *chan, const void *m, void *arg);

/* config.c: the supervisor's answers. */
int config_on_included(struct ipc_chan *chan, const void *m, void *arg);

extern const struct jail_spec config_jail;
extern const struct child_link config_links[];
extern const size_t config_nlinks;
extern const struct child_link config_desk_links[2];

#endif
