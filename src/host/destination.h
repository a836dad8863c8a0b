/* destination: the host that a paglet is sent to, as its health tells of it.
 */
#ifndef PG_DESTINATION_H
#define PG_DESTINATION_H

#include "core.h"

/* All text lies in the arena of whoever filled it in. */
struct pg_destination {
	struct pg_str name, address;
	const struct pg_value *health; /* NULL: not asked */
	bool settles; /* it can be asked about transfers by their id */
};

/* Fill in t from the health of the host found at url; copies into a. */
PG_FN int pg_destination_read(struct pg_host *h, struct pg_str url,
    const struct pg_value *health, struct pg_arena *a, struct pg_destination *t,
    struct pg_err *e);
/* {name, address} and, if full, code_version and sorted capabilities: the
 * target as events tell of it (PROTOCOL section 9). */
PG_FN struct pg_value *pg_destination_value(const struct pg_destination *t, bool full,
    struct pg_arena *a);

#endif
