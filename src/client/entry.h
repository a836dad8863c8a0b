/* entry: the host that a client asks first, and for all others.
 */
#ifndef PG_ENTRY_H
#define PG_ENTRY_H

#include "session.h"

#define PG_ENTRY_HOME "http://127.0.0.1:8765"

/* Find it if it is not known yet: c->entry. */
PG_FN int pg_entry_find(struct paglets_client *c);
/* The host with this name as the host at url lists it; PG_E_NOT_FOUND. */
PG_FN const struct pg_value *pg_entry_look_up(struct paglets_client *c,
    struct pg_str url, struct pg_str name);

#endif
