/* What the assistant is called, and its picture: a file of the workspace, a short text, or an address. */
#include "config.h"

#include "proto/ids.h"

#define TEXT_MAX 16 /* bytes: a few letters, or an emoji made of several characters */

static bool
is_address(struct span s)
{
	static const struct span schemes[] = {
		SPAN("https://"), SPAN("http://"), SPAN("data:image/")};

	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (span_eq_nocase(span_sub(s, 0, schemes[i].len), schemes[i]))
			return true;
	return false;
}

static bool
has_end_of_picture(struct span s)
{
	static const struct span ends[] = {
		SPAN(".png"), SPAN(".jpg"), SPAN(".jpeg"), SPAN(".gif"), SPAN(".webp")};

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (s.len > ends[i].len &&
			span_eq_nocase(span_sub(s, s.len - ends[i].len, s.len), ends[i]))
			return true;
	return false;
}

/* Beneath the workspace: no part goes up, none is empty. */
static bool
is_beneath(struct span path)
{
	while (path.len > 0) {
		struct span part = span_cut(&path, '/');

		if (part.len == 0 || span_eq(part, SPAN("..")))
			return false;
	}
	return true;
}

void
config_assistant(struct config *c)
{
	const struct config_setting *v = &c->values[OPT_UI_AVATAR];
	struct span s = v->s;

	c->avatar = v->set ? s : SPAN("A");
	if (!v->set || is_address(s))
		return;
	if (has_end_of_picture(s) && is_beneath(s)) {
		c->picture = s;
		c->avatar = SPAN(AVATAR_URL "main");
	} else if (s.len > TEXT_MAX || span_find_byte(s, '/') >= 0 || span_find_byte(s, '.') >= 0) {
		config_mistake(c, v->at,
			"ui.assistant.avatar: expected a file of the workspace, by its path there, "
			"that ends in .png, .jpg, .jpeg, .gif or .webp, or one or two letters or "
			"an "
			"emoji, or an address (https:, http:, data:image/)");
	}
}
