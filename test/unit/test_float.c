/* test_float: the text of a double is the shortest that reads back as it, and
 * of those the nearest, spelt as Python spells it; every literal is rounded
 * correctly, however long, and junk is told from numbers.
 */
/* parts: codec/float */
#include "codec/float.h"

#include <math.h>
#include <setjmp.h>

#include <cmocka.h>

#include "guard.h"

static void
check_text(double f, const char *want)
{
	char text[PG_FLOAT_TEXT + 1];
	size_t n = pg_float_text(f, text);

	assert_true(n < PG_FLOAT_TEXT);
	text[n] = '\0';
	assert_string_equal(text, want);
}

static void
text_is_what_python_writes(void **state)
{
	static const struct {
		double f;
		const char *text;
	} t[] = {
		{ 0.0, "0.0" }, { 1.0, "1.0" }, { 0.1, "0.1" },
		{ 100.0, "100.0" }, { 123.456, "123.456" },
		{ 1e15, "1000000000000000.0" }, { 1e16, "1e+16" },
		{ 1.5e16, "1.5e+16" }, { 1e22, "1e+22" },
		{ 0.0001, "0.0001" }, { 1e-05, "1e-05" },
		{ 0.00012345, "0.00012345" }, { 1.5e-07, "1.5e-07" },
		{ 1e100, "1e+100" }, { 1.25e-300, "1.25e-300" },
		{ 123456789012345.6, "123456789012345.6" },
		{ 9007199254740993.0, "9007199254740992.0" },
		{ 1722173912.1234567, "1722173912.1234567" },
		{ 0.3, "0.3" }, { 0.1 + 0.2, "0.30000000000000004" },
		{ 5e-324, "5e-324" }, { 2.2250738585072014e-308,
		    "2.2250738585072014e-308" },
		{ 2.225073858507201e-308, "2.225073858507201e-308" },
		{ 1.7976931348623157e308, "1.7976931348623157e+308" },
		/* Powers of two, where the nearest 16 digits miss. */
		{ 0x1p-44, "5.684341886080802e-14" },
		{ 0x1p-1022, "2.2250738585072014e-308" },
		{ 0x1p+89, "6.189700196426902e+26" },
		{ 9007199254740992.0, "9007199254740992.0" },
		/* Exactly between two candidates: the even one. */
		{ 1125899906842624.25, "1125899906842624.2" },
		{ 1125899906842624.75, "1125899906842624.8" },
		{ HUGE_VAL, "Infinity" },
	};
	char minus[40] = "-";
	size_t i;

	(void)state;
	for (i = 0; i < PG_COUNT(t); i++) {
		check_text(t[i].f, t[i].text);
		snprintf(minus + 1, sizeof(minus) - 1, "%s", t[i].text);
		check_text(-t[i].f, minus);
	}
	check_text((double)NAN, "NaN");
	check_text(-(double)NAN, "NaN");
}

static void
check_literal(const char *text, double want)
{
	struct pg_str s = pg_str(text);
	struct guard g = guard_open(s.n);
	double f = -1;

	assert_true(pg_float_parse(guard_put(&g, s), &f));
	assert_memory_equal(&f, &want, sizeof(f));
	guard_close(&g);
}

static void
literals_are_rounded_correctly(void **state)
{
	static const struct {
		const char *text;
		double f;
	} t[] = {
		{ "0", 0.0 }, { "-0.0", -0.0 }, { "+1", 1.0 }, { "1.", 1.0 },
		{ ".5", 0.5 }, { "1e3", 1000.0 }, { "1E-3", 0.001 },
		{ "0e999999999999999999999", 0.0 }, { "-0e-5", -0.0 },
		{ "0000000000000000000000001.5", 1.5 },
		{ "1722173912.1234567", 1722173912.1234567 },
		/* Half-way cases, and just beside them. */
		{ "9007199254740993", 9007199254740992.0 },
		{ "9007199254740993.0000000000000000001", 9007199254740994.0 },
		{ "9007199254740995", 9007199254740996.0 },
		{ "9007199254740992.9999999999", 9007199254740992.0 },
		{ "0.500000000000000166533453693773481063544750213623046875",
		    0.5000000000000002 },
		{ "123456789012345678901234567890e-20",
		    1234567890.1234567 },
		{ "1e27", 1e27 }, { "1e28", 1e28 }, { "1e-27", 1e-27 },
		{ "1e-28", 1e-28 },
		/* The ends of the range. */
		{ "1.7976931348623158e308", 1.7976931348623157e308 },
		{ "1.7976931348623159e308", HUGE_VAL }, { "1e999", HUGE_VAL },
		{ "-1e99999999999999999999", -HUGE_VAL },
		{ "5e-324", 5e-324 }, { "2e-324", 0.0 }, { "-1e-999", -0.0 },
		{ "1e-99999999999999999999", 0.0 },
		{ "inf", HUGE_VAL }, { "-Infinity", -HUGE_VAL },
		{ "+INF", HUGE_VAL },
	};
	double f = 0;
	size_t i;

	(void)state;
	for (i = 0; i < PG_COUNT(t); i++)
		check_literal(t[i].text, t[i].f);
	assert_true(pg_float_parse(PG_STR("NaN"), &f) && isnan(f));
	assert_true(pg_float_parse(PG_STR("-nan"), &f) && isnan(f));
}

/* head, n times c, tail. */
static void
check_long(const char *head, char c, size_t n, const char *tail, double want)
{
	size_t from = strlen(head), after = strlen(tail);
	char *text = malloc(from + n + after);
	double f = -1;

	memcpy(text, head, from);
	memset(text + from, c, n);
	memcpy(text + from + n, tail, after);
	assert_true(pg_float_parse((struct pg_str){ text, from + n + after },
	    &f));
	assert_true(f == want);
	free(text);
}

static void
every_digit_counts(void **state)
{
	size_t n;

	(void)state;
	/* What breaks the tie lies below, at and far above the digits that
	 * are kept. */
	for (n = 770; n < 830; n++) {
		check_long("9007199254740993.", '0', n, "1",
		    9007199254740994.0);
		check_long("9007199254740993.", '0', n, "0",
		    9007199254740992.0);
		check_long("9007199254740993", '0', n, "e-0", HUGE_VAL);
	}
	check_long("9007199254740993.", '0', 100000, "1", 9007199254740994.0);
	check_long("0.", '0', 100000, "15e100001", 1.5);
	check_long("15", '0', 100000, "e-100001", 1.5);
	check_long("1.5", '9', 100000, "", 1.6);
}

static void
junk_is_no_number(void **state)
{
	static const char *const junk[] = { "", "-", "+", ".", "-.", "e5",
	    ".e5", "1e", "1e+", "1e5.0", "1.2.3", "--1", " 1", "1 ", "1_0",
	    "0x10", "1a", "in", "infinit", "infinityy", "nano", "+-inf" };
	double f = 7;
	size_t i;

	(void)state;
	for (i = 0; i < PG_COUNT(junk); i++)
		assert_false(pg_float_parse(pg_str(junk[i]), &f));
	assert_false(pg_float_parse(PG_STR_NULL, &f));
	assert_true(f == 7);
}

/* A fixed sequence of bits (splitmix64). */
static uint64_t
some_bits(uint64_t i)
{
	uint64_t z = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static void
what_is_written_reads_back(void **state)
{
	char text[PG_FLOAT_TEXT];
	double f, back;
	uint64_t i, bits;
	size_t n;

	(void)state;
	for (i = 0; i < 3000; i++) {
		bits = some_bits(i);
		memcpy(&f, &bits, sizeof(f));
		/* Every other one of a size that people use. */
		if (i % 2 == 0)
			f = (double)(bits >> 24) / 1000;
		n = pg_float_text(f, text);
		assert_true(pg_float_parse((struct pg_str){ text, n }, &back));
		assert_true(isnan(f) ? isnan(back) : f == back);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_what_python_writes),
		cmocka_unit_test(literals_are_rounded_correctly),
		cmocka_unit_test(every_digit_counts),
		cmocka_unit_test(junk_is_no_number),
		cmocka_unit_test(what_is_written_reads_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
