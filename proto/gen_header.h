/*
 * Generates from one message table (PROTO_FILE) what both ends share: an enum of ids, a struct a message, a typed send
 * function a message, and the extern of the table itself. Included by proto/<pair>.h with PROTO, PROTO_UP and PROTO_FILE
 * defined; no include guard on purpose.
 */
#include "ipc/ipc.h"

#define CAT2(a, b) a##_##b
#define CAT(a, b) CAT2(a, b)

#define CTYPE_u8 uint8_t
#define CTYPE_u32 uint32_t
#define CTYPE_u64 uint64_t
#define CTYPE_i64 int64_t
#define CTYPE_bool bool
#define CTYPE_str struct span
#define CTYPE_bytes struct span
#define CTYPE_args struct span
#define CTYPE_fd int

enum CAT(PROTO, id) {
	CAT(PROTO_UP, NONE_),
#define F(type, name, max)
#define MSG(UP, lo, ...) CAT(PROTO_UP, UP),
#include PROTO_FILE
#undef MSG
#undef F
};

#define F(type, name, max) CTYPE_##type name;
#define MSG(UP, lo, dir, states, rate, ...)                                                        \
	struct CAT(PROTO, lo) {                                                                    \
		__VA_ARGS__                                                                        \
	};                                                                                         \
	_Static_assert(sizeof(struct CAT(PROTO, lo)) <= IPC_STRUCT_MAX, "message struct too "      \
									"large");
#include PROTO_FILE
#undef MSG
#undef F

#define F(type, name, max)
#define MSG(UP, lo, dir, states, rate, ...)                                                        \
	static inline int CAT(CAT(PROTO, lo), send)(                                               \
		struct ipc_chan * chan, const struct CAT(PROTO, lo) * msg)                         \
	{                                                                                          \
		return ipc_send(chan, CAT(PROTO_UP, UP), msg);                                     \
	}
#include PROTO_FILE
#undef MSG
#undef F

extern const struct ipc_proto CAT(PROTO, proto);

#undef CAT
#undef CAT2
#undef CTYPE_u8
#undef CTYPE_u32
#undef CTYPE_u64
#undef CTYPE_i64
#undef CTYPE_bool
#undef CTYPE_str
#undef CTYPE_bytes
#undef CTYPE_args
#undef CTYPE_fd
#undef PROTO
#undef PROTO_UP
#undef PROTO_FILE
