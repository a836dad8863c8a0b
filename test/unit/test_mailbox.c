/* test_mailbox: shows that messages leave in order of priority, then arrival,
 * those of priority 0 first; that a full mailbox refuses and keeps what it
 * has; that those lent still wait, in their order; that a message ends once;
 * and who waits for its answer.
 */
/* parts: base/err base/mem base/clock os/loop host/mailbox */
#include "host/mailbox.h"

#include <setjmp.h>

#include <cmocka.h>

static int
teardown(void **state)
{
	struct pg_mailbox *box = *state;
	struct pg_msg *m;

	pg_mailbox_return(box);
	while ((m = pg_mailbox_take(box)) != NULL)
		pg_msg_end(m, &(struct pg_outcome){ 0 });
	assert_int_equal(box->bytes, 0);
	pg_mailbox_fini(box);
	free(box);
	return 0;
}

static int
setup(void **state)
{
	*state = pg_alloc(sizeof(struct pg_mailbox));
	return 0;
}

/* A message of so many bytes; they are counted, never read. */
static struct pg_msg *
message(int64_t priority, size_t bytes)
{
	struct pg_msg *m = pg_msg_new();

	m->priority = priority;
	m->body.n = bytes;
	return m;
}

static void
by_priority_then_arrival(void **state)
{
	static const int64_t in[] = { 5, 5, 10, 0, 1, -3, INT64_MIN, 5, 0,
		INT64_MAX, 10 };
	static const struct { int64_t priority; uint64_t seq; } out[] = {
		{ 0, 3 }, { 0, 8 }, { INT64_MAX, 9 }, { 10, 2 }, { 10, 10 },
		{ 5, 0 }, { 5, 1 }, { 5, 7 }, { 1, 4 }, { -3, 5 },
		{ INT64_MIN, 6 } };
	struct pg_mailbox *box = *state;
	struct pg_msg *m;
	size_t i;

	for (i = 0; i < PG_COUNT(in); i++)
		assert_int_equal(pg_mailbox_put(box, message(in[i], 1),
		    NULL), 0);
	assert_int_equal(box->bytes, PG_COUNT(in));
	for (i = 0; i < PG_COUNT(out); i++) {
		m = pg_mailbox_take(box);
		assert_true(m->priority == out[i].priority);
		assert_int_equal(m->seq, out[i].seq);
		pg_msg_end(m, &(struct pg_outcome){ 0 });
	}
	assert_null(pg_mailbox_take(box));
}

/* Takes and puts that alternate, against the rule itself. */
static void
keeps_order_while_in_use(void **state)
{
	struct pg_mailbox *box = *state;
	struct pg_msg *m;
	uint32_t x = 1;
	size_t i, k;

	for (i = 0; i < 3000; i++) {
		x = x * 1664525 + 1013904223;
		if ((x >> 16) % 3 > 0 && box->n < 100) {
			pg_mailbox_put_anyway(box, message((x >> 20) % 5, 1));
			continue;
		}
		m = pg_mailbox_take(box);
		for (k = 0; m != NULL && k < box->n; k++) {
			int64_t a = m->priority, b = box->heap[k]->priority;

			a = a == 0 ? INT64_MAX : a;
			b = b == 0 ? INT64_MAX : b;
			assert_true(a > b || (a == b &&
			    m->seq < box->heap[k]->seq));
		}
		if (m != NULL)
			pg_msg_end(m, &(struct pg_outcome){ 0 });
	}
}

static void
limits_the_count(void **state)
{
	struct pg_mailbox *box = *state;
	struct pg_msg *extra = message(5, 1);
	struct pg_err e = { 0 };
	size_t i;

	for (i = 0; i < PG_MAILBOX_COUNT_MAX; i++)
		assert_int_equal(pg_mailbox_put(box, message(5, 1), &e), 0);
	assert_int_equal(pg_mailbox_put(box, extra, &e), -1);
	assert_int_equal(e.code, PG_E_MAILBOX_FULL);
	assert_int_equal(pg_code_status(e.code), 503);
	assert_int_equal(box->n, PG_MAILBOX_COUNT_MAX);
	/* What was accepted elsewhere gets in. */
	pg_mailbox_put_anyway(box, extra);
	assert_int_equal(box->n, PG_MAILBOX_COUNT_MAX + 1);
}

static void
limits_the_bytes(void **state)
{
	struct pg_mailbox *box = *state;
	struct pg_msg *m = message(5, 2);
	struct pg_err e = { 0 };

	assert_int_equal(pg_mailbox_put(box, message(5,
	    PG_MAILBOX_BYTES_MAX - 1), &e), 0);
	assert_int_equal(pg_mailbox_put(box, m, &e), -1);
	assert_int_equal(e.code, PG_E_MAILBOX_FULL);
	m->body.n = 1;
	assert_int_equal(pg_mailbox_put(box, m, &e), 0);
	assert_int_equal(box->bytes, PG_MAILBOX_BYTES_MAX);
	m = message(5, SIZE_MAX);
	assert_int_equal(pg_mailbox_put(box, m, &e), -1);
	m->body.n = 0;
	assert_int_equal(pg_mailbox_put(box, m, &e), 0);
	/* Over the limit by what was let in anyway: still full, not free. */
	pg_mailbox_put_anyway(box, message(5, 10));
	m = message(5, 1);
	assert_int_equal(pg_mailbox_put(box, m, &e), -1);
	pg_msg_end(m, &(struct pg_outcome){ 0 });
}

static void
count_end(struct pg_msg *m, const struct pg_outcome *o)
{
	int *n = m->arg;

	assert_string_equal(o->err->msg, "no more");
	(*n)++;
}

static void
a_message_ends_once(void **state)
{
	struct pg_msg *m = pg_msg_new();
	struct pg_err e = { 0 };
	int n = 0;

	(void)state;
	assert_true(m->deadline == PG_NEVER);
	m->on_done = count_end;
	m->arg = &n;
	m->id = pg_arena_str(&m->arena, PG_STR("freed with it"));
	pg_fail(&e, PG_E_INVALID_AGENT, "no more");
	pg_msg_fail(m, &e);
	assert_int_equal(n, 1);
}

static void
knows_who_waits(void **state)
{
	struct pg_msg *m = pg_msg_new();

	(void)state;
	assert_false(pg_msg_waits(m, PG_STR("a")));
	m->path = PG_STR("abc");
	assert_true(pg_msg_waits(m, PG_STR("abc")));
	assert_false(pg_msg_waits(m, PG_STR("ab")));
	assert_false(pg_msg_waits(m, PG_STR("bc")));
	m->path = PG_STR("abc de f");
	assert_true(pg_msg_waits(m, PG_STR("abc")));
	assert_true(pg_msg_waits(m, PG_STR("de")));
	assert_true(pg_msg_waits(m, PG_STR("f")));
	assert_false(pg_msg_waits(m, PG_STR("de f")));
	assert_false(pg_msg_waits(m, PG_STR("d")));
	pg_msg_end(m, &(struct pg_outcome){ 0 });
}

static void
put(struct pg_mailbox *box, int64_t priority, size_t bytes)
{
	assert_int_equal(pg_mailbox_put(box, message(priority, bytes), NULL),
	    0);
}

static void
ends(struct pg_msg *m, uint64_t seq)
{
	assert_non_null(m);
	assert_int_equal(m->seq, seq);
	pg_msg_end(m, &(struct pg_outcome){ 0 });
}

static void
lends_in_order(void **state)
{
	struct pg_mailbox *box = *state;

	put(box, 5, 10);
	put(box, 7, 10);
	put(box, 5, 10);
	assert_null(pg_mailbox_claim(box));
	assert_int_equal(pg_mailbox_lend(box)->seq, 1);
	assert_int_equal(pg_mailbox_lend(box)->seq, 0);
	assert_int_equal(pg_mailbox_waiting(box), 3);
	assert_int_equal(box->bytes, 30);
	ends(pg_mailbox_claim(box), 1);
	assert_int_equal(pg_mailbox_waiting(box), 2);
	assert_int_equal(box->bytes, 20);
	/* What comes back stands where it stood. */
	pg_mailbox_return(box);
	assert_int_equal(box->lent_bytes, 0);
	assert_null(pg_mailbox_claim(box));
	ends(pg_mailbox_take(box), 0);
	ends(pg_mailbox_take(box), 2);
	assert_null(pg_mailbox_lend(box));
}

static void
knows_who_overtakes(void **state)
{
	struct pg_mailbox *box = *state;

	assert_false(pg_mailbox_overtakes(box));
	put(box, 5, 1);
	assert_false(pg_mailbox_overtakes(box));
	pg_mailbox_lend(box);
	assert_false(pg_mailbox_overtakes(box));
	put(box, 5, 1);
	assert_false(pg_mailbox_overtakes(box));
	put(box, 6, 1);
	assert_true(pg_mailbox_overtakes(box));
	ends(pg_mailbox_claim(box), 0);
	assert_false(pg_mailbox_overtakes(box));
	pg_mailbox_lend(box);
	assert_false(pg_mailbox_overtakes(box));
	put(box, 0, 1);
	assert_true(pg_mailbox_overtakes(box));
}

static void
puts_back_where_it_stood(void **state)
{
	struct pg_mailbox *box = *state;
	struct pg_msg *m;

	put(box, 5, 3);
	put(box, 5, 4);
	m = pg_mailbox_take(box);
	assert_int_equal(box->bytes, 4);
	pg_mailbox_put_back(box, m);
	assert_int_equal(box->bytes, 7);
	ends(pg_mailbox_take(box), 0);
}

static void
lends_so_many(void **state)
{
	struct pg_mailbox *box = *state;
	size_t i;

	for (i = 0; i <= PG_MAILBOX_LENT_MAX; i++)
		put(box, 5, 1);
	for (i = 0; i < PG_MAILBOX_LENT_MAX; i++)
		assert_non_null(pg_mailbox_lend(box));
	assert_null(pg_mailbox_lend(box));
	ends(pg_mailbox_claim(box), 0);
	assert_non_null(pg_mailbox_lend(box));
}

static void
lends_so_many_bytes(void **state)
{
	struct pg_mailbox *box = *state;

	put(box, 9, PG_MAILBOX_LENT_BYTES_MAX + 1);
	assert_null(pg_mailbox_lend(box));
	ends(pg_mailbox_take(box), 0);
	put(box, 5, PG_MAILBOX_LENT_BYTES_MAX - 1);
	put(box, 5, 2);
	assert_non_null(pg_mailbox_lend(box));
	assert_null(pg_mailbox_lend(box));
	put(box, 6, 1);
	assert_non_null(pg_mailbox_lend(box));
	assert_null(pg_mailbox_lend(box));
	ends(pg_mailbox_claim(box), 1);
	assert_non_null(pg_mailbox_lend(box));
}

/* A full mailbox is full whoever has its messages. */
static void
counts_those_lent(void **state)
{
	struct pg_mailbox *box = *state;
	struct pg_msg *over = message(5, 1);
	struct pg_err e = { 0 };
	size_t i;

	for (i = 0; i < PG_MAILBOX_COUNT_MAX; i++)
		put(box, 5, 1);
	pg_mailbox_lend(box);
	assert_int_equal(pg_mailbox_put(box, over, &e), -1);
	assert_int_equal(e.code, PG_E_MAILBOX_FULL);
	ends(pg_mailbox_claim(box), 0);
	assert_int_equal(pg_mailbox_put(box, over, &e), 0);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(by_priority_then_arrival),
		T(keeps_order_while_in_use),
		T(limits_the_count),
		T(limits_the_bytes),
		T(lends_in_order),
		T(knows_who_overtakes),
		T(puts_back_where_it_stood),
		T(lends_so_many),
		T(lends_so_many_bytes),
		T(counts_those_lent),
		T(a_message_ends_once),
		T(knows_who_waits),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
