#include "base/weak.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/span.h"

#define VARIABLE "MOLTBOT_WEAK"
#define PLACE (sizeof(VARIABLE "=") - 1)

static const char *const names_of[] = {
#define WEAK_ROW(NAME, process, what) #NAME,
#include "base/weak.def"
#undef WEAK_ROW
};
_Static_assert(WEAK_N <= 64, "one bit each");

uint64_t weak_bits;
char weak_environ[] = VARIABLE "=0000000000000000";

static void
set_bits(uint64_t bits)
{
	weak_bits = bits;
	(void)snprintf(weak_environ + PLACE, sizeof(weak_environ) - PLACE, "%016llx",
		(unsigned long long)bits);
}

/* Before main: in every program alike, none has to ask. */
__attribute__((constructor)) static void
read_bits(void)
{
	const char *text = getenv(VARIABLE);

	if (text != NULL)
		set_bits(strtoull(text, NULL, 16));
}

static int
find(struct span name)
{
	for (int i = 0; i < WEAK_N; i++)
		if (span_eq(name, span_from_cstr(names_of[i])))
			return i;
	return ERR_UNKNOWN;
}

int
weak_set(const char *names)
{
	uint64_t bits = 0;

	while (*names != '\0') {
		size_t n = strcspn(names, ",");
		int bit = find(span_of(names, n));

		if (bit < 0)
			return bit;
		bits |= UINT64_C(1) << bit;
		names += n + (names[n] == ',');
	}
	set_bits(bits);
	/* else nothing is left of the environment, and weak_environ goes on alone */
	return !WEAK(ENV_WIPE) || putenv(weak_environ) == 0 ? 0 : ERR_SYS;
}
