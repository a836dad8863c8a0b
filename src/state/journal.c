/* journal: see journal.h. */

#include "journal.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

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
pg_journal_stamp(struct pg_buf *b, unsigned n)
{
	char text[64];
	int len = snprintf(text, sizeof(text),
	    "{\"paglets_log\": %d, \"file\": %u}", PG_JOURNAL_VERSION, n);

	pg_journal_line(b, (struct pg_str){ text, (size_t)len });
}

/* The value of a hex digit, or -1. */
static int
journal_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Check one line without its newline. */
static bool
journal_check(struct pg_str line, struct pg_str *json)
{
	uint32_t crc = 0;
	size_t i, n = 0;

	if (line.n < 11 || line.p[8] != ' ')
		return false;
	for (i = 0; i < 8; i++) {
		if (journal_digit(line.p[i]) < 0)
			return false;
		crc = crc << 4 | (uint32_t)journal_digit(line.p[i]);
	}
	for (i = 9; i < line.n && line.p[i] >= '0' && line.p[i] <= '9'; i++)
		n = n > PG_JOURNAL_LINE_MAX ? n :
		    n * 10 + (size_t)(line.p[i] - '0');
	if (i == 9 || i == line.n || line.p[i] != ' ' ||
	    n != line.n - i - 1)
		return false;
	*json = pg_str_skip(line, i + 1);
	return pg_crc32(*json) == crc;
}

PG_FN enum pg_journal_next
pg_journal_next(struct pg_str *rest, struct pg_str *json)
{
	const char *end;
	struct pg_str line;

	if (rest->n == 0)
		return PG_JOURNAL_END;
	/* JSON of ours holds no raw newline. */
	end = memchr(rest->p, '\n', rest->n);
	if (end == NULL) {
		*json = *rest;
		*rest = PG_STR_NULL;
		return PG_JOURNAL_TORN;
	}
	line = (struct pg_str){ rest->p, (size_t)(end - rest->p) };
	*rest = pg_str_skip(*rest, line.n + 1);
	if (journal_check(line, json))
		return PG_JOURNAL_LINE;
	*json = line;
	return PG_JOURNAL_BAD;
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
	int n = 0;

	if (dir == NULL) {
		pg_fail_sys(e, "read the log folder");
		if (fd >= 0)
			close(fd);
		return -1;
	}
	while ((d = readdir(dir)) != NULL && n < PG_JOURNAL_FILES_MAX)
		if (journal_number(d->d_name) > 0)
			out[n++] = journal_number(d->d_name);
	closedir(dir);
	qsort(out, (size_t)n, sizeof(out[0]), journal_compare);
	return n;
}
