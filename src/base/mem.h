/* mem: allocation. Small fixed allocations abort on exhaustion; sizes that
 * come from outside go through an arena with a ceiling, or pg_try_alloc.
 */
#ifndef PG_MEM_H
#define PG_MEM_H

#include "base.h"

/* First block of an arena that allocates at all, bytes. */
#define PG_ARENA_BLOCK 2048

/* Zeroed memory of n bytes; aborts when there is none. */
PG_FN void *pg_alloc(size_t n);
/* Like realloc; aborts when there is none. */
PG_FN void *pg_realloc(void *p, size_t n);
/* NULL when there is none: for sizes that input decides. Not zeroed. */
PG_FN void *pg_try_realloc(void *p, size_t n);
PG_FN char *pg_strdup(struct pg_str s);

struct pg_arena_block;

/* Memory of one task, freed at once. Zero-initialised is a valid, unlimited
 * arena. Owner: whoever embeds it, who calls pg_arena_fini. */
struct pg_arena {
	struct pg_arena_block *head;
	char *next, *end;
	size_t used; /* bytes in blocks, counted against max */
	size_t max;  /* 0 = no ceiling */
};

PG_FN void pg_arena_init(struct pg_arena *a, size_t max);
/* Aligned to 16, not zeroed. NULL only when max would be exceeded (or memory
 * is exhausted in an arena that has a max). */
PG_FN void *pg_arena_alloc(struct pg_arena *a, size_t n);
PG_FN void *pg_arena_zalloc(struct pg_arena *a, size_t n);
/* Copies; the result is NUL-terminated beyond its length. p is NULL on
 * failure. */
PG_FN struct pg_str pg_arena_str(struct pg_arena *a, struct pg_str s);
PG_FN struct pg_str pg_arena_printf(struct pg_arena *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Forget everything but keep the first block for reuse. */
PG_FN void pg_arena_reset(struct pg_arena *a);
PG_FN void pg_arena_fini(struct pg_arena *a);

#ifdef PG_TEST
/* Tests: let the n-th checked allocation from here fail, once: that is
 * pg_try_realloc, growth of a pg_buf, and each pg_arena_alloc in an arena that
 * has a max. 0 disarms. */
void pg_mem_fail_after(long n);
#endif

#endif
