/* Lists that proxies write, in a request's head: who is no proxy decides nothing, and a proxy can only refuse, or name an address. */
#include <stdlib.h>

#include "edge_host.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(bool ok)
{
	if (!ok)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct http_request req;
	static struct edge_hosts h;
	struct http_reader reader = {0};
	struct addr proxy, stranger, got;
	unsigned status;

	if (http_reader_read(&reader, span_of(data, size), &req, &status) != 0)
		return 0;
	check(addr_parse(SPAN("10.0.0.1"), &proxy) == 0);
	check(addr_parse(SPAN("192.0.2.9"), &stranger) == 0);
	h.behind_tls = true;
	h.proxies[0] = proxy;
	h.proxies_n = 1;
	check(!edge_host_is_plain(&h, &req, &stranger));
	got = edge_source_client(&h, &req, &stranger);
	check(addr_is_equal(&got, &stranger));
	(void)edge_host_is_plain(&h, &req, &proxy);
	got = edge_source_client(&h, &req, &proxy);
	check(got.family == 4 || got.family == 6);
	(void)edge_origin_check(&h, &req, true);
	return 0;
}
