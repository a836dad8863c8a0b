/* inbound: one delivery of a hub, done here: from its record to the text of its
 * ack. Knows neither polls nor hubs; node does.
 */
#ifndef PG_INBOUND_H
#define PG_INBOUND_H

#include "core.h"

struct pg_inbound;

/* The ack, as JSON: {"ok": true, ...} or {"ok": false, "error_type", "error"};
 * taken or left; empty: the host ends. Once; the delivery is gone. */
typedef void pg_inbound_done(void *arg, struct pg_buf *ack);

/* Do what the record {delivery_id, kind, payload} says, whose kind is none of
 * artifact-*; borrowed for the call. done may be called before this returns. */
PG_FN void pg_inbound_start(struct pg_host *h, const struct pg_value *delivery,
    pg_inbound_done *done, void *arg);
/* {"ok": false, ...} */
PG_FN void pg_inbound_put_error(struct pg_buf *out, const struct pg_err *e);

#endif
