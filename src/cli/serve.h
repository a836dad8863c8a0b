/* serve: the command that makes this machine a host. */
#ifndef PG_SERVE_H
#define PG_SERVE_H

#include "cli.h"

PG_FN int pg_serve_run(struct pg_cli *c, struct pg_err *e);

#endif
