#include "cli_config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"
#include "cli_client.h"
#include "cli_run.h"
#include "crypto/crypto.h"
#include "crypto/crypto_encode.h"
#include "ev/ev.h"

#define BESIDE_MAX (CLI_PATH_MAX + 32)

bool
cli_config_is_offline(struct cli *cli, struct cli_client **client)
{
	const char *why;
	int rc = cli_client_open_quiet(cli, client, &why);

	return rc == ERR_NOTFOUND || rc == ERR_CLOSED;
}

int
cli_config_read(struct cli *cli, const char *path, struct buf *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	ssize_t n = 1;

	if (fd < 0 && errno == ENOENT)
		return 0;
	while (fd >= 0 && n > 0) {
		uint8_t *p = buf_room(out, KIB(64));

		n = p == NULL ? -1 : read(fd, p, KIB(64));
		if (n > 0)
			buf_added(out, (size_t)n);
	}
	if (fd >= 0)
		close(fd);
	return fd >= 0 && n == 0 ? 0
				 : cli_fail(cli, "A symbolic link is not followed.",
					   "%s cannot be read", cli_safe(span_from_cstr(path)));
}

/* All of text into a new file that only we can read. */
static int
put_new(const char *path, struct span text)
{
	int fd;
	int rc = 0;

	(void)unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	while (fd >= 0 && text.len > 0 && rc == 0) {
		ssize_t n = write(fd, text.ptr, text.len);

		rc = n <= 0 ? ERR_IO : 0;
		text = span_sub(text, n <= 0 ? text.len : (size_t)n, SIZE_MAX);
	}
	if (fd < 0 || (rc == 0 && fsync(fd) < 0))
		rc = ERR_IO;
	if (fd >= 0)
		close(fd);
	return rc;
}

/* The text that is replaced, where the gateway keeps former ones; nobody's principal: by hand. */
static int
keep(const struct cli *cli, struct span text)
{
	char folder[CLI_PATH_MAX + 32];
	char path[CLI_PATH_MAX + 160];
	uint8_t hash[CRYPTO_SHA256_LEN];
	char hex[2 * CRYPTO_SHA256_LEN + 1];

	snprintf(folder, sizeof(folder), "%s/config-history", cli->paths.state);
	if (mkdir(folder, 0700) < 0 && errno != EEXIST)
		return ERR_IO;
	crypto_sha256(text, hash);
	crypto_hex_encode(span_of(hash, sizeof(hash)), hex);
	snprintf(path, sizeof(path), "%s/%015llu-%016llx-%s.json5", folder,
		(unsigned long long)ev_wall_ms(), 0ULL, hex);
	return put_new(path, text);
}

/* Without a gateway: checked by the code of the start, then in place of the old one. */
static int
write_offline(struct cli *cli, struct span old, struct span text)
{
	const char *path = cli->paths.config;
	char beside[BESIDE_MAX];
	struct buf out = {.max = MIB(4u)};
	struct stat st;
	int rc;

	snprintf(beside, sizeof(beside), "%s.new", path);
	if (put_new(beside, text) < 0)
		return cli_fail(cli, NULL, "%s cannot be written: %s",
			cli_safe(span_from_cstr(beside)), strerror(errno));
	rc = cli_run(cli, "moltbot-config", (const char *[]){"--check", beside, NULL}, true, &out);
	buf_clear(&out);
	if (rc != 0) {
		(void)unlink(beside);
		return cli_fail(cli, NULL, "the configuration is as it was");
	}
	/* as root, the file stays its owner's */
	if (stat(path, &st) == 0 && st.st_uid != geteuid())
		rc = chown(beside, st.st_uid, st.st_gid);
	if (rc == 0 && old.len > 0)
		rc = keep(cli, old);
	if (rc == 0 && rename(beside, path) == 0)
		return 0;
	(void)unlink(beside);
	return cli_fail(cli, NULL, "%s cannot be replaced", cli_safe(span_from_cstr(path)));
}

static int
write_online(struct cli *cli, struct cli_client *client, struct span old, struct span text)
{
	struct buf params = {.max = WS_FRAME_MAX};
	uint8_t hash[CRYPTO_SHA256_LEN];
	char hex[2 * CRYPTO_SHA256_LEN + 1];
	struct cli_frame frame;
	struct json_out o;
	int rc;

	crypto_sha256(old, hash);
	crypto_hex_encode(span_of(hash, sizeof(hash)), hex);
	json_out_init(&o, &params, NULL);
	(void)json_out_begin_object(&o);
	cli_json_str(&o, "raw", text);
	cli_json_str(&o, "baseHash", span_from_cstr(hex));
	(void)json_out_end_object(&o);
	if (json_out_finish(&o) < 0)
		rc = cli_fail(cli, "Stop the gateway first; then it is written by hand.",
			"the text is too long for one message to the gateway");
	else if ((rc = cli_client_call_quiet(client, "config.set", buf_span(&params), &frame)) < 0)
		rc = cli_client_broken(cli, rc, "config.set");
	else if (!frame.ok) {
		cli_config_put_issues(cli, &frame);
		rc = cli_client_refused(cli, &frame, "config.set");
	}
	buf_clear(&params);
	return rc;
}

int
cli_config_write(struct cli *cli, struct span old, struct span text)
{
	struct cli_client *client = NULL;
	int rc;

	if (cli_config_is_offline(cli, &client))
		return write_offline(cli, old, text);
	rc = client == NULL ? cli_client_open(cli, &client) : 0;
	rc = rc != 0 ? rc : write_online(cli, client, old, text);
	cli_client_close(client);
	return rc;
}

void
cli_config_put_issues(struct cli *cli, const struct cli_frame *frame)
{
	const struct json_node *issues = cli_get(frame->error, "details.issues");

	for (const struct json_node *i = json_first(issues); i != NULL; i = i->next)
		(void)cli_fail(cli, NULL, "line %llu, column %llu: %s",
			(unsigned long long)cli_get_u64(i, "line", 0),
			(unsigned long long)cli_get_u64(i, "col", 0),
			cli_safe(cli_get_str(i, "message")));
}
