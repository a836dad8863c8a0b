/* durable: what of a host is in its store, under which key, and in which
 * form. Every function that writes calls done once the change is as durable
 * as the store makes it; without a store that is at once.
 *
 * Keys: agent/ID, files/ID (registered files of ID, if there are any; written
 * with every record of ID that finds another list than is there), queue/ID/N
 * (a message kept for ID), note/ID (where ID has gone), transfer/ID,
 * property/NAME, claim/NAME (who owns a relay name).
 */
#ifndef PG_DURABLE_H
#define PG_DURABLE_H

#include "agent.h"

/* err NULL: written. May be called before the function returns. */
typedef void pg_durable_done(void *arg, const struct pg_err *err);

/* A policy as a record (PROTOCOL section 4). */
PG_FN struct pg_value *pg_policy_value(const struct pg_policy *p,
    struct pg_arena *a);

/* The state of an agent's record, the word in `status`. */
enum pg_durable_status {
	PG_DURABLE_ACTIVE,
	PG_DURABLE_INACTIVE,
	PG_DURABLE_CRASHED,
	PG_DURABLE_ARRIVED, /* its hook has not run yet */
	PG_DURABLE_LEAVING  /* its envelope may have been posted */
};

/* What a record says beside the agent itself. All borrowed. */
struct pg_durable_extra {
	const char *event;             /* ARRIVED: the hook to run */
	const struct pg_value *move;   /* LEAVING: what to settle by */
	const struct pg_value *reason; /* INACTIVE: the request */
	struct pg_str transfer;        /* ARRIVED: committed with it */
	struct pg_str undone; /* a transfer that counts as never come */
	const struct pg_outcome *answer; /* that the running message gets */
};

/* Write a's record with its last state. a is referenced meanwhile. */
PG_FN void pg_durable_save(struct pg_agent *a, enum pg_durable_status status,
    const struct pg_durable_extra *extra, pg_durable_done *done, void *arg);
/* Write its list of registered files alone: a state is as old as the messages
 * that are remembered with it, and a handler is at work. An agent that has no
 * record (yet) gets none: done is then told at once. */
PG_FN void pg_durable_files(struct pg_agent *a, pg_durable_done *done,
    void *arg);
/* Remove a's record, so that no later save brings it back (until that fails).
 * note: where it went; empty: nowhere, and what was kept for it goes too.
 * undone: a transfer that by the same step counts as never come, or empty. */
PG_FN void pg_durable_gone(struct pg_agent *a, struct pg_str note,
    struct pg_str undone, pg_durable_done *done, void *arg);
/* Remove its record only, because it would not be true any more. */
PG_FN void pg_durable_forget(struct pg_agent *a, pg_durable_done *done,
    void *arg);
/* Keep a message for an agent that sleeps; sets m->kept. */
PG_FN void pg_durable_queue(struct pg_agent *a, struct pg_msg *m,
    pg_durable_done *done, void *arg);
/* It has been delivered: kept is its m->kept. */
PG_FN void pg_durable_delivered(struct pg_agent *a, uint64_t kept);
/* The same for one that was kept for an agent that has gone elsewhere. */
PG_FN void pg_durable_forwarded(struct pg_host *h, struct pg_str agent_id,
    uint64_t kept);
/* It could not be kept. */
PG_FN void pg_durable_unkept(struct pg_agent *a, uint64_t kept);
/* No longer to be kept. */
PG_FN void pg_durable_forget_transfer(struct pg_host *h,
    struct pg_str transfer, pg_durable_done *done, void *arg);
PG_FN void pg_durable_forget_note(struct pg_host *h, struct pg_str agent_id);
/* A transfer was settled as refused. */
PG_FN void pg_durable_refuse(struct pg_host *h, struct pg_str transfer,
    pg_durable_done *done, void *arg);
/* value NULL: gone. */
PG_FN void pg_durable_property(struct pg_host *h, struct pg_str name,
    const struct pg_value *value, pg_durable_done *done, void *arg);

/* value NULL: gone. Nobody waits for it. */
PG_FN void pg_durable_claim(struct pg_host *h, struct pg_str name,
    const struct pg_value *value);

/* The agent's record itself, in arena. */
PG_FN int pg_durable_record(struct pg_agent *a, struct pg_arena *arena,
    struct pg_value **out, struct pg_err *e);
/* The state that a record holds or names, as a bare value. */
PG_FN int pg_durable_state(struct pg_store *s, const struct pg_value *record,
    struct pg_bulk **out, struct pg_err *e);
/* The state of an agent that has none in memory, from its record. */
PG_FN int pg_durable_load_state(struct pg_agent *a, struct pg_err *e);

/* Forget a state that the store has as well. */
PG_FN void pg_durable_drop_state(struct pg_agent *a);

/* What a record of the store says, for those who bring it back to life. */
struct pg_durable_record {
	struct pg_str kind, id; /* "agent" and so on; what follows the slash */
	const struct pg_value *value;
};
/* Call each for every record; a value lives for its call only. */
PG_FN int pg_durable_each(struct pg_host *h,
    int (*each)(struct pg_host *h, const struct pg_durable_record *r,
    struct pg_err *e), struct pg_err *e);
/* The status in an agent's record; -1: none that we know. */
PG_FN int pg_durable_status_read(const struct pg_value *record);

/* PG_DURABILITY_MESSAGE: the checkpoint has to be taken before an answer. */
PG_FN bool pg_durable_every_message(const struct pg_host *h);

#endif
