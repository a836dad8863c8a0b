/* workers: to wait until those of a loop have nothing in hand any more.
 */
#ifndef WORKERS_H
#define WORKERS_H

#include "os/work.h"

#include <pthread.h>

struct workers_meeting {
	struct pg_job job;
	pthread_barrier_t *place;
	int *left;
};

static inline void
workers_meet(struct pg_job *j)
{
	pthread_barrier_wait(PG_CONTAINER(j, struct workers_meeting,
	    job)->place);
}

static inline void
workers_met(struct pg_job *j)
{
	--*PG_CONTAINER(j, struct workers_meeting, job)->left;
}

/* Every worker is called to a meeting: each has ended what it did before, and
 * it is handed in. None of them may be stuck. */
static inline void
workers_rest(struct pg_work *w, struct pg_loop *l)
{
	struct workers_meeting all[PG_WORK_THREADS];
	pthread_barrier_t place;
	int i, left = PG_WORK_THREADS;

	pthread_barrier_init(&place, NULL, PG_WORK_THREADS);
	for (i = 0; i < PG_WORK_THREADS; i++) {
		all[i] = (struct workers_meeting){ .job = {
		    .run = workers_meet, .done = workers_met },
		    .place = &place, .left = &left };
		if (pg_work_submit(w, &all[i].job, NULL) < 0)
			abort();
	}
	while (left > 0)
		if (pg_loop_turn(l, PG_SEC, NULL) < 0)
			abort();
	pthread_barrier_destroy(&place);
}

#endif
