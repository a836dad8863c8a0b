/* test_mem: arenas give aligned memory that stays what it was, never exceed
 * their max, reuse their first block, and can be made to fail anywhere.
 */
/* parts: base/mem */
#include "base/mem.h"

#include <setjmp.h>

#include <cmocka.h>

static void
heap_gives_zeroes_and_copies(void **state)
{
	char *p = pg_alloc(0), *z;

	(void)state;
	assert_non_null(p);
	p = pg_realloc(p, 100);
	memset(p, 'x', 100);
	p = pg_try_realloc(p, 0);
	assert_non_null(p);
	free(p);
	p = pg_alloc(64);
	assert_int_equal(p[0] | p[63], 0);
	free(p);
	z = pg_strdup((struct pg_str){ "abcdef", 3 });
	assert_string_equal(z, "abc");
	free(z);
	z = pg_strdup(PG_STR_NULL);
	assert_string_equal(z, "");
	free(z);
}

/* Sizes that meet every way an arena finds memory. */
static size_t
some_size(unsigned i)
{
	return i % 97 == 0 ? 5000 : i % 1009 == 0 ? 300000 : i * 7 % 61;
}

static void
arena_keeps_pieces_apart(void **state)
{
	enum { N = 4000 };
	struct pg_arena a = { .max = 0 };
	unsigned char *p[N];
	unsigned i;
	size_t j;

	(void)state;
	for (i = 0; i < N; i++) {
		p[i] = pg_arena_alloc(&a, some_size(i));
		assert_int_equal((uintptr_t)p[i] % 16, 0);
		memset(p[i], (int)(i & 255), some_size(i));
	}
	for (i = 0; i < N; i++)
		for (j = 0; j < some_size(i); j++)
			if (p[i][j] != (i & 255))
				fail_msg("piece %u was overwritten", i);
	pg_arena_fini(&a);
	assert_int_equal(a.used, 0);
}

static void
arena_holds_its_max(void **state)
{
	struct pg_arena a;
	size_t got = 0;

	(void)state;
	pg_arena_init(&a, 100000);
	while (pg_arena_alloc(&a, 100) != NULL)
		got += 112;
	assert_true(a.used <= 100000);
	/* All but the headers of a few blocks and the ends of them. */
	assert_true(got > 98000);
	pg_arena_fini(&a);
	/* One piece: just fits with its header, or does not. */
	assert_non_null(pg_arena_alloc(&a, 100000 - 16));
	pg_arena_fini(&a);
	assert_null(pg_arena_alloc(&a, 100000));
	assert_null(pg_arena_alloc(&a, SIZE_MAX));
	assert_null(pg_arena_alloc(&a, SIZE_MAX - 20));
	assert_null(pg_arena_str(&a, (struct pg_str){ "", 1000000 }).p);
	assert_int_equal(a.used, 0);
	pg_arena_fini(&a);
}

static void
arena_below_one_block(void **state)
{
	struct pg_arena a;

	(void)state;
	pg_arena_init(&a, 64);
	assert_non_null(pg_arena_alloc(&a, 16));
	assert_non_null(pg_arena_alloc(&a, 32));
	assert_null(pg_arena_alloc(&a, 1));
	pg_arena_fini(&a);
}

static void
arena_grows_by_doubling(void **state)
{
	struct pg_arena a = { .max = 0 };
	size_t blocks = 0, used = 0, i;

	(void)state;
	for (i = 0; i < 16 * 1024; i++) {
		pg_arena_alloc(&a, 1000);
		blocks += a.used != used;
		used = a.used;
	}
	assert_in_range(blocks, 1, 9 + 16);
	pg_arena_fini(&a);
	/* A large piece leaves the room of the block being filled. */
	pg_arena_alloc(&a, 16);
	pg_arena_alloc(&a, 1000000);
	used = a.used;
	pg_arena_alloc(&a, 1000);
	assert_int_equal(a.used, used);
	pg_arena_fini(&a);
}

static void
arena_reset_keeps_the_first_block(void **state)
{
	struct pg_arena a = { .max = 0 };
	void *large, *first, *again;
	int i;

	(void)state;
	pg_arena_reset(&a);
	large = pg_arena_alloc(&a, 100000);
	assert_non_null(large);
	first = pg_arena_alloc(&a, 500);
	for (i = 0; i < 1000; i++)
		pg_arena_alloc(&a, 500);
	pg_arena_reset(&a);
	assert_int_equal(a.used, PG_ARENA_BLOCK);
	again = pg_arena_alloc(&a, PG_ARENA_BLOCK - 16);
	assert_ptr_equal(again, first);
	assert_int_equal(a.used, PG_ARENA_BLOCK);
	pg_arena_fini(&a);
	/* Nothing is kept of an arena that had only large pieces. */
	pg_arena_alloc(&a, 100000);
	pg_arena_reset(&a);
	assert_int_equal(a.used, 0);
	pg_arena_fini(&a);
}

static void
arena_text(void **state)
{
	struct pg_arena a = { .max = 0 };
	struct pg_str s = pg_arena_str(&a, PG_STR("hello"));
	char *z;

	(void)state;
	assert_string_equal(s.p, "hello");
	assert_int_equal(s.n, 5);
	s = pg_arena_str(&a, PG_STR_NULL);
	assert_string_equal(s.p, "");
	s = pg_arena_printf(&a, "%d-%s", 12, "x");
	assert_string_equal(s.p, "12-x");
	assert_int_equal(s.n, 4);
	pg_arena_alloc(&a, 64);
	pg_arena_reset(&a);
	z = pg_arena_zalloc(&a, 64);
	assert_int_equal(z[0] | z[63], 0);
	pg_arena_fini(&a);
}

static void
failure_can_be_stepped(void **state)
{
	struct pg_arena limited = { .max = 1000 }, free_one = { .max = 0 };

	(void)state;
	pg_mem_fail_after(2);
	assert_non_null(pg_arena_alloc(&limited, 1));
	/* What cannot fail does not count. */
	assert_non_null(pg_arena_alloc(&free_one, 1));
	assert_null(pg_arena_alloc(&limited, 1));
	assert_non_null(pg_arena_alloc(&limited, 1));
	pg_mem_fail_after(1);
	assert_null(pg_try_realloc(NULL, 1));
	pg_mem_fail_after(1);
	assert_null(pg_arena_printf(&limited, "x").p);
	pg_mem_fail_after(1);
	assert_null(pg_arena_zalloc(&limited, 1));
	pg_mem_fail_after(1);
	pg_mem_fail_after(0);
	assert_non_null(pg_arena_zalloc(&limited, 1));
	pg_arena_fini(&limited);
	pg_arena_fini(&free_one);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(heap_gives_zeroes_and_copies),
		cmocka_unit_test(arena_keeps_pieces_apart),
		cmocka_unit_test(arena_holds_its_max),
		cmocka_unit_test(arena_below_one_block),
		cmocka_unit_test(arena_grows_by_doubling),
		cmocka_unit_test(arena_reset_keeps_the_first_block),
		cmocka_unit_test(arena_text),
		cmocka_unit_test(failure_can_be_stepped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
