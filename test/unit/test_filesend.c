/* Shows that a range of a file arrives whole and in order, in bounded pieces,
 * and that the loop never reads what is not in memory: what the probe does not
 * find, a worker fetches; and that an answer which is a file ends well or not
 * at all, whatever becomes of the file, its reader or the server. sendfile and
 * the probe are watched and made to fail; all else is real.
 */
/* parts: base/err base/mem base/buf base/map base/log base/clock codec/value codec/float codec/json codec/http1 os/file os/sock os/loop os/work net/filesend net/exchange net/intake net/answer net/conn net/server */
/* wrap: sendfile syscall pg_work_submit */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "net/server.h"
#include "peer.h"
#include "workers.h"

#include <sys/stat.h>
#include <sys/syscall.h>

#define BURST ((size_t)PG_FILESEND_BURST)
#define AHEAD ((size_t)PG_FILESEND_AHEAD)

/* ---- What is watched ---- */

static struct {
	size_t most;      /* bytes asked for at a time */
	int sends, probes, jobs;
	uint64_t asked;   /* the end of what was asked for */
	uint64_t cold;    /* from here on, the probe finds nothing */
	int probe_error;  /* other than that; 0: none */
	int send_error;
	bool no_workers;
} seen;

ssize_t __real_sendfile(int to, int from, off_t *off, size_t n);
ssize_t __wrap_sendfile(int to, int from, off_t *off, size_t n);
long __real_syscall(long n, ...);
long __wrap_syscall(long n, ...);
int __real_pg_work_submit(struct pg_work *w, struct pg_job *j,
    struct pg_err *e);
int __wrap_pg_work_submit(struct pg_work *w, struct pg_job *j,
    struct pg_err *e);

ssize_t
__wrap_sendfile(int to, int from, off_t *off, size_t n)
{
	seen.sends++;
	seen.most = PG_MAX(seen.most, n);
	seen.asked = (uint64_t)*off + n;
	if (seen.send_error != 0) {
		errno = seen.send_error;
		return -1;
	}
	return __real_sendfile(to, from, off, n);
}

long
__wrap_syscall(long n, ...)
{
	va_list ap;
	long a[6];
	size_t i;

	va_start(ap, n);
	for (i = 0; i < PG_COUNT(a); i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	if (n == SYS_preadv2) {
		seen.probes++;
		errno = seen.probe_error != 0 ? seen.probe_error : EAGAIN;
		if (seen.probe_error != 0 || (uint64_t)a[3] >= seen.cold)
			return -1;
	}
	return __real_syscall(n, a[0], a[1], a[2], a[3], a[4], a[5]);
}

int
__wrap_pg_work_submit(struct pg_work *w, struct pg_job *j, struct pg_err *e)
{
	if (seen.no_workers)
		return pg_fail(e, PG_E_BUSY, "too much to do");
	seen.jobs++;
	return __real_pg_work_submit(w, j, e);
}

struct fix {
	struct pg_loop *loop;
	struct pg_work *work;
	struct pg_server *server;
	struct pg_addr addr;
	struct peer peer;
	int fds, listener;
	/* pg_filesend alone. */
	struct pg_filesend send;
	int sock, warmed;
	/* Answers. */
	int file; /* /file and others; taken by the answer */
	uint64_t off, n;
	struct pg_exchange *held;
	int gone;
};

/* ---- The handler ---- */

static int64_t
on_head(void *arg, struct pg_exchange *x, struct pg_err *e)
{
	(void)arg;
	(void)x;
	(void)e;
	return 0;
}

static void
on_gone(struct pg_exchange *x)
{
	struct fix *f = x->user;

	f->gone++;
}

static void
send_it(struct fix *f, struct pg_exchange *x, int status)
{
	int fd = f->file >= 0 ? dup(f->file) : -1;

	pg_exchange_send_file(x, status, status == 304 ? NULL : "x/y",
	    PG_STR("ETag: \"1\"\r\n"), fd, f->off, f->n);
}

static void
on_request(void *arg, struct pg_exchange *x)
{
	struct fix *f = arg;
	struct pg_str target = x->head->target;
	struct pg_buf b = PG_BUF_INIT(0);

	if (pg_str_eqz(target, "/file"))
		send_it(f, x, 200);
	else if (pg_str_eqz(target, "/part"))
		send_it(f, x, 206);
	else if (pg_str_eqz(target, "/same"))
		send_it(f, x, 304);
	else if (pg_str_eqz(target, "/later")) {
		x->user = f;
		x->on_gone = on_gone;
		f->held = x;
	} else {
		pg_buf_putz(&b, "next");
		pg_exchange_reply(x, 200, PG_STR_NULL, &b);
		pg_buf_fini(&b);
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
	memset(&seen, 0, sizeof(seen));
	seen.cold = UINT64_MAX;
	f->fds = open_fds();
	f->loop = pg_loop_new(&e);
	f->work = pg_work_new(f->loop, &e);
	f->server = pg_server_new(f->loop, f->work, &ops, f, &e);
	pg_addr_parse(PG_STR("127.0.0.1"), 0, &any);
	assert_int_equal(pg_server_listen(f->server, &any, &f->addr, &e), 0);
	f->peer = (struct peer){ .loop = f->loop, .fd = -1 };
	f->listener = f->sock = f->file = -1;
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fix *f = *state;
	int64_t end;

	clock_real();
	end = pg_now() + PATIENCE;
	pg_filesend_fini(&f->send);
	pg_server_free(f->server);
	pg_work_free(f->work);
	pg_loop_free(f->loop);
	peer_close(&f->peer);
	pg_buf_fini(&f->peer.got);
	if (f->listener >= 0)
		close(f->listener);
	if (f->sock >= 0)
		close(f->sock);
	if (f->file >= 0)
		close(f->file);
	/* A worker that was left alone may still have to end. */
	while (open_fds() != f->fds && pg_now() < end)
		usleep(1000);
	assert_int_equal(open_fds(), f->fds);
	free(f);
	return 0;
}

/* ---- Without a server ---- */

static void
on_warm(struct pg_filesend *s)
{
	struct fix *f = PG_CONTAINER(s, struct fix, send);

	f->warmed++;
}

/* A file of n bytes, and a socket for it. */
static void
bare(struct fix *f, size_t n)
{
	struct pg_addr any, here;
	struct pg_err e = { .code = PG_E_OK };

	f->file = pattern_file(n);
	pg_addr_parse(PG_STR("127.0.0.1"), 0, &any);
	f->listener = pg_sock_listen(&any, &here, &e);
	peer_open(&f->peer, &here);
	f->sock = accept4(f->listener, NULL, NULL, SOCK_NONBLOCK);
	assert_true(f->sock >= 0);
}

/* Send until it is at its end or waits. */
static enum pg_filesend_state
run(struct fix *f)
{
	enum pg_filesend_state state;
	int64_t end = pg_now() + PATIENCE;
	uint64_t before;
	size_t n;

	do {
		before = f->send.at;
		state = pg_filesend(&f->send, f->sock, &n);
		assert_true(n <= BURST && f->send.at == before + n);
		if (state == PG_FILESEND_MORE && n == 0)
			clock_turn(f->loop);
		peer_read(&f->peer, 1 << 20);
		assert_true(pg_now() < end);
	} while (state == PG_FILESEND_MORE);
	return state;
}

static void
expect(struct fix *f, uint64_t off, size_t n)
{
	int64_t end = pg_now() + PATIENCE;

	while (f->peer.got.n < n) {
		peer_turn(&f->peer);
		assert_true(pg_now() < end);
	}
	assert_int_equal(f->peer.got.n, n);
	assert_pattern(pg_buf_str(&f->peer.got), off);
}

static void
test_ranges(void **state)
{
	struct fix *f = *state;
	const struct { size_t off, n; } ranges[] = { { 0, 1 }, { 4095, 2 },
		{ 5, BURST - 1 }, { 5, BURST }, { 5, BURST + 1 },
		{ 1, 2 * BURST }, { 0, 3 * BURST }, { 3 * BURST - 1, 1 },
		{ 7, 0 } };
	size_t i;

	bare(f, 3 * BURST);
	for (i = 0; i < PG_COUNT(ranges); i++) {
		pg_buf_reset(&f->peer.got);
		pg_filesend_init(&f->send, i % 2 == 0 ? f->work : NULL,
		    f->file, ranges[i].off, ranges[i].n, on_warm);
		assert_int_equal(pg_filesend_busy(&f->send),
		    ranges[i].n > 0);
		seen.probes = 0;
		assert_int_equal(run(f), PG_FILESEND_DONE);
		assert_false(pg_filesend_busy(&f->send));
		assert_int_equal(seen.probes > 0,
		    i % 2 == 0 && ranges[i].n > 0);
		expect(f, ranges[i].off, ranges[i].n);
	}
	assert_int_equal(seen.most, BURST);
	assert_int_equal(seen.jobs, 0);
}

/* Let a worker do what it has begun. */
static void
await_warm(struct fix *f, int n)
{
	int64_t end = pg_now() + PATIENCE;

	while (f->warmed < n) {
		clock_turn(f->loop);
		assert_true(pg_now() < end);
	}
	assert_int_equal(f->warmed, n);
}

/* Nothing is asked for before a worker has read it. */
static void
test_cold(void **state)
{
	struct fix *f = *state;
	size_t n = 2 * AHEAD + 1000;

	bare(f, n);
	seen.cold = 0;
	pg_filesend_init(&f->send, f->work, f->file, 0, n, on_warm);
	assert_int_equal(run(f), PG_FILESEND_WAIT);
	assert_int_equal(seen.sends, 0);
	do {
		assert_true(pg_filesend_waits(&f->send));
		await_warm(f, f->warmed + 1);
		assert_false(pg_filesend_waits(&f->send));
		assert_true(seen.asked <= (size_t)f->warmed * AHEAD);
	} while (run(f) == PG_FILESEND_WAIT);
	assert_int_equal(seen.jobs, 3);
	expect(f, 0, n);
}

/* A worker reads what is next while we send what is there. */
static void
test_cold_further_on(void **state)
{
	struct fix *f = *state;
	size_t n = 3 * BURST, k;

	bare(f, n);
	seen.cold = BURST + 1;
	pg_filesend_init(&f->send, f->work, f->file, 0, n, on_warm);
	assert_int_equal(pg_filesend(&f->send, f->sock, &k),
	    PG_FILESEND_MORE);
	assert_true(k > 0);
	assert_int_equal(seen.jobs, 0);
	while (run(f) == PG_FILESEND_WAIT)
		await_warm(f, f->warmed + 1);
	assert_int_equal(seen.jobs, 1);
	expect(f, 0, n);
}

/* File systems that cannot tell, and workers that have no time. */
static void
test_no_probe_no_worker(void **state)
{
	struct fix *f = *state;
	size_t n = 3 * BURST;

	bare(f, n);
	seen.probe_error = EOPNOTSUPP;
	pg_filesend_init(&f->send, f->work, f->file, 0, n, on_warm);
	assert_int_equal(run(f), PG_FILESEND_DONE);
	expect(f, 0, n);
	pg_buf_reset(&f->peer.got);
	seen.probe_error = 0;
	seen.cold = 0;
	seen.no_workers = true;
	pg_filesend_init(&f->send, f->work, f->file, 0, n, on_warm);
	assert_int_equal(run(f), PG_FILESEND_DONE);
	expect(f, 0, n);
	assert_int_equal(seen.jobs, 0);
}

/* Who goes while a worker reads is not called any more. */
static void
test_fini(void **state)
{
	struct fix *f = *state;

	bare(f, BURST);
	seen.cold = 0;
	pg_filesend_init(&f->send, f->work, f->file, 0, BURST, on_warm);
	assert_int_equal(run(f), PG_FILESEND_WAIT);
	pg_filesend_fini(&f->send);
	assert_false(pg_filesend_busy(&f->send));
	workers_rest(f->work, f->loop);
	assert_int_equal(f->warmed, 0);
	/* And the same, with workers that go too. */
	pg_filesend_init(&f->send, f->work, f->file, 0, BURST, on_warm);
	assert_int_equal(run(f), PG_FILESEND_WAIT);
	pg_filesend_fini(&f->send);
}

static void
test_shorter(void **state)
{
	struct fix *f = *state;

	bare(f, 5000);
	pg_filesend_init(&f->send, f->work, f->file, 0, 5001, on_warm);
	assert_int_equal(run(f), PG_FILESEND_SHORT);
	expect(f, 0, 5000);
	pg_filesend_init(&f->send, f->work, f->file, 6000, 1, on_warm);
	assert_int_equal(run(f), PG_FILESEND_SHORT);
	/* Also when only the worker would have seen it. */
	seen.cold = 0;
	pg_filesend_init(&f->send, f->work, f->file, 6000, 1, on_warm);
	assert_int_equal(run(f), PG_FILESEND_WAIT);
	await_warm(f, 1);
	assert_int_equal(run(f), PG_FILESEND_SHORT);
}

static void
test_errors(void **state)
{
	struct fix *f = *state;
	size_t n;

	bare(f, 5000);
	pg_filesend_init(&f->send, f->work, f->file, 0, 5000, on_warm);
	seen.send_error = EIO;
	assert_int_equal(pg_filesend(&f->send, f->sock, &n),
	    PG_FILESEND_FAILED);
	assert_int_equal(errno, EIO);
	assert_int_equal(n, 0);
	seen.send_error = EAGAIN;
	assert_int_equal(pg_filesend(&f->send, f->sock, &n),
	    PG_FILESEND_MORE);
}

/* ---- Answers ---- */

static void
ask(struct fix *f, const char *method, const char *target)
{
	char text[200];

	if (f->peer.fd < 0)
		peer_open(&f->peer, &f->addr);
	snprintf(text, sizeof(text), "%s %s HTTP/1.1\r\nHost: x\r\n\r\n",
	    method, target);
	peer_say(&f->peer, text);
}

/* What came after the (first) head. */
static struct pg_str
body(const struct fix *f)
{
	struct pg_str s = pg_buf_str(&f->peer.got);
	const char *at = memmem(s.p, s.n, "\r\n\r\n", 4);

	assert_non_null(at);
	return pg_str_skip(s, (size_t)(at - s.p) + 4);
}

static void
await_body(struct fix *f, size_t n)
{
	int64_t end = pg_now() + PATIENCE;

	peer_await(&f->peer, "\r\n\r\n");
	while (body(f).n < n) {
		assert_false(f->peer.eof);
		assert_int_equal(f->peer.error, 0);
		assert_true(pg_now() < end);
		peer_turn(&f->peer);
	}
}

static void
test_answer(void **state)
{
	struct fix *f = *state;

	f->file = pattern_file(10000);
	f->off = 100;
	f->n = 9900;
	ask(f, "GET", "/file");
	await_body(f, 9900);
	assert_pattern(body(f), 100);
	assert_true(pg_str_starts(pg_buf_str(&f->peer.got), PG_STR(
	    "HTTP/1.1 200 OK\r\nServer: paglets\r\nContent-Type: x/y\r\n"
	    "ETag: \"1\"\r\nContent-Length: 9900\r\n\r\n")));
	pg_buf_reset(&f->peer.got);
	f->n = 5;
	ask(f, "GET", "/part");
	await_body(f, 5);
	assert_pattern(body(f), 100);
	peer_await(&f->peer, "HTTP/1.1 206 Partial Content\r\n");
	assert_int_equal(pg_server_open(f->server), 0);
}

static void
test_answer_without_body(void **state)
{
	struct fix *f = *state;

	f->n = 10000;
	ask(f, "HEAD", "/file");
	ask(f, "GET", "/same");
	f->file = pattern_file(10000);
	ask(f, "HEAD", "/part");
	ask(f, "GET", "/same");
	peer_turns(&f->peer, 5);
	f->n = 0;
	ask(f, "GET", "/file");
	ask(f, "GET", "/next");
	peer_await(&f->peer, "\r\n\r\nnext");
	assert_int_equal(peer_count(&f->peer,
	    "Content-Length: 10000\r\n\r\nHTTP/1.1 "), 4);
	assert_int_equal(peer_count(&f->peer,
	    "Content-Length: 0\r\n\r\nHTTP/1.1 "), 1);
	assert_int_equal(peer_count(&f->peer, "HTTP/1.1 304 Not Modified\r\n"
	    "Server: paglets\r\nETag: "), 2);
	assert_int_equal(seen.sends, 0);
}

/* Unread for a while, and a request behind. */
static void
test_large_answer(void **state)
{
	struct fix *f = *state;
	size_t n = 16 * BURST + 1;

	f->file = pattern_file(n);
	f->n = n;
	ask(f, "GET", "/file");
	ask(f, "GET", "/next");
	f->peer.deaf = true;
	peer_turns(&f->peer, 20);
	assert_int_equal(pg_server_open(f->server), 1);
	f->peer.deaf = false;
	peer_await(&f->peer, "\r\n\r\nnext");
	assert_true(body(f).n > n);
	assert_pattern((struct pg_str){ body(f).p, n }, 0);
	assert_int_equal(seen.most, BURST);
	assert_int_equal(pg_server_open(f->server), 0);
}

static void
test_cold_answer(void **state)
{
	struct fix *f = *state;
	size_t n = AHEAD + BURST + 1;

	seen.cold = 0;
	f->file = pattern_file(n);
	f->n = n;
	ask(f, "GET", "/file");
	ask(f, "GET", "/next");
	peer_await(&f->peer, "\r\n\r\nnext");
	assert_pattern((struct pg_str){ body(f).p, n }, 0);
	assert_int_equal(seen.jobs, 2);
}

/* Closed, so that what is missing is not taken for the next answer. */
static void
test_shorter_answer(void **state)
{
	struct fix *f = *state;

	f->file = pattern_file(10000);
	f->n = 10001;
	ask(f, "GET", "/file");
	ask(f, "GET", "/next");
	peer_await(&f->peer, "Content-Length: 10001\r\n\r\n");
	while (!f->peer.eof && f->peer.error == 0)
		peer_turn(&f->peer);
	assert_int_equal(body(f).n, 10000);
	/* While it is sent. */
	peer_close(&f->peer);
	f->n = 16 * BURST;
	assert_int_equal(ftruncate(f->file, (off_t)f->n), 0);
	ask(f, "GET", "/file");
	f->peer.deaf = true;
	peer_turns(&f->peer, 20);
	assert_int_equal(ftruncate(f->file, 10), 0);
	f->peer.deaf = false;
	while (!f->peer.eof && f->peer.error == 0)
		peer_turn(&f->peer);
	assert_true(body(f).n < f->n);
	assert_int_equal(pg_server_open(f->server), 0);
}

static void
await_nothing_open(struct fix *f)
{
	int64_t end = pg_now() + PATIENCE;

	while (pg_server_open(f->server) > 0) {
		assert_true(pg_now() < end);
		clock_turn(f->loop);
	}
}

static void
test_unread(void **state)
{
	struct fix *f = *state;

	pg_server_limits(f->server)->write_time = 30 * PG_MS;
	f->n = 64 * BURST;
	f->file = pattern_file(0);
	assert_int_equal(ftruncate(f->file, (off_t)f->n), 0);
	ask(f, "GET", "/file");
	f->peer.deaf = true;
	peer_turns(&f->peer, 5);
	assert_int_equal(pg_server_open(f->server), 1);
	await_nothing_open(f);
}

/* Slow is not gone: the time is between two pieces. */
static void
test_read_slowly(void **state)
{
	struct fix *f = *state;
	int i;

	pg_server_limits(f->server)->write_time = 150 * PG_MS;
	f->n = 64 * BURST;
	f->file = pattern_file(0);
	assert_int_equal(ftruncate(f->file, (off_t)f->n), 0);
	ask(f, "GET", "/file");
	f->peer.deaf = true;
	for (i = 0; i < 15; i++) {
		peer_turns(&f->peer, 25);
		assert_int_equal(pg_server_open(f->server), 1);
		peer_read(&f->peer, 3 * BURST);
	}
	f->peer.deaf = false;
	await_body(f, f->n);
}

static void
test_peer_leaves(void **state)
{
	struct fix *f = *state;
	int fds = open_fds();

	f->n = 16 * BURST;
	f->file = pattern_file(f->n);
	ask(f, "GET", "/file");
	f->peer.deaf = true;
	peer_turns(&f->peer, 10);
	peer_reset(&f->peer);
	await_nothing_open(f);
	/* While a worker reads: noticed then or right after. */
	seen.cold = 0;
	ask(f, "GET", "/file");
	while (seen.jobs == 0)
		peer_turn(&f->peer);
	peer_reset(&f->peer);
	await_nothing_open(f);
	/* Before the answer. */
	ask(f, "GET", "/later");
	while (f->held == NULL)
		peer_turn(&f->peer);
	peer_reset(&f->peer);
	while (f->gone == 0)
		peer_turn(&f->peer);
	send_it(f, f->held, 200);
	assert_int_equal(pg_server_open(f->server), 0);
	workers_rest(f->work, f->loop);
	assert_int_equal(open_fds(), fds + 1);
}

static void
test_old_peers(void **state)
{
	struct fix *f = *state;

	f->n = 3 * BURST;
	f->file = pattern_file(f->n);
	peer_open(&f->peer, &f->addr);
	peer_say(&f->peer, "GET /file HTTP/1.0\r\n\r\n");
	peer_await_close(&f->peer);
	assert_int_equal(peer_count(&f->peer, "Connection: close\r\n"), 1);
	assert_int_equal(body(f).n, f->n);
}

static void
test_drain(void **state)
{
	struct fix *f = *state;

	f->n = 16 * BURST;
	f->file = pattern_file(f->n);
	ask(f, "GET", "/file");
	f->peer.deaf = true;
	peer_turns(&f->peer, 10);
	pg_server_drain(f->server);
	peer_turns(&f->peer, 10);
	assert_int_equal(pg_server_open(f->server), 1);
	f->peer.deaf = false;
	await_body(f, f->n);
	peer_await_close(&f->peer);
	assert_pattern(body(f), 0);
}

static void
test_server_closes(void **state)
{
	struct fix *f = *state;

	seen.cold = 8 * BURST;
	f->n = 16 * BURST;
	f->file = pattern_file(f->n);
	ask(f, "GET", "/file");
	f->peer.deaf = true;
	peer_turns(&f->peer, 10);
	pg_server_close(f->server);
	assert_int_equal(pg_server_open(f->server), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_ranges),
		TEST(test_cold),
		TEST(test_cold_further_on),
		TEST(test_no_probe_no_worker),
		TEST(test_fini),
		TEST(test_shorter),
		TEST(test_errors),
		TEST(test_answer),
		TEST(test_answer_without_body),
		TEST(test_large_answer),
		TEST(test_cold_answer),
		TEST(test_shorter_answer),
		TEST(test_unread),
		TEST(test_read_slowly),
		TEST(test_peer_leaves),
		TEST(test_old_peers),
		TEST(test_drain),
		TEST(test_server_closes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
