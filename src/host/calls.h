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
/* A property from before the last start. */
PG_FN int pg_calls_restore_property(struct pg_host *h, struct pg_str name,
    const struct pg_value *value, struct pg_err *e);
PG_FN void pg_calls_fini(struct pg_host *h);

#endif
