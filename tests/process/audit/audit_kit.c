#include "audit_kit.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/mem.h"
#include "proto/audit_vault.h"
#include "proto/audit_writer.h"

const char *kit_program;

bool
kit_serve_vault(struct kit *k, int ms)
{
	if (ipc_sync_recv(k->vault, &audit_vault_proto, IPC_SIDE_B, ms, &k->in) < 0)
		return false;
	if (k->in.id == AUDIT_VAULT_UNSEAL) {
		harness_send(k->vault, &audit_vault_proto, IPC_SIDE_B, AUDIT_VAULT_SEED,
			&(struct audit_vault_seed){.found = k->has_seed,
				.epoch = k->epoch,
				.seed = k->has_seed ? span_of(k->seed, sizeof(k->seed))
						    : SPAN_EMPTY});
		return true;
	}
	const struct audit_vault_seal *m = (const void *)k->in.msg.bytes;
	uint64_t epoch = m->epoch;

	memcpy(k->seed, m->seed.ptr, sizeof(k->seed));
	k->has_seed = true;
	k->epoch = epoch;
	if (!k->deaf)
		harness_send(k->vault, &audit_vault_proto, IPC_SIDE_B, AUDIT_VAULT_SEALED,
			&(struct audit_vault_sealed){.epoch = epoch, .ok = true});
	return true;
}

void
kit_launch(struct kit *k)
{
	struct harness_options o = {.kind = KIND_AUDIT, .has_clock = k->has_clock};

	o.handles[o.nhandles++] = (struct harness_handle){
		HANDLE_AUDIT_FILE, 0, open(k->path, O_RDWR | O_APPEND | O_CLOEXEC)};
	assert_true(o.handles[0].fd >= 0);
	k->h = harness_new(kit_program, NULL, &o);
	close(o.handles[0].fd);
	k->gate = harness_peer(k->h, KIND_GATE, 0);
	k->egress = harness_peer(k->h, KIND_EGRESS, 2);
}

void
kit_start_without_vault(struct kit *k)
{
	kit_launch(k);
	harness_start(k->h);
}

void
kit_start(struct kit *k)
{
	kit_start_without_vault(k);
	k->vault = harness_peer(k->h, KIND_VAULT, 0);
	while (kit_serve_vault(k, k->has_seed ? 200 : 1000) && !k->has_seed)
		;
}

void
kit_close_peers(struct kit *k)
{
	close(k->gate);
	close(k->egress);
	close(k->vault);
}

void
kit_stop(struct kit *k)
{
	harness_drain(k->h);
	harness_closed(k->h->control, &child_proto, IPC_SIDE_A);
	assert_int_equal(harness_free(k->h), 0);
	kit_close_peers(k);
}

void
kit_cut_down(struct kit *k)
{
	assert_int_equal(kill(k->h->pid, SIGKILL), 0);
	assert_int_equal(harness_free(k->h), 128 + SIGKILL);
	kit_close_peers(k);
}

void
kit_line(int fd, uint8_t event, uint8_t verdict, uint64_t run, uint64_t call)
{
	harness_send(fd, &audit_writer_proto, IPC_SIDE_A, AUDIT_WRITER_LINE,
		&(struct audit_writer_line){.event = event,
			.verdict = verdict,
			.reason = REASON_ALLOWED,
			.run = run,
			.call = call,
			.tool = 2,
			.peer = KIND_CORE,
			.number = -5,
			.hash = SPAN("\x01\xfe"),
			.text = SPAN("a \"b\" \\ \x1b c")});
}

int
kit_fresh(void **state)
{
	struct kit *k = mem_alloc(1, sizeof(*k));

	snprintf(k->path, sizeof(k->path), "/tmp/moltbot-audit-XXXXXX");
	k->fd = mkstemp(k->path);
	assert_true(k->fd >= 0);
	*state = k;
	return 0;
}

int
kit_gone(void **state)
{
	struct kit *k = *state;

	close(k->fd);
	unlink(k->path);
	free(k);
	return 0;
}

int
kit_verify(const struct kit *k, struct auditlog_report *r)
{
	return auditlog_verify(k->fd, NULL, NULL, r);
}

off_t
kit_wait_size(const struct kit *k, off_t n)
{
	struct stat st = {0};

	for (int i = 0; i < 2000; i++) {
		assert_int_equal(fstat(k->fd, &st), 0);
		if (st.st_size >= n)
			return st.st_size;
		usleep(5000);
	}
	fail_msg("the file has %ld bytes, %ld expected", (long)st.st_size, (long)n);
	return 0;
}

uint64_t
kit_wait_lines(const struct kit *k, uint64_t n)
{
	struct auditlog_report r;

	for (int i = 0; i < 2000; i++) {
		(void)kit_verify(k, &r);
		if (r.lines >= n)
			return r.lines;
		usleep(5000);
	}
	fail_msg("%llu lines, %llu expected", (unsigned long long)r.lines, (unsigned long long)n);
	return 0;
}
