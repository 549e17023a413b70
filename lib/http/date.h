/* Dates of conditional requests (RFC 9110, 5.6.7): the form that is written today, and the two that must still be read. */
#ifndef HTTP_DATE_H
#define HTTP_DATE_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/span.h"

/* now: for the century of a year with two digits. ERR_SYNTAX; ERR_RANGE for a day or time that there is not, or before 1970. */
int http_date_parse(struct span s, time_t now, time_t *out);

#endif
