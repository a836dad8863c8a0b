/* test_registry: shows who counts as alive by which statements in which order,
 * that all who hear the same agree whatever the order, that old news, strangers
 * and forgers change nothing, what is news and how often it is told, and who
 * gives way in a full table.
 *
 * Nothing is sent here: the test is everybody else.
 */
/* parts: base/err base/mem base/buf base/map base/log base/clock codec/value codec/float codec/json codec/url codec/pickle codec/pickle_build codec/pickle_text codec/pickle_write codec/sha256 os/file os/loop host/wire os/sock host/hostref host/seal host/named host/registry host/mesh */
#include "meshkit.h"

static struct pg_registry reg;
static size_t removed;

static void
on_remove(void *arg, struct pg_member *h)
{
	assert_ptr_equal(arg, &reg);
	assert_ptr_equal(pg_registry_get(&reg, h->url), h);
	removed++;
}

static void
begin(void)
{
	pg_registry_init(&reg, &host, 100, on_remove, &reg);
}

static int
setup(void **state)
{
	(void)state;
	removed = 0;
	return kit_open();
}

static int
teardown(void **state)
{
	(void)state;
	pg_registry_fini(&reg);
	kit_close();
	return 0;
}

static struct pg_member *
at(const char *url)
{
	return pg_registry_get(&reg, pg_str(url));
}

static int
try_take(enum pg_source from, const struct pg_value *v, struct pg_err *e)
{
	struct pg_member *out = NULL;
	struct pg_hostref ref;

	if (pg_hostref_read(v, &arena, &ref, e) < 0)
		fail_msg("%s: %s", json(v), e->msg);
	if (pg_registry_take(&reg, &ref, from, &out, e) < 0)
		return -1;
	if (out != NULL)
		assert_ptr_equal(out, pg_registry_get(&reg, ref.url));
	return 0;
}

/* Take in the reference of this text after REF. */
static void
take(enum pg_source from, const char *text)
{
	struct pg_err e = { 0 };

	if (try_take(from, ref_value(text, NULL), &e) < 0)
		fail_msg("%s: %s", text, e.msg);
}

static void
take_signed(enum pg_source from, const char *text, const char *key)
{
	struct pg_err e = { 0 };

	if (try_take(from, ref_value(text, key), &e) < 0)
		fail_msg("%s: %s", text, e.msg);
}

static bool
is_online(const char *url)
{
	struct pg_member *h = at(url);

	assert_non_null(h);
	return pg_member_online(&reg, h, NULL);
}

static void
assert_state(const char *url, enum pg_member_state state)
{
	struct pg_member *h = at(url);

	assert_non_null(h);
	assert_int_equal(h->state, state);
}

/* All that is told at a time, as "url url". */
static const char *
news(size_t max)
{
	struct pg_member *out[200];
	size_t n, i;
	struct pg_str s = PG_STR("");

	assert_true(max <= PG_COUNT(out));
	n = pg_registry_news(&reg, out, max);
	for (i = 0; i < n; i++)
		s = pg_arena_printf(&arena, "%.*s%s%.*s", PG_STR_ARG(s),
		    i > 0 ? " " : "",
		    PG_STR_ARG(pg_str_skip(out[i]->url, 7)));
	return s.n > 0 ? s.p : "";
}

static void
drain_news(void)
{
	struct pg_member *out[64];

	while (pg_registry_news(&reg, out, PG_COUNT(out)) > 0)
		continue;
}

/* ---- who is alive ----------------------------------------------------- */

static void
doubt_comes_before_the_end(void **state)
{
	const struct pg_value *v;
	const char *why;

	(void)state;
	begin();
	take(PG_SOURCE_JOINED, BOOT("h:1", "b", 1000));
	pass(3 * PG_SEC);
	pg_registry_missed(&reg, at("http://h:1"), now, "no answer");
	assert_state("http://h:1", PG_MEMBER_DOUBTED);
	assert_true(pg_member_online(&reg, at("http://h:1"), &why));
	v = pg_member_value(&reg, at("http://h:1"), &arena);
	assert_true(pg_value_get(v, "online")->u.i);
	/* What it would have said three seconds later. */
	assert_int_equal(pg_value_get(v, "suspect")->u.i, 4000);
	assert_int_equal(pg_value_get(v, "beat")->u.i, 1000);
	pass(PG_MEMBER_DOUBT_TIME - 1);
	assert_false(pg_registry_age(&reg, at("http://h:1")));
	assert_true(is_online("http://h:1"));
	/* Others' reasons and further failures do not prolong it. */
	pg_registry_missed(&reg, at("http://h:1"), now, "still none");
	pass(1);
	assert_false(pg_registry_age(&reg, at("http://h:1")));
	assert_false(pg_member_online(&reg, at("http://h:1"), &why));
	assert_string_equal(why, "no answer");
	pg_registry_missed(&reg, at("http://h:1"), now, "refused");
	pg_member_online(&reg, at("http://h:1"), &why);
	assert_string_equal(why, "refused");
}

static void
newer_beats_lift_doubt(void **state)
{
	(void)state;
	begin();
	take(PG_SOURCE_JOINED, BOOT("h:1", "b", 1000));
	pass(3 * PG_SEC);
	pg_registry_missed(&reg, at("http://h:1"), now, "no answer");
	/* Heard by others before we asked: says nothing. */
	take(PG_SOURCE_LISTED, BOOT("h:1", "b", 3999));
	take(PG_SOURCE_LISTED, BOOT("h:1", "b", 4000));
	take(PG_SOURCE_BEACON, BOOT("h:1", "b", 4000));
	assert_state("http://h:1", PG_MEMBER_DOUBTED);
	take(PG_SOURCE_LISTED, BOOT("h:1", "b", 4001));
	assert_state("http://h:1", PG_MEMBER_ONLINE);
	assert_int_equal(at("http://h:1")->doubt, 0);
	/* Also once it is offline. */
	pg_registry_missed(&reg, at("http://h:1"), now, "no answer");
	pass(PG_MEMBER_DOUBT_TIME);
	pg_registry_age(&reg, at("http://h:1"));
	assert_state("http://h:1", PG_MEMBER_OFFLINE);
	take(PG_SOURCE_LISTED, BOOT("h:1", "b", 4001));
	assert_state("http://h:1", PG_MEMBER_OFFLINE);
	take(PG_SOURCE_LISTED, BOOT("h:1", "b", 4002));
	assert_state("http://h:1", PG_MEMBER_ONLINE);
}

/* Signs of life that came while it was being asked. */
static void
late_failures_say_nothing(void **state)
{
	int64_t asked;

	(void)state;
	begin();
	take(PG_SOURCE_JOINED, BOOT("h:1", "b", 1000));
	asked = now;
	pass(PG_SEC);
	take(PG_SOURCE_LISTED, BOOT("h:1", "b", 1500));
	pg_registry_missed(&reg, at("http://h:1"), asked, "no answer");
	assert_state("http://h:1", PG_MEMBER_ONLINE);
}

/* Three statements in all orders: the newest decides. */
static void
order_does_not_matter(void **state)
{
	static const char *const said[] = {
		BOOT("h:1", "b", 1000),
		BOOT("h:1", "b", 1000) ", \"suspect\": 2000",
		BOOT("h:1", "b", 2001),
	};
	static const int orders[][3] = { { 0, 1, 2 }, { 0, 2, 1 },
		{ 1, 0, 2 }, { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
	size_t i, j;

	(void)state;
	for (i = 0; i < PG_COUNT(orders); i++) {
		begin();
		for (j = 0; j < 3; j++)
			take(PG_SOURCE_LISTED, said[orders[i][j]]);
		assert_state("http://h:1", PG_MEMBER_ONLINE);
		assert_int_equal(at("http://h:1")->beat, 2001);
		pg_registry_fini(&reg);
		begin();
		take(PG_SOURCE_LISTED, said[0]);
		take(PG_SOURCE_LISTED, BOOT("h:1", "b", 900)
		    ", \"suspect\": 999");
		assert_state("http://h:1", PG_MEMBER_ONLINE);
		take(PG_SOURCE_LISTED, said[1]);
		assert_state("http://h:1", PG_MEMBER_DOUBTED);
		pg_registry_fini(&reg);
	}
	begin();
}

static void
doubts_of_others_are_told_on(void **state)
{
	(void)state;
	begin();
	take(PG_SOURCE_JOINED, BOOT("h:1", "b", 1000));
	drain_news();
	take(PG_SOURCE_LISTED, BOOT("h:1", "b", 500) ", \"suspect\": 1000, "
	    "\"error\": \"silent\"");
	assert_state("http://h:1", PG_MEMBER_DOUBTED);
	assert_string_equal(at("http://h:1")->why, "silent");
	assert_string_equal(news(9), "h:1");
	/* Of another run of it: nothing to us. */
	take(PG_SOURCE_JOINED, BOOT("h:1", "b", 1001));
	take(PG_SOURCE_LISTED, BOOT("h:1", "c", 1) ", \"suspect\": 9999");
	assert_state("http://h:1", PG_MEMBER_ONLINE);
	/* Nor of one that we do not know, or who is gone. */
	take(PG_SOURCE_LISTED, BOOT("h:2", "d", 1) ", \"suspect\": 1");
	take(PG_SOURCE_LISTED, BOOT("h:2", "d", 1) ", \"online\": false");
	take(PG_SOURCE_LISTED, URL("h:2") ", \"online\": false");
	assert_null(at("http://h:2"));
}

/* Who has heard of a host since somebody doubted it says so, once. */
static void
who_knows_better_speaks_up(void **state)
{
	(void)state;
	begin();
	take(PG_SOURCE_JOINED, BOOT("h:1", "b", 1000));
	drain_news();
	assert_string_equal(news(9), "");
	take(PG_SOURCE_LISTED, BOOT("h:1", "b", 10) ", \"suspect\": 999");
	assert_state("http://h:1", PG_MEMBER_ONLINE);
	assert_string_equal(news(9), "h:1");
	drain_news();
	take(PG_SOURCE_LISTED, BOOT("h:1", "b", 1000));
	assert_string_equal(news(9), "");
}

static void
says_itself_that_it_goes(void **state)
{
	const char *why;

	(void)state;
	begin();
	take(PG_SOURCE_JOINED, BOOT("h:1", "b", 1000));
	take(PG_SOURCE_JOINED, BOOT("h:1", "b", 1500)
	    ", \"online\": false, \"error\": \"shut down\"");
	assert_false(pg_member_online(&reg, at("http://h:1"), &why));
	assert_string_equal(why, "shut down");
	/* What was on its way meanwhile is older. */
	take(PG_SOURCE_JOINED, BOOT("h:1", "b", 1400));
	take(PG_SOURCE_LISTED, BOOT("h:1", "b", 1500));
	assert_false(is_online("http://h:1"));
	/* It is there again. */
	take(PG_SOURCE_LISTED, BOOT("h:1", "c", 1501));
	assert_true(is_online("http://h:1"));
}

/* A run whose clock went back says so itself; others cannot know. */
static void
clock_that_went_back(void **state)
{
	(void)state;
	begin();
	take(PG_SOURCE_JOINED, BOOT("h:1", "b", 9000));
	take(PG_SOURCE_LISTED, BOOT("h:1", "c", 10));
	assert_string_equal(at("http://h:1")->boot, "b");
	take(PG_SOURCE_JOINED, BOOT("h:1", "c", 10));
	assert_string_equal(at("http://h:1")->boot, "c");
	assert_int_equal(at("http://h:1")->beat, 10);
	take(PG_SOURCE_JOINED, BOOT("h:1", "c", 10));
	take(PG_SOURCE_JOINED, BOOT("h:1", "c", 9));
	assert_int_equal(at("http://h:1")->beat, 10);
	/* What answers there is right, whatever somebody made us believe. */
	take(PG_SOURCE_LISTED, BOOT("h:1", "c", 4611686018427387904));
	take(PG_SOURCE_VISITED, BOOT("h:1", "c", 20));
	assert_int_equal(at("http://h:1")->beat, 20);
}

static void
silent_without_boot_is_stale(void **state)
{
	const char *why;

	(void)state;
	begin();
	take(PG_SOURCE_JOINED, URL("h:1") ", \"last_seen\": 3");
	take(PG_SOURCE_JOINED, BOOT("h:2", "b", 1));
	pass(PG_MESH_OFFLINE_AFTER);
	assert_true(is_online("http://h:1"));
	pass(1);
	assert_false(pg_member_online(&reg, at("http://h:1"), &why));
	assert_string_equal(why, "stale mesh peer");
	assert_true(is_online("http://h:2"));
	/* Where nobody visits anybody, ours too. */
	host.cfg.mesh = false;
	assert_false(is_online("http://h:2"));
	host.cfg.mesh = true;
	/* The same is no news; another time is, whatever its clock shows. */
	take(PG_SOURCE_JOINED, URL("h:1") ", \"last_seen\": 3");
	take(PG_SOURCE_LISTED, URL("h:1") ", \"last_seen\": 2");
	take(PG_SOURCE_LISTED, URL("h:1") ", \"last_seen\": 9, "
	    "\"online\": false");
	assert_false(is_online("http://h:1"));
	take(PG_SOURCE_JOINED, URL("h:1") ", \"last_seen\": 2");
	assert_true(is_online("http://h:1"));
	pass(PG_MESH_OFFLINE_AFTER + 1);
	take(PG_SOURCE_LISTED, URL("h:1") ", \"last_seen\": 4");
	assert_true(is_online("http://h:1"));
}

/* A Python host lists ours without boot: it knows nothing that we do not. */
static void
boot_is_not_lost_on_the_way(void **state)
{
	(void)state;
	begin();
	take(PG_SOURCE_JOINED, BOOT("h:1", "b", 5));
	take(PG_SOURCE_LISTED, URL("h:1") ", \"last_seen\": 2000000000");
	take(PG_SOURCE_BEACON, URL("h:1") ", \"last_seen\": 2000000000");
	take(PG_SOURCE_HEALTH, URL("h:1"));
	assert_string_equal(at("http://h:1")->boot, "b");
	assert_int_equal(at("http://h:1")->beat, 5);
	/* There is a Python host now, and then again one of ours: an old
	 * reference of before is still old. */
	take(PG_SOURCE_VISITED, URL("h:1"));
	assert_string_equal(at("http://h:1")->boot, "");
	take(PG_SOURCE_BEACON, BOOT("h:1", "b", 5));
	take(PG_SOURCE_LISTED, BOOT("h:1", "b", 4));
	assert_string_equal(at("http://h:1")->boot, "");
	take(PG_SOURCE_BEACON, BOOT("h:1", "b", 6));
	assert_string_equal(at("http://h:1")->boot, "b");
}

/* That somebody else thinks it offline makes nobody online. */
static void
given_url_is_offline_until_somebody_answers(void **state)
{
	struct pg_member *h;

	(void)state;
	begin();
	h = pg_registry_add_given(&reg, PG_STR("http://h:1"));
	assert_ptr_equal(pg_registry_add_given(&reg, PG_STR("http://h:1")),
	    h);
	pg_registry_missed(&reg, h, now, "nobody there");
	take(PG_SOURCE_LISTED, URL("h:1") ", \"online\": false");
	take(PG_SOURCE_LISTED, BOOT("h:1", "b", 5) ", \"suspect\": 5");
	assert_int_equal(h->state, PG_MEMBER_UNKNOWN);
	assert_false(is_online("http://h:1"));
	assert_string_equal(h->why, "nobody there");
	take(PG_SOURCE_LISTED, BOOT("h:1", "b", 5));
	assert_true(is_online("http://h:1"));
}

static void
forgets_after_a_day(void **state)
{
	(void)state;
	begin();
	take(PG_SOURCE_JOINED, URL("py:1"));
	take(PG_SOURCE_JOINED, BOOT("off:1", "b", 1) ", \"online\": false");
	take(PG_SOURCE_JOINED, BOOT("on:1", "c", 1));
	take(PG_SOURCE_JOINED, URL("given:1"));
	at("http://given:1")->givens++;
	pass(PG_MESH_FORGET_AFTER);
	assert_false(pg_registry_age(&reg, at("http://py:1")));
	assert_false(pg_registry_age(&reg, at("http://off:1")));
	pass(1);
	assert_true(pg_registry_age(&reg, at("http://py:1")));
	assert_true(pg_registry_age(&reg, at("http://off:1")));
	assert_false(pg_registry_age(&reg, at("http://on:1")));
	assert_false(pg_registry_age(&reg, at("http://given:1")));
	assert_int_equal(removed, 2);
	assert_null(at("http://py:1"));
	assert_null(at("http://off:1"));
}

/* ---- this host -------------------------------------------------------- */

static void
never_its_own_peer(void **state)
{
	(void)state;
	begin();
	take(PG_SOURCE_JOINED, URL("127.0.0.1:1/"));
	take(PG_SOURCE_LISTED, BOOT("elsewhere", "our-boot", 1));
	take(PG_SOURCE_BEACON, BOOT("127.0.0.1:1", "old-boot", 1));
	assert_int_equal(reg.nhosts, 0);
}

static void
hears_what_is_said_of_it(void **state)
{
	(void)state;
	begin();
	reg.spoken = 1000;
	take(PG_SOURCE_LISTED, BOOT("127.0.0.1:1", "our-boot", 900));
	take(PG_SOURCE_LISTED, URL("127.0.0.1:1"));
	assert_int_equal(reg.accused, 0);
	take(PG_SOURCE_LISTED, BOOT("127.0.0.1:1", "our-boot", 900)
	    ", \"suspect\": 950");
	assert_int_equal(reg.accused, 950);
	take(PG_SOURCE_LISTED, BOOT("127.0.0.1:1", "older-run", 940));
	assert_int_equal(reg.accused, 950);
	take(PG_SOURCE_LISTED, BOOT("127.0.0.1:1", "older-run", 7000));
	assert_int_equal(reg.accused, 7000);
	take(PG_SOURCE_LISTED, BOOT("evil:1", "our-boot", 8000));
	assert_int_equal(reg.accused, 8000);
	/* A beacon tells of nobody's doubts. */
	take(PG_SOURCE_BEACON, BOOT("127.0.0.1:1", "our-boot", 900)
	    ", \"suspect\": 9999");
	assert_int_equal(reg.accused, 8000);
	/* Nobody drives a beat to where it ends. */
	take(PG_SOURCE_LISTED, BOOT("127.0.0.1:1", "our-boot", 900)
	    ", \"suspect\": 2305843009213693951");
	assert_true(reg.accused == PG_HOSTREF_BEAT_MAX / 2 - 1);
	reg.accused = 0;
	take(PG_SOURCE_LISTED, BOOT("127.0.0.1:1", "our-boot", 900)
	    ", \"suspect\": 2305843009213693952");
	take(PG_SOURCE_LISTED, BOOT("127.0.0.1:1", "x", 4611686018427387904));
	assert_int_equal(reg.accused, 0);
}

/* ---- changes of address and version ----------------------------------- */

static void
same_boot_elsewhere_has_moved(void **state)
{
	(void)state;
	begin();
	take(PG_SOURCE_JOINED, BOOT("h:1", "b", 10));
	take(PG_SOURCE_JOINED, BOOT("other:1", "c", 10));
	take(PG_SOURCE_LISTED, BOOT("h:2", "b", 11));
	assert_null(at("http://h:1"));
	assert_true(is_online("http://h:2"));
	/* What is older than the move, from two sides in turn. */
	take(PG_SOURCE_LISTED, BOOT("h:1", "b", 10));
	take(PG_SOURCE_LISTED, BOOT("h:1", "b", 11));
	take(PG_SOURCE_LISTED, BOOT("h:2", "b", 11));
	assert_null(at("http://h:1"));
	/* To the URL of one who was known, and back. */
	take(PG_SOURCE_LISTED, BOOT("other:1", "b", 12));
	assert_null(at("http://h:2"));
	assert_string_equal(at("http://other:1")->boot, "b");
	take(PG_SOURCE_LISTED, BOOT("other:1", "c", 11));
	assert_string_equal(at("http://other:1")->boot, "b");
	take(PG_SOURCE_JOINED, BOOT("h:1", "b", 13));
	assert_null(at("http://other:1"));
	assert_int_equal(reg.nhosts, 1);
}

/* Anybody can send a beacon. */
static void
strangers_move_nobody(void **state)
{
	(void)state;
	begin();
	take(PG_SOURCE_JOINED, BOOT("h:1", "b", 10));
	take(PG_SOURCE_LISTED, BOOT("h:2", "c", 10));
	take(PG_SOURCE_BEACON, BOOT("evil:1", "b", 99));
	assert_null(at("http://evil:1"));
	assert_true(is_online("http://h:1"));
	take(PG_SOURCE_BEACON, BOOT("h:2", "b", 99));
	assert_string_equal(at("http://h:2")->boot, "c");
	assert_non_null(at("http://h:1"));
}

static void
refuses_other_versions(void **state)
{
	const struct pg_value *list;

	(void)state;
	begin();
	take(PG_SOURCE_JOINED, URL("h:2") ", \"code_version\": \"v2\"");
	assert_null(at("http://h:2"));
	list = pg_registry_refused(&reg, &arena);
	assert_int_equal(list->n, 1);
	assert_string_equal(pg_value_get(list->u.items[0], "error")->u.p,
	    "code version 'v2' differs from ours, 'v1'");
	assert_string_equal(pg_value_get(list->u.items[0], "url")->u.p,
	    "http://h:2");
	pass(PG_MESH_REFUSED_TIME);
	pg_registry_age_refused(&reg);
	assert_int_equal(pg_registry_refused(&reg, &arena)->n, 1);
	pass(1);
	pg_registry_age_refused(&reg);
	assert_int_equal(pg_registry_refused(&reg, &arena)->n, 0);
	/* It has been updated. */
	take(PG_SOURCE_BEACON, URL("h:2") ", \"code_version\": \"v2\"");
	assert_int_equal(pg_registry_refused(&reg, &arena)->n, 1);
	take(PG_SOURCE_JOINED, URL("h:2"));
	assert_int_equal(pg_registry_refused(&reg, &arena)->n, 0);
	/* And now the other way: on whose word? */
	take(PG_SOURCE_LISTED, URL("h:2") ", \"code_version\": \"v2\"");
	take(PG_SOURCE_JOINED, URL("h:2") ", \"code_version\": \"v2\"");
	assert_true(is_online("http://h:2"));
	take(PG_SOURCE_VISITED, URL("h:2") ", \"code_version\": \"v2\"");
	assert_null(at("http://h:2"));
	/* Whom a user gave stays, with the reason. */
	take(PG_SOURCE_JOINED, URL("h:3"));
	at("http://h:3")->givens++;
	take(PG_SOURCE_HEALTH, URL("h:3") ", \"code_version\": \"v2\"");
	assert_false(is_online("http://h:3"));
	assert_string_equal(at("http://h:3")->why,
	    "code version 'v2' differs from ours, 'v1'");
}

static void
refused_have_a_limit(void **state)
{
	const char *text;
	size_t i, n;

	(void)state;
	begin();
	for (i = 0; i <= PG_MESH_REFUSED_MAX; i++) {
		n = pg_registry_refused(&reg, &arena)->n;
		assert_int_equal(n, i);
		text = pg_arena_printf(&arena, "\"url\": \"h:%zu\", "
		    "\"code_version\": \"v2\"", i + 1).p;
		pass(1);
		take(PG_SOURCE_LISTED, text);
	}
	assert_int_equal(pg_registry_refused(&reg, &arena)->n,
	    PG_MESH_REFUSED_MAX);
	/* The one not heard of longest has given way. */
	text = json(pg_registry_refused(&reg, &arena));
	assert_null(strstr(text, "\"http://h:1\""));
	assert_non_null(strstr(text, "\"http://h:2\""));
	assert_non_null(strstr(text, "\"http://h:65\""));
}

/* ---- limits ----------------------------------------------------------- */

static void
strangers_have_a_limit(void **state)
{
	size_t i;

	(void)state;
	begin();
	for (i = 1; i <= PG_MESH_STRANGERS_MAX + 1; i++) {
		take(PG_SOURCE_BEACON, pg_arena_printf(&arena,
		    "\"url\": \"h:%zu\"", i).p);
		assert_int_equal(reg.nhosts, PG_MIN(i,
		    (size_t)PG_MESH_STRANGERS_MAX));
	}
	/* They are told to nobody. */
	assert_string_equal(news(9), "");
	/* One who answers is none any more, and news. */
	take(PG_SOURCE_HEALTH, URL("h:1"));
	assert_false(at("http://h:1")->stranger);
	assert_string_equal(news(9), "h:1");
	take(PG_SOURCE_BEACON, URL("new:1"));
	assert_non_null(at("http://new:1"));
	take(PG_SOURCE_BEACON, URL("new:2"));
	assert_null(at("http://new:2"));
	/* Others may still join. */
	take(PG_SOURCE_JOINED, URL("new:2"));
	assert_non_null(at("http://new:2"));
}

/* Also where the key goes to everybody. */
static void
strangers_have_a_limit_with_a_key(void **state)
{
	size_t i;

	(void)state;
	host.cfg.api_key = PG_STR("secret");
	host.cfg.trust_unsigned = true;
	begin();
	for (i = 1; i <= PG_MESH_STRANGERS_MAX + 9; i++)
		take(PG_SOURCE_BEACON, pg_arena_printf(&arena,
		    "\"url\": \"h:%zu\"", i).p);
	assert_int_equal(reg.nhosts, PG_MESH_STRANGERS_MAX);
	take_signed(PG_SOURCE_BEACON, BOOT("s:1", "b", 1), "secret");
	assert_true(at("http://s:1")->keyed);
	assert_int_equal(reg.nhosts, PG_MESH_STRANGERS_MAX + 1);
}

static void
fill(enum pg_source from, size_t n)
{
	struct pg_hostref ref;
	struct pg_err e = { 0 };
	char text[80];
	size_t i;

	pg_hostref_read(ref_value(URL("h"), NULL), &arena, &ref, &e);
	for (i = 0; i < n; i++) {
		snprintf(text, sizeof(text), "http://h:%zu", i + 1);
		ref.url = pg_str(text);
		if (pg_registry_take(&reg, &ref, from, NULL, &e) < 0)
			fail_msg("%zu: %s", i, e.msg);
	}
}

static void
table_has_a_limit(void **state)
{
	struct pg_err e = { 0 };

	(void)state;
	begin();
	fill(PG_SOURCE_JOINED, PG_MESH_HOSTS_MAX - 1);
	take(PG_SOURCE_JOINED, BOOT("last", "b", 1));
	assert_int_equal(reg.nhosts, PG_MESH_HOSTS_MAX);
	assert_int_equal(try_take(PG_SOURCE_JOINED, ref_value(URL("more"),
	    NULL), &e), -1);
	assert_int_equal(e.code, PG_E_BUSY);
	assert_string_equal(e.msg,
	    "the mesh of alpha is full (10000 hosts)");
	assert_null(at("http://more"));
	/* Who is in it is heard, and may move. */
	take(PG_SOURCE_JOINED, URL("h:7") ", \"last_seen\": 5");
	take(PG_SOURCE_JOINED, BOOT("moved", "b", 2));
	assert_int_equal(reg.nhosts, PG_MESH_HOSTS_MAX);
	assert_null(at("http://last"));
	assert_non_null(at("http://moved"));
}

static void
listed_hosts_give_way(void **state)
{
	struct pg_err e = { 0 };

	(void)state;
	begin();
	fill(PG_SOURCE_LISTED, 1);
	pass(1);
	fill(PG_SOURCE_LISTED, PG_MESH_HOSTS_MAX);
	assert_int_equal(reg.nhosts, PG_MESH_HOSTS_MAX);
	assert_int_equal(try_take(PG_SOURCE_LISTED, ref_value(URL("more"),
	    NULL), &e), -1);
	assert_int_equal(try_take(PG_SOURCE_BEACON, ref_value(URL("more"),
	    NULL), &e), -1);
	take(PG_SOURCE_JOINED, URL("more"));
	assert_non_null(at("http://more"));
	assert_null(at("http://h:1"));
	assert_int_equal(reg.nhosts, PG_MESH_HOSTS_MAX);
	/* What a user gave is beyond it. */
	pg_registry_add_given(&reg, PG_STR("http://given"));
	assert_int_equal(reg.nhosts, PG_MESH_HOSTS_MAX + 1);
}

/* ---- signatures ------------------------------------------------------- */

static void
unsigned_beacons_are_nothing(void **state)
{
	(void)state;
	host.cfg.api_key = PG_STR("secret");
	begin();
	take(PG_SOURCE_BEACON, BOOT("h:1", "b", 1));
	take(PG_SOURCE_BEACON, URL("h:1"));
	take_signed(PG_SOURCE_BEACON, BOOT("h:1", "b", 1), "wrong");
	assert_int_equal(reg.nhosts, 0);
	take_signed(PG_SOURCE_BEACON, BOOT("h:1", "b", 5), "secret");
	assert_true(at("http://h:1")->keyed);
	assert_false(at("http://h:1")->stranger);
	/* Replayed, and with something added. */
	pg_registry_missed(&reg, at("http://h:1"), now, "no answer");
	take_signed(PG_SOURCE_BEACON, BOOT("h:1", "b", 5), "secret");
	take_signed(PG_SOURCE_BEACON, BOOT("h:1", "a", 4), "secret");
	assert_state("http://h:1", PG_MEMBER_DOUBTED);
	take_signed(PG_SOURCE_BEACON, BOOT("h:1", "b", 6)
	    ", \"online\": false, \"suspect\": 7", "secret");
	assert_state("http://h:1", PG_MEMBER_ONLINE);
}

/* Who is not signed has no boot: beats could be anything. */
static void
unsigned_boots_are_left_out(void **state)
{
	static const enum pg_source from[] = { PG_SOURCE_JOINED,
		PG_SOURCE_VISITED, PG_SOURCE_LISTED };
	size_t i;

	(void)state;
	host.cfg.api_key = PG_STR("secret");
	for (i = 0; i < PG_COUNT(from); i++) {
		begin();
		take_signed(PG_SOURCE_JOINED, BOOT("h:1", "b", 5), "secret");
		take(from[i], BOOT("h:2", "b", 99));
		take_signed(from[i], BOOT("h:2", "b", 99), "wrong");
		assert_string_equal(at("http://h:2")->boot, "");
		assert_string_equal(at("http://h:2")->sig, "");
		assert_false(at("http://h:2")->keyed);
		assert_string_equal(at("http://h:1")->boot, "b");
		pg_registry_fini(&reg);
	}
	begin();
	take_signed(PG_SOURCE_JOINED, BOOT("h:1", "b", 5), "secret");
	take(PG_SOURCE_LISTED, BOOT("h:1", "c", 99));
	take(PG_SOURCE_LISTED, BOOT("h:1", "b", 5) ", \"suspect\": 99");
	assert_string_equal(at("http://h:1")->boot, "b");
	assert_state("http://h:1", PG_MEMBER_ONLINE);
	/* Somebody else answers there now: it has shown nothing. */
	take(PG_SOURCE_VISITED, URL("h:1"));
	assert_false(at("http://h:1")->keyed);
}

static void
wrong_signatures_are_not_told_on(void **state)
{
	(void)state;
	host.cfg.api_key = PG_STR("secret");
	host.cfg.trust_unsigned = true;
	begin();
	take_signed(PG_SOURCE_JOINED, BOOT("h:1", "b", 5), "wrong");
	assert_string_equal(at("http://h:1")->boot, "b");
	assert_null(pg_value_get(pg_member_value(&reg, at("http://h:1"),
	    &arena), "sig"));
	take_signed(PG_SOURCE_LISTED, BOOT("h:1", "b", 6), "secret");
	assert_non_null(pg_value_get(pg_member_value(&reg, at("http://h:1"),
	    &arena), "sig"));
}

/* What we tell is what was signed. */
static void
signatures_pass_through(void **state)
{
	const struct pg_value *in, *out;

	(void)state;
	host.cfg.api_key = PG_STR("secret");
	begin();
	in = ref_value(BOOT("h:1", "b", 5), "secret");
	take_signed(PG_SOURCE_JOINED, BOOT("h:1", "b", 5), "secret");
	out = pg_member_value(&reg, at("http://h:1"), &arena);
	assert_string_equal(json(pg_value_get(out, "sig")),
	    json(pg_value_get(in, "sig")));
	pg_registry_fini(&reg);
	begin();
	take_signed(PG_SOURCE_LISTED, BOOT("h:1", "b", 5), "secret");
	assert_true(at("http://h:1")->keyed);
}

/* ---- what is told ----------------------------------------------------- */

static void
news_is_told_so_often(void **state)
{
	size_t n = 0;

	(void)state;
	begin();
	assert_string_equal(news(9), "");
	take(PG_SOURCE_JOINED, BOOT("h:1", "a", 1));
	while (news(9)[0] != '\0')
		n++;
	assert_int_equal(n, 4);
	/* Nothing new, but for a beat. */
	take(PG_SOURCE_JOINED, BOOT("h:1", "a", 2) ", \"active_count\": 7");
	assert_string_equal(news(9), "");
	take(PG_SOURCE_JOINED, BOOT("h:1", "a", 3) ", \"tags\": [\"gpu\"]");
	assert_string_equal(news(9), "h:1");
}

/* Each piece once at a time, also when the first of them is told for the last
 * time. */
static void
news_is_told_in_turn(void **state)
{
	size_t i, n;

	(void)state;
	begin();
	take(PG_SOURCE_JOINED, BOOT("h:1", "a", 1));
	for (i = 0; i < 3; i++)
		assert_string_equal(news(9), "h:1");
	take(PG_SOURCE_JOINED, BOOT("h:2", "b", 1));
	take(PG_SOURCE_JOINED, BOOT("h:3", "c", 1));
	assert_string_equal(news(0), "");
	assert_string_equal(news(9), "h:1 h:2 h:3");
	assert_string_equal(news(1), "h:2");
	assert_string_equal(news(1), "h:3");
	assert_string_equal(news(2), "h:2 h:3");
	for (n = 0; news(2)[0] != '\0'; n++)
		continue;
	assert_int_equal(n, 3);
	/* One who goes is not told of. */
	take(PG_SOURCE_JOINED, BOOT("h:2", "b", 2) ", \"name\": \"y\"");
	take(PG_SOURCE_JOINED, BOOT("h:3", "c", 2) ", \"name\": \"y\"");
	pg_registry_remove(&reg, at("http://h:3"));
	take(PG_SOURCE_JOINED, BOOT("h:1", "a", 2) ", \"name\": \"y\"");
	pg_registry_remove(&reg, at("http://h:2"));
	assert_string_equal(news(9), "h:1");
}

static void
digests_tell_who_is_there(void **state)
{
	uint64_t alone, both;

	(void)state;
	begin();
	alone = pg_registry_digest(&reg);
	take(PG_SOURCE_JOINED, BOOT("h:1", "a", 1));
	assert_true(pg_registry_digest(&reg) != alone);
	take(PG_SOURCE_JOINED, BOOT("h:2", "b", 1));
	both = pg_registry_digest(&reg);
	/* Python hosts, strangers and beats do not count. */
	take(PG_SOURCE_JOINED, URL("h:3"));
	take(PG_SOURCE_BEACON, BOOT("h:4", "s", 1));
	take(PG_SOURCE_LISTED, BOOT("h:2", "b", 7));
	assert_true(pg_registry_digest(&reg) == both);
	/* Doubts do, until they are lifted. */
	take(PG_SOURCE_LISTED, BOOT("h:1", "a", 1) ", \"suspect\": 9");
	assert_true(pg_registry_digest(&reg) != both);
	take(PG_SOURCE_LISTED, BOOT("h:1", "a", 10));
	assert_true(pg_registry_digest(&reg) == both);
	pg_registry_fini(&reg);
	/* Another order, at other URLs. */
	begin();
	take(PG_SOURCE_LISTED, BOOT("h:8", "b", 1));
	take(PG_SOURCE_LISTED, BOOT("h:9", "a", 1));
	assert_true(pg_registry_digest(&reg) == both);
	/* One restarts, goes, or becomes a Python host. */
	take(PG_SOURCE_JOINED, BOOT("h:8", "c", 2));
	assert_true(pg_registry_digest(&reg) != both);
	take(PG_SOURCE_JOINED, BOOT("h:8", "b", 3));
	assert_true(pg_registry_digest(&reg) == both);
	take(PG_SOURCE_JOINED, BOOT("h:8", "b", 4) ", \"online\": false");
	assert_true(pg_registry_digest(&reg) != both);
	take(PG_SOURCE_JOINED, BOOT("h:8", "b", 5));
	assert_true(pg_registry_digest(&reg) == both);
	take(PG_SOURCE_VISITED, URL("h:8"));
	assert_true(pg_registry_digest(&reg) != both);
	pg_registry_remove(&reg, at("http://h:8"));
	pg_registry_remove(&reg, at("http://h:9"));
	assert_true(pg_registry_digest(&reg) == alone);
}

static void
shuffles_all(void **state)
{
	uint64_t random = 7;
	size_t i, moved = 0;
	struct pg_member *before[100];

	(void)state;
	begin();
	pg_registry_shuffle(&reg, &random);
	fill(PG_SOURCE_JOINED, PG_COUNT(before));
	memcpy(before, reg.hosts, sizeof(before));
	pg_registry_shuffle(&reg, &random);
	for (i = 0; i < PG_COUNT(before); i++) {
		assert_int_equal(reg.hosts[i]->at, i);
		assert_ptr_equal(reg.hosts[before[i]->at], before[i]);
		moved += reg.hosts[i] != before[i];
	}
	assert_true(moved > 50);
	while (reg.nhosts > 0)
		pg_registry_remove(&reg, reg.hosts[reg.nhosts / 2]);
}

/* ---- from before a restart -------------------------------------------- */

static void
recalled_hosts_have_to_show_up(void **state)
{
	const char *why;
	uint64_t alone;

	(void)state;
	begin();
	alone = pg_registry_digest(&reg);
	take(PG_SOURCE_LISTED, BOOT("h:1", "b", 10));
	take(PG_SOURCE_LISTED, BOOT("h:2", "c", 10));
	take(PG_SOURCE_LISTED, URL("py:1") ", \"last_seen\": 7");
	pg_registry_recalled(&reg, at("http://h:1"));
	pg_registry_recalled(&reg, at("http://h:2"));
	pg_registry_recalled(&reg, at("http://py:1"));
	assert_false(pg_member_online(&reg, at("http://h:1"), &why));
	assert_string_equal(why, "not heard of since this host started");
	assert_string_equal(news(9), "");
	assert_true(pg_registry_digest(&reg) == alone);
	/* Others list it who know no more than we did; but they have been
	 * there all the time. */
	take(PG_SOURCE_LISTED, BOOT("h:1", "b", 10) ", \"suspect\": 11");
	take(PG_SOURCE_LISTED, BOOT("h:1", "b", 10) ", \"online\": false");
	assert_false(is_online("http://h:1"));
	take(PG_SOURCE_LISTED, BOOT("h:2", "c", 9));
	assert_true(is_online("http://h:2"));
	assert_int_equal(at("http://h:2")->beat, 10);
	take(PG_SOURCE_LISTED, URL("py:1") ", \"last_seen\": 7");
	assert_true(is_online("http://py:1"));
	assert_string_equal(news(9), "h:2 py:1");
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(doubt_comes_before_the_end),
		T(newer_beats_lift_doubt),
		T(late_failures_say_nothing),
		T(order_does_not_matter),
		T(doubts_of_others_are_told_on),
		T(who_knows_better_speaks_up),
		T(says_itself_that_it_goes),
		T(clock_that_went_back),
		T(silent_without_boot_is_stale),
		T(boot_is_not_lost_on_the_way),
		T(given_url_is_offline_until_somebody_answers),
		T(forgets_after_a_day),
		T(never_its_own_peer),
		T(hears_what_is_said_of_it),
		T(same_boot_elsewhere_has_moved),
		T(strangers_move_nobody),
		T(refuses_other_versions),
		T(refused_have_a_limit),
		T(strangers_have_a_limit),
		T(strangers_have_a_limit_with_a_key),
		T(table_has_a_limit),
		T(listed_hosts_give_way),
		T(unsigned_beacons_are_nothing),
		T(unsigned_boots_are_left_out),
		T(wrong_signatures_are_not_told_on),
		T(signatures_pass_through),
		T(news_is_told_so_often),
		T(news_is_told_in_turn),
		T(digests_tell_who_is_there),
		T(shuffles_all),
		T(recalled_hosts_have_to_show_up),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
