/* ticket: where and how a paglet is to travel (PROTOCOL sections 4 and 9).
 */
#ifndef PG_TICKET_H
#define PG_TICKET_H

#include "../base/clock.h"
#include "../codec/value.h"

#define PG_TICKET_TIMEOUT (10 * PG_SEC)         /* default */
#define PG_TICKET_TIMEOUT_MAX (3600 * PG_SEC)
#define PG_TICKET_RETRIES_MAX 1000
#define PG_TICKET_INTERVAL_MAX (3600 * PG_SEC)

/* Text is borrowed from the record. */
struct pg_ticket {
	struct pg_str destination;
	int64_t timeout, retry_interval; /* ns */
	int64_t retries;
	const struct pg_value *capabilities; /* list of texts, or NULL */
	bool has_version;
	struct pg_str version;
	bool inactive; /* arrival_mode */
};

/* The defaults, for a plain target. */
PG_FN void pg_ticket_init(struct pg_ticket *t, struct pg_str destination);
/* A ticket that outlives what t borrows from: its text lies in a. */
PG_FN int pg_ticket_copy(const struct pg_ticket *t, struct pg_arena *a,
    struct pg_ticket *to, struct pg_err *e);
/* PG_E_HOST naming the field. */
PG_FN int pg_ticket_read(const struct pg_value *record, struct pg_ticket *t,
    struct pg_err *e);
/* Only its arrival_mode, which is all that concerns who receives it. */
PG_FN int pg_ticket_read_mode(const struct pg_value *record, bool *inactive,
    struct pg_err *e);
/* What the body of a dispatch, clone or retract may say. */
enum pg_ticket_form {
	PG_TICKET_EITHER,   /* dispatch: {ticket} before {target} */
	PG_TICKET_OPTIONAL, /* clone: the same, or neither, or an empty
	                     * target: destination empty */
	PG_TICKET_PLAIN     /* retract: {target} alone */
};
/* PG_E_HOST naming the field; an empty place is no place. */
PG_FN int pg_ticket_read_order(const struct pg_value *body,
    enum pg_ticket_form form, struct pg_ticket *t, struct pg_err *e);
/* The record with the destination resolved, as it travels in metadata. */
PG_FN struct pg_value *pg_ticket_value(const struct pg_ticket *t,
    struct pg_str resolved, struct pg_arena *a);
/* What the health of the target lacks: PG_E_TRANSFER. */
PG_FN int pg_ticket_check(const struct pg_ticket *t, struct pg_str url,
    const struct pg_value *health, struct pg_err *e);

#endif
