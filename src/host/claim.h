/* claim: which relay names belong to whom (README: "Relay"). A name belongs to
 * whoever connected under it first with a secret; nobody else who has the API
 * key can take it over while it is known.
 */
#ifndef PG_CLAIM_H
#define PG_CLAIM_H

#include "core.h"

#define PG_CLAIM_KEEP (24 * 3600 * PG_SEC) /* after the last sign of life */
#define PG_CLAIMS_MAX 10000
#define PG_CLAIM_SECRET_MIN 16  /* bytes of a secret */
#define PG_CLAIM_SECRET_MAX 128
/* The last sign of life is written down at most so often. */
#define PG_CLAIM_WRITE_TIME (600 * PG_SEC)

struct pg_claims;

PG_FN struct pg_claims *pg_claims_new(struct pg_host *h);
PG_FN void pg_claims_free(struct pg_claims *s);

/* Whether the holder of the secret (empty: none) may use the name now; if it
 * may, that counts as a sign of life of the claim. take: a name that nobody
 * claims becomes his who has a secret; then 1, else 0. -1: PG_E_FORBIDDEN, somebody else's;
 * PG_E_HOST, no secret as secrets are; PG_E_BUSY, PG_CLAIMS_MAX names are
 * claimed. */
PG_FN int pg_claims_check(struct pg_claims *s, struct pg_str name,
    struct pg_str secret, bool take, struct pg_err *e);
/* A claim as it was found on disk. */
PG_FN int pg_claims_restore(struct pg_claims *s, struct pg_str name,
    const struct pg_value *record, struct pg_err *e);

#endif
