/* work: four worker threads for what blocks or is long. A job owns its inputs
 * and shares nothing; `run` is called on a worker, `done` on the loop thread.
 */
#ifndef PG_WORK_H
#define PG_WORK_H

#include "loop.h"

#define PG_WORK_THREADS 4
#define PG_WORK_STACK (256 * 1024) /* musl's default of 128 KiB is too small */
#define PG_WORK_QUEUE_MAX 4096

struct pg_work;

/* Embedded in its owner, who may not free it before done. */
struct pg_job {
	void (*run)(struct pg_job *j);
	void (*done)(struct pg_job *j);
	/* NULL, or: the end of this job need not be awaited. When the workers
	 * are freed before done was called, this is called in its place, at
	 * once, or if it runs just then, on the worker, at any later time; it
	 * owns all it touches. */
	void (*drop)(struct pg_job *j);
	struct pg_job *next;
};

/* Threads are started with the first job. */
PG_FN struct pg_work *pg_work_new(struct pg_loop *l, struct pg_err *e);
/* Waits for running jobs, but for those with drop; calls done for none. Owners
 * free what they own. */
PG_FN void pg_work_free(struct pg_work *w);
/* PG_E_BUSY when the queue is full. In order of submission per queue, but
 * jobs on different threads finish in any order. */
PG_FN int pg_work_submit(struct pg_work *w, struct pg_job *j,
    struct pg_err *e);
/* Close fd on a worker: with the last descriptor of a large file that has no
 * name any more go its blocks, which takes time. Here and now when w is NULL
 * or has too much to do. */
PG_FN void pg_work_close(struct pg_work *w, int fd);

#endif
