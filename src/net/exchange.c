/* exchange: the memory of one request and its answer.
 *
 * A slot is had only while a request is under way, so that an idle connection
 * costs little; slots are reused with all their buffers, so that a request
 * costs no allocation. When the peer goes away early, the exchange lives on
 * in its slot as an orphan.
 *
 * The head of a request is borrowed from the input buffer, which therefore
 * neither moves nor grows until the exchange is over. The buffer belongs to a
 * bulk: a small body is handed over where it lies, and a handler that keeps a
 * reference to it keeps the buffer.
 */
#include "exchange.h"
#include "../codec/json.h"

#include <unistd.h>

/* ---- Life ---- */

static struct pg_bulk *
slot_input_new(void)
{
	struct pg_bulk *b = pg_alloc(sizeof(*b));

	b->refs = 1;
	b->fd = -1;
	b->heap = pg_realloc(NULL, PG_SLOT_IN);
	return b;
}

PG_FN struct pg_slot *
pg_slot_new(struct pg_slot_pool *p)
{
	struct pg_slot *w = p->spare;

	if (w != NULL) {
		p->spare = w->next;
		p->nspare--;
	} else {
		w = pg_alloc(sizeof(*w));
		w->pool = p;
	}
	if (w->in == NULL)
		w->in = p->ninputs > 0 ? p->inputs[--p->ninputs] :
		    slot_input_new();
	w->prev = w->next = NULL;
	w->at = w->n = w->scan = 0;
	return w;
}

static void
slot_destroy(struct pg_slot *w)
{
	if (w->x.body != w->in)
		pg_bulk_unref(w->x.body);
	pg_bulk_unref(w->in);
	pg_arena_fini(&w->x.arena);
	pg_spool_fini(&w->spool);
	pg_buf_fini(&w->out);
	pg_buf_fini(&w->out_body);
	pg_slot_close_file(w);
	free(w);
}

static void
slot_tell(struct pg_slot *w, int status, struct pg_str body)
{
	pg_exchange_answer *told = w->x.on_answer;

	w->x.on_answer = NULL;
	if (told != NULL)
		told(w->x.answer_arg, status, body);
}

PG_FN void
pg_slot_pool_fini(struct pg_slot_pool *p)
{
	struct pg_slot *w;

	while ((w = p->orphans) != NULL) {
		p->orphans = w->next;
		slot_tell(w, 0, PG_STR_NULL);
		slot_destroy(w);
	}
	while ((w = p->spare) != NULL) {
		p->spare = w->next;
		slot_destroy(w);
	}
	while (p->ninputs > 0)
		pg_bulk_unref(p->inputs[--p->ninputs]);
	*p = (struct pg_slot_pool){ 0 };
}

PG_FN void
pg_slot_begin(struct pg_slot *w, struct pg_conn *c, const struct pg_addr *peer)
{
	w->x = (struct pg_exchange){ .head = &w->head, .arena = w->x.arena,
		.peer = *peer, .conn = c };
	w->body_at = w->at;
	w->open = true;
	w->pool->open++;
	pg_http1_body_request(&w->body, &w->head);
}

/* Somebody keeps the body that lies in the buffer: leave both to him. */
static void
slot_input_replace(struct pg_slot *w)
{
	struct pg_bulk *fresh = slot_input_new();
	struct pg_str rest = pg_slot_input(w);

	if (rest.n > 0)
		memcpy(fresh->heap, rest.p, rest.n);
	w->at = 0;
	w->n = rest.n;
	pg_bulk_unref(w->in);
	w->in = fresh;
}

/* The sink is told once, whatever the reason. */
static void
slot_drop_sink(struct pg_exchange *x)
{
	const struct pg_sink *sink = x->sink;

	x->conn = NULL;
	x->sink = NULL;
	if (sink != NULL)
		sink->dropped(x);
}

PG_FN void
pg_slot_end(struct pg_slot *w)
{
	struct pg_exchange *x = &w->x;

	slot_drop_sink(x);
	if (x->body != w->in)
		pg_bulk_unref(x->body);
	else if (w->in != NULL && w->in->refs > 1)
		slot_input_replace(w);
	pg_arena_reset(&x->arena);
	x->arena.max = 0;
	pg_spool_fini(&w->spool);
	x->body = NULL;
}

PG_FN void
pg_slot_uncount(struct pg_slot *w)
{
	if (w->open)
		w->pool->open--;
	w->open = false;
}

PG_FN void
pg_slot_orphan(struct pg_slot *w)
{
	struct pg_slot_pool *p = w->pool;

	w->x.conn = NULL;
	w->orphan = true;
	w->prev = NULL;
	w->next = p->orphans;
	if (w->next != NULL)
		w->next->prev = w;
	p->orphans = w;
	if (w->x.on_gone != NULL)
		w->x.on_gone(&w->x);
}

PG_FN void
pg_slot_answer(struct pg_slot *w, int status, struct pg_str body)
{
	slot_tell(w, status, body);
	pg_slot_release(w);
}

static void
slot_unlink_orphan(struct pg_slot *w)
{
	if (w->next != NULL)
		w->next->prev = w->prev;
	if (w->prev != NULL)
		w->prev->next = w->next;
	else
		w->pool->orphans = w->next;
	w->orphan = false;
}

PG_FN void
pg_slot_release(struct pg_slot *w)
{
	struct pg_slot_pool *p = w->pool;

	if (w->orphan)
		slot_unlink_orphan(w);
	pg_slot_uncount(w);
	pg_slot_end(w);
	pg_buf_reset(&w->out);
	pg_buf_fini(&w->out_body);
	pg_slot_close_file(w);
	if (p->nspare == PG_SLOT_SPARE_MAX) {
		slot_destroy(w);
		return;
	}
	w->next = p->spare;
	p->spare = w;
	p->nspare++;
}

PG_FN void
pg_exchange_park(struct pg_exchange *x)
{
	struct pg_slot *w = PG_CONTAINER(x, struct pg_slot, x);

	/* Not while the buffer holds the next request. */
	if (x->body != NULL || w->in == NULL || w->at < w->n)
		return;
	w->head.method = pg_str_eqz(w->head.method, "HEAD") ?
	    PG_STR("HEAD") : PG_STR("GET");
	w->head.target = PG_STR_NULL;
	w->head.nfields = 0;
	if (w->pool->ninputs < PG_SLOT_INPUTS_MAX && w->in->refs == 1)
		w->pool->inputs[w->pool->ninputs++] = w->in;
	else
		pg_bulk_unref(w->in);
	w->in = NULL;
	w->at = w->n = 0;
}

/* ---- Input ---- */

PG_FN struct pg_str
pg_slot_input(const struct pg_slot *w)
{
	if (w->in == NULL)
		return PG_STR_NULL;
	return (struct pg_str){ w->in->heap + w->at, w->n - w->at };
}

PG_FN void
pg_slot_compact(struct pg_slot *w)
{
	if (w->at == 0)
		return;
	memmove(w->in->heap, w->in->heap + w->at, w->n - w->at);
	w->n -= w->at;
	w->at = 0;
}

PG_FN void
pg_slot_no_head(struct pg_slot *w)
{
	w->head.method = PG_STR_NULL;
	w->head.minor = 1;
}

static int
slot_check_limit(const struct pg_slot *w, struct pg_err *e)
{
	if (w->body.total <= w->accept)
		return 0;
	return pg_fail(e, PG_E_LIMIT, "request body is over the limit of %"
	    PRIu64 " bytes", w->accept);
}

/* Move body bytes from the front of *in to the spool. */
static int
slot_take(struct pg_slot *w, struct pg_str *in, bool keep, struct pg_err *e)
{
	struct pg_str data;
	ssize_t used;

	while (in->n > 0 && !pg_http1_body_done(&w->body)) {
		used = pg_http1_body_take(&w->body, *in, &data, e);
		if (used < 0)
			return -1;
		assert(used > 0);
		if (keep && slot_check_limit(w, e) < 0)
			return -1;
		if (keep && pg_spool_put(&w->spool, data, e) < 0)
			return -1;
		*in = pg_str_skip(*in, (size_t)used);
	}
	return 0;
}

PG_FN void
pg_slot_used(struct pg_slot *w, size_t n)
{
	w->at += n;
	if (w->at == w->n)
		w->at = w->n = w->body_at;
}

PG_FN void
pg_slot_put_back(struct pg_slot *w, struct pg_str more)
{
	if (more.n == 0)
		return;
	assert(more.n <= PG_SLOT_IN - w->n);
	memcpy(w->in->heap + w->n, more.p, more.n);
	w->n += more.n;
}

PG_FN int
pg_slot_take_body(struct pg_slot *w, struct pg_str more, bool keep,
    struct pg_err *e)
{
	struct pg_str in = pg_slot_input(w);

	if (slot_take(w, &in, keep, e) < 0)
		return -1;
	pg_slot_used(w, w->n - in.n - w->at);
	if (slot_take(w, &more, keep, e) < 0)
		return -1;
	pg_slot_put_back(w, more);
	return 0;
}

PG_FN ssize_t
pg_slot_take_into(struct pg_slot *w, struct pg_str *in, char *room, size_t n,
    struct pg_err *e)
{
	struct pg_str piece, data;
	size_t filled = 0;
	ssize_t used;

	while (in->n > 0 && filled < n && !pg_http1_body_done(&w->body)) {
		piece = (struct pg_str){ in->p, PG_MIN(in->n, n - filled) };
		used = pg_http1_body_take(&w->body, piece, &data, e);
		if (used < 0 || slot_check_limit(w, e) < 0)
			return -1;
		assert(used > 0);
		if (data.n > 0 && data.p != room + filled)
			memmove(room + filled, data.p, data.n);
		filled += data.n;
		*in = pg_str_skip(*in, (size_t)used);
	}
	return (ssize_t)filled;
}

PG_FN size_t
pg_slot_wants_pipe(const struct pg_slot *w)
{
	if (w->body.kind != PG_BODY_LENGTH || w->at < w->n ||
	    w->body.left < PG_SLOT_PIPE_MIN)
		return 0;
	return (size_t)PG_MIN(w->body.left, (uint64_t)SSIZE_MAX);
}

PG_FN int
pg_slot_take_pipe(struct pg_slot *w, int pipe, size_t n, struct pg_err *e)
{
	assert(n <= w->body.left);
	if (pg_spool_put_pipe(&w->spool, pipe, n, e) < 0)
		return -1;
	w->body.left -= n;
	w->body.total += n;
	return 0;
}

PG_FN bool
pg_slot_in_place(const struct pg_slot *w)
{
	return w->head.has_length && w->head.length > 0 &&
	    w->head.length <= PG_SLOT_IN - w->body_at;
}

PG_FN struct pg_bulk *
pg_slot_body_in_place(struct pg_slot *w)
{
	w->in->p = w->in->heap + w->at;
	w->in->n = (size_t)w->head.length;
	w->at += w->in->n;
	return w->in;
}

/* ---- Answers ---- */

/* Not printf, which would take a tenth of the time of a request. */
static void
slot_put_uint(struct pg_buf *b, uint64_t v)
{
	char text[20], *p = text + sizeof(text);

	do
		*--p = (char)('0' + v % 10);
	while ((v /= 10) > 0);
	pg_buf_put(b, p, (size_t)(text + sizeof(text) - p));
}

/* All of the head that comes before the framing. */
static void
slot_put_start(struct pg_buf *b, int status, const char *type,
    struct pg_str extra)
{
	pg_buf_reset(b);
	pg_buf_puts(b, PG_STR("HTTP/1.1 "));
	slot_put_uint(b, (uint64_t)status);
	pg_buf_putc(b, ' ');
	pg_buf_putz(b, pg_http1_reason(status));
	pg_buf_puts(b, PG_STR("\r\nServer: paglets\r\n"));
	if (type != NULL) {
		pg_buf_puts(b, PG_STR("Content-Type: "));
		pg_buf_putz(b, type);
		pg_buf_puts(b, PG_STR("\r\n"));
	}
	pg_buf_puts(b, extra);
}

/* RFC 9112 9.3: 1.0 closes unless told, 1.1 stays unless told. */
static void
slot_put_connection(struct pg_slot *w, bool closing)
{
	if (closing)
		pg_buf_puts(&w->out, PG_STR("Connection: close\r\n\r\n"));
	else if (w->head.minor == 0)
		pg_buf_puts(&w->out,
		    PG_STR("Connection: keep-alive\r\n\r\n"));
	else
		pg_buf_puts(&w->out, PG_STR("\r\n"));
}

PG_FN void
pg_slot_put_head(struct pg_slot *w, int status, const char *type,
    struct pg_str extra, uint64_t length, bool closing)
{
	struct pg_buf *b = &w->out;

	slot_put_start(b, status, type, extra);
	pg_buf_puts(b, PG_STR("Content-Length: "));
	slot_put_uint(b, length);
	pg_buf_puts(b, PG_STR("\r\n"));
	slot_put_connection(w, closing);
}

PG_FN void
pg_slot_put_file(struct pg_slot *w, struct pg_work *work, int fd,
    uint64_t off, uint64_t n, void (*on_warm)(struct pg_filesend *f))
{
	w->file_fd_plus1 = fd + 1;
	pg_filesend_init(&w->file, work, fd, off, n, on_warm);
}

PG_FN void
pg_slot_close_file(struct pg_slot *w)
{
	pg_filesend_fini(&w->file);
	if (w->file_fd_plus1 > 0)
		close(w->file_fd_plus1 - 1);
	w->file_fd_plus1 = 0;
}

PG_FN void
pg_slot_put_stream_head(struct pg_slot *w, int status, const char *type,
    struct pg_str extra, bool closing)
{
	slot_put_start(&w->out, status, type, extra);
	/* RFC 9112 6.1: never to a peer of HTTP/1.0. */
	if (w->head.minor > 0)
		pg_buf_puts(&w->out, PG_STR("Transfer-Encoding: chunked\r\n"));
	slot_put_connection(w, closing);
}

PG_FN void
pg_slot_put_piece(struct pg_slot *w, struct pg_str piece)
{
	struct pg_buf *b = &w->out_body;

	if (piece.n == 0) /* as a chunk it would be the end */
		return;
	if (w->head.minor > 0)
		pg_buf_printf(b, "%zx\r\n", piece.n);
	pg_buf_puts(b, piece);
	if (w->head.minor > 0)
		pg_buf_puts(b, PG_STR("\r\n"));
}

PG_FN void
pg_slot_put_end(struct pg_slot *w)
{
	if (w->head.minor > 0)
		pg_buf_puts(&w->out_body, PG_STR("0\r\n\r\n"));
}

/* One write of what is left of out and out_body. More to come is told, so
 * that a head does not travel in a packet of its own. */
static ssize_t
slot_write(const struct pg_slot *w, int sock)
{
	size_t head = PG_MIN(w->sent, w->out.n);
	struct iovec iov[2] = {
		{ w->out.p + head, w->out.n - head },
		{ w->out_body.p + (w->sent - head),
		    w->out_body.n - (w->sent - head) }
	};
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = 2 };

	return sendmsg(sock, &m, MSG_NOSIGNAL |
	    (pg_filesend_busy(&w->file) ? MSG_MORE : 0));
}

PG_FN enum pg_filesend_state
pg_slot_send(struct pg_slot *w, int sock)
{
	size_t total = w->out.n + w->out_body.n, n;
	ssize_t sent;

	while (w->sent < total) {
		sent = slot_write(w, sock);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return errno == EAGAIN || errno == EWOULDBLOCK
			    ? PG_FILESEND_MORE : PG_FILESEND_FAILED;
		w->sent += (size_t)sent;
	}
	return pg_filesend(&w->file, sock, &n);
}

PG_FN void
pg_slot_trim(struct pg_slot *w)
{
	size_t head = PG_MIN(w->sent, w->out.n);

	pg_buf_drop(&w->out, head);
	pg_buf_drop(&w->out_body, w->sent - head);
	w->sent = 0;
}

PG_FN void
pg_exchange_put_error(struct pg_buf *b, const struct pg_err *e)
{
	struct pg_str wire = pg_str(pg_code_wire(e->code));

	pg_buf_puts(b, PG_STR("{\"error_type\": "));
	pg_json_write_str(b, wire);
	pg_buf_puts(b, PG_STR(", \"error\": "));
	pg_json_write_str(b, pg_str(e->msg));
	if (pg_code_from_wire(wire, PG_STR_NULL) != e->code) {
		pg_buf_puts(b, PG_STR(", \"code\": "));
		pg_json_write_str(b, pg_str(pg_code_token(e->code)));
	}
	pg_buf_putc(b, '}');
}
