/*
 * libcurl on descriptors that are already connected. curl 7.88 calls socket(2) and connect(2) itself all the same: the first is
 * answered by our callback with dial's descriptor, the second by the filter with success. It sees one dummy address, HTTP/1.1,
 * no proxy, no redirects, no decoding.
 */
#include "egress.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/weak.h"
#include "proto/apis.h"
#include "proto/core_egress.h"

#define CHUNK_LEN 15000

struct sock {
	struct ev_fd *watch;
	struct egress *egress;
	curl_socket_t fd;
};

static void check_done(struct egress *e);

static void
on_socket_ready(struct ev *ev, int fd, unsigned events, void *arg)
{
	struct sock *s = arg;
	struct egress *e = s->egress;
	int flags = ((events & EV_READ) ? CURL_CSELECT_IN : 0) |
		    ((events & EV_WRITE) ? CURL_CSELECT_OUT : 0) |
		    ((events & EV_HANGUP) ? CURL_CSELECT_IN | CURL_CSELECT_ERR : 0);
	int running;

	(void)ev;
	curl_multi_socket_action(e->multi, fd, flags, &running);
	check_done(e);
}

static int
on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
	struct egress *e = arg;
	struct sock *s = socket_arg;
	unsigned events = (what == CURL_POLL_IN || what == CURL_POLL_INOUT ? EV_READ : 0) |
			  (what == CURL_POLL_OUT || what == CURL_POLL_INOUT ? EV_WRITE : 0);

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (s != NULL) {
			ev_fd_del(s->watch);
			free(s);
			curl_multi_assign(e->multi, fd, NULL);
		}
		return 0;
	}
	if (s == NULL) {
		s = mem_alloc(1, sizeof(*s));
		s->egress = e;
		s->fd = fd;
		s->watch = ev_fd_add(e->child->ev, fd, events, on_socket_ready, s);
		curl_multi_assign(e->multi, fd, s);
	} else {
		ev_fd_set(s->watch, events);
	}
	return 0;
}

static void
on_multi_timer(struct ev *ev, void *arg)
{
	struct egress *e = arg;
	int running;

	(void)ev;
	e->multi_timer = 0;
	curl_multi_socket_action(e->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	check_done(e);
}

static int
on_timer(CURLM *multi, long timeout_ms, void *arg)
{
	struct egress *e = arg;

	(void)multi;
	ev_timer_cancel(e->child->ev, e->multi_timer);
	e->multi_timer = timeout_ms < 0 ? 0
					: ev_timer_start(e->child->ev, (uint64_t)timeout_ms,
						  on_multi_timer, e);
	return 0;
}

int
egress_curl_init(struct egress *e)
{
	e->multi = curl_multi_init();
	if (e->multi == NULL)
		return ERR_NOMEM;
	curl_multi_setopt(e->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(e->multi, CURLMOPT_SOCKETDATA, e);
	curl_multi_setopt(e->multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(e->multi, CURLMOPT_TIMERDATA, e);
	curl_multi_setopt(e->multi, CURLMOPT_MAXCONNECTS, (long)EGRESS_REQUESTS_MAX);
	curl_multi_setopt(e->multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
	return 0;
}

/* curl wants a new connection: dial's descriptor if there is one, else fail, and we come again with one. */
static curl_socket_t
on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct egress_request *r = arg;
	int fd = r->fd;

	(void)purpose;
	(void)address;
	r->fd = -1;
	return fd < 0 ? CURL_SOCKET_BAD : fd;
}

static int
on_sockopt(void *arg, curl_socket_t fd, curlsocktype purpose)
{
	(void)arg;
	(void)fd;
	(void)purpose;
	return CURL_SOCKOPT_ALREADY_CONNECTED;
}

static void
tell_status(struct egress_request *r)
{
	struct ipc_chan *core = child_peer(r->egress->child, KIND_CORE, 0);
	long status = 0;

	if (r->told_status || core == NULL)
		return;
	r->told_status = true;
	curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &status);
	(void)core_egress_status_send(
		core, &(struct core_egress_status){.id = r->id,
			      .status = (uint32_t)(status < 0 || status > 999 ? 0 : status),
			      .retry_ms = r->retry_ms});
}

static size_t
on_header(char *data, size_t size, size_t n, void *arg)
{
	struct egress_request *r = arg;
	struct span line = span_of(data, size * n);
	struct span name = span_cut(&line, ':');
	uint64_t seconds;

	if (span_eq_nocase(name, SPAN("retry-after")) &&
		span_to_u64(span_trim(line), 0, 86400, &seconds) == 0)
		r->retry_ms = seconds * 1000;
	return size * n;
}

/* Does the answer hold the exact credential: looked for across chunk borders; then the answer is cut. */
static bool
holds_credential(struct egress_request *r, struct span data)
{
	struct span secret = secret_get(&r->credential);
	bool found;

	if (secret.len == 0 || WEAK(CREDENTIAL_ECHO))
		return false;
	buf_put(&r->tail, data);
	found = r->tail.err < 0 || span_find(buf_span(&r->tail), secret) >= 0;
	if (r->tail.len >= secret.len)
		buf_consume(&r->tail, r->tail.len - (secret.len - 1));
	return found;
}

static size_t
on_body(char *data, size_t size, size_t n, void *arg)
{
	struct egress_request *r = arg;
	struct ipc_chan *core = child_peer(r->egress->child, KIND_CORE, 0);
	struct span s = span_of(data, size * n);

	if (core == NULL)
		return 0;
	if (r->credit < (int64_t)s.len && r->credit < (int64_t)IPC_CREDIT_BYTES / 4) {
		r->paused = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	r->received += s.len;
	if (r->received > EGRESS_BODY_MAX) {
		r->failed = ERR_TOOBIG;
		return 0;
	}
	if (holds_credential(r, s)) {
		log_error("an answer held the credential itself: cut, denied",
			LOG_U("row", r->egress->row.number));
		r->failed = ERR_DENIED;
		return 0;
	}
	tell_status(r);
	egress_request_alive(r);
	r->credit -= (int64_t)s.len;
	while (s.len > 0) {
		struct span part = span_sub(s, 0, CHUNK_LEN);

		if (core_egress_chunk_send(
			    core, &(struct core_egress_chunk){.id = r->id, .data = part}) < 0)
			return 0;
		s = span_sub(s, part.len, s.len);
	}
	return size * n;
}

static int
add_header(struct egress_request *r, const char *line)
{
	struct curl_slist *more = curl_slist_append(r->headers, line);

	if (more == NULL)
		return ERR_NOMEM;
	r->headers = more;
	return 0;
}

static int
add_organization(struct egress_request *r)
{
	struct span id = r->egress->row.organization;
	char line[192];
	int n = snprintf(
		line, sizeof(line), "OpenAI-Organization: %.*s", (int)id.len, (const char *)id.ptr);

	return n < 0 || (size_t)n >= sizeof(line) ? ERR_TOOBIG : add_header(r, line);
}

static int
add_credential(struct egress_request *r)
{
	struct span value = secret_get(&r->credential);
	struct buf line = {.max = 16384};
	int rc;

	if (value.len == 0)
		return 0;
	for (size_t i = 0; i < value.len; i++) {
		if ((value.ptr[i] < 0x21 || value.ptr[i] > 0x7e) && !WEAK(HEADER_CHARS))
			return ERR_SYNTAX;
	}
	buf_put_fmt(&line, "%s: %s", r->header, r->prefix);
	buf_put(&line, value);
	buf_put_u8(&line, 0);
	rc = line.err < 0 ? line.err : add_header(r, (const char *)line.ptr);
	secret_wipe(line.ptr, line.len);
	buf_clear(&line);
	return rc;
}

static int
set_up(struct egress_request *r)
{
	const struct egress_row *row = &r->egress->row;
	char resolve[512];
	CURL *easy = curl_easy_init();

	if (easy == NULL)
		return ERR_NOMEM;
	r->easy = easy;
	snprintf(resolve, sizeof(resolve), "%s:%u:192.0.2.1", row->host, row->port);
	r->resolve = curl_slist_append(NULL, resolve); /* curl keeps the pointer */
	curl_easy_setopt(easy, CURLOPT_PRIVATE, r);
	curl_easy_setopt(easy, CURLOPT_URL, r->url);
	curl_easy_setopt(easy, CURLOPT_RESOLVE, r->resolve);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, row->tls ? "https" : "http");
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, WEAK(REDIRECT) ? 1L : 0L);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
	curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, egress_tls_use);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, r);
	curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, on_sockopt);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, r);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, r);
	curl_easy_setopt(easy, CURLOPT_POST, 1L);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.len);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDS, r->body.ptr);
	return 0;
}

int
egress_curl_start(struct egress_request *r)
{
	const struct egress_row *row = &r->egress->row;
	int rc = set_up(r);

	if (rc == 0)
		rc = add_header(r, "Content-Type: application/json");
	if (rc == 0)
		rc = add_header(
			r, r->stream ? "Accept: text/event-stream" : "Accept: application/json");
	if (rc == 0)
		rc = add_header(r, "Expect:");
	if (rc == 0 && api_rows[row->api].extra[0] != '\0')
		rc = add_header(r, api_rows[row->api].extra);
	if (rc == 0 && row->organization.len > 0)
		rc = add_organization(r);
	if (rc == 0)
		rc = add_header(r, "User-Agent: moltbot");
	if (rc == 0)
		rc = add_credential(r);
	if (rc < 0)
		return rc;
	curl_easy_setopt(r->easy, CURLOPT_HTTPHEADER, r->headers);
	return curl_multi_add_handle(r->egress->multi, r->easy) == CURLM_OK ? 0 : ERR_SYS;
}

void
egress_curl_stop(struct egress_request *r)
{
	if (r->easy != NULL) {
		curl_multi_remove_handle(r->egress->multi, r->easy);
		curl_easy_cleanup(r->easy);
	}
	for (struct curl_slist *h = r->headers; h != NULL; h = h->next)
		secret_wipe(h->data, strlen(h->data));
	curl_slist_free_all(r->headers);
	curl_slist_free_all(r->resolve);
	r->easy = NULL;
	r->resolve = NULL;
	r->headers = NULL;
}

void
egress_curl_resume(struct egress_request *r)
{
	if (r->paused && r->easy != NULL) {
		r->paused = false;
		curl_easy_pause(r->easy, CURLPAUSE_CONT);
		check_done(r->egress);
	}
}

static void
finish(struct egress_request *r, CURLcode code)
{
	if (r->failed < 0) {
		egress_request_end(r, r->failed, err_text(r->failed));
		return;
	}
	/* no idle connection to use again: come back with a descriptor of dial's */
	if (!r->dialled && !r->told_status &&
		(code == CURLE_COULDNT_CONNECT || code == CURLE_SEND_ERROR ||
			code == CURLE_GOT_NOTHING || code == CURLE_RECV_ERROR)) {
		egress_curl_stop(r);
		r->phase = EGRESS_DIALLING;
		egress_request_next(r);
		return;
	}
	if (code == CURLE_OK)
		tell_status(r);
	egress_request_end(
		r, code == CURLE_OK ? 0 : ERR_IO, code == CURLE_OK ? "" : curl_easy_strerror(code));
}

static void
check_done(struct egress *e)
{
	CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(e->multi, &left)) != NULL) {
		struct egress_request *r = NULL;

		if (msg->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&r);
		finish(r, msg->data.result);
	}
}
