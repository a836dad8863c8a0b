/* ingest: bytes that arrive, into a file: hashed (SHA-256) and written on
 * workers, side by side, while the next are received. All that arrive at the
 * same time share a few buffers, so that memory does not grow with their
 * number; who is slow holds none of them for long while others wait.
 */
#ifndef PG_INGEST_H
#define PG_INGEST_H

#include "../codec/sha256.h"
#include "loop.h"
#include "work.h"

#define PG_INGEST_BUFFER (256 * 1024) /* bytes of one */
#define PG_INGEST_BUFFERS_MAX 16      /* for all of a pool */
#define PG_INGEST_AHEAD 4             /* for one; the one being filled too */
/* Workers that a pool keeps busy, at most: one is left for other things,
 * however slow the disk is. */
#define PG_INGEST_JOBS (PG_WORK_THREADS - 1)
#define PG_INGEST_NAME_MAX 64 /* bytes of a name, with NUL */

struct pg_ingest;
struct pg_ingest_pool;

PG_FN struct pg_ingest_pool *pg_ingest_pool_new(struct pg_loop *l,
    struct pg_work *w, struct pg_err *e);
/* After pg_work_free and before pg_loop_free; frees what is still arriving.
 * NULL is fine. */
PG_FN void pg_ingest_pool_free(struct pg_ingest_pool *p);

/* Into fd, which is taken, from its present position on. on_room is called
 * from the loop, never from within a function below, when _room had none and
 * now has, or has an error to tell. */
PG_FN struct pg_ingest *pg_ingest_new(struct pg_ingest_pool *p, int fd,
    void (*on_room)(void *arg), void *arg);
/* The same into a file that is not there yet: made (mode 0600) under that
 * name in the folder `dir`, on a worker, with the first bytes or at the end.
 * dir is borrowed and stays open as long as the pool lives. */
PG_FN struct pg_ingest *pg_ingest_create(struct pg_ingest_pool *p, int dir,
    const char *name, void (*on_room)(void *arg), void *arg);

/* Where the next bytes go: *n > 0 bytes of memory, which may be written to
 * until the next call of any function here. *n 0: none now, on_room will tell.
 * NULL with e: it has failed. */
PG_FN char *pg_ingest_room(struct pg_ingest *in, size_t *n, struct pg_err *e);
/* n bytes are at the start of the room last given. */
PG_FN void pg_ingest_filled(struct pg_ingest *in, size_t n);
/* It is to fail with this from now on, unless it has done so before. */
PG_FN void pg_ingest_fail(struct pg_ingest *in, const struct pg_err *why);
/* No more will come. done is called once, later: everything is hashed,
 * written and fdatasynced, or err says why not. size counts what has arrived
 * here. May be freed from there. */
PG_FN void pg_ingest_finish(struct pg_ingest *in, void (*done)(void *arg,
    const uint8_t sha[PG_SHA256_SIZE], uint64_t size,
    const struct pg_err *err), void *arg);
/* At any time. Jobs under way end by themselves, there is no callback any
 * more. Then the file is closed on a worker, and what _create has made is
 * removed, unless it has been renamed before. NULL is fine. */
PG_FN void pg_ingest_free(struct pg_ingest *in);

/* The hash of a file from its beginning to its end, and its size. Blocks: for
 * workers. */
PG_FN int pg_file_sha256(int fd, uint8_t out[PG_SHA256_SIZE], uint64_t *size,
    struct pg_err *e);

#endif
