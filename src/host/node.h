/* node: this host without an open port (PROTOCOL section 8): it connects out
 * to a hub, polls it for what others want of it, has that done as if it had
 * come by HTTP, and acks.
 */
#ifndef PG_NODE_H
#define PG_NODE_H

#include "core.h"

#define PG_NODE_POLLS 2                   /* kept open at the hub */
#define PG_NODE_POLL_TIME (25 * PG_SEC)   /* that the hub may let them wait */
/* A poll that brings nothing within this was not parked. */
#define PG_NODE_HASTE_TIME PG_SEC
#define PG_NODE_GREET_TIME (5 * PG_SEC)   /* between two connects */
#define PG_NODE_TIMEOUT (5 * PG_SEC)      /* of a connect or an ack */
#define PG_NODE_PAUSE_MIN (250 * PG_MS)   /* after the first failure; doubled */
#define PG_NODE_PAUSE_MAX (4 * PG_SEC)    /* after each, up to this */
#define PG_NODE_ACK_TIME (60 * PG_SEC)    /* an ack is tried again so long */
#define PG_NODE_DELIVERIES_MAX 1024       /* being done; more are refused */
#define PG_NODE_OPEN_MAX 2048             /* and not acked; more are left out */
#define PG_NODE_SEEN_MAX 4096             /* ids of deliveries remembered */
#define PG_NODE_REPLY_MAX ((size_t)1 << 30) /* bytes of a delivery */
#define PG_NODE_SECRET_LEN 64             /* hex digits of our secret */

/* NULL with e: the secret can neither be read nor made. */
PG_FN struct pg_node *pg_node_new(struct pg_host *h, struct pg_err *e);
/* Begin to connect. */
PG_FN void pg_node_start(struct pg_node *n);
/* The host is about to stop: tell the hub, take nothing more. */
PG_FN void pg_node_leave(struct pg_node *n);
/* The hub has yet to take something that it is told: that we leave, acks. NULL
 * is fine. */
PG_FN bool pg_node_busy(const struct pg_node *n);
/* Before the server and the client are freed. NULL is fine. */
PG_FN void pg_node_free(struct pg_node *n);

#endif
