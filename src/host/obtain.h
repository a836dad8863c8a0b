/* obtain: an artifact of another host, brought among our own: received as it
 * comes, hashed and written on the way, and there as a whole or not at all.
 */
#ifndef PG_OBTAIN_H
#define PG_OBTAIN_H

#include "../state/artifact.h"
#include "core.h"

#define PG_OBTAIN_CALL_TIME (10 * PG_SEC) /* until the first bytes come */
#define PG_OBTAIN_SILENCE (30 * PG_SEC)   /* between two pieces */

struct pg_obtain;

/* a is ours now (borrowed as from pg_artifacts_find), or NULL and err says why
 * not. Called once; the fetch is gone. */
typedef void pg_obtain_done(void *arg, const struct pg_artifact *a,
    const struct pg_err *err);

/* Begin to fetch artifact id, which is well-formed, from the host at url; spec
 * is what is kept of it here, and what it has to be. All is copied. NULL with
 * e: refused at once, done is not called; nor is it before this returns. */
PG_FN struct pg_obtain *pg_obtain_start(struct pg_host *h, struct pg_str url,
    struct pg_str id, const struct pg_deposit_spec *spec, pg_obtain_done *done,
    void *arg, struct pg_err *e);
/* Nobody wants it any more. NULL is fine. */
PG_FN void pg_obtain_cancel(struct pg_obtain *f);

#endif
