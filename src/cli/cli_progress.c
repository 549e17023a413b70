/* One line on standard error while something takes longer than a second, where that is a terminal; nothing elsewhere. */
#include "cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define AFTER_MS 1000
#define ERASE "\r\033[K"

static char doing[80];
static uint64_t since; /* CLOCK_MONOTONIC; 0: nothing is under way */
static bool shown;

static bool
is_terminal(void)
{
	const char *term = getenv("TERM");

	return isatty(2) && term != NULL && strcmp(term, "dumb") != 0;
}

static uint64_t
clock_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

bool
cli_progress_is_on(void)
{
	return since != 0;
}

void
cli_progress(const char *what)
{
	if (what == NULL) {
		if (shown)
			(void)!write(2, ERASE, sizeof(ERASE) - 1);
		since = 0;
		shown = false;
		return;
	}
	if (since == 0)
		since = clock_ms();
	(void)snprintf(doing, sizeof(doing), "%s", what);
	cli_progress_tick();
}

bool
cli_progress_begin(const char *what)
{
	if (cli_progress_is_on())
		return false;
	cli_progress(what);
	return true;
}

void
cli_progress_tick(void)
{
	char line[128];
	uint64_t ms = since == 0 ? 0 : clock_ms() - since;
	int n;

	if (ms < AFTER_MS || !is_terminal())
		return;
	/* within 79 columns, so that it stays one line */
	n = snprintf(line, sizeof(line), ERASE "%.60s ... %llu s", doing,
		(unsigned long long)(ms / 1000));
	shown = n > 0 && write(2, line, (size_t)n) == n;
}
