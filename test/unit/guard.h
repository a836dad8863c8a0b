/* guard: bytes that end flush against an unreadable page, so that reading one
 * byte too far is a crash and no luck.
 */
#ifndef GUARD_H
#define GUARD_H

#include "base/base.h"

#include <sys/mman.h>
#include <unistd.h>

/* Owner: the test, which calls guard_close. */
struct guard {
	char *base;
	size_t size; /* readable bytes; the page after them is not */
};

/* Room for max bytes. */
static inline struct guard
guard_open(size_t max)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct guard g = { NULL, (max / page + 1) * page };

	g.base = mmap(NULL, g.size + page, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert(g.base != MAP_FAILED);
	assert(mprotect(g.base + g.size, page, PROT_NONE) == 0);
	return g;
}

/* A copy of s at the end of g; the next call overwrites it. */
static inline struct pg_str
guard_put(struct guard *g, struct pg_str s)
{
	char *p = g->base + g->size - s.n;

	assert(s.n <= g->size);
	if (s.n > 0)
		memcpy(p, s.p, s.n);
	return (struct pg_str){ p, s.n };
}

static inline void
guard_close(struct guard *g)
{
	munmap(g->base, g->size + (size_t)sysconf(_SC_PAGESIZE));
}

#endif
