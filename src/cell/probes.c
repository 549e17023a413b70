#include "cell.h"
void
cell_prove(unsigned level, unsigned profile, const struct cell_setup *setup, uint32_t host_pid)
{
	(void)level;
	(void)profile;
	(void)setup;
	(void)host_pid;
}
