/* locate: where an agent is that answers a message with its own new address.
 */
#ifndef PG_LOCATE_H
#define PG_LOCATE_H

#include "ask.h"

#define PG_LOCATE_TIME (2 * PG_SEC)       /* then it is left as it is */
#define PG_LOCATE_STILL (150 * PG_MS)     /* so long at one host: it is there */
#define PG_LOCATE_ASK_TIME (200 * PG_MS)  /* for one host to answer */

/* The result of a message to t as it is to be shown. One that is exactly
 * {host_url, agent_id} of t is settled first (PROTOCOL section 5): asked for
 * until the agent stays where it is. Gives back all answers so far if it asks,
 * but not what it returns. */
PG_FN struct pg_value *pg_locate(struct pg_ask *r, const struct pg_target *t,
    struct pg_value *result);

#endif
