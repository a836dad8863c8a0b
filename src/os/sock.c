/* sock: TCP and socketpairs, and descriptors passed along with bytes.
 *
 * Knows the socket calls and nothing of what is said over them. Whatever it
 * makes is close-on-exec; whatever the loop uses is non-blocking.
 */
#include "sock.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <unistd.h>

/* Connections that wait for accept; the kernel lowers it to somaxconn. */
#define SOCK_BACKLOG 4096

/* ---- Addresses ---- */

PG_FN int
pg_addr_parse(struct pg_str host, uint16_t port, struct pg_addr *out)
{
	char text[PG_ADDR_TEXT];
	struct pg_addr a = { .len = 0 };

	if (host.n == 0 || host.n >= sizeof(text) ||
	    memchr(host.p, '\0', host.n) != NULL)
		return -1;
	memcpy(text, host.p, host.n);
	text[host.n] = '\0';
	if (inet_pton(AF_INET, text, &a.u.in.sin_addr) == 1) {
		a.u.in.sin_family = AF_INET;
		a.u.in.sin_port = htons(port);
		a.len = sizeof(a.u.in);
	} else if (inet_pton(AF_INET6, text, &a.u.in6.sin6_addr) == 1) {
		a.u.in6.sin6_family = AF_INET6;
		a.u.in6.sin6_port = htons(port);
		a.len = sizeof(a.u.in6);
	} else {
		return -1;
	}
	*out = a;
	return 0;
}

PG_FN void
pg_addr_text(const struct pg_addr *a, char out[PG_ADDR_TEXT])
{
	const void *bytes = &a->u.in.sin_addr;

	out[0] = '\0';
	if (a->len == 0)
		return;
	if (a->u.sa.sa_family == AF_INET6)
		bytes = &a->u.in6.sin6_addr;
	/* Any other family leaves the text empty. */
	inet_ntop(a->u.sa.sa_family, bytes, out, PG_ADDR_TEXT);
}

PG_FN uint16_t
pg_addr_port(const struct pg_addr *a)
{
	if (a->len == 0)
		return 0;
	if (a->u.sa.sa_family == AF_INET6)
		return ntohs(a->u.in6.sin6_port);
	return a->u.sa.sa_family == AF_INET ? ntohs(a->u.in.sin_port) : 0;
}

PG_FN bool
pg_addr_eq(const struct pg_addr *a, const struct pg_addr *b)
{
	if (a->len == 0 || b->len == 0)
		return a->len == b->len;
	if (a->u.sa.sa_family != b->u.sa.sa_family ||
	    pg_addr_port(a) != pg_addr_port(b))
		return false;
	if (a->u.sa.sa_family == AF_INET)
		return a->u.in.sin_addr.s_addr == b->u.in.sin_addr.s_addr;
	return IN6_ARE_ADDR_EQUAL(&a->u.in6.sin6_addr,
	    &b->u.in6.sin6_addr) &&
	    a->u.in6.sin6_scope_id == b->u.in6.sin6_scope_id;
}

PG_FN bool
pg_addr_is_loopback(const struct pg_addr *a)
{
	const struct in6_addr *six = &a->u.in6.sin6_addr;

	if (a->len == 0)
		return false;
	if (a->u.sa.sa_family == AF_INET)
		return ntohl(a->u.in.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	if (a->u.sa.sa_family != AF_INET6)
		return false;
	if (IN6_IS_ADDR_V4MAPPED(six))
		return six->s6_addr[12] == IN_LOOPBACKNET;
	return IN6_IS_ADDR_LOOPBACK(six);
}

/* ---- TCP ---- */

/* We write whole messages; waiting for more to send with them only delays. */
static void
sock_no_delay(int fd)
{
	const int on = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

static int
sock_tcp(const struct pg_addr *a)
{
	int fd = socket(a->u.sa.sa_family,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);

	if (fd >= 0)
		sock_no_delay(fd);
	return fd;
}

/* Listen at the address alone: "::" does not take the IPv4 port as well,
 * which may be another's. */
static int
sock_bind_listen(int fd, const struct pg_addr *a)
{
	const int on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (a->u.sa.sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, &a->u.sa, a->len) < 0)
		return -1;
	return listen(fd, SOCK_BACKLOG);
}

static void
sock_fail_listen(const struct pg_addr *a, struct pg_err *e)
{
	char text[PG_ADDR_TEXT];
	unsigned port = pg_addr_port(a);
	int why = errno;

	pg_addr_text(a, text);
	errno = why;
	if (why == EADDRINUSE)
		pg_fail(e, PG_E_CONFLICT, "listen at %s port %u: another "
		    "program has this port", text, port);
	else
		pg_fail_sys(e, "listen at %s port %u", text, port);
}

PG_FN int
pg_sock_listen(const struct pg_addr *a, struct pg_addr *bound,
    struct pg_err *e)
{
	struct pg_addr real = { .len = sizeof(real.u) };
	int fd;

	fd = sock_tcp(a);
	if (fd < 0)
		goto fail;
	if (sock_bind_listen(fd, a) < 0)
		goto fail;
	if (getsockname(fd, &real.u.sa, &real.len) < 0)
		goto fail;
	*bound = real;
	return fd;
fail:
	sock_fail_listen(a, e);
	if (fd >= 0)
		close(fd);
	return -1;
}

/* TCP_NODELAY is inherited from the listening socket. */
PG_FN int
pg_sock_accept(int fd, struct pg_addr *peer)
{
	struct pg_addr a = { .len = sizeof(a.u) };
	int conn = accept4(fd, &a.u.sa, &a.len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (conn >= 0)
		*peer = a;
	return conn;
}

PG_FN int
pg_sock_connect(const struct pg_addr *a, bool *pending, struct pg_err *e)
{
	char text[PG_ADDR_TEXT];
	int why, fd = sock_tcp(a);

	if (fd >= 0 && connect(fd, &a->u.sa, a->len) == 0) {
		*pending = false;
		return fd;
	}
	/* Interrupted, it goes on as if it had been in progress (connect(2)). */
	if (fd >= 0 && (errno == EINPROGRESS || errno == EINTR)) {
		*pending = true;
		return fd;
	}
	why = errno;
	if (fd >= 0)
		close(fd);
	pg_addr_text(a, text);
	return pg_fail(e, PG_E_UNREACHABLE, "connect to %s port %u: %s", text,
	    (unsigned)pg_addr_port(a), strerror(why));
}

PG_FN int
pg_sock_error(int fd)
{
	int why = 0;
	socklen_t n = sizeof(why);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &why, &n) < 0)
		return errno;
	return why;
}

/* ---- Within the machine ---- */

PG_FN int
pg_sock_pair(int fds[2], struct pg_err *e)
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
	    fds) < 0)
		return pg_fail_sys(e, "socketpair");
	return 0;
}

/* Room for the control message of one descriptor, aligned as cmsg(3) asks. */
union sock_control {
	struct cmsghdr align;
	char room[CMSG_SPACE(sizeof(int))];
};

PG_FN ssize_t
pg_sock_send_fd(int fd, const struct iovec *iov, int niov, int pass)
{
	union sock_control control = { .room = { 0 } };
	struct msghdr m = { .msg_iov = (struct iovec *)iov };
	struct cmsghdr *c;
	ssize_t n;

	m.msg_iovlen = (__typeof__(m.msg_iovlen))niov;
	if (pass >= 0) {
		m.msg_control = control.room;
		m.msg_controllen = sizeof(control.room);
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(pass));
		memcpy(CMSG_DATA(c), &pass, sizeof(pass));
	}
	do
		n = sendmsg(fd, &m, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n;
}

/* The first descriptor that came along. Alignment may leave room for a second
 * one, which a hostile peer can fill: it must not stay open. */
static int
sock_take_fd(struct msghdr *m)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(m);
	size_t at, n;
	int fd, first = -1;

	if (c == NULL || c->cmsg_level != SOL_SOCKET ||
	    c->cmsg_type != SCM_RIGHTS)
		return -1;
	n = (size_t)c->cmsg_len - CMSG_LEN(0);
	for (at = 0; at + sizeof(fd) <= n; at += sizeof(fd)) {
		memcpy(&fd, CMSG_DATA(c) + at, sizeof(fd));
		if (first < 0)
			first = fd;
		else
			close(fd);
	}
	return first;
}

PG_FN ssize_t
pg_sock_recv_fd(int fd, void *buf, size_t n, int *passed)
{
	union sock_control control;
	struct iovec iov = { .iov_base = buf, .iov_len = n };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t got;

	*passed = -1;
	do {
		m.msg_control = control.room;
		m.msg_controllen = sizeof(control.room);
		got = recvmsg(fd, &m, MSG_CMSG_CLOEXEC);
	} while (got < 0 && errno == EINTR);
	if (got >= 0)
		*passed = sock_take_fd(&m);
	return got;
}

#undef SOCK_BACKLOG
