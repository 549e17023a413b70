/* The table of `moltbot security audit`: every line of the published checklist is a row, and every row can say something. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum section {
#define SECTION(ID, name, title) IN_##ID,
#include "checks/checks.def"
	SECTIONS
};

static const char *const names[] = {
#define SECTION(ID, name, title) [IN_##ID] = (name),
#include "checks/checks.def"
};

static const struct row {
	const char *id;
	enum section section;
	unsigned line;
	const char *title;
	const char *function;
	bool deep;
	const char *mends;
} rows[] = {
#define CHECK(ID, id, section, line, severity, title, function, deep, mends)                       \
	{(id), IN_##section, (line), (title), #function, (deep), (mends)},
#include "checks/checks.def"
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* How many lines the checklist has in each of its parts. */
static const unsigned lines[SECTIONS] = {
	[IN_CREDENTIALS] = 6,
	[IN_NETWORK] = 5,
	[IN_ACCESS] = 5,
	[IN_GATEWAY] = 4,
	[IN_CONFIGURATION] = 4,
	[IN_SESSIONS] = 3,
	[IN_LOGS] = 4,
	[IN_SIGNAL] = 4,
	[IN_DISCORD] = 5,
	[IN_TELEGRAM] = 4,
	[IN_WHATSAPP] = 4,
	[IN_SLACK] = 4,
	[IN_SIGNS] = 6,
	[IN_HARDENING] = 5,
};

static void
every_line_of_the_checklist_is_one_row(void **state)
{
	(void)state;
	for (unsigned s = 0; s < SECTIONS; s++) {
		for (unsigned line = 1; line <= lines[s]; line++) {
			unsigned n = 0;

			for (size_t i = 0; i < ROWS; i++)
				n += rows[i].section == s && rows[i].line == line;
			if (n != 1)
				print_error("%s, line %u: %u rows\n", names[s], line, n);
			assert_int_equal(n, 1);
		}
	}
}

static void
no_row_is_of_a_line_that_is_not_there(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS; i++)
		assert_true(rows[i].line <= lines[rows[i].section]);
}

static void
ids_are_unique_and_stable_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		assert_true(strspn(rows[i].id, "abcdefghijklmnopqrstuvwxyz0123456789._") ==
			    strlen(rows[i].id));
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(rows[i].id, rows[k].id);
	}
}

static void
every_row_has_a_check_or_says_why_nobody_can(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		assert_true(strlen(rows[i].title) > 0 && strlen(rows[i].mends) > 0);
		/* only what is known elsewhere alone has no function; an attack always has one */
		if (strcmp(rows[i].function, "NULL") == 0)
			assert_true(!rows[i].deep && strlen(rows[i].mends) > 30);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_line_of_the_checklist_is_one_row),
		cmocka_unit_test(no_row_is_of_a_line_that_is_not_there),
		cmocka_unit_test(ids_are_unique_and_stable_names),
		cmocka_unit_test(every_row_has_a_check_or_says_why_nobody_can),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
