/* test_find: shows which agent and which host is meant by what people write,
 * among many hosts of which some do not answer; that hosts which were merely
 * heard of are asked without the key; and what is asked of them in the end.
 */
/* parts: base/err base/mem base/buf base/map base/log base/clock codec/float codec/value codec/json codec/http1 codec/sha256 codec/url codec/pickle codec/pickle_build codec/pickle_text codec/pickle_write codec/sse os/file os/rand os/sock host/wire host/hostref host/seal host/remote host/ticket agent/fields agent/values client/address client/session client/locate client/future client/entry client/place client/admin client/many client/find client/proxy client/journey */
/* wrap: pg_client_new pg_client_free pg_client_start pg_call_cancel pg_loop_new pg_loop_free pg_loop_turn pg_work_new pg_work_free pg_mesh_key_for pg_beacon_new pg_beacon_free pg_probe_new pg_probe_free pg_probe_sweep pg_iface_outward */
#include "base/base.h"

#include <setjmp.h>

#include <cmocka.h>

#include "client/find.h"
#include "client/many.h"
#include "client/proxy.h"
#include "codec/json.h"
#include "world.h"

#define E "http://e:1"
#define F "http://f:1"
#define G "http://g:1"

#define ABSENT "{\"error_type\": \"InvalidAgentError\", "              \
	"\"error\": \"No paglet there\"}"
#define MOVED "{\"error_type\": \"InvalidAgentError\", "               \
	"\"error\": \"No paglet there; it has moved to http://x:1\"}"
#define HOST(name, url, more)                                           \
	"{\"name\": \"" name "\", \"url\": \"" url "\"" more "}"

static const struct world_page pages[] = {
	{ E "/hosts", 200, "{\"hosts\": [" HOST("e", E, "") ", "
	    HOST("f", F, ", \"tags\": [\"gpu\"], \"online\": true") ", "
	    HOST("g", G, ", \"tags\": [\"big\", \"gpu\"]") ", "
	    HOST("off", "http://off:1", ", \"tags\": [\"gpu\"], "
	    "\"online\": false, \"error\": \"stale mesh peer\"") ", "
	    HOST("dead", "http://dead:1", "") "]}" },
	{ E "/agents?state=all", 200, "{\"agents\": "
	    "[{\"agent_id\": \"kim\"}, {\"agent_id\": \"kimono\"}]}" },
	{ F "/agents?state=all", 200, "{\"agents\": "
	    "[{\"agent_id\": \"lou\"}, {\"agent_id\": \"max1\"}, "
	    "{\"agent_id\": \"kim2\"}]}" },
	{ G "/agents?state=all", 200, "{\"agents\": "
	    "[{\"agent_id\": \"louis\"}, {\"agent_id\": \"max2\"}, "
	    "{\"agent_id\": \"kimon\"}]}" },
	{ G "/agents/kimon", 200, "{\"agent_id\": \"kimon\"}" },
	{ F "/agents/kim", 404, ABSENT },
	{ G "/agents/kim", 404, ABSENT },
	{ F "/agents/ki", 404, ABSENT },
	{ G "/agents/ki", 404, ABSENT },
	{ E "/agents/kimo/", 404, ABSENT },
	{ E "/agents/kimono/messages", 200, "{\"result\": \"here\"}" },
	{ E "/agents/kimon", 404, MOVED },
	{ E "/agents/ki", 404, MOVED },
	{ E "/agents/lou", 404, ABSENT },
	{ F "/agents/lou/messages", 200, "{\"result\": \"there\"}" },
	{ F "/agents/lou/dispatch", 200, "{\"proxy\": {\"host_url\": \"" G
	    "/\", \"agent_id\": \"lou\"}}" },
	{ F "/agents/lou/clone", 200, "{\"proxy\": {\"host_url\": \"no url\", "
	    "\"agent_id\": \"lou\"}}" },
	{ E "/agents/none", 404, ABSENT },
	{ E "/agents/max", 404, ABSENT },
	{ E "/agents", 200, "{\"proxy\": {\"host_url\": \"" E
	    "\", \"agent_id\": \"new\"}}" },
	{ E "/classes", 200, "{\"classes\": [{\"name\": \"m:A\", "
	    "\"state_class_name\": \"m:Told\"}]}" },
	{ F "/health", 200, "{\"tags\": [\"gpu\"], \"active_count\": 3}" },
	{ G "/health", 200, "{\"tags\": [\"gpu\", \"big\"], "
	    "\"active_count\": 2}" },
	{ E "/health", 200, "{\"tags\": [], \"active_count\": 0, "
	    "\"address\": \"http://public:1\"}" },
	{ "http://dead:1/", -1, NULL },
	{ NULL, 0, NULL }
};

/* No network around this machine. */
struct pg_beacon *__wrap_pg_beacon_new(void);
void __wrap_pg_beacon_free(void);
struct pg_probe *__wrap_pg_probe_new(void);
void __wrap_pg_probe_free(void);
void __wrap_pg_probe_sweep(void);
int __wrap_pg_iface_outward(void);

struct pg_beacon *
__wrap_pg_beacon_new(void)
{
	return NULL;
}

void
__wrap_pg_beacon_free(void)
{
}

struct pg_probe *
__wrap_pg_probe_new(void)
{
	return NULL;
}

void
__wrap_pg_probe_free(void)
{
}

void
__wrap_pg_probe_sweep(void)
{
}

int
__wrap_pg_iface_outward(void)
{
	return -1;
}

static struct paglets_client *
begin(void)
{
	world_begin(pages);
	return world_client(E);
}

static void
end(struct paglets_client *c)
{
	paglets_client_free(c);
	pg_clock_fake(0, 0);
}

/* Look for an agent; it is at a URL, or there is an error of that code whose
 * text holds all of `says`. */
static void
finds(const char *host, const char *prefix, const char *url, const char *id,
    const char *code, const char *says)
{
	struct paglets_client *c = begin();
	struct paglets_proxy *p = paglets_client_find(c, host, prefix);

	if (url != NULL) {
		assert_non_null(p);
		assert_string_equal(paglets_proxy_host_url(p), url);
		assert_string_equal(paglets_proxy_agent_id(p), id);
	} else {
		assert_null(p);
		assert_string_equal(paglets_client_error_code(c), code);
		if (strstr(paglets_client_error(c), says) == NULL)
			fail_msg("'%s'", paglets_client_error(c));
	}
	/* Nobody but the entry host was named. */
	assert_int_equal(world_asked(F, true) + world_asked(G, true), 0);
	assert_int_equal(world_asked("http://off:1", false), host != NULL &&
	    strcmp(host, "off") == 0);
	assert_null(c->kept);
	paglets_proxy_free(p);
	end(c);
}

static void
agents_are_found(void **state)
{
	(void)state;
	finds(NULL, "kim", E, "kim", NULL, NULL);
	finds(NULL, "kimo", E, "kimono", NULL, NULL);
	/* One has this very id: whatever begins so at the entry host. */
	finds(NULL, "kimon", G, "kimon", NULL, NULL);
	finds(NULL, "lou", F, "lou", NULL, NULL);
	finds(NULL, "loui", G, "louis", NULL, NULL);
	finds(NULL, "kim2", F, "kim2", NULL, NULL);
	finds(NULL, "ki", NULL, NULL, "usage", E "/agents/kim, " E
	    "/agents/kimono");
	finds(NULL, "max", NULL, NULL, "usage", F "/agents/max1, " G
	    "/agents/max2");
	finds(NULL, "none", NULL, NULL, "invalid_agent",
	    "did not answer: off, dead");
	finds("f", "lo", F, "lou", NULL, NULL);
	finds("f", "kimono", NULL, NULL, "invalid_agent", F ": no agent");
	finds("nobody", "x", NULL, NULL, "not_found", "knows no host");
	finds("off", "x", NULL, NULL, "unreachable", "http://off:1");
	finds(NULL, "", NULL, NULL, "usage", "");
	finds(NULL, "../x", NULL, NULL, "usage", "");
}

/* So many agents, of ids that begin alike, at the entry host. */
static void
finds_several(size_t n, const char *says)
{
	struct pg_buf b = PG_BUF_INIT(0);
	struct world_page several[] = {
		{ E "/agents?state=all", 200, NULL },
		{ E "/hosts", 200, "{\"hosts\": []}" }, { NULL, 0, NULL } };
	struct paglets_client *c = begin();
	size_t i;

	pg_buf_putz(&b, "{\"agents\": [7, {\"agent_id\": \"a/../b\"}, {}");
	for (i = 0; i < n; i++)
		pg_buf_printf(&b, ", {\"agent_id\": \"a%zu\"}", i);
	pg_buf_putz(&b, "]}");
	pg_buf_putc(&b, '\0');
	several[0].json = b.p;
	world.pages = several;
	assert_null(paglets_client_find(c, NULL, "a"));
	assert_non_null(strstr(paglets_client_error(c), says));
	assert_int_equal(strstr(paglets_client_error(c), ", ...") != NULL,
	    n > PG_FIND_NAMED_MAX);
	pg_buf_fini(&b);
	end(c);
}

static void
so_many_agents_are_named(void **state)
{
	(void)state;
	finds_several(PG_FIND_NAMED_MAX - 1, "3 agents begin");
	finds_several(PG_FIND_NAMED_MAX, "/agents/a3; give more");
	finds_several(PG_FIND_NAMED_MAX + 1, "/agents/a3, ...; give more");
}

/* Of so many hosts that do not answer. */
static void
finds_none(size_t n, const char *says)
{
	struct pg_buf b = PG_BUF_INIT(0);
	struct world_page none[] = {
		{ E "/agents?state=all", 200, "{\"agents\": []}" },
		{ E "/hosts", 200, NULL }, { NULL, 0, NULL } };
	struct paglets_client *c = begin();
	size_t i;

	pg_buf_putz(&b, "{\"hosts\": [" HOST("e", E, ""));
	for (i = 0; i < n; i++)
		pg_buf_printf(&b, ", " HOST("h%zu", "http://h:%zu", ""), i,
		    i + 1);
	pg_buf_putz(&b, "]}");
	pg_buf_putc(&b, '\0');
	none[1].json = b.p;
	world.pages = none;
	assert_null(paglets_client_find(c, NULL, "x"));
	assert_string_equal(paglets_client_error(c) +
	    strlen(paglets_client_error(c)) - strlen(says), says);
	pg_buf_fini(&b);
	end(c);
}

static void
so_many_hosts_are_named(void **state)
{
	(void)state;
	finds_none(PG_FIND_NAMED_MAX - 1, "answer: h0, h1, h2");
	finds_none(PG_FIND_NAMED_MAX, "answer: h0, h1, h2, h3");
	finds_none(PG_FIND_NAMED_MAX + 1,
	    "answer: h0, h1, h2, h3 and 1 more");
}

static void
silent_hosts_cost_one_deadline(void **state)
{
	struct paglets_client *c = begin();

	(void)state;
	assert_null(paglets_client_find(c, NULL, "none"));
	assert_in_range(world.now - WORLD_START, PG_FIND_TIME,
	    PG_FIND_TIME + PG_SEC);
	end(c);
}

static void
proxies_find_their_agent(void **state)
{
	struct paglets_client *c = begin();
	struct paglets_call *v = paglets_client_values(c);
	struct paglets_proxy *p = paglets_proxy_find(c, "kimo");

	(void)state;
	assert_string_equal(paglets_as_text(v, paglets_proxy_send(p, "x",
	    NULL)), "here");
	assert_string_equal(paglets_proxy_agent_id(p), "kimono");
	assert_int_equal(paglets_proxy_is_remote(p), 0);
	paglets_proxy_free(p);
	p = paglets_proxy_find(c, "lou");
	assert_string_equal(paglets_as_text(v, paglets_proxy_send(p, "x",
	    NULL)), "there");
	assert_int_equal(paglets_proxy_is_remote(p), 1);
	assert_int_equal(paglets_proxy_dispatch(p, "g"), 0);
	assert_string_equal(paglets_proxy_host_url(p), G);
	paglets_proxy_free(p);
	p = paglets_proxy_find(c, "f/lou");
	assert_null(paglets_proxy_clone(p, NULL));
	assert_non_null(strstr(paglets_client_error(c), "no address"));
	paglets_proxy_free(p);
	assert_null(paglets_proxy_find(c, "f/"));
	/* It says where it went: no other agent is meant, nor one of two. */
	p = paglets_proxy_find(c, "e/kimon");
	assert_int_equal(paglets_proxy_dispose(p, false), -1);
	assert_non_null(strstr(paglets_client_error(c), "http://x:1"));
	assert_int_equal(world_asked(E "/agents/kimono/dispose", false), 0);
	paglets_proxy_free(p);
	p = paglets_proxy_find(c, "e/ki");
	assert_int_equal(paglets_proxy_dispose(p, false), -1);
	assert_non_null(strstr(paglets_client_error(c), "http://x:1"));
	paglets_proxy_free(p);
	/* An id that is given as such is not looked for. */
	p = paglets_proxy_new(c, NULL, "lou");
	assert_int_equal(paglets_proxy_is_valid(p), 0);
	paglets_proxy_free(p);
	end(c);
}

/* Expect the error "usage" to hold `says`. */
static void
is_usage(struct paglets_client *c, bool failed, const char *says)
{
	assert_true(failed);
	assert_string_equal(paglets_client_error_code(c), "usage");
	if (strstr(paglets_client_error(c), says) == NULL)
		fail_msg("'%s'", paglets_client_error(c));
}

/* A variable that is not set must not mean the entry host. */
static void
empty_texts_are_no_hosts(void **state)
{
	struct paglets_client *c = begin();
	struct paglets_creation what = { .agent_class = "m:A", .target = "" };
	struct paglets_proxy *p = paglets_proxy_new(c, F, "lou");

	(void)state;
	is_usage(c, paglets_client_create(c, &what) == NULL, "empty");
	is_usage(c, paglets_client_agents(c, "", NULL) == NULL, "empty");
	is_usage(c, paglets_proxy_retract(p, "") < 0, "empty");
	is_usage(c, paglets_proxy_dispatch(p, "") < 0, "empty");
	is_usage(c, paglets_proxy_clone(p, "") == NULL, "empty");
	is_usage(c, paglets_client_wait_for_host(c, "", 60000) < 0, "empty");
	is_usage(c, paglets_client_wait_for_host(c, "http://", 60000) < 0,
	    "http://");
	is_usage(c, paglets_proxy_dispatch(p, "tag:") < 0, "no tag");
	assert_int_equal(world.ncalls, 0);
	paglets_proxy_free(p);
	end(c);
}

/* The entry host was named as E, and calls itself something else. */
static void
entry_host_goes_by_its_own_name(void **state)
{
	struct paglets_client *c = begin();
	struct paglets_call *v = paglets_client_values(c);
	struct paglets_value *d = paglets_dict(v);
	struct paglets_proxy *p;

	(void)state;
	paglets_set(v, d, "host_url", paglets_text(v, "http://public:1/"));
	paglets_set(v, d, "agent_id", paglets_text(v, "kim"));
	p = paglets_proxy_from_value(c, d);
	assert_int_equal(paglets_proxy_is_remote(p), 0);
	paglets_proxy_free(p);
	assert_null(paglets_client_lookup(c, NULL));
	assert_non_null(strstr(paglets_client_error(c), "http://public:1"));
	end(c);
}

/* A message to nobody, or to several, says so; no host is sent it in vain. */
static void
messages_say_who_is_not_meant(void **state)
{
	struct paglets_client *c = begin();
	struct paglets_proxy *p = paglets_proxy_find(c, "max");
	struct paglets_future *f;

	(void)state;
	assert_null(paglets_proxy_send(p, "x", NULL));
	assert_string_equal(paglets_client_error_code(c), "usage");
	assert_non_null(strstr(paglets_client_error(c), "2 agents begin"));
	world.ncalls = 0;
	f = paglets_proxy_future(p, "x", NULL);
	assert_non_null(f);
	assert_null(c->kept->next);
	assert_int_equal(world_asked(E "/agents/max/messages", false), 0);
	paglets_client_forget(c);
	assert_true(paglets_future_wait(f, 0));
	assert_null(paglets_future_get(f));
	assert_non_null(strstr(paglets_client_error(c), "2 agents begin"));
	paglets_future_cancel(f);
	paglets_future_free(f);
	paglets_proxy_free(p);
	p = paglets_proxy_find(c, "e/none");
	assert_null(paglets_proxy_send(p, "x", NULL));
	assert_string_equal(paglets_client_error_code(c), "invalid_agent");
	assert_non_null(strstr(paglets_client_error(c), "lists those"));
	paglets_proxy_free(p);
	end(c);
}

static void
hosts_are_picked_by_tag(void **state)
{
	struct paglets_client *c = begin();

	(void)state;
	assert_string_equal(paglets_client_pick(c, "gpu"), G);
	assert_string_equal(paglets_client_pick(c, " GPU "), G);
	assert_string_equal(paglets_client_pick(c, "big"), G);
	assert_null(paglets_client_pick(c, "none"));
	assert_string_equal(paglets_client_error_code(c), "not_found");
	assert_int_equal(world_asked(E "/health", false), 0);
	end(c);
}

static void
creations_say_all_there_is(void **state)
{
	struct paglets_client *c = begin();
	struct paglets_creation what = { .agent_class = "m:A",
		.agent_id = "new", .restart = "on-crash" };
	struct paglets_proxy *p = paglets_client_create(c, &what);

	(void)state;
	assert_non_null(p);
	paglets_proxy_free(p);
	assert_string_equal(world.calls[world.ncalls - 1].body,
	    "{\"agent_class_name\": \"m:A\", \"agent_id\": \"new\", "
	    "\"restart\": \"on-crash\", \"state\": {}, \"init\": null, "
	    "\"state_class_name\": \"m:Told\"}");
	what.restart = "always";
	assert_null(paglets_client_create(c, &what));
	assert_string_equal(paglets_client_error_code(c), "usage");
	what.restart = NULL;
	what.agent_id = "../x";
	assert_null(paglets_client_create(c, &what));
	assert_string_equal(paglets_client_error_code(c), "usage");
	end(c);
}

static void
tickets_are_cut_to_what_hosts_take(void **state)
{
	static const char *const needs[] = { "a", "b", NULL };
	struct paglets_client *c = begin();
	struct paglets_ticket t = { .destination = "x" };
	struct pg_buf b = PG_BUF_INIT(0);
	struct paglets_call *v = paglets_client_values(c);

	(void)state;
	pg_json_write(&b, pg_value_inner(paglets_ticket_value(v, &t)), NULL);
	pg_buf_putc(&b, '\0');
	assert_string_equal(b.p, "{\"destination\": \"x\", \"timeout\": 10.0, "
	    "\"retries\": 0, \"retry_interval\": 0.25, "
	    "\"required_capabilities\": []}");
	t = (struct paglets_ticket){ "x", INT64_MAX, INT64_MAX, INT64_MAX,
		needs, "v", true };
	pg_buf_reset(&b);
	pg_json_write(&b, pg_value_inner(paglets_ticket_value(v, &t)), NULL);
	pg_buf_putc(&b, '\0');
	assert_string_equal(b.p, "{\"destination\": \"x\", "
	    "\"timeout\": 3600.0, \"retries\": 1000, "
	    "\"retry_interval\": 3600.0, "
	    "\"required_capabilities\": [\"a\", \"b\"], "
	    "\"expected_code_version\": \"v\", "
	    "\"arrival_mode\": \"inactive\"}");
	pg_buf_fini(&b);
	end(c);
}

/* Many hosts: so many at once and no more, and all in the end. */
static void
so_many_are_asked_at_once(void **state)
{
	enum { N = 3 * PG_MANY_AT_ONCE + 1 };
	static char urls[N][32];
	static const char *hosts[N + 1];
	struct paglets_client *c = begin();
	const struct paglets_value *rows;
	size_t failed = 0, i;

	(void)state;
	for (i = 0; i < N; i++) {
		snprintf(urls[i], sizeof(urls[i]), "http://h:%zu", i + 1);
		hosts[i] = urls[i];
	}
	rows = paglets_client_health_many(c, hosts, 0, &failed);
	assert_int_equal(paglets_count(rows), N);
	assert_int_equal(failed, N);
	assert_int_equal(world.most, PG_MANY_AT_ONCE);
	assert_int_equal(world.ncalls, N);
	hosts[PG_MANY_AT_ONCE] = NULL;
	rows = paglets_client_health_many(c, hosts, 0, NULL);
	assert_int_equal(paglets_count(rows), PG_MANY_AT_ONCE);
	hosts[0] = NULL;
	rows = paglets_client_health_many(c, hosts, 0, &failed);
	assert_int_equal(paglets_count(rows), 0);
	assert_int_equal(failed, 0);
	end(c);
}

static void
rows_say_who_failed(void **state)
{
	struct paglets_client *c = begin();
	struct paglets_call *v = paglets_client_values(c);
	const struct paglets_value *rows, *row;
	size_t failed = 0;

	(void)state;
	rows = paglets_client_health_many(c, NULL, 500, &failed);
	assert_int_equal(paglets_count(rows), 5);
	assert_int_equal(failed, 2);
	row = paglets_item(rows, 1);
	assert_string_equal(paglets_as_text(v, paglets_get(row, "name")), "f");
	assert_true(paglets_as_bool(paglets_get(row, "reachable"), false));
	assert_int_equal(paglets_as_int(paglets_get(paglets_get(row,
	    "health"), "active_count"), 0), 3);
	row = paglets_item(rows, 3);
	assert_string_equal(paglets_as_text(v, paglets_get(row, "error")),
	    "offline: stale mesh peer");
	assert_false(paglets_as_bool(paglets_get(row, "reachable"), true));
	assert_null(paglets_get(row, "latency_ms"));
	row = paglets_item(rows, 4);
	assert_string_equal(paglets_as_text(v, paglets_get(row,
	    "error_type")), "RemoteHostError");
	assert_in_range(world.now - WORLD_START, 500 * PG_MS, 600 * PG_MS +
	    PG_SEC);
	end(c);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(agents_are_found),
		cmocka_unit_test(so_many_agents_are_named),
		cmocka_unit_test(so_many_hosts_are_named),
		cmocka_unit_test(silent_hosts_cost_one_deadline),
		cmocka_unit_test(proxies_find_their_agent),
		cmocka_unit_test(empty_texts_are_no_hosts),
		cmocka_unit_test(entry_host_goes_by_its_own_name),
		cmocka_unit_test(messages_say_who_is_not_meant),
		cmocka_unit_test(hosts_are_picked_by_tag),
		cmocka_unit_test(creations_say_all_there_is),
		cmocka_unit_test(tickets_are_cut_to_what_hosts_take),
		cmocka_unit_test(so_many_are_asked_at_once),
		cmocka_unit_test(rows_say_who_failed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
