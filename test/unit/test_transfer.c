/* test_transfer: shows that a move is decided once: a repeated POST gets the
 * first answer, a question while it runs waits for it, one that comes first
 * fences what comes late; and that the table of moves has its bounds.
 */
/* parts: base/err base/mem base/buf base/map base/clock os/loop host/transfer */
#include "host/durable.h"
#include "host/transfer.h"

#include <setjmp.h>

#include <cmocka.h>

/* What one caller was told. */
struct told {
	int calls;
	enum pg_code code;
	char url[40], agent[40];
};

static struct pg_host host;

/* The disk, which fails if it is told to. */
static int written, forgotten;
static bool fails;

PG_FN void
pg_durable_refuse(struct pg_host *h, struct pg_str transfer,
    pg_durable_done *done, void *arg)
{
	(void)h;
	(void)transfer;
	struct pg_err e = { 0 };

	written++;
	if (fails)
		pg_fail(&e, PG_E_SYS, "the disk fails");
	done(arg, fails ? &e : NULL);
}

PG_FN void
pg_durable_forget_transfer(struct pg_host *h, struct pg_str transfer,
    pg_durable_done *done, void *arg)
{
	(void)h;
	(void)transfer;
	assert_null(done);
	assert_null(arg);
	forgotten++;
}

static void
at(int64_t now)
{
	pg_clock_fake(now, now);
}

static int
setup(void **state)
{
	(void)state;
	at(PG_SEC);
	memset(&host, 0, sizeof(host));
	written = forgotten = 0;
	fails = false;
	host.loop = pg_loop_new(NULL);
	host.transfers = pg_transfers_new(&host);
	return host.loop == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	(void)state;
	pg_transfers_free(host.transfers);
	pg_loop_free(host.loop);
	at(0);
	return 0;
}

static void
on_done(void *arg, const struct pg_err *err, struct pg_str url,
    struct pg_str agent)
{
	struct told *t = arg;

	t->calls++;
	t->code = err == NULL ? PG_E_OK : err->code;
	snprintf(t->url, sizeof(t->url), "%.*s", PG_STR_ARG(url));
	snprintf(t->agent, sizeof(t->agent), "%.*s", PG_STR_ARG(agent));
}

static struct pg_transfer *
begin(const char *id, struct told *t)
{
	*t = (struct told){ 0 };
	return pg_transfer_begin(&host, pg_str(id), on_done, t);
}

static void
settle(const char *id, struct told *t)
{
	*t = (struct told){ 0 };
	pg_transfer_settle(&host, pg_str(id), on_done, t);
}

static void
commit(struct pg_transfer *t)
{
	pg_transfer_end(t, NULL, PG_STR("http://b"), PG_STR("agent"));
}

static void
fail_with(struct pg_transfer *t, enum pg_code code)
{
	struct pg_err e = { 0 };

	pg_fail(&e, code, "no");
	pg_transfer_end(t, &e, PG_STR_NULL, PG_STR_NULL);
}

static void
assert_committed(const struct told *t)
{
	assert_int_equal(t->calls, 1);
	assert_int_equal(t->code, PG_E_OK);
	assert_string_equal(t->url, "http://b");
	assert_string_equal(t->agent, "agent");
}

static void
assert_refused(const struct told *t, enum pg_code code)
{
	assert_int_equal(t->calls, 1);
	assert_int_equal(t->code, code);
}

static void
a_repeated_post_gets_the_first_answer(void **state)
{
	struct told first, again, asked, late;
	struct pg_transfer *t;

	(void)state;
	t = begin("t", &first);
	assert_non_null(t);
	assert_null(begin("t", &again));
	settle("t", &asked);
	assert_int_equal(again.calls + asked.calls, 0);
	commit(t);
	/* Who began it answers its caller itself. */
	assert_int_equal(first.calls, 0);
	assert_committed(&again);
	assert_committed(&asked);
	assert_null(begin("t", &late));
	assert_committed(&late);
	settle("t", &late);
	assert_committed(&late);
	fail_with(begin("other", &first), PG_E_SERIAL);
}

/* Without an id it is known by its bytes, as long as it lasts. */
static void
a_post_without_id_is_joined_while_it_lasts(void **state)
{
	uint8_t digest[32] = { 1 }, other[32] = { 2 };
	struct told first = { 0 }, again = { 0 }, third = { 0 };
	struct pg_transfer *t, *u;
	int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		t = pg_transfer_begin_body(&host, digest, on_done, &first);
		assert_non_null(t);
		assert_null(pg_transfer_begin_body(&host, digest, on_done,
		    &again));
		u = pg_transfer_begin_body(&host, other, on_done, &third);
		assert_non_null(u);
		if (i == 0)
			commit(t);
		else
			fail_with(t, PG_E_SERIAL);
		assert_int_equal(again.calls, i + 1);
		assert_int_equal(again.code, i == 0 ? PG_E_OK : PG_E_SERIAL);
		commit(u);
	}
	assert_int_equal(first.calls + third.calls, 0);
	assert_int_equal(written + forgotten, 0);
}

static void
a_failed_post_may_come_again(void **state)
{
	struct told first, again;
	struct pg_transfer *t;

	(void)state;
	t = begin("t", &first);
	assert_null(begin("t", &again));
	fail_with(t, PG_E_SERIAL);
	assert_refused(&again, PG_E_SERIAL);
	t = begin("t", &first);
	assert_non_null(t);
	commit(t);
	settle("t", &again);
	assert_committed(&again);
}

static void
a_question_fences(void **state)
{
	struct told asked, late;

	(void)state;
	settle("t", &asked);
	assert_refused(&asked, PG_E_TRANSFER);
	assert_null(begin("t", &late));
	assert_refused(&late, PG_E_TRANSFER);
	settle("t", &late);
	assert_refused(&late, PG_E_TRANSFER);
	at(PG_TRANSFER_KEEP_TIME);
	assert_null(begin("t", &late));
	assert_refused(&late, PG_E_TRANSFER);
}

/* The source was told that it is over: it stays so, although a POST that
 * waited with it was told why. */
static void
a_question_makes_a_failure_final(void **state)
{
	struct told first, again, asked, late;
	struct pg_transfer *t;

	(void)state;
	t = begin("t", &first);
	assert_null(begin("t", &again));
	settle("t", &asked);
	assert_int_equal(written, 0);
	fail_with(t, PG_E_SERIAL);
	assert_int_equal(written, 1);
	assert_refused(&again, PG_E_SERIAL);
	assert_refused(&asked, PG_E_TRANSFER);
	assert_null(begin("t", &late));
	assert_refused(&late, PG_E_TRANSFER);
}

/* Who asked is not told that it is over before it is so after a crash, too. */
static void
a_refusal_that_is_not_on_disk_is_none(void **state)
{
	struct told first, asked, again;
	struct pg_transfer *t;

	(void)state;
	fails = true;
	settle("u", &asked);
	assert_refused(&asked, PG_E_SYS);
	t = begin("t", &first);
	settle("t", &asked);
	fail_with(t, PG_E_SERIAL);
	assert_refused(&asked, PG_E_SYS);
	settle("t", &again);
	assert_refused(&again, PG_E_SYS);
	fails = false;
	settle("t", &again);
	assert_refused(&again, PG_E_TRANSFER);
	settle("u", &again);
	assert_refused(&again, PG_E_TRANSFER);
	assert_int_equal(written, 5);
	/* Once is enough. */
	settle("t", &again);
	assert_int_equal(written, 5);
}

static void
what_is_old_is_dropped(void **state)
{
	struct told told, asked;
	struct pg_transfer *running, *t;

	(void)state;
	running = begin("running", &told);
	settle("old", &asked);
	at(PG_TRANSFER_KEEP_TIME + PG_SEC);
	settle("new", &asked);
	t = begin("old", &told);
	assert_non_null(t);
	commit(t);
	/* Not what is still being decided, however old. */
	assert_null(begin("running", &told));
	commit(running);
	assert_committed(&told);
}

static void
the_table_has_a_limit(void **state)
{
	struct told told;
	char id[20];
	int i;

	(void)state;
	for (i = 0; i < PG_TRANSFERS_MAX; i++) {
		snprintf(id, sizeof(id), "t%d", i);
		settle(id, &told);
	}
	assert_null(begin("t0", &told));
	settle("one-more", &told);
	/* The oldest has made room, and does so again. */
	assert_null(begin("t1", &told));
	commit(begin("t0", &told));
	assert_null(begin("t2", &told));
	commit(begin("t1", &told));
}

static void
nobody_is_told_after_the_end(void **state)
{
	struct told told, asked;

	(void)state;
	begin("t", &told);
	settle("t", &asked);
	pg_transfers_free(host.transfers);
	host.transfers = NULL;
	assert_int_equal(asked.calls, 0);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_repeated_post_gets_the_first_answer),
		T(a_post_without_id_is_joined_while_it_lasts),
		T(a_failed_post_may_come_again),
		T(a_question_fences),
		T(a_question_makes_a_failure_final),
		T(a_refusal_that_is_not_on_disk_is_none),
		T(what_is_old_is_dropped),
		T(the_table_has_a_limit),
		T(nobody_is_told_after_the_end),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
