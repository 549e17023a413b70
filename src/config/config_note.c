/* Mistakes and warnings: collected, sorted by place, printed once. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "json/json_out.h"

#define NOTE_MAX 1024

static void __attribute__((format(printf, 4, 0)))
add(struct config *c, bool mistake, struct json_pos at, const char *fmt, va_list ap)
{
	char text[NOTE_MAX];
	int n;

	if (mistake)
		c->mistakes++;
	else
		c->warnings++;
	if (c->nnotes == CONFIG_NOTES_MAX)
		return;
	n = vsnprintf(text, sizeof(text), fmt, ap);
	if (n < 0)
		n = 0;
	if ((size_t)n >= sizeof(text))
		n = (int)sizeof(text) - 1;
	c->notes[c->nnotes++] = (struct config_note){
		.mistake = mistake, .at = at, .text = config_copy(c, span_of(text, (size_t)n))};
}

void
config_mistake(struct config *c, struct json_pos at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(c, true, at, fmt, ap);
	va_end(ap);
}

void
config_warn(struct config *c, struct json_pos at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(c, false, at, fmt, ap);
	va_end(ap);
}

static int
by_place(const void *a, const void *b)
{
	const struct config_note *x = *(const struct config_note *const *)a;
	const struct config_note *y = *(const struct config_note *const *)b;

	uint32_t files[] = {x->at.off >> CONFIG_FILE_SHIFT, y->at.off >> CONFIG_FILE_SHIFT};

	if (files[0] != files[1])
		return files[0] < files[1] ? -1 : 1;
	if (x->at.line != y->at.line)
		return x->at.line < y->at.line ? -1 : 1;
	if (x->at.col != y->at.col)
		return x->at.col < y->at.col ? -1 : 1;
	return x < y ? -1 : x > y;
}

static size_t
sort(const struct config *c, const struct config_note *sorted[CONFIG_NOTES_MAX])
{
	for (size_t i = 0; i < c->nnotes; i++)
		sorted[i] = &c->notes[i];
	qsort(sorted, c->nnotes, sizeof(const struct config_note *), by_place);
	return c->nnotes;
}

/* The file a note is about: the configuration, or one that it includes. */
static struct span
note_path(const struct config *c, const struct config_note *note, struct buf *b)
{
	uint32_t file = note->at.line == 0 ? 0 : note->at.off >> CONFIG_FILE_SHIFT;
	struct span path = c->in->path;
	size_t n = path.len;

	if (file == 0)
		return path;
	while (n > 0 && path.ptr[n - 1] != '/')
		n--;
	buf_reset(b);
	buf_put(b, span_sub(path, 0, n));
	buf_put(b, c->in->sources->rows[file - 1].name);
	return buf_span(b);
}

void
config_notes_put(const struct config *c, struct buf *out)
{
	const struct config_note *sorted[CONFIG_NOTES_MAX] = {0};
	size_t n = sort(c, sorted);
	struct buf path = {.max = KIB(16)};

	for (size_t i = 0; i < n; i++) {
		log_put_safe(out, note_path(c, sorted[i], &path));
		if (sorted[i]->at.line > 0)
			buf_put_fmt(out, ":%u:%u", sorted[i]->at.line, sorted[i]->at.col);
		buf_put_cstr(out, sorted[i]->mistake ? ": " : ": warning: ");
		log_put_safe(out, sorted[i]->text);
		buf_put_u8(out, '\n');
	}
	buf_clear(&path);
	if (c->mistakes + c->warnings > c->nnotes)
		buf_put_fmt(out, "%zu more are not shown\n", c->mistakes + c->warnings - c->nnotes);
}

void
config_notes_put_json(const struct config *c, struct buf *out)
{
	const struct config_note *sorted[CONFIG_NOTES_MAX] = {0};
	size_t n = sort(c, sorted);
	struct buf path = {.max = KIB(16)};
	struct json_out o;

	json_out_init(&o, out, &(struct json_out_opts){.shown = true});
	json_out_begin_object(&o);
	json_out_key(&o, SPAN("ok"));
	json_out_bool(&o, c->mistakes == 0);
	json_out_key(&o, SPAN("path"));
	json_out_str(&o, c->in->path);
	json_out_key(&o, SPAN("mistakes"));
	json_out_u64(&o, c->mistakes);
	json_out_key(&o, SPAN("warnings"));
	json_out_u64(&o, c->warnings);
	json_out_key(&o, SPAN("issues"));
	json_out_begin_array(&o);
	for (size_t i = 0; i < n; i++) {
		json_out_begin_object(&o);
		json_out_key(&o, SPAN("severity"));
		json_out_str(&o, sorted[i]->mistake ? SPAN("mistake") : SPAN("warning"));
		json_out_key(&o, SPAN("file"));
		json_out_str(&o, note_path(c, sorted[i], &path));
		json_out_key(&o, SPAN("line"));
		json_out_u64(&o, sorted[i]->at.line);
		json_out_key(&o, SPAN("col"));
		json_out_u64(&o, sorted[i]->at.col);
		json_out_key(&o, SPAN("message"));
		json_out_str(&o, sorted[i]->text);
		json_out_end_object(&o);
	}
	json_out_end_array(&o);
	json_out_end_object(&o);
	(void)json_out_finish(&o);
	buf_clear(&path);
	buf_put_u8(out, '\n');
}
