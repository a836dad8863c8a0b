/* holdings: commands about the large binary things that hosts keep. */
#ifndef PG_HOLDINGS_H
#define PG_HOLDINGS_H

#include "cli.h"

#define PG_HOLDINGS_JOBS 4      /* transfers at a time, default */
#define PG_HOLDINGS_JOBS_MAX 64

PG_FN int pg_holdings_run(struct pg_cli *c, struct pg_err *e);

/* A file that holds what is on stdin: stdin itself if it is one and stands at
 * its beginning, else one without a name in $TMPDIR (/tmp), where all of it is
 * copied to. -1 with e. The caller closes it. */
PG_FN int pg_holdings_stdin(struct pg_err *e);

#endif
