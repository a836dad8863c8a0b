/* registry: the table of hosts: what is known of each, who is alive, and what
 * of that is news. It sends nothing and waits for nothing; mesh.c does.
 *
 * Who is alive is judged by our own monotonic clock and by beats, whatever the
 * clocks of others say (QUIRKS 7). Our hosts tell a `beat` that rises by one
 * each millisecond. A host of ours that gives no answer is in doubt: the
 * doubt is put at the beat that the host would have told when it was asked,
 * so that all agree which of two statements about it is the newer one. Doubt
 * that no newer beat lifts within PG_MEMBER_DOUBT_TIME makes it offline. Thus
 * a host is alive until somebody finds otherwise, and nobody has to hear of
 * everybody all the time.
 *
 * Python hosts give signs of life by last_seen, which others pass on too;
 * therefore we list the last_seen that we were told, or else two hosts would
 * keep a dead third one alive by telling each other.
 */
#ifndef PG_REGISTRY_H
#define PG_REGISTRY_H

#include "../base/log.h"
#include "core.h"
#include "hostref.h"
#include "seal.h"

#define PG_MESH_HOSTS_MAX 10000
#define PG_MEMBER_DOUBT_TIME (5 * PG_SEC)
#define PG_MESH_OFFLINE_AFTER (10 * PG_SEC) /* without boot: since heard */
#define PG_MESH_FORGET_AFTER (24 * 3600 * PG_SEC)
#define PG_MESH_STRANGERS_MAX 64 /* listed on the word of a beacon alone */
#define PG_MESH_REFUSED_MAX 64   /* of another version, that are remembered */
#define PG_MESH_REFUSED_TIME (60 * PG_SEC) /* since they were heard of */

/* How a reference came to us. */
enum pg_source {
	PG_SOURCE_JOINED,  /* its host posted it */
	PG_SOURCE_HEALTH,  /* made of its health */
	PG_SOURCE_VISITED, /* its host's own entry in its answer to a visit */
	PG_SOURCE_BEACON,  /* its host's words, or those of a forger */
	PG_SOURCE_LISTED   /* somebody's list or news */
};

enum pg_member_state {
	PG_MEMBER_UNKNOWN, /* a URL that was given and has not answered yet */
	PG_MEMBER_ONLINE,
	PG_MEMBER_DOUBTED, /* counts as online */
	PG_MEMBER_OFFLINE
};

/* Owner: the registry, until it is forgotten. */
struct pg_member {
	struct pg_str url; /* the key, behind the struct */
	char *texts;       /* which the next two borrow from */
	struct pg_str name, version;
	struct pg_arena arena; /* of the next two */
	struct pg_value *tags, *properties; /* NULL: empty */
	int64_t active, inactive;
	char boot[PG_HOSTREF_BOOT_MAX + 1]; /* empty: a Python host */
	char sig[PG_HOSTREF_SIG_LEN + 1];   /* of boot and beat, or empty */
	int64_t beat, doubt; /* with boot only; alive while beat is more */
	int64_t told;  /* without: the newest last_seen that came */
	int64_t seen;  /* last_seen as we list it, wall clock */
	int64_t heard; /* pg_now() of the last sign of life */
	int64_t since; /* pg_now() when doubt began */
	char *why;     /* it is not online; NULL */
	enum pg_member_state state;
	unsigned givens; /* URLs that users gave and that are this host */
	bool keyed;      /* its signature shows that it has our key */
	bool proven;     /* it has answered or joined, or is signed */
	bool stranger;   /* not so, and only a beacon told of it: no news */
	bool recalled;   /* not heard of since this host started */
	size_t at;       /* in hosts */
	uint64_t changed; /* number of its last change */
	struct pg_member *older, *newer; /* by that */
	unsigned tells;  /* how often its news is still to be told */
	struct pg_member *news; /* the next that has news */
	/* mesh: what it tells us next, and how visits go. */
	uint64_t cursor;
	struct mesh_peer *peer;
};

/* A host of another code version. */
struct pg_refused {
	char *texts; /* url, name and version */
	struct pg_str url, name, version;
	int64_t heard;
};

struct pg_registry {
	struct pg_host *host;
	struct pg_seal seal;
	enum pg_log_level chat; /* of what only those who look for it want */
	bool trust_unsigned;
	void (*on_remove)(void *arg, struct pg_member *h);
	void *arg;
	struct pg_map map;   /* by URL */
	struct pg_map boots; /* those with boot, by that */
	struct pg_member **hosts;
	size_t nhosts, cap, nonline;
	uint64_t changes; /* numbered on across restarts */
	struct pg_member *oldest, *newest; /* by change */
	struct pg_member *news, **news_end;
	uint64_t digest, digested; /* as of that many changes */
	int64_t accused; /* a beat at which others missed this host; 0: none */
	int64_t spoken;  /* the last beat that this host told */
	struct pg_refused refused[PG_MESH_REFUSED_MAX];
};

/* on_remove is told of every host that is forgotten, before it is freed. The
 * first change is number `first` + 1. */
PG_FN void pg_registry_init(struct pg_registry *r, struct pg_host *h,
    uint64_t first, void (*on_remove)(void *arg, struct pg_member *m),
    void *arg);
PG_FN void pg_registry_fini(struct pg_registry *r);

/* Take in a reference. What is of another version, of this host, unsigned
 * where it has to be, or old, is left out without an error. *out (may be
 * NULL) is the host if it is in the table now. PG_E_BUSY: the table is full
 * of others who come first. */
PG_FN int pg_registry_take(struct pg_registry *r,
    const struct pg_hostref *ref, enum pg_source from,
    struct pg_member **out, struct pg_err *e);
PG_FN struct pg_member *pg_registry_get(const struct pg_registry *r,
    struct pg_str url);
/* An entry for a URL that a user gave and that nobody has answered at. */
PG_FN struct pg_member *pg_registry_add_given(struct pg_registry *r,
    struct pg_str url);
/* h has not answered when asked at `asked` (pg_now()): doubt, or, for one that
 * is in doubt or offline already, another reason. */
PG_FN void pg_registry_missed(struct pg_registry *r, struct pg_member *h,
    int64_t asked, const char *why);
/* h comes from before a restart and has to show that it is still there. */
PG_FN void pg_registry_recalled(struct pg_registry *r, struct pg_member *h);
PG_FN void pg_registry_remove(struct pg_registry *r, struct pg_member *h);
/* What time does to h: doubt becomes certainty, the silent are forgotten.
 * true: h is gone. */
PG_FN bool pg_registry_age(struct pg_registry *r, struct pg_member *h);
/* Put the hosts into another order. */
PG_FN void pg_registry_shuffle(struct pg_registry *r, uint64_t *random);

PG_FN bool pg_member_online(const struct pg_registry *r,
    const struct pg_member *h, const char **why);
/* The HostRef as we tell it. */
PG_FN struct pg_value *pg_member_value(const struct pg_registry *r,
    const struct pg_member *h, struct pg_arena *a);
/* One number over who is online and who in doubt, this host among them, the
 * same for all who agree on that. */
PG_FN uint64_t pg_registry_digest(struct pg_registry *r);
/* Hosts that have news, at most max of them, those first that were told least
 * lately; each then counts as told once more. Their number. */
PG_FN size_t pg_registry_news(struct pg_registry *r, struct pg_member **out,
    size_t max);
/* Hosts of another code version, as long as they are heard of: HostRefs with
 * the reason as error. */
PG_FN void pg_registry_age_refused(struct pg_registry *r);
PG_FN struct pg_value *pg_registry_refused(const struct pg_registry *r,
    struct pg_arena *a);

#endif
