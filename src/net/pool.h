/* pool: connections of a client to other hosts, and those that are idle and
 * wait for the next request. Knows nothing of what is said on them.
 */
#ifndef PG_POOL_H
#define PG_POOL_H

#include "../base/buf.h"
#include "../codec/url.h"
#include "../os/loop.h"

#define PG_CLIENT_IDLE_MAX 64 /* pooled connections in all */
/* In the pool; less than servers keep them. */
#define PG_CLIENT_IDLE_TIME (15 * PG_SEC)

struct pg_link;

/* Embedded in the client, who fills in the first two. Zero otherwise is a
 * valid empty one. */
struct pg_link_pool {
	struct pg_loop *loop;
	/* Of a link that has a user. */
	void (*on_ready)(struct pg_link *k, uint32_t events);
	struct pg_link *idle; /* the one used last comes first */
	size_t nidle;
};

/* One connection. Owner: its user, or the pool when idle. */
struct pg_link {
	struct pg_io io;
	void *user; /* NULL: idle, or dropped */
	bool reused;
	/* For the user to read into; empty at first. Kept to the end of the
	 * turn in which the link is dropped. */
	struct pg_buf in;

	/* The pool's. */
	struct pg_link_pool *pool;
	struct pg_timer expiry;
	struct pg_task sweep;
	struct pg_link *prev, *next; /* among the idle ones */
	uint16_t port;
	char *host;
};

/* Takes fd, also on failure. */
PG_FN struct pg_link *pg_link_new(struct pg_link_pool *p, int fd,
    const struct pg_url *url, uint32_t events, void *user, struct pg_err *e);
/* Close; k is freed at the end of the turn. */
PG_FN void pg_link_drop(struct pg_link *k);
/* Put it into the pool, which closes one too many. */
PG_FN void pg_link_keep(struct pg_link *k);
/* An idle connection to that host, taken out of the pool; NULL if none. */
PG_FN struct pg_link *pg_link_take(struct pg_link_pool *p,
    const struct pg_url *url, void *user);
/* Close those that are idle. */
PG_FN void pg_link_pool_fini(struct pg_link_pool *p);

#endif
