/* sync: the least it takes to make bytes survive: append them to a file, or
 * write a file of them, and fdatasync.
 */
#include "bench.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIECE ((size_t)1024 * 1024)

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

double
sync_file(const char *folder, uint64_t n)
{
	static char piece[PIECE];
	char path[PATH_MAX];
	double began;
	int fd;

	memset(piece, 'x', PIECE);
	snprintf(path, sizeof(path), "%s/file", folder);
	began = now_ms();
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		die_sys(path);
	for (; n > 0; n -= PIECE)
		write_all(fd, piece, PIECE);
	if (fdatasync(fd) < 0)
		die_sys("fdatasync");
	began = now_ms() - began;
	unlink(path);
	close(fd);
	return began;
}
