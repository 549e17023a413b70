#include "checks/deep.h"

#include "proto/ids.h"

/* A text as long as is asked for, of a name that nothing has. */
static void
put_text(struct json_out *o, const struct param_row *p)
{
	struct span text = SPAN("security-audit-no-such-thing");

	(void)json_out_str(o, span_sub(text, 0, p->max > 0 ? (size_t)p->max : text.len));
}

static void
put_param(struct json_out *o, const struct param_row *p)
{
	(void)json_out_key(o, span_from_cstr(p->name));
	switch (p->type) {
	case PARAM_INT:
	case PARAM_NUM:
		(void)json_out_i64(o, p->min);
		return;
	case PARAM_BOOL:
		(void)json_out_bool(o, false);
		return;
	case PARAM_ANY:
		(void)json_out_begin_object(o);
		(void)json_out_end_object(o);
		return;
	case PARAM_STRS:
		(void)json_out_begin_array(o);
		(void)json_out_str(o, SPAN("security-audit-no-such-thing"));
		(void)json_out_end_array(o);
		return;
	case PARAM_STR:
	case PARAM_STR_OR_NULL:
		break;
	}
	put_text(o, p);
}

void
deep_call_put(struct buf *out, unsigned method)
{
	const struct method_row *row = &method_rows[method];
	struct json_out o;

	json_out_init(&o, out, NULL);
	(void)json_out_begin_object(&o);
	cli_json_str(&o, "type", SPAN("req"));
	cli_json_str(&o, "id", span_from_cstr(row->name));
	cli_json_str(&o, "method", span_from_cstr(row->name));
	(void)json_out_key(&o, SPAN("params"));
	(void)json_out_begin_object(&o);
	for (unsigned i = 0; i < row->nparams; i++) {
		if (row->params[i].required)
			put_param(&o, &row->params[i]);
	}
	(void)json_out_end_object(&o);
	(void)json_out_end_object(&o);
	(void)json_out_finish(&o);
}
