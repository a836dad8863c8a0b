/* mesh: which hosts there are (PROTOCOL section 6): the table of references,
 * the version gate, names to URLs, and gossip with the hosts known.
 */
#ifndef PG_MESH_H
#define PG_MESH_H

#include "core.h"

#define PG_MESH_HOSTS_MAX 10000
#define PG_MESH_INTERVAL PG_SEC            /* between two rounds of gossip */
#define PG_MESH_OFFLINE_AFTER (10 * PG_SEC)
#define PG_MESH_FORGET_AFTER (24 * 3600 * PG_SEC)
#define PG_MESH_VISIT_TIME (5 * PG_SEC)    /* deadline of one visit */
#define PG_MESH_VISITS_MAX 8               /* begun in one round */
#define PG_MESH_LOOKS_MAX 256              /* hosts looked at in one round */
#define PG_MESH_PAUSE_MAX (60 * PG_SEC)    /* between visits that fail */
#define PG_MESH_REPLY_MAX ((size_t)8 << 20) /* bytes of a peer's answer */
#define PG_MESH_NAMED_MAX 1000             /* URLs named by users, kept */

PG_FN struct pg_mesh *pg_mesh_new(struct pg_host *h);
PG_FN void pg_mesh_free(struct pg_mesh *m);
/* Begin to visit the peers of the configuration. The host has its address. */
PG_FN void pg_mesh_start(struct pg_mesh *m);

/* The list of HostRef records, this host included, sorted by name and URL. */
PG_FN struct pg_value *pg_mesh_list(struct pg_mesh *m, struct pg_arena *a);
/* The reference of this host. Its tags and properties live as long as m. */
PG_FN struct pg_value *pg_mesh_self(struct pg_mesh *m, struct pg_arena *a);
/* Take in the HostRef record that an authenticated caller sent of itself; it
 * is visited with our key from then on. In a full table it takes the place of a
 * host that is merely listed by others. PG_E_HOST for a malformed one,
 * PG_E_BUSY when there is none of those; one of another code version is left out without
 * an error (PROTOCOL section 9). */
PG_FN int pg_mesh_join(struct pg_mesh *m, const struct pg_value *ref,
    struct pg_err *e);
/* The URL of a host given by name or URL (PROTOCOL section 6); normalised, in
 * a. PG_E_NOT_FOUND for a name nobody has. Of several hosts of one name, one
 * to which the key may go is meant before one that is merely listed. */
PG_FN int pg_mesh_resolve(struct pg_mesh *m, struct pg_str name_or_url,
    struct pg_arena *a, struct pg_str *url, struct pg_err *e);
/* The i-th known host's URL other than our own, for searches; false past the
 * end. Borrowed; valid until the loop turns, when hosts may change places. */
PG_FN bool pg_mesh_url_at(struct pg_mesh *m, size_t i, struct pg_str *url);

/* The API key if it may be sent to this URL (DESIGN section 7): one given by
 * --peer, or named by a user, of a host that showed it has the key, or our
 * own. Otherwise empty, also when there is no key. Lives as long as the
 * host. */
PG_FN struct pg_str pg_mesh_key_for(struct pg_mesh *m, struct pg_str url);
/* A user named this host, in a request that had the key: its URL gets the key
 * from now on, until PG_MESH_NAMED_MAX others have been named. text is as it
 * was typed, not what it resolved to: names are left alone, for we have those
 * from others. */
PG_FN void pg_mesh_named(struct pg_mesh *m, struct pg_str text);
/* The host dialled at url calls itself address. If that is the same host and
 * port, and url gets the key, then so does address from now on. */
PG_FN void pg_mesh_alias(struct pg_mesh *m, struct pg_str url,
    struct pg_str address);
/* h->address has changed. */
PG_FN void pg_mesh_readdress(struct pg_mesh *m);

#endif
