#include "jail/jail.h"
#include "jail_calls.h"

#include <sys/resource.h>

static const char *const layer_names[JAIL_LAYERS] = {"nnp", "seccomp", "landlock", "landlock-tcp",
	"landlock-scope", "netns", "root", "ipcns", "uid", "caps", "limits", "nodump", "mdwe",
	"pdeath", "pidns", "cgroup"};
static const char *const group_names[] = {"base", "memfd", "fdata", "fs", "accept", "connect",
	"pair", "fork", "threads", "exec", "ident", "ns", "lockdown", "program", "eventfd"};

const char *
jail_layer_name(unsigned bit)
{
	for (int i = 0; i < JAIL_LAYERS; i++)
		if (bit == 1u << i)
			return layer_names[i];
	return "none";
}

const char *
jail_tier_name(enum jail_tier tier)
{
	switch (tier) {
	case JAIL_TIER_FULL:
		return "full";
	case JAIL_TIER_USERNS:
		return "userns";
	case JAIL_TIER_LANDLOCK_UID:
		return "landlock+uid";
	case JAIL_TIER_LANDLOCK:
		return "landlock";
	case JAIL_TIER_NONE:
		break;
	}
	return "none";
}

void
jail_print_layers(uint32_t layers, struct buf *out)
{
	bool first = true;

	for (int i = 0; i < JAIL_LAYERS; i++) {
		if ((layers & 1u << i) == 0)
			continue;
		if (!first)
			(void)buf_put_u8(out, ' ');
		(void)buf_put_cstr(out, layer_names[i]);
		first = false;
	}
}

static void
print_groups(const struct jail_spec *spec, struct buf *out)
{
	bool first = true;

	for (size_t i = 0; i < sizeof(group_names) / sizeof(group_names[0]); i++) {
		if ((spec->groups & 1u << i) == 0)
			continue;
		if (!first)
			(void)buf_put_u8(out, ' ');
		(void)buf_put_cstr(out, group_names[i]);
		first = false;
	}
}

static void
print_rule(const struct jail_rule *r, struct buf *out)
{
	static const char *const acts[] = {"allow", "errno", "kill"};
	const char *name = jail_call_name(r->nr);

	(void)buf_put_cstr(out, acts[r->act]);
	if (r->act == JAIL_ERRNO)
		(void)buf_put_fmt(out, "(%d)", r->err);
	(void)buf_put_u8(out, ' ');
	if (name != NULL)
		(void)buf_put_cstr(out, name);
	else
		(void)buf_put_fmt(out, "call %d", r->nr);
	if (r->cmp == JAIL_MASK32)
		(void)buf_put_fmt(out, " when arg%u & 0x%x == 0x%llx", r->arg, r->mask,
			(unsigned long long)r->value);
	if (r->cmp == JAIL_EQ64)
		(void)buf_put_fmt(
			out, " when arg%u == 0x%llx", r->arg, (unsigned long long)r->value);
}

static void
print_path(const struct jail_path *p, struct buf *out)
{
	if (p->path != NULL)
		(void)buf_put_cstr(out, p->path);
	else
		(void)buf_put_fmt(out, "descriptor %u", p->slot);
	(void)buf_put_fmt(out, " (%s%s%s%s%s)", p->access & JAIL_READ ? "r" : "",
		p->access & JAIL_WRITE ? "w" : "", p->access & JAIL_EXECUTE ? "x" : "",
		p->access & JAIL_MAKE_SPECIAL ? "s" : "", p->access & JAIL_DEVICE ? "d" : "");
}

static uint32_t
all_layers(const struct jail_spec *spec)
{
	uint32_t layers = spec->layers | spec->required | JAIL_L_NNP | JAIL_L_SECCOMP |
			  JAIL_L_CAPS | JAIL_L_LIMITS | JAIL_L_NODUMP;

	if (spec->landlock)
		layers |= JAIL_L_LANDLOCK_FS | JAIL_L_LANDLOCK_SCOPE |
			  (spec->tcp ? 0u : JAIL_L_LANDLOCK_NET);
	return layers;
}

void
jail_print(const struct jail_spec *spec, struct buf *out)
{
	(void)buf_put_fmt(
		out, "%s: %s\n  layers: ", spec->name, spec->purpose != NULL ? spec->purpose : "");
	jail_print_layers(all_layers(spec), out);
	(void)buf_put_cstr(out, "\n  required: ");
	jail_print_layers(spec->required | JAIL_L_NNP | JAIL_L_SECCOMP | JAIL_L_CAPS |
				  JAIL_L_LIMITS | JAIL_L_NODUMP,
		out);
	(void)buf_put_cstr(out, "\n  calls: ");
	print_groups(spec, out);
	(void)buf_put_fmt(out, " (filter of %d instructions; otherwise ", jail_filter_len(spec));
	if (spec->deny_errno == 0)
		(void)buf_put_cstr(out, "killed)\n");
	else
		(void)buf_put_fmt(out, "errno %d)\n", spec->deny_errno);
	for (const struct jail_rule *r = spec->rules; r != NULL && r->nr >= 0; r++) {
		(void)buf_put_cstr(out, "  rule: ");
		print_rule(r, out);
		(void)buf_put_u8(out, '\n');
	}
	(void)buf_put_cstr(out, "  files:");
	if (!spec->landlock)
		(void)buf_put_cstr(out, " not limited by Landlock");
	else if (spec->paths == NULL)
		(void)buf_put_cstr(out, " none");
	for (const struct jail_path *p = spec->paths; p != NULL && p->access != 0; p++) {
		(void)buf_put_u8(out, ' ');
		print_path(p, out);
	}
	(void)buf_put_fmt(
		out, "\n  capabilities kept: %llx\n", (unsigned long long)spec->keep_caps);
}

static void
json_list_end(struct buf *out)
{
	if (out->len > 0 && out->ptr[out->len - 1] == ',')
		out->len--;
	(void)buf_put_u8(out, ']');
}

static void
json_words(const struct jail_spec *spec, uint32_t bits, bool groups, struct buf *out)
{
	(void)spec;
	(void)buf_put_u8(out, '[');
	for (unsigned i = 0; i < JAIL_LAYERS; i++) {
		if ((bits & 1u << i) == 0 ||
			(groups && i >= sizeof(group_names) / sizeof(group_names[0])))
			continue;
		(void)buf_put_fmt(out, "\"%s\",", groups ? group_names[i] : layer_names[i]);
	}
	json_list_end(out);
}

/* Names, paths and purposes are literals of ours without quotes or backslashes. */
void
jail_print_json(const struct jail_spec *spec, struct buf *out)
{
	(void)buf_put_fmt(out, "{\"name\":\"%s\",\"purpose\":\"%s\",\"layers\":", spec->name,
		spec->purpose != NULL ? spec->purpose : "");
	json_words(spec, all_layers(spec), false, out);
	(void)buf_put_cstr(out, ",\"calls\":");
	json_words(spec, spec->groups, true, out);
	(void)buf_put_fmt(out, ",\"filter\":%d,\"denied\":%d,\"rules\":[", jail_filter_len(spec),
		spec->deny_errno);
	for (const struct jail_rule *r = spec->rules; r != NULL && r->nr >= 0; r++) {
		(void)buf_put_u8(out, '"');
		print_rule(r, out);
		(void)buf_put_cstr(out, "\",");
	}
	json_list_end(out);
	(void)buf_put_fmt(out, ",\"landlock\":%s,\"files\":[", spec->landlock ? "true" : "false");
	for (const struct jail_path *p = spec->paths; p != NULL && p->access != 0; p++) {
		(void)buf_put_u8(out, '"');
		print_path(p, out);
		(void)buf_put_cstr(out, "\",");
	}
	json_list_end(out);
	(void)buf_put_fmt(out, ",\"keep_caps\":%llu}", (unsigned long long)spec->keep_caps);
}
