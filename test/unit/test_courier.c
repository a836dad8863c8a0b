/* test_courier: shows when an envelope is posted again, what counts as an
 * answer that may have been lost, that nobody is told after a stop, and who is
 * not sent a large state that is no data.
 *
 * The other host is a pretended one.
 */
/* parts: base/err base/mem base/buf base/map base/clock codec/float codec/value codec/url codec/pickle codec/pickle_build codec/pickle_text codec/pickle_write codec/pickle_check os/file os/loop os/work host/wire host/courier */
/* wrap: pg_remote_get pg_remote_post pg_remote_reply pg_remote_decided pg_destination_read pg_ticket_check pg_call_cancel pg_dedupe_value pg_dedupe_foresee pg_kind_name pg_ticket_value pg_envelope_write */
#include "host/courier.h"
#include "host/remote.h"
#include "host/wire.h"

#include <setjmp.h>

#include <cmocka.h>

static struct pg_host host;
static struct pg_arena arena;
static struct pg_courier courier;
static pg_client_done *calling; /* NULL: no call is open */
static int nposts, nasked, nattempts, ndelivered, nfailed, ncancelled;
static bool ambiguous, decided;
static enum pg_code code;
static char url[40];
static struct pg_value *where; /* under "proxy" of the answer */

/* ---- the other host --------------------------------------------------- */

struct pg_call *__wrap_pg_remote_get(struct pg_host *h, struct pg_str to,
    int64_t timeout, pg_client_done *done, void *arg, const char *path, ...);
struct pg_call *
__wrap_pg_remote_get(struct pg_host *h, struct pg_str to, int64_t timeout,
    pg_client_done *done, void *arg, const char *path, ...)
{
	(void)h, (void)to, (void)timeout;
	assert_ptr_equal(arg, &courier);
	assert_string_equal(path, "/health");
	calling = done;
	return (struct pg_call *)&calling;
}

struct pg_call *__wrap_pg_remote_post(struct pg_host *h, struct pg_str to,
    const struct pg_post *post, pg_client_done *done, void *arg,
    const char *path, ...);
struct pg_call *
__wrap_pg_remote_post(struct pg_host *h, struct pg_str to,
    const struct pg_post *post, pg_client_done *done, void *arg,
    const char *path, ...)
{
	(void)h, (void)to;
	assert_ptr_equal(arg, &courier);
	assert_int_equal(post->nbody, 3);
	assert_string_equal(path, "/agents");
	nposts++;
	calling = done;
	return (struct pg_call *)&calling;
}

int __wrap_pg_remote_reply(struct pg_host *h, struct pg_str to,
    const struct pg_response *r, struct pg_arena *a, struct pg_value **out,
    struct pg_err *e);
int
__wrap_pg_remote_reply(struct pg_host *h, struct pg_str to,
    const struct pg_response *r, struct pg_arena *a, struct pg_value **out,
    struct pg_err *e)
{
	(void)h, (void)to;
	*out = pg_value_dict(a);
	if (where != NULL)
		pg_value_put(a, *out, PG_STR("proxy"), where);
	return r->status == 200 ? 0 : pg_fail(e, PG_E_REMOTE, "status %d",
	    r->status);
}

bool __wrap_pg_remote_decided(const struct pg_response *r);
bool
__wrap_pg_remote_decided(const struct pg_response *r)
{
	(void)r;
	return decided;
}

int __wrap_pg_destination_read(struct pg_host *h, struct pg_str at,
    const struct pg_value *health, struct pg_arena *a,
    struct pg_destination *t, struct pg_err *e);
int
__wrap_pg_destination_read(struct pg_host *h, struct pg_str at,
    const struct pg_value *health, struct pg_arena *a,
    struct pg_destination *t, struct pg_err *e)
{
	(void)h, (void)at, (void)health, (void)a, (void)e;
	t->address = PG_STR("http://b:1");
	return 0;
}

int __wrap_pg_ticket_check(const struct pg_ticket *t, struct pg_str at,
    const struct pg_value *health, struct pg_err *e);
int
__wrap_pg_ticket_check(const struct pg_ticket *t, struct pg_str at,
    const struct pg_value *health, struct pg_err *e)
{
	(void)at, (void)health;
	return t->has_version ? pg_fail(e, PG_E_TRANSFER, "version") : 0;
}

void __wrap_pg_call_cancel(struct pg_call *c);
void
__wrap_pg_call_cancel(struct pg_call *c)
{
	assert_ptr_equal(c, &calling);
	calling = NULL;
	ncancelled++;
}

/* The envelope is written elsewhere. */
#define NEVER(f)                                                          \
	void __wrap_##f(void);                                            \
	void __wrap_##f(void) { fail_msg("%s", #f); }
NEVER(pg_dedupe_value)
NEVER(pg_dedupe_foresee)
NEVER(pg_kind_name)
NEVER(pg_ticket_value)
NEVER(pg_envelope_write)
#undef NEVER

/* ---- who is told ------------------------------------------------------ */

static void
on_asked(struct pg_courier *c, const struct pg_err *err)
{
	assert_ptr_equal(c, &courier);
	nasked++;
	code = err != NULL ? err->code : PG_E_OK;
}

static void
on_attempt_failed(struct pg_courier *c, const struct pg_err *err)
{
	assert_int_equal(err->code, PG_E_REMOTE);
	nattempts++;
	assert_int_equal(c->attempt, nattempts);
}

static void
on_delivered(struct pg_courier *c, struct pg_str to)
{
	(void)c;
	ndelivered++;
	snprintf(url, sizeof(url), "%.*s", PG_STR_ARG(to));
}

static void
on_failed(struct pg_courier *c, const struct pg_err *err, bool may)
{
	(void)c;
	code = err->code;
	nfailed++;
	ambiguous = may;
}

static void
begin(int64_t retries)
{
	static const struct pg_courier_ops ops = { on_asked,
		on_attempt_failed, on_delivered, on_failed };

	pg_courier_fini(&courier);
	courier = (struct pg_courier){ .host = &host, .ops = &ops,
		.arena = &arena, .ticket = { .retries = retries },
		.target = { .address = PG_STR("http://b:1") } };
	nposts = nasked = nattempts = ndelivered = nfailed = ncancelled = 0;
	decided = true;
	where = pg_wire_proxy(&arena, PG_STR("http://c:1"), PG_STR("x"));
}

static void
answer(int status, bool maybe_sent)
{
	struct pg_response r = { .status = status,
		.maybe_sent = maybe_sent };
	pg_client_done *done = calling;

	assert_non_null(done);
	calling = NULL;
	done(&courier, &r);
}

static int
setup(void **state)
{
	(void)state;
	host.loop = pg_loop_new(NULL);
	host.work = pg_work_new(host.loop, NULL);
	return host.work == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	(void)state;
	pg_courier_fini(&courier);
	courier = (struct pg_courier){ .host = NULL };
	calling = NULL;
	pg_arena_fini(&arena);
	pg_work_free(host.work);
	pg_loop_free(host.loop);
	return 0;
}

static void
the_target_is_asked(void **state)
{
	(void)state;
	begin(0);
	pg_courier_ask(&courier);
	answer(200, true);
	assert_int_equal(nasked, 1);
	assert_int_equal(code, PG_E_OK);
	pg_courier_ask(&courier);
	answer(404, true);
	assert_int_equal(code, PG_E_REMOTE);
	courier.ticket.has_version = true;
	pg_courier_ask(&courier);
	answer(200, true);
	assert_int_equal(code, PG_E_TRANSFER);
	assert_int_equal(nposts, 0);
}

static void
it_is_posted_again(void **state)
{
	int i;

	(void)state;
	begin(2);
	pg_courier_post(&courier);
	for (i = 1; i <= 3; i++) {
		answer(400, true);
		assert_int_equal(nattempts, i);
		while (i < 3 && nposts == i)
			assert_int_equal(pg_loop_turn(host.loop, PG_SEC,
			    NULL), 0);
	}
	assert_int_equal(nposts, 3);
	assert_int_equal(nfailed, 1);
	assert_false(ambiguous);
	begin(5);
	pg_courier_post(&courier);
	answer(200, true);
	assert_int_equal(ndelivered, 1);
	assert_int_equal(nposts, 1);
	assert_string_equal(url, "http://c:1");
}

/* What is no proxy acknowledges nothing, and so denies nothing either. */
static void
an_answer_names_the_place(void **state)
{
	struct pg_value *no[5];
	size_t i;

	(void)state;
	no[0] = NULL;
	no[1] = pg_value_null(&arena);
	no[2] = pg_value_list(&arena);
	no[3] = pg_value_dict(&arena);
	no[4] = pg_wire_proxy(&arena, PG_STR("gopher://x y"), PG_STR("x"));
	for (i = 0; i < PG_COUNT(no); i++) {
		begin(0);
		decided = false; /* as it is for all that is 200 */
		where = no[i];
		pg_courier_post(&courier);
		answer(200, true);
		assert_int_equal(ndelivered, 0);
		assert_int_equal(nfailed, 1);
		assert_true(ambiguous);
	}
}

/* One row: how a single attempt ends, and whether it may have arrived. */
static void
what_may_have_arrived(void **state)
{
	static const struct {
		int status;
		bool maybe_sent, decided, settles, ambiguous;
	} rows[] = {
		{ 0, false, false, true, false },
		{ 0, true, false, true, true },
		{ 400, true, true, true, false },
		{ 502, true, false, true, true },
		{ 500, true, true, false, false },
		{ 500, true, true, true, true },
	};
	size_t i;

	(void)state;
	for (i = 0; i < PG_COUNT(rows); i++) {
		begin(0);
		decided = rows[i].decided;
		courier.target.settles = rows[i].settles;
		pg_courier_post(&courier);
		answer(rows[i].status, rows[i].maybe_sent);
		assert_int_equal(nfailed, 1);
		assert_int_equal(code, PG_E_REMOTE);
		assert_int_equal(ambiguous, rows[i].ambiguous);
	}
	/* Once is enough. */
	begin(1);
	pg_courier_post(&courier);
	answer(0, true);
	while (nposts == 1)
		assert_int_equal(pg_loop_turn(host.loop, PG_SEC, NULL), 0);
	answer(400, true);
	assert_true(ambiguous);
}

static void
it_stops(void **state)
{
	(void)state;
	begin(3);
	pg_courier_post(&courier);
	pg_courier_stop(&courier);
	assert_int_equal(ncancelled, 1);
	pg_courier_stop(&courier);
	assert_int_equal(ncancelled, 1);
	begin(3);
	pg_courier_post(&courier);
	answer(0, false);
	assert_int_equal(nattempts, 1);
	pg_courier_stop(&courier);
	pg_loop_turn(host.loop, 10 * PG_MS, NULL);
	assert_int_equal(nposts, 1);
	assert_int_equal(ncancelled, 0);
}

/* Post n bytes of which the first is op: the code of a text so long, or not. */
static void
post_state(size_t n, unsigned char op, bool settles)
{
	struct pg_buf b = { 0 };

	memset(pg_buf_room(&b, n), 'x', n);
	b.n = n;
	b.p[0] = (char)op;
	memcpy(b.p + 1, &(uint32_t){ (uint32_t)n - 5 }, 4);
	begin(0);
	courier.target.settles = settles;
	courier.state.bulk = pg_bulk_copy(pg_buf_str(&b), NULL);
	courier.state.len = n;
	pg_buf_fini(&b);
	pg_courier_post(&courier);
}

static void
a_large_state_is_looked_through(void **state)
{
	(void)state;
	/* Small ones have been, and our hosts look themselves. */
	post_state(PG_FRAME_INLINE_MAX, 'c', false);
	assert_int_equal(nposts, 1);
	post_state(PG_FRAME_INLINE_MAX + 1, 'c', true);
	assert_int_equal(nposts, 1);
	post_state(PG_FRAME_INLINE_MAX + 1, 'X', false);
	assert_int_equal(nposts, 0);
	while (nposts == 0)
		assert_int_equal(pg_loop_turn(host.loop, PG_SEC, NULL), 0);
	answer(200, true);
	assert_int_equal(ndelivered, 1);
	post_state(PG_FRAME_INLINE_MAX + 1, 'c', false);
	while (nfailed == 0)
		assert_int_equal(pg_loop_turn(host.loop, PG_SEC, NULL), 0);
	assert_int_equal(code, PG_E_SERIAL);
	assert_int_equal(nposts, 0);
	assert_false(ambiguous);
	/* Stopped in the midst of it. */
	post_state(PG_FRAME_INLINE_MAX + 1, 'c', false);
	pg_courier_stop(&courier);
	pg_loop_turn(host.loop, 50 * PG_MS, NULL);
	assert_int_equal(nfailed, 0);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(the_target_is_asked),
		T(it_is_posted_again),
		T(an_answer_names_the_place),
		T(what_may_have_arrived),
		T(it_stops),
		T(a_large_state_is_looked_through),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
