/* Modes, owners and links of what lies on the disk. */
#include "checks/subjects.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"

#define DEPTH_MAX 8
#define PATH_LEN (2 * CLI_PATH_MAX)
#define OTHERS 077
#define OTHERS_WRITE 022
#define USERS_BELOW 65000 /* uids of people and services; the gateway's own range lies elsewhere */

enum place { IN_STATE, IN_SESSIONS, IN_BACKUPS, IN_CONFIG };

struct walk {
	struct checks *c;
	size_t seen;
	bool cut;  /* more files than are looked at */
	bool shut; /* a folder that could not be opened */
	void (*fn)(struct walk *w, const char *path, const struct stat *st, enum place place);
	struct check_result *r;
	enum place want;
	size_t found;
	void (*mend)(struct checks *c, const char *path, mode_t mode, void *arg);
	void *arg;
};

static bool
is_backup(struct span name)
{
	static const struct span ends[] = {SPAN("~"), SPAN(".bak"), SPAN(".old"), SPAN(".orig"),
		SPAN(".save"), SPAN(".swp"), SPAN(".backup"), SPAN(".tar"), SPAN(".tar.gz"),
		SPAN(".tgz"), SPAN(".zip")};

	if (span_find(name, SPAN(".bak.")) >= 0 || span_find(name, SPAN(".json.")) >= 0 ||
		span_starts_with(name, SPAN(".env.")))
		return true;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		if (span_ends_with(name, ends[i]))
			return true;
	}
	return false;
}

static enum place
place_of(const struct walk *w, const char *path)
{
	struct span rel =
		span_sub(span_from_cstr(path), strlen(w->c->cli->paths.state) + 1, SIZE_MAX);
	struct span name = rel;

	while (span_find_byte(name, '/') >= 0)
		(void)span_cut(&name, '/');
	if (is_backup(name))
		return IN_BACKUPS;
	if (strcmp(path, w->c->cli->paths.config) == 0 || span_eq(rel, SPAN(".env")))
		return IN_CONFIG;
	if (span_eq(rel, SPAN("store")) || span_starts_with(rel, SPAN("store/")) ||
		span_find(rel, SPAN("sessions")) >= 0 || span_ends_with(name, SPAN(".jsonl")))
		return IN_SESSIONS;
	return IN_STATE;
}

/* Every entry of the folder; the names of folders in it go on the stack. */
static void
walk_folder(struct walk *w, const char *folder, char (*stack)[PATH_LEN], size_t *depth)
{
	DIR *dir = opendir(folder);
	struct dirent *e;

	if (dir == NULL) {
		w->shut |= errno != ENOENT;
		return;
	}
	while ((e = readdir(dir)) != NULL) {
		char path[PATH_LEN];
		struct stat st;

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
			snprintf(path, sizeof(path), "%s/%s", folder, e->d_name) >=
				(int)sizeof(path))
			continue;
		if (w->seen == CHECK_FILES_MAX) {
			w->cut = true;
			break;
		}
		if (fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		/* what tools write there is theirs, and only the folder itself is guarded */
		if (strcmp(path, check_state_path(w->c, "workspace")) == 0)
			continue;
		w->seen++;
		w->fn(w, path, &st, place_of(w, path));
		if (S_ISDIR(st.st_mode) && *depth < CHECK_FINDINGS_MAX)
			memcpy(stack[(*depth)++], path, PATH_LEN);
		else if (S_ISDIR(st.st_mode))
			w->cut = true;
	}
	closedir(dir);
}

static void
walk_state(struct walk *w)
{
	char(*stack)[PATH_LEN] = mem_alloc(CHECK_FINDINGS_MAX, PATH_LEN);
	size_t depth = 0;

	walk_folder(w, w->c->cli->paths.state, stack, &depth);
	while (depth > 0) {
		char folder[PATH_LEN];

		memcpy(folder, stack[--depth], PATH_LEN);
		walk_folder(w, folder, stack, &depth);
	}
	free(stack);
}

/* ---- findings ---- */

static const char *
mend_mode(struct checks *c, const char *path, mode_t mode)
{
	return check_text(c, "chmod %o %s", (unsigned)(mode & 0700), check_quoted(c, path));
}

/* Whose is it: ours, root's, or (started as root) one of the gateway's own. */
static bool
is_strangers(const struct stat *st)
{
	if (st->st_uid == geteuid() || st->st_uid == 0)
		return false;
	return geteuid() != 0 || st->st_uid < USERS_BELOW;
}

static void
judge_owner(struct checks *c, struct check_result *r, const char *path, const struct stat *st)
{
	if (is_strangers(st))
		check_fail_as(c, r, NULL, CHECK_CRITICAL,
			check_text(c, "chown %u %s", (unsigned)geteuid(), check_quoted(c, path)),
			"%s belongs to uid %u", path, (unsigned)st->st_uid);
}

static void
on_entry(struct walk *w, const char *path, const struct stat *st, enum place place)
{
	if (place != w->want)
		return;
	w->found++;
	judge_owner(w->c, w->r, path, st);
	if (S_ISLNK(st->st_mode))
		check_fail_as(w->c, w->r, NULL, CHECK_WARN,
			check_text(w->c, "rm %s", check_quoted(w->c, path)),
			"%s is a symbolic link", path);
	else if ((st->st_mode & OTHERS) != 0)
		check_fail_as(w->c, w->r,
			w->want == IN_SESSIONS ? "fs.sessions_store.perms_readable" : NULL,
			(st->st_mode & (OTHERS_WRITE | 04)) != 0 ? CHECK_CRITICAL : CHECK_WARN,
			mend_mode(w->c, path, st->st_mode), "%s is open to others (mode %03o)",
			path, (unsigned)st->st_mode & 0777);
}

static void
judge_places(struct checks *c, struct check_result *r, enum place want, const char *none,
	const char *some)
{
	struct walk w = {.c = c, .r = r, .want = want, .fn = on_entry};

	walk_state(&w);
	if (w.shut)
		check_unknown(c, r, "a folder below %s cannot be read", c->cli->paths.state);
	else if (w.cut)
		check_unknown(c, r, "there are more than %u files below %s", CHECK_FILES_MAX,
			c->cli->paths.state);
	else if (w.found == 0)
		check_pass(c, r, "%s", none);
	else
		check_pass(c, r, "%zu %s", w.found, some);
}

void
check_state_files(struct checks *c, struct check_result *r)
{
	judge_places(c, r, IN_STATE, "nothing is there yet", "files and folders, all closed");
}

void
check_session_files(struct checks *c, struct check_result *r)
{
	judge_places(c, r, IN_SESSIONS, "there are none yet", "files and folders, all closed");
}

void
check_backups(struct checks *c, struct check_result *r)
{
	judge_places(
		c, r, IN_BACKUPS, "there are none below the state directory", "copies, all closed");
}

/* ---- the state directory, and the way to it ---- */

void
check_state_dir(struct checks *c, struct check_result *r)
{
	const char *path = c->cli->paths.state;
	const char *fix;
	struct stat st;

	if (lstat(path, &st) < 0) {
		if (errno == ENOENT)
			check_pass(c, r, "%s is not there yet", path);
		else
			check_unknown(c, r, "%s: %s", path, strerror(errno));
		return;
	}
	if (S_ISLNK(st.st_mode)) {
		check_fail_as(c, r, "fs.state_dir.symlink", CHECK_WARN,
			check_text(c, "export MOLTBOT_STATE_DIR=\"$(readlink -f %s)\"",
				check_quoted(c, path)),
			"%s is a symbolic link", path);
		if (stat(path, &st) < 0)
			return;
	}
	if (!S_ISDIR(st.st_mode)) {
		check_fail(c, r, check_text(c, "rm %s", check_quoted(c, path)), "%s is no folder",
			path);
		return;
	}
	judge_owner(c, r, path, &st);
	fix = mend_mode(c, path, st.st_mode);
	if ((st.st_mode & 002) != 0)
		check_fail_as(c, r, "fs.state_dir.perms_world_writable", CHECK_CRITICAL, fix,
			"everybody can write in %s", path);
	else if ((st.st_mode & 020) != 0)
		check_fail_as(c, r, "fs.state_dir.perms_group_writable", CHECK_CRITICAL, fix,
			"its group can write in %s", path);
	else if ((st.st_mode & OTHERS) != 0)
		check_fail_as(c, r, "fs.state_dir.perms_readable", CHECK_WARN, fix,
			"others can look into %s (mode %03o)", path, (unsigned)st.st_mode & 0777);
	check_pass(c, r, "%s has mode %03o", path, (unsigned)st.st_mode & 0777);
}

/* One folder of the way: who can put another one in its place? */
static void
judge_step(struct checks *c, struct check_result *r, const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return;
	if (S_ISLNK(st.st_mode) && is_strangers(&st))
		check_fail(c, r, check_text(c, "rm %s", check_quoted(c, path)),
			"%s is a symbolic link of uid %u", path, (unsigned)st.st_uid);
	else if (S_ISDIR(st.st_mode) && is_strangers(&st))
		check_fail(c, r, check_text(c, "chown root %s", check_quoted(c, path)),
			"%s belongs to uid %u", path, (unsigned)st.st_uid);
	else if (S_ISDIR(st.st_mode) && (st.st_mode & OTHERS_WRITE) != 0 &&
		 (st.st_mode & S_ISVTX) == 0)
		check_fail(c, r, check_text(c, "chmod go-w %s", check_quoted(c, path)),
			"others can write in %s (mode %04o)", path, (unsigned)st.st_mode & 07777);
}

static void
judge_way(struct checks *c, struct check_result *r, const char *path)
{
	struct span s = span_from_cstr(path);

	for (size_t i = 1; i < s.len; i++) {
		if (s.ptr[i] == '/')
			judge_step(c, r, check_text(c, "%.*s", (int)i, path));
	}
}

void
check_way(struct checks *c, struct check_result *r)
{
	judge_step(c, r, "/");
	judge_way(c, r, c->cli->paths.state);
	judge_way(c, r, c->cli->paths.config);
	check_pass(c, r, "every folder above %s is ours or root's", c->cli->paths.state);
}

void
check_synced(struct checks *c, struct check_result *r)
{
	static const struct span clouds[] = {SPAN("icloud"), SPAN("dropbox"), SPAN("google drive"),
		SPAN("googledrive"), SPAN("onedrive"), SPAN("nextcloud"), SPAN("syncthing")};
	const char *const paths[] = {c->cli->paths.state, c->cli->paths.config};

	for (size_t p = 0; p < 2; p++) {
		for (size_t i = 0; i < sizeof(clouds) / sizeof(clouds[0]); i++) {
			struct span path = span_from_cstr(paths[p]);

			for (size_t at = 0; at + clouds[i].len <= path.len; at++) {
				if (!span_eq_nocase(span_sub(path, at, clouds[i].len), clouds[i]))
					continue;
				check_fail_as(c, r, "fs.synced_dir", CHECK_WARN, NULL,
					"%s lies in a folder that is copied elsewhere", paths[p]);
				break;
			}
		}
	}
	check_pass(c, r, "its path names no such folder");
}

/* ---- single files ---- */

static void
judge_config(struct checks *c, struct check_result *r, const char *path, const char *kind)
{
	const char *fix;
	struct stat st;

	if (lstat(path, &st) < 0) {
		if (errno != ENOENT)
			check_unknown(c, r, "%s: %s", path, strerror(errno));
		return;
	}
	if (S_ISLNK(st.st_mode)) {
		check_fail_as(c, r, check_text(c, "fs.%s.symlink", kind), CHECK_WARN,
			check_text(c, "cp --remove-destination \"$(readlink -f %s)\" %s",
				check_quoted(c, path), check_quoted(c, path)),
			"%s is a symbolic link", path);
		if (stat(path, &st) < 0)
			return;
	}
	judge_owner(c, r, path, &st);
	fix = mend_mode(c, path, st.st_mode);
	if ((st.st_mode & OTHERS_WRITE) != 0)
		check_fail_as(c, r, check_text(c, "fs.%s.perms_writable", kind), CHECK_CRITICAL,
			fix, "others can write %s (mode %03o)", path, (unsigned)st.st_mode & 0777);
	else if ((st.st_mode & 04) != 0)
		check_fail_as(c, r, check_text(c, "fs.%s.perms_world_readable", kind),
			CHECK_CRITICAL, fix, "everybody can read %s (mode %03o)", path,
			(unsigned)st.st_mode & 0777);
	else if ((st.st_mode & OTHERS) != 0)
		check_fail_as(c, r, check_text(c, "fs.%s.perms_group_readable", kind), CHECK_WARN,
			fix, "its group can read %s (mode %03o)", path,
			(unsigned)st.st_mode & 0777);
}

static const char *
include_path(struct checks *c, const struct json_node *file)
{
	const char *config = c->cli->paths.config;
	const char *slash = strrchr(config, '/');

	return check_text(c, "%.*s/%.*s", slash == NULL ? 0 : (int)(slash - config), config,
		(int)file->v.text.len, (const char *)file->v.text.ptr);
}

void
check_config_file(struct checks *c, struct check_result *r)
{
	judge_config(c, r, c->cli->paths.config, "config");
	judge_config(c, r, check_state_path(c, ".env"), "env");
	for (const struct json_node *f = json_first(cli_get(c->config, "files")); f != NULL;
		f = f->next)
		judge_config(c, r, include_path(c, f), "config_include");
	check_pass(c, r,
		access(c->cli->paths.config, F_OK) == 0 ? "nobody else can read it"
							: "there is none");
}

void
check_sign_config(struct checks *c, struct check_result *r)
{
	struct stat st;

	if (lstat(c->cli->paths.config, &st) < 0 && errno == ENOENT) {
		check_pass(c, r, "there is no configuration file");
		return;
	}
	if (lstat(c->cli->paths.config, &st) < 0) {
		check_unknown(c, r, "%s: %s", c->cli->paths.config, strerror(errno));
		return;
	}
	if (is_strangers(&st) || (st.st_mode & OTHERS_WRITE) != 0)
		check_fail(c, r, mend_mode(c, c->cli->paths.config, st.st_mode),
			"others can have changed %s", c->cli->paths.config);
	check_pass(c, r, "only uid %u and root can write it", (unsigned)st.st_uid);
}

void
check_vault_key(struct checks *c, struct check_result *r)
{
	bool key = access(check_state_path(c, "vault.key"), F_OK) == 0;
	bool box = access(check_state_path(c, "vault.box"), F_OK) == 0;

	if (key && box)
		check_fail(c, r,
			check_text(c,
				"systemd-creds encrypt --name=moltbot-vault-key %s "
				"/etc/credstore.encrypted/moltbot-vault-key  # then "
				"LoadCredentialEncrypted=moltbot-vault-key, and rm vault.key",
				check_quoted(c, check_state_path(c, "vault.key"))),
			"vault.key and vault.box lie together: whoever copies %s has both",
			c->cli->paths.state);
	else
		check_pass(c, r, box ? "the key lies elsewhere" : "there is no vault yet");
}

static const char *
workspace_path(struct checks *c)
{
	struct span named = check_value_text(c, "agents.defaults.workspace");

	if (c->cli->paths.workspace[0] != '\0')
		return c->cli->paths.workspace;
	if (named.len == 0)
		return check_state_path(c, "workspace");
	if (span_starts_with(named, SPAN("~/")))
		return check_text(c, "%s/%.*s", c->cli->paths.home, (int)named.len - 2,
			(const char *)named.ptr + 2);
	return check_text(c, "%.*s", (int)named.len, (const char *)named.ptr);
}

/* Started as root, the sandbox writes by a group that nobody else is in. */
static bool
is_own_group(const struct stat *st)
{
	return geteuid() == 0 && st->st_gid >= USERS_BELOW;
}

void
check_workspace(struct checks *c, struct check_result *r)
{
	static const char *const files[] = {"", "/AGENTS.md", "/SOUL.md", "/TOOLS.md",
		"/IDENTITY.md", "/USER.md", "/MEMORY.md", "/HEARTBEAT.md", "/BOOTSTRAP.md"};
	const char *folder = workspace_path(c);
	struct stat st;
	size_t n = 0;

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		const char *path = check_text(c, "%s%s", folder, files[i]);

		if (lstat(path, &st) < 0)
			continue;
		n++;
		judge_owner(c, r, path, &st);
		if (S_ISLNK(st.st_mode))
			check_fail(c, r, check_text(c, "rm %s", check_quoted(c, path)),
				"%s is a symbolic link", path);
		else if ((st.st_mode & 02) != 0 || ((st.st_mode & 020) != 0 && !is_own_group(&st)))
			check_fail(c, r, check_text(c, "chmod go-w %s", check_quoted(c, path)),
				"others can write %s (mode %03o)", path,
				(unsigned)st.st_mode & 0777);
	}
	check_pass(c, r, n == 0 ? "there is none yet" : "only its owner writes there");
}

void
check_programs(struct checks *c, struct check_result *r)
{
	char self[CLI_PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	const char *folder = c->cli->paths.libexec;
	DIR *dir = opendir(folder);
	struct dirent *e;

	if (n <= 0 || dir == NULL) {
		check_unknown(c, r, "the programs cannot be looked at");
		if (dir != NULL)
			closedir(dir);
		return;
	}
	self[n] = '\0';
	judge_way(c, r, self);
	judge_step(c, r, folder);
	while ((e = readdir(dir)) != NULL) {
		const char *path = check_text(c, "%s/%s", folder, e->d_name);
		struct stat st;

		if (strncmp(e->d_name, "moltbot-", 8) != 0 || stat(path, &st) < 0)
			continue;
		judge_owner(c, r, path, &st);
		if ((st.st_mode & OTHERS_WRITE) != 0)
			check_fail(c, r, check_text(c, "chmod go-w %s", check_quoted(c, path)),
				"others can write %s (mode %03o)", path,
				(unsigned)st.st_mode & 0777);
	}
	closedir(dir);
	check_pass(c, r, "%s and what is above it belong to us or to root", folder);
}

/* ---- mending ---- */

int
check_mode_mend(const char *path, mode_t *before, mode_t *after)
{
	char link[64];
	struct stat st;
	int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	int rc = ERR_SYS;

	if (fd < 0)
		return errno == ENOENT ? ERR_NOTFOUND : ERR_SYS;
	if (fstat(fd, &st) == 0) {
		*before = st.st_mode & 07777;
		*after = *before & ~(mode_t)OTHERS;
		rc = S_ISLNK(st.st_mode) ? ERR_TYPE : is_strangers(&st) ? ERR_DENIED : 0;
	}
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (rc == 0 && *before != *after && chmod(link, *after) < 0)
		rc = ERR_SYS;
	close(fd);
	return rc;
}

static void
on_mend(struct walk *w, const char *path, const struct stat *st, enum place place)
{
	(void)place;
	if (!S_ISLNK(st->st_mode) && (st->st_mode & OTHERS) != 0)
		w->mend(w->c, path, st->st_mode, w->arg);
}

static void
mend_one(struct checks *c, const char *path,
	void (*fn)(struct checks *c, const char *path, mode_t mode, void *arg), void *arg)
{
	struct stat st;

	if (lstat(path, &st) == 0 && !S_ISLNK(st.st_mode) && (st.st_mode & OTHERS) != 0)
		fn(c, path, st.st_mode, arg);
}

void
check_modes_each(struct checks *c,
	void (*fn)(struct checks *c, const char *path, mode_t mode, void *arg), void *arg)
{
	struct walk w = {.c = c, .fn = on_mend, .mend = fn, .arg = arg};

	mend_one(c, c->cli->paths.state, fn, arg);
	walk_state(&w);
	mend_one(c, c->cli->paths.config, fn, arg);
	for (const struct json_node *f = json_first(cli_get(c->config, "files")); f != NULL;
		f = f->next)
		mend_one(c, include_path(c, f), fn, arg);
}
