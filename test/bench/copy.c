/* copy: the least it takes to bring bytes from one process to another over
 * TCP on loopback: connect, send, and wait for the word that all are there.
 */
#include "bench.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define PIECE (256 * 1024)

/* Take one copy: 8 bytes of length, then the rest. */
static void
copy_take(int fd)
{
	static char piece[PIECE];
	uint64_t left;
	ssize_t n;

	if (recv(fd, &left, sizeof(left), MSG_WAITALL) != sizeof(left))
		die("copy: no length");
	while (left > 0) {
		n = recv(fd, piece, left < PIECE ? (size_t)left : PIECE, 0);
		if (n <= 0)
			die("copy: cut short");
		left -= (uint64_t)n;
	}
	write_all(fd, "k", 1);
	close(fd);
}

pid_t
copy_start(uint16_t *port)
{
	int listener = listen_any(port);
	pid_t pid = fork();

	if (pid < 0)
		die_sys("copy: fork");
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			copy_take(accept(listener, NULL, NULL));
	}
	close(listener);
	return pid;
}

double
copy_run(uint16_t port, size_t n)
{
	char *bytes = malloc(n), word;
	uint64_t length = n;
	double began;
	int fd;

	if (bytes == NULL)
		die("copy: memory");
	memset(bytes, 'x', n);
	began = now_ms();
	fd = connect_to(port);
	write_all(fd, &length, sizeof(length));
	write_all(fd, bytes, n);
	if (recv(fd, &word, 1, 0) != 1)
		die("copy: no answer");
	began = now_ms() - began;
	close(fd);
	free(bytes);
	return began;
}
