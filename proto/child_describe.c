#include "proto/child_describe.h"

#include <unistd.h>

#include "base/mem.h"

#define DESCRIBE_MAX (64u * 1024)

static void
put_links(struct buf *b, const struct child_spec *spec)
{
	for (size_t i = 0; i < spec->nlinks; i++) {
		const struct child_link *l = &spec->links[i];

		buf_put_fmt(b, "%s{\"peer\":\"%s\",\"proto\":\"%s\",\"accepts\":[",
			i == 0 ? "" : ",", kind_name(l->kind), l->proto->name);
		for (size_t k = 0; k < l->nhandlers; k++) {
			const struct ipc_message *m = ipc_message_find(l->proto, l->handlers[k].id);

			buf_put_fmt(b, "%s\"%s\"", k == 0 ? "" : ",", m == NULL ? "?" : m->name);
		}
		buf_put(b, SPAN("]}"));
	}
}

int
child_describe(const struct child_spec *const *specs, size_t n)
{
	struct buf b = {.max = DESCRIBE_MAX};
	ssize_t wrote;

	buf_put_u8(&b, '[');
	for (size_t i = 0; i < n; i++) {
		buf_put_fmt(&b, "%s{\"process\":\"%s\",\"jail\":", i == 0 ? "" : ",",
			kind_name(specs[i]->kind));
		if (specs[i]->jail != NULL)
			jail_print_json(specs[i]->jail, &b);
		else
			buf_put(&b, SPAN("null"));
		buf_put(&b, SPAN(",\"links\":["));
		put_links(&b, specs[i]);
		buf_put(&b, SPAN("]}"));
	}
	buf_put(&b, SPAN("]\n"));
	wrote = write(1, b.ptr, b.len);
	buf_clear(&b);
	return wrote > 0 && b.err == 0 ? 0 : 1;
}
