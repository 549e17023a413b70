/* The table for people. */
#include "config.h"

#include <string.h>

#include "text/text.h"

static void
put_range(struct buf *out, const struct option_row *row)
{
	switch (row->type) {
	case OPTION_INT:
		buf_put_fmt(out, " %llu to %llu", (unsigned long long)row->min,
			(unsigned long long)row->max);
		break;
	case OPTION_SIZE:
		buf_put_u8(out, ' ');
		(void)text_size_put(out, row->min);
		if (row->max == UINT64_MAX)
			break;
		buf_put_cstr(out, " to ");
		(void)text_size_put(out, row->max);
		break;
	case OPTION_DURATION:
		buf_put_u8(out, ' ');
		(void)text_duration_put(out, row->min);
		buf_put_cstr(out, " to ");
		(void)text_duration_put(out, row->max);
		break;
	case OPTION_ENUM:
		buf_put_fmt(out, ": `%s`", row->values);
		break;
	case OPTION_BOOL:
	case OPTION_STR:
	case OPTION_SECRET:
	case OPTION_LIST:
	case OPTION_TYPE_N:
		break;
	}
}

static void
put_rows(struct buf *out)
{
	buf_put_cstr(out, "| option | type | default | change | |\n|---|---|---|---|---|\n");
	for (size_t i = 0; i < OPT_N; i++) {
		const struct option_row *row = &option_rows[i];

		buf_put_fmt(out, "| `%s` | %s", row->path, option_type_name(row->type));
		put_range(out, row);
		if (row->fallback == NULL)
			buf_put_cstr(out, " | ");
		else
			buf_put_fmt(
				out, " | `%s`", row->fallback[0] == '\0' ? "\"\"" : row->fallback);
		buf_put_fmt(out, " | %s | ", option_reload_name(row->reload));
		buf_put_cstr(out, row->help);
		buf_put_cstr(out, " |\n");
	}
}

static void
put_aliases(struct buf *out)
{
	buf_put_cstr(out, "\n## Other spellings\n\nEach stands for the path and everything below "
			  "it. Old names "
			  "are read with a warning.\n\n| written | means | |\n|---|---|---|\n");
	for (size_t i = 0; i < option_aliases_n; i++)
		buf_put_fmt(out, "| `%s` | `%s` | %s |\n", option_aliases[i].from,
			option_aliases[i].to, option_aliases[i].legacy ? "old" : "");
}

static void
put_laters(struct buf *out)
{
	buf_put_cstr(out, "\n## Known and ignored\n\nThese keys do not stop the start; each use is "
			  "named in a "
			  "warning. `**` is everything below.\n\n");
	for (size_t i = 0; i < option_laters_n; i++) {
		struct span keys = span_from_cstr(option_laters[i].keys);
		bool first = true;

		buf_put_fmt(out, "- `%s` (%s): ", option_laters[i].root, option_laters[i].feature);
		while (keys.len > 0) {
			struct span key = span_cut(&keys, ' ');

			if (key.len == 0)
				continue;
			buf_put_cstr(out, first ? "`" : ", `");
			buf_put(out, key);
			buf_put_u8(out, '`');
			first = false;
		}
		buf_put_u8(out, '\n');
	}
}

void
config_doc_put(struct buf *out)
{
	buf_put_cstr(out, "# Options\n\n"
			  "The configuration is one JSON5 file, `moltbot.json` in the state "
			  "directory. Without it "
			  "the gateway starts with the defaults below. A mistake anywhere stops "
			  "the start; all of "
			  "them are shown at once with line and column. `*` stands for a name of "
			  "yours, `[]` for "
			  "each element of a list. In texts `${NAME}` is the value of a variable "
			  "and `$${NAME}` "
			  "the text `${NAME}`; an option of type secret takes one whole `${NAME}`, "
			  "which only "
			  "vault looks up. `$include: \"other.json5\"` (or a list of paths) in "
			  "any object puts "
			  "another file there: a path beneath the folder of the configuration, "
			  "relative to the file "
			  "that has it, ending in .json or .json5. Keys beside it go over what is "
			  "included, later "
			  "files over earlier ones; lists are put one behind the other.\n\n"
			  "The column change says what a new value needs while the gateway runs: "
			  "hot, processes take "
			  "it as they are; process, those that it concerns start anew, and nobody "
			  "is signed out; "
			  "gateway, the gateway must be restarted.\n\n"
			  "Made from `proto/options.def`.\n\n");
	put_rows(out);
	put_aliases(out);
	put_laters(out);
}
