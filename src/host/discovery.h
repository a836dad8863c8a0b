/* discovery: whatever tells the mesh of hosts that it was not told of: beacons,
 * probes of the LAN, and names that stand for many.
 */
#ifndef PG_DISCOVERY_H
#define PG_DISCOVERY_H

#include "core.h"

/* Begin, as far as the configuration says; the host has its address and its
 * mesh. NULL without a mesh. */
PG_FN struct pg_discovery *pg_discovery_new(struct pg_host *h);
/* Before the mesh, the client and the workers are freed. */
PG_FN void pg_discovery_free(struct pg_discovery *d);
/* The address of the host or its links have changed: tell at once. */
PG_FN void pg_discovery_now(struct pg_discovery *d);

#endif
