#include "../cell.h"

#include <errno.h>
#include <string.h>

#include "args/args.h"
#include "base/err.h"
#include "base/weak.h"

#define ARGV_MAX 256

static char text[16384];
static char *argv[ARGV_MAX + 1];

static char *const *
environment(void)
{
	return WEAK(ENV_TOOL) ? environ : (char *const *)(uintptr_t)cell_environment;
}

static void
die(const char *why)
{
	(void)!write(2, why, strlen(why));
	_exit(127);
}

/* The words of argv, NUL-terminated one behind the other in text. */
static size_t
take_words(struct span args)
{
	struct args_leaf leaf;
	size_t used = 0;
	size_t n = 0;

	while (args_next(&args, &leaf) == 1) {
		if (leaf.depth != 2 || !span_eq(leaf.path[0].key, SPAN("argv")))
			continue;
		if (n == ARGV_MAX || span_to_cstr(leaf.value, text + used, sizeof(text) - used) < 0)
			die("error: too many or too long arguments\n");
		argv[n++] = text + used;
		used += leaf.value.len + 1;
	}
	argv[n] = NULL;
	return n;
}

/* The search path is ours and constant. */
static void
run_from_path(void)
{
	static const char *const folders[] = {"/usr/local/bin", "/usr/bin", "/bin"};
	char path[512];

	if (strchr(argv[0], '/') != NULL) {
		(void)execve(argv[0], argv, environment());
		return;
	}
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		if (snprintf(path, sizeof(path), "%s/%s", folders[i], argv[0]) >= (int)sizeof(path))
			continue;
		(void)execve(path, argv, environment());
	}
}

void
tool_shell_exec(struct span args)
{
	struct span command;

	if (args_get_str(args, "command", &command) == 0) {
		static char sh[] = "sh", c[] = "-c";

		if (args_has(args, "argv"))
			die("error: give either command or argv\n");
		if (span_to_cstr(command, text, sizeof(text)) < 0)
			die("error: the command is too long or holds a NUL\n");
		argv[0] = sh;
		argv[1] = c;
		argv[2] = text;
		argv[3] = NULL;
		(void)execve("/bin/sh", argv, environment());
		die("error: /bin/sh cannot be run here\n");
	}
	if (take_words(args) == 0)
		die("error: give command or argv\n");
	run_from_path();
	die(errno == ENOENT ? "error: no such program\n" : "error: the program cannot be run\n");
	_exit(127);
}
