#include "http/body.h"

#include "base/err.h"
#include "http/chars.h"

#define SIZE_DIGITS_MAX 16

enum state {
	IN_COUNTED, /* zero: an empty body */
	IN_SIZE,
	IN_SIZE_LF,
	IN_DATA,
	IN_DATA_CR,
	IN_DATA_LF,
	IN_TRAILER, /* at the start of a trailer field or of the last empty line */
	IN_TRAILER_NAME,
	IN_TRAILER_VALUE,
	IN_TRAILER_LF,
	IN_END_LF,
	IN_DONE,
	IN_TOOBIG,
	IN_BAD,
};

int
http_body_init(struct http_body *b, const struct http_request *req, uint64_t max)
{
	*b = (struct http_body){.room = max};
	if (req->is_chunked) {
		b->state = IN_SIZE;
		return 0;
	}
	if (req->content_length > max) {
		b->state = IN_TOOBIG;
		return ERR_TOOBIG;
	}
	b->left = req->content_length;
	return 0;
}

static enum state
step_size(struct http_body *b, uint8_t c)
{
	int digit = http_hex_value(c);

	if (c == '\r' && b->digits > 0)
		return IN_SIZE_LF;
	if (digit < 0 || b->digits == SIZE_DIGITS_MAX)
		return IN_BAD;
	b->digits++;
	b->left = b->left << 4 | (unsigned)digit;
	/* sixteen digits are 64 bits: the shift has lost nothing */
	return b->left > b->room ? IN_TOOBIG : IN_SIZE;
}

static enum state
step_trailer(struct http_body *b, uint8_t c)
{
	if (++b->trailer > HTTP_TRAILER_MAX)
		return IN_TOOBIG;
	switch (b->state) {
	case IN_TRAILER:
		if (c == '\r')
			return IN_END_LF;
		return char_is(c, CHAR_TOKEN) ? IN_TRAILER_NAME : IN_BAD;
	case IN_TRAILER_NAME:
		if (c == ':')
			return IN_TRAILER_VALUE;
		return char_is(c, CHAR_TOKEN) ? IN_TRAILER_NAME : IN_BAD;
	case IN_TRAILER_VALUE:
		if (c == '\r')
			return IN_TRAILER_LF;
		return char_is(c, CHAR_VALUE) ? IN_TRAILER_VALUE : IN_BAD;
	case IN_TRAILER_LF:
		return c == '\n' ? IN_TRAILER : IN_BAD;
	default: /* IN_END_LF */
		return c == '\n' ? IN_DONE : IN_BAD;
	}
}

/* One byte of the framing around chunks. */
static enum state
step(struct http_body *b, uint8_t c)
{
	switch (b->state) {
	case IN_SIZE:
		return step_size(b, c);
	case IN_SIZE_LF:
		if (c != '\n')
			return IN_BAD;
		b->digits = 0;
		b->room -= b->left;
		return b->left > 0 ? IN_DATA : IN_TRAILER;
	case IN_DATA_CR:
		return c == '\r' ? IN_DATA_LF : IN_BAD;
	case IN_DATA_LF:
		return c == '\n' ? IN_SIZE : IN_BAD;
	default:
		return step_trailer(b, c);
	}
}

static int
take_data(struct http_body *b, struct span *in, struct span *data)
{
	if (in->len == 0)
		return ERR_AGAIN;
	*data = span_sub(*in, 0, b->left < in->len ? (size_t)b->left : in->len);
	*in = span_of(in->ptr + data->len, in->len - data->len);
	b->left -= data->len;
	if (b->left == 0)
		b->state = b->state == IN_DATA ? IN_DATA_CR : IN_DONE;
	return 0;
}

int
http_body_read(struct http_body *b, struct span *in, struct span *data)
{
	*data = SPAN_EMPTY;
	for (;;) {
		switch (b->state) {
		case IN_COUNTED:
			if (b->left == 0) {
				b->state = IN_DONE;
				break;
			}
			return take_data(b, in, data);
		case IN_DATA:
			return take_data(b, in, data);
		case IN_DONE:
			return ERR_EOF;
		case IN_TOOBIG:
			return ERR_TOOBIG;
		case IN_BAD:
			return ERR_SYNTAX;
		default:
			if (in->len == 0)
				return ERR_AGAIN;
			b->state = (uint8_t)step(b, in->ptr[0]);
			*in = span_of(in->ptr + 1, in->len - 1);
		}
	}
}
