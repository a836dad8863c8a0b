/* relay: what a hub does for hosts that connect out to it (PROTOCOL section
 * 8), route by route: nodes connect, poll and ack; others reach them under
 * /relay/hosts/NAME.
 */
#ifndef PG_RELAY_H
#define PG_RELAY_H

#include "api.h"

/* The header field with which a node shows its secret when it polls and acks;
 * when it connects it is the field node_secret of the body. */
#define PG_RELAY_SECRET_FIELD "X-Paglets-Node-Secret"

/* Bytes a second at which a node should be able to move artifacts: for every
 * such piece it gets a second more. */
#define PG_RELAY_RATE_MIN ((uint64_t)1 << 20)

PG_FN void pg_relay_connect(struct pg_api *r);     /* relay/connect */
PG_FN void pg_relay_poll(struct pg_api *r);        /* relay/poll/NAME */
PG_FN void pg_relay_ack(struct pg_api *r);         /* relay/ack/ID */
PG_FN void pg_relay_diagnostics(struct pg_api *r); /* relay/diagnostics */
/* relay/hosts/NAME/... */
PG_FN void pg_relay_health(struct pg_api *r);
PG_FN void pg_relay_create(struct pg_api *r);  /* POST agents */
PG_FN void pg_relay_message(struct pg_api *r); /* POST agents/ID/messages */
PG_FN int pg_relay_upload_begin(struct pg_api *r, struct pg_err *e);
PG_FN void pg_relay_upload(struct pg_api *r);   /* POST artifacts */
PG_FN void pg_relay_download(struct pg_api *r); /* GET artifacts/ID */
PG_FN void pg_relay_api(struct pg_api *r);     /* whatever else there is */

#endif
