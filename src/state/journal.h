/* journal: the lines of the store's log: framing, checksums, and the files
 * they stand in. Knows nothing of keys being live or dead.
 */
#ifndef PG_JOURNAL_H
#define PG_JOURNAL_H

#include "../codec/value.h"
#include "../base/buf.h"

#define PG_JOURNAL_VERSION 1
#define PG_JOURNAL_LINE_MAX ((size_t)4 << 20) /* bytes of one line */
#define PG_JOURNAL_FILES_MAX 1000

/* CRC-32 (IEEE 802.3). */
PG_FN uint32_t pg_crc32(struct pg_str bytes);

/* Append the line for a JSON text: `CRC LENGTH JSON\n`. */
PG_FN void pg_journal_line(struct pg_buf *b, struct pg_str json);
/* Append the stamp that begins file number n. */
PG_FN void pg_journal_stamp(struct pg_buf *b, unsigned n);

enum pg_journal_next {
	PG_JOURNAL_LINE, /* *json is a whole, correct line's text */
	PG_JOURNAL_BAD,  /* a line that is whole but wrong: *json is the line */
	PG_JOURNAL_TORN, /* the rest is no whole line */
	PG_JOURNAL_END
};

/* Take the next line off *rest. */
PG_FN enum pg_journal_next pg_journal_next(struct pg_str *rest,
    struct pg_str *json);

/* Numbers of the log files in the folder, ascending; at most
 * PG_JOURNAL_FILES_MAX. Count, or -1. */
PG_FN int pg_journal_files(int dirfd, unsigned out[PG_JOURNAL_FILES_MAX],
    struct pg_err *e);
/* "NNNN": at least four digits. */
#define PG_JOURNAL_NAME 16
PG_FN void pg_journal_name(unsigned n, char out[PG_JOURNAL_NAME]);

#endif
