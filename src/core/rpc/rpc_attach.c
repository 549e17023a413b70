/* Images that come with a message: looked at before anything is stored. */
#include "core/rpc/rpc.h"

#define SNIFF_LEN 12

bool
rpc_attachments_given(struct span args)
{
	struct args_leaf leaf;

	return args_has(args, "attachments") &&
	       !(args_get(args, "attachments", &leaf) == 0 &&
		       (leaf.type == ARGS_EMPTY_ARRAY || leaf.type == ARGS_NULL));
}

static int
digit(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	return c == '/' || c == '_' ? 63 : -1;
}

/* The first bytes behind base64; how many there are. */
static size_t
decode_head(struct span text, uint8_t out[SNIFF_LEN])
{
	uint32_t bits = 0;
	unsigned have = 0;
	size_t n = 0;

	for (size_t i = 0; i < text.len && n < SNIFF_LEN; i++) {
		int d = digit(text.ptr[i]);

		if (d < 0)
			return n;
		bits = (bits << 6 | (uint32_t)d) & 0xffffffu;
		have += 6;
		if (have >= 8) {
			have -= 8;
			out[n++] = (uint8_t)(bits >> have);
		}
	}
	return n;
}

static bool
is_base64(struct span text)
{
	size_t n = text.len;

	while (n > 0 && text.len - n < 2 && text.ptr[n - 1] == '=')
		n--;
	for (size_t i = 0; i < n; i++) {
		if (digit(text.ptr[i]) < 0)
			return false;
	}
	return n > 0 && n % 4 != 1;
}

/* By its content, whatever it is called. */
static bool
is_image(struct span text)
{
	static const struct {
		size_t off;
		struct span magic;
	} kinds[] = {
		{0, SPAN("\x89PNG\r\n\x1a\n")},
		{0, SPAN("\xff\xd8\xff")},
		{0, SPAN("GIF87a")},
		{0, SPAN("GIF89a")},
		{8, SPAN("WEBP")},
	};
	uint8_t head[SNIFF_LEN] = {0};
	struct span bytes = span_of(head, decode_head(text, head));

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (span_starts_with(span_sub(bytes, kinds[i].off, SNIFF_LEN), kinds[i].magic))
			return true;
	}
	return false;
}

/* Bytes behind base64, with or without its padding. */
static size_t
decoded_len(struct span text)
{
	size_t n = text.len;

	while (n > 0 && text.ptr[n - 1] == '=')
		n--;
	return n / 4 * 3 + n % 4 * 3 / 4;
}

static struct span
content_of(struct span text)
{
	ptrdiff_t at = span_starts_with(text, SPAN("data:")) ? span_find_byte(text, ',') : -1;

	return at < 0 ? text : span_sub(text, (size_t)at + 1, text.len);
}

/* Counts images; NULL, or what is wrong. */
static const char *
look(struct span args, unsigned *images)
{
	struct args_leaf leaf;

	while (args_next(&args, &leaf) > 0) {
		struct span text;

		if (leaf.depth != 3 || !span_eq(leaf.path[0].key, SPAN("attachments")) ||
			leaf.path[2].is_index || !span_eq(leaf.path[2].key, SPAN("content")))
			continue;
		text = leaf.type == ARGS_STRING ? content_of(leaf.value) : SPAN_EMPTY;
		if (!is_base64(text))
			return "at /attachments: content must be base64 or a data URL";
		if (decoded_len(text) > ATTACHMENT_MAX)
			return "at /attachments: larger than 5000000 bytes";
		if (is_image(text))
			(*images)++;
		else
			log_warn("attachment dropped: it is no image");
	}
	return NULL;
}

/* No provider of this version takes pictures; what is no picture is left out, as protocol 3 has it. */
bool
rpc_attachments_check(struct rpc_call *call)
{
	unsigned images = 0;
	struct span message = SPAN_EMPTY;
	const char *what;

	if (!rpc_attachments_given(call->args))
		return true;
	what = look(call->args, &images);
	(void)args_get_str(call->args, "message", &message);
	if (what != NULL)
		rpc_invalid(call, what);
	else if (images > 0)
		core_reply_error(call->caller, RPC_UNAVAILABLE,
			"the configured model takes no images: send the message without them");
	else if (span_trim(message).len == 0)
		core_reply_error(
			call->caller, RPC_INVALID_REQUEST, "message or attachment required");
	else
		return true;
	return false;
}
