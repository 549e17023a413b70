/* Request heads a second, and megabytes a second of WebSocket frames unmasked and checked as text, on one core. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/err.h"
#include "http/http.h"
#include "ws/ws.h"

#define ROUND_S 0.5 /* seconds of one measurement */

static double
now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int
bench_head(const char *name, struct span head)
{
	static struct http_request req;
	double start = now_s();
	double took;
	unsigned long n = 0;

	do {
		for (int i = 0; i < 1000; i++, n++) {
			struct http_reader rd = {0};
			unsigned status;

			if (http_reader_read(&rd, head, &req, &status) != 0)
				return 1;
		}
		took = now_s() - start;
	} while (took < ROUND_S);
	printf("http: heads, %s (%zu bytes)\t%.0f\t/s\t-\t-\n", name, head.len, (double)n / took);
	return 0;
}

static int
bench_frames(size_t len)
{
	static const uint8_t key[4] = {1, 2, 3, 4};
	struct buf text = {.max = MIB(4u)};
	struct buf frames = {.max = MIB(4u)};
	struct buf in = {.max = MIB(4u)};
	struct ws_decoder d;
	struct ws_event ev;
	double took = 0;
	double bytes = 0;
	int rc = ERR_AGAIN;

	memset(buf_room(&text, len), 'a', len);
	buf_added(&text, len);
	while (frames.len < MIB(1u))
		ws_put(&frames, WS_TEXT, buf_span(&text), key);
	ws_decoder_init(&d, WS_SERVER, len);
	while (took < ROUND_S && rc == ERR_AGAIN) {
		double start;

		buf_put(&in, buf_span(&frames));
		start = now_s();
		while ((rc = ws_decode(&d, &in, &ev)) == 0)
			bytes += (double)ev.data.len;
		took += now_s() - start;
	}
	printf("ws: text frames of %zu bytes\t%.0f\tMB/s\t-\t-\n", len, bytes / took / 1e6);
	buf_clear(&text);
	buf_clear(&frames);
	buf_clear(&in);
	return rc != ERR_AGAIN;
}

int
main(void)
{
	int rc = 0;

	rc |= bench_head("health", SPAN("GET /healthz HTTP/1.1\r\nHost: localhost:18789\r\n\r\n"));
	rc |= bench_head("browser",
		SPAN("GET /chat?session=main HTTP/1.1\r\nHost: localhost:18789\r\n"
		     "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 "
		     "Firefox/128.0\r\n"
		     "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
		     "Accept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br, "
		     "zstd\r\n"
		     "Connection: keep-alive\r\nCookie: s=0123456789abcdef0123456789abcdef\r\n"
		     "Upgrade-Insecure-Requests: 1\r\nSec-Fetch-Dest: document\r\nSec-Fetch-Mode: "
		     "navigate\r\n"
		     "Sec-Fetch-Site: none\r\nSec-Fetch-User: ?1\r\nPriority: u=0, i\r\n\r\n"));
	rc |= bench_frames(100);
	rc |= bench_frames(65536);
	return rc;
}
