/* conn: the life of one connection, but for what it says (answer.c).
 *
 * A connection takes one request after the other from its input: the next
 * only once the present one has been answered. A request that arrives whole
 * costs one read and one write, and no allocation.
 */
#include "conn.h"
#include "../base/log.h"

#include <unistd.h>

/* Steps (two or three a request) before other connections have their turn. */
#define CONN_BURST 48

/* ---- Requests ---- */

static bool
conn_knows_method(struct pg_str m)
{
	return pg_str_eqz(m, "GET") || pg_str_eqz(m, "POST") ||
	    pg_str_eqz(m, "HEAD") || pg_str_eqz(m, "PUT") ||
	    pg_str_eqz(m, "DELETE");
}

/* Whether the request may go on: sets how much body is accepted. */
static int
conn_admit(struct pg_conn *c, struct pg_err *e)
{
	struct pg_slot *w = c->slot;
	int64_t accept = c->set->ops.on_head(c->set->arg, &w->x, e);

	if (accept < 0) {
		w->x.sink = NULL;
		return -1;
	}
	w->accept = (uint64_t)accept;
	if (w->head.has_length && w->head.length > w->accept)
		return pg_fail(e, PG_E_LIMIT, "request body of %" PRIu64
		    " bytes is over the limit of %" PRIu64, w->head.length,
		    w->accept);
	return 0;
}

/* Whether the peer waits for us to ask for the body (RFC 9110 10.1.1). */
static bool
conn_must_ask(const struct pg_slot *w)
{
	return w->head.expect_continue && w->head.minor > 0 &&
	    w->at == w->n && !pg_http1_body_done(&w->body);
}

/* A head has been parsed and the input is behind it. */
static void
conn_begin(struct pg_conn *c)
{
	struct pg_slot *w = c->slot;
	struct pg_err e = { .code = PG_E_OK };

	pg_slot_begin(w, c, &c->peer);
	if (!conn_knows_method(w->head.method)) {
		pg_fail(&e, PG_E_METHOD, "Unsupported method ('%.*s')",
		    PG_STR_ARG(w->head.method));
		pg_conn_refuse(c, &e, PG_CONN_LINGER);
		return;
	}
	if (conn_admit(c, &e) < 0) {
		pg_conn_refuse_request(c, &e);
		return;
	}
	c->phase = PG_CONN_BODY;
	if (!conn_must_ask(w))
		return;
	pg_buf_puts(&w->out, PG_STR("HTTP/1.1 100 Continue\r\n\r\n"));
	if (pg_conn_start_send(c, PG_CONN_BODY))
		pg_conn_written(c);
}

/* More of the head is needed. */
static void
conn_await_head(struct pg_conn *c)
{
	struct pg_str in = pg_slot_input(c->slot);
	struct pg_err e = { .code = PG_E_OK };

	/* Empty lines after a request are no request (RFC 9112 2.2). */
	if (in.n == 0 || (c->eof && pg_str_trim(in).n == 0)) {
		pg_conn_idle(c);
		return;
	}
	if (c->eof) {
		pg_fail(&e, PG_E_HOST, "connection ended within a request head");
		pg_slot_no_head(c->slot);
		pg_conn_refuse(c, &e, PG_CONN_LINGER);
		return;
	}
	if (!c->head_timed)
		pg_conn_deadline(c, c->set->limits.head_time);
	c->head_timed = true;
	pg_io_want(&c->io, EPOLLIN);
}

static bool
conn_step_head(struct pg_conn *c)
{
	struct pg_slot *w = c->slot;
	struct pg_err e = { .code = PG_E_OK };
	struct pg_str in;
	ssize_t n;

	if (w == NULL) {
		pg_conn_idle(c);
		return false;
	}
	/* Leaves room behind the head for a body or what comes after it. */
	if (w->at > PG_HTTP1_HEAD_MAX)
		pg_slot_compact(w);
	in = pg_slot_input(w);
	n = pg_http1_head_end(in, &w->scan, &e);
	if (n == 0) {
		conn_await_head(c);
		return false;
	}
	c->head_timed = false;
	in.n = (size_t)n;
	if (n < 0 || pg_http1_request_parse(in, &w->head, &e) < 0) {
		pg_slot_no_head(w);
		pg_conn_refuse(c, &e, PG_CONN_LINGER);
		return false;
	}
	w->at += (size_t)n;
	conn_begin(c);
	return true;
}

static void
conn_hand_over(struct pg_conn *c, struct pg_bulk *body)
{
	c->phase = PG_CONN_HANDLE;
	c->slot->x.body = body;
	c->slot->x.sink = NULL;
	c->set->ops.on_request(c->set->arg, &c->slot->x);
}

/* The body is not complete and the input used up. */
static void
conn_await_body(struct pg_conn *c)
{
	struct pg_err e = { .code = PG_E_OK };

	if (!c->eof) {
		pg_io_want(&c->io, EPOLLIN);
		pg_conn_deadline(c, c->set->limits.body_time);
		return;
	}
	pg_fail(&e, PG_E_HOST, "connection ended within the request body");
	pg_conn_refuse(c, &e, PG_CONN_LINGER);
}

/* The sink takes nothing: leave the rest in the socket, but notice when the
 * peer is gone. */
static void
conn_pause(struct pg_conn *c)
{
	c->paused = true;
	pg_io_want(&c->io, PG_CONN_WATCH);
	pg_timer_stop(&c->timer);
}

static bool
conn_step_sink(struct pg_conn *c)
{
	struct pg_err e = { .code = PG_E_OK };
	enum pg_intake_got got = pg_intake_buffered(c->slot, &e);

	if (got == PG_INTAKE_BAD)
		pg_conn_refuse(c, &e, PG_CONN_LINGER);
	else if (got == PG_INTAKE_PAUSED)
		conn_pause(c);
	else if (!pg_http1_body_done(&c->slot->body))
		conn_await_body(c);
	else {
		conn_hand_over(c, NULL);
		return true;
	}
	return false;
}

static bool
conn_step_in_place(struct pg_conn *c)
{
	struct pg_slot *w = c->slot;

	if (w->n - w->at < w->head.length) {
		conn_await_body(c);
		return false;
	}
	conn_hand_over(c, pg_slot_body_in_place(w));
	return true;
}

static bool
conn_step_body(struct pg_conn *c)
{
	struct pg_slot *w = c->slot;
	struct pg_err e = { .code = PG_E_OK };
	struct pg_bulk *body = NULL;

	if (w->x.sink != NULL)
		return conn_step_sink(c);
	if (pg_slot_in_place(w))
		return conn_step_in_place(c);
	if (pg_slot_take_body(w, PG_STR_NULL, true, &e) < 0)
		goto refuse;
	if (!pg_http1_body_done(&w->body)) {
		conn_await_body(c);
		return false;
	}
	if (w->body.total > 0) {
		body = pg_spool_finish(&w->spool, &e);
		if (body == NULL)
			goto refuse;
	}
	conn_hand_over(c, body);
	return true;
refuse:
	pg_conn_refuse(c, &e, PG_CONN_LINGER);
	return false;
}

static bool
conn_step_skip(struct pg_conn *c)
{
	struct pg_err e = { .code = PG_E_OK };
	int rc = pg_slot_take_body(c->slot, PG_STR_NULL, false, &e);

	/* Only bodies with a length are skipped: those cannot be ill-formed. */
	assert(rc == 0);
	if (!pg_http1_body_done(&c->slot->body)) {
		if (c->eof)
			pg_conn_drop(c, "closed by peer");
		else
			pg_io_want(&c->io, EPOLLIN);
		return false;
	}
	c->phase = PG_CONN_HEAD;
	return true;
}

/* Do the next thing the input allows. False: nothing is left to do. */
static bool
conn_step(struct pg_conn *c)
{
	switch (c->phase) {
	case PG_CONN_HEAD:
		return conn_step_head(c);
	case PG_CONN_BODY:
		return conn_step_body(c);
	case PG_CONN_SKIP:
		return conn_step_skip(c);
	case PG_CONN_HANDLE:
	case PG_CONN_STREAM:
	case PG_CONN_WRITE:
	case PG_CONN_LINGER:
	case PG_CONN_DEAD:
		return false;
	}
	return false;
}

/* Go on with the input for as long as there is some, within bounds. */
static void
conn_run(struct pg_conn *c)
{
	int budget = CONN_BURST;

	c->running = true;
	while (conn_step(c))
		if (--budget == 0) {
			pg_conn_later(c);
			break;
		}
	c->running = false;
}

/* ---- What the loop calls ---- */

static void
conn_write_more(struct pg_conn *c)
{
	if (!pg_conn_sent(c, pg_slot_send(c->slot, c->io.fd)))
		return;
	pg_buf_fini(&c->slot->out_body);
	pg_conn_written(c);
	conn_run(c);
}

static void
conn_task(struct pg_task *t)
{
	struct pg_conn *c = PG_CONTAINER(t, struct pg_conn, task);

	if (c->phase == PG_CONN_DEAD)
		free(c);
	else if (c->phase == PG_CONN_STREAM)
		pg_conn_stream_send(c);
	else if (c->phase == PG_CONN_WRITE)
		conn_write_more(c);
	else
		conn_run(c);
}

/* Something was read: go on. */
static void
conn_took(struct pg_conn *c, enum pg_intake_got got, const struct pg_err *e)
{
	switch (got) {
	case PG_INTAKE_EOF:
		c->eof = true;
		conn_run(c);
		break;
	case PG_INTAKE_SOME:
		conn_run(c);
		break;
	case PG_INTAKE_LOST:
		pg_conn_drop(c, strerror(errno));
		break;
	case PG_INTAKE_BAD:
		pg_conn_refuse(c, e, PG_CONN_LINGER);
		break;
	case PG_INTAKE_PAUSED:
		conn_pause(c);
		break;
	}
}

/* Read into the buffer. */
static void
conn_read_small(struct pg_conn *c)
{
	if (c->slot == NULL)
		c->slot = pg_slot_new(&c->set->slots);
	if (c->phase == PG_CONN_HEAD)
		pg_slot_compact(c->slot);
	conn_took(c, pg_intake_small(c->slot, c->io.fd), NULL);
}

/* We wait for something else than the peer. One that has only finished sending
 * still wants its answer, unless the handler knows better; what it sends
 * meanwhile waits in the socket. */
static void
conn_watch(struct pg_conn *c, uint32_t events)
{
	bool leaves = c->phase == PG_CONN_HANDLE && c->slot->x.leaves;
	uint32_t gone = EPOLLHUP | EPOLLERR | (leaves ? EPOLLRDHUP : 0);

	if ((events & gone) != 0)
		pg_conn_drop(c, "peer went away");
	else if ((events & EPOLLIN) != 0)
		pg_io_want(&c->io, leaves ? EPOLLRDHUP : PG_CONN_WATCH);
	else
		pg_io_want(&c->io, 0);
}

static void
conn_read_body(struct pg_conn *c, uint32_t events)
{
	struct pg_err e = { .code = PG_E_OK };

	if (c->paused)
		conn_watch(c, events);
	else
		conn_took(c, pg_intake_body(&c->set->intake, c->slot,
		    c->io.fd, &e), &e);
}

/* Throw away what comes after the last answer. */
static void
conn_read_linger(struct pg_conn *c)
{
	size_t n;
	enum pg_intake_got got = pg_intake_waste(&c->set->intake, c->io.fd,
	    &n);

	c->drained += n;
	if (got == PG_INTAKE_LOST)
		pg_conn_drop(c, strerror(errno));
	else if (got == PG_INTAKE_EOF)
		pg_conn_drop(c, "answered");
	else if (c->drained > c->set->limits.drain_bytes)
		pg_conn_drop(c, "keeps sending");
}

static void
conn_on_ready(struct pg_io *io, uint32_t events)
{
	struct pg_conn *c = PG_CONTAINER(io, struct pg_conn, io);

	switch (c->phase) {
	case PG_CONN_HEAD:
	case PG_CONN_SKIP:
		conn_read_small(c);
		break;
	case PG_CONN_BODY:
		conn_read_body(c, events);
		break;
	case PG_CONN_HANDLE:
		conn_watch(c, events);
		break;
	case PG_CONN_STREAM:
		pg_conn_stream_ready(c, events);
		break;
	case PG_CONN_WRITE:
		if (pg_filesend_waits(&c->slot->file))
			conn_watch(c, events);
		else
			conn_write_more(c);
		break;
	case PG_CONN_LINGER:
		conn_read_linger(c);
		break;
	case PG_CONN_DEAD:
		break;
	}
}

static void
conn_too_slow(struct pg_conn *c, const char *what)
{
	struct pg_err e = { .code = PG_E_OK };

	pg_fail(&e, PG_E_SLOW, "request %s took too long", what);
	pg_conn_refuse(c, &e, PG_CONN_LINGER);
}

static void
conn_on_time(struct pg_timer *t)
{
	struct pg_conn *c = PG_CONTAINER(t, struct pg_conn, timer);

	switch (c->phase) {
	case PG_CONN_HEAD:
		if (c->slot == NULL) {
			pg_conn_drop(c, "idle");
			break;
		}
		pg_slot_no_head(c->slot);
		conn_too_slow(c, "head");
		break;
	case PG_CONN_BODY:
		conn_too_slow(c, "body");
		break;
	case PG_CONN_HANDLE:
		/* Left from before; handlers have deadlines of their own. */
		break;
	case PG_CONN_STREAM:
	case PG_CONN_WRITE:
		pg_conn_drop(c, "peer does not read");
		break;
	case PG_CONN_SKIP:
	case PG_CONN_LINGER:
		pg_conn_drop(c, "peer does not close");
		break;
	case PG_CONN_DEAD:
		break;
	}
}

/* ---- Doors ---- */

static struct pg_conn *
conn_new(struct pg_conn_set *s, int fd, const struct pg_addr *peer)
{
	struct pg_conn *c = pg_alloc(sizeof(*c));
	struct pg_err e = { .code = PG_E_OK };

	if (pg_io_add(s->loop, &c->io, fd, EPOLLIN, conn_on_ready, &e) < 0) {
		pg_log(PG_LOG_ERROR, "conn: %s", e.msg);
		close(fd);
		free(c);
		return NULL;
	}
	s->on_task = conn_task;
	s->on_time = conn_on_time;
	c->set = s;
	c->peer = *peer;
	c->next = s->conns;
	if (c->next != NULL)
		c->next->prev = c;
	s->conns = c;
	s->nconns++;
	return c;
}

PG_FN void
pg_conn_open(struct pg_conn_set *s, int fd, const struct pg_addr *peer)
{
	struct pg_conn *c = conn_new(s, fd, peer);

	if (c != NULL)
		pg_conn_deadline(c, s->limits.idle_time);
}

PG_FN void
pg_conn_turn_away(struct pg_conn_set *s, int fd, const struct pg_addr *peer,
    const struct pg_err *e)
{
	struct pg_conn *c = conn_new(s, fd, peer);

	if (c == NULL)
		return;
	c->slot = pg_slot_new(&s->slots);
	pg_slot_no_head(c->slot);
	pg_conn_refuse(c, e, PG_CONN_LINGER);
}

PG_FN void
pg_conn_drain_all(struct pg_conn_set *s)
{
	struct pg_conn *c = s->conns, *next;

	s->draining = true;
	for (; c != NULL; c = next) {
		next = c->next;
		if (c->phase == PG_CONN_HEAD && c->slot == NULL)
			pg_conn_drop(c, "draining");
		else if (c->phase == PG_CONN_STREAM && c->slot->x.on_gone != NULL)
			c->slot->x.on_gone(&c->slot->x);
	}
}

PG_FN void
pg_conn_close_all(struct pg_conn_set *s)
{
	while (s->conns != NULL)
		pg_conn_drop(s->conns, "server closed");
}

PG_FN void
pg_conn_set_fini(struct pg_conn_set *s)
{
	assert(s->conns == NULL);
	pg_slot_pool_fini(&s->slots);
	pg_intake_fini(&s->intake);
}

#undef CONN_BURST
