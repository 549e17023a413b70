/* Internet addresses as literals: reading and writing them, and what kind of network an address
 * belongs to. */
#ifndef URL_ADDR_H
#define URL_ADDR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

/* family is 4 or 6; 0 (zeroed memory) is no address. An IPv4 address uses the first four bytes, the
 * rest are 0. */
struct addr {
	uint8_t family;
	uint8_t bytes[16]; /* network byte order */
};

#define ADDR_TEXT_MAX 46 /* longest text with its NUL */

/*
 * IPv4: four decimal numbers 0 to 255 without leading zeros, nothing else (no hex, octal, short or
 * long forms). 0 or ERR_SYNTAX with *out zeroed.
 */
int addr_parse_v4(struct span s, struct addr *out);

/* IPv6 (RFC 4291 section 2.2): every form of it, without brackets and without a zone. 0 or
 * ERR_SYNTAX. */
int addr_parse_v6(struct span s, struct addr *out);

/* Either of the two. */
int addr_parse(struct span s, struct addr *out);

/* Canonical text (IPv6 as in RFC 5952, lower-case) with a NUL; returns its length, 0 (and "") for
 * no address. */
size_t addr_format(const struct addr *a, char out[ADDR_TEXT_MAX]);

/*
 * The address that a socket's call gave (getpeername, getsockname), a mapped IPv4 one as IPv4; no address for another family.
 * *port: in host order, left as it is for another family.
 */
struct sockaddr_storage;
struct addr addr_from_socket(const struct sockaddr_storage *ss, uint16_t *port);

bool addr_is_equal(const struct addr *a, const struct addr *b);

/* The kinds of networks. GLOBAL alone may be reached by anybody's request; zero is the class of
 * what is unknown. */
enum addr_class {
#define ADDR_CLASS(name, text) ADDR_##name,
#include "url/addr_class.def"
#undef ADDR_CLASS
	ADDR_CLASSES
};

/*
 * The class of an address, from the IANA special-purpose address registries for IPv4 and IPv6 (as
 * of 2025-10-09), the IPv4 and IPv6 address space registries (multicast, reserved), RFC 3879
 * (site-local) and RFC 5214 (ISATAP interface identifiers under any prefix). The most specific row
 * decides. Addresses that carry an IPv4 address (mapped, 6to4, Teredo, NAT64, ISATAP) are never
 * GLOBAL, whatever they carry: the other end of such a tunnel is not checked.
 */
enum addr_class addr_classify(const struct addr *a);

/* GLOBAL: a globally reachable unicast address. False for no address. */
bool addr_is_global(const struct addr *a);

/* "loopback", "private network (RFC 1918)"; never NULL. */
const char *addr_class_text(enum addr_class c);

#endif
