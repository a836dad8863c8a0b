/* test_heads: shows what the heads of frames say, and that what a process
 * writes into one is read within bounds: it may be anything.
 */
/* parts: base/err base/mem base/buf base/map base/clock codec/value codec/float codec/pickle codec/pickle_build codec/pickle_text codec/pickle_write host/wire host/heads */
/* wrap: pg_runtime_abi pg_log pg_log_level_parse */
#include "agent/frame.h"
#include "base/clock.h"
#include "base/log.h"
#include "codec/pickle.h"
#include "host/heads.h"
#include "host/wire.h"

#include <setjmp.h>

#include <cmocka.h>

const char *__wrap_pg_runtime_abi(void);
int __wrap_pg_log_level_parse(struct pg_str name);
void __wrap_pg_log(enum pg_log_level level, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static struct pg_arena arena;
static struct pg_buf head;
static char logged[200];
static enum pg_log_level level_logged;

const char *
__wrap_pg_runtime_abi(void)
{
	return "the-abi";
}

int
__wrap_pg_log_level_parse(struct pg_str name)
{
	return pg_str_eqz(name, "warn") ? PG_LOG_WARN : -1;
}

void
__wrap_pg_log(enum pg_log_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(logged, sizeof(logged), fmt, ap);
	va_end(ap);
	level_logged = level;
}

static int
setup(void **state)
{
	(void)state;
	head = PG_BUF_INIT(0);
	logged[0] = '\0';
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	pg_buf_fini(&head);
	pg_arena_fini(&arena);
	return 0;
}

/* The head that was written. */
static struct pg_value *
written(void)
{
	struct pg_value *v;
	struct pg_err e = { 0 };

	if (pg_pickle_read_value(pg_buf_str(&head), &arena, 0, &v, &e) < 0)
		fail_msg("%s", e.msg);
	return v;
}

static void
assert_text(const struct pg_value *v, const char *key, const char *expected)
{
	struct pg_str s = pg_value_text(pg_value_get(v, key), PG_STR_NULL);

	if (!pg_str_eqz(s, expected))
		fail_msg("%s: %.*s", key, PG_STR_ARG(s));
}

/* A head with v, as a process would write it. */
static struct pg_str
wrote(const struct pg_value *v)
{
	pg_buf_reset(&head);
	assert_int_equal(pg_wire_bare(&head, v, NULL), 0);
	return pg_buf_str(&head);
}

static struct pg_head_start
a_start(void)
{
	return (struct pg_head_start){ .class_name = PG_STR("m:C"),
		.state_class = PG_STR("m:S"), .agent_id = PG_STR("a-1"),
		.host_name = PG_STR("alpha"),
		.host_address = PG_STR("http://h:1"), .event = "creation" };
}

static void
start_says_what_is_to_run(void **state)
{
	struct pg_head_start in = a_start();
	struct pg_value *v;

	(void)state;
	assert_int_equal(pg_head_start(&in, &head, NULL), 0);
	v = written();
	assert_int_equal(v->n, 8);
	assert_int_equal(pg_value_get(v, "proto")->u.i, PG_FRAME_PROTO);
	assert_text(v, "abi", "the-abi");
	assert_text(v, "class", "m:C");
	assert_text(v, "state_class", "m:S");
	assert_text(v, "agent_id", "a-1");
	assert_text(v, "host_name", "alpha");
	assert_text(v, "host_address", "http://h:1");
	assert_text(v, "event", "creation");
}

static void
start_carries_the_init_of_a_creation(void **state)
{
	struct pg_head_start in = a_start();
	struct pg_value *init = pg_value_dict(&arena);
	struct pg_err e = { 0 };

	(void)state;
	pg_put_int(&arena, init, "n", 3);
	in.init = pg_arena_str(&arena, wrote(init));
	pg_buf_reset(&head);
	assert_int_equal(pg_head_start(&in, &head, &e), 0);
	assert_true(pg_value_eq(pg_value_get(written(), "init"), init));
	in.init = PG_STR("no pickle");
	assert_int_equal(pg_head_start(&in, &head, &e), -1);
	assert_int_equal(e.code, PG_E_SERIAL);
}

static void
hooks_are_named(void **state)
{
	(void)state;
	pg_head_hook("arrival", false, &head);
	assert_text(written(), "name", "arrival");
	assert_null(pg_value_get(written(), "hold"));
	pg_buf_reset(&head);
	pg_head_hook("dispatching", true, &head);
	assert_text(written(), "name", "dispatching");
	assert_int_equal(pg_value_get(written(), "hold")->u.i, 1);
}

static void
messages_say_until_when_and_where(void **state)
{
	(void)state;
	pg_head_message(1500 * PG_MS, PG_STR_NULL, &head);
	assert_int_equal(pg_value_get(written(), "deadline")->u.i,
	    1500 * PG_MS);
	assert_null(pg_value_get(written(), "host_address"));
	pg_buf_reset(&head);
	pg_head_message(PG_NEVER, PG_STR("http://h:2"), &head);
	assert_text(written(), "host_address", "http://h:2");
	assert_null(pg_value_get(written(), "deadline"));
}

static void
errors_are_read_as_they_were_written(void **state)
{
	struct pg_err in, told, e = { 0 };
	int code;

	(void)state;
	for (code = PG_E_OK + 1; code < PG_E_COUNT; code++) {
		in = told = (struct pg_err){ 0 };
		pg_fail(&in, (enum pg_code)code, "reason %d", code);
		pg_buf_reset(&head);
		pg_head_error(&in, &head);
		assert_int_equal(pg_head_read_error(pg_buf_str(&head), &told,
		    &e), 0);
		assert_int_equal(told.code, code);
		assert_string_equal(told.msg, in.msg);
	}
}

/* A well-formed head that is no error record is an error without a reason; a
 * malformed one breaks the protocol. */
static void
hostile_errors(void **state)
{
	struct pg_err told = { 0 }, e = { 0 };

	(void)state;
	assert_int_equal(pg_head_read_error(wrote(pg_value_list(&arena)),
	    &told, &e), 0);
	assert_int_equal(told.code, PG_E_REMOTE);
	assert_string_equal(told.msg, "no reason");
	told = (struct pg_err){ 0 };
	assert_int_equal(pg_head_read_error(PG_STR("\x8c"), &told, &e), -1);
	assert_int_equal(e.code, PG_E_SERIAL);
	assert_int_equal(pg_head_read_error(PG_STR(""), &told, &e), -1);
	assert_int_equal(told.code, PG_E_OK);
}

static struct pg_value *
log_record(struct pg_value *level, struct pg_value *text)
{
	struct pg_value *d = pg_value_dict(&arena);

	pg_put(&arena, d, "level", level);
	pg_put(&arena, d, "text", text);
	return d;
}

static int
reads_log(const struct pg_value *v)
{
	struct pg_err e = { 0 };

	logged[0] = '\0';
	return pg_head_read_log(wrote(v), PG_STR("a-1"), &e);
}

static void
logs_what_an_agent_says(void **state)
{
	struct pg_value *n = pg_value_int(&arena, 1);
	struct pg_err e = { 0 };

	(void)state;
	assert_int_equal(reads_log(log_record(pg_value_strz(&arena, "warn"),
	    pg_value_strz(&arena, "hello"))), 0);
	assert_string_equal(logged, "agent: a-1: hello");
	assert_int_equal(level_logged, PG_LOG_WARN);
	assert_int_equal(reads_log(log_record(pg_value_strz(&arena, "loud"),
	    n)), 0);
	assert_string_equal(logged, "agent: a-1: ");
	assert_int_equal(level_logged, PG_LOG_INFO);
	assert_int_equal(reads_log(n), 0);
	assert_string_equal(logged, "agent: a-1: ");
	logged[0] = '\0';
	assert_int_equal(pg_head_read_log(PG_STR("."), PG_STR("a"), &e), -1);
	assert_string_equal(logged, "");
}

/* A record of one text that counts for so many bytes in all, see
 * PG_PICKLE_NODE: the dict, its key and the text are three nodes. */
static struct pg_value *
record_of_size(size_t size)
{
	size_t n = size - 3 * PG_PICKLE_NODE - strlen("text");
	struct pg_value *d = pg_value_dict(&arena);
	char *text = pg_arena_alloc(&arena, n);

	memset(text, 'x', n);
	pg_put_str(&arena, d, "text", (struct pg_str){ text, n });
	return d;
}

static void
heads_have_a_limit(void **state)
{
	struct pg_err told = { 0 }, e = { 0 };
	struct pg_value *over = record_of_size(PG_HEAD_MAX * 2);

	(void)state;
	assert_int_equal(reads_log(record_of_size(PG_HEAD_MAX / 2)), 0);
	assert_int_equal(reads_log(record_of_size(PG_HEAD_MAX)), 0);
	assert_int_equal(reads_log(record_of_size(PG_HEAD_MAX + 1)), -1);
	assert_string_equal(logged, "");
	assert_int_equal(reads_log(over), -1);
	assert_int_equal(pg_head_read_error(wrote(over), &told, &e), -1);
	assert_int_equal(e.code, PG_E_LIMIT);
	assert_int_equal(told.code, PG_E_OK);
}

/* Few bytes that would need much memory. */
static void
heads_take_little_memory(void **state)
{
	struct pg_value *list = pg_value_list(&arena), *v;
	struct pg_err told = { 0 }, e = { 0 };
	int i;

	(void)state;
	v = pg_value_null(&arena);
	for (i = 0; i < PG_HEAD_MAX; i++)
		pg_value_add(&arena, list, v);
	assert_int_equal(pg_head_read_error(wrote(list), &told, &e), -1);
	assert_int_equal(e.code, PG_E_LIMIT);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(start_says_what_is_to_run),
		T(start_carries_the_init_of_a_creation),
		T(hooks_are_named),
		T(messages_say_until_when_and_where),
		T(errors_are_read_as_they_were_written),
		T(hostile_errors),
		T(logs_what_an_agent_says),
		T(heads_have_a_limit),
		T(heads_take_little_memory),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
