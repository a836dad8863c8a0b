/* iface: the network interfaces of this machine and their addresses.
 *
 * Asked anew each time: links come and go, and addresses with them.
 */
#include "iface.h"

#include <ifaddrs.h>
#include <unistd.h>

/* Addresses that no net has (reserved by RFC 1112 section 4, and in a block of
 * 2000::/3 that is not given out): the way to them is the way to the rest of
 * the world. Nothing is sent there. */
#define IFACE_AFAR "240.0.0.1"
#define IFACE_AFAR6 "2000::1"
#define IFACE_AFAR_PORT 9 /* discard */

/* ---- the list --------------------------------------------------------- */

/* The bits of a mask; whatever follows the first that is not set is 0. */
static unsigned
iface_bits(const unsigned char *mask, size_t n)
{
	unsigned bits = 0;

	while (bits < 8 * n && (mask[bits / 8] & (0x80 >> bits % 8)) != 0)
		bits++;
	return bits;
}

static unsigned
iface_prefix(const struct sockaddr *mask, int family)
{
	const struct sockaddr_in *in = (const void *)mask;
	const struct sockaddr_in6 *in6 = (const void *)mask;

	if (mask == NULL)
		return family == AF_INET ? 32 : 128;
	if (family == AF_INET)
		return iface_bits((const void *)&in->sin_addr, 4);
	return iface_bits(in6->sin6_addr.s6_addr, 16);
}

/* false: of no use, an address of another kind or an interface that is down
 * or went away while we looked. */
static bool
iface_read(const struct ifaddrs *ia, struct pg_iface *out)
{
	const struct sockaddr *sa = ia->ifa_addr;
	struct pg_iface f = { .index = if_nametoindex(ia->ifa_name) };

	if (sa == NULL || (ia->ifa_flags & IFF_UP) == 0 || f.index == 0)
		return false;
	if (sa->sa_family != AF_INET && sa->sa_family != AF_INET6)
		return false;
	f.addr.len = sa->sa_family == AF_INET ? sizeof(f.addr.u.in) :
	    sizeof(f.addr.u.in6);
	memcpy(&f.addr.u, sa, f.addr.len);
	f.prefix = iface_prefix(ia->ifa_netmask, sa->sa_family);
	/* An alias ("eth0:1") is called by a longer name at times. */
	snprintf(f.name, sizeof(f.name), "%s", ia->ifa_name);
	f.loopback = (ia->ifa_flags & IFF_LOOPBACK) != 0;
	f.multicast = (ia->ifa_flags & IFF_MULTICAST) != 0;
	f.point_to_point = (ia->ifa_flags & IFF_POINTOPOINT) != 0;
	*out = f;
	return true;
}

PG_FN int
pg_iface_list(struct pg_iface out[PG_IFACE_MAX], struct pg_err *e)
{
	struct ifaddrs *list, *ia;
	int n = 0;

	if (getifaddrs(&list) < 0)
		return pg_fail_sys(e, "list of network interfaces");
	for (ia = list; ia != NULL && n < PG_IFACE_MAX; ia = ia->ifa_next)
		n += iface_read(ia, &out[n]);
	freeifaddrs(list);
	return n;
}

/* ---- the way out ------------------------------------------------------ */

/* Of use to others who are not on the same link. */
static bool
iface_is_global(const struct pg_addr *a)
{
	const struct in6_addr *six = &a->u.in6.sin6_addr;
	uint32_t four;

	if (a->len == 0 || pg_addr_is_loopback(a))
		return false;
	if (a->u.sa.sa_family == AF_INET6)
		return !IN6_IS_ADDR_UNSPECIFIED(six) &&
		    !IN6_IS_ADDR_LINKLOCAL(six);
	four = ntohl(a->u.in.sin_addr.s_addr);
	return four >> 16 != 0xa9fe && four >> 24 != 0; /* 169.254/16, 0/8 */
}

/* To connect a UDP socket is to ask the kernel for a route. */
static int
iface_source(struct pg_str afar, struct pg_addr *out)
{
	struct pg_addr to, own = { .len = sizeof(own.u) };
	int fd, rc = -1;

	if (pg_addr_parse(afar, IFACE_AFAR_PORT, &to) < 0)
		return -1;
	fd = socket(to.u.sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (connect(fd, &to.u.sa, to.len) == 0 &&
	    getsockname(fd, &own.u.sa, &own.len) == 0 &&
	    iface_is_global(&own))
		rc = 0;
	close(fd);
	if (rc < 0)
		return -1;
	if (own.u.sa.sa_family == AF_INET)
		own.u.in.sin_port = 0;
	else
		own.u.in6.sin6_port = 0;
	*out = own;
	return 0;
}

/* The first address of the family that others can use. */
static int
iface_first(const struct pg_iface *list, int n, int family,
    struct pg_addr *out)
{
	int i;

	for (i = 0; i < n; i++)
		if (list[i].addr.u.sa.sa_family == family &&
		    !list[i].loopback && iface_is_global(&list[i].addr)) {
			*out = list[i].addr;
			return 0;
		}
	return -1;
}

PG_FN int
pg_iface_outward(struct pg_addr *out)
{
	struct pg_iface list[PG_IFACE_MAX];
	int n;

	if (iface_source(PG_STR(IFACE_AFAR), out) == 0 ||
	    iface_source(PG_STR(IFACE_AFAR6), out) == 0)
		return 0;
	n = pg_iface_list(list, NULL);
	if (n <= 0)
		return -1;
	if (iface_first(list, n, AF_INET, out) == 0)
		return 0;
	return iface_first(list, n, AF_INET6, out);
}

#undef IFACE_AFAR
#undef IFACE_AFAR6
#undef IFACE_AFAR_PORT
