/* test_lookup: shows which names need no asking, that look-ups end once and
 * later, how many are asked for at a time, and that they can be cancelled
 * wherever they are. No name server is asked: getaddrinfo is a pretended one.
 */
/* parts: base/err base/mem base/clock os/loop os/sock os/work net/lookup */
/* wrap: getaddrinfo freeaddrinfo */
#include "base/mem.h"
#include "net/lookup.h"
#include "workers.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <pthread.h>
#include <setjmp.h>

#include <cmocka.h>

int __wrap_getaddrinfo(const char *node, const char *service,
    const struct addrinfo *hints, struct addrinfo **out);
void __wrap_freeaddrinfo(struct addrinfo *list);

static struct pg_loop *loop;
static struct pg_work *work;
static struct pg_lookups lookups;

/* The name server: asked on workers. Held, it does not answer. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool held;
static int inside, most, asked;

/* What one caller was told. */
struct told {
	int calls;
	size_t n;
	struct pg_addr first, last;
	struct pg_err err;
};

static void
enter_and_leave(void)
{
	pthread_mutex_lock(&lock);
	asked++;
	inside++;
	most = PG_MAX(most, inside);
	pthread_cond_broadcast(&changed);
	while (held)
		pthread_cond_wait(&changed, &lock);
	inside--;
	pthread_mutex_unlock(&lock);
}

/* One answer: an IPv4 address 10.0.0.i, or one of another family. */
static struct addrinfo *
an_address(int family, unsigned i)
{
	struct addrinfo *ai = pg_alloc(sizeof(*ai));
	struct sockaddr_in *in = pg_alloc(sizeof(struct sockaddr_in6));

	in->sin_family = (sa_family_t)family;
	in->sin_addr.s_addr = htonl(0x0a000000 + i);
	ai->ai_family = family;
	ai->ai_addr = (struct sockaddr *)in;
	ai->ai_addrlen = family == AF_INET6 ? sizeof(struct sockaddr_in6) :
	    sizeof(*in);
	return ai;
}

/* "many-N" has N addresses, "odd" one that we can not use, "six" an IPv6 one;
 * nothing else exists. */
int
__wrap_getaddrinfo(const char *node, const char *service,
    const struct addrinfo *hints, struct addrinfo **out)
{
	struct addrinfo **end = out;
	unsigned i, n = 0;

	assert_null(service);
	assert_int_equal(hints->ai_socktype, SOCK_STREAM);
	enter_and_leave();
	if (strncmp(node, "many-", 5) == 0)
		n = (unsigned)strtoul(node + 5, NULL, 10);
	*out = NULL;
	for (i = 0; i < n; i++, end = &(*end)->ai_next)
		*end = an_address(AF_INET, i);
	if (strcmp(node, "odd") == 0)
		*out = an_address(AF_UNIX, 0);
	if (strcmp(node, "six") == 0)
		*out = an_address(AF_INET6, 0);
	return *out != NULL ? 0 : EAI_NONAME;
}

void
__wrap_freeaddrinfo(struct addrinfo *list)
{
	struct addrinfo *next;

	for (; list != NULL; list = next) {
		next = list->ai_next;
		free(list->ai_addr);
		free(list);
	}
}

static int
setup(void **state)
{
	(void)state;
	held = false;
	inside = most = asked = 0;
	loop = pg_loop_new(NULL);
	work = pg_work_new(loop, NULL);
	lookups = (struct pg_lookups){ .work = work };
	return work == NULL ? -1 : 0;
}

static void
hold(bool on)
{
	pthread_mutex_lock(&lock);
	held = on;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

static int
teardown(void **state)
{
	(void)state;
	pg_lookups_fini(&lookups);
	/* Those without owner free themselves. */
	hold(false);
	workers_rest(work, loop);
	pg_work_free(work);
	pg_loop_free(loop);
	return 0;
}

/* Until n look-ups are with the name server. */
static void
wait_inside(int n)
{
	pthread_mutex_lock(&lock);
	while (inside < n)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
}

static void
on_done(void *arg, const struct pg_addr *addrs, size_t n,
    const struct pg_err *err)
{
	struct told *t = arg;

	t->calls++;
	t->n = n;
	if (n > 0) {
		t->first = addrs[0];
		t->last = addrs[n - 1];
	}
	t->err = *err;
}

static struct pg_lookup *
start(const char *name, struct told *t)
{
	struct pg_lookup *u;
	struct pg_err e = { 0 };

	*t = (struct told){ 0 };
	u = pg_lookup_start(&lookups, pg_str(name), 80, on_done, t, &e);
	if (u == NULL)
		fail_msg("%s", e.msg);
	assert_int_equal(t->calls, 0);
	return u;
}

static void
wait_told(const struct told *t)
{
	while (t->calls == 0)
		assert_int_equal(pg_loop_turn(loop, PG_SEC, NULL), 0);
	assert_int_equal(t->calls, 1);
}

/* ---- what needs no asking --------------------------------------------- */

static void
assert_literal(const char *host, size_t n, const char *first)
{
	struct pg_addr out[PG_LOOKUP_ADDRS_MAX];
	char text[PG_ADDR_TEXT];

	assert_int_equal(pg_lookup_literal(pg_str(host), 81, out), n);
	if (n == 0)
		return;
	pg_addr_text(&out[0], text);
	assert_string_equal(text, first);
	assert_int_equal(pg_addr_port(&out[0]), 81);
	if (n == 1)
		return;
	pg_addr_text(&out[1], text);
	assert_string_equal(text, "::1");
	assert_int_equal(pg_addr_port(&out[1]), 81);
}

static void
knows_literals(void **state)
{
	(void)state;
	assert_literal("10.1.2.3", 1, "10.1.2.3");
	assert_literal("::1", 1, "::1");
	assert_literal("localhost", 2, "127.0.0.1");
	assert_literal("LocalHost", 2, "127.0.0.1");
	assert_literal("localhost.", 0, NULL);
	assert_literal("localhost.evil", 0, NULL);
	assert_literal("host", 0, NULL);
	assert_literal("", 0, NULL);
	assert_literal("10.1.2", 0, NULL);
	assert_literal("256.1.1.1", 0, NULL);
}

/* ---- asking ----------------------------------------------------------- */

static void
finds_addresses(void **state)
{
	struct told t;
	char text[PG_ADDR_TEXT];

	(void)state;
	start("many-2", &t);
	wait_told(&t);
	assert_int_equal(t.n, 2);
	pg_addr_text(&t.last, text);
	assert_string_equal(text, "10.0.0.1");
	assert_int_equal(pg_addr_port(&t.first), 80);
	start("six", &t);
	wait_told(&t);
	assert_int_equal(t.n, 1);
	assert_int_equal(t.first.u.sa.sa_family, AF_INET6);
	assert_int_equal(pg_addr_port(&t.first), 80);
}

static void
tells_why_there_is_none(void **state)
{
	struct told t;

	(void)state;
	start("nobody", &t);
	wait_told(&t);
	assert_int_equal(t.n, 0);
	assert_int_equal(t.err.code, PG_E_UNREACHABLE);
	assert_int_equal(strncmp(t.err.msg, "look-up of nobody: ", 19), 0);
	start("odd", &t);
	wait_told(&t);
	assert_int_equal(t.n, 0);
	assert_string_equal(t.err.msg, "look-up of odd: no address");
}

static void
keeps_some_addresses(void **state)
{
	static const struct { const char *name; size_t n; } rows[] = {
		{ "many-63", PG_LOOKUP_ADDRS_MAX - 1 },
		{ "many-64", PG_LOOKUP_ADDRS_MAX },
		{ "many-65", PG_LOOKUP_ADDRS_MAX },
		{ "many-5000", PG_LOOKUP_ADDRS_MAX },
	};
	struct told t;
	size_t i;

	(void)state;
	for (i = 0; i < PG_COUNT(rows); i++) {
		start(rows[i].name, &t);
		wait_told(&t);
		assert_int_equal(t.n, rows[i].n);
	}
}

static void
names_have_a_length(void **state)
{
	char name[PG_LOOKUP_NAME_MAX + 2];
	struct pg_err e = { 0 };
	struct told t;

	(void)state;
	memset(name, 'n', sizeof(name));
	name[PG_LOOKUP_NAME_MAX - 1] = '\0';
	start(name, &t);
	wait_told(&t);
	name[PG_LOOKUP_NAME_MAX - 1] = 'n';
	name[PG_LOOKUP_NAME_MAX] = '\0';
	start(name, &t);
	wait_told(&t);
	assert_null(pg_lookup_start(&lookups, (struct pg_str){ name,
	    PG_LOOKUP_NAME_MAX + 1 }, 80, on_done, &t, &e));
	assert_int_equal(e.code, PG_E_UNREACHABLE);
	assert_int_equal(t.calls, 1);
}

/* ---- many at a time --------------------------------------------------- */

static void
asks_for_few_at_a_time(void **state)
{
	struct told told[PG_LOOKUP_RUNNING_MAX + 3];
	size_t i;

	(void)state;
	hold(true);
	for (i = 0; i < PG_COUNT(told); i++)
		start("many-1", &told[i]);
	wait_inside(PG_LOOKUP_RUNNING_MAX);
	assert_int_equal(lookups.nrunning, PG_LOOKUP_RUNNING_MAX);
	hold(false);
	for (i = 0; i < PG_COUNT(told); i++)
		wait_told(&told[i]);
	assert_int_equal(most, PG_LOOKUP_RUNNING_MAX);
	assert_int_equal(asked, PG_COUNT(told));
	assert_int_equal(lookups.nrunning, 0);
}

/* As many as its owner says. */
static void
asks_for_one_at_a_time(void **state)
{
	struct told told[3];
	size_t i;

	(void)state;
	lookups.most = 1;
	for (i = 0; i < PG_COUNT(told); i++)
		start("many-1", &told[i]);
	for (i = 0; i < PG_COUNT(told); i++)
		wait_told(&told[i]);
	assert_int_equal(most, 1);
	assert_int_equal(asked, PG_COUNT(told));
}

static void
can_be_cancelled_anywhere(void **state)
{
	struct pg_lookup *running, *first, *middle, *last;
	struct told told[6];

	(void)state;
	hold(true);
	running = start("many-1", &told[0]);
	start("many-1", &told[1]);
	first = start("many-1", &told[2]);
	middle = start("many-1", &told[3]);
	start("many-1", &told[4]);
	last = start("many-1", &told[5]);
	wait_inside(PG_LOOKUP_RUNNING_MAX);
	pg_lookup_cancel(running);
	pg_lookup_cancel(middle);
	pg_lookup_cancel(first);
	pg_lookup_cancel(last);
	hold(false);
	wait_told(&told[1]);
	wait_told(&told[4]);
	start("many-1", &told[5]);
	wait_told(&told[5]);
	assert_int_equal(told[0].calls + told[2].calls + told[3].calls, 0);
}

/* With some on workers, which end alone, and some waiting. */
static void
can_end_at_any_time(void **state)
{
	struct told told[PG_LOOKUP_RUNNING_MAX + 2];
	size_t i;

	(void)state;
	hold(true);
	for (i = 0; i < PG_COUNT(told); i++)
		start("many-1", &told[i]);
	wait_inside(PG_LOOKUP_RUNNING_MAX);
	pg_lookups_fini(&lookups);
	hold(false);
	/* The workers, in time, hand in what they have. */
	lookups = (struct pg_lookups){ .work = work };
	start("many-1", &told[0]);
	wait_told(&told[0]);
	for (i = 1; i < PG_COUNT(told); i++)
		assert_int_equal(told[i].calls, 0);
	workers_rest(work, loop);
	assert_int_equal(asked, PG_LOOKUP_RUNNING_MAX + 1);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(knows_literals),
		T(finds_addresses),
		T(tells_why_there_is_none),
		T(keeps_some_addresses),
		T(names_have_a_length),
		T(asks_for_few_at_a_time),
		T(asks_for_one_at_a_time),
		T(can_be_cancelled_anywhere),
		T(can_end_at_any_time),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
