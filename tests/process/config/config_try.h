/* One configuration through the whole translation, and looks at what came of it. */
#ifndef CONFIG_TRY_H
#define CONFIG_TRY_H

#include "config.h"

struct
try {
	struct config_input in;
	struct config c;
	struct buf notes; /* as printed */
	struct buf env;
	struct config_sources sources;
	int folder; /* what is included lies beneath it; -1: nothing */
	int rc;
};

/* env: NAME=value lines; NULL for none. */
void try_text(struct try *t, struct span text, const char *env);
void try_beneath(struct try *t, int folder, struct span text, const char *env);
void try_cstr(struct try *t, const char *text, const char *env);
void try_clear(struct try *t);

/* Values of a slice; the test fails when they are not there. */
uint64_t try_u64(struct try *t, unsigned kind, const char *name);
bool try_bool(struct try *t, unsigned kind, const char *name);
void try_expect_str(struct try *t, unsigned kind, const char *name, const char *want);
bool try_has(struct try *t, unsigned kind, const char *name);

/* A note at this place with this text in it. */
bool try_noted(const struct try *t, bool mistake, unsigned line, unsigned col, const char *text);

/* All of a file appended to out; false when it is not there. */
bool try_read(const char *path, struct buf *out);

#endif
