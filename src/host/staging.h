/* staging: the registered files of a paglet that is about to move, put down
 * at the target as artifacts before the envelope is posted (PROTOCOL section
 * 7): all of them or none. What becomes of them afterwards, and of the files
 * here, follows from what becomes of the move.
 */
#ifndef PG_STAGING_H
#define PG_STAGING_H

#include "../net/client.h"
#include "../os/regular.h"
#include "agent.h"

/* What a source that is never seen again leaves at a target expires there. */
#define PG_STAGING_KEEP_TIME (24 * 3600 * PG_SEC)
/* An upload may stand still for so long, or its answer take. */
#define PG_STAGING_SILENCE (60 * PG_SEC)
#define PG_STAGING_REMOVE_TIME (5 * PG_SEC) /* deadline of one removal */

struct pg_staging;
struct pg_errand;
typedef void pg_staging_done(struct pg_staging *s,
    const struct pg_err *err);

struct pg_staged {
	const struct pg_fileref *file; /* in the list; NULL after a restart */
	int64_t size_bytes;   /* as it is now */
	struct pg_str sha256; /* the same */
	struct pg_str path;   /* of the file here */
	struct pg_regular was;
	bool remove; /* the file here, once the paglet has moved */
	struct pg_str id; /* of the artifact at the target; empty: not there */
	struct pg_value *artifact; /* its record, as the target gave it */
};

/* Embedded in its owner, zero. Fill in the first group, then start. */
struct pg_staging {
	struct pg_host *host;
	struct pg_files *files; /* a reference; NULL: nothing to be done */
	struct pg_str target;   /* URL */
	struct pg_str owner;    /* id that the paglet has there */
	int64_t timeout;        /* ns until an upload begins */
	bool copies;            /* a clone: modes do not matter */

	struct pg_arena arena;
	struct pg_staged *items;
	size_t n, at;
	int fd_plus1; /* the file on its way, plus 1 */
	struct pg_errand *errand;
	struct pg_call *call;
	pg_staging_done *done;
};

/* Put them all there. PG_E_TRANSFER and the like: what has been put there is
 * still to be undone. No done is called before a function returns, unless
 * there was nothing to do. */
PG_FN void pg_staging_start(struct pg_staging *s, pg_staging_done *done);
/* The move has not come about: remove what is there, as well as the target
 * lets us. err is always NULL. */
PG_FN void pg_staging_undo(struct pg_staging *s, pg_staging_done *done);
/* It has: remove the files here whose mode is move, and which are still those
 * that were sent. done may be NULL. err is always NULL. */
PG_FN void pg_staging_commit(struct pg_staging *s, pg_staging_done *done);

/* metadata.registered_files; NULL when there are none. Borrows from s. */
PG_FN struct pg_value *pg_staging_value(const struct pg_staging *s,
    struct pg_arena *a);
/* What a host that starts again has to know of it: for the record of the
 * move, and back. NULL when there is nothing. */
PG_FN struct pg_value *pg_staging_record(const struct pg_staging *s,
    struct pg_arena *a);
PG_FN int pg_staging_restore(struct pg_staging *s, const struct pg_value *v,
    struct pg_err *e);

/* Nobody is called back any more. Zero afterwards. */
PG_FN void pg_staging_fini(struct pg_staging *s);

#endif
