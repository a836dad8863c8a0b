/* test_arrive: shows which creations get as far as the start of a process:
 * what is malformed, too large or too many is refused before anything is
 * begun.
 *
 * The rest of the host is a pretended one; no process ever starts.
 */
/* parts: base/err base/mem base/buf base/map base/log base/clock codec/value codec/float codec/json codec/pickle codec/pickle_build codec/pickle_text codec/pickle_write codec/sha256 os/file os/rand os/loop host/wire host/files host/ticket host/arrive */
/* wrap: pg_agent_find pg_agent_new pg_agent_ref pg_agent_remove pg_process_start pg_agent_unref pg_runtime_class pg_agent_adopt pg_agent_asleep pg_agent_hide pg_agent_take_waiting pg_agent_unhide pg_checkpoint pg_checkpoint_first pg_dedupe_free pg_dedupe_read pg_durable_gone pg_durable_forget_transfer pg_durable_save pg_forward_drop pg_folder_aside pg_folder_drop pg_folder_forget pg_folder_restore pg_forward_url pg_forward_kept_next pg_forward_own pg_host_event pg_import_end pg_import_files pg_import_keep pg_import_needed pg_import_place pg_import_plain pg_import_start pg_import_sync pg_inactive_post pg_transfer_begin pg_transfer_begin_body pg_transfer_end */
#include "codec/json.h"
#include "host/arrive.h"
#include "host/wire.h"

#include <setjmp.h>

#include <cmocka.h>

struct pg_agent *__wrap_pg_agent_find(const struct pg_host *h,
    struct pg_str id);
struct pg_agent *__wrap_pg_agent_new(struct pg_host *h, struct pg_str id,
    struct pg_str class_name, struct pg_str state_class);
void __wrap_pg_agent_ref(struct pg_agent *a);
void __wrap_pg_agent_unref(struct pg_agent *a);
void __wrap_pg_agent_remove(struct pg_agent *a, const struct pg_err *err);
void __wrap_pg_agent_adopt(struct pg_agent *a, struct pg_msg *waiting);
uint64_t __wrap_pg_forward_kept_next(const struct pg_host *h,
    struct pg_str agent_id);
int __wrap_pg_process_start(struct pg_agent *a, const char *event,
    struct pg_str init, const struct pg_span *state, pg_agent_done *done,
    void *arg, struct pg_err *e);
const void *__wrap_pg_runtime_class(struct pg_str name,
    struct pg_str state_name, struct pg_err *e);

static struct pg_host host;
static struct pg_agent agent;
static struct pg_arena arena;
static int nstarted, ntold;
static size_t init_started; /* bytes of init that came along */
static char id_started[PG_AGENT_ID_MAX + 1];
static struct pg_err told;

struct pg_agent *
__wrap_pg_agent_find(const struct pg_host *h, struct pg_str id)
{
	(void)h;
	(void)id;
	return NULL;
}

struct pg_agent *
__wrap_pg_agent_new(struct pg_host *h, struct pg_str id,
    struct pg_str class_name, struct pg_str state_class)
{
	(void)class_name;
	(void)state_class;
	snprintf(id_started, sizeof(id_started), "%.*s", PG_STR_ARG(id));
	agent = (struct pg_agent){ .host = h, .id = pg_str(id_started) };
	return &agent;
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
__wrap_pg_agent_remove(struct pg_agent *a, const struct pg_err *err)
{
	(void)err;
	pg_bulk_unref(a->state);
	a->state = NULL;
}

uint64_t
__wrap_pg_forward_kept_next(const struct pg_host *h, struct pg_str agent_id)
{
	(void)h;
	(void)agent_id;
	return 7;
}

void
__wrap_pg_agent_adopt(struct pg_agent *a, struct pg_msg *waiting)
{
	(void)a;
	assert_null(waiting);
}

int
__wrap_pg_process_start(struct pg_agent *a, const char *event,
    struct pg_str init, const struct pg_span *state, pg_agent_done *done,
    void *arg, struct pg_err *e)
{
	(void)a;
	(void)state;
	(void)done;
	(void)arg;
	assert_string_equal(event, "creation");
	nstarted++;
	init_started = init.n;
	return pg_fail(e, PG_E_SYS, "no process today");
}

/* One class is known. */
const void *
__wrap_pg_runtime_class(struct pg_str name, struct pg_str state_name,
    struct pg_err *e)
{
	(void)state_name;
	if (pg_str_eqz(name, "m:C"))
		return &agent;
	pg_fail(e, PG_E_SERIAL, "Cannot resolve it");
	return NULL;
}

void __wrap_pg_folder_drop(struct pg_host *h, struct pg_str id);
void
__wrap_pg_folder_drop(struct pg_host *h, struct pg_str id)
{
	(void)h, (void)id;
}

void __wrap_pg_import_end(struct pg_import *im, bool kept);
void
__wrap_pg_import_end(struct pg_import *im, bool kept)
{
	(void)kept;
	assert_null(im);
}

/* What only those need who get further. */
#define NEVER(f)                                                          \
	void __wrap_##f(void);                                            \
	void __wrap_##f(void) { fail_msg("%s", #f); }
NEVER(pg_import_keep)
NEVER(pg_agent_asleep)
NEVER(pg_agent_hide)
NEVER(pg_agent_take_waiting)
NEVER(pg_agent_unhide)
NEVER(pg_checkpoint)
NEVER(pg_checkpoint_first)
NEVER(pg_dedupe_free)
NEVER(pg_dedupe_read)
NEVER(pg_durable_gone)
NEVER(pg_durable_forget_transfer)
NEVER(pg_durable_save)
NEVER(pg_folder_aside)
NEVER(pg_folder_forget)
NEVER(pg_folder_restore)
NEVER(pg_forward_drop)
NEVER(pg_forward_own)
NEVER(pg_forward_url)
NEVER(pg_host_event)
NEVER(pg_import_files)
NEVER(pg_import_needed)
NEVER(pg_import_place)
NEVER(pg_import_plain)
NEVER(pg_import_start)
NEVER(pg_import_sync)
NEVER(pg_inactive_post)
NEVER(pg_transfer_begin)
NEVER(pg_transfer_begin_body)
NEVER(pg_transfer_end)
#undef NEVER

static int
setup(void **state)
{
	(void)state;
	memset(&host, 0, sizeof(host));
	host.loop = pg_loop_new(NULL);
	host.name = PG_STR("alpha");
	host.address = PG_STR("http://a:1");
	nstarted = ntold = 0;
	return host.loop == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	(void)state;
	pg_loop_free(host.loop);
	pg_arena_fini(&arena);
	return 0;
}

/* ---- helpers ---------------------------------------------------------- */

static void
on_done(void *arg, const struct pg_err *err, struct pg_str url,
    struct pg_str id)
{
	(void)arg;
	(void)url;
	(void)id;
	ntold++;
	assert_non_null(err);
	told = *err;
}

/* A creation; whether it got as far as a process. */
static bool
creates(const struct pg_value *payload)
{
	int before = nstarted, told_before = ntold;

	pg_arrive_creation(&host, payload, on_done, NULL);
	assert_int_equal(ntold, told_before + 1);
	if (nstarted > before) {
		assert_int_equal(told.code, PG_E_SYS);
		/* Beyond what is kept for who had its id before. */
		assert_int_equal(agent.kept_first, 7);
		assert_int_equal(agent.kept_next, 7);
	}
	return nstarted > before;
}

static struct pg_value *
creation(void)
{
	struct pg_value *d = pg_value_dict(&arena);

	pg_put_strz(&arena, d, "agent_class_name", "m:C");
	pg_put_strz(&arena, d, "state_class_name", "m:S");
	return d;
}

/* ---- tests ------------------------------------------------------------ */

static void
refuses_what_is_malformed(void **state)
{
	static const struct { const char *in; enum pg_code code; } rows[] = {
		{ "null", PG_E_HOST },
		{ "{}", PG_E_HOST },
		{ "{\"agent_class_name\": \"m:C\"}", PG_E_HOST },
		{ "{\"agent_class_name\": 1, \"state_class_name\": \"\"}",
		    PG_E_HOST },
		{ "{\"agent_class_name\": \"m:X\", "
		    "\"state_class_name\": \"\"}", PG_E_SERIAL },
		{ "{\"agent_class_name\": \"m:C\", \"state_class_name\": "
		    "\"\", \"state\": []}", PG_E_SERIAL },
		{ "{\"agent_class_name\": \"m:C\", \"state_class_name\": "
		    "\"\", \"agent_id\": 5}", PG_E_HOST },
		{ "{\"agent_class_name\": \"m:C\", \"state_class_name\": "
		    "\"\", \"agent_id\": \"../x\"}", PG_E_HOST },
		{ "{\"agent_class_name\": \"m:C\", \"state_class_name\": "
		    "\"\", \"restart\": \"always\"}", PG_E_HOST },
	};
	struct pg_value *v;
	size_t i;

	(void)state;
	for (i = 0; i < PG_COUNT(rows); i++) {
		assert_int_equal(pg_json_read(pg_str(rows[i].in), &arena, &v,
		    NULL), 0);
		assert_false(creates(v));
		assert_int_equal(told.code, rows[i].code);
	}
}

static void
an_id_is_made_where_none_is_given(void **state)
{
	struct pg_value *d = creation();
	char text[PG_AGENT_ID_MAX + 2];
	size_t n;

	(void)state;
	assert_true(creates(d));
	assert_int_equal(strlen(id_started), PG_ID_LEN);
	memset(text, 'i', sizeof(text));
	for (n = PG_AGENT_ID_MAX - 1; n <= PG_AGENT_ID_MAX + 1; n++) {
		d = creation();
		pg_put_str(&arena, d, "agent_id", (struct pg_str){ text, n });
		assert_int_equal(creates(d), n <= PG_AGENT_ID_MAX);
	}
}

static void
init_has_a_size(void **state)
{
	static char text[PG_ARRIVE_INIT_MAX];
	struct pg_buf b = PG_BUF_INIT(0);
	struct pg_value *d;
	size_t n, around;

	(void)state;
	memset(text, 'x', sizeof(text));
	/* What a pickle needs around a text of that length. */
	assert_int_equal(pg_wire_bare(&b, pg_value_str(&arena,
	    (struct pg_str){ text, sizeof(text) }), NULL), 0);
	around = b.n - sizeof(text);
	pg_buf_fini(&b);
	for (n = PG_ARRIVE_INIT_MAX - 1; n <= PG_ARRIVE_INIT_MAX + 1; n++) {
		d = creation();
		pg_put_str(&arena, d, "init", (struct pg_str){ text,
		    n - around });
		assert_int_equal(creates(d), n <= PG_ARRIVE_INIT_MAX);
		if (n <= PG_ARRIVE_INIT_MAX)
			assert_int_equal(init_started, n);
		else
			assert_int_equal(told.code, PG_E_LIMIT);
	}
	d = creation();
	pg_put(&arena, d, "init", NULL);
	assert_true(creates(d));
	assert_int_equal(init_started, 0);
}

static void
a_host_takes_so_many(void **state)
{
	(void)state;
	host.agents.n = PG_HOST_AGENTS_MAX - 1;
	assert_true(creates(creation()));
	host.agents.n = PG_HOST_AGENTS_MAX;
	assert_false(creates(creation()));
	assert_int_equal(told.code, PG_E_BUSY);
	host.agents.n = PG_HOST_AGENTS_MAX + 1;
	assert_false(creates(creation()));
	assert_int_equal(told.code, PG_E_BUSY);
}

static void
nobody_comes_to_a_host_that_stops(void **state)
{
	(void)state;
	host.draining = true;
	assert_false(creates(creation()));
	assert_int_equal(told.code, PG_E_BUSY);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(refuses_what_is_malformed),
		T(an_id_is_made_where_none_is_given),
		T(init_has_a_size),
		T(a_host_takes_so_many),
		T(nobody_comes_to_a_host_that_stops),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
