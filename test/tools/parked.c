/* parked: many nodes at a hub, each of which has connected, polls, and waits.
 *
 *	parked N ADDRESS PORT KEY VERSION SECONDS
 *
 * Node I is called parked-I. Says "parked" when the polls of all of them have
 * been sent; polls that end with nothing are sent again, and what one of them
 * brings is left undone. Ends after so many seconds, or when it is killed.
 * Exit code 1: the hub did not take one of them.
 */
#include <sys/resource.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void
parked_die(const char *what)
{
	perror(what);
	exit(1);
}

static int
parked_connect(const char *address, const char *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)strtoul(port, NULL, 10)) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (inet_pton(AF_INET, address, &a.sin_addr) != 1 || fd < 0 ||
	    connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		parked_die("parked: connect");
	return fd;
}

/* Read one answer whole, which has a Content-Length and status 200; its last
 * piece begins at what is returned. */
static const char *
parked_read(int fd)
{
	static char buf[1 << 20];
	size_t n = 0, body = 0;
	char *end = NULL, *length;
	const char *last = buf;
	ssize_t got;

	while (end == NULL || n < body) {
		got = recv(fd, buf + n, sizeof(buf) - 1 - n, 0);
		if (got <= 0)
			parked_die("parked: answer");
		n += (size_t)got;
		buf[n] = '\0';
		if (end == NULL) {
			end = strstr(buf, "\r\n\r\n");
			length = strstr(buf, "Content-Length: ");
			if (end == NULL || length == NULL)
				continue;
			if (strncmp(buf, "HTTP/1.1 200", 12) != 0) {
				fprintf(stderr, "parked: %.200s\n", buf);
				exit(1);
			}
			n -= (size_t)(end + 4 - buf);
			body = strtoul(length + 16, NULL, 10);
			last = end + 4;
		}
		/* What it says is thrown away. */
		if (n < body) {
			body -= n;
			n = 0;
			last = buf;
		}
	}
	return last;
}

static void
parked_poll(char **argv, int fd, long i)
{
	char text[400];
	int n;

	n = snprintf(text, sizeof(text), "GET /relay/poll/parked-%ld"
	    "?timeout=60 HTTP/1.1\r\nHost: %s:%s\r\nAuthorization: Bearer "
	    "%s\r\n\r\n", i, argv[2], argv[3], argv[4]);
	if (send(fd, text, (size_t)n, 0) != n)
		parked_die("parked: send");
}

static int
parked_node(char **argv, long i)
{
	char body[400], text[1200];
	int fd = parked_connect(argv[2], argv[3]), n;

	n = snprintf(body, sizeof(body), "{\"health\": {\"name\": "
	    "\"parked-%ld\", \"code_version\": \"%s\", \"active_count\": 0, "
	    "\"inactive_count\": 0, \"tags\": [], \"properties\": {}}}", i,
	    argv[5]);
	n = snprintf(text, sizeof(text), "POST /relay/connect HTTP/1.1\r\n"
	    "Host: %s:%s\r\nAuthorization: Bearer %s\r\nContent-Type: "
	    "application/json\r\nContent-Length: %d\r\n\r\n%s", argv[2],
	    argv[3], argv[4], n, body);
	if (send(fd, text, (size_t)n, 0) != n)
		parked_die("parked: send");
	parked_read(fd);
	parked_poll(argv, fd, i);
	return fd;
}

/* Keep the polls open until the time is over. */
static void
parked_stay(char **argv, struct pollfd *all, long n)
{
	time_t end = time(NULL) + (time_t)strtoul(argv[6], NULL, 10);
	long i;

	while (time(NULL) < end && poll(all, (nfds_t)n, 1000) >= 0)
		for (i = 0; i < n; i++) {
			if (all[i].revents == 0)
				continue;
			if (strstr(parked_read(all[i].fd), "\"delivery\": null") != NULL)
				parked_poll(argv, all[i].fd, i);
		}
}

int
main(int argc, char **argv)
{
	struct rlimit files;
	struct pollfd *all;
	long i, n;

	if (argc != 7) {
		fprintf(stderr, "usage: parked N ADDRESS PORT KEY VERSION "
		    "SECONDS\n");
		return 2;
	}
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	n = strtol(argv[1], NULL, 10);
	all = calloc((size_t)n + 1, sizeof(*all));
	for (i = 0; i < n; i++) {
		all[i].fd = parked_node(argv, i);
		all[i].events = POLLIN;
	}
	puts("parked");
	fflush(stdout);
	parked_stay(argv, all, n);
	free(all);
	return 0;
}
