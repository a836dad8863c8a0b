/* test_bigstate: shows which names state files may have: those of a length and
 * none that leads out of the folder.
 */
/* parts: base/err base/mem base/buf base/map base/log base/clock os/file os/loop os/work state/bigstate */
#include "base/log.h"
#include "base/mem.h"
#include "state/bigstate.h"

#include <setjmp.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64];
static struct pg_loop *loop;
static struct pg_bigstates states;
static int ndone;
static struct pg_err last;

static void
open_states(void)
{
	struct pg_err e = { 0 };

	if (pg_bigstates_open(&states, pg_strdup(pg_str(dir)),
	    pg_work_new(loop, NULL), &e) < 0)
		fail_msg("%s", e.msg);
}

static void
close_states(void)
{
	pg_work_free(states.work);
	pg_bigstates_fini(&states);
}

static int
setup(void **state)
{
	(void)state;
	pg_log_set_level(PG_LOG_ERROR);
	snprintf(dir, sizeof(dir), "/tmp/test_bigstate.XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	loop = pg_loop_new(NULL);
	ndone = 0;
	open_states();
	return 0;
}

static int
teardown(void **state)
{
	char command[128];

	(void)state;
	close_states();
	pg_loop_free(loop);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static void
on_done(void *arg, const struct pg_err *err)
{
	(void)arg;
	ndone++;
	last = err != NULL ? *err : (struct pg_err){ 0 };
}

/* Write bytes 1 to 3 of "_abc_" as the state of that name. */
static int
writes(struct pg_str name)
{
	struct pg_bulk *b = pg_bulk_copy(PG_STR("_abc_"), NULL);
	struct pg_err e = { 0 };
	int before = ndone;
	int rc = pg_bigstate_write(&states, name, b, 1, 3, on_done, NULL, &e);

	pg_bulk_unref(b);
	while (rc == 0 && ndone == before)
		assert_int_equal(pg_loop_turn(loop, PG_SEC, NULL), 0);
	assert_int_equal(rc, e.code == PG_E_OK ? 0 : -1);
	return rc;
}

static bool
reads(struct pg_str name)
{
	struct pg_err e = { 0 };
	struct pg_bulk *b = pg_bigstate_read(&states, name, &e);
	bool ok = b != NULL;

	assert_int_equal(ok, e.code == PG_E_OK);
	if (ok)
		assert_true(pg_str_eqz(pg_bulk_str(b), "abc"));
	pg_bulk_unref(b);
	return ok;
}

static void
names_have_a_length(void **state)
{
	char name[PG_BIGSTATE_NAME_MAX + 1];
	struct pg_str s = { name, 0 };

	(void)state;
	memset(name, 'n', sizeof(name));
	for (s.n = PG_BIGSTATE_NAME_MAX - 1; s.n <= PG_BIGSTATE_NAME_MAX;
	    s.n++) {
		assert_int_equal(writes(s), 0);
		assert_int_equal(last.code, PG_E_OK);
		assert_true(reads(s));
		pg_bigstate_remove(&states, s);
		assert_false(reads(s));
	}
	assert_int_equal(writes(s), -1);
	assert_false(reads(s));
	s.n = 0;
	assert_int_equal(writes(s), -1);
	assert_false(reads(s));
}

/* A record may say anything. */
static void
no_name_leads_elsewhere(void **state)
{
	static const struct pg_str bad[] = { PG_STR("."), PG_STR(".."),
		PG_STR("../x"), PG_STR("a/b"), PG_STR("/etc/passwd"),
		PG_STR(".hidden"), PG_STR("a\0b"), PG_STR("a b"),
		PG_STR("a\nb"), PG_STR("\xc3\xa9") };
	char path[100];
	size_t i;

	(void)state;
	for (i = 0; i < PG_COUNT(bad); i++) {
		assert_int_equal(writes(bad[i]), -1);
		assert_false(reads(bad[i]));
		pg_bigstate_remove(&states, bad[i]);
	}
	/* Nor does a link that somebody has put there. */
	snprintf(path, sizeof(path), "%s/link", dir);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_int_equal(writes(PG_STR("link")), 0);
	assert_true(reads(PG_STR("link")));
}

static void
a_later_one_replaces(void **state)
{
	(void)state;
	assert_int_equal(writes(PG_STR("s")), 0);
	assert_int_equal(writes(PG_STR("s")), 0);
	close_states();
	open_states();
	assert_true(reads(PG_STR("s")));
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(names_have_a_length),
		T(no_name_leads_elsewhere),
		T(a_later_one_replaces),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
