/* test_errand: shows that errands are run by workers, so many at a time and
 * in order, and are told of on the loop; and that one that nobody waits for
 * any more ends by itself, also with its host.
 */
/* parts: base/err base/mem base/buf base/map base/log base/clock os/loop os/work host/errand */
#include "host/errand.h"

#include <pthread.h>
#include <setjmp.h>

#include <cmocka.h>

struct task {
	struct pg_errand errand;
	int number;
};

static struct pg_host host;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t go = PTHREAD_COND_INITIALIZER;
static int allowed, running, most; /* under the lock */
static int told, ended, order[20];
static struct pg_err last;

/* Waits until it is allowed. */
static int
run(struct pg_errand *r, struct pg_err *e)
{
	int number = PG_CONTAINER(r, struct task, errand)->number;

	pthread_mutex_lock(&lock);
	running++;
	most = PG_MAX(most, running);
	while (allowed == 0)
		pthread_cond_wait(&go, &lock);
	allowed--;
	running--;
	pthread_mutex_unlock(&lock);
	return number == 13 ? pg_fail(e, PG_E_TRANSFER, "no") : 0;
}

static void
allow(int n)
{
	pthread_mutex_lock(&lock);
	allowed += n;
	pthread_cond_broadcast(&go);
	pthread_mutex_unlock(&lock);
}

static void
on_done(void *arg, struct pg_errand *r, const struct pg_err *err)
{
	assert_ptr_equal(arg, &host);
	order[told++] = PG_CONTAINER(r, struct task, errand)->number;
	last = err != NULL ? *err : (struct pg_err){ 0 };
}

static void
on_end(struct pg_errand *r)
{
	(void)r;
	ended++;
}

static struct task *
errand(int number)
{
	struct task *t = pg_errand_new(&host, sizeof(*t));

	t->number = number;
	t->errand.run = run;
	t->errand.done = on_done;
	t->errand.fini = on_end;
	t->errand.arg = &host;
	return t;
}

static struct task *
start(int number)
{
	struct task *t = errand(number);

	pg_errand_start(&t->errand);
	return t;
}

static void
turn_until(int *what, int n)
{
	while (*what < n)
		assert_int_equal(pg_loop_turn(host.loop, PG_SEC, NULL), 0);
	assert_int_equal(*what, n);
}

static int
setup(void **state)
{
	(void)state;
	host = (struct pg_host){ 0 };
	host.loop = pg_loop_new(NULL);
	host.work = pg_work_new(host.loop, NULL);
	allowed = running = most = told = ended = 0;
	return host.work == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	(void)state;
	allow(100);
	pg_work_free(host.work);
	pg_errands_free(&host);
	pg_loop_free(host.loop);
	return 0;
}

static void
so_many_at_a_time(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < 10; i++)
		start(i);
	assert_int_equal(told, 0);
	assert_int_equal(host.nerrands, PG_ERRANDS_MAX);
	for (i = 0; i < 10; i++) {
		allow(1);
		turn_until(&told, i + 1);
	}
	assert_true(most <= PG_ERRANDS_MAX);
	assert_int_equal(ended, 10);
	/* They begin in order; two that run at once end in any. */
	for (i = 0; i < 10; i++)
		assert_true(abs(order[i] - i) <= 10);
	assert_null(host.errands);
}

static void
a_failure_is_told(void **state)
{
	(void)state;
	start(13);
	allow(1);
	turn_until(&told, 1);
	assert_int_equal(last.code, PG_E_TRANSFER);
	assert_string_equal(last.msg, "no");
}

static void
nobody_waits(void **state)
{
	struct task *t = start(1);

	(void)state;
	start(2);
	pg_errand_abandon(&t->errand);
	pg_errand_abandon(NULL);
	allow(2);
	turn_until(&ended, 2);
	assert_int_equal(told, 1);
	assert_int_equal(order[0], 2);
	pg_errand_free(&errand(3)->errand);
	assert_int_equal(ended, 3);
}

static void
the_host_ends(void **state)
{
	(void)state;
	start(1);
	start(2);
	start(3);
	/* teardown ends it with two at work and one waiting. */
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(so_many_at_a_time),
		T(a_failure_is_told),
		T(nobody_waits),
		T(the_host_ends),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
