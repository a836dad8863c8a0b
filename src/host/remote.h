/* remote: what an answer of another host says, as a value or as an error.
 * Shared by the parts that call other hosts, and by the command line.
 */
#ifndef PG_REMOTE_H
#define PG_REMOTE_H

#include "../codec/value.h"
#include "../net/client.h"

/* Bytes of a decoded answer, beyond those of its body. */
#define PG_REMOTE_ARENA_MAX ((size_t)1 << 30)

/* The decoded body of a 200. -1: no answer (its PG_E_UNREACHABLE or _TIMEOUT),
 * an error body (decoded; a 401 to a caller without a key gets a hint), or no
 * JSON (PG_E_REMOTE). *out borrows from the response and a. */
PG_FN int pg_remote_answer(const struct pg_response *r, bool have_key,
    struct pg_arena *a, struct pg_value **out, struct pg_err *e);

#endif
