/* Shows that the body of a request reaches its sink byte for byte however it
 * is cut, framed and paused, with the next request untouched behind it; and
 * that a sink is told exactly once when its body will not be complete. Real
 * sockets on loopback; the test is the peer and turns the loop itself.
 */
/* parts: base/err base/mem base/buf base/map base/log base/clock codec/value codec/float codec/json codec/http1 os/file os/sock os/loop os/work net/filesend net/exchange net/intake net/answer net/conn net/server */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "net/server.h"
#include "peer.h"

struct fix {
	struct pg_loop *loop;
	struct pg_server *server;
	struct pg_addr addr;
	struct peer peer;
	int fds;
	/* The sink. */
	int64_t accept; /* what on_head says */
	bool refuse;    /* on_head does */
	size_t room;    /* bytes given at a time */
	size_t pause_at; /* so many bytes in, there is no room */
	size_t full_at; /* so many bytes in, it refuses */
	struct pg_exchange *x; /* whose body is arriving */
	struct pg_buf data;
	size_t given;
	int rooms, pauses, dropped, requests;
};

/* ---- The handler ---- */

static char *
sink_room(struct pg_exchange *x, size_t *n, struct pg_err *e)
{
	struct fix *f = x->user;

	assert_ptr_equal(x, f->x);
	assert_int_equal(*n, 0);
	f->rooms++;
	f->given = 0;
	if (f->data.n >= f->full_at) {
		pg_fail(e, PG_E_QUOTA, "the disk is full");
		return NULL;
	}
	if (f->data.n >= f->pause_at) {
		f->pauses++;
		/* Either way of saying so. */
		return f->pauses % 2 == 0 ? NULL : f->data.p;
	}
	*n = f->given = PG_MIN(PG_MIN(f->room, f->pause_at - f->data.n),
	    f->full_at - f->data.n);
	return pg_buf_room(&f->data, f->given);
}

static void
sink_filled(struct pg_exchange *x, size_t n)
{
	struct fix *f = x->user;

	assert_ptr_equal(x, f->x);
	assert_true(n > 0 && n <= f->given);
	f->data.n += n;
	f->given = 0;
}

static void
sink_dropped(struct pg_exchange *x)
{
	struct fix *f = x->user;

	assert_ptr_equal(x, f->x);
	pg_exchange_resume(x); /* too late, and harmless */
	f->x = NULL;
	f->dropped++;
}

static const struct pg_sink sink = { sink_room, sink_filled, sink_dropped };

static int64_t
on_head(void *arg, struct pg_exchange *x, struct pg_err *e)
{
	struct fix *f = arg;

	if (!pg_str_eqz(x->head->method, "POST"))
		return 0;
	x->sink = &sink;
	if (f->refuse)
		return pg_fail(e, PG_E_AUTH, "no key");
	x->user = f;
	f->x = x;
	pg_buf_reset(&f->data);
	return f->accept;
}

static void
on_request(void *arg, struct pg_exchange *x)
{
	struct fix *f = arg;
	struct pg_buf b = PG_BUF_INIT(0);

	assert_null(x->body);
	assert_null(x->sink);
	f->requests++;
	f->x = NULL;
	pg_buf_printf(&b, "<%.*s %zu>", PG_STR_ARG(x->head->target),
	    f->data.n);
	pg_exchange_reply(x, 200, PG_STR_NULL, &b);
	pg_buf_fini(&b);
}

static const struct pg_server_ops ops = { on_head, on_request };

static int
setup(void **state)
{
	struct fix *f = pg_alloc(sizeof(*f));
	struct pg_addr any;
	struct pg_err e = { .code = PG_E_OK };

	clock_by_turns();
	f->fds = open_fds();
	f->accept = INT64_MAX;
	f->room = 64 * 1024;
	f->pause_at = f->full_at = SIZE_MAX;
	f->loop = pg_loop_new(&e);
	f->server = pg_server_new(f->loop, NULL, &ops, f, &e);
	pg_addr_parse(PG_STR("127.0.0.1"), 0, &any);
	assert_int_equal(pg_server_listen(f->server, &any, &f->addr, &e), 0);
	f->peer = (struct peer){ .loop = f->loop, .fd = -1 };
	peer_open(&f->peer, &f->addr);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fix *f = *state;

	pg_server_free(f->server);
	assert_null(f->x); /* every body has come to an end */
	pg_loop_free(f->loop);
	peer_close(&f->peer);
	pg_buf_fini(&f->peer.got);
	pg_buf_fini(&f->data);
	assert_int_equal(open_fds(), f->fds);
	free(f);
	clock_real();
	return 0;
}

static void
await_dropped(struct fix *f, int n)
{
	int64_t end = pg_now() + PATIENCE;

	while (f->dropped < n && pg_now() < end)
		peer_turn(&f->peer);
	peer_turns(&f->peer, 3);
	assert_int_equal(f->dropped, n);
	assert_int_equal(f->requests, 0);
}

/* ---- Bodies that arrive ---- */

#define NEXT "GET /q HTTP/1.1\r\nHost: x\r\n\r\n"

static void
cut_everywhere(struct fix *f, const char *text)
{
	size_t n = strlen(text), i;

	for (i = 1; i < n; i++) {
		peer_open(&f->peer, &f->addr);
		peer_put(&f->peer, text, i);
		peer_turns(&f->peer, 2);
		peer_put(&f->peer, text + i, n - i);
		peer_await(&f->peer, "</p 7>");
		peer_await(&f->peer, "</q 7>");
		assert_int_equal(peer_count(&f->peer, "HTTP/1.1 "), 2);
		assert_true(pg_str_eqz(pg_buf_str(&f->data), "abcdefg"));
	}
}

static void
test_cut_at_every_byte(void **state)
{
	const size_t rooms[] = { 1, 3, 6, 7, 8, 1000 };
	struct fix *f = *state;
	size_t i;

	for (i = 0; i < PG_COUNT(rooms); i++) {
		f->room = rooms[i];
		cut_everywhere(f, "POST /p HTTP/1.1\r\nHost: x\r\n"
		    "Content-Length: 7\r\n\r\nabcdefg" NEXT);
		cut_everywhere(f, "POST /p HTTP/1.1\r\nHost: x\r\n"
		    "Transfer-Encoding: chunked\r\n\r\n"
		    "3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nT: v\r\n\r\n" NEXT);
	}
	assert_int_equal(f->dropped, 0);
}

/* A body of n bytes, chunked if chunk is not 0, with a request behind. */
static void
put_body(struct fix *f, struct pg_buf *b, size_t n, size_t chunk)
{
	size_t at, i, k;

	pg_buf_reset(b);
	if (chunk == 0)
		pg_buf_printf(b, "POST /p HTTP/1.1\r\nHost: x\r\n"
		    "Content-Length: %zu\r\n\r\n", n);
	else
		pg_buf_putz(b, "POST /p HTTP/1.1\r\nHost: x\r\n"
		    "Transfer-Encoding: chunked\r\n\r\n");
	for (at = 0; at < n; at += k) {
		k = chunk > 0 ? PG_MIN(chunk, n - at) : n;
		if (chunk > 0)
			pg_buf_printf(b, "%zx\r\n", k);
		for (i = 0; i < k; i++)
			pg_buf_putc(b, pattern(at + i));
		if (chunk > 0)
			pg_buf_putz(b, "\r\n");
	}
	pg_buf_putz(b, chunk > 0 ? "0\r\n\r\n" NEXT : NEXT);
	pg_buf_reset(&f->peer.got);
	peer_put(&f->peer, b->p, b->n);
	peer_await(&f->peer, "</q ");
	assert_int_equal(f->data.n, n);
	assert_pattern(pg_buf_str(&f->data), 0);
}

/* Around the sizes of the buffer, and far above. */
static void
test_sizes(void **state)
{
	const size_t sizes[] = { 1, PG_SLOT_IN - 200, PG_SLOT_IN - 1,
		PG_SLOT_IN, PG_SLOT_IN + 1, PG_SLOT_PIPE_MIN, 3000000 };
	const size_t rooms[] = { 1000, 64 * 1024, 1 << 20 };
	struct fix *f = *state;
	struct pg_buf b = PG_BUF_INIT(0);
	size_t i, k;

	for (i = 0; i < PG_COUNT(sizes); i++)
		for (k = 0; k < PG_COUNT(rooms); k++) {
			f->room = rooms[k];
			put_body(f, &b, sizes[i], 0);
			put_body(f, &b, sizes[i], 50021);
			put_body(f, &b, sizes[i], sizes[i]);
		}
	put_body(f, &b, 20000, 7);
	assert_int_equal(f->dropped, 0);
	pg_buf_fini(&b);
}

static void
test_empty(void **state)
{
	struct fix *f = *state;

	peer_say(&f->peer, "POST /p HTTP/1.1\r\nHost: x\r\n"
	    "Content-Length: 0\r\n\r\n" NEXT);
	peer_await(&f->peer, "</q 0>");
	assert_int_equal(f->rooms, 0);
	peer_say(&f->peer, "POST /p2 HTTP/1.1\r\nHost: x\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
	peer_await(&f->peer, "</p2 0>");
	peer_say(&f->peer, "POST /p3 HTTP/1.1\r\nHost: x\r\n\r\n");
	peer_await(&f->peer, "</p3 0>");
	assert_int_equal(f->dropped, 0);
}

static void
test_continue(void **state)
{
	struct fix *f = *state;

	peer_say(&f->peer, "POST /p HTTP/1.1\r\nHost: x\r\n"
	    "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n");
	peer_await(&f->peer, "HTTP/1.1 100 Continue\r\n\r\n");
	assert_int_equal(f->rooms, 0);
	peer_say(&f->peer, "abc");
	peer_await(&f->peer, "</p 3>");
	/* The head is enough to refuse it. */
	pg_buf_reset(&f->peer.got);
	f->accept = 2;
	peer_say(&f->peer, "POST /p HTTP/1.1\r\nHost: x\r\n"
	    "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n");
	peer_await(&f->peer, "HTTP/1.1 413 ");
	assert_int_equal(peer_count(&f->peer, "100 Continue"), 0);
	assert_int_equal(f->dropped, 1);
}

/* ---- Pauses ---- */

/* Until the sink has been found without room so many times. */
static void
await_pause(struct fix *f, int n)
{
	int64_t end = pg_now() + PATIENCE;

	while (f->pauses < n) {
		assert_true(pg_now() < end);
		peer_turn(&f->peer);
	}
}

/* At every byte of a body, wherever it lies at that time. */
static void
pause_everywhere(struct fix *f, const char *text, bool at_once)
{
	size_t n = strlen(text), head;

	head = n - strlen(strstr(text, "\r\n\r\n") + 4);
	for (f->pause_at = 0; f->pause_at < 7;) {
		peer_open(&f->peer, &f->addr);
		peer_put(&f->peer, text, head);
		if (!at_once)
			peer_turns(&f->peer, 3);
		peer_put(&f->peer, text + head, n - head);
		f->pauses = 0;
		await_pause(f, 1);
		peer_turns(&f->peer, 20);
		assert_int_equal(f->pauses, 1);
		assert_int_equal(f->data.n, f->pause_at);
		/* In vain at first. */
		pg_exchange_resume(f->x);
		pg_exchange_resume(f->x);
		assert_int_equal(f->pauses, 1);
		await_pause(f, 2);
		assert_int_equal(f->data.n, f->pause_at++);
		pg_exchange_resume(f->x);
		if (f->pause_at < 7) {
			await_pause(f, 3);
			assert_int_equal(f->data.n, f->pause_at);
		}
		f->pause_at += 100;
		if (f->x != NULL)
			pg_exchange_resume(f->x);
		peer_await(&f->peer, "</q 7>");
		assert_true(pg_str_eqz(pg_buf_str(&f->data), "abcdefg"));
		f->pause_at -= 100;
	}
}

static void
test_pause_at_every_byte(void **state)
{
	struct fix *f = *state;
	int i;

	for (i = 0; i < 2; i++) {
		pause_everywhere(f, "POST /p HTTP/1.1\r\nHost: x\r\n"
		    "Content-Length: 7\r\n\r\nabcdefg" NEXT, i == 0);
		pause_everywhere(f, "POST /p HTTP/1.1\r\nHost: x\r\n"
		    "Transfer-Encoding: chunked\r\n\r\n"
		    "3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\n\r\n" NEXT, i == 0);
	}
	assert_int_equal(f->dropped, 0);
}

/* What is not read waits at the peer, for as long as it takes. */
static void
test_pause_holds_the_peer(void **state)
{
	struct fix *f = *state;
	size_t n = 64 << 20, sent = 0, i;
	char *piece = pg_alloc(1 << 20);
	ssize_t k;

	pg_server_limits(f->server)->body_time = 30 * PG_MS;
	pg_server_limits(f->server)->idle_time = 30 * PG_MS;
	f->pause_at = 100000;
	peer_say(&f->peer, "POST /p HTTP/1.1\r\nHost: x\r\n"
	    "Content-Length: 67108864\r\n\r\n");
	for (i = 0; i < 300; i++) {
		k = send(f->peer.fd, piece, PG_MIN(n - sent, (size_t)1 << 20),
		    MSG_NOSIGNAL);
		sent += (size_t)PG_MAX(k, 0);
		peer_turn(&f->peer);
	}
	assert_true(sent < n);
	assert_int_equal(f->data.n, 100000);
	f->pause_at = SIZE_MAX;
	pg_exchange_resume(f->x);
	while (sent < n) {
		k = (ssize_t)PG_MIN(n - sent, (size_t)1 << 20);
		peer_put(&f->peer, piece, (size_t)k);
		sent += (size_t)k;
	}
	peer_await(&f->peer, "</p 67108864>");
	assert_int_equal(f->dropped, 0);
	free(piece);
}

/* The peer of a paused one may leave; or send what nobody reads, which must
 * not wake us again and again. */
static void
test_pause_and_leave(void **state)
{
	struct fix *f = *state;

	f->pause_at = 2;
	peer_say(&f->peer, "POST /p HTTP/1.1\r\nHost: x\r\n"
	    "Content-Length: 7\r\n\r\nabcd");
	await_pause(f, 1);
	assert_int_equal(f->dropped, 0);
	peer_reset(&f->peer);
	await_dropped(f, 1);
	peer_open(&f->peer, &f->addr);
	peer_say(&f->peer, "POST /p HTTP/1.1\r\nHost: x\r\n"
	    "Content-Length: 7\r\n\r\nabcd");
	await_pause(f, 2);
	send(f->peer.fd, "!", 1, MSG_OOB);
	peer_turns(&f->peer, 20);
	f->pause_at = SIZE_MAX;
	pg_exchange_resume(f->x);
	peer_say(&f->peer, "efg");
	peer_await(&f->peer, "</p 7>");
}

/* A peer that has sent all it will, before we looked. */
static void
test_pause_and_half_close(void **state)
{
	struct fix *f = *state;

	f->pause_at = 2;
	peer_say(&f->peer, "POST /p HTTP/1.1\r\nHost: x\r\n"
	    "Content-Length: 7\r\n\r\nabcdefg");
	shutdown(f->peer.fd, SHUT_WR);
	await_pause(f, 1);
	peer_turns(&f->peer, 10);
	f->pause_at = SIZE_MAX;
	pg_exchange_resume(f->x);
	peer_await(&f->peer, "</p 7>");
	peer_await_close(&f->peer);
}

/* ---- Bodies that do not arrive ---- */

static void
test_sink_refuses(void **state)
{
	struct fix *f = *state;
	size_t n = 3000000;
	char *body = pg_alloc(n);
	const size_t at[] = { 0, 5, PG_SLOT_IN, 1000000, 2999999 };
	size_t i;

	for (i = 0; i < PG_COUNT(at); i++) {
		f->full_at = at[i];
		peer_open(&f->peer, &f->addr);
		peer_say(&f->peer, "POST /p HTTP/1.1\r\nHost: x\r\n"
		    "Content-Length: 3000000\r\n\r\n");
		/* All of it, and then the answer can still be read. */
		peer_put(&f->peer, body, n);
		peer_await(&f->peer, "HTTP/1.1 400 ");
		peer_await(&f->peer, "Connection: close\r\n");
		peer_await(&f->peer, "{\"error_type\": \"StorageQuotaError\", "
		    "\"error\": \"the disk is full\"}");
		shutdown(f->peer.fd, SHUT_WR);
		peer_await_close(&f->peer);
		assert_int_equal(f->data.n, at[i]);
		await_dropped(f, (int)i + 1);
	}
	/* Asked for no more than it was to take. */
	f->full_at = n;
	peer_open(&f->peer, &f->addr);
	peer_say(&f->peer, "POST /p HTTP/1.1\r\nHost: x\r\n"
	    "Content-Length: 3000000\r\n\r\n");
	peer_put(&f->peer, body, n);
	peer_await(&f->peer, "</p 3000000>");
	free(body);
}

/* A reason that turns up while it is paused. */
static void
test_sink_refuses_late(void **state)
{
	struct fix *f = *state;

	f->pause_at = 3;
	peer_say(&f->peer, "POST /p HTTP/1.1\r\nHost: x\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n7\r\nabcdefg");
	await_pause(f, 1);
	f->full_at = 3;
	pg_exchange_resume(f->x);
	peer_await(&f->peer, "StorageQuotaError");
	await_dropped(f, 1);
}

static void
test_limit(void **state)
{
	struct fix *f = *state;
	char text[200];
	int n;

	f->accept = 10;
	for (n = 9; n <= 11; n++) {
		snprintf(text, sizeof(text), "POST /p HTTP/1.1\r\nHost: x\r\n"
		    "Content-Length: %d\r\n\r\n%0*d" NEXT, n, n, 0);
		pg_buf_reset(&f->peer.got);
		peer_say(&f->peer, text);
		peer_await(&f->peer, n <= 10 ? "</p " : "HTTP/1.1 413 ");
		peer_await(&f->peer, "</q ");
		assert_int_equal(f->dropped, n > 10);
	}
	f->rooms = f->dropped = 0;
	for (n = 9; n <= 11; n++) {
		snprintf(text, sizeof(text), "POST /p HTTP/1.1\r\nHost: x\r\n"
		    "Transfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n"
		    "%x\r\n%0*d\r\n0\r\n\r\n", n - 4, n - 4, 0);
		pg_buf_reset(&f->peer.got);
		peer_say(&f->peer, text);
		peer_await(&f->peer, n <= 10 ? "</p " : "HTTP/1.1 413 ");
		assert_int_equal(f->dropped, n > 10);
		assert_true(f->data.n <= 10);
	}
}

/* Then it knows that nothing comes. */
static void
test_head_refused(void **state)
{
	struct fix *f = *state;

	f->refuse = true;
	peer_say(&f->peer, "POST /p HTTP/1.1\r\nHost: x\r\n"
	    "Content-Length: 3\r\n\r\nabc" NEXT);
	peer_await(&f->peer, "HTTP/1.1 401 ");
	peer_await(&f->peer, "</q ");
	assert_int_equal(f->dropped + f->rooms, 0);
}

static void
test_ends_early(void **state)
{
	struct fix *f = *state;

	peer_say(&f->peer, "POST /p HTTP/1.1\r\nHost: x\r\n"
	    "Content-Length: 7\r\n\r\nabc");
	shutdown(f->peer.fd, SHUT_WR);
	peer_await(&f->peer, "HTTP/1.1 400 ");
	peer_await_close(&f->peer);
	await_dropped(f, 1);
	peer_open(&f->peer, &f->addr);
	peer_say(&f->peer, "POST /p HTTP/1.1\r\nHost: x\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
	shutdown(f->peer.fd, SHUT_WR);
	peer_await(&f->peer, "HTTP/1.1 400 ");
	peer_await_close(&f->peer);
	await_dropped(f, 2);
	peer_open(&f->peer, &f->addr);
	peer_say(&f->peer, "POST /p HTTP/1.1\r\nHost: x\r\n"
	    "Content-Length: 7\r\n\r\nabc");
	peer_turns(&f->peer, 5);
	peer_reset(&f->peer);
	await_dropped(f, 3);
}

static void
test_ill_formed(void **state)
{
	struct fix *f = *state;

	peer_say(&f->peer, "POST /p HTTP/1.1\r\nHost: x\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n");
	peer_await(&f->peer, "HTTP/1.1 400 ");
	await_dropped(f, 1);
	peer_open(&f->peer, &f->addr);
	peer_say(&f->peer, "POST /p HTTP/1.1\r\nHost: x\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n");
	peer_turns(&f->peer, 5);
	peer_say(&f->peer, "3\r\nabc\r\nzz\r\n");
	peer_await(&f->peer, "HTTP/1.1 400 ");
	await_dropped(f, 2);
}

static void
test_stall(void **state)
{
	struct fix *f = *state;

	pg_server_limits(f->server)->body_time = 30 * PG_MS;
	peer_say(&f->peer, "POST /p HTTP/1.1\r\nHost: x\r\n"
	    "Content-Length: 7\r\n\r\nabc");
	peer_await(&f->peer, "HTTP/1.1 408 ");
	await_dropped(f, 1);
	peer_open(&f->peer, &f->addr);
	peer_say(&f->peer, "POST /p HTTP/1.1\r\nHost: x\r\n"
	    "Content-Length: 7\r\n\r\n");
	peer_await(&f->peer, "HTTP/1.1 408 ");
	await_dropped(f, 2);
}

/* Slow is not stalled: the time is between two pieces. */
static void
test_trickle(void **state)
{
	struct fix *f = *state;
	int i;

	pg_server_limits(f->server)->body_time = 30 * PG_MS;
	peer_say(&f->peer, "POST /p HTTP/1.1\r\nHost: x\r\n"
	    "Content-Length: 10\r\n\r\n");
	for (i = 0; i < 10; i++) {
		peer_turns(&f->peer, 15);
		peer_say(&f->peer, "x");
	}
	peer_await(&f->peer, "</p 10>");
}

static void
test_server_closes(void **state)
{
	struct fix *f = *state;

	peer_say(&f->peer, "POST /p HTTP/1.1\r\nHost: x\r\n"
	    "Content-Length: 7\r\n\r\nabc");
	peer_turns(&f->peer, 5);
	pg_server_close(f->server);
	assert_int_equal(f->dropped, 1);
}

static void
test_drain(void **state)
{
	struct fix *f = *state;

	f->pause_at = 3;
	peer_say(&f->peer, "POST /p HTTP/1.1\r\nHost: x\r\n"
	    "Content-Length: 7\r\n\r\nabcd");
	await_pause(f, 1);
	pg_server_drain(f->server);
	peer_turns(&f->peer, 5);
	f->pause_at = SIZE_MAX;
	pg_exchange_resume(f->x);
	peer_say(&f->peer, "efg");
	peer_await(&f->peer, "Connection: close\r\n\r\n</p 7>");
	peer_await_close(&f->peer);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_cut_at_every_byte),
		TEST(test_sizes),
		TEST(test_empty),
		TEST(test_continue),
		TEST(test_pause_at_every_byte),
		TEST(test_pause_holds_the_peer),
		TEST(test_pause_and_leave),
		TEST(test_pause_and_half_close),
		TEST(test_sink_refuses),
		TEST(test_sink_refuses_late),
		TEST(test_limit),
		TEST(test_head_refused),
		TEST(test_ends_early),
		TEST(test_ill_formed),
		TEST(test_stall),
		TEST(test_trickle),
		TEST(test_server_closes),
		TEST(test_drain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
