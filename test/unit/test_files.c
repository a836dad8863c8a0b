/* test_files: shows that lists of registered files are copies of one another,
 * that they read back as they were written, how long they and their texts may
 * be, and under which names files are stored; hostile records are refused.
 */
/* parts: base/err base/mem base/buf base/map codec/value codec/float codec/json codec/pickle codec/pickle_build codec/pickle_text codec/pickle_write host/wire host/files */
#include "codec/json.h"
#include "host/files.h"
#include "host/wire.h"

#include <setjmp.h>

#include <cmocka.h>

static struct pg_arena arena;

static int
teardown(void **state)
{
	(void)state;
	pg_arena_fini(&arena);
	return 0;
}

/* ---- helpers ---------------------------------------------------------- */

static struct pg_fileref
file(const char *name)
{
	return (struct pg_fileref){ .name = pg_str(name),
		.current_path = PG_STR("/tmp/x"), .size_bytes = 5,
		.status = PG_STR(PG_FILE_REGISTERED) };
}

/* f with another file; takes f. */
static struct pg_files *
with(struct pg_files *f, const struct pg_fileref *r)
{
	struct pg_err e = { 0 };
	struct pg_files *to = pg_files_with(f, r, &e);

	if (to == NULL)
		fail_msg("%s", e.msg);
	pg_files_unref(f);
	return to;
}

static struct pg_str
text_of(size_t n)
{
	char *p = pg_arena_alloc(&arena, n + 1);

	memset(p, 'x', n);
	return (struct pg_str){ p, n };
}

static int
reads(const char *json, struct pg_files **out, struct pg_err *e)
{
	struct pg_value *v;

	assert_int_equal(pg_json_read(pg_str(json), &arena, &v, NULL), 0);
	*out = NULL;
	return pg_files_read(v, out, e);
}

static void
stored(const char *name, unsigned nth, const char *expected)
{
	char out[PG_FILE_STORED_MAX + 16];

	pg_file_stored_name(pg_str(name), nth, out);
	assert_string_equal(out, expected);
}

/* ---- lists ------------------------------------------------------------ */

static void
a_list_does_not_change(void **state)
{
	struct pg_fileref a = file("a"), b = file("b");
	struct pg_files *one, *two, *three, *less;

	(void)state;
	one = with(NULL, &a);
	two = pg_files_with(one, &b, NULL);
	a.current_path = PG_STR("/tmp/y");
	three = pg_files_with(two, &a, NULL);
	assert_int_equal(one->n, 1);
	assert_int_equal(two->n, 2);
	assert_int_equal(three->n, 2);
	assert_true(pg_str_eqz(two->items[0].current_path, "/tmp/x"));
	assert_true(pg_str_eqz(three->items[0].current_path, "/tmp/y"));
	assert_true(pg_str_eqz(three->items[1].name, "b"));
	less = pg_files_without(three, PG_STR("a"));
	assert_int_equal(less->n, 1);
	assert_null(pg_files_find(less, PG_STR("a")));
	assert_ptr_equal(pg_files_find(less, PG_STR("b")), &less->items[0]);
	assert_null(pg_files_without(less, PG_STR("b")));
	assert_null(pg_files_without(NULL, PG_STR("b")));
	assert_null(pg_files_find(NULL, PG_STR("b")));
	pg_files_unref(one);
	pg_files_unref(two);
	pg_files_unref(three);
	pg_files_unref(pg_files_ref(less));
	pg_files_unref(less);
	pg_files_unref(pg_files_ref(NULL));
}

static void
so_many_files(void **state)
{
	struct pg_files *f = NULL;
	struct pg_fileref r;
	struct pg_err e = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < PG_FILES_MAX; i++) {
		r = file(pg_arena_printf(&arena, "f%zu", i).p);
		f = with(f, &r);
		assert_int_equal(f->n, i + 1);
	}
	r = file("one more");
	assert_null(pg_files_with(f, &r, &e));
	assert_int_equal(e.code, PG_E_TRANSFER);
	r = file("f7");
	f = with(f, &r);
	assert_int_equal(f->n, PG_FILES_MAX);
	pg_files_unref(f);
}

static void
so_much_text(void **state)
{
	struct pg_fileref r = file("a");
	struct pg_files *f;
	struct pg_err e = { 0 };
	size_t around, n;

	(void)state;
	f = with(NULL, &r);
	around = f->text;
	for (n = PG_FILES_TEXT_MAX - 1; n <= PG_FILES_TEXT_MAX + 1; n++) {
		r = file("a");
		r.last_error = text_of(n - around);
		pg_files_unref(f);
		f = pg_files_with(NULL, &r, &e);
		assert_int_equal(f != NULL, n <= PG_FILES_TEXT_MAX);
	}
	assert_int_equal(e.code, PG_E_TRANSFER);
}

/* ---- records ---------------------------------------------------------- */

static void
a_list_reads_back(void **state)
{
	struct pg_fileref r = { .name = PG_STR("n"), .move = true,
		.source_host_name = PG_STR("h"),
		.source_host_url = PG_STR("http://h:1"),
		.source_path = PG_STR("/s"), .source_created_at = 1.5,
		.source_modified_at = 2.5, .size_bytes = INT64_MAX,
		.sha256 = PG_STR("00"), .current_host_name = PG_STR("i"),
		.current_host_url = PG_STR("http://i:1"),
		.current_path = PG_STR("/c"),
		.status = PG_STR(PG_FILE_AVAILABLE),
		.last_error = PG_STR("why") };
	struct pg_files *f = with(NULL, &r), *back = NULL;
	struct pg_value *v = pg_files_value(f, &arena);
	struct pg_buf b = PG_BUF_INIT(0);

	(void)state;
	assert_int_equal(pg_files_read(v, &back, NULL), 0);
	assert_int_equal(back->n, 1);
	assert_true(back->items[0].move);
	assert_true(back->items[0].source_modified_at == 2.5);
	assert_true(pg_value_eq(v, pg_files_value(back, &arena)));
	/* The order of the wire (PROTOCOL section 4). */
	assert_int_equal(pg_json_write(&b, pg_fileref_value(&r, &arena),
	    NULL), 0);
	pg_buf_putc(&b, '\0');
	assert_string_equal(b.p, "{\"name\": \"n\", \"mode\": \"move\", "
	    "\"source_host_name\": \"h\", \"source_host_url\": "
	    "\"http://h:1\", \"source_path\": \"/s\", "
	    "\"source_created_at\": 1.5, \"source_modified_at\": 2.5, "
	    "\"size_bytes\": 9223372036854775807, \"sha256\": \"00\", "
	    "\"current_host_name\": \"i\", \"current_host_url\": "
	    "\"http://i:1\", \"current_path\": \"/c\", \"status\": "
	    "\"available\", \"last_error\": \"why\"}");
	pg_buf_fini(&b);
	pg_files_unref(f);
	pg_files_unref(back);
	assert_int_equal(reads("[]", &back, NULL), 0);
	assert_null(back);
	assert_int_equal(reads("[{\"name\": \" n \"}]", &back, NULL), 0);
	assert_true(pg_str_eqz(back->items[0].name, "n"));
	assert_true(pg_str_eqz(back->items[0].status, PG_FILE_REGISTERED));
	pg_files_unref(back);
}

static void
refuses_hostile_records(void **state)
{
	static const char *const rows[] = {
		"null", "5", "{}", "\"x\"", "[null]", "[5]", "[[]]", "[{}]",
		"[{\"name\": 5}]", "[{\"name\": \"\"}]",
		"[{\"name\": \" \"}]", "[{\"name\": \"a\\u0000b\"}]",
		"[{\"name\": \"a\\nb\"}]",
		"[{\"name\": \"a\", \"mode\": \"steal\"}]",
		"[{\"name\": \"a\", \"mode\": 5}]",
		"[{\"name\": \"a\", \"size_bytes\": \"x\"}]",
		"[{\"name\": \"a\", \"size_bytes\": -1}]",
		"[{\"name\": \"a\", \"size_bytes\": 99999999999999999999}]",
		"[{\"name\": \"a\", \"current_path\": 5}]",
		"[{\"name\": \"a\", \"current_path\": \"/x\\u0000\"}]",
		"[{\"name\": \"a\", \"source_created_at\": \"x\"}]",
		"[{\"name\": \"a\"}, {\"name\": \"a\"}]",
		"[{\"name\": \"a\"}, 5]",
	};
	struct pg_files *f;
	struct pg_err e;
	size_t i;

	(void)state;
	for (i = 0; i < PG_COUNT(rows); i++) {
		e = (struct pg_err){ 0 };
		assert_int_equal(reads(rows[i], &f, &e), -1);
		assert_null(f);
		assert_int_equal(e.code, PG_E_TRANSFER);
		assert_null(strchr(e.msg, '\n'));
	}
}

static void
texts_have_a_length(void **state)
{
	struct pg_value *d;
	struct pg_fileref r;
	size_t n;

	(void)state;
	for (n = PG_FILE_PATH_MAX - 1; n <= PG_FILE_PATH_MAX + 1; n++) {
		d = pg_value_dict(&arena);
		pg_put_strz(&arena, d, "name", "a");
		pg_put_str(&arena, d, "current_path", text_of(n));
		assert_int_equal(pg_fileref_read(d, &r, NULL),
		    n <= PG_FILE_PATH_MAX ? 0 : -1);
	}
}

/* ---- words ------------------------------------------------------------ */

static void
a_name_has_a_length(void **state)
{
	struct pg_str name;
	size_t n;

	(void)state;
	for (n = PG_FILE_NAME_MAX - 1; n <= PG_FILE_NAME_MAX + 1; n++) {
		name = text_of(n);
		assert_int_equal(pg_file_name(&name, NULL),
		    n <= PG_FILE_NAME_MAX ? 0 : -1);
	}
	name = text_of(0);
	assert_int_equal(pg_file_name(&name, NULL), -1);
}

static void
a_mode_is_one_of_two(void **state)
{
	bool move;

	(void)state;
	assert_int_equal(pg_file_mode(PG_STR(" MOVE"), &move, NULL), 0);
	assert_true(move);
	assert_int_equal(pg_file_mode(PG_STR("copy"), &move, NULL), 0);
	assert_false(move);
	assert_int_equal(pg_file_mode(PG_STR(""), &move, NULL), 0);
	assert_false(move);
	assert_int_equal(pg_file_mode(PG_STR("moves"), &move, NULL), -1);
}

static void
names_on_disk(void **state)
{
	char out[PG_FILE_STORED_MAX + 16];
	struct pg_str name;
	size_t n;

	(void)state;
	stored("a.txt", 1, "a.txt");
	stored("a.txt", 2, "a-2.txt");
	stored("a", 12, "a-12");
	stored("../x", 1, "x");
	stored("a/../b", 1, "a_.._b");
	stored("..", 1, "artifact");
	stored("_._", 1, "artifact");
	stored("", 1, "artifact");
	stored("/etc/passwd", 1, "etc_passwd");
	stored("a b\xc3\xbc.c", 1, "a_b_.c");
	stored(".hidden", 1, "hidden");
	for (n = PG_FILE_STORED_MAX - 1; n <= PG_FILE_STORED_MAX + 1; n++) {
		name = text_of(n);
		pg_file_stored_name(name, 1, out);
		assert_int_equal(strlen(out), PG_MIN(n,
		    (size_t)PG_FILE_STORED_MAX));
		pg_file_stored_name(name, 100, out);
		assert_int_equal(strlen(out), PG_MIN(n,
		    (size_t)PG_FILE_STORED_MAX) + 4);
	}
}

int
main(void)
{
#define T(f) cmocka_unit_test_teardown(f, teardown)
	const struct CMUnitTest tests[] = {
		T(a_list_does_not_change),
		T(so_many_files),
		T(so_much_text),
		T(a_list_reads_back),
		T(refuses_hostile_records),
		T(texts_have_a_length),
		T(a_name_has_a_length),
		T(a_mode_is_one_of_two),
		T(names_on_disk),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
