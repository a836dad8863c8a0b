/* test_work: shows that jobs run on other threads, beside each other and with
 * signals blocked, and come back on the loop's thread exactly once; that the
 * queue has its limit; that ending waits for what runs, unless that permits
 * otherwise, and drops the rest.
 */
/* parts: base/err base/mem base/clock base/log os/loop os/work */
/* wrap: pthread_join */
#include "os/work.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <unistd.h>

#include <cmocka.h>

int __wrap_pthread_join(pthread_t t, void **result);
int __real_pthread_join(pthread_t t, void **result);

static struct pg_loop *loop;
static struct pg_work *work;
static int gate[2]; /* jobs that wait read from here */
static bool open_at_join;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int inside; /* jobs at the gate, or past it */

struct task {
	struct pg_job job;
	pthread_t ran_on;
	bool blocked; /* signals were */
	int runs, dones;
};

static int ndone;

static int
setup(void **state)
{
	(void)state;
	ndone = inside = 0;
	loop = pg_loop_new(NULL);
	work = pg_work_new(loop, NULL);
	return work == NULL || pipe(gate) < 0 ? -1 : 0;
}

static int
teardown(void **state)
{
	(void)state;
	pg_work_free(work);
	pg_loop_free(loop);
	close(gate[0]);
	if (gate[1] >= 0)
		close(gate[1]);
	return 0;
}

static void
open_gate(void)
{
	close(gate[1]);
	gate[1] = -1;
}

static void
run_note(struct pg_job *j)
{
	struct task *t = PG_CONTAINER(j, struct task, job);
	sigset_t mask;

	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	t->blocked = sigismember(&mask, SIGINT) && sigismember(&mask, SIGSEGV);
	t->ran_on = pthread_self();
	t->runs++;
}

static void
run_wait(struct pg_job *j)
{
	char c;

	pthread_mutex_lock(&lock);
	inside++;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
	(void)!read(gate[0], &c, 1);
	run_note(j);
}

static void
wait_inside(int n)
{
	pthread_mutex_lock(&lock);
	while (inside < n)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
}

int
__wrap_pthread_join(pthread_t t, void **result)
{
	if (open_at_join)
		open_gate();
	open_at_join = false;
	return __real_pthread_join(t, result);
}

static void
on_done(struct pg_job *j)
{
	PG_CONTAINER(j, struct task, job)->dones++;
	ndone++;
}

static void
turn_until(int n)
{
	int64_t end = pg_now() + 100 * PG_SEC;

	while (ndone < n && pg_now() < end)
		assert_int_equal(pg_loop_turn(loop, PG_SEC, NULL), 0);
	assert_int_equal(ndone, n);
}

static void
task_submit(struct task *t, void (*run)(struct pg_job *))
{
	*t = (struct task){ .job = { .run = run, .done = on_done } };
	assert_int_equal(pg_work_submit(work, &t->job, NULL), 0);
}

static void
test_round_trip(void **state)
{
	struct task t[100];
	sigset_t mask;
	int i;

	(void)state;
	for (i = 0; i < 100; i++)
		task_submit(&t[i], run_note);
	/* done comes from the loop, never from within. */
	assert_int_equal(ndone, 0);
	turn_until(100);
	for (i = 0; i < 100; i++) {
		assert_int_equal(t[i].runs, 1);
		assert_int_equal(t[i].dones, 1);
		assert_true(t[i].blocked);
		assert_false(pthread_equal(t[i].ran_on, pthread_self()));
	}
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	assert_false(sigismember(&mask, SIGINT));
}

/* All but one worker held up: the others' jobs are done meanwhile. */
static void
test_beside_each_other(void **state)
{
	struct task slow[PG_WORK_THREADS - 1], quick[10];
	int i;

	(void)state;
	for (i = 0; i < PG_WORK_THREADS - 1; i++)
		task_submit(&slow[i], run_wait);
	for (i = 0; i < 10; i++)
		task_submit(&quick[i], run_note);
	turn_until(10);
	for (i = 0; i < 10; i++)
		assert_int_equal(quick[i].dones, 1);
	open_gate();
	turn_until(10 + PG_WORK_THREADS - 1);
}

static void
done_again(struct pg_job *j)
{
	struct task *t = PG_CONTAINER(j, struct task, job);

	ndone++;
	if (++t->dones < 5)
		assert_int_equal(pg_work_submit(work, j, NULL), 0);
}

static void
test_submit_from_done(void **state)
{
	struct task t = { .job = { .run = run_note, .done = done_again } };

	(void)state;
	assert_int_equal(pg_work_submit(work, &t.job, NULL), 0);
	turn_until(5);
	assert_int_equal(t.runs, 5);
}

/* The queue takes PG_WORK_QUEUE_MAX beside those that run, and no more. */
static void
test_queue_limit(void **state)
{
	static struct task running[PG_WORK_THREADS], t[PG_WORK_QUEUE_MAX];
	struct task more = { .job = { .run = run_note, .done = on_done } };
	struct pg_err e = { .code = PG_E_OK };
	int i, n = PG_WORK_QUEUE_MAX + PG_WORK_THREADS;

	(void)state;
	for (i = 0; i < PG_WORK_THREADS; i++)
		task_submit(&running[i], run_wait);
	/* Until the workers have taken theirs, the limit comes that much
	 * earlier. */
	for (i = 0; i < PG_WORK_QUEUE_MAX - PG_WORK_THREADS; i++)
		task_submit(&t[i], run_note);
	for (; i < PG_WORK_QUEUE_MAX; i++) {
		t[i] = (struct task){ .job = more.job };
		while (pg_work_submit(work, &t[i].job, &e) < 0) {
			assert_int_equal(e.code, PG_E_BUSY);
			usleep(1000);
		}
	}
	assert_int_equal(pg_work_submit(work, &more.job, &e), -1);
	assert_int_equal(e.code, PG_E_BUSY);
	open_gate();
	turn_until(n);
	assert_int_equal(more.runs, 0);
	assert_int_equal(pg_work_submit(work, &more.job, &e), 0);
	turn_until(n + 1);
}

static void
test_ending(void **state)
{
	struct task t[50];
	int i, runs = 0;

	(void)state;
	for (i = 0; i < 50; i++)
		task_submit(&t[i], run_wait);
	wait_inside(PG_WORK_THREADS);
	/* It waits for those, for it is by then that the gate is opened. */
	open_at_join = true;
	pg_work_free(work);
	/* From here on nobody touches them. */
	for (i = 0; i < 50; i++) {
		assert_int_equal(t[i].dones, 0);
		runs += t[i].runs;
	}
	assert_int_equal(runs, PG_WORK_THREADS);
	assert_int_equal(pg_loop_turn(loop, 0, NULL), 0);
	/* One that was never used starts no thread; none is fine, too. */
	work = pg_work_new(loop, NULL);
	pg_work_free(work);
	pg_work_free(NULL);
	work = NULL;
}

/* A byte for each job that has begun, and for each dropped. */
static int begun[2], dropped[2];

static void
run_begin_and_wait(struct pg_job *j)
{
	(void)!write(begun[1], "", 1);
	run_wait(j);
}

static void
on_drop(struct pg_job *j)
{
	free(PG_CONTAINER(j, struct task, job));
	(void)!write(dropped[1], "", 1);
}

/* Whoever ends does not wait for those that may be dropped; they end when they
 * like to, and nobody is told. */
static void
test_leaving(void **state)
{
	struct task *t, plain;
	char c;
	int i;

	(void)state;
	assert_int_equal(pipe(begun) + pipe(dropped), 0);
	for (i = 0; i < 2; i++) {
		t = calloc(1, sizeof(*t));
		t->job = (struct pg_job){ .run = run_begin_and_wait,
			.done = on_done, .drop = on_drop };
		assert_int_equal(pg_work_submit(work, &t->job, NULL), 0);
		assert_int_equal(read(begun[0], &c, 1), 1);
	}
	task_submit(&plain, run_note);
	pg_work_free(work);
	work = NULL;
	open_gate();
	for (i = 0; i < 2; i++)
		assert_int_equal(read(dropped[0], &c, 1), 1);
	assert_int_equal(ndone, 0);
	for (i = 0; i < 2; i++) {
		close(begun[i]);
		close(dropped[i]);
	}
}

static void
run_begin(struct pg_job *j)
{
	(void)j;
	(void)!write(begun[1], "", 1);
}

/* Those that were never begun, and those that are done but not handed in. */
static void
test_leaving_some_behind(void **state)
{
	struct task blocking[PG_WORK_THREADS], *t;
	char c;
	int i, k;

	(void)state;
	assert_int_equal(pipe(begun) + pipe(dropped), 0);
	for (i = 0; i < 6; i++) {
		t = calloc(1, sizeof(*t));
		t->job = (struct pg_job){ .run = run_begin, .done = on_done,
			.drop = on_drop };
		assert_int_equal(pg_work_submit(work, &t->job, NULL), 0);
		if (i < 3)
			assert_int_equal(read(begun[0], &c, 1), 1);
		if (i != 2)
			continue;
		for (k = 0; k < PG_WORK_THREADS; k++)
			task_submit(&blocking[k], run_wait);
		wait_inside(PG_WORK_THREADS);
	}
	open_at_join = true;
	pg_work_free(work);
	work = NULL;
	for (i = 0; i < 6; i++)
		assert_int_equal(read(dropped[0], &c, 1), 1);
	assert_int_equal(ndone, 0);
	for (i = 0; i < 2; i++) {
		close(begun[i]);
		close(dropped[i]);
	}
}

/* The end of a pipe whose other end is to be closed. */
static int
close_later(struct pg_work *w)
{
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	pg_work_close(w, ends[1]);
	return ends[0];
}

static void
assert_closed(int end)
{
	char c;

	/* Waits for as long as it takes. */
	assert_int_equal(read(end, &c, 1), 0);
	close(end);
}

/* Closed are they all: on a worker, without one, and when those end before
 * they come to it. */
static void
test_closing(void **state)
{
	struct task t[PG_WORK_THREADS];
	int i, waits;

	(void)state;
	assert_closed(close_later(NULL));
	assert_closed(close_later(work));
	for (i = 0; i < PG_WORK_THREADS; i++)
		task_submit(&t[i], run_wait);
	wait_inside(PG_WORK_THREADS);
	waits = close_later(work);
	open_at_join = true;
	pg_work_free(work);
	work = NULL;
	assert_closed(waits);
}

#define WORK_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORK_TEST(test_round_trip),
		WORK_TEST(test_beside_each_other),
		WORK_TEST(test_submit_from_done),
		WORK_TEST(test_queue_limit),
		WORK_TEST(test_ending),
		WORK_TEST(test_leaving),
		WORK_TEST(test_leaving_some_behind),
		WORK_TEST(test_closing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
