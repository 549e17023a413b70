#include "base/secret.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"

void
secret_wipe(void *ptr, size_t len)
{
	if (len > 0) /* NULL is nothing to be wiped */
		explicit_bzero(ptr, len);
}

int
secret_set(struct secret *sec, struct span s)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t cap;
	void *p;

	if (s.len > SECRET_LEN_MAX)
		return ERR_TOOBIG;
	secret_clear(sec);
	if (s.len == 0)
		return 0;
	cap = (s.len + page - 1) / page * page;
	p = mmap(NULL, cap, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return ERR_NOMEM;
	/* RLIMIT_MEMLOCK may forbid it: swap is then the owner's concern, doctor says so */
	(void)mlock(p, cap);
	(void)madvise(p, cap, MADV_DONTDUMP);
	(void)madvise(p, cap, MADV_WIPEONFORK);
	memcpy(p, s.ptr, s.len);
	*sec = (struct secret){.ptr = p, .len = s.len, .cap = cap};
	return 0;
}

void
secret_clear(struct secret *sec)
{
	if (sec->ptr != NULL) {
		explicit_bzero(sec->ptr, sec->cap);
		munmap(sec->ptr, sec->cap);
	}
	*sec = (struct secret){0};
}

struct span
secret_get(const struct secret *sec)
{
	return span_of(sec->ptr, sec->len);
}
