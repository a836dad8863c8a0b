/* Shows that a call with a file in it, or whose answer flows, keeps to its
 * bytes and its time: files arrive whole however slowly they are read, an
 * early refusal is heard, pauses hold the peer, silence ends what no longer
 * moves and nothing else. Real sockets on loopback; the test is the peer and
 * turns the loop itself.
 */
/* parts: base/err base/mem base/buf base/map base/log base/clock codec/url codec/http1 os/file os/sock os/loop os/work net/filesend net/lookup net/pool net/client */
/* wrap: sendfile syscall */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "net/client.h"
#include "net/filesend.h"
#include "peer.h"

#include <sys/stat.h>
#include <sys/syscall.h>

#define MIB ((size_t)1 << 20)

/* ---- What is made to fail ---- */

static struct {
	int send_error;
	uint64_t cold; /* from here on, files are not in memory */
} seen;

ssize_t __real_sendfile(int to, int from, off_t *off, size_t n);
ssize_t __wrap_sendfile(int to, int from, off_t *off, size_t n);
long __real_syscall(long n, ...);
long __wrap_syscall(long n, ...);

ssize_t
__wrap_sendfile(int to, int from, off_t *off, size_t n)
{
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
	if (n == SYS_preadv2 && (uint64_t)a[3] >= seen.cold) {
		errno = EAGAIN;
		return -1;
	}
	return __real_syscall(n, a[0], a[1], a[2], a[3], a[4], a[5]);
}

struct fix {
	struct pg_loop *loop;
	struct pg_work *work;
	struct pg_client *client;
	struct pg_addr addr;
	struct peer peer;
	int listener, file, fds;
	char url[100];
	struct pg_request r;
	struct pg_call *call;
	/* The answer. */
	int done, status, heads;
	bool maybe_sent;
	enum pg_code code;
	char msg[400], body[200];
	/* As it flows. */
	struct pg_buf data;
	int pieces;
	bool head_wanted;
	/* What on_head or on_data does. */
	enum act { NOTHING, PAUSE, CANCEL, FREE } then, then_on_head;
};

static void
on_done(void *arg, const struct pg_response *r)
{
	struct fix *f = arg;

	f->done++;
	f->call = NULL;
	f->status = r->status;
	f->maybe_sent = r->maybe_sent;
	f->code = r->err.code;
	snprintf(f->msg, sizeof(f->msg), "%s", r->err.msg);
	snprintf(f->body, sizeof(f->body), "%.*s",
	    PG_STR_ARG(pg_bulk_str(r->body)));
}

static void
act(struct fix *f, enum act what)
{
	if (what == PAUSE) {
		pg_call_pause(f->call);
		pg_call_pause(f->call);
	} else if (what == CANCEL)
		pg_call_cancel(f->call);
	else if (what == FREE) {
		pg_client_free(f->client);
		f->client = NULL;
	}
	if (what == CANCEL || what == FREE)
		f->call = NULL;
}

static bool
on_response(void *arg, const struct pg_response *r)
{
	struct fix *f = arg;

	assert_int_equal(f->pieces + f->done, 0);
	assert_null(r->body);
	assert_int_equal(r->head->status, r->status);
	f->heads++;
	f->status = r->status;
	act(f, f->then_on_head);
	return f->head_wanted;
}

static void
on_data(void *arg, struct pg_str data)
{
	struct fix *f = arg;

	assert_true(data.n > 0);
	assert_int_equal(f->done, 0);
	pg_buf_puts(&f->data, data);
	f->pieces++;
	act(f, f->then);
}

static int
setup(void **state)
{
	struct fix *f = pg_alloc(sizeof(*f));
	struct pg_addr any;
	struct pg_err e = { .code = PG_E_OK };

	clock_by_turns();
	seen.send_error = 0;
	seen.cold = UINT64_MAX;
	f->fds = open_fds();
	f->loop = pg_loop_new(&e);
	f->work = pg_work_new(f->loop, &e);
	f->client = pg_client_new(f->loop, f->work, &e);
	pg_addr_parse(PG_STR("127.0.0.1"), 0, &any);
	f->listener = pg_sock_listen(&any, &f->addr, &e);
	f->peer = (struct peer){ .loop = f->loop, .fd = -1 };
	f->file = -1;
	snprintf(f->url, sizeof(f->url), "http://127.0.0.1:%u/p",
	    (unsigned)pg_addr_port(&f->addr));
	f->r = (struct pg_request){ .method = "PUT", .url = pg_str(f->url),
		.timeout = PATIENCE, .max_reply = 100 };
	f->head_wanted = true;
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fix *f = *state;

	clock_real();
	pg_client_free(f->client);
	pg_work_free(f->work);
	pg_loop_free(f->loop);
	peer_close(&f->peer);
	pg_buf_fini(&f->peer.got);
	pg_buf_fini(&f->data);
	close(f->listener);
	if (f->file >= 0)
		close(f->file); /* it was only borrowed */
	while (open_fds() != f->fds)
		usleep(1000);
	free(f);
	return 0;
}

static void
start(struct fix *f)
{
	int64_t end = pg_now() + PATIENCE;
	int fd;

	f->call = pg_client_start(f->client, &f->r, on_done, f);
	peer_close(&f->peer);
	while ((fd = accept4(f->listener, NULL, NULL, SOCK_NONBLOCK)) < 0) {
		assert_true(pg_now() < end);
		clock_turn(f->loop);
	}
	f->peer.fd = fd;
}

static void
await_done(struct fix *f)
{
	int64_t end = pg_now() + PATIENCE;

	while (f->done == 0) {
		assert_true(pg_now() < end);
		peer_turn(&f->peer);
	}
	assert_int_equal(f->done, 1);
}

static void
expect_failure(struct fix *f, enum pg_code code, const char *why)
{
	await_done(f);
	assert_int_equal(f->status, 0);
	if (f->code != code || strstr(f->msg, why) == NULL)
		fail_msg("code %d, message: %s", (int)f->code, f->msg);
}

static void
await_data(struct fix *f, const char *text)
{
	int64_t end = pg_now() + PATIENCE;

	while (f->data.n < strlen(text) && pg_now() < end)
		peer_turn(&f->peer);
	assert_true(pg_str_eqz(pg_buf_str(&f->data), text));
}

/* ---- Files in a body ---- */

static struct pg_segment
segment(struct fix *f, uint64_t off, uint64_t n)
{
	return (struct pg_segment){ .file = true, .fd = f->file, .off = off,
		.len = n };
}

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
		assert_true(pg_now() < end);
		peer_turn(&f->peer);
	}
	peer_turns(&f->peer, 2);
	assert_int_equal(body(f).n, n);
}

static void
test_file_among_text(void **state)
{
	struct fix *f = *state;

	f->file = pattern_file(100);
	f->r.body[0].text = PG_STR("[");
	f->r.body[1] = segment(f, 10, 50);
	f->r.body[2] = segment(f, 0, 0);
	f->r.body[3].text = PG_STR("]");
	f->r.nbody = 4;
	start(f);
	await_body(f, 52);
	peer_await(&f->peer, "\r\nContent-Length: 52\r\n");
	assert_int_equal(body(f).p[0], '[');
	assert_pattern((struct pg_str){ body(f).p + 1, 50 }, 10);
	assert_int_equal(body(f).p[51], ']');
	peer_say(&f->peer, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
	await_done(f);
	assert_string_equal(f->body, "ok");
}

static void
test_files_alone(void **state)
{
	struct fix *f = *state;

	f->file = pattern_file(100);
	f->r.body[0] = segment(f, 0, 60);
	f->r.body[1] = segment(f, 60, 40);
	f->r.nbody = 2;
	start(f);
	await_body(f, 100);
	assert_pattern(body(f), 0);
	peer_say(&f->peer, "HTTP/1.1 204 No Content\r\n\r\n");
	await_done(f);
	assert_int_equal(f->status, 204);
	assert_true(f->maybe_sent);
}

/* Read late, from a disk that is slow too. */
static void
test_large_file(void **state)
{
	struct fix *f = *state;
	size_t n = 16 * MIB + 1;

	f->file = pattern_file(n);
	f->r.body[0] = segment(f, 0, n);
	f->r.nbody = 1;
	seen.cold = 3 * MIB;
	start(f);
	f->peer.deaf = true;
	peer_turns(&f->peer, 30);
	f->peer.deaf = false;
	await_body(f, n);
	assert_pattern(body(f), 0);
	peer_say(&f->peer, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	await_done(f);
	assert_int_equal(f->status, 200);
}

/* While most of the file is still to be sent. */
static void
test_early_refusal(void **state)
{
	struct fix *f = *state;
	size_t n = 64 * MIB;

	f->file = pattern_file(0);
	assert_int_equal(ftruncate(f->file, (off_t)n), 0);
	f->r.body[0] = segment(f, 0, n);
	f->r.nbody = 1;
	start(f);
	f->peer.deaf = true;
	peer_turns(&f->peer, 20);
	peer_say(&f->peer, "HTTP/1.1 413 Too Large\r\n"
	    "Content-Length: 4\r\n\r\nmuch");
	await_done(f);
	assert_int_equal(f->status, 413);
	assert_string_equal(f->body, "much");
	/* The rest is never sent. */
	f->peer.deaf = false;
	while (!f->peer.eof && f->peer.error == 0)
		peer_turn(&f->peer);
	assert_true(f->peer.got.n < n);
}

/* Said, and then the door slammed: what was said still counts. */
static void
test_early_refusal_and_closed(void **state)
{
	struct fix *f = *state;
	size_t n = 64 * MIB;

	f->file = pattern_file(0);
	assert_int_equal(ftruncate(f->file, (off_t)n), 0);
	f->r.body[0] = segment(f, 0, n);
	f->r.nbody = 1;
	start(f);
	peer_await(&f->peer, "\r\n\r\n");
	peer_say(&f->peer, "HTTP/1.1 413 Too Large\r\n"
	    "Content-Length: 4\r\n\r\nmuch");
	shutdown(f->peer.fd, SHUT_WR);
	await_done(f);
	assert_int_equal(f->status, 413);
}

static void
test_file_fails(void **state)
{
	struct fix *f = *state;

	f->file = pattern_file(100);
	f->r.body[0] = segment(f, 0, 101);
	f->r.nbody = 1;
	start(f);
	expect_failure(f, PG_E_HOST, "the file has become shorter");
	assert_true(f->maybe_sent);
	f->done = 0;
	seen.send_error = EIO;
	start(f);
	expect_failure(f, PG_E_HOST, "the file cannot be read: Input/output");
}

static void
test_cancel_while_a_worker_reads(void **state)
{
	struct fix *f = *state;

	f->file = pattern_file(100);
	f->r.body[0] = segment(f, 0, 100);
	f->r.nbody = 1;
	seen.cold = 0;
	start(f);
	pg_call_cancel(f->call);
	peer_turns(&f->peer, 10);
	assert_int_equal(f->done, 0);
	start(f);
}

/* ---- Heads ---- */

static void
test_more_lines(void **state)
{
	const char *const bad[] = { "A: b", "A: b\n", "\r\n", "A: b\r\n\r\n",
		"A: b\r", "A: b\r\nC", "A: \1\r\n", "A: \x7f\r\n", "A\r: b\r\n",
		"A\tb: c\r\n" };
	struct fix *f = *state;
	size_t i;

	f->r.method = "GET";
	f->r.head = PG_STR("Range: bytes=5-\r\nIf-Range: \"x\"\r\n");
	start(f);
	peer_await(&f->peer, "\r\nRange: bytes=5-\r\nIf-Range: \"x\"\r\n\r\n");
	peer_say(&f->peer, "HTTP/1.1 204 No Content\r\n\r\n");
	await_done(f);
	for (i = 0; i < PG_COUNT(bad); i++) {
		f->done = 0;
		f->r.head = pg_str(bad[i]);
		pg_client_start(f->client, &f->r, on_done, f);
		expect_failure(f, PG_E_HOST, "a header line has characters");
	}
}

static void
test_on_head(void **state)
{
	struct fix *f = *state;

	f->r.method = "GET";
	f->r.on_head = on_response;
	f->r.on_data = on_data;
	start(f);
	peer_say(&f->peer, "HTTP/1.1 100 Continue\r\n\r\n"
	    "HTTP/1.1 206 Partial Content\r\nContent-Length: 5\r\n\r\n");
	while (f->heads == 0)
		peer_turn(&f->peer);
	assert_int_equal(f->status, 206);
	peer_say(&f->peer, "hello");
	await_done(f);
	assert_int_equal(f->heads, 1);
	await_data(f, "hello");
	/* Also of answers that do not flow. */
	f->done = f->heads = f->pieces = 0;
	f->r.fresh = true;
	start(f);
	peer_say(&f->peer, "HTTP/1.1 404 Not Found\r\n"
	    "Content-Length: 4\r\n\r\ngone");
	await_done(f);
	assert_int_equal(f->heads, 1);
	assert_int_equal(f->pieces, 0);
	assert_string_equal(f->body, "gone");
}

/* By what it returns, or by what it does. */
static void
test_on_head_ends_it(void **state)
{
	const struct { bool wanted; enum act then; } ways[] = { { false, NOTHING },
		{ false, CANCEL }, { true, CANCEL }, { true, FREE } };
	struct fix *f = *state;
	size_t i;

	f->r.method = "GET";
	f->r.on_head = on_response;
	f->r.on_data = on_data;
	for (i = 0; i < PG_COUNT(ways); i++) {
		f->head_wanted = ways[i].wanted;
		f->then_on_head = ways[i].then;
		f->heads = 0;
		start(f);
		peer_say(&f->peer, "HTTP/1.1 200 OK\r\n"
		    "Content-Length: 5\r\n\r\nhello");
		while (f->heads == 0)
			peer_turn(&f->peer);
		while (!f->peer.eof && f->peer.error == 0)
			peer_turn(&f->peer);
		assert_int_equal(f->done + f->pieces, 0);
	}
}

/* ---- Pauses ---- */

static const char chunks[] =
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    "3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\n\r\n";

static void
test_pause_in_pieces(void **state)
{
	struct fix *f = *state;
	size_t n = strlen(chunks), cut;
	int i;

	f->r.method = "GET";
	f->r.on_data = on_data;
	f->then = PAUSE;
	f->r.timeout = 40 * PG_MS;
	f->r.silence = 40 * PG_MS;
	for (cut = 1; cut < n; cut++) {
		f->r.fresh = true;
		f->done = f->pieces = 0;
		pg_buf_reset(&f->data);
		start(f);
		peer_put(&f->peer, chunks, cut);
		peer_turns(&f->peer, 3);
		peer_put(&f->peer, chunks + cut, n - cut);
		for (i = 1; f->done == 0; i++) {
			while (f->pieces < i && f->done == 0)
				peer_turn(&f->peer);
			/* No deadline runs. */
			peer_turns(&f->peer, i == 1 && cut % 8 == 0 ? 60 : 2);
			if (f->call == NULL)
				break;
			assert_int_equal(f->pieces, i);
			pg_call_resume(f->call);
			pg_call_resume(f->call);
			assert_int_equal(f->pieces, i);
		}
		assert_int_equal(f->status, 200);
		await_data(f, "abcdefg");
	}
}

static void
test_pause_on_head(void **state)
{
	struct fix *f = *state;

	f->r.method = "GET";
	f->r.on_head = on_response;
	f->r.on_data = on_data;
	f->then_on_head = PAUSE;
	start(f);
	/* Before there is an answer it means nothing. */
	pg_call_pause(f->call);
	pg_call_resume(f->call);
	peer_say(&f->peer, chunks);
	while (f->heads == 0)
		peer_turn(&f->peer);
	peer_turns(&f->peer, 10);
	assert_int_equal(f->pieces + f->done, 0);
	pg_call_resume(f->call);
	await_done(f);
	await_data(f, "abcdefg");
}

/* What is not read waits at the peer. */
static void
test_pause_holds_the_peer(void **state)
{
	struct fix *f = *state;
	size_t n = 64 * MIB, sent = 0;
	char *piece = pg_alloc(MIB);
	int i;

	f->r.method = "GET";
	f->r.on_data = on_data;
	f->r.timeout = f->r.silence = 50 * PG_MS;
	start(f);
	f->then = PAUSE;
	peer_say(&f->peer, "HTTP/1.1 200 OK\r\nContent-Length: 67108864"
	    "\r\n\r\n");
	for (i = 0; i < 200; i++) {
		ssize_t k = send(f->peer.fd, piece, PG_MIN(n - sent, MIB),
		    MSG_NOSIGNAL);

		sent += (size_t)PG_MAX(k, 0);
		peer_turn(&f->peer);
	}
	assert_true(sent < n);
	assert_int_equal(f->pieces, 1);
	assert_int_equal(f->done, 0);
	f->then = NOTHING;
	pg_call_resume(f->call);
	while (sent < n) {
		peer_put(&f->peer, piece, PG_MIN(n - sent, MIB));
		sent += PG_MIN(n - sent, MIB);
	}
	await_done(f);
	assert_int_equal(f->status, 200);
	assert_int_equal(f->data.n, n);
	free(piece);
}

static void
test_pause_and_end(void **state)
{
	struct fix *f = *state;

	f->r.method = "GET";
	f->r.on_data = on_data;
	f->then = PAUSE;
	f->r.fresh = true;
	start(f);
	peer_say(&f->peer, chunks);
	await_data(f, "abc");
	peer_reset(&f->peer);
	f->peer.loop = f->loop;
	clock_turn(f->loop);
	pg_call_cancel(f->call);
	f->pieces = 0;
	pg_buf_reset(&f->data);
	start(f);
	peer_say(&f->peer, chunks);
	await_data(f, "abc");
	/* Resumed, and then cancelled before it goes on. */
	pg_call_resume(f->call);
	pg_call_cancel(f->call);
	peer_turns(&f->peer, 3);
	assert_int_equal(f->pieces, 1);
	pg_buf_reset(&f->data);
	start(f);
	peer_say(&f->peer, chunks);
	await_data(f, "abc");
	/* The client may be freed by the piece that comes next. */
	f->then = FREE;
	pg_call_resume(f->call);
	await_data(f, "abcdefg");
	assert_int_equal(f->done, 0);
}

/* ---- Silence ---- */

/* A file that moves may take longer than the timeout, and ends when it no
 * longer moves. */
static void
test_silence_of_a_reader(void **state)
{
	struct fix *f = *state;
	size_t n = 64 * MIB, k;

	f->file = pattern_file(0);
	assert_int_equal(ftruncate(f->file, (off_t)n), 0);
	f->r.body[0] = segment(f, 0, n);
	f->r.nbody = 1;
	f->r.timeout = 200 * PG_MS;
	f->r.silence = 150 * PG_MS;
	start(f);
	f->peer.deaf = true;
	for (k = 0; k < 12; k++) {
		peer_turns(&f->peer, 25);
		peer_read(&f->peer, 3 * MIB);
	}
	assert_int_equal(f->done, 0);
	expect_failure(f, PG_E_TIMEOUT, "timed out after 0.15 s");
}

/* The same in the other direction, and between the two. */
static void
test_silence_of_an_answerer(void **state)
{
	struct fix *f = *state;
	int i;

	f->file = pattern_file(100);
	f->r.body[0] = segment(f, 0, 100);
	f->r.nbody = 1;
	f->r.timeout = PATIENCE;
	f->r.silence = 50 * PG_MS;
	start(f);
	expect_failure(f, PG_E_TIMEOUT, "timed out after 0.05 s");
	f->done = 0;
	f->r.on_data = on_data;
	f->r.timeout = 100 * PG_MS;
	start(f);
	peer_await(&f->peer, "\r\n\r\n");
	peer_say(&f->peer, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n");
	for (i = 0; i < 10; i++) {
		peer_turns(&f->peer, 20);
		peer_say(&f->peer, "x");
	}
	assert_int_equal(f->done, 0);
	expect_failure(f, PG_E_TIMEOUT, "timed out after 0.05 s");
	assert_int_equal(f->data.n, 10);
}

/* Without it, the timeout holds for all. */
static void
test_no_silence(void **state)
{
	struct fix *f = *state;
	int i;

	f->r.method = "GET";
	f->r.on_data = on_data;
	f->r.timeout = 100 * PG_MS;
	start(f);
	peer_say(&f->peer, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n");
	for (i = 0; i < 50 && f->done == 0; i++) {
		peer_turns(&f->peer, 20);
		if (f->done == 0)
			peer_say(&f->peer, "x");
	}
	expect_failure(f, PG_E_TIMEOUT, "timed out after 0.1 s");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_file_among_text),
		TEST(test_files_alone),
		TEST(test_large_file),
		TEST(test_early_refusal),
		TEST(test_early_refusal_and_closed),
		TEST(test_file_fails),
		TEST(test_cancel_while_a_worker_reads),
		TEST(test_more_lines),
		TEST(test_on_head),
		TEST(test_on_head_ends_it),
		TEST(test_pause_in_pieces),
		TEST(test_pause_on_head),
		TEST(test_pause_holds_the_peer),
		TEST(test_pause_and_end),
		TEST(test_silence_of_a_reader),
		TEST(test_silence_of_an_answerer),
		TEST(test_no_silence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
