/* test_regular: shows that only regular files are opened, without following a
 * link or waiting; that one is removed only while it is the one that was
 * meant; and that copies are whole or not there.
 */
/* parts: base/err base/mem base/buf base/clock codec/sha256 os/file os/regular */
#include "os/regular.h"

#include <fcntl.h>
#include <setjmp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64], path[128], other[128];

static void
make(const char *at, const char *text)
{
	FILE *f = fopen(at, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int
setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test_regular.XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/file", dir);
	snprintf(other, sizeof(other), "%s/other", dir);
	make(path, "abc");
	return 0;
}

static int
teardown(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static struct pg_regular
look(const char *at)
{
	struct pg_regular r;
	int fd = pg_regular_open(at, &r, NULL);

	assert_true(fd >= 0);
	close(fd);
	return r;
}

static enum pg_code
why_not(const char *at)
{
	struct pg_regular r;
	struct pg_err e = { 0 };

	assert_int_equal(pg_regular_open(at, &r, &e), -1);
	return e.code;
}

static void
opens_regular_files_only(void **state)
{
	(void)state;
	assert_int_equal(look(path).size, 3);
	assert_int_equal(symlink(path, other), 0);
	assert_int_equal(why_not(other), PG_E_HOST);
	unlink(other);
	assert_int_equal(mkfifo(other, 0600), 0);
	assert_int_equal(why_not(other), PG_E_HOST);
	assert_int_equal(why_not(dir), PG_E_HOST);
	assert_int_equal(why_not("/dev/null"), PG_E_HOST);
	unlink(other);
	assert_int_equal(why_not(other), PG_E_SYS);
}

static void
removes_what_is_meant(void **state)
{
	struct pg_regular was = look(path);

	(void)state;
	make(other, "abc");
	assert_false(pg_regular_remove(other, &was));
	assert_int_equal(access(other, F_OK), 0);
	make(path, "abcd");
	assert_false(pg_regular_remove(path, &was));
	was = look(path);
	assert_true(pg_regular_same(&was, &was));
	assert_true(pg_regular_remove(path, &was));
	assert_false(pg_regular_remove(path, &was));
	assert_int_equal(access(path, F_OK), -1);
}

static void
copies_all_of_it(void **state)
{
	static const uint8_t abc[4] = { 0xba, 0x78, 0x16, 0xbf };
	struct pg_regular r;
	uint8_t sha[32];
	int64_t size;
	int fd = pg_regular_open(path, &r, NULL);
	struct pg_err e = { 0 };

	(void)state;
	assert_int_equal(pg_regular_copy(fd, other, sha, &size, NULL), 0);
	assert_int_equal(size, 3);
	assert_memory_equal(sha, abc, sizeof(abc));
	assert_int_equal(look(other).size, 3);
	/* Another file is not touched. */
	assert_int_equal(pg_regular_copy(fd, other, sha, &size, &e), -1);
	assert_int_equal(e.sys, EEXIST);
	assert_int_equal(look(other).size, 3);
	assert_int_equal(pg_regular_read(fd, -1, sha, &size, NULL), 0);
	assert_memory_equal(sha, abc, sizeof(abc));
	/* A full disk. */
	close(fd);
	fd = pg_regular_open(path, &r, NULL);
	e = (struct pg_err){ 0 };
	if (access("/dev/full", W_OK) == 0) {
		int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

		assert_int_equal(pg_regular_read(fd, full, sha, &size, &e),
		    -1);
		assert_int_equal(e.sys, ENOSPC);
		close(full);
	}
	close(fd);
	assert_int_equal(pg_regular_sync_folder(path, NULL), 0);
	assert_int_equal(pg_regular_sync_folder("/nowhere/x", &e), -1);
}

static void
reads_pieces(void **state)
{
	static char text[PG_REGULAR_PIECE + 2];
	struct pg_regular r;
	uint8_t sha[32];
	int64_t size;
	size_t n;
	int fd;

	(void)state;
	for (n = PG_REGULAR_PIECE - 1; n <= PG_REGULAR_PIECE + 1; n++) {
		memset(text, 'x', n);
		text[n] = '\0';
		make(path, text);
		fd = pg_regular_open(path, &r, NULL);
		unlink(other);
		assert_int_equal(pg_regular_copy(fd, other, sha, &size,
		    NULL), 0);
		assert_int_equal(size, n);
		assert_int_equal(look(other).size, n);
		close(fd);
	}
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(opens_regular_files_only),
		T(removes_what_is_meant),
		T(copies_all_of_it),
		T(reads_pieces),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
