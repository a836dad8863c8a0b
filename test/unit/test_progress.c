/* test_progress: shows what a line about something large says, and that it
 * fits whatever the terminal and the figures are.
 */
/* parts: base/err base/mem base/buf base/clock cli/progress */
#include "cli/progress.h"

#include <setjmp.h>
#include <unistd.h>

#include <cmocka.h>

static void
size(uint64_t n, const char *text)
{
	char out[PG_SIZE_TEXT_MAX];

	assert_string_equal(pg_size_text(n, out), text);
}

static void
sizes_have_three_digits(void **state)
{
	(void)state;
	size(0, "0");
	size(999, "999");
	size(1000, "1.0K");
	size(1024, "1.0K");
	size(10 * 1024 - 52, "9.9K");
	size(10 * 1024 - 50, "10K");
	size(999 * 1024 + 511, "999K");
	size(999 * 1024 + 512, "1.0M");
	size((uint64_t)300 << 20, "300M");
	size((uint64_t)1 << 30, "1.0G");
	size((uint64_t)5 << 40, "5.0T");
	size(UINT64_MAX, "16E");
}

static void
line(const struct pg_progress_state *s, size_t columns, const char *text)
{
	struct pg_buf b = PG_BUF_INIT(0);

	pg_progress_line(&b, s, columns);
	pg_buf_putc(&b, '\0');
	assert_string_equal(b.p, text);
	pg_buf_fini(&b);
}

static void
a_line_says_how_far_it_is(void **state)
{
	struct pg_progress_state s = { 0, 0, 0, 1, 0 };

	(void)state;
	line(&s, 79, "0");
	s.total = 200 << 20;
	line(&s, 79, "  0% [                              ] 0 of 200M");
	s.done = 100 << 20;
	s.rate = 50 << 20;
	line(&s, 79, " 50% [===============               ] 100M of 200M  "
	    "50M/s  0:02");
	s.done = s.total;
	line(&s, 79, "100% [==============================] 200M of 200M  "
	    "50M/s  0:00");
	s.rate = 1 << 10;
	s.done = 0;
	line(&s, 79, "  0% [                              ] 0 of 200M  "
	    "1.0K/s  56:53:20");
	s.files = 3;
	s.ready = 1;
	s.rate = 0;
	line(&s, 79, "  0% [                              ] 0 of 200M  1 of 3 "
	    "files");
	/* More than was said: the file has grown. */
	s.done = 300 << 20;
	line(&s, 40, "300M of 200M  1 of 3 files");
}

static void
a_line_fits(void **state)
{
	struct pg_progress_state s = { UINT64_MAX, UINT64_MAX, 1e300,
		SIZE_MAX, SIZE_MAX };
	struct pg_buf b = PG_BUF_INIT(0);
	size_t n;

	(void)state;
	for (n = 0; n <= PG_PROGRESS_COLUMNS_MAX; n++) {
		pg_buf_reset(&b);
		pg_progress_line(&b, &s, n);
		assert_true(b.n <= n);
	}
	s.rate = 1e-300;
	pg_buf_reset(&b);
	pg_progress_line(&b, &s, 79);
	assert_true(b.n <= 79);
	pg_buf_fini(&b);
}

/* Standard error of a test is no terminal, as in a script. */
static void
nothing_is_shown_without_a_terminal(void **state)
{
	struct pg_progress p;
	int fd[2], kept = dup(STDERR_FILENO);
	char byte;

	(void)state;
	assert_int_equal(pipe(fd), 0);
	dup2(fd[1], STDERR_FILENO);
	pg_progress_init(&p, true);
	pg_clock_fake(PG_SEC, PG_SEC);
	pg_progress_show(&p, 1, 2, 1, 0);
	pg_clock_fake(100 * PG_SEC, PG_SEC);
	pg_progress_show(&p, 1, 2, 1, 0);
	pg_progress_wipe(&p);
	pg_clock_fake(0, 0);
	dup2(kept, STDERR_FILENO);
	close(kept);
	close(fd[1]);
	assert_int_equal(read(fd[0], &byte, 1), 0);
	close(fd[0]);
}

/* What it writes where somebody looks. */
static void
a_line_is_written_anew_and_wiped(void **state)
{
	struct pg_progress p;
	int fd[2], kept = dup(STDERR_FILENO);
	char out[1000];
	ssize_t n;

	(void)state;
	assert_int_equal(pipe(fd), 0);
	dup2(fd[1], STDERR_FILENO);
	pg_progress_init(&p, true);
	p.on = true;
	pg_clock_fake(PG_SEC, PG_SEC);
	pg_progress_show(&p, 0, 4000, 1, 0);
	pg_clock_fake(PG_SEC + PG_PROGRESS_PATIENCE - 1, PG_SEC);
	pg_progress_show(&p, 1000, 4000, 1, 0);
	pg_clock_fake(PG_SEC + PG_PROGRESS_PATIENCE, PG_SEC);
	pg_progress_show(&p, 1000, 4000, 1, 0);
	pg_progress_show(&p, 1001, 4000, 1, 0);
	pg_progress_wipe(&p);
	pg_progress_wipe(&p);
	pg_clock_fake(0, 0);
	dup2(kept, STDERR_FILENO);
	close(kept);
	close(fd[1]);
	n = read(fd[0], out, sizeof(out) - 1);
	assert_true(n > 0);
	out[n] = '\0';
	assert_non_null(strstr(out, "\r 25% ["));
	assert_null(strstr(out, "1001"));
	assert_non_null(strstr(out, "  \r"));
	assert_null(strchr(out, '\033'));
	assert_null(strchr(out, '\n'));
	close(fd[0]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_have_three_digits),
		cmocka_unit_test(a_line_says_how_far_it_is),
		cmocka_unit_test(a_line_fits),
		cmocka_unit_test(nothing_is_shown_without_a_terminal),
		cmocka_unit_test(a_line_is_written_anew_and_wiped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
