/* Where credentials leave traces: git repositories, other programs. */
#include "checks/subjects.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/secret.h"
#include "proto/options.h"

#define INDEX_MAX MIB(32u)    /* bytes of a git index that are read */
#define ENVIRON_MAX KIB(256u) /* bytes of one process's environment or command line */
#define SECRET_LEAST 12       /* shorter values could stand anywhere by chance */

/* At most max bytes of a file; 0 or an errno. */
static int
slurp(const char *path, struct buf *b, size_t max)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n = 1;
	int err;

	b->max = max;
	if (fd < 0)
		return errno;
	while (n > 0 && b->len < max) {
		size_t step = max - b->len < KIB(64u) ? max - b->len : KIB(64u);
		uint8_t *p = buf_room(b, step);

		n = p == NULL ? 0 : read(fd, p, step);
		if (n > 0)
			buf_added(b, (size_t)n);
	}
	err = n < 0 ? errno : 0;
	close(fd);
	return err;
}

/* ---- git ---- */

/* The folder that has .git, at or above path; false: none. */
static bool
find_repository(const char *path, char root[CLI_PATH_MAX])
{
	char probe[CLI_PATH_MAX + 8];

	if (snprintf(root, CLI_PATH_MAX, "%s", path) >= CLI_PATH_MAX)
		return false;
	for (;;) {
		char *slash;

		snprintf(probe, sizeof(probe), "%s/.git", root);
		if (access(probe, F_OK) == 0)
			return true;
		slash = strrchr(root, '/');
		if (slash == NULL || root[1] == '\0')
			return false;
		slash[slash == root ? 1 : 0] = '\0';
	}
}

static bool
is_tracked(struct checks *c, const char *root, const char *path, bool *known)
{
	struct buf index = {.max = INDEX_MAX};
	struct span rel = span_from_cstr(path);
	size_t skip = strlen(root) + (root[1] != '\0');
	bool found;

	*known = slurp(check_text(c, "%s/.git/index", root), &index, INDEX_MAX) == 0 ||
		 errno == ENOENT;
	rel = rel.len > skip ? span_sub(rel, skip, SIZE_MAX) : SPAN_EMPTY;
	found = rel.len > 0 && span_find(buf_span(&index), rel) >= 0;
	buf_clear(&index);
	return found;
}

static void
look_in_git(struct checks *c, struct check_result *r, const char *folder, const char *const *names)
{
	char root[CLI_PATH_MAX];
	bool known = true;

	if (!find_repository(folder, root))
		return;
	for (; *names != NULL; names++) {
		const char *path = check_text(c, "%s/%s", folder, *names);

		if (access(path, F_OK) != 0)
			continue;
		if (is_tracked(c, root, path, &known))
			check_fail(c, r,
				check_text(c, "git -C %s rm --cached %s", check_quoted(c, root),
					check_quoted(c, path)),
				"%s is in the git repository %s", path, root);
		else if (known)
			check_fail_as(c, r, NULL, CHECK_WARN,
				check_text(c, "echo %s >> %s/.git/info/exclude",
					check_quoted(c, *names), check_quoted(c, root)),
				"%s lies in the folder of the git repository %s: one `git add` "
				"away from it",
				path, root);
	}
	if (!known)
		check_unknown(c, r, "the index of the git repository %s cannot be read", root);
}

static bool
has_literals(const struct checks *c)
{
	const struct json_node *v = NULL;

	while ((v = check_value_next(c, "**", v)) != NULL) {
		if (span_eq(cli_get_str(v, "secret"), SPAN("literal")))
			return true;
	}
	return false;
}

void
check_git(struct checks *c, struct check_result *r)
{
	static const char *const state[] = {
		".env", "vault.key", "vault.box", "store/store.db", NULL};
	static const char *const env[] = {".env", NULL};
	const char *config = c->cli->paths.config;
	const char *slash = strrchr(config, '/');
	const char *workspace = c->cli->paths.workspace;

	look_in_git(c, r, c->cli->paths.state, state);
	if (slash != NULL && has_literals(c)) {
		const char *name[] = {slash + 1, NULL};

		look_in_git(c, r, check_text(c, "%.*s", (int)(slash - config), config), name);
	}
	look_in_git(c, r, workspace[0] != '\0' ? workspace : check_state_path(c, "workspace"), env);
	check_pass(c, r,
		"nothing with a credential lies in a git repository here; repositories elsewhere "
		"were not looked at");
}

/* ---- other programs ---- */

struct seen {
	unsigned read;
	unsigned closed; /* of other users */
};

static bool
is_ours(struct span name)
{
	return option_env_is_secret(name) && (span_starts_with(name, SPAN("MOLTBOT_")) ||
						     span_starts_with(name, SPAN("CLAWDBOT_")) ||
						     span_starts_with(name, SPAN("OPENCLAW_")));
}

static bool
is_known(const struct checks *c, struct span value)
{
	if (value.len < SECRET_LEAST)
		return false;
	if (span_eq(value, c->token))
		return true;
	for (size_t i = 0; i < c->nvars; i++) {
		if (span_eq(value, c->vars[i].value))
			return true;
	}
	return false;
}

static const char *
name_of(struct checks *c, unsigned pid)
{
	struct buf b = {0};
	const char *name;

	(void)slurp(check_text(c, "/proc/%u/comm", pid), &b, 64);
	name = check_text(c, "%s", cli_safe(span_trim(buf_span(&b))));
	buf_clear(&b);
	return name;
}

static void
look_at_environment(struct checks *c, struct check_result *r, unsigned pid, struct span text)
{
	while (text.len > 0) {
		struct span value = span_cut(&text, '\0');
		struct span name = span_cut(&value, '=');
		bool gateway;

		if (value.len == 0 || !(is_known(c, value) || is_ours(name)))
			continue;
		gateway = span_starts_with(span_from_cstr(name_of(c, pid)), SPAN("moltbot-"));
		check_fail_as(c, r, NULL, gateway ? CHECK_CRITICAL : CHECK_WARN, NULL,
			"%s is in the environment of %s, process %u", cli_safe(name),
			name_of(c, pid), pid);
		return;
	}
}

static void
look_at_command_line(struct checks *c, struct check_result *r, unsigned pid, struct span text)
{
	for (size_t i = 0; i <= c->nvars; i++) {
		struct span value = i < c->nvars ? c->vars[i].value : c->token;

		if (value.len < SECRET_LEAST || span_find(text, value) < 0)
			continue;
		check_fail_as(c, r, NULL, CHECK_CRITICAL,
			check_text(c,
				"kill %u  # start it again with it in a variable, and rotate it",
				pid),
			"%s is in the command line of %s, process %u, which everybody can read",
			i < c->nvars ? cli_safe(c->vars[i].name) : "the gateway's token",
			name_of(c, pid), pid);
		return;
	}
}

static void
look_at_process(struct checks *c, struct check_result *r, unsigned pid, struct seen *seen)
{
	struct buf b = {0};
	char path[64];
	int err;

	snprintf(path, sizeof(path), "/proc/%u/environ", pid);
	err = slurp(path, &b, ENVIRON_MAX);
	seen->read += err == 0;
	seen->closed += err == EACCES || err == EPERM;
	look_at_environment(c, r, pid, buf_span(&b));
	secret_wipe(b.ptr, b.len);
	buf_clear(&b);
	b = (struct buf){0};
	snprintf(path, sizeof(path), "/proc/%u/cmdline", pid);
	if (slurp(path, &b, ENVIRON_MAX) == 0)
		look_at_command_line(c, r, pid, buf_span(&b));
	secret_wipe(b.ptr, b.len);
	buf_clear(&b);
}

void
check_others(struct checks *c, struct check_result *r)
{
	DIR *dir = opendir("/proc");
	struct seen seen = {0};
	struct dirent *e;
	uint64_t pid;

	while (dir != NULL && (e = readdir(dir)) != NULL) {
		if (span_to_u64(span_from_cstr(e->d_name), 1, INT32_MAX, &pid) == 0 &&
			pid != (uint64_t)getpid())
			look_at_process(c, r, (unsigned)pid, &seen);
	}
	if (dir != NULL)
		closedir(dir);
	if (seen.read == 0)
		check_unknown(c, r, "no process can be looked at");
	else
		check_pass(c, r, "%u processes have none; %u of other users cannot be looked at",
			seen.read, seen.closed);
}
