/* skewed: the shipped program on a machine whose clock is wrong.
 *
 *	SKEW=SECONDS skewed WORD...
 *
 * The very object that paglets is linked of, but the time of day that it is
 * told is SKEW seconds off. Time that has passed is as ever. For tests of
 * hosts whose clocks do not agree.
 */
#include <stdlib.h>
#include <time.h>

int __real_clock_gettime(clockid_t id, struct timespec *t);
int __wrap_clock_gettime(clockid_t id, struct timespec *t);

int
__wrap_clock_gettime(clockid_t id, struct timespec *t)
{
	const char *skew = getenv("SKEW");
	int rc = __real_clock_gettime(id, t);

	if (rc == 0 && id == CLOCK_REALTIME && skew != NULL)
		t->tv_sec += strtol(skew, NULL, 10);
	return rc;
}
