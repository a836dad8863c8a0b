/* stored: what paglets ask of the files they keep on this host: their work
 * folder, and the managed storage of their class. The host does all of it, on
 * workers, so that a paglet needs no way to the disk of its own.
 *
 * Calls for one class are answered one after the other, in the order in which
 * they came: what one has written the next one reads.
 */
#ifndef PG_STORED_H
#define PG_STORED_H

#include "core.h"

/* Workers that storage may have at a time; the others are for the log. */
#define PG_STORED_WORKERS 2
/* Bytes of the answer to a list, in memory, before it is encoded. */
#define PG_STORED_LIST_MAX ((size_t)64 << 20)

/* host->stored, once the store is open and locked; NULL with e when
 * DIR/storage can not be made. */
PG_FN struct pg_stored *pg_stored_new(struct pg_host *h, struct pg_err *e);
/* After pg_work_free: answers nobody. NULL is fine. */
PG_FN void pg_stored_free(struct pg_stored *s);

/* A call of a's handler, answered now or later. false: op is none of those
 * that frame.h has from work_folder to storage_status. */
PG_FN bool pg_stored_call(struct pg_agent *a, uint32_t id, struct pg_str op,
    const struct pg_value *args);

#endif
