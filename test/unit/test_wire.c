/* test_wire: shows which agent ids are valid, that an error of every code is
 * the same after a journey, what hostile error records become, and that a
 * value too large for its place is refused.
 */
/* parts: base/err base/mem base/buf base/map codec/value codec/float codec/pickle codec/pickle_build codec/pickle_text codec/pickle_write host/wire */
#include "codec/pickle.h"
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

static bool
valid(struct pg_str id)
{
	struct pg_err e = { 0 };

	if (pg_wire_check_id(id, &e) == 0)
		return true;
	assert_int_equal(e.code, PG_E_HOST);
	assert_non_null(strstr(e.msg, "invalid agent id"));
	return false;
}

/* Ids name files and keys of the store, and stand in URLs. */
static void
ids_are_of_few_characters(void **state)
{
	const char *all = "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	char id[2] = "x";
	int c;

	(void)state;
	for (c = 0; c < 256; c++) {
		id[1] = (char)c;
		assert_int_equal(valid((struct pg_str){ id, 2 }), c != 0 &&
		    strchr(all, c) != NULL);
	}
	assert_false(valid(PG_STR(".")));
	assert_false(valid(PG_STR("..")));
	assert_false(valid(PG_STR(".hidden")));
	assert_false(valid(PG_STR("../x")));
	assert_false(valid(PG_STR("\xc3\xa9")));
	assert_true(valid(PG_STR("x..")));
	assert_true(valid(PG_STR("-x")));
	assert_true(valid(PG_STR("_")));
}

static void
ids_have_a_length(void **state)
{
	char id[PG_AGENT_ID_MAX + 1], *huge;
	size_t n = (size_t)1 << 20;

	(void)state;
	memset(id, 'i', sizeof(id));
	assert_false(valid(PG_STR("")));
	assert_false(valid(PG_STR_NULL));
	assert_true(valid((struct pg_str){ id, 1 }));
	assert_true(valid((struct pg_str){ id, PG_AGENT_ID_MAX - 1 }));
	assert_true(valid((struct pg_str){ id, PG_AGENT_ID_MAX }));
	assert_false(valid((struct pg_str){ id, PG_AGENT_ID_MAX + 1 }));
	huge = pg_alloc(n);
	memset(huge, '\x1b', n);
	assert_false(valid((struct pg_str){ huge, n }));
	free(huge);
}

static void
an_error_stays_itself(void **state)
{
	struct pg_err in, out;
	struct pg_value *v;
	int code;

	(void)state;
	for (code = PG_E_OK + 1; code < PG_E_COUNT; code++) {
		in = out = (struct pg_err){ 0 };
		pg_fail(&in, (enum pg_code)code, "reason %d", code);
		v = pg_wire_error(&arena, &in);
		assert_string_equal(pg_value_get(v, "error_type")->u.p,
		    pg_code_wire(in.code));
		assert_int_equal(pg_wire_fail(v, &out), -1);
		assert_int_equal(out.code, code);
		assert_string_equal(out.msg, in.msg);
	}
}

/* A code is told only where the error type does not say it. */
static void
the_finer_code_is_told_where_needed(void **state)
{
	struct pg_err e = { 0 };

	(void)state;
	pg_fail(&e, PG_E_HOST, "x");
	assert_null(pg_value_get(pg_wire_error(&arena, &e), "code"));
	pg_fail(&e, PG_E_CONFLICT, "x");
	assert_string_equal(pg_value_get(pg_wire_error(&arena, &e),
	    "code")->u.p, "conflict");
}

static struct pg_value *
error_record(struct pg_value *type, struct pg_value *text,
    struct pg_value *code)
{
	struct pg_value *d = pg_value_dict(&arena);

	pg_put(&arena, d, "error_type", type);
	pg_put(&arena, d, "error", text);
	pg_put(&arena, d, "code", code);
	return d;
}

static void
assert_becomes(const struct pg_value *v, enum pg_code code, const char *msg)
{
	struct pg_err e = { 0 };

	assert_int_equal(pg_wire_fail(v, &e), -1);
	assert_int_equal(e.code, code);
	assert_string_equal(e.msg, msg);
}

static void
hostile_errors_are_errors(void **state)
{
	struct pg_value *t = pg_value_strz(&arena, "HostError");
	struct pg_value *n = pg_value_int(&arena, 5);
	struct pg_value *list = pg_value_list(&arena);
	struct pg_value *x = pg_value_strz(&arena, "x");

	(void)state;
	assert_becomes(NULL, PG_E_REMOTE, "no reason");
	assert_becomes(n, PG_E_REMOTE, "no reason");
	assert_becomes(list, PG_E_REMOTE, "no reason");
	assert_becomes(pg_value_dict(&arena), PG_E_REMOTE, "no reason");
	assert_becomes(error_record(n, list, n), PG_E_REMOTE, "no reason");
	assert_becomes(error_record(x, x, x), PG_E_REMOTE, "x");
	assert_becomes(error_record(t, x, n), PG_E_HOST, "x");
	assert_becomes(error_record(t, x, x), PG_E_HOST, "x");
	/* A code that belongs to another type picks nothing. */
	assert_becomes(error_record(t, x, pg_value_strz(&arena, "timeout")),
	    PG_E_HOST, "x");
	assert_becomes(error_record(t, x, pg_value_strz(&arena, "busy")),
	    PG_E_BUSY, "x");
}

/* What others say gets into logs and onto terminals. */
static void
what_an_error_says_is_printable_and_short(void **state)
{
	struct pg_value *t = pg_value_strz(&arena, "HostError");
	struct pg_err e = { 0 };
	char *text = pg_arena_alloc(&arena, 100000);
	size_t i, n;

	(void)state;
	pg_wire_fail(error_record(t, pg_value_str(&arena,
	    PG_STR("a\x1b[2J\nb\0c")), NULL), &e);
	for (i = 0; e.msg[i] != '\0'; i += n) {
		n = pg_printable(pg_str(e.msg + i));
		assert_true(n > 0);
	}
	memset(text, 'x', 100000);
	pg_wire_fail(error_record(t, pg_value_str(&arena,
	    (struct pg_str){ text, 100000 }), NULL), &e);
	assert_true(strlen(e.msg) < sizeof(e.msg));
}

static void
a_bare_value_reads_back(void **state)
{
	struct pg_buf b = PG_BUF_INIT(0);
	struct pg_value *v = pg_wire_proxy(&arena, PG_STR("http://h"),
	    PG_STR("a")), *back;

	(void)state;
	pg_put(&arena, v, "absent", NULL);
	pg_put_bool(&arena, v, "b", true);
	pg_put_float(&arena, v, "f", 0.5);
	pg_put_int(&arena, v, "i", INT64_MIN);
	assert_int_equal(pg_wire_bare(&b, v, NULL), 0);
	assert_int_equal(pg_pickle_read_value(pg_buf_str(&b), &arena, 0,
	    &back, NULL), 0);
	assert_true(pg_value_eq(v, back));
	assert_true(pg_value_is(pg_value_get(back, "absent"), PG_T_NULL));
	pg_buf_fini(&b);
}

static void
a_value_may_be_too_large(void **state)
{
	struct pg_value *v = pg_value_strz(&arena, "some text");
	struct pg_buf b = PG_BUF_INIT(0);
	struct pg_err e = { 0 };
	size_t n;

	(void)state;
	assert_int_equal(pg_wire_bare(&b, v, &e), 0);
	n = b.n;
	pg_buf_fini(&b);
	b = PG_BUF_INIT(n);
	assert_int_equal(pg_wire_bare(&b, v, &e), 0);
	pg_buf_fini(&b);
	b = PG_BUF_INIT(n - 1);
	assert_int_equal(pg_wire_bare(&b, v, &e), -1);
	assert_int_equal(e.code, PG_E_LIMIT);
	pg_buf_fini(&b);
}

int
main(void)
{
#define T(f) cmocka_unit_test_teardown(f, teardown)
	const struct CMUnitTest tests[] = {
		T(ids_are_of_few_characters),
		T(ids_have_a_length),
		T(an_error_stays_itself),
		T(the_finer_code_is_told_where_needed),
		T(hostile_errors_are_errors),
		T(what_an_error_says_is_printable_and_short),
		T(a_bare_value_reads_back),
		T(a_value_may_be_too_large),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
