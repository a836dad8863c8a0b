/* agents: commands that list agents, look at them, create and call them. */
#ifndef PG_AGENTS_H
#define PG_AGENTS_H

#include "cli.h"

PG_FN int pg_agents_run(struct pg_cli *c, struct pg_err *e);
PG_FN int pg_info_run(struct pg_cli *c, struct pg_err *e);
PG_FN int pg_state_run(struct pg_cli *c, struct pg_err *e);
PG_FN int pg_call_run(struct pg_cli *c, struct pg_err *e);
PG_FN int pg_create_run(struct pg_cli *c, struct pg_err *e);

#endif
