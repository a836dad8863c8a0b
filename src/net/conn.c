/* conn: the life of one connection.
 *
 * A connection takes one request after the other from its input: the next
 * only once the present one has been answered. The socket is written to
 * directly, and EPOLLOUT is asked for only when it is full; a request that
 * arrives whole costs one read and one write, and no allocation.
 *
 * An answer is lost if we close while input is unread, since the kernel then
 * resets the connection. So whenever more may come we shut down our side
 * only, and throw away what arrives, up to limits (CONN_LINGER).
 *
 * A connection ends in conn_drop alone, and is freed at the end of the turn,
 * never inside its own call stack. A function that may drop it, or call the
 * handler, is followed by a look at the phase.
 */
#include "conn.h"
#include "../base/log.h"

#include <unistd.h>

/* Steps (two or three a request) before other connections have their turn. */
#define CONN_BURST 48
/* An error text has at most 400 bytes, each six when escaped. */
#define CONN_FAIL_MAX 4096
/* Nothing but errors and hang-ups, which epoll reports unasked: the loop would
 * silence even these if no event at all were wanted. */
#define CONN_WATCH EPOLLPRI

enum conn_phase {
	CONN_HEAD,   /* a head is awaited or arriving */
	CONN_BODY,   /* its body is arriving */
	CONN_HANDLE, /* the handler has the request */
	CONN_STREAM, /* the handler answers piece by piece */
	CONN_WRITE,  /* the socket was full; then goes on to `after` */
	CONN_SKIP,   /* the body of a refused request is thrown away */
	CONN_LINGER, /* all is said; waits for the peer to close */
	CONN_DEAD    /* closed */
};

/* Owner: the set. */
struct pg_conn {
	struct pg_io io;
	struct pg_timer timer;
	struct pg_task task; /* goes on with input or pieces, or frees */
	struct pg_conn_set *set;
	struct pg_conn *prev, *next;
	struct pg_slot *slot; /* NULL while idle */
	struct pg_addr peer;
	enum conn_phase phase, after; /* after CONN_WRITE; DEAD: close */
	bool running;    /* conn_run is on the stack and will go on */
	bool eof;        /* the peer has sent its last byte */
	bool head_timed; /* the deadline of this head runs */
	bool paused;     /* the sink takes nothing; no deadline runs */
	uint64_t drained;
};

static void conn_task(struct pg_task *t);
static void conn_on_time(struct pg_timer *t);

/* ---- Endings ---- */

static void
conn_unlink(struct pg_conn *c)
{
	if (c->next != NULL)
		c->next->prev = c->prev;
	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		c->set->conns = c->next;
	c->set->nconns--;
}

static void
conn_drop(struct pg_conn *c, const char *why)
{
	struct pg_slot *w = c->slot;
	bool handled = c->phase == CONN_HANDLE || c->phase == CONN_STREAM;

	if (c->phase == CONN_DEAD)
		return;
	pg_log(PG_LOG_DEBUG, "conn: %d closed: %s", c->io.fd, why);
	c->phase = CONN_DEAD;
	c->slot = NULL;
	pg_timer_stop(&c->timer);
	pg_io_del(&c->io);
	close(c->io.fd);
	conn_unlink(c);
	pg_loop_defer(c->set->loop, &c->task, conn_task);
	if (w != NULL && handled)
		pg_slot_orphan(w);
	else if (w != NULL)
		pg_slot_release(w);
}

static void
conn_deadline(struct pg_conn *c, int64_t delay)
{
	pg_timer_set(c->set->loop, &c->timer, delay, conn_on_time);
}

static void
conn_release_slot(struct pg_conn *c)
{
	struct pg_slot *w = c->slot;

	c->slot = NULL;
	if (w != NULL)
		pg_slot_release(w);
}

/* The last answer is written: say that no more comes, and wait for the peer
 * to close. */
static void
conn_linger(struct pg_conn *c)
{
	if (c->eof) {
		conn_drop(c, "answered");
		return;
	}
	c->phase = CONN_LINGER;
	conn_release_slot(c);
	shutdown(c->io.fd, SHUT_WR);
	pg_io_want(&c->io, EPOLLIN);
	conn_deadline(c, c->set->limits.drain_time);
}

/* Close after a complete request, at once unless the peer has sent more. */
static void
conn_finish(struct pg_conn *c)
{
	char byte;

	if (c->slot->at < c->slot->n ||
	    recv(c->io.fd, &byte, 1, MSG_DONTWAIT) > 0)
		conn_linger(c);
	else
		conn_drop(c, "answered");
}

/* Between two requests, with no byte of the next one. */
static void
conn_idle(struct pg_conn *c)
{
	if (c->eof || c->set->draining) {
		conn_drop(c, c->eof ? "closed by peer" : "draining");
		return;
	}
	conn_release_slot(c);
	pg_io_want(&c->io, EPOLLIN);
	conn_deadline(c, c->set->limits.idle_time);
}

/* ---- Output ---- */

/* All is in the socket. */
static void
conn_written(struct pg_conn *c)
{
	struct pg_slot *w = c->slot;

	pg_buf_reset(&w->out);
	pg_slot_close_file(w);
	if (c->after == CONN_BODY) { /* this was 100 Continue */
		c->phase = CONN_BODY;
		return;
	}
	pg_slot_uncount(w);
	if (c->after == CONN_LINGER)
		conn_linger(c);
	else if (c->after == CONN_DEAD)
		conn_finish(c);
	else
		c->phase = c->after;
	if (c->phase == CONN_SKIP)
		conn_deadline(c, c->set->limits.drain_time);
}

/* Sending has come so far: what to wait for. 1: all is written. */
static int
conn_sent(struct pg_conn *c, enum pg_filesend_state state)
{
	switch (state) {
	case PG_FILESEND_DONE:
		return 1;
	case PG_FILESEND_MORE:
		pg_io_want(&c->io, EPOLLOUT);
		conn_deadline(c, c->set->limits.write_time);
		break;
	case PG_FILESEND_WAIT:
		pg_io_want(&c->io, CONN_WATCH);
		pg_timer_stop(&c->timer);
		break;
	case PG_FILESEND_SHORT:
		conn_drop(c, "the file has become shorter");
		break;
	case PG_FILESEND_FAILED:
		conn_drop(c, strerror(errno));
		break;
	}
	return 0;
}

/* Begin to write out, out_body and the file; then goes on to `after`. 1: all
 * of it is written. 0: it will be, or the connection is gone. */
static int
conn_start_send(struct pg_conn *c, enum conn_phase after)
{
	c->phase = CONN_WRITE;
	c->after = after;
	c->slot->sent = 0;
	return conn_sent(c, pg_slot_send(c->slot, c->io.fd));
}

/* Answer the request in c->slot. body is emptied: borrowed if the socket takes
 * it at once, else taken. */
static void
conn_answer(struct pg_conn *c, int status, struct pg_str extra,
    struct pg_buf *body, enum conn_phase after)
{
	struct pg_slot *w = c->slot;

	pg_slot_put_head(w, status, "application/json", extra, body->n,
	    after == CONN_LINGER || after == CONN_DEAD);
	if (pg_str_eq(w->head.method, PG_STR("HEAD")))
		pg_buf_reset(body);
	pg_slot_end(w);
	w->out_body = *body;
	*body = PG_BUF_INIT(body->max);
	if (!conn_start_send(c, after))
		return;
	*body = w->out_body;
	pg_buf_reset(body);
	w->out_body = PG_BUF_INIT(0);
	conn_written(c);
}

static struct pg_str
conn_error_fields(const struct pg_err *e)
{
	if (pg_code_status(e->code) == 401)
		return PG_STR("WWW-Authenticate: Bearer\r\n");
	return PG_STR_NULL;
}

/* After the answer to a request that was read to its end. */
static enum conn_phase
conn_after_answer(const struct pg_conn *c)
{
	if (!c->slot->head.keep_alive || c->set->draining)
		return CONN_DEAD;
	return CONN_HEAD;
}

/* After the answer to one whose body, if any, begins at our feet. */
static enum conn_phase
conn_after_refusal(const struct pg_conn *c)
{
	const struct pg_http1_head *h = &c->slot->head;

	if (pg_http1_body_done(&c->slot->body))
		return conn_after_answer(c);
	/* Whoever waits for 100 Continue may send the body or not: there is
	 * no telling where the next request would begin. */
	if (conn_after_answer(c) == CONN_DEAD || h->expect_continue ||
	    !h->has_length || h->length > PG_SERVER_SKIP_MAX)
		return CONN_LINGER;
	return CONN_SKIP;
}

static void
conn_refuse_with(struct pg_conn *c, const struct pg_err *e,
    struct pg_str fields, enum conn_phase after)
{
	struct pg_buf body = PG_BUF_INIT(CONN_FAIL_MAX);

	pg_log(PG_LOG_DEBUG, "conn: %d refused: %s", c->io.fd, e->msg);
	pg_exchange_put_error(&body, e);
	conn_answer(c, pg_code_status(e->code), fields, &body, after);
	pg_buf_fini(&body);
}

/* Answer with an error, though no handler has the request. */
static void
conn_refuse(struct pg_conn *c, const struct pg_err *e, enum conn_phase after)
{
	conn_refuse_with(c, e, conn_error_fields(e), after);
}

/* The same for one that the handler did not want. */
static void
conn_refuse_request(struct pg_conn *c, const struct pg_err *e)
{
	struct pg_exchange *x = &c->slot->x;
	struct pg_str fields = conn_error_fields(e);

	if (x->refusal.n > 0)
		fields = pg_arena_printf(&x->arena, "%.*s%.*s",
		    PG_STR_ARG(fields), PG_STR_ARG(x->refusal));
	conn_refuse_with(c, e, fields, conn_after_refusal(c));
}

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
		conn_refuse(c, &e, CONN_LINGER);
		return;
	}
	if (conn_admit(c, &e) < 0) {
		conn_refuse_request(c, &e);
		return;
	}
	c->phase = CONN_BODY;
	if (!conn_must_ask(w))
		return;
	pg_buf_puts(&w->out, PG_STR("HTTP/1.1 100 Continue\r\n\r\n"));
	if (conn_start_send(c, CONN_BODY))
		conn_written(c);
}

/* More of the head is needed. */
static void
conn_await_head(struct pg_conn *c)
{
	struct pg_str in = pg_slot_input(c->slot);
	struct pg_err e = { .code = PG_E_OK };

	/* Empty lines after a request are no request (RFC 9112 2.2). */
	if (in.n == 0 || (c->eof && pg_str_trim(in).n == 0)) {
		conn_idle(c);
		return;
	}
	if (c->eof) {
		pg_fail(&e, PG_E_HOST, "connection ended within a request head");
		pg_slot_no_head(c->slot);
		conn_refuse(c, &e, CONN_LINGER);
		return;
	}
	if (!c->head_timed)
		conn_deadline(c, c->set->limits.head_time);
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
		conn_idle(c);
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
		conn_refuse(c, &e, CONN_LINGER);
		return false;
	}
	w->at += (size_t)n;
	conn_begin(c);
	return true;
}

static void
conn_hand_over(struct pg_conn *c, struct pg_bulk *body)
{
	c->phase = CONN_HANDLE;
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
		conn_deadline(c, c->set->limits.body_time);
		return;
	}
	pg_fail(&e, PG_E_HOST, "connection ended within the request body");
	conn_refuse(c, &e, CONN_LINGER);
}

/* The sink takes nothing: leave the rest in the socket, but notice when the
 * peer is gone. */
static void
conn_pause(struct pg_conn *c)
{
	c->paused = true;
	pg_io_want(&c->io, CONN_WATCH);
	pg_timer_stop(&c->timer);
}

static bool
conn_step_sink(struct pg_conn *c)
{
	struct pg_err e = { .code = PG_E_OK };
	enum pg_intake_got got = pg_intake_buffered(c->slot, &e);

	if (got == PG_INTAKE_BAD)
		conn_refuse(c, &e, CONN_LINGER);
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
	conn_refuse(c, &e, CONN_LINGER);
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
			conn_drop(c, "closed by peer");
		else
			pg_io_want(&c->io, EPOLLIN);
		return false;
	}
	c->phase = CONN_HEAD;
	return true;
}

/* Do the next thing the input allows. False: nothing is left to do. */
static bool
conn_step(struct pg_conn *c)
{
	switch (c->phase) {
	case CONN_HEAD:
		return conn_step_head(c);
	case CONN_BODY:
		return conn_step_body(c);
	case CONN_SKIP:
		return conn_step_skip(c);
	case CONN_HANDLE:
	case CONN_STREAM:
	case CONN_WRITE:
	case CONN_LINGER:
	case CONN_DEAD:
		return false;
	}
	return false;
}

/* Go on at the end of this turn. */
static void
conn_later(struct pg_conn *c)
{
	/* A deadline left from an earlier phase must not fire before. */
	conn_deadline(c, c->set->limits.idle_time);
	pg_loop_defer(c->set->loop, &c->task, conn_task);
}

/* Go on with the input for as long as there is some, within bounds. */
static void
conn_run(struct pg_conn *c)
{
	int budget = CONN_BURST;

	c->running = true;
	while (conn_step(c))
		if (--budget == 0) {
			conn_later(c);
			break;
		}
	c->running = false;
}

/* ---- Answers in pieces ---- */

/* Pass on to the socket what it takes. */
static void
conn_stream_send(struct pg_conn *c)
{
	struct pg_slot *w = c->slot;
	enum pg_filesend_state state = pg_slot_send(w, c->io.fd);
	bool all = state == PG_FILESEND_DONE, some = w->sent > 0;

	if (!all && state != PG_FILESEND_MORE) {
		conn_drop(c, strerror(errno));
		return;
	}
	pg_slot_trim(w);
	pg_io_want(&c->io, all ? EPOLLRDHUP : EPOLLRDHUP | EPOLLOUT);
	/* New pieces do not give a peer that reads none a new deadline. */
	if (all)
		pg_timer_stop(&c->timer);
	else if (some || c->timer.loop == NULL)
		conn_deadline(c, c->set->limits.write_time);
	if (all && w->x.on_room != NULL)
		w->x.on_room(&w->x);
}

/* A peer that has finished sending has left: there is no other sign of it
 * while we have nothing to write. */
static void
conn_stream_ready(struct pg_conn *c, uint32_t events)
{
	if ((events & (uint32_t)(EPOLLHUP | EPOLLERR | EPOLLRDHUP)) != 0)
		conn_drop(c, "peer went away");
	else
		conn_stream_send(c);
}

/* After an answer in pieces. */
static enum conn_phase
conn_after_stream(const struct pg_conn *c)
{
	/* In HTTP/1.0 only closing says that it is complete. */
	return c->slot->head.minor > 0 ? conn_after_answer(c) : CONN_DEAD;
}

/* ---- What the loop calls ---- */

static void
conn_task(struct pg_task *t)
{
	struct pg_conn *c = PG_CONTAINER(t, struct pg_conn, task);

	if (c->phase == CONN_DEAD)
		free(c);
	else if (c->phase == CONN_STREAM)
		conn_stream_send(c);
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
		conn_drop(c, strerror(errno));
		break;
	case PG_INTAKE_BAD:
		conn_refuse(c, e, CONN_LINGER);
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
	if (c->phase == CONN_HEAD)
		pg_slot_compact(c->slot);
	conn_took(c, pg_intake_small(c->slot, c->io.fd), NULL);
}

static void
conn_read_body(struct pg_conn *c, uint32_t events)
{
	struct pg_err e = { .code = PG_E_OK };

	if (!c->paused)
		conn_took(c, pg_intake_body(&c->set->intake, c->slot,
		    c->io.fd, &e), &e);
	else if ((events & (uint32_t)(EPOLLHUP | EPOLLERR)) != 0)
		conn_drop(c, "peer went away");
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
		conn_drop(c, strerror(errno));
	else if (got == PG_INTAKE_EOF)
		conn_drop(c, "answered");
	else if (c->drained > c->set->limits.drain_bytes)
		conn_drop(c, "keeps sending");
}

static void
conn_write_more(struct pg_conn *c)
{
	if (!conn_sent(c, pg_slot_send(c->slot, c->io.fd)))
		return;
	pg_buf_fini(&c->slot->out_body);
	conn_written(c);
	conn_run(c);
}

/* The next piece of the file is in memory. */
static void
conn_on_warm(struct pg_filesend *f)
{
	struct pg_slot *w = PG_CONTAINER(f, struct pg_slot, file);

	if (w->file_conn->phase == CONN_WRITE)
		conn_write_more(w->file_conn);
}

/* The handler has the request. A peer that has only finished sending still
 * wants its answer; what it sends meanwhile waits in the socket. */
static void
conn_watch(struct pg_conn *c, uint32_t events)
{
	if ((events & (uint32_t)(EPOLLHUP | EPOLLERR)) != 0)
		conn_drop(c, "peer went away");
	else
		pg_io_want(&c->io, (events & EPOLLIN) != 0 ? CONN_WATCH : 0);
}

static void
conn_on_ready(struct pg_io *io, uint32_t events)
{
	struct pg_conn *c = PG_CONTAINER(io, struct pg_conn, io);

	switch (c->phase) {
	case CONN_HEAD:
	case CONN_SKIP:
		conn_read_small(c);
		break;
	case CONN_BODY:
		conn_read_body(c, events);
		break;
	case CONN_HANDLE:
		conn_watch(c, events);
		break;
	case CONN_STREAM:
		conn_stream_ready(c, events);
		break;
	case CONN_WRITE:
		conn_write_more(c);
		break;
	case CONN_LINGER:
		conn_read_linger(c);
		break;
	case CONN_DEAD:
		break;
	}
}

static void
conn_too_slow(struct pg_conn *c, const char *what)
{
	struct pg_err e = { .code = PG_E_OK };

	pg_fail(&e, PG_E_SLOW, "request %s took too long", what);
	conn_refuse(c, &e, CONN_LINGER);
}

static void
conn_on_time(struct pg_timer *t)
{
	struct pg_conn *c = PG_CONTAINER(t, struct pg_conn, timer);

	switch (c->phase) {
	case CONN_HEAD:
		if (c->slot == NULL) {
			conn_drop(c, "idle");
			break;
		}
		pg_slot_no_head(c->slot);
		conn_too_slow(c, "head");
		break;
	case CONN_BODY:
		conn_too_slow(c, "body");
		break;
	case CONN_HANDLE:
		/* Left from before; handlers have deadlines of their own. */
		break;
	case CONN_STREAM:
	case CONN_WRITE:
		conn_drop(c, "peer does not read");
		break;
	case CONN_SKIP:
	case CONN_LINGER:
		conn_drop(c, "peer does not close");
		break;
	case CONN_DEAD:
		break;
	}
}

/* ---- Doors ---- */

/* An answer was given: what comes next. */
static void
conn_go_on(struct pg_conn *c)
{
	if (c->running || c->phase != CONN_HEAD)
		return;
	/* Not from here, which is in the midst of the handler's work. */
	if (c->slot->at < c->slot->n || c->eof)
		conn_later(c);
	else
		conn_idle(c);
}

/* RFC 9110 6.4.1: the head speaks of a body that does not come. */
static bool
conn_has_no_body(const struct pg_slot *w, int status)
{
	return status == 304 || pg_str_eqz(w->head.method, "HEAD");
}

PG_FN void
pg_exchange_reply(struct pg_exchange *x, int status, struct pg_str head,
    struct pg_buf *body)
{
	struct pg_slot *w = PG_CONTAINER(x, struct pg_slot, x);
	struct pg_conn *c = x->conn;
	struct pg_buf none = PG_BUF_INIT(0);
	struct pg_err e = { .code = PG_E_OK };

	if (body == NULL)
		body = &none;
	if (c == NULL) {
		pg_buf_reset(body);
		pg_slot_release(w);
		return;
	}
	if (body->failed) {
		pg_buf_reset(body);
		pg_fail(&e, PG_E_UNFORESEEN, "answer is too large");
		pg_exchange_fail(x, &e);
		return;
	}
	assert(c->phase == CONN_HANDLE);
	conn_answer(c, status, head, body, conn_after_answer(c));
	conn_go_on(c);
}

PG_FN void
pg_exchange_fail(struct pg_exchange *x, const struct pg_err *e)
{
	struct pg_buf body = PG_BUF_INIT(CONN_FAIL_MAX);

	pg_exchange_put_error(&body, e);
	pg_exchange_reply(x, pg_code_status(e->code), conn_error_fields(e),
	    &body);
	pg_buf_fini(&body);
}

PG_FN void
pg_exchange_resume(struct pg_exchange *x)
{
	struct pg_conn *c = x->conn;

	if (c == NULL || !c->paused)
		return;
	c->paused = false;
	pg_loop_defer(c->set->loop, &c->task, conn_task);
}

PG_FN void
pg_exchange_send_file(struct pg_exchange *x, int status, const char *type,
    struct pg_str head, int fd, uint64_t off, uint64_t n)
{
	struct pg_slot *w = PG_CONTAINER(x, struct pg_slot, x);
	struct pg_conn *c = x->conn;

	if (c == NULL) {
		if (fd >= 0)
			close(fd);
		pg_slot_release(w);
		return;
	}
	assert(c->phase == CONN_HANDLE);
	pg_slot_put_head(w, status, type, head, n,
	    conn_after_answer(c) == CONN_DEAD);
	w->file_conn = c;
	pg_slot_put_file(w, c->set->work, fd, off,
	    conn_has_no_body(w, status) ? 0 : n, conn_on_warm);
	pg_slot_end(w);
	if (conn_start_send(c, conn_after_answer(c)))
		conn_written(c);
	conn_go_on(c);
}

PG_FN bool
pg_exchange_begin(struct pg_exchange *x, int status, const char *type,
    struct pg_str head)
{
	struct pg_slot *w = PG_CONTAINER(x, struct pg_slot, x);
	struct pg_conn *c = x->conn;
	int queue = PG_SERVER_QUEUE_MAX;

	if (c == NULL) {
		pg_slot_release(w);
		return false;
	}
	assert(c->phase == CONN_HANDLE);
	pg_slot_put_stream_head(w, status, type, head,
	    conn_after_stream(c) == CONN_DEAD);
	w->out_body = PG_BUF_INIT(0);
	w->sent = 0;
	c->phase = CONN_STREAM;
	if (pg_str_eq(w->head.method, PG_STR("HEAD")) || c->set->draining) {
		pg_exchange_end(x);
		return false;
	}
	/* Megabytes in the kernel would be old news when they are read. */
	setsockopt(c->io.fd, SOL_SOCKET, SO_SNDBUF, &queue, sizeof(queue));
	pg_timer_stop(&c->timer);
	pg_io_want(&c->io, EPOLLRDHUP);
	pg_loop_defer(c->set->loop, &c->task, conn_task);
	return true;
}

PG_FN bool
pg_exchange_has_room(const struct pg_exchange *x)
{
	const struct pg_slot *w = PG_CONTAINER(x, struct pg_slot, x);

	return x->conn != NULL && w->out_body.n < PG_SERVER_QUEUE_MAX;
}

PG_FN void
pg_exchange_write(struct pg_exchange *x, struct pg_str piece)
{
	struct pg_conn *c = x->conn;

	assert(pg_exchange_has_room(x) && c->phase == CONN_STREAM);
	pg_slot_put_piece(PG_CONTAINER(x, struct pg_slot, x), piece);
	pg_loop_defer(c->set->loop, &c->task, conn_task);
}

PG_FN void
pg_exchange_end(struct pg_exchange *x)
{
	struct pg_slot *w = PG_CONTAINER(x, struct pg_slot, x);
	struct pg_conn *c = x->conn;

	if (c == NULL) {
		pg_slot_release(w);
		return;
	}
	assert(c->phase == CONN_STREAM);
	if (!pg_str_eq(w->head.method, PG_STR("HEAD")))
		pg_slot_put_end(w);
	pg_slot_end(w);
	if (conn_start_send(c, conn_after_stream(c))) {
		pg_buf_fini(&w->out_body);
		conn_written(c);
	}
	conn_go_on(c);
}

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
		conn_deadline(c, s->limits.idle_time);
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
	conn_refuse(c, e, CONN_LINGER);
}

PG_FN void
pg_conn_drain_all(struct pg_conn_set *s)
{
	struct pg_conn *c = s->conns, *next;

	s->draining = true;
	for (; c != NULL; c = next) {
		next = c->next;
		if (c->phase == CONN_HEAD && c->slot == NULL)
			conn_drop(c, "draining");
		else if (c->phase == CONN_STREAM && c->slot->x.on_gone != NULL)
			c->slot->x.on_gone(&c->slot->x);
	}
}

PG_FN void
pg_conn_close_all(struct pg_conn_set *s)
{
	while (s->conns != NULL)
		conn_drop(s->conns, "server closed");
}

PG_FN void
pg_conn_set_fini(struct pg_conn_set *s)
{
	assert(s->conns == NULL);
	pg_slot_pool_fini(&s->slots);
	pg_intake_fini(&s->intake);
}

#undef CONN_BURST
#undef CONN_FAIL_MAX
#undef CONN_WATCH
