/* test_udp: shows that a datagram to a group reaches all who joined it on that
 * interface and share the port, and what is told of where it came from; that
 * who has not joined or has left hears nothing; that one for this machine is
 * told from one for a group, and a long one from a whole one.
 *
 * On lo, at a port of its own and a group that nobody else has.
 */
/* parts: base/err os/sock os/iface os/udp */
#include "os/udp.h"

#include <poll.h>
#include <setjmp.h>
#include <unistd.h>

#include <cmocka.h>

static struct pg_addr group;
static struct pg_iface lo;
static int a = -1, b = -1;

/* A port that is free now, by being somebody's for a moment. */
static uint16_t
free_port(void)
{
	struct pg_addr any;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	uint16_t port;

	assert_int_equal(pg_addr_parse(PG_STR("0.0.0.0"), 0, &any), 0);
	assert_int_equal(bind(fd, &any.u.sa, any.len), 0);
	assert_int_equal(getsockname(fd, &any.u.sa, &any.len), 0);
	port = pg_addr_port(&any);
	close(fd);
	return port;
}

static int
open_group(void)
{
	struct pg_err e = { 0 };
	int fd = pg_udp_open(&group, &e);

	if (fd < 0)
		fail_msg("%s", e.msg);
	return fd;
}

static int
setup(void **state)
{
	(void)state;
	assert_int_equal(pg_addr_parse(PG_STR("239.42.74.54"), free_port(),
	    &group), 0);
	lo = (struct pg_iface){ .name = "lo", .index = if_nametoindex("lo"),
		.loopback = true };
	assert_int_equal(pg_addr_parse(PG_STR("127.0.0.1"), 0, &lo.addr), 0);
	a = open_group();
	b = open_group();
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	close(a);
	close(b);
	return 0;
}

static ssize_t
receive(int fd, char *buf, size_t n, struct pg_udp_from *from)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	assert_int_equal(poll(&p, 1, 10000), 1);
	return pg_udp_recv(fd, buf, n, from);
}

static void
assert_silent(int fd)
{
	struct pg_udp_from from;
	char buf[8];

	assert_int_equal(pg_udp_recv(fd, buf, sizeof(buf), &from), -1);
	assert_int_equal(errno, EAGAIN);
}

static void
reaches_all_members(void **state)
{
	struct pg_udp_from from;
	char buf[8], text[PG_ADDR_TEXT];

	(void)state;
	assert_int_equal(pg_udp_join(a, &group, lo.index), 0);
	assert_int_equal(pg_udp_join(a, &group, lo.index), 0);
	assert_int_equal(pg_udp_join(b, &group, lo.index), 0);
	assert_int_equal(pg_udp_send(a, &group, &lo, PG_STR("hello")), 0);
	assert_int_equal(receive(a, buf, sizeof(buf), &from), 5);
	assert_int_equal(receive(b, buf, sizeof(buf), &from), 5);
	assert_memory_equal(buf, "hello", 5);
	pg_addr_text(&from.addr, text);
	assert_string_equal(text, "127.0.0.1");
	assert_int_equal(pg_addr_port(&from.addr), pg_addr_port(&group));
	assert_int_equal(from.index, lo.index);
	assert_true(from.multicast);
	assert_true(from.whole);
}

static void
reaches_no_others(void **state)
{
	struct pg_udp_from from;
	char buf[8];

	(void)state;
	assert_int_equal(pg_udp_join(a, &group, lo.index), 0);
	assert_int_equal(pg_udp_send(b, &group, &lo, PG_STR("x")), 0);
	assert_int_equal(receive(a, buf, sizeof(buf), &from), 1);
	assert_silent(b);
	pg_udp_leave(a, &group, lo.index);
	pg_udp_leave(a, &group, lo.index);
	assert_int_equal(pg_udp_join(b, &group, lo.index), 0);
	assert_int_equal(pg_udp_send(b, &group, &lo, PG_STR("y")), 0);
	assert_int_equal(receive(b, buf, sizeof(buf), &from), 1);
	assert_silent(a);
}

static void
tells_what_it_was(void **state)
{
	struct pg_addr here = lo.addr;
	struct pg_udp_from from;
	char buf[4];
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	(void)state;
	close(b);
	b = -1;
	assert_int_equal(pg_udp_join(a, &group, lo.index), 0);
	assert_int_equal(pg_udp_send(a, &group, &lo, PG_STR("1234")), 0);
	assert_int_equal(receive(a, buf, sizeof(buf), &from), 4);
	assert_true(from.whole);
	assert_int_equal(pg_udp_send(a, &group, &lo, PG_STR("12345")), 0);
	assert_int_equal(receive(a, buf, sizeof(buf), &from), 4);
	assert_false(from.whole);
	here.u.in.sin_port = group.u.in.sin_port;
	assert_int_equal(sendto(fd, "z", 1, 0, &here.u.sa, here.len), 1);
	assert_int_equal(receive(a, buf, sizeof(buf), &from), 1);
	assert_false(from.multicast);
	close(fd);
}

static void
tells_what_cannot_be(void **state)
{
	struct pg_iface nowhere = lo;
	struct pg_err e = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct pg_addr other = group;

	(void)state;
	nowhere.index = 999999;
	assert_int_equal(pg_udp_join(a, &group, nowhere.index), -1);
	assert_int_equal(errno, ENODEV);
	pg_udp_leave(a, &group, nowhere.index);
	assert_int_equal(pg_udp_send(a, &group, &nowhere, PG_STR("x")), -1);
	/* Somebody has the port and does not share it. */
	other.u.in.sin_port = htons(free_port());
	nowhere.addr.u.in.sin_port = other.u.in.sin_port;
	assert_int_equal(bind(fd, &nowhere.addr.u.sa, nowhere.addr.len), 0);
	assert_int_equal(pg_udp_open(&other, &e), -1);
	assert_int_equal(e.sys, EADDRINUSE);
	close(fd);
}

/* Only where the machine has IPv6, and an address of the link with it. */
static void
speaks_ipv6(void **state)
{
	struct pg_iface list[PG_IFACE_MAX], *via = NULL;
	int i, fd, n = pg_iface_list(list, NULL);
	struct pg_udp_from from;
	struct pg_addr six;
	char buf[8];

	(void)state;
	for (i = 0; i < n; i++)
		if (list[i].multicast && IN6_IS_ADDR_LINKLOCAL(
		    &list[i].addr.u.in6.sin6_addr) &&
		    list[i].addr.u.sa.sa_family == AF_INET6)
			via = &list[i];
	if (via == NULL)
		skip();
	assert_int_equal(pg_addr_parse(PG_STR("ff11::ef2a:4a36"),
	    pg_addr_port(&group), &six), 0);
	fd = pg_udp_open(&six, NULL);
	assert_true(fd >= 0);
	/* The address may not be ready yet, or a filter forbid it. */
	if (pg_udp_join(fd, &six, via->index) == 0 &&
	    pg_udp_send(fd, &six, via, PG_STR("six")) == 0 &&
	    poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1,
	    2000) == 1) {
		assert_int_equal(pg_udp_recv(fd, buf, sizeof(buf), &from), 3);
		assert_true(from.multicast);
		assert_int_equal(from.index, via->index);
		assert_memory_equal(&from.addr.u.in6.sin6_addr,
		    &via->addr.u.in6.sin6_addr, 16);
	}
	close(fd);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(reaches_all_members),
		T(reaches_no_others),
		T(tells_what_it_was),
		T(tells_what_cannot_be),
		T(speaks_ipv6),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
