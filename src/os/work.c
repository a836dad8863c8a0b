/* work: worker threads for what blocks or is long.
 *
 * One queue of jobs under one lock; each worker takes the oldest. A finished
 * job goes to a second list, and the first of that list rings an eventfd, so
 * that the loop thread calls `done` for all that have gathered. Jobs start in
 * the order they were submitted; nothing is promised about the order in which
 * they finish. A job belongs to its submitter again once `done` is called.
 *
 * Workers never get signals: those are the loop's.
 */
#include "work.h"
#include "../base/mem.h"

#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct work_list {
	struct pg_job *head, **end;
};

struct work_thread {
	struct pg_work *work;
	pthread_t id;
	struct pg_job *job; /* that it runs */
	bool left;          /* it ends alone, after that job */
};

/* Owner: whoever called pg_work_new; then the last thread that was left. The
 * lock guards what follows it, and the threads' jobs; the rest is the loop
 * thread's. */
struct pg_work {
	struct pg_io bell; /* the eventfd */
	struct work_thread threads[PG_WORK_THREADS];
	unsigned nthreads;

	pthread_mutex_t lock;
	pthread_cond_t more;
	unsigned users; /* once stopping: those who still touch this */
	struct work_list todo, finished;
	size_t ntodo;
	bool stopping;
};

/* ---- Lists ---- */

static void
work_list_clear(struct work_list *q)
{
	q->head = NULL;
	q->end = &q->head;
}

static void
work_list_add(struct work_list *q, struct pg_job *j)
{
	j->next = NULL;
	*q->end = j;
	q->end = &j->next;
}

static struct pg_job *
work_list_pop(struct work_list *q)
{
	struct pg_job *j = q->head;

	q->head = j->next;
	if (q->head == NULL)
		q->end = &q->head;
	return j;
}

/* ---- On the workers ---- */

/* The next job; NULL when it is time to end. */
static struct pg_job *
work_take(struct work_thread *t)
{
	struct pg_work *w = t->work;
	struct pg_job *j = NULL;

	pthread_mutex_lock(&w->lock);
	while (w->todo.head == NULL && !w->stopping)
		pthread_cond_wait(&w->more, &w->lock);
	if (!w->stopping) {
		j = work_list_pop(&w->todo);
		w->ntodo--;
	}
	t->job = j;
	pthread_mutex_unlock(&w->lock);
	return j;
}

static void
work_unref(struct pg_work *w)
{
	bool last;

	pthread_mutex_lock(&w->lock);
	last = --w->users == 0;
	pthread_mutex_unlock(&w->lock);
	if (!last)
		return;
	pthread_cond_destroy(&w->more);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

/* false: nobody waits for it, nor for this thread. */
static bool
work_finish(struct work_thread *t, struct pg_job *j)
{
	struct pg_work *w = t->work;
	bool first, left;

	pthread_mutex_lock(&w->lock);
	t->job = NULL;
	left = t->left;
	first = w->finished.head == NULL;
	if (!left)
		work_list_add(&w->finished, j);
	pthread_mutex_unlock(&w->lock);
	/* Fails only at 2^64 - 1 unread rings. */
	if (first && !left)
		(void)!eventfd_write(w->bell.fd, 1);
	if (left) {
		j->drop(j);
		work_unref(w);
	}
	return !left;
}

static void *
work_main(void *arg)
{
	struct work_thread *t = arg;
	struct pg_job *j;

	do {
		j = work_take(t);
		if (j != NULL)
			j->run(j);
	} while (j != NULL && work_finish(t, j));
	return NULL;
}

/* ---- On the loop thread ---- */

static void
work_on_bell(struct pg_io *io, uint32_t events)
{
	struct pg_work *w = PG_CONTAINER(io, struct pg_work, bell);
	struct pg_job *j, *next;
	eventfd_t rings;

	(void)events;
	/* The bell before the list: what is added in between rings again. */
	(void)!eventfd_read(io->fd, &rings);
	pthread_mutex_lock(&w->lock);
	j = w->finished.head;
	work_list_clear(&w->finished);
	pthread_mutex_unlock(&w->lock);
	for (; j != NULL; j = next) {
		next = j->next; /* done may free or submit j again */
		j->done(j);
	}
}

PG_FN struct pg_work *
pg_work_new(struct pg_loop *l, struct pg_err *e)
{
	struct pg_work *w;
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	if (fd < 0) {
		pg_fail_sys(e, "eventfd");
		return NULL;
	}
	w = pg_alloc(sizeof(*w));
	if (pg_io_add(l, &w->bell, fd, EPOLLIN, work_on_bell, e) < 0) {
		close(fd);
		free(w);
		return NULL;
	}
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->more, NULL);
	work_list_clear(&w->todo);
	work_list_clear(&w->finished);
	return w;
}

/* Leave the threads alone whose jobs permit it. */
static void
work_leave(struct pg_work *w)
{
	struct work_thread *t;
	unsigned i;

	for (i = 0; i < w->nthreads; i++) {
		t = &w->threads[i];
		t->left = t->job != NULL && t->job->drop != NULL;
		if (t->left) {
			pthread_detach(t->id);
			w->users++;
		}
	}
}

/* Those nobody has asked about: they own what they touch. */
static void
work_drop_all(struct work_list *q)
{
	struct pg_job *j;

	while (q->head != NULL) {
		j = work_list_pop(q);
		if (j->drop != NULL)
			j->drop(j);
	}
}

PG_FN void
pg_work_free(struct pg_work *w)
{
	unsigned i;

	if (w == NULL)
		return;
	pthread_mutex_lock(&w->lock);
	w->stopping = true;
	w->users = 1;
	work_leave(w);
	pthread_cond_broadcast(&w->more);
	pthread_mutex_unlock(&w->lock);
	for (i = 0; i < w->nthreads; i++)
		if (!w->threads[i].left)
			pthread_join(w->threads[i].id, NULL);
	work_drop_all(&w->todo);
	work_drop_all(&w->finished);
	pg_io_del(&w->bell);
	close(w->bell.fd);
	work_unref(w);
}

/* Start the workers. Fewer than wanted will do; none is a failure. */
static int
work_start(struct pg_work *w, struct pg_err *e)
{
	struct work_thread *t;
	pthread_attr_t attr;
	sigset_t all, before;
	int rc = 0;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, PG_WORK_STACK);
	/* A thread starts with the mask of its maker. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (rc == 0 && w->nthreads < PG_WORK_THREADS) {
		t = &w->threads[w->nthreads];
		t->work = w;
		rc = pthread_create(&t->id, &attr, work_main, t);
		if (rc == 0)
			w->nthreads++;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	if (w->nthreads > 0)
		return 0;
	errno = rc;
	return pg_fail_sys(e, "start of a worker thread");
}

PG_FN int
pg_work_submit(struct pg_work *w, struct pg_job *j, struct pg_err *e)
{
	bool full;

	if (w->nthreads == 0 && work_start(w, e) < 0)
		return -1;
	pthread_mutex_lock(&w->lock);
	full = w->ntodo == PG_WORK_QUEUE_MAX;
	if (!full) {
		work_list_add(&w->todo, j);
		w->ntodo++;
		pthread_cond_signal(&w->more);
	}
	pthread_mutex_unlock(&w->lock);
	if (full)
		return pg_fail(e, PG_E_BUSY, "workers: %d jobs are waiting "
		    "already", PG_WORK_QUEUE_MAX);
	return 0;
}

/* ---- Closing ---- */

/* Owner: itself. */
struct work_close {
	struct pg_job job;
	int fd; /* -1: closed */
};

static void
work_close_run(struct pg_job *j)
{
	struct work_close *k = PG_CONTAINER(j, struct work_close, job);

	close(k->fd);
	k->fd = -1;
}

static void
work_close_end(struct pg_job *j)
{
	struct work_close *k = PG_CONTAINER(j, struct work_close, job);

	if (k->fd >= 0)
		close(k->fd);
	free(k);
}

PG_FN void
pg_work_close(struct pg_work *w, int fd)
{
	struct work_close *k = pg_alloc(sizeof(*k));

	k->job.run = work_close_run;
	k->job.done = k->job.drop = work_close_end;
	k->fd = fd;
	if (w == NULL || pg_work_submit(w, &k->job, NULL) < 0)
		work_close_end(&k->job);
}
