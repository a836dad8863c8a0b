/* filesend: a range of a file to a socket.
 *
 * sendfile reads what is not in the page cache, and the loop would stand
 * still for as long as the disk takes. So each stretch is probed before: if
 * it is not all there, a worker reads it, one stretch ahead of what is being
 * sent, and only when we have caught up with the worker do we wait. The probe
 * is a sample: a single page that has gone missing meanwhile is read at once,
 * which costs less than to look for it.
 *
 * The worker has a descriptor of its own, so that the owner may go at any
 * time. File systems that do not know how to refuse (RWF_NOWAIT) have their
 * files sent as they are.
 */
#include "filesend.h"
#include "../base/mem.h"

#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* Distance of the bytes probed: what the kernel brings in at once. */
#define FILESEND_PROBE (128 * 1024)
#define FILESEND_READ (64 * 1024) /* on the stack of a worker */
#ifndef RWF_NOWAIT
#define RWF_NOWAIT 0x00000008
#endif

/* Owner: the workers; after that, itself. */
struct filesend_job {
	struct pg_job job;
	struct pg_filesend *f; /* NULL: has gone */
	int fd;
	uint64_t at, end;
};

/* ---- On the workers ---- */

static void
filesend_run(struct pg_job *j)
{
	struct filesend_job *fj = PG_CONTAINER(j, struct filesend_job, job);
	char sink[FILESEND_READ];
	uint64_t at = fj->at;
	ssize_t n;

	for (; at < fj->end; at += (uint64_t)n) {
		n = pread(fj->fd, sink, (size_t)PG_MIN(fj->end - at,
		    (uint64_t)sizeof(sink)), (off_t)at);
		if (n <= 0)
			return;
	}
}

static void
filesend_drop(struct pg_job *j)
{
	struct filesend_job *fj = PG_CONTAINER(j, struct filesend_job, job);

	close(fj->fd);
	free(fj);
}

/* ---- On the loop thread ---- */

/* Failed or not: sendfile will find out. */
static void
filesend_done(struct pg_job *j)
{
	struct filesend_job *fj = PG_CONTAINER(j, struct filesend_job, job);
	struct pg_filesend *f = fj->f;

	if (f != NULL) {
		f->job = NULL;
		f->warm = fj->end;
	}
	filesend_drop(j);
	if (f != NULL && f->on_warm != NULL)
		f->on_warm(f);
}

/* Whether these n bytes can be had at once. */
static bool
filesend_is_warm(int fd, uint64_t at, uint64_t n)
{
	uint64_t end = at + n;
	char byte;
	struct iovec iov = { &byte, 1 };

	for (; at < end; at += FILESEND_PROBE)
		/* musl has it only of late. The offset is in two halves. */
		if (syscall(SYS_preadv2, fd, &iov, 1UL, (unsigned long)at,
		    (unsigned long)(at >> 32), RWF_NOWAIT) < 0 &&
		    errno == EAGAIN)
			return false;
	return true;
}

/* Let a worker read [warm, warm + n). */
static int
filesend_fetch(struct pg_filesend *f, uint64_t n)
{
	struct filesend_job *fj = pg_alloc(sizeof(*fj));

	fj->job = (struct pg_job){ .run = filesend_run, .done = filesend_done,
		.drop = filesend_drop };
	fj->f = f;
	fj->at = f->warm;
	fj->end = f->warm + n;
	fj->fd = fcntl(f->fd, F_DUPFD_CLOEXEC, 0);
	if (fj->fd >= 0 && pg_work_submit(f->work, &fj->job, NULL) == 0) {
		f->job = fj;
		return 0;
	}
	if (fj->fd >= 0)
		close(fj->fd);
	free(fj);
	return -1;
}

/* See to what comes next, unless enough is warm or on its way. */
static void
filesend_look_ahead(struct pg_filesend *f)
{
	uint64_t left = f->end - f->warm, n;

	if (left == 0 || f->job != NULL ||
	    f->warm - f->at >= PG_FILESEND_AHEAD)
		return;
	n = PG_MIN(left, (uint64_t)PG_FILESEND_BURST);
	if (f->work == NULL)
		n = left;
	else if (!filesend_is_warm(f->fd, f->warm, n) &&
	    filesend_fetch(f, PG_MIN(left, (uint64_t)PG_FILESEND_AHEAD)) == 0)
		return;
	f->warm += n;
}

PG_FN void
pg_filesend_init(struct pg_filesend *f, struct pg_work *work, int fd,
    uint64_t off, uint64_t n, void (*on_warm)(struct pg_filesend *f))
{
	*f = (struct pg_filesend){ .work = work, .on_warm = on_warm, .fd = fd,
		.at = off, .end = off + n, .warm = off };
}

PG_FN void
pg_filesend_fini(struct pg_filesend *f)
{
	if (f->job != NULL)
		f->job->f = NULL;
	*f = (struct pg_filesend){ .fd = -1 };
}

PG_FN enum pg_filesend_state
pg_filesend(struct pg_filesend *f, int sock, size_t *n)
{
	off_t off = (off_t)f->at;
	ssize_t sent;

	*n = 0;
	if (f->at == f->end)
		return PG_FILESEND_DONE;
	filesend_look_ahead(f);
	if (f->at == f->warm)
		return PG_FILESEND_WAIT;
	sent = sendfile(sock, f->fd, &off, (size_t)PG_MIN(f->warm - f->at,
	    (uint64_t)PG_FILESEND_BURST));
	if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK ||
	    errno == EINTR))
		return PG_FILESEND_MORE;
	if (sent <= 0)
		return sent < 0 ? PG_FILESEND_FAILED : PG_FILESEND_SHORT;
	*n = (size_t)sent;
	f->at += *n;
	return f->at == f->end ? PG_FILESEND_DONE : PG_FILESEND_MORE;
}

#undef FILESEND_PROBE
#undef FILESEND_READ
