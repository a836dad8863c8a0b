/* errand: see errand.h. */

#include "errand.h"

PG_FN void *
pg_errand_new(struct pg_host *h, size_t size)
{
	struct pg_errand *r;

	assert(size >= sizeof(*r));
	r = pg_alloc(size);
	r->host = h;
	r->next = h->errands;
	if (r->next != NULL)
		r->next->prev = r;
	h->errands = r;
	return r;
}

PG_FN void
pg_errand_free(struct pg_errand *r)
{
	if (r->prev != NULL)
		r->prev->next = r->next;
	else
		r->host->errands = r->next;
	if (r->next != NULL)
		r->next->prev = r->prev;
	pg_timer_stop(&r->timer);
	if (r->fini != NULL)
		r->fini(r);
	pg_arena_fini(&r->arena);
	free(r);
}

static void errand_submit(struct pg_errand *r);

/* The next one, first come first served: a new one stands in front. */
static void
errand_next(struct pg_host *h)
{
	struct pg_errand *r, *next = NULL;

	for (r = h->errands; r != NULL; r = r->next)
		if (r->waiting)
			next = r;
	if (next != NULL && h->nerrands < PG_ERRANDS_MAX)
		errand_submit(next);
}

static void
errand_tell(struct pg_errand *r)
{
	struct pg_host *h = r->host;

	h->nerrands--;
	if (r->done != NULL)
		r->done(r->arg, r, r->failed ? &r->err : NULL);
	pg_errand_free(r);
	errand_next(h);
}

static void
errand_run(struct pg_job *j)
{
	struct pg_errand *r = PG_CONTAINER(j, struct pg_errand, job);

	r->failed = r->run(r, &r->err) < 0;
}

static void
errand_done(struct pg_job *j)
{
	errand_tell(PG_CONTAINER(j, struct pg_errand, job));
}

static void
errand_refused(struct pg_timer *t)
{
	errand_tell(PG_CONTAINER(t, struct pg_errand, timer));
}

static void
errand_submit(struct pg_errand *r)
{
	r->waiting = false;
	r->host->nerrands++;
	r->job = (struct pg_job){ .run = errand_run, .done = errand_done };
	if (pg_work_submit(r->host->work, &r->job, &r->err) == 0)
		return;
	r->failed = true;
	pg_timer_set(r->host->loop, &r->timer, 1, errand_refused);
}

PG_FN void
pg_errand_start(struct pg_errand *r)
{
	r->waiting = true;
	errand_next(r->host);
}

PG_FN void
pg_errand_abandon(struct pg_errand *r)
{
	if (r != NULL)
		r->done = NULL;
}

PG_FN void
pg_errands_free(struct pg_host *h)
{
	while (h->errands != NULL)
		pg_errand_free(h->errands);
}
