/* move: paglets that leave this host or are copied to another, from the order
 * to the moment when both hosts agree where the paglet is (DESIGN section 3).
 */
#ifndef PG_MOVE_H
#define PG_MOVE_H

#include "arrive.h"
#include "durable.h"
#include "ticket.h"

PG_FN struct pg_moves *pg_moves_new(struct pg_host *h);
PG_FN void pg_moves_free(struct pg_moves *m);

/* The host is about to stop: answer those who wait for moves. */
PG_FN void pg_moves_shutdown(struct pg_host *h);

/* Move (PG_KIND_DISPATCH, _RETRACT) or copy (_CLONE) the agent. in_call: on
 * behalf of its own handler, which waits in a call; on success of a move the
 * agent's running message is answered with the new place and its process
 * ended. done may be called before this returns; it may say PG_E_TRANSFER
 * while the matter is still being settled (the paglet is then frozen). */
PG_FN void pg_move_start(struct pg_agent *a, enum pg_kind kind,
    const struct pg_ticket *t, bool in_call, pg_arrive_done *done, void *arg);

/* a was leaving when its host ended: find out where it is. */
PG_FN void pg_move_resume(struct pg_agent *a);
/* A person decides where a paglet is whose target can not be asked. done when
 * that is on disk, or with PG_E_LIFECYCLE: nothing is to be decided. */
PG_FN void pg_move_resolve(struct pg_agent *a, bool here,
    pg_durable_done *done, void *arg);

#endif
