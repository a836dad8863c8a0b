/* sse: server-sent events as their reader takes them (WHATWG HTML, section
 * "Parsing an event stream"), without I/O. "retry" is left out: whoever comes
 * back decides when.
 */
#ifndef PG_SSE_H
#define PG_SSE_H

#include "../base/buf.h"

#define PG_SSE_LINE_MAX (1024 * 1024) /* bytes */
#define PG_SSE_DATA_MAX (1024 * 1024) /* bytes of one event */

/* Progress through one stream; may be cut at any byte. Zero is a valid new
 * one. Owner: whoever embeds it. */
struct pg_sse {
	/* The event, once one is complete; id stays until another is sent. */
	struct pg_buf kind, data, id;
	struct pg_buf line; /* begun */
	bool after_cr;      /* a LF belongs to the line end before it */
	bool begun;         /* past the first line, which may have a BOM */
	bool over;          /* the event was handed out */
};

PG_FN void pg_sse_fini(struct pg_sse *s);
/* Take bytes off the front of in, up to the end of an event; the return value
 * says how many. *ready: s holds an event, until the next call. -1 with
 * PG_E_LIMIT: the stream can not be read on. */
PG_FN ssize_t pg_sse_take(struct pg_sse *s, struct pg_str in, bool *ready,
    struct pg_err *e);

#endif
