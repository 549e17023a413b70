/*
 * Event streams (WHATWG HTML, 9.2 "Server-sent events"): an incremental reader and a writer. Bytes
 * are handed on as they are: whoever decodes an event's data checks its UTF-8.
 */
#ifndef SSE_SSE_H
#define SSE_SSE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/mem.h"

/* Spans live until the next call with the same reader. */
struct sse_event {
	struct span event; /* "message" when the stream says none */
	struct span data;  /* the data lines, joined by LF */
	struct span id;    /* the stream's last id so far, empty without one */
};

/* Zero-initialised is not valid: see sse_reader_init. */
struct sse_reader {
	struct buf line;   /* a line that has not ended yet; SSE_LINE_MAX */
	struct buf data;   /* data lines of the event under way; SSE_EVENT_MAX */
	struct buf event;  /* its type; SSE_NAME_MAX */
	struct buf id;     /* last id; SSE_NAME_MAX */
	uint64_t retry_ms; /* reconnection time the stream asked for, at most UINT32_MAX */
	bool has_retry;
	bool has_started; /* the first line has been seen */
	bool has_data;    /* a data line has been seen since the last event */
	bool after_cr;    /* an LF now belongs to the CR before it */
	bool is_sent;     /* the event in data has been given out */
	int err;          /* sticky */
};

void sse_reader_init(struct sse_reader *r);
/* Frees. An event without its empty line is dropped, as the standard says. */
void sse_reader_clear(struct sse_reader *r);

/*
 * Takes bytes from the front of *in. 0: *ev is an event (call again with the rest); ERR_AGAIN: *in
 * is used up; ERR_TOOBIG: a limit is passed; every further call says the same.
 */
int sse_reader_read(struct sse_reader *r, struct span *in, struct sse_event *ev);

/*
 * Appends one event. event, id: left out when empty; ERR_SYNTAX when they hold CR, LF or NUL. data:
 * any bytes; a line ended by LF, CR or CRLF becomes a data line of its own (read back as LF).
 * ERR_TOOBIG. On an error *out is as before.
 */
int sse_put(struct buf *out, struct span event, struct span id, struct span data);

/* Appends a comment, which keeps an idle connection alive and is no event. ERR_SYNTAX for CR, LF or
 * NUL; ERR_TOOBIG. */
int sse_put_comment(struct buf *out, struct span text);

#endif
