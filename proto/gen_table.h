/*
 * Generates the message table of one pair from PROTO_FILE. Included by proto/tables.c once a pair, with PROTO, PROTO_UP,
 * PROTO_A, PROTO_B and PROTO_FILE defined.
 */
#define CAT2(a, b) a##_##b
#define CAT(a, b) CAT2(a, b)
#define STR2(x) #x
#define STR(x) STR2(x)

#define TYPE_u8 IPC_U8
#define TYPE_u32 IPC_U32
#define TYPE_u64 IPC_U64
#define TYPE_i64 IPC_I64
#define TYPE_bool IPC_BOOL
#define TYPE_str IPC_STR
#define TYPE_bytes IPC_BYTES
#define TYPE_args IPC_ARGS
#define TYPE_fd IPC_FD

/* the second NUL makes a name that does not fit an error */
#define F(type, name, max) {#name "\0", TYPE_##type, (max)},
#define MSG(UP, lo, dir, states, rate, ...)                                                        \
	static const struct ipc_field CAT(CAT(PROTO, lo), fields)[] = {__VA_ARGS__{"", IPC_U8, 0}};
#include PROTO_FILE
#undef MSG
#undef F

static const struct ipc_message CAT(PROTO, messages)[] = {
#define F(type, name, max)
#define MSG(UP, lo, dir, states, rate, ...)                                                        \
	{#lo "\0", CAT(PROTO_UP, UP), IPC_##dir, (states), (rate), CAT(CAT(PROTO, lo), fields),    \
		sizeof(CAT(CAT(PROTO, lo), fields)) / sizeof(struct ipc_field) - 1,                \
		sizeof(struct CAT(PROTO, lo))},
#include PROTO_FILE
#undef MSG
#undef F
};

const struct ipc_proto CAT(PROTO, proto) = {STR(PROTO), PROTO_A, PROTO_B, CAT(PROTO, messages),
	sizeof(CAT(PROTO, messages)) / sizeof(struct ipc_message)};

#undef STR
#undef STR2
#undef CAT
#undef CAT2
#undef TYPE_u8
#undef TYPE_u32
#undef TYPE_u64
#undef TYPE_i64
#undef TYPE_bool
#undef TYPE_str
#undef TYPE_bytes
#undef TYPE_args
#undef TYPE_fd
#undef PROTO
#undef PROTO_UP
#undef PROTO_A
#undef PROTO_B
#undef PROTO_FILE
