/* Times of the calendar in UTC, without the C library's, which read the machine's time zone first: a jail forbids that. */
#ifndef BASE_UTC_H
#define BASE_UTC_H

#include <stdint.h>
#include <time.h>

/* All fields of out but the zone's. 0, or ERR_RANGE and 1970-01-01 for a time before 1970 or after 9999. */
int utc_split(int64_t seconds, struct tm *out);

#endif
