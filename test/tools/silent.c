/* silent: a server that takes connections and never says a word.
 *
 *	silent SECONDS [TEXT]
 *
 * Prints its URL, then accepts on a free loopback port until SECONDS are
 * over. With TEXT it answers GET requests, with that as JSON ("URL" within it
 * becomes its own), and is silent about all others. For tests of everything
 * that must not wait forever.
 */
#include <sys/socket.h>

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A free loopback port that listens; its URL goes to url. */
static int
silent_listen(char url[64])
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, len) < 0 ||
	    listen(fd, 64) < 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &len) < 0) {
		perror("silent");
		exit(1);
	}
	snprintf(url, 64, "http://127.0.0.1:%d", ntohs(a.sin_port));
	return fd;
}

static void
silent_answer(int fd, const char *text, const char *url)
{
	const char *at = strstr(text, "URL");
	char body[4096], head[256], request[4];

	if (recv(fd, request, sizeof(request), MSG_WAITALL) !=
	    sizeof(request) || memcmp(request, "GET ", 4) != 0)
		return;
	if (at == NULL)
		snprintf(body, sizeof(body), "%s", text);
	else
		snprintf(body, sizeof(body), "%.*s%s%s", (int)(at - text),
		    text, url, at + 3);
	snprintf(head, sizeof(head), "HTTP/1.0 200 OK\r\nContent-Type: "
	    "application/json\r\nContent-Length: %zu\r\n\r\n", strlen(body));
	send(fd, head, strlen(head), MSG_NOSIGNAL | MSG_MORE);
	send(fd, body, strlen(body), MSG_NOSIGNAL);
	shutdown(fd, SHUT_WR);
}

int
main(int argc, char **argv)
{
	char url[64];
	int fd, conn;

	if (argc < 2) {
		fputs("usage: silent SECONDS [TEXT]\n", stderr);
		return 2;
	}
	fd = silent_listen(url);
	printf("%s\n", url);
	fflush(stdout);
	alarm((unsigned)strtoul(argv[1], NULL, 10));
	/* What is accepted stays open until the alarm ends us. */
	while ((conn = accept(fd, NULL, NULL)) >= 0)
		if (argc > 2)
			silent_answer(conn, argv[2], url);
	return 1;
}
