/* journal: the lines of the store's log and the files they stand in.
 *
 * A line is `CRC LENGTH JSON`. Since no text holds a newline, a reader finds
 * its place again behind any damage; the checksum tells damage from text. A
 * text that is right ends where its length says, so that a damaged newline
 * does not take the line behind it along. A line at the end of a file with
 * nothing behind it was not finished.
 */
#include "journal.h"
#include "../codec/json.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#define JOURNAL_READ ((size_t)256 << 10) /* bytes of one read(2) */
#define JOURNAL_STAMP_MEMORY ((size_t)64 << 10)

/* ---- Lines ---- */

PG_FN uint32_t
pg_crc32(struct pg_str bytes)
{
	/* The remainders of all four-bit values, reflected polynomial. */
	static const uint32_t table[16] = { 0x00000000, 0x1db71064,
		0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158,
		0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
		0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c };
	uint32_t c = 0xffffffff;
	size_t i;

	for (i = 0; i < bytes.n; i++) {
		c ^= (uint8_t)bytes.p[i];
		c = (c >> 4) ^ table[c & 15];
		c = (c >> 4) ^ table[c & 15];
	}
	return ~c;
}

PG_FN void
pg_journal_line(struct pg_buf *b, struct pg_str json)
{
	pg_buf_printf(b, "%08x %zu ", (unsigned)pg_crc32(json), json.n);
	pg_buf_puts(b, json);
	pg_buf_putc(b, '\n');
}

PG_FN void
pg_journal_stamp(struct pg_buf *b, unsigned n, bool base)
{
	char text[80];
	int len = snprintf(text, sizeof(text),
	    "{\"paglets_log\": %d, \"file\": %u%s}", PG_JOURNAL_VERSION, n,
	    base ? ", \"base\": true" : "");

	pg_journal_line(b, (struct pg_str){ text, (size_t)len });
}

/* The stamp v of file n. */
static int
journal_check_stamp(const struct pg_value *v, unsigned n, struct pg_err *e)
{
	int64_t version = 0, file = 0;

	if (pg_field_int_opt(v, "paglets_log", &version, NULL) < 0 ||
	    pg_field_int_opt(v, "file", &file, NULL) < 0 || version < 1)
		return pg_fail(e, PG_E_HOST, "does not begin with a stamp of "
		    "ours");
	if (version > PG_JOURNAL_VERSION)
		return pg_fail(e, PG_E_HOST, "was written by a newer paglets "
		    "(log version %" PRId64 ", this one reads %d)", version,
		    PG_JOURNAL_VERSION);
	if (file != n)
		return pg_fail(e, PG_E_HOST, "says that it is file %" PRId64,
		    file);
	return 0;
}

PG_FN int
pg_journal_check_stamp(struct pg_str json, unsigned n, bool *base,
    struct pg_err *e)
{
	struct pg_value *v = NULL;
	struct pg_arena a;
	int rc;

	*base = false;
	pg_arena_init(&a, JOURNAL_STAMP_MEMORY);
	/* What does not read is no stamp either. */
	(void)pg_json_read(json, &a, &v, NULL);
	rc = journal_check_stamp(v, n, e);
	if (rc == 0 && pg_field_bool_opt(v, "base", base, NULL) < 0)
		rc = pg_fail(e, PG_E_HOST, "has a stamp that makes no sense");
	pg_arena_fini(&a);
	return rc;
}

/* The value of a hex digit, or -1. */
static int
journal_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Bytes of the line that s begins with, without what ends it, and its text; 0:
 * it begins with none, or with a part of one. */
static size_t
journal_check(struct pg_str s, struct pg_str *json)
{
	struct pg_str text;
	uint32_t crc = 0;
	size_t i, n = 0;

	if (s.n < 11 || s.p[8] != ' ')
		return 0;
	for (i = 0; i < 8; i++) {
		if (journal_digit(s.p[i]) < 0)
			return 0;
		crc = crc << 4 | (uint32_t)journal_digit(s.p[i]);
	}
	for (i = 9; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++)
		n = n > PG_JOURNAL_LINE_MAX ? n :
		    n * 10 + (size_t)(s.p[i] - '0');
	if (i == 9 || i == s.n || s.p[i] != ' ' || n > PG_JOURNAL_LINE_MAX ||
	    n > s.n - i - 1)
		return 0;
	text = (struct pg_str){ s.p + i + 1, n };
	if (pg_crc32(text) != crc)
		return 0;
	*json = text;
	return i + 1 + n;
}

PG_FN enum pg_journal_next
pg_journal_next(struct pg_str *rest, struct pg_str *json)
{
	const char *end;
	struct pg_str line;
	size_t n;

	if (rest->n == 0)
		return PG_JOURNAL_END;
	n = journal_check(*rest, json);
	if (n > 0 && n < rest->n) {
		/* If it is no newline, that is all that is wrong. */
		*rest = pg_str_skip(*rest, n + 1);
		return PG_JOURNAL_LINE;
	}
	/* JSON of ours holds no raw newline. */
	end = memchr(rest->p, '\n', rest->n);
	if (end == NULL) {
		*json = *rest;
		*rest = PG_STR_NULL;
		return PG_JOURNAL_TORN;
	}
	line = (struct pg_str){ rest->p, (size_t)(end - rest->p) };
	*rest = pg_str_skip(*rest, line.n + 1);
	*json = line;
	return PG_JOURNAL_BAD;
}

/* ---- Files ---- */

PG_FN int
pg_journal_pwrite(int fd, struct pg_str bytes, uint64_t at)
{
	ssize_t n;

	while (bytes.n > 0) {
		n = pwrite(fd, bytes.p, bytes.n, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		bytes = pg_str_skip(bytes, (size_t)n);
		at += (uint64_t)n;
	}
	return 0;
}

PG_FN int
pg_journal_pread(int fd, char *to, size_t n, uint64_t at)
{
	ssize_t got;

	while (n > 0) {
		got = pread(fd, to, n, (off_t)at);
		if (got < 0 && errno == EINTR)
			continue;
		if (got == 0)
			errno = EIO;
		if (got <= 0)
			return -1;
		to += got;
		n -= (size_t)got;
		at += (uint64_t)got;
	}
	return 0;
}

/* Have more bytes behind those not yet taken. */
static int
journal_fill(struct pg_journal_reader *r, struct pg_err *e)
{
	char *to;
	ssize_t n;

	pg_buf_drop(&r->buf, r->taken);
	r->taken = 0;
	to = pg_buf_room(&r->buf, JOURNAL_READ);
	if (to == NULL)
		return pg_fail(e, PG_E_NOMEM, "no memory to read it");
	do
		n = read(r->fd, to, JOURNAL_READ);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return pg_fail_sys(e, "read");
	r->buf.n += (size_t)n;
	r->ended = n == 0;
	return 0;
}

PG_FN int
pg_journal_read(struct pg_journal_reader *r, struct pg_journal_read *out,
    struct pg_err *e)
{
	struct pg_str rest, all;

	for (;;) {
		rest = pg_str_skip(pg_buf_str(&r->buf), r->taken);
		if (r->ended || (rest.n > 0 &&
		    memchr(rest.p, '\n', rest.n) != NULL) ||
		    rest.n > PG_JOURNAL_LINE_MAX + PG_JOURNAL_HEAD_MAX)
			break;
		if (journal_fill(r, e) < 0)
			return -1;
	}
	all = rest;
	out->what = pg_journal_next(&rest, &out->json);
	/* Torn is only what the file ends with. */
	if (out->what == PG_JOURNAL_TORN && !r->ended)
		out->what = PG_JOURNAL_BAD;
	out->at = r->at;
	out->line = (struct pg_str){ all.p, all.n - rest.n };
	r->taken += out->line.n;
	r->at += out->line.n;
	return 0;
}

PG_FN void
pg_journal_reader_fini(struct pg_journal_reader *r)
{
	pg_buf_fini(&r->buf);
}

PG_FN void
pg_journal_name(unsigned n, char out[PG_JOURNAL_NAME])
{
	snprintf(out, PG_JOURNAL_NAME, "%04u", n);
}

/* The number a file name stands for; 0: it is no log file. */
static unsigned
journal_number(const char *name)
{
	char again[PG_JOURNAL_NAME];
	unsigned long n;
	char *end;

	if (name[0] < '0' || name[0] > '9')
		return 0;
	n = strtoul(name, &end, 10);
	if (*end != '\0' || n > UINT_MAX / 2)
		return 0;
	pg_journal_name((unsigned)n, again);
	return strcmp(name, again) == 0 ? (unsigned)n : 0;
}

static int
journal_compare(const void *a, const void *b)
{
	const unsigned *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

PG_FN int
pg_journal_files(int dirfd, unsigned out[PG_JOURNAL_FILES_MAX],
    struct pg_err *e)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *d;
	unsigned number;
	int n = 0;

	if (dir == NULL) {
		pg_fail_sys(e, "read the log folder");
		if (fd >= 0)
			close(fd);
		return -1;
	}
	while (n >= 0 && (d = readdir(dir)) != NULL) {
		number = journal_number(d->d_name);
		if (number > 0 && n < PG_JOURNAL_FILES_MAX)
			out[n++] = number;
		else if (number > 0)
			n = pg_fail(e, PG_E_LIMIT, "more than %d log files",
			    PG_JOURNAL_FILES_MAX);
	}
	closedir(dir);
	if (n > 0)
		qsort(out, (size_t)n, sizeof(out[0]), journal_compare);
	return n;
}

#undef JOURNAL_READ
#undef JOURNAL_STAMP_MEMORY
