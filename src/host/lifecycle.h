/* lifecycle: ending a paglet, and looking at one without disturbing it.
 */
#ifndef PG_LIFECYCLE_H
#define PG_LIFECYCLE_H

#include "agent.h"

/* err NULL: done. Called exactly once, maybe before the function returns. */
typedef void pg_lifecycle_done(void *arg, const struct pg_err *err);

/* Dispose of an agent: its hook, then its end; what waits fails with
 * PG_E_INVALID_AGENT. in_call: on behalf of its own handler. force: at once,
 * without the hook, whatever it is busy with. A crashed one is just removed. */
PG_FN void pg_dispose(struct pg_agent *a, bool in_call, bool force,
    pg_lifecycle_done *done, void *arg);

/* Have a fresh a->state if the agent is idle, or its state on the way already;
 * after PG_AGENT_PEEK_TIME, or at once when it is busy, what is there has to
 * do. a stays referenced until done, which looks at it. */
PG_FN void pg_peek(struct pg_agent *a, pg_lifecycle_done *done, void *arg);

#endif
