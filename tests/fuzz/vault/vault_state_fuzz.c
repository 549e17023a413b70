/* What is in the vault's box: refused, or a state that is written and read back. */
#include <stdlib.h>
#include <string.h>

#include "vault/vault.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
clear(struct vault_state *s)
{
	secret_clear(&s->token);
	for (size_t i = 0; i < VAULT_SECRETS_MAX; i++)
		secret_clear(&s->literals[i].value);
	memset(s, 0, sizeof(*s));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct vault_state one, two;
	struct buf first = {.max = MIB(4)};
	struct buf second = {.max = MIB(4)};

	if (vault_state_decode(span_of(data, size), &one) == 0) {
		if (one.ndevices > DEVICES_MAX || one.ncookies > VAULT_COOKIES_MAX ||
			one.nliterals > VAULT_SECRETS_MAX)
			abort();
		if (vault_state_encode(&one, &first) < 0 ||
			vault_state_decode(buf_span(&first), &two) < 0 ||
			vault_state_encode(&two, &second) < 0 ||
			!span_eq(buf_span(&first), buf_span(&second)))
			abort();
	}
	clear(&one);
	clear(&two);
	buf_clear(&first);
	buf_clear(&second);
	return 0;
}
