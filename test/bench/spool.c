/* spool: the least it takes to receive a body, hash it and keep it in a file:
 * one thread receives and writes, one more hashes, and a ring of buffers is
 * between them. One connection at a time; nothing of HTTP but where the head
 * ends and how long the body is.
 */
#include "bench.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "codec/sha256.h"

#define PIECE (256 * 1024)
#define RING 4

struct ring {
	pthread_mutex_t lock;
	pthread_cond_t moved;
	size_t n[RING]; /* bytes in each; 0: this was the last */
	unsigned filled, hashed;
	char piece[RING][PIECE];
};

static void *
hash_main(void *arg)
{
	uint8_t hash[PG_SHA256_SIZE];
	struct pg_sha256 sha;
	struct ring *r = arg;
	size_t n = 1;

	pg_sha256_init(&sha);
	while (n > 0) {
		pthread_mutex_lock(&r->lock);
		while (r->hashed == r->filled)
			pthread_cond_wait(&r->moved, &r->lock);
		n = r->n[r->hashed % RING];
		pthread_mutex_unlock(&r->lock);
		pg_sha256_add(&sha, r->piece[r->hashed % RING], n);
		pthread_mutex_lock(&r->lock);
		r->hashed++;
		pthread_cond_signal(&r->moved);
		pthread_mutex_unlock(&r->lock);
	}
	pg_sha256_end(&sha, hash);
	return NULL;
}

/* The next one to be filled, once it is hashed. */
static char *
ring_next(struct ring *r)
{
	pthread_mutex_lock(&r->lock);
	while (r->filled - r->hashed == RING)
		pthread_cond_wait(&r->moved, &r->lock);
	pthread_mutex_unlock(&r->lock);
	return r->piece[r->filled % RING];
}

static void
ring_filled(struct ring *r, size_t n)
{
	pthread_mutex_lock(&r->lock);
	r->n[r->filled % RING] = n;
	r->filled++;
	pthread_cond_signal(&r->moved);
	pthread_mutex_unlock(&r->lock);
}

/* The length that a head tells of; it is read byte by byte, so that the body
 * begins at a page. */
static uint64_t
take_head(int sock)
{
	char head[1024], *field;
	size_t n = 0;

	do {
		if (n == sizeof(head) - 1 || recv(sock, head + n, 1, 0) != 1)
			die("spool: no head");
		head[++n] = '\0';
	} while (n < 4 || memcmp(head + n - 4, "\r\n\r\n", 4) != 0);
	field = strcasestr(head, "\ncontent-length:");
	if (field == NULL)
		die("spool: no length");
	return strtoull(field + strlen("\ncontent-length:"), NULL, 10);
}

static void
take_body(int sock, int file, struct ring *r, uint64_t left)
{
	char *piece;
	ssize_t n;

	while (left > 0) {
		piece = ring_next(r);
		n = recv(sock, piece, left < PIECE ? (size_t)left : PIECE,
		    MSG_WAITALL);
		if (n <= 0)
			die("spool: cut short");
		left -= (uint64_t)n;
		ring_filled(r, (size_t)n);
		write_all(file, piece, (size_t)n);
	}
	ring_next(r);
	ring_filled(r, 0);
}

static void
take(int sock, const char *path)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 35"
	    "\r\n\r\n{\"artifact\": {\"artifact_id\": \"no\"}}";
	static struct ring r;
	int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	pthread_t hasher;

	if (file < 0)
		die_sys(path);
	r.filled = r.hashed = 0;
	pthread_mutex_init(&r.lock, NULL);
	pthread_cond_init(&r.moved, NULL);
	if (pthread_create(&hasher, NULL, hash_main, &r) != 0)
		die("spool: no thread");
	take_body(sock, file, &r, take_head(sock));
	pthread_join(hasher, NULL);
	if (fdatasync(file) < 0)
		die_sys("spool: fdatasync");
	write_all(sock, answer, sizeof(answer) - 1);
	unlink(path);
	close(file);
	close(sock);
}

pid_t
spool_start(const char *folder, uint16_t *port)
{
	int listener = listen_any(port);
	char path[PATH_MAX];
	pid_t pid = fork();

	if (pid < 0)
		die_sys("spool: fork");
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		snprintf(path, sizeof(path), "%s/spool", folder);
		for (;;)
			take(accept(listener, NULL, NULL), path);
	}
	close(listener);
	return pid;
}
