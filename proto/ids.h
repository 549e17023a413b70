/* The numbers that travel in messages: kinds of processes, principals, scopes, effects, states. Never renumber. */
#ifndef PROTO_IDS_H
#define PROTO_IDS_H

#include <stdbool.h>
#include <stdint.h>

enum kind {
#define PROCESS(KIND, name, program, instances, life, holds, may, takeover) KIND_##KIND,
#include "proto/processes.def"
#undef PROCESS
	KIND_N
};

enum process_life { LIFE_ALWAYS, LIFE_ASKED, LIFE_ONCE, LIFE_OWN };

/* Names lie in the rows: without pointers the linker changes nothing in them, and every process shares their pages. */
struct process_row {
	char name[16];
	char program[24];
	enum process_life life;
};
extern const struct process_row process_rows[KIND_N];

/* What is told about it, for those who tell it. */
struct process_about {
	const char *instances;
	const char *holds;
	const char *may;
	const char *takeover;
};
extern const struct process_about process_abouts[KIND_N];

/* "edge/anon" of a kind; "unknown" for a number that is none. */
const char *kind_name(unsigned kind);

/* Operator scopes of protocol 3, as bits. */
enum scope {
	SCOPE_READ = 1,
	SCOPE_WRITE = 2,
	SCOPE_APPROVALS = 4,
	SCOPE_PAIRING = 8,
	SCOPE_ADMIN = 16
};
#define SCOPE_ALL 31u

/*
 * A principal: who asks. The number holds what the stored credential allows, so that whoever gets it from the supervisor
 * (as the instance of a process) knows the rights without asking: kind in bits 56 to 63, scopes in 48 to 55, serial below.
 */
enum principal_kind {
	PRINCIPAL_NONE = 0,
	PRINCIPAL_CONTROL = 1, /* the control socket: the owner at the machine */
	PRINCIPAL_TOKEN = 2,   /* the shared token or password: the owner */
	PRINCIPAL_BROWSER = 3, /* a browser session that claimed a one-time link: the owner */
	PRINCIPAL_DEVICE = 4,  /* a paired device with its stored scopes */
	PRINCIPAL_NODE = 5,    /* a paired device in the role node */
	PRINCIPAL_AGENT = 6,   /* a model: outside the scope lattice */
	PRINCIPAL_SCHEDULE = 7,
};
#define PRINCIPAL(kind, scopes, serial)                                                            \
	((uint64_t)(kind) << 56 | (uint64_t)(scopes) << 48 | (0xffffffffffffu & (serial)))
#define PRINCIPAL_KIND(p) ((unsigned)((p) >> 56))
#define PRINCIPAL_SCOPES(p) ((unsigned)((p) >> 48) & 0xffu)

/* Where a call came in. */
enum door { DOOR_WS, DOOR_HTTP, DOOR_CONTROL, DOOR_AGENT };

/* RPC methods, in the order of methods.def. */
enum method {
#define METHOD(ID, name, scope, who, where, flags, ...) METHOD_##ID,
#include "proto/methods.def"
#undef METHOD
	METHOD_N
};

/* Who may call a method besides having the scope. */
enum method_who {
	WHO_OPERATOR = 1,
	WHO_NODE = 2,
	WHO_CONTROL = 4 /* only the control socket */,
	WHO_AGENT = 8
};
/* Who carries it out once dispatch allows it. */
enum method_where {
	AT_CORE,
	AT_VAULT,
	AT_SUPERVISOR,
	AT_EDGE,
	AT_CONFIG,
	AT_NOWHERE /* not in this gateway */
};
/* Where an agent's picture is: this and the agent's id (AVATAR of routes.def). */
#define AVATAR_URL "/avatar/"

enum method_flags {
	METHOD_PLAIN = 0,
	METHOD_HIDDEN = 1 /* works, not advertised */,
	METHOD_TURN = 2 /* registers a turn */,
	METHOD_WORK = 4 /* counts against gateway.rateLimit */,
	METHOD_STRAIGHT =
		8 /* AT_SUPERVISOR: edge/user asks it itself, with no other process in the path */
};

enum param_type {
	PARAM_STR,
	PARAM_INT,
	PARAM_NUM,
	PARAM_BOOL,
	PARAM_ANY,
	PARAM_STR_OR_NULL,
	PARAM_STRS /* a list of strings, each at most SESSION_KEY_MAX bytes */
};

struct param_row {
	const char *name;
	enum param_type type;
	bool required;
	int64_t min; /* PARAM_INT: range; PARAM_STR: min 1 forbids the empty string; PARAM_STRS: how many */
	int64_t max; /* PARAM_STR: bytes; PARAM_ANY: bytes of JSON; PARAM_STRS: how many */
};

struct method_row {
	const char *name;
	unsigned scope; /* 0: any signed-in operator */
	unsigned who;
	enum method_where where;
	unsigned flags;
	const struct param_row *params;
	unsigned nparams;
	const char *feature; /* AT_NOWHERE: what is not here */
	bool later;          /* AT_NOWHERE: it comes; else it is left out on purpose */
};
extern const struct method_row method_rows[METHOD_N];

/* -1 when there is none. */
int method_find(const char *name, unsigned len);

/*
 * Why this principal, with these scopes (a part of its own), may not call the method: the words of protocol 3, or NULL when
 * it may. core decides with it; edge asks it too, so that a caller without the right hears that first.
 */
const char *method_denied(uint64_t principal, unsigned scopes, unsigned method);
/* "operator.read"; NULL for what is no single scope. */
const char *scope_name(unsigned scope);
/* The bit of a scope's name, or 0. */
unsigned scope_find(const char *name, unsigned len);

/* Events of protocol 3, in the order of events.def. */
enum event {
#define EVENT(ID, name, scope) EVENT_##ID,
#include "proto/events.def"
#undef EVENT
	EVENT_N
};
struct event_row {
	const char *name;
	unsigned scope; /* guarded: a client needs this scope (or admin); 0: every operator */
};
extern const struct event_row event_rows[EVENT_N];

/* Error codes of protocol 3. */
enum rpc_code {
	RPC_OK,
	RPC_INVALID_REQUEST,
	RPC_NOT_PAIRED,
	RPC_UNAVAILABLE,
	RPC_NOT_LINKED,
	RPC_AGENT_TIMEOUT,
	RPC_CODE_N
};
const char *rpc_code_name(unsigned code);

/* Verdicts: zeroed memory and every unknown value mean no. */
enum verdict { VERDICT_DENY = 0, VERDICT_ALLOW = 1, VERDICT_ASK = 2 };

/* Why; in the order of reasons.def. */
enum reason {
#define REASON(ID, text) REASON_##ID,
#include "proto/reasons.def"
#undef REASON
	REASON_N
};
const char *reason_text(unsigned reason);
const char *reason_name(unsigned reason);

/* What a warrant is for. */
enum effect {
	EFFECT_NONE,
	EFFECT_MODEL,
	EFFECT_PURE,
	EFFECT_READ,
	EFFECT_WRITE,
	EFFECT_DELETE,
	EFFECT_EXEC,
	EFFECT_REMEMBER,
	EFFECT_RECALL,
	EFFECT_REPLY,
	EFFECT_SEND,
	EFFECT_FETCH,
	EFFECT_N
};
const char *effect_name(unsigned effect);

/* Kinds of destinations, for the flow rule. */
enum dest_kind {
	DEST_NONE,
	DEST_TURN /* the conversation that asks */,
	DEST_PROVIDER /* the configured provider's row */,
	DEST_WORKSPACE,
	DEST_HOST,
	DEST_CHAT,
	DEST_MEMORY
};

/* A run's state in the store. Final ones from RUN_DONE on. */
enum run_state {
	RUN_NONE,
	RUN_ACCEPTED,
	RUN_RUNNING,
	RUN_EFFECT /* an effect that must not be repeated is under way */,
	RUN_DONE,
	RUN_FAILED,
	RUN_ABORTED,
	RUN_REPORTED /* interrupted, told to the owner, not repeated */
};

enum item_role { ROLE_NONE, ROLE_USER, ROLE_ASSISTANT, ROLE_TOOL, ROLE_SYSTEM };
enum item_kind { ITEM_TEXT = 1, ITEM_TOOL_CALL = 2, ITEM_TOOL_RESULT = 3 };

/* core_store SESSION_GET.by and SESSION_END.how */
enum session_by { SESSION_BY_KEY = 1, SESSION_BY_ID, SESSION_BY_NAME };
enum session_end { SESSION_RESET = 1, SESSION_DELETE };

/* What went wrong with a model, for fall-backs and texts. */
enum model_error {
	MODEL_OK,
	MODEL_AUTH,
	MODEL_RATE,
	MODEL_OVERLOADED,
	MODEL_CONTEXT,
	MODEL_REFUSED,
	MODEL_NETWORK,
	MODEL_PROTOCOL,
	MODEL_BUDGET
};

/* Which format of requests and answers a model speaks. */
enum provider {
	PROVIDER_OFFLINE, /* built in, no network */
#define API(ID, ...) PROVIDER_##ID,
#include "proto/apis.def"
#undef API
	PROVIDER_N
};

/* How much a model thinks before it answers, in the order of the words of thinkingLevel. */
enum thinking { THINK_OFF, THINK_MINIMAL, THINK_LOW, THINK_MEDIUM, THINK_HIGH, THINK_XHIGH };

/* What a client presents, and why it is not good. */
enum credential {
	CRED_NONE,
	CRED_TOKEN /* Bearer or auth.token: shared or device token */,
	CRED_PASSWORD,
	CRED_COOKIE
};
enum auth_why {
	AUTH_OK,
	AUTH_MISSING,
	AUTH_MISMATCH,
	AUTH_NOT_CONFIGURED,
	AUTH_RATE_LIMITED,
	AUTH_DEVICE_REQUIRED,
	AUTH_DEVICE_MISMATCH,
	AUTH_SIGNATURE_EXPIRED,
	AUTH_NONCE_REQUIRED,
	AUTH_SIGNATURE_INVALID,
	AUTH_KEY_INVALID,
	AUTH_PAIRING_REQUIRED,
	AUTH_ROLE_INVALID,
	AUTH_EXPIRED,
	AUTH_UNAVAILABLE
};
enum device_do { DEVICE_APPROVE, DEVICE_REJECT, DEVICE_REMOVE, TOKEN_ROTATE, TOKEN_REVOKE };

/* HELLO.flags */
enum hello_flags {
	HELLO_ROOT = 1,
	HELLO_UIDS = 2 /* processes have own uids */,
	HELLO_USERNS = 4,
	HELLO_PANIC = 8,
	HELLO_NOT_JAILED = 16 /* sanitizer builds only */,
	HELLO_DEBUG = 32,
	HELLO_JSON = 64 /* what is logged to the console is JSON */
};

/* HANDLE.what: descriptors that a child gets before it is jailed. number: which of several. */
enum handle {
	HANDLE_SLICE,      /* sealed memfd with its slice of the configuration */
	HANDLE_LISTEN,     /* TCP listeners (edge/anon); number: port */
	HANDLE_CONTROL,    /* the control socket's listener (edge/user of the control principal) */
	HANDLE_STATE_DIR,  /* store: <state>/store; others: none */
	HANDLE_AUDIT_FILE, /* audit: append-only */
	HANDLE_BOX,        /* vault: the sealed file */
	HANDLE_BOX_KEY,    /* vault: what opens it, 32 bytes or a passphrase, read once */
	/* vault: memfd with the secrets of the environment, NAME=value NUL ...; config: the other variables */
	HANDLE_ENV,
	HANDLE_CONFIG,      /* config: the configuration file */
	HANDLE_CONFIG_PATH, /* config: memfd with the file's path, for messages */
	HANDLE_WORKSPACE,   /* sandbox: the workspace's directory */
	HANDLE_UI,          /* edge/anon: the Control UI's folder */
	/* sandbox: a control group's directory of its own; number: 2 for v2, 1 memory, 3 pids of v1 */
	HANDLE_CGROUP,
	HANDLE_LABELS,   /* sandbox: labels of its files; gate: versions of sessions' labels */
	HANDLE_LOG,      /* edge/user of principals who may read it: the gateway's log, read-only */
	HANDLE_TLS_CERT, /* tls/key: the owner's certificate */
	HANDLE_TLS_KEY,  /* tls/key: the owner's private key */
	HANDLE_TLS_SHOW, /* tls/key: where the certificate is written for clients */
	HANDLE_N
};

/* config_supervisor VALUE.what */
enum config_value {
	VALUE_TIER_MIN,
	VALUE_UID_BASE,
	VALUE_LOG_LEVEL,
	VALUE_AGENTS /* how many workspaces */,
	VALUE_RATE,
	VALUE_RELOAD_MODE /* enum reload_mode */,
	VALUE_RELOAD_MS,
	VALUE_TLS, /* enum tls_mode */
	VALUE_N
};

/* Where the certificate is from. */
enum tls_mode { TLS_OFF, TLS_OWN, TLS_FILES };

/* gateway.reload.mode, in the order of its words */
enum reload_mode { RELOAD_OFF, RELOAD_RESTART, RELOAD_HOT, RELOAD_HYBRID };

/* What became of the last text of the configuration. */
enum config_state { CONFIG_TAKEN, CONFIG_REFUSED, CONFIG_NEEDS_RESTART };

/* gate_store tables */
enum gate_table { GATE_SESSION_LABELS = 1, GATE_GRANTS = 2, GATE_SPEND = 3, GATE_MEMORY = 4 };

/* audit LINE.event, in the order of audit_events.def. */
enum audit_event {
#define AUDIT_EVENT(ID, text) AUDIT_##ID,
#include "proto/audit_events.def"
#undef AUDIT_EVENT
	AUDIT_EVENT_N
};
const char *audit_event_name(unsigned event);

/* How one edge of the topology looks; from peers.def. */
struct peer_row {
	char proto[24]; /* its name */
	uint8_t a;
	uint8_t b;
};
extern const struct peer_row peer_rows[];
extern const unsigned peer_rows_n;

/* What is told about it, with every message of the pair, in the same order. */
struct peer_about {
	const struct ipc_proto *proto;
	const char *a_full;
	const char *b_full;
	const char *why;
};
extern const struct peer_about peer_abouts[];

#endif
