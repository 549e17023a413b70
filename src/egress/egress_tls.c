/* The CA store: parsed once in the zygote, shared by every egress forked from it. */
#include "egress.h" /* base/err.h and OpenSSL both have an ERR_STATE: only one may be here */

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/log.h"

#define CA_FILE "/etc/ssl/certs/ca-certificates.crt"

static X509_STORE *store;

bool
egress_tls_load(void)
{
	store = X509_STORE_new();
	if (store == NULL)
		return false;
	/* without it every TLS connection is refused, plain local rows still work: say so, go on */
	if (X509_STORE_load_file(store, CA_FILE) != 1)
		log_warn("no CA certificates: TLS connections will be refused; install the package "
			 "ca-certificates",
			LOG_C("file", CA_FILE));
	return true;
}

CURLcode
egress_tls_use(CURL *easy, void *ssl_ctx, void *arg)
{
	(void)easy;
	(void)arg;
	if (store == NULL || X509_STORE_up_ref(store) != 1)
		return CURLE_SSL_CACERT_BADFILE;
	SSL_CTX_set_cert_store(ssl_ctx, store);
	return CURLE_OK;
}
