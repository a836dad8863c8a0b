/* test_artifact: an artifact is there as a whole or not at all, whatever step
 * of keeping, removing or giving it away fails; limits hold at, below and
 * above; what is found at a start is taken over, swept, or set aside.
 */
/* parts: base/err base/mem base/buf base/map base/log base/clock codec/float codec/value codec/json codec/sha256 os/file os/rand os/loop os/work os/ingest state/vault state/artifact */
/* wrap: fsync fdatasync renameat linkat unlinkat */
#include "base/log.h"
#include "base/mem.h"
#include "state/artifact.h"
#include "workers.h"

#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);
int __real_renameat(int from, const char *old, int to, const char *new);
int __wrap_renameat(int from, const char *old, int to, const char *new);
int __real_linkat(int from, const char *old, int to, const char *new, int f);
int __wrap_linkat(int from, const char *old, int to, const char *new, int f);
int __real_unlinkat(int dir, const char *name, int flags);
int __wrap_unlinkat(int dir, const char *name, int flags);

/* The n-th step from here fails (0: none does); steps are counted. */
static struct {
	int fails_at, steps, error, link_error, unlink_error;
} disk;

static bool
fails(void)
{
	errno = disk.error;
	return ++disk.steps == disk.fails_at;
}

int
__wrap_fsync(int fd)
{
	return fails() ? -1 : __real_fsync(fd);
}

int
__wrap_fdatasync(int fd)
{
	return fails() ? -1 : __real_fdatasync(fd);
}

int
__wrap_renameat(int from, const char *old, int to, const char *new)
{
	return fails() ? -1 : __real_renameat(from, old, to, new);
}

int
__wrap_linkat(int from, const char *old, int to, const char *new, int f)
{
	errno = disk.link_error;
	return disk.link_error != 0 ? -1 : __real_linkat(from, old, to, new,
	    f);
}

int
__wrap_unlinkat(int dir, const char *name, int flags)
{
	errno = disk.unlink_error;
	return disk.unlink_error != 0 ? -1 : __real_unlinkat(dir, name,
	    flags);
}

static char dir[64];
static struct pg_loop *loop;
static struct pg_work *work;
static struct pg_artifacts *ar;
static struct pg_artifact_limits limits;

static void
store_open(void)
{
	struct pg_err e = { 0 };

	loop = pg_loop_new(NULL);
	work = pg_work_new(loop, NULL);
	ar = pg_artifacts_open(dir, &limits, loop, work, &e);
	if (ar == NULL)
		fail_msg("%s", e.msg);
}

static void
store_close(void)
{
	pg_work_free(work);
	pg_artifacts_close(ar);
	pg_loop_free(loop);
}

static void
store_reopen(void)
{
	store_close();
	store_open();
}

static int
setup(void **state)
{
	(void)state;
	pg_log_set_level(PG_LOG_ERROR);
	snprintf(dir, sizeof(dir), "/tmp/test_artifact.XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	memset(&disk, 0, sizeof(disk));
	disk.error = EIO;
	limits = PG_ARTIFACT_LIMITS;
	store_open();
	return 0;
}

static int
teardown(void **state)
{
	char command[128];

	(void)state;
	disk.unlink_error = 0;
	pg_clock_fake(0, 0);
	store_close();
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

/* ---- Helpers ---- */

static void
turn(void)
{
	assert_int_equal(pg_loop_turn(loop, 50 * PG_MS, NULL), 0);
}

static void
on_room(void *arg)
{
	(void)arg;
}

struct result {
	int done;
	char id[PG_ID_LEN + 1];
	struct pg_err err;
};

static void
on_stored(void *arg, const struct pg_artifact *a, const struct pg_err *err)
{
	struct result *r = arg;

	assert_true((a == NULL) == (err != NULL));
	r->done++;
	if (a != NULL)
		memcpy(r->id, a->id, sizeof(r->id));
	else
		r->err = *err;
}

static void
on_done(void *arg, const struct pg_err *err)
{
	struct result *r = arg;

	r->done++;
	if (err != NULL)
		r->err = *err;
}

/* Put n bytes 'x' in, as far as they are taken. */
static void
feed(struct pg_deposit *d, size_t n, struct pg_err *e)
{
	size_t room, took;
	char *p;

	while (n > 0) {
		p = pg_deposit_room(d, &room, e);
		if (e->code != PG_E_OK) {
			assert_null(p);
			return;
		}
		if (room == 0) {
			turn();
			continue;
		}
		took = PG_MIN(room, n);
		memset(p, 'x', took);
		pg_deposit_filled(d, took);
		n -= took;
	}
}

/* Deposit n bytes; 0 and the id in r, or -1 and the error. */
static int
store(const struct pg_deposit_spec *spec, size_t n, struct result *r)
{
	struct pg_deposit *d;

	memset(r, 0, sizeof(*r));
	d = pg_deposit_begin(ar, spec, on_room, NULL, &r->err);
	if (d == NULL)
		return -1;
	feed(d, n, &r->err);
	if (r->err.code != PG_E_OK) {
		/* As a connection does. */
		pg_deposit_cancel(d);
		return -1;
	}
	pg_deposit_finish(d, on_stored, r);
	assert_int_equal(r->done, 0);
	while (r->done == 0)
		turn();
	return r->err.code == PG_E_OK ? 0 : -1;
}

static struct pg_deposit_spec
spec_of(int64_t size)
{
	return (struct pg_deposit_spec){ .size = size, .name = PG_STR("n"),
		.owner = PG_STR("o") };
}

static void
must_store(size_t n, struct result *r)
{
	struct pg_deposit_spec spec = spec_of((int64_t)n);

	if (store(&spec, n, r) < 0)
		fail_msg("%s", r->err.msg);
}

static bool
finds(const char *id)
{
	struct pg_err e = { 0 };

	return pg_artifacts_find(ar, pg_str(id), &e) != NULL;
}

static int
removes(const char *id, struct result *r)
{
	memset(r, 0, sizeof(*r));
	if (pg_artifacts_remove(ar, pg_str(id), on_done, r, &r->err) < 0)
		return -1;
	while (r->done == 0)
		turn();
	return r->err.code == PG_E_OK ? 0 : -1;
}

/* Files in that folder of the store. */
static size_t
files(const char *folder)
{
	char path[128];
	struct dirent *d;
	size_t n = 0;
	DIR *fd;

	snprintf(path, sizeof(path), "%s/%s", dir, folder);
	fd = opendir(path);
	assert_non_null(fd);
	while ((d = readdir(fd)) != NULL)
		n += d->d_name[0] != '.';
	closedir(fd);
	return n;
}

static void
check_files(size_t artifacts)
{
	workers_rest(work, loop);
	workers_rest(work, loop);
	assert_int_equal(files("metadata"), artifacts);
	assert_int_equal(files("blobs"), artifacts);
	assert_int_equal(files("tmp"), 0);
}

static void
write_file(const char *folder, const char *name, const void *p, size_t n)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s/%s", dir, folder, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(p, 1, n, f), n);
	fclose(f);
}

static void
count_one(void *arg, const struct pg_artifact *a)
{
	(void)a;
	++*(size_t *)arg;
}

static size_t
count(const char *owner)
{
	size_t n = 0;

	pg_artifacts_each(ar, pg_str(owner), count_one, &n);
	return n;
}

/* ---- Tests ---- */

static void
what_is_stored_stays(void **state)
{
	static const char text[] = "../../x\0\n\xc3\xa4 \"\\";
	struct pg_deposit_spec spec = { .size = 300000,
		.name = { text, sizeof(text) - 1 },
		.compression = PG_STR("zstd"), .owner = PG_STR("../../o"),
		.expires_at = 12345678901.5 };
	const struct pg_artifact *a;
	struct result r;
	char bytes[2];
	int i, fd;

	(void)state;
	assert_int_equal(store(&spec, 300000, &r), 0);
	for (i = 0; i < 2; i++) {
		a = pg_artifacts_find(ar, pg_str(r.id), NULL);
		assert_non_null(a);
		assert_true(pg_str_eq(a->name, spec.name));
		assert_true(pg_str_eq(a->compression, spec.compression));
		assert_true(pg_str_eq(a->owner, spec.owner));
		assert_true(a->expires_at == spec.expires_at);
		assert_true(a->created_at > 1e9);
		assert_int_equal(a->size, 300000);
		assert_int_equal(pg_artifacts_used(ar), 300000);
		assert_int_equal(count("../../o"), 1);
		assert_int_equal(count("o"), 0);
		fd = pg_artifacts_blob(ar, r.id, NULL);
		assert_int_equal(pread(fd, bytes, 2, 299999), 1);
		assert_int_equal(bytes[0], 'x');
		close(fd);
		check_files(1);
		store_reopen();
	}
}

static void
two_of_the_same_are_two(void **state)
{
	struct result r, s, t;
	size_t n = 0;

	(void)state;
	must_store(5, &r);
	must_store(5, &s);
	assert_string_not_equal(r.id, s.id);
	assert_int_equal(removes(r.id, &t), 0);
	assert_true(finds(s.id));
	pg_artifacts_each(ar, PG_STR_NULL, count_one, &n);
	assert_int_equal(n, 1);
	check_files(1);
}

struct order {
	char last[PG_ID_LEN + 1];
	size_t n;
};

static void
in_order(void *arg, const struct pg_artifact *a)
{
	struct order *o = arg;

	assert_true(strcmp(o->last, a->id) < 0);
	memcpy(o->last, a->id, sizeof(o->last));
	o->n++;
}

static void
they_are_listed_in_order(void **state)
{
	struct order o = { .n = 0 };
	struct result r;
	int i;

	(void)state;
	for (i = 0; i < 50; i++)
		must_store(0, &r);
	pg_artifacts_each(ar, PG_STR_NULL, in_order, &o);
	assert_int_equal(o.n, 50);
	memset(&o, 0, sizeof(o));
	store_reopen();
	pg_artifacts_each(ar, PG_STR_NULL, in_order, &o);
	assert_int_equal(o.n, 50);
}

static void
the_largest_has_a_size(void **state)
{
	struct pg_deposit_spec spec;
	struct result r;
	int64_t size;

	(void)state;
	limits.size = 1000;
	store_reopen();
	for (size = 999; size <= 1001; size++) {
		/* As declared, and as it comes. */
		spec = spec_of(size);
		assert_int_equal(store(&spec, (size_t)size, &r),
		    size > 1000 ? -1 : 0);
		if (size > 1000)
			assert_string_equal(r.err.msg, "artifact exceeds "
			    "maximum size: 1001 bytes would exceed 1000 "
			    "bytes");
		spec.size = -1;
		assert_int_equal(store(&spec, (size_t)size, &r),
		    size > 1000 ? -1 : 0);
		if (size > 1000)
			assert_int_equal(r.err.code, PG_E_NO_ROOM);
	}
	check_files(4);
}

static void
all_together_have_a_size(void **state)
{
	struct pg_deposit_spec spec = spec_of(1);
	struct result first, r;

	(void)state;
	limits.quota = 1000;
	store_reopen();
	must_store(400, &first);
	must_store(600, &r);
	assert_int_equal(store(&spec, 1, &r), -1);
	assert_int_equal(r.err.code, PG_E_NO_ROOM);
	assert_string_equal(r.err.msg, "artifact storage quota exceeded: 1001 "
	    "bytes would exceed 1000");
	spec.size = -1;
	assert_int_equal(store(&spec, 1, &r), -1);
	must_store(0, &r);
	/* Also after a start. */
	store_reopen();
	spec.size = 401;
	assert_int_equal(store(&spec, 401, &r), -1);
	assert_int_equal(removes(first.id, &r), 0);
	assert_int_equal(store(&spec, 401, &r), -1);
	must_store(400, &r);
	check_files(3);
}

/* What has been declared reserves nothing; what has come counts. */
static void
what_arrives_counts(void **state)
{
	struct pg_deposit_spec spec = spec_of(900);
	struct pg_err e = { 0 };
	struct pg_deposit *slow;
	struct result r;

	(void)state;
	limits.quota = 1000;
	store_reopen();
	slow = pg_deposit_begin(ar, &spec, on_room, NULL, NULL);
	feed(slow, 100, &e);
	assert_int_equal(pg_artifacts_arriving(ar), 100);
	assert_int_equal(store(&spec, 900, &r), 0);
	assert_int_equal(pg_artifacts_used(ar), 1000);
	feed(slow, 1, &e);
	assert_int_equal(e.code, PG_E_OK);
	feed(slow, 1, &e);
	assert_int_equal(e.code, PG_E_NO_ROOM);
	pg_deposit_cancel(slow);
	assert_int_equal(pg_artifacts_used(ar), 900);
	check_files(1);
}

/* Each would fit, not all of them do: no more fail than must, and those that
 * were nearest to their end are kept. */
static void
no_more_fail_than_must(void **state)
{
	static const int64_t declared[] = { 1000, -1, 1000, 1000 };
	static const size_t feeds[] = { 200, 200, 500, 500 };
	struct pg_deposit *d[PG_COUNT(declared)];
	struct result r[PG_COUNT(declared)] = { 0 };
	struct pg_deposit_spec spec;
	size_t i, round;

	(void)state;
	limits.quota = 2000;
	store_reopen();
	for (i = 0; i < PG_COUNT(d); i++) {
		spec = spec_of(declared[i]);
		d[i] = pg_deposit_begin(ar, &spec, on_room, NULL, NULL);
		assert_non_null(d[i]);
	}
	for (round = 0; round < 2; round++)
		for (i = 0; i < PG_COUNT(d); i++)
			if (r[i].err.code == PG_E_OK)
				feed(d[i], feeds[i], &r[i].err);
	assert_int_equal(pg_artifacts_arriving(ar), 2000);
	for (i = 0; i < 2; i++) {
		feed(d[i], 1, &r[i].err);
		assert_int_equal(r[i].err.code, PG_E_NO_ROOM);
		pg_deposit_cancel(d[i]);
	}
	assert_int_equal(pg_artifacts_arriving(ar), 2000);
	for (; i < PG_COUNT(d); i++) {
		pg_deposit_finish(d[i], on_stored, &r[i]);
		while (r[i].done == 0)
			turn();
		assert_int_equal(r[i].err.code, PG_E_OK);
	}
	assert_int_equal(pg_artifacts_used(ar), 2000);
	check_files(2);
}

static void
text_has_a_length(void **state)
{
	char text[PG_ARTIFACT_TEXT_MAX + 1];
	struct pg_deposit_spec spec;
	struct pg_str *fields[] = { &spec.name, &spec.compression,
		&spec.owner };
	struct result r;
	size_t i, n;

	(void)state;
	memset(text, '\x01', sizeof(text)); /* the longest in JSON */
	for (i = 0; i < PG_COUNT(fields); i++)
		for (n = PG_ARTIFACT_TEXT_MAX - 1; n <= sizeof(text); n++) {
			spec = spec_of(0);
			*fields[i] = (struct pg_str){ text, n };
			assert_int_equal(store(&spec, 0, &r),
			    n > PG_ARTIFACT_TEXT_MAX ? -1 : 0);
		}
	spec = spec_of(0);
	spec.name = PG_STR("\xff");
	assert_int_equal(store(&spec, 0, &r), -1);
	assert_int_equal(r.err.code, PG_E_TRANSFER);
	spec = spec_of(0);
	spec.expires_at = (double)INFINITY;
	assert_int_equal(store(&spec, 0, &r), -1);
	store_reopen();
	check_files(6);
}

static void
ids_are_hex(void **state)
{
	static const struct pg_str bad[] = { PG_STR(""), PG_STR("zz"),
		PG_STR("../../x"), PG_STR("00\0"), PG_STR("00 "),
		PG_STR("%2e"), PG_STR("\xc3\xa4") };
	char id[PG_ARTIFACT_ID_MAX + 2];
	struct pg_err e;
	size_t i;

	(void)state;
	for (i = 0; i < PG_COUNT(bad); i++) {
		e = (struct pg_err){ 0 };
		assert_null(pg_artifacts_find(ar, bad[i], &e));
		assert_int_equal(e.code, PG_E_TRANSFER);
		assert_memory_equal(e.msg, "invalid artifact id '", 21);
		assert_int_equal(pg_artifacts_remove(ar, bad[i], NULL, NULL,
		    NULL), -1);
		assert_int_equal(pg_artifacts_take(ar, bad[i], "/tmp/x",
		    on_done, NULL, NULL), -1);
	}
	memset(id, 'a', sizeof(id));
	for (i = PG_ARTIFACT_ID_MAX - 1; i < sizeof(id); i++) {
		e = (struct pg_err){ 0 };
		assert_null(pg_artifacts_find(ar, (struct pg_str){ id, i },
		    &e));
		assert_memory_equal(e.msg, i > PG_ARTIFACT_ID_MAX ?
		    "invalid" : "No arti", 7);
	}
	assert_null(pg_artifacts_find(NULL, PG_STR("00ff"), &e));
}

static void
so_many_may_arrive(void **state)
{
	static struct pg_deposit *d[PG_DEPOSITS_MAX];
	struct pg_deposit_spec spec = spec_of(-1);
	struct pg_err e = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < PG_DEPOSITS_MAX; i++) {
		d[i] = pg_deposit_begin(ar, &spec, on_room, NULL, NULL);
		assert_non_null(d[i]);
	}
	assert_null(pg_deposit_begin(ar, &spec, on_room, NULL, &e));
	assert_int_equal(e.code, PG_E_BUSY);
	pg_deposit_cancel(d[0]);
	d[0] = pg_deposit_begin(ar, &spec, on_room, NULL, NULL);
	assert_non_null(d[0]);
	for (i = 0; i < PG_DEPOSITS_MAX; i += 2)
		pg_deposit_cancel(d[i]);
}

#define EMPTY_SHA "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b78" \
	"52b855"

static void
put_by_hand(unsigned i)
{
	char id[PG_ID_LEN + 1], name[64], text[512];
	int n;

	snprintf(id, sizeof(id), "%032x", i);
	snprintf(name, sizeof(name), "%s.bin", id);
	write_file("blobs", name, "", 0);
	snprintf(name, sizeof(name), "%s.json", id);
	n = snprintf(text, sizeof(text), "{\"artifact_id\": \"%s\", \"name\": "
	    "\"\", \"size_bytes\": 0, \"sha256\": \"" EMPTY_SHA "\", "
	    "\"compression\": \"\", \"created_at\": 1, \"expires_at\": 0.0, "
	    "\"owner_agent_id\": \"\"}", id);
	write_file("metadata", name, text, (size_t)n);
}

static void
so_many_may_be_stored(void **state)
{
	struct pg_deposit_spec spec = spec_of(0);
	struct result r;
	unsigned i;

	(void)state;
	limits.count = 20;
	for (i = 0; i < 19; i++)
		put_by_hand(i);
	store_reopen();
	assert_int_equal(count(""), 19);
	must_store(0, &r);
	assert_int_equal(store(&spec, 0, &r), -1);
	assert_int_equal(r.err.code, PG_E_NO_ROOM);
	assert_int_equal(removes("00000000000000000000000000000005", &r), 0);
	must_store(0, &r);
	/* What is there is not lost, though it be too much. */
	put_by_hand(20);
	store_reopen();
	assert_int_equal(count(""), 19);
	assert_int_equal(count("o"), 2);
}

static void
what_comes_is_what_was_declared(void **state)
{
	struct pg_deposit_spec spec = spec_of(10);
	struct result r;

	(void)state;
	assert_int_equal(store(&spec, 9, &r), -1);
	assert_string_equal(r.err.msg, "artifact size mismatch: expected 10, "
	    "got 9");
	assert_int_equal(store(&spec, 11, &r), -1);
	assert_int_equal(store(&spec, 10, &r), 0);
	check_files(1);
	spec = spec_of(0);
	spec.sha256 = PG_STR("E3B0C44298fc1c149afbf4c8996fb92427ae41e4649b934c"
	    "a495991b7852b855");
	assert_int_equal(store(&spec, 0, &r), 0);
	spec.sha256 = PG_STR("00");
	assert_int_equal(store(&spec, 0, &r), -1);
	assert_string_equal(r.err.msg, "artifact checksum mismatch: expected "
	    "00, got " EMPTY_SHA);
	assert_int_equal(r.err.code, PG_E_TRANSFER);
	check_files(2);
}

/* Each step of keeping fails once: nothing is left. */
static void
nothing_is_left_of_a_failure(void **state)
{
	struct pg_deposit_spec spec = spec_of(1000);
	struct result r, s;
	int i, steps;

	(void)state;
	disk.steps = 0;
	must_store(1000, &r);
	steps = disk.steps;
	assert_int_equal(steps, 6);
	assert_int_equal(removes(r.id, &s), 0);
	for (i = 1; i <= steps; i++) {
		disk.steps = 0;
		disk.fails_at = i;
		assert_int_equal(store(&spec, 1000, &r), -1);
		assert_int_equal(r.err.sys, EIO);
		check_files(0);
		assert_int_equal(pg_artifacts_used(ar), 0);
		disk.fails_at = 0;
		store_reopen();
		assert_int_equal(count("o"), 0);
	}
}

static void
what_is_cancelled_leaves_nothing(void **state)
{
	struct pg_deposit_spec spec = spec_of(-1);
	struct pg_err e = { 0 };
	struct pg_deposit *d;
	struct result r = { 0 };
	int i;

	(void)state;
	for (i = 0; i < 20; i++) {
		d = pg_deposit_begin(ar, &spec, on_room, NULL, NULL);
		feed(d, (size_t)i * 100000, &e);
		if (i % 2 == 0)
			turn();
		pg_deposit_cancel(d);
	}
	check_files(0);
	assert_int_equal(pg_artifacts_used(ar), 0);
	/* Once it is complete it may be kept or not, but nobody is told. */
	for (i = 0; i < 20; i++) {
		d = pg_deposit_begin(ar, &spec, on_room, NULL, NULL);
		feed(d, 10, &e);
		pg_deposit_finish(d, on_stored, &r);
		if (i % 2 == 0)
			turn();
		if (r.done == 0)
			pg_deposit_cancel(d);
		r.done = 0;
	}
	check_files(count("o"));
	pg_deposit_cancel(NULL);
}

static void
removal_is_told_to_all(void **state)
{
	struct result a = { 0 }, b = { 0 }, c = { 0 }, r;

	(void)state;
	must_store(10, &r);
	assert_int_equal(pg_artifacts_remove(ar, pg_str(r.id), on_done, &a,
	    NULL), 0);
	assert_false(finds(r.id));
	assert_int_equal(count("o"), 0);
	assert_int_equal(pg_artifacts_remove(ar, pg_str(r.id), on_done, &b,
	    NULL), 0);
	assert_int_equal(pg_artifacts_remove(ar, PG_STR("00ff"), on_done, &c,
	    NULL), 0);
	assert_int_equal(pg_artifacts_take(ar, pg_str(r.id), "/tmp/x",
	    on_done, &b, NULL), -1);
	assert_int_equal(a.done + b.done + c.done, 0);
	while (a.done + b.done + c.done < 3)
		turn();
	assert_int_equal(a.err.code + b.err.code + c.err.code, 0);
	assert_int_equal(pg_artifacts_used(ar), 0);
	check_files(0);
}

static void
a_removal_that_fails_is_none(void **state)
{
	struct result r, s;

	(void)state;
	must_store(10, &r);
	disk.unlink_error = EROFS;
	assert_int_equal(removes(r.id, &s), -1);
	assert_int_equal(s.err.sys, EROFS);
	assert_true(finds(r.id));
	disk.unlink_error = 0;
	store_reopen();
	assert_true(finds(r.id));
	assert_int_equal(removes(r.id, &s), 0);
	/* If only the sync fails, nobody finds it all the same. */
	must_store(10, &r);
	disk.steps = 0;
	disk.fails_at = 1;
	assert_int_equal(removes(r.id, &s), -1);
	assert_false(finds(r.id));
	check_files(0);
}

static void
bytes_are_read_after_the_removal(void **state)
{
	struct pg_err e = { 0 };
	struct result r, s;
	char bytes[11];
	int fd;

	(void)state;
	must_store(10, &r);
	fd = pg_artifacts_blob(ar, r.id, NULL);
	assert_int_equal(removes(r.id, &s), 0);
	assert_int_equal(read(fd, bytes, sizeof(bytes)), 10);
	close(fd);
	assert_int_equal(pg_artifacts_blob(ar, r.id, &e), -1);
	assert_int_equal(e.code, PG_E_NO_ARTIFACT);
}

static int
takes(const char *id, const char *path, struct result *r)
{
	memset(r, 0, sizeof(*r));
	if (pg_artifacts_take(ar, pg_str(id), path, on_done, r, &r->err) < 0)
		return -1;
	while (r->done == 0)
		turn();
	return r->err.code == PG_E_OK ? 0 : -1;
}

static long
size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? (long)st.st_size : -1;
}

static void
it_can_be_given_away(void **state)
{
	struct result r, s;
	char path[100];
	int cross;

	(void)state;
	snprintf(path, sizeof(path), "%s/elsewhere", dir);
	for (cross = 0; cross < 2; cross++) {
		disk.link_error = cross ? EXDEV : 0;
		must_store(300000 + (size_t)cross, &r);
		assert_int_equal(takes(r.id, path, &s), 0);
		assert_int_equal(size_of(path), 300000 + cross);
		assert_false(finds(r.id));
		assert_int_equal(takes(r.id, path, &s), -1);
		assert_int_equal(s.err.code, PG_E_NO_ARTIFACT);
		check_files(0);
		assert_int_equal(pg_artifacts_used(ar), 0);
	}
}

static void
what_can_not_be_given_stays(void **state)
{
	struct result r, s;
	char path[100];
	int i;

	(void)state;
	must_store(1000, &r);
	snprintf(path, sizeof(path), "%s/none/elsewhere", dir);
	assert_int_equal(takes(r.id, path, &s), -1);
	assert_true(finds(r.id));
	snprintf(path, sizeof(path), "%s/elsewhere", dir);
	write_file(".", "elsewhere", "abc", 3);
	/* The name, then the folder. */
	for (i = 1; i <= 2; i++) {
		disk.steps = 0;
		disk.fails_at = i;
		assert_int_equal(takes(r.id, path, &s), -1);
		assert_true(finds(r.id));
		assert_int_equal(size_of(path), i == 1 ? 3 : 1000);
		check_files(1);
	}
	disk.link_error = EIO;
	assert_int_equal(takes(r.id, path, &s), -1);
	assert_true(finds(r.id));
}

static int
lends(const char *id, const char *path, struct result *r)
{
	memset(r, 0, sizeof(*r));
	if (pg_artifacts_lend(ar, pg_str(id), path, on_done, r, &r->err) < 0)
		return -1;
	while (r->done == 0)
		turn();
	return r->err.code == PG_E_OK ? 0 : -1;
}

static void
it_can_be_lent(void **state)
{
	struct result r, s, t;
	char path[100];

	(void)state;
	snprintf(path, sizeof(path), "%s/elsewhere", dir);
	must_store(1000, &r);
	assert_int_equal(lends(r.id, path, &s), 0);
	assert_int_equal(size_of(path), 1000);
	assert_false(finds(r.id));
	assert_int_equal(lends(r.id, path, &s), -1);
	check_files(1);
	pg_artifacts_give_back(ar, pg_str(r.id));
	assert_true(finds(r.id));
	/* Removed while it is lent. */
	assert_int_equal(lends(r.id, path, &s), 0);
	assert_int_equal(removes(r.id, &s), 0);
	check_files(0);
	pg_artifacts_give_back(ar, pg_str(r.id));
	assert_false(finds(r.id));
	/* Removed while it is being lent. */
	must_store(2000, &r);
	memset(&s, 0, sizeof(s));
	assert_int_equal(pg_artifacts_lend(ar, pg_str(r.id), path, on_done,
	    &s, NULL), 0);
	assert_int_equal(removes(r.id, &t), 0);
	assert_int_equal(s.done, 1);
	assert_int_equal(s.err.code, PG_E_OK);
	assert_int_equal(size_of(path), 2000);
	check_files(0);
	assert_int_equal(pg_artifacts_used(ar), 0);
}

static void
what_can_not_be_lent_stays(void **state)
{
	struct result r, s;
	char path[100];

	(void)state;
	must_store(1000, &r);
	snprintf(path, sizeof(path), "%s/none/elsewhere", dir);
	assert_int_equal(lends(r.id, path, &s), -1);
	assert_true(finds(r.id));
	check_files(1);
}

static void
what_has_expired_is_gone(void **state)
{
	struct pg_deposit_spec spec = spec_of(5);
	struct result r, never;
	int64_t now = 2000000000 * PG_SEC;

	(void)state;
	pg_clock_fake(PG_SEC, now);
	must_store(5, &never);
	spec.expires_at = 2000000010;
	assert_int_equal(store(&spec, 5, &r), 0);
	pg_clock_fake(PG_SEC, now + 10 * PG_SEC - 1000);
	assert_true(finds(r.id));
	assert_int_equal(count("o"), 2);
	pg_clock_fake(PG_SEC, now + 10 * PG_SEC);
	assert_false(finds(r.id));
	assert_int_equal(count("o"), 1);
	assert_int_equal(pg_artifacts_used(ar), 10);
	/* In time the timer sees to the rest. */
	pg_clock_fake(20 * PG_SEC, now + 10 * PG_SEC);
	while (pg_artifacts_used(ar) == 10)
		turn();
	check_files(1);
	assert_true(finds(never.id));
	/* A negative time is none. */
	spec.expires_at = -1;
	assert_int_equal(store(&spec, 5, &r), 0);
	assert_true(finds(r.id));
}

/* A file in tmp/ that was last changed so long ago. */
static void
put_old(const char *name, int64_t seconds)
{
	struct timespec times[2] = { { .tv_sec = time(NULL) - seconds },
		{ .tv_sec = time(NULL) - seconds } };
	char path[256];

	write_file("tmp", name, "x", 1);
	snprintf(path, sizeof(path), "%s/tmp/%s", dir, name);
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void
old_temporaries_are_swept(void **state)
{
	struct pg_deposit_spec spec = spec_of(-1);
	struct pg_err e = { 0 };
	struct pg_deposit *d;
	char path[256];
	struct timespec times[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };
	struct dirent *de;
	DIR *fd;

	(void)state;
	d = pg_deposit_begin(ar, &spec, on_room, NULL, NULL);
	feed(d, 3 * PG_INGEST_BUFFER, &e);
	workers_rest(work, loop);
	/* It takes more than a day to arrive. */
	snprintf(path, sizeof(path), "%s/tmp", dir);
	fd = opendir(path);
	while ((de = readdir(fd)) != NULL)
		if (de->d_name[0] != '.')
			utimensat(dirfd(fd), de->d_name, times, 0);
	closedir(fd);
	assert_int_equal(files("tmp"), 1);
	put_old("00000000000000000000000000000001.part", 24 * 3600 - 60);
	put_old("00000000000000000000000000000002.part", 24 * 3600 + 60);
	pg_artifacts_sweep(ar);
	workers_rest(work, loop);
	assert_int_equal(files("tmp"), 2);
	pg_deposit_cancel(d);
}

#define ID "00000000000000000000000000000001"
#define META(id, size) "{\"artifact_id\": \"" id "\", \"name\": \"\", " \
	"\"sha256\": \"" EMPTY_SHA "\", \"compression\": \"\", " \
	"\"created_at\": 1, \"expires_at\": 0, " \
	"\"owner_agent_id\": \"\", \"size_bytes\": " size "}"

/* Metadata that are damaged or hostile: set aside with their bytes. */
static void
bad_metadata_are_set_aside(void **state)
{
	static const struct pg_str bad[] = { PG_STR(""), PG_STR("{"),
		PG_STR("[]"), PG_STR("\0\0\0"), PG_STR("{}"),
		PG_STR(META("00000000000000000000000000000002", "4")),
		PG_STR(META(ID, "5")), PG_STR(META(ID, "-4")),
		PG_STR(META(ID, "4.0")), PG_STR(META(ID, "\"4\"")),
		PG_STR(META(ID, "99999999999999999999")),
		PG_STR(META(ID, "4, \"name\": 7")),
		PG_STR(META(ID, "4, \"sha256\": \"00\"")),
		PG_STR(META(ID, "4, \"expires_at\": NaN")),
		PG_STR(META("../../../../etc/passwd", "4")) };
	size_t i;

	(void)state;
	for (i = 0; i < PG_COUNT(bad); i++) {
		write_file("blobs", ID ".bin", "four", 4);
		write_file("metadata", ID ".json", bad[i].p, bad[i].n);
		store_reopen();
		assert_false(finds(ID));
		assert_int_equal(files("blobs") + files("metadata"), 0);
		assert_int_equal(files("corrupt"), 2);
	}
	write_file("blobs", ID ".bin", "four", 4);
	write_file("metadata", ID ".json", META(ID, "4"),
	    sizeof(META(ID, "4")) - 1);
	store_reopen();
	assert_true(finds(ID));
}

static void
metadata_have_a_length(void **state)
{
	char *text = malloc(PG_ARTIFACT_META_MAX + 1);
	size_t n;

	(void)state;
	for (n = PG_ARTIFACT_META_MAX - 1; n <= PG_ARTIFACT_META_MAX + 1;
	    n++) {
		memset(text, ' ', n);
		memcpy(text, META(ID, "4"), sizeof(META(ID, "4")) - 1);
		write_file("blobs", ID ".bin", "four", 4);
		write_file("metadata", ID ".json", text, n);
		store_reopen();
		assert_int_equal(finds(ID), n <= PG_ARTIFACT_META_MAX);
	}
	free(text);
}

/* What a crash leaves is removed; what is not ours is left alone; what is no
 * file is no reason to stop. */
static void
a_start_cleans_up(void **state)
{
	char path[256];

	(void)state;
	write_file("tmp", ID ".part", "x", 1);
	write_file("tmp", ID ".json", "x", 1);
	write_file("tmp", "other", "x", 1);
	write_file("blobs", ID ".bin", "x", 1);
	write_file("blobs", "readme", "x", 1);
	write_file("metadata", "readme", "x", 1);
	write_file("metadata", ID ".jsonx", "x", 1);
	/* Bytes are missing, or a link to others'. */
	write_file("metadata", "0000000000000000000000000000000a.json",
	    META("0000000000000000000000000000000a", "4"),
	    sizeof(META("0000000000000000000000000000000a", "4")) - 1);
	write_file("metadata", "0000000000000000000000000000000b.json",
	    META("0000000000000000000000000000000b", "4"),
	    sizeof(META("0000000000000000000000000000000b", "4")) - 1);
	snprintf(path, sizeof(path),
	    "%s/blobs/0000000000000000000000000000000b.bin", dir);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	snprintf(path, sizeof(path),
	    "%s/metadata/0000000000000000000000000000000c.json", dir);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	snprintf(path, sizeof(path),
	    "%s/metadata/0000000000000000000000000000000d.json", dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	snprintf(path, sizeof(path),
	    "%s/metadata/0000000000000000000000000000000e.json", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	store_reopen();
	assert_int_equal(count(""), 0);
	assert_int_equal(files("tmp"), 0);
	assert_int_equal(files("blobs"), 1);
	/* The link stays; pipe and folder are set aside. */
	assert_int_equal(files("metadata"), 3);
	assert_int_equal(files("corrupt"), 5);
}

static void
a_folder_that_can_not_be_made(void **state)
{
	struct pg_err e = { 0 };
	char path[128];

	(void)state;
	write_file(".", "file", "x", 1);
	snprintf(path, sizeof(path), "%s/file", dir);
	assert_null(pg_artifacts_open(path, &limits, loop, work, &e));
	assert_int_not_equal(e.code, PG_E_OK);
}

/* The teardown closes it with everything under way. */
static void
it_may_be_closed_in_the_middle(void **state)
{
	struct pg_deposit_spec spec = spec_of(-1);
	static struct result r[20];
	struct pg_err e = { 0 };
	struct pg_deposit *d;
	struct result kept;
	int i;

	(void)state;
	for (i = 0; i < 20; i++) {
		must_store(10, &kept);
		if (i % 2 == 0)
			pg_artifacts_remove(ar, pg_str(kept.id), on_done,
			    &r[i], NULL);
		d = pg_deposit_begin(ar, &spec, on_room, NULL, NULL);
		feed(d, 10000, &e);
		if (i % 3 == 0)
			pg_deposit_finish(d, on_stored, &r[i]);
	}
	pg_artifacts_sweep(ar);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_stored_stays),
		TEST(two_of_the_same_are_two),
		TEST(they_are_listed_in_order),
		TEST(the_largest_has_a_size),
		TEST(all_together_have_a_size),
		TEST(what_arrives_counts),
		TEST(no_more_fail_than_must),
		TEST(text_has_a_length),
		TEST(ids_are_hex),
		TEST(so_many_may_arrive),
		TEST(so_many_may_be_stored),
		TEST(what_comes_is_what_was_declared),
		TEST(nothing_is_left_of_a_failure),
		TEST(what_is_cancelled_leaves_nothing),
		TEST(removal_is_told_to_all),
		TEST(a_removal_that_fails_is_none),
		TEST(bytes_are_read_after_the_removal),
		TEST(it_can_be_given_away),
		TEST(what_can_not_be_given_stays),
		TEST(it_can_be_lent),
		TEST(what_can_not_be_lent_stays),
		TEST(what_has_expired_is_gone),
		TEST(old_temporaries_are_swept),
		TEST(bad_metadata_are_set_aside),
		TEST(metadata_have_a_length),
		TEST(a_start_cleans_up),
		TEST(a_folder_that_can_not_be_made),
		TEST(it_may_be_closed_in_the_middle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
