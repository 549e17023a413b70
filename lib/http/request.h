/* Between reader.c and request.c; private to lib/http. */
#ifndef HTTP_REQUEST_H
#define HTTP_REQUEST_H

#include "http/http.h"

/* head: a complete head whose characters and line structure reader.c has checked. 0 or the status
 * to answer. */
unsigned http_request_parse(struct span head, struct http_request *req);

#endif
