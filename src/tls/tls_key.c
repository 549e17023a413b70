/* tls/key: the key is read or made before the jail; then every message is one signature, or a refusal. */
#include "tls_key.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/weak.h"
#include "crypto/crypto.h"
#include "crypto/crypto_encode.h"
#include "proto/child.h"
#include "proto/tls_key.h"
#include "tls_content.h"

#define AD SPAN("moltbot tls box 1")

static struct tls_private *the_key;
static struct tls_chain the_chain;

/* ---- files ---- */

static int
read_all(int fd, struct buf *out)
{
	uint8_t beyond = 0;

	while (fd >= 0) {
		size_t room = out->max - out->len < KIB(4u) ? out->max - out->len : KIB(4u);
		uint8_t *p = room == 0 ? &beyond : buf_room(out, room);
		ssize_t n = pread(fd, p, room == 0 ? 1 : room, (off_t)out->len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? ERR_IO : 0;
		if (room == 0)
			return ERR_TOOBIG;
		buf_added(out, (size_t)n);
	}
	return ERR_MISSING;
}

static int
write_all(int fd, struct span bytes)
{
	return fd >= 0 && ftruncate(fd, 0) == 0 &&
			       pwrite(fd, bytes.ptr, bytes.len, 0) == (ssize_t)bytes.len &&
			       fsync(fd) == 0
		       ? 0
		       : ERR_IO;
}

static void
wipe(struct buf *b)
{
	if (b->ptr != NULL)
		secret_wipe(b->ptr, b->cap);
	buf_clear(b);
}

static int
from_files(int cert, int private, struct buf *pem)
{
	struct buf cert_pem = {.max = TLS_FILE_MAX};
	struct buf key_pem = {.max = TLS_FILE_MAX};
	int rc = read_all(cert, &cert_pem);

	if (rc == 0)
		rc = read_all(private, &key_pem);
	if (rc < 0)
		log_error("TLS: the owner's certificate or key cannot be read, or is too large",
			LOG_E("why", rc));
	else
		the_key =
			tls_private_read(buf_span(&cert_pem), buf_span(&key_pem), &the_chain, pem);
	wipe(&key_pem);
	buf_clear(&cert_pem);
	return rc;
}

/* The box is opened, or filled when it is empty. */
static int
open_box(int box, const uint8_t *key, struct buf *plain, struct buf *pem)
{
	struct buf sealed = {.max = TLS_FILE_MAX};
	int rc = read_all(box, &sealed);

	if (rc == 0 && sealed.len > 0) {
		rc = crypto_open(key, AD, buf_span(&sealed), plain);
		if (rc == 0)
			the_key = tls_private_load(buf_span(plain), &the_chain, pem);
		else
			log_error(
				"TLS: tls.box cannot be opened: denied; restore it or vault's key "
				"from your backup, or delete it for a new certificate",
				LOG_E("why", rc));
	} else if (rc == 0) {
		the_key = tls_private_make(&the_chain, plain, pem);
		rc = the_key == NULL ? ERR_CRYPTO : crypto_seal(key, AD, buf_span(plain), &sealed);
		if (rc == 0)
			rc = write_all(box, buf_span(&sealed));
	}
	buf_clear(&sealed);
	return rc;
}

static int
from_box(int box, int key_fd, struct buf *pem)
{
	struct buf plain = {.max = TLS_FILE_MAX};
	struct span key = SPAN_EMPTY;
	int rc = ipc_body_get(key_fd, CRYPTO_KEY_LEN, &key);

	if (rc == 0)
		rc = key.len == CRYPTO_KEY_LEN ? open_box(box, key.ptr, &plain, pem) : ERR_CRYPTO;
	ipc_body_free(key);
	wipe(&plain);
	return rc;
}

/* What clients pin, in the log as well. */
static void
say_fingerprint(void)
{
	uint8_t hash[CRYPTO_SHA256_LEN];
	char hex[2 * CRYPTO_SHA256_LEN + 1];

	crypto_sha256(span_of(the_chain.der[0], the_chain.len[0]), hash);
	crypto_hex_encode(span_of(hash, sizeof(hash)), hex);
	log_info("TLS: the certificate that clients get", LOG_C("sha256", hex));
}

int
tls_key_setup(struct child *child, struct jail_env *env)
{
	static const uint8_t first[130];
	uint8_t signature[TLS_SIGNATURE_MAX];
	struct buf pem = {.max = TLS_FILE_MAX};
	int private = child_handle(child, HANDLE_TLS_KEY, 0);
	int rc;

	(void)env;
	rc = tls_private_setup();
	if (rc == 0)
		rc = private >= 0
			     ? from_files(child_handle(child, HANDLE_TLS_CERT, 0), private, &pem)
			     : from_box(child_handle(child, HANDLE_BOX, 0),
				       child_handle(child, HANDLE_BOX_KEY, 0), &pem);
	if (rc == 0 && the_key == NULL)
		rc = ERR_CRYPTO;
	if (rc == 0) /* for clients, who pin it */
		rc = write_all(child_handle(child, HANDLE_TLS_SHOW, 0), buf_span(&pem));
	buf_clear(&pem);
	/* what OpenSSL loads for the first signature it loads now */
	if (rc == 0)
		(void)tls_private_sign(the_key, TLS_ECDSA_P256, span_of(first, sizeof(first)),
			signature, sizeof(signature));
	if (rc < 0)
		tls_private_free(the_key);
	else
		say_fingerprint();
	return rc;
}

/* ---- tls ---- */

void
tls_key_peer_up(struct child *child, uint8_t kind, struct ipc_chan *chan)
{
	(void)child;
	if (kind != KIND_TLS)
		return;
	for (size_t i = 0; i < the_chain.n; i++)
		(void)tls_key_cert_send(
			chan, &(struct tls_key_cert){.n = (uint8_t)i,
				      .der = span_of(the_chain.der[i], the_chain.len[i]),
				      .last = i + 1 == the_chain.n});
}

/* What is no handshake's comes from a tls that is not ours any more. */
int
tls_key_on_sign(struct ipc_chan *chan, const void *msg, void *arg)
{
	const struct tls_key_sign *m = msg;
	uint8_t signature[TLS_SIGNATURE_MAX];
	size_t len;

	(void)arg;
	if (!tls_content_is_good(m->content) && !WEAK(TLS_CONTENT)) {
		log_error("tls asked for a signature over something else than a handshake: denied");
		return ERR_PROTO;
	}
	len = tls_private_sign(the_key, m->scheme, m->content, signature, sizeof(signature));
	(void)tls_key_signature_send(chan,
		&(struct tls_key_signature){.req = m->req, .signature = span_of(signature, len)});
	return 0;
}
