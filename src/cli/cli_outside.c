#include "cli_outside.h"

#include <errno.h>
#include <stdio.h>

#include "base/err.h"
#include "cli_run.h"

#define OUTPUT_MAX 65536

static unsigned
find(struct span name)
{
	unsigned i = 0;

	while (i < PROBE_N && !span_eq(name, span_from_cstr(probe_rows[i].name)))
		i++;
	return i;
}

/* Lines of "NAME NUMBER". */
static void
take_lines(struct cli_outside *out, unsigned profile, struct span text)
{
	while (text.len > 0) {
		struct span line = span_cut(&text, '\n');
		struct span name = span_cut(&line, ' ');
		unsigned i = find(name);
		uint64_t got;

		if (i == PROBE_N || span_to_u64(line, 0, 2 * PROBE_KILLED, &got) < 0)
			continue;
		out->tried[profile][i] = true;
		out->got[profile][i] = (int64_t)got;
	}
}

int
cli_outside_try(struct cli *cli, struct cli_outside *out)
{
	static const char *const profiles[] = {"0", "1"};

	*out = (struct cli_outside){0};
	for (unsigned profile = 0; profile < 2; profile++) {
		struct buf text = {.max = OUTPUT_MAX};
		int rc = cli_run(cli, "moltbot-cell",
			(const char *const[]){"outside", profiles[profile], cli->paths.state, NULL},
			true, &text);

		if (rc == 0)
			take_lines(out, profile, buf_span(&text));
		buf_clear(&text);
		if (rc != 0)
			return rc < 0 ? rc : ERR_SYS;
	}
	return 0;
}

enum cli_pairing
cli_outside_pairing(const struct cli_outside *o, struct span name, unsigned profile, char why[96])
{
	unsigned i = find(name);
	struct buf got = {.max = 64};
	bool held;

	if (i == PROBE_N || profile > 1 || !o->tried[profile][i]) {
		snprintf(why, 96, "not let loose outside");
		return CLI_UNTRIED;
	}
	/* whatever would count as held inside, in either kind of root, is no success; nor is a kernel without it */
	held = o->got[profile][i] == ENOSYS ||
	       probe_is_held(i, JAIL_TIER_FULL, o->got[profile][i]) ||
	       probe_is_held(i, JAIL_TIER_LANDLOCK, o->got[profile][i]);
	probe_put_got(o->got[profile][i], &got);
	if (held)
		snprintf(why, 96, "%.*s outside too", (int)got.len, (const char *)got.ptr);
	else if (o->got[profile][i] == PROBE_SUCCEEDED)
		snprintf(why, 96, "works");
	else
		snprintf(why, 96, "let in (%.*s)", (int)got.len, (const char *)got.ptr);
	buf_clear(&got);
	return held ? CLI_UNPAIRED : CLI_PAIRED;
}
