/* travel: commands that move or copy an agent. */
#ifndef PG_TRAVEL_H
#define PG_TRAVEL_H

#include "cli.h"

#define PG_TRAVEL_REQUIRED_MAX 64 /* --require */

PG_FN int pg_dispatch_run(struct pg_cli *c, struct pg_err *e);
PG_FN int pg_clone_run(struct pg_cli *c, struct pg_err *e);
PG_FN int pg_retract_run(struct pg_cli *c, struct pg_err *e);

#endif
