/* test_buf: appends stop at max and stay stopped; base64 is exact both ways
 * and decoding is strict; output spills in order and keeps its first failure.
 */
/* parts: base/err base/mem base/buf */
#include "base/buf.h"
#include "base/mem.h"

#include <setjmp.h>

#include <cmocka.h>

#define assert_bytes(s, literal) do {                                   \
	assert_int_equal((s).n, sizeof(literal) - 1);                   \
	assert_memory_equal((s).p, literal, sizeof(literal) - 1);       \
} while (0)

static void
appends_add_up(void **state)
{
	struct pg_buf b = PG_BUF_INIT(0);
	int i;

	(void)state;
	pg_buf_put(&b, NULL, 0);
	assert_null(b.p);
	pg_buf_putz(&b, "ab");
	pg_buf_putc(&b, '\0');
	pg_buf_puts(&b, PG_STR("cd"));
	pg_buf_printf(&b, "%d", 42);
	assert_bytes(pg_buf_str(&b), "ab\0cd42");
	pg_buf_drop(&b, 3);
	pg_buf_drop(&b, 0);
	assert_bytes(pg_buf_str(&b), "cd42");
	pg_buf_drop(&b, 4);
	for (i = 0; i < 100; i++)
		pg_buf_printf(&b, "%s", "0123456789");
	assert_int_equal(b.n, 1000);
	assert_memory_equal(b.p + 990, "0123456789", 10);
	assert_int_equal(b.cap, 1024);
	pg_buf_fini(&b);
	assert_null(b.p);
	assert_non_null(pg_buf_room(&b, 0));
	pg_buf_fini(&b);
}

static void
max_is_a_limit(void **state)
{
	struct pg_buf b = PG_BUF_INIT(10);

	(void)state;
	pg_buf_putz(&b, "123456789");
	assert_false(b.failed);
	pg_buf_putc(&b, '0');
	assert_false(b.failed);
	assert_int_equal(b.cap, 10);
	pg_buf_putc(&b, 'x');
	assert_true(b.failed);
	assert_bytes(pg_buf_str(&b), "1234567890");
	pg_buf_reset(&b);
	pg_buf_putz(&b, "12345678901");
	assert_true(b.failed);
	/* Failure sticks: nothing with a hole in it is ever sent. */
	pg_buf_putz(&b, "1");
	pg_buf_printf(&b, "%d", 1);
	assert_null(pg_buf_room(&b, 0));
	assert_int_equal(b.n, 0);
	pg_buf_reset(&b);
	pg_buf_printf(&b, "%s", "1234567890");
	assert_false(b.failed);
	assert_int_equal(b.n, 10);
	pg_buf_reset(&b);
	pg_buf_printf(&b, "%s", "12345678901");
	assert_true(b.failed);
	pg_buf_fini(&b);
	assert_null(pg_buf_room(&b, 11));
	pg_buf_fini(&b);
	b.max = 0;
	assert_null(pg_buf_room(&b, SIZE_MAX));
	pg_buf_fini(&b);
}

static void
memory_may_run_out(void **state)
{
	struct pg_buf b = PG_BUF_INIT(0);

	(void)state;
	pg_mem_fail_after(2);
	pg_buf_putz(&b, "kept");
	assert_false(b.failed);
	assert_null(pg_buf_room(&b, 1000));
	assert_true(b.failed);
	assert_bytes(pg_buf_str(&b), "kept");
	pg_buf_fini(&b);
	assert_false(b.failed);
}

static void
base64_and_back(void **state)
{
	static const char *const vectors[][2] = { /* RFC 4648 section 10 */
		{ "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" },
		{ "foo", "Zm9v" }, { "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" }, { "foobar", "Zm9vYmFy" },
	};
	struct pg_buf b = PG_BUF_INIT(0);
	char out[512], bytes[256];
	size_t i, n;

	(void)state;
	for (i = 0; i < PG_COUNT(vectors); i++) {
		pg_buf_reset(&b);
		pg_buf_base64(&b, pg_str(vectors[i][0]));
		assert_true(pg_str_eqz(pg_buf_str(&b), vectors[i][1]));
	}
	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i * 31 + 7);
	for (n = 0; n <= sizeof(bytes); n++) {
		pg_buf_reset(&b);
		pg_buf_base64(&b, (struct pg_str){ bytes, n });
		assert_int_equal(pg_base64_decode(pg_buf_str(&b), out), n);
		assert_memory_equal(out, bytes, n);
	}
	pg_buf_fini(&b);
}

static void
base64_is_strict(void **state)
{
	static const char *const bad[] = {
		"A", "AA", "AAA", "AA=", "A===", "====", "AA==AAAA", "AAAA====",
		"AA=A", "=AAA", "A=AA", "AB==", "AAB=", "AA\n=", "AAA-", "AAA_",
		"AA A", "AAAAA", "AAA\x80", "AAAAAA\n", "AAA*AAAA", "AA==\n",
	};
	char out[64];
	size_t i;

	(void)state;
	for (i = 0; i < PG_COUNT(bad); i++)
		if (pg_base64_decode(pg_str(bad[i]), out) != -1)
			fail_msg("accepted %s", bad[i]);
	assert_int_equal(pg_base64_decode(PG_STR("AA\0A"), out), -1);
	assert_int_equal(pg_base64_decode(PG_STR("+/+/"), out), 3);
	assert_memory_equal(out, "\xfb\xff\xbf", 3);
}

static void
hex_is_lower_case(void **state)
{
	struct pg_buf b = PG_BUF_INIT(0);

	(void)state;
	pg_buf_hex(&b, PG_STR("\x00\xff\x1a"));
	assert_bytes(pg_buf_str(&b), "00ff1a");
	pg_buf_fini(&b);
}

/* --- out --------------------------------------------------------------- */

struct receiver {
	struct pg_buf all;
	int calls, fail_at; /* fail_at: the call that fails; 0 = none */
};

static int
receive(void *arg, struct pg_str bytes, struct pg_err *e)
{
	struct receiver *r = arg;

	if (++r->calls == r->fail_at)
		return pg_fail(e, PG_E_UNREACHABLE, "gone");
	pg_buf_puts(&r->all, bytes);
	return 0;
}

static void
out_without_spill_keeps_all(void **state)
{
	struct pg_out o = { .buf = PG_BUF_INIT(100000) };
	static char large[PG_OUT_SPILL_MIN];
	struct pg_err e = { .code = PG_E_OK };

	(void)state;
	pg_out_put(&o, large, sizeof(large));
	pg_out_put(&o, "x", 1);
	assert_int_equal(pg_out_flush(&o, &e), 0);
	assert_int_equal(o.buf.n, sizeof(large) + 1);
	pg_out_put(&o, large, sizeof(large));
	assert_int_equal(pg_out_flush(&o, &e), -1);
	assert_int_equal(e.code, PG_E_LIMIT);
	pg_buf_fini(&o.buf);
	o = (struct pg_out){ .buf = PG_BUF_INIT(0) };
	pg_mem_fail_after(1);
	pg_out_put(&o, "x", 1);
	assert_int_equal(pg_out_flush(&o, &e), -1);
	assert_int_equal(e.code, PG_E_NOMEM);
	pg_buf_fini(&o.buf);
}

static void
out_spills_in_order(void **state)
{
	static const size_t sizes[] = { 1, PG_OUT_SPILL_MIN - 1, 1,
	    PG_OUT_SPILL_MIN, 3, PG_OUT_SPILL_MIN + 1, 70, 40000, 40000 };
	struct receiver r = { .calls = 0 };
	struct pg_out o = { .spill = receive, .arg = &r };
	struct pg_buf want = PG_BUF_INIT(0);
	static char piece[PG_OUT_SPILL_MIN + 1];
	size_t i;

	(void)state;
	for (i = 0; i < PG_COUNT(sizes); i++) {
		memset(piece, 'a' + (int)i, sizes[i]);
		pg_buf_put(&want, piece, sizes[i]);
		pg_out_put(&o, piece, sizes[i]);
		assert_true(o.buf.n <= PG_OUT_SPILL_MIN);
	}
	assert_int_equal(pg_out_flush(&o, NULL), 0);
	assert_true(pg_str_eq(pg_buf_str(&r.all), pg_buf_str(&want)));
	i = (size_t)r.calls;
	assert_int_equal(pg_out_flush(&o, NULL), 0);
	assert_int_equal(r.calls, i);
	pg_buf_fini(&want);
	pg_buf_fini(&r.all);
	pg_buf_fini(&o.buf);
}

static void
out_keeps_its_first_failure(void **state)
{
	struct receiver r = { .fail_at = 1 };
	struct pg_out o = { .spill = receive, .arg = &r };
	static char large[PG_OUT_SPILL_MIN];
	struct pg_err e = { .code = PG_E_OK };

	(void)state;
	pg_out_put(&o, large, sizeof(large));
	pg_out_put(&o, large, sizeof(large));
	pg_out_put(&o, "x", 1);
	assert_int_equal(pg_out_flush(&o, &e), -1);
	assert_int_equal(e.code, PG_E_UNREACHABLE);
	assert_int_equal(r.calls, 1);
	assert_int_equal(r.all.n, 0);
	pg_buf_fini(&o.buf);
}

/* A piece that was lost for want of memory must not be skipped over. */
static void
out_stops_at_a_hole(void **state)
{
	struct receiver r = { .calls = 0 };
	struct pg_out o = { .spill = receive, .arg = &r };
	static char large[PG_OUT_SPILL_MIN];
	struct pg_err e = { .code = PG_E_OK };

	(void)state;
	pg_mem_fail_after(1);
	pg_out_put(&o, "lost", 4);
	pg_out_put(&o, large, sizeof(large));
	assert_int_equal(pg_out_flush(&o, &e), -1);
	assert_int_equal(e.code, PG_E_NOMEM);
	assert_int_equal(r.calls, 0);
	pg_buf_fini(&o.buf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(appends_add_up),
		cmocka_unit_test(max_is_a_limit),
		cmocka_unit_test(memory_may_run_out),
		cmocka_unit_test(base64_and_back),
		cmocka_unit_test(base64_is_strict),
		cmocka_unit_test(hex_is_lower_case),
		cmocka_unit_test(out_without_spill_keeps_all),
		cmocka_unit_test(out_spills_in_order),
		cmocka_unit_test(out_keeps_its_first_failure),
		cmocka_unit_test(out_stops_at_a_hole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
