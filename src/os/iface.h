/* iface: the network interfaces of this machine and their addresses.
 */
#ifndef PG_IFACE_H
#define PG_IFACE_H

#include "sock.h"

#include <net/if.h>

#define PG_IFACE_MAX 256 /* addresses; further ones are left out */

/* One address of an interface that is up. */
struct pg_iface {
	char name[IF_NAMESIZE];
	unsigned index;
	struct pg_addr addr; /* port 0 */
	unsigned prefix;     /* length, bits */
	bool loopback, multicast, point_to_point;
};

/* The addresses of all interfaces that are up, IPv4 and IPv6, in the kernel's
 * order. The number of them, or -1 with e. */
PG_FN int pg_iface_list(struct pg_iface out[PG_IFACE_MAX], struct pg_err *e);
/* The address from which this machine speaks to others: that of the default
 * route, IPv4 first; without one, the first that is not loopback or
 * link-local. -1: it has none. Sends nothing. */
PG_FN int pg_iface_outward(struct pg_addr *out);

#endif
