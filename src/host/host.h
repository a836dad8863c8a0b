/* host: puts the parts together into a host that serves, and takes them apart
 * again without leaving a child behind.
 */
#ifndef PG_HOST_H
#define PG_HOST_H

#include "core.h"

/* What is under way gets this long when the host is told to stop. */
#define PG_HOST_DRAIN_TIME (3 * PG_SEC)
/* And agents this long to fall asleep. */
#define PG_HOST_SLEEP_TIME (3 * PG_SEC)

/* Defaults for everything that may be left out. */
PG_FN void pg_host_config_init(struct pg_host_config *cfg);
/* A host that listens. The configuration's texts are borrowed. NULL with e:
 * a bad name, a port in use (PG_E_CONFLICT), ... */
PG_FN struct pg_host *pg_host_new(const struct pg_host_config *cfg,
    struct pg_err *e);
PG_FN void pg_host_free(struct pg_host *h);
/* Stop taking requests, end all agents; the loop stops when that is done. */
PG_FN void pg_host_stop(struct pg_host *h);

/* Run a host until SIGINT, SIGTERM or, unless that is ignored, SIGHUP.
 * on_ready is called once it answers. 0, or -1 when it could not start. */
PG_FN int pg_host_serve(const struct pg_host_config *cfg,
    void (*on_ready)(void *arg, struct pg_str name, struct pg_str url),
    void *arg, struct pg_err *e);

#endif
