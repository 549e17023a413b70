/* The messages that an egress accepts. */
#include "egress.h"

#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "proto/audit_writer.h"
#include "proto/witness.h"
#include "proto/core_egress.h"
#include "proto/egress_dial.h"
#include "proto/egress_vault.h"
#include "proto/executor_gate.h"

static struct egress *
egress_of(void *arg)
{
	return ((struct child *)arg)->ctx;
}

static int
on_request(struct ipc_chan *chan, const void *msg, void *arg)
{
	(void)chan;
	egress_request_start(egress_of(arg), msg);
	return 0;
}

static int
on_credit(struct ipc_chan *chan, const void *m, void *arg)
{
	const struct core_egress_credit *msg = m;
	struct egress_request *r = egress_request_find(egress_of(arg), msg->id);

	(void)chan;
	if (r == NULL)
		return 0; /* it ended meanwhile */
	if (msg->bytes > EGRESS_BODY_MAX)
		return ERR_RANGE;
	r->credit += (int64_t)msg->bytes;
	if (r->paused)
		egress_request_alive(r); /* it was core that was silent */
	egress_curl_resume(r);
	return 0;
}

static int
on_cancel(struct ipc_chan *chan, const void *m, void *arg)
{
	const struct core_egress_cancel *msg = m;
	struct egress_request *r = egress_request_find(egress_of(arg), msg->id);

	(void)chan;
	if (r != NULL)
		egress_request_end(r, ERR_ABORTED, "");
	return 0;
}

static int
on_labeled(struct ipc_chan *chan, const void *m, void *arg)
{
	const struct executor_gate_labeled *msg = m;
	struct egress *e = egress_of(arg);

	(void)chan;
	for (size_t i = 0; i < EGRESS_REQUESTS_MAX; i++) {
		struct egress_request *r = &e->requests[i];

		if (!egress_request_is_asked(r, EGRESS_ASK_LABEL) || r->run != msg->run ||
			r->call != msg->call)
			continue;
		egress_request_answered(r, EGRESS_ASK_LABEL);
		break;
	}
	return 0;
}

/* The credential is used where it is bound to, and nowhere else, whatever the row says. */
static bool
is_bound_here(const struct egress_row *row, const struct egress_vault_credential *msg)
{
	return span_eq(msg->scheme, row->tls ? SPAN("https") : SPAN("http")) &&
	       span_eq(msg->host, span_from_cstr(row->host)) && msg->port == row->port;
}

static int
on_credential(struct ipc_chan *chan, const void *m, void *arg)
{
	const struct egress_vault_credential *msg = m;
	struct egress *e = egress_of(arg);
	struct egress_request *r = egress_request_find(e, msg->req);

	(void)chan;
	if (r == NULL || !egress_request_is_asked(r, EGRESS_ASK_CREDENTIAL))
		return 0;
	if (!msg->ok) {
		egress_request_end(
			r, ERR_AUTH, "vault did not release the credential of this destination");
		return 0;
	}
	if (!msg->none) {
		if (!is_bound_here(&e->row, msg)) {
			log_error("credential bound to another destination: denied",
				LOG_U("row", e->row.number));
			egress_request_end(
				r, ERR_DENIED, "the credential is bound to another destination");
			return 0;
		}
		if (secret_set(&r->credential, msg->value) < 0 ||
			span_to_cstr(msg->header, r->header, sizeof(r->header)) < 0 ||
			span_to_cstr(msg->prefix, r->prefix, sizeof(r->prefix)) < 0) {
			egress_request_end(r, ERR_TOOBIG, "the credential is too long");
			return 0;
		}
	}
	egress_request_answered(r, EGRESS_ASK_CREDENTIAL);
	return 0;
}

static int
on_connected(struct ipc_chan *chan, const void *m, void *arg)
{
	const struct egress_dial_connected *msg = m;
	struct egress_request *r = egress_request_find(egress_of(arg), msg->req);
	char detail[257];

	if (r == NULL || r->phase != EGRESS_DIALLING)
		return 0;
	if (msg->rc < 0 || msg->socket < 0) {
		if (span_to_cstr(msg->detail, detail, sizeof(detail)) < 0)
			detail[0] = '\0';
		egress_request_end(r, msg->rc < 0 ? (int)msg->rc : ERR_IO, detail);
		return 0;
	}
	r->fd = ipc_fd_steal(chan, msg->socket);
	r->phase = EGRESS_RUNNING;
	egress_request_next(r);
	return 0;
}

static const struct ipc_handler core_rows[] = {
	{CORE_EGRESS_REQUEST, on_request},
	{CORE_EGRESS_CREDIT, on_credit},
	{CORE_EGRESS_CANCEL, on_cancel},
};
static const struct ipc_handler gate_rows[] = {{EXECUTOR_GATE_LABELED, on_labeled}};
static const struct ipc_handler vault_rows[] = {{EGRESS_VAULT_CREDENTIAL, on_credential}};
static const struct ipc_handler dial_rows[] = {{EGRESS_DIAL_CONNECTED, on_connected}};

const struct child_link egress_links[] = {
	{KIND_CORE, &core_egress_proto, IPC_SIDE_B, IPC_FULL_WAIT, core_rows, 3},
	{KIND_GATE, &executor_gate_proto, IPC_SIDE_A, IPC_FULL_END, gate_rows, 1},
	{KIND_VAULT, &egress_vault_proto, IPC_SIDE_A, IPC_FULL_END, vault_rows, 1},
	{KIND_DIAL, &egress_dial_proto, IPC_SIDE_A, IPC_FULL_END, dial_rows, 1},
	{KIND_AUDIT, &audit_writer_proto, IPC_SIDE_A, IPC_FULL_END, witness_rows, WITNESS_ROWS_N},
};
const size_t egress_nlinks = sizeof(egress_links) / sizeof(egress_links[0]);
