#include "edge_connect.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/limits.h"
#include "crypto/crypto_device.h"
#include "crypto/crypto_encode.h"
#include "ws/ws.h"

#define PROTOCOL 3

static const struct edge_field frame_fields[] = {{"type", EDGE_STR, true}, {"id", EDGE_STR1, true},
	{"method", EDGE_STR1, true}, {"params", EDGE_ANY, false}};
static const struct edge_field connect_fields[] = {{"minProtocol", EDGE_INT1, true},
	{"maxProtocol", EDGE_INT1, true}, {"client", EDGE_OBJECT, true}, {"caps", EDGE_STRS, false},
	{"commands", EDGE_STRS, false}, {"permissions", EDGE_FLAGS, false},
	{"pathEnv", EDGE_STR, false}, {"role", EDGE_STR1, false}, {"scopes", EDGE_STRS, false},
	{"device", EDGE_OBJECT, false}, {"auth", EDGE_OBJECT, false}, {"locale", EDGE_STR, false},
	{"userAgent", EDGE_STR, false}};
static const struct edge_field client_fields[] = {{"id", EDGE_STR1, true},
	{"displayName", EDGE_STR1, false}, {"version", EDGE_STR1, true},
	{"platform", EDGE_STR1, true}, {"deviceFamily", EDGE_STR1, false},
	{"modelIdentifier", EDGE_STR1, false}, {"mode", EDGE_STR1, true},
	{"instanceId", EDGE_STR1, false}};
static const struct edge_field device_fields[] = {{"id", EDGE_STR1, true},
	{"publicKey", EDGE_STR1, true}, {"signature", EDGE_STR1, true},
	{"signedAt", EDGE_INT, true}, {"nonce", EDGE_STR1, false}};
static const struct edge_field auth_fields[] = {
	{"token", EDGE_STR, false}, {"password", EDGE_STR, false}};

static const char *const families[] = {"openclaw-", "moltbot-", "clawdbot-"};
static const char *const family_ids[] = {"control-ui", "macos", "ios", "android", "probe"};
static const char *const plain_ids[] = {
	"webchat-ui", "webchat", "cli", "gateway-client", "node-host", "test", "fingerprint"};
static const char *const modes[] = {"webchat", "cli", "ui", "backend", "node", "probe", "test"};

#define N(a) (sizeof(a) / sizeof((a)[0]))

static bool
is_in(struct span s, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (span_eq(s, span_from_cstr(list[i])))
			return true;
	}
	return false;
}

/* What follows the product's name in an id of one of its three eras; empty when it is none. */
static struct span
family_rest(struct span id)
{
	for (size_t i = 0; i < N(families); i++) {
		struct span f = span_from_cstr(families[i]);

		if (span_starts_with(id, f))
			return span_sub(id, f.len, id.len);
	}
	return SPAN_EMPTY;
}

bool
edge_connect_is_ui(struct span client_id)
{
	return span_eq(family_rest(client_id), SPAN("control-ui"));
}

static struct span
text_of(const struct json_node *obj, struct span key)
{
	struct span s = SPAN_EMPTY;

	(void)json_node_str(json_get(obj, key), &s);
	return s;
}

/* ---- shape ---- */

static const struct {
	size_t off;
	const char *name;
	size_t max;
} client_texts[] = {
#define TEXT(field, name, max)                                                                     \
	{                                                                                          \
		offsetof(struct edge_connect, field), (name), (max)                                \
	}
	TEXT(client_id, "id", 64), TEXT(client_mode, "mode", 32),
	TEXT(client_version, "version", 64), TEXT(platform, "platform", 64),
	TEXT(display, "displayName", 128), TEXT(device_family, "deviceFamily", 64),
	TEXT(model, "modelIdentifier", 64), TEXT(instance_id, "instanceId", 128)};

static int
bad(struct edge_refusal *r, const char *what)
{
	edge_refuse(r, RPC_INVALID_REQUEST, WS_CODE_POLICY, "invalid connect params: %s", what);
	return ERR_DENIED;
}

static int
take_client(const struct json_node *client, struct edge_connect *out, struct edge_refusal *r)
{
	char what[160];

	if (edge_object_check(
		    client, "/client", client_fields, N(client_fields), what, sizeof(what)) < 0)
		return bad(r, what);
	for (size_t i = 0; i < N(client_texts); i++) {
		struct span *at = (struct span *)(void *)((uint8_t *)out + client_texts[i].off);

		*at = text_of(client, span_from_cstr(client_texts[i].name));
		if (at->len > client_texts[i].max) {
			(void)snprintf(what, sizeof(what),
				"at /client/%s: must NOT have more than %zu characters",
				client_texts[i].name, client_texts[i].max);
			return bad(r, what);
		}
	}
	if (!is_in(out->client_id, plain_ids, N(plain_ids)) &&
		!is_in(family_rest(out->client_id), family_ids, N(family_ids)))
		return bad(r, "at /client/id: must be equal to one of the allowed values");
	if (!is_in(out->client_mode, modes, N(modes)))
		return bad(r, "at /client/mode: must be equal to one of the allowed values");
	return 0;
}

static int
take_device(const struct json_node *device, struct edge_connect *out, struct edge_refusal *r)
{
	char what[160];

	if (device == NULL)
		return 0;
	if (edge_object_check(
		    device, "/device", device_fields, N(device_fields), what, sizeof(what)) < 0)
		return bad(r, what);
	out->has_device = true;
	out->device_id = text_of(device, SPAN("id"));
	out->public_key = text_of(device, SPAN("publicKey"));
	out->signature = text_of(device, SPAN("signature"));
	out->nonce = text_of(device, SPAN("nonce"));
	out->nonce_sent = out->nonce.len > 0;
	(void)json_node_u64(json_get(device, SPAN("signedAt")), &out->signed_at);
	if (out->device_id.len > 128 || out->public_key.len > 512 || out->signature.len > 128 ||
		out->nonce.len > 64)
		return bad(r, "at /device: value too long");
	return 0;
}

static int
take_auth(const struct json_node *auth, struct edge_connect *out, struct edge_refusal *r)
{
	char what[160];

	if (auth == NULL)
		return 0;
	if (edge_object_check(auth, "/auth", auth_fields, N(auth_fields), what, sizeof(what)) < 0)
		return bad(r, what);
	out->token = text_of(auth, SPAN("token"));
	out->password = text_of(auth, SPAN("password"));
	return out->token.len > 4096 || out->password.len > 4096
		       ? bad(r, "at /auth: value too long")
		       : 0;
}

static int
join_scopes(struct arena *arena, const struct json_node *list, struct edge_connect *out,
	struct edge_refusal *r)
{
	struct buf b = {.max = 512};
	int rc;

	for (const struct json_node *n = json_first(list); n != NULL; n = n->next) {
		if (n->v.text.len == 0 || span_find_byte(n->v.text, ',') >= 0)
			b.err = ERR_SYNTAX;
		if (b.len > 0)
			buf_put_u8(&b, ',');
		buf_put(&b, n->v.text);
	}
	rc = b.err;
	out->scopes = arena_copy(arena, buf_span(&b));
	buf_clear(&b);
	return rc < 0 ? bad(r, "at /scopes: must be a list of scope names") : 0;
}

static int
take_params(struct arena *arena, const struct json_node *p, struct edge_connect *out,
	struct edge_refusal *r)
{
	char what[160];
	int rc;

	if (edge_object_check(p, "", connect_fields, N(connect_fields), what, sizeof(what)) < 0)
		return bad(r, what);
	(void)json_node_i64(json_get(p, SPAN("minProtocol")), &out->min_protocol);
	(void)json_node_i64(json_get(p, SPAN("maxProtocol")), &out->max_protocol);
	rc = take_client(json_get(p, SPAN("client")), out, r);
	if (rc == 0)
		rc = take_device(json_get(p, SPAN("device")), out, r);
	if (rc == 0)
		rc = take_auth(json_get(p, SPAN("auth")), out, r);
	if (rc == 0)
		rc = join_scopes(arena, json_get(p, SPAN("scopes")), out, r);
	if (rc < 0)
		return rc;
	out->role = text_of(p, SPAN("role"));
	if (out->role.len == 0)
		out->role = SPAN("operator");
	out->user_agent = span_sub(text_of(p, SPAN("userAgent")), 0, 256);
	return 0;
}

int
edge_connect_parse(
	struct arena *arena, struct span text, struct edge_connect *out, struct edge_refusal *r)
{
	const struct json_opts opts = {.max_depth = 8, .max_nodes = 512};
	struct json_node *root;
	char what[160];

	*out = (struct edge_connect){0};
	if (json_parse(arena, text, &opts, &root, NULL) < 0)
		return ERR_SYNTAX;
	if (edge_object_check(root, "", frame_fields, N(frame_fields), what, sizeof(what)) < 0 ||
		!span_eq(text_of(root, SPAN("type")), SPAN("req")) ||
		text_of(root, SPAN("id")).len > 256) {
		edge_refuse(r, RPC_INVALID_REQUEST, WS_CODE_POLICY, "invalid request frame");
		return ERR_TYPE;
	}
	out->req = text_of(root, SPAN("id"));
	if (!span_eq(text_of(root, SPAN("method")), SPAN("connect"))) {
		edge_refuse(r, RPC_INVALID_REQUEST, WS_CODE_POLICY,
			"invalid handshake: first request must be connect");
		return ERR_DENIED;
	}
	return take_params(arena, json_get(root, SPAN("params")), out, r);
}

/* ---- meaning ---- */

static int
deny(struct edge_refusal *r, unsigned code, const char *message)
{
	edge_refuse(r, code, WS_CODE_POLICY, "%s", message);
	return ERR_DENIED;
}

static int
check_no_device(
	const struct edge_connect *c, const struct edge_connect_door *door, struct edge_refusal *r)
{
	bool shared = c->token.len > 0 || c->password.len > 0;

	if (door->control || door->has_cookie)
		return 0;
	if (edge_connect_is_ui(c->client_id)) {
		if (door->allow_insecure_auth && shared)
			return 0;
		return deny(r, RPC_INVALID_REQUEST,
			"control ui requires HTTPS or localhost (secure context)");
	}
	return c->token.len > 0 ? 0 : deny(r, RPC_NOT_PAIRED, "device identity required");
}

static bool
is_id_of_key(const struct edge_connect *c)
{
	uint8_t pub[CRYPTO_PUBLIC_LEN];
	uint8_t hash[CRYPTO_SHA256_LEN];
	char hex[2 * CRYPTO_SHA256_LEN + 1];

	if (crypto_public_decode(c->public_key, pub) < 0)
		return true; /* said later, in the order of the protocol, by who verifies */
	crypto_sha256(span_of(pub, sizeof(pub)), hash);
	crypto_hex_encode(span_of(hash, sizeof(hash)), hex);
	return span_eq(c->device_id, span_of(hex, 2 * CRYPTO_SHA256_LEN));
}

static int
check_device(
	const struct edge_connect *c, const struct edge_connect_door *door, struct edge_refusal *r)
{
	uint64_t off = c->signed_at > door->now_ms ? c->signed_at - door->now_ms
						   : door->now_ms - c->signed_at;

	if (!is_id_of_key(c))
		return deny(r, RPC_INVALID_REQUEST, "device identity mismatch");
	if (off > AUTH_SKEW_MS)
		return deny(r, RPC_INVALID_REQUEST, "device signature expired");
	if (!c->nonce_sent)
		return deny(r, RPC_INVALID_REQUEST, "device nonce required");
	return span_eq(c->nonce, door->nonce)
		       ? 0
		       : deny(r, RPC_INVALID_REQUEST, "device nonce mismatch");
}

int
edge_connect_check(
	const struct edge_connect *c, const struct edge_connect_door *door, struct edge_refusal *r)
{
	if (c->max_protocol < PROTOCOL || c->min_protocol > PROTOCOL) {
		edge_refuse(r, RPC_INVALID_REQUEST, WS_CODE_PROTOCOL, "protocol mismatch");
		r->expected = PROTOCOL;
		return ERR_DENIED;
	}
	if (!span_eq(c->role, SPAN("operator")) && !span_eq(c->role, SPAN("node")))
		return deny(r, RPC_INVALID_REQUEST, "invalid role");
	if (!c->has_device)
		return check_no_device(c, door, r);
	return door->control ? 0 : check_device(c, door, r);
}

/* ---- what vault said ---- */

static const char *
hint(const struct edge_connect *c, bool password)
{
	if (span_eq(c->client_mode, SPAN("cli")))
		return password ? "set gateway.remote.password to match gateway.auth.password"
				: "set gateway.remote.token to match gateway.auth.token";
	if (edge_connect_is_ui(c->client_id) || span_eq(c->client_mode, SPAN("webchat")))
		return password ? "enter the password in Control UI settings"
				: "open a tokenized dashboard URL or paste token in Control UI "
				  "settings";
	return password ? "provide gateway auth password" : "provide gateway auth token";
}

void
edge_connect_refused(
	const struct edge_connect *c, const struct edge_verdict *v, struct edge_refusal *r)
{
	bool password = v->credential == CRED_PASSWORD;
	const char *what = password ? "password" : "token";

	switch (v->why) {
	case AUTH_MISSING:
	case AUTH_MISMATCH:
		edge_refuse(r, RPC_INVALID_REQUEST, WS_CODE_POLICY,
			"unauthorized: gateway %s %s (%s)", what,
			v->why == AUTH_MISSING ? "missing" : "mismatch", hint(c, password));
		return;
	case AUTH_NOT_CONFIGURED:
		edge_refuse(r, RPC_INVALID_REQUEST, WS_CODE_POLICY,
			"unauthorized: gateway %s not configured on gateway (set gateway.auth.%s)",
			what, what);
		return;
	case AUTH_RATE_LIMITED:
		edge_refuse(
			r, RPC_INVALID_REQUEST, WS_CODE_POLICY, "unauthorized: too many attempts");
		r->retry_ms = v->retry_ms > 0 ? v->retry_ms : 1000;
		return;
	case AUTH_PAIRING_REQUIRED:
		edge_refuse(r, RPC_NOT_PAIRED, WS_CODE_POLICY, "pairing required");
		r->request_id = v->request_id;
		return;
	case AUTH_UNAVAILABLE:
		edge_refuse(r, RPC_UNAVAILABLE, WS_CODE_LATER,
			"the gateway is starting or busy: try again");
		r->retry_ms = 1000;
		return;
	default:
		break;
	}
	static const struct {
		unsigned why;
		unsigned code;
		const char *text;
	} rows[] = {
		{AUTH_DEVICE_REQUIRED, RPC_NOT_PAIRED, "device identity required"},
		{AUTH_DEVICE_MISMATCH, RPC_INVALID_REQUEST, "device identity mismatch"},
		{AUTH_SIGNATURE_EXPIRED, RPC_INVALID_REQUEST, "device signature expired"},
		{AUTH_NONCE_REQUIRED, RPC_INVALID_REQUEST, "device nonce required"},
		{AUTH_SIGNATURE_INVALID, RPC_INVALID_REQUEST, "device signature invalid"},
		{AUTH_KEY_INVALID, RPC_INVALID_REQUEST, "device public key invalid"},
		{AUTH_ROLE_INVALID, RPC_INVALID_REQUEST, "invalid role"},
	};

	for (size_t i = 0; i < N(rows); i++) {
		if (rows[i].why == v->why) {
			edge_refuse(r, rows[i].code, WS_CODE_POLICY, "%s", rows[i].text);
			return;
		}
	}
	edge_refuse(r, RPC_INVALID_REQUEST, WS_CODE_POLICY, "unauthorized");
}
