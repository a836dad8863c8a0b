/* recover: a host comes back with what its store holds; a paglet comes back
 * after a crash, if it wants to.
 */
#ifndef PG_RECOVER_H
#define PG_RECOVER_H

#include "durable.h"

/* Agents started per turn of the loop after a start of the host. */
#define PG_RECOVER_BATCH 16

/* Put on the tables what the store holds: agents as they were, notes,
 * transfers, properties. Before the host listens. Also installs
 * host->crashed. */
PG_FN int pg_recover_load(struct pg_host *h, struct pg_err *e);
/* Begin to wake what is to be active, and to settle what was leaving. */
PG_FN void pg_recover_resume(struct pg_host *h);

#endif
