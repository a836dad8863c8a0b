/* test_session: shows where the key of a client goes, how long its answers
 * live, how it says what went wrong, and how futures are waited for.
 */
/* parts: base/err base/mem base/buf base/map base/log base/clock codec/float codec/value codec/json codec/http1 codec/sha256 codec/url codec/pickle codec/pickle_build codec/pickle_text codec/pickle_write codec/sse os/file os/rand os/sock host/wire host/hostref host/seal host/remote agent/fields agent/values client/session client/future */
/* wrap: pg_client_new pg_client_free pg_client_start pg_call_cancel pg_loop_new pg_loop_free pg_loop_turn pg_work_new pg_work_free pg_mesh_key_for pg_locate */
#include "base/base.h"

#include <setjmp.h>

#include <cmocka.h>

#include "client/future.h"
#include "client/locate.h"
#include "codec/json.h"
#include "host/wire.h"
#include "world.h"

#define A "http://a:1"
#define B "http://b:1"

static const struct world_page pages[] = {
	{ A "/ok", 200, "{\"n\": 1}" },
	{ A "/two", 200, "{\"n\": 2}" },
	{ A "/junk", 200, "no json" },
	{ A "/absent", 404, "{\"error_type\": \"InvalidAgentError\", "
	    "\"error\": \"No paglet 'x'\"}" },
	{ A "/gone", 404, "{\"error_type\": \"InvalidAgentError\", "
	    "\"error\": \"Paglet 'x' has moved on\"}" },
	{ A "/agent", 400, "{\"error_type\": \"HostError\", "
	    "\"error\": \"oops\"}" },
	{ A "/auth", 401, "{\"error_type\": \"AuthenticationError\", "
	    "\"error\": \"Authentication required\"}" },
	{ B "/auth", 401, "{\"error_type\": \"AuthenticationError\", "
	    "\"error\": \"Authentication required\"}" },
	{ A "/slow", -1, NULL },
	{ NULL, 0, NULL }
};

const struct pg_value *__wrap_pg_locate(struct paglets_client *c,
    struct pg_arena *a, struct pg_str id, const struct pg_value *result);

const struct pg_value *
__wrap_pg_locate(struct paglets_client *c, struct pg_arena *a,
    struct pg_str id, const struct pg_value *result)
{
	(void)c, (void)a, (void)id;
	return result;
}

static struct paglets_client *
begin(void)
{
	struct paglets_client *c;

	world_begin(pages);
	c = world_client(NULL);
	pg_session_name(c, PG_STR(A));
	return c;
}

static void
end(struct paglets_client *c)
{
	paglets_client_free(c);
	pg_clock_fake(0, 0);
}

static struct pg_value *
ask(struct paglets_client *c, const char *url, const char *path)
{
	return pg_session_get(c, pg_str(url), pg_str(path), 0);
}

static struct paglets_future *
start(struct paglets_client *c, const char *path, const char *method)
{
	const struct pg_question q = { PG_STR(A), method, pg_str(path), NULL,
		0 };

	return pg_session_start(c, &q);
}

static void
key_goes_where_the_user_points(void **state)
{
	struct paglets_client *c = begin();

	(void)state;
	assert_non_null(ask(c, A, "/ok"));
	assert_string_equal(world.calls[0].bearer, "secret");
	assert_null(ask(c, B, "/ok"));
	assert_string_equal(world.calls[1].bearer, "");
	/* A longer URL is another one. */
	assert_null(ask(c, A "2", "/ok"));
	assert_string_equal(world.calls[2].bearer, "");
	assert_null(ask(c, A, "/auth"));
	assert_non_null(strstr(paglets_client_error(c), "another API key"));
	assert_null(ask(c, B, "/auth"));
	assert_non_null(strstr(paglets_client_error(c), "write this URL"));
	assert_string_equal(paglets_client_error_code(c), "auth");
	end(c);
}

/* A reference, signed with a key; NULL: not at all. */
static struct pg_value *
reference(struct pg_arena *a, const char *url, const char *key)
{
	struct pg_value *d = pg_value_dict(a);
	struct pg_hostref r = { .name = PG_STR("n"), .url = pg_str(url),
		.version = PG_STR("v"), .boot = PG_STR("boot"), .beat = 7 };
	struct pg_seal seal;
	char sig[PG_HOSTREF_SIG_LEN + 1];

	pg_put_strz(a, d, "name", "n");
	pg_put_strz(a, d, "url", url);
	pg_put_strz(a, d, "code_version", "v");
	pg_put_strz(a, d, "boot", "boot");
	pg_put_int(a, d, "beat", 7);
	if (key == NULL)
		return d;
	pg_seal_init(&seal, pg_str(key));
	pg_seal_sign(&seal, &r, sig);
	pg_put_str(a, d, "sig", pg_arena_str(a, pg_str(sig)));
	return d;
}

/* Whether a client believes a reference that was signed so. */
static bool
trusted(const char *signed_url, const char *url, const char *key,
    const char *teller)
{
	struct paglets_client *c = begin();
	struct pg_arena a = { 0 };
	struct pg_value *ref = reference(&a, signed_url, key);
	bool is;

	pg_value_set(&a, ref, PG_STR("url"), pg_value_strz(&a, url));
	pg_session_trust(c, ref, pg_str(teller));
	is = pg_session_is_named(c, pg_str(url));
	pg_arena_fini(&a);
	end(c);
	return is;
}

static void
hosts_that_sign_get_the_key(void **state)
{
	struct paglets_client *c;

	(void)state;
	assert_true(trusted(B, B, "secret", A));
	assert_false(trusted(B, B, "other", A));
	assert_false(trusted(B, B, "", A));
	assert_false(trusted(B, B, NULL, A));
	assert_false(trusted(B, "http://b:2", "secret", A));
	/* One that means another machine there. */
	assert_false(trusted("http://127.0.0.1:5", "http://127.0.0.1:5",
	    "secret", A));
	assert_true(trusted("http://127.0.0.1:5", "http://127.0.0.1:5",
	    "secret", "http://127.0.0.1:8765"));
	c = begin();
	pg_session_trust(c, NULL, PG_STR(A));
	end(c);
}

/* What comes with a refusal is believed of the host that refuses. */
static void
hosts_may_show_it_when_they_refuse(void **state)
{
	static const char *const urls[] = { B, "http://b:2", "no url" };
	static const struct world_page page[] = { { B "/", 401,
	    "{\"error_type\": \"AuthenticationError\", "
	    "\"error\": \"no\"}" },
	    { NULL, 0, NULL } };
	struct pg_arena a = { 0 };
	struct pg_buf json = PG_BUF_INIT(0), field = PG_BUF_INIT(0);
	struct paglets_client *c;
	size_t i;

	(void)state;
	for (i = 0; i < PG_COUNT(urls); i++) {
		pg_buf_reset(&json);
		pg_buf_reset(&field);
		pg_json_write(&json, reference(&a, urls[i], "secret"), NULL);
		pg_buf_base64(&field, pg_buf_str(&json));
		pg_buf_putc(&field, '\0');
		c = begin();
		world.pages = page;
		world.ref = field.p;
		assert_null(ask(c, B, "/health"));
		assert_int_equal(pg_session_is_named(c, PG_STR(B)), i == 0);
		assert_false(pg_session_is_named(c, PG_STR("http://b:2")));
		assert_null(ask(c, B, "/health"));
		assert_int_equal(world.calls[1].bearer[0] != '\0', i == 0);
		world.ref = "no base64";
		assert_null(ask(c, "http://b:1/", "/x"));
		end(c);
	}
	pg_buf_fini(&json);
	pg_buf_fini(&field);
	pg_arena_fini(&a);
}

static void
key_that_is_none(void **state)
{
	static const char *const keys[] = { "a b", "a\r\nX: y", "\xc3\xa4" };
	struct paglets_client_config config = { .api_key = NULL };
	struct paglets_client *c;
	size_t i;

	(void)state;
	for (i = 0; i < PG_COUNT(keys); i++) {
		world_begin(pages);
		config.api_key = keys[i];
		c = paglets_client_new(&config);
		assert_non_null(c);
		pg_session_name(c, PG_STR(A));
		assert_null(ask(c, A, "/ok"));
		assert_string_equal(paglets_client_error_code(c), "usage");
		assert_int_equal(world.ncalls, 0);
		end(c);
	}
}

static void
errors_say_who_and_what(void **state)
{
	struct paglets_client *c = begin();

	(void)state;
	assert_string_equal(paglets_client_error_type(c), "");
	assert_null(ask(c, A, "/absent"));
	assert_string_equal(paglets_client_error(c),
	    A ": InvalidAgentError: No paglet 'x'");
	assert_true(c->kept->absent);
	assert_true(paglets_client_failure(c).answered);
	assert_null(ask(c, A, "/gone"));
	assert_false(c->kept->absent);
	assert_null(ask(c, A, "/agent"));
	assert_string_equal(paglets_client_error(c), A ": oops");
	assert_null(ask(c, A, "/junk"));
	assert_string_equal(paglets_client_error_type(c), "RemoteHostError");
	assert_null(ask(c, "http://nobody:1", "/x"));
	assert_false(paglets_client_failure(c).answered);
	assert_string_equal(paglets_client_error_code(c), "unreachable");
	end(c);
}

static void
time_is_as_configured(void **state)
{
	struct paglets_client *c = begin();
	struct paglets_future *f;

	(void)state;
	assert_null(ask(c, A, "/slow"));
	assert_int_equal(world.now - WORLD_START, PG_SESSION_TIMEOUT);
	assert_false(paglets_client_failure(c).maybe_done);
	f = start(c, "/slow", "POST");
	assert_false(paglets_future_wait(f, 100));
	assert_null(paglets_future_get(f));
	assert_true(paglets_client_failure(c).maybe_done);
	assert_string_equal(paglets_client_error_code(c), "timeout");
	paglets_future_free(f);
	assert_int_equal(pg_session_ns(-1), 0);
	assert_int_equal(pg_session_ns(2), 2 * PG_MS);
	assert_int_equal(pg_session_ns(PG_SESSION_TIMEOUT_MAX / PG_MS),
	    PG_SESSION_TIMEOUT_MAX);
	assert_int_equal(pg_session_ns(PG_SESSION_TIMEOUT_MAX / PG_MS + 1),
	    PG_SESSION_TIMEOUT_MAX);
	assert_int_equal(pg_session_ns(INT64_MAX), PG_SESSION_TIMEOUT_MAX);
	end(c);
}

static void
count_slow(void *arg, const char *url)
{
	assert_string_equal(url, A);
	assert_true(world.now - WORLD_START >= PG_SESSION_PATIENCE);
	++*(int *)arg;
}

static void
slow_ones_are_told_of(void **state)
{
	struct paglets_client *c = begin();
	struct paglets_future *f[2];
	int told = 0;

	(void)state;
	paglets_client_on_slow(c, count_slow, &told);
	assert_non_null(ask(c, A, "/ok"));
	assert_int_equal(told, 0);
	assert_null(ask(c, A, "/slow"));
	assert_int_equal(told, 1);
	/* Once, however it is waited for. */
	f[0] = start(c, "/slow", "POST");
	f[1] = start(c, "/slow", "POST");
	assert_int_equal(paglets_future_wait_any(f, 2, 3000), -1);
	assert_int_equal(told, 3);
	assert_false(paglets_future_wait(f[0], 1000));
	assert_true(paglets_future_wait_all(f, 2, -1));
	assert_int_equal(told, 3);
	paglets_future_free(f[0]);
	paglets_future_free(f[1]);
	end(c);
}

static void
answers_live_until_forgotten(void **state)
{
	struct paglets_client *c = begin();
	struct paglets_future *mark;
	const struct paglets_value *v;

	(void)state;
	v = pg_value_outer(ask(c, A, "/ok"));
	mark = c->kept;
	assert_non_null(ask(c, A, "/two"));
	assert_ptr_not_equal(c->kept, mark);
	assert_int_equal(paglets_as_int(paglets_get(
	    paglets_client_answer(c), "n"), 0), 2);
	pg_session_forget(c, mark);
	assert_ptr_equal(c->kept, mark);
	assert_null(paglets_client_answer(c));
	assert_int_equal(paglets_as_int(paglets_get(v, "n"), 0), 1);
	paglets_client_forget(c);
	assert_null(c->kept);
	end(c);
}

static void
memory_that_ran_out_is_told(void **state)
{
	struct paglets_client *c = begin();
	struct paglets_call *v = paglets_client_values(c);

	(void)state;
	c->arena.max = c->arena.used + 1;
	while (paglets_list(v) != NULL)
		continue;
	assert_null(ask(c, A, "/ok"));
	assert_string_equal(paglets_client_error_code(c), "nomem");
	assert_int_equal(world.ncalls, 0);
	paglets_client_forget(c);
	assert_non_null(ask(c, A, "/ok"));
	end(c);
}

/* Whether an answer of 4,000 numbers fits into max bytes of values. */
static bool
big_fits(struct paglets_client *c, size_t max)
{
	struct paglets_future *f = start(c, "/big", "GET");
	bool fits;

	assert_int_equal(f->arena.max, PG_SESSION_VALUES_MAX);
	assert_int_equal(world.calls[world.ncalls - 1].max_reply,
	    PG_SESSION_REPLY_MAX);
	f->arena.max = max;
	fits = paglets_future_get(f) != NULL;
	assert_int_equal(paglets_client_answer(c) != NULL, fits);
	assert_true(f->arena.used <= max);
	paglets_future_free(f);
	return fits;
}

/* The real limits are beyond a test: what is shown is that both are asked
 * for, and what happens at the one of values. */
static void
answers_have_limits(void **state)
{
	struct paglets_client *c = begin();
	struct pg_buf b = PG_BUF_INIT(0);
	struct world_page big[] = { { A "/big", 200, NULL },
		{ NULL, 0, NULL } };
	size_t low = 4000, high = 4000 * 100, i;

	(void)state;
	pg_buf_putz(&b, "[0");
	for (i = 0; i < 4000; i++)
		pg_buf_putz(&b, ", 1");
	pg_buf_putz(&b, "]");
	pg_buf_putc(&b, '\0');
	big[0].json = b.p;
	world.pages = big;
	assert_true(big_fits(c, high));
	while (high - low > 1)
		*(big_fits(c, (low + high) / 2) ? &high : &low) =
		    (low + high) / 2;
	assert_true(big_fits(c, high + 1));
	assert_true(big_fits(c, high));
	assert_false(big_fits(c, high - 1));
	assert_string_equal(paglets_client_error_type(c), "RemoteHostError");
	pg_buf_fini(&b);
	end(c);
}

static void
futures_are_waited_for(void **state)
{
	struct paglets_client *c = begin();
	struct paglets_future *f[4] = { NULL };
	size_t i;

	(void)state;
	assert_int_equal(paglets_future_wait_any(NULL, 0, -1), -1);
	assert_true(paglets_future_wait_all(NULL, 0, -1));
	assert_int_equal(paglets_future_wait_any(f, 4, -1), -1);
	assert_true(paglets_future_wait_all(f, 4, -1));
	f[0] = start(c, "/slow", "POST");
	f[2] = start(c, "/two", "GET");
	f[3] = start(c, "/absent", "GET");
	assert_int_equal(paglets_future_wait_any(f, 1, 0), -1);
	assert_int_equal(paglets_future_wait_any(f, 4, -1), 2);
	assert_false(paglets_future_wait_all(f, 4, 20));
	assert_true(paglets_future_wait_all(f + 1, 3, 0));
	assert_int_equal(paglets_as_int(paglets_get(
	    paglets_future_get(f[2]), "n"), 0), 2);
	assert_null(paglets_future_get(f[3]));
	assert_string_equal(paglets_client_error_type(c),
	    "InvalidAgentError");
	assert_true(paglets_future_wait_all(f, 4, -1));
	for (i = 0; i < 4; i++)
		paglets_future_free(f[i]);
	assert_int_equal(world.cancelled, 0);
	end(c);
}

static void
futures_are_cancelled(void **state)
{
	struct paglets_client *c = begin();
	struct paglets_future *f = start(c, "/slow", "POST");

	(void)state;
	paglets_future_cancel(f);
	paglets_future_cancel(f);
	assert_int_equal(world.cancelled, 1);
	assert_true(paglets_future_wait(f, 0));
	assert_null(paglets_future_get(f));
	assert_non_null(strstr(paglets_client_error(c), "cancelled"));
	assert_true(paglets_client_failure(c).maybe_done);
	paglets_future_free(f);
	f = start(c, "/slow", "GET");
	paglets_future_free(f);
	assert_int_equal(world.cancelled, 2);
	f = start(c, "/ok", "GET");
	assert_true(paglets_future_wait(f, -1));
	paglets_future_cancel(f);
	assert_non_null(paglets_future_get(f));
	paglets_future_free(f);
	paglets_future_free(NULL);
	end(c);
}

/* A message is answered with its result alone; null is a value. */
static void
results_of_messages(void **state)
{
	static const struct world_page say[] = {
		{ A "/null", 200, "{\"result\": null}" },
		{ A "/none", 200, "{}" },
		{ A "/5", 200, "{\"result\": 5}" },
		{ NULL, 0, NULL } };
	static const char *const paths[] = { "/null", "/none", "/5" };
	struct paglets_client *c = begin();
	struct paglets_future *f;
	size_t i;

	(void)state;
	world.pages = say;
	for (i = 0; i < PG_COUNT(paths); i++) {
		f = start(c, paths[i], "POST");
		f->agent_id = PG_STR("kim");
		assert_non_null(paglets_future_get(f));
		assert_int_equal(paglets_as_int(paglets_future_get(f), 0),
		    i == 2 ? 5 : 0);
		paglets_future_free(f);
	}
	end(c);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(key_goes_where_the_user_points),
		cmocka_unit_test(hosts_that_sign_get_the_key),
		cmocka_unit_test(hosts_may_show_it_when_they_refuse),
		cmocka_unit_test(key_that_is_none),
		cmocka_unit_test(errors_say_who_and_what),
		cmocka_unit_test(time_is_as_configured),
		cmocka_unit_test(slow_ones_are_told_of),
		cmocka_unit_test(answers_live_until_forgotten),
		cmocka_unit_test(memory_that_ran_out_is_told),
		cmocka_unit_test(answers_have_limits),
		cmocka_unit_test(futures_are_waited_for),
		cmocka_unit_test(futures_are_cancelled),
		cmocka_unit_test(results_of_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
