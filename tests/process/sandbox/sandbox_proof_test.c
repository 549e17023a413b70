/*
 * The self-proof: holds in the real cells of every tier and of older kernels, works outside, and reports it when a layer is
 * taken away: by itself, or together with the other layers that hold the same attempt.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stddef.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "ipc/ipc.h"
#include "launch_harness.h"
#include "proto/probes.h"

static const char *program, *weak;
static struct jail_caps caps;

struct proof {
	enum jail_tier tier;
	unsigned answered, escaped;
	int64_t got[PROBE_N];
	bool ended, ok, verbose;
	int rc;
	char step[64];
};

/* What the attempts look for: a process of the same uid where we may make one, a state directory, a socket, a segment. */
struct host {
	pid_t pid;
	int listener, segment;
	char state[64];
	char workspace[80];
};

static void
on_probe(struct sandbox_cell *cell, uint32_t index, int64_t got, void *arg)
{
	struct proof *p = arg;

	(void)cell;
	p->answered++;
	p->got[index] = got;
	if (probe_is_held(index, p->tier, got))
		return;
	p->escaped++;
	if (p->verbose)
		print_message("not held: %s: %lld\n", probe_rows[index].name, (long long)got);
}

static void
on_output(struct sandbox_cell *cell, struct span data, void *arg)
{
	(void)cell;
	(void)data;
	(void)arg;
}

static void
on_end(struct sandbox_cell *cell, const struct sandbox_result *result, void *arg)
{
	struct proof *p = arg;

	(void)cell;
	p->ended = true;
	p->ok = result->ok;
	p->rc = result->rc;
	(void)snprintf(p->step, sizeof(p->step), "%s", result->step);
}

static const struct sandbox_ops ops = {
	.on_output = on_output, .on_probe = on_probe, .on_end = on_end};

static int
host_listen(pid_t pid)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int n = snprintf(
		sun.sun_path + 1, sizeof(sun.sun_path) - 1, "moltbot-probe-%u", (unsigned)pid);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(
		bind(fd, (struct sockaddr *)&sun,
			(socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n)),
		0);
	assert_int_equal(listen(fd, 4), 0);
	return fd;
}

static void
host_file(const struct host *h, const char *name, bool folder)
{
	char path[160];

	(void)snprintf(path, sizeof(path), "%s/%s", h->state, name);
	if (folder)
		assert_int_equal(mkdir(path, 0777), 0);
	else
		close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
}

/* Open to everybody, so that nothing but the sandbox keeps them from a cell. */
static void
host_make(struct host *h, const struct launch *l)
{
	int fds[2];
	char c;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	(void)snprintf(h->state, sizeof(h->state), "/tmp/state.XXXXXX");
	assert_non_null(mkdtemp(h->state));
	assert_int_equal(chmod(h->state, 0777), 0);
	(void)snprintf(h->workspace, sizeof(h->workspace), "%s/workspace", h->state);
	host_file(h, "vault.key", false);
	host_file(h, "vault.box", false);
	host_file(h, "audit.log", false);
	host_file(h, "workspace-1", true);
	h->pid = fork();
	if (h->pid == 0) {
		close(fds[1]);
		if (l->env.uid != 0)
			(void)!setresuid(l->env.uid, l->env.uid, l->env.uid);
		(void)!read(fds[0], &c, 1); /* until the test is over, whichever way */
		_exit(0);
	}
	close(fds[0]); /* the other end stays open */
	h->listener = host_listen(h->pid);
	h->segment = shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0666);
}

static void
host_clear(struct host *h)
{
	(void)kill(h->pid, SIGKILL);
	(void)waitpid(h->pid, NULL, 0);
	close(h->listener);
	(void)shmctl(h->segment, IPC_RMID, NULL);
	launch_rm(h->state);
}

/* What is the gateway's and the owner's belongs to the uid that the cells run under, and to nobody else. */
static void
share_uid(const struct launch *l, const struct host *h)
{
	char path[160];

	(void)snprintf(path, sizeof(path), "%s/vault.key", h->state);
	assert_int_equal(chown(path, l->env.uid, l->env.gid), 0);
	assert_int_equal(chmod(path, 0600), 0);
	for (const char *const *name = tool_instructions; *name != NULL; name++)
		assert_int_equal(fchownat(l->env.workspace, *name, l->env.uid, l->env.gid, 0), 0);
	assert_int_equal(fchown(l->env.workspace, l->env.uid, l->env.gid), 0);
}

/* The same, owned by another uid. */
static void
close_state(const struct host *h)
{
	char path[160];

	(void)snprintf(path, sizeof(path), "%s/vault.key", h->state);
	assert_int_equal(chmod(path, 0600), 0);
}

struct plan {
	enum jail_tier tier;
	unsigned profile;
	uint32_t only;
	uint32_t omit;
	int landlock_max;
	bool verbose;
	bool closed; /* vault.key is its owner's only, as it is in a state directory */
};

static struct proof
prove(const char *cell_program, const struct plan *plan)
{
	struct launch l;
	struct host h;
	struct proof p = {.tier = plan->tier, .verbose = plan->verbose};
	const char *step;
	struct sandbox_cell *cell;
	int leaked;

	for (unsigned i = 0; i < PROBE_N; i++)
		p.got[i] = PROBE_UNANSWERED;
	assert_int_equal(launch_open(&l, cell_program, plan->tier), 0);
	l.env.omit = plan->omit;
	l.env.landlock_max = plan->landlock_max;
	host_make(&h, &l);
	if (plan->omit & JAIL_L_UID) /* as without it: the cells' uid is that of the files' owner */
		share_uid(&l, &h);
	else if (plan->closed)
		close_state(&h);
	leaked = dup2(l.env.workspace, 40); /* not marked to be closed by exec */
	cell = sandbox_cell_new(&l.env, &ops, &p, &step);
	assert_non_null(cell);
	assert_int_equal(
		sandbox_cell_prove(cell, &(struct sandbox_prove){.profile = (uint8_t)plan->profile,
						 .only = plan->only,
						 .host_pid = h.pid,
						 .workspace = h.workspace}),
		0);
	while (!p.ended)
		(void)ev_turn(l.env.ev, 1000);
	close(leaked);
	host_clear(&h);
	launch_close(&l);
	return p;
}

static bool
possible(enum jail_tier tier)
{
	if (tier == JAIL_TIER_LANDLOCK_UID)
		return caps.setuid && caps.landlock_abi > 0;
	return tier >= JAIL_TIER_USERNS ? caps.tier >= tier : caps.landlock_abi > 0;
}

static const enum jail_tier tiers[] = {
	JAIL_TIER_LANDLOCK, JAIL_TIER_LANDLOCK_UID, JAIL_TIER_USERNS, JAIL_TIER_FULL};

static void
prove_every_tier(int landlock_max)
{
	for (size_t i = 0; i < sizeof(tiers) / sizeof(tiers[0]); i++) {
		if (!possible(tiers[i]))
			continue;
		for (unsigned profile = 0; profile < (tiers[i] >= JAIL_TIER_LANDLOCK_UID ? 2u : 1u);
			profile++) {
			struct proof p = prove(program, &(struct plan){.tier = tiers[i],
								.profile = profile,
								.only = PROBE_ALL,
								.landlock_max = landlock_max,
								.verbose = true});

			print_message("%s profile %u: %u attempts, %u not held %s\n",
				jail_tier_name(tiers[i]), profile, p.answered, p.escaped, p.step);
			assert_int_equal(p.rc, 0);
			assert_true(p.ok);
			assert_true(p.answered > 50);
			assert_int_equal(p.escaped, 0);
		}
	}
}

static void
every_attempt_is_held_in_every_tier(void **state)
{
	(void)state;
	prove_every_tier(-1);
}

static void
every_attempt_is_held_with_the_landlock_of_linux_6_1(void **state)
{
	(void)state;
	prove_every_tier(2);
}

static void
every_bomb_is_ended_by_its_limit(void **state)
{
	(void)state;
	for (size_t t = 0; t < sizeof(tiers) / sizeof(tiers[0]); t++) {
		for (uint32_t i = 0; i < PROBE_N; i++) {
			struct proof p;

			if (probe_rows[i].kind != PROBE_BOMB || !possible(tiers[t]) ||
				!probe_applies(i, PROBE_PROGRAM, tiers[t]))
				continue;
			p = prove(program, &(struct plan){.tier = tiers[t],
						   .profile = PROBE_PROGRAM,
						   .only = i,
						   .landlock_max = -1,
						   .verbose = true});
			print_message("%s: %s: %lld\n", jail_tier_name(tiers[t]),
				probe_rows[i].name, (long long)p.got[i]);
			assert_int_equal(p.answered, 1);
			assert_int_equal(p.escaped, 0);
		}
	}
}

/*
 * Layers, the tier and profile in which they are taken away, and the attempt that then gets out. Where other layers hold the
 * same attempt they are taken away with it: that is what "with" says.
 */
struct removal {
	const char *layer, *with;
	uint32_t omit;
	enum jail_tier tier;
	unsigned profile;
	enum probe probe;
};
#define SECCOMP JAIL_L_SECCOMP
#define LANDLOCK JAIL_L_LANDLOCK_FS
static const struct removal removals[] = {
	{"seccomp", "", SECCOMP, JAIL_TIER_FULL, 1, PROBE_KEYCTL},
	{"seccomp (built-in tools)", "", SECCOMP, JAIL_TIER_FULL, 0, PROBE_EXECVE},
	{"Landlock", "", LANDLOCK, JAIL_TIER_LANDLOCK_UID, 1, PROBE_HOST_VAR},
	{"Landlock", "", LANDLOCK, JAIL_TIER_LANDLOCK_UID, 0, PROBE_STATE_DIR},
	{"mount namespace and pivot_root", "Landlock", JAIL_L_ROOT | LANDLOCK, JAIL_TIER_FULL, 1,
		PROBE_VAULT_KEY},
	{"network namespace", "seccomp, Landlock", JAIL_L_NETNS | SECCOMP | LANDLOCK,
		JAIL_TIER_FULL, 1, PROBE_TCP_LOOPBACK},
	{"network namespace", "Landlock", JAIL_L_NETNS | LANDLOCK, JAIL_TIER_FULL, 1,
		PROBE_ABSTRACT},
	{"ipc namespace", "", JAIL_L_IPCNS, JAIL_TIER_FULL, 1, PROBE_SYSV},
	{"uts namespace", "", JAIL_L_IPCNS, JAIL_TIER_FULL, 1, PROBE_HOST_NAME},
	{"pid namespace", "Landlock", JAIL_L_PIDNS | LANDLOCK, JAIL_TIER_FULL, 1,
		PROBE_KILL_OTHERS},
	{"control group namespace", "", JAIL_L_CGROUP, JAIL_TIER_FULL, 1, PROBE_CGROUP_VIEW},
	{"capabilities", "seccomp, Landlock", JAIL_L_CAPS | SECCOMP | LANDLOCK, JAIL_TIER_FULL, 1,
		PROBE_MOUNT},
	{"uid", "Landlock", JAIL_L_UID | LANDLOCK, JAIL_TIER_LANDLOCK_UID, 1, PROBE_VAULT_KEY},
	{"uid", "", JAIL_L_UID, JAIL_TIER_LANDLOCK_UID, 1, PROBE_INSTRUCTIONS},
	{"no_new_privs", "seccomp, Landlock (which need it)", JAIL_L_NNP | SECCOMP | LANDLOCK,
		JAIL_TIER_LANDLOCK_UID, 1, PROBE_SETUID_PROGRAM},
	{"not dumpable", "seccomp", JAIL_L_NODUMP | SECCOMP, JAIL_TIER_FULL, 1, PROBE_VM_READ},
	{"rlimits", "", JAIL_L_LIMITS, JAIL_TIER_FULL, 1, PROBE_BIG_FILE},
	{"rlimits", "", JAIL_L_LIMITS, JAIL_TIER_FULL, 1, PROBE_PROCESSES},
	{"rlimits", "", JAIL_L_LIMITS, JAIL_TIER_FULL, 1, PROBE_MANY_FDS},
	{"rlimits", "", JAIL_L_LIMITS, JAIL_TIER_FULL, 1, PROBE_MEMORY},
	{"descriptors", "", CELL_L_FDS, JAIL_TIER_FULL, 1, PROBE_FDS},
	{"descriptors", "", CELL_L_FDS, JAIL_TIER_FULL, 0, PROBE_FDS},
	{"instruction mounts", "uid (their ownership)", CELL_L_INSTRUCTIONS | JAIL_L_UID,
		JAIL_TIER_FULL, 1, PROBE_INSTRUCTIONS},
};

static bool
removal_is_possible(const struct removal *r)
{
	return possible(r->tier) && !((r->omit & JAIL_L_UID) && geteuid() != 0);
}

static void
without_a_layer_an_attempt_gets_out(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(removals) / sizeof(removals[0]); i++) {
		const struct removal *r = &removals[i];
		struct plan plan = {.tier = r->tier,
			.profile = r->profile,
			.only = r->probe,
			.omit = r->omit,
			.landlock_max = -1};
		struct proof p;

		if (!removal_is_possible(r))
			continue;
		p = prove(weak, &plan);
		print_message("without %s%s%s: %s: %lld %s\n", r->layer,
			r->with[0] != '\0' ? " and " : "", r->with, probe_rows[r->probe].name,
			(long long)p.got[r->probe], p.step);
		assert_int_equal(p.answered, 1);
		assert_int_equal(p.escaped, 1);
		plan.omit &=
			(r->omit & JAIL_L_UID) ? LANDLOCK : 0; /* the uid alone holds it, too */
		plan.closed = true;
		p = prove(weak, &plan);
		assert_int_equal(p.answered, 1);
		assert_int_equal(p.escaped, 0);
	}
}

/* The launcher looks at the child before it gives it anything: what it can see missing never runs. */
static void
a_cell_that_lacks_a_layer_gets_no_call(void **state)
{
	static const uint32_t layers[] = {JAIL_L_SECCOMP, JAIL_L_CAPS, JAIL_L_NODUMP, JAIL_L_NETNS,
		JAIL_L_ROOT, JAIL_L_IPCNS, JAIL_L_PIDNS};

	(void)state;
	if (!possible(JAIL_TIER_FULL))
		skip();
	for (size_t i = 0; i < sizeof(layers) / sizeof(layers[0]); i++) {
		struct proof p = prove(weak, &(struct plan){.tier = JAIL_TIER_FULL,
						     .profile = 1,
						     .only = PROBE_ALL,
						     .omit = layers[i],
						     .landlock_max = -1});

		print_message("without %s: rc %d (%s)\n", jail_layer_name(layers[i]), p.rc, p.step);
		assert_int_equal(p.rc, ERR_UNSUPPORTED);
		assert_int_equal(p.answered, 0);
	}
}

/* PROFILE 0 and 1 as the command line does it. At least these must work on any machine that tests run on. */
static void
outside_the_attempts_work(void **state)
{
	static const enum probe must[] = {PROBE_EXECVE, PROBE_MEMFD_EXEC, PROBE_TCP_LOOPBACK,
		PROBE_ABSTRACT, PROBE_INSTRUCTIONS, PROBE_FDS, PROBE_VM_READ, PROBE_KILL_OTHERS,
		PROBE_UDP, PROBE_NETLINK, PROBE_HOST_VAR, PROBE_PARENT_PROC};
	bool worked[PROBE_N] = {false};
	unsigned n = 0;

	(void)state;
	for (unsigned profile = 0; profile < 2; profile++) {
		char number[2] = {(char)('0' + profile), '\0'};
		char line[128];
		int fds[2];
		FILE *f;
		pid_t pid;
		int status;

		assert_int_equal(pipe(fds), 0);
		pid = fork();
		if (pid == 0) {
			(void)dup2(fds[1], 1);
			close(fds[0]);
			close(fds[1]);
			(void)execl(
				program, "moltbot-cell", "outside", number, "/tmp", (char *)NULL);
			_exit(127);
		}
		close(fds[1]);
		f = fdopen(fds[0], "r");
		while (fgets(line, sizeof(line), f) != NULL) {
			struct span rest = span_from_cstr(line);
			struct span name = span_cut(&rest, ' ');
			bool held = false;

			for (unsigned i = 0; i < PROBE_N; i++) {
				if (!span_eq(name, span_from_cstr(probe_rows[i].name)))
					continue;
				held = probe_is_held(
					i, JAIL_TIER_FULL, strtol(line + name.len, NULL, 10));
				worked[i] |= !held;
				if (held && profile == 1)
					print_message("held outside too: %s", line);
			}
			n++;
		}
		(void)fclose(f);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
	}
	assert_true(n > 100);
	for (size_t i = 0; i < sizeof(must) / sizeof(must[0]); i++) {
		if (!worked[must[i]])
			print_message("did not work outside: %s\n", probe_rows[must[i]].name);
		assert_true(worked[must[i]]);
	}
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest full[] = {
		cmocka_unit_test(every_attempt_is_held_in_every_tier),
		cmocka_unit_test(every_attempt_is_held_with_the_landlock_of_linux_6_1),
		cmocka_unit_test(every_bomb_is_ended_by_its_limit),
		cmocka_unit_test(a_cell_that_lacks_a_layer_gets_no_call),
		cmocka_unit_test(outside_the_attempts_work),
	};
	const struct CMUnitTest removed[] = {
		cmocka_unit_test(without_a_layer_an_attempt_gets_out),
	};

	if (argc < 3 || jail_probe(&caps, -1) < 0)
		return 2;
	program = argv[1];
	weak = argv[2];
#ifdef JAIL_WEAK
	(void)full;
	return cmocka_run_group_tests(removed, NULL, NULL);
#else
	(void)removed;
	return cmocka_run_group_tests(full, NULL, NULL);
#endif
}
