/* regular: files that belong to others: opened without following a link or
 * waiting for anybody, recognised again, read while they are hashed. Blocking:
 * for workers.
 */
#ifndef PG_REGULAR_H
#define PG_REGULAR_H

#include "../base/buf.h"

#define PG_REGULAR_PIECE (256 * 1024) /* bytes read at a time */

/* What tells one file from another that has come to its name, or from itself
 * after a change. */
struct pg_regular {
	uint64_t dev, ino;
	int64_t size, mtime, ctime; /* bytes; ns since 1970 */
};

/* Open the regular file at path for reading; its last component is no link.
 * A descriptor, or -1 with PG_E_SYS or (it is something else) PG_E_HOST. */
PG_FN int pg_regular_open(const char *path, struct pg_regular *out,
    struct pg_err *e);
PG_FN int pg_regular_stat(int fd, struct pg_regular *out, struct pg_err *e);
/* Still the same file, with the same content as far as its times tell. */
PG_FN bool pg_regular_same(const struct pg_regular *a,
    const struct pg_regular *b);
/* Remove the file at path if it is still that one. false: it is not, or can
 * not be removed. */
PG_FN bool pg_regular_remove(const char *path, const struct pg_regular *was);
/* Read all of fd from its start: into file `to` unless that is -1; sha: of
 * the bytes, which are *size. */
PG_FN int pg_regular_read(int fd, int to, uint8_t sha[32], int64_t *size,
    struct pg_err *e);
/* Copy fd to a new file at path, mode 0600, synced. -1 leaves no file; with
 * e->sys EEXIST there was one. */
PG_FN int pg_regular_copy(int fd, const char *path, uint8_t sha[32],
    int64_t *size, struct pg_err *e);
/* Sync the folder that path lies in. */
PG_FN int pg_regular_sync_folder(const char *path, struct pg_err *e);

#endif
