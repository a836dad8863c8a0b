/* patience: time and threads for tests, whatever else the machine does.
 *
 * A test with real sockets turns its loop itself. Its clock goes by these
 * turns, a millisecond each: a deadline passes after so many of them, neither
 * sooner because the test was kept waiting, nor later.
 */
#ifndef PATIENCE_H
#define PATIENCE_H

#include "base/clock.h"
#include "os/loop.h"

/* Turns with nothing to do take a millisecond in fact. What has not happened
 * after so much of it never will. */
#define PATIENCE (60 * PG_SEC)

static int64_t patience_now;

/* In the setup, before a loop is made. */
static inline void
clock_by_turns(void)
{
	patience_now = 1000 * PG_SEC;
	pg_clock_fake(patience_now, patience_now);
}

static inline void
clock_pass(int64_t ns)
{
	patience_now += ns;
	pg_clock_fake(patience_now, patience_now);
}

static inline void
clock_turn(struct pg_loop *l)
{
	clock_pass(PG_MS);
	assert_int_equal(pg_loop_turn(l, PG_MS, NULL), 0);
}

/* In the teardown. */
static inline void
clock_real(void)
{
	pg_clock_fake(0, 0);
}

#endif
