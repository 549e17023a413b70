/* How long a comparison takes says nothing of what was compared: its instructions are counted, one step at a time, which no load disturbs. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "crypto/crypto.h"

#define SECRET "Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4"
#define LEN (sizeof(SECRET) - 1)
#define UNTRACED 77
#define STEPS_MAX (1u << 22) /* of one comparison */

/* How many leading bytes of a guess are right; with all of them it is the secret itself. */
static const size_t right[] = {0, 1, LEN - 1, LEN};
#define RUNS (sizeof(right) / sizeof(right[0]))

typedef bool (*compare_fn)(struct span a, struct span b);

/* What must not be used: it ends at the first byte that is wrong. */
static bool
compare_early(struct span a, struct span b)
{
	const volatile uint8_t *p = a.ptr;
	const volatile uint8_t *q = b.ptr;

	for (size_t i = 0; i < a.len; i++) {
		if (p[i] != q[i])
			return false;
	}
	return a.len == b.len;
}

static volatile bool result;

/* The child: between two stops lies one comparison. */
static void
compare_each(compare_fn fn)
{
	char guess[LEN];

	result =
		fn(span_of(SECRET, LEN), span_of(SECRET, LEN)); /* whatever is bound at first use */
	for (size_t n = 0; n < RUNS; n++) {
		memcpy(guess, SECRET, LEN);
		for (size_t i = right[n]; i < LEN; i++)
			guess[i] = '#';
		(void)raise(SIGSTOP);
		result = fn(span_of(guess, LEN), span_of(SECRET, LEN));
		(void)raise(SIGSTOP);
	}
	_exit(0);
}

/* Waits until it stands before the next comparison; false: no process may be traced here. */
static bool
stands(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == UNTRACED)
		return false;
	assert_true(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
	return true;
}

/* Instructions from the stop it is in to the next one. */
static unsigned
count_steps(pid_t pid)
{
	for (unsigned n = 1; n < STEPS_MAX; n++) {
		int status;

		assert_int_equal(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSTOPPED(status));
		if (WSTOPSIG(status) == SIGSTOP)
			return n;
	}
	fail_msg("more than %u steps", STEPS_MAX);
	return 0;
}

static void
count(compare_fn fn, unsigned counts[RUNS])
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
			_exit(UNTRACED);
		compare_each(fn);
	}
	for (size_t n = 0; n < RUNS; n++) {
		if (!stands(pid)) {
			print_message("no process may be traced here: not counted\n");
			skip();
		}
		counts[n] = count_steps(pid);
		assert_int_equal(ptrace(PTRACE_CONT, pid, NULL, NULL), 0);
	}
	(void)waitpid(pid, NULL, 0);
}

static void
the_right_beginning_of_a_secret_takes_no_longer(void **state)
{
	unsigned counts[RUNS];

	(void)state;
	count(crypto_secret_equal, counts);
	print_message("%u instructions for each of %zu wrong guesses, %u for the right one\n",
		counts[0], RUNS - 1, counts[RUNS - 1]);
	for (size_t n = 1; n < RUNS - 1; n++)
		assert_int_equal(counts[n], counts[0]);
	/* the answer itself differs: by what it takes to say yes */
	assert_in_range(counts[RUNS - 1], counts[0] - 16, counts[0] + 16);
}

static void
the_count_would_tell(void **state)
{
	unsigned counts[RUNS];

	(void)state;
	count(compare_early, counts);
	for (size_t n = 1; n < RUNS - 1; n++)
		assert_true(counts[n] > counts[n - 1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_right_beginning_of_a_secret_takes_no_longer),
		cmocka_unit_test(the_count_would_tell),
	};

	return crypto_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
