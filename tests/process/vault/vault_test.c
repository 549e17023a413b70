/* The real vault: sign-in, devices, one-time links, releases, and what it refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../harness.h"
#include "args/args.h"
#include "base/err.h"
#include "vault/vault.h"

#define OWNER PRINCIPAL((uint64_t)PRINCIPAL_TOKEN, (uint64_t)SCOPE_ALL, 1u)
#define CONTROL PRINCIPAL((uint64_t)PRINCIPAL_CONTROL, (uint64_t)SCOPE_ALL, 1u)
#define BROWSER PRINCIPAL((uint64_t)PRINCIPAL_BROWSER, (uint64_t)SCOPE_ALL, 1u)
#define PROVIDER_ROW 3u

static const char *program;
static struct ipc_received in;

struct fixture {
	struct harness *h;
	int box;
	int key;
	int env;
	int anon;
	int control;
	char token[128];
	size_t token_len;
};

static struct buf slice = {.max = 8192};

static void
slice_begin(struct args_out *out)
{
	buf_reset(&slice);
	args_out_init(out, &slice, false);
	args_out_cstr(out, "auth.mode", "token");
}

static void
slice_provider(struct args_out *out, const char *source, const char *literal, const char *scheme,
	const char *host)
{
	args_out_cstr(out, "secret.provider.source", source);
	if (literal != NULL)
		args_out_cstr(out, "secret.provider.literal", literal);
	args_out_u64(out, "secret.provider.row", PROVIDER_ROW);
	args_out_cstr(out, "secret.provider.scheme", scheme);
	args_out_cstr(out, "secret.provider.host", host);
	args_out_u64(out, "secret.provider.port", 443);
	args_out_cstr(out, "secret.provider.header", "Authorization");
	args_out_cstr(out, "secret.provider.prefix", "Bearer ");
}

static int
memfd_with(struct span s)
{
	int fd = memfd_create("t", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, s.ptr, s.len), (ssize_t)s.len);
	return fd;
}

static void
launch(struct fixture *f, bool refused)
{
	f->h = harness_new(program, NULL,
		&(struct harness_options){.kind = KIND_VAULT,
			.has_clock = true,
			.slice = buf_span(&slice),
			.keep_not_ready = refused,
			.handles = {{HANDLE_BOX, 0, f->box}, {HANDLE_BOX_KEY, 0, f->key},
				{HANDLE_ENV, 0, f->env}},
			.nhandles = 3});
	if (refused)
		return;
	f->anon = harness_peer(f->h, KIND_ANON, 0);
	f->control = harness_peer(f->h, KIND_USER, CONTROL);
	harness_start(f->h);
}

static void
end(struct fixture *f)
{
	close(f->anon);
	close(f->control);
	assert_int_equal(harness_free(f->h), 0);
}

static void
show_token(struct fixture *f)
{
	const struct user_vault_secret_shown *shown;

	harness_send(f->control, &user_vault_proto, IPC_SIDE_A, USER_VAULT_SECRET_SHOW,
		&(struct user_vault_secret_show){.req = 1, .name = SPAN("gateway-token")});
	shown = harness_recv(
		f->control, &user_vault_proto, IPC_SIDE_A, USER_VAULT_SECRET_SHOWN, &in);
	assert_true(shown->ok);
	assert_in_range(shown->value.len, 32, sizeof(f->token));
	memcpy(f->token, shown->value.ptr, shown->value.len);
	f->token_len = shown->value.len;
}

/* A fresh vault with the slice as it stands; the generated token is in f->token. */
static void
begin(struct fixture *f)
{
	static const uint8_t key[32] = {5};

	memset(f, 0, sizeof(*f));
	f->box = memfd_create("box", MFD_CLOEXEC);
	f->key = memfd_with(span_of(key, sizeof(key)));
	f->env = memfd_with(SPAN("OTHER=x\0PROVIDER_KEY=sk-from-env\0PROVIDER_KEY2=y\0"));
	launch(f, false);
	show_token(f);
}

static void
finish(struct fixture *f)
{
	end(f);
	close(f->box);
	close(f->key);
	close(f->env);
}

static void
plain_slice(void)
{
	struct args_out out;

	slice_begin(&out);
	assert_int_equal(args_out_done(&out), 0);
}

static struct anon_vault_verdict
verify(struct fixture *f, const struct anon_vault_verify *m)
{
	const struct anon_vault_verdict *v;

	harness_send(f->anon, &anon_vault_proto, IPC_SIDE_A, ANON_VAULT_VERIFY, m);
	v = harness_recv(f->anon, &anon_vault_proto, IPC_SIDE_A, ANON_VAULT_VERDICT, &in);
	assert_int_equal(v->ok, v->why == AUTH_OK);
	assert_int_equal(v->ticket.len, v->ok ? VAULT_RANDOM_LEN : 0);
	if (!v->ok)
		assert_true(v->principal == 0);
	return *v;
}

static struct anon_vault_verdict
verify_secret(struct fixture *f, uint8_t credential, struct span secret)
{
	return verify(f, &(struct anon_vault_verify){.req = 1,
				 .source_lo = 0x0a000001u,
				 .credential = credential,
				 .secret = secret});
}

static struct span
token_of(const struct fixture *f)
{
	return span_of(f->token, f->token_len);
}

static struct user_vault_principal
redeem(int user, struct span ticket)
{
	const struct user_vault_principal *p;
	uint8_t copy[VAULT_RANDOM_LEN];

	assert_int_equal(ticket.len, sizeof(copy));
	memcpy(copy, ticket.ptr, sizeof(copy));
	harness_send(user, &user_vault_proto, IPC_SIDE_A, USER_VAULT_REDEEM,
		&(struct user_vault_redeem){.req = 2, .ticket = span_of(copy, sizeof(copy))});
	p = harness_recv(user, &user_vault_proto, IPC_SIDE_A, USER_VAULT_PRINCIPAL, &in);
	return *p;
}

/* ---- the owner's token ---- */

static void
the_token_signs_in_and_its_ticket_is_good_once_for_its_principal(void **state)
{
	struct fixture f;
	struct anon_vault_verdict v;
	uint8_t ticket[VAULT_RANDOM_LEN];
	int owner;
	int other;

	(void)state;
	plain_slice();
	begin(&f);
	owner = harness_peer(f.h, KIND_USER, OWNER);
	other = harness_peer(f.h, KIND_USER, BROWSER);
	v = verify_secret(&f, CRED_TOKEN, token_of(&f));
	assert_int_equal(v.why, AUTH_OK);
	assert_true(v.principal == OWNER);
	memcpy(ticket, v.ticket.ptr, sizeof(ticket));
	{
		struct user_vault_principal p = redeem(owner, span_of(ticket, sizeof(ticket)));

		assert_true(p.ok && p.principal == OWNER);
		assert_int_equal(p.scopes, SCOPE_ALL);
		assert_true(span_eq(p.role, SPAN("operator")));
	}
	assert_false(redeem(owner, span_of(ticket, sizeof(ticket))).ok);
	/* presented by somebody else it is used up */
	v = verify_secret(&f, CRED_TOKEN, token_of(&f));
	memcpy(ticket, v.ticket.ptr, sizeof(ticket));
	assert_false(redeem(other, span_of(ticket, sizeof(ticket))).ok);
	assert_false(redeem(owner, span_of(ticket, sizeof(ticket))).ok);
	close(owner);
	close(other);
	finish(&f);
}

static void
wrong_empty_and_almost_right_values_are_refused(void **state)
{
	struct fixture f;
	char near[128];

	(void)state;
	plain_slice();
	begin(&f);
	memcpy(near, f.token, f.token_len);
	near[f.token_len - 1] = (char)(near[f.token_len - 1] ^ 1);
	assert_int_equal(
		verify_secret(&f, CRED_TOKEN, span_of(near, f.token_len)).why, AUTH_MISMATCH);
	assert_int_equal(verify_secret(&f, CRED_TOKEN, span_of(f.token, f.token_len - 1)).why,
		AUTH_MISMATCH);
	assert_int_equal(verify_secret(&f, CRED_TOKEN, SPAN_EMPTY).why, AUTH_MISSING);
	assert_int_equal(verify_secret(&f, CRED_COOKIE, token_of(&f)).why, AUTH_MISMATCH);
	assert_int_equal(verify_secret(&f, CRED_PASSWORD, token_of(&f)).why, AUTH_DEVICE_REQUIRED);
	assert_int_equal(verify_secret(&f, 7, token_of(&f)).why, AUTH_DEVICE_REQUIRED);
	assert_int_equal(verify(&f, &(struct anon_vault_verify){.credential = CRED_TOKEN,
					    .secret = token_of(&f),
					    .role = SPAN("root")})
				 .why,
		AUTH_ROLE_INVALID);
	assert_int_equal(verify(&f, &(struct anon_vault_verify){.credential = CRED_TOKEN,
					    .secret = token_of(&f),
					    .role = SPAN("node")})
				 .why,
		AUTH_DEVICE_REQUIRED);
	finish(&f);
}

static void
the_token_survives_a_restart_and_a_wrong_key_starts_nothing(void **state)
{
	struct fixture f;
	char first[128];
	static const uint8_t wrong[32] = {6};

	(void)state;
	plain_slice();
	begin(&f);
	memcpy(first, f.token, f.token_len);
	end(&f);
	launch(&f, false);
	show_token(&f);
	assert_memory_equal(first, f.token, f.token_len);
	end(&f);
	close(f.key);
	f.key = memfd_with(span_of(wrong, sizeof(wrong)));
	launch(&f, true);
	(void)harness_expect(f.h, CHILD_FAILED);
	assert_int_equal(harness_free(f.h), 1);
}

static void
a_token_of_the_environment_takes_the_place_of_the_made_one(void **state)
{
	struct fixture f;
	struct args_out out;

	(void)state;
	slice_begin(&out);
	args_out_cstr(&out, "secret.gateway-token.source", "env:PROVIDER_KEY");
	assert_int_equal(args_out_done(&out), 0);
	memset(&f, 0, sizeof(f));
	f.box = memfd_create("box", MFD_CLOEXEC);
	f.key = memfd_with(SPAN("0123456789abcdef0123456789abcdef"));
	f.env = memfd_with(SPAN("PROVIDER_KEY=a-token-of-the-environment\0"));
	launch(&f, false);
	assert_int_equal(
		verify_secret(&f, CRED_TOKEN, SPAN("a-token-of-the-environment")).why, AUTH_OK);
	end(&f);
	/* the variable is gone: no fall-back to another secret */
	close(f.env);
	f.env = memfd_with(SPAN("PROVIDER_KEYS=x\0"));
	launch(&f, true);
	(void)harness_expect(f.h, CHILD_FAILED);
	assert_int_equal(harness_free(f.h), 1);
}

static void
a_password_is_never_taken_without_a_device_but_as_a_bearer(void **state)
{
	struct fixture f = {0};
	struct args_out out;

	(void)state;
	buf_reset(&slice);
	args_out_init(&out, &slice, false);
	args_out_cstr(&out, "auth.mode", "password");
	args_out_cstr(&out, "secret.gateway-password.source", "env:PW");
	assert_int_equal(args_out_done(&out), 0);
	f.box = memfd_create("box", MFD_CLOEXEC);
	f.key = memfd_with(SPAN("0123456789abcdef0123456789abcdef"));
	f.env = memfd_with(SPAN("PW=correct horse battery staple\0"));
	launch(&f, false);
	assert_int_equal(
		verify_secret(&f, CRED_TOKEN, SPAN("correct horse battery staple")).why, AUTH_OK);
	assert_int_equal(verify_secret(&f, CRED_PASSWORD, SPAN("correct horse battery staple")).why,
		AUTH_DEVICE_REQUIRED);
	finish(&f);
	/* none configured: no start */
	buf_reset(&slice);
	args_out_init(&out, &slice, false);
	args_out_cstr(&out, "auth.mode", "password");
	assert_int_equal(args_out_done(&out), 0);
	f = (struct fixture){.box = memfd_create("box", MFD_CLOEXEC),
		.key = memfd_with(SPAN("0123456789abcdef0123456789abcdef")),
		.env = memfd_with(SPAN("A=b\0"))};
	launch(&f, true);
	(void)harness_expect(f.h, CHILD_FAILED);
	assert_int_equal(harness_free(f.h), 1);
}

/* ---- brute force ---- */

static void
a_thousand_wrong_tokens_are_looked_at_no_more_than_the_budget_says(void **state)
{
	static const uint8_t kinds[] = {CRED_TOKEN, CRED_PASSWORD, CRED_COOKIE};
	const struct user_vault_claim_code *code;
	struct fixture f;
	unsigned evaluated = 0;
	unsigned from_one = 0;

	(void)state;
	plain_slice();
	begin(&f);
	for (unsigned i = 0; i < 1000; i++) {
		struct anon_vault_verify m = {.req = i,
			.source_lo = 0x7f000001u,
			.credential = kinds[i % 3],
			.secret = SPAN("wrong")};
		struct anon_vault_verdict v;

		if (i % 2 == 1)
			m.source_lo = 0xffff7f000001u; /* the same host, mapped */
		if (i % 4 >= 2)
			m.device_id = SPAN("a made-up device"), m.public_key = SPAN("none");
		if (i % 10 == 0)
			m.source_hi = 0x2001000000000000u + i, m.source_lo = i;
		v = verify(&f, &m);
		assert_false(v.ok);
		if (v.why != AUTH_RATE_LIMITED) {
			evaluated++;
			from_one += m.source_hi == 0;
		} else {
			assert_true(v.retry_ms > 0);
		}
	}
	assert_int_equal(from_one, AUTH_TRIES_BURST);
	assert_int_equal(evaluated, AUTH_TRIES_BURST + 100);
	/* locked out even with the right token */
	assert_int_equal(verify(&f, &(struct anon_vault_verify){.source_lo = 0x7f000001u,
					    .credential = CRED_TOKEN,
					    .secret = token_of(&f)})
				 .why,
		AUTH_RATE_LIMITED);
	/* the owner's socket is not behind any of this */
	harness_send(f.control, &user_vault_proto, IPC_SIDE_A, USER_VAULT_CLAIM_NEW,
		&(struct user_vault_claim_new){.req = 9});
	code = harness_recv(f.control, &user_vault_proto, IPC_SIDE_A, USER_VAULT_CLAIM_CODE, &in);
	assert_true(code->ok);
	show_token(&f);
	finish(&f);
}

/* ---- one-time links ---- */

static struct anon_vault_claimed
claim(struct fixture *f, struct span code)
{
	const struct anon_vault_claimed *c;

	harness_send(f->anon, &anon_vault_proto, IPC_SIDE_A, ANON_VAULT_CLAIM,
		&(struct anon_vault_claim){.req = 1, .source_lo = 1, .code = code});
	c = harness_recv(f->anon, &anon_vault_proto, IPC_SIDE_A, ANON_VAULT_CLAIMED, &in);
	return *c;
}

static void
a_link_is_good_once_and_its_cookie_signs_the_browser_in(void **state)
{
	struct fixture f;
	const struct user_vault_claim_code *code;
	struct anon_vault_claimed c;
	uint8_t text[128];
	uint8_t cookie[128];
	struct span value;
	int owner;

	(void)state;
	plain_slice();
	begin(&f);
	harness_send(f.control, &user_vault_proto, IPC_SIDE_A, USER_VAULT_CLAIM_NEW,
		&(struct user_vault_claim_new){.req = 9});
	code = harness_recv(f.control, &user_vault_proto, IPC_SIDE_A, USER_VAULT_CLAIM_CODE, &in);
	assert_true(code->ok);
	assert_int_equal(code->code.len, VAULT_CODE_LEN);
	assert_int_equal(code->ttl_ms, CLAIM_TTL_MS);
	memcpy(text, code->code.ptr, code->code.len);
	c = claim(&f, span_of(text, VAULT_CODE_LEN));
	assert_true(c.ok);
	memcpy(cookie, c.cookie.ptr, c.cookie.len);
	value = span_of(cookie, c.cookie.len);
	assert_int_equal(claim(&f, span_of(text, VAULT_CODE_LEN)).why, AUTH_MISMATCH);
	assert_true(verify_secret(&f, CRED_COOKIE, value).principal == BROWSER);
	assert_int_equal(verify_secret(&f, CRED_TOKEN, value).why, AUTH_MISMATCH);
	/* the session outlives vault; the value is not in the box */
	end(&f);
	launch(&f, false);
	assert_true(verify_secret(&f, CRED_COOKIE, value).ok);
	cookie[0] ^= 1;
	assert_int_equal(verify_secret(&f, CRED_COOKIE, value).why, AUTH_MISMATCH);
	/* nobody else can make a link, or see the token */
	owner = harness_peer(f.h, KIND_USER, OWNER);
	harness_send(owner, &user_vault_proto, IPC_SIDE_A, USER_VAULT_CLAIM_NEW,
		&(struct user_vault_claim_new){.req = 9});
	code = harness_recv(owner, &user_vault_proto, IPC_SIDE_A, USER_VAULT_CLAIM_CODE, &in);
	assert_false(code->ok);
	assert_int_equal(code->code.len, 0);
	harness_send(owner, &user_vault_proto, IPC_SIDE_A, USER_VAULT_SECRET_SHOW,
		&(struct user_vault_secret_show){.req = 1, .name = SPAN("gateway-token")});
	{
		const struct user_vault_secret_shown *shown = harness_recv(
			owner, &user_vault_proto, IPC_SIDE_A, USER_VAULT_SECRET_SHOWN, &in);

		assert_false(shown->ok);
		assert_int_equal(shown->value.len, 0);
	}
	close(owner);
	finish(&f);
}

/* ---- devices ---- */

struct device {
	uint8_t pub[CRYPTO_PUBLIC_LEN];
	uint8_t priv[CRYPTO_PRIVATE_LEN];
	char id[CRYPTO_DEVICE_ID_LEN + 1];
	struct buf key_text;
	struct buf signature;
	struct buf payload;
};

static void
device_make(struct device *d, uint8_t seed_byte)
{
	uint8_t seed[CRYPTO_SEED_LEN] = {seed_byte};

	memset(d, 0, sizeof(*d));
	d->key_text.max = d->signature.max = 256;
	d->payload.max = DEVICE_PAYLOAD_MAX;
	crypto_keypair(seed, d->pub, d->priv);
	crypto_device_id(d->pub, d->id);
	assert_int_equal(crypto_base64url_put(&d->key_text, span_of(d->pub, sizeof(d->pub))), 0);
}

static void
device_free(struct device *d)
{
	buf_clear(&d->key_text);
	buf_clear(&d->signature);
	buf_clear(&d->payload);
}

static struct anon_vault_verify
device_sign(struct device *d, struct span secret, const char *scope)
{
	struct span scopes[1] = {span_from_cstr(scope)};
	uint8_t sig[CRYPTO_SIGNATURE_LEN];
	struct anon_vault_verify m = {.req = 1,
		.source_lo = 2,
		.credential = CRED_TOKEN,
		.secret = secret,
		.role = SPAN("operator"),
		.scopes = scopes[0],
		.device_id = span_from_cstr(d->id),
		.public_key = buf_span(&d->key_text),
		.signed_at = ev_wall_ms(),
		.nonce = SPAN("nonce-of-this-socket"),
		.nonce_sent = true,
		.client_id = SPAN("cli"),
		.client_mode = SPAN("cli"),
		.display = SPAN("laptop"),
		.platform = SPAN("linux")};
	struct crypto_device_claim c = {.id = m.device_id,
		.client_id = m.client_id,
		.client_mode = m.client_mode,
		.role = m.role,
		.scopes = scopes,
		.nscopes = scopes[0].len > 0,
		.signed_at_ms = m.signed_at,
		.token = secret,
		.nonce = m.nonce};

	buf_reset(&d->payload);
	buf_reset(&d->signature);
	assert_int_equal(crypto_device_payload_put(&d->payload, &c), 0);
	crypto_ed25519_sign(d->priv, buf_span(&d->payload), sig);
	assert_int_equal(crypto_base64url_put(&d->signature, span_of(sig, sizeof(sig))), 0);
	m.signature = buf_span(&d->signature);
	return m;
}

static struct user_vault_device_did
device_do(int user, uint8_t what, struct span id, uint32_t scopes)
{
	const struct user_vault_device_did *did;

	harness_send(user, &user_vault_proto, IPC_SIDE_A, USER_VAULT_DEVICE_DO,
		&(struct user_vault_device_do){.req = 5,
			.what = what,
			.id = id,
			.role = SPAN("operator"),
			.scopes = scopes});
	did = harness_wait(user, &user_vault_proto, IPC_SIDE_A, USER_VAULT_DEVICE_DID, &in);
	return *did;
}

static void
a_devices_identity_is_checked_in_the_order_of_the_protocol(void **state)
{
	struct fixture f;
	struct device d;
	struct device other;
	struct anon_vault_verify m;
	uint64_t source = 100;

	(void)state;
	plain_slice();
	begin(&f);
	device_make(&d, 1);
	device_make(&other, 2);
#define EXPECT(mutation, want)                                                                     \
	do {                                                                                       \
		m = device_sign(&d, SPAN("wrong token"), "operator.read");                         \
		m.source_lo = source++;                                                            \
		mutation;                                                                          \
		assert_int_equal(verify(&f, &m).why, (want));                                      \
	} while (0)
	EXPECT(m.public_key = SPAN("not a key"), AUTH_KEY_INVALID);
	EXPECT(m.public_key = buf_span(&other.key_text), AUTH_DEVICE_MISMATCH);
	EXPECT(m.device_id = SPAN_EMPTY, AUTH_DEVICE_MISMATCH);
	EXPECT(m.signed_at -= AUTH_SKEW_MS + 1000; m.nonce = SPAN_EMPTY, AUTH_SIGNATURE_EXPIRED);
	EXPECT(m.signed_at += AUTH_SKEW_MS + 1000, AUTH_SIGNATURE_EXPIRED);
	EXPECT(m.nonce = SPAN_EMPTY; m.signature = SPAN("x"), AUTH_NONCE_REQUIRED);
	EXPECT(m.nonce_sent = false, AUTH_NONCE_REQUIRED);
	EXPECT(m.nonce = SPAN("nonce-of-another-one"), AUTH_SIGNATURE_INVALID);
	EXPECT(m.scopes = SPAN("operator.admin"), AUTH_SIGNATURE_INVALID);
	EXPECT(m.signed_at += 1, AUTH_SIGNATURE_INVALID);
	EXPECT(m.secret = token_of(&f), AUTH_SIGNATURE_INVALID);
	EXPECT((void)0, AUTH_MISMATCH);
#undef EXPECT
	device_free(&d);
	device_free(&other);
	finish(&f);
}

static void
a_device_waits_for_approval_and_then_has_what_is_stored(void **state)
{
	struct fixture f;
	struct device d;
	struct anon_vault_verify m;
	struct anon_vault_verdict v;
	struct user_vault_device_did did;
	struct user_vault_principal p;
	const struct user_vault_device *row;
	const struct user_vault_pairing *told;
	char request[64];
	size_t request_len;
	uint8_t ticket[VAULT_RANDOM_LEN];
	char token[VAULT_TOKEN_LEN];
	uint64_t principal;
	int user;

	(void)state;
	plain_slice();
	begin(&f);
	device_make(&d, 1);
	m = device_sign(&d, token_of(&f), "operator.read");
	v = verify(&f, &m);
	assert_int_equal(v.why, AUTH_PAIRING_REQUIRED);
	request_len = v.request_id.len;
	assert_int_equal(request_len, CRYPTO_UUID_LEN);
	memcpy(request, v.request_id.ptr, request_len);
	/* whoever may decide hears of it, once */
	told = harness_recv(f.control, &user_vault_proto, IPC_SIDE_A, USER_VAULT_PAIRING, &in);
	assert_true(!told->resolved && told->scopes == SCOPE_READ);
	assert_true(span_eq(told->request_id, span_of(request, request_len)));
	/* asking again, even for more, is the same request */
	m = device_sign(&d, token_of(&f), "operator.admin");
	v = verify(&f, &m);
	assert_true(span_eq(v.request_id, span_of(request, request_len)));
	/* one waits */
	harness_send(f.control, &user_vault_proto, IPC_SIDE_A, USER_VAULT_DEVICES,
		&(struct user_vault_devices){.req = 4});
	row = harness_recv(f.control, &user_vault_proto, IPC_SIDE_A, USER_VAULT_DEVICE, &in);
	assert_true(row->pending && row->last && row->scopes == SCOPE_READ);
	/* somebody with less may not approve more; nor may one without the right at all */
	user = harness_peer(f.h, KIND_USER,
		PRINCIPAL((uint64_t)PRINCIPAL_DEVICE, (uint64_t)SCOPE_PAIRING, 77u));
	assert_int_equal(
		device_do(user, DEVICE_APPROVE, span_of(request, request_len), 0).rc, ERR_DENIED);
	close(user);
	user = harness_peer(f.h, KIND_USER,
		PRINCIPAL((uint64_t)PRINCIPAL_DEVICE, (uint64_t)SCOPE_READ | SCOPE_WRITE, 78u));
	assert_int_equal(
		device_do(user, DEVICE_APPROVE, span_of(request, request_len), 0).rc, ERR_DENIED);
	close(user);
	did = device_do(f.control, DEVICE_APPROVE, span_of(request, request_len), 0);
	assert_int_equal(did.rc, 0);
	assert_true(span_eq(did.device_id, span_from_cstr(d.id)));
	told = harness_recv(f.control, &user_vault_proto, IPC_SIDE_A, USER_VAULT_PAIRING, &in);
	assert_true(told->resolved && told->approved);
	assert_int_equal(device_do(f.control, DEVICE_APPROVE, span_of(request, request_len), 0).rc,
		ERR_NOTFOUND);
	/* now it is let in, with the stored scopes */
	m = device_sign(&d, token_of(&f), "operator.read");
	v = verify(&f, &m);
	assert_int_equal(v.why, AUTH_OK);
	principal = v.principal;
	assert_int_equal(PRINCIPAL_KIND(principal), PRINCIPAL_DEVICE);
	assert_int_equal(PRINCIPAL_SCOPES(principal), SCOPE_READ);
	memcpy(ticket, v.ticket.ptr, sizeof(ticket));
	user = harness_peer(f.h, KIND_USER, principal);
	p = redeem(user, span_of(ticket, sizeof(ticket)));
	assert_true(p.ok && p.scopes == SCOPE_READ && p.device_token.len == VAULT_TOKEN_LEN);
	memcpy(token, p.device_token.ptr, sizeof(token));
	/* its own token works from another place, asks for no more, and is nobody else's */
	m = device_sign(&d, span_of(token, sizeof(token)), "operator.read");
	assert_int_equal(verify(&f, &m).why, AUTH_OK);
	m = device_sign(&d, span_of(token, sizeof(token)), "operator.admin");
	assert_int_equal(verify(&f, &m).why, AUTH_MISMATCH);
	assert_int_equal(
		verify_secret(&f, CRED_TOKEN, span_of(token, sizeof(token))).why, AUTH_MISMATCH);
	/* after a restart as well */
	close(user);
	end(&f);
	launch(&f, false);
	m = device_sign(&d, span_of(token, sizeof(token)), "operator.read");
	assert_int_equal(verify(&f, &m).why, AUTH_OK);
	/* revoked: its connections are told, the token is good for nothing, and tickets under way are gone */
	user = harness_peer(f.h, KIND_USER, principal);
	v = verify(&f, &m);
	memcpy(ticket, v.ticket.ptr, sizeof(ticket));
	assert_int_equal(device_do(f.control, TOKEN_REVOKE, span_from_cstr(d.id), 0).rc, 0);
	{
		const struct user_vault_revoked *gone =
			harness_recv(user, &user_vault_proto, IPC_SIDE_A, USER_VAULT_REVOKED, &in);

		assert_true(gone->epoch > p.epoch);
	}
	assert_false(redeem(user, span_of(ticket, sizeof(ticket))).ok);
	m = device_sign(&d, span_of(token, sizeof(token)), "operator.read");
	assert_int_equal(verify(&f, &m).why, AUTH_MISMATCH);
	/* rotated: a new one, never wider than what is stored */
	assert_int_equal(device_do(f.control, TOKEN_ROTATE, span_from_cstr(d.id), SCOPE_ADMIN).rc,
		ERR_DENIED);
	did = device_do(f.control, TOKEN_ROTATE, span_from_cstr(d.id), SCOPE_READ);
	assert_int_equal(did.rc, 0);
	assert_int_equal(did.token.len, VAULT_TOKEN_LEN);
	memcpy(token, did.token.ptr, sizeof(token));
	m = device_sign(&d, span_of(token, sizeof(token)), "operator.read");
	assert_int_equal(verify(&f, &m).why, AUTH_OK);
	/* removed: a stranger again */
	assert_int_equal(device_do(f.control, DEVICE_REMOVE, span_from_cstr(d.id), 0).rc, 0);
	assert_int_equal(verify(&f, &m).why, AUTH_MISMATCH);
	close(user);
	device_free(&d);
	finish(&f);
}

static void
no_more_devices_wait_than_the_limit_says(void **state)
{
	struct fixture f;

	(void)state;
	plain_slice();
	begin(&f);
	for (unsigned i = 0; i < PAIRING_PENDING_MAX + 1; i++) {
		struct device d;
		struct anon_vault_verify m;

		device_make(&d, (uint8_t)(i + 1));
		m = device_sign(&d, token_of(&f), "operator.read");
		assert_int_equal(verify(&f, &m).why,
			i < PAIRING_PENDING_MAX ? AUTH_PAIRING_REQUIRED : AUTH_UNAVAILABLE);
		device_free(&d);
	}
	finish(&f);
}

/* PAIRING_TTL_MS: until then it is the same request, then another. */
static void
a_device_waits_so_long(void **state)
{
	struct anon_vault_verify m;
	struct fixture f;
	struct device d;
	char first[CRYPTO_UUID_LEN];

	(void)state;
	plain_slice();
	begin(&f);
	device_make(&d, 1);
	harness_freeze(f.h);
	m = device_sign(&d, token_of(&f), "operator.read");
	memcpy(first, verify(&f, &m).request_id.ptr, sizeof(first));
	harness_pass(f.h, PAIRING_TTL_MS - 1);
	m = device_sign(&d, token_of(&f), "operator.read");
	assert_memory_equal(first, verify(&f, &m).request_id.ptr, sizeof(first));
	harness_pass(f.h, 1);
	assert_int_equal(device_do(f.control, DEVICE_APPROVE, span_of(first, sizeof(first)), 0).rc,
		ERR_NOTFOUND);
	m = device_sign(&d, token_of(&f), "operator.read");
	assert_memory_not_equal(first, verify(&f, &m).request_id.ptr, sizeof(first));
	device_free(&d);
	finish(&f);
}

/* ---- releases ---- */

static struct egress_vault_credential
release(int egress, uint32_t row)
{
	const struct egress_vault_credential *c;

	harness_send(egress, &egress_vault_proto, IPC_SIDE_A, EGRESS_VAULT_RELEASE,
		&(struct egress_vault_release){.req = 1, .row = row});
	c = harness_recv(egress, &egress_vault_proto, IPC_SIDE_A, EGRESS_VAULT_CREDENTIAL, &in);
	return *c;
}

static void
a_credential_goes_to_the_egress_it_is_bound_to_and_to_no_other(void **state)
{
	struct fixture f;
	struct args_out out;
	struct egress_vault_credential c;
	int egress;
	int other;

	(void)state;
	slice_begin(&out);
	slice_provider(&out, "env:PROVIDER_KEY", NULL, "https", "api.example.com");
	assert_int_equal(args_out_done(&out), 0);
	begin(&f);
	egress = harness_peer(f.h, KIND_EGRESS, PROVIDER_ROW);
	other = harness_peer(f.h, KIND_EGRESS, PROVIDER_ROW + 1);
	c = release(egress, PROVIDER_ROW);
	assert_true(c.ok && !c.none);
	assert_true(span_eq(c.value, SPAN("sk-from-env")));
	assert_true(span_eq(c.host, SPAN("api.example.com")) && span_eq(c.scheme, SPAN("https")) &&
		    c.port == 443);
	assert_true(span_eq(c.header, SPAN("Authorization")) && span_eq(c.prefix, SPAN("Bearer ")));
	c = release(other, PROVIDER_ROW);
	assert_false(c.ok);
	assert_int_equal(c.value.len, 0);
	c = release(egress, PROVIDER_ROW + 1);
	assert_false(c.ok);
	/* nothing is bound to its row: it goes without */
	c = release(other, PROVIDER_ROW + 1);
	assert_true(c.ok && c.none && c.value.len == 0);
	close(egress);
	close(other);
	finish(&f);
}

static void
clear_text_carries_a_credential_on_this_machine_only(void **state)
{
	static const struct {
		const char *host;
		bool ok;
	} rows[] = {{"127.0.0.1", true}, {"::1", true}, {"api.example.com", false},
		{"127.0.0.1.example.com", false}, {"192.168.1.4", false}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fixture f;
		struct args_out out;
		int egress;

		slice_begin(&out);
		slice_provider(&out, "env:PROVIDER_KEY", NULL, "http", rows[i].host);
		assert_int_equal(args_out_done(&out), 0);
		begin(&f);
		egress = harness_peer(f.h, KIND_EGRESS, PROVIDER_ROW);
		assert_int_equal(release(egress, PROVIDER_ROW).ok, rows[i].ok);
		close(egress);
		finish(&f);
	}
}

static void
a_literal_is_sealed_once_and_bound_where_it_was_first_given(void **state)
{
	static const struct {
		const char *literal;
		const char *host;
		bool starts;
	} rows[] = {
		{NULL, "api.example.com", false},         /* nothing sealed yet */
		{"sk-literal", "api.example.com", true},  /* sealed */
		{NULL, "api.example.com", true},          /* used from the box */
		{"sk-literal", "api.example.com", true},  /* equal: a warning */
		{"sk-another", "api.example.com", false}, /* another value */
		{NULL, "evil.example.com", false},        /* bound elsewhere without the value */
		{"sk-literal", "new.example.com", true},  /* bound anew with the value */
		{NULL, "api.example.com", false},
		{NULL, "new.example.com", true},
	};
	struct fixture f = {.box = memfd_create("box", MFD_CLOEXEC),
		.key = memfd_with(SPAN("0123456789abcdef0123456789abcdef")),
		.env = memfd_with(SPAN("A=b\0"))};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct args_out out;
		int egress;

		slice_begin(&out);
		slice_provider(&out, "literal", rows[i].literal, "https", rows[i].host);
		assert_int_equal(args_out_done(&out), 0);
		launch(&f, !rows[i].starts);
		if (!rows[i].starts) {
			(void)harness_expect(f.h, CHILD_FAILED);
			assert_int_equal(harness_free(f.h), 1);
			continue;
		}
		egress = harness_peer(f.h, KIND_EGRESS, PROVIDER_ROW);
		assert_true(span_eq(release(egress, PROVIDER_ROW).value, SPAN("sk-literal")));
		close(egress);
		end(&f);
	}
}

/* ---- audit ---- */

static void
the_seed_of_an_epoch_is_sealed_and_never_goes_back(void **state)
{
	static const uint8_t seed[32] = {4, 4};
	const struct audit_vault_sealed *sealed;
	const struct audit_vault_seed *got;
	struct fixture f;
	int edge = 0;
	int pair[2];

	(void)state;
	plain_slice();
	begin(&f);
	for (unsigned i = 0; i < peer_rows_n; i++) {
		if (peer_abouts[i].proto == &audit_vault_proto)
			edge = (int)i + 1;
	}
	assert_int_equal(ipc_pair(pair), 0);
	assert_int_equal(ipc_sync_send(f.h->control, &child_proto, IPC_SIDE_A, CHILD_PEER,
				 &(struct child_peer){.kind = KIND_AUDIT,
					 .incarnation = 90,
					 .edge = (uint8_t)edge,
					 .fd = pair[1]}),
		0);
	close(pair[1]);
	harness_send(pair[0], &audit_vault_proto, IPC_SIDE_A, AUDIT_VAULT_UNSEAL,
		&(struct audit_vault_unseal){});
	got = harness_recv(pair[0], &audit_vault_proto, IPC_SIDE_A, AUDIT_VAULT_SEED, &in);
	assert_false(got->found);
	harness_send(pair[0], &audit_vault_proto, IPC_SIDE_A, AUDIT_VAULT_SEAL,
		&(struct audit_vault_seal){.epoch = 7, .seed = span_of(seed, sizeof(seed))});
	sealed = harness_recv(pair[0], &audit_vault_proto, IPC_SIDE_A, AUDIT_VAULT_SEALED, &in);
	assert_true(sealed->ok);
	harness_send(pair[0], &audit_vault_proto, IPC_SIDE_A, AUDIT_VAULT_SEAL,
		&(struct audit_vault_seal){.epoch = 6, .seed = span_of(seed, sizeof(seed))});
	sealed = harness_recv(pair[0], &audit_vault_proto, IPC_SIDE_A, AUDIT_VAULT_SEALED, &in);
	assert_false(sealed->ok);
	harness_send(pair[0], &audit_vault_proto, IPC_SIDE_A, AUDIT_VAULT_UNSEAL,
		&(struct audit_vault_unseal){});
	got = harness_recv(pair[0], &audit_vault_proto, IPC_SIDE_A, AUDIT_VAULT_SEED, &in);
	assert_true(
		got->found && got->epoch == 7 && span_eq(got->seed, span_of(seed, sizeof(seed))));
	close(pair[0]);
	finish(&f);
}

static void
sign_ins_and_looks_are_written_down_also_when_audit_comes_late(void **state)
{
	const struct audit_writer_line *line;
	struct fixture f;
	int audit;

	(void)state;
	plain_slice();
	begin(&f); /* shows the token */
	(void)verify_secret(&f, CRED_TOKEN, SPAN("wrong"));
	(void)verify_secret(&f, CRED_TOKEN, token_of(&f));
	audit = harness_peer(f.h, KIND_AUDIT, 0);
	line = harness_recv(audit, &audit_writer_proto, IPC_SIDE_B, AUDIT_WRITER_LINE, &in);
	assert_int_equal(line->event, AUDIT_SHOWN);
	line = harness_recv(audit, &audit_writer_proto, IPC_SIDE_B, AUDIT_WRITER_LINE, &in);
	assert_int_equal(line->event, AUDIT_AUTH_DENIED);
	assert_int_equal(line->reason, REASON_CREDENTIAL);
	line = harness_recv(audit, &audit_writer_proto, IPC_SIDE_B, AUDIT_WRITER_LINE, &in);
	assert_int_equal(line->event, AUDIT_AUTH_OK);
	assert_true(line->principal == OWNER);
	close(audit);
	finish(&f);
}

static void
tickets_not_redeemed_are_limited(void **state)
{
	struct fixture f;

	(void)state;
	plain_slice();
	begin(&f);
	for (unsigned i = 0; i < VAULT_TICKETS_MAX; i++)
		assert_int_equal(verify_secret(&f, CRED_TOKEN, token_of(&f)).why, AUTH_OK);
	assert_int_equal(verify_secret(&f, CRED_TOKEN, token_of(&f)).why, AUTH_UNAVAILABLE);
	finish(&f);
}

static void
nothing_is_done_that_cannot_be_written_down(void **state)
{
	struct fixture f;
	struct args_out out;
	int egress;
	int audit;

	(void)state;
	slice_begin(&out);
	slice_provider(&out, "env:PROVIDER_KEY", NULL, "https", "api.example.com");
	assert_int_equal(args_out_done(&out), 0);
	begin(&f); /* one line waits */
	egress = harness_peer(f.h, KIND_EGRESS, PROVIDER_ROW);
	for (unsigned i = 1; i < WITNESS_WAITING_MAX; i++) {
		if (i == WITNESS_WAITING_MAX / 2)
			usleep(1100000); /* no more than the table's releases a second */
		assert_true(release(egress, PROVIDER_ROW).ok);
	}
	assert_false(release(egress, PROVIDER_ROW).ok);
	assert_int_equal(verify_secret(&f, CRED_TOKEN, token_of(&f)).why, AUTH_UNAVAILABLE);
	audit = harness_peer(f.h, KIND_AUDIT, 0);
	for (unsigned i = 0; i < WITNESS_WAITING_MAX; i++)
		(void)harness_recv(audit, &audit_writer_proto, IPC_SIDE_B, AUDIT_WRITER_LINE, &in);
	/* taken is not yet written down */
	assert_int_equal(verify_secret(&f, CRED_TOKEN, token_of(&f)).why, AUTH_UNAVAILABLE);
	harness_send(audit, &audit_writer_proto, IPC_SIDE_B, AUDIT_WRITER_KEPT,
		&(struct audit_writer_kept){.count = WITNESS_WAITING_MAX});
	/* the two sockets are read in no order */
	for (unsigned i = 0; i < 100 && verify_secret(&f, CRED_TOKEN, token_of(&f)).why != AUTH_OK;
		i++)
		usleep(10000);
	assert_int_equal(verify_secret(&f, CRED_TOKEN, token_of(&f)).why, AUTH_OK);
	close(audit);
	close(egress);
	finish(&f);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_token_signs_in_and_its_ticket_is_good_once_for_its_principal),
		cmocka_unit_test(wrong_empty_and_almost_right_values_are_refused),
		cmocka_unit_test(the_token_survives_a_restart_and_a_wrong_key_starts_nothing),
		cmocka_unit_test(a_token_of_the_environment_takes_the_place_of_the_made_one),
		cmocka_unit_test(a_password_is_never_taken_without_a_device_but_as_a_bearer),
		cmocka_unit_test(
			a_thousand_wrong_tokens_are_looked_at_no_more_than_the_budget_says),
		cmocka_unit_test(a_link_is_good_once_and_its_cookie_signs_the_browser_in),
		cmocka_unit_test(a_devices_identity_is_checked_in_the_order_of_the_protocol),
		cmocka_unit_test(a_device_waits_for_approval_and_then_has_what_is_stored),
		cmocka_unit_test(no_more_devices_wait_than_the_limit_says),
		cmocka_unit_test(a_device_waits_so_long),
		cmocka_unit_test(a_credential_goes_to_the_egress_it_is_bound_to_and_to_no_other),
		cmocka_unit_test(clear_text_carries_a_credential_on_this_machine_only),
		cmocka_unit_test(a_literal_is_sealed_once_and_bound_where_it_was_first_given),
		cmocka_unit_test(the_seed_of_an_epoch_is_sealed_and_never_goes_back),
		cmocka_unit_test(sign_ins_and_looks_are_written_down_also_when_audit_comes_late),
		cmocka_unit_test(tickets_not_redeemed_are_limited),
		cmocka_unit_test(nothing_is_done_that_cannot_be_written_down),
	};

	assert_true(argc > 1);
	program = argv[1];
	crypto_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
