/* envelope: a movement as it is posted (PROTOCOL section 4), written around a
 * state whose bytes stay where they are.
 */
#ifndef PG_ENVELOPE_H
#define PG_ENVELOPE_H

#include "../base/buf.h"
#include "../codec/value.h"

/* The record but its state; all borrowed. */
struct pg_envelope {
	struct pg_str kind, agent_id, class_name, state_class;
	struct pg_str source_name, source_address;
	struct pg_str target_name, target_address;
	struct pg_str clone_of; /* empty: null */
	const struct pg_value *metadata;
};

/* The pickle of {"envelope": {...}}: what stands before the bare value of the
 * state, and what stands behind it. The buffers are empty before. */
PG_FN void pg_envelope_write(const struct pg_envelope *v, struct pg_buf *head,
    struct pg_buf *tail);

#endif
