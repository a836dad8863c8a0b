/* sock: TCP and socketpairs, non-blocking and close-on-exec, and file
 * descriptors passed along with bytes.
 */
#ifndef PG_SOCK_H
#define PG_SOCK_H

#include "../base/err.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>

struct pg_addr {
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} u;
	socklen_t len; /* 0: none */
};

/* A numeric IPv4 or IPv6 address (no brackets). -1: no such literal. */
PG_FN int pg_addr_parse(struct pg_str host, uint16_t port,
    struct pg_addr *out);
/* "127.0.0.1" or "::1"; text at most PG_ADDR_TEXT with the NUL. */
#define PG_ADDR_TEXT 64
PG_FN void pg_addr_text(const struct pg_addr *a, char out[PG_ADDR_TEXT]);
PG_FN uint16_t pg_addr_port(const struct pg_addr *a);
/* The same address and port. */
PG_FN bool pg_addr_eq(const struct pg_addr *a, const struct pg_addr *b);
/* 127/8, ::1 and IPv4-mapped loopback. */
PG_FN bool pg_addr_is_loopback(const struct pg_addr *a);

/* Listening socket; *bound receives the address with the real port. Port in
 * use: PG_E_CONFLICT, message naming address and port. */
PG_FN int pg_sock_listen(const struct pg_addr *a, struct pg_addr *bound,
    struct pg_err *e);
/* accept4: non-blocking, TCP_NODELAY. -1 with errno. */
PG_FN int pg_sock_accept(int fd, struct pg_addr *peer);
/* Begin to connect. Returns the fd; *pending when the result comes with
 * EPOLLOUT (then pg_sock_error). -1 with PG_E_UNREACHABLE. */
PG_FN int pg_sock_connect(const struct pg_addr *a, bool *pending,
    struct pg_err *e);
/* SO_ERROR. */
PG_FN int pg_sock_error(int fd);
/* AF_UNIX stream pair, both ends close-on-exec and non-blocking. */
PG_FN int pg_sock_pair(int fds[2], struct pg_err *e);

/* sendmsg with at most one descriptor (-1: none), MSG_NOSIGNAL. Bytes sent,
 * or -1 with errno. The descriptor travels with the first byte. */
PG_FN ssize_t pg_sock_send_fd(int fd, const struct iovec *iov, int niov,
    int pass);
/* recvmsg; *passed is a received descriptor (close-on-exec) or -1; further
 * ones are closed. */
PG_FN ssize_t pg_sock_recv_fd(int fd, void *buf, size_t n, int *passed);

#endif
