/* test_ingest: what arrives is hashed and written as it came, whatever its
 * length; one that arrives fast has a few buffers and not all, many that are
 * slow leave room for another; a disk that fails is told, and an ingest may be
 * freed at any time.
 */
/* parts: base/err base/mem base/clock codec/sha256 os/loop os/work os/ingest */
/* wrap: write fdatasync openat */
#include "base/mem.h"
#include "os/ingest.h"
#include "workers.h"

#include <fcntl.h>
#include <semaphore.h>
#include <setjmp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

ssize_t __real_write(int fd, const void *p, size_t n);
ssize_t __wrap_write(int fd, const void *p, size_t n);
int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);
int __real_openat(int dir, const char *name, int flags, ...);
int __wrap_openat(int dir, const char *name, int flags, ...);

/* How the disk behaves; a write takes write_max bytes at most. */
static struct {
	size_t write_max, room;
	int open_error, sync_error;
} disk;

ssize_t
__wrap_write(int fd, const void *p, size_t n)
{
	if (n > disk.room) {
		errno = ENOSPC;
		return -1;
	}
	n = __real_write(fd, p, PG_MIN(n, disk.write_max)) < 0 ? 0 :
	    PG_MIN(n, disk.write_max);
	disk.room -= n;
	return (ssize_t)n;
}

int
__wrap_fdatasync(int fd)
{
	errno = disk.sync_error;
	return disk.sync_error != 0 ? -1 : __real_fdatasync(fd);
}

int
__wrap_openat(int dir, const char *name, int flags, ...)
{
	errno = disk.open_error;
	return disk.open_error != 0 ? -1 :
	    __real_openat(dir, name, flags, 0600);
}

static char dir[64];
static int folder;
static struct pg_loop *loop;
static struct pg_work *work;
static struct pg_ingest_pool *pool;

static int
setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test_ingest.XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	folder = open(dir, O_RDONLY | O_DIRECTORY);
	disk.write_max = disk.room = SIZE_MAX / 2;
	disk.open_error = disk.sync_error = 0;
	loop = pg_loop_new(NULL);
	work = pg_work_new(loop, NULL);
	pool = pg_ingest_pool_new(loop, work, NULL);
	return pool != NULL ? 0 : -1;
}

static int
teardown(void **state)
{
	char command[128];

	(void)state;
	pg_work_free(work);
	pg_ingest_pool_free(pool);
	pg_loop_free(loop);
	close(folder);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

/* ---- One that arrives ---- */

struct arrival {
	struct pg_ingest *in;
	unsigned told, done;
	uint64_t sent, size;
	uint8_t sha[PG_SHA256_SIZE];
	struct pg_err err;
};

static void
on_room(void *arg)
{
	struct arrival *a = arg;

	a->told++;
}

static void
on_done(void *arg, const uint8_t sha[PG_SHA256_SIZE], uint64_t size,
    const struct pg_err *err)
{
	struct arrival *a = arg;

	a->done++;
	a->size = size;
	memcpy(a->sha, sha, PG_SHA256_SIZE);
	if (err != NULL)
		a->err = *err;
}

static void
begin(struct arrival *a, const char *name)
{
	memset(a, 0, sizeof(*a));
	a->in = pg_ingest_create(pool, folder, name, on_room, a);
}

/* What arrives: bytes that differ from their neighbours. */
static void
fill(char *p, uint64_t at, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		p[i] = (char)((at + i) * 31 >> 3);
}

static void
turn(void)
{
	assert_int_equal(pg_loop_turn(loop, 50 * PG_MS, NULL), 0);
}

/* Give it n bytes, or as many as it has room for without a turn of the loop
 * (wait: with). How many it took. */
static uint64_t
feed(struct arrival *a, uint64_t n, bool wait)
{
	uint64_t left = n;
	size_t room;
	char *p;

	while (left > 0) {
		p = pg_ingest_room(a->in, &room, &a->err);
		if (a->err.code != PG_E_OK) {
			assert_null(p);
			break;
		}
		if (room == 0 && !wait)
			break;
		if (room == 0) {
			turn();
			continue;
		}
		room = (size_t)PG_MIN((uint64_t)room, left);
		fill(p, a->sent, room);
		pg_ingest_filled(a->in, room);
		a->sent += room;
		left -= room;
	}
	return n - left;
}

static void
finish(struct arrival *a)
{
	pg_ingest_finish(a->in, on_done, a);
	assert_int_equal(a->done, 0);
	while (a->done == 0)
		turn();
	assert_int_equal(a->done, 1);
}

/* The file of that name is what has arrived. */
static void
check_file(const struct arrival *a, const char *name)
{
	char *want = malloc(a->sent + 1), *got = malloc(a->sent + 1);
	int fd = openat(folder, name, O_RDONLY);
	uint8_t sha[PG_SHA256_SIZE], again[PG_SHA256_SIZE];
	uint64_t size;

	fill(want, 0, a->sent);
	assert_true(fd >= 0);
	assert_int_equal(read(fd, got, a->sent + 1), a->sent);
	assert_memory_equal(want, got, a->sent);
	pg_sha256((struct pg_str){ want, a->sent }, sha);
	assert_memory_equal(sha, a->sha, sizeof(sha));
	assert_int_equal(pg_file_sha256(fd, again, &size, NULL), 0);
	assert_memory_equal(sha, again, sizeof(sha));
	assert_int_equal(size, a->sent);
	assert_int_equal(a->size, a->sent);
	close(fd);
	free(want);
	free(got);
}

static bool
there(const char *name)
{
	return faccessat(folder, name, F_OK, 0) == 0;
}

static void
gone_soon(const char *name)
{
	int i;

	for (i = 0; i < 1000 && there(name); i++)
		turn();
	assert_false(there(name));
}

/* All workers stand still, until they are let go. */
static struct blocker {
	struct pg_job job;
	bool done;
} blockers[PG_WORK_THREADS];
static sem_t gate, stopped;

static void
block_run(struct pg_job *j)
{
	(void)j;
	sem_post(&stopped);
	sem_wait(&gate);
}

static void
block_done(struct pg_job *j)
{
	PG_CONTAINER(j, struct blocker, job)->done = true;
}

static void
workers_stop(void)
{
	int i;

	sem_init(&gate, 0, 0);
	sem_init(&stopped, 0, 0);
	for (i = 0; i < PG_WORK_THREADS; i++) {
		blockers[i] = (struct blocker){ .job = { .run = block_run,
		    .done = block_done } };
		assert_int_equal(pg_work_submit(work, &blockers[i].job,
		    NULL), 0);
	}
	for (i = 0; i < PG_WORK_THREADS; i++)
		sem_wait(&stopped);
}

static void
workers_go(void)
{
	int i;

	for (i = 0; i < PG_WORK_THREADS; i++)
		sem_post(&gate);
	for (i = 0; i < PG_WORK_THREADS; i++)
		while (!blockers[i].done)
			turn();
}

/* ---- Tests ---- */

static void
arrives_as_it_was_sent(void **state)
{
	static const uint64_t sizes[] = { 0, 1, 4095, PG_INGEST_BUFFER - 1,
		PG_INGEST_BUFFER, PG_INGEST_BUFFER + 1,
		PG_INGEST_AHEAD * PG_INGEST_BUFFER,
		64 * PG_INGEST_BUFFER + 12345 };
	struct arrival a;
	char name[32];
	size_t i;

	(void)state;
	for (i = 0; i < PG_COUNT(sizes); i++) {
		snprintf(name, sizeof(name), "file-%zu", i);
		begin(&a, name);
		assert_int_equal(feed(&a, sizes[i], true), sizes[i]);
		finish(&a);
		assert_int_equal(a.err.code, PG_E_OK);
		check_file(&a, name);
		pg_ingest_free(a.in);
		gone_soon(name);
	}
}

/* A disk that takes little at a time. */
static void
short_writes_are_gone_on_with(void **state)
{
	struct arrival a;

	(void)state;
	disk.write_max = 1000;
	begin(&a, "x");
	feed(&a, PG_INGEST_BUFFER + 333, true);
	finish(&a);
	check_file(&a, "x");
	pg_ingest_free(a.in);
}

static void
goes_on_where_a_file_is(void **state)
{
	int fd = openat(folder, "old", O_WRONLY | O_CREAT, 0600);
	struct arrival a = { 0 };
	char bytes[7];

	(void)state;
	assert_int_equal(__real_write(fd, "abc", 3), 3);
	a.in = pg_ingest_new(pool, fd, on_room, &a);
	feed(&a, 4, true);
	finish(&a);
	pg_ingest_free(a.in);
	workers_rest(work, loop);
	fd = openat(folder, "old", O_RDONLY);
	assert_int_equal(read(fd, bytes, sizeof(bytes)), 7);
	assert_memory_equal(bytes, "abc", 3);
	fill(bytes, 0, 4);
	assert_memory_equal(bytes, bytes, 4);
	close(fd);
}

static void
one_has_a_few_buffers(void **state)
{
	const uint64_t most = PG_INGEST_AHEAD * (uint64_t)PG_INGEST_BUFFER;
	struct arrival a, b;

	(void)state;
	workers_stop();
	begin(&a, "a");
	assert_int_equal(feed(&a, most - 1, false), most - 1);
	assert_int_equal(feed(&a, 2, false), 1);
	assert_int_equal(feed(&a, 1, false), 0);
	/* Others do not notice. */
	begin(&b, "b");
	assert_int_equal(feed(&b, most + 1, false), most);
	turn();
	assert_int_equal(a.told, 0);
	workers_go();
	while (a.told == 0 || b.told == 0)
		turn();
	assert_int_equal(feed(&a, most, true), most);
	finish(&a);
	check_file(&a, "a");
	finish(&b);
	check_file(&b, "b");
	pg_ingest_free(a.in);
	pg_ingest_free(b.in);
}

static void
all_have_so_many_buffers(void **state)
{
	struct arrival a[PG_INGEST_BUFFERS_MAX / PG_INGEST_AHEAD + 1];
	const uint64_t most = PG_INGEST_AHEAD * (uint64_t)PG_INGEST_BUFFER;
	size_t i, last = PG_COUNT(a) - 1;
	char name[32];

	(void)state;
	workers_stop();
	for (i = 0; i < PG_COUNT(a); i++) {
		snprintf(name, sizeof(name), "file-%zu", i);
		begin(&a[i], name);
		assert_int_equal(feed(&a[i], most, false), i == last ? 0 :
		    most);
	}
	workers_go();
	assert_int_equal(feed(&a[last], most, true), most);
	for (i = 0; i < PG_COUNT(a); i++) {
		snprintf(name, sizeof(name), "file-%zu", i);
		finish(&a[i]);
		check_file(&a[i], name);
		pg_ingest_free(a[i].in);
	}
}

/* Hundreds that have sent a byte, and then some more, and one that sends as
 * fast as it can. */
static void
the_slow_leave_room(void **state)
{
	enum { SLOW = 300, ROUNDS = 3 };
	struct arrival *slow = calloc(SLOW, sizeof(*slow)), fast;
	char name[32];
	int i, round;

	(void)state;
	begin(&fast, "fast");
	for (i = 0; i < SLOW; i++) {
		snprintf(name, sizeof(name), "slow-%d", i);
		begin(&slow[i], name);
	}
	for (round = 0; round < ROUNDS; round++) {
		for (i = 0; i < SLOW; i++)
			feed(&slow[i], 7, true);
		feed(&fast, 20 * PG_INGEST_BUFFER + 11, true);
	}
	finish(&fast);
	check_file(&fast, "fast");
	for (i = 0; i < SLOW; i++) {
		snprintf(name, sizeof(name), "slow-%d", i);
		finish(&slow[i]);
		assert_int_equal(slow[i].size, 7 * ROUNDS);
		check_file(&slow[i], name);
		pg_ingest_free(slow[i].in);
	}
	pg_ingest_free(fast.in);
	free(slow);
}

/* All wait at the same time: each is served, in order. */
static void
who_waits_is_served(void **state)
{
	enum { MANY = 60 };
	struct arrival a[MANY];
	char name[32];
	int i, left = MANY;

	(void)state;
	workers_stop();
	for (i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "file-%d", i);
		begin(&a[i], name);
		feed(&a[i], 100, false);
	}
	/* Each buffer was taken away, half empty, for another one. */
	assert_int_equal(a[PG_INGEST_BUFFERS_MAX - 1].sent, 100);
	assert_int_equal(a[PG_INGEST_BUFFERS_MAX].sent, 0);
	workers_go();
	while (left > 0) {
		turn();
		for (left = 0, i = 0; i < MANY; i++) {
			if (a[i].sent == 0 && a[i].told > 0) {
				a[i].told = 0;
				feed(&a[i], 100, false);
			}
			left += a[i].sent == 0;
		}
	}
	for (i = 0; i < MANY; i++) {
		finish(&a[i]);
		assert_int_equal(a[i].size, 100);
		pg_ingest_free(a[i].in);
	}
}

/* A full disk is told at once to who waits, and at the end. */
static void
a_full_disk_is_told(void **state)
{
	const uint64_t much = 100 * (uint64_t)PG_INGEST_BUFFER;
	struct arrival a;

	(void)state;
	disk.room = 3 * PG_INGEST_BUFFER;
	begin(&a, "x");
	assert_true(feed(&a, much, true) < much);
	assert_int_equal(a.err.code, PG_E_SYS);
	assert_int_equal(a.err.sys, ENOSPC);
	memset(&a.err, 0, sizeof(a.err));
	finish(&a);
	assert_int_equal(a.err.sys, ENOSPC);
	pg_ingest_free(a.in);
	gone_soon("x");
}

static void
who_waits_is_told_of_a_full_disk(void **state)
{
	const uint64_t most = PG_INGEST_AHEAD * (uint64_t)PG_INGEST_BUFFER;
	struct arrival a;

	(void)state;
	disk.room = 0;
	workers_stop();
	begin(&a, "x");
	assert_int_equal(feed(&a, most + 1, false), most);
	workers_go();
	while (a.told == 0)
		turn();
	assert_int_equal(feed(&a, 1, false), 0);
	assert_int_equal(a.err.sys, ENOSPC);
	pg_ingest_free(a.in);
}

static void
a_failed_sync_or_open_is_told(void **state)
{
	struct arrival a;

	(void)state;
	disk.sync_error = EIO;
	begin(&a, "x");
	feed(&a, 5, true);
	finish(&a);
	assert_int_equal(a.err.sys, EIO);
	pg_ingest_free(a.in);
	gone_soon("x");
	disk.open_error = EMFILE;
	begin(&a, "y");
	finish(&a);
	assert_int_equal(a.err.sys, EMFILE);
	pg_ingest_free(a.in);
}

static void
it_can_be_told_to_fail(void **state)
{
	struct pg_err why = { .code = PG_E_LIMIT };
	struct arrival a;

	(void)state;
	begin(&a, "x");
	feed(&a, 3 * PG_INGEST_BUFFER, true);
	pg_ingest_fail(a.in, &why);
	assert_int_equal(feed(&a, 1, true), 0);
	assert_int_equal(a.err.code, PG_E_LIMIT);
	memset(&a.err, 0, sizeof(a.err));
	finish(&a);
	assert_int_equal(a.err.code, PG_E_LIMIT);
	pg_ingest_free(a.in);
	gone_soon("x");
}

static void
it_can_be_freed_at_any_time(void **state)
{
	struct arrival a, b;
	int i;

	(void)state;
	for (i = 0; i < 30; i++) {
		begin(&b, "b");
		begin(&a, "a");
		feed(&a, (uint64_t)i * 100000, i % 2 == 0);
		feed(&b, 50000, true);
		if (i % 3 == 0)
			pg_ingest_finish(a.in, on_done, &a);
		if (i % 4 == 0)
			turn();
		pg_ingest_free(a.in);
		finish(&b);
		check_file(&b, "b");
		pg_ingest_free(b.in);
		gone_soon("a");
		gone_soon("b");
		assert_true(a.done == 0 || i % 4 == 0);
	}
	pg_ingest_free(NULL);
}

static void
what_is_renamed_stays(void **state)
{
	struct arrival a;

	(void)state;
	begin(&a, "x");
	feed(&a, 5, true);
	finish(&a);
	assert_int_equal(renameat(folder, "x", folder, "y"), 0);
	pg_ingest_free(a.in);
	workers_rest(work, loop);
	check_file(&a, "y");
	assert_false(there("x"));
}

/* Nobody else's file is written to. */
static void
it_makes_a_file_of_its_own(void **state)
{
	struct arrival a;

	(void)state;
	assert_int_equal(symlinkat("/etc/passwd", folder, "x"), 0);
	begin(&a, "x");
	finish(&a);
	assert_int_equal(a.err.sys, EEXIST);
	pg_ingest_free(a.in);
	workers_rest(work, loop);
	assert_true(there("x"));
}

/* The teardown frees a pool in which things arrive. */
static void
a_pool_may_end_in_the_middle(void **state)
{
	static struct arrival a[40];
	char name[32];
	size_t i;

	(void)state;
	for (i = 0; i < PG_COUNT(a); i++) {
		snprintf(name, sizeof(name), "file-%zu", i);
		begin(&a[i], name);
		feed(&a[i], i * 20000, false);
		if (i % 5 == 0)
			pg_ingest_finish(a[i].in, on_done, &a[i]);
		if (i % 7 == 0)
			pg_ingest_free(a[i].in);
	}
}

static void
a_file_that_can_not_be_read(void **state)
{
	uint8_t sha[PG_SHA256_SIZE];
	struct pg_err e = { 0 };
	uint64_t size;

	(void)state;
	assert_int_equal(pg_file_sha256(folder, sha, &size, &e), -1);
	assert_int_equal(e.sys, EISDIR);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(arrives_as_it_was_sent),
		TEST(short_writes_are_gone_on_with),
		TEST(goes_on_where_a_file_is),
		TEST(one_has_a_few_buffers),
		TEST(all_have_so_many_buffers),
		TEST(the_slow_leave_room),
		TEST(who_waits_is_served),
		TEST(a_full_disk_is_told),
		TEST(who_waits_is_told_of_a_full_disk),
		TEST(a_failed_sync_or_open_is_told),
		TEST(it_can_be_told_to_fail),
		TEST(it_can_be_freed_at_any_time),
		TEST(what_is_renamed_stays),
		TEST(it_makes_a_file_of_its_own),
		TEST(a_pool_may_end_in_the_middle),
		TEST(a_file_that_can_not_be_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
