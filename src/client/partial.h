/* partial: a file that is being fetched. It lies under a name of its own beside
 * the place where it is to be, and goes there only when it is whole.
 */
#ifndef PG_PARTIAL_H
#define PG_PARTIAL_H

#include "../base/buf.h"

#define PG_PARTIAL_NAME_MAX 200 /* bytes of a name that we choose */
#define PG_PARTIAL_MARK 16      /* of its hash that its name shows */

/* Owner: whoever embeds it. PG_PARTIAL_NONE is a valid one without a file. */
struct pg_partial {
	int fd;
	bool replace; /* what is at path by then makes room for it */
	char *path;   /* where it is to be; NULL: nowhere, fd is all of it */
	char *part;   /* where it is */
	uint64_t n;   /* bytes that were there when it was opened */
};

#define PG_PARTIAL_NONE ((struct pg_partial){ .fd = -1 })

/* A name for a file, made of what a host says: no '/' or '\', nothing that is
 * not printable, no dot or dash in front, not over PG_PARTIAL_NAME_MAX bytes,
 * never empty. */
PG_FN void pg_partial_name(struct pg_str said,
    char out[PG_PARTIAL_NAME_MAX + 1]);

/* For a file at path, or, if that is a folder (NULL: the present one), for one
 * called name within it, which must not be there yet. hash: of the whole, in
 * hex digits, at least PG_PARTIAL_MARK. resume: go on with what an earlier one
 * of the same hash has left. -1 with PG_E_CONFLICT: there is such a file, or
 * somebody is fetching it just now; PG_E_USAGE: path is something else than a
 * file; PG_E_SYS. */
PG_FN int pg_partial_open(struct pg_partial *p, const char *path,
    struct pg_str name, struct pg_str hash, bool resume, struct pg_err *e);
/* Into the file fd of the user, which loses what it holds. */
PG_FN int pg_partial_open_fd(struct pg_partial *p, int fd, struct pg_err *e);
/* Forget all bytes. */
PG_FN int pg_partial_cut(struct pg_partial *p, struct pg_err *e);
/* It is whole: put it where it is to be, as one step that survives a crash;
 * its bytes are on disk already. Blocks. */
PG_FN int pg_partial_place(struct pg_partial *p, struct pg_err *e);
/* Not needed any more. What has not been placed is removed, unless keep and it
 * has any bytes. */
PG_FN void pg_partial_close(struct pg_partial *p, bool keep);

#endif
