/* test_sweep: shows that whatever lies in a folder that is to vanish does, in
 * small steps, and nothing else: what links lead to stays, and so does what
 * comes afterwards under the same name; and that what cannot be removed is
 * not tried for ever.
 */
/* parts: base/err base/mem base/buf base/clock base/log os/file os/loop os/work os/sweep */
/* wrap: unlinkat */
#include "base/log.h"
#include "os/sweep.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char top[64], path[96];
static struct pg_loop *loop;
static struct pg_work *work;
static struct pg_sweep *sweep;
static const char *stuck; /* the name that cannot be removed */
static int removed;

int __wrap_unlinkat(int dir, const char *name, int flags);
int __real_unlinkat(int dir, const char *name, int flags);

int
__wrap_unlinkat(int dir, const char *name, int flags)
{
	int rc;

	if (stuck != NULL && strcmp(name, stuck) == 0) {
		errno = EBUSY;
		return -1;
	}
	rc = __real_unlinkat(dir, name, flags);
	if (rc == 0)
		__atomic_fetch_add(&removed, 1, __ATOMIC_RELAXED);
	return rc;
}

static int
setup(void **state)
{
	(void)state;
	pg_log_set_level(PG_LOG_ERROR);
	stuck = NULL;
	removed = 0;
	snprintf(top, sizeof(top), "/tmp/test_sweep.XXXXXX");
	if (mkdtemp(top) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/made/here", top);
	loop = pg_loop_new(NULL);
	work = pg_work_new(loop, NULL);
	sweep = pg_sweep_new(path, work, NULL);
	return sweep == NULL || chdir(path) < 0 ? -1 : 0;
}

static int
teardown(void **state)
{
	char command[200];

	(void)state;
	stuck = NULL;
	pg_work_free(work);
	pg_sweep_free(sweep);
	pg_loop_free(loop);
	snprintf(command, sizeof(command), "chmod -R u+rwx %s; rm -rf %s", top,
	    top);
	return chdir("/") < 0 ? -1 : system(command);
}

static void
run(void)
{
	pg_sweep_start(sweep);
	while (pg_sweep_busy(sweep))
		assert_true(pg_loop_turn(loop, PG_SEC, NULL) >= 0);
}

static int
entries(void)
{
	DIR *d = opendir(path);
	int n = -2;

	assert_non_null(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

static void
touch(const char *name)
{
	close(open(name, O_CREAT | O_WRONLY, 0400));
}

static void
aside(const char *name)
{
	assert_int_equal(pg_sweep_aside(sweep, pg_sweep_dir(sweep), name,
	    NULL), 0);
	assert_int_equal(access(name, F_OK), -1);
}

static void
test_kinds(void **state)
{
	(void)state;
	touch("../outside");
	touch("file");
	assert_int_equal(symlink("../outside", "link"), 0);
	assert_int_equal(symlink("..", "dirlink"), 0);
	assert_int_equal(mkfifo("pipe", 0), 0);
	assert_int_equal(mkdir("empty", 0), 0);
	mkdir("full", 0700);
	mkdir("full/\n\xff", 0700);
	touch("full/\n\xff/file");
	assert_int_equal(symlink("/", "full/top"), 0);
	mkdir("full/locked", 0700);
	mkdir("full/locked/in", 0700);
	touch("full/locked/in/file");
	chmod("full/locked/in", 0);
	chmod("full/locked", 0);
	chmod("full", 0500);
	aside("file");
	aside("link");
	aside("dirlink");
	aside("pipe");
	aside("empty");
	aside("full");
	touch("full");
	touch("bystander");
	assert_int_equal(entries(), 8);
	run();
	assert_int_equal(entries(), 2);
	assert_int_equal(access("full", F_OK), 0);
	assert_int_equal(access("../outside", F_OK), 0);
}

static void
test_none(void **state)
{
	struct pg_err e = { 0 };

	(void)state;
	assert_int_equal(pg_sweep_aside(sweep, pg_sweep_dir(sweep), "none",
	    &e), 1);
	run();
	assert_int_equal(removed, 0);
	assert_true(pg_sweep_is_out(".gone-1"));
	assert_false(pg_sweep_is_out("gone-1"));
	assert_false(pg_sweep_is_out(".gone"));
}

/* Deeper than there are descriptors, or bytes in a path. */
static void
test_deep(void **state)
{
	char name[200];
	int i;

	(void)state;
	memset(name, 'd', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	mkdir("deep", 0700);
	assert_int_equal(chdir("deep"), 0);
	for (i = 0; i < 3000; i++) {
		assert_int_equal(mkdir(name, 0700), 0);
		assert_int_equal(chdir(name), 0);
		touch("file");
	}
	assert_int_equal(chdir(path), 0);
	aside("deep");
	run();
	assert_int_equal(entries(), 0);
}

/* One job takes PG_SWEEP_SLICE entries and leaves the rest for the next. */
static void
test_slices(void **state)
{
	char name[32];
	int i;

	(void)state;
	mkdir("wide", 0700);
	for (i = 0; i < PG_SWEEP_SLICE + 1; i++) {
		snprintf(name, sizeof(name), "wide/%d", i);
		touch(name);
	}
	aside("wide");
	pg_sweep_start(sweep);
	assert_true(pg_loop_turn(loop, PG_SEC, NULL) >= 0);
	while (__atomic_load_n(&removed, __ATOMIC_RELAXED) < PG_SWEEP_SLICE)
		usleep(1000);
	run();
	assert_int_equal(removed, PG_SWEEP_SLICE + 2);
	assert_int_equal(entries(), 0);
}

static void
test_slice_of_exactly(void **state)
{
	char name[32];
	int i;

	(void)state;
	for (i = 0; i < PG_SWEEP_SLICE; i++) {
		snprintf(name, sizeof(name), PG_SWEEP_PREFIX "x%d", i);
		touch(name);
	}
	run();
	assert_int_equal(entries(), 0);
}

static void
test_stuck(void **state)
{
	(void)state;
	mkdir("full", 0700);
	touch("full/this");
	touch("full/that");
	aside("full");
	stuck = "this";
	run();
	assert_int_equal(entries(), 1);
	assert_int_equal(removed, 1);
	stuck = NULL;
	run();
	assert_int_equal(entries(), 0);
}

/* What an earlier start has left is found, also under the next names. */
static void
test_left(void **state)
{
	int i;
	char name[32];

	(void)state;
	for (i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), PG_SWEEP_PREFIX "%x", i);
		mkdir(name, 0700);
		strcat(name, "/x");
		mkdir(name, 0700);
	}
	mkdir("more", 0700);
	aside("more");
	run();
	assert_int_equal(entries(), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_kinds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_none, setup, teardown),
		cmocka_unit_test_setup_teardown(test_deep, setup, teardown),
		cmocka_unit_test_setup_teardown(test_slices, setup, teardown),
		cmocka_unit_test_setup_teardown(test_slice_of_exactly, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_stuck, setup, teardown),
		cmocka_unit_test_setup_teardown(test_left, setup, teardown),
	};

	/* As a user who may not do everything, if there is a choice. */
	if (getuid() == 0 && (setgid(65534) < 0 || setuid(65534) < 0))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
