/* inbound: one delivery of a hub, done here: from its record to the text of its
 * ack. Knows neither polls nor hubs; node does.
 */
#ifndef PG_INBOUND_H
#define PG_INBOUND_H

#include "../os/file.h"
#include "core.h"

/* A delivery as the request that it would have been by HTTP. Zero is empty;
 * owner: whoever embeds it. */
struct pg_inbound {
	struct pg_arena arena; /* of the next two */
	struct pg_str method, path;
	struct pg_bulk *body; /* JSON; NULL: none */
	bool whole; /* the answer is the result, not what holds it */
};

/* Read the record {delivery_id, kind, payload}, whose kind is none of
 * artifact-*, which is borrowed for the call. Any thread. in is to be freed
 * after a failure as well. */
PG_FN int pg_inbound_read(const struct pg_value *delivery,
    struct pg_inbound *in, struct pg_err *e);
PG_FN void pg_inbound_fini(struct pg_inbound *in);

/* The ack, as JSON: {"ok": true, ...} or {"ok": false, "error_type", "error"};
 * taken or left; empty: the host ends. Called once. */
typedef void pg_inbound_done(void *arg, struct pg_buf *ack);

/* Have it done; in is borrowed for the call. done may be called before this
 * returns. */
PG_FN void pg_inbound_start(struct pg_host *h, const struct pg_inbound *in,
    pg_inbound_done *done, void *arg);
/* {"ok": false, ...} */
PG_FN void pg_inbound_put_error(struct pg_buf *out, const struct pg_err *e);

#endif
