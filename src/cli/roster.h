/* roster: commands about who is in the mesh: hosts, wait-host. */
#ifndef PG_ROSTER_H
#define PG_ROSTER_H

#include "cli.h"

PG_FN int pg_hosts_run(struct pg_cli *c, struct pg_err *e);
PG_FN int pg_wait_host_run(struct pg_cli *c, struct pg_err *e);

#endif
