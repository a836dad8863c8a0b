/* test_store_faults: shows what is left of a store when the disk is full, when
 * a system call fails, and when the process ends before any one of them, in
 * the middle of commits and of a compaction: all that was acknowledged, and
 * nothing of what was said to have failed.
 */
/* parts: base/err base/mem base/buf base/map base/log base/clock codec/float codec/value codec/json codec/sha256 os/file os/rand os/loop os/work state/journal state/record state/index state/compact state/replay state/bigstate state/store */
/* wrap: openat pwrite fsync fdatasync ftruncate renameat unlinkat pg_work_submit */
#include "base/log.h"
#include "state/journal.h"
#include "state/store.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- System calls ---- */

/* What is to happen, counted over calls of all functions or of one; zero:
 * nothing. Calls come from the loop and its workers. */
static struct {
	_Atomic long fail_in, die_in; /* 1: the next call */
	const char *only;             /* count this function alone */
	int err;
	bool stay;                    /* fail from then on */
	_Atomic unsigned ntrace;
	char trace[256];
} faults;

/* Counts a call; true: it shall fail. */
static bool
fault(const char *name, char letter)
{
	unsigned at = atomic_fetch_add(&faults.ntrace, 1);
	long n;

	if (at < sizeof(faults.trace) - 1)
		faults.trace[at] = letter;
	if (faults.only != NULL && strcmp(faults.only, name) != 0)
		return false;
	if (atomic_load(&faults.die_in) > 0 &&
	    atomic_fetch_sub(&faults.die_in, 1) == 1)
		_exit(9);
	n = atomic_load(&faults.fail_in);
	if (n <= 0 || (n > 1 || !faults.stay ?
	    atomic_fetch_sub(&faults.fail_in, 1) != 1 : false))
		return false;
	errno = faults.err;
	return true;
}

int __real_openat(int dir, const char *name, int flags, mode_t mode);
int __wrap_openat(int dir, const char *name, int flags, mode_t mode);
ssize_t __real_pwrite(int fd, const void *p, size_t n, off_t at);
ssize_t __wrap_pwrite(int fd, const void *p, size_t n, off_t at);
int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);
int __real_ftruncate(int fd, off_t n);
int __wrap_ftruncate(int fd, off_t n);
int __real_renameat(int a, const char *from, int b, const char *to);
int __wrap_renameat(int a, const char *from, int b, const char *to);
int __real_unlinkat(int dir, const char *name, int flags);
int __wrap_unlinkat(int dir, const char *name, int flags);
int __real_pg_work_submit(struct pg_work *w, struct pg_job *j,
    struct pg_err *e);
int __wrap_pg_work_submit(struct pg_work *w, struct pg_job *j,
    struct pg_err *e);

int
__wrap_openat(int dir, const char *name, int flags, mode_t mode)
{
	if (fault("openat", 'o'))
		return -1;
	return __real_openat(dir, name, flags, mode);
}

/* Dies, and fails, with half of it written. */
ssize_t
__wrap_pwrite(int fd, const void *p, size_t n, off_t at)
{
	if (atomic_load(&faults.die_in) == 1 ||
	    atomic_load(&faults.fail_in) == 1)
		(void)!__real_pwrite(fd, p, n / 2, at);
	if (fault("pwrite", 'w'))
		return -1;
	return __real_pwrite(fd, p, n, at);
}

int
__wrap_fsync(int fd)
{
	return fault("fsync", 'f') ? -1 : __real_fsync(fd);
}

int
__wrap_fdatasync(int fd)
{
	return fault("fdatasync", 'd') ? -1 : __real_fdatasync(fd);
}

int
__wrap_ftruncate(int fd, off_t n)
{
	return fault("ftruncate", 't') ? -1 : __real_ftruncate(fd, n);
}

int
__wrap_renameat(int a, const char *from, int b, const char *to)
{
	return fault("renameat", 'r') ? -1 : __real_renameat(a, from, b, to);
}

int
__wrap_unlinkat(int dir, const char *name, int flags)
{
	return fault("unlinkat", 'u') ? -1 : __real_unlinkat(dir, name, flags);
}

int
__wrap_pg_work_submit(struct pg_work *w, struct pg_job *j, struct pg_err *e)
{
	if (faults.only != NULL && fault("pg_work_submit", 's'))
		return pg_fail(e, PG_E_BUSY, "all workers are busy");
	return __real_pg_work_submit(w, j, e);
}

static void
no_faults(void)
{
	faults.fail_in = faults.die_in = 0;
	faults.only = NULL;
	faults.stay = false;
	faults.ntrace = 0;
	memset(faults.trace, 0, sizeof(faults.trace));
}

/* The nth call of this function from now on fails. */
static void
fail_call(const char *name, long nth, int err)
{
	no_faults();
	faults.only = name;
	faults.err = err;
	faults.fail_in = nth;
}

/* ---- A store ---- */

static char dir[64];
static struct pg_loop *loop;
static struct pg_work *work;
static struct pg_store *store;

static bool
start(struct pg_err *e)
{
	loop = pg_loop_new(e);
	work = pg_work_new(loop, e);
	store = pg_store_open(dir, loop, work, e);
	return store != NULL;
}

static void
stop(void)
{
	pg_work_free(work);
	pg_store_close(store);
	pg_loop_free(loop);
	store = NULL;
}

static void
start_well(void)
{
	struct pg_err e = { 0 };

	no_faults();
	if (!start(&e))
		fail_msg("%s", e.msg);
}

static void
restart(void)
{
	stop();
	start_well();
}

static void
remove_dir(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", dir);
	assert_int_equal(system(command), 0);
}

static int
setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test_faults.XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	start_well();
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	no_faults();
	stop();
	remove_dir();
	return 0;
}

/* ---- What commits come to ---- */

static int ndone, nfailed;
static char last_error[400];

static void
on_done(struct pg_commit *c, const struct pg_err *err)
{
	ndone++;
	if (err != NULL) {
		nfailed++;
		snprintf(last_error, sizeof(last_error), "%s", err->msg);
	}
	free(c);
}

/* "KEY=JSON" is put, "KEY" deleted; NULL ends them. One record. */
static int
commit(const char *const *words, struct pg_err *e)
{
	struct pg_commit *c = calloc(1, sizeof(*c));
	struct pg_change ch = { .wrong = NULL };
	int rc;

	for (; *words != NULL; words++) {
		const char *is = strchr(*words, '=');

		if (is == NULL)
			pg_change_del(&ch, pg_str(*words));
		else
			pg_change_put(&ch, (struct pg_str){ *words,
			    (size_t)(is - *words) }, pg_str(is + 1));
	}
	c->done = on_done;
	rc = pg_store_commit(store, &ch, c, e);
	if (rc < 0)
		free(c);
	return rc;
}

#define COMMIT(...)                                                         \
	assert_int_equal(commit((const char *const[]){ __VA_ARGS__, NULL }, \
	    NULL), 0)

static void
turn_until(int n)
{
	int64_t end = pg_now() + 30 * PG_SEC;

	while (ndone < n && pg_now() < end)
		assert_int_equal(pg_loop_turn(loop, PG_SEC, NULL), 0);
	assert_int_equal(ndone, n);
}

/* Until the commits so far, n of them, are answered, as many with failure. */
static void
answered(int n, int failed)
{
	turn_until(n);
	assert_int_equal(nfailed, failed);
	ndone = nfailed = 0;
}

static int
add_key(void *arg, struct pg_str key, struct pg_str json, struct pg_err *e)
{
	(void)e;
	if (json.n < 100)
		pg_buf_printf(arg, "%.*s=%.*s ", PG_STR_ARG(key),
		    PG_STR_ARG(json));
	return 0;
}

/* All short records, in their order. */
static void
assert_all(const char *want)
{
	struct pg_buf b = PG_BUF_INIT(0);
	struct pg_err e = { 0 };

	assert_int_equal(pg_store_each(store, add_key, &b, &e), 0);
	pg_buf_putc(&b, '\0');
	assert_string_equal(b.p, want);
	pg_buf_fini(&b);
}

/* ---- A failed sync ---- */

/* Whoever waits is told, nothing of it has happened, in memory or after the
 * next start; until then nothing more is taken. */
static void
test_sync_fails(void **state)
{
	struct pg_err e = { 0 };

	(void)state;
	COMMIT("a=1", "b=1", "c=1");
	answered(1, 0);
	fail_call("fdatasync", 1, EIO);
	COMMIT("a=2", "b", "d=2");
	/* It goes to a worker; the others wait for it. */
	pg_loop_turn(loop, 0, NULL);
	COMMIT("b=3", "d", "c=3");
	COMMIT("c");
	assert_all("a=2 b=3 ");
	assert_int_equal(ndone, 0);
	answered(3, 3);
	assert_non_null(strstr(last_error, "log/0001"));
	assert_non_null(strstr(last_error, strerror(EIO)));
	assert_all("a=1 b=1 c=1 ");

	assert_true(pg_store_readonly(store, &e));
	assert_int_equal(e.code, PG_E_SYS);
	assert_non_null(strstr(e.msg, strerror(EIO)));
	e = (struct pg_err){ 0 };
	assert_int_equal(commit((const char *const[]){ "a=9", NULL }, &e), -1);
	assert_int_equal(e.code, PG_E_SYS);
	assert_non_null(strstr(e.msg, strerror(EIO)));
	restart();
	assert_all("a=1 b=1 c=1 ");
	assert_false(pg_store_readonly(store, &e));
	COMMIT("a=4");
	answered(1, 0);
	restart();
	assert_all("a=4 b=1 c=1 ");
}

/* ---- No room ---- */

/* The write fails and is taken back; when there is room again all goes on. */
static void
test_no_room(void **state)
{
	struct pg_err e = { 0 };

	(void)state;
	COMMIT("a=1", "b=1");
	answered(1, 0);
	fail_call("pwrite", 1, ENOSPC);
	faults.stay = true;
	COMMIT("a=2", "c=2");
	COMMIT("b");
	answered(2, 2);
	assert_non_null(strstr(last_error, strerror(ENOSPC)));
	assert_all("a=1 b=1 ");
	COMMIT("a=3");
	answered(1, 1);
	assert_false(pg_store_readonly(store, &e));
	no_faults();
	COMMIT("b", "d=4");
	answered(1, 0);
	assert_all("a=1 d=4 ");
	restart();
	assert_all("a=1 d=4 ");
	assert_int_equal(pg_store_corrupt(store), 0);
}

/* What was written can not be taken back: it might come up again. */
static void
test_no_way_back(void **state)
{
	struct pg_err e = { 0 };

	(void)state;
	fail_call("pwrite", 1, ENOSPC);
	COMMIT("a=1");
	/* Both calls fail: count them together. */
	faults.only = NULL;
	faults.stay = true;
	answered(1, 1);
	assert_true(pg_store_readonly(store, &e));
	restart();
	assert_all("");
}

/* A full file system, a small one of our own, where we may mount it. */
static void
test_full_tmpfs(void **state)
{
	char *z = malloc(30001);
	struct pg_err e = { 0 };
	struct dirent *f;
	char path[128];
	int failed = 0, i;
	DIR *d;

	(void)state;
	stop();
	if (mount("tmpfs", dir, "tmpfs", 0, "size=400k") < 0) {
		free(z);
		assert_true(start(&e));
		skip();
	}
	memset(z, 'x', 30000);
	memcpy(z, "big=\"", 5);
	z[29999] = '"';
	z[30000] = '\0';
	assert_true(start(&e));
	COMMIT("a=1");
	answered(1, 0);
	for (i = 0; failed == 0 && i < 100; i++) {
		COMMIT(z);
		turn_until(1);
		failed = nfailed;
		ndone = nfailed = 0;
	}
	assert_true(failed > 0);
	assert_non_null(strstr(last_error, strerror(ENOSPC)));
	assert_false(pg_store_readonly(store, &e));
	snprintf(path, sizeof(path), "%s/log", dir);
	assert_non_null(d = opendir(path));
	while ((f = readdir(d)) != NULL)
		assert_null(strstr(f->d_name, "tmp"));
	closedir(d);
	assert_int_equal(mount("tmpfs", dir, "tmpfs", MS_REMOUNT,
	    "size=4m"), 0);
	COMMIT("a=2", "big");
	answered(1, 0);
	restart();
	assert_all("a=2 ");
	stop();
	assert_int_equal(umount(dir), 0);
	free(z);
	assert_true(start(&e));
}

/* All workers' queues are full: later, then. */
static void
test_busy(void **state)
{
	(void)state;
	fail_call("pg_work_submit", 1, 0);
	COMMIT("a=1");
	pg_loop_turn(loop, 0, NULL);
	COMMIT("a=2");
	assert_int_equal(ndone, 0);
	answered(2, 0);
	restart();
	assert_all("a=2 ");
}

/* ---- Compaction ---- */

/* A folder whose log is compacted at the first commit: a megabyte of dead
 * records and some that live, large and small. */
static void
make_ripe(void)
{
	struct pg_buf line = PG_BUF_INIT(0), log = PG_BUF_INIT(0);
	char path[128];
	int fd, i;

	pg_journal_stamp(&log, 1, false);
	pg_journal_line(&log, PG_STR("{\"put\": {\"first\": 1, \"count\": 0}}"));
	for (i = 0; i < 11; i++) {
		pg_buf_reset(&line);
		pg_buf_putz(&line, "{\"put\": {\"large\": \"");
		while (line.n < 100000)
			pg_buf_putz(&line, "0123456789");
		pg_buf_putz(&line, "\", \"middle\": 2}}");
		pg_journal_line(&log, pg_buf_str(&line));
	}
	pg_journal_line(&log, PG_STR("{\"put\": {\"last\": 3}}"));
	snprintf(path, sizeof(path), "%s/log", dir);
	assert_int_equal(pg_file_mkdirs(path, NULL), 0);
	snprintf(path, sizeof(path), "%s/log/0001", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_int_equal(pg_journal_pwrite(fd, pg_buf_str(&log), 0), 0);
	close(fd);
	pg_buf_fini(&line);
	pg_buf_fini(&log);
}

/* Everything that make_ripe left and the count, whether it lies in the first
 * file, in a base or behind it. */
static void
assert_ripe(int count)
{
	struct pg_buf b = PG_BUF_INIT(0);
	struct pg_err e = { 0 };
	char want[64];

	snprintf(want, sizeof(want), "first=1 count=%d middle=2 last=3 ",
	    count);
	assert_all(want);
	if (pg_store_get(store, PG_STR("large"), &b, &e) != 0)
		fail_msg("%s", e.msg);
	assert_true(b.n > 99900 && b.n < 100010);
	pg_buf_fini(&b);
	assert_int_equal(pg_store_corrupt(store), 0);
}

static void
count_files(size_t most)
{
	char path[128];
	struct dirent *f;
	size_t n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "%s/log", dir);
	assert_non_null(d = opendir(path));
	while ((f = readdir(d)) != NULL) {
		n += f->d_name[0] != '.';
		assert_null(strstr(f->d_name, "tmp"));
	}
	closedir(d);
	assert_in_range(n, 1, most);
}

/* Count in steps, each after the one before is answered, over a compaction
 * and past it. Returns the last number that was acknowledged; each one is
 * written to fd. */
static int
count_up(int fd)
{
	char word[32];
	int i, acked = 0;

	for (i = 1; i <= 6; i++) {
		snprintf(word, sizeof(word), "count=%d", i);
		ndone = nfailed = 0;
		if (commit((const char *const[]){ word, NULL }, NULL) < 0)
			break;
		while (ndone == 0)
			pg_loop_turn(loop, PG_SEC, NULL);
		if (nfailed > 0)
			continue;
		acked = i;
		if (fd >= 0)
			(void)!write(fd, &acked, sizeof(acked));
	}
	while (pg_store_stats(store).compacting)
		pg_loop_turn(loop, PG_SEC, NULL);
	return acked;
}

/* The order of steps on which compact.h relies: the new file and its name
 * synced, the base synced, renamed, its name synced, and only then removed
 * what was before. */
static void
test_order_of_steps(void **state)
{
	(void)state;
	stop();
	make_ripe();
	start_well();
	no_faults();
	COMMIT("count=1");
	answered(1, 0);
	while (pg_store_stats(store).compactions == 0 ||
	    pg_store_stats(store).compacting)
		pg_loop_turn(loop, PG_SEC, NULL);
	/* Opens: the new file, the base; one to read the long value; the
	 * folder. */
	assert_string_equal(faults.trace, "wd" "owdf" "oowfrf" "ou");
	assert_ripe(1);
	count_files(2);
}

/* Whatever call fails, at the start, in commits or in a compaction: what was
 * acknowledged is there at the next start, and nothing else. */
static void
sweep_failures(int err)
{
	struct pg_err e;
	int acked, n;
	bool hit = true;

	for (n = 1; n < 200 && hit; n++) {
		stop();
		remove_dir();
		make_ripe();
		no_faults();
		faults.err = err;
		faults.fail_in = n;
		e = (struct pg_err){ 0 };
		acked = 0;
		if (start(&e)) {
			acked = count_up(-1);
		} else {
			assert_int_equal(e.code, PG_E_SYS);
			assert_non_null(strstr(e.msg, strerror(err)));
		}
		hit = faults.fail_in == 0;
		no_faults();
		if (store != NULL)
			assert_ripe(acked);
		restart();
		assert_ripe(acked);
		count_files(3);
	}
	/* Once through: the last round was without any failure. */
	assert_true(n > 20 && n < 200);
}

static void
test_every_call_fails(void **state)
{
	(void)state;
	sweep_failures(EIO);
	sweep_failures(ENOSPC);
}

/* In a child that ends before its nth call. Returns the last number that it
 * acknowledged; *through: it came to its end. */
static int
die_at(int n, bool *through)
{
	int fds[2], status, acked = 0;
	struct pg_err e = { 0 };
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		faults.die_in = n;
		if (!start(&e))
			_exit(1);
		count_up(fds[1]);
		stop();
		_exit(0);
	}
	close(fds[1]);
	while (read(fds[0], &status, sizeof(status)) == sizeof(status))
		acked = status;
	close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_not_equal(WEXITSTATUS(status), 1);
	*through = WEXITSTATUS(status) == 0;
	return acked;
}

/* Which number the store says it has come to. */
static int
counted(void)
{
	struct pg_buf b = PG_BUF_INIT(0);
	int n;

	assert_int_equal(pg_store_get(store, PG_STR("count"), &b, NULL), 0);
	assert_int_equal(b.n, 1);
	n = b.p[0] - '0';
	pg_buf_fini(&b);
	return n;
}

/* The process ends before any of its calls, or with half a write. What comes
 * next finds all that was acknowledged, at most one more, and can go on. */
static void
test_death_at_every_call(void **state)
{
	bool through = false;
	int acked, n;

	(void)state;
	for (n = 1; n < 200 && !through; n++) {
		stop();
		remove_dir();
		make_ripe();
		no_faults();
		/* No thread but ours when it forks. */
		acked = die_at(n, &through);
		start_well();
		assert_in_range(counted(), acked, acked + 1);
		assert_ripe(counted());
		count_files(2 + (acked == 0));
		assert_int_equal(count_up(-1), 6);
		assert_ripe(6);
		restart();
		assert_ripe(6);
	}
	assert_true(n > 20 && n < 200);
}

#define store_test(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		store_test(test_sync_fails),
		store_test(test_no_room),
		store_test(test_no_way_back),
		store_test(test_full_tmpfs),
		store_test(test_busy),
		store_test(test_order_of_steps),
		store_test(test_every_call_fails),
		store_test(test_death_at_every_call),
	};

	pg_log_set_level(PG_LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
