/*
 * Stands where moltbot-supervisor is looked for and writes down what it was given: arguments, environment, descriptors,
 * what the memfds hold. With a file "serve" in the state directory it then plays the control socket for a while.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/span.h"
#include "fake_peer.h"

#define HELLO                                                                                      \
	"{\"type\":\"res\",\"id\":\"@ID\",\"ok\":true,\"payload\":{\"type\":\"hello-ok\","         \
	"\"protocol\":3}}"

static const struct fake_answer answers[] = {
	{"connect", HELLO},
	{"moltbot.link.new", "{\"type\":\"res\",\"id\":\"@ID\",\"ok\":true,\"payload\":{\"code\":"
			     "\"one-time\",\"ttlMs\":600000}}"},
	{"status", "{\"type\":\"res\",\"id\":\"@ID\",\"ok\":true,\"payload\":{\"gateway\":{"
		   "\"port\":4711,\"auth\":{\"mode\":\"token\"}}}}"},
	{NULL, NULL},
};

static void
put_memfd(FILE *out, const char *name, int fd)
{
	char c;
	off_t at = 0;

	fprintf(out, "%s seals=%d", name, fcntl(fd, F_GET_SEALS));
	for (; pread(fd, &c, 1, at) == 1; at++)
		fputc(c == '\0' ? ' ' : at == 0 ? (fputc(' ', out), c) : c, out);
	fputc('\n', out);
}

int
main(int argc, char **argv)
{
	const char *state = "";
	char path[1200];
	FILE *out;

	for (int i = 1; i < argc; i++) {
		if (strncmp(argv[i], "state=", 6) == 0)
			state = argv[i] + 6;
	}
	snprintf(path, sizeof(path), "%s/seen", state);
	out = fopen(path, "we");
	if (out == NULL)
		return 1;
	for (int i = 0; i < argc; i++)
		fprintf(out, "arg %s\n", argv[i]);
	for (char **e = environ; *e != NULL; e++)
		fprintf(out, "env %s\n", *e);
	for (int fd = 3; fd < 256; fd++) {
		if (fd != fileno(out) && fcntl(fd, F_GETFD) >= 0)
			fprintf(out, "fd %d\n", fd);
	}
	for (int i = 1; i < argc; i++) {
		uint64_t fd;

		if (strncmp(argv[i], "env=", 4) == 0 &&
			span_to_u64(span_from_cstr(argv[i] + 4), 0, 1000, &fd) == 0)
			put_memfd(out, "plain", (int)fd);
		if (strncmp(argv[i], "secrets=", 8) == 0 &&
			span_to_u64(span_from_cstr(argv[i] + 8), 0, 1000, &fd) == 0)
			put_memfd(out, "secrets", (int)fd);
	}
	fclose(out);
	snprintf(path, sizeof(path), "%s/serve", state);
	if (access(path, F_OK) == 0) {
		alarm(3);
		fake_peer_serve(fake_peer_listen(state), answers);
	}
	return 0;
}
