/* System events: short texts that wait for the next message of the main session. In memory only, as protocol 3 has it. */
#include "core/core.h"

#include <stdlib.h>

void
core_sysevent_put(struct core *core, struct span text)
{
	if (core->nsysevents == SYSEVENTS_MAX) {
		free(core->sysevents[0].text);
		for (unsigned i = 1; i < SYSEVENTS_MAX; i++)
			core->sysevents[i - 1] = core->sysevents[i];
		core->nsysevents--;
	}
	core->sysevents[core->nsysevents++] =
		(struct core_sysevent){.text = mem_copy(text), .len = text.len};
}

void
core_sysevents_list(const struct core *core, struct args_out *out)
{
	for (unsigned i = 0; i < core->nsysevents; i++)
		args_out_str(out, NULL, span_of(core->sysevents[i].text, core->sysevents[i].len));
}

void
core_sysevents_take(struct core *core, struct buf *out)
{
	for (unsigned i = 0; i < core->nsysevents; i++) {
		(void)buf_put_cstr(out, out->len == 0 ? "System event: " : "\nSystem event: ");
		(void)buf_put(out, span_of(core->sysevents[i].text, core->sysevents[i].len));
		free(core->sysevents[i].text);
	}
	core->nsysevents = 0;
}
