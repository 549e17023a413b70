/* The real tls/key: it signs a server's CertificateVerify and refuses everything else, whoever asks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../harness.h"
#include "base/err.h"
#include "proto/tls_key.h"
#include "tls/tls_content.h"
#include "tls_kit.h"

static const char *program;
static struct ipc_received in;
static uint8_t cert[TLS_CERT_MAX];
static size_t cert_len;

/* A tls/key with an empty box, or that one; its certificate has been said. */
static struct harness *
start(int box, int *peer)
{
	static const uint8_t key[32] = {1, 2, 3};
	int key_fd = harness_seal(span_of(key, sizeof(key)));
	int pem = memfd_create("pem", MFD_CLOEXEC);
	struct harness *h = harness_new(program, "key",
		&(struct harness_options){.kind = KIND_TLS_KEY,
			.handles = {{HANDLE_BOX, 0, box}, {HANDLE_BOX_KEY, 0, key_fd},
				{HANDLE_TLS_SHOW, 0, pem}},
			.nhandles = 3});
	const struct tls_key_cert *m;

	*peer = harness_peer(h, KIND_TLS, 0);
	harness_start(h);
	m = harness_recv(*peer, &tls_key_proto, IPC_SIDE_A, TLS_KEY_CERT, &in);
	assert_int_equal(m->n, 0);
	assert_true(m->last);
	memcpy(cert, m->der.ptr, m->der.len);
	cert_len = m->der.len;
	close(key_fd);
	close(pem);
	return h;
}

static void
ask(int peer, uint64_t req, uint32_t scheme, struct span content)
{
	harness_send(peer, &tls_key_proto, IPC_SIDE_A, TLS_KEY_SIGN,
		&(struct tls_key_sign){.req = req, .scheme = scheme, .content = content});
}

static struct span
answer(int peer, uint64_t req)
{
	const struct tls_key_signature *m =
		harness_recv(peer, &tls_key_proto, IPC_SIDE_A, TLS_KEY_SIGNATURE, &in);

	assert_int_equal(m->req, req);
	return m->signature;
}

static void
signs_a_handshake(void **state)
{
	uint8_t content[KIT_CONTENT_MAX];
	static const size_t hashes[] = {32, 48};
	int box = memfd_create("box", MFD_CLOEXEC);
	int peer;
	struct harness *h = start(box, &peer);

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct span c = span_of(content, kit_content(content, hashes[i]));

		ask(peer, 7 + i, TLS_ECDSA_P256, c);
		assert_true(kit_verify(span_of(cert, cert_len), c, answer(peer, 7 + i)));
	}
	/* a scheme that its key has not */
	ask(peer, 9, TLS_PSS_SHA256, span_of(content, kit_content(content, 32)));
	assert_int_equal(answer(peer, 9).len, 0);
	ask(peer, 10, TLS_ECDSA_P384, span_of(content, kit_content(content, 32)));
	assert_int_equal(answer(peer, 10).len, 0);
	close(peer);
	assert_int_equal(harness_free(h), 0);
	close(box);
}

/* Each asker is ended, with nothing signed. */
static void
refuses_what_is_none(void **state)
{
	int box = memfd_create("box", MFD_CLOEXEC);
	struct {
		const char *what;
		size_t len; /* of the content */
		size_t at;  /* a byte that is changed; 200: none */
	} rows[] = {
		{"nothing", 0, 200},
		{"a hash alone", 32, 200},
		{"too short by one", 129, 200},
		{"between the two hashes", 138, 200},
		{"too long by one", 147, 200},
		{"another first space", 130, 0},
		{"another last space", 130, 63},
		{"another text (the client's)", 130, 73},
		{"no zero byte", 130, 97},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t content[KIT_CONTENT_MAX] = {0};
		int peer;
		struct harness *h = start(box, &peer);

		(void)kit_content(content, 48);
		if (rows[i].at < sizeof(content))
			content[rows[i].at] ^= 1;
		ask(peer, 1, TLS_ECDSA_P256, span_of(content, rows[i].len));
		assert_int_equal(
			ipc_sync_recv(peer, &tls_key_proto, IPC_SIDE_A, HARNESS_WAIT_MS, &in),
			ERR_EOF);
		close(peer);
		(void)harness_free(h);
	}
	close(box);
}

/* The key is the same with the same box; with another key for it, or a changed one, tls/key does not start. */
static void
keeps_its_key(void **state)
{
	static const uint8_t other[32] = {9};
	uint8_t first[TLS_CERT_MAX];
	size_t first_len;
	int box = memfd_create("box", MFD_CLOEXEC);
	int pem = memfd_create("pem", MFD_CLOEXEC);
	int peer;
	int key_fd;
	struct harness *h = start(box, &peer);

	(void)state;
	memcpy(first, cert, cert_len);
	first_len = cert_len;
	close(peer);
	assert_int_equal(harness_free(h), 0);
	h = start(box, &peer);
	assert_true(span_eq(span_of(first, first_len), span_of(cert, cert_len)));
	close(peer);
	assert_int_equal(harness_free(h), 0);
	key_fd = harness_seal(span_of(other, sizeof(other)));
	h = harness_new(program, "key",
		&(struct harness_options){.kind = KIND_TLS_KEY,
			.keep_not_ready = true,
			.handles = {{HANDLE_BOX, 0, box}, {HANDLE_BOX_KEY, 0, key_fd},
				{HANDLE_TLS_SHOW, 0, pem}},
			.nhandles = 3});
	(void)harness_expect(h, CHILD_FAILED);
	assert_int_not_equal(harness_free(h), 0);
	close(key_fd);
	close(pem);
	close(box);
}

/* ---- files of the owner's ---- */

static int
file_of(struct span bytes)
{
	int fd = memfd_create("pem", MFD_CLOEXEC);

	assert_int_equal(write(fd, bytes.ptr, bytes.len), bytes.len);
	return fd;
}

/* It starts with them, and the peer's end is returned; or (-1) it does not. */
static struct harness *
start_with(struct span cert_pem, struct span key_pem, int *peer)
{
	int cert_fd = file_of(cert_pem);
	int key_fd = file_of(key_pem);
	int show = memfd_create("show", MFD_CLOEXEC);
	struct harness *h = harness_new(program, "key",
		&(struct harness_options){.kind = KIND_TLS_KEY,
			.keep_not_ready = peer == NULL,
			.handles = {{HANDLE_TLS_CERT, 0, cert_fd}, {HANDLE_TLS_KEY, 0, key_fd},
				{HANDLE_TLS_SHOW, 0, show}},
			.nhandles = 3});

	if (peer != NULL) {
		*peer = harness_peer(h, KIND_TLS, 0);
		harness_start(h);
	}
	close(cert_fd);
	close(key_fd);
	close(show);
	return h;
}

static void
refuses(struct span cert_pem, struct span key_pem)
{
	struct harness *h = start_with(cert_pem, key_pem, NULL);

	(void)harness_expect(h, CHILD_FAILED);
	assert_int_not_equal(harness_free(h), 0);
}

/* Takes them; n certificates are said, the last one len bytes long (0: not looked at). */
static void
takes(struct span cert_pem, struct span key_pem, size_t n, size_t len)
{
	int peer;
	struct harness *h = start_with(cert_pem, key_pem, &peer);

	for (size_t i = 0; i < n; i++) {
		const struct tls_key_cert *m =
			harness_recv(peer, &tls_key_proto, IPC_SIDE_A, TLS_KEY_CERT, &in);

		assert_int_equal(m->n, i);
		assert_int_equal(m->last, i + 1 == n);
		if (len > 0)
			assert_int_equal(m->der.len, len);
	}
	close(peer);
	assert_int_equal(harness_free(h), 0);
}

static void
bounds_certificates(void **state)
{
	static const struct kit_pair rows[] = {
		{.n = TLS_CERTS_MAX},
		{.n = TLS_CERTS_MAX + 1},
		{.n = 1, .der_len = TLS_CERT_MAX},
		{.n = 1, .der_len = TLS_CERT_MAX + 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf cert_pem = {.max = MIB(1u)};
		struct buf key_pem = {.max = MIB(1u)};

		kit_pair_make(&rows[i], &cert_pem, &key_pem);
		if (i % 2 == 0)
			takes(buf_span(&cert_pem), buf_span(&key_pem), rows[i].n, rows[i].der_len);
		else
			refuses(buf_span(&cert_pem), buf_span(&key_pem));
		buf_clear(&cert_pem);
		buf_clear(&key_pem);
	}
}

/* What stands around the PEM is not looked at, but counts. */
static void
bounds_files(void **state)
{
	struct buf pems[2] = {{.max = TLS_FILE_MAX + 1}, {.max = TLS_FILE_MAX + 1}};
	static const struct kit_pair plain = {.n = 1};

	(void)state;
	kit_pair_make(&plain, &pems[0], &pems[1]);
	for (size_t i = 0; i < 2; i++) {
		struct span as_it_was = buf_span(&pems[i]);

		while (pems[i].len < TLS_FILE_MAX)
			assert_int_equal(buf_put_u8(&pems[i], '\n'), 0);
		takes(buf_span(&pems[0]), buf_span(&pems[1]), 1, 0);
		assert_int_equal(buf_put_u8(&pems[i], '\n'), 0);
		refuses(buf_span(&pems[0]), buf_span(&pems[1]));
		pems[i].len = as_it_was.len;
	}
	buf_clear(&pems[0]);
	buf_clear(&pems[1]);
}

/* TLS_SIGNATURE_MAX: the largest key whose signatures fit, and one of a byte more. */
static void
bounds_signatures(void **state)
{
	static const struct kit_pair rows[] = {{.rsa_bits = 8 * TLS_SIGNATURE_MAX, .n = 1},
		{.rsa_bits = 8 * TLS_SIGNATURE_MAX + 8, .n = 1}};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct buf cert_pem = {.max = TLS_FILE_MAX};
		struct buf key_pem = {.max = TLS_FILE_MAX};
		uint8_t content[KIT_CONTENT_MAX];
		struct harness *h;
		int peer;

		kit_pair_make(&rows[i], &cert_pem, &key_pem);
		if (i == 1) {
			refuses(buf_span(&cert_pem), buf_span(&key_pem));
		} else {
			h = start_with(buf_span(&cert_pem), buf_span(&key_pem), &peer);
			(void)harness_recv(peer, &tls_key_proto, IPC_SIDE_A, TLS_KEY_CERT, &in);
			ask(peer, 1, TLS_PSS_SHA256, span_of(content, kit_content(content, 32)));
			assert_int_equal(answer(peer, 1).len, TLS_SIGNATURE_MAX);
			close(peer);
			assert_int_equal(harness_free(h), 0);
		}
		buf_clear(&cert_pem);
		buf_clear(&key_pem);
	}
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signs_a_handshake),
		cmocka_unit_test(refuses_what_is_none),
		cmocka_unit_test(keeps_its_key),
		cmocka_unit_test(bounds_certificates),
		cmocka_unit_test(bounds_files),
		cmocka_unit_test(bounds_signatures),
	};

	if (argc < 2)
		return 64;
	program = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
