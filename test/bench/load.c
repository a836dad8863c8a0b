/* load: an HTTP load generator.
 *
 * Each connection sends its request, waits for the whole answer, and sends
 * the next: a closed loop, so that the server sets the pace. One thread and
 * one epoll. The time of every request is kept; percentiles are exact. Time
 * for a new connection counts as part of its request.
 */
#include "bench.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_MAX 8192
#define ANSWER_TIME_MS 10000
#define BATCH 128

struct conn {
	int fd;           /* -1: none */
	const char *request;
	size_t request_n;
	double began;
	size_t n;         /* bytes of the answer so far */
	char answer[ANSWER_MAX];
};

/* ---- Times ---- */

void
times_add(struct times *t, double ms)
{
	if (t->n == t->cap) {
		t->cap = t->cap > 0 ? 2 * t->cap : 1 << 16;
		t->ms = realloc(t->ms, t->cap * sizeof(*t->ms));
		if (t->ms == NULL)
			die("memory for times");
	}
	t->ms[t->n++] = (float)ms;
}

static int
times_compare(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

void
times_sort(struct times *t)
{
	qsort(t->ms, t->n, sizeof(*t->ms), times_compare);
}

double
times_at(const struct times *t, double part)
{
	return (double)t->ms[(size_t)(part * (double)(t->n - 1))];
}

/* ---- Connections ---- */

static void
conn_begin(struct conn *c, int epoll, uint16_t port)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };

	c->began = now_ms();
	c->n = 0;
	if (c->fd < 0) {
		c->fd = connect_to(port);
		if (epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &ev) < 0)
			die_sys("epoll_ctl");
	}
	write_all(c->fd, c->request, c->request_n);
}

/* The bytes of the answer in all, 0 as long as that is not known. */
static size_t
conn_expects(struct conn *c)
{
	char *end, *field;

	c->answer[c->n] = '\0';
	end = strstr(c->answer, "\r\n\r\n");
	if (end == NULL)
		return 0;
	if (strncmp(c->answer + strlen("HTTP/1.1 "), "200", 3) != 0)
		die(c->answer);
	field = strcasestr(c->answer, "\ncontent-length:");
	if (field == NULL || field > end)
		die("answer without Content-Length");
	return (size_t)(end + 4 - c->answer) +
	    strtoul(field + strlen("\ncontent-length:"), NULL, 10);
}

/* Whether the answer is complete. */
static bool
conn_read(struct conn *c)
{
	ssize_t n = recv(c->fd, c->answer + c->n, ANSWER_MAX - 1 - c->n,
	    MSG_DONTWAIT);
	size_t whole;

	if (n < 0 && errno == EAGAIN)
		return false;
	if (n <= 0)
		die("answer: connection ended");
	c->n += (size_t)n;
	whole = conn_expects(c);
	if (whole >= ANSWER_MAX)
		die("answer: too long");
	return whole > 0 && c->n >= whole;
}

static struct conn *
conns_new(const struct load *l)
{
	struct conn *conns = calloc(l->conns, sizeof(*conns));
	unsigned i;

	if (conns == NULL)
		die("memory for connections");
	for (i = 0; i < l->conns; i++) {
		conns[i].fd = -1;
		conns[i].request = l->requests[i % l->nrequests];
		conns[i].request_n = strlen(conns[i].request);
	}
	return conns;
}

/* Take what has come. Connections that are done go on until the end; their
 * number, once they are told to stop. */
static unsigned
load_turn(const struct load *l, int epoll, double end, struct times *t)
{
	struct epoll_event ready[BATCH];
	int i, n = epoll_wait(epoll, ready, BATCH, ANSWER_TIME_MS);
	unsigned stopped = 0;
	struct conn *c;
	double now;

	if (n == 0)
		die("load: no answer in time");
	for (i = 0; i < n; i++) {
		c = ready[i].data.ptr;
		if (!conn_read(c))
			continue;
		now = now_ms();
		times_add(t, now - c->began);
		if (l->close || now >= end) {
			close(c->fd);
			c->fd = -1;
		}
		if (now < end)
			conn_begin(c, epoll, l->port);
		else
			stopped++;
	}
	return stopped;
}

struct load_result
load_run(const struct load *l)
{
	struct conn *conns = conns_new(l);
	struct times t = { NULL, 0, 0 };
	struct load_result r;
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	double began = now_ms();
	unsigned i, stopped = 0;

	for (i = 0; i < l->conns; i++)
		conn_begin(&conns[i], epoll, l->port);
	while (stopped < l->conns)
		stopped += load_turn(l, epoll, began + l->ms, &t);
	r.per_s = (double)t.n * 1000 / (now_ms() - began);
	times_sort(&t);
	r.p50_us = times_at(&t, 0.5) * 1000;
	r.p99_us = times_at(&t, 0.99) * 1000;
	close(epoll);
	free(conns);
	free(t.ms);
	return r;
}
