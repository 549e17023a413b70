#include "text/text_secret.h"

#include "text/text.h"

#define BEARER_LEAST 18
#define TELEGRAM_DIGITS 6
#define TELEGRAM_TAIL 30

static const struct {
	struct span prefix;
	size_t least; /* bytes behind the prefix */
	const char *kind;
} shapes[] = {
	{SPAN("sk-ant-"), 20, "an Anthropic key"},
	{SPAN("sk-or-"), 20, "an OpenRouter key"},
	{SPAN("sk-"), 20, "an API key"},
	{SPAN("gsk_"), 20, "a Groq key"},
	{SPAN("AIza"), 30, "a Google key"},
	{SPAN("pplx-"), 20, "a Perplexity key"},
	{SPAN("npm_"), 30, "an npm token"},
	{SPAN("ghp_"), 30, "a GitHub token"},
	{SPAN("gho_"), 30, "a GitHub token"},
	{SPAN("ghs_"), 30, "a GitHub token"},
	{SPAN("github_pat_"), 30, "a GitHub token"},
	{SPAN("glpat-"), 18, "a GitLab token"},
	{SPAN("xoxb-"), 16, "a Slack token"},
	{SPAN("xoxa-"), 16, "a Slack token"},
	{SPAN("xoxp-"), 16, "a Slack token"},
	{SPAN("xoxr-"), 16, "a Slack token"},
	{SPAN("xoxs-"), 16, "a Slack token"},
	{SPAN("xapp-"), 16, "a Slack token"},
	{SPAN("AKIA"), 16, "an AWS key"},
	{SPAN("Bearer "), BEARER_LEAST, "a bearer value"},
};

static bool
is_word(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-';
}

static bool
is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

/* Bytes of a credential from i on. */
static size_t
run_from(struct span s, size_t i)
{
	size_t n = 0;

	while (i + n < s.len &&
		(is_word(s.ptr[i + n]) || s.ptr[i + n] == '.' || s.ptr[i + n] == '+' ||
			s.ptr[i + n] == '/' || s.ptr[i + n] == '='))
		n++;
	return n;
}

/* 123456789:AA... */
static size_t
telegram_at(struct span s, size_t i)
{
	size_t n = 0;
	size_t tail = 0;

	while (i + n < s.len && is_digit(s.ptr[i + n]))
		n++;
	if (n < TELEGRAM_DIGITS || i + n >= s.len || s.ptr[i + n] != ':')
		return 0;
	n++;
	while (i + n + tail < s.len && is_word(s.ptr[i + n + tail]))
		tail++;
	return tail < TELEGRAM_TAIL ? 0 : n + tail;
}

static size_t
shape_at(struct span s, size_t i, const char **kind)
{
	struct span rest = span_sub(s, i, SIZE_MAX);
	size_t n;

	for (size_t k = 0; k < sizeof(shapes) / sizeof(shapes[0]); k++) {
		if (!span_starts_with(rest, shapes[k].prefix))
			continue;
		n = run_from(rest, shapes[k].prefix.len);
		if (n < shapes[k].least)
			continue;
		*kind = shapes[k].kind;
		return shapes[k].prefix.len + n;
	}
	n = telegram_at(s, i);
	*kind = n > 0 ? "a Telegram bot's token" : *kind;
	return n;
}

struct span
text_secret_find(struct span s, const char **kind)
{
	ptrdiff_t pem = span_find(s, SPAN("PRIVATE KEY-----"));

	*kind = NULL;
	if (pem >= 0) {
		*kind = "a private key";
		return span_sub(s, (size_t)pem, 16);
	}
	for (size_t i = 0; i < s.len; i++) {
		size_t n = i > 0 && is_word(s.ptr[i - 1]) ? 0 : shape_at(s, i, kind);

		if (n > 0)
			return span_sub(s, i, n);
	}
	return SPAN_EMPTY;
}

bool
text_secret_is_name(struct span name)
{
	static const struct span ends[] = {SPAN("token"), SPAN("password"), SPAN("passwd"),
		SPAN("secret"), SPAN("apikey"), SPAN("api_key"), SPAN("passphrase"),
		SPAN("privatekey"), SPAN("private_key"), SPAN("serviceaccount"),
		SPAN("authorization"), SPAN("x-api-key")};

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		if (name.len >= ends[i].len &&
			span_eq_nocase(
				span_sub(name, name.len - ends[i].len, ends[i].len), ends[i]))
			return true;
	}
	return false;
}

struct span
text_secret_reference(struct span value)
{
	if (value.len < 4 || !span_starts_with(value, SPAN("${")) ||
		span_find_byte(value, '}') != (ptrdiff_t)value.len - 1)
		return SPAN_EMPTY;
	return span_sub(value, 2, value.len - 3);
}

static bool
holds_nocase(struct span s, struct span word)
{
	for (size_t i = 0; i + word.len <= s.len; i++) {
		if (span_eq_nocase(span_sub(s, i, word.len), word))
			return true;
	}
	return false;
}

static bool
is_guessable(struct span s)
{
	static const struct span words[] = {SPAN("password"), SPAN("changeme"), SPAN("change-me"),
		SPAN("example"), SPAN("secret"), SPAN("12345678"), SPAN("qwerty"), SPAN("letmein"),
		SPAN("moltbot"), SPAN("clawdbot"), SPAN("openclaw"), SPAN("your-"), SPAN("your_"),
		SPAN("replace"), SPAN("xxxx")};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (holds_nocase(s, words[i]))
			return true;
	}
	return false;
}

unsigned
text_secret_bits(struct span s)
{
	/* 16 times the logarithm of the number of different bytes, to base 2 */
	static const uint8_t log16[] = {0, 0, 16, 25, 32, 37, 41, 45, 48, 51, 53, 55, 57, 59, 61,
		63, 64, 65, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76, 77, 78, 79, 79, 80};
	bool seen[256] = {false};
	size_t distinct = 0;

	/* a long random value may hold a word by chance; a short one with a word is that word */
	if (is_guessable(s) && s.len < 40)
		return 0;
	for (size_t i = 0; i < s.len; i++) {
		distinct += !seen[s.ptr[i]];
		seen[s.ptr[i]] = true;
	}
	if (distinct >= sizeof(log16))
		distinct = sizeof(log16) - 1;
	return s.len > 65536 ? 65536 : (unsigned)(s.len * log16[distinct] / 16);
}
