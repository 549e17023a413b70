#include "base/mem.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"

#define ARENA_CHUNK_LEN ((size_t)4096)
#define ARENA_ALIGN ((size_t)16)

struct arena_chunk {
	struct arena_chunk *next;
	size_t used;
	size_t cap;
	size_t pad;
	uint8_t data[];
};

static void __attribute__((noreturn)) die(void)
{
	static const char msg[] = "level=error msg=\"out of memory\"\n";
	ssize_t ignored = write(2, msg, sizeof(msg) - 1);

	(void)ignored;
	abort();
}

void *
mem_alloc(size_t n, size_t size)
{
	void *p = calloc(n == 0 ? 1 : n, size == 0 ? 1 : size);

	if (p == NULL)
		die();
	return p;
}

void *
mem_grow(void *p, size_t n, size_t size)
{
	size_t total;

	if (__builtin_mul_overflow(n, size, &total))
		die();
	p = realloc(p, total == 0 ? 1 : total);
	if (p == NULL)
		die();
	return p;
}

#define PAGE_LEN ((uintptr_t)4096)

void
mem_heap_ahead(size_t bytes)
{
	uint8_t *p;

	(void)mallopt(M_TOP_PAD, (int)bytes);
	p = bytes == 0 ? NULL : mem_alloc(1, 1);
	if (p != NULL) {
		uint8_t *page = p + (PAGE_LEN - (uintptr_t)p % PAGE_LEN);

		(void)madvise(page, bytes,
			MADV_POPULATE_WRITE); /* since Linux 5.14; else they come as before */
	}
	free(p);
	(void)mallopt(M_TOP_PAD, 0);
}

uint8_t *
mem_copy(struct span s)
{
	uint8_t *p = mem_alloc(s.len + 1, 1);

	if (s.len > 0)
		memcpy(p, s.ptr, s.len);
	return p;
}

void
buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){.max = max};
}

void
buf_clear(struct buf *b)
{
	free(b->ptr);
	*b = (struct buf){.max = b->max};
}

void
buf_reset(struct buf *b)
{
	b->len = 0;
	b->err = 0;
}

uint8_t *
buf_room(struct buf *b, size_t n)
{
	size_t need;
	size_t cap;

	if (b->err < 0)
		return NULL;
	if (__builtin_add_overflow(b->len, n, &need) || need > b->max) {
		b->err = ERR_TOOBIG;
		return NULL;
	}
	if (need > b->cap || b->ptr == NULL) {
		cap = b->cap < 64 ? 64 : b->cap * 2;
		if (cap > b->max)
			cap = b->max;
		if (cap < need)
			cap = need;
		b->ptr = mem_grow(b->ptr, cap, 1);
		b->cap = cap;
	}
	return b->ptr + b->len;
}

void
buf_added(struct buf *b, size_t n)
{
	if (n > b->cap - b->len)
		die();
	b->len += n;
}

int
buf_put(struct buf *b, struct span s)
{
	uint8_t *p = buf_room(b, s.len);

	if (p == NULL)
		return b->err;
	if (s.len > 0)
		memcpy(p, s.ptr, s.len);
	b->len += s.len;
	return 0;
}

int
buf_put_u8(struct buf *b, uint8_t v)
{
	return buf_put(b, span_of(&v, 1));
}

int
buf_put_cstr(struct buf *b, const char *s)
{
	return buf_put(b, span_from_cstr(s));
}

int
buf_put_u64_dec(struct buf *b, uint64_t v)
{
	uint8_t tmp[20];
	size_t at = sizeof(tmp);

	do {
		tmp[--at] = (uint8_t)('0' + v % 10);
		v /= 10;
	} while (v > 0);
	return buf_put(b, span_of(tmp + at, sizeof(tmp) - at));
}

int
buf_put_i64_dec(struct buf *b, int64_t v)
{
	if (v < 0)
		buf_put_u8(b, '-');
	return buf_put_u64_dec(b, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

int
buf_put_hex(struct buf *b, struct span s)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < s.len; i++) {
		buf_put_u8(b, (uint8_t)digits[s.ptr[i] >> 4]);
		buf_put_u8(b, (uint8_t)digits[s.ptr[i] & 15]);
	}
	return b->err;
}

int
buf_put_fmt(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int n;
	uint8_t *p;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return b->err = ERR_SYNTAX;
	p = buf_room(b, (size_t)n + 1);
	if (p == NULL)
		return b->err;
	va_start(ap, fmt);
	vsnprintf((char *)p, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
	return 0;
}

void
buf_consume(struct buf *b, size_t n)
{
	if (n >= b->len) {
		b->len = 0;
		return;
	}
	memmove(b->ptr, b->ptr + n, b->len - n);
	b->len -= n;
}

void
arena_init(struct arena *a, size_t max)
{
	*a = (struct arena){.max = max};
}

void
arena_clear(struct arena *a)
{
	struct arena_chunk *c = a->head;

	while (c != NULL) {
		struct arena_chunk *next = c->next;

		free(c);
		c = next;
	}
	*a = (struct arena){.max = a->max};
}

void *
arena_alloc(struct arena *a, size_t n, size_t size)
{
	size_t len;
	size_t total;
	struct arena_chunk *c = a->head;

	if (__builtin_mul_overflow(n, size, &len) ||
		__builtin_add_overflow(len, ARENA_ALIGN - 1, &len))
		return NULL;
	len &= ~(ARENA_ALIGN - 1);
	if (__builtin_add_overflow(a->used, len, &total) || total > a->max)
		return NULL;
	if (c == NULL || c->cap - c->used < len) {
		size_t cap = len > ARENA_CHUNK_LEN / 4 ? len : ARENA_CHUNK_LEN;

		c = calloc(1, sizeof(*c) + cap);
		if (c == NULL)
			return NULL;
		c->cap = cap;
		if (a->head != NULL && cap == len) {
			/* a big one goes behind the head, which still has room for small ones */
			c->next = a->head->next;
			a->head->next = c;
		} else {
			c->next = a->head;
			a->head = c;
		}
	}
	a->used = total;
	c->used += len;
	return c->data + c->used - len;
}

struct span
arena_copy(struct arena *a, struct span s)
{
	uint8_t *p;

	if (s.len == SIZE_MAX)
		return SPAN_EMPTY;
	p = arena_alloc(a, s.len + 1, 1);
	if (p == NULL)
		return SPAN_EMPTY;
	if (s.len > 0)
		memcpy(p, s.ptr, s.len);
	return span_of(p, s.len);
}
