/* mailbox: the messages that wait for one agent, ordered by priority, then
 * arrival; priority 0 goes before all others (PROTOCOL sections 4 and 5).
 * A pure data structure: nothing is delivered from here.
 */
#ifndef PG_MAILBOX_H
#define PG_MAILBOX_H

#include "../agent/frame.h"
#include "../base/buf.h"
#include "../base/mem.h"
#include "../os/file.h"
#include "../os/loop.h"

#define PG_MAILBOX_COUNT_MAX 1000
#define PG_MAILBOX_BYTES_MAX (64u * 1024 * 1024)
#define PG_CALL_PATH_MAX 16 /* agents in a chain of synchronous sends */
/* What a process may have of the messages that wait. */
#define PG_MAILBOX_LENT_MAX PG_FRAME_AHEAD_MAX
#define PG_MAILBOX_LENT_BYTES_MAX (32u * 1024)

/* How a message or a command ended. err NULL: success, and body is the bare
 * pickle of the result (empty: null), maybe within bulk. Borrowed. */
struct pg_outcome {
	const struct pg_err *err;
	struct pg_str body;
	struct pg_bulk *bulk;
};

/* A message on its way. Owner: whoever holds it; it always ends with
 * pg_msg_end, which calls on_done exactly once and frees it. */
struct pg_msg {
	void (*on_done)(struct pg_msg *m, const struct pg_outcome *o);
	void *arg;
	bool *ended; /* set to true (if not NULL) when the message ends */
	struct pg_arena arena; /* what the fields below borrow from */
	struct pg_str id;      /* message_id */
	struct pg_str body;    /* bare pickle of the Message */
	struct pg_str once;    /* id and digest of what it says: what it has
	                        * in common with itself sent again; empty: id */
	struct pg_str path;    /* ids of the agents that wait for this answer,
	                        * separated by blanks */
	int64_t priority;
	uint64_t seq;     /* set by the mailbox */
	int64_t deadline; /* pg_now() by which a synchronous sender wants it */
	bool oneway;
	bool given_id; /* the sender has named it: duplicates can be told */
	bool no_activate, no_delay; /* see the route of messages */
	bool deactivate;            /* its kind is _deactivate */
	uint64_t kept; /* its number where it is kept on disk, +1; 0: is not */
	bool pending; /* though oneway, it is not taken until it has ended */
	bool expired; /* the sender was told; the result goes nowhere */
	unsigned hops; /* hosts that have forwarded it */
	uint32_t frame; /* under which its agent's process has it */
	struct pg_timer timer;
	struct pg_msg *next; /* of whoever queues it */
};

PG_FN struct pg_msg *pg_msg_new(void);
PG_FN void pg_msg_end(struct pg_msg *m, const struct pg_outcome *o);
PG_FN void pg_msg_fail(struct pg_msg *m, const struct pg_err *e);
/* The next agent of a path; *rest starts as the path. false at the end. */
PG_FN bool pg_msg_path_next(struct pg_str *rest, struct pg_str *id);
PG_FN size_t pg_msg_path_length(const struct pg_msg *m);
/* From its deadline on the sender is told that it was not answered in time;
 * the message itself goes on. */
PG_FN void pg_msg_arm(struct pg_msg *m, struct pg_loop *l);
/* Whether the agent is one of those that wait for this message's answer. */
PG_FN bool pg_msg_waits(const struct pg_msg *m, struct pg_str agent_id);

/* Some of those that wait may be lent: the agent's process has them already,
 * so that it need not ask for each when it is done with one before, but gives
 * back those that it has not begun. They come before all others. */
struct pg_mailbox {
	struct pg_msg **heap;
	size_t n, cap, bytes; /* bytes: of those lent, too */
	uint64_t seq;
	struct pg_msg *lent, *last_lent; /* in the order of delivery */
	size_t nlent, lent_bytes;
};

PG_FN void pg_mailbox_fini(struct pg_mailbox *b); /* must be empty */
/* Queue m. Takes it on success; on -1 the caller keeps it and e says
 * PG_E_MAILBOX_FULL. */
PG_FN int pg_mailbox_put(struct pg_mailbox *b, struct pg_msg *m,
    struct pg_err *e);
/* The same without limits, for what was accepted before. */
PG_FN void pg_mailbox_put_anyway(struct pg_mailbox *b, struct pg_msg *m);
/* Put back one that was taken, in its old place. */
PG_FN void pg_mailbox_put_back(struct pg_mailbox *b, struct pg_msg *m);
/* The next message, or NULL; the caller owns it. None may be lent. */
PG_FN struct pg_msg *pg_mailbox_take(struct pg_mailbox *b);
PG_FN size_t pg_mailbox_waiting(const struct pg_mailbox *b);

/* Lend the next message; the mailbox keeps it. NULL: there is none, or too
 * many are lent, or too many bytes. */
PG_FN struct pg_msg *pg_mailbox_lend(struct pg_mailbox *b);
/* The turn of the first one lent has come: the caller owns it. Or NULL. */
PG_FN struct pg_msg *pg_mailbox_claim(struct pg_mailbox *b);
/* All that are lent are back. */
PG_FN void pg_mailbox_return(struct pg_mailbox *b);
/* Whether one that is not lent should come before one that is. */
PG_FN bool pg_mailbox_overtakes(const struct pg_mailbox *b);

#endif
