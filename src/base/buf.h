/* buf: growing bytes with a maximum and a sticky failure, so that a writer
 * checks once at the end; and an output that spills what is large.
 */
#ifndef PG_BUF_H
#define PG_BUF_H

#include "base.h"
#include "err.h"

/* Owner: whoever embeds it. failed is set by the first append that would
 * exceed max (or memory) and makes all later appends do nothing. */
struct pg_buf {
	char *p;
	size_t n, cap, max; /* max 0 = none */
	bool failed;
};

#define PG_BUF_INIT(maximum) ((struct pg_buf){ .max = (maximum) })

PG_FN void pg_buf_fini(struct pg_buf *b);
/* Empty, keep the memory, clear failed. */
PG_FN void pg_buf_reset(struct pg_buf *b);
PG_FN void pg_buf_put(struct pg_buf *b, const void *p, size_t n);
PG_FN void pg_buf_puts(struct pg_buf *b, struct pg_str s);
PG_FN void pg_buf_putz(struct pg_buf *b, const char *z);
PG_FN void pg_buf_putc(struct pg_buf *b, char c);
PG_FN void pg_buf_printf(struct pg_buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
PG_FN void pg_buf_vprintf(struct pg_buf *b, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));
/* Room for n more bytes; returns where they go, or NULL (and failed). The
 * caller adds what it wrote to b->n. */
PG_FN char *pg_buf_room(struct pg_buf *b, size_t n);
/* Drop the first n bytes. */
PG_FN void pg_buf_drop(struct pg_buf *b, size_t n);
/* Borrow; invalid after the next append. */
PG_FN struct pg_str pg_buf_str(const struct pg_buf *b);
/* Append base64 (RFC 4648 section 4, with padding). */
PG_FN void pg_buf_base64(struct pg_buf *b, struct pg_str bytes);
PG_FN void pg_buf_hex(struct pg_buf *b, struct pg_str bytes);

/* Strict decoding: standard alphabet, padding required, no junk, unused bits
 * zero. out must have room for 3 bytes for every 4 of in. Returns the length
 * or -1. */
PG_FN ssize_t pg_base64_decode(struct pg_str in, char *out);

#define PG_OUT_SPILL_MIN (64 * 1024)

/* Where encoders write. With spill set, the buffer is handed over whenever it
 * exceeds PG_OUT_SPILL_MIN, and pieces at least that large bypass it; without
 * it everything stays in buf. */
struct pg_out {
	struct pg_buf buf;
	int (*spill)(void *arg, struct pg_str bytes, struct pg_err *e);
	void *arg;
	struct pg_err err; /* first failure of spill */
};

PG_FN void pg_out_put(struct pg_out *o, const void *p, size_t n);
/* Hand over what is buffered (if spill is set). 0, or -1 with e when anything
 * failed since the start. */
PG_FN int pg_out_flush(struct pg_out *o, struct pg_err *e);

#endif
