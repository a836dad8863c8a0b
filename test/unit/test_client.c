/* Shows that a client finishes every call exactly once, with the answer or
 * with the reason why there is none, whatever the peer does: answers cut at
 * every byte, early, late, never, too long or ill-formed; and that it reuses
 * connections without ever sending a request twice that may not be. Real
 * sockets on loopback; the test is the peer and turns the loop itself.
 */
/* parts: base/err base/mem base/buf base/map base/log base/clock codec/url codec/http1 os/file os/sock os/loop os/work net/filesend net/lookup net/pool net/client */
/* wrap: getaddrinfo freeaddrinfo */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "net/client.h"
#include "net/lookup.h"
#include "net/pool.h"
#include "patience.h"
#include "workers.h"

#include <fcntl.h>
#include <malloc.h>
#include <netdb.h>
#include <semaphore.h>
#include <sys/socket.h>
#include <unistd.h>

struct fix {
	struct pg_loop *loop;
	struct pg_work *work;
	struct pg_client *client;
	/* The peer. */
	int listener, fd;
	struct pg_addr addr;
	bool eof;
	int error;
	struct pg_buf got;
	/* The last answer. */
	int done, status;
	bool maybe_sent, keep_alive;
	enum pg_code code;
	char msg[400], body[200];
	size_t body_n;
	int body_fd;
	/* What came through on_data. */
	struct pg_buf data;
	int pieces;
	struct pg_call *cancel; /* at the first piece */
};

/* ---- Names, as the workers see them ---- */

static sem_t name_server;

int __wrap_getaddrinfo(const char *node, const char *service,
    const struct addrinfo *hints, struct addrinfo **out);
void __wrap_freeaddrinfo(struct addrinfo *list);

static struct addrinfo *
name_address(const char *text, struct addrinfo *next)
{
	struct addrinfo *ai = calloc(1, sizeof(*ai) + sizeof(struct pg_addr));
	struct pg_addr *a = (struct pg_addr *)(void *)(ai + 1);

	pg_addr_parse(pg_str(text), 0, a);
	ai->ai_family = a->u.sa.sa_family;
	ai->ai_addr = &a->u.sa;
	ai->ai_addrlen = a->len;
	ai->ai_next = next;
	return ai;
}

int
__wrap_getaddrinfo(const char *node, const char *service,
    const struct addrinfo *hints, struct addrinfo **out)
{
	int i;

	(void)service;
	(void)hints;
	if (strcmp(node, "slow.test") == 0)
		sem_wait(&name_server);
	/* The first address refuses. */
	if (strcmp(node, "two.test") == 0) {
		*out = name_address("127.0.0.2",
		    name_address("127.0.0.1", NULL));
		return 0;
	}
	/* The last of so many is the right one. */
	if (strncmp(node, "many-", 5) == 0) {
		*out = name_address("127.0.0.1", NULL);
		for (i = (int)strtol(node + 5, NULL, 10); i > 1; i--)
			*out = name_address("127.0.0.3", *out);
		return 0;
	}
	return EAI_NONAME;
}

void
__wrap_freeaddrinfo(struct addrinfo *list)
{
	struct addrinfo *next;

	for (; list != NULL; list = next) {
		next = list->ai_next;
		free(list);
	}
}

/* ---- The peer ---- */

static void
turn(struct fix *f)
{
	char *to;
	ssize_t n;

	clock_turn(f->loop);
	if (f->fd < 0)
		return;
	to = pg_buf_room(&f->got, 1 << 20);
	n = recv(f->fd, to, 1 << 20, MSG_DONTWAIT);
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
peer_close(struct fix *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
	f->eof = false;
	f->error = 0;
	pg_buf_reset(&f->got);
}

static void
peer_reset(struct fix *f)
{
	struct linger now = { .l_onoff = 1 };

	setsockopt(f->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	peer_close(f);
}

static bool
peer_try_accept(struct fix *f)
{
	int fd = accept4(f->listener, NULL, NULL, SOCK_NONBLOCK);

	if (fd >= 0) {
		peer_close(f);
		f->fd = fd;
	}
	return fd >= 0;
}

static void
peer_accept(struct fix *f)
{
	int64_t end = pg_now() + PATIENCE;

	while (!peer_try_accept(f)) {
		assert_true(pg_now() < end);
		clock_turn(f->loop);
	}
}

static void
peer_expect(struct fix *f, const char *text)
{
	int64_t end = pg_now() + PATIENCE;

	while (f->got.n == 0 ||
	    memmem(f->got.p, f->got.n, text, strlen(text)) == NULL) {
		if (f->eof || f->error != 0 || pg_now() > end)
			fail_msg("no \"%s\" in: %.*s", text,
			    (int)PG_MIN(f->got.n, (size_t)2000), f->got.p);
		turn(f);
	}
}

static void
peer_put(struct fix *f, const char *p, size_t n)
{
	int64_t end = pg_now() + PATIENCE;
	ssize_t k;

	while (n > 0) {
		k = send(f->fd, p, n, MSG_NOSIGNAL);
		if (k > 0) {
			p += k;
			n -= (size_t)k;
		} else {
			assert_int_equal(errno, EAGAIN);
			clock_turn(f->loop);
		}
		assert_true(pg_now() < end);
	}
}

static void
peer_say(struct fix *f, const char *text)
{
	peer_put(f, text, strlen(text));
}

/* ---- The caller ---- */

static void
on_done(void *arg, const struct pg_response *r)
{
	struct fix *f = arg;
	struct pg_str body = pg_bulk_str(r->body);

	f->done++;
	f->status = r->status;
	f->maybe_sent = r->maybe_sent;
	f->code = r->err.code;
	snprintf(f->msg, sizeof(f->msg), "%s", r->err.msg);
	snprintf(f->body, sizeof(f->body), "%.*s", PG_STR_ARG(body));
	f->body_n = body.n;
	f->body_fd = r->body != NULL ? r->body->fd : -1;
	assert_int_equal(r->head != NULL, r->status != 0);
}

static struct pg_request
request(const char *method, char url[100], struct fix *f, const char *path)
{
	snprintf(url, 100, "http://127.0.0.1:%u%s",
	    (unsigned)pg_addr_port(&f->addr), path);
	return (struct pg_request){ .method = method, .url = pg_str(url),
		.timeout = PATIENCE, .max_reply = 1 << 20 };
}

static struct pg_call *
start(struct fix *f, const struct pg_request *r)
{
	int before = f->done;
	struct pg_call *call = pg_client_start(f->client, r, on_done, f);

	assert_int_equal(f->done, before);
	return call;
}

static void
call(struct fix *f, const char *method, const char *path)
{
	char url[100];
	struct pg_request r = request(method, url, f, path);

	start(f, &r);
	memset(url, 'x', sizeof(url)); /* it was copied */
}

static void
call_url(struct fix *f, const char *url)
{
	struct pg_request r = { .method = "GET", .url = pg_str(url),
		.timeout = PATIENCE, .max_reply = 100 };

	start(f, &r);
}

static void
await_done(struct fix *f, int n)
{
	int64_t end = pg_now() + PATIENCE;

	while (f->done < n) {
		assert_true(pg_now() < end);
		turn(f);
	}
	assert_int_equal(f->done, n);
}

static void
expect_failure(struct fix *f, enum pg_code code, const char *why)
{
	assert_int_equal(f->status, 0);
	if (f->code != code || strstr(f->msg, why) == NULL ||
	    strncmp(f->msg, "Could not reach ", 16) != 0)
		fail_msg("code %d, message: %s", (int)f->code, f->msg);
}

static int
setup(void **state)
{
	struct fix *f = pg_alloc(sizeof(*f));
	struct pg_addr any;
	struct pg_err e = { .code = PG_E_OK };

	clock_by_turns();
	sem_init(&name_server, 0, 0);
	f->loop = pg_loop_new(&e);
	f->work = pg_work_new(f->loop, &e);
	f->client = pg_client_new(f->loop, f->work, &e);
	f->fd = -1;
	pg_addr_parse(PG_STR("127.0.0.1"), 0, &any);
	f->listener = pg_sock_listen(&any, &f->addr, &e);
	assert_true(f->listener >= 0);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fix *f = *state;

	pg_client_free(f->client);
	pg_work_free(f->work);
	pg_loop_free(f->loop);
	peer_close(f);
	pg_buf_fini(&f->got);
	pg_buf_fini(&f->data);
	close(f->listener);
	free(f);
	clock_real();
	return 0;
}

/* ---- Answers ---- */

static void
test_get(void **state)
{
	struct fix *f = *state;
	char want[200];

	call(f, "GET", "/a?b=c");
	peer_accept(f);
	peer_expect(f, "\r\n\r\n");
	snprintf(want, sizeof(want), "GET /a?b=c HTTP/1.1\r\n"
	    "Host: 127.0.0.1:%u\r\nUser-Agent: paglets\r\n"
	    "Accept: application/json\r\n\r\n",
	    (unsigned)pg_addr_port(&f->addr));
	assert_true(pg_str_eqz(pg_buf_str(&f->got), want));
	peer_say(f, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
	await_done(f, 1);
	assert_int_equal(f->status, 200);
	assert_string_equal(f->body, "hello");
	assert_true(f->maybe_sent);
}

static void
test_post_in_pieces(void **state)
{
	struct fix *f = *state;
	size_t n = PG_BULK_HEAP_MAX + 10;
	char url[100], *big = malloc(n);
	struct pg_request r = request("POST", url, f, "");
	struct pg_bulk *heap, *file;
	struct pg_call *c;

	memset(big, 'm', n);
	big[n - 1] = 'E';
	heap = pg_bulk_copy(PG_STR("0heap0"), NULL);
	file = pg_bulk_copy((struct pg_str){ big, n }, NULL);
	assert_true(file->fd >= 0);
	r.bearer = PG_STR("k3y");
	r.content_type = "application/json";
	r.body[0].text = PG_STR("{text}");
	r.body[1] = (struct pg_segment){ .bulk = heap, .off = 1, .len = 4 };
	r.body[2] = (struct pg_segment){ .bulk = file, .off = n - 5,
		.len = 5 };
	r.body[3].text = PG_STR("!");
	r.nbody = 4;
	c = start(f, &r);
	assert_int_equal(pg_call_sent(c), 0);
	pg_bulk_unref(heap);
	pg_bulk_unref(file);
	peer_accept(f);
	peer_expect(f, "POST / HTTP/1.1\r\n");
	peer_expect(f, "Authorization: Bearer k3y\r\n"
	    "Content-Type: application/json\r\nContent-Length: 16\r\n\r\n"
	    "{text}heapmmmmE!");
	assert_int_equal(pg_call_sent(c), 16);
	peer_say(f, "HTTP/1.1 204 No Content\r\n\r\n");
	await_done(f, 1);
	assert_int_equal(f->status, 204);
	free(big);
}

static const char *const answers[] = {
	"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	"2\r\nhe\r\n3;x\r\nllo\r\n0\r\nT: v\r\n\r\n",
	"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Wait\r\nA: b\r\n\r\n"
	"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
	"HTTP/1.0 200 OK\r\nServer: BaseHTTP/0.6\r\nContent-Length: 5\r\n"
	"\r\nhello",
	"HTTP/1.0 200 OK\r\n\r\nhello",
};

static void
test_answers_cut_at_every_byte(void **state)
{
	struct fix *f = *state;
	size_t i, cut, n;
	int done = 0;

	for (i = 0; i < PG_COUNT(answers); i++) {
		n = strlen(answers[i]);
		for (cut = 1; cut < n; cut++) {
			call(f, "GET", "/");
			if (f->fd < 0 || i > 2)
				peer_accept(f);
			peer_expect(f, "\r\n\r\n");
			pg_buf_reset(&f->got);
			peer_put(f, answers[i], cut);
			turns(f, 2);
			peer_put(f, answers[i] + cut, n - cut);
			if (i > 2)
				peer_close(f);
			await_done(f, ++done);
			assert_int_equal(f->status, 200);
			assert_string_equal(f->body, "hello");
		}
		/* The next kind begins with a connection of its own. */
		peer_close(f);
		turns(f, 2);
	}
}

static void
test_head_request(void **state)
{
	struct fix *f = *state;

	call(f, "HEAD", "/");
	peer_accept(f);
	peer_expect(f, "HEAD / ");
	peer_say(f, "HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n");
	await_done(f, 1);
	assert_int_equal(f->status, 200);
	assert_int_equal(f->body_n, 0);
}

static void
test_bad_answers(void **state)
{
	const char *const bad[] = { "nonsense\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n"
		    "Content-Length: 2\r\n\r\n") };
	struct fix *f = *state;
	size_t i;
	int n;

	for (i = 0; i < PG_COUNT(bad); i++) {
		call(f, "GET", "/");
		peer_accept(f);
		peer_say(f, bad[i]);
		await_done(f, (int)i + 1);
		expect_failure(f, PG_E_UNREACHABLE, "");
	}
	call(f, "GET", "/");
	peer_accept(f);
	for (n = 0; n < PG_CLIENT_INTERIM_MAX; n++)
		peer_say(f, "HTTP/1.1 102 Wait\r\n\r\n");
	peer_say(f, answers[0]);
	await_done(f, (int)i + 1);
	assert_int_equal(f->status, 200);
	call(f, "GET", "/2");
	peer_expect(f, "GET /2 ");
	for (n = 0; n <= PG_CLIENT_INTERIM_MAX; n++)
		peer_say(f, "HTTP/1.1 102 Wait\r\n\r\n");
	await_done(f, (int)i + 2);
	expect_failure(f, PG_E_UNREACHABLE, "interim");
}

static void
limited(struct fix *f, size_t max, const char *answer)
{
	char url[100];
	struct pg_request r = request("GET", url, f, "/");

	r.max_reply = max;
	r.fresh = true;
	start(f, &r);
	peer_accept(f);
	peer_say(f, answer);
	peer_expect(f, "\r\n\r\n");
	await_done(f, f->done + 1);
}

static void
test_reply_limit(void **state)
{
	struct fix *f = *state;
	size_t i;

	for (i = 0; i < 2; i++) {
		limited(f, 6, answers[i]);
		assert_int_equal(f->status, 200);
		limited(f, 5, answers[i]);
		assert_int_equal(f->status, 200);
		limited(f, 4, answers[i]);
		expect_failure(f, PG_E_UNREACHABLE, "limit of 4");
	}
}

/* ---- The pool ---- */

static void
answer_hello(struct fix *f)
{
	peer_expect(f, "\r\n\r\n");
	pg_buf_reset(&f->got);
	peer_say(f, answers[0]);
}

static void
test_connection_is_reused(void **state)
{
	struct fix *f = *state;
	char url[100];
	struct pg_request r = request("GET", url, f, "/");
	int i;

	call(f, "GET", "/");
	peer_accept(f);
	for (i = 1; i <= 3; i++) {
		answer_hello(f);
		await_done(f, i);
		call(f, "POST", "/");
	}
	answer_hello(f);
	await_done(f, i);
	assert_false(peer_try_accept(f));
	/* Unless it should not be. */
	r.fresh = true;
	start(f, &r);
	peer_accept(f);
	answer_hello(f);
	await_done(f, i + 1);
}

static void
test_connection_is_not_reused(void **state)
{
	const char *const last[] = {
		("HTTP/1.1 200 OK\r\nConnection: close\r\n"
		    "Content-Length: 5\r\n\r\nhello"),
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello, world",
		"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello" };
	struct fix *f = *state;
	size_t i;

	for (i = 0; i < PG_COUNT(last); i++) {
		call(f, "GET", "/");
		peer_accept(f);
		peer_expect(f, "\r\n\r\n");
		peer_say(f, last[i]);
		await_done(f, (int)i + 1);
		assert_string_equal(f->body, "hello");
		turns(f, 3);
		assert_true(f->eof || f->error == ECONNRESET);
	}
}

/* Closed by the peer while idle: noticed, and a new one made. */
static void
test_idle_connection_dies(void **state)
{
	struct fix *f = *state;

	call(f, "GET", "/");
	peer_accept(f);
	answer_hello(f);
	await_done(f, 1);
	peer_close(f);
	call(f, "POST", "/");
	peer_accept(f);
	answer_hello(f);
	await_done(f, 2);
	assert_int_equal(f->status, 200);
}

/* Closed just when a request is on its way: only what may be repeated is. */
static void
test_stale_connection(void **state)
{
	struct fix *f = *state;

	call(f, "GET", "/");
	peer_accept(f);
	answer_hello(f);
	await_done(f, 1);
	call(f, "GET", "/again");
	peer_expect(f, "GET /again ");
	peer_close(f);
	peer_accept(f);
	peer_expect(f, "GET /again ");
	answer_hello(f);
	await_done(f, 2);
	assert_int_equal(f->status, 200);
	call(f, "POST", "/once");
	peer_expect(f, "POST /once ");
	peer_close(f);
	await_done(f, 3);
	expect_failure(f, PG_E_UNREACHABLE, "closed without an answer");
	assert_true(f->maybe_sent);
	assert_false(peer_try_accept(f));
}

/* A second loss is not repeated again. */
static void
test_repeated_once(void **state)
{
	struct fix *f = *state;

	call(f, "GET", "/");
	peer_accept(f);
	answer_hello(f);
	await_done(f, 1);
	call(f, "GET", "/");
	peer_expect(f, "GET / ");
	peer_close(f);
	peer_accept(f);
	peer_expect(f, "GET / ");
	peer_close(f);
	await_done(f, 2);
	expect_failure(f, PG_E_UNREACHABLE, "");
}

/* The pool closes those that were used the longest time ago, and in the end
 * all. */
static void
test_pool_limits(void **state)
{
	struct fix *f = *state;
	int fds[PG_CLIENT_IDLE_MAX + 1], i, left = 0;
	char byte;

	for (i = 0; i <= PG_CLIENT_IDLE_MAX; i++) {
		call(f, "GET", "/");
		peer_accept(f);
		fds[i] = f->fd;
		f->fd = -1;
	}
	for (i = 0; i <= PG_CLIENT_IDLE_MAX; i++)
		send(fds[i], answers[0], strlen(answers[0]), 0);
	await_done(f, PG_CLIENT_IDLE_MAX + 1);
	turns(f, 3);
	for (i = 0; i <= PG_CLIENT_IDLE_MAX; i++) {
		while (recv(fds[i], &byte, 1, 0) > 0)
			continue;
		left += errno == EAGAIN;
		errno = 0;
	}
	assert_int_equal(left, PG_CLIENT_IDLE_MAX);
	clock_pass(PG_CLIENT_IDLE_TIME + PG_SEC);
	turns(f, 3);
	for (i = 0; i <= PG_CLIENT_IDLE_MAX; i++) {
		assert_int_equal(recv(fds[i], &byte, 1, 0), 0);
		close(fds[i]);
	}
}

/* ---- Failures ---- */

static void
test_bad_requests(void **state)
{
	struct fix *f = *state;
	char url[100];
	struct pg_request r = request("GET", url, f, "/");

	call_url(f, "https://localhost/");
	await_done(f, 1);
	expect_failure(f, PG_E_HOST, "TLS is not supported");
	assert_false(f->maybe_sent);
	call_url(f, "ftp://localhost/");
	await_done(f, 2);
	expect_failure(f, PG_E_HOST, "");
	call_url(f, "http://localhost/a b");
	await_done(f, 3);
	expect_failure(f, PG_E_HOST, "");
	r.bearer = PG_STR("a\r\nX: y");
	start(f, &r);
	await_done(f, 4);
	expect_failure(f, PG_E_HOST, "API key");
}

static void
test_nobody_there(void **state)
{
	struct fix *f = *state;

	close(f->listener);
	f->listener = -1;
	call(f, "POST", "/");
	await_done(f, 1);
	expect_failure(f, PG_E_UNREACHABLE, "refused");
	assert_false(f->maybe_sent);
}

static void
test_names(void **state)
{
	struct fix *f = *state;
	char url[100];

	call_url(f, "http://nowhere.test/");
	await_done(f, 1);
	expect_failure(f, PG_E_UNREACHABLE, "look-up of nowhere.test");
	snprintf(url, sizeof(url), "http://two.test:%u/",
	    (unsigned)pg_addr_port(&f->addr));
	call_url(f, url);
	peer_accept(f);
	peer_expect(f, "Host: two.test:");
	answer_hello(f);
	await_done(f, 2);
	assert_int_equal(f->status, 200);
	snprintf(url, sizeof(url), "http://LocalHost:%u/",
	    (unsigned)pg_addr_port(&f->addr));
	call_url(f, url);
	peer_accept(f);
	answer_hello(f);
	await_done(f, 3);
	assert_int_equal(f->status, 200);
}

static void
test_many_addresses(void **state)
{
	struct fix *f = *state;
	char url[100];
	int n;

	for (n = PG_CLIENT_ADDRS_MAX - 1; n <= PG_CLIENT_ADDRS_MAX; n++) {
		snprintf(url, sizeof(url), "http://many-%d.test:%u/", n,
		    (unsigned)pg_addr_port(&f->addr));
		call_url(f, url);
		peer_accept(f);
		answer_hello(f);
		await_done(f, n - PG_CLIENT_ADDRS_MAX + 2);
		assert_int_equal(f->status, 200);
	}
	for (; n <= PG_LOOKUP_ADDRS_MAX + 1; n += 56) {
		snprintf(url, sizeof(url), "http://many-%d.test:%u/", n,
		    (unsigned)pg_addr_port(&f->addr));
		call_url(f, url);
		await_done(f, n < 64 ? 3 : 4);
		expect_failure(f, PG_E_UNREACHABLE, "refused");
	}
}

static void
test_name_too_long(void **state)
{
	struct fix *f = *state;
	char url[300];

	snprintf(url, sizeof(url), "http://%0*d/", PG_LOOKUP_NAME_MAX + 1, 0);
	call_url(f, url);
	await_done(f, 1);
	assert_int_equal(f->status, 0);
	snprintf(url, sizeof(url), "http://%0*d/", PG_LOOKUP_NAME_MAX, 0);
	call_url(f, url);
	await_done(f, 2);
	assert_int_equal(f->status, 0);
}

/* A name server that never answers keeps neither the call nor, behind it,
 * calls to addresses; and not all workers. */
static void
test_slow_name_server(void **state)
{
	struct fix *f = *state;
	struct pg_request r = { .method = "GET",
		.url = PG_STR("http://slow.test/"), .timeout = 60 * PG_SEC };
	int i;

	for (i = 0; i < 2 * PG_WORK_THREADS; i++)
		start(f, &r);
	call(f, "GET", "/");
	peer_accept(f);
	answer_hello(f);
	await_done(f, 1);
	assert_int_equal(f->status, 200);
	clock_pass(r.timeout);
	await_done(f, 1 + i);
	expect_failure(f, PG_E_TIMEOUT, "timed out after 60 s");
	assert_false(f->maybe_sent);
	/* Only those two ever got to a worker. */
	for (i = 0; i < PG_LOOKUP_RUNNING_MAX; i++)
		sem_post(&name_server);
	call_url(f, "http://nowhere.test/");
	await_done(f, f->done + 1);
	expect_failure(f, PG_E_UNREACHABLE, "look-up of nowhere.test");
	workers_rest(f->work, f->loop);
	assert_int_equal(sem_trywait(&name_server), -1);
}

static void
test_silent_peer(void **state)
{
	struct fix *f = *state;
	char url[100];
	struct pg_request r = request("POST", url, f, "/");

	r.timeout = 50 * PG_MS;
	start(f, &r);
	await_done(f, 1);
	expect_failure(f, PG_E_TIMEOUT, "timed out");
	assert_true(f->maybe_sent);
	/* One that never ends is no better. */
	peer_accept(f);
	start(f, &r);
	peer_accept(f);
	peer_say(f, "HTTP/1.1 200 OK\r\n\r\n");
	while (f->done < 2) {
		send(f->fd, "x", 1, MSG_NOSIGNAL);
		turn(f);
	}
	expect_failure(f, PG_E_TIMEOUT, "timed out");
}

static void
test_peer_that_resets(void **state)
{
	struct fix *f = *state;

	call(f, "POST", "/");
	peer_accept(f);
	peer_expect(f, "POST / ");
	peer_reset(f);
	await_done(f, 1);
	expect_failure(f, PG_E_UNREACHABLE, "");
	assert_true(f->maybe_sent);
	/* Within the answer. */
	call(f, "GET", "/");
	peer_accept(f);
	peer_expect(f, "GET / ");
	peer_say(f, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhal");
	turns(f, 3);
	peer_close(f);
	await_done(f, 2);
	expect_failure(f, PG_E_UNREACHABLE, "");
}

/* ---- Large bodies ---- */

static struct pg_bulk *
zeros(size_t n)
{
	struct pg_spool s = { .max = 0 };
	char *mega = calloc(1, 1 << 20);
	size_t i;

	for (i = 0; i < n >> 20; i++)
		pg_spool_put(&s, (struct pg_str){ mega, 1 << 20 }, NULL);
	free(mega);
	return pg_spool_finish(&s, NULL);
}

static struct pg_bulk *
start_upload(struct fix *f)
{
	char url[100];
	struct pg_request r = request("POST", url, f, "/");
	struct pg_bulk *b = zeros(64 << 20);

	r.content_type = "application/x-paglets-pickle";
	r.body[0] = (struct pg_segment){ .bulk = b, .len = b->n };
	r.nbody = 1;
	start(f, &r);
	return b;
}

static void
test_large_upload(void **state)
{
	struct fix *f = *state;
	struct pg_bulk *b = start_upload(f);
	size_t before, total = 0;

	peer_accept(f);
	peer_expect(f, "\r\n\r\n");
	turns(f, 2);
	before = mallinfo2().uordblks;
	while (total < b->n) {
		total += f->got.n;
		pg_buf_reset(&f->got);
		turn(f);
		assert_false(f->eof);
	}
	assert_true(mallinfo2().uordblks < before + (2 << 20));
	peer_say(f, answers[0]);
	await_done(f, 1);
	assert_int_equal(f->status, 200);
	pg_bulk_unref(b);
}

static void
test_large_download(void **state)
{
	struct fix *f = *state;
	char url[100], *mega = calloc(1, 1 << 20);
	struct pg_request r = request("GET", url, f, "/");
	size_t before;
	int i;

	r.max_reply = 64 << 20;
	start(f, &r);
	peer_accept(f);
	peer_say(f, "HTTP/1.1 200 OK\r\nContent-Length: 67108864\r\n\r\n");
	peer_put(f, mega, 1 << 20);
	turns(f, 3);
	before = mallinfo2().uordblks;
	for (i = 1; i < 64; i++)
		peer_put(f, mega, 1 << 20);
	assert_true(mallinfo2().uordblks < before + (1 << 20));
	await_done(f, 1);
	assert_int_equal(f->body_n, 64 << 20);
	assert_true(f->body_fd >= 0);
	free(mega);
}

/* A refusal counts although the peer has stopped reading, and then cut the
 * connection. */
static void
test_early_answer(void **state)
{
	struct fix *f = *state;
	struct pg_bulk *b = start_upload(f);
	int i;

	peer_accept(f);
	peer_say(f, "HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\n\r\nhello");
	await_done(f, 1);
	assert_int_equal(f->status, 413);
	assert_string_equal(f->body, "hello");
	pg_bulk_unref(b);
	/* Sending has failed before the answer is read. */
	b = start_upload(f);
	peer_accept(f);
	for (i = 0; i < 5; i++)
		clock_turn(f->loop);
	peer_say(f, "HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\n\r\nhello");
	peer_close(f);
	await_done(f, 2);
	assert_int_equal(f->status, 413);
	pg_bulk_unref(b);
}

/* ---- Answers as they arrive ---- */

static void
on_data(void *arg, struct pg_str data)
{
	struct fix *f = arg;

	assert_true(data.n > 0);
	assert_int_equal(f->done, 0);
	pg_buf_puts(&f->data, data);
	f->pieces++;
	if (f->cancel != NULL)
		pg_call_cancel(f->cancel);
}

static struct pg_call *
follow(struct fix *f, int64_t silence)
{
	char url[100];
	struct pg_request r = request("GET", url, f, "/");
	struct pg_call *c;

	r.accept = "text/plain";
	r.on_data = on_data;
	r.silence = silence;
	r.timeout = 100 * PG_MS;
	r.max_reply = 10;
	c = start(f, &r);
	peer_accept(f);
	peer_expect(f, "\r\nAccept: text/plain\r\n\r\n");
	return c;
}

static void
await_data(struct fix *f, const char *text)
{
	int64_t end = pg_now() + PATIENCE;

	while (f->data.n < strlen(text) && pg_now() < end)
		turn(f);
	assert_true(pg_str_eqz(pg_buf_str(&f->data), text));
}

/* Neither the time limit nor that of length is for what flows. */
static void
test_pieces(void **state)
{
	struct fix *f = *state;

	follow(f, PATIENCE);
	peer_say(f, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "5\r\nhello\r\n");
	await_data(f, "hello");
	turns(f, 150);
	assert_int_equal(f->done, 0);
	peer_say(f, "b\r\n, you the");
	await_data(f, "hello, you the");
	peer_say(f, "re\r\n0\r\n\r\n");
	await_done(f, 1);
	assert_int_equal(f->status, 200);
	assert_int_equal(f->body_n, 0);
	await_data(f, "hello, you there");
}

static void
test_pieces_up_to_close(void **state)
{
	struct fix *f = *state;

	follow(f, PATIENCE);
	peer_say(f, "HTTP/1.0 200 OK\r\n\r\nmore than ten bytes");
	await_data(f, "more than ten bytes");
	peer_close(f);
	await_done(f, 1);
	assert_int_equal(f->status, 200);
}

/* What is no 200 is an answer like others. */
static void
test_pieces_refused(void **state)
{
	struct fix *f = *state;

	follow(f, PATIENCE);
	peer_say(f, "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy");
	await_done(f, 1);
	assert_int_equal(f->status, 503);
	assert_string_equal(f->body, "busy");
	assert_int_equal(f->pieces, 0);
}

static void
test_pieces_cut_off(void **state)
{
	struct fix *f = *state;

	follow(f, PATIENCE);
	peer_say(f, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "5\r\nhello\r\n");
	await_data(f, "hello");
	peer_close(f);
	await_done(f, 1);
	expect_failure(f, PG_E_UNREACHABLE, "ended after 5 bytes");
}

static void
test_pieces_silence(void **state)
{
	struct fix *f = *state;

	follow(f, 50 * PG_MS);
	peer_say(f, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "5\r\nhello\r\n");
	await_data(f, "hello");
	await_done(f, 1);
	expect_failure(f, PG_E_TIMEOUT, "timed out after 0.05 s");
}

/* The head must still come in time. */
static void
test_pieces_no_answer(void **state)
{
	struct fix *f = *state;

	follow(f, PATIENCE);
	await_done(f, 1);
	expect_failure(f, PG_E_TIMEOUT, "timed out after 0.1 s");
}

/* From on_data, in the midst of bytes that came with the head. */
static void
test_pieces_cancel(void **state)
{
	struct fix *f = *state;

	f->cancel = follow(f, PATIENCE);
	peer_say(f, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "5\r\nhello\r\n5\r\nthere\r\n");
	await_data(f, "hello");
	turns(f, 5);
	assert_int_equal(f->pieces, 1);
	assert_int_equal(f->done, 0);
}

/* ---- Endings ---- */

static void
test_cancel(void **state)
{
	struct fix *f = *state;
	char url[100];
	struct pg_request r = request("GET", url, f, "/");

	struct pg_call *c;

	pg_call_cancel(start(f, &r));
	turns(f, 3);
	assert_false(peer_try_accept(f));
	c = start(f, &r);
	peer_accept(f);
	peer_expect(f, "GET / ");
	peer_say(f, "HTTP/1.1 200 OK\r\nContent-Len");
	turns(f, 3);
	pg_call_cancel(c);
	turns(f, 3);
	assert_int_equal(f->done, 0);
}

static void
test_free_under_way(void **state)
{
	struct fix *f = *state;

	call(f, "GET", "/");
	peer_accept(f);
	peer_expect(f, "GET / ");
	answer_hello(f);
	await_done(f, 1);
	call(f, "GET", "/");
	peer_expect(f, "GET / ");
	call(f, "GET", "/");
	call_url(f, "http://slow.test/");
	turns(f, 3);
	sem_post(&name_server);
	call(f, "GET", "/");
	/* The look-up frees itself when the loop hears of it. */
	pg_client_free(f->client);
	f->client = NULL;
	workers_rest(f->work, f->loop);
	assert_int_equal(f->done, 1);
}

struct chain {
	struct fix *f;
	int left;
};

static void
on_done_again(void *arg, const struct pg_response *r)
{
	struct chain *c = arg;
	char url[100];
	struct pg_request next = request("GET", url, c->f, "/");

	assert_int_equal(r->status, 200);
	c->f->done++;
	if (c->left-- > 0)
		pg_client_start(c->f->client, &next, on_done_again, c);
}

/* done may start the next call, on the same connection. */
static void
test_call_from_done(void **state)
{
	struct fix *f = *state;
	struct chain c = { f, 3 };
	char url[100];
	struct pg_request r = request("GET", url, f, "/");
	int i;

	pg_client_start(f->client, &r, on_done_again, &c);
	peer_accept(f);
	for (i = 1; i <= 4; i++) {
		answer_hello(f);
		await_done(f, i);
	}
	assert_false(peer_try_accept(f));
}

static void
test_ipv6(void **state)
{
	struct fix *f = *state;
	struct pg_addr six;
	struct pg_err e = { .code = PG_E_OK };
	char url[100];
	int fd;

	pg_addr_parse(PG_STR("::1"), 0, &six);
	fd = pg_sock_listen(&six, &f->addr, &e);
	if (fd < 0)
		skip();
	close(f->listener);
	f->listener = fd;
	snprintf(url, sizeof(url), "http://[::1]:%u/",
	    (unsigned)pg_addr_port(&f->addr));
	call_url(f, url);
	peer_accept(f);
	peer_expect(f, "Host: [::1]:");
	answer_hello(f);
	await_done(f, 1);
	assert_int_equal(f->status, 200);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_get),
		TEST(test_post_in_pieces),
		TEST(test_answers_cut_at_every_byte),
		TEST(test_head_request),
		TEST(test_bad_answers),
		TEST(test_reply_limit),
		TEST(test_connection_is_reused),
		TEST(test_connection_is_not_reused),
		TEST(test_idle_connection_dies),
		TEST(test_stale_connection),
		TEST(test_repeated_once),
		TEST(test_pool_limits),
		TEST(test_bad_requests),
		TEST(test_nobody_there),
		TEST(test_names),
		TEST(test_many_addresses),
		TEST(test_name_too_long),
		TEST(test_slow_name_server),
		TEST(test_silent_peer),
		TEST(test_peer_that_resets),
		TEST(test_large_upload),
		TEST(test_large_download),
		TEST(test_early_answer),
		TEST(test_pieces),
		TEST(test_pieces_up_to_close),
		TEST(test_pieces_refused),
		TEST(test_pieces_cut_off),
		TEST(test_pieces_silence),
		TEST(test_pieces_no_answer),
		TEST(test_pieces_cancel),
		TEST(test_cancel),
		TEST(test_free_under_way),
		TEST(test_call_from_done),
		TEST(test_ipv6),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
