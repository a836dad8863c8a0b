/* loop: epoll, timers, and what is put off to the end of a turn.
 *
 * One turn is: wait; read the clock once; fire what is ready; fire the
 * timers that are due; run what was deferred. What is ready comes before
 * timers, so that data which arrived in time beats its own deadline.
 *
 * A callback may add, change and delete anything, including registrations
 * whose events lie further on in the same batch, and the kernel may reuse
 * the descriptor of one that was closed. Therefore each registration has a
 * slot and each slot a generation, which travel through the kernel in the
 * event: an event of another generation is of the past and is dropped.
 *
 * The loop owns none of what is registered; it only points at it.
 */
#include "loop.h"
#include "../base/mem.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* Events taken from the kernel in one turn. */
#define LOOP_BATCH 256
#define LOOP_SLOTS_MIN 64
#define LOOP_HEAP_MIN 64
#define LOOP_NO_SLOT UINT32_MAX
/* What epoll reports without being asked. */
#define LOOP_UNASKED ((uint32_t)(EPOLLERR | EPOLLHUP))

struct loop_slot {
	struct pg_io *io; /* NULL: free */
	uint32_t gen;     /* of the present or the last registration */
	uint32_t next_free;
};

/* A place in the heap. The key may be earlier than the timer's due, never
 * later: see pg_timer_set. */
struct loop_due {
	int64_t key;
	struct pg_timer *timer;
};

/* Owner: whoever called pg_loop_new. */
struct pg_loop {
	int epoll;
	bool stopped, turning;
	int64_t now; /* as of this turn; stale between turns */

	struct loop_slot *slots;
	uint32_t nslots, free_slot;

	struct loop_due *heap; /* binary, smallest key first */
	size_t nheap, heap_cap;

	struct pg_task *tasks, **tasks_end;

	struct pg_io signal_io;
	void (*on_signal)(void *arg, int signal);
	void *signal_arg;
};

/* ---- Life ---- */

PG_FN struct pg_loop *
pg_loop_new(struct pg_err *e)
{
	struct pg_loop *l;
	int fd = epoll_create1(EPOLL_CLOEXEC);

	if (fd < 0) {
		pg_fail_sys(e, "epoll_create");
		return NULL;
	}
	l = pg_alloc(sizeof(*l));
	l->epoll = fd;
	l->free_slot = LOOP_NO_SLOT;
	l->tasks_end = &l->tasks;
	return l;
}

/* Tasks deferred while these run stay for the next turn, which does not wait:
 * one that defers itself again cannot starve the sockets. */
static void
loop_sweep(struct pg_loop *l)
{
	struct pg_task *t = l->tasks, *next;

	l->tasks = NULL;
	l->tasks_end = &l->tasks;
	for (; t != NULL; t = next) {
		next = t->next; /* run may free t */
		t->queued = false;
		t->run(t);
	}
}

PG_FN void
pg_loop_free(struct pg_loop *l)
{
	if (l == NULL)
		return;
	/* These are mostly deferred frees: running them is the clean-up. */
	while (l->tasks != NULL)
		loop_sweep(l);
	if (l->signal_io.loop != NULL) {
		pg_io_del(&l->signal_io);
		close(l->signal_io.fd);
	}
	close(l->epoll);
	free(l->slots);
	free(l->heap);
	free(l);
}

PG_FN int64_t
pg_loop_now(const struct pg_loop *l)
{
	return l->turning ? l->now : pg_now();
}

PG_FN void
pg_loop_stop(struct pg_loop *l)
{
	l->stopped = true;
}

PG_FN void
pg_loop_defer(struct pg_loop *l, struct pg_task *t,
    void (*run)(struct pg_task *))
{
	assert(!t->queued || t->run == run);
	if (t->queued)
		return;
	*t = (struct pg_task){ .run = run, .queued = true };
	*l->tasks_end = t;
	l->tasks_end = &t->next;
}

/* ---- Descriptors ---- */

static void
loop_slots_grow(struct pg_loop *l)
{
	uint32_t i, n = l->nslots > 0 ? l->nslots * 2 : LOOP_SLOTS_MIN;

	l->slots = pg_realloc(l->slots, n * sizeof(*l->slots));
	for (i = n; i-- > l->nslots;) {
		l->slots[i] = (struct loop_slot){ .next_free = l->free_slot };
		l->free_slot = i;
	}
	l->nslots = n;
}

static uint32_t
loop_slot_take(struct pg_loop *l, struct pg_io *io)
{
	uint32_t slot;

	if (l->free_slot == LOOP_NO_SLOT)
		loop_slots_grow(l);
	slot = l->free_slot;
	l->free_slot = l->slots[slot].next_free;
	l->slots[slot].io = io;
	l->slots[slot].gen++;
	return slot;
}

static void
loop_slot_drop(struct pg_loop *l, uint32_t slot)
{
	l->slots[slot].io = NULL;
	l->slots[slot].next_free = l->free_slot;
	l->free_slot = slot;
}

/* Whoever wants nothing must not be woken by a hang-up over and over, yet
 * epoll cannot be told to leave that out. One-shot makes it at most once,
 * and loop_fire drops that. */
static int
loop_ctl(struct pg_loop *l, int op, const struct pg_io *io)
{
	struct epoll_event ev = { .events = io->events };

	if (ev.events == 0)
		ev.events = EPOLLONESHOT;
	ev.data.u64 = (uint64_t)l->slots[io->slot].gen << 32 | io->slot;
	return epoll_ctl(l->epoll, op, io->fd, &ev);
}

PG_FN int
pg_io_add(struct pg_loop *l, struct pg_io *io, int fd, uint32_t events,
    void (*on_ready)(struct pg_io *, uint32_t), struct pg_err *e)
{
	assert(io->loop == NULL);
	*io = (struct pg_io){ .on_ready = on_ready, .loop = l, .fd = fd,
		.events = events, .slot = loop_slot_take(l, io) };
	if (loop_ctl(l, EPOLL_CTL_ADD, io) == 0)
		return 0;
	loop_slot_drop(l, io->slot);
	io->loop = NULL;
	return pg_fail_sys(e, "watch descriptor %d", fd);
}

PG_FN void
pg_io_want(struct pg_io *io, uint32_t events)
{
	int rc;

	if (io->events == events)
		return;
	io->events = events;
	/* Fails only for a descriptor that was closed before pg_io_del. */
	rc = loop_ctl(io->loop, EPOLL_CTL_MOD, io);
	assert(rc == 0);
}

PG_FN void
pg_io_del(struct pg_io *io)
{
	int rc;

	if (io->loop == NULL)
		return;
	rc = epoll_ctl(io->loop->epoll, EPOLL_CTL_DEL, io->fd, NULL);
	assert(rc == 0);
	loop_slot_drop(io->loop, io->slot);
	io->loop = NULL;
}

static void
loop_fire(struct pg_loop *l, const struct epoll_event *ev)
{
	const struct loop_slot *slot = &l->slots[(uint32_t)ev->data.u64];
	struct pg_io *io = slot->io;
	uint32_t got;

	if (io == NULL || slot->gen != ev->data.u64 >> 32 || io->events == 0)
		return;
	got = ev->events & (io->events | LOOP_UNASKED);
	/* An error is found out by doing what one is waiting to do. */
	if ((got & LOOP_UNASKED) != 0)
		got |= io->events & (uint32_t)(EPOLLIN | EPOLLOUT);
	if (got != 0)
		io->on_ready(io, got);
}

/* ---- Timers ---- */

static void
loop_heap_put(struct pg_loop *l, size_t at, struct loop_due d)
{
	l->heap[at] = d;
	d.timer->at = at;
}

/* Put d where it belongs on the way from the hole at `at` to the root. */
static void
loop_heap_up(struct pg_loop *l, size_t at, struct loop_due d)
{
	while (at > 0 && l->heap[(at - 1) / 2].key > d.key) {
		loop_heap_put(l, at, l->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	loop_heap_put(l, at, d);
}

/* Put d where it belongs below the hole at `at`. */
static void
loop_heap_down(struct pg_loop *l, size_t at, struct loop_due d)
{
	size_t child;

	while ((child = 2 * at + 1) < l->nheap) {
		if (child + 1 < l->nheap &&
		    l->heap[child + 1].key < l->heap[child].key)
			child++;
		if (l->heap[child].key >= d.key)
			break;
		loop_heap_put(l, at, l->heap[child]);
		at = child;
	}
	loop_heap_put(l, at, d);
}

static void
loop_timer_insert(struct pg_loop *l, struct pg_timer *t)
{
	if (l->nheap == l->heap_cap) {
		l->heap_cap = PG_MAX(l->heap_cap * 2, LOOP_HEAP_MIN);
		l->heap = pg_realloc(l->heap, l->heap_cap * sizeof(*l->heap));
	}
	t->loop = l;
	loop_heap_up(l, l->nheap++, (struct loop_due){ t->due, t });
}

/* When a delay from now ends. At least 1 ns ahead, so that a timer which
 * re-arms itself for 0 comes again in the next turn, not for ever in this
 * one. */
static int64_t
loop_due_at(const struct pg_loop *l, int64_t delay)
{
	int64_t now = pg_loop_now(l);

	if (delay < 1)
		delay = 1;
	return delay < PG_NEVER - now ? now + delay : PG_NEVER;
}

/* Deadlines are re-armed with every request and hardly ever met. One that
 * moves to a later time keeps its place in the heap: when its old time comes,
 * loop_fire_timers sees that it is not due and only then moves it. */
PG_FN void
pg_timer_set(struct pg_loop *l, struct pg_timer *t, int64_t delay,
    void (*on_time)(struct pg_timer *))
{
	assert(t->loop == NULL || t->loop == l);
	if (delay == PG_NEVER) {
		pg_timer_stop(t);
		return;
	}
	t->on_time = on_time;
	t->due = loop_due_at(l, delay);
	if (t->loop == NULL)
		loop_timer_insert(l, t);
	else if (t->due < l->heap[t->at].key)
		loop_heap_up(l, t->at, (struct loop_due){ t->due, t });
}

PG_FN void
pg_timer_stop(struct pg_timer *t)
{
	struct pg_loop *l = t->loop;
	struct loop_due last;

	if (l == NULL)
		return;
	t->loop = NULL;
	last = l->heap[--l->nheap];
	if (last.timer == t)
		return;
	/* The last one fills the hole, and may belong above or below it. */
	if (t->at > 0 && l->heap[(t->at - 1) / 2].key > last.key)
		loop_heap_up(l, t->at, last);
	else
		loop_heap_down(l, t->at, last);
}

/* Ends: l->now stands still, and whatever is armed meanwhile is later. */
static void
loop_fire_timers(struct pg_loop *l)
{
	struct pg_timer *t;

	while (l->nheap > 0 && l->heap[0].key <= l->now) {
		t = l->heap[0].timer;
		if (t->due > l->heap[0].key) {
			loop_heap_down(l, 0, (struct loop_due){ t->due, t });
			continue;
		}
		pg_timer_stop(t);
		t->on_time(t);
	}
}

/* ---- Turns ---- */

/* Milliseconds for epoll_wait. Rounded up: rounded down, the last fraction
 * before a timer would be spent spinning. The clock is read again because
 * the callbacks of the last turn may have taken long. */
static int
loop_wait_ms(const struct pg_loop *l, int64_t wait)
{
	if (l->tasks != NULL || wait <= 0)
		return 0;
	if (l->nheap > 0)
		wait = PG_MIN(wait, l->heap[0].key - pg_now());
	if (wait <= 1) /* see loop_due_at */
		return 0;
	if (wait == PG_NEVER)
		return -1;
	return (int)PG_MIN((wait - 1) / PG_MS + 1, INT_MAX);
}

PG_FN int
pg_loop_turn(struct pg_loop *l, int64_t max_wait, struct pg_err *e)
{
	struct epoll_event ready[LOOP_BATCH];
	int i, n;

	assert(!l->turning);
	n = epoll_wait(l->epoll, ready, LOOP_BATCH, loop_wait_ms(l, max_wait));
	if (n < 0 && errno != EINTR)
		return pg_fail_sys(e, "epoll_wait");
	l->now = pg_now();
	l->turning = true;
	for (i = 0; i < n; i++)
		loop_fire(l, &ready[i]);
	loop_fire_timers(l);
	loop_sweep(l);
	l->turning = false;
	return 0;
}

PG_FN int
pg_loop_run(struct pg_loop *l, struct pg_err *e)
{
	while (!l->stopped)
		if (pg_loop_turn(l, PG_NEVER, e) < 0)
			return -1;
	l->stopped = false;
	return 0;
}

/* ---- Signals ---- */

static void
loop_on_signal(struct pg_io *io, uint32_t events)
{
	struct pg_loop *l = io->loop;
	struct signalfd_siginfo si;

	(void)events;
	while (read(io->fd, &si, sizeof(si)) == (ssize_t)sizeof(si))
		l->on_signal(l->signal_arg, (int)si.ssi_signo);
}

PG_FN int
pg_loop_signals(struct pg_loop *l, const int *signals, size_t n,
    void (*on_signal)(void *arg, int signal), void *arg, struct pg_err *e)
{
	sigset_t set;
	size_t i;
	int fd;

	sigemptyset(&set);
	for (i = 0; i < n; i++)
		sigaddset(&set, signals[i]);
	/* Blocked first: one that comes in between waits for the signalfd. */
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (fd < 0)
		return pg_fail_sys(e, "signalfd");
	l->on_signal = on_signal;
	l->signal_arg = arg;
	if (pg_io_add(l, &l->signal_io, fd, EPOLLIN, loop_on_signal, e) < 0) {
		close(fd);
		return -1;
	}
	return 0;
}

#undef LOOP_BATCH
#undef LOOP_SLOTS_MIN
#undef LOOP_HEAP_MIN
#undef LOOP_NO_SLOT
#undef LOOP_UNASKED
