/* test_rand: every byte asked for is filled, in requests of any size; ids
 * have their form and differ; without kernel randomness the process ends.
 */
/* parts: base/err base/log os/rand */
/* wrap: getrandom */
#include "os/rand.h"

#include <setjmp.h>
#include <signal.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

ssize_t __real_getrandom(void *to, size_t n, unsigned flags);
ssize_t __wrap_getrandom(void *to, size_t n, unsigned flags);

/* What the kernel does: all at once, a few bytes a call, or nothing. */
static enum { WHOLE, SHORT, BROKEN } kernel;

ssize_t
__wrap_getrandom(void *to, size_t n, unsigned flags)
{
	static bool interrupted;

	if (kernel == BROKEN) {
		errno = ENOSYS;
		return -1;
	}
	if (kernel == SHORT && !interrupted) {
		interrupted = true;
		errno = EINTR;
		return -1;
	}
	return __real_getrandom(to, kernel == SHORT ? PG_MIN(n, (size_t)5) : n,
	    flags);
}

/* The generator is made once, so each case has a process of its own. Returns
 * its wait status. */
static int
in_child(void (*body)(void))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		body();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

/* Byte i of 5000, over 20 draws, is not always the same. */
static void
draw_large(void)
{
	static unsigned char first[5000], next[5000], differs[5000];
	size_t i, draw;

	pg_rand(first, sizeof(first));
	for (draw = 0; draw < 20; draw++) {
		pg_rand(next, sizeof(next));
		for (i = 0; i < sizeof(next); i++)
			differs[i] |= next[i] != first[i];
	}
	for (i = 0; i < sizeof(next); i++)
		if (!differs[i])
			_exit(1);
	pg_rand(NULL, 0);
}

static void
rand_fills_every_byte(void **state)
{
	(void)state;
	kernel = WHOLE;
	assert_int_equal(in_child(draw_large), 0);
	kernel = SHORT;
	assert_int_equal(in_child(draw_large), 0);
}

static void
draw_unseeded(void)
{
	char byte;

	/* The complaint belongs to the log, not to the test's output. */
	close(STDERR_FILENO);
	pg_rand(&byte, 1);
}

static void
rand_never_goes_on_without_seed(void **state)
{
	int status;

	(void)state;
	kernel = BROKEN;
	status = in_child(draw_unseeded);
	kernel = WHOLE;
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
}

static void
ids_have_their_form(void **state)
{
	char a[PG_ID_LEN + 1], b[PG_ID_LEN + 1];

	(void)state;
	pg_rand_id(a);
	pg_rand_id(b);
	assert_int_equal(strlen(a), PG_ID_LEN);
	assert_int_equal(strspn(a, "0123456789abcdef"), PG_ID_LEN);
	assert_string_not_equal(a, b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rand_fills_every_byte),
		cmocka_unit_test(rand_never_goes_on_without_seed),
		cmocka_unit_test(ids_have_their_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
