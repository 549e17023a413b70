#include "dial/dial.h"

#include "base/err.h"
#include "base/log.h"

/* The channel's tag is the egress's instance, and that is its row. */
static int
on_connect(struct ipc_chan *chan, const void *msg, void *arg)
{
	const struct egress_dial_connect *m = msg;
	struct child *child = arg;
	const struct dial *d = child->ctx;

	if (m->row != ipc_chan_tag(chan) || m->row >= DIAL_ROWS_MAX || !d->rows[m->row].is_set) {
		log_error("an egress asked for a row that is not its own: denied",
			LOG_U("egress", ipc_chan_tag(chan)), LOG_U("row", m->row));
		dial_call_refuse(chan, m->req, ERR_DENIED,
			SPAN("the destination is not one that is configured"));
		return 0;
	}
	if (m->tag != d->rows[m->row].tag) {
		log_warn("an egress knows another destination under its number: denied",
			LOG_U("row", m->row));
		dial_call_refuse(chan, m->req, ERR_NOPEER,
			SPAN("the destination has been changed in the configuration"));
		return 0;
	}
	dial_call_start(child, chan, m->req, &d->rows[m->row].url, d->rows[m->row].local);
	return 0;
}

static int
on_connect_web(struct ipc_chan *chan, const void *msg, void *arg)
{
	const struct egress_dial_connect_web *m = msg;
	struct child *child = arg;
	const struct dial *d = child->ctx;
	struct url to;

	if (!d->has_web || ipc_chan_tag(chan) != d->web_row) {
		log_error("an egress that may not named a host: denied",
			LOG_U("egress", ipc_chan_tag(chan)), LOG_S("host", m->host));
		dial_call_refuse(
			chan, m->req, ERR_DENIED, SPAN("only the group web may name a host"));
	} else if (dial_host_parse(m->host, m->port, &to) < 0) {
		dial_call_refuse(
			chan, m->req, ERR_SYNTAX, SPAN("the host is not a plain name or address"));
	} else {
		dial_call_start(child, chan, m->req, &to, false);
	}
	return 0;
}

static const struct ipc_handler from_egress[] = {
	{EGRESS_DIAL_CONNECT, on_connect}, {EGRESS_DIAL_CONNECT_WEB, on_connect_web}};

const struct child_link dial_links[DIAL_NLINKS] = {
	{KIND_EGRESS, &egress_dial_proto, IPC_SIDE_B, IPC_FULL_END, from_egress,
		sizeof(from_egress) / sizeof(from_egress[0])},
};
