/* The real program against a played control socket and in the place of a played supervisor. argv: moltbot, the supervisor. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/mem.h"
#include "fake_peer.h"
#include "json/json.h"

static const char *program; /* the one of the build tree */
static const char *supervisor;
static char dir[64]; /* bin/moltbot, libexec/moltbot/moltbot-supervisor, state/ */
static char state[96];
static pid_t peer;

struct result {
	int status;
	struct buf out;
	struct buf err;
};

static void
read_into(int fd, struct buf *b)
{
	ssize_t n;

	b->max = MIB(64u);
	do {
		uint8_t *p = buf_room(b, 65536);

		n = p == NULL ? -1 : read(fd, p, 65536);
		if (n > 0)
			buf_added(b, (size_t)n);
	} while (n > 0);
	close(fd);
	(void)buf_put_u8(b, 0); /* a string for cmocka's sake, not counted */
	b->len--;
}

/* env: further variables; NULL: none. input: standard input. */
static void
run_in(const char *exe, const char *const *args, const char *const *env, const char *input,
	struct result *r)
{
	char home[128];
	char state_var[160];
	char *argv[16] = {(char *)(uintptr_t) "moltbot"};
	char *envp[16] = {state_var, home};
	char out[] = "/tmp/cli_test_out_XXXXXX";
	char err[] = "/tmp/cli_test_err_XXXXXX";
	char in[] = "/tmp/cli_test_in_XXXXXX";
	int fds[3] = {mkstemp(in), mkstemp(out), mkstemp(err)};
	posix_spawn_file_actions_t fa;
	pid_t pid;

	snprintf(home, sizeof(home), "HOME=%s", dir);
	snprintf(state_var, sizeof(state_var), "MOLTBOT_STATE_DIR=%s", state);
	for (size_t i = 0; args[i] != NULL; i++)
		argv[1 + i] = (char *)(uintptr_t)args[i];
	for (size_t i = 0; env != NULL && env[i] != NULL; i++)
		envp[2 + i] = (char *)(uintptr_t)env[i];
	if (input != NULL)
		assert_int_equal(pwrite(fds[0], input, strlen(input), 0), (ssize_t)strlen(input));
	posix_spawn_file_actions_init(&fa);
	for (int i = 0; i < 3; i++)
		posix_spawn_file_actions_adddup2(&fa, fds[i], i);
	assert_int_equal(posix_spawn(&pid, exe, &fa, NULL, argv, envp), 0);
	posix_spawn_file_actions_destroy(&fa);
	assert_int_equal(waitpid(pid, &r->status, 0), pid);
	r->status = WIFEXITED(r->status) ? WEXITSTATUS(r->status) : 128 + WTERMSIG(r->status);
	close(fds[0]);
	*r = (struct result){.status = r->status};
	lseek(fds[1], 0, SEEK_SET);
	lseek(fds[2], 0, SEEK_SET);
	read_into(fds[1], &r->out);
	read_into(fds[2], &r->err);
	unlink(in);
	unlink(out);
	unlink(err);
}

static void
done(struct result *r)
{
	buf_clear(&r->out);
	buf_clear(&r->err);
}

static bool
has(const struct buf *b, const char *text)
{
	return span_find(buf_span(b), span_from_cstr(text)) >= 0;
}

#define RUN(r, ...) run_in(program, (const char *[]){__VA_ARGS__, NULL}, NULL, NULL, r)

static void
write_file(const char *name, const char *text, mode_t mode)
{
	char path[160];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", state, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	fchmod(fd, mode);
	close(fd);
}

static void
start_peer(const struct fake_answer *answers)
{
	int fd = fake_peer_listen(state);

	assert_true(fd >= 0);
	peer = fork();
	if (peer == 0) {
		alarm(60);
		fake_peer_serve(fd, answers);
	}
	close(fd);
}

static int
stop_peer(void **unused)
{
	char path[160];

	(void)unused;
	if (peer > 0) {
		kill(peer, SIGKILL);
		waitpid(peer, NULL, 0);
	}
	peer = 0;
	snprintf(path, sizeof(path), "%s/control.sock", state);
	unlink(path);
	snprintf(path, sizeof(path), "%s/.env", state);
	unlink(path);
	return 0;
}

/* ---- usage, help ---- */

static void
a_mistyped_command_gets_a_suggestion_and_64(void **unused)
{
	struct result r;

	(void)unused;
	RUN(&r, "gateway", "staus");
	assert_int_equal(r.status, 64);
	assert_true(has(&r.err, "did you mean 'gateway status'"));
	assert_int_equal(r.out.len, 0);
	done(&r);
	RUN(&r, "logs", "--limt", "3");
	assert_int_equal(r.status, 64);
	assert_true(has(&r.err, "did you mean --limit"));
	done(&r);
	RUN(&r, "logs", "--limit", "-1");
	assert_int_equal(r.status, 64);
	done(&r);
	RUN(&r, "devices", "approve", "--json");
	assert_int_equal(r.status, 64);
	assert_true(has(&r.out, "\"ok\": false"));
	done(&r);
}

static void
every_command_has_help_and_its_place_in_the_manual(void **unused)
{
	struct result list;
	struct result man;
	struct arena a;
	struct json_node *root;
	unsigned n = 0;

	(void)unused;
	RUN(&list, "help", "--json");
	RUN(&man, "help", "--man");
	arena_init(&a, MIB(1u));
	assert_int_equal(json_parse(&a, buf_span(&list.out), NULL, &root, NULL), 0);
	for (const struct json_node *c = json_first(root); c != NULL; c = c->next, n++) {
		struct span name = SPAN_EMPTY;
		char words[64];
		char title[96];
		char *second;
		struct result r;

		assert_int_equal(json_node_str(json_get(c, SPAN("command")), &name), 0);
		assert_int_equal(span_to_cstr(name, words, sizeof(words)), 0);
		snprintf(title, sizeof(title), ".SS moltbot %s", words);
		assert_true(has(&man.out, title));
		second = strchr(words, ' ');
		if (second != NULL)
			*second++ = '\0';
		RUN(&r, words, second == NULL ? "--help" : second,
			second == NULL ? NULL : "--help");
		assert_int_equal(r.status, 0);
		assert_true(has(&r.out, "--json"));
		done(&r);
	}
	assert_true(n >= 20);
	arena_clear(&a);
	done(&list);
	done(&man);
}

/* ---- gateway run ---- */

static void
seen(struct result *r)
{
	char path[160];
	int fd;

	snprintf(path, sizeof(path), "%s/seen", state);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	buf_clear(&r->out);
	read_into(fd, &r->out);
}

static void
start(struct result *r, const char *const *env, const char *option, const char *value)
{
	char exe[128];

	snprintf(exe, sizeof(exe), "%s/bin/moltbot", dir);
	run_in(exe, (const char *[]){"gateway", "run", option, value, NULL}, env, NULL, r);
}

static void
secrets_leave_the_environment_for_a_sealed_memfd(void **unused)
{
	struct result r;

	(void)unused;
	write_file(".env",
		"# note\nexport OPENAI_API_KEY='from file'\nPLAIN=\"a\\\"b\" "
		"\nTELEGRAM_BOT_TOKEN=tele # why\n",
		0600);
	start(&r,
		(const char *[]){"OPENAI_API_KEY=from-env", "LANG=C", "MOLTBOT_GATEWAY_PORT=1",
			"SETUP_PASSWORD=pw", "TELEGRAM_BOT_TOKEN=", NULL},
		"--port", "4711");
	assert_int_equal(r.status, 0);
	seen(&r);
	assert_false(has(&r.out, "\nenv "));
	assert_true(has(&r.out, "secrets seals=15"));
	assert_true(has(&r.out, "plain seals=15"));
	assert_true(has(
		&r.out, "OPENAI_API_KEY=from-env SETUP_PASSWORD=pw TELEGRAM_BOT_TOKEN=tele \n"));
	assert_true(has(&r.out, "MOLTBOT_GATEWAY_PORT=4711 "));
	assert_false(has(&r.out, "MOLTBOT_GATEWAY_PORT=1 "));
	assert_true(has(&r.out, "PLAIN=a\"b "));
	assert_true(has(
		&r.out, "MOLTBOT_SECRET_NAMES=OPENAI_API_KEY,SETUP_PASSWORD,TELEGRAM_BOT_TOKEN "));
	assert_false(has(&r.out, "from file"));
	done(&r);
}

static void
only_the_two_memfds_are_handed_on(void **unused)
{
	struct result r;
	unsigned n = 0;

	(void)unused;
	start(&r, NULL, NULL, NULL);
	assert_int_equal(r.status, 0);
	seen(&r);
	for (size_t i = 0; i + 3 < r.out.len; i++)
		n += memcmp(r.out.ptr + i, "\nfd ", 4) == 0;
	assert_int_equal(n, 2);
	done(&r);
}

static void
an_env_file_open_to_others_is_refused_with_the_fix(void **unused)
{
	struct result r;

	(void)unused;
	write_file(".env", "A_TOKEN=x\n", 0640);
	start(&r, NULL, NULL, NULL);
	assert_int_equal(r.status, 1);
	assert_true(has(&r.err, "chmod 600"));
	done(&r);
}

static void
a_secret_as_an_argument_is_refused(void **unused)
{
	struct result r;

	(void)unused;
	start(&r, NULL, "--token", "geheim");
	assert_int_equal(r.status, 1);
	assert_true(has(&r.err, "MOLTBOT_GATEWAY_TOKEN"));
	assert_false(has(&r.err, "geheim"));
	done(&r);
}

static void
an_env_file_over_the_limits_is_refused(void **unused)
{
	char *text = mem_alloc(1, ENV_FILE_MAX + 2);
	size_t len = 0;
	struct result r;

	(void)unused;
	memset(text, '#', ENV_FILE_MAX + 1);
	write_file(".env", text, 0600);
	start(&r, NULL, NULL, NULL);
	assert_int_equal(r.status, 1);
	done(&r);
	for (unsigned i = 0; i <= ENV_VARS_MAX; i++)
		len += (size_t)snprintf(text + len, ENV_FILE_MAX - len, "V%u=1\n", i);
	write_file(".env", text, 0600);
	start(&r, NULL, NULL, NULL);
	assert_int_equal(r.status, 1);
	assert_true(has(&r.err, "variables"));
	done(&r);
	free(text);
}

static void
a_link_is_printed_when_the_gateway_is_up(void **unused)
{
	char path[160];
	struct result r;
	bool printed;

	(void)unused;
	write_file("serve", "", 0600);
	/* the file that is standard output is still written by the process that was left behind */
	start(&r, (const char *[]){"MOLTBOT_PRINT_LINK=1", NULL}, NULL, NULL);
	printed = has(&r.out, "http://127.0.0.1:4711/#claim=one-time");
	snprintf(path, sizeof(path), "%s/serve", state);
	unlink(path);
	assert_true(printed);
	done(&r);
}

/* ---- the control socket ---- */

#define OK(payload) "{\"type\":\"res\",\"id\":\"@ID\",\"ok\":true,\"payload\":" payload "}"
#define HELLO OK("{\"type\":\"hello-ok\",\"protocol\":3,\"server\":{\"version\":\"9.9\"}}")

static void
a_gateway_that_is_down_is_said_with_what_helps(void **unused)
{
	struct result r;

	(void)unused;
	RUN(&r, "gateway", "status");
	assert_int_equal(r.status, 1);
	assert_true(has(&r.out, "moltbot gateway run"));
	done(&r);
	RUN(&r, "panic");
	assert_int_equal(r.status, 1);
	assert_true(has(&r.err, "not running"));
	done(&r);
}

static void
status_holds_the_line_auth_mode_and_nothing_that_acts_on_a_terminal(void **unused)
{
	static const struct fake_answer answers[] = {
		{"connect", HELLO},
		{"status", OK("{\"gateway\":{\"auth\":{\"mode\":\"token\"},\"port\":4711},"
			      "\"sandbox\":{\"tier\":\"full\\u001b[2J\",\"proof\":\"passed\"}}")},
		{"health", OK("{}")},
		{NULL, NULL},
	};
	struct result r;

	(void)unused;
	start_peer(answers);
	RUN(&r, "gateway", "status");
	assert_int_equal(r.status, 0);
	assert_true(has(&r.out, "auth.mode = \"token\""));
	assert_true(has(&r.out, "gateway.port = 4711"));
	assert_false(has(&r.out, "\x1b"));
	done(&r);
	RUN(&r, "gateway", "status", "--json");
	assert_int_equal(r.status, 0);
	assert_true(has(&r.out, "\"mode\": \"token\""));
	done(&r);
}

static const struct fake_answer talk[] = {
	{"connect", HELLO},
	{"agent", OK("{\"runId\":\"@RUN\",\"status\":\"accepted\"}") "\n" OK(
			  "{\"runId\":\"@RUN\",\"status\":\"ok\",\"result\":{\"payloads\":[{"
			  "\"text\":\"forty-two\\u001b[31m\"}]}}")},
	{"chat.send",
		OK("{\"runId\":\"@RUN\",\"status\":\"started\"}") "\n"
								  "{\"type\":\"event\",\"event\":"
								  "\"agent\",\"payload\":{"
								  "\"runId\":\"other\",\"stream\":"
								  "\"assistant\",\"data\":{"
								  "\"text\":\"WRONG\"}}}\n"
								  "{\"type\":\"event\",\"event\":"
								  "\"agent\",\"payload\":{"
								  "\"runId\":\"@RUN\",\"stream\":"
								  "\"tool\",\"data\":{\"phase\":"
								  "\"start\","
								  "\"name\":\"calculator\","
								  "\"args\":{\"e\":1}}}}\n"
								  "{\"type\":\"event\",\"event\":"
								  "\"agent\",\"payload\":{"
								  "\"runId\":\"@RUN\",\"stream\":"
								  "\"assistant\",\"data\":{"
								  "\"text\":\"two \"}}}\n"
								  "{\"type\":\"event\",\"event\":"
								  "\"chat\",\"payload\":{\"runId\":"
								  "\"@RUN\",\"state\":\"final\","
								  "\"message\":{\"content\":[{"
								  "\"type\":\"text\",\"text\":"
								  "\"two words\"}]}}}"},
	{"moltbot.panic", OK("{}")},
	{"device.pair.list", "not json at all"},
	{"moltbot.secrets.show", "@CLOSE"},
	{"moltbot.link.new", "{\"type\":\"res\",\"id\":\"@ID\",\"ok\":false,\"error\":{\"code\":"
			     "\"INVALID_REQUEST\",\"message\":\"not \\u001b]0;x\"}}"},
	{NULL, NULL},
};

static void
agent_prints_the_answer_alone_in_a_pipe(void **unused)
{
	struct result r;

	(void)unused;
	start_peer(talk);
	RUN(&r, "agent", "-m", "what?");
	assert_int_equal(r.status, 0);
	assert_string_equal((const char *)r.out.ptr, "forty-two\\x1b[31m\n");
	done(&r);
	RUN(&r, "agent", "-m", "what?", "--json");
	assert_true(has(&r.out, "\"status\": \"ok\""));
	done(&r);
}

static void
chat_follows_its_own_run_only(void **unused)
{
	struct result r;

	(void)unused;
	start_peer(talk);
	run_in(program, (const char *[]){"chat", NULL}, NULL, "hello\n/quit\nnever\n", &r);
	assert_int_equal(r.status, 0);
	assert_true(has(&r.out, "calculator"));
	assert_true(has(&r.out, "two words\n"));
	assert_false(has(&r.out, "WRONG"));
	done(&r);
}

static void
a_peer_that_misbehaves_is_an_error_not_a_hang(void **unused)
{
	struct result r;

	(void)unused;
	start_peer(talk);
	RUN(&r, "devices", "list");
	assert_int_equal(r.status, 1);
	assert_true(has(&r.err, "cannot be read"));
	done(&r);
	RUN(&r, "secrets", "show", "gateway-token");
	assert_int_equal(r.status, 1);
	assert_true(has(&r.err, "closed the connection"));
	done(&r);
	RUN(&r, "dashboard");
	assert_int_equal(r.status, 1);
	assert_false(has(&r.err, "\x1b"));
	done(&r);
	RUN(&r, "devices", "approve", "x", "--timeout", "200ms");
	assert_int_equal(r.status, 1);
	assert_true(has(&r.err, "no answer in time"));
	done(&r);
}

static void
panic_says_how_long_it_took(void **unused)
{
	struct result r;

	(void)unused;
	start_peer(talk);
	RUN(&r, "panic", "--json");
	assert_int_equal(r.status, 0);
	assert_true(has(&r.out, "\"tookMs\": "));
	done(&r);
}

static void
a_message_over_the_limit_ends_the_connection(void **unused)
{
	static struct fake_answer answers[] = {
		{"connect", HELLO}, {"device.pair.list", NULL}, {NULL, NULL}};
	char *big = mem_alloc(1, CLI_MESSAGE_MAX + 2);
	struct result r;

	(void)unused;
	memset(big, ' ', CLI_MESSAGE_MAX + 1);
	answers[1].frames = big;
	start_peer(answers);
	RUN(&r, "devices", "list");
	assert_int_equal(r.status, 1);
	assert_true(has(&r.err, "cannot be read"));
	done(&r);
	free(big);
}

static void
a_token_is_not_sent_off_this_machine_or_without_tls(void **unused)
{
	struct result r;

	(void)unused;
	RUN(&r, "gateway", "stop", "--url", "ws://127.0.0.1:1");
	assert_int_equal(r.status, 64);
	done(&r);
	RUN(&r, "panic", "--url", "ws://192.0.2.1:18789");
	assert_int_equal(r.status, 64);
	done(&r);
	RUN(&r, "panic", "--url", "ws://127.0.0.1:1");
	assert_int_equal(r.status, 1);
	assert_true(has(&r.err, "nobody listens"));
	done(&r);
}

/* ---- files ---- */

static void
logs_show_the_last_lines_with_everything_escaped(void **unused)
{
	char path[160];
	struct result r;

	(void)unused;
	snprintf(path, sizeof(path), "%s/logs", state);
	mkdir(path, 0700);
	write_file("logs/gateway.log",
		"2026-11-22T13:40:11.123Z info core first\n2026-11-22T13:40:12.123Z warn edge/anon "
		"second \x1b[2J k=v\n"
		"2026-11-22T13:40:13.123Z error core third\n",
		0600);
	RUN(&r, "logs", "--limit", "2");
	assert_int_equal(r.status, 0);
	assert_false(has(&r.out, "first"));
	assert_true(has(&r.out, "second \\x1b[2J"));
	assert_true(has(&r.out, "third\n"));
	done(&r);
	RUN(&r, "logs", "-n", "1", "--json");
	assert_true(has(&r.out, "{\"type\":\"log\",\"time\":\"2026-11-22T13:40:13.123Z\",\"level\":"
				"\"error\",\"subsystem\":\"core\""));
	done(&r);
}

/* The build folder may lie on another file system, so no link. */
static void
copy(const char *from, const char *to)
{
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);

	assert_true(in >= 0 && out >= 0);
	while (sendfile(out, in, NULL, 1 << 20) > 0)
		;
	close(in);
	close(out);
}

static int
set_up(void **unused)
{
	char path[160];

	(void)unused;
	snprintf(dir, sizeof(dir), "/tmp/cli_test_XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(state, sizeof(state), "%s/state", dir);
	mkdir(state, 0700);
	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir,
			((const char *[]){"bin", "libexec", "libexec/moltbot"})[i]);
		mkdir(path, 0755);
	}
	snprintf(path, sizeof(path), "%s/bin/moltbot", dir);
	copy(program, path);
	snprintf(path, sizeof(path), "%s/libexec/moltbot/moltbot-supervisor", dir);
	copy(supervisor, path);
	return 0;
}

static int
tear_down(void **unused)
{
	static const char *const names[] = {"state/logs/gateway.log", "state/logs", "state/seen",
		"state/control.sock", "state", "libexec/moltbot/moltbot-supervisor",
		"libexec/moltbot", "libexec", "bin/moltbot", "bin"};
	char path[160];

	(void)unused;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		(void)remove(path);
	}
	(void)rmdir(dir);
	return 0;
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_teardown(name, stop_peer)
		T(a_mistyped_command_gets_a_suggestion_and_64),
		T(every_command_has_help_and_its_place_in_the_manual),
		T(secrets_leave_the_environment_for_a_sealed_memfd),
		T(only_the_two_memfds_are_handed_on),
		T(an_env_file_open_to_others_is_refused_with_the_fix),
		T(a_secret_as_an_argument_is_refused),
		T(an_env_file_over_the_limits_is_refused),
		T(a_link_is_printed_when_the_gateway_is_up),
		T(a_gateway_that_is_down_is_said_with_what_helps),
		T(status_holds_the_line_auth_mode_and_nothing_that_acts_on_a_terminal),
		T(agent_prints_the_answer_alone_in_a_pipe),
		T(chat_follows_its_own_run_only),
		T(a_peer_that_misbehaves_is_an_error_not_a_hang),
		T(panic_says_how_long_it_took),
		T(a_message_over_the_limit_ends_the_connection),
		T(a_token_is_not_sent_off_this_machine_or_without_tls),
		T(logs_show_the_last_lines_with_everything_escaped),
	};

	if (argc != 3)
		return 2;
	program = argv[1];
	supervisor = argv[2];
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
