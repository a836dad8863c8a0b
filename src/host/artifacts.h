/* artifacts: the routes of large binary things (PROTOCOL section 7): bodies go
 * from the socket to the disk and back without being in memory as a whole.
 */
#ifndef PG_ARTIFACTS_H
#define PG_ARTIFACTS_H

#include "../state/artifact.h"
#include "api.h"

/* For the table of routes. The first takes the body as it arrives and is the
 * route's `begin`; the others answer. */
PG_FN int pg_artifacts_begin(struct pg_api *r, struct pg_err *e);
PG_FN void pg_artifacts_upload(struct pg_api *r);
PG_FN void pg_artifacts_list(struct pg_api *r);
PG_FN void pg_artifacts_download(struct pg_api *r);
PG_FN void pg_artifacts_metadata(struct pg_api *r);
PG_FN void pg_artifacts_delete(struct pg_api *r);

/* Append its record, an ArtifactRef, as JSON. */
PG_FN void pg_artifacts_put(struct pg_buf *out, const struct pg_host *h,
    const struct pg_artifact *a);

#endif
