/* Shows that a server answers each request once and in order however its bytes
 * arrive, refuses what is wrong, slow or too much with a status line that the
 * peer can still read, and keeps nothing of peers that go away. Real sockets
 * on loopback; the test is the peer and turns the loop itself.
 */
/* parts: base/err base/mem base/buf base/map base/log base/clock codec/value codec/float codec/json codec/http1 os/file os/sock os/loop os/work net/filesend net/exchange net/intake net/answer net/conn net/server */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "net/server.h"
#include "patience.h"

#include <fcntl.h>
#include <malloc.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

struct fix {
	struct pg_loop *loop;
	struct pg_server *server;
	struct pg_addr addr;
	int64_t accept;          /* what on_head says */
	struct pg_exchange *held; /* by /later */
	struct pg_bulk *kept;    /* by /keep */
	int gone, requests;
	bool refuse;
	struct pg_exchange *stream; /* by /stream, until it is over */
	bool over;               /* begun and over: HEAD, draining, gone */
	int rooms;
	uint64_t body_n;
	int body_fd;
	/* The peer. */
	int fd;
	bool eof;
	int error; /* of reading */
	struct pg_buf got;
};

/* ---- The handler ---- */

static int64_t
on_head(void *arg, struct pg_exchange *x, struct pg_err *e)
{
	struct fix *f = arg;

	assert_non_null(x->conn);
	if (f->refuse)
		return pg_fail(e, PG_E_AUTH, "no key");
	return f->accept;
}

static void
on_gone(struct pg_exchange *x)
{
	struct fix *f = x->user;

	assert_null(x->conn);
	f->gone++;
}

static void
answer(struct pg_exchange *x, const char *text)
{
	struct pg_buf b = PG_BUF_INIT(0);

	pg_buf_putz(&b, text);
	pg_exchange_reply(x, 200, PG_STR_NULL, &b);
	assert_int_equal(b.n, 0);
	pg_buf_fini(&b);
}

static void
answer_big(struct pg_exchange *x)
{
	struct pg_buf b = PG_BUF_INIT(0);

	memset(pg_buf_room(&b, 8 << 20), 'z', 8 << 20);
	b.n = 8 << 20;
	pg_exchange_reply(x, 200, PG_STR("X-Extra: 1\r\n"), &b);
	pg_buf_fini(&b);
}

static void
on_stream_gone(struct pg_exchange *x)
{
	struct fix *f = x->user;

	f->gone++;
	f->stream = NULL;
	pg_exchange_end(x);
}

static void
on_room(struct pg_exchange *x)
{
	struct fix *f = x->user;

	f->rooms++;
}

static void
begin(struct fix *f, struct pg_exchange *x)
{
	x->user = f;
	x->on_gone = on_stream_gone;
	x->on_room = on_room;
	if (pg_exchange_begin(x, 200, "text/plain", PG_STR("X-Extra: 1\r\n")))
		f->stream = x;
	else
		f->over = true;
}

static void
on_request(void *arg, struct pg_exchange *x)
{
	struct fix *f = arg;
	struct pg_str body = pg_bulk_str(x->body), target = x->head->target;
	struct pg_buf b = PG_BUF_INIT(0);

	f->requests++;
	f->body_n = body.n;
	f->body_fd = x->body != NULL ? x->body->fd : -1;
	if (pg_str_eqz(target, "/later")) {
		assert_null(f->held);
		f->held = x;
		x->user = f;
		x->on_gone = on_gone;
	} else if (pg_str_eqz(target, "/watched")) {
		f->held = x;
		x->user = f;
		x->on_gone = on_gone;
		pg_exchange_watch(x);
		pg_exchange_park(x);
	} else if (pg_str_eqz(target, "/stream")) {
		begin(f, x);
	} else if (pg_str_eqz(target, "/big")) {
		answer_big(x);
	} else if (pg_str_eqz(target, "/keep")) {
		f->kept = pg_bulk_ref(x->body);
		answer(x, "kept");
	} else {
		/* What we were asked, so that order and bytes show. */
		pg_buf_printf(&b, "<%.*s %.*s>", PG_STR_ARG(target),
		    PG_STR_ARG(((struct pg_str){ body.p,
			PG_MIN(body.n, (size_t)64) })));
		pg_exchange_reply(x, 200, PG_STR_NULL, &b);
		pg_buf_fini(&b);
	}
}

static const struct pg_server_ops ops = { on_head, on_request };

/* ---- The peer ---- */

static void
peer_open(struct fix *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(f->fd, &f->addr.u.sa, f->addr.len), 0);
	fcntl(f->fd, F_SETFL, O_NONBLOCK);
	f->eof = false;
	f->error = 0;
	pg_buf_reset(&f->got);
}

static void
turn(struct fix *f)
{
	char *to = pg_buf_room(&f->got, 1 << 20);
	ssize_t n;

	clock_turn(f->loop);
	n = recv(f->fd, to, 1 << 20, 0);
	if (n > 0)
		f->got.n += (size_t)n;
	f->eof |= n == 0;
	if (n < 0 && errno != EAGAIN)
		f->error = errno;
}

static void
turns(struct fix *f, int n)
{
	while (n-- > 0)
		turn(f);
}

static void
put(struct fix *f, const char *p, size_t n)
{
	int64_t end = pg_now() + PATIENCE;
	ssize_t k;

	while (n > 0) {
		k = send(f->fd, p, n, MSG_NOSIGNAL);
		if (k > 0) {
			p += k;
			n -= (size_t)k;
		} else {
			assert_true(k < 0 && errno == EAGAIN);
			turn(f);
		}
		assert_true(pg_now() < end);
	}
}

static void
say(struct fix *f, const char *text)
{
	put(f, text, strlen(text));
}

static int
occurrences(const struct fix *f, const char *text)
{
	struct pg_str s = pg_buf_str(&f->got);
	size_t n = strlen(text);
	const char *at;
	int count = 0;

	while (s.n >= n && (at = memmem(s.p, s.n, text, n)) != NULL) {
		count++;
		s = pg_str_skip(s, (size_t)(at - s.p) + n);
	}
	return count;
}

/* Turn until the text has come so many times. */
static void
await_n(struct fix *f, const char *text, int n)
{
	int64_t end = pg_now() + PATIENCE;

	while (occurrences(f, text) < n) {
		if (f->eof || f->error != 0 || pg_now() > end)
			fail_msg("no \"%s\" x %d (eof %d, error %d) in: %.*s",
			    text, n, f->eof, f->error,
			    (int)PG_MIN(f->got.n, 2000), f->got.p);
		turn(f);
	}
}

static void
await(struct fix *f, const char *text)
{
	await_n(f, text, 1);
}

/* Turn until the server has closed in good order. */
static void
await_close(struct fix *f)
{
	int64_t end = pg_now() + PATIENCE;

	while (!f->eof && f->error == 0 && pg_now() < end)
		turn(f);
	assert_int_equal(f->error, 0);
	assert_true(f->eof);
}

static void
fresh(struct fix *f)
{
	pg_buf_reset(&f->got);
}

static int
setup(void **state)
{
	struct fix *f = pg_alloc(sizeof(*f));
	struct pg_addr any;
	struct pg_err e = { .code = PG_E_OK };

	clock_by_turns();
	f->fd = -1;
	f->accept = 1 << 20;
	f->loop = pg_loop_new(&e);
	f->server = pg_server_new(f->loop, NULL, &ops, f, &e);
	pg_addr_parse(PG_STR("127.0.0.1"), 0, &any);
	assert_int_equal(pg_server_listen(f->server, &any, &f->addr, &e), 0);
	peer_open(f);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fix *f = *state;

	pg_server_free(f->server);
	pg_loop_free(f->loop);
	pg_bulk_unref(f->kept);
	pg_buf_fini(&f->got);
	close(f->fd);
	free(f);
	clock_real();
	return 0;
}

/* ---- Requests that are fine ---- */

static void
test_one_request(void **state)
{
	struct fix *f = *state;

	say(f, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
	await(f, "</a >");
	assert_true(pg_str_eqz(pg_buf_str(&f->got),
	    "HTTP/1.1 200 OK\r\nServer: paglets\r\n"
	    "Content-Type: application/json\r\nContent-Length: 5\r\n\r\n"
	    "</a >"));
	assert_int_equal(pg_server_open(f->server), 0);
	/* The same connection again. */
	say(f, "POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc");
	await(f, "</b abc>");
}

static void
test_head_has_no_body(void **state)
{
	struct fix *f = *state;

	say(f, "HEAD /a HTTP/1.1\r\nHost: x\r\n\r\n"
	    "GET /b HTTP/1.1\r\nHost: x\r\n\r\n");
	await(f, "</b >");
	assert_int_equal(occurrences(f, "Content-Length: 5\r\n\r\n"), 2);
	assert_int_equal(occurrences(f, "</a >"), 0);
}

static void
test_closing(void **state)
{
	struct fix *f = *state;

	say(f, "GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	await(f, "Connection: close\r\n\r\n</a >");
	await_close(f);
	peer_open(f);
	say(f, "GET /a HTTP/1.0\r\n\r\n");
	await(f, "Connection: close\r\n\r\n</a >");
	await_close(f);
	peer_open(f);
	say(f, "GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	await(f, "Connection: keep-alive\r\n\r\n</a >");
	say(f, "GET /b HTTP/1.0\r\n\r\n");
	await(f, "</b >");
	await_close(f);
}

/* What is sent behind the last request must not destroy its answer. */
static void
test_closing_with_input_left(void **state)
{
	struct fix *f = *state;

	say(f, "GET /a HTTP/1.0\r\n\r\nGET /b HTTP/1.0\r\n\r\n");
	await(f, "</a >");
	await_close(f);
	assert_int_equal(f->requests, 1);
}

static void
test_pipelining(void **state)
{
	struct fix *f = *state;
	struct pg_buf in = PG_BUF_INIT(0);
	char last[32];
	int i;

	for (i = 0; i < 2000; i++)
		pg_buf_printf(&in, "POST /%d HTTP/1.1\r\nHost: x\r\n"
		    "Content-Length: 2\r\n\r\n%02d", i, i % 100);
	put(f, in.p, in.n);
	await_n(f, "HTTP/1.1 200 OK", 2000);
	for (i = 0; i < 2000; i++) {
		snprintf(last, sizeof(last), "</%d %02d>", i, i % 100);
		assert_non_null(memmem(f->got.p, f->got.n, last,
		    strlen(last)));
	}
	pg_buf_fini(&in);
}

/* The next request is not begun before the last one is answered. */
static void
test_pipelining_behind_a_slow_one(void **state)
{
	struct fix *f = *state;

	say(f, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n"
	    "GET /b HTTP/1.1\r\nHost: x\r\n\r\n");
	turns(f, 5);
	say(f, "GET /c HTTP/1.1\r\nHost: x\r\n\r\n");
	turns(f, 5);
	assert_int_equal(f->requests, 1);
	assert_int_equal(f->got.n, 0);
	assert_int_equal(pg_server_open(f->server), 1);
	answer(f->held, "now");
	assert_int_equal(f->requests, 1);
	await(f, "now");
	await(f, "</b >");
	await(f, "</c >");
	assert_int_equal(pg_server_open(f->server), 0);
}

/* Two pipelined requests, cut at every byte. */
static void
cut_everywhere(struct fix *f, const char *text, const char *a, const char *b)
{
	size_t n = strlen(text), i;

	for (i = 1; i < n; i++) {
		peer_open(f);
		put(f, text, i);
		turns(f, 2);
		put(f, text + i, n - i);
		await(f, a);
		await(f, b);
		assert_int_equal(occurrences(f, "HTTP/1.1 200 OK"), 2);
	}
}

static void
test_cut_at_every_byte(void **state)
{
	struct fix *f = *state;

	cut_everywhere(f, "POST /p HTTP/1.1\r\nHost: x\r\n"
	    "Content-Length: 7\r\n\r\nabcdefg"
	    "GET /q HTTP/1.1\r\nHost: x\r\n\r\n", "</p abcdefg>", "</q >");
	cut_everywhere(f, "POST /p HTTP/1.1\r\nHost: x\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n"
	    "3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nT: v\r\n\r\n"
	    "GET /q HTTP/1.1\r\nHost: x\r\n\r\n", "</p abcdefg>", "</q >");
}

/* Chunked bodies that fill the buffer, with a request right behind. */
static void
test_chunked_at_buffer_edges(void **state)
{
	struct fix *f = *state;
	struct pg_buf in = PG_BUF_INIT(0);
	size_t n;

	for (n = PG_SLOT_IN - 200; n < PG_SLOT_IN + 20; n += 7) {
		peer_open(f);
		pg_buf_reset(&in);
		pg_buf_printf(&in, "POST /p HTTP/1.1\r\nHost: x\r\n"
		    "Transfer-Encoding: chunked\r\n\r\n%zX\r\n", n);
		memset(pg_buf_room(&in, n), 'c', n);
		in.n += n;
		pg_buf_putz(&in, "\r\n0\r\n\r\n"
		    "GET /q HTTP/1.1\r\nHost: x\r\n\r\n");
		put(f, in.p, in.n);
		await(f, "</q >");
	}
	pg_buf_fini(&in);
}

/* A head that ends where the buffer ends leaves room for its body all the
 * same. */
static void
test_head_at_buffer_end(void **state)
{
	const char *const next = "POST /q HTTP/1.1\r\nHost: x\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n";
	struct fix *f = *state;
	struct pg_buf in = PG_BUF_INIT(0);
	size_t end, n;

	for (end = PG_SLOT_IN - 1; end <= PG_SLOT_IN + 1; end++) {
		peer_open(f);
		turns(f, 2);
		pg_buf_reset(&in);
		/* The length has five digits. */
		n = end - strlen(next) - strlen("POST /p HTTP/1.1\r\nHost: x"
		    "\r\nContent-Length: 12345\r\n\r\n");
		pg_buf_printf(&in, "POST /p HTTP/1.1\r\nHost: x\r\n"
		    "Content-Length: %zu\r\n\r\n%0*d%s", n, (int)n, 0, next);
		assert_int_equal(in.n, end);
		put(f, in.p, in.n);
		await(f, "</p 0");
		say(f, "3\r\nabc\r\n0\r\n\r\n");
		await(f, "</q abc>");
	}
	pg_buf_fini(&in);
}

static void
test_kept_body_outlives_the_answer(void **state)
{
	struct fix *f = *state;

	say(f, "POST /keep HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n"
	    "SAVE" "GET /b HTTP/1.1\r\nHost: x\r\n\r\n");
	await(f, "</b >");
	say(f, "POST /c HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nover");
	await(f, "</c over>");
	assert_true(pg_str_eqz(pg_bulk_str(f->kept), "SAVE"));
}

/* ---- Bodies and their limits ---- */

static void
test_body_limit(void **state)
{
	struct fix *f = *state;

	f->accept = 10;
	say(f, "POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n"
	    "0123456789");
	await(f, "</p 0123456789>");
	say(f, "POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n"
	    "0123456789x" "GET /next HTTP/1.1\r\nHost: x\r\n\r\n");
	await(f, "HTTP/1.1 413 ");
	await(f, "\"error_type\": \"HostError\"");
	/* So short a rest is skipped, and the connection kept. */
	await(f, "</next >");
}

/* A refused body that is just short enough to be skipped, and a longer one. */
static void
test_skip_limit(void **state)
{
	struct fix *f = *state;
	char head[100], *body = calloc(1, PG_SERVER_SKIP_MAX + 1);
	size_t n;

	f->accept = 0;
	for (n = PG_SERVER_SKIP_MAX - 1; n <= PG_SERVER_SKIP_MAX + 1; n++) {
		snprintf(head, sizeof(head), "POST /p HTTP/1.1\r\nHost: x\r\n"
		    "Content-Length: %zu\r\n\r\n", n);
		fresh(f);
		say(f, head);
		await(f, "HTTP/1.1 413 ");
		put(f, body, n);
		if (n > PG_SERVER_SKIP_MAX)
			break;
		say(f, "GET /next HTTP/1.1\r\nHost: x\r\n\r\n");
		await(f, "</next >");
	}
	await_close(f);
	free(body);
}

static void
test_chunked_body_limit(void **state)
{
	struct fix *f = *state;

	f->accept = 10;
	say(f, "POST /p HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked"
	    "\r\n\r\nA\r\n0123456789\r\n0\r\n\r\n");
	await(f, "</p 0123456789>");
	say(f, "POST /p HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked"
	    "\r\n\r\nA\r\n0123456789\r\n1\r\nx\r\n");
	await(f, "HTTP/1.1 413 ");
	await(f, "Connection: close");
	shutdown(f->fd, SHUT_WR);
	await_close(f);
}

static void
test_large_body(void **state)
{
	struct fix *f = *state;
	size_t n = 64 << 20, piece = 1 << 20, before, i;
	char *zeros = calloc(1, piece);

	f->accept = (int64_t)n;
	say(f, "POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 67108864"
	    "\r\n\r\n");
	put(f, zeros, piece);
	turns(f, 3);
	before = mallinfo2().uordblks;
	for (i = piece; i < n; i += piece)
		put(f, zeros, piece);
	assert_true(mallinfo2().uordblks < before + (1 << 20));
	await(f, "</p ");
	assert_int_equal(f->body_n, n);
	assert_true(f->body_fd >= 0);
	free(zeros);
}

/* Body and next request in one stream, whatever way the bytes go: around the
 * lengths from which on they come through a pipe. */
static void
test_large_body_in_order(void **state)
{
	const size_t sizes[] = { PG_SLOT_PIPE_MIN - 1, PG_SLOT_PIPE_MIN,
		PG_SLOT_PIPE_MIN + PG_SLOT_IN, 3000000 };
	struct fix *f = *state;
	struct pg_buf b = PG_BUF_INIT(0);
	size_t i, k, at;

	f->accept = 3000000;
	for (i = 0; i < PG_COUNT(sizes); i++) {
		pg_buf_reset(&b);
		pg_buf_printf(&b, "POST /keep HTTP/1.1\r\nHost: x\r\n"
		    "Content-Length: %zu\r\n\r\n", sizes[i]);
		at = b.n;
		for (k = 0; k < sizes[i]; k++)
			pg_buf_putc(&b, (char)(k * 31 + k / 251));
		pg_buf_putz(&b, "GET /next HTTP/1.1\r\nHost: x\r\n\r\n");
		fresh(f);
		put(f, b.p, b.n);
		await(f, "</next >");
		assert_int_equal(f->kept->n, sizes[i]);
		assert_memory_equal(f->kept->p, b.p + at, sizes[i]);
		pg_bulk_unref(f->kept);
		f->kept = NULL;
	}
	pg_buf_fini(&b);
}

/* Between what lies in the buffer, what goes to the heap, and what to a
 * memfd. */
static void
test_body_sizes(void **state)
{
	const size_t sizes[] = { 1, 16384, PG_SLOT_IN - 100, PG_SLOT_IN,
		PG_BULK_HEAP_MAX, PG_BULK_HEAP_MAX + 1, 300000 };
	struct fix *f = *state;
	char head[100], *body = calloc(1, 300000);
	size_t i;

	for (i = 0; i < PG_COUNT(sizes); i++) {
		snprintf(head, sizeof(head), "POST /p HTTP/1.1\r\nHost: x\r\n"
		    "Content-Length: %zu\r\n\r\n", sizes[i]);
		fresh(f);
		say(f, head);
		put(f, body, sizes[i]);
		await(f, "</p ");
		assert_int_equal(f->body_n, sizes[i]);
		assert_int_equal(f->body_fd >= 0,
		    sizes[i] > PG_BULK_HEAP_MAX);
	}
	free(body);
}

static void
test_continue(void **state)
{
	struct fix *f = *state;

	say(f, "POST /p HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
	    "Content-Length: 3\r\n\r\n");
	await(f, "HTTP/1.1 100 Continue\r\n\r\n");
	say(f, "abc");
	await(f, "HTTP/1.1 200 OK");
	await(f, "</p abc>");
	/* Not when it has begun to arrive. */
	fresh(f);
	say(f, "POST /p HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
	    "Content-Length: 3\r\n\r\nabc");
	await(f, "</p abc>");
	assert_int_equal(occurrences(f, "100 Continue"), 0);
	/* Nor when it is refused; then the peer may or may not send it. */
	f->refuse = true;
	say(f, "POST /p HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
	    "Content-Length: 3\r\n\r\n");
	await(f, "HTTP/1.1 401 ");
	await(f, "WWW-Authenticate: Bearer\r\n");
	await(f, "Connection: close\r\n");
	assert_int_equal(occurrences(f, "100 Continue"), 0);
}

/* ---- Refusals ---- */

static void
expect_refusal(struct fix *f, const char *text, const char *status)
{
	peer_open(f);
	say(f, text);
	await(f, status);
	await(f, "Connection: close\r\n");
	await(f, "{\"error_type\": \"HostError\", \"error\": \"");
	assert_int_equal(occurrences(f, "HTTP/1.1 "), 1);
	shutdown(f->fd, SHUT_WR);
	await_close(f);
}

static void
test_errors(void **state)
{
	struct fix *f = *state;
	struct pg_buf b = PG_BUF_INIT(0);

	expect_refusal(f, "GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 ");
	expect_refusal(f, "nonsense\r\n\r\n", "HTTP/1.1 400 ");
	expect_refusal(f, "GET / HTTP/1.1\nHost: x\n\n", "HTTP/1.1 400 ");
	expect_refusal(f, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 400 ");
	expect_refusal(f, "POST / HTTP/1.1\r\nHost: x\r\n"
	    "Transfer-Encoding: chunked\r\n\r\nzz\r\n", "HTTP/1.1 400 ");
	expect_refusal(f, "PATCH / HTTP/1.1\r\nHost: x\r\n\r\n",
	    "HTTP/1.1 501 ");
	pg_buf_printf(&b, "GET /%0*d HTTP/1.1\r\nHost: x\r\n\r\n",
	    PG_HTTP1_TARGET_MAX, 0);
	pg_buf_putc(&b, '\0');
	expect_refusal(f, b.p, "HTTP/1.1 414 ");
	pg_buf_reset(&b);
	pg_buf_printf(&b, "GET / HTTP/1.1\r\nHost: x\r\nA: %0*d\r\n\r\n",
	    PG_HTTP1_HEAD_MAX, 0);
	pg_buf_putc(&b, '\0');
	expect_refusal(f, b.p, "HTTP/1.1 431 ");
	assert_int_equal(f->requests, 0);
	pg_buf_fini(&b);
}

/* An input that ends too early is told so; a silent one is not. */
static void
test_ends_early(void **state)
{
	struct fix *f = *state;

	say(f, "GET / HT");
	shutdown(f->fd, SHUT_WR);
	await(f, "HTTP/1.1 400 ");
	await_close(f);
	peer_open(f);
	say(f, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabc");
	shutdown(f->fd, SHUT_WR);
	await(f, "HTTP/1.1 400 ");
	await_close(f);
	peer_open(f);
	say(f, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n");
	shutdown(f->fd, SHUT_WR);
	await(f, "HTTP/1.1 400 ");
	await_close(f);
	peer_open(f);
	say(f, "\r\n");
	shutdown(f->fd, SHUT_WR);
	await_close(f);
	assert_int_equal(f->got.n, 0);
	assert_int_equal(f->requests, 0);
}

/* A peer that sends on regardless reads the answer and no reset. */
static void
test_early_refusal_is_drained(void **state)
{
	struct fix *f = *state;
	char *zeros = calloc(1, 1 << 20);
	int i;

	f->refuse = true;
	say(f, "POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 16777216"
	    "\r\n\r\n");
	for (i = 0; i < 16; i++)
		put(f, zeros, 1 << 20);
	await(f, "HTTP/1.1 401 ");
	await(f, "{\"error_type\": \"AuthenticationError\", "
	    "\"error\": \"no key\"}");
	close(f->fd);
	f->fd = -1;
	peer_open(f);
	turns(f, 3);
	assert_int_equal(f->requests, 0);
	free(zeros);
}

static void
test_drain_is_bounded(void **state)
{
	struct fix *f = *state;
	char *zeros = calloc(1, 1 << 20);
	int64_t end = pg_now() + PATIENCE;
	ssize_t n;

	f->refuse = true;
	pg_server_limits(f->server)->drain_bytes = 1 << 20;
	say(f, "POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999"
	    "\r\n\r\n");
	do {
		n = send(f->fd, zeros, 1 << 20, MSG_NOSIGNAL);
		turn(f);
	} while ((n > 0 || errno == EAGAIN) && pg_now() < end);
	assert_true(errno == EPIPE || errno == ECONNRESET);
	assert_int_equal(occurrences(f, "HTTP/1.1 401 "), 1);
	/* In time too. */
	pg_server_limits(f->server)->drain_time = 50 * PG_MS;
	peer_open(f);
	say(f, "POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999"
	    "\r\n\r\n");
	await(f, "HTTP/1.1 401 ");
	while (send(f->fd, "z", 1, MSG_NOSIGNAL) == 1 && pg_now() < end)
		turn(f);
	assert_true(pg_now() < end);
	free(zeros);
}

/* ---- Time ---- */

static void
test_slow_peers(void **state)
{
	struct fix *f = *state;
	struct pg_server_limits *limits = pg_server_limits(f->server);

	limits->head_time = limits->body_time = 30 * PG_MS;
	say(f, "GET / HT");
	await(f, "HTTP/1.1 408 ");
	shutdown(f->fd, SHUT_WR);
	await_close(f);
	peer_open(f);
	say(f, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabc");
	await(f, "HTTP/1.1 408 ");
	peer_open(f);
	say(f, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked"
	    "\r\n\r\n3\r\nab");
	await(f, "HTTP/1.1 408 ");
	assert_int_equal(f->requests, 0);
}

/* A head's time does not begin anew with each byte. */
static void
test_trickling_head(void **state)
{
	struct fix *f = *state;
	int64_t end = pg_now() + PATIENCE;

	pg_server_limits(f->server)->head_time = 50 * PG_MS;
	say(f, "GET /");
	while (f->got.n == 0 && pg_now() < end) {
		send(f->fd, "x", 1, MSG_NOSIGNAL);
		turn(f);
	}
	await(f, "HTTP/1.1 408 ");
}

static void
test_idle_is_closed_silently(void **state)
{
	struct fix *f = *state;

	pg_server_limits(f->server)->idle_time = 30 * PG_MS;
	peer_open(f);
	await_close(f);
	assert_int_equal(f->got.n, 0);
	peer_open(f);
	say(f, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
	await(f, "</a >");
	fresh(f);
	await_close(f);
	assert_int_equal(f->got.n, 0);
	/* A handler may take longer than that. */
	peer_open(f);
	say(f, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
	turns(f, 100);
	answer(f->held, "at last");
	await(f, "at last");
}

static void
test_peer_that_does_not_read(void **state)
{
	struct fix *f = *state;
	int64_t end = pg_now() + PATIENCE;

	pg_server_limits(f->server)->write_time = 30 * PG_MS;
	say(f, "GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
	do
		clock_turn(f->loop);
	while (pg_now() < end && (f->requests == 0 ||
	    pg_server_open(f->server) > 0));
	assert_int_equal(pg_server_open(f->server), 0);
}

static void
test_big_answer(void **state)
{
	struct fix *f = *state;
	int i;

	/* Unread for a while, so that the socket fills. */
	say(f, "GET /big HTTP/1.1\r\nHost: x\r\n\r\n"
	    "GET /b HTTP/1.1\r\nHost: x\r\n\r\n");
	for (i = 0; i < 20; i++)
		clock_turn(f->loop);
	assert_int_equal(pg_server_open(f->server), 1);
	await(f, "</b >");
	assert_int_equal(occurrences(f, "X-Extra: 1\r\n"), 1);
	assert_true(f->got.n > 8 << 20);
}

/* ---- Peers that go away ---- */

static void
test_half_close(void **state)
{
	struct fix *f = *state;

	say(f, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n"
	    "GET /b HTTP/1.1\r\nHost: x\r\n\r\n");
	shutdown(f->fd, SHUT_WR);
	turns(f, 10);
	assert_int_equal(f->gone, 0);
	answer(f->held, "still");
	await(f, "still");
	await(f, "</b >");
	await_close(f);
}

/* Who is watched, and closes, is gone, whatever else it has sent. */
static void
test_watched(void **state)
{
	static const char *const more[] = { "", "GET /b HT" };
	struct fix *f = *state;
	size_t i;

	for (i = 0; i < PG_COUNT(more); i++) {
		f->gone = 0;
		say(f, "GET /watched HTTP/1.1\r\nHost: x\r\n\r\n");
		turns(f, 5);
		if (more[i][0] != '\0')
			say(f, more[i]);
		turns(f, 5);
		assert_int_equal(f->gone, 0);
		shutdown(f->fd, SHUT_WR);
		turns(f, 5);
		assert_int_equal(f->gone, 1);
		answer(f->held, "to nobody");
		assert_int_equal(pg_server_open(f->server), 0);
		close(f->fd);
		peer_open(f);
	}
}

/* The next request on the same connection is not. */
static void
test_watched_once(void **state)
{
	struct fix *f = *state;

	say(f, "GET /watched HTTP/1.1\r\nHost: x\r\n\r\n");
	turns(f, 5);
	answer(f->held, "first");
	await(f, "first");
	f->held = NULL;
	say(f, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
	turns(f, 5);
	shutdown(f->fd, SHUT_WR);
	turns(f, 5);
	assert_int_equal(f->gone, 0);
	answer(f->held, "second");
	await(f, "second");
}

/* It had closed before anybody watched. */
static void
test_watched_late(void **state)
{
	struct fix *f = *state;

	say(f, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
	shutdown(f->fd, SHUT_WR);
	turns(f, 5);
	assert_int_equal(f->gone, 0);
	pg_exchange_watch(f->held);
	assert_int_equal(f->gone, 0);
	turns(f, 5);
	assert_int_equal(f->gone, 1);
	answer(f->held, "to nobody");
}

static void
reset(struct fix *f)
{
	struct linger now = { .l_onoff = 1 };

	setsockopt(f->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(f->fd);
	f->fd = -1;
}

static void
test_orphan(void **state)
{
	struct fix *f = *state;

	say(f, "POST /later HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n"
	    "abc");
	turns(f, 5);
	assert_non_null(f->held);
	reset(f);
	peer_open(f);
	turns(f, 5);
	assert_int_equal(f->gone, 1);
	assert_null(f->held->conn);
	assert_true(pg_str_eqz(pg_bulk_str(f->held->body), "abc"));
	assert_int_equal(pg_server_open(f->server), 1);
	answer(f->held, "to nobody");
	assert_int_equal(pg_server_open(f->server), 0);
}

/* Reset while more than the kernel has room for is pipelined behind. */
static void
test_orphan_with_input_left(void **state)
{
	struct fix *f = *state;

	say(f, "GET /later HTTP/1.1\r\nHost: x\r\n\r\nGET /b HT");
	turns(f, 5);
	say(f, "TP/1.1\r\n");
	turns(f, 5);
	reset(f);
	peer_open(f);
	turns(f, 5);
	assert_int_equal(f->gone, 1);
	answer(f->held, "to nobody");
}

static void
test_server_closes(void **state)
{
	struct fix *f = *state;

	say(f, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
	turns(f, 5);
	pg_server_close(f->server);
	assert_int_equal(f->gone, 1);
	answer(f->held, "too late");
	assert_int_equal(pg_server_open(f->server), 0);
}

static void
test_server_is_freed_with_an_orphan(void **state)
{
	struct fix *f = *state;

	say(f, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
	turns(f, 5);
	assert_non_null(f->held);
}

/* ---- Limits and endings of the server ---- */

static void
test_connection_limit(void **state)
{
	struct fix *f = *state;
	int first = f->fd, second;

	pg_server_limits(f->server)->conns = 2;
	f->fd = -1;
	peer_open(f);
	second = f->fd;
	say(f, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
	await(f, "</a >");
	f->fd = -1;
	peer_open(f);
	say(f, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
	await(f, "HTTP/1.1 503 ");
	await(f, "\"too many connections (2)\"");
	shutdown(f->fd, SHUT_WR);
	await_close(f);
	/* One goes, one may come. */
	close(first);
	turns(f, 3);
	peer_open(f);
	say(f, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
	await(f, "</a >");
	close(second);
}

/* More connections than may be turned away wait in the kernel. */
static void
test_turned_away_limit(void **state)
{
	enum { N = PG_SERVER_TURNED_AWAY_MAX + 1 };
	struct fix *f = *state;
	int fds[N], i;

	pg_server_limits(f->server)->conns = 0;
	peer_open(f);
	turns(f, 3);
	await(f, "HTTP/1.1 503 ");
	for (i = 0; i < N; i++) {
		fds[i] = f->fd;
		f->fd = -1;
		peer_open(f);
	}
	turns(f, 5);
	assert_int_equal(f->got.n, 0);
	assert_false(f->eof);
	for (i = 0; i < N; i++)
		close(fds[i]);
	await(f, "HTTP/1.1 503 ");
}

/* What limits a server has that nobody has made smaller. */
static void
test_limits_from_the_start(void **state)
{
	struct fix *f = *state;
	struct pg_server *s = pg_server_new(f->loop, NULL, &ops, f, NULL);
	const struct pg_server_limits *l = pg_server_limits(s);

	assert_int_equal(l->head_time, PG_SERVER_HEAD_TIME);
	assert_int_equal(l->body_time, PG_SERVER_BODY_TIME);
	assert_int_equal(l->idle_time, PG_SERVER_IDLE_TIME);
	assert_int_equal(l->write_time, PG_SERVER_WRITE_TIME);
	assert_int_equal(l->drain_time, PG_SERVER_DRAIN_TIME);
	assert_int_equal(l->drain_bytes, PG_SERVER_DRAIN_MAX);
	pg_server_free(s);
}

/* With few descriptors, some are left for all that is no connection. */
static void
test_connections_leave_descriptors(void **state)
{
	enum { FEW = 4 * (PG_SERVER_CONNS_MAX + PG_SERVER_TURNED_AWAY_MAX) /
	    3 / 4 * 4 };
	static const struct {
		rlim_t fds;
		size_t conns;
	} t[] = {
		{ 0, 0 }, { 64, 24 }, { 1024, 704 },
		{ FEW, FEW / 4 * 3 - PG_SERVER_TURNED_AWAY_MAX },
		{ FEW + 4, PG_SERVER_CONNS_MAX },
		{ 1 << 20, PG_SERVER_CONNS_MAX },
	};
	struct fix *f = *state;
	struct rlimit was, few;
	struct pg_server *s;
	size_t i;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	for (i = 0; i < PG_COUNT(t); i++) {
		few.rlim_cur = t[i].fds;
		few.rlim_max = PG_MAX(was.rlim_max, few.rlim_cur);
		if (setrlimit(RLIMIT_NOFILE, &few) < 0)
			continue; /* we may not have so many */
		s = pg_server_new(f->loop, NULL, &ops, f, NULL);
		setrlimit(RLIMIT_NOFILE, &was);
		assert_int_equal(pg_server_limits(s)->conns, t[i].conns);
		pg_server_free(s);
	}
}

/* More requests at a time than slots are kept for. */
static void
test_many_at_a_time(void **state)
{
	enum { N = 2 * PG_SLOT_SPARE_MAX + 1 };
	struct fix *f = *state;
	int fds[N], i, round;

	for (i = 0; i < N; i++) {
		f->fd = -1;
		peer_open(f);
		fds[i] = f->fd;
	}
	for (round = 0; round < 2; round++) {
		for (i = 0; i < N; i++)
			send(fds[i], "GET /a HT", 9, 0);
		turns(f, 3);
		for (i = 0; i < N; i++) {
			f->fd = fds[i];
			fresh(f);
			say(f, "TP/1.1\r\nHost: x\r\n\r\n");
			await(f, "</a >");
		}
	}
	for (i = 0; i < N - 1; i++)
		close(fds[i]);
}

static void
test_listener_limit(void **state)
{
	struct fix *f = *state;
	struct pg_err e = { .code = PG_E_OK };
	struct pg_addr any, bound;
	int i;

	pg_addr_parse(PG_STR("127.0.0.1"), 0, &any);
	for (i = 1; i < PG_SERVER_LISTEN_MAX; i++)
		assert_int_equal(pg_server_listen(f->server, &any, &bound,
		    &e), 0);
	assert_int_equal(pg_server_listen(f->server, &any, &bound, &e), -1);
	assert_int_equal(e.code, PG_E_HOST);
}

static int
reach(const struct pg_addr *a)
{
	int rc, fd = socket(AF_INET, SOCK_STREAM, 0);

	rc = connect(fd, &a->u.sa, a->len);
	close(fd);
	return rc;
}

/* Of two listeners one is closed: what it has accepted, and what only waited
 * for that, goes on; the other, and a new one in its place, serve. */
static void
test_unlisten(void **state)
{
	struct fix *f = *state;
	struct fix waits = { .loop = f->loop, .fd = -1 };
	struct pg_err e = { .code = PG_E_OK };
	struct pg_addr any, other, again;
	int i;

	pg_addr_parse(PG_STR("127.0.0.2"), 0, &any);
	assert_int_equal(pg_server_listen(f->server, &any, &other, &e), 0);
	say(f, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
	turns(f, 5);
	waits.addr = f->addr;
	peer_open(&waits);
	pg_server_unlisten(f->server, &f->addr);
	pg_server_unlisten(f->server, &f->addr); /* is nothing */
	assert_int_equal(reach(&f->addr), -1);
	assert_int_equal(reach(&other), 0);
	answer(f->held, "last");
	await(f, "\r\n\r\nlast");
	say(&waits, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
	await(&waits, "</a >");
	/* Its place is free again, whatever came and went. */
	for (i = 0; i < 2 * PG_SERVER_LISTEN_MAX; i++) {
		assert_int_equal(pg_server_listen(f->server, &any, &again,
		    &e), 0);
		assert_int_equal(reach(&again), 0);
		pg_server_unlisten(f->server, &again);
		assert_int_equal(reach(&again), -1);
	}
	assert_int_equal(reach(&other), 0);
	close(waits.fd);
	pg_buf_fini(&waits.got);
}

static void
test_drain(void **state)
{
	struct fix *f = *state;
	struct fix idle = { .loop = f->loop, .addr = f->addr, .fd = -1 };

	peer_open(&idle);
	say(f, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
	turns(f, 5);
	pg_server_drain(f->server);
	await_close(&idle);
	assert_int_equal(pg_server_open(f->server), 1);
	answer(f->held, "last");
	await(f, "Connection: close\r\n\r\nlast");
	await_close(f);
	close(idle.fd);
	idle.fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(idle.fd, &f->addr.u.sa, f->addr.len), -1);
	close(idle.fd);
	pg_buf_fini(&idle.got);
}

/* ---- Answers in pieces ---- */

static void
piece(struct fix *f, const char *text)
{
	assert_non_null(f->stream);
	assert_true(pg_exchange_has_room(f->stream));
	pg_exchange_write(f->stream, pg_str(text));
}

static void
end(struct fix *f)
{
	pg_exchange_end(f->stream);
	f->stream = NULL;
}

static void
open_stream(struct fix *f, const char *version)
{
	char text[100];

	snprintf(text, sizeof(text), "GET /stream HTTP/%s\r\nHost: x\r\n\r\n",
	    version);
	say(f, text);
	await(f, "\r\n\r\n");
	assert_non_null(f->stream);
}

/* Chunks, each when it is written, and then the connection goes on. */
static void
test_stream(void **state)
{
	struct fix *f = *state;

	open_stream(f, "1.1");
	assert_true(pg_str_eqz(pg_buf_str(&f->got),
	    "HTTP/1.1 200 OK\r\nServer: paglets\r\n"
	    "Content-Type: text/plain\r\nX-Extra: 1\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n"));
	fresh(f);
	piece(f, "");
	piece(f, "hello");
	piece(f, " seventeen letters");
	await(f, "5\r\nhello\r\n12\r\n seventeen letters\r\n");
	assert_int_equal(pg_server_open(f->server), 1);
	fresh(f);
	piece(f, "last");
	end(f);
	await(f, "4\r\nlast\r\n0\r\n\r\n");
	assert_int_equal(pg_server_open(f->server), 0);
	say(f, "GET /b HTTP/1.1\r\nHost: x\r\n\r\n");
	await(f, "</b >");
	assert_int_equal(f->gone, 0);
}

/* Only closing ends what HTTP/1.0 gets. */
static void
test_stream_for_http_1_0(void **state)
{
	struct fix *f = *state;

	say(f, "GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	await(f, "\r\nConnection: close\r\n\r\n");
	assert_int_equal(occurrences(f, "Transfer-Encoding"), 0);
	fresh(f);
	piece(f, "one ");
	await(f, "one ");
	piece(f, "two");
	end(f);
	await_close(f);
	assert_true(pg_str_eqz(pg_buf_str(&f->got), "one two"));
}

static void
test_stream_head_and_pipelined(void **state)
{
	struct fix *f = *state;

	say(f, "HEAD /stream HTTP/1.1\r\nHost: x\r\n\r\n"
	    "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n"
	    "GET /b HTTP/1.1\r\nHost: x\r\n\r\n");
	await_n(f, "chunked\r\n\r\n", 2);
	assert_true(f->over);
	turns(f, 5);
	assert_int_equal(occurrences(f, "</b >"), 0);
	end(f);
	await(f, "chunked\r\n\r\n0\r\n\r\nHTTP/1.1 200 OK");
	await(f, "</b >");
}

/* A deadline of before does not end it, nor does silence. */
static void
test_stream_has_time(void **state)
{
	struct fix *f = *state;

	pg_server_limits(f->server)->idle_time = 20 * PG_MS;
	pg_server_limits(f->server)->write_time = 20 * PG_MS;
	open_stream(f, "1.1");
	turns(f, 100);
	piece(f, "at last");
	await(f, "at last");
	assert_int_equal(f->gone, 0);
	end(f);
	await_close(f); /* idle again */
}

static void
await_gone(struct fix *f)
{
	int64_t until = pg_now() + PATIENCE;

	while (f->gone == 0 && pg_now() < until)
		clock_turn(f->loop);
	assert_int_equal(f->gone, 1);
	assert_null(f->stream);
	assert_int_equal(pg_server_open(f->server), 0);
}

/* Noticed though nothing is written, and whatever it has sent before. */
static void
test_stream_peer_closes(void **state)
{
	struct fix *f = *state;

	open_stream(f, "1.1");
	say(f, "GET /b HTTP/1.1\r\n");
	turns(f, 5);
	assert_int_equal(f->gone, 0);
	shutdown(f->fd, SHUT_WR);
	await_gone(f);
	f->gone = 0;
	peer_open(f);
	open_stream(f, "1.1");
	reset(f);
	await_gone(f);
	peer_open(f);
}

static void
test_stream_to_nobody(void **state)
{
	struct fix *f = *state;

	say(f, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
	turns(f, 5);
	reset(f);
	peer_open(f);
	turns(f, 5);
	begin(f, f->held);
	assert_true(f->over);
	assert_int_equal(pg_server_open(f->server), 0);
}

/* Write until there is no room. */
static size_t
fill(struct fix *f, size_t n)
{
	char *text = pg_alloc(n);
	size_t total = 0;

	memset(text, 'z', n);
	for (; pg_exchange_has_room(f->stream); total += n)
		pg_exchange_write(f->stream, (struct pg_str){ text, n });
	free(text);
	return total;
}

/* The queue takes what one more piece may hold over its limit, no more; and
 * what is read makes room again. */
static void
test_stream_backpressure(void **state)
{
	struct fix *f = *state;
	size_t total;
	int i, rooms;

	open_stream(f, "1.0");
	assert_int_equal(fill(f, 1), PG_SERVER_QUEUE_MAX);
	clock_turn(f->loop);
	total = PG_SERVER_QUEUE_MAX;
	for (i = 0; i < 2000; i++) {
		total += fill(f, 1000);
		pg_loop_turn(f->loop, 0, NULL);
	}
	assert_false(pg_exchange_has_room(f->stream));
	/* The queue, the socket here, the socket there. */
	assert_true(total < 16 * PG_SERVER_QUEUE_MAX);
	rooms = f->rooms;
	fresh(f);
	while (f->got.n < total)
		turn(f);
	turns(f, 3);
	assert_true(f->rooms > rooms);
	assert_true(pg_exchange_has_room(f->stream));
	end(f);
	await_close(f);
	assert_int_equal(f->got.n, total);
}

/* Pieces that keep coming do not keep a peer that reads none of them. */
static void
test_stream_unread(void **state)
{
	struct fix *f = *state;
	int64_t until = pg_now() + PATIENCE;

	open_stream(f, "1.1");
	pg_server_limits(f->server)->write_time = 50 * PG_MS;
	while (f->gone == 0 && pg_now() < until) {
		while (f->rooms > 0 && pg_exchange_has_room(f->stream)) {
			f->rooms = 0;
			fill(f, 10000);
		}
		if (pg_exchange_has_room(f->stream))
			piece(f, "more");
		clock_turn(f->loop);
	}
	await_gone(f);
}

static void
test_stream_drain(void **state)
{
	struct fix *f = *state;

	open_stream(f, "1.1");
	piece(f, "one");
	pg_server_drain(f->server);
	assert_null(f->stream);
	await(f, "3\r\none\r\n0\r\n\r\n");
	await_close(f);
}

static void
test_stream_while_draining(void **state)
{
	struct fix *f = *state;

	say(f, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
	turns(f, 5);
	pg_server_drain(f->server);
	begin(f, f->held);
	assert_true(f->over);
	await(f, "Connection: close\r\n\r\n0\r\n\r\n");
	await_close(f);
}

static void
test_stream_server_closes(void **state)
{
	struct fix *f = *state;

	open_stream(f, "1.1");
	piece(f, "lost");
	pg_server_close(f->server);
	await_gone(f);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_one_request),
		TEST(test_head_has_no_body),
		TEST(test_closing),
		TEST(test_closing_with_input_left),
		TEST(test_pipelining),
		TEST(test_pipelining_behind_a_slow_one),
		TEST(test_cut_at_every_byte),
		TEST(test_chunked_at_buffer_edges),
		TEST(test_head_at_buffer_end),
		TEST(test_kept_body_outlives_the_answer),
		TEST(test_body_limit),
		TEST(test_skip_limit),
		TEST(test_chunked_body_limit),
		TEST(test_large_body),
		TEST(test_large_body_in_order),
		TEST(test_body_sizes),
		TEST(test_continue),
		TEST(test_errors),
		TEST(test_ends_early),
		TEST(test_early_refusal_is_drained),
		TEST(test_drain_is_bounded),
		TEST(test_slow_peers),
		TEST(test_trickling_head),
		TEST(test_idle_is_closed_silently),
		TEST(test_peer_that_does_not_read),
		TEST(test_big_answer),
		TEST(test_half_close),
		TEST(test_watched),
		TEST(test_watched_once),
		TEST(test_watched_late),
		TEST(test_orphan),
		TEST(test_orphan_with_input_left),
		TEST(test_server_closes),
		TEST(test_server_is_freed_with_an_orphan),
		TEST(test_connection_limit),
		TEST(test_turned_away_limit),
		TEST(test_limits_from_the_start),
		TEST(test_connections_leave_descriptors),
		TEST(test_many_at_a_time),
		TEST(test_listener_limit),
		TEST(test_unlisten),
		TEST(test_drain),
		TEST(test_stream),
		TEST(test_stream_for_http_1_0),
		TEST(test_stream_head_and_pipelined),
		TEST(test_stream_has_time),
		TEST(test_stream_peer_closes),
		TEST(test_stream_to_nobody),
		TEST(test_stream_backpressure),
		TEST(test_stream_unread),
		TEST(test_stream_drain),
		TEST(test_stream_while_draining),
		TEST(test_stream_server_closes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
