/* test_destination: shows what is taken from the health of the host that a
 * paglet is sent to, that a hostile one is refused, and by which of its
 * addresses a host is spoken to.
 *
 * The mesh is a pretended one: it lets the key go to one URL.
 */
/* parts: base/err base/mem base/buf base/map codec/value codec/float codec/json codec/url codec/pickle codec/pickle_build codec/pickle_text codec/pickle_write host/wire host/destination */
/* wrap: pg_mesh_alias pg_mesh_key_for */
#include "codec/json.h"
#include "host/destination.h"
#include "host/mesh.h"

#include <setjmp.h>

#include <cmocka.h>

void __wrap_pg_mesh_alias(struct pg_mesh *m, struct pg_str url,
    struct pg_str address);
struct pg_str __wrap_pg_mesh_key_for(struct pg_mesh *m, struct pg_str url);

static struct pg_arena arena;
static struct pg_host host;
static const char *friend;
static char alias[200];

void
__wrap_pg_mesh_alias(struct pg_mesh *m, struct pg_str url,
    struct pg_str address)
{
	(void)m;
	snprintf(alias, sizeof(alias), "%.*s is %.*s", PG_STR_ARG(url),
	    PG_STR_ARG(address));
}

struct pg_str
__wrap_pg_mesh_key_for(struct pg_mesh *m, struct pg_str url)
{
	(void)m;
	return pg_str_eqz(url, friend) ? host.cfg.api_key : PG_STR_NULL;
}

static int
setup(void **state)
{
	(void)state;
	memset(&host, 0, sizeof(host));
	friend = "";
	alias[0] = '\0';
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	pg_arena_fini(&arena);
	return 0;
}

/* Read a health in an arena of its own, freed before anybody looks at t. */
static int
reads(const char *health, struct pg_destination *t, struct pg_err *e)
{
	struct pg_arena own = { 0 };
	struct pg_value *v;
	struct pg_str text = pg_arena_str(&own, pg_str(health));
	int rc;

	*e = (struct pg_err){ 0 };
	assert_int_equal(pg_json_read(text, &own, &v, NULL), 0);
	rc = pg_destination_read(&host, PG_STR("http://dialled:1"), v, &arena,
	    t, e);
	pg_arena_fini(&own);
	return rc;
}

static void
assert_shown(const struct pg_destination *t, bool full, const char *expected)
{
	struct pg_buf b = PG_BUF_INIT(0);

	pg_json_write(&b, pg_destination_value(t, full, &arena), NULL);
	pg_buf_putc(&b, '\0');
	assert_string_equal(b.p, expected);
	pg_buf_fini(&b);
}

static void
takes_what_it_needs(void **state)
{
	struct pg_destination t;
	struct pg_err e;

	(void)state;
	assert_int_equal(reads("{\"name\": \"beta\", "
	    "\"address\": \" beta:2/ \", \"settle\": true, "
	    "\"code_version\": \"v1\", "
	    "\"capabilities\": [\"gpu\", \"arm\", \"gp\"]}", &t, &e), 0);
	assert_true(t.settles);
	assert_string_equal(alias, "http://dialled:1 is http://beta:2");
	assert_shown(&t, false,
	    "{\"name\": \"beta\", \"address\": \"http://beta:2\"}");
	assert_shown(&t, true,
	    "{\"name\": \"beta\", \"address\": \"http://beta:2\", "
	    "\"code_version\": \"v1\", "
	    "\"capabilities\": [\"arm\", \"gp\", \"gpu\"]}");
}

/* Hosts of the original say nothing of settle. */
static void
settles_only_who_says_so(void **state)
{
	struct pg_destination t;
	struct pg_err e;

	(void)state;
	assert_int_equal(reads("{\"name\": \"b\", \"address\": \"b:1\"}", &t,
	    &e), 0);
	assert_false(t.settles);
	assert_int_equal(reads("{\"name\": \"b\", \"address\": \"b:1\", "
	    "\"settle\": false}", &t, &e), 0);
	assert_false(t.settles);
}

static void
refuses_what_is_hostile(void **state)
{
	static const char *const rows[] = {
		"null", "5", "[]", "{}", "\"http://x\"",
		"{\"name\": \"b\"}",
		"{\"address\": \"b:1\"}",
		"{\"name\": null, \"address\": \"b:1\"}",
		"{\"name\": [\"b\"], \"address\": \"b:1\"}",
		"{\"name\": \"b\", \"address\": 5}",
		"{\"name\": \"b\", \"address\": \"\"}",
		"{\"name\": \"b\", \"address\": \"ftp://b\"}",
		"{\"name\": \"b\", \"address\": \"http://user@b\"}",
		"{\"name\": \"b\", \"address\": \"http://b\\r\\nX: y\"}",
		"{\"name\": \"b\", \"address\": \"b:99999\"}",
		"{\"name\": \"b\", \"address\": \"b:1\", \"settle\": 1}",
		"{\"name\": \"b\", \"address\": \"b:1\", \"settle\": \"no\"}",
	};
	const struct pg_destination before = { .name = PG_STR("before") };
	struct pg_destination t = before;
	struct pg_err e;
	size_t i;

	(void)state;
	for (i = 0; i < PG_COUNT(rows); i++) {
		if (reads(rows[i], &t, &e) == 0)
			fail_msg("%s", rows[i]);
		assert_int_equal(e.code, PG_E_HOST);
		assert_int_equal(strncmp(e.msg, "health: ", 8), 0);
		assert_memory_equal(&t, &before, sizeof(t));
		assert_string_equal(alias, "");
	}
}

/* What is only shown may be of any type. */
static void
shows_what_is_odd_as_null(void **state)
{
	struct pg_destination t;
	struct pg_err e;

	(void)state;
	assert_int_equal(reads("{\"name\": \"b\", \"address\": \"b:1\", "
	    "\"capabilities\": {\"x\": 1}}", &t, &e), 0);
	assert_shown(&t, true, "{\"name\": \"b\", \"address\": \"http://b:1\", "
	    "\"code_version\": null, \"capabilities\": null}");
	assert_int_equal(reads("{\"name\": \"b\", \"address\": \"b:1\", "
	    "\"code_version\": [1], \"capabilities\": "
	    "[\"b\", 5, null, \"a\", [\"c\"]]}", &t, &e), 0);
	assert_non_null(pg_destination_value(&t, true, &arena));
	assert_int_equal(reads("{\"name\": \"b\", \"address\": \"b:1\", "
	    "\"capabilities\": []}", &t, &e), 0);
	assert_shown(&t, true, "{\"name\": \"b\", \"address\": \"http://b:1\", "
	    "\"code_version\": null, \"capabilities\": []}");
	/* A host that was not asked. */
	t.health = NULL;
	assert_shown(&t, true, "{\"name\": \"b\", \"address\": \"http://b:1\", "
	    "\"code_version\": null, \"capabilities\": null}");
}

static void
goes_where_the_key_may_go(void **state)
{
	const char *health = "{\"name\": \"b\", \"address\": \"inside:1\"}";
	struct pg_destination t;
	struct pg_err e;

	(void)state;
	assert_int_equal(reads(health, &t, &e), 0);
	assert_true(pg_str_eqz(t.address, "http://inside:1"));
	host.cfg.api_key = PG_STR("secret");
	assert_int_equal(reads(health, &t, &e), 0);
	assert_true(pg_str_eqz(t.address, "http://dialled:1"));
	friend = "http://inside:1";
	assert_int_equal(reads(health, &t, &e), 0);
	assert_true(pg_str_eqz(t.address, "http://inside:1"));
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(takes_what_it_needs),
		T(settles_only_who_says_so),
		T(refuses_what_is_hostile),
		T(shows_what_is_odd_as_null),
		T(goes_where_the_key_may_go),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
