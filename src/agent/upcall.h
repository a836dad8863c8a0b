/* upcall: calls that a paglet makes to its host. The functions are those of
 * paglets.h; here is what they have in common.
 */
#ifndef PG_UPCALL_H
#define PG_UPCALL_H

#include "call.h"

/* What a call does to the paglet that makes it. */
enum pg_upcall_kind {
	PG_UPCALL_ASKS,  /* nothing */
	PG_UPCALL_MOVES, /* hooks run and the state is taken meanwhile */
	PG_UPCALL_LEAVES /* the same, and on success the process ends */
};

/* CALL op with body and wait for its RESULT. The result lives as long as the
 * call; NULL with c's error set when the host refuses, or when c is a hook
 * that may not ask this (PG_E_LIFECYCLE; nothing is sent). While it waits, the
 * only frames served are those that carry this call's id, and those only for
 * moves; in a step of run a command of the host may be under way already and
 * is put off. */
PG_FN const struct pg_value *pg_upcall(struct paglets_call *c, const char *op,
    enum pg_upcall_kind kind, const struct pg_value *body);

#endif
