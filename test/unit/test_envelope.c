/* test_envelope: shows that an envelope put together around a state is a
 * pickle that reads back as the record it was written from, and that the
 * state stands in it as bytes that the next host can take out as they are.
 */
/* parts: base/err base/mem base/buf base/map codec/value codec/float codec/pickle codec/pickle_build codec/pickle_text codec/pickle_write host/wire host/envelope */
#include "codec/pickle.h"
#include "host/envelope.h"
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

/* An envelope in which each field says something else. */
static struct pg_envelope
example(void)
{
	struct pg_value *metadata = pg_value_dict(&arena);

	pg_put_strz(&arena, metadata, "transfer_id", "t-1");
	pg_put(&arena, metadata, "list", pg_value_list(&arena));
	return (struct pg_envelope){ .kind = PG_STR("dispatch"),
		.agent_id = PG_STR("a-1"), .class_name = PG_STR("m:Class"),
		.state_class = PG_STR("m:State"),
		.source_name = PG_STR("alpha"),
		.source_address = PG_STR("http://alpha:1"),
		.target_name = PG_STR("beta"),
		.target_address = PG_STR("http://beta:2"),
		.metadata = metadata };
}

/* What is posted: head, the state's bytes, tail. */
static struct pg_str
put_together(const struct pg_envelope *v, struct pg_str state)
{
	struct pg_buf head = PG_BUF_INIT(0), tail = PG_BUF_INIT(0);
	struct pg_str all;

	pg_envelope_write(v, &head, &tail);
	pg_buf_puts(&head, state);
	pg_buf_puts(&head, pg_buf_str(&tail));
	all = pg_arena_str(&arena, pg_buf_str(&head));
	pg_buf_fini(&head);
	pg_buf_fini(&tail);
	return all;
}

static struct pg_str
bare(const struct pg_value *v)
{
	struct pg_buf b = PG_BUF_INIT(0);
	struct pg_str s;

	assert_int_equal(pg_wire_bare(&b, v, NULL), 0);
	s = pg_arena_str(&arena, pg_buf_str(&b));
	pg_buf_fini(&b);
	return s;
}

static struct pg_value *
some_state(void)
{
	struct pg_value *d = pg_value_dict(&arena);

	pg_put_int(&arena, d, "count", 7);
	pg_put(&arena, d, "blob", pg_value_bytes(&arena, PG_T_BYTES,
	    (struct pg_str){ "\0.\xff", 3 }));
	/* Keys that the envelope has as well. */
	pg_put(&arena, d, "state", pg_value_dict(&arena));
	pg_put_strz(&arena, d, "kind", "none");
	return d;
}

/* Read back; the state found as an arrival finds it. */
static struct pg_value *
read_back(struct pg_str in, struct pg_pickle_watch *watch)
{
	struct pg_value *v;
	struct pg_err e = { 0 };

	*watch = (struct pg_pickle_watch){ .key = PG_STR("state"),
		.depth = 2 };
	if (pg_pickle_read(in, &arena, 0, watch, &v, &e) < 0)
		fail_msg("%s", e.msg);
	assert_int_equal(v->n, 1);
	v = pg_value_get(v, "envelope");
	assert_non_null(v);
	return v;
}

static void
assert_text(const struct pg_value *v, const char *key, const char *expected)
{
	struct pg_value *field = pg_value_get(v, key);

	assert_true(pg_value_is(field, PG_T_STR));
	if (!pg_str_eqz(pg_value_text(field, PG_STR_NULL), expected))
		fail_msg("%s: %.*s", key, PG_STR_ARG(pg_value_text(field,
		    PG_STR_NULL)));
}

static void
reads_back(void **state)
{
	struct pg_envelope in = example();
	struct pg_value *inner = some_state(), *v;
	struct pg_pickle_watch watch;

	(void)state;
	v = read_back(put_together(&in, bare(inner)), &watch);
	assert_int_equal(v->n, 11);
	assert_text(v, "kind", "dispatch");
	assert_text(v, "agent_id", "a-1");
	assert_text(v, "agent_class_name", "m:Class");
	assert_text(v, "state_class_name", "m:State");
	assert_text(v, "source_host_name", "alpha");
	assert_text(v, "source_host_address", "http://alpha:1");
	assert_text(v, "target_host_name", "beta");
	assert_text(v, "target_host_address", "http://beta:2");
	assert_true(pg_value_is(pg_value_get(v, "clone_of"), PG_T_NULL));
	assert_true(pg_value_eq(pg_value_get(v, "metadata"), in.metadata));
	assert_true(pg_value_eq(pg_value_get(v, "state"), inner));
}

static void
says_whose_clone_it_is(void **state)
{
	struct pg_envelope in = example();
	struct pg_pickle_watch watch;
	struct pg_value *v;

	(void)state;
	in.clone_of = PG_STR("original");
	v = read_back(put_together(&in, bare(some_state())), &watch);
	assert_text(v, "clone_of", "original");
}

/* The state's bytes are found where they were put, and may go on as they are,
 * to the next host or into a process. */
static void
the_state_can_be_taken_out(void **state)
{
	struct pg_envelope in = example();
	struct pg_value *inner = some_state();
	struct pg_str text = bare(inner), all = put_together(&in, text), again;
	struct pg_pickle_watch watch;

	(void)state;
	read_back(all, &watch);
	assert_true(pg_value_eq(watch.value, inner));
	assert_true(watch.plain);
	assert_int_equal(watch.len, text.n);
	assert_memory_equal(all.p + watch.off, text.p, text.n);
	again = put_together(&in, (struct pg_str){ all.p + watch.off,
	    watch.len });
	assert_int_equal(again.n, all.n);
	assert_memory_equal(again.p, all.p, all.n);
}

/* Names come from users and peers: lengths on both sides of every form that
 * a pickle has for text, and characters of all kinds. */
static void
takes_texts_of_any_kind(void **state)
{
	static const size_t lengths[] = { 0, 1, 255, 256, 65535, 65536 };
	struct pg_envelope in = example();
	struct pg_pickle_watch watch;
	struct pg_value *v;
	char *text;
	size_t i;

	(void)state;
	for (i = 0; i < PG_COUNT(lengths); i++) {
		text = pg_alloc(lengths[i] + 1);
		memset(text, 'x', lengths[i]);
		in.target_name = (struct pg_str){ text, lengths[i] };
		v = read_back(put_together(&in, bare(some_state())), &watch);
		assert_text(v, "target_host_name", text);
		free(text);
	}
	in.target_name = PG_STR("\xc3\xa9\n\".\xf0\x9f\x90\x9e");
	v = read_back(put_together(&in, bare(some_state())), &watch);
	assert_text(v, "target_host_name", "\xc3\xa9\n\".\xf0\x9f\x90\x9e");
	assert_true(watch.plain);
}

int
main(void)
{
#define T(f) cmocka_unit_test_teardown(f, teardown)
	const struct CMUnitTest tests[] = {
		T(reads_back),
		T(says_whose_clone_it_is),
		T(the_state_can_be_taken_out),
		T(takes_texts_of_any_kind),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
