/* test_stored: shows how calls of paglets for their files are answered: in
 * order within a class, by so many workers and no more, never to a process
 * that has taken the place of the one that asked; and which calls are
 * refused.
 *
 * Agents are pretended ones, whose answers the test looks at.
 */
/* parts: base/err base/mem base/buf base/map base/clock base/log codec/float codec/value codec/pickle codec/pickle_build codec/pickle_text codec/pickle_write codec/sha256 os/file os/loop os/work os/sweep os/beneath state/storage host/wire host/folder host/stored */
/* wrap: pg_agent_answer pg_agent_ref pg_agent_unref pg_agent_find pg_work_submit */
#include "base/log.h"
#include "codec/pickle.h"
#include "host/agent.h"
#include "host/folder.h"
#include "host/stored.h"
#include "host/wire.h"

#include <setjmp.h>
#include <unistd.h>

#include <cmocka.h>

#define AGENTS 8

static char dir[64];
static struct pg_host host;
static struct pg_agent agents[AGENTS];
static struct pg_arena arena;
static struct {
	struct pg_agent *agent;
	enum pg_code code;
	const struct pg_value *value;
} answers[100];
static int nanswers, submitted;
static bool full; /* the workers take nothing */

void __wrap_pg_agent_answer(struct pg_agent *a, uint32_t id,
    const struct pg_outcome *o);
void __wrap_pg_agent_ref(struct pg_agent *a);
void __wrap_pg_agent_unref(struct pg_agent *a);
struct pg_agent *__wrap_pg_agent_find(const struct pg_host *h,
    struct pg_str id);
int __wrap_pg_work_submit(struct pg_work *w, struct pg_job *j,
    struct pg_err *e);
int __real_pg_work_submit(struct pg_work *w, struct pg_job *j,
    struct pg_err *e);

void
__wrap_pg_agent_answer(struct pg_agent *a, uint32_t id,
    const struct pg_outcome *o)
{
	struct pg_value *v = NULL;

	assert_int_equal(id, 7);
	answers[nanswers].agent = a;
	answers[nanswers].code = o->err != NULL ? o->err->code : PG_E_OK;
	if (o->body.n > 0)
		assert_int_equal(pg_pickle_read_value(pg_arena_str(&arena,
		    o->body), &arena, 0, &v, NULL), 0);
	answers[nanswers++].value = v;
}

void
__wrap_pg_agent_ref(struct pg_agent *a)
{
	a->refs++;
}

void
__wrap_pg_agent_unref(struct pg_agent *a)
{
	assert_true(a->refs-- > 0);
}

struct pg_agent *
__wrap_pg_agent_find(const struct pg_host *h, struct pg_str id)
{
	(void)h, (void)id;
	return NULL;
}

int
__wrap_pg_work_submit(struct pg_work *w, struct pg_job *j, struct pg_err *e)
{
	if (full)
		return pg_fail(e, PG_E_BUSY, "full");
	submitted++;
	return __real_pg_work_submit(w, j, e);
}

static int
setup(void **state)
{
	static char names[AGENTS][16];
	int i;

	(void)state;
	pg_log_set_level(PG_LOG_ERROR);
	memset(&host, 0, sizeof(host));
	memset(agents, 0, sizeof(agents));
	nanswers = 0;
	full = false;
	snprintf(dir, sizeof(dir), "/tmp/test_stored.XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	host.cfg.state_dir = dir;
	host.cfg.storage_quota = 1000;
	host.loop = pg_loop_new(NULL);
	host.work = pg_work_new(host.loop, NULL);
	host.stored = pg_stored_new(&host, NULL);
	submitted = 0; /* it has swept */
	for (i = 0; i < AGENTS; i++) {
		/* Each of a class of its own. */
		snprintf(names[i], sizeof(names[i]), "m:C%d", i);
		agents[i].host = &host;
		agents[i].id = PG_STR("kim");
		agents[i].class_name = pg_str(names[i]);
		agents[i].pid = 100 + i;
	}
	return host.stored == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	char command[128];
	int i;

	(void)state;
	pg_work_free(host.work);
	pg_stored_free(host.stored);
	pg_loop_free(host.loop);
	for (i = 0; i < AGENTS; i++)
		assert_int_equal(agents[i].refs, 0);
	pg_arena_fini(&arena);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static void
ask(int agent, const char *op, const char *path, const char *data)
{
	struct pg_value *args = pg_value_dict(&arena);

	if (path != NULL)
		pg_put_strz(&arena, args, "path", path);
	if (data != NULL)
		pg_put(&arena, args, "data", pg_value_bytes(&arena,
		    PG_T_BYTES, pg_str(data)));
	assert_true(pg_stored_call(&agents[agent], 7, pg_str(op), args));
}

static void
wait_for(int n)
{
	while (nanswers < n)
		assert_true(pg_loop_turn(host.loop, PG_SEC, NULL) >= 0);
	assert_int_equal(nanswers, n);
}

static struct pg_str
said(int i)
{
	const struct pg_value *v = answers[i].value;

	assert_int_equal(answers[i].code, PG_E_OK);
	assert_true(pg_value_is(v, PG_T_BYTES));
	return (struct pg_str){ v->u.p, v->n };
}

static void
test_in_order(void **state)
{
	(void)state;
	/* Two of one class, which do not wait for each other. */
	agents[1].class_name = agents[0].class_name;
	ask(0, "storage_write", "a", "one");
	ask(1, "storage_read", "a", NULL);
	ask(0, "storage_write", "a", "three");
	ask(1, "storage_read", "a", NULL);
	ask(0, "storage_delete", "a", NULL);
	ask(1, "storage_read", "a", NULL);
	wait_for(6);
	assert_true(pg_str_eqz(said(1), "one"));
	assert_true(pg_str_eqz(said(3), "three"));
	assert_int_equal(answers[5].code, PG_E_NOT_FOUND);
	assert_ptr_equal(answers[4].agent, &agents[0]);
}

static void
test_classes_apart(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < AGENTS; i++)
		ask(i, "storage_write", "a", "x");
	/* So many workers at a time. */
	assert_int_equal(submitted, PG_STORED_WORKERS);
	wait_for(AGENTS);
	assert_int_equal(submitted, AGENTS);
	for (i = 0; i < AGENTS; i++)
		ask(i, "storage_list", NULL, NULL);
	wait_for(2 * AGENTS);
	for (i = AGENTS; i < 2 * AGENTS; i++)
		assert_int_equal(answers[i].value->n, 1);
}

static const struct pg_value *
field(int i, const char *name)
{
	return pg_value_get(answers[i].value, name);
}

static void
test_status_and_list(void **state)
{
	(void)state;
	ask(0, "storage_write", "d/b", "12345");
	ask(0, "storage_write", "a", "");
	ask(0, "storage_list", NULL, NULL);
	ask(0, "storage_list", "d", NULL);
	ask(0, "storage_status", NULL, NULL);
	wait_for(5);
	assert_int_equal(answers[2].value->n, 2);
	assert_true(pg_str_eqz(pg_value_text(pg_value_get(
	    answers[2].value->u.items[1], "path"), PG_STR_NULL), "d/b"));
	assert_int_equal(answers[3].value->n, 1);
	assert_int_equal(field(4, "used_bytes")->u.i, 5);
	assert_int_equal(field(4, "quota_bytes")->u.i, 1000);
	assert_int_equal(field(4, "available_bytes")->u.i, 995);
	assert_int_equal(field(4, "file_count")->u.i, 2);
}

static void
test_refused(void **state)
{
	struct pg_value *args = pg_value_dict(&arena);

	(void)state;
	ask(0, "storage_read", NULL, NULL);
	ask(0, "storage_write", NULL, "x");
	ask(0, "storage_write", "a", NULL);
	assert_int_equal(nanswers, 3);
	pg_put_int(&arena, args, "path", 3);
	assert_true(pg_stored_call(&agents[0], 7, PG_STR("storage_read"),
	    args));
	pg_stored_call(&agents[0], 7, PG_STR("storage_read"), NULL);
	assert_int_equal(nanswers, 5);
	ask(0, "storage_read", "../x", NULL);
	args = pg_value_dict(&arena);
	pg_put_str(&arena, args, "path", PG_STR("a\0b"));
	pg_stored_call(&agents[0], 7, PG_STR("storage_read"), args);
	wait_for(7);
	while (nanswers-- > 0)
		assert_int_equal(answers[nanswers].code, PG_E_HOST);
	assert_false(pg_stored_call(&agents[0], 7, PG_STR("storage"), NULL));
	assert_false(pg_stored_call(&agents[0], 7, PG_STR_NULL, NULL));
}

/* Bytes in a memfd are not copied, but held. */
static void
test_bulk(void **state)
{
	static char big[900];
	struct pg_bulk *b;

	(void)state;
	memset(big, 'y', sizeof(big) - 1);
	b = pg_bulk_copy((struct pg_str){ big, sizeof(big) }, NULL);
	agents[0].call_bulk = b;
	ask(0, "storage_write", "a", b->p);
	agents[0].call_bulk = NULL;
	assert_int_equal(b->refs, 2);
	wait_for(1);
	assert_int_equal(b->refs, 1);
	pg_bulk_unref(b);
	ask(0, "storage_read", "a", NULL);
	wait_for(2);
	assert_true(pg_str_eqz(said(1), big));
}

static void
test_another_process(void **state)
{
	(void)state;
	ask(0, "storage_write", "a", "x");
	agents[0].pid = 999;
	ask(0, "storage_read", "a", NULL);
	wait_for(1);
	assert_true(pg_str_eqz(said(0), "x"));
}

static void
test_workers_full(void **state)
{
	(void)state;
	full = true;
	ask(0, "storage_write", "a", "x");
	assert_int_equal(nanswers, 1);
	assert_int_equal(answers[0].code, PG_E_BUSY);
	full = false;
	ask(0, "storage_write", "a", "x");
	wait_for(2);
	assert_int_equal(answers[1].code, PG_E_OK);
}

/* The host ends with calls under way and calls that wait. */
static void
test_end(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < 3 * AGENTS; i++)
		ask(i % AGENTS, "storage_write", "a", "x");
}

static void
test_without(void **state)
{
	struct pg_stored *s = host.stored;

	(void)state;
	host.stored = NULL;
	ask(0, "storage_status", NULL, NULL);
	ask(0, "work_folder", NULL, NULL);
	assert_int_equal(nanswers, 2);
	assert_int_equal(answers[0].code, PG_E_HOST);
	assert_int_equal(answers[1].code, PG_E_HOST);
	host.stored = s;
}

static void
test_work_folder(void **state)
{
	struct pg_str path;

	(void)state;
	host.folders = pg_folders_new(&host, NULL);
	ask(0, "work_folder", NULL, NULL);
	assert_int_equal(nanswers, 1);
	path = pg_value_text(field(0, "path"), PG_STR_NULL);
	assert_int_equal(access(pg_arena_str(&arena, path).p, W_OK), 0);
	pg_folders_free(host.folders);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_in_order),
		T(test_classes_apart),
		T(test_status_and_list),
		T(test_refused),
		T(test_bulk),
		T(test_another_process),
		T(test_workers_full),
		T(test_end),
		T(test_without),
		T(test_work_folder),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
