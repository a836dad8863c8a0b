/* gossip: whom this host asks for news, and when (PROTOCOL section 6): a few
 * hosts in each round, whatever the size of the mesh, and a few more at once
 * when there is news to tell. Peers that users gave are tried for ever; what
 * beacons, probes and look-ups bring is looked at here.
 */
#ifndef PG_GOSSIP_H
#define PG_GOSSIP_H

#include "mesh.h"

#define PG_GOSSIP_INTERVAL PG_SEC            /* between two rounds */
#define PG_GOSSIP_FANOUT 3                   /* hosts of ours visited in each */
#define PG_GOSSIP_VISIT_TIME (2 * PG_SEC)    /* deadline of one visit */
#define PG_GOSSIP_VISITS_MAX 256             /* under way */
#define PG_GOSSIP_RETRIES_MAX 8              /* of hosts offline, in a round */
#define PG_GOSSIP_PYTHON_TIME (2 * PG_SEC)   /* hosts without boot: so often */
#define PG_GOSSIP_PAUSE_MAX (60 * PG_SEC)    /* between visits that fail */
#define PG_GOSSIP_PUSH_TIME (50 * PG_MS)     /* between two pushes of news */
#define PG_GOSSIP_APART_TIME (4 * PG_SEC)    /* then all hosts are asked for, */
#define PG_GOSSIP_APART_MAX (64 * PG_SEC)    /* again after twice that, ... */
#define PG_GOSSIP_REPLY_MAX ((size_t)8 << 20) /* bytes of a peer's answer */
#define PG_GOSSIP_SEEDS_MAX 1024             /* URLs given by users */
#define PG_GOSSIP_FOUND_MAX 64               /* URLs found and looked at */
#define PG_GOSSIP_FOUND_TIME (10 * PG_SEC)   /* before one is looked at again */

struct pg_gossip;

/* Makes h->mesh. */
PG_FN struct pg_gossip *pg_gossip_new(struct pg_host *h);
/* No visit is under way from here on. Before the client is freed. */
PG_FN void pg_gossip_stop(struct pg_gossip *g);
/* Frees h->mesh, too. */
PG_FN void pg_gossip_free(struct pg_gossip *g);
/* Begin to visit the peers of the configuration. The host has its address. */
PG_FN void pg_gossip_start(struct pg_gossip *g);
/* Tell some others that this host, which is draining, goes. */
PG_FN void pg_gossip_leave(struct pg_gossip *g);
/* The address of this host has changed: tell others. */
PG_FN void pg_gossip_readdress(struct pg_gossip *g);

/* A HostRef record that came in a beacon, from whomever. */
PG_FN void pg_gossip_heard(struct pg_gossip *g, const struct pg_value *ref);
/* There may be a host at this URL: it is asked, without the key unless it may
 * have that anyway. */
PG_FN void pg_gossip_found(struct pg_gossip *g, struct pg_str url);
/* The URLs that the user's word `name` stands for; they replace those it
 * stood for before, and count as given by --peer. What is no URL, and what is
 * over PG_GOSSIP_SEEDS_MAX in all, is left out. */
PG_FN void pg_gossip_given(struct pg_gossip *g, struct pg_str name,
    const struct pg_str *urls, size_t n);
/* The ports where other hosts may listen: the default one, our own, those of
 * hosts known and given; each once. How many, max at most. */
PG_FN size_t pg_gossip_ports(struct pg_gossip *g, uint16_t *out, size_t max);

#endif
