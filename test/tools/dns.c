/* dns: a name server that knows one name.
 *
 *	dns ADDR PORT NAME FILE
 *
 * Answers A and AAAA questions for NAME with the addresses of FILE, one a
 * line, which it reads for each question: so a test changes them. Other
 * names do not exist. For hosts that find their peers by DNS. Runs until it
 * is killed.
 */
#include <sys/socket.h>

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define DNS_PACKET_MAX 512 /* RFC 1035 2.3.4, over UDP */
#define DNS_HEAD 12
#define DNS_TYPE_A 1
#define DNS_TYPE_AAAA 28
#define DNS_RECORD_MAX 28 /* bytes of an answer, its name a pointer */
#define DNS_TTL 1

/* A question, and the answer that grows behind it. */
struct dns {
	unsigned char p[DNS_PACKET_MAX];
	size_t n, end; /* received; end of the question */
	char name[256];
	unsigned type, answers;
};

static int
dns_open(const char *host, const char *port)
{
	struct addrinfo hints = { .ai_socktype = SOCK_DGRAM,
		.ai_flags = AI_NUMERICHOST }, *list;
	int fd;

	if (getaddrinfo(host, port, &hints, &list) != 0) {
		fprintf(stderr, "dns: %s port %s: no address\n", host, port);
		exit(1);
	}
	fd = socket(list->ai_family, SOCK_DGRAM, 0);
	if (fd < 0 || bind(fd, list->ai_addr, list->ai_addrlen) < 0) {
		perror("dns: bind");
		exit(1);
	}
	freeaddrinfo(list);
	return fd;
}

/* Read the one question (RFC 1035 4.1.2); -1 if it is none that we know. */
static int
dns_question(struct dns *d)
{
	size_t at = DNS_HEAD, out = 0, label;

	if (d->n < DNS_HEAD || d->p[4] != 0 || d->p[5] != 1)
		return -1;
	while (at < d->n && (label = d->p[at]) > 0) {
		if (label > 63 || at + 1 + label >= d->n ||
		    out + label + 1 >= sizeof(d->name))
			return -1;
		memcpy(d->name + out, d->p + at + 1, label);
		out += label;
		d->name[out++] = '.';
		at += 1 + label;
	}
	if (out == 0 || at + 5 > d->n)
		return -1;
	d->name[out - 1] = '\0';
	d->type = (unsigned)d->p[at + 1] << 8 | d->p[at + 2];
	d->end = at + 5;
	return 0;
}

/* One address as a record (RFC 1035 4.1.3), if it is of the type asked. */
static void
dns_answer(struct dns *d, const char *text)
{
	unsigned char addr[16], *out = d->p + d->n;
	unsigned len = d->type == DNS_TYPE_A ? 4 : 16;

	if (d->n + DNS_RECORD_MAX > sizeof(d->p) ||
	    inet_pton(len == 4 ? AF_INET : AF_INET6, text, addr) != 1)
		return;
	memcpy(out, (unsigned char[]){ 0xc0, DNS_HEAD, 0,
	    (unsigned char)d->type, 0, 1, 0, 0, 0, DNS_TTL, 0,
	    (unsigned char)len }, 12);
	memcpy(out + 12, addr, len);
	d->n += 12 + len;
	d->answers++;
}

static void
dns_answers(struct dns *d, const char *file)
{
	FILE *f = fopen(file, "r");
	char line[128];

	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		dns_answer(d, line);
	}
	if (f != NULL)
		fclose(f);
}

/* Turn the question into its answer. */
static void
dns_turn(struct dns *d, const char *name, const char *file)
{
	int known = strcasecmp(d->name, name) == 0;

	d->n = d->end;
	d->answers = 0;
	if (known && (d->type == DNS_TYPE_A || d->type == DNS_TYPE_AAAA))
		dns_answers(d, file);
	d->p[2] = 0x84 | (d->p[2] & 1); /* an answer, authoritative */
	d->p[3] = known ? 0x80 : 0x83;  /* no error, or no such name */
	memset(d->p + 6, 0, 6);
	d->p[7] = (unsigned char)d->answers;
}

int
main(int argc, char **argv)
{
	struct sockaddr_storage from;
	socklen_t len = sizeof(from);
	static struct dns d;
	ssize_t n;
	int fd;

	if (argc != 5) {
		fputs("usage: dns ADDR PORT NAME FILE\n", stderr);
		return 2;
	}
	fd = dns_open(argv[1], argv[2]);
	while ((n = recvfrom(fd, d.p, sizeof(d.p), 0,
	    (struct sockaddr *)&from, &len)) >= 0) {
		d.n = (size_t)n;
		if (dns_question(&d) == 0) {
			dns_turn(&d, argv[3], argv[4]);
			sendto(fd, d.p, d.n, 0, (struct sockaddr *)&from,
			    len);
		}
		len = sizeof(from);
	}
	perror("dns: recvfrom");
	return 1;
}
