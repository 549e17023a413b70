/* `moltbot-config --check FILE [--json]` and the like: the same code without a supervisor. */
#include "config.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"
#include "config_edit.h"
#include "config_read.h"
#include "config_show.h"
#include "json/json_out.h"

extern char **environ;

/* The names of secrets go where the gateway would see them; their values do not. */
static void
take_environment(struct buf *env)
{
	struct buf names = {.max = KIB(16)};

	for (char **e = environ; *e != NULL; e++) {
		struct span value = span_from_cstr(*e);
		struct span name = span_cut(&value, '=');

		if (value.len == 0)
			continue;
		if (option_env_is_secret(name)) {
			buf_put_cstr(&names, names.len == 0 ? "" : ",");
			buf_put(&names, name);
			continue;
		}
		buf_put(env, span_from_cstr(*e));
		buf_put_u8(env, 0);
	}
	buf_put_cstr(env, "MOLTBOT_SECRET_NAMES=");
	buf_put(env, buf_span(&names));
	buf_put_u8(env, 0);
	buf_clear(&names);
}

/* As often as included files ask for others. */
static void
translate(struct config *c, const struct config_input *in, int folder)
{
	while (config_translate(c, in) == ERR_AGAIN) {
		for (size_t i = 0; i < in->sources->n; i++) {
			if (!in->sources->rows[i].loaded)
				config_source_read(folder, &in->sources->rows[i]);
		}
		config_clear(c);
	}
}

static int
open_folder(const char *file)
{
	const char *slash = strrchr(file, '/');
	char *folder;
	int fd;

	if (slash == NULL)
		return open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	folder = (char *)mem_copy(span_of(file, (size_t)(slash - file) + 1));
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(folder);
	return fd;
}

enum output { AS_TEXT, AS_JSON, AS_VALUES, AS_TREE };

/* What it says, without its secrets; nothing where there are mistakes. */
static void
put_tree(const struct config *c, struct buf *out)
{
	struct json_out o;

	json_out_init(&o, out, &(struct json_out_opts){.pretty = true});
	if (c->root != NULL && c->mistakes == 0) {
		config_show_tree(&o, c->root);
	} else {
		json_out_begin_object(&o);
		json_out_end_object(&o);
	}
	(void)json_out_finish(&o);
	buf_put_u8(out, '\n');
}

static int
check(const char *file, enum output as)
{
	static struct config_sources sources;
	struct config_input in = {
		.path = span_from_cstr(file), .owner_uid = getuid(), .sources = &sources};
	int folder = open_folder(file);
	struct buf text = {.max = CONFIG_FILE_MAX + 1};
	struct buf env = {.max = CONFIG_ENV_MAX};
	struct buf out = {.max = MIB(4)};
	struct config c;
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int err = config_read_file(fd, in.path, &text, &in.absent);
	size_t mistakes;

	if (fd >= 0)
		close(fd);
	take_environment(&env);
	in.text = buf_span(&text);
	in.env = buf_span(&env);
	if (err != 0)
		config_refuse(&c, &in, err);
	else
		translate(&c, &in, folder);
	mistakes = c.mistakes;
	if (as == AS_VALUES)
		config_values_put(&c, &out);
	else if (as == AS_TREE)
		put_tree(&c, &out);
	else if (as == AS_JSON)
		config_notes_put_json(&c, &out);
	else
		config_notes_put(&c, &out);
	config_write_all(as == AS_TEXT ? 2 : 1, buf_span(&out));
	config_clear(&c);
	config_sources_clear(&sources);
	if (folder >= 0)
		close(folder);
	buf_clear(&out);
	buf_clear(&env);
	buf_clear(&text);
	return mistakes == 0 ? 0 : 1;
}

/* The text of file, changed by a patch, or (NULL) with its old names replaced, on standard output. 2: nothing to change. */
static int
edit(const char *file, const char *patch)
{
	struct buf text = {.max = CONFIG_FILE_MAX + 1};
	struct buf out = {.max = 2 * CONFIG_FILE_MAX};
	struct buf said = {.max = KIB(64)};
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct json_error err = {0};
	struct arena arena;
	const char *why = "it cannot be read as it stands; moltbot config validate says why";
	bool rewritten = false;
	bool absent;
	int rc = config_read_file(fd, span_from_cstr(file), &text, &absent) == 0 ? 0 : ERR_IO;

	if (fd >= 0)
		close(fd);
	arena_init(&arena, CONFIG_ARENA_MAX);
	if (rc == 0 && patch != NULL)
		rc = config_edit_patch(&arena, absent ? SPAN("{}\n") : buf_span(&text),
			span_from_cstr(patch), &out, &rewritten, &err, &why);
	else if (rc == 0)
		rc = config_edit_migrate(
			&arena, absent ? SPAN("{}\n") : buf_span(&text), &out, &said);
	if (rc < 0)
		buf_put_fmt(&said, "%s: %s\n", file, why != NULL ? why : err.msg);
	else
		config_write_all(1, buf_span(&out));
	config_write_all(2, buf_span(&said));
	arena_clear(&arena);
	buf_clear(&text);
	buf_clear(&out);
	buf_clear(&said);
	return rc < 0 ? 1 : patch == NULL && rc == 0 ? 2 : 0;
}

static void
member(struct json_out *o, const char *key, const char *v)
{
	json_out_key(o, span_from_cstr(key));
	if (v == NULL)
		json_out_null(o);
	else
		json_out_str(o, span_from_cstr(v));
}

static void
put_option(struct json_out *o, const struct option_row *row)
{
	json_out_begin_object(o);
	member(o, "path", row->path);
	member(o, "type", option_type_name(row->type));
	member(o, "default", row->fallback);
	json_out_key(o, SPAN("min"));
	json_out_u64(o, row->min);
	json_out_key(o, SPAN("max"));
	json_out_u64(o, row->max);
	member(o, "values", row->values);
	member(o, "reload", option_reload_name(row->reload));
	member(o, "help", row->help);
	json_out_key(o, SPAN("aliases"));
	json_out_begin_array(o);
	for (size_t i = 0; i < option_aliases_n; i++) {
		if (strcmp(option_aliases[i].to, row->path) == 0)
			json_out_str(o, span_from_cstr(option_aliases[i].from));
	}
	json_out_end_array(o);
	json_out_end_object(o);
}

static int
options(void)
{
	struct buf out = {.max = MIB(1)};
	struct json_out o;

	json_out_init(&o, &out, &(struct json_out_opts){.pretty = true, .shown = true});
	json_out_begin_object(&o);
	json_out_key(&o, SPAN("options"));
	json_out_begin_array(&o);
	for (size_t i = 0; i < OPT_N; i++)
		put_option(&o, &option_rows[i]);
	json_out_end_array(&o);
	json_out_key(&o, SPAN("ignored"));
	json_out_begin_array(&o);
	for (size_t i = 0; i < option_laters_n; i++) {
		json_out_begin_object(&o);
		member(&o, "root", option_laters[i].root);
		member(&o, "keys", option_laters[i].keys);
		member(&o, "feature", option_laters[i].feature);
		json_out_end_object(&o);
	}
	json_out_end_array(&o);
	json_out_key(&o, SPAN("aliases"));
	json_out_begin_array(&o);
	for (size_t i = 0; i < option_aliases_n; i++) {
		json_out_begin_object(&o);
		member(&o, "from", option_aliases[i].from);
		member(&o, "to", option_aliases[i].to);
		json_out_key(&o, SPAN("legacy"));
		json_out_bool(&o, option_aliases[i].legacy);
		json_out_end_object(&o);
	}
	json_out_end_array(&o);
	json_out_end_object(&o);
	(void)json_out_finish(&o);
	buf_put_u8(&out, '\n');
	config_write_all(1, buf_span(&out));
	buf_clear(&out);
	return 0;
}

int
config_check_main(int argc, char **argv)
{
	if (argc >= 3 && strcmp(argv[1], "--check") == 0)
		return check(
			argv[2], argc > 3 && strcmp(argv[3], "--json") == 0 ? AS_JSON : AS_TEXT);
	if (argc == 3 && strcmp(argv[1], "--values") == 0)
		return check(argv[2], AS_VALUES);
	if (argc == 3 && strcmp(argv[1], "--tree") == 0)
		return check(argv[2], AS_TREE);
	if (argc == 3 && strcmp(argv[1], "--migrate") == 0)
		return edit(argv[2], NULL);
	if (argc == 4 && strcmp(argv[1], "--patch") == 0)
		return edit(argv[2], argv[3]);
	if (argc == 2 && strcmp(argv[1], "--options") == 0)
		return options();
	if (argc == 2 && strcmp(argv[1], "--options-doc") == 0) {
		struct buf out = {.max = MIB(1)};

		config_doc_put(&out);
		config_write_all(1, buf_span(&out));
		buf_clear(&out);
		return 0;
	}
	return -1;
}
