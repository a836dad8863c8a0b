/* wire: small helpers to put records together and to turn values into bare
 * pickles and back, shared by the parts of the host and the command line.
 */
#ifndef PG_WIRE_H
#define PG_WIRE_H

#include "../base/buf.h"
#include "../codec/value.h"

#define PG_AGENT_ID_MAX 128 /* characters, QUIRKS 3 */

/* Put a pair into dict d; keys are literals. A NULL value is put as null. */
PG_FN void pg_put(struct pg_arena *a, struct pg_value *d, const char *key,
    struct pg_value *v);
PG_FN void pg_put_str(struct pg_arena *a, struct pg_value *d, const char *key,
    struct pg_str s);
PG_FN void pg_put_strz(struct pg_arena *a, struct pg_value *d,
    const char *key, const char *z);
PG_FN void pg_put_int(struct pg_arena *a, struct pg_value *d, const char *key,
    int64_t i);
PG_FN void pg_put_bool(struct pg_arena *a, struct pg_value *d,
    const char *key, bool b);
PG_FN void pg_put_float(struct pg_arena *a, struct pg_value *d,
    const char *key, double f);

/* {host_url, agent_id} */
PG_FN struct pg_value *pg_wire_proxy(struct pg_arena *a, struct pg_str url,
    struct pg_str agent_id);
/* {"error_type", "error"[, "code"]}: the code is given where the error type
 * alone does not tell. */
PG_FN struct pg_value *pg_wire_error(struct pg_arena *a,
    const struct pg_err *e);
/* The failure that such an object describes. Always sets e and returns -1. */
PG_FN int pg_wire_fail(const struct pg_value *error, struct pg_err *e);

/* Append v to b as a bare pickle value (agent/frame.h). */
PG_FN int pg_wire_bare(struct pg_buf *b, const struct pg_value *v,
    struct pg_err *e);

/* An agent id: 1 to PG_AGENT_ID_MAX of A-Z a-z 0-9 . _ -, no dot in front. */
PG_FN int pg_wire_check_id(struct pg_str id, struct pg_err *e);

#endif
