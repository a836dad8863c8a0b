/* float: doubles to decimal text and back, as Python writes and reads them.
 */
#ifndef PG_FLOAT_H
#define PG_FLOAT_H

#include "../base/base.h"

/* Shortest decimal text that reads back as the same double and looks like a
 * float, as Python's repr writes it ("1.0", "1e+16", "1e-07", "nan" and "inf"
 * as NaN, Infinity). out holds PG_FLOAT_TEXT bytes; returns the length. */
#define PG_FLOAT_TEXT 32
PG_FN size_t pg_float_text(double f, char out[PG_FLOAT_TEXT]);
/* A JSON/Python float literal ("1.5", ".5", "1e3", "-inf", "NaN") to a
 * double, correctly rounded. What overflows is infinite. false: junk. */
PG_FN bool pg_float_parse(struct pg_str s, double *out);

#endif
