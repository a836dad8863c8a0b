/* test_calls: shows what agents may put into the properties of their host:
 * how many, how large, and that whatever is refused changes nothing; where a
 * message goes when the host has had another address; and that an operation
 * nobody knows breaks the protocol.
 */
/* parts: base/err base/mem base/buf base/map base/clock codec/value codec/float codec/json codec/pickle codec/pickle_build codec/pickle_text codec/pickle_write host/wire host/files host/calls */
/* wrap: pg_stored_call pg_register pg_unregister pg_agent_answer pg_agent_ref pg_agent_unref pg_durable_property pg_agent_check_call pg_agent_find pg_bind_was pg_forward_url pg_arrive_creation pg_deactivate pg_deactivation_read pg_dispose pg_loop_now pg_mesh_list pg_mesh_resolve pg_message_deliver pg_message_from_agent pg_message_remote pg_move_start pg_msg_fail pg_remote_answer pg_remote_post pg_ticket_read_order */
#include "codec/pickle.h"
#include "host/agent.h"
#include "host/bind.h"
#include "host/calls.h"
#include "host/durable.h"
#include "host/mesh.h"
#include "host/message.h"
#include "host/wire.h"

#include <setjmp.h>

#include <cmocka.h>

#define CALL_ID 7

void __wrap_pg_agent_answer(struct pg_agent *a, uint32_t id,
    const struct pg_outcome *o);
void __wrap_pg_agent_ref(struct pg_agent *a);
void __wrap_pg_agent_unref(struct pg_agent *a);
void __wrap_pg_durable_property(struct pg_host *h, struct pg_str name,
    const struct pg_value *value, pg_durable_done *done, void *arg);

int __wrap_pg_mesh_resolve(struct pg_mesh *m, struct pg_str text,
    struct pg_arena *a, struct pg_str *url, struct pg_err *e);
struct pg_msg *__wrap_pg_message_from_agent(const struct pg_value *record,
    const struct pg_agent *a, struct pg_err *e);
void __wrap_pg_message_deliver(struct pg_host *h, struct pg_str to,
    struct pg_msg *m);
void __wrap_pg_message_remote(struct pg_host *h, struct pg_str url,
    struct pg_str to, struct pg_msg *m);
bool __wrap_pg_bind_was(const struct pg_bind *b, struct pg_str url);
struct pg_agent *__wrap_pg_agent_find(const struct pg_host *h,
    struct pg_str id);
bool __wrap_pg_forward_url(struct pg_host *h, struct pg_str id,
    struct pg_str *url);

static struct pg_host host;
static struct pg_agent agent;
static struct pg_arena arena;
/* The answer to the last call. */
static int answers;
static enum pg_code code;
static struct pg_value *result;
static int written;
static bool restarts; /* the process, while a property is being written */

void
__wrap_pg_agent_answer(struct pg_agent *a, uint32_t id,
    const struct pg_outcome *o)
{
	assert_ptr_equal(a, &agent);
	assert_int_equal(id, CALL_ID);
	answers++;
	code = o->err == NULL ? PG_E_OK : o->err->code;
	result = NULL;
	if (o->body.n > 0)
		assert_int_equal(pg_pickle_read_value(pg_arena_str(&arena,
		    o->body), &arena, 0, &result, NULL), 0);
}

void
__wrap_pg_agent_ref(struct pg_agent *a)
{
	a->refs++;
}

void
__wrap_pg_agent_unref(struct pg_agent *a)
{
	a->refs--;
}

void
__wrap_pg_durable_property(struct pg_host *h, struct pg_str name,
    const struct pg_value *value, pg_durable_done *done, void *arg)
{
	assert_ptr_equal(h, &host);
	(void)name;
	(void)value;
	written++;
	if (restarts)
		agent.pid++;
	done(arg, NULL);
}

/* Sending: where a message went, and what is known here. */
static char went[100];
static struct pg_msg message;
static bool was_ours, is_here, has_left;

int
__wrap_pg_mesh_resolve(struct pg_mesh *m, struct pg_str text,
    struct pg_arena *a, struct pg_str *url, struct pg_err *e)
{
	(void)m;
	(void)e;
	*url = pg_arena_str(a, text);
	return 0;
}

struct pg_msg *
__wrap_pg_message_from_agent(const struct pg_value *record,
    const struct pg_agent *a, struct pg_err *e)
{
	(void)record;
	(void)a;
	(void)e;
	return &message;
}

void
__wrap_pg_message_deliver(struct pg_host *h, struct pg_str to,
    struct pg_msg *m)
{
	assert_ptr_equal(h, &host);
	assert_ptr_equal(m, &message);
	snprintf(went, sizeof(went), "%.*s", PG_STR_ARG(to));
}

void
__wrap_pg_message_remote(struct pg_host *h, struct pg_str url,
    struct pg_str to, struct pg_msg *m)
{
	assert_ptr_equal(h, &host);
	assert_ptr_equal(m, &message);
	snprintf(went, sizeof(went), "%.*s/%.*s", PG_STR_ARG(url),
	    PG_STR_ARG(to));
}

bool
__wrap_pg_bind_was(const struct pg_bind *b, struct pg_str url)
{
	assert_ptr_equal(b, host.bind);
	(void)url;
	return was_ours;
}

struct pg_agent *
__wrap_pg_agent_find(const struct pg_host *h, struct pg_str id)
{
	(void)h;
	(void)id;
	return is_here ? &agent : NULL;
}

bool
__wrap_pg_forward_url(struct pg_host *h, struct pg_str id,
    struct pg_str *url)
{
	(void)h;
	(void)id;
	(void)url;
	return has_left;
}

bool __wrap_pg_stored_call(struct pg_agent *a, uint32_t id, struct pg_str op,
    const struct pg_value *args);
bool
__wrap_pg_stored_call(struct pg_agent *a, uint32_t id, struct pg_str op,
    const struct pg_value *args)
{
	(void)a, (void)id, (void)args;
	return pg_str_eqz(op, "storage_read");
}

/* What the other operations would do. */
#define NEVER(f)                                                          \
	void __wrap_##f(void);                                            \
	void __wrap_##f(void) { fail_msg("%s", #f); }
NEVER(pg_agent_check_call)
NEVER(pg_arrive_creation)
NEVER(pg_deactivate)
NEVER(pg_deactivation_read)
NEVER(pg_dispose)
NEVER(pg_loop_now)
NEVER(pg_mesh_list)
NEVER(pg_move_start)
NEVER(pg_msg_fail)
NEVER(pg_register)
NEVER(pg_remote_answer)
NEVER(pg_remote_post)
NEVER(pg_ticket_read_order)
NEVER(pg_unregister)
#undef NEVER

static int
setup(void **state)
{
	(void)state;
	memset(&host, 0, sizeof(host));
	pg_map_init(&host.properties, host.seed);
	pg_calls_init(&host);
	agent = (struct pg_agent){ .host = &host, .id = PG_STR("a-1") };
	answers = written = 0;
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	assert_int_equal(agent.refs, 0);
	pg_calls_fini(&host);
	pg_arena_fini(&arena);
	return 0;
}

/* ---- helpers ---------------------------------------------------------- */

static int
call(const char *op, const struct pg_value *args)
{
	struct pg_err e = { 0 };

	return host.up.on_call(&agent, CALL_ID, pg_str(op), args, &e);
}

/* The code that setting a property is answered with. */
static enum pg_code
sets(struct pg_str name, struct pg_value *value)
{
	struct pg_value *args = pg_value_dict(&arena);
	int before = answers;

	pg_put_str(&arena, args, "name", name);
	pg_put(&arena, args, "value", value);
	assert_int_equal(call("property_set", args), 0);
	assert_int_equal(answers, before + 1);
	return code;
}

static const struct pg_value *
gets(struct pg_str name)
{
	struct pg_value *args = pg_value_dict(&arena);

	pg_put_str(&arena, args, "name", name);
	assert_int_equal(call("property_get", args), 0);
	assert_int_equal(code, PG_E_OK);
	return result;
}

static struct pg_str
name_number(int i)
{
	return pg_arena_printf(&arena, "p%d", i);
}

static struct pg_value *
text_of(size_t n)
{
	char *text = pg_arena_alloc(&arena, n + 1);

	memset(text, 'x', n);
	return pg_value_str(&arena, (struct pg_str){ text, n });
}

/* ---- properties ------------------------------------------------------- */

static void
a_property_is_what_was_set_last(void **state)
{
	struct pg_str p = PG_STR("p");

	(void)state;
	assert_true(pg_value_is(gets(p), PG_T_NULL));
	assert_int_equal(sets(p, pg_value_int(&arena, 1)), PG_E_OK);
	assert_int_equal(sets(p, pg_value_int(&arena, 2)), PG_E_OK);
	assert_int_equal(gets(p)->u.i, 2);
	assert_int_equal(sets(p, NULL), PG_E_OK);
	assert_true(pg_value_is(gets(p), PG_T_NULL));
	assert_int_equal(host.properties.n, 0);
	assert_int_equal(written, 3);
}

static void
those_of_the_command_line_show_through(void **state)
{
	struct pg_str p = PG_STR("p");

	(void)state;
	host.cfg.properties[0].key = p;
	host.cfg.properties[0].value = PG_STR("told");
	host.cfg.nproperties = 1;
	assert_string_equal(gets(p)->u.p, "told");
	assert_int_equal(sets(p, pg_value_int(&arena, 1)), PG_E_OK);
	assert_int_equal(gets(p)->u.i, 1);
	assert_int_equal(sets(p, NULL), PG_E_OK);
	assert_string_equal(gets(p)->u.p, "told");
}

static void
so_many_properties(void **state)
{
	struct pg_value *v = pg_value_int(&arena, 1);
	int i;

	(void)state;
	for (i = 0; i < PG_HOST_PROPERTIES_MAX; i++)
		assert_int_equal(sets(name_number(i), v), PG_E_OK);
	assert_int_equal(sets(PG_STR("over"), v), PG_E_LIMIT);
	assert_int_equal(written, PG_HOST_PROPERTIES_MAX);
	assert_true(pg_value_is(gets(PG_STR("over")), PG_T_NULL));
	/* One that is there may change; one that goes makes room. */
	assert_int_equal(sets(name_number(3), pg_value_int(&arena, 5)),
	    PG_E_OK);
	assert_int_equal(gets(name_number(3))->u.i, 5);
	assert_int_equal(sets(PG_STR("over"), NULL), PG_E_OK);
	assert_int_equal(sets(name_number(3), NULL), PG_E_OK);
	assert_int_equal(sets(PG_STR("over"), v), PG_E_OK);
	assert_int_equal(sets(PG_STR("more"), v), PG_E_LIMIT);
}

/* The limit is one of memory: what a value takes beside its text is part of
 * it. The largest text that gets in leaves only so little over. */
static void
a_property_has_a_size(void **state)
{
	struct pg_str p = PG_STR("p");
	size_t n = PG_HOST_PROPERTY_MAX;

	(void)state;
	assert_int_equal(sets(p, pg_value_int(&arena, 1)), PG_E_OK);
	assert_int_equal(sets(p, text_of(n)), PG_E_LIMIT);
	assert_int_equal(sets(p, text_of(100 * n)), PG_E_LIMIT);
	assert_int_equal(gets(p)->u.i, 1);
	while (sets(p, text_of(n)) != PG_E_OK)
		n--;
	assert_true(n > PG_HOST_PROPERTY_MAX - 2 * PG_ARENA_BLOCK);
	assert_int_equal(gets(p)->n, n);
	assert_int_equal(sets(p, text_of(n + 1)), PG_E_LIMIT);
	assert_int_equal(gets(p)->n, n);
}

static void
a_property_name_has_a_size(void **state)
{
	struct pg_str name = { text_of(300)->u.p, 300 };
	struct pg_value *v = pg_value_int(&arena, 1);

	(void)state;
	for (name.n = PG_HOST_PROPERTY_NAME_MAX - 1;
	    name.n <= PG_HOST_PROPERTY_NAME_MAX; name.n++)
		assert_int_equal(sets(name, v), PG_E_OK);
	assert_int_equal(name.n, PG_HOST_PROPERTY_NAME_MAX + 1);
	assert_int_equal(sets(name, v), PG_E_LIMIT);
	assert_int_equal(host.properties.n, 2);
	assert_int_equal(written, 2);
}

static void
many_small_values_count(void **state)
{
	struct pg_value *list = pg_value_list(&arena);
	int i;

	(void)state;
	for (i = 0; i < PG_HOST_PROPERTY_MAX; i++)
		pg_value_add(&arena, list, pg_value_null(&arena));
	assert_int_equal(sets(PG_STR("p"), list), PG_E_LIMIT);
	assert_int_equal(host.properties.n, 0);
}

static void
restored_ones_have_the_same_limits(void **state)
{
	struct pg_err e = { 0 };

	(void)state;
	assert_int_equal(pg_calls_restore_property(&host, PG_STR("p"),
	    text_of(10), &e), 0);
	assert_int_equal(gets(PG_STR("p"))->n, 10);
	assert_int_equal(pg_calls_restore_property(&host, PG_STR("q"),
	    text_of(PG_HOST_PROPERTY_MAX), &e), -1);
	assert_int_equal(e.code, PG_E_LIMIT);
}

/* ---- hostile calls ---------------------------------------------------- */

static void
odd_names_are_refused(void **state)
{
	struct pg_value *args = pg_value_dict(&arena);

	(void)state;
	assert_int_equal(call("property_set", NULL), 0);
	assert_int_equal(code, PG_E_HOST);
	assert_int_equal(call("property_get", args), 0);
	assert_int_equal(code, PG_E_HOST);
	pg_put_int(&arena, args, "name", 5);
	assert_int_equal(call("property_set", args), 0);
	assert_int_equal(code, PG_E_HOST);
	assert_int_equal(answers, 3);
	assert_int_equal(host.properties.n, 0);
}

static const char *
sends_to(const char *url)
{
	struct pg_value *args = pg_value_dict(&arena);

	went[0] = '\0';
	pg_put_strz(&arena, args, "agent_id", "b-1");
	if (url != NULL)
		pg_put_strz(&arena, args, "host_url", url);
	pg_put(&arena, args, "message", pg_value_dict(&arena));
	pg_put_bool(&arena, args, "oneway", true);
	assert_int_equal(call("send", args), 0);
	assert_int_equal(code, PG_E_OK);
	return went;
}

/* An address that the host had may be another's by now, but a paglet that is
 * here or has gone on from here is the one that is meant. */
static void
our_earlier_addresses_are_still_ours(void **state)
{
	(void)state;
	host.address = PG_STR("http://h:1");
	was_ours = is_here = has_left = false;
	assert_string_equal(sends_to(NULL), "b-1");
	assert_string_equal(sends_to("http://h:1"), "b-1");
	assert_string_equal(sends_to("http://h:2"), "http://h:2/b-1");
	is_here = has_left = true;
	assert_string_equal(sends_to("http://h:2"), "http://h:2/b-1");
	was_ours = true;
	assert_string_equal(sends_to("http://h:2"), "b-1");
	is_here = false;
	assert_string_equal(sends_to("http://h:2"), "b-1");
	has_left = false;
	assert_string_equal(sends_to("http://h:2"), "http://h:2/b-1");
}

/* The ids of its calls begin anew. */
static void
another_process_gets_no_late_answer(void **state)
{
	struct pg_value *args = pg_value_dict(&arena);

	(void)state;
	pg_put_strz(&arena, args, "name", "n");
	pg_put_strz(&arena, args, "value", "v");
	answers = written = 0;
	assert_int_equal(call("property_set", args), 0);
	assert_int_equal(answers, 1);
	restarts = true;
	assert_int_equal(call("property_set", args), 0);
	restarts = false;
	assert_int_equal(written, 2);
	assert_int_equal(answers, 1);
}

static void
unknown_operations_break_the_protocol(void **state)
{
	(void)state;
	assert_int_equal(call("", NULL), -1);
	assert_int_equal(call("property", NULL), -1);
	assert_int_equal(call("property_sets", NULL), -1);
	assert_int_equal(call("storage_read", NULL), 0);
	assert_int_equal(answers, 0);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_property_is_what_was_set_last),
		T(those_of_the_command_line_show_through),
		T(so_many_properties),
		T(a_property_has_a_size),
		T(a_property_name_has_a_size),
		T(many_small_values_count),
		T(restored_ones_have_the_same_limits),
		T(odd_names_are_refused),
		T(our_earlier_addresses_are_still_ours),
		T(another_process_gets_no_late_answer),
		T(unknown_operations_break_the_protocol),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
