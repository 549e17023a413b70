/* The real process: what the supervisor hears from it, its command line, and that it says nothing is there only when it is so. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "args/args.h"
#include "config.h"
#include "harness.h"
#include "proto/config_supervisor.h"

struct told {
	unsigned listens;
	uint64_t values[VALUE_N];
	unsigned slices;
	struct buf anon;
	bool ok;
	unsigned mistakes;
	unsigned warnings;
};

static void
hear(struct harness *h, int peer, struct told *told)
{
	struct ipc_received *in = calloc(1, sizeof(*in));

	*told = (struct told){.anon.max = MIB(1u)};
	for (;;) {
		assert_int_equal(ipc_sync_recv(peer, &config_supervisor_proto, IPC_SIDE_B,
					 HARNESS_WAIT_MS, in),
			0);
		if (in->id == CONFIG_SUPERVISOR_LISTEN) {
			const struct config_supervisor_listen *m = (const void *)in->msg.bytes;

			assert_int_equal(m->port, 18789);
			assert_true(m->v6 ? m->hi == 0 && m->lo == 1 : m->lo == 0x7f000001);
			told->listens++;
		} else if (in->id == CONFIG_SUPERVISOR_VALUE) {
			const struct config_supervisor_value *m = (const void *)in->msg.bytes;

			assert_true(m->what < VALUE_N);
			told->values[m->what] = m->number;
		} else if (in->id == CONFIG_SUPERVISOR_SLICE) {
			const struct config_supervisor_slice *m = (const void *)in->msg.bytes;
			struct buf body = {.max = MIB(1u)};

			harness_body(m->body, m->kind == KIND_ANON ? &told->anon : &body);
			close(m->body);
			buf_clear(&body);
			told->slices++;
		} else {
			const struct config_supervisor_done *m = (const void *)in->msg.bytes;

			assert_int_equal(in->id, CONFIG_SUPERVISOR_DONE);
			told->ok = m->ok;
			told->mistakes = m->mistakes;
			told->warnings = m->warnings;
			break;
		}
	}
	free(in);
	close(peer);
	assert_int_equal(harness_free(h), 0);
}

/* config at path (NULL: a path where nothing is), its text on a descriptor when there is one. */
static void
run(const char *path, int fd, const char *env, struct told *told)
{
	struct harness_options o = {.kind = KIND_CONFIG};
	int path_fd = harness_seal(span_from_cstr(path));
	int env_fd = harness_seal(span_of(env, strlen(env) + 1));
	struct harness *h;
	int peer;

	o.handles[o.nhandles++] =
		(struct harness_handle){.what = HANDLE_CONFIG_PATH, .fd = path_fd};
	o.handles[o.nhandles++] = (struct harness_handle){.what = HANDLE_ENV, .fd = env_fd};
	if (fd >= 0)
		o.handles[o.nhandles++] = (struct harness_handle){.what = HANDLE_CONFIG, .fd = fd};
	h = harness_new(CONFIG_PROGRAM, NULL, &o);
	assert_true(
		(h->ready.layers & (JAIL_L_SECCOMP | JAIL_L_NNP)) == (JAIL_L_SECCOMP | JAIL_L_NNP));
	peer = harness_peer(h, KIND_SUPERVISOR, 0);
	harness_start(h);
	hear(h, peer, told);
	close(path_fd);
	close(env_fd);
}

static int
file_with(const char *text)
{
	return harness_seal(span_from_cstr(text));
}

static void
test_absent(void **state)
{
	struct told told;
	uint64_t port = 0;

	(void)state;
	run("/nonexistent/moltbot.json", -1, "HOME=/root", &told);
	assert_true(told.ok);
	assert_int_equal(told.listens, 2);
	assert_int_equal(told.slices, KIND_N);
	assert_int_equal(told.values[VALUE_AGENTS], 1);
	assert_int_equal(args_get_u64(buf_span(&told.anon), "gateway.port", 0, 65535, &port), 0);
	assert_int_equal(port, 18789);
	buf_clear(&told.anon);
}

/* There is a file, and the supervisor could not open it: that is not the same as none. */
static void
test_unreadable(void **state)
{
	char path[] = "/tmp/config-test-XXXXXX";
	int fd = mkstemp(path);
	struct told told;

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	run(path, -1, "", &told);
	assert_false(told.ok);
	assert_int_equal(told.mistakes, 1);
	assert_int_equal(told.listens + told.slices, 0);
	unlink(path);
}

/* A pipe, a folder or a device is no configuration. */
static void
test_no_file(void **state)
{
	const char *const paths[] = {"/", "/dev/zero"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		int fd = open(paths[i], O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		struct told told;

		run(paths[i], fd, "", &told);
		assert_false(told.ok);
		assert_int_equal(told.mistakes, 1);
		close(fd);
	}
}

static void
test_mistakes(void **state)
{
	int fd = file_with("{ gateway: { prot: 1 }, tols: {} }");
	struct told told;

	(void)state;
	run("/etc/moltbot.json", fd, "", &told);
	assert_false(told.ok);
	assert_int_equal(told.mistakes, 2);
	assert_int_equal(told.listens + told.slices, 0);
	close(fd);
}

static void
test_good(void **state)
{
	int fd = file_with(
		"{ gateway: { controlUi: { enabled: false } }, cron: { enabled: true } }");
	struct told told;
	bool enabled = true;

	(void)state;
	run("/etc/moltbot.json", fd, "MOLTBOT_SECRET_NAMES=A_KEY", &told);
	assert_true(told.ok);
	assert_int_equal(told.warnings, 1);
	assert_int_equal(
		args_get_bool(buf_span(&told.anon), "gateway.controlUi.enabled", &enabled), 0);
	assert_false(enabled);
	buf_clear(&told.anon);
	close(fd);
}

/* One that fills the memory it may have is refused and does not take the process along. */
static void
test_large(void **state)
{
	struct buf text = {.max = MIB(4u)};
	struct told told;
	int fd;

	(void)state;
	buf_put_cstr(&text, "{ tools: { deny: [");
	while (text.len < CONFIG_FILE_MAX + 1000)
		buf_put_cstr(&text, "'calculator',\n");
	buf_put_cstr(&text, "] } }");
	fd = harness_seal(buf_span(&text));
	run("/etc/moltbot.json", fd, "", &told);
	assert_false(told.ok);
	assert_int_equal(told.mistakes, 1);
	close(fd);
	buf_clear(&text);
}

/* Runs the program with these arguments; its output (both descriptors) in out. Returns the exit status. */
static int
command(char *const argv[], struct buf *out)
{
	int fds[2];
	uint8_t chunk[4096];
	ssize_t n;
	int status = -1;
	pid_t pid;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		(void)dup2(fds[1], 1);
		(void)dup2(fds[1], 2);
		execv(CONFIG_PROGRAM, argv);
		_exit(127);
	}
	close(fds[1]);
	while ((n = read(fds[0], chunk, sizeof(chunk))) > 0)
		buf_put(out, span_of(chunk, (size_t)n));
	close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WEXITSTATUS(status);
}

static void
test_command_line(void **state)
{
	char path[] = "/tmp/config-test-XXXXXX";
	static const char text[] = "{\n  gateway: { prot: 1 } }\n";
	char program[] = "moltbot-config", check[] = "--check", json[] = "--json",
	     options[] = "--options";
	char *const plain[] = {program, check, path, NULL};
	char *const data[] = {program, check, path, json, NULL};
	char *const table[] = {program, options, NULL};
	struct buf out = {.max = MIB(1u)};
	struct arena arena;
	struct json_node *root;
	uint64_t line = 0;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	assert_int_equal(command(plain, &out), 1);
	assert_true(span_find(buf_span(&out), SPAN(":2:14: gateway.prot: unknown key")) > 0);
	buf_reset(&out);
	arena_init(&arena, MIB(8u));
	assert_int_equal(command(data, &out), 1);
	assert_int_equal(json_parse(&arena, buf_span(&out), NULL, &root, NULL), 0);
	assert_int_equal(
		json_node_u64(
			json_get(json_first(json_get(root, SPAN("issues"))), SPAN("line")), &line),
		0);
	assert_int_equal(line, 2);
	buf_reset(&out);
	assert_int_equal(command(table, &out), 0);
	assert_int_equal(json_parse(&arena, buf_span(&out), NULL, &root, NULL), 0);
	assert_int_equal(json_get(root, SPAN("options"))->n, OPT_N);
	unlink(path);
	assert_int_equal(command(plain, &out), 0);
	arena_clear(&arena);
	buf_clear(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_absent),
		cmocka_unit_test(test_unreadable),
		cmocka_unit_test(test_no_file),
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_command_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
