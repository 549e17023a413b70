#include "text/ident.h"

#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "text/text.h"
#include "text/utf8.h"

#define DISPLAY_COLUMNS 64

int
text_ident_set(
	struct text_ident *out, uint8_t channel, struct span account, uint8_t kind, struct span id)
{
	memset(out, 0, sizeof(*out));
	if (channel == 0 || kind == 0)
		return ERR_RANGE;
	if (!text_is_id(account) || id.len == 0)
		return ERR_SYNTAX;
	if (id.len > IDENT_ID_MAX)
		return ERR_TOOBIG;
	out->channel = channel;
	out->kind = kind;
	out->account_len = (uint8_t)account.len;
	out->id_len = (uint8_t)id.len;
	memcpy(out->account, account.ptr, account.len);
	memcpy(out->id, id.ptr, id.len);
	return 0;
}

struct span
text_ident_account(const struct text_ident *i)
{
	return span_of(i->account, i->account_len);
}

struct span
text_ident_id(const struct text_ident *i)
{
	return span_of(i->id, i->id_len);
}

bool
text_ident_is_equal(const struct text_ident *a, const struct text_ident *b)
{
	return a->channel != 0 && a->channel == b->channel && a->kind == b->kind &&
	       span_eq(text_ident_account(a), text_ident_account(b)) &&
	       span_eq(text_ident_id(a), text_ident_id(b));
}

struct display_name
display_name_of(struct span s)
{
	return (struct display_name){s};
}

void
display_name_put(struct buf *out, struct display_name name)
{
	struct span s = text_width_truncate(name.untrusted, DISPLAY_COLUMNS);

	/* Characters without width could otherwise go on for ever. */
	s = text_utf8_truncate(s, DISPLAY_COLUMNS * 4);
	if (s.len == 0)
		buf_put_u8(out, '?');
	log_put_safe(out, s);
}

bool
text_is_id(struct span s)
{
	if (s.len == 0 || s.len > IDENT_ACCOUNT_MAX)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = s.ptr[i];

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
			    (i > 0 && (c == '_' || c == '-'))))
			return false;
	}
	return true;
}

int
text_session_key_put(struct buf *out, struct span key)
{
	uint8_t *p;

	if (key.len > SESSION_KEY_MAX)
		return ERR_TOOBIG;
	if (key.len == 0 || key.ptr[0] == ':' || key.ptr[key.len - 1] == ':')
		return ERR_SYNTAX;
	for (size_t i = 0; i < key.len; i++) {
		uint8_t c = key.ptr[i];

		if (c <= ' ' || c >= 0x7f || c == '"' || c == '\\' || c == '`')
			return ERR_SYNTAX;
	}
	p = buf_room(out, key.len);
	if (p == NULL)
		return ERR_TOOBIG;
	for (size_t i = 0; i < key.len; i++)
		p[i] = text_lower(key.ptr[i]);
	buf_added(out, key.len);
	return 0;
}
