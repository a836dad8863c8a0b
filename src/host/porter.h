/* porter: artifacts that a hub has its node take in, or bring out (PROTOCOL
 * section 8: deliveries artifact-import and artifact-export).
 */
#ifndef PG_PORTER_H
#define PG_PORTER_H

#include "core.h"

#define PG_PORTER_CALL_TIME (10 * PG_SEC) /* until the hub takes bytes */
#define PG_PORTER_SILENCE (30 * PG_SEC)   /* between two pieces */

struct pg_porter;

/* The ack, as JSON; taken or left. Once; the porter is gone. */
typedef void pg_porter_done(void *arg, struct pg_buf *ack);

/* Begin to fetch from the hub at that URL what payload says, which is borrowed
 * for the call, as an artifact of ours. Never calls done before it returns.
 * NULL with e: refused. */
PG_FN struct pg_porter *pg_porter_import(struct pg_host *h, struct pg_str hub,
    const struct pg_value *payload, pg_porter_done *done, void *arg,
    struct pg_err *e);
/* The same, to put down there for a while an artifact of ours. */
PG_FN struct pg_porter *pg_porter_export(struct pg_host *h, struct pg_str hub,
    const struct pg_value *payload, pg_porter_done *done, void *arg,
    struct pg_err *e);
/* The host ends: done is not called. NULL is fine. */
PG_FN void pg_porter_cancel(struct pg_porter *p);

#endif
