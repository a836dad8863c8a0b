/* test_claim: shows whom a relay name belongs to, for how long, what is
 * written down of that and what is taken of it again, and that a damaged or
 * hostile record claims nothing.
 */
/* parts: base/err base/mem base/buf base/map base/log base/clock codec/value codec/float codec/json codec/url codec/pickle codec/pickle_build codec/pickle_text codec/pickle_write codec/sha256 os/file os/loop host/wire host/claim */
/* wrap: pg_durable_claim */
#include "codec/sha256.h"
#include "host/claim.h"
#include "meshkit.h"

#define OURS "0123456789abcdef0123456789abcdef"
#define THEIRS "fedcba9876543210fedcba9876543210"

void __wrap_pg_durable_claim(struct pg_host *h, struct pg_str name,
    const struct pg_value *value);

static struct pg_claims *claims;
static int written, removed, taken;
static const char *last_name, *last_record;

void
__wrap_pg_durable_claim(struct pg_host *h, struct pg_str name,
    const struct pg_value *value)
{
	assert_ptr_equal(h, &host);
	written += value != NULL;
	removed += value == NULL;
	last_name = pg_arena_str(&arena, name).p;
	if (value != NULL)
		last_record = json(value);
}

static int
setup(void **state)
{
	(void)state;
	written = removed = taken = 0;
	if (kit_open() < 0)
		return -1;
	claims = pg_claims_new(&host);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	pg_claims_free(claims);
	kit_close();
	return 0;
}

static enum pg_code
asked(const char *name, const char *secret, bool take)
{
	struct pg_err e = { 0 };
	int rc = pg_claims_check(claims, pg_str(name), pg_str(secret), take,
	    &e);

	assert_int_equal(rc < 0, e.code != PG_E_OK);
	taken += rc > 0;
	return e.code;
}

static enum pg_code
connects(const char *name, const char *secret)
{
	return asked(name, secret, true);
}

static enum pg_code
polls(const char *name, const char *secret)
{
	return asked(name, secret, false);
}

static void
the_first_secret_wins(void **state)
{
	(void)state;
	assert_int_equal(connects("beta", OURS), PG_E_OK);
	assert_int_equal(taken, 1);
	assert_int_equal(connects("beta", THEIRS), PG_E_FORBIDDEN);
	assert_int_equal(connects("beta", NULL), PG_E_FORBIDDEN);
	assert_int_equal(polls("beta", THEIRS), PG_E_FORBIDDEN);
	assert_int_equal(polls("beta", NULL), PG_E_FORBIDDEN);
	assert_int_equal(polls("beta", OURS), PG_E_OK);
	assert_int_equal(connects("beta", OURS), PG_E_OK);
	assert_int_equal(taken, 1);
	/* The name is that very name. */
	assert_int_equal(connects("Beta", THEIRS), PG_E_OK);
	assert_int_equal(connects("bet", THEIRS), PG_E_OK);
	assert_int_equal(connects("beta ", THEIRS), PG_E_OK);
}

static void
names_without_a_secret(void **state)
{
	(void)state;
	assert_int_equal(connects("python", NULL), PG_E_OK);
	assert_int_equal(polls("python", NULL), PG_E_OK);
	/* A poll takes nothing. */
	assert_int_equal(polls("python", THEIRS), PG_E_OK);
	assert_int_equal(polls("python", NULL), PG_E_OK);
	assert_int_equal(written, 0);
	assert_int_equal(connects("python", OURS), PG_E_OK);
	assert_int_equal(polls("python", NULL), PG_E_FORBIDDEN);
}

static void
lengths_of_secrets(void **state)
{
	char s[PG_CLAIM_SECRET_MAX + 2];

	(void)state;
	memset(s, 'x', sizeof(s));
	s[PG_CLAIM_SECRET_MIN - 1] = '\0';
	assert_int_equal(connects("a", s), PG_E_HOST);
	memset(s, 'x', sizeof(s));
	s[PG_CLAIM_SECRET_MIN] = '\0';
	assert_int_equal(connects("a", s), PG_E_OK);
	memset(s, 'x', sizeof(s));
	s[PG_CLAIM_SECRET_MAX] = '\0';
	assert_int_equal(connects("b", s), PG_E_OK);
	memset(s, 'x', sizeof(s));
	s[PG_CLAIM_SECRET_MAX + 1] = '\0';
	assert_int_equal(connects("c", s), PG_E_HOST);
	assert_int_equal(polls("b", s), PG_E_HOST);
}

static void
for_a_day(void **state)
{
	(void)state;
	connects("beta", OURS);
	pass(PG_CLAIM_KEEP);
	assert_int_equal(connects("beta", THEIRS), PG_E_FORBIDDEN);
	/* Attempts of others keep nothing alive; its own polls do. */
	assert_int_equal(polls("beta", OURS), PG_E_OK);
	pass(PG_CLAIM_KEEP);
	assert_int_equal(polls("beta", THEIRS), PG_E_FORBIDDEN);
	pass(1);
	assert_int_equal(connects("beta", THEIRS), PG_E_OK);
	assert_int_equal(removed, 1);
	assert_int_equal(polls("beta", OURS), PG_E_FORBIDDEN);
	/* One that nobody took over is still the owner's. */
	pass(2 * PG_CLAIM_KEEP);
	assert_int_equal(polls("beta", THEIRS), PG_E_OK);
	assert_int_equal(connects("beta", OURS), PG_E_FORBIDDEN);
	pass(2 * PG_CLAIM_KEEP);
	assert_int_equal(polls("beta", NULL), PG_E_OK);
	assert_int_equal(connects("beta", OURS), PG_E_OK);
}

static void
a_clock_set_back(void **state)
{
	(void)state;
	connects("beta", OURS);
	pass(-PG_CLAIM_KEEP - PG_SEC);
	assert_int_equal(connects("beta", THEIRS), PG_E_FORBIDDEN);
	assert_int_equal(connects("beta", OURS), PG_E_OK);
	pass(PG_CLAIM_KEEP + 1);
	assert_int_equal(connects("beta", THEIRS), PG_E_OK);
}

static void
written_now_and_then(void **state)
{
	(void)state;
	connects("be ta", OURS);
	assert_int_equal(written, 1);
	assert_string_equal(last_name, "be ta");
	/* Not the secret itself. */
	assert_null(strstr(last_record, OURS));
	assert_non_null(strstr(last_record, "\"secret_sha256\""));
	pass(PG_CLAIM_WRITE_TIME - 1);
	polls("be ta", OURS);
	polls("be ta", THEIRS);
	assert_int_equal(written, 1);
	pass(1);
	polls("be ta", OURS);
	assert_int_equal(written, 2);
	polls("be ta", OURS);
	assert_int_equal(written, 2);
}

static void
after_a_restart(void **state)
{
	struct pg_err e = { 0 };
	const char *record;

	(void)state;
	connects("beta", OURS);
	record = last_record;
	pg_claims_free(claims);
	claims = pg_claims_new(&host);
	assert_int_equal(pg_claims_restore(claims, PG_STR("beta"),
	    read_json(record), &e), 0);
	assert_int_equal(connects("beta", THEIRS), PG_E_FORBIDDEN);
	assert_int_equal(polls("beta", NULL), PG_E_FORBIDDEN);
	assert_int_equal(connects("beta", OURS), PG_E_OK);
	assert_int_equal(written, 1);
	/* A second record of the same name is the newer one. */
	assert_int_equal(pg_claims_restore(claims, PG_STR("beta"),
	    read_json(record), &e), 0);
	assert_int_equal(connects("beta", OURS), PG_E_OK);
}

#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd"

static void
hostile_records(void **state)
{
	static const char *const none[] = { "{}", "[]", "null", "\"x\"",
		"{\"secret_sha256\": 5}", "{\"secret_sha256\": \"\"}",
		"{\"secret_sha256\": \"" HASH "\"}",
		"{\"secret_sha256\": \"" HASH "eF\"}",
		"{\"secret_sha256\": \"" HASH "e\\u0000\"}",
		"{\"secret_sha256\": \"" HASH "eff\"}",
		"{\"secret_sha256\": \"" HASH "ef\", \"seen\": \"now\"}" };
	struct pg_err e;
	size_t i;

	(void)state;
	for (i = 0; i < PG_COUNT(none); i++) {
		e = (struct pg_err){ 0 };
		assert_int_equal(pg_claims_restore(claims, PG_STR("beta"),
		    read_json(none[i]), &e), -1);
		assert_int_not_equal(e.code, PG_E_OK);
		assert_null(strchr(e.msg, '\n'));
	}
	assert_int_equal(pg_claims_restore(claims, PG_STR(""),
	    read_json("{\"secret_sha256\": \"" HASH "ef\"}"), &e), -1);
	assert_int_equal(connects("beta", OURS), PG_E_OK);
}

/* Of any time whatsoever. */
static void
hostile_times(void **state)
{
	static const char *const old[] = { "0", "-5", "-1e300", "1e9",
		"-Infinity", "NaN" };
	struct pg_err e = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < PG_COUNT(old); i++) {
		assert_int_equal(pg_claims_restore(claims, PG_STR("beta"),
		    read_json(pg_arena_printf(&arena, "{\"secret_sha256\": \""
		    HASH "ef\", \"seen\": %s}", old[i]).p), &e), 0);
		assert_int_equal(connects("beta", OURS), PG_E_OK);
	}
	/* One who was seen in the future can not keep the name for ever. */
	assert_int_equal(pg_claims_restore(claims, PG_STR("beta"),
	    read_json("{\"secret_sha256\": \"" HASH "ef\", \"seen\": 1e300}"),
	    &e), 0);
	assert_int_equal(connects("beta", OURS), PG_E_FORBIDDEN);
	pass(PG_CLAIM_KEEP + PG_SEC);
	assert_int_equal(connects("beta", OURS), PG_E_OK);
}

static void
so_many_names(void **state)
{
	char name[32];
	int i;

	(void)state;
	for (i = 0; i < PG_CLAIMS_MAX - 1; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		assert_int_equal(connects(name, OURS), PG_E_OK);
	}
	pass(PG_CLAIM_KEEP / 2);
	assert_int_equal(connects("last", OURS), PG_E_OK);
	assert_int_equal(connects("beta", OURS), PG_E_BUSY);
	assert_int_equal(connects("beta", NULL), PG_E_OK);
	assert_int_equal(connects("n5", OURS), PG_E_OK);
	assert_int_equal(removed, 0);
	/* Those who went silent make room; those who did not, do not. */
	pass(PG_CLAIM_KEEP / 2 + 1);
	assert_int_equal(connects("beta", THEIRS), PG_E_OK);
	assert_int_equal(removed, PG_CLAIMS_MAX - 2);
	assert_int_equal(connects("last", THEIRS), PG_E_FORBIDDEN);
	assert_int_equal(connects("n5", THEIRS), PG_E_FORBIDDEN);
	assert_int_equal(connects("n6", THEIRS), PG_E_OK);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_first_secret_wins), TEST(names_without_a_secret),
		TEST(lengths_of_secrets), TEST(for_a_day),
		TEST(a_clock_set_back), TEST(written_now_and_then),
		TEST(after_a_restart), TEST(hostile_records),
		TEST(hostile_times), TEST(so_many_names)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
