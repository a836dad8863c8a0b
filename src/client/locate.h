/* locate: where an agent is that answers a message with its own new address.
 */
#ifndef PG_LOCATE_H
#define PG_LOCATE_H

#include "session.h"

#define PG_LOCATE_TIME (2 * PG_SEC)       /* then it is left as it is */
#define PG_LOCATE_STILL (150 * PG_MS)     /* so long at one host: it is there */
#define PG_LOCATE_ASK_TIME (200 * PG_MS)  /* for one host to answer */

/* The result of a message to the agent with this id. One that is exactly
 * {host_url, agent_id} of it is settled first (PROTOCOL section 5): asked for
 * until the agent stays where it is. What it returns then lies in a. The
 * client's error is left alone. */
PG_FN const struct pg_value *pg_locate(struct paglets_client *c,
    struct pg_arena *a, struct pg_str id, const struct pg_value *result);

#endif
