/* bind: where the host listens, and the URL it tells others (README: "Where a
 * host listens"). Watches the addresses that may change, and follows them.
 */
#ifndef PG_BIND_H
#define PG_BIND_H

#include "core.h"

/* PG_BIND_MAX addresses to listen at, besides cfg.bind and loopback: see
 * core.h. */
#define PG_BIND_TRIES 16               /* ports, to find one free on all */
#define PG_BIND_INTERVAL (5 * PG_SEC)  /* between two looks */
/* A new address must still be there after this long: who joins a network gets
 * several one after the other. */
#define PG_BIND_SETTLE PG_SEC

struct pg_bind;

/* Listen as the configuration says, and set the host's address. The host has
 * its name and its server. NULL with e: no such address, a port in use
 * (PG_E_CONFLICT), ... */
PG_FN struct pg_bind *pg_bind_new(struct pg_host *h, struct pg_err *e);
PG_FN void pg_bind_free(struct pg_bind *b);
/* Begin to look for changes, if there can be any. From then on h->address may
 * change whenever the loop turns; earlier texts live as long as the host. */
PG_FN void pg_bind_watch(struct pg_bind *b);
/* Whether the URL is or was the host's address. Another host may have an
 * earlier one by now: it is ours for what is found here only. */
PG_FN bool pg_bind_was(const struct pg_bind *b, struct pg_str url);

#endif
