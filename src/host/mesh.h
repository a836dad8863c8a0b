/* mesh: which hosts there are (PROTOCOL section 6): names to URLs, who gets
 * the key, and what is told to others. What is known of each host is the
 * registry's; whom to ask for more is gossip's.
 */
#ifndef PG_MESH_H
#define PG_MESH_H

#include "named.h"
#include "registry.h"

#define PG_MESH_NEWS_MAX 32    /* pieces told at a time */
#define PG_MESH_CHANGES_MAX 64 /* told of by `since` at a time */
/* Between one run of this host and the next, by which its beat rises at least,
 * in milliseconds: that much may be lost with mesh.json. */
#define PG_MESH_BEAT_LEAP (INT64_C(3600) * 1000)

/* Owner: the host. */
struct pg_mesh {
	struct pg_host *host;
	struct pg_registry registry;
	struct pg_arena arena;   /* as long as the mesh */
	struct pg_arena scratch; /* as long as one reference */
	struct pg_value *tags, *properties; /* our own */
	int64_t started, beat;   /* pg_now() then, and the beat */
	struct pg_named named;
	struct pg_map given;     /* URLs given by users; owned by gossip */
	/* gossip: there is news to be told, or somebody to be asked. */
	void (*on_news)(void *arg);
	void *arg;
};

/* on_remove as for pg_registry_init; it and on_news get arg. */
PG_FN struct pg_mesh *pg_mesh_new(struct pg_host *h,
    void (*on_news)(void *arg),
    void (*on_remove)(void *arg, struct pg_member *x), void *arg);
PG_FN void pg_mesh_free(struct pg_mesh *m);
/* The host has its address, and may have got another one since. */
PG_FN void pg_mesh_set_self(struct pg_mesh *m);

/* The list of HostRef records, this host included, sorted by name and URL. */
PG_FN struct pg_value *pg_mesh_list(struct pg_mesh *m, struct pg_arena *a);
/* Hosts of another code version that were heard of lately: HostRefs with the
 * reason as error. */
PG_FN struct pg_value *pg_mesh_refused(struct pg_mesh *m, struct pg_arena *a);
/* The reference of this host, signed if there is a key. Its tags and
 * properties live as long as m. */
PG_FN struct pg_value *pg_mesh_self(struct pg_mesh *m, struct pg_arena *a);
/* What this host posts to h's /hosts/join: its reference, for a host of ours
 * (h may be NULL) also news, and, unless it is asked for everything, digest and
 * since. */
PG_FN struct pg_value *pg_mesh_greeting(struct pg_mesh *m,
    const struct pg_member *h, bool everything, struct pg_arena *a);
/* The reference alone, without what only peers have to know. */
PG_FN struct pg_value *pg_mesh_card(struct pg_mesh *m, struct pg_arena *a);
/* Such a greeting has come from an authenticated caller; near: one on this
 * machine, who may have a loopback address. *answer is what it gets: all
 * hosts, or, if it said `since` or `digest`, what is new to it. PG_E_HOST for
 * a malformed reference, PG_E_BUSY in a full table; one of another code
 * version is left out without an error (PROTOCOL section 9). */
PG_FN int pg_mesh_join(struct pg_mesh *m, const struct pg_value *body,
    bool near, struct pg_arena *a, struct pg_value **answer, struct pg_err *e);
/* The answer that h gave to our greeting; h may be gone afterwards. Whether it
 * says that it agrees with us on who is there. */
PG_FN bool pg_mesh_answered(struct pg_mesh *m, struct pg_member *h,
    const struct pg_value *answer);
/* A HostRef record that came in a beacon, from whomever. What is malformed,
 * old, or not of this mesh is left out; NULL then, else its host. */
PG_FN struct pg_member *pg_mesh_heard(struct pg_mesh *m,
    const struct pg_value *ref);

/* A HostRef of a host that is reached through us (hub.h): of its health, or
 * that it is offline. */
PG_FN void pg_mesh_relayed(struct pg_mesh *m, const struct pg_value *ref);

/* For a node (node.h), which does not gossip. What it tells its hub, whose URL
 * may be empty; and the hub's answer: whether they agree on who is there. */
PG_FN struct pg_value *pg_mesh_greet(struct pg_mesh *m, struct pg_str hub,
    bool everything, struct pg_arena *a);
PG_FN bool pg_mesh_told(struct pg_mesh *m, struct pg_str hub,
    const struct pg_value *answer);
/* What time does to all hosts, see pg_registry_age. */
PG_FN void pg_mesh_age(struct pg_mesh *m);

/* The URL of a host given by name or URL (PROTOCOL section 6); normalised, in
 * a. PG_E_NOT_FOUND for a name nobody has. Of several hosts of one name, one
 * to which the key may go is meant before one that is merely listed. */
PG_FN int pg_mesh_resolve(struct pg_mesh *m, struct pg_str name_or_url,
    struct pg_arena *a, struct pg_str *url, struct pg_err *e);
/* The i-th known host's URL other than our own, for searches; false past the
 * end. Borrowed; valid until the loop turns, when hosts may change places. */
PG_FN bool pg_mesh_url_at(struct pg_mesh *m, size_t i, struct pg_str *url);
/* No other host is known to be online. */
PG_FN bool pg_mesh_alone(const struct pg_mesh *m);

/* The API key if it may be sent to this URL (DESIGN section 7): one given by
 * --peer, or named by a user, of a host whose signature shows that it has the
 * key, or our own. Otherwise empty, also when there is no key. Lives as long
 * as the host. */
PG_FN struct pg_str pg_mesh_key_for(struct pg_mesh *m, struct pg_str url);
/* The same for gossip, which visits of itself: a host that is offline, or was
 * not heard of since a restart, has to show its signature anew, for somebody
 * else may have its address by now, or this machine may be elsewhere. */
PG_FN struct pg_str pg_mesh_key_to_visit(struct pg_mesh *m,
    struct pg_str url);
/* A user named this host, in a request that had the key: its URL gets the key
 * from now on, until PG_NAMED_MAX others have been named. text is as it was
 * typed, not what it resolved to: names are left alone, for we have those from
 * others. */
PG_FN void pg_mesh_named(struct pg_mesh *m, struct pg_str text);
/* The host dialled at url calls itself address. If that is the same host and
 * port, and url gets the key, then so does address from now on. */
PG_FN void pg_mesh_alias(struct pg_mesh *m, struct pg_str url,
    struct pg_str address);

/* mesh.json: the table and our beat, as they are to be found after a restart;
 * and taken in again. What is no such text is refused whole, PG_E_HOST. */
PG_FN void pg_mesh_write(struct pg_mesh *m, struct pg_buf *out);
PG_FN int pg_mesh_read(struct pg_mesh *m, struct pg_str text,
    struct pg_err *e);

#endif
