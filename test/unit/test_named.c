/* test_named: shows that the URLs that users named are remembered, each once,
 * up to the limit, and that the oldest gives way.
 */
/* parts: base/err base/mem base/map host/named */
#include "host/named.h"

#include <setjmp.h>

#include <cmocka.h>

static struct pg_named named;

static struct pg_str
url(size_t i, char *text)
{
	return (struct pg_str){ text, (size_t)snprintf(text, 40,
	    "http://h:%zu", i) };
}

static bool
has(size_t i)
{
	char text[40];

	return pg_named_has(&named, url(i, text));
}

/* What is kept is a copy. */
static void
add(size_t from, size_t to)
{
	char text[40];

	for (; from < to; from++)
		pg_named_add(&named, url(from, text));
}

static int
setup(void **state)
{
	static const uint64_t seed[2] = { 1, 2 };

	(void)state;
	pg_named_init(&named, seed);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	pg_named_fini(&named);
	return 0;
}

static void
remembers_what_was_named(void **state)
{
	(void)state;
	assert_false(has(0));
	add(0, 2);
	assert_true(has(0));
	assert_true(has(1));
	assert_false(has(2));
	assert_false(pg_named_has(&named, PG_STR("http://h:")));
	assert_false(pg_named_has(&named, PG_STR("")));
}

static void
oldest_gives_way(void **state)
{
	(void)state;
	add(0, PG_NAMED_MAX - 1);
	assert_true(has(0));
	add(PG_NAMED_MAX - 1, PG_NAMED_MAX);
	assert_true(has(0));
	assert_true(has(PG_NAMED_MAX - 1));
	/* Again: takes no place. */
	add(0, PG_NAMED_MAX);
	assert_true(has(0));
	add(PG_NAMED_MAX, PG_NAMED_MAX + 1);
	assert_false(has(0));
	assert_true(has(1));
	assert_true(has(PG_NAMED_MAX));
	/* Who was forgotten may come back. */
	add(0, 1);
	assert_true(has(0));
	assert_false(has(1));
	assert_true(has(2));
}

static void
goes_round_many_times(void **state)
{
	size_t n = PG_NAMED_MAX * 3 + 7, i;

	(void)state;
	add(0, n);
	for (i = 0; i < n; i++)
		assert_int_equal(has(i), i >= n - PG_NAMED_MAX);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(remembers_what_was_named),
		T(oldest_gives_way),
		T(goes_round_many_times),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
