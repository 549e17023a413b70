/* agent: life cycle of the zygote and of the processes it forks, one a run. */
#include "agent_answer.h"

#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"
#include "proto/zygote.h"

static struct agent self;

static int
setup(struct child *child, struct jail_env *env)
{
	(void)env;
	child->ctx = &self;
	self.child = child;
	self.run = child->instance;
	arena_init(&self.arena, AGENT_MEMORY_MAX);
	buf_init(&self.model_data, EGRESS_BODY_MAX);
	buf_init(&self.model_detail, 512);
	return 0;
}

static void
ahead(void)
{
	agent_answer_ahead(&agent_format_openai);
}

/* Without core there is nobody to answer to. */
static void
on_peer_gone(struct child *child, uint8_t kind, struct ipc_chan *chan)
{
	(void)kind;
	(void)chan;
	self.gone = true;
	child_stop(child);
}

static const struct child_spec agent_spec = {
	.kind = KIND_AGENT,
	.name = "agent",
	.jail = &agent_jail,
	.jail_first = true,
	.ahead = ahead,
	.links = agent_links,
	.nlinks = 1,
	.setup = setup,
	.peer_gone = on_peer_gone,
};

static void
on_fork(struct child *child, uint8_t kind, uint64_t instance, int control)
{
	if (kind == KIND_AGENT)
		zygote_fork(child, &agent_spec, instance, control);
	else
		close(control);
}

static const struct child_spec zygote_spec = {
	.kind = KIND_AGENT_ZYGOTE,
	.name = "agent/zygote",
	.jail = &agent_zygote_jail,
	.start = zygote_start,
	.fork = on_fork,
};

int
main(int argc, char **argv)
{
	static const struct child_spec *const specs[] = {&agent_spec, &zygote_spec};

	return child_main(specs, 2, argc, argv);
}
