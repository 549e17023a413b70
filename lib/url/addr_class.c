#include <stddef.h>

#include "url/addr.h"

struct block {
	uint8_t prefix[16];
	uint8_t len; /* bits */
	enum addr_class class;
};

#define V4(a, b, c, d)                                                                             \
	{                                                                                          \
		a, b, c, d                                                                         \
	}
/* An IPv6 prefix as eight groups. */
#define G(x) (uint8_t)((x) >> 8), (uint8_t)((x)&0xff)
#define V6(a, b, c, d, e, f, g, h)                                                                 \
	{                                                                                          \
		G(a), G(b), G(c), G(d), G(e), G(f), G(g), G(h)                                     \
	}

/*
 * IANA IPv4 special-purpose registry, and the whole classes D and E. What the registry calls
 * globally reachable but is an anycast service of the network itself (PCP, TURN, AS112, AMT) has
 * its own class: no web server lives there.
 */
static const struct block v4_blocks[] = {
	{V4(0, 0, 0, 0), 0, ADDR_GLOBAL},
	{V4(0, 0, 0, 0), 8, ADDR_UNSPECIFIED},
	{V4(10, 0, 0, 0), 8, ADDR_PRIVATE},
	{V4(100, 64, 0, 0), 10, ADDR_CGNAT},
	{V4(127, 0, 0, 0), 8, ADDR_LOOPBACK},
	{V4(169, 254, 0, 0), 16, ADDR_LINK_LOCAL},
	{V4(172, 16, 0, 0), 12, ADDR_PRIVATE},
	{V4(192, 0, 0, 0), 24, ADDR_PROTOCOL},
	{V4(192, 0, 0, 9), 32, ADDR_ANYCAST},  /* PCP */
	{V4(192, 0, 0, 10), 32, ADDR_ANYCAST}, /* TURN */
	{V4(192, 0, 0, 170), 31, ADDR_NAT64},  /* NAT64 and DNS64 discovery */
	{V4(192, 0, 2, 0), 24, ADDR_DOCUMENTATION},
	{V4(192, 31, 196, 0), 24, ADDR_ANYCAST},  /* AS112 */
	{V4(192, 52, 193, 0), 24, ADDR_ANYCAST},  /* AMT */
	{V4(192, 88, 99, 0), 24, ADDR_SIXTOFOUR}, /* relay anycast, deprecated */
	{V4(192, 168, 0, 0), 16, ADDR_PRIVATE},
	{V4(192, 175, 48, 0), 24, ADDR_ANYCAST}, /* AS112 */
	{V4(198, 18, 0, 0), 15, ADDR_BENCHMARKING},
	{V4(198, 51, 100, 0), 24, ADDR_DOCUMENTATION},
	{V4(203, 0, 113, 0), 24, ADDR_DOCUMENTATION},
	{V4(224, 0, 0, 0), 4, ADDR_MULTICAST},
	{V4(240, 0, 0, 0), 4, ADDR_RESERVED},
	{V4(255, 255, 255, 255), 32, ADDR_BROADCAST},
};

/* IANA IPv6 special-purpose registry; of the rest only 2000::/3 is allocated for global unicast
 * (RFC 4291). */
static const struct block v6_blocks[] = {
	{V6(0, 0, 0, 0, 0, 0, 0, 0), 0, ADDR_RESERVED},
	{V6(0x2000, 0, 0, 0, 0, 0, 0, 0), 3, ADDR_GLOBAL},
	{V6(0, 0, 0, 0, 0, 0, 0, 0), 96, ADDR_COMPATIBLE},
	{V6(0, 0, 0, 0, 0, 0, 0, 0), 128, ADDR_UNSPECIFIED},
	{V6(0, 0, 0, 0, 0, 0, 0, 1), 128, ADDR_LOOPBACK},
	{V6(0, 0, 0, 0, 0, 0xffff, 0, 0), 96, ADDR_MAPPED},
	{V6(0, 0, 0, 0, 0xffff, 0, 0, 0), 96, ADDR_TRANSLATED}, /* RFC 2765, obsolete */
	{V6(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96, ADDR_NAT64},
	{V6(0x64, 0xff9b, 1, 0, 0, 0, 0, 0), 48, ADDR_NAT64},
	{V6(0x100, 0, 0, 0, 0, 0, 0, 0), 64, ADDR_DISCARD},
	{V6(0x100, 0, 0, 1, 0, 0, 0, 0), 64, ADDR_DISCARD}, /* dummy prefix */
	{V6(0x2001, 0, 0, 0, 0, 0, 0, 0), 23, ADDR_PROTOCOL},
	{V6(0x2001, 0, 0, 0, 0, 0, 0, 0), 32, ADDR_TEREDO},
	{V6(0x2001, 1, 0, 0, 0, 0, 0, 1), 128, ADDR_ANYCAST}, /* PCP */
	{V6(0x2001, 1, 0, 0, 0, 0, 0, 2), 128, ADDR_ANYCAST}, /* TURN */
	{V6(0x2001, 1, 0, 0, 0, 0, 0, 3), 128, ADDR_ANYCAST}, /* DNS-SD SRP */
	{V6(0x2001, 2, 0, 0, 0, 0, 0, 0), 48, ADDR_BENCHMARKING},
	{V6(0x2001, 3, 0, 0, 0, 0, 0, 0), 32, ADDR_ANYCAST},     /* AMT */
	{V6(0x2001, 4, 0x112, 0, 0, 0, 0, 0), 48, ADDR_ANYCAST}, /* AS112 */
	{V6(0x2001, 0x10, 0, 0, 0, 0, 0, 0), 28, ADDR_ORCHID},
	{V6(0x2001, 0x20, 0, 0, 0, 0, 0, 0), 28, ADDR_ORCHID}, /* version 2 */
	{V6(0x2001, 0x30, 0, 0, 0, 0, 0, 0), 28, ADDR_ORCHID}, /* drone entity tags */
	{V6(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32, ADDR_DOCUMENTATION},
	{V6(0x2002, 0, 0, 0, 0, 0, 0, 0), 16, ADDR_SIXTOFOUR},
	{V6(0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0), 48, ADDR_ANYCAST}, /* AS112 */
	{V6(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20, ADDR_DOCUMENTATION},
	{V6(0x5f00, 0, 0, 0, 0, 0, 0, 0), 16, ADDR_SRV6},
	{V6(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7, ADDR_UNIQUE_LOCAL},
	{V6(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10, ADDR_LINK_LOCAL},
	{V6(0xfec0, 0, 0, 0, 0, 0, 0, 0), 10, ADDR_SITE_LOCAL},
	{V6(0xff00, 0, 0, 0, 0, 0, 0, 0), 8, ADDR_MULTICAST},
};

static const char *const class_texts[] = {
#define ADDR_CLASS(name, text) text,
#include "url/addr_class.def"
#undef ADDR_CLASS
};

static bool
is_within(const uint8_t *bytes, const struct block *b)
{
	for (unsigned bit = 0; bit < b->len; bit += 8) {
		unsigned n = b->len - bit < 8 ? b->len - bit : 8;

		if (((bytes[bit / 8] ^ b->prefix[bit / 8]) >> (8 - n)) != 0)
			return false;
	}
	return true;
}

static enum addr_class
most_specific(const uint8_t *bytes, const struct block *blocks, size_t n)
{
	const struct block *best = NULL;

	for (size_t i = 0; i < n; i++) {
		if ((best == NULL || blocks[i].len > best->len) && is_within(bytes, &blocks[i]))
			best = &blocks[i];
	}
	return best == NULL ? ADDR_UNKNOWN : best->class;
}

/* RFC 5214 section 6.1: interface identifier 00-00-5E-FE with the u and g bits free, then the IPv4
 * address. */
static bool
has_isatap_id(const uint8_t *bytes)
{
	return (bytes[8] & 0xfc) == 0 && bytes[9] == 0 && bytes[10] == 0x5e && bytes[11] == 0xfe;
}

enum addr_class
addr_classify(const struct addr *a)
{
	enum addr_class class;

	if (a->family == 4)
		return most_specific(a->bytes, v4_blocks, sizeof(v4_blocks) / sizeof(v4_blocks[0]));
	if (a->family != 6)
		return ADDR_UNKNOWN;
	class = most_specific(a->bytes, v6_blocks, sizeof(v6_blocks) / sizeof(v6_blocks[0]));
	return class == ADDR_GLOBAL && has_isatap_id(a->bytes) ? ADDR_ISATAP : class;
}

bool
addr_is_global(const struct addr *a)
{
	return addr_classify(a) == ADDR_GLOBAL;
}

const char *
addr_class_text(enum addr_class c)
{
	return class_texts[(unsigned)c < ADDR_CLASSES ? c : ADDR_UNKNOWN];
}
