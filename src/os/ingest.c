/* ingest: see ingest.h.
 *
 * Each ingest has a ring of up to PG_INGEST_AHEAD sealed buffers. The loop
 * seals what is full, one worker hashes and another one writes the sealed ones
 * in order, and what both have passed is free again. A job goes on as long as
 * it finds sealed buffers (for a while: others want the worker too), without
 * a detour through the loop; when somebody waits for a buffer that it has set
 * free, it rings a bell.
 *
 * A buffer belongs to an ingest once there are bytes in it. When all are in
 * use, those that want one are called in the order in which they came; and
 * as long as somebody waits, none lies there half full: who fills a little
 * seals it, and whoever waits has the one sealed that was touched longest ago.
 */
#include "ingest.h"
#include "../base/mem.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

/* Buffers that one job takes before others have their turn. */
#define INGEST_BURST 16

/* A ring of these, with a head that belongs to none; next NULL: in no list. */
struct ingest_link {
	struct ingest_link *prev, *next;
};

struct ingest_job {
	struct pg_job job;
	struct ingest_link link; /* among those that wait for a worker */
	struct pg_ingest *in;
	bool busy; /* waits for a worker, or has one */
};

struct ingest_piece {
	char *p;
	size_t n;
};

/* Owner: who made it; once freed, the pool, until its jobs have ended. */
struct pg_ingest {
	struct pg_ingest_pool *pool;
	struct ingest_link all;
	struct ingest_link place; /* among the holders, or those who wait */
	struct ingest_link news;  /* among those to be told something */
	void (*on_room)(void *arg);
	void *arg;
	void (*done)(void *arg, const uint8_t sha[PG_SHA256_SIZE],
	    uint64_t size, const struct pg_err *err);
	void *done_arg;
	bool wants;  /* was refused a buffer */
	bool called; /* one is kept for it until it comes */
	struct ingest_piece held; /* the one being filled; p NULL: none */
	uint64_t size;
	unsigned freed; /* of those sealed */
	struct ingest_job hash, write;

	/* The file: the writer's while it has a job. */
	int fd, dir;
	char name[PG_INGEST_NAME_MAX]; /* empty: it was given to us open */
	uint64_t at, started; /* bytes written; of them on their way to disk */
	bool synced;
	struct pg_sha256 sha; /* the hasher's */

	/* Guarded by the pool's lock. sealed is changed by the loop alone,
	 * the next two by one job each. */
	struct ingest_piece ring[PG_INGEST_AHEAD];
	unsigned sealed, hashed, written;
	bool ending, dead;
	struct pg_err err;
	bool ripe;
	struct pg_ingest *next_ripe;
};

/* Owner: who made it. */
struct pg_ingest_pool {
	struct pg_loop *loop;
	struct pg_work *work;
	struct pg_io bell;
	struct pg_task task;
	struct ingest_link all, holders, waiting, news, jobs;
	unsigned njobs; /* at the workers */
	size_t nwants, ncalled;
	char *spare[PG_INGEST_BUFFERS_MAX];
	unsigned nspare, nbuffers;
	bool closed; /* freed; only the task is still queued */

	pthread_mutex_t lock;
	struct pg_ingest *ripe; /* they have something to set free */
	bool hungry;            /* and somebody waits for it */
};

/* ---- Lists ---- */

static void
ingest_list_init(struct ingest_link *l)
{
	l->prev = l->next = l;
}

static bool
ingest_list_empty(const struct ingest_link *l)
{
	return l->next == l;
}

static void
ingest_list_add(struct ingest_link *l, struct ingest_link *x)
{
	x->next = l;
	x->prev = l->prev;
	l->prev->next = x;
	l->prev = x;
}

/* Does nothing when it is in none. */
static void
ingest_list_del(struct ingest_link *x)
{
	if (x->next == NULL)
		return;
	x->prev->next = x->next;
	x->next->prev = x->prev;
	x->prev = x->next = NULL;
}

/* ---- On the workers ---- */

/* The next buffer of this worker; p is NULL when there is none, or no use. */
static struct ingest_piece
ingest_next(struct pg_ingest *in, const unsigned *passed)
{
	struct ingest_piece piece = { NULL, 0 };

	pthread_mutex_lock(&in->pool->lock);
	if (!in->dead && in->err.code == PG_E_OK && *passed != in->sealed)
		piece = in->ring[*passed % PG_INGEST_AHEAD];
	pthread_mutex_unlock(&in->pool->lock);
	return piece;
}

/* This worker is through with that buffer. */
static void
ingest_pass(struct pg_ingest *in, unsigned *passed)
{
	struct pg_ingest_pool *p = in->pool;
	bool ring = false;

	pthread_mutex_lock(&p->lock);
	++*passed;
	/* As far as both are: this one was the second. */
	if ((int)(in->hashed - *passed) >= 0 &&
	    (int)(in->written - *passed) >= 0 && !in->ripe) {
		in->ripe = true;
		in->next_ripe = p->ripe;
		p->ripe = in;
		ring = p->hungry;
	}
	pthread_mutex_unlock(&p->lock);
	if (ring)
		(void)!eventfd_write(p->bell.fd, 1);
}

static void
ingest_hash_run(struct pg_job *j)
{
	struct ingest_job *k = PG_CONTAINER(j, struct ingest_job, job);
	struct pg_ingest *in = k->in;
	struct ingest_piece piece;
	int i;

	for (i = 0; i < INGEST_BURST; i++) {
		piece = ingest_next(in, &in->hashed);
		if (piece.p == NULL)
			break;
		pg_sha256_add(&in->sha, piece.p, piece.n);
		ingest_pass(in, &in->hashed);
	}
}

static int
ingest_write_piece(struct pg_ingest *in, struct ingest_piece piece,
    struct pg_err *e)
{
	ssize_t n;

	while (piece.n > 0) {
		n = write(in->fd, piece.p, piece.n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return pg_fail_sys(e, "keeping what arrives");
		piece.p += n;
		piece.n -= (size_t)n;
		in->at += (uint64_t)n;
	}
	/* A hint: whether it helps, and whether it is possible, the sync at
	 * the end decides. */
	if (in->at - in->started >= PG_INGEST_STEP) {
		sync_file_range(in->fd, (off_t)in->started,
		    (off_t)(in->at - in->started), SYNC_FILE_RANGE_WRITE);
		in->started = in->at;
	}
	return 0;
}

static int
ingest_open(struct pg_ingest *in, struct pg_err *e)
{
	bool dead;

	if (in->fd >= 0)
		return 0;
	pthread_mutex_lock(&in->pool->lock);
	dead = in->dead;
	pthread_mutex_unlock(&in->pool->lock);
	if (dead)
		return pg_fail(e, PG_E_HOST, "nobody wants it any more");
	in->fd = openat(in->dir, in->name,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (in->fd < 0)
		return pg_fail_sys(e, "keeping what arrives");
	return 0;
}

/* Once all is written. */
static int
ingest_sync(struct pg_ingest *in, struct pg_err *e)
{
	bool due;

	pthread_mutex_lock(&in->pool->lock);
	due = in->ending && !in->dead && in->err.code == PG_E_OK &&
	    in->written == in->sealed;
	pthread_mutex_unlock(&in->pool->lock);
	if (!due)
		return 0;
	if (fdatasync(in->fd) < 0)
		return pg_fail_sys(e, "keeping what has arrived: sync");
	in->synced = true;
	return 0;
}

static int
ingest_write(struct pg_ingest *in, struct pg_err *e)
{
	struct ingest_piece piece;
	int i;

	if (ingest_open(in, e) < 0)
		return -1;
	for (i = 0; i < INGEST_BURST; i++) {
		piece = ingest_next(in, &in->written);
		if (piece.p == NULL)
			break;
		if (ingest_write_piece(in, piece, e) < 0)
			return -1;
		ingest_pass(in, &in->written);
	}
	return ingest_sync(in, e);
}

static void
ingest_set_err(struct pg_ingest *in, const struct pg_err *err)
{
	pthread_mutex_lock(&in->pool->lock);
	if (in->err.code == PG_E_OK)
		in->err = *err;
	pthread_mutex_unlock(&in->pool->lock);
}

static void
ingest_write_run(struct pg_job *j)
{
	struct ingest_job *k = PG_CONTAINER(j, struct ingest_job, job);
	struct pg_err e = { 0 };

	if (ingest_write(k->in, &e) < 0)
		ingest_set_err(k->in, &e);
}

/* The name first: what has none any more goes with its descriptor. */
static void
ingest_close(struct pg_ingest *in)
{
	if (in->fd < 0)
		return;
	if (in->name[0] != '\0')
		unlinkat(in->dir, in->name, 0);
	close(in->fd);
	in->fd = -1;
}

static void
ingest_close_run(struct pg_job *j)
{
	ingest_close(PG_CONTAINER(j, struct ingest_job, job)->in);
}

/* ---- Buffers, on the loop ---- */

static void ingest_task(struct pg_task *t);

static bool
ingest_failed(struct pg_ingest *in, struct pg_err *e)
{
	bool failed;

	pthread_mutex_lock(&in->pool->lock);
	failed = in->err.code != PG_E_OK;
	if (failed && e != NULL)
		*e = in->err;
	pthread_mutex_unlock(&in->pool->lock);
	return failed;
}

/* Have it told at the end of the turn. */
static void
ingest_tell(struct pg_ingest *in)
{
	struct pg_ingest_pool *p = in->pool;

	if (in->news.next == NULL)
		ingest_list_add(&p->news, &in->news);
	pg_loop_defer(p->loop, &p->task, ingest_task);
}

static void
ingest_set_wants(struct pg_ingest *in, bool wants)
{
	struct pg_ingest_pool *p = in->pool;

	if (in->wants == wants)
		return;
	in->wants = wants;
	p->nwants += wants ? 1 : (size_t)-1;
	pthread_mutex_lock(&p->lock);
	p->hungry = p->nwants > 0;
	pthread_mutex_unlock(&p->lock);
}

static void
ingest_give_back(struct pg_ingest_pool *p, char *buffer)
{
	if (buffer != NULL)
		p->spare[p->nspare++] = buffer;
}

/* Whether it may have one more. */
static bool
ingest_may_hold(const struct pg_ingest *in)
{
	return in->sealed - in->freed < PG_INGEST_AHEAD;
}

/* Wait for a buffer, if it wants one. */
static void
ingest_queue(struct pg_ingest *in)
{
	if (in->wants && !in->called && ingest_may_hold(in) &&
	    in->place.next == NULL)
		ingest_list_add(&in->pool->waiting, &in->place);
}

/* Take back what both workers have passed. */
static void
ingest_reap(struct pg_ingest_pool *p)
{
	struct pg_ingest *in, *next;
	unsigned passed;

	pthread_mutex_lock(&p->lock);
	in = p->ripe;
	p->ripe = NULL;
	for (; in != NULL; in = next) {
		next = in->next_ripe;
		in->ripe = false;
		passed = (int)(in->hashed - in->written) < 0 ? in->hashed :
		    in->written;
		for (; in->freed != passed; in->freed++)
			ingest_give_back(p,
			    in->ring[in->freed % PG_INGEST_AHEAD].p);
		ingest_queue(in);
	}
	pthread_mutex_unlock(&p->lock);
}

/* Whether there is a buffer that is kept for nobody. */
static bool
ingest_has_spare(const struct pg_ingest_pool *p)
{
	return p->nspare + PG_INGEST_BUFFERS_MAX - p->nbuffers > p->ncalled;
}

/* Call those who wait, as many as there are buffers for. */
static void
ingest_serve(struct pg_ingest_pool *p)
{
	struct pg_ingest *in;

	while (!ingest_list_empty(&p->waiting) && ingest_has_spare(p)) {
		in = PG_CONTAINER(p->waiting.next, struct pg_ingest, place);
		ingest_list_del(&in->place);
		in->called = true;
		p->ncalled++;
		ingest_tell(in);
	}
}

/* It has come, or will not. */
static void
ingest_uncall(struct pg_ingest *in)
{
	if (in->called)
		in->pool->ncalled--;
	in->called = false;
}

static void ingest_kick(struct pg_ingest *in);

/* Hand what it holds to the workers. */
static void
ingest_seal(struct pg_ingest *in)
{
	ingest_list_del(&in->place);
	pthread_mutex_lock(&in->pool->lock);
	in->ring[in->sealed % PG_INGEST_AHEAD] = in->held;
	in->sealed++;
	pthread_mutex_unlock(&in->pool->lock);
	in->held = (struct ingest_piece){ NULL, 0 };
	ingest_kick(in);
}

/* Wait, and see to it that there is something to wait for. */
static void
ingest_wait(struct pg_ingest *in)
{
	struct pg_ingest_pool *p = in->pool;

	ingest_queue(in);
	if (ingest_may_hold(in) && !ingest_list_empty(&p->holders))
		ingest_seal(PG_CONTAINER(p->holders.next, struct pg_ingest,
		    place));
}

/* Where bytes of one that holds none may go; NULL: nowhere now. */
static char *
ingest_lend(struct pg_ingest *in)
{
	struct pg_ingest_pool *p = in->pool;

	/* First of all, so that what is set free from here on rings. */
	ingest_set_wants(in, true);
	ingest_reap(p);
	ingest_serve(p);
	if (!ingest_may_hold(in) || (!in->called && !ingest_has_spare(p))) {
		ingest_wait(in);
		return NULL;
	}
	ingest_uncall(in);
	ingest_list_del(&in->place);
	ingest_list_del(&in->news);
	ingest_set_wants(in, false);
	if (p->nspare == 0) {
		p->spare[p->nspare++] = pg_alloc(PG_INGEST_BUFFER);
		p->nbuffers++;
	}
	/* If nothing comes after all, others may have it. */
	if (!ingest_list_empty(&p->waiting))
		pg_loop_defer(p->loop, &p->task, ingest_task);
	return p->spare[p->nspare - 1];
}

/* ---- Jobs, on the loop ---- */

static void
ingest_submit(struct ingest_job *k)
{
	struct pg_ingest_pool *p = k->in->pool;
	struct pg_err e = { 0 };

	if (pg_work_submit(p->work, &k->job, &e) == 0) {
		p->njobs++;
		return;
	}
	k->busy = false;
	ingest_set_err(k->in, &e);
	ingest_tell(k->in);
}

static void
ingest_next_job(struct pg_ingest_pool *p)
{
	struct ingest_job *k;

	while (p->njobs < PG_INGEST_JOBS && !ingest_list_empty(&p->jobs)) {
		k = PG_CONTAINER(p->jobs.next, struct ingest_job, link);
		ingest_list_del(&k->link);
		ingest_submit(k);
	}
}

static void
ingest_want_job(struct ingest_job *k)
{
	if (k->busy)
		return;
	k->busy = true;
	ingest_list_add(&k->in->pool->jobs, &k->link);
	ingest_next_job(k->in->pool);
}

/* Have done what there is to do. What a job changes is at rest while it is
 * not busy. */
static void
ingest_kick(struct pg_ingest *in)
{
	if (ingest_failed(in, NULL))
		return;
	if (!in->hash.busy && in->hashed != in->sealed)
		ingest_want_job(&in->hash);
	if (!in->write.busy && (in->written != in->sealed ||
	    (in->ending && !in->synced)))
		ingest_want_job(&in->write);
}

/* Call done, if it is time. May free it. */
static void
ingest_settle(struct pg_ingest *in)
{
	uint8_t sha[PG_SHA256_SIZE] = { 0 };
	struct pg_err err = { 0 };
	bool failed;

	if (in->done == NULL || in->hash.busy || in->write.busy)
		return;
	failed = ingest_failed(in, &err);
	if (!failed && (!in->synced || in->hashed != in->sealed))
		return;
	if (!failed)
		pg_sha256_end(&in->sha, sha);
	ingest_list_del(&in->news);
	in->done(in->done_arg, sha, in->size, failed ? &err : NULL);
}

/* The last one returns the memory that nobody needs now. */
static void
ingest_release(struct pg_ingest *in)
{
	struct pg_ingest_pool *p = in->pool;

	ingest_list_del(&in->all);
	ingest_close(in);
	free(in);
	if (!ingest_list_empty(&p->all))
		return;
	assert(p->nspare == p->nbuffers);
	while (p->nspare > 0)
		free(p->spare[--p->nspare]);
	p->nbuffers = 0;
}

static void
ingest_on_closed(struct pg_job *j)
{
	ingest_release(PG_CONTAINER(j, struct ingest_job, job)->in);
}

/* What it had goes to others. */
static void
ingest_empty(struct pg_ingest *in)
{
	struct pg_ingest_pool *p = in->pool;

	ingest_give_back(p, in->held.p);
	in->held = (struct ingest_piece){ NULL, 0 };
	ingest_reap(p);
	for (; in->freed != in->sealed; in->freed++)
		ingest_give_back(p, in->ring[in->freed % PG_INGEST_AHEAD].p);
}

/* A freed one goes when its jobs have ended. To close a large file that has no
 * name takes time. */
static void
ingest_bury(struct pg_ingest *in)
{
	if (in->hash.busy || in->write.busy)
		return;
	ingest_empty(in);
	ingest_serve(in->pool);
	in->hash.job.run = ingest_close_run;
	in->hash.job.done = ingest_on_closed;
	if (in->fd < 0 ||
	    pg_work_submit(in->pool->work, &in->hash.job, NULL) < 0)
		ingest_release(in);
}

static void
ingest_on_job(struct pg_job *j)
{
	struct ingest_job *k = PG_CONTAINER(j, struct ingest_job, job);
	struct pg_ingest *in = k->in;
	struct pg_ingest_pool *p = in->pool;

	k->busy = false;
	p->njobs--;
	ingest_reap(p);
	ingest_serve(p);
	if (in->dead) {
		ingest_bury(in);
	} else {
		ingest_kick(in);
		if (ingest_failed(in, NULL))
			ingest_tell(in);
		ingest_settle(in);
	}
	ingest_next_job(p);
}

/* ---- News ---- */

static void
ingest_on_bell(struct pg_io *io, uint32_t events)
{
	struct pg_ingest_pool *p = PG_CONTAINER(io, struct pg_ingest_pool,
	    bell);
	eventfd_t rings;

	(void)events;
	(void)!eventfd_read(io->fd, &rings);
	ingest_reap(p);
	ingest_serve(p);
}

static void
ingest_task(struct pg_task *t)
{
	struct pg_ingest_pool *p = PG_CONTAINER(t, struct pg_ingest_pool,
	    task);
	struct pg_ingest *in;

	if (p->closed) {
		free(p);
		return;
	}
	ingest_serve(p);
	while (!ingest_list_empty(&p->news)) {
		in = PG_CONTAINER(p->news.next, struct pg_ingest, news);
		ingest_list_del(&in->news);
		if (in->done != NULL)
			ingest_settle(in);
		else
			in->on_room(in->arg);
	}
}

/* ---- Doors ---- */

PG_FN struct pg_ingest_pool *
pg_ingest_pool_new(struct pg_loop *l, struct pg_work *w, struct pg_err *e)
{
	struct pg_ingest_pool *p = pg_alloc(sizeof(*p));
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	if (fd < 0) {
		pg_fail_sys(e, "eventfd");
		free(p);
		return NULL;
	}
	if (pg_io_add(l, &p->bell, fd, EPOLLIN, ingest_on_bell, e) < 0) {
		close(fd);
		free(p);
		return NULL;
	}
	p->loop = l;
	p->work = w;
	ingest_list_init(&p->all);
	ingest_list_init(&p->holders);
	ingest_list_init(&p->waiting);
	ingest_list_init(&p->news);
	ingest_list_init(&p->jobs);
	pthread_mutex_init(&p->lock, NULL);
	return p;
}

PG_FN void
pg_ingest_pool_free(struct pg_ingest_pool *p)
{
	struct pg_ingest *in;

	if (p == NULL)
		return;
	while (!ingest_list_empty(&p->all)) {
		in = PG_CONTAINER(p->all.next, struct pg_ingest, all);
		ingest_empty(in);
		ingest_release(in);
	}
	pg_io_del(&p->bell);
	close(p->bell.fd);
	pthread_mutex_destroy(&p->lock);
	p->closed = true;
	if (!p->task.queued)
		free(p);
}

PG_FN struct pg_ingest *
pg_ingest_new(struct pg_ingest_pool *p, int fd, void (*on_room)(void *arg),
    void *arg)
{
	struct pg_ingest *in = pg_alloc(sizeof(*in));

	in->pool = p;
	in->fd = fd;
	in->on_room = on_room;
	in->arg = arg;
	in->hash.in = in->write.in = in;
	in->hash.job.run = ingest_hash_run;
	in->write.job.run = ingest_write_run;
	in->hash.job.done = in->write.job.done = ingest_on_job;
	pg_sha256_init(&in->sha);
	ingest_list_add(&p->all, &in->all);
	return in;
}

PG_FN struct pg_ingest *
pg_ingest_create(struct pg_ingest_pool *p, int dir, const char *name,
    void (*on_room)(void *arg), void *arg)
{
	struct pg_ingest *in = pg_ingest_new(p, -1, on_room, arg);

	assert(strlen(name) < sizeof(in->name));
	in->dir = dir;
	memcpy(in->name, name, strlen(name) + 1);
	return in;
}

PG_FN char *
pg_ingest_room(struct pg_ingest *in, size_t *n, struct pg_err *e)
{
	char *p;

	*n = 0;
	assert(in->done == NULL);
	if (ingest_failed(in, e))
		return NULL;
	p = in->held.p != NULL ? in->held.p + in->held.n : ingest_lend(in);
	if (p != NULL)
		*n = PG_INGEST_BUFFER - in->held.n;
	return p;
}

PG_FN void
pg_ingest_filled(struct pg_ingest *in, size_t n)
{
	struct pg_ingest_pool *p = in->pool;

	if (n == 0)
		return;
	assert(n <= PG_INGEST_BUFFER - in->held.n);
	if (in->held.p == NULL)
		in->held.p = p->spare[--p->nspare];
	in->held.n += n;
	in->size += n;
	/* The last of those that may have to do without. */
	ingest_list_del(&in->place);
	ingest_list_add(&p->holders, &in->place);
	if (in->held.n == PG_INGEST_BUFFER || !ingest_list_empty(&p->waiting))
		ingest_seal(in);
}

PG_FN void
pg_ingest_fail(struct pg_ingest *in, const struct pg_err *why)
{
	ingest_set_err(in, why);
	ingest_tell(in);
}

/* It wants none any more. */
static void
ingest_forget(struct pg_ingest *in)
{
	ingest_list_del(&in->place);
	ingest_list_del(&in->news);
	ingest_set_wants(in, false);
	ingest_uncall(in);
	ingest_serve(in->pool);
}

PG_FN void
pg_ingest_finish(struct pg_ingest *in, void (*done)(void *arg,
    const uint8_t sha[PG_SHA256_SIZE], uint64_t size,
    const struct pg_err *err), void *arg)
{
	if (in->held.n > 0)
		ingest_seal(in);
	ingest_forget(in);
	in->done = done;
	in->done_arg = arg;
	pthread_mutex_lock(&in->pool->lock);
	in->ending = true;
	pthread_mutex_unlock(&in->pool->lock);
	ingest_kick(in);
	if (ingest_failed(in, NULL))
		ingest_tell(in);
}

/* Not at the workers yet: it need not go there. */
static void
ingest_call_off(struct ingest_job *k)
{
	if (k->link.next == NULL)
		return;
	ingest_list_del(&k->link);
	k->busy = false;
}

PG_FN void
pg_ingest_free(struct pg_ingest *in)
{
	if (in == NULL)
		return;
	ingest_forget(in);
	ingest_call_off(&in->hash);
	ingest_call_off(&in->write);
	pthread_mutex_lock(&in->pool->lock);
	in->dead = true;
	pthread_mutex_unlock(&in->pool->lock);
	ingest_bury(in);
}

PG_FN int
pg_file_sha256(int fd, uint8_t out[PG_SHA256_SIZE], uint64_t *size,
    struct pg_err *e)
{
	char *buffer = pg_alloc(PG_INGEST_BUFFER);
	struct pg_sha256 sha;
	ssize_t n;

	pg_sha256_init(&sha);
	*size = 0;
	for (;;) {
		n = pread(fd, buffer, PG_INGEST_BUFFER, (off_t)*size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		pg_sha256_add(&sha, buffer, (size_t)n);
		*size += (uint64_t)n;
	}
	free(buffer);
	if (n < 0)
		return pg_fail_sys(e, "read");
	pg_sha256_end(&sha, out);
	return 0;
}

#undef INGEST_BURST
