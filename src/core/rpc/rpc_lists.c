#include "core/rpc/rpc.h"

/* ---- one agent, one model, no nodes, no channels ---- */

static struct span
agent_name(const struct rpc_call *call)
{
	return core_agent_name(call->core);
}

void
rpc_agents_list(struct rpc_call *call)
{
	struct args_out out;
	struct buf b;

	core_args_init(&out, &b);
	args_out_cstr(&out, "defaultId", "main");
	args_out_cstr(&out, "mainKey", "main");
	args_out_cstr(&out, "scope", "per-sender");
	args_out_array(&out, "agents");
	args_out_object(&out, NULL);
	args_out_cstr(&out, "id", "main");
	args_out_str(&out, "name", agent_name(call));
	args_out_end(&out);
	args_out_end(&out);
	rpc_result(call, &out, &b);
}

void
rpc_agent_identity(struct rpc_call *call)
{
	struct args_out out;
	struct buf b;
	struct buf key;
	struct span spelling;

	if (!rpc_agent_is_ours(call) || !rpc_session_key(call, "sessionKey", &spelling, &key))
		return;
	buf_clear(&key);
	core_args_init(&out, &b);
	args_out_cstr(&out, "agentId", "main");
	args_out_str(&out, "name",
		child_option_str(call->core->child, "assistant.name", agent_name(call)));
	args_out_str(
		&out, "avatar", child_option_str(call->core->child, "assistant.avatar", SPAN("A")));
	rpc_result(call, &out, &b);
}

/* Only a picture in the workspace has to be read; everything else is in agent.identity.get. */
void
rpc_avatar(struct rpc_call *call)
{
	struct span avatar = child_option_str(call->core->child, "assistant.avatar", SPAN_EMPTY);
	struct args_out out;
	struct buf b;

	if (!rpc_agent_is_ours(call))
		return;
	if (span_starts_with(avatar, SPAN(AVATAR_URL))) {
		core_picture_ask(call->core, call->caller);
		return;
	}
	core_args_init(&out, &b);
	args_out_cstr(&out, "why", "no file of the workspace is configured");
	rpc_result(call, &out, &b);
}

void
rpc_models_list(struct rpc_call *call)
{
	struct span model = core_model_name(call->core);
	struct args_out out;
	struct buf b;

	core_args_init(&out, &b);
	args_out_array(&out, "models");
	args_out_object(&out, NULL);
	args_out_str(&out, "id", model);
	args_out_str(&out, "name", model);
	args_out_str(&out, "provider", core_provider_name(call->core));
	args_out_end(&out);
	args_out_end(&out);
	rpc_result(call, &out, &b);
}

void
rpc_node_list(struct rpc_call *call)
{
	struct args_out out;
	struct buf b;

	core_args_init(&out, &b);
	args_out_u64(&out, "ts", ev_wall_ms());
	args_out_array(&out, "nodes");
	args_out_end(&out);
	rpc_result(call, &out, &b);
}

void
rpc_node_pair_list(struct rpc_call *call)
{
	struct args_out out;
	struct buf b;

	core_args_init(&out, &b);
	args_out_array(&out, "pending");
	args_out_end(&out);
	args_out_array(&out, "paired");
	args_out_end(&out);
	rpc_result(call, &out, &b);
}

void
rpc_channels_status(struct rpc_call *call)
{
	static const char *const objects[] = {"channelLabels", "channelDetailLabels",
		"channelSystemImages", "channels", "channelAccounts", "channelDefaultAccountId"};
	struct args_out out;
	struct buf b;

	core_args_init(&out, &b);
	args_out_u64(&out, "ts", ev_wall_ms());
	args_out_array(&out, "channelOrder");
	args_out_end(&out);
	args_out_array(&out, "channelMeta");
	args_out_end(&out);
	for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++) {
		args_out_object(&out, objects[i]);
		args_out_end(&out);
	}
	rpc_result(call, &out, &b);
}
