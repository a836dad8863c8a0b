/* depot: artifacts as their hosts list them: how they are named, found, looked
 * at and removed. The public face is in paglets.h.
 */
#ifndef PG_DEPOT_H
#define PG_DEPOT_H

#include "session.h"

#define PG_DEPOT_ID_MAX 128 /* digits of an id that is taken from outside */
#define PG_DEPOT_ID_LEN 32  /* digits of a whole one; fewer: its beginning */
#define PG_DEPOT_SHA_LEN 64 /* digits */
#define PG_DEPOT_NAMED_MAX 4 /* artifacts named in an error */

/* Where an artifact is. Lives until the client forgets. */
struct pg_depot_place {
	struct pg_str url, id;
};

/* What a reference says that a transfer relies on. */
struct pg_depot_ref {
	struct pg_str id, name;
	struct pg_str sha; /* in lower case */
	uint64_t size;
};

/* The artifact that a text means: its id or the beginning of one, on that host
 * (NULL: the entry host), or, for NULL only, "HOST/ID" or
 * "http://HOST:PORT/artifacts/ID". An id of full length is not looked for.
 * PG_E_USAGE: it means none, or several; PG_E_NO_ARTIFACT. */
PG_FN int pg_depot_find(struct paglets_client *c, const char *host,
    const char *text, struct pg_depot_place *out);
/* The one that a reference is about. */
PG_FN int pg_depot_told(struct paglets_client *c,
    const struct pg_value *ref, struct pg_depot_place *out);

/* Read a reference; texts are borrowed, sha lies in a. PG_E_TRANSFER: it lacks
 * something. */
PG_FN int pg_depot_read(const struct pg_value *ref, struct pg_arena *a,
    struct pg_depot_ref *out, struct pg_err *e);
/* "/artifacts/ID" and a tail. */
PG_FN struct pg_str pg_depot_path(struct pg_arena *a, struct pg_str id,
    const char *tail);
/* e is an answer about one artifact: hosts of another make say in words alone
 * that they have none. */
PG_FN void pg_depot_explain(struct pg_err *e);

#endif
