/* admin: what one host tells: of itself, its agents and what happens. The
 * public face is in paglets.h.
 */
#ifndef PG_ADMIN_H
#define PG_ADMIN_H

#include "../../paglets.h"
#include "../base/buf.h"

/* Append the path and query that ask for agents or services; texts may be
 * NULL. */
PG_FN void pg_admin_agents(struct pg_buf *b, const char *state);
PG_FN void pg_admin_services(struct pg_buf *b, const char *name,
    const char *capability, const char *scope);

#endif
