/* The text of .env: refused with words, or names that are names. The file is taken in: its reader of lines is private. */
#include "../../../src/cli/cli_env.c" /* NOLINT(bugprone-suspicious-include) */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
cli_fail(struct cli *cli, const char *help, const char *fmt, ...)
{
	(void)cli;
	(void)help;
	return fmt[0] != 0 ? CLI_USAGE : 0;
}

int
cli_vault_key(struct cli *cli, struct span text, struct cli_env *env)
{
	(void)cli;
	(void)text;
	(void)env;
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vars *vars = mem_alloc(1, sizeof(*vars));
	uint8_t *text = mem_alloc(1, size + 1);
	struct span rest = span_of(text, size);
	int rc = 0;

	if (size > 0)
		memcpy(text, data, size);
	for (unsigned n = 1; rc == 0 && rest.len > 0; n++)
		rc = add_line(NULL, vars, text, span_cut(&rest, '\n'), ".env", n);
	for (size_t i = 0; i < vars->n; i++) {
		const struct var *v = &vars->rows[i];

		if (!is_name(v->name) || v->name.ptr < text ||
			v->name.ptr + v->name.len > text + size)
			abort();
		if (v->value.len > 0 &&
			(v->value.ptr < text || v->value.ptr + v->value.len > text + size))
			abort();
	}
	free(text);
	free(vars);
	return 0;
}
