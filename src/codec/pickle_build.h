/* pickle_build: what the opcodes of a pickle act on: a stack with marks, a
 * memo, and containers; and the walk that ends a reading. Private to pickle,
 * which knows the opcodes; here nothing is read from the input.
 */
#ifndef PG_PICKLE_BUILD_H
#define PG_PICKLE_BUILD_H

#include "../base/buf.h"
#include "value.h"

/* Entries of the memo and of the stack, by count. */
#define PG_PICKLE_MEMO_MAX (1u << 22)
/* Bytes of text and 16 per node that a value may have once every memo
 * reference is written out: the default of pg_pickle_read's limit. */
#define PG_PICKLE_EXPANDED_MAX ((size_t)1 << 30)

/* What a node counts for in the size of a value, besides its text. */
#define PG_PICKLE_NODE 16
/* Bytes that may be copied out of values that may be shared: for each byte of
 * input, and in any case. Pickles made by Python stay below 8. */
#define PG_PICKLE_COPY_RATIO 32
#define PG_PICKLE_COPY_MIN 4096
/* How far a memo index may be ahead of the bytes read: any BINPUT may. */
#define PG_PICKLE_MEMO_AHEAD 256
/* Stack entries and marks that need no allocation. */
#define PG_PICKLE_FIRST 64

/* Type of what GLOBAL pushes: no value, so it never leaves here; the last
 * walk refuses whatever holds one. */
#define PG_PICKLE_T_FORM 0x40

/* One reading; at is where its current opcode stands. Owner: the stack frame
 * of the door. All memory is in arena a. */
struct pg_pickle_reader {
	struct pg_str in;
	size_t pos, at;
	struct pg_arena *a;
	struct pg_err *e;

	struct pg_value **stack;
	uint32_t n, cap;
	uint32_t *marks; /* heights of the stack */
	uint32_t marks_n, marks_cap;
	uint32_t fence; /* height at the newest mark; below is out of reach */
	struct pg_value **memo;
	uint32_t memo_n, memo_cap; /* memo_n: entries that are set */

	bool tree;        /* nothing so far could share a value */
	uint32_t deepest; /* containers within containers, if a tree */
	size_t size;      /* pushed so far: that of the value, if a tree */
	size_t limit;     /* for that size */
	size_t copied;    /* see PG_PICKLE_COPY_RATIO */

	struct pg_value *none, *truth[2]; /* one of each is enough */
	struct pg_value *first_stack[PG_PICKLE_FIRST];
	uint32_t first_marks[PG_PICKLE_FIRST];
};

/* Ready to read `in`; costs no allocation. */
PG_FN void pg_pickle_reader_init(struct pg_pickle_reader *r, struct pg_str in,
    struct pg_arena *a, size_t limit, struct pg_err *e);

/* All of these return 0, or -1 having failed; NULL likewise. */

/* Failures at the current opcode: malformed; the arena is at its ceiling. */
PG_FN int pg_pickle_bad(const struct pg_pickle_reader *r, const char *what);
PG_FN int pg_pickle_no_room(const struct pg_pickle_reader *r);
/* Account for n bytes copied out of a value that may be shared. */
PG_FN int pg_pickle_copy(struct pg_pickle_reader *r, size_t n);
PG_FN const char *pg_pickle_type_name(const struct pg_value *v);

/* Push v, which may be NULL for an allocation that failed. */
PG_FN int pg_pickle_push(struct pg_pickle_reader *r, struct pg_value *v);
/* At least n values are above the newest mark. */
PG_FN int pg_pickle_need(const struct pg_pickle_reader *r, uint32_t n);
PG_FN int pg_pickle_pop(struct pg_pickle_reader *r);
PG_FN int pg_pickle_dup(struct pg_pickle_reader *r);
PG_FN int pg_pickle_mark(struct pg_pickle_reader *r);
/* Pop everything above the newest mark, and the mark. The items stay where
 * they are until the next push. */
PG_FN int pg_pickle_pop_mark(struct pg_pickle_reader *r,
    struct pg_value ***items, uint32_t *n);
/* The top of the stack under index; what is under index. */
PG_FN int pg_pickle_put(struct pg_pickle_reader *r, uint64_t index);
PG_FN int pg_pickle_get(struct pg_pickle_reader *r, uint64_t index);

/* Push an empty container. */
PG_FN int pg_pickle_container(struct pg_pickle_reader *r, enum pg_type t);
/* Push a list, tuple or set of the n values at items, which may be the part
 * of the stack just popped. */
PG_FN int pg_pickle_collect(struct pg_pickle_reader *r, enum pg_type t,
    struct pg_value *const *items, uint32_t n);
/* The same of what is above the newest mark; of the n topmost. */
PG_FN int pg_pickle_collect_mark(struct pg_pickle_reader *r, enum pg_type t);
PG_FN int pg_pickle_tuple(struct pg_pickle_reader *r, uint32_t n);
PG_FN int pg_pickle_dict(struct pg_pickle_reader *r);
/* What is above the newest mark goes into the list or set below it. */
PG_FN int pg_pickle_fill(struct pg_pickle_reader *r, enum pg_type t);
PG_FN int pg_pickle_append(struct pg_pickle_reader *r);
PG_FN int pg_pickle_setitems(struct pg_pickle_reader *r);
PG_FN int pg_pickle_setitem(struct pg_pickle_reader *r);

/* The value at the end: refused when it contains itself, is nested too deep,
 * holds what is no value, or is worth more than the limit when all that is
 * shared is written out. Leaves all marks 0. */
PG_FN int pg_pickle_finish(struct pg_pickle_reader *r, struct pg_value *root);

#endif
