/* Any bytes as a whole log: its end is read, a mark put and a line added, and the proof has an answer for it before and after. */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "auditlog/auditlog.h"
#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
prove(int fd)
{
	static const char *const events[] = {"EXECUTED", NULL};
	static const char *const writers[] = {"egress", NULL};
	static const struct auditlog_rule rule = {events, writers, "VERDICT", "gate", "ALLOW"};
	struct auditlog_report r;
	int rc = auditlog_verify(fd, NULL, &rule, &r);

	if (rc != 0 && rc != ERR_CRYPTO)
		abort();
	if ((rc == 0) != (r.findings == 0 && r.lone == 0) || r.proven > r.last)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct auditlog_record record = {
		.time_ms = 1, .writer = SPAN("gate/0"), .event = SPAN("X")};
	struct auditlog_tail tail;
	struct buf out = {.max = MIB(1u)};
	int fd = memfd_create("log", MFD_CLOEXEC);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	prove(fd);
	if (auditlog_tail_read(fd, &tail) < 0 || tail.torn > size)
		abort();
	if (auditlog_tail_needs_mark(&tail) && auditlog_put_mark(&tail, 2, &out) < 0)
		abort();
	(void)auditlog_put(&tail.chain, &record, &out);
	if (pwrite(fd, out.ptr, out.len, (off_t)size) != (ssize_t)out.len)
		abort();
	prove(fd);
	buf_clear(&out);
	close(fd);
	return 0;
}
