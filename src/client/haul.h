/* haul: what uploads and downloads have in common: a future that stands
 * for several requests, attempts with pauses between them, jobs on workers,
 * and word of how far it is.
 *
 * A kind of transfer embeds struct pg_haul as its first member. It lives
 * until its future is freed and no worker has a job of it any more.
 */
#ifndef PG_HAUL_H
#define PG_HAUL_H

#include "../os/ingest.h"
#include "session.h"

#define PG_HAUL_TRIES 6 /* without getting much further */
#define PG_HAUL_GAIN ((uint64_t)1 << 20) /* bytes: that is much */
#define PG_HAUL_PAUSE (250 * PG_MS) /* before the second; then doubled */
#define PG_HAUL_SILENCE (60 * PG_SEC) /* of the host, default */
#define PG_HAUL_TICK (100 * PG_MS)  /* between two words of progress */

struct pg_haul;

struct pg_haul_kind {
	/* Once more, after a pause. */
	void (*start)(struct pg_haul *t);
	/* How far it is: sees to t->done before that is told. NULL: no
	 * need. */
	void (*look)(struct pg_haul *t);
	/* Nobody waits any more, or it is over: end all but jobs. May be
	 * called twice. */
	void (*halt)(struct pg_haul *t);
	/* Free what the kind owns, not t itself. */
	void (*fini)(struct pg_haul *t);
};

struct pg_haul {
	const struct pg_haul_kind *kind;
	struct paglets_client *client;
	struct pg_haul *prev, *next; /* of the same client */
	struct paglets_future *f; /* NULL: freed, only a job is left */
	bool over;                /* f is done, or cancelled */
	struct pg_call *call;       /* of _call; the kind clears it */
	struct paglets_future *ask; /* of _ask */
	void (*on_ask)(struct pg_haul *t, struct paglets_future *a);
	struct pg_job job;
	bool busy; /* a worker has it */
	void (*on_job)(struct pg_haul *t);
	struct pg_timer pause, tick;
	unsigned tries;
	int64_t silence;
	uint64_t done, total; /* bytes */
	uint64_t mark;        /* done at the last failure that counted */
	void (*on_progress)(void *arg, uint64_t done, uint64_t total);
	void *arg;
};

/* How a user wants it. */
struct pg_haul_way {
	int64_t timeout; /* ms; 0: PG_HAUL_SILENCE */
	void (*on_progress)(void *arg, uint64_t done, uint64_t total);
	void *arg;
};

/* Begin: t, on the heap and zeroed, belongs to the client from now on. The
 * future that stands for it; t->f as well. */
PG_FN struct paglets_future *pg_haul_open(struct pg_haul *t,
    const struct pg_haul_kind *kind, struct paglets_client *c,
    struct pg_str url, const struct pg_haul_way *way);

/* A small request of its own: then is called once there is an answer or none,
 * perhaps at once, and the answer is freed after that. One at a time. */
PG_FN void pg_haul_ask(struct pg_haul *t, const char *method,
    struct pg_str path,
    void (*then)(struct pg_haul *t, struct paglets_future *a));
/* A large one: r lacks the URL, the key and all times. done gets t, and sets
 * t->call to NULL. */
PG_FN void pg_haul_call(struct pg_haul *t, struct pg_request *r,
    struct pg_str path, pg_client_done *done);
/* run on a worker, where t->job is given, then `then` here, unless it is over
 * by that time. One at a time. -1: t->f->err. */
PG_FN int pg_haul_job(struct pg_haul *t,
    void (*run)(struct pg_job *j), void (*then)(struct pg_haul *t));

/* Where workers write what comes, shared by all of a client. NULL with e. */
PG_FN struct pg_ingest_pool *pg_haul_pool(struct pg_haul *t,
    struct pg_err *e);

/* It has been interrupted as t->f->err says: start again after a pause, or
 * fail when that was often enough. */
PG_FN void pg_haul_again(struct pg_haul *t);
/* It is over: as t->f->err says, or well, with this result in t->f->arena. */
PG_FN void pg_haul_fail(struct pg_haul *t);
PG_FN void pg_haul_succeed(struct pg_haul *t, struct pg_value *v);

#endif
