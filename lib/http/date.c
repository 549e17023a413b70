#include "http/date.h"

#include <string.h>

#include "base/err.h"
#include "base/utc.h"

static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
static const char short_days[] = "SunMonTueWedThuFriSat";
static const char *const long_days[] = {
	"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};

struct parts {
	uint64_t year, month, day, hour, minute, second;
};

static bool
cut(struct span *s, const char *text)
{
	struct span t = span_from_cstr(text);

	if (!span_starts_with(*s, t))
		return false;
	*s = span_sub(*s, t.len, s->len);
	return true;
}

/* Exactly n digits. */
static bool
cut_number(struct span *s, size_t n, uint64_t *out)
{
	uint64_t v = 0;

	if (s->len < n)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (s->ptr[i] < '0' || s->ptr[i] > '9')
			return false;
		v = v * 10 + (uint64_t)(s->ptr[i] - '0');
	}
	*out = v;
	*s = span_sub(*s, n, s->len);
	return true;
}

/* One of names, of three letters each; *out counts from 1. */
static bool
cut_name(struct span *s, const char *names, uint64_t *out)
{
	for (size_t i = 0; names[3 * i] != 0; i++) {
		if (span_starts_with(*s, span_of(names + 3 * i, 3))) {
			*out = i + 1;
			*s = span_sub(*s, 3, s->len);
			return true;
		}
	}
	return false;
}

static bool
cut_time(struct span *s, struct parts *p)
{
	return cut_number(s, 2, &p->hour) && cut(s, ":") && cut_number(s, 2, &p->minute) &&
	       cut(s, ":") && cut_number(s, 2, &p->second);
}

/* Sun, 06 Nov 1994 08:49:37 GMT */
static bool
read_fixed(struct span s, struct parts *p)
{
	uint64_t day;

	return cut_name(&s, short_days, &day) && cut(&s, ", ") && cut_number(&s, 2, &p->day) &&
	       cut(&s, " ") && cut_name(&s, months, &p->month) && cut(&s, " ") &&
	       cut_number(&s, 4, &p->year) && cut(&s, " ") && cut_time(&s, p) && cut(&s, " GMT") &&
	       s.len == 0;
}

/* Sunday, 06-Nov-94 08:49:37 GMT: a year that seems more than 50 years ahead is in the century before */
static bool
read_long(struct span s, struct parts *p, uint64_t now_year)
{
	bool named = false;

	for (size_t i = 0; i < 7 && !named; i++)
		named = cut(&s, long_days[i]);
	if (!named || !cut(&s, ", ") || !cut_number(&s, 2, &p->day) || !cut(&s, "-") ||
		!cut_name(&s, months, &p->month) || !cut(&s, "-") || !cut_number(&s, 2, &p->year))
		return false;
	p->year += now_year / 100 * 100;
	if (p->year > now_year + 50)
		p->year -= 100;
	return cut(&s, " ") && cut_time(&s, p) && cut(&s, " GMT") && s.len == 0;
}

/* Sun Nov  6 08:49:37 1994 */
static bool
read_asctime(struct span s, struct parts *p)
{
	uint64_t day;

	if (!cut_name(&s, short_days, &day) || !cut(&s, " ") || !cut_name(&s, months, &p->month) ||
		!cut(&s, " "))
		return false;
	if (!(cut(&s, " ") ? cut_number(&s, 1, &p->day) : cut_number(&s, 2, &p->day)))
		return false;
	return cut(&s, " ") && cut_time(&s, p) && cut(&s, " ") && cut_number(&s, 4, &p->year) &&
	       s.len == 0;
}

/* Days from 1970-01-01 in the Gregorian calendar (years from 1970 on). */
static uint64_t
days_before(uint64_t year, uint64_t month)
{
	static const unsigned before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	uint64_t y = year - 1;

	return year * 365 + y / 4 - y / 100 + y / 400 - 719527 + before[month - 1] +
	       (leap && month > 2);
}

static unsigned
days_in(uint64_t year, uint64_t month)
{
	return (unsigned)(month == 12 ? 31
				      : days_before(year, month + 1) - days_before(year, month));
}

int
http_date_parse(struct span s, time_t now, time_t *out)
{
	struct parts p = {0};
	struct tm tm;

	if (utc_split(now, &tm) < 0)
		return ERR_RANGE;
	if (!read_fixed(s, &p) && !read_long(s, &p, (uint64_t)tm.tm_year + 1900) &&
		!read_asctime(s, &p))
		return ERR_SYNTAX;
	if (p.year < 1970 || p.month < 1 || p.month > 12 || p.day == 0 ||
		p.day > days_in(p.year, p.month) || p.hour > 23 || p.minute > 59 || p.second > 60)
		return ERR_RANGE;
	*out = (time_t)(((days_before(p.year, p.month) + p.day - 1) * 24 + p.hour) * 3600 +
			p.minute * 60 + p.second);
	return 0;
}
