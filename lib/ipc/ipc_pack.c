#include "ipc/ipc.h"

#include <string.h>

#include "base/err.h"
#include "ipc/ipc_io.h"

int
ipc_pack_put(struct ipc_pack *p, const struct ipc_message *m, const void *msg)
{
	uint8_t buf[IPC_MSG_MAX] IPC_UNTOUCHED;
	int fds[IPC_FDS_MAX];
	size_t nfds;
	int len = ipc_encode(m, msg, buf, fds, &nfds);

	if (len < 0)
		return len;
	if (nfds > 0)
		return ERR_UNSUPPORTED;
	if ((size_t)len + 2 > IPC_PACK_MAX - p->len)
		return ERR_FULL;
	p->data[p->len] = (uint8_t)len;
	p->data[p->len + 1] = (uint8_t)(len >> 8);
	memcpy(p->data + p->len + 2, buf, (size_t)len);
	p->len += (size_t)len + 2;
	return 0;
}

int
ipc_pack_next(struct span *data, const struct ipc_message *m, void *msg)
{
	size_t len;
	struct span one;

	if (data->len == 0)
		return 0;
	if (data->len < 4)
		return ERR_PROTO;
	len = (size_t)(data->ptr[0] | data->ptr[1] << 8);
	if (len < 2 || len > data->len - 2)
		return ERR_PROTO;
	one = span_sub(*data, 2, len);
	*data = span_sub(*data, 2 + len, data->len);
	if ((one.ptr[0] | one.ptr[1] << 8) != m->id)
		return ERR_PROTO;
	return ipc_decode(m, span_sub(one, 2, one.len), NULL, 0, msg) < 0 ? ERR_PROTO : 1;
}
