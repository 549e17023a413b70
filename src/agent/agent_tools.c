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
put_parameters(struct json_out *o, const struct tool_row *row)
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
	json_out_key(o, SPAN("additionalProperties"));
	json_out_bool(o, false);
	json_out_end_object(o);
}

void
agent_tools_put_openai(const struct agent *a, struct json_out *o)
{
	json_out_begin_array(o);
	for (unsigned t = 1; t < TOOL_N; t++) {
		if (!agent_tool_is_shown(a, t))
			continue;
		json_out_begin_object(o);
		json_out_key(o, SPAN("type"));
		json_out_str(o, SPAN("function"));
		json_out_key(o, SPAN("function"));
		json_out_begin_object(o);
		json_out_key(o, SPAN("name"));
		json_out_str(o, span_from_cstr(tool_rows[t].name));
		json_out_key(o, SPAN("description"));
		json_out_str(o, span_from_cstr(tool_rows[t].help));
		json_out_key(o, SPAN("parameters"));
		put_parameters(o, &tool_rows[t]);
		json_out_end_object(o);
		json_out_end_object(o);
	}
	json_out_end_array(o);
}
