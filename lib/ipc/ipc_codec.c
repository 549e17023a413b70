#include "ipc/ipc.h"

#include <string.h>

#include "args/args.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/utf8.h"

/* Where a value of a type lies in a struct: natural alignment, so the table alone gives every offset. */
static const struct {
	size_t size;
	size_t align;
} ctypes[] = {
	[IPC_U8] = {sizeof(uint8_t), _Alignof(uint8_t)},
	[IPC_U32] = {sizeof(uint32_t), _Alignof(uint32_t)},
	[IPC_U64] = {sizeof(uint64_t), _Alignof(uint64_t)},
	[IPC_I64] = {sizeof(int64_t), _Alignof(int64_t)},
	[IPC_BOOL] = {sizeof(bool), _Alignof(bool)},
	[IPC_STR] = {sizeof(struct span), _Alignof(struct span)},
	[IPC_BYTES] = {sizeof(struct span), _Alignof(struct span)},
	[IPC_ARGS] = {sizeof(struct span), _Alignof(struct span)},
	[IPC_FD] = {sizeof(int), _Alignof(int)},
};

static size_t
field_offset(enum ipc_type type, size_t *end)
{
	size_t at = (*end + ctypes[type].align - 1) / ctypes[type].align * ctypes[type].align;

	*end = at + ctypes[type].size;
	return at;
}

struct writer {
	uint8_t *at;
	uint8_t *end;
};

static int
put(struct writer *w, const void *p, size_t n)
{
	if ((size_t)(w->end - w->at) < n)
		return ERR_TOOBIG;
	if (n > 0)
		memcpy(w->at, p, n);
	w->at += n;
	return 0;
}

static int
put_le(struct writer *w, uint64_t v, size_t n)
{
	uint8_t le[8];

	for (size_t i = 0; i < n; i++)
		le[i] = (uint8_t)(v >> (8 * i));
	return put(w, le, n);
}

static int
check_int(const struct ipc_field *f, uint64_t v)
{
	return f->max != 0 && v > f->max ? ERR_RANGE : 0;
}

static int
check_span(const struct ipc_field *f, struct span s)
{
	if (s.len > f->max)
		return ERR_TOOBIG;
	if (f->type == IPC_STR && (span_find_byte(s, 0) >= 0 || !utf8_is_valid(s)))
		return ERR_UTF8;
	return f->type == IPC_ARGS ? args_check(s) : 0;
}

static int
put_field(struct writer *w, const struct ipc_field *f, const uint8_t *from, int *fds, size_t *nfds)
{
	struct span s;
	uint64_t u64 = 0;
	uint32_t u32 = 0;
	int fd;
	int rc;

	switch (f->type) {
	case IPC_U8:
	case IPC_BOOL:
		rc = check_int(f, *from);
		return rc < 0 ? rc : put(w, from, 1);
	case IPC_U32:
		memcpy(&u32, from, sizeof(u32));
		rc = check_int(f, u32);
		return rc < 0 ? rc : put_le(w, u32, 4);
	case IPC_U64:
	case IPC_I64:
		memcpy(&u64, from, sizeof(u64));
		rc = f->type == IPC_I64 ? 0 : check_int(f, u64);
		return rc < 0 ? rc : put_le(w, u64, 8);
	case IPC_STR:
	case IPC_BYTES:
	case IPC_ARGS:
		memcpy(&s, from, sizeof(s));
		rc = check_span(f, s);
		if (rc == 0)
			rc = put_le(w, s.len, 4);
		return rc < 0 ? rc : put(w, s.ptr, s.len);
	case IPC_FD:
		memcpy(&fd, from, sizeof(fd));
		if (fd < 0)
			return f->max == 1 ? ERR_MISSING : put_le(w, 0, 1);
		if (*nfds == IPC_FDS_MAX)
			return ERR_TOOBIG;
		fds[(*nfds)++] = fd;
		return put_le(w, 1, 1);
	}
	return ERR_TYPE;
}

int
ipc_encode(const struct ipc_message *m, const void *msg, uint8_t *buf, int fds[IPC_FDS_MAX],
	size_t *nfds)
{
	struct writer w = {.at = buf, .end = buf + IPC_MSG_MAX};
	size_t end = 0;
	int rc = put_le(&w, m->id, 2);

	*nfds = 0;
	for (size_t i = 0; i < m->nfields && rc == 0; i++)
		rc = put_field(&w, &m->fields[i],
			(const uint8_t *)msg + field_offset(m->fields[i].type, &end), fds, nfds);
	return rc < 0 ? rc : (int)(w.at - buf);
}

struct reader {
	struct span rest;
	const int *fds;
	size_t nfds;
};

static int
get(struct reader *r, size_t n, const uint8_t **out)
{
	if (r->rest.len < n)
		return ERR_PROTO;
	*out = r->rest.ptr;
	r->rest.ptr += n;
	r->rest.len -= n;
	return 0;
}

static int
get_le(struct reader *r, size_t n, uint64_t *out)
{
	const uint8_t *p;

	if (get(r, n, &p) < 0)
		return ERR_PROTO;
	*out = 0;
	for (size_t i = 0; i < n; i++)
		*out |= (uint64_t)p[i] << (8 * i);
	return 0;
}

static int
get_fd(struct reader *r, const struct ipc_field *f, uint8_t *to)
{
	uint64_t present;
	int fd = -1;

	if (get_le(r, 1, &present) < 0 || present > 1 || (present == 0 && f->max == 1))
		return ERR_PROTO;
	if (present == 1) {
		if (r->nfds == 0)
			return ERR_PROTO;
		fd = *r->fds++;
		r->nfds--;
	}
	memcpy(to, &fd, sizeof(fd));
	return 0;
}

static int
get_field(struct reader *r, const struct ipc_field *f, uint8_t *to)
{
	static const size_t widths[] = {
		[IPC_U8] = 1, [IPC_BOOL] = 1, [IPC_U32] = 4, [IPC_U64] = 8, [IPC_I64] = 8};
	struct span s;
	uint64_t v;
	uint32_t u32;

	switch (f->type) {
	case IPC_U8:
	case IPC_BOOL:
	case IPC_U32:
	case IPC_U64:
	case IPC_I64:
		if (get_le(r, widths[f->type], &v) < 0 || (f->type == IPC_BOOL && v > 1) ||
			(f->type != IPC_I64 && check_int(f, v) < 0))
			return ERR_PROTO;
		u32 = (uint32_t)v;
		if (widths[f->type] == 1)
			*to = (uint8_t)v;
		else if (widths[f->type] == 4)
			memcpy(to, &u32, 4);
		else
			memcpy(to, &v, 8);
		return 0;
	case IPC_STR:
	case IPC_BYTES:
	case IPC_ARGS:
		if (get_le(r, 4, &v) < 0 || get(r, (size_t)v, &s.ptr) < 0)
			return ERR_PROTO;
		s.len = (size_t)v;
		memcpy(to, &s, sizeof(s));
		return check_span(f, s) < 0 ? ERR_PROTO : 0;
	case IPC_FD:
		return get_fd(r, f, to);
	}
	return ERR_PROTO;
}

int
ipc_decode(
	const struct ipc_message *m, struct span datagram, const int *fds, size_t nfds, void *msg)
{
	struct reader r = {.rest = datagram, .fds = fds, .nfds = nfds};
	size_t end = 0;

	memset(msg, 0, m->size);
	for (size_t i = 0; i < m->nfields; i++) {
		if (get_field(&r, &m->fields[i],
			    (uint8_t *)msg + field_offset(m->fields[i].type, &end)) < 0)
			return ERR_PROTO;
	}
	return r.rest.len == 0 && r.nfds == 0 ? 0 : ERR_PROTO;
}

const struct ipc_message *
ipc_message_find(const struct ipc_proto *proto, uint16_t id)
{
	/* ids count from 1 in the order of the table */
	return id >= 1 && id <= proto->n ? &proto->messages[id - 1] : NULL;
}

void
ipc_trace(struct buf *out, const struct ipc_message *m, const void *msg)
{
	size_t end = 0;

	buf_put_cstr(out, m->name);
	for (size_t i = 0; i < m->nfields; i++) {
		const struct ipc_field *f = &m->fields[i];
		const uint8_t *p = (const uint8_t *)msg + field_offset(f->type, &end);
		uint64_t v = 0;
		struct span s;

		buf_put_fmt(out, " %s=", f->name);
		switch (f->type) {
		case IPC_U8:
		case IPC_BOOL:
		case IPC_U32:
		case IPC_U64:
			memcpy(&v, p, ctypes[f->type].size);
			buf_put_u64_dec(out, v);
			break;
		case IPC_I64:
			memcpy(&v, p, sizeof(v));
			buf_put_i64_dec(out, (int64_t)v);
			break;
		case IPC_STR:
		case IPC_BYTES:
		case IPC_ARGS:
			memcpy(&s, p, sizeof(s));
			buf_put_fmt(out, "<%zu bytes>", s.len);
			break;
		case IPC_FD:
			buf_put(out, SPAN("<fd>"));
			break;
		}
	}
}
