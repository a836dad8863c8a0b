/* test_pickle_check: whatever we write passes, and whatever passes can be read;
 * the rest is refused where it goes wrong.
 */
/* parts: base/err base/mem base/buf base/map codec/float codec/value codec/json codec/pickle_text codec/pickle_build codec/pickle codec/pickle_write codec/pickle_check */
#include "codec/json.h"
#include "codec/pickle.h"
#include "codec/pickle_check.h"

#include "guard.h"

#include <setjmp.h>

#include <cmocka.h>

/* As our writer says it; to be freed. */
static struct pg_buf
written(const char *json)
{
	struct pg_out o = { .arg = NULL };
	struct pg_arena a = { 0 };
	struct pg_value *v = NULL;

	assert_int_equal(pg_json_read(pg_str(json), &a, &v, NULL), 0);
	assert_int_equal(pg_pickle_value(&o, v, NULL), 0);
	pg_arena_fini(&a);
	return o.buf;
}

static bool
readable(struct pg_str in)
{
	struct pg_arena a = { 0 };
	struct pg_value *v;
	int rc = pg_pickle_read_value(in, &a, 0, &v, NULL);

	pg_arena_fini(&a);
	return rc == 0;
}

static const char *const values[] = {
	"null", "true", "false", "0", "255", "256", "65536", "-1",
	"4294967296", "-9223372036854775808", "1e100", "-0.0", "NaN",
	"123456789012345678901234567890", "\"\"", "\"a\\u00e9\\ud83d\\ude00\"",
	"\"\\ud800\"", "[]", "{}", "[[], {}, [1]]",
	"{\"a\": {\"b\": [1, {\"c\": {}}], \"d\": []}, \"e\": null}",
	"{\"__paglets_binary__\": \"bytes\", \"base64\": \"AAEC\"}",
	"[{\"__paglets_binary__\": \"bytearray\", \"base64\": \"AAEC\"}, {}]",
};

static void
what_we_write_passes(void **state)
{
	struct pg_buf b;
	size_t i;

	(void)state;
	for (i = 0; i < PG_COUNT(values); i++) {
		b = written(values[i]);
		if (pg_pickle_check(pg_buf_str(&b), NULL) < 0)
			fail_msg("%s", values[i]);
		pg_buf_fini(&b);
	}
}

/* Cut anywhere, or with any one byte changed. */
static void
what_passes_can_be_read(void **state)
{
	struct pg_buf b;
	struct pg_str s;
	unsigned byte;
	size_t i, at;
	char was;

	(void)state;
	for (i = 0; i < PG_COUNT(values); i++) {
		b = written(values[i]);
		s = pg_buf_str(&b);
		for (at = 0; at < b.n; at++) {
			/* "]" alone is a list, too. */
			assert_true((pg_pickle_check((struct pg_str){ s.p,
			    at }, NULL) == 0) == (at == 1 && b.n > 1 &&
			    (s.p[0] == ']' || s.p[0] == '}')));
			was = b.p[at];
			for (byte = 0; byte < 256; byte++) {
				b.p[at] = (char)byte;
				if (pg_pickle_check(s, NULL) == 0)
					assert_true(readable(s));
			}
			b.p[at] = was;
		}
		pg_buf_fini(&b);
	}
}

static void
refuses_the_rest_where_it_stands(void **state)
{
	static const struct { const char *p; size_t n, at; } rows[] = {
#define R(text, at) { text, sizeof(text) - 1, at }
		R("", 0),
		R("NN", 1),               /* two values */
		R("\x80\x05N.", 0),       /* a whole pickle */
		R("cos\nsystem\n", 0),    /* code */
		R("](cos\nsystem\n" "e", 2),
		R("](N\x94" "e", 3),      /* memo */
		R(")", 0),                /* a tuple is none of ours */
		R("e", 1), R("u", 1),     /* nothing is open */
		R("](u", 3), R("}(e", 2), /* not what was opened */
		R("}(N", 2),              /* a key that is no text */
		R("}(\x8c\x01" "au", 6),  /* a key without a value */
		R("}(\x8c\x01" "aN", 6),  /* not ended */
		R("\x8c\x01\xff", 3),     /* no UTF-8 */
		R("B\xff\xff\xff\xff", 5), /* lengths beyond the end */
		R("\x96\xff\xff\xff\xff\xff\xff\xff\xff", 9),
		R("\x8e\x00\x00\x00\x00\x01\x00\x00\x00", 9),
#undef R
	};
	struct pg_err e;
	size_t i;

	(void)state;
	for (i = 0; i < PG_COUNT(rows); i++) {
		e = (struct pg_err){ 0 };
		assert_int_equal(pg_pickle_check((struct pg_str){ rows[i].p,
		    rows[i].n }, &e), -1);
		assert_int_equal(e.code, PG_E_SERIAL);
		assert_int_equal(e.at, rows[i].at);
	}
}

/* `levels` lists around nothing. */
static bool
nests(size_t levels)
{
	struct pg_buf b = { 0 };
	bool fits;
	size_t i;

	for (i = 1; i < levels; i++)
		pg_buf_putz(&b, "](");
	pg_buf_putz(&b, "]");
	for (i = 1; i < levels; i++)
		pg_buf_putz(&b, "e");
	fits = pg_pickle_check(pg_buf_str(&b), NULL) == 0;
	assert_true(fits == readable(pg_buf_str(&b)));
	pg_buf_fini(&b);
	return fits;
}

static void
depth_has_a_limit(void **state)
{
	(void)state;
	assert_true(nests(PG_VALUE_DEPTH_MAX - 1));
	assert_true(nests(PG_VALUE_DEPTH_MAX));
	assert_false(nests(PG_VALUE_DEPTH_MAX + 1));
}

/* An integer of so many digits. */
static bool
counts(size_t digits)
{
	struct pg_out o = { .arg = NULL };
	struct pg_arena a = { 0 };
	struct pg_value *v;
	struct pg_buf text = { 0 };
	bool fits;
	size_t i;

	for (i = 0; i < digits; i++)
		pg_buf_putc(&text, '9');
	v = pg_value_decimal(&a, pg_buf_str(&text));
	fits = v != NULL && pg_pickle_value(&o, v, NULL) == 0 &&
	    pg_pickle_check(pg_buf_str(&o.buf), NULL) == 0;
	pg_buf_fini(&text);
	pg_buf_fini(&o.buf);
	pg_arena_fini(&a);
	return fits;
}

static void
digits_have_a_limit(void **state)
{
	char bytes[5 + 2000] = "\x8b";
	struct pg_str s = { bytes, 0 };
	uint32_t n;

	(void)state;
	assert_true(counts(PG_VALUE_DIGITS_MAX - 1));
	assert_true(counts(PG_VALUE_DIGITS_MAX));
	/* Longer and longer ones, until neither takes them. */
	for (n = 1700; n < 1900; n++) {
		memcpy(bytes + 1, &n, sizeof(n));
		memset(bytes + 5, 0x7f, n);
		s.n = 5 + n;
		assert_true((pg_pickle_check(s, NULL) == 0) == readable(s));
	}
	assert_false(readable(s));
}

static void
does_not_look_behind_the_end(void **state)
{
	struct pg_buf b = written(values[PG_COUNT(values) - 1]);
	struct guard g = guard_open(b.n);
	size_t n;

	(void)state;
	for (n = 2; n < b.n; n++)
		assert_int_equal(pg_pickle_check(guard_put(&g,
		    (struct pg_str){ b.p, n }), NULL), -1);
	guard_close(&g);
	pg_buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_we_write_passes),
		cmocka_unit_test(what_passes_can_be_read),
		cmocka_unit_test(refuses_the_rest_where_it_stands),
		cmocka_unit_test(depth_has_a_limit),
		cmocka_unit_test(digits_have_a_limit),
		cmocka_unit_test(does_not_look_behind_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
