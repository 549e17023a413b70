/* moltbot-config: life cycle. Reads its input before the jail, looks at it inside, tells the supervisor, ends. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "config_read.h"
#include "ipc/ipc.h"
#include "proto/config_supervisor.h"

#define SENT_POLL_MS 1

/* How far the result has been told: the supervisor may be slow to read. */
struct job {
	struct config_input in;
	struct buf path;
	struct buf text;
	struct buf env;
	int unreadable; /* errno of a file that is there and cannot be read */
	struct utsname machine;
	struct config_sources sources;
	size_t asked; /* rows of sources that the supervisor was asked for */
	struct config config;
	bool ok;
	size_t step;
	bool done;
};

static int
setup(struct child *child, struct jail_env *jail_env)
{
	struct job *job = mem_alloc(1, sizeof(*job));
	int env;

	(void)jail_env;
	child->ctx = job;
	job->path.max = KIB(8);
	job->text.max = CONFIG_FILE_MAX + 1;
	job->env.max = CONFIG_ENV_MAX;
	if (config_read_fd(child_handle(child, HANDLE_CONFIG_PATH, 0), &job->path, false) < 0) {
		log_error("the path of the configuration cannot be read");
		return ERR_IO;
	}
	env = child_handle(child, HANDLE_ENV, 0);
	if (env >= 0 && config_read_fd(env, &job->env, false) < 0) {
		log_error("the environment cannot be read");
		return ERR_IO;
	}
	job->unreadable = config_read_file(child_handle(child, HANDLE_CONFIG, 0),
		buf_span(&job->path), &job->text, &job->in.absent);
	job->in.path = buf_span(&job->path);
	job->in.text = buf_span(&job->text);
	job->in.env = buf_span(&job->env);
	job->in.owner_uid = getuid();
	if (uname(&job->machine) == 0)
		job->in.host = span_from_cstr(job->machine.nodename);
	job->in.sources = &job->sources;
	return 0;
}

static void
print(struct job *job)
{
	struct buf out = {.max = MIB(1)};

	config_notes_put(&job->config, &out);
	if (job->config.mistakes > 0)
		buf_put_fmt(&out, "the configuration has %zu mistake%s: nothing is started\n",
			job->config.mistakes, job->config.mistakes == 1 ? "" : "s");
	config_write_all(2, buf_span(&out));
	buf_clear(&out);
}

static int
send_slice(struct ipc_chan *chan, const struct job *job, unsigned kind)
{
	const struct buf *slice = &job->config.slices[kind];
	int fd = ipc_body_seal(buf_span(slice));
	int rc;

	if (fd < 0)
		return fd;
	rc = config_supervisor_slice_send(
		chan, &(struct config_supervisor_slice){.kind = (uint8_t)kind, .body = fd});
	close(fd);
	return rc;
}

static int
send_listen(struct ipc_chan *chan, const struct config_listen *l)
{
	struct config_supervisor_listen msg = {.v6 = l->addr.family == 6, .port = l->port};
	size_t len = msg.v6 ? 16 : 4;

	for (size_t i = 0; i < len; i++) {
		uint64_t *half = i < len - 8 && msg.v6 ? &msg.hi : &msg.lo;

		*half = *half << 8 | l->addr.bytes[i];
	}
	return config_supervisor_listen_send(chan, &msg);
}

static int
send_tls_file(struct ipc_chan *chan, const struct config *c, uint8_t what)
{
	const struct config_setting *v = &c->values[what == 0 ? OPT_TLS_CERT : OPT_TLS_KEY_PATH];

	return c->numbers[VALUE_TLS] != TLS_FILES
		       ? 0
		       : config_supervisor_tls_file_send(chan,
				 &(struct config_supervisor_tls_file){.what = what, .path = v->s});
}

/* Message number step, or ERR_EOF behind the last one. */
static int
send_step(struct ipc_chan *chan, const struct job *job, size_t step)
{
	const struct config *c = &job->config;

	if (!job->ok)
		return step == 0 ? config_supervisor_done_send(chan,
					   &(struct config_supervisor_done){
						   .mistakes = (uint32_t)c->mistakes,
						   .warnings = (uint32_t)c->warnings})
				 : ERR_EOF;
	if (step < c->nlisten)
		return send_listen(chan, &c->listen[step]);
	step -= c->nlisten;
	if (step < VALUE_N)
		return !c->number_set[step]
			       ? 0
			       : config_supervisor_value_send(chan,
					 &(struct config_supervisor_value){.what = (uint8_t)step,
						 .number = c->numbers[step]});
	step -= VALUE_N;
	if (step < 2)
		return send_tls_file(chan, c, (uint8_t)step);
	step -= 2;
	if (step < KIND_N)
		return send_slice(chan, job, (unsigned)step);
	if (step == KIND_N)
		return config_supervisor_done_send(
			chan, &(struct config_supervisor_done){
				      .ok = true, .warnings = (uint32_t)c->warnings});
	return ERR_EOF;
}

/* The end waits until the supervisor's socket has taken everything. */
static void
end_when_sent(struct ev *ev, void *arg)
{
	struct child *child = arg;
	struct ipc_chan *chan = child_peer(child, KIND_SUPERVISOR, 0);

	if (chan == NULL || ipc_chan_queued(chan) == 0)
		child_stop(child);
	else
		(void)ev_timer_start(ev, SENT_POLL_MS, end_when_sent, child);
}

static void
tell(struct child *child, struct ipc_chan *chan)
{
	struct job *job = child->ctx;
	int rc = 0;

	while (!job->done && (rc = send_step(chan, job, job->step)) == 0)
		job->step++;
	if (rc == ERR_AGAIN)
		return;
	if (rc < 0 && rc != ERR_EOF)
		log_error("the supervisor cannot be told", LOG_E("why", rc));
	job->done = true;
	end_when_sent(child->ev, child);
}

/* The files that are wanted and were not asked for yet. */
static void
ask(struct child *child, struct ipc_chan *chan)
{
	struct job *job = child->ctx;

	config_clear(&job->config);
	if (config_sources_ask(chan, &job->sources, &job->asked) < 0)
		child_stop(child);
}

static void
work(struct child *child, struct ipc_chan *chan)
{
	struct job *job = child->ctx;
	int rc = 0;

	if (job->unreadable != 0)
		config_refuse(&job->config, &job->in, job->unreadable);
	else
		rc = config_translate(&job->config, &job->in);
	if (rc == ERR_AGAIN) {
		ask(child, chan);
		return;
	}
	job->ok = job->unreadable == 0 && rc == 0;
	print(job);
	tell(child, chan);
}

int
config_on_included(struct ipc_chan *chan, const void *m, void *arg)
{
	const struct config_supervisor_included *msg = m;
	struct child *child = arg;
	struct job *job = child->ctx;
	int rc = config_sources_answer(
		&job->sources, job->asked, msg->file, msg->text, (int)msg->err);

	if (rc == 1)
		work(child, chan);
	return rc < 0 ? rc : 0;
}

static void
start(struct child *child)
{
	struct ipc_chan *chan = child_peer(child, KIND_SUPERVISOR, 0);

	if (chan == NULL)
		child_stop(child);
	else
		work(child, chan);
}

static void
room(struct child *child, uint8_t kind, struct ipc_chan *chan)
{
	(void)kind;
	tell(child, chan);
}

static struct child_spec spec = {
	.kind = KIND_CONFIG,
	.name = "config",
	.heap = KIB(64u),
	.jail = &config_jail,
	.links = config_links,
	.setup = setup,
	.start = start,
	.room = room,
};

int
main(int argc, char **argv)
{
	const struct child_spec *specs[] = {&spec, &config_desk_spec};
	int rc = config_check_main(argc, argv);

	if (rc >= 0)
		return rc;
	spec.nlinks = config_nlinks;
	return child_main(specs, 2, argc, argv);
}
