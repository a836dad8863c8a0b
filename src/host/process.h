/* process: the process of one agent as the agent sees it: its START, what it
 * says in frames, its end. Knows what the frames mean; whose turn it is, and
 * what is sent to it, is agent's business.
 */
#ifndef PG_PROCESS_H
#define PG_PROCESS_H

#include "agent.h"

/* Start its process with a state. event: the hook to run; init: a bare value
 * or empty. After success it is ACTIVE and delivers; when done tells of a
 * failure the process has ended, and the caller removes the agent or lets it
 * sleep on. done is never called before this returns 0; on -1 it is not
 * called at all. */
PG_FN int pg_process_start(struct pg_agent *a, const char *event,
    struct pg_str init, const struct pg_span *state, pg_agent_done *done,
    void *arg, struct pg_err *e);

#endif
