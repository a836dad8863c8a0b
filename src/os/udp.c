/* udp: see udp.h. The source address is always given: for lo the kernel would
 * take that of another interface, and who listens could not tell that it came
 * from this machine.
 */
#include "udp.h"

#include <unistd.h>

#ifndef IPV6_MULTICAST_ALL
#define IPV6_MULTICAST_ALL 29
#endif

/* Room for the one control message of either family, aligned. */
union udp_control {
	struct cmsghdr align;
	char room[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

static int
udp_set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value));
}

static int
udp_set_up(int fd, bool six)
{
	if (udp_set(fd, SOL_SOCKET, SO_REUSEADDR, 1) < 0)
		return -1;
	if (!six)
		return udp_set(fd, IPPROTO_IP, IP_PKTINFO, 1) < 0 ||
		    udp_set(fd, IPPROTO_IP, IP_MULTICAST_TTL, 1) < 0 ||
		    udp_set(fd, IPPROTO_IP, IP_MULTICAST_ALL, 0) < 0 ? -1 : 0;
	/* Older kernels (before 4.20) hear groups that others joined: more
	 * than we want, nothing worse. */
	udp_set(fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0);
	return udp_set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) < 0 ||
	    udp_set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) < 0 ||
	    udp_set(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 1) < 0 ? -1 : 0;
}

PG_FN int
pg_udp_open(const struct pg_addr *group, struct pg_err *e)
{
	struct pg_addr any = *group;
	bool six = group->u.sa.sa_family == AF_INET6;
	unsigned port = pg_addr_port(group);
	int fd = socket(group->u.sa.sa_family,
	    SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP);

	if (six)
		any.u.in6.sin6_addr = in6addr_any;
	else
		any.u.in.sin_addr.s_addr = htonl(INADDR_ANY);
	if (fd >= 0 && udp_set_up(fd, six) == 0 &&
	    bind(fd, &any.u.sa, any.len) == 0)
		return fd;
	pg_fail_sys(e, "UDP port %u", port);
	if (fd >= 0)
		close(fd);
	return -1;
}

/* ---- membership ------------------------------------------------------- */

static int
udp_member(int fd, const struct pg_addr *group, unsigned index, int option)
{
	int level = group->u.sa.sa_family == AF_INET6 ? IPPROTO_IPV6 :
	    IPPROTO_IP;
	struct group_req r = { .gr_interface = index };

	memcpy(&r.gr_group, &group->u, group->len);
	return setsockopt(fd, level, option, &r, sizeof(r));
}

PG_FN int
pg_udp_join(int fd, const struct pg_addr *group, unsigned index)
{
	if (udp_member(fd, group, index, MCAST_JOIN_GROUP) == 0 ||
	    errno == EADDRINUSE)
		return 0;
	return -1;
}

PG_FN void
pg_udp_leave(int fd, const struct pg_addr *group, unsigned index)
{
	udp_member(fd, group, index, MCAST_LEAVE_GROUP);
}

/* ---- datagrams -------------------------------------------------------- */

static void
udp_put_source(struct msghdr *m, const struct pg_iface *via)
{
	bool six = via->addr.u.sa.sa_family == AF_INET6;
	struct in6_pktinfo info6 = { .ipi6_ifindex = via->index };
	struct in_pktinfo info = { .ipi_ifindex = (int)via->index };
	size_t n = six ? sizeof(info6) : sizeof(info);
	struct cmsghdr *c;

	m->msg_controllen = (__typeof__(m->msg_controllen))CMSG_SPACE(n);
	c = CMSG_FIRSTHDR(m);
	c->cmsg_level = six ? IPPROTO_IPV6 : IPPROTO_IP;
	c->cmsg_type = six ? IPV6_PKTINFO : IP_PKTINFO;
	c->cmsg_len = (__typeof__(c->cmsg_len))CMSG_LEN(n);
	if (six) {
		info6.ipi6_addr = via->addr.u.in6.sin6_addr;
		memcpy(CMSG_DATA(c), &info6, n);
	} else {
		info.ipi_spec_dst = via->addr.u.in.sin_addr;
		memcpy(CMSG_DATA(c), &info, n);
	}
}

PG_FN int
pg_udp_send(int fd, const struct pg_addr *group, const struct pg_iface *via,
    struct pg_str bytes)
{
	struct pg_addr to = *group;
	union udp_control control = { .room = { 0 } };
	struct iovec iov = { (void *)(uintptr_t)bytes.p, bytes.n };
	struct msghdr m = { .msg_name = &to.u, .msg_namelen = to.len,
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.room };
	ssize_t n;

	if (to.u.sa.sa_family == AF_INET6)
		to.u.in6.sin6_scope_id = via->index;
	udp_put_source(&m, via);
	do
		n = sendmsg(fd, &m, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -1 : 0;
}

/* Which interface it came by, and whether it was for a group. */
static void
udp_take_target(struct msghdr *m, struct pg_udp_from *from)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(m);
	struct in6_pktinfo info6;
	struct in_pktinfo info;

	if (c == NULL)
		return;
	if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
		memcpy(&info, CMSG_DATA(c), sizeof(info));
		from->index = (unsigned)info.ipi_ifindex;
		from->multicast = IN_MULTICAST(ntohl(info.ipi_addr.s_addr));
	} else if (c->cmsg_level == IPPROTO_IPV6 &&
	    c->cmsg_type == IPV6_PKTINFO) {
		memcpy(&info6, CMSG_DATA(c), sizeof(info6));
		from->index = info6.ipi6_ifindex;
		from->multicast = IN6_IS_ADDR_MULTICAST(&info6.ipi6_addr);
	}
}

PG_FN ssize_t
pg_udp_recv(int fd, void *buf, size_t n, struct pg_udp_from *from)
{
	union udp_control control;
	struct iovec iov = { buf, n };
	struct msghdr m = { .msg_name = &from->addr.u,
		.msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t got;

	*from = (struct pg_udp_from){ .index = 0 };
	do {
		m.msg_namelen = sizeof(from->addr.u);
		m.msg_control = control.room;
		m.msg_controllen = sizeof(control.room);
		got = recvmsg(fd, &m, 0);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return -1;
	from->addr.len = m.msg_namelen;
	from->whole = (m.msg_flags & MSG_TRUNC) == 0;
	udp_take_target(&m, from);
	return got;
}
