/* calls: what handlers ask of their host (the CALL frames of agent/frame.h):
 * moves, messages to other paglets, creations, hosts, properties.
 */
#ifndef PG_CALLS_H
#define PG_CALLS_H

#include "core.h"

/* Synchronous sends of a handler, when neither it nor its caller says. */
#define PG_CALLS_SEND_TIME (10 * PG_SEC)

/* Install host->on_call. */
PG_FN void pg_calls_init(struct pg_host *h);
PG_FN void pg_calls_fini(struct pg_host *h);

#endif
