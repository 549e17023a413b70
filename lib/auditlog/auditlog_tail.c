#include "auditlog/auditlog_private.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"

#define WINDOW                                                                                     \
	KIB(64u) /* read from the end first; doubled until a signature or the beginning is in it */

static int
read_at(int fd, uint8_t *out, size_t len, uint64_t at)
{
	for (size_t got = 0; got < len;) {
		ssize_t n = pread(fd, out + got, len - got, (off_t)(at + got));

		if (n <= 0)
			return ERR_IO;
		got += (size_t)n;
	}
	return 0;
}

/* A key that is announced, or in use from this line on. */
static void
take_epoch(struct auditlog_tail *t, const struct auditlog_line *line)
{
	uint64_t epoch;
	uint8_t key[CRYPTO_PUBLIC_LEN];

	if (!auditlog_u64(line, AUDITLOG_EPOCH, &epoch) ||
		!auditlog_hex(line, AUDITLOG_PUBLIC, key, sizeof(key)))
		return;
	if (t->epoch == 0) {
		t->epoch = epoch;
		memcpy(t->key, key, sizeof(key));
	} else {
		t->next_epoch = epoch;
		memcpy(t->next_key, key, sizeof(key));
	}
}

static void
take_signed(struct auditlog_tail *t, const struct auditlog_line *line)
{
	if (!auditlog_u64(line, AUDITLOG_EPOCH, &t->epoch) ||
		!auditlog_hex(line, AUDITLOG_PUBLIC, t->key, sizeof(t->key)))
		return;
	t->next_epoch = 0;
	if (auditlog_hex(line, AUDITLOG_NEXT, t->next_key, sizeof(t->next_key)))
		t->next_epoch = t->epoch + 1;
	t->unsigned_lines = 0;
	t->is_signed = true;
}

/* Goes over the lines of the window; remembers where the last whole one ends. True when the keys in use are known then. */
static bool
scan(struct span window, bool from_start, struct auditlog_tail *t, size_t *whole)
{
	bool found = from_start;
	size_t at = 0;

	memset(t, 0, sizeof(*t));
	*whole = 0;
	if (!from_start) {
		ptrdiff_t nl = span_find_byte(window, '\n');

		if (nl < 0)
			return false;
		at = (size_t)nl + 1;
	}
	while (at < window.len) {
		struct span rest = span_sub(window, at, window.len);
		ptrdiff_t nl = span_find_byte(rest, '\n');
		struct span text = span_sub(rest, 0, nl < 0 ? rest.len : (size_t)nl);
		struct auditlog_line line;

		at += text.len + (nl < 0 ? 0 : 1);
		if (auditlog_line_read(text, &line) < 0)
			continue;
		*whole = at;
		t->cut_newline = nl < 0;
		t->chain.seq = line.seq;
		memcpy(t->chain.last, line.own, sizeof(line.own));
		t->is_signed = false;
		t->unsigned_lines++;
		if (auditlog_is(&line, EVENT_EPOCH))
			take_epoch(t, &line);
		if (auditlog_is(&line, EVENT_SIGNED)) {
			take_signed(t, &line);
			found = true;
		}
	}
	return found;
}

int
auditlog_tail_read(int fd, struct auditlog_tail *out)
{
	struct stat st;
	uint64_t len = WINDOW;
	bool done = false;

	memset(out, 0, sizeof(*out));
	if (fstat(fd, &st) < 0)
		return ERR_IO;
	while (!done) {
		uint64_t size = (uint64_t)st.st_size;
		size_t n = (size_t)(len < size ? len : size);
		uint8_t *p = mem_alloc(1, n + 1);
		size_t whole = 0;
		int rc = read_at(fd, p, n, size - n);

		done = rc < 0 || scan(span_of(p, n), n == size, out, &whole);
		out->torn = n - whole;
		crypto_sha256(span_of(p + whole, n - whole), out->torn_hash);
		free(p);
		if (rc < 0)
			return rc;
		len *= 2;
	}
	return 0;
}

bool
auditlog_tail_needs_mark(const struct auditlog_tail *tail)
{
	return tail->torn > 0 || tail->cut_newline || (tail->chain.seq > 0 && !tail->is_signed);
}
