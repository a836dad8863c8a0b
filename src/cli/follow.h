/* follow: a stream of server-sent events of a host, shown as they come. */
#ifndef PG_FOLLOW_H
#define PG_FOLLOW_H

#include "../codec/sse.h"
#include "ask.h"

/* One event, valid during the call. -1 ends it all. */
typedef int pg_follow_event(void *arg, const struct pg_sse *event,
    struct pg_err *e);

/* GET path at a host and hand over each event. 0: the stream had begun, and
 * has ended or was cut off: ask for the rest. -1: there was none, or on_event
 * said so; a host that has no such route says "No route" in e. */
PG_FN int pg_follow(struct pg_ask *r, const struct pg_place *at,
    struct pg_str path, pg_follow_event *on_event, void *arg,
    struct pg_err *e);

#endif
