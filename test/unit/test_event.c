/* test_event: shows that an event is written with all its keys, that the ring
 * keeps the last ones and gives those asked for, and that no event is larger
 * than allowed.
 */
/* parts: base/err base/mem base/buf base/map base/clock codec/value codec/float codec/json host/event */
#include "base/clock.h"
#include "codec/json.h"
#include "host/event.h"

#include <setjmp.h>

#include <cmocka.h>

static struct pg_events events;
static struct pg_arena arena;

static int
setup(void **state)
{
	(void)state;
	memset(&events, 0, sizeof(events));
	events.host_name = PG_STR("alpha");
	events.host_address = PG_STR("http://127.0.0.1:1");
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	pg_events_fini(&events);
	pg_arena_fini(&arena);
	return 0;
}

/* What a request for these events is answered with, as a list. */
static struct pg_value *
listed(int64_t since, int64_t limit)
{
	struct pg_buf b = PG_BUF_INIT(0);
	struct pg_value *v = NULL, *copy = NULL;

	pg_buf_putc(&b, '[');
	pg_events_write(&events, since, limit, &b);
	pg_buf_putc(&b, ']');
	assert_int_equal(pg_json_read(pg_buf_str(&b), &arena, &v, NULL), 0);
	assert_int_equal(pg_value_copy(&arena, v, &copy), 0);
	pg_buf_fini(&b);
	return copy;
}

static int64_t
id_at(const struct pg_value *list, uint32_t i)
{
	assert_true(i < list->n);
	return pg_value_get(list->u.items[i], "event_id")->u.i;
}

static void
all_keys_are_there(void **state)
{
	struct pg_value *data = pg_value_dict(&arena);
	struct pg_event_detail d = { .agent_id = PG_STR("a1"),
		.class_name = PG_STR("m:C"), .message_id = PG_STR("\"id\""),
		.error = PG_STR("went \xc3\xa4way"), .data = data };
	struct pg_buf b = PG_BUF_INIT(0);

	(void)state;
	pg_value_put(&arena, data, PG_STR("pid"), pg_value_int(&arena, 7));
	pg_clock_fake(1, 1500 * PG_MS);
	pg_event_add(&events, "create", &d);
	pg_event_add(&events, "context-start", NULL);
	pg_clock_fake(0, 0);
	pg_events_write(&events, 0, 100, &b);
	pg_buf_putc(&b, '\0');
	assert_string_equal(b.p, "{\"event_id\": 1, \"kind\": \"create\", "
	    "\"host_name\": \"alpha\", \"host_address\": "
	    "\"http://127.0.0.1:1\", \"timestamp\": 1.5, "
	    "\"agent_id\": \"a1\", \"class_name\": \"m:C\", "
	    "\"message_id\": \"\\\"id\\\"\", \"service_name\": null, "
	    "\"data\": {\"pid\": 7}, \"error\": \"went \\u00e4way\"}, "
	    "{\"event_id\": 2, \"kind\": \"context-start\", "
	    "\"host_name\": \"alpha\", \"host_address\": "
	    "\"http://127.0.0.1:1\", \"timestamp\": 1.5, "
	    "\"agent_id\": null, \"class_name\": null, "
	    "\"message_id\": null, \"service_name\": null, "
	    "\"data\": {}, \"error\": null}");
	pg_buf_fini(&b);
}

static void
the_ring_keeps_the_last(void **state)
{
	const struct pg_value *list;
	int i;

	(void)state;
	for (i = 0; i < PG_EVENTS_MAX - 1; i++)
		pg_event_add(&events, "create", NULL);
	assert_int_equal(listed(0, INT64_MAX)->n, PG_EVENTS_MAX - 1);
	for (i = 1; i <= 3; i++) {
		pg_event_add(&events, "create", NULL);
		list = listed(0, INT64_MAX);
		assert_int_equal(list->n, PG_EVENTS_MAX);
		assert_int_equal(id_at(list, 0), i);
		assert_int_equal(id_at(list, PG_EVENTS_MAX - 1),
		    PG_EVENTS_MAX + i - 1);
	}
}

static void
since_and_limit(void **state)
{
	const struct pg_value *list;
	int i;

	(void)state;
	assert_int_equal(listed(0, 100)->n, 0);
	for (i = 0; i < 10; i++)
		pg_event_add(&events, "create", NULL);
	list = listed(4, 3);
	assert_int_equal(list->n, 3);
	assert_int_equal(id_at(list, 0), 5);
	assert_int_equal(listed(9, 3)->n, 1);
	assert_int_equal(listed(10, 3)->n, 0);
	assert_int_equal(listed(INT64_MAX, 3)->n, 0);
	assert_int_equal(listed(0, 0)->n, 0);
	assert_int_equal(listed(0, -1)->n, 0);
	assert_int_equal(id_at(listed(INT64_MIN, 1), 0), 1);
}

/* Data whose JSON is n bytes long. */
static struct pg_value *
data_of(size_t n)
{
	struct pg_value *d = pg_value_dict(&arena);
	char *text = pg_arena_zalloc(&arena, n);
	size_t len = n - strlen("{\"k\": \"\"}");

	memset(text, 'x', len);
	pg_value_put(&arena, d, PG_STR("k"),
	    pg_value_str(&arena, (struct pg_str){ text, len }));
	return d;
}

static void
large_data_is_left_out(void **state)
{
	struct pg_event_detail d = { .agent_id = PG_STR("a1") };
	const struct pg_value *v;
	size_t n;

	(void)state;
	for (n = PG_EVENT_TEXT_MAX - 100; n <= PG_EVENT_TEXT_MAX + 1;
	    n += 101) {
		d.data = data_of(n);
		pg_event_add(&events, "create", &d);
		v = listed(events.last - 1, 1)->u.items[0];
		assert_string_equal(pg_value_get(v, "agent_id")->u.p, "a1");
		assert_int_equal(pg_value_get(v, "data")->n,
		    n <= PG_EVENT_TEXT_MAX ? 1 : 0);
	}
}

/* A message id is whatever its sender says. */
static void
large_texts_do_not_grow_the_ring(void **state)
{
	struct pg_event_detail d = { 0 };
	char *text = pg_arena_alloc(&arena, 10 * PG_EVENT_TEXT_MAX);
	size_t i;

	(void)state;
	for (i = 0; i < 5 * PG_EVENT_TEXT_MAX; i++)
		memcpy(text + 2 * i, "\xc3\xa4", 2);
	/* By one byte, so that a character could be cut in two. */
	d.message_id = (struct pg_str){ text + 1, 10 * PG_EVENT_TEXT_MAX - 1 };
	text[1] = 'x';
	pg_event_add(&events, "message-failed", &d);
	assert_true(events.ring[0].cap <= 2 * PG_EVENT_TEXT_MAX);
	assert_int_equal(listed(0, 1)->n, 1);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(all_keys_are_there),
		T(the_ring_keeps_the_last),
		T(since_and_limit),
		T(large_data_is_left_out),
		T(large_texts_do_not_grow_the_ring),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
