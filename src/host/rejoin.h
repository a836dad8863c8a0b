/* rejoin: mesh.json in the state folder: the hosts known, so that a host that
 * is started again finds them without being told (DESIGN section 5).
 */
#ifndef PG_REJOIN_H
#define PG_REJOIN_H

#include "mesh.h"

#define PG_REJOIN_TIME (30 * PG_SEC) /* between two looks at what changed */
#define PG_REJOIN_FILE_MAX ((size_t)64 << 20) /* bytes of the file */

/* Reads the file, if there is one, into h->mesh, and keeps it up to date. A
 * file that is no such table is left alone until it is written anew, with a
 * line in the log. */
PG_FN struct pg_rejoin *pg_rejoin_new(struct pg_host *h);
/* Writes it a last time. The workers have ended. */
PG_FN void pg_rejoin_free(struct pg_rejoin *j);

#endif
