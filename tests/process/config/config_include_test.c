/* $include: what other files give, in which order, and every way in which it is refused, at its file, line and column. */
#include "config_try.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/limits.h"

#define FILES 6

struct file {
	const char *name;
	const char *text;
};

static char folder[] = "/tmp/config-include-XXXXXX";
static int folder_fd;

static int
set_up(void **state)
{
	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return folder_fd < 0 || mkdirat(folder_fd, "in", 0700) < 0 ||
			       mkdirat(folder_fd, "in/sub", 0700) < 0
		       ? -1
		       : 0;
}

static int
tear_down(void **state)
{
	(void)state;
	(void)unlinkat(folder_fd, "in/sub", AT_REMOVEDIR);
	(void)unlinkat(folder_fd, "in", AT_REMOVEDIR);
	close(folder_fd);
	return rmdir(folder);
}

static int
inside(void)
{
	return openat(folder_fd, "in", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void
put_file(const char *name, const char *text)
{
	int dir = inside();
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	close(dir);
}

static void
drop_file(const char *name)
{
	int dir = inside();

	(void)unlinkat(dir, name, 0);
	close(dir);
}

static void
try_files(struct try *t, const char *text, const struct file *files)
{
	int dir = inside();

	for (size_t i = 0; files[i].name != NULL; i++)
		put_file(files[i].name, files[i].text);
	try_beneath(t, dir, span_from_cstr(text), NULL);
	for (size_t i = 0; files[i].name != NULL; i++)
		drop_file(files[i].name);
	close(dir);
}

/* ---- what it gives ---- */

static const struct {
	const char *text;
	struct file files[FILES];
	uint64_t port;
	size_t hosts;
	const char *first_host;
} good[] = {
	{"{ $include: 'a.json5' }", {{"a.json5", "{ gateway: { port: 1111 } }"}}, 1111, 0, NULL},
	/* siblings go over what is included */
	{"{ gateway: { port: 2222 }, $include: 'a.json' }",
		{{"a.json", "{ gateway: { port: 1, allowedHosts: ['a.example'] } }"}}, 2222, 1,
		"a.example"},
	/* of a list later files go over earlier ones; lists are put one behind the other */
	{"{ $include: ['a.json5', './sub/../b.json5'], gateway: { allowedHosts: ['c.example'] } }",
		{{"a.json5", "{ gateway: { port: 1, allowedHosts: ['a.example'] } }"},
			{"b.json5", "{ gateway: { port: 3333, allowedHosts: ['b.example'] } }"}},
		3333, 3, "a.example"},
	/* in the middle, and as a list alone */
	{"{ gateway: { $include: 'g.json', port: 7 } }",
		{{"g.json", "{ port: 8, bind: 'loopback' }"}}, 7, 0, NULL},
	{"{ gateway: { port: 9, allowedHosts: { $include: 'hosts.json' } } }",
		{{"hosts.json", "['x.example', 'y.example']"}}, 9, 2, "x.example"},
	/* a path is relative to the file that has it */
	{"{ $include: 'sub/a.json5' }",
		{{"sub/a.json5", "{ $include: ['b.json5', '../c.json5'] }"},
			{"sub/b.json5", "{ gateway: { port: 10 } }"},
			{"c.json5", "{ gateway: { allowedHosts: ['deep.example'] } }"}},
		10, 1, "deep.example"},
	/* the same file twice is no circle */
	{"{ $include: ['a.json5', 'a.json5'] }",
		{{"a.json5", "{ gateway: { port: 11, allowedHosts: ['t.example'] } }"}}, 11, 2,
		"t.example"},
	/* a file in two places, one of which is inside of what another one gives */
	{"{ $include: 'a.json5', gateway: { $include: 'g.json5' } }",
		{{"a.json5", "{ gateway: { $include: 'h.json5', port: 12 } }"},
			{"g.json5", "{ port: 13 }"},
			{"h.json5", "{ port: 14, allowedHosts: ['h.example'] }"}},
		13, 1, "h.example"},
};

static void
test_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		char name[64];
		struct try t;

		try_files(&t, good[i].text, good[i].files);
		if (t.rc != 0)
			fail_msg("row %zu: %.*s", i, (int)t.notes.len, (const char *)t.notes.ptr);
		assert_int_equal(try_u64(&t, KIND_ANON, "gateway.port"), good[i].port);
		snprintf(name, sizeof(name), "gateway.allowedHosts.%zu", good[i].hosts);
		assert_false(try_has(&t, KIND_ANON, name));
		if (good[i].hosts > 0) {
			snprintf(name, sizeof(name), "gateway.allowedHosts.%zu", good[i].hosts - 1);
			assert_true(try_has(&t, KIND_ANON, name));
			try_expect_str(&t, KIND_ANON, "gateway.allowedHosts.0", good[i].first_host);
		}
		try_clear(&t);
	}
}

/* ---- mistakes ---- */

static const struct {
	const char *text;
	struct file files[FILES];
	const char *notes; /* as printed, the beginning of each line */
} bad[] = {
	{"{ $include: 'none.json5' }", {{NULL, NULL}},
		"moltbot.json:1:13: $include: \"none.json5\" cannot be read (No such file"},
	{"{\n  $include: '/etc/passwd.json' }", {{NULL, NULL}},
		"moltbot.json:2:13: $include: \"/etc/passwd.json\" lies outside"},
	{"{ $include: '../secret.json' }", {{NULL, NULL}},
		"moltbot.json:1:13: $include: \"../secret.json\" lies outside"},
	{"{ $include: 'sub/../../secret.json' }", {{NULL, NULL}},
		"moltbot.json:1:13: $include: \"sub/../../secret.json\" lies outside"},
	{"{ $include: 'vault.key' }", {{NULL, NULL}},
		"moltbot.json:1:13: $include: \"vault.key\": expected a name that ends"},
	{"{ $include: '' }", {{NULL, NULL}}, "moltbot.json:1:13: $include: expected a path"},
	{"{ $include: 'a\\0.json' }", {{NULL, NULL}},
		"moltbot.json:1:13: $include: expected a path"},
	{"{ $include: 7 }", {{NULL, NULL}}, "moltbot.json:1:13: $include: expected a path"},
	{"{ $include: [ 'a.json', { } ] }", {{"a.json", "{}"}},
		"moltbot.json:1:25: $include: expected a path"},
	{"{ $include: [] }", {{NULL, NULL}}, "moltbot.json:1:13: $include: the list is empty"},
	{"{ $include: 'link.json' }", {{NULL, NULL}},
		"moltbot.json:1:13: $include: \"link.json\" cannot be read (Too many levels of "
		"symbolic links"},
	{"{ $include: 'away/secret.json' }", {{NULL, NULL}},
		"moltbot.json:1:13: $include: \"away/secret.json\" cannot be read (Too many "
		"levels"},
	{"{ $include: 'pipe.json' }", {{NULL, NULL}},
		"moltbot.json:1:13: $include: \"pipe.json\" cannot be read (Invalid argument"},
	{"{ $include: 'folder.json' }", {{NULL, NULL}},
		"moltbot.json:1:13: $include: \"folder.json\" cannot be read (Is a directory"},
	/* mistakes stand where they are written */
	{"{ gatway: {}, $include: 'a.json5' }",
		{{"a.json5", "{\n  gateway: {\n    prot: 1,\n    port: 0 } }"}},
		"moltbot.json:1:3: gatway: unknown key\na.json5:3:5: gateway.prot: unknown "
		"key\na.json5:4:11: gateway.port: expected a number"},
	{"{ $include: 'sub/a.json5' }", {{"sub/a.json5", "{\n a: 1 b"}}, "sub/a.json5:2:7: "},
	{"{ $include: 'a.json5', x: 1 }", {{"a.json5", "\n [1]"}},
		"a.json5:2:2: $include: beside other keys only an object"},
	{"{ $include: ['a.json5', 'b.json5'] }", {{"a.json5", "{}"}, {"b.json5", "\n\n 7"}},
		"b.json5:3:2: $include: of several files"},
	{"{ $include: 'a.json5' }", {{"a.json5", "{ x: 1, x: 2 }"}}, "a.json5:1:9: "},
	{"{ $include: 'a.json5' }", {{"a.json5", "{ __proto__: { port: 1 } }"}},
		"a.json5:1:3: __proto__: unknown key"},
	{"{ $include: 'a.json5' }", {{"a.json5", ""}}, "a.json5:1:1: "},
	/* circles */
	{"{ $include: 'moltbot.json' }", {{NULL, NULL}},
		"moltbot.json:1:13: $include: a circle: moltbot.json -> moltbot.json"},
	{"{ $include: 'a.json5' }",
		{{"a.json5", "{ x: { $include: 'sub/b.json5' } }"},
			{"sub/b.json5", "[ { $include: '../a.json5' } ]"}},
		"sub/b.json5:1:15: $include: a circle: a.json5 -> sub/b.json5 -> a.json5"},
	{"{ $include: 'a.json5' }", {{"a.json5", "{ $include: 'a.json5' }"}},
		"a.json5:1:13: $include: a circle: a.json5 -> a.json5"},
};

/* Every line of want begins a printed line, in order, and there is no further one. */
static void
compare(size_t row, struct span printed, const char *want)
{
	struct span lines = span_from_cstr(want);

	while (lines.len > 0) {
		struct span line = span_cut(&lines, '\n');
		struct span got = span_cut(&printed, '\n');

		if (!span_starts_with(got, line))
			fail_msg("row %zu: \"%.*s\" does not begin with \"%.*s\"", row,
				(int)got.len, (const char *)got.ptr, (int)line.len,
				(const char *)line.ptr);
	}
	if (printed.len > 0)
		fail_msg(
			"row %zu: also \"%.*s\"", row, (int)printed.len, (const char *)printed.ptr);
}

static void
test_bad(void **state)
{
	int dir = inside();

	(void)state;
	put_file("../secret.json", "{ gateway: { port: 1 } }");
	assert_int_equal(symlinkat("../secret.json", dir, "link.json"), 0);
	assert_int_equal(symlinkat("..", dir, "away"), 0);
	assert_int_equal(mkfifoat(dir, "pipe.json", 0600), 0);
	assert_int_equal(mkdirat(dir, "folder.json", 0700), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct try t;

		try_files(&t, bad[i].text, bad[i].files);
		assert_int_equal(t.rc, ERR_SYNTAX);
		compare(i, buf_span(&t.notes), bad[i].notes);
		try_clear(&t);
	}
	(void)unlinkat(dir, "link.json", 0);
	(void)unlinkat(dir, "away", 0);
	(void)unlinkat(dir, "pipe.json", 0);
	(void)unlinkat(dir, "folder.json", AT_REMOVEDIR);
	(void)unlinkat(dir, "../secret.json", 0);
	close(dir);
}

/* ---- limits ---- */

/* A chain of n files, each included by the one before; the last sets the port. */
static int
chain(unsigned n, struct try *t)
{
	char name[24];
	char text[80];

	for (unsigned i = 1; i <= n; i++) {
		snprintf(name, sizeof(name), "f%u.json5", i);
		if (i < n)
			snprintf(text, sizeof(text), "{ $include: 'f%u.json5' }", i + 1);
		else
			snprintf(text, sizeof(text), "{ gateway: { port: 77 } }");
		put_file(name, text);
	}
	try_files(t, "{ $include: 'f1.json5' }", (const struct file[]){{NULL, NULL}});
	for (unsigned i = 1; i <= n; i++) {
		snprintf(name, sizeof(name), "f%u.json5", i);
		drop_file(name);
	}
	return t->rc;
}

static void
test_depth(void **state)
{
	struct try t;

	(void)state;
	assert_int_equal(chain(CONFIG_INCLUDE_DEPTH_MAX, &t), 0);
	assert_int_equal(try_u64(&t, KIND_ANON, "gateway.port"), 77);
	try_clear(&t);
	assert_int_equal(chain(CONFIG_INCLUDE_DEPTH_MAX + 1, &t), ERR_SYNTAX);
	compare(0, buf_span(&t.notes), "f10.json5:1:13: $include: files in files deeper than 10");
	try_clear(&t);
}

static int
many(unsigned n, struct try *t)
{
	struct buf text = {.max = KIB(16)};
	char name[24];

	buf_put_cstr(&text, "{ $include: [");
	for (unsigned i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "m%u.json", i);
		put_file(name, "{ gateway: { port: 78 } }");
		buf_put_fmt(&text, " '%s',", name);
	}
	buf_put_cstr(&text, "] }");
	buf_put_u8(&text, 0);
	try_files(t, (const char *)text.ptr, (const struct file[]){{NULL, NULL}});
	for (unsigned i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "m%u.json", i);
		drop_file(name);
	}
	buf_clear(&text);
	return t->rc;
}

static void
test_many(void **state)
{
	struct try t;

	(void)state;
	assert_int_equal(many(CONFIG_INCLUDE_FILES_MAX, &t), 0);
	try_clear(&t);
	assert_int_equal(many(CONFIG_INCLUDE_FILES_MAX + 1, &t), ERR_SYNTAX);
	assert_true(span_find(buf_span(&t.notes), SPAN("more than 64 files")) >= 0);
	try_clear(&t);
}

static void
test_long_name(void **state)
{
	struct buf text = {.max = KIB(2)};
	struct try t;

	(void)state;
	for (unsigned over = 0; over < 2; over++) {
		buf_put_cstr(&text, "{ $include: '");
		for (unsigned i = 0; i < CONFIG_INCLUDE_NAME_MAX - 5 + over; i++)
			buf_put_u8(&text, i % 100 == 99 ? '/' : 'a');
		buf_put_cstr(&text, ".json' }");
		buf_put_u8(&text, 0);
		try_files(&t, (const char *)text.ptr, (const struct file[]){{NULL, NULL}});
		compare(over, buf_span(&t.notes),
			over ? "moltbot.json:1:13: $include: expected a path of 1 to 255 bytes"
			     : "moltbot.json:1:13: $include: \"aaaa");
		try_clear(&t);
		buf_clear(&text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_long_name),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
