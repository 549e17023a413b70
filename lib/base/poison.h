/*
 * Functions this program does without, because each has caused the mistakes we refuse to make: unbounded copies,
 * shells, locale-dependent or state-keeping parsers. Included on the command line of every compilation of ours
 * after the system headers it needs (see meson.build), so that a use is a compile-time error.
 */
#ifndef BASE_POISON_H
#define BASE_POISON_H

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

/* Some C libraries define these as macros (fortified); clang refuses to poison a macro. */
#undef sprintf
#undef vsprintf
#undef strncpy
#undef strncat
#undef strcpy
#undef strcat
#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf gets strtok strtok_r system      \
	popen wordexp execlp execvp execvpe
#pragma GCC poison atoi atol atof tmpnam tempnam mktemp
/* they open the file of the machine's time zone, in whichever jail they are first called: base/utc.h */
#pragma GCC poison gmtime gmtime_r

#endif
