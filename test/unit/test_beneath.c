/* test_beneath: shows which paths are none, and that no path leads out of the
 * folder, whatever lies in it, with a kernel that knows openat2 and with one
 * that does not.
 */
/* parts: base/err base/mem os/beneath */
/* wrap: syscall */
#include "os/beneath.h"

#include <fcntl.h>
#include <setjmp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char top[64];
static int root;
static int refuse; /* errno of the system call instead; 0: it is made */
static int again;  /* times that it says EAGAIN first */

long __wrap_syscall(long number, ...);
long __real_syscall(long number, ...);

long
__wrap_syscall(long number, ...)
{
	long a[4];
	va_list ap;
	int i;

	va_start(ap, number);
	for (i = 0; i < 4; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	if (again > 0) {
		again--;
		errno = EAGAIN;
		return -1;
	}
	if (refuse != 0) {
		errno = refuse;
		return -1;
	}
	return __real_syscall(number, a[0], a[1], a[2], a[3]);
}

static void
put(const char *path, const char *text)
{
	int fd = openat(root, path, O_WRONLY | O_CREAT, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (long)strlen(text));
	close(fd);
}

/* root is TOP/in; beside it lie `secret` and the folder `out`. */
static int
setup(void **state)
{
	(void)state;
	refuse = again = 0;
	snprintf(top, sizeof(top), "/tmp/test_beneath.XXXXXX");
	if (mkdtemp(top) == NULL)
		return -1;
	root = open(top, O_RDONLY | O_DIRECTORY);
	mkdirat(root, "in", 0700);
	mkdirat(root, "out", 0700);
	put("secret", "s");
	put("out/x", "s");
	close(root);
	strcat(top, "/in");
	root = open(top, O_RDONLY | O_DIRECTORY);
	mkdirat(root, "a", 0700);
	mkdirat(root, "a/b", 0700);
	put("f", "1");
	put("a/b/f", "2");
	if (symlinkat("../secret", root, "link") < 0 ||
	    symlinkat("../out", root, "dir") < 0 ||
	    symlinkat("f", root, "inner") < 0 ||
	    symlinkat("/", root, "a/top") < 0)
		return -1;
	return root < 0 ? -1 : 0;
}

static int
teardown(void **state)
{
	char command[128];

	(void)state;
	close(root);
	*strrchr(top, '/') = '\0';
	snprintf(command, sizeof(command), "rm -rf %s", top);
	return system(command);
}

static const char *
check(const char *path, size_t n)
{
	char out[PG_BENEATH_PATH_MAX + 1];
	const char *wrong = pg_beneath_check((struct pg_str){ path, n }, out);

	if (wrong == NULL) {
		assert_int_equal(strlen(out), n);
		assert_memory_equal(out, path, n);
	}
	return wrong;
}

static void
test_names(void **state)
{
	static const char *const bad[] = { "", "/", "/x", ".", "..", "../x",
		"x/..", "x/../y", "a//b", "a/", "./a", "a/." };
	size_t i;

	(void)state;
	for (i = 0; i < PG_COUNT(bad); i++)
		assert_non_null(check(bad[i], strlen(bad[i])));
	assert_non_null(check("a\0b", 3));
	assert_non_null(check("a\0", 2));
	assert_null(check("...", 3));
	assert_null(check("..a/.b", 6));
	assert_null(check("\n\xff *", 4));
	assert_string_equal(check("../x", 4), "escapes root");
	assert_string_equal(check("/x", 2), "escapes root");
}

static void
test_limits(void **state)
{
	char path[PG_BENEATH_PATH_MAX + 2];
	size_t i;

	(void)state;
	memset(path, 'x', sizeof(path));
	assert_null(check(path, PG_BENEATH_NAME_MAX - 1));
	assert_null(check(path, PG_BENEATH_NAME_MAX));
	assert_non_null(check(path, PG_BENEATH_NAME_MAX + 1));
	for (i = PG_BENEATH_NAME_MAX; i < sizeof(path);
	    i += PG_BENEATH_NAME_MAX + 1)
		path[i] = '/';
	assert_null(check(path, PG_BENEATH_PATH_MAX - 1));
	assert_null(check(path, PG_BENEATH_PATH_MAX));
	assert_non_null(check(path, PG_BENEATH_PATH_MAX + 1));
	for (i = 0; i < sizeof(path); i++)
		path[i] = i % 2 ? '/' : 'x';
	assert_null(check(path, 2 * (PG_BENEATH_DEPTH_MAX - 1) - 1));
	assert_null(check(path, 2 * PG_BENEATH_DEPTH_MAX - 1));
	assert_non_null(check(path, 2 * (PG_BENEATH_DEPTH_MAX + 1) - 1));
}

static int
open_path(const char *path)
{
	return pg_beneath_open(root, path, O_RDONLY | O_NONBLOCK, 0);
}

static void
good(const char *path, char want)
{
	char c = 0;
	int fd = open_path(path);

	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(read(fd, &c, 1), 1);
	assert_int_equal(c, want);
	close(fd);
}

static void
wrong(const char *path, int want)
{
	assert_int_equal(open_path(path), -1);
	if (want == ELOOP && errno == EXDEV)
		return;
	assert_int_equal(errno, want);
}

static void
try_all(void)
{
	int fd;

	good("f", '1');
	good("a/b/f", '2');
	wrong("none", ENOENT);
	wrong("none/f", ENOENT);
	wrong("f/x", ENOTDIR);
	wrong("link", ELOOP);
	wrong("inner", ELOOP);
	wrong("dir/x", ELOOP);
	wrong("a/top/etc", ELOOP);
	fd = pg_beneath_open(root, "new", O_WRONLY | O_CREAT | O_EXCL, 0640);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(unlinkat(root, "new", 0), 0);
}

static void
test_open(void **state)
{
	(void)state;
	try_all();
	again = 5;
	good("f", '1');
}

static void
test_open_by_steps(void **state)
{
	(void)state;
	refuse = ENOSYS;
	try_all();
	refuse = EPERM;
	try_all();
	refuse = 0;
	again = 1000000;
	wrong("f", EAGAIN);
}

static void
test_parent(void **state)
{
	const char *base = NULL;
	struct stat a, b;
	int fd;

	(void)state;
	fd = pg_beneath_parent(root, "f", false, &base);
	assert_true(fd >= 0 && fstat(fd, &a) == 0 && fstat(root, &b) == 0);
	assert_true(a.st_ino == b.st_ino);
	assert_string_equal(base, "f");
	close(fd);
	fd = pg_beneath_parent(root, "a/b/f", false, &base);
	assert_string_equal(base, "f");
	assert_int_equal(faccessat(fd, base, F_OK, 0), 0);
	close(fd);
	assert_int_equal(pg_beneath_parent(root, "x/y/z", false, &base), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(pg_beneath_parent(root, "dir/z", true, &base), -1);
	assert_int_equal(errno, ELOOP);
	assert_int_equal(pg_beneath_parent(root, "dir/new/z", true, &base),
	    -1);
	assert_int_equal(pg_beneath_parent(root, "f/z", true, &base), -1);
	assert_int_equal(errno, ENOTDIR);
	fd = pg_beneath_parent(root, "x/y/z", true, &base);
	assert_true(fd >= 0);
	assert_int_equal(fstatat(root, "x/y", &a, 0), 0);
	assert_int_equal(a.st_mode & 07777, 0700);
	close(fd);
}

static void
test_prune(void **state)
{
	const char *base;
	int fd = pg_beneath_parent(root, "a/c/d/f", true, &base);

	(void)state;
	close(fd);
	pg_beneath_prune(root, "a/c/d/f");
	assert_int_equal(faccessat(root, "a/c", F_OK, 0), -1);
	assert_int_equal(faccessat(root, "a/b/f", F_OK, 0), 0);
	pg_beneath_prune(root, "a/b/f");
	pg_beneath_prune(root, "f");
	pg_beneath_prune(root, "none/f");
	pg_beneath_prune(root, "dir/x");
	assert_int_equal(faccessat(root, "a/b/f", F_OK, 0), 0);
	assert_int_equal(faccessat(root, "../out/x", F_OK, 0), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_limits),
		cmocka_unit_test_setup_teardown(test_open, setup, teardown),
		cmocka_unit_test_setup_teardown(test_open_by_steps, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_parent, setup, teardown),
		cmocka_unit_test_setup_teardown(test_prune, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
