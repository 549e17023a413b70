/* sandbox: life cycle. One process per workspace; cells are its children, announced to the supervisor before they run. */
#include "sandbox.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"

static struct sandbox self;

/* moltbot-cell lies beside this program when installed, in its own folder when built. */
static int
open_cell(void)
{
	static const char *const names[] = {"moltbot-cell", "../cell/moltbot-cell"};
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	char *slash;
	int dir, fd = -1;

	if (n <= 0)
		return ERR_SYS;
	path[n] = '\0';
	slash = strrchr(path, '/');
	if (slash == NULL)
		return ERR_SYS;
	*slash = '\0';
	dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; dir >= 0 && fd < 0 && i < 2; i++)
		fd = openat(dir, names[i], O_PATH | O_CLOEXEC);
	if (dir >= 0)
		close(dir);
	return fd;
}

static void
find_workspace_path(void)
{
	char name[32];
	ssize_t n;

	(void)snprintf(name, sizeof(name), "/proc/self/fd/%d", self.env.workspace);
	n = readlink(name, self.workspace_path, sizeof(self.workspace_path) - 1);
	self.workspace_path[n > 0 ? n : 0] = '\0';
}

/* File systems on which no write leaves a file's time as it was; through a map of a tmpfs's file it may. */
static bool
do_times_tell(int workspace)
{
	static const uint32_t known[] = {EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC, BTRFS_SUPER_MAGIC,
		F2FS_SUPER_MAGIC, OVERLAYFS_SUPER_MAGIC};
	struct statfs fs;

	if (fstatfs(workspace, &fs) != 0)
		return false;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if ((uint32_t)fs.f_type == known[i])
			return true;
	return false;
}

static int
take_slice(struct child *child)
{
	int rc = sandbox_limits_read(&self, child->slice);

	if (rc < 0)
		log_error("the limits of cells in the slice are not good: ends", LOG_E("why", rc));
	return rc;
}

static int
setup(struct child *child, struct jail_env *env)
{
	uint64_t number;
	struct stat st;
	int fd;

	(void)env;
	child->ctx = &self;
	self.child = child;
	self.witness = witness_new(child);
	self.env = (struct sandbox_env){.ev = child->ev,
		.tier = child->tier,
		.landlock_max = child->landlock_max,
		.cgroup_v2 = -1,
		.cgroup_memory = -1,
		.cgroup_pids = -1,
		.limits = SANDBOX_LIMITS_MOST};
	self.env.workspace = child_handle_steal(child, HANDLE_WORKSPACE, 0, &number);
	for (size_t i = 0; (fd = child_handle_steal(child, HANDLE_CGROUP, i, &number)) >= 0; i++) {
		if (number == 2)
			self.env.cgroup_v2 = fd;
		else if (number == 1)
			self.env.cgroup_memory = fd;
		else
			self.env.cgroup_pids = fd;
	}
	self.env.program = open_cell();
	if (sandbox_files_open(&self.files, child_handle_steal(child, HANDLE_LABELS, 0, &number)) <
		0)
		log_error("the labels of the workspace's files cannot be read");
	if (self.env.workspace < 0 || self.env.program < 0 || fstat(self.env.workspace, &st) != 0)
		return ERR_MISSING;
	find_workspace_path();
	self.times_tell = do_times_tell(self.env.workspace);
	/* The workspace's group is its cells' alone, and their uid has the same number. */
	if (child->uid != 0 && st.st_gid != 0 && st.st_gid != child->uid) {
		self.env.uid = st.st_gid;
		self.env.gid = st.st_gid;
		sandbox_jail_allow_uid(st.st_gid, st.st_gid);
		env->uid = child->uid;
	}
	if (self.env.tier < JAIL_TIER_FULL)
		self.why = "this machine gives less than tier full";
	for (size_t i = 0; i < SANDBOX_CALLS_MAX; i++)
		self.calls[i].sandbox = &self;
	if (jail_facts_get(0, &self.env.self) < 0)
		return ERR_SYS;
	self.proof_env = self.env;
	return take_slice(child);
}

static void
on_start(struct child *child)
{
	(void)child;
	sandbox_spare_make(&self);
}

/* Cells that run keep what they were made with; the next one has what holds now. */
static int
slice(struct child *child)
{
	int rc = take_slice(child);

	if (rc == 0) {
		sandbox_spare_renew(&self);
		sandbox_tier_send(&self);
	}
	return rc;
}

static void
on_peer_up(struct child *child, uint8_t kind, struct ipc_chan *chan)
{
	(void)child;
	(void)chan;
	if (kind == KIND_CORE)
		sandbox_tier_send(&self);
	if (kind == KIND_AUDIT)
		witness_flush(self.witness);
}

static void
on_peer_gone(struct child *child, uint8_t kind, struct ipc_chan *chan)
{
	(void)child;
	(void)chan;
	if (kind == KIND_CORE || kind == KIND_GATE)
		sandbox_call_end_all(&self);
	if (kind == KIND_CORE) {
		sandbox_proof_forget(&self);
		sandbox_picture_forget(&self);
	}
}

static void
on_key(struct child *child, uint8_t kind, uint64_t instance, uint64_t incarnation,
	const uint8_t key[WARRANT_KEY_LEN])
{
	(void)child;
	(void)kind;
	(void)instance;
	(void)incarnation;
	memcpy(self.gate_key, key, WARRANT_KEY_LEN);
	self.window = (struct warrant_window){0};
	self.has_key = true;
}

/* The supervisor has killed the cells; no new ones until it is off. */
static void
on_panic(struct child *child, bool on)
{
	(void)child;
	if (on)
		sandbox_call_end_all(&self);
	else
		sandbox_spare_make(&self);
	sandbox_picture_next(&self);
}

int
main(int argc, char **argv)
{
	static struct child_spec spec = {
		.kind = KIND_SANDBOX,
		.name = "sandbox",
		.jail = &sandbox_jail,
		.links = sandbox_links,
		.setup = setup,
		.start = on_start,
		.peer_up = on_peer_up,
		.peer_gone = on_peer_gone,
		.key = on_key,
		.panic = on_panic,
		.slice = slice,
	};
	static const struct child_spec *const specs[] = {&spec};

	spec.nlinks = sandbox_nlinks;
	return child_main(specs, 1, argc, argv);
}
