/* test_seal: shows that signatures are those computed elsewhere (with Python's
 * hmac), that they cover each field, and that nothing but the very signature
 * under the very key is taken.
 */
/* parts: base/err base/mem base/buf codec/sha256 host/seal */
#include "host/seal.h"

#include <setjmp.h>

#include <cmocka.h>

#define SIG "bfbd45cf6eb039716219027cb5ab90c219b357ae1ac91ae3f39f0da104b1c366"

static struct pg_seal seal;
static struct pg_hostref ref;

static int
setup(void **state)
{
	(void)state;
	pg_seal_init(&seal, PG_STR("secret"));
	ref = (struct pg_hostref){ .name = PG_STR("alpha"),
		.url = PG_STR("http://127.0.0.1:1"), .version = PG_STR("v1"),
		.boot = PG_STR("boot-1"), .beat = INT64_C(1700000001000),
		.sig = PG_STR(SIG) };
	return 0;
}

static void
assert_signs(const char *expected)
{
	char sig[PG_HOSTREF_SIG_LEN + 1];

	pg_seal_sign(&seal, &ref, sig);
	assert_string_equal(sig, expected);
}

static void
signs_as_others_do(void **state)
{
	char key[101];

	(void)state;
	assert_signs(SIG);
	ref = (struct pg_hostref){ .boot = PG_STR("b") };
	assert_signs("fe72e4d6d6dcf99f0b8cdf661423a10f"
	    "a19abd749537a347a89237bdb7a5d780");
	/* A key longer than a block of the hash; names are bytes. */
	memset(key, 'k', 100);
	key[100] = '\0';
	pg_seal_init(&seal, pg_str(key));
	ref = (struct pg_hostref){ .name = PG_STR("h\xc3\xb6st\n1:"),
		.url = PG_STR("http://[::1]:8765/p"), .version = PG_STR("2.0"),
		.boot = PG_STR("b"), .beat = PG_HOSTREF_BEAT_MAX };
	assert_signs("1a8d56fb4282c64afff8f895f392cf53"
	    "627c05fc6bccee0d6a5c9c96486c066c");
}

static void
every_field_counts(void **state)
{
	struct pg_hostref right;

	(void)state;
	right = ref;
	assert_true(pg_seal_check(&seal, &ref));
	ref.name = PG_STR("alphb");
	assert_false(pg_seal_check(&seal, &ref));
	ref = right;
	ref.url = PG_STR("http://127.0.0.1:2");
	assert_false(pg_seal_check(&seal, &ref));
	ref = right;
	ref.version = PG_STR("v2");
	assert_false(pg_seal_check(&seal, &ref));
	ref = right;
	ref.boot = PG_STR("boot-2");
	assert_false(pg_seal_check(&seal, &ref));
	ref = right;
	ref.beat++;
	assert_false(pg_seal_check(&seal, &ref));
	ref = right;
	/* What moves from one field to the next is not the same. */
	ref.version = PG_STR("v1b");
	ref.boot = PG_STR("oot-1");
	assert_false(pg_seal_check(&seal, &ref));
	ref = right;
	/* The rest is not signed. */
	ref.error = PG_STR("x");
	ref.active = 5;
	ref.seen = 7;
	ref.doubt = 1;
	assert_true(pg_seal_check(&seal, &ref));
}

static void
only_the_very_signature(void **state)
{
	static const char *const wrong[] = { "",
		"BFBD45CF6EB039716219027CB5AB90C2"
		"19B357AE1AC91AE3F39F0DA104B1C366",
		"bfbd45cf6eb039716219027cb5ab90c2"
		"19b357ae1ac91ae3f39f0da104b1c36",
		"bfbd45cf6eb039716219027cb5ab90c2"
		"19b357ae1ac91ae3f39f0da104b1c3666",
		"bfbd45cf6eb039716219027cb5ab90c2"
		"19b357ae1ac91ae3f39f0da104b1c367",
		"cfbd45cf6eb039716219027cb5ab90c2"
		"19b357ae1ac91ae3f39f0da104b1c366",
	};
	size_t i;

	(void)state;
	for (i = 0; i < PG_COUNT(wrong); i++) {
		ref.sig = pg_str(wrong[i]);
		assert_false(pg_seal_check(&seal, &ref));
	}
	ref.sig = PG_STR_NULL;
	assert_false(pg_seal_check(&seal, &ref));
}

static void
only_the_very_key(void **state)
{
	(void)state;
	pg_seal_init(&seal, PG_STR("secreT"));
	assert_false(pg_seal_check(&seal, &ref));
	pg_seal_init(&seal, PG_STR("secret "));
	assert_false(pg_seal_check(&seal, &ref));
	/* Where there is no key, nothing is signed, and nothing right. */
	pg_seal_init(&seal, PG_STR_NULL);
	assert_false(seal.set);
	assert_false(pg_seal_check(&seal, &ref));
	ref.sig = PG_STR_NULL;
	assert_false(pg_seal_check(&seal, &ref));
	assert_signs("");
}

/* Without boot nothing tells an old reference from a new one. */
static void
never_without_boot(void **state)
{
	char sig[PG_HOSTREF_SIG_LEN + 1];

	(void)state;
	ref.boot = PG_STR_NULL;
	pg_seal_sign(&seal, &ref, sig);
	ref.sig = pg_str(sig);
	assert_int_equal(ref.sig.n, PG_HOSTREF_SIG_LEN);
	assert_false(pg_seal_check(&seal, &ref));
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup(f, setup)
	const struct CMUnitTest tests[] = {
		T(signs_as_others_do),
		T(every_field_counts),
		T(only_the_very_signature),
		T(only_the_very_key),
		T(never_without_boot),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
