/* test_map: the map agrees with a plain array through thousands of changes,
 * and the hash with the published SipHash.
 */
/* parts: base/err base/mem base/map */
#include "base/map.h"

#include <setjmp.h>

#include <cmocka.h>

enum { KEYS = 500 };

struct entry {
	char key[16];
	bool in;
};

static const uint64_t seed[2] = { 1, 2 };

static void
fill(struct entry *e)
{
	int i;

	for (i = 0; i < KEYS; i++) {
		snprintf(e[i].key, sizeof(e[i].key), "k%d", i);
		e[i].in = false;
	}
}

static void
agree(const struct pg_map *m, struct entry *e)
{
	size_t n = 0, at = 0, seen = 0;
	int i;

	for (i = 0; i < KEYS; i++) {
		n += e[i].in;
		assert_ptr_equal(pg_map_get(m, pg_str(e[i].key)),
		    e[i].in ? &e[i] : NULL);
	}
	assert_int_equal(m->n, n);
	while (pg_map_next(m, &at) != NULL)
		seen++;
	assert_int_equal(seen, n);
}

static void
map_agrees_with_an_array(void **state)
{
	static struct entry e[KEYS];
	struct pg_map m;
	uint32_t x = 1;
	int i, k;

	(void)state;
	fill(e);
	pg_map_init(&m, seed);
	agree(&m, e);
	for (i = 0; i < 20000; i++) {
		x = x * 1103515245 + 12345;
		k = (int)(x >> 16) % KEYS;
		/* Bit 8 decides; long runs of either grow and empty it. */
		if ((x >> 8 & 1) != 0 || i / 3000 % 2 != 0) {
			assert_ptr_equal(pg_map_del(&m, pg_str(e[k].key)),
			    e[k].in ? &e[k] : NULL);
			e[k].in = false;
		} else {
			assert_ptr_equal(pg_map_put(&m, pg_str(e[k].key),
			    &e[k]), e[k].in ? &e[k] : NULL);
			e[k].in = true;
		}
		if (i % 100 == 0)
			agree(&m, e);
	}
	assert_true(m.cap <= 1024);
	pg_map_fini(&m);
	assert_null(pg_map_get(&m, PG_STR("k1")));
	assert_null(pg_map_del(&m, PG_STR("k1")));
}

/* Tables as small as they come, where probes wrap around all the time. */
static void
map_wraps_around(void **state)
{
	static struct entry e[KEYS];
	struct pg_map m;
	uint64_t s[2] = { 0, 0 };
	int i, j;

	(void)state;
	for (s[0] = 0; s[0] < 200; s[0]++) {
		fill(e);
		pg_map_init(&m, s);
		for (i = 0; i < 6; i++) {
			pg_map_put(&m, pg_str(e[i].key), &e[i]);
			e[i].in = true;
		}
		assert_int_equal(m.cap, 8);
		for (j = 0; j < 6; j++) {
			pg_map_del(&m, pg_str(e[j].key));
			e[j].in = false;
			agree(&m, e);
		}
		pg_map_fini(&m);
	}
}

/* The key is borrowed from the value, so a new value brings its own. */
static void
map_replaces_the_key(void **state)
{
	struct entry a = { .key = "same" }, b = { .key = "same" };
	struct pg_map m;

	(void)state;
	pg_map_init(&m, seed);
	assert_null(pg_map_put(&m, pg_str(a.key), &a));
	assert_ptr_equal(pg_map_put(&m, pg_str(b.key), &b), &a);
	memset(a.key, 'x', sizeof(a.key));
	assert_ptr_equal(pg_map_get(&m, PG_STR("same")), &b);
	assert_int_equal(m.n, 1);
	pg_map_put(&m, PG_STR_NULL, &a);
	assert_ptr_equal(pg_map_get(&m, PG_STR("")), &a);
	pg_map_fini(&m);
}

/* Known answers for SipHash-1-3 of 00 01 02 ...: the first with key 00..0f,
 * the others, around the size of a word, from CPython, which hashes bytes
 * with it, started with PYTHONHASHSEED=0. */
static void
siphash_known_answers(void **state)
{
	static const uint64_t key[2] = {
		UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)
	};
	static const uint64_t want[] = {
		UINT64_C(0xabac0158050fc4dc), UINT64_C(0xc9f49bf37d57ca93),
		UINT64_C(0x82cb9b024dc7d44d), UINT64_C(0x8bf80ab8e7ddf7fb),
	};
	static const struct {
		size_t n;
		uint64_t hash;
	} zero_key[] = {
		{ 1, UINT64_C(0x68a914128e01e473) },
		{ 7, UINT64_C(0x2f098ab0c751325a) },
		{ 8, UINT64_C(0xead411e67ebe2eea) },
		{ 9, UINT64_C(0x75927f9d95124362) },
		{ 63, UINT64_C(0x385d3e39e5f37359) },
	};
	static const uint64_t zero[2];
	unsigned char in[64];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(in); i++)
		in[i] = (unsigned char)i;
	for (i = 0; i < PG_COUNT(want); i++)
		assert_true(pg_siphash(key,
		    (struct pg_str){ (char *)in, i }) == want[i]);
	for (i = 0; i < PG_COUNT(zero_key); i++)
		assert_true(pg_siphash(zero, (struct pg_str){ (char *)in,
		    zero_key[i].n }) == zero_key[i].hash);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(map_agrees_with_an_array),
		cmocka_unit_test(map_wraps_around),
		cmocka_unit_test(map_replaces_the_key),
		cmocka_unit_test(siphash_known_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
