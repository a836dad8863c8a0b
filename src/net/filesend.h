/* filesend: a range of a file to a socket, a bounded piece at a time, without
 * ever waiting for the disk: what is not in memory a worker fetches first.
 */
#ifndef PG_FILESEND_H
#define PG_FILESEND_H

#include "../os/work.h"

/* So many bytes go out before others have their turn: a fraction of a
 * millisecond on loopback, where we do the receiver's work too. */
#define PG_FILESEND_BURST (512 * 1024)
/* So many a worker brings into memory at a time, ahead of what is sent. */
#define PG_FILESEND_AHEAD (4 * 1024 * 1024)

struct filesend_job;

/* Zero, or all sent: idle. Embedded in its owner. */
struct pg_filesend {
	struct pg_work *work;
	void (*on_warm)(struct pg_filesend *f);
	int fd;
	uint64_t at, end;  /* what is still to be sent is [at, end) */
	uint64_t warm;     /* in memory, as far as we know, up to here */
	struct filesend_job *job; /* under way; what is from warm on */
};

enum pg_filesend_state {
	PG_FILESEND_DONE,
	PG_FILESEND_MORE, /* go on when the socket takes more */
	PG_FILESEND_WAIT, /* for the disk: on_warm will be called */
	PG_FILESEND_SHORT, /* the file ends before the range does */
	PG_FILESEND_FAILED /* see errno */
};

/* Begin with n bytes of fd from off on. fd is borrowed until all is sent or
 * _fini. With work NULL the file counts as being in memory. */
PG_FN void pg_filesend_init(struct pg_filesend *f, struct pg_work *work,
    int fd, uint64_t off, uint64_t n,
    void (*on_warm)(struct pg_filesend *f));
/* At any time; harmless when idle. */
PG_FN void pg_filesend_fini(struct pg_filesend *f);
static inline bool
pg_filesend_busy(const struct pg_filesend *f)
{
	return f->at < f->end;
}
/* Whether it has caught up with the worker. */
static inline bool
pg_filesend_waits(const struct pg_filesend *f)
{
	return f->job != NULL && f->at == f->warm;
}

/* Send a piece; *n is how much. Whoever sends first has made sure that a peer
 * which goes away does not end the process (SIGPIPE). */
PG_FN enum pg_filesend_state pg_filesend(struct pg_filesend *f, int sock,
    size_t *n);

#endif
