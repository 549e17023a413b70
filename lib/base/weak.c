#include "base/weak.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/span.h"

#define VARIABLE "MOLTBOT_WEAK"
#define ROOM 4096

static const char *const names_of[] = {
#define WEAK_ROW(NAME, process, what) #NAME,
#include "base/weak.def"
#undef WEAK_ROW
};

bool weak_out[WEAK_N];
char weak_environ[ROOM] = VARIABLE "=";

static int
find(struct span name)
{
	for (int i = 0; i < WEAK_N; i++)
		if (span_eq(name, span_from_cstr(names_of[i])))
			return i;
	return ERR_UNKNOWN;
}

static int
leave_out(const char *names)
{
	bool out[WEAK_N] = {false};

	for (const char *at = names; *at != '\0';) {
		size_t n = strcspn(at, ",");
		int row = find(span_of(at, n));

		if (row < 0)
			return row;
		out[row] = true;
		at += n + (at[n] == ',');
	}
	if (snprintf(weak_environ, ROOM, VARIABLE "=%s", names) >= ROOM)
		return ERR_UNKNOWN;
	memcpy(weak_out, out, sizeof(out));
	return 0;
}

/* Before main: in every program alike, none has to ask. One that means no row is a test's mistake, and nothing runs. */
__attribute__((constructor)) static void
read_names(void)
{
	const char *text = getenv(VARIABLE);

	if (text != NULL && leave_out(text) < 0)
		_exit(127);
}

int
weak_set(const char *names)
{
	int rc = leave_out(names);

	if (rc < 0)
		return rc;
	/* else nothing is left of the environment, and weak_environ goes on alone */
	return !WEAK(ENV_WIPE) || putenv(weak_environ) == 0 ? 0 : ERR_SYS;
}
