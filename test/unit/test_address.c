/* test_address: shows how agents and hosts may be written, and what is none.
 */
/* parts: base/err base/mem codec/url client/address */
#include "client/address.h"

#include <setjmp.h>

#include <cmocka.h>

static bool
same(struct pg_str s, const char *z)
{
	return z == NULL ? s.n == 0 : pg_str_eqz(s, z);
}

static void
agents_have_addresses(void **state)
{
	static const struct { const char *text, *host, *id; } t[] = {
		{ "ab12", NULL, "ab12" },
		{ "alpha/ab12", "alpha", "ab12" },
		{ "h:8765/ab", "h:8765", "ab" },
		{ "../x", "..", "x" },
		{ "http://h:1/agents/ab", "http://h:1", "ab" },
		{ "https://gw/pag/agents/ab", "https://gw/pag", "ab" },
		{ "http://[::1]:1/agents/a.b", "http://[::1]:1", "a.b" },
		{ "http://h/agents/agents/a", "http://h/agents", "a" },
		{ "http://h:1/ab", "http://h:1", "ab" },
		{ "http://gw/pag/ab", "http://gw/pag", "ab" },
	};
	static const char *const bad[] = { "", "/", "/x", "alpha/",
		"http://h", "http://h/", "http://h/agents/", "http://h/agents",
		"ftp://h/agents/x", "http:///agents/x", "/agents/x/" };
	struct pg_address at;
	struct pg_err e = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < PG_COUNT(t); i++) {
		assert_int_equal(pg_address_read(pg_str(t[i].text), &at, &e),
		    0);
		assert_true(same(at.host, t[i].host));
		assert_true(same(at.id, t[i].id));
	}
	for (i = 0; i < PG_COUNT(bad); i++) {
		at.id = PG_STR("kept");
		assert_int_equal(pg_address_read(pg_str(bad[i]), &at, &e), -1);
		assert_true(strstr(e.msg, "names no agent") != NULL);
		assert_true(same(at.id, "kept"));
	}
}

static void
urls_are_no_names(void **state)
{
	(void)state;
	assert_true(pg_address_is_url(PG_STR("http://h")));
	assert_true(pg_address_is_url(PG_STR("h:80")));
	assert_true(pg_address_is_url(PG_STR("[::1]:80")));
	assert_false(pg_address_is_url(PG_STR("alpha")));
	assert_false(pg_address_is_url(PG_STR("a:b")));
	assert_false(pg_address_is_url(PG_STR("a.b")));
	assert_false(pg_address_is_url(PG_STR("")));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(agents_have_addresses),
		cmocka_unit_test(urls_are_no_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
