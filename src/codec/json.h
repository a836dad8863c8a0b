/* json: RFC 8259 as PROTOCOL section 1 wants it: integers of any size, floats
 * that look like floats, NaN and the infinities, tagged binary, duplicate
 * keys (last wins), lone surrogates kept. No recursion, no I/O.
 */
#ifndef PG_JSON_H
#define PG_JSON_H

#include "../base/buf.h"
#include "value.h"

/* Read exactly one value, surrounded by white space only. Text without
 * escapes is borrowed from `in`, which must outlive the value; the rest lies
 * in a. On -1, e says PG_E_HOST (syntax; e->at is the byte offset) or
 * PG_E_LIMIT (depth, digits, the arena's ceiling). */
PG_FN int pg_json_read(struct pg_str in, struct pg_arena *a,
    struct pg_value **out, struct pg_err *e);

/* Append v as one line, ASCII only, ", " and ": " between, keys in order.
 * Bytes become tagged objects; tuples and sets become lists. Fails sticky in
 * b (its maximum) or with PG_E_LIMIT for depth. */
PG_FN int pg_json_write(struct pg_buf *b, const struct pg_value *v,
    struct pg_err *e);

/* The same indented by two spaces, non-ASCII text kept as UTF-8 where it is
 * valid: for people. */
PG_FN int pg_json_write_pretty(struct pg_buf *b, const struct pg_value *v,
    struct pg_err *e);

/* Append s as a JSON string with quotes. */
PG_FN void pg_json_write_str(struct pg_buf *b, struct pg_str s);

#endif
