/* floor: the least an HTTP host with agents can do.
 *
 * One epoll loop; heads are searched for three things only (where they end,
 * the length of the body, whether to close); nothing is decoded. A POST goes
 * as a frame (4-byte length, body) to a child over a socket pair and comes
 * back as one. What is for the same child in one turn of the loop is written
 * at once. A request must arrive whole and alone on its connection, as the
 * load generator sends them: anything else ends the run.
 */
#include "bench.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUEST_MAX 4096
#define FRAMES_MAX (64 * 1024)
#define WAITING_MAX 256 /* requests at one child, a power of two */
#define BATCH 128

/* What stands behind an event. */
enum kind { LISTENER, CONN, CHILD };

struct conn {
	enum kind kind;
	int fd;
	bool close;
};

struct child {
	enum kind kind;
	int fd;
	struct conn *waiting[WAITING_MAX]; /* for answers, in order */
	unsigned first, last;
	size_t nout, nin;
	char out[FRAMES_MAX], in[FRAMES_MAX];
};

struct server {
	int epoll, listener;
	enum kind listener_kind;
	struct child *children;
	unsigned n;
};

static const char pong[] = "{\"result\": \"pong\"}";

/* ---- The child's side ---- */

/* Answer every whole frame in in[0, n); what is left moves to the front. */
static size_t
child_answer(int fd, char *in, size_t n)
{
	static char out[FRAMES_MAX];
	uint32_t length, size = sizeof(pong) - 1;
	size_t at = 0, nout = 0;

	while (n - at >= 4) {
		memcpy(&length, in + at, 4);
		if (n - at < 4 + length)
			break;
		at += 4 + length;
		memcpy(out + nout, &size, 4);
		memcpy(out + nout + 4, pong, size);
		nout += 4 + size;
	}
	write_all(fd, out, nout);
	memmove(in, in + at, n - at);
	return n - at;
}

static _Noreturn void
child_main(int fd)
{
	static char in[FRAMES_MAX];
	size_t n = 0;
	ssize_t got;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while ((got = read(fd, in + n, sizeof(in) - n)) > 0)
		n = child_answer(fd, in, n + (size_t)got);
	_exit(0);
}

/* ---- The server's side ---- */

static void
server_watch(struct server *s, int fd, void *who)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = who };

	if (epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &ev) < 0)
		die_sys("floor: epoll_ctl");
}

static void
server_accept(struct server *s)
{
	struct conn *c;
	int fd, on = 1;

	while ((fd = accept(s->listener, NULL, NULL)) >= 0) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		c = calloc(1, sizeof(*c));
		if (c == NULL)
			die("floor: memory");
		c->kind = CONN;
		c->fd = fd;
		server_watch(s, fd, c);
	}
}

static void
conn_end(struct conn *c)
{
	close(c->fd);
	free(c);
}

static void
conn_answer(struct conn *c, const char *body, uint32_t n)
{
	char text[REQUEST_MAX];
	int len = snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\n"
	    "Content-Type: application/json\r\n%sContent-Length: %u\r\n\r\n"
	    "%.*s", c->close ? "Connection: close\r\n" : "", (unsigned)n,
	    (int)n, body);

	write_all(c->fd, text, (size_t)len);
	if (c->close)
		conn_end(c);
}

static void
child_flush(struct child *k)
{
	write_all(k->fd, k->out, k->nout);
	k->nout = 0;
}

static void
child_put(struct child *k, struct conn *c, const char *body, size_t n)
{
	uint32_t length = (uint32_t)n;

	if (k->nout + 4 + n > sizeof(k->out))
		child_flush(k);
	memcpy(k->out + k->nout, &length, 4);
	memcpy(k->out + k->nout + 4, body, n);
	k->nout += 4 + n;
	k->waiting[k->last++ % WAITING_MAX] = c;
}

/* A whole request lies in text. */
static void
conn_request(struct server *s, struct conn *c, char *text, size_t n)
{
	char *end = strstr(text, "\r\n\r\n"), *field, *agent;
	size_t head, body = 0;

	if (end == NULL)
		die("floor: half a request");
	*end = '\0';
	head = (size_t)(end + 4 - text);
	field = strcasestr(text, "\ncontent-length:");
	if (field != NULL)
		body = strtoul(field + strlen("\ncontent-length:"), NULL, 10);
	if (head + body != n)
		die("floor: not one request");
	c->close = strcasestr(text, "\nconnection: close") != NULL;
	agent = strstr(text, "/agents/");
	if (agent == NULL)
		conn_answer(c, pong, sizeof(pong) - 1);
	else
		child_put(&s->children[strtoul(agent + strlen("/agents/"),
		    NULL, 10) % s->n], c, text + head, body);
}

static void
conn_ready(struct server *s, struct conn *c)
{
	char text[REQUEST_MAX];
	ssize_t n = read(c->fd, text, sizeof(text) - 1);

	if (n <= 0) {
		conn_end(c);
		return;
	}
	text[n] = '\0';
	conn_request(s, c, text, (size_t)n);
}

static void
child_ready(struct child *k)
{
	ssize_t n = read(k->fd, k->in + k->nin, sizeof(k->in) - k->nin);
	uint32_t length;
	size_t at = 0;

	if (n <= 0)
		die("floor: child ended");
	k->nin += (size_t)n;
	while (k->nin - at >= 4) {
		memcpy(&length, k->in + at, 4);
		if (k->nin - at < 4 + length)
			break;
		conn_answer(k->waiting[k->first++ % WAITING_MAX],
		    k->in + at + 4, length);
		at += 4 + length;
	}
	memmove(k->in, k->in + at, k->nin - at);
	k->nin -= at;
}

static void
server_turn(struct server *s)
{
	struct epoll_event ready[BATCH];
	int i, n = epoll_wait(s->epoll, ready, BATCH, -1);
	unsigned k;

	for (i = 0; i < n; i++)
		switch (*(enum kind *)ready[i].data.ptr) {
		case LISTENER:
			server_accept(s);
			break;
		case CONN:
			conn_ready(s, ready[i].data.ptr);
			break;
		case CHILD:
			child_ready(ready[i].data.ptr);
			break;
		}
	for (k = 0; k < s->n; k++)
		if (s->children[k].nout > 0)
			child_flush(&s->children[k]);
}

static void
server_add_child(struct server *s, struct child *k)
{
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		die_sys("floor: socketpair");
	pid = fork();
	if (pid < 0)
		die_sys("floor: fork");
	if (pid == 0) {
		close(pair[0]);
		child_main(pair[1]);
	}
	close(pair[1]);
	k->kind = CHILD;
	k->fd = pair[0];
	server_watch(s, k->fd, k);
}

static _Noreturn void
server_main(int listener, unsigned children)
{
	struct server s = { .listener = listener, .n = children,
		.listener_kind = LISTENER };
	unsigned i;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fcntl(listener, F_SETFL, O_NONBLOCK);
	s.epoll = epoll_create1(0);
	s.children = calloc(children, sizeof(*s.children));
	if (s.epoll < 0 || s.children == NULL)
		die_sys("floor: start");
	for (i = 0; i < children; i++)
		server_add_child(&s, &s.children[i]);
	server_watch(&s, listener, &s.listener_kind);
	for (;;)
		server_turn(&s);
}

pid_t
floor_start(unsigned children, int cpu, uint16_t *port)
{
	int listener = listen_any(port);
	pid_t pid = fork();

	if (pid < 0)
		die_sys("floor: fork");
	if (pid == 0) {
		pin(cpu);
		server_main(listener, children);
	}
	close(listener);
	return pid;
}
