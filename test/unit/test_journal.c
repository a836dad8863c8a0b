/* test_journal: shows that a line of the log is told from damage wherever it
 * is cut or flipped, that files are found and read in order and in pieces,
 * and that the limits are where they are said to be.
 */
/* parts: base/err base/mem base/buf base/map codec/float codec/value codec/json state/journal */
#include "state/journal.h"

#include <fcntl.h>
#include <setjmp.h>
#include <unistd.h>

#include <cmocka.h>

/* A folder of our own, removed with what is in it. */
static char folder[64];
static int dirfd_;

static int
setup(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/test_journal.XXXXXX");
	if (mkdtemp(folder) == NULL)
		return -1;
	dirfd_ = open(folder, O_RDONLY | O_DIRECTORY);
	return dirfd_ < 0 ? -1 : 0;
}

static int
teardown(void **state)
{
	char command[128];

	(void)state;
	close(dirfd_);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

static void
make_file(const char *name, struct pg_str bytes)
{
	int fd = openat(dirfd_, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(pg_journal_pwrite(fd, bytes, 0), 0);
	close(fd);
}

#define assert_text(s, literal)                                      \
	do {                                                         \
		struct pg_str text_ = (s);                           \
		assert_int_equal(text_.n, sizeof(literal) - 1);      \
		assert_memory_equal(text_.p, literal, text_.n);      \
	} while (0)

static void
test_crc(void **state)
{
	(void)state;
	/* The check value of every catalogue of CRCs. */
	assert_int_equal(pg_crc32(PG_STR("123456789")), 0xcbf43926);
	assert_int_equal(pg_crc32(PG_STR_NULL), 0);
}

static void
test_lines(void **state)
{
	struct pg_buf b = PG_BUF_INIT(0);
	struct pg_str rest, json;

	(void)state;
	pg_journal_stamp(&b, 7, false);
	pg_journal_line(&b, PG_STR("{}"));
	pg_journal_stamp(&b, 7, true);
	rest = pg_buf_str(&b);
	assert_int_equal(pg_journal_next(&rest, &json), PG_JOURNAL_LINE);
	assert_text(json, "{\"paglets_log\": 1, \"file\": 7}");
	assert_int_equal(pg_journal_next(&rest, &json), PG_JOURNAL_LINE);
	assert_text(json, "{}");
	assert_int_equal(pg_journal_next(&rest, &json), PG_JOURNAL_LINE);
	assert_text(json, "{\"paglets_log\": 1, \"file\": 7, \"base\": true}");
	assert_int_equal(pg_journal_next(&rest, &json), PG_JOURNAL_END);
	pg_buf_fini(&b);
}

static void
test_not_lines(void **state)
{
	static const char *const bad[] = { "\n", "x\n", "a3a6bf43 2 {\n",
		"a3a6bf43 2 x{}\n", "a3a6bf43 3 {}\n", "a3a6bf43  2 {}\n",
		"A3A6BF43 2 {}\n", "a3a6bf43 02 {\n", "a3a6bf43 2\n",
		"a3a6bf43 -2 {}\n", "a3a6bf42 2 {}\n",
		"a3a6bf43 18446744073709551618 {}\n" };
	struct pg_str rest = PG_STR("a3a6bf43 2 {}\n"), json;
	size_t i;

	(void)state;
	assert_int_equal(pg_journal_next(&rest, &json), PG_JOURNAL_LINE);
	for (i = 0; i < PG_COUNT(bad); i++) {
		rest = pg_str(bad[i]);
		assert_int_equal(pg_journal_next(&rest, &json),
		    PG_JOURNAL_BAD);
		assert_int_equal(rest.n, 0);
	}
}

/* Cut anywhere, it is torn; with any bit changed, it is not this line, but for
 * those of the newline. The line behind it is there in any case. */
static void
test_damage(void **state)
{
	struct pg_buf b = PG_BUF_INIT(0);
	struct pg_str rest, json;
	size_t i, bits, first;

	(void)state;
	pg_journal_line(&b, PG_STR("{\"put\": {\"a\": 12345}}"));
	first = b.n;
	for (i = 0; i < b.n; i++) {
		rest = (struct pg_str){ b.p, i };
		assert_int_equal(pg_journal_next(&rest, &json),
		    i == 0 ? PG_JOURNAL_END : PG_JOURNAL_TORN);
		assert_int_equal(rest.n, 0);
	}
	pg_journal_line(&b, PG_STR("{\"put\": {\"b\": 6}}"));
	for (bits = 0; bits < first * 8; bits++) {
		b.p[bits / 8] = (char)(b.p[bits / 8] ^ 1 << bits % 8);
		rest = pg_buf_str(&b);
		if (bits / 8 < first - 1)
			assert_int_equal(pg_journal_next(&rest, &json),
			    PG_JOURNAL_BAD);
		else
			assert_int_equal(pg_journal_next(&rest, &json),
			    PG_JOURNAL_LINE);
		/* What is left of a line that was cut in two. */
		while (rest.n > 0 && pg_journal_next(&rest, &json) ==
		    PG_JOURNAL_BAD)
			continue;
		assert_text(json, "{\"put\": {\"b\": 6}}");
		assert_int_equal(rest.n, 0);
		b.p[bits / 8] = (char)(b.p[bits / 8] ^ 1 << bits % 8);
	}
	pg_buf_fini(&b);
}

static void
test_stamps(void **state)
{
	static const struct {
		const char *json, *says; /* NULL: fine */
		bool base;
	} t[] = {
		{ "{\"paglets_log\": 1, \"file\": 3}", NULL, false },
		{ "{\"paglets_log\": 1, \"file\": 3, \"base\": true}", NULL,
		    true },
		{ "{\"paglets_log\": 1, \"file\": 3, \"base\": 1}",
		    "makes no sense", false },
		{ "{\"paglets_log\": 2, \"file\": 3}", "newer paglets (log "
		    "version 2, this one reads 1)", false },
		{ "{\"paglets_log\": 1, \"file\": 4}", "it is file 4", false },
		{ "{\"paglets_log\": 0, \"file\": 3}", "stamp", false },
		{ "{\"paglets_log\": \"1\", \"file\": 3}", "stamp", false },
		{ "{\"put\": {\"a\": 1}}", "stamp", false },
		{ "[]", "stamp", false },
		{ "", "stamp", false },
	};
	size_t i;
	bool base;

	(void)state;
	for (i = 0; i < PG_COUNT(t); i++) {
		struct pg_err e = { 0 };
		int rc = pg_journal_check_stamp(pg_str(t[i].json), 3, &base,
		    &e);

		assert_int_equal(rc, t[i].says == NULL ? 0 : -1);
		assert_int_equal(base, t[i].base);
		if (t[i].says != NULL)
			assert_non_null(strstr(e.msg, t[i].says));
	}
}

static void
test_files(void **state)
{
	static const char *const names[] = { "0001", "0010", "0009", "12345",
		"1", "00001", "0000", "0002.tmp", "-001", " 001", "000a",
		"99999999999999999999", "lock" };
	unsigned found[PG_JOURNAL_FILES_MAX];
	struct pg_err e = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < PG_COUNT(names); i++)
		make_file(names[i], PG_STR_NULL);
	assert_int_equal(pg_journal_files(dirfd_, found, &e), 4);
	assert_int_equal(found[0], 1);
	assert_int_equal(found[1], 9);
	assert_int_equal(found[2], 10);
	assert_int_equal(found[3], 12345);
}

static void
test_files_limit(void **state)
{
	unsigned found[PG_JOURNAL_FILES_MAX], i;
	char name[PG_JOURNAL_NAME];
	struct pg_err e = { 0 };

	(void)state;
	for (i = 1; i <= PG_JOURNAL_FILES_MAX; i++) {
		pg_journal_name(i, name);
		make_file(name, PG_STR_NULL);
	}
	assert_int_equal(pg_journal_files(dirfd_, found, &e),
	    PG_JOURNAL_FILES_MAX);
	assert_int_equal(found[PG_JOURNAL_FILES_MAX - 1],
	    PG_JOURNAL_FILES_MAX);
	pg_journal_name(i, name);
	make_file(name, PG_STR_NULL);
	assert_int_equal(pg_journal_files(dirfd_, found, &e), -1);
	assert_int_equal(e.code, PG_E_LIMIT);
}

/* The reader's answer for the next line of file 1. */
static struct pg_journal_read
next_of(struct pg_journal_reader *r)
{
	struct pg_journal_read l = { 0 };
	struct pg_err e = { 0 };

	assert_int_equal(pg_journal_read(r, &l, &e), 0);
	return l;
}

static struct pg_journal_reader
reader_of(struct pg_str bytes)
{
	struct pg_journal_reader r = { .taken = 0 };

	make_file("0001", bytes);
	r.fd = openat(dirfd_, "0001", O_RDONLY);
	assert_true(r.fd >= 0);
	return r;
}

static void
reader_end(struct pg_journal_reader *r)
{
	close(r->fd);
	pg_journal_reader_fini(r);
}

/* Lines of many lengths, over the seams of the reader's pieces. */
static void
test_reader(void **state)
{
	struct pg_buf b = PG_BUF_INIT(0), text = PG_BUF_INIT(0);
	struct pg_journal_reader r;
	struct pg_journal_read l;
	uint64_t at = 0;
	size_t i, n;

	(void)state;
	for (i = 0; i < 300; i++) {
		pg_buf_reset(&text);
		for (n = 0; n < i * 17; n++)
			pg_buf_putc(&text, (char)('a' + i % 26));
		pg_journal_line(&b, pg_buf_str(&text));
		pg_buf_putz(&b, "damaged\n");
	}
	pg_buf_putz(&b, "torn");
	r = reader_of(pg_buf_str(&b));
	for (i = 0; i < 300; i++) {
		l = next_of(&r);
		assert_int_equal(l.what, PG_JOURNAL_LINE);
		assert_int_equal(l.json.n, i * 17);
		assert_int_equal(l.at, at);
		assert_memory_equal(l.line.p, b.p + at, l.line.n);
		at += l.line.n;
		l = next_of(&r);
		assert_int_equal(l.what, PG_JOURNAL_BAD);
		assert_text(l.line, "damaged\n");
		at += l.line.n;
	}
	l = next_of(&r);
	assert_int_equal(l.what, PG_JOURNAL_TORN);
	assert_int_equal(l.at, at);
	assert_text(l.line, "torn");
	assert_int_equal(next_of(&r).what, PG_JOURNAL_END);
	reader_end(&r);
	pg_buf_fini(&b);
	pg_buf_fini(&text);
}

/* A line at the limit is one; over it, it is damage, and what follows is
 * found again. */
static void
test_line_limit(void **state)
{
	struct pg_buf b = PG_BUF_INIT(0);
	char *text = malloc(PG_JOURNAL_LINE_MAX * 3);
	struct pg_journal_reader r;
	struct pg_journal_read l;
	size_t bad = 0;

	(void)state;
	memset(text, 'x', PG_JOURNAL_LINE_MAX * 3);
	pg_journal_line(&b, (struct pg_str){ text, PG_JOURNAL_LINE_MAX - 1 });
	pg_journal_line(&b, (struct pg_str){ text, PG_JOURNAL_LINE_MAX });
	pg_journal_line(&b, (struct pg_str){ text, PG_JOURNAL_LINE_MAX + 1 });
	pg_journal_line(&b, (struct pg_str){ text, PG_JOURNAL_LINE_MAX * 3 });
	pg_journal_line(&b, PG_STR("{}"));
	r = reader_of(pg_buf_str(&b));
	assert_int_equal(next_of(&r).what, PG_JOURNAL_LINE);
	assert_int_equal(next_of(&r).what, PG_JOURNAL_LINE);
	while ((l = next_of(&r)).what == PG_JOURNAL_BAD)
		bad += l.line.n;
	assert_true(bad > PG_JOURNAL_LINE_MAX * 4);
	assert_int_equal(l.what, PG_JOURNAL_LINE);
	assert_text(l.json, "{}");
	assert_int_equal(next_of(&r).what, PG_JOURNAL_END);
	assert_true(r.buf.cap < PG_JOURNAL_LINE_MAX * 2 + (1 << 20));
	reader_end(&r);
	pg_buf_fini(&b);
	free(text);
}

/* Memory may run out at any point: an error, and no leak. */
static void
test_reader_memory(void **state)
{
	struct pg_journal_reader r;
	struct pg_journal_read l;
	struct pg_err e = { 0 };

	(void)state;
	r = reader_of(PG_STR("a3a6bf43 2 {}\n"));
	pg_mem_fail_after(1);
	assert_int_equal(pg_journal_read(&r, &l, &e), -1);
	pg_mem_fail_after(0);
	assert_int_equal(e.code, PG_E_NOMEM);
	reader_end(&r);
}

static void
test_short_file(void **state)
{
	struct pg_journal_reader r = reader_of(PG_STR("abc"));
	char c[4];

	(void)state;
	assert_int_equal(pg_journal_pread(r.fd, c, 2, 1), 0);
	assert_memory_equal(c, "bc", 2);
	assert_int_equal(pg_journal_pread(r.fd, c, 3, 1), -1);
	assert_int_equal(errno, EIO);
	reader_end(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_crc),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_not_lines),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_stamps),
		cmocka_unit_test_setup_teardown(test_files, setup, teardown),
		cmocka_unit_test_setup_teardown(test_files_limit, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_reader, setup, teardown),
		cmocka_unit_test_setup_teardown(test_line_limit, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_reader_memory, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_short_file, setup,
		    teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
