#include "core/core.h"

#include <stdlib.h>
#include <unistd.h>

int
core_text_open(struct core_text *out, struct span text, int body, size_t max)
{
	*out = (struct core_text){.span = text};
	if (body < 0)
		return text.len > max ? ERR_TOOBIG : 0;
	if (text.len > 0)
		return ERR_PROTO;
	out->mapped = true;
	return ipc_body_get(body, max, &out->span);
}

void
core_text_close(struct core_text *text)
{
	if (text->mapped)
		ipc_body_free(text->span);
	*text = (struct core_text){.span = SPAN_EMPTY};
}

struct span
core_text_split(struct span text, size_t inline_max, int *body)
{
	*body = -1;
	if (text.len <= inline_max)
		return text;
	*body = ipc_body_seal(text);
	if (*body < 0) {
		/* Going on would lose a value without anybody knowing: what is durable is taken up by the next core. */
		log_error("no descriptor for a body: ends", LOG_U("len", text.len));
		exit(1);
	}
	return SPAN_EMPTY;
}

void
core_args_init(struct args_out *out, struct buf *buf)
{
	buf_init(buf, IPC_BODY_MAX);
	args_out_init(out, buf, false);
}

void
core_args_graft(struct args_out *out, struct span list)
{
	struct args_leaf leaf;
	struct args_leaf moved;

	while (out->err == 0 && args_next(&list, &leaf) > 0) {
		if (leaf.depth == 0)
			continue;
		if (out->depth + leaf.depth > ARGS_DEPTH_MAX)
			continue; /* too deep to be shown there */
		moved = (struct args_leaf){
			.depth = out->depth + leaf.depth, .type = leaf.type, .value = leaf.value};
		for (size_t i = 0; i < out->depth; i++)
			moved.path[i] = out->stack[i].step;
		for (size_t i = 0; i < leaf.depth; i++)
			moved.path[out->depth + i] = leaf.path[i];
		(void)args_put_leaf(out->buf, &moved);
		if (out->depth > 0)
			out->stack[out->depth - 1].count++;
		else
			out->root_count++;
	}
}
