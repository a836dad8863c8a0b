/* register: what a handler asks for its registered files (COUNTER, PROTOCOL
 * sections 4 and 7): register, unregister. Looking at the list needs nothing
 * of this.
 */
#ifndef PG_REGISTER_H
#define PG_REGISTER_H

#include "durable.h"

/* How a registration ended; all borrowed. */
typedef void pg_register_done(void *arg, const struct pg_err *err,
    const struct pg_fileref *file);

/* Register the file at path (absolute, or below the paglet's work folder) for
 * agent a, under name (empty: that of the file) in place of one of that name.
 * It is looked at and hashed by a worker. done is called later, once the list
 * is on disk if the agent is; not at all when the host ends first.
 * PG_E_TRANSFER: what is there can not be registered, or is larger than the
 * artifacts that this host takes. After any error the list is as before. */
PG_FN void pg_register(struct pg_agent *a, struct pg_str path,
    struct pg_str name, bool move, pg_register_done *done, void *arg);
/* Fine when there is none of that name; errors as above. done may be called
 * before this returns. */
PG_FN void pg_unregister(struct pg_agent *a, struct pg_str name,
    pg_durable_done *done, void *arg);

#endif
