#include "args/args_json.h"
#include "base/err.h"
#include "base/secret.h"
#include "edge_user.h"

#define RESULT_MAX KIB(512)

static void
fail(struct user_conn *u, struct user_call *call, unsigned code, const char *message)
{
	struct edge_refusal r = {0};

	edge_refuse(&r, code, 0, "%s", message);
	user_call_fail(u, call, &r);
}

/* Scopes of a parameter list: bits; ERR_UNKNOWN for a name that is no scope. */
static int
scopes_of(struct span args, uint32_t *out)
{
	struct args_leaf leaf;
	int rc;

	*out = 0;
	while ((rc = args_next(&args, &leaf)) > 0) {
		unsigned bit;

		if (leaf.depth != 2 || !span_eq(leaf.path[0].key, SPAN("scopes")))
			continue;
		bit = scope_find((const char *)leaf.value.ptr, (unsigned)leaf.value.len);
		if (bit == 0)
			return ERR_UNKNOWN;
		*out |= bit;
	}
	return rc;
}

/* ---- asking ---- */

static int
ask_device(struct ipc_chan *vault, const struct user_call *call)
{
	static const struct {
		unsigned method;
		uint8_t what;
		const char *id;
	} rows[] = {
		{METHOD_DEVICE_PAIR_APPROVE, DEVICE_APPROVE, "requestId"},
		{METHOD_DEVICE_PAIR_REJECT, DEVICE_REJECT, "requestId"},
		{METHOD_DEVICE_PAIR_REMOVE, DEVICE_REMOVE, "deviceId"},
		{METHOD_DEVICE_TOKEN_ROTATE, TOKEN_ROTATE, "deviceId"},
		{METHOD_DEVICE_TOKEN_REVOKE, TOKEN_REVOKE, "deviceId"},
	};
	struct span args = buf_span(&call->args);
	struct user_vault_device_do m = {.req = call->seq};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].method != call->method)
			continue;
		m.what = rows[i].what;
		(void)args_get_str(args, rows[i].id, &m.id);
		(void)args_get_str(args, "role", &m.role);
		if (scopes_of(args, &m.scopes) < 0)
			return ERR_UNKNOWN;
		return user_vault_device_do_send(vault, &m);
	}
	return ERR_UNSUPPORTED;
}

static int
ask(struct ipc_chan *vault, const struct user_call *call)
{
	struct span name = SPAN_EMPTY;

	switch (call->method) {
	case METHOD_DEVICE_PAIR_LIST:
		return user_vault_devices_send(
			vault, &(struct user_vault_devices){.req = call->seq});
	case METHOD_DASHBOARD_LINK:
		return user_vault_claim_new_send(
			vault, &(struct user_vault_claim_new){.req = call->seq});
	case METHOD_SECRETS_SHOW:
		(void)args_get_str(buf_span(&call->args), "name", &name);
		return user_vault_secret_show_send(
			vault, &(struct user_vault_secret_show){.req = call->seq, .name = name});
	default:
		return ask_device(vault, call);
	}
}

void
user_vault_do(struct user_conn *u, struct user_call *call)
{
	struct ipc_chan *vault = child_peer(user_of(u)->child, KIND_VAULT, 0);
	int rc;

	buf_init(&call->rows, RESULT_MAX);
	buf_init(&call->more, RESULT_MAX);
	rc = vault == NULL ? ERR_NOPEER : ask(vault, call);
	call->is_asked = rc == 0;
	if (rc == ERR_UNKNOWN)
		fail(u, call, RPC_INVALID_REQUEST, "unknown scope");
	else if (rc < 0)
		fail(u, call, RPC_UNAVAILABLE,
			rc == ERR_AGAIN ? "vault is busy: try again"
					: "vault is not there: try again");
}

void
user_vault_gone(struct user_conn *u, const struct edge_refusal *r)
{
	struct user_call *next;

	for (struct user_call *call = u->calls; call != NULL && !u->c.is_dead; call = next) {
		next = call->next;
		if (call->is_asked)
			user_call_fail(u, call, r);
	}
}

static struct user_call *
find(struct child *child, uint64_t req, struct user_conn **u)
{
	struct user_call *call = user_call_find(child->ctx, req, u);

	return call != NULL && method_rows[call->method].where == AT_VAULT ? call : NULL;
}

/* ---- device.pair.list ---- */

static void
put_text(struct args_out *out, const char *key, struct span v)
{
	if (v.len > 0)
		args_out_str(out, key, v);
}

static void
put_device(struct args_out *out, const struct user_vault_device *d)
{
	if (d->pending)
		args_out_str(out, "requestId", d->request_id);
	args_out_str(out, "deviceId", d->device_id);
	args_out_str(out, "publicKey", d->public_key);
	put_text(out, "displayName", d->display);
	put_text(out, "platform", d->platform);
	put_text(out, "clientId", d->client_id);
	put_text(out, "clientMode", d->client_mode);
	put_text(out, "role", d->role);
	args_out_array(out, "roles");
	if (d->role.len > 0)
		args_out_str(out, NULL, d->role);
	args_out_end(out);
	user_put_scopes(out, "scopes", d->scopes);
	if (d->pending) {
		args_out_bool(out, "isRepair", d->repair);
		args_out_u64(out, "ts", d->created_at);
		return;
	}
	args_out_u64(out, "createdAtMs", d->created_at);
	args_out_u64(out, "approvedAtMs", d->approved_at);
	args_out_array(out, "tokens");
	if (d->token_at != 0) {
		args_out_object(out, NULL);
		args_out_str(out, "role", d->role);
		user_put_scopes(out, "scopes", d->token_scopes);
		args_out_u64(out, "createdAtMs", d->token ? d->token_at : d->approved_at);
		if (!d->token)
			args_out_u64(out, "revokedAtMs", d->token_at);
		args_out_end(out);
	}
	args_out_end(out);
}

/* Rows are kept one after another, each a list of its own behind its length; nothing of them is read before the last. */
static void
keep_row(struct buf *rows, const struct user_vault_device *d)
{
	struct buf list = {.max = KIB(8)};
	struct args_out out;
	uint32_t len;

	args_out_init(&out, &list, false);
	put_device(&out, d);
	if (args_out_done(&out) == 0) {
		len = (uint32_t)list.len;
		(void)buf_put(rows, span_of(&len, sizeof(len)));
		(void)buf_put(rows, buf_span(&list));
	}
	buf_clear(&list);
}

static void
graft_rows(struct buf *result, const char *name, struct span rows)
{
	uint32_t index = 0;

	if (rows.len == 0) {
		(void)args_put_leaf(result, &(struct args_leaf){.depth = 1,
						    .type = ARGS_EMPTY_ARRAY,
						    .path = {{.key = span_from_cstr(name)}}});
		return;
	}
	while (rows.len > sizeof(uint32_t)) {
		struct args_leaf leaf;
		struct span row;
		uint32_t len;

		__builtin_memcpy(&len, rows.ptr, sizeof(len));
		row = span_sub(rows, sizeof(len), len);
		rows = span_sub(rows, sizeof(len) + len, rows.len);
		while (args_next(&row, &leaf) > 0) {
			for (size_t i = leaf.depth; i > 0; i--)
				leaf.path[i + 1] = leaf.path[i - 1];
			leaf.path[0] = (struct args_step){.key = span_from_cstr(name)};
			leaf.path[1] = (struct args_step){.is_index = true, .index = index};
			leaf.depth += 2;
			(void)args_put_leaf(result, &leaf);
		}
		index++;
	}
}

int
user_on_device(struct ipc_chan *chan, const void *m, void *arg)
{
	const struct user_vault_device *d = m;
	struct buf result = {.max = 2 * RESULT_MAX};
	struct user_conn *u;
	struct user_call *call = find(arg, d->req, &u);

	(void)chan;
	if (call != NULL && call->method == METHOD_DEVICE_PAIR_APPROVE)
		keep_row(&call->rows, d);
	if (call == NULL || call->method != METHOD_DEVICE_PAIR_LIST)
		return 0;
	if (d->device_id.len > 0)
		keep_row(d->pending ? &call->rows : &call->more, d);
	if (!d->last)
		return 0;
	graft_rows(&result, "pending", buf_span(&call->rows));
	graft_rows(&result, "paired", buf_span(&call->more));
	user_call_answer(u, call, buf_span(&result));
	buf_clear(&result);
	return 0;
}

/* ---- what was done with a device ---- */

static void
put_asked(struct json_out *o, const struct user_vault_pairing *p)
{
	json_out_member_str(o, "publicKey", p->public_key);
	if (p->display.len > 0)
		json_out_member_str(o, "displayName", p->display);
	json_out_member_str(o, "platform", p->platform);
	json_out_member_str(o, "clientId", p->client_id);
	json_out_member_str(o, "clientMode", p->client_mode);
	json_out_member_str(o, "role", p->role);
	json_out_key(o, SPAN("scopes"));
	json_out_begin_array(o);
	for (unsigned bit = 1; bit <= SCOPE_ADMIN; bit <<= 1) {
		if ((p->scopes & bit) != 0)
			json_out_str(o, span_from_cstr(scope_name(bit)));
	}
	json_out_end_array(o);
	json_out_member_bool(o, "isRepair", p->repair);
}

/* A device asks, or somebody has decided: this principal's clients with the scope hear it. */
int
user_on_pairing(struct ipc_chan *chan, const void *m, void *arg)
{
	const struct user_vault_pairing *p = m;
	struct child *child = arg;
	struct buf text = {.max = KIB(4)};
	struct json_out o;

	(void)chan;
	json_out_init(&o, &text, NULL);
	json_out_begin_object(&o);
	json_out_member_str(&o, "requestId", p->request_id);
	json_out_member_str(&o, "deviceId", p->device_id);
	if (p->resolved)
		json_out_member_str(
			&o, "decision", p->approved ? SPAN("approved") : SPAN("rejected"));
	else
		put_asked(&o, p);
	json_out_member_u64(&o, "ts", p->at);
	json_out_end_object(&o);
	if (json_out_finish(&o) == 0)
		user_event_send(child->ctx,
			p->resolved ? EVENT_DEVICE_PAIR_RESOLVED : EVENT_DEVICE_PAIR_REQUESTED,
			buf_span(&text), true);
	buf_clear(&text);
	return 0;
}

/* What is stored of the device now, below "device". */
static void
graft_device(struct args_out *out, struct span rows)
{
	struct span row = span_sub(rows, sizeof(uint32_t), rows.len);
	struct args_leaf leaf;

	while (out->err == 0 && args_next(&row, &leaf) > 0) {
		for (size_t i = leaf.depth; i > 0; i--)
			leaf.path[i] = leaf.path[i - 1];
		leaf.path[0] = (struct args_step){.key = SPAN("device")};
		leaf.depth++;
		(void)args_put_leaf(out->buf, &leaf);
	}
	out->root_count++;
}

static void
put_did(struct args_out *out, unsigned method, struct span request, struct span rows,
	const struct user_vault_device_did *d)
{
	if (method == METHOD_DEVICE_PAIR_APPROVE || method == METHOD_DEVICE_PAIR_REJECT)
		args_out_str(out, "requestId", request);
	if (method == METHOD_DEVICE_PAIR_APPROVE && rows.len > sizeof(uint32_t)) {
		graft_device(out, rows);
		return;
	}
	if (method == METHOD_DEVICE_PAIR_APPROVE) {
		args_out_object(out, "device");
		args_out_str(out, "deviceId", d->device_id);
		args_out_str(out, "role", d->role);
		user_put_scopes(out, "scopes", d->scopes);
		args_out_u64(out, "approvedAtMs", d->at);
		args_out_end(out);
		return;
	}
	args_out_str(out, "deviceId", d->device_id);
	if (method == METHOD_DEVICE_PAIR_REJECT || method == METHOD_DEVICE_PAIR_REMOVE)
		return;
	args_out_str(out, "role", d->role);
	if (method == METHOD_DEVICE_TOKEN_ROTATE) {
		args_out_str(out, "token", d->token);
		user_put_scopes(out, "scopes", d->scopes);
	}
	args_out_u64(
		out, method == METHOD_DEVICE_TOKEN_ROTATE ? "rotatedAtMs" : "revokedAtMs", d->at);
}

static void
did_not(struct user_conn *u, struct user_call *call, int rc)
{
	bool pairing = call->method == METHOD_DEVICE_PAIR_APPROVE ||
		       call->method == METHOD_DEVICE_PAIR_REJECT;

	if (rc == ERR_NOTFOUND || rc == ERR_EXPIRED || rc == ERR_RANGE)
		fail(u, call, RPC_INVALID_REQUEST,
			pairing ? "unknown requestId" : "unknown deviceId/role");
	else if (rc == ERR_DENIED)
		fail(u, call, RPC_INVALID_REQUEST,
			"unauthorized: the caller's credential does not allow this");
	else
		fail(u, call, RPC_UNAVAILABLE, err_text(rc));
}

int
user_on_device_did(struct ipc_chan *chan, const void *m, void *arg)
{
	const struct user_vault_device_did *d = m;
	struct child *child = arg;
	struct user_conn *u;
	struct user_call *call = find(child, d->req, &u);
	struct buf list = {.max = KIB(8)};
	struct span request = SPAN_EMPTY;
	struct args_out out;
	unsigned method;

	(void)chan;
	if (call == NULL)
		return 0;
	if (d->rc < 0) {
		did_not(u, call, (int)d->rc);
		return 0;
	}
	method = call->method;
	(void)args_get_str(buf_span(&call->args), "requestId", &request);
	args_out_init(&out, &list, false);
	put_did(&out, method, request, buf_span(&call->rows), d);
	if (args_out_done(&out) == 0)
		user_call_answer(u, call, buf_span(&list));
	if (list.ptr != NULL)
		secret_wipe(list.ptr, list.len);
	buf_clear(&list);
	return 0;
}

/* ---- links and secrets, for the control socket ---- */

static void
answer_secret(struct user_conn *u, struct user_call *call, bool ok, const char *key,
	struct span value, uint64_t ttl_ms)
{
	struct buf list = {.max = KIB(8)};
	struct args_out out;

	if (!ok) {
		fail(u, call, RPC_INVALID_REQUEST, "not found, or not for this caller");
		return;
	}
	args_out_init(&out, &list, false);
	args_out_str(&out, key, value);
	if (ttl_ms > 0)
		args_out_u64(&out, "ttlMs", ttl_ms);
	if (args_out_done(&out) == 0)
		user_call_answer(u, call, buf_span(&list));
	if (list.ptr != NULL)
		secret_wipe(list.ptr, list.len);
	buf_clear(&list);
}

int
user_on_claim_code(struct ipc_chan *chan, const void *m, void *arg)
{
	const struct user_vault_claim_code *c = m;
	struct user_conn *u;
	struct user_call *call = find(arg, c->req, &u);

	(void)chan;
	if (call != NULL)
		answer_secret(u, call, c->ok, "code", c->code, c->ttl_ms);
	return 0;
}

int
user_on_secret_shown(struct ipc_chan *chan, const void *m, void *arg)
{
	const struct user_vault_secret_shown *s = m;
	struct user_conn *u;
	struct user_call *call = find(arg, s->req, &u);

	(void)chan;
	if (call != NULL)
		answer_secret(u, call, s->ok, "value", s->value, 0);
	return 0;
}
