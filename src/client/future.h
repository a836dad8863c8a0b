/* future: answers that are on their way: waiting for one or for many. The
 * public face is in paglets.h.
 */
#ifndef PG_FUTURE_H
#define PG_FUTURE_H

#include "session.h"

/* What was asked for: the "result" of a message, settled, else the whole
 * answer. NULL: not done (not waited for), or the client's error. */
PG_FN const struct pg_value *pg_future_result(struct paglets_future *f);

#endif
