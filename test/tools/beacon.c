/* beacon: datagrams to and from a group or an address.
 *
 *	beacon send [-i IFACE] [-n TIMES] [-w MS] [-p PORT] ADDR <datagram
 *	beacon listen [-i IFACE] [-n COUNT] [-t SECONDS] [-p PORT] ADDR
 *
 * send: the input as it is, TIMES (1) with a pause between. listen: prints
 * what comes to ADDR, each on a line, until COUNT (1) have come; exit code 3
 * if they have not after SECONDS (5). ADDR is IPv4 or IPv6, a multicast
 * group or not; the port is that of beacons. For tests of what hosts believe.
 */
#include <sys/socket.h>

#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BEACON_MAX 65536

struct beacon {
	const char *iface, *port;
	long times, pause, seconds;
	struct sockaddr_storage addr;
	socklen_t addr_len;
	int fd;
	bool group;
};

static void
beacon_die(const char *what)
{
	perror(what);
	exit(1);
}

static long
beacon_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static unsigned
beacon_index(const struct beacon *b)
{
	unsigned index = b->iface != NULL ? if_nametoindex(b->iface) : 0;

	if (b->iface != NULL && index == 0)
		beacon_die(b->iface);
	return index;
}

static void
beacon_resolve(struct beacon *b, const char *text)
{
	struct addrinfo hints = { .ai_socktype = SOCK_DGRAM,
		.ai_flags = AI_NUMERICHOST }, *list;
	struct sockaddr_in *in = (struct sockaddr_in *)&b->addr;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&b->addr;

	if (getaddrinfo(text, b->port, &hints, &list) != 0) {
		fprintf(stderr, "beacon: %s is no address\n", text);
		exit(2);
	}
	memcpy(&b->addr, list->ai_addr, list->ai_addrlen);
	b->addr_len = list->ai_addrlen;
	freeaddrinfo(list);
	b->group = b->addr.ss_family == AF_INET ?
	    IN_MULTICAST(ntohl(in->sin_addr.s_addr)) :
	    IN6_IS_ADDR_MULTICAST(&in6->sin6_addr);
	if (b->addr.ss_family == AF_INET6)
		in6->sin6_scope_id = beacon_index(b);
	b->fd = socket(b->addr.ss_family, SOCK_DGRAM, 0);
	if (b->fd < 0)
		beacon_die("beacon: socket");
}

/* ---- Sending ---- */

static void
beacon_way_out(const struct beacon *b)
{
	struct ip_mreqn way = { .imr_ifindex = (int)beacon_index(b) };
	int index = way.imr_ifindex;

	if (index == 0 || !b->group)
		return;
	if ((b->addr.ss_family == AF_INET ? setsockopt(b->fd, IPPROTO_IP,
	    IP_MULTICAST_IF, &way, sizeof(way)) : setsockopt(b->fd,
	    IPPROTO_IPV6, IPV6_MULTICAST_IF, &index, sizeof(index))) < 0)
		beacon_die("beacon: interface");
}

static int
beacon_send(struct beacon *b)
{
	static char data[BEACON_MAX];
	size_t n = fread(data, 1, sizeof(data), stdin);

	beacon_way_out(b);
	for (; b->times > 0; b->times--) {
		if (sendto(b->fd, data, n, 0, (struct sockaddr *)&b->addr,
		    b->addr_len) < 0)
			beacon_die("beacon: sendto");
		if (b->times > 1)
			poll(NULL, 0, (int)b->pause);
	}
	return 0;
}

/* ---- Listening ---- */

static void
beacon_join(const struct beacon *b)
{
	struct group_req req = { .gr_interface = beacon_index(b) };
	int level = b->addr.ss_family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6;

	memcpy(&req.gr_group, &b->addr, b->addr_len);
	if (b->group && setsockopt(b->fd, level, MCAST_JOIN_GROUP, &req,
	    sizeof(req)) < 0)
		beacon_die("beacon: group");
}

static void
beacon_print(const struct beacon *b)
{
	static char data[BEACON_MAX];
	ssize_t n = recv(b->fd, data, sizeof(data), 0);

	if (n < 0)
		beacon_die("beacon: recv");
	fwrite(data, 1, (size_t)n, stdout);
	putchar('\n');
	fflush(stdout);
}

static int
beacon_listen(struct beacon *b)
{
	long end = beacon_now() + b->seconds * 1000, left;
	struct pollfd p = { .fd = b->fd, .events = POLLIN };
	int on = 1;

	/* As others on this machine listen on the same port. */
	setsockopt(b->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(b->fd, (struct sockaddr *)&b->addr, b->addr_len) < 0)
		beacon_die("beacon: bind");
	beacon_join(b);
	while (b->times > 0 && (left = end - beacon_now()) > 0)
		if (poll(&p, 1, (int)left) > 0) {
			beacon_print(b);
			b->times--;
		}
	return b->times > 0 ? 3 : 0;
}

static int
beacon_usage(void)
{
	fputs("usage: beacon send [-i IFACE] [-n TIMES] [-w MS] [-p PORT] "
	    "ADDR <datagram\n       beacon listen [-i IFACE] [-n COUNT] "
	    "[-t SECONDS] [-p PORT] ADDR\n", stderr);
	return 2;
}

int
main(int argc, char **argv)
{
	struct beacon b = { .port = "48765", .times = 1, .pause = 100,
		.seconds = 5 };
	int c;

	if (argc < 3)
		return beacon_usage();
	optind = 2;
	while ((c = getopt(argc, argv, "i:n:w:t:p:")) != -1) {
		switch (c) {
		case 'i': b.iface = optarg; break;
		case 'n': b.times = strtol(optarg, NULL, 10); break;
		case 'w': b.pause = strtol(optarg, NULL, 10); break;
		case 't': b.seconds = strtol(optarg, NULL, 10); break;
		case 'p': b.port = optarg; break;
		default: return beacon_usage();
		}
	}
	if (argc - optind != 1)
		return beacon_usage();
	beacon_resolve(&b, argv[optind]);
	if (strcmp(argv[1], "send") == 0)
		return beacon_send(&b);
	if (strcmp(argv[1], "listen") == 0)
		return beacon_listen(&b);
	return beacon_usage();
}
