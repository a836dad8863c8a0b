/* test_loop: shows that events reach who still wants them and nobody else,
 * whatever callbacks do to each other within a turn; that timers come in
 * order, never early, and cheaply later; that deferred tasks and signals
 * arrive once.
 */
/* parts: base/err base/mem base/clock base/log os/loop */
#include "os/loop.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* One end of a socketpair, watched; counts its calls. */
struct peer {
	struct pg_io io;
	int other;
	int calls;
	uint32_t got;
	struct peer *victim; /* what its callback works on */
	void (*act)(struct peer *);
};

static struct pg_loop *loop;

/* Freeze time at ms after a start; -1: real time. Only where parts are
 * compiled alone: the product has no such clock, and skips those tests. */
static void
at(int64_t ms)
{
#ifdef PG_TEST
	pg_clock_fake(ms < 0 ? 0 : 1 + ms * PG_MS, ms < 0 ? 0 : 1);
#else
	if (ms >= 0)
		skip();
#endif
}

static int
setup(void **state)
{
	(void)state;
	loop = pg_loop_new(NULL);
	return loop == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	(void)state;
	at(-1);
	pg_loop_free(loop);
	return 0;
}

static void
on_peer(struct pg_io *io, uint32_t events)
{
	struct peer *p = PG_CONTAINER(io, struct peer, io);
	char c;

	p->calls++;
	p->got = events;
	if ((events & EPOLLIN) != 0)
		(void)!read(io->fd, &c, 1);
	if (p->act != NULL)
		p->act(p);
}

static void
peer_open(struct peer *p, uint32_t events)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
	    fds), 0);
	*p = (struct peer){ .other = fds[1] };
	assert_int_equal(pg_io_add(loop, &p->io, fds[0], events, on_peer,
	    NULL), 0);
}

static void
peer_ring(struct peer *p)
{
	assert_int_equal(write(p->other, "x", 1), 1);
}

static void
peer_close(struct peer *p)
{
	if (p->io.loop != NULL) {
		pg_io_del(&p->io);
		close(p->io.fd);
	}
	if (p->other >= 0)
		close(p->other);
	p->other = -1;
}

static void
poll_once(void)
{
	assert_int_equal(pg_loop_turn(loop, 0, NULL), 0);
}

/* ---- Descriptors ---- */

static void
test_io_levels(void **state)
{
	struct peer p;

	(void)state;
	peer_open(&p, EPOLLIN);
	poll_once();
	assert_int_equal(p.calls, 0);
	peer_ring(&p);
	peer_ring(&p);
	poll_once();
	poll_once();
	poll_once();
	assert_int_equal(p.calls, 2);
	pg_io_want(&p.io, EPOLLIN | EPOLLOUT);
	poll_once();
	assert_int_equal(p.got, EPOLLOUT);
	peer_close(&p);
	pg_io_del(&p.io); /* idle: nothing */
}

static void
test_io_wants_nothing(void **state)
{
	struct peer p;

	(void)state;
	peer_open(&p, 0);
	close(p.other);
	p.other = -1;
	poll_once();
	assert_int_equal(p.calls, 0);
	/* Nor does the hang-up keep the loop awake. */
	int64_t before = pg_now();
	assert_int_equal(pg_loop_turn(loop, 20 * PG_MS, NULL), 0);
	assert_true(pg_now() - before >= 20 * PG_MS);
	pg_io_want(&p.io, EPOLLIN);
	poll_once();
	assert_int_equal(p.calls, 1);
	assert_true((p.got & EPOLLIN) != 0);
	peer_close(&p);
}

static void
test_io_error_wakes_writer(void **state)
{
	struct peer p;
	int fds[2];

	(void)state;
	/* A pipe without reader: EPOLLERR, and the writer must try. */
	assert_int_equal(pipe(fds), 0);
	p = (struct peer){ .other = -1 };
	assert_int_equal(pg_io_add(loop, &p.io, fds[1], EPOLLOUT, on_peer,
	    NULL), 0);
	close(fds[0]);
	poll_once();
	assert_int_equal(p.got, EPOLLOUT | EPOLLERR);
	peer_close(&p);
}

static void
act_delete(struct peer *p)
{
	peer_close(p->victim);
}

/* Two are ready in one batch; the first that is called acts on the other, whose
 * event then no longer counts. */
static void
act_in_batch(void (*act)(struct peer *p))
{
	struct peer a, b;

	peer_open(&a, EPOLLIN);
	peer_open(&b, EPOLLIN);
	a.victim = &b;
	b.victim = &a;
	a.act = b.act = act;
	peer_ring(&a);
	peer_ring(&b);
	poll_once();
	assert_int_equal(a.calls + b.calls, 1);
	peer_close(&a);
	peer_close(&b);
}

static void
test_io_deleted_in_batch(void **state)
{
	(void)state;
	act_in_batch(act_delete);
}

/* Close the victim and register another on the same descriptor and slot. */
static void
act_replace(struct peer *p)
{
	struct peer *v = p->victim;
	int fd = v->io.fd;

	pg_io_del(&v->io);
	close(fd);
	close(v->other);
	peer_open(v, EPOLLIN);
	assert_int_equal(v->io.fd, fd);
}

static void
test_io_reused_in_batch(void **state)
{
	(void)state;
	/* The replaced one starts at 0. */
	act_in_batch(act_replace);
}

static void
act_unwant(struct peer *p)
{
	pg_io_want(&p->victim->io, EPOLLOUT);
}

static void
test_io_unwanted_in_batch(void **state)
{
	(void)state;
	act_in_batch(act_unwant);
}

static void
test_io_deletes_itself(void **state)
{
	struct peer p;

	(void)state;
	peer_open(&p, EPOLLIN);
	p.victim = &p;
	p.act = act_delete;
	peer_ring(&p);
	poll_once();
	poll_once();
	assert_int_equal(p.calls, 1);
}

/* More than one batch and more slots than the table begins with. */
static void
test_io_many(void **state)
{
	enum { N = 300 };
	static struct peer p[N];
	int i, turn, sum = 0;

	(void)state;
	for (i = 0; i < N; i++) {
		peer_open(&p[i], EPOLLIN);
		peer_ring(&p[i]);
	}
	for (turn = 0; turn < 3; turn++)
		poll_once();
	for (i = 0; i < N; i++) {
		sum += p[i].calls;
		peer_close(&p[i]);
	}
	assert_int_equal(sum, N);
}

static void
test_io_add_fails(void **state)
{
	struct pg_io io = { .fd = 0 };
	struct pg_err e = { .code = PG_E_OK };
	int fd = open("/dev/null", O_RDONLY); /* epoll refuses files */

	(void)state;
	assert_int_equal(pg_io_add(loop, &io, fd, EPOLLIN, on_peer, &e), -1);
	assert_int_equal(e.code, PG_E_SYS);
	assert_int_equal(e.sys, EPERM);
	assert_null(io.loop);
	close(fd);
}

/* ---- Timers ---- */

struct alarm {
	struct pg_timer t;
	int calls;
	int64_t rearm; /* 0: not */
};

static int fired[16], nfired;
static struct alarm alarms[16];

static void
on_alarm(struct pg_timer *t)
{
	struct alarm *a = PG_CONTAINER(t, struct alarm, t);

	a->calls++;
	fired[nfired++ % 16] = (int)(a - alarms);
	if (a->rearm != 0)
		pg_timer_set(loop, t, a->rearm, on_alarm);
}

static void
alarms_reset(void)
{
	memset(alarms, 0, sizeof(alarms));
	nfired = 0;
}

static void
arm(int i, int64_t ms)
{
	pg_timer_set(loop, &alarms[i].t, ms * PG_MS, on_alarm);
}

static void
test_timer_order(void **state)
{
	static const int delays[] = { 7, 3, 9, 1, 8, 2, 6, 4, 5 };
	int i;

	(void)state;
	alarms_reset();
	at(0);
	for (i = 0; i < (int)PG_COUNT(delays); i++)
		arm(i, delays[i]);
	pg_timer_stop(&alarms[4].t); /* 8 */
	pg_timer_stop(&alarms[3].t); /* 1, the root */
	pg_timer_stop(&alarms[3].t);
	at(6);
	poll_once();
	assert_int_equal(nfired, 5);
	at(20);
	poll_once();
	assert_int_equal(nfired, 7);
	for (i = 1; i < nfired; i++)
		assert_true(delays[fired[i - 1]] < delays[fired[i]]);
}

static void
test_timer_moves(void **state)
{
	(void)state;
	alarms_reset();
	at(0);
	arm(0, 10);
	arm(1, 20);
	arm(0, 30); /* later: keeps its place until 10 */
	arm(1, 5);  /* earlier: moves at once */
	at(6);
	poll_once();
	assert_int_equal(alarms[1].calls, 1);
	at(29);
	poll_once();
	assert_int_equal(alarms[0].calls, 0);
	arm(0, 10); /* 39 */
	arm(0, 2);  /* 31: back, still later than its key */
	at(31);
	poll_once();
	assert_int_equal(alarms[0].calls, 1);
	arm(2, 1);
	pg_timer_set(loop, &alarms[2].t, PG_NEVER, on_alarm);
	assert_null(alarms[2].t.loop);
	/* So late that it overflows: not in the past. */
	pg_timer_set(loop, &alarms[3].t, PG_NEVER - 1, on_alarm);
	poll_once();
	assert_int_equal(alarms[3].calls, 0);
	pg_timer_stop(&alarms[3].t);
}

/* A reference without a heap: every timer fires once at the time it was last
 * set for, over many random settings. */
static void
test_timer_random(void **state)
{
	static struct alarm *const a = alarms;
	int64_t due[16] = { 0 };
	uint32_t r = 1;
	int i, step;

	(void)state;
	alarms_reset();
	for (step = 0; step < 20000; step++) {
		at(step);
		poll_once();
		for (i = 0; i < 16; i++) {
			bool expect = due[i] != 0 && due[i] <= step;
			assert_int_equal(a[i].calls, expect ? 1 : 0);
			if (expect)
				due[i] = 0;
			a[i].calls = 0;
		}
		r = r * 1664525 + 1013904223;
		i = (int)(r >> 28);
		due[i] = (r >> 20 & 7) == 0 ? 0 :
		    step + 1 + (int)(r >> 8 & 63);
		pg_timer_set(loop, &a[i].t, due[i] == 0 ? PG_NEVER :
		    (due[i] - step) * PG_MS, on_alarm);
	}
	for (i = 0; i < 16; i++)
		pg_timer_stop(&a[i].t);
}

/* Re-armed for at once, it comes again in the next turn, not in this one, and
 * that turn does not wait: not even the quickest of many did. */
static void
test_timer_zero(void **state)
{
	int64_t before, took, least = PG_NEVER;

	(void)state;
	alarms_reset();
	alarms[0].rearm = -1;
	pg_timer_set(loop, &alarms[0].t, 0, on_alarm);
	while (alarms[0].calls < 100) {
		int calls = alarms[0].calls;
		before = pg_now();
		assert_int_equal(pg_loop_turn(loop, PG_NEVER, NULL), 0);
		assert_in_range(alarms[0].calls, calls, calls + 1);
		took = pg_now() - before;
		least = PG_MIN(least, took);
	}
	assert_true(least < PG_MS);
	pg_timer_stop(&alarms[0].t);
}

static void
test_timer_never_early_nor_spinning(void **state)
{
	int64_t before = pg_now();
	int turns = 0;

	(void)state;
	alarms_reset();
	pg_timer_set(loop, &alarms[0].t, 5 * PG_MS + 1, on_alarm);
	for (; alarms[0].calls == 0; turns++)
		assert_int_equal(pg_loop_turn(loop, PG_NEVER, NULL), 0);
	assert_true(pg_now() - before > 5 * PG_MS);
	assert_true(turns <= 2);
}

/* ---- Deferred tasks, stopping, signals ---- */

static int runs;
static struct pg_task second;

static void
run_count(struct pg_task *t)
{
	(void)t;
	runs++;
}

static void
run_again(struct pg_task *t)
{
	runs++;
	if (runs < 3)
		pg_loop_defer(loop, t, run_again);
	else
		pg_loop_defer(loop, &second, run_count);
}

static void
run_free(struct pg_task *t)
{
	runs++;
	free(t);
}

static void
test_defer(void **state)
{
	struct pg_task t = { .run = NULL };

	(void)state;
	runs = 0;
	pg_loop_defer(loop, &t, run_count);
	pg_loop_defer(loop, &t, run_count);
	assert_int_equal(runs, 0);
	poll_once();
	poll_once();
	assert_int_equal(runs, 1);
	pg_loop_defer(loop, calloc(1, sizeof(t)), run_free);
	assert_int_equal(pg_loop_turn(loop, PG_NEVER, NULL), 0);
	assert_int_equal(runs, 2);
	/* Left for pg_loop_free, which must free it. */
	pg_loop_defer(loop, calloc(1, sizeof(t)), run_free);
}

static void
test_defer_within_sweep(void **state)
{
	struct pg_task t = { .run = NULL };

	(void)state;
	runs = 0;
	memset(&second, 0, sizeof(second));
	pg_loop_defer(loop, &t, run_again);
	poll_once();
	assert_int_equal(runs, 1);
	/* The rest comes without waiting. */
	assert_int_equal(pg_loop_turn(loop, PG_NEVER, NULL), 0);
	assert_int_equal(pg_loop_turn(loop, PG_NEVER, NULL), 0);
	assert_int_equal(pg_loop_turn(loop, PG_NEVER, NULL), 0);
	assert_int_equal(runs, 4);
}

static void
on_signal(void *arg, int sig)
{
	*(int *)arg += sig;
	pg_loop_stop(loop);
}

static void
test_signals(void **state)
{
	static const int wanted[] = { SIGUSR1, SIGUSR2 };
	int sum = 0;

	(void)state;
	assert_int_equal(pg_loop_signals(loop, wanted, 2, on_signal, &sum,
	    NULL), 0);
	raise(SIGUSR1);
	raise(SIGUSR2);
	assert_int_equal(pg_loop_run(loop, NULL), 0);
	assert_int_equal(sum, SIGUSR1 + SIGUSR2);
	/* Stopped once, it can run again. */
	raise(SIGUSR1);
	assert_int_equal(pg_loop_run(loop, NULL), 0);
	assert_int_equal(sum, 2 * SIGUSR1 + SIGUSR2);
}

static int64_t seen[2];

static void
on_time_look(struct pg_timer *t)
{
	(void)t;
	seen[0] = pg_loop_now(loop);
	while (pg_now() == seen[0])
		;
	seen[1] = pg_loop_now(loop);
}

static void
test_now(void **state)
{
	struct pg_timer t = { .loop = NULL };
	int64_t before = pg_now();

	(void)state;
	pg_timer_set(loop, &t, 0, on_time_look);
	while (t.loop != NULL)
		assert_int_equal(pg_loop_turn(loop, PG_NEVER, NULL), 0);
	assert_true(seen[0] > before);
	assert_true(seen[0] == seen[1]);
	assert_true(pg_loop_now(loop) > seen[1]);
}

#define LOOP_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		LOOP_TEST(test_io_levels),
		LOOP_TEST(test_io_wants_nothing),
		LOOP_TEST(test_io_error_wakes_writer),
		LOOP_TEST(test_io_deleted_in_batch),
		LOOP_TEST(test_io_reused_in_batch),
		LOOP_TEST(test_io_unwanted_in_batch),
		LOOP_TEST(test_io_deletes_itself),
		LOOP_TEST(test_io_many),
		LOOP_TEST(test_io_add_fails),
		LOOP_TEST(test_timer_order),
		LOOP_TEST(test_timer_moves),
		LOOP_TEST(test_timer_random),
		LOOP_TEST(test_timer_zero),
		LOOP_TEST(test_timer_never_early_nor_spinning),
		LOOP_TEST(test_defer),
		LOOP_TEST(test_defer_within_sweep),
		LOOP_TEST(test_signals),
		LOOP_TEST(test_now),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
