#include "attacker_asks.h"

#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "proto/child.def.h"
#include "proto/config_supervisor.h"
#include "proto/tls_key.h"

#define ANSWER_MS 3000

static struct ipc_received in;

static int
socket_of(const struct attacker_peer *peers, size_t n, const struct ipc_proto *proto)
{
	for (size_t i = 0; i < n; i++) {
		if (peers[i].proto == proto)
			return peers[i].fd;
	}
	return -1;
}

/* Sends, then drops what comes until there is an answer of this id. */
static enum attacker_outcome
ask(int fd, const struct ipc_proto *proto, enum ipc_side side, uint16_t id, const void *msg,
	uint16_t answer)
{
	struct pollfd gone = {.fd = fd, .events = 0};

	if (fd < 0 || ipc_sync_send(fd, proto, side, id, msg) < 0)
		return ATTACKER_ASK_SILENCE;
	for (int i = 0; i < 64; i++) {
		if (ipc_sync_recv(fd, proto, side, ANSWER_MS, &in) < 0)
			break;
		if (in.id == answer)
			return ATTACKER_ASK_PERMITTED; /* the caller looks at what it says */
	}
	(void)poll(&gone, 1, 0);
	return (gone.revents & (POLLHUP | POLLERR)) != 0 ? ATTACKER_ASK_CUT : ATTACKER_ASK_SILENCE;
}

/* ---- processes ---- */

static enum attacker_outcome
spawn(const struct attacker_peer *peers, size_t n, uint8_t kind, uint64_t instance)
{
	enum attacker_outcome got =
		ask(socket_of(peers, n, &child_proto), &child_proto, IPC_SIDE_B, CHILD_SPAWN,
			&(struct child_spawn){.kind = kind, .instance = instance}, CHILD_REFUSED);

	/* nobody says that a process was made */
	return got == ATTACKER_ASK_PERMITTED ? ATTACKER_ASK_REFUSED
	       : got == ATTACKER_ASK_SILENCE ? ATTACKER_ASK_REACHED
					     : got;
}

static enum attacker_outcome
owners_desk(
	const struct child *child, const struct attacker_peer *peers, size_t n, const char *text)
{
	uint64_t owner = PRINCIPAL(PRINCIPAL_TOKEN, SCOPE_ALL, 0);

	(void)text;
	return spawn(peers, n, KIND_DESK, owner == child->instance ? owner + 1 : owner);
}

static enum attacker_outcome
control_edge(
	const struct child *child, const struct attacker_peer *peers, size_t n, const char *text)
{
	(void)child;
	(void)text;
	return spawn(peers, n, KIND_USER, PRINCIPAL(PRINCIPAL_CONTROL, SCOPE_ALL, 0));
}

static enum attacker_outcome
another_config(
	const struct child *child, const struct attacker_peer *peers, size_t n, const char *text)
{
	(void)child;
	(void)text;
	return spawn(peers, n, KIND_CONFIG, 0);
}

/* An edge whose principal has admin may have this one. */
static enum attacker_outcome
own_desk(const struct child *child, const struct attacker_peer *peers, size_t n, const char *text)
{
	enum attacker_outcome got = spawn(peers, n, KIND_DESK, child->instance);

	(void)text;
	if (got == ATTACKER_ASK_REACHED && (PRINCIPAL_SCOPES(child->instance) & SCOPE_ADMIN) != 0)
		return ATTACKER_ASK_PERMITTED;
	return got;
}

static enum attacker_outcome
raised_desk(
	const struct child *child, const struct attacker_peer *peers, size_t n, const char *text)
{
	uint64_t raised = child->instance | (uint64_t)SCOPE_ALL << 48;

	(void)text;
	return spawn(peers, n, KIND_DESK, raised == child->instance ? raised + 1 : raised);
}

/* Said by those that are begun ahead of their client or run, and by nobody who is told already. */
static enum attacker_outcome
jailed(const struct child *child, const struct attacker_peer *peers, size_t n, const char *text)
{
	(void)child;
	(void)text;
	return ask(socket_of(peers, n, &child_proto), &child_proto, IPC_SIDE_B, CHILD_JAILED,
		&(struct child_jailed){}, UINT16_MAX);
}

/* ---- the kill switch ---- */

/* Who may use the gateway may stop what acts for a model: permitted when the supervisor says that it is done. */
static enum attacker_outcome
panic(const struct child *child, const struct attacker_peer *peers, size_t n, const char *text)
{
	(void)child;
	(void)text;
	return ask(socket_of(peers, n, &child_proto), &child_proto, IPC_SIDE_B, CHILD_PANIC,
		&(struct child_panic){}, CHILD_PANIC_STATE);
}

static enum attacker_outcome
undo_panic(const struct child *child, const struct attacker_peer *peers, size_t n, const char *text)
{
	(void)child;
	(void)text;
	return ask(socket_of(peers, n, &child_proto), &child_proto, IPC_SIDE_B, CHILD_RESUME,
		&(struct child_resume){}, UINT16_MAX);
}

static enum attacker_outcome
stop_gateway(
	const struct child *child, const struct attacker_peer *peers, size_t n, const char *text)
{
	(void)child;
	(void)text;
	return ask(socket_of(peers, n, &child_proto), &child_proto, IPC_SIDE_B, CHILD_STOP,
		&(struct child_stop){}, UINT16_MAX);
}

/* ---- rights by kind: the rows of others ---- */

static enum attacker_outcome
tell(const struct attacker_peer *peers, size_t n, uint16_t id, const void *msg)
{
	return ask(
		socket_of(peers, n, &child_proto), &child_proto, IPC_SIDE_B, id, msg, UINT16_MAX);
}

/* Core may end agents and egresses, sandbox its cells, and nobody anything else. */
static enum attacker_outcome
kill_gate(const struct child *child, const struct attacker_peer *peers, size_t n, const char *text)
{
	(void)child;
	(void)text;
	return tell(peers, n, CHILD_KILL, &(struct child_kill){.kind = KIND_GATE});
}

static enum attacker_outcome
kill_agent(const struct child *child, const struct attacker_peer *peers, size_t n, const char *text)
{
	(void)child;
	(void)text;
	return tell(peers, n, CHILD_KILL, &(struct child_kill){.kind = KIND_AGENT, .key = 1});
}

static enum attacker_outcome
kill_cell(const struct child *child, const struct attacker_peer *peers, size_t n, const char *text)
{
	(void)child;
	(void)text;
	return tell(peers, n, CHILD_KILL, &(struct child_kill){.kind = KIND_CELL, .key = 1});
}

/* A process of its choice as that child: it would be killed in the child's place, and the child not at all. */
static enum attacker_outcome
own_child(const struct child *child, const struct attacker_peer *peers, size_t n, const char *text)
{
	int control = socket_of(peers, n, &child_proto);

	(void)child;
	(void)text;
	return tell(peers, n, CHILD_CHILD,
		&(struct child_child){.kind = KIND_STORE, .key = 1, .pidfd = control});
}

static enum attacker_outcome
own_cell(const struct child *child, const struct attacker_peer *peers, size_t n, const char *text)
{
	int control = socket_of(peers, n, &child_proto);

	(void)child;
	(void)text;
	return tell(peers, n, CHILD_CHILD,
		&(struct child_child){.kind = KIND_CELL, .key = 1, .pidfd = control});
}

static bool
is_peer(unsigned a, unsigned b)
{
	for (unsigned i = 0; i < peer_rows_n; i++)
		if ((peer_rows[i].a == a && peer_rows[i].b == b) ||
			(peer_rows[i].a == b && peer_rows[i].b == a))
			return true;
	return false;
}

/* Whom it has no socket to cannot have broken the protocol with it. */
static enum attacker_outcome
accuse(const struct child *child, const struct attacker_peer *peers, size_t n, const char *text)
{
	static const uint8_t kinds[] = {KIND_VAULT, KIND_DIAL, KIND_STORE};
	uint8_t whom = KIND_CONFIG;

	(void)text;
	for (size_t i = 0; i < sizeof(kinds); i++)
		if (kinds[i] != child->spec->kind && !is_peer(child->spec->kind, kinds[i]))
			whom = kinds[i];
	return tell(peers, n, CHILD_PEER_BAD,
		&(struct child_peer_bad){.kind = whom, .incarnation = 1, .why = -1});
}

static enum attacker_outcome
let_go(const struct child *child, const struct attacker_peer *peers, size_t n, const char *text)
{
	(void)child;
	(void)text;
	return tell(peers, n, CHILD_RELEASE, &(struct child_release){});
}

static enum attacker_outcome
census(const struct child *child, const struct attacker_peer *peers, size_t n, const char *text)
{
	(void)child;
	(void)text;
	return tell(peers, n, CHILD_CENSUS, &(struct child_census){});
}

/* ---- what a desk may ask ---- */

static enum attacker_outcome
ask_config(
	const struct attacker_peer *peers, size_t n, uint16_t id, const void *msg, uint16_t answer)
{
	return ask(socket_of(peers, n, &config_supervisor_proto), &config_supervisor_proto,
		IPC_SIDE_A, id, msg, answer);
}

static enum attacker_outcome
include(const struct child *child, const struct attacker_peer *peers, size_t n, const char *text)
{
	enum attacker_outcome got = ask_config(peers, n, CONFIG_SUPERVISOR_INCLUDE,
		&(struct config_supervisor_include){.name = span_from_cstr(text)},
		CONFIG_SUPERVISOR_INCLUDED);
	const struct config_supervisor_included *answer = (const void *)in.msg.bytes;

	(void)child;
	if (got != ATTACKER_ASK_PERMITTED)
		return got;
	return answer->err != 0 && answer->text < 0 ? ATTACKER_ASK_REFUSED : ATTACKER_ASK_REACHED;
}

/* What its row gives it: the same question with an honest name. */
static enum attacker_outcome
include_plain(
	const struct child *child, const struct attacker_peer *peers, size_t n, const char *text)
{
	enum attacker_outcome got = include(child, peers, n, text);

	return got == ATTACKER_ASK_REACHED ? ATTACKER_ASK_PERMITTED : ATTACKER_ASK_SILENCE;
}

static enum attacker_outcome
write_text(const struct attacker_peer *peers, size_t n, bool absent, int body)
{
	enum attacker_outcome got = ask_config(peers, n, CONFIG_SUPERVISOR_WRITE,
		&(struct config_supervisor_write){.absent = absent, .body = body},
		CONFIG_SUPERVISOR_WRITTEN);
	const struct config_supervisor_written *answer = (const void *)in.msg.bytes;

	if (body >= 0)
		close(body);
	if (got != ATTACKER_ASK_PERMITTED)
		return got;
	return answer->rc < 0 ? ATTACKER_ASK_REFUSED : ATTACKER_ASK_REACHED;
}

static enum attacker_outcome
write_over(const struct child *child, const struct attacker_peer *peers, size_t n, const char *text)
{
	(void)child;
	return write_text(peers, n, false, ipc_body_seal(span_from_cstr(text)));
}

static enum attacker_outcome
write_absent(
	const struct child *child, const struct attacker_peer *peers, size_t n, const char *text)
{
	(void)child;
	return write_text(peers, n, true, ipc_body_seal(span_from_cstr(text)));
}

static enum attacker_outcome
write_big(const struct child *child, const struct attacker_peer *peers, size_t n, const char *text)
{
	char *big = mem_alloc(1, CONFIG_FILE_MAX + 1);
	int fd = ipc_body_seal(span_of(big, CONFIG_FILE_MAX + 1));

	(void)child;
	(void)text;
	free(big);
	return write_text(peers, n, true, fd);
}

static enum attacker_outcome
write_unsealed(
	const struct child *child, const struct attacker_peer *peers, size_t n, const char *text)
{
	int fd = memfd_create("unsealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	(void)child;
	if (fd < 0 || write(fd, text, span_from_cstr(text).len) < 0)
		return ATTACKER_ASK_SILENCE;
	return write_text(peers, n, true, fd);
}

static enum attacker_outcome
write_socket(
	const struct child *child, const struct attacker_peer *peers, size_t n, const char *text)
{
	(void)child;
	(void)text;
	return write_text(peers, n, true, dup(socket_of(peers, n, &config_supervisor_proto)));
}

/* The last entry of a history of at most 50, and far behind it. */
static enum attacker_outcome
far_history(
	const struct child *child, const struct attacker_peer *peers, size_t n, const char *text)
{
	enum attacker_outcome got = ask_config(peers, n, CONFIG_SUPERVISOR_HISTORY,
		&(struct config_supervisor_history){.n = UINT32_MAX}, CONFIG_SUPERVISOR_PAST);
	const struct config_supervisor_past *answer = (const void *)in.msg.bytes;

	(void)child;
	(void)text;
	if (got != ATTACKER_ASK_PERMITTED)
		return got;
	return answer->text < 0 ? ATTACKER_ASK_REFUSED : ATTACKER_ASK_REACHED;
}

/* What config says at the start, said by a desk: none of it is answered, all of it must end the desk. */
static enum attacker_outcome
say_listen(const struct child *child, const struct attacker_peer *peers, size_t n, const char *text)
{
	(void)child;
	(void)text;
	return ask_config(peers, n, CONFIG_SUPERVISOR_LISTEN,
		&(struct config_supervisor_listen){.port = 1}, UINT16_MAX);
}

static enum attacker_outcome
say_value(const struct child *child, const struct attacker_peer *peers, size_t n, const char *text)
{
	(void)child;
	(void)text;
	return ask_config(peers, n, CONFIG_SUPERVISOR_VALUE,
		&(struct config_supervisor_value){.what = VALUE_TIER_MIN}, UINT16_MAX);
}

static enum attacker_outcome
say_slice(const struct child *child, const struct attacker_peer *peers, size_t n, const char *text)
{
	int body = ipc_body_seal(span_from_cstr(text));
	enum attacker_outcome got = ask_config(peers, n, CONFIG_SUPERVISOR_SLICE,
		&(struct config_supervisor_slice){.kind = KIND_GATE, .body = body}, UINT16_MAX);

	(void)child;
	close(body);
	return got;
}

static enum attacker_outcome
say_done(const struct child *child, const struct attacker_peer *peers, size_t n, const char *text)
{
	(void)child;
	(void)text;
	return ask_config(peers, n, CONFIG_SUPERVISOR_DONE,
		&(struct config_supervisor_done){.ok = true}, UINT16_MAX);
}

/* ---- what tls may have signed ---- */

#define HANDSHAKE_HEAD                                                                             \
	"                                                                "                         \
	"TLS 1.3, server CertificateVerify"

/* text, and a hash behind its zero byte: a handshake, or something else that would be worth a signature. */
static enum attacker_outcome
sign(const struct attacker_peer *peers, size_t n, const char *text)
{
	uint8_t content[160] = {0};
	size_t len = span_from_cstr(text).len;
	enum attacker_outcome got;
	const struct tls_key_signature *answer = (const void *)in.msg.bytes;

	memcpy(content, text, len);
	got = ask(socket_of(peers, n, &tls_key_proto), &tls_key_proto, IPC_SIDE_A, TLS_KEY_SIGN,
		&(struct tls_key_sign){
			.req = 1, .scheme = 0x0403, .content = span_of(content, len + 33)},
		TLS_KEY_SIGNATURE);
	return got != ATTACKER_ASK_PERMITTED ? got
	       : answer->signature.len > 0   ? ATTACKER_ASK_REACHED
					     : ATTACKER_ASK_REFUSED;
}

static enum attacker_outcome
sign_other(const struct child *child, const struct attacker_peer *peers, size_t n, const char *text)
{
	(void)child;
	return sign(peers, n, text);
}

/* What its row gives it. */
static enum attacker_outcome
sign_handshake(
	const struct child *child, const struct attacker_peer *peers, size_t n, const char *text)
{
	(void)child;
	return sign(peers, n, text) == ATTACKER_ASK_REACHED ? ATTACKER_ASK_PERMITTED
							    : ATTACKER_ASK_SILENCE;
}

const struct attacker_ask attacker_asks[] = {
	{KIND_N, "a desk of the owner's", owners_desk, NULL},
	{KIND_N, "an edge of the control socket's", control_edge, NULL},
	{KIND_N, "another config", another_config, NULL},
	{KIND_USER, "a desk of its own", own_desk, NULL},
	{KIND_USER, "a desk with all scopes", raised_desk, NULL},
	{KIND_USER, "the kill switch undone", undo_panic, NULL},
	{KIND_USER, "a stop of the gateway", stop_gateway, NULL},
	{KIND_TLS, "a signature for something else", sign_other, "another certificate"},
	{KIND_TLS, "a signature as of a client", sign_other,
		"                                                                "
		"TLS 1.3, client CertificateVerify"},
	{KIND_TLS, "a signature for a handshake", sign_handshake, HANDSHAKE_HEAD},
	{KIND_DESK, "include: a plain file", include_plain, "plain.json"},
	{KIND_DESK, "include: above", include, "../plain.json"},
	{KIND_DESK, "include: from the root", include, "/etc/plain.json"},
	{KIND_DESK, "include: above, by the way of a folder", include, "logs/../../plain.json"},
	{KIND_DESK, "include: a symbolic link", include, "link.json"},
	{KIND_DESK, "include: through a symbolic link", include, "out/plain.json"},
	{KIND_DESK, "include: another kind of file", include, "vault.key"},
	{KIND_DESK, "include: no name", include, ""},
	{KIND_DESK, "include: a folder", include, "folder.json"},
	{KIND_DESK, "write: over another text", write_over, "{}"},
	{KIND_DESK, "write: as if there were none", write_absent, "{}"},
	{KIND_DESK, "write: too large", write_big, NULL},
	{KIND_DESK, "write: not sealed", write_unsealed, "{}"},
	{KIND_DESK, "write: a socket", write_socket, NULL},
	{KIND_DESK, "history: far behind its end", far_history, NULL},
	{KIND_DESK, "listen", say_listen, NULL},
	{KIND_DESK, "value", say_value, NULL},
	{KIND_DESK, "slice", say_slice, "x"},
	{KIND_DESK, "done", say_done, NULL},
	{KIND_N, "jailed, when it runs", jailed, NULL},
	{KIND_N, "the kill switch on", panic, NULL},
	{KIND_N, "the end of gate", kill_gate, NULL},
	{KIND_N, "the end of an agent", kill_agent, NULL},
	{KIND_N, "the end of a cell", kill_cell, NULL},
	{KIND_N, "a child that is store", own_child, NULL},
	{KIND_N, "a cell of its own", own_cell, NULL},
	{KIND_N, "the end of a stranger, by accusing it", accuse, NULL},
	{KIND_N, "to be let go", let_go, NULL},
	{KIND_N, "a census", census, NULL},
};
const size_t attacker_nasks = sizeof(attacker_asks) / sizeof(attacker_asks[0]);

/* To whom an ask of every process is no attack. */
static const struct {
	uint8_t kind;
	enum attacker_outcome (*fn)(const struct child *child, const struct attacker_peer *peers,
		size_t n, const char *text);
} theirs[] = {{KIND_CORE, kill_agent}, {KIND_CORE, kill_cell}, {KIND_SANDBOX, kill_cell},
	{KIND_SANDBOX, own_cell}, {KIND_USER, let_go}, {KIND_CORE, census}};

bool
attacker_ask_is_for(const struct attacker_ask *ask, unsigned kind)
{
	for (size_t i = 0; i < sizeof(theirs) / sizeof(theirs[0]); i++)
		if (theirs[i].kind == kind && theirs[i].fn == ask->fn)
			return false;
	return ask->kind == KIND_N || ask->kind == kind;
}
