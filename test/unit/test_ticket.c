/* test_ticket: shows what a ticket may leave out, what it may not say, how it
 * travels on, and which targets it does not accept.
 */
/* parts: base/err base/mem base/buf base/map base/clock codec/value codec/float codec/json codec/pickle codec/pickle_build codec/pickle_text codec/pickle_write host/wire host/ticket */
#include "codec/json.h"
#include "host/ticket.h"

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

static struct pg_value *
read_json(const char *text)
{
	struct pg_value *v = NULL;

	assert_int_equal(pg_json_read(pg_str(text), &arena, &v, NULL), 0);
	return v;
}

static struct pg_ticket
ticket(const char *text)
{
	struct pg_ticket t;
	struct pg_err e = { 0 };

	if (pg_ticket_read(read_json(text), &t, &e) < 0)
		fail_msg("%s: %s", text, e.msg);
	return t;
}

/* What becomes of the ticket, its destination resolved to U. */
static void
assert_travels(const char *in, const char *out)
{
	struct pg_ticket t = ticket(in);
	struct pg_buf b = PG_BUF_INIT(0);

	pg_json_write(&b, pg_ticket_value(&t, PG_STR("U"), &arena), NULL);
	pg_buf_putc(&b, '\0');
	assert_string_equal(b.p, out);
	pg_buf_fini(&b);
}

static void
only_the_destination_is_required(void **state)
{
	struct pg_ticket t, plain;

	(void)state;
	t = ticket("{\"destination\": \"beta\"}");
	pg_ticket_init(&plain, PG_STR("beta"));
	assert_true(pg_str_eq(t.destination, plain.destination));
	assert_true(t.timeout == plain.timeout && t.timeout == 10 * PG_SEC);
	assert_true(t.retry_interval == plain.retry_interval);
	assert_true(t.retries == 0 && plain.retries == 0);
	assert_true(!t.has_version && !t.inactive && t.capabilities == NULL);
	assert_travels("{\"destination\": \"beta\"}",
	    "{\"destination\": \"U\", \"timeout\": 10.0, \"retries\": 0, "
	    "\"retry_interval\": 0.25, \"required_capabilities\": [], "
	    "\"expected_code_version\": null, "
	    "\"arrival_mode\": \"activate\"}");
}

static void
all_fields_travel(void **state)
{
	(void)state;
	assert_travels("{\"destination\": \"b\", \"timeout\": 2, "
	    "\"retries\": 3, \"retry_interval\": 0.5, "
	    "\"required_capabilities\": [\"x\", \"y\"], "
	    "\"expected_code_version\": \"\", "
	    "\"arrival_mode\": \"inactive\", \"more\": 1}",
	    "{\"destination\": \"U\", \"timeout\": 2.0, \"retries\": 3, "
	    "\"retry_interval\": 0.5, \"required_capabilities\": "
	    "[\"x\", \"y\"], \"expected_code_version\": \"\", "
	    "\"arrival_mode\": \"inactive\"}");
	assert_travels("{\"destination\": \"b\", \"timeout\": null, "
	    "\"retries\": null, \"retry_interval\": null, "
	    "\"required_capabilities\": null, "
	    "\"expected_code_version\": null, \"arrival_mode\": null}",
	    "{\"destination\": \"U\", \"timeout\": 10.0, \"retries\": 0, "
	    "\"retry_interval\": 0.25, \"required_capabilities\": [], "
	    "\"expected_code_version\": null, "
	    "\"arrival_mode\": \"activate\"}");
}

static void
numbers_are_clamped(void **state)
{
	struct pg_ticket t;

	(void)state;
	t = ticket("{\"destination\": \"b\", \"timeout\": -1, "
	    "\"retries\": -5, \"retry_interval\": -Infinity}");
	assert_true(t.timeout == 0 && t.retries == 0 && t.retry_interval == 0);
	t = ticket("{\"destination\": \"b\", \"timeout\": 3600, "
	    "\"retries\": 1000, \"retry_interval\": 3599.5}");
	assert_true(t.timeout == PG_TICKET_TIMEOUT_MAX);
	assert_true(t.retries == PG_TICKET_RETRIES_MAX);
	assert_true(t.retry_interval == PG_TICKET_INTERVAL_MAX - PG_SEC / 2);
	t = ticket("{\"destination\": \"b\", \"timeout\": 1e300, "
	    "\"retries\": 1001, \"retry_interval\": 3601}");
	assert_true(t.timeout == PG_TICKET_TIMEOUT_MAX);
	assert_true(t.retries == PG_TICKET_RETRIES_MAX);
	assert_true(t.retry_interval == PG_TICKET_INTERVAL_MAX);
	assert_true(ticket("{\"destination\": \"b\", "
	    "\"timeout\": NaN}").timeout == 0);
}

static void
refuses_what_is_malformed(void **state)
{
	static const struct { const char *in, *names; } rows[] = {
		{ "[]", "ticket" },
		{ "null", "ticket" },
		{ "{}", "destination" },
		{ "{\"destination\": 1}", "destination" },
		{ "{\"destination\": \"\"}", "Host URL cannot be empty" },
		{ "{\"destination\": \"b\", \"timeout\": \"1\"}", "timeout" },
		{ "{\"destination\": \"b\", \"retries\": 1.5}", "retries" },
		{ "{\"destination\": \"b\", \"retry_interval\": true}",
		    "retry_interval" },
		{ "{\"destination\": \"b\", \"required_capabilities\": "
		    "\"x\"}", "required_capabilities" },
		{ "{\"destination\": \"b\", \"required_capabilities\": "
		    "[1]}", "required_capabilities" },
		{ "{\"destination\": \"b\", \"expected_code_version\": 1}",
		    "expected_code_version" },
		{ "{\"destination\": \"b\", \"arrival_mode\": \"later\"}",
		    "arrival_mode must be one of: activate, inactive" },
	};
	struct pg_ticket t;
	struct pg_err e;
	size_t i;

	(void)state;
	for (i = 0; i < PG_COUNT(rows); i++) {
		e = (struct pg_err){ 0 };
		assert_int_equal(pg_ticket_read(read_json(rows[i].in), &t,
		    &e), -1);
		assert_int_equal(e.code, PG_E_HOST);
		assert_non_null(strstr(e.msg, rows[i].names));
	}
}

/* NULL: an order that is taken. */
static void
assert_order(enum pg_ticket_form form, const char *in, const char *error)
{
	struct pg_ticket t = { .retries = -1 };
	struct pg_err e = { 0 };

	assert_int_equal(pg_ticket_read_order(read_json(in), form, &t, &e),
	    error == NULL ? 0 : -1);
	assert_string_equal(e.msg, error == NULL ? "" : error);
}

static void
only_a_clone_may_stay_here(void **state)
{
	const char *empty = "Host URL cannot be empty";

	(void)state;
	assert_order(PG_TICKET_EITHER, "{\"target\": \"\"}", empty);
	assert_order(PG_TICKET_PLAIN, "{\"target\": \"\"}", empty);
	assert_order(PG_TICKET_EITHER, "{}", "missing field 'target'");
	assert_order(PG_TICKET_PLAIN, "{\"ticket\": {}}",
	    "missing field 'target'");
	assert_order(PG_TICKET_OPTIONAL, "{\"target\": \"\"}", NULL);
	assert_order(PG_TICKET_OPTIONAL, "{\"target\": null}", NULL);
	assert_order(PG_TICKET_OPTIONAL, "{}", NULL);
	assert_order(PG_TICKET_OPTIONAL,
	    "{\"ticket\": {\"destination\": \"\"}}",
	    "ticket: Host URL cannot be empty");
}

static void
assert_accepts(const char *in, const char *health, const char *error)
{
	struct pg_ticket t = ticket(in);
	struct pg_err e = { 0 };
	int rc = pg_ticket_check(&t, PG_STR("http://b"), read_json(health),
	    &e);

	assert_int_equal(rc, error == NULL ? 0 : -1);
	assert_int_equal(e.code, error == NULL ? PG_E_OK : PG_E_TRANSFER);
	assert_string_equal(e.msg, error == NULL ? "" : error);
}

static void
checks_the_target(void **state)
{
	const char *health = "{\"code_version\": \"v1\", "
	    "\"capabilities\": [\"x\", \"y\"]}";

	(void)state;
	assert_accepts("{\"destination\": \"b\"}", health, NULL);
	assert_accepts("{\"destination\": \"b\"}", "{}", NULL);
	assert_accepts("{\"destination\": \"b\", "
	    "\"expected_code_version\": \"v1\", "
	    "\"required_capabilities\": [\"y\"]}", health, NULL);
	assert_accepts("{\"destination\": \"b\", "
	    "\"expected_code_version\": \"\"}", health,
	    "Transfer target http://b has code version 'v1', expected ''");
	assert_accepts("{\"destination\": \"b\", "
	    "\"required_capabilities\": [\"z\", \"x\", \"w\"]}", health,
	    "Transfer target http://b is missing capabilities: z, w");
	assert_accepts("{\"destination\": \"b\", "
	    "\"required_capabilities\": [\"x\"]}", "{}",
	    "Transfer target http://b is missing capabilities: x");
}

int
main(void)
{
#define T(f) cmocka_unit_test_teardown(f, teardown)
	const struct CMUnitTest tests[] = {
		T(only_the_destination_is_required),
		T(all_fields_travel),
		T(numbers_are_clamped),
		T(refuses_what_is_malformed),
		T(only_a_clone_may_stay_here),
		T(checks_the_target),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
