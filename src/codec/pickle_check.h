/* pickle_check: whether bytes are one value just as pg_pickle_value writes it.
 */
#ifndef PG_PICKLE_CHECK_H
#define PG_PICKLE_CHECK_H

#include "../base/err.h"
#include "../base/mem.h"

/* -1 with PG_E_SERIAL (e->at is the byte offset) if `in` is anything but one
 * such value; or PG_E_LIMIT if it is nested deeper than PG_VALUE_DEPTH_MAX.
 * What passes may be put into any pickle of ours as it stands, and every
 * reader can read it. One walk over the bytes, without memory. */
PG_FN int pg_pickle_check(struct pg_str in, struct pg_err *e);

#endif
