/* loop: one level-triggered epoll loop per thread, a heap of timers, and work
 * put off to the end of a turn. Never free what the loop calls from within
 * its own callback: defer.
 */
#ifndef PG_LOOP_H
#define PG_LOOP_H

#include "../base/clock.h"
#include "../base/err.h"

#include <sys/epoll.h>

struct pg_loop;

/* Readiness of one descriptor. Embedded in its owner; the owner closes the
 * descriptor after pg_io_del. */
struct pg_io {
	void (*on_ready)(struct pg_io *io, uint32_t events);
	struct pg_loop *loop; /* NULL: not registered */
	int fd;
	uint32_t events;
	uint32_t slot; /* in the loop's table of generations */
};

/* Embedded; zero = idle. */
struct pg_timer {
	void (*on_time)(struct pg_timer *t);
	struct pg_loop *loop; /* NULL: idle */
	int64_t due;          /* pg_now() */
	size_t at;            /* place in the heap */
};

/* Something to be done once at the end of this turn (what is deferred by such
 * a task: the next, which does not wait). Embedded; zero = idle. The owner
 * may not free it while it is queued; run may. */
struct pg_task {
	void (*run)(struct pg_task *t);
	struct pg_task *next;
	bool queued;
};

PG_FN struct pg_loop *pg_loop_new(struct pg_err *e);
/* Runs what is still deferred; everything else must have been deleted. */
PG_FN void pg_loop_free(struct pg_loop *l);
/* Turns until pg_loop_stop. -1 only when epoll itself fails. */
PG_FN int pg_loop_run(struct pg_loop *l, struct pg_err *e);
/* One turn: waits at most max_wait ns (0: polls). */
PG_FN int pg_loop_turn(struct pg_loop *l, int64_t max_wait, struct pg_err *e);
PG_FN void pg_loop_stop(struct pg_loop *l);
/* Within a turn pg_now() as of its start, no clock call; else pg_now(). */
PG_FN int64_t pg_loop_now(const struct pg_loop *l);

/* Register. A callback never comes for events no longer wanted, nor for a
 * registration that was deleted earlier in the same turn. Errors and hang-ups
 * come with whatever of EPOLLIN and EPOLLOUT is wanted: read or write to find
 * out; who wants nothing (0) is told nothing. */
PG_FN int pg_io_add(struct pg_loop *l, struct pg_io *io, int fd,
    uint32_t events, void (*on_ready)(struct pg_io *, uint32_t),
    struct pg_err *e);
/* Change what is wanted; nothing is done when it is the same. */
PG_FN void pg_io_want(struct pg_io *io, uint32_t events);
PG_FN void pg_io_del(struct pg_io *io);

/* (Re)arm for `delay` ns from now (pg_loop_now), never in this same turn;
 * PG_NEVER disarms. Cheap when it moves an armed timer to a later time. */
PG_FN void pg_timer_set(struct pg_loop *l, struct pg_timer *t, int64_t delay,
    void (*on_time)(struct pg_timer *));
PG_FN void pg_timer_stop(struct pg_timer *t);

PG_FN void pg_loop_defer(struct pg_loop *l, struct pg_task *t,
    void (*run)(struct pg_task *));

/* Signals as events (signalfd): blocks them in this thread first. The
 * callback gets the signal number. Call once per loop. */
PG_FN int pg_loop_signals(struct pg_loop *l, const int *signals, size_t n,
    void (*on_signal)(void *arg, int signal), void *arg, struct pg_err *e);

#endif
