/* place: hosts as people name them, and who of them is there.
 */
#ifndef PG_PLACE_H
#define PG_PLACE_H

#include "session.h"

#define PG_PLACE_POLL (200 * PG_MS) /* between two looks for a host */

/* The URL of the host called so: a URL, which is named by that, or a name
 * that the entry host knows; PG_STR_NULL: the entry host. An empty text is
 * PG_E_USAGE. Normalised, until the client forgets. */
PG_FN int pg_place_find(struct paglets_client *c, struct pg_str host,
    struct pg_str *url);
/* The URL that the entry host gives itself, and other hosts know. */
PG_FN int pg_place_home(struct paglets_client *c, struct pg_str *url);
/* A URL that a host told. -1: it is none. */
PG_FN int pg_place_told(struct paglets_client *c, const struct pg_value *v,
    struct pg_str *url);

#endif
