/* clock: the two clocks, and seconds as peers write them. */
#include "clock.h"

#include <time.h>

#ifdef PG_TEST
static int64_t clock_mono, clock_wall;

void
pg_clock_fake(int64_t mono, int64_t wall)
{
	clock_mono = mono;
	clock_wall = wall;
}
#endif

static int64_t
clock_read(clockid_t id)
{
	struct timespec t;
	int rc = clock_gettime(id, &t);

	assert(rc == 0);
	(void)rc;
	return (int64_t)t.tv_sec * PG_SEC + t.tv_nsec;
}

PG_FN int64_t
pg_now(void)
{
#ifdef PG_TEST
	if (clock_mono != 0 || clock_wall != 0)
		return clock_mono;
#endif
	return clock_read(CLOCK_MONOTONIC);
}

PG_FN int64_t
pg_now_wall(void)
{
#ifdef PG_TEST
	if (clock_mono != 0 || clock_wall != 0)
		return clock_wall;
#endif
	return clock_read(CLOCK_REALTIME);
}

PG_FN int64_t
pg_from_seconds(double s)
{
	double ns = s * 1e9;

	/* Written so that NaN falls through to 0. */
	if (ns >= 0x1p63)
		return INT64_MAX;
	if (ns <= -0x1p63)
		return INT64_MIN;
	if (ns > -0x1p63)
		return (int64_t)ns;
	return 0;
}

PG_FN double
pg_to_seconds(int64_t ns)
{
	return (double)ns / 1e9;
}
