/* fetch: downloads: an artifact becomes a file, verified before it is in its
 * place; one that was interrupted is gone on with. The public face is in
 * paglets.h.
 */
#ifndef PG_FETCH_H
#define PG_FETCH_H

#include "session.h"

/* Bytes of one artifact that wait for a worker while the host waits for us. */
#define PG_FETCH_REST_MAX ((size_t)1 << 20)

/* Where an answer begins that has the status 206, by its Content-Range (RFC
 * 9110 14.4). -1: it does not say so, or not of a whole of this size. */
PG_FN int64_t pg_fetch_range(struct pg_str field, uint64_t size);

#endif
