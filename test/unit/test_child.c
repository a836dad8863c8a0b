/* test_child: shows how the process of an agent ends, and that it does: when
 * it wants to, when it is told to, when it does not listen, does not read, or
 * does not keep to the protocol.
 *
 * The processes are forks of this one, which do what a test asks for.
 */
/* parts: base/err base/mem base/buf base/map base/log base/clock codec/value codec/float codec/pickle codec/pickle_build codec/pickle_text codec/pickle_write os/file os/loop os/sock os/proc agent/frame host/child */
/* wrap: pg_proc_spawn */
#include "base/log.h"
#include "host/child.h"
#include "os/sock.h"

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

int __wrap_pg_proc_spawn(int exe, char *const argv[], char *const envp[],
    int sock, struct pg_proc *out, struct pg_err *e);

static struct pg_loop *loop;
static struct pg_child child;
static void (*behave)(int sock); /* what the process does */
static int nframes, nexits, status;
static char last_body[20];
static bool refuse; /* its frames */

int
__wrap_pg_proc_spawn(int exe, char *const argv[], char *const envp[],
    int sock, struct pg_proc *out, struct pg_err *e)
{
	(void)exe;
	(void)argv;
	(void)envp;
	(void)e;
	out->pid = fork();
	assert_true(out->pid >= 0);
	if (out->pid == 0) {
		setpgid(0, 0);
		alarm(110); /* whatever happens here */
		behave(sock);
		_exit(0);
	}
	setpgid(out->pid, out->pid);
	out->pidfd = (int)syscall(SYS_pidfd_open, out->pid, 0);
	return out->pidfd >= 0 ? 0 : -1;
}

/* ---- what processes do ------------------------------------------------ */

static void
is_deaf(int sock)
{
	(void)sock;
	for (;;)
		pause();
}

/* Until the host says something. */
static void
ends_when_told(int sock)
{
	struct pollfd p = { .fd = sock, .events = POLLIN };
	char c;

	if (poll(&p, 1, -1) == 1 && read(sock, &c, 1) == 1)
		_exit(0);
	_exit(9);
}

static void
ends_with_3(int sock)
{
	(void)sock;
	_exit(3);
}

static void
say(int sock, const char *text)
{
	struct pg_frame_out o = { 0 };

	pg_frame_put(&o, PG_FRAME_LOG, 1, PG_STR_NULL, pg_str(text), NULL, 0,
	    0, NULL);
	while (pg_frame_flush(&o, sock) == 0)
		continue;
	pg_frame_out_fini(&o);
}

static void
speaks_and_ends(int sock)
{
	say(sock, "one");
	say(sock, "two");
	_exit(0);
}

static void
speaks_and_stays(int sock)
{
	say(sock, "one");
	say(sock, "two");
	is_deaf(sock);
}

static void
talks_nonsense(int sock)
{
	if (write(sock, "GET / HTTP/1.1\r\n\r\n", 18) == 18)
		is_deaf(sock);
}

static void
hangs_up(int sock)
{
	shutdown(sock, SHUT_RDWR);
	is_deaf(sock);
}

/* ---- helpers ---------------------------------------------------------- */

static int
on_frame(struct pg_child *c, const struct pg_frame *f, struct pg_err *e)
{
	assert_ptr_equal(c, &child);
	nframes++;
	snprintf(last_body, sizeof(last_body), "%.*s", PG_STR_ARG(f->body));
	return refuse ? pg_fail(e, PG_E_HOST, "no") : 0;
}

static void
on_exit_of(struct pg_child *c, int s)
{
	assert_ptr_equal(c, &child);
	nexits++;
	status = s;
}

static const struct pg_child_ops ops = { .on_frame = on_frame,
	.on_exit = on_exit_of };

static int
setup(void **state)
{
	(void)state;
	pg_log_set_level(PG_LOG_ERROR);
	loop = pg_loop_new(NULL);
	nframes = nexits = status = 0;
	refuse = false;
	memset(&child, 0, sizeof(child));
	return loop == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	(void)state;
	assert_false(pg_child_running(&child));
	pg_clock_fake(0, 0);
	pg_loop_free(loop);
	return 0;
}

static void
start(void (*what)(int sock))
{
	struct pg_err e = { 0 };

	behave = what;
	if (pg_child_start(&child, loop, -1, &ops, &e) < 0)
		fail_msg("%s", e.msg);
	assert_true(pg_child_running(&child));
}

static void
wait_exit(int expected)
{
	while (nexits == 0)
		assert_int_equal(pg_loop_turn(loop, PG_SEC, NULL), 0);
	assert_int_equal(nexits, 1);
	assert_int_equal(status, expected);
	assert_false(pg_child_running(&child));
}

static int
sends(size_t n, struct pg_err *e)
{
	static char body[PG_FRAME_INLINE_MAX];

	return pg_child_send(&child, PG_FRAME_MESSAGE, 1, PG_STR_NULL,
	    (struct pg_str){ body, n }, NULL, 0, 0, e);
}

/* Bytes that wait for it. */
static size_t
waiting(void)
{
	return child.out.buf.n - child.out.at;
}

/* ---- ends ------------------------------------------------------------- */

static void
tells_how_it_ended(void **state)
{
	struct pg_err e = { 0 };

	(void)state;
	start(ends_with_3);
	wait_exit(3);
	assert_int_equal(sends(1, &e), -1);
	assert_int_equal(e.code, PG_E_CRASHED);
	pg_child_stop(&child);
	pg_child_kill(&child);
}

static void
last_words_count(void **state)
{
	(void)state;
	start(speaks_and_ends);
	wait_exit(0);
	assert_int_equal(nframes, 2);
	assert_string_equal(last_body, "two");
}

static void
ends_in_good_order(void **state)
{
	(void)state;
	start(ends_when_told);
	pg_child_stop(&child);
	pg_child_stop(&child);
	wait_exit(0);
}

static void
is_killed_if_it_does_not_listen(void **state)
{
	(void)state;
	pg_clock_fake(PG_SEC, PG_SEC);
	start(is_deaf);
	pg_child_stop(&child);
	pg_clock_fake(PG_SEC + PG_CHILD_STOP_TIME - 1, PG_SEC);
	pg_loop_turn(loop, 0, NULL);
	assert_false(child.killed);
	pg_clock_fake(PG_SEC + PG_CHILD_STOP_TIME, PG_SEC);
	pg_loop_turn(loop, 0, NULL);
	assert_true(child.killed);
	wait_exit(-SIGKILL);
}

static void
is_killed_if_it_does_not_read(void **state)
{
	struct pg_err e = { 0 };

	(void)state;
	start(is_deaf);
	while (waiting() + PG_FRAME_INLINE_MAX < PG_CHILD_OUT_MAX)
		assert_int_equal(sends(PG_FRAME_INLINE_MAX, &e), 0);
	/* To the byte: header and length of the head are 13. */
	assert_int_equal(sends(PG_CHILD_OUT_MAX - waiting() -
	    PG_FRAME_HEADER - 4, &e), 0);
	assert_int_equal(waiting(), PG_CHILD_OUT_MAX);
	assert_int_equal(sends(1, &e), 0);
	assert_false(child.killed);
	assert_int_equal(sends(1, &e), -1);
	assert_int_equal(e.code, PG_E_CRASHED);
	assert_string_equal(e.msg, "agent process does not read");
	wait_exit(-SIGKILL);
}

static void
is_killed_if_it_talks_nonsense(void **state)
{
	(void)state;
	start(talks_nonsense);
	wait_exit(-SIGKILL);
	assert_int_equal(nframes, 0);
}

/* Nothing it has said besides counts. */
static void
is_killed_if_a_frame_is_refused(void **state)
{
	(void)state;
	refuse = true;
	start(speaks_and_stays);
	wait_exit(-SIGKILL);
	assert_int_equal(nframes, 1);
}

static void
is_killed_if_it_hangs_up(void **state)
{
	(void)state;
	start(hangs_up);
	wait_exit(-SIGKILL);
}

static void
may_pass_so_much(void **state)
{
	(void)state;
	start(ends_with_3);
	assert_true(child.in.max_bulk == PG_CHILD_BULK_MAX);
	wait_exit(3);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(tells_how_it_ended),
		T(last_words_count),
		T(ends_in_good_order),
		T(is_killed_if_it_does_not_listen),
		T(is_killed_if_it_does_not_read),
		T(is_killed_if_it_talks_nonsense),
		T(is_killed_if_a_frame_is_refused),
		T(is_killed_if_it_hangs_up),
		T(may_pass_so_much),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
