/* test_sock: shows what counts as an address and as loopback; that listening,
 * connecting and accepting give non-blocking, close-on-exec sockets without
 * delay; that one descriptor travels with bytes and no more than one arrives.
 */
/* parts: base/err base/mem base/log base/clock os/sock */
#include "os/sock.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <unistd.h>

#include <cmocka.h>

/* As long as PG_ADDR_TEXT, so without room for a NUL. */
#define TOO_LONG                           \
	"11111111111111111111111111111111" \
	"11111111111111111111111111111111"

/* ---- Addresses ---- */

static void
test_parse(void **state)
{
	static const char *const good[] = { "127.0.0.1", "0.0.0.0", "::1",
		"::", "2001:db8::7", "255.255.255.255", "::ffff:10.1.2.3" };
	static const char *const bad[] = { "", "localhost", "127.1", "1.2.3",
		"1.2.3.256", "[::1]", ":::", "127.0.0.1 ", " ::1", "01.2.3.4",
		"1.2.3.4:80", "fe80::1%lo",
		TOO_LONG };
	char text[PG_ADDR_TEXT];
	struct pg_addr a;
	size_t i;

	(void)state;
	for (i = 0; i < PG_COUNT(good); i++) {
		assert_int_equal(pg_addr_parse(pg_str(good[i]), 8765, &a), 0);
		pg_addr_text(&a, text);
		assert_string_equal(text, good[i]);
		assert_int_equal(pg_addr_port(&a), 8765);
	}
	for (i = 0; i < PG_COUNT(bad); i++)
		assert_int_equal(pg_addr_parse(pg_str(bad[i]), 1, &a), -1);
	assert_int_equal(pg_addr_parse((struct pg_str){ "::1\0", 4 }, 1, &a),
	    -1);
	assert_int_equal(pg_addr_parse((struct pg_str){ "::1junk", 3 }, 1,
	    &a), 0);
	a.len = 0;
	pg_addr_text(&a, text);
	assert_string_equal(text, "");
	assert_int_equal(pg_addr_port(&a), 0);
}

static void
test_addresses_are_equal_or_not(void **state)
{
	static const struct {
		const char *text;
		uint16_t port;
	} rows[] = { { "10.0.0.1", 1 }, { "10.0.0.1", 2 }, { "10.0.0.2", 1 },
		{ "::1", 1 }, { "::1", 2 }, { "::2", 1 },
		{ "::ffff:10.0.0.1", 1 }, { "", 0 } };
	struct pg_addr a, b;
	size_t i, j;

	(void)state;
	for (i = 0; i < PG_COUNT(rows); i++)
		for (j = 0; j < PG_COUNT(rows); j++) {
			a.len = b.len = 0;
			pg_addr_parse(pg_str(rows[i].text), rows[i].port, &a);
			pg_addr_parse(pg_str(rows[j].text), rows[j].port, &b);
			assert_int_equal(pg_addr_eq(&a, &b), i == j);
		}
}

static void
test_loopback(void **state)
{
	static const struct {
		const char *text;
		bool yes;
	} rows[] = { { "127.0.0.1", true }, { "127.255.255.255", true },
		{ "126.255.255.255", false }, { "128.0.0.0", false },
		{ "0.0.0.0", false }, { "::1", true }, { "::", false },
		{ "::ffff:127.0.0.2", true }, { "::ffff:128.0.0.1", false },
		{ "::2", false }, { "fe80::1", false } };
	struct pg_addr a = { .len = 0 };
	size_t i;

	(void)state;
	assert_false(pg_addr_is_loopback(&a));
	for (i = 0; i < PG_COUNT(rows); i++) {
		assert_int_equal(pg_addr_parse(pg_str(rows[i].text), 0, &a), 0);
		assert_int_equal(pg_addr_is_loopback(&a), rows[i].yes);
	}
}

/* ---- TCP ---- */

static void
check_flags(int fd, bool nonblocking)
{
	int flags = fcntl(fd, F_GETFL);

	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal((flags & O_NONBLOCK) != 0, nonblocking);
}

static void
check_tcp(int fd)
{
	int on = 0;
	socklen_t n = sizeof(on);

	check_flags(fd, true);
	assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &n), 0);
	assert_int_not_equal(on, 0);
}

static void
wait_for(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	assert_int_equal(poll(&p, 1, 60000), 1);
}

static int
listen_at(const char *host, uint16_t port, struct pg_addr *bound,
    struct pg_err *e)
{
	struct pg_addr a;

	assert_int_equal(pg_addr_parse(pg_str(host), port, &a), 0);
	return pg_sock_listen(&a, bound, e);
}

static void
test_tcp(void **state)
{
	struct pg_addr bound, peer;
	char text[PG_ADDR_TEXT], c;
	bool pending;
	int l, out, in;

	(void)state;
	l = listen_at("127.0.0.1", 0, &bound, NULL);
	assert_true(l >= 0);
	assert_int_not_equal(pg_addr_port(&bound), 0);
	assert_int_equal(pg_sock_accept(l, &peer), -1);
	assert_int_equal(errno, EAGAIN);
	out = pg_sock_connect(&bound, &pending, NULL);
	assert_true(out >= 0);
	wait_for(out, POLLOUT);
	assert_int_equal(pg_sock_error(out), 0);
	wait_for(l, POLLIN);
	in = pg_sock_accept(l, &peer);
	assert_true(in >= 0);
	pg_addr_text(&peer, text);
	assert_string_equal(text, "127.0.0.1");
	check_tcp(l);
	check_tcp(out);
	check_tcp(in);
	assert_int_equal(send(out, "x", 1, 0), 1);
	wait_for(in, POLLIN);
	assert_int_equal(recv(in, &c, 1, 0), 1);
	close(in);
	close(out);
	close(l);
}

static void
test_port_taken(void **state)
{
	struct pg_addr bound, other;
	struct pg_err e = { .code = PG_E_OK };
	char port[32];
	int l = listen_at("127.0.0.1", 0, &bound, NULL);

	(void)state;
	assert_true(l >= 0);
	assert_int_equal(listen_at("127.0.0.1", pg_addr_port(&bound), &other,
	    &e), -1);
	assert_int_equal(e.code, PG_E_CONFLICT);
	snprintf(port, sizeof(port), "port %u", (unsigned)pg_addr_port(&bound));
	assert_non_null(strstr(e.msg, port));
	assert_non_null(strstr(e.msg, "127.0.0.1"));
	close(l);
	/* Not ours: 192.0.2.0/24 is for documentation (RFC 5737). */
	memset(&e, 0, sizeof(e));
	assert_int_equal(listen_at("192.0.2.1", 0, &other, &e), -1);
	assert_int_equal(e.code, PG_E_SYS);
	assert_int_equal(e.sys, EADDRNOTAVAIL);
}

/* The wildcard of IPv6 leaves the IPv4 port alone. */
static void
test_v6only(void **state)
{
	struct pg_addr bound, b4;
	int l6, l4;

	(void)state;
	l6 = listen_at("::1", 0, &bound, NULL);
	if (l6 < 0)
		skip(); /* a machine without IPv6 */
	l4 = listen_at("127.0.0.1", pg_addr_port(&bound), &b4, NULL);
	close(l6);
	if (l4 < 0)
		skip(); /* the port is someone else's */
	l6 = listen_at("::", pg_addr_port(&bound), &bound, NULL);
	assert_true(l6 >= 0);
	close(l6);
	close(l4);
}

static void
test_refused(void **state)
{
	struct pg_addr bound;
	struct pg_err e = { .code = PG_E_OK };
	bool pending = false;
	int l, fd;

	(void)state;
	/* A port nobody listens at: just given back. */
	l = listen_at("127.0.0.1", 0, &bound, NULL);
	close(l);
	fd = pg_sock_connect(&bound, &pending, &e);
	if (fd < 0) {
		assert_int_equal(e.code, PG_E_UNREACHABLE);
		assert_non_null(strstr(e.msg, "refused"));
		return;
	}
	assert_true(pending);
	wait_for(fd, POLLOUT);
	assert_int_equal(pg_sock_error(fd), ECONNREFUSED);
	close(fd);
}

static void
test_connect_fails(void **state)
{
	struct pg_addr a = { .len = 0 };
	struct pg_err e = { .code = PG_E_OK };
	bool pending;

	(void)state;
	assert_int_equal(pg_sock_connect(&a, &pending, &e), -1);
	assert_int_equal(e.code, PG_E_UNREACHABLE);
	assert_int_equal(pg_sock_error(-1), EBADF);
}

/* ---- Descriptors along with bytes ---- */

static void
send_text(int fd, const char *text, int pass)
{
	struct iovec iov[2];

	/* In two pieces. */
	iov[0] = (struct iovec){ (void *)(uintptr_t)text, 1 };
	iov[1] = (struct iovec){ (void *)(uintptr_t)(text + 1),
		strlen(text) - 1 };
	assert_int_equal(pg_sock_send_fd(fd, iov, 2, pass), strlen(text));
}

static void
test_pass_fd(void **state)
{
	int fds[2], ends[2], got;
	char buf[16];

	(void)state;
	assert_int_equal(pg_sock_pair(fds, NULL), 0);
	check_flags(fds[0], true);
	check_flags(fds[1], true);
	assert_int_equal(pipe(ends), 0);
	send_text(fds[0], "none", -1);
	assert_int_equal(pg_sock_recv_fd(fds[1], buf, sizeof(buf), &got), 4);
	assert_int_equal(got, -1);
	send_text(fds[1], "one", ends[1]);
	close(ends[1]);
	/* It comes with the first byte. */
	assert_int_equal(pg_sock_recv_fd(fds[0], buf, 1, &got), 1);
	assert_true(got >= 0);
	check_flags(got, false);
	assert_int_equal(write(got, "!", 1), 1);
	assert_int_equal(read(ends[0], buf, 1), 1);
	close(got);
	assert_int_equal(pg_sock_recv_fd(fds[0], buf, sizeof(buf), &got), 2);
	assert_int_equal(got, -1);
	assert_int_equal(pg_sock_recv_fd(fds[0], buf, sizeof(buf), &got), -1);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(got, -1);
	close(ends[0]);
	close(fds[1]);
	/* The end of the other side is an error, not a signal. */
	assert_int_equal(pg_sock_send_fd(fds[0], &(struct iovec){ buf, 1 }, 1,
	    -1), -1);
	assert_int_equal(errno, EPIPE);
	assert_int_equal(pg_sock_recv_fd(fds[0], buf, 1, &got), 0);
	close(fds[0]);
}

/* The lowest free descriptor: rises with each that leaks. */
static int
lowest(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

/* A hostile peer sends many at once. */
static void
test_pass_too_many(void **state)
{
	enum { MANY = 5 };
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(MANY * sizeof(int))];
	} control = { .room = { 0 } };
	char c = 'x';
	struct iovec iov = { &c, 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = sizeof(control.room) };
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);
	int fds[2], pass[MANY] = { 0 }, got, before;

	(void)state;
	assert_int_equal(pg_sock_pair(fds, NULL), 0);
	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(sizeof(pass));
	memcpy(CMSG_DATA(h), pass, sizeof(pass));
	assert_int_equal(sendmsg(fds[1], &m, 0), 1);
	before = lowest();
	assert_int_equal(pg_sock_recv_fd(fds[0], &c, 1, &got), 1);
	assert_int_equal(got, before);
	close(got);
	assert_int_equal(lowest(), before);
	close(fds[0]);
	close(fds[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_addresses_are_equal_or_not),
		cmocka_unit_test(test_loopback),
		cmocka_unit_test(test_tcp),
		cmocka_unit_test(test_port_taken),
		cmocka_unit_test(test_v6only),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_connect_fails),
		cmocka_unit_test(test_pass_fd),
		cmocka_unit_test(test_pass_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
