/* named: the URLs that users named in requests of theirs, which therefore may
 * have the key (DESIGN section 7).
 */
#ifndef PG_NAMED_H
#define PG_NAMED_H

#include "../base/map.h"

#define PG_NAMED_MAX 1000 /* URLs kept; the oldest gives way */

/* Embedded in its owner. */
struct pg_named {
	char *urls[PG_NAMED_MAX]; /* a ring */
	size_t n; /* ever put into it */
	struct pg_map map;
};

PG_FN void pg_named_init(struct pg_named *s, const uint64_t seed[2]);
PG_FN void pg_named_fini(struct pg_named *s);
/* url is normalised. */
PG_FN void pg_named_add(struct pg_named *s, struct pg_str url);
PG_FN bool pg_named_has(const struct pg_named *s, struct pg_str url);

#endif
