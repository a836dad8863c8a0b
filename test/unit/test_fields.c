/* test_fields: a state survives the way to the wire and back; what is missing
 * takes its default, what has the wrong type is named and changes nothing;
 * and a field replaced often does not grow.
 */
/* parts: base/err base/mem base/buf base/map base/log base/clock codec/value codec/float codec/pickle_text codec/pickle_build codec/pickle codec/pickle_write os/file agent/frame os/sock agent/fields */
#include "agent/fields.h"

#include <setjmp.h>

#include <cmocka.h>

struct rich {
	int64_t i;
	double f;
	bool b;
	struct paglets_bytes text, bytes;
	struct paglets_tree list, dict, any;
};

static const struct paglets_field rich_fields[] = {
	PAGLETS_INT_OR(struct rich, i, -7),
	PAGLETS_FLOAT_OR(struct rich, f, 2.5),
	PAGLETS_BOOL_OR(struct rich, b, true),
	PAGLETS_TEXT_OR(struct rich, text, "none"),
	PAGLETS_BYTES(struct rich, bytes),
	PAGLETS_LIST(struct rich, list),
	PAGLETS_DICT(struct rich, dict),
	PAGLETS_VALUE(struct rich, any),
	PAGLETS_END
};

static const struct paglets_class rich_class = {
	PAGLETS_CLASS("test.rich:RichPaglet", struct rich, rich_fields),
};

static const struct paglets_class versioned_class = {
	PAGLETS_CLASS("test.rich:Versioned", struct rich, rich_fields),
	.schema = 3,
};

struct fixture {
	struct pg_arena a;
	struct pg_err e;
	struct rich *s;
};

static int
fixture_open(void **state)
{
	struct fixture *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	t->s = pg_fields_new(&rich_class);
	*state = t;
	return 0;
}

static int
fixture_close(void **state)
{
	struct fixture *t = *state;

	pg_fields_free(&rich_class, t->s);
	pg_arena_fini(&t->a);
	free(t);
	return 0;
}

static void
put(struct fixture *t, struct pg_value *d, const char *key,
    struct pg_value *v)
{
	assert_int_equal(pg_value_put(&t->a, d, pg_str(key), v), 0);
}

static int
assign(struct fixture *t, const struct pg_value *d)
{
	memset(&t->e, 0, sizeof(t->e));
	return pg_fields_assign(&rich_class, t->s, d, NULL, &t->e);
}

/* What pg_fields_write writes, read back. */
static struct pg_value *
written(struct fixture *t, const struct paglets_class *cls)
{
	struct pg_out o = { .arg = NULL };
	struct pg_value *v;
	struct pg_str bytes;

	assert_int_equal(pg_fields_write(cls, t->s, &o, &t->e), 0);
	bytes = pg_arena_str(&t->a, pg_buf_str(&o.buf));
	pg_buf_fini(&o.buf);
	assert_int_equal(pg_pickle_read_value(bytes, &t->a, 0, &v, &t->e), 0);
	return v;
}

static struct pg_value *
full_state(struct fixture *t)
{
	struct pg_value *d = pg_value_dict(&t->a);
	struct pg_value *list = pg_value_list(&t->a);
	struct pg_value *dict = pg_value_dict(&t->a);

	pg_value_add(&t->a, list, pg_value_int(&t->a, 1));
	pg_value_add(&t->a, list, pg_value_strz(&t->a, "two"));
	put(t, dict, "k", list);
	put(t, d, "i", pg_value_int(&t->a, INT64_MIN));
	put(t, d, "f", pg_value_float(&t->a, 0.1));
	put(t, d, "b", pg_value_bool(&t->a, false));
	put(t, d, "text", pg_value_strz(&t->a, "h\xc3\xa9llo"));
	put(t, d, "bytes", pg_value_bytes(&t->a, PG_T_BYTES,
	    (struct pg_str){ "\0\xff", 2 }));
	put(t, d, "list", list);
	put(t, d, "dict", dict);
	put(t, d, "any", pg_value_float(&t->a, 1.5));
	return d;
}

static void
test_defaults(void **state)
{
	struct fixture *t = *state;
	struct pg_value *v = written(t, &rich_class);

	assert_int_equal(t->s->i, -7);
	assert_true(t->s->f > 2.4 && t->s->f < 2.6);
	assert_true(t->s->b);
	assert_string_equal(t->s->text.p, "none");
	assert_int_equal(t->s->bytes.n, 0);
	assert_int_equal(v->n, 8);
	assert_null(pg_value_get(v, "_schema"));
	assert_true(pg_value_is(pg_value_get(v, "list"), PG_T_LIST));
	assert_true(pg_value_is(pg_value_get(v, "dict"), PG_T_DICT));
	assert_true(pg_value_is(pg_value_get(v, "any"), PG_T_NULL));
}

static void
test_round_trip(void **state)
{
	struct fixture *t = *state;
	struct pg_value *d = full_state(t);

	assert_int_equal(assign(t, d), 0);
	assert_true(pg_value_eq(written(t, &rich_class), d));
	/* Field by field in the order of the table, as Python has it. */
	assert_true(pg_str_eqz(written(t, &rich_class)->u.pairs[3].key,
	    "text"));
	assert_string_equal(t->s->text.p, "h\xc3\xa9llo");
}

static void
test_missing_null_and_unknown(void **state)
{
	struct fixture *t = *state;
	struct pg_value *d = pg_value_dict(&t->a);

	put(t, d, "text", pg_value_null(&t->a));
	put(t, d, "unheard of", pg_value_int(&t->a, 1));
	put(t, d, "i", pg_value_int(&t->a, 3));
	assert_int_equal(assign(t, d), 0);
	assert_int_equal(t->s->i, 3);
	assert_string_equal(t->s->text.p, "none");
	assert_true(t->s->b);
}

static void
wrong(struct fixture *t, const char *key, struct pg_value *v,
    const char *error)
{
	struct pg_value *d = pg_value_dict(&t->a);

	put(t, d, "i", pg_value_int(&t->a, 99));
	if (strcmp(key, "i") == 0)
		d = pg_value_dict(&t->a);
	put(t, d, key, v);
	assert_int_equal(assign(t, d), -1);
	assert_int_equal(t->e.code, PG_E_SERIAL);
	assert_string_equal(t->e.msg, error);
	assert_int_equal(t->s->i, -7); /* nothing was assigned */
}

/* A number in text is taken for the number: senders that type nothing. */
static void
test_int_as_text(void **state)
{
	struct fixture *t = *state;
	struct pg_value *d = pg_value_dict(&t->a);

	put(t, d, "i", pg_value_strz(&t->a, " 12 "));
	assert_int_equal(assign(t, d), 0);
	assert_int_equal(t->s->i, 12);
}

static void
test_wrong_types(void **state)
{
	struct fixture *t = *state;
	struct pg_value *text = pg_value_strz(&t->a, "7x");
	struct pg_value *one = pg_value_int(&t->a, 1);

	wrong(t, "i", text, "state field 'i' must be int, got str");
	wrong(t, "i", pg_value_bool(&t->a, true),
	    "state field 'i' must be int, got bool");
	wrong(t, "i", pg_value_decimal(&t->a, PG_STR("9223372036854775808")),
	    "state field 'i' must be int of 64 bits, got one of 19 digits");
	wrong(t, "f", text, "state field 'f' must be float, got str");
	wrong(t, "b", one, "state field 'b' must be bool, got int");
	wrong(t, "text", one, "state field 'text' must be str, got int");
	wrong(t, "bytes", text, "state field 'bytes' must be bytes, got str");
	wrong(t, "list", text, "state field 'list' must be list, got str");
	wrong(t, "dict", text, "state field 'dict' must be dict, got str");
}

static void
test_conversions(void **state)
{
	struct fixture *t = *state;
	struct pg_value *d = pg_value_dict(&t->a);
	struct pg_value *tuple = pg_value_list(&t->a);

	tuple->type = PG_T_TUPLE;
	put(t, d, "f", pg_value_int(&t->a, 4));
	put(t, d, "bytes", pg_value_bytes(&t->a, PG_T_BYTEARRAY,
	    PG_STR("ab")));
	put(t, d, "list", tuple);
	assert_int_equal(assign(t, d), 0);
	assert_true(t->s->f > 3.9 && t->s->f < 4.1);
	assert_memory_equal(t->s->bytes.p, "ab", 2);
	assert_int_equal(paglets_tree_add(&t->s->list, pg_value_outer(d)), 0);
}

static void
test_schema(void **state)
{
	struct fixture *t = *state;
	struct pg_value *d = pg_value_dict(&t->a);
	int64_t from = -1;

	assert_int_equal(pg_fields_schema(&versioned_class, d, &from, &t->e),
	    0);
	assert_int_equal(from, 0);
	d = written(t, &versioned_class);
	assert_true(pg_str_eqz(d->u.pairs[0].key, "_schema"));
	for (int64_t i = 2; i <= 3; i++) {
		pg_value_get(d, "_schema")->u.i = i;
		assert_int_equal(pg_fields_schema(&versioned_class, d, &from,
		    &t->e), 0);
		assert_int_equal(from, i);
	}
	pg_value_get(d, "_schema")->u.i = 4;
	assert_int_equal(pg_fields_schema(&versioned_class, d, &from, &t->e),
	    -1);
	assert_string_equal(t->e.msg, "state of test.rich:Versioned has "
	    "schema 4, this host knows up to 3");
	pg_value_get(d, "_schema")->u.i = -1;
	assert_int_equal(pg_fields_schema(&versioned_class, d, &from, &t->e),
	    -1);
	pg_value_get(d, "_schema")->type = PG_T_FLOAT;
	assert_int_equal(pg_fields_schema(&versioned_class, d, &from, &t->e),
	    -1);
}

/* Large bytes are borrowed from the memfd they came in, which goes when they
 * go; smaller ones are copied. */
static void
test_borrowing(void **state)
{
	struct fixture *t = *state;
	static const size_t sizes[] = { PG_FIELDS_BORROW_MIN - 1,
		PG_FIELDS_BORROW_MIN, PG_FIELDS_BORROW_MIN + 1 };
	char *p = pg_alloc(2 * PG_FIELDS_BORROW_MIN);
	struct pg_bulk *bulk = pg_bulk_copy((struct pg_str){ p,
	    2 * PG_FIELDS_BORROW_MIN }, &t->e);
	struct pg_value *d;

	for (size_t i = 0; i < PG_COUNT(sizes); i++) {
		d = pg_value_dict(&t->a);
		put(t, d, "bytes", pg_value_bytes(&t->a, PG_T_BYTES,
		    (struct pg_str){ bulk->p + 10, sizes[i] }));
		assert_int_equal(pg_fields_assign(&rich_class, t->s, d, bulk,
		    &t->e), 0);
		assert_int_equal(bulk->refs, i == 0 ? 1 : 2);
		assert_int_equal(t->s->bytes.p == bulk->p + 10, i > 0);
		assert_int_equal(t->s->bytes.n, sizes[i]);
	}
	pg_bulk_unref(bulk); /* the field keeps it mapped */
	assert_int_equal(t->s->bytes.p[0], 0);
	assert_int_equal(paglets_bytes_set(&t->s->bytes, t->s->bytes.p, 3),
	    0);
	free(p);
}

static void
test_bytes(void **state)
{
	struct fixture *t = *state;
	struct paglets_bytes *b = &t->s->bytes;
	char *p;

	assert_int_equal(paglets_bytes_set(b, "abc", 3), 0);
	assert_int_equal(paglets_bytes_set(b, b->p + 1, 2), 0);
	assert_memory_equal(b->p, "bc", 3);
	assert_int_equal(paglets_text_set(&t->s->text, "a\xff\xc3z\xc3\xa9"),
	    0);
	assert_string_equal(t->s->text.p, "a??z\xc3\xa9");
	assert_non_null(pg_fields_bytes_new(b, 9, 10));
	p = pg_fields_bytes_new(b, 10, 10);
	assert_non_null(p);
	assert_int_equal(p[9], 0);
	assert_null(pg_fields_bytes_new(b, 11, 10));
	assert_ptr_equal(b->p, p); /* as it was */
	assert_null(paglets_bytes_new(b, PAGLETS_BYTES_MAX + 1));
	assert_int_equal(paglets_bytes_set(b, p, PAGLETS_BYTES_MAX + 1), -1);
}

static void
test_trees(void **state)
{
	struct fixture *t = *state;
	struct rich *s = t->s;
	struct pg_value *v = pg_value_strz(&t->a, "x");

	assert_int_equal(paglets_tree_add(&s->list, pg_value_outer(v)), 0);
	assert_int_equal(paglets_tree_add(&s->list, NULL), 0);
	assert_int_equal(pg_value_inner(s->list.v)->n, 2);
	assert_int_equal(paglets_tree_put(&s->dict, "k", s->list.v), 0);
	assert_int_equal(paglets_tree_put(&s->dict, "k", NULL), 0);
	assert_int_equal(pg_value_inner(s->dict.v)->n, 1);
	assert_int_equal(paglets_tree_add(&s->dict, NULL), -1);
	assert_int_equal(paglets_tree_put(&s->list, "k", NULL), -1);
	/* What is put in may be the tree itself. */
	assert_int_equal(paglets_tree_set(&s->any, s->list.v), 0);
	assert_int_equal(paglets_tree_add(&s->any, s->any.v), 0);
	assert_int_equal(pg_value_inner(s->any.v)->n, 3);
	assert_int_equal(paglets_tree_set(&s->any, s->any.v), 0);
	assert_int_equal(pg_value_inner(s->any.v)->n, 3);
}

static void
test_trees_do_not_grow(void **state)
{
	struct fixture *t = *state;
	struct pg_value *v = pg_value_strz(&t->a, "a text of some length");

	for (int i = 0; i < 20000; i++) {
		assert_int_equal(paglets_tree_put(&t->s->dict, "same key",
		    pg_value_outer(v)), 0);
		pg_fields_tidy(&rich_class, t->s);
	}
	assert_true(pg_fields_weight(&rich_class, t->s) < 64 * 1024);
	assert_int_equal(pg_value_inner(t->s->dict.v)->n, 1);
}

static void
test_state_names(void **state)
{
	static const char *const names[][2] = {
		{ "m:CounterPaglet", "m:CounterState" },
		{ "m:InfoAgent", "m:InfoState" },
		{ "demo.counter:Counter", "demo.counter:CounterState" },
		{ "m:PagletAgentX", "m:PagletAgentXState" },
	};
	struct fixture *t = *state;

	for (size_t i = 0; i < PG_COUNT(names); i++)
		assert_string_equal(pg_fields_state_name(&t->a,
		    pg_str(names[i][0])).p, names[i][1]);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, fixture_open, fixture_close)
	const struct CMUnitTest tests[] = {
		T(test_defaults),
		T(test_round_trip),
		T(test_missing_null_and_unknown),
		T(test_int_as_text),
		T(test_wrong_types),
		T(test_conversions),
		T(test_schema),
		T(test_borrowing),
		T(test_bytes),
		T(test_trees),
		T(test_trees_do_not_grow),
		T(test_state_names),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
