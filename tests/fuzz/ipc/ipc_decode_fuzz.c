/*
 * A datagram of another process, under every table: first byte which table, second how many descriptors came with it. What
 * is decoded has its spans in the datagram, and is encoded to the same bytes.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ipc/ipc.h"
#include "proto/ids.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(const struct ipc_message *m, struct span datagram, size_t nfds)
{
	static const int fds[IPC_FDS_MAX] = {0, 1, 2, 0};
	union {
		uint64_t align;
		uint8_t bytes[IPC_STRUCT_MAX];
	} msg = {0};
	struct buf trace = {.max = MIB(1u)};
	uint8_t out[IPC_MSG_MAX];
	int out_fds[IPC_FDS_MAX];
	size_t n = 0;
	int len;

	if (ipc_decode(m, datagram, fds, nfds, msg.bytes) == 0) {
		ipc_trace(&trace, m, msg.bytes);
		len = ipc_encode(m, msg.bytes, out, out_fds, &n);
		if (len < 2 || (size_t)len - 2 != datagram.len || n != nfds ||
			memcmp(out + 2, datagram.ptr, datagram.len) != 0)
			abort();
	}
	buf_clear(&trace);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct ipc_proto *proto;
	const struct ipc_message *m;

	if (size < 4 || size - 4 > IPC_MSG_MAX - 2)
		return 0;
	proto = peer_abouts[data[0] % peer_rows_n].proto;
	m = ipc_message_find(proto, (uint16_t)(data[2] | data[3] << 8));
	if (m != NULL)
		check(m, span_of(data + 4, size - 4), data[1] % (IPC_FDS_MAX + 1));
	return 0;
}
