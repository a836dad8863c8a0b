/* Shows that a request made within this process is answered once, as one that
 * came by a connection would be, whatever way the handler answers and when;
 * and that a request that is parked keeps its connection but no buffer, and
 * can still be answered, or left. Real sockets on loopback.
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
#include <sys/socket.h>
#include <unistd.h>

struct fix {
	struct pg_loop *loop;
	struct pg_server *server;
	struct pg_addr addr;
	int64_t accept;
	bool refuse, sink, leaves;
	int dropped, heads, gone;
	struct pg_exchange *held; /* by /later and /park */
	char target[100], body[100];
	size_t body_n;
	struct pg_addr peer;
	/* What was answered. */
	int answers, status;
	char text[200];
	size_t text_n;
	/* The peer. */
	int fd;
	struct pg_buf got;
};

static char *
sink_room(struct pg_exchange *x, size_t *n, struct pg_err *e)
{
	(void)x;
	(void)e;
	*n = 0;
	return NULL;
}

static void
sink_filled(struct pg_exchange *x, size_t n)
{
	(void)x;
	(void)n;
}

static void
sink_dropped(struct pg_exchange *x)
{
	struct fix *f = x->user;

	f->dropped++;
}

static const struct pg_sink sink = { sink_room, sink_filled, sink_dropped };

static int64_t
on_head(void *arg, struct pg_exchange *x, struct pg_err *e)
{
	struct fix *f = arg;

	f->heads++;
	if (f->refuse)
		return pg_fail(e, PG_E_FORBIDDEN, "no");
	if (f->sink) {
		x->sink = &sink;
		x->user = f;
	}
	return f->accept;
}

static void
answer(struct pg_exchange *x, int status, const char *text)
{
	struct pg_buf b = PG_BUF_INIT(0);

	pg_buf_putz(&b, text);
	pg_exchange_reply(x, status, PG_STR("X-Extra: 1\r\n"), &b);
	pg_buf_fini(&b);
}

static void
on_gone(struct pg_exchange *x)
{
	struct fix *f = x->user;

	f->gone++;
	f->held = NULL;
	answer(x, 200, "late");
}

static void
hold(struct fix *f, struct pg_exchange *x)
{
	f->held = x;
	x->user = f;
	x->on_gone = on_gone;
}

static void
on_request(void *arg, struct pg_exchange *x)
{
	struct fix *f = arg;
	struct pg_str body = pg_bulk_str(x->body), target = x->head->target;
	struct pg_err e = { 0 };

	snprintf(f->target, sizeof(f->target), "%.*s", PG_STR_ARG(target));
	snprintf(f->body, sizeof(f->body), "%.*s",
	    (int)PG_MIN(body.n, (size_t)90), body.p);
	f->body_n = body.n;
	f->peer = x->peer;
	if (pg_str_eqz(target, "/later")) {
		hold(f, x);
	} else if (pg_str_eqz(target, "/park")) {
		hold(f, x);
		x->leaves = f->leaves;
		pg_exchange_park(x);
	} else if (pg_str_eqz(target, "/fail")) {
		pg_fail(&e, PG_E_INVALID_AGENT, "nobody");
		pg_exchange_fail(x, &e);
	} else if (pg_str_eqz(target, "/stream")) {
		assert_false(pg_exchange_begin(x, 200, "text/plain",
		    PG_STR_NULL));
	} else if (pg_str_eqz(target, "/file")) {
		pg_exchange_send_file(x, 200, "text/plain", PG_STR_NULL,
		    open("/dev/null", O_RDONLY), 0, 0);
	} else {
		answer(x, 200, "{\"a\": 1}");
	}
}

static const struct pg_server_ops ops = { on_head, on_request };

static int
setup(void **state)
{
	struct fix *f = pg_alloc(sizeof(*f));
	struct pg_addr any;
	struct pg_err e = { .code = PG_E_OK };

	clock_by_turns();
	f->accept = 1000;
	f->fd = -1;
	f->loop = pg_loop_new(&e);
	f->server = pg_server_new(f->loop, NULL, &ops, f, &e);
	pg_addr_parse(PG_STR("127.0.0.1"), 0, &any);
	assert_int_equal(pg_server_listen(f->server, &any, &f->addr, &e), 0);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fix *f = *state;

	if (f->server != NULL)
		pg_server_free(f->server);
	pg_loop_free(f->loop);
	pg_buf_fini(&f->got);
	if (f->fd >= 0)
		close(f->fd);
	free(f);
	clock_real();
	return 0;
}

static void
on_answer(void *arg, int status, struct pg_str body)
{
	struct fix *f = arg;

	f->answers++;
	f->status = status;
	f->text_n = body.n;
	snprintf(f->text, sizeof(f->text), "%.*s",
	    (int)PG_MIN(body.n, (size_t)190), body.p);
}

static void
ask(struct fix *f, const char *method, const char *path, size_t body_n)
{
	struct pg_addr peer = { .len = 0 };
	struct pg_bulk *body = NULL;
	char *text = calloc(1, body_n + 1);
	char m[16], p[100];

	memset(text, 'x', body_n);
	if (body_n > 0)
		body = pg_bulk_copy((struct pg_str){ text, body_n }, NULL);
	free(text);
	/* They are copied. */
	snprintf(m, sizeof(m), "%s", method);
	snprintf(p, sizeof(p), "%s", path);
	f->answers = 0;
	pg_server_ask(f->server, &peer, pg_str(m), pg_str(p), body,
	    on_answer, f);
	memset(m, 0, sizeof(m));
	memset(p, 0, sizeof(p));
	pg_bulk_unref(body);
}

static void
assert_answer(const struct fix *f, int status, const char *text)
{
	assert_int_equal(f->answers, 1);
	assert_int_equal(f->status, status);
	assert_string_equal(f->text, text);
}

/* ---- Requests from within --------------------------------------------- */

static void
test_asked(void **state)
{
	struct fix *f = *state;

	ask(f, "GET", "/a?b=c", 0);
	assert_answer(f, 200, "{\"a\": 1}");
	assert_string_equal(f->target, "/a?b=c");
	assert_string_equal(f->body, "");
	assert_int_equal(f->peer.len, 0);
	ask(f, "POST", "/b", 5);
	assert_answer(f, 200, "{\"a\": 1}");
	assert_string_equal(f->body, "xxxxx");
	assert_int_equal(pg_server_open(f->server), 0);
}

static void
test_asked_and_failed(void **state)
{
	struct fix *f = *state;

	ask(f, "GET", "/fail", 0);
	assert_answer(f, 404, "{\"error_type\": \"InvalidAgentError\", "
	    "\"error\": \"nobody\"}");
	f->refuse = true;
	ask(f, "GET", "/a", 0);
	assert_int_equal(f->answers, 1);
	assert_int_equal(f->status, 403);
}

static void
test_asked_with_a_limit(void **state)
{
	struct fix *f = *state;

	ask(f, "POST", "/a", 999);
	assert_int_equal(f->status, 200);
	ask(f, "POST", "/a", 1000);
	assert_int_equal(f->status, 200);
	ask(f, "POST", "/a", 1001);
	assert_int_equal(f->answers, 1);
	assert_int_equal(f->status, 413);
	assert_int_equal(f->body_n, 1000);
	f->accept = 0;
	ask(f, "GET", "/a", 0);
	assert_int_equal(f->status, 200);
}

/* What is taken piece by piece is not for this door. */
static void
test_asked_with_a_sink(void **state)
{
	struct fix *f = *state;

	f->sink = true;
	ask(f, "POST", "/a", 10);
	assert_int_equal(f->answers, 1);
	assert_int_equal(f->status, 400);
	assert_int_equal(f->dropped, 1);
}

static void
test_answered_later(void **state)
{
	struct fix *f = *state;
	int i;

	ask(f, "GET", "/later", 0);
	assert_int_equal(f->answers, 0);
	for (i = 0; i < 100; i++)
		clock_turn(f->loop);
	assert_int_equal(f->answers, 0);
	assert_int_equal(f->gone, 0);
	answer(f->held, 422, "later");
	assert_answer(f, 422, "later");
}

/* Neither has an end or a body to be told. */
static void
test_streams_and_files(void **state)
{
	struct fix *f = *state;

	ask(f, "GET", "/stream", 0);
	assert_int_equal(f->answers, 1);
	ask(f, "GET", "/file", 0);
	assert_int_equal(f->answers, 1);
	assert_int_equal(pg_server_open(f->server), 0);
}

static void
test_many_asked(void **state)
{
	struct fix *f = *state;
	int i;

	for (i = 0; i < 1000; i++) {
		ask(f, "POST", "/a", 100);
		assert_int_equal(f->status, 200);
	}
	assert_int_equal(f->heads, 1000);
}

/* Whoever asked is told, once, that there is no answer. */
static void
test_server_is_freed(void **state)
{
	struct fix *f = *state;

	ask(f, "GET", "/later", 0);
	pg_server_free(f->server);
	f->server = NULL;
	assert_answer(f, 0, "");
}

static void
test_asked_while_draining(void **state)
{
	struct fix *f = *state;

	ask(f, "GET", "/later", 0);
	pg_server_drain(f->server);
	answer(f->held, 200, "last");
	assert_answer(f, 200, "last");
	ask(f, "GET", "/a", 0);
	assert_int_equal(f->answers, 1);
}

/* ---- Parked ----------------------------------------------------------- */

static void
peer_open(struct fix *f)
{
	f->fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(f->fd, &f->addr.u.sa, f->addr.len), 0);
	fcntl(f->fd, F_SETFL, O_NONBLOCK);
}

static void
turns(struct fix *f, int n)
{
	char *to;
	ssize_t k;

	while (n-- > 0) {
		clock_turn(f->loop);
		to = pg_buf_room(&f->got, 65536);
		k = recv(f->fd, to, 65536, 0);
		f->got.n += k > 0 ? (size_t)k : 0;
	}
}

static bool
says(struct fix *f, const char *text)
{
	return f->got.n > 0 && memmem(f->got.p, f->got.n, text,
	    strlen(text)) != NULL;
}

static void
await(struct fix *f, const char *text)
{
	int64_t end = pg_now() + PATIENCE;

	while (!says(f, text)) {
		assert_true(pg_now() < end);
		turns(f, 1);
	}
}

static void
await_held(struct fix *f)
{
	int64_t end = pg_now() + PATIENCE;

	while (f->held == NULL) {
		if (f->got.n > 0 || pg_now() > end)
			fail_msg("not held: %.*s", PG_STR_ARG(pg_buf_str(
			    &f->got)));
		turns(f, 1);
	}
}

static void
say(struct fix *f, const char *text)
{
	assert_int_equal(send(f->fd, text, strlen(text), MSG_NOSIGNAL),
	    strlen(text));
}

#define PARK "GET /park HTTP/1.1\r\nHost: x\r\nX-Long: y\r\n\r\n"

static void
test_parked_and_answered(void **state)
{
	struct fix *f = *state;
	int i;

	peer_open(f);
	for (i = 0; i < 3; i++) {
		say(f, PARK);
		await_held(f);
		turns(f, 200);
		assert_int_equal(f->got.n, 0);
		answer(f->held, 200, "parked");
		f->held = NULL;
		await(f, "parked");
		pg_buf_reset(&f->got);
	}
	/* The connection goes on with others. */
	say(f, "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc");
	await(f, "{\"a\": 1}");
	assert_string_equal(f->body, "abc");
	assert_int_equal(f->gone, 0);
}

/* Buffers of those that are parked are kept for the next, so many. */
static void
test_parked_buffers(void **state)
{
	enum { N = PG_SLOT_INPUTS_MAX + 1 };
	struct pg_slot_pool p = { .work = NULL };
	struct pg_addr peer = { .len = 0 };
	struct pg_slot *w[N];
	size_t i;

	(void)state;
	for (i = 0; i < N; i++) {
		w[i] = pg_slot_new(&p);
		pg_slot_begin(w[i], NULL, &peer);
	}
	for (i = 0; i < N; i++) {
		pg_exchange_park(&w[i]->x);
		assert_null(w[i]->in);
		assert_int_equal(p.ninputs,
		    PG_MIN(i + 1, (size_t)PG_SLOT_INPUTS_MAX));
	}
	for (i = 0; i < N; i++)
		pg_slot_release(w[i]);
	w[0] = pg_slot_new(&p);
	assert_non_null(w[0]->in);
	assert_int_equal(p.ninputs, PG_SLOT_INPUTS_MAX - 1);
	pg_slot_release(w[0]);
	pg_slot_pool_fini(&p);
}

static void
test_parked_head(void **state)
{
	struct fix *f = *state;

	peer_open(f);
	say(f, "HEAD /park HTTP/1.1\r\nHost: x\r\n\r\n");
	await_held(f);
	answer(f->held, 200, "parked");
	await(f, "Content-Length: 6\r\n");
	turns(f, 20);
	assert_false(says(f, "parked"));
}

/* The next request is there before the first is answered, in the same piece
 * or a later one. */
static void
test_parked_with_more_behind(void **state)
{
	struct fix *f = *state;

	peer_open(f);
	say(f, PARK "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
	await_held(f);
	turns(f, 50);
	assert_int_equal(f->got.n, 0);
	answer(f->held, 200, "parked");
	f->held = NULL;
	await(f, "{\"a\": 1}");
	pg_buf_reset(&f->got);
	say(f, PARK);
	await_held(f);
	say(f, "GET /a HTTP/1.1\r\nHo");
	turns(f, 50);
	answer(f->held, 200, "parked");
	await(f, "parked");
	say(f, "st: x\r\n\r\n");
	await(f, "{\"a\": 1}");
}

static void
test_parked_with_a_body(void **state)
{
	struct fix *f = *state;

	peer_open(f);
	say(f, "POST /park HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n"
	    "abc");
	await_held(f);
	assert_true(pg_str_eqz(pg_bulk_str(f->held->body), "abc"));
	answer(f->held, 200, "parked");
	await(f, "parked");
}

/* A peer that has finished sending has left, if the handler says so; with
 * more behind it as well. */
static void
test_parked_and_left(void **state)
{
	struct fix *f = *state;
	int64_t end = pg_now() + PATIENCE;
	int i;

	f->leaves = true;
	for (i = 0; i < 2; i++) {
		peer_open(f);
		say(f, i == 0 ? PARK : PARK "GET /a HTTP/1.1\r\n");
		await_held(f);
		turns(f, 5);
		close(f->fd);
		f->fd = -1;
		while (f->gone == i && pg_now() < end)
			clock_turn(f->loop);
		assert_int_equal(f->gone, i + 1);
		assert_int_equal(pg_server_open(f->server), 0);
	}
}

static void
test_parked_and_half_closed(void **state)
{
	struct fix *f = *state;

	peer_open(f);
	say(f, PARK);
	await_held(f);
	shutdown(f->fd, SHUT_WR);
	turns(f, 50);
	assert_int_equal(f->gone, 0);
	answer(f->held, 200, "parked");
	await(f, "parked");
}

static void
test_parked_when_freed(void **state)
{
	struct fix *f = *state;

	peer_open(f);
	say(f, PARK);
	await_held(f);
	pg_server_free(f->server);
	f->server = NULL;
}

int
main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_asked),
		TEST(test_asked_and_failed),
		TEST(test_asked_with_a_limit),
		TEST(test_asked_with_a_sink),
		TEST(test_answered_later),
		TEST(test_streams_and_files),
		TEST(test_many_asked),
		TEST(test_server_is_freed),
		TEST(test_asked_while_draining),
		TEST(test_parked_and_answered),
		TEST(test_parked_buffers),
		TEST(test_parked_head),
		TEST(test_parked_with_more_behind),
		TEST(test_parked_with_a_body),
		TEST(test_parked_and_left),
		TEST(test_parked_and_half_closed),
		TEST(test_parked_when_freed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
