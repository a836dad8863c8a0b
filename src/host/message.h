/* message: from the wire record to the agent it is meant for, wherever that
 * is: here, moved on (forwarded), or on another host.
 */
#ifndef PG_MESSAGE_H
#define PG_MESSAGE_H

#include "agent.h"

#define PG_FORWARD_HOPS_MAX 8
#define PG_FORWARD_NOTES_MAX 10000
#define PG_FORWARD_NOTE_TIME (24 * 3600 * PG_SEC)
/* Pauses before what was kept is sent again to a host that can not be reached:
 * from, doubling, to. */
#define PG_FORWARD_PAUSE_FIRST (PG_SEC / 2)
#define PG_FORWARD_PAUSE_MAX (60 * PG_SEC)
/* How long another host may take over a message without a deadline. */
#define PG_MESSAGE_REMOTE_TIME (600 * PG_SEC)

/* A message from its record (PROTOCOL section 4, defaults filled in: id and
 * timestamp), encoded for delivery. NULL with PG_E_HOST naming the field. */
PG_FN struct pg_msg *pg_message_new(const struct pg_value *record,
    struct pg_err *e);
/* The same with agent `via` added to those that wait for the answer. */
PG_FN struct pg_msg *pg_message_from_agent(const struct pg_value *record,
    const struct pg_agent *via, struct pg_err *e);

/* Whether m is to be delivered to a: not when it would wait for itself, and
 * not when it came before; then it has ended. */
PG_FN bool pg_message_enter(struct pg_agent *a, struct pg_msg *m);
/* Deliver to the agent with this id on this host, or follow its forwarding
 * note. Takes m; m->on_done tells the rest, maybe before this returns. */
PG_FN void pg_message_deliver(struct pg_host *h, struct pg_str agent_id,
    struct pg_msg *m);
/* Deliver through another host. Takes m. */
PG_FN void pg_message_remote(struct pg_host *h, struct pg_str url,
    struct pg_str agent_id, struct pg_msg *m);

struct pg_forwards;
PG_FN struct pg_forwards *pg_forwards_new(struct pg_host *h);
PG_FN void pg_forwards_free(struct pg_forwards *f);
/* Messages for this id now go to url. waiting (may be NULL): messages that go
 * first, in this order; taken. */
PG_FN void pg_forward_note(struct pg_host *h, struct pg_str agent_id,
    struct pg_str url, struct pg_msg *waiting);
/* A note from before the last start, this old (ns). */
PG_FN void pg_forward_restore(struct pg_host *h, struct pg_str agent_id,
    struct pg_str url, int64_t age);
/* A message that was kept for it, and has not got there. Takes m, unless there
 * is no note: then false. */
PG_FN bool pg_forward_kept(struct pg_host *h, struct pg_str agent_id,
    struct pg_msg *m);
/* Above the numbers of all that are kept for it on disk and follow it. */
PG_FN uint64_t pg_forward_kept_next(const struct pg_host *h,
    struct pg_str agent_id);
/* Of these, those that are kept on disk are, until they end; whoever brings
 * them to the agent need not think of it. */
PG_FN void pg_forward_own(struct pg_host *h, struct pg_str agent_id,
    struct pg_msg *waiting);
/* Where messages for this id go; borrowed. false: no note. */
PG_FN bool pg_forward_url(struct pg_host *h, struct pg_str agent_id,
    struct pg_str *url);
/* The agent is back: no longer forward. */
PG_FN void pg_forward_drop(struct pg_host *h, struct pg_str agent_id);

#endif
