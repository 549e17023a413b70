#include "base/utc.h"

#include <stdbool.h>

#include "base/err.h"

#define DAY_S 86400
#define LAST_S 253402300799 /* 9999-12-31T23:59:59Z */
#define ERA_DAYS 146097     /* 400 years */

/*
 * The calendar's year is taken to begin in March, so that the leap day is its last: the months before it then have lengths that
 * one line of integers gives.
 */
static void
split_days(unsigned days, struct tm *out)
{
	unsigned n = days + 719468; /* from 0000-03-01 */
	unsigned era = n / ERA_DAYS;
	unsigned of_era = n % ERA_DAYS;
	unsigned year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	unsigned of_year = of_era - (365 * year + year / 4 - year / 100);
	unsigned month = (5 * of_year + 2) / 153; /* 0: March */
	bool next = month >= 10;
	unsigned calendar = era * 400 + year + next;
	bool leap = (calendar % 4 == 0 && calendar % 100 != 0) || calendar % 400 == 0;

	out->tm_mday = (int)(of_year - (153 * month + 2) / 5 + 1);
	out->tm_mon = (int)(next ? month - 10 : month + 2);
	out->tm_year = (int)calendar - 1900;
	out->tm_yday = (int)(next ? of_year - 306 : of_year + 59 + leap);
	out->tm_wday = (int)((days + 4) % 7);
}

int
utc_split(int64_t seconds, struct tm *out)
{
	bool known = seconds >= 0 && seconds <= LAST_S;
	int64_t s = known ? seconds : 0;
	unsigned of_day = (unsigned)(s % DAY_S);

	*out = (struct tm){.tm_hour = (int)(of_day / 3600),
		.tm_min = (int)(of_day / 60 % 60),
		.tm_sec = (int)(of_day % 60)};
	split_days((unsigned)(s / DAY_S), out);
	return known ? 0 : ERR_RANGE;
}
