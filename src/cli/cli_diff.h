/* What changed between two texts, line by line. */
#ifndef CLI_DIFF_H
#define CLI_DIFF_H

#include "base/span.h"

#define CLI_DIFF_LINES_MAX 2000 /* between the first and the last difference; more are told whole */

/* Calls fn for each line: ' ' it stays (three around a change are told), '-' it is gone, '+' it is new, '@' lines were left out. The number is its
 * line's, from 1, in the text that has it (of '+' and ' ': the later one). */
void cli_diff(struct span before, struct span after,
	void (*fn)(void *arg, char op, size_t number, struct span line), void *arg);

#endif
