/* entry: the host that a client asks first, and for all others.
 */
#ifndef PG_ENTRY_H
#define PG_ENTRY_H

#include "session.h"

#define PG_ENTRY_HOME "http://127.0.0.1:8765"
#define PG_ENTRY_PORT 8765
#define PG_ENTRY_TIME PG_SEC               /* for one found host to answer */
#define PG_ENTRY_TIME_MIN (100 * PG_MS)    /* when many are silent */
#define PG_ENTRY_BEACONS_TIME (750 * PG_MS) /* beacons are listened to */
#define PG_ENTRY_HEARD_MAX 64              /* that are looked at */
#define PG_ENTRY_PROBE_TIME (4 * PG_SEC)   /* for the network to be searched */

/* Find it if it is not known yet: c->entry. The one that the user named by
 * URL, else the first one there is of: the one at PG_ENTRY_HOME; at the
 * address of this machine in its network; those whose beacons are heard; those
 * that answer in the network. By name, the first one so called, or a host
 * that the first of all knows by that name. The user's, and the one at
 * PG_ENTRY_HOME, get the key, others if they have signed their URL with
 * it. */
PG_FN int pg_entry_find(struct paglets_client *c);
/* The host with this name as the host at url lists it; PG_E_NOT_FOUND. */
PG_FN const struct pg_value *pg_entry_look_up(struct paglets_client *c,
    struct pg_str url, struct pg_str name);

#endif
