/* carry: large bodies to a host and back, as a client that costs little: what
 * is sent comes from a file by sendfile, what arrives is read and forgotten.
 *
 * Each on a connection of its own, whose time counts.
 */
#include "bench.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "codec/sha256.h"

#define PIECE (256 * 1024)
#define SENDFILE_MAX (16 * 1024 * 1024)

/* ---- What is carried ---- */

/* Bytes that no file system stores as a hole: of xorshift. */
static void
scatter(uint64_t *words, size_t n)
{
	static uint64_t x = 0x139408dcbbf7a44;
	size_t i;

	for (i = 0; i < n; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		words[i] = x;
	}
}

static void
cargo_sha(struct cargo *c, struct pg_sha256 *sha)
{
	uint8_t hash[PG_SHA256_SIZE];
	size_t i;

	pg_sha256_end(sha, hash);
	for (i = 0; i < sizeof(hash); i++)
		snprintf(c->sha256 + 2 * i, 3, "%02x", hash[i]);
}

void
cargo_make(struct cargo *c, const char *folder)
{
	static uint64_t piece[PIECE / sizeof(uint64_t)];
	struct pg_sha256 sha;
	char path[PATH_MAX];
	uint64_t at;

	snprintf(path, sizeof(path), "%s/%s", folder, c->name);
	c->fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (c->fd < 0)
		die_sys(path);
	pg_sha256_init(&sha);
	for (at = 0; at < c->size; at += PIECE) {
		scatter(piece, sizeof(piece) / sizeof(*piece));
		write_all(c->fd, piece, PIECE);
		pg_sha256_add(&sha, piece, PIECE);
	}
	cargo_sha(c, &sha);
}

double
hash_rate(size_t piece, double ms)
{
	static uint8_t bytes[PIECE];
	uint8_t hash[PG_SHA256_SIZE];
	struct pg_sha256 sha;
	uint64_t n = 0;
	clock_t began = clock(), now = began;

	pg_sha256_init(&sha);
	for (; (double)(now - began) * 1e3 < ms * CLOCKS_PER_SEC;
	    now = clock(), n += piece)
		pg_sha256_add(&sha, bytes, piece);
	pg_sha256_end(&sha, hash);
	return (double)n * CLOCKS_PER_SEC / (double)(now - began) / 1e9;
}

/* ---- Ways ---- */

static void
send_cargo(int sock, const struct cargo *c)
{
	off_t at = 0;
	ssize_t n;

	while ((uint64_t)at < c->size) {
		n = sendfile(sock, c->fd, &at, c->size - (uint64_t)at <
		    SENDFILE_MAX ? c->size - (uint64_t)at : SENDFILE_MAX);
		if (n <= 0)
			die_sys("upload: sendfile");
	}
}

/* Until the other side has closed: the floor puts its file away before. */
static void
await_close(int sock)
{
	char byte;

	shutdown(sock, SHUT_WR);
	while (recv(sock, &byte, 1, 0) > 0)
		continue;
	close(sock);
}

double
carry_up(uint16_t port, const struct cargo *c, char id[static 33])
{
	static const char key[] = "\"artifact_id\": \"";
	double began = now_ms();
	struct host h = { .fd = connect_to(port) };
	const char *answer, *at;
	char head[512];
	int len = snprintf(head, sizeof(head), "POST /artifacts?size=%llu"
	    "&sha256=%s&name=cargo HTTP/1.1\r\nHost: 127.0.0.1\r\n"
	    "Content-Type: application/octet-stream\r\n"
	    "Content-Length: %llu\r\n\r\n", (unsigned long long)c->size,
	    c->sha256, (unsigned long long)c->size);

	write_all(h.fd, head, (size_t)len);
	send_cargo(h.fd, c);
	answer = host_receive(&h);
	began = now_ms() - began;
	at = strstr(answer, key);
	if (at == NULL)
		die("upload: answer without artifact_id");
	snprintf(id, 33, "%.32s", at + strlen(key));
	await_close(h.fd);
	return began;
}

/* Read the head of an answer; the bytes after it that came along. */
static size_t
receive_head(int sock, char *in, size_t room)
{
	char *end = NULL;
	size_t n = 0;
	ssize_t got;

	while (end == NULL) {
		got = recv(sock, in + n, room - 1 - n, 0);
		if (got <= 0)
			die("download: no answer");
		n += (size_t)got;
		in[n] = '\0';
		end = strstr(in, "\r\n\r\n");
	}
	if (strncmp(in + strlen("HTTP/1.1 "), "200", 3) != 0)
		die(in);
	return n - (size_t)(end + 4 - in);
}

double
carry_down(uint16_t port, const char *path, uint64_t size)
{
	static char piece[PIECE];
	double began = now_ms();
	int sock = connect_to(port);
	uint64_t have;
	ssize_t n;

	snprintf(piece, sizeof(piece), "GET %s HTTP/1.1\r\n"
	    "Host: 127.0.0.1\r\n\r\n", path);
	write_all(sock, piece, strlen(piece));
	have = receive_head(sock, piece, 4096);
	while (have < size) {
		n = recv(sock, piece, PIECE, 0);
		if (n <= 0)
			die("download: cut short");
		have += (uint64_t)n;
	}
	began = now_ms() - began;
	close(sock);
	return began;
}
