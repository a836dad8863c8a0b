/* arrive: paglets that come to this host: creations, envelopes, clones and
 * moves within the host (PROTOCOL sections 4, 5 and 9; QUIRKS 4 and 9).
 */
#ifndef PG_ARRIVE_H
#define PG_ARRIVE_H

#include "../codec/pickle.h"
#include "agent.h"
#include "transfer.h"

#define PG_ARRIVE_INIT_MAX (256 * 1024) /* bytes of a creation's init */
#define PG_ARRIVE_RUN_TIME (PG_SEC / 2)  /* how long run may delay the answer */
#define PG_ARRIVE_MOVE_TIME (30 * PG_SEC) /* and a move asked for by then */
#define PG_ARRIVE_UNDO_PAUSE PG_SEC /* before a failed disk is tried again */

enum pg_kind {
	PG_KIND_CREATION,
	PG_KIND_DISPATCH,
	PG_KIND_CLONE,
	PG_KIND_RETRACT,
	PG_KIND_ACTIVATION
};

PG_FN const char *pg_kind_name(enum pg_kind kind);

/* One arrival, however it came. All borrowed for the call. */
struct pg_arrive {
	enum pg_kind kind;
	struct pg_str id, class_name, state_class;
	struct pg_span state;
	struct pg_str init;   /* bare value, or empty */
	struct pg_str source; /* clones: the id it was cloned from */
	struct pg_agent *replaces; /* a move to its own host: the agent itself */
	const uint8_t *digest; /* of an envelope without transfer id, or NULL */
	bool from_outside; /* by an envelope: on disk before it is started */
	bool inactive;     /* it arrives asleep */
	enum pg_restart restart;
	struct pg_str transfer; /* id, or empty */
	struct pg_dedupe **window; /* messages it has seen, taken; or NULL */
	const struct pg_value *items; /* metadata.registered_files, or NULL */
	struct pg_files *files;    /* registered ones, or NULL */
	struct pg_import *import;  /* that has brought them, taken; or NULL */
};

/* Let it arrive. done may be called before this returns. */
PG_FN void pg_arrive(struct pg_host *h, const struct pg_arrive *in,
    pg_arrive_done *done, void *arg);

/* A POST /agents body that is a creation. */
PG_FN void pg_arrive_creation(struct pg_host *h,
    const struct pg_value *payload, pg_arrive_done *done, void *arg);
/* One with an envelope. body: the bytes it was read from, with watch saying
 * where its state stands there, or NULL; digest of the body or NULL. */
PG_FN void pg_arrive_envelope(struct pg_host *h,
    const struct pg_value *envelope, struct pg_bulk *body,
    const struct pg_pickle_watch *watch, const uint8_t *digest,
    pg_arrive_done *done, void *arg);
/* The transfer id in an envelope's metadata; empty: none. */
PG_FN struct pg_str pg_envelope_transfer_id(const struct pg_value *envelope);

#endif
