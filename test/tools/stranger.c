/* stranger: a server that is asked for much and keeps all it was told.
 *
 *	stranger [-p PORT] [-s STATUS] [-h HEADER] ADDR SECONDS FILE [TEXT]
 *
 * Prints its URL, then answers every request at ADDR (at a free port, unless
 * PORT is given) until SECONDS are over: with TEXT as JSON ("URL" within it
 * becomes its own), STATUS ("200 OK") and HEADER ("Name: value"; repeatable).
 * Every byte it receives is appended to FILE. For tests of what a host tells
 * somebody whom it does not know.
 */
#include <sys/prctl.h>
#include <sys/socket.h>

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STRANGER_HEADERS_MAX 2048
#define STRANGER_REQUEST_MAX 65536

static char url[128], headers[STRANGER_HEADERS_MAX];
static const char *status = "200 OK", *text = "{}";

static void
stranger_die(const char *what)
{
	perror(what);
	exit(1);
}

static int
stranger_listen(const char *host, const char *port)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICHOST }, *list;
	struct sockaddr_storage a;
	socklen_t len = sizeof(a);
	char bound[8];
	int fd, on = 1;

	if (getaddrinfo(host, port, &hints, &list) != 0)
		exit(2);
	fd = socket(list->ai_family, SOCK_STREAM, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (fd < 0 || bind(fd, list->ai_addr, list->ai_addrlen) < 0 ||
	    listen(fd, 64) < 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &len) < 0)
		stranger_die("stranger");
	getnameinfo((struct sockaddr *)&a, len, NULL, 0, bound, sizeof(bound),
	    NI_NUMERICSERV);
	snprintf(url, sizeof(url), list->ai_family == AF_INET6 ?
	    "http://[%s]:%s" : "http://%s:%s", host, bound);
	freeaddrinfo(list);
	return fd;
}

static void
stranger_answer(int fd)
{
	const char *at = strstr(text, "URL");
	char body[8192], head[STRANGER_HEADERS_MAX + 256];

	if (at == NULL)
		snprintf(body, sizeof(body), "%s", text);
	else
		snprintf(body, sizeof(body), "%.*s%s%s", (int)(at - text),
		    text, url, at + 3);
	snprintf(head, sizeof(head), "HTTP/1.1 %s\r\nContent-Type: "
	    "application/json\r\nConnection: close\r\n%s"
	    "Content-Length: %zu\r\n\r\n", status, headers, strlen(body));
	send(fd, head, strlen(head), MSG_NOSIGNAL | MSG_MORE);
	send(fd, body, strlen(body), MSG_NOSIGNAL);
	shutdown(fd, SHUT_WR);
}

/* One connection, in a process of its own, one request. What comes late is
 * kept too. */
static _Noreturn void
stranger_serve(int fd, int kept)
{
	static char in[STRANGER_REQUEST_MAX + 1];
	bool answered = false;
	size_t n = 0;
	ssize_t got;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(60);
	while (n < STRANGER_REQUEST_MAX &&
	    (got = recv(fd, in + n, STRANGER_REQUEST_MAX - n, 0)) > 0) {
		/* At once: whoever kills us sees all that came. */
		if (write(kept, in + n, (size_t)got) != got)
			stranger_die("stranger: file");
		n += (size_t)got;
		if (!answered && strstr(in, "\r\n\r\n") != NULL) {
			answered = true;
			stranger_answer(fd);
		}
	}
	exit(0);
}

static int
stranger_usage(void)
{
	fputs("usage: stranger [-p PORT] [-s STATUS] [-h HEADER] ADDR SECONDS "
	    "FILE [TEXT]\n", stderr);
	return 2;
}

static void
stranger_header(const char *line)
{
	size_t n = strlen(headers);

	snprintf(headers + n, sizeof(headers) - n, "%s\r\n", line);
}

int
main(int argc, char **argv)
{
	const char *port = "0";
	int c, fd, conn, kept;

	while ((c = getopt(argc, argv, "p:s:h:")) != -1) {
		switch (c) {
		case 'p': port = optarg; break;
		case 's': status = optarg; break;
		case 'h': stranger_header(optarg); break;
		default: return stranger_usage();
		}
	}
	if (argc - optind < 3)
		return stranger_usage();
	fd = stranger_listen(argv[optind], port);
	kept = open(argv[optind + 2], O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (kept < 0)
		stranger_die("stranger: file");
	if (argc - optind > 3)
		text = argv[optind + 3];
	printf("%s\n", url);
	fflush(stdout);
	signal(SIGCHLD, SIG_IGN);
	alarm((unsigned)strtoul(argv[optind + 1], NULL, 10));
	while ((conn = accept(fd, NULL, NULL)) >= 0) {
		if (fork() == 0)
			stranger_serve(conn, kept);
		close(conn);
	}
	return 1;
}
