/* The pattern of file_search against a table that tries everything. Input: pattern, a zero byte, a name. The file is taken in: it is private. */
#include "../../../src/cell/tools/file_search.c" /* NOLINT(bugprone-suspicious-include) */

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LONGEST 64

void
cell_say_error(struct cell_call *call, const char *what, struct span subject, const char *why)
{
	(void)call;
	(void)what;
	(void)subject;
	(void)why;
}

void
cell_say_refused(struct cell_call *call, const char *what, struct span subject, enum reason reason,
	const char *why)
{
	(void)reason;
	cell_say_error(call, what, subject, why);
}

static bool
fits(struct span glob, struct span name)
{
	bool at[LONGEST + 1][LONGEST + 1] = {{true}};

	for (size_t g = 1; g <= glob.len; g++) {
		at[g][0] = at[g - 1][0] && glob.ptr[g - 1] == '*';
		for (size_t n = 1; n <= name.len; n++) {
			if (glob.ptr[g - 1] == '*')
				at[g][n] = at[g - 1][n] || at[g][n - 1];
			else
				at[g][n] = at[g - 1][n - 1] &&
					   (glob.ptr[g - 1] == '?' ||
						   glob.ptr[g - 1] == name.ptr[n - 1]);
		}
	}
	return at[glob.len][name.len];
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span name = span_of(data, size);
	struct span glob = span_cut(&name, 0);
	char text[LONGEST + 1] = "";

	if (glob.len > LONGEST || name.len > LONGEST || span_find_byte(name, 0) >= 0)
		return 0;
	if (name.len > 0)
		memcpy(text, name.ptr, name.len);
	if (name_fits(text, glob) != fits(glob, name))
		abort();
	return 0;
}
