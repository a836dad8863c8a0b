/* peer: the other end of a connection under test: it speaks plain bytes, and
 * turns the loop while it waits.
 */
#ifndef PEER_H
#define PEER_H

#include "base/buf.h"
#include "os/sock.h"
#include "patience.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

struct peer {
	struct pg_loop *loop;
	int fd; /* -1: none */
	bool eof;
	int error; /* of reading */
	bool deaf; /* reads nothing */
	struct pg_buf got;
};

static inline void
peer_close(struct peer *p)
{
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
	p->eof = p->deaf = false;
	p->error = 0;
	pg_buf_reset(&p->got);
}

static inline void
peer_reset(struct peer *p)
{
	struct linger now = { .l_onoff = 1 };

	setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	peer_close(p);
}

static inline void
peer_open(struct peer *p, const struct pg_addr *a)
{
	peer_close(p);
	p->fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(p->fd, &a->u.sa, a->len), 0);
	fcntl(p->fd, F_SETFL, O_NONBLOCK);
}

/* Read at most so much of what is there. */
static inline void
peer_read(struct peer *p, size_t most)
{
	char *to = pg_buf_room(&p->got, most);
	ssize_t n = recv(p->fd, to, most, MSG_DONTWAIT);

	if (n > 0)
		p->got.n += (size_t)n;
	p->eof |= n == 0;
	if (n < 0 && errno != EAGAIN)
		p->error = errno;
}

static inline void
peer_turn(struct peer *p)
{
	clock_turn(p->loop);
	if (p->fd >= 0 && !p->deaf)
		peer_read(p, 1 << 20);
}

static inline void
peer_turns(struct peer *p, int n)
{
	while (n-- > 0)
		peer_turn(p);
}

static inline void
peer_put(struct peer *p, const char *s, size_t n)
{
	int64_t end = pg_now() + PATIENCE;
	ssize_t k;

	while (n > 0) {
		k = send(p->fd, s, n, MSG_NOSIGNAL);
		if (k > 0) {
			s += k;
			n -= (size_t)k;
		} else {
			assert_true(k < 0 && errno == EAGAIN);
			peer_turn(p);
		}
		assert_true(pg_now() < end);
	}
}

static inline void
peer_say(struct peer *p, const char *text)
{
	peer_put(p, text, strlen(text));
}

static inline int
peer_count(const struct peer *p, const char *text)
{
	struct pg_str s = pg_buf_str(&p->got);
	size_t n = strlen(text);
	const char *at;
	int count = 0;

	while (s.n >= n && (at = memmem(s.p, s.n, text, n)) != NULL) {
		count++;
		s = pg_str_skip(s, (size_t)(at - s.p) + n);
	}
	return count;
}

/* Turn until the text has come. */
static inline void
peer_await(struct peer *p, const char *text)
{
	int64_t end = pg_now() + PATIENCE;

	while (peer_count(p, text) == 0) {
		if (p->eof || p->error != 0 || pg_now() > end)
			fail_msg("no \"%s\" (eof %d, error %d) in: %.*s",
			    text, p->eof, p->error,
			    (int)PG_MIN(p->got.n, (size_t)2000), p->got.p);
		peer_turn(p);
	}
}

/* Turn until the other side has closed in good order. */
static inline void
peer_await_close(struct peer *p)
{
	int64_t end = pg_now() + PATIENCE;

	while (!p->eof && p->error == 0 && pg_now() < end)
		peer_turn(p);
	assert_int_equal(p->error, 0);
	assert_true(p->eof);
}

/* Descriptors of this process. */
static inline int
open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

/* Byte k of all that is sent in these tests. */
static inline char
pattern(uint64_t k)
{
	return (char)(k * 31 + k / 251);
}

/* A file, that has no name, of n such bytes. */
static inline int
pattern_file(size_t n)
{
	char path[] = "/tmp/paglets_test.XXXXXX", piece[4096];
	int fd = mkstemp(path);
	size_t at, i;

	assert_true(fd >= 0);
	unlink(path);
	for (at = 0; at < n; at += i) {
		for (i = 0; i < sizeof(piece) && at + i < n; i++)
			piece[i] = pattern(at + i);
		assert_int_equal(write(fd, piece, i), i);
	}
	return fd;
}

static inline void
assert_pattern(struct pg_str s, uint64_t from)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (s.p[i] != pattern(from + i))
			fail_msg("byte %zu of %zu is wrong", i, s.n);
}

#endif
