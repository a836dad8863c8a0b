/* test_storage: shows that managed storage keeps what it is given within its
 * limits, counts right, gives each class a folder of its own, and that a write
 * which fails or is cut off changes nothing and leaves nothing.
 */
/* parts: base/err base/mem base/buf base/map base/clock base/log codec/float codec/value codec/sha256 os/file os/loop os/work os/sweep os/beneath state/storage */
/* wrap: write fsync renameat */
#include "base/buf.h"
#include "base/log.h"
#include "state/storage.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define QUOTA 1000

static char dir[64], root[128];
static struct pg_loop *loop;
static struct pg_work *work;
static struct pg_storage *storage;
static struct pg_storage_class cls;
static struct pg_err e;
static int fail_write, fail_fsync, fail_rename; /* errno; 0: none */
static size_t most = SIZE_MAX; /* bytes that one write takes */

ssize_t __wrap_write(int fd, const void *p, size_t n);
ssize_t __real_write(int fd, const void *p, size_t n);
int __wrap_fsync(int fd);
int __real_fsync(int fd);
int __wrap_renameat(int from, const char *a, int to, const char *b);
int __real_renameat(int from, const char *a, int to, const char *b);

ssize_t
__wrap_write(int fd, const void *p, size_t n)
{
	if (fail_write == 0)
		return __real_write(fd, p, PG_MIN(n, most));
	/* Some of it had room. */
	if (n > 10)
		return __real_write(fd, p, 10);
	errno = fail_write;
	return -1;
}

int
__wrap_fsync(int fd)
{
	errno = fail_fsync;
	return fail_fsync != 0 ? -1 : __real_fsync(fd);
}

int
__wrap_renameat(int from, const char *a, int to, const char *b)
{
	errno = fail_rename;
	return fail_rename != 0 ? -1 : __real_renameat(from, a, to, b);
}

static void
open_storage(void)
{
	e = (struct pg_err){ 0 };
	work = pg_work_new(loop, NULL);
	storage = pg_storage_open(dir, QUOTA, work, &e);
	if (storage == NULL)
		fail_msg("%s", e.msg);
	pg_storage_class_init(&cls, PG_STR("m:C"));
}

static void
close_storage(void)
{
	pg_work_free(work);
	pg_storage_close(storage);
}

static int
setup(void **state)
{
	(void)state;
	pg_log_set_level(PG_LOG_ERROR);
	fail_write = fail_fsync = fail_rename = 0;
	most = SIZE_MAX;
	snprintf(dir, sizeof(dir), "/tmp/test_storage.XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(root, sizeof(root), "%s/storage/m+C", dir);
	loop = pg_loop_new(NULL);
	open_storage();
	return 0;
}

static int
teardown(void **state)
{
	char command[128];

	(void)state;
	close_storage();
	pg_loop_free(loop);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static int
put(const char *path, size_t n)
{
	static char bytes[QUOTA + 100];

	e = (struct pg_err){ 0 };
	memset(bytes, 'x', sizeof(bytes));
	return pg_storage_write(storage, &cls, pg_str(path),
	    (struct pg_str){ bytes, n }, &e);
}

static void
refused(const char *path, size_t n, enum pg_code code)
{
	assert_int_equal(put(path, n), -1);
	assert_int_equal(e.code, code);
}

/* Bytes of a file; -1: there is none. */
static int64_t
size(const char *path)
{
	int64_t n = -1;
	int fd;

	e = (struct pg_err){ 0 };
	fd = pg_storage_read(storage, &cls, pg_str(path), &n, &e);
	if (fd < 0)
		return -1;
	close(fd);
	return n;
}

static int
del(const char *path)
{
	e = (struct pg_err){ 0 };
	return pg_storage_delete(storage, &cls, pg_str(path), &e);
}

static void
counts(int64_t used, size_t files)
{
	struct pg_storage_class fresh;
	int i;

	/* As it is kept, and as it is. */
	pg_storage_class_init(&fresh, PG_STR("m:C"));
	assert_int_equal(pg_storage_count(storage, &fresh, NULL), 0);
	assert_int_equal(pg_storage_count(storage, &cls, NULL), 0);
	for (i = 0; i < 2; i++, fresh = cls) {
		assert_int_equal(fresh.used, used);
		assert_int_equal(fresh.files, files);
	}
}

/* Names in DIR/storage that begin with a dot. */
static int
left(void)
{
	char path[96];
	struct dirent *entry;
	DIR *d;
	int n = -2;

	snprintf(path, sizeof(path), "%s/storage", dir);
	d = opendir(path);
	assert_non_null(d);
	while ((entry = readdir(d)) != NULL)
		n += entry->d_name[0] == '.';
	closedir(d);
	return n;
}

static void
test_write_read(void **state)
{
	(void)state;
	counts(0, 0);
	assert_int_equal(size("a"), -1);
	assert_int_equal(e.code, PG_E_NOT_FOUND);
	assert_int_equal(put("a", 5), 0);
	assert_int_equal(size("a"), 5);
	assert_int_equal(put("d/e/f", 7), 0);
	assert_int_equal(size("d/e/f"), 7);
	counts(12, 2);
	assert_int_equal(put("a", 0), 0);
	assert_int_equal(size("a"), 0);
	most = 3;
	assert_int_equal(put("a", 100), 0);
	assert_int_equal(size("a"), 100);
	counts(107, 2);
	assert_int_equal(size("d"), -1);
	assert_int_equal(e.code, PG_E_HOST);
	refused("d", 1, PG_E_HOST);
	refused("a/b", 1, PG_E_HOST);
	refused("../b", 1, PG_E_HOST);
	assert_string_equal(e.msg, "managed storage path escapes root: "
	    "'../b'");
	counts(107, 2);
	assert_int_equal(left(), 0);
}

static void
test_delete(void **state)
{
	(void)state;
	assert_int_equal(del("none"), 0);
	assert_int_equal(del("none/none"), 0);
	put("a", 5);
	put("d/e/f", 7);
	put("d/e/g", 7);
	put("d/h", 1);
	assert_int_equal(del("d/e/f"), 0);
	counts(13, 3);
	assert_int_equal(del("d/e"), 0);
	counts(6, 2);
	assert_int_equal(left(), 1); /* the folder, on its way out */
	assert_int_equal(del("d/h"), 0);
	assert_int_equal(size("d"), -1);
	assert_int_equal(e.code, PG_E_NOT_FOUND);
	assert_int_equal(del("a/x"), -1);
	assert_int_equal(del("../a"), -1);
	assert_int_equal(del(NULL), 0);
	counts(0, 0);
	assert_int_equal(del(NULL), 0);
	pg_storage_sweep(storage);
	while (left() > 0)
		assert_true(pg_loop_turn(loop, 10 * PG_MS, NULL) >= 0);
}

static void
test_quota(void **state)
{
	(void)state;
	assert_int_equal(put("a", QUOTA - 1), 0);
	assert_int_equal(put("b", 1), 0);
	counts(QUOTA, 2);
	refused("c", 1, PG_E_QUOTA);
	assert_string_equal(e.msg, "managed storage quota exceeded: 1001 "
	    "bytes would exceed 1000 bytes");
	assert_int_equal(put("c", 0), 0);
	refused("b", 2, PG_E_QUOTA);
	assert_int_equal(size("b"), 1);
	assert_int_equal(put("a", QUOTA - 1), 0);
	refused("a", QUOTA, PG_E_QUOTA);
	assert_int_equal(del("b"), 0);
	assert_int_equal(put("a", QUOTA), 0);
	refused("a", QUOTA + 1, PG_E_QUOTA);
	assert_int_equal(size("a"), QUOTA);
	/* Counted anew after a start. */
	close_storage();
	open_storage();
	refused("d", 1, PG_E_QUOTA);
	counts(QUOTA, 2);
	assert_int_equal(left(), 0);
}

static void
make_files(int n)
{
	char path[160];
	int i;

	for (i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/%d", root, i);
		close(open(path, O_CREAT | O_WRONLY, 0600));
	}
	cls.counted = false;
}

static void
test_files_max(void **state)
{
	(void)state;
	put("first", 1);
	make_files(PG_STORAGE_FILES_MAX - 2);
	assert_int_equal(put("last", 0), 0);
	refused("more", 0, PG_E_QUOTA);
	assert_string_equal(e.msg, "managed storage quota exceeded: 10000 "
	    "files are all that a class may have");
	assert_int_equal(put("last", 1), 0);
	counts(2, PG_STORAGE_FILES_MAX);
	assert_int_equal(del("last"), 0);
	assert_int_equal(put("more", 0), 0);
	/* Others have put files there behind our back. */
	make_files(PG_STORAGE_FILES_MAX + 5);
	refused("yet", 0, PG_E_QUOTA);
	assert_int_equal(del("first"), 0);
	refused("yet", 0, PG_E_QUOTA);
	assert_int_equal(put("more", 0), 0);
}

static void
test_file_max(void **state)
{
	char path[160];
	int fd;

	(void)state;
	put("a", 1);
	snprintf(path, sizeof(path), "%s/a", root);
	fd = open(path, O_WRONLY);
	assert_int_equal(ftruncate(fd, PG_STORAGE_FILE_MAX), 0);
	assert_int_equal(size("a"), PG_STORAGE_FILE_MAX);
	assert_int_equal(ftruncate(fd, PG_STORAGE_FILE_MAX + 1), 0);
	assert_int_equal(size("a"), -1);
	assert_int_equal(e.code, PG_E_LIMIT);
	close(fd);
	/* Refused before a byte is looked at. */
	assert_int_equal(pg_storage_write(storage, &cls, PG_STR("b"),
	    (struct pg_str){ "", (size_t)PG_STORAGE_FILE_MAX + 1 }, &e), -1);
	assert_int_equal(e.code, PG_E_LIMIT);
	assert_int_equal(pg_storage_write(storage, &cls, PG_STR("b"),
	    (struct pg_str){ "", (size_t)PG_STORAGE_FILE_MAX }, &e), -1);
	assert_int_equal(e.code, PG_E_QUOTA);
}

/* A full or broken disk: what was there is there, and nothing else. */
static void
test_faults(void **state)
{
	int *const faults[] = { &fail_write, &fail_fsync, &fail_rename };
	size_t i;

	(void)state;
	put("a", 50);
	for (i = 0; i < PG_COUNT(faults); i++) {
		*faults[i] = ENOSPC;
		refused("a", 60, PG_E_SYS);
		refused("new", 60, PG_E_SYS);
		refused("d/e/new", 60, PG_E_SYS);
		*faults[i] = 0;
		counts(50, 1);
		assert_int_equal(size("a"), 50);
		assert_int_equal(size("d"), -1);
		assert_int_equal(e.code, PG_E_NOT_FOUND);
		assert_int_equal(left(), 0);
	}
	assert_int_equal(put("a", 60), 0);
}

static void
test_left_by_a_crash(void **state)
{
	char path[160];

	(void)state;
	put("a", 5);
	snprintf(path, sizeof(path), "%s/storage/.tmp-123", dir);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	snprintf(path, sizeof(path), "%s/storage/.gone-1", dir);
	mkdir(path, 0700);
	assert_int_equal(left(), 2);
	counts(5, 1);
	close_storage();
	open_storage();
	while (left() > 0)
		assert_true(pg_loop_turn(loop, 10 * PG_MS, NULL) >= 0);
	counts(5, 1);
}

static void
list(const char *prefix, const char *want)
{
	struct pg_arena a = { 0 };
	struct pg_storage_file *files = NULL;
	struct pg_buf b = PG_BUF_INIT(0);
	size_t i, n = 0;

	assert_int_equal(pg_storage_list(storage, &cls, pg_str(prefix), &a,
	    &files, &n, &e), 0);
	for (i = 0; i < n; i++)
		pg_buf_printf(&b, "%.*s:%d ", PG_STR_ARG(files[i].path),
		    (int)files[i].size);
	pg_buf_putc(&b, '\0');
	assert_string_equal(b.p, want);
	pg_buf_fini(&b);
	pg_arena_fini(&a);
}

static void
test_list(void **state)
{
	char path[160];
	struct pg_arena a;
	struct pg_storage_file *files;
	size_t n;

	(void)state;
	list("", "");
	put("b", 1);
	put("a/c", 2);
	put("a/b/d", 3);
	put("a!", 4);
	put("\xff", 5);
	snprintf(path, sizeof(path), "%s/link", root);
	assert_int_equal(symlink("b", path), 0);
	list("", "a!:4 a/b/d:3 a/c:2 b:1 ");
	list("a/", "a/b/d:3 a/c:2 ");
	list("a/c", "a/c:2 ");
	list("../", "");
	counts(15, 5);
	pg_arena_init(&a, 64);
	assert_int_equal(pg_storage_list(storage, &cls, PG_STR_NULL, &a,
	    &files, &n, &e), -1);
	assert_int_equal(e.code, PG_E_LIMIT);
	pg_arena_fini(&a);
}

/* What the class's folder itself may not be. */
static void
test_no_folder(void **state)
{
	char path[96];

	(void)state;
	snprintf(path, sizeof(path), "%s/outside", dir);
	mkdir(path, 0700);
	assert_int_equal(symlink(path, root), 0);
	assert_int_equal(put("a", 1), -1);
	assert_int_equal(size("a"), -1);
	assert_int_equal(rmdir(path), 0);
}

static void
folder(const char *name, const char *want)
{
	struct pg_storage_class c;

	pg_storage_class_init(&c, pg_str(name));
	assert_string_equal(c.folder, want);
}

static void
test_folders(void **state)
{
	struct pg_storage_class c, d;
	char name[400];
	size_t n;

	(void)state;
	folder("demo.counter:Counter", "demo.counter+Counter");
	folder(".hidden:C", "%2Ehidden+C");
	folder("a/b:..", "a%2Fb+..");
	folder("a+b%:~", "a%2Bb%25+%7E");
	folder("\xc3\xa9:C", "%C3%A9+C");
	memset(name, 'n', sizeof(name));
	for (n = 149; n < sizeof(name); n++) {
		pg_storage_class_init(&c, (struct pg_str){ name, n });
		pg_storage_class_init(&d, (struct pg_str){ name, n - 1 });
		assert_true(strlen(c.folder) <= PG_STORAGE_FOLDER_MAX);
		assert_true((strchr(c.folder, '~') != NULL) == (n > 150));
		assert_string_not_equal(c.folder, d.folder);
	}
	memset(name, '/', sizeof(name));
	pg_storage_class_init(&c, (struct pg_str){ name, sizeof(name) });
	assert_true(strlen(c.folder) <= PG_STORAGE_FOLDER_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_write_read, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_delete, setup, teardown),
		cmocka_unit_test_setup_teardown(test_quota, setup, teardown),
		cmocka_unit_test_setup_teardown(test_files_max, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_file_max, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_faults, setup, teardown),
		cmocka_unit_test_setup_teardown(test_left_by_a_crash, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_list, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_folder, setup,
		    teardown),
		cmocka_unit_test(test_folders),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
