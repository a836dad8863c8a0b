/* upline: the line from a paglet's process up to its host: frames received
 * and sent on fd 3, and what happens when it ends.
 */
#ifndef PG_UPLINE_H
#define PG_UPLINE_H

#include "../codec/pickle.h"
#include "frame.h"

/* The exit status of a child whose host broke the protocol (EX_SOFTWARE). */
#define PG_UPLINE_BROKEN 70

/* A frame put off. Owner: the line. */
struct pg_upline_later {
	struct pg_upline_later *next;
	struct pg_frame frame; /* what it borrows: bytes, or its own bulk */
	char bytes[];
};

/* Owner: the process's main. */
struct pg_upline {
	int fd;
	struct pg_frame_reader in;
	struct pg_frame_out out;
	struct pg_out body;     /* what is being encoded; large: in the spool */
	struct pg_spool spool;
	struct pg_upline_later *later, **later_end; /* first to last */
	struct pg_upline_later *given; /* that the last frame was */
	size_t nlater;
};

PG_FN void pg_upline_init(struct pg_upline *l, int fd);
PG_FN void pg_upline_fini(struct pg_upline *l);

/* The next frame: 1 and *f, valid until the next call; 0 if there is none by
 * `until` (pg_now() time, PG_NEVER waits); -1 when the host is gone or has
 * said STOP. A RECALL is looked for before a frame is given that has lain
 * here, and answered. What breaks the protocol ends the process. */
PG_FN int pg_upline_next(struct pg_upline *l, int64_t until,
    struct pg_frame *f);
/* The same in the midst of a call to the host: frames put off are not looked
 * at, and the host's end, or STOP, ends the process. */
PG_FN void pg_upline_recv(struct pg_upline *l, struct pg_frame *f);
/* Put a frame off: pg_upline_next gives what was put off first, in this
 * order. One and PG_FRAME_AHEAD_MAX at a time. */
PG_FN void pg_upline_defer(struct pg_upline *l, const struct pg_frame *f);

/* Where to write the body of the next frame; empty. */
PG_FN struct pg_out *pg_upline_body(struct pg_upline *l);
/* Send a frame with that body. -1: the body could not be encoded (written is
 * what the encoder returned, e what it said) or is too large; nothing was
 * sent. */
PG_FN int pg_upline_send(struct pg_upline *l, enum pg_frame_type type,
    uint32_t id, struct pg_str head, int written, struct pg_err *e);
/* Send a frame without a body whose head is the dict of these texts. */
PG_FN void pg_upline_send_head(struct pg_upline *l, enum pg_frame_type type,
    uint32_t id, const struct pg_pair *texts, size_t n);
/* REPLY with an error. */
PG_FN void pg_upline_send_error(struct pg_upline *l, uint32_t id,
    enum pg_code code, struct pg_str text);

/* Say why in the log and end the process with PG_UPLINE_BROKEN. */
PG_FN void pg_upline_broken(const char *why) __attribute__((noreturn));

#endif
