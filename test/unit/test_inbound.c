/* test_inbound: shows which request each kind of delivery becomes, which paths
 * a node does not serve that way, that ill-formed ones are refused in one
 * line, and how an answer becomes an ack.
 *
 * The server is a pretended one: the test answers.
 */
/* parts: base/err base/mem base/buf base/map base/log base/clock codec/value codec/float codec/json codec/url codec/http1 codec/pickle codec/pickle_build codec/pickle_text codec/pickle_write codec/sha256 os/file os/loop os/sock host/wire host/hostref host/inbound */
/* wrap: pg_server_ask pg_exchange_put_error */
#include "host/inbound.h"
#include "meshkit.h"

void __wrap_pg_server_ask(struct pg_server *s, const struct pg_addr *peer,
    struct pg_str method, struct pg_str path, struct pg_bulk *body,
    pg_exchange_answer *on_answer, void *arg);
void __wrap_pg_exchange_put_error(struct pg_buf *out,
    const struct pg_err *e);

static struct pg_inbound in;
static struct pg_err err;
static char asked[400], ack[400];
static struct pg_addr peer_seen;
static int nacks;
static pg_exchange_answer *to_answer;
static void *answer_arg;

void
__wrap_pg_server_ask(struct pg_server *s, const struct pg_addr *peer,
    struct pg_str method, struct pg_str path, struct pg_bulk *body,
    pg_exchange_answer *on_answer, void *arg)
{
	(void)s;
	snprintf(asked, sizeof(asked), "%.*s %.*s %.*s", PG_STR_ARG(method),
	    PG_STR_ARG(path), PG_STR_ARG(pg_bulk_str(body)));
	peer_seen = *peer;
	to_answer = on_answer;
	answer_arg = arg;
}

void
__wrap_pg_exchange_put_error(struct pg_buf *out, const struct pg_err *e)
{
	pg_buf_printf(out, "{\"error\": \"%s\"}", e->msg);
}

static int
setup(void **state)
{
	(void)state;
	nacks = 0;
	return kit_open();
}

static int
teardown(void **state)
{
	(void)state;
	pg_inbound_fini(&in);
	kit_close();
	return 0;
}

static void
on_done(void *arg, struct pg_buf *b)
{
	assert_ptr_equal(arg, &in);
	nacks++;
	snprintf(ack, sizeof(ack), "%.*s", PG_STR_ARG(pg_buf_str(b)));
}

static int
reads(const char *kind, const char *payload)
{
	pg_inbound_fini(&in);
	memset(&in, 0, sizeof(in));
	err = (struct pg_err){ 0 };
	return pg_inbound_read(read_json(pg_arena_printf(&arena,
	    "{\"delivery_id\": \"0a\", \"kind\": %s, \"payload\": %s}", kind,
	    payload).p), &in, &err);
}

/* What is asked for that delivery. */
static const char *
becomes(const char *kind, const char *payload)
{
	if (reads(kind, payload) < 0)
		fail_msg("%s: %s", payload, err.msg);
	pg_inbound_start(&host, &in, on_done, &in);
	return asked;
}

static const char *
acked(int status, const char *body)
{
	to_answer(answer_arg, status, pg_str(body));
	return ack;
}

static void
kinds(void **state)
{
	(void)state;
	assert_string_equal(becomes("\"message\"", "{\"agent_id\": \"kim\", "
	    "\"message\": {\"kind\": \"k\"}, \"oneway\": false}"),
	    "POST /agents/kim/messages {\"agent_id\": \"kim\", \"message\": "
	    "{\"kind\": \"k\"}, \"oneway\": false}");
	assert_string_equal(acked(200, "{\"result\": 5}"),
	    "{\"ok\": true, \"result\": 5}");
	assert_string_equal(becomes("\"envelope\"", "{\"envelope\": {\"a\": "
	    "1}}"), "POST /agents {\"envelope\": {\"a\": 1}}");
	assert_string_equal(acked(200, "{\"proxy\": {}}"),
	    "{\"ok\": true, \"proxy\": {}}");
	assert_string_equal(becomes("\"creation\"", "{\"creation\": {\"b\": "
	    "1}}"), "POST /agents {\"b\": 1}");
	assert_string_equal(acked(404, "{\"error_type\": \"X\", \"error\": "
	    "\"y\"}"),
	    "{\"ok\": false, \"error_type\": \"X\", \"error\": \"y\"}");
	assert_string_equal(becomes("\"api\"", "{\"method\": \"GET\", "
	    "\"path\": \"/agents?state=all\", \"payload\": {}}"),
	    "GET /agents?state=all ");
	assert_string_equal(acked(200, "{\"agents\": []}"),
	    "{\"ok\": true, \"result\": {\"agents\": []}}");
	assert_string_equal(becomes("\"api\"", "{\"method\": \"POST\", "
	    "\"path\": \"/agents/k%20m/dispatch\", \"payload\": {\"t\": 1}}"),
	    "POST /agents/k%20m/dispatch {\"t\": 1}");
	assert_string_equal(acked(503, "{\"error\": \"x\"}"),
	    "{\"ok\": false, \"error\": \"x\"}");
	/* The host ends. */
	becomes("\"api\"", "{\"method\": \"GET\", \"path\": \"/agents\"}");
	assert_string_equal(acked(0, ""), "");
	assert_int_equal(nacks, 6);
}

static void
paths(void **state)
{
	static const struct { const char *method, *path; bool served; } rows[]
	    = {
		{ "GET", "/health", true }, { "POST", "/hosts/join", true },
		{ "GET", "/events", true }, { "GET", "/events?x=1", true },
		{ "GET", "/events/stream", false },
		{ "GET", "/events/stream?since=1", false },
		{ "GET", "/relay/diagnostics", false },
		{ "GET", "/relay", false }, { "GET", "/relay?x", false },
		{ "POST", "/relay/connect", false },
		{ "POST", "/admin/git-update", false },
		{ "GET", "/artifacts", true },
		{ "POST", "/artifacts", false },
		{ "POST", "/artifacts?name=x", false },
		{ "GET", "/artifacts/0a", false },
		{ "GET", "/artifacts/0a?x=1", false },
		{ "GET", "/artifacts/0a/metadata", true },
		{ "DELETE", "/artifacts/0a", true },
		{ "GET", "", false }, { "GET", "?x", false },
		{ "GET", "/relays", true }
	};
	size_t i;
	int rc;

	(void)state;
	for (i = 0; i < PG_COUNT(rows); i++) {
		rc = reads("\"api\"", pg_arena_printf(&arena, "{\"method\": "
		    "\"%s\", \"path\": \"%s\"}", rows[i].method,
		    rows[i].path).p);
		if (rc != (rows[i].served ? 0 : -1))
			fail_msg("%s %s: %d", rows[i].method, rows[i].path,
			    rc);
		if (rc == 0)
			continue;
		assert_int_equal(err.code, PG_E_HOST);
		assert_string_equal(err.msg, pg_arena_printf(&arena,
		    "No relay route for %s %s", rows[i].method,
		    rows[i].path).p);
	}
}

static void
ill_formed(void **state)
{
	static const struct { const char *kind, *payload; } rows[] = {
		{ "\"unknown\"", "{}" }, { "\"\"", "{}" }, { "5", "{}" },
		{ "null", "{}" }, { "\"x\\ny\"", "{}" },
		{ "\"message\"", "{}" }, { "\"message\"", "null" },
		{ "\"message\"", "[]" },
		{ "\"message\"", "{\"agent_id\": 5}" },
		{ "\"message\"", "{\"agent_id\": \"\"}" },
		{ "\"message\"", "{\"agent_id\": \"../admin\"}" },
		{ "\"message\"", "{\"agent_id\": \"a/b\"}" },
		{ "\"message\"", "{\"agent_id\": \"a?b\"}" },
		{ "\"message\"", "{\"agent_id\": \"a\\u0000\"}" },
		{ "\"envelope\"", "{}" }, { "\"envelope\"", "null" },
		{ "\"envelope\"", "{\"envelope\": 5}" },
		{ "\"creation\"", "{}" },
		{ "\"creation\"", "{\"creation\": []}" },
		{ "\"api\"", "{}" }, { "\"api\"", "{\"method\": \"GET\"}" },
		{ "\"api\"", "{\"method\": 5, \"path\": \"/agents\"}" },
		{ "\"api\"", "{\"method\": \"GET\", \"path\": [1]}" },
		{ "\"api\"", "{\"method\": \"GET\", \"path\": \"/agents\", "
		    "\"payload\": 5}" }
	};
	size_t i;

	(void)state;
	for (i = 0; i < PG_COUNT(rows); i++) {
		if (reads(rows[i].kind, rows[i].payload) == 0)
			fail_msg("%s %s", rows[i].kind, rows[i].payload);
		assert_true(err.msg[0] != '\0');
		assert_null(strchr(err.msg, '\n'));
	}
	reads("\"no-such-kind\"", "{}");
	assert_string_equal(err.msg,
	    "Unknown relay delivery kind 'no-such-kind'");
}

/* One who comes through a hub on this machine counts as on it. */
static void
where_from(void **state)
{
	(void)state;
	host.address = PG_STR("http://127.0.0.1:1/relay/hosts/beta");
	becomes("\"api\"", "{\"method\": \"GET\", \"path\": \"/agents\"}");
	assert_true(pg_addr_is_loopback(&peer_seen));
	acked(0, "");
	host.address = PG_STR("http://10.1.2.3:1/relay/hosts/beta");
	becomes("\"api\"", "{\"method\": \"GET\", \"path\": \"/agents\"}");
	assert_false(pg_addr_is_loopback(&peer_seen));
	acked(0, "");
}

static void
errors(void **state)
{
	struct pg_buf b = PG_BUF_INIT(0);
	struct pg_err e = { 0 };

	(void)state;
	pg_fail(&e, PG_E_HOST, "why");
	pg_inbound_put_error(&b, &e);
	assert_true(pg_str_eqz(pg_buf_str(&b),
	    "{\"ok\": false, \"error\": \"why\"}"));
	pg_buf_fini(&b);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(kinds), TEST(paths), TEST(ill_formed), TEST(where_from),
		TEST(errors)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
