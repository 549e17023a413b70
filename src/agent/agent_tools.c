/* What a model is told of the tools: their table (tools.def) as function schemas. */
#include "agent.h"

#include "json/json_out.h"

bool
agent_tool_is_shown(const struct agent *a, unsigned tool)
{
	return tool > TOOL_NONE && tool < TOOL_N && tool < 64 && (a->tools >> tool & 1) != 0;
}

static void
put_type(struct json_out *o, enum tool_param_type type)
{
	json_out_key(o, SPAN("type"));
	switch (type) {
	case TOOL_STR:
		json_out_str(o, SPAN("string"));
		break;
	case TOOL_INT:
		json_out_str(o, SPAN("integer"));
		break;
	case TOOL_BOOL:
		json_out_str(o, SPAN("boolean"));
		break;
	case TOOL_STRS:
		json_out_str(o, SPAN("array"));
		json_out_key(o, SPAN("items"));
		json_out_begin_object(o);
		json_out_key(o, SPAN("type"));
		json_out_str(o, SPAN("string"));
		json_out_end_object(o);
		break;
	}
}

static void
put_parameters(struct json_out *o, const struct tool_row *row, bool is_closed)
{
	json_out_begin_object(o);
	json_out_key(o, SPAN("type"));
	json_out_str(o, SPAN("object"));
	json_out_key(o, SPAN("properties"));
	json_out_begin_object(o);
	for (const struct tool_param *p = row->params; p->name != NULL; p++) {
		json_out_key(o, span_from_cstr(p->name));
		json_out_begin_object(o);
		put_type(o, p->type);
		json_out_key(o, SPAN("description"));
		json_out_str(o, span_from_cstr(p->help));
		json_out_end_object(o);
	}
	json_out_end_object(o);
	json_out_key(o, SPAN("required"));
	json_out_begin_array(o);
	for (const struct tool_param *p = row->params; p->name != NULL; p++) {
		if (p->required)
			json_out_str(o, span_from_cstr(p->name));
	}
	json_out_end_array(o);
	if (is_closed) {
		json_out_key(o, SPAN("additionalProperties"));
		json_out_bool(o, false);
	}
	json_out_end_object(o);
}

/* Chat completions alone have the function inside an object of its own; Gemini's schemas are never closed. */
static void
put_tool(struct json_out *o, enum agent_tools_form form, const struct tool_row *row)
{
	json_out_begin_object(o);
	if (form == TOOLS_CHAT || form == TOOLS_RESPONSES)
		json_out_member_str(o, "type", SPAN("function"));
	if (form == TOOLS_CHAT) {
		json_out_key(o, SPAN("function"));
		json_out_begin_object(o);
	}
	json_out_member_str(o, "name", span_from_cstr(row->name));
	json_out_member_str(o, "description", span_from_cstr(row->help));
	json_out_key(o, form == TOOLS_ANTHROPIC ? SPAN("input_schema") : SPAN("parameters"));
	put_parameters(o, row, form != TOOLS_GEMINI);
	if (form == TOOLS_RESPONSES)
		json_out_member_bool(o, "strict", false);
	if (form == TOOLS_CHAT)
		json_out_end_object(o);
	json_out_end_object(o);
}

void
agent_tools_put(const struct agent *a, enum agent_tools_form form, struct json_out *o)
{
	json_out_begin_array(o);
	for (unsigned t = 1; t < TOOL_N; t++) {
		if (agent_tool_is_shown(a, t))
			put_tool(o, form, &tool_rows[t]);
	}
	json_out_end_array(o);
}
