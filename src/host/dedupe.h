/* dedupe: the messages that an agent has seen of late, by the id that their
 * sender gave them, with the answers they got. A message that is sent again
 * gets the first answer again instead of a second turn (DESIGN section 3).
 * A pure data structure: no clock, no disk; it ends messages and posts none.
 *
 * A message is waiting (queued, or with the process), kept (its agent sleeps
 * and its sender was told so), or answered. A duplicate of a waiting one
 * joins it and ends when that ends. What is answered is remembered for
 * PG_DEDUPE_TIME and travels: checkpoints, and the metadata of a move.
 * Messages that wait are remembered for as long as they wait; the mailbox
 * bounds them.
 *
 * Where it is called. `window` is a member of struct pg_agent, NULL until the
 * first message with an id comes; now is pg_loop_now throughout.
 *
 * - pg_message_deliver, once the agent is found, and pg_agent_adopt, for each
 *   message: pg_dedupe_enter. On 1 the message is gone. Before it: the check
 *   for rings, and the timer of the deadline, because a message that joins
 *   may expire as well.
 * - process_handled: pg_dedupe_answer, before checkpoint_message, so that the
 *   checkpoint that precedes the answer holds it.
 * - pg_agent_end_message, and the end of a message that puts its agent to
 *   sleep: pg_dedupe_drop. After pg_dedupe_answer it ends those who joined;
 *   without it (a crash, a full mailbox, an agent that does not wake) the
 *   message has not been handled, and who sends it again is not told so. The
 *   same wherever a message that was entered fails without being delivered.
 *   pg_dedupe_done is both at once, where no checkpoint comes between.
 * - inactive_on_kept: pg_dedupe_kept. Recovery of what was kept: the id
 *   entered again with a message that is ended there, then pg_dedupe_kept.
 * - pg_agent_take_waiting: pg_dedupe_leave; its messages go behind those that
 *   wait. Whoever posts them here again enters them again. The same with
 *   pg_agent_take_mailbox and pg_dedupe_leave_waiting.
 * - durable_agent_value, move_metadata (not for a clone): pg_dedupe_value.
 *   When the agent goes or falls asleep from within a message, the answer
 *   that this message is about to get is added with pg_dedupe_foresee.
 * - arrive_read_metadata, recovery: pg_dedupe_read, before any message.
 * - The host's slow tick: pg_dedupe_expire. agent_free: pg_dedupe_free.
 */
#ifndef PG_DEDUPE_H
#define PG_DEDUPE_H

#include "../base/clock.h"
#include "../codec/value.h"
#include "mailbox.h"

#define PG_DEDUPE_TIME (600 * PG_SEC) /* since the answer */
#define PG_DEDUPE_MAX 256             /* messages answered; the oldest goes */
#define PG_DEDUPE_ID_MAX 256          /* bytes; longer ones are not seen */
#define PG_DEDUPE_ANSWER_MAX (16u * 1024) /* bytes of one answer kept */
#define PG_DEDUPE_BYTES_MAX (256u * 1024) /* of all, with their ids */
#define PG_DEDUPE_JOINED_MAX 64 /* duplicates that wait, of all messages */
#define PG_DEDUPE_JOINED_BYTES_MAX ((size_t)8 << 20) /* of their bodies */

struct pg_dedupe;

/* m has come. 0: it is new, deliver it; it is remembered as waiting if its
 * sender gave the id. 1: it is a duplicate and was taken: it has ended with
 * the first answer (one-way: at once, with null), or has joined the first, or
 * too many have (PG_E_MAILBOX_FULL). m->on_done may be called, and may do
 * what it likes with the window. */
PG_FN int pg_dedupe_enter(struct pg_dedupe **d, struct pg_msg *m,
    int64_t now);

/* In all of these d may be NULL, and an id that is not there is nothing. What
 * o says is copied. None of them touches d after ending a message. */

/* The answer of a message that waits, or of one that was kept, which has had
 * its answer. Duplicates still join it, until pg_dedupe_drop. */
PG_FN void pg_dedupe_answer(struct pg_dedupe *d, struct pg_str id,
    const struct pg_outcome *o, int64_t now);
/* The message has ended with o, and so do those who joined. It is forgotten
 * unless it was answered. */
PG_FN void pg_dedupe_drop(struct pg_dedupe *d, struct pg_str id,
    const struct pg_outcome *o);
PG_FN void pg_dedupe_done(struct pg_dedupe *d, struct pg_str id,
    const struct pg_outcome *o, int64_t now);
/* It was answered, but that does not count: as if it had never come. Those
 * who joined end with o. */
PG_FN void pg_dedupe_forget(struct pg_dedupe *d, struct pg_str id,
    const struct pg_outcome *o);
/* It is kept until its agent is awake; o is what its sender was told, and all
 * who joined and will come are told the same. It is neither forgotten nor
 * written until pg_dedupe_answer. */
PG_FN void pg_dedupe_kept(struct pg_dedupe *d, struct pg_str id,
    const struct pg_outcome *o);
/* Forget what waits or is kept: it will be handled elsewhere. Returns those
 * who joined, linked by next; the caller's. */
PG_FN struct pg_msg *pg_dedupe_leave(struct pg_dedupe *d);
/* The same of what waits; what is kept stays with its agent. */
PG_FN struct pg_msg *pg_dedupe_leave_waiting(struct pg_dedupe *d);

/* What is answered, oldest first: a list of {id T, age F (seconds), and
 * answer (bytes: bare pickle), or error_type, error, code?, or size I (of an
 * answer not kept), or none of them (null)}. NULL when there is nothing.
 * Borrows from d until d changes. The arena has no ceiling. */
PG_FN struct pg_value *pg_dedupe_value(const struct pg_dedupe *d,
    struct pg_arena *a, int64_t now);
/* Add to such a list (NULL: to a new one) what id will have been answered
 * once the list is read. Returns the list, which borrows id and what o says. */
PG_FN struct pg_value *pg_dedupe_foresee(struct pg_value *list,
    struct pg_arena *a, struct pg_str id, const struct pg_outcome *o);
/* Fill the window, which is NULL, from such a list; NULL and null are an
 * empty one. now: what the ages count back from, so after a stop the present
 * less the time since the list was written. PG_E_HOST names the field, which
 * records call "seen", the entry and what in it; *d is then still NULL. */
PG_FN int pg_dedupe_read(struct pg_dedupe **d, const struct pg_value *v,
    int64_t now, struct pg_err *e);

/* Forget what is over; an empty window becomes NULL. */
PG_FN void pg_dedupe_expire(struct pg_dedupe **d, int64_t now);
/* Those who joined fail with PG_E_LIFECYCLE. */
PG_FN void pg_dedupe_free(struct pg_dedupe *d);

#endif
