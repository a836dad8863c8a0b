/* client: requests to other hosts.
 *
 * A call is one request and its answer; a link is one connection, which has a
 * call or waits in the pool for the next one. Each call goes through its
 * phases once, or, if a pooled connection turns out to be closed, from
 * CALL_START again on a fresh one.
 *
 * Reading begins with sending: a peer may refuse a body before it has all of
 * it, and that answer counts even if our sending has failed by then. A call
 * ends in call_end alone; calls and links are freed at the end of the turn,
 * never inside their own call stack.
 */
#include "client.h"
#include "../base/log.h"
#include "../base/mem.h"
#include "filesend.h"
#include "lookup.h"
#include "pool.h"

#include <signal.h>
#include <unistd.h>

/* Pieces in which heads and bodies are read. */
#define CLIENT_SMALL (8 * 1024)
#define CLIENT_BIG (256 * 1024)
#define CLIENT_PIECES_MAX (1 + PG_CLIENT_SEGMENTS_MAX)

enum call_phase {
	CALL_START,   /* at the end of the turn it begins, perhaps again */
	CALL_LOOKUP,  /* of the name */
	CALL_CONNECT, /* to one of the addresses */
	CALL_TALK,    /* sending, and reading the answer */
	CALL_OVER     /* done was called, or never will be */
};

/* Owner: whoever called pg_client_new. */
struct pg_client {
	struct pg_loop *loop;
	struct pg_lookups lookups;
	struct pg_call *calls;
	struct pg_link_pool pool;
	char *big; /* where bodies are read; NULL until the first */
};

/* Owner: the client. */
struct pg_call {
	struct pg_client *client;
	struct pg_call *prev, *next;
	struct pg_task task; /* begins, goes on reading, or frees */
	struct pg_timer timer;
	enum call_phase phase;
	pg_client_done *done;
	bool (*on_head)(void *arg, const struct pg_response *r);
	pg_client_data *on_data;
	void *arg;
	int64_t due, timeout, silence;

	/* The request. */
	struct pg_arena arena;
	struct pg_str method, text; /* text: the URL as given */
	struct pg_url url;
	struct pg_err bad; /* why the request cannot be made */
	bool fresh, retried, maybe_sent;
	size_t max_reply;

	/* Where to. */
	struct pg_lookup *lookup;
	struct pg_addr addrs[PG_CLIENT_ADDRS_MAX];
	size_t naddrs, tried;
	struct pg_link *link;

	/* Sending: pieces[0] is the head. */
	struct pg_buf head;
	struct pg_segment pieces[CLIENT_PIECES_MAX];
	size_t npieces, at; /* at: the piece being sent */
	uint64_t at_sent;   /* bytes of it */
	struct pg_filesend file; /* that it is */
	bool has_file;      /* among the pieces, not counting bulks */
	bool broken;        /* the peer takes no more */

	/* The answer. reply borrows from the buffer of the link, which stands
	 * still once it is parsed. */
	size_t scan;
	int interim;
	bool have_reply;
	struct pg_http1_head reply;
	struct pg_http1_body body;
	struct pg_spool spool;
	bool paused;
	struct pg_buf rest; /* what was read when on_data paused */
};

static void call_task(struct pg_task *t);
static void call_on_time(struct pg_timer *t);
static void call_fail(struct pg_call *call, enum pg_code code,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* ---- Endings ---- */

static void
call_free_request(struct pg_call *call)
{
	size_t i;

	for (i = 0; i < call->npieces; i++)
		pg_bulk_unref(call->pieces[i].bulk);
	call->npieces = 0;
	pg_filesend_fini(&call->file);
	pg_buf_fini(&call->head);
	pg_buf_fini(&call->rest);
	pg_spool_fini(&call->spool);
	pg_arena_fini(&call->arena);
}

/* Let go of the connection; keep says that the next call may have it. */
static void
call_release_link(struct pg_call *call, bool keep)
{
	struct pg_link *k = call->link;

	call->link = NULL;
	if (k != NULL && keep)
		pg_link_keep(k);
	else if (k != NULL)
		pg_link_drop(k);
}

/* Tell r, unless it is NULL. The client may be gone when this returns. */
static void
call_end(struct pg_call *call, struct pg_response *r, bool keep_link)
{
	assert(call->phase != CALL_OVER);
	call->phase = CALL_OVER;
	if (call->next != NULL)
		call->next->prev = call->prev;
	if (call->prev != NULL)
		call->prev->next = call->next;
	else
		call->client->calls = call->next;
	pg_timer_stop(&call->timer);
	if (call->lookup != NULL)
		pg_lookup_cancel(call->lookup);
	call_release_link(call, keep_link);
	pg_loop_defer(call->client->loop, &call->task, call_task);
	if (r != NULL) {
		r->maybe_sent = call->maybe_sent;
		call->done(call->arg, r);
	}
	call_free_request(call);
}

static void
call_fail(struct pg_call *call, enum pg_code code, const char *fmt, ...)
{
	struct pg_response r = { .status = 0 };
	char why[sizeof(r.err.msg)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	/* A long URL must not push out the reason. */
	pg_fail(&r.err, code, "Could not reach %.*s: %s",
	    (int)PG_MIN(call->text.n, (size_t)200), call->text.p, why);
	call_end(call, &r, false);
}

static bool
call_may_repeat(const struct pg_call *call)
{
	return !call->maybe_sent || pg_str_eqz(call->method, "GET") ||
	    pg_str_eqz(call->method, "HEAD") ||
	    pg_str_eqz(call->method, "DELETE");
}

/* The connection ended before the answer did. One from the pool may have been
 * closed by the peer just as we took it: then once more, on a new one. */
static void
call_link_lost(struct pg_call *call, const char *why)
{
	if (!call->link->reused || call->link->in.n > 0 || call->have_reply ||
	    call->retried || !call_may_repeat(call)) {
		call_fail(call, PG_E_UNREACHABLE, "%s", why);
		return;
	}
	call_release_link(call, false);
	call->fresh = call->retried = true;
	pg_filesend_fini(&call->file);
	call->at = 0;
	call->at_sent = 0;
	call->broken = false;
	call->phase = CALL_START;
	pg_loop_defer(call->client->loop, &call->task, call_task);
}

/* The answer is complete. */
static void
call_succeed(struct pg_call *call, bool clean)
{
	struct pg_response r = { .status = call->reply.status,
		.head = &call->reply };
	struct pg_bulk *body = NULL;
	bool keep = clean && call->reply.keep_alive && !call->broken &&
	    call->at == call->npieces;

	if (call->spool.n > 0) {
		body = pg_spool_finish(&call->spool, &r.err);
		if (body == NULL) {
			call_fail(call, PG_E_UNREACHABLE, "%s", r.err.msg);
			return;
		}
	}
	r.body = body;
	call_end(call, &r, keep);
	pg_bulk_unref(body);
}

/* ---- Deadlines ---- */

static int64_t
call_due(const struct pg_client *cl, int64_t timeout)
{
	int64_t now = pg_loop_now(cl->loop);

	return timeout < PG_NEVER - now ? now + timeout : PG_NEVER;
}

/* Wake up when the call is due, or earlier after `most`. */
static void
call_deadline(struct pg_call *call, int64_t most)
{
	int64_t left = PG_NEVER;

	if (call->due != PG_NEVER)
		left = call->due - pg_loop_now(call->client->loop);
	left = PG_MAX(left, 0);
	pg_timer_set(call->client->loop, &call->timer, PG_MIN(left, most),
	    call_on_time);
}

/* The next piece may take so long. */
static void
call_await_piece(struct pg_call *call)
{
	call->timeout = call->silence;
	call->due = call_due(call->client, call->silence);
	call_deadline(call, PG_NEVER);
}

/* ---- Sending ---- */

static uint64_t
call_piece_len(const struct pg_segment *s)
{
	return s->file || s->bulk != NULL ? s->len : s->text.n;
}

static bool
call_piece_is_file(const struct pg_segment *s)
{
	return s->file || (s->bulk != NULL && s->bulk->fd >= 0);
}

static struct pg_str
call_piece_text(const struct pg_segment *s)
{
	if (s->bulk == NULL)
		return s->text;
	return (struct pg_str){ s->bulk->p + s->off, (size_t)s->len };
}

/* Note that n bytes went out, across pieces. */
static void
call_advance(struct pg_call *call, uint64_t n)
{
	uint64_t left;

	if (n > 0)
		call->maybe_sent = true;
	while (call->at < call->npieces) {
		left = call_piece_len(&call->pieces[call->at]) -
		    call->at_sent;
		if (n < left) {
			call->at_sent += n;
			return;
		}
		n -= left;
		call->at++;
		call->at_sent = 0;
	}
}

/* One write of all pieces up to the next file. The kernel is told when more
 * follows, so that a head does not travel in a packet of its own. */
static enum pg_filesend_state
call_send_memory(struct pg_call *call)
{
	struct iovec iov[CLIENT_PIECES_MAX];
	struct msghdr m = { .msg_iov = iov };
	size_t i, skip = (size_t)call->at_sent, n = 0, want = 0;
	struct pg_str s;
	ssize_t sent;

	for (i = call->at; i < call->npieces; i++) {
		if (call_piece_is_file(&call->pieces[i]))
			break;
		s = pg_str_skip(call_piece_text(&call->pieces[i]), skip);
		iov[n++] = (struct iovec){ (void *)(uintptr_t)s.p, s.n };
		want += s.n;
		skip = 0;
	}
	m.msg_iovlen = (__typeof__(m.msg_iovlen))n;
	sent = sendmsg(call->link->io.fd, &m,
	    MSG_NOSIGNAL | (i < call->npieces ? MSG_MORE : 0));
	if (sent < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK ||
		    errno == EINTR ? PG_FILESEND_MORE : PG_FILESEND_FAILED;
	call_advance(call, (uint64_t)sent);
	return (size_t)sent == want ? PG_FILESEND_DONE : PG_FILESEND_MORE;
}

static void call_on_warm(struct pg_filesend *f);

static enum pg_filesend_state
call_send_file(struct pg_call *call)
{
	const struct pg_segment *s = &call->pieces[call->at];
	enum pg_filesend_state state;
	size_t n;

	if (call->file.end == 0)
		pg_filesend_init(&call->file, s->file
		    ? call->client->lookups.work : NULL,
		    s->file ? s->fd : s->bulk->fd, s->off, s->len,
		    call_on_warm);
	state = pg_filesend(&call->file, call->link->io.fd, &n);
	call_advance(call, n);
	if (state == PG_FILESEND_DONE)
		pg_filesend_fini(&call->file);
	if (n > 0 && s->file && call->silence > 0 && !call->paused)
		call_await_piece(call);
	return state;
}

/* Whether it is not the socket that failed. */
static bool
client_is_file_error(int error)
{
	return error == EIO || error == EINVAL || error == EBADF ||
	    error == ESPIPE || error == EUCLEAN;
}

/* What we want to be told of the socket. */
static void
call_want(struct pg_call *call)
{
	bool send = call->at < call->npieces && !call->broken &&
	    !pg_filesend_waits(&call->file);

	pg_io_want(&call->link->io, (call->paused ? 0 : EPOLLIN) |
	    (send ? EPOLLOUT : 0));
}

/* Send what the socket takes, a file within bounds. */
static void
call_send(struct pg_call *call)
{
	enum pg_filesend_state state = PG_FILESEND_DONE;
	bool file = false;

	while (call->at < call->npieces && !call->broken && !file &&
	    state == PG_FILESEND_DONE) {
		file = call_piece_is_file(&call->pieces[call->at]);
		state = file ? call_send_file(call) : call_send_memory(call);
	}
	if (state == PG_FILESEND_SHORT) {
		call_fail(call, PG_E_HOST, "the file has become shorter");
		return;
	}
	if (state == PG_FILESEND_FAILED && client_is_file_error(errno)) {
		call_fail(call, PG_E_HOST, "the file cannot be read: %s",
		    strerror(errno));
		return;
	}
	/* The peer takes no more, but may have said why. */
	if (state == PG_FILESEND_FAILED)
		call->broken = true;
	call_want(call);
}

static void
call_on_warm(struct pg_filesend *f)
{
	call_send(PG_CONTAINER(f, struct pg_call, file));
}

/* ---- Reading ---- */

/* Whether the body goes to the caller as it arrives. */
static bool
call_streams(const struct pg_call *call)
{
	return call->on_data != NULL && call->have_reply &&
	    (call->reply.status == 200 || call->reply.status == 206);
}

static int
call_keep_body(struct pg_call *call, struct pg_str data, struct pg_err *e)
{
	if (call->body.total > call->max_reply)
		return pg_fail(e, PG_E_LIMIT, "answer is over the limit "
		    "of %zu bytes", call->max_reply);
	return pg_spool_put(&call->spool, data, e);
}

/* Body bytes, or those that came with the head. The call may be over when
 * this returns. */
static int
call_take_body(struct pg_call *call, struct pg_str *in, struct pg_err *e)
{
	struct pg_str data;
	ssize_t used;

	while (in->n > 0 && !pg_http1_body_done(&call->body)) {
		if (call->paused) {
			pg_buf_puts(&call->rest, *in);
			*in = PG_STR_NULL;
			if (call->rest.failed)
				return pg_fail(e, PG_E_NOMEM, "out of memory");
			break;
		}
		used = pg_http1_body_take(&call->body, *in, &data, e);
		if (used < 0)
			return -1;
		assert(used > 0);
		*in = pg_str_skip(*in, (size_t)used);
		if (!call_streams(call)) {
			if (call_keep_body(call, data, e) < 0)
				return -1;
		} else if (data.n > 0) {
			call->on_data(call->arg, data);
			if (call->phase == CALL_OVER)
				break;
		}
	}
	return 0;
}

/* Go on with the body; what comes behind it makes the link useless. */
static void
call_read_body(struct pg_call *call, struct pg_str in)
{
	struct pg_err e = { .code = PG_E_OK };

	if (call->silence > 0 && !call->paused &&
	    (call_streams(call) || call->has_file))
		call_await_piece(call);
	if (call_take_body(call, &in, &e) < 0)
		call_fail(call, PG_E_UNREACHABLE, "%s", e.msg);
	else if (call->phase == CALL_OVER)
		return;
	else if (pg_http1_body_done(&call->body))
		call_succeed(call, in.n == 0);
}

/* Parse the n bytes of a head at the start of in. 1: the final one, 0: an
 * interim one, which is dropped. */
static int
call_parse_head(struct pg_call *call, size_t n, struct pg_err *e)
{
	struct pg_buf *in = &call->link->in;
	struct pg_str head = { in->p, n };

	if (pg_http1_response_parse(head, &call->reply, e) < 0)
		return -1;
	/* RFC 9110 15.2; 101 would be an answer to what we never ask. */
	if (call->reply.status >= 200 || call->reply.status == 101) {
		pg_http1_body_response(&call->body, &call->reply,
		    call->method);
		return 1;
	}
	if (++call->interim > PG_CLIENT_INTERIM_MAX)
		return pg_fail(e, PG_E_HOST, "over %d interim answers",
		    PG_CLIENT_INTERIM_MAX);
	pg_buf_drop(in, n);
	return 0;
}

/* Whether the call goes on. */
static bool
call_show_head(struct pg_call *call)
{
	struct pg_response r = { .status = call->reply.status,
		.head = &call->reply, .maybe_sent = call->maybe_sent };

	if (call->on_head != NULL && !call->on_head(call->arg, &r) &&
	    call->phase != CALL_OVER)
		call_end(call, NULL, false);
	return call->phase != CALL_OVER;
}

/* Look for the final head in what has been read. */
static void
call_read_head(struct pg_call *call)
{
	struct pg_buf *in = &call->link->in;
	struct pg_err e = { .code = PG_E_OK };
	ssize_t n;
	int rc = 0;

	while (rc == 0) {
		n = pg_http1_head_end(pg_buf_str(in), &call->scan, &e);
		if (n == 0)
			return;
		call->scan = 0;
		rc = n < 0 ? -1 : call_parse_head(call, (size_t)n, &e);
	}
	if (rc < 0) {
		call_fail(call, PG_E_UNREACHABLE, "%s", e.msg);
		return;
	}
	call->have_reply = true;
	if (call->body.kind == PG_BODY_LENGTH && !call_streams(call) &&
	    call->reply.length > call->max_reply) {
		call_fail(call, PG_E_UNREACHABLE, "answer of %" PRIu64
		    " bytes is over the limit of %zu", call->reply.length,
		    call->max_reply);
		return;
	}
	if (call_show_head(call))
		call_read_body(call, pg_str_skip(pg_buf_str(in), (size_t)n));
}

/* What was read when reading stopped, before more is. */
static void
call_go_on(struct pg_call *call)
{
	struct pg_buf rest = call->rest;

	if (call->paused)
		return;
	call->rest = PG_BUF_INIT(0);
	call_want(call);
	if (call->silence > 0)
		call_await_piece(call);
	else
		call_deadline(call, PG_NEVER);
	if (rest.n > 0)
		call_read_body(call, pg_buf_str(&rest));
	pg_buf_fini(&rest);
}

/* The peer has closed its side. */
static void
call_read_eof(struct pg_call *call)
{
	struct pg_err e = { .code = PG_E_OK };

	if (!call->have_reply)
		call_link_lost(call, call->link->in.n > 0
		    ? "connection closed within the head of the answer"
		    : "connection closed without an answer");
	else if (pg_http1_body_eof(&call->body, &e) < 0)
		call_fail(call, PG_E_UNREACHABLE, "%s", e.msg);
	else
		call_succeed(call, false);
}

static void
call_read(struct pg_call *call)
{
	struct pg_client *cl = call->client;
	struct pg_buf *in = &call->link->in;
	size_t room = call->have_reply ? CLIENT_BIG : CLIENT_SMALL;
	char *to;
	ssize_t n;

	if (cl->big == NULL)
		cl->big = pg_realloc(NULL, CLIENT_BIG);
	to = call->have_reply ? cl->big : pg_buf_room(in, room);
	n = recv(call->link->io.fd, to, room, 0);
	if (n == 0)
		call_read_eof(call);
	else if (n > 0 && call->have_reply)
		call_read_body(call, (struct pg_str){ to, (size_t)n });
	else if (n > 0) {
		in->n += (size_t)n;
		call_read_head(call);
	} else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
		call_link_lost(call, strerror(errno));
}

/* ---- Connecting ---- */

static void
call_talk(struct pg_call *call)
{
	call->phase = CALL_TALK;
	call_deadline(call, PG_NEVER);
	call_send(call);
}

/* One connection attempt. */
static int
call_dial(struct pg_call *call, const struct pg_addr *a, bool *pending,
    struct pg_err *e)
{
	int fd = pg_sock_connect(a, pending, e);

	if (fd < 0)
		return -1;
	call->link = pg_link_new(&call->client->pool, fd, &call->url,
	    *pending ? EPOLLOUT : EPOLLIN, call, e);
	return call->link != NULL ? 0 : -1;
}

/* Try the addresses that are left. Each has an equal share of the time that
 * is left, so that a silent one does not use up that of the others. */
static void
call_connect(struct pg_call *call, const char *why)
{
	struct pg_err e = { .code = PG_E_OK };
	int64_t now = pg_loop_now(call->client->loop), share = PG_NEVER;
	bool pending = false;

	while (call->tried < call->naddrs) {
		if (call->due != PG_NEVER)
			share = (call->due - now) /
			    (int64_t)(call->naddrs - call->tried);
		if (call_dial(call, &call->addrs[call->tried++], &pending,
		    &e) < 0) {
			why = e.msg;
			continue;
		}
		if (!pending) {
			call_talk(call);
			return;
		}
		call->phase = CALL_CONNECT;
		call_deadline(call, share);
		return;
	}
	call_fail(call, PG_E_UNREACHABLE, "%s", why);
}

static void
call_connected(struct pg_call *call)
{
	int why = pg_sock_error(call->link->io.fd);

	if (why == 0) {
		call_talk(call);
		return;
	}
	call_release_link(call, false);
	call_connect(call, strerror(why));
}

static void
call_on_lookup(void *arg, const struct pg_addr *addrs, size_t n,
    const struct pg_err *e)
{
	struct pg_call *call = arg;

	call->lookup = NULL;
	call->naddrs = PG_MIN(n, (size_t)PG_CLIENT_ADDRS_MAX);
	if (n > 0)
		memcpy(call->addrs, addrs, call->naddrs * sizeof(*addrs));
	call_connect(call, e->msg);
}

static void
call_look_up(struct pg_call *call)
{
	struct pg_err e = { .code = PG_E_OK };

	call->tried = 0;
	call->naddrs = pg_lookup_literal(call->url.host, call->url.port,
	    call->addrs);
	if (call->naddrs > 0) {
		call_connect(call, "");
		return;
	}
	call->phase = CALL_LOOKUP;
	call->lookup = pg_lookup_start(&call->client->lookups,
	    call->url.host, call->url.port, call_on_lookup, call, &e);
	if (call->lookup == NULL)
		call_fail(call, PG_E_UNREACHABLE, "%s", e.msg);
}

static void
call_begin(struct pg_call *call)
{
	if (call->bad.code != PG_E_OK) {
		call_fail(call, call->bad.code, "%s", call->bad.msg);
		return;
	}
	if (!call->fresh)
		call->link = pg_link_take(&call->client->pool, &call->url,
		    call);
	if (call->link == NULL)
		call_look_up(call);
	else
		call_talk(call);
}

/* ---- What the loop calls ---- */

static void
call_task(struct pg_task *t)
{
	struct pg_call *call = PG_CONTAINER(t, struct pg_call, task);

	if (call->phase == CALL_OVER)
		free(call);
	else if (call->phase == CALL_TALK)
		call_go_on(call);
	else
		call_begin(call);
}

static void
call_on_time(struct pg_timer *t)
{
	struct pg_call *call = PG_CONTAINER(t, struct pg_call, timer);

	if (call->phase == CALL_CONNECT &&
	    pg_loop_now(call->client->loop) < call->due) {
		call_release_link(call, false);
		call_connect(call, "no answer to the connection request");
		return;
	}
	call_fail(call, PG_E_TIMEOUT, "timed out after %.3g s",
	    pg_to_seconds(call->timeout));
}

static void
call_on_ready(struct pg_link *k, uint32_t events)
{
	struct pg_call *call = k->user;

	if (call->phase == CALL_CONNECT) {
		call_connected(call);
		return;
	}
	if ((events & EPOLLOUT) != 0)
		call_send(call);
	if ((events & (uint32_t)(EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 &&
	    call->phase == CALL_TALK && !call->paused)
		call_read(call);
}

/* ---- Doors ---- */

/* Nothing that could end a header line. */
static bool
client_is_token(struct pg_str s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~')
			return false;
	return true;
}

/* Whole lines, none of them empty, of what a field may hold. */
static bool
client_is_lines(struct pg_str s)
{
	size_t i, start = 0;

	for (i = 0; i < s.n; i++)
		if (s.p[i] == '\r' && i > start && i + 1 < s.n &&
		    s.p[i + 1] == '\n')
			start = ++i + 1;
		else if ((unsigned char)s.p[i] < ' ' || s.p[i] == '\x7f')
			return false;
	return start == s.n;
}

static int
call_check(struct pg_call *call, const struct pg_request *r,
    struct pg_err *e)
{
	if (pg_url_parse(call->text, &call->url, e) < 0)
		return -1;
	if (!pg_str_ieq(call->url.scheme, PG_STR("http")))
		return pg_fail(e, PG_E_HOST, "TLS is not supported");
	if (!client_is_token(r->bearer))
		return pg_fail(e, PG_E_HOST,
		    "the API key has characters that cannot be sent");
	if (!client_is_lines(r->head))
		return pg_fail(e, PG_E_HOST,
		    "a header line has characters that cannot be sent");
	return 0;
}

static void
call_put_head(struct pg_call *call, const struct pg_request *r,
    uint64_t length)
{
	const struct pg_url *u = &call->url;
	struct pg_buf *b = &call->head;

	pg_buf_printf(b, "%s %.*s HTTP/1.1\r\nHost: %s%.*s%s", r->method,
	    PG_STR_ARG(u->path.n > 0 ? u->path : PG_STR("/")),
	    u->v6 ? "[" : "", PG_STR_ARG(u->host), u->v6 ? "]" : "");
	if (u->port != 80)
		pg_buf_printf(b, ":%u", (unsigned)u->port);
	pg_buf_printf(b, "\r\nUser-Agent: paglets\r\nAccept: %s\r\n",
	    r->accept != NULL ? r->accept : "application/json");
	if (r->bearer.n > 0)
		pg_buf_printf(b, "Authorization: Bearer %.*s\r\n",
		    PG_STR_ARG(r->bearer));
	if (r->content_type != NULL)
		pg_buf_printf(b, "Content-Type: %s\r\n", r->content_type);
	/* RFC 9110 8.6: said even when 0, where a body would be usual. */
	if (r->content_type != NULL || r->nbody > 0 ||
	    strcmp(r->method, "POST") == 0 || strcmp(r->method, "PUT") == 0)
		pg_buf_printf(b, "Content-Length: %" PRIu64 "\r\n", length);
	pg_buf_puts(b, r->head);
	pg_buf_putz(b, "\r\n");
}

/* Head and body, ready to be sent. */
static void
call_put_pieces(struct pg_call *call, const struct pg_request *r)
{
	struct pg_segment *s;
	uint64_t length = 0;
	size_t i;

	assert(r->nbody <= PG_CLIENT_SEGMENTS_MAX);
	for (i = 0; i < r->nbody; i++) {
		s = &call->pieces[1 + i];
		*s = r->body[i];
		if (s->bulk != NULL) {
			assert(s->off + s->len <= s->bulk->n);
			pg_bulk_ref(s->bulk);
		}
		call->has_file |= s->file;
		length += call_piece_len(s);
	}
	call->npieces = 1 + r->nbody;
	if (call->bad.code != PG_E_OK)
		return;
	call_put_head(call, r, length);
	call->pieces[0].text = pg_buf_str(&call->head);
}

PG_FN struct pg_call *
pg_client_start(struct pg_client *cl, const struct pg_request *r,
    pg_client_done *done, void *arg)
{
	struct pg_call *call = pg_alloc(sizeof(*call));

	call->client = cl;
	call->done = done;
	call->on_head = r->on_head;
	call->on_data = r->on_data;
	call->silence = r->silence;
	call->arg = arg;
	call->fresh = r->fresh;
	call->max_reply = r->max_reply;
	call->text = pg_arena_str(&call->arena, r->url);
	call->method = pg_arena_str(&call->arena, pg_str(r->method));
	call_check(call, r, &call->bad);
	call_put_pieces(call, r);
	call->next = cl->calls;
	if (call->next != NULL)
		call->next->prev = call;
	cl->calls = call;
	call->timeout = r->timeout;
	call->due = call_due(cl, r->timeout);
	call_deadline(call, PG_NEVER);
	pg_loop_defer(cl->loop, &call->task, call_task);
	return call;
}

PG_FN void
pg_call_cancel(struct pg_call *call)
{
	if (call->phase != CALL_OVER)
		call_end(call, NULL, false);
}

PG_FN uint64_t
pg_call_sent(const struct pg_call *call)
{
	uint64_t n = call->at > 0 ? call->at_sent : 0;
	size_t i;

	/* The first one is the head. */
	for (i = 1; i < call->at; i++)
		n += call_piece_len(&call->pieces[i]);
	return n;
}

PG_FN void
pg_call_pause(struct pg_call *call)
{
	if (call->phase != CALL_TALK || !call->have_reply || call->paused)
		return;
	call->paused = true;
	pg_timer_stop(&call->timer);
	call_want(call);
}

PG_FN void
pg_call_resume(struct pg_call *call)
{
	if (call->phase != CALL_TALK || !call->paused)
		return;
	call->paused = false;
	pg_loop_defer(call->client->loop, &call->task, call_task);
}

PG_FN struct pg_client *
pg_client_new(struct pg_loop *l, struct pg_work *w, struct pg_err *e)
{
	struct pg_client *cl = pg_alloc(sizeof(*cl));

	(void)e;
	cl->loop = l;
	cl->pool = (struct pg_link_pool){ .loop = l,
		.on_ready = call_on_ready };
	cl->lookups.work = w;
	/* sendfile has no MSG_NOSIGNAL: a peer that goes away while we send
	 * would end the process. */
	signal(SIGPIPE, SIG_IGN);
	return cl;
}

PG_FN void
pg_client_free(struct pg_client *cl)
{
	if (cl == NULL)
		return;
	while (cl->calls != NULL)
		pg_call_cancel(cl->calls);
	pg_link_pool_fini(&cl->pool);
	pg_lookups_fini(&cl->lookups);
	free(cl->big);
	free(cl);
}

#undef CLIENT_SMALL
#undef CLIENT_BIG
#undef CLIENT_PIECES_MAX
