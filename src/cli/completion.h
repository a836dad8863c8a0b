/* completion: the command that prints what a shell needs to know to complete
 * the words of the others.
 */
#ifndef PG_COMPLETION_H
#define PG_COMPLETION_H

#include "cli.h"

PG_FN int pg_completion_run(struct pg_cli *c, struct pg_err *e);

#endif
