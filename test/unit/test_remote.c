/* test_remote: shows what requests to other hosts look like, that they carry
 * the key only where the mesh lets it go, and what answers are taken for, with
 * the hint that fits.
 *
 * The client is a pretended one: it keeps the last request.
 */
/* parts: base/err base/mem base/buf base/map base/log base/clock codec/value codec/float codec/json codec/url codec/pickle codec/pickle_build codec/pickle_text codec/pickle_write codec/sha256 os/file os/loop host/wire os/sock host/hostref host/seal host/named host/registry host/mesh host/remote */
/* wrap: pg_client_start pg_call_cancel */
#include "base/log.h"
#include "host/mesh.h"
#include "host/remote.h"

#include <setjmp.h>

#include <cmocka.h>

struct pg_call *__wrap_pg_client_start(struct pg_client *c,
    const struct pg_request *r, pg_client_done *done, void *arg);
void __wrap_pg_call_cancel(struct pg_call *call);

static struct pg_host host;
static struct pg_arena arena;
static struct pg_request last;
static char last_url[200], last_bearer[32];
static void *last_arg;

struct pg_call *
__wrap_pg_client_start(struct pg_client *c, const struct pg_request *r,
    pg_client_done *done, void *arg)
{
	(void)c;
	(void)done;
	last = *r;
	last_arg = arg;
	snprintf(last_url, sizeof(last_url), "%.*s", PG_STR_ARG(r->url));
	snprintf(last_bearer, sizeof(last_bearer), "%.*s",
	    PG_STR_ARG(r->bearer));
	return (struct pg_call *)&last;
}

void
__wrap_pg_call_cancel(struct pg_call *call)
{
	fail_msg("nothing is to be cancelled: %p", (void *)call);
}

static void
on_news(void *arg)
{
	(void)arg;
}

static void
on_remove(void *arg, struct pg_member *x)
{
	(void)arg;
	(void)x;
}

static int
setup(void **state)
{
	(void)state;
	pg_log_set_level(PG_LOG_ERROR);
	memset(&host, 0, sizeof(host));
	host.loop = pg_loop_new(NULL);
	host.name = PG_STR("alpha");
	host.address = PG_STR("http://127.0.0.1:1");
	host.cfg.api_key = PG_STR("secret");
	host.mesh = pg_mesh_new(&host, on_news, on_remove, NULL);
	pg_mesh_named(host.mesh, PG_STR("given:1"));
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	pg_mesh_free(host.mesh);
	pg_loop_free(host.loop);
	pg_arena_fini(&arena);
	return 0;
}

static void
ignore(void *arg, const struct pg_response *r)
{
	(void)arg;
	(void)r;
}

static void
gets(void **state)
{
	int x;

	(void)state;
	assert_ptr_equal(pg_remote_get(&host, PG_STR("http://given:1"),
	    5 * PG_SEC, ignore, &x, "/agents/%s", "a"), &last);
	assert_string_equal(last.method, "GET");
	assert_string_equal(last_url, "http://given:1/agents/a");
	assert_string_equal(last_bearer, "secret");
	assert_null(last.content_type);
	assert_int_equal(last.nbody, 0);
	assert_int_equal(last.timeout, 5 * PG_SEC);
	assert_int_equal(last.max_reply, PG_REMOTE_REPLY_MAX);
	assert_ptr_equal(last_arg, &x);
}

static void
posts(void **state)
{
	struct pg_post post = { .body = { { .text = PG_STR("{}") } },
		.nbody = 1, .timeout = PG_SEC };

	(void)state;
	pg_remote_post(&host, PG_STR("http://given:1"), &post, ignore, NULL,
	    "/agents");
	assert_string_equal(last.method, "POST");
	assert_string_equal(last_url, "http://given:1/agents");
	assert_string_equal(last_bearer, "secret");
	assert_string_equal(last.content_type, "application/json");
	assert_int_equal(last.nbody, 1);
	assert_true(pg_str_eqz(last.body[0].text, "{}"));
	assert_int_equal(last.timeout, PG_SEC);
	assert_int_equal(last.max_reply, PG_REMOTE_REPLY_MAX);
	post.type = "application/x-paglets-pickle";
	post.body[2].len = 7;
	post.nbody = 3;
	post.max_reply = 9;
	pg_remote_post(&host, PG_STR("http://given:1"), &post, ignore, NULL,
	    "/agents");
	assert_string_equal(last.content_type, post.type);
	assert_int_equal(last.nbody, 3);
	assert_int_equal(last.body[2].len, 7);
	assert_int_equal(last.max_reply, 9);
}

static void
keeps_the_key_from_strangers(void **state)
{
	struct pg_post post = { .timeout = PG_SEC };

	(void)state;
	pg_remote_get(&host, PG_STR("http://evil"), PG_SEC, ignore, NULL,
	    "/health");
	assert_string_equal(last_bearer, "");
	pg_remote_post(&host, PG_STR("http://evil"), &post, ignore, NULL,
	    "/agents");
	assert_string_equal(last_bearer, "");
	pg_mesh_named(host.mesh, PG_STR("http://evil"));
	pg_remote_get(&host, PG_STR("http://evil"), PG_SEC, ignore, NULL,
	    "/health");
	assert_string_equal(last_bearer, "secret");
}

/* The error of an answer to what host asked url. */
static void
assert_fails(const char *url, struct pg_response r, const char *body,
    enum pg_code code, const char *error)
{
	struct pg_value *v;
	struct pg_err e = { 0 };

	if (body != NULL)
		r.body = pg_bulk_copy(pg_str(body), NULL);
	assert_int_equal(pg_remote_reply(&host, pg_str(url), &r, &arena, &v,
	    &e), -1);
	assert_int_equal(e.code, code);
	assert_string_equal(e.msg, error);
	pg_bulk_unref(r.body);
}

static void
reads_answers(void **state)
{
	struct pg_response ok = { .status = 200,
		.body = pg_bulk_copy(PG_STR("{\"a\": 1}"), NULL) };
	struct pg_response silent = { .status = 0,
		.err = { .code = PG_E_TIMEOUT, .msg = "no answer" } };
	struct pg_value *v;
	struct pg_err e = { 0 };

	(void)state;
	assert_int_equal(pg_remote_reply(&host, PG_STR("http://given:1"), &ok,
	    &arena, &v, &e), 0);
	assert_int_equal(pg_value_get(v, "a")->u.i, 1);
	pg_bulk_unref(ok.body);
	assert_fails("http://given:1", silent, NULL, PG_E_TIMEOUT,
	    "no answer");
	assert_fails("http://given:1", (struct pg_response){ .status = 502 },
	    "<html>", PG_E_REMOTE, "status 502 without a JSON body");
	assert_fails("http://given:1", (struct pg_response){ .status = 400 },
	    "{\"error_type\": \"HostError\", \"error\": \"bad\"}", PG_E_HOST,
	    "bad");
	/* We follow no redirection, and say at least what it was. */
	assert_fails("http://given:1", (struct pg_response){ .status = 302 },
	    "{\"a\": 1}", PG_E_REMOTE, "status 302 without a reason");
	assert_fails("http://given:1", (struct pg_response){ .status = 500 },
	    "[]", PG_E_REMOTE, "status 500 without a reason");
	assert_fails("http://given:1", (struct pg_response){ .status = 400 },
	    "{\"error_type\": \"HostError\", \"error\": 7}", PG_E_HOST,
	    "status 400 without a reason");
}

static void
hints_at_what_a_key_would_do(void **state)
{
	const struct pg_response r = { .status = 401 };
	const char *body = "{\"error_type\": \"AuthError\", \"error\": \"no\"}";

	(void)state;
	assert_fails("http://given:1", r, "{\"error\": \"no\"}", PG_E_REMOTE,
	    "no");
	assert_fails("http://evil", r, body, PG_E_AUTH,
	    "no; http://evil does not get our key: only others told us of "
	    "it; name it by URL, or by --peer");
	host.cfg.api_key = PG_STR_NULL;
	assert_fails("http://evil", r, body, PG_E_AUTH,
	    "no; set PAGLETS_API_KEY or pass --api-key-env with an "
	    "environment variable containing a Paglets bearer API key");
}

/* Whether the host itself has refused, or somebody between gave up. */
static void
who_has_decided(void **state)
{
	static const struct { int status; const char *body; bool own; } rows[]
	    = {
		{ 400, "{\"error_type\": \"TransferError\", \"error\": "
		    "\"no\"}", true },
		{ 404, "{\"error_type\": \"HostError\"}", true },
		{ 400, "{\"error_type\": \"RemoteHostError\", \"error\": "
		    "\"Relay target 'x' queue is full\"}", true },
		{ 400, "{\"error_type\": \"RemoteHostError\", \"error\": "
		    "\"x\", \"code\": \"timeout\"}", false },
		{ 400, "{\"error_type\": \"RemoteHostError\", \"error\": "
		    "\"x\", \"code\": \"unreachable\"}", false },
		{ 400, "{\"error_type\": \"RemoteHostError\", \"error\": "
		    "\"Relay delivery to 'x' timed out after 1.000s\"}",
		    false },
		{ 400, "{\"error_type\": \"HostError\", \"error\": "
		    "\"Relay delivery to 'x' timed out after 1.000s\"}",
		    true },
		{ 400, "{\"error_type\": \"RemoteHostError\", \"error\": "
		    "5, \"code\": []}", true },
		{ 502, "<html>", false }, { 400, "{}", false },
		{ 400, "", false }, { 0, NULL, false }, { 200, "{}", false }
	};
	struct pg_response r;
	size_t i;

	(void)state;
	for (i = 0; i < PG_COUNT(rows); i++) {
		r = (struct pg_response){ .status = rows[i].status };
		if (rows[i].body != NULL)
			r.body = pg_bulk_copy(pg_str(rows[i].body), NULL);
		if (pg_remote_decided(&r) != rows[i].own)
			fail_msg("%d %s", rows[i].status, rows[i].body);
		pg_bulk_unref(r.body);
	}
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(gets),
		T(posts),
		T(keeps_the_key_from_strangers),
		T(reads_answers),
		T(hints_at_what_a_key_would_do), T(who_has_decided),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
