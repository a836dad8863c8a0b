/* life: commands that put an agent to sleep, wake it, end it, or say where it
 * is.
 */
#ifndef PG_LIFE_H
#define PG_LIFE_H

#include "cli.h"

PG_FN int pg_deactivate_run(struct pg_cli *c, struct pg_err *e);
PG_FN int pg_activate_run(struct pg_cli *c, struct pg_err *e);
PG_FN int pg_resolve_run(struct pg_cli *c, struct pg_err *e);
PG_FN int pg_dispose_run(struct pg_cli *c, struct pg_err *e);

#endif
