/* test_partial: shows where a file lies that is being fetched, what it is
 * called, that it replaces nothing which the user has not named, and that
 * nobody writes to what is not his.
 */
/* parts: base/err base/mem base/buf base/log os/rand client/partial */
#include "client/partial.h"

#include <fcntl.h>
#include <setjmp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define HASH "0123456789abcdef0123456789abcdef" \
	"0123456789abcdef0123456789abcdef"
#define PART ".0123456789abcdef.part"

static char dir[64];

static int
setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test_partial.XXXXXX");
	return mkdtemp(dir) != NULL && chdir(dir) == 0 ? 0 : -1;
}

static int
teardown(void **state)
{
	char command[100];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	return chdir("/") == 0 ? system(command) : -1;
}

/* ---- names ------------------------------------------------------------ */

static void
named(const char *said, const char *name)
{
	char out[PG_PARTIAL_NAME_MAX + 1];

	pg_partial_name(pg_str(said), out);
	assert_string_equal(out, name);
}

static void
names_are_made_safe(void **state)
{
	char out[PG_PARTIAL_NAME_MAX + 1], longer[PG_PARTIAL_NAME_MAX + 10];

	(void)state;
	named("scan.tiff", "scan.tiff");
	named("", "artifact");
	named(".", "_");
	named("..", "_.");
	named("../../x", "_._.._x");
	named("/etc/passwd", "_etc_passwd");
	named("a\\b", "a_b");
	named(".bashrc", "_bashrc");
	named("-rf", "_rf");
	named("a-b.c d", "a-b.c d");
	named("a\nb\033[2J\177", "a_b_[2J_");
	named("d\303\244ta", "d\303\244ta");
	named("x\377y", "x_y");
	/* Turns the direction of what follows. */
	named("a\342\200\256b", "a___b");
	pg_partial_name((struct pg_str){ "a\0b", 3 }, out);
	assert_string_equal(out, "a_b");
	memset(longer, 'x', sizeof(longer));
	pg_partial_name((struct pg_str){ longer, PG_PARTIAL_NAME_MAX }, out);
	assert_int_equal(strlen(out), PG_PARTIAL_NAME_MAX);
	pg_partial_name((struct pg_str){ longer, PG_PARTIAL_NAME_MAX + 1 },
	    out);
	assert_int_equal(strlen(out), PG_PARTIAL_NAME_MAX);
	/* Not within a character. */
	memcpy(longer + PG_PARTIAL_NAME_MAX - 1, "\303\244", 2);
	pg_partial_name((struct pg_str){ longer, PG_PARTIAL_NAME_MAX + 1 },
	    out);
	assert_int_equal(strlen(out), PG_PARTIAL_NAME_MAX - 1);
}

/* ---- files ------------------------------------------------------------ */

static struct pg_partial p;
static struct pg_err e;

static int
begin(const char *path, const char *name, bool resume)
{
	e = (struct pg_err){ 0 };
	return pg_partial_open(&p, path, pg_str(name), PG_STR(HASH), resume,
	    &e);
}

static void
put(const char *text)
{
	assert_int_equal(write(p.fd, text, strlen(text)), strlen(text));
}

static void
holds(const char *path, const char *text)
{
	char bytes[100];
	int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, bytes, sizeof(bytes) - 1);

	assert_true(fd >= 0 && n >= 0);
	close(fd);
	bytes[n] = '\0';
	assert_string_equal(bytes, text);
}

static void
make(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static bool
there(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static void
fails(const char *path, const char *name, bool resume, enum pg_code code)
{
	assert_int_equal(begin(path, name, resume), -1);
	assert_int_equal(e.code, code);
	assert_int_equal(p.fd, -1);
	pg_partial_close(&p, true);
}

static void
a_named_file_is_replaced_at_the_end(void **state)
{
	(void)state;
	make("f", "old");
	assert_int_equal(begin("f", "other", true), 0);
	assert_string_equal(p.part, ".f" PART);
	put("new");
	holds("f", "old");
	holds(".f" PART, "new");
	assert_int_equal(pg_partial_place(&p, &e), 0);
	holds("f", "new");
	pg_partial_close(&p, true);
	assert_false(there(".f" PART));
	holds("f", "new");
}

static void
a_folder_gets_a_new_file(void **state)
{
	(void)state;
	mkdir("sub", 0700);
	assert_int_equal(begin("sub", "../x", true), 0);
	assert_string_equal(p.path, "sub/_._x");
	assert_string_equal(p.part, "sub/._._x" PART);
	put("1");
	assert_int_equal(pg_partial_place(&p, &e), 0);
	pg_partial_close(&p, true);
	holds("sub/_._x", "1");
	/* Not twice. */
	fails("sub/", "../x", true, PG_E_CONFLICT);
	assert_int_equal(begin("sub/", "y", true), 0);
	assert_string_equal(p.path, "sub/y");
	/* Somebody has been quicker. */
	make("sub/y", "theirs");
	assert_int_equal(pg_partial_place(&p, &e), -1);
	pg_partial_close(&p, true);
	holds("sub/y", "theirs");
	assert_int_equal(begin(NULL, "z", true), 0);
	assert_string_equal(p.path, "z");
	pg_partial_close(&p, true);
	/* Nothing had come. */
	assert_false(there(".z" PART));
}

static void
what_is_no_file_is_not_replaced(void **state)
{
	(void)state;
	assert_int_equal(symlink("f", "link"), 0);
	fails("link", "x", true, PG_E_USAGE);
	assert_int_equal(mkfifo("pipe", 0600), 0);
	fails("pipe", "x", true, PG_E_USAGE);
	fails("/dev/null", "x", true, PG_E_USAGE);
	fails("nosuch/", "x", true, PG_E_USAGE);
	fails("", "x", true, PG_E_USAGE);
	fails("nosuch/f", "x", true, PG_E_SYS);
}

static void
what_has_come_is_kept_and_found_again(void **state)
{
	(void)state;
	assert_int_equal(begin("k", "x", true), 0);
	assert_int_equal(p.n, 0);
	put("half");
	pg_partial_close(&p, true);
	holds(".k" PART, "half");
	assert_int_equal(begin("k", "x", true), 0);
	assert_int_equal(p.n, 4);
	/* Whoever does not ask for it has one of his own. */
	pg_partial_close(&p, true);
	assert_int_equal(begin("k", "x", false), 0);
	assert_int_equal(p.n, 0);
	assert_string_not_equal(p.part, ".k" PART);
	put("mine");
	pg_partial_close(&p, false);
	assert_int_equal(begin("k", "x", true), 0);
	assert_int_equal(pg_partial_cut(&p, &e), 0);
	assert_int_equal(p.n, 0);
	pg_partial_close(&p, true);
	assert_false(there(".k" PART));
	assert_int_equal(system("test -z \"$(ls -A | grep '[.]k')\""), 0);
}

static void
what_is_not_ours_is_left_alone(void **state)
{
	struct pg_partial first;

	(void)state;
	make("victim", "safe");
	assert_int_equal(symlink("victim", ".l" PART), 0);
	fails("l", "x", true, PG_E_SYS);
	assert_int_equal(link("victim", ".h" PART), 0);
	fails("h", "x", true, PG_E_CONFLICT);
	assert_int_equal(mkfifo(".p" PART, 0600), 0);
	fails("p", "x", true, PG_E_CONFLICT);
	holds("victim", "safe");
	/* Two at a time. */
	assert_int_equal(begin("two", "x", true), 0);
	put("first");
	first = p;
	fails("two", "x", true, PG_E_CONFLICT);
	assert_int_equal(pg_partial_place(&first, &e), 0);
	assert_int_equal(begin("two", "x", true), 0);
	assert_int_equal(p.n, 0);
	pg_partial_close(&p, true);
	pg_partial_close(&first, true);
	holds("two", "first");
}

static void
an_open_file_is_cut(void **state)
{
	int fd;

	(void)state;
	make("o", "old bytes");
	fd = open("o", O_RDWR);
	assert_int_equal(pg_partial_open_fd(&p, fd, &e), 0);
	put("new");
	assert_int_equal(pg_partial_place(&p, &e), 0);
	pg_partial_close(&p, false);
	holds("o", "new");
	close(fd);
	assert_int_equal(pg_partial_open_fd(&p, 12345, &e), -1);
	fd = open("o", O_RDONLY);
	assert_int_equal(pg_partial_open_fd(&p, fd, &e), -1);
	close(fd);
}

/* A name as long as may be leaves room for what is put around it. */
static void
long_names_fit(void **state)
{
	char name[256];

	(void)state;
	memset(name, 'n', 255);
	name[255] = '\0';
	assert_int_equal(begin(name, "x", true), 0);
	put("1");
	assert_int_equal(pg_partial_place(&p, &e), 0);
	pg_partial_close(&p, true);
	holds(name, "1");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_made_safe),
		cmocka_unit_test(a_named_file_is_replaced_at_the_end),
		cmocka_unit_test(a_folder_gets_a_new_file),
		cmocka_unit_test(what_is_no_file_is_not_replaced),
		cmocka_unit_test(what_has_come_is_kept_and_found_again),
		cmocka_unit_test(what_is_not_ours_is_left_alone),
		cmocka_unit_test(an_open_file_is_cut),
		cmocka_unit_test(long_names_fit),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
