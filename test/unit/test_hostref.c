/* test_hostref: shows that references are normalised, that each of their
 * fields has its limit and all together have one, and that what is malformed
 * is refused by name.
 */
/* parts: base/err base/mem base/buf base/map base/log base/clock codec/value codec/float codec/json codec/url os/sock host/hostref */
#include "base/clock.h"
#include "codec/json.h"
#include "host/hostref.h"

#include <setjmp.h>

#include <cmocka.h>

#define REF "{\"name\": \"x\", \"code_version\": \"v1\", "

static struct pg_arena arena;

static int
teardown(void **state)
{
	(void)state;
	pg_clock_fake(0, 0);
	pg_arena_fini(&arena);
	return 0;
}

static struct pg_value *
read_json(const char *text)
{
	struct pg_value *v = NULL;

	assert_int_equal(pg_json_read(pg_str(text), &arena, &v, NULL), 0);
	return v;
}

static struct pg_hostref
reads(const char *text)
{
	struct pg_hostref ref;
	struct pg_err e = { 0 };

	if (pg_hostref_read(read_json(text), &arena, &ref, &e) < 0)
		fail_msg("%s: %s", text, e.msg);
	return ref;
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
		{ REF "\"url\": \"h:1\", \"boot\": 1}",
		    "field 'boot' must be str, not int" },
		{ REF "\"url\": \"h:1\", \"boot\": \"a\\u0000\", "
		    "\"beat\": 1}", "field 'boot' must be printable" },
		{ REF "\"url\": \"h:1\", \"boot\": \"b\", "
		    "\"beat\": 1.5}", "field 'beat' must be int, not float" },
		{ REF "\"url\": \"h:1\", \"suspect\": \"1\"}",
		    "field 'suspect' must be int, not str" },
		{ REF "\"url\": \"h:1\", \"sig\": 5}",
		    "field 'sig' must be str, not int" },
		{ REF "\"url\": \"h:1\", \"online\": 1}",
		    "field 'online' must be bool, not int" },
	};
	struct pg_hostref ref;
	size_t i;

	(void)state;
	for (i = 0; i < PG_COUNT(rows); i++) {
		struct pg_err e = { 0 };

		assert_int_equal(pg_hostref_read(read_json(rows[i].in),
		    &arena, &ref, &e), -1);
		assert_int_equal(e.code, PG_E_HOST);
		assert_string_equal(e.msg, rows[i].error);
	}
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


/* The signature has one length; beats have a range. */
static void
limits_signatures_and_beats(void **state)
{
	static const struct { int64_t at; int rc; } rows[] = {
		{ -1, -1 }, { 0, 0 }, { 1, 0 }, { PG_HOSTREF_BEAT_MAX - 1, 0 },
		{ PG_HOSTREF_BEAT_MAX, 0 }, { PG_HOSTREF_BEAT_MAX + 1, -1 },
		{ INT64_MAX, -1 }, { INT64_MIN, -1 },
	};
	static const char *const fields[] = { "beat", "suspect" };
	struct pg_hostref ref;
	struct pg_value *v;
	struct pg_err e;
	size_t i, j, n;

	(void)state;
	for (n = 0; n <= PG_HOSTREF_SIG_LEN + 1; n++) {
		v = with_length("sig", n);
		e = (struct pg_err){ 0 };
		assert_int_equal(pg_hostref_read(v, &arena, &ref, &e),
		    n == 0 || n == PG_HOSTREF_SIG_LEN ? 0 : -1);
	}
	assert_string_equal(e.msg, "field 'sig' is not 64 characters long");
	for (j = 0; j < PG_COUNT(fields); j++)
		for (i = 0; i < PG_COUNT(rows); i++) {
			v = with_length("name", 1);
			pg_value_set(&arena, v, pg_str(fields[j]),
			    pg_value_int(&arena, rows[i].at));
			assert_int_equal(pg_hostref_read(v, &arena, &ref,
			    &e), rows[i].rc);
		}
	assert_string_equal(e.msg, "fields 'beat' and 'suspect' must be from "
	    "0 to 4611686018427387904");
}

static void
boot_and_beat_go_together(void **state)
{
	struct pg_hostref ref;

	(void)state;
	ref = reads(REF "\"url\": \"h\", \"boot\": \"b\", \"beat\": 7, "
	    "\"suspect\": 9}");
	assert_true(pg_str_eqz(ref.boot, "b"));
	assert_int_equal(ref.beat, 7);
	assert_int_equal(ref.doubt, 9);
	ref = reads(REF "\"url\": \"h\", \"boot\": \"b\", "
	    "\"suspect\": 9}");
	assert_int_equal(ref.boot.n, 0);
	assert_int_equal(ref.doubt, 0);
	ref = reads(REF "\"url\": \"h\", \"beat\": 7, \"suspect\": 9, "
	    "\"boot\": null}");
	assert_int_equal(ref.boot.n, 0);
	assert_int_equal(ref.beat, 0);
	assert_int_equal(ref.doubt, 0);
}

/* Older hosts and Python ones leave much out. */
static void
fills_in_what_is_missing(void **state)
{
	struct pg_hostref ref;

	(void)state;
	pg_clock_fake(1, 5 * PG_SEC);
	ref = reads(REF "\"address\": \" h:1/ \", \"url\": null}");
	assert_true(pg_str_eqz(ref.url, "http://h:1"));
	assert_true(ref.online);
	assert_true(ref.seen == 5 * PG_SEC);
	assert_int_equal(ref.tags->n, 0);
	assert_int_equal(ref.properties->n, 0);
	assert_int_equal(ref.active, 0);
	assert_int_equal(ref.error.n, 0);
	assert_int_equal(ref.sig.n, 0);
	ref = reads(REF "\"url\": \"a\", \"address\": \"b\", "
	    "\"last_seen\": 1e300, \"tags\": [\" B \", \"a\", \"b\", "
	    "\"\", null, 1.0, false]}");
	assert_true(pg_str_eqz(ref.url, "http://a"));
	assert_true(ref.seen == INT64_MAX);
	assert_int_equal(ref.tags->n, 5); /* 1.0 a b false none */
	reads(REF "\"url\": \"a\", \"last_seen\": NaN}");
}

static void
orders_by_characters(void **state)
{
	(void)state;
	assert_true(pg_hostref_compare(PG_STR("a"), PG_STR("b")) < 0);
	assert_true(pg_hostref_compare(PG_STR("b"), PG_STR("ab")) > 0);
	assert_true(pg_hostref_compare(PG_STR("a"), PG_STR("aa")) < 0);
	assert_true(pg_hostref_compare(PG_STR(""), PG_STR("a")) < 0);
	assert_int_equal(pg_hostref_compare(PG_STR("a"), PG_STR("a")), 0);
	assert_int_equal(pg_hostref_compare(PG_STR_NULL, PG_STR("")), 0);
	assert_true(pg_hostref_compare(PG_STR("\xc3\xa4"), PG_STR("z")) > 0);
}

int
main(void)
{
#define T(f) cmocka_unit_test_teardown(f, teardown)
	const struct CMUnitTest tests[] = {
		T(refuses_what_is_malformed),
		T(limits_references),
		T(limits_whole_references),
		T(limits_signatures_and_beats),
		T(boot_and_beat_go_together),
		T(fills_in_what_is_missing),
		T(orders_by_characters),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
