/* between: passes connections on to a server, and cuts them when told.
 *
 *	between [-x TEXT] [-a TEXT] [-l TEXT] HOST PORT
 *
 * Prints its URL, then accepts on a free loopback port until it is killed.
 * SIGUSR1 cuts all connections there are. For tests of what happens when the
 * way between two breaks.
 *
 * -x: a connection that begins with TEXT is not passed on, but answered as a
 * host does that has no such route. -a: the first request that begins with
 * TEXT is passed on, but its answer is not: the connection is cut instead.
 * -l: the first request that begins with TEXT is passed on too late, whether
 * or not its sender is still there; what is answered goes to stderr.
 */
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BETWEEN_CHILDREN_MAX 256
#define BETWEEN_LATE 1500 /* ms that a late request takes */

/* What happens to the first of certain requests, on any connection. */
struct between_once {
	const char *text; /* how these begin; NULL: none */
	int *left;        /* how often yet; shared by all processes */
};

static struct between_once lost, late;

static const char no_route[] = "HTTP/1.0 400 Bad Request\r\n"
    "Content-Type: application/json\r\n\r\n"
    "{\"error_type\": \"HostError\", \"error\": \"No route for that\"}";

static volatile sig_atomic_t cut;

static void
between_on_signal(int sig)
{
	(void)sig;
	cut = 1;
}

static void
between_die(const char *what)
{
	perror(what);
	exit(1);
}

static int
between_listen(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, len) < 0 ||
	    listen(fd, 64) < 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &len) < 0)
		between_die("between: listen");
	printf("http://127.0.0.1:%d\n", ntohs(a.sin_port));
	fflush(stdout);
	return fd;
}

static int
between_connect(const char *host, const char *port)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list;
	int fd;

	if (getaddrinfo(host, port, &hints, &list) != 0)
		exit(1);
	fd = socket(list->ai_family, SOCK_STREAM, 0);
	if (fd < 0 || connect(fd, list->ai_addr, list->ai_addrlen) < 0)
		exit(1);
	return fd;
}

static void
between_send(int to, const char *p, ssize_t n)
{
	ssize_t k;

	for (; n > 0; p += k, n -= k)
		if ((k = send(to, p, (size_t)n, MSG_NOSIGNAL)) < 0)
			exit(0);
}

/* Have what has come. The end of one side is that of both. */
static ssize_t
between_receive(int from, char *buf, size_t size)
{
	ssize_t n = recv(from, buf, size, 0);

	if (n <= 0)
		exit(0);
	return n;
}

/* Whether these bytes are the request that is waited for. */
static int
between_is(const struct between_once *o, const char *p, ssize_t n)
{
	return o->text != NULL && (size_t)n >= strlen(o->text) &&
	    memcmp(p, o->text, strlen(o->text)) == 0 &&
	    __sync_fetch_and_sub(o->left, 1) > 0;
}

/* Pass on what the client says. */
static void
between_ask(int from, int to)
{
	char buf[65536];
	ssize_t n = between_receive(from, buf, sizeof(buf));

	if (between_is(&late, buf, n)) {
		poll(NULL, 0, BETWEEN_LATE);
		between_send(to, buf, n);
		n = between_receive(to, buf, sizeof(buf));
		fwrite(buf, 1, (size_t)n, stderr);
		exit(0);
	}
	between_send(to, buf, n);
	if (between_is(&lost, buf, n)) {
		between_receive(to, buf, sizeof(buf));
		exit(0);
	}
}

/* Pass on what the server says. */
static void
between_answer(int from, int to)
{
	char buf[65536];

	between_send(to, buf, between_receive(from, buf, sizeof(buf)));
}

/* A connection, in a process of its own. */
static void
between_serve(int fd, const char *refused, char **target)
{
	struct pollfd p[2] = { { .fd = fd, .events = POLLIN } };
	char head[256] = "";

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGUSR1, SIG_DFL);
	recv(fd, head, sizeof(head) - 1, MSG_PEEK);
	if (refused != NULL && strncmp(head, refused, strlen(refused)) == 0) {
		/* What is left unread would reset the answer away. */
		recv(fd, head, sizeof(head), 0);
		send(fd, no_route, sizeof(no_route) - 1, MSG_NOSIGNAL);
		exit(0);
	}
	p[1] = (struct pollfd){ between_connect(target[0], target[1]),
		POLLIN, 0 };
	for (;;) {
		if (poll(p, 2, -1) < 0)
			exit(1);
		if (p[0].revents != 0)
			between_ask(p[0].fd, p[1].fd);
		if (p[1].revents != 0)
			between_answer(p[1].fd, p[0].fd);
	}
}

static void
between_options(int argc, char **argv, const char **refused)
{
	int c, *left = mmap(NULL, 2 * sizeof(*left), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (left == MAP_FAILED)
		between_die("between: mmap");
	left[0] = left[1] = 1;
	lost.left = left;
	late.left = left + 1;
	while ((c = getopt(argc, argv, "x:a:l:")) != -1) {
		switch (c) {
		case 'x': *refused = optarg; break;
		case 'a': lost.text = optarg; break;
		case 'l': late.text = optarg; break;
		default: exit(2);
		}
	}
	if (argc - optind == 2)
		return;
	fputs("usage: between [-x TEXT] [-a TEXT] [-l TEXT] HOST PORT\n",
	    stderr);
	exit(2);
}

int
main(int argc, char **argv)
{
	struct sigaction on_signal = { .sa_handler = between_on_signal };
	static pid_t child[BETWEEN_CHILDREN_MAX];
	const char *refused = NULL;
	int fd, listener, n = 0;

	between_options(argc, argv, &refused);
	sigaction(SIGUSR1, &on_signal, NULL);
	listener = between_listen();
	while (n < BETWEEN_CHILDREN_MAX) {
		fd = accept(listener, NULL, NULL);
		if (fd < 0 && errno != EINTR)
			between_die("between: accept");
		if (fd >= 0 && (child[n++] = fork()) == 0)
			between_serve(fd, refused, argv + optind);
		if (fd >= 0)
			close(fd);
		for (; cut && n > 0; n--) {
			kill(child[n - 1], SIGKILL);
			waitpid(child[n - 1], NULL, 0);
		}
		cut = 0;
	}
	return 1;
}
