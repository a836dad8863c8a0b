/* test_args: what people write on a command line is read as they mean it,
 * whatever else is refused by name, and what they almost wrote is proposed.
 */
/* parts: base/err base/mem base/buf base/map base/clock codec/float codec/value codec/json codec/url os/file cli/forms cli/args */
#include "cli/args.h"
#include "codec/json.h"
#include "os/file.h"

#include <setjmp.h>
#include <unistd.h>

#include <cmocka.h>

static bool
same(struct pg_str s, const char *z)
{
	bool ok = z == NULL ? s.p == NULL : pg_str_eqz(s, z);

	if (!ok)
		print_error("got \"%.*s\", not \"%s\"\n", PG_STR_ARG(s), z);
	return ok;
}

static bool
says(const struct pg_err *e, const char *part)
{
	bool ok = e->code == PG_E_USAGE && strstr(e->msg, part) != NULL;

	if (!ok)
		print_error("code %d, \"%s\" lacks \"%s\"\n", e->code, e->msg,
		    part);
	return ok;
}

/* ---- numbers with units ----------------------------------------------- */

static void
durations_have_units(void **state)
{
	static const struct { const char *text; int64_t ns; } t[] = {
		{ "0", 0 }, { "5", 5 * PG_SEC }, { "5s", 5 * PG_SEC },
		{ "250ms", 250 * PG_MS }, { "0.5s", 500 * PG_MS },
		{ "1.5h", 5400 * PG_SEC }, { "2m", 120 * PG_SEC },
		{ "2M", 120 * PG_SEC }, { "0.000001ms", 1 },
		{ "1.0000000000000000000000000001s", PG_SEC },
		{ "none", PG_DURATION_MAX },
		{ "8760h", PG_DURATION_MAX },
		{ "8759.999h", PG_DURATION_MAX - 3600 * PG_MS },
	};
	static const char *const bad[] = { "", "s", "-1s", "+1s", "1 s",
		"1sec", "1.s", ".5s", "1..5s", "1e3", "0x10", "None", "1d",
		"8760.001h", "8761h", "9223372036854775807h",
		"9223372036854775808", "99999999999999999999999999" };
	struct pg_err e = { 0 };
	int64_t ns;
	size_t i;

	(void)state;
	for (i = 0; i < PG_COUNT(t); i++) {
		assert_int_equal(pg_form_duration(pg_str(t[i].text), &ns, &e),
		    0);
		assert_int_equal(ns, t[i].ns);
	}
	for (i = 0; i < PG_COUNT(bad); i++) {
		assert_int_equal(pg_form_duration(pg_str(bad[i]), &ns, &e),
		    -1);
		assert_true(says(&e, "is no duration"));
	}
}

static void
sizes_have_units(void **state)
{
	static const struct { const char *text; int64_t bytes; } t[] = {
		{ "0", 0 }, { "100", 100 }, { "512K", 512 * 1024 },
		{ "512k", 512 * 1024 }, { "1.5M", 1536 * 1024 },
		{ "1G", 1 << 30 }, { "1024T", PG_SIZE_MAX },
		{ "1125899906842624", PG_SIZE_MAX },
		{ "1125899906842623", PG_SIZE_MAX - 1 },
		{ "none", PG_SIZE_MAX },
	};
	static const char *const bad[] = { "", "K", "-1", "1KB", "1 K",
		"1125899906842625", "1025T", "9007199254740993K" };
	struct pg_err e = { 0 };
	int64_t bytes;
	size_t i;

	(void)state;
	for (i = 0; i < PG_COUNT(t); i++) {
		assert_int_equal(pg_form_size(pg_str(t[i].text), &bytes, &e),
		    0);
		assert_int_equal(bytes, t[i].bytes);
	}
	for (i = 0; i < PG_COUNT(bad); i++) {
		assert_int_equal(pg_form_size(pg_str(bad[i]), &bytes, &e), -1);
		assert_true(says(&e, "is no size"));
	}
}

static void
numbers_have_bounds(void **state)
{
	static const char *const bad[] = { "", "-", "1.0", "1x", " 1", "-3",
		"11", "99999999999999999999" };
	struct pg_err e = { 0 };
	int64_t n;
	size_t i;

	(void)state;
	assert_int_equal(pg_form_int(PG_STR("-2"), -2, 10, &n, &e), 0);
	assert_int_equal(n, -2);
	assert_int_equal(pg_form_int(PG_STR("10"), -2, 10, &n, &e), 0);
	assert_int_equal(n, 10);
	for (i = 0; i < PG_COUNT(bad); i++)
		assert_int_equal(pg_form_int(pg_str(bad[i]), -2, 10, &n, &e),
		    -1);
	assert_true(says(&e, "no number from -2 to 10"));
}

/* ---- moments ---------------------------------------------------------- */

/* 22 November 2026, 13:00:30 UTC, and half a second. */
#define NOW INT64_C(1795352430)

static void
moments_are_dates_or_soon(void **state)
{
	static const struct { const char *text; int64_t after; } t[] = {
		{ "+5s", 5 }, { "+2h", 7200 }, { "+0", 0 },
		{ "13:00", 24 * 3600 - 30 }, { "13:00:30", 24 * 3600 },
		{ "13:00:31", 1 }, { "13:01", 30 }, { "12:59Z", 86400 - 90 },
		{ "13:01Z", 30 }, { "2026-11-22 13:01", 30 },
		{ "2026-11-22 13:01:05", 35 }, { "2026-11-22T12:00", -3630 },
		{ "2026-11-22T13:01:00Z", 30 },
		{ "2028-02-29T00:00:00Z", 1835395200 - NOW },
	};
	static const char *const bad[] = { "", "+", "+x", "-5s", "5s", "Z",
		"24:01", "13:60", "13", "13:00x", "13:00ZZ", " 13:00",
		"2026-02-30 10:00", "2027-02-29 10:00", "2026-13-01 10:00",
		"2026-11-22", "2026-11-22 13:01:05 and more than fits" };
	struct pg_err e = { 0 };
	int64_t wall, part;
	size_t i;

	(void)state;
	setenv("TZ", "UTC", 1);
	pg_clock_fake(1, NOW * PG_SEC + PG_SEC / 2);
	for (i = 0; i < PG_COUNT(t); i++) {
		/* Only what counts from now keeps the fraction. */
		part = t[i].text[0] == '+' ? PG_SEC / 2 : 0;
		assert_int_equal(pg_form_moment(pg_str(t[i].text), &wall, &e),
		    0);
		if (wall != (NOW + t[i].after) * PG_SEC + part)
			fail_msg("%s: %" PRId64, t[i].text, wall);
	}
	for (i = 0; i < PG_COUNT(bad); i++) {
		if (pg_form_moment(pg_str(bad[i]), &wall, &e) == 0)
			fail_msg("'%s' is taken", bad[i]);
		assert_int_equal(e.code, PG_E_USAGE);
	}
	pg_clock_fake(0, 0);
}

static void
moments_have_a_zone(void **state)
{
	struct pg_err e = { 0 };
	int64_t here, utc;

	(void)state;
	setenv("TZ", "XYZ-2", 1);
	assert_int_equal(pg_form_moment(PG_STR("2026-11-22 15:00"), &here, &e),
	    0);
	assert_int_equal(pg_form_moment(PG_STR("2026-11-22 13:00Z"), &utc, &e),
	    0);
	assert_int_equal(here, utc);
	setenv("TZ", "UTC", 1);
}

/* ---- arguments -------------------------------------------------------- */

/* The dict that the words make, as JSON in a buffer that the caller frees. */
static struct pg_buf
members(const char *const *words, struct pg_err *e)
{
	struct pg_arena a = { 0 };
	struct pg_value *dict = pg_value_dict(&a);
	struct pg_buf b = PG_BUF_INIT(0);

	for (; *words != NULL; words++)
		if (pg_form_member(&a, pg_str(*words), dict, e) < 0)
			break;
	if (*words == NULL)
		assert_int_equal(pg_json_write(&b, dict, e), 0);
	pg_arena_fini(&a);
	return b;
}

static void
words_become_arguments(void **state)
{
	static const char *const words[] = { "a=1", "b:=1", "c=", "d=x=y",
		"e:=[true, {\"k\": null}]", "f:g=:=", "=no" + 1, NULL };
	static const char *const later[] = { "a=1", "b=2", "a:=3", NULL };
	struct pg_err e = { 0 };
	struct pg_buf b;

	(void)state;
	/* "no" has no sign in it. */
	b = members(words, &e);
	assert_true(says(&e, "'no' is no argument"));
	pg_buf_fini(&b);
	b = members((const char *const[]){ words[0], words[1], words[2],
	    words[3], words[4], words[5], NULL }, &e);
	assert_true(same(pg_buf_str(&b), "{\"a\": \"1\", \"b\": 1, \"c\": "
	    "\"\", \"d\": \"x=y\", \"e\": [true, {\"k\": null}], \"f:g\": "
	    "\":=\"}"));
	pg_buf_fini(&b);
	b = members(later, &e);
	assert_true(same(pg_buf_str(&b), "{\"a\": 3, \"b\": \"2\"}"));
	pg_buf_fini(&b);
}

static void
bad_arguments_are_named(void **state)
{
	static const struct { const char *word, *part; } t[] = {
		{ "", "is no argument" }, { "=x", "is no argument" },
		{ ":=1", "is no argument" }, { "@", "is no argument" },
		{ "k:={", "'{' is no JSON" }, { "k:=", "'' is no JSON" },
		{ "k=\xff", "is no UTF-8" },
	};
	struct pg_err e = { 0 };
	struct pg_buf b;
	size_t i;

	(void)state;
	for (i = 0; i < PG_COUNT(t); i++) {
		b = members((const char *const[]){ t[i].word, NULL }, &e);
		assert_true(says(&e, t[i].part));
		pg_buf_fini(&b);
	}
}

/* Make a temporary file that holds text; name gets "@" and its path. */
static void
write_file(char name[64], struct pg_str text)
{
	struct pg_err e = { 0 };
	int fd;

	snprintf(name, 64, "@/tmp/test_args.XXXXXX");
	fd = mkstemp(name + 1);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(pg_file_write(name + 1, text, 0600, &e), 0);
}

static void
arguments_come_from_files(void **state)
{
	char name[64];
	const char *const words[] = { "a=0", name, "b=2", NULL };
	struct pg_err e = { 0 };
	struct pg_buf b;

	(void)state;
	write_file(name, PG_STR("{\"a\": [1], \"b\": \"x\\u00e9\"}\n"));
	b = members(words, &e);
	assert_true(same(pg_buf_str(&b), "{\"a\": [1], \"b\": \"2\"}"));
	pg_buf_fini(&b);
	unlink(name + 1);
	b = members(words, &e);
	assert_int_equal(e.code, PG_E_SYS);
	pg_buf_fini(&b);
	write_file(name, PG_STR("[1]"));
	b = members(words, &e);
	assert_true(says(&e, "holds a list"));
	pg_buf_fini(&b);
	unlink(name + 1);
	write_file(name, PG_STR("{"));
	b = members(words, &e);
	assert_true(says(&e, "at byte 1"));
	pg_buf_fini(&b);
	unlink(name + 1);
}

static void
arguments_come_from_stdin(void **state)
{
	static const char *const words[] = { "-", NULL };
	struct pg_err e = { 0 };
	struct pg_buf b;
	int fds[2], saved = dup(STDIN_FILENO);

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], "{\"n\": 1}", 8), 8);
	close(fds[1]);
	dup2(fds[0], STDIN_FILENO);
	close(fds[0]);
	b = members(words, &e);
	assert_true(same(pg_buf_str(&b), "{\"n\": 1}"));
	pg_buf_fini(&b);
	if (saved >= 0) {
		dup2(saved, STDIN_FILENO);
		close(saved);
	}
}

static void
encloses(const char *word, const char *key, const char *path)
{
	struct pg_str k, p;
	bool is = pg_form_enclosure(pg_str(word), &k, &p);

	assert_int_equal(is, key != NULL);
	if (is) {
		assert_true(pg_str_eqz(k, key));
		assert_true(pg_str_eqz(p, path));
	}
}

static void
arguments_may_be_files(void **state)
{
	(void)state;
	encloses("scan=@artifact:a.tiff", "scan", "a.tiff");
	encloses("s=@artifact:a=b", "s", "a=b");
	encloses("s=@artifact:", "s", "");
	encloses("s=@artifact", NULL, NULL);
	encloses("s=artifact:a", NULL, NULL);
	encloses("s:=@artifact:a", NULL, NULL);
	encloses("=@artifact:a", NULL, NULL);
	encloses("@artifact:a", NULL, NULL);
	encloses("-", NULL, NULL);
	encloses("", NULL, NULL);
}

/* ---- the nearest word ------------------------------------------------- */

static const char *
nearest(const char *word)
{
	static const char *const all[] = { "agents", "call", "classes",
		"clone", "create", "dispatch", "dispose", "hosts", "info" };
	struct pg_nearest n = { .word = pg_str(word) };
	size_t i;

	for (i = 0; i < PG_COUNT(all); i++)
		pg_nearest_try(&n, all[i]);
	return n.best != NULL ? n.best : "";
}

static void
the_nearest_word_is_proposed(void **state)
{
	char far[PG_WORD_MAX + 2];

	(void)state;
	assert_string_equal(nearest("cal"), "call");
	assert_string_equal(nearest("clal"), "call");
	assert_string_equal(nearest("crate"), "create");
	assert_string_equal(nearest("agnets"), "agents");
	assert_string_equal(nearest("dispatsh"), "dispatch");
	assert_string_equal(nearest("dispo"), "dispose");
	assert_string_equal(nearest("inf"), "info");
	assert_string_equal(nearest("xyzzy"), "");
	assert_string_equal(nearest(""), "");
	memset(far, 'a', sizeof(far) - 1);
	far[PG_WORD_MAX + 1] = '\0';
	assert_string_equal(nearest(far), "");
	assert_string_equal(nearest(far + 1), "");
}

static void
the_longest_word_is_compared(void **state)
{
	char a[PG_WORD_MAX + 2], b[PG_WORD_MAX + 2];
	struct pg_nearest n = { .word = PG_STR_NULL };

	(void)state;
	memset(a, 'a', sizeof(a));
	memset(b, 'a', sizeof(b));
	a[PG_WORD_MAX + 1] = b[PG_WORD_MAX + 1] = '\0';
	b[1] = 'b';
	n.word = pg_str(a + 1);
	pg_nearest_try(&n, b + 1);
	assert_int_equal(n.distance, 1);
	assert_ptr_equal(n.best, b + 1);
	n.best = NULL;
	pg_nearest_try(&n, b);
	assert_null(n.best);
}

/* ---- options ---------------------------------------------------------- */

static const struct pg_option own[] = {
	{ "all", 'a', NULL, NULL, "flag" },
	{ "limit", 'n', "N", "TEST_ARGS_LIMIT", "number" },
	{ "tag", 0, "TAG", "TEST_ARGS_TAG", "a list, each of whose members stands after "
	    "an option" },
	{ "rather-long-option", 0, "VALUE", "TEST_ARGS_ENVIRONMENT", "it takes "
	    "the place to the end of" },
	{ .name = NULL }
};
static const struct pg_option shared[] = {
	{ "json", 0, NULL, NULL, "shared flag" },
	{ .name = NULL }
};
static const struct pg_spec spec = { "WHAT [MORE]", 1, 2, own, "About." };

static int
read_args(struct pg_args *args, struct pg_arena *a, struct pg_err *e,
    const char *const *words)
{
	int n = 0;

	while (words[n] != NULL)
		n++;
	return pg_args_read(args, a, &spec, shared, n,
	    (char **)(uintptr_t)words, e);
}

#define READ(...) read_args(&args, &a, &e, \
    (const char *const[]){ __VA_ARGS__, NULL })

static void
options_stand_anywhere(void **state)
{
	struct pg_arena a = { 0 };
	struct pg_args args;
	struct pg_err e = { 0 };
	struct pg_str s;
	int64_t n = 7;
	size_t at = 0;

	(void)state;
	assert_int_equal(READ("--tag", "x", "w", "-a", "--limit=3", "--tag=",
	    "-n", "4", "-"), 0);
	assert_int_equal(args.nwords, 2);
	assert_true(same(args.words[0], "w") && same(args.words[1], "-"));
	assert_true(pg_args_has(&args, "all"));
	assert_false(pg_args_has(&args, "json"));
	assert_int_equal(pg_args_int(&args, "limit", 0, 9, &n, &e), 0);
	assert_int_equal(n, 4);
	assert_true(pg_args_next(&args, "tag", &at, &s) && same(s, "x"));
	assert_true(pg_args_next(&args, "tag", &at, &s) && same(s, ""));
	assert_false(pg_args_next(&args, "tag", &at, &s));
	assert_int_equal(READ("--json", "--", "-a", "--limit"), 0);
	assert_true(same(args.words[0], "-a"));
	assert_true(same(args.words[1], "--limit"));
	assert_true(pg_args_has(&args, "json"));
	pg_arena_fini(&a);
}

static void
options_come_from_the_environment(void **state)
{
	struct pg_arena a = { 0 };
	struct pg_args args;
	struct pg_err e = { 0 };
	int64_t n = 7;

	(void)state;
	unsetenv("TEST_ARGS_LIMIT");
	assert_int_equal(READ("w"), 0);
	assert_true(same(pg_args_get(&args, "limit"), NULL));
	assert_int_equal(pg_args_int(&args, "limit", 0, 9, &n, &e), 0);
	assert_int_equal(n, 7);
	setenv("TEST_ARGS_LIMIT", "", 1);
	assert_true(same(pg_args_get(&args, "limit"), NULL));
	setenv("TEST_ARGS_LIMIT", "8", 1);
	assert_true(same(pg_args_get(&args, "limit"), "8"));
	assert_false(pg_args_has(&args, "limit"));
	/* Who is at fault is named. */
	setenv("TEST_ARGS_LIMIT", "x", 1);
	assert_int_equal(pg_args_int(&args, "limit", 0, 9, &n, &e), -1);
	assert_string_equal(e.msg, "TEST_ARGS_LIMIT: 'x' is no number from 0 "
	    "to 9");
	assert_int_equal(READ("w", "--limit", "5"), 0);
	assert_true(same(pg_args_get(&args, "limit"), "5"));
	unsetenv("TEST_ARGS_LIMIT");
	pg_arena_fini(&a);
}

static void
lists_come_from_the_environment(void **state)
{
	static const char *const words[] = { "x", "y,z", "=" };
	struct pg_arena a = { 0 };
	struct pg_args args;
	struct pg_err e = { 0 };
	struct pg_str s;
	size_t at = 0, i;

	(void)state;
	assert_int_equal(READ("w", "-a"), 0);
	setenv("TEST_ARGS_TAG", " x  y,z\t\n= ", 1);
	for (i = 0; i < PG_COUNT(words); i++)
		assert_true(pg_args_next(&args, "tag", &at, &s) &&
		    same(s, words[i]));
	assert_false(pg_args_next(&args, "tag", &at, &s));
	assert_false(pg_args_next(&args, "tag", &at, &s));
	setenv("TEST_ARGS_TAG", " ", 1);
	at = 0;
	assert_false(pg_args_next(&args, "tag", &at, &s));
	/* It counts only if the option is not given, be it empty. */
	at = 0;
	setenv("TEST_ARGS_TAG", "x", 1);
	assert_int_equal(READ("w", "--tag="), 0);
	assert_true(pg_args_next(&args, "tag", &at, &s) && same(s, ""));
	assert_false(pg_args_next(&args, "tag", &at, &s));
	unsetenv("TEST_ARGS_TAG");
	pg_arena_fini(&a);
}

static void
bad_options_are_named(void **state)
{
	struct pg_arena a = { 0 };
	struct pg_args args;
	struct pg_err e = { 0 };
	int64_t n;

	(void)state;
	assert_int_equal(READ("w", "--limt", "5"), -1);
	assert_true(says(&e, "unknown option '--limt'; did you mean "
	    "'--limit'?"));
	assert_int_equal(READ("w", "--jsno"), -1);
	assert_true(says(&e, "did you mean '--json'?"));
	assert_int_equal(READ("w", "--frobnicate=1"), -1);
	assert_true(says(&e, "unknown option '--frobnicate=1'; --help"));
	assert_int_equal(READ("w", "-x"), -1);
	assert_int_equal(READ("w", "-an"), -1);
	assert_true(says(&e, "unknown option '-an'"));
	assert_int_equal(READ("w", "--all=1"), -1);
	assert_true(says(&e, "--all takes no value"));
	assert_int_equal(READ("w", "--limit"), -1);
	assert_true(says(&e, "--limit lacks its N"));
	assert_int_equal(READ("--all"), -1);
	assert_true(says(&e, "too few words; it takes WHAT [MORE]"));
	assert_int_equal(READ("1", "2", "3"), -1);
	assert_true(says(&e, "unexpected '3'"));
	assert_int_equal(READ("w", "--limit", "10"), 0);
	assert_int_equal(pg_args_int(&args, "limit", 0, 9, &n, &e), -1);
	assert_true(says(&e, "--limit: '10' is no number"));
	pg_arena_fini(&a);
}

static void
help_is_made_of_the_tables(void **state)
{
	struct pg_arena a = { 0 };
	struct pg_args args;
	struct pg_err e = { 0 };
	struct pg_buf b = PG_BUF_INIT(0);

	(void)state;
	assert_int_equal(READ("1", "2", "3", "--help", "--nonsense"), 0);
	assert_true(args.help);
	pg_args_help(&b, &args, "test");
	assert_true(same(pg_buf_str(&b),
	    "usage: paglets test WHAT [MORE] [options]\n\nAbout.\n\n"
	    "  -a, --all                 flag\n"
	    "  -n, --limit N             number [TEST_ARGS_LIMIT]\n"
	    "  --tag TAG                 a list, each of whose members stands "
	    "after an option\n"
	    "                            [TEST_ARGS_TAG]\n"
	    "  --rather-long-option VALUE\n"
	    "                            it takes the place to the end of\n"
	    "                            [TEST_ARGS_ENVIRONMENT]\n"
	    "  --json                    shared flag\n"
	    "  -h, --help                show this\n"));
	pg_buf_fini(&b);
	pg_arena_fini(&a);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations_have_units),
		cmocka_unit_test(sizes_have_units),
		cmocka_unit_test(numbers_have_bounds),
		cmocka_unit_test(moments_are_dates_or_soon),
		cmocka_unit_test(moments_have_a_zone),
		cmocka_unit_test(words_become_arguments),
		cmocka_unit_test(bad_arguments_are_named),
		cmocka_unit_test(arguments_come_from_files),
		cmocka_unit_test(arguments_come_from_stdin),
		cmocka_unit_test(arguments_may_be_files),
		cmocka_unit_test(the_nearest_word_is_proposed),
		cmocka_unit_test(the_longest_word_is_compared),
		cmocka_unit_test(options_stand_anywhere),
		cmocka_unit_test(options_come_from_the_environment),
		cmocka_unit_test(lists_come_from_the_environment),
		cmocka_unit_test(bad_options_are_named),
		cmocka_unit_test(help_is_made_of_the_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
