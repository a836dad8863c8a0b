/* test_json: the corpus in test/data/json is read or refused as its names
 * say, never past its end; what was read is written as Python writes it and
 * reads back equal; errors name cause and byte; depth, digits and memory are
 * limited; every failed allocation is reported and leaks nothing.
 */
/* parts: base/err base/mem base/buf base/map codec/float codec/value codec/json */
#include "codec/json.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <unistd.h>

#include <cmocka.h>

#include "guard.h"

#define DATA "test/data/json"
#define FILE_MAX ((size_t)1 << 20)

/* Read text into a, or fail the test. */
static struct pg_value *
read_text(struct pg_arena *a, struct pg_str text)
{
	struct pg_err e = { .code = PG_E_OK };
	struct pg_value *v = NULL;

	if (pg_json_read(text, a, &v, &e) < 0)
		fail_msg("%s", e.msg);
	return v;
}

/* The error that reading text gives. */
static struct pg_err
read_error(struct pg_str text)
{
	struct pg_err e = { .code = PG_E_OK };
	struct pg_value *v = NULL;
	struct pg_arena a;

	pg_arena_init(&a, 0);
	assert_int_equal(pg_json_read(text, &a, &v, &e), -1);
	assert_null(v);
	pg_arena_fini(&a);
	return e;
}

/* Read text, write it, and expect `want`. */
static void
check_rewrite(struct pg_str text, struct pg_str want, bool pretty)
{
	struct pg_buf b = PG_BUF_INIT(0);
	struct pg_arena a;
	struct pg_value *v;

	pg_arena_init(&a, 0);
	v = read_text(&a, text);
	assert_int_equal(pretty ? pg_json_write_pretty(&b, v, NULL) :
	    pg_json_write(&b, v, NULL), 0);
	if (!pg_str_eq(pg_buf_str(&b), want))
		fail_msg("wrote %.*s", PG_STR_ARG(pg_buf_str(&b)));
	pg_buf_fini(&b);
	pg_arena_fini(&a);
}

/* --- The corpus ----------------------------------------------------------- */

/* Whatever was read must survive both ways of writing. */
static void
check_round_trip(const struct pg_value *v, bool pretty)
{
	struct pg_buf b = PG_BUF_INIT(0);
	struct pg_arena a;

	pg_arena_init(&a, 0);
	assert_int_equal(pretty ? pg_json_write_pretty(&b, v, NULL) :
	    pg_json_write(&b, v, NULL), 0);
	assert_true(pg_value_eq(v, read_text(&a, pg_buf_str(&b))));
	pg_arena_fini(&a);
	pg_buf_fini(&b);
}

static void
check_file(const char *name, struct pg_str text)
{
	struct pg_err e = { .code = PG_E_OK };
	struct pg_value *v = NULL;
	struct pg_arena a;
	int rc;

	pg_arena_init(&a, 0);
	rc = pg_json_read(text, &a, &v, &e);
	if ((rc == 0) != (name[0] == 'y'))
		fail_msg("%s: %s", name, rc == 0 ? "was accepted" : e.msg);
	if (rc == 0) {
		check_round_trip(v, false);
		check_round_trip(v, true);
	} else {
		assert_non_null(strstr(e.msg, "JSON"));
		assert_true(e.at <= text.n);
	}
	pg_arena_fini(&a);
	/* What peers have sent is written as they wrote it. */
	if (strncmp(name, "y_wire_", 7) == 0)
		check_rewrite(text, text, false);
}

static void
corpus_is_read_as_named(void **state)
{
	struct guard g = guard_open(FILE_MAX);
	char *text = pg_alloc(FILE_MAX);
	DIR *d = opendir(DATA);
	struct dirent *entry;
	int files = 0, fd;
	ssize_t n;

	(void)state;
	assert_non_null(d);
	while ((entry = readdir(d)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		fd = openat(dirfd(d), entry->d_name, O_RDONLY | O_CLOEXEC);
		assert_true(fd >= 0);
		n = read(fd, text, FILE_MAX);
		assert_true(n >= 0);
		close(fd);
		check_file(entry->d_name,
		    guard_put(&g, (struct pg_str){ text, (size_t)n }));
		files++;
	}
	assert_true(files > 100);
	closedir(d);
	free(text);
	guard_close(&g);
}

/* --- Errors --------------------------------------------------------------- */

static void
errors_name_cause_and_byte(void **state)
{
	static const struct {
		const char *text, *msg;
	} t[] = {
		{ "", "input ends, expected a value at byte 0" },
		{ " x", "expected a value at byte 1" },
		{ "[1,]", "expected a value at byte 3" },
		{ "{\"a\": 1 \"b\": 2}", "expected ',' or '}' at byte 8" },
		{ "{\"a\": 1", "input ends, expected ',' or '}' at byte 7" },
		{ "[1 2]", "expected ',' or ']' at byte 3" },
		{ "{\"a\": 1,}", "expected a key at byte 8" },
		{ "{1: 1}", "expected a key at byte 1" },
		{ "{\"a\" 1}", "expected ':' at byte 5" },
		{ "1 2", "more text after the value at byte 2" },
		{ "[\"abc", "unterminated string at byte 1" },
		{ "\"abc\\", "unterminated string at byte 0" },
		{ "\"0123456789\n\"", "control character in string at byte 11" },
		{ "\"ab\\x\"", "invalid escape in string at byte 3" },
		{ "\"ab\\u12x4\"", "invalid \\u escape in string at byte 3" },
		{ "\"\\\xc3\xa9\"", "invalid escape in string at byte 1" },
		{ "\"abc\xff\"", "invalid UTF-8 in string at byte 4" },
		{ "\"abc\xed\xa0\x80\"", "invalid UTF-8 in string at byte 4" },
		{ "[-]", "expected a digit after '-' at byte 2" },
		{ "[01]", "number with a leading zero at byte 1" },
		{ "[1.]", "expected a digit after '.' at byte 3" },
		{ "[1e+]", "expected an exponent at byte 4" },
	};
	struct pg_value *v = NULL;
	struct pg_arena a;
	struct pg_err e;
	size_t i;

	(void)state;
	for (i = 0; i < PG_COUNT(t); i++) {
		e = read_error(pg_str(t[i].text));
		assert_int_equal(e.code, PG_E_HOST);
		assert_memory_equal(e.msg, "malformed JSON: ", 16);
		assert_string_equal(e.msg + 16, t[i].msg);
		assert_int_equal(e.at, atol(strstr(e.msg, "byte ") + 5));
	}
	/* Nobody has to want to know. */
	pg_arena_init(&a, 0);
	assert_int_equal(pg_json_read(PG_STR("["), &a, &v, NULL), -1);
	pg_arena_fini(&a);
}

/* --- Values --------------------------------------------------------------- */

static void
values_are_written_as_python_does(void **state)
{
	static const struct {
		const char *in, *out;
	} t[] = {
		{ " [ ] ", "[]" },
		{ "{\"a\":[1,{}],\"b\":null}",
		    "{\"a\": [1, {}], \"b\": null}" },
		{ "[true,false,null]", "[true, false, null]" },
		{ "-0", "0" },
		{ "-0.0", "-0.0" },
		{ "[9223372036854775807,-9223372036854775808]",
		    "[9223372036854775807, -9223372036854775808]" },
		{ "[999999999999999999,1000000000000000000]",
		    "[999999999999999999, 1000000000000000000]" },
		{ "[9223372036854775808,-9223372036854775809]",
		    "[9223372036854775808, -9223372036854775809]" },
		{ "[1.0,1E5,1e16,1.0e-7,1e999]",
		    "[1.0, 100000.0, 1e+16, 1e-07, Infinity]" },
		{ "[NaN,Infinity,-Infinity]", "[NaN, Infinity, -Infinity]" },
		{ "\"\\u0000\\b\\f\\n\\r\\t\\u001f\\/\\\"\\\\\x7f\"",
		    "\"\\u0000\\b\\f\\n\\r\\t\\u001f/\\\"\\\\\\u007f\"" },
		{ "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"",
		    "\"\\u00e9\\u20ac\\ud83d\\ude00\"" },
		{ "\"\\uD83D\\uDE00\\uD83D\"", "\"\\ud83d\\ude00\\ud83d\"" },
		{ "{\"a\":1,\"b\":2,\"a\":3}", "{\"a\": 3, \"b\": 2}" },
		/* The escape makes it the same key. */
		{ "{\"a\":1,\"\\u0061\":2}", "{\"a\": 2}" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < PG_COUNT(t); i++)
		check_rewrite(pg_str(t[i].in), pg_str(t[i].out), false);
}

static void
pretty_is_for_people(void **state)
{
	(void)state;
	check_rewrite(PG_STR("{\"a\":[1,[],{\"b\":2}],\"c\":{}}"), PG_STR(
	    "{\n  \"a\": [\n    1,\n    [],\n    {\n      \"b\": 2\n    }\n"
	    "  ],\n  \"c\": {}\n}"), true);
	check_rewrite(PG_STR("[]"), PG_STR("[]"), true);
	/* Text stays text; what no terminal should get does not. */
	check_rewrite(PG_STR("\"\xc3\xa9\xf0\x9f\x98\x80\\ud800\xc2\x9b\\u001b\""),
	    PG_STR("\"\xc3\xa9\xf0\x9f\x98\x80\\ud800\\u009b\\u001b\""), true);
}

static void
text_is_borrowed_unless_escaped(void **state)
{
	struct pg_str in = PG_STR("[\"plain\", \"\\ud83d\\ude00\\ud800\"]");
	struct pg_arena a;
	struct pg_value *v;

	(void)state;
	pg_arena_init(&a, 0);
	v = read_text(&a, in);
	assert_ptr_equal(v->u.items[0]->u.p, in.p + 2);
	assert_int_equal(v->u.items[0]->n, 5);
	assert_int_equal(v->u.items[1]->n, 7);
	assert_memory_equal(v->u.items[1]->u.p,
	    "\xf0\x9f\x98\x80\xed\xa0\x80", 7);
	pg_arena_fini(&a);
}

/* Every special byte at every place of the eight that are read at once. */
static void
strings_end_where_they_end(void **state)
{
	static const char specials[] = "\"\\\n\x7f\x80\x01\x1f";
	struct guard g = guard_open(64);
	struct pg_err e = { .code = PG_E_OK };
	struct pg_value *v = NULL;
	struct pg_arena a;
	char text[32];
	size_t at, i;
	bool good;

	(void)state;
	pg_arena_init(&a, 0);
	for (at = 1; at < 26; at++) {
		for (i = 0; i < sizeof(specials) - 1; i++) {
			memset(text, '!', sizeof(text));
			text[0] = text[27] = '"';
			text[at] = specials[i];
			good = specials[i] == 0x7f;
			assert_int_equal(pg_json_read(guard_put(&g,
			    (struct pg_str){ text, 28 }), &a, &v, &e),
			    good ? 0 : -1);
			if (specials[i] == '"')
				assert_int_equal(e.at, at + 1);
			else if (!good)
				assert_int_equal(e.at, at);
		}
	}
	pg_arena_fini(&a);
	guard_close(&g);
}

static void
invalid_text_is_still_written_as_json(void **state)
{
	struct pg_buf b = PG_BUF_INIT(0);

	(void)state;
	pg_json_write_str(&b, PG_STR("a\xff\xc3z"));
	pg_json_write_str(&b, PG_STR_NULL);
	assert_true(pg_str_eqz(pg_buf_str(&b), "\"a\\ufffd\\ufffdz\"\"\""));
	pg_buf_fini(&b);
}

static void
sequences_are_written_as_lists(void **state)
{
	static const enum pg_type types[] = { PG_T_LIST, PG_T_TUPLE, PG_T_SET,
	    PG_T_FROZENSET };
	struct pg_buf b = PG_BUF_INIT(0);
	struct pg_arena a;
	struct pg_value *v;
	size_t i;

	(void)state;
	pg_arena_init(&a, 0);
	v = pg_value_list(&a);
	pg_value_add(&a, v, pg_value_int(&a, 1));
	for (i = 0; i < PG_COUNT(types); i++) {
		v->type = (uint8_t)types[i];
		assert_int_equal(pg_json_write(&b, v, NULL), 0);
	}
	assert_true(pg_str_eqz(pg_buf_str(&b), "[1][1][1][1]"));
	pg_buf_reset(&b);
	assert_int_equal(pg_json_write(&b, NULL, NULL), 0);
	assert_true(pg_str_eqz(pg_buf_str(&b), "null"));
	pg_arena_fini(&a);
	pg_buf_fini(&b);
}

/* --- Binary --------------------------------------------------------------- */

#define TAGGED(kind, base64) \
	"{\"__paglets_binary__\": \"" kind "\", \"base64\": \"" base64 "\"}"

static void
tagged_objects_become_bytes(void **state)
{
	struct pg_arena a;
	struct pg_value *v, *x;

	(void)state;
	pg_arena_init(&a, 0);
	v = read_text(&a, PG_STR("{\"x\": [" TAGGED("bytes", "AP8=") ", "
	    TAGGED("bytearray", "") ", {\"base64\": \"YWJj\", "
	    "\"__paglets_binary__\": \"bytes\"}]}"));
	v = pg_value_get(v, "x");
	x = v->u.items[0];
	assert_true(x->type == PG_T_BYTES && x->n == 2);
	assert_memory_equal(x->u.p, "\0\xff", 2);
	x = v->u.items[1];
	assert_true(x->type == PG_T_BYTEARRAY && x->n == 0);
	x = v->u.items[2];
	assert_true(x->type == PG_T_BYTES && x->n == 3);
	pg_arena_fini(&a);
	check_rewrite(PG_STR(TAGGED("bytes", "AP8=")),
	    PG_STR(TAGGED("bytes", "AP8=")), false);
	check_rewrite(PG_STR(TAGGED("bytearray", "")),
	    PG_STR(TAGGED("bytearray", "")), true);
}

static void
other_shapes_stay_objects(void **state)
{
	static const char *const t[] = {
		TAGGED("memoryview", "AP8="),
		TAGGED("", "AP8="),
		"{\"__paglets_binary__\": \"bytes\"}",
		"{\"__paglets_binary__\": \"bytes\", \"base64\": null}",
		"{\"__paglets_binary__\": null, \"base64\": \"AP8=\"}",
		"{\"__paglets_binary__\": \"bytes\", \"base65\": \"AP8=\"}",
		"{\"__paglets_binary__\": \"bytes\", \"base64\": \"!\", \"x\": 1}",
	};
	struct pg_arena a;
	size_t i;

	(void)state;
	pg_arena_init(&a, 0);
	for (i = 0; i < PG_COUNT(t); i++) {
		assert_int_equal(read_text(&a, pg_str(t[i]))->type,
		    PG_T_DICT);
		check_rewrite(pg_str(t[i]), pg_str(t[i]), false);
	}
	pg_arena_fini(&a);
}

static void
junk_base64_is_refused(void **state)
{
	static const char *const t[] = {
		"[" TAGGED("bytes", "AP8") "]",
		"[" TAGGED("bytes", "A!==") "]",
		"[" TAGGED("bytes", "AB==") "]",
		"[" TAGGED("bytearray", "AP 8=") "]",
		"[" TAGGED("bytearray", "\\u00e9AAA") "]",
	};
	struct pg_err e;
	size_t i;

	(void)state;
	for (i = 0; i < PG_COUNT(t); i++) {
		e = read_error(pg_str(t[i]));
		assert_int_equal(e.code, PG_E_HOST);
		assert_string_equal(e.msg, "malformed JSON: "
		    "invalid base64 in the binary object at byte 1");
	}
}

/* --- Limits --------------------------------------------------------------- */

/* n times `open`, then n times `close`. */
static struct pg_str
nested(struct pg_arena *a, size_t n, const char *open, const char *close)
{
	size_t on = strlen(open), cn = strlen(close), i;
	char *p = pg_arena_alloc(a, n * (on + cn) + 1);

	for (i = 0; i < n; i++)
		memcpy(p + i * on, open, on);
	for (i = 0; i < n; i++)
		memcpy(p + n * on + i * cn, close, cn);
	return (struct pg_str){ p, n * (on + cn) };
}

static void
depth_has_a_limit(void **state)
{
	struct pg_str s;
	struct pg_arena a;
	struct pg_err e;
	size_t n;

	(void)state;
	pg_arena_init(&a, 0);
	for (n = PG_VALUE_DEPTH_MAX - 1; n <= PG_VALUE_DEPTH_MAX; n++) {
		s = nested(&a, n, "[", "]");
		check_rewrite(s, s, false);
		check_round_trip(read_text(&a, s), true);
	}
	e = read_error(nested(&a, n, "[", "]"));
	assert_int_equal(e.code, PG_E_LIMIT);
	assert_int_equal(e.at, PG_VALUE_DEPTH_MAX);
	e = read_error(nested(&a, n, "{\"\":[", "]}"));
	assert_int_equal(e.code, PG_E_LIMIT);
	e = read_error(nested(&a, 1000000, "[", ""));
	assert_int_equal(e.code, PG_E_LIMIT);
	pg_arena_fini(&a);
}

static void
writing_too_deep_leaves_nothing(void **state)
{
	struct pg_err e = { .code = PG_E_OK };
	struct pg_buf b = PG_BUF_INIT(0);
	struct pg_value *v, *outer;
	struct pg_arena a;

	(void)state;
	pg_arena_init(&a, 0);
	v = read_text(&a, nested(&a, PG_VALUE_DEPTH_MAX, "[", "]"));
	outer = pg_value_list(&a);
	pg_value_add(&a, outer, v);
	pg_buf_putz(&b, "before");
	assert_int_equal(pg_json_write(&b, v, &e), 0);
	b.n = 6;
	assert_int_equal(pg_json_write(&b, outer, &e), -1);
	assert_int_equal(e.code, PG_E_LIMIT);
	assert_int_equal(b.n, 6);
	pg_buf_fini(&b);
	pg_arena_fini(&a);
}

static void
digits_have_a_limit(void **state)
{
	struct pg_str s;
	struct pg_arena a;
	struct pg_err e;
	size_t n;

	(void)state;
	pg_arena_init(&a, 0);
	for (n = PG_VALUE_DIGITS_MAX - 1; n <= PG_VALUE_DIGITS_MAX; n++) {
		s = nested(&a, n, "7", "");
		check_rewrite(s, s, false);
	}
	e = read_error(nested(&a, n, "7", ""));
	assert_int_equal(e.code, PG_E_LIMIT);
	assert_string_equal(e.msg,
	    "JSON integer has more than 4300 digits at byte 0");
	/* Floats have none: their digits become one double anyway. */
	s = nested(&a, n + 5000, "7", "");
	((char *)(uintptr_t)s.p)[1] = '.';
	check_rewrite(s, PG_STR("7.777777777777778"), false);
	pg_arena_fini(&a);
}

static void
buffer_maximum_is_respected(void **state)
{
	struct pg_str s = PG_STR("{\"key\": [1, \"two\", 3.5]}");
	struct pg_err e = { .code = PG_E_OK };
	struct pg_arena a;
	struct pg_value *v;
	struct pg_buf b;
	size_t max;

	(void)state;
	pg_arena_init(&a, 0);
	v = read_text(&a, s);
	for (max = 1; max <= s.n; max++) {
		b = PG_BUF_INIT(max);
		assert_int_equal(pg_json_write(&b, v, &e),
		    max == s.n ? 0 : -1);
		assert_int_equal(b.n, max == s.n ? s.n : 0);
		assert_int_equal(b.failed, max < s.n);
		assert_int_equal(e.code, PG_E_LIMIT);
		pg_buf_fini(&b);
	}
	pg_arena_fini(&a);
}

/* {"0": 0, "1": 0, ...} with n keys, all alike if same. */
static void
check_keys(int n, bool same)
{
	struct pg_buf b = PG_BUF_INIT(0);
	struct pg_arena a;
	struct pg_value *v;
	int i;

	pg_arena_init(&a, 0);
	for (i = 0; i < n; i++)
		pg_buf_printf(&b, "%c\"%d\": 0", i == 0 ? '{' : ',',
		    same ? 0 : i);
	pg_buf_putc(&b, '}');
	v = read_text(&a, pg_buf_str(&b));
	assert_int_equal(v->n, same ? 1 : n);
	pg_buf_fini(&b);
	pg_arena_fini(&a);
}

static void
many_keys_take_linear_time(void **state)
{
	(void)state;
	check_keys(300000, false);
	check_keys(300000, true);
}

/* --- Failing memory ------------------------------------------------------- */

/* Something of everything that allocates. */
static struct pg_str
rich_text(void)
{
	return PG_STR("{\"a\": [1, -9223372036854775809, 1.5, \"x\\ny\", "
	    TAGGED("bytes", "AP8=") ", true, null, NaN, []], \"\\u0062\": {"
	    "\"1\": 0, \"2\": 0, \"3\": 0, \"4\": 0, \"5\": 0, \"6\": 0, "
	    "\"7\": 0, \"8\": 0, \"9\": 0, \"10\": 0, \"11\": 0, \"12\": 0, "
	    "\"13\": 0}}");
}

static void
reading_fails_cleanly_at_each_allocation(void **state)
{
	struct pg_value *v;
	struct pg_arena a;
	struct pg_err e;
	long n = 0;
	int rc;

	(void)state;
	do {
		e = (struct pg_err){ .code = PG_E_OK };
		v = NULL;
		pg_arena_init(&a, (size_t)1 << 20);
		pg_mem_fail_after(++n);
		rc = pg_json_read(rich_text(), &a, &v, &e);
		pg_mem_fail_after(0);
		assert_int_equal(v != NULL, rc == 0);
		assert_int_equal(e.code, rc == 0 ? PG_E_OK : PG_E_LIMIT);
		pg_arena_fini(&a);
	} while (rc < 0);
	assert_true(n > 30);
}

static void
reading_respects_the_arena(void **state)
{
	struct pg_arena text, a;
	struct pg_value *v;
	struct pg_err e;
	struct pg_str s;
	size_t max = 0;
	int rc;

	(void)state;
	pg_arena_init(&text, 0);
	s = nested(&text, 900, "[0,", "]");
	memset((char *)(uintptr_t)(s.p + 900 * 3 - 1), ' ', 1);
	do {
		e = (struct pg_err){ .code = PG_E_OK };
		pg_arena_init(&a, max += 512);
		rc = pg_json_read(s, &a, &v, &e);
		assert_int_equal(e.code, rc == 0 ? PG_E_OK : PG_E_LIMIT);
		assert_true(a.used <= max);
		pg_arena_fini(&a);
	} while (rc < 0);
	assert_true(max > 900 * 2 * sizeof(struct pg_value));
	pg_arena_fini(&text);
}

static void
writing_fails_cleanly_at_each_allocation(void **state)
{
	struct pg_err e = { .code = PG_E_OK };
	struct pg_arena a;
	struct pg_value *v;
	struct pg_buf b;
	long n = 0;
	int rc;

	(void)state;
	pg_arena_init(&a, 0);
	v = read_text(&a, rich_text());
	do {
		b = PG_BUF_INIT(0);
		pg_mem_fail_after(++n);
		rc = pg_json_write(&b, v, &e);
		pg_mem_fail_after(0);
		assert_int_equal(e.code, n > 1 || rc < 0 ? PG_E_NOMEM :
		    PG_E_OK);
		pg_buf_fini(&b);
	} while (rc < 0);
	assert_true(n > 2);
	pg_arena_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(corpus_is_read_as_named),
		cmocka_unit_test(errors_name_cause_and_byte),
		cmocka_unit_test(values_are_written_as_python_does),
		cmocka_unit_test(pretty_is_for_people),
		cmocka_unit_test(text_is_borrowed_unless_escaped),
		cmocka_unit_test(strings_end_where_they_end),
		cmocka_unit_test(invalid_text_is_still_written_as_json),
		cmocka_unit_test(sequences_are_written_as_lists),
		cmocka_unit_test(tagged_objects_become_bytes),
		cmocka_unit_test(other_shapes_stay_objects),
		cmocka_unit_test(junk_base64_is_refused),
		cmocka_unit_test(depth_has_a_limit),
		cmocka_unit_test(writing_too_deep_leaves_nothing),
		cmocka_unit_test(digits_have_a_limit),
		cmocka_unit_test(buffer_maximum_is_respected),
		cmocka_unit_test(many_keys_take_linear_time),
		cmocka_unit_test(reading_fails_cleanly_at_each_allocation),
		cmocka_unit_test(reading_respects_the_arena),
		cmocka_unit_test(writing_fails_cleanly_at_each_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
