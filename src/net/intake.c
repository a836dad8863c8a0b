/* intake: bytes from a socket into a slot.
 *
 * A body goes one of four ways. A small one stays in the buffer. One for a
 * sink is read straight into the memory that the sink gives, and if it comes
 * in chunks, their framing is squeezed out there. A large one with a length
 * goes through a pipe to its memfd, and no byte of it passes through here.
 * All others are read into one large buffer, which is empty again before the
 * next connection has its turn.
 */
#include "intake.h"

#include <fcntl.h>
#include <unistd.h>

/* Pieces in which larger bodies are read. */
#define INTAKE_BIG (256 * 1024)
/* And large ones, at most: what a pipe may hold without privileges. */
#define INTAKE_PIPE (1024 * 1024)

/* What a read of the socket means. */
static enum pg_intake_got
intake_got(ssize_t n)
{
	if (n == 0)
		return PG_INTAKE_EOF;
	if (n > 0 || errno == EAGAIN || errno == EWOULDBLOCK ||
	    errno == EINTR)
		return PG_INTAKE_SOME;
	return PG_INTAKE_LOST;
}

static enum pg_intake_got
intake_recv(int fd, void *to, size_t room, size_t *n)
{
	ssize_t got;

	assert(room > 0);
	got = recv(fd, to, room, 0);
	*n = (size_t)PG_MAX(got, 0);
	return intake_got(got);
}

static char *
intake_big(struct pg_intake *k)
{
	if (k->big == NULL)
		k->big = pg_realloc(NULL, INTAKE_BIG);
	return k->big;
}

/* Whether there is a pipe. */
static bool
intake_open_pipe(struct pg_intake *k)
{
	if (k->piped)
		return true;
	k->piped = pipe2(k->pipe, O_CLOEXEC | O_NONBLOCK) == 0;
	/* If this is refused, it is a smaller one. */
	if (k->piped)
		(void)fcntl(k->pipe[0], F_SETPIPE_SZ, INTAKE_PIPE);
	return k->piped;
}

static void
intake_close_pipe(struct pg_intake *k)
{
	if (!k->piped)
		return;
	close(k->pipe[0]);
	close(k->pipe[1]);
	k->piped = false;
}

PG_FN void
pg_intake_fini(struct pg_intake *k)
{
	intake_close_pipe(k);
	free(k->big);
	k->big = NULL;
}

PG_FN enum pg_intake_got
pg_intake_small(struct pg_slot *w, int fd)
{
	enum pg_intake_got got;
	size_t n;

	got = intake_recv(fd, w->in->heap + w->n, PG_SLOT_IN - w->n, &n);
	w->n += n;
	return got;
}

PG_FN enum pg_intake_got
pg_intake_waste(struct pg_intake *k, int fd, size_t *n)
{
	return intake_recv(fd, intake_big(k), INTAKE_BIG, n);
}

/* How much may be read at a time, so that what follows the body fits into
 * the buffer. */
static size_t
intake_most(const struct pg_slot *w, size_t room)
{
	uint64_t want = PG_SLOT_IN - w->n;

	if (w->body.kind == PG_BODY_LENGTH || w->body.state == PG_CHUNK_DATA)
		want += PG_MIN(w->body.left, (uint64_t)room);
	return (size_t)PG_MIN(want, (uint64_t)room);
}

/* Have the kernel bring a large body from the socket to its memfd: twice as
 * fast as reading and writing it here. */
static enum pg_intake_got
intake_pipe(struct pg_intake *k, struct pg_slot *w, int fd, struct pg_err *e)
{
	size_t want = PG_MIN(pg_slot_wants_pipe(w), (size_t)INTAKE_PIPE);
	ssize_t n = splice(fd, NULL, k->pipe[1], NULL, want,
	    SPLICE_F_NONBLOCK);

	if (n > 0 && pg_slot_take_pipe(w, k->pipe[0], (size_t)n, e) < 0) {
		/* With what is left in it. */
		intake_close_pipe(k);
		return PG_INTAKE_BAD;
	}
	return intake_got(n);
}

static enum pg_intake_got
intake_spool(struct pg_intake *k, struct pg_slot *w, int fd, struct pg_err *e)
{
	struct pg_str more = { intake_big(k), 0 };
	enum pg_intake_got got;

	got = intake_recv(fd, k->big, intake_most(w, INTAKE_BIG), &more.n);
	if (pg_slot_take_body(w, more, true, e) < 0)
		return PG_INTAKE_BAD;
	return got;
}

/* ---- Sinks ---- */

/* Ask for room: SOME, then there is some; or BAD, or PAUSED. */
static enum pg_intake_got
intake_room(struct pg_slot *w, char **room, size_t *n, struct pg_err *e)
{
	*n = 0;
	*room = w->x.sink->room(&w->x, n, e);
	if (*room == NULL && e->code != PG_E_OK)
		return PG_INTAKE_BAD;
	return *room != NULL && *n > 0 ? PG_INTAKE_SOME : PG_INTAKE_PAUSED;
}

/* Let the sink have what is at the front of *in; see pg_slot_take_into. */
static int
intake_fill(struct pg_slot *w, struct pg_str *in, char *room, size_t n,
    struct pg_err *e)
{
	ssize_t filled = pg_slot_take_into(w, in, room, n, e);

	if (filled > 0)
		w->x.sink->filled(&w->x, (size_t)filled);
	return filled < 0 ? -1 : 0;
}

PG_FN enum pg_intake_got
pg_intake_buffered(struct pg_slot *w, struct pg_err *e)
{
	enum pg_intake_got got = PG_INTAKE_SOME;
	struct pg_str in;
	char *room;
	size_t n;

	while (got == PG_INTAKE_SOME && w->at < w->n &&
	    !pg_http1_body_done(&w->body)) {
		got = intake_room(w, &room, &n, e);
		if (got != PG_INTAKE_SOME)
			break;
		in = pg_slot_input(w);
		if (intake_fill(w, &in, room, n, e) < 0)
			got = PG_INTAKE_BAD;
		pg_slot_used(w, w->n - w->at - in.n);
	}
	return got;
}

static enum pg_intake_got
intake_sink(struct pg_slot *w, int fd, struct pg_err *e)
{
	struct pg_str in;
	enum pg_intake_got got;
	char *room;
	size_t n;

	got = intake_room(w, &room, &n, e);
	if (got != PG_INTAKE_SOME)
		return got;
	in.p = room;
	got = intake_recv(fd, room, intake_most(w, n), &in.n);
	if (intake_fill(w, &in, room, n, e) < 0)
		return PG_INTAKE_BAD;
	pg_slot_put_back(w, in);
	return got;
}

PG_FN enum pg_intake_got
pg_intake_body(struct pg_intake *k, struct pg_slot *w, int fd,
    struct pg_err *e)
{
	if (w->x.sink != NULL)
		return intake_sink(w, fd, e);
	if (pg_slot_in_place(w))
		return pg_intake_small(w, fd);
	if (pg_slot_wants_pipe(w) > 0 && intake_open_pipe(k))
		return intake_pipe(k, w, fd, e);
	return intake_spool(k, w, fd, e);
}

#undef INTAKE_BIG
#undef INTAKE_PIPE
