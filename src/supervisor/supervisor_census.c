/* Which processes there are, kind by kind: numbers for core, which shows them to operators. */
#include "supervisor.h"

#include "proto/child.def.h"

static void
add_child(const struct sup *sup, struct child_census_row *row, const struct sup_child *c)
{
	uint64_t age = ev_now_ms(sup->ev) - c->started_ms;

	switch (c->state) {
	case SUP_UP:
		row->up++;
		row->age_ms = age > row->age_ms ? age : row->age_ms;
		break;
	case SUP_STARTING:
	case SUP_READY:
		row->starting++;
		break;
	case SUP_WAITING:
		row->waiting++;
		break;
	case SUP_FREE:
	case SUP_SPARE: /* nobody yet */
		break;
	}
}

void
supervisor_census(const struct sup *sup, struct ipc_chan *to)
{
	struct child_census_row rows[KIND_N] = {{0}};

	for (size_t i = 0; i < sup->nchildren; i++) {
		const struct sup_child *c = &sup->children[i];

		if (c->state != SUP_FREE)
			add_child(sup, &rows[c->kind], c);
	}
	for (size_t i = 0; i < SUP_TASKS_MAX; i++) {
		if (sup->tasks[i].used)
			rows[sup->tasks[i].kind].up++;
	}
	rows[KIND_SUPERVISOR].up = 1;
	for (unsigned k = 0; k < KIND_N; k++) {
		rows[k].kind = (uint8_t)k;
		rows[k].last = k + 1 == KIND_N;
		rows[k].crashes = sup->crashes[k];
		if (sup->crashes[k] > 0)
			rows[k].crashed_ago_ms = ev_now_ms(sup->ev) - sup->crashed_ms[k];
		(void)child_census_row_send(to, &rows[k]);
	}
}
