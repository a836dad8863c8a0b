/* skewed: the shipped program on a machine whose clock is wrong.
 *
 *	SKEW=SECONDS skewed WORD...
 *	SKEW=@FILE skewed WORD...
 *
 * The very object that paglets is linked of, but the time of day that it is
 * told is SKEW seconds off, or as many as stand in FILE, which may change.
 * Time that has passed is as ever. For tests of hosts whose clocks do not
 * agree, or jump.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int __real_clock_gettime(clockid_t id, struct timespec *t);
int __wrap_clock_gettime(clockid_t id, struct timespec *t);

static long
skewed_by(const char *skew)
{
	char text[32] = "";
	int fd;

	if (*skew != '@')
		return strtol(skew, NULL, 10);
	fd = open(skew + 1, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
		abort();
	close(fd);
	return strtol(text, NULL, 10);
}

int
__wrap_clock_gettime(clockid_t id, struct timespec *t)
{
	const char *skew = getenv("SKEW");
	int rc = __real_clock_gettime(id, t);

	if (rc == 0 && id == CLOCK_REALTIME && skew != NULL)
		t->tv_sec += skewed_by(skew);
	return rc;
}
