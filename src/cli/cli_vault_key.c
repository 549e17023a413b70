/* The key of vault's box from outside of the state directory, so that the two do not lie together. */
#include "cli_env.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"
#include "base/secret.h"
#include "crypto/crypto_encode.h"

#define KEY_LEN 32
#define TEXT_MAX 128 /* the longest form is 64 digits and the end of a line */
#define CREDENTIAL "moltbot-vault-key"

static bool
decode(struct span text, uint8_t key[KEY_LEN])
{
	struct buf b = {.max = KEY_LEN};
	struct span bare = span_trim(text);
	bool ok;

	if (text.len == KEY_LEN) {
		memcpy(key, text.ptr, KEY_LEN);
		return true;
	}
	if (bare.len == 2 * KEY_LEN)
		return crypto_hex_decode(bare, key, KEY_LEN) == 0;
	ok = crypto_base64any_decode(bare, &b) == 0 && b.len == KEY_LEN;
	if (ok)
		memcpy(key, b.ptr, KEY_LEN);
	if (b.ptr != NULL)
		secret_wipe(b.ptr, b.cap);
	buf_clear(&b);
	return ok;
}

/* 1 with *len bytes in text, 0: there is no such credential, or an exit code, negative. */
static int
read_credential(struct cli *cli, uint8_t text[TEXT_MAX], size_t *len)
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY");
	char path[CLI_PATH_MAX + sizeof(CREDENTIAL) + 1];
	ssize_t n;
	int fd;

	if (folder == NULL || folder[0] == 0)
		return 0;
	if (snprintf(path, sizeof(path), "%s/%s", folder, CREDENTIAL) >= (int)sizeof(path))
		return -cli_fail(cli, NULL, "CREDENTIALS_DIRECTORY is too long");
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return errno == ENOENT ? 0
				       : -cli_fail(cli, NULL, "%s cannot be read: %s",
						 cli_safe(span_from_cstr(path)), strerror(errno));
	n = read(fd, text, TEXT_MAX);
	close(fd);
	if (n < 0)
		return -cli_fail(cli, NULL, "%s cannot be read: %s", cli_safe(span_from_cstr(path)),
			strerror(errno));
	*len = (size_t)n;
	return 1;
}

static int
put_key(struct cli *cli, const uint8_t key[KEY_LEN], struct cli_env *env)
{
	env->key_fd = memfd_create("key", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (env->key_fd < 0 || write(env->key_fd, key, KEY_LEN) != KEY_LEN ||
		fcntl(env->key_fd, F_ADD_SEALS,
			F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
		return cli_fail(cli, NULL, "the key of the vault could not be put aside: %s",
			strerror(errno));
	return 0;
}

int
cli_vault_key(struct cli *cli, struct span text, struct cli_env *env)
{
	uint8_t credential[TEXT_MAX];
	uint8_t key[KEY_LEN];
	size_t len = 0;
	int rc = read_credential(cli, credential, &len);

	if (rc < 0)
		return -rc;
	if (rc == 0 && text.len == 0)
		return 0;
	if (rc == 1 && text.len > 0)
		rc = cli_fail(cli, "Remove one of them.",
			"the key of the vault is given twice: as the credential " CREDENTIAL
			" and as MOLTBOT_VAULT_KEY");
	else if (!decode(rc == 1 ? span_of(credential, len) : text, key))
		rc = cli_fail(cli, "Make one with: openssl rand -hex 32",
			"the key of the vault (%s) is not 32 bytes, nor 64 hexadecimal digits, nor "
			"base64 of 32 bytes",
			rc == 1 ? "the credential " CREDENTIAL : "MOLTBOT_VAULT_KEY");
	else
		rc = put_key(cli, key, env);
	secret_wipe(credential, sizeof(credential));
	secret_wipe(key, sizeof(key));
	return rc;
}
