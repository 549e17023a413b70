#include "gate/gate.h"

#include "args/args.h"
#include "base/err.h"

/* Sixteen hex digits, most significant first. */
static int
mask_from_hex(struct span s, uint64_t *out)
{
	*out = 0;
	if (s.len != 16)
		return ERR_SYNTAX;
	for (size_t i = 0; i < s.len; i++) {
		ptrdiff_t digit = span_find_byte(SPAN("0123456789abcdef"), s.ptr[i]);

		if (digit < 0)
			return ERR_SYNTAX;
		*out = *out << 4 | (uint64_t)digit;
	}
	return 0;
}

/* Absent keeps *out; anything that is there and not good is an error. */
static int
read_u64(struct span slice, const char *name, uint64_t max, uint64_t *out)
{
	uint64_t v;
	int rc = args_get_u64(slice, name, 0, max, &v);

	if (rc == 0)
		*out = v;
	return rc == ERR_NOTFOUND ? 0 : rc;
}

static int
read_mask(struct span slice, const char *name, uint64_t *out)
{
	struct span hex;
	uint64_t v;
	int rc;

	if (args_get_str(slice, name, &hex) != 0)
		return read_u64(slice, name, UINT64_MAX, out);
	rc = mask_from_hex(hex, &v);
	if (rc == 0)
		*out = v;
	return rc;
}

int
gate_policy_read(struct span slice, struct gate_policy *out)
{
	struct gate_policy p = {
		.allow = UINT64_MAX, .tokens = UINT64_MAX, .tools = tool_rows, .ntools = TOOL_N};
	uint64_t tool_calls = RUN_TOOL_CALLS_MAX;
	uint64_t model_calls = RUN_MODEL_CALLS_MAX;
	int rc = read_mask(slice, "tools.allow_mask", &p.allow);

	*out = (struct gate_policy){0};
	if (rc == 0)
		rc = read_mask(slice, "tools.deny_mask", &p.deny);
	if (rc == 0)
		rc = read_mask(slice, "provider.rows", &p.providers);
	if (rc == 0)
		rc = read_u64(slice, "run.tool_calls", UINT32_MAX - 1, &tool_calls);
	if (rc == 0)
		rc = read_u64(slice, "run.model_calls", UINT32_MAX - 1, &model_calls);
	if (rc == 0)
		rc = read_u64(slice, "run.tokens", UINT64_MAX - 1, &p.tokens);
	if (rc < 0)
		return rc;
	p.tool_calls = (uint32_t)tool_calls;
	p.model_calls = (uint32_t)model_calls;
	*out = p;
	return 0;
}
