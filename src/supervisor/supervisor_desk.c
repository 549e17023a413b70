/* What a desk asks: included files, a new text of the configuration, former ones. Texts are passed on and written, never read. */
#include "supervisor.h"

#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "proto/child.def.h"
#include "proto/config_supervisor.h"

int
supervisor_on_include(struct ipc_chan *chan, const void *m, void *arg)
{
	const struct config_supervisor_include *msg = m;
	int fd = supervisor_include_open(supervisor_self, msg->name);
	struct config_supervisor_included answer = {
		.file = msg->file, .err = fd < 0 ? (uint32_t)-fd : 0, .text = fd < 0 ? -1 : fd};
	int rc = config_supervisor_included_send(chan, &answer);

	(void)arg;
	if (fd >= 0)
		supervisor_reload_watch_file(supervisor_self, fd);
	if (fd >= 0)
		close(fd);
	return rc;
}

static int
on_write(struct ipc_chan *chan, const void *m, void *arg)
{
	const struct config_supervisor_write *msg = m;
	const uint64_t words[4] = {msg->h0, msg->h1, msg->h2, msg->h3};
	struct sup_child *c = arg;
	struct span text;
	uint8_t base[32];
	int rc = ipc_body_get(msg->body, CONFIG_FILE_MAX, &text);

	if (rc < 0)
		return rc;
	memcpy(base, words, sizeof(base));
	rc = supervisor_config_write(supervisor_self, c->instance, msg->absent ? NULL : base, text);
	ipc_body_free(text);
	supervisor_audit(supervisor_self, AUDIT_CONFIG, KIND_DESK, c->instance, rc);
	log_write(rc < 0 ? LOG_ERROR : LOG_INFO,
		rc < 0 ? "configuration not written" : "configuration written",
		(const struct log_field[]){
			LOG_U("principal", c->instance), LOG_E("why", rc), {.key = NULL}});
	if (rc == 0)
		supervisor_reload_soon(supervisor_self);
	return config_supervisor_written_send(chan, &(struct config_supervisor_written){.rc = rc});
}

static int
on_history(struct ipc_chan *chan, const void *m, void *arg)
{
	const struct config_supervisor_history *msg = m;
	struct sup_past past = {0};
	uint64_t words[4];
	int fd = -1;
	uint32_t of = supervisor_history_get(supervisor_self, msg->n, &past, &fd);
	int rc;

	(void)arg;
	memcpy(words, past.hash, sizeof(words));
	rc = config_supervisor_past_send(chan, &(struct config_supervisor_past){.n = msg->n,
						       .of = of,
						       .at_ms = past.at_ms,
						       .principal = past.principal,
						       .h0 = words[0],
						       .h1 = words[1],
						       .h2 = words[2],
						       .h3 = words[3],
						       .text = fd});
	if (fd >= 0)
		close(fd);
	return rc;
}

static const struct ipc_handler rows[] = {
	{CONFIG_SUPERVISOR_INCLUDE, supervisor_on_include},
	{CONFIG_SUPERVISOR_WRITE, on_write},
	{CONFIG_SUPERVISOR_HISTORY, on_history},
};

static void
on_end(struct ipc_chan *chan, int why, void *arg)
{
	struct sup_child *c = arg;

	ipc_chan_free(chan);
	c->desk = NULL;
	if (why != ERR_EOF)
		supervisor_child_kill(supervisor_self, c);
}

const struct ipc_ops supervisor_desk_ops = {
	.handlers = rows, .n = sizeof(rows) / sizeof(rows[0]), .on_end = on_end};

void
supervisor_desk_wire(struct sup *sup, struct sup_child *c)
{
	int fds[2];

	if (ipc_pair(fds) < 0)
		return;
	c->desk = ipc_chan_new(sup->ev, fds[0], &config_supervisor_proto, IPC_SIDE_B, IPC_FULL_END,
		&supervisor_desk_ops, c);
	ipc_chan_set_state(
		c->desk, IPC_S_IDLE); /* what config says at the start is not for it to say */
	(void)child_peer_send(
		c->control, &(struct child_peer){.kind = KIND_SUPERVISOR, .fd = fds[1]});
	close(fds[1]);
}
