/* intake: bytes from a socket into a slot: its buffer, its spool, or the sink
 * of its exchange. Knows neither deadlines nor what comes next.
 */
#ifndef PG_INTAKE_H
#define PG_INTAKE_H

#include "exchange.h"

/* Shared by all connections of a server. Zero is a valid empty one. */
struct pg_intake {
	char *big; /* where larger bodies are read; NULL until the first */
	/* Large ones go through here; empty between two turns. */
	int pipe[2];
	bool piped; /* it is open */
};

enum pg_intake_got {
	PG_INTAKE_SOME, /* or, this time, nothing */
	PG_INTAKE_EOF,
	PG_INTAKE_LOST,  /* the connection; see errno */
	PG_INTAKE_BAD,   /* the request; see e */
	PG_INTAKE_PAUSED /* the sink has no room */
};

PG_FN void pg_intake_fini(struct pg_intake *k);

/* Read into the buffer of w. */
PG_FN enum pg_intake_got pg_intake_small(struct pg_slot *w, int fd);
/* Read of the body of w, whichever way is best: no further past its end than
 * the buffer has room. */
PG_FN enum pg_intake_got pg_intake_body(struct pg_intake *k,
    struct pg_slot *w, int fd, struct pg_err *e);
/* Give the sink what lies in the buffer. */
PG_FN enum pg_intake_got pg_intake_buffered(struct pg_slot *w,
    struct pg_err *e);
/* Throw away *n bytes. */
PG_FN enum pg_intake_got pg_intake_waste(struct pg_intake *k, int fd,
    size_t *n);

#endif
