/* test_locate: shows when a result that names an agent's new address is taken
 * for settled: once one host has had the agent for a while, wherever that is;
 * and that the search ends when there is no such host. The hosts here are a
 * table; every question takes 50 ms of a clock that only they move.
 */
/* parts: base/err base/mem base/buf base/map base/clock codec/float codec/value codec/json codec/url codec/pickle codec/pickle_build codec/pickle_text codec/pickle_write host/wire client/locate */
/* wrap: pg_session_get pg_session_forget pg_session_turn pg_session_trust */
#include "client/locate.h"
#include "host/wire.h"

#include <setjmp.h>

#include <cmocka.h>

#define START (100 * PG_SEC)
#define STEP (50 * PG_MS)

/* What one host says of the agent from a time on. */
struct sighting {
	int64_t after;
	const char *url;
	bool active, asleep;
};

struct mesh {
	const struct sighting *seen; /* ends with url NULL */
	enum pg_code fails; /* every question; PG_E_OK: none does */
	int64_t now;
	int asked;
};

static struct mesh mesh;

struct pg_value *__wrap_pg_session_get(struct paglets_client *c,
    struct pg_str url, struct pg_str path, int64_t timeout);
void __wrap_pg_session_forget(struct paglets_client *c,
    struct paglets_future *mark);
int __wrap_pg_session_turn(struct paglets_client *c, int64_t until);
void __wrap_pg_session_trust(struct paglets_client *c,
    const struct pg_value *ref, struct pg_str teller);

static struct pg_value *
list_hosts(struct pg_arena *a)
{
	static const char *const urls[] = { "http://home:1", "http://away:1",
		"http://dead:1" };
	struct pg_value *d = pg_value_dict(a), *list = pg_value_list(a), *h;
	size_t i;

	for (i = 0; i < PG_COUNT(urls); i++) {
		h = pg_value_dict(a);
		pg_put_strz(a, h, "url", urls[i]);
		pg_put_bool(a, h, "online", i < 2);
		pg_value_add(a, list, h);
	}
	pg_put(a, d, "hosts", list);
	return d;
}

struct pg_value *
__wrap_pg_session_get(struct paglets_client *c, struct pg_str url,
    struct pg_str path, int64_t timeout)
{
	const struct sighting *s, *last = NULL;
	struct pg_value *reply;

	assert_false(pg_str_eqz(url, "http://dead:1"));
	assert_in_range(timeout, 1, PG_LOCATE_ASK_TIME);
	mesh.asked++;
	mesh.now += STEP;
	pg_clock_fake(mesh.now, mesh.now);
	if (mesh.fails != PG_E_OK) {
		pg_fail(&c->err, mesh.fails, "no");
		return NULL;
	}
	if (pg_str_eqz(path, "/hosts"))
		return list_hosts(&c->arena);
	assert_true(pg_str_eqz(path, "/agents/kim"));
	for (s = mesh.seen; s->url != NULL; s++)
		if (pg_str_eqz(url, s->url) && mesh.now - START > s->after)
			last = s;
	if (last == NULL) {
		pg_fail(&c->err, PG_E_INVALID_AGENT, "No paglet 'kim'");
		return NULL;
	}
	reply = pg_value_dict(&c->arena);
	pg_put_bool(&c->arena, reply, "active", last->active);
	if (last->asleep)
		pg_put_float(&c->arena, reply, "deactivated_at", 1.0);
	return reply;
}

void
__wrap_pg_session_forget(struct paglets_client *c,
    struct paglets_future *mark)
{
	assert_null(mark);
	pg_arena_reset(&c->arena);
}

void
__wrap_pg_session_trust(struct paglets_client *c, const struct pg_value *ref,
    struct pg_str teller)
{
	(void)c, (void)ref;
	assert_true(pg_str_eqz(teller, "http://home:1"));
}

/* The pause between two rounds. */
int
__wrap_pg_session_turn(struct paglets_client *c, int64_t until)
{
	(void)c;
	mesh.now = PG_MAX(mesh.now, until);
	pg_clock_fake(mesh.now, mesh.now);
	return 0;
}

/* Settle {host_url: http://home:1, agent_id: kim} and check where it is then,
 * and how long that took. */
static void
settles(const struct sighting *seen, const char *url, int64_t from,
    int64_t to)
{
	struct paglets_client c = { .timeout = 10 * PG_SEC };
	struct pg_arena a = { 0 };
	const struct pg_value *v;
	struct pg_value *d = pg_value_dict(&a);

	mesh = (struct mesh){ .seen = seen, .fails = mesh.fails,
		.now = START };
	pg_clock_fake(START, START);
	pg_fail(&c.err, PG_E_HOST, "kept");
	pg_put_strz(&a, d, "host_url", "http://home:1/");
	pg_put_strz(&a, d, "agent_id", "kim");
	v = pg_locate(&c, &a, PG_STR("kim"), d);
	if (!pg_str_eqz(pg_value_text(pg_value_get(v, "host_url"),
	    PG_STR_NULL), url))
		fail_msg("not at %s", url);
	assert_true(pg_str_eqz(pg_value_text(pg_value_get(v, "agent_id"),
	    PG_STR_NULL), "kim"));
	assert_int_equal(v->n, 2);
	assert_in_range(mesh.now - START, from, to);
	assert_string_equal(c.err.msg, "kept");
	pg_clock_fake(0, 0);
	pg_arena_fini(&a);
	pg_arena_fini(&c.arena);
}

static void
it_stays_where_it_says(void **state)
{
	static const struct sighting seen[] = {
		{ 0, "http://home:1", true, false }, { 0, NULL, false, false } };

	(void)state;
	settles(seen, "http://home:1", PG_LOCATE_STILL,
	    PG_LOCATE_STILL + 2 * STEP);
}

static void
it_has_moved_on(void **state)
{
	static const struct sighting seen[] = {
		{ 0, "http://home:1", true, false },
		{ 2 * STEP, "http://home:1", false, false },
		{ 6 * STEP, "http://away:1", true, false },
		{ 0, NULL, false, false } };

	(void)state;
	settles(seen, "http://away:1", 6 * STEP + PG_LOCATE_STILL,
	    12 * STEP + PG_LOCATE_STILL);
}

static void
one_that_sleeps_is_settled_too(void **state)
{
	static const struct sighting seen[] = {
		{ 0, "http://home:1", false, true }, { 0, NULL, false, false } };
	static const struct sighting old[] = {
		{ 0, "http://home:1", false, true },
		{ 0, "http://away:1", true, false }, { 0, NULL, false, false } };

	(void)state;
	settles(seen, "http://home:1", PG_LOCATE_STILL,
	    PG_LOCATE_STILL + 6 * STEP);
	settles(old, "http://away:1", PG_LOCATE_STILL,
	    PG_LOCATE_STILL + 6 * STEP);
}

static void
the_search_ends(void **state)
{
	static const struct sighting none[] = { { 0, NULL, false, false } };

	(void)state;
	settles(none, "http://home:1/", PG_LOCATE_TIME,
	    PG_LOCATE_TIME + 3 * STEP);
	mesh.fails = PG_E_TIMEOUT;
	settles(none, "http://home:1/", PG_LOCATE_TIME,
	    PG_LOCATE_TIME + 3 * STEP);
	/* Who is not let in need not ask again. */
	mesh.fails = PG_E_AUTH;
	settles(none, "http://home:1/", STEP, STEP);
	mesh.fails = PG_E_OK;
}

/* Show that a result is not asked about at all. */
static void
not_asked(struct pg_value *result)
{
	struct paglets_client c = { .timeout = 10 * PG_SEC };
	struct pg_arena a = { 0 };

	mesh = (struct mesh){ .asked = 0 };
	assert_ptr_equal(pg_locate(&c, &a, PG_STR("kim"), result), result);
	assert_int_equal(mesh.asked, 0);
	pg_arena_fini(&a);
}

static void
other_results_stay(void **state)
{
	struct pg_arena a = { 0 };
	struct pg_value *v = pg_value_dict(&a);

	(void)state;
	not_asked(NULL);
	not_asked(pg_value_null(&a));
	not_asked(pg_value_strz(&a, "http://home:1"));
	not_asked(v);
	pg_put_strz(&a, v, "host_url", "http://home:1");
	not_asked(v);
	pg_put_strz(&a, v, "agent_id", "kim2");
	not_asked(v);
	v = pg_value_dict(&a);
	pg_put_strz(&a, v, "host_url", "no url");
	pg_put_strz(&a, v, "agent_id", "kim");
	not_asked(v);
	v = pg_value_dict(&a);
	pg_put_strz(&a, v, "host_url", "http://home:1");
	pg_put_strz(&a, v, "agent_id", "kim");
	pg_put_int(&a, v, "count", 1);
	not_asked(v);
	pg_arena_fini(&a);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_stays_where_it_says),
		cmocka_unit_test(it_has_moved_on),
		cmocka_unit_test(one_that_sleeps_is_settled_too),
		cmocka_unit_test(the_search_ends),
		cmocka_unit_test(other_results_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
