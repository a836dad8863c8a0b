/* heads: what stands in the heads of the frames between a host and the
 * process of an agent (agent/frame.h), written and read.
 */
#ifndef PG_HEADS_H
#define PG_HEADS_H

#include "../base/buf.h"
#include "../codec/value.h"

/* Bytes of a head that is read. */
#define PG_HEAD_MAX (64 * 1024)

/* All borrowed. init: a bare value, or empty. */
struct pg_head_start {
	struct pg_str class_name, state_class, agent_id;
	struct pg_str host_name, host_address;
	const char *event;
	struct pg_str init;
};

/* Append a head to b, which is checked by the sender of the frame. */
PG_FN int pg_head_start(const struct pg_head_start *h, struct pg_buf *b,
    struct pg_err *e);
PG_FN void pg_head_hook(const char *name, bool hold, struct pg_buf *b);
/* deadline: pg_now() time or PG_NEVER; host_address: empty: what the child
 * knows. */
PG_FN void pg_head_message(int64_t deadline, struct pg_str host_address,
    struct pg_buf *b);
PG_FN void pg_head_error(const struct pg_err *err, struct pg_buf *b);

/* Read one. -1: malformed. */
PG_FN int pg_head_read_error(struct pg_str head, struct pg_err *told,
    struct pg_err *e);
/* Write what a LOG frame of the agent says to the log. */
PG_FN int pg_head_read_log(struct pg_str head, struct pg_str agent_id,
    struct pg_err *e);

#endif
