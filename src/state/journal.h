/* journal: the lines of the store's log: framing, checksums, and the files
 * they stand in. Knows nothing of what the lines say, but for the stamp that
 * begins each file.
 */
#ifndef PG_JOURNAL_H
#define PG_JOURNAL_H

#include "../base/buf.h"
#include "../codec/value.h"

#define PG_JOURNAL_VERSION 1
#define PG_JOURNAL_LINE_MAX ((size_t)4 << 20) /* bytes of a line's text */
#define PG_JOURNAL_HEAD_MAX 32                /* what stands before it */
#define PG_JOURNAL_FILES_MAX 1000

/* CRC-32 (IEEE 802.3). */
PG_FN uint32_t pg_crc32(struct pg_str bytes);

/* Append the line for a JSON text: `CRC LENGTH JSON\n`. The text holds no
 * newline. */
PG_FN void pg_journal_line(struct pg_buf *b, struct pg_str json);
/* Append the stamp that begins file number n. base: the file stands for all
 * that went before it; a replay forgets what it has read so far. */
PG_FN void pg_journal_stamp(struct pg_buf *b, unsigned n, bool base);
/* Whether json is the stamp of file n and one that we can read; sets *base. */
PG_FN int pg_journal_check_stamp(struct pg_str json, unsigned n, bool *base,
    struct pg_err *e);

enum pg_journal_next {
	PG_JOURNAL_LINE, /* *json is a correct line's text; any byte ends it */
	PG_JOURNAL_BAD,  /* a line that is whole but wrong: *json is the line */
	PG_JOURNAL_TORN, /* the rest is no whole line */
	PG_JOURNAL_END
};

/* Take the next line off *rest. */
PG_FN enum pg_journal_next pg_journal_next(struct pg_str *rest,
    struct pg_str *json);

/* A walk over the lines of a file, in bounded memory however large it is.
 * Zero but for fd is one at the start. Owner: whoever embeds it; fd is
 * borrowed. */
struct pg_journal_reader {
	int fd;
	struct pg_buf buf; /* bytes read; the first `taken` are done with */
	size_t taken;
	uint64_t at; /* where in the file that is */
	bool ended;
};

struct pg_journal_read {
	enum pg_journal_next what;
	uint64_t at;        /* where the line begins */
	struct pg_str line; /* as it stands there, with its newline if any */
	struct pg_str json; /* LINE: its text */
};

/* The next line; *out borrows until the next call. A line over
 * PG_JOURNAL_LINE_MAX comes as several that are BAD. */
PG_FN int pg_journal_read(struct pg_journal_reader *r,
    struct pg_journal_read *out, struct pg_err *e);
PG_FN void pg_journal_reader_fini(struct pg_journal_reader *r);

/* Numbers of the log files in the folder, ascending. Count, or -1; PG_E_LIMIT:
 * there are more than PG_JOURNAL_FILES_MAX. */
PG_FN int pg_journal_files(int dirfd, unsigned out[PG_JOURNAL_FILES_MAX],
    struct pg_err *e);
/* "NNNN": at least four digits. */
#define PG_JOURNAL_NAME 16
PG_FN void pg_journal_name(unsigned n, char out[PG_JOURNAL_NAME]);

/* pwrite(2), pread(2) until done. 0, or -1 with errno; a file that ends too
 * early is EIO. */
PG_FN int pg_journal_pwrite(int fd, struct pg_str bytes, uint64_t at);
PG_FN int pg_journal_pread(int fd, char *to, size_t n, uint64_t at);

#endif
