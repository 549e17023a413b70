/* Answers with a file of the Control UI: which coding of it, whether the client has it already, which part. */
#include "edge_http.h"
#include "edge_static.h"

#include "base/err.h"
#include "http/choose.h"

#define FIELDS 7

struct answer {
	struct http_field fields[FIELDS];
	size_t n;
	struct buf range; /* Content-Range */
	char date[HTTP_DATE_LEN + 1];
};

static void
put(struct answer *out, const char *name, struct span value)
{
	out->fields[out->n++] = (struct http_field){span_from_cstr(name), value};
}

static bool
has_variants(const struct edge_file *f)
{
	return f->coded[EDGE_GZIP] != NULL || f->coded[EDGE_BROTLI] != NULL;
}

/* The smallest that the client takes; parts are of the file as it is. */
static const struct edge_file *
pick(const struct http_request *req, const struct edge_file *f, enum edge_coding *coding)
{
	static const enum edge_coding best[] = {EDGE_BROTLI, EDGE_GZIP};
	struct span accepts;
	struct span range;

	*coding = EDGE_IDENTITY;
	if (http_field_get(req, SPAN("accept-encoding"), &accepts) < 0 ||
		http_field_get(req, SPAN("range"), &range) != ERR_MISSING)
		return f;
	for (size_t i = 0; i < sizeof(best) / sizeof(best[0]); i++) {
		const struct edge_file *coded = NULL;

		if (http_coding_accepts(accepts, edge_coding_name(best[i])))
			coded = edge_static_coded(f, best[i]);
		if (coded != NULL) {
			*coding = best[i];
			return coded;
		}
	}
	return f;
}

static void
put_range(struct answer *out, unsigned status, const struct http_range *r, size_t size)
{
	if (status == 206)
		(void)buf_put_fmt(&out->range, "bytes %llu-%llu/%zu", (unsigned long long)r->first,
			(unsigned long long)r->last, size);
	else
		(void)buf_put_fmt(&out->range, "bytes */%zu", size);
	put(out, "Content-Range", buf_span(&out->range));
}

bool
edge_file_send(struct edge_conn *conn, const struct http_request *req, const struct edge_file *f,
	struct edge_answer *a)
{
	enum edge_coding coding;
	const struct edge_file *v = pick(req, f, &coding);
	struct http_stored stored = {v->etag, f->modified, v->body.len};
	struct answer out = {.range = {.max = 96}};
	struct buf head = {.max = KIB(4)};
	struct http_range range;
	int rc;

	a->status = http_choose(req, &stored, time(NULL), &range);
	a->is_static = true;
	a->type = f->type;
	a->body = a->status == 412 || a->status == 416 ? SPAN_EMPTY : v->body;
	put(&out, "ETag", v->etag);
	if (http_date_format(f->modified, out.date) == 0)
		put(&out, "Last-Modified", span_of(out.date, HTTP_DATE_LEN));
	put(&out, "Accept-Ranges", SPAN("bytes"));
	if (has_variants(f))
		put(&out, "Vary", SPAN("Accept-Encoding"));
	if (coding != EDGE_IDENTITY)
		put(&out, "Content-Encoding", edge_coding_name(coding));
	if (a->status == 206)
		a->body = span_sub(v->body, range.first, range.last - range.first + 1);
	if (a->status == 206 || a->status == 416)
		put_range(&out, a->status, &range, v->body.len);
	a->fields = out.fields;
	a->nfields = out.n;
	rc = edge_http_head(&head, a);
	if (rc == 0)
		rc = edge_conn_send_file(conn, buf_span(&head),
			a->head_only || a->status == 304 ? SPAN_EMPTY : a->body);
	buf_clear(&head);
	buf_clear(&out.range);
	if (rc < 0)
		edge_conn_close(conn);
	else if (!a->keep_alive)
		edge_conn_finish(conn);
	return rc == 0;
}
