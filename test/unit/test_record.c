/* test_record: shows that what is put together as a record is read back the
 * same, that nothing else is a record, and the limits of keys and records.
 */
/* parts: base/err base/mem base/buf base/map codec/float codec/value codec/json state/journal state/record */
#include "state/record.h"

#include <setjmp.h>

#include <cmocka.h>

static struct pg_buf text;

static int
teardown(void **state)
{
	(void)state;
	pg_buf_fini(&text);
	return 0;
}

static void
write_text(struct pg_change *ch)
{
	struct pg_err e = { 0 };

	pg_buf_reset(&text);
	assert_int_equal(pg_change_text(ch, &text, &e), 0);
	pg_change_fini(ch);
}

static void
assert_step(struct pg_record *r, enum pg_record_step step, const char *key,
    const char *json)
{
	struct pg_str k, v;

	assert_int_equal(pg_record_next(r, &k, &v), step);
	if (key != NULL)
		assert_true(pg_str_eqz(k, key));
	if (json != NULL)
		assert_true(pg_str_eqz(v, json));
}

static void
test_round_trip(void **state)
{
	struct pg_change ch = { .wrong = NULL };
	struct pg_record r;

	(void)state;
	pg_change_put(&ch, PG_STR("a"), PG_STR("{\"x\": [1, 2]}"));
	pg_change_put(&ch, PG_STR("q\"\\\n\xc3\xa9"), PG_STR("\"}, \\\"\""));
	pg_change_del(&ch, PG_STR("b"));
	pg_change_del(&ch, PG_STR("c"));
	write_text(&ch);
	assert_true(pg_str_eqz(pg_buf_str(&text), "{\"put\": {\"a\": {\"x\": "
	    "[1, 2]}, \"q\\\"\\\\\\n\\u00e9\": \"}, \\\"\"}, \"del\": [\"b\", "
	    "\"c\"]}"));
	pg_record_start(&r, pg_buf_str(&text));
	assert_step(&r, PG_RECORD_PUT, "a", "{\"x\": [1, 2]}");
	assert_step(&r, PG_RECORD_PUT, "q\"\\\n\xc3\xa9", "\"}, \\\"\"");
	assert_step(&r, PG_RECORD_DEL, "b", NULL);
	assert_step(&r, PG_RECORD_DEL, "c", NULL);
	assert_step(&r, PG_RECORD_END, NULL, NULL);

	pg_change_del(&ch, PG_STR("b"));
	write_text(&ch);
	assert_true(pg_str_eqz(pg_buf_str(&text), "{\"del\": [\"b\"]}"));
	assert_true(pg_record_ok(pg_buf_str(&text)));
	/* Nothing is a record too. */
	write_text(&ch);
	assert_true(pg_str_eqz(pg_buf_str(&text), "{}"));
	assert_true(pg_record_ok(pg_buf_str(&text)));
}

static void
test_not_records(void **state)
{
	static const char good[] = "{\"put\": {\"a\": [\"x\"], \"b\": 1}, "
	    "\"del\": [\"c\", \"d\"]}";
	static const char *const bad[] = { "", "{", "{} ", "[]", "{\"put\": {}}",
		"{\"del\": []}", "{\"put\":{\"a\": 1}}", "{\"put\": {\"a\": }}",
		"{\"put\": {\"\": 1}}", "{\"put\": {1: 1}}",
		"{\"put\": {\"a\": 1}, \"del\": [\"b\"}}",
		"{\"del\": [\"b\"], \"put\": {\"a\": 1}}",
		"{\"del\": [\"b\", 1]}", "{\"del\": [\"\\ud80z\"]}",
		"{\"del\": [\"\xff\"]}", "{\"put\": {\"a\": 1]}",
		"{\"put\": {\"a\": \"}}", "{\"put\": {\"a\": {}}",
		"{\"put\": {\"a\": 1}, {\"b\": 2}}" };
	size_t i;

	(void)state;
	assert_true(pg_record_ok(pg_str(good)));
	for (i = 0; i < sizeof(good) - 1; i++)
		assert_false(pg_record_ok((struct pg_str){ good, i }));
	for (i = 0; i < PG_COUNT(bad); i++)
		assert_false(pg_record_ok(pg_str(bad[i])));
}

/* pg_change_text refuses what was given, with code and word. */
static void
assert_refused(struct pg_change *ch, enum pg_code code, const char *says)
{
	struct pg_err e = { 0 };

	pg_buf_reset(&text);
	pg_buf_putz(&text, "before");
	assert_int_equal(pg_change_text(ch, &text, &e), -1);
	assert_int_equal(e.code, code);
	assert_non_null(strstr(e.msg, says));
	assert_true(pg_str_eqz(pg_buf_str(&text), "before"));
	pg_change_fini(ch);
}

/* No value gets out of its place, whatever it is made of. */
static void
test_values(void **state)
{
	static const char *const bad[] = { "", "1}", "1, \"b\": 2", "{", "[}]]",
		"\"", "\"\\\"", "1\n", "1}, \"del\": [\"b\"], \"x\": {" };
	struct pg_change ch = { .wrong = NULL };
	size_t i;

	(void)state;
	for (i = 0; i < PG_COUNT(bad); i++) {
		pg_change_put(&ch, PG_STR("a"), pg_str(bad[i]));
		assert_refused(&ch, PG_E_HOST, "value");
	}
}

static void
test_keys(void **state)
{
	struct pg_change ch = { .wrong = NULL };
	char key[PG_RECORD_KEY_MAX + 1];
	struct pg_record r;
	struct pg_str k, v;

	(void)state;
	/* The longest, all of it escaped. */
	memset(key, 1, sizeof(key));
	pg_change_put(&ch, (struct pg_str){ key, PG_RECORD_KEY_MAX },
	    PG_STR("1"));
	write_text(&ch);
	pg_record_start(&r, pg_buf_str(&text));
	assert_int_equal(pg_record_next(&r, &k, &v), PG_RECORD_PUT);
	assert_int_equal(k.n, PG_RECORD_KEY_MAX);
	assert_memory_equal(k.p, key, k.n);

	pg_change_del(&ch, (struct pg_str){ key, PG_RECORD_KEY_MAX + 1 });
	assert_refused(&ch, PG_E_HOST, "key");
	pg_change_put(&ch, PG_STR_NULL, PG_STR("1"));
	assert_refused(&ch, PG_E_HOST, "key");
	pg_change_del(&ch, PG_STR("\xc3"));
	assert_refused(&ch, PG_E_HOST, "key");
	/* A lone surrogate would not come back as it went. */
	pg_change_del(&ch, PG_STR("\xed\xa0\x80"));
	assert_refused(&ch, PG_E_HOST, "key");
}

static void
test_record_limit(void **state)
{
	/* {"put": {"a": "..."}} */
	size_t n = PG_JOURNAL_LINE_MAX - 16, i;
	char *json = malloc(PG_JOURNAL_LINE_MAX + 1);

	(void)state;
	memset(json, 'x', PG_JOURNAL_LINE_MAX + 1);
	json[0] = '"';
	for (i = 0; i < 3; i++) {
		struct pg_change ch = { .wrong = NULL };
		size_t len = n - 1 + i;

		json[len - 1] = '"';
		pg_change_put(&ch, PG_STR("a"), (struct pg_str){ json, len });
		json[len - 1] = 'x';
		if (i == 2) {
			assert_refused(&ch, PG_E_LIMIT, "record");
			break;
		}
		write_text(&ch);
		assert_int_equal(text.n, PG_JOURNAL_LINE_MAX - 1 + i);
	}
	free(json);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_round_trip, teardown),
		cmocka_unit_test_teardown(test_not_records, teardown),
		cmocka_unit_test_teardown(test_values, teardown),
		cmocka_unit_test_teardown(test_keys, teardown),
		cmocka_unit_test_teardown(test_record_limit, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
