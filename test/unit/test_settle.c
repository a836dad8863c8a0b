/* test_settle: shows how a transfer whose answer was lost is found out about:
 * by its id, with growing pauses while the target is silent; or by a search,
 * which asks the target and then the hosts known, no stranger where there is
 * a key, and has an end; and that it can be stopped at every moment.
 *
 * The client is a pretended one: it keeps the request, and the test answers.
 * So is the mesh, which knows the hosts of a list.
 */
/* parts: base/err base/mem base/buf base/map base/log base/clock codec/value codec/float codec/json codec/pickle codec/pickle_build codec/pickle_text codec/pickle_write os/file os/loop host/wire host/remote host/settle */
/* wrap: pg_client_start pg_call_cancel pg_mesh_url_at pg_mesh_key_for */
#include "base/log.h"
#include "host/settle.h"

#include <setjmp.h>

#include <cmocka.h>

#define TARGET "http://target:1"

struct pg_call {
	bool open;
	char what[200], bearer[32], body[32];
	int64_t timeout;
	pg_client_done *done;
	void *arg;
};

struct pg_call *__wrap_pg_client_start(struct pg_client *c,
    const struct pg_request *r, pg_client_done *done, void *arg);
void __wrap_pg_call_cancel(struct pg_call *call);
bool __wrap_pg_mesh_url_at(struct pg_mesh *m, size_t i, struct pg_str *url);
struct pg_str __wrap_pg_mesh_key_for(struct pg_mesh *m, struct pg_str url);

static struct pg_host host;
static struct pg_settle settle;
static struct pg_call call; /* settle asks one at a time */
static int asked;
static int64_t now;
/* The other hosts known; of these, who may have the key. */
static struct pg_str hosts[8], friend;
static size_t nhosts;
/* What was called back. */
static int ntold, nsilent;
static bool stop_when_silent;
static char told[200];

struct pg_call *
__wrap_pg_client_start(struct pg_client *c, const struct pg_request *r,
    pg_client_done *done, void *arg)
{
	(void)c;
	assert_false(call.open);
	asked++;
	call = (struct pg_call){ .open = true, .timeout = r->timeout,
		.done = done, .arg = arg };
	snprintf(call.what, sizeof(call.what), "%s %.*s", r->method,
	    PG_STR_ARG(r->url));
	snprintf(call.bearer, sizeof(call.bearer), "%.*s",
	    PG_STR_ARG(r->bearer));
	if (r->nbody > 0)
		snprintf(call.body, sizeof(call.body), "%.*s",
		    PG_STR_ARG(r->body[0].text));
	return &call;
}

void
__wrap_pg_call_cancel(struct pg_call *c)
{
	assert_true(c->open);
	c->open = false;
}

bool
__wrap_pg_mesh_url_at(struct pg_mesh *m, size_t i, struct pg_str *url)
{
	(void)m;
	if (i < nhosts)
		*url = hosts[i];
	return i < nhosts;
}

struct pg_str
__wrap_pg_mesh_key_for(struct pg_mesh *m, struct pg_str url)
{
	(void)m;
	return pg_str_eq(url, friend) ? host.cfg.api_key : PG_STR_NULL;
}

/* ---- helpers ---------------------------------------------------------- */

/* The last calls of settle. Its owner may forget it at once. */
static void
tell(struct pg_settle *s, const char *what, struct pg_str where)
{
	assert_false(s->running);
	ntold++;
	snprintf(told, sizeof(told), "%s %.*s", what, PG_STR_ARG(where));
	memset(s, 0xa5, sizeof(*s));
}

static void
on_there(struct pg_settle *s, struct pg_str url)
{
	tell(s, "there", url);
}

static void
on_not_there(struct pg_settle *s, bool searched)
{
	tell(s, "not there", pg_str(searched ? "searched" : "refused"));
}

static void
on_silent(struct pg_settle *s)
{
	nsilent++;
	if (stop_when_silent)
		pg_settle_stop(s);
}

static const struct pg_settle_ops ops = { .there = on_there,
	.not_there = on_not_there, .silent = on_silent };

static void
pass(int64_t ns)
{
	now += ns;
	pg_clock_fake(now, now);
	assert_int_equal(pg_loop_turn(host.loop, 0, NULL), 0);
}

static int
setup(void **state)
{
	(void)state;
	now = PG_SEC;
	pg_clock_fake(now, now);
	pg_log_set_level(PG_LOG_ERROR);
	call.open = stop_when_silent = false;
	asked = ntold = nsilent = 0;
	nhosts = 0;
	friend = PG_STR_NULL;
	told[0] = '\0';
	memset(&host, 0, sizeof(host));
	host.loop = pg_loop_new(NULL);
	settle = (struct pg_settle){ .host = &host, .ops = &ops,
		.target = PG_STR(TARGET), .agent_id = PG_STR("traveller"),
		.transfer_id = "t-1", .first = 10 * PG_SEC };
	return host.loop == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	(void)state;
	assert_false(call.open);
	pg_clock_fake(0, 0);
	pg_loop_free(host.loop);
	return 0;
}

/* Answer the open question; status 0: there is no answer. */
static void
answer(int status, const char *body)
{
	struct pg_response r = { .status = status };

	assert_true(call.open);
	call.open = false;
	if (status == 0)
		pg_fail(&r.err, PG_E_UNREACHABLE, "%s", body);
	else
		r.body = pg_bulk_copy(pg_str(body), NULL);
	call.done(call.arg, &r);
	pg_bulk_unref(r.body);
}

static void
assert_asks(const char *what)
{
	assert_true(call.open);
	assert_string_equal(call.what, what);
}

static void
assert_told(const char *what)
{
	assert_int_equal(ntold, 1);
	assert_string_equal(told, what);
	assert_false(call.open);
}

static void
start_by_id(void)
{
	settle.by_id = true;
	pg_settle_start(&settle);
	assert_asks("POST " TARGET "/transfers/t-1/settle");
	assert_string_equal(call.body, "{}");
}

static void
start_search(void)
{
	pg_settle_start(&settle);
	assert_asks("GET " TARGET "/agents/traveller");
	assert_int_equal(call.timeout, PG_SETTLE_ASK_TIME);
}

/* Another host is known. */
static void
knows(const char *url)
{
	hosts[nhosts++] = pg_str(url);
}

/* ---- by transfer id --------------------------------------------------- */

static void
committed_is_there(void **state)
{
	(void)state;
	start_by_id();
	answer(200, "{\"status\": \"committed\", \"proxy\": "
	    "{\"host_url\": \"http://moved:2\", \"agent_id\": \"x\"}}");
	assert_told("there http://moved:2");
	assert_int_equal(nsilent, 0);
}

static void
committed_without_a_place_is_at_the_target(void **state)
{
	static const char *const bodies[] = { "{\"status\": \"committed\"}",
		"{\"status\": \"committed\", \"proxy\": 5}",
		"{\"status\": \"committed\", \"proxy\": {\"host_url\": [1]}}" };
	const struct pg_settle fresh = settle;
	size_t i;

	(void)state;
	for (i = 0; i < PG_COUNT(bodies); i++) {
		settle = fresh;
		ntold = 0;
		start_by_id();
		answer(200, bodies[i]);
		assert_told("there " TARGET);
	}
}

static void
refused_is_not_there(void **state)
{
	(void)state;
	start_by_id();
	answer(200, "{\"status\": \"refused\"}");
	assert_told("not there refused");
}

/* Only a 200 with one of the two words decides; nothing else does, be it an
 * error, another word, or no JSON at all. */
static void
whatever_else_is_silence(void **state)
{
	static const struct { int status; const char *body; } rows[] = {
		{ 0, "no route" },
		{ 500, "{\"error_type\": \"HostError\", \"error\": \"x\"}" },
		{ 404, "{\"status\": \"refused\"}" },
		{ 502, "<html>" },
		{ 200, "" },
		{ 200, "{\"status\": \"refused" },
		{ 200, "{\"status\": \"Refused\"}" },
		{ 200, "{\"status\": null}" },
		{ 200, "{\"status\": [\"committed\"]}" },
		{ 200, "\"committed\"" },
		{ 200, "null" },
	};
	size_t i;

	(void)state;
	start_by_id();
	for (i = 0; i < PG_COUNT(rows); i++) {
		answer(rows[i].status, rows[i].body);
		assert_int_equal(ntold, 0);
		assert_int_equal(nsilent, (int)i + 1);
		assert_false(call.open);
		pass(PG_SETTLE_MAX);
	}
	answer(200, "{\"status\": \"refused\"}");
	assert_told("not there refused");
}

static void
pauses_grow_up_to_a_limit(void **state)
{
	int64_t pause = PG_SETTLE_FIRST;
	int i;

	(void)state;
	start_by_id();
	for (i = 0; i < 12; i++) {
		answer(0, "silent");
		pass(pause - 1);
		assert_false(call.open);
		pass(1);
		assert_asks("POST " TARGET "/transfers/t-1/settle");
		assert_int_equal(call.timeout, PG_SETTLE_ASK_TIME);
		pause = PG_MIN(2 * pause, PG_SETTLE_MAX);
	}
	assert_int_equal(pause, PG_SETTLE_MAX);
	assert_int_equal(nsilent, 12);
	answer(200, "{\"status\": \"committed\"}");
	assert_told("there " TARGET);
}

/* The first answers somebody who waits: within the time there is, but for a
 * moment in any case. */
static void
the_first_question_takes_what_time_there_is(void **state)
{
	static const struct { int64_t first, timeout; } rows[] = {
		{ 0, PG_SETTLE_FIRST },
		{ -5 * PG_SEC, PG_SETTLE_FIRST },
		{ PG_SETTLE_FIRST + 1, PG_SETTLE_FIRST + 1 },
		{ PG_SETTLE_ASK_TIME - 1, PG_SETTLE_ASK_TIME - 1 },
		{ PG_SETTLE_ASK_TIME, PG_SETTLE_ASK_TIME },
		{ PG_SETTLE_ASK_TIME + 1, PG_SETTLE_ASK_TIME },
	};
	size_t i;

	(void)state;
	for (i = 0; i < PG_COUNT(rows); i++) {
		settle.first = rows[i].first;
		start_by_id();
		assert_int_equal(call.timeout, rows[i].timeout);
		pg_settle_stop(&settle);
	}
}

/* ---- by looking for it ------------------------------------------------ */

static void
finds_it_at_the_target(void **state)
{
	(void)state;
	start_search();
	answer(200, "{\"agent_id\": \"traveller\"}");
	assert_told("there " TARGET);
}

static void
finds_it_at_another_host(void **state)
{
	(void)state;
	knows("http://b:1");
	knows("http://c:1");
	start_search();
	answer(404, "{\"error_type\": \"InvalidAgentError\", \"error\": \"\"}");
	assert_asks("GET http://b:1/agents/traveller");
	answer(0, "no route");
	assert_asks("GET http://c:1/agents/traveller");
	answer(200, "{\"agent_id\": \"traveller\"}");
	assert_told("there http://c:1");
}

/* Nor does it count what says yes to everything, or speaks of another. */
static void
other_answers_do_not_find_it(void **state)
{
	static const char *const bodies[] = { "{}", "null", "[]", "",
		"{\"agent_id\": \"other\"}", "{\"agent_id\": [\"traveller\"]}" };
	size_t i;

	(void)state;
	for (i = 0; i < PG_COUNT(bodies); i++)
		knows("http://b:1");
	start_search();
	for (i = 0; i < PG_COUNT(bodies); i++) {
		answer(200, bodies[i]);
		assert_int_equal(ntold, 0);
		assert_asks("GET http://b:1/agents/traveller");
	}
	pg_settle_stop(&settle);
}

static void
one_round_may_have_to_do(void **state)
{
	(void)state;
	knows("http://b:1");
	settle.once = true;
	start_search();
	answer(404, "{}");
	assert_told("not there searched");
	assert_int_equal(asked, 1);
}

/* Who hosts nothing of ours may say that it hosts anything. */
static void
skips_strangers_where_there_is_a_key(void **state)
{
	(void)state;
	knows("http://stranger:1");
	knows("http://friend:1");
	host.cfg.api_key = PG_STR("secret");
	friend = PG_STR("http://friend:1");
	start_search();
	assert_string_equal(call.bearer, "");
	answer(404, "{}");
	assert_asks("GET http://friend:1/agents/traveller");
	assert_string_equal(call.bearer, "secret");
	answer(404, "{}");
	assert_false(call.open);
	pass(PG_SEC);
	assert_asks("GET " TARGET "/agents/traveller");
	pg_settle_stop(&settle);
}

/* Rounds follow each other, a second apart, until the time is over. */
static void
a_search_ends(void **state)
{
	int rounds = 0;

	(void)state;
	knows("http://b:1");
	start_search();
	while (ntold == 0) {
		rounds++;
		assert_asks("GET " TARGET "/agents/traveller");
		answer(404, "{}");
		assert_asks("GET http://b:1/agents/traveller");
		answer(404, "{}");
		assert_false(call.open);
		pass(PG_SEC - 1);
		assert_false(call.open);
		assert_int_equal(ntold, 0);
		pass(1);
	}
	assert_told("not there searched");
	assert_int_equal(rounds, PG_SETTLE_SEARCH_TIME / PG_SEC);
	assert_int_equal(nsilent, 0);
}

/* Also in the middle of a round; what answers before the end still counts. */
static void
a_search_ends_between_two_hosts(void **state)
{
	const struct pg_settle fresh = settle;

	(void)state;
	knows("http://b:1");
	start_search();
	pass(PG_SETTLE_SEARCH_TIME - 1);
	answer(404, "{}");
	assert_asks("GET http://b:1/agents/traveller");
	pass(1);
	answer(404, "{}");
	assert_told("not there searched");

	settle = fresh;
	ntold = 0;
	start_search();
	pass(PG_SETTLE_SEARCH_TIME + 1);
	answer(200, "{\"agent_id\": \"traveller\"}");
	assert_told("there " TARGET);
}

/* ---- stopping --------------------------------------------------------- */

/* Nothing comes any more, however long one waits. */
static void
assert_over(void)
{
	int before = asked;

	assert_false(settle.running);
	assert_false(call.open);
	pass(10 * PG_SETTLE_MAX);
	assert_int_equal(asked, before);
	assert_int_equal(ntold, 0);
	pg_settle_stop(&settle);
}

static void
stops_at_every_moment(void **state)
{
	(void)state;
	pg_settle_stop(&settle); /* before it began */
	start_by_id();
	pg_settle_stop(&settle); /* while it asks */
	assert_over();
	start_by_id();
	answer(0, "silent");
	pg_settle_stop(&settle); /* while it pauses */
	assert_over();
	settle.by_id = false;
	start_search();
	pg_settle_stop(&settle); /* while it asks the target */
	assert_over();
	knows("http://b:1");
	start_search();
	answer(404, "{}");
	assert_asks("GET http://b:1/agents/traveller");
	pg_settle_stop(&settle); /* or another */
	assert_over();
	start_search();
	answer(404, "{}");
	answer(404, "{}");
	pg_settle_stop(&settle); /* between two rounds */
	assert_over();
}

static void
stops_while_it_tells_of_silence(void **state)
{
	(void)state;
	stop_when_silent = true;
	start_by_id();
	answer(0, "silent");
	assert_int_equal(nsilent, 1);
	assert_over();
}

/* A second start knows nothing of the first. */
static void
starts_anew(void **state)
{
	(void)state;
	start_by_id();
	answer(0, "silent");
	pass(PG_SETTLE_FIRST);
	answer(0, "silent");
	pg_settle_stop(&settle);
	settle.first = PG_SEC;
	start_by_id();
	assert_int_equal(call.timeout, PG_SEC);
	answer(0, "silent");
	pass(PG_SETTLE_FIRST);
	assert_true(call.open);
	pg_settle_stop(&settle);
	settle.by_id = false;
	start_search();
	pass(PG_SETTLE_SEARCH_TIME - 1);
	pg_settle_stop(&settle);
	start_search();
	pass(PG_SETTLE_SEARCH_TIME - 1);
	answer(404, "{}");
	assert_int_equal(ntold, 0);
	pg_settle_stop(&settle);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(committed_is_there),
		T(committed_without_a_place_is_at_the_target),
		T(refused_is_not_there),
		T(whatever_else_is_silence),
		T(pauses_grow_up_to_a_limit),
		T(the_first_question_takes_what_time_there_is),
		T(finds_it_at_the_target),
		T(finds_it_at_another_host),
		T(other_answers_do_not_find_it),
		T(one_round_may_have_to_do),
		T(skips_strangers_where_there_is_a_key),
		T(a_search_ends),
		T(a_search_ends_between_two_hosts),
		T(stops_at_every_moment),
		T(stops_while_it_tells_of_silence),
		T(starts_anew),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
