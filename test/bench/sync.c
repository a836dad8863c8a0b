/* sync: the least it takes to make bytes survive: append them to a file, and
 * fdatasync.
 */
#include "bench.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int sync_fd;

void
sync_open(const char *folder)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/floor", folder);
	sync_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (sync_fd < 0)
		die_sys(path);
}

double
sync_run(size_t n)
{
	char *bytes = calloc(1, n);
	double began;

	if (bytes == NULL)
		die("sync: memory");
	began = now_ms();
	write_all(sync_fd, bytes, n);
	if (fdatasync(sync_fd) < 0)
		die_sys("fdatasync");
	began = now_ms() - began;
	free(bytes);
	return began;
}
