/* test_url: URLs, targets and query strings split as peers mean them, whatever
 * could be read in two ways is refused, and no byte past the end is read.
 */
/* parts: base/err base/mem codec/url */
#include "codec/url.h"

#include "guard.h"

#include <setjmp.h>

#include <cmocka.h>

static bool
same(struct pg_str s, const char *z)
{
	bool ok = pg_str_eqz(s, z);

	if (!ok)
		print_error("got \"%.*s\", not \"%s\"\n", PG_STR_ARG(s), z);
	return ok;
}

/* ---- absolute URLs ---------------------------------------------------- */

static void
urls_are_split(void **state)
{
	static const struct {
		const char *text, *scheme, *host;
		uint16_t port;
		const char *path;
		bool v6;
	} t[] = {
		{ "http://h", "http", "h", 80, "", false },
		{ "http://h/", "http", "h", 80, "/", false },
		{ "http://h:/x", "http", "h", 80, "/x", false },
		{ "HTTP://10.0.0.1:8765", "HTTP", "10.0.0.1", 8765, "", false },
		{ "https://gw.example/pag", "https", "gw.example", 443, "/pag",
		    false },
		{ "http://a-b_c~d:1/p?q=/&r=:@", "http", "a-b_c~d", 1,
		    "/p?q=/&r=:@", false },
		{ "http://h:65535//x", "http", "h", 65535, "//x", false },
		{ "http://h:0080", "http", "h", 80, "", false },
		{ "http://[::1]", "http", "::1", 80, "", true },
		{ "http://[fe80::1:2.3.4.5]:81/x", "http", "fe80::1:2.3.4.5",
		    81, "/x", true },
	};
	struct guard g = guard_open(PG_URL_MAX);

	(void)state;
	for (size_t i = 0; i < PG_COUNT(t); i++) {
		struct pg_str text = guard_put(&g, pg_str(t[i].text));
		struct pg_err e = { 0 };
		struct pg_url u;

		assert_int_equal(pg_url_parse(text, &u, &e), 0);
		assert_true(same(u.scheme, t[i].scheme));
		assert_true(same(u.host, t[i].host));
		assert_int_equal(u.port, t[i].port);
		assert_true(same(u.path, t[i].path));
		assert_int_equal(u.v6, t[i].v6);
	}
	guard_close(&g);
}

static void
bad_urls_are_refused(void **state)
{
	static const char *const t[] = {
		"", "h", "h:80", "/", "//h", "http", "http:", "http:/",
		"http://", "http:///x", "http:/h", "ftp://h", "httpx://h",
		"http://:80", "http://h:0", "http://h:65536", "http://h:x",
		"http://h:-1", "http://h:+1", "http://h:99999999999999999999",
		"http://h:80:90", "http://u@h", "http://u:p@h/", "http://h?x",
		"http://h#x", "http://h/#x", "http://h /", " http://h",
		"http://h/a b", "http://h/\t", "http://h/\r\n", "http://h/\x7f",
		"http://h\xc3\xa9", "http://h/\xc3\xa9", "http://h%41/",
		"http://h,i", "http://h\\i", "http://[::1", "http://[]",
		"http://[::1]x", "http://[::1]80", "http://[g::1]",
		"http://[fe80::1%25eth0]", "http://::1", "http://a]",
	};
	struct guard g = guard_open(PG_URL_MAX);

	(void)state;
	for (size_t i = 0; i < PG_COUNT(t); i++) {
		struct pg_str text = guard_put(&g, pg_str(t[i]));
		struct pg_err e = { 0 };
		struct pg_url u;

		if (pg_url_parse(text, &u, &e) == 0)
			fail_msg("accepted: %s", t[i]);
		assert_int_equal(e.code, PG_E_HOST);
	}
	guard_close(&g);
}

static void
ipv6_without_brackets_is_named(void **state)
{
	static const char *const t[] = { "http://::1", "http://fd00::1/x",
		"http://::1:8765" };
	struct pg_err e;
	struct pg_url u;
	size_t i;

	(void)state;
	for (i = 0; i < PG_COUNT(t); i++) {
		e = (struct pg_err){ 0 };
		assert_int_equal(pg_url_parse(pg_str(t[i]), &u, &e), -1);
		assert_non_null(strstr(e.msg, "without brackets"));
	}
}

static void
user_info_is_not_quoted(void **state)
{
	struct pg_err e = { 0 };
	struct pg_url u;

	(void)state;
	assert_int_equal(pg_url_parse(PG_STR("http://u:hunter2@h/"), &u, &e),
	    -1);
	assert_null(strstr(e.msg, "hunter2"));
}

static void
nul_is_no_end(void **state)
{
	struct pg_arena a = { 0 };
	struct pg_err e = { 0 };
	struct pg_str out = PG_STR("old"), q;
	struct pg_url u;

	(void)state;
	assert_int_equal(pg_url_parse(PG_STR("http://h\0x"), &u, &e), -1);
	assert_int_equal(pg_url_normalise(&a, PG_STR("h\0x"), &out, &e), -1);
	assert_true(same(out, "old"));
	assert_int_equal(pg_target_split(PG_STR("/a\0b"), &out, &q, &e), -1);
	pg_arena_fini(&a);
}

static void
url_length_is_limited(void **state)
{
	static char text[PG_URL_MAX + 1];
	struct pg_arena a = { 0 };
	struct pg_str out;
	struct pg_url u;

	(void)state;
	memset(text, 'a', sizeof(text));
	memcpy(text, "http://", 7);
	for (size_t n = PG_URL_MAX - 1; n <= PG_URL_MAX + 1; n++) {
		struct pg_err e = { 0 };
		struct pg_str s = { text, n };
		int want = n <= PG_URL_MAX ? 0 : -1;

		assert_int_equal(pg_url_parse(s, &u, &e), want);
		assert_int_equal(pg_url_normalise(&a, s, &out, &e), want);
		assert_int_equal(e.code, want == 0 ? PG_E_OK : PG_E_HOST);
	}
	pg_arena_fini(&a);
}

static void
urls_are_normalised(void **state)
{
	static const char *const t[][2] = {
		{ "h", "http://h" },
		{ "127.0.0.1:8765", "http://127.0.0.1:8765" },
		{ "  http://h/ \r\n", "http://h" },
		{ "http://h///", "http://h" },
		{ "https://gw.example/pag/", "https://gw.example/pag" },
		{ "[::1]:80/", "http://[::1]:80" },
		{ "h/x/?y=1", "http://h/x/?y=1" },
	};
	static const char *const bad[] = { "", " ", "/", "///", "http://",
		"http:///", "ftp://h", "a b", "u@h", "://h" };
	struct pg_arena a = { 0 };
	struct pg_err e = { 0 };
	struct pg_str out;

	(void)state;
	for (size_t i = 0; i < PG_COUNT(t); i++) {
		assert_int_equal(pg_url_normalise(&a, pg_str(t[i][0]), &out,
		    &e), 0);
		assert_true(same(out, t[i][1]));
	}
	for (size_t i = 0; i < PG_COUNT(bad); i++) {
		e.code = PG_E_OK;
		assert_int_equal(pg_url_normalise(&a, pg_str(bad[i]), &out,
		    &e), -1);
		assert_int_equal(e.code, PG_E_HOST);
	}
	pg_arena_fini(&a);
}

/* ---- targets and paths ------------------------------------------------ */

static void
targets_are_split(void **state)
{
	static const char *const t[][3] = {
		{ "/", "/", "" },
		{ "/health", "/health", "" },
		{ "//health/?x=1", "//health/", "x=1" },
		{ "/a?", "/a", "" },
		{ "/a?b?c", "/a", "b?c" },
		{ "/a%20b", "/a%20b", "" },
		{ "http://whatever/health", "/health", "" },
		{ "http://whatever", "/", "" },
		{ "http://h:80?a=b", "/", "a=b" },
		{ "HTTPS://[::1]:9/x/?y", "/x/", "y" },
	};
	static const char *const bad[] = { "", "*", "health", "h:80", "?a",
		"ftp://h/", "http:///x", "http://u@h/", "http://h:x/",
		"/a#b", "/a b", "/\x7f", "/\xc3\xa9", "http://" };
	struct guard g = guard_open(64);
	struct pg_str path, query;

	(void)state;
	for (size_t i = 0; i < PG_COUNT(t); i++) {
		struct pg_err e = { 0 };

		assert_int_equal(pg_target_split(guard_put(&g,
		    pg_str(t[i][0])), &path, &query, &e), 0);
		assert_true(same(path, t[i][1]));
		assert_true(same(query, t[i][2]));
	}
	for (size_t i = 0; i < PG_COUNT(bad); i++) {
		struct pg_err e = { 0 };

		if (pg_target_split(guard_put(&g, pg_str(bad[i])), &path,
		    &query, &e) == 0)
			fail_msg("accepted: %s", bad[i]);
		assert_int_equal(e.code, PG_E_HOST);
	}
	guard_close(&g);
}

static void
path_segments_come_undecoded(void **state)
{
	struct pg_str rest = PG_STR("//agents/%41//..//"), s;

	(void)state;
	assert_true(pg_path_next(&rest, &s) && same(s, "agents"));
	assert_true(pg_path_next(&rest, &s) && same(s, "%41"));
	assert_true(pg_path_next(&rest, &s) && same(s, ".."));
	assert_false(pg_path_next(&rest, &s));
	assert_false(pg_path_next(&rest, &s));
	rest = PG_STR("a\0b/c");
	assert_true(pg_path_next(&rest, &s));
	assert_true(pg_str_eq(s, PG_STR("a\0b")));
	rest = PG_STR_NULL;
	assert_false(pg_path_next(&rest, &s));
}

/* ---- queries and escapes ---------------------------------------------- */

/* As parse_qs of Python reads them; NULL: absent. */
static void
query_values_are_found(void **state)
{
	static const char *const t[][3] = {
		{ "a=1", "a", "1" },
		{ "a=1&a=2", "a", "1" },
		{ "a=&a=2", "a", "2" },
		{ "b=1&a=2", "a", "2" },
		{ "&&a=1&", "a", "1" },
		{ "a=x=y", "a", "x=y" },
		{ "a=x+y%2Bz%c3%A9", "a", "x y+z\xc3\xa9" },
		{ "%61=1", "a", "1" },
		{ "a+b=1", "a b", "1" },
		{ "a=%zz%4", "a", "%zz%4" },
		{ "a=%zz%41", "a", "%zzA" },
		{ "=1", "a", NULL },
		{ "a", "a", NULL },
		{ "a=", "a", NULL },
		{ "A=1", "a", NULL },
		{ "ab=1", "a", NULL },
		{ "b=1;a=2", "a", NULL },
		{ "", "a", NULL },
	};
	struct guard g = guard_open(64);
	struct pg_arena a = { 0 };

	(void)state;
	for (size_t i = 0; i < PG_COUNT(t); i++) {
		struct pg_str q = guard_put(&g, pg_str(t[i][0])), v;
		bool found = pg_query_get(&a, q, t[i][1], &v);

		assert_int_equal(found, t[i][2] != NULL);
		assert_true(!found || same(v, t[i][2]));
	}
	pg_arena_fini(&a);
	guard_close(&g);
}

static void
escapes_are_decoded(void **state)
{
	static const struct {
		const char *in, *out;
		bool ok;
	} t[] = {
		{ "", "", true },
		{ "plain+plus", "plain+plus", true },
		{ "%41%2f%7E", "A/~", true },
		{ "%", "%", false },
		{ "%4", "%4", false },
		{ "a%4", "a%4", false },
		{ "%4g", "%4g", false },
		{ "%41%g4", "%41%g4", false },
	};
	struct guard g = guard_open(64);
	struct pg_arena a = { 0 };
	bool ok;

	(void)state;
	for (size_t i = 0; i < PG_COUNT(t); i++) {
		struct pg_str in = guard_put(&g, pg_str(t[i].in));

		assert_true(same(pg_percent_decode(&a, in, &ok), t[i].out));
		assert_int_equal(ok, t[i].ok);
		assert_true(same(pg_percent_decode(&a, in, NULL), t[i].out));
	}
	pg_arena_fini(&a);
	guard_close(&g);
}

static void
every_byte_survives_encoding(void **state)
{
	struct pg_arena a = { 0 };
	struct pg_str all, coded;
	char bytes[256];
	bool ok;

	(void)state;
	for (int i = 0; i < 256; i++)
		bytes[i] = (char)i;
	all = (struct pg_str){ bytes, sizeof(bytes) };
	coded = pg_percent_encode(&a, all);
	assert_int_equal(coded.n, 66 + 190 * 3);
	assert_true(pg_str_eq(pg_percent_decode(&a, coded, &ok), all));
	assert_true(ok);
	assert_true(same(pg_percent_encode(&a, PG_STR("a b/\xe9~")),
	    "a%20b%2F%E9~"));
	assert_int_equal(pg_percent_encode(&a, PG_STR_NULL).n, 0);
	pg_arena_fini(&a);
}

static void
full_arena_fails_cleanly(void **state)
{
	struct pg_arena a;
	struct pg_err e = { 0 };
	struct pg_str out;
	bool ok;

	(void)state;
	pg_arena_init(&a, 1);
	assert_int_equal(pg_url_normalise(&a, PG_STR("h"), &out, &e), -1);
	assert_int_equal(e.code, PG_E_LIMIT);
	assert_false(pg_query_get(&a, PG_STR("a=%41"), "a", &out));
	assert_null(pg_percent_encode(&a, PG_STR("a")).p);
	assert_true(same(pg_percent_decode(&a, PG_STR("%41"), &ok), "%41"));
	assert_false(ok);
	pg_arena_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(urls_are_split),
		cmocka_unit_test(bad_urls_are_refused),
		cmocka_unit_test(ipv6_without_brackets_is_named),
		cmocka_unit_test(user_info_is_not_quoted),
		cmocka_unit_test(nul_is_no_end),
		cmocka_unit_test(url_length_is_limited),
		cmocka_unit_test(urls_are_normalised),
		cmocka_unit_test(targets_are_split),
		cmocka_unit_test(path_segments_come_undecoded),
		cmocka_unit_test(query_values_are_found),
		cmocka_unit_test(escapes_are_decoded),
		cmocka_unit_test(every_byte_survives_encoding),
		cmocka_unit_test(full_arena_fails_cleanly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
