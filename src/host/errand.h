/* errand: a blocking piece of work done for the host by a worker, which owns
 * all it touches: whoever sent it may go away meanwhile, and so may the host.
 */
#ifndef PG_ERRAND_H
#define PG_ERRAND_H

#include "core.h"

/* Errands at work at a time; others wait, so that long ones leave workers to
 * those who are quick. */
#define PG_ERRANDS_MAX 2

struct pg_errand;

/* Embedded as the first member of what the work needs, which lies in one
 * block from pg_errand_new. */
struct pg_errand {
	struct pg_job job;
	struct pg_timer timer; /* a start that failed is told later, too */
	struct pg_host *host;
	struct pg_errand *prev, *next;
	struct pg_arena arena; /* for run and whoever made it */
	/* On a worker; -1 with e. */
	int (*run)(struct pg_errand *r, struct pg_err *e);
	/* On the loop, unless it was abandoned; err NULL: done. The errand is
	 * freed afterwards. */
	void (*done)(void *arg, struct pg_errand *r,
	    const struct pg_err *err);
	void *arg;
	/* On the loop, last of all: closes what is still open. NULL: nothing
	 * is. */
	void (*fini)(struct pg_errand *r);
	struct pg_err err;
	bool failed, waiting;
};

/* Zeroed, size bytes in all. */
PG_FN void *pg_errand_new(struct pg_host *h, size_t size);
/* run and the rest are set: go. done is never called before this returns. */
PG_FN void pg_errand_start(struct pg_errand *r);
/* Nobody waits for it any more: done will not be called. NULL is fine. */
PG_FN void pg_errand_abandon(struct pg_errand *r);
/* Free one that was never started. */
PG_FN void pg_errand_free(struct pg_errand *r);
/* After the end of the workers: free all there are. */
PG_FN void pg_errands_free(struct pg_host *h);

#endif
