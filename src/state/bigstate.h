/* bigstate: states too large for the log, each in a file of its own, written
 * by workers. Knows nothing of who names them.
 */
#ifndef PG_BIGSTATE_H
#define PG_BIGSTATE_H

#include "../os/file.h"
#include "../os/work.h"

#define PG_BIGSTATE_NAME_MAX 200 /* bytes of a name */

struct pg_bigstate;

/* Owner: whoever embeds it. */
struct pg_bigstates {
	char *dir; /* the folder; owned */
	int fd;    /* the same, open; -1: only for reading */
	struct pg_work *work;
	struct pg_bigstate *jobs; /* being written */
};

/* Open the folder, making it; temporaries of a crash are removed. Takes dir
 * also on failure. */
PG_FN int pg_bigstates_open(struct pg_bigstates *st, char *dir,
    struct pg_work *w, struct pg_err *e);
/* The workers have ended; nobody is called back. */
PG_FN void pg_bigstates_fini(struct pg_bigstates *st);

/* Write len bytes of b at off as the state `name`, in one step that survives
 * a crash. done is called on the loop, after this has returned; err NULL: it
 * is on disk. Else what was there before is. */
PG_FN int pg_bigstate_write(struct pg_bigstates *st, struct pg_str name,
    struct pg_bulk *b, size_t off, size_t len,
    void (*done)(void *arg, const struct pg_err *err), void *arg,
    struct pg_err *e);
PG_FN struct pg_bulk *pg_bigstate_read(const struct pg_bigstates *st,
    struct pg_str name, struct pg_err *e);
PG_FN void pg_bigstate_remove(struct pg_bigstates *st, struct pg_str name);

/* Remove the files of the folder that `unwanted` picks; best effort beyond
 * opening it. */
PG_FN int pg_bigstate_prune(int folder,
    bool (*unwanted)(void *arg, struct pg_str name), void *arg,
    struct pg_err *e);

#endif
