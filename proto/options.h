/*
 * The options of the configuration, from options.def: what there is, of which type, with which default, for whom, and
 * how it is matched by a path. config validates by it; the command line and the documentation print it.
 */
#ifndef PROTO_OPTIONS_H
#define PROTO_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "proto/ids.h"

#define OPTION_STEPS_MAX 16  /* steps of a path; deeper values are unknown */
#define OPTION_NAMES_MAX 256 /* names that option_names() gives at most */

/* How variables' names begin, of the product's three eras: the first of them that is set counts. */
#define OPTION_ERAS 3
extern const char option_eras[OPTION_ERAS][10];

enum option {
#define OPTION(ID, ...) OPT_##ID,
#include "proto/options.def"
	OPT_N
};

enum option_type {
	OPTION_BOOL,
	OPTION_INT,      /* whole number in [min, max] */
	OPTION_STR,      /* [min, max] bytes of UTF-8 without NUL */
	OPTION_ENUM,     /* one of the words in values */
	OPTION_SECRET,   /* never resolved but in vault; [min, max] bytes when it is literal */
	OPTION_LIST,     /* array of strings of at most max bytes each */
	OPTION_SIZE,     /* bytes as a number or "512MiB", in [min, max] */
	OPTION_DURATION, /* milliseconds from "30s", in [min, max] */
	OPTION_TYPE_N
};

/* What a change needs while the gateway runs. */
enum option_reload {
	OPTION_HOT,     /* processes take it as they are */
	OPTION_PROCESS, /* one kind of process is started anew */
	OPTION_GATEWAY, /* the whole gateway is */
	OPTION_RELOAD_N
};

struct option_row {
	const char *path; /* steps joined by '.': a name, '*' for any name, '[]' for any index */
	enum option_type type;
	const char *fallback; /* as it would be written; NULL: none */
	uint64_t min;
	uint64_t max;
	const char *values; /* of an ENUM, separated by spaces; NULL */
	uint32_t slices;    /* kinds that get it under its own path, 1 << KIND_x */
	enum option_reload reload;
	const char *help;
};
extern const struct option_row option_rows[OPT_N];

/* Keys that are known, and ignored because what they belong to is not there. */
struct option_later {
	const char *root; /* a path like those of options */
	const char *
		/* beneath root, separated by spaces; a final '**' step stands for everything below */
		keys;
	const char *feature; /* what they belong to */
};
extern const struct option_later option_laters[];
extern const size_t option_laters_n;

/* Other spellings of a path, beneath included. */
struct option_alias {
	const char *from;
	const char *to;
	bool legacy; /* deserves a warning */
};
extern const struct option_alias option_aliases[];
extern const size_t option_aliases_n;

const char *option_type_name(enum option_type type);
const char *option_reload_name(enum option_reload reload); /* "hot", "process", "gateway" */

struct option_step {
	bool is_index;
	struct span key; /* when not is_index */
};

struct option_match {
	int option;       /* enum option, or -1 */
	int later;        /* index into option_laters, or -1 */
	size_t later_len; /* steps of its root */
	bool is_parent;   /* an object whose names are known may stand here */
	bool is_list;     /* an array whose elements are known may stand here */
};

/*
 * What a path is. A path may be an option and a parent of others ("agents.defaults.model"). Names go before wildcards. A
 * path that is nothing of it leaves option -1, later -1 and the rest false.
 */
void option_match(const struct option_step *steps, size_t n, struct option_match *out);

/*
 * Rewrites steps by the first alias that fits: *n and steps change, at most OPTION_STEPS_MAX. The alias, or NULL when none
 * fits. New names have static storage.
 */
const struct option_alias *option_alias_apply(struct option_step *steps, size_t *n);

/* The names that may stand beneath a path, without wildcards, each once; returns how many. Static storage. */
size_t option_names(const struct option_step *steps, size_t n, struct span names[OPTION_NAMES_MAX]);

/* A variable whose value is a secret by the end of its name, in any case: the command line keeps it away from everything but vault. */
bool option_env_is_secret(struct span name);

#endif
