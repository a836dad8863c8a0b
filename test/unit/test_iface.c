/* test_iface: shows which addresses of which interfaces are listed, and which
 * of them is the one that this machine speaks to others from. The interfaces
 * and routes are pretended ones.
 */
/* parts: base/err os/sock os/iface */
/* wrap: getifaddrs freeifaddrs if_nametoindex connect getsockname */
#include "os/iface.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <setjmp.h>

#include <cmocka.h>

int __wrap_getifaddrs(struct ifaddrs **out);
void __wrap_freeifaddrs(struct ifaddrs *list);
unsigned __wrap_if_nametoindex(const char *name);
int __wrap_connect(int fd, const struct sockaddr *to, socklen_t n);
int __wrap_getsockname(int fd, struct sockaddr *own, socklen_t *n);

#define PLAIN (IFF_UP | IFF_MULTICAST)
#define LOOP (IFF_UP | IFF_LOOPBACK)

/* What the kernel has. */
static struct ifaddrs entries[PG_IFACE_MAX + 1];
static struct pg_addr addrs[PG_IFACE_MAX + 1], masks[PG_IFACE_MAX + 1];
static size_t nentries;
static bool broken;
static int lists; /* not freed */
/* The source of the default routes, or "" for no route. */
static const char *source, *source6;
static int asked; /* the family asked for last */

int
__wrap_getifaddrs(struct ifaddrs **out)
{
	if (broken) {
		errno = EMFILE;
		return -1;
	}
	lists++;
	*out = nentries > 0 ? &entries[0] : NULL;
	return 0;
}

void
__wrap_freeifaddrs(struct ifaddrs *list)
{
	(void)list;
	lists--;
}

/* "ethN" has index N + 2, "gone" none. */
unsigned
__wrap_if_nametoindex(const char *name)
{
	if (strcmp(name, "gone") == 0)
		return 0;
	return strcmp(name, "lo") == 0 ? 1 : (unsigned)(name[3] - '0') + 2;
}

int
__wrap_connect(int fd, const struct sockaddr *to, socklen_t n)
{
	(void)fd;
	assert_true(n >= sizeof(struct sockaddr_in));
	asked = to->sa_family;
	errno = ENETUNREACH;
	return *(asked == AF_INET ? source : source6) != '\0' ? 0 : -1;
}

int
__wrap_getsockname(int fd, struct sockaddr *own, socklen_t *n)
{
	struct pg_addr a;

	(void)fd;
	assert_int_equal(pg_addr_parse(pg_str(asked == AF_INET ? source :
	    source6), 4711, &a), 0);
	assert_true(*n >= a.len);
	memcpy(own, &a.u, a.len);
	*n = a.len;
	return 0;
}

static int
setup(void **state)
{
	(void)state;
	nentries = 0;
	broken = false;
	lists = 0;
	source = source6 = "";
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	return lists;
}

static struct ifaddrs *
add(char *name, const char *addr, const char *mask, unsigned flags)
{
	struct ifaddrs *ia = &entries[nentries];

	*ia = (struct ifaddrs){ .ifa_name = name, .ifa_flags = flags };
	if (pg_addr_parse(pg_str(addr), 0, &addrs[nentries]) == 0)
		ia->ifa_addr = &addrs[nentries].u.sa;
	if (pg_addr_parse(pg_str(mask), 0, &masks[nentries]) == 0)
		ia->ifa_netmask = &masks[nentries].u.sa;
	if (nentries > 0)
		entries[nentries - 1].ifa_next = ia;
	nentries++;
	return ia;
}

static void
assert_addr(const struct pg_addr *a, const char *expected)
{
	char text[PG_ADDR_TEXT];

	pg_addr_text(a, text);
	assert_string_equal(text, expected);
	assert_int_equal(pg_addr_port(a), 0);
}

/* ---- the list --------------------------------------------------------- */

static void
lists_addresses(void **state)
{
	struct pg_iface f[PG_IFACE_MAX];

	(void)state;
	add("lo", "127.0.0.1", "255.0.0.0", LOOP);
	add("eth0", "10.1.2.3", "255.255.240.0", PLAIN);
	add("eth0", "fe80::1", "ffff:ffff:ffff:ffff::", PLAIN);
	add("eth1", "10.9.0.1", "", IFF_UP | IFF_POINTOPOINT);
	add("eth1", "2001:db8::7", "", IFF_UP | IFF_POINTOPOINT);
	assert_int_equal(pg_iface_list(f, NULL), 5);
	assert_string_equal(f[0].name, "lo");
	assert_int_equal(f[0].index, 1);
	assert_int_equal(f[0].prefix, 8);
	assert_true(f[0].loopback);
	assert_false(f[0].multicast);
	assert_addr(&f[0].addr, "127.0.0.1");
	assert_string_equal(f[1].name, "eth0");
	assert_int_equal(f[1].index, 2);
	assert_int_equal(f[1].prefix, 20);
	assert_true(f[1].multicast);
	assert_false(f[1].loopback || f[1].point_to_point);
	assert_addr(&f[1].addr, "10.1.2.3");
	assert_int_equal(f[2].prefix, 64);
	assert_addr(&f[2].addr, "fe80::1");
	assert_int_equal(f[3].prefix, 32);
	assert_true(f[3].point_to_point);
	assert_int_equal(f[4].prefix, 128);
}

static void
leaves_out_what_is_of_no_use(void **state)
{
	static struct sockaddr packet = { .sa_family = AF_PACKET };
	struct pg_iface f[PG_IFACE_MAX];

	(void)state;
	assert_int_equal(pg_iface_list(f, NULL), 0);
	add("eth0", "10.1.2.3", "255.255.255.0", IFF_MULTICAST); /* down */
	add("eth1", "", "", PLAIN);                      /* no address */
	add("eth2", "", "", PLAIN)->ifa_addr = &packet;  /* of hardware */
	add("gone", "10.1.2.4", "255.255.255.0", PLAIN);
	add("eth3", "10.1.2.5", "255.255.255.0", PLAIN);
	assert_int_equal(pg_iface_list(f, NULL), 1);
	assert_string_equal(f[0].name, "eth3");
}

static void
lists_so_many(void **state)
{
	struct pg_iface f[PG_IFACE_MAX];

	(void)state;
	while (nentries < PG_IFACE_MAX - 1)
		add("eth0", "10.1.2.3", "255.255.255.0", PLAIN);
	assert_int_equal(pg_iface_list(f, NULL), PG_IFACE_MAX - 1);
	add("eth0", "10.1.2.3", "255.255.255.0", PLAIN);
	assert_int_equal(pg_iface_list(f, NULL), PG_IFACE_MAX);
	add("eth0", "10.1.2.3", "255.255.255.0", PLAIN);
	assert_int_equal(pg_iface_list(f, NULL), PG_IFACE_MAX);
}

static void
tells_why_there_is_no_list(void **state)
{
	struct pg_iface f[PG_IFACE_MAX];
	struct pg_err e = { 0 };

	(void)state;
	broken = true;
	assert_int_equal(pg_iface_list(f, &e), -1);
	assert_int_equal(e.code, PG_E_SYS);
	assert_int_equal(e.sys, EMFILE);
}

/* ---- the way out ------------------------------------------------------ */

static void
assert_outward(const char *expected)
{
	struct pg_addr a = { .len = 0 };

	assert_int_equal(pg_iface_outward(&a), *expected != '\0' ? 0 : -1);
	if (*expected != '\0')
		assert_addr(&a, expected);
	else
		assert_int_equal(a.len, 0);
}

static void
follows_the_default_route(void **state)
{
	(void)state;
	add("eth0", "10.1.2.3", "255.255.255.0", PLAIN);
	source6 = "2001:db8::7";
	assert_outward("2001:db8::7");
	source = "10.7.7.7";
	assert_outward("10.7.7.7");
	/* A route into the machine itself leads nowhere. */
	source = "127.0.0.1";
	source6 = "::1";
	assert_outward("10.1.2.3");
}

static void
takes_the_first_without_a_route(void **state)
{
	(void)state;
	assert_outward("");
	add("lo", "127.0.0.1", "255.0.0.0", LOOP);
	add("lo", "10.0.0.1", "255.255.255.255", LOOP);
	add("eth0", "fe80::1", "ffff:ffff:ffff:ffff::", PLAIN);
	add("eth0", "169.254.1.1", "255.255.0.0", PLAIN);
	assert_outward("");
	add("eth0", "fd00::1", "ffff:ffff:ffff:ffff::", PLAIN);
	assert_outward("fd00::1");
	add("eth1", "10.1.2.3", "255.255.255.0", PLAIN);
	add("eth1", "10.1.2.4", "255.255.255.0", PLAIN);
	assert_outward("10.1.2.3");
	broken = true;
	assert_outward("");
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(lists_addresses),
		T(leaves_out_what_is_of_no_use),
		T(lists_so_many),
		T(tells_why_there_is_no_list),
		T(follows_the_default_route),
		T(takes_the_first_without_a_route),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
