/* checkpoint: an agent's present state, taken from its process when the last
 * one seen is stale, and written to the store.
 */
#ifndef PG_CHECKPOINT_H
#define PG_CHECKPOINT_H

#include "durable.h"

/* Write a's record as active with its present state. Never by more than one
 * snapshot; at once and without one when the durability asks for none. */
PG_FN void pg_checkpoint(struct pg_agent *a, pg_durable_done *done,
    void *arg);
/* Install host->checkpoint_message: PG_DURABILITY_MESSAGE. */
PG_FN void pg_checkpoint_init(struct pg_host *h);

#endif
