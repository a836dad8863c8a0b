/* rawhttp: send bytes to a server just as they are, print what comes back.
 *
 *	rawhttp [-p BYTES] [-w MS] [-t SECONDS] [-h] [-n] HOST PORT <request
 *
 * -p, -w: send in pieces of that size with a pause after each. -h: shut down
 * the sending side at the end of the input. -n: no more input once anything
 * was answered. -t: give up after so long (default 20 s).
 *
 * Knows nothing of HTTP, so that tests can say what no client would. A
 * server that closes early does not stop it from reading what was answered.
 * Exit code 0: the server closed; 3: it had not when time was up; 4: it reset
 * the connection; 5: no connection; 2: usage.
 */
#include <sys/socket.h>

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define RAW_PIECE_MAX 65536

struct raw {
	int fd;
	size_t piece;
	long pause, deadline, next; /* ms; next: of the next piece */
	bool half_close, stop_early;
	bool input; /* there is more to send */
	char buf[RAW_PIECE_MAX];
	size_t n, sent; /* of the present piece */
};

static long
raw_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int
raw_connect(const char *host, const char *port)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list;
	int fd;

	if (getaddrinfo(host, port, &hints, &list) != 0)
		return -1;
	fd = socket(list->ai_family, SOCK_STREAM, 0);
	if (fd >= 0 && connect(fd, list->ai_addr, list->ai_addrlen) < 0) {
		close(fd);
		fd = -1;
	}
	freeaddrinfo(list);
	return fd;
}

static void
raw_end_input(struct raw *r)
{
	r->input = false;
	if (r->half_close)
		shutdown(r->fd, SHUT_WR);
}

/* One step of sending: fill the piece, or pass some of it on. */
static void
raw_send(struct raw *r)
{
	ssize_t n;

	if (r->sent == r->n) {
		n = read(STDIN_FILENO, r->buf, r->piece);
		r->n = n > 0 ? (size_t)n : 0;
		r->sent = 0;
		if (n <= 0)
			raw_end_input(r);
		return;
	}
	n = send(r->fd, r->buf + r->sent, r->n - r->sent,
	    MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n < 0 && errno != EAGAIN) {
		/* The answer may be there all the same. */
		r->input = false;
		return;
	}
	r->sent += n > 0 ? (size_t)n : 0;
	if (r->sent == r->n)
		r->next = raw_now() + r->pause;
}

/* 1: go on; otherwise what to exit with, negated. */
static int
raw_receive(struct raw *r)
{
	char buf[RAW_PIECE_MAX];
	ssize_t n = recv(r->fd, buf, sizeof(buf), MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN ? 1 : -4;
	if (n == 0)
		return 0;
	fwrite(buf, 1, (size_t)n, stdout);
	fflush(stdout);
	if (r->stop_early && r->input)
		raw_end_input(r);
	return 1;
}

static int
raw_run(struct raw *r)
{
	struct pollfd p = { .fd = r->fd };
	long now, wait;
	int rc;

	for (;;) {
		now = raw_now();
		if (now >= r->deadline)
			return 3;
		wait = r->deadline - now;
		p.events = POLLIN;
		if (r->input && now >= r->next)
			p.events |= POLLOUT;
		else if (r->input && r->next - now < wait)
			wait = r->next - now;
		if (poll(&p, 1, (int)wait) < 0)
			return 5;
		if (p.revents & POLLOUT)
			raw_send(r);
		if (p.revents & ~POLLOUT && (rc = raw_receive(r)) != 1)
			return -rc;
	}
}

int
main(int argc, char **argv)
{
	static struct raw r = { .piece = RAW_PIECE_MAX, .input = true };
	double seconds = 20;
	int c;

	while ((c = getopt(argc, argv, "p:w:t:hn")) != -1) {
		switch (c) {
		case 'p': r.piece = strtoul(optarg, NULL, 10); break;
		case 'w': r.pause = strtol(optarg, NULL, 10); break;
		case 't': seconds = strtod(optarg, NULL); break;
		case 'h': r.half_close = true; break;
		case 'n': r.stop_early = true; break;
		default: return 2;
		}
	}
	if (argc - optind != 2 || r.piece < 1 || r.piece > RAW_PIECE_MAX) {
		fputs("usage: rawhttp [-p BYTES] [-w MS] [-t SECONDS] [-h] "
		    "[-n] HOST PORT\n", stderr);
		return 2;
	}
	r.deadline = raw_now() + (long)(seconds * 1000);
	r.fd = raw_connect(argv[optind], argv[optind + 1]);
	if (r.fd < 0) {
		perror("rawhttp: connect");
		return 5;
	}
	return raw_run(&r);
}
