/* find: which agent is meant by an id, or the beginning of one, and where it
 * is; which host is meant by a tag.
 */
#ifndef PG_FIND_H
#define PG_FIND_H

#include "session.h"

#define PG_FIND_TIME (2 * PG_SEC) /* for one host of many to answer */
#define PG_FIND_NAMED_MAX 4       /* hosts or agents named in an error */

/* Both live until the client forgets. */
struct pg_found {
	struct pg_str url, id;
};

/* The agent whose id is or begins with id. url: on that host alone; empty:
 * on the entry host and those that it knows. An id that is equal wins over
 * longer ones, wherever it is; of longer ones, those of the entry host come
 * first. PG_E_INVALID_AGENT for none, PG_E_USAGE for several. */
PG_FN int pg_find(struct paglets_client *c, struct pg_str url,
    struct pg_str id, struct pg_found *out);

#endif
