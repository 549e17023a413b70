#include "cli_env.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/secret.h"
#include "proto/options.h"

/* Everything read so far, as spans into environ, extra and the text of the .env file: nothing is copied. */
struct var {
	struct span name;
	struct span value;
};
struct vars {
	struct var rows[ENV_VARS_MAX];
	size_t n;
};

static bool
is_name(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		bool letter = (s.ptr[i] >= 'a' && s.ptr[i] <= 'z') ||
			      (s.ptr[i] >= 'A' && s.ptr[i] <= 'Z') || s.ptr[i] == '_';

		if (!letter && (i == 0 || s.ptr[i] < '0' || s.ptr[i] > '9'))
			return false;
	}
	return s.len > 0;
}

static struct var *
find(struct vars *vars, struct span name)
{
	for (size_t i = 0; i < vars->n; i++) {
		if (span_eq(vars->rows[i].name, name))
			return &vars->rows[i];
	}
	return NULL;
}

static struct span
value_of(const struct vars *vars, struct span name)
{
	for (size_t i = 0; i < vars->n; i++) {
		if (span_eq(vars->rows[i].name, name))
			return vars->rows[i].value;
	}
	return SPAN_EMPTY;
}

/* The first value of a name counts that is not empty. Names that no configuration could refer to are left out. */
static int
add(struct cli *cli, struct vars *vars, struct span name, struct span value)
{
	struct var *first = find(vars, name);

	if (first != NULL && span_trim(first->value).len == 0)
		first->value = value;
	if (!is_name(name) || first != NULL)
		return 0;
	/* what we say ourselves comes last and must not stand there twice */
	if (span_eq(name, SPAN("MOLTBOT_SECRET_NAMES")) || span_eq(name, SPAN("MOLTBOT_STATE_DIR")))
		return 0;
	if (vars->n == ENV_VARS_MAX)
		return cli_fail(
			cli, NULL, "more than %d variables in the environment", ENV_VARS_MAX);
	vars->rows[vars->n++] = (struct var){name, value};
	return 0;
}

static int
add_string(struct cli *cli, struct vars *vars, const char *text)
{
	struct span value = span_from_cstr(text);
	struct span name = span_cut(&value, '=');

	return value.ptr == NULL ? 0 : add(cli, vars, name, value);
}

/*
 * One line of .env: [export] NAME=value; value bare (to the end of the line or " #"), 'as it is' or "with \n \t \" \\". In double quotes
 * the text is unescaped where it lies.
 */
static int
unquote(uint8_t *p, size_t len, struct span *value)
{
	size_t n = 0;
	size_t i = 1;

	for (; i < len && p[i] != p[0]; i++) {
		uint8_t c = p[i];

		if (p[0] == '"' && c == '\\' && i + 1 < len) {
			c = p[++i];
			c = c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c;
		}
		p[1 + n++] = c;
	}
	*value = span_of(p + 1, n);
	return i + 1 == len ? 0 : ERR_SYNTAX;
}

static int
add_line(struct cli *cli, struct vars *vars, uint8_t *text, struct span line, const char *path,
	unsigned number)
{
	struct span value = span_trim(line);
	struct span name;
	int rc = 0;

	if (value.len == 0 || value.ptr[0] == '#')
		return 0;
	if (span_starts_with(value, SPAN("export ")))
		value = span_trim(span_sub(value, 7, SIZE_MAX));
	name = span_trim(span_cut(&value, '='));
	if (value.ptr == NULL || !is_name(name))
		return cli_fail(cli, "Write NAME=value, or remove the line.",
			"%s:%u: not a variable", path, number);
	value = span_trim(value);
	if (value.len > 0 && (value.ptr[0] == '"' || value.ptr[0] == '\''))
		rc = unquote(text + (value.ptr - text), value.len, &value);
	else if (span_find(value, SPAN(" #")) >= 0)
		value = span_trim(span_sub(value, 0, (size_t)span_find(value, SPAN(" #"))));
	if (rc < 0)
		return cli_fail(cli, "Close the quote at the end of the line.",
			"%s:%u: text behind or without the closing quote", path, number);
	return add(cli, vars, name, value);
}

static int
check_file(struct cli *cli, int fd, const char *path, size_t *len)
{
	char help[CLI_PATH_MAX + 64];
	struct stat st;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return cli_fail(cli, NULL, "%s is not a plain file", path);
	snprintf(help, sizeof(help), "Run: chmod 600 '%s'", path);
	if ((st.st_mode & 077) != 0)
		return cli_fail(cli, help,
			"%s can be read by others (mode %03o), so it is not used", path,
			(unsigned)st.st_mode & 0777);
	if (st.st_uid != geteuid())
		return cli_fail(cli, "Run as its owner, or remove it.",
			"%s belongs to uid %u, not to us", path, (unsigned)st.st_uid);
	if ((uint64_t)st.st_size > ENV_FILE_MAX)
		return cli_fail(cli, NULL, "%s is larger than %u bytes", path, ENV_FILE_MAX);
	*len = (size_t)st.st_size;
	return 0;
}

/* The file's text into text (ENV_FILE_MAX bytes); *used is how much of it was written. */
static int
read_file(struct cli *cli, struct vars *vars, uint8_t *text, size_t *used)
{
	char path[CLI_PATH_MAX + 8];
	struct span rest;
	size_t len = 0;
	ssize_t n;
	int rc;
	int fd;

	snprintf(path, sizeof(path), "%s/.env", cli->paths.state);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR
			       ? 0
			       : cli_fail(
					 cli, NULL, "%s cannot be read: %s", path, strerror(errno));
	rc = check_file(cli, fd, path, &len);
	n = rc == 0 ? read(fd, text, ENV_FILE_MAX) : 0;
	close(fd);
	if (n < 0)
		return cli_fail(cli, NULL, "%s cannot be read: %s", path, strerror(errno));
	*used = (size_t)n;
	rest = span_of(text, *used);
	if (span_find_byte(rest, '\0') >= 0)
		return cli_fail(cli, NULL, "%s holds a zero byte", path);
	for (unsigned number = 1; rc == 0 && rest.len > 0; number++)
		rc = add_line(cli, vars, text, span_cut(&rest, '\n'), path, number);
	return rc;
}

/* Pieces for one memfd: written straight from where they lie, so that no copy of a secret stays behind. */
#define PIECES 512
struct out {
	int fd;
	int rc;
	size_t n;
	size_t bytes;
	struct iovec pieces[PIECES];
};

/* A memfd takes all that there is memory for. */
static void
flush(struct out *o)
{
	if (o->rc == 0 && o->n > 0 && writev(o->fd, o->pieces, (int)o->n) != (ssize_t)o->bytes)
		o->rc = ERR_SYS;
	o->n = o->bytes = 0;
}

static void
put(struct out *o, struct span s)
{
	if (o->n == PIECES)
		flush(o);
	/* writev takes a non-const pointer */
	memcpy(&o->pieces[o->n].iov_base, &s.ptr, sizeof(s.ptr));
	o->pieces[o->n++].iov_len = s.len;
	o->bytes += s.len;
}

static void
put_var(struct out *o, struct span name, struct span value)
{
	put(o, name);
	put(o, SPAN("="));
	put(o, value);
	put(o, SPAN("\0"));
}

static int
seal(struct out *o)
{
	flush(o);
	if (o->rc == 0 && fcntl(o->fd, F_ADD_SEALS,
				  F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
		o->rc = ERR_SYS;
	return o->rc;
}

static int
write_out(const struct vars *vars, const char *state, struct cli_env *env)
{
	static struct out plain;
	static struct out secrets;
	struct buf names = {.max = ENV_FILE_MAX};
	int rc;

	plain.fd = env->plain_fd = memfd_create("environment", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	secrets.fd = env->secrets_fd = memfd_create("environment", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (env->plain_fd < 0 || env->secrets_fd < 0)
		return ERR_SYS;
	for (size_t i = 0; i < vars->n; i++) {
		bool secret = option_env_is_secret(vars->rows[i].name);

		if (span_eq(vars->rows[i].name, SPAN("MOLTBOT_VAULT_KEY")))
			continue; /* no configuration may refer to it */
		if (secret && span_trim(vars->rows[i].value).len == 0)
			continue; /* empty is not set, as with the others */
		if (secret && names.len > 0)
			(void)buf_put_u8(&names, ',');
		if (secret)
			(void)buf_put(&names, vars->rows[i].name);
		put_var(secret ? &secrets : &plain, vars->rows[i].name, vars->rows[i].value);
	}
	put_var(&plain, SPAN("MOLTBOT_SECRET_NAMES"), buf_span(&names));
	put_var(&plain, SPAN("MOLTBOT_STATE_DIR"), span_from_cstr(state));
	rc = seal(&plain);
	rc = rc < 0 ? rc : seal(&secrets);
	rc = rc < 0 ? rc : names.err;
	buf_clear(&names);
	return rc;
}

static int
collect(struct cli *cli, const char *const *extra, struct vars *vars, uint8_t *text, size_t *used)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && extra[i] != NULL; i++)
		rc = add_string(cli, vars, extra[i]);
	for (char **e = environ; rc == 0 && *e != NULL; e++)
		rc = add_string(cli, vars, *e);
	rc = rc != 0 ? rc : read_file(cli, vars, text, used);
	return rc;
}

int
cli_env_part(struct cli *cli, const char *const *extra, struct cli_env *env)
{
	static struct vars vars;
	uint8_t *text = mem_alloc(1, ENV_FILE_MAX);
	size_t used = 0;
	int rc = collect(cli, extra, &vars, text, &used);

	if (rc == 0 && write_out(&vars, cli->paths.state, env) < 0)
		rc = cli_fail(
			cli, NULL, "the environment could not be put aside: %s", strerror(errno));
	rc = rc != 0 ? rc : cli_vault_key(cli, value_of(&vars, SPAN("MOLTBOT_VAULT_KEY")), env);
	secret_wipe(text, used);
	free(text);
	return rc;
}

void
cli_env_wipe(void)
{
	for (char **e = environ; e != NULL && *e != NULL; e++)
		secret_wipe(*e, strlen(*e));
	clearenv();
}
