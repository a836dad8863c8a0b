/* haul: see haul.h.
 *
 * What happens is driven by the loop of the client, which turns only while
 * somebody waits. A job on a worker cannot be called off: when its transfer is
 * given up meanwhile, that stays until the job has ended, at the latest until
 * the client does.
 */
#include "haul.h"

/* Owner: the client's arena. */
struct pg_hauls {
	struct pg_haul *first;
	struct pg_ingest_pool *pool; /* NULL: nobody has needed it */
};

static void
haul_free(struct pg_haul *t)
{
	struct pg_hauls *all = t->client->hauls;

	if (t->next != NULL)
		t->next->prev = t->prev;
	if (t->prev != NULL)
		t->prev->next = t->next;
	else
		all->first = t->next;
	t->kind->fini(t);
	free(t);
}

/* The workers are gone: so are the jobs that some were left for. */
static void
haul_at_end(struct paglets_client *c)
{
	while (c->hauls->first != NULL)
		haul_free(c->hauls->first);
	pg_ingest_pool_free(c->hauls->pool);
}

static void
haul_link(struct pg_haul *t, struct paglets_client *c)
{
	if (c->hauls == NULL) {
		c->hauls = pg_arena_zalloc(&c->own,
		    sizeof(*c->hauls));
		c->at_end = haul_at_end;
	}
	t->next = c->hauls->first;
	if (t->next != NULL)
		t->next->prev = t;
	c->hauls->first = t;
}

/* Nothing but a job goes on. */
static void
haul_halt(struct pg_haul *t)
{
	t->over = true;
	pg_timer_stop(&t->pause);
	pg_timer_stop(&t->tick);
	if (t->call != NULL)
		pg_call_cancel(t->call);
	t->call = NULL;
	paglets_future_free(t->ask);
	t->ask = NULL;
	t->kind->halt(t);
}

/* The future was cancelled, and may be looked at still, or freed. */
static void
haul_on_leave(struct paglets_future *f, void *arg)
{
	struct pg_haul *t = arg;

	(void)f;
	t->f = NULL;
	haul_halt(t);
	if (!t->busy)
		haul_free(t);
}

/* ---- progress --------------------------------------------------------- */

static void
haul_tell(struct pg_haul *t)
{
	if (t->kind->look != NULL)
		t->kind->look(t);
	if (t->on_progress != NULL)
		t->on_progress(t->arg, t->done, t->total);
}

static void
haul_on_tick(struct pg_timer *timer)
{
	struct pg_haul *t = PG_CONTAINER(timer, struct pg_haul, tick);

	pg_timer_set(t->client->loop, &t->tick, PG_HAUL_TICK,
	    haul_on_tick);
	haul_tell(t);
}

/* ---- begin and end ---------------------------------------------------- */

PG_FN struct paglets_future *
pg_haul_open(struct pg_haul *t, const struct pg_haul_kind *kind,
    struct paglets_client *c, struct pg_str url,
    const struct pg_haul_way *way)
{
	t->kind = kind;
	t->client = c;
	t->silence = way->timeout > 0 ? pg_session_ns(way->timeout)
				      : PG_HAUL_SILENCE;
	t->on_progress = way->on_progress;
	t->arg = way->arg;
	haul_link(t, c);
	t->f = pg_session_open(c, url);
	t->f->on_leave = haul_on_leave;
	t->f->arg = t;
	if (t->on_progress != NULL)
		pg_timer_set(c->loop, &t->tick, PG_HAUL_TICK,
		    haul_on_tick);
	return t->f;
}

PG_FN void
pg_haul_fail(struct pg_haul *t)
{
	haul_halt(t);
	t->f->done = true;
}

PG_FN void
pg_haul_succeed(struct pg_haul *t, struct pg_value *v)
{
	t->done = t->total;
	if (t->on_progress != NULL)
		t->on_progress(t->arg, t->done, t->total);
	haul_halt(t);
	t->f->err = (struct pg_err){ 0 };
	t->f->reply = v;
	t->f->result = v;
	t->f->done = true;
}

/* ---- one step --------------------------------------------------------- */

static void
haul_on_asked(struct paglets_future *a, void *arg)
{
	struct pg_haul *t = arg;

	t->ask = NULL;
	t->on_ask(t, a);
	paglets_future_free(a);
}

PG_FN void
pg_haul_ask(struct pg_haul *t, const char *method,
    struct pg_str path,
    void (*then)(struct pg_haul *t, struct paglets_future *a))
{
	const struct pg_question q = { .url = t->f->url, .method = method,
		.path = path };
	struct paglets_future *a = pg_session_start(t->client, &q);

	t->on_ask = then;
	t->ask = a;
	a->on_done = haul_on_asked;
	a->arg = t;
	if (a->done)
		haul_on_asked(a, t);
}

PG_FN void
pg_haul_call(struct pg_haul *t, struct pg_request *r,
    struct pg_str path, pg_client_done *done)
{
	struct paglets_future *f = t->f;
	struct pg_arena a = { 0 };

	/* What the host showed when it refused may have changed that. */
	f->has_key = pg_session_is_named(t->client, f->url);
	if (f->has_key)
		r->bearer = t->client->key;
	r->url = pg_arena_printf(&a, "%.*s%.*s", PG_STR_ARG(f->url),
	    PG_STR_ARG(path));
	r->timeout = t->client->timeout;
	r->silence = t->silence;
	t->call = pg_client_start(t->client->http, r, done, t);
	pg_arena_fini(&a);
}

static void
haul_on_job(struct pg_job *j)
{
	struct pg_haul *t = PG_CONTAINER(j, struct pg_haul, job);

	t->busy = false;
	if (t->f == NULL)
		haul_free(t);
	else if (!t->over)
		t->on_job(t);
}

PG_FN int
pg_haul_job(struct pg_haul *t, void (*run)(struct pg_job *j),
    void (*then)(struct pg_haul *t))
{
	assert(!t->busy);
	t->on_job = then;
	t->job = (struct pg_job){ .run = run, .done = haul_on_job };
	if (pg_work_submit(t->client->work, &t->job, &t->f->err) < 0)
		return -1;
	t->busy = true;
	return 0;
}

PG_FN struct pg_ingest_pool *
pg_haul_pool(struct pg_haul *t, struct pg_err *e)
{
	struct paglets_client *c = t->client;

	if (c->hauls->pool == NULL)
		c->hauls->pool = pg_ingest_pool_new(c->loop, c->work, e);
	return c->hauls->pool;
}

/* ---- once more -------------------------------------------------------- */

static void
haul_on_pause(struct pg_timer *timer)
{
	struct pg_haul *t = PG_CONTAINER(timer, struct pg_haul, pause);

	t->kind->start(t);
}

PG_FN void
pg_haul_again(struct pg_haul *t)
{
	if (t->done >= t->mark + PG_HAUL_GAIN) {
		t->mark = t->done;
		t->tries = 0;
	}
	if (++t->tries >= PG_HAUL_TRIES) {
		pg_haul_fail(t);
		return;
	}
	pg_timer_set(t->client->loop, &t->pause, PG_HAUL_PAUSE <<
	    (t->tries - 1), haul_on_pause);
}
