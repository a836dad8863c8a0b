/* inactive: paglets that sleep: deactivation, activation (by message, by
 * order, at a time, at start-up, after a crash), and messages kept meanwhile
 * (PROTOCOL sections 4, 5 and 9).
 */
#ifndef PG_INACTIVE_H
#define PG_INACTIVE_H

#include "durable.h"
#include "lifecycle.h"

#define PG_INACTIVE_TICK (PG_SEC / 4) /* how often activate_at is looked at */
#define PG_INACTIVE_SWEEP 240 /* ticks between sweeps of what is remembered */

/* A DeactivationRequest; text and values are borrowed. */
struct pg_deactivation {
	struct pg_str reason, source;
	struct pg_policy policy;
	const struct pg_value *metadata; /* NULL: {} */
};

PG_FN void pg_deactivation_init(struct pg_deactivation *d,
    const char *reason, const char *source);
/* From a record; NULL and null give the defaults. PG_E_HOST naming the
 * field. */
PG_FN int pg_deactivation_read(const struct pg_value *record,
    struct pg_deactivation *d, struct pg_err *e);

/* The policy of a record; NULL and null give the defaults. */
PG_FN int pg_policy_read(const struct pg_value *v, struct pg_policy *p,
    struct pg_err *e);

/* How many messages are kept for it. */
PG_FN int64_t pg_inactive_kept(const struct pg_agent *a);

/* Put an active agent to sleep, behind its running message. What waits in its
 * mailbox is kept. in_call: on behalf of its own handler, whose message is
 * answered with {host_url, agent_id}. done once the record is on disk and the
 * process has ended; on failure the agent stays active. */
PG_FN void pg_deactivate(struct pg_agent *a, const struct pg_deactivation *d,
    bool in_call, pg_lifecycle_done *done, void *arg);
/* Wake an inactive agent; done after what was kept has been delivered. */
PG_FN void pg_activate(struct pg_agent *a, pg_lifecycle_done *done,
    void *arg);
/* The agent has crashed or fallen asleep while it was being woken: who waits
 * for it is told err; what is kept stays. Fine when nobody does. */
PG_FN void pg_inactive_abandon(struct pg_agent *a, const struct pg_err *err);
/* A message for an agent that sleeps: wakes it, is kept, or is refused.
 * Takes m. */
PG_FN void pg_inactive_post(struct pg_agent *a, struct pg_msg *m);

/* Put every active agent to sleep, in parallel; then call done. */
PG_FN void pg_inactive_shutdown(struct pg_host *h, void (*done)(void *arg),
    void *arg);
/* Begin to watch the clock for activate_at. */
PG_FN void pg_inactive_init(struct pg_host *h);

#endif
