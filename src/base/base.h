/* base: what every part may assume: feature macros, the C library, PG_FN,
 * and borrowed strings.
 *
 * In the product all parts are one translation unit and PG_FN makes their
 * doors static; in unit tests (PG_TEST) each part is compiled alone and its
 * door is an ordinary external symbol.
 */
#ifndef PG_BASE_H
#define PG_BASE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/types.h>

/* PG_FN_TEST: a door that only tests come in by. Any other that nobody uses is
 * an unused function to the compiler. */
#ifdef PG_TEST
#define PG_FN
#define PG_FN_TEST
#else
#define PG_FN static
#define PG_FN_TEST static __attribute__((unused))
#endif

#define PG_COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define PG_MIN(a, b) ((a) < (b) ? (a) : (b))
#define PG_MAX(a, b) ((a) > (b) ? (a) : (b))

/* The struct of type t whose member m is at p. */
#define PG_CONTAINER(p, t, m) ((t *)(void *)((char *)(p) - offsetof(t, m)))

/* Borrowed bytes, not NUL-terminated. p may be NULL only when n is 0. */
struct pg_str {
	const char *p;
	size_t n;
};

#define PG_STR(literal) ((struct pg_str){ (literal), sizeof(literal) - 1 })
#define PG_STR_NULL ((struct pg_str){ NULL, 0 })
#define PG_STR_ARG(s) (int)PG_MIN((s).n, (size_t)INT_MAX), (s).p

static inline struct pg_str
pg_str(const char *z)
{
	return (struct pg_str){ z, z != NULL ? strlen(z) : 0 };
}

static inline bool
pg_str_eq(struct pg_str a, struct pg_str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool
pg_str_eqz(struct pg_str a, const char *z)
{
	return pg_str_eq(a, pg_str(z));
}

/* ASCII case-insensitive comparison; header names and schemes. */
static inline bool
pg_str_ieq(struct pg_str a, struct pg_str b)
{
	return a.n == b.n && (a.n == 0 || strncasecmp(a.p, b.p, a.n) == 0);
}

static inline bool
pg_str_starts(struct pg_str s, struct pg_str prefix)
{
	return s.n >= prefix.n &&
	    (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

/* s from byte `from` to its end; empty if from is past it. */
static inline struct pg_str
pg_str_skip(struct pg_str s, size_t from)
{
	if (from >= s.n)
		return PG_STR_NULL;
	return (struct pg_str){ s.p + from, s.n - from };
}

/* s without spaces, tabs, CR and LF at both ends. */
static inline struct pg_str
pg_str_trim(struct pg_str s)
{
	while (s.n > 0 && strchr(" \t\r\n", s.p[0]) != NULL && s.p[0] != '\0')
		s.p++, s.n--;
	while (s.n > 0 && s.p[s.n - 1] != '\0' &&
	    strchr(" \t\r\n", s.p[s.n - 1]) != NULL)
		s.n--;
	return s;
}

#endif
