/*
 * WEAK(NAME): is this control (a row of weak.def) left out? In every build but a weak one the constant false, so that nothing
 * of it is compiled in. In a weak build they are those that the environment variable MOLTBOT_WEAK names (a comma list) at the
 * program's start, which `moltbot gateway run --weak NAME[,NAME...]` sets and which WEAK_ENVIRON hands on to each program.
 */
#ifndef BASE_WEAK_H
#define BASE_WEAK_H

#include <stdbool.h>

enum weak {
#define WEAK_ROW(NAME, process, what) WEAK_##NAME,
#include "base/weak.def"
#undef WEAK_ROW
	WEAK_N
};

#ifdef MOLTBOT_WEAK
extern bool weak_out[];
extern char weak_environ[]; /* "MOLTBOT_WEAK=..." */
#define WEAK(NAME) (weak_out[WEAK_##NAME])
/* The first of a program's environment strings: char *envp[] = {WEAK_ENVIRON NULL}. */
#define WEAK_ENVIRON weak_environ,
/* Leaves out those of a comma list of names and no others. 0 or ERR_UNKNOWN. */
int weak_set(const char *names);
#else
#define WEAK(NAME) ((void)WEAK_##NAME, false)
#define WEAK_ENVIRON
#endif

#endif
