/* checkpoint: an agent's present state, taken from its process when the last
 * one seen is stale, and written to the store.
 */
#ifndef PG_CHECKPOINT_H
#define PG_CHECKPOINT_H

#include "durable.h"

/* Write a's record as active with its present state, taken by a snapshot if
 * need be. Where the durability asks for none, a record that is no longer
 * true is removed instead, but for that of a paglet that came by a move. */
PG_FN void pg_checkpoint(struct pg_agent *a, pg_durable_done *done,
    void *arg);
/* The same for one whose process has just become idle, and at once: until done
 * has been called it handles nothing and nobody else has it in hand. */
PG_FN void pg_checkpoint_first(struct pg_agent *a, pg_durable_done *done,
    void *arg);
/* Install host->checkpoint_message: PG_DURABILITY_MESSAGE. */
PG_FN void pg_checkpoint_init(struct pg_host *h);

#endif
