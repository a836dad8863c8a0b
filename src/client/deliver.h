/* deliver: uploads: a file goes to a host, which keeps it as an artifact. It
 * is hashed on workers while it is sent. The public face is in paglets.h.
 */
#ifndef PG_DELIVER_H
#define PG_DELIVER_H

#include "session.h"

/* Bytes that one job hashes before others have their turn. */
#define PG_DELIVER_SLICE ((uint64_t)8 << 20)
#define PG_DELIVER_PIECE ((size_t)256 << 10) /* that are read at a time */

/* To the host at url. NULL: nonsense, or no such file. Not kept. */
PG_FN struct paglets_future *pg_deliver(struct paglets_client *c,
    struct pg_str url, const struct paglets_upload *what);

#endif
