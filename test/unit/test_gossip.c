/* test_gossip: shows whom gossip visits, when, with what and with which key,
 * that visits cost the same however many hosts there are, how failures are
 * told and what comes after them, and that hosts may go while they are being
 * visited.
 *
 * The client is a pretended one: it keeps the requests, and the test answers.
 */
/* parts: base/err base/mem base/buf base/map base/log base/clock codec/value codec/float codec/json codec/url codec/pickle codec/pickle_build codec/pickle_text codec/pickle_write codec/sha256 codec/http1 os/file os/loop host/wire os/sock host/hostref host/seal host/named host/registry host/mesh host/gossip */
/* wrap: pg_client_start pg_call_cancel pg_timer_set */
#include "host/gossip.h"
#include "meshkit.h"

#define HEALTH(url, version) "{\"name\": \"x\", \"address\": \"" url \
	"\", \"code_version\": \"" version "\"}"

struct pg_call {
	bool open;
	char method[8], url[1100], bearer[32];
	const char *body;
	int64_t timeout;
	pg_client_done *done;
	void *arg;
};

struct pg_call *__wrap_pg_client_start(struct pg_client *c,
    const struct pg_request *r, pg_client_done *done, void *arg);
void __wrap_pg_call_cancel(struct pg_call *call);
void __wrap_pg_timer_set(struct pg_loop *l, struct pg_timer *t, int64_t delay,
    void (*on_time)(struct pg_timer *));
void __real_pg_timer_set(struct pg_loop *l, struct pg_timer *t, int64_t delay,
    void (*on_time)(struct pg_timer *));

static size_t ntimers;
static struct pg_call calls[4096];
static size_t ncalls;
static struct pg_mesh *mesh;
static struct pg_gossip *gossip;

struct pg_call *
__wrap_pg_client_start(struct pg_client *c, const struct pg_request *r,
    pg_client_done *done, void *arg)
{
	struct pg_call *call = &calls[ncalls++];

	(void)c;
	assert_true(ncalls <= PG_COUNT(calls));
	assert_true(r->max_reply == PG_GOSSIP_REPLY_MAX);
	*call = (struct pg_call){ .open = true, .timeout = r->timeout,
		.done = done, .arg = arg, .body = "" };
	snprintf(call->method, sizeof(call->method), "%s", r->method);
	snprintf(call->url, sizeof(call->url), "%.*s", PG_STR_ARG(r->url));
	snprintf(call->bearer, sizeof(call->bearer), "%.*s",
	    PG_STR_ARG(r->bearer));
	if (r->nbody > 0)
		call->body = pg_arena_str(&arena, r->body[0].text).p;
	return call;
}

void
__wrap_pg_call_cancel(struct pg_call *call)
{
	assert_true(call->open);
	call->open = false;
}

void
__wrap_pg_timer_set(struct pg_loop *l, struct pg_timer *t, int64_t delay,
    void (*on_time)(struct pg_timer *))
{
	ntimers++;
	__real_pg_timer_set(l, t, delay, on_time);
}

/* ---- helpers ---------------------------------------------------------- */

static int
setup(void **state)
{
	(void)state;
	ncalls = 0;
	return kit_open();
}

static int
teardown(void **state)
{
	size_t i;

	(void)state;
	pg_gossip_free(gossip);
	gossip = NULL;
	for (i = 0; i < ncalls; i++)
		assert_false(calls[i].open);
	kit_close();
	return 0;
}

/* Pass time and let the loop turn. */
static void
turn(int64_t ns)
{
	pass(ns);
	assert_int_equal(pg_loop_turn(host.loop, 0, NULL), 0);
}

static void
start(void)
{
	gossip = pg_gossip_new(&host);
	mesh = host.mesh;
	pg_gossip_start(gossip);
	turn(1);
}

static void
joins(const char *text)
{
	struct pg_value *answer;
	struct pg_err e = { 0 };

	if (pg_mesh_join(mesh, ref_value(text, NULL), true, &arena, &answer,
	    &e) < 0)
		fail_msg("%s: %s", text, e.msg);
}

static struct pg_member *
at(const char *url)
{
	return pg_registry_get(&mesh->registry, pg_str(url));
}

static bool
is_online(const char *url)
{
	assert_non_null(at(url));
	return pg_member_online(&mesh->registry, at(url), NULL);
}

static void
assert_error(const char *url, const char *error)
{
	const char *why;

	assert_non_null(at(url));
	assert_false(pg_member_online(&mesh->registry, at(url), &why));
	assert_string_equal(why, error);
}

static void
assert_doubted(const char *url, const char *error)
{
	const char *why;

	assert_non_null(at(url));
	assert_true(pg_member_online(&mesh->registry, at(url), &why));
	assert_int_equal(at(url)->state, PG_MEMBER_DOUBTED);
	assert_string_equal(why, error);
}

static struct pg_call *
open_call(const char *url)
{
	size_t i;

	for (i = 0; i < ncalls; i++)
		if (calls[i].open && strcmp(calls[i].url, url) == 0)
			return &calls[i];
	return NULL;
}

static size_t
nopen(void)
{
	size_t i, n = 0;

	for (i = 0; i < ncalls; i++)
		n += calls[i].open;
	return n;
}

static void
answer_call(struct pg_call *call, int status, const char *body,
    const struct pg_http1_head *head)
{
	struct pg_response r = { .status = status, .head = head };

	call->open = false;
	if (status == 0)
		pg_fail(&r.err, PG_E_UNREACHABLE, "%s", body);
	else
		r.body = pg_bulk_copy(pg_str(body), NULL);
	call->done(call->arg, &r);
	pg_bulk_unref(r.body);
}

/* Answer the open call for url. */
static void
answer(const char *url, int status, const char *body)
{
	struct pg_call *call = open_call(url);

	if (call == NULL)
		fail_msg("nothing is asked of %s", url);
	else
		answer_call(call, status, body, NULL);
}

/* 401 with this reference in its head. */
static void
answer_401(const char *url, const struct pg_value *ref)
{
	struct pg_call *call = open_call(url);
	struct pg_http1_head head = { .nfields = 1 };
	struct pg_buf b = PG_BUF_INIT(0);

	assert_non_null(call);
	pg_buf_base64(&b, pg_str(json(ref)));
	head.fields[0].name = PG_STR("X-Paglets-Ref");
	head.fields[0].value = pg_buf_str(&b);
	answer_call(call, 401, "{\"error\": \"no key\"}", &head);
	pg_buf_fini(&b);
}

static void
fail_all(void)
{
	size_t i;

	for (i = 0; i < ncalls; i++)
		if (calls[i].open)
			answer_call(&calls[i], 0, "no answer", NULL);
}

/* A whole visit to url, which lists the given references. */
static void
visited(const char *url, const char *health, const char *hosts)
{
	char path[200];

	snprintf(path, sizeof(path), "%s/health", url);
	answer(path, 200, health);
	snprintf(path, sizeof(path), "%s/hosts/join", url);
	answer(path, 200, pg_arena_printf(&arena, "{\"hosts\": [%s]}",
	    hosts).p);
}

/* What is under way is answered by hosts that are well: a host of ours with
 * this beat. */
static void
answer_all(int64_t beat)
{
	struct pg_call *call;
	struct pg_member *h;
	struct pg_str url;
	size_t i;

	for (i = 0; i < ncalls; i++) {
		call = &calls[i];
		if (!call->open)
			continue;
		url = pg_str(call->url);
		if (strstr(call->url, "/health") != NULL) {
			url.n -= strlen("/health");
			answer_call(call, 200, pg_arena_printf(&arena,
			    "{\"name\": \"x\", \"address\": \"%.*s\", "
			    "\"code_version\": \"v1\"}",
			    PG_STR_ARG(url)).p, NULL);
			continue;
		}
		url.n -= strlen("/hosts/join");
		h = pg_registry_get(&mesh->registry, url);
		answer_call(call, 200, h == NULL || h->boot[0] == '\0' ?
		    "{\"hosts\": []}" : pg_arena_printf(&arena,
		    "{\"hosts\": [" REF "\"url\": \"%.*s\", \"boot\": \"%s\", "
		    "\"beat\": %" PRId64 "}]}", PG_STR_ARG(url), h->boot,
		    beat).p, NULL);
	}
}

static void
give(const char *url)
{
	host.cfg.peers[host.cfg.npeers++] = pg_str(url);
}

/* ---- visits ----------------------------------------------------------- */

static void
visits_and_learns(void **state)
{
	struct pg_call *call;

	(void)state;
	give("localhost:2");
	give("127.0.0.1:1"); /* ourselves */
	give("no such url");
	start();
	assert_int_equal(ncalls, 1);
	pass(PG_SEC);
	answer("http://localhost:2/health", 200, HEALTH("127.0.0.1:2", "v1"));
	call = open_call("http://localhost:2/hosts/join");
	assert_non_null(call);
	assert_string_equal(call->method, "POST");
	assert_non_null(strstr(call->body, "\"name\": \"alpha\""));
	assert_null(strstr(call->body, "\"digest\""));
	assert_true(call->timeout == PG_GOSSIP_VISIT_TIME - PG_SEC);
	answer(call->url, 200, "{\"hosts\": [" REF
	    BOOT("127.0.0.1:2", "b", 3) "}, {\"bad\": 1}, "
	    REF URL("127.0.0.1:3") "}, " REF BOOT("127.0.0.1:4", "d", 1)
	    "}, " REF URL("127.0.0.1:5") ", \"online\": false}]}");
	assert_true(is_online("http://127.0.0.1:2"));
	assert_int_equal(at("http://127.0.0.1:2")->beat, 3);
	assert_null(at("http://localhost:2"));
	assert_null(at("http://127.0.0.1:5"));
	/* From now on as the host that it is; who is known to be of ours is
	 * not asked for its health. */
	turn(PG_GOSSIP_INTERVAL);
	assert_null(open_call("http://localhost:2/health"));
	call = open_call("http://127.0.0.1:2/hosts/join");
	assert_non_null(call);
	assert_true(call->timeout == PG_GOSSIP_VISIT_TIME);
	assert_non_null(strstr(call->body, "\"digest\""));
	assert_non_null(open_call("http://127.0.0.1:4/hosts/join"));
	assert_non_null(open_call("http://127.0.0.1:3/health"));
	/* Visits that are under way are not begun again. */
	turn(PG_GOSSIP_INTERVAL);
	assert_int_equal(nopen(), 3);
	/* The host that was given is not online any more: its URL is. */
	answer("http://127.0.0.1:2/hosts/join", 0, "gone");
	turn(PG_MEMBER_DOUBT_TIME);
	turn(PG_GOSSIP_INTERVAL);
	assert_non_null(open_call("http://localhost:2/health"));
}

/* The pauses after failures: half as long again each time. */
static void
seeds_are_tried_for_ever(void **state)
{
	int64_t pause = PG_GOSSIP_INTERVAL, waited;
	size_t before, i;

	(void)state;
	give("h:9");
	start();
	for (i = 0; i < 15; i++) {
		answer("http://h:9/health", 0, "Could not reach h:9");
		waited = 0;
		for (before = ncalls; ncalls == before;
		    waited += PG_GOSSIP_INTERVAL)
			turn(PG_GOSSIP_INTERVAL);
		assert_true(waited >= pause);
		assert_true(waited < pause + PG_GOSSIP_INTERVAL);
		pause = PG_MIN(pause + pause / 2, PG_GOSSIP_PAUSE_MAX);
	}
	assert_true(pause == PG_GOSSIP_PAUSE_MAX);
	assert_error("http://h:9", "Could not reach h:9");
	assert_int_equal(at("http://h:9")->state, PG_MEMBER_UNKNOWN);
	answer("http://h:9/health", 500, "{\"error_type\": \"HostError\", "
	    "\"error\": \"broken\"}");
	assert_error("http://h:9", "http://h:9 answered 500: broken");
	turn(PG_GOSSIP_PAUSE_MAX);
	answer("http://h:9/health", 200, "[]");
	assert_error("http://h:9",
	    "a host reference must be dict, not list");
	/* It is at another address, and well. */
	turn(PG_GOSSIP_PAUSE_MAX);
	visited("http://h:9", HEALTH("h:10", "v1"), "");
	assert_true(is_online("http://h:10"));
	assert_null(at("http://h:9"));
}

static void
failures_are_doubts_at_first(void **state)
{
	(void)state;
	start();
	joins(BOOT("h:1", "b", 1000));
	joins(URL("py:1"));
	turn(PG_GOSSIP_INTERVAL);
	pass(PG_SEC);
	answer("http://h:1/hosts/join", 0, "no answer");
	answer("http://py:1/health", 0, "no answer");
	assert_doubted("http://h:1", "no answer");
	assert_doubted("http://py:1", "no answer");
	/* When it was asked, not when we knew. */
	assert_int_equal(at("http://h:1")->doubt, 2000);
	/* It is asked again, and then known to be gone. */
	turn(PG_GOSSIP_INTERVAL);
	answer("http://h:1/hosts/join", 0, "no answer");
	assert_doubted("http://h:1", "no answer");
	turn(PG_MEMBER_DOUBT_TIME - PG_GOSSIP_INTERVAL - 1);
	assert_true(is_online("http://h:1"));
	turn(PG_GOSSIP_INTERVAL);
	assert_error("http://h:1", "no answer");
	assert_error("http://py:1", "no answer");
	/* It is back. */
	answer_all(9000);
	turn(PG_GOSSIP_PAUSE_MAX);
	answer_all(9000);
	answer_all(9000);
	assert_true(is_online("http://h:1"));
	assert_true(is_online("http://py:1"));
}

/* Another host at the URL of one of ours. */
static void
another_host_is_not_that_host(void **state)
{
	(void)state;
	start();
	joins(BOOT("h:1", "b", 1000));
	joins(BOOT("h:2", "c", 1000));
	turn(PG_GOSSIP_INTERVAL);
	answer("http://h:1/hosts/join", 200, "{\"hosts\": []}");
	assert_doubted("http://h:1", "another host answers there");
	/* One of another version, which we learn only thereby. */
	answer("http://h:2/hosts/join", 200, "{\"hosts\": ["
	    REF BOOT("h:2", "d", 2000) ", \"code_version\": \"v2\"}]}");
	assert_null(at("http://h:2"));
	assert_int_equal(pg_mesh_refused(mesh, &arena)->n, 1);
}

static void
names_both_versions(void **state)
{
	(void)state;
	give("h:1");
	start();
	joins(URL("h:2"));
	answer("http://h:1/health", 200, HEALTH("h:1", "v2"));
	assert_error("http://h:1",
	    "code version 'v2' differs from ours, 'v1'");
	assert_int_equal(pg_mesh_refused(mesh, &arena)->n, 1);
	turn(PG_GOSSIP_INTERVAL);
	answer("http://h:2/health", 200, HEALTH("h:2", "v2"));
	assert_null(at("http://h:2"));
	visited("http://h:1", HEALTH("h:1", "v1"), "");
	assert_true(is_online("http://h:1"));
}

/* While a host that joined is visited, a peer given turns out to be it; then
 * the visit finds another version. */
static void
given_host_of_another_version_stays(void **state)
{
	(void)state;
	give("h:1");
	start();
	joins(URL("h:2"));
	turn(PG_GOSSIP_INTERVAL);
	answer("http://h:1/health", 200, HEALTH("h:2", "v1"));
	answer("http://h:2/health", 200, HEALTH("h:2", "v2"));
	assert_error("http://h:2",
	    "code version 'v2' differs from ours, 'v1'");
	answer("http://h:1/hosts/join", 200, "{\"hosts\": []}");
	assert_error("http://h:2",
	    "code version 'v2' differs from ours, 'v1'");
	/* The peer refers to it, and then to another. */
	turn(PG_GOSSIP_PYTHON_TIME);
	visited("http://h:1", HEALTH("h:3", "v1"), "");
	assert_true(is_online("http://h:3"));
	assert_false(is_online("http://h:2"));
}

static void
nobody_speaks_for_another(void **state)
{
	(void)state;
	start();
	joins(URL("h:2"));
	turn(PG_GOSSIP_INTERVAL);
	answer("http://h:2/health", 200, HEALTH("h:3", "v1"));
	assert_null(at("http://h:3"));
	assert_doubted("http://h:2", "http://h:2 calls itself http://h:3");
}

/* A seed that was silent, and a host that somebody listed, are ourselves. */
static void
never_its_own_peer(void **state)
{
	(void)state;
	give("localhost:1");
	start();
	answer("http://localhost:1/health", 0, "not yet");
	assert_non_null(at("http://localhost:1"));
	joins(URL("alias:1"));
	turn(PG_GOSSIP_INTERVAL);
	answer("http://localhost:1/health", 200, HEALTH("127.0.0.1:1", "v1"));
	assert_null(at("http://localhost:1"));
	answer("http://alias:1/health", 200, HEALTH("127.0.0.1:1", "v1"));
	assert_null(at("http://alias:1"));
	assert_int_equal(mesh->registry.nhosts, 0);
	turn(PG_GOSSIP_PAUSE_MAX - 1);
	assert_int_equal(nopen(), 0);
	turn(PG_GOSSIP_INTERVAL);
	assert_non_null(open_call("http://localhost:1/health"));
}

static void
without_mesh_nobody_is_visited(void **state)
{
	(void)state;
	host.cfg.mesh = false;
	give("h:1");
	start();
	joins(URL("h:2"));
	turn(PG_GOSSIP_INTERVAL);
	pg_gossip_found(gossip, PG_STR("h:3"));
	pg_gossip_heard(gossip, ref_value(URL("h:4"), NULL));
	pg_gossip_leave(gossip);
	turn(PG_GOSSIP_INTERVAL);
	assert_int_equal(ncalls, 0);
}

/* ---- rounds ----------------------------------------------------------- */

static void
many_join(const char *name, size_t n, bool boot)
{
	size_t i;

	for (i = 0; i < n; i++)
		joins(pg_arena_printf(&arena, "\"url\": \"%s:%zu\"%s%s%zu%s",
		    name, i + 1, boot ? ", \"boot\": \"" : ", \"x\": \"",
		    name, i, boot ? "\", \"beat\": 1" : "\"").p);
}

/* Until there is no more news. */
static void
settle(void)
{
	int64_t beat = 2;

	while (mesh->registry.news != NULL) {
		turn(PG_GOSSIP_PUSH_TIME);
		answer_all(beat++);
		answer_all(beat++);
		assert_true(beat < 1000);
	}
	turn(PG_GOSSIP_INTERVAL);
	answer_all(beat);
	ncalls = 0;
}

/* As many hosts of ours are visited in each round however many there are, and
 * each of them comes to its turn. */
static void
rounds_cost_the_same(void **state)
{
	char url[60];
	size_t i, rounds;

	(void)state;
	start();
	many_join("h", 30, true);
	settle();
	for (rounds = 1; rounds <= 20; rounds++) {
		turn(PG_GOSSIP_INTERVAL);
		assert_int_equal(nopen(), PG_GOSSIP_FANOUT);
		answer_all(1000);
	}
	for (i = 1; i <= 30; i++) {
		snprintf(url, sizeof(url), "http://h:%zu", i);
		assert_int_equal(at(url)->beat, 1000);
	}
}

/* A few hosts: each once. */
static void
nobody_is_visited_twice_in_a_round(void **state)
{
	size_t n;

	(void)state;
	start();
	for (n = PG_GOSSIP_FANOUT - 1; n <= PG_GOSSIP_FANOUT + 1; n++) {
		many_join("h", n, true);
		settle();
		turn(PG_GOSSIP_INTERVAL);
		assert_int_equal(nopen(),
		    PG_MIN(n, (size_t)PG_GOSSIP_FANOUT));
		answer_all(1000);
	}
}

static void
visits_have_a_limit(void **state)
{
	(void)state;
	start();
	many_join("a", PG_GOSSIP_VISITS_MAX - 1, false);
	turn(PG_GOSSIP_INTERVAL);
	assert_int_equal(nopen(), PG_GOSSIP_VISITS_MAX - 1);
	many_join("b", 1, false);
	turn(PG_GOSSIP_INTERVAL);
	assert_int_equal(nopen(), PG_GOSSIP_VISITS_MAX);
	many_join("c", 2, false);
	turn(PG_GOSSIP_INTERVAL);
	assert_int_equal(nopen(), PG_GOSSIP_VISITS_MAX);
	answer("http://a:7/health", 0, "no");
	turn(PG_GOSSIP_INTERVAL);
	assert_int_equal(nopen(), PG_GOSSIP_VISITS_MAX);
	assert_true(open_call("http://c:1/health") != NULL ||
	    open_call("http://c:2/health") != NULL);
}

/* They expect it. */
static void
python_hosts_are_all_visited(void **state)
{
	size_t i, visits = 0;

	(void)state;
	start();
	many_join("p", 20, false);
	for (i = 0; i < 20; i++) {
		turn(PG_GOSSIP_INTERVAL);
		visits += nopen();
		answer_all(1);
		answer_all(1);
	}
	/* Every 2 or 3 seconds each. */
	assert_in_range(visits, 20 * 6, 20 * 10);
	for (i = 1; i <= 20; i++)
		assert_true(is_online(pg_arena_printf(&arena, "http://p:%zu",
		    i).p));
}

/* Hosts that are offline are asked again, a few at a time and ever less
 * often. */
static void
retries_are_few(void **state)
{
	size_t n, i, total;

	(void)state;
	for (n = PG_GOSSIP_RETRIES_MAX - 1; n <= PG_GOSSIP_RETRIES_MAX + 1;
	    n++) {
		start();
		for (i = 1; i <= n; i++)
			joins(pg_arena_printf(&arena, "\"url\": \"h:%zu\", "
			    "\"boot\": \"b%zu\", \"beat\": 1, "
			    "\"online\": false", i, i).p);
		turn(PG_GOSSIP_INTERVAL);
		assert_int_equal(nopen(),
		    PG_MIN(n, (size_t)PG_GOSSIP_RETRIES_MAX));
		for (i = total = 0; i < 120; i++) {
			total += nopen();
			fail_all();
			turn(PG_GOSSIP_INTERVAL);
			assert_true(nopen() <= PG_GOSSIP_RETRIES_MAX);
		}
		assert_in_range(total, n * 8, n * 14);
		pg_gossip_free(gossip);
		gossip = NULL;
	}
}

/* ---- news ------------------------------------------------------------- */

static void
news_is_told_at_once(void **state)
{
	struct pg_call *call;

	(void)state;
	start();
	joins(BOOT("h:1", "b", 1));
	turn(PG_GOSSIP_PUSH_TIME);
	call = open_call("http://h:1/hosts/join");
	assert_non_null(call);
	answer_all(2);
	/* The next not before it is time for that. */
	ncalls = 0;
	joins(BOOT("h:2", "c", 1));
	turn(PG_GOSSIP_PUSH_TIME - 1);
	assert_int_equal(ncalls, 0);
	turn(PG_MS);
	assert_int_equal(nopen(), 2);
	assert_non_null(strstr(open_call("http://h:1/hosts/join")->body,
	    "\"http://h:2\""));
	answer_all(3);
}

/* Until it has been told often enough; then there is silence. */
static void
news_comes_to_an_end(void **state)
{
	size_t i;

	(void)state;
	start();
	joins(BOOT("h:1", "b", 1));
	joins(BOOT("h:2", "c", 1));
	for (i = 0; i < 100; i++) {
		turn(PG_GOSSIP_PUSH_TIME / 5);
		answer_all((int64_t)i + 2);
	}
	ncalls = 0;
	for (i = 0; i < 100; i++) {
		turn(PG_GOSSIP_INTERVAL / 10);
		answer_all((int64_t)i + 200);
	}
	assert_in_range(ncalls, 16, 22);
}

/* With nobody who wants to hear it, news does not keep us busy. */
static void
no_haste_with_nobody_to_tell(void **state)
{
	size_t i;

	(void)state;
	start();
	joins(URL("py:1"));
	joins(BOOT("h:1", "b", 1) ", \"online\": false");
	turn(PG_GOSSIP_INTERVAL);
	fail_all();
	assert_non_null(mesh->registry.news);
	/* Each second one round and one try; failures are news, too. */
	ntimers = 0;
	for (i = 0; i < 400; i++) {
		turn(PG_GOSSIP_INTERVAL / 40);
		fail_all();
	}
	assert_true(ntimers < 10 * 5);
}

#define APART (int)(PG_GOSSIP_APART_TIME / PG_GOSSIP_INTERVAL)

/* Rounds, with a host that never agrees, until it is asked for everything and
 * has answered. */
static int
turns_until_everything(void)
{
	static int64_t beat = 1000;
	struct pg_call *call;
	int n = 0;
	bool all = false;

	while (!all) {
		assert_true(n++ < 1000);
		call = open_call("http://h:1/hosts/join");
		all = call != NULL && strstr(call->body, "\"digest\"") == NULL;
		beat += 2;
		answer_all(beat);
		answer_all(beat + 1);
		turn(PG_GOSSIP_INTERVAL);
	}
	return n;
}

/* Who has not agreed with anybody for long asks for everything. */
static void
asks_for_everything_if_apart(void **state)
{
	struct pg_call *call;
	int64_t t;

	(void)state;
	give("py:1");
	start();
	visited("http://py:1", HEALTH("py:1", "v1"), "");
	joins(BOOT("h:1", "b", 1));
	turn(PG_GOSSIP_INTERVAL);
	assert_non_null(strstr(open_call("http://h:1/hosts/join")->body,
	    "\"digest\""));
	/* Python hosts, who say nothing of it, do not count. */
	for (t = 0; t < PG_GOSSIP_APART_TIME - PG_GOSSIP_INTERVAL;
	    t += PG_GOSSIP_INTERVAL) {
		answer_all(2 + t);
		answer_all(2 + t);
		turn(PG_GOSSIP_INTERVAL);
	}
	call = open_call("http://h:1/hosts/join");
	assert_non_null(strstr(call->body, "\"digest\""));
	answer_all(t + 5);
	turn(PG_GOSSIP_INTERVAL + 2);
	call = open_call("http://h:1/hosts/join");
	assert_non_null(call);
	assert_null(strstr(call->body, "\"digest\""));
	answer_all(t + 6);
	answer_all(t + 6);
	turn(PG_GOSSIP_INTERVAL);
	call = open_call("http://h:1/hosts/join");
	assert_non_null(strstr(call->body, "\"digest\""));
	/* The next time it waits twice as long, up to the limit. */
	assert_in_range(turns_until_everything(), 2 * APART,
	    2 * APART + 2);
	assert_in_range(turns_until_everything(), 4 * APART,
	    4 * APART + 2);
	assert_in_range(turns_until_everything(), 8 * APART,
	    8 * APART + 2);
	assert_in_range(turns_until_everything(), 16 * APART,
	    16 * APART + 2);
	assert_in_range(turns_until_everything(), 16 * APART,
	    16 * APART + 2);
}

/* ---- who turns up ----------------------------------------------------- */

static void
strangers_are_looked_at(void **state)
{
	(void)state;
	start();
	pg_gossip_heard(gossip, ref_value(BOOT("h:1", "b", 1), NULL));
	pg_gossip_heard(gossip, ref_value(URL("h:2"), NULL));
	pg_gossip_heard(gossip, ref_value(URL("h:3"), NULL));
	pg_gossip_heard(gossip, ref_value(BOOT("h:1", "b", 2), NULL));
	pg_gossip_heard(gossip, read_json("7"));
	assert_int_equal(ncalls, 3);
	answer("http://h:1/hosts/join", 200, "{\"hosts\": ["
	    REF BOOT("h:1", "b", 3) "}]}");
	assert_false(at("http://h:1")->stranger);
	answer("http://h:2/health", 0, "nobody there");
	assert_null(at("http://h:2"));
	/* It wants a key that we do not have; it is gone while it says so. */
	answer_401("http://h:3/health", ref_value(BOOT("h:3", "c", 1),
	    "secret"));
	assert_null(at("http://h:3"));
}

static void
found_urls_are_looked_at(void **state)
{
	(void)state;
	start();
	joins(BOOT("h:9", "z", 1));
	ncalls = 0;
	pg_gossip_found(gossip, PG_STR("h:1"));
	pg_gossip_found(gossip, PG_STR(" http://h:1/ "));
	pg_gossip_found(gossip, PG_STR("127.0.0.1:1"));
	pg_gossip_found(gossip, PG_STR("h:9"));
	pg_gossip_found(gossip, PG_STR("no url"));
	assert_int_equal(ncalls, 1);
	visited("http://h:1", HEALTH("h:1", "v1"), "");
	assert_true(is_online("http://h:1"));
	/* Who calls itself something else is asked there. */
	pg_gossip_found(gossip, PG_STR("h:2"));
	answer("http://h:2/health", 200, HEALTH("h:3", "v1"));
	assert_null(at("http://h:2"));
	assert_null(at("http://h:3"));
	answer("http://h:3/health", 200, HEALTH("h:2", "v1"));
	assert_int_equal(nopen(), 0);
	/* Nobody, and one of another version; again after a while. */
	pg_gossip_found(gossip, PG_STR("h:4"));
	pg_gossip_found(gossip, PG_STR("h:5"));
	answer("http://h:4/health", 0, "nobody");
	answer("http://h:5/health", 200, HEALTH("h:5", "v2"));
	assert_int_equal(pg_mesh_refused(mesh, &arena)->n, 1);
	pg_gossip_found(gossip, PG_STR("h:4"));
	pg_gossip_found(gossip, PG_STR("h:5"));
	assert_int_equal(nopen(), 0);
	turn(PG_GOSSIP_FOUND_TIME);
	pg_gossip_found(gossip, PG_STR("h:4"));
	assert_non_null(open_call("http://h:4/health"));
}

static void
found_urls_have_limits(void **state)
{
	char text[PG_HOSTREF_URL_MAX + 2] = "http://";
	size_t i, n;

	(void)state;
	start();
	for (n = PG_HOSTREF_URL_MAX - 1; n <= PG_HOSTREF_URL_MAX + 1; n++) {
		memset(text + 7, 'a', n - 7);
		i = ncalls;
		pg_gossip_found(gossip, pg_str(text));
		assert_int_equal(ncalls - i, n <= PG_HOSTREF_URL_MAX);
	}
	for (i = 3; i <= PG_GOSSIP_FOUND_MAX + 2; i++) {
		pg_gossip_found(gossip, pg_arena_printf(&arena, "f:%zu", i));
		assert_int_equal(nopen(), PG_MIN(i,
		    (size_t)PG_GOSSIP_FOUND_MAX));
	}
	fail_all();
	pg_gossip_found(gossip, PG_STR("g:1"));
	assert_int_equal(nopen(), 0);
	turn(PG_GOSSIP_FOUND_TIME);
	turn(PG_GOSSIP_INTERVAL);
	pg_gossip_found(gossip, PG_STR("g:1"));
	assert_int_equal(nopen(), 1);
}

/* What a name stands for changes. */
static void
given_urls_come_and_go(void **state)
{
	const struct pg_str both[] = { PG_STR("d:1"), PG_STR("d:2"),
		PG_STR("d:2"), PG_STR("bad url") };

	(void)state;
	host.cfg.api_key = PG_STR("secret");
	give("h:1");
	start();
	pg_gossip_given(gossip, PG_STR("dns"), both, 4);
	pg_gossip_given(gossip, PG_STR("other"), both, 1);
	answer("http://d:1/health", 0, "no");
	answer("http://d:2/health", 0, "no");
	assert_non_null(at("http://d:1"));
	assert_non_null(at("http://d:2"));
	pg_gossip_given(gossip, PG_STR("dns"), NULL, 0);
	assert_null(at("http://d:2"));
	assert_int_equal(pg_mesh_key_for(mesh, PG_STR("d:2")).n, 0);
	/* The other name still stands for it. */
	assert_true(pg_mesh_key_for(mesh, PG_STR("d:1")).n > 0);
	pg_gossip_given(gossip, PG_STR("other"), NULL, 0);
	assert_null(at("http://d:1"));
	assert_int_equal(pg_mesh_key_for(mesh, PG_STR("d:1")).n, 0);
	assert_true(pg_mesh_key_for(mesh, PG_STR("h:1")).n > 0);
	/* One goes while it is being visited, one that has answered stays. */
	pg_gossip_given(gossip, PG_STR("dns"), both, 2);
	answer("http://d:1/health", 200, HEALTH("d:1", "v1"));
	pg_gossip_given(gossip, PG_STR("dns"), NULL, 0);
	assert_non_null(at("http://d:1"));
	assert_int_equal(at("http://d:1")->givens, 0);
	assert_int_equal(nopen(), 1);
}

static void
given_urls_have_a_limit(void **state)
{
	static struct pg_str urls[PG_GOSSIP_SEEDS_MAX + 1];
	uint16_t ports[8];
	size_t i, n;

	(void)state;
	host.cfg.mesh = false;
	host.cfg.api_key = PG_STR("secret");
	start();
	for (i = 0; i < PG_COUNT(urls); i++)
		urls[i] = pg_arena_printf(&arena, "s:%zu", i + 1);
	for (n = PG_COUNT(urls) - 2; n <= PG_COUNT(urls); n++) {
		pg_gossip_given(gossip, PG_STR("dns"), urls, n);
		assert_int_equal(mesh->given.n,
		    PG_MIN(n, (size_t)PG_GOSSIP_SEEDS_MAX));
	}
	assert_true(pg_mesh_key_for(mesh, PG_STR("s:1024")).n > 0);
	assert_int_equal(pg_mesh_key_for(mesh, PG_STR("s:1025")).n, 0);
	assert_int_equal(pg_gossip_ports(gossip, ports, 0), 0);
	assert_int_equal(pg_gossip_ports(gossip, ports, 8), 8);
}

static void
knows_ports(void **state)
{
	uint16_t ports[8];

	(void)state;
	give("h:5");
	give("g:5");
	start();
	joins(URL("h:7"));
	joins(URL("h:8765"));
	joins(URL("h"));
	assert_int_equal(pg_gossip_ports(gossip, ports, 8), 5);
	assert_int_equal(ports[0], PG_DEFAULT_PORT);
	assert_int_equal(ports[1], 1);
	assert_int_equal(ports[2], 5);
	assert_int_equal(ports[3], 7);
	assert_int_equal(ports[4], 80);
	assert_int_equal(pg_gossip_ports(gossip, ports, 2), 2);
}

/* ---- the key ---------------------------------------------------------- */

static void
key_goes_where_it_may(void **state)
{
	(void)state;
	host.cfg.api_key = PG_STR("secret");
	give("h:1");
	start();
	joins(URL("h:2"));
	assert_string_equal(open_call("http://h:1/health")->bearer, "secret");
	visited("http://h:1", HEALTH("h:1", "v1"), REF URL("h:3")
	    "}, " REF BOOT("h:4", "b", 1) "}");
	turn(PG_GOSSIP_PYTHON_TIME);
	assert_string_equal(open_call("http://h:1/health")->bearer, "secret");
	/* Who merely joined, or is listed: unsigned, however it tells it. */
	assert_string_equal(open_call("http://h:2/health")->bearer, "");
	assert_string_equal(open_call("http://h:3/health")->bearer,
	    "");
	assert_string_equal(open_call("http://h:4/health")->bearer,
	    "");
	/* That we keep it back says nothing about the stranger's health. */
	answer("http://h:3/health", 401, "{}");
	assert_int_equal(at("http://h:3")->state, PG_MEMBER_ONLINE);
	answer("http://h:1/health", 401, "{\"error\": \"wrong key\"}");
	assert_doubted("http://h:1", "http://h:1 answered 401: wrong key");
}

/* A host shows with its 401 that it has the key, and then gets it. */
static void
signed_401_opens(void **state)
{
	struct pg_call *call;

	(void)state;
	host.cfg.api_key = PG_STR("secret");
	start();
	pg_gossip_found(gossip, PG_STR("h:1"));
	assert_string_equal(open_call("http://h:1/health")->bearer, "");
	answer_401("http://h:1/health", ref_value(BOOT("h:1", "b", 1),
	    "secret"));
	call = open_call("http://h:1/hosts/join");
	assert_non_null(call);
	assert_string_equal(call->bearer, "secret");
	/* One that is listed, too. */
	joins(BOOT("h:2", "c", 1));
	turn(PG_GOSSIP_INTERVAL);
	answer_401("http://h:2/health", ref_value(BOOT("h:2", "c", 2),
	    "secret"));
	assert_true(at("http://h:2")->keyed);
	turn(PG_GOSSIP_INTERVAL);
	assert_string_equal(open_call("http://h:2/hosts/join")->bearer,
	    "secret");
}

/* Who has the address of a host that was not heard of since a restart need not
 * be that host: neither by saying so, nor by what it was heard to say. */
static void
silent_host_shows_its_key_anew(void **state)
{
	static const char url[] = "http://h:1/health";
	struct pg_member *h;

	(void)state;
	host.cfg.api_key = PG_STR("secret");
	start();
	h = pg_mesh_heard(mesh, ref_value(BOOT("h:1", "b", 5), "secret"));
	pg_registry_recalled(&mesh->registry, h);
	turn(PG_GOSSIP_INTERVAL);
	assert_string_equal(open_call(url)->bearer, "");
	answer(url, 200, HEALTH("h:1", "v1"));
	assert_int_equal(h->state, PG_MEMBER_OFFLINE);
	assert_non_null(strstr(h->why, "does not show that it has the key"));
	turn(PG_GOSSIP_INTERVAL);
	assert_string_equal(open_call(url)->bearer, "");
	answer_401(url, ref_value(BOOT("h:1", "b", 5), "secret"));
	assert_int_equal(h->state, PG_MEMBER_OFFLINE);
	assert_int_equal(nopen(), 0);
	turn(2 * PG_GOSSIP_INTERVAL);
	answer_401(url, ref_value(BOOT("h:1", "b", 6), "secret"));
	assert_int_equal(h->state, PG_MEMBER_ONLINE);
	turn(PG_GOSSIP_INTERVAL);
	assert_string_equal(open_call("http://h:1/hosts/join")->bearer,
	    "secret");
}

static void
forged_401_opens_nothing(void **state)
{
	const struct pg_value *refs[4];
	char url[40];
	size_t i;

	(void)state;
	host.cfg.api_key = PG_STR("secret");
	start();
	refs[0] = ref_value(BOOT("f:0", "b", 1), NULL);
	refs[1] = ref_value(BOOT("f:1", "b", 1), "wrong");
	refs[2] = read_json("{}");
	refs[3] = read_json("5");
	for (i = 0; i < PG_COUNT(refs); i++) {
		snprintf(url, sizeof(url), "http://f:%zu/health", i + 1);
		url[strlen("http://f:")] = (char)('1' + i);
		pg_gossip_found(gossip, (struct pg_str){ url,
		    strlen("http://f:1") });
		answer_401(url, refs[i]);
	}
	assert_int_equal(nopen(), 0);
	assert_int_equal(mesh->registry.nhosts, 0);
	/* The reference of another: the key goes there, not here. */
	pg_gossip_found(gossip, PG_STR("g:1"));
	answer_401("http://g:1/health", ref_value(BOOT("real:1", "r", 1),
	    "secret"));
	assert_null(at("http://g:1"));
	assert_int_equal(pg_mesh_key_for(mesh, PG_STR("g:1")).n, 0);
	assert_non_null(open_call("http://real:1/hosts/join"));
	/* Who wants no key has not shown that it has ours. */
	pg_gossip_found(gossip, PG_STR("open:1"));
	answer("http://open:1/health", 200, HEALTH("open:1", "v1"));
	assert_null(at("http://open:1"));
	assert_null(open_call("http://open:1/hosts/join"));
}

/* ---- hosts that go meanwhile ------------------------------------------ */

/* The host moves, by its own answer, while the visit ends. */
static void
host_moves_while_visited(void **state)
{
	(void)state;
	start();
	joins(BOOT("h:1", "b", 5));
	turn(PG_GOSSIP_INTERVAL);
	answer("http://h:1/hosts/join", 200, "{\"hosts\": ["
	    REF BOOT("h:2", "b", 6) "}, " REF BOOT("h:1", "c", 1) "}]}");
	assert_string_equal(at("http://h:1")->boot, "c");
	assert_string_equal(at("http://h:2")->boot, "b");
	turn(PG_GOSSIP_INTERVAL);
	answer("http://h:2/hosts/join", 200, "{\"hosts\": ["
	    REF BOOT("h:3", "b", 7) "}]}");
	assert_null(at("http://h:2"));
	/* And once more, as somebody else tells; its visit is given up. */
	turn(PG_GOSSIP_INTERVAL);
	assert_non_null(open_call("http://h:3/hosts/join"));
	joins(BOOT("h:4", "b", 8));
	assert_null(open_call("http://h:3/hosts/join"));
}

/* Of a seed and of a URL that was found, between the two requests. */
static void
host_goes_between_requests(void **state)
{
	(void)state;
	give("s:1");
	start();
	pg_gossip_found(gossip, PG_STR("f:1"));
	answer("http://s:1/health", 200, HEALTH("h:1", "v1"));
	answer("http://f:1/health", 200, HEALTH("f:1", "v1"));
	pg_registry_remove(&mesh->registry, at("http://h:1"));
	pg_registry_remove(&mesh->registry, at("http://f:1"));
	answer("http://s:1/hosts/join", 200, "{\"hosts\": [" REF
	    URL("new:1") "}]}");
	answer("http://f:1/hosts/join", 0, "gone");
	turn(PG_GOSSIP_PYTHON_TIME);
	answer("http://s:1/health", 200, HEALTH("h:1", "v1"));
	pg_registry_remove(&mesh->registry, at("http://h:1"));
	answer("http://s:1/hosts/join", 0, "gone");
	assert_error("http://s:1", "gone");
}

/* Our own address is taken from one that is being visited. */
static void
own_address_is_of_a_host_under_visit(void **state)
{
	(void)state;
	start();
	joins(BOOT("127.0.0.1:2", "b", 1));
	joins(BOOT("h:1", "c", 1));
	turn(PG_GOSSIP_INTERVAL);
	assert_non_null(open_call("http://127.0.0.1:2/hosts/join"));
	answer("http://h:1/hosts/join", 200, "{\"hosts\": ["
	    REF BOOT("h:1", "c", 2) "}]}");
	host.address = PG_STR("http://127.0.0.1:2");
	pg_gossip_readdress(gossip);
	assert_null(open_call("http://127.0.0.1:2/hosts/join"));
	turn(PG_GOSSIP_PUSH_TIME);
	assert_non_null(strstr(open_call("http://h:1/hosts/join")->body,
	    "\"http://127.0.0.1:2\""));
}

/* A day of silence of somebody who is just being asked. */
static void
forgotten_while_visited(void **state)
{
	(void)state;
	start();
	joins(BOOT("h:1", "b", 1) ", \"online\": false");
	turn(PG_GOSSIP_INTERVAL);
	assert_non_null(open_call("http://h:1/hosts/join"));
	turn(PG_MESH_FORGET_AFTER);
	assert_int_equal(nopen(), 0);
	assert_null(at("http://h:1"));
}

/* ---- leaving ---------------------------------------------------------- */

static void
takes_leave(void **state)
{
	size_t before, i;

	(void)state;
	give("s:1");
	start();
	many_join("h", 10, true);
	turn(PG_GOSSIP_INTERVAL);
	assert_non_null(open_call("http://s:1/health"));
	assert_true(nopen() > 1);
	before = ncalls;
	host.draining = true;
	pg_gossip_leave(gossip);
	/* In the place of those that were under way. */
	assert_int_equal(ncalls, before + PG_GOSSIP_FANOUT);
	assert_int_equal(nopen(), PG_GOSSIP_FANOUT);
	for (i = before; i < ncalls; i++) {
		assert_true(calls[i].open);
		assert_non_null(strstr(calls[i].body, "\"online\": false"));
		assert_null(strstr(calls[i].body, "\"online\": true"));
		assert_non_null(strstr(calls[i].body,
		    "\"error\": \"shut down\""));
	}
	answer_call(&calls[before], 200, "{}", NULL);
	answer_call(&calls[before + 1], 0, "no", NULL);
	pg_gossip_leave(gossip);
	turn(PG_GOSSIP_INTERVAL);
	joins(BOOT("new:1", "z", 1));
	turn(PG_GOSSIP_INTERVAL);
	assert_int_equal(ncalls, before + PG_GOSSIP_FANOUT);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(visits_and_learns),
		T(seeds_are_tried_for_ever),
		T(failures_are_doubts_at_first),
		T(another_host_is_not_that_host),
		T(names_both_versions),
		T(given_host_of_another_version_stays),
		T(nobody_speaks_for_another),
		T(never_its_own_peer),
		T(without_mesh_nobody_is_visited),
		T(rounds_cost_the_same),
		T(nobody_is_visited_twice_in_a_round),
		T(visits_have_a_limit),
		T(python_hosts_are_all_visited),
		T(retries_are_few),
		T(news_is_told_at_once),
		T(news_comes_to_an_end),
		T(no_haste_with_nobody_to_tell),
		T(asks_for_everything_if_apart),
		T(strangers_are_looked_at),
		T(found_urls_are_looked_at),
		T(found_urls_have_limits),
		T(given_urls_come_and_go),
		T(given_urls_have_a_limit),
		T(knows_ports),
		T(key_goes_where_it_may),
		T(signed_401_opens),
		T(silent_host_shows_its_key_anew),
		T(forged_401_opens_nothing),
		T(host_moves_while_visited),
		T(host_goes_between_requests),
		T(own_address_is_of_a_host_under_visit),
		T(forgotten_while_visited),
		T(takes_leave),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
