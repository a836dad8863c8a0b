/* silent: a server that takes connections and never says a word.
 *
 *	silent [SECONDS]
 *
 * Prints its URL, then accepts on a free loopback port until SECONDS
 * (default 60) are over. For tests of everything that must not wait forever.
 */
#include <sys/socket.h>

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int
main(int argc, char **argv)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, len) < 0 ||
	    listen(fd, 64) < 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &len) < 0) {
		perror("silent");
		return 1;
	}
	printf("http://127.0.0.1:%d\n", ntohs(a.sin_port));
	fflush(stdout);
	alarm(argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 60);
	/* What is accepted stays open until the alarm ends us. */
	while (accept(fd, NULL, NULL) >= 0)
		continue;
	return 1;
}
