/* range: requests for a part of something, or for it under a condition, by its
 * entity tag (RFC 9110 sections 13 and 14). Tags are strong here, and times of
 * change unknown.
 */
#ifndef PG_RANGE_H
#define PG_RANGE_H

#include "http1.h"

enum pg_range {
	PG_RANGE_WHOLE,     /* 200, all of it */
	PG_RANGE_PART,      /* 206, n bytes from `from` on */
	PG_RANGE_SAME,      /* 304, the peer has it */
	PG_RANGE_OTHER,     /* 412, it is not what the peer takes it for */
	PG_RANGE_IMPOSSIBLE /* 416, nothing of it lies in the range */
};

/* How a GET or HEAD of `size` bytes with that tag (with its quotes) is to be
 * answered; *from and *n are set in any case, to what a body would hold. What
 * is no range by RFC 9110 14.1.1, and more than one, are the whole. */
PG_FN enum pg_range pg_range_decide(const struct pg_http1_head *h,
    struct pg_str tag, uint64_t size, uint64_t *from, uint64_t *n);

#endif
