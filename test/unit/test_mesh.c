/* test_mesh: shows how this host tells of itself and of others, what is new to
 * whom, what is taken in of what others tell, what names resolve to, who gets
 * the key, and what is left of it all after a restart.
 */
/* parts: base/err base/mem base/buf base/map base/log base/clock codec/value codec/float codec/json codec/url codec/pickle codec/pickle_build codec/pickle_text codec/pickle_write codec/sha256 os/file os/loop host/wire os/sock host/hostref host/seal host/named host/registry host/mesh */
#include "meshkit.h"

static struct pg_mesh *mesh;
static size_t haste;

static void
on_news(void *arg)
{
	assert_ptr_equal(arg, &mesh);
	haste++;
}

static void
on_remove(void *arg, struct pg_member *h)
{
	assert_ptr_equal(arg, &mesh);
	h->givens = 0;
}

static void
begin(void)
{
	mesh = pg_mesh_new(&host, on_news, on_remove, &mesh);
	pg_mesh_set_self(mesh);
}

static void
end(void)
{
	pg_mesh_free(mesh);
	mesh = NULL;
}

static int
setup(void **state)
{
	(void)state;
	haste = 0;
	return kit_open();
}

static int
teardown(void **state)
{
	(void)state;
	end();
	kit_close();
	return 0;
}

static struct pg_value *
join_value(const struct pg_value *body)
{
	struct pg_value *answer = NULL;
	struct pg_err e = { 0 };

	if (pg_mesh_join(mesh, body, true, &arena, &answer, &e) < 0)
		fail_msg("%s: %s", json(body), e.msg);
	return answer;
}

/* Who joins with this text after REF; what it is answered. */
static struct pg_value *
joins(const char *text)
{
	return join_value(ref_value(text, NULL));
}

static struct pg_member *
at(const char *url)
{
	return pg_registry_get(&mesh->registry, pg_str(url));
}

static void
assert_json(const struct pg_value *v, const char *expected)
{
	assert_string_equal(json(v), expected);
}

/* The URLs of a list of hosts, as "url url". */
static const char *
urls(const struct pg_value *list)
{
	struct pg_str s = PG_STR("");
	uint32_t i;

	for (i = 0; list != NULL && i < list->n; i++)
		s = pg_arena_printf(&arena, "%.*s%s%s", PG_STR_ARG(s),
		    i > 0 ? " " : "", pg_value_get(list->u.items[i],
		    "url")->u.p + 7);
	return s.n > 0 ? s.p : "";
}

/* Hosts h:1 to h:n join. */
static void
many_join(size_t from, size_t to)
{
	for (; from <= to; from++)
		joins(pg_arena_printf(&arena, "\"url\": \"h:%zu\", "
		    "\"boot\": \"b%zu\", \"beat\": 1", from, from).p);
}

static void
drain_news(void)
{
	struct pg_member *out[64];

	while (pg_registry_news(&mesh->registry, out, PG_COUNT(out)) > 0)
		continue;
}

static void
tells(const char *url, const char *hosts)
{
	pg_mesh_answered(mesh, at(url), read_json(pg_arena_printf(&arena,
	    "{\"hosts\": [%s]}", hosts).p));
}

/* ---- this host -------------------------------------------------------- */

static void
lists_itself(void **state)
{
	(void)state;
	host.cfg.tags[0] = PG_STR(" GPU ");
	host.cfg.tags[1] = PG_STR("arm");
	host.cfg.tags[2] = PG_STR("gpu");
	host.cfg.ntags = 3;
	host.cfg.properties[0].key = PG_STR("rack");
	host.cfg.properties[0].value = PG_STR("r1");
	host.cfg.nproperties = 1;
	begin();
	assert_json(pg_mesh_list(mesh, &arena), "[{\"name\": \"alpha\", "
	    "\"url\": \"http://127.0.0.1:1\", "
	    "\"code_version\": \"v1\", \"online\": true, "
	    "\"last_seen\": 1700000001.0, \"active_count\": 0, "
	    "\"inactive_count\": 0, \"tags\": [\"arm\", \"gpu\"], "
	    "\"properties\": {\"rack\": \"r1\"}, \"boot\": \"our-boot\", "
	    "\"beat\": 1700000001000}]");
	pass(PG_MS);
	assert_int_equal(pg_value_get(pg_mesh_self(mesh, &arena),
	    "beat")->u.i, 1700000001001);
}

/* As in recordings 006 and 007. */
static void
normalises_what_joins(void **state)
{
	(void)state;
	begin();
	host.name = PG_STR("zulu");
	joins("\"name\": \"ghost\", \"address\": \" 127.0.0.1:9/ \", "
	    "\"tags\": [\"B\", \"a\", \"A\", 7], "
	    "\"properties\": {\"k\": 1, \"l\": true, \"m\": 1.5}");
	pass(PG_SEC);
	joins("\"name\": \"ghost\", \"url\": \"127.0.0.1:8\", "
	    "\"active_count\": 3, \"boot\": \"b\", \"beat\": 5, "
	    "\"online\": false, \"error\": \"asleep\"");
	joins("\"name\": \"other\", \"url\": \"127.0.0.1:7\", "
	    "\"code_version\": \"v2\"");
	host.name = PG_STR("a");
	assert_json(pg_mesh_list(mesh, &arena), "[{\"name\": \"a\", "
	    "\"url\": \"http://127.0.0.1:1\", "
	    "\"code_version\": \"v1\", \"online\": true, "
	    "\"last_seen\": 1700000002.0, \"active_count\": 0, "
	    "\"inactive_count\": 0, \"tags\": [], \"properties\": {}, "
	    "\"boot\": \"our-boot\", \"beat\": 1700000002000}, "
	    "{\"name\": \"ghost\", \"url\": \"http://127.0.0.1:8\", "
	    "\"code_version\": \"v1\", \"online\": false, "
	    "\"last_seen\": 1700000002.0, \"active_count\": 3, "
	    "\"inactive_count\": 0, \"tags\": [], \"properties\": {}, "
	    "\"error\": \"asleep\", \"boot\": \"b\", \"beat\": 5, "
	    "\"suspect\": 5}, "
	    "{\"name\": \"ghost\", \"url\": \"http://127.0.0.1:9\", "
	    "\"code_version\": \"v1\", \"online\": true, "
	    "\"last_seen\": 1700000001.0, \"active_count\": 0, "
	    "\"inactive_count\": 0, \"tags\": [\"7\", \"a\", \"b\"], "
	    "\"properties\": {\"k\": \"1\", \"l\": \"True\", "
	    "\"m\": \"1.5\"}}]");
	assert_string_equal(urls(pg_mesh_refused(mesh, &arena)),
	    "127.0.0.1:7");
}

/* What others would refuse is not told to them. */
/* What others would refuse is not told to them. */
static void
does_not_tell_too_much(void **state)
{
	const struct pg_value *self;
	size_t i;

	(void)state;
	for (i = 0; i < 50; i++)
		host.cfg.tags[i] = pg_arena_printf(&arena, "%0100zu", i);
	host.cfg.ntags = 40;
	begin();
	self = pg_mesh_self(mesh, &arena);
	assert_int_equal(pg_value_get(self, "tags")->n, 40);
	end();
	host.cfg.ntags = 50;
	begin();
	self = pg_mesh_self(mesh, &arena);
	assert_int_equal(pg_value_get(self, "tags")->n, 0);
}

static int64_t
own_beat(void)
{
	return pg_value_get(pg_mesh_self(mesh, &arena), "beat")->u.i;
}

/* It was missed: what it says next is newer, from then on. */
static void
answers_doubts_of_it(void **state)
{
	int64_t was;

	(void)state;
	begin();
	joins(BOOT("h:1", "b", 1));
	drain_news();
	was = own_beat();
	haste = 0;
	tells("http://h:1", REF BOOT("127.0.0.1:1", "our-boot", 5) "}");
	assert_int_equal(haste, 0);
	mesh->registry.accused = 0;
	pass(PG_MS);
	tells("http://h:1", pg_arena_printf(&arena, REF URL("127.0.0.1:1")
	    ", \"boot\": \"our-boot\", \"beat\": 5, \"suspect\": %"
	    PRId64 "}", was + 500).p);
	assert_true(haste > 0);
	assert_int_equal(own_beat(), was + 501);
	pass(PG_MS);
	assert_int_equal(own_beat(), was + 502);
	/* Older doubts change nothing. */
	tells("http://h:1", REF BOOT("127.0.0.1:1", "our-boot", 5)
	    ", \"suspect\": 7}");
	assert_int_equal(own_beat(), was + 502);
	/* Nor such as would end it all. */
	tells("http://h:1", REF BOOT("127.0.0.1:1", "our-boot", 5)
	    ", \"suspect\": 4611686018427387904}");
	assert_int_equal(own_beat(), was + 502);
	tells("http://h:1", REF BOOT("127.0.0.1:1", "our-boot", 5)
	    ", \"suspect\": 2305843009213693951}");
	assert_true(own_beat() == PG_HOSTREF_BEAT_MAX / 2);
	pass(PG_MESH_FORGET_AFTER);
	assert_true(own_beat() < PG_HOSTREF_BEAT_MAX);
}

static void
says_that_it_goes(void **state)
{
	const struct pg_value *self;

	(void)state;
	begin();
	host.draining = true;
	self = pg_mesh_self(mesh, &arena);
	assert_false(pg_value_get(self, "online")->u.i);
	assert_string_equal(pg_value_get(self, "error")->u.p, "shut down");
}

static void
takes_over_an_address(void **state)
{
	(void)state;
	begin();
	joins(BOOT("127.0.0.1:2", "b", 1));
	host.address = PG_STR("http://127.0.0.1:2");
	pg_mesh_set_self(mesh);
	assert_null(at("http://127.0.0.1:2"));
	assert_string_equal(urls(pg_mesh_list(mesh, &arena)), "127.0.0.1:2");
}

/* ---- what is told ----------------------------------------------------- */

static void
greets_ours_and_others(void **state)
{
	const struct pg_value *v;

	(void)state;
	begin();
	joins(URL("py:1"));
	joins(BOOT("h:1", "b", 1));
	v = pg_mesh_greeting(mesh, NULL, false, &arena);
	assert_null(pg_value_get(v, "digest"));
	v = pg_mesh_greeting(mesh, at("http://py:1"), false, &arena);
	assert_null(pg_value_get(v, "digest"));
	assert_null(pg_value_get(v, "news"));
	v = pg_mesh_greeting(mesh, at("http://h:1"), true, &arena);
	assert_null(pg_value_get(v, "digest"));
	assert_null(pg_value_get(v, "since"));
	assert_string_equal(urls(pg_value_get(v, "news")), "py:1 h:1");
	at("http://h:1")->cursor = 77;
	v = pg_mesh_greeting(mesh, at("http://h:1"), true, &arena);
	assert_null(pg_value_get(v, "since"));
	drain_news();
	v = pg_mesh_greeting(mesh, at("http://h:1"), false, &arena);
	assert_int_equal(pg_value_get(v, "digest")->n, 16);
	assert_int_equal(pg_value_get(v, "since")->u.i, 77);
	assert_null(pg_value_get(v, "news"));
}

static void
news_has_a_limit(void **state)
{
	const struct pg_value *v;
	size_t n;

	(void)state;
	for (n = PG_MESH_NEWS_MAX - 1; n <= PG_MESH_NEWS_MAX + 1; n++) {
		begin();
		many_join(1, n);
		v = pg_mesh_greeting(mesh, at("http://h:1"), false, &arena);
		assert_int_equal(pg_value_get(v, "news")->n,
		    PG_MIN(n, (size_t)PG_MESH_NEWS_MAX));
		end();
	}
	begin();
}

static const struct pg_value *
hosts_of(const struct pg_value *answer)
{
	return pg_value_get(answer, "hosts");
}

/* Loopback addresses mean whichever machine they are told on. */
static void
heeds_no_loopback_of_others(void **state)
{
	(void)state;
	begin();
	joins(BOOT("h:1", "b", 1));
	joins(BOOT("127.0.0.1:2", "c", 1));
	tells("http://h:1", REF BOOT("127.0.0.1:3", "d", 1) "}, "
	    REF BOOT("[::1]:3", "e", 1) "}, " REF BOOT("127.0.0.1:1", "f", 9)
	    "}, " REF BOOT("127.0.0.1:2", "c", 1) ", \"suspect\": 2}");
	assert_int_equal(mesh->registry.nhosts, 2);
	assert_int_equal(mesh->registry.accused, 0);
	assert_int_equal(at("http://127.0.0.1:2")->state, PG_MEMBER_ONLINE);
	tells("http://127.0.0.1:2", REF BOOT("127.0.0.1:3", "d", 1) "}");
	assert_non_null(at("http://127.0.0.1:3"));
}

static void
tells_all_at_first(void **state)
{
	const struct pg_value *v;

	(void)state;
	begin();
	many_join(1, 3);
	v = joins(BOOT("h:1", "b1", 2));
	assert_int_equal(v->n, 1);
	assert_string_equal(urls(hosts_of(v)),
	    "127.0.0.1:1 h:1 h:2 h:3");
}

/* Who agrees on who is there is told of nobody but us. */
static void
tells_what_is_new(void **state)
{
	const struct pg_value *v, *digest;
	int64_t since;

	(void)state;
	begin();
	many_join(1, 3);
	drain_news();
	v = joins(BOOT("h:1", "b1", 2) ", \"digest\": \"\"");
	assert_string_equal(urls(hosts_of(v)), "127.0.0.1:1 h:1 h:2 h:3");
	since = pg_value_get(v, "since")->u.i;
	digest = pg_value_get(v, "digest");
	v = joins(pg_arena_printf(&arena, BOOT("h:1", "b1", 3)
	    ", \"digest\": \"%s\"", digest->u.p).p);
	assert_string_equal(urls(hosts_of(v)), "127.0.0.1:1");
	/* Nothing happened since, for one who does not agree. */
	v = joins(pg_arena_printf(&arena, BOOT("h:1", "b1", 4)
	    ", \"digest\": 5, \"since\": %" PRId64, since).p);
	assert_string_equal(urls(hosts_of(v)), "127.0.0.1:1");
	many_join(4, 4);
	drain_news();
	v = joins(pg_arena_printf(&arena, BOOT("h:1", "b1", 5)
	    ", \"since\": %" PRId64, since).p);
	assert_string_equal(urls(hosts_of(v)), "127.0.0.1:1 h:4");
	/* Numbers of another run say nothing. */
	v = joins(BOOT("h:1", "b1", 6) ", \"since\": 9223372036854775807");
	assert_string_equal(urls(hosts_of(v)),
	    "127.0.0.1:1 h:1 h:2 h:3 h:4");
	v = joins(BOOT("h:1", "b1", 7) ", \"since\": 1");
	assert_string_equal(urls(hosts_of(v)),
	    "127.0.0.1:1 h:1 h:2 h:3 h:4");
	v = joins(BOOT("h:1", "b1", 8) ", \"since\": -5, \"digest\": \"\"");
	assert_string_equal(urls(hosts_of(v)),
	    "127.0.0.1:1 h:1 h:2 h:3 h:4");
}

/* In pages, the oldest change first, and none is left out. */
static void
changes_come_in_pages(void **state)
{
	const struct pg_value *v;
	size_t n, pages, told;
	int64_t since;

	(void)state;
	for (n = PG_MESH_CHANGES_MAX - 1; n <= PG_MESH_CHANGES_MAX + 1; n++) {
		begin();
		many_join(1, n);
		drain_news();
		/* The last ones, without since. */
		v = joins(BOOT("h:1", "b1", 2) ", \"digest\": \"\"");
		assert_int_equal(hosts_of(v)->n - 1,
		    PG_MIN(n, (size_t)PG_MESH_CHANGES_MAX));
		assert_non_null(strstr(urls(hosts_of(v)),
		    pg_arena_printf(&arena, "h:%zu", n).p));
		since = 1;
		for (pages = told = 0; told < n; pages++) {
			v = joins(pg_arena_printf(&arena,
			    BOOT("h:1", "b1", 2) ", \"since\": %" PRId64,
			    since).p);
			assert_true(hosts_of(v)->n > 1);
			told += hosts_of(v)->n - 1;
			since = pg_value_get(v, "since")->u.i;
		}
		assert_int_equal(told, n);
		assert_int_equal(pages, n > PG_MESH_CHANGES_MAX ? 2 : 1);
		assert_int_equal(since, mesh->registry.changes);
		end();
	}
	begin();
}

/* Whom only beacons tell of is no news to anybody, and has no name. */
static void
strangers_are_not_told(void **state)
{
	const struct pg_value *v;
	struct pg_str url;
	struct pg_err e = { 0 };

	(void)state;
	begin();
	joins(BOOT("h:1", "b", 1));
	assert_non_null(pg_mesh_heard(mesh, ref_value(BOOT("a:1", "s", 1)
	    ", \"name\": \"secret\"", NULL)));
	assert_string_equal(urls(pg_mesh_list(mesh, &arena)),
	    "127.0.0.1:1 h:1");
	v = joins(BOOT("h:1", "b", 2) ", \"digest\": \"\"");
	assert_null(strstr(json(v), "secret"));
	v = joins(BOOT("h:1", "b", 3) ", \"since\": 1");
	assert_null(strstr(json(v), "secret"));
	assert_int_equal(pg_mesh_resolve(mesh, PG_STR("secret"), &arena,
	    &url, &e), -1);
	assert_null(pg_mesh_heard(mesh, read_json("{}")));
	assert_null(pg_mesh_heard(mesh, read_json("[]")));
}

/* ---- what others tell ------------------------------------------------- */

static void
takes_in_news(void **state)
{
	(void)state;
	begin();
	assert_true(pg_mesh_alone(mesh));
	joins(BOOT("h:1", "b", 1) ", \"news\": [" REF BOOT("h:2", "c", 1)
	    "}, 5, {\"name\": 1}, " REF BOOT("h:3", "d", 1) ", \"suspect\": 1}"
	    "]");
	assert_non_null(at("http://h:2"));
	assert_null(at("http://h:3"));
	assert_true(haste > 0);
	assert_false(pg_mesh_alone(mesh));
	joins(BOOT("h:1", "b", 2) ", \"news\": 7");
	joins(BOOT("h:1", "b", 3) ", \"news\": {}");
}

static void
refuses_malformed_joins(void **state)
{
	static const char *const bad[] = { "[]", "5", "{}",
		REF URL("h:1") ", \"since\": \"x\"}",
		REF URL("h:1") ", \"since\": 1.5}",
		REF URL("h:1") ", \"beat\": -1}",
		REF URL("h:1") ", \"tags\": 1, \"news\": [" REF URL("h:2")
		    "}]}",
	};
	struct pg_value *answer;
	struct pg_err e;
	size_t i;

	(void)state;
	begin();
	for (i = 0; i < PG_COUNT(bad); i++) {
		e = (struct pg_err){ 0 };
		assert_int_equal(pg_mesh_join(mesh, read_json(bad[i]), true,
		    &arena, &answer, &e), -1);
		assert_int_equal(e.code, PG_E_HOST);
	}
	assert_int_equal(mesh->registry.nhosts, 0);
	assert_int_equal(haste, 0);
}

/* Who is visited speaks for itself, others are hearsay. */
static void
answers_are_taken_in(void **state)
{
	const struct pg_value *v;

	(void)state;
	begin();
	joins(BOOT("h:1", "b", 5));
	assert_false(pg_mesh_answered(mesh, at("http://h:1"), read_json(
	    "{\"hosts\": [" REF BOOT("h:1", "b", 3) "}, "
	    REF BOOT("h:2", "c", 1) ", \"error\": \"x\"}], "
	    "\"since\": 9}")));
	assert_int_equal(at("http://h:1")->cursor, 9);
	assert_int_equal(at("http://h:1")->beat, 3);
	assert_true(at("http://h:1")->proven);
	assert_false(at("http://h:2")->proven);
	v = pg_mesh_greeting(mesh, at("http://h:1"), false, &arena);
	assert_true(pg_mesh_answered(mesh, at("http://h:1"), read_json(
	    pg_arena_printf(&arena, "{\"hosts\": [], \"digest\": \"%s\"}",
	    pg_value_get(v, "digest")->u.p).p)));
	assert_false(pg_mesh_answered(mesh, at("http://h:1"), read_json(
	    "{\"hosts\": 1, \"since\": \"x\", \"digest\": \"0\"}")));
	assert_false(pg_mesh_answered(mesh, at("http://h:1"),
	    read_json("[]")));
	assert_int_equal(at("http://h:1")->cursor, 9);
	/* A Python host neither agrees nor disagrees. */
	assert_false(pg_mesh_answered(mesh, at("http://h:1"),
	    read_json("{\"hosts\": []}")));
	/* The host that tells has moved, and is gone while it does. */
	tells("http://h:1", REF BOOT("h:9", "b", 6) "}, "
	    REF BOOT("h:1", "z", 1) "}");
	assert_string_equal(at("http://h:1")->boot, "z");
	assert_string_equal(at("http://h:9")->boot, "b");
}

/* ---- names ------------------------------------------------------------ */

static void
assert_resolves(const char *name, const char *expected)
{
	struct pg_err e = { 0 };
	struct pg_str url;

	if (pg_mesh_resolve(mesh, pg_str(name), &arena, &url, &e) < 0)
		fail_msg("%s: %s", name, e.msg);
	assert_int_equal(url.n, strlen(expected));
	assert_memory_equal(url.p, expected, url.n);
}

static void
resolves_names_and_urls(void **state)
{
	struct pg_err e = { 0 };
	struct pg_str url;

	(void)state;
	begin();
	joins(URL("h:1") ", \"last_seen\": 1");
	pass(PG_MESH_OFFLINE_AFTER + 1);
	joins(URL("h:3"));
	joins(URL("h:2"));
	joins("\"name\": \"y.z\", \"url\": \"bare\"");
	pg_registry_add_given(&mesh->registry, PG_STR("http://given"));
	assert_resolves("x", "http://h:2");
	assert_resolves("alpha", "http://127.0.0.1:1");
	assert_resolves("y.z", "http://bare");
	assert_resolves("bare", "http://bare");
	assert_resolves("given", "http://given");
	assert_resolves("h:1/", "http://h:1");
	assert_resolves(" http://elsewhere/p/ ", "http://elsewhere/p");
	assert_resolves("10.0.0.1", "http://10.0.0.1");
	assert_resolves("[::1]:5", "http://[::1]:5");
	assert_resolves("localhost", "http://localhost");
	assert_int_equal(pg_mesh_resolve(mesh, PG_STR("nobody"), &arena,
	    &url, &e), -1);
	assert_int_equal(e.code, PG_E_NOT_FOUND);
	assert_string_equal(e.msg, "no host 'nobody' in the mesh of alpha");
	assert_int_equal(pg_mesh_resolve(mesh, PG_STR("a b:c"), &arena, &url,
	    &e), -1);
	assert_int_equal(e.code, PG_E_HOST);
	assert_int_equal(pg_mesh_resolve(mesh, PG_STR(" "), &arena, &url,
	    &e), -1);
	assert_string_equal(e.msg, "Host URL cannot be empty");
}

/* Anybody can list a host under any name: who is trusted is meant first,
 * even offline. */
static void
names_mean_whom_we_trust(void **state)
{
	(void)state;
	host.cfg.api_key = PG_STR("secret");
	begin();
	join_value(ref_value(BOOT("m:1", "b", 1) ", \"online\": false",
	    "secret"));
	joins(URL("p:1") ", \"name\": \"y\"");
	at("http://p:1")->givens++;
	tells("http://p:1", REF URL("a:1") "}, " REF URL("a:2")
	    ", \"name\": \"y\"}, " REF URL("a:3") ", \"name\": \"z\"}, "
	    REF URL("b:3") ", \"name\": \"z\"}");
	assert_resolves("x", "http://m:1");
	assert_resolves("y", "http://p:1");
	assert_resolves("z", "http://a:3");
	pg_mesh_named(mesh, PG_STR("b:3"));
	assert_resolves("z", "http://b:3");
	/* Our own name is ours, whoever else has it. */
	joins(URL("a:9") ", \"name\": \"alpha\"");
	assert_resolves("alpha", "http://127.0.0.1:1");
}

/* ---- the key ---------------------------------------------------------- */

static bool
gets_key(const char *url)
{
	struct pg_str key = pg_mesh_key_for(mesh, pg_str(url));

	assert_true(key.n == 0 || pg_str_eqz(key, "secret"));
	return key.n > 0;
}

static void
key_is_for_those_we_trust(void **state)
{
	(void)state;
	host.cfg.api_key = PG_STR("secret");
	begin();
	pg_map_put(&mesh->given, PG_STR("http://given:1"), mesh);
	assert_true(gets_key("http://given:1"));
	assert_true(gets_key("http://127.0.0.1:1")); /* ourselves */
	assert_false(gets_key("http://given:2"));
	/* Who joined has the key, but may have told another's URL. */
	joins(URL("joined:1"));
	joins(BOOT("joined:2", "b", 1));
	join_value(ref_value(BOOT("joined:3", "c", 1), "wrong"));
	assert_false(gets_key("http://joined:1"));
	assert_false(gets_key("http://joined:2"));
	assert_false(gets_key("http://joined:3"));
	join_value(ref_value(BOOT("joined:4", "d", 1), "secret"));
	assert_true(gets_key("http://joined:4"));
	assert_true(gets_key(" joined:4/ "));
	assert_false(gets_key("http://joined:4.evil"));
	assert_false(gets_key("http://joined:4/path"));
	assert_false(gets_key("https://joined:4"));
	assert_false(gets_key("no url"));
	assert_false(gets_key(""));
	/* By whomever a reference comes, if it is signed. */
	tells("http://joined:1", json(ref_value(BOOT("l:1", "e", 5),
	    "secret")));
	assert_true(gets_key("http://l:1"));
	assert_non_null(pg_mesh_heard(mesh, ref_value(BOOT("l:2", "f", 5),
	    "secret")));
	assert_true(gets_key("http://l:2"));
	/* The same signature for another URL, and an old one. */
	tells("http://joined:1", pg_arena_printf(&arena, REF
	    BOOT("evil:1", "e", 6) ", \"sig\": \"%s\"}", pg_value_get(
	    ref_value(BOOT("l:1", "e", 6), "secret"), "sig")->u.p).p);
	assert_false(gets_key("http://evil:1"));
	host.cfg.api_key = PG_STR_NULL;
	assert_false(gets_key("http://given:1"));
}

/* An old address of a host, which somebody else has now. */
static void
key_does_not_go_to_old_addresses(void **state)
{
	(void)state;
	host.cfg.api_key = PG_STR("secret");
	begin();
	join_value(ref_value(BOOT("new:1", "b", 9), "secret"));
	assert_null(pg_mesh_heard(mesh, ref_value(BOOT("old:1", "b", 8),
	    "secret")));
	assert_null(pg_mesh_heard(mesh, ref_value(BOOT("old:1", "b", 9),
	    "secret")));
	assert_false(gets_key("http://old:1"));
	assert_true(gets_key("http://new:1"));
}

static void
trusts_everybody_if_told_so(void **state)
{
	(void)state;
	host.cfg.api_key = PG_STR("secret");
	host.cfg.trust_unsigned = true;
	begin();
	joins(URL("joined:1"));
	tells("http://joined:1", REF URL("listed:1") "}");
	assert_true(gets_key("http://joined:1"));
	assert_true(gets_key("http://listed:1"));
	assert_false(gets_key("http://nowhere:1"));
}

static void
key_is_for_whom_users_name(void **state)
{
	(void)state;
	host.cfg.api_key = PG_STR("secret");
	begin();
	joins(URL("x"));
	/* By a name, that means what others say it means. */
	pg_mesh_named(mesh, PG_STR("x"));
	pg_mesh_named(mesh, PG_STR(" "));
	pg_mesh_named(mesh, PG_STR("a b:c"));
	pg_mesh_named(mesh, PG_STR_NULL);
	assert_false(gets_key("http://x"));
	pg_mesh_named(mesh, PG_STR(" http://x/ "));
	assert_true(gets_key("http://x"));
}

static void
key_follows_to_the_same_port(void **state)
{
	(void)state;
	host.cfg.api_key = PG_STR("secret");
	begin();
	pg_mesh_alias(mesh, PG_STR("http://h:5"), PG_STR("http://h:5/a"));
	assert_false(gets_key("http://h:5/a"));
	pg_mesh_named(mesh, PG_STR("h:5"));
	pg_mesh_alias(mesh, PG_STR("http://h:5"), PG_STR("http://H:5/a/"));
	assert_true(gets_key("http://H:5/a"));
	pg_mesh_alias(mesh, PG_STR("http://h:5"), PG_STR("http://h:6"));
	assert_false(gets_key("http://h:6"));
	pg_mesh_alias(mesh, PG_STR("http://h:5"), PG_STR("http://g:5"));
	assert_false(gets_key("http://g:5"));
	pg_mesh_alias(mesh, PG_STR("http://h:5"), PG_STR("https://h:5"));
	assert_false(gets_key("https://h:5"));
	pg_mesh_alias(mesh, PG_STR("http://h:5"), PG_STR("no url"));
}

static void
named_urls_have_limits(void **state)
{
	char text[PG_HOSTREF_URL_MAX + 2] = "http://";
	size_t i, n;

	(void)state;
	host.cfg.api_key = PG_STR("secret");
	begin();
	for (i = 0; i < PG_NAMED_MAX; i++)
		pg_mesh_named(mesh, pg_arena_printf(&arena, "h:%zu", i + 1));
	assert_true(gets_key("http://h:1"));
	pg_mesh_named(mesh, PG_STR("h:1"));
	assert_true(gets_key("http://h:2"));
	pg_mesh_named(mesh, PG_STR("one.more"));
	assert_true(gets_key("http://one.more"));
	assert_false(gets_key("http://h:1"));
	assert_true(gets_key("http://h:2"));
	for (n = PG_HOSTREF_URL_MAX - 1; n <= PG_HOSTREF_URL_MAX + 1; n++) {
		memset(text + 7, 'a', n - 7);
		pg_mesh_named(mesh, pg_str(text));
		assert_int_equal(gets_key(text), n <= PG_HOSTREF_URL_MAX);
	}
}

/* ---- mesh.json -------------------------------------------------------- */

static int
reads(const char *text, struct pg_err *e)
{
	*e = (struct pg_err){ 0 };
	return pg_mesh_read(mesh, pg_str(text), e);
}

static void
comes_back_after_a_restart(void **state)
{
	struct pg_buf text = PG_BUF_INIT(0);
	struct pg_err e;
	int64_t beat;

	(void)state;
	begin();
	joins(BOOT("h:1", "b", 5) ", \"tags\": [\"gpu\"]");
	joins(URL("py:1"));
	joins(BOOT("off:1", "c", 5) ", \"online\": false");
	pg_mesh_heard(mesh, ref_value(URL("stranger:1"), NULL));
	pg_registry_add_given(&mesh->registry, PG_STR("http://given:1"));
	pg_mesh_write(mesh, &text);
	pg_buf_putc(&text, '\0');
	beat = own_beat();
	end();
	/* This machine's clock goes back meanwhile. */
	now = 0;
	pg_clock_fake(PG_SEC, PG_SEC);
	snprintf(host.boot, sizeof(host.boot), "new-boot");
	begin();
	assert_int_equal(reads(text.p, &e), 0);
	assert_int_equal(own_beat(), beat + PG_MESH_BEAT_LEAP);
	assert_string_equal(urls(pg_mesh_list(mesh, &arena)),
	    "127.0.0.1:1 h:1 off:1 py:1");
	assert_string_equal(at("http://h:1")->boot, "b");
	assert_int_equal(at("http://h:1")->beat, 5);
	assert_int_equal(at("http://h:1")->tags->n, 1);
	assert_int_equal(at("http://h:1")->state, PG_MEMBER_OFFLINE);
	assert_true(pg_mesh_alone(mesh));
	/* Twice is once. */
	assert_int_equal(reads(text.p, &e), 0);
	assert_int_equal(mesh->registry.nhosts, 3);
	assert_true(pg_mesh_alone(mesh));
	pg_buf_fini(&text);
}

/* A day of silence is one, with restarts or without; but while this host was
 * down, it could not have heard. */
static void
goes_on_forgetting_after_a_restart(void **state)
{
	struct pg_buf text = PG_BUF_INIT(0);
	struct pg_err e;
	size_t i;

	(void)state;
	begin();
	joins(BOOT("h:1", "b", 5));
	joins(BOOT("h:2", "c", 5) ", \"online\": false");
	pass(PG_MESH_FORGET_AFTER / 2);
	for (i = 0; i < 2; i++) {
		pg_buf_reset(&text);
		pg_mesh_write(mesh, &text);
		pg_buf_putc(&text, '\0');
		end();
		pass(PG_MESH_FORGET_AFTER * 3);
		begin();
		assert_int_equal(reads(text.p, &e), 0);
	}
	pass(PG_MESH_FORGET_AFTER / 2);
	assert_false(pg_registry_age(&mesh->registry, at("http://h:1")));
	assert_false(pg_registry_age(&mesh->registry, at("http://h:2")));
	pass(PG_SEC);
	assert_false(pg_registry_age(&mesh->registry, at("http://h:1")));
	assert_true(pg_registry_age(&mesh->registry, at("http://h:2")));
	pg_buf_fini(&text);
}

/* Where there is a key, those who showed that they have it get it again. */
static void
keeps_signatures(void **state)
{
	struct pg_buf text = PG_BUF_INIT(0);
	struct pg_err e;

	(void)state;
	host.cfg.api_key = PG_STR("secret");
	begin();
	join_value(ref_value(BOOT("h:1", "b", 5), "secret"));
	joins(URL("h:2"));
	pg_mesh_write(mesh, &text);
	pg_buf_putc(&text, '\0');
	end();
	begin();
	assert_int_equal(reads(text.p, &e), 0);
	assert_true(gets_key("http://h:1"));
	assert_false(gets_key("http://h:2"));
	end();
	/* There is another key now. */
	host.cfg.api_key = PG_STR("SECRET");
	begin();
	assert_int_equal(reads(text.p, &e), 0);
	assert_int_equal(mesh->registry.nhosts, 2);
	assert_false(at("http://h:1")->keyed);
	pg_buf_fini(&text);
}

static void
refuses_other_files(void **state)
{
	static const char *const bad[] = { "", "x", "[]", "{}", "null",
		"{\"version\": 1}", "{\"version\": 1, \"hosts\": {}}",
		"{\"version\": 2, \"hosts\": []}",
		"{\"version\": \"1\", \"hosts\": []}",
		"{\"version\": 1, \"hosts\": [], \"beat\": \"1\"}",
		"{\"version\": 1, \"hosts\": [], \"beat\": -1}",
		"{\"version\": 1, \"hosts\": [], "
		    "\"beat\": 3458764513820540929}",
		"{\"version\": 1, \"hosts\": [" REF URL("h:1") "}",
		"{\"version\": 2, \"hosts\": [" REF URL("h:1") "}]}",
	};
	struct pg_err e;
	int64_t beat;
	size_t i;

	(void)state;
	begin();
	beat = own_beat();
	for (i = 0; i < PG_COUNT(bad); i++) {
		assert_int_equal(reads(bad[i], &e), -1);
		assert_int_equal(e.code, PG_E_HOST);
	}
	assert_int_equal(own_beat(), beat);
	assert_int_equal(mesh->registry.nhosts, 0);
	/* Single hosts that are malformed, or ourselves, are left out. */
	assert_int_equal(reads("{\"version\": 1, \"hosts\": [5, null, {}, "
	    REF URL("127.0.0.1:1") "}, " REF URL("h:1") "}, "
	    REF URL("h:1") "}, " REF URL("h:2") ", \"beat\": -1}, "
	    REF URL("h:3") ", \"code_version\": \"v2\"}]}", &e), 0);
	assert_string_equal(urls(pg_mesh_list(mesh, &arena)),
	    "127.0.0.1:1 h:1");
	/* The highest beat that is taken. */
	assert_int_equal(reads("{\"version\": 1, \"hosts\": [], "
	    "\"beat\": 3458764513820540928}", &e), 0);
	assert_true(own_beat() == PG_HOSTREF_BEAT_MAX / 4 * 3 +
	    PG_MESH_BEAT_LEAP);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(lists_itself),
		T(normalises_what_joins),
		T(does_not_tell_too_much),
		T(answers_doubts_of_it),
		T(says_that_it_goes),
		T(takes_over_an_address),
		T(greets_ours_and_others),
		T(news_has_a_limit),
		T(heeds_no_loopback_of_others),
		T(tells_all_at_first),
		T(tells_what_is_new),
		T(changes_come_in_pages),
		T(strangers_are_not_told),
		T(takes_in_news),
		T(refuses_malformed_joins),
		T(answers_are_taken_in),
		T(resolves_names_and_urls),
		T(names_mean_whom_we_trust),
		T(key_is_for_those_we_trust),
		T(key_does_not_go_to_old_addresses),
		T(trusts_everybody_if_told_so),
		T(key_is_for_whom_users_name),
		T(key_follows_to_the_same_port),
		T(named_urls_have_limits),
		T(comes_back_after_a_restart),
		T(goes_on_forgetting_after_a_restart),
		T(keeps_signatures),
		T(refuses_other_files),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
