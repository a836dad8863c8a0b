/* test_cli: shows what the command line takes from outside, and how much of
 * it: the API key, from a file or the environment, and files of arguments;
 * and that tables stay narrow whatever stands in them.
 */
/* parts: base/err base/mem base/buf base/map base/clock codec/float codec/value codec/json codec/url codec/pickle codec/pickle_build codec/pickle_text codec/pickle_write os/file host/wire cli/forms cli/args cli/show cli/cli */
#include "cli/cli.h"
#include "cli/forms.h"
#include "cli/show.h"
#include "os/file.h"

#include <fcntl.h>
#include <setjmp.h>
#include <unistd.h>

#include <cmocka.h>

static struct pg_arena arena;
static char path[64];

static int
setup(void **state)
{
	int fd;

	(void)state;
	unsetenv("PAGLETS_API_KEY");
	snprintf(path, sizeof(path), "/tmp/test_cli.XXXXXX");
	fd = mkstemp(path);
	return fd < 0 ? -1 : close(fd);
}

static int
teardown(void **state)
{
	(void)state;
	pg_arena_fini(&arena);
	unsetenv("PAGLETS_API_KEY");
	return unlink(path);
}

static void
file_holds(const void *bytes, size_t n)
{
	assert_int_equal(pg_file_write(path, (struct pg_str){ bytes, n },
	    0600, NULL), 0);
}

/* ---- the API key ------------------------------------------------------ */

/* The code that looking for the key ends with; option NULL: none is given. */
static enum pg_code
finds_key(const char *option, const char *value, struct pg_str *key)
{
	static const struct pg_option options[] = { PG_CLI_KEY_OPTIONS,
		{ .name = NULL } };
	static const struct pg_spec spec = { "", 0, 0, options, "" };
	struct pg_cli c = { .arena = { 0 } };
	char words[2][80] = { "", "" };
	char *argv[] = { words[0], words[1], NULL };
	struct pg_err e = { 0 };

	if (option != NULL) {
		snprintf(words[0], sizeof(words[0]), "%s", option);
		snprintf(words[1], sizeof(words[1]), "%s", value);
	}
	if (pg_args_read(&c.args, &c.arena, &spec, NULL, option != NULL ? 2 :
	    0, argv, &e) < 0)
		fail_msg("%s", e.msg);
	if (pg_cli_key(&c, key, &e) == 0)
		*key = pg_arena_str(&arena, *key);
	pg_arena_fini(&c.arena);
	return e.code;
}

static void
a_key_comes_from_where_it_is(void **state)
{
	struct pg_str key;

	(void)state;
	assert_int_equal(finds_key(NULL, NULL, &key), PG_E_OK);
	assert_int_equal(key.n, 0);
	setenv("PAGLETS_API_KEY", "k1", 1);
	assert_int_equal(finds_key(NULL, NULL, &key), PG_E_OK);
	assert_true(pg_str_eqz(key, "k1"));
	setenv("OTHER_KEY", "k2", 1);
	assert_int_equal(finds_key("--api-key-env", "OTHER_KEY", &key),
	    PG_E_OK);
	assert_true(pg_str_eqz(key, "k2"));
	unsetenv("OTHER_KEY");
	assert_int_equal(finds_key("--api-key-env", "OTHER_KEY", &key),
	    PG_E_USAGE);
	file_holds(" k3\r\n", 5);
	assert_int_equal(finds_key("--api-key-file", path, &key), PG_E_OK);
	assert_true(pg_str_eqz(key, "k3"));
	file_holds("\n", 1);
	assert_int_equal(finds_key("--api-key-file", path, &key), PG_E_USAGE);
}

/* It goes into a header field. */
static void
a_key_is_of_printable_ascii(void **state)
{
	static const char *const bad[] = { "a b", "a\r\nX: y", "a\tb", "\x7f",
		"k\xc3\xa9y", "\x01" };
	struct pg_str key;
	size_t i;

	(void)state;
	for (i = 0; i < PG_COUNT(bad); i++) {
		setenv("PAGLETS_API_KEY", bad[i], 1);
		assert_int_equal(finds_key(NULL, NULL, &key), PG_E_USAGE);
	}
	setenv("PAGLETS_API_KEY", "!~", 1);
	assert_int_equal(finds_key(NULL, NULL, &key), PG_E_OK);
	file_holds("a\0b", 3);
	assert_int_equal(finds_key("--api-key-file", path, &key), PG_E_USAGE);
}

static void
a_key_has_a_length(void **state)
{
	char text[PG_KEY_MAX + 4];
	struct pg_str key;
	size_t n;

	(void)state;
	memset(text, 'k', sizeof(text));
	for (n = PG_KEY_MAX - 1; n <= PG_KEY_MAX + 1; n++) {
		text[n] = '\0';
		setenv("PAGLETS_API_KEY", text, 1);
		assert_int_equal(finds_key(NULL, NULL, &key), n <= PG_KEY_MAX
		    ? PG_E_OK : PG_E_USAGE);
		text[n] = '\r';
		text[n + 1] = '\n';
		file_holds(text, n + 2);
		assert_int_equal(finds_key("--api-key-file", path, &key) ==
		    PG_E_OK, n <= PG_KEY_MAX);
		text[n] = text[n + 1] = 'k';
	}
	/* What is no key at all is not read to its end. */
	assert_int_equal(finds_key("--api-key-file", "/dev/zero", &key) ==
	    PG_E_OK, false);
}

/* ---- files of arguments ----------------------------------------------- */

/* The code that reading a file of n blanks and an object ends with. */
static enum pg_code
reads_input(size_t n)
{
	struct pg_value *dict = pg_value_dict(&arena);
	struct pg_str word = pg_arena_printf(&arena, "@%s", path);
	struct pg_err e = { 0 };
	char *text = pg_alloc(n);

	memset(text, ' ', n);
	memcpy(text + n - 7, "{\"a\":1}", 7);
	file_holds(text, n);
	free(text);
	if (pg_form_member(&arena, word, dict, &e) == 0)
		assert_int_equal(pg_value_get(dict, "a")->u.i, 1);
	else
		assert_int_equal(dict->n, 0);
	return e.code;
}

static void
input_has_a_size(void **state)
{
	(void)state;
	assert_int_equal(reads_input(PG_INPUT_MAX - 1), PG_E_OK);
	pg_arena_fini(&arena);
	assert_int_equal(reads_input(PG_INPUT_MAX), PG_E_OK);
	pg_arena_fini(&arena);
	assert_int_equal(reads_input(PG_INPUT_MAX + 1), PG_E_LIMIT);
}

/* ---- tables ----------------------------------------------------------- */

static void
cells_have_a_width(void **state)
{
	static const char *const heads[] = { "A", "B", NULL };
	char text[4 * PG_TABLE_LAST_MAX];
	struct pg_table t;
	size_t n;

	(void)state;
	memset(text, 'x', sizeof(text));
	for (n = PG_TABLE_CELL_MAX - 1; n <= PG_TABLE_LAST_MAX + 1; n++) {
		pg_table_init(&t, &arena, heads);
		pg_table_put(&t, (struct pg_str){ text, n });
		pg_table_put(&t, (struct pg_str){ text, n });
		assert_int_equal(t.width[0], PG_MIN(n, PG_TABLE_CELL_MAX));
		assert_int_equal(t.width[1], PG_MIN(n, PG_TABLE_LAST_MAX));
	}
}

static void
tables_have_so_many_columns(void **state)
{
	const char *heads[PG_TABLE_COLUMNS_MAX + 1];
	struct pg_table t;
	size_t i;

	(void)state;
	for (i = 0; i < PG_TABLE_COLUMNS_MAX; i++)
		heads[i] = "HEAD";
	heads[i] = NULL;
	pg_table_init(&t, &arena, heads);
	assert_int_equal(t.columns, PG_TABLE_COLUMNS_MAX);
	assert_int_equal(t.width[PG_TABLE_COLUMNS_MAX - 1], 4);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_key_comes_from_where_it_is),
		T(a_key_is_of_printable_ascii),
		T(a_key_has_a_length),
		T(input_has_a_size),
		T(cells_have_a_width),
		T(tables_have_so_many_columns),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
