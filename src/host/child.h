/* child: the process of one agent, seen from the host: started, spoken to in
 * frames, watched, ended. Knows nothing of what the frames mean.
 */
#ifndef PG_CHILD_H
#define PG_CHILD_H

#include "../agent/frame.h"
#include "../os/loop.h"
#include "../os/proc.h"

/* A child told to stop has this long before it is killed. */
#define PG_CHILD_STOP_TIME (2 * PG_SEC)
/* Bytes that may wait for a child that does not read. */
#define PG_CHILD_OUT_MAX ((size_t)8 << 20)
/* Reads of what a child has left behind when it ended. */
#define PG_CHILD_LAST_READS 64
/* Bytes of a memfd that a child may pass. */
#define PG_CHILD_BULK_MAX ((size_t)2 << 30)

struct pg_child;

struct pg_child_ops {
	/* A frame came in. -1 with e: the child broke the protocol and is
	 * killed. */
	int (*on_frame)(struct pg_child *c, const struct pg_frame *f,
	    struct pg_err *e);
	/* The process has ended and is reaped: exit status, or -signal. Last
	 * call for this child; c may be reused or freed from the loop's end
	 * of turn on. */
	void (*on_exit)(struct pg_child *c, int status);
};

/* Embedded in the agent. Zero is a valid child that never ran. */
struct pg_child {
	const struct pg_child_ops *ops;
	struct pg_loop *loop;
	struct pg_proc proc; /* pid 0: none */
	int sock;
	bool stopping;
	bool killed; /* nothing it says counts any more */
	struct pg_io sock_io, exit_io;
	struct pg_timer kill_timer;
	struct pg_frame_reader in;
	struct pg_frame_out out;
};

/* Start the process. exe as from pg_proc_self. */
PG_FN int pg_child_start(struct pg_child *c, struct pg_loop *l, int exe,
    const struct pg_child_ops *ops, struct pg_err *e);
PG_FN bool pg_child_running(const struct pg_child *c);
/* Send a frame; the parameters are those of pg_frame_put. What the socket
 * does not take at once is queued. */
PG_FN int pg_child_send(struct pg_child *c, enum pg_frame_type type,
    uint32_t id, struct pg_str head, struct pg_str text, struct pg_bulk *bulk,
    size_t off, size_t len, struct pg_err *e);
/* The same in two steps: a frame or more queued, then sent. */
PG_FN int pg_child_put(struct pg_child *c, enum pg_frame_type type,
    uint32_t id, struct pg_str head, struct pg_str text, struct pg_bulk *bulk,
    size_t off, size_t len, struct pg_err *e);
PG_FN void pg_child_flush(struct pg_child *c);
/* Ask it to end, kill it after PG_CHILD_STOP_TIME. */
PG_FN void pg_child_stop(struct pg_child *c);
PG_FN void pg_child_kill(struct pg_child *c);

#endif
