/* test_folder: shows whose work folder is where and until when: that it goes
 * with its paglet at once, that one of the same id which comes meanwhile keeps
 * its own, and what a start finds and sweeps.
 *
 * The tables of agents are pretended ones.
 */
/* parts: base/err base/mem base/buf base/map base/clock base/log codec/float codec/value codec/pickle codec/pickle_build codec/pickle_text codec/pickle_write os/file os/loop os/work os/sweep host/wire host/folder */
/* wrap: pg_agent_find */
#include "base/log.h"
#include "host/agent.h"
#include "host/folder.h"
#include "host/wire.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64], in[80];
static struct pg_host host;
static struct pg_agent agents[2] = { { .id = { "kim", 3 } },
	{ .id = { "lou", 3 } } };

struct pg_agent *__wrap_pg_agent_find(const struct pg_host *h,
    struct pg_str id);
struct pg_agent *
__wrap_pg_agent_find(const struct pg_host *h, struct pg_str id)
{
	size_t i;

	assert_ptr_equal(h, &host);
	for (i = 0; i < PG_COUNT(agents); i++)
		if (pg_str_eq(agents[i].id, id))
			return &agents[i];
	return NULL;
}

static void
begin(void)
{
	host.work = pg_work_new(host.loop, NULL);
	host.folders = pg_folders_new(&host, NULL);
	assert_non_null(host.folders);
}

static void
end(void)
{
	pg_work_free(host.work);
	pg_folders_free(host.folders);
}

static int
setup(void **state)
{
	(void)state;
	pg_log_set_level(PG_LOG_ERROR);
	memset(&host, 0, sizeof(host));
	agents[0].phase = agents[1].phase = PG_AGENT_ACTIVE;
	snprintf(dir, sizeof(dir), "/tmp/test_folder.XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(in, sizeof(in), "%s/work", dir);
	host.cfg.state_dir = dir;
	host.loop = pg_loop_new(NULL);
	begin();
	return chdir(in);
}

static int
teardown(void **state)
{
	char command[128];

	(void)state;
	end();
	pg_loop_free(host.loop);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return chdir("/") < 0 ? -1 : system(command);
}

/* Number of names, until there are so many. */
static void
settles(int want)
{
	DIR *d;
	int n, i;

	for (i = 0, n = -1; i < 60000 && n != want; i++) {
		assert_true(pg_loop_turn(host.loop, PG_MS, NULL) >= 0);
		d = opendir(in);
		assert_non_null(d);
		for (n = -2; readdir(d) != NULL; n++)
			continue;
		closedir(d);
	}
	assert_int_equal(n, want);
}

static void
make(const char *id)
{
	struct pg_err e = { 0 };

	if (pg_folder_make(&host, pg_str(id), &e) < 0)
		fail_msg("%s", e.msg);
}

static void
touch(const char *path)
{
	int fd = open(path, O_CREAT | O_WRONLY, 0600);

	assert_true(fd >= 0);
	close(fd);
}

static bool
there(const char *path)
{
	return access(path, F_OK) == 0;
}

static void
test_make_and_drop(void **state)
{
	char path[PG_FOLDER_PATH], want[128];
	struct stat st;

	(void)state;
	snprintf(want, sizeof(want), "%s/kim", in);
	assert_int_equal(pg_folder_path(&host, PG_STR("kim"), path, NULL), 0);
	assert_string_equal(path, want);
	assert_false(there("kim"));
	make("kim");
	make("kim");
	assert_int_equal(stat("kim", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	touch("kim/file");
	pg_folder_drop(&host, PG_STR("kim"));
	assert_false(there("kim"));
	/* Another comes before that is removed. */
	make("kim");
	touch("kim/other");
	settles(1);
	assert_true(there("kim/other"));
	assert_false(there("kim/file"));
	/* Nothing that we did not make, and nothing twice. */
	mkdir("lou", 0700);
	pg_folder_drop(&host, PG_STR("lou"));
	assert_true(there("lou"));
	pg_folder_drop(&host, PG_STR("kim"));
	pg_folder_drop(&host, PG_STR("kim"));
	settles(1);
}

static void
test_aside(void **state)
{
	(void)state;
	make("kim");
	touch("kim/old");
	pg_folder_aside(&host, PG_STR("kim"));
	assert_false(there("kim"));
	make("kim");
	touch("kim/new");
	pg_folder_restore(&host, PG_STR("kim"));
	assert_true(there("kim/old"));
	assert_false(there("kim/new"));
	settles(1);
	pg_folder_aside(&host, PG_STR("kim"));
	make("kim");
	touch("kim/new");
	pg_folder_forget(&host, PG_STR("kim"));
	settles(1);
	assert_true(there("kim/new"));
	/* Without one: nothing to put back. */
	pg_folder_drop(&host, PG_STR("kim"));
	pg_folder_aside(&host, PG_STR("kim"));
	pg_folder_restore(&host, PG_STR("kim"));
	pg_folder_forget(&host, PG_STR("kim"));
	settles(0);
}

static void
test_longest_id(void **state)
{
	char id[PG_AGENT_ID_MAX + 1];

	(void)state;
	memset(id, 'x', PG_AGENT_ID_MAX);
	id[PG_AGENT_ID_MAX] = '\0';
	make(id);
	pg_folder_aside(&host, pg_str(id));
	pg_folder_restore(&host, pg_str(id));
	assert_true(there(id));
	pg_folder_drop(&host, pg_str(id));
	settles(0);
}

static void
test_stage(void **state)
{
	char one[PG_FOLDER_PATH], two[PG_FOLDER_PATH], path[PG_FOLDER_PATH];
	struct pg_err e = { 0 };

	(void)state;
	assert_int_equal(pg_folder_stage(&host, one, &e), 0);
	assert_int_equal(pg_folder_stage(&host, two, &e), 0);
	assert_string_not_equal(one, two);
	snprintf(path, sizeof(path), "%.*s/file", PATH_MAX - 10, one);
	touch(path);
	assert_int_equal(pg_folder_adopt(&host, PG_STR("kim"), one, &e), 0);
	assert_true(there("kim/file"));
	pg_folder_unstage(&host, one);
	pg_folder_unstage(&host, two);
	settles(1);
	/* In the way. */
	assert_int_equal(pg_folder_stage(&host, two, &e), 0);
	assert_int_equal(pg_folder_adopt(&host, PG_STR("kim"), two, &e), -1);
	pg_folder_drop(&host, PG_STR("kim"));
	assert_int_equal(pg_folder_adopt(&host, PG_STR("kim"), two, &e), 0);
	pg_folder_drop(&host, PG_STR("kim"));
	settles(0);
}

static void
test_start(void **state)
{
	(void)state;
	make("kim");
	touch("kim/file");
	make("stranger");
	mkdir(".in-0", 0700);
	mkdir(".was-stranger", 0700);
	mkdir(".was-lou", 0700);
	touch("junk");
	end();
	begin();
	pg_folders_sweep(&host);
	settles(1);
	assert_true(there("kim/file"));
	pg_folder_drop(&host, PG_STR("kim"));
	settles(0);
}

/* Killed while another was being put in the place of one. */
static void
test_start_in_between(void **state)
{
	(void)state;
	mkdir(".was-kim", 0700);
	touch(".was-kim/old");
	mkdir("kim", 0700);
	touch("kim/new");
	mkdir(".was-lou", 0700);
	mkdir("lou", 0700);
	touch("lou/new");
	agents[0].phase = PG_AGENT_MOVING;  /* it has not come to that */
	agents[1].phase = PG_AGENT_INACTIVE; /* it has */
	pg_folders_sweep(&host);
	settles(2);
	assert_true(there("kim/old"));
	assert_false(there("kim/new"));
	assert_true(there("lou/new"));
}

/* Records of paglets are missing: their folders are not thrown away. */
static void
test_start_damaged(void **state)
{
	(void)state;
	make("kim");
	touch("kim/file");
	make("max");
	touch("max/file");
	mkdir(".was-max", 0700);
	mkdir(".in-0", 0700);
	end();
	begin();
	host.damaged = true;
	pg_folders_sweep(&host);
	host.damaged = false;
	settles(3);
	assert_true(there("kim/file"));
	assert_true(there(".kept-max/file"));
	assert_true(there(".was-max"));
	/* It is back; another one is not, and a new one of a kept name is. */
	mkdir(".kept-kim", 0700);
	assert_int_equal(rename(".kept-max", ".kept-lou"), 0);
	mkdir(".kept-eve", 0700);
	end();
	begin();
	pg_folders_sweep(&host);
	settles(4);
	assert_true(there("kim/file"));
	assert_true(there("lou/file"));
	assert_true(there(".kept-eve"));
	pg_folder_drop(&host, PG_STR("lou"));
	settles(3);
}

static void
test_without(void **state)
{
	struct pg_folders *f = host.folders;
	char path[PG_FOLDER_PATH];
	struct pg_err e = { 0 };

	(void)state;
	host.folders = NULL;
	assert_int_equal(pg_folder_make(&host, PG_STR("kim"), &e), -1);
	assert_int_equal(e.code, PG_E_HOST);
	assert_int_equal(pg_folder_path(&host, PG_STR("kim"), path, &e), -1);
	assert_int_equal(pg_folder_stage(&host, path, &e), -1);
	pg_folder_drop(&host, PG_STR("kim"));
	pg_folder_aside(&host, PG_STR("kim"));
	pg_folder_restore(&host, PG_STR("kim"));
	pg_folder_forget(&host, PG_STR("kim"));
	pg_folder_unstage(&host, "/x/y");
	pg_folders_sweep(&host);
	pg_folders_free(NULL);
	host.folders = f;
	/* The disk has gone away. */
	assert_int_equal(rename(in, "../elsewhere"), 0);
	assert_int_equal(pg_folder_make(&host, PG_STR("kim"), &e), -1);
	assert_int_equal(e.code, PG_E_SYS);
	assert_int_equal(rename("../elsewhere", in), 0);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_make_and_drop),
		T(test_aside),
		T(test_longest_id),
		T(test_stage),
		T(test_start),
		T(test_start_in_between),
		T(test_start_damaged),
		T(test_without),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
