/*
 * What a call reads and leaves in the workspace, for the labels of its files. Sandbox reads no content: a cell of its own, in which
 * no program runs, tells what is there. Before a call that reads, when anything has a label; after one that wrote in a tainted run.
 * Then calls run one at a time, so that what changed was changed by the one that was under way, or by the owner.
 */
#include "sandbox.h"

#include <time.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "proto/tools.h"

#define MARGIN_NS 100000000ull /* files are stamped with the time of the last tick */

static bool
does_read(const struct sandbox_call *c)
{
	return tool_rows[c->tool].effect == EFFECT_READ || tool_rows[c->tool].effect == EFFECT_EXEC;
}

static bool
does_write(const struct sandbox_call *c)
{
	return tool_rows[c->tool].effect == EFFECT_WRITE ||
	       tool_rows[c->tool].effect == EFFECT_EXEC;
}

bool
sandbox_look_is_alone(const struct sandbox_call *c)
{
	return !sandbox_files_is_empty(&c->sandbox->files) ||
	       (does_write(c) && !sandbox_files_is_plain(c->run_label));
}

bool
sandbox_look_is_needed(const struct sandbox_call *c)
{
	const struct sandbox_files *f = &c->sandbox->files;

	if (f->state == SANDBOX_FILES_ALL)
		return false;
	if (does_read(c))
		return !sandbox_files_is_empty(f);
	return f->state == SANDBOX_FILES_WRITING && does_write(c) &&
	       !sandbox_files_is_plain(c->run_label);
}

/* ---- time ---- */

static uint64_t
clock_ns(clockid_t which)
{
	struct timespec t = {0};

	(void)clock_gettime(which, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t
before(uint64_t ns)
{
	return ns > MARGIN_NS ? ns - MARGIN_NS : SCAN_SINCE_ALL;
}

/* Where the file system's times do not tell what a program changed, everything counts as changed. */
static uint64_t
begin_time(struct sandbox_call *c)
{
	c->began_ns = clock_ns(CLOCK_MONOTONIC);
	if (tool_rows[c->tool].effect == EFFECT_EXEC && !c->sandbox->times_tell)
		return SCAN_SINCE_ALL;
	return before(clock_ns(CLOCK_REALTIME));
}

/* The clock may have been set back meanwhile. */
static uint64_t
since_of(const struct sandbox_call *c)
{
	const struct sandbox_files *f = &c->sandbox->files;
	uint64_t now = clock_ns(CLOCK_REALTIME);
	uint64_t by_elapsed;

	if (f->state != SANDBOX_FILES_WRITING)
		return SCAN_SINCE_NONE;
	if (now < f->since)
		return SCAN_SINCE_ALL;
	if (c->phase != SANDBOX_MARKING)
		return f->since;
	by_elapsed = before(now - (clock_ns(CLOCK_MONOTONIC) - c->began_ns));
	return by_elapsed < f->since ? by_elapsed : f->since;
}

/* ---- the cell ---- */

static void
on_look_init(struct sandbox_cell *cell, pid_t pid, int pidfd, void *arg)
{
	struct sandbox_call *c = arg;

	(void)cell;
	(void)pid;
	child_announce(c->sandbox->child, KIND_CELL, ++c->sandbox->next_key, pidfd);
}

static void
on_look_output(struct sandbox_cell *cell, struct span data, void *arg)
{
	(void)cell;
	(void)data;
	(void)arg;
}

static void
on_look_found(struct sandbox_cell *cell, uint64_t size, struct span hash, bool changed, void *arg)
{
	struct sandbox_call *c = arg;
	struct sandbox_files *f = &c->sandbox->files;

	(void)cell;
	if (changed && f->state == SANDBOX_FILES_WRITING &&
		sandbox_files_mark(f, size, hash, f->label) < 0)
		c->look_failed = true;
	c->label = label_join(c->label, sandbox_files_of(f, size, hash));
}

/* Not all could be looked at: what may be there counts as there. A cell that was stopped leaves the state as it is. */
static int
conclude(struct sandbox_call *c, const struct sandbox_result *r)
{
	struct sandbox_files *f = &c->sandbox->files;
	bool whole = r->rc == 0 && r->ok && !c->look_failed;

	if (!whole) {
		log_warn("the workspace could not be looked through for labels",
			LOG_U("call", c->call), LOG_C("step", r->step), LOG_E("why", r->rc));
		c->label = label_join(c->label, sandbox_files_worst(f));
	}
	if (f->state != SANDBOX_FILES_WRITING || r->rc == ERR_ABORTED)
		return r->rc == ERR_ABORTED && c->phase == SANDBOX_LOOKING ? ERR_ABORTED : 0;
	return whole ? sandbox_files_end(f) : sandbox_files_all(f, f->label);
}

static void
on_look_end(struct sandbox_cell *cell, const struct sandbox_result *result, void *arg)
{
	struct sandbox_call *c = arg;
	int rc;

	(void)cell;
	c->cell = NULL;
	rc = conclude(c, result);
	if (rc < 0)
		sandbox_call_fail(c, rc);
	else if (c->phase == SANDBOX_MARKING)
		sandbox_call_finish(c);
	else
		sandbox_call_launch(c);
}

static const struct sandbox_ops look_ops = {.on_init = on_look_init,
	.on_output = on_look_output,
	.on_found = on_look_found,
	.on_end = on_look_end};

static void
look(struct sandbox_call *c, enum sandbox_phase phase)
{
	struct sandbox *s = c->sandbox;
	struct buf table = {.max = FILE_LABELS_MAX * SCAN_RECORD_LEN};
	struct sandbox_scan scan = {.tool = c->tool};
	const char *step = "kill switch";

	c->phase = phase;
	c->look_failed = false;
	sandbox_files_table(&s->files, &table);
	scan.table = buf_span(&table);
	scan.since = since_of(c);
	if (c->tool == TOOL_FILE_READ)
		scan.args = span_of(c->args, c->args_len);
	c->cell = s->child->panic ? NULL : sandbox_cell_new(&s->env, &look_ops, c, &step);
	if (c->cell == NULL)
		on_look_end(NULL, &(struct sandbox_result){.rc = ERR_ABORTED}, c);
	else if (sandbox_cell_scan(c->cell, &scan) < 0)
		sandbox_cell_kill(c->cell, ERR_SYS);
	buf_clear(&table);
}

void
sandbox_look_before(struct sandbox_call *c)
{
	look(c, SANDBOX_LOOKING);
}

void
sandbox_look_after(struct sandbox_call *c)
{
	look(c, SANDBOX_MARKING);
}

int
sandbox_look_begin(struct sandbox_call *c)
{
	struct sandbox_files *f = &c->sandbox->files;
	struct label label;
	int rc;

	if (f->state == SANDBOX_FILES_ALL && does_read(c))
		c->label = label_join(c->label, f->label);
	label = label_join(c->run_label, c->label);
	if (!does_write(c) || sandbox_files_is_plain(label))
		return 0;
	if (f->state == SANDBOX_FILES_ALL)
		return sandbox_files_all(f, label);
	rc = sandbox_files_begin(f, label, begin_time(c));
	c->writes = rc == 0;
	return rc;
}
