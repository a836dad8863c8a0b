/* Shows that listeners of events are told each one once and in order, from
 * where they want on; that one which does not read costs the host no more
 * than its queue and is told what it missed; and that all of them end when
 * they, or the server, go away. Real sockets on loopback, a real ring.
 */
/* parts: base/err base/mem base/buf base/map base/log base/clock codec/value codec/float codec/json codec/url codec/http1 os/file os/sock os/loop os/work net/filesend net/exchange net/intake net/answer net/conn net/server host/event host/stream */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "codec/url.h"
#include "host/stream.h"
#include "net/server.h"
#include "patience.h"

#include <sys/socket.h>
#include <unistd.h>

#define GREETING "retry: 2000\n\n"

static struct pg_events events;

struct fix {
	struct pg_loop *loop;
	struct pg_server *server;
	struct pg_streams *streams;
	struct pg_addr addr;
	/* The peer. */
	int fd;
	bool eof;
	struct pg_buf got; /* head and body, HTTP/1.0: no chunks */
};

static int64_t
on_head(void *arg, struct pg_exchange *x, struct pg_err *e)
{
	(void)arg;
	(void)x;
	(void)e;
	return 0;
}

static void
on_request(void *arg, struct pg_exchange *x)
{
	struct fix *f = arg;
	struct pg_str path, query;

	pg_target_split(x->head->target, &path, &query, NULL);
	pg_streams_open(f->streams, x, query);
}

static int
setup(void **state)
{
	static const struct pg_server_ops ops = { on_head, on_request };
	struct fix *f = pg_alloc(sizeof(*f));
	struct pg_addr any;
	struct pg_err e = { 0 };

	clock_by_turns();
	memset(&events, 0, sizeof(events));
	events.host_name = PG_STR("alpha");
	f->loop = pg_loop_new(&e);
	f->server = pg_server_new(f->loop, NULL, &ops, f, &e);
	f->streams = pg_streams_new(f->loop, &events, "b7");
	f->fd = -1;
	pg_addr_parse(PG_STR("127.0.0.1"), 0, &any);
	assert_int_equal(pg_server_listen(f->server, &any, &f->addr, &e), 0);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fix *f = *state;

	pg_server_close(f->server);
	pg_server_free(f->server);
	pg_loop_free(f->loop);
	pg_streams_free(f->streams);
	pg_events_fini(&events);
	pg_buf_fini(&f->got);
	close(f->fd);
	free(f);
	clock_real();
	return 0;
}

/* ---- The peer ---- */

static void
turn(struct fix *f)
{
	char *to = pg_buf_room(&f->got, 1 << 20);
	ssize_t n;

	clock_turn(f->loop);
	n = recv(f->fd, to, 1 << 20, MSG_DONTWAIT);
	if (n > 0)
		f->got.n += (size_t)n;
	f->eof |= n == 0;
}

static void
turns(struct fix *f, int n)
{
	while (n-- > 0)
		turn(f);
}

/* Whether what came from byte `from` on holds the text. */
static bool
has_since(const struct fix *f, size_t from, const char *text)
{
	return f->got.n > from && memmem(f->got.p + from, f->got.n - from,
	    text, strlen(text)) != NULL;
}

static bool
has(const struct fix *f, const char *text)
{
	return has_since(f, 0, text);
}

static void
await(struct fix *f, const char *text)
{
	int64_t end = pg_now() + PATIENCE;
	size_t from = 0;

	while (!has_since(f, from, text)) {
		if (f->eof || pg_now() > end)
			fail_msg("no \"%s\" in: %.*s", text,
			    (int)PG_MIN(f->got.n, (size_t)2000), f->got.p);
		from = f->got.n - PG_MIN(f->got.n, strlen(text));
		turn(f);
	}
}

static int
dial(const struct fix *f, const char *request)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), little = 4096;

	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &little, sizeof(little));
	assert_int_equal(connect(fd, &f->addr.u.sa, f->addr.len), 0);
	assert_true(send(fd, request, strlen(request), 0) > 0);
	return fd;
}

/* Ask for a stream; fields: header lines. */
static void
listen_to(struct fix *f, const char *target, const char *fields)
{
	char text[300];

	snprintf(text, sizeof(text), "GET %s HTTP/1.0\r\n%s\r\n", target,
	    fields);
	if (f->fd >= 0)
		close(f->fd);
	f->eof = false;
	pg_buf_reset(&f->got);
	f->fd = dial(f, text);
	await(f, "\r\n\r\n");
}

static void
happen(int n)
{
	while (n-- > 0)
		pg_event_add(&events, "create", NULL);
}

/* An event of about n bytes. */
static void
happen_at_length(size_t n)
{
	struct pg_event_detail d = { .message_id = { pg_alloc(n), n } };

	memset((void *)(uintptr_t)d.message_id.p, 'x', n);
	pg_event_add(&events, "message-queued", &d);
	free((void *)(uintptr_t)d.message_id.p);
}

/* The ids in what came, in order: number i is *next, and so on. Those of a
 * gap are counted as missed. */
static int64_t
check_order(const struct fix *f, int64_t next, int64_t *missed)
{
	struct pg_str s = pg_buf_str(&f->got);
	const char *at;
	int64_t id;

	*missed = 0;
	while ((at = memmem(s.p, s.n, "\nid: ", 5)) != NULL) {
		s = pg_str_skip(s, (size_t)(at - s.p) + 5);
		/* Where the listener was when it came. */
		if (memmem(s.p, 32, "\nretry: ", 8) != NULL)
			continue;
		id = strtoll(s.p, NULL, 10);
		if (memmem(s.p, 32, "\nevent: gap\n", 12) != NULL)
			*missed += id - next + 1;
		else
			assert_int_equal(id, next);
		next = id + 1;
	}
	return next;
}

/* ---- What is said ---- */

static void
form(void **state)
{
	struct fix *f = *state;

	happen(3);
	listen_to(f, "/", "");
	assert_true(has(f, "HTTP/1.1 200 OK\r\n"));
	assert_true(has(f, "\r\nContent-Type: text/event-stream\r\n"));
	assert_true(has(f, "\r\nCache-Control: no-store\r\n"));
	await(f, "\r\n\r\n: events\nid: 3-b7\n" GREETING);
	turns(f, 5);
	/* Nothing of before. */
	assert_false(has(f, "\nevent: "));
	pg_event_add(&events, "dispose", NULL);
	await(f, GREETING "id: 4-b7\nevent: dispose\ndata: {\"event_id\": 4, "
	    "\"kind\": \"dispose\", \"host_name\": \"alpha\", ");
	await(f, "\"error\": null}\n\n");
}

static void
since(void **state)
{
	struct fix *f = *state;

	happen(5);
	listen_to(f, "/?since=3", "");
	await(f, GREETING "id: 4-b7\n");
	await(f, "}\n\nid: 5-b7\n");
	/* The header goes before. */
	listen_to(f, "/?since=1", "Last-Event-ID: 4\r\n");
	await(f, GREETING "id: 5-b7\n");
	listen_to(f, "/?since=5", "Last-Event-ID:\r\n");
	await(f, GREETING);
	turns(f, 5);
	assert_false(has(f, "\nevent: "));
	/* Of before a restart, and less than none. */
	listen_to(f, "/", "Last-Event-ID: 6\r\n");
	await(f, GREETING "id: 1-b7\n");
	listen_to(f, "/?since=-9", "");
	await(f, GREETING "id: 1-b7\n");
	listen_to(f, "/?since=-9-b7", "");
	await(f, GREETING "id: 1-b7\n");
	/* With the boot that it is of. */
	listen_to(f, "/", "Last-Event-ID: 4-b7\r\n");
	await(f, GREETING "id: 5-b7\n");
	listen_to(f, "/", "Last-Event-ID: 4-b6\r\n");
	await(f, GREETING "id: 1-b7\n");
	listen_to(f, "/?since=4-", "");
	await(f, GREETING "id: 1-b7\n");
	listen_to(f, "/?since=4-b7-b7", "");
	await(f, GREETING "id: 1-b7\n");
	listen_to(f, "/?since=x-b7", "");
	assert_true(has(f, "HTTP/1.1 400 "));
	listen_to(f, "/?since=-b7", "");
	assert_true(has(f, "HTTP/1.1 400 "));
	listen_to(f, "/?since=x", "");
	assert_true(has(f, "HTTP/1.1 400 "));
	listen_to(f, "/", "Last-Event-ID: 99999999999999999999\r\n");
	assert_true(has(f, "HTTP/1.1 400 "));
}

static void
coalesced(void **state)
{
	struct fix *f = *state;
	char text[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

	f->fd = dial(f, text);
	await(f, GREETING);
	pg_buf_reset(&f->got);
	happen(3);
	await(f, "id: 3-b7\n");
	turns(f, 2);
	/* One chunk: its size, and nothing between the events. */
	assert_false(has(f, "\r\nid: 2-b7\n"));
	assert_true(has(f, "}\n\nid: 2-b7\n"));
}

static void
kept_alive(void **state)
{
	struct fix *f = *state;

	pg_streams_keep_alive(f->streams, 20 * PG_MS);
	listen_to(f, "/", "");
	await(f, GREETING ":\n\n:\n\n");
	happen(1);
	await(f, "}\n\n:\n\n");
	assert_false(f->eof);
}

/* ---- Falling behind ---- */

static void
gap_at_once(void **state)
{
	struct fix *f = *state;
	int64_t missed;

	happen(PG_EVENTS_MAX);
	listen_to(f, "/?since=0", "");
	await(f, "id: 1000-b7\n");
	check_order(f, 1, &missed);
	assert_int_equal(missed, 0);
	happen(7);
	listen_to(f, "/?since=0", "");
	await(f, "id: 1007-b7\n");
	assert_true(has(f, GREETING "id: 7-b7\nevent: gap\ndata: {\"kind\": "
	    "\"gap\", \"missed\": 7, \"from\": 1, \"to\": 7}\n\nid: 8-b7\n"));
	listen_to(f, "/?since=4", "");
	await(f, "id: 1007-b7\n");
	assert_true(has(f, "\"missed\": 3, \"from\": 5, \"to\": 7}\n\n"));
	listen_to(f, "/?since=7", "");
	await(f, "id: 1007-b7\n");
	assert_false(has(f, "event: gap"));
}

/* A listener that does not read for a while: what it may have waiting is far
 * less than what happens, the gap is told, and with it every event is
 * accounted for. */
static void
slow_reader(void **state)
{
	struct fix *f = *state;
	struct pg_err e = { 0 };
	int64_t missed;
	char last[40];
	int i;

	listen_to(f, "/", "");
	await(f, GREETING);
	for (i = 0; i < 3 * PG_EVENTS_MAX; i++) {
		happen_at_length(6000);
		if (i % 10 == 0)
			pg_loop_turn(f->loop, 0, &e);
	}
	snprintf(last, sizeof(last), "id: %" PRId64 "-b7\n", events.last);
	await(f, last);
	assert_int_equal(check_order(f, 1, &missed), events.last + 1);
	assert_true(missed > 3 * PG_EVENTS_MAX / 2);
	/* And is as good as any again. */
	happen(1);
	await(f, "id: 3001-b7\nevent: create\n");
}

/* Every character takes six bytes as JSON: more than one queue. */
static void
largest_event(void **state)
{
	struct fix *f = *state;
	char bytes[PG_EVENT_TEXT_MAX];
	struct pg_event_detail d = { .message_id = { bytes, sizeof(bytes) } };
	int i;

	memset(bytes, 1, sizeof(bytes));
	listen_to(f, "/", "");
	for (i = 0; i < 5; i++)
		pg_event_add(&events, "create", &d);
	await(f, "id: 5-b7\n");
	turns(f, 20);
	assert_true(f->got.n > 5 * 6 * sizeof(bytes));
}

/* ---- Limits and endings ---- */

static void
await_open(struct fix *f, size_t n)
{
	int64_t end = pg_now() + PATIENCE;

	while (pg_server_open(f->server) != n && pg_now() < end)
		clock_turn(f->loop);
	assert_int_equal(pg_server_open(f->server), n);
}

static void
listener_limit(void **state)
{
	struct fix *f = *state;
	int fds[PG_STREAM_LISTENERS_MAX], i;

	for (i = 0; i < PG_STREAM_LISTENERS_MAX; i++)
		fds[i] = dial(f, "GET / HTTP/1.0\r\n\r\n");
	await_open(f, PG_STREAM_LISTENERS_MAX);
	listen_to(f, "/", "");
	assert_true(has(f, "HTTP/1.1 503 "));
	/* Each of the others is served, until it leaves; then another may. */
	happen(1);
	turns(f, 5);
	close(fds[10]);
	close(fds[0]);
	close(fds[PG_STREAM_LISTENERS_MAX - 1]);
	await_open(f, PG_STREAM_LISTENERS_MAX - 3);
	listen_to(f, "/", "");
	assert_true(has(f, "HTTP/1.1 200 "));
	for (i = 1; i < PG_STREAM_LISTENERS_MAX - 1; i++)
		if (i != 10)
			close(fds[i]);
	await_open(f, 1);
	happen(1);
	await(f, "id: 2-b7\n");
}

static void
drained(void **state)
{
	struct fix *f = *state;

	listen_to(f, "/", "");
	happen(1);
	await(f, "id: 1-b7\n");
	pg_server_drain(f->server);
	while (!f->eof)
		turn(f);
	await_open(f, 0);
	happen(1); /* nobody listens */
}

static void
head_alone(void **state)
{
	struct fix *f = *state;

	f->fd = dial(f, "HEAD / HTTP/1.0\r\n\r\n");
	while (!f->eof)
		turn(f);
	assert_true(has(f, "text/event-stream"));
	assert_false(has(f, "retry"));
	await_open(f, 0);
	happen(1);
}

/* With events still to be told at the end of the turn. */
static void
closed_amid_news(void **state)
{
	struct fix *f = *state;

	listen_to(f, "/", "");
	happen(2);
	pg_server_close(f->server);
	assert_int_equal(pg_server_open(f->server), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(form),
		TEST(since),
		TEST(coalesced),
		TEST(kept_alive),
		TEST(gap_at_once),
		TEST(slow_reader),
		TEST(largest_event),
		TEST(listener_limit),
		TEST(drained),
		TEST(head_alone),
		TEST(closed_amid_news),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
