/* mem: the heap, and arenas on top of it.
 *
 * An arena is a list of blocks, newest first, of which only the head is being
 * filled. Blocks double up to ARENA_BLOCK_MAX, so that many small things cost
 * few mallocs and few things little memory; what is large by comparison gets
 * a block of its own behind the head, and the head's tail is not wasted.
 */
#include "mem.h"

#include <unistd.h>

#define ARENA_ALIGN ((size_t)16)
#define ARENA_BLOCK_MAX ((size_t)1024 * 1024)

/* Owner: its arena. Followed by size - sizeof(struct) bytes. */
struct pg_arena_block {
	struct pg_arena_block *older;
	size_t size; /* with this header */
};
_Static_assert(sizeof(struct pg_arena_block) % 16 == 0, "alignment");

#ifdef PG_TEST
static long mem_fail_in;

void
pg_mem_fail_after(long n)
{
	mem_fail_in = n;
}

/* True for the one checked allocation that the test wants to fail. */
static bool
mem_refuse(void)
{
	return mem_fail_in > 0 && --mem_fail_in == 0;
}
#else
static inline bool
mem_refuse(void)
{
	return false;
}
#endif

/* Nothing that needs memory can be called any more, not even the log. */
static void
mem_exhausted(void)
{
	static const char text[] = "paglets: error: mem: out of memory\n";

	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		abort();
	abort();
}

PG_FN void *
pg_alloc(size_t n)
{
	void *p = calloc(1, PG_MAX(n, (size_t)1));

	if (p == NULL)
		mem_exhausted();
	return p;
}

PG_FN void *
pg_realloc(void *p, size_t n)
{
	p = realloc(p, PG_MAX(n, (size_t)1));
	if (p == NULL)
		mem_exhausted();
	return p;
}

PG_FN void *
pg_try_realloc(void *p, size_t n)
{
	if (mem_refuse())
		return NULL;
	return realloc(p, PG_MAX(n, (size_t)1));
}

PG_FN char *
pg_strdup(struct pg_str s)
{
	char *z = pg_realloc(NULL, s.n + 1);

	if (s.n > 0)
		memcpy(z, s.p, s.n);
	z[s.n] = '\0';
	return z;
}

PG_FN void
pg_arena_init(struct pg_arena *a, size_t max)
{
	*a = (struct pg_arena){ .max = max };
}

#ifndef PG_TEST
/* First blocks come and go with every request: each thread keeps a few, since
 * musl hands a freed block of this size back to the kernel at once. */
#define ARENA_SPARE_MAX 16
static _Thread_local struct pg_arena_block *arena_spare;
static _Thread_local unsigned arena_nspare;

static void *
arena_take(size_t size)
{
	struct pg_arena_block *b = arena_spare;

	if (size != PG_ARENA_BLOCK || b == NULL)
		return malloc(size);
	arena_spare = b->older;
	arena_nspare--;
	return b;
}

static void
arena_give(struct pg_arena_block *b)
{
	if (b->size != PG_ARENA_BLOCK || arena_nspare >= ARENA_SPARE_MAX) {
		free(b);
		return;
	}
	b->older = arena_spare;
	arena_spare = b;
	arena_nspare++;
}
#undef ARENA_SPARE_MAX
#else
/* Tests want every use after the end noticed. */
#define arena_take malloc
#define arena_give free
#endif

/* A block of size bytes in all, counted; NULL over max or without memory. */
static struct pg_arena_block *
arena_block(struct pg_arena *a, size_t size)
{
	struct pg_arena_block *b;

	if (a->max != 0 && size > a->max - a->used)
		return NULL;
	b = arena_take(size);
	if (b == NULL)
		return NULL;
	b->size = size;
	a->used += size;
	return b;
}

/* Start filling b, which has just been reset or made. */
static void
arena_fill(struct pg_arena *a, struct pg_arena_block *b)
{
	a->next = (char *)(b + 1);
	a->end = (char *)b + b->size;
}

/* The head has no room for n: make a block that has. Returns the n bytes. */
static void *
arena_grow(struct pg_arena *a, size_t n)
{
	struct pg_arena_block *b;
	size_t size = PG_ARENA_BLOCK, need;

	if (n > SIZE_MAX / 2)
		return NULL;
	need = n + sizeof(*b);
	if (a->next != NULL)
		size = PG_MIN(2 * a->head->size, ARENA_BLOCK_MAX);
	if (need > PG_MAX((size_t)PG_ARENA_BLOCK, size / 4)) {
		b = arena_block(a, need);
		if (b == NULL)
			return NULL;
		if (a->next == NULL) {
			b->older = a->head;
			a->head = b;
		} else {
			b->older = a->head->older;
			a->head->older = b;
		}
		return b + 1;
	}
	if (a->max != 0)
		size = PG_MAX(need, PG_MIN(size, a->max - a->used));
	b = arena_block(a, size);
	if (b == NULL)
		return NULL;
	b->older = a->head;
	a->head = b;
	arena_fill(a, b);
	a->next += n;
	return b + 1;
}

PG_FN void *
pg_arena_alloc(struct pg_arena *a, size_t n)
{
	void *p;

	if (a->max != 0 && mem_refuse())
		return NULL;
	n = PG_MAX(n, (size_t)1);
	if (n <= SIZE_MAX / 2)
		n = (n + ARENA_ALIGN - 1) & ~(ARENA_ALIGN - 1);
	if (a->next != NULL && n <= (size_t)(a->end - a->next)) {
		p = a->next;
		a->next += n;
		return p;
	}
	p = arena_grow(a, n);
	if (p == NULL && a->max == 0)
		mem_exhausted();
	return p;
}

PG_FN void *
pg_arena_zalloc(struct pg_arena *a, size_t n)
{
	void *p = pg_arena_alloc(a, n);

	if (p != NULL)
		memset(p, 0, n);
	return p;
}

PG_FN struct pg_str
pg_arena_str(struct pg_arena *a, struct pg_str s)
{
	char *p = pg_arena_alloc(a, s.n < SIZE_MAX ? s.n + 1 : s.n);

	if (p == NULL)
		return PG_STR_NULL;
	if (s.n > 0)
		memcpy(p, s.p, s.n);
	p[s.n] = '\0';
	return (struct pg_str){ p, s.n };
}

PG_FN struct pg_str
pg_arena_printf(struct pg_arena *a, const char *fmt, ...)
{
	va_list ap;
	char *p;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	assert(n >= 0);
	p = pg_arena_alloc(a, (size_t)n + 1);
	if (p == NULL)
		return PG_STR_NULL;
	va_start(ap, fmt);
	vsnprintf(p, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return (struct pg_str){ p, (size_t)n };
}

PG_FN void
pg_arena_reset(struct pg_arena *a)
{
	struct pg_arena_block *b = a->head, *older, *keep = NULL;

	for (; b != NULL; b = older) {
		older = b->older;
		/* Only the first block of all has this very size. */
		if (b->size == PG_ARENA_BLOCK)
			keep = b;
		else
			arena_give(b);
	}
	pg_arena_init(a, a->max);
	if (keep == NULL)
		return;
	keep->older = NULL;
	a->head = keep;
	a->used = keep->size;
	arena_fill(a, keep);
}

PG_FN void
pg_arena_fini(struct pg_arena *a)
{
	struct pg_arena_block *b = a->head, *older;

	for (; b != NULL; b = older) {
		older = b->older;
		arena_give(b);
	}
	pg_arena_init(a, a->max);
}

#undef ARENA_ALIGN
#undef ARENA_BLOCK_MAX
