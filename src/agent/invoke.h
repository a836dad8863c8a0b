/* invoke: calls into the code of a paglet.
 */
#ifndef PG_INVOKE_H
#define PG_INVOKE_H

#include "call.h"

/* Begin a call whose values live in arena. f is the frame that causes it and
 * stays borrowed until the end; NULL for a step of run. */
PG_FN void pg_invoke_begin(struct paglets_call *c, struct pg_self *self,
    struct pg_arena *arena, const struct pg_frame *f);
/* Give back all that the call held, but for the arena. */
PG_FN void pg_invoke_end(struct paglets_call *c);
/* The call goes to the line again before it has ended: what it borrowed from
 * the reader is made safe. */
PG_FN void pg_invoke_keep(struct paglets_call *c);
/* Hold bulk (a reference is taken) as long as the call lasts. */
PG_FN void pg_invoke_hold(struct paglets_call *c, struct pg_bulk *bulk);

/* Run code of the paglet. 0, or -1 with the call's code and text set. */
PG_FN int pg_invoke(struct paglets_call *c,
    int (*handle)(struct paglets_call *c));
/* What it said, NULL only without memory. */
PG_FN struct pg_value *pg_invoke_reply(struct paglets_call *c);

/* Set what failed last; text is copied. Returns -1. */
PG_FN int pg_invoke_fail(struct paglets_call *c, enum pg_code code,
    struct pg_str text);

#endif
