/* frame: cutting a byte stream into frames and back, on either end.
 *
 * Knows the layout in frame.h and nothing of what heads and bodies mean. The
 * reader trusts nobody: a length is checked before a byte is made room for,
 * a memfd before it is mapped. The writer's descriptors are tied to the first
 * byte of their frame, so that whoever has read a frame has its descriptor.
 */
#include "frame.h"

#include "../os/sock.h"

#include <unistd.h>

#define FRAME_FILL_MIN 4096         /* asked for in one read, at least */
#define FRAME_KEEP_MAX (16 * 1024)  /* idle buffers above this are freed */
#define FRAME_SIZE_LEN 4            /* the length of the head */
#define FRAME_BULK_LEN 16           /* offset and length of a bulk body */

_Static_assert(PG_BULK_HEAP_MAX <= PG_FRAME_INLINE_MAX,
    "a copy of what is too long for a frame must be a memfd");

/* Empty b; memory that only a large frame needed goes back. */
static void
frame_rewind(struct pg_buf *b)
{
	if (b->cap > FRAME_KEEP_MAX)
		pg_buf_fini(b);
	else
		pg_buf_reset(b);
}

/* Bytes after the header of the frame at p. */
static uint32_t
frame_length(const char *p)
{
	uint32_t n;

	memcpy(&n, p, sizeof(n));
	return n;
}

/* Bytes still missing from the frame that has begun, if its length is known
 * and acceptable. */
static size_t
frame_missing(const struct pg_frame_reader *r)
{
	size_t have = r->buf.n - r->at;
	size_t whole;

	if (have < PG_FRAME_HEADER)
		return 0;
	whole = PG_FRAME_HEADER + (size_t)frame_length(r->buf.p + r->at);
	return whole <= PG_FRAME_HEADER + PG_FRAME_MAX && whole > have ?
	    whole - have : 0;
}

static int
frame_take_fd(struct pg_frame_reader *r, int fd)
{
	if (r->nfds == PG_FRAME_FDS_MAX) {
		close(fd);
		errno = EPROTO;
		return -1;
	}
	r->fds[r->nfds++] = fd;
	return 0;
}

PG_FN ssize_t
pg_frame_fill(struct pg_frame_reader *r, int sock)
{
	size_t want;
	ssize_t got;
	char *room;
	int fd;

	if (r->at == r->buf.n)
		frame_rewind(&r->buf);
	else if (r->at > 0)
		pg_buf_drop(&r->buf, r->at);
	r->at = 0;
	want = PG_MAX(frame_missing(r), (size_t)FRAME_FILL_MIN);
	room = pg_buf_room(&r->buf, want);
	if (room == NULL) {
		errno = ENOMEM;
		return -1;
	}
	do {
		got = pg_sock_recv_fd(sock, room, want, &fd);
	} while (got < 0 && errno == EINTR);
	if (got <= 0)
		return got;
	r->buf.n += (size_t)got;
	if (fd >= 0 && frame_take_fd(r, fd) < 0)
		return -1;
	return got;
}

/* The body of f lies in the memfd that came first; at says where in it. */
static int
frame_open_bulk(struct pg_frame_reader *r, struct pg_str at,
    struct pg_frame *f, struct pg_err *e)
{
	uint64_t off, len;
	int fd;

	if (at.n != FRAME_BULK_LEN)
		return pg_fail(e, PG_E_HOST, "frame: bad reference to a memfd");
	if (r->nfds == 0)
		return pg_fail(e, PG_E_HOST, "frame: a memfd is missing");
	fd = r->fds[0];
	r->nfds--;
	memmove(r->fds, r->fds + 1, r->nfds * sizeof(r->fds[0]));
	r->bulk = pg_bulk_open(fd, r->max_bulk > 0 ? r->max_bulk : SIZE_MAX,
	    e);
	if (r->bulk == NULL)
		return -1;
	memcpy(&off, at.p, sizeof(off));
	memcpy(&len, at.p + sizeof(off), sizeof(len));
	if (off > r->bulk->n || len > r->bulk->n - off)
		return pg_fail(e, PG_E_HOST, "frame: body beyond its memfd");
	f->bulk = r->bulk;
	f->body = (struct pg_str){ r->bulk->p + off, (size_t)len };
	return 0;
}

/* Take apart the payload of a frame whose header is in f. */
static int
frame_split(struct pg_frame_reader *r, struct pg_str payload, bool bulk,
    struct pg_frame *f, struct pg_err *e)
{
	uint32_t head = frame_length(payload.p);

	if (head > payload.n - FRAME_SIZE_LEN)
		return pg_fail(e, PG_E_HOST, "frame: head beyond its frame");
	f->head = (struct pg_str){ payload.p + FRAME_SIZE_LEN, head };
	f->body = pg_str_skip(payload, FRAME_SIZE_LEN + (size_t)head);
	f->bulk = NULL;
	return bulk ? frame_open_bulk(r, f->body, f, e) : 0;
}

PG_FN int
pg_frame_next(struct pg_frame_reader *r, struct pg_frame *f,
    struct pg_err *e)
{
	const char *p = r->buf.p != NULL ? r->buf.p + r->at : NULL;
	size_t have = r->buf.n - r->at;
	unsigned type;
	uint32_t n;
	bool bulk;

	pg_bulk_unref(r->bulk);
	r->bulk = NULL;
	if (have < PG_FRAME_HEADER)
		return 0;
	n = frame_length(p);
	bulk = ((unsigned char)p[4] & PG_FRAME_BULK) != 0;
	type = (unsigned char)p[4] & (PG_FRAME_BULK - 1u);
	if (n < FRAME_SIZE_LEN || n > PG_FRAME_MAX)
		return pg_fail(e, PG_E_HOST, "frame: bad length %" PRIu32, n);
	if (type < PG_FRAME_START || type >= PG_FRAME_TYPES)
		return pg_fail(e, PG_E_HOST, "frame: bad type %u", type);
	if (have - PG_FRAME_HEADER < n)
		return 0;
	f->type = (enum pg_frame_type)type;
	memcpy(&f->id, p + 5, sizeof(f->id));
	if (frame_split(r, (struct pg_str){ p + PG_FRAME_HEADER, n },
	    bulk, f, e) < 0)
		return -1;
	r->at += PG_FRAME_HEADER + (size_t)n;
	return 1;
}

/* Bytes of the frame at `at`, header included, as far as they are there if it
 * is none that is allowed; 0 if more must come. */
static size_t
frame_whole(const struct pg_frame_reader *r, size_t at)
{
	size_t have = r->buf.n - at;
	size_t n;

	if (have < PG_FRAME_HEADER)
		return 0;
	n = frame_length(r->buf.p + at);
	if (n > PG_FRAME_MAX)
		return have;
	return PG_FRAME_HEADER + n <= have ? PG_FRAME_HEADER + n : 0;
}

PG_FN int
pg_frame_ready(const struct pg_frame_reader *r)
{
	size_t n = frame_whole(r, r->at);

	if (n == 0)
		return 0;
	return r->at + n == r->buf.n ? 1 : 2;
}

PG_FN bool
pg_frame_has(const struct pg_frame_reader *r, enum pg_frame_type type)
{
	size_t at, n;

	for (at = r->at; (n = frame_whole(r, at)) > 0; at += n)
		if ((unsigned char)r->buf.p[at + 4] == (unsigned)type)
			return true;
	return false;
}

PG_FN void
pg_frame_keep(struct pg_frame_reader *r, struct pg_buf *kept)
{
	struct pg_str rest = pg_str_skip(pg_buf_str(&r->buf), r->at);

	*kept = r->buf;
	r->buf = PG_BUF_INIT(kept->max);
	r->at = 0;
	if (rest.n > 0)
		pg_buf_puts(&r->buf, rest);
}

PG_FN void
pg_frame_reader_fini(struct pg_frame_reader *r)
{
	while (r->nfds > 0)
		close(r->fds[--r->nfds]);
	pg_bulk_unref(r->bulk);
	pg_buf_fini(&r->buf);
	*r = (struct pg_frame_reader){ .max_bulk = r->max_bulk };
}

/* Append header, head and what stands for the body. */
static int
frame_append(struct pg_frame_out *o, unsigned type, uint32_t id,
    struct pg_str head, struct pg_str body, struct pg_err *e)
{
	size_t n = FRAME_SIZE_LEN + head.n + body.n;
	char *p;

	if (head.n > PG_FRAME_MAX - FRAME_SIZE_LEN - body.n)
		return pg_fail(e, PG_E_LIMIT, "frame: head of %zu bytes",
		    head.n);
	p = pg_buf_room(&o->buf, PG_FRAME_HEADER + n);
	if (p == NULL) {
		o->buf.failed = false; /* what is queued is still good */
		return pg_fail(e, PG_E_LIMIT, "frame: too much is waiting");
	}
	memcpy(p, &(uint32_t){ (uint32_t)n }, 4);
	p[4] = (char)type;
	memcpy(p + 5, &id, 4);
	memcpy(p + 9, &(uint32_t){ (uint32_t)head.n }, 4);
	if (head.n > 0)
		memcpy(p + 13, head.p, head.n);
	if (body.n > 0)
		memcpy(p + 13 + head.n, body.p, body.n);
	o->buf.n += PG_FRAME_HEADER + n;
	return 0;
}

/* Append a frame whose body is [off, off+len) of a memfd. */
static int
frame_append_bulk(struct pg_frame_out *o, unsigned type, uint32_t id,
    struct pg_str head, struct pg_bulk *bulk, uint64_t off, uint64_t len,
    struct pg_err *e)
{
	char where[FRAME_BULK_LEN];
	size_t at = o->buf.n;

	if (o->npass == PG_FRAME_FDS_MAX)
		return pg_fail(e, PG_E_LIMIT, "frame: %u memfds are waiting",
		    o->npass);
	memcpy(where, &off, sizeof(off));
	memcpy(where + sizeof(off), &len, sizeof(len));
	if (frame_append(o, type | PG_FRAME_BULK, id, head,
	    (struct pg_str){ where, sizeof(where) }, e) < 0)
		return -1;
	o->pass[o->npass].at = at;
	o->pass[o->npass++].bulk = pg_bulk_ref(bulk);
	return 0;
}

PG_FN int
pg_frame_put(struct pg_frame_out *o, enum pg_frame_type type, uint32_t id,
    struct pg_str head, struct pg_str text, struct pg_bulk *bulk, size_t off,
    size_t len, struct pg_err *e)
{
	struct pg_bulk *copy;
	int rc;

	if (bulk != NULL) {
		assert(off <= bulk->n && len <= bulk->n - off);
		text = (struct pg_str){ bulk->p + off, len };
	}
	if (text.n <= PG_FRAME_INLINE_MAX)
		return frame_append(o, type, id, head, text, e);
	if (bulk != NULL && bulk->fd >= 0)
		return frame_append_bulk(o, type, id, head, bulk, off, len,
		    e);
	copy = pg_bulk_copy(text, e);
	if (copy == NULL)
		return -1;
	rc = frame_append_bulk(o, type, id, head, copy, 0, text.n, e);
	pg_bulk_unref(copy);
	return rc;
}

/* Send once: up to the next descriptor, and with the present one. Bytes sent
 * or -1 with errno. */
static ssize_t
frame_send(struct pg_frame_out *o, int sock)
{
	bool pass = o->npass > 0 && o->pass[0].at == o->at;
	unsigned next = pass ? 1 : 0;
	size_t end = o->npass > next ? o->pass[next].at : o->buf.n;
	struct iovec iov = { o->buf.p + o->at, end - o->at };
	ssize_t n;

	n = pg_sock_send_fd(sock, &iov, 1, pass ? o->pass[0].bulk->fd : -1);
	if (n <= 0 || !pass)
		return n;
	pg_bulk_unref(o->pass[0].bulk);
	o->npass--;
	memmove(o->pass, o->pass + 1, o->npass * sizeof(o->pass[0]));
	return n;
}

PG_FN int
pg_frame_flush(struct pg_frame_out *o, int sock)
{
	ssize_t n;

	while (o->at < o->buf.n) {
		n = frame_send(o, sock);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN || errno == EWOULDBLOCK ? 0 :
			    -1;
		o->at += (size_t)n;
	}
	frame_rewind(&o->buf);
	o->at = 0;
	return 1;
}

PG_FN void
pg_frame_out_fini(struct pg_frame_out *o)
{
	while (o->npass > 0)
		pg_bulk_unref(o->pass[--o->npass].bulk);
	pg_buf_fini(&o->buf);
	*o = (struct pg_frame_out){ .at = 0 };
}

#undef FRAME_FILL_MIN
#undef FRAME_KEEP_MAX
#undef FRAME_SIZE_LEN
#undef FRAME_BULK_LEN
