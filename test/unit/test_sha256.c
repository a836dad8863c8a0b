/* test_sha256: the published answers for SHA-256 and HMAC, for nothing at all
 * too; comparison tells equal from different.
 */
/* parts: base/err base/mem base/buf codec/sha256 */
#include "base/buf.h"
#include "codec/sha256.h"

#include <setjmp.h>

#include <cmocka.h>

static void
assert_digest(const uint8_t *digest, const char *hex)
{
	struct pg_buf b = PG_BUF_INIT(0);

	pg_buf_hex(&b, (struct pg_str){ (const char *)digest, PG_SHA256_SIZE });
	assert_int_equal(b.n, strlen(hex));
	assert_memory_equal(b.p, hex, b.n);
	pg_buf_fini(&b);
}

/* FIPS 180-4, examples. */
static void
sha256_known_answers(void **state)
{
	uint8_t d[PG_SHA256_SIZE];

	(void)state;
	pg_sha256(PG_STR_NULL, d);
	assert_digest(d, "e3b0c44298fc1c149afbf4c8996fb924"
	    "27ae41e4649b934ca495991b7852b855");
	pg_sha256(PG_STR("abc"), d);
	assert_digest(d, "ba7816bf8f01cfea414140de5dae2223"
	    "b00361a396177a9cb410ff61f20015ad");
	pg_sha256(PG_STR("abcdbcdecdefdefgefghfghighijhijk"
	    "ijkljklmklmnlmnomnopnopq"), d);
	assert_digest(d, "248d6a61d20638b8e5c026930c3e6039"
	    "a33ce45964ff2167f6ecedd419db06c1");
}

/* Every length up to three blocks, cut at every place: with and without the
 * processor's instructions the same as all at once. */
static void
sha256_in_pieces(void **state)
{
	uint8_t whole[PG_SHA256_SIZE], d[PG_SHA256_SIZE];
	struct pg_sha256 s;
	char in[3 * PG_SHA256_BLOCK + 1];
	size_t n, cut, i;
	bool cpu = pg_sha256_use_cpu(true);

	(void)state;
	for (i = 0; i < sizeof(in); i++)
		in[i] = (char)(i * 131 + 7);
	for (n = 0; n <= sizeof(in); n++) {
		pg_sha256_use_cpu(false);
		pg_sha256((struct pg_str){ in, n }, whole);
		pg_sha256_use_cpu(cpu);
		for (cut = 0; cut <= n; cut++) {
			pg_sha256_init(&s);
			pg_sha256_add(&s, in, cut);
			pg_sha256_add(&s, in + cut, n - cut);
			pg_sha256_end(&s, d);
			assert_memory_equal(d, whole, sizeof(d));
		}
	}
}

/* FIPS 180-4: a million times "a", in pieces that fit no block. */
static void
sha256_million(void **state)
{
	uint8_t d[PG_SHA256_SIZE];
	struct pg_sha256 s;
	char a[1000];
	int cpu, i;

	(void)state;
	memset(a, 'a', sizeof(a));
	for (cpu = 0; cpu < 2; cpu++) {
		pg_sha256_use_cpu(cpu != 0);
		pg_sha256_init(&s);
		for (i = 0; i < 1000; i++)
			pg_sha256_add(&s, a, sizeof(a));
		pg_sha256_end(&s, d);
		assert_digest(d, "cdc76e5c9914fb9281a1c7e284d73e67"
		    "f1809a48a497200e046d39ccc7112cd0");
	}
}

/* RFC 4231, cases 1, 2 and 6. */
static void
hmac_known_answers(void **state)
{
	uint8_t d[PG_SHA256_SIZE];
	char key[131];

	(void)state;
	memset(key, 0x0b, 20);
	pg_hmac_sha256((struct pg_str){ key, 20 }, PG_STR("Hi There"), d);
	assert_digest(d, "b0344c61d8db38535ca8afceaf0bf12b"
	    "881dc200c9833da726e9376c2e32cff7");
	pg_hmac_sha256(PG_STR("Jefe"),
	    PG_STR("what do ya want for nothing?"), d);
	assert_digest(d, "5bdcc146bf60754e6a042426089575c7"
	    "5a003f089d2739839dec58b964ec3843");
	memset(key, 0xaa, sizeof(key));
	pg_hmac_sha256((struct pg_str){ key, sizeof(key) },
	    PG_STR("Test Using Larger Than Block-Size Key - Hash Key First"),
	    d);
	assert_digest(d, "60e431591ee0b67f0d8a26aacbf5b77f"
	    "8e0bc6213728c5140546040f0ee37f54");
	pg_hmac_sha256(PG_STR_NULL, PG_STR_NULL, d);
	assert_digest(d, "b613679a0814d9ec772f95d778c35fc5"
	    "ff1697c493715653c6c712144292c5ad");
}

static void
equal_compares_all(void **state)
{
	(void)state;
	assert_true(pg_equal_ct(PG_STR_NULL, PG_STR("")));
	assert_true(pg_equal_ct(PG_STR("secret"), PG_STR("secret")));
	assert_false(pg_equal_ct(PG_STR("secret"), PG_STR("secres")));
	assert_false(pg_equal_ct(PG_STR("secret"), PG_STR("tecret")));
	assert_false(pg_equal_ct(PG_STR("secret"), PG_STR("secre")));
	assert_false(pg_equal_ct(PG_STR("a\0b"), PG_STR("a\0c")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sha256_known_answers),
		cmocka_unit_test(sha256_in_pieces),
		cmocka_unit_test(sha256_million),
		cmocka_unit_test(hmac_known_answers),
		cmocka_unit_test(equal_compares_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
