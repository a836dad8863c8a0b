/* pickle: the data-only subset of PROTOCOL section 1. Protocols 2 to 5 are
 * read, 5 is written. Nothing that names or calls code is ever built; memory
 * follows the bytes that have arrived, never a declared length.
 */
#ifndef PG_PICKLE_H
#define PG_PICKLE_H

#include "../base/buf.h"
#include "pickle_build.h"

/* Finds where one value stands in the input: the value under `key` in the
 * dict that is `depth` dicts deep (1 = the payload itself). Filled in by the
 * reader; value is NULL when there was no such key. plain says that the span
 * [off, off + len) is a complete value on its own: no memo opcodes in it and
 * only opcodes that pg_pickle_write emits, so that it may be put into another
 * of our pickles as it is. */
struct pg_pickle_watch {
	struct pg_str key;
	unsigned depth;
	const struct pg_value *value;
	size_t off, len;
	bool plain;
};

/* Read one pickle; bytes after STOP are refused. Text and bytes of any length
 * are borrowed from `in` where the opcode allows. watch may be NULL. On -1, e
 * says PG_E_SERIAL (e->at is the byte offset) or PG_E_LIMIT (depth, digits,
 * expansion, the arena's ceiling). limit 0 = PG_PICKLE_EXPANDED_MAX. */
PG_FN int pg_pickle_read(struct pg_str in, struct pg_arena *a, size_t limit,
    struct pg_pickle_watch *watch, struct pg_value **out, struct pg_err *e);

/* The same for a bare value: neither PROTO nor STOP, the end of `in` is the
 * end of the value; memo and GLOBAL opcodes are refused. This is what agents'
 * frames carry. */
PG_FN int pg_pickle_read_value(struct pg_str in, struct pg_arena *a,
    size_t limit, struct pg_value **out, struct pg_err *e);

/* Write the beginning of bytes as a value; exactly n bytes, however they get
 * there, are the rest. */
PG_FN void pg_pickle_bytes_open(struct pg_out *o, size_t n);

/* Write v as a whole pickle: PROTO 5, one value without frames and memo,
 * STOP. Tuples and sets are written as lists. Byte 2 up to the last byte is
 * thus a value that can be embedded in another pickle. */
PG_FN_TEST int pg_pickle_write(struct pg_out *o, const struct pg_value *v,
    struct pg_err *e);
#define PG_PICKLE_HEAD 2 /* bytes before the value of such a pickle */
#define PG_PICKLE_TAIL 1 /* and after it */

/* The pieces of a pickle, for pickles put together by hand around embedded
 * values: start and stop; a value without them; a dict opened, its pairs
 * written as key and value, and closed. */
PG_FN void pg_pickle_start(struct pg_out *o);
PG_FN void pg_pickle_stop(struct pg_out *o);
PG_FN int pg_pickle_value(struct pg_out *o, const struct pg_value *v,
    struct pg_err *e);
PG_FN void pg_pickle_text(struct pg_out *o, struct pg_str s);
PG_FN void pg_pickle_dict_open(struct pg_out *o);  /* EMPTY_DICT MARK */
PG_FN void pg_pickle_dict_close(struct pg_out *o); /* SETITEMS */

#endif
