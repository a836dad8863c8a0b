/* sweep: what is to vanish from a folder, whatever it is. It is renamed first,
 * which is one step, and taken apart by a worker later on: what then comes
 * under the old name is not touched.
 *
 * Others may have filled it: trees of any depth, names of any bytes, folders
 * that may not be read, links that lead outside. Nothing is followed, and
 * however deep or wide it is, memory and descriptors are few: a folder within
 * a folder is renamed to the top before it is emptied.
 */
#ifndef PG_SWEEP_H
#define PG_SWEEP_H

#include "work.h"

/* Entries removed by one job; other jobs have their turn in between. */
#define PG_SWEEP_SLICE 200
/* What begins so in the folder is on its way out. */
#define PG_SWEEP_PREFIX ".gone-"

struct pg_sweep;

/* Of a folder, which is made if it is not there. Nothing is removed yet. */
PG_FN struct pg_sweep *pg_sweep_new(const char *path, struct pg_work *w,
    struct pg_err *e);
/* After pg_work_free. What is left is swept after the next start. */
PG_FN void pg_sweep_free(struct pg_sweep *s);
/* The folder, open. */
PG_FN int pg_sweep_dir(const struct pg_sweep *s);
/* Whether a name in the folder is one of those on their way out. */
PG_FN bool pg_sweep_is_out(const char *name);

/* Take `name` in the open folder dir (on the same file system) out of sight.
 * 0; 1: there is no such thing; -1. On any thread. */
PG_FN int pg_sweep_aside(struct pg_sweep *s, int dir, const char *name,
    struct pg_err *e);
/* Remove all that is out of sight, from now on. On the loop thread. */
PG_FN void pg_sweep_start(struct pg_sweep *s);
/* Whether that goes on. */
PG_FN_TEST bool pg_sweep_busy(const struct pg_sweep *s);

#endif
