/* courier: what is said to the host that a paglet travels to: it is asked
 * whether it is one to go to, and is given the envelope, as often as the
 * ticket says, until it has decided. Decides nothing itself.
 */
#ifndef PG_COURIER_H
#define PG_COURIER_H

#include "arrive.h"
#include "destination.h"
#include "ticket.h"

struct pg_call;
struct pg_courier;

/* What has come of it. Any of them may free the courier's owner. */
struct pg_courier_ops {
	/* err NULL: the target is known, and has what the ticket wants. */
	void (*asked)(struct pg_courier *c, const struct pg_err *err);
	/* One attempt has failed; there may be more. The courier is not to be
	 * stopped now. */
	void (*attempt_failed)(struct pg_courier *c,
	    const struct pg_err *err);
	/* The target has it; it is at url now. Last call. */
	void (*delivered)(struct pg_courier *c, struct pg_str url);
	/* The last attempt has failed. ambiguous: one may have arrived without
	 * an answer. Last call. */
	void (*failed)(struct pg_courier *c, const struct pg_err *err,
	    bool ambiguous);
};

/* What an envelope says of the paglet, but for its state. */
struct pg_papers {
	struct pg_agent *agent;
	enum pg_kind kind;
	struct pg_str agent_id; /* that it has there */
	const char *transfer_id;
	struct pg_value *files; /* metadata.registered_files, or NULL */
	bool in_call; /* its running message makes it leave */
};

/* Embedded in its owner, zero. Fill in the first group. */
struct pg_courier {
	struct pg_host *host;
	const struct pg_courier_ops *ops;
	struct pg_ticket ticket;
	struct pg_str url; /* of the target, as resolved */
	struct pg_arena *arena; /* for what is learnt of the target */

	struct pg_destination target; /* once asked, or set by the owner */
	struct pg_span state;     /* a reference, set by the owner, too */
	struct pg_buf head, tail; /* of the envelope, around the state */
	int64_t attempt;
	bool ambiguous;
	struct pg_timer timer;
	struct pg_call *call;
	struct courier_check *check; /* of a large state, under way */
	bool checked;
};

/* Ask the target for its health; asked follows later. */
PG_FN void pg_courier_ask(struct pg_courier *c);
/* Write the envelope around the state. Once, before the first _post. */
PG_FN void pg_courier_write(struct pg_courier *c, const struct pg_papers *p);
/* Post it. Nothing is called back before this returns. */
PG_FN void pg_courier_post(struct pg_courier *c);
/* Nobody is called back any more; what is under way is broken off. */
PG_FN void pg_courier_stop(struct pg_courier *c);
/* The same, and free all it has. */
PG_FN void pg_courier_fini(struct pg_courier *c);

#endif
