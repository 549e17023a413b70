#include "http/http.h"

#include "base/err.h"
#include "http/chars.h"

int
http_field_get(const struct http_request *req, struct span name, struct span *value)
{
	const struct http_field *found = NULL;

	for (size_t i = 0; i < req->fields_n; i++) {
		if (!span_eq_nocase(req->fields[i].name, name))
			continue;
		if (found != NULL)
			return ERR_DUPLICATE;
		found = &req->fields[i];
	}
	if (found == NULL)
		return ERR_MISSING;
	*value = found->value;
	return 0;
}

bool
http_is_token(struct span s)
{
	return s.len > 0 && http_chars_all(s, CHAR_TOKEN);
}

bool
http_is_value(struct span s)
{
	return http_chars_all(s, CHAR_VALUE) && span_trim(s).len == s.len;
}

int
http_list_has(struct span list, struct span token)
{
	int found = 0;

	while (list.ptr != NULL) {
		struct span element = span_trim(span_cut(&list, ','));
		struct span rest = element;
		struct span name = span_cut(&rest, '/');

		if (!http_is_token(name) || (rest.ptr != NULL && !http_is_token(rest)))
			return ERR_SYNTAX;
		if (span_eq_nocase(element, token))
			found = 1;
	}
	return found;
}
