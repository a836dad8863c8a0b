/* test_file: files are replaced whole or not at all, and a failure leaves
 * nothing behind; bulk bytes come out as they went in, on the heap or in a
 * memfd that nobody can change; a foreign memfd is refused unless it is safe.
 */
/* parts: base/err base/mem base/buf base/clock os/file */
/* wrap: write fsync renameat */
#include "base/mem.h"
#include "os/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

ssize_t __real_write(int fd, const void *p, size_t n);
ssize_t __wrap_write(int fd, const void *p, size_t n);
int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __real_renameat(int from, const char *old, int to, const char *new);
int __wrap_renameat(int from, const char *old, int to, const char *new);

/* How the disk behaves: write_max bytes at most per write, and the n-th call
 * of a kind from here fails (0: none does). */
static struct {
	size_t write_max;
	int write_fails, fsync_fails, rename_fails;
} disk;

static bool
disk_fails(int *counter)
{
	if (*counter == 0 || --*counter > 0)
		return false;
	errno = ENOSPC;
	return true;
}

ssize_t
__wrap_write(int fd, const void *p, size_t n)
{
	if (disk_fails(&disk.write_fails))
		return -1;
	return __real_write(fd, p,
	    disk.write_max != 0 ? PG_MIN(n, disk.write_max) : n);
}

int
__wrap_fsync(int fd)
{
	return disk_fails(&disk.fsync_fails) ? -1 : __real_fsync(fd);
}

int
__wrap_renameat(int from, const char *old, int to, const char *new)
{
	if (disk_fails(&disk.rename_fails))
		return -1;
	return __real_renameat(from, old, to, new);
}

/* --- a folder for each test -------------------------------------------- */

static char folder[] = "/tmp/test_file.XXXXXX";
static int lowest_fd;

static int
free_fd(void)
{
	int fd = dup(STDIN_FILENO);

	close(fd);
	return fd;
}

static int
enter(void **state)
{
	(void)state;
	memcpy(folder + sizeof(folder) - 7, "XXXXXX", 6);
	memset(&disk, 0, sizeof(disk));
	lowest_fd = free_fd();
	return mkdtemp(folder) == NULL || chdir(folder) < 0;
}

/* Names in the current folder, removed as they are counted. */
static int
sweep(void)
{
	DIR *d = opendir(".");
	struct dirent *e;
	int n = 0;

	while ((e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		n++;
		if (remove(e->d_name) < 0)
			n = 1000;
	}
	closedir(d);
	return n;
}

/* No test leaks a descriptor. */
static int
leave(void **state)
{
	(void)state;
	sweep();
	return chdir("/") < 0 || rmdir(folder) < 0 || free_fd() != lowest_fd;
}

/* --- whole files ------------------------------------------------------- */

static void
assert_file(const char *path, const char *text)
{
	struct pg_buf b = PG_BUF_INIT(0);
	struct pg_err e = { .code = PG_E_OK };

	assert_int_equal(pg_file_read(path, &b, &e), 0);
	assert_true(pg_str_eqz(pg_buf_str(&b), text));
	pg_buf_fini(&b);
}

static void
write_replaces(void **state)
{
	struct pg_err e = { .code = PG_E_OK };
	struct stat st;

	(void)state;
	umask(0);
	assert_int_equal(pg_file_write("f", PG_STR("one"), 0600, &e), 0);
	assert_file("f", "one");
	assert_int_equal(stat("f", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(pg_file_write("./f", PG_STR("other"), 0644, &e), 0);
	assert_file("f", "other");
	assert_int_equal(stat("f", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	assert_int_equal(pg_file_write("f", PG_STR_NULL, 0600, &e), 0);
	assert_file("f", "");
	disk.write_max = 2;
	assert_int_equal(pg_file_write("f", PG_STR("bit by bit"), 0600, &e), 0);
	assert_file("f", "bit by bit");
	assert_int_equal(sweep(), 1);
}

/* From the heap and from a memfd, from within. */
static void
write_takes_a_part_of_a_bulk(void **state)
{
	static const size_t sizes[] = { 10, 300000 };
	struct pg_err e = { .code = PG_E_OK };
	struct pg_buf back = PG_BUF_INIT(0);
	struct pg_bulk *b;
	char *text;
	size_t i, k;

	(void)state;
	for (i = 0; i < PG_COUNT(sizes); i++) {
		text = pg_realloc(NULL, sizes[i]);
		for (k = 0; k < sizes[i]; k++)
			text[k] = (char)(k * 7 + k / 251);
		b = pg_bulk_copy((struct pg_str){ text, sizes[i] }, &e);
		assert_int_equal(b->fd >= 0, i == 1);
		assert_int_equal(pg_file_write_bulk("f", b, 3, sizes[i] - 4,
		    0600, &e), 0);
		assert_int_equal(pg_file_read("f", &back, &e), 0);
		assert_int_equal(back.n, sizes[i] - 4);
		assert_memory_equal(back.p, text + 3, back.n);
		assert_int_equal(pg_file_write_bulk("f", b, sizes[i], 0, 0600,
		    &e), 0);
		assert_file("f", "");
		pg_buf_reset(&back);
		pg_bulk_unref(b);
		free(text);
	}
	pg_buf_fini(&back);
}

static void
failed_write_changes_nothing(void **state)
{
	int *const failing[] = { &disk.write_fails, &disk.fsync_fails,
	    &disk.rename_fails };
	struct pg_err e = { .code = PG_E_OK };
	size_t i;

	(void)state;
	assert_int_equal(pg_file_write("f", PG_STR("old"), 0600, &e), 0);
	for (i = 0; i < PG_COUNT(failing); i++) {
		*failing[i] = 1;
		assert_int_equal(pg_file_write("f", PG_STR("new"), 0600, &e),
		    -1);
		assert_int_equal(e.code, PG_E_SYS);
		assert_int_equal(e.sys, ENOSPC);
		assert_string_equal(e.msg, "f: No space left on device");
		assert_file("f", "old");
	}
	assert_int_equal(sweep(), 1);
	/* The folder could not be synced: it may be there, nobody knows. */
	disk.fsync_fails = 2;
	assert_int_equal(pg_file_write("f", PG_STR("new"), 0600, &e), -1);
	assert_int_equal(pg_file_write("no/f", PG_STR("x"), 0600, &e), -1);
	assert_string_equal(e.msg, "no/: No such file or directory");
	assert_int_equal(pg_file_write("f/", PG_STR("x"), 0600, &e), -1);
	assert_int_equal(sweep(), 1);
}

static void
read_heeds_its_limit(void **state)
{
	struct pg_buf b = PG_BUF_INIT(10);
	struct pg_err e = { .code = PG_E_OK };

	(void)state;
	pg_file_write("9", PG_STR("123456789"), 0600, &e);
	pg_file_write("10", PG_STR("1234567890"), 0600, &e);
	pg_file_write("11", PG_STR("12345678901"), 0600, &e);
	assert_int_equal(pg_file_read("9", &b, &e), 0);
	assert_int_equal(b.n, 9);
	pg_buf_reset(&b);
	assert_int_equal(pg_file_read("10", &b, &e), 0);
	assert_int_equal(b.n, 10);
	pg_buf_reset(&b);
	pg_buf_putz(&b, "x");
	assert_int_equal(pg_file_read("10", &b, &e), -1);
	assert_int_equal(e.code, PG_E_LIMIT);
	assert_true(pg_str_eqz(pg_buf_str(&b), "x"));
	assert_int_equal(pg_file_read("9", &b, &e), 0);
	assert_true(pg_str_eqz(pg_buf_str(&b), "x123456789"));
	pg_buf_reset(&b);
	assert_int_equal(pg_file_read("11", &b, &e), -1);
	assert_int_equal(e.code, PG_E_LIMIT);
	assert_string_equal(e.msg, "11: over 10 bytes");
	pg_buf_fini(&b);
}

static void
read_fails_clearly(void **state)
{
	struct pg_buf b = PG_BUF_INIT(0);
	struct pg_err e = { .code = PG_E_OK };

	(void)state;
	assert_int_equal(pg_file_read("no", &b, &e), -1);
	assert_string_equal(e.msg, "no: No such file or directory");
	assert_int_equal(pg_file_read(".", &b, &e), -1);
	assert_int_equal(e.sys, EISDIR);
	pg_mem_fail_after(1);
	assert_int_equal(pg_file_read("/proc/self/stat", &b, &e), -1);
	assert_int_equal(e.code, PG_E_NOMEM);
	pg_buf_reset(&b);
	/* Says it has no size, and has. */
	assert_int_equal(pg_file_read("/proc/self/maps", &b, &e), 0);
	assert_true(b.n > 0);
	pg_buf_fini(&b);
}

static void
mkdirs_makes_all_that_is_missing(void **state)
{
	struct pg_err e = { .code = PG_E_OK };
	struct stat st;
	char path[100];

	(void)state;
	assert_int_equal(pg_file_mkdirs("a//b/c/", &e), 0);
	assert_int_equal(stat("a/b/c", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(pg_file_mkdirs("a/b/c", &e), 0);
	snprintf(path, sizeof(path), "%s/a/d", folder);
	assert_int_equal(pg_file_mkdirs(path, &e), 0);
	assert_int_equal(pg_file_mkdirs("/", &e), 0);
	pg_file_write("f", PG_STR("x"), 0600, &e);
	assert_int_equal(pg_file_mkdirs("f", &e), -1);
	assert_string_equal(e.msg, "f: is no folder");
	assert_int_equal(pg_file_mkdirs("f/g", &e), -1);
	assert_int_equal(e.sys, ENOTDIR);
	assert_int_equal(pg_file_mkdirs("", &e), -1);
	rmdir("a/b/c");
	rmdir("a/b");
	rmdir("a/d");
}

/* --- bulk -------------------------------------------------------------- */

static char content[1000 * 1000];

static void
fill_content(void)
{
	size_t i;

	for (i = 0; i < sizeof(content); i++)
		content[i] = (char)(i * 31 + i / 251);
}

static void
assert_sealed(int fd)
{
	assert_int_equal(fcntl(fd, F_GET_SEALS),
	    F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	assert_int_equal(write(fd, "x", 1), -1);
	assert_int_equal(ftruncate(fd, 1), -1);
	assert_ptr_equal(mmap(NULL, 1, PROT_WRITE, MAP_SHARED, fd, 0),
	    MAP_FAILED);
	assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
}

static void
copy_uses_the_heap_up_to_its_limit(void **state)
{
	static const size_t sizes[] = { 0, 1, PG_BULK_HEAP_MAX - 1,
	    PG_BULK_HEAP_MAX, PG_BULK_HEAP_MAX + 1, sizeof(content) };
	struct pg_err e = { .code = PG_E_OK };
	struct pg_str in = { content, 0 };
	struct pg_bulk *b;
	size_t i;

	(void)state;
	fill_content();
	disk.write_max = 50000;
	for (i = 0; i < PG_COUNT(sizes); i++) {
		in.n = sizes[i];
		b = pg_bulk_copy(in, &e);
		assert_non_null(b);
		assert_true(pg_str_eq(pg_bulk_str(b), in));
		assert_int_equal(b->fd >= 0, in.n > PG_BULK_HEAP_MAX);
		if (b->fd >= 0)
			assert_sealed(b->fd);
		pg_bulk_unref(b);
	}
	pg_bulk_unref(NULL);
	assert_int_equal(pg_bulk_str(NULL).n, 0);
}

static void
references_keep_bulk(void **state)
{
	struct pg_err e = { .code = PG_E_OK };
	struct pg_bulk *b = pg_bulk_copy((struct pg_str){ content, 100000 },
	    &e);

	(void)state;
	assert_ptr_equal(pg_bulk_ref(b), b);
	pg_bulk_unref(b);
	assert_memory_equal(b->p, content, 100000);
	pg_bulk_unref(b);
}

/* A memfd of n bytes with these seals. */
static int
memfd(size_t n, int seals)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)n), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

static const int safe = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW;

static void
open_takes_what_is_sealed(void **state)
{
	struct pg_err e = { .code = PG_E_OK };
	struct pg_bulk *b, *again;

	(void)state;
	fill_content();
	b = pg_bulk_copy((struct pg_str){ content, 70000 }, &e);
	again = pg_bulk_open(dup(b->fd), 70000, &e);
	assert_non_null(again);
	pg_bulk_unref(b);
	assert_int_equal(again->n, 70000);
	assert_memory_equal(again->p, content, 70000);
	pg_bulk_unref(again);
	b = pg_bulk_open(memfd(0, safe), 0, &e);
	assert_non_null(b);
	assert_int_equal(b->n, 0);
	pg_bulk_unref(b);
	b = pg_bulk_open(memfd(5, safe | F_SEAL_SEAL), 6, &e);
	assert_int_equal(b->n, 5);
	pg_bulk_unref(b);
}

static void
open_refuses_the_rest(void **state)
{
	static const int seals[] = { 0, F_SEAL_WRITE | F_SEAL_SHRINK,
	    F_SEAL_WRITE | F_SEAL_GROW, F_SEAL_SHRINK | F_SEAL_GROW,
	    F_SEAL_SEAL };
	struct pg_err e = { .code = PG_E_OK };
	int fds[2];
	size_t i;

	(void)state;
	for (i = 0; i < PG_COUNT(seals); i++) {
		assert_null(pg_bulk_open(memfd(5, seals[i]), 10, &e));
		assert_int_equal(e.code, PG_E_HOST);
	}
	assert_null(pg_bulk_open(memfd(11, safe), 10, &e));
	assert_int_equal(e.code, PG_E_LIMIT);
	assert_string_equal(e.msg, "bulk: 11 bytes, over the limit of 10");
	assert_null(pg_bulk_open(memfd((size_t)1 << 50, safe), 10, &e));
	assert_int_equal(e.code, PG_E_LIMIT);
	assert_int_equal(pipe(fds), 0);
	assert_null(pg_bulk_open(fds[0], 10, &e));
	assert_int_equal(e.code, PG_E_HOST);
	assert_null(pg_bulk_open(fds[1], 10, NULL));
	assert_null(pg_bulk_open(open(".", O_RDONLY), 10, &e));
	assert_int_equal(e.code, PG_E_HOST);
	assert_null(pg_bulk_open(-1, 10, &e));
	assert_int_equal(e.code, PG_E_HOST);
}

/* --- spool ------------------------------------------------------------- */

/* All of content up to total in pieces of this size. */
static void
spool_in_pieces(struct pg_spool *s, size_t total, size_t piece)
{
	struct pg_err e = { .code = PG_E_OK };
	size_t at;

	for (at = 0; at < total; at += piece)
		assert_int_equal(pg_spool_put(s, (struct pg_str){
		    content + at, PG_MIN(piece, total - at) }, &e), 0);
}

static void
spool_gives_back_what_came(void **state)
{
	static const size_t totals[] = { 0, 1, PG_BULK_HEAP_MAX,
	    PG_BULK_HEAP_MAX + 1, 200000 };
	static const size_t pieces[] = { 7, 4095, 4096, 16384, 200000 };
	struct pg_err e = { .code = PG_E_OK };
	struct pg_spool s = { .max = 200000 };
	struct pg_bulk *b;
	size_t i;

	(void)state;
	fill_content();
	for (i = 0; i < PG_COUNT(totals) * PG_COUNT(pieces); i++) {
		size_t total = totals[i / PG_COUNT(pieces)];

		spool_in_pieces(&s, total, pieces[i % PG_COUNT(pieces)]);
		assert_int_equal(s.n, total);
		b = pg_spool_finish(&s, &e);
		assert_non_null(b);
		assert_int_equal(s.n, 0);
		assert_int_equal(b->n, total);
		assert_int_equal(b->fd >= 0, total > PG_BULK_HEAP_MAX);
		if (total > 0)
			assert_memory_equal(b->p, content, total);
		pg_bulk_unref(b);
	}
	pg_spool_fini(&s);
}

/* What comes by a pipe stands between what was put before and after it. */
static void
spool_takes_from_a_pipe(void **state)
{
	struct pg_err e = { .code = PG_E_OK };
	struct pg_spool s = { .max = 150000 };
	struct pg_bulk *b;
	int pipe[2];

	(void)state;
	fill_content();
	assert_int_equal(pipe2(pipe, O_CLOEXEC | O_NONBLOCK), 0);
	assert_true(fcntl(pipe[0], F_SETPIPE_SZ, 131072) >= 131072);
	spool_in_pieces(&s, 5000, 1000);
	assert_int_equal(write(pipe[1], content + 5000, 100001), 100001);
	assert_int_equal(pg_spool_put_pipe(&s, pipe[0], 70000, &e), 0);
	assert_int_equal(pg_spool_put_pipe(&s, pipe[0], 30000, &e), 0);
	assert_int_equal(pg_spool_put(&s, (struct pg_str){ content + 105000,
	    45000 }, &e), 0);
	assert_int_equal(pg_spool_put_pipe(&s, pipe[0], 1, &e), -1);
	assert_int_equal(e.code, PG_E_LIMIT);
	b = pg_spool_finish(&s, &e);
	assert_int_equal(b->n, 150000);
	assert_memory_equal(b->p, content, b->n);
	pg_bulk_unref(b);
	/* More than there is: lost, as nothing tells what has come. */
	assert_int_equal(pg_spool_put_pipe(&s, pipe[0], 2, &e), -1);
	assert_int_equal(e.code, PG_E_SYS);
	assert_null(pg_spool_finish(&s, &e));
	close(pipe[0]);
	close(pipe[1]);
}

static void
spool_takes_from_a_file(void **state)
{
	struct pg_err e = { .code = PG_E_OK };
	struct pg_spool s = { .max = 0 };
	struct pg_bulk *b;
	int fd;

	(void)state;
	fill_content();
	assert_int_equal(pg_file_write("f", (struct pg_str){ content,
	    sizeof(content) }, 0600, &e), 0);
	fd = open("f", O_RDONLY | O_CLOEXEC);
	spool_in_pieces(&s, 5, 5);
	assert_int_equal(lseek(fd, 5, SEEK_SET), 5);
	assert_int_equal(pg_spool_put_file(&s, fd, sizeof(content) - 5, &e),
	    0);
	b = pg_spool_finish(&s, &e);
	assert_int_equal(b->n, sizeof(content));
	assert_memory_equal(b->p, content, b->n);
	pg_bulk_unref(b);
	assert_int_equal(pg_spool_put_file(&s, fd, 1, &e), -1);
	assert_int_equal(e.code, PG_E_HOST);
	assert_null(pg_spool_finish(&s, &e));
	close(fd);
}

static void
spool_takes_the_buffer_without_copying(void **state)
{
	struct pg_err e = { .code = PG_E_OK };
	struct pg_spool s = { .max = 0 };
	struct pg_bulk *b;
	const char *p;

	(void)state;
	assert_int_equal(pg_spool_spill(&s, PG_STR("abc"), &e), 0);
	p = s.buf.p;
	b = pg_spool_finish(&s, &e);
	assert_ptr_equal(b->p, p);
	pg_bulk_unref(b);
}

static void
spool_heeds_its_limit(void **state)
{
	struct pg_err e = { .code = PG_E_OK };
	struct pg_spool s = { .max = 100000 };

	(void)state;
	assert_int_equal(pg_spool_put(&s, (struct pg_str){ content, 99999 },
	    &e), 0);
	assert_int_equal(pg_spool_put(&s, PG_STR("ab"), &e), -1);
	assert_int_equal(e.code, PG_E_LIMIT);
	assert_int_equal(pg_spool_put(&s, PG_STR("a"), &e), 0);
	assert_int_equal(pg_spool_put(&s, PG_STR("a"), &e), -1);
	assert_int_equal(s.n, 100000);
	assert_int_equal(pg_spool_put(&s, (struct pg_str){ content, SIZE_MAX },
	    &e), -1);
	pg_spool_fini(&s);
}

/* A spool with a hole never becomes bulk: mapping it would fault. */
static void
spool_that_failed_does_not_finish(void **state)
{
	struct pg_err e = { .code = PG_E_OK };
	struct pg_spool s = { .max = 0 };
	int n;

	(void)state;
	for (n = 1; n <= 3; n++) {
		disk.write_fails = n;
		assert_int_equal(pg_spool_put(&s, PG_STR("x"), &e), 0);
		if (n > 2)
			spool_in_pieces(&s, 100000, 100000);
		assert_int_equal(pg_spool_put(&s,
		    (struct pg_str){ content, 100000 }, &e), -1);
		assert_int_equal(e.sys, ENOSPC);
		assert_int_equal(pg_spool_put(&s, PG_STR("x"), &e), -1);
		assert_null(pg_spool_finish(&s, &e));
		assert_int_equal(e.code, PG_E_NOMEM);
		assert_int_equal(s.n, 0);
	}
	pg_mem_fail_after(1);
	assert_int_equal(pg_spool_put(&s, PG_STR("x"), &e), -1);
	assert_int_equal(e.code, PG_E_NOMEM);
	assert_null(pg_spool_finish(&s, &e));
	/* What was gathered is written at the end, and that can fail too. */
	spool_in_pieces(&s, 100000, 100000);
	assert_int_equal(pg_spool_put(&s, PG_STR("x"), &e), 0);
	disk.write_fails = 1;
	assert_null(pg_spool_finish(&s, &e));
	disk.write_fails = 1;
	assert_null(pg_bulk_copy((struct pg_str){ content, 100000 }, &e));
}

#define in_folder(test) cmocka_unit_test_setup_teardown(test, enter, leave)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		in_folder(write_replaces),
		in_folder(write_takes_a_part_of_a_bulk),
		in_folder(failed_write_changes_nothing),
		in_folder(read_heeds_its_limit),
		in_folder(read_fails_clearly),
		in_folder(mkdirs_makes_all_that_is_missing),
		in_folder(copy_uses_the_heap_up_to_its_limit),
		in_folder(references_keep_bulk),
		in_folder(open_takes_what_is_sealed),
		in_folder(open_refuses_the_rest),
		in_folder(spool_gives_back_what_came),
		in_folder(spool_takes_from_a_pipe),
		in_folder(spool_takes_from_a_file),
		in_folder(spool_takes_the_buffer_without_copying),
		in_folder(spool_heeds_its_limit),
		in_folder(spool_that_failed_does_not_finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
