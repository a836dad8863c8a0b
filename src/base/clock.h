/* clock: time as int64 nanoseconds. Intervals use the monotonic clock, times
 * shown to people and peers the wall clock.
 */
#ifndef PG_CLOCK_H
#define PG_CLOCK_H

#include "base.h"

#define PG_MS INT64_C(1000000)
#define PG_SEC INT64_C(1000000000)
/* Later than any deadline. */
#define PG_NEVER INT64_MAX

PG_FN int64_t pg_now(void);      /* monotonic */
PG_FN int64_t pg_now_wall(void); /* since 1970 */
/* Seconds on the wire to nanoseconds, clamped to what fits; NaN is 0. */
PG_FN int64_t pg_from_seconds(double s);
PG_FN double pg_to_seconds(int64_t ns);

#ifdef PG_TEST
/* Tests: freeze both clocks at the given times; 0, 0 gives the real ones. */
void pg_clock_fake(int64_t mono, int64_t wall);
#endif

#endif
