/* udp: datagrams to and from multicast groups, interface by interface, no
 * further than the link.
 */
#ifndef PG_UDP_H
#define PG_UDP_H

#include "iface.h"

/* Where a datagram came from. */
struct pg_udp_from {
	struct pg_addr addr;
	unsigned index; /* of the interface; 0: not told */
	bool multicast; /* sent to a group, not to this machine */
	bool whole;     /* it fitted */
};

/* A socket at the port of the group, at all addresses of the machine and with
 * others who share it (SO_REUSEADDR); non-blocking, close-on-exec. It hears
 * only groups that it has joined itself, and what it sends has TTL 1. */
PG_FN int pg_udp_open(const struct pg_addr *group, struct pg_err *e);
/* On the interface of that index. 0, also if it is a member already, or -1
 * with errno. */
PG_FN int pg_udp_join(int fd, const struct pg_addr *group, unsigned index);
/* Whatever has become of that interface. */
PG_FN void pg_udp_leave(int fd, const struct pg_addr *group, unsigned index);
/* To the group, on the interface of `via` and from its address, which is of
 * the group's family. 0, or -1 with errno. */
PG_FN int pg_udp_send(int fd, const struct pg_addr *group,
    const struct pg_iface *via, struct pg_str bytes);
/* The next datagram: its bytes, of which n are kept. -1 with errno. */
PG_FN ssize_t pg_udp_recv(int fd, void *buf, size_t n,
    struct pg_udp_from *from);

#endif
