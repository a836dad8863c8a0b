/* answer: what a connection says, and how it ends.
 *
 * The socket is written to directly, and EPOLLOUT is asked for only when it is
 * full.
 *
 * An answer is lost if we close while input is unread, since the kernel then
 * resets the connection. So whenever more may come we shut down our side
 * only, and throw away what arrives, up to limits (PG_CONN_LINGER).
 *
 * A connection ends in pg_conn_drop alone, and is freed at the end of the turn,
 * never inside its own call stack. A function that may drop it, or call the
 * handler, is followed by a look at the phase.
 */
#include "answer.h"
#include "../base/log.h"

#include <unistd.h>

/* An error text has at most 400 bytes, each six when escaped. */
#define ANSWER_FAIL_MAX 4096
/* To requests made within this process. */
#define ANSWER_NOT_INSIDE PG_STR("{\"error_type\": \"HostError\", " \
    "\"error\": \"only for those who connect themselves\"}")

/* ---- Endings ---- */

static void
answer_unlink(struct pg_conn *c)
{
	if (c->next != NULL)
		c->next->prev = c->prev;
	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		c->set->conns = c->next;
	c->set->nconns--;
}

PG_FN void
pg_conn_drop(struct pg_conn *c, const char *why)
{
	struct pg_slot *w = c->slot;
	bool handled = c->phase == PG_CONN_HANDLE || c->phase == PG_CONN_STREAM;

	if (c->phase == PG_CONN_DEAD)
		return;
	pg_log(PG_LOG_DEBUG, "conn: %d closed: %s", c->io.fd, why);
	c->phase = PG_CONN_DEAD;
	c->slot = NULL;
	pg_timer_stop(&c->timer);
	pg_io_del(&c->io);
	close(c->io.fd);
	answer_unlink(c);
	pg_loop_defer(c->set->loop, &c->task, c->set->on_task);
	if (w != NULL && handled)
		pg_slot_orphan(w);
	else if (w != NULL)
		pg_slot_release(w);
}

PG_FN void
pg_conn_deadline(struct pg_conn *c, int64_t delay)
{
	pg_timer_set(c->set->loop, &c->timer, delay, c->set->on_time);
}

static void
answer_release_slot(struct pg_conn *c)
{
	struct pg_slot *w = c->slot;

	c->slot = NULL;
	if (w != NULL)
		pg_slot_release(w);
}

/* The last answer is written: say that no more comes, and wait for the peer
 * to close. */
static void
answer_linger(struct pg_conn *c)
{
	if (c->eof) {
		pg_conn_drop(c, "answered");
		return;
	}
	c->phase = PG_CONN_LINGER;
	answer_release_slot(c);
	shutdown(c->io.fd, SHUT_WR);
	pg_io_want(&c->io, EPOLLIN);
	pg_conn_deadline(c, c->set->limits.drain_time);
}

/* Close after a complete request, at once unless the peer has sent more. */
static void
answer_finish(struct pg_conn *c)
{
	char byte;

	if (c->slot->at < c->slot->n ||
	    recv(c->io.fd, &byte, 1, MSG_DONTWAIT) > 0)
		answer_linger(c);
	else
		pg_conn_drop(c, "answered");
}

PG_FN void
pg_conn_idle(struct pg_conn *c)
{
	if (c->eof || c->set->draining) {
		pg_conn_drop(c, c->eof ? "closed by peer" : "draining");
		return;
	}
	answer_release_slot(c);
	pg_io_want(&c->io, EPOLLIN);
	pg_conn_deadline(c, c->set->limits.idle_time);
}

/* ---- Output ---- */

PG_FN void
pg_conn_written(struct pg_conn *c)
{
	struct pg_slot *w = c->slot;

	pg_buf_reset(&w->out);
	pg_slot_close_file(w);
	if (c->after == PG_CONN_BODY) { /* this was 100 Continue */
		c->phase = PG_CONN_BODY;
		return;
	}
	pg_slot_uncount(w);
	if (c->after == PG_CONN_LINGER)
		answer_linger(c);
	else if (c->after == PG_CONN_DEAD)
		answer_finish(c);
	else
		c->phase = c->after;
	if (c->phase == PG_CONN_SKIP)
		pg_conn_deadline(c, c->set->limits.drain_time);
}

PG_FN int
pg_conn_sent(struct pg_conn *c, enum pg_filesend_state state)
{
	switch (state) {
	case PG_FILESEND_DONE:
		return 1;
	case PG_FILESEND_MORE:
		pg_io_want(&c->io, EPOLLOUT);
		pg_conn_deadline(c, c->set->limits.write_time);
		break;
	case PG_FILESEND_WAIT:
		pg_io_want(&c->io, PG_CONN_WATCH);
		pg_timer_stop(&c->timer);
		break;
	case PG_FILESEND_SHORT:
		pg_conn_drop(c, "the file has become shorter");
		break;
	case PG_FILESEND_FAILED:
		pg_conn_drop(c, strerror(errno));
		break;
	}
	return 0;
}

PG_FN int
pg_conn_start_send(struct pg_conn *c, enum pg_conn_phase after)
{
	c->phase = PG_CONN_WRITE;
	c->after = after;
	c->slot->sent = 0;
	return pg_conn_sent(c, pg_slot_send(c->slot, c->io.fd));
}

/* Answer the request in c->slot. body is emptied: borrowed if the socket takes
 * it at once, else taken. */
static void
answer_answer(struct pg_conn *c, int status, struct pg_str extra,
    struct pg_buf *body, enum pg_conn_phase after)
{
	struct pg_slot *w = c->slot;

	pg_slot_put_head(w, status, "application/json", extra, body->n,
	    after == PG_CONN_LINGER || after == PG_CONN_DEAD);
	if (pg_str_eq(w->head.method, PG_STR("HEAD")))
		pg_buf_reset(body);
	pg_slot_end(w);
	w->out_body = *body;
	*body = PG_BUF_INIT(body->max);
	if (!pg_conn_start_send(c, after))
		return;
	*body = w->out_body;
	pg_buf_reset(body);
	w->out_body = PG_BUF_INIT(0);
	pg_conn_written(c);
}

static struct pg_str
answer_error_fields(const struct pg_err *e)
{
	if (pg_code_status(e->code) == 401)
		return PG_STR("WWW-Authenticate: Bearer\r\n");
	return PG_STR_NULL;
}

/* After the answer to a request that was read to its end. */
static enum pg_conn_phase
answer_after_answer(const struct pg_conn *c)
{
	if (!c->slot->head.keep_alive || c->set->draining)
		return PG_CONN_DEAD;
	return PG_CONN_HEAD;
}

/* After the answer to one whose body, if any, begins at our feet. */
static enum pg_conn_phase
answer_after_refusal(const struct pg_conn *c)
{
	const struct pg_http1_head *h = &c->slot->head;

	if (pg_http1_body_done(&c->slot->body))
		return answer_after_answer(c);
	/* Whoever waits for 100 Continue may send the body or not: there is
	 * no telling where the next request would begin. */
	if (answer_after_answer(c) == PG_CONN_DEAD || h->expect_continue ||
	    !h->has_length || h->length > PG_SERVER_SKIP_MAX)
		return PG_CONN_LINGER;
	return PG_CONN_SKIP;
}

static void
answer_refuse_with(struct pg_conn *c, const struct pg_err *e,
    struct pg_str fields, enum pg_conn_phase after)
{
	struct pg_buf body = PG_BUF_INIT(ANSWER_FAIL_MAX);

	pg_log(PG_LOG_DEBUG, "conn: %d refused: %s", c->io.fd, e->msg);
	pg_exchange_put_error(&body, e);
	answer_answer(c, pg_code_status(e->code), fields, &body, after);
	pg_buf_fini(&body);
}

PG_FN void
pg_conn_refuse(struct pg_conn *c, const struct pg_err *e,
    enum pg_conn_phase after)
{
	answer_refuse_with(c, e, answer_error_fields(e), after);
}

PG_FN void
pg_conn_refuse_request(struct pg_conn *c, const struct pg_err *e)
{
	struct pg_exchange *x = &c->slot->x;
	struct pg_str fields = answer_error_fields(e);

	if (x->refusal.n > 0)
		fields = pg_arena_printf(&x->arena, "%.*s%.*s",
		    PG_STR_ARG(fields), PG_STR_ARG(x->refusal));
	answer_refuse_with(c, e, fields, answer_after_refusal(c));
}

/* ---- Answers in pieces ---- */

PG_FN void
pg_conn_stream_send(struct pg_conn *c)
{
	struct pg_slot *w = c->slot;
	enum pg_filesend_state state = pg_slot_send(w, c->io.fd);
	bool all = state == PG_FILESEND_DONE, some = w->sent > 0;

	if (!all && state != PG_FILESEND_MORE) {
		pg_conn_drop(c, strerror(errno));
		return;
	}
	pg_slot_trim(w);
	pg_io_want(&c->io, all ? EPOLLRDHUP : EPOLLRDHUP | EPOLLOUT);
	/* New pieces do not give a peer that reads none a new deadline. */
	if (all)
		pg_timer_stop(&c->timer);
	else if (some || c->timer.loop == NULL)
		pg_conn_deadline(c, c->set->limits.write_time);
	if (all && w->x.on_room != NULL)
		w->x.on_room(&w->x);
}

PG_FN void
pg_conn_stream_ready(struct pg_conn *c, uint32_t events)
{
	if ((events & (uint32_t)(EPOLLHUP | EPOLLERR | EPOLLRDHUP)) != 0)
		pg_conn_drop(c, "peer went away");
	else
		pg_conn_stream_send(c);
}

/* After an answer in pieces. */
static enum pg_conn_phase
answer_after_stream(const struct pg_conn *c)
{
	/* In HTTP/1.0 only closing says that it is complete. */
	return c->slot->head.minor > 0 ? answer_after_answer(c) : PG_CONN_DEAD;
}

/* ---- Doors for handlers ---- */

PG_FN void
pg_conn_later(struct pg_conn *c)
{
	/* A deadline left from an earlier phase must not fire before. */
	pg_conn_deadline(c, c->set->limits.idle_time);
	pg_loop_defer(c->set->loop, &c->task, c->set->on_task);
}

/* An answer was given: what comes next. */
static void
answer_go_on(struct pg_conn *c)
{
	if (c->running || c->phase != PG_CONN_HEAD)
		return;
	/* Not from here, which is in the midst of the handler's work. */
	if (c->slot->at < c->slot->n || c->eof)
		pg_conn_later(c);
	else
		pg_conn_idle(c);
}

/* RFC 9110 6.4.1: the head speaks of a body that does not come. */
static bool
answer_has_no_body(const struct pg_slot *w, int status)
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
	if (body->failed) {
		pg_buf_reset(body);
		pg_fail(&e, PG_E_UNFORESEEN, "answer is too large");
		pg_exchange_fail(x, &e);
		return;
	}
	if (c == NULL) {
		pg_slot_answer(w, status, pg_buf_str(body));
		pg_buf_reset(body);
		return;
	}
	assert(c->phase == PG_CONN_HANDLE);
	answer_answer(c, status, head, body, answer_after_answer(c));
	answer_go_on(c);
}

PG_FN void
pg_exchange_fail(struct pg_exchange *x, const struct pg_err *e)
{
	struct pg_buf body = PG_BUF_INIT(ANSWER_FAIL_MAX);

	pg_exchange_put_error(&body, e);
	pg_exchange_reply(x, pg_code_status(e->code), answer_error_fields(e),
	    &body);
	pg_buf_fini(&body);
}

PG_FN void
pg_exchange_watch(struct pg_exchange *x)
{
	x->leaves = true;
	/* While it is still looked for input, that will tell. */
	if (x->conn != NULL && x->conn->io.events != EPOLLIN)
		pg_io_want(&x->conn->io, EPOLLRDHUP);
}

PG_FN void
pg_exchange_resume(struct pg_exchange *x)
{
	struct pg_conn *c = x->conn;

	if (c == NULL || !c->paused)
		return;
	c->paused = false;
	pg_loop_defer(c->set->loop, &c->task, c->set->on_task);
}

/* The next piece of the file is in memory. */
static void
answer_on_warm(struct pg_filesend *f)
{
	struct pg_slot *w = PG_CONTAINER(f, struct pg_slot, file);
	struct pg_conn *c = w->file_conn;

	pg_loop_defer(c->set->loop, &c->task, c->set->on_task);
}

PG_FN void
pg_exchange_send_file(struct pg_exchange *x, int status, const char *type,
    struct pg_str head, int fd, uint64_t off, uint64_t n)
{
	struct pg_slot *w = PG_CONTAINER(x, struct pg_slot, x);
	struct pg_conn *c = x->conn;

	if (c == NULL) {
		if (fd >= 0)
			pg_work_close(w->pool->work, fd);
		pg_slot_answer(w, 400, ANSWER_NOT_INSIDE);
		return;
	}
	assert(c->phase == PG_CONN_HANDLE);
	pg_slot_put_head(w, status, type, head, n,
	    answer_after_answer(c) == PG_CONN_DEAD);
	w->file_conn = c;
	pg_slot_put_file(w, fd, off, answer_has_no_body(w, status) ? 0 : n,
	    answer_on_warm);
	pg_slot_end(w);
	if (pg_conn_start_send(c, answer_after_answer(c)))
		pg_conn_written(c);
	answer_go_on(c);
}

PG_FN bool
pg_exchange_begin(struct pg_exchange *x, int status, const char *type,
    struct pg_str head)
{
	struct pg_slot *w = PG_CONTAINER(x, struct pg_slot, x);
	struct pg_conn *c = x->conn;
	int queue = PG_SERVER_QUEUE_MAX;

	if (c == NULL) {
		pg_slot_answer(w, 400, ANSWER_NOT_INSIDE);
		return false;
	}
	assert(c->phase == PG_CONN_HANDLE);
	pg_slot_put_stream_head(w, status, type, head,
	    answer_after_stream(c) == PG_CONN_DEAD);
	w->out_body = PG_BUF_INIT(0);
	w->sent = 0;
	c->phase = PG_CONN_STREAM;
	if (pg_str_eq(w->head.method, PG_STR("HEAD")) || c->set->draining) {
		pg_exchange_end(x);
		return false;
	}
	/* Megabytes in the kernel would be old news when they are read. */
	setsockopt(c->io.fd, SOL_SOCKET, SO_SNDBUF, &queue, sizeof(queue));
	pg_timer_stop(&c->timer);
	pg_io_want(&c->io, EPOLLRDHUP);
	pg_loop_defer(c->set->loop, &c->task, c->set->on_task);
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

	assert(pg_exchange_has_room(x) && c->phase == PG_CONN_STREAM);
	pg_slot_put_piece(PG_CONTAINER(x, struct pg_slot, x), piece);
	pg_loop_defer(c->set->loop, &c->task, c->set->on_task);
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
	assert(c->phase == PG_CONN_STREAM);
	if (!pg_str_eq(w->head.method, PG_STR("HEAD")))
		pg_slot_put_end(w);
	pg_slot_end(w);
	if (pg_conn_start_send(c, answer_after_stream(c))) {
		pg_buf_fini(&w->out_body);
		pg_conn_written(c);
	}
	answer_go_on(c);
}

#undef ANSWER_FAIL_MAX
#undef ANSWER_NOT_INSIDE
