/* Packed labels of other processes: what unpacks is valid and packs to the same bytes; a join only falls. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "label/label.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t packed[LABEL_PACKED_LEN];
	struct label a;
	struct label b;
	struct label both;

	if (label_unpack(span_of(data, size), &a) == 0) {
		label_pack(a, packed);
		if (!label_is_valid(a) || size != sizeof(packed) || memcmp(packed, data, size) != 0)
			abort();
	}
	if (size < 2 * sizeof(packed) || label_unpack(span_of(data, sizeof(packed)), &a) < 0 ||
		label_unpack(span_of(data + sizeof(packed), sizeof(packed)), &b) < 0)
		return 0;
	both = label_join(a, b);
	if (!label_is_valid(both) || !label_is_equal(both, label_join(b, a)) ||
		!label_is_equal(both, label_join(both, a)) ||
		label_is_tainted(both) < (label_is_tainted(a) || label_is_tainted(b)))
		abort();
	return 0;
}
