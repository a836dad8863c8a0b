/* hosts: commands about what hosts tell: health, events, services,
 * classes, and the nodes of a hub.
 */
#ifndef PG_HOSTS_H
#define PG_HOSTS_H

#include "cli.h"

PG_FN int pg_health_run(struct pg_cli *c, struct pg_err *e);
PG_FN int pg_services_run(struct pg_cli *c, struct pg_err *e);
PG_FN int pg_events_run(struct pg_cli *c, struct pg_err *e);
PG_FN int pg_classes_run(struct pg_cli *c, struct pg_err *e);
PG_FN int pg_relay_run(struct pg_cli *c, struct pg_err *e);

#endif
