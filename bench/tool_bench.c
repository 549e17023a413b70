/*
 * A tool call in the machine's best tier against a bare spawn of the same program, /bin/true, both from start to end, one after the
 * other in the same run. argv[1]: moltbot-cell. The launcher keeps one cell ready, as the sandbox process does; what a call costs when
 * there is none is shown as well.
 */
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ipc/ipc.h"
#include "launch_harness.h"

#define ROUNDS 200

static double
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double
p50(double *samples)
{
	qsort(samples, ROUNDS, sizeof(*samples), by_value);
	return samples[ROUNDS / 2];
}

static double
spawn_bare(void)
{
	static char name[] = "/bin/true";
	char *argv[] = {name, NULL};
	char *envp[] = {NULL};
	double from = now_ms();
	int status = 1;
	pid_t pid;

	if (posix_spawn(&pid, name, NULL, NULL, argv, envp) != 0 ||
		waitpid(pid, &status, 0) != pid || status != 0)
		exit(1);
	return now_ms() - from;
}

static void
put_words(struct buf *list)
{
	struct args_out out;

	args_out_init(&out, list, false);
	args_out_array(&out, "argv");
	args_out_str(&out, NULL, SPAN("/bin/true"));
	args_out_end(&out);
	if (args_out_done(&out) < 0)
		exit(1);
}

/* ready: the cell was made and jailed before the clock starts. */
static double
call_tool(struct launch *l, struct span args, bool ready)
{
	double from = now_ms();

	if (launch_new(l) < 0)
		exit(1);
	while (ready && !sandbox_cell_is_ready(l->cell))
		(void)ev_turn(l->env.ev, 1000);
	if (ready)
		from = now_ms();
	if (sandbox_cell_run(l->cell, TOOL_SHELL_EXEC, args, -1, 10000) < 0)
		exit(1);
	launch_wait(l);
	if (l->result.rc != 0 || l->result.exit_code != 0)
		exit(1);
	return now_ms() - from;
}

int
main(int argc, char **argv)
{
	static double bare[ROUNDS];
	static double ready[ROUNDS];
	static double anew[ROUNDS];
	struct jail_caps caps;
	struct buf list = {.max = 4096};
	struct launch l;

	if (argc != 2 || jail_probe(&caps, -1) < 0 || launch_open(&l, argv[1], caps.tier) < 0)
		return 1;
	if (caps.tier != JAIL_TIER_FULL)
		printf("the tier here is %s: what follows is measured in that\n",
			jail_tier_name(caps.tier));
	put_words(&list);
	for (size_t i = 0; i < ROUNDS; i++) {
		bare[i] = spawn_bare();
		ready[i] = call_tool(&l, buf_span(&list), true);
		anew[i] = call_tool(&l, buf_span(&list), false);
	}
	printf("tool: bare spawn of /bin/true, p50\t%.2f\tms\t-\t-\n", p50(bare));
	printf("tool: the same in a cell, p50\t%.2f\tms\t-\t-\n", p50(ready));
	printf("tool: the same in a cell that is made first, p50\t%.2f\tms\t-\t-\n", p50(anew));
	printf("tool call in the sandbox against a bare spawn\t%.2f\tx\t2\t1.3\n",
		p50(ready) / p50(bare));
	buf_clear(&list);
	launch_close(&l);
	return 0;
}
