/* file: whole files, durable replacement, and bulk bytes: memory that is
 * either on the heap or in a memfd that can be passed to another process and
 * sent with sendfile.
 */
#ifndef PG_FILE_H
#define PG_FILE_H

#include "../base/buf.h"

/* Bytes that stay on the heap; more go to a memfd. */
#define PG_BULK_HEAP_MAX (64 * 1024)

/* Append the whole file at path to b. PG_E_LIMIT over b->max, PG_E_NOMEM,
 * PG_E_SYS; b then holds what it held before. */
PG_FN int pg_file_read(const char *path, struct pg_buf *b, struct pg_err *e);
/* Replace the file at path as one step that survives a crash: temporary in
 * the same folder, fsync, rename, fsync of the folder. mode as open(2). */
PG_FN int pg_file_write(const char *path, struct pg_str bytes, unsigned mode,
    struct pg_err *e);
struct pg_bulk;
/* The same with n bytes of a bulk from off on, which need not be mapped into
 * memory for that. */
PG_FN int pg_file_write_bulk(const char *path, const struct pg_bulk *b,
    size_t off, size_t n, unsigned mode, struct pg_err *e);
/* write(2) to an open file until all is written. -1 with errno. */
PG_FN int pg_file_write_all(int fd, struct pg_str bytes);
/* mkdir -p, mode 0700 for what it makes. */
PG_FN int pg_file_mkdirs(const char *path, struct pg_err *e);

/* Immutable bytes with a reference count (one loop thread, or handed over).
 * fd is -1 for bytes on the heap, else a memfd that is sealed against change
 * and mapped at p. */
struct pg_bulk {
	unsigned refs;
	int fd;
	const char *p;
	size_t n;
	size_t map_n;  /* bytes mapped, for munmap; 0: heap */
	char *heap;
};

/* Copy bytes; over PG_BULK_HEAP_MAX into a memfd. NULL with e on failure. */
PG_FN struct pg_bulk *pg_bulk_copy(struct pg_str bytes, struct pg_err *e);
/* Takes fd always. Refuses (PG_E_HOST) what is no memfd sealed against
 * writing, shrinking and growing, (PG_E_LIMIT) what is over max, before it
 * maps anything. */
PG_FN struct pg_bulk *pg_bulk_open(int fd, size_t max, struct pg_err *e);
PG_FN struct pg_bulk *pg_bulk_ref(struct pg_bulk *b);
PG_FN void pg_bulk_unref(struct pg_bulk *b); /* NULL is fine */
static inline struct pg_str
pg_bulk_str(const struct pg_bulk *b)
{
	return (struct pg_str){ b != NULL ? b->p : NULL, b != NULL ? b->n : 0 };
}

/* Bytes that are still arriving: a heap buffer that turns into a memfd. Zero
 * except max is a valid empty one. Owner: whoever embeds it. */
struct pg_spool {
	struct pg_buf buf; /* what is not yet in the memfd */
	int fd_plus1;      /* memfd + 1; 0: none so far */
	size_t n;          /* bytes so far, everywhere */
	size_t max;        /* 0 = none */
};

/* PG_E_LIMIT over max, which changes nothing; PG_E_NOMEM, PG_E_SYS, after
 * which the spool takes no more and does not finish. */
PG_FN int pg_spool_put(struct pg_spool *s, struct pg_str bytes,
    struct pg_err *e);
/* The same with n bytes that lie in a pipe. They are in the memfd afterwards,
 * and have not been copied on the way. On failure some are left in the pipe. */
PG_FN int pg_spool_put_pipe(struct pg_spool *s, int pipe, size_t n,
    struct pg_err *e);
/* The same with the next n bytes of a file; PG_E_HOST if it ends before. */
PG_FN int pg_spool_put_file(struct pg_spool *s, int file, size_t n,
    struct pg_err *e);
/* For struct pg_out: arg is the spool. */
PG_FN int pg_spool_spill(void *arg, struct pg_str bytes, struct pg_err *e);
/* Everything so far as bulk, NULL with e on failure; the spool is empty
 * afterwards in either case. */
PG_FN struct pg_bulk *pg_spool_finish(struct pg_spool *s, struct pg_err *e);
PG_FN void pg_spool_fini(struct pg_spool *s);

#endif
