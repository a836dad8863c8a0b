/* test_gossip: shows which references are taken and how they are listed, that
 * our clock alone decides who is alive, that old news keeps nobody alive,
 * what names resolve to, whom gossip visits and when, who gets the key, and
 * who gives way in a full table.
 *
 * The client is a pretended one: it keeps the requests, and the test answers.
 */
/* parts: base/err base/mem base/buf base/map base/log base/clock codec/value codec/float codec/json codec/url codec/pickle codec/pickle_build codec/pickle_text codec/pickle_write codec/sha256 codec/http1 os/file os/loop host/wire host/hostref host/seal host/named host/registry host/mesh host/gossip */
/* wrap: pg_client_start pg_call_cancel */
#include "base/log.h"
#include "codec/json.h"
#include "host/hostref.h"
#include "host/gossip.h"

#include <setjmp.h>

#include <cmocka.h>

#define WALL (INT64_C(1700000000) * PG_SEC)
#define HEALTH(url, version) "{\"name\": \"x\", \"address\": \"" url \
	"\", \"code_version\": \"" version "\"}"

struct pg_call {
	bool open;
	char method[8], url[1100], bearer[32], body[2048];
	int64_t timeout;
	pg_client_done *done;
	void *arg;
};

struct pg_call *__wrap_pg_client_start(struct pg_client *c,
    const struct pg_request *r, pg_client_done *done, void *arg);
void __wrap_pg_call_cancel(struct pg_call *call);

static struct pg_call calls[128];
static size_t ncalls;
static struct pg_host host;
static struct pg_mesh *mesh;
static struct pg_gossip *gossip;
static struct pg_arena arena;
static int64_t now;

struct pg_call *
__wrap_pg_client_start(struct pg_client *c, const struct pg_request *r,
    pg_client_done *done, void *arg)
{
	struct pg_call *call = &calls[ncalls++];

	(void)c;
	assert_true(ncalls <= PG_COUNT(calls));
	*call = (struct pg_call){ .open = true, .timeout = r->timeout,
		.done = done, .arg = arg };
	snprintf(call->method, sizeof(call->method), "%s", r->method);
	snprintf(call->url, sizeof(call->url), "%.*s", PG_STR_ARG(r->url));
	snprintf(call->bearer, sizeof(call->bearer), "%.*s",
	    PG_STR_ARG(r->bearer));
	if (r->nbody > 0)
		snprintf(call->body, sizeof(call->body), "%.*s",
		    PG_STR_ARG(r->body[0].text));
	return call;
}

void
__wrap_pg_call_cancel(struct pg_call *call)
{
	assert_true(call->open);
	call->open = false;
}

/* ---- helpers ---------------------------------------------------------- */

static void
pass(int64_t ns)
{
	now += ns;
	pg_clock_fake(now, WALL + now);
}

static int
setup(void **state)
{
	(void)state;
	now = 0;
	pass(PG_SEC);
	ncalls = 0;
	pg_log_set_level(PG_LOG_ERROR);
	memset(&host, 0, sizeof(host));
	host.loop = pg_loop_new(NULL);
	host.name = PG_STR("alpha");
	host.address = PG_STR("http://127.0.0.1:1");
	host.cfg.code_version = PG_STR("v1");
	host.cfg.mesh = true;
	snprintf(host.boot, sizeof(host.boot), "our-boot");
	pg_map_init(&host.agents, host.seed);
	return host.loop == NULL ? -1 : 0;
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
	pg_map_fini(&host.agents);
	pg_clock_fake(0, 0);
	pg_loop_free(host.loop);
	pg_arena_fini(&arena);
	return 0;
}

static void
begin(void)
{
	gossip = pg_gossip_new(&host);
	mesh = host.mesh;
}

static struct pg_value *
read_json(const char *text)
{
	struct pg_value *v = NULL;

	assert_int_equal(pg_json_read(pg_str(text), &arena, &v, NULL), 0);
	return v;
}

static int
join(const char *text, struct pg_err *e)
{
	struct pg_value *answer;

	return pg_mesh_join(mesh, read_json(text), &arena, &answer, e);
}

static void
joins(const char *text)
{
	struct pg_err e = { 0 };

	if (join(text, &e) < 0)
		fail_msg("%s: %s", text, e.msg);
}

static const struct pg_value *
listed(const char *url)
{
	const struct pg_value *list = pg_mesh_list(mesh, &arena), *v;
	uint32_t i;

	for (i = 0; i < list->n; i++) {
		v = list->u.items[i];
		if (pg_str_eqz(pg_value_text(pg_value_get(v, "url"),
		    PG_STR_NULL), url))
			return v;
	}
	return NULL;
}

static bool
is_online(const char *url)
{
	const struct pg_value *v = listed(url);

	assert_non_null(v);
	return pg_value_get(v, "online")->u.i != 0;
}

static void
assert_error(const char *url, const char *error)
{
	const struct pg_value *v = listed(url);

	assert_non_null(v);
	assert_false(pg_value_get(v, "online")->u.i);
	assert_string_equal(pg_value_get(v, "error")->u.p, error);
}

static void
assert_list(const char *expected)
{
	struct pg_buf b = PG_BUF_INIT(0);

	pg_json_write(&b, pg_mesh_list(mesh, &arena), NULL);
	pg_buf_putc(&b, '\0');
	assert_string_equal(b.p, expected);
	pg_buf_fini(&b);
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

/* Answer the open call for url. */
static void
answer(const char *url, int status, const char *body)
{
	struct pg_call *call = open_call(url);
	struct pg_response r = { .status = status };

	assert_non_null(call);
	call->open = false;
	if (status == 0)
		pg_fail(&r.err, PG_E_UNREACHABLE, "%s", body);
	else
		r.body = pg_bulk_copy(pg_str(body), NULL);
	call->done(call->arg, &r);
	pg_bulk_unref(r.body);
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
	begin();
	pg_gossip_start(gossip);
	turn(1);
}

/* A whole visit to url, which lists the given references. */
static void
visited(const char *url, const char *health, const char *hosts)
{
	char path[200], list[1000];

	snprintf(path, sizeof(path), "%s/health", url);
	answer(path, 200, health);
	snprintf(path, sizeof(path), "%s/hosts/join", url);
	snprintf(list, sizeof(list), "{\"hosts\": [%s]}", hosts);
	answer(path, 200, list);
}

/* ---- the table -------------------------------------------------------- */

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
	assert_list("[{\"name\": \"alpha\", \"url\": \"http://127.0.0.1:1\", "
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
	joins("{\"name\": \"ghost\", \"address\": \" 127.0.0.1:9/ \", "
	    "\"code_version\": \"v1\", \"tags\": [\"B\", \"a\", \"A\", 7], "
	    "\"properties\": {\"k\": 1, \"l\": true, \"m\": 1.5}}");
	pass(PG_SEC);
	joins("{\"name\": \"ghost\", \"url\": \"127.0.0.1:8\", "
	    "\"code_version\": \"v1\", \"active_count\": 3, "
	    "\"boot\": \"b\", \"beat\": 5, \"online\": false, "
	    "\"error\": \"asleep\"}");
	joins("{\"name\": \"other\", \"url\": \"127.0.0.1:7\", "
	    "\"code_version\": \"v2\"}");
	host.name = PG_STR("a");
	assert_list("[{\"name\": \"a\", \"url\": \"http://127.0.0.1:1\", "
	    "\"code_version\": \"v1\", \"online\": true, "
	    "\"last_seen\": 1700000002.0, \"active_count\": 0, "
	    "\"inactive_count\": 0, \"tags\": [], \"properties\": {}, "
	    "\"boot\": \"our-boot\", \"beat\": 1700000002000}, "
	    "{\"name\": \"ghost\", \"url\": \"http://127.0.0.1:8\", "
	    "\"code_version\": \"v1\", \"online\": false, "
	    "\"last_seen\": 1700000002.0, \"active_count\": 3, "
	    "\"inactive_count\": 0, \"tags\": [], \"properties\": {}, "
	    "\"error\": \"asleep\", \"boot\": \"b\", \"beat\": 5}, "
	    "{\"name\": \"ghost\", \"url\": \"http://127.0.0.1:9\", "
	    "\"code_version\": \"v1\", \"online\": true, "
	    "\"last_seen\": 1700000001.0, \"active_count\": 0, "
	    "\"inactive_count\": 0, \"tags\": [\"7\", \"a\", \"b\"], "
	    "\"properties\": {\"k\": \"1\", \"l\": \"True\", "
	    "\"m\": \"1.5\"}}]");
}

static void
refuses_what_is_malformed(void **state)
{
	static const struct { const char *in, *error; } rows[] = {
		{ "[]", "a host reference must be dict, not list" },
		{ "{\"url\": \"h:1\", \"code_version\": \"v1\"}",
		    "missing field 'name'" },
		{ "{\"name\": 5, \"url\": \"h:1\", \"code_version\": \"v1\"}",
		    "field 'name' must be str, not int" },
		{ "{\"name\": \"\", \"url\": \"h:1\"}",
		    "field 'name' must not be empty" },
		{ "{\"name\": \"a\\u001b[1m\", \"url\": \"h:1\"}",
		    "field 'name' must be printable" },
		{ "{\"name\": \"x\", \"code_version\": \"v1\"}",
		    "missing field 'url'" },
		{ "{\"name\": \"x\", \"address\": 1}",
		    "field 'address' must be str, not int" },
		{ "{\"name\": \"x\", \"url\": \" \", "
		    "\"code_version\": \"v1\"}", "Host URL cannot be empty" },
		{ "{\"name\": \"x\", \"url\": \"h:1\"}",
		    "missing field 'code_version'" },
		{ "{\"name\": \"x\", \"url\": \"h:1\", "
		    "\"code_version\": \"v1\", \"tags\": 1}",
		    "field 'tags' must be list, not int" },
		{ "{\"name\": \"x\", \"url\": \"h:1\", "
		    "\"code_version\": \"v1\", \"tags\": [[]]}",
		    "field 'tags' must hold str, got list" },
		{ "{\"name\": \"x\", \"url\": \"h:1\", "
		    "\"code_version\": \"v1\", \"properties\": []}",
		    "field 'properties' must be dict, not list" },
		{ "{\"name\": \"x\", \"url\": \"h:1\", "
		    "\"code_version\": \"v1\", \"active_count\": \"4\"}",
		    "field 'active_count' must be int, not str" },
		{ "{\"name\": \"x\", \"url\": \"http://u:p@h/\"}",
		    "URL with user info" },
	};
	size_t i;

	(void)state;
	begin();
	for (i = 0; i < PG_COUNT(rows); i++) {
		struct pg_err e = { 0 };

		assert_int_equal(join(rows[i].in, &e), -1);
		assert_int_equal(e.code, PG_E_HOST);
		assert_string_equal(e.msg, rows[i].error);
	}
	assert_int_equal(pg_mesh_list(mesh, &arena)->n, 1);
}

/* A reference that is like all others but for one field, which is n long. */
static struct pg_value *
with_length(const char *field, size_t n)
{
	struct pg_value *v = read_json("{\"name\": \"x\", \"url\": \"h:1\", "
	    "\"code_version\": \"v1\", \"boot\": \"b\", \"beat\": 1}");
	char *text = pg_arena_alloc(&arena, n + 1);
	struct pg_str s = { text, n };
	struct pg_value *list = pg_value_list(&arena);
	struct pg_value *dict = pg_value_dict(&arena);

	memset(text, 'a', n);
	if (strcmp(field, "url") == 0)
		memcpy(text, "http://", 7);
	pg_value_add(&arena, list, pg_value_str(&arena, s));
	if (strcmp(field, "tags") == 0)
		pg_value_set(&arena, v, pg_str(field), list);
	else if (strcmp(field, "properties") == 0) {
		pg_value_set(&arena, dict, s, pg_value_str(&arena, s));
		pg_value_set(&arena, v, pg_str(field), dict);
	} else {
		pg_value_set(&arena, v, pg_str(field),
		    pg_value_str(&arena, s));
	}
	return v;
}

/* The same with n tags or properties. */
static struct pg_value *
with_count(const char *field, size_t n)
{
	struct pg_value *v = with_length("name", 1);
	struct pg_value *list = pg_value_list(&arena);
	struct pg_value *dict = pg_value_dict(&arena);
	struct pg_str s;

	while (n-- > 0) {
		s = pg_arena_printf(&arena, "k%zu", n);
		pg_value_add(&arena, list, pg_value_str(&arena, s));
		pg_value_set(&arena, dict, s, pg_value_null(&arena));
	}
	pg_value_set(&arena, v, pg_str(field), strcmp(field, "tags") == 0 ?
	    list : dict);
	return v;
}

static void
limits_references(void **state)
{
	static const struct {
		const char *field;
		size_t max;
		struct pg_value *(*make)(const char *field, size_t n);
	} rows[] = {
		{ "name", PG_HOSTREF_NAME_MAX, with_length },
		{ "code_version", PG_HOSTREF_NAME_MAX, with_length },
		{ "url", PG_HOSTREF_URL_MAX, with_length },
		{ "boot", PG_HOSTREF_BOOT_MAX, with_length },
		{ "tags", PG_HOSTREF_TAG_MAX, with_length },
		{ "tags", PG_HOSTREF_TAGS_MAX, with_count },
		{ "properties", PG_HOSTREF_PROPERTY_MAX, with_length },
		{ "properties", PG_HOSTREF_PROPERTIES_MAX, with_count },
	};
	struct pg_hostref ref;
	struct pg_err e;
	size_t i, n;

	(void)state;
	for (i = 0; i < PG_COUNT(rows); i++)
		for (n = rows[i].max - 1; n <= rows[i].max + 1; n++) {
			e = (struct pg_err){ 0 };
			assert_int_equal(pg_hostref_read(rows[i].make(
			    rows[i].field, n), &arena, &ref, &e),
			    n > rows[i].max ? -1 : 0);
			if (n <= rows[i].max)
				continue;
			assert_int_equal(e.code, PG_E_HOST);
			assert_non_null(strstr(e.msg, rows[i].field));
		}
}

/* A reference whose texts are n bytes: tags of 100 each, and the name. */
static struct pg_value *
with_total(size_t n)
{
	struct pg_value *v = read_json("{\"url\": \"http://h:1\", "
	    "\"code_version\": \"v1\", \"boot\": \"b\", \"beat\": 1, "
	    "\"properties\": {\"key\": 12}}");
	struct pg_value *tags = pg_value_list(&arena);
	size_t i;

	n -= strlen("http://h:1" "v1" "b" "key" "12");
	for (i = 0; n > PG_HOSTREF_NAME_MAX; i++, n -= PG_HOSTREF_TAG_MAX)
		pg_value_add(&arena, tags, pg_value_str(&arena,
		    pg_arena_printf(&arena, "%0*zu", PG_HOSTREF_TAG_MAX, i)));
	pg_value_set(&arena, v, PG_STR("tags"), tags);
	pg_value_set(&arena, v, PG_STR("name"), pg_value_str(&arena,
	    pg_arena_printf(&arena, "%0*d", (int)n, 0)));
	return v;
}

static void
limits_whole_references(void **state)
{
	struct pg_hostref ref;
	struct pg_err e = { 0 };

	(void)state;
	assert_int_equal(pg_hostref_read(with_total(PG_HOSTREF_MAX - 1),
	    &arena, &ref, &e), 0);
	assert_int_equal(pg_hostref_read(with_total(PG_HOSTREF_MAX),
	    &arena, &ref, &e), 0);
	assert_int_equal(pg_hostref_read(with_total(PG_HOSTREF_MAX + 1),
	    &arena, &ref, &e), -1);
	assert_int_equal(e.code, PG_E_HOST);
	assert_string_equal(e.msg,
	    "a host reference of 4097 bytes is over 4096");
}

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
	start();
	self = pg_mesh_self(mesh, &arena);
	assert_int_equal(pg_value_get(self, "tags")->n, 40);
	pg_mesh_free(mesh);
	host.cfg.ntags = 50;
	start();
	self = pg_mesh_self(mesh, &arena);
	assert_int_equal(pg_value_get(self, "tags")->n, 0);
}

static void
never_its_own_peer(void **state)
{
	(void)state;
	begin();
	joins("{\"name\": \"x\", \"url\": \"127.0.0.1:1/\", "
	    "\"code_version\": \"v1\"}");
	joins("{\"name\": \"x\", \"url\": \"localhost:1\", "
	    "\"code_version\": \"v1\", \"boot\": \"our-boot\", \"beat\": 1}");
	assert_int_equal(pg_mesh_list(mesh, &arena)->n, 1);
}

static void
table_has_a_limit(void **state)
{
	struct pg_err e = { 0 };
	struct pg_str url;
	char text[100];
	size_t i;

	(void)state;
	begin();
	for (i = 0; i < PG_MESH_HOSTS_MAX; i++) {
		snprintf(text, sizeof(text), "{\"name\": \"x\", \"url\": "
		    "\"h%zu:1\", \"code_version\": \"v1\"}", i);
		joins(text);
		pg_arena_reset(&arena);
	}
	assert_int_equal(join("{\"name\": \"x\", \"url\": \"one-more\", "
	    "\"code_version\": \"v1\"}", &e), -1);
	assert_int_equal(e.code, PG_E_BUSY);
	assert_true(pg_mesh_url_at(mesh, PG_MESH_HOSTS_MAX - 1, &url));
	assert_false(pg_mesh_url_at(mesh, PG_MESH_HOSTS_MAX, &url));
	joins("{\"name\": \"x\", \"url\": \"h7:1\", "
	    "\"code_version\": \"v1\", \"last_seen\": 5}");
}

/* The peer given lists hosts h0 to h(n-1), all at once. */
static void
lists_many(const char *url, size_t n)
{
	struct pg_buf b = PG_BUF_INIT(0);
	size_t i;

	pg_buf_putz(&b, "{\"hosts\": [");
	for (i = 0; i < n; i++)
		pg_buf_printf(&b, "%s{\"name\": \"x\", \"url\": \"h%zu:1\", "
		    "\"code_version\": \"v1\", \"last_seen\": 5}",
		    i > 0 ? ", " : "", i);
	pg_buf_puts(&b, (struct pg_str){ "]}", 3 });
	answer(url, 200, b.p);
	pg_buf_fini(&b);
}

/* Whom others list cannot keep out those who come themselves. */
static void
listed_hosts_give_way(void **state)
{
	(void)state;
	host.cfg.peers[0] = PG_STR("given:1");
	host.cfg.peers[1] = PG_STR("given:2");
	host.cfg.npeers = 2;
	start();
	joins("{\"name\": \"j\", \"url\": \"joined\", "
	    "\"code_version\": \"v1\"}");
	answer("http://given:1/health", 200, HEALTH("given:1", "v1"));
	pass(PG_SEC);
	lists_many("http://given:1/hosts/join", 2);
	pass(PG_SEC);
	/* One too many: the last of the list has no place. */
	turn(PG_GOSSIP_INTERVAL);
	answer("http://given:1/health", 200, HEALTH("given:1", "v1"));
	lists_many("http://given:1/hosts/join", PG_MESH_HOSTS_MAX - 1);
	assert_int_equal(pg_mesh_list(mesh, &arena)->n,
	    PG_MESH_HOSTS_MAX + 1);
	assert_non_null(listed("http://h9997:1"));
	assert_null(listed("http://h9998:1"));
	/* The one heard of first goes first, though it is being visited; a
	 * given host and one that joined before it stay. */
	assert_non_null(open_call("http://h0:1/health"));
	joins("{\"name\": \"k\", \"url\": \"late\", "
	    "\"code_version\": \"v1\"}");
	assert_null(listed("http://h0:1"));
	assert_null(open_call("http://h0:1/health"));
	answer("http://given:2/health", 200, HEALTH("given:2", "v1"));
	assert_null(listed("http://h1:1"));
	assert_non_null(listed("http://given:1"));
	assert_non_null(listed("http://given:2"));
	assert_non_null(listed("http://joined"));
	assert_non_null(listed("http://late"));
	assert_int_equal(pg_mesh_list(mesh, &arena)->n,
	    PG_MESH_HOSTS_MAX + 1);
}

/* ---- liveness --------------------------------------------------------- */

static void
beats_keep_alive(void **state)
{
	(void)state;
	begin();
	joins("{\"name\": \"x\", \"url\": \"h:1\", \"code_version\": \"v1\", "
	    "\"boot\": \"b\", \"beat\": 5}");
	pass(PG_MESH_OFFLINE_AFTER - 1);
	assert_true(is_online("http://h:1"));
	pass(1);
	assert_true(is_online("http://h:1"));
	pass(1);
	assert_error("http://h:1", "stale mesh peer");
	/* The same again is no sign of life, nor is an older one. */
	joins("{\"name\": \"x\", \"url\": \"h:1\", \"code_version\": \"v1\", "
	    "\"boot\": \"b\", \"beat\": 5, \"last_seen\": 77}");
	joins("{\"name\": \"x\", \"url\": \"h:1\", \"code_version\": \"v1\", "
	    "\"boot\": \"b\", \"beat\": 4}");
	assert_false(is_online("http://h:1"));
	joins("{\"name\": \"x\", \"url\": \"h:1\", \"code_version\": \"v1\", "
	    "\"boot\": \"b\", \"beat\": 6}");
	assert_true(is_online("http://h:1"));
	pass(PG_MESH_OFFLINE_AFTER + 1);
	joins("{\"name\": \"x\", \"url\": \"h:1\", \"code_version\": \"v1\", "
	    "\"boot\": \"c\", \"beat\": 1}");
	assert_true(is_online("http://h:1"));
}

/* A Python host whose clock is years off. */
static void
changes_of_last_seen_keep_alive(void **state)
{
	const char *ref = "{\"name\": \"x\", \"url\": \"h:1\", "
	    "\"code_version\": \"v1\", \"last_seen\": %d}";
	char text[200];
	int i;

	(void)state;
	begin();
	for (i = 3; i > 0; i--) {
		snprintf(text, sizeof(text), ref, i);
		joins(text);
		assert_true(is_online("http://h:1"));
		pass(PG_MESH_OFFLINE_AFTER + 1);
		joins(text);
		assert_false(is_online("http://h:1"));
	}
}

/* Two who list a dead Python host with different times, over and over, and
 * one of ours with an old beat. */
static void
old_news_keeps_nobody_alive(void **state)
{
	int i;

	(void)state;
	host.cfg.peers[0] = PG_STR("h:1");
	host.cfg.peers[1] = PG_STR("h:2");
	host.cfg.npeers = 2;
	start();
	for (i = 0; i < 12; i++) {
		visited("http://h:1", HEALTH("h:1", "v1"),
		    "{\"name\": \"p\", \"url\": \"p\", "
		    "\"code_version\": \"v1\", \"last_seen\": 1}, "
		    "{\"name\": \"o\", \"url\": \"o\", \"boot\": \"b\", "
		    "\"code_version\": \"v1\", \"beat\": 1}");
		visited("http://h:2", HEALTH("h:2", "v1"),
		    "{\"name\": \"p\", \"url\": \"p\", "
		    "\"code_version\": \"v1\", \"last_seen\": 2}, "
		    "{\"name\": \"o\", \"url\": \"o\", \"boot\": \"c\", "
		    "\"code_version\": \"v1\", \"beat\": 2}, "
		    "{\"name\": \"o\", \"url\": \"o\", "
		    "\"code_version\": \"v1\"}");
		turn(PG_GOSSIP_INTERVAL);
	}
	assert_true(is_online("http://h:1"));
	assert_error("http://p", "stale mesh peer");
	assert_error("http://o", "stale mesh peer");
}

static void
forgets_who_is_long_silent(void **state)
{
	(void)state;
	host.cfg.peers[0] = PG_STR("h:1");
	host.cfg.npeers = 1;
	start();
	answer("http://h:1/health", 0, "nobody there");
	joins("{\"name\": \"x\", \"url\": \"h:2\", "
	    "\"code_version\": \"v1\"}");
	turn(PG_MESH_FORGET_AFTER);
	assert_non_null(listed("http://h:2"));
	turn(PG_GOSSIP_INTERVAL);
	assert_null(listed("http://h:2"));
	assert_non_null(listed("http://h:1"));
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
	joins("{\"name\": \"x\", \"url\": \"h:1\", \"code_version\": \"v1\", "
	    "\"last_seen\": 1}");
	pass(PG_MESH_OFFLINE_AFTER + 1);
	joins("{\"name\": \"x\", \"url\": \"h:3\", "
	    "\"code_version\": \"v1\"}");
	joins("{\"name\": \"x\", \"url\": \"h:2\", "
	    "\"code_version\": \"v1\"}");
	joins("{\"name\": \"y.z\", \"url\": \"bare\", "
	    "\"code_version\": \"v1\"}");
	assert_resolves("x", "http://h:2");
	assert_resolves("alpha", "http://127.0.0.1:1");
	assert_resolves("y.z", "http://bare");
	assert_resolves("bare", "http://bare");
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
	host.cfg.peers[0] = PG_STR("p:1");
	host.cfg.npeers = 1;
	start();
	joins("{\"name\": \"x\", \"url\": \"m:1\", "
	    "\"code_version\": \"v1\", \"online\": false}");
	visited("http://p:1", "{\"name\": \"y\", \"address\": \"p:1\", "
	    "\"code_version\": \"v1\"}", "{\"name\": \"x\", "
	    "\"url\": \"a:1\", \"code_version\": \"v1\"}, "
	    "{\"name\": \"y\", \"url\": \"a:2\", "
	    "\"code_version\": \"v1\"}, {\"name\": \"z\", "
	    "\"url\": \"a:3\", \"code_version\": \"v1\"}, "
	    "{\"name\": \"z\", \"url\": \"b:3\", "
	    "\"code_version\": \"v1\"}");
	assert_resolves("x", "http://m:1");
	assert_resolves("y", "http://p:1");
	assert_resolves("z", "http://a:3");
	pg_mesh_named(mesh, PG_STR("b:3"));
	assert_resolves("z", "http://b:3");
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
	host.cfg.peers[0] = PG_STR("given:1");
	host.cfg.npeers = 1;
	start();
	assert_true(gets_key("http://given:1"));
	assert_true(gets_key("http://127.0.0.1:1")); /* ourselves */
	joins("{\"name\": \"j\", \"url\": \"joined:1\", "
	    "\"code_version\": \"v1\"}");
	assert_true(gets_key("http://joined:1"));
	assert_true(gets_key(" joined:1/ "));
	/* The given peer is somewhere else by its own account. */
	visited("http://given:1", HEALTH("given:2", "v1"), "{\"name\": "
	    "\"evil\", \"url\": \"evil:1\", \"code_version\": \"v1\"}");
	assert_true(gets_key("http://given:1"));
	assert_true(gets_key("http://given:2"));
	assert_non_null(listed("http://evil:1"));
	assert_false(gets_key("http://evil:1"));
	assert_false(gets_key("http://joined:2"));
	assert_false(gets_key("http://joined:1.evil"));
	assert_false(gets_key("http://joined:1/path"));
	assert_false(gets_key("no url"));
	assert_false(gets_key(""));
	host.cfg.api_key = PG_STR_NULL;
	assert_false(gets_key("http://given:1"));
}

static void
key_is_for_whom_users_name(void **state)
{
	struct pg_call *call;

	(void)state;
	host.cfg.api_key = PG_STR("secret");
	host.cfg.peers[0] = PG_STR("given:1");
	host.cfg.npeers = 1;
	start();
	visited("http://given:1", HEALTH("given:1", "v1"), "{\"name\": "
	    "\"x\", \"url\": \"x\", \"code_version\": \"v1\"}");
	/* By a name, that means what others say it means. */
	pg_mesh_named(mesh, PG_STR("x"));
	pg_mesh_named(mesh, PG_STR(" "));
	pg_mesh_named(mesh, PG_STR("a b:c"));
	pg_mesh_named(mesh, PG_STR_NULL);
	assert_false(gets_key("http://x"));
	pg_mesh_named(mesh, PG_STR(" http://x/ "));
	assert_true(gets_key("http://x"));
	/* Gossip has it from then on too. */
	turn(PG_GOSSIP_INTERVAL);
	call = open_call("http://x/health");
	assert_non_null(call);
	assert_string_equal(call->bearer, "secret");
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

/* ---- gossip ----------------------------------------------------------- */

static void
visits_and_learns(void **state)
{
	struct pg_call *call;

	(void)state;
	host.cfg.peers[0] = PG_STR("localhost:2");
	host.cfg.peers[1] = PG_STR("127.0.0.1:1"); /* ourselves */
	host.cfg.peers[2] = PG_STR("no such url");
	host.cfg.npeers = 3;
	start();
	assert_int_equal(ncalls, 1);
	pass(PG_SEC);
	answer("http://localhost:2/health", 200, HEALTH("127.0.0.1:2", "v1"));
	call = open_call("http://localhost:2/hosts/join");
	assert_non_null(call);
	assert_string_equal(call->method, "POST");
	assert_non_null(strstr(call->body, "\"name\": \"alpha\""));
	assert_true(call->timeout == PG_GOSSIP_VISIT_TIME - PG_SEC);
	answer(call->url, 200, "{\"hosts\": [{\"name\": \"beta\", "
	    "\"url\": \"127.0.0.1:2\", \"code_version\": \"v1\", "
	    "\"boot\": \"b\", \"beat\": 3}, {\"bad\": 1}, "
	    "{\"name\": \"new\", \"url\": \"127.0.0.1:3\", "
	    "\"code_version\": \"v1\"}, {\"name\": \"gone\", "
	    "\"url\": \"127.0.0.1:4\", \"code_version\": \"v1\", "
	    "\"online\": false}]}");
	assert_true(is_online("http://127.0.0.1:2"));
	assert_int_equal(pg_value_get(listed("http://127.0.0.1:2"),
	    "beat")->u.i, 3);
	assert_null(listed("http://localhost:2"));
	assert_null(listed("http://127.0.0.1:4"));
	/* Next round: the peer given, by its URL alone, and who is new. */
	turn(PG_GOSSIP_INTERVAL);
	assert_non_null(open_call("http://localhost:2/health"));
	assert_non_null(open_call("http://127.0.0.1:3/health"));
	assert_null(open_call("http://127.0.0.1:2/health"));
	/* Visits that are under way are not begun again. */
	turn(PG_GOSSIP_INTERVAL);
	assert_int_equal(ncalls, 4);
}

static void
failures_are_told_and_back_off(void **state)
{
	int64_t pause = PG_GOSSIP_INTERVAL;
	size_t visits = 0, before;

	(void)state;
	host.cfg.peers[0] = PG_STR("h:9");
	host.cfg.npeers = 1;
	start();
	while (pause < 2 * PG_GOSSIP_PAUSE_MAX) {
		answer("http://h:9/health", 0, "Could not reach h:9");
		visits = 0;
		for (before = ncalls; ncalls == before; visits++)
			turn(PG_GOSSIP_INTERVAL);
		assert_int_equal(visits, PG_MIN(pause, PG_GOSSIP_PAUSE_MAX) /
		    PG_GOSSIP_INTERVAL);
		pause *= 2;
	}
	assert_error("http://h:9", "Could not reach h:9");
	assert_string_equal(pg_value_get(listed("http://h:9"), "name")->u.p,
	    "h:9");
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
	assert_null(listed("http://h:9"));
}

static void
names_both_versions(void **state)
{
	(void)state;
	host.cfg.peers[0] = PG_STR("h:1");
	host.cfg.npeers = 1;
	start();
	joins("{\"name\": \"x\", \"url\": \"h:2\", "
	    "\"code_version\": \"v1\"}");
	answer("http://h:1/health", 200, HEALTH("h:1", "v2"));
	assert_error("http://h:1",
	    "code version 'v2' differs from ours, 'v1'");
	turn(PG_GOSSIP_INTERVAL);
	answer("http://h:2/health", 200, HEALTH("h:2", "v2"));
	assert_null(listed("http://h:2"));
	visited("http://h:1", HEALTH("h:1", "v1"), "");
	assert_true(is_online("http://h:1"));
}

/* While a host that joined is visited, a peer given turns out to be it; then
 * the visit finds another version. */
static void
given_host_of_another_version_stays(void **state)
{
	(void)state;
	host.cfg.peers[0] = PG_STR("h:1");
	host.cfg.npeers = 1;
	start();
	joins("{\"name\": \"x\", \"url\": \"h:2\", "
	    "\"code_version\": \"v1\"}");
	turn(PG_GOSSIP_INTERVAL);
	answer("http://h:1/health", 200, HEALTH("h:2", "v1"));
	answer("http://h:2/health", 200, HEALTH("h:2", "v2"));
	assert_error("http://h:2",
	    "code version 'v2' differs from ours, 'v1'");
	answer("http://h:1/hosts/join", 200, "{\"hosts\": []}");
	/* The peer refers to it, and then to another. */
	turn(PG_GOSSIP_INTERVAL);
	visited("http://h:1", HEALTH("h:3", "v1"), "");
	assert_true(is_online("http://h:3"));
	assert_false(is_online("http://h:2"));
}

static void
nobody_speaks_for_another(void **state)
{
	(void)state;
	start();
	joins("{\"name\": \"x\", \"url\": \"h:2\", "
	    "\"code_version\": \"v1\"}");
	turn(PG_GOSSIP_INTERVAL);
	answer("http://h:2/health", 200, HEALTH("h:3", "v1"));
	assert_null(listed("http://h:3"));
	assert_error("http://h:2", "http://h:2 calls itself http://h:3");
}

static void
key_goes_where_it_may(void **state)
{
	(void)state;
	host.cfg.api_key = PG_STR("secret");
	host.cfg.peers[0] = PG_STR("h:1");
	host.cfg.npeers = 1;
	start();
	joins("{\"name\": \"x\", \"url\": \"h:2\", "
	    "\"code_version\": \"v1\"}");
	assert_string_equal(open_call("http://h:1/health")->bearer, "secret");
	visited("http://h:1", HEALTH("h:1", "v1"), "{\"name\": \"s\", "
	    "\"url\": \"127.0.0.1:3\", \"code_version\": \"v1\"}");
	turn(PG_GOSSIP_INTERVAL);
	assert_string_equal(open_call("http://h:2/health")->bearer, "secret");
	assert_string_equal(open_call("http://127.0.0.1:3/health")->bearer,
	    "");
	/* That we keep it back says nothing about the stranger's health. */
	answer("http://127.0.0.1:3/health", 401, "{}");
	assert_true(is_online("http://127.0.0.1:3"));
	answer("http://h:2/health", 401, "{\"error\": \"wrong key\"}");
	assert_error("http://h:2", "http://h:2 answered 401: wrong key");
}

/* Many peers, all silent: a bounded number of visits is under way, and who
 * answers is visited all the same. */
static void
rounds_cost_the_same(void **state)
{
	char text[100];
	int i;

	(void)state;
	start();
	for (i = 0; i < 20; i++) {
		snprintf(text, sizeof(text), "{\"name\": \"x\", \"url\": "
		    "\"h%d:1\", \"code_version\": \"v1\"}", i);
		joins(text);
	}
	for (i = 1; i <= 2; i++) {
		turn(PG_GOSSIP_INTERVAL);
		assert_int_equal(ncalls, i * PG_GOSSIP_VISITS_MAX);
	}
	turn(PG_GOSSIP_INTERVAL);
	assert_int_equal(ncalls, 20);
	answer("http://h19:1/health", 200, HEALTH("h19:1", "v1"));
	answer("http://h19:1/hosts/join", 200, "{\"hosts\": []}");
	turn(PG_GOSSIP_INTERVAL);
	assert_non_null(open_call("http://h19:1/health"));
	assert_true(is_online("http://h19:1"));
}

static void
without_mesh_nobody_is_visited(void **state)
{
	(void)state;
	host.cfg.mesh = false;
	host.cfg.peers[0] = PG_STR("h:1");
	host.cfg.npeers = 1;
	start();
	joins("{\"name\": \"x\", \"url\": \"h:2\", "
	    "\"code_version\": \"v1\"}");
	turn(PG_GOSSIP_INTERVAL);
	assert_int_equal(ncalls, 0);
	assert_resolves("x", "http://h:2");
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(lists_itself),
		T(normalises_what_joins),
		T(refuses_what_is_malformed),
		T(limits_references),
		T(limits_whole_references),
		T(does_not_tell_too_much),
		T(never_its_own_peer),
		T(table_has_a_limit),
		T(listed_hosts_give_way),
		T(beats_keep_alive),
		T(changes_of_last_seen_keep_alive),
		T(old_news_keeps_nobody_alive),
		T(forgets_who_is_long_silent),
		T(resolves_names_and_urls),
		T(names_mean_whom_we_trust),
		T(key_is_for_those_we_trust),
		T(key_is_for_whom_users_name),
		T(key_follows_to_the_same_port),
		T(named_urls_have_limits),
		T(visits_and_learns),
		T(failures_are_told_and_back_off),
		T(names_both_versions),
		T(given_host_of_another_version_stays),
		T(nobody_speaks_for_another),
		T(key_goes_where_it_may),
		T(rounds_cost_the_same),
		T(without_mesh_nobody_is_visited),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
