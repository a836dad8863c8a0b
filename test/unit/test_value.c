/* test_value: values are built, sealed, searched, copied and compared as the
 * door says, up to each limit and not beyond, and every failed allocation is
 * reported and leaks nothing; UTF-8 is told from what only looks like it.
 */
/* parts: base/err base/mem base/map codec/float codec/value */
#include "codec/value.h"

#include <math.h>
#include <setjmp.h>

#include <cmocka.h>

#include "guard.h"

/* An arena for each test, freed after it. */
static int
arena_setup(void **state)
{
	*state = pg_alloc(sizeof(struct pg_arena));
	pg_arena_init(*state, 0);
	return 0;
}

static int
arena_teardown(void **state)
{
	pg_mem_fail_after(0);
	pg_arena_fini(*state);
	free(*state);
	return 0;
}

#define assert_text(v, z) assert_true(pg_str_eqz(text_of(v), (z)))

static struct pg_str
text_of(const struct pg_value *v)
{
	assert_non_null(v);
	return (struct pg_str){ v->u.p, v->n };
}

/* --- Numbers -------------------------------------------------------------- */

static void
decimal_picks_int_or_big(void **state)
{
	static const struct {
		const char *in;
		int64_t i;
		const char *big;
	} t[] = {
		{ "0", 0, NULL },
		{ "-0", 0, NULL },
		{ "+7", 7, NULL },
		{ "-00012", -12, NULL },
		{ "9223372036854775807", INT64_MAX, NULL },
		{ "-9223372036854775808", INT64_MIN, NULL },
		{ "0000000000000000000000009223372036854775807", INT64_MAX,
		    NULL },
		{ "9223372036854775808", 0, "9223372036854775808" },
		{ "+9223372036854775808", 0, "9223372036854775808" },
		{ "-9223372036854775809", 0, "-9223372036854775809" },
		{ "-009223372036854775809", 0, "-9223372036854775809" },
		{ "18446744073709551616", 0, "18446744073709551616" },
	};
	static const char *const junk[] = { "", "-", "+", "1a", "1.0", " 1",
	    "--1", "0x1" };
	struct pg_value *v;
	size_t i;

	for (i = 0; i < PG_COUNT(t); i++) {
		v = pg_value_decimal(*state, pg_str(t[i].in));
		assert_non_null(v);
		assert_int_equal(v->type,
		    t[i].big != NULL ? PG_T_BIG : PG_T_INT);
		if (t[i].big != NULL)
			assert_text(v, t[i].big);
		else
			assert_int_equal(v->u.i, t[i].i);
	}
	for (i = 0; i < PG_COUNT(junk); i++)
		assert_null(pg_value_decimal(*state, pg_str(junk[i])));
	assert_null(pg_value_decimal(*state, PG_STR_NULL));
}

static void
decimal_stops_at_digits_max(void **state)
{
	char text[PG_VALUE_DIGITS_MAX + 3];
	struct pg_str s = { text, PG_VALUE_DIGITS_MAX };

	memset(text, '9', sizeof(text));
	assert_int_equal(pg_value_decimal(*state, s)->n, s.n);
	s.n++;
	assert_null(pg_value_decimal(*state, s));
	/* Neither sign nor leading zeros count. */
	text[0] = '-';
	assert_int_equal(pg_value_decimal(*state, s)->n, s.n);
	text[1] = '0';
	s.n++;
	assert_int_equal(pg_value_decimal(*state, s)->n, s.n - 1);
}

static void
number_takes_all_kinds_but_bool(void **state)
{
	double f = 0;

	assert_true(pg_value_number(pg_value_int(*state, -3), &f) && f == -3);
	assert_true(pg_value_number(pg_value_float(*state, .5), &f) &&
	    f == .5);
	assert_true(pg_value_number(pg_value_decimal(*state,
	    PG_STR("100000000000000000000")), &f) && f == 1e20);
	assert_false(pg_value_number(pg_value_bool(*state, true), &f));
	assert_false(pg_value_number(pg_value_strz(*state, "1"), &f));
	assert_false(pg_value_number(NULL, &f));
}

/* --- Containers ----------------------------------------------------------- */

static void
containers_accept_null_and_grow(void **state)
{
	struct pg_value *list = pg_value_list(*state);
	struct pg_value *dict = pg_value_dict(*state);
	struct pg_value *one = pg_value_int(*state, 1);
	int i;

	assert_int_equal(pg_value_add(*state, NULL, one), -1);
	assert_int_equal(pg_value_add(*state, list, NULL), -1);
	assert_int_equal(pg_value_put(*state, NULL, PG_STR("k"), one), -1);
	assert_int_equal(pg_value_put(*state, dict, PG_STR("k"), NULL), -1);
	assert_int_equal(pg_value_set(*state, NULL, PG_STR("k"), one), -1);
	assert_int_equal(pg_value_set(*state, dict, PG_STR("k"), NULL), -1);
	assert_int_equal(pg_value_seal(*state, NULL), -1);
	for (i = 0; i < 1000; i++)
		assert_int_equal(pg_value_add(*state, list,
		    pg_value_int(*state, i)), 0);
	assert_int_equal(list->n, 1000);
	for (i = 0; i < 1000; i++)
		assert_int_equal(list->u.items[i]->u.i, i);
}

static void
set_replaces_or_appends(void **state)
{
	struct pg_value *d = pg_value_dict(*state);

	pg_value_set(*state, d, PG_STR("a"), pg_value_int(*state, 1));
	pg_value_set(*state, d, PG_STR("b"), pg_value_int(*state, 2));
	pg_value_set(*state, d, PG_STR("a"), pg_value_int(*state, 3));
	assert_int_equal(d->n, 2);
	assert_int_equal(pg_value_get(d, "a")->u.i, 3);
	assert_int_equal(pg_value_get(d, "b")->u.i, 2);
	assert_null(pg_value_get(d, "c"));
	assert_null(pg_value_get(NULL, "a"));
	assert_null(pg_value_get(pg_value_list(*state), "a"));
}

/* n pairs over `kinds` keys; pair i is under key i % kinds. */
static struct pg_value *
dict_of(struct pg_arena *a, int n, int kinds)
{
	struct pg_value *d = pg_value_dict(a);
	int i;

	for (i = 0; i < n; i++)
		assert_int_equal(pg_value_put(a, d,
		    pg_arena_printf(a, "key-%d", i % kinds),
		    pg_value_int(a, i)), 0);
	return d;
}

static void
seal_keeps_first_place_and_last_value(void **state)
{
	/* Below, at and above the size where the index takes over; the last
	 * two would take hours if sealing were quadratic. */
	static const int sizes[][2] = { { 0, 1 }, { 1, 1 }, { 3, 2 },
	    { 12, 5 }, { 12, 12 }, { 13, 5 }, { 13, 13 }, { 1000, 7 },
	    { 300000, 1 }, { 300000, 300000 } };
	struct pg_value *d;
	int i, n, kinds;
	size_t t;

	for (t = 0; t < PG_COUNT(sizes); t++) {
		n = sizes[t][0];
		kinds = sizes[t][1];
		d = dict_of(*state, n, kinds);
		assert_int_equal(pg_value_seal(*state, d), 0);
		assert_int_equal(d->n, PG_MIN(n, kinds));
		for (i = 0; i < (int)d->n; i++) {
			assert_true(pg_str_eq(d->u.pairs[i].key,
			    pg_arena_printf(*state, "key-%d", i)));
			/* The last number below n that is i mod kinds. */
			assert_int_equal(d->u.pairs[i].val->u.i,
			    i + (n - 1 - i) / kinds * kinds);
		}
	}
}

/* --- Accessors and fields ------------------------------------------------- */

static void
accessors_accept_anything(void **state)
{
	struct pg_value *s = pg_value_strz(*state, "x");

	assert_true(pg_str_eqz(pg_value_text(s, PG_STR("y")), "x"));
	assert_true(pg_str_eqz(pg_value_text(NULL, PG_STR("y")), "y"));
	assert_true(pg_str_eqz(pg_value_text(pg_value_null(*state),
	    PG_STR("y")), "y"));
	assert_true(pg_value_is(s, PG_T_STR));
	assert_false(pg_value_is(NULL, PG_T_NULL));
	assert_true(pg_value_is_seq(pg_value_list(*state)));
	assert_false(pg_value_is_seq(pg_value_dict(*state)));
	assert_false(pg_value_is_seq(s));
	assert_string_equal(pg_value_type_name(NULL), "NoneType");
	assert_string_equal(pg_value_type_name(s), "str");
	assert_string_equal(pg_value_type_name(pg_value_bytes(*state,
	    PG_T_BYTEARRAY, PG_STR("x"))), "bytearray");
}

/* {"s": "t", "i": 1, "big": 10**19, "f": 1.5, "b": true, "d": {}, "n": null} */
static struct pg_value *
request(struct pg_arena *a)
{
	struct pg_value *d = pg_value_dict(a);

	pg_value_put(a, d, PG_STR("s"), pg_value_strz(a, "t"));
	pg_value_put(a, d, PG_STR("i"), pg_value_int(a, 1));
	pg_value_put(a, d, PG_STR("big"),
	    pg_value_decimal(a, PG_STR("10000000000000000000")));
	pg_value_put(a, d, PG_STR("f"), pg_value_float(a, 1.5));
	pg_value_put(a, d, PG_STR("b"), pg_value_bool(a, true));
	pg_value_put(a, d, PG_STR("d"), pg_value_dict(a));
	pg_value_put(a, d, PG_STR("n"), pg_value_null(a));
	return d;
}

static void
fields_give_what_is_there(void **state)
{
	struct pg_value *d = request(*state), *sub = NULL;
	struct pg_str s = PG_STR_NULL;
	int64_t i = 0;
	double f = 0;
	bool b = false;

	assert_int_equal(pg_field_str(d, "s", &s, NULL), 0);
	assert_true(pg_str_eqz(s, "t"));
	assert_int_equal(pg_field_int_opt(d, "i", &i, NULL), 0);
	assert_int_equal(i, 1);
	assert_int_equal(pg_field_float_opt(d, "f", &f, NULL), 0);
	assert_true(f == 1.5);
	assert_int_equal(pg_field_float_opt(d, "i", &f, NULL), 0);
	assert_true(f == 1);
	assert_int_equal(pg_field_bool_opt(d, "b", &b, NULL), 0);
	assert_true(b);
	assert_int_equal(pg_field_dict(d, "d", &sub, NULL), 0);
	assert_ptr_equal(sub, pg_value_get(d, "d"));
	/* Absent and null leave alone what was there. */
	assert_int_equal(pg_field_str_opt(d, "none", &s, NULL), 0);
	assert_int_equal(pg_field_str_opt(d, "n", &s, NULL), 0);
	assert_true(pg_str_eqz(s, "t"));
	assert_int_equal(pg_field_int_opt(d, "n", &i, NULL), 0);
	assert_int_equal(pg_field_float_opt(d, "n", &f, NULL), 0);
	assert_int_equal(pg_field_bool_opt(d, "n", &b, NULL), 0);
	assert_int_equal(pg_field_dict_opt(d, "n", &sub, NULL), 0);
	assert_ptr_equal(sub, pg_value_get(d, "d"));
	assert_int_equal(pg_field_dict_opt(NULL, "n", &sub, NULL), 0);
}

static void
fields_name_what_is_wrong(void **state)
{
	struct pg_value *d = request(*state), *sub;
	struct pg_err e = { .code = PG_E_OK };
	struct pg_str s;
	int64_t i;
	double f;
	bool b;

	assert_int_equal(pg_field_str(d, "kind", &s, &e), -1);
	assert_int_equal(e.code, PG_E_HOST);
	assert_string_equal(e.msg, "missing field 'kind'");
	assert_int_equal(pg_field_str(d, "n", &s, &e), -1);
	assert_string_equal(e.msg, "field 'n' must be str, not NoneType");
	assert_int_equal(pg_field_str_opt(d, "i", &s, &e), -1);
	assert_string_equal(e.msg, "field 'i' must be str, not int");
	assert_int_equal(pg_field_int_opt(d, "f", &i, &e), -1);
	assert_string_equal(e.msg, "field 'f' must be int, not float");
	assert_int_equal(pg_field_int_opt(d, "b", &i, &e), -1);
	assert_int_equal(pg_field_int_opt(d, "big", &i, &e), -1);
	assert_string_equal(e.msg, "field 'big' is out of range");
	assert_int_equal(pg_field_float_opt(d, "s", &f, &e), -1);
	assert_string_equal(e.msg, "field 's' must be a number, not str");
	assert_int_equal(pg_field_bool_opt(d, "i", &b, &e), -1);
	assert_int_equal(pg_field_dict(d, "s", &sub, &e), -1);
	assert_string_equal(e.msg, "field 's' must be dict, not str");
	assert_int_equal(pg_field_dict_opt(d, "s", &sub, &e), -1);
	assert_int_equal(pg_field_dict(NULL, "d", &sub, &e), -1);
	assert_string_equal(e.msg, "missing field 'd'");
}

/* --- Walk, copy, compare -------------------------------------------------- */

/* Lists within lists. */
static struct pg_value *
nested(struct pg_arena *a, int depth)
{
	struct pg_value *v = pg_value_list(a), *outer;

	while (--depth > 0) {
		outer = pg_value_list(a);
		pg_value_add(a, outer, v);
		v = outer;
	}
	return v;
}

static void
walk_visits_in_order(void **state)
{
	struct pg_value *d = pg_value_dict(*state);
	struct pg_value *list = pg_value_list(*state);
	struct pg_walk w;

	pg_value_add(*state, list, pg_value_int(*state, 1));
	pg_value_put(*state, d, PG_STR("a"), list);
	pg_value_put(*state, d, PG_STR("b"), pg_value_null(*state));
	pg_walk_start(&w, d);
	assert_int_equal(pg_walk_next(&w), PG_WALK_OPEN);
	assert_true(w.v == d && w.first && !w.in_dict && w.depth == 1);
	assert_int_equal(pg_walk_next(&w), PG_WALK_OPEN);
	assert_true(w.v == list && w.first && w.in_dict && w.depth == 2);
	assert_true(pg_str_eqz(w.key, "a"));
	assert_int_equal(pg_walk_next(&w), PG_WALK_LEAF);
	assert_true(w.v->u.i == 1 && w.first && !w.in_dict);
	assert_int_equal(pg_walk_next(&w), PG_WALK_CLOSE);
	assert_true(w.v == list && w.depth == 1);
	assert_int_equal(pg_walk_next(&w), PG_WALK_LEAF);
	assert_true(!w.first && w.in_dict && pg_str_eqz(w.key, "b"));
	assert_int_equal(pg_walk_next(&w), PG_WALK_CLOSE);
	assert_true(w.v == d && w.depth == 0);
	assert_int_equal(pg_walk_next(&w), PG_WALK_END);
	assert_int_equal(pg_walk_next(&w), PG_WALK_END);
	pg_walk_start(&w, NULL);
	assert_int_equal(pg_walk_next(&w), PG_WALK_LEAF);
	assert_int_equal(w.v->type, PG_T_NULL);
	assert_int_equal(pg_walk_next(&w), PG_WALK_END);
}

static void
depth_max_is_the_deepest(void **state)
{
	static const struct {
		int depth;
		bool good;
	} t[] = {
		{ PG_VALUE_DEPTH_MAX - 1, true },
		{ PG_VALUE_DEPTH_MAX, true },
		{ PG_VALUE_DEPTH_MAX + 1, false },
		{ PG_VALUE_DEPTH_MAX * 50, false },
	};
	struct pg_value *v, *copy;
	enum pg_walk_step step;
	struct pg_walk w;
	size_t i;

	for (i = 0; i < PG_COUNT(t); i++) {
		v = nested(*state, t[i].depth);
		pg_walk_start(&w, v);
		do
			step = pg_walk_next(&w);
		while (step != PG_WALK_END && step != PG_WALK_DEEP);
		assert_int_equal(step == PG_WALK_END, t[i].good);
		assert_int_equal(pg_value_copy(*state, v, &copy),
		    t[i].good ? 0 : -1);
		assert_int_equal(pg_value_eq(v, nested(*state, t[i].depth)),
		    t[i].good);
	}
}

/* One of each type; the key "deep" holds `deep`. */
static struct pg_value *
everything(struct pg_arena *a, struct pg_value *deep)
{
	struct pg_value *d = request(a), *list = pg_value_list(a);

	pg_value_put(a, d, PG_STR("bytes"),
	    pg_value_bytes(a, PG_T_BYTES, PG_STR("\0\xff")));
	pg_value_put(a, d, PG_STR("array"),
	    pg_value_bytes(a, PG_T_BYTEARRAY, PG_STR_NULL));
	pg_value_put(a, d, PG_STR("list"), list);
	pg_value_add(a, list, pg_value_float(a, (double)NAN));
	pg_value_add(a, list, pg_value_list(a));
	pg_value_add(a, list, deep);
	list->u.items[1]->type = PG_T_FROZENSET;
	return d;
}

static void
copy_borrows_nothing(void **state)
{
	char text[] = "text", key[] = "key";
	struct pg_value *list = pg_value_list(*state), *copy = NULL, *d;
	struct pg_value *v = everything(*state, list);

	d = pg_value_dict(*state);
	pg_value_put(*state, d, pg_str(key), pg_value_strz(*state, text));
	pg_value_add(*state, list, d);
	assert_int_equal(pg_value_copy(*state, v, &copy), 0);
	assert_true(pg_value_eq(v, copy));
	text[0] = key[0] = 'X';
	assert_false(pg_value_eq(v, copy));
	list = pg_value_get(copy, "list");
	d = list->u.items[2]->u.items[0];
	assert_text(pg_value_get(d, "key"), "text");
	/* A value that stands in two places becomes two. */
	list = pg_value_list(*state);
	pg_value_add(*state, list, v);
	pg_value_add(*state, list, v);
	assert_int_equal(pg_value_copy(*state, list, &copy), 0);
	assert_ptr_not_equal(copy->u.items[0], copy->u.items[1]);
	assert_int_equal(pg_value_copy(*state, NULL, &copy), 0);
	assert_int_equal(copy->type, PG_T_NULL);
}

static void
eq_tells_types_and_contents_apart(void **state)
{
	struct pg_value *v[] = {
		pg_value_null(*state),
		pg_value_bool(*state, false),
		pg_value_bool(*state, true),
		pg_value_int(*state, 0),
		pg_value_int(*state, 1),
		pg_value_float(*state, 0.0),
		pg_value_float(*state, -0.0),
		pg_value_float(*state, 1.0),
		pg_value_float(*state, (double)NAN),
		pg_value_strz(*state, ""),
		pg_value_strz(*state, "a"),
		pg_value_strz(*state, "b"),
		pg_value_bytes(*state, PG_T_BYTES, PG_STR("a")),
		pg_value_bytes(*state, PG_T_BYTEARRAY, PG_STR("a")),
		pg_value_decimal(*state, PG_STR("10000000000000000000")),
		pg_value_list(*state),
		nested(*state, 2),
		nested(*state, 3),
		pg_value_dict(*state),
		request(*state),
		everything(*state, pg_value_null(*state)),
		everything(*state, pg_value_int(*state, 1)),
		NULL,
	};
	size_t i, j;

	for (i = 0; i < PG_COUNT(v); i++)
		for (j = 0; j < PG_COUNT(v); j++)
			assert_int_equal(pg_value_eq(v[i], v[j]), i == j);
	assert_true(pg_value_eq(everything(*state, v[0]), v[20]));
}

/* The pairs of d the other way round. */
static struct pg_value *
reversed(struct pg_arena *a, const struct pg_value *d)
{
	struct pg_value *to = pg_value_dict(a);
	uint32_t i;

	for (i = d->n; i-- > 0;)
		pg_value_put(a, to, d->u.pairs[i].key, d->u.pairs[i].val);
	return to;
}

static void
eq_ignores_order_in_linear_time(void **state)
{
	static const int sizes[] = { 2, 12, 13, 100, 200000 };
	struct pg_value *a, *b;
	size_t i;

	for (i = 0; i < PG_COUNT(sizes); i++) {
		a = dict_of(*state, sizes[i], sizes[i]);
		b = reversed(*state, a);
		assert_true(pg_value_eq(a, b));
		b->u.pairs[0].val = pg_value_null(*state);
		assert_false(pg_value_eq(a, b));
		b->u.pairs[0].val = a->u.pairs[a->n - 1].val;
		b->u.pairs[0].key = PG_STR("other");
		assert_false(pg_value_eq(a, b));
	}
}

/* --- Failing memory ------------------------------------------------------- */

static void
lengths_over_32_bits_are_refused(void **state)
{
	struct pg_str s = { "x", UINT32_MAX };

	assert_non_null(pg_value_str(*state, s));
	s.n++;
	assert_null(pg_value_str(*state, s));
	assert_null(pg_value_bytes(*state, PG_T_BYTES, s));
}

static void
copy_fails_cleanly_at_each_allocation(void **state)
{
	struct pg_value *v = everything(*state, request(*state)), *copy;
	struct pg_arena a;
	long n = 0;
	int rc;

	do {
		pg_arena_init(&a, (size_t)1 << 20);
		pg_mem_fail_after(++n);
		copy = NULL;
		rc = pg_value_copy(&a, v, &copy);
		pg_mem_fail_after(0);
		assert_int_equal(copy != NULL, rc == 0);
		pg_arena_fini(&a);
	} while (rc < 0);
	assert_true(n > 20);
}

static void
builders_pass_failures_on(void **state)
{
	struct pg_arena a;
	struct pg_value *d;
	long n = 0;
	int rc;

	(void)state;
	do {
		pg_arena_init(&a, (size_t)1 << 20);
		pg_mem_fail_after(++n);
		d = pg_value_dict(&a);
		rc = pg_value_set(&a, d, PG_STR("l"), pg_value_list(&a));
		if (pg_value_add(&a, pg_value_get(d, "l"),
		    pg_value_decimal(&a, PG_STR("-010000000000000000000"))) < 0)
			rc = -1;
		pg_mem_fail_after(0);
		pg_arena_fini(&a);
	} while (rc < 0);
	assert_int_equal(n, 7); /* six allocations, each of which failed once */
}

static void
seal_and_eq_without_memory(void **state)
{
	struct pg_value *d = dict_of(*state, 100, 50);
	struct pg_value *same = reversed(*state, dict_of(*state, 50, 50));

	pg_mem_fail_after(1);
	assert_int_equal(pg_value_seal(*state, d), -1);
	assert_int_equal(d->n, 100);
	assert_int_equal(pg_value_seal(*state, d), 0);
	d = dict_of(*state, 50, 50);
	pg_mem_fail_after(1);
	assert_true(pg_value_eq(d, same));
}

/* --- UTF-8 ---------------------------------------------------------------- */

static void
utf8_is_read_as_it_was_put(void **state)
{
	char text[4];
	uint32_t c, got;

	(void)state;
	for (c = 0; c <= 0x10ffff; c++) {
		struct pg_str s = { text, pg_utf8_put(text, c) };

		assert_true(pg_utf8_char(s, &got) == s.n && got == c);
	}
}

static void
utf8_finds_the_first_bad_byte(void **state)
{
	static const struct {
		const char *s;
		size_t valid, with_surrogates;
	} t[] = {
		{ "", 0, 0 },
		{ "plain text of some length", 25, 25 },
		{ "\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf", 11, 11 },
		{ "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", 8, 8 },
		{ "a\xed\x9f\xbf\xee\x80\x80", 7, 7 },
		{ "a\xed\xa0\x80", 1, 4 },
		{ "a\xed\xbf\xbf" "b", 1, 5 },
		{ "12345678\x80", 8, 8 },
		{ "a\xc0\x80", 1, 1 },
		{ "a\xc1\xbf", 1, 1 },
		{ "a\xe0\x9f\xbf", 1, 1 },
		{ "a\xf0\x8f\xbf\xbf", 1, 1 },
		{ "a\xf4\x90\x80\x80", 1, 1 },
		{ "a\xf5\x80\x80\x80", 1, 1 },
		{ "a\xff", 1, 1 },
		{ "a\xc3", 1, 1 },
		{ "a\xc3(", 1, 1 },
		{ "a\xe2\x82", 1, 1 },
		{ "a\xe2(\xa1", 1, 1 },
		{ "a\xf0\x9f\x98", 1, 1 },
	};
	struct guard g = guard_open(64);
	struct pg_str s;
	uint32_t c = 0;
	size_t i;

	(void)state;
	for (i = 0; i < PG_COUNT(t); i++) {
		s = guard_put(&g, pg_str(t[i].s));
		assert_int_equal(pg_utf8_valid(s, false), t[i].valid);
		assert_int_equal(pg_utf8_valid(s, true),
		    t[i].with_surrogates);
	}
	assert_int_equal(pg_utf8_char(PG_STR("\xf0\x9f\x98\x80!"), &c), 4);
	assert_int_equal(c, 0x1f600);
	assert_int_equal(pg_utf8_char(PG_STR("\xed\xa0\x80"), &c), 3);
	assert_int_equal(c, 0xd800);
	assert_int_equal(pg_utf8_char(PG_STR_NULL, &c), 0);
	guard_close(&g);
}

#define test(f) cmocka_unit_test_setup_teardown(f, arena_setup, arena_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		test(decimal_picks_int_or_big),
		test(decimal_stops_at_digits_max),
		test(number_takes_all_kinds_but_bool),
		test(containers_accept_null_and_grow),
		test(set_replaces_or_appends),
		test(seal_keeps_first_place_and_last_value),
		test(accessors_accept_anything),
		test(fields_give_what_is_there),
		test(fields_name_what_is_wrong),
		test(walk_visits_in_order),
		test(depth_max_is_the_deepest),
		test(copy_borrows_nothing),
		test(eq_tells_types_and_contents_apart),
		test(eq_ignores_order_in_linear_time),
		test(lengths_over_32_bits_are_refused),
		test(copy_fails_cleanly_at_each_allocation),
		test(builders_pass_failures_on),
		test(seal_and_eq_without_memory),
		test(utf8_is_read_as_it_was_put),
		test(utf8_finds_the_first_bad_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
