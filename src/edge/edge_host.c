#include "edge_host.h"

#include <string.h>
#include <sys/socket.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/weak.h"

static void
add(struct edge_list *list, struct span text)
{
	uint8_t *copy;

	if (text.len == 0 || text.len > HTTP_HOST_MAX + 8)
		return;
	if (list->n == EDGE_LIST_MAX) {
		log_error("too many hosts or origins: the rest is ignored",
			LOG_U("max", EDGE_LIST_MAX));
		return;
	}
	copy = mem_copy(text);
	for (size_t i = 0; i < text.len; i++) {
		if (copy[i] >= 'A' && copy[i] <= 'Z')
			copy[i] = (uint8_t)(copy[i] + ('a' - 'A'));
	}
	list->item[list->n++] = span_of(copy, text.len);
}

static bool
has(const struct edge_list *list, struct span text)
{
	for (size_t i = 0; i < list->n; i++) {
		if (span_eq_nocase(list->item[i], text))
			return true;
	}
	return false;
}

/* ---- the lists ---- */

static struct addr
own_addr(int fd, uint16_t *port)
{
	struct sockaddr_storage ss = {0};
	socklen_t len = sizeof(ss);

	*port = 0;
	if (getsockname(fd, (struct sockaddr *)&ss, &len) < 0)
		return (struct addr){0};
	return addr_from_socket(&ss, port);
}

struct addr
edge_source_peer(int fd)
{
	struct sockaddr_storage ss = {0};
	socklen_t len = sizeof(ss);
	uint16_t port;

	if (getpeername(fd, (struct sockaddr *)&ss, &len) < 0)
		return (struct addr){0};
	return addr_from_socket(&ss, &port);
}

static bool
is_zero(const struct addr *a)
{
	static const struct addr zero;

	return memcmp(a->bytes, zero.bytes, sizeof(a->bytes)) == 0;
}

static void
add_host_port(struct edge_list *list, struct span host, uint16_t port, bool bracket)
{
	struct buf b = {.max = HTTP_HOST_MAX + 8};

	if (bracket)
		buf_put_u8(&b, '[');
	buf_put(&b, host);
	if (bracket)
		buf_put_u8(&b, ']');
	if (port == 80)
		add(list, buf_span(&b));
	buf_put_u8(&b, ':');
	buf_put_u64_dec(&b, port);
	if (b.err == 0)
		add(list, buf_span(&b));
	buf_clear(&b);
}

static void
add_listener(struct edge_hosts *h, int fd)
{
	char text[ADDR_TEXT_MAX];
	uint16_t port;
	struct addr a = own_addr(fd, &port);

	add_host_port(&h->hosts, SPAN("127.0.0.1"), port, false);
	add_host_port(&h->hosts, SPAN("localhost"), port, false);
	add_host_port(&h->hosts, SPAN("::1"), port, true);
	if (is_zero(&a))
		h->is_any = true;
	else
		add_host_port(&h->hosts, span_of(text, addr_format(&a, text)), port, a.family == 6);
}

static void
each_option(struct child *child, const char *name, void (*fn)(struct edge_hosts *h, struct span v),
	struct edge_hosts *h)
{
	for (unsigned i = 0; i < EDGE_HOSTS_MAX; i++) {
		struct buf key = {.max = 128};
		struct span v;

		buf_put_fmt(&key, "%s.%u", name, i);
		buf_put_u8(&key, 0);
		v = child_option_str(child, (const char *)key.ptr, SPAN_EMPTY);
		buf_clear(&key);
		if (v.len == 0)
			return;
		fn(h, v);
	}
}

static void
take_host(struct edge_hosts *h, struct span v)
{
	add(h->behind_tls ? &h->public_hosts : &h->hosts, v);
}

static void
take_origin(struct edge_hosts *h, struct span v)
{
	add(&h->origins, v);
}

static void
take_proxy(struct edge_hosts *h, struct span v)
{
	if (h->proxies_n == EDGE_HOSTS_MAX || addr_parse(v, &h->proxies[h->proxies_n]) < 0)
		log_error("trusted proxy is no address: ignored", LOG_S("proxy", v));
	else
		h->proxies_n++;
}

void
edge_hosts_load(struct edge_hosts *h, struct child *child, const int *listeners, size_t n)
{
	*h = (struct edge_hosts){
		.behind_tls = child_option_bool(child, "gateway.behindTlsProxy", false),
		.domain = child_option_str(child, "gateway.publicDomain", SPAN_EMPTY)};
	for (size_t i = 0; i < n; i++)
		add_listener(h, listeners[i]);
	each_option(child, "gateway.allowedHosts", take_host, h);
	each_option(child, "gateway.allowedOrigins", take_origin, h);
	each_option(child, "gateway.trustedProxies", take_proxy, h);
	if (h->behind_tls && h->public_hosts.n == 0) {
		add(&h->public_hosts, h->domain);
		if (h->public_hosts.n > 0)
			h->health_host = SPAN("healthcheck.railway.app");
	}
}

/* ---- checks ---- */

/* A literal of the very address that the connection arrived at cannot be a name somebody else controls. */
static bool
is_own_literal(struct span host, int fd)
{
	char text[ADDR_TEXT_MAX];
	struct buf want = {.max = HTTP_HOST_MAX};
	uint16_t port;
	struct addr a = own_addr(fd, &port);
	bool same;

	if (a.family == 0)
		return false;
	(void)addr_format(&a, text);
	buf_put_fmt(&want, a.family == 6 ? "[%s]:%u" : "%s:%u", text, port);
	same = span_eq_nocase(host, buf_span(&want));
	buf_clear(&want);
	return same;
}

int
edge_host_check(const struct edge_hosts *h, const struct http_request *req, int fd, bool *secure)
{
	*secure = false;
	if (WEAK(HOST_CHECK) || has(&h->hosts, req->host))
		return 0;
	if (h->behind_tls && has(&h->public_hosts, req->host)) {
		*secure = true;
		return 0;
	}
	if (h->health_host.len > 0 && span_eq(req->path, SPAN("/healthz")) &&
		span_eq(req->host, h->health_host))
		return 0;
	return h->is_any && is_own_literal(req->host, fd) ? 0 : ERR_DENIED;
}

static bool
is_host_port(struct span host, struct span name, uint16_t port)
{
	struct buf want = {.max = HTTP_HOST_MAX + 8};
	bool same;

	if (port == 443 && span_eq_nocase(host, name))
		return true;
	buf_put(&want, name);
	buf_put_fmt(&want, ":%u", port);
	same = want.err == 0 && span_eq_nocase(host, buf_span(&want));
	buf_clear(&want);
	return same;
}

/* What add_listener and is_own_literal say for a listener of our own. */
int
edge_host_check_tls(const struct edge_hosts *h, const struct http_request *req,
	const struct addr *local, uint16_t port)
{
	char text[ADDR_TEXT_MAX + 2] = "[";
	size_t len = addr_format(local, text + 1);
	const struct span names[] = {SPAN("127.0.0.1"), SPAN("localhost"), SPAN("[::1]"),
		local->family == 6 ? span_of(text, len + 2) : span_of(text + 1, len), h->domain};

	text[len + 1] = ']';
	if (WEAK(HOST_CHECK) || has(&h->hosts, req->host))
		return 0;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i].len > 0 && is_host_port(req->host, names[i], port))
			return 0;
	}
	return ERR_DENIED;
}

bool
edge_host_lasts(bool secure, struct span host)
{
	struct span name = span_cut(&host, ':');
	struct addr a;

	return secure && name.len > 0 && name.ptr[0] != '[' && addr_parse(name, &a) < 0 &&
	       !span_eq_nocase(name, SPAN("localhost"));
}

static bool
is_proxy(const struct edge_hosts *h, const struct addr *a)
{
	for (size_t i = 0; i < h->proxies_n; i++) {
		if (addr_is_equal(&h->proxies[i], a))
			return true;
	}
	return false;
}

/* A chain of proxies may have written several: each hop must have been HTTPS. */
static bool
is_all_https(struct span list)
{
	do {
		struct span hop = span_trim(span_cut(&list, ','));

		if (!span_eq_nocase(hop, SPAN("https")) && !span_eq_nocase(hop, SPAN("wss")))
			return false;
	} while (list.ptr != NULL);
	return true;
}

bool
edge_host_is_plain(
	const struct edge_hosts *h, const struct http_request *req, const struct addr *peer)
{
	if (!h->behind_tls || (h->proxies_n > 0 && !is_proxy(h, peer)) || WEAK(PLAIN_PROXY))
		return false;
	for (size_t i = 0; i < req->fields_n; i++) {
		if (span_eq_nocase(req->fields[i].name, SPAN("x-forwarded-proto")) &&
			!is_all_https(req->fields[i].value))
			return true;
	}
	return false;
}

enum edge_origin
edge_origin_check(const struct edge_hosts *h, const struct http_request *req, bool secure)
{
	struct span origin;
	struct span scheme = secure ? SPAN("https://") : SPAN("http://");
	int rc = http_field_get(req, SPAN("origin"), &origin);

	if (rc == ERR_MISSING)
		return EDGE_ORIGIN_ABSENT;
	if (rc < 0)
		return EDGE_ORIGIN_FOREIGN;
	if (span_starts_with(origin, scheme) &&
		span_eq_nocase(span_sub(origin, scheme.len, origin.len), req->host))
		return EDGE_ORIGIN_OWN;
	return WEAK(ORIGIN_CHECK) || has(&h->origins, origin) ? EDGE_ORIGIN_OWN
							      : EDGE_ORIGIN_FOREIGN;
}

struct addr
edge_source_client(
	const struct edge_hosts *h, const struct http_request *req, const struct addr *peer)
{
	struct span list;
	struct addr a;

	if ((!is_proxy(h, peer) && !WEAK(FORWARDED)) ||
		http_field_get(req, SPAN("x-forwarded-for"), &list) < 0)
		return *peer;
	while (list.len > 0) {
		size_t at = list.len;

		while (at > 0 && list.ptr[at - 1] != ',')
			at--;
		if (addr_parse(span_trim(span_sub(list, at, list.len)), &a) < 0)
			return *peer;
		if (!is_proxy(h, &a))
			return a;
		list.len = at > 0 ? at - 1 : 0;
	}
	return *peer;
}
