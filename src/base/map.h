/* map: text keys to pointers; open addressing, SipHash with a key chosen at
 * random by the caller, since peers choose our keys.
 */
#ifndef PG_MAP_H
#define PG_MAP_H

#include "base.h"

struct pg_map_slot {
	struct pg_str key; /* borrowed: lives as long as the entry */
	void *val;         /* NULL: free slot */
	uint64_t hash;
};

/* Owner: whoever embeds it. Iterate with pg_map_next. */
struct pg_map {
	struct pg_map_slot *slots;
	size_t n, cap;
	uint64_t seed[2];
};

PG_FN void pg_map_init(struct pg_map *m, const uint64_t seed[2]);
PG_FN void pg_map_fini(struct pg_map *m);
PG_FN void *pg_map_get(const struct pg_map *m, struct pg_str key);
/* Insert or replace; val must not be NULL, key is borrowed and must live as
 * long as the entry (usually inside val). Returns the value it replaced. */
PG_FN void *pg_map_put(struct pg_map *m, struct pg_str key, void *val);
/* Returns what was removed, or NULL. */
PG_FN void *pg_map_del(struct pg_map *m, struct pg_str key);
/* Values in table order; *at starts at 0; NULL at the end. The map must not
 * change between calls, except that after pg_map_del the walk may restart. */
PG_FN void *pg_map_next(const struct pg_map *m, size_t *at);
/* SipHash-1-3 of bytes. */
PG_FN uint64_t pg_siphash(const uint64_t seed[2], struct pg_str bytes);

#endif
