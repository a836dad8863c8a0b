/* transfer: what became of each move that was announced to this host by a
 * transfer id, so that a repeated POST gets its first answer and a question
 * fences a late one (DESIGN section 3; POST /transfers/ID/settle).
 */
#ifndef PG_TRANSFER_H
#define PG_TRANSFER_H

#include "core.h"

#define PG_TRANSFERS_MAX 100000
#define PG_TRANSFER_KEEP_TIME (30LL * 24 * 3600 * PG_SEC)

/* How an arrival ended: err NULL and where the agent is, or why not. All
 * borrowed. Called exactly once. */
typedef void pg_arrive_done(void *arg, const struct pg_err *err,
    struct pg_str host_url, struct pg_str agent_id);

struct pg_transfer;

PG_FN struct pg_transfers *pg_transfers_new(struct pg_host *h);
PG_FN void pg_transfers_free(struct pg_transfers *t);

/* A POST with this id has come. Returns the transfer to be decided by
 * pg_transfer_end; or NULL when it is decided or under way already: then done
 * is (or will be) called with the first answer. */
PG_FN struct pg_transfer *pg_transfer_begin(struct pg_host *h,
    struct pg_str id, pg_arrive_done *done, void *arg);
/* The same for a POST without id, known by the digest of its body: those who
 * repeat it while it is under way get its answer. Forgotten at its end. */
PG_FN struct pg_transfer *pg_transfer_begin_body(struct pg_host *h,
    const uint8_t digest[32], pg_arrive_done *done, void *arg);
/* Decide: committed with the place, or (err) as if the POST had never come,
 * unless somebody has asked meanwhile: then it stays refused. */
PG_FN void pg_transfer_end(struct pg_transfer *t, const struct pg_err *err,
    struct pg_str host_url, struct pg_str agent_id);
/* A decision from before the last start, this old (ns); agent_id where
 * committed. */
PG_FN void pg_transfer_restore(struct pg_host *h, struct pg_str id,
    bool committed, struct pg_str agent_id, int64_t age);
/* A source asks. done with err NULL: committed; with PG_E_TRANSFER: refused,
 * now and for ever. */
PG_FN void pg_transfer_settle(struct pg_host *h, struct pg_str id,
    pg_arrive_done *done, void *arg);

#endif
