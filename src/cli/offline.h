/* offline: the agents in the folder of a host, which is not asked. */
#ifndef PG_OFFLINE_H
#define PG_OFFLINE_H

#include "cli.h"

#define PG_OFFLINE_VALUES_MAX ((size_t)2 << 30) /* bytes of what is shown */

/* Show the state of the agent whose id is or begins with id, or, when id is
 * empty, a list of all. Changes nothing in dir, not even a lock. */
PG_FN int pg_offline_state(struct pg_cli *c, struct pg_str dir,
    struct pg_str id, struct pg_err *e);

#endif
